//! Where a run stands at a moment, for whoever shows it: read-only, and as cheap for a million jobs as for ten.
//!
//! Start at [`Engine::snapshot`]. It decides nothing, and says how the decisions of `submits` and `polls` look from
//! outside.

use std::time::Duration;

use super::downloads::DownloadCounts;
use super::event::{JobIndex, Now, PendingClass, StopReason};
use super::{Counts, Engine, Polls};
use crate::money::{Amount, Cost};

/// Most running jobs that are named.
pub const OLDEST: usize = 3;

/// A run at a moment.
#[derive(Debug, Clone)]
pub struct Snapshot<'a> {
    /// Jobs by status, removed ones included.
    pub counts: Counts,
    /// Open creates and running tasks that hold a slot.
    pub in_flight: u32,
    /// How many may be in flight at present: as many as were asked for, or fewer after refusals.
    pub concurrency: u32,
    /// How many were asked for.
    pub asked_concurrency: u32,
    /// Jobs that this run may still submit; under a cap, as many as the cheapest would be.
    pub to_submit: u32,
    /// What the next submit waits for.
    pub gate: Gate<'a>,
    /// Shortest time between two submits at present: by the rate that was asked for, or slower after refusals.
    pub submit_spacing: Duration,
    /// The same by the rate alone.
    pub asked_spacing: Duration,
    /// How long all polls still wait because the provider asked to slow down.
    pub polls_paused: Option<Duration>,
    /// What the run still waits for, once it neither submits nor polls any more.
    pub ending: Option<Ending>,
    /// How long submits may still leave.
    pub deadline_in: Duration,
    /// The running jobs that hold a slot and were accepted first, oldest first.
    pub oldest: Vec<Aged>,
    /// Age of the running job that was accepted last.
    pub youngest: Option<Duration>,
    /// Create requests that this run has sent.
    pub submits: u64,
    /// Polls that this run has sent.
    pub polls: u64,
    /// What the state has reserved, where prices are known.
    pub spend: Option<Spend>,
    /// How far the downloads are, if the run is to download.
    pub downloads: Option<DownloadCounts>,
}

/// A running job and how long ago it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aged {
    /// Which job.
    pub job: JobIndex,
    /// Time since its acceptance.
    pub age: Duration,
}

/// What all requests of a state may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spend {
    /// What is paid or may have to be paid for the requests so far, those of earlier runs included.
    pub reserved: Cost,
    /// The most that may be, if there is a cap.
    pub cap: Option<Amount>,
}

/// A run that neither submits nor polls any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Creates that are not answered yet.
    pub open_creates: u32,
    /// How long they may take, after an interrupt.
    pub grace: Option<Duration>,
}

/// What the next submit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate<'a> {
    /// For nothing: it leaves now.
    Open,
    /// For the spacing of submits.
    Rate {
        /// Time left.
        opens_in: Duration,
        /// Whether refusals have made it longer than the rate asks for.
        is_slowed: bool,
    },
    /// For a job in flight to settle: as many are in flight as may be.
    Full,
    /// For the answer to a create that is open: only so many are risked before there is an accept.
    Answer,
    /// For the end of a pause.
    Pause {
        /// `rate_limited` after a 429, `not_sent` where the provider could not be reached.
        class: PendingClass,
        /// Time left.
        opens_in: Duration,
    },
    /// Nothing is left to submit.
    Done,
    /// Submits have ended for this run.
    Stopped(&'a StopReason),
}

impl Snapshot<'_> {
    /// Whether nothing is left to wait for but files.
    pub fn only_downloads(&self) -> bool {
        let is_busy = |downloads: DownloadCounts| downloads.open + downloads.waiting > 0;
        self.to_submit == 0 && self.in_flight == 0 && self.downloads.is_some_and(is_busy)
    }
}

impl Engine {
    /// Where the run stands.
    pub fn snapshot(&self, now: Now) -> Snapshot<'_> {
        let pause = self.polls_paused_until.saturating_sub(now.mono);
        Snapshot {
            counts: self.counts,
            in_flight: self.in_flight(),
            concurrency: self.most_in_flight(),
            asked_concurrency: self.limits.concurrency.get(),
            to_submit: self.to_submit(),
            gate: self.gate(now.mono),
            submit_spacing: self.limits.submit_interval.max(self.restraint.pace()),
            asked_spacing: self.limits.submit_interval,
            polls_paused: (!pause.is_zero()).then_some(pause),
            ending: self.ending(now),
            deadline_in: self.limits.deadline.saturating_sub(self.elapsed(now)),
            oldest: self.watches.oldest(OLDEST, now.mono),
            youngest: self.watches.youngest(now.mono),
            submits: self.submits_sent,
            polls: self.polls_sent,
            spend: self.spend(),
            downloads: self.downloads(),
        }
    }

    fn ending(&self, now: Now) -> Option<Ending> {
        (self.polls_end == Polls::Ended).then(|| Ending {
            open_creates: u32::try_from(self.open_creates.len()).unwrap_or(u32::MAX),
            grace: self.grace_ends.map(|end| end.saturating_sub(now.mono)),
        })
    }

    /// `None` also where sums in several currencies make no number.
    fn spend(&self) -> Option<Spend> {
        let reserved = self.table.reserved();
        if let Some(budget) = &self.budget {
            let amount = budget.reserved(reserved);
            let cap = budget.cap();
            return Some(Spend {
                reserved: Cost { amount, ..cap },
                cap: Some(cap.amount),
            });
        }
        let mut costs = reserved.costs();
        let (reserved, cap) = (costs.next()?, None);
        let is_only = costs.next().is_none();
        is_only.then_some(Spend { reserved, cap })
    }

    fn to_submit(&self) -> u32 {
        if !self.stops.is_empty() {
            return 0;
        }
        let fresh = self.fresh.most_fitting(self.room());
        let fresh = u32::try_from(fresh).unwrap_or(u32::MAX);
        let allowed = self
            .limits
            .max_jobs
            .map_or(u32::MAX, |most| most.get().saturating_sub(self.submitted));
        let again = u32::try_from(self.again.len()).unwrap_or(u32::MAX);
        fresh.min(allowed).saturating_add(again)
    }

    fn most_in_flight(&self) -> u32 {
        let asked = self.limits.concurrency.get();
        let found = self.restraint.most_in_flight();
        found.map_or(asked, |found| found.min(asked))
    }

    fn gate(&self, now: Duration) -> Gate<'_> {
        if let Some(reason) = self.stops.first() {
            return Gate::Stopped(reason);
        }
        if !self.has_submits_left() {
            return Gate::Done;
        }
        if self.to_submit() == 0 || !self.has_affordable() {
            return Gate::Answer; // a create that is open may give back what it has reserved
        }
        if let Some((class, opens_in)) = self.restraint.pause_left(now) {
            return Gate::Pause { class, opens_in };
        }
        if self.in_flight() >= self.limits.concurrency.get() {
            return Gate::Full;
        }
        if self.open_creates.len() >= self.restraint.window() as usize {
            return Gate::Answer;
        }
        let in_flight = self.in_flight();
        if in_flight >= self.most_in_flight()
            && self.restraint.open_at(self.last_submit, in_flight) > now
        {
            return Gate::Full;
        }
        match self.submit_open_at().saturating_sub(now) {
            Duration::ZERO => Gate::Open,
            opens_in => Gate::Rate {
                opens_in,
                is_slowed: self.restraint.pace() > self.limits.submit_interval,
            },
        }
    }
}
