//! What is left to do for each job when a run begins, and why: the question that `plan` prints and `run` acts on.

use super::event::FailureClass;
use super::job::{JobState, Phase};
use crate::plan::words;

/// Which settled jobs are to be made again (`--rerun`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rerun {
    /// Jobs that failed: rejected, moderation, generation.
    pub failed: bool,
    /// Settled jobs whose content changed since they were submitted.
    pub changed: bool,
}

/// What the manifest says about a job that the state may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// In the manifest and selected, with the content that was sent (or never sent).
    Same,
    /// In the manifest and selected, with another content than was sent.
    Changed,
    /// In the manifest but not selected, or no longer in the manifest.
    NotSelected,
}

words! {
    /// What a run does with a job.
    Outlook {
        /// Never submitted: it will be.
        New = "new",
        /// Tried before, surely nothing was created: submitted now.
        Again = "again",
        /// Settled, and `--rerun` asks for another take.
        Remake = "remake",
        /// Running at the provider: polled, never submitted.
        Resume = "resume",
        /// Completed without a URL: polled once more, never submitted.
        Recheck = "recheck",
        /// Completed: nothing to do.
        Done = "done",
        /// Failed: nothing to do without `--rerun failed`.
        Failed = "failed",
        /// A person must say whether it was created.
        InDoubt = "in_doubt",
        /// Not selected, and nothing of it is at the provider.
        Skipped = "skipped",
    }
}

impl Outlook {
    /// Whether a create request of the job leaves, unless something stops the run before.
    pub fn submits(self) -> bool {
        matches!(self, Self::New | Self::Again | Self::Remake)
    }
}

/// The one rule of resuming.
pub fn outlook(job: &JobState, wish: Wish, rerun: Rerun) -> Outlook {
    let remake_changed = rerun.changed && wish == Wish::Changed;
    match &job.phase {
        Phase::Pending | Phase::Returned { .. } if wish == Wish::NotSelected => Outlook::Skipped,
        Phase::Pending | Phase::Returned { .. } if job.was_submitted() => Outlook::Again,
        Phase::Pending | Phase::Returned { .. } => Outlook::New,
        Phase::Submitting { .. } | Phase::InDoubt { .. } | Phase::Lost { .. } => Outlook::InDoubt,
        Phase::Running { .. } => Outlook::Resume,
        Phase::Failed {
            class: FailureClass::NoUrl,
            ..
        } => Outlook::Recheck,
        Phase::Completed { .. } | Phase::Failed { .. } if remake_changed => Outlook::Remake,
        Phase::Completed { .. } => Outlook::Done,
        Phase::Failed { .. } if rerun.failed && wish != Wish::NotSelected => Outlook::Remake,
        Phase::Failed { .. } => Outlook::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{MediaUrl, PendingClass, RunNumber, TaskId};
    use crate::engine::job::{Slot, Task};
    use crate::plan::Fingerprint;
    use crate::text::CleanText;
    use jiff::Timestamp;

    const NONE: Rerun = Rerun {
        failed: false,
        changed: false,
    };
    const FAILED: Rerun = Rerun {
        failed: true,
        changed: false,
    };
    const CHANGED: Rerun = Rerun {
        failed: false,
        changed: true,
    };

    /// Outlooks in the order: same, same with `--rerun failed`, changed, changed with `--rerun changed`, not selected
    /// with both.
    fn outlooks(phase: &Phase) -> [Outlook; 5] {
        let fingerprint =
            (*phase != Phase::Pending).then(|| Fingerprint::parse(&"0".repeat(32)).expect("valid"));
        let job = JobState {
            phase: phase.clone(),
            fingerprint,
            ..JobState::default()
        };
        [
            outlook(&job, Wish::Same, NONE),
            outlook(&job, Wish::Same, FAILED),
            outlook(&job, Wish::Changed, NONE),
            outlook(&job, Wish::Changed, CHANGED),
            outlook(
                &job,
                Wish::NotSelected,
                Rerun {
                    failed: true,
                    changed: true,
                },
            ),
        ]
    }

    #[test]
    fn every_phase_has_one_outlook_for_every_wish() {
        use Outlook::{Again, Done, Failed, InDoubt, New, Recheck, Remake, Resume, Skipped};
        let message = CleanText::new("said");
        let run = RunNumber(1);
        let task = Task {
            id: TaskId::new("t").expect("valid"),
            other_id: None,
            run,
            accepted_at: Timestamp::UNIX_EPOCH,
        };
        let failed = |class| Phase::Failed {
            class,
            message: message.clone(),
            task: Some(task.clone()),
            finished_at: Timestamp::UNIX_EPOCH,
        };
        let completed = Phase::Completed {
            task: task.clone(),
            video_url: MediaUrl::new("https://example.com/v").expect("valid"),
            last_frame_url: None,
            finished_at: Timestamp::UNIX_EPOCH,
        };
        let returned = Phase::Returned {
            class: PendingClass::Auth,
            message: message.clone(),
        };
        let truths = [
            (Phase::Pending, [New, New, New, New, Skipped]),
            (returned, [Again, Again, Again, Again, Skipped]),
            (Phase::Submitting { run }, [InDoubt; 5]),
            (
                Phase::InDoubt {
                    message: message.clone(),
                    run,
                },
                [InDoubt; 5],
            ),
            (
                Phase::Lost {
                    message: message.clone(),
                    task: task.clone(),
                },
                [InDoubt; 5],
            ),
            (
                Phase::Running {
                    task: task.clone(),
                    slot: Slot::Held,
                },
                [Resume; 5],
            ),
            (
                Phase::Running {
                    task: task.clone(),
                    slot: Slot::Released,
                },
                [Resume; 5],
            ),
            (completed, [Done, Done, Done, Remake, Done]),
            (
                failed(FailureClass::Rejected),
                [Failed, Remake, Failed, Remake, Failed],
            ),
            (
                failed(FailureClass::Moderation),
                [Failed, Remake, Failed, Remake, Failed],
            ),
            (
                failed(FailureClass::Generation),
                [Failed, Remake, Failed, Remake, Failed],
            ),
            (
                failed(FailureClass::NoUrl),
                [Recheck, Recheck, Recheck, Recheck, Recheck],
            ),
        ];
        for (phase, expected) in truths {
            assert_eq!(outlooks(&phase), expected, "{phase:?}");
        }
    }
}
