//! The rules of a manifest: job trees in, jobs and diagnostics out. Start at [`Validator`].
//!
//! A job's tree is read field by field (`values`), laid over the defaults, and checked as a whole; every mistake of
//! a job is reported, and no mistake is reported because of another one. Knows no file format.

mod clear;
mod reading;
mod whole;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::rc::Rc;

use self::clear::ClearJobs;
use self::reading::{Fields, Given, Origin, Place, Slot};
use self::whole::{Subject, Whole};
use super::diagnostic::{Diagnostic, Diagnostics, Doubt, Made, Severity};
use super::duplicates::{Duplicates, Earlier, IdOrigin, Keys};
use super::tree::{Key, Node, SourceId, Span, Value};
use super::values::doubtful::{Garbled, garbled, open_slot, placeholder, value_of_another_field};
use super::values::{self, described};
use super::{address, fields, lint, template};
use crate::plan::{self, Job, JobId, Model, Shared, Text, UserValues, VideoRequest};
use crate::text::folded;

/// How many places of one warning are shown; the others are counted.
const WARNINGS_SHOWN: u32 = 10;

/// Takes the jobs of a manifest one by one and keeps those without error.
#[derive(Debug)]
pub(super) struct Validator {
    defaults: Fields,
    columns: Vec<String>,
    column_numbers: HashMap<String, u32>,
    jobs: Vec<Job>,
    duplicates: Duplicates,
    /// Where ids and contents are kept if somebody only glances at them; `duplicates` has those that need a closer look.
    keys: Option<Keys>,
    drops_jobs: bool,
    totals: Totals,
    warnings: Warnings,
    defaults_blamed: HashSet<&'static str>,
    any_job: bool,
    /// The models of all jobs, each where it is met first.
    models: Vec<(Model, Span)>,
    texts: Shared,
    /// The table of which the rows are checked, if there is one.
    table: Option<TableHead>,
    /// Fields of the row that are refused because of what their cells hold.
    refused: Vec<String>,
    /// The jobs by their ids, ignoring case, as far as they were needed to tell which of them an id was made for.
    by_id: HashMap<String, usize>,
    indexed: usize,
}

/// What all jobs of a manifest come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// How many there are.
    pub jobs: u32,
    /// The seconds of video that they ask for.
    pub seconds: u64,
}

/// A table without a template: what it lacks as a whole is a mistake of its header, not of each row.
#[derive(Debug)]
pub(super) struct TableHead {
    /// Where the header stands.
    pub(super) at: Span,
    /// Those of [`NEEDED`] for which it has no column.
    pub(super) lacks: Vec<&'static str>,
    /// Those of them that a row needed, which is reported.
    pub(super) told: Vec<&'static str>,
}

/// Fields that each job should have.
pub(super) const NEEDED: [&str; 3] = ["model", "prompt", "duration"];

/// How a job came to be that was not written out as it is.
#[derive(Default)]
pub(super) struct Context<'c> {
    /// Where it comes from.
    pub(super) origin: plan::Origin,
    /// The row that it is made for, if there is a template for rows.
    pub(super) row: Option<RowSeen<'c>>,
    /// Where texts stand that were filled in.
    pub(super) filled: &'c [Span],
    /// These places, and those of values whose braces were told before.
    pub(super) known: &'c [Span],
    /// Fields that could not be filled in, which is reported.
    pub(super) refused: &'c [&'c str],
    /// What they were filled in for: places to show with a mistake.
    pub(super) related: Option<&'c dyn Fn() -> Vec<(Span, String)>>,
    /// Which of the jobs of a template it is.
    pub(super) made: Option<Made>,
    /// How to tell two jobs of the template apart that have the same id.
    pub(super) help_with_ids: Option<&'c dyn Fn() -> String>,
}

/// A row that a template fills in.
#[derive(Clone, Copy)]
pub(super) struct RowSeen<'c> {
    /// Where it stands.
    pub(super) at: &'c Span,
    /// Those of [`NEEDED`] for which its table has a column.
    pub(super) columns: &'c [&'static str],
}

