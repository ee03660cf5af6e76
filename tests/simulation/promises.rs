//! What must hold, whatever the provider, the disk and the clock do.
//!
//! Start at [`World::check_post`] (before each create) and [`World::check_opened`] (whenever a state is opened). The
//! provider's ledger and the bytes on the platter are the measure, never what the run believes. A new promise is an
//! `ensure` where it can be broken; what a run has been told is kept in [`Notes`].

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use shotlist::engine::event::{Event, TaskId};
use shotlist::engine::job::Phase;
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::plan::JobId;
use shotlist::results;

use crate::figures::Seen;
use crate::person::{job_number, seconds};
use crate::provider::Created;
use crate::register::{JobNumber, Lines};
use crate::weather::{GROUPED, SECOND};
use crate::world::{Audit, Broken, World};

/// An intent must leave within this time, or not at all.
const STALE_INTENT: Duration = Duration::from_secs(30);

/// Whether a request leaves sooner after the last one than the rate allows; how large groups may be is tested with their
/// spacing.
fn is_too_soon(now: Duration, last: Duration, interval: Duration) -> bool {
    interval > GROUPED && now < last + interval
}

impl World {
    /// Before a create leaves.
    pub(crate) fn check_post(&mut self, job: JobNumber, revision: u32) {
        let broken = self
            .wrong_post(job)
            .or_else(|| self.unaffordable_post(job, revision))
            .or_else(|| self.reckless_post(job));
        self.ensure(broken.is_none(), || {
            format!("`job-{job}` is submitted {}", broken.unwrap_or_default())
        });
        let notes = &mut self.session.notes;
        notes.open.insert(job);
        notes.posted.insert(job);
    }

    /// Why this job must not be sent now.
    fn wrong_post(&self, job: JobNumber) -> Option<String> {
        let say = |words: &str| Some(words.to_owned());
        let creates = self.ledger.iter().filter(|task| task.job == job).count();
        if creates > self.remakes.get(&job).copied().unwrap_or(0) {
            return say("although it was created before");
        }
        if self.audit < Audit::Requests {
            return None;
        }
        let posts = self.posts.get(&job).map_or(0, |posts| posts.0);
        let none = Lines::default();
        let lines = self.register.job(job).unwrap_or(&none);
        if lines.last != "intent" || lines.intents <= posts {
            return say("without a durable intent");
        }
        if lines.reopened > self.remakes.get(&job).copied().unwrap_or(0) {
            return say("again although nobody asked for it");
        }
        let terms = &self.session.terms;
        if !terms.select.is_empty() && job > 3 {
            return say("although it is not selected");
        }
        if self.manifest.iter().all(|row| row.job != job) {
            return say("although it is not in the manifest");
        }
        let most = terms
            .limits
            .max_jobs
            .map_or(usize::MAX, |most| most.get() as usize);
        if !self.session.notes.posted.contains(&job) && self.session.notes.posted.len() >= most {
            return say("beyond --max-jobs");
        }
        None
    }

    /// Why this job must not be sent under the cap of the run: what the provider has executed, or will, counts at the
    /// price of its day, or at today's if there was none.
    fn unaffordable_post(&self, job: JobNumber, revision: u32) -> Option<String> {
        let price = self
            .prices
            .map(|per_second| per_second * seconds(job, revision));
        if self.audit >= Audit::Requests {
            let hold = self.register.job(job).and_then(|lines| lines.holds.last());
            if hold.is_none_or(|hold| hold.cost != price) {
                return Some(format!("with {hold:?} recorded, and it costs {price:?}"));
            }
        }
        let cap = self.session.terms.max_spend?;
        let (Some(per_second), Some(price)) = (self.prices, price) else {
            return Some("under a cap and without a price".to_owned());
        };
        let cost = |task: &Created| {
            let today = || per_second * seconds(task.job, task.revision);
            task.price.unwrap_or_else(today)
        };
        let executed: u64 = self.ledger.iter().map(cost).sum();
        if executed + price > cap {
            return Some(format!("over the cap: {executed} + {price} of {cap}"));
        }
        let reserved = self.register.reserved(per_second);
        (self.audit >= Audit::Requests && reserved > cap)
            .then(|| format!("with {reserved} reserved of {cap}"))
    }

