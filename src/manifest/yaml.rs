//! YAML 1.2 core → [`Node`]s that know their place, read event by event, so that a manifest of a million jobs never
//! stands in memory as one tree.
//!
//! Start at [`Document`]: the caller asks for one top-level key after the other, and for one job after the other.
//! Nesting, alias expansion and kept anchors are bounded. Knows nothing of what a key means.

mod anchors;
mod patch;
mod quotes;
mod scalar;
mod syntax;

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, StrInput, StructureStyle, Tag};

use self::anchors::{Anchors, Refusal};
pub(super) use self::patch::{Patched, patched};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::encoding::{self, Decoded};
use super::tree::{Key, Node, SourceId, Span, Value};
use super::values::described;

/// Most levels of lists and maps inside each other, aliases followed.
const DEPTH_LIMIT: usize = 64;

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Manifest,
    PriceList,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Manifest => "manifest",
            Self::PriceList => "price list",
        }
    }
}

/// A YAML manifest, or a file with one of its sections, that is being read.
pub(super) struct Document<'t> {
    kind: Kind,
    text: &'t str,
    source: SourceId,
    /// Where `text` begins in its source.
    base: usize,
    parser: Parser<'t, StrInput<'t>>,
    anchors: Anchors,
    /// The top-level keys so far.
    keys: Pairs,
    /// End of the last token that had any characters: block lists and maps end there.
    last_end: usize,
    /// Where the tag of the last event stands.
    last_tag: Range<usize>,
    /// Whether the tree that is being built lacks something that was already reported.
    is_torn: bool,
}

/// The reading cannot go on; the reason is among the diagnostics.
#[derive(Debug)]
pub(super) struct Stop;

/// What stands under `jobs:`.
pub(super) enum Jobs {
    /// A list that begins at the place: ask for [`Document::next_job`].
    List(Span),
    /// Anything else.
    Tree(Node),
}

/// One element of the list of jobs.
pub(super) struct Element {
    /// What was written.
    pub(super) node: Node,
    /// Whether something is missing from the tree that was already reported, so that rules about what is missing
    /// would mislead.
    pub(super) is_torn: bool,
}

