//! Tables are written with their errors and read again: mended or not, they mean the same as before.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::ErrorsCsv;
use crate::manifest::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::manifest::load::glances::load_alike;
use crate::manifest::tree::Span;
use crate::manifest::workbook::tests::raw;
use crate::manifest::{Colour, LoadOptions, Loaded, NoErrorsCsv, load, load_with};

fn loaded(name: &str, bytes: &[u8]) -> Loaded {
    let read = |_: &Path| Ok(bytes.to_vec());
    load_alike(Path::new(name), &read)
}

/// The same with every mistake kept.
fn loaded_whole(name: &str, bytes: &[u8]) -> Loaded {
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    load_with(Path::new(name), &options, &|_: &Path| Ok(bytes.to_vec()))
}

/// A workbook with such rows of cells, each as XML without its name, some of them merged.
fn workbook(rows: &[Vec<String>], merged: &str) -> Vec<u8> {
    let rows = rows
        .iter()
        .map(|cells| format!("<row>{}</row>", cells.concat()));
    let rows: String = rows.collect();
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData>{merged}</worksheet>");
    raw(&[
        ("xl/worksheets/sheet1.xml", &sheet),
        (
            "xl/styles.xml",
            r#"<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="20"/></cellXfs></styleSheet>"#,
        ),
    ])
}

fn text(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    format!("<c t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>")
}

fn texts(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| text(cell)).collect()
}

/// Cells that a spreadsheet made of what somebody typed.
const ODD: [&str; 10] = [
    r#"<c s="1"><v>46151</v></c>"#,
    r#"<c s="2"><v>0.672916666666667</v></c>"#,
    r#"<c s="1"><v>46151.5</v></c>"#,
    r#"<c t="d"><v>soon</v></c>"#,
    r#"<c t="e"><v>#N/A</v></c>"#,
    r#"<c t="e"><v>#LATER!</v></c>"#,
    r#"<c t="e"/>"#,
    r"<c><f>B1&amp;A1</f></c>",
    "<c><v>1234567890123456789</v></c>",
    "<c><v>-9.1e15</v></c>",
];

