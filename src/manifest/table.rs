//! Bytes of a CSV file → one small tree per row, each cell with its place. Start at [`read`].
//!
//! `scanner` finds the cells, `columns` reads the header, this page puts rows together. Values stay text here: what a
//! cell may say is for the rules. Rows are passed on one by one; only the decoded text is kept.

mod columns;
mod scanner;

use std::ops::Range;

use self::columns::{Column, Columns};
use self::scanner::{Fault, Row, Scanner};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::encoding::{self, Decoded};
use super::tree::{Key, Node, SourceId, Span, Value};

/// Most columns a table may have: the API has about twenty fields, the rest are the user's own.
const COLUMN_LIMIT: usize = 1000;

/// Gives `row` each row of the table in `bytes` as a map of fields, and `diagnostics` every mistake of the table.
///
/// A map has only the cells that are not blank: single fields as [`Value::Cell`], `images`, `videos` and `audios` as
/// [`Value::List`] of cells, the fields of `extra_body` in a [`Value::Map`] of that name. Columns of unknown name are
/// reported and left out; rows of which it is unsure where cells begin and end are reported and not passed on.
pub(super) fn read(
    bytes: &[u8],
    source: SourceId,
    diagnostics: &mut Diagnostics,
    row: &mut dyn FnMut(&Node, &mut Diagnostics),
) -> Decoded {
    if let Some(message) = foreign_format(bytes) {
        let help = "save it as CSV (in Excel: `CSV UTF-8`)";
        let place = span(source, &(0..0));
        diagnostics.push(Diagnostic::error("not-a-table", &place, message, help));
        return Decoded {
            text: String::new(),
            note: "not a text file".to_owned(),
        };
    }
    let Decoded { text, note } = encoding::decode(bytes, source, diagnostics);
    if let Some(at) = text.find('\0') {
        diagnostics.push(nul_byte(&span(source, &(at..at + 1))));
        return Decoded { text, note };
    }
    let table = Table {
        dialect: Dialect::of(&text),
        text: &text,
        source,
    };
    table.read(diagnostics, row);
    let note = table.dialect.described(note);
    Decoded { text, note }
}

/// What a file is that is often given in place of a CSV file, by its first bytes.
fn foreign_format(bytes: &[u8]) -> Option<&'static str> {
    const FORMATS: [(&[u8], &str); 4] = [
        (
            b"PK\x03\x04",
            "the file is a workbook or an archive, not CSV",
        ),
        (b"\xD0\xCF\x11\xE0", "the file is an old workbook, not CSV"),
        (b"\xFF\xFE\0\0", "the file is UTF-32, which is not read"),
        (b"\0\0\xFE\xFF", "the file is UTF-32, which is not read"),
    ];
    FORMATS
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map(|(_, message)| *message)
}

/// How a table is written.
#[derive(Debug, PartialEq, Eq)]
struct Dialect {
    separator: u8,
    line_end: &'static str,
    /// Where the header starts, past blank lines and a `sep=` line.
    start: usize,
}

impl Dialect {
    const SEPARATORS: [(u8, &str); 3] = [
        (b',', "comma-separated"),
        (b';', "semicolon-separated"),
        (b'\t', "tab-separated"),
    ];

    /// The dialect of `text`, by its `sep=` line or its header line.
    fn of(text: &str) -> Self {
        let (declared, past) = declared_separator(text);
        let rest = &text[past..];
        let name = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        let blank = &rest[..rest.len() - name.len()];
        let start = past + blank.rfind(['\r', '\n']).map_or(0, |end| end + 1);
        let (most_frequent, line_end) = header_style(&text[start..]);
        Self {
            separator: declared.unwrap_or(most_frequent),
            line_end,
            start,
        }
    }

    /// `encoding` and, as far as the table shows it, how it is written.
    fn described(&self, encoding: String) -> String {
        let separator = Self::SEPARATORS
            .iter()
            .find(|(separator, _)| *separator == self.separator)
            .map(|(_, name)| *name);
        let line_end = match self.line_end {
            "\r\n" => Some("CRLF"),
            "\n" => Some("LF"),
            "\r" => Some("CR"),
            _ => None,
        };
        [separator, line_end]
            .into_iter()
            .flatten()
            .fold(encoding, |note, words| note + ", " + words)
    }
}

/// The separator that a first line such as `sep=;` names, and where the table goes on.
fn declared_separator(text: &str) -> (Option<u8>, usize) {
    let line = &text[..text.find(['\r', '\n']).unwrap_or(text.len())];
    let separator = match line.trim_matches('"').as_bytes() {
        [
            b's' | b'S',
            b'e' | b'E',
            b'p' | b'P',
            b'=',
            separator @ (b',' | b';' | b'\t'),
        ] => *separator,
        _ => return (None, 0),
    };
    let line_end = scanner::line_end(&text[line.len()..]);
    (Some(separator), line.len() + line_end.len())
}

