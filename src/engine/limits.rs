//! The arithmetic of limits: spacing of requests, pauses after refusals, the brake on doubt. Time is an argument.
//!
//! Spacing counts from the moment a request was really launched, after its intent was synced. A token bucket of
//! burst one (governor's, for one) counts from the moment a request was allowed and lets a late one catch up: then a
//! slow sync followed by a quick one brings two requests together, and a window at the provider can hold N + 2.

use std::num::NonZeroU32;
use std::time::Duration;

use super::event::{Evidence, PendingClass};
use super::retry;

/// What a run may do at most; every value was checked when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Most jobs in flight.
    pub concurrency: NonZeroU32,
    /// Shortest time between two create requests.
    pub submit_interval: Duration,
    /// Shortest time between two polls, of all tasks together.
    pub poll_interval: Duration,
    /// From the accept of a task to its first poll.
    pub poll_first: Duration,
    /// Between two polls of one task.
    pub poll_every: Duration,
    /// From the accept of a task to giving up waiting for it, by wall clock and across runs.
    pub job_timeout: Duration,
    /// From the start of the run to its last submit.
    pub deadline: Duration,
    /// Most distinct jobs that this run submits.
    pub max_jobs: Option<NonZeroU32>,
}

/// Time that the launches of a group may fill: far below what any provider counts requests in.
const GROUP_SPAN: Duration = Duration::from_millis(10);

/// Keeps launches an interval apart.
///
/// Where that is shorter than [`GROUP_SPAN`], a step (with its sync) may well take longer than the interval; then what
/// fits into the span may leave together, as a group, and the next group waits for an interval per launch. So in the
/// shortest period that a rate is told in, a second, a window may hold a whole group more than the rate: the interval
/// is longer by that much.
#[derive(Debug, Clone)]
pub struct Spacing {
    interval: Duration,
    /// Most launches of a group.
    group: u32,
    open_at: Duration,
}

impl Spacing {
    /// The first launch may be at once, or after `now` by what an earlier run may have launched just before.
    pub fn new(interval: Duration, resumed_at: Option<Duration>) -> Self {
        let group = GROUP_SPAN.as_nanos() / interval.as_nanos().max(1);
        let group = u32::try_from(group).unwrap_or(u32::MAX).max(1);
        let interval = if group > 1 {
            interval + interval / 99 // a hundredth of a second for the group
        } else {
            interval
        };
        Self {
            interval,
            group,
            open_at: resumed_at.map_or(Duration::ZERO, |now| now + interval * group),
        }
    }

    /// When the next launch is allowed.
    pub fn open_at(&self) -> Duration {
        self.open_at
    }

    /// How many may be launched together once one is allowed.
    pub fn group(&self) -> u32 {
        self.group
    }

    /// Notes a launch.
    pub fn launched(&mut self, now: Duration) {
        self.open_at = self.open_at.max(now) + self.interval;
    }
}

/// How much the pace slows at every episode of refusals.
const SLOW_DOWN: u32 = 2;

/// How much of the pace's interval an accept takes away: one part in this many.
const SPEED_UP_PARTS: u32 = 25;

/// Slowest pace: one create in this time.
const SLOWEST_PACE: Duration = Duration::from_secs(30);

/// Feels for the unknown limits of the account. Two things grow with accepts and shrink with refusals: how many
/// creates may be open at once (one until the first accept, which is also the brake on doubt) and the pace. A refusal
/// also pauses everything.
#[derive(Debug, Clone)]
pub struct Restraint {
    user_interval: Duration,
    pace: Duration,
    paused_until: Duration,
    /// Why the last pause began.
    cause: PendingClass,
    streak: u32,
    /// Creates that may be open at once.
    window: u32,
    /// Accepts since the window grew last.
    credit: u32,
    /// Up to here every accept widens the window by one; above, a whole window of accepts does.
    careful_above: u32,
}

/// Whether a refusal began a new pause or only confirmed the one that is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Episode {
    /// The first sign: everything waits for this long.
    New(Duration),
    /// Sent before the pause began.
    Same,
}

impl Restraint {
    /// No refusal yet.
    pub fn new(user_interval: Duration) -> Self {
        Self {
            user_interval,
            pace: user_interval,
            paused_until: Duration::ZERO,
            cause: PendingClass::RateLimited,
            streak: 0,
            window: 1,
            credit: 0,
            careful_above: u32::MAX,
        }
    }

    /// 429: pause as told or by back-off, then go slower.
    pub fn refused(&mut self, now: Duration, retry_after: Option<Duration>, seed: u32) -> Episode {
        let episode = self.pause(now, PendingClass::RateLimited, retry_after, seed);
        if episode != Episode::Same {
            self.pace = (self.pace * SLOW_DOWN).min(SLOWEST_PACE.max(self.user_interval));
        }
        episode
    }

