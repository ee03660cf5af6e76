//! Bytes of an .xlsx workbook → the text of one sheet, as a comma-separated table. Start at [`read`].
//!
//! `package` opens the archive and bounds what comes out of it, `cells` reads the XML of a sheet, `sheet` writes its
//! text. Cells that are no text, number or boolean are named as [`Oddity`], for the table to judge. The whole is read
//! an event at a time: memory grows with what a sheet says, not with what it claims. Knows nothing of jobs.

mod cells;
mod package;
mod sheet;

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use quick_xml::events::{BytesStart, Event};

use self::cells::{CellReader, Format, Strings};
use self::package::{Package, attribute};
pub(super) use self::sheet::column_letters;
use super::fields::{listed, nearest};
use super::values::shown;

/// What workbooks of this format begin with.
pub(super) const MAGIC: &[u8] = b"PK\x03\x04";

/// What the text of a formula without a value begins with, in place of a value: the mark of an error, so that the text
/// is not taken for one in a copy of the sheet either.
pub(super) const UNCOMPUTED: &str = "#CALC! =";

/// The part of it that is not of the formula.
pub(super) const UNCOMPUTED_MARK: &str = "#CALC! ";

/// A sheet as text.
#[derive(Debug)]
pub(super) struct SheetText {
    /// Its name.
    pub(super) name: String,
    /// Its rows from the first to the last that is not empty, comma-separated, each ended by LF.
    pub(super) text: String,
    /// Cells that need a judgement, in order: where their text begins, and what they are.
    pub(super) oddities: Vec<(u32, Oddity)>,
    /// Cells that are merged, by their first row.
    pub(super) merged: Vec<Region>,
    /// Rows that are not shown, from 0; in order.
    pub(super) hidden: Vec<Range<u32>>,
    /// Cells that lead somewhere, in order; the first many of them.
    pub(super) links: Vec<Link>,
}

/// A cell that leads somewhere; row and column from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) row: u32,
    pub(super) column: u32,
    /// Where it leads; while the sheet is read, the id under which the workbook knows that.
    pub(super) target: String,
}

/// Why the text of a cell is not what somebody typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// A date or time; the text is ISO 8601.
    Moment,
    /// An error such as `#N/A`, or a formula whose value nobody worked out.
    Failure,
    /// A formula in place of its value, in a table that was saved so.
    Formula,
    /// A whole number of more digits than a spreadsheet keeps.
    LongNumber,
    /// The mark of a cell that was refused in the workbook, in a copy of it.
    Unmended,
}

/// Merged cells; rows and columns from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) rows: Range<u32>,
    pub(super) columns: Range<u32>,
}

/// Why a workbook cannot be read.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

impl Refusal {
    fn damaged(cause: impl fmt::Display) -> Self {
        Self {
            code: "not-a-workbook",
            message: format!(
                "the workbook is damaged or not one: {}",
                crate::text::clean(&cause.to_string(), 200)
            ),
            help: "open it in a spreadsheet program and save it again as .xlsx, or as CSV (in Excel: `CSV UTF-8`)".to_owned(),
        }
    }

    fn too_large(limit: &str) -> Self {
        Self {
            code: "workbook-too-large",
            message: format!("{limit}, which is not read"),
            help: "delete what is not needed (other sheets, formats down to the last row), split it, or save the sheet as CSV".to_owned(),
        }
    }

    fn about_sheets(code: &'static str, message: String, help: String) -> Self {
        Self {
            code,
            message,
            help,
        }
    }
}

/// One sheet of a workbook.
#[derive(Debug)]
struct Sheet {
    name: String,
    path: String,
    is_visible: bool,
}

/// Reads the sheet `wanted`, or the only visible one that is not empty, of a workbook of which `kept` bytes are held
/// already, as other sheets of it.
pub(super) fn read(bytes: &[u8], wanted: Option<&str>, kept: usize) -> Result<SheetText, Refusal> {
    let mut workbook = Workbook::open(bytes, kept)?;
    let sheet = match wanted {
        Some(name) => workbook.named(name)?,
        None => workbook.only_one()?,
    };
    workbook.text_of(sheet)
}

/// A workbook whose parts are known.
struct Workbook<'b> {
    package: Package<'b>,
    sheets: Vec<Sheet>,
    strings: Strings,
    formats: Vec<Format>,
    is_from_1904: bool,
}

/// What the parts of a workbook are called, beside the sheets.
struct Map {
    sheets: Vec<Sheet>,
    strings: Option<String>,
    styles: Option<String>,
    is_from_1904: bool,
}

