//! `shotlist run`: submits what is left, waits for it, writes results.csv.
//!
//! [`run`] reads as a table of contents; nothing leaves before everything in it up to the loop has succeeded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::BoxStream;
use secrecy::SecretString;
use tokio::runtime::Runtime;

use super::desk::{Closed, Desk, Telling};
use super::files::{self, Files};
use super::finish::{Ending, Night};
use super::turn::{Turn, Wanted};
use super::{
    Manifest, Reading, Stage, Stop, environment, files_of, gallery, load_manifest, marks,
    open_state, remark, signals,
};
use crate::api::http::{ApiSettings, HttpApi, Timers, key_fingerprint};
use crate::cli::{ReadingArgs, RunArgs};
use crate::clock::{self, Clock};
use crate::engine::budget::Budget;
use crate::engine::downloads::Downloads;
use crate::engine::event::{Now, Origin, RunStart};
use crate::engine::limits::Limits;
use crate::engine::selection::Selection;
use crate::engine::table::{JobTable, Record};
use crate::engine::{Engine, Setup};
use crate::error::{Error, ExitCode};
use crate::fs::{self, FileError, JournalFile, Reach};
use crate::marks::Mark;
use crate::output::Output;
use crate::plan::Plan;
use crate::report::hint::{self, InEffect, Signs};
use crate::report::notice::NoticeKind;
use crate::report::outcome::{RunFact, Tally};
use crate::report::status;
use crate::report::summary::{Invocation, Stage as SummaryStage, Summary};
use crate::report::waits::Waits;
use crate::runner::{self, CommitError, Ended, Journal, Signal};
use crate::settings::{self, CREATE_PATH, Destination, POLL_PATH, RunSettings, Scope, Sources};
use crate::simulator::{self, Simulator, SimulatorSettings};
use crate::state::{StateError, Store, journal};
use crate::units::show_duration;

/// Largest key file that is read, in bytes.
const KEY_FILE_LIMIT: u64 = 64 * 1024;

/// Most jobs whose rows are shown after a run.
const ROWS_SHOWN: u32 = 40;

pub(super) fn run(options: &RunArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let mut clock = Clock::start();
    output.detach();
    let reading = Reading::new(&options.reading, options.json).deny_warnings(options.deny_warnings);
    let mut prepared = Prepared::read(options, &reading, output)?;
    let key = api_key(options, output)?;
    let mut night = Night::begin(&options.night, &taken(options, &prepared.manifest))?;
    let mut turn = Turn::wait(
        wanted(options),
        options.wait.wait_lock,
        &mut night.log,
        output,
    )?;
    if turn.waited.is_some() {
        prepared = Prepared::read(options, &reading, output)?;
        clock = Clock::start(); // deadlines and durations are about the run itself
    }
    let Wanted { out, stage, .. } = wanted(options);
    let manifest = &prepared.manifest;
    manifest.warn_of_second_state(out, stage, output);
    let lock = turn.lock.take();
    let (store, table) = open_state(manifest, out, stage, lock, &clock, output)?;
    ensure_share(&prepared.settings.scope, &table, output)?;
    let opened = Opened {
        prepared,
        key,
        night,
        signals: turn.signals,
        store,
        table,
        clock,
    };
    opened.run(options, output)
}

/// A run whose state is open.
struct Opened {
    prepared: Prepared,
    key: Option<SecretString>,
    night: Night,
    /// Signals since it waited for another run, if it did.
    signals: Option<BoxStream<'static, Signal>>,
    store: Store,
    table: JobTable,
    clock: Clock,
}

