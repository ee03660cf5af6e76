//! The half of the engine that polls: which task is asked for next, and what the answer means for its job.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::event::{Call, Event, JobIndex, Notice, Now, PollReply, RunFault, StopReason};
use super::job::{Phase, Status};
use super::watch::Watch;
use super::{Effects, Engine, Polls, non_negative, retry};
use crate::text::CleanText;

/// How long a task may be unknown to the provider after its accept: gateways answer before they store the task.
const UNKNOWN_TASK_GRACE: Duration = Duration::from_secs(60);

/// Polls in a row that must not find a task before it counts as lost.
const MISSING_POLLS: u32 = 2;

/// Further polls of a completed task that came without a usable URL.
const POLLS_FOR_URL: u32 = 3;

/// Polls without an answer after which a task that is only polled once a run is left alone.
const TRIES_OF_LATE_POLL: u32 = 3;

/// Most polls open at once, so that a provider that never answers does not collect connections.
const MOST_OPEN_POLLS: usize = 64;

impl Engine {
    /// As many polls as are due and may start together.
    pub(super) fn start_polls(&mut self, now: Now, effects: &mut Effects) {
        if now.mono < self.poll_open_at() {
            return;
        }
        for _ in 0..self.poll_spacing.group() {
            if !self.can_poll() {
                return;
            }
            let Some(job) = self.watches.open_next(now.mono) else {
                return;
            };
            let task = self.asked_task(job).expect("only tasks are watched");
            effects.calls.push(Call::Poll {
                job,
                task_id: task.id.clone(),
                run: task.run,
            });
        }
    }

    pub(super) fn take_poll_reply(
        &mut self,
        job: JobIndex,
        reply: PollReply,
        now: Now,
        effects: &mut Effects,
    ) {
        match reply {
            PollReply::Running { unknown_word } => {
                if let Some(word) = unknown_word {
                    self.report_once(job, Notice::UnknownStatus { job, word }, effects);
                }
                self.heard_of(job, now);
            }
            PollReply::Completed {
                video_url: Some(video_url),
                last_frame_url,
            } => {
                self.learn(job);
                self.record(
                    job,
                    Event::Completed {
                        video_url,
                        last_frame_url,
                    },
                    now,
                    effects,
                );
                self.watches.remove(job);
                self.want_files(job, now.mono);
            }
            PollReply::Completed {
                video_url: None, ..
            } => self.completed_without_url(job, now, effects),
            PollReply::Failed { class, message } => {
                if self.table.job(job).status() == Status::Running {
                    self.learn(job);
                    self.record(job, Event::Failed { class, message }, now, effects);
                }
                self.watches.remove(job);
            }
            PollReply::NotFound { message } => self.not_found(job, message, now, effects),
            PollReply::OtherTask { task_id, reply } if self.is_own(job, &task_id) => {
                self.take_poll_reply(job, *reply, now, effects);
            }
            PollReply::OtherTask { task_id, .. } => {
                self.report_once(job, Notice::OtherTask { job, task_id }, effects);
                self.heard_nothing(job, now);
            }
            PollReply::KeyRefused { message } if self.is_of_another_account(job) => {
                self.report_once(job, Notice::PollTrouble { job, message }, effects);
                self.heard_nothing(job, now);
            }
            PollReply::KeyRefused { message } => {
                self.end_polls();
                self.stop(
                    StopReason::Fault {
                        fault: RunFault::Auth,
                        message,
                    },
                    effects,
                );
            }
            PollReply::Later { retry_after } => {
                let due = self.polls_refused(job, retry_after, now);
                self.reschedule(job, due.max(now.mono + self.limits.poll_every));
            }
            PollReply::Trouble { message } => {
                self.report_once(job, Notice::PollTrouble { job, message }, effects);
                self.heard_nothing(job, now);
            }
        }
    }

    /// The provider wants fewer polls: all of them pause; until when.
    pub(super) fn polls_refused(
        &mut self,
        job: JobIndex,
        retry_after: Option<Duration>,
        now: Now,
    ) -> Duration {
        let told = retry::told(retry_after);
        let wait = told.unwrap_or_else(|| retry::pause(self.poll_refusals, self.chance(job)));
        if now.mono >= self.polls_paused_until {
            self.poll_refusals = self.poll_refusals.saturating_add(1);
        }
        let due = now.mono + wait;
        self.polls_paused_until = self.polls_paused_until.max(due);
        due
    }

    fn completed_without_url(&mut self, job: JobIndex, now: Now, effects: &mut Effects) {
        if self.table.job(job).status() != Status::Running {
            self.heard_of(job, now);
            return;
        }
        let polls = self.watches.get_mut(job).map_or(0, |watch| {
            watch.without_url += 1;
            watch.without_url
        });
        if polls > POLLS_FOR_URL {
            self.record(job, Event::NoUrl, now, effects);
            self.watches.remove(job);
        } else {
            self.watches
                .schedule(job, now.mono + self.limits.poll_every);
        }
    }

    fn not_found(&mut self, job: JobIndex, message: CleanText, now: Now, effects: &mut Effects) {
        let (missing, age) = self
            .watches
            .get_mut(job)
            .map_or((0, Duration::ZERO), |watch| {
                watch.missing += 1;
                (watch.missing, watch.age_when_asked())
            });
        let Phase::Running { task, .. } = &self.table.job(job).phase else {
            self.heard_of(job, now);
            return;
        };
        let same_key = self.table.origin(task.run).key == self.table.origin(self.run).key;
        if age > UNKNOWN_TASK_GRACE && same_key && missing >= MISSING_POLLS {
            self.record(job, Event::Lost { message }, now, effects);
            self.watches.remove(job);
        } else {
            self.reschedule(job, now.mono + self.limits.poll_every);
        }
    }

