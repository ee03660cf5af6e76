//! Brings the readers, the settings and the rules together. Start at [`load`].

use std::collections::HashSet;
use std::io::{self, Read};
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use super::Loaded;
use super::diagnostic::{Diagnostic, Diagnostics, Doubt, Severity};
use super::duplicates::Twins;
use super::encoding::UNREADABLE;
use super::fields::{EXPANDING, JOB_FIELDS, nearest};
use super::own_files;
use super::pricing;
use super::sections::Sections;
use super::sources::Sources;
use super::table::{
    self, Layout, OpenTable, OtherColumns, PlainRow, TableFile, TableOptions, TableRow, Takers,
};
use super::template::Language;
use super::tree::{Key, Node, SourceId, Span, Value};
use super::unfold::{Count, Setting, Site, Unfolder};
use super::validate::{NEEDED, TableHead, Totals, Validator};
use super::values::{described, shown};
use super::yaml::{self, Document, Jobs, Patched, Stop};
use crate::money::Pricing;
use crate::plan::{Model, Plan};

/// How files are read: the manifest module itself touches none.
type ReadFile<'r> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'r;

/// How files are read that need not be in memory as a whole.
type OpenFile<'r> = dyn Fn(&Path) -> io::Result<Box<dyn Read>> + 'r;

/// Most tables that one manifest may name.
const TABLES_LIMIT: usize = 1000;

/// Bytes of text of its tables, after which no other is read.
const TEXT_LIMIT: usize = 1 << 30;

/// What somebody said about how a manifest is to be read.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// How its tables are written; wins over what the manifest says.
    pub tables: TableOptions,
    /// Whether it may name files outside its folder.
    pub outside: Outside,
    /// Whether every mistake is kept, also where a million rows have one: they are written into a file.
    pub keeps_all_mistakes: bool,
    /// Whether it is kept which files the jobs refer to.
    pub keeps_references: bool,
    /// What [`load_in_windows`] keeps of jobs without mistakes.
    pub keeping: Keeping,
    /// Whether under `max_spend` a job without a price is an error. A run knows better which of them it would submit,
    /// and refuses those.
    pub insists_on_prices: bool,
    /// Asks the file system for the table beside one that is not there which was surely meant: it is checked in its
    /// place.
    pub meant_table: Option<fn(&Path) -> Option<String>>,
}

/// What is kept of jobs without mistakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keeping {
    /// All of them.
    #[default]
    Jobs,
    /// All of them, and at which lines they are written.
    JobsAndLines,
    /// Only what they come to.
    Totals,
}

/// Whether a manifest may name files outside its folder.
#[derive(Debug, Clone, Copy, Default)]
pub enum Outside {
    /// They are refused, as far as their names tell: a manifest may come from somebody else.
    #[default]
    RefusedByName,
    /// The same, and `leaves` says whether the file of the second path is really outside the folder of the first, as a
    /// symbolic link can be.
    Refused {
        /// Asks the file system.
        leaves: fn(&Path, &Path) -> bool,
    },
    /// They are read.
    Allowed,
}

/// Reads the manifest at `path` as [`load_with`] does, with nothing said about it.
pub fn load(path: &Path, read: &ReadFile<'_>) -> Loaded {
    load_with(path, &LoadOptions::default(), read)
}

/// Reads the manifest at `path` (YAML, or a bare table) and the tables that it names, and checks everything.
/// An unreadable file is a diagnostic too.
pub fn load_with(path: &Path, options: &LoadOptions, read: &ReadFile<'_>) -> Loaded {
    let (loading, source) = Loading::new(path, options, read);
    loaded(loading, source)
}

/// The same for somebody who shows no place but those of what was found: then no table is held as a whole, but looked at
/// a window at a time.
pub fn load_in_windows(
    path: &Path,
    options: &LoadOptions,
    read: &ReadFile<'_>,
    open: &OpenFile<'_>,
) -> Loaded {
    glances(path, options, read, open).unwrap_or_else(|| load_with(path, options, read))
}

/// The manifest at `path` after as many glances as it needs; none if only a reading of the whole will do.
fn glances(
    path: &Path,
    options: &LoadOptions,
    read: &ReadFile<'_>,
    open: &OpenFile<'_>,
) -> Option<Loaded> {
    let mut options = options.clone();
    let mut known = Twins::default();
    loop {
        match glance(path, &options, known, read, open) {
            Ok(loaded) => return Some(loaded),
            Err(Doubt::Twins(twins)) => known = *twins,
            Err(Doubt::Jobs) => {
                options.keeping = Keeping::Jobs;
                known = Twins::default();
            }
            Err(Doubt::Whole) => return None,
        }
    }
}

/// The manifest at `path`, of which several jobs may have what is `known`, unless a glance at it is not enough.
fn glance(
    path: &Path,
    options: &LoadOptions,
    known: Twins,
    read: &ReadFile<'_>,
    open: &OpenFile<'_>,
) -> Result<Loaded, Doubt> {
    let (mut loading, source) = Loading::new(path, options, read);
    loading.files.open_file = Some(open);
    loading.diagnostics.glance(Rc::new(known));
    let mut loaded = loaded(loading, source);
    loaded.diagnostics.take_doubt().map_or(Ok(loaded), Err)
}

