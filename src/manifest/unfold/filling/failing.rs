//! A text that cannot be filled in: what is wrong with it, all at once, and what was meant. Start at
//! [`Filling::mended`].

use std::ops::Range;

use minijinja::Value as Filled;

use super::Filling;
use crate::manifest::align;
use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::fields::{listed, nearest};
use crate::manifest::template::{self, Compiled, Failure, FailureKind, Lenient};
use crate::manifest::tree::Span;
use crate::manifest::unfold::Site;
use crate::manifest::unfold::pattern::Text;
use crate::manifest::unfold::words::{self, broken, known_names};
use crate::manifest::values::shown;
use crate::manifest::vars::Scope;

/// What the unknown names of a text were meant to be.
struct Meant<'t> {
    /// With the names of which that is sure.
    scope: Scope,
    /// The others.
    unsure: Vec<&'t str>,
}

impl Filling<'_> {
    /// The text with every value in its place. `default` stands for a value that is missing, and not for a name that is
    /// mistyped; a filter that there is not is told already, and another may stand for it.
    pub(super) fn filled_in(&self, text: &Text<'_>, steps: &mut u64) -> Result<String, Failure> {
        let is_known = !text.required.iter().any(|name| !self.scope.knows(name));
        if !is_known && !text.is_default {
            return Err(Failure::undefined());
        }
        if text.unknown_filters.is_empty() {
            return (text.compiled).fill(&self.value, self.longest(&text.compiled), steps);
        }
        let whole = self.lenient(text).whole().ok_or_else(Failure::undefined)?;
        let filled = whole.fill(&self.value, self.longest(&whole), steps)?;
        match text.unsure_filter() {
            Some(unsure) => Err(unsure.clone()),
            None => Ok(filled),
        }
    }

    fn lenient<'t, 'x>(&self, text: &'x Text<'t>) -> &'x Lenient<'t> {
        let read = || self.language.lenient(text.written, &text.unknown_filters);
        text.lenient.get_or_init(read)
    }

    /// What is to be said about a text that cannot be filled in: every name that is not known, every cell that is
    /// empty, and what else is wrong with its parts. With what was meant, it is given if that is sure.
    pub(super) fn mended(
        &self,
        text: &Text<'_>,
        failure: &Failure,
        site: &Site,
        steps: &mut u64,
    ) -> (Vec<Diagnostic>, Option<String>) {
        if text.unsure_filter() == Some(failure) {
            return (Vec::new(), None);
        }
        let is_unknown = failure.kind == FailureKind::Undefined;
        let unknown = text.required.iter().filter(|name| !self.scope.knows(name));
        let unknown: Vec<&str> = unknown.map(String::as_str).filter(|_| is_unknown).collect();
        let mut found = self.unknown_names(text, &unknown);
        let meant = self.meant_by(text, &unknown);
        let scope = Filled::from_object(meant.scope.clone());
        let mut is_fit = meant.unsure.is_empty() && text.unsure_filter().is_none();
        if !matches!(failure.kind, FailureKind::TooMuch | FailureKind::TooLong) {
            let failures = self.failures_in_parts(text, &meant, &scope, steps);
            is_fit &= failures.is_empty();
            for told in failures {
                if !found.contains(&told) {
                    found.push(told);
                }
            }
        }
        if found.is_empty() && text.unknown_filters.is_empty() {
            found.push(self.failed(
                failure,
                text,
                (&text.compiled, 0),
                (&self.scope, &self.value),
            ));
        }
        let related = self.related(site);
        for found in &mut found {
            found.related.extend(related.iter().cloned());
        }
        let whole = self.lenient(text).whole();
        let whole = whole.filter(|_| is_fit && !unknown.is_empty());
        let filled = whole.and_then(|it| it.fill(&scope, self.longest(&it), steps).ok());
        (found, filled)
    }

    /// What is to be said about names that no job of this kind knows.
    fn unknown_names(&self, text: &Text<'_>, unknown: &[&str]) -> Vec<Diagnostic> {
        let mut found: Vec<Diagnostic> = Vec::new();
        for name in unknown {
            let at = text.place_of(name);
            let told = match words::dashed(text.written, &at) {
                Some(at) => {
                    let place = self.place(text, &at);
                    words::dash_in_name(&text.written[at], &self.scope.names(), &place)
                }
                None => self.without_value(name, &self.place(text, &at)),
            };
            if !found.contains(&told) {
                found.push(told);
            }
        }
        found
    }

    /// What they were meant to be.
    fn meant_by<'t>(&self, text: &Text<'_>, unknown: &[&'t str]) -> Meant<'t> {
        let mut scope = Scope::clone(&self.scope);
        let names = self.scope.names();
        let mut unsure = Vec::new();
        for name in unknown {
            let is_word = matches!(*name, "row" | "variant") || template::is_filter(name);
            let is_dashed = || words::dashed(text.written, &text.place_of(name)).is_some();
            match words::surely_meant(name, &names) {
                Some(meant) if !is_word && !is_dashed() => {
                    scope.meant.push(((*name).to_owned(), meant.to_owned()));
                }
                _ => unsure.push(*name),
            }
        }
        Meant { scope, unsure }
    }

    /// What is wrong with each part of a text that does not hang on a name or a filter of which nobody knows what it
    /// was meant to be.
    fn failures_in_parts(
        &self,
        text: &Text<'_>,
        meant: &Meant<'_>,
        scope: &Filled,
        steps: &mut u64,
    ) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        for (start, part) in self.lenient(text).parts() {
            if part.names().any(|it| meant.unsure.contains(&it.as_str())) {
                continue;
            }
            let Err(mut failure) = part.fill(scope, self.longest(&part), steps) else {
                continue;
            };
            let is_missing = failure.kind == FailureKind::Undefined;
            let is_unsure = text.unsure_filter().is_some() && !is_missing;
            if is_unsure || failure.kind == FailureKind::TooMuch {
                continue;
            }
            if let Some(at) = &mut failure.at {
                *at = at.start + start..at.end + start;
            }
            found.push(self.failed(&failure, text, (&part, start), (&meant.scope, scope)));
        }
        found
    }

    /// The first mistake of a text, or of its part that begins at `start`.
    fn failed(
        &self,
        failure: &Failure,
        text: &Text<'_>,
        (part, start): (&Compiled<'_>, usize),
        (scope, values): (&Scope, &Filled),
    ) -> Diagnostic {
        let at = failure.at.clone().unwrap_or(0..text.written.len());
        let inside = at.start.saturating_sub(start)..at.end.saturating_sub(start);
        let missing = || part.missing(values, &inside);
        match &failure.kind {
            FailureKind::Undefined => match missing() {
                Some((name, at)) => {
                    let place = self.place(text, &(at.start + start..at.end + start));
                    self.without_value(scope.true_name(&name), &place)
                }
                None => self.without_part(&text.written[at.clone()], &self.place(text, &at)),
            },
            kind => broken(kind, &text.written[at.clone()], &self.place(text, &at)),
        }
    }

    fn place(&self, text: &Text<'_>, part: &Range<usize>) -> Span {
        align::place(self.text, &text.node.span, text.written, part)
    }

    /// A name that has no value.
    fn without_value(&self, name: &str, place: &Span) -> Diagnostic {
        if let Some(row) = self.row
            && row.values.header.column(name).is_some()
        {
            let message = format!(
                "`{name}` has no value: its cell in row {} is empty",
                row.number
            );
            let help = format!(
                "fill in the cell, or say what stands for it: `{{{{ {name} | default('…') }}}}`"
            );
            return Diagnostic::error("empty-cell", place, message, help);
        }
        let names = self.scope.names();
        let help = match (name, words::meant(name, &names)) {
            ("variant", _) => "`variant` has a value in a job with `variants:`".to_owned(),
            (filter, _) if template::is_filter(filter) => {
                format!("`{filter}` is a filter: write `{{{{ name | {filter} }}}}`")
            }
            ("row", _) => "`row` has a value in the `template:` of a table".to_owned(),
            (_, Some(meant)) => format!("did you mean `{meant}`? {}", known_names(&names)),
            (_, None) => known_names(&names),
        };
        let message = format!("there is no variable `{}`", shown(name));
        Diagnostic::error("unknown-variable", place, message, help)
    }

    /// A part of something that has no value, such as `row["Colour"]`.
    fn without_part(&self, expression: &str, place: &Span) -> Diagnostic {
        let (expression, code) = (shown(expression), "unknown-variable");
        let header = self.row.map(|row| &row.values.header);
        let Some((row, header)) = self
            .row
            .zip(header)
            .filter(|_| expression.starts_with("row"))
        else {
            let message = format!("`{expression}` has no value");
            let help = format!("say what stands for it: `{{{{ {expression} | default('…') }}}}`");
            return Diagnostic::error(code, place, message, help);
        };
        let written = expression.split(['"', '\'']).nth(1).unwrap_or("");
        if header.has_written(written) {
            let message = format!(
                "`{expression}` has no value: its cell in row {} is empty",
                row.number
            );
            let help = format!(
                "fill in the cell, or say what stands for it: `{{{{ {expression} | default('…') }}}}`"
            );
            return Diagnostic::error("empty-cell", place, message, help);
        }
        let columns = header.written();
        let help = match nearest(written, &columns) {
            Some(meant) => format!("did you mean `row['{meant}']`?"),
            None => format!(
                "in brackets after `row` stands a header as it is written: {}",
                listed(&columns[..columns.len().min(20)])
            ),
        };
        let message = format!("there is no column for `{expression}`");
        Diagnostic::error(code, place, message, help)
    }
}
