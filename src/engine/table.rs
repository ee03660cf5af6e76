//! Every job that the manifest or the state knows, with its state: what a journal replays into and an engine runs on.
//!
//! Start at [`JobTable`]. The plan's jobs come first, in plan order; jobs that only the state knows (removed from the
//! manifest) follow in order of first appearance. Without a plan every job is of the second kind.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;
use jiff::Timestamp;

use super::event::{Event, JobIndex, Origin, RunNumber, RunStart};
use super::job::{IllegalEvent, JobState, Phase, Status};
use super::renders::Kind;
use super::reserve::{Hold, Reserved};
use super::selection::Selection;
use crate::money::{Cost, Priced};
use crate::plan::{Fingerprint, Job, JobId, Plan};

/// A fact with the moment it was recorded: what the journal stores and replays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// When it was recorded.
    pub at: Timestamp,
    /// What happened.
    pub fact: Fact,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A run began.
    Run(RunStart),
    /// Something happened to a job.
    Job {
        /// Which job.
        id: JobId,
        /// What.
        event: Event,
    },
}

impl Record {
    /// Whether it says that a create request is about to be sent, or opens the take that the request is for: neither is
    /// true without the other.
    pub fn is_intent(&self) -> bool {
        matches!(
            &self.fact,
            Fact::Job {
                event: Event::Intent { .. } | Event::Reopened,
                ..
            }
        )
    }
}

/// A record that contradicts the records before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// An event that the job's status does not allow.
    #[error("job `{id}`: {source}")]
    Event {
        /// Which job.
        id: JobId,
        /// What is wrong.
        source: IllegalEvent,
    },
    /// Runs are numbered from 1 without gaps.
    #[error("run {found} follows run {last}")]
    RunOrder {
        /// The number in the record.
        found: u32,
        /// The number before.
        last: u32,
    },
    /// An event names a run that was never recorded.
    #[error("job `{id}` names run {run}, which never began")]
    UnknownRun {
        /// Which job.
        id: JobId,
        /// The unknown run.
        run: u32,
    },
}

/// All jobs and runs of a state.
#[derive(Debug, Clone, Default)]
pub struct JobTable {
    /// The plan's jobs, held in common with it.
    plan: Arc<Vec<Job>>,
    /// Jobs that only the state knows.
    removed: Vec<JobId>,
    states: States,
    /// Fingerprints of the plan's requests; as long as the plan.
    wanted: Vec<Fingerprint>,
    /// What the plan's jobs are to cost.
    prices: Prices,
    reserved: Reserved,
    /// Positions by folded id.
    positions: HashTable<JobIndex>,
    /// The job of the last intent that was replayed: the next record is likely to be about it, or the job after it.
    near: JobIndex,
    runs: Vec<RunStart>,
}

impl JobTable {
    /// A table in which the plan's jobs are pending and nothing has happened.
    pub fn new(plan: Option<&Plan>) -> Self {
        let jobs = plan.map(Plan::shared_jobs).unwrap_or_default();
        let mut table = Self {
            states: States::pending(jobs.len()),
            wanted: jobs.iter().map(|job| job.request().fingerprint()).collect(),
            prices: plan.map(Prices::of).unwrap_or_default(),
            positions: HashTable::with_capacity(jobs.len()),
            plan: jobs,
            ..Self::default()
        };
        for index in table.planned() {
            table.note_position(index);
        }
        table
    }

    /// Adds a job that the plan does not have.
    fn insert(&mut self, id: JobId) -> JobIndex {
        let index = self.states.push();
        self.removed.push(id);
        self.note_position(index);
        index
    }

    /// Makes a job known by its id.
    fn note_position(&mut self, index: JobIndex) {
        let hash = hash_of(&self.id(index).folded());
        let Self {
            positions,
            plan,
            removed,
            ..
        } = self;
        positions.insert_unique(hash, index, |index| {
            hash_of(&id_at(plan, removed, *index).folded())
        });
    }

    fn find(&self, folded: &str) -> Option<JobIndex> {
        let is_it = |index: &JobIndex| self.id(*index).is_folded(folded);
        self.positions.find(hash_of(folded), is_it).copied()
    }

