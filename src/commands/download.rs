//! `shotlist download`: fetches what is finished and not yet on this disk, and nothing else.
//!
//! The same engine and loop as those of `run`, with submits and polls of running tasks off.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::stream::BoxStream;
use secrecy::SecretString;

use super::desk::{Desk, Telling};
use super::files::{self, Files};
use super::finish::{Ending, Night};
use super::gallery::{self, Place};
use super::run::{facts, note_key_file, read_key_file, reading, tell_unwritten};
use super::turn::{Turn, Wanted};
use super::{
    Manifest, Reading, Stage, Stop, environment, files_of, load_manifest, open_state, signals,
};
use crate::api::http::{ApiSettings, HttpApi, Timers, key_fingerprint};
use crate::cli::{DownloadArgs, GalleryArgs};
use crate::clock::{self, Clock};
use crate::engine::downloads::{Downloads, FileTerms};
use crate::engine::event::{Origin, RunStart};
use crate::engine::limits::Limits;
use crate::engine::resume::Rerun;
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::engine::{Engine, Setup};
use crate::error::{Error, ExitCode};
use crate::output::Output;
use crate::plan::Plan;
use crate::report::json::{DownloadLine, SummaryLine};
use crate::report::outcome::{Tally, exit_code};
use crate::report::summary::{
    DownloadTally, FILES_MISSING, Invocation, Next, not_downloaded, parting,
};
use crate::results;
use crate::runner::{self, Signal};
use crate::settings::{self, DownloadSettings};
use crate::state::Store;
use crate::units::Rate;

/// Total time for one poll.
const POLL_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn download(options: &DownloadArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let mut clock = Clock::start();
    output.detach();
    let reading = Reading::new(&options.reading, options.json);
    let mut manifest = load_manifest(&options.manifest, &reading, output)?;
    let mut selected = selection(options, &manifest.plan)?;
    let key = key(options, output)?;
    let out = options.out.out.as_deref();
    let mut taken = files_of(&manifest, out, Stage::Real);
    taken.extend(options.key.api_key_file.clone());
    let mut night = Night::begin(&options.night, &taken)?;
    let wanted = Wanted {
        manifest: &options.manifest,
        out,
        stage: Stage::Real,
    };
    let mut turn = Turn::wait(wanted, options.wait.wait_lock, &mut night.log, output)?;
    if turn.waited.is_some() {
        manifest = load_manifest(&options.manifest, &reading, output)?;
        selected = selection(options, &manifest.plan)?;
        clock = Clock::start();
    }
    let lock = turn.lock.take();
    let (store, table) = open_state(&manifest, out, Stage::Real, lock, &clock, output)?;
    let opened = Opened {
        manifest,
        selected,
        key,
        night,
        signals: turn.signals,
        store,
        table,
        clock,
    };
    opened.download(options, output)
}

/// A download whose state is open.
struct Opened {
    manifest: Manifest,
    selected: Selection,
    key: Option<SecretString>,
    night: Night,
    /// Signals since it waited for another run, if it did.
    signals: Option<BoxStream<'static, Signal>>,
    store: Store,
    table: JobTable,
    clock: Clock,
}

impl Opened {
    fn download(self, options: &DownloadArgs, output: &mut Output) -> Result<ExitCode, Stop> {
        let Self {
            manifest,
            selected,
            key,
            mut night,
            signals,
            mut store,
            table,
            clock,
        } = self;
        let settings = DownloadSettings::resolve(
            options.download_dir.clone(),
            &options.files,
            &manifest.settings.output,
            &options.manifest,
        );
        let Some(start) = start(&table, key.as_ref()) else {
            let runtime = signals::runtime()?;
            let signals = signals::listen_in(&runtime, signals)?;
            let ending = Ending {
                code: ExitCode::Completed,
                summary: tell(Told::default(), ExitCode::Completed, output),
                brief: format!("videos: {}", DownloadTally::default().text()),
                is_interrupted: false,
            };
            return Ok(night.end(&ending, runtime, signals, output));
        };

        let runtime = signals::runtime()?;
        let base_url = Some(start.origin.base_url.as_str());
        let shell = Files::new(
            &settings,
            &manifest.plan,
            &store,
            base_url,
            &runtime,
            &clock,
        )?;
        let results = store.results_path();
        let beside = results.parent().unwrap_or(Path::new(""));
        let terms = files::terms(&settings, files::renewal(key.as_ref()), &table, beside);
        let api = HttpApi::new(ApiSettings {
            origin: start.origin.clone(),
            key,
            timers: Timers::around(POLL_TIMEOUT),
            wall_clock: clock::wall,
        })
        .map_err(|error| Error::new(error.exit_code(), error.to_string()))?;
        let setup = setup(start, selected, terms, manifest.settings.poll_rate);
        let shown = results::last_selection(&table);
        let (engine, first) = Engine::resume(table, setup, clock.now());

        let run = store.run_id(engine.run());
        night.log.begin(&run);
        let telling = Telling {
            json: options.json,
            run: &run,
            log: &mut night.log,
            traffic: shell.traffic(),
            clock: &clock,
        };
        let mut desk = Desk::new(&manifest.plan, &engine, shown, results, telling, output);
        let mut signals = signals::listen_in(&runtime, signals)?;
        let mut ended = runtime.block_on(async {
            let stage = runner::Stage {
                plan: &manifest.plan,
                api: &api,
                files: Some(&shell),
                journal: &mut store,
                reporter: &mut desk,
                clock: &clock,
                signals: &mut signals,
            };
            runner::run(engine, first, stage).await
        });
        let mut closed = desk.close(&ended.engine);
        let place = Place {
            directory: store.directory(),
            stage: Stage::Real,
            options: GalleryArgs::default(),
        };
        let table = ended.engine.table();
        let selection = results::last_selection(table);
        gallery::add(&mut closed, &manifest, table, &selection, place, output);
        ended.signal = ended.signal.or_else(|| signals::pending(&mut signals));
        drop(store);
        let facts = facts(&ended, &closed);
        tell_unwritten(
            closed.results_error,
            ended.state_error,
            options.json,
            output,
        );
        let code = exit_code(&Tally::default(), &facts);
        let told = Told::of(&ended.engine, run, code, options);
        let ending = Ending {
            code,
            brief: format!("videos: {}", told.tally.text()),
            summary: tell(told, code, output),
            is_interrupted: ended.signal.is_some(),
        };
        Ok(night.end(&ending, runtime, signals, output))
    }
}

