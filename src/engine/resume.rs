//! What is left to do for each job when a run begins, and why: the question that `plan` prints and `run` acts on.

use std::collections::BTreeSet;

use super::event::{FailureClass, JobIndex};
use super::job::{JobState, Phase};
use crate::plan::words;

/// Which settled jobs are to be made again (`--rerun`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rerun {
    /// Jobs that failed: rejected, moderation, generation.
    pub failed: bool,
    /// Settled jobs whose content changed since they were submitted.
    pub changed: bool,
    /// Jobs whose present take a person has marked, by their places in the table that is resumed.
    pub marked: BTreeSet<JobIndex>,
}

/// What the manifest says about a job that the state may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// In the manifest and selected, with the content that was sent (or never sent).
    Same,
    /// In the manifest and selected, with another content than was sent.
    Changed,
    /// In the manifest and selected, and a person wants its present take to be made again.
    Marked,
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
        /// Failed: nothing to do without `--rerun`.
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
pub fn outlook(job: &JobState, wish: Wish, rerun: &Rerun) -> Outlook {
    let is_unwanted = wish == Wish::Marked || rerun.changed && wish == Wish::Changed;
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
        Phase::Completed { .. } | Phase::Failed { .. } if is_unwanted => Outlook::Remake,
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

    /// Outlooks in the order: same, same with `--rerun failed`, changed, changed with `--rerun changed`, marked, not
    /// selected with everything.
    fn outlooks(phase: &Phase) -> [Outlook; 6] {
        let none = Rerun::default();
        let failed = Rerun {
            failed: true,
            ..Rerun::default()
        };
        let changed = Rerun {
            changed: true,
            ..Rerun::default()
        };
        let all = Rerun {
            failed: true,
            changed: true,
            marked: [0].into(),
        };
        let fingerprint =
            (*phase != Phase::Pending).then(|| Fingerprint::parse(&"0".repeat(32)).expect("valid"));
        let job = JobState {
            phase: phase.clone(),
            fingerprint,
            ..JobState::default()
        };
        [
            outlook(&job, Wish::Same, &none),
            outlook(&job, Wish::Same, &failed),
            outlook(&job, Wish::Changed, &none),
            outlook(&job, Wish::Changed, &changed),
            outlook(&job, Wish::Marked, &all),
            outlook(&job, Wish::NotSelected, &all),
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
            (Phase::Pending, [New, New, New, New, New, Skipped]),
            (returned, [Again, Again, Again, Again, Again, Skipped]),
            (Phase::Submitting { run }, [InDoubt; 6]),
            (
                Phase::InDoubt {
                    message: message.clone(),
                    run,
                },
                [InDoubt; 6],
            ),
            (
                Phase::Lost {
                    message: message.clone(),
                    task: task.clone(),
                },
                [InDoubt; 6],
            ),
            (
                Phase::Running {
                    task: task.clone(),
                    slot: Slot::Held,
                },
                [Resume; 6],
            ),
            (
                Phase::Running {
                    task: task.clone(),
                    slot: Slot::Released,
                },
                [Resume; 6],
            ),
            (completed, [Done, Done, Done, Remake, Remake, Done]),
            (
                failed(FailureClass::Rejected),
                [Failed, Remake, Failed, Remake, Remake, Failed],
            ),
            (
                failed(FailureClass::Moderation),
                [Failed, Remake, Failed, Remake, Remake, Failed],
            ),
            (
                failed(FailureClass::Generation),
                [Failed, Remake, Failed, Remake, Remake, Failed],
            ),
            (failed(FailureClass::NoUrl), [Recheck; 6]),
        ];
        for (phase, expected) in truths {
            assert_eq!(outlooks(&phase), expected, "{phase:?}");
        }
    }
}
