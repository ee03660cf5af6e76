//! Jobs of a table that a glance shows to be good: no rule has anything to say about them, but for a warning that is only
//! counted. Start at [`ClearJobs::take`].
//!
//! What is not surely good is left to the rules. Nothing is kept but what the jobs come to, and what tells two of them
//! apart.

use super::reading::{Fields, Slot};
use super::{Totals, WARNINGS_SHOWN, control_character, unfinished};
use crate::manifest::duplicates::Keys;
use crate::manifest::fields::USER_PREFIX;
use crate::manifest::table::PlainRow;
use crate::manifest::template::braces;
use crate::manifest::values::doubtful::garbled;
use crate::manifest::values::{PROMPT_BYTES, says_nothing};
use crate::plan::{AspectRatio, DURATION_SECONDS, JobId, Model, TextRequest};

/// Jobs that were taken at a glance.
#[derive(Debug)]
pub(in crate::manifest) struct ClearJobs {
    pub(super) totals: Totals,
    pub(super) keys: Keys,
    /// The columns of the user's own in which something stands, in a row that was left to the rules.
    named: Vec<usize>,
    defaults: ClearDefaults,
    /// How many rows without a duration were left to the rules, which say so.
    told: u32,
    /// How many others are to be counted with them.
    pub(super) untold: u32,
}

/// The defaults that a job may take at a glance.
#[derive(Debug, Clone, Copy)]
struct ClearDefaults {
    model: Option<Model>,
    duration: Option<u8>,
    aspect_ratio: Option<AspectRatio>,
}

impl ClearJobs {
    /// None yet; `keys` tells which need a closer look. None at all if the defaults are more than can be seen at a glance.
    pub(super) fn new(keys: Keys, defaults: &Fields) -> Option<Self> {
        Some(Self {
            totals: Totals::default(),
            keys,
            named: Vec::new(),
            defaults: ClearDefaults::of(defaults)?,
            told: 0,
            untold: 0,
        })
    }

    /// Takes the job of a row if it is surely good; false if it is left to the rules.
    pub(in crate::manifest) fn take(&mut self, row: PlainRow<'_>) -> bool {
        self.take_cells(row).is_some()
    }

    fn take_cells(&mut self, row: PlainRow<'_>) -> Option<()> {
        let (mut id, mut prompt, mut has_lengths) = (None, None, false);
        let ClearDefaults {
            mut model,
            mut duration,
            mut aspect_ratio,
        } = self.defaults;
        for (column, (field, text)) in row.cells().enumerate() {
            match field {
                "id" => id = Some(text),
                "prompt" => prompt = Some(text),
                "duration" if text.is_empty() => has_lengths = true,
                "model" | "aspect_ratio" if text.is_empty() => {}
                "model" => model = Some(Model::parse(&text)?),
                "duration" => duration = Some(text.parse().ok()?),
                "aspect_ratio" => aspect_ratio = Some(AspectRatio::parse(&text)?),
                own if self.is_clear_own(column, own, &text) => {}
                _ => return None,
            }
        }
        let id = id.filter(|id| JobId::check(id).is_ok())?;
        let prompt = prompt.filter(|prompt| is_clear(prompt))?;
        let request = TextRequest {
            // That one works for some accounts only.
            model: model.filter(|model| *model != Model::Standard4k)?,
            prompt: &prompt,
            duration,
            aspect_ratio,
        };
        let is_told = match request.duration {
            Some(seconds) => DURATION_SECONDS.contains(&seconds),
            None => self.has_been_told(has_lengths),
        };
        is_told.then_some(())?;
        self.keys.single(&id, &request)?;
        self.totals.add(request.duration);
        self.untold += u32::from(has_lengths && duration.is_none());
        Some(())
    }

    /// Whether enough was said about jobs without a duration: at the header, if the table has no column for it, else in as
    /// many rows as are shown, and in the one that stands for all others.
    fn has_been_told(&mut self, has_lengths: bool) -> bool {
        let enough = if has_lengths { WARNINGS_SHOWN + 1 } else { 1 };
        let is_told = self.told >= enough;
        self.told += u32::from(!is_told);
        is_told
    }

    /// Whether this may stand in a column of the user's own. What stands there first gives the column its name.
    fn is_clear_own(&mut self, column: usize, name: &str, text: &str) -> bool {
        if text.trim_start().is_empty() {
            return true;
        }
        let is_named = self.named.contains(&column);
        if !is_named {
            self.named.push(column);
        }
        is_named && name.starts_with(USER_PREFIX) && braces(text).is_none()
    }
}

impl ClearDefaults {
    fn of(defaults: &Fields) -> Option<Self> {
        defaults.have_only_choices().then_some(())?;
        Some(Self {
            model: defaults.model.settled(&Slot::Absent).ok()?,
            duration: defaults.duration.settled(&Slot::Absent).ok()?,
            aspect_ratio: defaults.aspect_ratio.settled(&Slot::Absent).ok()?,
        })
    }
}

/// Whether no rule has anything to say about a prompt in a cell.
fn is_clear(prompt: &str) -> bool {
    prompt.len() <= PROMPT_BYTES
        && !says_nothing(prompt)
        && control_character(prompt).is_none()
        && braces(prompt).is_none()
        && garbled(prompt).is_none()
        && unfinished(prompt, true).is_none()
}
