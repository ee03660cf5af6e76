//! Which job has which task: a provider that answers two creates with one task has made one video, or has mixed up its
//! answers, and a person should know.
//!
//! Start at [`Owners::own`]. Keeps a number for a task id, not the id: a job must cost little.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::event::{JobIndex, TaskId};
use super::table::JobTable;

/// The last job that had each task, by the hash of its id.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<u64, JobIndex>);

impl Owners {
    /// The tasks that the jobs of a table have.
    pub(super) fn of(table: &JobTable) -> Self {
        let mut owners = Self::default();
        for job in 0..table.removed().end {
            let state = table.job(job);
            let kept = state.video().map(|video| video.task);
            for task in kept.into_iter().chain(state.task()) {
                owners.own(&task.id, job);
            }
        }
        owners
    }

    /// Gives a task to a job; whose it was before, if it was anybody's.
    pub(super) fn own(&mut self, task_id: &TaskId, job: JobIndex) -> Option<JobIndex> {
        let mut hasher = DefaultHasher::new();
        task_id.hash(&mut hasher);
        self.0.insert(hasher.finish(), job)
    }
}
