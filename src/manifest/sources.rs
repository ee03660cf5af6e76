//! The decoded texts of a manifest's files: maps a [`Span`] to file, line and column. Start at [`Sources::place`].

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

use super::table::{CellPlace, Excerpts, Gap, Layout, Rows};
use super::tree::{SourceId, Span};
use super::workbook::column_letters;
use crate::plan::Origin;
use crate::text::passwords;

/// The files of a manifest: the manifest itself, then the tables that it names.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    /// Places that must not be shown, such as an API key that does not belong in a manifest.
    hidden: Vec<Span>,
}

#[derive(Debug, Default)]
struct Source {
    name: String,
    text: String,
    /// What is left out of the text, if it is too large to be held as a whole.
    gaps: Vec<Gap>,
    /// Where each line but the first begins in the whole text, if the places of all jobs are wanted.
    all_lines: Option<Vec<u32>>,
    /// Where each line begins; made when the first place is asked for.
    lines: OnceLock<Vec<usize>>,
    /// How its text is divided, if it is a table.
    layout: Option<Layout>,
    /// Where each row begins; made when the first place is asked for.
    rows: OnceLock<Rows>,
}

/// A place as people count: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'s> {
    /// The file, named as the user named it.
    pub file: &'s str,
    /// Line, from 1, in a workbook the row; 0 if the file as a whole is meant.
    pub line: usize,
    /// Column in characters, from 1, in a workbook the column of the sheet; 0 if the file as a whole is meant.
    pub column: usize,
    /// The same as spreadsheets count, if the file is a table.
    pub cell: Option<CellPlace<'s>>,
}

impl fmt::Display for Place<'_> {
    /// `shots.csv:7:3`, `shots.xlsx[Sheet1]!D7`, or the file alone.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file)?;
        match &self.cell {
            _ if self.line == 0 => Ok(()),
            Some(CellPlace {
                sheet: Some(sheet),
                row,
                column,
                ..
            }) => {
                let letters = column_letters(column.unwrap_or_default());
                write!(formatter, "[{sheet}]!{letters}{row}")
            }
            _ => write!(formatter, ":{}:{}", self.line, self.column),
        }
    }
}

impl Place<'_> {
    /// `row 7, column "duration"` for a place in a table; a column without a name goes by its letter.
    pub fn in_table(&self) -> Option<String> {
        let cell = self.cell.as_ref()?;
        let row = format!("row {}", cell.row);
        Some(match (cell.name, cell.column) {
            (Some(name), _) => format!("{row}, column \"{name}\""),
            (None, Some(column)) => format!("{row}, column {}", column_letters(column)),
            (None, None) => row,
        })
    }
}

impl Sources {
    /// A file whose text is not known yet, to be shown as `name`.
    pub(super) fn open(&mut self, name: &str) -> SourceId {
        let id =
            u16::try_from(self.files.len()).expect("a manifest has a bounded number of tables");
        self.files.push(Source {
            name: name.to_owned(),
            ..Source::default()
        });
        SourceId(id)
    }

    /// Gives a file its decoded text.
    pub(super) fn fill(&mut self, id: SourceId, text: String) {
        self.files[usize::from(id.0)].text = text;
    }

    /// The text of a file, which is given away.
    pub(super) fn take(&mut self, id: SourceId) -> String {
        std::mem::take(&mut self.files[usize::from(id.0)].text)
    }

    /// Gives a table its decoded text, and how it is divided.
    pub(super) fn fill_table(&mut self, id: SourceId, text: String, layout: Option<Layout>) {
        let source = &mut self.files[usize::from(id.0)];
        source.text = text;
        source.layout = layout;
    }

    /// Gives a table the part of its text that is to be shown, in place of all of it.
    pub(super) fn fill_excerpts(&mut self, id: SourceId, excerpts: Excerpts) {
        let source = &mut self.files[usize::from(id.0)];
        source.text = excerpts.text;
        source.gaps = excerpts.gaps;
    }

