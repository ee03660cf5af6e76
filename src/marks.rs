//! What a person marked in the gallery, and which jobs `--rerun redo` therefore makes again.
//!
//! Start at [`judge`]. A mark is about one take of one job, named by its task: once that take is not the present one
//! any more, the mark means nothing, so a file of marks can be given to any number of runs and is paid for once.
//! Reading the file is the business of [`crate::manifest::marks`].
//!
//! # The file
//! `marks.json` is what the gallery saves and loads, UTF-8, one JSON object:
//!
//! ```json
//! {
//!   "schema": 1,
//!   "type": "marks",
//!   "manifest": "shots.yaml",
//!   "marks": [
//!     { "job": "hero", "take": 1, "task_id": "task_8f3a", "mark": "redo", "note": "the label is upside down" },
//!     { "job": "logo", "take": 2, "task_id": null, "mark": "none", "note": "ask Kim" }
//!   ]
//! }
//! ```
//!
//! `schema` is the number 1. `manifest` is the file name of the manifest that the gallery shows. `take` counts from 1.
//! `task_id` is the task of that take as results.csv shows it, `null` where the provider refused the request. `mark` is
//! `keep`, `redo` or `none`. `note` is any text, for people, and may be left out; all other fields must be there, and
//! there are no others. No take is marked twice.

use std::collections::BTreeSet;

use crate::engine::event::{FailureClass, JobIndex};
use crate::engine::job::{Phase, Take};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::plan::{JobId, words};

/// What a person thinks of one take of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Which job.
    pub job: JobId,
    /// Which of its takes.
    pub take: Take,
    /// The task of that take, as it is shown; `None` if it has none.
    pub task_id: Option<Box<str>>,
    /// What is to become of it.
    pub verdict: Verdict,
}

words! {
    /// What is to become of a take.
    Verdict {
        /// It is good.
        Keep = "keep",
        /// It is to be made again.
        Redo = "redo",
        /// Not decided.
        Open = "none",
    }
}

words! {
    /// Why a mark to make a take again does not count.
    Void {
        /// Neither manifest nor state has such a job.
        Unknown = "unknown",
        /// The job is no longer in the manifest.
        Removed = "removed",
        /// The job has a later take.
        MadeAgain = "made_again",
        /// The state does not know this take.
        OtherTake = "other_take",
        /// The take is not settled: pending, running or in doubt.
        NotSettled = "not_settled",
        /// Completed without a URL: every run asks for it again.
        NoUrl = "no_url",
        /// `--select` or `--partition` leaves the job out.
        NotSelected = "not_selected",
    }
}

impl Void {
    /// What is so with the jobs of such marks, and what follows.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unknown => "are neither in the manifest nor in the state",
            Self::Removed => "are no longer in the manifest",
            Self::MadeAgain => "have been made again since",
            Self::OtherTake => {
                "have another task than the marks name: the gallery is not of this state"
            }
            Self::NotSettled => "are not settled, and only finished videos are made again",
            Self::NoUrl => {
                "are completed without a URL, which every run asks for again, free of charge"
            }
            Self::NotSelected => "are left out by `--select` or `--partition`",
        }
    }

    /// Whether that is as it should be, when the same marks are given to a run again.
    pub fn is_expected(self) -> bool {
        self == Self::MadeAgain
    }
}

/// What marks come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// The jobs to be made again.
    pub redo: BTreeSet<JobIndex>,
    /// The jobs of marks that do not count, and why, in the order of the marks.
    pub void: Vec<(Void, JobId)>,
}

impl Judgement {
    /// The jobs of marks that do not count for this reason.
    pub fn jobs(&self, reason: Void) -> impl Iterator<Item = &JobId> {
        let voids = self.void.iter();
        voids.filter_map(move |(void, job)| (*void == reason).then_some(job))
    }
}

/// Which jobs of `table` these marks want to be made again, in a run that selects `selection`.
pub fn judge(marks: &[Mark], table: &JobTable, selection: &Selection) -> Judgement {
    let mut judgement = Judgement::default();
    for mark in marks.iter().filter(|mark| mark.verdict == Verdict::Redo) {
        match settled(mark, table, selection) {
            Ok(job) => {
                judgement.redo.insert(job);
            }
            Err(void) => judgement.void.push((void, mark.job.clone())),
        }
    }
    judgement
}

