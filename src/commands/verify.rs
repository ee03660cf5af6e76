//! `shotlist verify`: are the downloaded files as they were downloaded? Writes nothing, takes no lock.

use std::collections::BTreeMap;

use super::run::reading;
use super::{Reading, Stage, Stop, read_manifest_in_windows, read_state, state_directory};
use crate::cli::VerifyArgs;
use crate::download::hash_of;
use crate::engine::event::SavedFile;
use crate::engine::job::Take;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::fs::folder::{Directory, Folder, Found};
use crate::output::Output;
use crate::report::json::{FileFinding as Finding, FileLine, Line, SummaryLine};
use crate::report::summary::Invocation;
use crate::text::clean;

pub(super) fn verify(options: &VerifyArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let out = options.out.out.as_deref();
    let how = Reading::new(&options.reading, options.json);
    let loaded = read_manifest_in_windows(&options.manifest, &how.options);
    let mut table = JobTable::new(loaded.plan.as_ref());
    read_state(&options.manifest, out, &mut table, output)?;
    let folder = Directory::at(&state_directory(&options.manifest, out, Stage::Real));
    let mut findings = Findings::new();
    for job in 0..table.removed().end {
        let video = table.job(job).video();
        let Some((video, files)) = video.and_then(|video| Some((video, video.files?))) else {
            continue;
        };
        for saved in files.video.iter().chain(&files.last_frame) {
            let finding = look(&folder, saved);
            *findings.entry(finding.as_str()).or_default() += 1;
            let id = table.id(job).as_str();
            tell(id, video.take, saved, finding, options.json, output);
        }
    }
    Ok(sum_up(findings, options, output))
}

/// How many files were found so.
type Findings = BTreeMap<&'static str, u32>;

fn count(findings: &Findings, finding: Finding) -> u32 {
    findings.get(finding.as_str()).copied().unwrap_or(0)
}

fn sum_up(findings: Findings, options: &VerifyArgs, output: &mut Output) -> ExitCode {
    let all: u32 = findings.values().sum();
    let code = if count(&findings, Finding::Good) == all {
        ExitCode::Completed
    } else {
        ExitCode::SomeFailed
    };
    let next = next(&findings, options);
    if !options.json {
        output.data(&in_words(&findings));
        if let Some((command, reason)) = next {
            output.data(&format!("next:    {command}\n         {reason}"));
        }
        return code;
    }
    let summary = SummaryLine {
        meaning: match code {
            ExitCode::Completed => "done",
            _ => "files are missing or changed",
        },
        files: Some(findings),
        next: next.map(|(command, _)| command),
        ..SummaryLine::new("verify", code)
    };
    output.data(&Line::Summary(summary).to_json());
    code
}

fn in_words(findings: &Findings) -> String {
    match (
        count(findings, Finding::Good),
        findings.values().sum::<u32>(),
    ) {
        (_, 0) => "no downloaded file is recorded".to_owned(),
        (1, 1) => "1 file is as it was downloaded".to_owned(),
        (good, all) if good == all => format!("{all} files are as they were downloaded"),
        (good, all) => format!("{good} of {all} files are as they were downloaded"),
    }
}

/// What to type next, and what must be done before or comes of it.
fn next(findings: &Findings, options: &VerifyArgs) -> Option<(String, &'static str)> {
    let has = |finding| count(findings, finding) > 0;
    let (verb, reason) = if has(Finding::Changed) {
        (
            "download",
            "once the changed files are moved away: nothing is ever written over; it fetches what is not there",
        )
    } else if has(Finding::Missing) {
        ("download", "fetches what is missing again; nothing is paid")
    } else if has(Finding::Unreadable) {
        ("verify", "once the system lets the files be read")
    } else {
        return None;
    };
    let invocation = Invocation {
        manifest: options.manifest.display().to_string(),
        out: options
            .out
            .out
            .as_ref()
            .map(|out| out.display().to_string()),
        reading_options: reading(&options.reading),
        ..Invocation::default()
    };
    Some((invocation.command(verb, ""), reason))
}

fn look(folder: &Directory, saved: &SavedFile) -> Finding {
    let name = saved.file.as_str();
    match folder.look(name) {
        Ok(Found::Nothing) => return Finding::Missing,
        Ok(Found::File(size)) if size != saved.bytes => return Finding::Changed,
        Ok(Found::Other) => return Finding::Changed,
        Ok(Found::File(_)) => {}
        Err(_) => return Finding::Unreadable,
    }
    match folder.open(name).and_then(|file| hash_of(&file)) {
        Ok((bytes, sha256)) if (bytes, sha256) == (saved.bytes, saved.sha256) => Finding::Good,
        Ok(_) => Finding::Changed,
        Err(_) => Finding::Unreadable,
    }
}

fn tell(
    id: &str,
    take: Take,
    saved: &SavedFile,
    finding: Finding,
    json: bool,
    output: &mut Output,
) {
    let sha256 = saved.sha256.to_string();
    if json {
        let line = FileLine {
            id,
            take: take.0,
            file: saved.file.as_str(),
            finding: finding.as_str(),
            bytes: saved.bytes,
            sha256: &sha256,
        };
        output.data(&Line::File(line).to_json());
    } else if finding != Finding::Good {
        let path = clean(saved.file.as_str(), 500);
        output.data(&format!("{finding:<10}  {id}  {path}"));
    }
}
