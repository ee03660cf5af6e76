//! The arithmetic of limits: spacing of requests, pauses after refusals, the brake on doubt. Time is an argument.
//!
//! Spacing counts from the moment a request was really launched, after its intent was synced. A token bucket of
//! burst one (governor's, for one) counts from the moment a request was allowed and lets a late one catch up: then a
//! slow sync followed by a quick one brings two requests together, and a window at the provider can hold N + 2.

mod flight;
mod pace;
mod restraint;

use std::num::NonZeroU32;
use std::time::Duration;

pub use self::restraint::{Departure, Episode, Restraint};
use super::event::Evidence;

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

/// Keeps launches at least an interval apart.
#[derive(Debug, Clone)]
pub struct Spacing {
    interval: Duration,
    open_at: Duration,
}

impl Spacing {
    /// The first launch may be at once, or an interval after `now` if an earlier run may have launched just before.
    pub fn new(interval: Duration, resumed_at: Option<Duration>) -> Self {
        Self {
            interval,
            open_at: resumed_at.map_or(Duration::ZERO, |now| now + interval),
        }
    }

    /// When the next launch is allowed.
    pub fn open_at(&self) -> Duration {
        self.open_at
    }

    /// Notes a launch.
    pub fn launched(&mut self, now: Duration) {
        self.open_at = now + self.interval;
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