fn loaded(mut loading: Loading<'_>, source: SourceId) -> Loaded {
    let Files {
        path,
        options,
        read,
        ..
    } = loading.files;
    let mut sections = Sections::default();
    let mut plan = loading.manifest(source, &mut sections);
    if let Some((patched, text)) = loading.patched(source) {
        // What is known so far ends where the text could not be read.
        (loading, _) = Loading::new(path, options, read);
        sections = Sections::default();
        plan = None;
        loading.patched_manifest(patched, text, source, &mut sections);
    }
    loading.files.close_tables();
    let mut diagnostics = loading.diagnostics;
    if !loading.files.names_table {
        diagnostics.append(idle_options(options, source));
    }
    if diagnostics
        .iter()
        .any(|found| found.code == "unknown-anchor")
    {
        // What it would have repeated is not missing.
        diagnostics.forget(None, &["missing-model", "missing-prompt", "no-duration"]);
    }
    if diagnostics.iter().any(means_jobs) {
        diagnostics.forget(None, &["no-jobs"]);
    }
    let line = |found: &Diagnostic| loading.files.sources.place(&found.span).line;
    let is = |code: &'static str| move |found: &&Diagnostic| found.code == code;
    let broken: Vec<usize> = diagnostics
        .iter()
        .filter(is("yaml-syntax"))
        .map(line)
        .collect();
    let is_same_line = |found: &Diagnostic| broken.contains(&line(found));
    if diagnostics.iter().filter(is("yaml-key")).all(is_same_line) {
        // Braces without quotes, which are no map either.
        diagnostics.forget(None, &["yaml-key"]);
    }
    diagnostics.tell_repeats();
    // Where characters could not be read, that they are lost is no second mistake.
    let is_torn = |found: &&Diagnostic| found.code == UNREADABLE;
    let torn: HashSet<_> = diagnostics
        .iter()
        .filter(is_torn)
        .map(|it| it.span.source)
        .collect();
    if !torn.is_empty() {
        diagnostics
            .retain(|found| found.code != "garbled-text" || !torn.contains(&found.span.source));
    }
    if let (Some(plan), Some(template), Some(at)) = (
        &plan,
        &sections.settings.output.file_name,
        &sections.named_at,
    ) {
        super::output::check_names(plan, template, at, &mut diagnostics);
    }
    let is_about_jobs = sections.pricing.is_some() || sections.named_at.is_some();
    if options.keeping == Keeping::Totals && is_about_jobs {
        diagnostics.doubt(Doubt::Jobs);
    }
    diagnostics.sort();
    let allowed = sections.allow.apply(&mut diagnostics);
    if !diagnostics.is_doubtful() {
        loading.files.show_places(&mut diagnostics);
    }
    loading.files.sources.hide(diagnostics.take_secrets());
    Loaded {
        plan: plan.filter(|_| !diagnostics.has_errors()),
        settings: sections.settings,
        references: diagnostics.take_references(),
        diagnostics,
        totals: loading.totals,
        sources: loading.files.sources,
        allow: sections.allow,
        allowed,
        detected: loading.files.detected,
    }
}

/// How the names of tables end: text, and workbooks.
pub(super) const TABLE_EXTENSIONS: [&[&str]; 2] = [&["csv", "tsv", "txt"], &["xlsx", "xlsm"]];

/// What a file is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Yaml,
    Table(TableKind),
}

/// What a table is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableKind {
    Text,
    Workbook,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        let [text, workbook] = TABLE_EXTENSIONS;
        match extension.as_str() {
            "yaml" | "yml" | "json" => Some(Self::Yaml),
            table if text.contains(&table) => Some(Self::Table(TableKind::Text)),
            table if workbook.contains(&table) => Some(Self::Table(TableKind::Workbook)),
            _ => None,
        }
    }
}

/// A manifest while it is read.
struct Loading<'r> {
    files: Files<'r>,
    diagnostics: Diagnostics,
    /// The models that the jobs have, each where it is met first.
    models: Vec<(Model, Span)>,
    /// What they come to.
    totals: Totals,
}

/// The files of a manifest.
struct Files<'r> {
    path: &'r Path,
    read: &'r ReadFile<'r>,
    /// Opens a table at which somebody only glances.
    open_file: Option<&'r OpenFile<'r>>,
    /// The table of which no more than a window is held.
    windowed: Option<(SourceId, PathBuf)>,
    options: &'r LoadOptions,
    sources: Sources,
    detected: Vec<String>,
    /// How many tables were named.
    tables: usize,
    /// Those that were opened, each once.
    opened: Vec<Opened>,
    /// The file that was read last, with its bytes, if it may be wanted again.
    latest: Option<(PathBuf, Vec<u8>)>,
    /// Whether one was meant to be, by its name or not.
    names_table: bool,
}

/// What is known about `jobs:` when the reading of the document ends.
enum Found {
    /// The key was not there, or not reached.
    Nothing,
    /// A list whose jobs are checked already.
    Checked(Box<Checked>),
    /// A list that waits for what comes after it.
    Waiting,
    /// Anything but a list that is written here.
    Tree(Key, Node),
}

/// The jobs of a list that went through the rules.
struct Checked {
    validator: Validator,
    at: Span,
    /// Whether every element was checked, and not only some before a mistake in the YAML itself.
    is_whole: bool,
    any: bool,
}

impl<'r> Loading<'r> {
    /// Where nothing is read yet, and the number of the manifest's text.
    fn new(path: &'r Path, options: &'r LoadOptions, read: &'r ReadFile<'r>) -> (Self, SourceId) {
        let mut diagnostics = Diagnostics::default();
        if options.keeps_all_mistakes {
            diagnostics.keep_all();
        }
        if options.keeps_references {
            diagnostics.keep_references();
        }
        let mut files = Files {
            path,
            read,
            open_file: None,
            windowed: None,
            options,
            sources: Sources::default(),
            detected: Vec::new(),
            tables: 0,
            opened: Vec::new(),
            latest: None,
            names_table: false,
        };
        let source = files.sources.open(&path.to_string_lossy());
        let loading = Self {
            files,
            diagnostics,
            models: Vec::new(),
            totals: Totals::default(),
        };
        (loading, source)
    }

    fn manifest(&mut self, source: SourceId, sections: &mut Sections) -> Option<Plan> {
        let path = self.files.path;
        match Format::of(path) {
            Some(Format::Yaml) => self.yaml(source, sections),
            Some(Format::Table(kind)) => self.bare_table(source, kind),
            None => {
                let at = span(source, 0..0);
                self.diagnostics.push(match (self.files.read)(path) {
                    Err(error) if !is_address(path) => unreadable(path, &error, &at),
                    Ok(bytes) if let Some(found) = own_files::refusal(path, &bytes, &at) => found,
                    _ => unknown_format(path, source),
                });
                None
            }
        }
    }

