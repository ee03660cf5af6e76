//! Decides what a run does next. PURE: knows no network, disk, terminal, clock, randomness or async.
//!
//! Start at [`Engine::step`]: inputs and the time go in, records and calls come out. The shell makes the records
//! durable first and then starts the calls; [`Engine::launched`] tells the engine when that was, because rates are
//! counted from there.

pub mod budget;
pub mod downloads;
pub mod event;
pub mod job;
pub mod limits;
mod owners;
mod polls;
mod queue;
mod renders;
pub mod reserve;
pub mod resume;
pub mod retry;
pub mod selection;
pub mod silence;
pub mod snapshot;
mod submits;
pub mod table;
mod watch;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use self::budget::Budget;
use self::downloads::{Downloads, Files};
use self::event::{
    Call, Event, Input, JobIndex, Notice, Now, PollReply, RunNumber, RunStart, SentRequest,
    StopReason, TaskId,
};
use self::job::{Phase, Slot, Status};
use self::limits::{Departure, DoubtBrake, Limits, Restraint, Spacing};
use self::owners::Owners;
use self::queue::Queue;
use self::renders::Renders;
use self::resume::{Outlook, Rerun, Wish, outlook};
use self::selection::Selection;
use self::silence::Silences;
use self::table::{Before, Fact, JobTable, Record};
use self::watch::{Watch, Watches};
use crate::plan::Plan;
use crate::text::CleanText;

/// How long open creates may still answer after an interrupt.
pub const INTERRUPT_GRACE: Duration = Duration::from_secs(20);

/// Longest sleep: wall-clock limits are looked at again after it, in case that clock jumped.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// What a run is given besides its jobs.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Number, origin and selection of this run, to be recorded.
    pub start: RunStart,
    /// The compiled selection.
    pub selection: Selection,
    /// What the run may do at most.
    pub limits: Limits,
    /// Which settled jobs are made again.
    pub rerun: Rerun,
    /// What the state may have reserved at most.
    pub budget: Option<Budget>,
    /// Whether files of completed jobs are fetched.
    pub downloads: Downloads,
}

/// What the shell has to do after a step, in this order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// To be made durable before anything else happens.
    pub records: Vec<Record>,
    /// To be told to people.
    pub notices: Vec<Notice>,
    /// To be started.
    pub calls: Vec<Call>,
}

/// Jobs by status; removed jobs included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Nothing is known to be at the provider.
    pub pending: u32,
    /// A create is open.
    pub submitting: u32,
    /// At the provider.
    pub running: u32,
    /// Made.
    pub completed: u32,
    /// Failed.
    pub failed: u32,
    /// In doubt or lost.
    pub in_doubt: u32,
}

impl Counts {
    /// The number of jobs that are `status`.
    pub fn of(&mut self, status: Status) -> &mut u32 {
        match status {
            Status::Pending | Status::Skipped => &mut self.pending,
            Status::Submitting => &mut self.submitting,
            Status::Running => &mut self.running,
            Status::Completed => &mut self.completed,
            Status::Failed => &mut self.failed,
            Status::InDoubt => &mut self.in_doubt,
        }
    }
}

/// Owns all state of a run.
#[derive(Debug)]
pub struct Engine {
    table: JobTable,
    run: RunNumber,
    limits: Limits,
    began: Now,
    counts: Counts,

    budget: Option<Budget>,

    /// Jobs that this run has not tried, in plan order.
    fresh: Queue,
    /// Jobs that this run tried and that surely created nothing; they go first.
    again: VecDeque<JobIndex>,
    /// Distinct jobs that this run submitted.
    submitted: u32,
    open_creates: BTreeSet<JobIndex>,
    /// The jobs whose intents the last step recorded, each as it was before.
    before_intents: Vec<(JobIndex, Before)>,
    last_submit: Option<Duration>,
    submits_sent: u64,
    submit_spacing: Spacing,
    restraint: Restraint,
    brake: DoubtBrake,

    owners: Owners,
    watches: Watches,
    renders: Renders,
    polls_sent: u64,
    poll_spacing: Spacing,
    polls_paused_until: Duration,
    poll_refusals: u32,
    polls_end: Polls,
    silences: Silences,
    /// When running tasks time out, by wall clock.
    expiries: BinaryHeap<Reverse<(Timestamp, JobIndex)>>,

    files: Files,

    stops: Vec<StopReason>,
    /// Until when open creates may still answer, once the run is interrupted.
    grace_ends: Option<Duration>,
}

/// Whether tasks are still polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polls {
    GoOn,
    /// Their time is over by a clock that jumped or went on while the machine slept: only tasks that this run has not
    /// asked for yet are, once.
    LastRound,
    Ended,
}

