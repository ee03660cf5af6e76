//! Names under which files grow until they get the ones that people see: the one place that makes them.
//!
//! The role comes first, and no role has a dot, so that no two stems and no two roles ever share a name, whatever dots a
//! stem has. All end in `.part`, as no file does that people see.

use super::load::Kind;

/// The hidden names of one file that is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Its bytes.
    pub(super) part: String,
    /// What the next try needs to go on.
    pub(super) notes: String,
    /// The same while it is written.
    pub(super) notes_draft: String,
}

impl Hidden {
    /// Those of the video or the picture called `stem`.
    pub(super) fn of(stem: &str, kind: Kind) -> Self {
        let [part, notes, notes_draft] = match kind {
            Kind::Video => ["video", "video-notes", "video-notes-new"],
            Kind::Picture => ["frame", "frame-notes", "frame-notes-new"],
        }
        .map(|role| hidden(role, stem));
        Self {
            part,
            notes,
            notes_draft,
        }
    }
}

/// A sidecar while it is written.
pub(super) fn sidecar_draft(stem: &str) -> String {
    hidden("sidecar", stem)
}

fn hidden(role: &str, stem: &str) -> String {
    format!(".{role}.{stem}.part")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::naming::NAME_BYTES;

    fn all(stem: &str) -> Vec<String> {
        let mut names = vec![sidecar_draft(stem)];
        for kind in [Kind::Video, Kind::Picture] {
            let hidden = Hidden::of(stem, kind);
            names.extend([hidden.part, hidden.notes, hidden.notes_draft]);
        }
        names
    }

    #[test]
    fn no_two_stems_share_a_hidden_name() {
        let endings = ["frame", "json", "part", "video", "part.json", "sidecar"];
        let mut stems = vec!["x".to_owned()];
        for ending in endings {
            stems.push(format!("x.{ending}"));
            stems.push(format!("{ending}.x"));
            stems.push(format!("{ending}.x.part"));
        }
        let names: Vec<_> = stems.iter().flat_map(|stem| all(stem)).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), 7 * stems.len());
    }

    #[test]
    fn the_longest_name_fits_into_a_directory() {
        let stem = format!("{} (1000)", "x".repeat(NAME_BYTES));
        assert!(all(&stem).iter().all(|name| name.len() <= 255));
    }
}
