//! The values that templates can name: `vars:`, axes and columns. Start at [`Vars::read`] and [`Scope`].
//!
//! Values are never templates themselves. Knows the form of names and values, nothing of jobs.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use minijinja::Value as Filled;
use minijinja::value::Object;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::template::{self, Language};
use super::tree::{Key, Node, Span, Value};
use super::values::{described, shown};
use crate::text::half_width;

/// Names that a template has of its own.
pub(super) const RESERVED: [&str; 4] = ["row", "variant", "loop", "range"];

/// The variables of a manifest.
#[derive(Debug, Default)]
pub(super) struct Vars {
    keys: Vec<Key>,
    values: Arc<HashMap<String, Filled>>,
    longest: usize,
}

impl Vars {
    /// Reads `vars:`; `text` is what the spans are of.
    pub(super) fn read(
        node: &Node,
        text: &str,
        language: &Language,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let pairs = match &node.value {
            Value::Map(pairs) => &pairs[..],
            Value::Null => &[],
            other => {
                let message = format!(
                    "`vars` must be a map of variables, not {}",
                    described(other)
                );
                let help = "write each variable as `name: value`, indented under `vars:`, such as `brand: Aurora`";
                diagnostics.push(Diagnostic::error("wrong-type", &node.span, message, help));
                &[]
            }
        };
        let mut vars = Self::default();
        let mut values = HashMap::new();
        for (key, node) in pairs {
            let is_named = check_name("variable", key, language, diagnostics);
            if let Some(value) = variable(key, node, text, diagnostics)
                && is_named
            {
                values.insert(key.name.clone(), value);
                vars.keys.push(key.clone());
            }
        }
        vars.longest = values.values().map(longest).max().unwrap_or(0);
        vars.values = Arc::new(values);
        vars
    }

    /// Bytes of the longest text among them.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Each variable with its place.
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The variable of this name.
    pub(super) fn key(&self, name: &str) -> Option<&Key> {
        let known = self.values.contains_key(name);
        known.then(|| self.keys.iter().find(|key| key.name == name))?
    }
}

fn longest(value: &Filled) -> usize {
    match (value.as_str(), value.try_iter()) {
        (Some(text), _) => text.len(),
        (None, Ok(elements)) => elements.map(|it| longest(&it)).max().unwrap_or(0),
        (None, Err(_)) => 0,
    }
}

fn variable(key: &Key, node: &Node, text: &str, diagnostics: &mut Diagnostics) -> Option<Filled> {
    if let Value::List(elements) = &node.value {
        let values: Vec<_> = elements
            .iter()
            .map(|element| scalar_variable(key, element, text, diagnostics))
            .collect();
        return values
            .into_iter()
            .collect::<Option<Vec<Filled>>>()
            .map(Filled::from);
    }
    scalar_variable(key, node, text, diagnostics)
}

