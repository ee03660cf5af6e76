//! Text with `{{ … }}` in it, filled in within bounds: no loop that never ends, no text that outgrows memory, no
//! name that is silently nothing. Start at [`Language`].
//!
//! Only this module names the template engine's settings and errors. Knows nothing of manifests and places.

mod bounds;

use std::io;
use std::ops::Range;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Value, ValueKind};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, Template, UndefinedBehavior,
};

/// Most bytes that a text may have once it is filled in, and that a value may have that is filled in: what a prompt
/// may have.
pub(super) const TEXT_LIMIT: usize = 1 << 20;

/// Steps that filling in one text may take. The engine counts a step for each instruction and for each 64 bytes that
/// it makes, wherever they go, so that this bounds time and memory.
const STEPS: u64 = 100_000;

/// Steps that all texts of a manifest may take together: a million prompts of some kilobytes, and about a minute.
pub(super) const ALL_STEPS: u64 = 1_000_000_000;

/// Most levels of loops inside each other.
const NESTING: usize = 40;

/// The engine's filters that make lists of lists, or text that is of no use here.
const WITHOUT_BOUNDS: [&str; 26] = [
    "attr",
    "batch",
    "bool",
    "chain",
    "dictsort",
    "e",
    "escape",
    "groupby",
    "indent",
    "items",
    "lines",
    "map",
    "pprint",
    "reject",
    "rejectattr",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sum",
    "tojson",
    "zip",
    "format",
    "wordwrap",
    "striptags",
    "urlize",
];

/// Whether `text` has anything to fill in.
pub(super) fn has_braces(text: &str) -> bool {
    braces(text).is_some()
}

/// What makes `text` a template: `{{`, `{%` or `{#`, and where.
pub(super) fn braces(text: &str) -> Option<(usize, &str)> {
    let bytes = text.as_bytes();
    if !bytes.contains(&b'{') {
        return None;
    }
    let mut from = 0;
    while let Some(open) = bytes[from..].iter().position(|byte| *byte == b'{') {
        let at = from + open;
        if matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')) {
            return Some((at, &text[at..at + 2]));
        }
        from = at + 1;
    }
    None
}

/// What templates are written in: how they are read, and what they may cost.
pub(super) struct Language(Environment<'static>);

/// A template that was read.
pub(super) struct Compiled<'l>(Template<'l, 'l>);

/// Why a text cannot be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What kind of mistake it is.
    pub(super) kind: FailureKind,
    /// Where in the template, as exactly as it is known.
    pub(super) at: Option<Range<usize>>,
}

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// It cannot be read.
    Syntax(String),
    /// Something in it has no value.
    Undefined,
    /// It would take too long, or too much memory.
    TooMuch,
    /// The text would be longer than [`TEXT_LIMIT`].
    TooLong,
    /// It says how to write a list or a map as text, which nobody did.
    NotText,
    /// It names a filter, a test or a function that there is not.
    NoSuch(String),
    /// Anything else: a filter does not fit its value, for example.
    Other(String),
}

impl Language {
    /// The language, with the limits of this page.
    pub(super) fn new() -> Self {
        let mut environment = Environment::new();
        let mut syntax = SyntaxConfig::builder();
        syntax.keep_trailing_newline(true);
        environment.set_syntax(
            syntax
                .build()
                .expect("the usual delimiters do not contradict each other"),
        );
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_formatter(write_text);
        environment.set_debug(true); // errors know where they are
        environment.set_fuel(Some(STEPS));
        environment.set_recursion_limit(NESTING);
        for name in ["debug", "namespace", "dict"] {
            environment.remove_global(name);
        }
        for name in WITHOUT_BOUNDS {
            environment.remove_filter(name);
        }
        Self(environment)
    }

    /// Whether `{{ name }}` looks up `name`: it is no keyword, has no blanks, and so on.
    pub(super) fn is_name(&self, name: &str) -> bool {
        let template = format!("{{{{ {name} }}}}");
        let found = self.0.template_from_str(&template);
        found.is_ok_and(|it| it.undeclared_variables(false).into_iter().eq([name]))
    }

    /// The names in `template` that only the manifest can give a value: no functions, nothing that is there only for
    /// some jobs, and nothing that the template itself asks for with `is defined`.
    pub(super) fn required(&self, template: &Compiled<'_>) -> Vec<String> {
        let is_given = |name: &str| {
            matches!(name, "row" | "variant") || self.0.globals().any(|(global, _)| global == name)
        };
        template
            .names()
            .filter(|name| !is_given(name) && !asks_for(template.0.source(), name))
            .collect()
    }

