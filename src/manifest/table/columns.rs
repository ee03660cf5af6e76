//! A header row → which column means which field. Start at [`Columns::read`]; every mistake of a header is found here.
//!
//! Knows the names of fields, nothing of their values.

use std::ops::Range;

use super::scanner::{Cell, Row};
use super::span;
use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields::{self, Kind, List};
use crate::manifest::tree::{Key, SourceId, Span};
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
}

/// A column with a meaning.
#[derive(Debug)]
pub(super) struct Column {
    /// Its place among the columns, from 0.
    pub(super) index: usize,
    /// The field, and where the header names it.
    pub(super) key: Key,
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
#[derive(Debug)]
struct Header {
    index: usize,
    name: String,
    span: Span,
}

impl Columns {
    /// Reads the header `row`; none if it does not look like a header at all, which is reported.
    pub(super) fn read(
        row: &Row,
        text: &str,
        source: SourceId,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let (unnamed, headers) = header_cells(row, text, source);
        let secret = headers.iter().filter(|header| is_secret(&header.name));
        let columns = Self {
            width: row.cells.len(),
            secret: secret.map(|header| header.index).collect(),
            unnamed,
            ..Self::default()
        };
        if !headers
            .iter()
            .any(|header| resembles_a_column(&header.name))
        {
            diagnostics.push(no_header(&headers, &span(source, &row.bytes)));
            return None;
        }
        let (mut found, unknown) = known_columns(headers, diagnostics);
        drop_mixed_lists(&mut found, diagnostics);
        add_meant_columns(&mut found, unknown, diagnostics);
        found.sort_by_key(|(_, header)| header.index);
        Some(columns.with(found))
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

    fn with(mut self, found: Vec<(Meaning, Header)>) -> Self {
        let mut numbered = Vec::new();
        for (meaning, Header { index, span, .. }) in found {
            let column = |name: &str| Column {
                index,
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
        headers.push(Header {
            index,
            name: cell.part(text, bytes.clone()).into_owned(),
            span: span(source, &bytes),
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
        let Some(meaning) = meaning(&header.name) else {
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
/// that one slip in the header is not reported again in every row.
fn add_meant_columns(
    found: &mut Vec<(Meaning, Header)>,
    unknown: Vec<Header>,
    diagnostics: &mut Diagnostics,
) {
    for header in unknown {
        let suggestion = suggestion(&header.name);
        diagnostics.push(unknown_column(&header, suggestion.as_deref()));
        if let Some(meaning) = suggestion.as_deref().and_then(meaning)
            && !found.iter().any(|(other, _)| other.rules_out(&meaning))
        {
            found.push((meaning, header));
        }
    }
}

/// The meaning of exactly this name, but for case.
fn meaning(name: &str) -> Option<Meaning> {
    if let Some((prefix, own)) = name.split_at_checked(fields::USER_PREFIX.len())
        && prefix.eq_ignore_ascii_case(fields::USER_PREFIX)
    {
        return Some(Meaning::Plain(format!("{}{own}", fields::USER_PREFIX)));
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

fn no_header(headers: &[Header], place: &Span) -> Diagnostic {
    let lone_with_bars = matches!(headers, [header] if header.name.contains('|'));
    let help = if lone_with_bars {
        "separate the columns with commas, semicolons or tabs"
    } else {
        "start the table with a row of column names, such as `id,prompt,model,duration`"
    };
    let message = "the first row names no known column";
    Diagnostic::error("no-header", place, message, help)
}

fn is_secret(name: &str) -> bool {
    fields::is_secret(name) && !resembles_a_column(name)
}

fn unknown_column(header: &Header, suggestion: Option<&str>) -> Diagnostic {
    if is_secret(&header.name) {
        return fields::secret(&header.span);
    }
    let name = text::clean(&header.name, 60);
    let message = format!("unknown column `{name}`");
    let help = match suggestion {
        _ if name.eq_ignore_ascii_case("extra_body") => {
            "give each of its fields a column, such as `extra_body.seed`".to_owned()
        }
        Some(suggestion) if meaning(suggestion).is_none() => {
            let stem = suggestion.trim_end_matches(|c: char| c.is_ascii_digit());
            format!("numbered columns go from `{stem}1` to `{stem}9`")
        }
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => fields::advice(&header.name),
    };
    Diagnostic::error("unknown-column", &header.span, message, help)
}

fn duplicate(first: &Header, second: &Header) -> Diagnostic {
    let message = format!(
        "the column `{}` stands twice",
        text::clean(&second.name, 60)
    );
    let message = if first.name == second.name {
        message
    } else {
        format!(
            "{message}, the first time as `{}`",
            text::clean(&first.name, 60)
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
        earlier.name, later.name
    );
    let help = format!(
        "keep either the column `{}` or the numbered columns",
        whole.name
    );
    Diagnostic::error("mixed-columns", &later.span, message, help)
        .related(&earlier.span, "the other one")
}
