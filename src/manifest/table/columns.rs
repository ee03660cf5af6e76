//! A header row → which column means which field. Start at [`Columns::read`]; every mistake of a header is found here.
//!
//! Knows the names of fields, nothing of their values.

use std::ops::Range;

use super::looks::Looks;
use super::scanner::{Cell, Row};
use super::{layout, names, span};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields::{self, Kind, List};
use crate::manifest::tree::{Key, SourceId, Span};
use crate::manifest::values::doubtful::{Garbled, garbled};
use crate::text;

/// What the columns of a table mean. Keys carry the field's name and the place of the header cell.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// How many there are, whatever they mean.
    pub(super) width: usize,
    /// One value each: the fields of a job but its lists, and the user's own.
    pub(super) plain: Vec<Column>,
    /// A list in one cell.
    pub(super) lists: Vec<Column>,
    /// Lists of which each address has a column, these in order of their numbers.
    pub(super) numbered: Vec<Vec<Column>>,
    /// The fields of `extra_body`.
    pub(super) extra: Vec<Column>,
    /// Columns without a name.
    pub(super) unnamed: Vec<(usize, Span)>,
    /// Columns that hold the API key, by their name: what stands there must not be shown.
    pub(super) secret: Vec<usize>,
    /// Every column that has a name, in the order of the table.
    pub(super) headers: Vec<Header>,
    /// What each column is for, by its index.
    uses: Vec<Option<Use>>,
}

/// What columns are whose names are no field's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::manifest) enum OtherColumns {
    /// Mistakes.
    Refused,
    /// Variables of a template, also beside fields.
    Variables,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A field of the job, or a variable: it has to do with what is sent.
    Sent,
    /// The user's own.
    Own,
}

/// The column that `check --errors-csv` adds, which is passed over on the way in.
pub(super) const ERRORS: &str = "errors";

/// A column with a meaning.
#[derive(Debug)]
pub(super) struct Column {
    /// Its place among the columns, from 0.
    pub(super) index: usize,
    /// The field, and where the header names it.
    pub(super) key: Key,
    /// Whether its cells hold a number, a boolean or a choice, of which blanks and the like are no part.
    pub(super) is_tidied: bool,
}

/// What a name in the header means.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    Plain(String),
    List(&'static str),
    Numbered(&'static str, u8),
    Extra(&'static str),
}

impl Meaning {
    /// The list that it is, or is a part of.
    fn list(&self) -> Option<&'static str> {
        match self {
            Self::List(list) | Self::Numbered(list, _) => Some(list),
            Self::Plain(_) | Self::Extra(_) => None,
        }
    }

    /// Whether one table cannot have both.
    fn rules_out(&self, other: &Self) -> bool {
        let are_parts = matches!((self, other), (Self::Numbered(..), Self::Numbered(..)));
        self == other || !are_parts && self.list().is_some() && self.list() == other.list()
    }
}

/// A header cell that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Header {
    /// Its place among the columns, from 0.
    pub(in crate::manifest) index: usize,
    /// The name as written, but for blanks and invisible characters around it.
    pub(in crate::manifest) written: String,
    /// The name as an identifier: lower case, `_` between words, no unit in brackets.
    pub(in crate::manifest) name: String,
    /// The name without the looks of a spreadsheet: what is compared with the names of fields.
    meant: String,
    /// Whether it is a field of a job, or a part of one.
    pub(in crate::manifest) is_field: bool,
    /// Where it stands.
    pub(in crate::manifest) span: Span,
}

impl Header {
    /// Whether it is neither a field nor the user's own: only a template has a use for it.
    pub(in crate::manifest) fn is_variable(&self) -> bool {
        !self.is_field && own_name(&self.meant).is_none()
    }
}

