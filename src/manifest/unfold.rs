//! A job as it is written → the jobs that it makes: templates filled in, combinations and variants made one by one.
//! Start at [`Unfolder`].
//!
//! What comes out are trees like those of jobs that are written out, whose places are those of the templates, so that
//! the rules need not know of templates. A job without anything to fill in goes to the rules as it is.

mod filling;
mod lookalikes;
mod pattern;
mod repeated;
mod words;

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;

use self::filling::{Filling, ROOM, Refused, Row, Tally};
pub(super) use self::pattern::JobTemplate;
use self::pattern::{Pattern, Used, braces_in, pattern};
use self::repeated::{Repeated, by_axes};
use self::words::unused_column;
use super::align;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{self, EXPANDING, is_filled_in};
use super::lint;
use super::matrix::{self, Combination, Matrix};
use super::table::{self, TableRow};
use super::template::Language;
use super::tree::{Key, Node, Span, Value};
use super::validate::{Context, Validator};
use super::values::wrong_type;
use super::vars::{Header, Vars, shadowed};
use crate::plan::Origin;

/// Most jobs that are made by matrices, variants and templates of one manifest.
const MADE_LIMIT: u128 = 1_000_000;

/// The elements of a list of jobs, counted before anything is made.
#[derive(Default)]
pub(super) struct Count {
    jobs: u128,
    too_many: Option<Span>,
}

impl Count {
    /// Whether the jobs of a manifest can be too many: each element makes no more than a tenth of what is allowed.
    pub(super) fn is_worthwhile(text: &str) -> bool {
        let words = ["matrix", "variants"].map(|word| text.matches(word).take(11).count());
        words.iter().sum::<usize>() > 10
    }

    /// Adds what an element makes. What is wrong with it is told when it is read to make jobs of it.
    pub(super) fn add(&mut self, element: &Node, setting: &Setting<'_>) {
        let Value::Map(map) = &element.value else {
            return;
        };
        let mut told = Diagnostics::default();
        let pair = |name: &str| map.iter().find(|(key, _)| key.name == name);
        let variants = pair("variants").map(|(key, node)| matrix::variants(key, node, &mut told));
        let Some(variants) = variants.unwrap_or(Some(NonZeroU32::MIN)) else {
            return;
        };
        let combinations = pair("matrix").map_or(1, |(key, node)| {
            let reading = matrix::Reading {
                text: setting.text,
                language: setting.language,
            };
            let matrix = Matrix::read(key, node, variants.get(), &reading, &mut told);
            matrix.map_or(0, |matrix| matrix.len())
        });
        if pair("matrix").is_none() && pair("variants").is_none() {
            return;
        }
        self.jobs += combinations as u128 * u128::from(variants.get());
        if self.jobs > MADE_LIMIT {
            self.too_many.get_or_insert_with(|| element.span.clone());
        }
    }

    /// How many jobs are made, and from where on they are too many; nothing if they are not.
    pub(super) fn too_many(self) -> Option<(u128, Span)> {
        let Self { jobs, too_many } = self;
        too_many.map(|at| (jobs, at))
    }
}

/// What all jobs of a manifest share.
pub(super) struct Setting<'m> {
    text: &'m str,
    language: &'m Language,
    vars: Vars,
    /// Whether there are any: then every job is a template.
    has_vars: bool,
    /// The defaults that mean the same for every job.
    defaults: Option<Cow<'m, Node>>,
    /// Those that a job with templates fills in for itself.
    templates: Vec<(Key, Node)>,
}

