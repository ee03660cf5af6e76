//! Money that create requests have reserved: every take of every job that the provider may charge for, or have charged.
//!
//! Start at [`Reserved`]. A table keeps it up to date with each event, so that it is known at any time without looking
//! at a million jobs. Sums are wide enough to be exact whatever is added: what is released later must not be missing.

use std::collections::BTreeMap;

use super::event::SentRequest;
use crate::money::{Amount, Cost, Currency, Priced, Pricing};
use crate::plan::Model;

/// What the creates of a state have reserved and not released.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reserved {
    sums: BTreeMap<Currency, u128>,
    /// Creates that were recorded without a cost, by what was sent as far as that is known.
    unrecorded: BTreeMap<Option<Priced>, u32>,
}

/// What one create has reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// As it was recorded.
    Cost(Cost),
    /// It was recorded without a cost, when there were no prices yet; this was sent, as far as it is known.
    Unrecorded(Option<Priced>),
}

impl Reserved {
    /// How much of a currency is reserved, in millionths, not counting creates without a recorded cost.
    pub(super) fn millionths(&self, currency: Currency) -> u128 {
        self.sums.get(&currency).copied().unwrap_or(0)
    }

    /// How much of each currency is reserved, not counting creates without a recorded cost.
    pub fn costs(&self) -> impl Iterator<Item = Cost> + '_ {
        let some = self.sums.iter().filter(|(_, millionths)| **millionths > 0);
        some.map(|(currency, millionths)| Cost {
            amount: Amount::at_most(*millionths),
            currency: *currency,
        })
    }

    /// How many creates were recorded without a cost.
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded
            .values()
            .map(|count| u64::from(*count))
            .sum()
    }

    /// What the creates without a recorded cost come to by this price list, in millionths; `Err`: so many of them have
    /// no price in it either.
    pub(super) fn unrecorded_by(&self, pricing: &Pricing) -> Result<u128, u64> {
        let (mut sum, mut unknown) = (0_u128, 0);
        for (sent, count) in &self.unrecorded {
            match sent.and_then(|sent| pricing.price(sent)) {
                Some(price) => sum += u128::from(price.millionths()) * u128::from(*count),
                None => unknown += u64::from(*count),
            }
        }
        if unknown > 0 { Err(unknown) } else { Ok(sum) }
    }

    pub(super) fn add(&mut self, hold: Hold) {
        match hold {
            Hold::Cost(cost) => {
                *self.sums.entry(cost.currency).or_default() +=
                    u128::from(cost.amount.millionths());
            }
            Hold::Unrecorded(sent) => *self.unrecorded.entry(sent).or_default() += 1,
        }
    }

    /// Takes away what was added.
    pub(super) fn release(&mut self, hold: Hold) {
        match hold {
            Hold::Cost(cost) => {
                let sum = self.sums.entry(cost.currency).or_default();
                *sum -= u128::from(cost.amount.millionths());
            }
            Hold::Unrecorded(sent) => {
                let count = self.unrecorded.entry(sent).or_default();
                *count -= 1;
                if *count == 0 {
                    self.unrecorded.remove(&sent);
                }
            }
        }
    }
}

impl SentRequest {
    /// What the price of this hangs on, as far as the columns tell: nothing says whether sound was asked for.
    pub(super) fn priced(&self) -> Option<Priced> {
        Some(Priced {
            model: Model::parse(&self.model)?,
            seconds: self.duration,
            audio: None,
            mode: self.mode,
        })
    }
}