impl Columns {
    /// Reads the header `row`; none if it does not look like a header at all, which is to be reported. What the cells
    /// of a column look like is asked of `looks` where its name alone does not tell.
    pub(super) fn read(
        row: &Row,
        text: &str,
        (source, others): (SourceId, OtherColumns),
        looks: &dyn Fn(usize) -> Looks,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let (unnamed, headers) = header_cells(row, text, source);
        let secret = headers.iter().filter(|header| is_secret(&header.meant));
        let columns = Self {
            width: row.cells.len(),
            secret: secret.map(|header| header.index).collect(),
            unnamed,
            ..Self::default()
        };
        let is_header = |header: &Header| {
            others == OtherColumns::Variables || resembles_a_column(&header.meant)
        };
        if !headers.iter().any(is_header) {
            return None;
        }
        let named = headers.clone();
        let (_, headers): (Vec<_>, Vec<_>) = headers
            .into_iter()
            .partition(|header| header.meant == ERRORS);
        let (mut found, unknown) = known_columns(headers, diagnostics);
        drop_mixed_lists(&mut found, diagnostics);
        let variables = match others {
            OtherColumns::Refused => {
                add_meant_columns(&mut found, unknown, looks, diagnostics);
                Vec::new()
            }
            OtherColumns::Variables => variables(unknown, diagnostics),
        };
        found.sort_by_key(|(_, header)| header.index);
        Some(columns.with(found, variables, named))
    }

    /// The columns that have a meaning.
    pub(super) fn all(&self) -> impl Iterator<Item = &Column> {
        let Self {
            plain,
            lists,
            numbered,
            extra,
            ..
        } = self;
        plain
            .iter()
            .chain(lists)
            .chain(numbered.iter().flatten())
            .chain(extra)
    }

    /// Those that a template can name: neither the API key nor what `check --errors-csv` has added.
    pub(super) fn nameable(&self) -> impl Iterator<Item = &Header> {
        let is_hidden =
            |header: &Header| header.meant == ERRORS || self.secret.contains(&header.index);
        self.headers.iter().filter(move |it| !is_hidden(it))
    }

    /// The field of the column `index`, unless it is a variable or has no meaning.
    pub(super) fn field(&self, index: usize) -> Option<&str> {
        let column = self.all().find(|column| column.index == index)?;
        Some(&column.key.name)
    }

    /// Whether there is a column for this field of a job, or for a part of it.
    pub(super) fn names(&self, field: &str) -> bool {
        self.all().any(|column| column.key.name == field)
    }

    /// Whether the column `index` is the one that `check --errors-csv` has added.
    pub(super) fn is_passed_over(&self, index: usize) -> bool {
        (self.headers.iter()).any(|header| header.index == index && header.meant == ERRORS)
    }

    /// What the column `index` is for; none if it has no meaning, or is passed over.
    pub(super) fn use_of(&self, index: usize) -> Option<Use> {
        self.uses.get(index).copied().flatten()
    }

    /// What is worth a note about the header: which names were read as others, and that `errors` was passed over.
    pub(super) fn read_as(&self) -> Vec<String> {
        const FEW: usize = 20;
        let is_field = |header: &&Header| header.is_field && meaning(&header.meant).is_some();
        let read_as: Vec<String> = self
            .headers
            .iter()
            .filter(is_field)
            .filter(|header| !header.written.eq_ignore_ascii_case(&header.meant))
            .filter(|header| own_name(&header.written).is_none())
            .map(|header| {
                let written = text::clean(&header.written, 60);
                format!("`{written}` read as `{}`", header.meant)
            })
            .collect();
        let mut notes = Vec::new();
        if !read_as.is_empty() {
            let more = read_as.len().saturating_sub(FEW);
            let note = read_as[..read_as.len() - more].join(", ");
            notes.push(match more {
                0 => note,
                more => format!("{note} and {more} more"),
            });
        }
        if self.headers.iter().any(|header| header.meant == ERRORS) {
            notes.push(format!("the column `{ERRORS}` is passed over"));
        }
        notes
    }