    /// The manifest with other texts in the place of those that keep it from being read, and as it is.
    fn patched(&mut self, source: SourceId) -> Option<(Patched, String)> {
        let is_broken = |it: &Diagnostic| it.code == "yaml-syntax" && it.span.source == source;
        if !self.diagnostics.iter().any(is_broken) {
            return None;
        }
        // What is known of a text with others in its place is not found at a glance.
        self.diagnostics.doubt(Doubt::Whole);
        if self.diagnostics.is_doubtful() {
            return None;
        }
        let text = self.files.sources.take(source);
        let patched = yaml::patched(&text, source);
        if let Some(patched) = patched {
            return Some((patched, text));
        }
        self.files.sources.fill(source, text);
        None
    }

    /// Reads on in a manifest that was patched; `text` is what it says itself.
    fn patched_manifest(
        &mut self,
        patched: Patched,
        text: String,
        source: SourceId,
        sections: &mut Sections,
    ) {
        self.priced(&patched.text, source, sections);
        self.files.sources.fill(source, text);
        patched.finish(source, &mut self.diagnostics);
    }
}

impl Loading<'_> {
    fn bare_table(&mut self, source: SourceId, kind: TableKind) -> Option<Plan> {
        self.files.names_table = true;
        if !self.files.glances_at(kind) {
            let bytes = self.bytes_of_manifest(source)?;
            if let Some(found) = own_files::refusal(self.files.path, &bytes, &span(source, 0..0)) {
                self.diagnostics.push(found);
                return None;
            }
            self.files.latest = Some((self.files.path.to_owned(), bytes));
        }
        let language = Language::new();
        let diagnostics = &mut self.diagnostics;
        let setting = Setting::new("", &language, None, None, diagnostics);
        let mut validator = Validator::new(None, diagnostics);
        validator.drop_jobs(self.files.options.keeping == Keeping::Totals);
        let mut unfolder = Unfolder::new(&setting, &mut validator, diagnostics);
        let path = self.files.path.to_owned();
        let is_read = self.files.table(
            &NamedTable {
                file: NamedFile {
                    path,
                    kind,
                    options: self.files.options.tables.clone(),
                },
                source: Some(source),
                element: 0,
                template: None,
                at: span(source, 0..0),
            },
            &mut unfolder,
            &mut validator,
            diagnostics,
        );
        is_read.then(|| self.finish(validator, &span(source, 0..0)))
    }

    fn finish(&mut self, validator: Validator, at: &Span) -> Plan {
        self.models = validator.models().to_vec();
        self.totals = validator.totals();
        let (jobs, columns) = validator.finish(at, &mut self.diagnostics);
        Plan::new(jobs, columns)
    }

    fn yaml(&mut self, source: SourceId, sections: &mut Sections) -> Option<Plan> {
        let bytes = self.bytes_of_manifest(source)?;
        let decoded = yaml::decode(bytes, source, &mut self.diagnostics);
        if decoded.note != "UTF-8" {
            let name = self.files.sources.name(source);
            self.files
                .detected
                .push(format!("{name}: {}", decoded.note));
        }
        let plan = if self.diagnostics.has_errors() {
            None
        } else {
            self.priced(&decoded.text, source, sections)
        };
        self.files.sources.fill(source, decoded.text);
        plan
    }

    /// The plan with its price list, wherever that is written.
    fn priced(&mut self, text: &str, source: SourceId, sections: &mut Sections) -> Option<Plan> {
        let plan = self.document(text, source, sections);
        let diagnostics = &mut self.diagnostics;
        let pricing = match &sections.pricing {
            Some((key, node)) => match &node.value {
                Value::Text(name) => self.files.price_list(name, &node.span, diagnostics),
                _ => pricing::section(key, node, diagnostics),
            },
            None => None,
        };
        if let Some(at) = &sections.max_spend_at
            && sections.is_whole
            && states_nothing(sections.pricing.as_ref())
        {
            diagnostics.push(pricing::nothing_to_count(at));
        }
        let insists = self.files.options.insists_on_prices;
        let cap = sections.max_spend_at.as_ref().filter(|_| insists);
        if let (Some(cap), Some(section)) = (cap, &sections.pricing)
            && (plan.is_none() || diagnostics.has_errors())
            && let Some(found) =
                pricing::unpriced_models(&self.models, section, pricing.as_ref(), cap)
        {
            diagnostics.push(found);
        }
        let plan = plan?.with_pricing(pricing);
        if let Some((key, _)) = &sections.pricing
            && !diagnostics.has_errors()
            && let Some(found) = pricing::unpriced(&plan, &key.span, cap)
        {
            diagnostics.push(found);
        }
        Some(plan)
    }

    fn document(&mut self, text: &str, source: SourceId, sections: &mut Sections) -> Option<Plan> {
        let language = Language::new();
        let mut found = Found::Nothing;
        let read = self.read_document(text, source, &language, sections, &mut found);
        sections.is_whole = read.is_ok();
        let mut recovered = None;
        if let (Found::Waiting, Err(_)) = (&found, &read) {
            if is_named_later(text, "\nvars:", sections.vars.as_ref()) {
                // What the templates could name is not known.
                return None;
            }
            if sections.defaults.is_none() {
                recovered = recovered_defaults(text, source);
                recovered.as_ref()?;
            }
        }
        if let Found::Checked(checked) = found {
            return self.finish_list(*checked);
        }
        let defaults = sections.defaults.as_ref().or(recovered.as_ref());
        let vars = sections.vars.as_ref();
        let setting = Setting::new(text, &language, vars, defaults, &mut self.diagnostics);
        match found {
            Found::Waiting => self.waiting_jobs(text, source, &setting),
            Found::Tree(key, node) => self.jobs_tree(&key, &node, &setting),
            _ => {
                if read.is_ok() {
                    self.diagnostics.push(no_jobs_key(source));
                }
                None
            }
        }
    }

    /// Reads the document once. A list of jobs is checked on the way, unless defaults or variables may come after it.
    fn read_document(
        &mut self,
        text: &str,
        source: SourceId,
        language: &Language,
        sections: &mut Sections,
        found: &mut Found,
    ) -> Result<(), Stop> {
        let diagnostics = &mut self.diagnostics;
        let mut document = Document::open(text, source, 0, diagnostics)?;
        while let Some(key) = document.next_key(diagnostics)? {
            if key.name != "jobs" {
                let mut value = document.value_of(&key, diagnostics)?;
                if let Some(money) = money_in(&key, &mut value) {
                    pricing::as_written(money, text);
                }
                sections.take(&key, value, diagnostics);
                continue;
            }
            let after = &text[key.span.bytes.end..];
            let waits = is_named_later(after, "defaults", sections.defaults.as_ref())
                || is_named_later(after, "vars", sections.vars.as_ref());
            match document.jobs(&key, diagnostics)? {
                Jobs::Tree(node) => *found = Found::Tree(key, node),
                Jobs::List(_) if waits => {
                    *found = Found::Waiting;
                    while document.next_job(diagnostics)?.is_some() {}
                }
                Jobs::List(at) => {
                    let vars = sections.vars.as_ref();
                    let defaults = sections.defaults.as_ref();
                    let setting = Setting::new(text, language, vars, defaults, diagnostics);
                    let mut checked = Checked::new(&setting, at, self.files.options, diagnostics);
                    let read =
                        checked.read(&mut document, &setting, &mut self.files, diagnostics, None);
                    *found = Found::Checked(Box::new(checked));
                    read?;
                }
            }
        }
        Ok(())
    }

    /// Reads the document again, now that everything is known; what is wrong with its YAML is reported already.
    fn waiting_jobs(
        &mut self,
        text: &str,
        source: SourceId,
        setting: &Setting<'_>,
    ) -> Option<Plan> {
        let mut known = Diagnostics::default();
        let mut document = Document::open(text, source, 0, &mut known).ok()?;
        while let Ok(Some(key)) = document.next_key(&mut known) {
            if key.name != "jobs" {
                document.value_of(&key, &mut known).ok()?;
                continue;
            }
            let Ok(Jobs::List(at)) = document.jobs(&key, &mut known) else {
                return None;
            };
            let diagnostics = &mut self.diagnostics;
            let mut checked = Checked::new(setting, at, self.files.options, diagnostics);
            let known = Some(&mut known);
            // Stops where the first reading stopped, and said why.
            let _ = checked.read(&mut document, setting, &mut self.files, diagnostics, known);
            return self.finish_list(checked);
        }
        None
    }

    fn finish_list(&mut self, checked: Checked) -> Option<Plan> {
        (checked.is_whole || checked.any).then(|| self.finish(checked.validator, &checked.at))
    }

    /// `jobs:` with anything but a list below it.
    fn jobs_tree(&mut self, key: &Key, node: &Node, setting: &Setting<'_>) -> Option<Plan> {
        let diagnostics = &mut self.diagnostics;
        let at = match &node.value {
            Value::Map(pairs) => pairs
                .iter()
                .find(|(key, _)| key.name == "from")
                .map_or(&key.span, |(_, from)| &from.span),
            _ => &key.span,
        };
        let mut checked = Checked::new(setting, at.clone(), self.files.options, diagnostics);
        let mut unfolder = Unfolder::new(setting, &mut checked.validator, diagnostics);
        match &node.value {
            Value::List(jobs) => {
                let mut count = Count::default();
                if Count::is_worthwhile(setting.text()) {
                    for job in jobs {
                        count.add(job, setting);
                    }
                }
                if let Some((count, at)) = count.too_many() {
                    unfolder.refuse(count, at);
                }
                for (element, job) in (0..).zip(jobs) {
                    checked.element(job, element, &mut unfolder, &mut self.files, diagnostics);
                }
                checked.is_whole = true;
            }
            Value::Null => checked.is_whole = true,
            Value::Map(pairs) => {
                self.files.names_table = true;
                let reference = TableReference::read(key, pairs, diagnostics)?;
                checked.is_whole =
                    checked.table(&reference, 0, &mut unfolder, &mut self.files, diagnostics);
            }
            other => {
                self.diagnostics.push(Diagnostic::error(
                    "wrong-type",
                    &node.span,
                    format!("`jobs` must be a list of jobs, not {}", described(other)),
                    FORMS_OF_JOBS,
                ));
                return None;
            }
        }
        if checked.is_whole {
            unfolder.finish(diagnostics);
        }
        self.finish_list(checked)
    }

    fn bytes_of_manifest(&mut self, source: SourceId) -> Option<Vec<u8>> {
        let path = self.files.path;
        (self.files.read)(path)
            .map_err(|error| {
                let at = span(source, 0..0);
                self.diagnostics.push(unreadable(path, &error, &at));
            })
            .ok()
    }
}

