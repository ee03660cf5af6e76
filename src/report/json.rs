//! The lines of `--json`: border types, apart from what the program works with.
//!
//! Start at [`Line`]. Every line is one object with `schema` and `type`; the last of a command is of type `summary`.
//! Within one `schema` fields are added, never renamed or removed. A field that has no value is `null`.
//!
//! The documentation of a field is what `shotlist schema output` and `shotlist help output` say of it: for users, with
//! units.

mod schema;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Serialize;

pub(super) use self::schema::OneOf;
use self::schema::{Commands, CountsOf, Findings, JobCounts, Severities};
pub use self::schema::{json_schema, line_types, log_schema};
use super::cost::{Bill, Group};
use super::forecast::Forecast;
use super::listing::{Order, PlanKind, PlanLine, PlanTotals};
use super::notice::NoticeKind;
use super::outcome::{ErrorClass, Standing, Tally, is_removed};
use super::spend::{AmountLine, SpendLine};
use super::summary::DownloadTally;
use crate::engine::event::{JobIndex, MediaUrl};
use crate::engine::job::{EarlierTake, Status};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::manifest::CellPlace;
use crate::money::{Cost, Priced};
use crate::plan::{Mode, Model, Plan, words};
use crate::results::{self, Seconds};
use crate::state::lock::Holder;
use crate::text::CleanText;

/// Version of the lines.
pub const SCHEMA: u32 = 1;

/// The commands that have `--json`.
pub const COMMANDS: [&str; 10] = [
    "check", "plan", "run", "status", "resolve", "report", "download", "verify", "init", "simulate",
];

/// What a summary names where the command line names no command.
pub const NO_COMMAND: &str = "shotlist";

