//! The only asker of time: everything else is told a [`Now`].
//!
//! Start at [`Clock::start`]. Waiting follows tokio's clock, so a test that pauses it decides when time passes.

use jiff::{Timestamp, Zoned};
use tokio::time::Instant;

use crate::engine::event::Now;

/// Time since a run began, and the time of day.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    wall: Wall,
}

/// Where the time of day comes from.
#[derive(Debug, Clone)]
enum Wall {
    /// The machine.
    Machine,
    /// This moment plus the time since the start.
    Simulated(Timestamp),
}

impl Clock {
    /// A clock that begins now and shows the machine's time of day.
    pub fn start() -> Self {
        Self {
            start: Instant::now(),
            wall: Wall::Machine,
        }
    }

    /// A clock whose time of day is `wall` now and then follows tokio's clock, paused or not.
    pub fn simulated(wall: Timestamp) -> Self {
        Self {
            start: Instant::now(),
            wall: Wall::Simulated(wall),
        }
    }

    /// This moment; the time of day in whole milliseconds, as the state stores it.
    pub fn now(&self) -> Now {
        let mono = self.start.elapsed();
        let wall = match self.wall {
            Wall::Machine => Timestamp::now(),
            Wall::Simulated(start) => start.saturating_add(mono).unwrap_or(Timestamp::MAX),
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
