//! `shotlist check`: is the manifest valid?

use std::io::Write as _;

use super::{Stop, load_manifest};
use crate::cli::CheckArgs;
use crate::error::{Error, ExitCode};
use crate::manifest::expand;
use crate::output::Output;
use crate::report::json::{Line, SummaryLine};
use crate::report::listing;
use crate::report::summary::Invocation;

pub(super) fn check(options: &CheckArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let manifest = load_manifest(&options.manifest, options.json, output)?;
    if options.expand {
        let mut yaml = Vec::new();
        expand::to_yaml(&manifest.plan, &mut yaml)
            .and_then(|()| yaml.flush())
            .map_err(|source| {
                Error::new(ExitCode::Bug, "failed to write the jobs as YAML").because(source)
            })?;
        output.data(String::from_utf8_lossy(&yaml).trim_end());
        return Ok(ExitCode::Completed);
    }
    if options.json {
        let summary = SummaryLine {
            diagnostics: Some(manifest.diagnostics),
            ..SummaryLine::new("check", ExitCode::Completed)
        };
        output.data(&Line::Summary(summary).to_json());
        return Ok(ExitCode::Completed);
    }
    let jobs = manifest.plan.jobs();
    let seconds: u64 = jobs
        .iter()
        .filter_map(|job| job.request().duration())
        .map(u64::from)
        .sum();
    let invocation = Invocation {
        manifest: options.manifest.display().to_string(),
        ..Invocation::default()
    };
    output.talk(&format!(
        "{} is valid: {}, {seconds} seconds of video\nnext:    {}\n         tries it without key and money",
        invocation.manifest,
        listing::jobs(u32::try_from(jobs.len()).unwrap_or(u32::MAX)),
        invocation.command("run", "--rehearse")
    ));
    Ok(ExitCode::Completed)
}
