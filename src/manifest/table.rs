//! Bytes of a table → one small tree per row, each cell with its place. Start at [`open`].
//!
//! A CSV file is decoded, a workbook becomes comma-separated text; then `scanner` finds the cells, `columns` reads the
//! header, this page puts rows together. Values stay text here: what a cell may say is for the rules. Rows are passed
//! on one by one; only the decoded text is kept.

mod columns;
mod cut;
pub(super) mod errors;
mod header;
mod layout;
mod looks;
mod marks;
mod names;
mod notes;
mod options;
mod scanner;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::ops::Range;

use self::columns::{Column, Columns, Use};
pub(super) use self::columns::{Header, OtherColumns};
pub use self::layout::CellPlace;
pub(super) use self::layout::{Layout, Rows};
use self::looks::Looks;
use self::marks::{Mark, MarkedCell, Unmended};
use self::notes::Tidied;
pub use self::options::{Delimiter, TableOptions};
use self::scanner::{Cell, Fault, Row, Scanner};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::encoding::{self, Decoded};
use super::fields;
use super::tree::{Key, Node, SourceId, Span, Value};
use super::values::shown;
use super::workbook::{self, Link, Oddity, Refusal, Region};
use crate::plan::JobId;
use crate::text;

/// Most columns a table may have: the API has about twenty fields, the rest are the user's own.
const COLUMN_LIMIT: usize = 1000;

/// A table that is to be read.
pub(super) struct TableFile<'b> {
    /// All of the file.
    pub(super) bytes: &'b [u8],
    /// Whether it is a workbook, by its name.
    pub(super) is_workbook: bool,
    /// The number of its text.
    pub(super) source: SourceId,
    /// What somebody said about it.
    pub(super) options: &'b TableOptions,
    /// What columns are whose names are no field's.
    pub(super) others: OtherColumns,
    /// How many bytes are held of other sheets of the workbook.
    pub(super) kept: usize,
}

/// What is known of a table when its rows are read.
#[derive(Debug)]
pub(super) struct ReadTable {
    /// How it is divided, to name places as spreadsheets do.
    pub(super) layout: Layout,
    /// What was detected, a line each.
    pub(super) detected: Vec<String>,
}

/// A row of a table.
pub(super) struct TableRow<'r> {
    /// Its fields: only the cells that are not blank. Single fields are [`Value::Cell`], `images`, `videos` and
    /// `audios` are a [`Value::List`] of cells, the fields of `extra_body` stand in a [`Value::Map`] of that name.
    pub(super) job: Node,
    /// Its number as spreadsheets count, from 1.
    pub(super) number: u32,
    /// Fields whose cells say something that is reported, and that are not in `job`.
    pub(super) refused: Vec<&'r str>,
    /// The columns of such cells.
    refused_columns: &'r [usize],
    text: &'r str,
    header: &'r Span,
    columns: &'r Columns,
    row: &'r Row,
}

impl TableRow<'_> {
    /// Every column that a template can name.
    pub(super) fn headers(&self) -> impl Iterator<Item = &Header> {
        self.columns.nameable()
    }

    /// Each of these columns, and what the row says in it, exactly as written; blank cells included.
    pub(super) fn cells(&self) -> impl Iterator<Item = (&Header, Cow<'_, str>)> {
        self.headers().map(|header| {
            let text = self
                .row
                .cells
                .get(header.index)
                .map_or(Cow::Borrowed(""), |cell| {
                    cell.part(self.text, cell.bytes.clone())
                });
            (header, text)
        })
    }

    /// Those of the columns whose cells say something that is reported.
    pub(super) fn refused_headers(&self) -> impl Iterator<Item = &Header> {
        let columns = self.refused_columns;
        self.headers().filter(|it| columns.contains(&it.index))
    }

    /// Where the header stands.
    pub(super) fn header_place(&self) -> &Span {
        self.header
    }

    /// Whether the table has a column for this field of a job.
    pub(super) fn has_column(&self, field: &str) -> bool {
        self.columns.names(field)
    }

    /// Where the cell of a column stands; the whole row if it is too short for it.
    #[cfg(test)]
    pub(super) fn place_of(&self, header: &Header) -> Span {
        let cell = self.row.cells.get(header.index);
        let bytes = cell.map_or(&self.row.bytes, |cell| &cell.bytes);
        span(self.job.span.source, bytes)
    }
}

