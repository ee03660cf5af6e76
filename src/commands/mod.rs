//! One verb a file: each puts manifest, state, engine and reports together for one command. Only `main` uses it.
//!
//! Start at [`execute`]. What several commands share (reading the manifest, finding the state) is in this file.

mod check;
mod completions;
mod desk;
mod download;
mod files;
mod finish;
mod gallery;
mod help;
mod init;
mod logbook;
mod man;
mod marks;
mod page;
mod plan;
mod remark;
mod report;
mod resolve;
mod results_file;
mod run;
mod schema;
mod signals;
mod similar;
mod simulate;
mod status;
mod turn;
mod verify;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use crate::cli::{Cli, Command, ReadingArgs};
use crate::clock::Clock;
use crate::engine::table::JobTable;
use crate::error::{Error, ExitCode};
use crate::fs::{self, FileError};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::manifest::{self, Colour, LoadOptions, Loaded, ManifestSettings, Outside, Sources};
use crate::output::Output;
use crate::plan::Plan;
use crate::report::json::{
    COMMANDS, DiagnosticLine, ErrorLine, Line, NO_COMMAND, SummaryLine, TableCell, WrittenLine,
};
use crate::report::notice::NoticeKind;
use crate::results;
use crate::state::lock::Lock;
use crate::state::{Claim, GALLERY_FILE, LOCK_FILE, RESULTS_FILE, STATE_FILE, StateError, Store};
use crate::text;

/// Largest manifest or table that is read, in bytes.
const MANIFEST_LIMIT: u64 = 1 << 30;

/// Looks up an environment variable.
pub fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Does what the command line says; the exit code of the program.
pub fn execute(cli: Cli, output: &mut Output) -> ExitCode {
    unless_it_panics(|| perform(cli, output))
}

/// Says what is wrong with the command line `arguments`, also as JSON lines if those were asked for; the exit code.
pub fn refuse(wrong: &clap::Error, arguments: &[OsString], output: &mut Output) -> ExitCode {
    let _ = wrong.print(); // a closed stream is no reason for another exit code
    if wrong.exit_code() == 0 {
        return ExitCode::Completed;
    }
    let is_option = |argument: &&OsString| argument.as_os_str() != "--";
    let mut options = arguments.iter().skip(1).take_while(is_option);
    if options.clone().any(|argument| argument == "--json") {
        let command = options.find_map(|argument| {
            let named = |name: &&&str| argument == **name;
            COMMANDS.iter().find(named).copied()
        });
        let text = wrong.render().to_string();
        let message = text.trim().trim_start_matches("error: ");
        let message = crate::text::clean(message.split("\n\n").next().unwrap_or_default(), 4000);
        output.data(
            &Line::Error(ErrorLine {
                message: &message,
                help: Some("`--help` shows what can be said"),
            })
            .to_json(),
        );
        let summary = SummaryLine::new(command.unwrap_or(NO_COMMAND), ExitCode::Usage);
        output.data(&Line::Summary(summary).to_json());
    }
    ExitCode::Usage
}

/// A panic is a bug in shotlist, and exits as one; what it says was told when it happened.
fn unless_it_panics(perform: impl FnOnce() -> ExitCode) -> ExitCode {
    panic::catch_unwind(AssertUnwindSafe(perform)).unwrap_or(ExitCode::Bug)
}

fn perform(cli: Cli, output: &mut Output) -> ExitCode {
    let json = json_command(&cli.command);
    output.speak_json(json.is_some());
    let done = match cli.command {
        Command::Check(options) => check::check(&options, output),
        Command::Plan(options) => plan::plan(&options, output),
        Command::Run(options) => run::run(&options, output),
        Command::Status(options) => status::status(&options, output),
        Command::Resolve(options) => resolve::resolve(&options, output),
        Command::Report(options) => report::report(&options, output),
        Command::Download(options) => download::download(&options, output),
        Command::Verify(options) => verify::verify(&options, output),
        Command::Init(options) => init::init(&options, output),
        Command::Schema(options) => Ok(schema::schema(&options, output)),
        Command::Simulate(options) => simulate::simulate(&options, output),
        Command::Completions(options) => Ok(completions::completions(&options, output)),
        Command::Man(options) => man::man(&options, output).map_err(Stop::from),
        Command::Help(options) => Ok(help::help(&options, output)),
    };
    done.unwrap_or_else(|stop| {
        stop.tell(json.is_some(), output);
        if let Some(command) = json {
            stop.sum_up(command, output);
        }
        output.deliver();
        stop.code()
    })
}

