//! `shotlist report`: rebuilds results.csv from the state.

use std::path::{Path, PathBuf};

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
    let manifest = load_manifest(&options.manifest, &reading, output)?;
    let out = options.out.out.as_deref();
    let (path, table) = if let Some(rehearsed) = out.filter(|out| is_rehearsal(out)) {
        rehearsal(&manifest, rehearsed)?
    } else {
        let (store, table) = open_state(&manifest, out, Stage::Real, &clock, output)?;
        let path = store.results_path();
        write_results(&path, &manifest.plan, &table)?;
        (path, table)
    };
    if options.json {
        let tally = Tally::of(&table, &results::last_selection(&table));
        let summary = SummaryLine {
            results: Some(path.display().to_string()),
            ..SummaryLine::new("report", ExitCode::Completed).with_tally(&tally)
        };
        output.data(&Line::Summary(summary).to_json());
    } else {
        output.data(&path.display().to_string());
    }
    Ok(ExitCode::Completed)
}

/// Whether a rehearsal was made in `directory`; what may be wrong with its state is said when that is opened.
fn is_rehearsal(directory: &Path) -> bool {
    journal::peek_header(&directory.join(STATE_FILE))
        .is_ok_and(|header| header.is_some_and(|header| header.rehearsal))
}

/// Rebuilds the results of the rehearsal in `directory`. It is not locked: nothing of value is at stake, and opening it
/// as a rehearsal would begin it anew.
fn rehearsal(manifest: &Manifest, directory: &Path) -> Result<(PathBuf, JobTable), Stop> {
    signals::survive_file_size_limit()?;
    let mut table = JobTable::new(Some(&manifest.plan));
    Store::read(directory, None, &mut table)?;
    let path = directory.join(RESULTS_FILE);
    write_results(&path, &manifest.plan, &table)?;
    Ok((path, table))
}