    fn with(
        mut self,
        found: Vec<(Meaning, Header)>,
        variables: Vec<Header>,
        headers: Vec<Header>,
    ) -> Self {
        self.uses = vec![None; self.width];
        self.headers = headers;
        let mut numbered = Vec::new();
        for header in variables {
            self.uses[header.index] = Some(Use::Sent);
        }
        for (meaning, Header { index, span, .. }) in found {
            let is_own = matches!(&meaning, Meaning::Plain(name) if own_name(name).is_some());
            self.uses[index] = Some(if is_own { Use::Own } else { Use::Sent });
            for header in self.headers.iter_mut().filter(|it| it.index == index) {
                header.is_field = !is_own;
            }
            let column = |name: &str| Column {
                index,
                is_tidied: is_tidied(name),
                key: Key {
                    name: name.to_owned(),
                    span,
                },
            };
            match meaning {
                Meaning::Plain(name) => self.plain.push(column(&name)),
                Meaning::List(name) => self.lists.push(column(name)),
                Meaning::Extra(name) => self.extra.push(column(name)),
                Meaning::Numbered(list, number) => numbered.push((list, number, column(list))),
            }
        }
        numbered.sort_by_key(|(list, number, _)| (*list, *number));
        for (list, _, column) in numbered {
            match self.numbered.last_mut() {
                Some(columns) if columns[0].key.name == list => columns.push(column),
                _ => self.numbered.push(vec![column]),
            }
        }
        self
    }
}

/// The places of the header's empty cells, and the others by name.
fn header_cells(row: &Row, text: &str, source: SourceId) -> (Vec<(usize, Span)>, Vec<Header>) {
    let (mut unnamed, mut headers) = (Vec::new(), Vec::new());
    for (index, cell) in row.cells.iter().enumerate() {
        let bytes = name_in(cell, text);
        if bytes.is_empty() {
            unnamed.push((index, span(source, &cell.bytes)));
            continue;
        }
        let written = cell.part(text, bytes.clone()).into_owned();
        let meant = meant_name(&written);
        headers.push(Header {
            index,
            name: layout::variable_name(&written),
            is_field: meaning(&meant).is_some() && own_name(&meant).is_none(),
            meant,
            span: span(source, &bytes),
            written,
        });
    }
    (unnamed, headers)
}

/// Where the name stands in a header cell: blanks and invisible characters around it are not part of it.
pub(super) fn name_in(cell: &Cell, text: &str) -> Range<usize> {
    let around = |c: char| c.is_whitespace() || text::is_unsafe(c);
    let from_name = text[cell.bytes.clone()].trim_start_matches(around);
    let start = cell.bytes.end - from_name.len();
    start..start + from_name.trim_end_matches(around).len()
}

/// The headers of known name with their meanings, each meaning once, and the other headers.
fn known_columns(
    headers: Vec<Header>,
    diagnostics: &mut Diagnostics,
) -> (Vec<(Meaning, Header)>, Vec<Header>) {
    let mut found: Vec<(Meaning, Header)> = Vec::new();
    let mut unknown = Vec::new();
    for header in headers {
        let Some(meaning) = meaning(&header.meant) else {
            unknown.push(header);
            continue;
        };
        match found.iter().find(|(other, _)| *other == meaning) {
            Some((_, first)) => diagnostics.push(duplicate(first, &header)),
            None => found.push((meaning, header)),
        }
    }
    (found, unknown)
}

/// Drops the numbered columns of a list that also has a column of its own, and reports that.
fn drop_mixed_lists(found: &mut Vec<(Meaning, Header)>, diagnostics: &mut Diagnostics) {
    for (list, _) in list_fields() {
        let is_part =
            |meaning: &Meaning| *meaning != Meaning::List(list) && meaning.list() == Some(list);
        let whole = found
            .iter()
            .find(|(meaning, _)| *meaning == Meaning::List(list));
        let part = found.iter().find(|(meaning, _)| is_part(meaning));
        if let (Some((_, whole)), Some((_, part))) = (whole, part) {
            diagnostics.push(mixed_columns(whole, part));
            found.retain(|(meaning, _)| !is_part(meaning));
        }
    }
}

