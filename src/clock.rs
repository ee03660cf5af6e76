//! The only asker of time: everything else is told a [`Now`].
//!
//! Start at [`Clock::start`]. Waiting follows tokio's clock, so a test that pauses it decides when time passes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, Zoned};
use tokio::time::Instant;

use crate::engine::event::Now;

/// Time since a run began, and the time of day.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    source: Source,
}

/// Where the time comes from.
#[derive(Clone)]
enum Source {
    /// The machine.
    Machine,
    /// Whatever this makes of the time since the start.
    Told(Arc<dyn Fn(Duration) -> Now + Send + Sync>),
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Machine => "Machine",
            Self::Told(_) => "Told",
        })
    }
}

impl Clock {
    /// A clock that begins now and shows the machine's time of day.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            source: Source::Machine,
        }
    }

    /// A clock that begins now and shows what `tell` makes of the time that tokio's clock, paused or not, has counted
    /// since: tests move the time of day, and let the disk take long.
    pub fn told_by(tell: impl Fn(Duration) -> Now + Send + Sync + 'static) -> Self {
        Self {
            start: Instant::now(),
            source: Source::Told(Arc::new(tell)),
        }
    }

    /// A clock whose time of day is `wall` now and then follows tokio's clock, paused or not.
    pub fn simulated(wall: Timestamp) -> Self {
        Self::told_by(move |mono| Now {
            mono,
            wall: wall.saturating_add(mono).unwrap_or(Timestamp::MAX),
        })
    }

    /// This moment; the time of day in whole milliseconds, as the state stores it.
    pub fn now(&self) -> Now {
        let mono = self.start.elapsed();
        let Now { mono, wall } = match &self.source {
            Source::Machine => Now {
                mono,
                wall: Timestamp::now(),
            },
            Source::Told(tell) => tell(mono),
        };
        Now {
            mono,
            wall: whole_milliseconds(wall),
        }
    }
}

/// The time of day.
pub fn wall() -> Timestamp {
    Timestamp::now()
}

/// The time of day in the zone of this machine: what a person means by `06:00`.
pub fn local() -> Zoned {
    Zoned::now()
}

/// `moment` without what is smaller than a millisecond.
pub(crate) fn whole_milliseconds(moment: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(moment.as_millisecond()).expect("the rounding goes towards 1970")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_simulated_time_of_day_follows_the_paused_clock() {
        let begin: Timestamp = "2026-03-01T23:59:59.5Z".parse().expect("valid");
        let clock = Clock::simulated(begin);
        tokio::time::advance(Duration::from_micros(1_500_999)).await;
        let now = clock.now();
        assert_eq!(now.mono, Duration::from_micros(1_500_999));
        assert_eq!(now.wall.to_string(), "2026-03-02T00:00:01Z");
    }

    #[test]
    fn the_time_of_day_has_whole_milliseconds_and_waiting_never_runs_backwards() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert_eq!(first.wall.subsec_nanosecond() % 1_000_000, 0);
        assert!(second.mono >= first.mono);
    }
}
