//! What the law of refusals does, told by single answers and by long games against providers of chance.

use proptest::prelude::*;

use super::super::pace::SLOWEST;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What a provider answers.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Accepts,
    Refuses(Option<Duration>),
    IsNotReached,
}

use Answer::{Accepts, IsNotReached, Refuses};

/// A run of creates, each answered before the next one leaves.
struct Run {
    restraint: Restraint,
    now: Duration,
    last: Option<Duration>,
    job: JobIndex,
}

impl Run {
    fn at(interval: Duration) -> Self {
        Self {
            restraint: Restraint::new(interval),
            now: SECOND,
            last: None,
            job: 0,
        }
    }

    /// One create with so many jobs in flight, as soon as it may leave; when it left.
    fn create(&mut self, running: u32, answer: Answer) -> Duration {
        self.now = self.now.max(self.restraint.open_at(self.last, running));
        self.leave(running);
        self.answer(answer);
        self.now
    }

    fn leave(&mut self, running: u32) {
        self.job += 1;
        let departure = Departure {
            at: self.now,
            gap: self.last.map(|last| self.now.saturating_sub(last)),
            running,
            open: self.restraint.open(),
        };
        self.restraint.left(self.job, departure);
        self.last = Some(self.now);
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Accepts => self.restraint.accepted(self.job, self.now),
            Refuses(told) => drop(self.restraint.refused(self.job, self.now, told, 7)),
            IsNotReached => drop(self.restraint.unreachable(self.job, self.now, 7)),
        }
    }

    fn most(&self) -> Option<u32> {
        self.restraint.most_in_flight()
    }

    /// As many are accepted as the account takes at a time, then none.
    fn with_ceiling(interval: Duration, most: u32) -> Self {
        let mut run = Self::at(interval);
        for running in 0..most {
            run.create(running, Accepts);
        }
        run.create(most, Refuses(None));
        run.create(most, Refuses(None));
        run
    }
}

#[test]
fn a_refusal_pauses_as_told_and_those_of_the_same_burst_only_make_it_longer() {
    let mut restraint = Restraint::new(SECOND);
    let departure = |open| Departure {
        at: SECOND,
        gap: None,
        running: 0,
        open,
    };
    for job in 0..3 {
        restraint.left(job, departure(job));
    }
    let mut refuse = |job: u32, now: u32, told: u32| {
        let episode = restraint.refused(job, now * SECOND, Some(told * SECOND), 7);
        (episode, restraint.open_at(None, 0))
    };
    let (episode, until) = refuse(0, 2, 5);
    assert_eq!(episode, Episode::New(5 * SECOND));
    assert!(until >= 7 * SECOND && until <= 8 * SECOND, "{until:?}");
    assert_eq!(refuse(1, 3, 60), (Episode::Same, 63 * SECOND));
    assert_eq!(refuse(2, 4, 10), (Episode::Same, 63 * SECOND));
}

#[test]
fn an_answer_to_the_same_burst_that_comes_after_the_pause_begins_another() {
    for told in [None, Some(3 * SECOND)] {
        let mut restraint = Restraint::new(SECOND);
        for job in 0..2 {
            let departure = Departure {
                at: SECOND,
                gap: None,
                running: 0,
                open: job,
            };
            restraint.left(job, departure);
        }
        restraint.refused(0, 2 * SECOND, None, 7);
        let late = 9 * SECOND;
        assert!(restraint.open_at(None, 0) < late);
        let episode = restraint.refused(1, late, told, 7);
        assert!(matches!(episode, Episode::New(_)), "{episode:?}");
        let least = told.unwrap_or(SECOND);
        assert!(restraint.open_at(None, 0) >= late + least);
    }
}

#[test]
fn runs_of_several_machines_do_not_go_on_together_after_the_pause_that_all_are_told() {
    let until = |seed| {
        let mut restraint = Restraint::new(SECOND);
        restraint.refused(0, SECOND, Some(60 * SECOND), seed);
        restraint.open_at(None, 0)
    };
    let times: std::collections::BTreeSet<_> = (0..20).map(until).collect();
    assert!(times.len() > 10, "{times:?}");
    assert!(
        times
            .iter()
            .all(|at| *at >= 61 * SECOND && *at <= 62 * SECOND)
    );
}

#[test]
fn advice_that_does_not_help_is_taken_for_less_and_less() {
    let mut run = Run::at(SECOND / 100);
    let mut before = run.create(0, Refuses(Some(SECOND)));
    let mut pauses = Vec::new();
    for _ in 0..6 {
        let at = run.create(0, Refuses(Some(SECOND)));
        pauses.push(at.saturating_sub(before));
        before = at;
    }
    for (pause, least) in pauses.into_iter().zip([1, 1, 2, 4, 8, 16]) {
        let least = SECOND * least;
        assert!(
            pause >= least && pause <= least * 5 / 4 + SECOND,
            "{pause:?}"
        );
    }
}

