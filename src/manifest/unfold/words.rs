//! What is told about templates that cannot be filled in, and about columns that none of them names.

use std::ops::Range;

use super::filling::ALL_TEXT;
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::fields::{self, listed};
use crate::manifest::table::Header;
use crate::manifest::template::{self, FailureKind};
use crate::manifest::tree::Span;
use crate::manifest::values::shown;
use crate::manifest::vars::identifier;

/// The variable that was meant by a name that is none: one nearly the same, or the only one of which it is a part, as
/// `hero` is of `hero_image`.
pub(super) fn meant<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    fields::nearest(name, names).or_else(|| whole_of(name, names))
}

/// The same, if it can be no other.
pub(super) fn surely_meant<'n>(name: &str, names: &[&'n str]) -> Option<&'n str> {
    match fields::nearest(name, names) {
        Some(_) => fields::surely(name, names),
        None => whole_of(name, names),
    }
}

/// The only name that begins or ends with this word.
fn whole_of<'n>(word: &str, names: &[&'n str]) -> Option<&'n str> {
    let is_whole = |name: &&&str| {
        let after = name
            .strip_prefix(word)
            .is_some_and(|it| it.starts_with('_'));
        after || name.strip_suffix(word).is_some_and(|it| it.ends_with('_'))
    };
    let mut wholes = names.iter().filter(is_whole);
    let only = wholes.next().filter(|_| wholes.next().is_none())?;
    (word.len() > 2).then_some(*only)
}

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

/// A template that cannot be read, or filled in for another reason than a name; `part` is what stands at the place.
pub(super) fn broken(kind: &FailureKind, part: &str, place: &Span) -> Diagnostic {
    let name = is_name(part).then_some(part);
    let (code, message, help): (_, String, String) = match kind {
        FailureKind::Syntax { reason, help } => ("template-syntax", reason.clone(), help.clone()),
        FailureKind::TooMuch => (
            "template-limit",
            "filling in this template takes too long or makes too much text".to_owned(),
            "a prompt needs no loops over thousands of values: make it simpler".to_owned(),
        ),
        FailureKind::TooLong => (
            "template-limit",
            format!(
                "the text is longer than {} bytes once it is filled in",
                template::TEXT_LIMIT
            ),
            "shorten it: no prompt may be that long".to_owned(),
        ),
        FailureKind::NotText => (
            "template-failed",
            match name {
                Some(name) => format!("`{name}` is a list, and has no text of its own"),
                None => "a list has no text of its own".to_owned(),
            },
            format!(
                "say how it is written: `{{{{ {} | join(', ') }}}}`",
                name.unwrap_or("colors")
            ),
        ),
        FailureKind::NoSuch { what, name, meant } => (
            "template-failed",
            format!("there is no {what} `{}`", shown(name)),
            match (*what, meant) {
                (_, Some(meant)) => format!("did you mean `{meant}`?"),
                ("filter", None) => format!(
                    "the usual filters are {}",
                    listed(template::usual_filters())
                ),
                ("test", None) => {
                    "ask with `==`, `in`, or `is defined`: `{% if brand == 'Aurora' %}`".to_owned()
                }
                _ => format!(
                    "a value is written without brackets, `{{{{ {} }}}}`, and changed by a filter, `{{{{ name | upper }}}}`",
                    if is_name(name) { name } else { "name" }
                ),
            },
        ),
        FailureKind::Undefined => (
            "unknown-variable",
            "something here has no value".to_owned(),
            "say what stands for it: `{{ name | default('…') }}`".to_owned(),
        ),
        FailureKind::Unfit(said) => unfit(said, part),
    };
    Diagnostic::error(code, place, message, help)
}

/// A filter or a sign that does not fit its values, by what the engine says of it.
fn unfit(said: &str, part: &str) -> (&'static str, String, String) {
    let (message, help) = if let Some(rest) = said.strip_prefix("tried to use ") {
        let sign = rest.split(' ').next().unwrap_or("");
        (
            format!("`{sign}` does not go with these values: it is for numbers"),
            "texts are joined with `~`: `{{ brand ~ ' ' ~ color }}`; a text becomes a number with `| int`",
        )
    } else if said.contains("not callable") {
        (
            format!("`{}` is no function", shown(part)),
            "a value is written without brackets, `{{ brand }}`, and changed by a filter, `{{ brand | upper }}`",
        )
    } else if said.contains("missing argument") {
        (
            format!("`{}` has too little in its brackets", shown(part)),
            "such as `replace('old', 'new')`, `join(', ')` or `default('…')`",
        )
    } else if said.contains("too many arguments") || said.contains("keyword argument") {
        (
            format!("`{}` has more in its brackets than it takes", shown(part)),
            "such as `replace('old', 'new')`, `join(', ')` or `default('…')`",
        )
    } else {
        (
            format!("`{}` cannot be done with these values", shown(part)),
            "look at what the values are: `upper` and `replace` are for texts, `join` and `first` for lists, `+` and `int` for numbers",
        )
    };
    ("template-failed", message, help.to_owned())
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// What a name is a part of if somebody wrote `-` in it, such as `brand-name`.
pub(super) fn dashed(text: &str, name: &Range<usize>) -> Option<Range<usize>> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let before = &text[..name.start];
    let start = before.trim_end_matches(is_part).len();
    let after = &text[name.end..];
    let end = text.len() - after.trim_start_matches(is_part).len();
    let whole = &text[start..end];
    let start = start + whole.len() - whole.trim_start_matches('-').len();
    let end = end - (whole.len() - whole.trim_end_matches('-').len());
    (end - start > name.len() && text[start..end].contains('-')).then_some(start..end)
}

/// A name with `-` in it, which is a subtraction to a template.
pub(super) fn dash_in_name(dashed: &str, names: &[&str], place: &Span) -> Diagnostic {
    let meant = identifier(dashed);
    let message = format!(
        "there is no variable `{}`: names have no `-`",
        shown(dashed)
    );
    let help = if names.contains(&meant.as_str()) {
        format!("write `{{{{ {meant} }}}}`")
    } else {
        format!(
            "call it `{meant}`, and write `{{{{ {meant} }}}}`; {}",
            known_names(names)
        )
    };
    Diagnostic::error("unknown-variable", place, message, help)
}

/// All templates together made `bytes` of text for the first `jobs`.
pub(super) fn too_much_text(at: &Span, bytes: u64, jobs: u64) -> Diagnostic {
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "the templates of this manifest make more than {} MiB of text: {} MiB for the first {jobs} jobs; from here on nothing was filled in",
        mebibytes(ALL_TEXT),
        mebibytes(bytes)
    );
    let help = "no prompt is that long: shorten what is filled in, or make fewer jobs of it";
    Diagnostic::error("too-much-text", at, message, help)
}

/// The jobs of a manifest repeat `bytes` of text, and may no more than `most`; so many have been counted.
pub(super) fn too_much_repeated(at: &Span, (bytes, most): (u64, u64), jobs: u64) -> Diagnostic {
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    let message = format!(
        "the jobs of this manifest have more than {} MiB of text that is written once and repeated in each: {} MiB in {jobs} jobs; from here on none was made",
        mebibytes(most),
        mebibytes(bytes)
    );
    let help = if most == ALL_TEXT {
        "no prompt is that long: shorten what is repeated, or make fewer jobs of it"
    } else {
        "put the picture where the provider can fetch it, and give its address; or make fewer jobs of it"
    };
    Diagnostic::error("too-much-text", at, message, help)
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
