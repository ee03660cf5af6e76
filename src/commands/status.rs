//! `shotlist status`: where every job stands, also during a run, also when the manifest is no longer valid.

use std::path::Path;

use super::{
    Reading, Stage, Stop, files, read_manifest_in_windows, read_state, remark, state_directory,
};
use crate::cli::StatusArgs;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::output::Output;
use crate::report::json::{HolderLine, JobLine, Line, SummaryLine};
use crate::report::notice::NoticeKind;
use crate::report::outcome::Tally;
use crate::report::spend::{Spend, SpendLine};
use crate::report::status;
use crate::report::summary::Invocation;
use crate::results;
use crate::state::{STATE_FILE, lock};

pub(super) fn status(options: &StatusArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let out = options.out.out.as_deref();
    let reading = Reading::new(&options.reading, options.json);
    let loaded = read_manifest_in_windows(&options.manifest, &reading.options);
    let mut table = JobTable::new(loaded.plan.as_ref());
    let has_state = read_state(&options.manifest, out, &mut table, output)?;
    if loaded.plan.is_none() && !has_state {
        super::show_diagnostics(&loaded, &reading, output);
        return Err(Stop::Invalid(super::count_diagnostics(&loaded)));
    }
    if loaded.plan.is_none() {
        let message = "the manifest is not valid now, so this is what the state alone knows; see `shotlist check`";
        remark::warn(NoticeKind::Manifest, None, message, output);
    }
    let selection = results::last_selection(&table);
    let tally = if loaded.plan.is_some() {
        Tally::of(&table, &selection)
    } else {
        Tally::of_all(&table, &selection)
    };
    let spend = Spend::of(&table, None);
    let directory = state_directory(&options.manifest, out, Stage::Real);
    let holder = lock::read_holder(&directory)?.filter(lock::Holder::is_alive_here);
    if options.json {
        let jobs = 0..table.removed().end;
        output.data_lines(jobs.map(|job| {
            let line = JobLine::of(&table, job, &selection);
            Line::Job(line.with_cost(loaded.plan.as_ref(), &table, job)).to_json()
        }));
        let summary = SummaryLine {
            spend: spend.as_ref().map(SpendLine::boxed),
            running: holder.as_ref().map(HolderLine::from),
            ..SummaryLine::new("status", ExitCode::Completed).with_tally(&tally)
        };
        output.data(&Line::Summary(summary).to_json());
        return Ok(ExitCode::Completed);
    }
    let width = output.data_width();
    output.data_lines(status::rows(&table, &selection, width));
    output.data("");
    output.data(&status::counts(&tally));
    output.data_lines(spend.iter().map(Spend::text));
    let gone = files::gone(&table, &directory).len();
    output.data_lines(gone_in_words(gone));
    output.data(&activity(holder.as_ref(), has_state));
    if !has_state && out.is_none() {
        output.data_lines(rehearsed(&options.manifest));
    }
    Ok(ExitCode::Completed)
}

/// That recorded files are not there any more, and what to do.
fn gone_in_words(jobs: usize) -> Option<String> {
    let whose = match jobs {
        0 => return None,
        1 => "a recorded file of 1 job is".to_owned(),
        jobs => format!("recorded files of {jobs} jobs are"),
    };
    Some(format!(
        "{whose} no longer on the disk: `shotlist download` fetches what is missing again"
    ))
}

/// How to see the rehearsal, if there was one.
fn rehearsed(manifest: &Path) -> Option<String> {
    let directory = state_directory(manifest, None, Stage::Rehearsal);
    directory.join(STATE_FILE).exists().then(|| {
        let status = Invocation {
            manifest: manifest.to_string_lossy().into_owned(),
            out: Some(directory.to_string_lossy().into_owned()),
            ..Invocation::default()
        };
        format!("the rehearsal: {}", status.command("status", ""))
    })
}

/// Whether a run is going on, as far as the lock file and the process table tell.
fn activity(holder: Option<&lock::Holder>, has_state: bool) -> String {
    match holder {
        Some(holder) => format!(
            "a run is going on: process {}, since {:.0}",
            holder.pid, holder.since
        ),
        None if has_state => "no run is going on".to_owned(),
        None => "no run yet".to_owned(),
    }
}
