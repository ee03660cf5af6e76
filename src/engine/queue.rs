//! Jobs that wait for their first submit in a run, by price: a cap passes over those that do not fit.
//!
//! Start at [`Queue::pop`]. A plan has few prices (a few hundred, at most), however many jobs; a group of jobs with one
//! price fits or does not fit as a whole, so that nobody looks at a million jobs that do not.

use std::collections::VecDeque;

use super::budget::Room;
use super::event::JobIndex;
use crate::money::Amount;

/// Jobs in plan order; of those that fit, the first goes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// By price, unknown ones last. None is empty.
    groups: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    price: Option<Amount>,
    jobs: VecDeque<JobIndex>,
}

impl Queue {
    /// Adds a job that comes after all others in the plan.
    pub(super) fn push(&mut self, job: JobIndex, price: Option<Amount>) {
        let place = self
            .groups
            .binary_search_by_key(&rank(price), |group| rank(group.price));
        let at = place.unwrap_or_else(|at| {
            let jobs = VecDeque::new();
            self.groups.insert(at, Group { price, jobs });
            at
        });
        self.groups[at].jobs.push_back(job);
    }

    /// Takes out the first job in plan order that there is room for.
    pub(super) fn pop(&mut self, room: Room) -> Option<JobIndex> {
        let affordable = self.groups.partition_point(|group| room.takes(group.price));
        let fitting = self.groups[..affordable].iter().enumerate();
        let (at, _) = fitting.min_by_key(|(_, group)| group.jobs.front())?;
        let job = self.groups[at].jobs.pop_front();
        if self.groups[at].jobs.is_empty() {
            self.groups.remove(at);
        }
        job
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether there is room for any job.
    pub(super) fn has_fitting(&self, room: Room) -> bool {
        self.groups
            .first()
            .is_some_and(|group| room.takes(group.price))
    }

    /// Most jobs that there is room for: those with the lowest prices.
    pub(super) fn most_fitting(&self, room: Room) -> usize {
        let Room::Under { cap, reserved } = room else {
            return self.groups.iter().map(|group| group.jobs.len()).sum();
        };
        let mut left = cap.saturating_sub(reserved);
        let mut fitting = 0;
        for group in self.groups.iter().filter(|_| reserved <= cap) {
            let Some(price) = group.price.map(|price| u128::from(price.millionths())) else {
                break;
            };
            let count = group.jobs.len();
            let most = left.checked_div(price).unwrap_or(u128::MAX);
            let count = usize::try_from(most).unwrap_or(usize::MAX).min(count);
            left -= price * count as u128;
            fitting += count;
        }
        fitting
    }

    /// Each price with the number of jobs that have it, the lowest first.
    pub(super) fn prices(&self) -> impl Iterator<Item = (Option<Amount>, usize)> + '_ {
        self.groups
            .iter()
            .map(|group| (group.price, group.jobs.len()))
    }
}

/// Unknown prices come after all others.
fn rank(price: Option<Amount>) -> (bool, Option<Amount>) {
    (price.is_none(), price)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngSeed};

    use super::*;

    fn amount(millionths: u64) -> Amount {
        Amount::from_millionths(millionths)
    }

    fn room(cap: u64, reserved: u64) -> Room {
        Room::Under {
            cap: u128::from(cap),
            reserved: u128::from(reserved),
        }
    }

    #[test]
    fn a_job_fits_up_to_the_last_millionth_and_not_beyond() {
        let mut queue = Queue::default();
        queue.push(0, Some(amount(5)));
        assert_eq!(queue.pop(room(9, 5)), None);
        assert_eq!(queue.pop(room(10, 5)), Some(0));
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_free_fits_unless_more_than_the_cap_is_reserved_already() {
        let mut queue = Queue::default();
        queue.push(0, Some(amount(0)));
        assert!(!queue.has_fitting(room(9, 10)));
        assert!(queue.has_fitting(room(10, 10)));
    }

    #[test]
    fn a_job_without_a_price_fits_under_no_cap() {
        let mut queue = Queue::default();
        queue.push(0, None);
        assert_eq!(queue.pop(room(u64::MAX, 0)), None);
        assert_eq!(queue.pop(Room::Endless), Some(0));
    }

    proptest! {
        #![proptest_config(Config { rng_seed: RngSeed::Fixed(7), failure_persistence: None, ..Config::default() })]

        #[test]
        fn the_first_job_of_the_plan_that_fits_goes(
            prices in prop::collection::vec(prop::option::weighted(0.9, 0_u64..6), 0..30),
            rooms in prop::collection::vec((prop::bool::weighted(0.8), 0_u64..12, 0_u64..8), 0..60),
        ) {
            let mut queue = Queue::default();
            let mut list: Vec<(JobIndex, Option<u64>)> = (0..).zip(prices).collect();
            for (job, price) in &list {
                queue.push(*job, price.map(amount));
            }
            for (has_cap, cap, reserved) in rooms {
                let fits = |price: &Option<u64>| {
                    !has_cap || price.is_some_and(|price| reserved + price <= cap)
                };
                let at = list.iter().position(|(_, price)| fits(price));
                let expected = at.map(|at| list.remove(at).0);
                let room = if has_cap { room(cap, reserved) } else { Room::Endless };
                prop_assert_eq!(queue.has_fitting(room), expected.is_some());
                prop_assert_eq!(queue.pop(room), expected);
                prop_assert_eq!(queue.is_empty(), list.is_empty());
                let mut prices: Vec<_> = list.iter().filter_map(|(_, price)| *price).collect();
                prices.sort_unstable();
                let mut sum = reserved;
                let affordable = prices.iter().take_while(|price| { sum += **price; sum <= cap });
                let most = if has_cap { affordable.count() } else { list.len() };
                let room = if has_cap { super::tests::room(cap, reserved) } else { Room::Endless };
                let most = if has_cap && reserved > cap { 0 } else { most };
                prop_assert_eq!(queue.most_fitting(room), most);
                let counted: usize = queue.prices().map(|(_, count)| count).sum();
                prop_assert_eq!(counted, list.len());
            }
        }
    }
}