    /// Makes a recorded fact true.
    pub fn replay(&mut self, record: &Record) -> Result<(), ReplayError> {
        match &record.fact {
            Fact::Run(start) => self.begin_run(start.clone()),
            Fact::Job { id, event } => {
                let index = self.position_nearby(id);
                let index = index.unwrap_or_else(|| self.insert(id.clone()));
                if let Event::Intent { .. } = event {
                    self.near = index;
                }
                self.apply(index, event, record.at)
            }
        }
    }

    /// The same as [`Self::position`], sooner for most records of a long state.
    fn position_nearby(&self, id: &JobId) -> Option<JobIndex> {
        [self.near, self.near.saturating_add(1)]
            .into_iter()
            .find(|index| self.is_at(*index, id.as_str()))
            .or_else(|| self.position(id))
    }

    /// Adds a run; its number must be the next one.
    pub fn begin_run(&mut self, start: RunStart) -> Result<(), ReplayError> {
        if start.run != self.next_run() {
            let last = self.next_run().0 - 1;
            return Err(ReplayError::RunOrder {
                found: start.run.0,
                last,
            });
        }
        self.runs.push(start);
        Ok(())
    }

    /// Applies `event`, recorded at `at`, to one job.
    pub fn apply(
        &mut self,
        index: JobIndex,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), ReplayError> {
        if let Event::Intent { run, .. } | Event::Adopted { run, .. } = event
            && (run.0 == 0 || *run >= self.next_run())
        {
            return Err(ReplayError::UnknownRun {
                id: self.id(index).clone(),
                run: run.0,
            });
        }
        let (held, is_spent) = (self.hold(index), self.is_spent_by(index, event));
        let job = self.states.of_mut(index);
        job.apply(event, at).map_err(|source| ReplayError::Event {
            id: self.id(index).clone(),
            source,
        })?;
        if self.is_as_wanted(index) {
            self.states.of_mut(index).sent = None;
        }
        let holds = self.hold(index);
        if holds != held {
            if let Some(held) = held.filter(|_| !is_spent) {
                self.reserved.release(held);
            }
            if let Some(holds) = holds {
                self.reserved.add(holds);
            }
        }
        Ok(())
    }

    /// Whether the job leaves behind, with `event`, a create that the provider may have made: it stays reserved.
    fn is_spent_by(&self, index: JobIndex, event: &Event) -> bool {
        match event {
            Event::Reopened => true,
            // The provider had named a task, so it may charge for it, whatever a person finds there now.
            Event::NotCreated => matches!(self.job(index).phase, Phase::Lost { .. }),
            _ => false,
        }
    }

    /// What the last create of a job has reserved and not released.
    pub(super) fn hold(&self, index: JobIndex) -> Option<Hold> {
        let job = self.job(index);
        let hold = || match job.cost() {
            Some(cost) => Hold::Cost(cost),
            None => Hold::Unrecorded(self.sent(index)),
        };
        job.may_cost().then(hold)
    }

    /// What was sent last, as far as it is known.
    fn sent(&self, index: JobIndex) -> Option<Priced> {
        match &self.job(index).sent {
            Some(sent) => sent.priced(),
            None if self.is_as_wanted(index) => self.prices.priced(index),
            None => None,
        }
    }

    /// Whether what was sent last is what the plan wants.
    fn is_as_wanted(&self, index: JobIndex) -> bool {
        let sent = self.job(index).fingerprint;
        self.wanted(index)
            .is_some_and(|wanted| sent == Some(wanted))
    }

    /// A job as it is now, with all that changes when something happens to it.
    pub(super) fn before(&self, index: JobIndex) -> Before {
        Before {
            index,
            job: self.job(index).clone(),
            reserved: self.reserved.clone(),
        }
    }

    /// Takes back what happened to one job, and to no other, since it was `before`: the state never heard of it.
    pub(super) fn restore(&mut self, before: Before) {
        *self.states.of_mut(before.index) = before.job;
        self.reserved = before.reserved;
    }

    /// What creates have reserved, of all takes of all jobs, removed ones included.
    pub fn reserved(&self) -> &Reserved {
        &self.reserved
    }

