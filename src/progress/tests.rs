//! What people see of a run in its several states, at several widths; and that it never spoils the terminal.

use anstream::adapter::strip_str;

use super::pace::Speeds;
use super::*;
use crate::download::traffic::Flow;
use crate::engine::Counts;
use crate::engine::downloads::DownloadCounts;
use crate::engine::event::{Evidence, PendingClass, RunFault, StopReason};
use crate::engine::snapshot::{Aged, Ending, Gate, Spend};
use crate::money::{Amount, Cost, Currency};
use crate::output::{Size, Talk};
use crate::report::sample::{self, said};
use crate::report::table::most_cells;

const SECOND: Duration = Duration::from_secs(1);

/// A run of 120 jobs in full swing.
struct Scene {
    tally: Tally,
    snapshot: Snapshot<'static>,
    oldest: Vec<(&'static str, u64)>,
    speeds: Option<[u64; 2]>,
    left: Option<u64>,
    usual: Option<u64>,
    elapsed: u64,
    flow: Flow,
    bytes_per_second: Option<u64>,
}

impl Scene {
    fn busy() -> Self {
        Self {
            tally: tally([79, 1, 3, 31, 4, 2]),
            snapshot: snapshot(Gate::Rate {
                opens_in: SECOND * 2,
                is_slowed: false,
            }),
            oldest: vec![("hero-17", 362), ("雨夜的街道-08", 220), ("lookbook", 72)],
            speeds: Some([5, 22]),
            left: Some(700),
            usual: Some(150),
            elapsed: 250,
            flow: Flow::default(),
            bytes_per_second: None,
        }
    }

    fn with(gate: Gate<'static>) -> Self {
        let mut scene = Self::busy();
        scene.snapshot.gate = gate;
        scene
    }

