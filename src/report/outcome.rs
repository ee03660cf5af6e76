//! How a run came out: jobs counted by where they stand, and the exit code.
//!
//! Start at [`exit_code`]. Pure: a table and what happened in, a number out.

use std::collections::BTreeMap;

use crate::engine::event::{FailureClass, JobIndex, Notice, PendingClass, RunFault, StopReason};
use crate::engine::job::{JobState, Phase, Slot, Status};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::error::ExitCode;

/// Of several exit codes that apply at the end of a run, the first in this order is it.
pub const FIRST_TO_LAST: [ExitCode; 9] = [
    ExitCode::Bug,
    ExitCode::State,
    ExitCode::Interrupted,
    ExitCode::Terminated,
    ExitCode::Refused,
    ExitCode::InDoubt,
    ExitCode::Limit,
    ExitCode::Unfinished,
    ExitCode::SomeFailed,
];

/// The exit code of a run that ended with its jobs so and in which this happened: the first that applies.
///
/// `tally` counts the selected jobs at the end, whichever run settled them.
pub fn exit_code(tally: &Tally, facts: &[RunFact]) -> ExitCode {
    FIRST_TO_LAST
        .into_iter()
        .find(|code| {
            facts
                .iter()
                .any(|fact| fact.calls_for(tally) == Some(*code))
                || tally.calls_for(*code)
        })
        .unwrap_or(ExitCode::Completed)
}

/// Something that happened in a run and bears on its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RunFact {
    /// shotlist contradicted itself.
    Bug,
    /// State or results could not be written.
    StateFailed,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// Key, wallet or address.
    Fault(RunFault),
    /// Submits stopped after outcomes in doubt.
    Braked,
    /// `--max-jobs` was reached.
    MaxJobs,
    /// `--max-spend` was reached.
    MaxSpend,
    /// Selected completed jobs lack files that the run was to download.
    FilesMissing,
}

impl RunFact {
    /// The fact in a notice, if there is one. Which signal interrupted the run is for the shell to say.
    pub fn of(notice: &Notice) -> Option<Self> {
        match notice {
            Notice::Illegal { .. } => Some(Self::Bug),
            Notice::SubmitsStopped(reason) => match reason {
                StopReason::Fault { fault, .. } => Some(Self::Fault(*fault)),
                StopReason::Doubt { .. } => Some(Self::Braked),
                StopReason::MaxJobs => Some(Self::MaxJobs),
                StopReason::MaxSpend(_) => Some(Self::MaxSpend),
                StopReason::StateFailed => Some(Self::StateFailed),
                StopReason::Deadline | StopReason::Interrupted => None,
            },
            _ => None,
        }
    }

    fn calls_for(self, tally: &Tally) -> Option<ExitCode> {
        match self {
            Self::Bug => Some(ExitCode::Bug),
            Self::StateFailed => Some(ExitCode::State),
            Self::Interrupted => Some(ExitCode::Interrupted),
            Self::Terminated => Some(ExitCode::Terminated),
            Self::Fault(RunFault::Auth | RunFault::Address) => Some(ExitCode::Refused),
            Self::Fault(RunFault::Quota) => Some(ExitCode::Limit),
            Self::Braked => Some(ExitCode::InDoubt),
            Self::MaxJobs | Self::MaxSpend => {
                (tally.count(Status::Pending) > 0).then_some(ExitCode::Limit)
            }
            Self::FilesMissing => Some(ExitCode::Unfinished),
        }
    }
}

/// The error class column: why a job is not completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ErrorClass {
    /// Tried, and surely not taken.
    Pending(PendingClass),
    /// Older than the job time-out.
    Timeout,
    /// No video will come of this take.
    Failed(FailureClass),
    /// Nobody knows whether the provider took it.
    InDoubt,
    /// The provider no longer knows the task.
    Lost,
}

impl ErrorClass {
    /// Every class with what it means, in the order of the statuses that it comes with.
    pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
        let pending = PendingClass::ALL
            .iter()
            .map(|it| (it.as_str(), it.meaning()));
        let failed = FailureClass::ALL
            .iter()
            .map(|it| (it.as_str(), it.meaning()));
        let older = (Self::Timeout.as_str(), "Older than the job time-out.");
        let doubt = (
            Self::InDoubt.as_str(),
            "Nobody knows whether the provider took it.",
        );
        let lost = (
            Self::Lost.as_str(),
            "The provider no longer knows the task.",
        );
        pending.chain([older]).chain(failed).chain([doubt, lost])
    }

    /// The word in the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending(class) => class.as_str(),
            Self::Timeout => "timeout",
            Self::Failed(class) => class.as_str(),
            Self::InDoubt => "in_doubt",
            Self::Lost => "lost",
        }
    }
}

