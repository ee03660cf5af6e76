//! `--max-spend`: what a state may have reserved, and whether the next create fits.
//!
//! Start at [`Budget::draw_up`], which refuses what it could not keep, and `Room::takes`, the one comparison. What is
//! reserved is known from the records of the intents ([`super::reserve`]); this module adds the cap.

use super::event::JobIndex;
use super::reserve::{Hold, Reserved};
use super::resume::{Rerun, outlook};
use super::selection::Selection;
use super::table::JobTable;
use super::wish;
use crate::money::{Amount, Cost, Currency, Pricing};
use crate::plan::{JobId, Plan};

/// Most jobs that an error names.
const NAMED: usize = 3;

/// A cap on everything that a state has reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    cap: Cost,
    /// What creates without a recorded cost count for, in millionths. No run changes it: none of them is released
    /// without a person.
    unrecorded: u128,
}

/// Which creates fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// All: there is no cap.
    Endless,
    /// Those with which no more than the cap is reserved; in millionths.
    Under {
        /// The cap.
        cap: u128,
        /// What is reserved now.
        reserved: u128,
    },
}

impl Room {
    /// Whether a create of this price fits. One whose price is unknown fits under no cap.
    pub(super) fn takes(self, price: Option<Amount>) -> bool {
        match self {
            Self::Endless => true,
            Self::Under { cap, reserved } => {
                price.is_some_and(|price| reserved + u128::from(price.millionths()) <= cap)
            }
        }
    }
}

/// Why a run under a cap ends with jobs that are pending: none of them fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The cap.
    pub cap: Cost,
    /// What is reserved.
    pub reserved: Amount,
    /// The price of the cheapest job that is left.
    pub cheapest: Amount,
    /// The cap under which every job that is left fits.
    pub enough: Amount,
}

impl Budget {
    /// The budget of a run with this cap. An error means that the cap could not be kept, so nothing may be sent.
    /// `None`: nothing would be submitted, and what is reserved cannot be told in the currency of the prices.
    pub fn draw_up(
        cap: Amount,
        plan: &Plan,
        table: &JobTable,
        selection: &Selection,
        rerun: &Rerun,
    ) -> Result<Option<Self>, BudgetError> {
        let is_submitted = |job: &JobIndex| {
            outlook(table.job(*job), wish(table, *job, selection, rerun), rerun).submits()
        };
        let mut submitted = table.planned().filter(is_submitted).peekable();
        if submitted.peek().is_none() {
            let balanced = plan
                .pricing()
                .map(|pricing| Self::balance(cap, pricing, table));
            return Ok(balanced.and_then(Result::ok));
        }
        let unpriced = Jobs::of(table, submitted.filter(|job| table.price(*job).is_none()));
        let has_prices = plan.pricing().is_some();
        match plan.pricing() {
            Some(pricing) if unpriced.count == 0 => Self::balance(cap, pricing, table).map(Some),
            _ => Err(BudgetError::NoPrice {
                jobs: unpriced,
                has_prices,
            }),
        }
    }

    fn balance(cap: Amount, pricing: &Pricing, table: &JobTable) -> Result<Self, BudgetError> {
        let (reserved, currency) = (table.reserved(), pricing.currency);
        if let Some(other) = reserved.costs().find(|cost| cost.currency != currency) {
            return Err(BudgetError::OtherCurrency {
                reserved: other,
                currency,
            });
        }
        let unrecorded = reserved.unrecorded_by(pricing).map_err(|creates| {
            let all = 0..table.removed().end;
            let is_unknown = |job: &JobIndex| match table.hold(*job) {
                Some(Hold::Unrecorded(sent)) => sent.and_then(|sent| pricing.price(sent)).is_none(),
                Some(Hold::Cost(_)) | None => false,
            };
            BudgetError::Unrecorded {
                creates,
                jobs: Jobs::of(table, all.filter(is_unknown)),
            }
        })?;
        let amount = cap;
        Ok(Self {
            cap: Cost { amount, currency },
            unrecorded,
        })
    }