    /// Why nothing must be sent now.
    fn reckless_post(&self, job: JobNumber) -> Option<String> {
        if self.audit < Audit::Requests {
            return None;
        }
        let (now, notes, limits) = (
            self.time.truth(),
            &self.session.notes,
            &self.session.terms.limits,
        );
        if self
            .last_post
            .is_some_and(|last| is_too_soon(now, last, limits.submit_interval))
        {
            return Some("sooner than the rate allows".to_owned());
        }
        if let Some(why) = notes.posts_over {
            return Some(format!("after {why}"));
        }
        if notes.state_failed {
            return Some("after the state failed".to_owned());
        }
        if notes
            .signals
            .first()
            .is_some_and(|signal| notes.leaving_at >= *signal + SECOND / 10)
        {
            return Some("after a signal".to_owned());
        }
        if now < notes.no_post_before {
            return Some("in a pause that the provider asked for".to_owned());
        }
        if !notes.accepted && !notes.open.is_empty() {
            return Some("beside an open create before the first accept".to_owned());
        }
        let age = notes.leaving_at.saturating_sub(notes.committing_since);
        if age > STALE_INTENT && !notes.jumped {
            return Some(format!("{age:?} after its intent"));
        }
        if self.time.mono() > notes.began + limits.deadline + STALE_INTENT {
            return Some("after the deadline".to_owned());
        }
        let in_flight = self.in_flight(job);
        let most = limits.concurrency.get() as usize;
        (in_flight > most).then(|| format!("as number {in_flight} of {most} in flight"))
    }

    /// Open creates and running tasks as the state has them, with that of `job`.
    fn in_flight(&self, job: JobNumber) -> usize {
        let wall = self.time.wall();
        let timeout =
            SignedDuration::try_from(self.session.terms.limits.job_timeout).expect("short");
        let is_in_flight = |(number, lines): &(JobNumber, &Lines)| match lines.last.as_str() {
            "intent" => *number == job || self.session.notes.open.contains(number),
            "accepted" | "adopted" => lines.accepted_at.is_some_and(|at| at + timeout > wall),
            _ => false,
        };
        self.register.jobs().filter(is_in_flight).count()
    }

    /// Before a poll leaves.
    pub(crate) fn check_poll(&mut self, base_url: &str, id: &TaskId) {
        if self.audit < Audit::Requests {
            return;
        }
        let now = self.time.truth();
        let interval = self.session.terms.limits.poll_interval;
        let in_time = self
            .last_poll
            .is_none_or(|last| !is_too_soon(now, last, interval));
        self.ensure(in_time, || {
            format!("{id} is polled sooner than the rate allows")
        });
        let is_broken = self.session.notes.state_failed || self.disk.is_moved;
        let is_durable = is_broken || self.register.has_id(id.as_str());
        self.ensure(is_durable, || {
            format!("{id} is polled before it is durable")
        });
        let over = self.session.notes.polls_over;
        self.ensure(!over, || format!("{id} is polled after a refused key"));
        let notes = &self.session.notes;
        let late = !notes.signals.is_empty() && notes.steps > notes.steps_before_signal + 2;
        self.ensure(!late, || format!("{id} is polled after a signal"));
        if let Some(task) = self.ledger.iter().find(|task| task.task_id == *id) {
            let (job, made_at) = (task.job, task.account.base_url);
            self.session.notes.polled.insert(job);
            self.ensure(made_at == base_url, || {
                format!("{id} is polled at {base_url}")
            });
        }
    }

    /// When a state was opened: nothing that was ever acknowledged is missing, and nothing that was paid for.
    pub(crate) fn check_opened(&mut self, records: &[Record], table: &JobTable) {
        let lost = self.acknowledged.len() > records.len()
            || self
                .acknowledged
                .iter()
                .zip(records)
                .any(|(known, found)| known != found);
        let is_felt = self.audit >= Audit::Consequences;
        self.ensure(!lost || !is_felt, || {
            "a record that was acknowledged is lost".to_owned()
        });
        self.acknowledged = records.to_vec();
        if !is_felt {
            return;
        }
        self.check_kept(records, table);
        if self.audit == Audit::Everything {
            let durable = self.disk.durable() == self.disk.bytes();
            self.ensure(durable, || {
                "a state is opened that is not durable".to_owned()
            });
        }
        let now = self.time.truth();
        for index in 0..self.ledger.len() {
            if self.ledger[index].at > now {
                continue;
            }
            let broken = self.missing(index, records, table);
            self.ensure(broken.is_none(), || broken.unwrap_or_default());
        }
    }

