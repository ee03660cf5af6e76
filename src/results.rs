//! results.csv: one row per manifest job, in manifest order, a pure function of plan and state.
//!
//! Start at [`write()`]; [`patch`] makes a new file of an old one and the rows that changed. Rows are streamed; replacing
//! the file atomically is the caller's part. Byte for byte the same for the same plan and state: no clock, no locale, no
//! order of a hash map comes in.

pub mod patch;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io;

use jiff::Timestamp;

use crate::engine::event::{FailureClass, FilePath, JobIndex, MediaUrl, TaskId};
use crate::engine::job::{EarlierTake, JobState, Phase, Slot, Status};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::money::Cost;
use crate::plan::{Job, Plan};
use crate::report::outcome::Standing;
use crate::text::{CleanText, clean, is_unsafe};

/// The columns before the user's own.
pub const COLUMNS: [&str; 18] = [
    "id",
    "status",
    "task_id",
    "video_url",
    "file",
    "error_class",
    "error",
    "attempts",
    "model",
    "mode",
    "duration",
    "aspect_ratio",
    "prompt",
    "submitted_at",
    "finished_at",
    "last_frame_url",
    "cost_estimate",
    "note",
];

/// Writes results.csv: UTF-8 with BOM, CRLF, quotes where RFC 4180 needs them.
///
/// `selection` is the last run's, see [`last_selection`]. Line breaks inside a cell stay (quoted), NUL characters are
/// left out, and a cell that a spreadsheet would run as a formula gets a leading `'`.
pub fn write(
    plan: &Plan,
    table: &JobTable,
    selection: &Selection,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let (mut sheet, _) = begin(plan, out)?;
    for index in table.planned() {
        write_row(&mut sheet, plan, table, index, selection)?;
    }
    Ok(())
}

/// Writes what stands before the first job; its length in bytes.
fn begin<'a>(plan: &Plan, out: &'a mut dyn io::Write) -> io::Result<(Sheet<'a>, u64)> {
    const BOM: &[u8] = "\u{feff}".as_bytes();
    out.write_all(BOM)?;
    let mut sheet = Sheet::new(out);
    for name in COLUMNS {
        sheet.cell(name)?;
    }
    for name in plan.user_columns() {
        sheet.cell(name)?;
    }
    let names = sheet.end_row()?;
    Ok((sheet, BOM.len() as u64 + names))
}

/// Writes the row of a job; its length in bytes.
fn write_row(
    sheet: &mut Sheet<'_>,
    plan: &Plan,
    table: &JobTable,
    index: JobIndex,
    selection: &Selection,
) -> io::Result<u64> {
    write_state(sheet, plan, table, index, selection)?;
    let job = &plan.jobs()[index as usize];
    for column in 0..plan.user_columns().len() {
        sheet.cell(job.user_values().get(column))?;
    }
    sheet.end_row()
}

fn write_state(
    sheet: &mut Sheet<'_>,
    plan: &Plan,
    table: &JobTable,
    index: JobIndex,
    selection: &Selection,
) -> io::Result<()> {
    let job = &plan.jobs()[index as usize];
    let state = table.job(index);
    let standing = Standing::in_run(table, index, selection);
    sheet.cell(job.id().as_str())?;
    sheet.cell(standing.status.as_str())?;
    sheet.optional(state.task().map(|task| &task.id))?;
    sheet.cell(video_url(state).unwrap_or_default())?;
    sheet.cell(local_video(state).unwrap_or_default())?;
    sheet.cell(standing.class.map_or("", |class| class.as_str()))?;
    sheet.cell(error(state).unwrap_or_default())?;
    sheet.show(state.attempts)?;
    write_request(sheet, state, job)?;
    sheet.optional(submitted_at(state).map(Seconds))?;
    sheet.optional(finished_at(state).map(Seconds))?;
    sheet.cell(last_frame_url(state).unwrap_or_default())?;
    sheet.optional(cost_estimate(Some(plan), table, index).map(|cost| cost.amount))?;
    sheet.cell(&note(table, index).unwrap_or_default())
}

