//! Which ids and contents a manifest has seen. Kept small, for manifests of a million jobs: hashes and places only.
//!
//! Start at [`Duplicates`].

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use super::tree::{SourceId, Span};
use crate::plan::{Fingerprint, JobId, TextRequest, VideoRequest};
use crate::text::folded;

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    seen: Vec<Seen>,
    ids: HashMap<[u8; 16], u32>,
    contents: HashMap<Fingerprint, (u32, u32)>,
    looks: HashMap<u64, (u32, u32)>,
}

/// Ids and contents of somebody who glances at a manifest: which of them several jobs have is known at the end. Two that
/// only have the same hash cost a closer look, so a short one will do.
#[derive(Debug, Default)]
pub(super) struct Keys {
    all: KeysOf<Vec<u64>>,
    /// Those of several jobs, as far as an earlier glance has shown them: they get the closer look.
    known: Rc<Twins>,
}

/// Ids, contents and looks that several jobs have.
pub(super) type Twins = KeysOf<HashSet<u64>>;

/// Hashes of what tells two jobs apart.
#[derive(Debug, Default)]
pub(super) struct KeysOf<T> {
    ids: T,
    contents: T,
    looks: T,
}

impl Keys {
    /// None yet, where it is known which are those of several jobs.
    pub(super) fn knowing(known: Rc<Twins>) -> Self {
        Self {
            all: KeysOf::default(),
            known,
        }
    }

    /// The same for other jobs of the manifest.
    pub(super) fn beside(&self) -> Self {
        Self::knowing(Rc::clone(&self.known))
    }

    /// Notes an id; whether other jobs have it.
    pub(super) fn id(&mut self, id: &str) -> bool {
        let key = key_of_id(id);
        self.all.ids.push(key);
        self.known.ids.contains(&key)
    }

    /// Notes what a job sends; whether others send it, or would look alike.
    pub(super) fn request(&mut self, request: &VideoRequest) -> bool {
        let content = match request.as_text() {
            Some(request) => hash_of(&request),
            None => request.fingerprint().short(),
        };
        let look = request.look().map(Fingerprint::short);
        self.all.contents.push(content);
        self.all.looks.extend(look);
        self.known.contents.contains(&content)
            || look.is_some_and(|look| self.known.looks.contains(&look))
    }

    /// Notes a job that sends words alone, unless others have its id or send the same.
    pub(super) fn single(&mut self, id: &str, request: &TextRequest<'_>) -> Option<()> {
        let (id, content) = (key_of_id(id), hash_of(request));
        if self.known.ids.contains(&id) || self.known.contents.contains(&content) {
            return None;
        }
        self.all.ids.push(id);
        self.all.contents.push(content);
        Some(())
    }

    /// Adds those of other jobs.
    pub(super) fn append(&mut self, mut others: Self) {
        let Self { all, .. } = self;
        all.ids.append(&mut others.all.ids);
        all.contents.append(&mut others.all.contents);
        all.looks.append(&mut others.all.looks);
    }

    /// Whether an earlier glance has shown that several jobs have this id.
    pub(super) fn is_known_id(&self, id: &str) -> bool {
        self.known.ids.contains(&key_of_id(id))
    }

    /// Puts them in order, for those who ask which are there.
    pub(super) fn sort(&mut self) {
        let KeysOf {
            ids,
            contents,
            looks,
        } = &mut self.all;
        for keys in [ids, contents, looks] {
            keys.sort_unstable();
        }
    }

    /// Whether an id was noted, ignoring case; once they are sorted.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.all.ids.binary_search(&key_of_id(id)).is_ok()
    }

    /// Those that several jobs have, if no earlier glance has shown some of them; once they are sorted.
    pub(super) fn new_twins(&self) -> Option<Twins> {
        let twins = Twins {
            ids: twice(&self.all.ids),
            contents: twice(&self.all.contents),
            looks: twice(&self.all.looks),
        };
        let is_known = twins.ids.is_subset(&self.known.ids)
            && twins.contents.is_subset(&self.known.contents)
            && twins.looks.is_subset(&self.known.looks);
        (!is_known).then_some(twins)
    }
}