    /// The cap.
    pub fn cap(&self) -> Cost {
        self.cap
    }

    /// What counts for the cap, creates without a recorded cost included.
    pub fn reserved(&self, reserved: &Reserved) -> Amount {
        Amount::at_most(self.millionths(reserved))
    }

    fn millionths(&self, reserved: &Reserved) -> u128 {
        reserved.millionths(self.cap.currency) + self.unrecorded
    }

    pub(super) fn room(&self, reserved: &Reserved) -> Room {
        Room::Under {
            cap: u128::from(self.cap.amount.millionths()),
            reserved: self.millionths(reserved),
        }
    }

    /// What is missing for jobs of these prices, each with how many have it.
    pub(super) fn shortfall(
        &self,
        reserved: &Reserved,
        prices: impl Iterator<Item = (Option<Amount>, usize)>,
    ) -> Shortfall {
        let (mut cheapest, mut all) = (Amount::from_millionths(u64::MAX), 0_u128);
        for (price, count) in prices {
            let price = price.unwrap_or(Amount::from_millionths(u64::MAX));
            cheapest = cheapest.min(price);
            all += u128::from(price.millionths()) * count as u128;
        }
        Shortfall {
            cap: self.cap,
            reserved: self.reserved(reserved),
            cheapest,
            enough: Amount::at_most(self.millionths(reserved) + all),
        }
    }
}

/// A few jobs by name, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jobs {
    first: Vec<JobId>,
    count: usize,
}

impl Jobs {
    fn of(table: &JobTable, jobs: impl Iterator<Item = JobIndex>) -> Self {
        let (mut first, mut count) = (Vec::new(), 0);
        for job in jobs {
            count += 1;
            if first.len() < NAMED {
                first.push(table.id(job).clone());
            }
        }
        Self { first, count }
    }
}

impl std::fmt::Display for Jobs {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.first.iter().map(|id| format!("`{id}`")).collect();
        let names = names.join(", ");
        match self.count {
            0 => formatter.write_str("an earlier take"),
            1 => write!(formatter, "job {names}"),
            count if count <= NAMED => write!(formatter, "{count} jobs ({names})"),
            count => write!(formatter, "{count} jobs ({names}, …)"),
        }
    }
}

/// Why a cap could not be kept. [`BudgetError::help`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// Jobs that would be submitted have no price.
    #[error(
        "a cap (`max_spend`) needs a price for every job that would be submitted: {jobs} would go without one"
    )]
    NoPrice {
        /// Which.
        jobs: Jobs,
        /// Whether there is a price list at all.
        has_prices: bool,
    },
    /// The state has reserved money of another kind.
    #[error(
        "the cap (`max_spend`) is in {currency}, and {reserved} are reserved already: these cannot be added up"
    )]
    OtherCurrency {
        /// What is reserved.
        reserved: Cost,
        /// The currency of the price list.
        currency: Currency,
    },
    /// Creates were recorded when there were no prices, and today's list has none for them.
    #[error("a cap (`max_spend`) counts all that was ever submitted, also {} without a price, of {jobs}", count_of(*creates, "request"))]
    Unrecorded {
        /// How many.
        creates: u64,
        /// Of which jobs, as far as their last request is meant.
        jobs: Jobs,
    },
}

fn count_of(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

impl BudgetError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoPrice {
                has_prices: false, ..
            } => {
                "say in the manifest what videos cost (`pricing: { currency: USD, per_second: { MODEL: 0.10 } }`), or run without a cap"
            }
            Self::NoPrice { .. } => {
                "give their models a price under `pricing.per_second` and the jobs a `duration`, or leave them out with `--select`"
            }
            Self::OtherCurrency { .. } => {
                "state prices and cap in the currency in which jobs of this state were submitted, or run without a cap"
            }
            Self::Unrecorded { .. } => {
                "these were submitted when the manifest stated no prices, and count by today's: give the models that were sent then a price under `pricing.per_second`; what was sent without a `duration` has none, then only a run without a cap goes on"
            }
        }
    }
}