/// Reports the `unknown` headers, and reads each on as what it was probably meant to be if that has no column yet, so
/// that one slip in the header is not reported again in every row, and does not hide what is wrong in its cells.
///
/// Names tell first; of what is left, the cells do, in the order of the table.
fn add_meant_columns(
    found: &mut Vec<(Meaning, Header)>,
    unknown: Vec<Header>,
    looks: &dyn Fn(usize) -> Looks,
    diagnostics: &mut Diagnostics,
) {
    /// As many columns are looked at; a table with more has other troubles.
    const LOOKED_AT: usize = 50;
    let mut unnamed = Vec::new();
    // The numbers of rows are ids where nothing else is.
    let (numbers, named): (Vec<_>, Vec<_>) = unknown
        .into_iter()
        .partition(|header| fields::counts_rows(&header.meant));
    for header in named.into_iter().chain(numbers) {
        let mut suggestion = suggestion(&header.meant);
        if fields::is_about_sound(&header.meant) {
            suggestion = match looks(header.index) {
                Looks::Empty => suggestion,
                look if look.is_address() => Some("audios".to_owned()),
                _ => Some("generate_audio".to_owned()),
            };
        }
        let Some(suggestion) = suggestion else {
            unnamed.push(header);
            continue;
        };
        let meaning = meaning(&suggestion);
        let other = meaning.as_ref().and_then(|meaning| {
            let found = found.iter();
            let mut found = found.filter(|(other, _)| other.rules_out(meaning));
            found.next()
        });
        let taken = other.filter(|(other, _)| Some(other) == meaning.as_ref());
        let taken = taken.map(|(_, header)| header);
        diagnostics.push(unknown_column(&header, Some(&suggestion), taken));
        if let Some(meaning) = meaning.filter(|_| other.is_none()) {
            found.push((meaning, header));
        }
    }
    for (count, header) in unnamed.into_iter().enumerate() {
        let is_looked_at = count < LOOKED_AT && !is_secret(&header.meant);
        let look = Some(header.index).filter(|_| is_looked_at).map(looks);
        let guess = look.and_then(|look| {
            let field = field_of(&header, look)?;
            let meaning = meaning(&field)?;
            Some((look, field, meaning))
        });
        let guess = guess.filter(|(_, _, meaning)| is_free(meaning, found));
        diagnostics.push(match &guess {
            Some((look, field, _)) => column_by_looks(&header, *look, field),
            None => unknown_column(&header, None, None),
        });
        if let Some((_, _, meaning)) = guess {
            found.push((meaning, header));
        }
    }
}

/// The field that a column may be by what its cells look like: `Ref 2` with pictures is `image_2`.
fn field_of(header: &Header, look: Looks) -> Option<String> {
    let field = look.field()?;
    let stem = (header.meant).trim_end_matches(|it: char| it.is_ascii_digit());
    let number = &header.meant[stem.len()..];
    let list = list_fields().find(|(name, _)| *name == field);
    Some(match (list, number.as_bytes()) {
        (Some((_, List { singular, .. })), [b'1'..=b'9']) => format!("{singular}_{number}"),
        _ => field.to_owned(),
    })
}

/// Whether a table with the columns `found` can have another with this meaning.
fn is_free(meaning: &Meaning, found: &[(Meaning, Header)]) -> bool {
    let is_frame = |it: &Meaning| matches!(it, Meaning::Plain(name) if name == "image" || name == "last_image");
    // Numbered ones are meant as references, also beside a first frame, which is another row's.
    let is_shown = |it: &Meaning| matches!(it, Meaning::List("images" | "videos"));
    !found
        .iter()
        .any(|(other, _)| other.rules_out(meaning) || is_shown(meaning) && is_frame(other))
}

/// A column of which only the cells tell what it may be.
fn column_by_looks(header: &Header, look: Looks, field: &str) -> Diagnostic {
    let name = text::clean(&header.written, 60);
    let own = fields::own_column(&header.written);
    let others = match field {
        "images" | "image_1" => ", or `image` for a first frame",
        _ => "",
    };
    let help = format!(
        "its cells look like {}: if that is meant, call it `{field}`{others}, and they are checked as that here; if it is a \
         column of your own, which is not sent, call it `{own}`",
        look.words()
    );
    Diagnostic::error(
        "unknown-column",
        &header.span,
        format!("unknown column `{name}`"),
        help,
    )
}

/// The headers that are variables, each name once; the API key is none.
fn variables(unknown: Vec<Header>, diagnostics: &mut Diagnostics) -> Vec<Header> {
    let mut variables: Vec<Header> = Vec::new();
    for header in unknown {
        if is_secret(&header.meant) {
            diagnostics.push(fields::secret(&header.span));
        } else if let Some(first) = variables.iter().find(|other| other.name == header.name) {
            diagnostics.push(duplicate(first, &header));
        } else {
            variables.push(header);
        }
    }
    variables
}

