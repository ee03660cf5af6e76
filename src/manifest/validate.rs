//! The rules of a manifest: job trees in, jobs and diagnostics out. Start at [`Validator`].
//!
//! A job's tree is read field by field (`values`), laid over the defaults, and checked as a whole; every mistake of
//! a job is reported, and no mistake is reported because of another one. Knows no file format.

mod reading;
mod whole;

use std::collections::{HashMap, HashSet};

use self::reading::{Fields, Origin, Slot};
use self::whole::{Subject, Whole};
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::duplicates::{Duplicates, Earlier, IdOrigin};
use super::tree::{Node, Span, Value};
use super::values::{self, described};
use crate::plan::{Job, JobId, Model, VideoRequest};

/// How many places of one warning are shown; the others are counted.
const WARNINGS_SHOWN: u32 = 10;

/// Takes the jobs of a manifest one by one and keeps those without error.
#[derive(Debug)]
pub(super) struct Validator {
    defaults: Fields,
    columns: Vec<String>,
    column_numbers: HashMap<String, usize>,
    jobs: Vec<Job>,
    duplicates: Duplicates,
    warnings: Warnings,
    defaults_blamed: HashSet<&'static str>,
    any_job: bool,
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
            warnings: Warnings::default(),
            defaults_blamed: HashSet::new(),
            any_job: false,
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

    /// Checks one job.
    pub(super) fn job(&mut self, job: &Node, diagnostics: &mut Diagnostics) {
        self.any_job = true;
        let Value::Map(map) = &job.value else {
            diagnostics.push(not_a_job(job));
            return;
        };
        if let Some(references) = diagnostics.references() {
            references.job(map);
        }
        let mut found = Diagnostics::default();
        let subject = Subject::new(map, job);
        let fields = Fields::read(map, Origin::Job, &mut found);
        self.name_columns(&fields);
        self.warn_about_values(&fields, &mut found);
        self.check_together(&subject, &fields, &mut found);
        self.keep(&subject.at, fields, &mut found);
        diagnostics.append(found);
    }

    /// The jobs, and the names of the user's own columns in order of first appearance. `at` is where jobs should
    /// have been if there are none.
    pub(super) fn finish(
        self,
        at: &Span,
        diagnostics: &mut Diagnostics,
    ) -> (Vec<Job>, Vec<String>) {
        if !self.any_job {
            let message = "the manifest has no jobs";
            let help = "add at least one job with `model` and `prompt`";
            diagnostics.push(Diagnostic::error("no-jobs", at, message, help));
        }
        self.warnings.summarise(diagnostics);
        (self.jobs, self.columns)
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
        if whole.duration.is_unset() {
            let message = "`duration` is not set, so the provider chooses the length";
            let help = "set it to 5–15 seconds: the API page calls it \"conditionally required\" and does not say when";
            let warning = Diagnostic::warning("no-duration", &subject.at, message, help);
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
        if let Slot::Given(prompt) = &fields.prompt
            && let Some(character) = prompt
                .value
                .chars()
                .find(|c| c.is_control() && !c.is_whitespace())
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

    fn name_columns(&mut self, fields: &Fields) {
        for (name, _) in &fields.own {
            if !self.column_numbers.contains_key(name) {
                self.column_numbers.insert(name.clone(), self.columns.len());
                self.columns.push(name.clone());
            }
        }
    }

    /// Builds the job unless something is wrong with it; its id, written or made, counts for duplicates either way.
    fn keep(&mut self, at: &Span, fields: Fields, found: &mut Diagnostics) {
        let was_right = !found.has_errors();
        let written = fields.id.given().map(|id| id.value.clone());
        if let Some(id) = &written {
            self.note_id(id, IdOrigin::Written, at, found);
        }
        if !was_right || found.has_errors() {
            if written.is_none()
                && fields.id.is_unset()
                && let Ok(made) = fields.made_id(&self.defaults)
            {
                self.note_id(&made, IdOrigin::Made, at, found);
            }
            return;
        }
        let user_values = self.user_values(&fields);
        // What the defaults got wrong was reported with them.
        let Ok(request) = fields.into_request(&self.defaults) else {
            return;
        };
        let id = written.unwrap_or_else(|| {
            let made = JobId::from_content(&request);
            self.note_id(&made, IdOrigin::Made, at, found);
            made
        });
        if !found.has_errors() {
            self.warn_about_twin(&request, at, found);
            self.jobs.push(Job::new(id, request, user_values));
        }
    }

    fn note_id(&mut self, id: &JobId, origin: IdOrigin, at: &Span, found: &mut Diagnostics) {
        if let Some(earlier) = self.duplicates.id(id, origin, at) {
            found.push(taken(id, origin, at, &earlier));
        }
    }

    fn warn_about_twin(&mut self, request: &VideoRequest, at: &Span, found: &mut Diagnostics) {
        let Some(earlier) = self.duplicates.content(request.fingerprint()) else {
            return;
        };
        let message = "this job sends exactly the same as an earlier one, and is paid for as well";
        let help = "remove one of them, or give them different seeds if two videos are wanted";
        let twin = Diagnostic::warning("identical-content", at, message, help)
            .related(&earlier.span, "the earlier job");
        self.warnings.push(twin, found);
    }

    fn user_values(&self, fields: &Fields) -> Vec<Box<str>> {
        let mut row: Vec<Box<str>> = Vec::new();
        for (name, value) in self.defaults.own.iter().chain(&fields.own) {
            let number = self.column_numbers[name];
            if row.len() <= number {
                row.resize(number + 1, Box::default());
            }
            row[number].clone_from(value);
        }
        row
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

/// An id that an earlier job has, by who wrote which of the two.
fn taken(id: &JobId, origin: IdOrigin, at: &Span, earlier: &Earlier) -> Diagnostic {
    let (code, message, help, words) = match (origin, earlier.id) {
        (IdOrigin::Written, IdOrigin::Written) => (
            "duplicate-id",
            format!("the id `{id}` is used twice (capital and small letters count as equal)"),
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

/// Counts findings by code: a warning that many jobs share is shown a few times and then summed up; errors pass.
#[derive(Debug, Default)]
struct Warnings(HashMap<&'static str, (u32, Option<Box<Diagnostic>>)>);

impl Warnings {
    fn push(&mut self, warning: Diagnostic, found: &mut Diagnostics) {
        if warning.severity == Severity::Error {
            return found.push(warning);
        }
        let (count, first_hidden) = self.0.entry(warning.code).or_default();
        *count += 1;
        if *count <= WARNINGS_SHOWN {
            found.push(warning);
        } else if first_hidden.is_none() {
            *first_hidden = Some(Box::new(warning));
        }
    }

    /// One line for all that were not shown, at the first of them.
    fn summarise(self, diagnostics: &mut Diagnostics) {
        let mut hidden: Vec<_> = self
            .0
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
