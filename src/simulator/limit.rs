//! The provider's own limits: how many creates it takes in a while, and how many tasks it renders at a time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::units::Rate;

/// A bucket of as many creates as a period may have, refilled evenly.
#[derive(Debug)]
pub(super) struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, ToldTime, NoOpMiddleware<Duration>>,
    time: ToldTime,
}

impl Bucket {
    pub(super) fn new(rate: Rate) -> Self {
        let quota = Quota::with_period(rate.interval())
            .expect("a rate has an interval above zero")
            .allow_burst(rate.count());
        let time = ToldTime::default();
        Self {
            limiter: RateLimiter::direct_with_clock(quota, time.clone()),
            time,
        }
    }

    /// Takes one, or says how long it is until there is one.
    pub(super) fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.time.tell(now);
        self.limiter
            .check()
            .map_err(|refused| refused.wait_time_from(now))
    }
}

/// A clock that shows what it was told last.
#[derive(Debug, Clone, Default)]
struct ToldTime(Arc<AtomicU64>);

impl ToldTime {
    fn tell(&self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        self.0.store(nanos, Ordering::Relaxed);
    }
}

impl Clock for ToldTime {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The tasks that are not at an end, by the time of their end.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    ends: BinaryHeap<Reverse<Duration>>,
    endless: usize,
    most: usize,
}

impl InFlight {
    /// Counts the tasks that are in flight now.
    pub(super) fn count(&mut self, now: Duration) -> usize {
        while self.ends.peek().is_some_and(|Reverse(end)| *end <= now) {
            self.ends.pop();
        }
        self.ends.len() + self.endless
    }

    /// Adds a task that ends at `end`, or never.
    pub(super) fn add(&mut self, end: Option<Duration>, now: Duration) {
        match end {
            Some(end) => self.ends.push(Reverse(end)),
            None => self.endless += 1,
        }
        self.most = self.most.max(self.count(now));
    }

    /// The most that were in flight at one time.
    pub(super) fn most(&self) -> usize {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn a_bucket_gives_what_it_holds_at_once_and_then_one_an_interval() {
        let mut bucket = Bucket::new("4/s".parse().expect("valid"));
        for _ in 0..4 {
            assert_eq!(bucket.take(millis(10_000)), Ok(()));
        }
        assert_eq!(bucket.take(millis(10_000)), Err(millis(250)));
        assert_eq!(bucket.take(millis(10_200)), Err(millis(50)));
        assert_eq!(bucket.take(millis(10_250)), Ok(()));
        assert_eq!(bucket.take(millis(10_250)), Err(millis(250)));
    }

    #[test]
    fn a_client_that_keeps_to_the_rate_is_never_refused() {
        let mut bucket = Bucket::new("60/min".parse().expect("valid"));
        for number in 0..1_000_u64 {
            let jitter = millis(number * 37 % 200);
            assert_eq!(bucket.take(millis(number * 1000) + jitter), Ok(()));
        }
    }

    #[test]
    fn tasks_leave_when_they_end_and_endless_ones_stay() {
        let mut in_flight = InFlight::default();
        in_flight.add(Some(millis(30)), millis(0));
        in_flight.add(Some(millis(10)), millis(0));
        in_flight.add(None, millis(5));
        assert_eq!(in_flight.count(millis(9)), 3);
        assert_eq!(in_flight.count(millis(10)), 2);
        assert_eq!(in_flight.count(millis(1_000)), 1);
        assert_eq!(in_flight.most(), 3);
    }
}