/// The separator that stands most often in the first line of `text`, the earlier of the list if two do, and the line
/// end of that line; quoted cells do not count.
fn header_style(text: &str) -> (u8, &'static str) {
    let mut counts = Dialect::SEPARATORS.map(|(separator, _)| (separator, 0));
    let (mut is_quoted_cell, mut is_open, mut is_start) = (false, false, true);
    let mut end = text.len();
    for (at, byte) in text.bytes().enumerate() {
        is_quoted_cell = byte == b'"' && is_start || is_quoted_cell && !is_start;
        is_open ^= byte == b'"' && is_quoted_cell;
        is_start = false;
        if is_open {
            continue;
        }
        if matches!(byte, b'\r' | b'\n') {
            end = at;
            break;
        }
        for (_, count) in counts
            .iter_mut()
            .filter(|(separator, _)| *separator == byte)
        {
            *count += 1;
            is_start = true;
        }
    }
    let (separator, _) = counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .expect("there are three separators");
    (separator, scanner::line_end(&text[end..]))
}

/// A table whose dialect is known.
struct Table<'t> {
    text: &'t str,
    source: SourceId,
    dialect: Dialect,
}

impl Table<'_> {
    fn read(
        &self,
        diagnostics: &mut Diagnostics,
        take_row: &mut dyn FnMut(&Node, &mut Diagnostics),
    ) {
        let mut scanner = Scanner::new(self.text, self.dialect.start, self.dialect.separator);
        let mut row = Row::default();
        let Some(mut columns) = self.header(&mut scanner, &mut row, diagnostics) else {
            return;
        };
        let header = span(self.source, &row.bytes);
        let mut is_empty = true;
        while self.next_row(&mut scanner, columns.width, &mut row) {
            is_empty = false;
            for cell in columns.secret.iter().filter_map(|at| row.cells.get(*at)) {
                diagnostics.hide(&self.span(&cell.bytes));
            }
            if self.repeats_header(&row, &columns) {
                diagnostics.push(repeated_header(&self.span(&row.bytes), &header));
            } else if self.is_sound(&row, columns.width, diagnostics) {
                self.report_unnamed(&row, &mut columns, diagnostics);
                take_row(&self.job(&row, &columns), diagnostics);
            }
        }
        if is_empty {
            let message = "the table has a header and no rows";
            diagnostics.push(no_jobs(&header, message));
        }
    }

    fn header(
        &self,
        scanner: &mut Scanner,
        row: &mut Row,
        diagnostics: &mut Diagnostics,
    ) -> Option<Columns> {
        if !self.next_row(scanner, COLUMN_LIMIT, row) {
            diagnostics.push(no_jobs(&self.span(&(0..0)), "the table is empty"));
            return None;
        }
        if !self.is_sound(row, COLUMN_LIMIT, diagnostics) {
            return None;
        }
        Columns::read(row, self.text, self.source, diagnostics)
    }

    /// Fills `row` with the next row that is not blank.
    fn next_row(&self, scanner: &mut Scanner, width: usize, row: &mut Row) -> bool {
        while scanner.next_row(width, row) {
            if !row.is_blank_in(self.text) {
                return true;
            }
        }
        false
    }

    /// Whether each value of `row` surely belongs to the column it stands in; what speaks against it is reported.
    fn is_sound(&self, row: &Row, width: usize, diagnostics: &mut Diagnostics) -> bool {
        for fault in &row.faults {
            diagnostics.push(self.faulty_quote(fault));
        }
        let extra = row.cells.get(width).filter(|_| row.faults.is_empty());
        if let Some(extra) = extra {
            diagnostics.push(extra_cell(&self.span(&extra.bytes), width));
        }
        row.faults.is_empty() && extra.is_none()
    }

    /// Whether `row` is the header once more, as in two tables that were joined: it would make a job of its own.
    fn repeats_header(&self, row: &Row, columns: &Columns) -> bool {
        let mut columns = columns.all().peekable();
        columns.peek().is_some()
            && columns.all(|Column { index, key }| {
                row.cells.get(*index).is_some_and(|cell| {
                    let name = &self.text[columns::name_in(cell, self.text)];
                    name.eq_ignore_ascii_case(&self.text[key.span.bytes.clone()])
                })
            })
    }

    /// Reports each column without a name at its first value.
    fn report_unnamed(&self, row: &Row, columns: &mut Columns, diagnostics: &mut Diagnostics) {
        columns.unnamed.retain(|(index, header)| {
            let Some(cell) = self.cell(row, *index) else {
                return true;
            };
            diagnostics.push(unnamed_column(&cell.span, header));
            false
        });
    }

    /// The fields of one job.
    fn job(&self, row: &Row, columns: &Columns) -> Node {
        let set = |column: &Column| Some((column.key.clone(), self.cell(row, column.index)?));
        let mut fields = Vec::with_capacity(columns.plain.len() + 2);
        fields.extend(columns.plain.iter().filter_map(set));
        fields.extend(columns.lists.iter().filter_map(|column| {
            Some((column.key.clone(), self.list_in_cell(row, column.index)?))
        }));
        fields.extend(columns.numbered.iter().filter_map(|columns| {
            let (keys, nodes): (Vec<Key>, Vec<Node>) = columns.iter().filter_map(set).unzip();
            let span = covering(nodes.iter().map(|node| &node.span))?;
            let value = Value::List(nodes);
            Some((keys.into_iter().next()?, Node { value, span }))
        }));
        fields.extend(extra_body(columns.extra.iter().filter_map(set).collect()));
        Node {
            value: Value::Map(fields),
            span: self.span(&row.bytes),
        }
    }

    /// The cell of a column, unless it is blank.
    fn cell(&self, row: &Row, index: usize) -> Option<Node> {
        let cell = row.cells.get(index)?;
        (!cell.is_blank_in(self.text)).then(|| Node {
            value: Value::Cell(cell.part(self.text, cell.bytes.clone()).into_owned()),
            span: self.span(&cell.bytes),
        })
    }

    /// The list in the cell of a column, unless it is blank; addresses are parted by `|` or line breaks.
    fn list_in_cell(&self, row: &Row, index: usize) -> Option<Node> {
        let cell = row.cells.get(index)?;
        if cell.is_blank_in(self.text) {
            return None;
        }
        let mut start = cell.bytes.start;
        let mut addresses = Vec::new();
        for part in self.text[cell.bytes.clone()].split(['|', '\n', '\r']) {
            let at = start + part.len() - part.trim_start().len();
            let bytes = at..at + part.trim().len();
            start += part.len() + 1;
            if !bytes.is_empty() {
                addresses.push(Node {
                    span: self.span(&bytes),
                    value: Value::Cell(cell.part(self.text, bytes).into_owned()),
                });
            }
        }
        Some(Node {
            value: Value::List(addresses),
            span: self.span(&cell.bytes),
        })
    }

    fn faulty_quote(&self, fault: &Fault) -> Diagnostic {
        match fault {
            Fault::Unclosed { opened } => Diagnostic::error(
                "unclosed-quote",
                &self.span(&(*opened..opened + 1)),
                "the quote that opens here never closes",
                "close it after the text of the cell, or write a quote inside a quoted cell twice",
            ),
            Fault::AfterQuote { opened, text } => Diagnostic::error(
                "text-after-quote",
                &self.span(text),
                "text follows the closing quote of a cell",
                "write a quote inside a quoted cell twice: `\"a 5\"\" screen\"`",
            )
            .related(&self.span(&(*opened..opened + 1)), "the cell opens here"),
            Fault::BeforeQuote { blanks } => Diagnostic::error(
                "space-before-quote",
                &self.span(blanks),
                "white space before a quote makes the quote a part of the text",
                "delete the white space; or, if the quotes are meant, put the whole cell in quotes and double them",
            ),
        }
    }

    fn span(&self, bytes: &Range<usize>) -> Span {
        span(self.source, bytes)
    }
}

