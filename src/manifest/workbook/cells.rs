//! The XML of a sheet → its cells one by one, each as the text that the table gets. Start at [`CellReader`].
//!
//! Knows how spreadsheets write values, nothing of what the values mean.

use std::ops::Range;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time, date};
use quick_xml::events::{BytesStart, Event};

use super::package::{Part, RUN_LIMIT, RUN_TOO_LONG, attribute, character, value_of};
use super::{Link, Oddity, Refusal, Region, UNCOMPUTED};

/// Most cells of a sheet, empty ones included: a full sheet of 15 columns.
const CELLS_LIMIT: usize = 16_000_000;
/// Most merged regions that are looked at.
const REGIONS_LIMIT: usize = 100_000;
/// Most links that are looked at.
const LINKS_LIMIT: usize = 10_000;
/// Longest address of a link, in bytes.
const LINK_SIZE: usize = 2000;
/// Largest sheet there can be.
const ROWS: u32 = 1 << 20;
const COLUMNS: u32 = 1 << 14;
/// Most characters of a formula that are shown.
const FORMULA_SHOWN: usize = 60;

/// The texts that cells share, one after the other.
#[derive(Debug, Default)]
pub(super) struct Strings {
    text: String,
    ends: Vec<u32>,
}

impl Strings {
    pub(super) fn read(mut part: Part<'_>) -> Result<Self, Refusal> {
        let mut strings = Self::default();
        let mut capture = Capture::default();
        loop {
            let event = part.next()?;
            capture.take(&event)?;
            match &event {
                Event::Start(element) if element.local_name().as_ref() == "si" => {
                    capture.text.clear();
                }
                Event::End(element) if element.local_name().as_ref() == "si" => {
                    part.found_something();
                    strings.text.push_str(&capture.text);
                    let end = u32::try_from(strings.text.len()).expect("less is kept");
                    strings.ends.push(end);
                    part.keep(capture.text.len() + size_of_val(&end))?;
                }
                Event::Eof => return Ok(strings),
                _ => {}
            }
        }
    }

    fn number(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)?;
        let start = number
            .checked_sub(1)
            .map_or(0, |previous| self.ends[previous]);
        Some(&self.text[start as usize..end as usize])
    }
}

/// Collects the text of `<t>` elements; rich text has several, phonetic hints do not count.
#[derive(Debug, Default)]
struct Capture {
    text: String,
    run: String,
    is_open: bool,
    keeps_blanks: bool,
    is_phonetic: bool,
}

impl Capture {
    fn take(&mut self, event: &Event<'_>) -> Result<(), Refusal> {
        match event {
            Event::Start(element) => match element.local_name().as_ref() {
                "t" if !self.is_phonetic => {
                    self.is_open = true;
                    self.run.clear();
                    self.keeps_blanks = attribute(element, "space")?.as_deref() == Some("preserve");
                }
                "rPh" => self.is_phonetic = true,
                _ => {}
            },
            Event::End(element) => match element.local_name().as_ref() {
                "t" if self.is_open => {
                    self.is_open = false;
                    let blanks: &[char] = &[' ', '\t', '\r', '\n'];
                    let run = if self.keeps_blanks {
                        &self.run
                    } else {
                        self.run.trim_matches(blanks)
                    };
                    push_unescaped(run, &mut self.text);
                    bounded(&self.text)?;
                }
                "rPh" => self.is_phonetic = false,
                _ => {}
            },
            other if self.is_open => push_text(other, &mut self.run)?,
            _ => {}
        }
        Ok(())
    }
}

/// Adds what a text event says.
fn push_text(event: &Event<'_>, text: &mut String) -> Result<(), Refusal> {
    match event {
        Event::Text(part) => text.push_str(&part.xml10_content()),
        Event::CData(part) => text.push_str(&part.xml10_content()),
        Event::GeneralRef(reference) => text.push(character(reference)?),
        _ => {}
    }
    bounded(text)
}

