//! Fair weather: what is left after all trouble must be what a run without any would have brought.
//!
//! Start at [`calm_down`].

use std::collections::BTreeMap;

use shotlist::engine::resume::Rerun;
use shotlist::engine::selection::Selection;
use shotlist::engine::table::JobTable;
use shotlist::results;

use crate::folder::name_in_folder;
use crate::life::{Sitting, Ways, settle, sit};
use crate::person::Row;
use crate::provider::ACCOUNTS;
use crate::register::JobNumber;
use crate::server::whole;
use crate::weather::{DiskFaults, Terms, Weather};
use crate::world::{Audit, Broken, Session, Shared, World};

/// The person settles what is in doubt, and a calm run (one for each account that was used) brings the rest.
pub(crate) fn calm_down(world: &Shared, ways: Ways) -> Result<(), Broken> {
    world.lock().disk.is_worn = false;
    settle(world, ways, Vec::new())?;
    for (number, account) in ACCOUNTS.into_iter().enumerate() {
        let is_used = |world: &World| world.ledger.iter().any(|task| task.account == account);
        let is_used = number == 0 || is_used(&world.lock());
        if is_used {
            run_calmly(world, ways, number)?;
        }
    }
    if world.lock().chance.percent(25) {
        remake_as_marked(world, ways)?;
    }
    if ways.audit < Audit::Consequences {
        return Ok(());
    }
    check_prefixes(world)?;
    let brought = rows(&mut world.lock())?;
    check_files(&mut world.lock())?;
    let expected = without_trouble(world, ways)?;
    let world = world.lock();
    for row in &world.manifest {
        let is_lost = world
            .ledger
            .iter()
            .any(|task| task.job == row.job && task.vanishes);
        let (brought, expected) = (brought.get(&row.job), expected.get(&row.job));
        if !is_lost && brought != expected {
            return Err(format!(
                "job-{} came to {brought:?}, not to {expected:?}",
                row.job
            ));
        }
    }
    Ok(())
}

fn run_calmly(world: &Shared, ways: Ways, account: usize) -> Result<(), Broken> {
    run_on_terms(world, ways, Terms::calm(account))
}

fn run_on_terms(world: &Shared, ways: Ways, terms: Terms) -> Result<(), Broken> {
    let faults = DiskFaults::default();
    let session = Session::new(terms, Weather::calm(), faults, Vec::new());
    sit(world, session, ways, Sitting::Run)
}

/// The person marks what came of it, and gives the marks to two runs: what is marked is made again once.
fn remake_as_marked(world: &Shared, ways: Ways) -> Result<(), Broken> {
    world.lock().mark();
    for _ in 0..2 {
        let terms = Terms {
            redo: true,
            ..Terms::calm(0)
        };
        run_on_terms(world, ways, terms)?;
    }
    Ok(())
}

/// What one run in fair weather makes of the manifest with the contents that were sent last.
fn without_trouble(world: &Shared, ways: Ways) -> Result<BTreeMap<JobNumber, Vec<String>>, Broken> {
    let (seed, manifest) = {
        let world = world.lock();
        let sent = |row: &Row| Row {
            revision: world
                .posts
                .get(&row.job)
                .map_or(row.revision, |post| post.1),
            ..row.clone()
        };
        (world.seed, world.manifest.iter().map(sent).collect())
    };
    let fresh = Shared::new(World::new(seed, manifest));
    let ways = Ways {
        policy: ways.policy,
        ..Ways::USUAL
    };
    run_calmly(&fresh, ways, 0)?;
    let mut fresh = fresh.lock();
    rows(&mut fresh)
}

/// The rows of results.csv, without what depends on when and how often a job was sent.
fn rows(world: &mut World) -> Result<BTreeMap<JobNumber, Vec<String>>, Broken> {
    let plan = world.plan();
    let mut table = JobTable::new(Some(&plan));
    for record in &world.acknowledged {
        let replayed = table.replay(record);
        replayed.map_err(|error| format!("the state does not replay: {error}"))?;
    }
    let mut sheet = Vec::new();
    results::write(&plan, &table, &Selection::default(), &mut sheet).expect("memory takes all");
    let sheet = sheet
        .strip_prefix("\u{feff}".as_bytes())
        .expect("it begins with a BOM");
    let mut reader = csv::Reader::from_reader(sheet);
    let rows = reader.records().map(|row| row.expect("valid CSV"));
    let kept = |column: usize| {
        let volatile = [
            "task_id",
            "attempts",
            "cost_estimate",
            "submitted_at",
            "finished_at",
            "note",
        ];
        let of_task = ["video_url", "last_frame_url", "file"];
        let name = results::COLUMNS[column];
        !volatile.contains(&name) && !of_task.contains(&name)
    };
    Ok(rows
        .zip(&world.manifest)
        .map(|(row, job)| {
            let cells = row.iter().enumerate().filter(|(column, _)| kept(*column));
            (job.job, cells.map(|(_, cell)| cell.to_owned()).collect())
        })
        .collect())
}

/// In fair weather every video that was made is there, whole, and what was somebody else's is as it was.
fn check_files(world: &mut World) -> Result<(), Broken> {
    if !world.files.keeps_foreign() {
        return Err("a foreign file was written over".to_owned());
    }
    let plan = world.plan();
    let mut table = JobTable::new(Some(&plan));
    for record in &world.acknowledged {
        let replayed = table.replay(record);
        replayed.map_err(|error| format!("the state does not replay: {error}"))?;
    }
    for job in table.planned() {
        let (state, id) = (table.job(job), table.id(job));
        if state.lacks_files() {
            return Err(format!("`{id}` is completed and not downloaded: {state:?}"));
        }
        let Some(video) = state.video() else {
            continue;
        };
        let saved = video.files.and_then(|files| files.video.as_ref());
        let name = saved.map_or("", |saved| name_in_folder(saved.file.as_str()));
        let task = video.task.id.as_str();
        if world.files.bytes(name) != Some(&whole(task)) {
            return Err(format!("the file of `{id}` is not its video"));
        }
    }
    Ok(())
}

/// Any prefix of the journal is a legal state that a run can go on from.
fn check_prefixes(world: &Shared) -> Result<(), Broken> {
    let mut world = world.lock();
    let plan = world.plan();
    let length = world.acknowledged.len();
    let end = world.chance.index(length + 1);
    let mut table = JobTable::new(Some(&plan));
    for record in &world.acknowledged[..end] {
        let replayed = table.replay(record);
        replayed.map_err(|error| format!("a prefix does not replay: {error}"))?;
    }
    let terms = Terms {
        rerun: Rerun {
            failed: true,
            changed: true,
            ..Rerun::default()
        },
        ..Terms::calm(0)
    };
    let mut again = table.clone();
    let now = world.now(std::time::Duration::ZERO);
    let (_, effects) =
        shotlist::engine::Engine::resume(table, terms.setup(again.next_run(), None), now);
    for record in &effects.records {
        let replayed = again.replay(record);
        replayed.map_err(|error| format!("a prefix cannot be resumed: {error}"))?;
    }
    Ok(())
}
