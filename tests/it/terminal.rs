//! What a person at a terminal sees: the progress of a run in windows of several sizes, and that it leaves nothing
//! behind.

use std::process::Command;
use std::time::Instant;

use crate::support::terminal::{Seen, Window};
use crate::support::{Scenario, Simulated};

/// What is only in the progress, never in the summary.
const OF_PROGRESS: [&str; 4] = ["░", "▒", "in flight", "so far"];

/// A rehearsal with names that take more cells than letters.
fn rehearsal(variables: &[(&str, &str)], options: &[&str]) -> (Scenario, Command) {
    let names = [
        "雨夜的街道",
        "déjà-vu",
        "ひらがな-テスト",
        "plain",
        "另一个",
        "6",
    ];
    let rows = names.map(|name| format!("{name},A film,seedance2.0-fast-480p,5\n"));
    let table = "id,prompt,model,duration\n".to_owned() + &rows.concat();
    let scenario = Scenario::manifest("shots.csv", &table);
    let words = [&["run", "shots.csv", "--rehearse"], options].concat();
    let mut command = scenario.command(&words);
    command
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied());
    (scenario, command)
}

/// Nothing of the progress is left, and the next prompt begins a line.
#[track_caller]
fn assert_clean(seen: &Seen) {
    let text = seen.text();
    for word in OF_PROGRESS {
        assert!(!text.contains(word), "`{word}` is left in\n{text}");
    }
    assert_eq!(seen.cursor(), (true, 0), "{text}");
}

#[test]
fn progress_fits_every_window_and_is_gone_at_the_end() {
    let sizes = [(20, 8), (40, 10), (60, 24), (80, 24), (200, 50)];
    let windows = sizes.map(|(columns, rows)| {
        let (scenario, command) = rehearsal(&[], &["--concurrency", "3"]);
        (columns, scenario, Window::open(command, columns, rows))
    });
    for (columns, _scenario, window) in windows {
        let (code, seen) = window.close();
        assert_eq!(code, 0, "{}", seen.text());
        let is_progress = |text: &str| text.contains("so far") || text.contains(" left");
        let progress: Vec<_> = seen
            .screens
            .iter()
            .filter(|shown| is_progress(&shown.text) && !shown.text.contains("took"))
            .collect();
        assert!(progress.len() > 5, "{columns}: {} screens", progress.len());
        for shown in &progress {
            assert!(!shown.is_wrapped, "{columns}:\n{}", shown.text);
            let bars = shown.text.lines().filter(|line| line.contains("/6"));
            assert!(
                bars.count() <= 2,
                "{columns}: a block is left over:\n{}",
                shown.text
            );
        }
        assert_clean(&seen);
    }
}

#[test]
fn a_window_that_changes_its_size_keeps_one_block() {
    let (_scenario, command) = rehearsal(&[], &["--concurrency", "1"]);
    let window = Window::open(command, 100, 24);
    window.shows("1/6 settled");
    window.resize(50, 12);
    window.shows("2/6");
    window.resize(140, 30);
    window.shows("3/6 settled");
    for _ in 0..20 {
        let text = window.seen().text();
        let bars = text.lines().filter(|line| line.contains('░')).count();
        assert!(bars <= 1, "a block is left over:\n{text}");
    }
    let (code, seen) = window.close();
    assert_eq!(code, 0);
    assert_clean(&seen);
}

#[test]
fn a_frame_comes_at_most_ten_times_a_second_and_countdowns_go_on() {
    let (_scenario, command) = rehearsal(&[], &["--concurrency", "6"]);
    let begin = Instant::now();
    let (_, seen) = Window::open(command, 80, 24).close();
    let tenths = begin.elapsed().as_millis() / 100;
    let frames = seen
        .bytes
        .windows(3)
        .filter(|three| three == b"\x1b[J")
        .count();
    assert!(
        (3..=usize::try_from(tenths).expect("short") + 2).contains(&frames),
        "{frames} in {tenths}"
    );
    let clocks = |text: &str| text.split(' ').position(|word| word == "so").is_some();
    assert!(seen.screens.iter().any(|shown| clocks(&shown.text)));
}

#[test]
fn colour_is_shown_unless_it_is_not_wanted_and_a_dumb_terminal_gets_lines() {
    let is_coloured = |seen: &Seen| {
        seen.bytes
            .windows(4)
            .any(|four| four == b"\x1b[32" || four == b"\x1b[2m")
    };
    let draws = |seen: &Seen| seen.bytes.windows(3).any(|three| three == b"\x1b[J");
    let cases = [
        (&[][..], &[][..], true, true),
        (&[("NO_COLOR", "1")], &[], false, true),
        (
            &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
            &[],
            false,
            true,
        ),
        (&[], &["--color", "never"], false, true),
        (&[("NO_COLOR", "1")], &["--color", "always"], true, true),
        (&[("TERM", "dumb")], &[], false, false),
        (&[], &["--quiet"], true, false),
    ];
    let windows = cases.map(|case| {
        let (scenario, command) = rehearsal(case.0, case.1);
        (case, scenario, Window::open(command, 80, 24))
    });
    for ((variables, options, coloured, drawn), _scenario, window) in windows {
        let (code, seen) = window.close();
        assert_eq!(code, 0);
        let is_quiet = options.contains(&"--quiet");
        assert_eq!(draws(&seen), drawn, "{variables:?} {options:?}");
        assert!(
            is_quiet || is_coloured(&seen) == coloured,
            "{variables:?} {options:?}"
        );
        if variables.contains(&("TERM", "dumb")) {
            assert!(!seen.bytes.contains(&0x1b), "no control sequence at all");
        }
        assert_clean(&seen);
    }
}

#[test]
fn json_lines_on_the_same_terminal_stay_whole() {
    let (_scenario, command) = rehearsal(&[], &["--json", "--concurrency", "6"]);
    let (code, seen) = Window::open(command, 1000, 60).close();
    assert_eq!(code, 0);
    let text = seen.text();
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let kinds = lines.map(|line| {
        let value: serde_json::Value = serde_json::from_str(line).expect("whole");
        value["type"].as_str().expect("a type").to_owned()
    });
    let kinds: Vec<_> = kinds.collect();
    assert!(
        kinds.len() > 12 && kinds.last().is_some_and(|kind| kind == "summary"),
        "{kinds:?}"
    );
    assert_clean(&seen);
}

#[test]
fn after_one_ctrl_c_or_two_the_terminal_is_clean() {
    let provider = Simulated::with_faults("slow=30s:always");
    for times in [1, 2] {
        let scenario = Scenario::jobs(3).at(&provider);
        let mut command = scenario.run_command(&["--submit-timeout", "60s"]);
        command.env("TERM", "xterm");
        let mut window = Window::open(command, 70, 30);
        window.shows("waits for an");
        window.types("keys that nobody reads\n");
        window.interrupt();
        window.shows("stopping: no more submits");
        if times == 2 {
            window.interrupt();
            let (code, seen) = window.close();
            assert_eq!(code, 130);
            assert_clean(&seen);
        } else {
            window.shows("ending: waiting for");
        }
    }
}