/// The rest of a name that begins as those of the user's own columns do.
fn own_name(name: &str) -> Option<&str> {
    let (prefix, own) = name.split_at_checked(fields::USER_PREFIX.len())?;
    prefix
        .eq_ignore_ascii_case(fields::USER_PREFIX)
        .then_some(own)
}

/// `written` without the looks of a spreadsheet; the user's own names stay as they are after `x_`.
fn meant_name(written: &str) -> String {
    match own_name(written) {
        Some(own) => format!("{}{own}", fields::USER_PREFIX),
        None => names::field_name(written),
    }
}

/// Whether the cells of a field hold a number, a boolean or a choice.
fn is_tidied(name: &str) -> bool {
    let mut all = fields::JOB.iter().chain(&fields::EXTRA);
    all.find(|field| field.name == name).is_some_and(|field| {
        matches!(
            field.kind,
            Kind::Model
                | Kind::Duration
                | Kind::AspectRatio
                | Kind::Boolean
                | Kind::Flag
                | Kind::Seed
                | Kind::Operation
        )
    })
}

/// The meaning of exactly this name, but for case.
fn meaning(name: &str) -> Option<Meaning> {
    if own_name(name).is_some() {
        return Some(Meaning::Plain(name.to_owned()));
    }
    let name = name.to_lowercase();
    let bare = name.strip_prefix("extra_body.").unwrap_or(&name);
    if let Some(extra) = fields::EXTRA_FIELDS.iter().find(|field| **field == bare) {
        return Some(Meaning::Extra(extra));
    }
    if let Some(field) = fields::JOB.iter().find(|field| field.name == name) {
        return match field.kind {
            Kind::ExtraBody => None,
            Kind::Addresses(_) => Some(Meaning::List(field.name)),
            _ => Some(Meaning::Plain(name)),
        };
    }
    let (stem, number) = name.rsplit_once('_')?;
    match number.as_bytes() {
        [digit @ b'1'..=b'9'] => Some(Meaning::Numbered(list_of(stem)?, digit - b'0')),
        _ => None,
    }
}

/// The list of which a numbered column starting with `stem` holds one address: `image` and `images` are both good.
fn list_of(stem: &str) -> Option<&'static str> {
    list_fields()
        .find(|(name, list)| *name == stem || list.singular == stem)
        .map(|(name, _)| name)
}

fn list_fields() -> impl Iterator<Item = (&'static str, List)> {
    fields::JOB.iter().filter_map(|field| match field.kind {
        Kind::Addresses(list) => Some((field.name, list)),
        _ => None,
    })
}

/// Whether a header with this name is likely to be one.
fn resembles_a_column(name: &str) -> bool {
    meaning(name).is_some() || suggestion(name).is_some()
}

/// How much a row looks like a header: its cells that are not blank, those of them that are the name of a column but for
/// looks, and those that are so or nearly so.
pub(super) fn likeness(row: &Row, text: &str) -> Likeness {
    let mut likeness = Likeness::default();
    for cell in &row.cells {
        let written = cell.part(text, name_in(cell, text));
        if written.is_empty() {
            continue;
        }
        likeness.filled += 1;
        if written.len() > LONGEST_NAME {
            continue;
        }
        let meant = meant_name(&written);
        likeness.exact += usize::from(meaning(&meant).is_some());
        likeness.near += usize::from(resembles_a_column(&meant));
    }
    likeness
}

/// What is longer is no name of a column.
const LONGEST_NAME: usize = 100;

/// How much a row looks like a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Likeness {
    pub(super) filled: usize,
    pub(super) exact: usize,
    pub(super) near: usize,
}

/// The column that was probably meant: `image1` and `Image 1` are `image_1`, `promt` is `prompt`.
fn suggestion(name: &str) -> Option<String> {
    let numbered = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[numbered.len()..].trim_start_matches('0');
    if !number.is_empty() {
        let stem = numbered.trim_end_matches(|c: char| !c.is_alphanumeric());
        let list = list_of(&stem.to_lowercase())?;
        let (_, List { singular, .. }) = list_fields().find(|(name, _)| *name == list)?;
        return Some(format!("{singular}_{number}"));
    }
    fields::meant(name)
}