    fn lines(&self, size: Size) -> Vec<String> {
        let age = |(id, seconds): &(&'static str, u64)| (*id, SECOND * sec(*seconds));
        let view = View {
            tally: &self.tally,
            snapshot: &self.snapshot,
            oldest: self.oldest.iter().map(age).collect(),
            speeds: self.speeds.map(|[submits, polls]| Speeds {
                submits: submits * 600,
                polls: polls * 600,
            }),
            flow: self.flow,
            bytes_per_second: self.bytes_per_second,
            left: self.left.map(Duration::from_secs),
            usual: self.usual.map(Duration::from_secs),
            elapsed: Duration::from_secs(self.elapsed),
        };
        let lines = block::lines(&view, size);
        lines
            .iter()
            .map(|line| strip_str(line).to_string())
            .collect()
    }
}

fn sec(seconds: u64) -> u32 {
    u32::try_from(seconds).expect("a small number")
}

/// Jobs that are pending, submitting, running, completed, failed, in doubt.
fn tally(counts: [u32; 6]) -> Tally {
    use crate::engine::job::Status::{Completed, Failed, InDoubt, Pending, Running, Submitting};
    let statuses = [Pending, Submitting, Running, Completed, Failed, InDoubt];
    Tally::from_counts(statuses.into_iter().zip(counts))
}

fn snapshot(gate: Gate<'static>) -> Snapshot<'static> {
    Snapshot {
        counts: Counts::default(),
        in_flight: 3,
        concurrency: 4,
        asked_concurrency: 4,
        to_submit: 79,
        gate,
        submit_spacing: SECOND * 2,
        asked_spacing: SECOND * 2,
        polls_paused: None,
        ending: None,
        deadline_in: SECOND * 86_400,
        oldest: Vec::new(),
        youngest: None,
        submits: 0,
        polls: 0,
        spend: None,
        downloads: None,
    }
}

fn stopped(reason: StopReason) -> Gate<'static> {
    Gate::Stopped(Box::leak(Box::new(reason)))
}

/// Runs that download, beside everything else and alone.
fn downloads() -> [Scene; 2] {
    let mut downloading = Scene::busy();
    downloading.snapshot.downloads = Some(DownloadCounts {
        done: 31,
        open: 2,
        waiting: 4,
        failed: 1,
        ..DownloadCounts::default()
    });
    downloading.flow = Flow {
        received: 31_000_000,
        have: 12_400_000,
        expected: Some(31_049_999),
    };
    downloading.bytes_per_second = Some(3_100_000);
    let mut fetching = Scene::with(Gate::Done);
    fetching.tally = tally([0, 0, 0, 112, 6, 2]);
    fetching.snapshot.to_submit = 0;
    fetching.snapshot.in_flight = 0;
    fetching.snapshot.downloads = Some(DownloadCounts {
        done: 110,
        open: 2,
        ..DownloadCounts::default()
    });
    fetching.flow = Flow {
        received: 31_000_000,
        have: 640_000,
        expected: None,
    };
    fetching.bytes_per_second = Some(88_000);
    fetching.oldest = Vec::new();
    fetching.left = Some(0);
    [downloading, fetching]
}

/// Runs that neither submit nor poll any more.
fn ending() -> [Scene; 2] {
    let mut interrupted = Scene::with(stopped(StopReason::Interrupted));
    interrupted.oldest.clear();
    interrupted.snapshot.ending = Some(Ending {
        open_creates: 3,
        grace: Some(Duration::from_millis(17_400)),
    });
    let auth = StopReason::Fault {
        fault: RunFault::Auth,
        message: said("no such key"),
    };
    let mut refused = Scene::with(stopped(auth));
    refused.tally = tally([79, 1, 1, 31, 4, 2]);
    refused.oldest.clear();
    refused.snapshot.ending = Some(Ending {
        open_creates: 1,
        grace: None,
    });
    [interrupted, refused]
}

fn scenes() -> Vec<(&'static str, Scene)> {
    let pause = |class| Gate::Pause {
        class,
        opens_in: Duration::from_millis(11_400),
    };
    let starting = Scene {
        tally: tally([119, 1, 0, 0, 0, 0]),
        oldest: Vec::new(),
        speeds: None,
        left: None,
        usual: None,
        elapsed: 0,
        ..Scene::with(Gate::Answer)
    };
    let mut polls_paused = Scene::with(pause(PendingClass::RateLimited));
    polls_paused.snapshot.polls_paused = Some(SECOND * 3725);
    let mut capped = Scene::with(stopped(StopReason::MaxJobs));
    capped.snapshot.to_submit = 0;
    capped.snapshot.spend = Some(Spend {
        reserved: Cost {
            amount: Amount::from_millionths(48_600_000),
            currency: Currency::new("USD").expect("three letters"),
        },
        cap: Some(Amount::from_millionths(50_000_000)),
    });
    let [downloading, fetching] = downloads();
    let mut draining = Scene::with(Gate::Done);
    draining.tally = tally([0, 0, 2, 110, 6, 2]);
    draining.left = Some(40);
    let mut stuck = Scene::with(Gate::Full);
    stuck.oldest = vec![("hero-17", 3_480), ("👩‍👩‍👧-family", 3_479), ("ä", 3_400)];
    stuck.left = None;
    let mut late = Scene::busy();
    late.snapshot.deadline_in = SECOND * 400;
    let brake = StopReason::Doubt {
        evidence: Evidence::Unclear,
        message: said("no answer within 3m"),
    };
    let fault = StopReason::Fault {
        fault: RunFault::Quota,
        message: said("insufficient"),
    };
    let slowed = Gate::Rate {
        opens_in: SECOND / 3,
        is_slowed: true,
    };
    let [interrupted, refused] = ending();
    vec![
        ("starting", starting),
        ("busy", Scene::busy()),
        ("near the deadline", late),
        ("slowed", Scene::with(slowed)),
        ("paused, polls too", polls_paused),
        ("not reached", Scene::with(pause(PendingClass::NotSent))),
        ("brake", Scene::with(stopped(brake))),
        ("no money", Scene::with(stopped(fault))),
        ("capped", capped),
        ("interrupted", interrupted),
        ("key refused", refused),
        ("draining", draining),
        ("all stuck", stuck),
        ("downloading", downloading),
        ("nothing but downloads", fetching),
    ]
}

#[test]
fn the_block_of_every_state_at_every_width() {
    for columns in [40, 60, 80, 200] {
        let size = Size { columns, rows: 24 };
        let shown = scenes().into_iter().map(|(name, scene)| {
            let lines = scene.lines(size).join("\n");
            format!("== {name}\n{lines}")
        });
        let shown = shown.collect::<Vec<_>>().join("\n\n");
        insta::assert_snapshot!(format!("block_{columns}"), shown);
    }
}

#[test]
fn no_line_is_as_wide_as_the_window_and_the_block_is_less_high_on_any_terminal() {
    let ids = [
        "a",
        "雨夜的街道雨夜的街道雨夜的街道",
        "ПРОЕКТ",
        "👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧",
        "e\u{301}\u{301}\u{301}e",
    ];
    for (name, mut scene) in scenes() {
        for (at, id) in ids.iter().enumerate() {
            scene.oldest = vec![(id, 5), (ids[(at + 1) % 5], 50_000), (id, 1_000_000)];
            for columns in (1..60).chain((60..130).step_by(7)) {
                for rows in [1, 2, 5, 50] {
                    let lines = scene.lines(Size { columns, rows });
                    assert!(
                        lines.len() <= 8.min(rows.saturating_sub(1).max(1)),
                        "{name}"
                    );
                    for line in lines {
                        let cells = most_cells(&line);
                        assert!(cells < columns, "{name} {columns}: `{line}` has {cells}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_low_window_shows_what_matters_most() {
    let scene = Scene::busy();
    let heads = |rows| {
        let lines = scene.lines(Size { columns: 80, rows });
        let words = lines
            .iter()
            .filter_map(|line| line.split_whitespace().next());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = heads(24);
    assert_eq!(
        all[1..],
        ["31", "3", "submits", "about", "6m2s", "3m40s", "1m12s"]
    );
    assert_eq!(heads(6)[1..], ["31", "3", "submits", "about"]);
    assert_eq!(heads(4)[1..], ["31", "3"]);
    assert_eq!(heads(1), all[..1]);
}

fn moment<'a>(scene: &'a Scene, table: &'a JobTable, millis: u64) -> Moment<'a> {
    Moment {
        tally: &scene.tally,
        snapshot: &scene.snapshot,
        table,
        elapsed: Duration::from_millis(millis),
        flow: scene.flow,
    }
}

#[test]
fn a_frame_is_due_at_most_ten_times_a_second_and_once_a_second_when_nothing_happens() {
    let (_, table) = sample::every_status();
    let scene = Scene::busy();
    let mut output = Output::to_writers(std::io::empty(), std::io::empty(), Talk::Normal);
    let mut reporter = Reporter::new(&output, &scene.tally, Vec::new());
    reporter.place = Place::Terminal {
        screen: Screen::new(crate::output::Canvas::nowhere()),
        pace: Pace::default(),
        current: Current::default(),
        spacing: NoticeSpacing::default(),
    };
    let mut frames = |happens: bool| {
        reporter.last = None;
        let mut drawn = Vec::new();
        for millis in (0..3_000).step_by(10) {
            if happens {
                reporter.changed();
            }
            let before = reporter.last;
            reporter.refresh(moment(&scene, &table, millis), &mut output);
            if reporter.last != before {
                drawn.push(millis);
            }
        }
        drawn
    };
    assert_eq!(frames(true).len(), 30);
    assert_eq!(frames(false), [0, 1_000, 2_000]);
}

#[test]
fn quiet_shows_neither_progress_nor_notices() {
    let scene = Scene::busy();
    let output = Output::to_writers(std::io::empty(), std::io::empty(), Talk::Quiet);
    let reporter = Reporter::new(&output, &scene.tally, Vec::new());
    assert!(matches!(reporter.place, Place::Nowhere));
    assert_eq!(reporter.due_at(), None);
    let output = Output::to_writers(std::io::empty(), std::io::empty(), Talk::Normal);
    let reporter = Reporter::new(&output, &scene.tally, Vec::new());
    assert!(matches!(reporter.place, Place::Log(_)));
}

#[test]
fn a_storm_of_one_kind_shows_one_notice_in_ten_seconds_but_every_stop() {
    let mut spacing = NoticeSpacing::default();
    let at = Duration::from_secs;
    assert!(spacing.admits(NoticeKind::PollTrouble, at(1)));
    assert!(!spacing.admits(NoticeKind::PollTrouble, at(10)));
    assert!(spacing.admits(NoticeKind::Paused, at(10)));
    assert!(spacing.admits(NoticeKind::PollTrouble, at(11)));
    assert!(spacing.admits(NoticeKind::SubmitsStopped, at(11)));
    assert!(spacing.admits(NoticeKind::SubmitsStopped, at(11)));
}

/// A run with `slots` slots in which the n-th job takes `took(n)` seconds: the seconds that were said to be left at each
/// second, and how long the run really took.
fn foretold(jobs: u32, slots: u32, took: impl Fn(u32) -> u32) -> (Vec<Option<u64>>, u64) {
    let mut eta = Eta::default();
    let mut running: Vec<(u32, u32)> = Vec::new(); // began, ends
    let (mut next, mut said) = (0, Vec::new());
    for now in 0.. {
        running.retain(|(began, ends)| {
            if *ends == now {
                eta.settled(SECOND * now, SECOND * (ends - began));
            }
            *ends > now
        });
        while next < jobs && running.len() < slots as usize {
            running.push((now, now + took(next)));
            next += 1;
        }
        if running.is_empty() {
            return (said, u64::from(now));
        }
        running.sort_unstable();
        let age = |(began, _): &(u32, u32)| SECOND * (now - began);
        let mut snapshot = snapshot(if next < jobs { Gate::Full } else { Gate::Done });
        snapshot.to_submit = jobs - next;
        (snapshot.concurrency, snapshot.asked_concurrency) = (slots, slots);
        snapshot.in_flight = u32::try_from(running.len()).expect("few");
        snapshot.submit_spacing = SECOND / 10;
        snapshot.oldest = vec![Aged {
            job: 0,
            age: age(&running[0]),
        }];
        snapshot.youngest = running.last().map(age);
        let left = eta.left(SECOND * now, &snapshot);
        said.push(left.map(|left| left.as_secs()));
    }
    unreachable!("a run ends")
}

#[test]
fn nothing_is_foretold_before_a_job_is_done_and_then_the_end_is_about_right() {
    // between 60 and 179 seconds, without order
    let (said, end) = foretold(400, 8, |job| {
        60 + (job.wrapping_mul(2_654_435_761) >> 16) % 120
    });
    let first = said.iter().position(Option::is_some).expect("told at last");
    assert!((60..180).contains(&first), "{first}");
    for (now, left) in said.iter().enumerate().skip(500) {
        let (now, left) = (now as u64, left.expect("there is a base"));
        let foretold = now + left;
        let error = foretold.abs_diff(end) * 100 / (end - now + 180);
        assert!(error <= 15, "at {now} of {end}: {left} left, {error} %");
    }
}

#[test]
fn the_foretold_end_never_jumps() {
    // every tenth job takes ten times as long
    let (said, _) = foretold(300, 6, |job| if job % 10 == 9 { 600 } else { 60 });
    let told: Vec<_> = (0..)
        .zip(&said)
        .filter_map(|(now, left)| Some((now, (*left)?)))
        .collect();
    for pair in told.windows(2) {
        let [(now, left), (then, later)] = [pair[0], pair[1]];
        let moved = (now + left).abs_diff(then + later);
        assert!(moved <= 3 + left / 8, "{moved} s at {now}, {left} left");
    }
}

#[test]
fn jobs_of_earlier_runs_are_a_base_until_three_of_this_run_are_one() {
    let mut eta = Eta::new([40, 1, 9_000].map(|seconds| SECOND * seconds).to_vec());
    assert_eq!(eta.usual(), Some(SECOND * 40));
    for _ in 0..2 {
        eta.settled(SECOND, SECOND * 10);
        assert_eq!(eta.usual(), Some(SECOND * 40));
    }
    eta.settled(SECOND, SECOND * 10);
    assert_eq!(eta.usual(), Some(SECOND * 10));
    assert_eq!(Eta::default().usual(), None);
}

#[test]
fn a_run_whose_jobs_are_stuck_foretells_nothing_and_a_deadline_ends_it() {
    let mut eta = Eta::new(vec![SECOND * 60]);
    let mut snapshot = snapshot(Gate::Done);
    snapshot.to_submit = 0;
    snapshot.youngest = Some(SECOND * 5);
    snapshot.oldest = vec![Aged {
        job: 0,
        age: SECOND * 181,
    }];
    assert_eq!(eta.left(SECOND, &snapshot), None);
    snapshot.oldest[0].age = SECOND * 59;
    assert_eq!(eta.left(SECOND, &snapshot), Some(SECOND * 55));
    let mut eta = Eta::new(vec![SECOND * 60]);
    snapshot.gate = Gate::Full;
    snapshot.to_submit = 1_000_000;
    snapshot.deadline_in = SECOND * 100;
    assert_eq!(eta.left(SECOND, &snapshot), Some(SECOND * 160));
}

#[test]
fn where_the_provider_takes_fewer_what_it_took_so_far_is_the_base() {
    let mut eta = Eta::default();
    for job in 1..=3 {
        eta.settled(SECOND * 20 * job, SECOND * 10);
    }
    let mut snapshot = snapshot(Gate::Pause {
        class: PendingClass::RateLimited,
        opens_in: SECOND,
    });
    (snapshot.to_submit, snapshot.in_flight) = (20, 1);
    (snapshot.concurrency, snapshot.asked_concurrency) = (50, 50);
    let left = eta.left(SECOND * 80, &snapshot);
    assert_eq!(left, Some(SECOND * (20 * 20 + 10)), "one in 20 s so far");
}

#[test]
fn what_is_left_is_said_in_steps_that_grow_with_it() {
    let said = [0, 59, 61, 5_400, 5_401, 7_200, 172_800, 172_861, 900_000]
        .map(|seconds| show_left(Duration::from_secs(seconds)));
    insta::assert_snapshot!(said.join("\n"), @"
    under 1 min left
    under 1 min left
    about 2 min left
    about 90 min left
    about 1 h 40 min left
    about 2 h left
    about 48 h left
    about 3 days left
    about 11 days left
    ");
}

fn terminal(rows: u16, columns: u16) -> vt100::Parser {
    let size = |cells| std::num::NonZeroU16::new(cells).expect("not 0");
    vt100::Parser::new(size(rows), size(columns), 0)
}

/// What a terminal shows that got this.
fn screen_after(frames: &[(&[&str], bool)], columns: u16) -> vt100::Parser {
    let mut terminal = terminal(10, columns);
    terminal.process(b"before\r\n");
    for (lines, is_resized) in frames {
        terminal.process(screen::frame(&block(lines), *is_resized).as_bytes());
    }
    terminal
}

fn block(lines: &[&str]) -> Vec<String> {
    lines.iter().map(|line| (*line).to_owned()).collect()
}

#[test]
fn a_frame_replaces_the_one_before_and_leaves_the_cursor_at_its_beginning() {
    let frames: [(&[&str], bool); 3] = [
        (&["one is long", "two", "three", "four"], false),
        (&["1", "雨", "3"], false),
        (&["I", "II"], true),
    ];
    for shown in 1..=3 {
        let terminal = screen_after(&frames[..shown], 20);
        let expected = format!("before\n{}", frames[shown - 1].0.join("\n"));
        assert_eq!(terminal.screen().contents(), expected);
        assert_eq!(terminal.screen().cursor_position(), (1, 0));
    }
}

#[test]
fn a_frame_at_the_bottom_of_the_window_scrolls_and_stays_whole() {
    let mut terminal = terminal(4, 20);
    terminal.process(b"a\r\nb\r\nc\r\n");
    for _ in 0..3 {
        terminal.process(screen::frame(&block(&["1", "2", "3"]), false).as_bytes());
        assert_eq!(terminal.screen().contents(), "c\n1\n2\n3");
    }
}

#[test]
fn what_is_said_above_a_block_leaves_it_on_the_screen_at_every_byte() {
    let said = [
        ("one line", "one line"),
        ("one\n    雨 two", "one\n    雨 two"),
        (
            "\u{1b}[31mten cells \u{1b}[0m, and so on",
            "ten cells , and so on",
        ),
        ("just all of it", "just all of it"),
        ("", ""),
    ];
    let (size, lines) = (
        Size {
            columns: 14,
            rows: 7,
        },
        ["▒▒  1/3", "two", "three"],
    );
    for before in 0..7_usize {
        for (text, shown) in said {
            let mut terminal = terminal(7, 14);
            let typed: Vec<_> = (0..before).map(|line| format!("{line}\r\n")).collect();
            terminal.process(typed.concat().as_bytes());
            terminal.process(screen::frame(&block(&lines), false).as_bytes());
            for byte in screen::above(text, lines.len(), size).bytes() {
                terminal.process(&[byte]);
                let contents = terminal.screen().contents();
                assert!(contents.ends_with(&lines.join("\n")), "{text}:\n{contents}");
            }
            let contents = terminal.screen().contents();
            let expected = format!("{shown}\n{}", lines.join("\n"));
            assert!(contents.ends_with(&expected), "{contents}");
            let (row, column) = terminal.screen().cursor_position();
            let at_cursor = terminal.screen().rows(0, 14).nth(row.into());
            assert_eq!((at_cursor.as_deref(), column), (Some(lines[0]), 0));
        }
    }
}

#[test]
fn lines_too_long_for_a_window_that_has_just_shrunk_are_cut_and_the_terminal_wraps_again_afterwards()
 {
    let frame = screen::frame(&block(&["one", "two"]), false);
    let (cut, wrapped) = (frame.find("\u{1b}[?7l"), frame.find("\u{1b}[?7h"));
    assert!(
        cut < frame.find("one") && frame.find("two") < wrapped,
        "{frame:?}"
    );
}

#[test]
fn a_window_that_has_just_changed_gets_a_narrow_block_for_a_while_and_is_looked_at_often() {
    let mut screen = Screen::new(crate::output::Canvas::nowhere());
    let window = |columns| Size { columns, rows: 24 };
    let mut fitted = |columns, second| {
        let room = screen.room(window(columns), SECOND * second);
        screen.draw(block(&["1"]), window(columns));
        room.columns
    };
    assert_eq!([fitted(200, 0), fitted(200, 9)], [200, 200]);
    assert_eq!(
        [fitted(60, 10), fitted(60, 12), fitted(60, 13)],
        [40, 40, 60]
    );
    assert_eq!(
        [
            fitted(30, 20),
            fitted(200, 22),
            fitted(200, 24),
            fitted(200, 25)
        ],
        [30, 40, 40, 200]
    );
}
