//! A template with a mistake in it, read once more part by part, so that the mistake hides no other. Start at
//! [`Lenient::of`].

use std::ops::Range;

use minijinja::value::Rest;
use minijinja::{Environment, Error, State, Value};

use super::bounds::{self, OPERATORS, Token};
use super::{Compiled, FILTERS, Failure, FailureKind, Language, ORDINARY_STEPS, no_such};

/// A template in its parts: each value in braces, and each `if` or `for` to its end; none may take more than
/// [`ORDINARY_STEPS`].
pub(in crate::manifest) struct Lenient<'t> {
    /// With filters in the place of those that there are not: the one that is meant, or one that changes nothing.
    environment: Environment<'t>,
    text: &'t str,
    parts: Vec<Range<usize>>,
}

impl Language {
    /// Every filter that `text` names and that there is not.
    pub(in crate::manifest) fn unknown_filters(text: &str) -> Vec<Failure> {
        let is_known = |at: &Range<usize>| {
            matches!(&text[at.clone()], "d") || FILTERS.contains(&&text[at.clone()])
        };
        let named = tags(text)
            .into_iter()
            .flat_map(|tag| filters_in(text, tag.at));
        named
            .filter(|at| !is_known(at))
            .map(|at| Failure {
                kind: no_such("filter", text, Some(&at)),
                at: Some(at),
            })
            .collect()
    }

    /// Reads `text`, which has no filters that there are not but `unknown`.
    pub(in crate::manifest) fn lenient<'t>(
        &self,
        text: &'t str,
        unknown: &[Failure],
    ) -> Lenient<'t> {
        let mut environment: Environment<'t> = self.brief.clone();
        for failure in unknown {
            if let FailureKind::NoSuch { name, meant, .. } = &failure.kind {
                stand_in(&mut environment, name.clone(), meant.clone());
            }
        }
        let mut parts = parts(text);
        // Whatever cannot be read alone is left out.
        parts.retain(|at| {
            let part = &text[at.clone()];
            environment.add_template(part, part).is_ok()
        });
        let _ = environment.add_template(text, text);
        Lenient {
            environment,
            text,
            parts,
        }
    }
}

impl Lenient<'_> {
    /// All of it, unless it cannot be read.
    pub(in crate::manifest) fn whole(&self) -> Option<Compiled<'_>> {
        self.read(self.text)
    }

    /// Each part, and where it begins.
    pub(in crate::manifest) fn parts(&self) -> impl Iterator<Item = (usize, Compiled<'_>)> {
        let read = |at: &Range<usize>| Some((at.start, self.read(&self.text[at.clone()])?));
        self.parts.iter().filter_map(read)
    }

    fn read(&self, part: &str) -> Option<Compiled<'_>> {
        let template = self.environment.get_template(part).ok()?;
        Some(Compiled {
            walks: bounds::check(template.source()).unwrap_or(true),
            template,
            most: ORDINARY_STEPS,
            brief: None,
        })
    }
}

/// Lets `name` be a filter: `meant`, or what it is given.
fn stand_in(environment: &mut Environment<'_>, name: String, meant: Option<String>) {
    let filter = move |state: &mut State<'_, '_>, values: Rest<Value>| -> Result<Value, Error> {
        match &meant {
            Some(meant) => state.apply_filter(meant, &values),
            None => Ok(values.first().cloned().unwrap_or_default()),
        }
    };
    environment.add_filter(name, filter);
}

/// A tag: a value or a statement, with its braces.
struct Tag<'t> {
    at: Range<usize>,
    /// The first word of a statement.
    statement: Option<&'t str>,
}

/// The tags of a template that was found to have bounds, but for comments and what is raw.
fn tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut rest = 0;
    while let Some((open, sign)) = super::braces(&text[rest..]) {
        let start = rest + open;
        let inside = start + sign.len();
        if sign == "{#" {
            let end = text[inside..].find("#}");
            rest = end.map_or(text.len(), |end| inside + end + 2);
            continue;
        }
        let close = if sign == "{{" { "}}" } else { "%}" };
        let (end, words) = words(text, inside, close);
        let statement = words
            .first()
            .filter(|_| sign == "{%")
            .map(|at| &text[at.clone()]);
        if statement == Some("raw") {
            rest = bounds::end_of_raw(text, end);
            continue;
        }
        rest = end;
        let at = start..end;
        tags.push(Tag { at, statement });
    }
    tags
}

/// Where the tag ends whose inside begins at `start`, and its words.
fn words(text: &str, start: usize, close: &str) -> (usize, Vec<Range<usize>>) {
    let mut words = Vec::new();
    let mut at = start;
    loop {
        let rest = &text[at..];
        let begin = at + rest.len() - rest.trim_start().len();
        if let Some(length) = bounds::end_of_tag(&text[begin..], close) {
            return (begin + length, words);
        }
        let (token, end) = bounds::token(text, begin);
        if token == Token::Word {
            words.push(begin..end);
        }
        at = end;
    }
}

/// The names of filters in a tag.
fn filters_in(text: &str, tag: Range<usize>) -> Vec<Range<usize>> {
    let close = &text[tag.end.saturating_sub(2)..tag.end];
    let (_, words) = words(text, tag.start + 2, close);
    let is_filter = |word: &Range<usize>| {
        text[tag.start..word.start].trim_end().ends_with('|')
            && !OPERATORS.contains(&&text[word.clone()])
    };
    words.into_iter().filter(is_filter).collect()
}

/// Where the parts of a template are.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for Tag { at, statement } in tags(text) {
        match statement {
            Some("if" | "for") => open.push(at.start),
            Some("endif" | "endfor") => {
                if let Some(start) = open.pop()
                    && open.is_empty()
                {
                    parts.push(start..at.end);
                }
            }
            None if open.is_empty() => parts.push(at),
            _ => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unknown_filter_is_found_and_nothing_else_is_taken_for_one() {
        let named = |text: &str| -> Vec<String> {
            let name = |found: Failure| text[found.at.unwrap_or_default()].to_owned();
            Language::unknown_filters(text)
                .into_iter()
                .map(name)
                .collect()
        };
        assert_eq!(
            named(
                "{{ a | lowercase | upper |d('| x') }} | y {% if b|len > 1 %}{{ c | uper }}{% endif %}"
            ),
            ["lowercase", "len", "uper"]
        );
        let none = "{{ '}} | x' | trim }}{# {{ a | b }} #}{% raw %}{{ a | b }}{% endraw %}{{ a }} | {{ b }}";
        assert_eq!(named(none), Vec::<String>::new());
    }

    #[test]
    fn a_template_falls_into_its_values_and_statements() {
        let text = "A {{ a }}{% if b %}{{ c }}{% for d in e %}{{ d }}{% endfor %}{% endif %} {{ '}}' ~ f }}.";
        let each: Vec<&str> = parts(text).into_iter().map(|at| &text[at]).collect();
        let block = "{% if b %}{{ c }}{% for d in e %}{{ d }}{% endfor %}{% endif %}";
        assert_eq!(each, ["{{ a }}", block, "{{ '}}' ~ f }}"]);
    }
}
