//! The picture in the README, which `tests/picture/make` draws from a real run: it is whole, stands alone, and shows what
//! the program says today.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::Event;
use shotlist::cli::parse;

use crate::support::{Scenario, Simulated};

const PICTURE: &str = include_str!("../picture/killed-and-resumed.svg");
const MANIFEST: &str = include_str!("../picture/film.yaml");

/// What to do when it shows something else than the program says.
const REMEDY: &str = "`tests/picture/make` makes the picture again";

#[test]
fn the_picture_is_whole_stands_alone_and_is_in_the_readme() {
    let names = elements(PICTURE);
    let expected = ["circle", "desc", "rect", "style", "svg", "text", "title"];
    assert_eq!(names, BTreeSet::from(expected.map(str::to_owned)));
    for foreign in ["href", "url(", "@import", "<!", "<?", "onload"] {
        assert!(!PICTURE.contains(foreign), "{foreign}");
    }
    let readme = include_str!("../../README.md");
    let (_, link) = readme.split_once("](tests/picture/").expect("a picture");
    let file = link.split(')').next().expect("an end");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(root.join("tests/picture").join(file).is_file());
}

/// The names of all elements, each of which ends where it should.
fn elements(text: &str) -> BTreeSet<String> {
    let mut reader = Reader::from_str(text);
    let mut names = BTreeSet::new();
    let mut depth = 0_usize;
    loop {
        let name = match reader.read_event().expect("well-formed XML") {
            Event::Start(element) => {
                depth += 1;
                element.name().as_ref().to_owned()
            }
            Event::Empty(element) => element.name().as_ref().to_owned(),
            Event::End(_) => {
                depth -= 1;
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        names.insert(name);
    }
    assert_eq!(depth, 0, "it is cut off");
    names
}

#[test]
fn the_picture_shows_one_video_for_each_job() {
    let jobs = MANIFEST.matches("- { id:").count();
    let [_, killed, resumed] = screens();
    assert!(killed[0][0].starts_with("$ kill -9 "), "{:?}", killed[0]);
    for finished in [
        &format!("{jobs} jobs: {jobs} completed; took"),
        &format!("\"creates\":{jobs}"),
    ] {
        let shows = |line: &Vec<String>| line.join(" ").starts_with(finished);
        assert!(resumed.iter().any(shows), "{finished}: {resumed:?}");
    }
    let tasks = |screen: &Screen| -> BTreeSet<String> {
        let pieces = screen.iter().flatten();
        pieces
            .filter(|it| it.starts_with("task_"))
            .cloned()
            .collect()
    };
    let (before, after) = (tasks(&killed), tasks(&resumed));
    assert!(before.len() > 2 && before.is_subset(&after) && after.len() == jobs);
}

#[test]
fn the_picture_shows_what_the_program_says_today() {
    let [running, killed, resumed] = screens();
    for line in [&running, &killed, &resumed].into_iter().flatten() {
        if let Some(command) = line[0].strip_prefix("$ shotlist ") {
            let words = ["shotlist"].into_iter().chain(command.split(' '));
            parse(words.map(Into::into)).expect("it can be typed");
        }
    }
    let said = session();
    let other = |line: &&Vec<String>| !line[0].starts_with(['$', '"']);
    for line in killed.iter().chain(&resumed).filter(other) {
        for phrase in line.iter().flat_map(|piece| phrases(piece)) {
            assert!(said.contains(&phrase), "`{phrase}` in\n{said}\n{REMEDY}");
        }
    }
    let known = words_of_the_progress() + &said;
    let known: BTreeSet<&str> = words(&known).collect();
    let progress = running.iter().filter(other).flatten();
    for word in progress.flat_map(|piece| words(piece)) {
        assert!(known.contains(word), "`{word}`: {REMEDY}");
    }
}

/// What the program says of the same manifest, stopped after half of it and run again.
fn session() -> String {
    let provider = Simulated::good_day();
    let scenario = Scenario::manifest("film.yaml", MANIFEST).at(&provider);
    let said = [
        scenario.run(&["--max-jobs", "3"]).exits(6),
        scenario.ask("status", &[]).exits(0),
        scenario.run(&[]).exits(0),
    ];
    assert_eq!(provider.creates(), 6);
    let texts = said.map(|said| said.stdout + &said.stderr + " running ");
    let words: Vec<_> = texts
        .iter()
        .flat_map(|text| text.split_whitespace())
        .collect();
    words.join(" ")
}

/// Every text in the sources of the progress, which are what it is made of.
fn words_of_the_progress() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/progress");
    let files = fs::read_dir(directory).expect("sources").map(|file| {
        let source = fs::read_to_string(file.expect("readable").path()).unwrap_or_default();
        let texts = source.split('"').skip(1).step_by(2);
        texts.collect::<Vec<_>>().join(" ")
    });
    files.collect::<Vec<_>>().join(" ")
}

/// Lines, each as its pieces: words with single spaces between them.
type Screen = Vec<Vec<String>>;

/// What the picture shows under each of its captions.
fn screens() -> [Screen; 3] {
    let screens: Vec<Screen> = PICTURE
        .split("class=\"caption\"")
        .skip(1)
        .map(lines)
        .collect();
    screens.try_into().expect("three screens")
}

fn lines(part: &str) -> Screen {
    let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
    for text in part.split("<text class=\"cell").skip(1) {
        let y = text
            .split("y=\"")
            .nth(1)
            .and_then(|it| it.split('"').next());
        let words = text.split(['>', '<']).nth(1).expect("a text");
        let words = quick_xml::escape::unescape(words)
            .expect("escaped")
            .into_owned();
        let y = y.expect("a place");
        match lines.last_mut() {
            Some((last, pieces)) if *last == y => pieces.push(words),
            _ => lines.push((y, vec![words])),
        }
    }
    lines.into_iter().map(|(_, pieces)| pieces).collect()
}

/// What stands between numbers and ids: `6 jobs: 1 pending` has `jobs` and `pending`.
fn phrases(piece: &str) -> Vec<String> {
    let words: Vec<&str> = piece.split(' ').collect();
    let has_digit = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    let runs = words.split(has_digit).map(|run| run.join(" "));
    let trimmed = runs.map(|run| run.trim_matches([',', ':', ';', '…', ' ']).to_owned());
    trimmed.filter(|run| !run.is_empty()).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    words.filter(|word| !word.is_empty() && word.chars().all(char::is_alphabetic))
}
