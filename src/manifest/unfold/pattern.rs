//! A job as it is written, its templates read once for all the jobs that it makes. Start at [`JobTemplate::read`].

use std::cell::OnceCell;
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::ops::Range;

use super::Setting;
use super::words::{self, broken, not_filled_in};
use crate::manifest::align;
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields::{self, EXPANDING, EXTRA_FIELDS, Kind, is_filled_in, listed, nearest};
use crate::manifest::matrix::{self, Matrix};
use crate::manifest::template::{self, Compiled, Failure, FailureKind, Language, Lenient};
use crate::manifest::tree::{Key, Node, Span, Value};
use crate::manifest::vars::{Header, shadowed};

/// Which names templates look up.
#[derive(Debug, Default, Clone)]
pub(super) struct Used {
    pub(super) names: HashSet<String>,
    /// Whether a template could not be read, so that it may use more.
    pub(super) is_unsure: bool,
}

/// A value of a field, ready to be filled in.
pub(super) enum Pattern<'t> {
    Fixed(&'t Node),
    Text(Box<Text<'t>>),
    List(&'t Node, Vec<Pattern<'t>>),
    Map(&'t Node, Vec<(&'t Key, Pattern<'t>)>),
    /// It cannot be read, which is reported.
    Refused,
}

/// A text with something to fill in.
pub(super) struct Text<'t> {
    pub(super) node: &'t Node,
    pub(super) written: &'t str,
    pub(super) compiled: Compiled<'t>,
    /// The names that it looks up.
    pub(super) names: Vec<String>,
    /// Those that every job must know, whatever `default` would put in their place.
    pub(super) required: Vec<String>,
    /// Whether it is a default, of which some jobs may not know a name.
    pub(super) is_default: bool,
    /// The filters in it that there are not, which is reported.
    pub(super) unknown_filters: Vec<Failure>,
    /// The same in its parts, once it could not be filled in.
    pub(super) lenient: OnceCell<Lenient<'t>>,
}

/// A job as it is written, read once for all the jobs that it makes.
pub(in crate::manifest) struct JobTemplate<'t> {
    pub(super) fields: Vec<(&'t Key, Pattern<'t>)>,
    pub(super) matrix: Option<Matrix>,
    pub(super) variants: Option<NonZeroU32>,
    /// A mistake in how often it is made leaves nothing to make.
    pub(super) is_refused: bool,
    pub(super) used: Used,
    pub(super) span: Span,
}

impl Used {
    pub(super) fn add(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.is_unsure |= other.is_unsure;
    }
}

impl<'t> JobTemplate<'t> {
    pub(super) fn empty(span: &Span) -> Self {
        Self {
            fields: Vec::new(),
            matrix: None,
            variants: None,
            is_refused: false,
            used: Used::default(),
            span: span.clone(),
        }
    }

    pub(super) fn read<'s: 't>(
        map: &'t [(Key, Node)],
        span: &Span,
        setting: &'s Setting<'s>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut template = Self::empty(span);
        let pair = |name: &str| map.iter().find(|(key, _)| key.name == name);
        if let Some((key, node)) = pair("variants") {
            // If it is wrong, one of them shows what else is.
            let variants = matrix::variants(key, node, diagnostics);
            template.variants = Some(variants.unwrap_or(NonZeroU32::MIN));
        }
        if let Some((key, node)) = pair("matrix") {
            let variants = template.variants.map_or(1, NonZeroU32::get);
            let reading = matrix::Reading {
                text: setting.text,
                language: setting.language,
            };
            template.matrix = Matrix::read(key, node, variants, &reading, diagnostics);
            template.is_refused |= template.matrix.is_none();
        }
        let is_field = |key: &Key| !EXPANDING.contains(&key.name.as_str());
        for (key, node) in map.iter().filter(|(key, _)| is_field(key)) {
            let pattern = pattern(&key.name, node, setting, &mut template.used, diagnostics);
            template.fields.push((key, pattern));
        }
        template
    }

    pub(super) fn is_expanded(&self) -> bool {
        self.matrix.is_some() || self.variants.is_some()
    }

    /// Whether a template names the column.
    pub(super) fn uses(&self, name: &str, written: &str) -> bool {
        let axis = self
            .matrix
            .iter()
            .flat_map(Matrix::keys)
            .any(|key| key.name == name);
        self.used.names.contains(name) && !axis
            || self.used.names.contains("row")
                && self
                    .fields
                    .iter()
                    .any(|(_, pattern)| pattern.may_name(written))
    }

