//! What `--rerun redo --marks FILE` takes from the gallery: reads the file, and tells which marks do not count.

use std::path::Path;

use super::{
    Manifest, Reading, Stop, count_diagnostics, remark, said_by_the_system, show_diagnostics,
};
use crate::cli::ScopeArgs;
use crate::engine::event::RunNumber;
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::error::{Error, ExitCode};
use crate::fs;
use crate::manifest;
use crate::marks::{Judgement, Mark, Void, judge};
use crate::output::Output;
use crate::plan::JobId;
use crate::report::notice::NoticeKind;

/// Largest file of marks that is read, in bytes.
const MARKS_LIMIT: u64 = 64 << 20;

/// Most jobs that a warning names.
const NAMED: usize = 3;

/// The marks of `--marks`, or none; any mistake in them ends the command.
pub(super) fn read(
    options: &ScopeArgs,
    out: Option<&Path>,
    manifest: &Manifest,
    reading: &Reading,
    output: &mut Output,
) -> Result<Vec<Mark>, Stop> {
    let Some(path) = options.marks.as_deref() else {
        return Ok(Vec::new());
    };
    let bytes = fs::read_file_capped(path, MARKS_LIMIT)
        .map_err(|error| unreadable(path, said_by_the_system(error)))?;
    // A state that was named with `--out` may be that of a manifest which has had another name.
    let name = super::file_name(&manifest.path);
    let wanted = out.is_none().then_some(name.as_str());
    let shown = path.display().to_string();
    manifest::marks::load(&shown, bytes, wanted).map_err(|wrong| {
        show_diagnostics(&wrong, reading, output);
        Stop::Invalid(count_diagnostics(&wrong))
    })
}

fn unreadable(path: &Path, source: std::io::Error) -> Error {
    let message = format!("the marks in `{}` cannot be read", path.display());
    Error::new(ExitCode::Usage, message)
        .because(source)
        .help("give the file that \"Save marks\" in the gallery has written")
}

/// Which jobs the marks want to be made again; tells why others do not count. Marks for videos of another state end the
/// command: with that state left out, everything would be ordered anew.
pub(super) fn judged(
    marks: &[Mark],
    table: &JobTable,
    selection: &Selection,
    output: &mut Output,
) -> Result<Judgement, Error> {
    if !marks.is_empty() && table.next_run() == RunNumber(1) {
        let message = "the marks are for videos that this state knows nothing of: no run has been made over it";
        return Err(Error::new(ExitCode::Usage, message)
            .help("name the directory in which the gallery is with `--out`; nothing was sent"));
    }
    let judgement = judge(marks, table, selection);
    for (reason, words) in lines(&judgement) {
        let tell = if reason.is_expected() {
            remark::note
        } else {
            remark::warn
        };
        tell(NoticeKind::Marks, None, &words, output);
    }
    if let Some(words) = not_kept(&judgement, table) {
        remark::warn(NoticeKind::Marks, None, &words, output);
    }
    Ok(judgement)
}

/// Once the new take is completed, results.csv names it alone: whoever wants the old video too should have it by then.
fn not_kept(judgement: &Judgement, table: &JobTable) -> Option<String> {
    let redo = judgement.redo.iter().copied();
    let lacking: Vec<_> = redo.filter(|job| table.job(*job).lacks_files()).collect();
    let (count, videos) = match lacking.len() {
        0 => return None,
        1 => (1, "video"),
        count => (count, "videos"),
    };
    let jobs = lacking.iter().map(|job| table.id(*job));
    Some(format!(
        "{count} {videos} to be made again {} not downloaded: {}; to keep the old, type `shotlist download` first",
        if count == 1 { "is" } else { "are" },
        named(jobs, count)
    ))
}

/// Some of the jobs, by name.
fn named<'a>(jobs: impl Iterator<Item = &'a JobId>, count: usize) -> String {
    let some: Vec<String> = jobs.take(NAMED).map(|job| format!("`{job}`")).collect();
    let rest = if count > NAMED { ", …" } else { "" };
    format!("{}{rest}", some.join(", "))
}

/// A line for each reason for which marks do not count.
fn lines(judgement: &Judgement) -> Vec<(Void, String)> {
    let line = |reason: &Void| {
        let count = judgement.jobs(*reason).count();
        let marks = if count == 1 { "mark does" } else { "marks do" };
        (count > 0).then(|| {
            let words = format!(
                "{count} {marks} not count, for jobs that {}: {}",
                reason.words(),
                named(judgement.jobs(*reason), count)
            );
            (*reason, words)
        })
    };
    Void::ALL.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::job_id;

    #[test]
    fn marks_that_do_not_count_are_told_by_reason_with_some_of_their_jobs() {
        let void = |reason, jobs: &[&str]| -> Vec<_> {
            jobs.iter().map(|job| (reason, job_id(job))).collect()
        };
        let judgement = Judgement {
            void: [
                void(Void::MadeAgain, &["a", "b", "c", "d"]),
                void(Void::NotSettled, &["e"]),
            ]
            .concat(),
            ..Judgement::default()
        };
        assert_eq!(
            lines(&judgement)
                .into_iter()
                .map(|(_, words)| words)
                .collect::<Vec<_>>(),
            [
                "4 marks do not count, for jobs that have been made again since: `a`, `b`, `c`, …",
                "1 mark does not count, for jobs that are not settled, and only finished videos are made again: `e`",
            ]
        );
        assert!(lines(&Judgement::default()).is_empty());
    }
}