impl Engine {
    /// Takes over a replayed table: finds what is left for each job, and settles what only a dead run can have left
    /// open. The effects hold records alone; they must be durable before the first [`Self::step`].
    pub fn resume(mut table: JobTable, setup: Setup, now: Now) -> (Self, Effects) {
        let resumed_at = (!table.runs().is_empty()).then_some(now.mono);
        let mut effects = Effects::default();
        let at = recorded_at(now);
        effects.records.push(Record {
            at,
            fact: Fact::Run(setup.start.clone()),
        });
        table
            .begin_run(setup.start.clone())
            .expect("the caller asked the table for the number of this run");
        let mut engine = Self {
            run: setup.start.run,
            began: now,
            counts: count(&table),
            budget: setup.budget,
            fresh: Queue::default(),
            again: VecDeque::new(),
            submitted: 0,
            open_creates: BTreeSet::new(),
            before_intents: Vec::new(),
            last_submit: None,
            submits_sent: 0,
            submit_spacing: Spacing::new(setup.limits.submit_interval, resumed_at),
            restraint: Restraint::new(setup.limits.submit_interval),
            brake: DoubtBrake::default(),
            owners: Owners::of(&table),
            watches: Watches::default(),
            renders: Renders::default(),
            polls_sent: 0,
            poll_spacing: Spacing::new(setup.limits.poll_interval, resumed_at),
            polls_paused_until: Duration::ZERO,
            poll_refusals: 0,
            polls_end: Polls::GoOn,
            silences: Silences::default(),
            expiries: BinaryHeap::new(),
            files: Files::new(&setup.downloads),
            stops: Vec::new(),
            grace_ends: None,
            limits: setup.limits,
            table,
        };
        for job in 0..engine.table.removed().end {
            let wish = wish(&engine.table, job, &setup.selection, &setup.rerun);
            let outlook = outlook(engine.table.job(job), wish, &setup.rerun);
            if wish != Wish::NotSelected {
                engine.files.select(job);
            }
            engine.want_files_of_left(job, outlook, now);
            if setup.downloads.is_alone() && outlook != Outlook::InDoubt {
                continue;
            }
            match outlook {
                Outlook::New | Outlook::Again | Outlook::Remake => {
                    engine.fresh.push(job, engine.price(job));
                }
                Outlook::Resume => engine.watch_running(job, now),
                Outlook::Recheck => engine.watches.add(job, now.mono, Watch::default()),
                Outlook::InDoubt => engine.settle_open_intent(job, now, &mut effects),
                Outlook::Done | Outlook::Failed | Outlook::Skipped => {}
            }
        }
        engine.expire(now, &mut effects);
        (engine, effects)
    }

    /// Takes in what happened and decides what happens next. At most one create and one poll start in a step, or a group
    /// of each at high rates: rates count from [`Self::launched`].
    pub fn step(&mut self, inputs: impl IntoIterator<Item = Input>, now: Now) -> Effects {
        let mut effects = Effects::default();
        for input in inputs {
            self.take_in(input, now, &mut effects);
        }
        self.expire(now, &mut effects);
        self.end_in_time(now, &mut effects);
        self.give_up_renewals(now, &mut effects);
        self.start_submits(now, &mut effects);
        self.start_polls(now, &mut effects);
        self.start_downloads(now, &mut effects);
        effects
    }

    /// Takes back the intents of the last step, which the state did not take and whose creates must not start: the jobs
    /// are as they were, in memory as in the state.
    pub fn withdraw_intents(&mut self) {
        for (job, before) in std::mem::take(&mut self.before_intents).into_iter().rev() {
            self.open_creates.remove(&job);
            self.again.push_front(job);
            *self.counts.of(self.table.job(job).status()) -= 1;
            *self.counts.of(before.job.status()) += 1;
            self.table.restore(before);
        }
    }

    /// Notes when the calls of the last step were really started.
    pub fn launched(&mut self, calls: &[Call], now: Duration) {
        for call in calls {
            match call {
                Call::Submit { job } => {
                    self.restraint.left(*job, self.departure(now));
                    self.last_submit = Some(now);
                    self.submits_sent += 1;
                    self.submit_spacing.launched(now);
                }
                Call::Poll { .. } => {
                    self.polls_sent += 1;
                    self.poll_spacing.launched(now);
                }
                Call::Download { .. } => {}
            }
        }
    }

    /// A create that leaves now, and is counted among the open ones already.
    fn departure(&self, at: Duration) -> Departure {
        let running = self.watches.slots();
        let open = self.in_flight().saturating_sub(running + 1);
        let gap = self.last_submit.map(|last| at.saturating_sub(last));
        Departure {
            at,
            gap,
            running,
            open,
        }
    }