impl<'m> Setting<'m> {
    /// Reads `vars:` and sorts the defaults.
    pub(super) fn new(
        text: &'m str,
        language: &'m Language,
        vars: Option<&Node>,
        defaults: Option<&'m Node>,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut setting = Self {
            text,
            language,
            vars: vars.map_or_else(Vars::default, |vars| {
                Vars::read(vars, text, language, diagnostics)
            }),
            has_vars: vars.is_some(),
            defaults: defaults.map(Cow::Borrowed),
            templates: Vec::new(),
        };
        let is_template = |(key, node): &(Key, Node)| {
            // What is neither text nor a list of texts is a mistake wherever it stands.
            let is_fit = match &node.value {
                Value::List(_) => fields::is_list(&key.name),
                value => matches!(value, Value::Text(_)),
            };
            key.name != "id" && is_fit && is_filled_in(&key.name) && braces_in(node).is_some()
        };
        if let Some(Node {
            value: Value::Map(pairs),
            span,
        }) = defaults
            && pairs.iter().any(is_template)
        {
            let (templates, rest) = pairs.iter().cloned().partition(is_template);
            setting.templates = templates;
            setting.defaults = Some(Cow::Owned(Node {
                value: Value::Map(rest),
                span: span.clone(),
            }));
        }
        setting
    }

    /// The text of the manifest.
    pub(super) fn text(&self) -> &str {
        self.text
    }

    /// The defaults that mean the same for every job.
    pub(super) fn defaults(&self) -> Option<&Node> {
        self.defaults.as_deref()
    }
}

/// Where a job is written.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// Which element of the list of jobs.
    pub(super) element: u32,
    /// Where it stands.
    pub(super) at: Span,
    /// The byte of the file at which it begins.
    pub(super) start: usize,
    /// The row of a table.
    pub(super) row: Option<NonZeroU32>,
}

impl Site {
    /// The origin of a job that is written out here.
    pub(super) fn origin(&self) -> Origin {
        Origin {
            file: self.at.source.0,
            element: self.element,
            start: u32::try_from(self.start).unwrap_or(u32::MAX),
            row: self.row,
            expansion: None,
        }
    }
}

/// Makes jobs, and remembers what all of them together used.
pub(super) struct Unfolder<'s> {
    setting: &'s Setting<'s>,
    defaults: Vec<(&'s Key, Pattern<'s>)>,
    /// The text that the defaults add to a job without a field of this name.
    repeated: Vec<(String, Repeated)>,
    used: Used,
    by_default: Used,
    tally: Tally,
    made: u128,
    /// The first element that made too many.
    too_many: Option<Span>,
    /// Whether that is known before any is made.
    is_refused: bool,
}

impl<'s> Unfolder<'s> {
    /// For the jobs of a manifest; the order in which its own columns appear is told to `validator`.
    pub(super) fn new(
        setting: &'s Setting<'s>,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut used = Used::default();
        let mut ignored = Diagnostics::default();
        // Without anything to fill in, braces are text like any other.
        let found = if setting.has_vars {
            diagnostics
        } else {
            &mut ignored
        };
        let defaults = setting
            .templates
            .iter()
            .map(|(key, node)| {
                if key.name.starts_with(fields::USER_PREFIX) {
                    validator.name_column(&key.name);
                }
                let pattern = pattern(&key.name, node, setting, &mut used, found);
                (key, pattern.for_any_job())
            })
            .collect();
        let mut unfolder = Self {
            setting,
            defaults,
            repeated: Repeated::by_default(setting),
            by_default: used.clone(),
            used,
            tally: Tally::default(),
            made: 0,
            too_many: None,
            is_refused: false,
        };
        let written = setting.defaults.as_deref().map(|node| &node.value);
        if let Some(Value::Map(map)) = written {
            unfolder.warn_about_lookalikes(map, &|_| false, found);
        }
        unfolder.warn_about_lookalikes(&setting.templates, &|_| false, found);
        unfolder
    }