fn selection(options: &DownloadArgs, plan: &Plan) -> Result<Selection, Error> {
    let selection = settings::selection(&options.select)?;
    let selects_any = plan.jobs().iter().any(|job| selection.selects(job.id()));
    if selects_any || options.select.is_empty() {
        return Ok(selection);
    }
    Err(
        Error::new(ExitCode::Usage, "`--select` matches no job of the manifest")
            .help("`shotlist plan` lists the ids; `*` stands for any characters, `?` for one"),
    )
}

fn key(options: &DownloadArgs, output: &mut Output) -> Result<Option<SecretString>, Error> {
    let file = options.key.api_key_file.as_deref();
    if let Some(file) = file {
        note_key_file(file, output);
    }
    settings::api_key(file, &environment, &read_key_file)
}

/// The record of a run that goes where the last one went and selects what that selected: results stay as they are.
/// `None` if there was no run, and so nothing to download.
fn start(table: &JobTable, key: Option<&SecretString>) -> Option<RunStart> {
    let last = table.runs().last()?;
    Some(RunStart {
        run: table.next_run(),
        origin: Origin {
            key: key.map(key_fingerprint).unwrap_or_default(),
            ..last.origin.clone()
        },
        select: last.select.clone(),
        partition: last.partition,
    })
}

fn setup(
    start: RunStart,
    selection: Selection,
    terms: FileTerms,
    poll_rate: Option<Rate>,
) -> Setup {
    let poll_interval = poll_rate.map_or(Duration::from_millis(250), Rate::interval);
    let day = Duration::from_secs(24 * 3600);
    Setup {
        start,
        selection,
        limits: Limits {
            concurrency: NonZeroU32::MIN,
            submit_interval: Duration::from_secs(1),
            poll_interval,
            poll_first: Duration::ZERO,
            poll_every: Duration::from_secs(10),
            job_timeout: day,
            deadline: day,
            max_jobs: None,
        },
        rerun: Rerun::default(),
        budget: None,
        downloads: Downloads::Alone(terms),
    }
}

/// How the program was called, for the command that goes on.
fn invocation(options: &DownloadArgs) -> Invocation {
    let shown = |path: &PathBuf| path.display().to_string();
    let valued = [
        ("--api-key-file", &options.key.api_key_file),
        ("--download-dir", &options.download_dir),
    ];
    let valued = valued
        .into_iter()
        .filter_map(|(option, path)| Some([option.to_owned(), shown(path.as_ref()?)]));
    let select = options.select.iter();
    let select = select.map(|glob| ["--select".to_owned(), glob.clone()]);
    Invocation {
        manifest: shown(&options.manifest),
        out: options.out.out.as_ref().map(shown),
        reading_options: reading(&options.reading),
        download_options: valued
            .chain(select)
            .flatten()
            .chain(files::options(&options.files))
            .collect(),
        ..Invocation::default()
    }
}

/// What to type next, if anything is left to fetch.
fn next(code: ExitCode, invocation: &Invocation) -> Option<Next> {
    let reason = match code {
        ExitCode::Completed => return None,
        ExitCode::Interrupted | ExitCode::Terminated => "goes on where this one stopped",
        ExitCode::State => "once the error above is mended",
        ExitCode::Refused => "after correcting the key in `SHOTLIST_API_KEY` or `--api-key-file`",
        _ => "tries those that are missing again; nothing is submitted or paid",
    };
    Some(Next {
        command: invocation.command("download", ""),
        reason,
    })
}

/// What is told at the end.
#[derive(Default)]
struct Told {
    run: Option<String>,
    tally: DownloadTally,
    /// What is missing, by why.
    missing: Option<String>,
    next: Option<Next>,
}

impl Told {
    fn of(engine: &Engine, run: String, code: ExitCode, options: &DownloadArgs) -> Self {
        let invocation = invocation(options);
        Self {
            run: Some(run),
            tally: files::tally(engine).unwrap_or_default(),
            missing: not_downloaded(engine.table(), engine.missing_files(), &invocation),
            next: next(code, &invocation),
        }
    }
}

fn tell(told: Told, code: ExitCode, output: &mut Output) -> SummaryLine {
    if let Some(missing) = &told.missing {
        output.insist_wrapped(missing);
    }
    output.insist_wrapped(&format!("videos:  {}", told.tally.text()));
    let line = SummaryLine::new("download", code);
    let meaning = match code {
        ExitCode::Unfinished => FILES_MISSING,
        _ => line.meaning,
    };
    for line in parting(told.next.as_ref(), code, meaning) {
        output.insist_wrapped(&line);
    }
    SummaryLine {
        meaning,
        run: told.run,
        next: told.next.map(|next| next.command),
        downloads: Some(DownloadLine::from(told.tally)),
        ..line
    }
}
