//! Bytes of a table → one small tree per row, each cell with its place. Start at [`open`].
//!
//! A CSV file is decoded, a workbook becomes comma-separated text; then `scanner` finds the cells, `columns` reads the
//! header, `no_job`, `whole` and `odd` judge each row, this page puts it together. Values stay text here: what a cell may
//! say is for the rules. Rows are passed on one by one; only the decoded text is kept.

mod columns;
mod cut;
mod dialect;
pub(super) mod errors;
mod excerpts;
mod header;
mod layout;
mod looks;
mod marks;
mod names;
mod no_job;
mod notes;
mod odd;
mod options;
mod plain;
mod scanner;
mod sheet;
mod whole;
pub(super) mod windows;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::io::Read;
use std::ops::Range;

use self::columns::{Column, Columns};
pub(super) use self::columns::{Header, OtherColumns};
use self::dialect::Dialect;
pub(super) use self::excerpts::{Excerpts, Gap, excerpts};
pub use self::layout::CellPlace;
pub(super) use self::layout::{Layout, Rows};
use self::looks::Looks;
use self::notes::Tidied;
use self::odd::RefusedCells;
pub use self::options::{Delimiter, TableOptions};
pub(super) use self::plain::PlainRow;
use self::scanner::{Row, Scanner};
use self::sheet::{Hidden, Linked, Merged, Sheet};
use self::windows::{Rest, Seat, Sizes};
use super::diagnostic::{Diagnostic, Diagnostics, Doubt};
use super::encoding::{self, Decoded};
use super::tree::{Key, Node, SourceId, Span, Value};
use super::values::shown;
use super::workbook::{self, Refusal};

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
    /// The byte of the file at which it begins.
    pub(super) start: usize,
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

    /// The fields, and the user's own, that have a column for one value; also those whose cell is blank.
    pub(super) fn single_fields(&self) -> impl Iterator<Item = &str> {
        self.columns.plain.iter().map(|it| it.key.name.as_str())
    }

    /// Where the cell of a column stands; the whole row if it is too short for it.
    #[cfg(test)]
    pub(super) fn place_of(&self, header: &Header) -> Span {
        let cell = self.row.cells.get(header.index);
        let bytes = cell.map_or(&self.row.bytes, |cell| &cell.bytes);
        span(self.job.span.source, bytes)
    }
}

/// Who takes the rows of a table.
pub(super) struct Takers<'t> {
    /// Is asked first where a row is plain: whether it takes it as it is.
    pub(super) plain: Option<&'t mut dyn FnMut(&PlainRow<'_>) -> bool>,
    /// Takes every other row.
    pub(super) row: &'t mut dyn FnMut(&TableRow<'_>, &mut Diagnostics),
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

