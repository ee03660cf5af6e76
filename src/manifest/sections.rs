//! The top-level keys of a YAML manifest but for the jobs themselves: settings are checked here, one by one, with the
//! same value forms as the flags. Start at [`Sections::take`].

use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::ManifestSettings;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{JOB_FIELDS, is_secret, listed, nearest, secret};
use super::lint::Allow;
use super::output;
use super::pricing;
use super::tree::{Key, Node, Span, Value};
use super::values::{described, shown, wrong_type};
use crate::units;

/// The top-level keys; others may start with `x-`.
pub(super) const TOP: &[&str] = &[
    "version", "api", "limits", "pricing", "output", "allow", "vars", "defaults", "jobs",
];
/// The settings under `api:`.
pub const API: &[&str] = &["base_url", "create_path", "poll_path"];
/// The settings under `limits:`.
pub const LIMITS: &[&str] = &[
    "concurrency",
    "submit_rate",
    "poll_rate",
    "poll_first",
    "poll_every",
    "submit_timeout",
    "job_timeout",
    "deadline",
    "max_jobs",
    "max_spend",
];
/// The path that only compatibility clients may see, says the provider's page.
const COMPATIBILITY_PATH: &str = "/v1/videos/generations";

/// What the top-level keys said so far.
#[derive(Debug, Default)]
pub(super) struct Sections {
    /// `api:`, `limits:` and `output:`.
    pub(super) settings: ManifestSettings,
    /// Where `limits.max_spend` stands, whatever it says.
    pub(super) max_spend_at: Option<Span>,
    /// `pricing:`
    pub(super) pricing: Option<(Key, Node)>,
    /// Whether the manifest was read to its end, so that what is not here is not in it.
    pub(super) is_whole: bool,
    /// `defaults:`, for the rules to read.
    pub(super) defaults: Option<Node>,
    /// `vars:`, for the templates to name.
    pub(super) vars: Option<Node>,
    /// `allow:`
    pub(super) allow: Allow,
    /// Where the template of file names is.
    pub(super) named_at: Option<Span>,
}

impl Sections {
    /// Reads the value of any top-level key but `jobs`.
    pub(super) fn take(&mut self, key: &Key, node: Node, diagnostics: &mut Diagnostics) {
        match key.name.as_str() {
            "version" => version(&node, diagnostics),
            "api" => self.api(&node, diagnostics),
            "limits" => self.limits(&node, diagnostics),
            "pricing" => self.pricing = Some((key.clone(), node)),
            "output" => {
                self.named_at = output::take(&node, &mut self.settings.output, diagnostics);
            }
            "allow" => self.allow = Allow::read(key, &node, diagnostics),
            "vars" => self.vars = Some(node),
            "defaults" => self.defaults = Some(node),
            name if name.starts_with("x-") => {}
            _ => {
                if is_secret(&key.name) {
                    diagnostics.hide(&node.span);
                }
                diagnostics.push(unknown_top_level(key));
                self.read_on(key, node, diagnostics);
            }
        }
    }

    /// Reads what stands under an unknown key as that of the key it was probably meant to be, so that one slip hides no
    /// other mistake.
    fn read_on(&mut self, key: &Key, node: Node, diagnostics: &mut Diagnostics) {
        let Some(meant) = top_level_meant(&key.name) else {
            return;
        };
        let is_there = match meant {
            "pricing" => self.pricing.is_some(),
            "vars" => self.vars.is_some(),
            "defaults" => self.defaults.is_some(),
            "api" | "limits" => false,
            _ => true,
        };
        if !is_there {
            let key = Key {
                name: meant.to_owned(),
                span: key.span.clone(),
            };
            self.take(&key, node, diagnostics);
        }
    }

    fn api(&mut self, node: &Node, diagnostics: &mut Diagnostics) {
        if !matches!(node.value, Value::Map(_)) {
            // What stands here may be the key itself.
            diagnostics.hide(&node.span);
        }
        for (key, value) in pairs("api", node, diagnostics) {
            match key.name.as_str() {
                "base_url" => {
                    if matches!(&value.value, Value::Text(text) if text.contains('@')) {
                        diagnostics.hide(&value.span);
                    }
                    self.settings.base_url =
                        parsed(key, value, "https://api.example.com", diagnostics);
                }
                "create_path" => self.settings.create_path = create_path(key, value, diagnostics),
                "poll_path" => self.settings.poll_path = poll_path(key, value, diagnostics),
                _ if is_secret(&key.name) => {
                    diagnostics.hide(&value.span);
                    diagnostics.push(secret(&key.span));
                }
                _ => diagnostics.push(unknown_key("api", key, API)),
            }
        }
    }

