//! The person in front of the machine: writes and edits the manifest, marks videos and asks for remakes, settles jobs in
//! doubt.
//!
//! Start at [`World::settle`], [`World::mark`] and [`World::edit_manifest`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use shotlist::engine::event::{Event, JobIndex, RunNumber};
use shotlist::engine::job::{Phase, Take};
use shotlist::engine::selection::Selection;
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::manifest;
use shotlist::marks::{self, Mark, Verdict, Void};
use shotlist::money::{self, Currency, Pricing};
use shotlist::plan::{JobId, Model, Plan};

use crate::figures::Seen;
use crate::register::{JobNumber, Lines, number_of};
use crate::world::World;

/// A job of the manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) job: JobNumber,
    /// Changes with every edit of the row.
    pub(crate) revision: u32,
    /// Spaces after the prompt; a long prompt fills a disk.
    pub(crate) padding: usize,
}

/// How a person settles jobs in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Looks them up at the provider, after a while.
    Careful,
    /// Declares that nothing was created, and hopes.
    Careless,
}

pub(crate) fn job_number(id: &JobId) -> JobNumber {
    number_of(id.as_str()).expect("all jobs are called so")
}

/// Length of the video of a job, in seconds: what its price hangs on.
pub(crate) fn seconds(job: JobNumber, revision: u32) -> u64 {
    5 + u64::from(job * 3 + revision * 2) % 7
}

impl World {
    /// A manifest for this seed.
    pub(crate) fn draw_manifest(&mut self) {
        let jobs = self.chance.small(1, 6);
        let is_rare = self.chance.below(400) == 0;
        self.prices = self.chance.pick(&[None, Some(1), Some(2), Some(3)]);
        let long = is_rare.then(|| self.chance.small(0, jobs - 1));
        if self.file_chance.percent(20) {
            self.saw(Seen::ForeignFile);
            let name = self
                .file_chance
                .pick(&["job-0.mp4", "job-0.json", "job-2.png"]);
            self.files.put_foreign(name);
        }
        self.manifest = (0..jobs)
            .map(|job| Row {
                job,
                revision: 0,
                padding: if long == Some(job) { 300_000 } else { 0 },
            })
            .collect();
    }

    pub(crate) fn edit_manifest(&mut self) {
        let rows = self.manifest.len();
        let next = self
            .manifest
            .iter()
            .map(|row| row.job + 1)
            .max()
            .unwrap_or(0);
        match self.chance.below(12) {
            0..=2 => {
                self.saw(Seen::RowEdited);
                let row = self.chance.index(rows);
                self.manifest[row].revision += 1;
            }
            3 if rows > 1 => {
                self.saw(Seen::RowRemoved);
                let row = self.chance.index(rows);
                self.manifest.remove(row);
            }
            4 => {
                // Perhaps one that was there before.
                self.saw(Seen::RowAdded);
                let mut free =
                    (0..=next).filter(|job| self.manifest.iter().all(|row| row.job != *job));
                let job = free.next().expect("the last is always free");
                self.manifest.push(Row {
                    job,
                    revision: 0,
                    padding: 0,
                });
            }
            5 => {
                self.saw(Seen::RowsReordered);
                let middle = self.chance.index(rows);
                self.manifest.rotate_left(middle);
            }
            _ => {}
        }
    }

    /// Sometimes another price list, or none.
    pub(crate) fn edit_prices(&mut self) {
        if self.chance.percent(25) {
            self.saw(Seen::PricesEdited);
            self.prices = self.chance.pick(&[None, Some(1), Some(2), Some(3)]);
        }
    }

    /// The manifest as the program reads it.
    pub(crate) fn plan(&mut self) -> Arc<Plan> {
        match &self.plan {
            Some((manifest, prices, plan))
                if *manifest == self.manifest && *prices == self.prices =>
            {
                Arc::clone(plan)
            }
            _ => {
                let plan = Arc::new(plan(&self.manifest).with_pricing(self.prices.map(pricing)));
                self.plan = Some((self.manifest.clone(), self.prices, Arc::clone(&plan)));
                plan
            }
        }
    }

    /// Notes which settled jobs the coming run is asked to make again.
    pub(crate) fn note_remakes(&mut self, plan: &Plan) {
        let (rerun, redo) = (self.session.terms.rerun.clone(), self.session.terms.redo);
        for job in plan.jobs() {
            let number = job_number(job.id());
            let Some(lines) = self.register.job(number) else {
                continue;
            };
            let changed = lines.fingerprint != job.request().fingerprint().to_string();
            let is_asked = match lines.last.as_str() {
                "completed" => rerun.changed && changed,
                "failed" | "rejected" => rerun.failed || rerun.changed && changed,
                _ => false,
            };
            let unheeded = |mark: &&Mark| {
                redo && number == job_number(&mark.job)
                    && is_about(mark, lines)
                    && !self.heeded.contains(mark)
            };
            let mark = self.marks.iter().find(unheeded).filter(|_| !is_asked);
            if is_asked || mark.is_some() {
                *self.remakes.entry(number).or_default() += 1;
            }
            self.heeded.extend(mark.cloned());
        }
    }