    /// Gives a table the beginnings of all its lines but the first.
    pub(super) fn fill_lines(&mut self, id: SourceId, lines: Option<Vec<u32>>) {
        self.files[usize::from(id.0)].all_lines = lines;
    }

    /// How the text of a table is divided.
    pub(super) fn layout(&self, id: SourceId) -> Option<&Layout> {
        self.files[usize::from(id.0)].layout.as_ref()
    }

    /// The tables among the files, with text and layout.
    pub(super) fn tables(&self) -> impl Iterator<Item = (SourceId, &str, &Layout)> {
        self.files.iter().zip(0..).filter_map(|(file, id)| {
            let layout = file.layout.as_ref()?;
            Some((SourceId(id), file.text.as_str(), layout))
        })
    }

    /// Makes a place unreadable wherever its line is shown.
    pub(super) fn hide(&mut self, spans: impl IntoIterator<Item = Span>) {
        self.hidden.extend(spans);
    }

    /// The name of a file, as the user named it.
    pub fn name(&self, id: SourceId) -> &str {
        &self.files[usize::from(id.0)].name
    }

    /// The file that a job comes from, and the line at which it is written, if it is one of these files.
    pub fn place_of(&self, origin: &Origin) -> Option<(&str, usize)> {
        self.files.get(usize::from(origin.file))?;
        if let Some(lines) = &self.files[usize::from(origin.file)].all_lines {
            let before = lines.partition_point(|start| *start <= origin.start);
            return Some((self.name(SourceId(origin.file)), before + 1));
        }
        let start = origin.start as usize;
        let place = self.place(&Span {
            source: SourceId(origin.file),
            bytes: start..start,
        });
        Some((place.file, place.line))
    }

    /// The names of all files, as the user named them or as they follow from that.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// The decoded text of a file.
    #[cfg(test)]
    pub(super) fn text(&self, id: SourceId) -> &str {
        &self.files[usize::from(id.0)].text
    }

    /// Where `span` begins. LF, CR LF and CR all end a line.
    pub fn place(&self, span: &Span) -> Place<'_> {
        let source = &self.files[usize::from(span.source.0)];
        if source.text.is_empty() {
            return Place {
                file: &source.name,
                line: 0,
                column: 0,
                cell: None,
            };
        }
        let gap = source.gap_before(span.bytes.start);
        let start = source.held(span).start;
        let line = source.line_of(start);
        let line_start = source.lines()[line];
        let cell = source.cell_at(span);
        let (line, column) = if let Some(CellPlace {
            sheet: Some(_),
            row,
            column,
            ..
        }) = &cell
        {
            (*row, column.unwrap_or_default() + 1)
        } else {
            let before = &source.text[line_start..start];
            (gap.lines + line + 1, before.chars().count() + 1)
        };
        Place {
            file: &source.name,
            line,
            column,
            cell,
        }
    }

    /// The part of `span` where `text` stands, or all of it if it is written otherwise there.
    pub fn narrowed(&self, span: &Span, text: &str) -> Span {
        let source = &self.files[usize::from(span.source.0)];
        let written = &source.text[source.held(span)];
        let start = span.bytes.start;
        let bytes = match written.find(text) {
            Some(at) => start + at..start + at + text.len(),
            None => span.bytes.clone(),
        };
        Span {
            source: span.source,
            bytes,
        }
    }

    /// The line in which `span` begins, and the part of `span` inside it; hidden places are blanked.
    pub(super) fn line(&self, span: &Span) -> (Cow<'_, str>, Range<usize>) {
        let source = &self.files[usize::from(span.source.0)];
        let Range { start, end } = source.held(span);
        let number = source.line_of(start);
        let line = source.lines()[number];
        let next = source.lines().get(number + 1);
        let text = &source.text[line..next.copied().unwrap_or(source.text.len())];
        let text = text.trim_end_matches(['\n', '\r']);
        let inside = |offset: usize| (offset - line).min(text.len());
        let range = inside(start)..inside(end);
        let line = line + source.gap_before(span.bytes.start).bytes;
        (self.without_hidden(text, line, span.source), range)
    }

    /// `line`, which begins at byte `start` of `source`, with hidden bytes and passwords replaced one for one.
    fn without_hidden<'t>(&self, line: &'t str, start: usize, source: SourceId) -> Cow<'t, str> {
        let end = start + line.len();
        let overlaps = |span: &&Span| {
            span.source == source && span.bytes.start < end && span.bytes.end > start
        };
        let hidden: Vec<&Span> = self.hidden.iter().filter(overlaps).collect();
        let passwords = passwords(line);
        if hidden.is_empty() && passwords.is_empty() {
            return Cow::Borrowed(line);
        }
        let is_hidden = |offset: usize| {
            hidden.iter().any(|span| span.bytes.contains(&offset))
                || passwords.iter().any(|it| it.contains(&(offset - start)))
        };
        line.char_indices()
            .flat_map(|(offset, character)| {
                let hide = is_hidden(start + offset);
                let copies = if hide { character.len_utf8() } else { 1 };
                std::iter::repeat_n(if hide { '*' } else { character }, copies)
            })
            .collect()
    }
}

