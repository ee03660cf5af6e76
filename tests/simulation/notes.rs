//! What one run was told, and what it did: the measure of what it may do next.
//!
//! Start at [`Notes`]. An answer counts from the moment that the run can have taken it in ([`Notes::digest`]).

use std::collections::BTreeSet;
use std::time::Duration;

use shotlist::engine::event::{Evidence, PollReply, SubmitReply, TaskId};
use shotlist::report::outcome::RunFact;

use crate::figures::Seen;
use crate::register::JobNumber;
use crate::weather::SECOND;
use crate::world::World;

/// What one run was told, and what it did.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about one run"
)]
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Creates that left and were not answered.
    pub(crate) open: BTreeSet<JobNumber>,
    /// Answers that the run has not taken in yet.
    fresh: Vec<Fresh>,
    pub(crate) accepted: bool,
    doubts_in_a_row: u32,
    pub(crate) no_post_before: Duration,
    /// Why nothing may be sent any more.
    pub(crate) posts_over: Option<&'static str>,
    pub(crate) polls_over: bool,
    pub(crate) posted: BTreeSet<JobNumber>,
    pub(crate) polled: BTreeSet<JobNumber>,
    /// When signals came.
    pub(crate) signals: Vec<Duration>,
    /// How often the run has told its people.
    pub(crate) steps: u32,
    pub(crate) steps_before_signal: u32,
    /// Whether a write or a sync failed.
    pub(crate) state_failed: bool,
    /// When the last commit began.
    pub(crate) committing_since: Duration,
    /// Whether the wall clock was set since.
    pub(crate) jumped: bool,
    pub(crate) facts: Vec<RunFact>,
    /// When the run began, as the process counts.
    pub(crate) began: Duration,
    /// When the last create was about to leave: the machine may fall asleep on its way.
    pub(crate) leaving_at: Duration,
}

#[derive(Debug)]
enum Fresh {
    Accepted,
    Doubted(Evidence),
    Faulty,
    Paused(Duration),
    PollKeyRefused,
}

impl Notes {
    /// The run has taken in every answer so far.
    pub(crate) fn digest(&mut self) {
        for fresh in std::mem::take(&mut self.fresh) {
            match fresh {
                Fresh::Accepted => {
                    self.accepted = true;
                    self.doubts_in_a_row = 0;
                }
                Fresh::Doubted(evidence) => {
                    self.doubts_in_a_row += 1;
                    if self.doubts_in_a_row >= 3 || evidence == Evidence::Html {
                        self.posts_over = Some("too many doubts");
                    }
                }
                Fresh::Faulty => self.posts_over = Some("a fault of the run"),
                Fresh::Paused(until) => self.no_post_before = self.no_post_before.max(until),
                Fresh::PollKeyRefused => {
                    self.posts_over = Some("a refused key");
                    self.polls_over = true;
                }
            }
        }
    }
}

impl World {
    /// An answer to a create arrives; whether anybody hears it.
    pub(crate) fn answered(&mut self, job: JobNumber, reply: &SubmitReply) -> bool {
        if !self.instant("a create is answered") {
            return false;
        }
        self.note(|| format!("answer to job-{job}: {reply:?}"));
        let now = self.time.truth();
        let notes = &mut self.session.notes;
        notes.open.remove(&job);
        match reply {
            SubmitReply::Accepted { .. } => notes.fresh.push(Fresh::Accepted),
            SubmitReply::Fault { .. } => notes.fresh.push(Fresh::Faulty),
            SubmitReply::Later { retry_after, .. } => {
                let told = retry_after.unwrap_or_default().min(3600 * SECOND);
                notes.fresh.push(Fresh::Paused(now + told));
            }
            SubmitReply::InDoubt { evidence, .. } => {
                notes.fresh.push(Fresh::Doubted(*evidence));
                let seen = if *evidence == Evidence::Html {
                    Seen::Html
                } else {
                    Seen::InDoubt
                };
                self.saw(seen);
            }
            SubmitReply::Rejected { .. } | SubmitReply::NotSent { .. } => {}
        }
        true
    }

    /// An answer to a poll arrives; whether anybody hears it.
    pub(crate) fn polled(&mut self, id: &TaskId, reply: &PollReply) -> bool {
        if !self.instant("a poll is answered") {
            return false;
        }
        if matches!(reply, PollReply::KeyRefused { .. }) {
            let own = self.session.terms.account;
            let task = self.ledger.iter().find(|task| task.task_id == *id);
            let is_foreign = task.is_some_and(|task| {
                task.account.base_url != own.base_url && task.account.key != own.key
            });
            if !is_foreign {
                self.session.notes.fresh.push(Fresh::PollKeyRefused);
            }
        }
        true
    }
}
