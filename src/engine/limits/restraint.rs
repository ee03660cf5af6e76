//! Feels for the unknown limits of the account: what accepts and refusals teach, put together. Start at [`Restraint`].

use std::collections::HashMap;
use std::time::Duration;

use super::super::event::{JobIndex, PendingClass};
use super::super::retry;
use super::flight::{Cause, Flight};
use super::pace::Pace;
use super::past::Past;

/// A create that comes so much slower than one that was taken is not refused for its pace.
const CHANCE: f64 = 1.1;

/// After so many refusals without any excuse chance is no explanation any more.
const MOST_LUCK: u32 = 4;

/// What speaks for chance when a create is refused.
#[derive(Debug, Clone, Copy, Default)]
struct Excuse {
    /// It came slower than one that was taken, by this factor.
    slack: Option<f64>,
    /// One was taken with more jobs in flight, of late.
    is_few: bool,
}

/// A refusal pauses everything; then one create probes. How many creates may be open at once grows with accepts, and is
/// one until the first (which is also the brake on doubt). How many jobs may be in flight and how fast creates may leave
/// is found out by `Flight` and `Pace`: each create is filed with what was in flight when it left.
#[derive(Debug, Clone)]
pub struct Restraint {
    flight: Flight,
    pace: Pace,
    past: Past,
    /// How long refusals go on to be taken for chance.
    luck: u32,
    /// The creates that are open.
    departures: HashMap<JobIndex, Departure>,
    /// When the last refusal was known that was not one of a burst.
    refused_at: Option<Duration>,
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

/// A create as it left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Departure {
    /// When.
    pub at: Duration,
    /// How long after the create before it.
    pub gap: Option<Duration>,
    /// Other jobs that were known to be at the provider.
    pub running: u32,
    /// Other creates that were open: of them nobody knew whether they would be taken.
    pub open: u32,
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
            flight: Flight::default(),
            pace: Pace::new(user_interval),
            past: Past::default(),
            luck: 0,
            departures: HashMap::new(),
            refused_at: None,
            paused_until: Duration::ZERO,
            cause: PendingClass::RateLimited,
            streak: 0,
            window: 1,
            credit: 0,
            careful_above: u32::MAX,
        }
    }

    /// A create leaves.
    pub fn left(&mut self, job: JobIndex, departure: Departure) {
        self.departures.insert(job, departure);
    }

    /// A create ended in a way that says nothing about limits.
    pub fn ended(&mut self, job: JobIndex) {
        self.departures.remove(&job);
    }

    /// 429: pause as told or by back-off, and file it under what may have been too much.
    pub fn refused(
        &mut self,
        job: JobIndex,
        now: Duration,
        retry_after: Option<Duration>,
        seed: u32,
    ) -> Episode {
        let departure = self.departures.remove(&job);
        let others = departure.map_or(0, |it| it.running + it.open);
        if self.is_of_burst(departure) {
            self.flight.refused_too(others);
            return self.pause_or_prolong(now, retry_after, seed);
        }
        let excuse = departure.map_or(Excuse::default(), |it| self.excuse(it));
        if let Some(it) = departure {
            self.past.answered(it.at, it.running, false);
        }
        let gap = departure.and_then(|it| it.gap);
        let is_lucky = excuse.is_few && (excuse.slack.is_some() || self.luck > 0);
        let cause = if is_lucky {
            Cause::Pace
        } else {
            self.flight.refused(others, gap, now, seed)
        };
        if cause == Cause::Flight {
            self.pace.acquit();
        } else {
            self.slow_down(excuse, now);
        }
        self.refused_at = Some(now);
        self.pause(now, PendingClass::RateLimited, retry_after, seed)
    }

    /// Tells chance from too high a pace, by the first create that is refused: those that probe afterwards tell nothing.
    fn excuse(&self, departure: Departure) -> Excuse {
        let slack = self.past.slack(departure.at);
        let others = departure.running + departure.open;
        let is_held = self.flight.held().is_some();
        Excuse {
            slack: (slack > CHANCE && self.streak == 0).then_some(slack),
            is_few: !is_held && self.past.most_running().is_some_and(|most| others < most),
        }
    }

    /// A create was refused, not surely for the jobs in flight.
    fn slow_down(&mut self, excuse: Excuse, now: Duration) {
        match excuse.slack {
            Some(slack) => {
                if excuse.is_few {
                    self.luck = (self.luck + 2).min(MOST_LUCK);
                }
                self.pace.ease(slack);
            }
            None if self.luck > 0 && self.streak > 0 => {}
            None if self.luck > 0 => {
                self.luck -= 1;
                self.pace.brake();
            }
            None => self.pace.refused(now),
        }
    }

    /// One of a burst prolongs the pause that is on; one that comes after its end begins another.
    fn pause_or_prolong(
        &mut self,
        now: Duration,
        retry_after: Option<Duration>,
        seed: u32,
    ) -> Episode {
        if now >= self.paused_until {
            return self.pause(now, PendingClass::RateLimited, retry_after, seed);
        }
        let told = retry::told(retry_after).unwrap_or_default();
        self.paused_until = self.paused_until.max(now + told);
        Episode::Same
    }

    /// Whether a create had left before the last refusal was known: its answer tells nothing new.
    fn is_of_burst(&self, departure: Option<Departure>) -> bool {
        departure.is_some_and(|it| self.refused_at.is_some_and(|refused| it.at <= refused))
    }

    /// No connection: pause by back-off.
    pub fn unreachable(&mut self, job: JobIndex, now: Duration, seed: u32) -> Episode {
        self.departures.remove(&job);
        if now < self.paused_until {
            return Episode::Same;
        }
        self.pause(now, PendingClass::NotSent, None, seed)
    }

    fn pause(
        &mut self,
        now: Duration,
        cause: PendingClass,
        retry_after: Option<Duration>,
        seed: u32,
    ) -> Episode {
        let own = |streak| retry::pause(streak, seed);
        let (wait, until) = match retry::told(retry_after) {
            Some(told) => {
                // Advice that did not help the last time is doubted.
                let wait = self
                    .streak
                    .checked_sub(1)
                    .map_or(told, |again| told.max(own(again)));
                (wait, now + retry::scattered(wait, (self.streak, seed)))
            }
            None => (own(self.streak), now + own(self.streak)),
        };
        self.streak = self.streak.saturating_add(1);
        self.careful_above = (self.window / 2).max(1);
        self.window = 1;
        self.credit = 0;
        let is_new = now >= self.paused_until;
        self.paused_until = self.paused_until.max(until);
        self.cause = cause;
        if is_new {
            Episode::New(wait)
        } else {
            Episode::Same
        }
    }

    /// An accept: the provider takes creates again.
    pub fn accepted(&mut self, job: JobIndex, now: Duration) {
        let departure = self.departures.remove(&job);
        if let Some(it) = departure {
            self.past.answered(it.at, it.running, true);
        }
        if self.is_of_burst(departure) {
            self.pace.accepted_late();
            return;
        }
        self.streak = 0;
        self.credit += 1;
        if self.window < self.careful_above || self.credit >= self.window {
            self.window = self.window.saturating_add(1);
            self.credit = 0;
        }
        if let Some(departure) = departure {
            self.learn(departure, now);
        }
    }

    fn learn(&mut self, departure: Departure, now: Duration) {
        let cause = self.flight.accepted(departure.running);
        match cause {
            Some(Cause::Flight) => self.pace.acquit(),
            Some(Cause::Pace) if self.luck == 0 => self.pace.blame(),
            _ => {}
        }
        let is_free = self.flight.held().is_none();
        self.pace.accepted(departure, now, is_free);
        if cause == Some(Cause::Pace) {
            self.pace.convict();
        }
    }

    /// When the next create may leave, the last one having left at `last`, with so many jobs in flight.
    pub fn open_at(&self, last: Option<Duration>, in_flight: u32) -> Duration {
        self.paused_until
            .max(self.flight.open_at(in_flight, self.open(), last))
            .max(last.map_or(Duration::ZERO, |last| last + self.pace.interval()))
    }

    /// Why everything waits, and how long still; `None` without a pause.
    pub fn pause_left(&self, now: Duration) -> Option<(PendingClass, Duration)> {
        let left = self.paused_until.saturating_sub(now);
        (!left.is_zero()).then_some((self.cause, left))
    }

    /// Shortest time between two creates, by what refusals have taught.
    pub fn pace(&self) -> Duration {
        self.pace.interval()
    }

    /// How many jobs may be in flight, by what refusals have taught.
    pub fn most_in_flight(&self) -> Option<u32> {
        self.flight.held()
    }

    fn open(&self) -> u32 {
        u32::try_from(self.departures.len()).unwrap_or(u32::MAX)
    }

    /// How many creates may be open at once.
    pub fn window(&self) -> u32 {
        self.window
    }
}

#[cfg(test)]
mod tests;