    /// What the next create of a job is expected to cost; `None` if that is unknown, or the plan does not have the job.
    pub fn price(&self, index: JobIndex) -> Option<Cost> {
        self.prices.price(index)
    }

    /// What a job of the plan has in common with those whose tasks take about as long.
    pub(super) fn kind(&self, index: JobIndex) -> Option<Kind> {
        let priced = self.prices.priced(index)?;
        Some((priced.model, priced.seconds))
    }

    /// Number of jobs, removed ones included.
    pub fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether there is no job at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions of the plan's jobs, in plan order.
    pub fn planned(&self) -> std::ops::Range<JobIndex> {
        0..JobIndex::try_from(self.wanted.len()).expect("checked on insert")
    }

    /// Positions of the jobs that only the state knows.
    pub fn removed(&self) -> std::ops::Range<JobIndex> {
        self.planned().end..JobIndex::try_from(self.len()).expect("checked on insert")
    }

    /// Where `id` (ignoring case) is.
    pub fn position(&self, id: &JobId) -> Option<JobIndex> {
        self.find(&id.folded())
    }

    /// Whether there is a job at `index` whose id is written exactly `id`.
    pub(crate) fn is_at(&self, index: JobIndex, id: &str) -> bool {
        (index as usize) < self.len() && self.id(index).as_str() == id
    }

    /// The name of a job.
    pub fn id(&self, index: JobIndex) -> &JobId {
        id_at(&self.plan, &self.removed, index)
    }

    /// The state of a job.
    pub fn job(&self, index: JobIndex) -> &JobState {
        self.states.of(index)
    }

    /// The fingerprint of the request that the plan wants; `None` for a removed job.
    pub fn wanted(&self, index: JobIndex) -> Option<Fingerprint> {
        self.wanted.get(index as usize).copied()
    }

    /// Whether the job was submitted with another content than the plan has now.
    pub fn is_changed(&self, index: JobIndex) -> bool {
        let sent = self.job(index).fingerprint;
        self.wanted(index)
            .is_some_and(|wanted| sent.is_some_and(|sent| sent != wanted))
    }

    /// The runs so far, oldest first.
    pub fn runs(&self) -> &[RunStart] {
        &self.runs
    }

    /// The number of the run that would begin now.
    pub fn next_run(&self) -> RunNumber {
        RunNumber(u32::try_from(self.runs.len()).expect("fewer than 4 billion runs") + 1)
    }

    /// Where the tasks of `run` are polled.
    pub fn origin(&self, run: RunNumber) -> &Origin {
        &self.runs[run.0 as usize - 1].origin
    }

    /// The status column: `skipped` for a job that the last run did not select and that was never submitted.
    pub fn status(&self, index: JobIndex, selection: &Selection) -> Status {
        let job = self.job(index);
        match job.status() {
            Status::Pending if !job.was_submitted() && !selection.selects(self.id(index)) => {
                Status::Skipped
            }
            status => status,
        }
    }
}

fn id_at<'t>(plan: &'t [Job], removed: &'t [JobId], index: JobIndex) -> &'t JobId {
    let index = index as usize;
    match plan.get(index) {
        Some(job) => job.id(),
        None => &removed[index - plan.len()],
    }
}

fn hash_of(folded: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    folded.hash(&mut hasher);
    hasher.finish()
}

/// The state of each job. A job to which nothing has happened takes four bytes: most of a million are pending.
#[derive(Debug, Clone)]
struct States {
    /// The first is that of all jobs to which nothing has happened.
    states: Vec<JobState>,
    /// For each job, which of the states is its own.
    places: Vec<u32>,
}

impl Default for States {
    fn default() -> Self {
        Self::pending(0)
    }
}

impl States {
    const UNTOUCHED: u32 = 0;

    /// Those of so many jobs to which nothing has happened.
    fn pending(jobs: usize) -> Self {
        Self {
            states: vec![JobState::default()],
            places: vec![Self::UNTOUCHED; jobs],
        }
    }

    /// Adds a job.
    fn push(&mut self) -> JobIndex {
        self.places.push(Self::UNTOUCHED);
        JobIndex::try_from(self.places.len() - 1)
            .expect("a manifest of 4 billion jobs does not fit in memory")
    }