impl Validator {
    /// Reads the `defaults`; each mistake there is reported here and not again for every job.
    pub(super) fn new(defaults: Option<&Node>, diagnostics: &mut Diagnostics) -> Self {
        let mut validator = Self {
            defaults: Fields::default(),
            columns: Vec::new(),
            column_numbers: HashMap::new(),
            jobs: Vec::new(),
            duplicates: Duplicates::default(),
            keys: (diagnostics.glanced()).map(|it| Keys::knowing(Rc::clone(&it.known))),
            drops_jobs: false,
            totals: Totals::default(),
            warnings: Warnings {
                keeps_all: diagnostics.keeps_all(),
                ..Warnings::default()
            },
            defaults_blamed: HashSet::new(),
            any_job: false,
            models: Vec::new(),
            texts: Shared::default(),
            table: None,
            refused: Vec::new(),
            by_id: HashMap::new(),
            indexed: 0,
        };
        let Some(node) = defaults else {
            return validator;
        };
        if let Some(references) = diagnostics.references() {
            references.defaults(node);
        }
        match &node.value {
            Value::Null => {}
            Value::Map(map) => {
                let fields = Fields::read(map, Origin::Defaults, diagnostics);
                validator.warn_about_values(&fields, diagnostics);
                validator.name_columns(&fields);
                validator.defaults = fields;
            }
            _ => {
                let help = "write the fields that most jobs share, such as `defaults: {model: seedance2.0-720p}`";
                diagnostics.push(values::wrong_type(
                    "defaults",
                    node,
                    "a map of fields",
                    help,
                ));
            }
        }
        validator
    }

    /// Keeps nothing of the jobs but what they come to, if somebody only glances at them.
    pub(super) fn drop_jobs(&mut self, drops_jobs: bool) {
        self.drops_jobs = drops_jobs;
    }

    /// Who takes jobs at a glance, if it is enough to know what they come to.
    pub(super) fn clear_jobs(&self) -> Option<ClearJobs> {
        let keys = self.keys.as_ref()?;
        let is_enough = self.drops_jobs && !self.warnings.keeps_all;
        ClearJobs::new(keys.beside(), &self.defaults).filter(|_| is_enough)
    }

    /// Adds the jobs that were taken at a glance.
    pub(super) fn add_clear(&mut self, clear: ClearJobs) {
        self.any_job |= clear.totals.jobs > 0;
        self.totals.jobs = self.totals.jobs.saturating_add(clear.totals.jobs);
        self.totals.seconds += clear.totals.seconds;
        if let Some(keys) = &mut self.keys {
            keys.append(clear.keys);
        }
        self.warnings.count("no-duration", clear.untold);
    }

    /// Gives a field of the user's own its column, if it has none yet.
    pub(super) fn name_column(&mut self, name: &str) {
        if !self.column_numbers.contains_key(name) {
            let number = u32::try_from(self.columns.len()).expect("no file names so many columns");
            self.column_numbers.insert(name.to_owned(), number);
            self.columns.push(name.to_owned());
        }
    }

    /// The jobs that follow are the rows of this table.
    pub(super) fn begin_table(&mut self, head: TableHead) {
        self.table = Some(head);
    }

    /// In the row that follows these fields are refused, which is reported.
    pub(super) fn begin_row(&mut self, refused: &[&str]) {
        self.refused.clear();
        self.refused
            .extend(refused.iter().map(|field| (*field).to_owned()));
    }

    /// The jobs that follow are of no table.
    pub(super) fn end_table(&mut self) {
        self.table = None;
        self.refused.clear();
    }

    /// A job that was found and cannot be checked, which is reported.
    pub(super) fn pass_over(&mut self) {
        self.any_job = true;
    }

    /// Checks one job.
    pub(super) fn job(&mut self, job: &Node, context: &Context<'_>, diagnostics: &mut Diagnostics) {
        self.any_job = true;
        let Value::Map(map) = &job.value else {
            diagnostics.push(not_a_job(job));
            return;
        };
        if let Some(references) = diagnostics.references() {
            references.job(map);
        }
        let made = context.made;
        self.warnings.template = made.map(|_| job.span.source);
        let mut found = Diagnostics::default();
        let subject = match context.row {
            Some(row) => Subject::row(row, map, &job.span),
            None => Subject::new(map, job),
        };
        let mut fields = Fields::read(map, Origin::Job, &mut found);
        for refused in context.refused {
            fields.doubt(refused);
        }
        for refused in &self.refused {
            fields.doubt(refused);
        }
        self.name_columns(&fields);
        self.note_model(&fields);
        self.warn_about_values(&fields, &mut found);
        self.warn_about_braces(map, context.known, &mut found);
        if let Some(related) = context.related
            && !found.is_empty()
        {
            found.relate(context.filled, &related());
        }
        self.check_columns(&mut fields, &mut found);
        self.check_together(&subject, &fields, &mut found);
        self.keep(&subject.at, fields, context, &mut found);
        match made {
            Some(made) => diagnostics.append_made(made, found),
            None => diagnostics.append(found),
        }
    }