    fn limits(&mut self, node: &Node, diagnostics: &mut Diagnostics) {
        let settings = &mut self.settings;
        for (key, value) in pairs("limits", node, diagnostics) {
            match key.name.as_str() {
                "concurrency" => settings.concurrency = count(key, value, diagnostics),
                "max_jobs" => settings.max_jobs = count(key, value, diagnostics),
                "submit_rate" => settings.submit_rate = parsed(key, value, "60/min", diagnostics),
                "poll_rate" => settings.poll_rate = parsed(key, value, "240/min", diagnostics),
                "poll_first" => settings.poll_first = duration(key, value, "15s", diagnostics),
                "poll_every" => settings.poll_every = duration(key, value, "10s", diagnostics),
                "submit_timeout" => {
                    settings.submit_timeout = duration(key, value, "180s", diagnostics);
                }
                "job_timeout" => settings.job_timeout = duration(key, value, "60m", diagnostics),
                "deadline" => settings.deadline = parsed(key, value, "8h", diagnostics),
                "max_spend" => {
                    self.max_spend_at = Some(value.span.clone());
                    settings.max_spend = pricing::max_spend(key, value, diagnostics);
                }
                _ => diagnostics.push(unknown_key("limits", key, LIMITS)),
            }
        }
    }
}

/// The pairs of a section; a section that was left empty has none.
pub(super) fn pairs<'n>(
    name: &str,
    node: &'n Node,
    diagnostics: &mut Diagnostics,
) -> &'n [(Key, Node)] {
    match &node.value {
        Value::Map(pairs) => pairs,
        Value::Null => &[],
        _ => {
            diagnostics.push(Diagnostic::error(
                "wrong-type",
                &node.span,
                format!("`{name}` must be a map of settings"),
                format!("write its settings as `name: value`, indented under `{name}:`"),
            ));
            &[]
        }
    }
}

fn version(node: &Node, diagnostics: &mut Diagnostics) {
    if node.value != Value::Integer(1) {
        diagnostics.push(Diagnostic::error(
            "manifest-version",
            &node.span,
            format!("`version` must be the number 1, not {}", described(&node.value)),
            "write `version: 1`, or leave it out; this shotlist knows no other version of the manifest",
        ));
    }
}

pub(super) fn switch(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<bool> {
    if let Value::Boolean(value) = node.value {
        return Some(value);
    }
    let help = format!("write it like `{}: false`, without quotes", key.name);
    diagnostics.push(wrong_type(&key.name, node, "`true` or `false`", &help));
    None
}

/// A value that is written as text, in the form of the flag of the same name.
fn parsed<T>(key: &Key, node: &Node, example: &str, diagnostics: &mut Diagnostics) -> Option<T>
where
    T: FromStr<Err = units::UnitError>,
{
    text(key, node, example, diagnostics)
        .and_then(|text| or_refuse(text.parse(), key, node, example, diagnostics))
}

fn duration(
    key: &Key,
    node: &Node,
    example: &str,
    diagnostics: &mut Diagnostics,
) -> Option<std::time::Duration> {
    text(key, node, example, diagnostics)
        .and_then(|text| or_refuse(units::parse_duration(text), key, node, example, diagnostics))
}

fn text<'n>(
    key: &Key,
    node: &'n Node,
    example: &str,
    diagnostics: &mut Diagnostics,
) -> Option<&'n str> {
    if let Value::Text(text) = &node.value {
        return Some(text);
    }
    let help = format!("write it like `{}: {example}`", key.name);
    let unit = match key.name.as_str() {
        "submit_rate" | "poll_rate" => "a rate",
        "deadline" => "a duration or a time of day",
        "base_url" => "an address",
        "create_path" | "poll_path" => "a path",
        _ => "a duration with its unit",
    };
    diagnostics.push(wrong_type(&key.name, node, unit, &help));
    None
}

fn or_refuse<T>(
    result: Result<T, impl Display>,
    key: &Key,
    node: &Node,
    example: &str,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    result
        .map_err(|error| {
            diagnostics.push(Diagnostic::error(
                "bad-setting",
                &node.span,
                format!("`{}`: {error}", key.name),
                format!("write it like `{}: {example}`", key.name),
            ));
        })
        .ok()
}