/// The name of a command that was asked for JSON lines.
fn json_command(command: &Command) -> Option<&'static str> {
    match command {
        Command::Check(options) => options.json.then_some("check"),
        Command::Plan(options) => options.json.then_some("plan"),
        Command::Run(options) => options.json.then_some("run"),
        Command::Status(options) => options.json.then_some("status"),
        Command::Resolve(options) => options.json.then_some("resolve"),
        Command::Report(options) => options.json.then_some("report"),
        Command::Download(options) => options.json.then_some("download"),
        Command::Verify(options) => options.json.then_some("verify"),
        Command::Init(options) => options.json.then_some("init"),
        Command::Simulate(options) => options.json.then_some("simulate"),
        Command::Schema(_) | Command::Completions(_) | Command::Man(_) | Command::Help(_) => None,
    }
}

/// Why a command cannot go on.
#[derive(Debug)]
enum Stop {
    /// The diagnostics have said it all; there are so many of each severity.
    Invalid(DiagnosticCounts),
    /// Something else, still to be told.
    Error(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl Stop {
    fn code(&self) -> ExitCode {
        match self {
            Self::Invalid(_) => ExitCode::Usage,
            Self::Error(error) => error.code(),
        }
    }

    /// Says it, also as a JSON line if those are wanted.
    fn tell(&self, json: bool, output: &mut Output) {
        let Self::Error(error) = self else { return };
        let message = with_causes(error);
        output.insist_wrapped(&format!("error: {message}"));
        if let Some(help) = error.remedy() {
            output.insist_wrapped(&format!("  help: {help}"));
        }
        if json {
            let line = ErrorLine {
                message: &message,
                help: error.remedy(),
            };
            output.data(&Line::Error(line).to_json());
        }
    }

    /// The last line of a command that ends with it.
    fn sum_up(&self, command: &'static str, output: &mut Output) {
        let summary = SummaryLine {
            diagnostics: match self {
                Self::Invalid(counts) => Some(counts.clone()),
                Self::Error(_) => None,
            },
            ..SummaryLine::new(command, self.code())
        };
        output.data(&Line::Summary(summary).to_json());
    }
}

/// The last line, if lines are wanted.
fn tell_summary(summary: &SummaryLine, output: &mut Output) {
    if output.speaks_json() {
        output.data(&Line::Summary(summary.clone()).to_json());
    }
}

/// The line about a file that was written at the user's word.
fn tell_written(file: &Path, output: &mut Output) {
    let file = file.display().to_string();
    output.data(&Line::Written(WrittenLine { file: &file }).to_json());
}

/// An error and its causes in one line, safe to show.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    crate::text::clean(&text, 4000)
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        let (message, source) = (error.to_string(), error.into_source());
        let shown = Self::new(ExitCode::State, message);
        match source {
            Some(source) => shown.because(source),
            None => shown,
        }
    }
}

/// A manifest that can be run.
struct Manifest {
    path: PathBuf,
    /// All files that it was read from.
    read: Vec<PathBuf>,
    plan: Plan,
    settings: ManifestSettings,
    diagnostics: DiagnosticCounts,
    /// Whether it is a copy of a table with errors in it.
    is_errors_csv: bool,
}

impl Manifest {
    /// Warns before a copy of a table, mended, begins a state of its own, in which nothing is made yet.
    fn warn_of_second_state(&self, out: Option<&Path>, stage: Stage, output: &mut Output) {
        let own = state_directory(&self.path, None, stage);
        if !self.is_errors_csv || stage != Stage::Real || out.is_some() || own.exists() {
            return;
        }
        let message = format!(
            "`{}` was written by `--errors-csv`, and a run of it begins with nothing made: if the table that it was made from has been run, save it back under that name, or name its state with `--out`; jobs that are made already would be paid for again",
            self.path.display()
        );
        remark::warn(NoticeKind::Manifest, None, &message, output);
    }
}

