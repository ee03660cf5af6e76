//! `shotlist init`: a commented manifest to start from.

use std::path::Path;

use super::{Stop, tell_written};
use crate::cli::InitArgs;
use crate::error::{Error, ExitCode};
use crate::fs::{self, FileError};
use crate::manifest::{StarterFormat, starter};
use crate::output::Output;
use crate::report::json::{Line, SummaryLine};
use crate::text::quoted;

pub(super) fn init(options: &InitArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    let path = &options.file;
    let text = starter(format_of(path)?);
    fs::create_new_file(path, text.as_bytes()).map_err(|error| match error {
        FileError::Exists { .. } => Error::new(ExitCode::Usage, error.to_string()),
        other => other.into(),
    })?;
    let name = path.display().to_string();
    let next = format!("shotlist check {}", quoted(&name));
    output.talk(&format!("wrote {name}; next: edit it, then `{next}`"));
    if options.json {
        tell_written(path, output);
        let summary = SummaryLine {
            next: Some(next),
            ..SummaryLine::new("init", ExitCode::Completed)
        };
        output.data(&Line::Summary(summary).to_json());
    }
    Ok(ExitCode::Completed)
}

fn format_of(path: &Path) -> Result<StarterFormat, Error> {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    match extension.as_str() {
        "yaml" | "yml" => Ok(StarterFormat::Yaml),
        "csv" => Ok(StarterFormat::Csv),
        _ => Err(Error::new(
            ExitCode::Usage,
            format!("`{}` is neither YAML nor CSV by its name", path.display()),
        )
        .help("let the name end in `.yaml` or `.csv`")),
    }
}
