//! What the reader makes of YAML: spec cases, odd but good input, bad input, and a comparison with another reader.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const SOURCE: SourceId = SourceId(0);

/// Reads a whole document as one map.
fn read(text: &str) -> (Option<Vec<(Key, Node)>>, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let pairs = read_pairs(text, &mut diagnostics).ok();
    (pairs, diagnostics)
}

fn read_pairs(text: &str, diagnostics: &mut Diagnostics) -> Result<Vec<(Key, Node)>, Stop> {
    let mut document = Document::open(text, SOURCE, 0, diagnostics)?;
    let mut pairs = Vec::new();
    while let Some(key) = document.next_key(diagnostics)? {
        let value = document.value_of(&key, diagnostics)?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

/// The value of the key `a`, written so that types can be told apart: text in quotes, other numbers with `#`.
fn value_of_a(text: &str) -> String {
    let (pairs, diagnostics) = read(text);
    let found: Vec<_> = diagnostics.iter().map(|found| &found.message).collect();
    assert!(found.is_empty(), "{text:?}: {found:?}");
    let pairs = pairs.expect("no diagnostic, so it was read");
    let (_, node) = pairs
        .iter()
        .find(|(key, _)| key.name == "a")
        .expect("the test has a key `a`");
    written(&node.value)
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Number(text) => format!("#{text}"),
        Value::Text(text) | Value::Cell(text) => format!("{text:?}"),
        Value::List(list) => {
            let parts: Vec<_> = list.iter().map(|node| written(&node.value)).collect();
            format!("[{}]", parts.join(", "))
        }
        Value::Map(pairs) => {
            let part =
                |(key, node): &(Key, Node)| format!("{}: {}", key.name, written(&node.value));
            let parts: Vec<_> = pairs.iter().map(part).collect();
            format!("{{{}}}", parts.join(", "))
        }
    }
}

/// `code line:column` of each diagnostic, in the order they were found.
fn codes(text: &str) -> Vec<String> {
    let (_, diagnostics) = read(text);
    diagnostics
        .iter()
        .map(|found| located(found, text))
        .collect()
}

fn located(found: &Diagnostic, text: &str) -> String {
    let before = &text[..found.span.bytes.start];
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count())
        + 1;
    format!("{} {line}:{column}", found.code)
}

#[test]
fn plain_scalars_mean_what_the_core_schema_says() {
    let cases = [
        ("", "null"),
        ("~", "null"),
        ("null", "null"),
        ("Null", "null"),
        ("nULL", "\"nULL\""),
        ("true", "true"),
        ("True", "true"),
        ("FALSE", "false"),
        ("yes", "\"yes\""),
        ("no", "\"no\""),
        ("on", "\"on\""),
        ("Off", "\"Off\""),
        ("y", "\"y\""),
        ("16:9", "\"16:9\""),
        ("06:00", "\"06:00\""),
        ("30/min", "\"30/min\""),
        ("2024-01-01", "\"2024-01-01\""),
        ("8", "8"),
        ("-7", "-7"),
        ("+7", "7"),
        ("0", "0"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("0x", "\"0x\""),
        ("0b11", "\"0b11\""),
        ("007", "#007"),
        ("1_000", "\"1_000\""),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "#9223372036854775808"),
        ("0xFFFFFFFFFFFFFFFF", "#0xFFFFFFFFFFFFFFFF"),
        ("8.0", "#8.0"),
        ("1e3", "#1e3"),
        (".5", "#.5"),
        ("5.", "#5."),
        (".inf", "#.inf"),
        ("-.Inf", "#-.Inf"),
        (".nan", "#.nan"),
        ("inf", "\"inf\""),
        ("1e400", "\"1e400\""),
        ("8s", "\"8s\""),
        ("1.2.3", "\"1.2.3\""),
        ("-", "\"-\""),
        ("+", "\"+\""),
        (".", "\".\""),
        ("e3", "\"e3\""),
        ("\"8\"", "\"8\""),
        ("'true'", "\"true\""),
        ("!!str 8", "\"8\""),
        ("!!int 8", "8"),
        ("!!float 8", "8"),
        ("!!null ~", "null"),
        ("<<", "\"<<\""),
    ];
    for (scalar, meaning) in cases {
        if scalar == "-" {
            // A lone dash begins a list.
            continue;
        }
        assert_eq!(value_of_a(&format!("a: {scalar}\n")), meaning, "{scalar}");
    }
}