#[test]
fn a_provider_that_cannot_be_reached_is_no_reason_to_go_slower_afterwards() {
    let mut run = Run::at(SECOND);
    run.create(0, IsNotReached);
    assert_eq!((run.restraint.pace(), run.most()), (SECOND, None));
}

#[test]
fn an_hour_is_the_longest_pause_that_can_be_asked_for() {
    let mut restraint = Restraint::new(SECOND);
    let episode = restraint.refused(0, SECOND, Some(Duration::MAX), 0);
    assert_eq!(episode, Episode::New(Duration::from_secs(3600)));
}

#[test]
fn back_off_doubles_until_an_accept() {
    let mut run = Run::at(SECOND / 100);
    let mut pause = |answer| {
        let before = run.now;
        run.create(0, answer).saturating_sub(before).as_secs()
    };
    pause(IsNotReached);
    let pauses = [IsNotReached, IsNotReached, Accepts, IsNotReached, Accepts].map(&mut pause);
    assert_eq!(pauses, [1, 2, 4, 0, 1]);
}

#[test]
fn the_window_of_open_creates_grows_by_accepts_and_falls_to_one_by_a_refusal() {
    let mut run = Run::at(SECOND);
    let mut windows = vec![run.restraint.window()];
    for answer in [[Accepts; 7].as_slice(), &[Refuses(None)], &[Accepts; 12]].concat() {
        run.create(0, answer);
        windows.push(run.restraint.window());
    }
    assert_eq!(
        windows,
        [
            1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6
        ]
    );
}

#[test]
fn accepts_of_the_burst_that_was_refused_do_not_end_the_pause_or_open_the_window() {
    let mut run = Run::at(SECOND / 100);
    run.create(0, Accepts);
    run.leave(1);
    run.leave(1);
    run.restraint.refused(run.job - 1, run.now, None, 7);
    let until = run.restraint.open_at(None, 1);
    run.answer(Accepts);
    assert_eq!(run.restraint.open_at(None, 1), until);
    assert_eq!(run.restraint.window(), 1);
}

#[test]
fn what_is_refused_with_as_many_in_flight_though_time_has_passed_is_refused_for_their_number() {
    let run = Run::with_ceiling(SECOND / 100, 3);
    assert_eq!(run.most(), Some(3));
    assert_eq!(run.restraint.pace(), SECOND / 100, "the pace is acquitted");
}

#[test]
fn with_a_bound_on_jobs_in_flight_the_next_create_leaves_when_one_settles() {
    let mut run = Run::with_ceiling(SECOND / 100, 3);
    run.now += 5 * SECOND;
    assert!(run.restraint.open_at(run.last, 2) <= run.now);
    assert!(run.restraint.open_at(run.last, 3) > run.now);
}

#[test]
fn what_is_accepted_with_as_many_in_flight_was_refused_for_its_pace() {
    let mut run = Run::at(SECOND / 100);
    for _ in 0..2 {
        for running in 0..5 {
            run.create(running, Accepts);
        }
        run.create(5, Refuses(None));
        run.create(5, Accepts);
        assert_eq!(run.most(), None, "the number is acquitted");
    }
    let pace = run.restraint.pace();
    assert!(pace > SECOND / 7 && pace < SECOND / 4, "{pace:?}");
}

#[test]
fn one_refusal_may_be_chance_whatever_time_is_told_with_it() {
    let mut run = Run::at(SECOND / 5);
    for _ in 0..6 {
        run.create(0, Accepts);
    }
    run.create(0, Refuses(Some(60 * SECOND)));
    run.create(0, Accepts);
    assert_eq!(run.restraint.pace(), SECOND / 5 * 2);
    for _ in 0..30 {
        run.create(0, Accepts);
    }
    assert_eq!(run.restraint.pace(), SECOND / 5);
}

#[test]
fn one_more_than_the_bound_is_tried_at_times_that_grow_with_each_failure() {
    let mut run = Run::with_ceiling(SECOND / 100, 3);
    run.create(2, Accepts);
    let mut before = run.now;
    let mut gaps = Vec::new();
    for _ in 0..4 {
        let at = run.create(3, Refuses(None));
        gaps.push(at.saturating_sub(before).as_secs() / 20);
        before = at;
        run.create(2, Accepts);
    }
    assert!(
        gaps.is_sorted() && gaps[3] >= 4 * gaps[0].max(1),
        "{gaps:?}"
    );
    assert_eq!(run.most(), Some(3));
}

