//! `shotlist schema`: the JSON Schemas of manifests, for editors, and of what `--json` prints and logs hold, for programs.

use crate::cli::{SchemaArgs, SchemaOf};
use crate::error::ExitCode;
use crate::output::Output;
use crate::{manifest, report};

pub(super) fn schema(options: &SchemaArgs, output: &mut Output) -> ExitCode {
    let text = match options.what {
        SchemaOf::Manifest => manifest::json_schema(),
        SchemaOf::Output => report::json::json_schema(),
        SchemaOf::Log => report::json::log_schema(),
    };
    output.data(&text);
    ExitCode::Completed
}