    fn len(&self) -> usize {
        self.places.len()
    }

    fn of(&self, index: JobIndex) -> &JobState {
        &self.states[self.places[index as usize] as usize]
    }

    fn of_mut(&mut self, index: JobIndex) -> &mut JobState {
        let place = &mut self.places[index as usize];
        if *place == Self::UNTOUCHED {
            *place = u32::try_from(self.states.len()).expect("at most one more than jobs");
            self.states.push(JobState::default());
        }
        &mut self.states[*place as usize]
    }
}

/// A job as it was, see [`JobTable::before`].
#[derive(Debug)]
pub(super) struct Before {
    index: JobIndex,
    pub(super) job: JobState,
    reserved: Reserved,
}

/// What the plan's jobs are to cost. There are few different prices however many jobs there are.
#[derive(Debug, Clone, Default)]
struct Prices {
    kinds: Vec<(Priced, Option<Cost>)>,
    /// Which of the kinds each job is.
    jobs: Vec<u16>,
}

impl Prices {
    fn of(plan: &Plan) -> Self {
        let mut prices = Self::default();
        let mut known = HashMap::new();
        for job in plan.jobs() {
            let request = Priced::of(job.request());
            let kind = *known.entry(request).or_insert_with(|| {
                prices.kinds.push((request, plan.price(job)));
                u16::try_from(prices.kinds.len() - 1).expect(
                    "models, lengths, sound and references make a few thousand kinds at most",
                )
            });
            prices.jobs.push(kind);
        }
        prices
    }

    fn kind(&self, index: JobIndex) -> Option<(Priced, Option<Cost>)> {
        let kind = *self.jobs.get(index as usize)?;
        Some(self.kinds[kind as usize])
    }

    fn price(&self, index: JobIndex) -> Option<Cost> {
        self.kind(index)?.1
    }

    fn priced(&self, index: JobIndex) -> Option<Priced> {
        self.kind(index).map(|(priced, _)| priced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn adopted(run: u32) -> Record {
        let event = Event::Adopted {
            task_id: sample::task("t"),
            run: RunNumber(run),
        };
        sample::event(9, "unclear", event)
    }

    #[test]
    fn a_job_is_found_and_selected_however_its_accents_are_written() {
        let (composed, apart) = (
            sample::job_id("caf\u{e9}-1"),
            sample::job_id("CAFE\u{301}-1"),
        );
        let mut table = JobTable::new(None);
        let index = table.insert(apart);
        assert_eq!(table.position(&composed), Some(index));
        let selection = Selection::new(&["caf\u{e9}-*".to_owned()]).expect("a pattern");
        assert!(selection.selects(table.id(index)));
        assert!(!selection.selects(&sample::job_id("cafe-1")));
    }

    #[test]
    fn runs_are_numbered_without_a_gap() {
        for (found, is_next) in [(0, false), (1, false), (2, true), (3, false)] {
            let (_, mut table) = sample::every_status();
            let begun = table.replay(&sample::run(found, &[]));
            assert_eq!(begun.is_ok(), is_next, "run {found}");
            assert_eq!(table.runs().len(), 1 + usize::from(is_next));
        }
    }

    #[test]
    fn an_event_of_a_run_that_never_began_is_refused_and_changes_nothing() {
        for run in [0, 2, u32::MAX] {
            let (_, mut table) = sample::every_status();
            let job = table.position(&sample::job_id("unclear")).expect("there");
            let before = table.job(job).clone();
            let refused = table.replay(&adopted(run));
            assert!(matches!(refused, Err(ReplayError::UnknownRun { .. })));
            assert_eq!(*table.job(job), before);
        }
        let (_, mut table) = sample::every_status();
        assert_eq!(table.replay(&adopted(1)), Ok(()));
    }

    #[test]
    fn what_was_sent_is_kept_only_where_the_plan_says_something_else() {
        let (_, table) = sample::every_status();
        let keeps: Vec<_> = (0..table.removed().end)
            .filter(|job| table.job(*job).sent.is_some())
            .map(|job| table.id(job).as_str())
            .collect();
        assert_eq!(keeps, ["edited", "cut-from-film"]);
    }
}
