//! `shotlist check`: is the manifest valid?

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{Reading, Stop, accept, read_manifest, signals};
use crate::cli::CheckArgs;
use crate::error::{Error, ExitCode};
use crate::fetch::{FetchSettings, FetchTimers, Fetcher, Private, Proxies};
use crate::fs::{self, FileError};
use crate::manifest::diagnostic::Severity;
use crate::manifest::references::References;
use crate::manifest::{ErrorsCsv, Loaded, expand};
use crate::output::Output;
use crate::probe::finding::{Outcome, findings};
use crate::probe::{ProbeLimits, Progress, probe};
use crate::report::json::{Line, SummaryLine};
use crate::report::listing;
use crate::report::summary::Invocation;
use crate::units::show_duration;

pub(super) fn check(options: &CheckArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let mut reading =
        Reading::new(&options.reading, options.json).deny_warnings(options.deny_warnings);
    reading.options.keeps_all_mistakes = options.errors_csv.is_some();
    reading.options.keeps_references = options.probe.probe;
    let mut loaded = read_manifest(&options.manifest, &reading.options);
    let probed = probed(&mut loaded, options.probe.allow_private, output)?;
    if let Some(file) = &options.errors_csv
        && let Err(error) = write_errors(&loaded, file, &options.manifest, output)
    {
        // What is wrong with the manifest is worth knowing even so.
        let _ = accept(&options.manifest, loaded, &reading, output);
        return Err(error.into());
    }
    let (manifest, sources) = accept(&options.manifest, loaded, &reading, output)?;
    if options.expand {
        let mut yaml = Vec::new();
        expand::to_yaml(&manifest.plan, &sources, &mut yaml)
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
        "{} is valid: {}, {seconds} seconds of video{}\nnext:    {}\n         tries it without key and money",
        invocation.manifest,
        listing::jobs(u32::try_from(jobs.len()).unwrap_or(u32::MAX)),
        probed.map(in_words).unwrap_or_default(),
        invocation.command("run", "--rehearse")
    ));
    Ok(ExitCode::Completed)
}

/// Writes the rows of the table with their errors to `file`, which is none of the files that were read.
fn write_errors(
    loaded: &Loaded,
    file: &Path,
    manifest: &Path,
    output: &mut Output,
) -> Result<(), Error> {
    let read = loaded.sources.names().map(Path::new).chain([manifest]);
    for other in read {
        if fs::is_same_file(file, other) {
            let message = format!(
                "`{}` was read as the manifest or its table, and is not written over",
                file.display()
            );
            let help = "name another file for the rows with their errors";
            return Err(Error::new(ExitCode::Usage, message).help(help));
        }
    }
    refuse_what_is_not_ours(file)?;
    let csv = loaded
        .errors_csv()
        .map_err(|why| Error::new(ExitCode::Usage, why.to_string()).help(why.remedy()))?;
    fs::replace_file(file, |out| csv.write(out))?;
    let unlisted = loaded.diagnostics.unlisted();
    if unlisted > 0 {
        output.insist(&format!("warning: {unlisted} more mistakes are not in it"));
    }
    let errors = match loaded.diagnostics.count(Severity::Error) {
        1 => "1 error".to_owned(),
        count => format!("{count} errors"),
    };
    output.talk(&format!(
        "{} has the rows of the table with {errors} in the last column",
        file.display()
    ));
    Ok(())
}

/// Rows with errors replace rows with errors, and nothing else that is there.
fn refuse_what_is_not_ours(file: &Path) -> Result<(), Error> {
    const HEADER_LIMIT: u64 = 1 << 20;
    let refused = |why: &str| {
        let message = format!("`{}` {why}, and is left as it is", file.display());
        Error::new(ExitCode::Usage, message)
            .help("name another file for the rows with their errors")
    };
    match fs::beginning(file, HEADER_LIMIT) {
        Ok(Some(bytes)) if !ErrorsCsv::may_begin(&bytes) => {
            Err(refused("was not written by `--errors-csv`"))
        }
        Ok(_) => Ok(()),
        Err(FileError::Symlink { .. }) => Err(refused("is a link")),
        Err(FileError::NotAFile { .. }) => Err(refused("is a directory, a pipe or a device")),
        Err(error) => Err(error.into()),
    }
}

