//! Time as it really passes, as a process counts it, and as the machine shows it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Time as it really passes, as the process counts it, and as the machine shows it.
#[derive(Debug, Default)]
pub(crate) struct Time {
    /// Real time before this process.
    before: Duration,
    started: Option<Instant>,
    /// What this process waited for the disk.
    pub(crate) stalled: Duration,
    /// What the machine slept during this process.
    pub(crate) slept: Duration,
    /// How far the time of day is off.
    pub(crate) jumped: SignedDuration,
    /// How far it was off when this process began.
    pub(crate) jumped_before: SignedDuration,
}

impl Time {
    pub(crate) fn begin(&mut self) {
        self.started = Some(Instant::now());
        self.jumped_before = self.jumped;
    }

    pub(crate) fn end(&mut self) {
        self.before = self.truth();
        self.started = None;
        self.stalled = Duration::ZERO;
        self.slept = Duration::ZERO;
    }

    /// Lets time pass between two processes.
    pub(crate) fn pass(&mut self, long: Duration) {
        self.before += long;
    }

    /// Real time since the seed began.
    pub(crate) fn truth(&self) -> Duration {
        self.before + self.mono() + self.slept
    }

    /// Time since the process began, as its monotonic clock has it.
    pub(crate) fn mono(&self) -> Duration {
        self.started
            .map_or(Duration::ZERO, |started| started.elapsed())
            + self.stalled
    }

    /// The time of day that the machine shows.
    pub(crate) fn wall(&self) -> Timestamp {
        let began = Timestamp::from_second(1_772_366_400).expect("in range");
        began + self.truth() + self.jumped
    }
}
