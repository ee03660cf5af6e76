//! Faults as they are written, and what they strike.

use super::*;

fn faults(text: &str) -> Faults {
    text.parse().expect("valid")
}

fn numbers_struck(text: &str, target: Target, up_to: u64) -> Vec<u64> {
    let faults = faults(text);
    (1..=up_to)
        .filter(|number| faults.striking(target, *number, 7).next().is_some())
        .collect()
}

#[test]
fn every_example_of_the_table_is_a_fault_of_its_row() {
    for row in FAULTS {
        for example in row.example.split_whitespace() {
            let Faults(parsed) = faults(example);
            assert!(row.names.contains(&parsed[0].name), "{example}");
        }
        for name in row.names {
            assert!(
                find(name).is_ok_and(|(found, _)| std::ptr::eq(found, row)),
                "{name}"
            );
        }
    }
}

#[test]
fn a_frequency_decides_which_numbers_are_struck() {
    for (text, struck) in [
        ("html", vec![1, 2, 3, 4, 5, 6]),
        ("html=always", vec![1, 2, 3, 4, 5, 6]),
        ("html=2", vec![1, 2]),
        ("html=first:2", vec![1, 2]),
        ("html=after:4", vec![5, 6]),
        ("html=every:3", vec![3, 6]),
        ("html=100%", vec![1, 2, 3, 4, 5, 6]),
        ("html=0%", vec![]),
    ] {
        assert_eq!(numbers_struck(text, Target::Create, 6), struck, "{text}");
    }
}

#[test]
fn a_share_is_about_that_share_and_the_same_each_time() {
    let struck = numbers_struck("html=10%", Target::Create, 10_000);
    assert!((900..1100).contains(&struck.len()), "{}", struck.len());
    assert_eq!(struck, numbers_struck("html=10%", Target::Create, 10_000));
    let rare = numbers_struck("html=0.5%", Target::Create, 10_000).len();
    assert!((30..80).contains(&rare), "{rare}");
}

#[test]
fn a_poll_prefix_moves_a_fault_from_creates_to_polls() {
    assert_eq!(numbers_struck("poll:reset", Target::Poll, 2), [1, 2]);
    assert!(numbers_struck("poll:reset", Target::Create, 2).is_empty());
    assert!(numbers_struck("reset", Target::Poll, 2).is_empty());
}

#[test]
fn an_argument_stands_before_the_frequency() {
    let seconds = Duration::from_secs;
    for (text, effect, when) in [
        (
            "slow=3s:10%",
            Effect::Slow(seconds(3)),
            When::Share(100_000),
        ),
        ("slow=3s", Effect::Slow(seconds(3)), When::Always),
        (
            "429=5s:every:7",
            Effect::Refuse(429, Some(seconds(5))),
            When::Every(7),
        ),
        ("429=5", Effect::Refuse(429, None), When::First(5)),
        ("no-url=2:10%", Effect::NoUrl(Some(2)), When::Share(100_000)),
        ("no-url=2", Effect::NoUrl(None), When::First(2)),
        (
            "odd-status=baking",
            Effect::OddStatus("baking".into()),
            When::Always,
        ),
    ] {
        let Faults(parsed) = faults(text);
        assert_eq!(
            (&parsed[0].effect, parsed[0].when),
            (&effect, when),
            "{text}"
        );
    }
}

#[test]
fn a_mistake_is_answered_with_what_is_accepted() {
    let explain = |text: &str| text.parse::<Faults>().expect_err(text).to_string();
    insta::assert_snapshot!(
        [
            "lost-anwser=5%",
            "teapot",
            "slow",
            "slow=10%",
            "html=often",
            "html=3s:10%",
            "no-url=x:2",
            "html=101%",
            "html=every:0",
            "poll:stuck",
            "429=10%,,",
        ]
        .map(explain)
        .join("\n")
    );
}

#[test]
fn the_readme_lists_every_fault() {
    let readme = include_str!("../../../README.md");
    for name in FAULTS.iter().flat_map(|row| row.names) {
        let is_listed = [format!("`{name}`"), format!("`{name}=")]
            .iter()
            .any(|shown| readme.contains(shown));
        assert!(is_listed, "{name}");
    }
    assert!(readme.contains(FREQUENCIES));
}

#[test]
fn the_help_lists_every_fault() {
    insta::assert_snapshot!(fault_help());
}