pub(super) fn count(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<NonZeroU32> {
    let number = match node.value {
        Value::Integer(number) => u32::try_from(number).ok().and_then(NonZeroU32::new),
        _ => None,
    };
    if number.is_none() {
        let help = format!("write it like `{}: 4`, without quotes", key.name);
        let expected = "a whole number above 0";
        diagnostics.push(wrong_type(&key.name, node, expected, &help));
    }
    number
}

fn create_path(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let path = path(key, node, "/v1/video/generations", diagnostics)?;
    if path.trim_end_matches('/') == COMPATIBILITY_PATH {
        diagnostics.push(Diagnostic::warning(
            "compatibility-path",
            &node.span,
            format!("`{COMPATIBILITY_PATH}` is a path that only compatibility clients may see, says the provider's page"),
            "the page itself uses `/v1/video/generations`: remove `create_path` unless your provider told you otherwise",
        ));
    }
    if path.contains(['{', '}']) {
        diagnostics.push(Diagnostic::error(
            "bad-setting",
            &node.span,
            "`create_path` must not contain `{` or `}`: there is no task yet whose id could go there",
            "write it like `create_path: /v1/video/generations`",
        ));
        return None;
    }
    Some(path)
}

fn poll_path(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<String> {
    let path = path(key, node, "/v1/videos/{task_id}", diagnostics)?;
    if path.matches("{task_id}").count() == 1 {
        return Some(path);
    }
    diagnostics.push(Diagnostic::error(
        "bad-setting",
        &node.span,
        "`poll_path` must contain `{task_id}` once: the task's id goes there",
        "write it like `poll_path: \"/v1/videos/{task_id}\"`",
    ));
    None
}

fn path(key: &Key, node: &Node, example: &str, diagnostics: &mut Diagnostics) -> Option<String> {
    let path = text(key, node, example, diagnostics)?;
    let wrong = if path.contains("://") {
        "is a whole address: the part before the path goes into `base_url`"
    } else if !path.starts_with('/') {
        "must start with `/`"
    } else if path
        .contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\'))
    {
        "must not contain spaces, control characters, `?`, `#` or `\\`"
    } else {
        return Some(path.to_owned());
    };
    diagnostics.push(Diagnostic::error(
        "bad-setting",
        &node.span,
        format!("`{}` {wrong}", key.name),
        format!("write it like `{}: {example}`", key.name),
    ));
    None
}

/// A key that a section does not have.
pub(super) fn unknown_key(section: &str, key: &Key, known: &[&str]) -> Diagnostic {
    let help = match nearest(&key.name, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => elsewhere(&key.name)
            .unwrap_or_else(|| format!("the settings under `{section}` are {}", listed(known))),
    };
    Diagnostic::error(
        "unknown-setting",
        &key.span,
        format!("`{section}` has no setting `{}`", shown(&key.name)),
        help,
    )
}

fn unknown_top_level(key: &Key) -> Diagnostic {
    if is_secret(&key.name) {
        return secret(&key.span);
    }
    let help = match top_level_meant(&key.name) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => elsewhere(&key.name).unwrap_or_else(|| {
            format!(
                "the top-level keys are {}, and any that start with `x-` for notes and anchors",
                listed(TOP)
            )
        }),
    };
    Diagnostic::error(
        "unknown-key",
        &key.span,
        format!("a manifest has no key `{}`", shown(&key.name)),
        help,
    )
}

/// The top-level key that was probably meant.
fn top_level_meant(name: &str) -> Option<&'static str> {
    let other = match name.to_lowercase().as_str() {
        "price" | "prices" | "price_list" | "pricelist" | "cost" | "costs" => Some("pricing"),
        "variables" => Some("vars"),
        _ => None,
    };
    other.or_else(|| nearest(name, TOP))
}

/// Where a name belongs that is right but in the wrong place.
pub(super) fn elsewhere(name: &str) -> Option<String> {
    let known = [
        (API, "api"),
        (LIMITS, "limits"),
        (output::OUTPUT, "output"),
        (pricing::KEYS, "pricing"),
    ];
    if let Some((_, section)) = known.iter().find(|(names, _)| names.contains(&name)) {
        return Some(format!(
            "`{name}` is a setting of `{section}`: write it there"
        ));
    }
    JOB_FIELDS.contains(&name).then(|| {
        format!("`{name}` is a field of a job: write it in a job under `jobs:`, or in `defaults:` for all of them")
    })
}