    /// Reads a template.
    pub(super) fn compile<'l>(&'l self, text: &'l str) -> Result<Compiled<'l>, Failure> {
        bounds::check(text).map_err(|refusal| Failure {
            kind: FailureKind::Syntax(refusal.reason),
            at: Some(refusal.at),
        })?;
        self.0
            .template_from_str(text)
            .map(Compiled)
            .map_err(|error| Failure::of(&error, text))
    }
}

impl Compiled<'_> {
    /// The text with the values of `scope`; the steps that it took are added to `steps`.
    pub(super) fn fill(&self, scope: &Value, steps: &mut u64) -> Result<String, Failure> {
        let mut text = Bounded::default();
        let taken = self
            .0
            .render_captured_to(scope.clone(), &mut text)
            .map(|done| done.state().fuel_levels().map_or(STEPS, |(taken, _)| taken));
        *steps = steps.saturating_add(*taken.as_ref().unwrap_or(&STEPS));
        if let Err(error) = taken {
            let mut failure = Failure::of(&error, self.0.source());
            if text.is_full {
                failure.kind = FailureKind::TooLong;
            }
            return Err(failure);
        }
        Ok(String::from_utf8(text.bytes).expect("the engine writes whole characters"))
    }

    /// The names that it may look up.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.0.undeclared_variables(false).into_iter()
    }

    /// Where `name` stands last.
    pub(super) fn place_of(&self, name: &str) -> Option<Range<usize>> {
        let start = last_word(self.0.source(), name)?;
        Some(start..start + name.len())
    }

    /// The name without a value that `failure` is about, and where it stands: the last before the place of the
    /// failure, which may be a filter's.
    pub(super) fn missing(
        &self,
        scope: &Value,
        at: &Range<usize>,
    ) -> Option<(String, Range<usize>)> {
        let text = &self.0.source()[..at.end];
        let has_value = |name: &str| {
            scope
                .get_item(&Value::from(name))
                .is_ok_and(|value| !value.is_undefined())
        };
        self.names()
            .filter(|name| !has_value(name))
            .filter_map(|name| {
                let start = last_word(text, &name)?;
                Some((start..start + name.len(), name))
            })
            .max_by_key(|(place, _)| place.start)
            .map(|(place, name)| (name, place))
    }
}

impl Failure {
    fn of(error: &Error, template: &str) -> Self {
        let at = error
            .range()
            .filter(|range| template.get(range.clone()).is_some())
            .or_else(|| line(template, error.line()?));
        let detail = error.detail().unwrap_or_default();
        let kind = match error.kind() {
            ErrorKind::SyntaxError | ErrorKind::InvalidDelimiter => {
                FailureKind::Syntax(detail.to_owned())
            }
            ErrorKind::UndefinedError => FailureKind::Undefined,
            ErrorKind::OutOfFuel => FailureKind::TooMuch,
            ErrorKind::NonPrimitive if detail == LIST => FailureKind::NotText,
            ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod => FailureKind::NoSuch(detail.to_owned()),
            kind if detail.is_empty() => FailureKind::Other(kind.to_string()),
            _ => FailureKind::Other(detail.to_owned()),
        };
        Self { kind, at }
    }
}

/// Where `word` stands last in `text`, not as a part of a longer one.
fn last_word(text: &str, word: &str) -> Option<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.rmatch_indices(word)
        .map(|(start, _)| start)
        .find(|start| {
            !text[..*start].ends_with(is_part) && !text[*start + word.len()..].starts_with(is_part)
        })
}

/// Whether `template` has `name is defined`, or the contrary.
fn asks_for(template: &str, name: &str) -> bool {
    template.match_indices(name).any(|(start, _)| {
        let mut words = template[start + name.len()..].split_whitespace();
        let is_asked = words.next() == Some("is");
        let asked = words.find(|word| *word != "not");
        is_asked
            && asked
                .is_some_and(|word| word.starts_with("defined") || word.starts_with("undefined"))
    })
}

/// The line with this number, from 1.
fn line(text: &str, number: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index + 1 == number {
            return Some(start..start + line.trim_end().len());
        }
        start += line.len();
    }
    None
}

/// What [`write_text`] says about a list or a map.
const LIST: &str = "a list is no text";

/// Writes a value as text; how lists and maps are to be written is for the template to say.
fn write_text(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    match value.kind() {
        ValueKind::Seq | ValueKind::Map | ValueKind::Iterable | ValueKind::Plain => {
            Err(Error::new(ErrorKind::NonPrimitive, LIST))
        }
        // As YAML writes it, and not as Python does.
        ValueKind::Bool => Ok(out.write_str(if value.is_true() { "true" } else { "false" })?),
        _ => minijinja::escape_formatter(out, state, value),
    }
}

/// Takes so many bytes and no more.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + more.len() > TEXT_LIMIT {
            self.is_full = true;
            return Err(io::Error::other("the text is too long"));
        }
        self.bytes.extend_from_slice(more);
        Ok(more.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