fn scalar_variable(
    key: &Key,
    node: &Node,
    text: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Filled> {
    let Some(value) = filled(node, text) else {
        let message = format!(
            "the variable `{}` must be text, a number, a boolean or a list of these, not {}",
            shown(&key.name),
            described(&node.value)
        );
        let help =
            "write a value; put quotes around text that is empty or looks like something else";
        diagnostics.push(Diagnostic::error("bad-variable", &node.span, message, help));
        return None;
    };
    warn_about_braces("a variable", node, diagnostics);
    Some(value)
}

/// Warns that the braces in a value are not filled in.
pub(super) fn warn_about_braces(what: &str, node: &Node, diagnostics: &mut Diagnostics) {
    let (Value::Text(text) | Value::Cell(text)) = &node.value else {
        return;
    };
    if let Some((_, braces)) = template::braces(text).filter(|(_, braces)| *braces != "{#") {
        let message = format!(
            "`{braces}` in the value of {what} is not filled in, but goes into the text as it is"
        );
        let help = "values are never templates: write the text out, or put these braces into the prompt; if they are meant, `allow: [looks-like-template]`";
        diagnostics.push(Diagnostic::warning(
            "looks-like-template",
            &node.span,
            message,
            help,
        ));
    }
}

/// Whether templates can look up `key`; if not, that is reported.
pub(super) fn check_name(
    what: &str,
    key: &Key,
    language: &Language,
    diagnostics: &mut Diagnostics,
) -> bool {
    let name = &key.name;
    let is_reserved = RESERVED.contains(&name.as_str());
    if !is_reserved && language.is_name(name) {
        return true;
    }
    let message = format!("`{}` cannot be the name of a {what}", shown(name));
    let mended = identifier(name);
    let help = if is_reserved {
        format!("templates have a `{name}` of their own: take another name, such as `my_{name}`")
    } else if mended != *name && language.is_name(&mended) {
        format!(
            "a name has letters, digits and `_` and starts with a letter, as templates look it up: write `{mended}`"
        )
    } else {
        "a name has letters, digits and `_`, starts with a letter, and is no word of the template language such as `not`".to_owned()
    };
    diagnostics.push(Diagnostic::error("bad-name", &key.span, message, help));
    false
}

/// The name by which a template looks up what people call `name`: small letters, digits and `_`.
pub(super) fn identifier(name: &str) -> String {
    let mut identifier = String::new();
    for character in name
        .trim()
        .chars()
        .map(half_width)
        .flat_map(char::to_lowercase)
    {
        if character.is_alphanumeric() {
            identifier.push(character);
        } else if !identifier.ends_with('_') && !crate::text::is_unsafe(character) {
            identifier.push('_');
        }
    }
    let trimmed = identifier.trim_matches('_');
    let start = if trimmed.starts_with(char::is_numeric) {
        "_"
    } else {
        ""
    };
    format!("{start}{trimmed}")
}

/// The value of a scalar in templates: numbers come out as they were written.
pub(super) fn filled(node: &Node, text: &str) -> Option<Filled> {
    let written = written(node, text)?;
    Some(match &node.value {
        Value::Boolean(value) => Filled::from(*value),
        Value::Integer(number) if number.to_string() == written => Filled::from(*number),
        Value::Number(_) => match written.parse::<f64>() {
            Ok(number) if Filled::from(number).to_string() == written => Filled::from(number),
            _ => Filled::from(written),
        },
        _ => Filled::from(written),
    })
}

/// A scalar as it was written; `None` for anything else and for `null`.
pub(super) fn written(node: &Node, text: &str) -> Option<String> {
    Some(match &node.value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => {
            let written = text.get(node.span.bytes.clone()).unwrap_or("");
            let is_number =
                written.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'));
            if is_number
                && written.len() < 40
                && written
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-'))
            {
                written.to_owned()
            } else {
                number.to_string()
            }
        }
        Value::Number(text) | Value::Text(text) | Value::Cell(text) => text.clone(),
        Value::Null | Value::List(_) | Value::Map(_) => return None,
    })
}

/// The columns of a table, as names of variables.
#[derive(Debug, Default)]
pub(super) struct Header {
    names: HashMap<String, usize>,
    written: HashMap<String, usize>,
}

impl Header {
    /// Adds the column `index`, called `written` and, in templates, `name`; gives the earlier one if there is one of
    /// this name.
    pub(super) fn add(&mut self, index: usize, name: String, written: String) -> Option<usize> {
        self.written.entry(written).or_insert(index);
        let earlier = self.names.get(&name).copied();
        if earlier.is_none() {
            self.names.insert(name, index);
        }
        earlier
    }

    /// The column of this name.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// Whether a column is called so.
    pub(super) fn has_written(&self, written: &str) -> bool {
        self.written.contains_key(written.trim())
    }

    /// What the columns are called, sorted.
    pub(super) fn written(&self) -> Vec<&str> {
        let mut written: Vec<&str> = self.written.keys().map(String::as_str).collect();
        written.sort_unstable();
        written
    }

    /// The names of all columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }
}

/// The cells of a row, as values; blank ones have none.
#[derive(Debug, Clone)]
pub(super) struct RowValues {
    /// What they are called.
    pub(super) header: Arc<Header>,
    /// One for each column.
    pub(super) cells: Arc<[Option<Filled>]>,
}

impl RowValues {
    fn cell(&self, column: Option<usize>) -> Option<Filled> {
        self.cells.get(column?)?.clone()
    }
}

/// `row["Header As Written"]`.
#[derive(Debug)]
struct RowObject(RowValues);

impl Object for RowObject {
    fn get_value(self: &Arc<Self>, key: &Filled) -> Option<Filled> {
        let written = key.as_str()?.trim();
        self.0.cell(self.0.header.written.get(written).copied())
    }
}

