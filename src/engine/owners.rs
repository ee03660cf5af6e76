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
pub(super) struct Owners {
    /// What earlier runs have left, sorted: there may be a million.
    earlier: Vec<(u64, JobIndex)>,
    /// What was given since.
    given: BTreeMap<u64, JobIndex>,
}

impl Owners {
    /// The tasks that the jobs of a table have.
    pub(super) fn of(table: &JobTable) -> Self {
        let jobs = 0..table.removed().end;
        let tasks = jobs.flat_map(|job| {
            let state = table.job(job);
            let kept = state.earlier.as_deref().map(|take| &take.task);
            let tasks = kept.into_iter().chain(state.task());
            tasks.map(move |task| (hash_of(&task.id), job))
        });
        let mut earlier: Vec<_> = tasks.collect();
        earlier.sort_unstable();
        Self {
            earlier,
            given: BTreeMap::new(),
        }
    }

    /// Gives a task to a job; whose it was before, if it was anybody's.
    pub(super) fn own(&mut self, task_id: &TaskId, job: JobIndex) -> Option<JobIndex> {
        let task = hash_of(task_id);
        let owner = self.given.insert(task, job);
        owner.or_else(|| self.earlier_owner(task))
    }

    fn earlier_owner(&self, task: u64) -> Option<JobIndex> {
        let end = self.earlier.partition_point(|(other, _)| *other <= task);
        let (last, owner) = self.earlier.get(end.checked_sub(1)?)?;
        (*last == task).then_some(*owner)
    }
}

fn hash_of(task_id: &TaskId) -> u64 {
    let mut hasher = DefaultHasher::new();
    task_id.hash(&mut hasher);
    hasher.finish()
}