#[test]
fn text_keeps_its_line_breaks_and_spaces_as_yaml_says() {
    let cases = [
        (
            "a: |\n  one\n   two\n\n  three\n",
            "\"one\\n two\\n\\nthree\\n\"",
        ),
        ("a: |-\n  one\n\n", "\"one\""),
        ("a: |+\n  one\n\n", "\"one\\n\\n\""),
        ("a: >\n  one\n  two\n\n  three\n", "\"one two\\nthree\\n\""),
        ("a: one\n  two\n", "\"one two\""),
        ("a: 'it''s'\n", "\"it's\""),
        ("a: \"a\\tb\\u00e9\\x41\\/\"\n", "\"a\\tbéA/\""),
        ("a: \"\\ud83d\\ude00\"\n", "\"😀\""),
        ("a: \"one\n\n  two \\\n  three\"\n", "\"one\\ntwo three\""),
        ("a: x # not text\n", "\"x\""),
        ("a: x#y\n", "\"x#y\""),
        ("a: 提示词：夜\n", "\"提示词：夜\""),
        (
            "a: it's \"so\", [really]\n",
            "\"it's \\\"so\\\", [really]\"",
        ),
    ];
    for (text, meaning) in cases {
        assert_eq!(value_of_a(text), meaning, "{text:?}");
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(value_of_a(&crlf), meaning, "{crlf:?}");
        let cr = text.replace('\n', "\r");
        assert_eq!(value_of_a(&cr), meaning, "{cr:?}");
    }
}

#[test]
fn lists_and_maps_may_be_written_in_every_way_yaml_has() {
    let cases = [
        ("a: [1, 'x', [2], {b: 3}]", "[1, \"x\", [2], {b: 3}]"),
        ("a: [1, 2,]", "[1, 2]"),
        ("a: {b: 1, c: ,}", "{b: 1, c: null}"),
        ("a:\n- 1\n- b: 2\n  c: 3\n", "[1, {b: 2, c: 3}]"),
        ("a:\n  - - 1\n    - 2\n  -\n", "[[1, 2], null]"),
        ("{\n\t\"a\": {\"b\":1}\n}\n", "{b: 1}"),
        ("? a\n: b\n", "\"b\""),
        ("---\na: 1\n...\n", "1"),
        ("# c\n\n---\n# d\na: 1 # e\n", "1"),
        (
            "a: {1: x, true: y, ~: z}",
            "{1: \"x\", true: \"y\", ~: \"z\"}",
        ),
        ("a: []\nb: {}\n", "[]"),
        ("a: [b: 1]", "[{b: 1}]"),
    ];
    for (text, meaning) in cases {
        assert_eq!(value_of_a(text), meaning, "{text:?}");
    }
}

#[test]
fn aliases_and_merge_keys_repeat_values() {
    let cases = [
        ("x: &x 5\na: *x\n", "5"),
        ("x: &x {b: 1, c: 2}\na: {<<: *x, b: 3}\n", "{b: 3, c: 2}"),
        (
            "x: &x {b: 1}\ny: &y {b: 2, c: 3}\na: {<<: [*x, *y]}\n",
            "{b: 1, c: 3}",
        ),
        ("a: {<<: {b: 1}, c: 2}\n", "{c: 2, b: 1}"),
        ("x: &x 1\ny: &x 2\na: *x\n", "2"),
        ("x: [&x 1, *x]\na: [*x, *x]\n", "[1, 1]"),
        ("x: &x {y: &y [1]}\na: *y\n", "[1]"),
        ("a: {\"<<\": 1}\n", "{<<: 1}"),
    ];
    for (text, meaning) in cases {
        assert_eq!(value_of_a(text), meaning, "{text:?}");
    }
}

