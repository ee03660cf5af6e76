//! `shotlist report`: rebuilds results.csv and the gallery from the state.

use std::path::Path;

use super::gallery::{self, Place};
use super::logbook::Logbook;
use super::turn::{Turn, Wanted};
use super::{Manifest, Reading, Stage, Stop, load_manifest, open_state, signals, write_results};
use crate::cli::ReportArgs;
use crate::clock::Clock;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::output::Output;
use crate::report::json::{Line, SummaryLine};
use crate::report::outcome::Tally;
use crate::results;
use crate::state::{RESULTS_FILE, STATE_FILE, Store, journal};

pub(super) fn report(options: &ReportArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let clock = Clock::start();
    let reading = Reading::new(&options.reading, options.json);
    let mut manifest = load_manifest(&options.manifest, &reading, output)?;
    let out = options.out.out.as_deref();
    let (table, directory, stage, store);
    if let Some(rehearsed) = out.filter(|out| is_rehearsal(out)) {
        table = rehearsal(&manifest, rehearsed)?;
        (directory, stage) = (rehearsed, Stage::Rehearsal);
    } else {
        let wanted = Wanted {
            manifest: &options.manifest,
            out,
            stage: Stage::Real,
        };
        let turn = Turn::wait(
            wanted,
            options.wait.wait_lock,
            &mut Logbook::default(),
            output,
        )?;
        if turn.waited.is_some() {
            manifest = load_manifest(&options.manifest, &reading, output)?;
        }
        (store, table) = open_state(&manifest, out, Stage::Real, turn.lock, &clock, output)?;
        (directory, stage) = (store.directory(), Stage::Real);
    }
    let path = directory.join(RESULTS_FILE);
    write_results(&path, &manifest.plan, &table)?;
    let place = Place {
        directory,
        stage,
        options: options.gallery,
    };
    let selection = results::last_selection(&table);
    let gallery = gallery::write(&manifest, &table, &selection, place, output)?;
    let gallery = gallery.map(|path| path.display().to_string());
    if options.json {
        let tally = Tally::of(&table, &selection);
        let summary = SummaryLine {
            results: Some(path.display().to_string()),
            gallery,
            ..SummaryLine::new("report", ExitCode::Completed).with_tally(&tally)
        };
        output.data(&Line::Summary(summary).to_json());
    } else {
        output.data(&path.display().to_string());
        if let Some(gallery) = gallery {
            output.talk(&format!("gallery: {gallery}"));
        }
    }
    Ok(ExitCode::Completed)
}

/// Whether a rehearsal was made in `directory`; what may be wrong with its state is said when that is opened.
fn is_rehearsal(directory: &Path) -> bool {
    journal::peek_header(&directory.join(STATE_FILE))
        .is_ok_and(|header| header.is_some_and(|header| header.rehearsal))
}

/// What is known of the rehearsal in `directory`. It is not locked: nothing of value is at stake, and opening it
/// as a rehearsal would begin it anew.
fn rehearsal(manifest: &Manifest, directory: &Path) -> Result<JobTable, Stop> {
    signals::survive_file_size_limit()?;
    let mut table = JobTable::new(Some(&manifest.plan));
    Store::read(directory, None, &mut table)?;
    Ok(table)
}