    /// No connection: pause by back-off.
    pub fn unreachable(&mut self, now: Duration, seed: u32) -> Episode {
        self.pause(now, PendingClass::NotSent, None, seed)
    }

    fn pause(
        &mut self,
        now: Duration,
        cause: PendingClass,
        retry_after: Option<Duration>,
        seed: u32,
    ) -> Episode {
        let told = retry::told(retry_after);
        if now < self.paused_until {
            self.paused_until = self.paused_until.max(now + told.unwrap_or_default());
            return Episode::Same;
        }
        let wait = told.unwrap_or_else(|| retry::pause(self.streak, seed));
        self.streak = self.streak.saturating_add(1);
        self.careful_above = (self.window / 2).max(1);
        self.window = 1;
        self.credit = 0;
        self.paused_until = now + wait;
        self.cause = cause;
        Episode::New(wait)
    }

    /// An accept: the provider takes creates again.
    pub fn accepted(&mut self) {
        self.streak = 0;
        self.credit += 1;
        if self.window < self.careful_above || self.credit >= self.window {
            self.window = self.window.saturating_add(1);
            self.credit = 0;
        }
        self.pace = (self.pace * (SPEED_UP_PARTS - 1) / SPEED_UP_PARTS).max(self.user_interval);
    }

    /// When the next create may leave, the last one having left at `last`.
    pub fn open_at(&self, last: Option<Duration>) -> Duration {
        self.paused_until
            .max(last.map_or(Duration::ZERO, |last| last + self.pace))
    }

    /// Why everything waits, and how long still; `None` without a pause.
    pub fn pause_left(&self, now: Duration) -> Option<(PendingClass, Duration)> {
        let left = self.paused_until.saturating_sub(now);
        (!left.is_zero()).then_some((self.cause, left))
    }

    /// Shortest time between two creates, by what refusals have taught.
    pub fn pace(&self) -> Duration {
        self.pace
    }

    /// How many creates may be open at once.
    pub fn window(&self) -> u32 {
        self.window
    }
}

/// Stops submits after this many outcomes in doubt without an accept between them.
const DOUBT_LIMIT: u32 = 3;

/// Counts this run's outcomes in doubt.
#[derive(Debug, Clone, Default)]
pub struct DoubtBrake {
    in_a_row: u32,
}

/// Whether submits may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// They may.
    GoOn,
    /// They end for this run.
    Stop,
}

impl DoubtBrake {
    /// An outcome in doubt: one web page is enough, or three of any kind.
    pub fn doubted(&mut self, evidence: Evidence) -> Verdict {
        self.in_a_row += 1;
        match evidence {
            Evidence::Html => Verdict::Stop,
            Evidence::Unclear if self.in_a_row >= DOUBT_LIMIT => Verdict::Stop,
            Evidence::Unclear => Verdict::GoOn,
        }
    }

