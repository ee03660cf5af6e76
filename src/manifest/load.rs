//! Brings the readers, the settings and the rules together. Start at [`load`].

use std::io;
use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::fields::nearest;
use super::sections::Sections;
use super::sources::Sources;
use super::table::{self, OtherColumns, TableFile, TableOptions};
use super::tree::{Key, Node, SourceId, Span, Value};
use super::validate::Validator;
use super::values::described;
use super::yaml::{self, Document, Jobs, Stop};
use super::{Loaded, ManifestSettings};
use crate::plan::Plan;

/// How files are read: the manifest module itself touches none.
type ReadFile<'r> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'r;

/// What somebody said about how a manifest is to be read.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// How its tables are written; wins over what the manifest says.
    pub tables: TableOptions,
    /// Whether every mistake is kept, also where a million rows have one: they are written into a file.
    pub keeps_all_mistakes: bool,
    /// Whether it is kept which files the jobs refer to.
    pub keeps_references: bool,
}

/// Reads the manifest at `path` as [`load_with`] does, with nothing said about it.
pub fn load(path: &Path, read: &ReadFile<'_>) -> Loaded {
    load_with(path, &LoadOptions::default(), read)
}

/// Reads the manifest at `path` (YAML, or a bare table) and the table that it names, and checks everything.
/// An unreadable file is a diagnostic too.
pub fn load_with(path: &Path, options: &LoadOptions, read: &ReadFile<'_>) -> Loaded {
    let mut loading = Loading {
        path,
        read,
        options,
        sources: Sources::default(),
        diagnostics: Diagnostics::default(),
        detected: Vec::new(),
        names_table: false,
    };
    if options.keeps_all_mistakes {
        loading.diagnostics.keep_all();
    }
    if options.keeps_references {
        loading.diagnostics.keep_references();
    }
    let source = loading.sources.open(&path.to_string_lossy());
    let (settings, plan) = match Format::of(path) {
        Some(Format::Yaml) => loading.yaml(source),
        Some(Format::Table(kind)) => {
            let plan = loading.bare_table(source, kind);
            (ManifestSettings::default(), plan)
        }
        None => {
            loading.diagnostics.push(unknown_format(path, source));
            (ManifestSettings::default(), None)
        }
    };
    if !loading.names_table {
        loading.diagnostics.append(idle_options(options, source));
    }
    loading.diagnostics.sort();
    loading.sources.hide(loading.diagnostics.take_secrets());
    Loaded {
        plan: plan.filter(|_| !loading.diagnostics.has_errors()),
        settings,
        references: loading.diagnostics.take_references(),
        diagnostics: loading.diagnostics,
        sources: loading.sources,
        detected: loading.detected,
    }
}

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
        match extension.as_str() {
            "yaml" | "yml" | "json" => Some(Self::Yaml),
            "csv" | "tsv" | "txt" => Some(Self::Table(TableKind::Text)),
            "xlsx" | "xlsm" => Some(Self::Table(TableKind::Workbook)),
            _ => None,
        }
    }
}

/// A manifest while it is read.
struct Loading<'r> {
    path: &'r Path,
    read: &'r ReadFile<'r>,
    options: &'r LoadOptions,
    sources: Sources,
    diagnostics: Diagnostics,
    detected: Vec<String>,
    names_table: bool,
}

/// A table that was found.
struct NamedTable {
    source: SourceId,
    bytes: Vec<u8>,
    kind: TableKind,
    options: TableOptions,
}

/// What is known about `jobs:` when the reading of the document ends.
enum Found {
    /// The key was not there, or not reached.
    Nothing,
    /// A list whose jobs are checked already.
    Checked(Box<Checked>),
    /// A list that waits for the defaults, which come after it.
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

impl Loading<'_> {
    fn bare_table(&mut self, source: SourceId, kind: TableKind) -> Option<Plan> {
        let start = span(source, 0..0);
        self.names_table = true;
        let table = NamedTable {
            source,
            bytes: self.bytes_of_manifest(source)?,
            kind,
            options: self.options.tables.clone(),
        };
        let validator = Validator::new(None, &mut self.diagnostics);
        self.table(&table, &start, validator)
    }

    /// Checks every row of a table.
    fn table(&mut self, table: &NamedTable, at: &Span, mut validator: Validator) -> Option<Plan> {
        let mut is_empty = true;
        let errors_before = self.diagnostics.count(Severity::Error);
        let file = TableFile {
            bytes: &table.bytes,
            is_workbook: table.kind == TableKind::Workbook,
            source: table.source,
            options: &table.options,
            others: OtherColumns::Refused,
        };
        let read = table::read(&file, &mut self.diagnostics, &mut |row, found| {
            is_empty = false;
            validator.job(&row.job, found);
        });
        let name = self.sources.name(table.source);
        let detected = read.detected.iter().map(|note| format!("{name}: {note}"));
        self.detected.extend(detected);
        self.sources
            .fill_table(table.source, read.text, read.layout);
        // Why a table gave no rows has been said.
        if is_empty && self.diagnostics.count(Severity::Error) > errors_before {
            return None;
        }
        Some(self.finish(validator, at))
    }

