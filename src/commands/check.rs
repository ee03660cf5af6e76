//! `shotlist check`: is the manifest valid?

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::{
    Reading, Stop, accept, read_manifest, read_manifest_in_windows, remark, signals, tell_written,
};
use crate::cli::{CheckArgs, ReadingArgs};
use crate::error::{Error, ExitCode};
use crate::fetch::{FetchSettings, FetchTimers, Fetcher, Private, Proxies};
use crate::fs::{self, FileError};
use crate::manifest::diagnostic::Severity;
use crate::manifest::references::References;
use crate::manifest::{ErrorsCsv, Keeping, Loaded, Totals, expand};
use crate::output::Output;
use crate::probe::finding::{Outcome, findings};
use crate::probe::{ProbeLimits, Progress, probe};
use crate::report::json::{Line, ProbedLine, SummaryLine};
use crate::report::listing;
use crate::report::notice::NoticeKind;
use crate::report::summary::Invocation;
use crate::text;
use crate::units::show_duration;

pub(super) fn check(options: &CheckArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let mut reading =
        Reading::new(&options.reading, options.json).deny_warnings(options.deny_warnings);
    reading.options.keeps_all_mistakes = options.errors_csv.is_some();
    reading.options.keeps_references = options.probe.probe;
    reading.options.insists_on_prices = true;
    reading.options.keeping = Keeping::Totals;
    let shows_places = options.errors_csv.is_some() || options.probe.probe || options.expand;
    let read = if shows_places {
        read_manifest
    } else {
        read_manifest_in_windows
    };
    let mut loaded = read(&options.manifest, &reading.options);
    let probed = probed(&mut loaded, options.probe.allow_private, output)?;
    if let Some(file) = &options.errors_csv
        && let Err(error) = write_errors(&loaded, file, &options.manifest, output)
    {
        // What is wrong with the manifest is worth knowing even so.
        let _ = accept(&options.manifest, loaded, &reading, output);
        return Err(error.into());
    }
    if let (Some(file), true) = (&options.errors_csv, options.json) {
        tell_written(file, output);
    }
    let invocation = Invocation {
        manifest: options.manifest.display().to_string(),
        ..Invocation::default()
    };
    let totals = loaded.totals;
    let is_long = options.errors_csv.is_none() && is_better_mended_in_a_sheet(&loaded);
    let accepted = accept(&options.manifest, loaded, &reading, output);
    if is_long {
        let name = match options.manifest.file_name() {
            Some(name) if name == "mend.csv" => "mended.csv",
            _ => "mend.csv",
        };
        output.talk(&format!(
            "next:    {}\n         writes each row with what is wrong with it, to be mended in a spreadsheet",
            invocation.command("check", &format!("{}--errors-csv {name}", said_of_tables(options)))
        ));
    }
    let (manifest, sources) = accepted?;
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
    let Totals { jobs, seconds } = totals;
    if options.json {
        let summary = SummaryLine {
            diagnostics: Some(manifest.diagnostics),
            jobs: Some(BTreeMap::from([("total", jobs)])),
            video_seconds: Some(seconds),
            probed: probed.map(|(answered, addresses)| ProbedLine {
                addresses,
                answered,
            }),
            ..SummaryLine::new("check", ExitCode::Completed)
        };
        output.data(&Line::Summary(summary).to_json());
        return Ok(ExitCode::Completed);
    }
    output.insist_wrapped(&format!(
        "{} is valid: {}, {seconds} seconds of video{}",
        invocation.manifest,
        listing::jobs(jobs),
        probed.map(in_words).unwrap_or_default(),
    ));
    output.talk(&format!(
        "next:    {}\n         tries it without key and money",
        invocation.command("run", "--rehearse")
    ));
    Ok(ExitCode::Completed)
}

/// What was said about the table, to be said again.
fn said_of_tables(options: &CheckArgs) -> String {
    let words = |option: &str, value: Option<String>| match value {
        Some(value) => text::option_with(option, &value) + " ",
        None => String::new(),
    };
    let ReadingArgs {
        encoding,
        delimiter,
        sheet,
        allow_outside,
    } = &options.reading;
    let outside = if *allow_outside {
        "--allow-outside "
    } else {
        ""
    };
    [
        words("encoding", encoding.map(|encoding| encoding.to_string())),
        words(
            "delimiter",
            delimiter.map(|delimiter| delimiter.to_string()),
        ),
        words("sheet", sheet.clone()),
        outside.to_owned(),
    ]
    .concat()
}

