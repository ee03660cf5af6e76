//! The lines of `--log-file`: one for each event, as text or as JSON.
//!
//! Start at [`Entry`]. There is no prompt, no key and no address of a video in them; what the provider said is clean and
//! bounded. Where they are kept is not known here.

use std::fmt::Write as _;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use super::json::OneOf;
use super::notice::{NoticeKind, said};
use crate::engine::event::{Event, EventKind, Notice, StopReason};
use crate::engine::job::Status;
use crate::error::ExitCode;
use crate::plan::{JobId, words};
use crate::text::{CleanText, clean};

/// Version of the lines in JSON.
const SCHEMA: u32 = 1;

/// Most characters of the words of a line.
const WORDS: usize = 1000;

words! {
    /// How much a line matters.
    Level {
        /// What goes as it should.
        Info = "info",
        /// What a person may want to look at.
        Warn = "warn",
        /// What failed, or needs a person.
        Error = "error",
    }
}

words! {
    /// What happens to a run as a whole.
    RunEvent {
        /// It has begun.
        Begun = "begun",
        /// It has ended.
        Summary = "summary",
        /// Lines could not be written.
        LinesMissing = "lines_missing",
    }
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// `TIME RUN LEVEL WORDS`
    #[default]
    Text,
    /// An object a line.
    Json,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How much it matters.
    pub level: Level,
    /// What kind of event it is, for programs.
    pub event: &'static str,
    /// The job it is about.
    pub job: Option<JobId>,
    /// Where the job stands with it.
    pub status: Option<Status>,
    /// The task that it is about, as it is shown.
    pub task_id: Option<String>,
    /// What happened, for people.
    pub message: String,
}

impl Entry {
    /// Something about no job.
    pub fn of_run(level: Level, event: &'static str, message: impl Into<String>) -> Self {
        Self {
            level,
            event,
            job: None,
            status: None,
            task_id: None,
            message: message.into(),
        }
    }

    /// A fact about a job, without its `prompts` where the provider repeats one.
    pub fn of_job(id: &JobId, event: &Event, prompts: &[&str]) -> Self {
        let (level, status, words) = words_of(event);
        let words = without(prompts, words);
        let task_id = match event {
            Event::Accepted { task_id, .. } | Event::Adopted { task_id, .. } => {
                Some(task_id.to_string())
            }
            _ => None,
        };
        Self {
            level,
            event: event.name(),
            job: Some(id.clone()),
            status: Some(status),
            task_id,
            message: format!("job `{id}` {words}"),
        }
    }

    /// A notice, whose words are those that people read, without the `prompts` of its job.
    pub fn of_notice(notice: &Notice, job: Option<&JobId>, text: String, prompts: &[&str]) -> Self {
        let level = match notice {
            Notice::Illegal { .. } => Level::Error,
            Notice::SubmitsStopped(StopReason::Interrupted) | Notice::Paused { .. } => Level::Info,
            _ => Level::Warn,
        };
        Self {
            job: job.cloned(),
            ..Self::of_run(
                level,
                NoticeKind::of(notice).as_str(),
                without(prompts, text),
            )
        }
    }

    /// The end of a command.
    pub fn of_end(code: ExitCode, brief: &str) -> Self {
        let level = match code {
            ExitCode::Completed => Level::Info,
            ExitCode::SomeFailed
            | ExitCode::Unfinished
            | ExitCode::Interrupted
            | ExitCode::Terminated => Level::Warn,
            _ => Level::Error,
        };
        let (number, name) = (code as u8, code.name());
        Self::of_run(
            level,
            RunEvent::Summary.as_str(),
            format!("{brief}; exit code {number} ({name})"),
        )
    }

    /// The line, with its line break.
    pub fn line(&self, at: Timestamp, run: &str, format: LogFormat) -> String {
        let message = clean(&self.message, WORDS);
        let at = format!("{at:.3}");
        let mut line = match format {
            LogFormat::Text => format!("{at} {run} {:5} {message}", self.level.as_str()),
            LogFormat::Json => {
                let line = LogLine {
                    schema: SCHEMA,
                    at: &at,
                    run,
                    level: self.level.as_str(),
                    event: self.event,
                    job: self.job.as_ref().map(JobId::as_str),
                    status: self.status.map(Status::as_str),
                    task_id: self.task_id.as_deref(),
                    message: &message,
                };
                serde_json::to_string(&line).expect("text and numbers always fit into JSON")
            }
        };
        line.push('\n');
        line
    }
}

/// A line of `--log-format json`; its documentation is what `shotlist schema log` says of it.
#[derive(Serialize, JsonSchema)]
pub(super) struct LogLine<'a> {
    /// Version of the lines.
    #[schemars(extend("const" = SCHEMA))]
    schema: u32,
    /// When it was written, in UTC.
    #[schemars(extend("format" = "date-time"))]
    at: &'a str,
    /// What the run is called, as in its summary; `-` before it has begun.
    run: &'a str,
    /// How much it matters.
    #[schemars(with = "OneOf<Level>")]
    level: &'static str,
    /// What kind of event it is.
    #[schemars(schema_with = "events")]
    event: &'static str,
    /// The job it is about.
    job: Option<&'a str>,
    /// Where the job stands with it.
    #[schemars(with = "Option<OneOf<Status>>")]
    status: Option<&'static str>,
    /// The task that the job has with it.
    task_id: Option<&'a str>,
    /// What happened, for people, without control characters and in at most 1000 characters.
    message: &'a str,
}