/// The request columns: what was sent, or, before anything was, what would be.
fn write_request(sheet: &mut Sheet<'_>, state: &JobState, job: &Job) -> io::Result<()> {
    let wanted = job.request();
    // The table keeps what was sent only where it differs from the plan.
    let Some(sent) = state.sent.as_deref().filter(|_| state.attempts > 0) else {
        sheet.cell(wanted.model().as_str())?;
        sheet.cell(wanted.mode().as_str())?;
        sheet.optional(wanted.duration())?;
        sheet.optional(wanted.aspect_ratio())?;
        return sheet.cell(wanted.prompt());
    };
    sheet.cell(&sent.model)?;
    sheet.cell(sent.mode.as_str())?;
    sheet.optional(sent.duration)?;
    sheet.optional(sent.aspect_ratio)?;
    sheet.cell(&sent.prompt)
}

/// What a row of a written file says of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The id column.
    pub id: &'a str,
    /// The status column.
    pub status: &'a str,
    /// The `task_id` column, see [`task_cell`].
    pub task_id: &'a str,
}

/// Reads back what [`write()`] wrote, row by row, until `on_row` returns `false`. A person may have had the file in
/// hand: rows that cannot be read are passed over, and a file without the columns has none.
pub fn read_back(file: impl io::Read, mut on_row: impl FnMut(Row<'_>) -> bool) {
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let Ok(names) = rows.byte_headers().cloned() else {
        return;
    };
    let column = |name: &str| names.iter().position(|cell| bare(cell) == name.as_bytes());
    let (Some(id), Some(status), Some(task_id)) =
        (column("id"), column("status"), column("task_id"))
    else {
        return;
    };
    let mut row = csv::ByteRecord::new();
    while rows.read_byte_record(&mut row).unwrap_or(false) {
        let cell = |column: usize| std::str::from_utf8(&row[column]).ok();
        if row.len() == names.len()
            && let (Some(id), Some(status), Some(task_id)) = (cell(id), cell(status), cell(task_id))
            && !on_row(Row {
                id,
                status,
                task_id,
            })
        {
            return;
        }
    }
}

/// A name without the mark that UTF-8 may begin with.
fn bare(name: &[u8]) -> &[u8] {
    name.strip_prefix("\u{feff}".as_bytes()).unwrap_or(name)
}

/// How the `task_id` column shows a task.
pub fn task_cell(task_id: &TaskId) -> String {
    let mut cell = String::new();
    disarm(&task_id.to_string(), &mut cell);
    cell
}

/// Whether `cell` is the [`task_cell`] of a task.
pub fn is_task_cell(cell: &str, task_id: &TaskId) -> bool {
    let begins_harmless = cell.starts_with(|first: char| first.is_ascii_alphanumeric());
    let is_plain = begins_harmless && cell.bytes().all(|byte| byte.is_ascii_graphic());
    if is_plain && cell == task_id.as_str() {
        return true; // nearly all are shown as they are
    }
    task_cell(task_id) == cell
}

/// The selection of the last run; every job before the first.
pub fn last_selection(table: &JobTable) -> Selection {
    table
        .runs()
        .last()
        .and_then(|run| Some(Selection::new(&run.select).ok()?.within(run.partition)))
        .unwrap_or_default()
}

/// Where the video is.
pub(crate) fn video_url(state: &JobState) -> Option<&str> {
    match &state.phase {
        Phase::Completed { video_url, .. } => Some(video_url.as_str()),
        _ => None,
    }
}

/// Where the picture of the last frame is.
pub(crate) fn last_frame_url(state: &JobState) -> Option<&str> {
    match &state.phase {
        Phase::Completed { last_frame_url, .. } => last_frame_url.as_ref().map(MediaUrl::as_str),
        _ => None,
    }
}

/// The video of the current take of a job, as the state records it: relative to the directory of the state if it is inside
/// of that, else absolute. Nobody has looked whether it is still there.
pub fn local_video(state: &JobState) -> Option<&str> {
    let video = state.files.as_deref()?.video.as_ref()?;
    Some(video.file.as_str())
}

/// What provider or network said about a job that is not completed, or why a file of a completed one was never
/// downloaded.
pub(crate) fn error(state: &JobState) -> Option<&str> {
    match &state.phase {
        Phase::Completed { .. } if state.lacks_files() => trouble(state),
        Phase::Returned { message, .. }
        | Phase::Failed { message, .. }
        | Phase::InDoubt { message, .. }
        | Phase::Lost { message, .. } => Some(message.as_str()),
        _ => None,
    }
}

/// What a job is expected to cost: as it was recorded when it was sent last, or by the plan if it is still to be sent;
/// `None` if that is unknown. In a file its currency is left out, so that a spreadsheet
/// can add it up.
pub(crate) fn cost_estimate(
    plan: Option<&Plan>,
    table: &JobTable,
    index: JobIndex,
) -> Option<Cost> {
    let state = table.job(index);
    if state.status() != Status::Pending && (state.cost().is_some() || table.is_changed(index)) {
        return state.cost();
    }
    let job = plan?.jobs().get(index as usize)?;
    plan?.price(job)
}

/// When the current take was sent last.
pub(crate) fn submitted_at(state: &JobState) -> Option<Timestamp> {
    state.submitted_at.filter(|_| state.attempts > 0)
}

/// When the current take was settled.
pub(crate) fn finished_at(state: &JobState) -> Option<Timestamp> {
    match &state.phase {
        Phase::Completed { finished_at, .. } | Phase::Failed { finished_at, .. } => {
            Some(*finished_at)
        }
        _ => None,
    }
}

/// Why a file of the video that a job has is missing, whichever take it is of.
pub(crate) fn trouble(state: &JobState) -> Option<&str> {
    let files = state.video()?.files?;
    files.trouble.as_ref().map(CleanText::as_str)
}

/// What a person should know about a row that its other columns do not say.
pub(crate) fn note(table: &JobTable, index: JobIndex) -> Option<Cow<'static, str>> {
    let state = table.job(index);
    let notes = [
        note_on_gone(state).map(str::to_owned).map(Cow::Owned),
        note_on_take(table, index).map(Cow::Borrowed),
        state
            .earlier
            .as_deref()
            .map(note_on_earlier)
            .map(Cow::Owned),
    ];
    let all = notes.into_iter().flatten();
    all.reduce(|notes, note| Cow::Owned(format!("{notes}; {note}")))
}