/// `from:` with what belongs to it.
struct TableReference<'n> {
    from: &'n Node,
    template: Option<&'n Node>,
    /// How it is written, as far as the manifest says.
    options: TableOptions,
}

/// What a table is named with, beside [`TableOptions::KEYS`].
pub(super) const TABLE_KEYS: [&str; 2] = ["from", "template"];

impl<'n> TableReference<'n> {
    /// Whether an element of the list of jobs names a table.
    fn is_one(pairs: &[(Key, Node)]) -> bool {
        pairs.iter().any(|(key, _)| key.name == "from")
    }

    fn read(owner: &Key, pairs: &'n [(Key, Node)], diagnostics: &mut Diagnostics) -> Option<Self> {
        let mut options = TableOptions::default();
        let others = pairs
            .iter()
            .filter(|(key, _)| !TABLE_KEYS.contains(&key.name.as_str()));
        for (key, node) in others {
            if !options.take(key, node, diagnostics) {
                diagnostics.push(unknown_beside_from(key));
            }
        }
        let value = |name: &str| {
            let found = pairs.iter().find(|(key, _)| key.name == name);
            found.map(|(_, node)| node)
        };
        let Some(from) = value("from") else {
            // A stranger in its place was reported.
            let is_known = |(key, _): &(Key, Node)| {
                let name = key.name.as_str();
                TABLE_KEYS.contains(&name) || TableOptions::KEYS.contains(&name)
            };
            if pairs.iter().all(is_known) {
                let message = "`jobs` is a map without `from`";
                diagnostics.push(Diagnostic::error(
                    "no-jobs",
                    &owner.span,
                    message,
                    FORMS_OF_JOBS,
                ));
            }
            return None;
        };
        if !matches!(&from.value, Value::Text(name) if !name.trim().is_empty()) {
            let message = format!(
                "`from` must be the name of a table, not {}",
                described(&from.value)
            );
            let help = "write it like `jobs: { from: shots.csv }`";
            diagnostics.push(Diagnostic::error("wrong-type", &from.span, message, help));
            return None;
        }
        Some(Self {
            from,
            template: value("template"),
            options,
        })
    }
}