    fn finish(&mut self, validator: Validator, at: &Span) -> Plan {
        let (jobs, columns) = validator.finish(at, &mut self.diagnostics);
        Plan::new(jobs, columns)
    }

    fn yaml(&mut self, source: SourceId) -> (ManifestSettings, Option<Plan>) {
        let Some(bytes) = self.bytes_of_manifest(source) else {
            return (ManifestSettings::default(), None);
        };
        let decoded = yaml::decode(bytes, source, &mut self.diagnostics);
        if decoded.note != "UTF-8" {
            self.detected
                .push(format!("{}: {}", self.sources.name(source), decoded.note));
        }
        let read = if self.diagnostics.has_errors() {
            (ManifestSettings::default(), None)
        } else {
            self.document(&decoded.text, source)
        };
        self.sources.fill(source, decoded.text);
        read
    }

    fn document(&mut self, text: &str, source: SourceId) -> (ManifestSettings, Option<Plan>) {
        let mut sections = Sections::default();
        let mut found = Found::Nothing;
        let read = self.read_document(text, source, &mut sections, &mut found);
        let defaults = sections.defaults.as_ref();
        let plan = match found {
            Found::Checked(checked) => self.finish_list(*checked),
            Found::Waiting if read.is_ok() => self.waiting_jobs(text, source, defaults),
            Found::Waiting => {
                let defaults = recovered_defaults(text, source);
                defaults.and_then(|defaults| self.waiting_jobs(text, source, Some(&defaults)))
            }
            Found::Tree(key, node) => self.jobs_tree(&key, &node, defaults),
            Found::Nothing => {
                if read.is_ok() {
                    self.diagnostics.push(no_jobs_key(source));
                }
                None
            }
        };
        (sections.settings, plan)
    }

    /// Reads the document once. A list of jobs is checked on the way, unless defaults may come after it.
    fn read_document(
        &mut self,
        text: &str,
        source: SourceId,
        sections: &mut Sections,
        found: &mut Found,
    ) -> Result<(), Stop> {
        let diagnostics = &mut self.diagnostics;
        let mut document = Document::open(text, source, 0, diagnostics)?;
        while let Some(key) = document.next_key(diagnostics)? {
            if key.name != "jobs" {
                let value = document.value_of(&key, diagnostics)?;
                sections.take(&key, value, diagnostics);
                continue;
            }
            match document.jobs(&key, diagnostics)? {
                Jobs::Tree(node) => *found = Found::Tree(key, node),
                Jobs::List(_) if sections.defaults.is_none() && names_defaults(text, &key) => {
                    *found = Found::Waiting;
                    while document.next_job(diagnostics)?.is_some() {}
                }
                Jobs::List(at) => {
                    let validator = Validator::new(sections.defaults.as_ref(), diagnostics);
                    let mut checked = Checked::new(validator, at);
                    let read = checked.read(&mut document, diagnostics, None);
                    *found = Found::Checked(Box::new(checked));
                    read?;
                }
            }
        }
        Ok(())
    }

