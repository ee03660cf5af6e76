//! Which jobs a run may submit: those whose ids match, of the share that is this machine's.
//!
//! Start at [`Selection::selects`]. A partition hangs on the id alone, so that a job stays where it is whatever is added,
//! removed or edited around it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::plan::JobId;
use crate::text::folded;

/// The `--select` globs and the `--partition` of a run, compiled.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    globs: Option<globset::GlobSet>,
    partition: Option<Partition>,
}

impl Selection {
    /// Selects the jobs whose id matches any of `globs`, compared as ids are; no globs select every job.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        if globs.is_empty() {
            return Ok(Self::default());
        }
        let mut builder = globset::GlobSetBuilder::new();
        for glob in globs {
            builder.add(globset::Glob::new(&folded(glob))?);
        }
        builder.build().map(|set| Self {
            globs: Some(set),
            partition: None,
        })
    }

    /// Of these, the jobs of one partition.
    #[must_use]
    pub fn within(self, partition: Option<Partition>) -> Self {
        Self { partition, ..self }
    }

    /// Whether `id` is selected.
    pub fn selects(&self, id: &JobId) -> bool {
        self.matches(id) && self.partition.is_none_or(|partition| partition.holds(id))
    }

    /// Whether `id` matches a glob, whichever partition it is in.
    pub fn matches(&self, id: &JobId) -> bool {
        self.globs
            .as_ref()
            .is_none_or(|set| set.is_match(&*id.folded()))
    }
}

/// One of several shares of the jobs of a manifest, each for a machine: `hash:2/3` is the second of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// From 1.
    number: NonZeroU32,
    of: NonZeroU32,
}

impl Partition {
    /// Whether the job is in this share: by the first 64 bits of the SHA-256 of its id, as ids are compared.
    pub fn holds(self, id: &JobId) -> bool {
        let hash = Sha256::digest(id.folded().as_bytes());
        let head = hash.first_chunk().expect("a SHA-256 has 32 bytes");
        u64::from_be_bytes(*head) % u64::from(self.of.get()) == u64::from(self.number.get()) - 1
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hash:{}/{}", self.number, self.of)
    }
}

/// A partition that is written otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write `hash:m/n`, the m-th of n partitions, m from 1 to n: `hash:1/3`, `hash:2/3` and `hash:3/3`"
)]
pub struct PartitionError;

impl FromStr for Partition {
    type Err = PartitionError;

    fn from_str(text: &str) -> Result<Self, PartitionError> {
        let (number, of) = text
            .strip_prefix("hash:")
            .and_then(|share| share.split_once('/'))
            .ok_or(PartitionError)?;
        let (number, of) = (whole(number)?, whole(of)?);
        (number <= of)
            .then_some(Self { number, of })
            .ok_or(PartitionError)
    }
}

/// A number from 1, in digits alone.
fn whole(text: &str) -> Result<NonZeroU32, PartitionError> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_plain);
    number.ok_or(PartitionError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn partition(text: &str) -> Partition {
        text.parse().expect("a partition")
    }

    #[test]
    fn every_job_is_in_one_partition_and_the_partitions_are_about_as_large() {
        let ids: Vec<_> = (0..3000)
            .map(|number| sample::job_id(&format!("shot-{number}")))
            .collect();
        let shares: Vec<_> = ["hash:1/3", "hash:2/3", "hash:3/3"].map(partition).to_vec();
        let sizes = shares
            .iter()
            .map(|share| ids.iter().filter(|id| share.holds(id)).count());
        assert_eq!(sizes.clone().sum::<usize>(), ids.len());
        assert!(sizes.clone().all(|size| (900..1100).contains(&size)));
        for id in &ids {
            assert_eq!(shares.iter().filter(|share| share.holds(id)).count(), 1);
        }
    }

    /// A state holds for years: these must never change.
    #[test]
    fn a_job_stays_in_its_partition_in_every_version_and_however_its_id_is_written() {
        let of_five = |id: &str| {
            let held =
                |number: &u32| partition(&format!("hash:{number}/5")).holds(&sample::job_id(id));
            (1..=5).find(held)
        };
        let ids = [
            "hero",
            "lookbook",
            "shot-0001",
            "j-0123456789ab",
            "caf\u{e9}",
        ];
        assert_eq!(ids.map(of_five), [2, 4, 3, 3, 5].map(Some));
        assert_eq!(of_five("HERO"), of_five("hero"));
        assert_eq!(of_five("cafe\u{301}"), of_five("caf\u{e9}"));
    }

    #[test]
    fn a_partition_is_written_in_one_way() {
        for text in ["hash:1/1", "hash:3/3", "hash:2/4294967295"] {
            assert_eq!(partition(text).to_string(), text);
        }
        for text in [
            "",
            "hash",
            "hash:",
            "hash:1",
            "hash:1/",
            "hash:/3",
            "hash:0/3",
            "hash:4/3",
            "hash:1/0",
            "hash:+1/3",
            "hash:1/3/5",
            "hash: 1/3",
            "hash:1/4294967296",
            "1/3",
            "HASH:1/3",
            "crc:1/3",
        ] {
            assert_eq!(text.parse::<Partition>(), Err(PartitionError), "{text}");
        }
    }

    #[test]
    fn a_selection_within_a_partition_selects_what_both_do() {
        let globs = Selection::new(&["hero-*".to_owned()]).expect("a pattern");
        let share = partition("hash:1/2");
        let both = globs.within(Some(share));
        for number in 0..20 {
            let (hero, other) = (format!("hero-{number}"), format!("kite-{number}"));
            let (hero, other) = (sample::job_id(&hero), sample::job_id(&other));
            assert_eq!(both.selects(&hero), share.holds(&hero));
            assert!(both.matches(&hero) && !both.matches(&other) && !both.selects(&other));
        }
    }
}
