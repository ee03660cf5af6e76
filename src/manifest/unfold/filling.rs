//! One job of the many that a template makes: every text filled in, every axis and cell in its field. Start at
//! [`Filling::job`].

mod failing;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use minijinja::Value as Filled;

use super::pattern::{JobTemplate, Pattern, Text};
use super::repeated::Repeated;
use super::words;
use super::{Setting, Site};
use crate::manifest::diagnostic::{Diagnostic, Diagnostics, Made};
use crate::manifest::fields::{self, EXTRA_FIELDS, Kind, listed};
use crate::manifest::matrix::{Combination, slug, slug_of_id};
use crate::manifest::table::TableRow;
use crate::manifest::template::{ALL_STEPS, Compiled, FailureKind, Language};
use crate::manifest::tree::{Key, Node, Span, Value};
use crate::manifest::validate::{Context, NEEDED, RowSeen, Validator};
use crate::manifest::values::shown;
use crate::manifest::vars::{Header, RowValues, Scope};
use crate::plan::{Expansion, Origin};

/// One job while it is filled in.
pub(super) struct Filling<'f> {
    text: &'f str,
    language: &'f Language,
    longest_var: usize,
    scope: Arc<Scope>,
    value: Filled,
    row: Option<&'f Row<'f>>,
    combination: Option<&'f Combination<'f>>,
    variant: Option<NonZeroU32>,
    filled: Vec<Span>,
    refused: Vec<&'f str>,
    made: Made,
    /// Bytes of text that it may still have without being counted.
    room: usize,
    fields: Vec<(Key, Node)>,
}

/// A row of a table as a template sees it.
pub(super) struct Row<'r> {
    job: &'r Node,
    number: NonZeroU32,
    values: RowValues,
    /// Names, for templates and as written, of the columns whose cells are refused, which is reported.
    refused: Vec<(String, String)>,
    /// The fields among them.
    refused_fields: &'r [&'r str],
    /// Those of [`NEEDED`] for which the table has a column.
    needed: Vec<&'static str>,
}

/// What is known of all fillings so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Steps that they took.
    steps: u64,
    /// Where these became too many.
    spent_at: Option<Span>,
    /// Templates that took too many, which are not tried again: by where they begin.
    too_much: HashSet<usize>,
    has_failures: bool,
    /// Jobs that were filled in.
    jobs: u64,
    /// Bytes of the different texts that were made, but for the room of each job.
    text: u64,
    /// Hashes of those that are long.
    texts: HashSet<u64>,
    /// Where these became too much, and at which job.
    too_much_text_at: Option<(Span, u64)>,
    /// Bytes of text that jobs repeat, but for the room of each, and of pictures that they repeat.
    repeated: u64,
    pictures: u64,
    /// How many jobs these are of.
    repeating: u64,
    /// Where these became too much.
    too_much_repeated_at: Option<Span>,
}

/// Bytes of different texts that all templates of a manifest may make beyond the room of each job, which are held at
/// once.
pub(super) const ALL_TEXT: u64 = 256 << 20;

/// Bytes of pictures, written out as addresses, that all jobs of a manifest may repeat: no character of these is looked
/// at for each job, and thousands of videos of one picture are an honest thing to want.
pub(super) const ALL_PICTURES: u64 = 16 << 30;

/// Bytes of text that every job may have besides, as a row of a table that is written out may.
pub(super) const ROOM: usize = 512;

/// Shorter texts are counted each time they are made.
const LONG: usize = 256;

impl Tally {
    /// Where to count the steps of another filling of the template at `span`.
    fn steps_for(&mut self, span: &Span) -> Result<&mut u64, Refused> {
        if self.too_much_text_at.is_some() {
            return Err(Refused);
        }
        if self.steps > ALL_STEPS {
            self.spent_at.get_or_insert_with(|| span.clone());
            self.has_failures = true;
            return Err(Refused);
        }
        if self.too_much.contains(&span.bytes.start) {
            return Err(Refused);
        }
        Ok(&mut self.steps)
    }

    /// Counts a text that was made at `span`, for which its job has `room`.
    fn count_text(&mut self, text: &str, room: &mut usize, span: &Span) -> Result<(), Refused> {
        if text.len() > LONG {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            if !self.texts.insert(hasher.finish()) {
                return Ok(());
            }
        }
        self.text += text.len().saturating_sub(*room) as u64;
        *room = room.saturating_sub(text.len());
        if self.text <= ALL_TEXT {
            return Ok(());
        }
        self.too_much_text_at = Some((span.clone(), self.jobs));
        self.texts = HashSet::new();
        self.has_failures = true;
        Err(Refused)
    }