/// Everything that `event` can be.
fn events(_: &mut SchemaGenerator) -> Schema {
    let of_run = RunEvent::ALL.iter().map(|it| it.as_str());
    let of_jobs = EventKind::ALL.iter().map(|it| it.as_str());
    let logged = NoticeKind::ALL.iter().filter(|it| it.is_logged());
    let notices = logged.map(|it| it.as_str());
    let mut names: Vec<_> = of_run.chain(of_jobs).collect();
    names.extend(notices.filter(|name| *name != EventKind::NotDownloaded.as_str()));
    json_schema!({ "type": "string", "enum": names })
}

/// Words of the provider, in which it may repeat what it was sent.
fn without(prompts: &[&str], words: String) -> String {
    let prompts = prompts.iter().map(|prompt| prompt.trim());
    prompts
        .filter(|prompt| !prompt.is_empty())
        .fold(words, |words, prompt| {
            words.replace(CleanText::new(prompt).as_str(), "…")
        })
}

/// What an event says of its job, after the job's name.
fn words_of(event: &Event) -> (Level, Status, String) {
    use Level::{Error, Info, Warn};
    let (level, status, fact, message) = match event {
        Event::Intent { .. } => (Info, Status::Submitting, "is submitted", None),
        Event::Accepted { task_id, .. } => {
            let fact = format!("runs as task `{task_id}`");
            return (Info, Status::Running, fact);
        }
        Event::Adopted { task_id, .. } => {
            let fact = format!("was found to run as task `{task_id}`");
            return (Info, Status::Running, fact);
        }
        Event::Returned { class, message } => {
            let fact = format!("is pending again: {}{}", class.as_str(), said(message));
            return (Warn, Status::Pending, fact);
        }
        Event::Rejected { class, message } | Event::Failed { class, message } => {
            let fact = format!("failed: {}{}", class.as_str(), said(message));
            return (Error, Status::Failed, fact);
        }
        Event::Doubted { message } => (Error, Status::InDoubt, "is in doubt", Some(message)),
        Event::Completed { .. } => (Info, Status::Completed, "is completed", None),
        Event::NoUrl => (Error, Status::Failed, "failed: no_url", None),
        Event::Lost { message } => {
            let fact = "is in doubt: the provider no longer knows its task";
            (Error, Status::InDoubt, fact, Some(message))
        }
        Event::TimedOut => {
            let fact = "still runs after `--job-timeout`, and gives up its place";
            (Warn, Status::Running, fact, None)
        }
        Event::NotCreated => (Info, Status::Pending, "was not created", None),
        Event::Reopened => (Info, Status::Pending, "is made again", None),
        Event::Downloaded { video, .. } => {
            let file = clean(video.file.as_str(), 300);
            let fact = format!("is downloaded: `{file}`, {} bytes", video.bytes);
            return (Info, Status::Completed, fact);
        }
        Event::Renewed { .. } => (Info, Status::Completed, "has a fresh URL", None),
        Event::NotDownloaded { message } => {
            let fact = "is completed and not downloaded";
            (Warn, Status::Completed, fact, Some(message))
        }
    };
    let mut words = fact.to_owned();
    if let Some(message) = message {
        let _ = write!(words, "{}", said(message));
    }
    (level, status, words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::FailureClass;
    use crate::report::sample;

    fn lines(event: &Event, prompt: &str) -> [String; 2] {
        let entry = Entry::of_job(&sample::job_id("hero"), event, &["A blue boat.", prompt]);
        let line = |format| entry.line(sample::second(1), "3f9a1c-4", format);
        [line(LogFormat::Text), line(LogFormat::Json)]
    }

    #[test]
    fn a_line_has_time_run_level_and_words() {
        insta::assert_snapshot!(lines(&sample::accepted("task_1"), "x").concat());
    }

    #[test]
    fn a_prompt_that_the_provider_repeats_is_left_out_and_nothing_steers_a_terminal() {
        let event = Event::Failed {
            class: FailureClass::Moderation,
            message: sample::said("refused: `A red kite.` \u{1b}[31m\nnext"),
        };
        for line in lines(&event, " A red kite. ") {
            assert!(!line.contains("red kite"), "{line}");
            assert!(line.contains("refused: `…`"), "{line}");
            assert!(
                !line.contains('\u{1b}') && line.lines().count() == 1,
                "{line}"
            );
        }
    }

    #[test]
    fn the_words_are_bounded() {
        let entry = Entry::of_run(Level::Warn, "x", "y".repeat(5000));
        let line = entry.line(sample::second(1), "3f9a1c-4", LogFormat::Text);
        assert!(line.len() < 1100, "{}", line.len());
    }
}