    /// Looks at what is finished, and marks some of it to be made again. The marks are kept for ever and given to any
    /// later run: they are for one take each.
    pub(crate) fn mark(&mut self) {
        let mut marks = Vec::new();
        for (number, lines) in self.register.jobs() {
            let mark = Mark {
                job: JobId::new(&format!("job-{number}")).expect("valid"),
                take: Take(u32::try_from(lines.reopened).expect("few") + 1),
                task_id: lines.task_id.as_deref().map(Into::into),
                verdict: Verdict::Redo,
            };
            if is_about(&mark, lines) && !self.marks.contains(&mark) && self.chance.percent(40) {
                marks.push(mark);
            }
        }
        for mark in marks {
            self.saw(Seen::Marked);
            self.marks.push(mark);
        }
    }

    /// The jobs that a run makes again because they are marked.
    pub(crate) fn marked(
        &mut self,
        table: &JobTable,
        selection: &Selection,
        reading: Reading,
    ) -> BTreeSet<JobIndex> {
        if reading == Reading::ByJob {
            let positions = self.marks.iter().map(|mark| table.position(&mark.job));
            return positions.flatten().collect();
        }
        let judgement = marks::judge(&self.marks, table, selection);
        if !judgement.redo.is_empty() {
            self.saw(Seen::RemadeAsMarked);
        }
        if judgement.jobs(Void::MadeAgain).next().is_some() {
            self.saw(Seen::MarkedBefore);
        }
        judgement.redo
    }

    /// What the person says of every job in doubt, as records to be added to the state.
    pub(crate) fn settle(&mut self, table: &JobTable, policy: Policy) -> Vec<Record> {
        let mut records = Vec::new();
        for job in 0..table.removed().end {
            let (run, is_open, is_lost) = match &table.job(job).phase {
                Phase::Submitting { run } => (*run, true, false),
                Phase::InDoubt { run, .. } => (*run, false, false),
                Phase::Lost { task, .. } => (task.run, false, true),
                _ => continue,
            };
            let id = table.id(job);
            let doubted = is_open.then(Event::left_open);
            let found = self.find(job_number(id), run, is_lost, policy);
            let at = self.now(std::time::Duration::ZERO).wall;
            records.extend(doubted.into_iter().chain([found]).map(|event| {
                let id = id.clone();
                Record {
                    at,
                    fact: Fact::Job { id, event },
                }
            }));
        }
        records
    }

    fn find(&mut self, job: JobNumber, run: RunNumber, is_lost: bool, policy: Policy) -> Event {
        let unknown = self
            .ledger
            .iter()
            .find(|task| task.job == job && !self.register.has_id(task.task_id.as_str()));
        match unknown {
            Some(task) if policy == Policy::Careful => {
                let task_id = task.task_id.clone();
                self.saw(Seen::Adopted);
                Event::Adopted { task_id, run }
            }
            _ => {
                self.saw(Seen::NotCreated);
                if is_lost {
                    *self.remakes.entry(job).or_default() += 1;
                }
                Event::NotCreated
            }
        }
    }
}

/// A price list of so much for a second.
fn pricing(per_second: u64) -> Pricing {
    let number = |number: u64| money::decimal(&number.to_string()).expect("a number");
    Pricing {
        currency: Currency::new("USD").expect("valid"),
        per_second: BTreeMap::from([(Model::Standard720p, number(per_second))]),
        audio_factor: number(1),
        reference_factor: number(1),
        per_job: number(0),
    }
}

/// Whether the mark is about the present take of the job with these lines, which is finished.
fn is_about(mark: &Mark, lines: &Lines) -> bool {
    matches!(lines.last.as_str(), "completed" | "failed" | "rejected")
        && mark.take.0 as usize == lines.reopened + 1
        && mark.task_id.as_deref() == lines.task_id.as_deref()
}

/// How the program reads marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As its own code does.
    ByTake,
    /// By the ids of the jobs alone.
    ByJob,
}

/// The plan of a manifest with these rows.
fn plan(rows: &[Row]) -> Plan {
    let line = |row: &Row| {
        let Row {
            job,
            revision,
            padding,
        } = row;
        let padding = "x".repeat(*padding);
        let seconds = seconds(*job, *revision);
        format!("job-{job},seedance2.0-720p,{seconds},job-{job} {revision} {padding}\n")
    };
    let text = rows.iter().map(line).collect::<String>();
    let text = format!("id,model,duration,prompt\n{text}");
    manifest::load(Path::new("shots.csv"), &|_| Ok(text.clone().into_bytes()))
        .plan
        .expect("a valid manifest")
}
