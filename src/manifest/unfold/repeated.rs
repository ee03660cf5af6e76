//! Text that is written once and is a part of many jobs: counted before they are made. Start at [`Repeated`].
//!
//! It takes no memory, as jobs hold it in common, but each of them is checked and compared with all of it.

use std::num::NonZeroU32;

use super::Setting;
use super::filling::Row;
use super::pattern::{JobTemplate, Pattern};
use crate::manifest::matrix::{Choice, Matrix};
use crate::manifest::tree::{Key, Node, Span, Value};

/// How much of it one job has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Repeated {
    /// Bytes of pictures that are written out as `data:` addresses: few, and long by nature.
    pub(super) pictures: u64,
    /// Bytes of all other text.
    pub(super) text: u64,
    /// The longest of both, and where it stands.
    pub(super) longest: Option<(u64, Span)>,
}

impl Repeated {
    /// What the defaults add to a job that sets none of their fields.
    pub(super) fn by_default(setting: &Setting<'_>) -> Vec<(String, Self)> {
        let written = match setting.defaults().map(|node| &node.value) {
            Some(Value::Map(map)) => &map[..],
            _ => &[],
        };
        // Where nothing is filled in, templates are text like any other.
        let filled = if setting.has_vars {
            &[][..]
        } else {
            &setting.templates
        };
        written
            .iter()
            .chain(filled)
            .map(|(key, node)| (key.name.clone(), Self::of(node)))
            .filter(|(_, repeated)| repeated.longest.is_some())
            .collect()
    }

    /// What each job of a template has, but for its axes.
    pub(super) fn by_template(template: &JobTemplate<'_>, row: Option<&Row<'_>>) -> Self {
        let mut repeated = Self::default();
        if !template.is_expanded() && row.is_none() {
            return repeated;
        }
        for (_, pattern) in &template.fields {
            repeated.add_pattern(pattern);
        }
        if template.is_expanded() {
            let is_set = |key: &Key| template.fields.iter().any(|(own, _)| own.name == key.name);
            let cells = row.into_iter().flat_map(Row::fields);
            for (_, node) in cells.filter(|(key, _)| !is_set(key)) {
                repeated.add_node(node);
            }
        }
        repeated
    }

    fn of(node: &Node) -> Self {
        let mut repeated = Self::default();
        repeated.add_node(node);
        repeated
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.pictures += other.pictures;
        self.text += other.text;
        if let Some((length, at)) = &other.longest {
            self.note(*length, at);
        }
    }

    fn add_pattern(&mut self, pattern: &Pattern<'_>) {
        match pattern {
            Pattern::Fixed(node) => self.add_node(node),
            Pattern::List(_, elements) => elements.iter().for_each(|it| self.add_pattern(it)),
            Pattern::Map(_, pairs) => pairs.iter().for_each(|(_, it)| self.add_pattern(it)),
            // Counted when they are filled in.
            Pattern::Text(_) | Pattern::Refused => {}
        }
    }

    fn add_node(&mut self, node: &Node) {
        match &node.value {
            Value::Text(text) | Value::Cell(text) => {
                let length = text.len() as u64;
                if text.starts_with("data:") {
                    self.pictures += length;
                } else {
                    self.text += length;
                }
                self.note(length, &node.span);
            }
            Value::List(elements) => elements.iter().for_each(|it| self.add_node(it)),
            Value::Map(pairs) => pairs.iter().for_each(|(_, it)| self.add_node(it)),
            _ => {}
        }
    }

    fn note(&mut self, length: u64, at: &Span) {
        if self.longest.as_ref().is_none_or(|(most, _)| length > *most) {
            self.longest = Some((length, at.clone()));
        }
    }
}

/// What the jobs of a matrix have of its axes, for each of its combinations; empty if that is little, or if each value
/// is a part of one job.
pub(super) fn by_axes(matrix: &Matrix, variants: NonZeroU32, little: u64) -> Vec<Repeated> {
    let is_once = variants == NonZeroU32::MIN && matrix.keys().count() == 1;
    let length = |choice: &Choice| {
        let Repeated { pictures, text, .. } = Repeated::of(&choice.node);
        pictures + text
    };
    if is_once || matrix.most(length) <= little {
        return Vec::new();
    }
    let all = matrix.combinations().map(|combination| {
        let mut repeated = Repeated::default();
        for (_, _, choice) in combination.choices {
            repeated.add_node(&choice.node);
        }
        repeated
    });
    all.collect()
}
