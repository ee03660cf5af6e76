//! What `shotlist plan` shows: every job with what a run would do and why, and what that adds up to.
//!
//! Start at [`PlanLine`]. Which kind a job is of is decided elsewhere; here it is only counted and shown.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::cost::Bill;
use super::table::{Columns, id_room};
use crate::money::{Amount, Cost, Currency, Priced};
use crate::plan::{JobId, words};

words! {
    /// What a run would do with a job.
    PlanKind {
        /// It would be submitted.
        New = "new",
        /// It has a task and would be polled.
        Resume = "resume",
        /// Its video is made.
        Done = "done",
        /// It failed; only `--rerun failed` makes it again.
        Failed = "failed",
        /// A person must look first.
        InDoubt = "in_doubt",
        /// It was submitted with another content; only `--rerun changed` makes it again.
        Changed = "changed",
        /// Not selected, and nothing of it is at the provider.
        Skipped = "skipped",
        /// No longer in the manifest; only its task would be polled.
        Removed = "removed",
    }
}

/// One job of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanLine<'a> {
    /// Which job.
    pub id: &'a JobId,
    /// What a run would do with it.
    pub kind: PlanKind,
    /// Why it is of that kind: a lower-case fragment.
    pub why: Cow<'a, str>,
    /// What a run would order for it.
    pub order: Order,
}

/// What a run would order for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing: the job is not submitted.
    Nothing,
    /// A video.
    Video {
        /// What its price hangs on.
        video: Priced,
        /// Its price, if it has one.
        price: Option<Amount>,
    },
}

impl Order {
    /// Length of the video, as far as there is one and the manifest states it.
    pub fn seconds(&self) -> Option<u8> {
        match self {
            Self::Nothing => None,
            Self::Video { video, .. } => video.seconds,
        }
    }

    /// Its price, if it has one.
    pub fn price(&self) -> Option<Amount> {
        match self {
            Self::Nothing => None,
            Self::Video { price, .. } => *price,
        }
    }
}

/// Draws the lines of a plan; every line is measured before the first is drawn.
#[derive(Debug, Clone)]
pub struct PlanListing {
    /// With prices, and without them, where they leave too little room.
    columns: [Columns<5>; 2],
}

/// Cells in which most reasons can be read.
const WHY_ROOM: usize = 24;

impl PlanListing {
    /// For a terminal of `width` cells; `None` cuts nothing but very long ids.
    pub fn new(width: Option<usize>) -> Self {
        let columns = [20, 0].map(|cost| {
            let room = [id_room(width), 8, 4, cost, usize::MAX];
            let mut columns = Columns::new(room, width);
            columns.measure(header(""));
            columns
        });
        Self { columns }
    }

    /// Makes room for a line.
    pub fn measure(&mut self, line: &PlanLine<'_>) {
        let price = line.order.price().map(|it| it.to_string());
        let price = price.as_deref().unwrap_or_default();
        if !price.is_empty() {
            self.columns[0].measure(header(COST));
        }
        for columns in &mut self.columns {
            columns.measure([line.id.as_str(), line.kind.as_str(), "", price, &line.why]);
        }
    }

    fn columns(&self) -> &Columns<5> {
        let [with_prices, without] = &self.columns;
        if with_prices.leaves_last(WHY_ROOM) {
            with_prices
        } else {
            without
        }
    }

    /// The names of the columns.
    pub fn header(&self) -> String {
        self.columns().draw(header(COST))
    }

    /// A line, without a line break.
    pub fn draw(&self, line: &PlanLine<'_>) -> String {
        let seconds = match (line.order, line.order.seconds()) {
            (_, Some(seconds)) => format!("{seconds}s"),
            (Order::Video { .. }, None) => "?".to_owned(),
            (Order::Nothing, None) => String::new(),
        };
        let price = match (line.order, line.order.price()) {
            (_, Some(price)) => price.to_string(),
            (Order::Video { .. }, None) => "?".to_owned(),
            (Order::Nothing, None) => String::new(),
        };
        let (id, kind) = (line.id.as_str(), line.kind.as_str());
        self.columns().draw([id, kind, &seconds, &price, &line.why])
    }
}

const COST: &str = "COST";

fn header(cost: &'static str) -> [&'static str; 5] {
    ["JOB", "KIND", "ADDS", cost, "WHY"]
}

/// What a plan adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlanTotals {
    kinds: BTreeMap<PlanKind, u32>,
    bill: Bill,
}

impl PlanTotals {
    /// Of no lines yet; prices are in this currency, if there are any.
    pub fn new(currency: Option<Currency>) -> Self {
        Self {
            kinds: BTreeMap::new(),
            bill: Bill::new(currency),
        }
    }

    /// Counts a line.
    pub fn add(&mut self, line: &PlanLine<'_>) {
        *self.kinds.entry(line.kind).or_default() += 1;
        if let Order::Video { video, price } = line.order {
            self.bill.add(video, price);
        }
    }

