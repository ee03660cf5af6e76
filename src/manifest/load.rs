//! Brings the readers, the settings and the rules together. Start at [`load`].

use std::io;
use std::path::Path;

use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::fields::nearest;
use super::sections::Sections;
use super::sources::Sources;
use super::tree::{Key, Node, SourceId, Span, Value};
use super::validate::Validator;
use super::values::described;
use super::yaml::{self, Document, Jobs, Stop};
use super::{Loaded, ManifestSettings, table};
use crate::plan::Plan;

/// How files are read: the manifest module itself touches none.
type ReadFile<'r> = dyn Fn(&Path) -> io::Result<Vec<u8>> + 'r;

/// Reads the manifest at `path` (YAML, or a bare table) and the table that it names, and checks everything.
/// An unreadable file is a diagnostic too.
pub fn load(path: &Path, read: &ReadFile<'_>) -> Loaded {
    load_into(Diagnostics::default(), path, read)
}

/// The same, and keeps which files the jobs refer to.
pub fn load_with_references(path: &Path, read: &ReadFile<'_>) -> Loaded {
    load_into(Diagnostics::with_references(), path, read)
}

fn load_into(diagnostics: Diagnostics, path: &Path, read: &ReadFile<'_>) -> Loaded {
    let mut loading = Loading {
        path,
        read,
        sources: Sources::default(),
        diagnostics,
        detected: Vec::new(),
    };
    let source = loading.sources.open(&path.to_string_lossy());
    let (settings, plan) = match Format::of(path) {
        Some(Format::Yaml) => loading.yaml(source),
        Some(Format::Table) => (ManifestSettings::default(), loading.bare_table(source)),
        None => {
            loading.diagnostics.push(unknown_format(path, source));
            (ManifestSettings::default(), None)
        }
    };
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
    Table,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "yaml" | "yml" | "json" => Some(Self::Yaml),
            "csv" | "tsv" | "txt" => Some(Self::Table),
            _ => None,
        }
    }
}

/// A manifest while it is read.
struct Loading<'r> {
    path: &'r Path,
    read: &'r ReadFile<'r>,
    sources: Sources,
    diagnostics: Diagnostics,
    detected: Vec<String>,
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
    fn bare_table(&mut self, source: SourceId) -> Option<Plan> {
        let start = span(source, 0..0);
        let bytes = self.bytes_of_manifest(source)?;
        let validator = Validator::new(None, &mut self.diagnostics);
        self.table(&bytes, source, &start, validator)
    }

    /// Checks every row of a table.
    fn table(
        &mut self,
        bytes: &[u8],
        source: SourceId,
        at: &Span,
        mut validator: Validator,
    ) -> Option<Plan> {
        let mut is_empty = true;
        let errors_before = self.diagnostics.count(Severity::Error);
        let decoded = table::read(bytes, source, &mut self.diagnostics, &mut |row, found| {
            is_empty = false;
            validator.job(row, found);
        });
        self.sources.fill(source, decoded.text);
        self.detected
            .push(format!("{}: {}", self.sources.name(source), decoded.note));
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
                let from = self.table_name(key, pairs)?;
                let (source, bytes) = self.named_table(from)?;
                self.table(&bytes, source, &from.span, validator)
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

    /// The value of `from:`.
    fn table_name<'n>(&mut self, key: &Key, pairs: &'n [(Key, Node)]) -> Option<&'n Node> {
        for (other, _) in pairs.iter().filter(|(key, _)| key.name != "from") {
            self.diagnostics.push(unknown_under_jobs(other));
        }
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
        Some(from)
    }

    /// Reads the file that `from` names, relative to the manifest.
    fn named_table(&mut self, from: &Node) -> Option<(SourceId, Vec<u8>)> {
        let Value::Text(name) = &from.value else {
            return None;
        };
        let path = self.path.parent().unwrap_or(Path::new("")).join(name);
        let refusal = match Format::of(&path) {
            Some(Format::Table) => match (self.read)(&path) {
                Ok(bytes) => {
                    return Some((self.sources.open(&path.to_string_lossy()), bytes));
                }
                Err(error) => unreadable(&path, &error, &from.span)
                    .label("relative to the directory of the manifest"),
            },
            Some(Format::Yaml) => Diagnostic::error(
                "not-a-table",
                &from.span,
                "`from` names a table, not another manifest",
                "name a .csv, .tsv or .txt file; jobs in YAML are written under `jobs:` itself",
            ),
            None => Diagnostic::error(
                "not-a-table",
                &from.span,
                "`from` names a file that is not a table by its name",
                "name a .csv, .tsv or .txt file",
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
    let help = match nearest(&key.name, &["from"]) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => FORMS_OF_JOBS.to_owned(),
    };
    Diagnostic::error(
        "not-a-list",
        &key.span,
        format!(
            "`jobs` is a list or has the one key `from`, not `{}`",
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
        Some("xlsx" | "xls" | "ods" | "numbers") => {
            "save the sheet as CSV (UTF-8) and name that file"
        }
        _ => "name a .yaml, .yml or .json file, or a table: .csv, .tsv or .txt",
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
