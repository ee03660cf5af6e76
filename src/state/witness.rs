//! results.csv as a witness: it is drawn from the state, so what it knows and the state does not was lost. An old copy of
//! the state put back, or a state cut short at the end of a line, shows in nothing else.
//!
//! Start at [`Witness::ask`]. Must not know how either file is written.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use super::{STATE_FILE, StateError, Warning};
use crate::engine::event::{Event, JobIndex};
use crate::engine::job::{Status, Task};
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

    /// Compares `results` with `table`. They must have been opened before the state was read: a run that goes on writes
    /// them anew, under the same name.
    ///
    /// A run writes its results after the state, so they are never ahead of it, with one exception: when the state could
    /// not be written any more, they still show what came in. Its jobs are in doubt then, and their tasks are told.
    pub(super) fn ask(
        self,
        results: OpenResults,
        table: &JobTable,
    ) -> Result<Vec<Warning>, StateError> {
        let OpenResults { file, path } = results;
        let Some(file) = file else {
            return Ok(Vec::new());
        };
        let mut told = Vec::new();
        let mut refusal = None;
        let mut places = 0..;
        results::read_back(file.take(READ_LIMIT), |row| {
            if is_as_drawn(row, places.next().unwrap_or_default(), table) {
                return true;
            }
            match self.compare(row, table) {
                Finding::Unsaved(job) if told.len() < TOLD_LIMIT => {
                    told.push(Warning::TaskElsewhere {
                        path: path.clone(),
                        job,
                        task_id: crate::text::clean(row.task_id, 1024),
                    });
                }
                Finding::Known | Finding::Unsaved(_) => {}
                Finding::Lost(job, what) => {
                    refusal = Some(StateError::Older {
                        state: path.with_file_name(STATE_FILE),
                        results: path.clone(),
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
        let is_present = task.is_some_and(|task| results::is_task_cell(row.task_id, &task.id));
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

/// Whether a row says of the job in its `place` what the table says, as nearly all do: results are in the table's order.
fn is_as_drawn(row: Row<'_>, place: JobIndex, table: &JobTable) -> bool {
    if row.task_id.is_empty() {
        return row.status != Status::InDoubt.as_str();
    }
    let has_task = |task: &Task| results::is_task_cell(row.task_id, &task.id);
    table.is_at(place, row.id) && table.job(place).task().is_some_and(has_task)
}

/// The results as they were at one moment.
pub(super) struct OpenResults {
    /// `None` if there are none, or nothing that a run has written.
    file: Option<File>,
    path: PathBuf,
}

impl OpenResults {
    /// Opens the results at `path`.
    pub(super) fn at(path: PathBuf) -> Self {
        let file = fs::open_readable(&path).ok().flatten();
        Self { file, path }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::TaskId;
    use crate::state::samples::{accepted, everything, fact, intent, run, timed};

    /// What comes of opening a state with `records` beside results with these rows of id, status and task.
    fn asked(records: &[Record], results: &str) -> Result<Vec<String>, String> {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join("results.csv");
        std::fs::write(&path, results).expect("writable");
        let mut table = JobTable::new(None);
        let mut witness = Witness::default();
        for record in records {
            witness.note(record, &table);
            table.replay(record).expect("legal");
        }
        let named = |text: String| text.replace(&format!("{}/", home.path().display()), "");
        match witness.ask(OpenResults::at(path), &table) {
            Ok(warnings) => Ok(warnings
                .iter()
                .map(ToString::to_string)
                .map(named)
                .collect()),
            Err(error) => Err(named(error.to_string())),
        }
    }

    const HEADER: &str = "\u{feff}id,status,task_id,note\r\n";

    fn asked_row(records: &[Record], row: &str) -> Result<Vec<String>, String> {
        asked(records, &format!("{HEADER}{row}\r\n"))
    }

    #[test]
    fn results_as_far_as_the_state_or_behind_it_are_no_news() {
        let records = everything();
        for row in [
            "hero,completed,task_01,",
            "HERO,completed,task_01,",
            "hero,pending,,",
            "again,failed,task_03,",
            "gone,in_doubt,task_05,before a person found the other one",
            "gone,running,task_06,",
            "new,pending,,",
            "again,in_doubt,,",
        ] {
            assert_eq!(asked_row(&records, row), Ok(vec![]), "{row}");
        }
    }

    #[test]
    fn a_task_that_the_state_never_knew_shows_that_it_is_an_old_one() {
        let records = everything();
        for (row, what) in [
            (
                "new,running,task_07,",
                "job `new` it does not know the task `task_07`",
            ),
            (
                "hero,completed,task_09,",
                "job `hero` it does not know the task `task_09`",
            ),
            (
                "hero,completed,task_03,another's",
                "job `hero` it does not know the task `task_03`",
            ),
            (
                "new,in_doubt,,",
                "job `new` it does not know the request that left it in doubt",
            ),
        ] {
            let expected = format!("`state.jsonl` is older than `results.csv`: of {what}");
            assert_eq!(asked_row(&records, row), Err(expected));
        }
        let rows = format!("{HEADER}hero,completed,task_01,\r\nnew,running,t,\r\n");
        assert!(asked(&records, &rows).is_err(), "every row is looked at");
    }

    #[test]
    fn a_task_that_could_not_be_saved_is_told_and_its_job_stays_in_doubt() {
        let open = timed([run(1), fact("a", intent())]);
        let doubted = [open.clone(), timed([fact("a", Event::left_open())])].concat();
        for records in [open, doubted] {
            let told = asked_row(&records, "a,running,task_07,").expect("no job is paid for twice");
            assert_eq!(told.len(), 1);
            assert!(told[0].starts_with("`results.csv` named the task `task_07` of job `a`"));
        }
    }

    #[test]
    fn a_task_is_known_again_as_its_cell_shows_it() {
        let odd = "=1+1\u{0}\u{202e}";
        let records = timed([run(1), fact("a", intent()), fact("a", accepted(odd))]);
        let cell = results::task_cell(&TaskId::new(odd).expect("valid"));
        assert_eq!(cell, "'=1+1");
        assert_eq!(
            asked_row(&records, &format!("a,running,{cell},")),
            Ok(vec![])
        );
    }

    #[test]
    fn results_that_a_person_had_in_hand_are_read_as_far_as_they_can_be() {
        for results in [
            "",
            "garbage",
            "\0\0\0\0",
            "\"never closed",
            "name,task\nnew,t\n",
            "id,status,task_id\nnew,running\n",
            "id,status,task_id,note\r\nnew,running,t",
            "id,status,task_id\n\"new,running,t\n",
            "id;status;task_id\nnew;running;t\n",
            "id,status,task_id\n../new,running,t\n",
        ] {
            assert_eq!(asked(&everything(), results), Ok(vec![]), "{results:?}");
        }
        assert!(asked(&everything(), "x,task_id,id,status\n1,t,new,running\n").is_err());
    }
}