/// Whether there are so many mistakes in the one table of the manifest that a copy of it with them is of use.
fn is_better_mended_in_a_sheet(loaded: &Loaded) -> bool {
    const MANY: usize = 20;
    let severities = [Severity::Error, Severity::Warning].into_iter();
    let count: usize = severities.map(|it| loaded.diagnostics.count(it)).sum();
    count > MANY && loaded.errors_csv().is_ok()
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
    refuse_name_of_workbook(file)?;
    refuse_what_is_not_ours(file)?;
    let csv = loaded
        .errors_csv()
        .map_err(|why| Error::new(ExitCode::Usage, why.to_string()).help(why.remedy()))?;
    fs::replace_file(file, |out| csv.write(out))?;
    let lost = loaded.diagnostics.lost();
    if lost > 0 {
        let message = format!("{lost} more mistakes are not in `{}`", file.display());
        remark::warn(NoticeKind::Manifest, None, &message, output);
    }
    let errors = counted(csv.count(Severity::Error), "error");
    let mistakes = match csv.count(Severity::Warning) {
        0 => errors,
        warnings => format!("{errors} and {}", counted(warnings, "warning")),
    };
    output.talk(&format!(
        "{} has the rows of the table with {mistakes} in the last column; save it back in place of the table when it is mended, as a run goes by the file's name",
        file.display()
    ));
    Ok(())
}

/// CSV under the name of a workbook opens nowhere.
fn refuse_name_of_workbook(file: &Path) -> Result<(), Error> {
    const WORKBOOKS: [&str; 6] = ["xlsx", "xlsm", "xlsb", "xls", "ods", "numbers"];
    let ending = file.extension().unwrap_or_default().to_string_lossy();
    if !WORKBOOKS.iter().any(|it| ending.eq_ignore_ascii_case(it)) {
        return Ok(());
    }
    let message = format!(
        "the rows with their errors are written as CSV, and `{}` is the name of a workbook",
        file.display()
    );
    let help = format!(
        "write `--errors-csv {}`: spreadsheets open it",
        text::quoted(&file.with_extension("csv").display().to_string())
    );
    Err(Error::new(ExitCode::Usage, message).help(help))
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

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
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
    let is_drawn = output.talks_to_terminal() && !output.is_quiet();
    let canvas = output.canvas();
    let mut lines = Lines::default();
    let runtime = signals::runtime()?;
    let limits = ProbeLimits::default();
    let outcomes = runtime.block_on(probe(&fetcher, references, limits, |progress| {
        if is_drawn && progress.elapsed > Duration::ZERO && !lines.is_first() {
            canvas.show(&format!("\r{}\x1b[K", in_progress(progress)));
        } else if let Some(line) = lines.next(progress) {
            output.talk(&line);
        }
    }));
    if is_drawn {
        canvas.show("\r\x1b[K");
    }
    // A name server may still keep a thread waiting.
    runtime.shutdown_background();
    Ok(outcomes)
}

/// Lines about a probe: one when it begins, and one a minute where nobody watches.
#[derive(Default)]
struct Lines {
    next: Duration,
}

impl Lines {
    const SPACING: Duration = Duration::from_secs(60);

    /// Whether nothing was said yet.
    fn is_first(&self) -> bool {
        self.next.is_zero()
    }

    fn next(&mut self, progress: Progress) -> Option<String> {
        let is_first = self.is_first();
        if progress.total == 0 || progress.elapsed < self.next {
            return None;
        }
        self.next = progress.elapsed + Self::SPACING;
        Some(match progress.total {
            _ if !is_first => in_progress(progress),
            1 => "asking for 1 file …".to_owned(),
            total => format!("asking for {total} files …"),
        })
    }
}

/// `60 of 1000 files checked after 1m`
fn in_progress(progress: Progress) -> String {
    let Progress {
        done,
        total,
        elapsed,
    } = progress;
    let seconds = Duration::from_secs(elapsed.as_secs());
    format!(
        "{done} of {total} files checked after {}",
        show_duration(seconds)
    )
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
    fn a_probe_says_what_it_does_and_then_once_a_minute_where_nobody_watches() {
        let mut lines = Lines::default();
        let told = (0..=200).filter_map(|second| {
            lines.next(Progress {
                done: second,
                total: 1000,
                elapsed: Duration::from_secs(second as u64),
            })
        });
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                "asking for 1000 files …",
                "60 of 1000 files checked after 1m",
                "120 of 1000 files checked after 2m",
                "180 of 1000 files checked after 3m"
            ]
        );
    }
}
