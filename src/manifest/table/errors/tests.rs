//! Tables are written with their errors and read again: mended or not, they mean the same as before.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use crate::manifest::{LoadOptions, Loaded, NoErrorsCsv, load, load_with};

fn loaded(name: &str, bytes: &[u8]) -> Loaded {
    let read = |_: &Path| Ok(bytes.to_vec());
    load(Path::new(name), &read)
}

fn written(loaded: &Loaded) -> String {
    let mut out = Vec::new();
    let csv = loaded.errors_csv().expect("there is a table");
    csv.write(&mut out).expect("memory takes everything");
    String::from_utf8(out).expect("UTF-8")
}

/// The jobs of a manifest, or only that it has errors.
fn meaning(loaded: &Loaded) -> Option<String> {
    let plan = loaded.plan.as_ref()?;
    let jobs = plan.jobs().iter();
    let meant: Vec<_> = jobs
        .map(|job| (job.id(), job.request(), job.user_values()))
        .collect();
    Some(format!("{meant:?}"))
}

#[test]
fn every_row_is_written_as_it_was_with_its_errors_behind_it() {
    let table = "id;prompt;model;duration;x_a\r\n\
        a;\"A cat, \"\"asleep\"\"\nin the sun\";seedance2.0-720p;8;1\r\n\
        \r\n\
        b;A dog;seedance2.0-721p;8s\r\n\
        a;;seedance2.0-720p;8;\r\n";
    let copy = written(&loaded("shots.csv", table.as_bytes()));
    insta::assert_snapshot!(copy.replace("\r\n", "␍␊\n"));
}

#[test]
fn warnings_stand_behind_the_errors_of_each_row_also_where_the_screen_sums_them_up() {
    let mut table = "id,prompt,model,duration,aspect_ratio\n".to_owned();
    table += "bad,TBD,seedance2.0-720p,,4:3\n";
    for row in 0..30 {
        let _ = writeln!(table, "r{row},A cat {row},seedance2.0-720p,,16:9");
    }
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    let read = |_: &Path| Ok(table.clone().into());
    let copy = written(&load_with(Path::new("shots.csv"), &options, &read));
    let rows: Vec<&str> = copy.lines().collect();
    let cell = rows[1];
    let places = [
        "unknown-aspect-ratio: ",
        "| warning: placeholder-prompt: ",
        "| warning: no-duration: ",
    ]
    .map(|code| cell.find(code).unwrap_or_else(|| panic!("{code}: {cell}")));
    assert!(places[0] < places[1] && places[0] < places[2], "{cell}");
    for row in &rows[2..] {
        assert_eq!(row.matches("warning: no-duration: ").count(), 1, "{row}");
        assert!(!row.contains("more jobs have"), "{row}");
    }
}

#[test]
fn a_table_below_a_title_gets_its_column_at_the_header_and_is_right_without_the_title() {
    let table = "Spring films,,,\n\nid,prompt,model,duration\na,A cat,seedance2.0-720p,8s\nb,A dog,seedance2.0-720p,8\n";
    let copy = written(&loaded("shots.csv", table.as_bytes()));
    insta::assert_snapshot!(copy.replace("\r\n", "␍␊\n"));
    let (_, mended) = copy.split_once("\r\n\r\n").expect("a blank row");
    let mended = loaded("mend.csv", mended.replace("8s", "8").as_bytes());
    let right = table.replace("8s", "8");
    let (_, right) = right.split_once("\n\n").expect("a blank row");
    assert_eq!(
        meaning(&mended),
        meaning(&loaded("shots.csv", right.as_bytes()))
    );
    assert!(meaning(&mended).is_some(), "{}", mended.render_compact());
}

#[test]
fn mistakes_of_the_header_and_of_an_open_quote_stand_at_the_first_job() {
    let table = "id,promt,model\na,A cat,seedance2.0-720p\nb,\"A dog,seedance2.0-720p\n";
    let copy = written(&loaded("shots.csv", table.as_bytes()));
    insta::assert_snapshot!(copy.replace("\r\n", "␍␊\n"));
}

#[test]
fn what_a_template_cannot_fill_in_stands_at_the_row() {
    let loaded = load(Path::new("m.yaml"), &|path| {
        Ok(match path.to_str() {
            Some("m.yaml") => {
                b"defaults: { model: seedance2.0-720p, duration: 8 }\njobs: { from: t.csv, template: { prompt: 'A {{ product }}' } }\n".to_vec()
            }
            _ => b"id,product\na,lamp\nb,\n".to_vec(),
        })
    });
    let copy = written(&loaded);
    let lines: Vec<&str> = copy.lines().collect();
    assert_eq!(lines[..2], ["\u{feff}id,product,errors", "a,lamp,"]);
    assert!(
        lines[2].contains("empty-cell: `product` has no value"),
        "{copy}"
    );
}

