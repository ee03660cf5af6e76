//! Runs at several kinds of stingy accounts, as they are seen.

use super::*;
use crate::engine::Counts;
use crate::report::sample::{accepted, event, intent, said};

const SECOND: Duration = Duration::from_secs(1);

fn snapshot(gate: Gate<'static>, in_flight: u32) -> Snapshot<'static> {
    Snapshot {
        counts: Counts::default(),
        in_flight,
        concurrency: 12,
        asked_concurrency: 12,
        to_submit: 9,
        gate,
        submit_spacing: SECOND * 4,
        asked_spacing: SECOND,
        polls_paused: None,
        ending: None,
        deadline_in: SECOND,
        oldest: Vec::new(),
        youngest: None,
        submits: 0,
        polls: 0,
        spend: None,
        downloads: None,
    }
}

/// What comes of a submit.
struct Outcome {
    is_taken: bool,
    /// Jobs that run then.
    others: u32,
    /// Seconds until the next submit leaves.
    after: u32,
}

/// A run of 100 submits.
fn run(outcome: impl Fn(u32) -> Outcome) -> Waits {
    let (mut waits, mut now) = (Waits::default(), Duration::ZERO);
    for submit in 0..100 {
        let Outcome {
            is_taken,
            others,
            after,
        } = outcome(submit);
        let class = PendingClass::RateLimited;
        let (fact, gate) = if is_taken {
            (accepted("t"), Gate::Open)
        } else {
            let (opens_in, message) = (SECOND, said("slow down"));
            let pause = Gate::Pause { class, opens_in };
            (Event::Returned { class, message }, pause)
        };
        let snapshot = snapshot(gate, others + u32::from(is_taken));
        waits.follow(&[&event(0, "a", intent("a"))], &snapshot, now);
        waits.follow(&[&event(0, "a", fact)], &snapshot, now);
        now += SECOND * after;
    }
    waits
}

/// An account that takes so many jobs at a time, each for a while.
pub(in crate::report) fn ceiling(most: u32) -> Waits {
    run(|submit| {
        let is_taken = submit % 4 < 2;
        Outcome {
            is_taken,
            others: if is_taken { submit % most } else { most },
            after: 1,
        }
    })
}

/// One that takes a submit in four seconds: what leaves sooner is refused.
pub(in crate::report) fn paced() -> Waits {
    run(|submit| Outcome {
        is_taken: submit % 8 < 6,
        others: submit % 10,
        after: match submit % 8 {
            5 => 3,
            6 => 1,
            _ => 5,
        },
    })
}

/// One that now and then refuses for no reason that is to be seen.
pub(in crate::report) fn mixed() -> Waits {
    run(|submit| {
        let is_taken = submit % 3 != 0;
        Outcome {
            is_taken,
            others: if is_taken { submit % 8 } else { 5 },
            after: 1,
        }
    })
}

#[test]
fn a_pace_is_told_that_many_in_a_row_were_accepted_at() {
    let refused_until = |last: u32| {
        run(move |submit| Outcome {
            is_taken: submit > last,
            others: 3,
            after: 1,
        })
    };
    assert!(refused_until(2).pace().is_some());
    assert_eq!(refused_until(95).pace(), None, "too few since");
    assert_eq!(mixed().pace(), None);
}

#[test]
fn figures_back_a_ceiling_or_a_spacing_or_neither() {
    let backed = |waits: Waits| (waits.ceiling(), waits.spacing());
    assert_eq!(backed(ceiling(4)), (Some(4), None));
    assert_eq!(backed(paced()), (None, Some(SECOND * 3)));
    assert_eq!(backed(mixed()), (None, None));
    let twice = run(|submit| Outcome {
        is_taken: submit > 1,
        others: 3,
        after: 1,
    });
    assert_eq!(backed(twice), (None, None), "chance");
}

#[test]
fn times_are_told_apart_by_an_eighth() {
    let rough = |millis| roughly(Duration::from_millis(millis));
    assert_eq!([0, 1, 8, 9].map(rough), [0, 0, 24, 25]);
    assert!((1..10_000).is_sorted_by_key(rough));
    assert!(rough(4_000) < rough(4_100));
}

#[test]
fn pauses_are_added_up_by_what_they_are_for_for_what_they_were() {
    let paused = |class| {
        let mut waits = Waits::default();
        let opens_in = SECOND * 7;
        waits.follow(&[], &snapshot(Gate::Pause { class, opens_in }, 0), SECOND);
        waits.follow(&[], &snapshot(Gate::Open, 0), SECOND * 60);
        waits.follow(&[], &snapshot(Gate::Open, 0), SECOND * 90);
        (waits.rate_limited, waits.unreachable)
    };
    let none = Duration::ZERO;
    assert_eq!(paused(PendingClass::RateLimited), (SECOND * 7, none));
    assert_eq!(paused(PendingClass::NotSent), (none, SECOND * 7));
}

#[test]
fn a_pace_slowed_by_429s_counts_for_what_is_more_than_the_rate_asks_for() {
    let mut waits = Waits::default();
    let slowed = |is_slowed| Gate::Rate {
        opens_in: SECOND * 4,
        is_slowed,
    };
    waits.follow(&[], &snapshot(slowed(true), 0), SECOND);
    waits.follow(&[], &snapshot(slowed(false), 0), SECOND * 9);
    waits.follow(&[], &snapshot(Gate::Full, 0), SECOND * 20);
    assert_eq!(waits.rate_limited, SECOND * 3);
}