fn is_secret(name: &str) -> bool {
    fields::is_secret(name) && !resembles_a_column(name)
}

fn unknown_column(header: &Header, suggestion: Option<&str>, taken: Option<&Header>) -> Diagnostic {
    if is_secret(&header.meant) {
        return fields::secret(&header.span);
    }
    let name = text::clean(&header.written, 60);
    let message = format!("unknown column `{name}`");
    let help = match suggestion {
        _ if header.written.starts_with(MISREAD_BOM) => {
            misread(&header.written).unwrap_or_default()
        }
        _ if header.meant == "extra_body" => {
            "give each of its fields a column, such as `extra_body.seed`".to_owned()
        }
        Some(suggestion) if meaning(suggestion).is_none() => {
            let stem = suggestion.trim_end_matches(|c: char| c.is_ascii_digit());
            format!("numbered columns go from `{stem}1` to `{stem}9`")
        }
        Some(suggestion) => {
            let column = suggestion.strip_prefix("extra_body.");
            let column = column.filter(|_| !header.meant.starts_with("extra_body"));
            let column = column.unwrap_or(suggestion);
            match taken {
                Some(taken) => {
                    let first = match text::clean(&taken.written, 60) {
                        name if name == column => format!("the table has a column `{column}`"),
                        name => format!("`{name}` is the column `{column}`"),
                    };
                    let own = fields::own_column(&header.written);
                    format!("{first} already; if this one is your own, call it `{own}`")
                }
                None => format!("did you mean `{column}`?"),
            }
        }
        None => misread(&header.written).unwrap_or_else(|| fields::advice(&header.written)),
    };
    Diagnostic::error("unknown-column", &header.span, message, help)
}

/// The mark of UTF-8 as Windows-1252 reads it.
const MISREAD_BOM: &str = "ï»¿";

/// What to do about a name that was not read, or not saved, as somebody wrote it.
pub(super) fn misread(name: &str) -> Option<String> {
    const AGAIN: &str =
        "save the table again from where it is still right, as .xlsx or (in Excel) as `CSV UTF-8`";
    let name = name.trim();
    if name.starts_with(MISREAD_BOM) {
        return Some(
            "`ï»¿` is the mark of UTF-8, read in another encoding: open the file that was imported again, as UTF-8, and save it from there".to_owned(),
        );
    }
    if name.contains('?') && !name.contains(char::is_alphanumeric) {
        return Some(format!(
            "each `?` stands for a character that was lost when the table was saved: {AGAIN}"
        ));
    }
    match garbled(name)? {
        Garbled::ReadAs { encoding, meant } => Some(format!(
            "it was read in the wrong encoding ({encoding}), and probably said `{}`: {AGAIN}; or name the encoding with `--encoding`",
            text::clean(&meant, 40)
        )),
        Garbled::Lost(_) => Some(format!("characters of it are lost: {AGAIN}")),
    }
}

fn duplicate(first: &Header, second: &Header) -> Diagnostic {
    let shown = |header: &Header| text::clean(&header.written, 60);
    let message = if first.written == second.written {
        format!("the column `{}` stands twice", shown(second))
    } else if first.written.eq_ignore_ascii_case(&second.written) {
        format!(
            "the column `{}` stands twice, the first time as `{}`",
            shown(second),
            shown(first)
        )
    } else {
        format!(
            "the columns `{}` and `{}` are both read as `{}`",
            shown(first),
            shown(second),
            second.meant
        )
    };
    Diagnostic::error(
        "duplicate-column",
        &second.span,
        message,
        "delete one of the two columns",
    )
    .related(&first.span, "the first one")
}

fn mixed_columns(whole: &Header, part: &Header) -> Diagnostic {
    let (earlier, later) = if whole.index < part.index {
        (whole, part)
    } else {
        (part, whole)
    };
    let message = format!(
        "`{}` and `{}` are two ways to give one list",
        earlier.written, later.written
    );
    let help = format!(
        "keep either the column `{}` or the numbered columns",
        whole.written
    );
    Diagnostic::error("mixed-columns", &later.span, message, help)
        .related(&earlier.span, "the other one")
}
