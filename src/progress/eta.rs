//! How long a run still takes: from what jobs took so far, the jobs that are left and the slots they share.
//!
//! Start at [`Eta::left`]. Jobs of this run are the base; until three of them are settled, the median of what earlier
//! runs left in the state is; without either nothing is said. The end that is shown never jumps: of the way to a newly
//! reckoned end only a small part is gone in a second, the smaller the further off the end is.

use std::collections::VecDeque;
use std::time::Duration;

use crate::engine::event::PendingClass;
use crate::engine::snapshot::{Gate, Snapshot};

/// Jobs of this run that are remembered.
const REMEMBERED: usize = 64;

/// As many as are remembered at most.
const MANY: u32 = 64;

/// Jobs of this run that are a base of their own.
const OWN_BASE: usize = 3;

/// Jobs after which the pace at which jobs settle is a base as well.
const PACE_BASE: usize = 16;

/// A job that takes so many times longer than usual says nothing about when it ends.
const LOST_PATIENCE: u32 = 3;

/// The shown end goes half of the way to a new one in an eighth of what is left (sooner while few jobs are known, whose
/// mean still errs), but in no less and no more than this.
const CALM: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(600)];

/// Follows a run and tells when it ends.
#[derive(Debug, Default)]
pub(super) struct Eta {
    /// When jobs of this run were settled, and what they had taken: the last ones.
    own: VecDeque<(Duration, Duration)>,
    /// What jobs of earlier runs usually took.
    earlier: Option<Duration>,
    shown: Option<Shown>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    end: Duration,
    at: Duration,
    submits: Submits,
}

/// Whether there will be submits: when that changes, the end jumps, and may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Submits {
    GoOn,
    /// Slower than asked for: the provider takes fewer.
    Restrained,
    Stopped,
}

impl Eta {
    /// Nothing of this run is known yet; earlier jobs took so long each.
    pub(super) fn new(mut earlier: Vec<Duration>) -> Self {
        earlier.sort_unstable();
        Self {
            earlier: earlier.get(earlier.len() / 2).copied(),
            ..Self::default()
        }
    }

    /// A job of this run was settled at `now`, and took so long from its submit on.
    pub(super) fn settled(&mut self, now: Duration, took: Duration) {
        if self.own.len() == REMEMBERED {
            self.own.pop_front();
        }
        self.own.push_back((now, took));
    }

    /// What a job usually takes: the mean without the quickest and the slowest eighth, so that no single job matters
    /// much.
    pub(super) fn usual(&self) -> Option<Duration> {
        let has_base = self.own.len() >= OWN_BASE || self.earlier.is_none();
        if !has_base || self.own.is_empty() {
            return self.earlier;
        }
        let mut took: Vec<_> = self.own.iter().map(|(_, took)| *took).collect();
        took.sort_unstable();
        let passed_over = took.len() / 8;
        let middle = &took[passed_over..took.len() - passed_over];
        let count = u32::try_from(middle.len()).expect("at most 64");
        Some(middle.iter().sum::<Duration>() / count)
    }

    /// How long the run takes from `now` on, if that can be told.
    pub(super) fn left(&mut self, now: Duration, snapshot: &Snapshot<'_>) -> Option<Duration> {
        let reckoned = self.reckoned(now, snapshot);
        let known = u32::try_from(self.own.len()).expect("at most 64");
        let submits = match snapshot.gate {
            Gate::Stopped(_) => Submits::Stopped,
            _ if is_restrained(snapshot) => Submits::Restrained,
            _ => Submits::GoOn,
        };
        self.shown = reckoned.map(|left| {
            let end = now + left;
            let before = self.shown.filter(|shown| shown.submits == submits);
            Shown {
                end: before.map_or(end, |before| approached(before, end, now, known)),
                at: now,
                submits,
            }
        });
        self.shown.map(|shown| shown.end.saturating_sub(now))
    }

