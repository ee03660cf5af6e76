//! One seed from its first run to fair weather: runs, crashes, recoveries, edits, and what is left in the end.
//!
//! Start at [`live`]. Each run is the program's own: the real journal is opened on the fake disk, the real engine
//! resumes what it holds, and the real loop drives both under paused time, in a runtime that dies with it.

use std::collections::BTreeMap;
use std::path::Path;

use futures::StreamExt;
use futures::channel::mpsc;
use shotlist::clock::Clock;
use shotlist::engine::budget::Budget;
use shotlist::engine::downloads::{Downloads, Gone};
use shotlist::engine::event::{JobIndex, SavedFile};
use shotlist::engine::resume::Rerun;
use shotlist::engine::selection::Selection;
use shotlist::engine::table::{JobTable, Record};
use shotlist::engine::{Engine, Setup};
use shotlist::money::Amount;
use shotlist::runner;
use shotlist::state::StateError;
use shotlist::state::journal::Journal;
use shotlist::state::record::Header;

use crate::calm::calm_down;
use crate::ending::{check_ended, running};
use crate::figures::{Figures, Seen};
use crate::file::SimFile;
use crate::folder::{Files, name_in_folder};
use crate::person::{Policy, Reading};
use crate::provider::SimApi;
use crate::server::SimFiles;
use crate::weather::{DiskFaults, Mischief, SECOND, Terms, Weather};
use crate::witness::{Books, Honesty, Witness};
use crate::world::{Audit, Broken, Session, Shared, World};

/// How the world and its people are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    pub(crate) policy: Policy,
    pub(crate) honesty: Honesty,
    pub(crate) reading: Reading,
    /// Whether results.csv tells of the present take alone.
    pub(crate) forgets_takes: bool,
    pub(crate) disk_lies: bool,
    /// Syncs of videos are not done, and nobody looks whether videos are still there.
    pub(crate) files_lie: bool,
    pub(crate) audit: Audit,
}

impl Ways {
    pub(crate) const USUAL: Self = Self {
        policy: Policy::Careful,
        honesty: Honesty::Honest,
        reading: Reading::ByTake,
        forgets_takes: false,
        disk_lies: false,
        files_lie: false,
        audit: Audit::Everything,
    };
}

/// What a seed came to.
pub(crate) struct Life {
    pub(crate) figures: Figures,
    pub(crate) broken: Option<Broken>,
    pub(crate) trace: Vec<String>,
}

/// Several runs in bad weather, then fair weather until nothing is left to do.
pub(crate) fn live(seed: u64, ways: Ways, keep_trace: bool) -> Life {
    let mut world = World::new(seed, Vec::new());
    world.draw_manifest();
    world.audit = ways.audit;
    world.forgets_takes = ways.forgets_takes;
    world.disk.lies = ways.disk_lies;
    world.files.lies = ways.files_lie;
    if keep_trace {
        world.keep_trace();
    }
    let world = Shared::new(world);
    let broken = go_through(&world, ways).err();
    let mut world = world.lock();
    Life {
        figures: world.figures.clone(),
        broken,
        trace: world.trace().to_vec(),
    }
}

fn go_through(world: &Shared, ways: Ways) -> Result<(), Broken> {
    let runs = world.lock().chance.small(1, 4);
    for _ in 0..runs {
        let session = world.lock().draw_session();
        sit(world, session, ways, Sitting::Run)?;
        if world.lock().chance.percent(25) {
            recover_in_a_storm(world, ways)?;
        }
        if world.lock().chance.percent(40) {
            let crash = world.lock().draw_crash(20);
            settle(world, ways, crash)?;
        }
        let mut world = world.lock();
        let pause = world.chance.pick(&[SECOND / 10, SECOND, 600 * SECOND]);
        world.time.pass(pause);
        if world.chance.percent(50) {
            world.mark();
        }
        if !ways.files_lie {
            world.delete_file();
        }
        world.edit_manifest();
        world.edit_prices();
    }
    calm_down(world, ways)
}