#[test]
fn every_mistake_has_its_place() {
    let cases: &[(&str, &[&str])] = &[
        ("", &["empty-manifest 1:1"]),
        ("# nothing\n", &["empty-manifest 1:1"]),
        ("---\n", &["empty-manifest 1:4"]),
        ("- a\n", &["not-a-map 1:1"]),
        ("text", &["not-a-map 1:1"]),
        (
            "a: 1\na: 2\nb: {c: 1, c: 2}\n",
            &["duplicate-key 2:1", "duplicate-key 3:11"],
        ),
        ("a: 1\n---\nb: 2\n", &["several-documents 2:1"]),
        (
            "a: *x\nb: [*y]\n",
            &["unknown-anchor 1:4", "unknown-anchor 2:5"],
        ),
        ("a: &a [*a]\n", &["alias-cycle 1:8"]),
        (
            "a: {<<: 1}\nb: {<<: [{c: 1}, 2]}\n",
            &["merge-key 1:5", "merge-key 2:5"],
        ),
        ("<<: {a: 1}\n", &["merge-key 1:1"]),
        ("a: {<<: {}, <<: {}}\n", &["duplicate-key 1:13"]),
        (
            "a: !env X\nb: !!binary eA==\nc: ! x\n",
            &["yaml-tag 1:4", "yaml-tag 2:4", "yaml-tag 3:4"],
        ),
        ("a: !!int x\n", &["yaml-tag 1:4"]),
        ("a: !!map [1]\n", &["yaml-tag 1:4"]),
        ("a: {[1]: 2}\n", &["yaml-key 1:5"]),
        ("%YAML 1.1\n---\na: 1\n", &["yaml-version 1:1"]),
        ("a: [1\n", &["yaml-syntax 1:4"]),
        ("a: 1\nb: \"x\n", &["yaml-syntax 2:4"]),
        ("a: x: y\n", &["yaml-syntax 1:5"]),
        ("提: x: y\n", &["yaml-syntax 1:5"]),
        ("a:\n\t- 1\n", &["yaml-syntax 2:1"]),
        ("a: @x\n", &["yaml-syntax 1:4"]),
        ("a: \u{7}\n", &["yaml-syntax 1:4"]),
        ("a: 1\n  b: 2\n", &["yaml-syntax 2:4"]),
        ("a: 1\n b\nc\n", &["yaml-syntax 3:1"]),
    ];
    for (text, expected) in cases {
        assert_eq!(codes(text), *expected, "{text:?}");
    }
}

/// Each key of `pairs` with the text of its value.
fn show(text: &str, key: &Key, node: &Node, shown: &mut String) {
    let value = &text[node.span.bytes.clone()];
    let _ = writeln!(shown, "{} = {value:?}", &text[key.span.bytes.clone()]);
    if let Value::Map(pairs) = &node.value {
        for (key, node) in pairs {
            show(text, key, node, shown);
        }
    }
}