/// What one line is about; serialised with its `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line<'a> {
    /// Where a job stands: each job of `status`, those that `resolve` settled, and in `run` each one whenever that
    /// changes.
    Job(JobLine<'a>),
    /// What a run would do with a job, in `plan`.
    Plan(PlanJobLine<'a>),
    /// Something worth knowing that is not a fact about a job's status: whatever a run notices, and every warning.
    Notice(NoticeLine<'a>),
    /// A finding about the manifest, in every command that reads one.
    Diagnostic(DiagnosticLine<'a>),
    /// A file that was looked at, in `verify`.
    File(FileLine<'a>),
    /// A file that `init` or `check --errors-csv` has written.
    Written(WrittenLine<'a>),
    /// The server of `simulate` is ready.
    Listening(ListeningLine<'a>),
    /// Why the command could not go on, or what it could not do.
    Error(ErrorLine<'a>),
    /// The last line: how the command ended. What it does not know is `null`.
    Summary(SummaryLine),
}

impl Line<'_> {
    /// The line as JSON, without a line break.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Versioned<'a> {
            schema: u32,
            #[serde(flatten)]
            line: &'a Line<'a>,
        }
        serde_json::to_string(&Versioned {
            schema: SCHEMA,
            line: self,
        })
        .expect("text, numbers and maps with text keys always serialise")
    }
}

/// Where a job stands: the columns of results.csv that are about its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JobLine<'a> {
    /// The job, as the manifest names it.
    pub id: &'a str,
    /// Where it stands.
    #[schemars(with = "OneOf<Status>")]
    pub status: &'static str,
    /// Why it is not completed.
    #[schemars(with = "Option<OneOf<ErrorClass>>")]
    pub error_class: Option<&'static str>,
    /// What provider or network said about it, without control characters.
    pub error: Option<&'a str>,
    /// The provider's id of its task.
    pub task_id: Option<String>,
    /// Where the provider keeps the video; such addresses expire.
    pub video_url: Option<&'a str>,
    /// Where the provider keeps the picture of the last frame, if one was asked for.
    pub last_frame_url: Option<&'a str>,
    /// Which go at its video this is: 1, and one more each time it is made again.
    pub take: u32,
    /// Create requests of this take that may have reached the provider.
    pub attempts: u32,
    /// When this take was sent last, in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub submitted_at: Option<String>,
    /// When this take was completed or failed, in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: Option<String>,
    /// What it is expected to cost by the price list, as decimal text in its currency.
    pub cost_estimate: Option<String>,
    /// What a person should know that the other fields do not say.
    pub note: Option<Cow<'static, str>>,
    /// The video on this disk, as in results.csv.
    pub file: Option<&'a str>,
    /// The last completed take, while this one is not: it was paid for, and its video is there.
    pub earlier: Option<EarlierLine<'a>>,
    /// Whether the job is no longer in the manifest.
    pub removed: bool,
    /// The run that tells it, as its summary and its log name it; of `run` and `download`.
    pub run: Option<&'a str>,
}

impl<'a> JobLine<'a> {
    /// Where this job stands.
    pub fn of(table: &'a JobTable, index: JobIndex, selection: &Selection) -> Self {
        let state = table.job(index);
        let standing = Standing::in_run(table, index, selection);
        let time = |at| Seconds(at).to_string();
        Self {
            id: table.id(index).as_str(),
            status: standing.status.as_str(),
            error_class: standing.class.map(ErrorClass::as_str),
            error: results::error(state),
            task_id: state.task().map(|task| task.id.to_string()),
            video_url: results::video_url(state),
            last_frame_url: results::last_frame_url(state),
            take: state.take.0,
            attempts: state.attempts,
            submitted_at: results::submitted_at(state).map(time),
            finished_at: results::finished_at(state).map(time),
            cost_estimate: None,
            note: results::note(table, index),
            file: results::local_video(state),
            earlier: state.earlier.as_deref().map(EarlierLine::from),
            removed: is_removed(table, index),
            run: None,
        }
    }

    /// The same, told by a run.
    #[must_use]
    pub fn of_run(self, run: &'a str) -> Self {
        Self {
            run: Some(run),
            ..self
        }
    }

    /// The same with what the job is expected to cost, by `plan` if there is one.
    #[must_use]
    pub fn with_cost(self, plan: Option<&Plan>, table: &JobTable, index: JobIndex) -> Self {
        let cost = results::cost_estimate(plan, table, index);
        Self {
            cost_estimate: cost.map(|cost| cost.amount.to_string()),
            ..self
        }
    }
}

/// A completed take of a job that was, or is, to be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EarlierLine<'a> {
    /// Which one it is, from 1.
    pub take: u32,
    /// The provider's id of its task.
    pub task_id: String,
    /// Where the provider keeps its video; such addresses expire.
    pub video_url: &'a str,
    /// Where the provider keeps the picture of its last frame, if one was asked for.
    pub last_frame_url: Option<&'a str>,
    /// When it was completed, in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: String,
    /// Its video on this disk.
    pub file: Option<&'a str>,
    /// Why a file of it is missing, if a run has tried to fetch it.
    pub error: Option<&'a str>,
}

impl<'a> From<&'a EarlierTake> for EarlierLine<'a> {
    fn from(earlier: &'a EarlierTake) -> Self {
        let files = earlier.files.as_deref();
        let saved = files.and_then(|files| files.video.as_ref());
        let trouble = files.and_then(|files| files.trouble.as_ref());
        Self {
            take: earlier.take.0,
            task_id: earlier.task.id.to_string(),
            video_url: earlier.video_url.as_str(),
            last_frame_url: earlier.last_frame_url.as_ref().map(MediaUrl::as_str),
            finished_at: Seconds(earlier.finished_at).to_string(),
            file: saved.map(|saved| saved.file.as_str()),
            error: trouble.map(CleanText::as_str),
        }
    }
}

/// What a run would do with a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlanJobLine<'a> {
    /// The job, as the manifest names it.
    pub id: &'a str,
    /// What a run would do with it.
    #[schemars(with = "OneOf<PlanKind>")]
    pub kind: &'static str,
    /// Why it is of that kind.
    pub why: &'a str,
    /// Whether a run would submit it.
    pub submits: bool,
    /// Length of the video that would be ordered, in seconds, where the manifest states it.
    pub seconds: Option<u8>,
    /// What that is expected to cost by the price list, as decimal text in its currency.
    pub cost_estimate: Option<String>,
    /// Where the job comes from; `null` for one that is no longer in the manifest.
    pub origin: Option<OriginLine>,
}