impl Opened {
    fn run(self, options: &RunArgs, output: &mut Output) -> Result<ExitCode, Stop> {
        let Self {
            prepared:
                Prepared {
                    manifest,
                    mut settings,
                    marks,
                },
            key,
            mut night,
            signals,
            mut store,
            table,
            clock,
        } = self;
        let stage = wanted(options).stage;
        let runtime = signals::runtime()?;
        let provider = Provider::find(&settings, key, &runtime)?;
        let base_url = Some(provider.origin.base_url.as_str());
        let plan = &manifest.plan;
        let files = |downloads| Files::new(downloads, plan, &store, base_url, &runtime, &clock);
        let files = settings.downloads.as_ref().map(files).transpose()?;
        let judgement = marks::judged(&marks, &table, &settings.scope.selection, output)?;
        settings.scope.rerun.marked = judgement.redo;
        let setup = Setup {
            budget: draw_up(&settings.scope, &manifest.plan, &table)?,
            ..setup(&settings, &provider, &table, store.directory())
        };
        let selection = setup.selection.clone();
        let (engine, first) = Engine::resume(table, setup, clock.now());
        if engine.has_work() && provider.key.is_none() {
            return Err(settings::missing_api_key().into());
        }
        let api = HttpApi::new(provider.api_settings(&settings))
            .map_err(|error| Error::new(error.exit_code(), error.to_string()))?;

        let results = store.results_path();
        let run = store.run_id(engine.run());
        night.log.begin(&run);
        let telling = Telling {
            json: options.json,
            run: &run,
            log: &mut night.log,
            traffic: files.as_ref().map(Files::traffic).unwrap_or_default(),
            clock: &clock,
        };
        let mut desk = Desk::new(
            &manifest.plan,
            &engine,
            selection.clone(),
            results.clone(),
            telling,
            output,
        );
        let mut signals = signals::listen_in(&runtime, signals)?;
        let mut ended = runtime.block_on(async {
            let stage = runner::Stage {
                plan: &manifest.plan,
                api: &api,
                files: files.as_ref().map(|files| files as &dyn runner::Files),
                journal: &mut store,
                reporter: &mut desk,
                clock: &clock,
                signals: &mut signals,
            };
            runner::run(engine, first, stage).await
        });
        let mut closed = desk.close(&ended.engine);
        let place = gallery::Place {
            directory: store.directory(),
            stage,
            options: options.gallery,
        };
        let table = ended.engine.table();
        let gallery = gallery::add(&mut closed, &manifest, table, &selection, place, output);
        ended.signal = ended.signal.or_else(|| signals::pending(&mut signals));
        drop(store); // nobody who reads slowly shall keep the next run out
        let facts = facts(&ended, &closed);
        tell_unwritten(
            closed.results_error,
            ended.state_error,
            options.json,
            output,
        );
        let over = Over {
            run: &run,
            engine: &ended.engine,
            selection: &selection,
            facts: &facts,
            waits: &closed.waits,
            stage,
            settings: &settings,
            results: &results,
            gallery: gallery.as_deref(),
            now: clock.now(),
            is_interrupted: ended.signal.is_some(),
        };
        let ending = sum_up(&over, options, output);
        Ok(night.end(&ending, runtime, signals, output))
    }
}

/// What is read before a run, and again if it has waited for another one.
struct Prepared {
    manifest: Manifest,
    settings: RunSettings,
    marks: Vec<Mark>,
}

impl Prepared {
    fn read(options: &RunArgs, reading: &Reading, output: &mut Output) -> Result<Self, Stop> {
        let manifest = load_manifest(&options.manifest, reading, output)?;
        let settings = resolve_settings(options, &manifest)?;
        settings.scope.ensure_selected(&manifest.plan)?;
        let out = options.out.out.as_deref();
        let marks = marks::read(&options.scope, out, &manifest, reading, output)?;
        Ok(Self {
            manifest,
            settings,
            marks,
        })
    }
}

/// Files that a log would ruin.
fn taken(options: &RunArgs, manifest: &Manifest) -> Vec<PathBuf> {
    let Wanted { out, stage, .. } = wanted(options);
    let mut taken = files_of(manifest, out, stage);
    taken.extend(options.api.key.api_key_file.clone());
    taken.extend(options.scope.marks.clone());
    taken
}

/// The state of the run.
fn wanted(options: &RunArgs) -> Wanted<'_> {
    Wanted {
        manifest: &options.manifest,
        out: options.out.out.as_deref(),
        stage: if options.rehearse {
            Stage::Rehearsal
        } else {
            Stage::Real
        },
    }
}

/// A run that is over.
struct Over<'a> {
    run: &'a str,
    engine: &'a Engine,
    selection: &'a Selection,
    facts: &'a [RunFact],
    waits: &'a Waits,
    stage: Stage,
    settings: &'a RunSettings,
    results: &'a Path,
    gallery: Option<&'a Path>,
    now: Now,
    is_interrupted: bool,
}

