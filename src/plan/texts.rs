//! Texts of jobs, held once where several have the same, and one behind the other where each has its own: a million jobs
//! have two million of them.
//!
//! Start at [`Text`]; [`Shared`] is what a reader of a manifest keeps meanwhile. Knows nothing of what they say.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use super::{Job, UserValues};

/// A text that several jobs may hold at once; it may be a part of a longer one, which costs less than one of its own.
#[derive(Clone)]
pub struct Text {
    whole: Arc<Box<str>>,
    start: u32,
    length: u32,
}

impl Text {
    /// The part of `whole` at this place.
    fn part(whole: &Arc<Box<str>>, start: usize, length: usize) -> Self {
        let number = |bytes| u32::try_from(bytes).expect("no file of a manifest is that long");
        Self {
            whole: Arc::clone(whole),
            start: number(start),
            length: number(length),
        }
    }

    /// Whether it is nobody else's.
    fn is_single(&mut self) -> bool {
        Arc::get_mut(&mut self.whole).is_some()
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.whole[self.start as usize..][..self.length as usize]
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        String::from(text).into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        text.into_boxed_str().into()
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        let length = text.len();
        Self::part(&Arc::new(text), 0, length)
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, formatter)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Text {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// Long texts that were seen, each held once however many jobs have it: a picture in `defaults` is a part of them all.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    texts: HashSet<Text>,
    /// Where they are in memory: most jobs have a default's own, which need not be read for that.
    places: HashSet<*const u8>,
    /// The short one that was seen last: variants come one after the other.
    latest: Option<Text>,
    /// Short values of the user's own columns: many jobs have the same few.
    values: HashSet<Text>,
    /// The same of all values of a job together.
    sets: HashSet<UserValues>,
    /// How many jobs have their texts one behind the other.
    joined: usize,
}

impl Shared {
    /// Shorter texts are not worth looking for, but in the job before.
    const LONG: usize = 256;

    /// Most short values that are looked for.
    const VALUES: usize = 10_000;

    /// So many jobs have their texts in one.
    const JOINED: usize = 1000;

    /// The same for the value of a user's own column.
    pub(crate) fn share_value(&mut self, value: &mut Text) {
        if value.len() > Self::LONG {
            self.share(value);
        } else if let Some(known) = self.values.get(&**value) {
            *value = Text::clone(known);
        } else if self.values.len() < Self::VALUES {
            self.values.insert(Text::clone(value));
        }
    }

    /// The same for all values of a job.
    pub(crate) fn share_values(&mut self, values: UserValues) -> UserValues {
        if let Some(known) = self.sets.get(&values) {
            return known.clone();
        }
        if self.sets.len() < Self::VALUES {
            self.sets.insert(values.clone());
        }
        values
    }

    /// Puts the texts of the last of these jobs into one where there are enough of them; all that are left where these
    /// `are_all`.
    pub(crate) fn join(&mut self, jobs: &mut [Job], are_all: bool) {
        if jobs.len() - self.joined >= Self::JOINED || are_all {
            self.latest = None;
            join(&mut jobs[self.joined..]);
            self.joined = jobs.len();
        }
    }

    /// Puts the one that was seen in the place of an equal one.
    pub(crate) fn share(&mut self, text: &mut Text) {
        if text.len() <= Self::LONG {
            match self.latest.as_ref().filter(|latest| *latest == text) {
                Some(latest) => *text = Text::clone(latest),
                None => self.latest = Some(Text::clone(text)),
            }
            return;
        }
        if self.places.contains(&text.as_ptr()) {
            return;
        }
        if let Some(known) = self.texts.get(&**text) {
            *text = Text::clone(known);
            return;
        }
        self.places.insert(text.as_ptr());
        self.texts.insert(Text::clone(text));
    }
}

/// Puts the texts that only one of the jobs has one behind the other.
fn join(jobs: &mut [Job]) {
    let mut single: Vec<&mut Text> = jobs
        .iter_mut()
        .flat_map(Job::own_texts)
        .filter_map(|text| text.is_single().then_some(text))
        .collect();
    let whole: String = single.iter().map(|text| &***text).collect();
    let (whole, mut start) = (Arc::new(whole.into_boxed_str()), 0);
    for text in &mut single {
        let length = text.len();
        **text = Text::part(&whole, start, length);
        start += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn jobs() -> Vec<Job> {
        let job = |number| sample::job(&format!("shot-{number}"), &format!("Kite {number} — 風"));
        (0..5).map(job).collect()
    }

    fn prompt_of(job: &mut Job) -> &mut Text {
        job.own_texts().nth(1).expect("the id comes first")
    }

    #[test]
    fn texts_of_many_jobs_are_in_one_and_say_the_same() {
        let mut jobs = jobs();
        let words = |jobs: &[Job]| {
            let both = |job: &Job| (job.id().to_string(), job.request().prompt().to_owned());
            jobs.iter().map(both).collect::<Vec<_>>()
        };
        let before = words(&jobs);
        Shared::default().join(&mut jobs, false);
        let wholes = |jobs: &mut [Job]| {
            let texts = jobs.iter_mut().flat_map(Job::own_texts);
            texts
                .map(|text| Arc::as_ptr(&text.whole).addr())
                .collect::<HashSet<_>>()
                .len()
        };
        assert!(wholes(&mut jobs) > 1, "too few to be worth it");
        Shared::default().join(&mut jobs, true);
        assert_eq!(wholes(&mut jobs), 1);
        assert_eq!(words(&jobs), before);
    }

    #[test]
    fn a_text_that_several_jobs_have_stays_as_it_is() {
        let prompt = Text::from("the same for two");
        let mut jobs = jobs();
        for job in &mut jobs[..2] {
            *prompt_of(job) = Text::clone(&prompt);
        }
        Shared::default().join(&mut jobs, true);
        for job in &mut jobs[..2] {
            assert!(Arc::ptr_eq(&prompt_of(job).whole, &prompt.whole));
        }
    }

    #[test]
    fn a_job_takes_few_bytes() {
        assert_eq!(size_of::<Text>(), 16);
        assert!(size_of::<Job>() <= 112, "{}", size_of::<Job>());
    }
}
