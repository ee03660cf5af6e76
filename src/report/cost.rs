//! What videos cost by the user's price list: a bill of what a run would order. Start at [`Bill`].
//!
//! What has no price is counted apart and never as nothing.

use std::collections::BTreeMap;

use super::table::Columns;
use crate::money::{Amount, Cost, Currency, Priced};
use crate::plan::Mode;

/// Videos and their prices, in one line for all that are alike: few lines even for a million videos.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bill {
    currency: Option<Currency>,
    groups: BTreeMap<Priced, Group>,
}

/// Videos whose price is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// How many there are.
    pub videos: u32,
    /// What each costs; `None` if that is unknown.
    pub each: Option<Amount>,
}

impl Group {
    /// What they cost together.
    pub fn amount(&self) -> Option<Amount> {
        Some(self.each?.times(self.videos.into()))
    }
}

/// A sum in which some things are unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// Of what has a price.
    pub amount: Amount,
    /// How many have none.
    pub unknown: u32,
}

impl Bill {
    /// A bill without videos; in no currency if there is no price list.
    pub fn new(currency: Option<Currency>) -> Self {
        Self {
            currency,
            groups: BTreeMap::new(),
        }
    }

    /// Adds a video that costs `each`.
    pub fn add(&mut self, video: Priced, each: Option<Amount>) {
        let alike = self.groups.entry(video);
        alike.or_insert(Group { videos: 0, each }).videos += 1;
    }

    /// What the prices are in, if there are any.
    pub fn currency(&self) -> Option<Currency> {
        self.currency
    }

    /// The lines of the bill, by model, length, sound and media.
    pub fn groups(&self) -> impl Iterator<Item = (Priced, Group)> + '_ {
        self.groups.iter().map(|(video, group)| (*video, *group))
    }

    /// How many videos there are.
    pub fn videos(&self) -> u32 {
        self.groups.values().map(|group| group.videos).sum()
    }

    /// Their seconds, as far as they are stated.
    pub fn seconds(&self) -> u64 {
        self.groups()
            .map(|(video, group)| u64::from(video.seconds.unwrap_or(0)) * u64::from(group.videos))
            .sum()
    }

    /// How many are of unstated length.
    pub fn unstated(&self) -> u32 {
        let unstated = self.groups().filter(|(video, _)| video.seconds.is_none());
        unstated.map(|(_, group)| group.videos).sum()
    }

    /// What all of them cost.
    pub fn sum(&self) -> Sum {
        self.groups
            .values()
            .fold(Sum::default(), |sum, group| match group.amount() {
                Some(amount) => Sum {
                    amount: sum.amount.plus(amount),
                    ..sum
                },
                None => Sum {
                    unknown: sum.unknown + group.videos,
                    ..sum
                },
            })
    }

    /// The lines as a table, its header first; cut to `width` cells. Empty without a price list.
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        if self.currency.is_none() || self.groups.is_empty() {
            return Vec::new();
        }
        let header = HEADER.map(str::to_owned);
        let mut rows: Vec<[String; 4]> = std::iter::once(header)
            .chain(self.groups().map(row))
            .collect();
        for money in [0, 2] {
            let widest = rows.iter().map(|row| row[money].len()).max().unwrap_or(0);
            for row in &mut rows {
                row[money] = format!("{:>widest$}", row[money]);
            }
        }
        let mut columns = Columns::new([usize::MAX; 4], width);
        for row in &rows {
            columns.measure(row.each_ref().map(String::as_str));
        }
        rows.iter()
            .map(|row| columns.draw(row.each_ref().map(String::as_str)))
            .collect()
    }
}

const HEADER: [&str; 4] = ["COST", "VIDEOS", "EACH", "OF"];

fn row((video, group): (Priced, Group)) -> [String; 4] {
    let shown = |amount: Option<Amount>| amount.map(|amount| amount.to_string());
    let length = video.seconds.map_or("?".to_owned(), |it| format!("{it}s"));
    [
        shown(group.amount()).unwrap_or_else(|| "unknown".to_owned()),
        format!("{} × {length}", group.videos),
        shown(group.each).unwrap_or_default(),
        what(video),
    ]
}

/// `seedance2.0-720p, sound, media`
fn what(video: Priced) -> String {
    let sound = match video.audio {
        Some(true) => ", sound",
        Some(false) => ", no sound",
        None => "",
    };
    let mode = match video.mode {
        Mode::Text => "",
        Mode::Image | Mode::FirstLast => ", from a picture",
        Mode::Reference => ", references",
    };
    format!("{}{sound}{mode}", video.model)
}

impl Sum {
    /// `12.50 USD`, `12.50 USD and 2 videos of unknown cost`, `unknown`.
    pub fn text(self, currency: Option<Currency>) -> String {
        let Some(currency) = currency else {
            return "unknown".to_owned();
        };
        let known = Cost {
            amount: self.amount,
            currency,
        };
        match self.unknown {
            0 => known.to_string(),
            1 => format!("{known} and 1 video of unknown cost"),
            unknown => format!("{known} and {unknown} videos of unknown cost"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Model;

    fn video(model: Model, seconds: Option<u8>, audio: Option<bool>, mode: Mode) -> Priced {
        Priced {
            model,
            seconds,
            audio,
            mode,
        }
    }

    fn amount(text: &str) -> Option<Amount> {
        text.parse().ok()
    }

    fn bill(currency: Option<&str>) -> Bill {
        let mut bill = Bill::new(currency.and_then(Currency::new));
        let cheap = video(Model::Fast720p, Some(6), Some(false), Mode::Text);
        let dear = video(Model::Standard1080p, Some(15), Some(true), Mode::Reference);
        for _ in 0..40 {
            bill.add(cheap, amount("0.38"));
        }
        bill.add(dear, amount("1234.5"));
        bill.add(video(Model::Standard720p, None, None, Mode::Text), None);
        bill.add(
            video(Model::Standard720p, Some(8), None, Mode::FirstLast),
            amount("0.980001"),
        );
        bill
    }

    #[test]
    fn a_bill_has_a_line_for_all_that_cost_the_same_and_sums_them() {
        let bill = bill(Some("USD"));
        insta::assert_snapshot!("wide", bill.lines(None).join("\n"));
        insta::assert_snapshot!("narrow", bill.lines(Some(40)).join("\n"));
        assert_eq!(
            (bill.videos(), bill.seconds(), bill.unstated()),
            (43, 263, 1)
        );
        let sum = bill.sum();
        assert_eq!(
            sum.text(bill.currency()),
            "1250.680001 USD and 1 video of unknown cost"
        );
    }

    #[test]
    fn without_a_price_list_there_is_no_table_and_the_cost_is_unknown() {
        let bill = bill(None);
        assert!(bill.lines(None).is_empty());
        assert_eq!(bill.sum().text(bill.currency()), "unknown");
    }
}
