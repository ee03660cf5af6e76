//! The life of one job: its status and the one function that changes it.
//!
//! Start at [`JobState::apply`]. The full table of statuses × events is a snapshot in this module's tests.

use jiff::Timestamp;

use super::event::{
    Event, FailureClass, MediaUrl, PendingClass, RunNumber, SavedFile, SentRequest, TaskId,
};
use crate::money::{Amount, Cost, Currency};
use crate::plan::{Fingerprint, words};
use crate::text::CleanText;

/// Everything the state knows of one job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobState {
    /// Where the job is in its life.
    pub phase: Phase,
    /// Which making of the video this is, from 1.
    pub take: Take,
    /// Create requests of this take that may have reached the provider.
    pub attempts: u32,
    /// Hash of the request that was sent last.
    pub fingerprint: Option<Fingerprint>,
    /// The request columns as sent last; dropped from memory when the plan's request has the same fingerprint.
    pub sent: Option<Box<SentRequest>>,
    /// When the last intent was recorded.
    pub submitted_at: Option<Timestamp>,
    /// What the last intent was recorded to cost; in two parts, because a job must cost little memory.
    pub(super) amount: Amount,
    /// `None` if it was recorded without a cost.
    pub(super) currency: Option<Currency>,
    /// What was done about the files of this take; only of a completed job.
    pub files: Option<Box<JobFiles>>,
    /// The last completed take, while no later one is completed.
    pub earlier: Option<Box<EarlierTake>>,
}

/// A completed take of a job that is, or was to be, made again: it was paid for and stays until a later one is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierTake {
    /// Which one it is.
    pub take: Take,
    /// Its task.
    pub task: Task,
    /// Where the video is.
    pub video_url: MediaUrl,
    /// Picture of the last frame.
    pub last_frame_url: Option<MediaUrl>,
    /// When its completion was recorded.
    pub finished_at: Timestamp,
    /// What was sent for it; `None` if that is what the plan says.
    pub sent: Option<Box<SentRequest>>,
    /// What was done about its files.
    pub files: Option<Box<JobFiles>>,
}

/// The video that a job has: that of its current take, or else that of the last completed one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Video<'a> {
    /// Of which take.
    pub take: Take,
    /// Its task.
    pub task: &'a Task,
    /// Where it is.
    pub url: &'a MediaUrl,
    /// Picture of the last frame.
    pub last_frame_url: Option<&'a MediaUrl>,
    /// When it was finished.
    pub finished_at: Timestamp,
    /// What was done about its files.
    pub files: Option<&'a JobFiles>,
}

impl Video<'_> {
    /// Whether a file that the provider made is not recorded as saved.
    pub fn lacks_files(&self) -> bool {
        self.files.is_none_or(|files| {
            files.video.is_none() || files.last_frame.is_none() && self.last_frame_url.is_some()
        })
    }
}

/// The files of a completed job on this disk, and why one is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JobFiles {
    /// The video.
    pub video: Option<SavedFile>,
    /// The picture of its last frame.
    pub last_frame: Option<SavedFile>,
    /// Why the last run that wanted them gave up on one.
    pub trouble: Option<CleanText>,
}

/// Number of a take, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Take(pub u32);

impl Default for Take {
    fn default() -> Self {
        Self(1)
    }
}

/// Where a job is in its life, with what is known there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing is known to be at the provider.
    #[default]
    Pending,
    /// As pending, after a try that surely created nothing.
    Returned {
        /// Why.
        class: PendingClass,
        /// What was said.
        message: CleanText,
    },
    /// A create is open (or was, when the run died).
    Submitting {
        /// The run that sent it.
        run: RunNumber,
    },
    /// The provider has it.
    Running {
        /// Its task.
        task: Task,
        /// Whether the job time-out has passed.
        slot: Slot,
    },
    /// The video is made.
    Completed {
        /// Its task.
        task: Task,
        /// Where the video is.
        video_url: MediaUrl,
        /// Picture of the last frame.
        last_frame_url: Option<MediaUrl>,
        /// When this was recorded.
        finished_at: Timestamp,
    },
    /// No video will come of this take.
    Failed {
        /// Why.
        class: FailureClass,
        /// What was said.
        message: CleanText,
        /// The task, if it got that far.
        task: Option<Task>,
        /// When this was recorded.
        finished_at: Timestamp,
    },
    /// Whether the provider took the create is unknown.
    InDoubt {
        /// What happened.
        message: CleanText,
        /// The run that sent it.
        run: RunNumber,
    },
    /// The provider no longer knows the task.
    Lost {
        /// What was said.
        message: CleanText,
        /// The task as it was.
        task: Task,
    },
}

/// A task at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The other id, if the create answer had two.
    pub other_id: Option<TaskId>,
    /// The run whose origin knows it.
    pub run: RunNumber,
    /// When its acceptance was recorded.
    pub accepted_at: Timestamp,
}