/// Begins to read the text `file` for somebody who glances at it, as it is told in `about`, whose bytes are not looked
/// at; none if it cannot be read a window at a time.
pub(super) fn begin(
    file: Box<dyn Read>,
    about: &TableFile<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<OpenTable> {
    let (first, rest) = windows::begin(file).ok()?;
    std::str::from_utf8(&first).ok()?;
    let bytes = &first[..];
    let table = open(&TableFile { bytes, ..*about }, diagnostics)?;
    let is_utf8 = table.note.starts_with("UTF-8");
    (is_utf8 && (!table.dialect.line_end.is_empty() || !rest.goes_on())).then(|| OpenTable {
        rest: Some(rest),
        ..table
    })
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
    /// The rest of the file, of a table at which somebody only glances.
    rest: Option<Rest>,
    /// Where its lines begin but the first, if that is wanted after a glance.
    pub(super) lines: Option<Vec<u32>>,
}

impl OpenTable {
    /// Whether its text is no more than the window of it that was read last.
    pub(super) fn is_windowed(&self) -> bool {
        self.rest.as_ref().is_some_and(|rest| rest.has_moved)
    }

    /// Gives `takers` each row, and `diagnostics` every mistake of the table.
    ///
    /// Columns of unknown name are reported and left out, unless they are variables; rows of which it is unsure what
    /// their cells say are reported and not passed on.
    pub(super) fn read(
        &mut self,
        mut takers: Takers<'_>,
        diagnostics: &mut Diagnostics,
    ) -> ReadTable {
        let mut detected = vec![self.note.clone()];
        let mut refused = RefusedCells::new(diagnostics);
        if let Some(at) = self.text.find('\0') {
            diagnostics.push(nul_byte(&span(self.source, &(at..at + 1))));
        } else if let Some((columns, ends)) = self.read_rows(&mut refused, diagnostics, &mut takers)
        {
            detected.extend(ends);
            detected.extend(columns.read_as());
        }
        let layout = Layout {
            marks: refused.marks.unwrap_or_default(),
            ..self.dialect.layout(self.sheet.name.clone())
        };
        ReadTable { layout, detected }
    }

    /// Reads header and rows; the columns and what is to be noted about the ends of rows, unless there is no header.
    fn read_rows(
        &mut self,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
        takers: &mut Takers<'_>,
    ) -> Option<(Columns, Option<String>)> {
        let nothing = Table {
            text: "",
            source: self.source,
            dialect: &self.dialect,
            others: self.others,
            sheet: &self.sheet,
            goes_on: false,
            seat: Seat::default(),
        };
        let first = Table {
            text: &self.text,
            goes_on: self.rest.as_ref().is_some_and(Rest::goes_on),
            ..nothing
        };
        let below = first.header_and(&self.sheet, diagnostics);
        if first.goes_on && below.is_none() {
            diagnostics.doubt(Doubt::Whole);
        }
        let mut below = below?;
        first.rows(&mut below, refused, diagnostics, takers);
        let mut lines = self.lines.take();
        note_lines(&mut lines, &self.text, 0, below.seat);
        if first.goes_on && below.filled < Sizes::now().rows {
            diagnostics.doubt(Doubt::Whole);
        }
        while let Some(rest) = self.rest.as_mut().filter(|rest| rest.goes_on())
            && !diagnostics.is_doubtful()
        {
            if rest.next_window(&mut self.text, &mut below.seat).is_none() {
                diagnostics.doubt(Doubt::Whole);
                break;
            }
            let table = Table {
                text: &self.text,
                goes_on: rest.goes_on(),
                seat: below.seat,
                ..nothing
            };
            table.rows(&mut below, refused, diagnostics, takers);
            note_lines(&mut lines, &self.text, below.seat.head, below.seat);
        }
        self.lines = lines;
        let table = Table {
            text: &self.text,
            ..nothing
        };
        Some(table.finish(below, diagnostics))
    }
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
        rest: None,
        lines: None,
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
        rest: None,
        lines: None,
    })
}

/// Notes which lines begin in the rows of a window that were read, from the byte `from` on.
fn note_lines(lines: &mut Option<Vec<u32>>, text: &str, from: usize, seat: Seat) {
    let place = |at: usize| u32::try_from(seat.passed + from + at).unwrap_or(u32::MAX);
    if let Some(lines) = lines {
        lines.extend(excerpts::line_starts(&text[from..seat.at]).map(place));
    }
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

/// A table whose dialect is known.
#[derive(Clone, Copy)]
struct Table<'t> {
    text: &'t str,
    source: SourceId,
    dialect: &'t Dialect,
    others: OtherColumns,
    sheet: &'t Sheet,
    /// Whether the text goes on where it ends here.
    goes_on: bool,
    /// Where in all of the text it begins.
    seat: Seat,
}

/// The rows of a table while they are read.
struct Below<'s> {
    columns: Columns,
    /// Where the header stands.
    header: Span,
    /// Where the next row begins.
    seat: Seat,
    /// The number, from 1, of the row that was read last.
    rows: usize,
    /// How many of them may be jobs.
    filled: usize,
    /// The first row that ends in another way than the header, and how many do.
    other_ends: Option<(usize, usize)>,
    tidied: Tidied,
    merged: Merged<'s>,
    hidden: Hidden<'s>,
    linked: Linked<'s>,
}

impl<'t> Table<'t> {
    /// Reads the header, behind which the rows begin.
    fn header_and<'s>(&self, sheet: &'s Sheet, diagnostics: &mut Diagnostics) -> Option<Below<'s>> {
        let mut walk = self.walk(self.dialect.start, self.dialect.rows_before);
        let mut row = Row::default();
        let columns = self.header(&mut walk, &mut row, diagnostics)?;
        let head = walk.scanner.place();
        Some(Below {
            columns,
            header: self.span(&row.bytes),
            seat: Seat {
                head,
                at: head,
                passed: 0,
            },
            rows: walk.rows,
            filled: 0,
            other_ends: walk.other_ends,
            tidied: Tidied::default(),
            merged: Merged::below(walk.rows, &sheet.merged),
            hidden: Hidden::of(&sheet.hidden),
            linked: Linked::of(&sheet.links),
        })
    }

    fn walk(&self, at: usize, rows: usize) -> Walk<'t> {
        let scanner = Scanner::new(self.text, at, self.dialect.separator);
        Walk {
            scanner: scanner.going_on(self.goes_on),
            rows,
            other_ends: None,
        }
    }
}