/// Where a job stands: the status and error class columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Standing {
    /// The status column.
    pub status: Status,
    /// The error class column; `None` is an empty cell.
    pub class: Option<ErrorClass>,
}

impl Standing {
    /// Where a job stands, whether or not it is selected.
    pub fn of(job: &JobState) -> Self {
        let class = match &job.phase {
            Phase::Returned { class, .. } => Some(ErrorClass::Pending(*class)),
            Phase::Running {
                slot: Slot::Released,
                ..
            } => Some(ErrorClass::Timeout),
            Phase::Failed { class, .. } => Some(ErrorClass::Failed(*class)),
            Phase::InDoubt { .. } => Some(ErrorClass::InDoubt),
            Phase::Lost { .. } => Some(ErrorClass::Lost),
            Phase::Pending
            | Phase::Submitting { .. }
            | Phase::Running { .. }
            | Phase::Completed { .. } => None,
        };
        Self {
            status: job.status(),
            class,
        }
    }

    /// Where a job stands after a run with this selection: a job it passed over is `skipped`.
    pub fn in_run(table: &JobTable, index: JobIndex, selection: &Selection) -> Self {
        Self {
            status: table.status(index, selection),
            ..Self::of(table.job(index))
        }
    }
}

/// Whether a job is no longer in the manifest. Without a readable manifest nobody knows, and none is.
pub(crate) fn is_removed(table: &JobTable, index: JobIndex) -> bool {
    !table.planned().is_empty() && table.removed().contains(&index)
}

/// Jobs counted by where they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    counts: BTreeMap<Standing, u32>,
    others: BTreeMap<Standing, u32>,
}

impl Tally {
    /// Counts the selected jobs of the plan; the others, and jobs removed from the manifest, are counted apart.
    pub fn of(table: &JobTable, selection: &Selection) -> Self {
        let mut tally = Self::default();
        for index in 0..table.removed().end {
            let standing = Standing::in_run(table, index, selection);
            *tally
                .counts_of(table, index, selection)
                .entry(standing)
                .or_default() += 1;
        }
        tally
    }

    /// So many jobs of each status, without an error class.
    #[cfg(test)]
    pub(crate) fn from_counts(counts: impl IntoIterator<Item = (Status, u32)>) -> Self {
        let standing = |status| Standing {
            status,
            class: None,
        };
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        Self {
            counts: counts
                .map(|(status, count)| (standing(status), count))
                .collect(),
            others: BTreeMap::new(),
        }
    }

    /// Counts every job alike, skipped and removed ones included: what `shotlist status` shows.
    pub fn of_all(table: &JobTable, selection: &Selection) -> Self {
        let mut tally = Self::default();
        for index in 0..table.removed().end {
            let standing = Standing::in_run(table, index, selection);
            *tally.counts.entry(standing).or_default() += 1;
        }
        tally
    }