/// A table that is named, and what is made of it.
struct NamedTable<'n> {
    file: NamedFile,
    /// The number of its text, if it is the manifest itself.
    source: Option<SourceId>,
    element: u32,
    template: Option<&'n Node>,
    /// Where it is named.
    at: Span,
}

/// A file that is a table, and how it is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedFile {
    path: PathBuf,
    kind: TableKind,
    options: TableOptions,
}

/// A table that was opened, however often it is named.
struct Opened {
    file: NamedFile,
    others: OtherColumns,
    source: SourceId,
    /// None if it cannot be read, which is reported.
    table: Option<OpenTable>,
    /// How it is divided, once its rows were read.
    layout: Option<Layout>,
}

impl Files<'_> {
    /// Makes the jobs of every row; false if there are none because of a mistake, which is reported.
    fn table(
        &mut self,
        named: &NamedTable<'_>,
        unfolder: &mut Unfolder<'_>,
        validator: &mut Validator,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        let element = named.element;
        let errors_before = diagnostics.count(Severity::Error);
        let number = self.open(named, unfolder.text(), diagnostics);
        // What is wrong with the template itself is told without the table too.
        let template = match named.template {
            Some(node) => match unfolder.template(node, diagnostics) {
                Some(template) => Some(template),
                None => return false,
            },
            None => None,
        };
        let Some(number) = number else {
            return false;
        };
        let Some(table) = &mut self.opened[number].table else {
            return false;
        };
        let mut is_empty = true;
        let mut is_first = true;
        let mut header = None;
        let mut columns = Vec::new();
        let is_skimmed = template.is_none() && !self.options.keeps_references;
        let mut clear = validator.clear_jobs().filter(|_| is_skimmed);
        let mut take_plain = clear
            .as_mut()
            .map(|clear| |row: &PlainRow<'_>| clear.take(*row));
        let mut take_row = |row: &TableRow<'_>, found: &mut Diagnostics| {
            is_empty = false;
            let site = Site {
                element,
                at: row.job.span.clone(),
                start: row.start,
                row: NonZeroU32::new(row.number),
            };
            let Some((template, node)) = template.as_ref().zip(named.template) else {
                if is_first {
                    validator.begin_table(head_of(row));
                    is_first = false;
                }
                validator.begin_row(&row.refused);
                return unfolder.row(row, &site, validator, found);
            };
            let header = header.get_or_insert_with(|| {
                columns = row.headers().cloned().collect::<Vec<_>>();
                unfolder.header((template, node), &columns, found)
            });
            unfolder.row_with(template, row, header, &site, validator, found);
        };
        let takers = Takers {
            plain: take_plain.as_mut().map(|take| take as _),
            row: &mut take_row,
        };
        let read = table.read(takers, diagnostics);
        if let Some(clear) = clear {
            validator.add_clear(clear);
        }
        validator.end_table();
        if let Some(template) = template {
            unfolder.columns(&template, &columns, diagnostics);
        }
        let opened = &mut self.opened[number];
        if opened.layout.is_none() {
            let name = self.sources.name(opened.source);
            let detected = read.detected.iter().map(|note| format!("{name}: {note}"));
            self.detected.extend(detected);
            opened.layout = Some(read.layout);
        }
        // Why a table gave no rows has been said.
        !is_empty || diagnostics.count(Severity::Error) == errors_before
    }

    /// The table that was surely meant by the name of one that is not there, unless `text` names it itself or it cannot
    /// be read either.
    fn meant_by<'n>(&mut self, named: &NamedTable<'n>, text: &str) -> Option<NamedTable<'n>> {
        let ask = self.options.meant_table?;
        let name = ask(&named.file.path).filter(|name| !text.contains(name.as_str()))?;
        let meant = self.in_place_of(named, &name)?;
        let bytes = (self.read)(&meant.file.path).ok()?;
        self.latest = Some((meant.file.path.clone(), bytes));
        Some(meant)
    }

    /// The table `name` beside the one that is named, read in the same way.
    fn in_place_of<'n>(&self, named: &NamedTable<'n>, name: &str) -> Option<NamedTable<'n>> {
        let path = named.file.path.with_file_name(name);
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let Some(Format::Table(kind)) = Format::of(&path) else {
            return None;
        };
        (!self.is_forbidden(folder, relative)).then(|| NamedTable {
            file: NamedFile {
                path: path.clone(),
                kind,
                options: named.file.options.clone(),
            },
            at: named.at.clone(),
            ..*named
        })
    }

    /// Reads and decodes a table, once however often it is named: its number among those that are opened. None if it
    /// is not read, which is reported. One that is not there is a mistake; if it is sure which one was meant, that one
    /// is read, so that all others are told with it. `text` is that of the manifest.
    fn open(
        &mut self,
        named: &NamedTable<'_>,
        text: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<usize> {
        let NamedFile {
            path,
            kind,
            options,
        } = &named.file;
        let others = match named.template {
            Some(_) => OtherColumns::Variables,
            None => OtherColumns::Refused,
        };
        let is_same = |it: &Opened| it.file == named.file && it.others == others;
        if let Some(number) = self.opened.iter().position(is_same) {
            if diagnostics.glanced().is_some() {
                // Its first rows are gone.
                diagnostics.doubt(Doubt::Whole);
                return None;
            }
            if named.template.is_none() {
                diagnostics.push(named_twice(path, &named.at));
                return None;
            }
            return Some(number);
        }
        if self.glances_at(*kind) {
            return Some(self.begin(named, others, diagnostics));
        }
        if self.size_of(|_| true) > TEXT_LIMIT {
            diagnostics.push(too_much_text(&named.at));
            return None;
        }
        let bytes = match self.bytes_of_table(path) {
            Ok(bytes) => bytes,
            Err(error) => {
                let is_missing = error.kind() == io::ErrorKind::NotFound;
                let found = unreadable(path, &error, &named.at)
                    .label("relative to the directory of the manifest");
                let meant = is_missing.then(|| self.meant_by(named, text)).flatten();
                let Some(meant) = meant else {
                    diagnostics.push(found);
                    return None;
                };
                let name = meant.file.path.file_name().unwrap_or_default();
                let name = name.to_string_lossy();
                let help = format!("the rest was checked with `{}`", shown(&name));
                diagnostics.push(Diagnostic { help, ..found });
                return self.open(&meant, text, diagnostics);
            }
        };
        let source = named
            .source
            .unwrap_or_else(|| self.sources.open(&path.to_string_lossy()));
        let file = TableFile {
            bytes: &bytes,
            is_workbook: *kind == TableKind::Workbook,
            source,
            options,
            others,
            kept: self.size_of(|it| it.file.path == *path),
        };
        self.opened.push(Opened {
            table: table::open(&file, diagnostics),
            file: named.file.clone(),
            others,
            source,
            layout: None,
        });
        if *kind == TableKind::Workbook {
            self.latest = Some((path.clone(), bytes));
        }
        Some(self.opened.len() - 1)
    }

    /// Whether a table of this kind is read a window at a time.
    fn glances_at(&self, kind: TableKind) -> bool {
        self.open_file.is_some() && kind == TableKind::Text
    }

    /// Begins to read a table a window at a time: one alone, and once.
    fn begin(
        &mut self,
        named: &NamedTable<'_>,
        others: OtherColumns,
        diagnostics: &mut Diagnostics,
    ) -> usize {
        let path = &named.file.path;
        let source = named
            .source
            .unwrap_or_else(|| self.sources.open(&path.to_string_lossy()));
        let file = TableFile {
            bytes: &[],
            is_workbook: false,
            source,
            options: &named.file.options,
            others,
            kept: 0,
        };
        let open = self.open_file.filter(|_| self.opened.is_empty());
        let text = open.and_then(|open| open(path).ok());
        let mut table = text.and_then(|text| table::begin(text, &file, diagnostics));
        if let Some(table) = &mut table {
            table.lines = (self.options.keeping == Keeping::JobsAndLines).then(Vec::new);
        }
        let is_own_file = |it: &OpenTable| {
            let at = span(source, 0..0);
            named.source.is_some() && own_files::refusal(path, it.text.as_bytes(), &at).is_some()
        };
        if table.as_ref().is_none_or(is_own_file) {
            diagnostics.doubt(Doubt::Whole);
        }
        self.opened.push(Opened {
            table,
            file: named.file.clone(),
            others,
            source,
            layout: None,
        });
        self.opened.len() - 1
    }

    /// How much text is held of some of the tables.
    fn size_of(&self, is_meant: impl Fn(&Opened) -> bool) -> usize {
        let meant = self.opened.iter().filter(|it| is_meant(it));
        let tables = meant.filter_map(|it| it.table.as_ref());
        tables.map(|table| table.text.len()).sum()
    }

    /// The bytes of a table, read once for all sheets of a workbook that are named one after the other.
    fn bytes_of_table(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        match self.latest.take() {
            Some((latest, bytes)) if latest == path => Ok(bytes),
            _ => (self.read)(path),
        }
    }

    /// Gives the sources what was read of the tables.
    fn close_tables(&mut self) {
        for opened in self.opened.drain(..) {
            if let Some(table) = opened.table {
                if table.is_windowed() {
                    self.windowed = Some((opened.source, opened.file.path));
                    self.sources.fill_lines(opened.source, table.lines);
                }
                self.sources
                    .fill_table(opened.source, table.text, opened.layout);
            }
        }
        self.latest = None;
    }

    /// Gives the sources what is to be shown of a table that was read a window at a time.
    fn show_places(&mut self, diagnostics: &mut Diagnostics) {
        let Some((id, path)) = self.windowed.take() else {
            return;
        };
        let all = diagnostics.iter().flat_map(|found| {
            let related = found.related.iter().map(|(place, _)| place);
            std::iter::once(&found.span).chain(related)
        });
        let of_table = all.filter(|place| place.source == id);
        let mut wanted: Vec<usize> = of_table.map(|place| place.bytes.start).collect();
        wanted.sort_unstable();
        let layout = self.sources.layout(id);
        let file = self.open_file.and_then(|open| open(&path).ok());
        let excerpts = file
            .zip(layout)
            .and_then(|(file, layout)| table::excerpts(file, layout, &wanted));
        match excerpts {
            Some(excerpts) => self.sources.fill_excerpts(id, excerpts),
            None => diagnostics.doubt(Doubt::Whole),
        }
    }

    /// The table that `from` names, relative to the manifest.
    fn named_table<'n>(
        &mut self,
        reference: &TableReference<'n>,
        element: u32,
        diagnostics: &mut Diagnostics,
    ) -> Option<NamedTable<'n>> {
        let TableReference {
            from,
            template,
            options,
        } = reference;
        let Value::Text(name) = &from.value else {
            return None;
        };
        self.tables += 1;
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let path = folder.join(name);
        let refusal = match Format::of(&path) {
            _ if self.tables > TABLES_LIMIT => Diagnostic::error(
                "too-many-tables",
                &from.span,
                format!("the manifest names more than {TABLES_LIMIT} tables"),
                "join tables, or write several manifests",
            ),
            Some(Format::Table(_)) if self.is_forbidden(folder, Path::new(name)) => {
                outside(name, &from.span)
            }
            Some(Format::Table(kind)) => {
                return Some(NamedTable {
                    file: NamedFile {
                        path,
                        kind,
                        options: self.options.tables.or(options),
                    },
                    source: None,
                    element,
                    template: *template,
                    at: from.span.clone(),
                });
            }
            Some(Format::Yaml) => Diagnostic::error(
                "not-a-table",
                &from.span,
                "`from` names a table, not another manifest",
                "name a .csv, .tsv, .txt or .xlsx file; jobs in YAML are written under `jobs:` itself",
            ),
            None => Diagnostic::error(
                "not-a-table",
                &from.span,
                "`from` names a file that is not a table by its name",
                "name a .csv, .tsv, .txt or .xlsx file; save another workbook as one of these",
            ),
        };
        diagnostics.push(refusal);
        None
    }

    /// Reads the price list that `pricing:` names, relative to the manifest.
    fn price_list(
        &mut self,
        name: &str,
        at: &Span,
        diagnostics: &mut Diagnostics,
    ) -> Option<Pricing> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let path = folder.join(name);
        let refusal = if Format::of(&path) != Some(Format::Yaml) {
            pricing::not_a_price_list(name, at)
        } else if self.is_forbidden(folder, Path::new(name)) {
            outside(name, at)
        } else {
            match (self.read)(&path) {
                Ok(bytes) if bytes.len() > pricing::FILE_LIMIT => pricing::too_large(name, at),
                Ok(bytes) => {
                    let source = self.sources.open(&path.to_string_lossy());
                    let decoded = yaml::decode(bytes, source, diagnostics);
                    let prices = pricing::file(&decoded.text, source, diagnostics);
                    self.sources.fill(source, decoded.text);
                    return prices;
                }
                Err(error) => {
                    unreadable(&path, &error, at).label("relative to the directory of the manifest")
                }
            }
        };
        diagnostics.push(refusal);
        None
    }

    /// Whether the file must not be read.
    fn is_forbidden(&self, folder: &Path, name: &Path) -> bool {
        match self.options.outside {
            Outside::Allowed => false,
            Outside::RefusedByName => names_outside(name),
            Outside::Refused { leaves } => {
                names_outside(name) || leaves(folder, &folder.join(name))
            }
        }
    }
}

