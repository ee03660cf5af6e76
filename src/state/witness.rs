//! results.csv as a witness: it is drawn from the state, so what it knows and the state does not was lost. An old copy of
//! the state put back, or a state cut short at the end of a line, shows in nothing else.
//!
//! Start at [`Witness::ask`]. Must not know how either file is written.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use super::{STATE_FILE, StateError, Warning};
use crate::engine::event::{Event, JobIndex};
use crate::engine::job::Status;
use crate::engine::table::{Fact, JobTable, Record};
use crate::fs;
use crate::plan::JobId;
use crate::results::{self, Row};

/// How much of results.csv is read: enough for millions of jobs, and an end for whatever else it may be.
const READ_LIMIT: u64 = 4 << 30;

/// Most tasks that are told one by one.
const TOLD_LIMIT: usize = 100;

/// What the state says besides the table that it is replayed into.
#[derive(Debug, Default)]
pub(super) struct Witness {
    /// Tasks that a job had before the one it has now: results.csv may be some records behind.
    former: HashSet<(JobIndex, String)>,
}

impl Witness {
    /// Notes what `record` makes the `table`, which does not hold it yet, forget.
    pub(super) fn note(&mut self, record: &Record, table: &JobTable) {
        if let Fact::Job { id, event } = &record.fact
            && let Event::Reopened | Event::Adopted { .. } = event
            && let Some(job) = table.position(id)
            && let Some(task) = table.job(job).task()
        {
            self.former.insert((job, results::task_cell(&task.id)));
        }
    }

    /// Compares the results at `path` with `table`.
    ///
    /// A run writes its results after the state, so they are never ahead of it, with one exception: when the state could
    /// not be written any more, they still show what came in. Its jobs are in doubt then, and their tasks are told.
    pub(super) fn ask(self, path: &Path, table: &JobTable) -> Result<Vec<Warning>, StateError> {
        let Ok(Some(file)) = fs::open_readable(path) else {
            return Ok(Vec::new()); // no results, or nothing that a run has written
        };
        let mut told = Vec::new();
        let mut refusal = None;
        results::read_back(file.take(READ_LIMIT), |row| {
            match self.compare(row, table) {
                Finding::Unsaved(job) if told.len() < TOLD_LIMIT => {
                    told.push(Warning::TaskElsewhere {
                        path: path.to_owned(),
                        job,
                        task_id: crate::text::clean(row.task_id, 1024),
                    });
                }
                Finding::Known | Finding::Unsaved(_) => {}
                Finding::Lost(job, what) => {
                    refusal = Some(StateError::Older {
                        state: path.with_file_name(STATE_FILE),
                        results: path.to_owned(),
                        job,
                        what,
                    });
                }
            }
            refusal.is_none()
        });
        refusal.map_or(Ok(told), Err)
    }

    fn compare(&self, row: Row<'_>, table: &JobTable) -> Finding {
        let Ok(id) = JobId::new(row.id) else {
            return Finding::Known;
        };
        let job = table.position(&id);
        let status = job.map(|job| table.job(job).status());
        if row.task_id.is_empty() {
            let was_submitted = job.is_some_and(|job| table.job(job).was_submitted());
            return if row.status == Status::InDoubt.as_str() && !was_submitted {
                Finding::Lost(id, "request that left it in doubt".to_owned())
            } else {
                Finding::Known
            };
        }
        let task = job.and_then(|job| table.job(job).task());
        let is_present = task.is_some_and(|task| results::task_cell(&task.id) == row.task_id);
        if is_present || job.is_some_and(|job| self.former.contains(&(job, row.task_id.to_owned())))
        {
            Finding::Known
        } else if let Some(Status::Submitting | Status::InDoubt) = status {
            Finding::Unsaved(id)
        } else {
            let task_id = crate::text::clean(row.task_id, 1024);
            Finding::Lost(id, format!("task `{task_id}`"))
        }
    }
}

/// What the state makes of a row.
enum Finding {
    /// It says the same, or more.
    Known,
    /// Of a job in doubt it does not know the task.
    Unsaved(JobId),
    /// It does not know this of a job.
    Lost(JobId, String),
}