/// Tells what came of it.
fn sum_up(over: &Over<'_>, options: &RunArgs, output: &mut Output) -> Ending {
    let (engine, selection, now) = (over.engine, over.selection, over.now);
    let table = engine.table();
    let tally = Tally::of(table, selection);
    let downloads = files::tally(engine);
    let missing_files: Vec<_> =
        downloads.map_or_else(Vec::new, |_| engine.missing_files().collect());
    let silences: Vec<_> = engine
        .silences()
        .filter(|(job, _)| table.planned().contains(job) && selection.selects(table.id(*job)))
        .collect();
    let signs = Signs {
        table,
        selection,
        tally: &tally,
        waits: over.waits,
        downloads: downloads.is_some(),
        silences: &silences,
        limits: in_effect(over.settings),
        elapsed: now.mono,
        now: now.wall,
    };
    let hints = match over.stage {
        Stage::Real => hint::hints(&signs),
        Stage::Rehearsal => Vec::new(), // it was the simulated provider's doing
    };
    let gallery = over.gallery.map(|path| path.display().to_string());
    let summary = Summary {
        run: over.run,
        table,
        selection,
        tally: &tally,
        facts: over.facts,
        stop: engine.stops().first(),
        budget: engine.budget(),
        invocation: &invocation(options, over.stage),
        results: Some(&over.results.display().to_string()),
        gallery: gallery.as_deref(),
        hints: &hints,
        elapsed: now.mono,
        downloads,
        silences: &silences,
        missing_files: &missing_files,
    };
    show(&summary, options, output);
    Ending {
        code: summary.exit_code(),
        summary: summary.line(),
        brief: summary.headline(),
        is_interrupted: over.is_interrupted,
    }
}

/// Says which files could not be written.
pub(super) fn tell_unwritten(
    results_error: Option<FileError>,
    state_error: Option<StateError>,
    json: bool,
    output: &mut Output,
) {
    let stops = [results_error.map(Stop::from), state_error.map(Stop::from)];
    for stop in stops.into_iter().flatten() {
        stop.tell(json, output);
    }
}

fn show(summary: &Summary<'_>, options: &RunArgs, output: &mut Output) {
    let is_small = summary.table.planned().end <= ROWS_SHOWN;
    let has_reader = options.rehearse || output.data_width().is_some();
    if options.json {
        output.insist_wrapped(&summary.text()); // the line comes last, after every warning
        return;
    }
    if is_small && has_reader && !output.is_quiet() {
        let width = output.data_width();
        output.data_lines(status::rows(summary.table, summary.selection, width));
    }
    output.insist_wrapped(&summary.text());
}

fn resolve_settings(options: &RunArgs, manifest: &Manifest) -> Result<RunSettings, Error> {
    let sources = Sources {
        environment: &environment,
        manifest: &manifest.settings,
        now: &clock::local(),
    };
    RunSettings::resolve(options, sources)
}

fn api_key(options: &RunArgs, output: &mut Output) -> Result<Option<SecretString>, Error> {
    if options.rehearse {
        return Ok(Some(SecretString::from("rehearsal")));
    }
    let file = options.api.key.api_key_file.as_deref();
    if let Some(file) = file {
        note_key_file(file, output);
    }
    settings::api_key(file, &environment, &read_key_file)
}

/// Says what a person should know before the key is read.
pub(super) fn note_key_file(file: &Path, output: &mut Output) {
    match fs::reach(file) {
        Some(Reach::Pipe) => {
            let message = format!("waiting for the API key from the pipe `{}`", file.display());
            remark::note(NoticeKind::KeyFile, None, &message, output);
        }
        Some(Reach::Everyone) => {
            let message = format!(
                "everyone on this machine can read the API key in `{file}`; `chmod 600 {file}` keeps it yours",
                file = file.display()
            );
            remark::warn(NoticeKind::KeyFile, None, &message, output);
        }
        Some(Reach::Owner) | None => {}
    }
}

pub(super) fn read_key_file(path: &Path) -> std::io::Result<Vec<u8>> {
    fs::read_capped(path, KEY_FILE_LIMIT).map_err(super::said_by_the_system)
}

