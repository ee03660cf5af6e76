//! The lines of `--json`: border types, apart from what the program works with.
//!
//! Start at [`Line`]. Every line is one object with `schema` and `type`; the last of a command is of type `summary`.
//! Within one `schema` fields are added, never renamed or removed. A field that has no value is `null`.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::Serialize;

use super::cost::{Bill, Group};
use super::forecast::Forecast;
use super::listing::{Order, PlanLine, PlanTotals};
use super::outcome::{ErrorClass, Standing, Tally, is_removed, meaning};
use super::spend::SpendLine;
use crate::engine::event::JobIndex;
use crate::engine::table::{JobTable, Selection};
use crate::error::ExitCode;
use crate::manifest::CellPlace;
use crate::money::{Amount, Priced};
use crate::plan::{Mode, Plan};
use crate::results::{self, Seconds};

/// Version of the lines.
pub const SCHEMA: u32 = 1;

/// What one line is about; serialised with its `type`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line<'a> {
    /// Where a job stands now.
    Job(JobLine<'a>),
    /// What a run would do with a job.
    Plan(PlanJobLine<'a>),
    /// Something worth knowing that is not a fact about a job's status.
    Notice(NoticeLine<'a>),
    /// Progress of a run.
    Progress(ProgressLine),
    /// A finding about the manifest.
    Diagnostic(DiagnosticLine<'a>),
    /// Why the command could not go on.
    Error(ErrorLine<'a>),
    /// The last line.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the columns of results.csv")]
pub struct JobLine<'a> {
    pub id: &'a str,
    pub status: &'static str,
    pub error_class: Option<&'static str>,
    pub error: Option<&'a str>,
    pub task_id: Option<String>,
    pub video_url: Option<&'a str>,
    pub last_frame_url: Option<&'a str>,
    pub take: u32,
    pub attempts: u32,
    pub submitted_at: Option<String>,
    pub finished_at: Option<String>,
    /// In the currency of the manifest's price list.
    pub cost_estimate: Option<String>,
    pub note: Option<&'static str>,
    /// Whether the job is no longer in the manifest.
    pub removed: bool,
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
            removed: is_removed(table, index),
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

/// What a run would do with a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanJobLine<'a> {
    /// Which job.
    pub id: &'a str,
    /// One of the kinds of `shotlist plan`.
    pub kind: &'static str,
    /// Why it is of that kind.
    pub why: &'a str,
    /// Whether a run would submit it.
    pub submits: bool,
    /// Length of the video that would be ordered, where the manifest states it.
    pub seconds: Option<u8>,
    /// What that is expected to cost, in the currency of the summary; `null` if it is unknown.
    pub price: Option<String>,
    /// Where the job comes from; nothing for one that is no longer in the manifest.
    pub origin: Option<OriginLine>,
}

/// Where a job comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OriginLine {
    /// Line of the manifest, or of the table, at which it is written; from 1.
    pub line: usize,
    /// Row of the table, the header being row 1.
    pub row: Option<NonZeroU32>,
    /// The table, if it comes from one.
    pub table: Option<String>,
    /// Each axis of its matrix with its value.
    pub matrix: Option<serde_json::Map<String, serde_json::Value>>,
    /// Its number among the variants.
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
            price: line.order.price().map(|price| price.to_string()),
            origin: None,
        }
    }
}

/// Something worth knowing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeLine<'a> {
    /// What it is about, one of [`NoticeKind`](super::notice::NoticeKind).
    pub kind: &'static str,
    /// The job it is about.
    pub job: Option<&'a str>,
    /// For people.
    pub message: &'a str,
}

/// Progress of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgressLine {
    /// Seconds since the run began.
    pub elapsed_seconds: u64,
    /// Selected jobs by status.
    pub jobs: BTreeMap<&'static str, u32>,
}

/// A finding about the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DiagnosticLine<'a> {
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// Its stable name.
    pub code: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// Which file.
    pub file: &'a str,
    /// From 1; in a workbook the row.
    pub line: usize,
    /// From 1, in characters; in a workbook the column of the sheet.
    pub column: usize,
    /// The same as spreadsheets count, in a table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<TableCell<'a>>,
    /// How to mend it.
    pub help: &'a str,
}

/// A place in a table as spreadsheets count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableCell<'a> {
    /// The sheet, in a workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<&'a str>,
    /// From 1; the first row is the header.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorLine<'a> {
    /// What happened.
    pub message: &'a str,
    /// What to do.
    pub help: Option<&'a str>,
}