/// Timers of one request: a server that takes longer would also try the provider's patience.
const TIMERS: FetchTimers = FetchTimers {
    connect: Duration::from_secs(10),
    idle: Duration::from_secs(15),
    total: Duration::from_secs(30),
};

/// Asks for every file that the manifest refers to, if they were kept and it is valid so far; how many addresses
/// answered, and of how many.
fn probed(
    loaded: &mut Loaded,
    allow_private: bool,
    output: &mut Output,
) -> Result<Option<(usize, usize)>, Stop> {
    let references = match loaded.references.take() {
        Some(references) if loaded.plan.is_some() => references,
        _ => return Ok(None),
    };
    let outcomes = outcomes(&references, allow_private, output)?;
    let found = findings(&references, &outcomes, &loaded.sources);
    loaded.add(found);
    let answered = |outcome: &&Outcome| matches!(outcome, Outcome::Answered(facts) if (200..300).contains(&facts.status));
    let count = outcomes.iter().filter(answered).count();
    Ok(Some((count, outcomes.len())))
}

fn outcomes(
    references: &References,
    allow_private: bool,
    output: &mut Output,
) -> Result<Vec<Outcome>, Stop> {
    let fetcher = Fetcher::new(&FetchSettings {
        private: if allow_private {
            Private::Allow
        } else {
            Private::Refuse
        },
        proxies: Proxies::System,
        timers: TIMERS,
    })
    .map_err(|source| Error::new(ExitCode::Usage, "failed to set up the probe").because(source))?;
    let mut lines = Lines::new(output.talks_to_terminal());
    let runtime = signals::runtime()?;
    let limits = ProbeLimits::default();
    let outcomes = runtime.block_on(probe(&fetcher, references, limits, |progress| {
        if let Some(line) = lines.next(progress) {
            output.talk(&line);
        }
    }));
    // A name server may still keep a thread waiting.
    runtime.shutdown_background();
    Ok(outcomes)
}

/// Lines about a probe that takes long.
struct Lines {
    spacing: Duration,
    next: Duration,
}

impl Lines {
    fn new(on_terminal: bool) -> Self {
        let spacing = Duration::from_secs(if on_terminal { 10 } else { 60 });
        Self {
            spacing,
            next: spacing,
        }
    }

    fn next(&mut self, progress: Progress) -> Option<String> {
        let Progress {
            done,
            total,
            elapsed,
        } = progress;
        if elapsed < self.next {
            return None;
        }
        self.next = elapsed + self.spacing;
        let seconds = Duration::from_secs(elapsed.as_secs());
        Some(format!(
            "{done} of {total} addresses checked after {}",
            show_duration(seconds)
        ))
    }
}

/// `; 3 of 4 addresses answer`, behind the words about the jobs.
fn in_words((answered, total): (usize, usize)) -> String {
    match (answered, total) {
        (_, 0) => "; they refer to no files".to_owned(),
        (1, 1) => "; the one address in it answers".to_owned(),
        (answered, total) if answered == total => format!("; all {total} addresses in it answer"),
        (answered, total) => format!("; {answered} of {total} addresses in it answer"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_takes_long_tells_so_once_a_minute_where_nobody_watches() {
        let said = |on_terminal| {
            let mut lines = Lines::new(on_terminal);
            let told = (0..=200).filter_map(|second| {
                lines.next(Progress {
                    done: second,
                    total: 1000,
                    elapsed: Duration::from_secs(second as u64),
                })
            });
            told.collect::<Vec<_>>()
        };
        assert_eq!(
            said(false),
            [
                "60 of 1000 addresses checked after 1m",
                "120 of 1000 addresses checked after 2m",
                "180 of 1000 addresses checked after 3m"
            ]
        );
        assert_eq!(said(true).len(), 20);
    }
}