    /// Whether the task was made elsewhere and under another key: a key refused there says nothing about this run's.
    pub(super) fn is_of_another_account(&self, job: JobIndex) -> bool {
        let own = self.table.origin(self.run);
        self.asked_task(job).is_some_and(|task| {
            let made_at = self.table.origin(task.run);
            made_at.base_url != own.base_url && made_at.key != own.key
        })
    }

    /// The provider said something about the task: poll on as usual, unless once was enough.
    fn heard_of(&mut self, job: JobIndex, now: Now) {
        if let Some(watch) = self.watches.get_mut(job) {
            watch.errors = 0;
            watch.missing = 0;
            watch.heard = true;
            watch.ran_at = Some(watch.age_when_asked());
        }
        self.reschedule(job, self.next_poll(job, now));
    }

    /// When a task that was found running is best asked for again: as those of its kind teach.
    fn next_poll(&self, job: JobIndex, now: Now) -> Duration {
        let soonest = now.mono + self.limits.poll_every;
        let learnt = || {
            let watch = self.watches.get(job)?;
            let asked = watch.age_when_asked();
            let next = self
                .renders
                .next(self.table.kind(job)?, Some(asked), &self.limits)?;
            Some(watch.asked_at + next.saturating_sub(asked))
        };
        learnt().map_or(soonest, |due| due.max(soonest))
    }

    /// Takes in how long a task took that is over, if this run has watched it from its accept or found it running.
    fn learn(&mut self, job: JobIndex) {
        let Some(watch) = self.watches.get(job).filter(|watch| watch.holds_slot) else {
            return;
        };
        let is_known = watch.ran_at.is_some() || watch.age < self.limits.poll_every;
        if let Some(kind) = self.table.kind(job).filter(|_| is_known) {
            let (after, by) = (watch.ran_at, watch.age_when_asked());
            self.renders.learn(kind, after, by, &self.limits);
        }
    }

    /// The poll said nothing about the task: back off.
    fn heard_nothing(&mut self, job: JobIndex, now: Now) {
        let errors = self.watches.get_mut(job).map_or(0, |watch| {
            watch.errors += 1;
            watch.errors
        });
        self.reschedule(
            job,
            now.mono + retry::poll_spacing(self.limits.poll_every, errors, job),
        );
    }

    /// Polls the task again at `due`, unless it is one that a run polls only once (timed out, or without a URL).
    fn reschedule(&mut self, job: JobIndex, due: Duration) {
        match self.watches.get_mut(job) {
            Some(watch)
                if watch.holds_slot || !(watch.heard || watch.polls >= TRIES_OF_LATE_POLL) =>
            {
                self.watches.schedule(job, due);
            }
            _ => self.leave(job),
        }
    }

    /// Asks no more for a task in this run; if it is not the job's first, the video of an earlier one may be wanted.
    pub(super) fn leave(&mut self, job: JobIndex) {
        self.watches.remove(job);
        self.want_files(job, Duration::ZERO);
    }

    fn report_once(&mut self, job: JobIndex, notice: Notice, effects: &mut Effects) {
        if self
            .watches
            .get_mut(job)
            .is_some_and(|watch| !std::mem::replace(&mut watch.reported, true))
        {
            effects.notices.push(notice);
        }
    }

    pub(super) fn watch_running(&mut self, job: JobIndex, now: Now) {
        let Phase::Running { task, .. } = &self.table.job(job).phase else {
            return;
        };
        let age = non_negative(now.wall.duration_since(task.accepted_at));
        let kind = self.table.kind(job);
        let learnt = kind.and_then(|kind| self.renders.next(kind, None, &self.limits));
        let first = learnt.unwrap_or(self.limits.poll_first);
        let due = now.mono + first.saturating_sub(age);
        let timeout =
            SignedDuration::try_from(self.limits.job_timeout).unwrap_or(SignedDuration::MAX);
        let expiry = task
            .accepted_at
            .saturating_add(timeout)
            .unwrap_or(Timestamp::MAX);
        let watch = Watch {
            holds_slot: expiry > now.wall,
            since: now.mono,
            age,
            ..Watch::default()
        };
        self.watches.add(job, due, watch);
        self.expiries.push(Reverse((expiry, job)));
    }

    pub(super) fn end_polls(&mut self) {
        self.polls_end = Polls::Ended;
        self.watches.clear();
    }

    /// The time for polls is over. A machine that wakes up, or a clock that is set forward, may end it before the run
    /// has asked for every running task, as it must at least once.
    pub(super) fn end_polls_in_time(&mut self, now: Now) {
        let has_time = self.awake(now) < self.limits.deadline + self.limits.job_timeout;
        if has_time && self.polls_end == Polls::GoOn {
            self.polls_end = Polls::LastRound;
            self.watches.keep_unasked();
        } else {
            self.end_polls();
        }
    }

    pub(super) fn can_poll(&self) -> bool {
        self.polls_end != Polls::Ended && self.watches.open_polls() < MOST_OPEN_POLLS
    }

    pub(super) fn poll_open_at(&self) -> Duration {
        self.poll_spacing.open_at().max(self.polls_paused_until)
    }
}