/// Where a job comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OriginLine {
    /// Line of the manifest, or of the table, at which it is written, from 1.
    pub line: usize,
    /// Row of the table; the header is row 1.
    pub row: Option<NonZeroU32>,
    /// The table that it comes from.
    pub table: Option<String>,
    /// Each axis of its matrix with its value.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub matrix: Option<serde_json::Map<String, serde_json::Value>>,
    /// Its number among the variants, from 1.
    pub variant: Option<NonZeroU32>,
}

impl<'a> From<&'a PlanLine<'a>> for PlanJobLine<'a> {
    fn from(line: &'a PlanLine<'a>) -> Self {
        Self {
            id: line.id.as_str(),
            kind: line.kind.as_str(),
            why: &line.why,
            submits: line.order != Order::Nothing,
            seconds: line.order.seconds(),
            cost_estimate: line.order.price().map(|price| price.to_string()),
            origin: None,
        }
    }
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NoticeLine<'a> {
    /// What it is about.
    #[schemars(with = "OneOf<NoticeKind>")]
    pub kind: &'static str,
    /// The job it is about.
    pub job: Option<&'a str>,
    /// What happened and what to do, for people.
    pub message: &'a str,
    /// The run that tells it, as its summary and its log name it; `null` before one has begun, and in other commands.
    pub run: Option<&'a str>,
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WrittenLine<'a> {
    /// Its path, as it was named.
    pub file: &'a str,
}

/// A server that is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ListeningLine<'a> {
    /// Its address, to be given as `--base-url`.
    pub url: &'a str,
}

/// A finding about the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiagnosticLine<'a> {
    /// How bad it is.
    #[schemars(with = "OneOf<Severities>")]
    pub severity: &'static str,
    /// Its stable name, as in `allow:`.
    pub code: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// The file it is in.
    pub file: &'a str,
    /// Line, from 1; in a workbook the row; 0 if it is about no place.
    pub line: usize,
    /// Column in characters, from 1; in a workbook the column of the sheet; 0 if it is about no place.
    pub column: usize,
    /// The same as spreadsheets count; only in a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<TableCell<'a>>,
    /// How to mend it.
    pub help: &'a str,
}

/// A place in a table as spreadsheets count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TableCell<'a> {
    /// The sheet; only in a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<&'a str>,
    /// Row, from 1; the first row is the header.
    pub row: usize,
    /// What the header calls the column.
    pub column: Option<&'a str>,
}

impl<'a> From<&CellPlace<'a>> for TableCell<'a> {
    fn from(place: &CellPlace<'a>) -> Self {
        Self {
            sheet: place.sheet,
            row: place.row,
            column: place.name,
        }
    }
}

/// Why the command could not go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorLine<'a> {
    /// What happened.
    pub message: &'a str,
    /// What to do.
    pub help: Option<&'a str>,
}

