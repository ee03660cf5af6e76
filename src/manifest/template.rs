//! Text with `{{ … }}` in it, filled in within bounds: no loop that never ends, no text that outgrows memory, no
//! name that is silently nothing. Start at [`Language`].
//!
//! Only this module names the template engine's settings and errors. Knows nothing of manifests and places.

mod bounds;
mod lenient;
mod mistakes;

use std::io;
use std::ops::Range;

pub(super) use self::lenient::Lenient;
use super::fields::nearest;
use memchr::memchr;
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

/// The same for a text with something in it that may walk through a whole long text in one step.
const WALKING_STEPS: u64 = 10_000;

/// Bytes that are walked through in about the time of a step.
const WALKED: u64 = 1024;

/// Steps that a text may take without being counted: ordinary ones take some dozens, also in a million rows.
const ORDINARY_STEPS: u64 = 100;

/// Steps that all texts of a manifest may take together beyond the ordinary: some seconds.
pub(super) const ALL_STEPS: u64 = 20_000_000;

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

/// The engine's filters that are left, but for `d`, which is short for `default`; first those that people use in prompts
/// and names.
const FILTERS: [&str; 25] = [
    "default",
    "join",
    "lower",
    "upper",
    "title",
    "capitalize",
    "trim",
    "replace",
    "first",
    "last",
    "length",
    "urlencode",
    "abs",
    "count",
    "float",
    "int",
    "list",
    "max",
    "min",
    "reverse",
    "round",
    "sort",
    "split",
    "string",
    "unique",
];

/// How many of them people use.
const USUAL: usize = 12;

/// The filters that people use in prompts and names.
pub(super) fn usual_filters() -> &'static [&'static str] {
    &FILTERS[..USUAL]
}

/// Whether templates have a filter of this name.
pub(super) fn is_filter(name: &str) -> bool {
    FILTERS.contains(&name)
}

/// The first tag of `text`, with its braces; what `raw` encloses is a part of it.
pub(super) fn tag(text: &str) -> Option<Range<usize>> {
    let (start, open) = braces(text)?;
    let inside = start + open.len();
    let close = match open {
        "{{" => "}}",
        "{%" => "%}",
        _ => "#}",
    };
    let end = text[inside..].find(close)? + inside + close.len();
    let is_raw = open == "{%"
        && text[inside..]
            .trim_start_matches(['-', ' '])
            .starts_with("raw");
    let end = if is_raw {
        bounds::end_of_raw(text, end)
    } else {
        end
    };
    Some(start..end)
}

/// Whether `text` has anything to fill in.
pub(super) fn has_braces(text: &str) -> bool {
    braces(text).is_some()
}

/// What makes `text` a template: `{{`, `{%` or `{#`, and where.
pub(super) fn braces(text: &str) -> Option<(usize, &str)> {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(open) = memchr(b'{', &bytes[from..]) {
        let at = from + open;
        if matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#')) {
            return Some((at, &text[at..at + 2]));
        }
        from = at + 1;
    }
    None
}

/// What templates are written in: how they are read, and what they may cost.
pub(super) struct Language {
    usual: Environment<'static>,
    /// The same with [`WALKING_STEPS`].
    walking: Environment<'static>,
    /// The same with [`ORDINARY_STEPS`].
    brief: Environment<'static>,
}

/// A template that was read.
pub(super) struct Compiled<'l> {
    template: Template<'l, 'l>,
    /// Whether a step of it may walk through a whole text.
    walks: bool,
    /// Steps that it may take.
    most: u64,
    /// In what it is tried again with [`ORDINARY_STEPS`], if it fails with more.
    brief: Option<&'l Environment<'static>>,
}

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
    Syntax {
        /// Why.
        reason: String,
        /// What to write.
        help: String,
    },
    /// Something in it has no value.
    Undefined,
    /// It would take too long, or too much memory.
    TooMuch,
    /// The text would be longer than [`TEXT_LIMIT`].
    TooLong,
    /// It says how to write a list or a map as text, which nobody did.
    NotText,
    /// It names a filter, a test or a function that there is not: what it is, and its name.
    NoSuch {
        /// `filter`, `test` or `function`.
        what: &'static str,
        /// As it is written.
        name: String,
        /// One that there is and that is written alike.
        meant: Option<String>,
    },
    /// A filter or a sign does not fit its values: what the engine says.
    Unfit(String),
}

