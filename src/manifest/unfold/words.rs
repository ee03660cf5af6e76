//! What is told about templates that cannot be filled in, and about columns that none of them names.

use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::fields::{self, listed};
use crate::manifest::table::Header;
use crate::manifest::template::{self, FailureKind};
use crate::manifest::tree::Span;
use crate::manifest::values::shown;

/// `the variables here are …`, at most so many.
pub(super) fn known_names(names: &[&str]) -> String {
    const SHOWN: usize = 20;
    match names {
        [] => "there are none here: write them under `vars:`, or as axes of a `matrix:`".to_owned(),
        _ if names.len() > SHOWN => {
            let more = names.len() - SHOWN;
            format!(
                "the variables here are {} and {more} more",
                listed(&names[..SHOWN])
            )
        }
        _ => format!("the variables here are {}", listed(names)),
    }
}

/// A template that cannot be read, or filled in for another reason than a name.
pub(super) fn broken(kind: &FailureKind, place: &Span) -> Diagnostic {
    let (code, message, help): (_, String, _) = match kind {
        FailureKind::Syntax(detail) => (
            "template-syntax",
            format!("the template cannot be read: {}", shown(detail)),
            "a value is written `{{ name }}`; braces that are meant are written `{{ '{{' }}`, or between `{% raw %}` and `{% endraw %}`",
        ),
        FailureKind::TooMuch => (
            "template-limit",
            "filling in this template takes too long or makes too much text".to_owned(),
            "a prompt needs no loops over thousands of values: make it simpler",
        ),
        FailureKind::TooLong => (
            "template-limit",
            format!(
                "the text is longer than {} bytes once it is filled in",
                template::TEXT_LIMIT
            ),
            "shorten it: no prompt may be that long",
        ),
        FailureKind::NotText => (
            "template-failed",
            "a list has no text of its own".to_owned(),
            "say how it is written: `{{ colors | join(\", \") }}`",
        ),
        FailureKind::NoSuch(detail) => (
            "template-failed",
            format!(
                "the template names something that there is not: {}",
                shown(detail)
            ),
            "among the filters are `default`, `join`, `lower`, `upper`, `title`, `capitalize`, `trim`, `replace`, `first`, `last`, `length`, `int` and `urlencode`",
        ),
        FailureKind::Undefined => (
            "unknown-variable",
            "something here has no value".to_owned(),
            "say what stands for it: `{{ name | default(\"…\") }}`",
        ),
        FailureKind::Other(detail) => (
            "template-failed",
            format!("the template cannot be filled in: {}", shown(detail)),
            "check what the values are, and what is done with them",
        ),
    };
    Diagnostic::error(code, place, message, help)
}

pub(super) fn not_filled_in(field: &str, at: &Span) -> Diagnostic {
    let message = format!("`{field}` is not filled in: it is no text");
    let help = if field == "extra_body" {
        "name its field as an axis of a `matrix:`, such as `seed: [1, 2]`, or as a column of a table".to_owned()
    } else {
        format!(
            "name it as an axis, `matrix: {{ {field}: […] }}`, or as a column `{field}` of a table; filled in are `id`, `prompt`, addresses and `x_` fields"
        )
    };
    Diagnostic::error("not-filled-in", at, message, help)
}

pub(super) fn unused_column(column: &Header) -> Diagnostic {
    let name = shown(&column.written);
    let message = format!("no template names the column `{name}`");
    let help = match fields::meant(&column.name) {
        Some(meant) => format!(
            "did you mean the field `{meant}`? If not, write `{{{{ {} }}}}` where it belongs",
            column.name
        ),
        None => format!(
            "write `{{{{ {} }}}}` where it belongs; a column for results.csv alone starts with `x_`",
            column.name
        ),
    };
    Diagnostic::warning("unused-column", &column.span, message, help)
}