/// Why a file that was saved once, and is gone, has not been fetched again.
fn note_on_gone(state: &JobState) -> Option<&str> {
    let is_completed = state.status() == Status::Completed;
    trouble(state).filter(|_| is_completed && !state.lacks_files())
}

/// The other columns are about a later take: what was paid for and finished is named here.
fn note_on_earlier(earlier: &EarlierTake) -> String {
    let files = earlier.files.as_deref();
    let saved = files.and_then(|files| files.video.as_ref());
    let place = match saved {
        Some(video) => clean(video.file.as_str(), FilePath::LIMIT),
        None => earlier.video_url.as_str().to_owned(),
    };
    let missing = match (files.and_then(|files| files.trouble.as_ref()), saved) {
        (Some(trouble), _) => {
            format!(" (not downloaded: {trouble}; `shotlist download` tries again)")
        }
        (None, None) => " (it expires; `shotlist download` fetches the video)".to_owned(),
        (None, Some(_)) => String::new(),
    };
    let (take, task) = (earlier.take.0, &earlier.task.id);
    format!("take {take} is completed: task {task}, {place}{missing}")
}

/// The same about the current take alone.
fn note_on_take(table: &JobTable, index: JobIndex) -> Option<&'static str> {
    let state = table.job(index);
    let is_changed = table.is_changed(index) && state.attempts > 0;
    match &state.phase {
        Phase::InDoubt { .. } | Phase::Lost { .. } if is_changed => Some(
            "the provider may have made this, look there, then use `shotlist resolve`; manifest changed after this was submitted",
        ),
        Phase::InDoubt { .. } => {
            Some("the provider may have made this: look there, then use `shotlist resolve`")
        }
        Phase::Lost { .. } => {
            Some("the provider no longer knows this task: look there, then use `shotlist resolve`")
        }
        Phase::Running {
            slot: Slot::Released,
            ..
        } if is_changed => Some(
            "older than the job time-out, every run asks again; manifest changed after this was submitted",
        ),
        Phase::Running {
            slot: Slot::Released,
            ..
        } => Some("older than the job time-out: left running, every run asks again"),
        Phase::Pending | Phase::Returned { .. } if is_changed => {
            Some("manifest changed after this was tried: the next run sends the new content")
        }
        Phase::Completed { .. } if error(state).is_some() && is_changed => Some(
            "not downloaded: `shotlist download` tries again, its URL expires; manifest changed after this was submitted; `--rerun changed` makes it again",
        ),
        Phase::Completed { .. } if error(state).is_some() => {
            Some("not downloaded: `shotlist download` tries again, its URL expires")
        }
        Phase::Completed { .. } | Phase::Failed { .. } if is_changed && !is_without_url(state) => {
            Some("manifest changed after this was submitted; `--rerun changed` makes it again")
        }
        _ if is_changed => Some("manifest changed after this was submitted"),
        _ => None,
    }
}