/// The part of a section that says what something costs.
fn money_in<'n>(key: &Key, node: &'n mut Node) -> Option<&'n mut Node> {
    if key.name == "pricing" {
        return Some(node);
    }
    match &mut node.value {
        Value::Map(pairs) if key.name == "limits" => {
            let found = pairs.iter_mut().find(|(key, _)| key.name == "max_spend");
            found.map(|(_, node)| node)
        }
        _ => None,
    }
}

/// Whether there is no price list, or an empty section in its place.
fn states_nothing(section: Option<&(Key, Node)>) -> bool {
    section.is_none_or(|(_, node)| node.value == Value::Null)
}

/// What is to be known about the table of a row.
fn head_of(row: &TableRow<'_>) -> TableHead {
    let needed = NEEDED.into_iter();
    TableHead {
        at: row.header_place().clone(),
        lacks: needed.filter(|field| !row.has_column(field)).collect(),
        told: Vec::new(),
    }
}

/// Whether a name leads out of the folder that it is relative to.
fn names_outside(name: &Path) -> bool {
    let mut depth = 0_i32;
    let text = name.to_string_lossy();
    let is_drive =
        text.as_bytes().get(1) == Some(&b':') && text.as_bytes()[0].is_ascii_alphabetic();
    is_drive
        || name.components().any(|component| {
            depth += match component {
                Component::Normal(_) => 1,
                Component::ParentDir => -1,
                Component::CurDir => 0,
                Component::Prefix(_) | Component::RootDir => return true,
            };
            depth < 0
        })
}