impl<'t> Document<'t> {
    /// Reads up to the first top-level key of `text`, which begins at byte `base` of `source`.
    pub(super) fn open(
        text: &'t str,
        source: SourceId,
        base: usize,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self, Stop> {
        Self::open_as(Kind::Manifest, text, source, base, diagnostics)
    }

    /// The same for a price list in a file of its own.
    pub(super) fn open_price_list(
        text: &'t str,
        source: SourceId,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self, Stop> {
        Self::open_as(Kind::PriceList, text, source, 0, diagnostics)
    }

    fn options() -> Options {
        granit_parser::options! {
            emit_unresolved_aliases: true,
            emit_anchor_events: true,
            flow_nesting_limit: DEPTH_LIMIT,
            block_nesting_limit: DEPTH_LIMIT,
        }
    }

    fn open_as(
        kind: Kind,
        text: &'t str,
        source: SourceId,
        base: usize,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self, Stop> {
        let mut document = Self {
            kind,
            text,
            source,
            base,
            parser: Parser::new_from_str_with_options(text, Self::options()),
            anchors: Anchors::new(text.len()),
            keys: Pairs::default(),
            last_end: 0,
            last_tag: 0..0,
            is_torn: false,
        };
        document.enter(diagnostics)?;
        Ok(document)
    }

    /// The next top-level key; `None` at the end of the manifest. Its value must be read next.
    pub(super) fn next_key(&mut self, diagnostics: &mut Diagnostics) -> Result<Option<Key>, Stop> {
        loop {
            let (event, range) = self.next_event(diagnostics)?;
            if event == Event::MappingEnd {
                return self.leave(diagnostics).map(|()| None);
            }
            match self.key(event, range, 1, diagnostics)? {
                Some(Name::Key(key)) => match self.keys.position(&key.name) {
                    None => {
                        let place = Node {
                            value: Value::Null,
                            span: key.span.clone(),
                        };
                        self.keys.push(key.clone(), place);
                        return Ok(Some(key));
                    }
                    Some(first) => {
                        diagnostics.push(duplicate_key(&key, &self.keys.list[first].0));
                    }
                },
                Some(Name::Merge(span)) => diagnostics.push(Diagnostic::error(
                    "merge-key",
                    &span,
                    format!("`<<` cannot merge at the top of a {}", self.kind.word()),
                    match self.kind {
                        Kind::Manifest => "use `<<` inside `defaults:` or a job",
                        Kind::PriceList => "use `<<` inside `per_second:`",
                    },
                )),
                None => {}
            }
            self.value(&self.span(0..0), diagnostics)?;
        }
    }

    /// The value of the top-level key that [`Self::next_key`] gave.
    pub(super) fn value_of(
        &mut self,
        key: &Key,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Stop> {
        self.value(&key.span, diagnostics)
    }

    /// Enters the value of `jobs:`.
    pub(super) fn jobs(&mut self, key: &Key, diagnostics: &mut Diagnostics) -> Result<Jobs, Stop> {
        let (event, range) = self.next_event(diagnostics)?;
        if let Event::SequenceStart(_, _, tag) = &event {
            self.check_collection_tag(tag.as_deref(), "seq", diagnostics);
            return Ok(Jobs::List(key.span.clone()));
        }
        let node = self.tree(event, range, &key.span, diagnostics)?;
        Ok(Jobs::Tree(node))
    }

    /// The next job of a list; `None` at its end.
    pub(super) fn next_job(
        &mut self,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Element>, Stop> {
        let (event, range) = self.next_event(diagnostics)?;
        if event == Event::SequenceEnd {
            return Ok(None);
        }
        let dash = self.dash_before(range.start);
        let node = self.tree(event, range, &dash, diagnostics)?;
        Ok(Some(Element {
            node,
            is_torn: self.is_torn,
        }))
    }

    fn enter(&mut self, diagnostics: &mut Diagnostics) -> Result<(), Stop> {
        loop {
            let (event, range) = self.next_event(diagnostics)?;
            let refusal = match event {
                Event::StreamStart => continue,
                Event::DocumentStart(_, version) => {
                    if version.is_some_and(|version| (version.major, version.minor) != (1, 2)) {
                        diagnostics.push(self.other_yaml_version());
                    }
                    continue;
                }
                Event::MappingStart(..) => return Ok(()),
                Event::StreamEnd => empty(self.kind, &self.span(0..0)),
                Event::Scalar(text, ScalarStyle::Plain, ..)
                    if scalar::plain(text.clone()) == Value::Null =>
                {
                    empty(self.kind, &self.span(range))
                }
                Event::SequenceStart(..) => not_a_map(self.kind, &self.span(range), "a list"),
                _ => not_a_map(self.kind, &self.span(range), "text"),
            };
            diagnostics.push(refusal);
            return Err(Stop);
        }
    }

    /// After the last top-level key: nothing may follow.
    fn leave(&mut self, diagnostics: &mut Diagnostics) -> Result<(), Stop> {
        loop {
            let (event, range) = self.next_event(diagnostics)?;
            match event {
                Event::DocumentStart(..) => {
                    diagnostics.push(Diagnostic::error(
                        "several-documents",
                        &self.span(range),
                        "a second YAML document begins here",
                        format!("a {} is one document: remove this `---`, or move what follows to a file of its own", self.kind.word()),
                    ));
                    return Ok(());
                }
                Event::StreamEnd => return Ok(()),
                _ => {}
            }
        }
    }

    fn other_yaml_version(&self) -> Diagnostic {
        let start = self.text.find("%YAML").unwrap_or(0);
        let line = self.text[start..].lines().next().unwrap_or("");
        Diagnostic::warning(
            "yaml-version",
            &self.span(start..start + line.trim_end().len()),
            "a manifest is always read as YAML 1.2, in which `yes`, `no` and `16:9` are text",
            "remove this line",
        )
    }

    fn next_event(
        &mut self,
        diagnostics: &mut Diagnostics,
    ) -> Result<(Event<'t>, Range<usize>), Stop> {
        loop {
            match self.parser.next_event() {
                Some(Ok((Event::Anchor(id, name), _))) => self.anchors.declare(id, &name),
                Some(Ok((event, span))) => {
                    let range = span.byte_range().unwrap_or(self.last_end..self.last_end);
                    if !range.is_empty() && !matches!(event, Event::MappingEnd | Event::SequenceEnd)
                        || self.is_closing_bracket(&event, &range)
                    {
                        self.last_end = range.end;
                    }
                    if let Some(tag) = span.tag_span().and_then(|tag| tag.byte_range()) {
                        self.last_tag = tag;
                    }
                    return Ok((event, range));
                }
                Some(Err(error)) => {
                    let place = syntax::Place {
                        text: self.text,
                        source: self.source,
                        base: self.base,
                        from: self.last_end,
                    };
                    diagnostics.push(syntax::diagnostic(&error, &place, DEPTH_LIMIT));
                    return Err(Stop);
                }
                None => return Err(Stop),
            }
        }
    }

    fn is_closing_bracket(&self, event: &Event<'_>, range: &Range<usize>) -> bool {
        matches!(event, Event::MappingEnd | Event::SequenceEnd)
            && matches!(self.text.get(range.clone()), Some("]" | "}"))
    }

    /// The value that follows; what is left out stands at `owner`.
    fn value(&mut self, owner: &Span, diagnostics: &mut Diagnostics) -> Result<Node, Stop> {
        let (event, range) = self.next_event(diagnostics)?;
        self.tree(event, range, owner, diagnostics)
    }

    /// A whole tree, with an expansion allowance of its own.
    fn tree(
        &mut self,
        event: Event<'t>,
        range: Range<usize>,
        owner: &Span,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Stop> {
        self.is_torn = false;
        self.anchors.begin_tree();
        self.node(event, range, owner, 2, diagnostics)
    }

    fn node(
        &mut self,
        event: Event<'t>,
        range: Range<usize>,
        owner: &Span,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Stop> {
        if depth > DEPTH_LIMIT {
            diagnostics.push(syntax::too_deep(&self.span(range), DEPTH_LIMIT));
            return Err(Stop);
        }
        let (node, anchor) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let span = if range.is_empty() {
                    owner.clone()
                } else {
                    self.span(range)
                };
                let tag = tag
                    .as_deref()
                    .map(|tag| (tag, self.span(self.last_tag.clone())));
                let value = scalar::value(text, style, tag, diagnostics);
                (Node { value, span }, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "seq", diagnostics);
                let value = Value::List(self.list(depth, diagnostics)?);
                (self.collection(value, range, style), anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_collection_tag(tag.as_deref(), "map", diagnostics);
                let value = Value::Map(self.map(depth, diagnostics)?);
                (self.collection(value, range, style), anchor)
            }
            Event::Alias(id) => return self.alias(id, range, depth, diagnostics),
            Event::UnresolvedAlias(name) => (self.unknown_anchor(&name, range, diagnostics), 0),
            _ => unreachable!("the parser opens and closes documents and collections in order"),
        };
        self.anchors.keep(anchor, &node).map_err(|refusal| {
            diagnostics.push(refusal.diagnostic(&node.span));
            Stop
        })?;
        Ok(node)
    }

    fn collection(&self, value: Value, start: Range<usize>, style: StructureStyle) -> Node {
        let end = match (style, &value) {
            (StructureStyle::Block, Value::List(list)) if list.is_empty() => start.end,
            _ => self.last_end.max(start.end),
        };
        Node {
            value,
            span: self.span(start.start..end),
        }
    }

    fn list(&mut self, depth: usize, diagnostics: &mut Diagnostics) -> Result<Vec<Node>, Stop> {
        let mut list = Vec::new();
        loop {
            let (event, range) = self.next_event(diagnostics)?;
            if event == Event::SequenceEnd {
                return Ok(list);
            }
            let dash = self.dash_before(range.start);
            list.push(self.node(event, range, &dash, depth + 1, diagnostics)?);
        }
    }

    fn map(
        &mut self,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> Result<Vec<(Key, Node)>, Stop> {
        let mut pairs = Pairs::default();
        let mut merges = Vec::new();
        loop {
            let (event, range) = self.next_event(diagnostics)?;
            if event == Event::MappingEnd {
                break;
            }
            let name = self.key(event, range, depth, diagnostics)?;
            let owner = match &name {
                Some(Name::Key(Key { span, .. }) | Name::Merge(span)) => span.clone(),
                None => self.span(self.last_end..self.last_end),
            };
            let (event, range) = self.next_event(diagnostics)?;
            let value = self.node(event, range, &owner, depth + 1, diagnostics)?;
            match name {
                Some(Name::Key(key)) => match pairs.position(&key.name) {
                    None => pairs.push(key, value),
                    Some(first) => diagnostics.push(duplicate_key(&key, &pairs.list[first].0)),
                },
                Some(Name::Merge(span)) => merges.push((span, value)),
                None => {}
            }
        }
        self.merge(merges, &mut pairs, diagnostics);
        Ok(pairs.list)
    }

    fn key(
        &mut self,
        event: Event<'t>,
        range: Range<usize>,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> Result<Option<Name>, Stop> {
        let span = self.span(range.clone());
        if let Event::Scalar(text, style, 0, None) = &event {
            if *style == ScalarStyle::Plain && text == "<<" {
                return Ok(Some(Name::Merge(span)));
            }
            let name = if range.is_empty() { "" } else { text };
            let name = name.to_owned();
            return Ok(Some(Name::Key(Key { name, span })));
        }
        let node = self.node(event, range, &span, depth + 1, diagnostics)?;
        let name = match node.value {
            Value::Text(name) | Value::Number(name) => name,
            Value::Null => String::new(),
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            _ => {
                diagnostics.push(Diagnostic::error(
                    "yaml-key",
                    &node.span,
                    "a list or a map cannot be the name of a field",
                    "put quotes around text that contains `{`, `[`, `}` or `]`",
                ));
                return Ok(None);
            }
        };
        Ok(Some(Name::Key(Key { name, span })))
    }

    /// Adds what `<<` names: fields that are written out win, then the maps in their order.
    fn merge(
        &mut self,
        merges: Vec<(Span, Node)>,
        pairs: &mut Pairs,
        diagnostics: &mut Diagnostics,
    ) {
        if let [(first, _), (second, _), ..] = &merges[..] {
            let key = |span: &Span| Key {
                name: "<<".to_owned(),
                span: span.clone(),
            };
            diagnostics.push(duplicate_key(&key(second), &key(first)));
        }
        for (span, node) in merges.into_iter().take(1) {
            let maps = match node.value {
                Value::List(list) => list,
                _ => vec![node],
            };
            for map in maps {
                match map.value {
                    Value::Map(below) => pairs.fill_in(below),
                    _ if self.is_torn => {}
                    other => {
                        self.is_torn = true;
                        diagnostics.push(Diagnostic::error(
                            "merge-key",
                            &span,
                            format!(
                                "`<<` merges a map or a list of maps, not {}",
                                described(&other)
                            ),
                            "give it the alias of a map, as in `<<: *base`",
                        ));
                    }
                }
            }
        }
    }

    fn alias(
        &mut self,
        id: usize,
        range: Range<usize>,
        depth: usize,
        diagnostics: &mut Diagnostics,
    ) -> Result<Node, Stop> {
        let span = self.span(range);
        let found = self.anchors.expand(id, DEPTH_LIMIT - depth);
        found
            .map(|value| Node {
                value,
                span: span.clone(),
            })
            .map_err(|refusal| {
                diagnostics.push(match refusal {
                    Refusal::Depth => syntax::too_deep(&span, DEPTH_LIMIT),
                    other => other.diagnostic(&span),
                });
                Stop
            })
    }

    /// An alias without an anchor: probably text that starts with `*` and lacks its quotes, and kept as that.
    fn unknown_anchor(
        &mut self,
        name: &str,
        range: Range<usize>,
        diagnostics: &mut Diagnostics,
    ) -> Node {
        self.is_torn = true;
        let span = self.span(range);
        let help = match self.anchors.nearest(name) {
            Some(meant) => {
                format!("did you mean `*{meant}`? Text that starts with `*` needs quotes")
            }
            None => format!(
                "write `&{name}` before the value that is meant, further up; text that starts with `*` needs quotes"
            ),
        };
        diagnostics.push(Diagnostic::error(
            "unknown-anchor",
            &span,
            format!("`*{name}` repeats a value that has no name: there is no `&{name}` before it"),
            help,
        ));
        Node {
            value: Value::Text(format!("*{name}")),
            span,
        }
    }

    fn check_collection_tag(
        &self,
        tag: Option<&Tag>,
        expected: &str,
        diagnostics: &mut Diagnostics,
    ) {
        if let Some(tag) = tag
            && tag.core_suffix() != Some(expected)
        {
            diagnostics.push(scalar::refused_tag(tag, &self.span(self.last_tag.clone())));
        }
    }

    /// The `-` of the list that stands before `position`, for an element that is left out.
    fn dash_before(&self, position: usize) -> Span {
        let before = self.text.get(..position).unwrap_or("").trim_end();
        let start = before.len().saturating_sub(1);
        if before.ends_with('-') {
            self.span(start..before.len())
        } else {
            self.span(position..position)
        }
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span {
            source: self.source,
            bytes: range.start + self.base..range.end + self.base,
        }
    }
}

/// The text of a YAML file: UTF-8, or what its byte order mark says. Nothing is guessed, as it is for tables.
pub(super) fn decode(bytes: Vec<u8>, source: SourceId, diagnostics: &mut Diagnostics) -> Decoded {
    let decoded = if encoding::has_mark(&bytes) {
        encoding::decode(&bytes, None, source, diagnostics)
    } else {
        utf8(bytes, source, diagnostics)
    };
    if let Some(offset) = decoded.text.find('\0') {
        let place = Span {
            source,
            bytes: offset..offset + 1,
        };
        diagnostics.push(Diagnostic::error(
            "encoding",
            &place,
            "the file contains a NUL character, as UTF-16 without a byte order mark or a damaged file does",
            "save the file as UTF-8",
        ));
    }
    decoded
}

fn utf8(bytes: Vec<u8>, source: SourceId, diagnostics: &mut Diagnostics) -> Decoded {
    let note = "UTF-8".to_owned();
    match String::from_utf8(bytes) {
        Ok(text) => Decoded { text, note },
        Err(error) => {
            let start = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let place = Span {
                source,
                bytes: start..start + '\u{FFFD}'.len_utf8(),
            };
            let message = "the file is not UTF-8 here";
            diagnostics.push(
                Diagnostic::error("encoding", &place, message, "save the file as UTF-8")
                    .label("cannot be read"),
            );
            Decoded { text, note }
        }
    }
}

/// What a key turned out to be.
enum Name {
    /// A name.
    Key(Key),
    /// `<<`.
    Merge(Span),
}

/// The fields of a map in order, with an index once there are many.
#[derive(Default)]
struct Pairs {
    list: Vec<(Key, Node)>,
    index: HashMap<String, usize>,
}

impl Pairs {
    /// Up to here, looking at every key is faster than an index.
    const FEW: usize = 16;

    fn position(&self, name: &str) -> Option<usize> {
        if self.index.is_empty() {
            self.list.iter().position(|(key, _)| key.name == name)
        } else {
            self.index.get(name).copied()
        }
    }

    fn push(&mut self, key: Key, value: Node) {
        self.list.push((key, value));
        let from = match self.list.len() {
            ..=Self::FEW => return,
            _ if self.index.is_empty() => 0,
            len => len - 1,
        };
        for (position, (key, _)) in self.list.iter().enumerate().skip(from) {
            self.index.insert(key.name.clone(), position);
        }
    }

    fn fill_in(&mut self, below: Vec<(Key, Node)>) {
        for (key, value) in below {
            if self.position(&key.name).is_none() {
                self.push(key, value);
            }
        }
    }
}

fn duplicate_key(second: &Key, first: &Key) -> Diagnostic {
    Diagnostic::error(
        "duplicate-key",
        &second.span,
        format!("`{}` is written twice in the same map", second.name),
        "keep one of the two",
    )
    .label("again here")
    .related(&first.span, "first here")
}

fn empty(kind: Kind, span: &Span) -> Diagnostic {
    match kind {
        Kind::Manifest => Diagnostic::error(
            "empty-manifest",
            span,
            "the manifest is empty",
            "write a list of jobs under `jobs:`; `shotlist init FILE` writes an example to start from",
        ),
        Kind::PriceList => Diagnostic::error(
            "missing-prices",
            span,
            "the price list is empty",
            "write `currency: USD` and, under `per_second:`, what a second of video costs with each model",
        ),
    }
}

fn not_a_map(kind: Kind, span: &Span, what: &str) -> Diagnostic {
    let (key, help) = match kind {
        Kind::Manifest => ("jobs", "put the list of jobs under `jobs:`"),
        Kind::PriceList => (
            "per_second",
            "write `currency: USD` and, under `per_second:`, a price for each model",
        ),
    };
    Diagnostic::error(
        "not-a-map",
        span,
        format!(
            "a {} is a map with the key `{key}`, not {what}",
            kind.word()
        ),
        help,
    )
}

/// What an unquoted scalar means.
#[cfg(test)]
pub(super) fn plain_for_tests(text: &str) -> Value {
    scalar::plain(text.into())
}

#[cfg(test)]
mod tests;
