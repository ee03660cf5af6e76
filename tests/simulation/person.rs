//! The person in front of the machine: edits the manifest, asks for remakes, settles jobs in doubt.
//!
//! Start at [`World::resolve`].

use std::path::Path;

use shotlist::engine::event::{Event, FailureClass};
use shotlist::engine::job::Phase;
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::manifest;
use shotlist::plan::Plan;

use super::promises::names;
use super::provider::said;
use super::{Broken, Policy, Run, World, wall};

impl World {
    pub(super) fn note_remakes(&mut self, table: &JobTable, run: &Run) {
        for job in table.planned() {
            let changed = run.rerun.changed && table.is_changed(job);
            let asked = match &table.job(job).phase {
                Phase::Completed { .. } => changed,
                Phase::Failed { class, .. } => {
                    changed || run.rerun.failed && *class != FailureClass::NoUrl
                }
                _ => false,
            };
            if asked {
                *self.remakes_asked.entry(table.id(job).clone()).or_default() += 1;
            }
        }
    }

    pub(super) fn edit_manifest(&mut self) {
        if self.chance.percent(30) {
            let job = self.chance.below(self.manifest.len() as u64);
            self.manifest[usize::try_from(job).expect("small")].1 += 1;
        }
        if self.chance.percent(10) && self.manifest.len() > 1 {
            self.manifest.remove(0);
        }
        self.plan = plan(&self.manifest);
    }

    /// Says of every job in doubt what became of it.
    pub(super) fn resolve(&mut self) -> Result<(), Broken> {
        let table = self.table()?;
        for job in 0..table.removed().end {
            let (run, is_open) = match &table.job(job).phase {
                Phase::Submitting { run } => (*run, true),
                Phase::InDoubt { run, .. } => (*run, false),
                _ => continue,
            };
            let id = table.id(job);
            let unknown = self.ledger.iter().find(|task| {
                let known = self.disk.iter().any(|record| names(record, &task.task_id));
                task.job == *id && !known && self.policy == Policy::Careful
            });
            let found = match unknown {
                Some(task) => Event::Adopted {
                    task_id: task.task_id.clone(),
                    run,
                },
                None => Event::NotCreated,
            };
            let doubted = is_open.then(|| Event::Doubted { message: said() });
            let at = wall(self.clock);
            self.disk
                .extend(doubted.into_iter().chain([found]).map(|event| {
                    let id = id.clone();
                    Record {
                        at,
                        fact: Fact::Job { id, event },
                    }
                }));
        }
        Ok(())
    }
}

/// The plan of a manifest with these jobs and revisions.
pub(super) fn plan(jobs: &[(String, u32)]) -> Plan {
    let job = |(id, revision): &(String, u32)| {
        format!("\n- {{id: {id}, model: seedance2.0-720p, duration: 5, prompt: {id} {revision}}}")
    };
    let text = format!("jobs:{}", jobs.iter().map(job).collect::<String>());
    manifest::load(Path::new("shots.yaml"), &|_| Ok(text.clone().into_bytes()))
        .plan
        .expect("a valid manifest")
}