    /// The jobs, and the names of the user's own columns in order of first appearance. `at` is where jobs should
    /// have been if there are none.
    pub(super) fn finish(
        mut self,
        at: &Span,
        diagnostics: &mut Diagnostics,
    ) -> (Vec<Job>, Vec<String>) {
        if !self.any_job {
            let message = "the manifest has no jobs";
            let help = "add at least one job with `model` and `prompt`";
            diagnostics.push(Diagnostic::error("no-jobs", at, message, help));
        }
        match &mut self.keys {
            None => offer_free_ids(&|id| self.duplicates.has_id(id), diagnostics),
            Some(keys) => {
                keys.sort();
                offer_free_ids(&|id| keys.has_id(id), diagnostics);
                if let Some(twins) = keys.new_twins() {
                    diagnostics.doubt(Doubt::Twins(Box::new(twins)));
                }
            }
        }
        let drops_them = self.drops_it();
        self.warnings.summarise(diagnostics);
        if drops_them {
            return (Vec::new(), self.columns);
        }
        self.texts.join(&mut self.jobs, true);
        (self.jobs, self.columns)
    }

    /// Whether it is known already that no other job has this id.
    fn is_single_id(&self, id: &JobId) -> bool {
        is_single_id(self.keys.as_ref(), id)
    }

    /// Whether a job is only kept if it needs a closer look.
    fn drops_it(&self) -> bool {
        self.drops_jobs && self.keys.is_some()
    }

    /// What the jobs come to that are kept, or would be.
    pub(super) fn totals(&self) -> Totals {
        self.totals
    }

    /// The models that jobs have, also those that are refused for something else, each where it is met first.
    pub(super) fn models(&self) -> &[(Model, Span)] {
        &self.models
    }

    fn note_model(&mut self, fields: &Fields) {
        if let Slot::Given(model) = fields.model.over(&self.defaults.model)
            && !self.models.iter().any(|(known, _)| *known == model.value)
        {
            let at = model.place.at.clone();
            self.models.push((model.value, at));
        }
    }

    /// What a row lacks because its table has no column for it is told once, at the header.
    fn check_columns(&mut self, fields: &mut Fields, found: &mut Diagnostics) {
        let Some(table) = &mut self.table else {
            return;
        };
        let defaults = &self.defaults;
        for field in &table.lacks {
            let is_unset = match *field {
                "model" => fields.model.over(&defaults.model).is_unset(),
                "prompt" => fields.prompt.over(&defaults.prompt).is_unset(),
                _ => fields.duration.over(&defaults.duration).is_unset(),
            };
            if !is_unset {
                continue;
            }
            if !table.told.contains(field) {
                self.warnings.push(table.missing(field), found);
                table.told.push(field);
            }
            if *field != "duration" {
                fields.doubt(field);
            }
        }
    }

    /// Every rule about a job as a whole.
    fn check_together(&mut self, subject: &Subject, fields: &Fields, found: &mut Diagnostics) {
        let whole = Whole::new(subject, fields, &self.defaults);
        let errors = [
            whole.require("missing-model", "model", whole.model, "seedance2.0-720p"),
            whole.require("missing-prompt", "prompt", whole.prompt, "…"),
            whole.check_last_image(),
            whole.check_operation(),
        ];
        for error in errors.into_iter().flatten() {
            found.push(error);
        }
        let has_column = |table: &TableHead| !table.lacks.contains(&"duration");
        if whole.duration.is_unset() && self.table.as_ref().is_none_or(has_column) {
            let message = "`duration` is not set, so the provider chooses the length";
            let help = "set it to 5–15 seconds: the API page calls it \"conditionally required\" and does not say when";
            let warning = Diagnostic::warning("no-duration", &subject.at, message, help);
            let warning = subject.blame("duration", warning);
            self.warnings.push(warning, found);
        }
        if let Some(clash) = whole.clash()
            && (!clash.is_in_defaults() || self.defaults_blamed.insert(clash.code))
        {
            self.warnings.push(clash.diagnostic(subject), found);
        }
    }