    /// Counts what each of `jobs` jobs repeats, before they are made. An error says that they must not be.
    pub(super) fn count_repeated(&mut self, each: &Repeated, jobs: u64) -> Result<(), Refused> {
        let text = each.text.saturating_sub(ROOM as u64);
        if text == 0 && each.pictures == 0 {
            return Ok(());
        }
        if self.too_much_repeated_at.is_some() {
            return Err(Refused);
        }
        self.repeated = self.repeated.saturating_add(text.saturating_mul(jobs));
        self.pictures = (self.pictures).saturating_add(each.pictures.saturating_mul(jobs));
        self.repeating += jobs;
        if self.repeated <= ALL_TEXT && self.pictures <= ALL_PICTURES {
            return Ok(());
        }
        self.too_much_repeated_at = each.longest.as_ref().map(|(_, at)| at.clone());
        self.has_failures = true;
        Err(Refused)
    }

    /// Notes that the template at `span` could not be filled in.
    fn fail(&mut self, kind: &FailureKind, span: &Span) {
        self.has_failures = true;
        if *kind == FailureKind::TooMuch {
            self.too_much.insert(span.bytes.start);
        }
    }

    /// Whether a template could not be filled in, so that what it would use is not sure.
    pub(super) fn has_failures(&self) -> bool {
        self.has_failures
    }

    /// The template at which all fillings together had taken so long that the rest was not tried.
    pub(super) fn spent_at(&self) -> Option<&Span> {
        self.spent_at.as_ref()
    }

    /// The errors that all fillings together made too much text, and that jobs repeat too much of it.
    pub(super) fn too_much_text(&self) -> impl Iterator<Item = Diagnostic> {
        let filled = self.too_much_text_at.as_ref();
        let filled = filled.map(|(at, jobs)| words::too_much_text(at, self.text, *jobs));
        let repeated = self.too_much_repeated_at.as_ref().map(|at| {
            let (bytes, most) = if self.repeated > ALL_TEXT {
                (self.repeated, ALL_TEXT)
            } else {
                (self.pictures, ALL_PICTURES)
            };
            words::too_much_repeated(at, (bytes, most), self.repeating)
        });
        filled.into_iter().chain(repeated)
    }
}

/// A text that could not be filled in, or jobs that could not be made, were reported.
pub(super) struct Refused;

impl<'f> Filling<'f> {
    pub(super) fn new(
        setting: &'f Setting<'f>,
        row: Option<&'f Row<'f>>,
        combination: Option<&'f Combination<'f>>,
        variant: Option<NonZeroU32>,
        tally: &mut Tally,
    ) -> Self {
        tally.jobs += 1;
        let chosen = combination.into_iter().flat_map(|it| &it.choices);
        let scope = Arc::new(Scope {
            variant,
            axes: chosen
                .map(|(_, name, choice)| (Arc::clone(name), choice.value.clone()))
                .collect(),
            row: row.map(|row| row.values.clone()),
            ..Scope::of(&setting.vars)
        });
        Self {
            text: setting.text,
            language: setting.language,
            longest_var: setting.vars.longest(),
            value: Filled::from_dyn_object(Arc::clone(&scope)),
            scope,
            row,
            combination,
            variant,
            filled: Vec::new(),
            refused: Vec::new(),
            made: row.map_or(Made::Job(tally.jobs), |row| Made::Row(row.number.get())),
            room: ROOM,
            fields: Vec::new(),
        }
    }

    /// Fills in every field and passes the job on.
    pub(super) fn job<'t: 'f, 's: 'f>(
        mut self,
        template: &'f JobTemplate<'t>,
        defaults: &'f [(&'s Key, Pattern<'s>)],
        site: &Site,
        tally: &mut Tally,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) {
        self.id(template, site, tally, diagnostics);
        for (key, pattern) in &template.fields {
            if key.name != "id" {
                self.field(key, pattern, site, tally, diagnostics);
            }
        }
        self.axes();
        self.row_fields();
        for name in self.row.into_iter().flat_map(|row| row.refused_fields) {
            if !self.is_set(name) {
                self.refused.push(name);
            }
        }
        for (key, pattern) in defaults {
            if !self.is_set(&key.name) {
                self.field(key, pattern, site, tally, diagnostics);
            }
        }
        let job = Node {
            value: Value::Map(std::mem::take(&mut self.fields)),
            span: template.span.clone(),
        };
        let related = || self.related(site);
        let help_with_ids = || self.help_with_ids(template);
        let choices = self.combination.into_iter().flat_map(|it| &it.choices);
        let axes = choices.map(|(_, _, choice)| choice.node.span.clone());
        let known: Vec<Span> = self.filled.iter().cloned().chain(axes).collect();
        let context = Context {
            origin: self.origin(template, site),
            row: self.row.map(|row| RowSeen {
                at: &site.at,
                columns: &row.needed,
            }),
            filled: &self.filled,
            known: &known,
            refused: &self.refused,
            related: Some(&related),
            made: Some(self.made),
            help_with_ids: Some(&help_with_ids),
        };
        validator.job(&job, &context, diagnostics);
    }

