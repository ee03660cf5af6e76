//! Requests an interval apart, or in small groups where the interval is shorter than a step takes.
//!
//! Start at [`Spacing`]. It counts from the moment a request was really launched, after its intent was synced. A token
//! bucket of burst one (governor's, for one) counts from the moment a request was allowed and lets a late one catch up:
//! then a slow sync followed by a quick one brings two requests together, and a window at the provider can hold N + 2.

use std::time::Duration;

/// Time that the launches of a group may fill: far below what any provider counts requests in.
const GROUP_SPAN: Duration = Duration::from_millis(10);

/// Keeps launches an interval apart.
///
/// Where that is shorter than 10 ms, a step (with its sync) may well take longer than the interval; then what
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
}
