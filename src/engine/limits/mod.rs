//! The arithmetic of limits: spacing of requests, pauses after refusals, the brake on doubt. Time is an argument.
//!
//! Start at [`Limits`], what the user allows; [`Restraint`] is what the provider does.

mod flight;
mod pace;
mod past;
mod restraint;
mod spacing;

use std::num::NonZeroU32;
use std::time::Duration;

pub use self::restraint::{Departure, Episode, Restraint};
pub use self::spacing::Spacing;
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
