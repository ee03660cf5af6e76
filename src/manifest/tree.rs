//! The common ground of YAML and CSV: a small tree of values that know their place. One tree per job is built,
//! validated and dropped.

use std::ops::Range;

/// Which of the files of a manifest a place is in: 0 is the manifest itself, then each `from:` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// A stretch of bytes of a source's decoded text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which file.
    pub source: SourceId,
    /// Bytes of its decoded text (UTF-8, without BOM).
    pub bytes: Range<usize>,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// A value as it was written, before any rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number that fits; larger ones are `Number`.
    Integer(i64),
    /// Any other number, as written.
    Number(String),
    /// Text.
    Text(String),
    /// An untyped cell of a table: text that a field may read as a number, a boolean or a list.
    Cell(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in order, duplicate keys already reported and removed.
    Map(Vec<(Key, Node)>),
}

/// The key of a map, or the header of a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}
