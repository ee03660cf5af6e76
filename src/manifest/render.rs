//! Diagnostics as people read them: message, place, the source line, and how to mend it. Start at [`render`].
//!
//! `annotate-snippets` draws, and is given one line at a time, cut to a window, so that a thousand mistakes in a
//! large manifest take milliseconds. Nothing from the manifest reaches the terminal with a character that could
//! steer it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::sources::{Place, Sources};
use super::tree::Span;

/// Most diagnostics that are printed; the rest is counted.
const SHOWN: usize = 200;
/// More diagnostics than this are also counted by kind.
const UNCOUNTED: usize = 20;
/// Most kinds that are counted one by one.
const KINDS: usize = 12;
/// Longest line that is shown whole, in characters.
const WHOLE_LINE: usize = 160;
/// Characters shown before and after the start of a span in a longer line.
const WINDOW: Range<usize> = 50..90;

/// Whether the terminal can show colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Escape sequences.
    On,
    /// Plain text.
    Off,
}

/// All `diagnostics`, and a line that counts them; empty if there are none.
pub(super) fn render(diagnostics: &Diagnostics, sources: &Sources, colour: Colour) -> String {
    render_severe(diagnostics, sources, Severity::Note, colour)
}

/// Those of `diagnostics` that are at least so severe, and a line that counts all; empty if there are none.
pub(super) fn render_severe(
    diagnostics: &Diagnostics,
    sources: &Sources,
    least: Severity,
    colour: Colour,
) -> String {
    let renderer = match colour {
        Colour::On => Renderer::styled(),
        Colour::Off => Renderer::plain(),
    }
    .term_width(200);
    with_summary(diagnostics, sources, least, "\n\n", |diagnostic| {
        full(diagnostic, sources, &renderer)
    })
}

/// One line for each of `diagnostics`, and a line that counts them; empty if there are none.
pub(super) fn render_compact(diagnostics: &Diagnostics, sources: &Sources) -> String {
    with_summary(diagnostics, sources, Severity::Note, "\n", |diagnostic| {
        one_line(diagnostic, sources)
    })
}

/// `file:line:column: error[code]: message; help`.
pub(super) fn one_line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = sources.place(&diagnostic.span);
    let mut line = visible(place.to_string());
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let message = visible(&diagnostic.message);
    let _ = write!(line, ": {severity}[{}]: {message}", diagnostic.code);
    if let Some(in_table) = place.in_table() {
        let _ = write!(line, " ({})", visible(in_table));
    }
    if !diagnostic.help.is_empty() {
        let _ = write!(line, "; {}", visible(&diagnostic.help));
    }
    line
}

fn with_summary(
    diagnostics: &Diagnostics,
    sources: &Sources,
    least: Severity,
    separator: &str,
    show: impl Fn(&Diagnostic) -> String,
) -> String {
    let mut text = String::new();
    for diagnostic in chosen(diagnostics, least) {
        text += &show(diagnostic);
        text += separator;
    }
    let all = [Severity::Error, Severity::Warning, Severity::Note].into_iter();
    let wanted = all.filter(|severity| *severity <= least);
    let total: usize = wanted.map(|severity| diagnostics.count(severity)).sum();
    if total > SHOWN {
        let _ = write!(text, "… and {} more{separator}", total - SHOWN);
    }
    if total > 0 {
        let _ = writeln!(text, "{}", summary(diagnostics, sources));
    }
    if total > UNCOUNTED {
        text += &by_kind(diagnostics);
    }
    text
}

/// `45 errors: 7 unknown-field, 4 unknown-aspect-ratio, …`: the errors, or the warnings if there are none.
fn by_kind(diagnostics: &Diagnostics) -> String {
    let (severity, word) = match diagnostics.count(Severity::Error) {
        0 => (Severity::Warning, "warning"),
        _ => (Severity::Error, "error"),
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for found in diagnostics.iter().filter(|it| it.severity == severity) {
        *counts.entry(found.code).or_default() += 1;
    }
    for code in diagnostics.codes_of_rest(severity) {
        *counts.entry(code).or_default() += 1;
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, count)| Reverse(*count));
    let all = diagnostics.count(severity);
    let shown: usize = kinds.iter().take(KINDS).map(|(_, count)| count).sum();
    let few = kinds.iter().take(KINDS);
    let mut parts: Vec<String> = few.map(|(code, count)| format!("{count} {code}")).collect();
    match all - shown {
        0 => {}
        others => parts.push(format!("{others} others")),
    }
    match all {
        0 => String::new(),
        1 => format!("1 {word}: {}\n", parts.join(", ")),
        _ => format!("{all} {word}s: {}\n", parts.join(", ")),
    }
}

/// What is printed of `diagnostics`: everything so severe, or the first [`SHOWN`], errors before warnings.
fn chosen(diagnostics: &Diagnostics, least: Severity) -> Vec<&Diagnostic> {
    let is_wanted = |(_, found): &(usize, &Diagnostic)| found.severity <= least;
    let all = diagnostics.iter().enumerate();
    let mut ranked: Vec<(usize, &Diagnostic)> = all.filter(is_wanted).collect();
    ranked.sort_by_key(|(_, diagnostic)| diagnostic.severity);
    ranked.truncate(SHOWN);
    ranked.sort_by_key(|(order, _)| *order);
    ranked
        .into_iter()
        .map(|(_, diagnostic)| diagnostic)
        .collect()
}