/// Refuses a text that goes on and on.
fn bounded(text: &str) -> Result<(), Refusal> {
    if text.len() > RUN_LIMIT {
        return Err(Refusal::too_large(RUN_TOO_LONG));
    }
    Ok(())
}

/// Adds `run`, in which `_x000D_` stands for a character that XML cannot hold.
fn push_unescaped(run: &str, text: &mut String) {
    let mut rest = run;
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6);
        let escaped = code
            .filter(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .filter(|_| rest[at + 6..].starts_with('_'))
            .and_then(|code| u32::from_str_radix(code, 16).ok())
            .and_then(char::from_u32);
        let (kept, after) = if escaped.is_some() {
            (at, at + 7)
        } else {
            (at + 2, at + 2)
        };
        text.push_str(&rest[..kept]);
        text.extend(escaped);
        rest = &rest[after..];
    }
    text.push_str(rest);
}

/// How a number is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Number,
    Moment,
}

/// The formats of a workbook's styles, in their order.
pub(super) fn formats(mut part: Part<'_>) -> Result<Vec<Format>, Refusal> {
    let mut own: Vec<(String, Format)> = Vec::new();
    let mut formats = Vec::new();
    let mut is_in_styles = false;
    loop {
        match part.next()? {
            Event::Start(element) => match element.local_name().as_ref() {
                "numFmt" => {
                    let code = attribute(&element, "formatCode")?.unwrap_or_default();
                    let id = attribute(&element, "numFmtId")?.unwrap_or_default();
                    let format = format_of(&code);
                    part.keep(id.len() + size_of::<(String, Format)>())?;
                    own.push((id, format));
                }
                "cellXfs" => is_in_styles = true,
                "xf" if is_in_styles => {
                    let id = attribute(&element, "numFmtId")?.unwrap_or_default();
                    let format = own.iter().rev().find(|(other, _)| *other == id);
                    formats.push(format.map_or_else(|| built_in(&id), |(_, format)| *format));
                    if formats.len() > 100_000 {
                        return Err(Refusal::too_large(
                            "the workbook has more than 100,000 styles",
                        ));
                    }
                }
                _ => {}
            },
            Event::End(element) if element.local_name().as_ref() == "cellXfs" => {
                is_in_styles = false;
            }
            Event::Eof => return Ok(formats),
            _ => {}
        }
    }
}

/// The formats that need no code: those of dates and times, East Asian ones included.
fn built_in(id: &str) -> Format {
    match id.parse() {
        Ok(14..=22 | 27..=36 | 45..=47 | 50..=58) => Format::Moment,
        _ => Format::Number,
    }
}

/// What a format code such as `yyyy-mm-dd` or `0.00" s"` shows; the part before the first `;` counts.
fn format_of(code: &str) -> Format {
    let mut letters = code.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ';' => break,
            '"' => while letters.next().is_some_and(|inside| inside != '"') {},
            '\\' | '_' | '*' => {
                letters.next();
            }
            '[' => {
                let inside: String = letters.by_ref().take_while(|it| *it != ']').collect();
                let is_span = !inside.is_empty()
                    && inside
                        .chars()
                        .all(|it| matches!(it.to_ascii_lowercase(), 'h' | 'm' | 's'));
                if is_span {
                    return Format::Moment;
                }
            }
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return Format::Moment,
            'G' | 'g' => {
                // `General` is not made of date letters.
                let rest = letters.as_str();
                if rest
                    .get(..6)
                    .is_some_and(|word| word.eq_ignore_ascii_case("eneral"))
                {
                    letters = rest[6..].chars();
                }
            }
            _ => {}
        }
    }
    Format::Number
}

/// A cell that is not empty; rows and columns from 0.
#[derive(Debug)]
pub(super) struct Cell<'c> {
    pub(super) row: u32,
    pub(super) column: u32,
    pub(super) text: &'c str,
    pub(super) oddity: Option<Oddity>,
}

