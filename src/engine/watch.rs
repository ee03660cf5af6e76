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
    /// How old the task was when a poll last found it running.
    pub(super) ran_at: Option<Duration>,
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
    /// Which of the times in the queue is this task's: whatever else is there is out of date.
    pub(super) ticket: u32,
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
    /// Times, with the tickets that they were given. Those of tasks that are polled no more, or at another time, stay
    /// until their turn comes.
    due: BinaryHeap<Reverse<(Duration, JobIndex, u32)>>,
    /// The ticket that was given last.
    ticket: u32,
    tasks: HashMap<JobIndex, Watch>,
    open: usize,
    /// The tasks that count as in flight, oldest first.
    slots: BTreeSet<(SignedDuration, JobIndex)>,
}

impl Watches {
    /// Begins to poll a task, first at `due`.
    pub(super) fn add(&mut self, job: JobIndex, due: Duration, watch: Watch) {
        self.remove(job);
        if watch.holds_slot {
            self.slots.insert((watch.began_at(), job));
        }
        self.tasks.insert(job, watch);
        self.schedule(job, due);
    }

    /// What is known of a task.
    pub(super) fn get(&self, job: JobIndex) -> Option<&Watch> {
        self.tasks.get(&job)
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

    /// Polls a task again at `due`, and at no other time.
    pub(super) fn schedule(&mut self, job: JobIndex, due: Duration) {
        if let Some(watch) = self.tasks.get_mut(&job) {
            self.ticket = self.ticket.wrapping_add(1);
            watch.ticket = self.ticket;
            self.due.push(Reverse((due, job, self.ticket)));
        }
    }

    /// When the next task is due.
    pub(super) fn next_due(&mut self) -> Option<Duration> {
        while let Some(Reverse((due, job, ticket))) = self.due.peek() {
            let watch = self.tasks.get(job);
            if watch.is_some_and(|watch| watch.ticket == *ticket) {
                return Some(*due);
            }
            self.due.pop();
        }
        None
    }

    /// Takes the next due task and marks its poll as open.
    pub(super) fn open_next(&mut self, now: Duration) -> Option<JobIndex> {
        self.next_due().filter(|due| *due <= now)?;
        let Reverse((_, job, _)) = self.due.pop()?;
        let watch = self.tasks.get_mut(&job)?;
        watch.open = true;
        watch.asked_at = now;
        self.open += 1;
        Some(job)
    }

    /// Notes that the open poll of a task ended; `None` if it has none: the poll was one of an earlier watch.
    pub(super) fn closed(&mut self, job: JobIndex) -> Option<&mut Watch> {
        let watch = self.tasks.get_mut(&job).filter(|watch| watch.open)?;
        watch.open = false;
        self.open -= 1;
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_removed_and_added_again_is_due_once_and_open_never_drifts() {
        let mut watches = Watches::default();
        watches.add(7, SECOND, Watch::default());
        watches.remove(7);
        watches.add(7, 3 * SECOND, Watch::default());
        assert_eq!(watches.next_due(), Some(3 * SECOND));
        assert_eq!(watches.open_next(2 * SECOND), None);
        assert_eq!(watches.open_next(3 * SECOND), Some(7));
        assert_eq!(
            (watches.open_next(9 * SECOND), watches.open_polls()),
            (None, 1)
        );

        // The poll of an earlier watch is not that of the present one.
        watches.add(7, 4 * SECOND, Watch::default());
        assert_eq!(watches.open_polls(), 0);
        assert_eq!(watches.closed(7), None);
        assert_eq!(watches.open_next(4 * SECOND), Some(7));
        assert!(watches.closed(7).is_some());
        assert_eq!((watches.next_due(), watches.open_polls()), (None, 0));

        watches.schedule(7, 9 * SECOND);
        watches.schedule(7, 6 * SECOND);
        assert_eq!(watches.open_next(9 * SECOND), Some(7));
        watches.remove(7);
        assert_eq!((watches.next_due(), watches.open_polls()), (None, 0));
    }
}