/// How a command ended. What a command does not know is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SummaryLine {
    /// The command.
    #[schemars(with = "OneOf<Commands>")]
    pub command: &'static str,
    /// The code that the program exits with.
    #[schemars(schema_with = "schema::exit_code")]
    pub exit_code: u8,
    /// The name of that code.
    #[schemars(with = "OneOf<ExitCode>")]
    pub exit_name: &'static str,
    /// What it means, for people.
    pub meaning: &'static str,
    /// What the run is called: six digits that tell states apart, and its number; of `run` and `download`.
    pub run: Option<String>,
    /// How many jobs there are in each status or, for `plan`, of each kind; what is not named is 0.
    #[schemars(with = "Option<CountsOf<JobCounts>>")]
    pub jobs: Option<BTreeMap<&'static str, u32>>,
    /// How many jobs there are in each error class; what is not named is 0.
    #[schemars(with = "Option<CountsOf<ErrorClass>>")]
    pub error_classes: Option<BTreeMap<&'static str, u32>>,
    /// How many diagnostics of each severity there are; what is not named is 0.
    #[schemars(with = "Option<CountsOf<Findings>>")]
    pub diagnostics: Option<BTreeMap<&'static str, usize>>,
    /// Why no more submits left in this run, for people.
    pub stopped: Option<String>,
    /// Where results.csv is.
    pub results: Option<String>,
    /// Where gallery.html is.
    pub gallery: Option<String>,
    /// The command to type next.
    pub next: Option<String>,
    /// How long the run took, in whole seconds.
    pub elapsed_seconds: Option<u64>,
    /// Seconds of video in the manifest or, for `plan`, that a run would order, as far as they are stated.
    pub video_seconds: Option<u64>,
    /// What the jobs that a run would submit are expected to cost; of `plan`.
    pub cost: Option<Box<CostLine>>,
    /// What all requests of this state so far are expected to cost, of all runs together, and what they may; `null` if
    /// there are no prices.
    pub spend: Option<Box<SpendLine>>,
    /// How long a run is expected to take; of `plan`.
    pub expected: Option<ExpectedLine>,
    /// The run that is going on over this state on this machine; of `status`.
    pub running: Option<HolderLine>,
    /// How many addresses were asked for; of `check --probe`.
    pub probed: Option<ProbedLine>,
    /// What the server was asked; of `simulate`.
    pub served: Option<ServedLine>,
    /// How the downloads came out; of a command that downloads.
    pub downloads: Option<DownloadLine>,
    /// How many recorded files are as they were downloaded, missing or changed; of `verify`.
    #[schemars(with = "Option<CountsOf<FileFinding>>")]
    pub files: Option<BTreeMap<&'static str, u32>>,
}

/// A run that holds a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HolderLine {
    /// Its process id.
    pub process: u32,
    /// Since when, in UTC.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
}

impl From<&Holder> for HolderLine {
    fn from(holder: &Holder) -> Self {
        Self {
            process: holder.pid,
            since: Seconds(holder.since).to_string(),
        }
    }
}

/// Addresses that a probe asked for, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ProbedLine {
    /// How many different addresses the jobs refer to.
    pub addresses: usize,
    /// How many of them answered with a success.
    pub answered: usize,
}

/// Requests that a simulated provider got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ServedLine {
    /// Create requests, refused and broken ones included.
    pub creates: u64,
    /// Tasks that were made.
    pub tasks: u64,
    /// Polls.
    pub polls: u64,
}

/// What videos are expected to cost. Amounts are text, such as `1.36`, so that nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CostLine {
    /// The sum of the videos that have a price; `null` without a price list.
    pub total: Option<AmountLine>,
    /// How many videos have no price and are not in the sum.
    pub unpriced_videos: u32,
    /// How many of the videos there is room for under a cap, in the order of the plan and without those that do not
    /// fit; `null` without a cap.
    pub room_for: Option<u32>,
    /// Why a run under this cap would send nothing.
    pub refusal: Option<String>,
    /// All videos, by what prices hang on.
    pub groups: Vec<CostGroupLine>,
}

/// Videos that cost the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CostGroupLine {
    /// Tier and resolution.
    #[schemars(with = "OneOf<Model>")]
    pub model: &'static str,
    /// Length of each, in seconds, where the manifest states it.
    pub seconds: Option<u8>,
    /// `generate_audio`, where it is set.
    pub generate_audio: Option<bool>,
    /// Whether pictures, videos or sounds are sent along: `mode` says more.
    pub media: bool,
    /// What the video is made from: `text`, `image`, `first_last` or `reference`.
    pub mode: &'static str,
    /// How many there are.
    pub videos: u32,
    /// What each costs, as decimal text in the currency of the total.
    pub each: Option<String>,
    /// What they cost together, as decimal text in the currency of the total.
    pub amount: Option<String>,
}