/// Whether a running task counts as in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Younger than the job time-out.
    Held,
    /// Timed out: left running, holds no slot.
    Released,
}

words! {
    /// The status column.
    Status {
        /// Nothing is known to be at the provider.
        Pending = "pending",
        /// A create is open now.
        Submitting = "submitting",
        /// Has a task id, not settled.
        Running = "running",
        /// The video is made.
        Completed = "completed",
        /// No video will come of this take.
        Failed = "failed",
        /// A person must look.
        InDoubt = "in_doubt",
        /// Not selected and never submitted.
        Skipped = "skipped",
    }
}

/// An event that cannot happen in the job's phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {status} cannot have the event `{event}`")]
pub struct IllegalEvent {
    /// The job's status.
    pub status: Status,
    /// The event's name.
    pub event: &'static str,
}

impl JobState {
    /// The state after `event`, which was recorded at `at`. An illegal event leaves the state as it is.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Result<(), IllegalEvent> {
        let illegal = IllegalEvent {
            status: self.status(),
            event: event.name(),
        };
        if self.apply_to_files(event) {
            return Ok(());
        }
        let next = match (&self.phase, event) {
            (
                Phase::Pending | Phase::Returned { .. },
                Event::Intent {
                    run,
                    fingerprint,
                    request,
                    cost,
                },
            ) => {
                self.intend(*fingerprint, request.as_ref(), *cost, at);
                Phase::Submitting { run: *run }
            }
            (Phase::Submitting { run }, Event::Accepted { task_id, other_id }) => {
                running(task_id, other_id.as_ref(), *run, at)
            }
            (Phase::InDoubt { .. } | Phase::Lost { .. }, Event::Adopted { task_id, run }) => {
                running(task_id, None, *run, at)
            }
            (Phase::Submitting { .. }, Event::Returned { class, message }) => {
                if matches!(class, PendingClass::RateLimited | PendingClass::NotSent) {
                    self.attempts = self.attempts.saturating_sub(1);
                }
                Phase::Returned {
                    class: *class,
                    message: message.clone(),
                }
            }
            (Phase::Submitting { .. }, Event::Rejected { class, message }) => Phase::Failed {
                class: *class,
                message: message.clone(),
                task: None,
                finished_at: at,
            },
            (Phase::Submitting { run }, Event::Doubted { message }) => Phase::InDoubt {
                message: message.clone(),
                run: *run,
            },
            (
                Phase::Running { task, .. }
                | Phase::Failed {
                    class: FailureClass::NoUrl,
                    task: Some(task),
                    ..
                },
                Event::Completed {
                    video_url,
                    last_frame_url,
                },
            ) => {
                self.earlier = None;
                completed(task, video_url, last_frame_url.as_ref(), at)
            }
            (Phase::Running { task, .. }, Event::Failed { class, message }) => Phase::Failed {
                class: *class,
                message: message.clone(),
                task: Some(task.clone()),
                finished_at: at,
            },
            (Phase::Running { task, .. }, Event::NoUrl) => Phase::Failed {
                class: FailureClass::NoUrl,
                message: CleanText::new("completed without a usable video URL"),
                task: Some(task.clone()),
                finished_at: at,
            },
            (Phase::Running { task, .. }, Event::Lost { message }) => Phase::Lost {
                message: message.clone(),
                task: task.clone(),
            },
            (
                Phase::Running {
                    task,
                    slot: Slot::Held,
                },
                Event::TimedOut,
            ) => Phase::Running {
                task: task.clone(),
                slot: Slot::Released,
            },
            (Phase::InDoubt { .. } | Phase::Lost { .. }, Event::NotCreated) => Phase::Pending,
            (Phase::Completed { .. } | Phase::Failed { .. }, Event::Reopened) => {
                self.keep_completed();
                self.take.0 += 1;
                self.attempts = 0;
                Phase::Pending
            }
            _ => return Err(illegal),
        };
        self.phase = next;
        Ok(())
    }

    fn intend(
        &mut self,
        fingerprint: Fingerprint,
        request: Option<&SentRequest>,
        cost: Option<Cost>,
        at: Timestamp,
    ) {
        self.attempts += 1;
        self.fingerprint = Some(fingerprint);
        self.reserve(cost);
        self.sent = request.cloned().map(Box::new);
        self.submitted_at = Some(at);
    }

    fn reserve(&mut self, cost: Option<Cost>) {
        self.amount = cost.map_or(Amount::ZERO, |cost| cost.amount);
        self.currency = cost.map(|cost| cost.currency);
    }

    /// Keeps what is known of the current take, if it is completed: the next one may fail.
    fn keep_completed(&mut self) {
        let files = self.files.take();
        if let Phase::Completed {
            task,
            video_url,
            last_frame_url,
            finished_at,
        } = &self.phase
        {
            self.earlier = Some(Box::new(EarlierTake {
                take: self.take,
                task: task.clone(),
                video_url: video_url.clone(),
                last_frame_url: last_frame_url.clone(),
                finished_at: *finished_at,
                sent: self.sent.clone(),
                files,
            }));
        }
    }

    /// Makes an event about the files of the video that the job has true; `false` if it has none, or the event is about
    /// something else.
    fn apply_to_files(&mut self, event: &Event) -> bool {
        let (files, video_url, last_frame_url) = match (&mut self.phase, &mut self.earlier) {
            (
                Phase::Completed {
                    video_url,
                    last_frame_url,
                    ..
                },
                _,
            ) => (&mut self.files, video_url, last_frame_url),
            (_, Some(earlier)) => (
                &mut earlier.files,
                &mut earlier.video_url,
                &mut earlier.last_frame_url,
            ),
            _ => return false,
        };
        match event {
            Event::Downloaded { video, last_frame } => {
                *files = Some(Box::new(JobFiles {
                    video: Some(video.clone()),
                    last_frame: last_frame.clone(),
                    trouble: None,
                }));
            }
            Event::NotDownloaded { message } => {
                files.get_or_insert_default().trouble = Some(message.clone());
            }
            Event::Renewed {
                video_url: fresh,
                last_frame_url: fresh_frame,
            } => {
                fresh.clone_into(video_url);
                if fresh_frame.is_some() {
                    last_frame_url.clone_from(fresh_frame);
                }
            }
            _ => return false,
        }
        true
    }

    /// The status column, but for `skipped`, which depends on what the run selected.
    pub fn status(&self) -> Status {
        match self.phase {
            Phase::Pending | Phase::Returned { .. } => Status::Pending,
            Phase::Submitting { .. } => Status::Submitting,
            Phase::Running { .. } => Status::Running,
            Phase::Completed { .. } => Status::Completed,
            Phase::Failed { .. } => Status::Failed,
            Phase::InDoubt { .. } | Phase::Lost { .. } => Status::InDoubt,
        }
    }

    /// The video that the job has, if any take of it was completed.
    pub fn video(&self) -> Option<Video<'_>> {
        if let Phase::Completed {
            task,
            video_url,
            last_frame_url,
            finished_at,
        } = &self.phase
        {
            return Some(Video {
                take: self.take,
                task,
                url: video_url,
                last_frame_url: last_frame_url.as_ref(),
                finished_at: *finished_at,
                files: self.files.as_deref(),
            });
        }
        self.earlier.as_deref().map(|earlier| Video {
            take: earlier.take,
            task: &earlier.task,
            url: &earlier.video_url,
            last_frame_url: earlier.last_frame_url.as_ref(),
            finished_at: earlier.finished_at,
            files: earlier.files.as_deref(),
        })
    }

    /// Whether it has a video of which a file that the provider made is not recorded as saved.
    pub fn lacks_files(&self) -> bool {
        self.video().is_some_and(|video| video.lacks_files())
    }

    /// The task at the provider, as far as one is known.
    pub fn task(&self) -> Option<&Task> {
        match &self.phase {
            Phase::Running { task, .. }
            | Phase::Completed { task, .. }
            | Phase::Lost { task, .. } => Some(task),
            Phase::Failed { task, .. } => task.as_ref(),
            _ => None,
        }
    }

    /// What the last create request was recorded to cost, whatever became of it.
    pub fn cost(&self) -> Option<Cost> {
        self.currency.map(|currency| Cost {
            amount: self.amount,
            currency,
        })
    }

    /// Whether the provider may have made, or be making, the video of this take: its money is spent, or may be.
    pub fn may_cost(&self) -> bool {
        match &self.phase {
            Phase::Pending | Phase::Returned { .. } => false,
            Phase::Failed { task, .. } => task.is_some(),
            Phase::Submitting { .. }
            | Phase::Running { .. }
            | Phase::Completed { .. }
            | Phase::InDoubt { .. }
            | Phase::Lost { .. } => true,
        }
    }

    /// Whether a create request of this job was ever recorded.
    pub fn was_submitted(&self) -> bool {
        self.fingerprint.is_some()
    }
}

fn running(task_id: &TaskId, other_id: Option<&TaskId>, run: RunNumber, at: Timestamp) -> Phase {
    Phase::Running {
        task: Task {
            id: task_id.clone(),
            other_id: other_id.cloned(),
            run,
            accepted_at: at,
        },
        slot: Slot::Held,
    }
}

fn completed(
    task: &Task,
    video_url: &MediaUrl,
    last_frame_url: Option<&MediaUrl>,
    at: Timestamp,
) -> Phase {
    Phase::Completed {
        task: task.clone(),
        video_url: video_url.clone(),
        last_frame_url: last_frame_url.cloned(),
        finished_at: at,
    }
}

#[cfg(test)]
mod tests;