#[test]
fn values_know_where_they_begin_and_end() {
    let text = "a: 提示 x # c\nb:\n  c: [1, 2]\n  d: {e: 1}\nf: |\n  x\ng: *h\n";
    let text = format!("h: &h {{i: 1}}\n{text}");
    let (pairs, _) = read(&text);
    let mut shown = String::new();
    for (key, node) in pairs.expect("the text is good") {
        show(&text, &key, &node, &mut shown);
    }
    let expected = [
        "h = \"{i: 1}\"",
        "i = \"1\"",
        "a = \"提示 x\"",
        "b = \"c: [1, 2]\\n  d: {e: 1}\"",
        "c = \"[1, 2]\"",
        "d = \"{e: 1}\"",
        "e = \"1\"",
        "f = \"x\\n\"",
        "g = \"*h\"",
        "i = \"1\"",
    ];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_left_out_stands_at_its_key_or_dash() {
    let (pairs, _) = read("a:\nb:\n  -\n  - 1\n");
    let pairs = pairs.expect("the text is good");
    assert_eq!(pairs[0].1.span, pairs[0].0.span);
    let Value::List(list) = &pairs[1].1.value else {
        panic!("b is a list");
    };
    assert_eq!(list[0].span.bytes, 8..9);
}

#[test]
fn jobs_come_one_by_one_up_to_a_syntax_error() {
    let mut diagnostics = Diagnostics::default();
    let text = "jobs:\n- id: a\n- id: b\n- id: \"c\n";
    let mut document = Document::open(text, SOURCE, 0, &mut diagnostics).expect("begins well");
    let key = document
        .next_key(&mut diagnostics)
        .expect("reads")
        .expect("has a key");
    assert!(matches!(
        document.jobs(&key, &mut diagnostics),
        Ok(Jobs::List(_))
    ));
    let mut jobs = Vec::new();
    while let Ok(Some(job)) = document.next_job(&mut diagnostics) {
        jobs.push(written(&job.node.value));
    }
    assert_eq!(jobs, ["{id: \"a\"}", "{id: \"b\"}"]);
    let found: Vec<_> = diagnostics
        .iter()
        .map(|found| located(found, text))
        .collect();
    assert_eq!(found, ["yaml-syntax 4:7"]);
}

/// Manifests that would take all memory or the stack if nothing were bounded.
fn bombs() -> Vec<(&'static str, String)> {
    let mut laughs = "x-0: &l0 [lol, lol]\n".to_owned();
    let mut quiet = "x-0: &l0 \"long text long text long text long text\"\n".to_owned();
    let mut tower = "x-0: &l0 [x]\n".to_owned();
    let mut merges = "x-0: &l0 {k: [1, 2]}\n".to_owned();
    for level in 1..200 {
        let below = level - 1;
        let ten = vec![format!("*l{below}"); 10].join(", ");
        let _ = writeln!(laughs, "x-{level}: &l{level} [{ten}]");
        let _ = writeln!(quiet, "x-{level}: &l{level} {{{}}}", keys(below));
        let _ = writeln!(tower, "x-{level}: &l{level} [*l{below}]");
        let _ = writeln!(
            merges,
            "x-{level}: &l{level} {{<<: *l{below}, k{level}: [*l{below}, *l{below}]}}"
        );
    }
    let huge = format!(
        "x: &l \"{}\"\na: [{}]\n",
        "x".repeat(100_000),
        "*l, ".repeat(50_000)
    );
    vec![
        ("laughs", laughs),
        ("maps", quiet),
        ("tower", tower),
        ("merges", merges),
        ("long text", huge),
    ]
}

fn keys(below: usize) -> String {
    let keys: Vec<_> = (0..10).map(|key| format!("k{key}: *l{below}")).collect();
    keys.join(", ")
}

fn stairs(height: usize) -> String {
    let lines: Vec<_> = (0..height)
        .map(|depth| format!("{}a:", " ".repeat(depth)))
        .collect();
    lines.join("\n")
}

#[test]
fn alias_bombs_are_refused_at_once() {
    let begin = Instant::now();
    for (name, text) in bombs() {
        let found = codes(&text);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(
            found[0].starts_with("alias-limit") || found[0].starts_with("too-deep"),
            "{name}: {found:?}"
        );
    }
    // Generous: unbounded, the first would take years.
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn deep_nesting_is_refused_without_a_deep_stack() {
    let begin = Instant::now();
    for (name, text) in [
        ("brackets", format!("a: {}", "[".repeat(1_000_000))),
        ("braces", format!("a: {}", "{b: ".repeat(300_000))),
        ("dashes", format!("a:\n{}", "- ".repeat(300_000))),
        ("questions", format!("a:\n  {}", "? ".repeat(300_000))),
        ("lines", stairs(3000)),
        (
            "closed",
            format!("a: {}{}", "[".repeat(100), "]".repeat(100)),
        ),
    ] {
        let found = codes(&text);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(found[0].starts_with("too-deep"), "{name}: {found:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(60));
    let allowed = format!("a: {}{}", "[".repeat(60), "]".repeat(60));
    assert_eq!(codes(&allowed), [""; 0]);
}

/// Our tree in the terms of the other reader.
fn meaning(value: &Value) -> serde_yaml::Value {
    use serde_yaml::Value as Other;
    match value {
        Value::Null => Other::Null,
        Value::Boolean(value) => Other::Bool(*value),
        Value::Integer(value) => Other::from(*value),
        // Leading zeros: a number to one, text to the other, and in both as it was written.
        Value::Number(text)
            if text.trim_start_matches(['+', '-']).starts_with('0')
                && !text.contains(['.', 'e', 'E', 'x', 'o']) =>
        {
            Other::from(text.as_str())
        }
        Value::Number(text) => serde_yaml::from_str(text).expect("a number to both"),
        Value::Text(text) | Value::Cell(text) => Other::from(text.as_str()),
        Value::List(list) => {
            Other::Sequence(list.iter().map(|node| meaning(&node.value)).collect())
        }
        Value::Map(pairs) => pairs_meaning(pairs),
    }
}

fn pairs_meaning(pairs: &[(Key, Node)]) -> serde_yaml::Value {
    let pair = |(key, node): &(Key, Node)| {
        (
            serde_yaml::Value::from(key.name.as_str()),
            meaning(&node.value),
        )
    };
    serde_yaml::Value::Mapping(pairs.iter().map(pair).collect())
}

/// Fails if both readers accept `text` and disagree on what it means; says whether both accepted it.
fn compare(text: &str) -> Result<bool, String> {
    let (pairs, diagnostics) = read(text);
    let Some(pairs) = pairs.filter(|_| !diagnostics.has_errors()) else {
        return Ok(false);
    };
    let Ok(other) = serde_yaml::from_str::<serde_yaml::Value>(text) else {
        return Ok(false);
    };
    let (ours, other) = (named(pairs_meaning(&pairs)), named(other));
    if ours == other {
        Ok(true)
    } else {
        Err(format!("{text:?}\nours:  {ours:?}\nother: {other:?}"))
    }
}

/// `value` with the names of all fields as text, as a manifest has them.
fn named(value: serde_yaml::Value) -> serde_yaml::Value {
    use serde_yaml::Value as Other;
    let name = |key| match key {
        Other::Null => Other::from(""),
        Other::Bool(value) => Other::from(value.to_string()),
        Other::Number(value) => Other::from(value.to_string()),
        Other::String(text) if text == "~" => Other::from(""),
        other => other,
    };
    match value {
        Other::Sequence(list) => Other::Sequence(list.into_iter().map(named).collect()),
        Other::Mapping(pairs) => {
            let pair = |(key, value)| (name(key), named(value));
            Other::Mapping(pairs.into_iter().map(pair).collect())
        }
        other => other,
    }
}

#[test]
fn snippets_mean_to_both_readers_the_same() {
    let snippets = [
        "a: 1\nb: [x, 'y', \"z\"]\n",
        "a: |\n  x\n  y\n\nb: >-\n  x\n  y\n",
        "a: {b: {c: [1, 2.5, true, ~]}}\n",
        "jobs:\n- id: hero\n  prompt: A slow shot, warm light.\n  aspect_ratio: 16:9\n",
        "a: yes\nb: no\nc: on\nd: 12:30:45\ne: 2024-01-01\n",
        "a: 0x1F\nb: 0o17\nc: 1e3\nd: .5\ne: -.inf\nf: 007\n",
        "a: &x [1]\nb: *x\n",
        "a: \"\\u00e9\\n\\t\\\"\"\n",
        "'a b': x\n\"c\": y\n",
        "a: x # comment\n# more\nb: 'y'\n",
        "a:\n  - b\n  - - c\n    - d\n  - e: f\n    g: h\n",
        "a: multi\n  line\n  text\n",
        "a:\nb:\n- \n- x\n",
        "---\na: 1\n...\n",
        "a: http://x.y/z?q=1#f\n",
        "a: - b\n",
        "a: [x, y\n",
    ];
    let both = snippets
        .iter()
        .filter(|text| compare(text).expect("both readers agree"))
        .count();
    assert_eq!(both, snippets.len() - 2, "all but the two broken ones");
}

/// Scalars that need care, and any others; U+0085, U+2028 and U+2029 end lines for the other writer (as in YAML 1.1).
fn scalar() -> impl Strategy<Value = serde_yaml::Value> {
    let tricky = proptest::sample::select(vec![
        "",
        "~",
        "null",
        "yes",
        "16:9",
        "007",
        "1e3",
        "0x1F",
        "1_000",
        " x",
        "x ",
        "- x",
        "# x",
        "a: b",
        "a:",
        "\n",
        "x\n",
        "\nx",
        "x\n\n y\n",
        " x\n",
        "\tx",
        "*x",
        "&x",
        "!x",
        "|",
        ">",
        "%x",
        "@x",
        "`x",
        "[x",
        "{x",
        "x]",
        ",",
        "?",
        "? x",
        "'",
        "\"",
        "it's",
        "---",
        "...",
        "--- x",
        "<<",
        "=",
        "é",
        "提示：夜",
        "🎬",
        "x\r\ny",
        "\u{feff}x",
        "0o17",
        "1e400",
        ".inf",
        "True",
        "-",
        ".",
        "+",
        "x\t",
        "\\",
        "\\n",
    ])
    .prop_map(serde_yaml::Value::from);
    prop_oneof![
        4 => tricky,
        2 => "[ -~]{0,20}".prop_map(serde_yaml::Value::from),
        1 => "[ -~\n\u{a0}-\u{24f}]{0,30}".prop_map(serde_yaml::Value::from),
        1 => any::<i64>().prop_map(serde_yaml::Value::from),
        1 => any::<bool>().prop_map(serde_yaml::Value::from),
        1 => Just(serde_yaml::Value::Null),
    ]
}

fn tree() -> impl Strategy<Value = serde_yaml::Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_yaml::Value::Sequence),
            proptest::collection::btree_map("[a-z_]{1,8}", inner, 0..4).prop_map(|map| {
                let pair = |(key, value): (String, _)| (serde_yaml::Value::from(key), value);
                serde_yaml::Value::Mapping(map.into_iter().map(pair).collect())
            }),
        ]
    })
}