/// The rows that have errors, as spreadsheets count.
fn wrong_rows(loaded: &Loaded) -> BTreeSet<usize> {
    let errors = loaded.diagnostics.iter();
    errors
        .filter(|found| found.severity == Severity::Error)
        .filter_map(|found| Some(loaded.sources.place(&found.span).cell?.row))
        .collect()
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
fn cells_of_a_workbook_that_csv_would_heal_are_marked_and_refused_again() {
    let mut rows = vec![texts(&["id", "prompt", "model", "duration", "x_due"])];
    let fine = texts(&[
        "a",
        "#DATE! night, a kite",
        "seedance2.0-720p",
        "8",
        "#DATE! 2026-05-09",
    ]);
    rows.push(fine);
    for odd in ODD {
        let mut row = texts(&["", "A kite", "seedance2.0-720p", "9s", ""]);
        row[1] = odd.to_owned();
        row[4] = ODD[0].to_owned();
        rows.push(row);
    }
    rows.push(texts(&["m", "A kite", "seedance2.0-720p", "8"]));
    rows.push(texts(&["n", "A kite", "seedance2.0-720p"]));
    rows[12].push(ODD[5].to_owned());
    let merged = r#"<mergeCells><mergeCell ref="D13:D14"/></mergeCells>"#;
    let first = loaded_whole("shots.xlsx", &workbook(&rows, merged));
    let copy = written(&first);
    insta::assert_snapshot!("marks", copy.replace("\r\n", "␍␊\n"));
    let again = loaded_whole("mend.csv", copy.as_bytes());
    assert_eq!(wrong_rows(&first), wrong_rows(&again));
    assert_eq!(wrong_rows(&first), (3..=14).collect());
    insta::assert_snapshot!("marks-read-again", again.render(Colour::Off));
    assert_eq!(written(&again).lines().count(), copy.lines().count());
}

#[test]
fn a_refused_cell_hides_no_other_mistake_of_its_row() {
    let header = texts(&["id", "prompt", "model", "duration", "images", "product"]);
    let mut row = texts(&[
        "a b",
        "A kite",
        "seedance2.0-721p",
        "",
        "kite.png",
        "TBD",
        "beyond",
    ]);
    row[3] = ODD[0].to_owned();
    row[5] = ODD[0].to_owned();
    let bytes = workbook(&[header, row], "");
    for (manifest, expected) in [
        (
            "jobs: { from: t.xlsx, template: { prompt: 'A {{ product }}', x_a: '{{ nothing }}' } }",
            "bad-id cell-is-a-date cell-is-a-date extra-cell local-path unknown-model unknown-variable",
        ),
        (
            "vars: { a: b }\ndefaults: { last_image: '{{ duration }}{{ a }}' }\njobs: { from: t.xlsx }",
            "bad-id cell-is-a-date extra-cell local-path unknown-column unknown-model",
        ),
        (
            "defaults: { duration: 8 }\njobs: { from: t.xlsx }",
            "bad-id cell-is-a-date extra-cell local-path unknown-column unknown-model",
        ),
    ] {
        let read = |path: &Path| {
            let is_manifest = path == Path::new("m.yaml");
            Ok(if is_manifest {
                manifest.into()
            } else {
                bytes.clone()
            })
        };
        let loaded = load(Path::new("m.yaml"), &read);
        let mut codes: Vec<&str> = loaded.diagnostics.iter().map(|it| it.code).collect();
        codes.sort_unstable();
        assert_eq!(
            codes.join(" "),
            expected,
            "{manifest}\n{}",
            loaded.render_compact()
        );
    }
}

#[test]
fn all_rows_have_their_errors_also_where_the_screen_folds_those_of_a_template() {
    let manifest = "defaults: { model: seedance2.0-720p }\nvars: { look: soft }\n\
        jobs: { from: t.csv, template: { prompt: 'A {{ product }}, {{ look }}', id: '{{ sku }}', image: '{{ picture }}' } }\n";
    let mut table = "sku,product,picture,duration\n".to_owned();
    for row in 0..40 {
        let (sku, product) = match row % 4 {
            0 => (String::new(), "lamp"),
            1 => (format!("s{row}"), ""),
            2 => (format!("s {row}"), "TBD"),
            _ => (format!("s{row}"), "lamp"),
        };
        let _ = writeln!(table, "{sku},{product},kite{row}.png,");
    }
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    let read = |path: &Path| {
        let is_manifest = path == Path::new("m.yaml");
        Ok(if is_manifest { manifest } else { &table }.into())
    };
    let loaded = load_with(Path::new("m.yaml"), &options, &read);
    assert!(
        loaded.render(Colour::Off).contains("more rows)"),
        "they are folded"
    );
    let copy = written(&loaded);
    for (row, line) in copy.lines().skip(1).enumerate() {
        let count = |code: &str| line.matches(code).count();
        assert_eq!(count("local-path: "), 1, "{row}: {line}");
        assert_eq!(
            count("empty-cell: "),
            usize::from(row % 4 < 2),
            "{row}: {line}"
        );
        assert_eq!(count("warning: no-duration: "), 1, "{row}: {line}");
        assert!(!line.contains(" more "), "{row}: {line}");
    }
}

#[test]
fn a_row_says_once_what_each_of_its_combinations_has() {
    let manifest = "defaults: { model: seedance2.0-720p, duration: 8 }\njobs: { from: t.csv, template: { prompt: 'A {{ lang }} {{ product }}', id: '{{ sku }}', image: '{{ pic }}', matrix: { lang: [en, de, fr] } } }\n";
    let table = "sku,product,pic\na,kite,example.com/a.png\nb,,example.com/b.png\n";
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    let read = |path: &Path| {
        let is_manifest = path == Path::new("m.yaml");
        Ok(if is_manifest { manifest } else { table }.into())
    };
    let copy = written(&load_with(Path::new("m.yaml"), &options, &read));
    for line in copy.lines().skip(1) {
        assert_eq!(line.matches("bad-url: ").count(), 1, "{line}");
    }
    assert_eq!(copy.matches("empty-cell: ").count(), 1, "{copy}");
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
fn ten_thousand_wrong_rows_all_get_their_errors() {
    let mut table = "id,prompt,model,duration\n".to_owned();
    for number in 0..10_000 {
        let _ = writeln!(table, "j{number},A cat,seedance2.0-720p,99");
    }
    let read = |_: &Path| Ok(table.clone().into_bytes());
    let options = LoadOptions {
        keeps_all_mistakes: true,
        ..LoadOptions::default()
    };
    let copy = written(&load_with(Path::new("shots.csv"), &options, &read));
    assert_eq!(copy.matches(",duration-range: ").count(), 10_000);
}

#[test]
fn a_copy_that_has_not_every_mistake_says_so() {
    let first = loaded("shots.csv", b"id,prompt\na,A cat\nb,A dog\n");
    let (source, text, layout) = first.sources.tables().next().expect("a table");
    let mut diagnostics = Diagnostics::default();
    diagnostics.keep_all();
    let error = |start: usize, message: String| {
        let bytes = start..start + 1;
        Diagnostic::error("wrong", &Span { source, bytes }, message, "mend it")
    };
    for number in 0..10_000 {
        diagnostics.push(error(10, number.to_string()));
    }
    diagnostics.push(error(18, "a".repeat(65 << 20)));
    diagnostics.push(error(18, "not told".to_owned()));
    let mut out = Vec::new();
    let csv = ErrorsCsv::new((source, text, layout), &diagnostics).expect("it can be written");
    csv.write(&mut out).expect("memory takes everything");
    let copy = String::from_utf8(out).expect("UTF-8");
    let rows: Vec<&str> = copy.lines().collect();
    assert!(rows[1].contains("incomplete: 1 more mistakes are not in this file"));
    assert!(rows[2].contains("wrong: aaaa") && !copy.contains("not told"));
    assert_eq!(csv.count(Severity::Error), 10_001);
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

    #[test]
    fn the_copy_of_a_workbook_has_errors_in_the_same_rows(
        rows in proptest::collection::vec(
            (
                proptest::collection::vec(proptest::option::weighted(0.2, 0..ODD.len()), 6),
                proptest::collection::vec(cell(), 6),
                any::<bool>(),
            ),
            1..8,
        ),
        merged in proptest::collection::vec((1_u32..9, 0_u8..6, 0_u32..3, 0_u8..3), 0..3),
        is_template in any::<bool>(),
    ) {
        let mut sheet = vec![texts(&["id", "prompt", "model", "duration", "aspect_ratio", "x_a"])];
        sheet.extend(rows.iter().enumerate().map(|(number, (odd, cells, is_fine))| {
            let fine = [&format!("j{number}"), "A kite", "seedance2.0-720p", "8", "16:9", ""];
            let cell = |index: usize| match (odd[index], is_fine) {
                (Some(odd), _) => ODD[odd].to_owned(),
                (None, true) => text(fine[index]),
                // Invisible in XML, and of no matter here.
                (None, false) => text(&cells[index].replace('\r', "\n")),
            };
            (0..6).map(cell).collect()
        }));
        let merged = merged.iter().map(|(row, column, height, width)| {
            let letter = |column: u8| char::from(b'A' + column);
            let (last, end) = (row + height, letter(column + width));
            format!("<mergeCell ref=\"{}{}:{end}{}\"/>", letter(*column), row + 1, last + 1)
        });
        let merged = format!("<mergeCells>{}</mergeCells>", merged.collect::<String>());
        let bytes = workbook(&sheet, &merged);
        let manifest = |table: &str| {
            let template = if is_template {
                ", template: { prompt: 'A {{ prompt }}, {{ aspect_ratio | default(1) }}' }"
            } else {
                ""
            };
            format!("jobs: {{ from: {table}{template} }}\n").into_bytes()
        };
        let options = LoadOptions { keeps_all_mistakes: true, ..LoadOptions::default() };
        let first = load_with(Path::new("m.yaml"), &options, &|path: &Path| {
            Ok(if path == Path::new("m.yaml") { manifest("t.xlsx") } else { bytes.clone() })
        });
        let copy = written(&first);
        let again = load_with(Path::new("m.yaml"), &options, &|path: &Path| {
            Ok(if path == Path::new("m.yaml") { manifest("t.csv") } else { copy.clone().into_bytes() })
        });
        prop_assert_eq!(rows_with_errors(&copy), rows_with_errors(&written(&again)), "{}", copy);
        prop_assert_eq!(meaning(&first), meaning(&again), "{}", copy);
    }
}

/// Which rows of a copy have errors.
fn rows_with_errors(copy: &str) -> Vec<bool> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(copy.as_bytes());
    let rows = reader.records().map(|row| row.expect("CSV"));
    rows.map(|row| {
        let errors = row.iter().next_back().unwrap_or_default();
        let mut parts = errors.split(" | ").filter(|part| !part.is_empty());
        parts.any(|part| !part.starts_with("warning: "))
    })
    .collect()
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

#[test]
fn a_table_without_jobs_gets_a_row_for_what_is_wrong_with_it() {
    let text = written(&loaded("t.csv", b"id,promt,model\n"));
    assert!(text.contains("\n,,,"), "{text}");
    assert!(
        text.contains("header: no-jobs: ") && text.contains("`promt`"),
        "{text}"
    );
    // Read again, that row is no job.
    let again = loaded("t.csv", text.as_bytes()).render_compact();
    assert_eq!(again.matches("error[").count(), 2, "{again}");
    assert!(again.contains("no-jobs"), "{again}");
}