    /// Warnings about single values, each where it stands.
    fn warn_about_values(&mut self, fields: &Fields, found: &mut Diagnostics) {
        if let Slot::Given(model) = &fields.model
            && model.value == Model::Standard4k
        {
            let message =
                "`seedance2.0-4k` works only if the provider has enabled it for the account";
            let help = "make sure that the account has it, or take `seedance2.0-1080p`";
            let warning = Diagnostic::warning("account-feature", &model.place.at, message, help);
            self.warnings.push(warning, found);
        }
        if let Slot::Given(operation) = &fields.operation {
            let message = format!(
                "`operation: {}` is for the provider's compatibility layer; together with the other fields it makes routing unclear",
                operation.value
            );
            let help = "leave `operation` out unless the provider told you to set it: the media fields say what to do";
            let warning = Diagnostic::warning("operation-used", &operation.place.at, message, help);
            self.warnings.push(warning, found);
        }
        if let Slot::Given(prompt) = &fields.prompt {
            self.warn_about_prompt(prompt, found);
        }
        self.warn_about_pages(fields, found);
        if let Slot::Given(seed) = &fields.seed
            && seed.place.name_at == seed.place.at
            && values::is_rounded(seed.value)
        {
            let message = format!(
                "the seed `{}` has more digits than a spreadsheet keeps, and ends with zeros: it was probably rounded",
                seed.value
            );
            let help = "format the column as text and type the number again; if it is meant, `allow: [rounded-seed]`";
            let warning = Diagnostic::warning("rounded-seed", &seed.place.at, message, help);
            self.warnings.push(warning, found);
        }
        if let Slot::Given(prompt) = &fields.prompt
            && let Some(character) = control_character(&prompt.value)
        {
            let message = format!(
                "the prompt contains the control character `{}`",
                character.escape_unicode()
            );
            let help = "take it out unless it is meant: it is sent as it is";
            let warning = Diagnostic::warning("control-character", &prompt.place.at, message, help);
            self.warnings.push(warning, found);
        }
    }

    /// Warns about addresses where a person sees a file, and a program a page.
    fn warn_about_pages(&mut self, fields: &Fields, found: &mut Diagnostics) {
        let one = [&fields.image, &fields.last_image]
            .into_iter()
            .filter_map(Slot::given)
            .map(|given| (std::slice::from_ref(&given.value), &given.place));
        let lists = [&fields.images, &fields.videos, &fields.audios]
            .into_iter()
            .filter_map(Slot::given)
            .map(|given| (given.value.as_slice(), &given.place));
        for (addresses, place) in one.chain(lists) {
            let pages = addresses
                .iter()
                .filter_map(|it| Some((it, address::page(it)?)));
            for (text, site) in pages {
                let message = format!(
                    "`{}` is a page of {site}, and not a file",
                    values::shown(text)
                );
                let help = "give the address of the file itself, which a program can fetch without a login; if it is meant, `allow: [page-address]`";
                let warning = Diagnostic::warning("page-address", &place.at, message, help);
                self.warnings.push(warning, found);
            }
        }
    }

    /// Warns about a prompt that nobody can have meant.
    fn warn_about_prompt(&mut self, prompt: &Given<Text>, found: &mut Diagnostics) {
        let at = &prompt.place.at;
        let is_cell = prompt.place.name_at == *at;
        if let Some(garbled) = garbled(&prompt.value) {
            let message = match garbled {
                Garbled::ReadAs { encoding, meant } => format!(
                    "the prompt was read in the wrong encoding ({encoding}): it probably said `{}`",
                    values::shown(&meant)
                ),
                Garbled::Lost(mark) => {
                    format!("the prompt has `{mark}` where characters were lost")
                }
            };
            let help = if is_cell {
                "save the table from where the text is still right, as .xlsx or (in Excel) as `CSV UTF-8`; if only this reading is wrong, name the encoding with `--encoding`: it is sent as it is"
            } else {
                "copy the text again from where it is still right, and save the file as UTF-8: it is sent as it is"
            };
            let warning = Diagnostic::warning("garbled-text", at, message, help);
            self.warnings.push(warning, found);
        } else if let Some((message, help)) = unfinished(&prompt.value, is_cell) {
            let help = format!("{help}; if it is meant, `allow: [placeholder-prompt]`");
            let warning = Diagnostic::warning("placeholder-prompt", at, message, help);
            self.warnings.push(warning, found);
        }
    }

