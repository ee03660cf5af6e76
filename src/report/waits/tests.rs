//! Runs at several kinds of stingy accounts, as they are seen.

use super::*;
use crate::engine::Counts;
use crate::report::sample::{accepted, event, said};

const SECOND: Duration = Duration::from_secs(1);

fn snapshot(gate: Gate<'static>, in_flight: u32, submits: u64) -> Snapshot<'static> {
    Snapshot {
        counts: Counts::default(),
        in_flight,
        concurrency: 12,
        to_submit: 9,
        gate,
        submit_spacing: SECOND * 4,
        asked_spacing: SECOND,
        polls_paused: None,
        ending: None,
        deadline_in: SECOND,
        oldest: Vec::new(),
        youngest: None,
        submits,
        polls: 0,
        spend: None,
        downloads: None,
    }
}

fn returned() -> Event {
    Event::Returned {
        class: PendingClass::RateLimited,
        message: said("slow down"),
    }
}

/// A run of 100 s with a submit in each: `answer` says of each whether it is accepted, and how many others run.
fn run(answer: impl Fn(u32) -> (bool, u32)) -> Waits {
    let mut waits = Waits::default();
    for second in 0..100 {
        let (is_taken, others) = answer(second);
        let pause = Gate::Pause {
            class: PendingClass::RateLimited,
            opens_in: SECOND,
        };
        let (fact, gate) = if is_taken {
            (accepted("t"), Gate::Open)
        } else {
            (returned(), pause)
        };
        let record = event(0, "a", fact);
        let snapshot = snapshot(gate, others + u32::from(is_taken), second.into());
        waits.follow(&[&record], &snapshot, SECOND * second);
    }
    waits
}

/// An account that takes so many jobs at a time, each for a while.
pub(in crate::report) fn ceiling(most: u32) -> Waits {
    run(|second| match second % 4 {
        0 | 1 => (true, second % most),
        _ => (false, most),
    })
}

/// One that takes a submit in four seconds.
pub(in crate::report) fn paced() -> Waits {
    run(|second| (second % 4 == 0, second / 4 % 10))
}

/// One that now and then refuses for no reason that is to be seen.
pub(in crate::report) fn mixed() -> Waits {
    run(|second| {
        (
            second % 3 != 0,
            if second % 3 == 0 { 5 } else { second % 8 },
        )
    })
}

#[test]
fn figures_back_a_ceiling_or_a_rate_or_neither() {
    assert_eq!((ceiling(4).ceiling(), ceiling(4).rate()), (Some(4), None));
    assert_eq!(paced().ceiling(), None);
    assert_eq!(paced().rate(), Some((25, SECOND * 99)));
    assert_eq!((mixed().ceiling(), mixed().rate()), (None, None));
    let twice = run(|second| (second > 1, 3));
    assert_eq!((twice.ceiling(), twice.rate()), (None, None), "chance");
}

#[test]
fn pauses_are_added_up_by_what_they_are_for_for_what_they_were() {
    let paused = |class| {
        let mut waits = Waits::default();
        let opens_in = SECOND * 7;
        waits.follow(
            &[],
            &snapshot(Gate::Pause { class, opens_in }, 0, 0),
            SECOND,
        );
        waits.follow(&[], &snapshot(Gate::Open, 0, 0), SECOND * 60);
        waits.follow(&[], &snapshot(Gate::Open, 0, 0), SECOND * 90);
        (waits.rate_limited, waits.unreachable)
    };
    assert_eq!(
        paused(PendingClass::RateLimited),
        (SECOND * 7, Duration::ZERO)
    );
    assert_eq!(paused(PendingClass::NotSent), (Duration::ZERO, SECOND * 7));
}

#[test]
fn a_pace_slowed_by_429s_counts_for_what_is_more_than_the_rate_asks_for() {
    let mut waits = Waits::default();
    let slowed = |is_slowed| Gate::Rate {
        opens_in: SECOND * 4,
        is_slowed,
    };
    waits.follow(&[], &snapshot(slowed(true), 0, 0), SECOND);
    waits.follow(&[], &snapshot(slowed(false), 0, 0), SECOND * 9);
    waits.follow(&[], &snapshot(Gate::Full, 0, 0), SECOND * 20);
    assert_eq!(waits.rate_limited, SECOND * 3);
}