/// Who is talked to.
struct Provider {
    origin: Origin,
    key: Option<SecretString>,
    /// Lives as long as the run.
    _simulator: Option<Simulator>,
}

impl Provider {
    /// The API of the settings, or a simulated one, which is started.
    fn find(
        settings: &RunSettings,
        key: Option<SecretString>,
        runtime: &Runtime,
    ) -> Result<Self, Error> {
        let (base_url, create_path, poll_path, simulator) = match &settings.destination {
            Destination::Api(address) => (
                address.base_url.to_string(),
                address.create_path.clone(),
                address.poll_path.clone(),
                None,
            ),
            Destination::Rehearsal => {
                let simulator = runtime
                    .block_on(simulator::start(SimulatorSettings::rehearsal()))
                    .map_err(|source| {
                        Error::new(
                            ExitCode::State,
                            "failed to start the simulated provider on this machine",
                        )
                        .because(source)
                    })?;
                (
                    simulator.base_url(),
                    CREATE_PATH.to_owned(),
                    POLL_PATH.to_owned(),
                    Some(simulator),
                )
            }
        };
        let fingerprint = key.as_ref().map(key_fingerprint).unwrap_or_default();
        let origin = Origin {
            base_url,
            create_path,
            poll_path,
            key: fingerprint,
        };
        Ok(Self {
            origin,
            key,
            _simulator: simulator,
        })
    }

    fn api_settings(&self, settings: &RunSettings) -> ApiSettings {
        ApiSettings {
            origin: self.origin.clone(),
            key: self.key.clone(),
            timers: Timers::around(settings.submit_timeout),
            wall_clock: clock::wall,
        }
    }
}

/// What the run sets out to do; recorded files are looked for from `beside`.
fn setup(settings: &RunSettings, provider: &Provider, table: &JobTable, beside: &Path) -> Setup {
    Setup {
        start: RunStart {
            run: table.next_run(),
            origin: provider.origin.clone(),
            select: settings.scope.select.clone(),
            partition: settings.scope.partition,
        },
        selection: settings.scope.selection.clone(),
        limits: Limits {
            concurrency: settings.concurrency,
            submit_interval: settings.submit_rate.interval(),
            poll_interval: settings.poll_rate.interval(),
            poll_first: settings.poll_first,
            poll_every: settings.poll_every,
            job_timeout: settings.job_timeout,
            deadline: settings.deadline,
            max_jobs: settings.scope.max_jobs,
        },
        rerun: settings.scope.rerun.clone(),
        budget: None,
        downloads: settings
            .downloads
            .as_ref()
            .map_or(Downloads::None, |downloads| {
                let renewal = files::renewal(provider.key.as_ref());
                Downloads::Along(files::terms(downloads, renewal, table, beside))
            }),
    }
}

/// Refuses what would submit jobs that another machine may have made, as far as this state can tell.
fn ensure_share(scope: &Scope, table: &JobTable, output: &mut Output) -> Result<(), Error> {
    scope.ensure_same_partition(table)?;
    let message = if scope.begins_to_share(table) {
        "this state has submitted jobs without `--partition`: begin the states of the other partitions as copies of it, or they make those jobs again"
    } else if scope.is_first_of_share(table) {
        "nothing is made yet in this state: that is right if every machine began with this number of partitions; where there were fewer or more before, jobs that are made already would be paid for again"
    } else {
        return Ok(());
    };
    remark::warn(NoticeKind::State, None, message, output);
    Ok(())
}

/// The budget of a run with `--max-spend`.
fn draw_up(scope: &Scope, plan: &Plan, table: &JobTable) -> Result<Option<Budget>, Error> {
    scope
        .budget(plan, table)
        .map_err(|error| Error::new(ExitCode::Usage, error.to_string()).help(error.help()))
}

/// The limits that hints are about.
fn in_effect(settings: &RunSettings) -> InEffect {
    InEffect {
        concurrency: settings.concurrency.get(),
        submit_interval: settings.submit_rate.interval(),
        submit_timeout: settings.submit_timeout,
        job_timeout: settings.job_timeout,
    }
}

impl Journal for Store {
    type Error = StateError;

    fn commit(&mut self, records: &[Record]) -> Result<(), CommitError<StateError>> {
        Store::commit(self, records).map_err(commit_error)
    }
}