impl Language {
    /// The language, with the limits of this page.
    pub(super) fn new() -> Self {
        let usual = Self::environment();
        let mut walking = usual.clone();
        walking.set_fuel(Some(WALKING_STEPS));
        let mut brief = usual.clone();
        brief.set_fuel(Some(ORDINARY_STEPS));
        Self {
            usual,
            walking,
            brief,
        }
    }

    fn environment() -> Environment<'static> {
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
        environment
    }

    /// Whether `{{ name }}` looks up `name`: it is no keyword, has no blanks, and so on.
    pub(super) fn is_name(&self, name: &str) -> bool {
        let template = format!("{{{{ {name} }}}}");
        let found = self.usual.template_from_str(&template);
        found.is_ok_and(|it| it.undeclared_variables(false).into_iter().eq([name]))
    }

    /// The names in `template` that only the manifest can give a value: no functions, nothing that is there only for
    /// some jobs, and nothing that the template itself asks for with `is defined`.
    pub(super) fn required(&self, template: &Compiled<'_>) -> Vec<String> {
        let is_given = |name: &str| {
            matches!(name, "row" | "variant")
                || self.usual.globals().any(|(global, _)| global == name)
        };
        template
            .names()
            .filter(|name| !is_given(name) && !asks_for(template.template.source(), name))
            .collect()
    }

    /// Reads a template.
    pub(super) fn compile<'l>(&'l self, text: &'l str) -> Result<Compiled<'l>, Failure> {
        let walks = bounds::check(text)
            .map_err(|refusal| Failure::syntax(text, Some(refusal.at), Some(refusal.reason)))?;
        let environment = if walks { &self.walking } else { &self.usual };
        let template = environment
            .template_from_str(text)
            .map_err(|error| Failure::of(&error, text))?;
        Ok(Compiled {
            template,
            walks,
            most: if walks { WALKING_STEPS } else { STEPS },
            brief: Some(&self.brief),
        })
    }
}

/// What is named at a place of a template, and is not there.
fn no_such(what: &'static str, template: &str, at: Option<&Range<usize>>) -> FailureKind {
    let written = at.map_or("", |at| &template[at.clone()]);
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let name = written
        .split(|c| !is_part(c))
        .find(|word| !word.is_empty())
        .unwrap_or(written);
    let meant = nearest(name, &FILTERS).filter(|_| what == "filter");
    FailureKind::NoSuch {
        what,
        name: name.to_owned(),
        meant: meant.map(str::to_owned),
    }
}