#[test]
fn a_ceiling_that_rises_is_followed_in_steps_that_grow() {
    let mut run = Run::with_ceiling(SECOND / 100, 3);
    run.create(2, Accepts);
    let mut steps = Vec::new();
    for _ in 0..11 {
        let most = run.most().expect("a bound");
        run.create(most, Accepts);
        steps.push(run.most().expect("a bound") - most);
    }
    assert_eq!(steps, [1, 2, 2, 3, 3, 4, 5, 6, 8, 10, 12]);
    run.create(30, Refuses(None));
    assert_eq!(run.most(), Some(30));
}

#[test]
fn one_more_is_tried_sooner_when_many_creates_are_accepted() {
    let mut run = Run::with_ceiling(SECOND / 100, 3);
    for _ in 0..30 {
        run.create(2, Accepts);
    }
    let before = run.now;
    let at = run.create(3, Refuses(None));
    assert!(at <= before + 2 * SECOND, "{at:?} after {before:?}");
    assert_eq!(run.most(), Some(3));
    run.create(2, Accepts);
    let before = run.now;
    assert!(run.create(3, Refuses(None)) >= before + 20 * SECOND);
}

#[test]
fn creates_that_waited_for_slots_of_their_own_do_not_count_as_slow_after_a_chance_refusal() {
    let mut run = Run::at(SECOND);
    for _ in 0..20 {
        run.now += 25 * SECOND;
        run.create(3, Accepts);
    }
    run.create(3, Refuses(None));
    run.create(3, Accepts);
    let pace = run.restraint.pace();
    assert!(pace < 4 * SECOND, "{pace:?}"); // and not 25
}

#[test]
fn the_pace_comes_back_to_the_users_once_refusals_are_over() {
    let mut run = Run::at(SECOND);
    run.create(0, Accepts);
    run.create(0, Refuses(None));
    run.create(0, Accepts);
    assert!(run.restraint.pace() > SECOND);
    for _ in 0..200 {
        run.create(0, Accepts);
    }
    assert_eq!(run.restraint.pace(), SECOND);
}

#[test]
fn after_a_second_refusal_the_pace_stays_near_the_last_that_was_taken() {
    let mut run = Run::at(SECOND / 100);
    run.create(0, Accepts);
    for _ in 0..400 {
        let is_late = run.restraint.open_at(run.last, 0) >= run.now + SECOND / 5;
        run.create(0, if is_late { Accepts } else { Refuses(None) });
    }
    let pace = run.restraint.pace();
    assert!(pace > SECOND / 5 && pace < SECOND / 4, "{pace:?}");
}

/// A provider that refuses three of ten, whatever comes.
#[test]
fn refusals_by_chance_do_not_make_a_run_slower_and_slower() {
    let mut run = Run::at(SECOND / 5);
    let chances = (0_u32..).map(|number| number.wrapping_mul(2_654_435_761) >> 16);
    let mut accepts = 0;
    for chance in chances.take(600) {
        let is_taken = chance % 10 >= 3;
        run.create(accepts % 3, if is_taken { Accepts } else { Refuses(None) });
        accepts += u32::from(is_taken);
    }
    assert!(
        run.now < accepts * 3 * SECOND,
        "{:?} for {accepts}",
        run.now
    );
}

#[test]
fn after_it_was_closed_a_provider_gets_creates_as_fast_as_before() {
    let mut run = Run::at(SECOND / 5);
    for _ in 0..10 {
        run.create(0, Accepts);
    }
    for _ in 0..8 {
        run.create(0, Refuses(None));
    }
    run.create(0, Accepts);
    assert!(run.restraint.pace() <= SECOND / 5 * 2);
    for _ in 0..20 {
        run.create(0, Accepts);
    }
    assert_eq!(run.restraint.pace(), SECOND / 5);
}

fn answers() -> impl Strategy<Value = Vec<(u32, Answer)>> {
    let told = proptest::option::of((0_u64..100_000).prop_map(Duration::from_millis));
    let answer = prop_oneof![
        3 => Just(Accepts),
        2 => told.prop_map(Refuses),
        1 => Just(IsNotReached),
    ];
    proptest::collection::vec((0_u32..20, answer), 1..120)
}

proptest! {
    #[test]
    fn whatever_is_answered_the_pace_stays_within_its_ends_and_some_create_may_leave_in_time(
        answers in answers(),
        interval in (1_u64..60_000).prop_map(Duration::from_millis),
    ) {
        let mut run = Run::at(interval);
        for (running, answer) in answers {
            let before = run.now;
            run.create(running, answer);
            let waited = run.now.saturating_sub(before);
            // What was told, or the longest own pause, or the longest quiet, each with its jitter.
            prop_assert!(waited <= Duration::from_secs(400).max(interval), "{waited:?}");
            prop_assert!(run.restraint.pace() >= interval);
            prop_assert!(run.restraint.pace() <= SLOWEST.max(interval));
            prop_assert!(run.restraint.window() >= 1);
            prop_assert!(run.most().is_none_or(|most| most >= 1));
        }
    }
}
