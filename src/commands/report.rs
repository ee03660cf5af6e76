//! `shotlist report`: rebuilds results.csv from the state.

use super::{Stage, Stop, load_manifest, open_state, write_results};
use crate::cli::ReportArgs;
use crate::clock::Clock;
use crate::error::ExitCode;
use crate::output::Output;
use crate::report::json::{Line, SummaryLine};
use crate::report::outcome::Tally;
use crate::results;

pub(super) fn report(options: &ReportArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let clock = Clock::start();
    let manifest = load_manifest(&options.manifest, options.json, output)?;
    let (store, table) = open_state(
        &manifest,
        options.out.out.as_deref(),
        Stage::Real,
        &clock,
        output,
    )?;
    let path = store.results_path();
    write_results(&path, &manifest.plan, &table)?;
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