impl<F: JournalFile> Journal for journal::Journal<F> {
    type Error = StateError;

    fn commit(&mut self, records: &[Record]) -> Result<(), CommitError<StateError>> {
        journal::Journal::commit(self, records).map_err(commit_error)
    }
}

fn commit_error(error: StateError) -> CommitError<StateError> {
    match error {
        StateError::Full { .. } | StateError::TooLong { .. } => CommitError::IntentsRefused(error),
        _ => CommitError::Broken(error),
    }
}

/// What the exit code hangs on besides the jobs.
pub(super) fn facts(ended: &Ended<StateError>, closed: &Closed) -> Vec<RunFact> {
    let signal = ended.signal.map(|signal| match signal {
        Signal::Interrupt => RunFact::Interrupted,
        Signal::Terminate => RunFact::Terminated,
    });
    let unwritten = ended.state_error.is_some() || closed.results_error.is_some();
    let mut facts = closed.facts.clone();
    facts.extend(signal);
    facts.extend(unwritten.then_some(RunFact::StateFailed));
    facts.extend(files::fact(files::tally(&ended.engine)));
    facts
}

/// How the program was called, for the commands that the summary suggests.
fn invocation(options: &RunArgs, stage: Stage) -> Invocation {
    Invocation {
        manifest: options.manifest.display().to_string(),
        out: options
            .out
            .out
            .as_ref()
            .map(|out| out.display().to_string()),
        reading_options: reading(&options.reading),
        run_options: repeated(options),
        download_options: Vec::new(),
        stage: match stage {
            Stage::Real => SummaryStage::Real,
            Stage::Rehearsal => SummaryStage::Rehearsal,
        },
    }
}

/// The options without which the manifest would be read otherwise.
pub(super) fn reading(options: &ReadingArgs) -> Vec<String> {
    let valued = [
        ("--encoding", options.encoding.map(|name| name.to_string())),
        (
            "--delimiter",
            options.delimiter.map(|sign| sign.to_string()),
        ),
        ("--sheet", options.sheet.clone()),
    ];
    let valued = valued
        .into_iter()
        .filter_map(|(option, value)| Some([option.to_owned(), value?]));
    let outside = options.allow_outside.then(|| "--allow-outside".to_owned());
    valued.flatten().chain(outside).collect()
}

/// The options that a next run without them would not be like this one: it might order more, or faster. `--rerun` is
/// not one of them, as it would cost again.
fn repeated(options: &RunArgs) -> Vec<String> {
    let (api, scope, limits) = (&options.api, &options.scope, &options.limits);
    let time = |duration: Option<Duration>| duration.map(show_duration);
    let once = [
        ("--base-url", api.base_url.as_ref().map(ToString::to_string)),
        (
            "--api-key-file",
            api.key
                .api_key_file
                .as_ref()
                .map(|file| file.display().to_string()),
        ),
        ("--max-jobs", scope.max_jobs.map(|count| count.to_string())),
        (
            "--max-spend",
            scope.max_spend.map(|amount| amount.to_string()),
        ),
        (
            "--concurrency",
            limits.concurrency.map(|count| count.to_string()),
        ),
        (
            "--submit-rate",
            limits.submit_rate.map(|rate| rate.to_string()),
        ),
        ("--poll-rate", limits.poll_rate.map(|rate| rate.to_string())),
        ("--poll-first", time(limits.poll_first)),
        ("--poll-every", time(limits.poll_every)),
        ("--submit-timeout", time(limits.submit_timeout)),
        ("--job-timeout", time(limits.job_timeout)),
        (
            "--deadline",
            limits.deadline.map(|deadline| deadline.to_string()),
        ),
    ];
    let once = once
        .into_iter()
        .filter_map(|(option, value)| Some((option, value?)));
    let select = scope.select.iter().map(|glob| ("--select", glob.clone()));
    let share = scope
        .partition
        .map(|share| ("--partition", share.to_string()));
    let strict = options.deny_warnings.then(|| "--deny-warnings".to_owned());
    let pairs = once
        .chain(select)
        .chain(share)
        .flat_map(|(option, value)| [option.to_owned(), value]);
    pairs
        .chain(strict)
        .chain(repeated_downloads(options))
        .collect()
}