    /// Warns about braces that are sent as they are, unless they stand at a place that is `known` for it.
    fn warn_about_braces(&mut self, map: &[(Key, Node)], known: &[Span], found: &mut Diagnostics) {
        for (key, node) in map {
            let texts = match &node.value {
                Value::List(elements) => &elements[..],
                _ => std::slice::from_ref(node),
            };
            for node in texts {
                if let Value::Text(text) | Value::Cell(text) = &node.value
                    && let Some((_, braces)) = template::braces(text)
                    && braces != "{#"
                    && fields::is_filled_in(&key.name)
                    && !known.contains(&node.span)
                {
                    let is_cell = matches!(node.value, Value::Cell(_));
                    let warning = lint::looks_like_template(&key.name, braces, &node.span, is_cell);
                    self.warnings.push(warning, found);
                }
            }
        }
    }

    fn name_columns(&mut self, fields: &Fields) {
        for (name, _) in &fields.own {
            self.name_column(name);
        }
    }

    /// Builds the job unless something is wrong with it; its id, written or made, counts for duplicates either way.
    fn keep(
        &mut self,
        at: &Span,
        mut fields: Fields,
        context: &Context<'_>,
        found: &mut Diagnostics,
    ) {
        let origin = context.origin.clone();
        let id_at = fields.id.given().map(|id| id.place.at.clone());
        let was_right = !found.has_errors();
        let mut id = fields.id.given().map(|id| id.value.clone());
        let who = if id.is_some() {
            IdOrigin::Written
        } else {
            IdOrigin::Made
        };
        if id.is_none() && fields.id.is_unset() {
            id = fields.made_id(&self.defaults).ok();
            if let (Some(made), Some(number)) = (&id, origin.variant()) {
                id = made.variant(number).ok();
            }
        }
        // Without an id something is wrong, and reported.
        let Some(id) = id else { return };
        self.note_id(&id, who, (at, id_at.as_ref()), context, found);
        if let Some(number) = origin.variant()
            && was_right
        {
            self.set_seed(&mut fields, &id, number, at, found);
        }
        if !was_right || found.has_errors() {
            return;
        }
        let drops_it = self.drops_it();
        let user_values = (!drops_it).then(|| self.user_values(&fields));
        // What the defaults got wrong was reported with them.
        let Ok(mut request) = fields.into_request(&self.defaults) else {
            return;
        };
        self.totals.add(request.duration());
        let may_be_twin = match &mut self.keys {
            Some(keys) => keys.request(&request),
            None => true,
        };
        if may_be_twin {
            self.warn_about_twin((&id, who), &request, at, &origin, found);
        }
        if drops_it && !may_be_twin && self.is_single_id(&id) {
            return;
        }
        request.share(&mut self.texts);
        let user_values = user_values.unwrap_or_default();
        self.jobs
            .push(Job::new(id, request, user_values).with_origin(origin));
        self.texts.join(&mut self.jobs, false);
    }

    /// Gives a variant its seed: the one that was written counts up, or each id and number have one of their own.
    fn set_seed(
        &self,
        fields: &mut Fields,
        id: &JobId,
        number: NonZeroU32,
        at: &Span,
        found: &mut Diagnostics,
    ) {
        let Ok(written) = fields.seed.settled(&self.defaults.seed) else {
            return;
        };
        let place = fields.seed.over(&self.defaults.seed).place().cloned();
        let place = place.unwrap_or_else(|| Place {
            name: "seed",
            origin: Origin::Job,
            at: at.clone(),
            name_at: at.clone(),
        });
        let seed = match written {
            None => Some(id.seed(number)),
            Some(first) => first.checked_add(i64::from(number.get() - 1)),
        };
        match seed {
            Some(value) => fields.seed = Slot::Given(Given { value, place }),
            None => found.push(Diagnostic::error(
                "seed-range",
                &place.at,
                "the seed leaves no room for the variants, whose seeds count up from it",
                format!(
                    "take a smaller one: the last variant's must not be above {}",
                    i64::MAX
                ),
            )),
        }
    }

