//! Which tasks are polled, and when each is due: a queue ordered by time, with what was learnt of each task so far.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::time::Duration;

use jiff::SignedDuration;

use super::event::JobIndex;
use super::snapshot::Aged;

/// What this run has learnt from polling one task.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one task"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Watch {
    /// Polls that ended.
    pub(super) polls: u32,
    /// Polls in a row that said nothing about the task.
    pub(super) errors: u32,
    /// Polls in a row that did not find it.
    pub(super) missing: u32,
    /// Polls that said completed, without a usable URL.
    pub(super) without_url: u32,
    /// Whether a poll of this run said something about the task.
    pub(super) heard: bool,
    /// Whether the task counts as in flight.
    pub(super) holds_slot: bool,
    /// Whether a poll is open now.
    pub(super) open: bool,
    /// When this run began to watch the task.
    pub(super) since: Duration,
    /// How old the task was then.
    pub(super) age: Duration,
    /// When the last poll was opened.
    pub(super) asked_at: Duration,
    /// Whether an odd answer was already reported.
    pub(super) reported: bool,
}

impl Watch {
    /// How old the task was when it was last asked for. A wall clock that is set meanwhile changes nothing.
    pub(super) fn age_when_asked(&self) -> Duration {
        self.age + self.asked_at.saturating_sub(self.since)
    }

    /// When the task was accepted, by the clock of this run: before its start if another run submitted it.
    fn began_at(&self) -> SignedDuration {
        let signed = |time| SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        signed(self.since).saturating_sub(signed(self.age))
    }
}

/// The polled tasks. Each is either due at some time or has an open poll.
#[derive(Debug, Default)]
pub(super) struct Watches {
    due: BinaryHeap<Reverse<(Duration, JobIndex)>>,
    tasks: HashMap<JobIndex, Watch>,
    open: usize,
    /// The tasks that count as in flight, oldest first.
    slots: BTreeSet<(SignedDuration, JobIndex)>,
}

impl Watches {
    /// Begins to poll a task, first at `due`.
    pub(super) fn add(&mut self, job: JobIndex, due: Duration, watch: Watch) {
        if watch.holds_slot {
            self.slots.insert((watch.began_at(), job));
        }
        self.tasks.insert(job, watch);
        self.due.push(Reverse((due, job)));
    }

    /// The task's record.
    pub(super) fn get_mut(&mut self, job: JobIndex) -> Option<&mut Watch> {
        self.tasks.get_mut(&job)
    }

    /// Ends polling a task; its slot is free.
    pub(super) fn remove(&mut self, job: JobIndex) {
        self.release_slot(job);
        if let Some(watch) = self.tasks.remove(&job) {
            self.open -= usize::from(watch.open);
        }
    }

    /// The task no longer counts as in flight; whether it did until now.
    pub(super) fn release_slot(&mut self, job: JobIndex) -> bool {
        let Some(watch) = self.tasks.get_mut(&job) else {
            return false;
        };
        let held = std::mem::take(&mut watch.holds_slot);
        if held {
            self.slots.remove(&(watch.began_at(), job));
        }
        held
    }

    /// Polls a task again at `due`.
    pub(super) fn schedule(&mut self, job: JobIndex, due: Duration) {
        self.due.push(Reverse((due, job)));
    }

    /// When the next task is due.
    pub(super) fn next_due(&mut self) -> Option<Duration> {
        while let Some(Reverse((due, job))) = self.due.peek() {
            if self.tasks.contains_key(job) {
                return Some(*due);
            }
            self.due.pop();
        }
        None
    }

    /// Takes the next due task and marks its poll as open.
    pub(super) fn open_next(&mut self, now: Duration) -> Option<JobIndex> {
        self.next_due().filter(|due| *due <= now)?;
        let Reverse((_, job)) = self.due.pop()?;
        let watch = self.tasks.get_mut(&job)?;
        watch.open = true;
        watch.asked_at = now;
        self.open += 1;
        Some(job)
    }

    /// Notes that the open poll of a task ended; `None` if the task is not polled any more.
    pub(super) fn closed(&mut self, job: JobIndex) -> Option<&mut Watch> {
        let watch = self.tasks.get_mut(&job)?;
        self.open -= usize::from(std::mem::take(&mut watch.open));
        watch.polls += 1;
        Some(watch)
    }

    /// Ends polling every task that an answer has come for.
    pub(super) fn keep_unasked(&mut self) {
        let was_asked = |(job, watch): (&JobIndex, &Watch)| (watch.polls > 0).then_some(*job);
        let asked: Vec<JobIndex> = self.tasks.iter().filter_map(was_asked).collect();
        for job in asked {
            self.remove(job);
        }
    }

    /// Ends polling altogether.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Number of polls that are open now.
    pub(super) fn open_polls(&self) -> usize {
        self.open
    }

    /// Number of running tasks that count as in flight.
    pub(super) fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("at most the concurrency, a u32")
    }

    /// The tasks that count as in flight and are oldest at `now`, oldest first.
    pub(super) fn oldest(&self, most: usize, now: Duration) -> Vec<Aged> {
        let oldest = self.slots.iter().take(most);
        oldest
            .map(|(began_at, job)| Aged {
                job: *job,
                age: since(*began_at, now),
            })
            .collect()
    }

    /// Age at `now` of the task in flight that was accepted last.
    pub(super) fn youngest(&self, now: Duration) -> Option<Duration> {
        self.slots.last().map(|(began_at, _)| since(*began_at, now))
    }

    /// Whether nothing is polled.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

fn since(moment: SignedDuration, now: Duration) -> Duration {
    let now = SignedDuration::try_from(now).unwrap_or(SignedDuration::MAX);
    super::non_negative(now.saturating_sub(moment))
}