/// Walks over the cells of a sheet, and keeps which are merged.
pub(super) struct CellReader<'w> {
    part: Part<'w>,
    strings: &'w Strings,
    formats: &'w [Format],
    is_from_1904: bool,
    /// The row and column that come next where a cell does not say its own.
    next: (u32, u32),
    count: usize,
    shown: String,
    raw: Raw,
    pub(super) merged: Vec<Region>,
    /// Rows that are not shown, from 0, in runs.
    pub(super) hidden: Vec<Range<u32>>,
    /// Cells whose formula is a link.
    pub(super) links: Vec<Link>,
    /// Cells with a link whose target is known by its id.
    pub(super) named_links: Vec<Link>,
}

/// A cell as the XML has it.
#[derive(Debug, Default)]
struct Raw {
    at: (u32, u32),
    kind: String,
    style: Option<usize>,
    value: String,
    formula: String,
    has_formula: bool,
    has_value: bool,
    inline: Capture,
}

/// Which text of a cell is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Cell,
    Value,
    Formula,
    Inline,
}

impl<'w> CellReader<'w> {
    pub(super) fn new(
        part: Part<'w>,
        strings: &'w Strings,
        formats: &'w [Format],
        is_from_1904: bool,
    ) -> Self {
        Self {
            part,
            strings,
            formats,
            is_from_1904,
            next: (0, 0),
            count: 0,
            shown: String::new(),
            raw: Raw::default(),
            merged: Vec::new(),
            hidden: Vec::new(),
            links: Vec::new(),
            named_links: Vec::new(),
        }
    }

    /// The next cell that is not empty; none at the end of the sheet.
    pub(super) fn next(&mut self) -> Result<Option<Cell<'_>>, Refusal> {
        loop {
            match self.part.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "row" => {
                        let row = attribute(&element, "r")?;
                        let hidden = attribute(&element, "hidden")?;
                        self.begin_row(row.as_deref())?;
                        if matches!(hidden.as_deref(), Some("1" | "true")) {
                            self.hide_row();
                        }
                    }
                    "c" => {
                        self.raw.begin(&element, self.next)?;
                        if self.raw.at < self.next {
                            return Err(Refusal::damaged("its cells are not in order"));
                        }
                        self.next = (self.raw.at.0, self.raw.at.1 + 1);
                        self.read_cell()?;
                        let oddity = self.show()?;
                        self.note_link();
                        if !self.shown.is_empty() {
                            let (row, column) = self.raw.at;
                            let text = &self.shown;
                            return Ok(Some(Cell {
                                row,
                                column,
                                text,
                                oddity,
                            }));
                        }
                    }
                    "hyperlink" if self.named_links.len() < LINKS_LIMIT => {
                        let region = attribute(&element, "ref")?;
                        let region = region.as_deref().and_then(Region::parse);
                        if let (Some(region), Some(id)) = (region, attribute(&element, "id")?) {
                            self.part.keep(id.len() + size_of::<Link>())?;
                            self.named_links.push(Link {
                                row: region.rows.start,
                                column: region.columns.start,
                                target: id,
                            });
                        }
                    }
                    "mergeCell" if self.merged.len() < REGIONS_LIMIT => {
                        let region = attribute(&element, "ref")?;
                        self.merged
                            .extend(region.as_deref().and_then(Region::parse));
                    }
                    _ => {}
                },
                Event::End(element) if element.local_name().as_ref() == "row" => {
                    self.next = (self.next.0 + 1, 0);
                }
                Event::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    /// Begins the row that is `written` as a number, or the one after the last.
    fn begin_row(&mut self, written: Option<&str>) -> Result<(), Refusal> {
        let row = written.map_or(Ok(self.next.0), row_number)?;
        if row < self.next.0 || row >= ROWS {
            return Err(Refusal::damaged(
                "its rows are not in order, or more than a sheet has",
            ));
        }
        self.next = (row, 0);
        self.part.found_something();
        Ok(())
    }

