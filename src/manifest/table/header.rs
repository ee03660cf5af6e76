//! Which row of a table is its header: the first one, unless a title or notes stand above it. Start at [`find`].
//!
//! A header in another row, or cells parted by something else than was guessed, is a mistake to be told; it is looked for so
//! that all other mistakes can be told with it.

use std::ops::Range;

use super::columns::{self, Likeness, OtherColumns};
use super::dialect::Dialect;
use super::scanner::{Cell, Row, Scanner};
use super::{COLUMN_LIMIT, Delimiter, SourceId, span};
use crate::manifest::diagnostic::Diagnostic;

/// How many rows, from the first that is not blank, may hold the header.
const ROWS: usize = 6;

/// Longest text that passes for the name of a variable, in characters.
const NAME: usize = 30;

/// A header that was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Where its row begins.
    pub(super) start: usize,
    /// How many rows are above it, from where the table starts.
    pub(super) above: usize,
    /// What parts its cells.
    pub(super) separator: u8,
}

/// A row that may be the header.
struct Candidate {
    start: usize,
    above: usize,
    likeness: Likeness,
    /// Whether each of its cells could be the name of a variable.
    has_names: bool,
    /// Whether its cells are parted as the parts of a sentence are: with a blank behind each mark.
    is_sentence: bool,
}

/// The header of `text`, if it is not the first row; whether the delimiter is sure, is said by `is_sure`.
pub(super) fn find(
    text: &str,
    dialect: &Dialect,
    is_sure: bool,
    others: OtherColumns,
) -> Option<Found> {
    let first = candidates(text, dialect, dialect.separator).next()?;
    if !may_be_title(&first, text, others) {
        return None;
    }
    let guesses = Dialect::SEPARATORS.map(|(separator, _)| separator);
    let rest = guesses.into_iter().filter(|it| *it != dialect.separator);
    let rest = rest.filter(|_| !is_sure);
    std::iter::once(dialect.separator)
        .chain(rest)
        .find_map(|separator| {
            let rows = candidates(text, dialect, separator);
            let mut below = rows.filter(|row| row.above > 0 || separator != dialect.separator);
            let header = below.find(|row| row.is_header_below(&first, others))?;
            Some(Found {
                start: header.start,
                above: header.above,
                separator,
            })
        })
}

/// Whether the first row can be a title: it names no column, or is one cell alone.
fn may_be_title(first: &Candidate, text: &str, others: OtherColumns) -> bool {
    let Likeness { filled, near, .. } = first.likeness;
    match others {
        OtherColumns::Refused => near == 0 || filled == 1,
        // Any word may be a variable, but few are several words.
        OtherColumns::Variables => {
            let line = text[first.start..].lines().next().unwrap_or_default();
            let title = line.trim_matches(|it: char| it.is_whitespace() || ",;|\"".contains(it));
            filled == 1 && near == 0 && title.contains(char::is_whitespace)
        }
    }
}

impl Candidate {
    fn is_header_below(&self, first: &Self, others: OtherColumns) -> bool {
        let Likeness {
            filled,
            exact,
            near,
        } = self.likeness;
        match others {
            // A first row that is the name of a column is a header, whatever its texts say.
            OtherColumns::Refused if first.likeness.exact > 0 => exact >= 3 && exact == filled,
            OtherColumns::Refused => {
                near >= 2 && !(self.is_sentence && exact < near)
                    || exact == 1 && filled == 1 && first.likeness.near == 0
            }
            OtherColumns::Variables => filled >= 2 && self.has_names && !self.is_sentence,
        }
    }
}

/// The first rows that are not blank, each looked at only when it is asked for: a usual table's first row is its header.
fn candidates(text: &str, dialect: &Dialect, separator: u8) -> impl Iterator<Item = Candidate> {
    let mut scanner = Scanner::new(text, dialect.start, separator);
    let mut row = Row::default();
    let mut rows = 0..ROWS;
    std::iter::from_fn(move || {
        loop {
            let above = rows.next()?;
            if !scanner.next_row(COLUMN_LIMIT, &mut row) || !row.faults.is_empty() {
                rows = 0..0;
            } else if !row.is_blank_in(text) {
                return Some(candidate(text, &row, above));
            }
        }
    })
}