    /// No completed take leaves results.csv before a later one of its job is completed.
    fn check_kept(&mut self, records: &[Record], table: &JobTable) {
        let kept = last_completed(records);
        let plan = self.plan();
        let mut sheet = Vec::new();
        let selection = results::last_selection(table);
        results::write(&plan, table, &selection, &mut sheet).expect("memory takes all");
        let column = |name: &str| results::COLUMNS.iter().position(|column| *column == name);
        let [task, note] = ["task_id", "note"].map(|name| column(name).expect("a column"));
        let mut rows = csv::Reader::from_reader(&sheet[..]);
        for (job, row) in plan.jobs().iter().zip(rows.records()) {
            let row = row.expect("valid CSV");
            let Some(kept) = kept.get(job.id().as_str()) else {
                continue;
            };
            let is_present = row[task] == *kept.to_string();
            if !is_present {
                self.saw(Seen::EarlierKept);
            }
            let is_noted = !self.forgets_takes && row[note].contains(&format!("task {kept},"));
            self.ensure(is_present || is_noted, || {
                format!("the completed task {kept} is nowhere in results.csv: {row:?}")
            });
        }
    }

    /// When a task is called lost. A clock that was set before the run began makes a young task look old.
    pub(crate) fn check_lost(&mut self, job: &JobId) {
        let number = job_number(job);
        let forgotten = |task: &Created| task.vanishes || self.time.jumped_before > task.jumped;
        let is_lost = self
            .ledger
            .iter()
            .any(|task| task.job == number && forgotten(task));
        self.ensure(is_lost, || {
            format!("the task of `{job}` is called lost, and the provider knows it")
        });
    }

    /// How a created task is missing in the state.
    fn missing(&self, index: usize, records: &[Record], table: &JobTable) -> Option<Broken> {
        let task = &self.ledger[index];
        let is_job = |job: &u32| job_number(table.id(*job)) == task.job;
        let Some(job) = (0..table.removed().end).find(is_job) else {
            return Some(format!("`job-{}` is gone", task.job));
        };
        let is_open = matches!(
            table.job(job).phase,
            Phase::Submitting { .. } | Phase::InDoubt { .. }
        );
        let is_known = || records.iter().any(|record| names(record, &task.task_id));
        (!is_open && !is_known()).then(|| format!("the id {} is lost", task.task_id))
    }

    /// When a run has ended by itself: memory and disk agree, so results.csv can be rebuilt from the state.
    pub(crate) fn check_memory(&mut self, memory: &JobTable, disk: &JobTable) {
        let (told, known) = (memory.reserved(), disk.reserved());
        self.ensure(told == known, || {
            format!("memory has {told:?} reserved, and the disk {known:?}")
        });
        let differs = |job: &u32| memory.job(*job) != disk.job(*job);
        let different = (0..disk.removed().end).find(differs);
        self.ensure(different.is_none(), || {
            let job = different.expect("checked");
            let (memory, disk) = (memory.job(job), disk.job(job));
            format!("memory and disk differ: {memory:?}\nagainst {disk:?}")
        });
        if !self.seed.is_multiple_of(4) {
            return; // the tables are equal: what is drawn from them is too, unless by something else
        }
        let plan = self.plan();
        let selection = results::last_selection(disk);
        let csv = |table: &JobTable| {
            let mut bytes = Vec::new();
            results::write(&plan, table, &selection, &mut bytes).expect("memory takes all");
            bytes
        };
        let same = csv(memory) == csv(disk);
        self.ensure(same, || {
            "results.csv cannot be rebuilt from the state".to_owned()
        });
    }
}

/// The task of the last completed take of each job.
fn last_completed(records: &[Record]) -> BTreeMap<&str, &TaskId> {
    let (mut tasks, mut completed) = (BTreeMap::new(), BTreeMap::new());
    for record in records {
        let Fact::Job { id, event } = &record.fact else {
            continue;
        };
        match event {
            Event::Accepted { task_id, .. } | Event::Adopted { task_id, .. } => {
                tasks.insert(id.as_str(), task_id);
            }
            Event::Completed { .. } => {
                completed.insert(id.as_str(), tasks[id.as_str()]);
            }
            _ => {}
        }
    }
    completed
}

/// Whether `record` keeps the task id.
fn names(record: &Record, wanted: &TaskId) -> bool {
    use shotlist::engine::event::Event::{Accepted, Adopted};
    match &record.fact {
        Fact::Job { event, .. } => matches!(
            event,
            Accepted { task_id, .. } | Adopted { task_id, .. } if task_id == wanted
        ),
        Fact::Run(_) => false,
    }
}
