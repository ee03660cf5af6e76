//! The last words of a run: how it came out, what failed and why, what needs a person, what to type next.
//!
//! Start at [`Summary::text`]. Commands in it can be copied to a shell as they are.

mod invocation;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

pub use self::invocation::{Invocation, Stage};
use super::json::{DownloadLine, SummaryLine};
use super::listing::jobs;
use super::notice::stop_cause;
use super::outcome::{ErrorClass, RunFact, Tally, exit_code};
use super::reasons::{Matter, by_reason, listed};
use super::spend::{Spend, SpendLine};
use super::status::counts;
use super::table::cut;
use crate::engine::budget::{Budget, Shortfall};
use crate::engine::event::{FailureClass, JobIndex, RunFault, StopReason};
use crate::engine::job::{Phase, Status};
use crate::engine::selection::Selection;
use crate::engine::silence::Silence;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::results::{self, Seconds};
use crate::units::{show_bytes, show_duration};

/// Most jobs in doubt that are listed one by one.
const LISTED: usize = 8;

/// Most cells of a provider's message.
const MESSAGE_ROOM: usize = 100;

const FAILED: Style = AnsiColor::Red.on_default().bold();
const IN_DOUBT: Style = AnsiColor::Yellow.on_default().bold();
const MISSING: Style = AnsiColor::Yellow.on_default().bold();
const COMMAND: Style = Style::new().bold();

/// What exit code 7 means where files alone are missing.
pub const FILES_MISSING: &str = "videos are not downloaded";

/// A run at its end.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// What the run is called.
    pub run: &'a str,
    /// All jobs.
    pub table: &'a JobTable,
    /// What this run selected.
    pub selection: &'a Selection,
    /// The selected jobs, counted.
    pub tally: &'a Tally,
    /// What happened.
    pub facts: &'a [RunFact],
    /// Why no more submits left, if something stopped them.
    pub stop: Option<&'a StopReason>,
    /// What the state may have reserved at most.
    pub budget: Option<&'a Budget>,
    /// How the program was called.
    pub invocation: &'a Invocation,
    /// Where results.csv is, as it is to be shown.
    pub results: Option<&'a str>,
    /// Where gallery.html is, if there is one.
    pub gallery: Option<&'a str>,
    /// What would make the next run go better.
    pub hints: &'a [String],
    /// How long the run took.
    pub elapsed: Duration,
    /// How the downloads came out, if the run was to download.
    pub downloads: Option<DownloadTally>,
    /// Running tasks that the last polls said nothing about.
    pub silences: &'a [(JobIndex, &'a Silence)],
    /// Jobs without files that they should have, if the run was to download.
    pub missing_files: &'a [JobIndex],
}

/// How the downloads of a run came out, in jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DownloadTally {
    /// Downloaded in this run.
    pub done: u32,
    /// Completed, and still without a file that they should have.
    pub missing: u32,
    /// Files that were saved in this run, pictures among them.
    pub files: u32,
    /// Their bytes.
    pub bytes: u64,
}

impl DownloadTally {
    /// In words.
    pub fn text(self) -> String {
        let saved = match self.files {
            0 => String::new(),
            1 => format!(" (1 file, {})", show_bytes(self.bytes)),
            files => format!(" ({files} files, {})", show_bytes(self.bytes)),
        };
        let missing = match self.missing {
            0 => String::new(),
            missing => format!(", {missing} missing"),
        };
        format!("{} downloaded{saved}{missing}", self.done)
    }
}

