//! Runs at several kinds of stingy accounts, as they are seen.

use super::*;
use crate::engine::Counts;
use crate::report::sample::{accepted, event, intent, said};

const SECOND: Duration = Duration::from_secs(1);

fn snapshot(gate: Gate<'static>, concurrency: u32) -> Snapshot<'static> {
    Snapshot {
        counts: Counts::default(),
        in_flight: 2,
        concurrency,
        asked_concurrency: WIDE,
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

/// Jobs that may be in flight.
const WIDE: u32 = 12;

/// What comes of a submit.
struct Outcome {
    is_taken: bool,
    /// How many jobs at a time the run keeps to then.
    most: u32,
    /// Seconds until the next submit leaves.
    after: u32,
}

/// A run of 100 submits.
fn run(outcome: impl Fn(u32) -> Outcome) -> Waits {
    let (mut waits, mut now) = (Waits::default(), Duration::ZERO);
    for submit in 0..100 {
        let Outcome {
            is_taken,
            most,
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
        let snapshot = snapshot(gate, most);
        waits.follow(&[&event(0, "a", intent("a"))], &snapshot, now);
        waits.follow(&[&event(0, "a", fact)], &snapshot, now);
        now += SECOND * after;
    }
    waits
}

/// An account that takes so many jobs at a time.
pub(in crate::report) fn ceiling(most: u32) -> Waits {
    run(|submit| Outcome {
        is_taken: submit % 4 < 2,
        most,
        after: 1,
    })
}

/// One that takes a submit in four seconds, as was found at last.
pub(in crate::report) fn paced() -> Waits {
    run(|submit| Outcome {
        is_taken: submit > 70 || submit % 2 == 0,
        most: WIDE,
        after: 4,
    })
}

/// One that now and then refuses for no reason that is to be seen.
pub(in crate::report) fn mixed() -> Waits {
    run(|submit| Outcome {
        is_taken: submit % 3 != 0,
        most: WIDE,
        after: 1,
    })
}

#[test]
fn a_pace_is_told_that_many_in_a_row_were_accepted_at() {
    let refused_until = |last: u32, after: u32| {
        run(move |submit| Outcome {
            is_taken: submit > last,
            most: WIDE,
            after,
        })
    };
    assert_eq!(refused_until(2, 1).pace(), Some(SECOND * 4));
    assert_eq!(refused_until(2, 5).pace(), Some(SECOND * 5));
    assert_eq!(refused_until(2, 7).pace(), None, "not for the pace");
    assert_eq!(refused_until(95, 1).pace(), None, "too few since");
    assert_eq!(mixed().pace(), None);
}

#[test]
fn a_ceiling_is_told_that_was_found_by_a_429_and_stands() {
    assert_eq!(ceiling(4).ceiling(), Some(4));
    assert_eq!(paced().ceiling(), None);
    let later = |most: u32| {
        run(move |submit| Outcome {
            is_taken: submit > 9,
            most: if submit > 9 { most } else { 3 },
            after: 1,
        })
    };
    assert_eq!(later(4).ceiling(), Some(3), "one more is only tried");
    assert_eq!(later(6).ceiling(), None, "it takes more by now");
    assert_eq!(later(WIDE).ceiling(), None, "it was not that");
}

#[test]
fn pauses_are_added_up_by_what_they_are_for_for_what_they_were() {
    let paused = |class| {
        let mut waits = Waits::default();
        let opens_in = SECOND * 7;
        waits.follow(
            &[],
            &snapshot(Gate::Pause { class, opens_in }, WIDE),
            SECOND,
        );
        waits.follow(&[], &snapshot(Gate::Open, WIDE), SECOND * 60);
        waits.follow(&[], &snapshot(Gate::Open, WIDE), SECOND * 90);
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
    waits.follow(&[], &snapshot(slowed(true), WIDE), SECOND);
    waits.follow(&[], &snapshot(slowed(false), WIDE), SECOND * 9);
    waits.follow(&[], &snapshot(Gate::Full, WIDE), SECOND * 20);
    assert_eq!(waits.rate_limited, SECOND * 3);
}