    /// Reads the document again, now that the defaults are known; what is wrong with its YAML is reported already.
    fn waiting_jobs(
        &mut self,
        text: &str,
        source: SourceId,
        defaults: Option<&Node>,
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
            let validator = Validator::new(defaults, &mut self.diagnostics);
            let mut checked = Checked::new(validator, at);
            // Stops where the first reading stopped, and said why.
            let _ = checked.read(&mut document, &mut self.diagnostics, Some(&mut known));
            return self.finish_list(checked);
        }
        None
    }

    fn finish_list(&mut self, checked: Checked) -> Option<Plan> {
        (checked.is_whole || checked.any).then(|| self.finish(checked.validator, &checked.at))
    }

    /// `jobs:` with anything but a list below it.
    fn jobs_tree(&mut self, key: &Key, node: &Node, defaults: Option<&Node>) -> Option<Plan> {
        let mut validator = Validator::new(defaults, &mut self.diagnostics);
        match &node.value {
            Value::List(jobs) => {
                for job in jobs {
                    validator.job(job, &mut self.diagnostics);
                }
                Some(self.finish(validator, &key.span))
            }
            Value::Null => Some(self.finish(validator, &key.span)),
            Value::Map(pairs) => {
                let (from, options) = self.table_name(key, pairs)?;
                let table = self.named_table(from, options)?;
                self.table(&table, &from.span, validator)
            }
            other => {
                self.diagnostics.push(Diagnostic::error(
                    "wrong-type",
                    &node.span,
                    format!("`jobs` must be a list of jobs, not {}", described(other)),
                    FORMS_OF_JOBS,
                ));
                None
            }
        }
    }

    /// The value of `from:`, and how that table is to be read.
    fn table_name<'n>(
        &mut self,
        key: &Key,
        pairs: &'n [(Key, Node)],
    ) -> Option<(&'n Node, TableOptions)> {
        let mut said = TableOptions::default();
        for (other, node) in pairs.iter().filter(|(key, _)| key.name != "from") {
            if !said.take(other, node, &mut self.diagnostics) {
                self.diagnostics.push(unknown_under_jobs(other));
            }
        }
        self.names_table = true;
        let Some((_, from)) = pairs.iter().find(|(key, _)| key.name == "from") else {
            if pairs.is_empty() {
                let message = "`jobs` is a map without `from`";
                self.diagnostics.push(Diagnostic::error(
                    "no-jobs",
                    &key.span,
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
            self.diagnostics
                .push(Diagnostic::error("wrong-type", &from.span, message, help));
            return None;
        }
        Some((from, self.options.tables.or(&said)))
    }

    /// Reads the file that `from` names, relative to the manifest.
    fn named_table(&mut self, from: &Node, options: TableOptions) -> Option<NamedTable> {
        let Value::Text(name) = &from.value else {
            return None;
        };
        let path = self.path.parent().unwrap_or(Path::new("")).join(name);
        let refusal = match Format::of(&path) {
            Some(Format::Table(kind)) => match (self.read)(&path) {
                Ok(bytes) => {
                    return Some(NamedTable {
                        source: self.sources.open(&path.to_string_lossy()),
                        bytes,
                        kind,
                        options,
                    });
                }
                Err(error) => unreadable(&path, &error, &from.span)
                    .label("relative to the directory of the manifest"),
            },
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
        self.diagnostics.push(refusal);
        None
    }

    fn bytes_of_manifest(&mut self, source: SourceId) -> Option<Vec<u8>> {
        (self.read)(self.path)
            .map_err(|error| {
                let at = span(source, 0..0);
                self.diagnostics.push(unreadable(self.path, &error, &at));
            })
            .ok()
    }
}

impl Checked {
    fn new(validator: Validator, at: Span) -> Self {
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
        diagnostics: &mut Diagnostics,
        mut known: Option<&mut Diagnostics>,
    ) -> Result<(), Stop> {
        self.is_whole = true;
        loop {
            let found = known.as_deref_mut().unwrap_or(diagnostics);
            match document.next_job(found) {
                Ok(Some(element)) if element.is_torn => self.is_whole = false,
                Ok(Some(element)) => {
                    if let Some(refusal) = from_in_list(&element.node) {
                        diagnostics.push(refusal);
                        self.is_whole = false;
                    } else {
                        self.any = true;
                        self.validator.job(&element.node, diagnostics);
                    }
                }
                Ok(None) => return Ok(()),
                Err(stop) => {
                    self.is_whole = false;
                    return Err(stop);
                }
            }
        }
    }
}

const FORMS_OF_JOBS: &str =
    "write a list, each job beginning with `- `, or name a table with `jobs: { from: shots.csv }`";

/// Whether `defaults` may come after `jobs`.
fn names_defaults(text: &str, jobs: &Key) -> bool {
    text[jobs.span.bytes.end..].contains("defaults")
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

/// `from` in a list of jobs, where it cannot stand.
fn from_in_list(job: &Node) -> Option<Diagnostic> {
    let Value::Map(pairs) = &job.value else {
        return None;
    };
    let [(key, _)] = &pairs[..] else { return None };
    (key.name == "from").then(|| {
        Diagnostic::error(
            "from-in-list",
            &key.span,
            "`from` stands for the whole list of jobs and cannot be one of them",
            "write `jobs: { from: shots.csv }` without `- `; for several tables write several manifests",
        )
    })
}

fn unknown_under_jobs(key: &Key) -> Diagnostic {
    let help = match nearest(&key.name, &["from", "encoding", "delimiter", "sheet"]) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => FORMS_OF_JOBS.to_owned(),
    };
    Diagnostic::error(
        "not-a-list",
        &key.span,
        format!(
            "`jobs` is a list or a map with `from` and how that table is written, not `{}`",
            super::values::shown(&key.name)
        ),
        help,
    )
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

fn unknown_format(path: &Path, source: SourceId) -> Diagnostic {
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
