//! Numbers that look random and follow from a seed.

use std::time::Duration;

/// `SplitMix64`.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    /// The numbers of `seed`; those of another `purpose` have nothing to do with them.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut mixed = Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        mixed.next();
        mixed
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("below a length")
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// From `from` to `to`, both included.
    pub(crate) fn small(&mut self, from: u32, to: u32) -> u32 {
        from + u32::try_from(self.below(u64::from(to - from + 1))).expect("small")
    }

    /// Whole milliseconds up to `longest`.
    pub(crate) fn up_to(&mut self, longest: Duration) -> Duration {
        let milliseconds = u64::try_from(longest.as_millis()).expect("short");
        Duration::from_millis(self.below(milliseconds + 1))
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.index(choices.len())]
    }

    /// A number that is often small and sometimes large: when the n-th of something shall happen.
    pub(crate) fn nth(&mut self) -> u32 {
        let end = self.pick(&[6, 20, 60, 200]);
        self.small(1, end)
    }
}
