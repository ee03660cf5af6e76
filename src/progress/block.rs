//! The block of lines that shows a run on a terminal, as a pure function of a [`View`] and the size of the window.
//!
//! Start at [`lines`]. A line is made of parts, each with a weight: where it is too long, parts get shorter, then those
//! that matter least are left out; nothing is ever wrapped. Widths are reckoned for the terminal that shows the widest:
//! one that gives ambiguous characters two cells, and draws joined emoji one by one.

use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::eta::show_left;
use super::pace::{Speeds, per_ten_hours, show_rate};
use crate::download::traffic::Flow;
use crate::engine::event::{PendingClass, StopReason};
use crate::engine::job::Status;
use crate::engine::snapshot::{Ending, Gate, Snapshot, Spend};
use crate::money::Cost;
use crate::output::Size;
use crate::report::notice::stop_brief;
use crate::report::outcome::Tally;
use crate::report::table::{cut_to, most_cells};
use crate::units::{show_bytes, show_duration};

/// Most lines of a block.
const MOST_LINES: usize = 8;

/// A deadline that is further off is not worth a place.
const NEAR_DEADLINE: Duration = Duration::from_secs(15 * 60);

/// A job that takes so many times longer than usual is marked.
const LONG: u32 = 3;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const UNCLEAR: Style = AnsiColor::Yellow.on_default();
const ACTIVE: Style = AnsiColor::Cyan.on_default();
const FAINT: Style = Style::new().dimmed();
const PLAIN: Style = Style::new();

/// Everything that a block shows.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    /// The selected jobs, counted.
    pub(super) tally: &'a Tally,
    /// The engine's view.
    pub(super) snapshot: &'a Snapshot<'a>,
    /// The oldest running jobs by name, with their age.
    pub(super) oldest: Vec<(&'a str, Duration)>,
    /// How fast requests leave, if that can be told.
    pub(super) speeds: Option<Speeds>,
    /// The open downloads.
    pub(super) flow: Flow,
    /// How fast their bytes come, if any do.
    pub(super) bytes_per_second: Option<u64>,
    /// How long the run still takes, if that can be told.
    pub(super) left: Option<Duration>,
    /// What a job usually takes, if that is known.
    pub(super) usual: Option<Duration>,
    /// Time since the run began.
    pub(super) elapsed: Duration,
}

/// The block for a window of this size: each line less wide, all together less high.
pub(super) fn lines(view: &View<'_>, size: Size) -> Vec<String> {
    let room = size.columns.saturating_sub(1);
    let most = size.rows.saturating_sub(1).clamp(1, MOST_LINES);
    let (bar, bar_cells) = bar(view.tally, room);
    let first = fitted(counts(view.tally), room - bar_cells);
    let mut lines = vec![
        (9, format!("{bar}{first}")),
        (7, fitted(statuses(view), room)),
        (8, fitted(flight(view.snapshot), room)),
        (7, fitted(left_running(view), room)),
        (7, fitted(downloads(view), room)),
        (5, fitted(speeds(view), room)),
        (6, fitted(time(view), room)),
    ];
    let ages = view.oldest.iter().zip([4, 3, 2]);
    lines.extend(ages.map(|(aged, weight)| (weight, fitted(age(*aged, view.usual, room), room))));
    lines.retain(|(_, line)| !line.is_empty());
    while lines.len() > most {
        let least = lines.iter().map(|(weight, _)| *weight).min();
        lines.retain(|(weight, _)| Some(*weight) != least);
    }
    lines.into_iter().map(|(_, line)| line).collect()
}

/// A part of a line.
#[derive(Debug, Clone)]
struct Part {
    /// How much it matters.
    weight: u8,
    text: String,
    /// What says the same where there is little room.
    short: Option<String>,
    style: Style,
}

impl Part {
    fn new(weight: u8, text: impl Into<String>) -> Self {
        Self {
            weight,
            text: text.into(),
            short: None,
            style: PLAIN,
        }
    }

    fn short(self, short: impl Into<String>) -> Self {
        Self {
            short: Some(short.into()),
            ..self
        }
    }

    fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

const BETWEEN: &str = " · ";

/// The parts as a line of at most `room` cells.
fn fitted(mut parts: Vec<Part>, room: usize) -> String {
    while cells(&parts) > room {
        let by_weight = |(at, _): &(usize, &Part)| parts[*at].weight;
        let long = parts
            .iter()
            .enumerate()
            .filter(|(_, part)| part.short.is_some());
        if let Some((at, _)) = long.min_by_key(by_weight) {
            parts[at].text = parts[at].short.take().expect("found by it");
            continue;
        }
        if parts.len() < 2 {
            break;
        }
        let least = parts.iter().enumerate().min_by_key(by_weight);
        let (at, _) = least.expect("two parts or more");
        parts.remove(at);
    }
    let texts = parts.iter().map(|part| {
        let text = cut_to(&part.text, room, most_cells);
        painted(part.style, &text)
    });
    texts.collect::<Vec<_>>().join(BETWEEN)
}

fn cells(parts: &[Part]) -> usize {
    let gaps = parts.len().saturating_sub(1) * most_cells(BETWEEN);
    parts
        .iter()
        .map(|part| most_cells(&part.text))
        .sum::<usize>()
        + gaps
}

fn painted(style: Style, text: &str) -> String {
    if style == PLAIN || text.is_empty() {
        text.to_owned()
    } else {
        format!("{style}{text}{style:#}")
    }
}

/// The bar with its margin, and how many cells it may take; none in a narrow window.
fn bar(tally: &Tally, room: usize) -> (String, usize) {
    let length = match room {
        0..30 => return (String::new(), 0),
        30..50 => 6,
        50..70 => 12,
        70..100 => 20,
        _ => 30,
    };
    let total = u64::from(tally.total().max(1));
    let bad = tally.count(Status::Failed) + tally.count(Status::InDoubt);
    let at_work = tally.count(Status::Running) + tally.count(Status::Submitting);
    let mut counted = 0_u64;
    let mut drawn = 0;
    let mut text = String::new();
    for (count, character, style) in [
        (tally.count(Status::Completed), "█", GOOD),
        (bad, "█", BAD),
        (at_work, "▒", ACTIVE),
    ] {
        counted += u64::from(count);
        let end = usize::try_from(counted * length / total).expect("at most the length");
        text.push_str(&painted(style, &character.repeat(end - drawn)));
        drawn = end;
    }
    let length = usize::try_from(length).expect("a small number");
    text.push_str(&painted(FAINT, &"░".repeat(length - drawn)));
    text.push_str("  ");
    (text, 2 * length + 2)
}

fn counts(tally: &Tally) -> Vec<Part> {
    let (settled, total) = (tally.settled(), tally.total());
    let percent = u64::from(settled) * 100 / u64::from(total.max(1));
    vec![
        Part::new(9, format!("{settled}/{total} settled")).short(format!("{settled}/{total}")),
        Part::new(5, format!("{percent}%")),
    ]
}

fn statuses(view: &View<'_>) -> Vec<Part> {
    let tally = view.tally;
    let is_ending = view.snapshot.ending.is_some(); // lines of their own say what becomes of what is at work
    let at_work = |part: Option<Part>| part.filter(|_| !is_ending);
    let counted = |weight, status: Status, style| {
        let (count, name) = (tally.count(status), status.as_str().replace('_', " "));
        (count > 0).then(|| Part::new(weight, format!("{count} {name}")).styled(style))
    };
    let parts = [
        counted(5, Status::Completed, GOOD),
        counted(6, Status::Failed, BAD),
        counted(7, Status::InDoubt, UNCLEAR),
        at_work(counted(3, Status::Running, ACTIVE)),
        at_work(counted(2, Status::Submitting, ACTIVE)),
        counted(4, Status::Pending, PLAIN),
        counted(1, Status::Skipped, FAINT),
    ];
    parts.into_iter().flatten().collect()
}

fn flight(snapshot: &Snapshot<'_>) -> Vec<Part> {
    if snapshot.only_downloads() {
        return Vec::new();
    }
    if let Some(ending) = snapshot.ending {
        return ending_parts(ending, snapshot.gate);
    }
    let (in_flight, most) = (snapshot.in_flight, snapshot.concurrency);
    let mut parts = vec![
        Part::new(6, format!("{in_flight} of {most} in flight"))
            .short(format!("{in_flight}/{most}")),
        gate(snapshot),
    ];
    if let Some(wait) = snapshot.polls_paused {
        let text = format!("polls paused by the provider (429), {} left", clock(wait));
        let part = Part::new(4, text).short(format!("polls paused {}", clock(wait)));
        parts.push(part.styled(UNCLEAR));
    }
    if snapshot.to_submit > 0 && snapshot.deadline_in <= NEAR_DEADLINE {
        parts.push(Part::new(
            3,
            format!("deadline in {}", clock(snapshot.deadline_in)),
        ));
    }
    parts
}

/// What a run that neither submits nor polls any more still waits for.
fn ending_parts(ending: Ending, gate: Gate<'_>) -> Vec<Part> {
    let on_the_wire = match ending.open_creates {
        0 => Part::new(8, "ending"),
        1 => Part::new(8, "ending: waiting for a submit that is on the wire")
            .short("ending: 1 submit on the wire"),
        count => Part::new(
            8,
            format!("ending: waiting for {count} submits that are on the wire"),
        )
        .short(format!("ending: {count} submits on the wire")),
    };
    let grace = ending.grace.filter(|_| ending.open_creates > 0);
    let grace = grace.map(|left| Part::new(7, format!("{} at most", clock(left))));
    let why = match gate {
        Gate::Stopped(reason) if *reason != StopReason::Interrupted => {
            Some(Part::new(6, stop_brief(reason)))
        }
        _ => None,
    };
    let parts = [Some(on_the_wire), grace, why].into_iter().flatten();
    parts.map(|part| part.styled(UNCLEAR)).collect()
}

/// What becomes of running tasks that nobody asks for any more.
fn left_running(view: &View<'_>) -> Vec<Part> {
    let running = view.tally.count(Status::Running);
    if view.snapshot.ending.is_none() || running == 0 {
        return Vec::new();
    }
    let go_on = if running == 1 {
        "goes on at the provider; the next run finds it"
    } else {
        "go on at the provider; the next run finds them"
    };
    let part = Part::new(6, format!("{running} running {go_on}"));
    vec![
        part.short(format!("{running} running at the provider"))
            .styled(ACTIVE),
    ]
}

/// What the next submit waits for.
fn gate(snapshot: &Snapshot<'_>) -> Part {
    match snapshot.gate {
        Gate::Open => Part::new(8, "next submit now"),
        Gate::Rate {
            opens_in,
            is_slowed,
        } => {
            let next = format!("next submit in {}", clock(opens_in));
            let rate = show_rate(per_ten_hours(1, snapshot.submit_spacing));
            let why = if is_slowed {
                format!("slowed to {rate} after a 429")
            } else {
                format!("rate {rate}")
            };
            Part::new(8, format!("{next} ({why})")).short(next)
        }
        Gate::Full => {
            let waits = "the next submit waits for one to settle";
            let is_found = snapshot.concurrency < snapshot.asked_concurrency;
            let why = if is_found {
                " (the provider refused more)"
            } else {
                ""
            };
            Part::new(8, format!("{waits}{why}")).short("all slots taken")
        }
        Gate::Answer => Part::new(8, "the next submit waits for an open one's answer")
            .short("waits for an answer"),
        Gate::Pause {
            class: PendingClass::NotSent,
            opens_in,
        } => {
            let left = clock(opens_in);
            let text = format!("the provider cannot be reached, tried again in {left}");
            Part::new(8, text)
                .short(format!("not reached, again in {left}"))
                .styled(UNCLEAR)
        }
        Gate::Pause { opens_in, .. } => {
            let left = clock(opens_in);
            Part::new(8, format!("paused by the provider (429), {left} left"))
                .short(format!("paused (429), {left} left"))
                .styled(UNCLEAR)
        }
        Gate::Done => Part::new(8, "nothing left to submit").short("all submitted"),
        Gate::Stopped(reason) => {
            let text = stop_brief(reason);
            let part = match reason {
                StopReason::Doubt { .. } => Part::new(8, format!("brake on submits: {text}")),
                _ => Part::new(8, format!("no more submits: {text}")),
            };
            let short = match reason {
                StopReason::Doubt { .. } => "brake: submits in doubt".to_owned(),
                _ => text.to_owned(),
            };
            part.short(short).styled(UNCLEAR)
        }
    }
}

fn speeds(view: &View<'_>) -> Vec<Part> {
    let mut parts = Vec::new();
    let is_at_work = !view.snapshot.only_downloads() && view.snapshot.ending.is_none();
    if let Some(speeds) = view.speeds.filter(|_| is_at_work) {
        parts.push(Part::new(
            5,
            format!("submits {}", show_rate(speeds.submits)),
        ));
        parts.push(Part::new(4, format!("polls {}", show_rate(speeds.polls))));
    }
    parts.extend(view.snapshot.spend.map(reserved));
    parts
}

fn reserved(spend: Spend) -> Part {
    let Cost { amount, currency } = spend.reserved;
    match spend.cap {
        Some(cap) => Part::new(6, format!("reserved {amount} of {cap} {currency}"))
            .short(format!("{amount}/{cap} {currency}")),
        None => Part::new(6, format!("reserved {amount} {currency}"))
            .short(format!("{amount} {currency}")),
    }
}

/// How far the downloads are.
fn downloads(view: &View<'_>) -> Vec<Part> {
    let Some(counts) = view.snapshot.downloads else {
        return Vec::new();
    };
    let counted = |weight, count: u32, what: &str, style| {
        (count > 0).then(|| Part::new(weight, format!("{count} {what}")).styled(style))
    };
    let parts = [
        counted(4, counts.done, "downloaded", GOOD),
        counted(6, counts.failed, "not downloaded", UNCLEAR),
        counted(8, counts.open, "downloading", ACTIVE),
        arrived(view.flow).filter(|_| counts.open > 0),
        view.bytes_per_second
            .filter(|_| counts.open > 0)
            .map(|bytes| Part::new(5, format!("{}/s", show_bytes(bytes)))),
        counted(2, counts.waiting, "to download", PLAIN),
    ];
    parts.into_iter().flatten().collect()
}

/// How much of the open downloads is there.
fn arrived(flow: Flow) -> Option<Part> {
    let have = show_bytes(flow.have);
    match flow.expected.filter(|whole| *whole > 0) {
        Some(whole) => {
            let whole = show_bytes(whole.max(flow.have));
            Some(Part::new(7, format!("{have} of {whole}")))
        }
        None => (flow.have > 0).then(|| Part::new(7, have)),
    }
}

fn time(view: &View<'_>) -> Vec<Part> {
    let is_at_work = !view.snapshot.only_downloads() && view.snapshot.ending.is_none();
    let left = view.left.filter(|_| is_at_work);
    let left = left.map(|left| Part::new(6, show_left(left)));
    let so_far = Part::new(5, format!("{} so far", show_elapsed(view.elapsed)));
    left.into_iter().chain([so_far.styled(FAINT)]).collect()
}

fn age((id, age): (&str, Duration), usual: Option<Duration>, room: usize) -> Vec<Part> {
    let shown = show_elapsed(age);
    let usual = usual.filter(|usual| age > usual.saturating_mul(LONG));
    // A name that is too long is cut, and the age stays, below the others.
    let width = if room < 30 { 0 } else { 8 };
    let part = Part::new(6, format!("{shown:>width$}  {id}"));
    let Some(usual) = usual else {
        return vec![part.styled(FAINT)];
    };
    let usual = format!("usually {}", show_elapsed(usual));
    vec![part.styled(UNCLEAR), Part::new(3, usual).styled(FAINT)]
}

/// Time that has passed, in whole seconds.
pub(super) fn show_elapsed(elapsed: Duration) -> String {
    show_duration(Duration::from_secs(elapsed.as_secs()))
}

/// A countdown: `0:12`, `1:05:00`; at `0:00` it is over.
fn clock(left: Duration) -> String {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}
