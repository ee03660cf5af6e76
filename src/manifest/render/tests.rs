//! How diagnostics look.

use super::*;
use crate::manifest::tree::SourceId;

struct Case {
    sources: Sources,
    diagnostics: Diagnostics,
}

impl Case {
    fn new(name: &str, text: &str) -> Self {
        let mut sources = Sources::default();
        let id = sources.open(name);
        sources.fill(id, text.to_owned());
        Self {
            sources,
            diagnostics: Diagnostics::default(),
        }
    }

    fn render(&self) -> String {
        render(&self.diagnostics, &self.sources, Colour::Off)
    }
}

/// The first place of `marked`.
fn span(text: &str, marked: &str) -> Span {
    let start = text.find(marked).expect("the text contains it");
    Span {
        source: SourceId(0),
        bytes: start..start + marked.len(),
    }
}

/// One error on `marked` in `text`.
fn one(text: &str, marked: &str) -> Case {
    let mut case = Case::new("shots.yaml", text);
    let span = span(text, marked);
    case.diagnostics.push(Diagnostic::error(
        "bad",
        &span,
        "this is bad",
        "make it good",
    ));
    case
}

#[test]
fn errors_and_warnings_show_place_line_label_help_and_a_count() {
    let text = "jobs:\n  - id: hero\n    duration: 16\n  - id: Hero\n";
    let mut case = Case::new("dir/shots.yaml", text);
    let duration = span(text, "16");
    let (first, second) = (span(text, "hero"), span(text, "Hero"));
    case.diagnostics.push(
        Diagnostic::error(
            "duration-range",
            &duration,
            "a duration of `16` seconds is too long",
            "write 5 to 15",
        )
        .label("too long"),
    );
    case.diagnostics.push(
        Diagnostic::warning(
            "twice",
            &second,
            "the id `Hero` is used twice",
            "rename one",
        )
        .label("again here")
        .related(&first, "first here"),
    );
    insta::assert_snapshot!(case.render());
    let compact = render_compact(&case.diagnostics, &case.sources);
    insta::assert_snapshot!("compact", compact);
}

#[test]
fn nothing_to_say_is_no_text() {
    let case = Case::new("shots.yaml", "jobs: []\n");
    assert_eq!(case.render(), "");
    assert_eq!(render_compact(&case.diagnostics, &case.sources), "");
}

#[test]
fn a_file_without_text_is_named_without_a_line() {
    let mut case = Case::new("gone.yaml", "");
    let span = Span {
        source: SourceId(0),
        bytes: 0..0,
    };
    case.diagnostics.push(Diagnostic::error(
        "unreadable",
        &span,
        "cannot read it",
        "check the name",
    ));
    insta::assert_snapshot!(case.render());
}

#[test]
fn a_long_line_is_cut_around_the_place_and_keeps_its_column() {
    let text = format!("{}!{}\n", "提示 ".repeat(2000), "x".repeat(5000));
    let shown = one(&text, "!").render();
    assert!(shown.contains("--> shots.yaml:1:6001\n"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() < 200),
        "{shown}"
    );
    let lines: Vec<_> = shown.lines().collect();
    let source = lines
        .iter()
        .position(|line| line.contains('!'))
        .expect("the place is shown");
    let width = |text: &str| {
        text.chars()
            .map(|c| if c.is_ascii() || c == '…' { 1 } else { 2 })
            .sum::<usize>()
    };
    let before =
        |line: &str, mark: char| width(line.split(mark).next().expect("there is a first part"));
    assert_eq!(
        before(lines[source], '!'),
        before(lines[source + 1], '^'),
        "{shown}"
    );
}

#[test]
fn a_span_over_many_lines_shows_its_first() {
    let shown = one("a: [\n  1,\n  2]\nb: 3\n", "[\n  1,\n  2]").render();
    assert!(shown.contains("1 | a: [\n  |    ^\n"), "{shown}");
    assert!(!shown.contains("2]"), "{shown}");
}

#[test]
fn a_place_at_the_end_of_line_or_text_is_shown_there() {
    let text = "a: b\nc:";
    for (offset, line, column) in [(4, 1, 5), (5, 2, 1), (7, 2, 3), (99, 2, 3)] {
        let mut case = Case::new("a.yaml", text);
        let span = Span {
            source: SourceId(0),
            bytes: offset..offset,
        };
        case.diagnostics
            .push(Diagnostic::error("bad", &span, "bad", ""));
        let shown = case.render();
        assert!(
            shown.contains(&format!("a.yaml:{line}:{column}\n")),
            "{shown}"
        );
    }
}

#[test]
fn nothing_that_could_steer_a_terminal_gets_through() {
    let text = "a: \u{1b}[31m\u{202e}\u{9b}\u{7f}\t!\u{0}\n";
    let mut case = Case::new("\u{1b}]0;x\u{7}.yaml", text);
    let span = span(text, "!");
    case.diagnostics.push(
        Diagnostic::error("bad", &span, "it is `\u{1b}[2J`\r\n", "\u{202e}no")
            .label("\u{9b}label")
            .related(&span, "\u{7}related"),
    );
    for shown in [
        case.render(),
        render_compact(&case.diagnostics, &case.sources),
    ] {
        let is_bad = |c: char| c != '\n' && crate::text::is_unsafe(c);
        assert!(!shown.contains(is_bad), "{shown:?}");
        assert!(shown.contains('␛'), "{shown}");
    }
}

