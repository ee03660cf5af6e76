//! The half of the engine that submits: which job is next, when it may leave, and what its answer means.

use std::time::Duration;

use super::budget::Room;
use super::event::{Call, Event, JobIndex, Notice, Now, PendingClass, StopReason, SubmitReply};
use super::job::Status;
use super::limits::{Episode, Verdict};
use super::{Effects, Engine};
use crate::money::Amount;
use crate::text::CleanText;

/// Most creates open at once: each has a connection of its own, and many systems allow a process 1,024 files.
const MOST_OPEN_CREATES: usize = 512;

impl Engine {
    /// Starts the creates that are due: one, or a group of them at a high rate that no refusal has slowed.
    pub(super) fn start_submits(&mut self, now: Now, effects: &mut Effects) {
        self.before_intents.clear();
        let is_slowed = self.restraint.pace() > self.limits.submit_interval;
        let group = if is_slowed {
            1
        } else {
            self.submit_spacing.group()
        };
        self.stop_at_limits(effects);
        for _ in 0..group {
            if !self.can_submit() || now.mono < self.submit_open_at() {
                return;
            }
            self.start_submit(now, effects);
        }
    }

    fn start_submit(&mut self, now: Now, effects: &mut Effects) {
        let Some(job) = self.next_job() else { return };
        self.before_intents.push((job, self.table.before(job)));
        if matches!(
            self.table.job(job).status(),
            Status::Completed | Status::Failed
        ) {
            self.record(job, Event::Reopened, now, effects);
        }
        let intent = Event::Intent {
            run: self.run,
            fingerprint: self
                .table
                .wanted(job)
                .expect("only jobs of the plan are submitted"),
            request: None,
            cost: self.table.price(job),
        };
        if self.record(job, intent, now, effects) {
            effects.calls.push(Call::Submit { job });
            self.open_creates.insert(job);
        }
    }

    pub(super) fn take_submit_reply(
        &mut self,
        job: JobIndex,
        reply: SubmitReply,
        now: Now,
        effects: &mut Effects,
    ) {
        match reply {
            SubmitReply::Accepted { task_id, other_id } => {
                self.restraint.accepted(job, now.mono);
                self.brake.accepted();
                if let Some(owner) = self.owners.own(&task_id, job) {
                    let task_id = task_id.clone();
                    effects.notices.push(Notice::SharedTask {
                        job,
                        owner,
                        task_id,
                    });
                }
                self.record(job, Event::Accepted { task_id, other_id }, now, effects);
                self.watch_running(job, now);
            }
            SubmitReply::Rejected { class, message } => {
                self.restraint.ended(job);
                self.record(job, Event::Rejected { class, message }, now, effects);
            }
            SubmitReply::Fault { fault, message } => {
                self.restraint.ended(job);
                let returned = Event::Returned {
                    class: fault.class(),
                    message: message.clone(),
                };
                self.record(job, returned, now, effects);
                self.again.push_back(job);
                self.stop(StopReason::Fault { fault, message }, effects);
            }
            SubmitReply::Later {
                retry_after,
                message,
            } => {
                let episode = self
                    .restraint
                    .refused(job, now.mono, retry_after, self.chance(job));
                self.try_again(
                    job,
                    PendingClass::RateLimited,
                    episode,
                    message,
                    now,
                    effects,
                );
            }
            SubmitReply::NotSent { message } => {
                let episode = self.restraint.unreachable(job, now.mono, self.chance(job));
                self.try_again(job, PendingClass::NotSent, episode, message, now, effects);
            }
            SubmitReply::InDoubt { evidence, message } => {
                self.restraint.ended(job);
                self.record(
                    job,
                    Event::Doubted {
                        message: message.clone(),
                    },
                    now,
                    effects,
                );
                if self.brake.doubted(evidence) == Verdict::Stop {
                    self.stop(StopReason::Doubt { evidence, message }, effects);
                }
            }
        }
    }

    fn try_again(
        &mut self,
        job: JobIndex,
        class: PendingClass,
        episode: Episode,
        message: CleanText,
        now: Now,
        effects: &mut Effects,
    ) {
        self.record(
            job,
            Event::Returned {
                class,
                message: message.clone(),
            },
            now,
            effects,
        );
        self.again.push_back(job);
        if self.stops.is_empty()
            && let Episode::New(wait) = episode
        {
            effects.notices.push(Notice::Paused {
                wait,
                class,
                message,
            });
        }
    }

    /// Of the jobs that fit under the cap: one that this run has tried, or else the next one of the plan.
    fn next_job(&mut self) -> Option<JobIndex> {
        let room = self.room();
        let again = self.again.iter();
        let fitting = again.copied().position(|job| room.takes(self.price(job)));
        if let Some(at) = fitting {
            return self.again.remove(at);
        }
        if !self.has_fresh_left() {
            return None;
        }
        let job = self.fresh.pop(room)?;
        self.submitted += 1;
        Some(job)
    }

    pub(super) fn can_submit(&self) -> bool {
        let window = (self.restraint.window() as usize).min(MOST_OPEN_CREATES);
        self.has_submits_left()
            && self.has_affordable()
            && self.open_creates.len() < window
            && self.in_flight() < self.limits.concurrency.get()
    }

    /// Whether any job that may be submitted fits under the cap now.
    pub(super) fn has_affordable(&self) -> bool {
        let room = self.room();
        self.again.iter().any(|job| room.takes(self.price(*job)))
            || self.has_fresh_left() && self.fresh.has_fitting(room)
    }

    pub(super) fn price(&self, job: JobIndex) -> Option<Amount> {
        self.table.price(job).map(|cost| cost.amount)
    }

    pub(super) fn room(&self) -> Room {
        let budget = self.budget.as_ref();
        budget.map_or(Room::Endless, |budget| budget.room(self.table.reserved()))
    }

    pub(super) fn submit_open_at(&self) -> Duration {
        self.submit_spacing
            .open_at()
            .max(self.restraint.open_at(self.last_submit, self.in_flight()))
    }

    pub(super) fn has_submits_left(&self) -> bool {
        self.stops.is_empty() && !(self.fresh.is_empty() && self.again.is_empty())
    }

    fn has_fresh_left(&self) -> bool {
        !self.fresh.is_empty()
            && self
                .limits
                .max_jobs
                .is_none_or(|most| self.submitted < most.get())
    }

    /// `--max-jobs`: submits end once no job of the allowed number can come back. `--max-spend`: once no job that is
    /// left fits and no open create can give back what it has reserved.
    fn stop_at_limits(&mut self, effects: &mut Effects) {
        let only_fresh = self.again.is_empty() && self.open_creates.is_empty();
        if self.has_submits_left() && only_fresh && !self.has_fresh_left() {
            self.stop(StopReason::MaxJobs, effects);
        }
        if self.is_out_of_money()
            && let Some(budget) = &self.budget
        {
            let again = self.again.iter().map(|job| (self.price(*job), 1));
            let left = self.fresh.prices().chain(again);
            let shortfall = budget.shortfall(self.table.reserved(), left);
            self.stop(StopReason::MaxSpend(shortfall), effects);
        }
    }

    /// Whether jobs are left, none of them fits under the cap, and none will: a running task gives nothing back.
    pub(super) fn is_out_of_money(&self) -> bool {
        self.has_submits_left() && self.open_creates.is_empty() && !self.has_affordable()
    }
}