/// Reads `file` as far as its rows; none if it cannot be read at all, which is reported.
pub(super) fn open(file: &TableFile<'_>, diagnostics: &mut Diagnostics) -> Option<OpenTable> {
    let opened = content_of(file, diagnostics);
    if let Err(Refusal {
        code,
        message,
        help,
    }) = &opened
    {
        let place = span(file.source, &(0..0));
        diagnostics.push(Diagnostic::error(code, &place, message, help));
    }
    opened.ok()
}

/// A table as text, whatever it came from.
#[derive(Debug)]
pub(super) struct OpenTable {
    /// The decoded text; of a workbook, the text of its sheet.
    pub(super) text: String,
    source: SourceId,
    others: OtherColumns,
    dialect: Dialect,
    /// What was detected.
    note: String,
    sheet: Sheet,
}

impl OpenTable {
    /// Gives `take_row` each row, and `diagnostics` every mistake of the table.
    ///
    /// Columns of unknown name are reported and left out, unless they are variables; rows of which it is unsure what
    /// their cells say are reported and not passed on.
    pub(super) fn read(
        &self,
        diagnostics: &mut Diagnostics,
        take_row: &mut dyn FnMut(&TableRow<'_>, &mut Diagnostics),
    ) -> ReadTable {
        let table = Table {
            text: &self.text,
            source: self.source,
            dialect: &self.dialect,
            others: self.others,
            sheet: &self.sheet,
        };
        let mut detected = vec![self.note.clone()];
        let mut refused = RefusedCells::new(diagnostics);
        if let Some(at) = self.text.find('\0') {
            diagnostics.push(nul_byte(&span(self.source, &(at..at + 1))));
        } else if let Some((columns, ends)) = table.read(&mut refused, diagnostics, take_row) {
            detected.extend(ends);
            detected.extend(columns.read_as());
        }
        let layout = Layout {
            marks: refused.marks.unwrap_or_default(),
            ..self.dialect.layout(self.sheet.name.clone())
        };
        ReadTable { layout, detected }
    }
}

/// What a workbook knows of a sheet beside its text; nothing of a table that comes from none.
#[derive(Debug, Default)]
struct Sheet {
    name: Option<String>,
    oddities: Vec<(u32, Oddity)>,
    merged: Vec<Region>,
    /// Rows that are not shown, from 0; in order.
    hidden: Vec<Range<u32>>,
    /// Cells that lead somewhere, in order.
    links: Vec<Link>,
}

fn content_of(file: &TableFile<'_>, diagnostics: &mut Diagnostics) -> Result<OpenTable, Refusal> {
    for option in file.options.idle(file.is_workbook) {
        diagnostics.push(idle_option(option, file.source));
    }
    let is_archive = file.bytes.starts_with(workbook::MAGIC);
    if file.is_workbook && is_archive {
        return content_of_workbook(file);
    }
    if let Some((message, help)) = foreign_format(file.bytes, file.is_workbook) {
        return Err(Refusal {
            code: "not-a-table",
            message: message.to_owned(),
            help: help.to_owned(),
        });
    }
    let Decoded { text, note } =
        encoding::decode(file.bytes, file.options.encoding, file.source, diagnostics);
    let dialect = Dialect::of(&text, file.options.delimiter).with_header(&text, file.others);
    Ok(OpenTable {
        source: file.source,
        others: file.others,
        note: dialect.described(note),
        text,
        dialect,
        sheet: Sheet::default(),
    })
}

fn content_of_workbook(file: &TableFile<'_>) -> Result<OpenTable, Refusal> {
    let sheet = workbook::read(file.bytes, file.options.sheet.as_deref(), file.kept)?;
    let dialect = Dialect {
        separator: b',',
        is_sure: true,
        line_end: "",
        start: 0,
        rows_before: 0,
        header: 0,
    };
    Ok(OpenTable {
        source: file.source,
        others: file.others,
        note: format!("workbook, sheet `{}`", shown(&sheet.name)),
        dialect: dialect.with_header(&sheet.text, file.others),
        text: sheet.text,
        sheet: Sheet {
            name: Some(sheet.name),
            oddities: sheet.oddities,
            merged: sheet.merged,
            hidden: sheet.hidden,
            links: sheet.links,
        },
    })
}

/// What a file is that is often given in place of a table, by its first bytes, and what to do about it.
fn foreign_format(bytes: &[u8], is_workbook: bool) -> Option<(&'static str, &'static str)> {
    const AS_CSV: &str = "save it as .xlsx, or as CSV (in Excel: `CSV UTF-8`)";
    const UTF_32: &str = "the file is UTF-32, which is not read";
    let starts = |start: &[u8]| bytes.starts_with(start);
    if starts(workbook::MAGIC) {
        return Some((
            "the file is a workbook or an archive, not CSV",
            "if it is a workbook, give it a name that ends in .xlsx; or save it as CSV (in Excel: `CSV UTF-8`)",
        ));
    }
    if starts(b"\xD0\xCF\x11\xE0") {
        let message = "the file is an old workbook (.xls), or one that needs a password";
        return Some((message, AS_CSV));
    }
    if starts(b"\xFF\xFE\0\0") || starts(b"\0\0\xFE\xFF") {
        return Some((UTF_32, AS_CSV));
    }
    let help = "if it is CSV, give it a name that ends in .csv; else save it again as .xlsx";
    is_workbook.then_some(("the file is not a workbook, whatever its name says", help))
}

/// How a table is written.
#[derive(Debug, PartialEq, Eq)]
struct Dialect {
    separator: u8,
    /// Whether somebody said what the separator is.
    is_sure: bool,
    line_end: &'static str,
    /// Where the first row starts that is not blank, past a `sep=` line.
    start: usize,
    /// How many blank rows are before it; a `sep=` line is no row.
    rows_before: usize,
    /// Where the header starts: there, unless a title stands above it.
    header: usize,
}

impl Dialect {
    const SEPARATORS: [(u8, &str); 4] = [
        (b',', "comma-separated"),
        (b';', "semicolon-separated"),
        (b'\t', "tab-separated"),
        (b'|', "separated by `|`"),
    ];