/// The same of downloads.
fn repeated_downloads(options: &RunArgs) -> impl Iterator<Item = String> {
    let download = options.download.as_ref().map(|directory| {
        let directory = directory.as_ref().map(|path| path.display().to_string());
        std::iter::once("--download".to_owned()).chain(directory)
    });
    files::options(&options.files).chain(download.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::num::NonZeroU32;

    use super::*;
    use crate::cli::{Command, parse};
    use crate::manifest::ManifestSettings;

    #[test]
    fn every_limit_that_was_named_reaches_the_engine_or_the_client() {
        let words = "shotlist run m.yaml --base-url http://127.0.0.1:1 --max-jobs 1 --concurrency 2 --submit-rate 30/min \
                     --poll-rate 4/s --poll-first 5s --poll-every 6s --submit-timeout 7m --job-timeout 8h --deadline 9h \
                     --rerun failed";
        let Ok(Command::Run(options)) =
            parse(words.split_whitespace().map(OsString::from)).map(|cli| cli.command)
        else {
            panic!("a valid command line")
        };
        let sources = Sources {
            environment: &|_| None,
            manifest: &ManifestSettings::default(),
            now: &clock::local(),
        };
        let settings = RunSettings::resolve(&options, sources).map_err(|error| error.to_string());
        let mut settings = settings.expect("valid");
        settings.scope.rerun.marked = [7].into();
        let provider = Provider {
            origin: Origin {
                base_url: "http://127.0.0.1:1".to_owned(),
                create_path: CREATE_PATH.to_owned(),
                poll_path: POLL_PATH.to_owned(),
                key: String::new(),
            },
            key: None,
            _simulator: None,
        };
        let setup = setup(&settings, &provider, &JobTable::new(None), Path::new(""));
        let limits = Limits {
            concurrency: NonZeroU32::new(2).expect("not 0"),
            submit_interval: Duration::from_secs(2),
            poll_interval: Duration::from_millis(250),
            poll_first: Duration::from_secs(5),
            poll_every: Duration::from_secs(6),
            job_timeout: Duration::from_secs(8 * 3600),
            deadline: Duration::from_secs(9 * 3600),
            max_jobs: Some(NonZeroU32::MIN),
        };
        assert_eq!(setup.limits, limits);
        assert!(setup.rerun.failed && !setup.rerun.changed);
        assert_eq!(setup.rerun.marked, [7].into());
        let timers = provider.api_settings(&settings).timers;
        assert_eq!(timers, Timers::around(Duration::from_secs(7 * 60)));
    }

    #[test]
    fn only_a_state_that_takes_no_more_intents_still_takes_answers() {
        let path = Path::new("state.jsonl");
        let source = fs::FileError::io("write to", path, std::io::Error::other("said"));
        let too_long = StateError::TooLong {
            path: path.to_owned(),
            job: None,
        };
        for error in [
            StateError::Full {
                source: source.clone(),
            },
            too_long,
        ] {
            let refused = commit_error(error);
            assert!(matches!(refused, CommitError::IntentsRefused(_)));
        }
        let vanished = StateError::Vanished {
            path: path.to_owned(),
        };
        for error in [StateError::File(source), vanished] {
            assert!(matches!(commit_error(error), CommitError::Broken(_)));
        }
    }

    #[test]
    fn the_next_run_is_suggested_with_the_options_of_this_one_but_for_what_costs_again() {
        let line = "--base-url http://127.0.0.1:1 --api-key-file k --max-jobs 1 --max-spend 9.50 --concurrency 2 --submit-rate 3/min \
                    --poll-rate 4/s --poll-first 5s --poll-every 6s --submit-timeout 7m --job-timeout 8h --deadline \
                    06:00 --select a* --select b --deny-warnings --allow-private --download-concurrency 3 --download clips";
        let reading_line = "--encoding utf-8 --delimiter tab --sheet S --allow-outside";
        let words = format!("shotlist run m.yaml {line} --rerun failed {reading_line}");
        let Ok(Command::Run(options)) =
            parse(words.split_whitespace().map(OsString::from)).map(|cli| cli.command)
        else {
            panic!("a valid command line")
        };
        assert_eq!(repeated(&options).join(" "), line);
        assert_eq!(reading(&options.reading).join(" "), reading_line);
    }
}