/// The state is opened twice in a row, and the first time ends in a crash.
fn recover_in_a_storm(world: &Shared, ways: Ways) -> Result<(), Broken> {
    for percent in [90, 50, 0] {
        let mischief = world.lock().draw_crash(percent);
        let faults = DiskFaults::default();
        let session = Session::new(Terms::calm(0), Weather::calm(), faults, mischief);
        sit(world, session, ways, Sitting::Open)?;
        if !world.lock().is_on() {
            world.lock().saw(Seen::CrashInRecovery);
        }
    }
    Ok(())
}

/// The person settles every job in doubt, after a while: a create may be executed late.
pub(crate) fn settle(
    world: &Shared,
    ways: Ways,
    crash: Vec<(u32, Mischief)>,
) -> Result<(), Broken> {
    world.lock().time.pass(300 * SECOND);
    let session = Session::new(
        Terms::calm(0),
        Weather::calm(),
        DiskFaults::default(),
        crash,
    );
    sit(world, session, ways, Sitting::Settle)
}

/// What a process is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sitting {
    Run,
    Open,
    Settle,
}

/// One process, from its start to its end or to a crash.
pub(crate) fn sit(
    world: &Shared,
    session: Session,
    ways: Ways,
    sitting: Sitting,
) -> Result<(), Broken> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let power_went = world.lock().begin(session);
        tokio::select! {
            biased;
            () = power_went.notified() => {}
            () = stay(world, ways, sitting) => {}
        }
        world.lock().end();
    });
    match world.lock().broken.take() {
        Some(broken) => Err(broken),
        None => Ok(()),
    }
}

async fn stay(world: &Shared, ways: Ways, sitting: Sitting) {
    let Some((journal, table)) = open(world) else {
        return;
    };
    match sitting {
        Sitting::Open => {}
        Sitting::Run => run(world, ways, journal, table).await,
        Sitting::Settle => {
            let records = world.lock().settle(&table, ways.policy);
            let mut journal = journal;
            let _ = journal.commit(&records);
        }
    }
}

/// Opens the state as the program does; `None` if that failed for a reason that the disk gave, or the power went.
fn open(world: &Shared) -> Option<(Journal<SimFile>, JobTable)> {
    let plan = {
        let mut world = world.lock();
        let room = world.session.faults.room;
        world.disk.capacity = room.map(|room| world.disk.len() + room);
        if world.disk.is_deceptive() {
            world.saw(Seen::UnsyncedReadBack);
        }
        world.plan()
    };
    let header = Header {
        manifest: "shots.csv".to_owned(),
        machine: "studio".to_owned(),
        rehearsal: false,
        created_at: world.lock().time.wall(),
    };
    let mut table = JobTable::new(Some(&plan));
    let mut records: Vec<Record> = Vec::new();
    let opened = Journal::open(
        SimFile::open(world),
        Path::new("state.jsonl"),
        &header,
        |record| {
            let replayed = table.replay(&record);
            records.push(record);
            replayed
        },
    );
    let mut world = world.lock();
    if !world.is_on() {
        return None;
    }
    match opened {
        Ok((journal, opened)) => {
            if let Some(tail) = &opened.tail {
                world.saw(Seen::TornTail);
                world.note(|| format!("cut off: {tail:?}"));
            }
            world.note(|| format!("opened: {} records", records.len()));
            let World { register, disk, .. } = &mut *world;
            register.read(disk.durable());
            world.check_opened(&records, &table);
            Some((journal, table))
        }
        Err(StateError::File(error)) => {
            world.note(|| format!("not opened: {error}"));
            None
        }
        Err(error @ StateError::Vanished { .. }) if world.disk.is_moved => {
            world.note(|| format!("not opened: {error}"));
            None
        }
        Err(error) => {
            let is_felt = world.audit >= Audit::Consequences;
            world.ensure(!is_felt, || format!("the state is refused: {error}"));
            None
        }
    }
}