    /// Jobs of each kind that occurs.
    pub fn kinds(&self) -> impl Iterator<Item = (PlanKind, u32)> + '_ {
        self.kinds.iter().map(|(kind, count)| (*kind, *count))
    }

    /// All jobs, removed ones included.
    pub fn jobs(&self) -> u32 {
        self.kinds.values().sum()
    }

    /// The videos that a run would order.
    pub fn bill(&self) -> &Bill {
        &self.bill
    }

    /// The totals in two lines; one run submits at most `max_jobs` of the videos, and a cap leaves room for `room_for`.
    pub fn text(&self, max_jobs: Option<u32>, room_for: Option<u32>) -> String {
        let kinds: Vec<_> = self
            .kinds()
            .map(|(kind, count)| format!("{count} {}", kind.as_str().replace('_', " ")))
            .collect();
        let mut text = jobs(self.jobs());
        if !kinds.is_empty() {
            let _ = write!(text, ": {}", kinds.join(", "));
        }
        text.push('\n');
        match self.bill.videos() {
            0 => text.push_str("a run would submit nothing"),
            videos => {
                let noun = if videos == 1 { "video" } else { "videos" };
                let seconds = self.bill.seconds();
                let _ = write!(
                    text,
                    "a run would submit {videos} {noun}, {seconds} seconds"
                );
                if self.bill.unstated() > 0 {
                    let _ = write!(text, " and {} of unstated length", self.bill.unstated());
                }
                let most = max_jobs.filter(|most| *most < videos);
                let room_for = room_for.filter(|room| *room < most.unwrap_or(videos));
                match (room_for, most) {
                    (Some(0), _) => text.push_str(", but none of them fits under the cap"),
                    (Some(room), _) => {
                        let _ = write!(text, ", but the cap leaves room for {room} of them");
                    }
                    (None, Some(most)) => {
                        let _ = write!(text, ", {most} of them in one run");
                    }
                    (None, None) => {}
                }
            }
        }
        text
    }
}

/// A cap on everything that a state has reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// The cap.
    pub limit: Cost,
    /// What is reserved already.
    pub reserved: Amount,
    /// How many of the videos there is room for, in the order of the plan and without those that do not fit.
    pub room_for: u32,
}

/// What the videos of a plan cost, in a line: the sum, and how it stands to the cap with what is `reserved` already, or
/// how to state prices. `None` if there are no videos.
pub fn cost_line(bill: &Bill, cap: Option<Cap>) -> Option<String> {
    if bill.videos() == 0 {
        return None;
    }
    let sum = bill.sum();
    if bill.currency().is_some() && sum.unknown == bill.videos() {
        let none = match sum.unknown {
            1 => "the video has no price".to_owned(),
            videos => format!("none of the {videos} videos has a price"),
        };
        return Some(format!("cost: unknown: {none}"));
    }
    let mut line = format!("cost: {}", sum.text(bill.currency()));
    if bill.currency().is_none() {
        line.push_str("; state the provider's prices under `pricing:` in the manifest");
        return Some(line);
    }
    line.push_str(" by your price list");
    if let Some(Cap {
        limit,
        reserved,
        room_for,
    }) = cap
    {
        let is_over = sum.amount.plus(reserved) > limit.amount;
        let stands = if is_over { "over" } else { "within" };
        let before = if reserved > Amount::default() {
            " with what is reserved already"
        } else {
            ""
        };
        let _ = write!(line, ", {stands} the cap of {limit}{before}");
        if is_over {
            let _ = write!(
                line,
                ": there is room for {room_for} of the {} videos",
                bill.videos()
            );
        }
    }
    Some(line)
}

