//! What submits waited for in a run, and how the provider took them: gathered while it goes on, for what is said at
//! its end.
//!
//! Start at [`Waits::follow`]; [`Waits::ceiling`] and [`Waits::spacing`] say what the figures back, and nothing more.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::engine::event::{Event, PendingClass};
use crate::engine::snapshot::{Gate, Snapshot};
use crate::engine::table::{Fact, Record};
use crate::plan::JobId;

/// So many refusals are no chance any more.
const SEVERAL: u32 = 3;

/// So many accepts tell that it is the spacing.
const MANY: u32 = 10;

/// What submits waited for, and what came of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Waits {
    /// Time lost to 429s: in pauses, and by the slower pace after them.
    pub rate_limited: Duration,
    /// Time in pauses after a connection that could not be made.
    pub unreachable: Duration,
    /// Submits that were accepted, by how many other jobs were in flight: known to run, and of those with open creates.
    accepted: BTreeMap<Others, u32>,
    /// Submits that were answered with 429, by how many others were in flight.
    refused: BTreeMap<u32, u32>,
    /// The spacing that the run keeps now, if refusals have made it longer than the rate asks for.
    pace: Option<Duration>,
    /// Submits that were accepted since the last 429.
    in_a_row: u32,
    /// What the next submit waits for now.
    waiting: Waiting,
    /// When a snapshot was looked at last.
    seen: Duration,
    /// When the last submit left.
    last: Option<Duration>,
    /// How long after the submit before it each open one left.
    open: HashMap<JobId, Duration>,
    /// The longest such time of one that was answered with 429.
    longest_refused: Duration,
    /// Submits that were accepted, by such a time, roughly.
    gaps: BTreeMap<u32, u32>,
}

/// Jobs that were in flight when another one was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Others {
    running: u32,
    /// Of these nobody knows whether the provider had taken them.
    open: u32,
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
        self.count(records, snapshot);
        for record in records {
            self.take_gap(record, now);
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

    fn count(&mut self, records: &[&Record], snapshot: &Snapshot<'_>) {
        let events = records.iter().filter_map(|record| match &record.fact {
            Fact::Job { event, .. } => Some(event),
            Fact::Run(_) => None,
        });
        let is_accept = |event: &&Event| matches!(event, Event::Accepted { .. });
        let open = snapshot.counts.submitting;
        let news = u32::try_from(events.clone().filter(is_accept).count()).unwrap_or(u32::MAX);
        let running = snapshot.in_flight.saturating_sub(open);
        let mut running = running.saturating_sub(news);
        for event in events {
            match event {
                Event::Accepted { .. } => {
                    *self.accepted.entry(Others { running, open }).or_default() += 1;
                    running += 1;
                    self.in_a_row += 1;
                }
                Event::Returned {
                    class: PendingClass::RateLimited,
                    ..
                } => {
                    *self.refused.entry(running + open).or_default() += 1;
                    self.in_a_row = 0;
                }
                _ => {}
            }
        }
    }

    fn take_gap(&mut self, record: &Record, now: Duration) {
        let Fact::Job { id, event } = &record.fact else {
            return;
        };
        if matches!(event, Event::Intent { .. }) {
            let gap = self.last.map(|last| now.saturating_sub(last));
            self.last = Some(now);
            self.open.extend(gap.map(|gap| (id.clone(), gap)));
        } else if let Some(gap) = self.open.remove(id) {
            match event {
                Event::Accepted { .. } => *self.gaps.entry(roughly(gap)).or_default() += 1,
                Event::Returned {
                    class: PendingClass::RateLimited,
                    ..
                } => self.longest_refused = self.longest_refused.max(gap),
                _ => {}
            }
        }
    }

    /// How many submits were answered with 429.
    pub fn refusals(&self) -> u32 {
        self.refused.values().sum()
    }

    /// How many were accepted.
    pub fn accepts(&self) -> u32 {
        self.accepted.values().sum()
    }

    /// Most jobs that were known to run at a time after an accept.
    pub fn most_running(&self) -> u32 {
        let last = self.accepted.keys().next_back();
        last.map_or(0, |others| others.running + 1)
    }

    /// How many jobs at a time the account takes, if that is what it refuses for: no 429 came with fewer others in
    /// flight, and hardly an accept with as many.
    pub fn ceiling(&self) -> Option<u32> {
        let least = self.fewest_at_refusal()?;
        let beyond = self.accepted_with(|others| others.running + others.open >= least);
        (least > 0 && beyond * 4 <= self.accepts()).then_some(least)
    }

    /// How far apart submits must be for this account, if that is what it refuses for: none was refused that left so long
    /// after the one before it, and many were accepted that did.
    pub fn spacing(&self) -> Option<Duration> {
        let longest = self.longest_refused;
        let beyond = self.gaps.range(roughly(longest) + 1..);
        let beyond: u32 = beyond.map(|(_, count)| count).sum();
        (self.refusals() >= SEVERAL && beyond >= MANY).then_some(longest)
    }

    /// How far apart submits were kept in the end, if many in a row were accepted so.
    pub fn pace(&self) -> Option<Duration> {
        self.pace.filter(|_| self.in_a_row >= MANY)
    }

    /// With how few others in flight a submit was refused, if that happened often enough to tell anything.
    fn fewest_at_refusal(&self) -> Option<u32> {
        let least = *self.refused.keys().next()?;
        (self.refusals() >= SEVERAL).then_some(least)
    }

    fn accepted_with(&self, is_meant: impl Fn(&Others) -> bool) -> u32 {
        let meant = self.accepted.iter().filter(|(others, _)| is_meant(others));
        meant.map(|(_, count)| count).sum()
    }
}

/// A time in steps that grow with it, by a tenth or so.
fn roughly(time: Duration) -> u32 {
    let millis = u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1);
    let power = millis.ilog2();
    let eighths = (u64::from(millis) * 8) >> power; // 8 to 15
    power * 8 + u32::try_from(eighths).expect("below 16") - 8
}

#[cfg(test)]
pub(super) mod tests;