    /// The text of the manifest.
    pub(super) fn text(&self) -> &'s str {
        self.setting.text
    }

    /// Makes none of the jobs that templates make: all of them would be `count`, which is too many from `at` on.
    pub(super) fn refuse(&mut self, count: u128, at: Span) {
        self.made = count;
        self.too_many = Some(at);
        self.is_refused = true;
    }

    /// The jobs that one element of the list of jobs makes.
    pub(super) fn element(
        &mut self,
        node: &Node,
        site: &Site,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) {
        let Value::Map(map) = &node.value else {
            return validator.job(node, &Context::default(), diagnostics);
        };
        let is_expanded = map
            .iter()
            .any(|(key, _)| EXPANDING.contains(&key.name.as_str()));
        let has_nothing_to_fill_in = || self.defaults.is_empty() && braces_in(node).is_none();
        if !is_expanded && (!self.setting.has_vars || has_nothing_to_fill_in()) {
            self.warn_about_lookalikes(map, &|_| false, diagnostics);
            return self.written_out(node, site, validator, diagnostics);
        }
        let template = JobTemplate::read(map, &node.span, self.setting, diagnostics);
        template.warn_about_axes(self.setting, None, diagnostics);
        self.warn_about_lookalikes(map, &|name| template.has_axis(name), diagnostics);
        self.make(&template, None, site, validator, diagnostics);
        self.refuse_idle_axes(&template, diagnostics);
        self.used.add(&template.used);
    }

    /// Warns of names in braces that fill in nothing; `known` are those besides the variables.
    fn warn_about_lookalikes(
        &mut self,
        map: &[(Key, Node)],
        known: &dyn Fn(&str) -> bool,
        diagnostics: &mut Diagnostics,
    ) {
        let vars = &self.setting.vars;
        let known = |name: &str| vars.key(name).is_some() || known(name);
        for (key, node) in map.iter().filter(|(key, _)| is_filled_in(&key.name)) {
            let found = lookalikes_in(node, self.setting.text, &known);
            for (at, written, name) in found {
                // Whatever is wrong with it, it was meant.
                self.used.names.insert(name.to_owned());
                diagnostics.push(lint::other_braces(&key.name, written, name, &at));
            }
        }
    }

    /// The job of a row without a template.
    pub(super) fn row(
        &mut self,
        row: &TableRow<'_>,
        site: &Site,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) {
        if !self.setting.has_vars || self.defaults.is_empty() {
            return self.written_out(&row.job, site, validator, diagnostics);
        }
        // Only the defaults are templates, and they may name the fields of the row.
        let template = JobTemplate::empty(&site.at);
        let seen = Row::of_fields(row);
        self.make(&template, Some(&seen), site, validator, diagnostics);
    }

    /// The jobs that a row makes with a template.
    pub(super) fn row_with(
        &mut self,
        template: &JobTemplate<'_>,
        row: &TableRow<'_>,
        header: &Arc<Header>,
        site: &Site,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) {
        let seen = Row::of_cells(row, header);
        self.make(template, Some(&seen), site, validator, diagnostics);
    }

    /// A job with nothing to fill in.
    fn written_out(
        &mut self,
        job: &Node,
        site: &Site,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) {
        if let Value::Map(map) = &job.value {
            let repeated =
                self.repeated_by_default(|name| map.iter().any(|(key, _)| key.name == name));
            if self.tally.count_repeated(&repeated, 1).is_err() {
                return validator.pass_over();
            }
        }
        let context = Context {
            origin: site.origin(),
            ..Context::default()
        };
        let missing = |map: &[(Key, Node)]| -> Vec<(Key, Node)> {
            let defaults = self.setting.templates.iter();
            defaults
                .filter(|(key, _)| !map.iter().any(|(own, _)| own.name == key.name))
                .cloned()
                .collect()
        };
        match &job.value {
            Value::Map(map) if !self.setting.templates.is_empty() => {
                let mut fields = map.clone();
                fields.extend(missing(map));
                let job = Node {
                    value: Value::Map(fields),
                    span: job.span.clone(),
                };
                validator.job(&job, &context, diagnostics);
            }
            _ => validator.job(job, &context, diagnostics),
        }
    }

    /// All jobs of a template, for a row if there is one.
    fn make(
        &mut self,
        template: &JobTemplate<'_>,
        row: Option<&Row<'_>>,
        site: &Site,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) {
        if template.is_refused {
            return validator.pass_over();
        }
        if self.is_refused && template.is_expanded() {
            return validator.pass_over();
        }
        if template.is_expanded() || row.is_some() {
            let combinations = template.matrix.as_ref().map_or(1, Matrix::len) as u128;
            let variants = u128::from(template.variants.map_or(1, NonZeroU32::get));
            self.made = self.made.saturating_add(combinations * variants);
            if self.made > MADE_LIMIT {
                self.too_many.get_or_insert_with(|| site.at.clone());
                return validator.pass_over();
            }
        }
        if self.count_repeated(template, row).is_err() {
            return validator.pass_over();
        }
        let tally = &mut self.tally;
        let mut one = |combination: Option<&Combination<'_>>| {
            let last = template.variants.map_or(1, NonZeroU32::get);
            for number in 1..=last {
                let variant = template.variants.and_then(|_| NonZeroU32::new(number));
                let filling = Filling::new(self.setting, row, combination, variant, tally);
                filling.job(
                    template,
                    &self.defaults,
                    site,
                    tally,
                    validator,
                    diagnostics,
                );
            }
        };
        match &template.matrix {
            Some(matrix) => matrix.combinations().for_each(|it| one(Some(&it))),
            None => one(None),
        }
    }

    /// The text that the defaults add to a job; `is_set` says which fields it has itself.
    fn repeated_by_default(&self, is_set: impl Fn(&str) -> bool) -> Repeated {
        let mut repeated = Repeated::default();
        for (_, by_default) in self.repeated.iter().filter(|(name, _)| !is_set(name)) {
            repeated.add(by_default);
        }
        repeated
    }

    /// Counts the text that the jobs of a template have in common, before any is made.
    fn count_repeated(
        &mut self,
        template: &JobTemplate<'_>,
        row: Option<&Row<'_>>,
    ) -> Result<(), Refused> {
        let cells = row.map_or(&[][..], Row::fields);
        let is_set = |name: &str| {
            let mut own = template.fields.iter().map(|(key, _)| &key.name);
            let mut cells = cells.iter().map(|(key, _)| &key.name);
            template.has_axis(name) || own.any(|own| own == name) || cells.any(|own| own == name)
        };
        let mut each = self.repeated_by_default(is_set);
        each.add(&Repeated::by_template(template, row));
        let variants = template.variants.unwrap_or(NonZeroU32::MIN);
        let jobs = u64::from(variants.get());
        let Some(matrix) = &template.matrix else {
            return self.tally.count_repeated(&each, jobs);
        };
        let little = (ROOM as u64).saturating_sub(each.text);
        let by_axes = by_axes(matrix, variants, little);
        if by_axes.is_empty() {
            return self.tally.count_repeated(&each, jobs * matrix.len() as u64);
        }
        by_axes.iter().try_for_each(|axes| {
            let mut each = each.clone();
            each.add(axes);
            self.tally.count_repeated(&each, jobs)
        })
    }

    /// What is to be said when all jobs are made.
    pub(super) fn finish(mut self, diagnostics: &mut Diagnostics) {
        if let Some(at) = &self.too_many {
            let message = format!(
                "the matrices, variants and templates of this manifest make {} jobs; at most {MADE_LIMIT} are made",
                self.made
            );
            let help = "leave out axes or values, or part it into several manifests: every job is a video that is paid for";
            diagnostics.push(Diagnostic::error("too-many-jobs", at, message, help));
        }
        self.tally
            .too_much_text()
            .for_each(|found| diagnostics.push(found));
        if let Some(at) = self.tally.spent_at() {
            let message = "filling in all templates of this manifest takes too long; from here on nothing was filled in";
            let help = "make the loops in the templates shorter";
            diagnostics.push(Diagnostic::error("template-limit", at, message, help));
        }
        let defaults = std::mem::take(&mut self.defaults);
        self.used.is_unsure |= self.tally.has_failures();
        self.used.is_unsure |= defaults
            .iter()
            .any(|(_, pattern)| matches!(pattern, Pattern::Refused));
        if self.used.is_unsure {
            return;
        }
        let mut names: Vec<&str> = self.used.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let vars = self.setting.vars.keys().iter();
        for key in vars.filter(|key| !self.used.names.contains(&key.name)) {
            let unknown: Vec<&str> = names
                .iter()
                .copied()
                .filter(|it| self.setting.vars.key(it).is_none())
                .collect();
            diagnostics.push(lint::unused_var(key, &unknown));
        }
    }

    /// Reads the template of a table.
    pub(super) fn template<'t>(
        &self,
        node: &'t Node,
        diagnostics: &mut Diagnostics,
    ) -> Option<JobTemplate<'t>>
    where
        's: 't,
    {
        let Value::Map(map) = &node.value else {
            let help = "write the fields of a job: `template: { id: \"{{ sku }}\", prompt: \"{{ product }} on a table\" }`";
            diagnostics.push(wrong_type("template", node, "a map of fields", help));
            return None;
        };
        Some(JobTemplate::read(
            map,
            &node.span,
            self.setting,
            diagnostics,
        ))
    }

    /// What is to be said about the columns of a table with a template, which is `node`, before its rows.
    pub(super) fn header(
        &mut self,
        (template, node): (&JobTemplate<'_>, &Node),
        columns: &[table::Header],
        diagnostics: &mut Diagnostics,
    ) -> Arc<Header> {
        let mut header = Header::default();
        for (index, column) in columns.iter().enumerate() {
            let name = column.name.clone();
            if let Some(var) = self.setting.vars.key(&name) {
                diagnostics.push(shadowed(&name, "column", &column.span, var));
            }
            // Two columns of one field, and two variables of one name, are reported with the header.
            if let Some(earlier) = header.add(index, name.clone(), column.written.clone())
                && !column.is_field
                && !(column.is_variable() && columns[earlier].is_variable())
                && !name.is_empty()
            {
                let message = format!("two columns are both `{name}` to a template");
                let help = "give one of them another name";
                diagnostics.push(
                    Diagnostic::error("duplicate-column", &column.span, message, help)
                        .related(&columns[earlier].span, "the first one"),
                );
            }
        }
        template.warn_about_axes(self.setting, Some(&header), diagnostics);
        if let Value::Map(map) = &node.value {
            let known = |name: &str| template.has_axis(name) || header.column(name).is_some();
            self.warn_about_lookalikes(map, &known, diagnostics);
        }
        Arc::new(header)
    }

    /// What is to be said about them after the rows.
    pub(super) fn columns(
        &mut self,
        template: &JobTemplate<'_>,
        columns: &[table::Header],
        diagnostics: &mut Diagnostics,
    ) {
        let is_used = |column: &table::Header| {
            let name = &column.name;
            let by_default = self.used.names.contains(name) || self.used.names.contains("row");
            by_default || template.uses(name, &column.written)
        };
        if !template.used.is_unsure && !self.used.is_unsure && !self.tally.has_failures() {
            let unused = |column: &&table::Header| column.is_variable() && !is_used(column);
            for column in columns.iter().filter(unused) {
                diagnostics.push(unused_column(column));
            }
        }
        self.refuse_idle_axes(template, diagnostics);
        self.used.add(&template.used);
    }

    /// Unless a name that could not be found may be what is meant.
    fn refuse_idle_axes(&self, template: &JobTemplate<'_>, diagnostics: &mut Diagnostics) {
        if !template.used.is_unsure && !self.by_default.is_unsure {
            let is_sure = !self.tally.has_failures();
            template.refuse_idle_axes(&self.by_default, is_sure, diagnostics);
            let is_idle = |found: &Diagnostic| found.code == "idle-axis";
            if diagnostics.iter().any(is_idle) {
                // Which is why its jobs are alike.
                diagnostics.forget(Some(&template.span), &["identical-content"]);
            }
        }
    }
}

/// Names in wrong braces in the texts of a value: where, as they are written there, and the name.
fn lookalikes_in<'n>(
    node: &'n Node,
    text: &str,
    known: &dyn Fn(&str) -> bool,
) -> Vec<(Span, &'n str, &'n str)> {
    match &node.value {
        Value::Text(value) => lookalikes::find(value, known)
            .into_iter()
            .map(|(part, name)| {
                let at = align::place(text, &node.span, value, &part);
                (at, &value[part], name)
            })
            .collect(),
        Value::List(elements) => elements
            .iter()
            .flat_map(|it| lookalikes_in(it, text, known))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