impl Compiled<'_> {
    /// The text with the values of `scope`, of which none is longer than `longest` bytes; the steps that it took
    /// beyond [`ORDINARY_STEPS`] are added to `steps`.
    pub(super) fn fill(
        &self,
        scope: &Value,
        longest: usize,
        steps: &mut u64,
    ) -> Result<String, Failure> {
        let mut text = Bounded::default();
        let most = self.most;
        let taken = self
            .template
            .render_captured_to(scope.clone(), &mut text)
            .map(|done| done.state().fuel_levels().map_or(most, |(taken, _)| taken));
        let counted = match &taken {
            Ok(taken) => *taken,
            Err(_) if self.fails_soon(scope) => ORDINARY_STEPS,
            Err(_) => most,
        };
        let cost = self.cost(counted, longest);
        *steps = steps.saturating_add(cost.saturating_sub(ORDINARY_STEPS));
        if let Err(error) = taken {
            let mut failure = Failure::of(&error, self.template.source());
            if text.is_full {
                failure.kind = FailureKind::TooLong;
            }
            return Err(failure);
        }
        Ok(String::from_utf8(text.bytes).expect("the engine writes whole characters"))
    }

    /// Whether it fails within [`ORDINARY_STEPS`]: thousands of rows may lack a value.
    fn fails_soon(&self, scope: &Value) -> bool {
        let again = self
            .brief
            .map(|it| it.template_from_str(self.template.source()));
        let Some(Ok(again)) = again else {
            return false;
        };
        let failed = again.render_captured_to(scope.clone(), Bounded::default());
        failed.is_err_and(|error| error.kind() != ErrorKind::OutOfFuel)
    }

    /// Whether a step of it may walk through a whole text.
    pub(super) fn walks(&self) -> bool {
        self.walks
    }

    /// What so many steps are worth where each may walk through a text of `longest` bytes, or through one that the
    /// template made.
    fn cost(&self, steps: u64, longest: usize) -> u64 {
        if !self.walks {
            return steps;
        }
        let within_reach = (longest as u64).saturating_add(steps.saturating_mul(64));
        let walked = within_reach.saturating_sub(4 * WALKED) / WALKED;
        steps.saturating_mul(1 + walked)
    }

    /// The names that it may look up.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        self.template.undeclared_variables(false).into_iter()
    }

    /// Where `name` stands first in braces.
    pub(super) fn place_of(&self, name: &str) -> Option<Range<usize>> {
        let text = self.template.source();
        let (mut at, mut is_open) = (0, false);
        let is_inside = |start: &usize| {
            // Each stretch of the text is looked at once, however often the name stands outside of braces.
            for pair in text.as_bytes()[at..*start].windows(2) {
                match pair {
                    b"{{" | b"{%" => is_open = true,
                    b"}}" | b"%}" => is_open = false,
                    _ => {}
                }
            }
            at = *start;
            is_open
        };
        let start = words_like(text, name).find(is_inside)?;
        Some(start..start + name.len())
    }

    /// The name without a value that `failure` is about, and where it stands: the last before the place of the
    /// failure, which may be a filter's.
    pub(super) fn missing(
        &self,
        scope: &Value,
        at: &Range<usize>,
    ) -> Option<(String, Range<usize>)> {
        let text = &self.template.source()[..at.end];
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
    /// A name has no value, wherever it stands.
    pub(super) fn undefined() -> Self {
        Self {
            kind: FailureKind::Undefined,
            at: None,
        }
    }

    /// The template cannot be read: what is written instead of it if that is known, or else `reason`.
    fn syntax(template: &str, at: Option<Range<usize>>, reason: Option<String>) -> Self {
        let read_to = at.as_ref().map_or(0, |at| at.start);
        if let Some(mistake) = mistakes::find(template, read_to) {
            return Self {
                kind: FailureKind::Syntax {
                    reason: mistake.reason,
                    help: mistake.help,
                },
                at: Some(mistake.at),
            };
        }
        let reason = reason.unwrap_or_else(|| "what stands here cannot be read".to_owned());
        Self {
            kind: FailureKind::Syntax {
                reason,
                help: mistakes::LITERAL_BRACES.to_owned(),
            },
            at,
        }
    }

    fn of(error: &Error, template: &str) -> Self {
        let at = error
            .range()
            .filter(|range| template.get(range.clone()).is_some())
            .or_else(|| line(template, error.line()?));
        let detail = error.detail().unwrap_or_default();
        let kind = match error.kind() {
            ErrorKind::SyntaxError | ErrorKind::InvalidDelimiter => {
                return Self::syntax(template, at, None);
            }
            ErrorKind::UndefinedError => FailureKind::Undefined,
            ErrorKind::OutOfFuel => FailureKind::TooMuch,
            ErrorKind::NonPrimitive if detail == LIST => FailureKind::NotText,
            ErrorKind::UnknownFilter => no_such("filter", template, at.as_ref()),
            ErrorKind::UnknownTest => no_such("test", template, at.as_ref()),
            ErrorKind::UnknownFunction | ErrorKind::UnknownMethod => {
                no_such("function", template, at.as_ref())
            }
            kind if detail.is_empty() => FailureKind::Unfit(kind.to_string()),
            _ => FailureKind::Unfit(detail.to_owned()),
        };
        Self { kind, at }
    }
}

/// Where `word` stands last in `text`, not as a part of a longer one.
fn last_word(text: &str, word: &str) -> Option<usize> {
    words_like(text, word).last()
}

/// Where `word` stands in `text`, not as a part of a longer one.
fn words_like<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .map(|(start, _)| start)
        .filter(move |start| {
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
