//! Text → [`Plan`]: reads YAML and CSV, applies defaults, checks every rule, and reports every mistake at its place.
//!
//! Start at [`load`]. Knows no network, clock or terminal, and reads files only through the function it is given.

mod address;
mod align;
pub mod diagnostic;
mod duplicates;
mod encoding;
pub mod expand;
mod fields;
mod lint;
mod load;
pub mod marks;
mod matrix;
mod output;
mod own_files;
mod pricing;
pub mod references;
mod render;
mod schema;
mod sections;
mod sources;
mod starter;
mod table;
mod template;
pub mod tree;
mod unfold;
mod validate;
mod values;
mod vars;
mod workbook;
mod yaml;

use std::num::NonZeroU32;
use std::time::Duration;

use self::diagnostic::{Diagnostic, Diagnostics, Severity};
pub use self::encoding::TextEncoding;
pub use self::fields::{EXTRA_FIELDS, JOB_FIELDS};
use self::lint::Allow;
pub use self::lint::LINTS;
pub use self::load::{Keeping, LoadOptions, Outside, load, load_in_windows, load_with};
pub use self::output::{DownloadSetting, OUTPUT as OUTPUT_SETTINGS, OutputSettings};
pub(crate) use self::pricing::meant as meant_amount;
use self::references::References;
pub use self::render::Colour;
pub use self::schema::json_schema;
pub use self::sections::{API as API_SETTINGS, LIMITS as LIMIT_SETTINGS};
pub use self::sources::{Place, Sources};
pub use self::starter::{StarterFormat, starter};
pub use self::table::errors::{ErrorsCsv, NoErrorsCsv};
pub use self::table::{CellPlace, Delimiter, TableOptions};
pub use self::validate::Totals;
use crate::money::Amount;
use crate::plan::Plan;
use crate::units::{BaseUrl, Deadline, Rate};

/// What the `api:`, `limits:` and `output:` sections say; every value already checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ManifestSettings {
    /// `api.base_url`
    pub base_url: Option<BaseUrl>,
    /// `api.create_path`, starting with `/`
    pub create_path: Option<String>,
    /// `api.poll_path`, starting with `/`, with `{task_id}` in it
    pub poll_path: Option<String>,
    /// `limits.concurrency`
    pub concurrency: Option<NonZeroU32>,
    /// `limits.submit_rate`
    pub submit_rate: Option<Rate>,
    /// `limits.poll_rate`
    pub poll_rate: Option<Rate>,
    /// `limits.poll_first`
    pub poll_first: Option<Duration>,
    /// `limits.poll_every`
    pub poll_every: Option<Duration>,
    /// `limits.submit_timeout`
    pub submit_timeout: Option<Duration>,
    /// `limits.job_timeout`
    pub job_timeout: Option<Duration>,
    /// `limits.deadline`
    pub deadline: Option<Deadline>,
    /// `limits.max_jobs`
    pub max_jobs: Option<NonZeroU32>,
    /// `output:`
    pub output: OutputSettings,
    /// `limits.max_spend`, in the currency of the price list
    pub max_spend: Option<Amount>,
}

/// A manifest that was read as far as it can be.
#[derive(Debug)]
pub struct Loaded {
    /// The jobs, if there was no error.
    pub plan: Option<Plan>,
    /// What the jobs come to, if there was no error.
    pub totals: Totals,
    /// The settings sections (what could be read of them, if there were errors).
    pub settings: ManifestSettings,
    /// Everything that was found, in reading order.
    pub diagnostics: Diagnostics,
    /// The decoded texts, to find the places of the diagnostics in.
    pub sources: Sources,
    /// The files that the jobs refer to, if they were asked for.
    pub references: Option<Box<References>>,
    /// Which warnings are not wanted.
    allow: Allow,
    /// How many findings `allow:` has kept out of `diagnostics`.
    pub allowed: usize,
    /// What was detected, a line for each file that left something to detect: `shots.csv: UTF-8 with BOM, comma`.
    pub detected: Vec<String>,
}

impl Loaded {
    /// What was found in a file that is no manifest.
    fn of_other(diagnostics: Diagnostics, sources: Sources) -> Self {
        Self {
            plan: None,
            totals: Totals::default(),
            settings: ManifestSettings::default(),
            diagnostics,
            sources,
            references: None,
            allow: Allow::default(),
            allowed: 0,
            detected: Vec::new(),
        }
    }

    /// Adds what was found out about the manifest after it was read.
    pub fn add(&mut self, later: impl IntoIterator<Item = Diagnostic>) {
        for diagnostic in later {
            self.diagnostics.push(diagnostic);
        }
        self.allowed += self.allow.apply(&mut self.diagnostics);
        self.diagnostics.sort();
    }

    /// Every diagnostic with its source line and a line that counts them, as it goes to stderr; empty if there is
    /// nothing to say.
    pub fn render(&self, colour: Colour) -> String {
        render::render(&self.diagnostics, &self.sources, colour)
    }

    /// The errors alone, each with its source line, and a line that counts everything; empty if there is no error.
    pub fn render_errors(&self, colour: Colour) -> String {
        render::render_severe(&self.diagnostics, &self.sources, Severity::Error, colour)
    }

    /// The rows of its table, each with its errors and warnings.
    pub fn errors_csv(&self) -> Result<ErrorsCsv<'_>, NoErrorsCsv> {
        let mut tables = self.sources.tables();
        let table = tables.next().ok_or(NoErrorsCsv::NoTable)?;
        match tables.next() {
            Some(_) => Err(NoErrorsCsv::SeveralTables),
            None => ErrorsCsv::new(table, &self.diagnostics),
        }
    }

    /// Whether the manifest itself is such a table: its header ends with the column of the errors.
    pub fn is_errors_csv(&self) -> bool {
        let mut tables = self.sources.tables();
        let manifest = tables.find(|(id, ..)| *id == tree::SourceId(0));
        manifest.is_some_and(|(_, text, layout)| table::errors::is_one(text, layout))
    }

    /// The same with one line for each diagnostic, without source lines and colour.
    pub fn render_compact(&self) -> String {
        render::render_compact(&self.diagnostics, &self.sources)
    }
}

#[cfg(test)]
mod tests;
