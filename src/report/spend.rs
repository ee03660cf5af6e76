//! What a state has reserved, as words and as JSON.
//!
//! Start at [`Spend::of`].

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::budget::Budget;
use crate::engine::table::JobTable;
use crate::money::Cost;

/// What all creates of a state have reserved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spend {
    reserved: Vec<Cost>,
    /// Creates without a recorded cost that `reserved` does not count.
    uncounted: u64,
    cap: Option<Cost>,
}

impl Spend {
    /// What is reserved now, under a cap if there is one; `None` if there is nothing to say about money.
    pub fn of(table: &JobTable, budget: Option<&Budget>) -> Option<Self> {
        let reserved = table.reserved();
        let spend = match budget {
            Some(budget) => Self {
                reserved: vec![Cost {
                    amount: budget.reserved(reserved),
                    ..budget.cap()
                }],
                uncounted: 0,
                cap: Some(budget.cap()),
            },
            None => Self {
                reserved: reserved.costs().collect(),
                uncounted: reserved.unrecorded(),
                cap: None,
            },
        };
        (!spend.reserved.is_empty()).then_some(spend)
    }

    /// What is reserved before a run that may reserve at most `cap`.
    pub fn before(table: &JobTable, cap: Option<Cost>) -> Option<Self> {
        match (Self::of(table, None), cap) {
            (None, None) => None,
            (spend, cap) => Some(Self {
                cap,
                ..spend.unwrap_or_default()
            }),
        }
    }

    /// One line: `reserved: 12.30 USD, at most 20.00 USD`.
    pub fn text(&self) -> String {
        let sums: Vec<_> = self.reserved.iter().map(Cost::to_string).collect();
        let cap = self.cap.map(|cap| format!(", at most {cap}"));
        let requests = match self.uncounted {
            1 => "request",
            _ => "requests",
        };
        let uncounted = (self.uncounted > 0).then(|| {
            format!(
                ", and {} {requests} without a recorded price",
                self.uncounted
            )
        });
        format!(
            "reserved: {}{}{}",
            sums.join(" and "),
            cap.unwrap_or_default(),
            uncounted.unwrap_or_default()
        )
    }
}

/// The same in a summary line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SpendLine {
    /// How much that is, one sum for each currency; what the provider refused is not counted.
    pub reserved: Vec<AmountLine>,
    /// How many requests were recorded without a price and are not in the sums.
    pub unpriced_requests: u64,
    /// What it may be at most: `--max-spend` or `limits.max_spend`.
    pub max_spend: Option<AmountLine>,
}

/// An amount as an exact decimal text, so that no reader makes a float of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AmountLine {
    /// Decimal text such as `12.30`.
    pub amount: String,
    /// Three capital letters such as `USD`.
    pub currency: String,
}

impl From<&Cost> for AmountLine {
    fn from(cost: &Cost) -> Self {
        Self {
            amount: cost.amount.to_string(),
            currency: cost.currency.to_string(),
        }
    }
}

impl SpendLine {
    /// The line of `spend`; in a box, because few summaries have one.
    pub fn boxed(spend: &Spend) -> Box<Self> {
        Box::new(Self {
            reserved: spend.reserved.iter().map(AmountLine::from).collect(),
            unpriced_requests: spend.uncounted,
            max_spend: spend.cap.as_ref().map(AmountLine::from),
        })
    }
}