    /// Counts what is kept of the workbook.
    pub(super) fn keep(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.part.keep(bytes)
    }

    /// Notes that the row that began is not shown.
    fn hide_row(&mut self) {
        let row = self.next.0;
        match self.hidden.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => self.hidden.push(row..row + 1),
        }
    }

    /// Notes where the cell leads, if its formula says so.
    fn note_link(&mut self) {
        if !self.raw.has_formula || self.links.len() == LINKS_LIMIT {
            return;
        }
        let (row, column) = self.raw.at;
        if let Some(target) = link_in(&self.raw.formula) {
            self.links.push(Link {
                row,
                column,
                target,
            });
        }
    }

    /// Reads on to the end of the cell that began.
    fn read_cell(&mut self) -> Result<(), Refusal> {
        self.part.found_something();
        self.count += 1;
        if self.count > CELLS_LIMIT {
            return Err(Refusal::too_large(
                "the sheet has more than 16 million cells",
            ));
        }
        let mut within = Within::Cell;
        loop {
            let event = self.part.next()?;
            within = match &event {
                Event::End(element) if element.local_name().as_ref() == "c" => return Ok(()),
                Event::Start(element) if within == Within::Cell => {
                    self.raw.child(element.local_name().as_ref())
                }
                Event::End(element)
                    if matches!(element.local_name().as_ref(), "v" | "f" | "is") =>
                {
                    Within::Cell
                }
                Event::Eof => return Err(Refusal::damaged("a cell does not end")),
                _ => within,
            };
            match within {
                Within::Value => push_text(&event, &mut self.raw.value)?,
                Within::Formula => push_text(&event, &mut self.raw.formula)?,
                Within::Inline => self.raw.inline.take(&event)?,
                Within::Cell => {}
            }
        }
    }

    /// Puts the text of the cell into `shown`.
    fn show(&mut self) -> Result<Option<Oddity>, Refusal> {
        self.shown.clear();
        let raw = &self.raw;
        let value = raw.value.trim();
        Ok(match raw.kind.as_str() {
            "inlineStr" | "is" => {
                self.shown.push_str(&raw.inline.text);
                None
            }
            "s" if !value.is_empty() => {
                let text = value
                    .parse()
                    .ok()
                    .and_then(|number| self.strings.number(number));
                let missing = || Refusal::damaged("a cell names a text that is not there");
                self.shown.push_str(text.ok_or_else(missing)?);
                None
            }
            "str" if raw.has_value => {
                push_unescaped(&raw.value, &mut self.shown);
                None
            }
            _ if value.is_empty() && raw.has_formula => {
                let formula = crate::text::clean(&raw.formula, FORMULA_SHOWN);
                self.shown.push_str(UNCOMPUTED);
                self.shown.push_str(&formula);
                Some(Oddity::Failure)
            }
            "b" => {
                let word = match value {
                    "1" | "true" => "TRUE",
                    "0" | "false" => "FALSE",
                    other => other,
                };
                self.shown.push_str(word);
                None
            }
            "e" => {
                self.shown
                    .push_str(if value.is_empty() { "#ERROR!" } else { value });
                Some(Oddity::Failure)
            }
            "d" => {
                self.shown.push_str(value);
                Some(Oddity::Moment)
            }
            _ => {
                let format = raw.style.and_then(|style| self.formats.get(style));
                let is_moment = format == Some(&Format::Moment);
                show_number(value, is_moment, self.is_from_1904, &mut self.shown)
            }
        })
    }
}