    /// Whether nothing is open and nothing will be.
    pub fn is_finished(&self) -> bool {
        let polls_done = self.polls_end == Polls::Ended || self.watches.is_empty();
        self.open_creates.is_empty()
            && polls_done
            && !self.has_submits_left()
            && self.files.is_idle()
    }

    /// When to step again if no input comes first.
    pub fn wake_at(&mut self, now: Now) -> Option<Duration> {
        let wall =
            |at: Timestamp| now.mono + non_negative(at.duration_since(now.wall)).min(LONGEST_SLEEP);
        let mut times: Vec<Duration> = Vec::with_capacity(6);
        if self.can_submit() {
            times.push(self.submit_open_at());
        } else if self.is_out_of_money() {
            times.push(now.mono); // nothing will happen that the run could wait for
        }
        if self.can_poll() {
            times.extend(
                self.watches
                    .next_due()
                    .map(|due| due.max(self.poll_open_at())),
            );
        }
        times.extend(self.expiries.peek().map(|Reverse((at, _))| wall(*at)));
        if self.has_submits_left() {
            times.push(
                now.mono
                    + self
                        .limits
                        .deadline
                        .saturating_sub(self.elapsed(now))
                        .min(LONGEST_SLEEP),
            );
        }
        if !self.watches.is_empty() {
            times.push(now.mono + self.last_poll_in(now).min(LONGEST_SLEEP));
        }
        times.extend(self.files.due());
        times.extend(self.grace_ends);
        times.into_iter().min()
    }

    /// Whether anything would be sent: only then a key is needed.
    pub fn has_work(&self) -> bool {
        self.has_affordable() || !self.watches.is_empty()
    }

    /// The number of the run.
    pub fn run(&self) -> RunNumber {
        self.run
    }

    /// All jobs and their states.
    pub fn table(&self) -> &JobTable {
        &self.table
    }

    /// Jobs by status, removed ones included.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Open creates and running tasks that hold a slot.
    pub fn in_flight(&self) -> u32 {
        self.watches.slots()
            + u32::try_from(self.open_creates.len()).expect("at most the concurrency")
    }

    /// What the state may have reserved at most.
    pub fn budget(&self) -> Option<&Budget> {
        self.budget.as_ref()
    }

    /// Why submits ended, in the order the reasons came up; empty if nothing stopped them.
    pub fn stops(&self) -> &[StopReason] {
        &self.stops
    }

    // ── Inputs ──

    fn take_in(&mut self, input: Input, now: Now, effects: &mut Effects) {
        match input {
            Input::Submitted { job, reply } => {
                if self.open_creates.remove(&job) {
                    self.take_submit_reply(job, reply, now, effects);
                }
            }
            Input::Polled { job, reply } => {
                if self.watches.closed(job).is_none() {
                    return;
                }
                if !matches!(reply, PollReply::Later { .. }) {
                    self.poll_refusals = 0;
                }
                if self.files.is_renewing(job) {
                    self.take_renewal(job, reply, now, effects);
                } else {
                    self.listen(job, &reply, now);
                    self.take_poll_reply(job, reply, now, effects);
                }
                if self.polls_end == Polls::LastRound {
                    self.watches.remove(job);
                }
            }
            Input::Fetched { job, reply } => self.take_fetch_reply(job, reply, now, effects),
            Input::Interrupted => {
                let grace = if self.grace_ends.is_some() {
                    Duration::ZERO
                } else {
                    INTERRUPT_GRACE
                };
                self.grace_ends = Some(now.mono + grace);
                self.end_downloads();
                self.end_polls();
                self.stop(StopReason::Interrupted, effects);
            }
            Input::StateFailed => {
                self.end_downloads();
                self.stop(StopReason::StateFailed, effects);
            }
        }
    }

    /// Whether `task_id` is the other id of this job's task.
    fn is_own(&self, job: JobIndex, task_id: &TaskId) -> bool {
        self.asked_task(job)
            .is_some_and(|task| task.other_id.as_ref() == Some(task_id))
    }

    // ── Time ──

    /// Running tasks that reached the job time-out no longer hold a slot; those that were heard of are left alone.
    fn expire(&mut self, now: Now, effects: &mut Effects) {
        while let Some(Reverse((at, job))) = self.expiries.peek().copied()
            && at <= now.wall
        {
            self.expiries.pop();
            let Phase::Running { slot, .. } = &self.table.job(job).phase else {
                continue;
            };
            if *slot == Slot::Held {
                self.record(job, Event::TimedOut, now, effects);
            }
            self.watches.release_slot(job);
            if self
                .watches
                .get_mut(job)
                .is_some_and(|watch| watch.heard && !watch.open)
            {
                self.leave(job);
            }
        }
    }