/// Whether the job was made and has no URL: nothing makes it again.
pub(crate) fn is_without_url(state: &JobState) -> bool {
    matches!(
        state.phase,
        Phase::Failed {
            class: FailureClass::NoUrl,
            ..
        }
    )
}

/// A moment as RFC 3339 in UTC, in whole seconds.
pub(crate) struct Seconds(pub(crate) Timestamp);

impl fmt::Display for Seconds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.0}", self.0)
    }
}

/// The rows of a CSV file, a cell at a time, through buffers that every cell uses again.
struct Sheet<'a> {
    rows: csv::Writer<Counted<'a>>,
    /// Where the last row ended.
    end: u64,
    shown: String,
    guarded: String,
}

/// Counts what passes.
struct Counted<'a> {
    out: &'a mut dyn io::Write,
    count: u64,
}

impl io::Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    /// What is behind decides when it is worth while.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> Sheet<'a> {
    fn new(out: &'a mut dyn io::Write) -> Self {
        Self {
            rows: csv::WriterBuilder::new()
                .terminator(csv::Terminator::CRLF)
                .from_writer(Counted { out, count: 0 }),
            end: 0,
            shown: String::new(),
            guarded: String::new(),
        }
    }

    fn cell(&mut self, text: &str) -> io::Result<()> {
        if is_harmless(text) {
            return Ok(self.rows.write_field(text)?);
        }
        disarm(text, &mut self.guarded);
        Ok(self.rows.write_field(&self.guarded)?)
    }

    fn show(&mut self, value: impl fmt::Display) -> io::Result<()> {
        let mut shown = std::mem::take(&mut self.shown);
        shown.clear();
        write!(shown, "{value}").expect("a string takes everything");
        let written = self.cell(&shown);
        self.shown = shown;
        written
    }

    fn optional(&mut self, value: Option<impl fmt::Display>) -> io::Result<()> {
        match value {
            Some(value) => self.show(value),
            None => self.cell(""),
        }
    }

    /// Ends a row, all of which is written now; its length in bytes.
    fn end_row(&mut self) -> io::Result<u64> {
        self.rows.write_record(None::<&[u8]>)?;
        self.rows.flush()?;
        let end = self.rows.get_ref().count;
        Ok(end - std::mem::replace(&mut self.end, end))
    }
}

/// Whether `text` stands in a cell as it is.
fn is_harmless(text: &str) -> bool {
    !is_formula(text) && !text.contains('\0')
}

/// Fills `cell` with `text` as a spreadsheet can be given it.
fn disarm(text: &str, cell: &mut String) {
    cell.clear();
    cell.extend(is_formula(text).then_some('\''));
    cell.extend(text.chars().filter(|&character| character != '\0'));
}