#[test]
fn what_cannot_be_copied_truly_is_not_copied() {
    let refusal = |name: &str, bytes: &[u8]| loaded(name, bytes).errors_csv().err();
    let cases: [(&str, Vec<u8>, _); 4] = [
        ("a.yaml", b"jobs: []".to_vec(), NoErrorsCsv::NoTable),
        ("a.csv", b"PK\x03\x04".to_vec(), NoErrorsCsv::NoTable),
        (
            "a.csv",
            b"\xEF\xBB\xBFid,prompt\na,caf\xE9".to_vec(),
            NoErrorsCsv::Unreadable,
        ),
        (
            "a.csv",
            format!("id,prompt\na{}", ",b".repeat(2000)).into_bytes(),
            NoErrorsCsv::TooWide,
        ),
    ];
    for (name, bytes, expected) in cases {
        assert_eq!(refusal(name, &bytes), Some(expected), "{name}");
        assert!(!expected.to_string().is_empty() && !expected.remedy().is_empty());
    }
}

#[test]
fn an_earlier_column_of_errors_is_replaced_and_never_read() {
    let table = "id,errors,prompt,model,duration\na,\"old, stale\",A cat,seedance2.0-720p,8\n";
    let first = loaded("shots.csv", table.as_bytes());
    assert!(first.plan.is_some(), "{}", first.render_compact());
    assert_eq!(
        first.detected[1],
        "shots.csv: the column `errors` is passed over"
    );
    let copy = written(&first);
    assert_eq!(
        copy,
        "\u{feff}id,prompt,model,duration,errors\r\na,A cat,seedance2.0-720p,8,\r\n"
    );
    assert_eq!(
        meaning(&first),
        meaning(&loaded("shots.csv", copy.as_bytes()))
    );
}

#[test]
fn a_hundred_thousand_wrong_rows_all_get_their_errors() {
    let mut table = "id,prompt,model,duration\n".to_owned();
    for number in 0..100_000 {
        let _ = writeln!(table, "j{number},A cat,seedance2.0-720p,99");
    }
    let read = |_: &Path| Ok(table.clone().into_bytes());
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    let copy = written(&load_with(Path::new("shots.csv"), &options, &read));
    assert_eq!(copy.matches(",duration-range: ").count(), 100_000);
}

/// Cells as people write them, hostile ones among them.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("seedance2.0-720p".to_owned()),
        Just("8".to_owned()),
        "[a-c]{1,2}",
        "[ -~]{0,8}",
        "[\"',;|\t\r\n =sep猫é\u{a0}]{0,8}",
    ]
}

proptest! {
    #[test]
    fn the_copy_means_what_the_table_meant_and_heals_no_mistake(
        header in proptest::collection::vec(
            prop_oneof![
                Just("id"), Just("prompt"), Just("model"), Just("duration"), Just("x_a;b"), Just("x_a,b"),
                Just("errors"), Just(""), Just("images"), Just("Duration (s)"),
            ],
            1..6,
        ),
        rows in proptest::collection::vec(proptest::collection::vec(cell(), 0..7), 0..6),
        separator in prop_oneof![Just(','), Just(';'), Just('\t'), Just('|')],
        is_quoted in any::<bool>(),
        lead in prop_oneof![Just(""), Just("\n"), Just("\r\n\r\n")],
    ) {
        let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
        let shown = |cell: &str| if is_quoted { quoted(cell) } else { cell.to_owned() };
        let between = separator.to_string();
        let mut table = lead.to_owned();
        table += &header.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(&between);
        for row in &rows {
            table += "\n";
            table += &row.iter().map(|cell| shown(cell)).collect::<Vec<_>>().join(&between);
        }
        let first = loaded("shots.csv", table.as_bytes());
        if let Ok(csv) = first.errors_csv() {
            let mut out = Vec::new();
            csv.write(&mut out).expect("memory takes everything");
            let again = loaded("shots.csv", &out);
            prop_assert_eq!(meaning(&first), meaning(&again), "{}\n{}", table, String::from_utf8_lossy(&out));
        }
    }
}

#[test]
fn every_row_that_repeats_an_id_or_a_mistake_of_a_template_has_it() {
    let manifest = "allow: [placeholder-prompt]\ndefaults: { model: seedance2.0-720p }\njobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}-film\", prompt: \"{{ product }}\" }\n";
    let table = "sku,product,duration\nk,TBD,8\nk,TODO,99\nk,n/a,98\nl,A kite,97\n";
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    let loaded = load_with(Path::new("m.yaml"), &options, &|path| {
        let bytes = if path.ends_with("t.csv") {
            table
        } else {
            manifest
        };
        Ok(bytes.into())
    });
    let copy = written(&loaded);
    let codes = |row: &str| -> Vec<&str> {
        ["id-not-unique", "duration-range", "placeholder-prompt"]
            .into_iter()
            .filter(|code| row.contains(code))
            .collect()
    };
    let rows: Vec<Vec<&str>> = copy.lines().skip(1).map(codes).collect();
    let both = vec!["id-not-unique", "duration-range"];
    assert_eq!(
        rows,
        [vec![], both.clone(), both, vec!["duration-range"]],
        "{copy}"
    );
}

#[test]
fn a_copy_is_known_by_its_header_also_where_that_has_several_lines() {
    for (table, is_copy) in [
        ("id,\"image\n1\",errors\n", true),
        ("\n\"id\";Errors;;\n", true),
        ("id,errors,prompt\n", false),
        ("id,prompt\nerrors,errors\n", false),
        ("id,\"a\nx,errors\n\",prompt\n", false),
    ] {
        let loaded = loaded("mend.csv", table.as_bytes());
        assert_eq!(loaded.is_errors_csv(), is_copy, "{table}");
    }
}
