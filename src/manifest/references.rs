//! Which files the jobs of a manifest refer to, and where each address stands. Start at [`References`].
//!
//! Kept only when it is asked for ([`LoadOptions`](super::LoadOptions)): a plan needs no places, and a table may have a
//! million of them. Each address is kept once, with the first place where a field names it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::tree::{Key, Node, Span, Value};
use super::values;
use crate::media::Family;

/// Fields that hold addresses, and what must be there.
const FIELDS: [(&str, Family); 5] = [
    ("image", Family::Picture),
    ("last_image", Family::Picture),
    ("images", Family::Picture),
    ("videos", Family::Video),
    ("audios", Family::Sound),
];

/// The http(s) addresses of a manifest.
#[derive(Debug, Default)]
pub struct References {
    addresses: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, usize>,
    uses: Vec<Use>,
    used: HashMap<(usize, &'static str), usize>,
    statements: Vec<Statement>,
    lists: Vec<VideoList>,
    /// Lists and statements by place and addresses: many jobs may share one of defaults, or of a template.
    shared: HashSet<(u16, usize, Vec<usize>)>,
    defaults: Vec<(Key, Node)>,
}

/// A field that names an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// Number of the address in [`References::addresses`].
    pub address: usize,
    /// The field.
    pub field: &'static str,
    /// What it must hold.
    pub family: Family,
    /// The first place.
    pub span: Span,
    /// How many jobs have the address in this field.
    pub jobs: usize,
}

/// A length that is written beside an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Number of the address.
    pub address: usize,
    /// As it is written.
    pub length: Duration,
    /// Where.
    pub span: Span,
}

/// Several videos of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoList {
    /// Numbers of the addresses.
    pub addresses: Vec<usize>,
    /// The list as a whole.
    pub span: Span,
}

impl References {
    /// Every address once, in reading order.
    pub fn addresses(&self) -> &[Arc<str>] {
        &self.addresses
    }

    /// Which fields name them.
    pub fn uses(&self) -> &[Use] {
        &self.uses
    }

    /// Lengths that are written beside addresses.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Lists of more than one video.
    pub fn lists(&self) -> &[VideoList] {
        &self.lists
    }

    /// Takes the fields that jobs have unless they say otherwise.
    pub(super) fn defaults(&mut self, defaults: &Node) {
        if let Value::Map(pairs) = &defaults.value {
            let names_files =
                |(key, _): &&(Key, Node)| FIELDS.iter().any(|(name, _)| *name == key.name);
            self.defaults = pairs.iter().filter(names_files).cloned().collect();
        }
    }

    /// Takes the addresses of one job, its own or those of the defaults.
    pub(super) fn job(&mut self, job: &[(Key, Node)]) {
        let defaults = std::mem::take(&mut self.defaults);
        for (name, family) in FIELDS {
            let named =
                |pairs: &'_ [(Key, Node)]| pairs.iter().position(|(key, _)| key.name == name);
            let own = named(job)
                .map(|at| &job[at].1)
                .filter(|node| !is_blank(node));
            let node = own.or_else(|| named(&defaults).map(|at| &defaults[at].1));
            if let Some(node) = node {
                self.field(name, family, node);
            }
        }
        self.defaults = defaults;
    }

    fn field(&mut self, name: &'static str, family: Family, node: &Node) {
        let split;
        let elements = match &node.value {
            Value::List(elements) => elements.as_slice(),
            Value::Cell(text) if name.ends_with('s') => {
                split = values::split_cell(text, node);
                &split
            }
            _ => std::slice::from_ref(node),
        };
        let mut videos = Vec::new();
        for element in elements {
            if let Some(address) = self.element(name, family, element) {
                videos.push(address);
            }
        }
        if family == Family::Video && videos.len() > 1 && self.is_new(&node.span, &videos) {
            self.lists.push(VideoList {
                addresses: videos,
                span: node.span.clone(),
            });
        }
    }

    fn element(&mut self, name: &'static str, family: Family, node: &Node) -> Option<usize> {
        match &node.value {
            Value::Text(text) | Value::Cell(text) => {
                self.address(name, family, text.trim(), &node.span)
            }
            Value::Map(pairs) => {
                let value = |name| {
                    let found = pairs.iter().find(|(key, _)| key.name == name);
                    found.map(|(_, node)| node)
                };
                let url = value("url")?;
                let Value::Text(text) = &url.value else {
                    return None;
                };
                let address = self.address(name, family, text, &url.span)?;
                if let Some(seconds) = value("seconds")
                    && let Some(length) = values::stated_length(seconds)
                    && self.is_new(&seconds.span, &[address])
                {
                    self.statements.push(Statement {
                        address,
                        length,
                        span: seconds.span.clone(),
                    });
                }
                Some(address)
            }
            _ => None,
        }
    }

    fn address(
        &mut self,
        field: &'static str,
        family: Family,
        text: &str,
        span: &Span,
    ) -> Option<usize> {
        let is_http = text
            .get(..4)
            .is_some_and(|start| start.eq_ignore_ascii_case("http"));
        if !is_http {
            return None;
        }
        let address = self.number(text);
        let number = *self.used.entry((address, field)).or_insert_with(|| {
            self.uses.push(Use {
                address,
                field,
                family,
                span: span.clone(),
                jobs: 0,
            });
            self.uses.len() - 1
        });
        self.uses[number].jobs += 1;
        Some(address)
    }