/// How many diagnostics of each severity there are.
type DiagnosticCounts = BTreeMap<&'static str, usize>;

/// How a manifest is read, and what ends the command.
#[derive(Debug, Clone)]
struct Reading {
    options: LoadOptions,
    /// Whether warnings end the command.
    deny_warnings: bool,
    json: bool,
}

impl Reading {
    /// As the command line says; warnings end nothing.
    fn new(arguments: &ReadingArgs, json: bool) -> Self {
        Self {
            options: LoadOptions {
                tables: arguments.tables(),
                outside: if arguments.allow_outside {
                    Outside::Allowed
                } else {
                    Outside::Refused { leaves: fs::leaves }
                },
                meant_table: Some(similar::meant_table),
                ..LoadOptions::default()
            },
            deny_warnings: false,
            json,
        }
    }

    fn deny_warnings(self, deny_warnings: bool) -> Self {
        Self {
            deny_warnings,
            ..self
        }
    }
}

/// Reads and validates the manifest and shows what was found; any error ends the command.
fn load_manifest(path: &Path, reading: &Reading, output: &mut Output) -> Result<Manifest, Stop> {
    let read = RefCell::new(Vec::new());
    let note = |path: &Path| {
        let mut read = read.borrow_mut();
        if !read.iter().any(|known| known == path) {
            read.push(path.to_owned());
        }
        path.to_owned()
    };
    let loaded = manifest::load_in_windows(
        path,
        &reading.options,
        &|path| read_file(&note(path)),
        &|path| open_table(&note(path)),
    );
    let (manifest, _) = accept(path, loaded, reading, output)?;
    Ok(Manifest {
        read: read.into_inner(),
        ..manifest
    })
}

/// Shows what was found in a manifest; any error ends the command. Gives the texts that the jobs were read from, too.
fn accept(
    path: &Path,
    loaded: Loaded,
    reading: &Reading,
    output: &mut Output,
) -> Result<(Manifest, Sources), Stop> {
    show_diagnostics(&loaded, reading, output);
    let diagnostics = count_diagnostics(&loaded);
    let is_errors_csv = loaded.is_errors_csv();
    let plan = match loaded.plan {
        Some(plan) if !loaded.diagnostics.has_errors() => plan,
        _ => return Err(Stop::Invalid(diagnostics)),
    };
    let warnings = loaded.diagnostics.count(Severity::Warning);
    if reading.deny_warnings && warnings > 0 {
        tell_denied(path, &loaded.diagnostics, output);
        return Err(Stop::Invalid(diagnostics));
    }
    let manifest = Manifest {
        path: path.to_owned(),
        read: vec![path.to_owned()],
        is_errors_csv,
        plan,
        settings: loaded.settings,
        diagnostics,
    };
    Ok((manifest, loaded.sources))
}

fn tell_denied(path: &Path, diagnostics: &Diagnostics, output: &mut Output) {
    let warnings = diagnostics.count(Severity::Warning);
    let them = if warnings == 1 {
        "1 warning".to_owned()
    } else {
        format!("{warnings} warnings")
    };
    let message = format!("`--deny-warnings` does not let {them} pass; nothing was sent");
    let is_warning = |found: &&Diagnostic| found.severity == Severity::Warning;
    let codes: BTreeSet<&str> = diagnostics
        .iter()
        .filter(is_warning)
        .map(|found| found.code)
        .collect();
    let allow = format!(
        "`allow: [{}]`",
        codes.into_iter().collect::<Vec<_>>().join(", ")
    );
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or("");
    let is_table = !["yaml", "yml", "json"].contains(&extension.to_lowercase().as_str());
    let place = if is_table {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        format!(
            ", which stands in a YAML manifest that names the table: `jobs: {{ from: {} }}`",
            text::clean(&name, 100)
        )
    } else {
        " at the top of the manifest".to_owned()
    };
    let help = format!("mend what they are about, or allow them by their codes: {allow}{place}");
    Stop::from(Error::new(ExitCode::Usage, message).help(help)).tell(output.speaks_json(), output);
}

/// Reads the manifest as far as it can be read.
fn read_manifest(path: &Path, options: &LoadOptions) -> Loaded {
    manifest::load_with(path, options, &read_file)
}