impl Table<'_> {
    /// Reads the rows that are left.
    fn rows(
        &self,
        below: &mut Below<'_>,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
        takers: &mut Takers<'_>,
    ) {
        let mut walk = Walk {
            other_ends: below.other_ends,
            ..self.walk(below.seat.at, below.rows)
        };
        let mut row = Row::default();
        while self.next_row(&mut walk, below.columns.width, &mut row) {
            if let Some(take) = &mut takers.plain
                && let Some(plain) = self.plain_row(&row, &below.columns)
                && take(&plain)
            {
                below.filled += 1;
                continue;
            }
            if self.holds_only_errors(&row, &below.columns) {
                continue;
            }
            below.filled += 1;
            below.rows = walk.rows;
            self.row(&mut row, below, refused, diagnostics, takers.row);
        }
        below.rows = walk.rows;
        below.seat.at = walk.scanner.place();
        below.other_ends = walk.other_ends;
    }

    /// Judges `row`, and passes it on if it is a job.
    fn row(
        &self,
        row: &mut Row,
        below: &mut Below<'_>,
        refused: &mut RefusedCells,
        diagnostics: &mut Diagnostics,
        take_row: &mut dyn FnMut(&TableRow<'_>, &mut Diagnostics),
    ) {
        let number = below.rows;
        let columns = &mut below.columns;
        for cell in columns.secret.iter().filter_map(|at| row.cells.get(*at)) {
            diagnostics.hide(&self.span(&cell.bytes));
        }
        refused.columns.clear();
        self.mark_cells(row, columns, refused);
        below
            .merged
            .touch(self, number, row, columns, refused, diagnostics);
        if self.is_no_job(row, columns, &below.header, diagnostics) {
            return;
        }
        if !(self.is_mended(row, columns, diagnostics)
            || self.is_whole(row, columns.width, diagnostics)
            || self.is_of_workbook())
        {
            return;
        }
        self.judge_cells(row, columns, refused, diagnostics);
        let refused = &refused.columns;
        self.report_unnamed(row, columns, diagnostics);
        below.hidden.see(number, row);
        below.linked.see(number, row);
        let job = self.job(row, columns, refused, &mut below.tidied, diagnostics);
        take_row(
            &TableRow {
                job,
                number: u32::try_from(number).unwrap_or(u32::MAX),
                start: below.seat.passed + row.bytes.start,
                refused: refused.iter().filter_map(|at| columns.field(*at)).collect(),
                refused_columns: refused,
                text: self.text,
                header: &below.header,
                columns,
                row,
            },
            diagnostics,
        );
    }

    /// Reports what is known when all rows were read.
    fn finish(&self, below: Below<'_>, diagnostics: &mut Diagnostics) -> (Columns, Option<String>) {
        if below.filled == 0 {
            diagnostics.push(self.no_rows(&below.header));
        }
        below.tidied.report(diagnostics);
        below.hidden.report(self, diagnostics);
        below.linked.tell(self, diagnostics);
        let ends = below.other_ends;
        let note = ends.map(|(first, count)| note_on_ends(first, count, self.dialect));
        (below.columns, note)
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
        let most = Sizes::now().rows;
        let mut scanner = Scanner::new(self.text, from, self.dialect.separator);
        let mut row = Row::default();
        let mut rows = Vec::new();
        while rows.len() < most && scanner.next_row(COLUMN_LIMIT, &mut row) {
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

    /// Where in all of the text `bytes` of this window stand.
    fn span(&self, bytes: &Range<usize>) -> Span {
        let Seat { head, passed, .. } = self.seat;
        let passed = if bytes.start < head { 0 } else { passed };
        span(self.source, &(bytes.start + passed..bytes.end + passed))
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
}

/// That some rows end in another way than the header.
fn note_on_ends(first: usize, count: usize, dialect: &Dialect) -> String {
    let end = if dialect.line_end == "\r" {
        "LF"
    } else {
        "CR alone"
    };
    let rows = match count {
        1 => format!("row {first} ends"),
        _ => format!("row {first} and {} more end", count - 1),
    };
    format!(
        "{rows} with {end}, which begins a new row too; a cell with a line break in it stands in quotes"
    )
}

/// What the cells of a column look like in `rows`.
fn looks_of(rows: &[Vec<&str>], index: usize) -> Looks {
    let cells = rows.iter().map(|row| row.get(index).copied().unwrap_or(""));
    looks::of(&cells.collect::<Vec<_>>())
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
