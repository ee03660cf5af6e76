//! Files that a run writes, given in place of its manifest: what they are, and which manifest they belong to. Start at
//! [`refusal`].

use std::path::Path;

use super::diagnostic::Diagnostic;
use super::tree::Span;
use super::values::shown;

/// Columns that only the results of a run have together.
const COLUMNS_OF_RESULTS: [&str; 4] = ["status", "task_id", "error_class", "attempts"];

/// What is wrong with the manifest at `path`, if it is a file of a run.
pub(super) fn refusal(path: &Path, bytes: &[u8], at: &Span) -> Option<Diagnostic> {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next()?;
    let line = String::from_utf8_lossy(line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line));
    let (message, manifest) = if is_header_of_results(&line) {
        let message = "this file holds the results of a run, and is no manifest";
        (message, None)
    } else {
        let message = "this file is the state of a run, and is no manifest";
        (message, Some(manifest_in_state(&line)?))
    };
    let folder = path.parent().and_then(Path::file_name);
    let stem = folder.and_then(|it| it.to_str()?.strip_suffix(".run"));
    let help = match (manifest, stem) {
        (Some(name), _) => format!(
            "it belongs to the manifest `{}`: name that one",
            shown(name)
        ),
        (None, Some(stem)) => format!(
            "it belongs to the manifest beside its folder, such as `{0}.yaml` or `{0}.csv`: name that one",
            shown(stem)
        ),
        (None, None) => "name the manifest of the run, which lists its jobs".to_owned(),
    };
    Some(Diagnostic::error("not-a-manifest", at, message, help))
}

fn is_header_of_results(line: &str) -> bool {
    let names: Vec<&str> = line
        .split([',', ';', '\t'])
        .map(|name| name.trim().trim_matches('"'))
        .collect();
    COLUMNS_OF_RESULTS.iter().all(|it| names.contains(it))
}

/// The name of the manifest in the first record of a state.
fn manifest_in_state(line: &str) -> Option<&str> {
    let is_header = line.starts_with("{\"seq\":0,") && line.contains("\"type\":\"header\"");
    let (_, rest) = line.split_once("\"manifest\":\"").filter(|_| is_header)?;
    rest.split_once('"').map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tree::SourceId;

    fn help_about(path: &str, text: &str) -> Option<String> {
        let at = Span {
            source: SourceId(0),
            bytes: 0..0,
        };
        refusal(Path::new(path), text.as_bytes(), &at).map(|found| found.help)
    }

    #[test]
    fn the_files_of_a_run_are_told_with_their_manifest() {
        let results = "\u{feff}id,status,task_id,error_class,attempts,note\r\na,completed\r\n";
        let help = help_about("films/spring.run/results.csv", results).expect("results");
        assert!(help.contains("`spring.yaml` or `spring.csv`"), "{help}");
        let saved_again = results.replace(',', ";");
        let help = help_about("results.csv", &saved_again).expect("results");
        assert!(help.contains("the manifest of the run"), "{help}");
        let state =
            "{\"seq\":0,\"type\":\"header\",\"version\":1,\"manifest\":\"m.yaml\"}\n{\"seq\":1}";
        let help = help_about("state.jsonl", state).expect("a state");
        assert!(help.contains("`m.yaml`"), "{help}");
        for text in ["id,status,prompt\n", "", "{\"seq\":1}", "jobs: []"] {
            assert_eq!(help_about("m.run/results.csv", text), None, "{text}");
        }
    }
}