/// The job whose present, settled take this mark is about.
fn settled(mark: &Mark, table: &JobTable, selection: &Selection) -> Result<JobIndex, Void> {
    let job = table.position(&mark.job).ok_or(Void::Unknown)?;
    if table.removed().contains(&job) {
        return Err(Void::Removed);
    }
    let state = table.job(job);
    if mark.take < state.take {
        return Err(Void::MadeAgain);
    }
    match &state.phase {
        _ if mark.take > state.take => return Err(Void::OtherTake),
        Phase::Completed { .. } | Phase::Failed { .. } => {}
        _ => return Err(Void::NotSettled),
    }
    let task_id = state.task().map(|task| task.id.to_string());
    if task_id.as_deref() != mark.task_id.as_deref() {
        return Err(Void::OtherTake);
    }
    match &state.phase {
        Phase::Failed { class, .. } if *class == FailureClass::NoUrl => Err(Void::NoUrl),
        _ if !selection.selects(&mark.job) => Err(Void::NotSelected),
        _ => Ok(job),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::report::sample;

    fn redo(job: &str, take: u32, task_id: Option<&str>) -> Mark {
        Mark {
            job: sample::job_id(job),
            take: Take(take),
            task_id: task_id.map(Into::into),
            verdict: Verdict::Redo,
        }
    }

    /// What comes of one mark.
    fn judged(mark: Mark) -> Result<String, Void> {
        let (_, table) = sample::every_status();
        let judgement = judge(&[mark], &table, &Selection::default());
        if let Some((void, _)) = judgement.void.first() {
            return Err(*void);
        }
        let job = judgement.redo.first().expect("one or the other");
        Ok(table.id(*job).to_string())
    }

    #[test]
    fn a_mark_counts_for_the_present_settled_take_of_a_job_and_for_nothing_else() {
        for (mark, expected) in [
            (redo("done", 1, Some("task_done")), Ok("done")),
            (redo("DONE", 1, Some("task_done")), Ok("done")),
            (redo("edited", 1, Some("task_edited")), Ok("edited")),
            (redo("refused", 1, None), Ok("refused")),
            (redo("flagged", 1, Some("task_flagged")), Ok("flagged")),
            (redo("broken", 1, Some("task_broken")), Ok("broken")),
            (redo("nobody", 1, None), Err(Void::Unknown)),
            (
                redo("cut-from-film", 1, Some("task_cut")),
                Err(Void::Removed),
            ),
            (redo("done", 2, Some("task_done")), Err(Void::OtherTake)),
            (redo("done", 1, Some("task_other")), Err(Void::OtherTake)),
            (redo("done", 1, None), Err(Void::OtherTake)),
            (redo("refused", 1, Some("task")), Err(Void::OtherTake)),
            (redo("new", 1, None), Err(Void::NotSettled)),
            (redo("no-money", 1, None), Err(Void::NotSettled)),
            (redo("open", 1, None), Err(Void::NotSettled)),
            (
                redo("running", 1, Some("task_running")),
                Err(Void::NotSettled),
            ),
            (redo("slow", 1, Some("task_slow")), Err(Void::NotSettled)),
            (redo("unclear", 1, None), Err(Void::NotSettled)),
            (redo("lost", 1, Some("task_lost")), Err(Void::NotSettled)),
            (redo("no-url", 1, Some("task_no-url")), Err(Void::NoUrl)),
        ] {
            let shown = format!("{mark:?}");
            assert_eq!(judged(mark), expected.map(str::to_owned), "{shown}");
        }
    }

    #[test]
    fn once_the_take_is_made_again_its_mark_counts_no_more() {
        let (plan, mut records) = sample::records();
        let mark = redo("done", 1, Some("task_done"));
        let life = [
            Event::Reopened,
            sample::intent("The shot done."),
            sample::accepted("task_second"),
            sample::completed("https://cdn.example.com/second.mp4"),
        ];
        for (at, event) in (200..).zip(life) {
            records.push(sample::event(at, "done", event));
            let table = sample::replayed(&plan, &records);
            let judgement = judge(std::slice::from_ref(&mark), &table, &Selection::default());
            assert_eq!(judgement.redo, BTreeSet::new());
            assert_eq!(judgement.void, [(Void::MadeAgain, mark.job.clone())]);
        }
    }

    #[test]
    fn only_redo_makes_a_job_again_and_only_where_it_is_selected() {
        let (_, table) = sample::every_status();
        let done = redo("done", 1, Some("task_done"));
        for verdict in [Verdict::Keep, Verdict::Open] {
            let mark = Mark {
                verdict,
                ..done.clone()
            };
            let judgement = judge(&[mark], &table, &Selection::default());
            assert_eq!(judgement, Judgement::default());
        }
        let others = Selection::new(&["hero-*".to_owned()]).expect("a glob");
        let judgement = judge(std::slice::from_ref(&done), &table, &others);
        assert_eq!(judgement.void, [(Void::NotSelected, done.job.clone())]);
        assert!(judgement.jobs(Void::NotSelected).eq([&done.job]));
        assert!(judgement.redo.is_empty());
    }
}