    /// The number of an address, a new one if it was not met before.
    fn number(&mut self, address: &str) -> usize {
        if let Some(number) = self.numbers.get(address) {
            return *number;
        }
        let address: Arc<str> = address.into();
        self.addresses.push(Arc::clone(&address));
        self.numbers.insert(address, self.addresses.len() - 1);
        self.addresses.len() - 1
    }

    /// Whether this place was not met before with these addresses: in defaults, in a template or through an alias.
    fn is_new(&mut self, span: &Span, addresses: &[usize]) -> bool {
        self.shared
            .insert((span.source.0, span.bytes.start, addresses.to_vec()))
    }
}

/// A cell that leaves the field to the defaults.
fn is_blank(node: &Node) -> bool {
    match &node.value {
        Value::Cell(text) => text.trim().is_empty(),
        Value::List(elements) => !elements.is_empty() && elements.iter().all(is_blank),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::manifest::{LoadOptions, Loaded, load_with};

    fn loaded(name: &str, text: &str) -> Loaded {
        let text = text.to_owned();
        let options = LoadOptions {
            keeps_references: true,
            ..LoadOptions::default()
        };
        let read = move |_: &Path| Ok(text.clone().into());
        let loaded = load_with(Path::new(name), &options, &read);
        assert!(loaded.plan.is_some(), "{}", loaded.render_compact());
        loaded
    }

    /// `field address × jobs @ line:column` of every use.
    fn uses(loaded: &Loaded) -> Vec<String> {
        let references = loaded.references.as_ref().expect("asked for");
        let shown = references.uses().iter().map(|used| {
            let address = &references.addresses()[used.address];
            let span = loaded.sources.narrowed(&used.span, address);
            let place = loaded.sources.place(&span);
            let (line, column) = (place.line, place.column);
            format!("{} {address} × {} @ {line}:{column}", used.field, used.jobs)
        });
        shown.collect()
    }

    #[test]
    fn addresses_of_yaml_are_kept_with_their_places() {
        let loaded = loaded(
            "a.yaml",
            "defaults: { model: seedance2.0-720p, duration: 5, image: 'https://a.example/1.png' }\n\
             jobs:\n\
             - { prompt: one }\n\
             - { prompt: two }\n\
             - prompt: three\n  image: null\n  \
               videos:\n  - https://a.example/1.mp4\n  - { url: https://a.example/2.mp4, seconds: 4.5 }\n\
             - prompt: four\n  image: data:image/png;base64,iVBORw0KGgo=\n",
        );
        assert_eq!(
            uses(&loaded),
            [
                "image https://a.example/1.png × 2 @ 1:59",
                "videos https://a.example/1.mp4 × 1 @ 8:5",
                "videos https://a.example/2.mp4 × 1 @ 9:12",
            ]
        );
        let references = loaded.references.expect("asked for");
        assert_eq!(references.lists()[0].addresses, [1, 2]);
        assert_eq!(references.statements()[0].address, 2);
        assert_eq!(references.statements()[0].length.as_millis(), 4500);
    }

    #[test]
    fn addresses_of_a_table_are_found_inside_their_cells() {
        let loaded = loaded(
            "a.csv",
            "prompt,model,duration,images,video_1,video_2\n\
             one,seedance2.0-720p,5,https://a.example/1.png|https://a.example/2.png,,\n\
             two,seedance2.0-720p,5,https://a.example/2.png,https://a.example/1.mp4,https://a.example/2.mp4\n\
             three,seedance2.0-720p,5,\"https://a.example/2.png\n  https://a.example/3.png\",,\n",
        );
        assert_eq!(
            uses(&loaded),
            [
                "images https://a.example/1.png × 1 @ 2:24",
                "images https://a.example/2.png × 3 @ 2:48",
                "videos https://a.example/1.mp4 × 1 @ 3:48",
                "videos https://a.example/2.mp4 × 1 @ 3:72",
                "images https://a.example/3.png × 1 @ 5:3",
            ]
        );
        assert_eq!(loaded.references.expect("asked for").lists().len(), 1);
    }

    #[test]
    fn addresses_of_templates_are_those_that_come_out() {
        let loaded = loaded(
            "a.yaml",
            "vars: { host: 'https://a.example' }\n\
             defaults: { model: seedance2.0-720p, duration: 5, image: '{{ host }}/{{ variant | default(0) }}.png' }\n\
             jobs:\n\
             - { id: two, prompt: a, variants: 2 }\n\
             - id: m\n  prompt: b\n  image: null\n  matrix: { color: [red, blue] }\n  \
               videos: ['{{ host }}/1.mp4', { url: '{{ host }}/{{ color }}.mp4', seconds: 4 }]\n",
        );
        let references = loaded.references.as_ref().expect("asked for");
        let addresses: Vec<&str> = references.addresses().iter().map(|it| &**it).collect();
        assert_eq!(
            addresses,
            [
                "https://a.example/1.png",
                "https://a.example/2.png",
                "https://a.example/1.mp4",
                "https://a.example/red.mp4",
                "https://a.example/blue.mp4",
            ]
        );
        let lists: Vec<&[usize]> = references
            .lists()
            .iter()
            .map(|list| &list.addresses[..])
            .collect();
        assert_eq!(lists, [[2, 3], [2, 4]]);
        assert_eq!(references.statements().len(), 2);
    }

    #[test]
    fn nothing_is_kept_unless_it_is_asked_for() {
        let loaded = crate::manifest::load(Path::new("a.yaml"), &|_| Ok("jobs: []".into()));
        assert!(loaded.references.is_none());
    }
}