impl Raw {
    fn begin(&mut self, element: &BytesStart<'_>, next: (u32, u32)) -> Result<(), Refusal> {
        self.at = next;
        self.kind.clear();
        self.style = None;
        self.value.clear();
        self.formula.clear();
        self.has_formula = false;
        self.has_value = false;
        self.inline.text.clear();
        for found in element.attributes().with_checks(false) {
            let found = found.map_err(Refusal::damaged)?;
            match found.key.as_ref() {
                "r" => self.at = cell_name(&value_of(&found)?)?,
                "s" => self.style = found.value.parse().ok(),
                "t" => self.kind.push_str(&found.value),
                _ => {}
            }
        }
        if self.at.0 >= ROWS || self.at.1 >= COLUMNS {
            return Err(Refusal::damaged(
                "it has a cell beyond the last row or column",
            ));
        }
        Ok(())
    }

    fn child(&mut self, name: &str) -> Within {
        match name {
            "v" => {
                self.has_value = true;
                Within::Value
            }
            "f" => {
                self.has_formula = true;
                Within::Formula
            }
            "is" => Within::Inline,
            _ => Within::Cell,
        }
    }
}

/// The address in a formula such as `HYPERLINK("https://…","…")` or `IMAGE("https://…")`.
fn link_in(formula: &str) -> Option<String> {
    let formula = formula.trim_start();
    let is_link = |name: &&str| {
        let start = formula.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    let name = ["HYPERLINK(", "IMAGE(", "_xlfn.IMAGE("]
        .into_iter()
        .find(is_link)?;
    let text = formula[name.len()..].trim_start().strip_prefix('"')?;
    let target = &text[..text.find('"')?];
    (target.contains("://") && target.len() <= LINK_SIZE).then(|| target.to_owned())
}

impl Region {
    /// `B2:B5`, or `B2` alone.
    fn parse(name: &str) -> Option<Self> {
        let (first, last) = name.split_once(':').unwrap_or((name, name));
        let (first, last) = (cell_name(first).ok()?, cell_name(last).ok()?);
        (first.0 <= last.0 && first.1 <= last.1).then(|| Self {
            rows: first.0..last.0 + 1,
            columns: first.1..last.1 + 1,
        })
    }
}

/// Row and column, from 0, of a name such as `B7`.
fn cell_name(name: &str) -> Result<(u32, u32), Refusal> {
    let digits = name
        .find(|letter: char| !letter.is_ascii_alphabetic())
        .unwrap_or(name.len());
    let (letters, row) = name.split_at(digits);
    let column = letters
        .bytes()
        .try_fold(0_u32, |column, letter| {
            let digit = u32::from(letter.to_ascii_uppercase() - b'A') + 1;
            column.checked_mul(26)?.checked_add(digit)
        })
        .and_then(|column| column.checked_sub(1));
    match column {
        Some(column) if column < COLUMNS => Ok((row_number(row)?, column)),
        _ => Err(Refusal::damaged("it has a cell without a proper name")),
    }
}

/// The row, from 0, that is written as a number from 1.
fn row_number(written: &str) -> Result<u32, Refusal> {
    written
        .parse::<u32>()
        .ok()
        .and_then(|row| row.checked_sub(1))
        .filter(|row| *row < ROWS)
        .ok_or_else(|| Refusal::damaged("it has a row without a proper number"))
}

/// A number as its shortest text; a moment in ISO 8601.
fn show_number(
    written: &str,
    is_moment: bool,
    is_from_1904: bool,
    shown: &mut String,
) -> Option<Oddity> {
    use std::fmt::Write as _;
    const EXACT: f64 = 1e15;
    let Some(number) = written
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
    else {
        shown.push_str(written);
        return None;
    };
    if is_moment && let Some(moment) = moment(number, is_from_1904) {
        shown.push_str(&moment);
        return Some(Oddity::Moment);
    }
    // Adding zero turns minus zero into zero.
    write!(shown, "{}", number + 0.0).expect("a string takes everything");
    (number.abs() >= EXACT).then_some(Oddity::LongNumber)
}

/// Days since the epoch of a workbook as a date, a time of day, or both.
fn moment(days: f64, is_from_1904: bool) -> Option<String> {
    const MILLIS: f64 = 86_400_000.0;
    if !(0.0..3_000_000.0).contains(&days) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "three million days are far less than 64 bits of milliseconds"
    )]
    let millis = (days * MILLIS).round() as i64;
    let epoch = match (is_from_1904, days) {
        (true, _) => date(1904, 1, 1),
        // The first two months have the 29th of February that 1900 did not have.
        (false, ..60.0) => date(1899, 12, 31),
        (false, _) => date(1899, 12, 30),
    };
    let at: DateTime = epoch
        .to_datetime(Time::midnight())
        .checked_add(millis.milliseconds())
        .ok()?;
    let (day, time): (Date, Time) = (at.date(), at.time());
    let is_midnight = time == Time::midnight();
    Some(match (days < 1.0, is_midnight) {
        (true, _) => time.to_string(),
        (false, true) => day.to_string(),
        (false, false) => at.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cells_are_read_and_bad_ones_refused() {
        for (name, place) in [
            ("A1", (0, 0)),
            ("b7", (6, 1)),
            ("AA10", (9, 26)),
            ("XFD1048576", (1_048_575, 16_383)),
        ] {
            assert_eq!(cell_name(name).ok(), Some(place), "{name}");
        }
        for name in [
            "",
            "A",
            "7",
            "A0",
            "XFE1",
            "A1048577",
            "ZZZZZZZZ1",
            "A-1",
            "A99999999999",
            "é1",
            "A1B",
        ] {
            assert!(cell_name(name).is_err(), "{name}");
        }
        assert_eq!(Region::parse("B2:A1"), None);
    }

    #[test]
    fn escaped_characters_are_those_and_nothing_else_is_touched() {
        for (written, expected) in [
            ("a_x000D_b", "a\rb"),
            ("_x005F_x000D_", "_x000D_"),
            ("a_xyz_ _x00_ _x0041", "a_xyz_ _x00_ _x0041"),
            ("_x000a__x0041_", "\nA"),
            ("_x镜头缓慢_", "_x镜头缓慢_"),
        ] {
            let mut text = String::new();
            push_unescaped(written, &mut text);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn numbers_are_as_short_as_they_were_typed() {
        for (written, expected, oddity) in [
            ("8", "8", None),
            ("8.0", "8", None),
            ("8.0999999999999996", "8.1", None),
            ("0.3", "0.3", None),
            ("-0", "0", None),
            ("4.2E1", "42", None),
            ("1E-7", "0.0000001", None),
            ("999999999999999", "999999999999999", None),
            (
                "9.00719925474099E+15",
                "9007199254740990",
                Some(Oddity::LongNumber),
            ),
            ("NaN", "NaN", None),
            ("1e999", "1e999", None),
        ] {
            let mut shown = String::new();
            assert_eq!(show_number(written, false, false, &mut shown), oddity);
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn dates_and_times_are_told_from_numbers_by_their_format() {
        for (code, format) in [
            ("General", Format::Number),
            ("0.00\" days\"", Format::Number),
            ("0\\d", Format::Number),
            ("[Red]0.0;[Blue]-0.0", Format::Number),
            ("0%", Format::Number),
            ("yyyy-mm-dd", Format::Moment),
            ("[$-804]h:mm", Format::Moment),
            ("[h]:mm:ss", Format::Moment),
            ("0_d", Format::Number),
        ] {
            assert_eq!(format_of(code), format, "{code}");
        }
        for (days, from_1904, shown) in [
            (46_348.0, false, Some("2026-11-22")),
            (0.672_916_666_666_667, false, Some("16:09:00")),
            (46_348.5, false, Some("2026-11-22T12:00:00")),
            (1.0, false, Some("1900-01-01")),
            (61.0, false, Some("1900-03-01")),
            (0.0, true, Some("00:00:00")),
            (1462.0, true, Some("1908-01-02")),
            (-1.0, false, None),
            (1e300, false, None),
            (2_958_466.0, false, None),
        ] {
            assert_eq!(moment(days, from_1904).as_deref(), shown, "{days}");
        }
    }
}