    /// The deadline ends submits, and a job time-out later also polls; the grace after an interrupt ends everything.
    fn end_in_time(&mut self, now: Now, effects: &mut Effects) {
        if self.has_submits_left() && self.elapsed(now) >= self.limits.deadline {
            self.stop(StopReason::Deadline, effects);
        }
        if !self.watches.is_empty() && self.last_poll_in(now).is_zero() {
            self.end_polls_in_time(now);
        }
        if self.grace_ends.is_some_and(|end| now.mono >= end) {
            for job in std::mem::take(&mut self.open_creates) {
                let message = CleanText::new("interrupted before the provider answered");
                self.record(job, Event::Doubted { message }, now, effects);
            }
        }
    }

    /// Time since the run began: by the clock that never jumps, or by the wall clock if the machine slept.
    fn elapsed(&self, now: Now) -> Duration {
        let by_wall = non_negative(now.wall.duration_since(self.began.wall));
        self.awake(now).max(by_wall)
    }

    /// Time that the run had to do something.
    fn awake(&self, now: Now) -> Duration {
        now.mono.saturating_sub(self.began.mono)
    }

    fn last_poll_in(&self, now: Now) -> Duration {
        let passed = match self.polls_end {
            Polls::LastRound => self.awake(now),
            Polls::GoOn | Polls::Ended => self.elapsed(now),
        };
        (self.limits.deadline + self.limits.job_timeout).saturating_sub(passed)
    }

    // ── State ──

    /// Makes `event` true; `false`, and told as the bug it is, if the job's status does not allow it.
    fn record(&mut self, job: JobIndex, event: Event, now: Now, effects: &mut Effects) -> bool {
        let at = recorded_at(now);
        let before = self.table.job(job).status();
        if let Err(refused) = self.table.apply(job, &event, at) {
            effects.notices.push(Notice::Illegal {
                job,
                what: refused.to_string(),
            });
            return false;
        }
        let after = self.table.job(job).status();
        *self.counts.of(before) -= 1;
        *self.counts.of(after) += 1;
        if before != after && matches!(after, Status::Failed | Status::InDoubt) {
            self.want_files(job, now.mono); // of an earlier take, if it has one
        }
        effects.records.push(Record {
            at,
            fact: Fact::Job {
                id: self.table.id(job).clone(),
                event,
            },
        });
        true
    }

    /// An intent without an answer at the start of a run: the run that sent it is dead.
    fn settle_open_intent(&mut self, job: JobIndex, now: Now, effects: &mut Effects) {
        if self.table.job(job).status() == Status::Submitting {
            self.record(job, Event::left_open(), now, effects);
        }
    }

    /// What the jitter of a delay hangs on: runs of several machines over one account must not fire together either.
    fn chance(&self, job: JobIndex) -> u32 {
        let began = self.began.wall.as_millisecond().rem_euclid(1 << 32);
        job ^ u32::try_from(began).expect("below 2^32")
    }

    fn stop(&mut self, reason: StopReason, effects: &mut Effects) {
        let seen = self
            .stops
            .iter()
            .any(|stop| std::mem::discriminant(stop) == std::mem::discriminant(&reason));
        if !seen {
            effects.notices.push(Notice::SubmitsStopped(reason.clone()));
            self.stops.push(reason);
        }
    }
}

/// Fills in the request columns of the intents in `records`: the engine knows fingerprints alone.
pub fn describe_intents(records: &mut [Record], plan: &Plan, table: &JobTable) {
    for record in records {
        if let Fact::Job {
            id,
            event: Event::Intent { request, .. },
        } = &mut record.fact
            && let Some(job) = table
                .position(id)
                .and_then(|index| plan.jobs().get(index as usize))
        {
            *request = Some(SentRequest::of(job.request()));
        }
    }
}

/// What manifest and marks say about a job of the table.
pub fn wish(table: &JobTable, job: JobIndex, selection: &Selection, rerun: &Rerun) -> Wish {
    match table.wanted(job) {
        Some(_) if !selection.selects(table.id(job)) => Wish::NotSelected,
        Some(_) if rerun.marked.contains(&job) => Wish::Marked,
        Some(_) if table.is_changed(job) => Wish::Changed,
        Some(_) => Wish::Same,
        None => Wish::NotSelected,
    }
}

fn count(table: &JobTable) -> Counts {
    let mut counts = Counts::default();
    for job in 0..table.removed().end {
        *counts.of(table.job(job).status()) += 1;
    }
    counts
}

/// The time of a record: to the millisecond, so that a replayed state equals the one in memory.
fn recorded_at(now: Now) -> Timestamp {
    Timestamp::from_millisecond(now.wall.as_millisecond()).unwrap_or(now.wall)
}

fn non_negative(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or(Duration::ZERO)
}