/// The map of the fields that go under `extra_body`, if there are any.
fn extra_body(fields: Vec<(Key, Node)>) -> Option<(Key, Node)> {
    let (first, _) = fields.first()?;
    let key = Key {
        name: "extra_body".to_owned(),
        span: first.span.clone(),
    };
    let span = covering(fields.iter().map(|(_, node)| &node.span))?;
    let value = Value::Map(fields);
    Some((key, Node { value, span }))
}

/// From the first to the last of `spans`.
fn covering<'s>(spans: impl Iterator<Item = &'s Span>) -> Option<Span> {
    spans.cloned().reduce(|one, other| Span {
        source: one.source,
        bytes: one.bytes.start.min(other.bytes.start)..one.bytes.end.max(other.bytes.end),
    })
}

fn span(source: SourceId, bytes: &Range<usize>) -> Span {
    Span {
        source,
        bytes: bytes.clone(),
    }
}

fn nul_byte(place: &Span) -> Diagnostic {
    let help = "save the file as UTF-8; without a byte order mark UTF-16 cannot be told from it";
    Diagnostic::error("nul-byte", place, "the text contains a NUL byte", help)
}

fn no_jobs(place: &Span, message: &str) -> Diagnostic {
    let help = "write a row of column names such as `id,prompt,model,duration`, and under it a row for each job";
    Diagnostic::error("no-jobs", place, message, help)
}

fn repeated_header(place: &Span, header: &Span) -> Diagnostic {
    let message = "the header stands here once more, in place of a job";
    Diagnostic::error("repeated-header", place, message, "delete this row")
        .related(header, "the header")
}

fn extra_cell(place: &Span, width: usize) -> Diagnostic {
    if width == COLUMN_LIMIT {
        let message = format!("the table has more than {COLUMN_LIMIT} columns");
        return Diagnostic::error("too-many-columns", place, message, "delete unused columns");
    }
    let message = "the value stands beyond the last column of the header";
    let help = "if it belongs to the cell before it, put quotes around the whole cell; if not, give its column a name";
    Diagnostic::error("extra-cell", place, message, help)
}

fn unnamed_column(place: &Span, header: &Span) -> Diagnostic {
    let help = "give the column a name in the header, such as `x_note`, or delete its values";
    Diagnostic::error(
        "unnamed-column",
        place,
        "the value stands in a column without a name",
        help,
    )
    .related(header, "the name is missing here")
}

#[cfg(test)]
mod tests;
