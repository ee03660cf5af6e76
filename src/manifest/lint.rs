//! Warnings that can be allowed, and what `allow:` says. Start at [`LINTS`] and [`Allow`].
//!
//! Errors are not here: nothing allows them.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{listed, nearest};
use super::tree::{Key, Node, Span, Value};
use super::values::{described, shown};

/// Every warning by its code, with what it is about.
pub const LINTS: &[(&str, &str)] = &[
    ("account-feature", "a model that not every account has"),
    (
        "compatibility-path",
        "the path of compatibility clients as `create_path`",
    ),
    ("control-character", "a control character in a prompt"),
    (
        "garbled-text",
        "a prompt that was read in the wrong encoding",
    ),
    (
        "guessed-encoding",
        "a table whose encoding could only be guessed",
    ),
    ("hidden-rows", "rows of a sheet that are not shown"),
    ("identical-content", "two jobs that send exactly the same"),
    (
        "idle-option",
        "`--encoding`, `--delimiter` or `--sheet` where it changes nothing",
    ),
    (
        "include-adds-nothing",
        "an element of `include` that is made already",
    ),
    (
        "looks-like-template",
        "braces in a text that are not filled in",
    ),
    ("mixed-audios", "`image` and `audios` in one job"),
    ("no-duration", "a job without `duration`"),
    ("operation-used", "`operation`, which makes routing unclear"),
    (
        "page-address",
        "the address of a web page in the place of a file",
    ),
    (
        "placeholder-prompt",
        "a prompt that only keeps a place free",
    ),
    (
        "probe-length",
        "a reference video that is hardly longer or shorter than it may be",
    ),
    (
        "probe-login",
        "an address with a login, which `--probe` does not ask",
    ),
    ("probe-no-answer", "an address that does not answer now"),
    (
        "probe-not-asked",
        "addresses that `--probe` did not come to",
    ),
    ("probe-seconds", "`seconds` that the video does not have"),
    ("probe-type", "a file whose kind is unsure"),
    (
        "rounded-seed",
        "a seed that a spreadsheet has probably rounded",
    ),
    (
        "same-prompt-and-seed",
        "two jobs with the same prompt and seed that differ elsewhere",
    ),
    (
        "shadowed-var",
        "a variable behind a nearer one of the same name",
    ),
    ("unpriced", "jobs that the price list has no price for"),
    ("unused-column", "a column that no template names"),
    ("unused-var", "a variable that no template names"),
    ("yaml-version", "a `%YAML` line of another version"),
];

/// The warnings that a manifest does not want to hear of.
#[derive(Debug, Default)]
pub(super) struct Allow(Vec<&'static str>);

impl Allow {
    /// Reads `allow:`; what is no warning is reported.
    pub(super) fn read(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Self {
        let Value::List(elements) = &node.value else {
            if node.value != Value::Null {
                let message = format!(
                    "`allow` must be a list of warnings, not {}",
                    described(&node.value)
                );
                let help = format!("write it like `{}: [no-duration]`", key.name);
                diagnostics.push(Diagnostic::error("wrong-type", &node.span, message, help));
            }
            return Self::default();
        };
        Self(
            elements
                .iter()
                .filter_map(|element| lint(element, diagnostics))
                .collect(),
        )
    }

    /// Takes the allowed warnings out of `diagnostics`; how many there were.
    pub(super) fn apply(&self, diagnostics: &mut Diagnostics) -> usize {
        if self.0.is_empty() {
            return 0;
        }
        diagnostics.drop_warnings(&self.0)
    }
}

fn lint(element: &Node, diagnostics: &mut Diagnostics) -> Option<&'static str> {
    let codes: Vec<&'static str> = LINTS.iter().map(|(code, _)| *code).collect();
    let Value::Text(written) = &element.value else {
        let message = format!(
            "a warning is named by its code, not by {}",
            described(&element.value)
        );
        let help = "write the code that stands in brackets after `warning`, such as `no-duration`";
        diagnostics.push(Diagnostic::error(
            "wrong-type",
            &element.span,
            message,
            help,
        ));
        return None;
    };
    if let Some(code) = codes.iter().find(|code| *code == written) {
        return Some(code);
    }
    let help = match &meant(written, &codes)[..] {
        [] => format!(
            "errors cannot be allowed; the warnings are {}",
            listed(&codes)
        ),
        [meant] => format!("did you mean `{meant}`?"),
        several => format!("did you mean one of {}?", listed(several)),
    };
    let message = format!(
        "there is no warning `{}` that could be allowed",
        shown(written)
    );
    diagnostics.push(Diagnostic::error(
        "unknown-lint",
        &element.span,
        message,
        help,
    ));
    None
}

/// The codes that `written` was probably meant to be: the one that is written alike, or those that share a word with it.
fn meant<'c>(written: &str, codes: &[&'c str]) -> Vec<&'c str> {
    if let Some(meant) = nearest(written, codes) {
        return vec![meant];
    }
    let words: Vec<&str> = written.split(['-', '_', ' ']).collect();
    let shares = |code: &&&str| {
        code.split('-')
            .any(|word| word.len() > 3 && words.contains(&word))
    };
    codes.iter().filter(shares).copied().collect()
}

/// Braces in a text that is not a template.
pub(super) fn looks_like_template(
    name: &str,
    braces: &str,
    at: &Span,
    is_cell: bool,
) -> Diagnostic {
    let message = format!(
        "`{braces}` in `{}` is sent as it is: nothing is filled in here",
        shown(name)
    );
    let help = if is_cell {
        "cells are never templates: name the table in a YAML manifest and write the text there, `- { from: shots.csv, template: { prompt: … } }`; if the braces are meant, `allow: [looks-like-template]` there"
    } else {
        "text is filled in where the manifest has `vars:`, in a job with `matrix:` or `variants:`, and in a `template:`; if the braces are meant, `allow: [looks-like-template]`"
    };
    Diagnostic::warning("looks-like-template", at, message, help)
}

/// A name that there is, in braces that fill in nothing.
pub(super) fn other_braces(field: &str, written: &str, name: &str, at: &Span) -> Diagnostic {
    let why = if written.starts_with("{{") {
        "has a brace too many, which is sent"
    } else {
        "is sent as it is: a value stands in two braces on each side"
    };
    let message = format!("`{}` in `{}` {why}", shown(written), shown(field));
    let help = format!(
        "write `{{{{ {name} }}}}`; if it is meant as it is, `allow: [looks-like-template]`"
    );
    Diagnostic::warning("looks-like-template", at, message, help)
}

/// A variable that nothing names.
pub(super) fn unused_var(key: &Key, names: &[&str]) -> Diagnostic {
    let message = format!("no template names the variable `{}`", shown(&key.name));
    let help = match nearest(&key.name, names) {
        Some(meant) => format!("`{{{{ {meant} }}}}` is used: is that the same?"),
        None => format!(
            "write `{{{{ {} }}}}` where it belongs, or remove it",
            key.name
        ),
    };
    Diagnostic::warning("unused-var", &key.span, message, help)
}