/// The same for a command that shows no place of a manifest without mistakes: it takes less memory.
fn read_manifest_in_windows(path: &Path, options: &LoadOptions) -> Loaded {
    manifest::load_in_windows(path, options, &read_file, &open_table)
}

fn open_table(path: &Path) -> io::Result<Box<dyn io::Read>> {
    let file = fs::open_file(path).map_err(|error| of_manifest(error, path))?;
    if file.metadata()?.len() > MANIFEST_LIMIT {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Box::new(file))
}

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    fs::read_file_capped(path, MANIFEST_LIMIT).map_err(|error| of_manifest(error, path))
}

fn of_manifest(error: FileError, path: &Path) -> io::Error {
    similar::with_similar(said_by_the_system(error), path)
}

/// Why a file cannot be read, without its name: the diagnostic names it.
fn said_by_the_system(error: FileError) -> io::Error {
    let message = match &error {
        FileError::NotReadable { .. } => "it is a directory, a pipe or a device".to_owned(),
        other => other.to_string(),
    };
    match error.into_source() {
        Some(source) => io::Error::new(source.kind(), source),
        None => io::Error::other(message),
    }
}

fn show_diagnostics(loaded: &Loaded, reading: &Reading, output: &mut Output) {
    for line in &loaded.detected {
        output.talk(&format!("note: {line}"));
    }
    let colour = if output.talks_in_color() {
        Colour::On
    } else {
        Colour::Off
    };
    // Warnings that end the command are its errors.
    let text = if output.is_quiet() && !reading.deny_warnings {
        loaded.render_errors(colour)
    } else {
        loaded.render(colour)
    };
    if !text.is_empty() {
        output.insist(text.trim_end());
    }
    if reading.json {
        output.data_lines(loaded.diagnostics.iter().map(|diagnostic| {
            let place = loaded.sources.place(&diagnostic.span);
            Line::Diagnostic(DiagnosticLine {
                severity: severity_word(diagnostic.severity),
                code: diagnostic.code,
                message: &diagnostic.message,
                file: place.file,
                line: place.line,
                column: place.column,
                cell: place.cell.as_ref().map(TableCell::from),
                help: &diagnostic.help,
            })
            .to_json()
        }));
        let unlisted = loaded.diagnostics.unlisted();
        if unlisted > 0
            && let Some(last) = loaded.diagnostics.iter().last()
        {
            let rest = DiagnosticLine {
                severity: "error",
                code: "too-many-mistakes",
                message: &format!("{unlisted} more mistakes are not listed"),
                file: loaded.sources.place(&last.span).file,
                line: 0,
                column: 0,
                cell: None,
                help: "mend those that are listed, and check again",
            };
            output.data(&Line::Diagnostic(rest).to_json());
        }
    }
}

fn count_diagnostics(loaded: &Loaded) -> DiagnosticCounts {
    let mut counts = DiagnosticCounts::new();
    for diagnostic in &loaded.diagnostics {
        *counts
            .entry(severity_word(diagnostic.severity))
            .or_default() += 1;
    }
    if loaded.allowed > 0 {
        counts.insert("allowed", loaded.allowed);
    }
    counts
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// Whose state a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Real,
    Rehearsal,
}

/// Where the state of `manifest` is: `--out`, or `<stem>.run` (`<stem>.rehearsal`) beside the manifest.
fn state_directory(manifest: &Path, out: Option<&Path>, stage: Stage) -> PathBuf {
    out.map_or_else(
        || {
            manifest.with_extension(match stage {
                Stage::Real => "run",
                Stage::Rehearsal => "rehearsal",
            })
        },
        Path::to_owned,
    )
}

/// The files of a state and of the manifest, which nobody else may write to.
fn files_of(manifest: &Manifest, out: Option<&Path>, stage: Stage) -> Vec<PathBuf> {
    let directory = state_directory(&manifest.path, out, stage);
    let names = [STATE_FILE, LOCK_FILE, RESULTS_FILE, GALLERY_FILE];
    let files = names.into_iter().map(|name| directory.join(name));
    files.chain(manifest.read.iter().cloned()).collect()
}