/// How a command ended. What a command does not know is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SummaryLine {
    /// Which command.
    pub command: &'static str,
    /// The code that the program exits with.
    pub exit_code: u8,
    /// What that means.
    pub meaning: &'static str,
    /// How many jobs there are and how many are in each status (or of each kind, for `plan`).
    pub jobs: Option<BTreeMap<&'static str, u32>>,
    /// How many jobs there are in each error class.
    pub error_classes: Option<BTreeMap<&'static str, u32>>,
    /// How many diagnostics of each severity there are.
    pub diagnostics: Option<BTreeMap<&'static str, usize>>,
    /// Why no more submits left in this run.
    pub stopped: Option<String>,
    /// Where results.csv is.
    pub results: Option<String>,
    /// The command to type next.
    pub next: Option<String>,
    /// Seconds that the run took.
    pub elapsed_seconds: Option<u64>,
    /// Seconds of video that a run would order, as far as they are stated.
    pub video_seconds: Option<u64>,
    /// What all requests of the state are expected to cost, and what they may.
    pub spend: Option<Box<SpendLine>>,
    /// What a run would order, and what that is expected to cost.
    pub cost: Option<Box<CostLine>>,
    /// How long it is expected to take.
    pub expected: Option<ExpectedLine>,
}

/// What videos are expected to cost. Amounts are text, such as `1.36`, so that nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostLine {
    /// Three letters; `null` without a price list.
    pub currency: Option<String>,
    /// The sum of what has a price; `null` without a price list.
    pub amount: Option<String>,
    /// How many videos have no price.
    pub unknown: u32,
    /// The cap of `--max-spend` or `limits.max_spend`.
    pub max_spend: Option<String>,
    /// What is reserved under it already.
    pub reserved: Option<String>,
    /// How many of the videos there is room for under it, in the order of the plan and without those that do not fit.
    pub room_for: Option<u32>,
    /// Why a run under this cap would send nothing.
    pub refusal: Option<String>,
    /// The same by what prices hang on.
    pub groups: Vec<CostGroupLine>,
}

/// Videos that cost the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CostGroupLine {
    /// Tier and resolution.
    pub model: &'static str,
    /// Length of each.
    pub seconds: Option<u8>,
    /// `generate_audio`, where it is set.
    pub generate_audio: Option<bool>,
    /// Whether pictures, videos or sounds are sent along: `mode` says more.
    pub media: bool,
    /// What the video is made from: `text`, `image`, `first_last` or `reference`.
    pub mode: &'static str,
    /// How many there are.
    pub videos: u32,
    /// What each costs.
    pub price: Option<String>,
    /// What they cost together.
    pub amount: Option<String>,
}

impl CostLine {
    /// A bill, and the limit that it must keep to.
    pub fn new(bill: &Bill, max_spend: Option<Amount>) -> Self {
        let sum = bill.sum();
        Self {
            currency: bill.currency().map(|it| it.to_string()),
            amount: bill.currency().map(|_| sum.amount.to_string()),
            unknown: sum.unknown,
            max_spend: max_spend.map(|it| it.to_string()),
            reserved: None,
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
            price: group.each.map(|it| it.to_string()),
            amount: group.amount().map(|it| it.to_string()),
        }
    }
}

/// How long a run is expected to take, in seconds; the shortest and the longest are the same where finished videos
/// say how long one takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedLine {
    /// The whole run, at least.
    pub least_seconds: u64,
    /// The whole run, at most.
    pub most_seconds: u64,
    /// A video, at least.
    pub video_least_seconds: u64,
    /// A video, at most.
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

impl SummaryLine {
    /// The summary of a command that ends with `code`, and of which nothing else is known.
    pub fn new(command: &'static str, code: ExitCode) -> Self {
        Self {
            command,
            exit_code: code as u8,
            meaning: match (command, code) {
                ("run", code) => meaning(code),
                (_, ExitCode::Completed) => "done",
                (_, code) => meaning(code),
            },
            jobs: None,
            error_classes: None,
            diagnostics: None,
            stopped: None,
            results: None,
            next: None,
            elapsed_seconds: None,
            video_seconds: None,
            spend: None,
            cost: None,
            expected: None,
        }
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
pub(crate) fn jobs_of(tally: &Tally) -> BTreeMap<&'static str, u32> {
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
            }),
            Line::Progress(ProgressLine {
                elapsed_seconds: 61,
                jobs: jobs_of(&tally),
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