    /// Refuses axes that change nothing: all their jobs would be alike, and each of them paid for. Unless all names
    /// were found (`is_sure`), one that is like an axis may be meant for it.
    pub(super) fn refuse_idle_axes(
        &self,
        by_default: &Used,
        is_sure: bool,
        diagnostics: &mut Diagnostics,
    ) {
        let used: Vec<&str> = self.used.names.iter().map(String::as_str).collect();
        for key in self.matrix.iter().flat_map(Matrix::varying) {
            let name = key.name.as_str();
            let is_named = |used: &Used| used.names.contains(name);
            let may_mean_it = |used: &&str| words::meant(used, &[name]).is_some();
            if !is_sure && used.iter().any(may_mean_it) {
                continue;
            }
            if is_named(&self.used) || is_named(by_default) || name == "extra_body" {
                continue;
            }
            if self.sets(name) {
                let message =
                    format!("the axis `{name}` changes nothing: the job sets `{name}` itself");
                let help =
                    "remove one of them: every combination would be the same video, and paid for";
                diagnostics.push(Diagnostic::error("idle-axis", &key.span, message, help));
            } else if !is_known(name) {
                let message = format!(
                    "the axis `{name}` changes nothing: it is no field, and no template names it"
                );
                let names: Vec<&str> = fields::JOB.iter().map(|field| field.name).collect();
                let help = match nearest(name, &[&names, EXTRA_FIELDS].concat()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => format!(
                        "write `{{{{ {name} }}}}` where it belongs, or remove it: all its videos would be alike"
                    ),
                };
                diagnostics.push(Diagnostic::error("idle-axis", &key.span, message, help));
            }
        }
    }

    /// Whether something varies by this name.
    pub(super) fn has_axis(&self, name: &str) -> bool {
        name == "variant" && self.variants.is_some()
            || self
                .matrix
                .iter()
                .flat_map(Matrix::keys)
                .any(|key| key.name == name)
    }

    /// The names that the template of a field looks up.
    pub(super) fn names_in(&self, field: &str) -> &[String] {
        let pattern = self.fields.iter().find(|(key, _)| key.name == field);
        match pattern {
            Some((_, Pattern::Text(text))) => &text.names,
            _ => &[],
        }
    }

    /// Whether the job itself says what a field is.
    fn sets(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, pattern)| match pattern {
            _ if key.name == name => name != "id",
            Pattern::Fixed(node) if key.name == "extra_body" => match &node.value {
                Value::Map(pairs) => pairs.iter().any(|(key, _)| key.name == name),
                _ => false,
            },
            _ => false,
        })
    }

    /// Axes that hide something else of their name.
    pub(super) fn warn_about_axes(
        &self,
        setting: &Setting<'_>,
        header: Option<&Header>,
        diagnostics: &mut Diagnostics,
    ) {
        for key in self.matrix.iter().flat_map(Matrix::keys) {
            if let Some(var) = setting.vars.key(&key.name) {
                diagnostics.push(shadowed(&key.name, "axis", &key.span, var));
            }
            if key.name == "extra_body" {
                let message =
                    "`extra_body` cannot be an axis: its fields can, under their own names";
                let help = format!("write one of {} as the axis", listed(EXTRA_FIELDS));
                diagnostics.push(Diagnostic::error("bad-name", &key.span, message, help));
            }
            if header.is_some_and(|header| header.column(&key.name).is_some()) {
                let message = format!("the axis `{}` hides the column of the same name", key.name);
                let help = "the axis counts for every row: rename it, or remove the column";
                diagnostics.push(Diagnostic::warning(
                    "shadowed-var",
                    &key.span,
                    message,
                    help,
                ));
            }
        }
    }
}

/// Reads the value of a field.
pub(super) fn pattern<'t, 's: 't>(
    field: &str,
    node: &'t Node,
    setting: &'s Setting<'s>,
    used: &mut Used,
    diagnostics: &mut Diagnostics,
) -> Pattern<'t> {
    let known = fields::JOB.iter().find(|known| known.name == field);
    let is_never_filled = matches!(
        known.map(|known| known.kind),
        Some(Kind::Model | Kind::Duration | Kind::AspectRatio | Kind::ExtraBody)
    );
    match braces_in(node) {
        Some(at) if is_never_filled => {
            diagnostics.push(not_filled_in(field, at));
            Pattern::Refused
        }
        Some(_) if is_filled_in(field) => compiled(node, setting, used, diagnostics),
        // Unknown fields are for the rules to refuse.
        Some(_) | None => Pattern::Fixed(node),
    }
}