/// `3 errors, 1 warning in shots.yaml`.
fn summary(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut parts = Vec::new();
    for (severity, word) in [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Note, "note"),
    ] {
        match diagnostics.count(severity) {
            0 => {}
            1 => parts.push(format!("1 {word}")),
            many => parts.push(format!("{many} {word}s")),
        }
    }
    let mut files: Vec<_> = diagnostics.iter().map(|found| found.span.source).collect();
    files.sort_unstable();
    files.dedup();
    let names: Vec<String> = files.iter().map(|id| visible(sources.name(*id))).collect();
    format!("{} in {}", parts.join(", "), names.join(" and "))
}

fn full(diagnostic: &Diagnostic, sources: &Sources, renderer: &Renderer) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .primary_title(visible(&diagnostic.message))
        .id(diagnostic.code);
    let label = diagnostic.label.as_deref();
    let mut shown = vec![Shown::new(
        &diagnostic.span,
        label,
        AnnotationKind::Primary,
        sources,
    )];
    for (span, words) in &diagnostic.related {
        let kind = AnnotationKind::Context;
        shown.push(Shown::new(span, Some(words), kind, sources));
    }
    let mut elements: Vec<Element<'_>> = Vec::new();
    let mut corrections = Vec::new();
    for place in shown {
        elements.push(place.element);
        corrections.extend(place.correction);
    }
    if !diagnostic.help.is_empty() {
        elements.push(Level::HELP.message(visible(&diagnostic.help)).into());
    }
    let drawn = renderer.render(&[title.elements(elements)]);
    corrections.iter().fold(drawn, |text, (drawn, correct)| {
        text.replacen(drawn, correct, 1)
    })
}

/// A place with its line, ready to be drawn.
struct Shown<'a> {
    element: Element<'a>,
    /// In a line that was cut, the column that is drawn, and the true one.
    correction: Option<(String, String)>,
}

impl Shown<'_> {
    fn new(span: &Span, label: Option<&str>, kind: AnnotationKind, sources: &Sources) -> Self {
        let place = sources.place(span);
        let file = visible(place.file);
        if place.line == 0 {
            return Self {
                element: Origin::path(file).into(),
                correction: None,
            };
        }
        let (line, range) = sources.line(span);
        let (text, range) = window(&line, range);
        let column = text[..range.start].chars().count() + 1;
        let drawn = format!("{file}:{}:{column}", place.line);
        let correct = visible(place.to_string());
        let correction = (drawn != correct).then_some((drawn, correct));
        let annotation = kind.span(range).label(words(&place, label));
        let snippet = Snippet::source(text)
            .line_start(place.line)
            .path(file)
            .annotation(annotation);
        Self {
            element: snippet.into(),
            correction,
        }
    }
}

/// What stands under a place: in a table row and column, then the `label`.
fn words(place: &Place<'_>, label: Option<&str>) -> Option<String> {
    match (place.in_table(), label) {
        (Some(in_table), Some(label)) => Some(visible(format!("{in_table}: {label}"))),
        (in_table, label) => in_table.or(label.map(str::to_owned)).map(visible),
    }
}

/// `line` made safe, cut to the surroundings of `range` if it is long, and where `range` is then.
fn window(line: &str, range: Range<usize>) -> (String, Range<usize>) {
    let is_long = line.len() > WHOLE_LINE && line.chars().nth(WHOLE_LINE).is_some();
    let (start, end) = if is_long {
        (
            back(line, range.start, WINDOW.start),
            forward(line, range.start, WINDOW.end),
        )
    } else {
        (0, line.len())
    };
    let mut text = String::new();
    if start > 0 {
        text.push('…');
    }
    let mut shown = 0..0;
    for (offset, character) in line[start..end].char_indices() {
        if start + offset == range.start {
            shown.start = text.len();
        }
        text.push(safe(character));
        if start + offset < range.end {
            shown.end = text.len();
        }
    }
    if range.start >= end {
        shown.start = text.len();
    }
    if end < line.len() {
        text.push('…');
    }
    (text, shown.start..shown.end.max(shown.start))
}

fn back(line: &str, from: usize, count: usize) -> usize {
    let mut before = line[..from].char_indices().rev();
    before.nth(count - 1).map_or(0, |(offset, _)| offset)
}

fn forward(line: &str, from: usize, count: usize) -> usize {
    let mut after = line[from..].char_indices();
    after
        .nth(count)
        .map_or(line.len(), |(offset, _)| from + offset)
}

/// `text` without anything that could steer a terminal, each such character still to be seen.
fn visible(text: impl AsRef<str>) -> String {
    text.as_ref().chars().map(safe).collect()
}

/// Control characters as their pictures, invisible ones as `�`, one for one so that columns stay.
fn safe(character: char) -> char {
    match character {
        '\t' | '\n' => ' ',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('�'),
        '\u{7f}' => '␡',
        unsafe_one if crate::text::is_unsafe(unsafe_one) => '�',
        other => other,
    }
}

#[cfg(test)]
mod tests;