impl<'b> Workbook<'b> {
    fn open(bytes: &'b [u8], kept: usize) -> Result<Self, Refusal> {
        let mut package = Package::open(bytes, kept)?;
        let map = Map::of(&mut package)?;
        let strings = match map.strings.map(|path| package.part(&path)).transpose()? {
            Some(Some(part)) => Strings::read(part)?,
            _ => Strings::default(),
        };
        let formats = match map.styles.map(|path| package.part(&path)).transpose()? {
            Some(Some(part)) => cells::formats(part)?,
            _ => Vec::new(),
        };
        Ok(Self {
            package,
            sheets: map.sheets,
            strings,
            formats,
            is_from_1904: map.is_from_1904,
        })
    }

    /// The number of the sheet `name`: exactly that, or the only one that is it but for case and blanks around.
    fn named(&self, name: &str) -> Result<usize, Refusal> {
        if let Some(at) = self.sheets.iter().position(|sheet| sheet.name == name) {
            return Ok(at);
        }
        let folded = name.trim().to_lowercase();
        let alike: Vec<usize> = (0..self.sheets.len())
            .filter(|at| self.sheets[*at].name.trim().to_lowercase() == folded)
            .collect();
        if let [at] = alike[..] {
            return Ok(at);
        }
        let names: Vec<&str> = self
            .sheets
            .iter()
            .map(|sheet| sheet.name.as_str())
            .collect();
        let help = match nearest(name, &names) {
            Some(meant) => format!("did you mean `{}`?", shown(meant)),
            None => format!("the workbook has {}", shown_names(&names)),
        };
        let message = format!("the workbook has no sheet `{}`", shown(name));
        Err(Refusal::about_sheets("unknown-sheet", message, help))
    }

    /// The number of the only visible sheet, or of the only visible one that is not empty.
    fn only_one(&mut self) -> Result<usize, Refusal> {
        let visible: Vec<usize> = (0..self.sheets.len())
            .filter(|at| self.sheets[*at].is_visible)
            .collect();
        if let [at] = visible[..] {
            return Ok(at);
        }
        let mut filled = Vec::new();
        for &at in &visible {
            if !self.is_empty(at)? {
                filled.push(at);
            }
        }
        match (&filled[..], &visible[..]) {
            ([at], _) | ([], [at, ..]) => Ok(*at),
            ([], []) => {
                let message = "the workbook has no visible sheet".to_owned();
                let help = "show the sheet, or name it with `--sheet`".to_owned();
                Err(Refusal::about_sheets("sheet-needed", message, help))
            }
            (several, _) => {
                let names: Vec<&str> = several
                    .iter()
                    .map(|at| self.sheets[*at].name.as_str())
                    .collect();
                let message = format!(
                    "{} sheets of the workbook have something in them: {}",
                    names.len(),
                    shown_names(&names)
                );
                let help = format!(
                    "name the one with the jobs: `{}`, or in a manifest `jobs: {{ from: …, sheet: {} }}`",
                    crate::text::option_with("sheet", &without_marks(names[0])),
                    yaml_text(&without_marks(names[0]))
                );
                Err(Refusal::about_sheets("sheet-needed", message, help))
            }
        }
    }

    fn is_empty(&mut self, at: usize) -> Result<bool, Refusal> {
        let mut cells = self.cells(at)?;
        while let Some(cell) = cells.next()? {
            if !cell.text.trim().is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn text_of(mut self, at: usize) -> Result<SheetText, Refusal> {
        let name = self.sheets[at].name.clone();
        let (mut sheet, named) = sheet::text(name, self.cells(at)?)?;
        if !named.is_empty() {
            let targets = self.link_targets(at)?;
            let found = named.into_iter().filter_map(|link| {
                let target = targets
                    .get(&link.target)
                    .filter(|it| it.kind == "hyperlink")?;
                let target = target.path.clone();
                Some(Link { target, ..link })
            });
            sheet.links.extend(found);
        }
        sheet.links.sort_by_key(|link| (link.row, link.column));
        Ok(sheet)
    }

    /// What the sheet `at` names, by id.
    fn link_targets(&mut self, at: usize) -> Result<HashMap<String, Target>, Refusal> {
        let path = &self.sheets[at].path;
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let path = format!("{folder}/_rels/{file}.rels");
        relationships(&mut self.package, path.trim_start_matches('/'), "")
    }

    fn cells(&mut self, at: usize) -> Result<CellReader<'_>, Refusal> {
        let path = &self.sheets[at].path;
        let part = self
            .package
            .part(path)?
            .ok_or_else(|| Refusal::damaged("the file of a sheet is missing in it"))?;
        Ok(CellReader::new(
            part,
            &self.strings,
            &self.formats,
            self.is_from_1904,
        ))
    }
}

/// A name to be typed: characters that nobody sees are none.
fn without_marks(name: &str) -> String {
    let is_seen = |letter: &char| !crate::text::is_unsafe(*letter);
    name.chars().filter(is_seen).collect()
}

/// A text in quotes, as YAML reads it back.
fn yaml_text(text: &str) -> String {
    if text.contains(['"', '\\']) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        format!("\"{text}\"")
    }
}