    fn origin(&self, template: &JobTemplate<'_>, site: &Site) -> Origin {
        let combination = self.combination.zip(template.matrix.as_ref());
        let expansion = Expansion {
            combination: combination
                .map(|(combination, matrix)| (Arc::clone(matrix.written()), combination.number)),
            variant: self.variant,
        };
        Origin {
            expansion: template.is_expanded().then(|| Box::new(expansion)),
            ..site.origin()
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.refused.contains(&name) || self.fields.iter().any(|(key, _)| key.name == name)
    }

    /// A field that is written in the template.
    fn field(
        &mut self,
        key: &'f Key,
        pattern: &Pattern<'_>,
        site: &Site,
        tally: &mut Tally,
        diagnostics: &mut Diagnostics,
    ) {
        match self.fill(pattern, site, tally, diagnostics) {
            Ok(node) => {
                let is_optional =
                    key.name != "prompt" && !key.name.starts_with(fields::USER_PREFIX);
                if !is_optional || !self.is_blank(&node) {
                    self.fields.push((key.clone(), node));
                }
            }
            Err(Refused) => self.refused.push(&key.name),
        }
    }

    /// Whether a text was filled in with nothing, which says that the field is not set for this job.
    fn is_blank(&self, node: &Node) -> bool {
        match &node.value {
            Value::Text(text) => text.trim().is_empty() && self.filled.contains(&node.span),
            Value::List(elements) => {
                !elements.is_empty() && elements.iter().all(|element| self.is_blank(element))
            }
            _ => false,
        }
    }

    fn fill(
        &mut self,
        pattern: &Pattern<'_>,
        site: &Site,
        tally: &mut Tally,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Refused> {
        let (node, value) = match pattern {
            Pattern::Fixed(node) => return Ok(Node::clone(node)),
            Pattern::Refused => return Err(Refused),
            Pattern::Text(text) => return self.text(text, site, tally, diagnostics),
            Pattern::List(node, elements) => {
                let mut list = Vec::with_capacity(elements.len());
                for element in elements {
                    let element = self.fill(element, site, tally, diagnostics)?;
                    list.push(element);
                }
                // What is filled in with nothing is left out; a list of nothing else is left out as a whole.
                if !list.iter().all(|element| self.is_blank(element)) {
                    list.retain(|element| !self.is_blank(element));
                }
                (node, Value::List(list))
            }
            Pattern::Map(node, pairs) => {
                let mut map = Vec::with_capacity(pairs.len());
                for (key, pattern) in pairs {
                    map.push((
                        Key::clone(key),
                        self.fill(pattern, site, tally, diagnostics)?,
                    ));
                }
                (node, Value::Map(map))
            }
        };
        Ok(Node {
            value,
            span: node.span.clone(),
        })
    }

    /// A text, filled in; in the place of one that cannot be, the one that was meant, if that is sure.
    fn text(
        &mut self,
        text: &Text<'_>,
        site: &Site,
        tally: &mut Tally,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Refused> {
        let span = &text.node.span;
        self.filled.push(span.clone());
        if self.row.is_some_and(|row| row.refuses(text)) {
            return Err(Refused);
        }
        let steps = tally.steps_for(span)?;
        let filled = match self.filled_in(text, steps) {
            Ok(filled) => filled,
            Err(failure) => {
                let (found, meant) = self.mended(text, &failure, site, steps);
                tally.fail(&failure.kind, span);
                for found in found {
                    diagnostics.push_made(self.made, found);
                }
                meant.ok_or(Refused)?
            }
        };
        tally.count_text(&filled, &mut self.room, span)?;
        Ok(Node {
            value: Value::Text(filled),
            span: span.clone(),
        })
    }

    /// The id: a template as it comes out, any other with what tells this job from the others.
    fn id(
        &mut self,
        template: &'f JobTemplate<'_>,
        site: &Site,
        tally: &mut Tally,
        diagnostics: &mut Diagnostics,
    ) {
        let written = template.fields.iter().find(|(key, _)| key.name == "id");
        if let Some((key, pattern)) = written {
            match self.fill(pattern, site, tally, diagnostics) {
                Ok(node) => match pattern {
                    Pattern::Text(text) => self.made_id(key, node, &text.names),
                    _ => self.base_id(key, node),
                },
                Err(Refused) => self.refused.push("id"),
            }
            return;
        }
        let choices = self.combination.into_iter().flat_map(|it| &it.choices);
        if let Some((key, _, choice)) = choices.into_iter().find(|(key, ..)| key.name == "id") {
            return self.base_id(key, choice.node.clone());
        }
        let cells = self.row.into_iter().flat_map(Row::fields);
        if let Some((key, node)) = cells.into_iter().find(|(key, _)| key.name == "id") {
            self.base_id(key, node.clone());
        }
    }

    /// An id that a template made: the characters of an id, and what tells this job from the others.
    fn made_id(&mut self, key: &Key, mut node: Node, names: &[String]) {
        let rest = self.rest_of_id(names);
        if let Value::Text(id) = &mut node.value
            && !id.trim().is_empty()
        {
            *id = slug_of_id(id) + &rest;
        }
        self.fields.push((key.clone(), node));
    }

    fn base_id(&mut self, key: &Key, mut node: Node) {
        let rest = self.rest_of_id(&[]);
        let is_cell = matches!(node.value, Value::Cell(_));
        if let Value::Text(id) | Value::Cell(id) = &mut node.value
            && !id.trim().is_empty()
            && !rest.is_empty()
        {
            // Blanks in a cell are an accident; those in a text are told, as in a job that is written out.
            let base = if is_cell { id.trim() } else { &**id };
            *id = format!("{base}{rest}");
            self.filled.push(node.span.clone());
        }
        self.fields.push((key.clone(), node));
    }

    /// `-red-9x16-v2`, but for what the id names itself.
    fn rest_of_id(&self, named: &[String]) -> String {
        let is_named = |name: &str| named.iter().any(|other| other == name);
        let choices = self.combination.into_iter().flat_map(|it| &it.choices);
        let values = choices
            .filter(|(key, ..)| key.name != "id" && !is_named(&key.name))
            .map(|(_, _, choice)| slug(&choice.written))
            .filter(|slug| !slug.is_empty());
        let variant = self.variant.filter(|_| !is_named("variant"));
        let variant = variant.map(|number| format!("v{number}"));
        values
            .chain(variant)
            .fold(String::new(), |rest, part| rest + "-" + &part)
    }

    /// Axes with the name of a field set it, unless the job does.
    fn axes(&mut self) {
        let choices = self.combination.into_iter().flat_map(|it| &it.choices);
        for (key, _, choice) in choices {
            let name = key.name.as_str();
            if EXTRA_FIELDS.contains(&name) {
                self.set_extra(key, choice.node.clone());
                continue;
            }
            let field = fields::JOB.iter().find(|field| field.name == name);
            let is_own = name.starts_with(fields::USER_PREFIX);
            if name == "id" || self.is_set(name) || field.is_none() && !is_own {
                continue;
            }
            let node = choice.node.clone();
            let is_list = field.is_some_and(|field| matches!(field.kind, Kind::Addresses(_)));
            let value = if is_list {
                Value::List(vec![node.clone()])
            } else {
                node.value
            };
            let span = node.span;
            self.fields.push((Key::clone(key), Node { value, span }));
        }
    }

    /// The cells of fields that neither the template nor an axis sets.
    fn row_fields(&mut self) {
        for (key, node) in self.row.into_iter().flat_map(Row::fields) {
            match &node.value {
                Value::Map(extra) => {
                    for (key, node) in extra {
                        self.set_extra(key, node.clone());
                    }
                }
                _ if !self.is_set(&key.name) => self.fields.push((key.clone(), node.clone())),
                _ => {}
            }
        }
    }

    /// Sets a field of `extra_body` that is not set.
    fn set_extra(&mut self, key: &Key, node: Node) {
        if self.refused.contains(&"extra_body") {
            return;
        }
        let position = self
            .fields
            .iter()
            .position(|(key, _)| key.name == "extra_body");
        let position = position.unwrap_or_else(|| {
            let extra = Key {
                name: "extra_body".to_owned(),
                span: key.span.clone(),
            };
            let empty = Node {
                value: Value::Map(Vec::new()),
                span: node.span.clone(),
            };
            self.fields.push((extra, empty));
            self.fields.len() - 1
        });
        if let Value::Map(pairs) = &mut self.fields[position].1.value
            && !pairs.iter().any(|(own, _)| own.name == key.name)
        {
            pairs.push((key.clone(), node));
        }
    }

    /// What the templates were filled in for.
    fn related(&self, site: &Site) -> Vec<(Span, String)> {
        let mut related = Vec::new();
        let variant = self.variant.map(|number| format!("variant {number}"));
        if self.row.is_some() {
            related.push((site.at.clone(), "filled in for this row".to_owned()));
        }
        if let Some(combination) = self.combination {
            let pairs = combination.choices.iter();
            let mut words: Vec<String> = pairs
                .map(|(key, _, choice)| format!("{}={}", key.name, shown(&choice.written)))
                .collect();
            words.extend(variant);
            related.push((combination.at.clone(), format!("with {}", words.join(", "))));
        }
        related
    }

    /// The longest text that the template may walk through, if it walks at all.
    fn longest(&self, compiled: &Compiled<'_>) -> usize {
        if !compiled.walks() {
            return 0;
        }
        let axes = self.scope.axes.iter().map(|(_, value)| value);
        let cells = self.row.into_iter().flat_map(|row| row.values.cells.iter());
        let values = axes.chain(cells.flatten());
        let longest = values.filter_map(Filled::as_str).map(str::len).max();
        longest.unwrap_or(0).max(self.longest_var)
    }

    /// What to do about two jobs of this template with the same id.
    fn help_with_ids(&self, template: &JobTemplate<'_>) -> String {
        let Some(row) = self.row else {
            return "an id keeps the letters, digits, `.` and `_` of the values, and everything else becomes `-`: change one of the values, or leave its axis out of `id`, so that it is added at the end".to_owned();
        };
        let names = template.names_in("id");
        let mut columns: Vec<&str> = row.values.header.names().collect();
        columns.retain(|name| !names.iter().any(|used| used == name) && !name.is_empty());
        columns.sort_unstable();
        columns.truncate(8);
        if columns.is_empty() {
            return "remove one of the rows, or add a column whose cells are all different and name it in `id`".to_owned();
        }
        format!(
            "name in `id` a column whose cells are all different, remove one of the rows, or correct its cells; the columns that `id` does not name are {}",
            listed(&columns)
        )
    }
}

impl<'r> Row<'r> {
    pub(super) fn of_cells(row: &'r TableRow<'_>, header: &Arc<Header>) -> Self {
        let cell = |text: &str| (!text.trim().is_empty()).then(|| Filled::from(text));
        Self {
            job: &row.job,
            number: NonZeroU32::new(row.number).unwrap_or(NonZeroU32::MIN),
            values: RowValues {
                header: Arc::clone(header),
                cells: row.cells().map(|(_, text)| cell(&text)).collect(),
            },
            refused: row
                .refused_headers()
                .map(|header| (header.name.clone(), header.written.clone()))
                .collect(),
            refused_fields: &row.refused,
            needed: needed_in(row),
        }
    }

    pub(super) fn of_fields(row: &'r TableRow<'_>) -> Self {
        let mut header = Header::default();
        let mut cells = Vec::new();
        let fields = match &row.job.value {
            Value::Map(fields) => &fields[..],
            _ => &[],
        };
        // They stand in the order of their columns, but for those whose cells are blank.
        let mut fields = fields.iter().peekable();
        for name in row.single_fields() {
            let field = fields.next_if(|(key, _)| key.name == name);
            header.add(cells.len(), name.to_owned(), name.to_owned());
            cells.push(field.and_then(|(_, node)| match &node.value {
                Value::Cell(text) => Some(Filled::from(text.as_str())),
                _ => None,
            }));
        }
        Self {
            job: &row.job,
            number: NonZeroU32::new(row.number).unwrap_or(NonZeroU32::MIN),
            values: RowValues {
                header: Arc::new(header),
                cells: cells.into(),
            },
            refused: row
                .refused
                .iter()
                .map(|name| ((*name).to_owned(), (*name).to_owned()))
                .collect(),
            refused_fields: &row.refused,
            needed: needed_in(row),
        }
    }

    /// Whether a template names a cell that is refused.
    fn refuses(&self, text: &Text<'_>) -> bool {
        let mut refused = self.refused.iter();
        refused.any(|(name, written)| text.looks_up(name, written))
    }

    pub(super) fn fields(&self) -> &'r [(Key, Node)] {
        match &self.job.value {
            Value::Map(map) => map,
            _ => &[],
        }
    }
}

/// Those of [`NEEDED`] for which the table of `row` has a column.
fn needed_in(row: &TableRow<'_>) -> Vec<&'static str> {
    let needed = NEEDED.into_iter();
    needed.filter(|field| row.has_column(field)).collect()
}