    /// Follows one job that stood at `before` and has changed, so that a long run need not count again.
    pub fn follow(
        &mut self,
        table: &JobTable,
        index: JobIndex,
        selection: &Selection,
        before: Standing,
    ) {
        let after = Standing::in_run(table, index, selection);
        let counts = self.counts_of(table, index, selection);
        if let Some(count) = counts.get_mut(&before) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&before);
            }
        }
        *counts.entry(after).or_default() += 1;
    }

    fn counts_of(
        &mut self,
        table: &JobTable,
        index: JobIndex,
        selection: &Selection,
    ) -> &mut BTreeMap<Standing, u32> {
        if table.planned().contains(&index) && selection.selects(table.id(index)) {
            &mut self.counts
        } else {
            &mut self.others
        }
    }

    /// Selected jobs with this status.
    pub fn count(&self, status: Status) -> u32 {
        self.sum(|standing| standing.status == status)
    }

    /// Selected jobs with this error class.
    pub fn count_class(&self, class: ErrorClass) -> u32 {
        self.sum(|standing| standing.class == Some(class))
    }

    /// All selected jobs.
    pub fn total(&self) -> u32 {
        self.sum(|_| true)
    }

    /// Selected jobs that this run need not look after any more: completed, failed, or left to a person.
    pub fn settled(&self) -> u32 {
        self.count(Status::Completed) + self.count(Status::Failed) + self.count(Status::InDoubt)
    }

    /// Jobs that are not selected, or no longer in the manifest, with this status: polled if running, not counted.
    pub fn count_others(&self, status: Status) -> u32 {
        self.others
            .iter()
            .filter(|(standing, _)| standing.status == status)
            .map(|(_, count)| count)
            .sum()
    }

    /// Every standing that occurs among the selected jobs, with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Standing, u32)> + '_ {
        self.counts
            .iter()
            .map(|(standing, count)| (*standing, *count))
    }

    fn sum(&self, wanted: impl Fn(&Standing) -> bool) -> u32 {
        self.counts
            .iter()
            .filter(|(standing, _)| wanted(standing))
            .map(|(_, count)| count)
            .sum()
    }

    fn calls_for(&self, code: ExitCode) -> bool {
        let any = |statuses: &[Status]| statuses.iter().any(|status| self.count(*status) > 0);
        match code {
            ExitCode::InDoubt => any(&[Status::InDoubt]),
            ExitCode::Unfinished => any(&[Status::Pending, Status::Submitting, Status::Running]),
            ExitCode::SomeFailed => any(&[Status::Failed]),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Evidence;
    use crate::report::sample;
    use crate::text::CleanText;

    /// A tally of one job with each of these standings.
    fn tally(standings: &[Standing]) -> Tally {
        let mut tally = Tally::default();
        for standing in standings {
            *tally.counts.entry(*standing).or_default() += 1;
        }
        tally
    }

    const fn standing(status: Status, class: Option<ErrorClass>) -> Standing {
        Standing { status, class }
    }

    const COMPLETED: Standing = standing(Status::Completed, None);
    const FAILED: Standing = standing(
        Status::Failed,
        Some(ErrorClass::Failed(FailureClass::Rejected)),
    );
    const PENDING: Standing = standing(Status::Pending, None);
    const SUBMITTING: Standing = standing(Status::Submitting, None);
    const RUNNING: Standing = standing(Status::Running, None);
    const TIMED_OUT: Standing = standing(Status::Running, Some(ErrorClass::Timeout));
    const IN_DOUBT: Standing = standing(Status::InDoubt, Some(ErrorClass::InDoubt));
    const LOST: Standing = standing(Status::InDoubt, Some(ErrorClass::Lost));

    #[test]
    fn the_exit_code_follows_from_the_selected_jobs_alone_when_nothing_happened() {
        for (standings, code) in [
            (&[][..], ExitCode::Completed),
            (&[COMPLETED], ExitCode::Completed),
            (&[COMPLETED, FAILED], ExitCode::SomeFailed),
            (&[FAILED, PENDING], ExitCode::Unfinished),
            (&[FAILED, RUNNING], ExitCode::Unfinished),
            (&[COMPLETED, TIMED_OUT], ExitCode::Unfinished),
            (&[COMPLETED, SUBMITTING], ExitCode::Unfinished),
            (&[PENDING, RUNNING, FAILED, IN_DOUBT], ExitCode::InDoubt),
            (&[COMPLETED, LOST], ExitCode::InDoubt),
        ] {
            assert_eq!(exit_code(&tally(standings), &[]), code, "{standings:?}");
        }
    }

    #[test]
    fn one_fact_has_its_exit_code() {
        let pending = tally(&[PENDING, COMPLETED]);
        let completed = tally(&[COMPLETED]);
        for (fact, with_pending, all_completed) in [
            (RunFact::Bug, 1, 1),
            (RunFact::StateFailed, 74, 74),
            (RunFact::Interrupted, 130, 130),
            (RunFact::Terminated, 143, 143),
            (RunFact::Fault(RunFault::Auth), 4, 4),
            (RunFact::Fault(RunFault::Address), 4, 4),
            (RunFact::Braked, 5, 5),
            (RunFact::Fault(RunFault::Quota), 6, 6),
            (RunFact::MaxJobs, 6, 0),
            (RunFact::MaxSpend, 6, 0),
            (RunFact::FilesMissing, 7, 7),
        ] {
            assert_eq!(exit_code(&pending, &[fact]) as u8, with_pending, "{fact:?}");
            assert_eq!(
                exit_code(&completed, &[fact]) as u8,
                all_completed,
                "{fact:?}"
            );
        }
    }

    #[test]
    fn of_several_reasons_the_first_in_the_documented_order_wins() {
        // Each line adds a reason that is stronger than all before it.
        let reasons: [(Option<Standing>, Option<RunFact>, u8); 11] = [
            (Some(COMPLETED), None, 0),
            (Some(FAILED), None, 3),
            (Some(RUNNING), None, 7),
            (Some(PENDING), Some(RunFact::MaxJobs), 6),
            (None, Some(RunFact::Fault(RunFault::Quota)), 6),
            (Some(IN_DOUBT), None, 5),
            (None, Some(RunFact::Fault(RunFault::Auth)), 4),
            (None, Some(RunFact::Terminated), 143),
            (None, Some(RunFact::Interrupted), 130),
            (None, Some(RunFact::StateFailed), 74),
            (None, Some(RunFact::Bug), 1),
        ];
        let (mut standings, mut facts) = (Vec::new(), Vec::new());
        for (standing, fact, code) in reasons {
            standings.extend(standing);
            facts.extend(fact);
            assert_eq!(exit_code(&tally(&standings), &facts) as u8, code);
            facts.reverse();
            assert_eq!(
                exit_code(&tally(&standings), &facts) as u8,
                code,
                "in any order"
            );
        }
    }

    #[test]
    fn a_notice_that_bears_on_the_exit_code_is_a_fact() {
        let message = CleanText::new("said");
        let stop = |reason| RunFact::of(&Notice::SubmitsStopped(reason));
        let fault = RunFault::Quota;
        assert_eq!(
            stop(StopReason::Fault {
                fault,
                message: message.clone()
            }),
            Some(RunFact::Fault(fault))
        );
        let evidence = Evidence::Html;
        assert_eq!(
            stop(StopReason::Doubt {
                evidence,
                message: message.clone()
            }),
            Some(RunFact::Braked)
        );
        assert_eq!(stop(StopReason::MaxJobs), Some(RunFact::MaxJobs));
        assert_eq!(stop(StopReason::StateFailed), Some(RunFact::StateFailed));
        assert_eq!(stop(StopReason::Deadline), None);
        assert_eq!(RunFact::of(&Notice::PollTrouble { job: 0, message }), None);
        let what = "x".to_owned();
        assert_eq!(
            RunFact::of(&Notice::Illegal { job: 0, what }),
            Some(RunFact::Bug)
        );
    }

    #[test]
    fn only_selected_jobs_of_the_manifest_count() {
        let (_, table) = sample::every_status();
        let everything = Tally::of(&table, &Selection::default());
        assert_eq!(everything.total(), table.planned().end);
        assert_eq!(
            everything.count_others(Status::Running),
            1,
            "the removed one"
        );
        let one = Selection::new(&["done".to_owned()]).expect("a glob");
        let tally = Tally::of(&table, &one);
        assert_eq!((tally.total(), tally.settled()), (1, 1));
        assert_eq!(exit_code(&tally, &[]), ExitCode::Completed);
        assert_eq!(
            tally.count_others(Status::Skipped),
            1,
            "never submitted, not selected"
        );
        assert_eq!(Tally::of_all(&table, &one).total(), table.removed().end);
    }

    #[test]
    fn following_every_change_gives_what_counting_again_gives() {
        let (plan, records) = sample::records();
        for globs in [&[][..], &["d*".to_owned()]] {
            let selection = Selection::new(globs).expect("a glob");
            let mut table = JobTable::new(Some(&plan));
            let mut tally = Tally::of(&table, &selection);
            for record in &records {
                let index = sample::job_of(&table, record);
                let before = index.map(|index| Standing::in_run(&table, index, &selection));
                table.replay(record).expect("a legal record");
                match (index, before) {
                    (Some(index), Some(before)) => tally.follow(&table, index, &selection, before),
                    _ => tally = Tally::of(&table, &selection),
                }
                assert_eq!(tally, Tally::of(&table, &selection), "{record:?}");
            }
        }
    }
}
