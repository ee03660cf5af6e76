//! `shotlist verify`: are the downloaded files as they were downloaded? Writes nothing, takes no lock.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Reading, Stage, Stop, read_manifest, read_state, state_directory};
use crate::cli::VerifyArgs;
use crate::download::hash_of;
use crate::engine::event::SavedFile;
use crate::engine::table::JobTable;
use crate::error::ExitCode;
use crate::fs::folder::{Directory, Folder, Found};
use crate::output::Output;
use crate::report::json::{FileFinding as Finding, FileLine, Line, SummaryLine};
use crate::text::clean;

pub(super) fn verify(options: &VerifyArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let out = options.out.out.as_deref();
    let reading = Reading::new(&options.reading, options.json);
    let loaded = read_manifest(&options.manifest, &reading.options);
    let mut table = JobTable::new(loaded.plan.as_ref());
    read_state(&options.manifest, out, &mut table, output)?;
    let folder = Directory::at(&state_directory(&options.manifest, out, Stage::Real));
    let mut findings: BTreeMap<&'static str, u32> = BTreeMap::new();
    for job in 0..table.removed().end {
        let Some(files) = table.job(job).files.as_deref() else {
            continue;
        };
        for saved in files.video.iter().chain(&files.last_frame) {
            let finding = look(&folder, saved);
            *findings.entry(finding.as_str()).or_default() += 1;
            tell(table.id(job).as_str(), saved, finding, options.json, output);
        }
    }
    let good = findings.get("good").copied().unwrap_or(0);
    let all: u32 = findings.values().sum();
    let code = if good == all {
        ExitCode::Completed
    } else {
        ExitCode::SomeFailed
    };
    if options.json {
        let summary = SummaryLine {
            meaning: match code {
                ExitCode::Completed => "done",
                _ => "files are missing or changed",
            },
            files: Some(findings),
            ..SummaryLine::new("verify", code)
        };
        output.data(&Line::Summary(summary).to_json());
    } else {
        output.data(&in_words(&findings));
    }
    Ok(code)
}

fn in_words(findings: &BTreeMap<&'static str, u32>) -> String {
    let count = |finding: Finding| findings.get(finding.as_str()).copied().unwrap_or(0);
    let (good, all): (u32, u32) = (count(Finding::Good), findings.values().sum());
    let mut words = match (good, all) {
        (_, 0) => return "no downloaded file is recorded".to_owned(),
        (1, 1) => return "1 file is as it was downloaded".to_owned(),
        (good, all) if good == all => return format!("{all} files are as they were downloaded"),
        (good, all) => format!("{good} of {all} files are as they were downloaded"),
    };
    if count(Finding::Missing) > 0 {
        words += "; `shotlist download` fetches missing ones again";
    }
    if count(Finding::Changed) > 0 {
        words += "; move changed ones away, and `shotlist download` fetches them again";
    }
    words
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

fn tell(id: &str, saved: &SavedFile, finding: Finding, json: bool, output: &mut Output) {
    let sha256 = saved.sha256.to_string();
    if json {
        let line = FileLine {
            id,
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

/// Whether a file that the state names is there; its path may be whole or begin at `beside`.
pub(super) fn is_there(beside: &Path, path: &str) -> bool {
    let folder = Directory::at(beside);
    matches!(folder.look(path), Ok(Found::File(_)))
}