    fn reckoned(&self, now: Duration, snapshot: &Snapshot<'_>) -> Option<Duration> {
        let usual = self.usual()?;
        let ages = [
            snapshot.youngest,
            snapshot.oldest.first().map(|aged| aged.age),
        ];
        let running = ages.into_iter().flatten().map(|age| rest(age, usual));
        let submitting = (snapshot.counts.submitting > 0).then_some(Some(usual));
        let running = running.chain(submitting);
        if snapshot.to_submit == 0 {
            // The one that takes longest ends the run.
            return running.collect::<Option<Vec<_>>>()?.into_iter().max();
        }
        let longest = running.flatten().max().unwrap_or_default();
        let free = snapshot.concurrency.saturating_sub(snapshot.in_flight);
        let waiting = snapshot.to_submit.saturating_sub(free);
        let by_slots = usual.saturating_mul(waiting) / snapshot.concurrency.max(1);
        let by_rate = snapshot.submit_spacing.saturating_mul(snapshot.to_submit);
        // Chance alone makes the pace differ by less.
        let by_pace = self
            .spacing(now)
            .map(|spacing| spacing.saturating_mul(waiting))
            .filter(|by_pace| *by_pace > by_slots * 5 / 4)
            .unwrap_or_default();
        let pause = match snapshot.gate {
            Gate::Pause { opens_in, .. } => opens_in,
            _ => Duration::ZERO,
        };
        let by_accepts = if is_restrained(snapshot) {
            self.accept_spacing(now, snapshot)
                .saturating_mul(snapshot.to_submit)
        } else {
            Duration::ZERO
        };
        let by_limits = pause + by_slots.max(by_rate).max(by_pace);
        let last_begins = by_limits.max(by_accepts);
        let last_begins = last_begins.min(snapshot.deadline_in);
        Some((last_begins + usual).max(longest))
    }

    /// Time between two jobs that the provider has taken so far, pauses after refusals with them.
    fn accept_spacing(&self, now: Duration, snapshot: &Snapshot<'_>) -> Duration {
        let settled = u32::try_from(self.own.len()).expect("at most 64");
        now / settled.saturating_add(snapshot.in_flight).max(1)
    }

    /// Time between two settled jobs of late: longer than slots and rate explain where the account allows less.
    fn spacing(&self, now: Duration) -> Option<Duration> {
        let (first, _) = self.own.front()?;
        let gaps = u32::try_from(self.own.len()).expect("at most 64");
        (self.own.len() >= PACE_BASE).then(|| now.saturating_sub(*first) / gaps)
    }
}

/// Whether refusals of the provider hold submits up.
fn is_restrained(snapshot: &Snapshot<'_>) -> bool {
    let is_refused = matches!(
        snapshot.gate,
        Gate::Pause {
            class: PendingClass::RateLimited,
            ..
        }
    );
    is_refused || snapshot.submit_spacing > snapshot.asked_spacing
}

/// How long a running job of this age still takes: the rest of the usual time; the longer it is over that, the longer
/// still; `None` if it is so far over that nobody can tell.
fn rest(age: Duration, usual: Duration) -> Option<Duration> {
    let over = age.saturating_sub(usual);
    (age <= usual.saturating_mul(LOST_PATIENCE))
        .then(|| (usual.saturating_sub(age)).max(usual / 10) + over / 2)
}

/// The end to show at `now` on the way from what was shown `before` to `end`, which so many jobs are the base of.
fn approached(before: Shown, end: Duration, now: Duration, known: u32) -> Duration {
    let passed = now.saturating_sub(before.at).as_secs_f64();
    let [least, most] = CALM;
    let left = before.end.saturating_sub(now);
    let calm = (left / 8 * known / MANY).clamp(least, most).as_secs_f64();
    let part = passed / (passed + calm);
    let later = end.saturating_sub(before.end).mul_f64(part);
    let sooner = before.end.saturating_sub(end).mul_f64(part);
    (before.end + later).saturating_sub(sooner)
}

/// `about 12 min left`, in steps that grow with it.
pub(super) fn show_left(left: Duration) -> String {
    let minutes = left.as_secs().div_ceil(60);
    match minutes {
        0..=1 => "under 1 min left".to_owned(),
        2..=90 => format!("about {minutes} min left"),
        91..=2_880 => {
            let tens = minutes.div_ceil(10) * 10;
            match (tens / 60, tens % 60) {
                (hours, 0) => format!("about {hours} h left"),
                (hours, minutes) => format!("about {hours} h {minutes} min left"),
            }
        }
        _ => format!("about {} days left", minutes.div_ceil(1_440)),
    }
}
