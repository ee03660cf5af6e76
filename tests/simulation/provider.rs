//! The provider, with moods: what it really created, and what it says.
//!
//! Start at [`World::create`]. Its ledger is the truth that the promises are measured by.

use std::time::Duration;

use shotlist::engine::event::{
    Evidence, FailureClass, MediaUrl, PollReply, RunFault, SubmitReply, TaskId,
};
use shotlist::plan::JobId;
use shotlist::text::CleanText;

use super::{GRACE, Run, SECOND, SUBMIT_TIMEOUT, World};

/// A task as the provider knows it: the ledger says what was really created, and paid for.
pub(super) struct Created {
    pub(super) job: JobId,
    pub(super) task_id: TaskId,
    key: String,
    at: Duration,
    settles_at: Duration,
    pub(super) ending: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Completes,
    Fails,
    HasNoUrl,
    NeverSettles,
    Vanishes,
}

/// How often the provider misbehaves in a run, in percent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mood {
    pub(super) creates: u64,
    pub(super) polls: u64,
    pub(super) faults: u64,
}

pub(super) const CALM: Mood = Mood {
    creates: 0,
    polls: 0,
    faults: 0,
};

pub(super) fn said() -> CleanText {
    CleanText::new("said")
}

impl World {
    /// What becomes of a create that leaves now, and after how long.
    pub(super) fn create(&mut self, job: &JobId, run: &Run) -> (Duration, SubmitReply) {
        let wait = if self.chance.percent(run.mood.creates / 2) {
            self.chance.up_to(SUBMIT_TIMEOUT)
        } else {
            self.chance.up_to(SECOND)
        };
        if self.chance.percent(run.mood.faults) {
            let faults = [RunFault::Auth, RunFault::Quota, RunFault::Address];
            let fault = faults[self.chance.small(0, 2) as usize];
            let message = said();
            return (wait, SubmitReply::Fault { fault, message });
        }
        if !self.chance.percent(run.mood.creates) {
            let task_id = self.make_task(job, run);
            let other_id = None;
            return (wait, SubmitReply::Accepted { task_id, other_id });
        }
        let evidence = if self.chance.percent(10) {
            Evidence::Html
        } else {
            Evidence::Unclear
        };
        let message = said();
        let class = FailureClass::Rejected;
        let wait_told = self.chance.up_to(2 * 3600 * SECOND);
        let retry_after = self.chance.percent(50).then_some(wait_told);
        let reply = match self.chance.below(6) {
            0 => SubmitReply::Rejected { class, message },
            1 | 2 => SubmitReply::Later {
                retry_after,
                message,
            },
            3 => SubmitReply::NotSent { message },
            4 => SubmitReply::InDoubt { evidence, message },
            _ => {
                self.make_task(job, run); // taken, and the answer is lost
                SubmitReply::InDoubt { evidence, message }
            }
        };
        (wait, reply)
    }

    fn make_task(&mut self, job: &JobId, run: &Run) -> TaskId {
        let task_id = TaskId::new(&format!("task-{}", self.ledger.len())).expect("valid");
        let ending = match self.chance.below(20) {
            _ if run.mood.polls == 0 => Ending::Completes,
            0 | 1 => Ending::Fails,
            2 => Ending::HasNoUrl,
            3 | 4 => Ending::NeverSettles,
            5 => Ending::Vanishes,
            _ => Ending::Completes,
        };
        let settles_at = self.clock + self.chance.up_to(300 * SECOND);
        self.ledger.push(Created {
            job: job.clone(),
            task_id: task_id.clone(),
            key: run.key.clone(),
            at: self.clock,
            settles_at,
            ending,
        });
        task_id
    }

    pub(super) fn poll(&mut self, task_id: &TaskId, run: &Run) -> (Duration, PollReply) {
        let wait = self.chance.up_to(SECOND);
        let message = said();
        let task = self.ledger.iter().find(|task| task.task_id == *task_id);
        let Some(task) = task.filter(|task| task.key == run.key) else {
            return (wait, PollReply::NotFound { message });
        };
        if self.chance.percent(run.mood.polls) {
            let is_young = self.clock + SECOND < task.at + GRACE;
            let retry_after = Some(90 * SECOND).filter(|_| self.chance.percent(50));
            let task_id = TaskId::new("another").expect("valid");
            let unknown_word = Some(said());
            let reply = match self.chance.below(20) {
                0 if run.mood.faults > 0 => PollReply::KeyRefused { message },
                1..=4 if is_young => PollReply::NotFound { message },
                5..=8 => PollReply::Later { retry_after },
                9 => PollReply::OtherTask {
                    task_id,
                    reply: Box::new(PollReply::Running { unknown_word: None }),
                },
                10..=12 => PollReply::Running { unknown_word },
                _ => PollReply::Trouble { message },
            };
            return (self.chance.up_to(30 * SECOND), reply);
        }
        let is_calm = run.mood.polls == 0;
        let reply = match task.ending {
            Ending::NeverSettles if !is_calm => PollReply::Running { unknown_word: None },
            _ if self.clock < task.settles_at => PollReply::Running { unknown_word: None },
            Ending::Completes | Ending::NeverSettles => PollReply::Completed {
                video_url: MediaUrl::new("https://example.com/v.mp4"),
                last_frame_url: None,
            },
            Ending::HasNoUrl => PollReply::Completed {
                video_url: None,
                last_frame_url: None,
            },
            Ending::Fails => PollReply::Failed {
                class: FailureClass::Generation,
                message,
            },
            Ending::Vanishes => PollReply::NotFound { message },
        };
        (wait, reply)
    }
}