    fn note_id(
        &mut self,
        id: &JobId,
        who: IdOrigin,
        (at, id_at): (&Span, Option<&Span>),
        context: &Context<'_>,
        found: &mut Diagnostics,
    ) {
        if let Some(keys) = &mut self.keys
            && !keys.id(id.as_str())
        {
            return;
        }
        let Some(earlier) = self.duplicates.id(id, who, at) else {
            return;
        };
        let of_template = context.made.zip(id_at).filter(|(_, id_at)| {
            let is_cell = context.row.is_some_and(|row| row.at.source == id_at.source);
            !is_cell
        });
        let is_nameless = context.made.is_some() && who == IdOrigin::Made;
        let is_sibling = |first: &Job| first.origin().element == context.origin.element;
        let first = self.job_of(id);
        found.push(match (first, of_template) {
            (Some(first), None) if is_nameless && is_sibling(first) => {
                nameless(at, first.origin(), &context.origin)
            }
            (Some(first), Some((_, id_at))) if is_sibling(first) => {
                made_twice(id, id_at, (&earlier.span, Some(first)), (at, context))
            }
            // The other job was refused.
            (None, Some((_, id_at))) if is_beside(&earlier, at, context) => {
                made_twice(id, id_at, (&earlier.span, None), (at, context))
            }
            _ => taken(id, who, at, &earlier),
        });
        found.offer_id(at, id.to_string());
    }

    /// The job with this id.
    fn job_of(&mut self, id: &JobId) -> Option<&Job> {
        for (number, job) in self.jobs.iter().enumerate().skip(self.indexed) {
            if is_single_id(self.keys.as_ref(), job.id()) {
                continue;
            }
            self.by_id
                .entry(job.id().folded().into_owned())
                .or_insert(number);
        }
        self.indexed = self.jobs.len();
        let number = self.by_id.get(&*id.folded())?;
        Some(&self.jobs[*number])
    }

    fn warn_about_twin(
        &mut self,
        (id, who): (&JobId, IdOrigin),
        request: &VideoRequest,
        at: &Span,
        origin: &plan::Origin,
        found: &mut Diagnostics,
    ) {
        if self.is_single_id(id) {
            // Nobody has its id, which was not noted as one that somebody may have.
            self.duplicates.id(id, who, at);
        }
        let same_look = request
            .look()
            .and_then(|look| self.duplicates.look(look, origin.look_group()));
        let number = self.jobs.len();
        if let Some((earlier, first)) = self.duplicates.content(request.fingerprint(), number) {
            let message = format!(
                "`{id}` sends exactly the same as `{}`, and both are paid for",
                self.jobs[first].id()
            );
            let help = "remove one of them, or give them different seeds if two videos are wanted";
            let mut twin = Diagnostic::warning("identical-content", at, message, help);
            if earlier.span != *at {
                twin = twin.related(&earlier.span, "the earlier job");
            }
            self.warnings.push(twin, found);
        } else if let Some(earlier) = same_look {
            let message = "this job has the prompt and the seed of an earlier one and differs elsewhere: the videos will look alike";
            let help = "a seed makes the same prompt look the same again: give it another seed if a new video is wanted, or `allow: [same-prompt-and-seed]` if another size or length of the same is";
            let twin = Diagnostic::warning("same-prompt-and-seed", at, message, help)
                .related(&earlier.span, "the earlier job");
            self.warnings.push(twin, found);
        }
    }

    fn user_values(&mut self, fields: &Fields) -> UserValues {
        let own = self.defaults.own.iter().chain(&fields.own);
        let numbered = own.map(|(name, value)| {
            let number = self.column_numbers[name];
            let mut value = Text::clone(value);
            self.texts.share_value(&mut value);
            (number, value)
        });
        let values = UserValues::new(numbered.collect());
        self.texts.share_values(values)
    }
}

impl Totals {
    fn add(&mut self, duration: Option<u8>) {
        self.jobs = self.jobs.saturating_add(1);
        self.seconds += duration.map_or(0, u64::from);
    }
}

impl TableHead {
    /// That the table has no column for one of [`NEEDED`].
    fn missing(&self, field: &str) -> Diagnostic {
        let message = format!("the table has no column `{field}`");
        let example = match field {
            "model" => "seedance2.0-720p",
            "duration" => "8",
            _ => {
                let help = "name the column `prompt` that says what each video shows, or add one";
                return Diagnostic::error("missing-prompt", &self.at, message, help);
            }
        };
        let help = format!(
            "add a column `{field}` with `{example}` or the like in each row; or name the table in a YAML manifest, with `defaults: {{ {field}: {example} }}`"
        );
        if field == "model" {
            return Diagnostic::error("missing-model", &self.at, message, help);
        }
        let message = format!("{message}, so the provider chooses the length of each video");
        Diagnostic::warning("no-duration", &self.at, message, help)
    }
}