fn compiled<'t, 's: 't>(
    node: &'t Node,
    setting: &'s Setting<'s>,
    used: &mut Used,
    diagnostics: &mut Diagnostics,
) -> Pattern<'t> {
    match &node.value {
        Value::Text(text) if template::has_braces(text) => match setting.language.compile(text) {
            Ok(compiled) => {
                let names: Vec<String> = compiled.names().collect();
                used.names.extend(names.iter().cloned());
                let unknown_filters = Language::unknown_filters(text);
                for failure in &unknown_filters {
                    diagnostics.push(refused(failure, text, node, setting));
                }
                Pattern::Text(Box::new(Text {
                    node,
                    written: text,
                    names,
                    required: setting.language.required(&compiled),
                    compiled,
                    is_default: false,
                    unknown_filters,
                    lenient: OnceCell::new(),
                }))
            }
            Err(failure) => {
                used.is_unsure = true;
                diagnostics.push(refused(&failure, text, node, setting));
                Pattern::Refused
            }
        },
        Value::List(elements) => {
            let each = elements
                .iter()
                .map(|it| compiled(it, setting, used, diagnostics));
            Pattern::List(node, each.collect())
        }
        Value::Map(pairs) => {
            let each = pairs.iter().map(|(key, node)| match key.name.as_str() {
                "url" => (key, compiled(node, setting, used, diagnostics)),
                _ => (key, Pattern::Fixed(node)),
            });
            Pattern::Map(node, each.collect())
        }
        _ => Pattern::Fixed(node),
    }
}

/// What is wrong with a text, whatever it is filled in with.
fn refused(failure: &Failure, text: &str, node: &Node, setting: &Setting<'_>) -> Diagnostic {
    let at = failure.at.clone().unwrap_or(0..text.len());
    let place = align::place(setting.text, &node.span, text, &at);
    broken(&failure.kind, &text[at], &place)
}

/// Whether an axis of this name sets a field.
fn is_known(name: &str) -> bool {
    name.starts_with(fields::USER_PREFIX)
        || EXTRA_FIELDS.contains(&name)
        || fields::JOB.iter().any(|field| field.name == name)
}

/// Where in a value there are braces.
pub(super) fn braces_in(node: &Node) -> Option<&Span> {
    match &node.value {
        Value::Text(text) => template::has_braces(text).then_some(&node.span),
        Value::List(elements) => elements.iter().find_map(braces_in),
        Value::Map(pairs) => pairs.iter().find_map(|(_, node)| braces_in(node)),
        _ => None,
    }
}

impl Pattern<'_> {
    /// The same for jobs of which some may not know a name, as it is with defaults.
    pub(super) fn for_any_job(mut self) -> Self {
        match &mut self {
            Self::Text(text) => text.is_default = true,
            Self::List(_, elements) => {
                let each = elements.drain(..).map(Self::for_any_job);
                *elements = each.collect();
            }
            Self::Map(_, pairs) => {
                let each = pairs.drain(..).map(|(key, it)| (key, it.for_any_job()));
                *pairs = each.collect();
            }
            Self::Fixed(_) | Self::Refused => {}
        }
        self
    }

    /// Whether a subscript in it may name this header.
    fn may_name(&self, written: &str) -> bool {
        match self {
            Self::Text(text) => text.may_name(written),
            Self::List(_, elements) => elements.iter().any(|it| it.may_name(written)),
            Self::Map(_, pairs) => pairs.iter().any(|(_, it)| it.may_name(written)),
            Self::Fixed(_) | Self::Refused => false,
        }
    }
}

impl Text<'_> {
    /// Whether it looks up the column `name`, which is `written` so in the header.
    pub(super) fn looks_up(&self, name: &str, written: &str) -> bool {
        let mut names = self.names.iter();
        names.any(|used| used == name || used == "row" && self.may_name(written))
    }

    /// Whether a subscript in it may name this header.
    fn may_name(&self, written: &str) -> bool {
        let computed = self.written.match_indices("row[").any(|(at, found)| {
            !self.written[at + found.len()..]
                .trim_start()
                .starts_with(['"', '\''])
        });
        computed || self.written.contains(written)
    }

    /// A filter that there is not, and of which nobody knows what it was meant to be.
    pub(super) fn unsure_filter(&self) -> Option<&Failure> {
        let is_unsure = |it: &&Failure| matches!(it.kind, FailureKind::NoSuch { meant: None, .. });
        self.unknown_filters.iter().find(is_unsure)
    }

    /// Where a name stands first in it.
    pub(super) fn place_of(&self, name: &str) -> Range<usize> {
        let place = self.compiled.place_of(name);
        place.unwrap_or(0..self.written.len())
    }
}
