//! `shotlist schema`: the JSON Schema by which editors complete and check manifests.

use crate::cli::{SchemaArgs, SchemaOf};
use crate::error::ExitCode;
use crate::manifest::json_schema;
use crate::output::Output;

pub(super) fn schema(options: &SchemaArgs, output: &mut Output) -> ExitCode {
    let text = match options.what {
        SchemaOf::Manifest => json_schema(),
    };
    output.data(&text);
    ExitCode::Completed
}