impl Summary<'_> {
    /// The code that the run exits with.
    pub fn exit_code(&self) -> ExitCode {
        exit_code(self.tally, self.facts)
    }

    /// The summary for people, several lines, without a final line break; coloured, `Output` drops what cannot be
    /// shown.
    pub fn text(&self) -> String {
        let sections = [
            self.failed(),
            self.not_downloaded(),
            self.silent(),
            self.in_doubt(),
        ];
        let sections: Vec<_> = sections.into_iter().flatten().collect();
        let mut text = self.headline();
        for section in &sections {
            let _ = write!(text, "\n\n{section}");
        }
        if !sections.is_empty() {
            text.push('\n');
        }
        for line in self.closing() {
            let _ = write!(text, "\n{line}");
        }
        text
    }

    /// The summary for programs.
    pub fn line(&self) -> SummaryLine {
        SummaryLine {
            run: Some(self.run.to_owned()),
            stopped: self.stop.map(stop_cause),
            results: self.results.map(str::to_owned),
            gallery: self.gallery.map(str::to_owned),
            next: self.next().map(|next| next.command),
            elapsed_seconds: Some(self.elapsed.as_secs()),
            spend: self.spend().as_ref().map(SpendLine::boxed),
            downloads: self.downloads.map(DownloadLine::from),
            meaning: self.meaning(),
            ..SummaryLine::new("run", self.exit_code()).with_tally(self.tally)
        }
    }

    fn spend(&self) -> Option<Spend> {
        Spend::of(self.table, self.budget)
    }

    /// How it came out, in a line.
    pub fn headline(&self) -> String {
        let stage = match self.invocation.stage {
            Stage::Real => "",
            Stage::Rehearsal => "rehearsal: ",
        };
        let passed_over = self.table.planned().end.saturating_sub(self.tally.total());
        let selected = match passed_over {
            0 => String::new(),
            count => format!("; {count} not selected"),
        };
        let time = show_duration(Duration::from_secs(self.elapsed.as_secs()));
        format!("{stage}{}{selected}; took {time}", counts(self.tally))
    }

    /// Why no more submits left; that a person interrupted the run, that person knows.
    fn stopped(&self) -> Option<String> {
        self.stop
            .filter(|stop| **stop != StopReason::Interrupted)
            .map(stop_cause)
    }

    /// What is left to say after every run.
    fn closing(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let others = self.tally.count_others(Status::Running);
        if others > 0 {
            lines.push(format!(
                "also running: {}, not selected or no longer in the manifest; every run polls them",
                jobs(others)
            ));
        }
        lines.extend(self.kept());
        lines.extend(self.stopped().map(|cause| format!("stopped: {cause}")));
        lines.extend(self.spend().map(|spend| spend.text()));
        lines.push(format!("run:     {}", self.run));
        lines.extend(self.results.map(|results| format!("results: {results}")));
        lines.extend(self.gallery.map(|gallery| format!("gallery: {gallery}")));
        lines.extend(
            self.downloads
                .map(|downloads| format!("videos:  {}", downloads.text())),
        );
        let is_rehearsal = self.invocation.stage == Stage::Rehearsal && self.downloads.is_none();
        if is_rehearsal && self.tally.count(Status::Completed) > 0 {
            lines.push(
                "videos:  their URLs were the simulated provider's, which has ended with the rehearsal"
                    .to_owned(),
            );
        }
        lines.extend(self.hints.iter().map(|hint| format!("hint:    {hint}")));
        lines.extend(self.status_of_rehearsal());
        let code = self.exit_code();
        lines.extend(parting(self.next().as_ref(), code, self.meaning()));
        lines
    }

    /// How many selected jobs have the video of an earlier take alone.
    fn kept(&self) -> Option<String> {
        let is_kept = |job: &JobIndex| self.table.job(*job).earlier.is_some();
        let selected = self.table.planned();
        let selected = selected.filter(|job| self.selection.selects(self.table.id(*job)));
        let kept: Vec<_> = selected.filter(is_kept).collect();
        let is_failed = |job: &JobIndex| self.table.job(*job).status() == Status::Failed;
        let (its, retake, is) = match kept.len() {
            0 => return None,
            1 => ("keeps its earlier video", "its retake", "is"),
            _ => ("keep their earlier videos", "their retakes", "are"),
        };
        let became = if kept.iter().all(is_failed) {
            "failed".to_owned()
        } else {
            format!("{is} not completed")
        };
        let count = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        Some(format!("{} {its}: {retake} {became}", jobs(count)))
    }

    /// How to see the jobs of a rehearsal again.
    fn status_of_rehearsal(&self) -> Option<String> {
        let invocation = self.invocation;
        let directory = Path::new(self.results?).parent()?;
        (invocation.stage == Stage::Rehearsal).then(|| {
            let status = Invocation {
                manifest: invocation.manifest.clone(),
                out: Some(directory.to_string_lossy().into_owned()),
                ..Invocation::default()
            };
            let command = status.command("status", "");
            format!("status:  {}", painted(COMMAND, &command))
        })
    }

    /// The plan's selected jobs with this status.
    fn selected(&self, status: Status) -> impl Iterator<Item = JobIndex> + '_ {
        self.table.planned().filter(move |index| {
            self.table.job(*index).status() == status
                && self.selection.selects(self.table.id(*index))
        })
    }

    /// Failed jobs by class and alike messages.
    fn failed(&self) -> Option<String> {
        let failed = self.selected(Status::Failed);
        let reasons = by_reason(failed.filter_map(|job| match &self.table.job(job).phase {
            Phase::Failed { class, message, .. } => Some(Matter {
                job,
                class: class.as_str(),
                message: message.as_str(),
            }),
            _ => None,
        }));
        let all = self.invocation.command("status", "");
        listed(&painted(FAILED, "failed:"), &reasons, self.table, &all)
    }

    fn not_downloaded(&self) -> Option<String> {
        let missing = self.missing_files.iter().copied();
        not_downloaded(self.table, missing, self.invocation)
    }

    /// Running tasks that nobody has heard of since.
    fn silent(&self) -> Option<String> {
        let silences = || self.silences.iter().copied();
        let last = silences().map(|(_, silence)| silence.last).max()?;
        let polls = silences().map(|(_, silence)| silence.polls).max()?;
        let reasons = by_reason(silences().map(|(job, silence)| Matter {
            job,
            class: "",
            message: silence.message.as_str(),
        }));
        let title = format!(
            "{} the last polls said nothing about {}, up to {polls} in a row, last tried {}:",
            painted(MISSING, "running:"),
            jobs(u32::try_from(self.silences.len()).unwrap_or(u32::MAX)),
            Seconds(last)
        );
        let all = self.invocation.command("status", "");
        listed(&title, &reasons, self.table, &all)
    }

    fn in_doubt(&self) -> Option<String> {
        let count = self.tally.count(Status::InDoubt);
        let is_real = self.invocation.stage == Stage::Real;
        let advice = if is_real {
            "the provider may be making these, and charging for them; look there first, then settle each:"
        } else {
            "in a real run, you would look at the provider, then settle each with `shotlist resolve`:"
        };
        let mut text = format!("{} {advice}", painted(IN_DOUBT, "in doubt:"));
        for index in self.selected(Status::InDoubt).take(LISTED) {
            self.add_doubt(&mut text, index);
        }
        let listed = u32::try_from(LISTED).expect("a small number");
        if count > listed {
            let all = self.invocation.command("status", "");
            let _ = write!(text, "\n  and {} more, see `{all}`", jobs(count - listed));
        }
        if count > 1 && is_real {
            let command = self.not_created();
            let _ = write!(text, "\n  if none of them is there:\n    {command}");
        }
        (count > 0).then_some(text)
    }

    /// Settles all jobs in doubt of this run, none of which was created.
    fn not_created(&self) -> String {
        let ids: Vec<_> = self
            .selected(Status::InDoubt)
            .take(LISTED + 1)
            .map(|index| self.table.id(index).as_str())
            .collect();
        let which = if ids.len() > LISTED {
            "--all".to_owned()
        } else {
            ids.join(" ")
        };
        self.invocation
            .command("resolve", &format!("{which} --not-created"))
    }

    fn add_doubt(&self, text: &mut String, index: JobIndex) {
        let (id, state) = (self.table.id(index), self.table.job(index));
        let message = cut(results::error(state).unwrap_or_default(), MESSAGE_ROOM);
        let _ = write!(text, "\n  {id}: {message}");
        if let Some(task) = state.task() {
            let _ = write!(text, " (task {})", cut(&task.id.to_string(), MESSAGE_ROOM));
        }
        if let Some(at) = results::submitted_at(state) {
            let _ = write!(text, ", sent {}", Seconds(at));
        }
        if self.invocation.stage == Stage::Real {
            let adopt = self
                .invocation
                .command("resolve", &format!("{id} --task TASK_ID"));
            let free = self
                .invocation
                .command("resolve", &format!("{id} --not-created"));
            let _ = write!(
                text,
                "\n    {adopt}    # it is there\n    {free}    # it is not"
            );
        }
    }

    /// The command to type next, if there is anything left to do.
    pub fn next(&self) -> Option<Next> {
        if self.invocation.stage == Stage::Rehearsal {
            let manifest = Invocation {
                manifest: self.invocation.manifest.clone(),
                ..Invocation::default()
            };
            return Some(Next {
                command: manifest.command("plan", ""),
                reason: "nothing was ordered or paid; this shows what the real run would do",
            });
        }
        let run = |rest, reason| {
            Some(Next {
                command: self.invocation.command("run", rest),
                reason,
            })
        };
        match self.exit_code() {
            ExitCode::Completed | ExitCode::Usage | ExitCode::Held => None,
            ExitCode::Bug => run(
                "",
                "goes on safely from the state; please report this bug with what was printed",
            ),
            ExitCode::State => run("", "once the error above is mended; nothing is sent twice"),
            ExitCode::Interrupted | ExitCode::Terminated => run(
                "",
                "goes on where this run stopped; running tasks are only asked for, not sent again",
            ),
            ExitCode::Refused => run("", self.refusal()),
            ExitCode::InDoubt if self.tally.count(Status::InDoubt) == 0 => run(
                "",
                "after checking that the address is the API's: its answers could not be understood",
            ),
            ExitCode::InDoubt => Some(self.settle_first()),
            ExitCode::Limit if self.facts.contains(&RunFact::Fault(RunFault::Quota)) => {
                run("", "once the account has money or quota again")
            }
            ExitCode::Limit => match self.stop {
                Some(StopReason::MaxSpend(shortfall)) => Some(self.next_beyond(shortfall)),
                _ => run("", "submits the next jobs, again up to `--max-jobs`"),
            },
            ExitCode::Unfinished if self.lacks_files_alone() => run(
                "",
                "fetches the videos that are missing; nothing is submitted for them",
            ),
            ExitCode::Unfinished => run("", "collects what is running and submits what is pending"),
            ExitCode::SomeFailed => Some(self.next_after_failures()),
        }
    }

    fn next_beyond(&self, shortfall: &Shortfall) -> Next {
        let cap = shortfall.enough.to_string();
        Next {
            command: self
                .invocation
                .with_option("--max-spend", &cap)
                .command("run", ""),
            reason: "orders every job that is left; with less, as many of them as fit",
        }
    }

    /// Whether nothing but files keeps the run from its end.
    fn meaning(&self) -> &'static str {
        if self.lacks_files_alone() {
            FILES_MISSING
        } else {
            self.exit_code().meaning()
        }
    }

    fn lacks_files_alone(&self) -> bool {
        let unfinished = [Status::Pending, Status::Submitting, Status::Running];
        self.facts.contains(&RunFact::FilesMissing)
            && self.exit_code() == ExitCode::Unfinished
            && unfinished
                .iter()
                .all(|status| self.tally.count(*status) == 0)
    }

    /// A person must say what became of the jobs in doubt. The command does nothing before the id is filled in.
    fn settle_first(&self) -> Next {
        let first = self.selected(Status::InDoubt).next();
        let id = first.map_or("JOB", |index| self.table.id(index).as_str());
        let reason = if self.tally.count(Status::InDoubt) > 1 {
            "if the provider has it, else `--not-created`; likewise for the others, then run again"
        } else {
            "if the provider has it, else `--not-created`; then run again"
        };
        Next {
            command: self
                .invocation
                .command("resolve", &format!("{id} --task TASK_ID")),
            reason,
        }
    }

    fn refusal(&self) -> &'static str {
        if self.facts.contains(&RunFact::Fault(RunFault::Address)) {
            "after correcting the base URL (or the paths under `api:`)"
        } else {
            "after correcting the key in `SHOTLIST_API_KEY` or `--api-key-file`"
        }
    }

    fn next_after_failures(&self) -> Next {
        let without_url = self
            .tally
            .count_class(ErrorClass::Failed(FailureClass::NoUrl));
        let failed = self.tally.count(Status::Failed);
        let moderated = ErrorClass::Failed(FailureClass::Moderation);
        let (rest, reason) = if without_url == failed {
            (
                "",
                "asks again for the videos that have no URL; nothing is sent again",
            )
        } else if self.tally.count_class(moderated) == failed {
            (
                "--rerun changed",
                "once their prompts or pictures are edited: the same is seldom let through, and costs again",
            )
        } else {
            (
                "--rerun failed",
                "makes failed jobs again as they are, and costs again; `--rerun changed` only those you have edited",
            )
        };
        Next {
            command: self.invocation.command("run", rest),
            reason,
        }
    }
}

