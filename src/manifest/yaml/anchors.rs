//! Values with a name (`&name`) and their repetitions (`*name`), within bounds: a few lines of YAML must not grow
//! into gigabytes.

use std::collections::HashMap;

use super::super::diagnostic::Diagnostic;
use super::super::fields::nearest;
use super::super::tree::{Node, Span, Value};

/// Most weight that aliases may add to one job or section.
const TREE_LIMIT: usize = 100_000;
/// Most weight that anchors may keep in memory.
const KEPT_LIMIT: usize = 2_000_000;
/// Weight that the aliases of a document may add in all: this much, and [`PER_BYTE`] for each byte of it.
const TOTAL_LIMIT: usize = 1_000_000;
const PER_BYTE: usize = 4;
/// So many bytes of text weigh as much as one value.
const BYTES_PER_WEIGHT: usize = 32;

/// The anchors that an alias can name at this point of the document.
pub(super) struct Anchors {
    /// `None` while the value is still being read.
    values: HashMap<usize, Option<Anchored>>,
    names: HashMap<String, usize>,
    kept: usize,
    in_tree: usize,
    left: usize,
}

struct Anchored {
    node: Node,
    size: Size,
}

/// What a value costs to repeat.
#[derive(Clone, Copy)]
struct Size {
    /// Number of values, long text counted as several.
    weight: usize,
    /// Levels of nesting below it.
    height: usize,
}

/// Why an alias or anchor is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The value contains itself, or is the list of jobs.
    Unfinished,
    /// Too much would be repeated.
    Weight,
    /// Nested too deeply.
    Depth,
}

impl Refusal {
    pub(super) fn diagnostic(self, span: &Span) -> Diagnostic {
        match self {
            Self::Unfinished => Diagnostic::error(
                "alias-cycle",
                span,
                "this alias repeats a value that it is part of, or the list of jobs",
                "use the alias after the value has ended; jobs cannot be repeated as a whole",
            ),
            Self::Weight | Self::Depth => Diagnostic::error(
                "alias-limit",
                span,
                format!(
                    "the aliases of this manifest repeat too much: more than {TREE_LIMIT} values in one place, or far more than the file itself holds"
                ),
                "write the jobs out, or keep them in a table and name it with `jobs: { from: shots.csv }`",
            ),
        }
    }
}

impl Anchors {
    /// No anchors yet, in a document of `bytes` bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            values: HashMap::new(),
            names: HashMap::new(),
            kept: 0,
            in_tree: 0,
            left: bytes.saturating_mul(PER_BYTE).saturating_add(TOTAL_LIMIT),
        }
    }

    /// Another job or section begins.
    pub(super) fn begin_tree(&mut self) {
        self.in_tree = 0;
    }

    /// From here on `name` means the value `id`, which is only beginning.
    pub(super) fn declare(&mut self, id: usize, name: &str) {
        if let Some(former) = self.names.insert(name.to_owned(), id)
            && let Some(Some(anchored)) = self.values.remove(&former)
        {
            self.kept -= anchored.size.weight;
        }
        // The name of a scalar comes after it.
        self.values.entry(id).or_insert(None);
    }

    /// The value `id` is complete; 0 is a value without an anchor.
    pub(super) fn keep(&mut self, id: usize, node: &Node) -> Result<(), Refusal> {
        if id == 0 {
            return Ok(());
        }
        let size = size(node);
        self.kept += size.weight;
        if self.kept > KEPT_LIMIT {
            return Err(Refusal::Weight);
        }
        let anchored = Anchored {
            node: node.clone(),
            size,
        };
        self.values.insert(id, Some(anchored));
        Ok(())
    }

    /// The value that an alias repeats where `depth` more levels are allowed.
    pub(super) fn expand(&mut self, id: usize, depth: usize) -> Result<Value, Refusal> {
        let Some(Some(anchored)) = self.values.get(&id) else {
            return Err(Refusal::Unfinished);
        };
        if anchored.size.height > depth {
            return Err(Refusal::Depth);
        }
        self.in_tree += anchored.size.weight;
        self.left = self
            .left
            .checked_sub(anchored.size.weight)
            .filter(|_| self.in_tree <= TREE_LIMIT)
            .ok_or(Refusal::Weight)?;
        Ok(anchored.node.value.clone())
    }

    /// The name that `name` was probably meant to be.
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        let mut names: Vec<&str> = self.names.keys().take(1000).map(String::as_str).collect();
        names.sort_unstable();
        nearest(name, &names)
    }
}

fn size(node: &Node) -> Size {
    let children: Box<dyn Iterator<Item = Size>> = match &node.value {
        Value::List(list) => Box::new(list.iter().map(size)),
        Value::Map(pairs) => Box::new(pairs.iter().map(|(key, value)| {
            let Size { weight, height } = size(value);
            Size {
                weight: weight + key.name.len() / BYTES_PER_WEIGHT,
                height,
            }
        })),
        Value::Text(text) | Value::Number(text) | Value::Cell(text) => {
            return Size {
                weight: 1 + text.len() / BYTES_PER_WEIGHT,
                height: 0,
            };
        }
        Value::Null | Value::Boolean(_) | Value::Integer(_) => {
            return Size {
                weight: 1,
                height: 0,
            };
        }
    };
    children.fold(
        Size {
            weight: 1,
            height: 1,
        },
        |sum, child| Size {
            weight: sum.weight + child.weight,
            height: sum.height.max(child.height + 1),
        },
    )
}
