//! What submits waited for in a run, and how the provider took them: gathered while it goes on, for what is said at
//! its end.
//!
//! Start at [`Waits::follow`]. What the account takes is the engine's finding; [`Waits::ceiling`] and [`Waits::pace`] say
//! what of it stood to the end.

use std::collections::HashMap;
use std::time::Duration;

use crate::engine::event::{Event, PendingClass};
use crate::engine::snapshot::{Gate, Snapshot};
use crate::engine::table::{Fact, Record};
use crate::plan::JobId;

/// So many accepts in a row tell that a pace is slow enough.
const MANY: u32 = 10;

/// What submits waited for, and what came of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waits {
    /// Time lost to 429s: in pauses, and by the slower pace after them.
    pub rate_limited: Duration,
    /// Time in pauses after a connection that could not be made.
    pub unreachable: Duration,
    /// Submits that were accepted.
    accepts: u32,
    /// Submits that were answered with 429.
    refusals: u32,
    /// How many jobs at a time the run keeps to now, if refusals have made it fewer than may be.
    bound: Option<u32>,
    /// The same right after the last 429.
    found: Option<u32>,
    /// The spacing that the run keeps now, if refusals have made it longer than the rate asks for.
    pace: Option<Duration>,
    /// Submits that were accepted since the last 429.
    in_a_row: u32,
    /// How long after the submits before them those left, added up.
    row: Duration,
    /// What the next submit waits for now.
    waiting: Waiting,
    /// When a snapshot was looked at last.
    seen: Duration,
    /// When the last submit left.
    last: Option<Duration>,
    /// How long after the submit before it each open one left.
    open: HashMap<JobId, Duration>,
}

/// What the next submit waits for, as far as it matters here, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Waiting {
    #[default]
    ForNothing,
    Pause(PendingClass, Duration),
    /// For the pace: `excess` of `spacing` is more than the rate asks for.
    Slowed {
        until: Duration,
        excess: Duration,
        spacing: Duration,
    },
}

impl Waits {
    /// Takes in what became true at `now`, and the run as it is then; often enough that no pause is missed.
    pub fn follow(&mut self, records: &[&Record], snapshot: &Snapshot<'_>, now: Duration) {
        self.add_up(now);
        self.waiting = match snapshot.gate {
            Gate::Pause { class, opens_in } => Waiting::Pause(class, now + opens_in),
            Gate::Rate {
                opens_in,
                is_slowed: true,
            } => Waiting::Slowed {
                until: now + opens_in,
                excess: snapshot
                    .submit_spacing
                    .saturating_sub(snapshot.asked_spacing),
                spacing: snapshot.submit_spacing,
            },
            _ => Waiting::ForNothing,
        };
        self.seen = now;
        let is_slowed = snapshot.submit_spacing > snapshot.asked_spacing;
        self.pace = is_slowed.then_some(snapshot.submit_spacing);
        let is_bound = snapshot.concurrency < snapshot.asked_concurrency;
        self.bound = is_bound.then_some(snapshot.concurrency);
        for record in records {
            self.count(record, now);
        }
    }

    fn add_up(&mut self, now: Duration) {
        let passed = |until: Duration| now.min(until).saturating_sub(self.seen);
        match self.waiting {
            Waiting::ForNothing => {}
            Waiting::Pause(PendingClass::NotSent, until) => self.unreachable += passed(until),
            Waiting::Pause(_, until) => self.rate_limited += passed(until),
            Waiting::Slowed {
                until,
                excess,
                spacing,
            } => self.rate_limited += passed(until).mul_f64(excess.div_duration_f64(spacing)),
        }
    }

    fn count(&mut self, record: &Record, now: Duration) {
        let Fact::Job { id, event } = &record.fact else {
            return;
        };
        match event {
            Event::Intent { .. } => {
                let gap = self.last.map(|last| now.saturating_sub(last));
                self.last = Some(now);
                self.open.extend(gap.map(|gap| (id.clone(), gap)));
            }
            Event::Accepted { .. } => {
                self.accepts += 1;
                self.in_a_row += 1;
                self.row += self.open.remove(id).unwrap_or_default();
            }
            Event::Returned {
                class: PendingClass::RateLimited,
                ..
            } => {
                self.refusals += 1;
                self.in_a_row = 0;
                self.row = Duration::ZERO;
                self.found = self.bound;
                self.open.remove(id);
            }
            _ => {
                self.open.remove(id);
            }
        }
    }

    /// How many submits were answered with 429.
    pub fn refusals(&self) -> u32 {
        self.refusals
    }

    /// How many were accepted.
    pub fn accepts(&self) -> u32 {
        self.accepts
    }

    /// How many jobs at a time the account takes, if that is what it refused for: what was found by the last 429, and not
    /// given up since.
    pub fn ceiling(&self) -> Option<u32> {
        let stands = |found: &u32| self.bound.is_some_and(|bound| bound <= found + 1);
        self.found.filter(stands)
    }

    /// How far apart submits were in the end, as a rule, if they were slowed and many in a row were accepted so.
    pub fn pace(&self) -> Option<Duration> {
        let kept = self.pace.filter(|_| self.in_a_row >= MANY)?;
        let passed = self.row / self.in_a_row;
        (passed <= kept * 3 / 2).then_some(kept.max(passed)) // else something other than the pace held them back
    }
}

#[cfg(test)]
pub(super) mod tests;