/// Pieces that YAML is made of, with a line end at the end: without one, our reader ends a block text as if there
/// were one, so that an editor that adds it does not change the prompt.
fn soup() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "a", "b", "a: ", "b: ", "- ", "\n", "\n", "\n  ", "\n    ", " ", "'x'", "\"y\"", "[", "]",
        "{", "}", ", ", "# c", "|\n", ">\n", "1", "true", "~", "x y", ":", "&x ", "*x", "? ", "-",
        "\\", "é",
    ]);
    proptest::collection::vec(piece, 1..16).prop_map(|pieces| format!("k: {}\n", pieces.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_the_other_reader_writes_is_read_as_it_was_meant(value in tree()) {
        let text = serde_yaml::to_string(&std::collections::BTreeMap::from([("a", &value)]))
            .expect("a tree of plain values can be written");
        let (pairs, diagnostics) = read(&text);
        let found: Vec<_> = diagnostics.iter().map(|found| &found.message).collect();
        prop_assert!(found.is_empty(), "{text:?}: {found:?}");
        let pairs = pairs.expect("no diagnostic, so it was read");
        prop_assert_eq!(meaning(&pairs[0].1.value), value, "{:?}", text);
    }

    #[test]
    fn what_both_readers_accept_means_the_same(text in soup()) {
        if let Err(difference) = compare(&text) {
            prop_assert!(false, "{difference}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}|[ -~\n\t]{0,60}") {
        let (pairs, diagnostics) = read(&text);
        prop_assert_eq!(pairs.is_none(), diagnostics.has_errors() && pairs.is_none());
    }
}
