//! `--on-finish`: tells a URL or a command how a run ended, once everything else is written and the lock is given back.
//!
//! Start at [`Night`]. What comes of it is said and changes no exit code.

mod shell;

use std::path::PathBuf;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use tokio::runtime::Runtime;

use super::logbook::Logbook;
use super::signals;
use crate::cli::NightArgs;
use crate::error::{Error, ExitCode};
use crate::fetch::{host_of, post_json};
use crate::output::Output;
use crate::report::json::SummaryLine;
use crate::report::logbook::{Entry, Level};
use crate::runner::Signal;

/// Most bytes of a summary that is passed on.
const SUMMARY_LIMIT: usize = 64 * 1024;

/// For each POST.
const POST_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits before the second and the third POST.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

/// Who is told how a run ended.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// An http(s) address and its host.
    Address { address: String, host: String },
    /// A command for `/bin/sh`.
    Command(String),
}

impl Target {
    /// The target of `--on-finish`; an address that is none is not repeated, as it may hold a secret.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| {
            Error::new(ExitCode::Usage, format!("`--on-finish` {what}")).help(
                "write an address such as `https://example.com/hook`, or a command for `/bin/sh`; nothing was sent",
            )
        };
        let scheme = text.split("://").next().filter(|it| it.len() < text.len());
        let scheme = scheme.map(str::to_ascii_lowercase);
        match scheme.as_deref() {
            Some("http" | "https") => {
                let host = host_of(text).ok_or_else(|| wrong("names an address without a host"))?;
                let address = text.to_owned();
                Ok(Self::Address { address, host })
            }
            _ if text.trim().is_empty() => Err(wrong("is empty")),
            _ => Ok(Self::Command(text.to_owned())),
        }
    }
}

/// What is told.
pub(super) struct Ending {
    /// How the program ends.
    pub(super) code: ExitCode,
    /// The same with everything that is known.
    pub(super) summary: SummaryLine,
    /// The same in a line.
    pub(super) brief: String,
    /// Whether a signal has ended the run.
    pub(super) is_interrupted: bool,
}

/// What a run does for those who do not watch it.
pub(super) struct Night {
    /// Its log.
    pub(super) log: Logbook,
    target: Option<Target>,
}

impl Night {
    /// As the options say; `taken` files are not to be logs. An error is wrong usage.
    pub(super) fn begin(options: &NightArgs, taken: &[PathBuf]) -> Result<Self, Error> {
        let target = options.on_finish.as_deref().map(Target::parse);
        Ok(Self {
            target: target.transpose()?,
            log: Logbook::open(options, taken)?,
        })
    }

    /// The last things of a command: its log is ended, whoever reads along gets all of it, and the target is told. The
    /// exit code, which a signal may change until the target is told.
    pub(super) fn end(
        self,
        ending: &Ending,
        runtime: Runtime,
        mut signals: BoxStream<'static, Signal>,
        output: &mut Output,
    ) -> ExitCode {
        let Self { mut log, target } = self;
        let warning = log.note([Entry::of_end(ending.code, &ending.brief)]);
        warning.inspect(|warning| output.insist_wrapped(warning));
        let mut code = ending.code;
        if let Some(target) = &target {
            // Others come after whoever reads along, but do not wait for one who has stopped reading.
            let late = runtime.block_on(signals::deliver(output, true, &mut signals));
            code = late.map_or(code, signals::exit_code);
            let told = Told {
                code,
                run: ending.summary.run.as_deref().unwrap_or_default(),
                summary: ending.summary.to_json_within(SUMMARY_LIMIT),
            };
            let came = runtime.block_on(tell(target, &told, &mut signals));
            came.say(&mut log, output);
        }
        let delivered = signals::deliver(output, ending.is_interrupted, &mut signals);
        let late = runtime.block_on(delivered).filter(|_| target.is_none());
        runtime.shutdown_timeout(Duration::from_millis(200));
        late.map_or(code, signals::exit_code)
    }
}

/// What a target is told.
#[derive(Debug)]
struct Told<'a> {
    code: ExitCode,
    run: &'a str,
    summary: String,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Came {
    /// What the command has printed, line by line, safe to show.
    lines: Vec<String>,
    /// Why it failed.
    failure: Option<String>,
}

impl Came {
    fn failed(why: impl Into<String>) -> Self {
        Self {
            failure: Some(why.into()),
            ..Self::default()
        }
    }

    fn say(&self, log: &mut Logbook, output: &mut Output) {
        for line in &self.lines {
            let line = format!("on-finish: {line}");
            match self.failure {
                Some(_) => output.insist(&line),
                None => output.talk(&line),
            }
        }
        let entry = match &self.failure {
            None => Entry::of_run(Level::Info, "on_finish", "`--on-finish` is told"),
            Some(why) => {
                let text = format!("`--on-finish` failed: {why}");
                output.insist_wrapped(&format!("warning: {text}; the exit code stays as it is"));
                Entry::of_run(Level::Warn, "on_finish", text)
            }
        };
        let warning = log.note([entry]);
        warning.inspect(|warning| output.insist_wrapped(warning));
    }
}

/// Tells the target; a signal ends the waiting.
async fn tell(target: &Target, told: &Told<'_>, signals: &mut BoxStream<'static, Signal>) -> Came {
    match target {
        Target::Command(command) => shell::run(command, told, signals).await,
        Target::Address { address, host } => {
            let failure = tokio::select! {
                biased;
                Some(_) = signals.next() => Some("it was interrupted".to_owned()),
                posted = post(address, told) => posted.err(),
            };
            match failure {
                Some(why) => Came::failed(format!("`{host}`: {why}")),
                None => Came::default(),
            }
        }
    }
}

/// Posts the summary, again if that may help.
async fn post(address: &str, told: &Told<'_>) -> Result<(), String> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let posted = post_json(address, told.summary.clone(), POST_TIMEOUT).await;
        let (why, may_help) = match posted {
            Ok(200..=299) => return Ok(()),
            Ok(status @ 300..=399) => (
                format!("it redirects ({status}), which is not followed"),
                false,
            ),
            Ok(status @ (408 | 429 | 500..)) => (format!("it answered {status}"), true),
            Ok(status) => (format!("it answered {status}"), false),
            Err(error) => (error.to_string(), true),
        };
        match pauses.next().filter(|_| may_help) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_an_address_is_one_and_all_else_is_a_command() {
        let host = |text: &str| match Target::parse(text) {
            Ok(Target::Address { host, .. }) => Some(host),
            _ => None,
        };
        assert_eq!(
            host("https://a.example/x?key=s"),
            Some("a.example".to_owned())
        );
        assert_eq!(host("HTTP://127.0.0.1:1/"), Some("127.0.0.1".to_owned()));
        for command in [
            "mail -s done me",
            "curl https://a.example",
            "ftp://a/b",
            "./x",
        ] {
            let target = Target::parse(command).ok();
            assert!(
                target == Some(Target::Command(command.to_owned())),
                "{command}"
            );
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_and_not_repeated() {
        for wrong in ["https://", "http://:80/secret", "https://secret host/", " "] {
            let Err(error) = Target::parse(wrong) else {
                panic!("{wrong}");
            };
            assert_eq!(error.code(), ExitCode::Usage);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