impl From<&Bill> for CostLine {
    fn from(bill: &Bill) -> Self {
        let sum = bill.sum();
        let total = bill.currency().map(|currency| Cost {
            amount: sum.amount,
            currency,
        });
        Self {
            total: total.as_ref().map(AmountLine::from),
            unpriced_videos: sum.unknown,
            room_for: None,
            refusal: None,
            groups: bill.groups().map(CostGroupLine::from).collect(),
        }
    }
}

impl From<(Priced, Group)> for CostGroupLine {
    fn from((video, group): (Priced, Group)) -> Self {
        Self {
            model: video.model.as_str(),
            seconds: video.seconds,
            generate_audio: video.audio,
            media: video.mode != Mode::Text,
            mode: video.mode.as_str(),
            videos: group.videos,
            each: group.each.map(|it| it.to_string()),
            amount: group.amount().map(|it| it.to_string()),
        }
    }
}

/// How long a run is expected to take; the shortest and the longest are the same where finished videos say how long one
/// takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ExpectedLine {
    /// The whole run in seconds, at least.
    pub least_seconds: u64,
    /// The whole run in seconds, at most.
    pub most_seconds: u64,
    /// A video in seconds, at least.
    pub video_least_seconds: u64,
    /// A video in seconds, at most.
    pub video_most_seconds: u64,
    /// How many finished videos say so; 0: it is assumed.
    pub finished_videos: u32,
}

impl From<&Forecast> for ExpectedLine {
    fn from(forecast: &Forecast) -> Self {
        Self {
            least_seconds: forecast.length.least.as_secs(),
            most_seconds: forecast.length.most.as_secs(),
            video_least_seconds: forecast.video.least.as_secs(),
            video_most_seconds: forecast.video.most.as_secs(),
            finished_videos: forecast.finished,
        }
    }
}

/// How the downloads of a command came out, in jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DownloadLine {
    /// Downloaded now.
    pub done: u32,
    /// Completed, and still without a file that they should have.
    pub missing: u32,
    /// Files that were saved now: videos and pictures.
    pub files: u32,
    /// Their size together, in bytes.
    pub bytes: u64,
}

impl From<DownloadTally> for DownloadLine {
    fn from(tally: DownloadTally) -> Self {
        Self {
            done: tally.done,
            missing: tally.missing,
            files: tally.files,
            bytes: tally.bytes,
        }
    }
}

words! {
    /// What `verify` has found about a file.
    FileFinding {
        /// As it was downloaded.
        Good = "good",
        /// Nothing is there.
        Missing = "missing",
        /// Another size or another content.
        Changed = "changed",
        /// The system does not let it be read.
        Unreadable = "unreadable",
    }
}

/// A file that `verify` has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileLine<'a> {
    /// Of which job.
    pub id: &'a str,
    /// Of which of its takes: its current one or, while that is not completed, the last that is.
    pub take: u32,
    /// Where it is, as in results.csv.
    pub file: &'a str,
    /// How it was found.
    #[schemars(with = "OneOf<FileFinding>")]
    pub finding: &'static str,
    /// The size that was recorded.
    pub bytes: u64,
    /// The SHA-256 that was recorded.
    pub sha256: &'a str,
}