#[test]
fn colour_adds_escapes_and_changes_no_word() {
    let case = one("a: b\n", "b");
    let coloured = render(&case.diagnostics, &case.sources, Colour::On);
    assert!(coloured.contains("\u{1b}["));
    let plain = anstream::adapter::strip_str(&coloured).to_string();
    assert_eq!(plain, case.render());
}

#[test]
fn hidden_places_are_blanked_in_every_line_they_stand_in() {
    let text = "api: { key: sk-秘密-123, bad: 1 }\n";
    let mut case = one(text, "bad");
    let secret = span(text, "sk-秘密-123");
    case.sources.hide([secret]);
    let shown = case.render();
    assert!(!shown.contains("sk-") && !shown.contains("秘"), "{shown}");
    let line = shown
        .lines()
        .find(|line| line.contains("bad: 1"))
        .expect("the line is shown");
    let mark = shown
        .lines()
        .find(|line| line.contains("^^^"))
        .expect("the place is shown");
    assert_eq!(line.find("bad"), mark.find('^'), "{shown}");
}

#[test]
fn only_so_many_are_printed_errors_first_and_all_are_counted() {
    let text = "x\n".repeat(1000);
    let mut case = Case::new("a.yaml", &text);
    for line in 0..1000 {
        let span = Span {
            source: SourceId(0),
            bytes: line * 2..line * 2 + 1,
        };
        let message = format!("line {line} is bad");
        case.diagnostics.push(match line {
            ..990 => Diagnostic::warning("bad", &span, message, ""),
            _ => Diagnostic::error("bad", &span, message, ""),
        });
    }
    let shown = case.render();
    assert_eq!(shown.matches("\nerror[bad]").count(), 10);
    assert_eq!(shown.matches("warning[bad]").count(), SHOWN - 10);
    assert!(
        shown.ends_with("… and 800 more\n\n10 errors, 990 warnings in a.yaml\n10 errors: 10 bad\n"),
        "{shown}"
    );
}

#[test]
fn many_mistakes_are_counted_by_kind_and_errors_alone_can_be_shown() {
    let mut case = Case::new("a.yaml", &"x\n".repeat(100));
    let codes = ["one", "two", "two", "three", "three", "three"];
    for (line, code) in codes.into_iter().cycle().take(24).enumerate() {
        let span = Span {
            source: SourceId(0),
            bytes: line * 2..line * 2 + 1,
        };
        case.diagnostics
            .push(Diagnostic::error(code, &span, "bad", ""));
        if code == "one" {
            case.diagnostics
                .push(Diagnostic::warning("odd", &span, "odd", ""));
        }
    }
    let end = "\n24 errors, 4 warnings in a.yaml\n24 errors: 12 three, 8 two, 4 one\n";
    let shown = case.render();
    assert!(shown.ends_with(end), "{shown}");
    let errors = render_severe(
        &case.diagnostics,
        &case.sources,
        Severity::Error,
        Colour::Off,
    );
    assert!(
        errors.ends_with(end) && !errors.contains("warning["),
        "{errors}"
    );
    let few = Case::new("a.yaml", "x\n");
    assert_eq!(
        render_severe(&few.diagnostics, &few.sources, Severity::Error, Colour::Off),
        ""
    );
}

/// What is said about a table with these `rows` under a header.
fn table(rows: &str) -> String {
    let text = format!("id,model,prompt,duration,generate_audio\n{rows}");
    let read = |_: &std::path::Path| Ok(text.clone().into_bytes());
    let loaded = crate::manifest::load(std::path::Path::new("shots.csv"), &read);
    loaded.render(Colour::Off)
}

#[test]
fn what_is_wrong_in_the_same_way_in_many_cells_of_a_column_is_told_once() {
    let words = ["WAHR", "FALSCH"];
    let row = |number: usize| {
        let word = words[usize::from(number.is_multiple_of(4))];
        format!("kite-{number},seedance2.0-720p,A kite number {number}.,8,{word}\n")
    };
    let rows: String = (1..=40).map(row).collect();
    insta::assert_snapshot!(table(&rows));
}

#[test]
fn the_third_of_a_kind_in_a_column_takes_a_line() {
    let row = |number| format!("kite {number},seedance2.0-720p,A kite number {number}.,8,true\n");
    let rows: String = (1..=6).map(row).collect();
    insta::assert_snapshot!(table(&rows));
}

#[test]
fn rows_are_listed_in_runs_and_the_many_are_counted() {
    assert_eq!(runs(&[2], 1), "2");
    assert_eq!(runs(&[2, 3, 5, 6, 7, 9], 6), "2, 3, 5–7, 9");
    let even: Vec<usize> = (1..=20).map(|row| row * 2).collect();
    assert_eq!(
        runs(&even, even.len()),
        "2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24 and 8 more"
    );
}