impl Source {
    fn cell_at(&self, span: &Span) -> Option<CellPlace<'_>> {
        let layout = self.layout.as_ref()?;
        let rows = self.rows.get_or_init(|| layout.rows(&self.text));
        let place = layout.cell_at(&self.text, rows, &self.held(span))?;
        let row = place.row + self.gap_before(span.bytes.start).rows;
        Some(CellPlace { row, ..place })
    }

    /// What is left out before the byte `offset` of the whole text.
    fn gap_before(&self, offset: usize) -> Gap {
        let is_before = |gap: &Gap| gap.at + gap.bytes <= offset;
        let before = self.gaps.partition_point(is_before);
        let last = before.checked_sub(1).map(|last| self.gaps[last]);
        last.unwrap_or_default()
    }

    /// Where `span` is in the text that is held.
    fn held(&self, span: &Span) -> Range<usize> {
        let left_out = self.gap_before(span.bytes.start).bytes;
        let start = self.floor(span.bytes.start - left_out);
        start..self.floor(span.bytes.end.saturating_sub(left_out).max(start))
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let bytes = self.text.as_bytes();
            let ends = bytes.iter().enumerate().filter(|(offset, byte)| {
                **byte == b'\n' || (**byte == b'\r' && bytes.get(offset + 1) != Some(&b'\n'))
            });
            std::iter::once(0)
                .chain(ends.map(|(offset, _)| offset + 1))
                .collect()
        })
    }

    /// Index of the line that contains byte `offset`.
    fn line_of(&self, offset: usize) -> usize {
        self.lines().partition_point(|start| *start <= offset) - 1
    }

    /// `offset`, moved into the text and back to the beginning of a character.
    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> (usize, usize) {
        let mut sources = Sources::default();
        let source = sources.open("a.yaml");
        sources.fill(source, text.to_owned());
        let place = sources.place(&Span {
            source,
            bytes: offset..offset,
        });
        (place.line, place.column)
    }

    #[test]
    fn every_kind_of_line_end_counts_once() {
        for text in ["a\nb\nc", "a\r\nb\r\nc", "a\rb\rc", "a\r\nb\rc"] {
            let offset = text.find('c').expect("there is a c");
            assert_eq!(place(text, offset), (3, 1), "{text:?}");
        }
        assert_eq!(place("a\n\r\n\rb", 5), (4, 1));
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(place("提示: x", "提示: ".len()), (1, 5));
        assert_eq!(place("🎬x", 4), (1, 2));
        assert_eq!(place("é", 1), (1, 1), "inside a character");
    }

    #[test]
    fn a_place_past_the_end_is_the_end() {
        assert_eq!(place("ab", 99), (1, 3));
        assert_eq!(place("", 0), (0, 0));
    }
}