impl SummaryLine {
    /// The summary of a command that ends with `code`, and of which nothing else is known.
    pub fn new(command: &'static str, code: ExitCode) -> Self {
        Self {
            command,
            exit_code: code as u8,
            exit_name: code.name(),
            meaning: match (command, code) {
                (command, ExitCode::Completed) if command != "run" => "done",
                (_, code) => code.meaning(),
            },
            run: None,
            jobs: None,
            error_classes: None,
            diagnostics: None,
            stopped: None,
            results: None,
            gallery: None,
            next: None,
            elapsed_seconds: None,
            video_seconds: None,
            cost: None,
            spend: None,
            expected: None,
            running: None,
            probed: None,
            served: None,
            downloads: None,
            files: None,
        }
    }

    /// The line in at most `limit` bytes: without its longest texts where it would be longer.
    pub fn to_json_within(&self, limit: usize) -> String {
        let whole = Line::Summary(self.clone()).to_json();
        if whole.len() <= limit {
            return whole;
        }
        let short = Self {
            stopped: None,
            results: None,
            gallery: None,
            next: None,
            spend: None,
            ..self.clone()
        };
        Line::Summary(short).to_json()
    }

    /// Adds the counts of jobs.
    #[must_use]
    pub fn with_tally(mut self, tally: &Tally) -> Self {
        let mut classes = BTreeMap::new();
        for (standing, count) in tally.iter() {
            if let Some(class) = standing.class {
                *classes.entry(class.as_str()).or_default() += count;
            }
        }
        self.jobs = Some(jobs_of(tally));
        self.error_classes = Some(classes);
        self
    }

    /// Adds what a run would do.
    #[must_use]
    pub fn with_totals(mut self, totals: &PlanTotals) -> Self {
        let mut jobs: BTreeMap<_, _> = totals
            .kinds()
            .map(|(kind, count)| (kind.as_str(), count))
            .collect();
        jobs.insert("total", totals.jobs());
        jobs.insert("submits", totals.bill().videos());
        self.jobs = Some(jobs);
        self.video_seconds = Some(totals.bill().seconds());
        self
    }
}

/// Selected jobs by status, and `total`.
fn jobs_of(tally: &Tally) -> BTreeMap<&'static str, u32> {
    let mut jobs = BTreeMap::from([("total", tally.total())]);
    for (standing, count) in tally.iter() {
        *jobs.entry(standing.status.as_str()).or_default() += count;
    }
    jobs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_line_is_one_object_with_schema_and_type() {
        let (_, table) = sample::every_status();
        let id = sample::job_id("hero");
        let plan_line = PlanLine {
            id: &id,
            kind: crate::report::listing::PlanKind::New,
            why: "never submitted".into(),
            order: Order::Video {
                video: Priced::of(&sample::request("a")),
                price: "0.96".parse().ok(),
            },
        };
        let tally = Tally::of(&table, &Selection::default());
        let lines = [
            Line::Job(JobLine::of(&table, 5, &Selection::default())),
            Line::Plan(PlanJobLine::from(&plan_line)),
            Line::Notice(NoticeLine {
                kind: crate::report::notice::NoticeKind::Paused.as_str(),
                job: None,
                message: "\u{1b}[31m\n",
                run: Some("3f9a1c-1"),
            }),
            Line::Diagnostic(DiagnosticLine {
                severity: "error",
                code: "unknown-field",
                message: "unknown field `promt`",
                file: "shots.yaml",
                line: 3,
                column: 5,
                cell: None,
                help: "write `prompt`",
            }),
            Line::Written(WrittenLine { file: "shots.yaml" }),
            Line::Listening(ListeningLine {
                url: "http://127.0.0.1:8080",
            }),
            Line::Error(ErrorLine {
                message: "there is no API key",
                help: None,
            }),
            Line::Summary(SummaryLine::new("run", ExitCode::InDoubt).with_tally(&tally)),
        ];
        let text: Vec<_> = lines.iter().map(Line::to_json).collect();
        for line in &text {
            assert!(line.starts_with(r#"{"schema":1,"type":""#), "{line}");
            assert!(!line.contains(['\n', '\u{1b}']), "{line}");
        }
        insta::assert_snapshot!(text.join("\n"));
    }
}