fn not_a_job(node: &Node) -> Diagnostic {
    let message = format!(
        "a job must be a map of fields, not {}",
        described(&node.value)
    );
    let help = "write `- model: seedance2.0-720p` and the other fields below it, or `- {model: …, prompt: …}`";
    Diagnostic::error("not-a-job", &node.span, message, help)
}

/// Two jobs of one element of the list of jobs that have no id and the same content for one.
fn nameless(at: &Span, first: &plan::Origin, second: &plan::Origin) -> Diagnostic {
    let message = format!(
        "this makes jobs without id that have the same prompt and media: for {}, and for {}",
        first.words(),
        second.words()
    );
    let help = if second.row.is_some() {
        "give the template an `id` that names a column whose cells are all different, such as `id: \"{{ sku }}\"`"
    } else {
        "give it an `id`, such as `id: hero`: what varies is added to it"
    };
    Diagnostic::error("id-needed", at, message, help)
}

/// The first character of a prompt that is there for a machine.
fn control_character(prompt: &str) -> Option<char> {
    if prompt.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return None;
    }
    prompt
        .chars()
        .find(|it| it.is_control() && !it.is_whitespace())
}

/// Why nobody can have meant this prompt as it is, and what to do.
fn unfinished(prompt: &str, is_cell: bool) -> Option<(String, &'static str)> {
    let bare = prompt.trim();
    // In a sheet it marks what is still to come.
    let mark = || (is_cell && bare.eq_ignore_ascii_case("x")).then_some(bare);
    if let Some(text) = placeholder(prompt).or_else(mark) {
        Some((
            format!("the prompt is only `{}`", values::shown(text)),
            "describe what the video shows: the provider sees nothing but this text, no other row or job, and it is paid for",
        ))
    } else if let Some(what) = value_of_another_field(prompt) {
        Some((
            format!("the prompt is only `{}`, {what}", values::shown(bare)),
            "write what the video shows, and look whether two cells or fields were swapped: the provider would be paid for this text",
        ))
    } else {
        open_slot(prompt).map(|slot| {
            let slot = values::shown(slot);
            (
                format!("the prompt has the slot `{slot}`, which nobody has filled in"),
                "write what belongs there: it is sent as it is",
            )
        })
    }
}

/// Whether a job of which no more is known than its place comes from the same template: from the same element, or from
/// a row of the same table.
fn is_beside(earlier: &Earlier, at: &Span, context: &Context<'_>) -> bool {
    let is_of_table = context
        .row
        .is_some_and(|row| row.at.source == earlier.span.source);
    is_of_table && earlier.id == IdOrigin::Written || earlier.span == *at
}

/// An id that one element of the list of jobs made for two of its jobs, told at the place of the id.
fn made_twice(
    id: &JobId,
    id_at: &Span,
    (first_at, first): (&Span, Option<&Job>),
    (second_at, context): (&Span, &Context<'_>),
) -> Diagnostic {
    let second = &context.origin;
    let is_row = context.row.is_some();
    let another = if is_row {
        "another row"
    } else {
        "another combination"
    };
    let words = first.map_or_else(|| another.to_owned(), |it| it.origin().words());
    let is_same = first.is_none_or(|it| it.id() == id);
    let message = format!(
        "the id `{id}` is made twice: for {words}, and for {}{}{}",
        second.words(),
        if is_same { "" } else { "; " },
        if is_same {
            ""
        } else {
            what_counts_as_equal(id)
        },
    );
    let help = context
        .help_with_ids
        .map_or_else(String::new, |help| help());
    let diagnostic = Diagnostic::error("id-not-unique", id_at, message, help);
    if first_at == second_at {
        return diagnostic;
    }
    diagnostic
        .related(first_at, "made for this row first")
        .related(second_at, "and for this row again")
}

/// An id that an earlier job has, by who wrote which of the two.
fn taken(id: &JobId, origin: IdOrigin, at: &Span, earlier: &Earlier) -> Diagnostic {
    let (code, message, help, words) = match (origin, earlier.id) {
        (IdOrigin::Written, IdOrigin::Written) => (
            "duplicate-id",
            format!("the id `{id}` is used twice ({})", what_counts_as_equal(id)),
            "give one of the jobs another id",
            "first used here",
        ),
        (IdOrigin::Made, IdOrigin::Made) => (
            "id-needed",
            "two jobs without id have the same prompt and media, so that nothing tells them apart"
                .to_owned(),
            "give both an `id`, or remove one",
            "the other one",
        ),
        (IdOrigin::Written, IdOrigin::Made) => (
            "id-collision",
            format!("the id `{id}` is also the id made for a job without one"),
            "give the other job an `id` of its own, or rename this one",
            "the job without id",
        ),
        (IdOrigin::Made, IdOrigin::Written) => (
            "id-collision",
            format!("this job has no id, and the one made for it, `{id}`, is taken"),
            "give this job an `id`",
            "taken here",
        ),
    };
    Diagnostic::error(code, at, message, help).related(&earlier.span, words)
}

/// Why two ids may be one that do not look or are not written alike.
fn what_counts_as_equal(id: &JobId) -> &'static str {
    if id.as_str().is_ascii() {
        "capital and small letters count as equal"
    } else {
        "capital and small letters count as equal, and so do the ways to write an accent"
    }
}