/// A table whose rows would all be the same jobs once more.
fn named_twice(path: &Path, at: &Span) -> Diagnostic {
    let name = path.to_string_lossy();
    let message = format!("`{}` is named once more, and in the same way", shown(&name));
    let help = "remove one of them: every row would be the same job twice; to make other jobs of the same rows, give it a `template:` with an `id` of its own";
    Diagnostic::error("table-twice", at, message, help)
}

fn too_much_text(at: &Span) -> Diagnostic {
    let message = "the tables before this one have more than 1 GiB of text together";
    let help = "write several manifests";
    Diagnostic::error("too-many-tables", at, message, help)
}

fn outside(name: &str, at: &Span) -> Diagnostic {
    let message = format!("`{}` is outside the folder of the manifest", shown(name));
    let help = "copy it into the folder; or allow it with `--allow-outside` if you trust the manifest: one that somebody sent you should not read other files";
    Diagnostic::error("outside-folder", at, message, help)
}

impl Checked {
    fn new(
        setting: &Setting<'_>,
        at: Span,
        options: &LoadOptions,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut validator = Validator::new(setting.defaults(), diagnostics);
        validator.drop_jobs(options.keeping == Keeping::Totals);
        Self {
            validator,
            at,
            is_whole: false,
            any: false,
        }
    }

    /// Checks each job of the list as soon as it is read. What is wrong with the YAML goes to `known`, if that is
    /// reported already.
    fn read(
        &mut self,
        document: &mut Document<'_>,
        setting: &Setting<'_>,
        files: &mut Files<'_>,
        diagnostics: &mut Diagnostics,
        mut known: Option<&mut Diagnostics>,
    ) -> Result<(), Stop> {
        let mut unfolder = Unfolder::new(setting, &mut self.validator, diagnostics);
        if let Some((count, at)) = too_many_jobs(setting, self.at.source) {
            unfolder.refuse(count, at);
        }
        self.is_whole = true;
        let mut latest = None;
        for number in 0.. {
            let found = known.as_deref_mut().unwrap_or(diagnostics);
            match document.next_job(found) {
                Ok(Some(element)) if element.is_torn => self.is_whole = false,
                Ok(Some(element)) => {
                    latest = Some(element.node.span.clone());
                    self.element(&element.node, number, &mut unfolder, files, diagnostics);
                }
                Ok(None) => break,
                Err(stop) => {
                    self.is_whole = false;
                    if let Some(latest) = latest {
                        // It may have been torn off from the rest of its fields.
                        diagnostics.forget(Some(&latest), &["unknown-variable", "missing-prompt"]);
                    }
                    return Err(stop);
                }
            }
        }
        if self.is_whole {
            unfolder.finish(diagnostics);
        }
        Ok(())
    }

    /// Checks one element of the list: a job, or a table.
    fn element(
        &mut self,
        node: &Node,
        number: u32,
        unfolder: &mut Unfolder<'_>,
        files: &mut Files<'_>,
        diagnostics: &mut Diagnostics,
    ) {
        if let Value::Map(pairs) = &node.value
            && TableReference::is_one(pairs)
        {
            files.names_table = true;
            let owner = &pairs[0].0;
            let reference = TableReference::read(owner, pairs, diagnostics);
            let is_read =
                reference.is_some_and(|it| self.table(&it, number, unfolder, files, diagnostics));
            self.is_whole &= is_read;
            self.any |= is_read;
            return;
        }
        self.any = true;
        let site = Site {
            element: number,
            at: node.span.clone(),
            start: node.span.bytes.start,
            row: None,
        };
        unfolder.element(node, &site, &mut self.validator, diagnostics);
    }