/// What stands more than once in `sorted`.
fn twice(sorted: &[u64]) -> HashSet<u64> {
    let pairs = sorted.array_windows();
    let twins = pairs.filter(|[one, other]| one == other);
    twins.map(|[one, _]| *one).collect()
}

fn key_of_id(id: &str) -> u64 {
    let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    if id.bytes().all(is_folded) {
        hash_of(id)
    } else {
        hash_of(&*folded(id))
    }
}

fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where an id came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdOrigin {
    /// Somebody wrote it.
    Written,
    /// Made from prompt and media.
    Made,
}

/// A job that was seen before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Earlier {
    /// Where its id (or the job) stands.
    pub(super) span: Span,
    /// Where its id came from.
    pub(super) id: IdOrigin,
}

/// A job's place in 16 bytes.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start: u64,
    length: u32,
    source: u16,
    id: IdOrigin,
}

impl Duplicates {
    /// Notes an id, and gives the earlier job that has the same, ignoring case.
    pub(super) fn id(&mut self, id: &JobId, origin: IdOrigin, span: &Span) -> Option<Earlier> {
        let next = self.next_number();
        match self.ids.entry(key_of(&id.folded())) {
            Entry::Occupied(earlier) => Some(self.seen[*earlier.get() as usize].earlier()),
            Entry::Vacant(free) => {
                free.insert(next);
                self.seen.push(Seen::new(span, origin));
                None
            }
        }
    }

    /// Whether an id was noted, ignoring case.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.ids.contains_key(&key_of(&folded(id)))
    }

    /// Notes the content of the job whose id was noted last, which is number `job` of the plan; gives the earlier job
    /// that sends the same, and its number.
    pub(super) fn content(&mut self, content: Fingerprint, job: usize) -> Option<(Earlier, usize)> {
        let job = u32::try_from(job).unwrap_or(u32::MAX);
        let latest = self.next_number().saturating_sub(1);
        match self.contents.entry(content) {
            Entry::Occupied(earlier) => {
                let (number, job) = *earlier.get();
                Some((self.seen[number as usize].earlier(), job as usize))
            }
            Entry::Vacant(free) => {
                free.insert((latest, job));
                None
            }
        }
    }

    /// Notes that the job whose id was noted last, which is or comes from `element` of the list of jobs, would look
    /// like this; gives the first job of another element that would look the same.
    pub(super) fn look(&mut self, look: Fingerprint, element: u32) -> Option<Earlier> {
        let latest = self.next_number().saturating_sub(1);
        match self.looks.entry(look.short()) {
            Entry::Occupied(earlier) => {
                let (number, from) = *earlier.get();
                (from != element).then(|| self.seen[number as usize].earlier())
            }
            Entry::Vacant(free) => {
                free.insert((latest, element));
                None
            }
        }
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.seen.len())
            .expect("a manifest of over four billion jobs does not fit memory")
    }
}

fn key_of(folded: &str) -> [u8; 16] {
    let hash = Sha256::digest(folded.as_bytes());
    let mut key = [0; 16];
    key.copy_from_slice(&hash[..16]);
    key
}

impl Seen {
    fn new(span: &Span, id: IdOrigin) -> Self {
        Self {
            start: span.bytes.start as u64,
            length: u32::try_from(span.bytes.len()).unwrap_or(u32::MAX),
            source: span.source.0,
            id,
        }
    }

    fn earlier(self) -> Earlier {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        Earlier {
            span: Span {
                source: SourceId(self.source),
                bytes: start..start.saturating_add(self.length as usize),
            },
            id: self.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_takes_sixteen_bytes() {
        assert_eq!(size_of::<Seen>(), 16);
    }

    #[test]
    fn ids_are_compared_ignoring_case_and_the_first_is_named() {
        let mut duplicates = Duplicates::default();
        let place = |start| Span {
            source: SourceId(1),
            bytes: start..start + 4,
        };
        let id = |text| JobId::new(text).expect("valid");
        let mut note = |text, start| duplicates.id(&id(text), IdOrigin::Written, &place(start));
        assert_eq!(note("hero", 10), None);
        assert_eq!(note("hero2", 20), None);
        let earlier = note("HERO", 30).expect("the same id");
        assert_eq!(earlier.span, place(10));
    }
}
