//! Jobs of a table that a glance shows to be good: no rule has anything to say about them. Start at [`ClearJobs::take`].
//!
//! What is not surely good is left to the rules. Nothing is kept but what the jobs come to, and what tells two of them
//! apart.

use super::{Totals, control_character, unfinished};
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
}

impl ClearJobs {
    /// None yet; `keys` tells which need a closer look.
    pub(super) fn new(keys: Keys) -> Self {
        Self {
            totals: Totals::default(),
            keys,
            named: Vec::new(),
        }
    }

    /// Takes the job of a row if it is surely good; false if it is left to the rules.
    pub(in crate::manifest) fn take(&mut self, row: PlainRow<'_>) -> bool {
        self.take_cells(row).is_some()
    }

    fn take_cells(&mut self, row: PlainRow<'_>) -> Option<()> {
        let (mut id, mut model, mut prompt, mut duration) = (None, None, None, None);
        let mut aspect_ratio = None;
        for (column, (field, text)) in row.cells().enumerate() {
            match field {
                "id" => id = Some(text),
                "model" => model = Model::parse(&text),
                "prompt" => prompt = Some(text),
                "duration" => duration = text.parse().ok(),
                "aspect_ratio" if text.is_empty() => {}
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
            duration: Some(duration.filter(|seconds| DURATION_SECONDS.contains(seconds))?),
            aspect_ratio,
        };
        self.keys.single(&id, &request)?;
        self.totals.add(request.duration);
        Some(())
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

/// Whether no rule has anything to say about a prompt in a cell.
fn is_clear(prompt: &str) -> bool {
    prompt.len() <= PROMPT_BYTES
        && !says_nothing(prompt)
        && control_character(prompt).is_none()
        && braces(prompt).is_none()
        && garbled(prompt).is_none()
        && unfinished(prompt, true).is_none()
}