    /// Checks the rows of a table; false if there are none because of a mistake, which is reported.
    fn table(
        &mut self,
        reference: &TableReference<'_>,
        number: u32,
        unfolder: &mut Unfolder<'_>,
        files: &mut Files<'_>,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        files
            .named_table(reference, number, diagnostics)
            .is_some_and(|named| files.table(&named, unfolder, &mut self.validator, diagnostics))
    }
}

const FORMS_OF_JOBS: &str =
    "write a list, each job beginning with `- `, or name a table with `jobs: { from: shots.csv }`";

/// How many jobs the list of a manifest makes, and from where on they are too many, if they are.
fn too_many_jobs(setting: &Setting<'_>, source: SourceId) -> Option<(u128, Span)> {
    let text = setting.text();
    if !Count::is_worthwhile(text) {
        return None;
    }
    let mut known = Diagnostics::default();
    let mut document = Document::open(text, source, 0, &mut known).ok()?;
    while let Some(key) = document.next_key(&mut known).ok()? {
        if key.name != "jobs" {
            document.value_of(&key, &mut known).ok()?;
            continue;
        }
        let Jobs::List(_) = document.jobs(&key, &mut known).ok()? else {
            return None;
        };
        let mut count = Count::default();
        while let Ok(Some(element)) = document.next_job(&mut known) {
            count.add(&element.node, setting);
        }
        return count.too_many();
    }
    None
}

/// Whether this is a misspelt `jobs:`.
fn means_jobs(found: &Diagnostic) -> bool {
    found.code == "unknown-key" && found.help.contains("`jobs`")
}

/// Whether a section that was not met yet may still come: `text` has its name.
fn is_named_later(text: &str, name: &str, section: Option<&Node>) -> bool {
    section.is_none() && text.contains(name)
}

/// The defaults behind a mistake in the YAML, so that the jobs before it are not blamed for what the defaults hold.
fn recovered_defaults(text: &str, source: SourceId) -> Option<Node> {
    let start = text.find("\ndefaults:")? + 1;
    let ends = |(offset, _): &(usize, &str)| {
        text[offset + 1..].starts_with(|c: char| !matches!(c, ' ' | '\t' | '\r' | '\n' | '#'))
    };
    let end = text[start..]
        .match_indices('\n')
        .map(|(offset, line_end)| (start + offset, line_end))
        .find(ends)
        .map_or(text.len(), |(offset, _)| offset + 1);
    let mut ignored = Diagnostics::default();
    let mut document = Document::open(&text[start..end], source, start, &mut ignored).ok()?;
    let key = document.next_key(&mut ignored).ok()??;
    let defaults = document.value_of(&key, &mut ignored).ok()?;
    (!ignored.has_errors()).then_some(defaults)
}

/// A key beside `from`, or in its place.
fn unknown_beside_from(key: &Key) -> Diagnostic {
    let name = shown(&key.name);
    let is_of_job =
        JOB_FIELDS.contains(&key.name.as_str()) || EXPANDING.contains(&key.name.as_str());
    let known = [&TABLE_KEYS[..], &TableOptions::KEYS].concat();
    let help = match nearest(&key.name, &known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if is_of_job => format!(
            "what all rows share is written in the template, `{{ from: shots.csv, template: {{ {name}: … }} }}`, or in `defaults:`"
        ),
        None => FORMS_OF_JOBS.to_owned(),
    };
    let message = format!(
        "a table is named with `from`, `template` and how it is written, not with `{name}`"
    );
    Diagnostic::error("not-a-list", &key.span, message, help)
}

fn no_jobs_key(source: SourceId) -> Diagnostic {
    Diagnostic::error(
        "no-jobs",
        &span(source, 0..0),
        "the manifest has no `jobs`",
        "write the list of jobs under `jobs:`",
    )
}

/// What was said about tables to a manifest that names none.
fn idle_options(options: &LoadOptions, source: SourceId) -> Diagnostics {
    let mut found = Diagnostics::default();
    let said = [options.tables.idle(true), options.tables.idle(false)].concat();
    for option in said {
        let message = format!("`--{option}` is about a table, and the manifest names none");
        let help =
            format!("leave out `--{option}`, or name a table with `jobs: {{ from: shots.csv }}`");
        found.push(Diagnostic::warning(
            "idle-option",
            &span(source, 0..0),
            message,
            help,
        ));
    }
    found
}

fn unreadable(path: &Path, error: &io::Error, at: &Span) -> Diagnostic {
    let help = match error.kind() {
        io::ErrorKind::NotFound if path == Path::new("-") => {
            "a manifest is a file: what a run has done is kept beside it, under its name"
        }
        io::ErrorKind::NotFound => "check the name and the directory",
        io::ErrorKind::PermissionDenied => "allow reading it",
        io::ErrorKind::IsADirectory => "name a file in it",
        _ => "make sure it is a file that can be read",
    };
    let name = path.to_string_lossy();
    Diagnostic::error(
        "unreadable",
        at,
        format!("cannot read `{name}`: {error}"),
        help,
    )
}

fn is_address(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.starts_with("https:") || name.starts_with("http:")
}

fn unknown_format(path: &Path, source: SourceId) -> Diagnostic {
    if is_address(path) {
        let message = "a manifest is a file on this machine, not an address";
        let help =
            "save it here and name that file; a shared sheet can be downloaded as .xlsx or CSV";
        return Diagnostic::error("unknown-format", &span(source, 0..0), message, help);
    }
    let help = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xls" | "xlsb" | "ods" | "numbers") => {
            "save it as .xlsx, or the sheet as CSV (in Excel: `CSV UTF-8`), and name that file"
        }
        _ => "name a .yaml, .yml or .json file, or a table: .csv, .tsv, .txt or .xlsx",
    };
    Diagnostic::error(
        "unknown-format",
        &span(source, 0..0),
        "the name of the manifest does not say what it is",
        help,
    )
}

fn span(source: SourceId, bytes: std::ops::Range<usize>) -> Span {
    Span { source, bytes }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) mod glances;