    /// An accept: the address and the key are right.
    pub fn accepted(&mut self) {
        self.in_a_row = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn launches_are_an_interval_apart_counted_from_the_launch() {
        let mut spacing = Spacing::new(SECOND, None);
        assert_eq!(spacing.open_at(), Duration::ZERO);
        spacing.launched(Duration::from_millis(1700));
        assert_eq!(spacing.open_at(), Duration::from_millis(2700));
    }

    #[test]
    fn a_resumed_run_waits_one_interval() {
        assert_eq!(Spacing::new(SECOND, Some(SECOND)).open_at(), 2 * SECOND);
    }

    #[test]
    fn only_rates_of_more_than_a_hundred_a_second_are_launched_in_groups() {
        let groups = [1, 100, 199, 200, 1000, 100_000].map(|rate| {
            let spacing = Spacing::new(SECOND / rate, None);
            (rate, spacing.group())
        });
        let expected = [
            (1, 1),
            (100, 1),
            (199, 1),
            (200, 2),
            (1000, 10),
            (100_000, 1000),
        ];
        assert_eq!(groups, expected);
    }

    proptest! {
        #![proptest_config(Config { rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() })]

        #[test]
        fn any_window_of_a_period_holds_one_launch_more_than_the_rate_at_most(
            rate in prop_oneof![1_u32..300, 300_u32..5000],
            late in prop::collection::vec((0_u64..30_000, 1_u32..=4), 30..120),
            resumed in 0_usize..120,
        ) {
            let mut spacing = Spacing::new(SECOND / rate, None);
            let (mut now, mut launches) = (Duration::ZERO, Vec::<Duration>::new());
            for (step, (microseconds, quarters)) in late.into_iter().enumerate() {
                if step == resumed {
                    spacing = Spacing::new(SECOND / rate, Some(now)); // the run died, and another one goes on
                }
                now = now.max(spacing.open_at()) + Duration::from_micros(microseconds);
                for _ in 0..(spacing.group() * quarters).div_ceil(4) {
                    launches.push(now);
                    spacing.launched(now);
                }
            }
            for (at, first) in launches.iter().enumerate() {
                let window = launches[at..].partition_point(|launch| *launch <= *first + SECOND);
                prop_assert!(window <= rate as usize + 1, "{window} launches at a rate of {rate}");
            }
        }
    }

    #[test]
    fn a_refusal_pauses_as_told_and_refusals_of_the_same_burst_count_once() {
        let mut restraint = Restraint::new(Duration::from_millis(10));
        assert_eq!(
            restraint.refused(SECOND, Some(5 * SECOND), 0),
            Episode::New(5 * SECOND)
        );
        assert_eq!(
            restraint.refused(SECOND, Some(5 * SECOND), 0),
            Episode::Same
        );
        assert_eq!(restraint.open_at(None), 6 * SECOND);
        assert_eq!(
            restraint.open_at(Some(6 * SECOND)),
            6 * SECOND + Duration::from_millis(20)
        );
        assert_eq!(restraint.window(), 1);
    }

    #[test]
    fn a_refusal_of_the_same_burst_can_make_the_pause_longer_and_never_shorter() {
        let mut restraint = Restraint::new(SECOND);
        for (now, told, open_at) in [(1, 5, 6), (2, 60, 62), (3, 10, 62)] {
            restraint.refused(now * SECOND, Some(told * SECOND), 0);
            assert_eq!(restraint.open_at(None), open_at * SECOND);
        }
    }

    #[test]
    fn a_provider_that_cannot_be_reached_is_no_reason_to_go_slower_afterwards() {
        let mut restraint = Restraint::new(SECOND);
        restraint.unreachable(SECOND, 0);
        assert_eq!(restraint.open_at(Some(60 * SECOND)), 61 * SECOND);
    }

    #[test]
    fn an_hour_is_the_longest_pause_that_can_be_asked_for() {
        let mut restraint = Restraint::new(SECOND);
        assert_eq!(
            restraint.refused(SECOND, Some(Duration::MAX), 0),
            Episode::New(Duration::from_secs(3600))
        );
    }

    #[test]
    fn back_off_doubles_until_an_accept() {
        let mut restraint = Restraint::new(SECOND);
        let pause = |episode| match episode {
            Episode::New(wait) => wait,
            Episode::Same => Duration::ZERO,
        };
        assert!(pause(restraint.unreachable(SECOND, 1)) < 2 * SECOND);
        assert!(pause(restraint.unreachable(10 * SECOND, 1)) >= 2 * SECOND);
        restraint.accepted();
        assert!(pause(restraint.unreachable(20 * SECOND, 1)) < 2 * SECOND);
    }

    #[test]
    fn the_window_of_open_creates_grows_by_accepts_and_falls_to_one_by_a_refusal() {
        let mut restraint = Restraint::new(SECOND);
        let mut windows = vec![restraint.window()];
        for _ in 0..7 {
            restraint.accepted();
            windows.push(restraint.window());
        }
        restraint.refused(SECOND, None, 0);
        windows.push(restraint.window());
        for _ in 0..12 {
            restraint.accepted();
            windows.push(restraint.window());
        }
        assert_eq!(
            windows,
            [
                1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6
            ]
        );
    }

    #[test]
    fn the_pace_slows_by_refusals_and_accepts_bring_it_back_to_the_users_rate() {
        let mut restraint = Restraint::new(SECOND);
        restraint.refused(SECOND, None, 0);
        assert_eq!(restraint.pace, 2 * SECOND);
        for _ in 0..100 {
            restraint.accepted();
        }
        assert_eq!(restraint.pace, SECOND);
    }

    #[test]
    fn three_doubts_without_an_accept_stop_and_one_web_page_stops() {
        let mut brake = DoubtBrake::default();
        let verdicts = [(); 2].map(|()| brake.doubted(Evidence::Unclear));
        assert_eq!(verdicts, [Verdict::GoOn; 2]);
        brake.accepted();
        let verdicts = [(); 3].map(|()| brake.doubted(Evidence::Unclear));
        assert_eq!(verdicts, [Verdict::GoOn, Verdict::GoOn, Verdict::Stop]);
        assert_eq!(DoubtBrake::default().doubted(Evidence::Html), Verdict::Stop);
    }
}