/// Jobs without files that they should have, by why.
pub fn not_downloaded(
    table: &JobTable,
    missing: impl Iterator<Item = JobIndex>,
    invocation: &Invocation,
) -> Option<String> {
    let reasons = by_reason(missing.map(|job| Matter {
        job,
        class: "",
        message: results::trouble(table.job(job)).unwrap_or("not tried yet"),
    }));
    let title = painted(MISSING, "not downloaded:");
    listed(&title, &reasons, table, &invocation.command("status", ""))
}

/// The lines that say what to type next and, if anything is wrong, the exit code; as the last ones of a command.
pub fn parting(next: Option<&Next>, code: ExitCode, meaning: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(next) = next {
        lines.push(format!("next:    {}", painted(COMMAND, &next.command)));
        lines.push(format!("         {}", next.reason));
    }
    if code != ExitCode::Completed {
        lines.push(format!("exit code {}: {meaning}", code as u8));
    }
    lines
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// What to type next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// The whole command line.
    pub command: String,
    /// When, or what it does.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::engine::event::{Event, Evidence};
    use crate::plan::Plan;
    use crate::report::sample::{self, accepted, completed, event, intent, run, said};

    fn invocation() -> Invocation {
        Invocation {
            manifest: "shots.yaml".to_owned(),
            ..Invocation::default()
        }
    }

    /// A run over jobs `a`, `b`, … each of which had these events after its intent.
    fn table(lives: &[&[Event]]) -> JobTable {
        let ids: Vec<String> = (0..lives.len()).map(|n| format!("job-{n}")).collect();
        let plan = Plan::new(
            ids.iter().map(|id| sample::job(id, id)).collect(),
            Vec::new(),
        );
        let mut records = vec![run(1, &[])];
        for (id, life) in ids.iter().zip(lives).filter(|(_, life)| !life.is_empty()) {
            records.push(event(0, id, intent(id)));
            records.extend(life.iter().map(|fact| event(60, id, fact.clone())));
        }
        sample::replayed(&plan, &records)
    }

    fn summary_of<T>(
        table: &JobTable,
        facts: &[RunFact],
        invocation: &Invocation,
        read: impl Fn(Summary<'_>) -> T,
    ) -> T {
        let selection = Selection::default();
        let tally = Tally::of(table, &selection);
        let stop = facts.first().and_then(|fact| stop_of(*fact));
        read(Summary {
            run: "3f9a1c-1",
            table,
            selection: &selection,
            tally: &tally,
            facts,
            stop: stop.as_ref(),
            budget: None,
            invocation,
            results: Some("shots.run/results.csv"),
            gallery: Some("shots.run/gallery.html"),
            hints: &[],
            elapsed: Duration::from_millis(754_321),
            downloads: None,
            silences: &[],
            missing_files: &[],
        })
    }

    fn text(table: &JobTable, facts: &[RunFact]) -> String {
        let text = summary_of(table, facts, &invocation(), |summary| summary.text());
        strip_str(&text).to_string()
    }

    /// What stopped the submits of a run with this fact.
    fn stop_of(fact: RunFact) -> Option<StopReason> {
        let message = said("so it said");
        match fact {
            RunFact::Fault(fault) => Some(StopReason::Fault { fault, message }),
            RunFact::Braked => Some(StopReason::Doubt {
                evidence: Evidence::Html,
                message,
            }),
            RunFact::MaxJobs => Some(StopReason::MaxJobs),
            RunFact::MaxSpend => Some(StopReason::MaxSpend(sample::shortfall())),
            RunFact::StateFailed => Some(StopReason::StateFailed),
            RunFact::Interrupted | RunFact::Terminated => Some(StopReason::Interrupted),
            RunFact::Bug | RunFact::FilesMissing => None,
        }
    }

    fn failed(class: FailureClass, message: &str) -> Event {
        Event::Failed {
            class,
            message: said(message),
        }
    }

    fn doubted() -> Event {
        Event::Doubted {
            message: said("no answer within 3m"),
        }
    }

    #[test]
    fn a_run_in_which_everything_went_well_is_short() {
        let done = [accepted("t"), completed("https://x.example/v.mp4")];
        insta::assert_snapshot!(text(&table(&[&done, &done]), &[]), @"
        2 jobs: 2 completed; took 12m34s
        run:     3f9a1c-1
        results: shots.run/results.csv
        gallery: shots.run/gallery.html
        ");
    }

    #[test]
    fn a_video_of_an_earlier_take_is_not_forgotten() {
        let made = [
            accepted("t"),
            completed("https://x.example/v.mp4"),
            Event::Reopened,
        ];
        let refused = Event::Rejected {
            class: FailureClass::Moderation,
            message: said("no"),
        };
        let failed = [&made[..], &[intent("a"), refused]].concat();
        let running = [&made[..], &[intent("a"), accepted("u")]].concat();
        let lives: [&[&[Event]]; 3] = [&[&failed], &[&failed, &failed], &[&failed, &running]];
        let kept = lives.map(|lives| {
            let text = text(&table(lives), &[]);
            let line = text.lines().find(|line| line.contains("earlier"));
            line.expect("it is told").to_owned()
        });
        insta::assert_snapshot!(kept.join("\n"), @r"
        1 job keeps its earlier video: its retake failed
        2 jobs keep their earlier videos: their retakes failed
        2 jobs keep their earlier videos: their retakes are not completed
        ");
    }

    #[test]
    fn a_run_with_everything_in_it_says_what_to_do_about_each() {
        let (_, table) = sample::every_status();
        insta::assert_snapshot!("everything", text(&table, &[]));
    }

    #[test]
    fn failures_are_grouped_by_reason_and_the_next_command_says_that_it_costs() {
        let flagged = [
            accepted("t"),
            failed(FailureClass::Moderation, "the prompt was flagged"),
        ];
        let broken = [
            accepted("t"),
            failed(FailureClass::Generation, "internal error"),
        ];
        let lives: Vec<&[Event]> = vec![&broken, &flagged, &flagged, &flagged, &flagged];
        insta::assert_snapshot!("failures", text(&table(&lives), &[]));
    }

    #[test]
    fn missing_videos_are_grouped_by_reason_and_jobs_whose_turn_did_not_come_are_among_them() {
        let missing = |message: &str| {
            let message = said(message);
            let made = completed("https://x.example/v.mp4");
            [accepted("t"), made, Event::NotDownloaded { message }]
        };
        let page = missing("a web page comes in place of the file");
        let cut = |bytes: u64| missing(&format!("{bytes} of 1234567 bytes came"));
        let (first, second) = (cut(655_360), cut(1_048_576));
        let untried = [accepted("t"), completed("https://x.example/v.mp4")];
        let jobs = table(&[&page, &first, &page, &second, &page, &page, &untried]);
        let text = summary_of(&jobs, &[RunFact::FilesMissing], &invocation(), |summary| {
            let downloads = Some(DownloadTally {
                missing: 7,
                ..DownloadTally::default()
            });
            Summary {
                downloads,
                missing_files: &[0, 1, 2, 3, 4, 5, 6],
                ..summary
            }
            .text()
        });
        insta::assert_snapshot!(strip_str(&text));
        assert!(!super::tests::text(&jobs, &[]).contains("not downloaded"));
    }

    #[test]
    fn running_tasks_that_polls_say_nothing_about_are_told_by_what_came_instead() {
        let running = [accepted("t")];
        let jobs = table(&[&running, &running, &running, &running]);
        let silence = |second, polls, message| Silence {
            polls,
            message: said(message),
            last: sample::second(second),
        };
        let silences = [
            silence(50, 4, "no answer within 30s"),
            silence(61, 12, "HTTP 500: broken (request id: 20261123abc)"),
            silence(60, 11, "HTTP 500: broken (request id: 20261123def)"),
        ];
        let silences: Vec<_> = (1..).zip(&silences).collect();
        let text = summary_of(&jobs, &[], &invocation(), |summary| {
            let silences = &silences;
            Summary {
                silences,
                ..summary
            }
            .text()
        });
        insta::assert_snapshot!(strip_str(&text));
    }

    #[test]
    fn many_reasons_and_many_doubts_are_not_all_listed() {
        let reasons: Vec<_> = (0..12)
            .map(|n| {
                [
                    accepted("t"),
                    failed(FailureClass::Generation, &format!("error {n}")),
                ]
            })
            .collect();
        let doubt = [doubted()];
        let mut lives: Vec<&[Event]> = reasons.iter().map(|life| &life[..]).collect();
        lives.extend([&doubt[..]; 12]);
        let text = text(&table(&lives), &[]);
        assert!(
            text.contains("and 4 jobs for other reasons, see `shotlist status shots.yaml`"),
            "{text}"
        );
        assert!(
            text.contains("and 4 jobs more, see `shotlist status shots.yaml`"),
            "{text}"
        );
        assert!(
            text.contains("shotlist resolve shots.yaml --all --not-created"),
            "{text}"
        );
    }

    #[test]
    fn every_way_to_end_names_the_next_command() {
        let pending: &[Event] = &[];
        let no_url = [accepted("t"), Event::NoUrl];
        let jobs = table(&[pending]);
        let mut lines = Vec::new();
        for facts in [
            &[][..],
            &[RunFact::MaxJobs],
            &[RunFact::MaxSpend],
            &[RunFact::Fault(RunFault::Quota)],
            &[RunFact::Fault(RunFault::Auth)],
            &[RunFact::Fault(RunFault::Address)],
            &[RunFact::Braked],
            &[RunFact::Interrupted],
            &[RunFact::Terminated],
            &[RunFact::StateFailed],
            &[RunFact::Bug],
        ] {
            lines.push(format!("{facts:?}\n{}", text(&jobs, facts)));
        }
        lines.push(format!(
            "only missing URLs\n{}",
            text(&table(&[&no_url]), &[])
        ));
        insta::assert_snapshot!("next", lines.join("\n\n"));
    }

    #[test]
    fn a_rehearsal_leads_to_the_real_plan() {
        let invocation = Invocation {
            stage: Stage::Rehearsal,
            ..invocation()
        };
        let done = [accepted("t"), completed("http://127.0.0.1:1/v.mp4")];
        let jobs = table(&[&[doubted()], &done]);
        let text = summary_of(&jobs, &[], &invocation, |summary| summary.text());
        insta::assert_snapshot!("rehearsal", strip_str(&text));
    }

    #[test]
    fn commands_can_be_copied_to_a_shell() {
        let invocation = Invocation {
            manifest: "my shots/it's.yaml".to_owned(),
            out: Some("-out".to_owned()),
            reading_options: ["--sheet", "Shots 2"].map(str::to_owned).to_vec(),
            run_options: ["--base-url", "http://127.0.0.1:8080", "--select", "hero-*"]
                .map(str::to_owned)
                .to_vec(),
            ..Invocation::default()
        };
        assert_eq!(
            invocation.command("run", "--rerun failed"),
            r"shotlist run 'my shots/it'\''s.yaml' --out ./-out --sheet 'Shots 2' --base-url http://127.0.0.1:8080 --select 'hero-*' --rerun failed"
        );
        assert_eq!(
            invocation.command("status", ""),
            r"shotlist status 'my shots/it'\''s.yaml' --out ./-out --sheet 'Shots 2'"
        );
    }

    #[test]
    fn the_line_for_programs_says_the_same() {
        let jobs = table(&[&[accepted("t")], &[doubted()]]);
        let line = summary_of(&jobs, &[], &invocation(), |summary| summary.line());
        insta::assert_snapshot!(super::super::json::Line::Summary(line).to_json());
    }

    #[test]
    fn a_job_in_doubt_is_listed_only_if_it_is_selected() {
        let jobs = table(&[&[doubted()], &[doubted()]]);
        let selection = Selection::new(&["job-1".to_owned()]).expect("a glob");
        let tally = Tally::of(&jobs, &selection);
        let text = Summary {
            run: "3f9a1c-1",
            table: &jobs,
            selection: &selection,
            tally: &tally,
            facts: &[],
            stop: None,
            budget: None,
            invocation: &invocation(),
            results: None,
            gallery: None,
            hints: &[],
            elapsed: Duration::ZERO,
            downloads: None,
            silences: &[],
            missing_files: &[],
        }
        .text();
        assert!(
            text.contains("job-1 --task") && !text.contains("job-0"),
            "{text}"
        );
    }
}
