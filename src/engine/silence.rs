//! Running tasks that polls say nothing about: what came in place of an answer, and for how long.
//!
//! Start at `Engine::silences`. Decides nothing: how polls back off is the business of `polls`.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::event::{JobIndex, PollReply};
use super::job::Status;
use super::{Engine, recorded_at};
use crate::engine::event::Now;
use crate::text::CleanText;

/// Polls in a row that say nothing about a task, from which on it is no chance any more.
const WORTH_TELLING: u32 = 2;

/// What came of the polls of a task since the last one that said something about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// How many.
    pub polls: u32,
    /// What the last one came to.
    pub message: CleanText,
    /// When that was.
    pub last: Timestamp,
}

/// The silences of a run.
pub(super) type Silences = BTreeMap<JobIndex, Silence>;

impl Engine {
    /// Running tasks that the last polls of this run said nothing about, several times in a row.
    pub fn silences(&self) -> impl Iterator<Item = (JobIndex, &Silence)> {
        let told = self.silences.iter().filter(|(job, silence)| {
            self.table.job(**job).status() == Status::Running && silence.polls >= WORTH_TELLING
        });
        told.map(|(job, silence)| (*job, silence))
    }

    /// Takes in what came of a poll.
    pub(super) fn listen(&mut self, job: JobIndex, reply: &PollReply, now: Now) {
        let message = match reply {
            PollReply::Trouble { message }
            | PollReply::NotFound { message }
            | PollReply::KeyRefused { message } => message.clone(),
            PollReply::Later { .. } => CleanText::new("HTTP 429: the provider asks to slow down"),
            PollReply::OtherTask { task_id, reply } if self.is_own(job, task_id) => {
                return self.listen(job, reply, now);
            }
            PollReply::OtherTask { .. } => CleanText::new("the answer is about another task"),
            PollReply::Running { .. } | PollReply::Completed { .. } | PollReply::Failed { .. } => {
                self.silences.remove(&job);
                return;
            }
        };
        let polls = self.silences.get(&job).map_or(0, |before| before.polls);
        let silence = Silence {
            polls: polls.saturating_add(1),
            message,
            last: recorded_at(now),
        };
        self.silences.insert(job, silence);
    }
}