/// Sheet names in backticks, few of them.
fn shown_names(names: &[&str]) -> String {
    const FEW: usize = 12;
    let shown: Vec<String> = names.iter().take(FEW).map(|name| shown(name)).collect();
    let words: Vec<&str> = shown.iter().map(String::as_str).collect();
    match names.len().checked_sub(FEW) {
        Some(more @ 1..) => format!("{} and {more} more", listed(&words)),
        _ => listed(&words),
    }
}

impl Map {
    fn of(package: &mut Package<'_>) -> Result<Self, Refusal> {
        let main = relationships(package, "_rels/.rels", "")?
            .into_values()
            .find(|target| target.kind == "officeDocument")
            .map_or("xl/workbook.xml".to_owned(), |target| target.path);
        let (folder, file) = main.rsplit_once('/').unwrap_or(("", &main));
        let folder = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        let targets = relationships(package, &format!("{folder}_rels/{file}.rels"), &folder)?;
        let of_kind = |kind: &str| {
            let found = targets.values().find(|target| target.kind == kind);
            found.map(|target| target.path.clone())
        };
        let mut map = Self {
            sheets: Vec::new(),
            strings: of_kind("sharedStrings"),
            styles: of_kind("styles"),
            is_from_1904: false,
        };
        map.read_workbook(package, &main, &targets)?;
        if map.sheets.is_empty() {
            return Err(Refusal::damaged("it has no sheets"));
        }
        Ok(map)
    }

    fn read_workbook(
        &mut self,
        package: &mut Package<'_>,
        path: &str,
        targets: &HashMap<String, Target>,
    ) -> Result<(), Refusal> {
        let mut part = package
            .part(path)?
            .ok_or_else(|| Refusal::damaged("it is an archive of another kind"))?;
        loop {
            match part.next()? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "sheet" => {
                        if let Some(sheet) = sheet_of(&element, targets)? {
                            part.keep(sheet.name.len() + sheet.path.len() + size_of::<Sheet>())?;
                            self.sheets.push(sheet);
                        }
                    }
                    "workbookPr" => {
                        let flag = attribute(&element, "date1904")?;
                        self.is_from_1904 |= matches!(flag.as_deref(), Some("1" | "true"));
                    }
                    _ => {}
                },
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }
}

/// A sheet with cells; charts and dialogs are sheets too.
fn sheet_of(
    element: &BytesStart<'_>,
    targets: &HashMap<String, Target>,
) -> Result<Option<Sheet>, Refusal> {
    let target = attribute(element, "id")?.and_then(|id| targets.get(&id));
    let name = attribute(element, "name")?.unwrap_or_default();
    let state = attribute(element, "state")?;
    Ok(target
        .filter(|target| target.kind == "worksheet")
        .map(|target| Sheet {
            name,
            path: target.path.clone(),
            is_visible: !matches!(state.as_deref(), Some("hidden" | "veryHidden")),
        }))
}

/// A part that another part names.
struct Target {
    /// The last word of its type.
    kind: String,
    path: String,
}

/// What the part at `path` names by id; targets are relative to `folder`.
fn relationships(
    package: &mut Package<'_>,
    path: &str,
    folder: &str,
) -> Result<HashMap<String, Target>, Refusal> {
    let mut targets = HashMap::new();
    let Some(mut part) = package.part(path)? else {
        return Ok(targets);
    };
    loop {
        match part.next()? {
            Event::Start(element) if element.local_name().as_ref() == "Relationship" => {
                let kind = attribute(&element, "Type")?.unwrap_or_default();
                let target = attribute(&element, "Target")?.unwrap_or_default();
                let path = match target.strip_prefix('/') {
                    Some(absolute) => absolute.to_owned(),
                    None => format!("{folder}{target}"),
                };
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                if let Some(id) = attribute(&element, "Id")? {
                    let size = id.len() + kind.len() + path.len();
                    part.keep(size + size_of::<(String, Target)>())?;
                    targets.insert(id, Target { kind, path });
                }
            }
            Event::Eof => return Ok(targets),
            _ => {}
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