fn file_name(manifest: &Path) -> String {
    manifest
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Takes the lock, unless it is held already, and replays the state into a table of the plan's jobs; tells what is odd about the state.
fn open_state(
    manifest: &Manifest,
    out: Option<&Path>,
    stage: Stage,
    lock: Option<Lock>,
    clock: &Clock,
    output: &mut Output,
) -> Result<(Store, JobTable), Stop> {
    signals::survive_file_size_limit()?;
    let mut table = JobTable::new(Some(&manifest.plan));
    let options = Claim {
        manifest_name: &file_name(&manifest.path),
        rehearsal: stage == Stage::Rehearsal,
        named_by_user: out.is_some(),
        now: clock.now().wall,
    };
    let directory = state_directory(&manifest.path, out, stage);
    let store = match lock {
        Some(lock) => Store::open_locked(&directory, lock, options, &mut table)?,
        None => Store::open(&directory, options, &mut table)?,
    };
    for warning in store.warnings() {
        remark::warn(NoticeKind::State, None, &warning.to_string(), output);
    }
    for (path, mode) in [
        (directory.clone(), "700"),
        (directory.join(STATE_FILE), "600"),
    ] {
        if fs::is_writable_by_everyone(&path) {
            let message = format!(
                "everyone on this machine can change `{path}`, and what is sent depends on it; `chmod {mode} {path}` keeps it yours",
                path = path.display()
            );
            remark::warn(NoticeKind::State, None, &message, output);
        }
    }
    Ok((store, table))
}

/// Replays the state into `table` without a lock; whether there is one.
fn read_state(
    manifest: &Path,
    out: Option<&Path>,
    table: &mut JobTable,
    output: &mut Output,
) -> Result<bool, StateError> {
    let name = file_name(manifest);
    let directory = state_directory(manifest, out, Stage::Real);
    let name = out.is_none().then_some(name.as_str());
    let snapshot = Store::read(&directory, name, table)?;
    for warning in snapshot.iter().flat_map(|snapshot| &snapshot.warnings) {
        remark::warn(NoticeKind::State, None, &warning.to_string(), output);
    }
    Ok(snapshot.is_some())
}

/// Replaces results.csv by what plan and state say now.
fn write_results(path: &Path, plan: &Plan, table: &JobTable) -> Result<(), FileError> {
    let selection = results::last_selection(table);
    fs::replace_file(path, |out| results::write(plan, table, &selection, out))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_an_invalid_manifest_counts_its_diagnostics() {
        let directory = tempfile::tempdir().expect("a directory");
        let manifest = directory.path().join("shots.yaml");
        let two_errors_and_a_warning = "jobs: [{ promt: a, model: seedance }]";
        std::fs::write(&manifest, two_errors_and_a_warning).expect("written");
        let reading = Reading::new(&ReadingArgs::default(), true);
        let stop = load_manifest(&manifest, &reading, &mut silent()).err();
        let Some(Stop::Invalid(counts)) = stop else {
            panic!("{stop:?}")
        };
        assert_eq!(
            counts,
            DiagnosticCounts::from([("error", 2), ("warning", 1)])
        );
    }

    fn silent() -> Output {
        Output::to_writers(io::sink(), io::sink(), crate::output::Talk::Normal)
    }

    #[test]
    fn a_manifest_that_is_not_there_is_said_to_be_missing() {
        let directory = tempfile::tempdir().expect("a directory");
        let loaded = read_manifest(
            &directory.path().join("shots.yaml"),
            &LoadOptions::default(),
        );
        let text = loaded.render_compact();
        assert!(
            text.contains("shots.yaml`: No such file or directory"),
            "{text}"
        );
        assert!(text.contains("check the name and the directory"), "{text}");
        std::fs::create_dir(directory.path().join("shots.csv")).expect("writable");
        let loaded = read_manifest(&directory.path().join("shots.csv"), &LoadOptions::default());
        let text = loaded.render_compact();
        assert!(
            text.contains("shots.csv`: it is a directory, a pipe or a device"),
            "{text}"
        );
    }

    #[test]
    fn a_panic_has_the_exit_code_of_a_bug() {
        let code = unless_it_panics(|| panic!("this is what a bug looks like"));
        assert_eq!(code, ExitCode::Bug);
        let code = unless_it_panics(|| ExitCode::SomeFailed);
        assert_eq!(code, ExitCode::SomeFailed);
    }
}
