//! Diagnostics as people read them: message, place, the source line, and how to mend it. Start at [`render`].
//!
//! `annotate-snippets` draws, and is given one line at a time, cut to a window, so that a thousand mistakes in a
//! large manifest take milliseconds. Nothing from the manifest reaches the terminal with a character that could
//! steer it.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Element, Level, Origin, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::sources::{Place, Sources};
use super::tree::{SourceId, Span};

/// Most diagnostics that are printed; the rest is counted.
const SHOWN: usize = 200;
/// More diagnostics than this are also counted by kind.
const UNCOUNTED: usize = 20;
/// How often one kind of finding is drawn in one column; the others of it are told in a line each.
const DRAWN: usize = 2;
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
    let told = first_of(gathered(wanted(diagnostics, least), sources));
    let mut text = String::new();
    for (index, one) in told.iter().enumerate() {
        text += &if one.is_brief {
            one_line(&one.found, sources)
        } else {
            full(&one.found, sources, &renderer)
        };
        let is_next_brief = told.get(index + 1).is_some_and(|next| next.is_brief);
        text += if one.is_brief && is_next_brief {
            "\n"
        } else {
            "\n\n"
        };
    }
    text + &ending(&told, diagnostics, sources, least, "\n\n")
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

/// What is said of several findings at once, or of one.
struct Told<'d> {
    found: Cow<'d, Diagnostic>,
    /// How many findings it stands for.
    count: usize,
    /// Whether one line is enough: its like was drawn before.
    is_brief: bool,
}

fn with_summary(
    diagnostics: &Diagnostics,
    sources: &Sources,
    least: Severity,
    separator: &str,
    show: impl Fn(&Diagnostic) -> String,
) -> String {
    let chosen = wanted(diagnostics, least).map(Told::alone).collect();
    let told = first_of(chosen);
    let lines = told.iter().map(|told| show(&told.found) + separator);
    lines.collect::<String>() + &ending(&told, diagnostics, sources, least, separator)
}

/// How many findings are not shown, how many there are, and of which kinds.
fn ending(
    told: &[Told<'_>],
    diagnostics: &Diagnostics,
    sources: &Sources,
    least: Severity,
    separator: &str,
) -> String {
    let mut text = String::new();
    let all = [Severity::Error, Severity::Warning, Severity::Note].into_iter();
    let wanted = all.filter(|severity| *severity <= least);
    let total: usize = wanted.map(|severity| diagnostics.count(severity)).sum();
    let shown: usize = told.iter().map(|told| told.count).sum();
    if total > shown {
        let _ = write!(text, "… and {} more{separator}", total - shown);
    }
    if total > 0 {
        let _ = writeln!(text, "{}", summary(diagnostics, sources));
    }
    if total > UNCOUNTED {
        text += &by_kind(diagnostics);
    }
    text
}

impl<'d> Told<'d> {
    fn alone(found: &'d Diagnostic) -> Self {
        Self {
            found: Cow::Borrowed(found),
            count: 1,
            is_brief: false,
        }
    }
}

/// What is found in several cells of one column in the same words is told once, at the first of them; what is of one
/// kind in one column is drawn [`DRAWN`] times, then told in a line.
fn gathered<'d>(all: impl Iterator<Item = &'d Diagnostic>, sources: &Sources) -> Vec<Told<'d>> {
    type Alike<'d> = (&'d str, SourceId, usize, &'d str, &'d str);
    let mut told: Vec<Told<'d>> = Vec::new();
    let mut rows: Vec<Vec<usize>> = Vec::new();
    let mut known: HashMap<Alike<'d>, usize> = HashMap::new();
    let mut drawn: HashMap<(&str, SourceId, usize), usize> = HashMap::new();
    for found in all {
        rows.push(Vec::new());
        told.push(Told::alone(found));
        let place = sources.place(&found.span).cell;
        let Some((row, column)) = place.and_then(|cell| Some((cell.row, cell.column?))) else {
            continue;
        };
        let source = found.span.source;
        let alike = (found.code, source, column, &*found.message, &*found.help);
        let is_alone = found.label.is_some() || !found.related.is_empty();
        if let Some(first) = known.get(&alike).filter(|_| !is_alone) {
            rows.pop();
            told.pop();
            rows[*first].push(row);
            told[*first].count += 1;
            continue;
        }
        rows[told.len() - 1].push(row);
        if !is_alone {
            known.insert(alike, told.len() - 1);
        }
        let times = drawn.entry((found.code, source, column)).or_default();
        *times += 1;
        if let Some(last) = told.last_mut() {
            last.is_brief = *times > DRAWN;
        }
    }
    for (told, rows) in told.iter_mut().zip(rows) {
        if told.count > 1 {
            let found = told.found.to_mut();
            let _ = write!(
                found.message,
                " (in {} cells of this column: rows {})",
                told.count,
                runs(&rows, rows.len())
            );
        }
    }
    told
}

/// `2–20, 25, 31 and 7 more`, of `all` rows that begin so.
pub(super) fn runs(rows: &[usize], all: usize) -> String {
    const FEW: usize = 12;
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in rows {
        match runs.last_mut() {
            Some(run) if run.end == *row => run.end += 1,
            _ => runs.push(*row..*row + 1),
        }
    }
    let listed = &runs[..runs.len().min(FEW)];
    let words: Vec<String> = listed
        .iter()
        .map(|run| match run.len() {
            1 => run.start.to_string(),
            2 => format!("{}, {}", run.start, run.end - 1),
            _ => format!("{}–{}", run.start, run.end - 1),
        })
        .collect();
    let count: usize = listed.iter().map(ExactSizeIterator::len).sum();
    match all - count {
        0 => words.join(", "),
        more => format!("{} and {more} more", words.join(", ")),
    }
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

fn wanted(diagnostics: &Diagnostics, least: Severity) -> impl Iterator<Item = &Diagnostic> {
    diagnostics.iter().filter(move |it| it.severity <= least)
}

/// What is printed of `all`: everything, or the first [`SHOWN`], errors before warnings.
fn first_of(mut all: Vec<Told<'_>>) -> Vec<Told<'_>> {
    if all.len() <= SHOWN {
        return all;
    }
    let mut severities: Vec<Severity> = all.iter().map(|told| told.found.severity).collect();
    severities.sort_unstable();
    let last = severities[SHOWN - 1];
    let mut room = SHOWN - severities.partition_point(|it| *it < last);
    all.retain(|told| {
        let severity = told.found.severity;
        let is_kept = severity < last || severity == last && room > 0;
        room -= usize::from(is_kept && severity == last);
        is_kept
    });
    all
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