/// `1 job`, `2 jobs`.
pub(crate) fn jobs(count: u32) -> String {
    format!("{count} {}", if count == 1 { "job" } else { "jobs" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Mode, Model};
    use crate::report::sample::job_id;

    fn video(seconds: Option<u8>, price: Option<&str>) -> Order {
        Order::Video {
            video: Priced {
                model: Model::Standard720p,
                seconds,
                audio: None,
                mode: Mode::Text,
            },
            price: price.and_then(|price| price.parse().ok()),
        }
    }

    fn shown(lines: &[PlanLine<'_>], width: Option<usize>) -> String {
        let mut listing = PlanListing::new(width);
        let mut totals = PlanTotals::new(Currency::new("USD"));
        for line in lines {
            listing.measure(line);
            totals.add(line);
        }
        let rows = lines.iter().map(|line| listing.draw(line));
        let rows: Vec<_> = std::iter::once(listing.header()).chain(rows).collect();
        format!("{}\n\n{}", rows.join("\n"), totals.text(None, None))
    }

    #[test]
    fn every_job_is_listed_with_what_a_run_would_do_and_the_total() {
        let ids = [
            "hero",
            "雨-night",
            "lookbook-with-a-rather-long-name",
            "old",
        ]
        .map(job_id);
        let line = |id, kind, why: &'static str, order| PlanLine {
            id,
            kind,
            why: why.into(),
            order,
        };
        let lines = [
            line(
                &ids[0],
                PlanKind::New,
                "never submitted",
                video(Some(8), Some("1.36")),
            ),
            line(&ids[1], PlanKind::New, "never submitted", video(None, None)),
            line(
                &ids[2],
                PlanKind::InDoubt,
                "no answer within 3m; settle it with `shotlist resolve`",
                Order::Nothing,
            ),
            line(
                &ids[3],
                PlanKind::Removed,
                "task `task_9` is polled",
                Order::Nothing,
            ),
        ];
        insta::assert_snapshot!("wide", shown(&lines, None));
        insta::assert_snapshot!("narrow", shown(&lines, Some(60)));
    }

    #[test]
    fn the_cost_stands_to_its_limit_and_what_is_unknown_is_no_zero() {
        let mut bill = Bill::new(Currency::new("EUR"));
        let amount = |text: &str| text.parse::<Amount>().expect("an amount");
        let cap = |limit: &str, reserved: &str| {
            let currency = Currency::new("EUR").expect("three letters");
            let limit = Cost {
                amount: amount(limit),
                currency,
            };
            let reserved = amount(reserved);
            Some(Cap {
                limit,
                reserved,
                room_for: 1,
            })
        };
        assert_eq!(cost_line(&bill, cap("5", "0")), None);
        let Order::Video { video, .. } = video(Some(8), None) else {
            unreachable!("it is one");
        };
        let line = |bill: &Bill, cap: Option<Cap>| cost_line(bill, cap).expect("a video");
        bill.add(video, "1.36".parse().ok());
        bill.add(video, "1.36".parse().ok());
        let shown = [
            line(&bill, None),
            line(&bill, cap("2.72", "0")),
            line(&bill, cap("2.719999", "0")),
            line(&bill, cap("4", "1.28")),
            line(&bill, cap("4", "1.280001")),
        ];
        insta::assert_snapshot!(shown.join("\n"), @"
        cost: 2.72 EUR by your price list
        cost: 2.72 EUR by your price list, within the cap of 2.72 EUR
        cost: 2.72 EUR by your price list, over the cap of 2.719999 EUR: there is room for 1 of the 2 videos
        cost: 2.72 EUR by your price list, within the cap of 4.00 EUR with what is reserved already
        cost: 2.72 EUR by your price list, over the cap of 4.00 EUR with what is reserved already: there is room for 1 of the 2 videos
        ");
        let longer = Priced {
            seconds: None,
            ..video
        };
        bill.add(longer, None);
        assert_eq!(
            line(&bill, None),
            "cost: 2.72 EUR and 1 video of unknown cost by your price list"
        );
        let mut nothing = Bill::new(Currency::new("EUR"));
        nothing.add(longer, None);
        nothing.add(longer, None);
        assert_eq!(
            line(&nothing, None),
            "cost: unknown: none of the 2 videos has a price"
        );
        let mut unpriced = Bill::new(None);
        unpriced.add(longer, None);
        insta::assert_snapshot!(
            line(&unpriced, None),
            @"cost: unknown; state the provider's prices under `pricing:` in the manifest"
        );
    }

    #[test]
    fn a_limit_of_jobs_is_said_where_it_bites() {
        let ids = ["a", "b", "c"].map(job_id);
        let mut totals = PlanTotals::default();
        for id in &ids {
            totals.add(&PlanLine {
                id,
                kind: PlanKind::New,
                why: "".into(),
                order: video(Some(5), None),
            });
        }
        let text = |max_jobs, room_for| totals.text(Some(max_jobs), Some(room_for));
        assert!(text(2, 2).ends_with("3 videos, 15 seconds, 2 of them in one run"));
        assert!(text(2, 1).ends_with(", but the cap leaves room for 1 of them"));
        assert!(text(3, 2).ends_with(", but the cap leaves room for 2 of them"));
        assert!(text(3, 0).ends_with(", but none of them fits under the cap"));
        assert!(text(3, 3).ends_with("3 videos, 15 seconds"));
    }

    #[test]
    fn a_plan_with_nothing_to_do_says_so() {
        assert_eq!(
            PlanTotals::default().text(None, None),
            "0 jobs\na run would submit nothing"
        );
        let id = job_id("a");
        let mut totals = PlanTotals::default();
        totals.add(&PlanLine {
            id: &id,
            kind: PlanKind::Done,
            why: "".into(),
            order: Order::Nothing,
        });
        assert_eq!(
            totals.text(None, None),
            "1 job: 1 done\na run would submit nothing"
        );
    }
}