/// Whether a spreadsheet would run `text` as a formula: it begins, perhaps after characters that are not seen, with
/// `=`, `+`, `-` or `@` (full-width too), or with a tab or carriage return. A plain number such as `-5` is none.
fn is_formula(text: &str) -> bool {
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return false;
    }
    let seen = text.trim_start_matches(|c: char| c.is_whitespace() || is_unsafe(c));
    let is_steered = text.starts_with(['\t', '\r']);
    is_steered
        || (seen.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) && !is_number(text))
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, fraction]
        .iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Event, RunNumber};
    use crate::report::sample::{
        self, accepted, completed, event, intent, job_id, request, run, task,
    };

    fn csv_of(plan: &Plan, table: &JobTable) -> String {
        let mut bytes = Vec::new();
        write(plan, table, &last_selection(table), &mut bytes).expect("memory");
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// The cells of one job's row by column name.
    fn row(plan: &Plan, table: &JobTable, id: &str) -> impl Fn(&str) -> String + use<> {
        let text = csv_of(plan, table);
        let mut rows = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        let header = rows.headers().expect("a header").clone();
        let row = rows
            .records()
            .map(|row| row.expect("as wide as the header"))
            .find(|row| &row[0] == id)
            .expect("the job has a row");
        move |name| {
            let column = header.iter().position(|column| column == name);
            row[column.expect("a column")].to_owned()
        }
    }

    fn one_job(prompt: &str, records: &[crate::engine::table::Record]) -> (Plan, JobTable) {
        let plan = Plan::new(vec![sample::job("hero", prompt)], Vec::new());
        let table = sample::replayed(&plan, records);
        (plan, table)
    }

    #[test]
    fn every_status_has_its_row() {
        let (plan, table) = sample::every_status();
        insta::assert_snapshot!(
            csv_of(&plan, &table)
                .replace('\r', "␍")
                .replace('\u{feff}', "<BOM>")
        );
    }

    #[test]
    fn the_file_has_a_bom_crlf_and_the_documented_header() {
        let plan = Plan::new(vec![sample::job("hero", "a")], vec!["x_owner".into()]);
        let text = csv_of(&plan, &JobTable::new(Some(&plan)));
        let header = "\u{feff}id,status,task_id,video_url,file,error_class,error,attempts,model,mode,duration,\
                      aspect_ratio,prompt,submitted_at,finished_at,last_frame_url,cost_estimate,note,x_owner\r\n";
        let row = "hero,pending,,,,,,0,seedance2.0-720p,text,8,16:9,a,,,,,,\r\n";
        assert_eq!(text, format!("{header}{row}"));
    }

    #[test]
    fn the_same_plan_and_state_give_the_same_bytes() {
        let (plan, records) = sample::records();
        let once = csv_of(&plan, &sample::replayed(&plan, &records));
        assert_eq!(once, csv_of(&plan, &sample::replayed(&plan, &records)));
    }

    #[test]
    fn prompts_and_own_columns_survive_as_they_were_written() {
        let prompt = " two\r\nlines, \"quoted\"; naïve 雨 🎬 ";
        let job = crate::plan::Job::new(
            job_id("a"),
            request(prompt),
            crate::plan::UserValues::new((0..).zip(["x, y", "-5"].map(Into::into)).collect()),
        );
        let columns = ["x_title", "x_offset", "x_empty"]
            .map(str::to_owned)
            .to_vec();
        let plan = Plan::new(vec![job], columns);
        let cell = row(&plan, &JobTable::new(Some(&plan)), "a");
        assert_eq!(cell("prompt"), prompt);
        assert_eq!(
            (cell("x_title"), cell("x_offset")),
            ("x, y".into(), "-5".into())
        );
        assert_eq!(cell("x_empty"), "");
    }

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_disarmed() {
        for text in [
            "=1+1",
            "+1+1",
            "-1-1",
            "@SUM(A1)",
            "\t=1",
            "\rx",
            "\tx",
            "  =1",
            "\n=1",
            "＝1",
            "＋1",
            "－1",
            "＠x",
            "\u{a0}=1",
            "\u{feff}=1",
            "\u{200b}@x",
            "-",
            "+49 30 1234",
            "-2+3",
            "=",
            "-.5",
            "-5.",
            "- 5",
        ] {
            assert!(is_formula(text), "{text:?}");
        }
        for text in [
            "",
            "a=1",
            "'=1",
            "-5",
            "+5",
            "-0.25",
            "hero - wide",
            "1-2",
            "\nx",
            "…",
        ] {
            assert!(!is_formula(text), "{text:?}");
        }
        let job = crate::plan::Job::new(
            job_id("a"),
            request("=HYPERLINK(1)"),
            crate::plan::UserValues::new((0..).zip(["@x", "\u{0}=x"].map(Into::into)).collect()),
        );
        let plan = Plan::new(vec![job], vec!["x_a".into(), "x_b".into()]);
        let table = sample::replayed(
            &plan,
            &[
                run(1, &[]),
                event(1, "a", intent("=HYPERLINK(1)")),
                event(2, "a", accepted("=task")),
            ],
        );
        let cell = row(&plan, &table, "a");
        assert_eq!(cell("prompt"), "'=HYPERLINK(1)");
        assert_eq!(cell("task_id"), "'=task");
        assert_eq!((cell("x_a"), cell("x_b")), ("'@x".into(), "'=x".into()));
    }

    #[test]
    fn the_request_columns_show_what_was_sent() {
        let (plan, table) = one_job(
            "new words",
            &[
                run(1, &[]),
                event(1, "hero", intent("old words")),
                event(2, "hero", accepted("t")),
            ],
        );
        let cell = row(&plan, &table, "hero");
        assert_eq!(cell("prompt"), "old words");
        assert_eq!(cell("note"), "manifest changed after this was submitted");
    }

    #[test]
    fn a_changed_job_is_told_how_to_be_made_again_once_it_is_settled() {
        let done = [
            run(1, &[]),
            event(1, "hero", intent("old words")),
            event(2, "hero", accepted("t")),
            event(3, "hero", completed("https://x.example/v.mp4")),
        ];
        let (plan, table) = one_job("new words", &done);
        let cell = row(&plan, &table, "hero");
        assert_eq!(
            cell("note"),
            "manifest changed after this was submitted; `--rerun changed` makes it again"
        );
        assert_eq!(
            (cell("prompt"), cell("status")),
            ("old words".into(), "completed".into())
        );

        let reopened = [&done[..], &[event(4, "hero", Event::Reopened)]].concat();
        let (plan, table) = one_job("new words", &reopened);
        let cell = row(&plan, &table, "hero");
        assert_eq!(
            (cell("prompt"), cell("status")),
            ("new words".into(), "pending".into())
        );
        assert!(cell("note").starts_with("take 1 is completed: task t, "));
        for empty in ["task_id", "video_url", "submitted_at", "finished_at"] {
            assert_eq!(cell(empty), "", "{empty}");
        }
        assert_eq!(cell("attempts"), "0", "of the new take");
    }

    #[test]
    fn a_completed_take_is_named_until_a_later_one_is_completed() {
        let mut records = vec![
            run(1, &[]),
            event(1, "hero", intent("words")),
            event(2, "hero", accepted("=task\u{202e}_1")),
            event(3, "hero", completed("https://x.example/v.mp4")),
            event(4, "hero", Event::Reopened),
            event(5, "hero", intent("words")),
            event(6, "hero", accepted("task_2")),
        ];
        let shown = |records: &[crate::engine::table::Record]| {
            let (plan, table) = one_job("words", records);
            let cell = row(&plan, &table, "hero");
            ["status", "task_id", "video_url", "file", "note"]
                .map(cell)
                .join(" | ")
                .trim_end()
                .to_owned()
        };
        let mut lives = vec![shown(&records)];
        let message = sample::said("404");
        records.push(event(7, "hero", Event::NotDownloaded { message }));
        let message = sample::said("unknown");
        records.push(event(8, "hero", Event::Lost { message }));
        lives.push(shown(&records));
        records.push(event(9, "hero", sample::downloaded("videos/hero\u{7}.mp4")));
        records.push(event(10, "hero", Event::NotCreated));
        records.push(event(11, "hero", intent("words")));
        records.push(event(12, "hero", accepted("task_3")));
        lives.push(shown(&records));
        records.push(event(13, "hero", completed("https://x.example/w.mp4")));
        lives.push(shown(&records));
        insta::assert_snapshot!(lives.join("\n"), @r"
        running | task_2 |  |  | take 1 is completed: task =task_1, https://x.example/v.mp4 (it expires; `shotlist download` fetches the video)
        in_doubt | task_2 |  |  | the provider no longer knows this task: look there, then use `shotlist resolve`; take 1 is completed: task =task_1, https://x.example/v.mp4 (not downloaded: 404; `shotlist download` tries again)
        running | task_3 |  |  | take 1 is completed: task =task_1, videos/hero.mp4
        completed | task_3 | https://x.example/w.mp4 |  |
        ");
    }

    #[test]
    fn a_file_that_was_saved_once_and_is_gone_is_told_in_the_note() {
        let message = || sample::said("its file was saved and is gone");
        let mut records = vec![
            run(1, &[]),
            event(1, "hero", intent("words")),
            event(2, "hero", accepted("task_1")),
            event(3, "hero", completed("https://x.example/v.mp4")),
            event(4, "hero", Event::NotDownloaded { message: message() }),
        ];
        let shown = |records: &[crate::engine::table::Record]| {
            let (plan, table) = one_job("words", records);
            let cell = row(&plan, &table, "hero");
            ["file", "error", "note"].map(cell).join(" | ")
        };
        let mut lives = vec![shown(&records)];
        records.push(event(5, "hero", sample::downloaded("videos/hero.mp4")));
        records.push(event(
            6,
            "hero",
            Event::NotDownloaded { message: message() },
        ));
        lives.push(shown(&records));
        insta::assert_snapshot!(lives.join("\n"), @r"
         | its file was saved and is gone | not downloaded: `shotlist download` tries again, its URL expires
        videos/hero.mp4 |  | its file was saved and is gone
        ");
    }

    #[test]
    fn a_job_that_the_last_run_did_not_select_is_skipped_unless_it_was_submitted() {
        let plan = Plan::new(
            vec![sample::job("a", "a"), sample::job("b", "b")],
            Vec::new(),
        );
        let mut records = vec![
            run(1, &[]),
            event(1, "a", intent("a")),
            event(2, "a", accepted("t")),
            run(2, &["z*"]),
        ];
        let table = sample::replayed(&plan, &records);
        assert_eq!(row(&plan, &table, "a")("status"), "running");
        assert_eq!(row(&plan, &table, "b")("status"), "skipped");
        records.push(run(3, &[]));
        let table = sample::replayed(&plan, &records);
        assert_eq!(row(&plan, &table, "b")("status"), "pending");
    }

    #[test]
    fn an_adopted_task_runs_and_a_removed_job_has_no_row() {
        let (plan, mut records) = sample::records();
        records.push(event(
            99,
            "unclear",
            Event::Adopted {
                task_id: task("task_found"),
                run: RunNumber(1),
            },
        ));
        let table = sample::replayed(&plan, &records);
        let cell = row(&plan, &table, "unclear");
        assert_eq!(
            (cell("status"), cell("task_id"), cell("note")),
            ("running".into(), "task_found".into(), String::new())
        );
        assert!(!csv_of(&plan, &table).contains("cut-from-film"));
    }

    /// Takes what is written in pieces and remembers the largest.
    #[derive(Default)]
    struct Pieces {
        largest: usize,
        total: usize,
    }

    impl io::Write for Pieces {
        fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
            self.largest = self.largest.max(piece.len());
            self.total += piece.len();
            Ok(piece.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_long_file_leaves_in_small_pieces() {
        let jobs = (0..20_000)
            .map(|n| sample::job(&format!("job-{n}"), "=a prompt of some length"))
            .collect();
        let plan = Plan::new(jobs, Vec::new());
        let mut pieces = Pieces::default();
        write(
            &plan,
            &JobTable::new(Some(&plan)),
            &Selection::default(),
            &mut pieces,
        )
        .expect("taken");
        assert!(
            pieces.total > 1_000_000 && pieces.largest <= 64 * 1024,
            "{}",
            pieces.largest
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error() {
        let (plan, table) = sample::every_status();
        let mut full = [0_u8; 100];
        let error = write(&plan, &table, &Selection::default(), &mut &mut full[..]);
        assert!(error.is_err());
    }
}