    /// The dialect of `text`: as somebody `told`, else by its `sep=` line or its header line.
    fn of(text: &str, told: Option<Delimiter>) -> Self {
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
    fn with_header(self, text: &str, others: OtherColumns) -> Self {
        match header::find(text, &self, self.is_sure, others) {
            Some(found) => Self {
                separator: found.separator,
                header: found.start,
                ..self
            },
            None => self,
        }
    }

    fn layout(&self, sheet: Option<String>) -> Layout {
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

/// A table whose dialect is known.
struct Table<'t> {
    text: &'t str,
    source: SourceId,
    dialect: &'t Dialect,
    others: OtherColumns,
    sheet: &'t Sheet,
}

impl Table<'_> {
    /// Reads header and rows; the columns and what is to be noted about the ends of rows, unless there is no header.
    fn read(
        &self,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
        take_row: &mut dyn FnMut(&TableRow<'_>, &mut Diagnostics),
    ) -> Option<(Columns, Option<String>)> {
        let mut walk = Walk {
            scanner: Scanner::new(self.text, self.dialect.start, self.dialect.separator),
            rows: self.dialect.rows_before,
            other_ends: None,
        };
        let mut row = Row::default();
        let mut columns = self.header(&mut walk, &mut row, diagnostics)?;
        let header = span(self.source, &row.bytes);
        let mut tidied = Tidied::default();
        let mut merged = Merged::below(walk.rows, &self.sheet.merged);
        let mut hidden = Hidden::of(&self.sheet.hidden);
        let mut linked = Linked::of(&self.sheet.links);
        let mut is_empty = true;
        while self.next_row(&mut walk, columns.width, &mut row) {
            is_empty = false;
            for cell in columns.secret.iter().filter_map(|at| row.cells.get(*at)) {
                diagnostics.hide(&self.span(&cell.bytes));
            }
            refused.columns.clear();
            self.mark_cells(&row, &columns, refused);
            merged.touch(self, walk.rows, &row, &columns, refused, diagnostics);
            if self.repeats_header(&row, &columns) {
                diagnostics.push(repeated_header(&self.span(&row.bytes), &header));
            } else if let Some(word) = self.summary(&row, &columns) {
                diagnostics.push(notes::summary_row(&self.span(&row.bytes), &word));
            } else if self.notes_something(&row, &columns) {
                diagnostics.push(notes::note_row(&self.span(&row.bytes)));
            } else if self.is_mended(&mut row, &columns, diagnostics)
                || self.is_whole(&row, columns.width, diagnostics)
                || self.is_of_workbook()
            {
                self.judge_cells(&row, &columns, refused, diagnostics);
                let refused = &refused.columns;
                self.report_unnamed(&row, &mut columns, diagnostics);
                hidden.see(walk.rows, &row);
                linked.see(walk.rows, &row);
                take_row(
                    &TableRow {
                        job: self.job(&row, &columns, refused, &mut tidied, diagnostics),
                        number: u32::try_from(walk.rows).unwrap_or(u32::MAX),
                        refused: refused.iter().filter_map(|at| columns.field(*at)).collect(),
                        refused_columns: refused,
                        text: self.text,
                        header: &header,
                        columns: &columns,
                        row: &row,
                    },
                    diagnostics,
                );
            }
        }
        if is_empty {
            diagnostics.push(self.no_rows(&header));
        }
        tidied.report(diagnostics);
        hidden.report(self, diagnostics);
        linked.tell(self, diagnostics);
        Some((columns, walk.note(self.dialect)))
    }

    fn header(
        &self,
        walk: &mut Walk<'_>,
        row: &mut Row,
        diagnostics: &mut Diagnostics,
    ) -> Option<Columns> {
        if !self.next_row(walk, COLUMN_LIMIT, row) {
            diagnostics.push(self.nothing());
            return None;
        }
        let title = row.bytes.clone();
        while row.bytes.start < self.dialect.header && self.next_row(walk, COLUMN_LIMIT, row) {}
        if title.start < row.bytes.start {
            let header = walk.rows;
            let found = header::misplaced(&title, self.source, self.dialect, header);
            diagnostics.push(found);
        }
        if !self.is_whole(row, COLUMN_LIMIT, diagnostics) {
            return None;
        }
        let below = walk.scanner.place();
        let rows = OnceCell::new();
        let looks = |index| looks_of(rows.get_or_init(|| self.first_rows(below)), index);
        let about = (self.source, self.others);
        let columns = Columns::read(row, self.text, about, &looks, diagnostics);
        if columns.is_none() {
            diagnostics.push(header::missing(
                &row.bytes,
                self.source,
                self.text,
                self.dialect,
                self.is_of_workbook(),
            ));
        }
        columns
    }

    /// The cells of the rows from the byte `from` on, as many as tell what those of a column look like.
    fn first_rows(&self, from: usize) -> Vec<Vec<&str>> {
        const ROWS: usize = 300;
        let mut scanner = Scanner::new(self.text, from, self.dialect.separator);
        let mut row = Row::default();
        let mut rows = Vec::new();
        while rows.len() < ROWS && scanner.next_row(COLUMN_LIMIT, &mut row) {
            if !row.is_blank_in(self.text) {
                let cells = row.cells.iter();
                rows.push(cells.map(|it| self.text[it.bytes.clone()].trim()).collect());
            }
        }
        rows
    }

    /// Fills `row` with the next row that is not blank.
    fn next_row(&self, walk: &mut Walk<'_>, width: usize, row: &mut Row) -> bool {
        while walk.scanner.next_row(width, row) {
            walk.rows += 1;
            walk.see_end(scanner::line_end(&self.text[row.bytes.end..]), self.dialect);
            if !row.is_blank_in(self.text) {
                return true;
            }
        }
        false
    }

    /// Whether each cell surely belongs to the column it stands in.
    fn is_of_workbook(&self) -> bool {
        self.sheet.name.is_some()
    }

    /// Reports the cells of `row` that are refused, and adds them to `refused`.
    fn judge_cells(
        &self,
        row: &Row,
        columns: &Columns,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
    ) {
        for (index, cell, oddity) in self.refused_cells(row, columns) {
            let text = cell.part(self.text, cell.bytes.clone());
            let place = self.span(&cell.bytes);
            let field = columns.field(index);
            diagnostics.push(notes::odd_cell(oddity, &text, field, &place));
            refused.columns.push(index);
        }
    }

    /// Notes which cells of `row` a copy must not hold as they are.
    fn mark_cells(&self, row: &Row, columns: &Columns, refused: &mut RefusedCells) {
        let Some(marks) = &mut refused.marks else {
            return;
        };
        if self.sheet.oddities.is_empty() {
            return;
        }
        let marked = self.refused_cells(row, columns);
        marks.extend(marked.filter_map(|(column, cell, oddity)| {
            let mark = Mark::of(oddity, &self.text[cell.bytes.clone()])?;
            let row = row.bytes.start;
            Some(MarkedCell { row, column, mark })
        }));
    }

    /// The cells of `row` that mean something and do not say what somebody typed.
    fn refused_cells<'r>(
        &self,
        row: &'r Row,
        columns: &Columns,
    ) -> impl Iterator<Item = (usize, &'r Cell, Oddity)> {
        let cells = row.cells.iter().enumerate();
        cells.filter_map(|(index, cell)| {
            let oddity = self.oddity(cell)?;
            let text = cell.part(self.text, cell.bytes.clone());
            let is_accepted = match (columns.use_of(index)?, oddity) {
                (Use::Own, Oddity::Failure) => false,
                (Use::Own, Oddity::Unmended) => !matches!(
                    Unmended::of(&text),
                    Some(Unmended::Failure(_) | Unmended::Formula(_))
                ),
                (Use::Own, _) => true,
                (Use::Sent, Oddity::Moment) => {
                    columns.field(index) == Some("aspect_ratio")
                        && names::ratio_of_time(&text).is_some()
                }
                (Use::Sent, _) => false,
            };
            (!is_accepted).then_some((index, cell, oddity))
        })
    }

    /// Whether `row` is a remark for people: text in one cell only, where a job would have a word or nothing.
    fn notes_something(&self, row: &Row, columns: &Columns) -> bool {
        if !row.faults.is_empty() || columns.width < 3 {
            return false;
        }
        let mut filled = (row.cells.iter().enumerate()).filter(|(index, cell)| {
            !cell.is_blank_in(self.text) && !columns.is_passed_over(*index)
        });
        let (Some((index, cell)), None) = (filled.next(), filled.next()) else {
            return false;
        };
        let text = cell.part(self.text, cell.bytes.clone());
        if notes::is_remark(&text) {
            return index == 0 || self.others == OtherColumns::Refused;
        }
        // A word may be an id, and what is short may be anything.
        let is_text = || {
            let (words, length) = (text.split_whitespace().count(), text.chars().count());
            length > 8
                && (words > 1 || length > 10)
                && JobId::new(text.trim()).is_err()
                && self.oddity(cell).is_none()
        };
        let may_be_alone = || {
            let field = columns.field(index);
            field.is_some_and(|field| {
                fields::is_list(field) || matches!(field, "prompt" | "image" | "last_image")
            })
        };
        self.others == OtherColumns::Refused && !may_be_alone() && is_text()
    }

    /// The word that heads `row`, if it adds up others: it stands in the first cell, and the rest is numbers.
    fn summary(&self, row: &Row, columns: &Columns) -> Option<String> {
        if !row.faults.is_empty() {
            return None;
        }
        let mut filled = (row.cells.iter().enumerate()).filter(|(index, cell)| {
            !cell.is_blank_in(self.text) && !columns.is_passed_over(*index)
        });
        let (index, first) = filled.next()?;
        let word = &self.text[first.bytes.clone()];
        let is_summary = notes::is_summary(word)
            && columns.field(index) != Some("prompt")
            && filled.all(|(_, cell)| {
                let text = &self.text[cell.bytes.clone()];
                notes::is_amount(text) || self.oddity(cell).is_some()
            });
        is_summary.then(|| word.trim().to_owned())
    }

    /// What is odd about a cell: as the workbook says, or because of its text.
    fn oddity(&self, cell: &Cell) -> Option<Oddity> {
        // Most tables come from no workbook.
        let oddities = &self.sheet.oddities;
        let start = cell.bytes.start;
        if !oddities.is_empty()
            && let Ok(at) = oddities.binary_search_by_key(&start, |(at, _)| *at as usize)
        {
            return Some(oddities[at].1);
        }
        let text = &self.text[cell.bytes.clone()];
        let may_fail = matches!(
            text.as_bytes().first(),
            Some(b'#' | b'E' | b'=' | b' ' | b'\t')
        );
        if !may_fail {
            return None;
        }
        let text = cell.part(self.text, cell.bytes.clone());
        if Unmended::of(&text).is_some() {
            return Some(Oddity::Unmended);
        }
        if notes::is_failure(&text) {
            return Some(Oddity::Failure);
        }
        notes::is_formula(&text).then_some(Oddity::Formula)
    }

    /// Whether each value of `row` surely belongs to the column it stands in; what speaks against it is reported.
    fn is_whole(&self, row: &Row, width: usize, diagnostics: &mut Diagnostics) -> bool {
        for fault in &row.faults {
            diagnostics.push(self.faulty_quote(fault));
        }
        let extra = row.cells.get(width).filter(|_| row.faults.is_empty());
        if let Some(extra) = extra {
            diagnostics.push(extra_cell(&self.span(&extra.bytes), width));
        }
        row.faults.is_empty() && extra.is_none()
    }

    /// Puts the pieces of a cell together that was cut at a delimiter in it, and reports that; false if nothing shows
    /// that there is one.
    fn is_mended(&self, row: &mut Row, columns: &Columns, diagnostics: &mut Diagnostics) -> bool {
        let width = columns.width;
        if self.is_of_workbook()
            || row.count <= width
            || !row.faults.is_empty()
            || width == COLUMN_LIMIT
        {
            return false;
        }
        let mut all = Row::default();
        Scanner::new(self.text, row.bytes.start, self.dialect.separator)
            .next_row(COLUMN_LIMIT, &mut all);
        let extra = row.cells.get(width).map(|cell| self.span(&cell.bytes));
        let joined = cut::joined(&all, self.text, columns);
        let Some(joined) = joined.filter(|it| it.is_better || extra.is_some()) else {
            return false;
        };
        let cell = &joined.row.cells[joined.index];
        let field = columns.field(joined.index);
        let text = &self.text[cell.bytes.clone()];
        let found = cut_cell(&self.span(&cell.bytes), text, field);
        diagnostics.push(match extra {
            Some(extra) => found.related(&extra, "so this stands beyond the last column"),
            None => found,
        });
        *row = joined.row;
        true
    }

    /// Whether `row` is the header once more, as in two tables that were joined: it would make a job of its own.
    fn repeats_header(&self, row: &Row, columns: &Columns) -> bool {
        let mut known = columns.all().peekable();
        known.peek().is_some()
            && known.all(|Column { index, key, .. }| {
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

    /// The fields of one job, but for the columns `refused`.
    fn job(
        &self,
        row: &Row,
        columns: &Columns,
        refused: &[usize],
        tidied: &mut Tidied,
        diagnostics: &mut Diagnostics,
    ) -> Node {
        let is_kept = |column: &&Column| !refused.contains(&column.index);
        let mut set = |column: &Column| {
            let mut cell = self.cell(row, Some(column).filter(is_kept)?.index)?;
            if column.is_tidied {
                tidied.tidy(column, &mut cell);
            }
            Some((column.key.clone(), cell))
        };
        let mut fields = Vec::with_capacity(columns.plain.len() + 2);
        fields.extend(columns.plain.iter().filter_map(&mut set));
        fields.extend(columns.lists.iter().filter(is_kept).filter_map(|column| {
            let list = self.list_in_cell(row, column, diagnostics)?;
            Some((column.key.clone(), list))
        }));
        fields.extend(columns.numbered.iter().filter_map(|columns| {
            let (keys, nodes): (Vec<Key>, Vec<Node>) = columns.iter().filter_map(&mut set).unzip();
            let span = covering(nodes.iter().map(|node| &node.span))?;
            let value = Value::List(nodes);
            Some((keys.into_iter().next()?, Node { value, span }))
        }));
        fields.extend(extra_body(
            columns.extra.iter().filter_map(&mut set).collect(),
        ));
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

    /// The list in the cell of a column, unless it is blank; addresses are parted by `|` or line breaks, in a table
    /// whose cells are parted by `|` by line breaks alone.
    fn list_in_cell(
        &self,
        row: &Row,
        column: &Column,
        diagnostics: &mut Diagnostics,
    ) -> Option<Node> {
        let cell = row.cells.get(column.index)?;
        if cell.is_blank_in(self.text) {
            return None;
        }
        if self.dialect.separator == b'|' && self.text[cell.bytes.clone()].contains('|') {
            diagnostics.push(bar_in_list(column, &self.span(&cell.bytes)));
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

    /// There is no row below the header.
    fn no_rows(&self, header: &Span) -> Diagnostic {
        let (message, help) = match &self.sheet.name {
            Some(name) => (
                format!("the sheet `{}` has a header and no rows", shown(name)),
                "write a row for each job below it; or name the sheet that has them with `--sheet`",
            ),
            None => (
                "the table has a header and no rows".to_owned(),
                "write a row for each job below it; or export the sheet that has them: as CSV a spreadsheet saves only the one that is open",
            ),
        };
        Diagnostic::error("no-jobs", header, message, help)
    }

    /// There is no row at all.
    fn nothing(&self) -> Diagnostic {
        let message = match &self.sheet.name {
            Some(name) => format!("the sheet `{}` is empty", shown(name)),
            None => "the table is empty".to_owned(),
        };
        let help = "write a row of column names such as `id,prompt,model,duration`, and under it a row for each job";
        Diagnostic::error("no-jobs", &self.span(&(0..0)), message, help)
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

/// Where in its rows a table is being read.
struct Walk<'t> {
    scanner: Scanner<'t>,
    /// The number, from 1, of the row that was read last.
    rows: usize,
    /// The first row that ends in another way than the header, and how many do.
    other_ends: Option<(usize, usize)>,
}

impl Walk<'_> {
    /// Notes how the row that was read last ends. LF for CR LF, and the other way round, splits nothing.
    fn see_end(&mut self, end: &str, dialect: &Dialect) {
        let is_alone = |end: &str| end == "\r";
        if !end.is_empty()
            && is_alone(end) != is_alone(dialect.line_end)
            && !dialect.line_end.is_empty()
        {
            let (_, count) = self.other_ends.get_or_insert((self.rows, 0));
            *count += 1;
        }
    }

    /// That some rows end in another way than the header.
    fn note(&self, dialect: &Dialect) -> Option<String> {
        let (first, count) = self.other_ends?;
        let end = if dialect.line_end == "\r" {
            "LF"
        } else {
            "CR alone"
        };
        let rows = match count {
            1 => format!("row {first} ends"),
            _ => format!("row {first} and {} more end", count - 1),
        };
        Some(format!(
            "{rows} with {end}, which begins a new row too; a cell with a line break in it stands in quotes"
        ))
    }
}

/// What the cells of a column look like in `rows`.
fn looks_of(rows: &[Vec<&str>], index: usize) -> Looks {
    let cells = rows.iter().map(|row| row.get(index).copied().unwrap_or(""));
    looks::of(&cells.collect::<Vec<_>>())
}

/// Cells that are refused because of what they are, and not of what they say.
struct RefusedCells {
    /// The columns of those of the row that is read.
    columns: Vec<usize>,
    /// Those that a copy of the table must not hold as they are, if one is wanted.
    marks: Option<Vec<MarkedCell>>,
}

impl RefusedCells {
    fn new(diagnostics: &Diagnostics) -> Self {
        Self {
            columns: Vec::new(),
            marks: diagnostics.keeps_all().then(Vec::new),
        }
    }
}

/// Merged cells below the header. Only their first cell holds the value; that the others are empty must not pass for a
/// choice.
struct Merged<'t> {
    left: &'t [Region],
    /// The region in each column that reaches into the row.
    open: BTreeMap<usize, &'t Region>,
}

impl<'t> Merged<'t> {
    fn below(header: usize, regions: &'t [Region]) -> Self {
        let first = regions.partition_point(|region| (region.rows.start as usize) < header);
        Self {
            left: &regions[first..],
            open: BTreeMap::new(),
        }
    }

    /// Reports what is empty in the row `number` because it is merged, and adds it to `refused`.
    fn touch(
        &mut self,
        table: &Table<'_>,
        number: usize,
        row: &Row,
        columns: &Columns,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
    ) {
        while let Some((region, later)) = self.left.split_first()
            && (region.rows.start as usize) < number
        {
            self.left = later;
            let first = row.cells.get(region.columns.start as usize);
            let begins = region.rows.start as usize + 1 == number;
            if begins && first.is_some_and(|cell| !cell.is_blank_in(table.text)) {
                let across = region.columns.clone().map(|column| column as usize);
                let across = across.take_while(|column| *column < columns.width);
                self.open.extend(across.map(|column| (column, region)));
            }
        }
        if self.open.is_empty() {
            return;
        }
        self.open
            .retain(|_, region| number <= region.rows.end as usize);
        for (&column, region) in &self.open {
            let is_sent = columns
                .use_of(column)
                .is_some_and(|use_of| use_of != Use::Own);
            let cell = row.cells.get(column);
            if is_sent && cell.is_none_or(|cell| cell.is_blank_in(table.text)) {
                let place = table.span(cell.map_or(&row.bytes, |cell| &cell.bytes));
                let field = columns.field(column);
                diagnostics.push(notes::merged_cell(region, field, &place));
                refused.columns.push(column);
                let mark = Mark::Merged(Region::clone(region));
                let row = row.bytes.start;
                if let Some(marks) = &mut refused.marks {
                    marks.push(MarkedCell { row, column, mark });
                }
            }
        }
    }
}

/// Rows of a sheet that are not shown, and hold jobs.
struct Hidden<'t> {
    left: &'t [Range<u32>],
    /// Their numbers, from 1, in runs; and where the first of them stands.
    runs: Vec<Range<usize>>,
    first: Range<usize>,
}

impl<'t> Hidden<'t> {
    fn of(rows: &'t [Range<u32>]) -> Self {
        Self {
            left: rows,
            runs: Vec::new(),
            first: 0..0,
        }
    }

    /// Takes note of the row `number` if it is not shown.
    fn see(&mut self, number: usize, row: &Row) {
        while let Some((run, later)) = self.left.split_first()
            && (run.end as usize) < number
        {
            self.left = later;
        }
        if self
            .left
            .first()
            .is_none_or(|run| number <= run.start as usize)
        {
            return;
        }
        match self.runs.last_mut() {
            Some(run) if run.end == number => run.end += 1,
            last => {
                if last.is_none() {
                    self.first = row.bytes.clone();
                }
                self.runs.push(number..number + 1);
            }
        }
    }

    fn report(self, table: &Table<'_>, diagnostics: &mut Diagnostics) {
        if !self.runs.is_empty() {
            let place = table.span(&self.first);
            diagnostics.push(notes::hidden_rows(&self.runs, &place));
        }
    }
}

/// Cells of a sheet that lead somewhere, by where they stand in its text.
struct Linked<'t> {
    left: &'t [Link],
    cells: Vec<(Range<usize>, &'t Link)>,
}

impl<'t> Linked<'t> {
    fn of(links: &'t [Link]) -> Self {
        Self {
            left: links,
            cells: Vec::new(),
        }
    }

    /// Takes note of where the links of the row `number` stand.
    fn see(&mut self, number: usize, row: &Row) {
        while let Some((link, later)) = self.left.split_first()
            && (link.row as usize) < number
        {
            self.left = later;
            let cell = row.cells.get(link.column as usize);
            if let Some(cell) = cell.filter(|_| link.row as usize + 1 == number) {
                self.cells.push((cell.bytes.clone(), link));
            }
        }
    }

    /// Adds to what was found about an address where its cell leads.
    fn tell(self, table: &Table<'_>, diagnostics: &mut Diagnostics) {
        if self.cells.is_empty() {
            return;
        }
        diagnostics.amend(|found| {
            let is_about_text = matches!(
                found.code,
                "bad-url" | "local-path" | "formula-without-value"
            );
            if !is_about_text || found.span.source != table.source {
                return;
            }
            let at = found.span.bytes.start;
            let before = self.cells.partition_point(|(bytes, _)| bytes.start <= at);
            if let Some((bytes, link)) = before.checked_sub(1).map(|last| &self.cells[last])
                && at <= bytes.end
            {
                notes::linked(found, &link.target);
            }
        });
    }
}

fn bar_in_list(column: &Column, place: &Span) -> Diagnostic {
    let name = &column.key.name;
    let singular = name.trim_end_matches('s');
    let message = "`|` parts the cells of this table, and cannot part addresses in a cell too";
    let help = format!(
        "write one address a line inside the cell, or give each a column: `{singular}_1`, `{singular}_2`"
    );
    Diagnostic::error("bar-in-list", place, message, help)
}

fn idle_option(option: &str, source: SourceId) -> Diagnostic {
    let message = match option {
        "sheet" => "`sheet` is said of a table that is not a workbook".to_owned(),
        _ => format!("`{option}` is said of a workbook, which knows it itself"),
    };
    let help =
        format!("leave out `--{option}`, or `{option}:` in the manifest: it changes nothing here");
    Diagnostic::warning("idle-option", &span(source, &(0..0)), message, help)
}

fn nul_byte(place: &Span) -> Diagnostic {
    let help = "save the file as UTF-8; if it is UTF-16, say so with `--encoding utf-16`";
    Diagnostic::error("nul-byte", place, "the text contains a NUL byte", help)
}

fn repeated_header(place: &Span, header: &Span) -> Diagnostic {
    let message = "the header stands here once more, in place of a job";
    Diagnostic::error(
        "repeated-header",
        place,
        message,
        "delete this row when the rest is mended: the numbers of the rows below it change",
    )
    .related(header, "the header")
}

/// A text that was cut at a delimiter in it, so that the row has too many cells.
fn cut_cell(place: &Span, text: &str, field: Option<&str>) -> Diagnostic {
    let what = field.map_or("a cell".to_owned(), |field| format!("the `{field}`"));
    let message = format!(
        "the row has more cells than the header: {what} seems to be cut at a delimiter in it"
    );
    let shown = text::clean(&text.replace('"', "\"\""), 300);
    let help = format!(
        "put quotes around the whole cell: `\"{shown}\"`; the row was checked as if that were done"
    );
    Diagnostic::error("extra-cell", place, message, help)
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