/// The budget of the run that is about to begin; `Err`: its cap is refused, as it must be where there are no prices.
fn draw_up(world: &Shared, table: &JobTable, rerun: &Rerun) -> Result<Option<Budget>, ()> {
    let mut world = world.lock();
    let terms = world.session.terms.clone();
    let Some(cap) = terms.max_spend else {
        return Ok(None);
    };
    let plan = world.plan();
    let selection = Selection::new(&terms.select).expect("a glob");
    let cap = Amount::from_millionths(cap * 1_000_000);
    let budget = Budget::draw_up(cap, &plan, table, &selection, rerun);
    let has_prices = world.prices.is_some();
    match budget {
        Ok(budget) => {
            world.saw(Seen::Capped);
            if budget.is_some() && table.reserved().unrecorded() > 0 {
                world.saw(Seen::Unrecorded);
            }
            Ok(budget)
        }
        Err(error) => {
            world.saw(Seen::CapRefused);
            world.ensure(!has_prices, || format!("a cap is refused: {error}"));
            Err(())
        }
    }
}

/// What the run that is about to begin makes again.
fn rerun(world: &Shared, table: &JobTable, reading: Reading) -> Rerun {
    let mut world = world.lock();
    let terms = world.session.terms.clone();
    let mut rerun = terms.rerun;
    if terms.redo {
        let selection = Selection::new(&terms.select).expect("a glob");
        rerun.marked = world.marked(table, &selection, reading);
    }
    rerun
}

/// Recorded files that are not there any more.
fn gone(files: &Files, table: &JobTable) -> BTreeMap<JobIndex, Gone> {
    let gone = |job: JobIndex| {
        let recorded = table.job(job).video()?.files?;
        let lacks = |saved: &SavedFile| files.lacks(name_in_folder(saved.file.as_str()));
        Some((job, Gone::of(recorded, lacks)))
    };
    table.planned().filter_map(gone).collect()
}

async fn run(world: &Shared, ways: Ways, journal: Journal<SimFile>, table: JobTable) {
    let rerun = rerun(world, &table, ways.reading);
    let Ok(budget) = draw_up(world, &table, &rerun) else {
        return;
    };
    let (signals, sent) = mpsc::unbounded();
    let (plan, terms, was_running) = {
        let mut world = world.lock();
        let plan = world.plan();
        world.note_remakes(&plan);
        world.saw(Seen::Run);
        world.session.signals = Some(signals);
        world.session.notes.began = world.time.mono();
        if !world.session.terms.select.is_empty() {
            world.saw(Seen::Selected);
        }
        let terms = world.session.terms.clone();
        world.note(|| format!("a run begins: {terms:?}"));
        (plan, terms, running(&table))
    };
    let clock = {
        let world = world.clone();
        Clock::told_by(move |mono| world.lock().now(mono))
    };
    let mut setup = Setup {
        rerun,
        ..terms.setup(table.next_run(), budget)
    };
    if !ways.files_lie
        && let Downloads::Along(terms) | Downloads::Alone(terms) = &mut setup.downloads
    {
        terms.gone = gone(&world.lock().files, &table);
    }
    let selection = setup.selection.clone();
    let (engine, first) = Engine::resume(table, setup, clock.now());
    let longest = terms.limits.deadline + terms.limits.job_timeout + 600 * SECOND;
    let files = SimFiles::new(world, &plan, &clock);
    let stage = runner::Stage {
        plan: &plan,
        api: &SimApi(world.clone()),
        files: Some(&files),
        journal: &mut Books::new(journal, ways.honesty),
        reporter: &mut Witness(world.clone()),
        clock: &clock,
        signals: sent.chain(futures::stream::pending()),
    };
    let ended = tokio::time::timeout(longest, runner::run(engine, first, stage)).await;
    let mut world = world.lock();
    match ended {
        _ if !world.is_on() => {}
        Ok(ended) => check_ended(&mut world, &ended, &was_running, &selection),
        Err(_) => world.ensure(false, || format!("the run does not end within {longest:?}")),
    }
}