fn candidate(text: &str, row: &Row, above: usize) -> Candidate {
    Candidate {
        start: row.bytes.start,
        above,
        likeness: columns::likeness(row, text),
        has_names: has_names(row, text),
        is_sentence: is_sentence(row, text),
    }
}

fn is_sentence(row: &Row, text: &str) -> bool {
    let begins_blank = |cell: &Cell| text[cell.bytes.clone()].starts_with(char::is_whitespace);
    row.cells.len() > 1
        && row.cells[1..]
            .iter()
            .all(|cell| !cell.quoted && begins_blank(cell))
}

fn has_names(row: &Row, text: &str) -> bool {
    let mut filled = row.cells.iter().filter(|cell| !cell.is_blank_in(text));
    filled.all(|cell| {
        let name = text[cell.bytes.clone()].trim();
        name.chars().nth(NAME).is_none()
            && !name.contains("://")
            && name.contains(char::is_alphabetic)
            && !name.ends_with(['.', '!', '?', '。'])
    })
}

/// Rows above the header.
pub(super) fn misplaced(
    title: &Range<usize>,
    source: SourceId,
    dialect: &Dialect,
    header: usize,
) -> Diagnostic {
    let above = header - 1;
    let first = dialect.rows_before + 1;
    let rows = if first == above {
        format!("row {above}")
    } else if first + 1 == above {
        format!("rows {first} and {above}")
    } else {
        format!("rows {first} to {above}")
    };
    let message =
        format!("the first row names no known column; the header seems to be row {header}");
    let help = format!(
        "mend the rest first, then delete {rows}: a table begins with the names of its columns; what is below was checked as if that were done, and is told by the row numbers of now"
    );
    Diagnostic::error("no-header", &span(source, title), message, help)
}

/// What parts the names of columns that stand in the one cell of the row at `place`.
fn in_one_column(place: &Range<usize>, text: &str, dialect: &Dialect) -> Option<Delimiter> {
    let mut row = Row::default();
    Scanner::new(text, place.start, dialect.separator).next_row(COLUMN_LIMIT, &mut row);
    let mut filled = row.cells.iter().filter(|cell| !cell.is_blank_in(text));
    let (Some(cell), None) = (filled.next(), filled.next()) else {
        return None;
    };
    if !cell.quoted {
        return None;
    }
    let names = &text[cell.bytes.clone()];
    let mut guesses = Dialect::SEPARATORS
        .into_iter()
        .map(|(separator, _)| separator);
    let separator = guesses.find(|separator| {
        let mut row = Row::default();
        Scanner::new(names, 0, *separator).next_row(COLUMN_LIMIT, &mut row);
        columns::likeness(&row, names).exact >= 2
    })?;
    Some(Delimiter::of(separator))
}

/// No header, nor anything like one.
pub(super) fn missing(
    place: &Range<usize>,
    source: SourceId,
    text: &str,
    dialect: &Dialect,
    is_workbook: bool,
) -> Diagnostic {
    const START: &str =
        "start the table with a row of column names, such as `id,prompt,model,duration`";
    if let Some(delimiter) = in_one_column(place, text, dialect) {
        let message = "the first row is one cell that holds all names of columns";
        let help = format!(
            "the table was saved with each row as one text, in quotes: in the spreadsheet, select the column and part it at `{delimiter}` (`Data`, `Text to Columns`), then save it again"
        );
        return Diagnostic::error("no-header", &span(source, place), message, help);
    }
    let other = if is_workbook {
        None
    } else {
        find(text, dialect, false, OtherColumns::Refused)
    };
    let misread = || {
        let mut names = text[place.clone()].split(char::from(dialect.separator));
        names.find_map(|name| columns::misread(name.trim_matches('"')))
    };
    let help = if let Some(Found {
        separator, above, ..
    }) = other
    {
        let delimiter = Delimiter::of(separator);
        let row = dialect.rows_before + above + 1;
        format!(
            "row {row} has known columns if `{delimiter}` parts them: leave out `delimiter`, or say `--delimiter '{delimiter}'`"
        )
    } else {
        misread().unwrap_or_else(|| START.to_owned())
    };
    let message = "the first row names no known column";
    Diagnostic::error("no-header", &span(source, place), message, help)
}
