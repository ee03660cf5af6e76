//! What must hold, whatever the provider and the disk do.
//!
//! Start at [`World::check_submit`] (before each create) and [`World::check_disk`] (after each run and crash).

use std::time::Duration;

use shotlist::engine::Engine;
use shotlist::engine::event::{Event, Evidence, Input, PollReply, SubmitReply, TaskId};
use shotlist::engine::job::Phase;
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::plan::JobId;

use super::provider::Ending;
use super::{Broken, Ended, JOB_TIMEOUT, Run, SECOND, World, ensure, wall};

impl World {
    pub(super) fn check_submit(
        &self,
        id: &JobId,
        table: &JobTable,
        run: &Run,
    ) -> Result<(), Broken> {
        let broken = |what: &str| Err(format!("`{id}` is submitted {what}"));
        let records = || self.disk.iter().filter_map(|record| job_event(record, id));
        if !matches!(records().next_back(), Some(Event::Intent { .. })) {
            return broken("without a durable intent");
        }
        let reopened = records().filter(|event| **event == Event::Reopened).count();
        if self.ledger.iter().filter(|task| task.job == *id).count() > reopened {
            return broken("although it was created before");
        }
        if reopened > self.remakes_asked.get(id).copied().unwrap_or(0) {
            return broken("again although nobody asked for it");
        }
        if let Some(why) = run.submits_over {
            return broken(&format!("after {why}"));
        }
        if self.clock < run.no_submit_before {
            return broken("in a pause that the provider asked for");
        }
        if !run.accepted && run.open_creates > 0 {
            return broken("beside an open create before the first accept");
        }
        if !run.select.is_empty() && id.as_str() > "job-3" {
            return broken("although it is not selected");
        }
        let most = run.limits.max_jobs.map_or(usize::MAX, |n| n.get() as usize);
        if !run.submitted.contains(id) && run.submitted.len() >= most {
            return broken("beyond --max-jobs");
        }
        let in_flight = (0..table.removed().end).filter(|job| match &table.job(*job).phase {
            Phase::Submitting { .. } => true,
            Phase::Running { task, .. } => task.accepted_at + JOB_TIMEOUT > wall(self.clock),
            _ => false,
        });
        if in_flight.count() > run.limits.concurrency.get() as usize {
            return broken("beyond --concurrency");
        }
        Ok(())
    }

    /// What must hold of the disk whenever nobody writes to it.
    pub(super) fn check_disk(
        &mut self,
        engine: &Engine,
        ended: Ended,
        run: &Run,
    ) -> Result<(), Broken> {
        let table = self.table()?;
        for task in &self.ledger {
            let id = &task.task_id;
            let is_known = self.disk.iter().any(|record| names(record, id));
            let job = table.position(&task.job).ok_or("a created job is gone")?;
            let is_open = matches!(
                table.job(job).phase,
                Phase::Submitting { .. } | Phase::InDoubt { .. }
            );
            ensure(is_known || is_open, || format!("the id {id} is lost"))?;
            let is_lost =
                matches!(&table.job(job).phase, Phase::Lost { task, .. } if task.id == *id);
            ensure(!is_lost || task.ending == Ending::Vanishes, || {
                format!("{id} is called lost, and the provider knows it")
            })?;
        }
        let is_whole = ended == Ended::Normally && run.disk_fails_at.is_none();
        let differs = |job: &u32| table.job(*job) != engine.table().job(*job);
        let different = (0..table.removed().end).find(differs);
        ensure(!is_whole || different.is_none(), || {
            format!("job {different:?} differs between disk and memory")
        })?;
        self.clock += self.chance.up_to(SECOND);
        Ok(())
    }
}

impl Run {
    /// What the engine is told bounds what it may do.
    pub(super) fn take_note(&mut self, input: &Input, clock: Duration) {
        match input {
            Input::Submitted { reply, .. } => {
                self.open_creates = self.open_creates.saturating_sub(1);
                match reply {
                    SubmitReply::Accepted { .. } => {
                        self.accepted = true;
                        self.doubts_in_a_row = 0;
                    }
                    SubmitReply::Fault { .. } => self.submits_over = Some("a fault of the run"),
                    SubmitReply::Later { retry_after, .. } => {
                        let told = retry_after.unwrap_or_default().min(3600 * SECOND);
                        self.no_submit_before = self.no_submit_before.max(clock + told);
                    }
                    SubmitReply::InDoubt { evidence, .. } => {
                        self.doubts_in_a_row += 1;
                        if self.doubts_in_a_row == 3 || *evidence == Evidence::Html {
                            self.submits_over = Some("too many doubts");
                        }
                    }
                    SubmitReply::Rejected { .. } | SubmitReply::NotSent { .. } => {}
                }
            }
            Input::Polled { reply, .. } => {
                if matches!(reply, PollReply::KeyRefused { .. }) {
                    self.submits_over = Some("a refused key");
                    self.polls_over = true;
                }
            }
            Input::Interrupted => {
                self.submits_over = Some("an interrupt");
                self.polls_over = true;
            }
            Input::StateFailed => self.submits_over = Some("a failed write"),
        }
    }
}

fn job_event<'r>(record: &'r Record, job: &JobId) -> Option<&'r Event> {
    match &record.fact {
        Fact::Job { id, event } if id == job => Some(event),
        _ => None,
    }
}

/// Whether `record` keeps the task id.
pub(super) fn names(record: &Record, wanted: &TaskId) -> bool {
    match &record.fact {
        Fact::Job { event, .. } => matches!(
            event,
            Event::Accepted { task_id, .. } | Event::Adopted { task_id, .. } if task_id == wanted
        ),
        Fact::Run(_) => false,
    }
}
