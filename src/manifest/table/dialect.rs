//! How a table is written: what parts its cells, how its lines end, where its header stands. Start at [`Dialect::of`].

use super::columns::OtherColumns;
use super::layout::Layout;
use super::options::Delimiter;
use super::{header, scanner};

/// How a table is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) separator: u8,
    /// Whether somebody said what the separator is.
    pub(super) is_sure: bool,
    pub(super) line_end: &'static str,
    /// Where the first row starts that is not blank, past a `sep=` line.
    pub(super) start: usize,
    /// How many blank rows are before it; a `sep=` line is no row.
    pub(super) rows_before: usize,
    /// Where the header starts: there, unless a title stands above it.
    pub(super) header: usize,
}

impl Dialect {
    pub(super) const SEPARATORS: [(u8, &str); 4] = [
        (b',', "comma-separated"),
        (b';', "semicolon-separated"),
        (b'\t', "tab-separated"),
        (b'|', "separated by `|`"),
    ];

    /// The dialect of `text`: as somebody `told`, else by its `sep=` line or its header line.
    pub(super) fn of(text: &str, told: Option<Delimiter>) -> Self {
        let (declared, past) = declared_separator(text);
        let rest = &text[past..];
        let name =
            rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
        let blank = &rest[..rest.len() - name.len()];
        let start = past + blank.rfind(['\r', '\n']).map_or(0, |end| end + 1);
        let (most_frequent, line_end) = header_style(&text[start..]);
        let said = told.map(Delimiter::byte).or(declared);
        Self {
            separator: said.unwrap_or(most_frequent),
            is_sure: said.is_some(),
            line_end,
            start,
            rows_before: line_ends(&text[past..start]),
            header: start,
        }
    }

    /// The same with the header of `text` where it really is.
    pub(super) fn with_header(self, text: &str, others: OtherColumns) -> Self {
        match header::find(text, &self, self.is_sure, others) {
            Some(found) => Self {
                separator: found.separator,
                header: found.start,
                ..self
            },
            None => self,
        }
    }

    pub(super) fn layout(&self, sheet: Option<String>) -> Layout {
        Layout {
            separator: self.separator,
            start: self.start,
            rows_before: self.rows_before,
            header: self.header,
            sheet,
            marks: Vec::new(),
        }
    }

    /// `encoding` and, as far as the table shows it, how it is written.
    pub(super) fn described(&self, encoding: String) -> String {
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

/// How many lines end in `text`; LF, CR LF and CR all end one.
fn line_ends(text: &str) -> usize {
    text.matches(['\r', '\n']).count() - text.matches("\r\n").count()
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
            separator @ (b',' | b';' | b'\t' | b'|'),
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
        .expect("there are separators");
    (separator, scanner::line_end(&text[end..]))
}
