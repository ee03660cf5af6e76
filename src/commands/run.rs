//! `shotlist run`: submits what is left, waits for it, writes results.csv.
//!
//! [`run`] reads as a table of contents; nothing leaves before everything in it up to the loop has succeeded.

use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tokio::runtime::Runtime;

use super::desk::{Closed, Desk};
use super::{Manifest, Reading, Stage, Stop, environment, load_manifest, open_state, signals};
use crate::api::http::{ApiSettings, HttpApi, Timers, key_fingerprint};
use crate::cli::RunArgs;
use crate::clock::{self, Clock};
use crate::engine::budget::Budget;
use crate::engine::event::{Origin, RunStart};
use crate::engine::limits::Limits;
use crate::engine::table::{JobTable, Record};
use crate::engine::{Engine, Setup};
use crate::error::{Error, ExitCode};
use crate::fs::{self, JournalFile, Reach};
use crate::output::Output;
use crate::plan::Plan;
use crate::report::json::Line;
use crate::report::outcome::{RunFact, Tally};
use crate::report::status;
use crate::report::summary::{Invocation, Stage as SummaryStage, Summary};
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
    let clock = Clock::start();
    output.detach();
    let reading = Reading::new(&options.reading, options.json).deny_warnings(options.deny_warnings);
    let manifest = load_manifest(&options.manifest, &reading, output)?;
    let settings = resolve_settings(options, &manifest)?;
    settings.scope.ensure_selected(&manifest.plan)?;
    let stage = if options.rehearse {
        Stage::Rehearsal
    } else {
        Stage::Real
    };
    let key = api_key(options, output)?;
    let out = options.out.out.as_deref();
    manifest.warn_of_second_state(out, stage, output);
    let (mut store, table) = open_state(&manifest, out, stage, &clock, output)?;

    let runtime = signals::runtime()?;
    let provider = Provider::find(&settings, key, &runtime)?;
    let setup = Setup {
        budget: draw_up(&settings.scope, &manifest.plan, &table)?,
        ..setup(&settings, &provider, &table)
    };
    let selection = setup.selection.clone();
    let (engine, first) = Engine::resume(table, setup, clock.now());
    if engine.has_work() && provider.key.is_none() {
        return Err(settings::missing_api_key().into());
    }
    let api = HttpApi::new(provider.api_settings(&settings))
        .map_err(|error| Error::new(error.exit_code(), error.to_string()))?;

    let results = store.results_path();
    let mut desk = Desk::new(
        &manifest.plan,
        &engine,
        selection.clone(),
        results.clone(),
        options.json,
        output,
    );
    let listening = runtime.block_on(async { signals::listen() });
    let mut signals = listening.map_err(|source| {
        Error::new(ExitCode::State, "failed to listen for signals").because(source)
    })?;
    let mut ended = runtime.block_on(async {
        let stage = runner::Stage {
            plan: &manifest.plan,
            api: &api,
            journal: &mut store,
            reporter: &mut desk,
            clock: &clock,
            signals: &mut signals,
        };
        runner::run(engine, first, stage).await
    });
    let closed = desk.close(&ended.engine);
    ended.signal = ended.signal.or_else(|| signals::pending(&mut signals));
    drop(store); // nobody who reads slowly shall keep the next run out
    let facts = facts(&ended, &closed);
    if let Some(error) = closed.results_error {
        Stop::from(error).tell(options.json, output);
    }
    if let Some(error) = ended.state_error {
        Stop::from(error).tell(options.json, output);
    }

    let table = ended.engine.table();
    let tally = Tally::of(table, &selection);
    let shown = results.display().to_string();
    let summary = Summary {
        table,
        selection: &selection,
        tally: &tally,
        facts: &facts,
        stop: ended.engine.stops().first(),
        budget: ended.engine.budget(),
        invocation: &invocation(options, stage),
        results: Some(&shown),
        elapsed: clock.now().mono,
    };
    show(&summary, options, output);
    let delivered = signals::deliver(output, ended.signal.is_some(), &mut signals);
    let late_signal = runtime.block_on(delivered);
    runtime.shutdown_timeout(Duration::from_millis(200));
    Ok(late_signal.map_or(summary.exit_code(), signals::exit_code))
}

fn show(summary: &Summary<'_>, options: &RunArgs, output: &mut Output) {
    let is_small = summary.table.planned().end <= ROWS_SHOWN;
    let has_reader = options.rehearse || output.data_width().is_some();
    if options.json {
        output.insist_wrapped(&summary.text());
        output.data(&Line::Summary(summary.line()).to_json());
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
        Some(Reach::Pipe) => output.talk(&format!(
            "note: waiting for the API key from the pipe `{}`",
            file.display()
        )),
        Some(Reach::Everyone) => output.insist(&format!(
            "warning: everyone on this machine can read the API key in `{file}`; `chmod 600 {file}` keeps it yours",
            file = file.display()
        )),
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

fn setup(settings: &RunSettings, provider: &Provider, table: &JobTable) -> Setup {
    Setup {
        start: RunStart {
            run: table.next_run(),
            origin: provider.origin.clone(),
            select: settings.scope.select.clone(),
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
        rerun: settings.scope.rerun,
        budget: None,
    }
}

/// The budget of a run with `--max-spend`.
fn draw_up(scope: &Scope, plan: &Plan, table: &JobTable) -> Result<Option<Budget>, Error> {
    scope
        .budget(plan, table)
        .map_err(|error| Error::new(ExitCode::Usage, error.to_string()).help(error.help()))
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

/// What happened in the run that bears on its exit code.
fn facts(ended: &Ended<StateError>, closed: &Closed) -> Vec<RunFact> {
    let signal = ended.signal.map(|signal| match signal {
        Signal::Interrupt => RunFact::Interrupted,
        Signal::Terminate => RunFact::Terminated,
    });
    let unwritten = ended.state_error.is_some() || closed.results_error.is_some();
    let mut facts = closed.facts.clone();
    facts.extend(signal);
    facts.extend(unwritten.then_some(RunFact::StateFailed));
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
        run_options: repeated(options),
        stage: match stage {
            Stage::Real => SummaryStage::Real,
            Stage::Rehearsal => SummaryStage::Rehearsal,
        },
    }
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
    once.chain(select)
        .flat_map(|(option, value)| [option.to_owned(), value])
        .collect()
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
        let settings = settings.expect("valid");
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
        let setup = setup(&settings, &provider, &JobTable::new(None));
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
                    06:00 --select a* --select b";
        let words = format!("shotlist run m.yaml {line} --rerun failed");
        let Ok(Command::Run(options)) =
            parse(words.split_whitespace().map(OsString::from)).map(|cli| cli.command)
        else {
            panic!("a valid command line")
        };
        assert_eq!(repeated(&options).join(" "), line);
    }
}
