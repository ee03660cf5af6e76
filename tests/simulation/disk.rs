//! A disk with one file: what is on it for certain, and what only a reader of this boot sees.
//!
//! Start at [`Disk::cut`]. A file system writes pages when it likes and in any order; a sync waits for those that are
//! dirty. A sync that fails marks its pages clean all the same: they read back, no later sync writes them, and a power
//! cut loses them.

use crate::chance::Chance;

/// Bytes of a page: what the file system writes at once.
const PAGE: usize = 4096;

/// Bytes of a sector: what a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// What a reader finds now.
    cache: Vec<u8>,
    /// What is there after a power cut, come what may.
    platter: Vec<u8>,
    /// Pages that the next sync writes.
    dirty: Vec<bool>,
    /// Disk space, if it is limited.
    pub(crate) capacity: Option<usize>,
    /// End of the disk space that belongs to the file.
    pub(crate) set_aside: usize,
    /// Whether the name of the file leads elsewhere.
    pub(crate) is_moved: bool,
    /// Whether every sync fails.
    pub(crate) is_worn: bool,
    /// Whether syncs are acknowledged and not done.
    pub(crate) lies: bool,
}

/// What a power cut took away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    Nothing,
    /// The end of the file.
    Tail,
    /// Blocks that read as zeros, or as they were.
    Blocks,
}

impl Disk {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.cache
    }

    pub(crate) fn durable(&self) -> &[u8] {
        &self.platter
    }

    pub(crate) fn len(&self) -> usize {
        self.cache.len()
    }

    pub(crate) fn append(&mut self, bytes: &[u8]) {
        let start = self.cache.len();
        self.cache.extend_from_slice(bytes);
        self.soil(start, bytes.len());
    }

    /// Writes the end of the file over itself.
    pub(crate) fn rewrite(&mut self, start: usize) {
        self.soil(start, self.cache.len() - start);
    }

    /// Notes that bytes were written.
    fn soil(&mut self, start: usize, length: usize) {
        self.dirty.resize(self.cache.len().div_ceil(PAGE), false);
        if length > 0 {
            self.dirty[start / PAGE..=(start + length - 1) / PAGE].fill(true);
        }
        self.set_aside = self.set_aside.max(self.cache.len());
    }

    pub(crate) fn sync(&mut self) {
        if self.lies {
            return;
        }
        self.platter.resize(self.cache.len(), 0);
        for (page, dirty) in self.dirty.iter_mut().enumerate() {
            if std::mem::take(dirty) {
                let end = self.cache.len().min((page + 1) * PAGE);
                self.platter[page * PAGE..end].copy_from_slice(&self.cache[page * PAGE..end]);
            }
        }
    }

    /// A sync that writes nothing, and says so once.
    pub(crate) fn fail_sync(&mut self) {
        self.dirty.fill(false);
    }

    /// Whether something reads back that no sync will write.
    pub(crate) fn is_deceptive(&self) -> bool {
        let length = self.platter.len();
        !self.dirty.contains(&true) && (self.cache.len() != length || self.cache != self.platter)
    }

    /// Cuts the file, durably.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.cut_length(length);
        self.sync();
    }

    /// Cuts the file for readers; a power cut undoes it.
    pub(crate) fn cut_length(&mut self, length: usize) {
        self.cache.truncate(length);
        self.dirty.truncate(length.div_ceil(PAGE));
        self.set_aside = length;
    }

    /// The power goes: what was not synced survives whole, in part or not at all.
    pub(crate) fn cut(&mut self, chance: &mut Chance) -> Loss {
        let (before, durable) = (self.cache.len(), self.platter.len());
        let length = match chance.below(3) {
            0 => durable,
            1 => before,
            _ => durable.min(before) + chance.index(before.abs_diff(durable) + 1),
        };
        let block = chance.pick(&[SECTOR, PAGE]);
        let survival = chance.pick(&[0, 30, 70, 100, 100]);
        let mut left = self.platter.clone();
        left.resize(length, 0);
        for start in (0..length.min(before)).step_by(block) {
            let end = (start + block).min(length).min(before);
            if chance.percent(survival) {
                left[start..end].copy_from_slice(&self.cache[start..end]);
            }
        }
        let loss = match &left {
            left if *left == self.cache => Loss::Nothing,
            left if self.cache.starts_with(left) => Loss::Tail,
            _ => Loss::Blocks,
        };
        self.platter.clone_from(&left);
        self.set_aside = left.len();
        self.cache = left;
        self.dirty.clear();
        self.soil(0, 0);
        loss
    }
}
