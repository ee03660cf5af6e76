//! Which ids and contents a manifest has seen. Kept small, for manifests of a million jobs: hashes and places only.
//!
//! Start at [`Duplicates`].

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

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

/// Ids and contents of somebody who glances at a manifest: whether any two of them are the same is known at the end. Two
/// that only have the same hash cost a closer look, so a short one will do.
#[derive(Debug, Default)]
pub(super) struct Keys {
    ids: Vec<u64>,
    contents: Vec<u64>,
    looks: Vec<u64>,
}

impl Keys {
    /// Notes an id.
    pub(super) fn id(&mut self, id: &str) {
        let is_folded = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
        self.ids.push(if id.bytes().all(is_folded) {
            hash_of(id)
        } else {
            hash_of(&*folded(id))
        });
    }

    /// Notes what a job sends.
    pub(super) fn request(&mut self, request: &VideoRequest) {
        match request.as_text() {
            Some(request) => self.text_request(&request),
            None => self.contents.push(request.fingerprint().short()),
        }
        self.looks.extend(request.look().map(Fingerprint::short));
    }

    /// Notes what a job sends that is made of words alone.
    pub(super) fn text_request(&mut self, request: &TextRequest<'_>) {
        self.contents.push(hash_of(request));
    }

    /// Adds those of other jobs.
    pub(super) fn append(&mut self, mut others: Self) {
        self.ids.append(&mut others.ids);
        self.contents.append(&mut others.contents);
        self.looks.append(&mut others.looks);
    }

    /// Whether any two jobs have an id, a content or a look in common.
    pub(super) fn have_twins(self) -> bool {
        let has_twins = |mut keys: Vec<u64>| {
            keys.sort_unstable();
            keys.array_windows().any(|[one, other]| one == other)
        };
        [self.ids, self.contents, self.looks]
            .into_iter()
            .any(has_twins)
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