fn is_single_id(keys: Option<&Keys>, id: &JobId) -> bool {
    keys.is_some_and(|keys| !keys.is_known_id(id.as_str()))
}

/// Says with each id that is refused which one could stand in its place: one that no job has, and that is told once.
fn offer_free_ids(is_taken: &dyn Fn(&str) -> bool, diagnostics: &mut Diagnostics) {
    let mut free: HashMap<(SourceId, usize), String> = HashMap::new();
    let mut told: HashSet<String> = HashSet::new();
    let mut latest: HashMap<String, u32> = HashMap::new();
    for (span, wanted) in diagnostics.take_offers() {
        let place = (span.source, span.bytes.start);
        if free.contains_key(&place) {
            continue;
        }
        let mut id = wanted.clone();
        while is_taken(&id) || told.contains(&*folded(&id)) {
            let number = latest.entry(folded(&wanted).into_owned()).or_insert(1);
            *number += 1;
            id = numbered(&wanted, *number);
        }
        told.insert(folded(&id).into_owned());
        free.insert(place, id);
    }
    diagnostics.amend(|found| {
        let place = (found.span.source, found.span.bytes.start);
        if matches!(found.code, "bad-id" | "duplicate-id")
            && let Some(id) = free.get(&place)
        {
            found.help.extend([", such as `", id, "`"]);
        }
    });
}

/// `id` with `-2` behind it, and short enough.
fn numbered(id: &str, number: u32) -> String {
    let end = format!("-{number}");
    let kept: String = id.chars().take(plan::JOB_ID_LIMIT - end.len()).collect();
    kept + &end
}

/// Counts findings by code: a warning that many jobs share is shown a few times and then summed up; errors pass.
#[derive(Debug, Default)]
struct Warnings {
    counts: HashMap<&'static str, (u32, Option<Box<Diagnostic>>)>,
    /// Whether every one is kept, also those that are summed up.
    keeps_all: bool,
    /// The file of the template whose job is checked: what is found there is counted by its place.
    template: Option<SourceId>,
}

impl Warnings {
    fn push(&mut self, warning: Diagnostic, found: &mut Diagnostics) {
        if warning.severity == Severity::Error || self.template == Some(warning.span.source) {
            return found.push(warning);
        }
        let (count, first_hidden) = self.counts.entry(warning.code).or_default();
        *count += 1;
        if *count <= WARNINGS_SHOWN {
            return found.push(warning);
        }
        if self.keeps_all {
            found.keep_summed_up(&warning);
        }
        if first_hidden.is_none() {
            *first_hidden = Some(Box::new(warning));
        }
    }

    /// Counts warnings that are like others, of which enough were shown.
    fn count(&mut self, code: &'static str, more: u32) {
        if let Some((count, _)) = self.counts.get_mut(code) {
            *count += more;
        }
    }

    /// One line for all that were not shown, at the first of them.
    fn summarise(self, diagnostics: &mut Diagnostics) {
        let mut hidden: Vec<_> = self
            .counts
            .into_values()
            .filter_map(|(count, first)| first.map(|first| (count - WARNINGS_SHOWN, first)))
            .collect();
        hidden.sort_by_key(|(_, first)| (first.span.source, first.span.bytes.start, first.code));
        for (count, mut first) in hidden {
            if count > 1 {
                first.message = format!(
                    "{} ({} more jobs have this warning)",
                    first.message,
                    count - 1
                );
            }
            diagnostics.push(*first);
        }
    }
}

#[cfg(test)]
mod tests;