/// Everything that one job can name; the nearer hides the farther.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The number among the variants.
    pub(super) variant: Option<NonZeroU32>,
    /// The value of each axis.
    pub(super) axes: Vec<(Arc<str>, Filled)>,
    /// The row.
    pub(super) row: Option<RowValues>,
    /// The manifest's variables.
    pub(super) vars: Arc<HashMap<String, Filled>>,
    /// Names that are none of these, each with the one of these that was meant.
    pub(super) meant: Vec<(String, String)>,
}

impl Scope {
    /// Only the variables of the manifest.
    pub(super) fn of(vars: &Vars) -> Self {
        Self {
            vars: Arc::clone(&vars.values),
            ..Self::default()
        }
    }

    /// What `name` stands for: itself, or what was meant by it.
    pub(super) fn true_name<'n>(&'n self, name: &'n str) -> &'n str {
        let meant = self.meant.iter().find(|(written, _)| written == name);
        meant.map_or(name, |(_, meant)| meant)
    }

    /// Whether `name` has, or could have, a value.
    pub(super) fn knows(&self, name: &str) -> bool {
        let is_column = |row: &RowValues| row.header.column(name).is_some();
        self.axes.iter().any(|(axis, _)| &**axis == name)
            || self.row.as_ref().is_some_and(is_column)
            || self.vars.contains_key(name)
    }

    /// Every name that has, or could have, a value; sorted.
    pub(super) fn names(&self) -> Vec<&str> {
        let axes = self.axes.iter().map(|(name, _)| &**name);
        let columns = self.row.iter().flat_map(|row| row.header.names());
        let vars = self.vars.keys().map(String::as_str);
        let variant = self.variant.map(|_| "variant");
        let mut names: Vec<&str> = axes.chain(columns).chain(vars).chain(variant).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Object for Scope {
    fn get_value(self: &Arc<Self>, key: &Filled) -> Option<Filled> {
        let name = self.true_name(key.as_str()?);
        if name == "variant"
            && let Some(number) = self.variant
        {
            return Some(Filled::from(number.get()));
        }
        if let Some((_, value)) = self.axes.iter().find(|(axis, _)| &**axis == name) {
            return Some(value.clone());
        }
        if let Some(row) = &self.row {
            if name == "row" {
                return Some(Filled::from_object(RowObject(row.clone())));
            }
            // An empty cell is nothing, and not the variable behind it.
            if let Some(column) = row.header.column(name) {
                return row.cell(Some(column));
            }
        }
        self.vars.get(name).cloned()
    }
}

/// Where a name was given a second meaning, which hides the first.
pub(super) fn shadowed(name: &str, what: &str, at: &Span, var: &Key) -> Diagnostic {
    let message = format!(
        "the {what} `{}` hides the variable of the same name",
        shown(name)
    );
    let help = "the nearer one counts, so that the variable is never seen here: rename one of them";
    Diagnostic::warning("shadowed-var", at, message, help).related(&var.span, "the variable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tree::SourceId;

    #[test]
    fn headers_become_names_that_templates_can_look_up() {
        let language = Language::new();
        for (header, name) in [
            ("Product Name", "product_name"),
            (" SKU ", "sku"),
            ("price (EUR)", "price_eur"),
            ("x_owner", "x_owner"),
            ("X-Owner", "x_owner"),
            ("ＳＫＵ　１", "sku_1"),
            ("产品 名称", "产品_名称"),
            ("2nd look", "_2nd_look"),
            ("a--b", "a_b"),
        ] {
            assert_eq!(identifier(header), name, "{header}");
            assert!(language.is_name(name), "{name}");
        }
        assert_eq!(identifier("!!"), "");
    }

    #[test]
    fn scalars_come_out_as_they_were_written() {
        let cases = [
            "8",
            "8.0",
            "8.50",
            "1e3",
            "+8",
            "0x1F",
            "007",
            "-0",
            "99999999999999999999",
            ".5",
            "text",
            "true",
        ];
        for written in cases {
            let source = SourceId(0);
            let node = Node {
                value: super::super::yaml::plain_for_tests(written),
                span: Span {
                    source,
                    bytes: 0..written.len(),
                },
            };
            let filled = filled(&node, written).expect("a scalar");
            let shown = if written == "true" {
                "True".to_owned()
            } else {
                written.to_owned()
            };
            assert_eq!(filled.to_string(), shown);
            assert_eq!(super::written(&node, written).as_deref(), Some(written));
        }
    }
}
