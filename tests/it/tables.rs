//! Tables as spreadsheets save them, on the command line: one table in many writings means one plan, and a table comes
//! back with its errors to be mended.

use std::fs;

use shotlist::manifest::{LoadOptions, load_with};
use shotlist::plan::Plan;

use crate::support::Scenario;

const ROWS: [[&str; 5]; 4] = [
    ["ID", "Prompt", "Model", "Duration (s)", "x_owner"],
    [
        "hero",
        "Une façade à l’été, “lent”;\nsecond line",
        "seedance2.0-720p",
        "8",
        "Zoë",
    ],
    ["plain", "A red kite.", "seedance2.0-720p", "６", ""],
    [
        "last",
        "5\" screen | wide\ttab",
        "seedance2.0-fast-720p",
        "15",
        "Ana",
    ],
];

/// The table with cells parted by `delimiter`, all of them in quotes or only those that need it.
fn written(delimiter: char, quotes_all: bool, line_end: &str) -> String {
    let cell = |text: &&str| {
        let needs_quotes = text.contains([delimiter, '"', '\n']);
        if quotes_all || needs_quotes {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            (*text).to_owned()
        }
    };
    let row = |row: &[&str; 5]| {
        let cells: Vec<String> = row.iter().map(cell).collect();
        cells.join(&delimiter.to_string()) + line_end
    };
    ROWS.iter().map(row).collect()
}

fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-8" => text.as_bytes().to_vec(),
        label => {
            let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).expect("known");
            encoding.encode(text).0.into_owned()
        }
    }
}

/// What the jobs are, wherever they are written.
fn meaning(plan: &Plan) -> String {
    let jobs = plan.jobs().iter();
    let meant: Vec<_> = jobs
        .map(|job| (job.id(), job.request(), job.user_values()))
        .collect();
    format!("{meant:?}")
}

#[test]
fn one_table_in_every_writing_is_one_plan() {
    let plan = |bytes: Vec<u8>, options: &LoadOptions| {
        let loaded = load_with("shots.csv".as_ref(), options, &|_| Ok(bytes.clone()));
        let told = loaded.render_compact();
        (loaded.plan.as_ref().map(meaning), told)
    };
    let (expected, _) = plan(
        written(',', true, "\n").into_bytes(),
        &LoadOptions::default(),
    );
    assert!(expected.is_some());
    let mut count = 0;
    for delimiter in [',', ';', '\t', '|'] {
        for quotes_all in [true, false] {
            for line_end in ["\n", "\r\n"] {
                for encoding in ["utf-8", "utf-16le", "utf-16be", "gb18030", "windows-1252"] {
                    for mark in ["", "\u{feff}"] {
                        let text = mark.to_owned() + &written(delimiter, quotes_all, line_end);
                        let is_west = encoding == "windows-1252";
                        let text = if is_west {
                            text.replace('６', "6")
                        } else {
                            text
                        };
                        let text = if is_west {
                            text.replace('\u{feff}', "")
                        } else {
                            text
                        };
                        let mut options = LoadOptions::default();
                        if is_west {
                            options.tables.encoding = encoding.parse().ok();
                        }
                        let (found, told) = plan(encoded(&text, encoding), &options);
                        let writing = format!("{delimiter:?} {quotes_all} {encoding} {mark:?}");
                        assert_eq!(found, expected, "{writing}\n{told}");
                        count += 1;
                    }
                }
            }
        }
    }
    assert_eq!(count, 160);
}

#[test]
fn a_table_comes_back_with_its_errors_and_is_the_same_plan_once_mended() {
    let table = "id;prompt;model;duration\nhero;A red kite.;seedance2.0-720p;8\nbottle;;seedance2.0-720p;8s\n";
    let scenario = Scenario::manifest("shots.csv", table);
    scenario
        .ask("check", &["--errors-csv", "mend.csv"])
        .exits(2)
        .says("mend.csv has the rows of the table with 2 errors in the last column");
    let copy = fs::read_to_string(scenario.path("mend.csv")).expect("written");
    assert_eq!(
        copy,
        "\u{feff}id;prompt;model;duration;errors\r\nhero;A red kite.;seedance2.0-720p;8;\r\n\
        bottle;;seedance2.0-720p;8s;\"missing-prompt: this job has no `prompt`; fill in the `prompt` column | duration-format: `8s` is not a whole number of seconds; write `8`, without blanks, unit or decimals\"\r\n"
    );
    scenario.shotlist(&["check", "mend.csv"]).exits(2);
    scenario.write(
        "mend.csv",
        &copy
            .replace("bottle;;", "bottle;A bottle.;")
            .replace(";8s;", ";8;"),
    );
    let mended = scenario
        .shotlist(&["check", "mend.csv", "--expand"])
        .exits(0);
    mended_is_passed_over(&mended.stderr);
    let of_the_copy =
        "`mend.csv` was written by `--errors-csv`, and a run of it begins with nothing made";
    scenario
        .shotlist(&["plan", "mend.csv"])
        .exits(0)
        .says(of_the_copy);
    let named = scenario
        .shotlist(&["plan", "mend.csv", "--out", "shots.run"])
        .exits(0);
    assert!(!named.stderr.contains("warning"), "{}", named.stderr);
    scenario.write(
        "shots.csv",
        &table
            .replace("bottle;;", "bottle;A bottle.;")
            .replace(";8s", ";8"),
    );
    let direct = scenario.ask("check", &["--expand"]).exits(0);
    assert_eq!(
        without_origins(&mended.stdout),
        without_origins(&direct.stdout)
    );
}

/// The jobs, without the comments that say where each is from.
fn without_origins(expanded: &str) -> Vec<&str> {
    let lines = expanded.lines();
    lines.filter(|line| !line.starts_with('#')).collect()
}

fn mended_is_passed_over(talk: &str) {
    assert!(
        talk.contains("the column `errors` is passed over"),
        "{talk}"
    );
}

#[test]
fn a_workbook_and_the_table_of_a_manifest_come_back_as_csv() {
    let example = |name: &str| {
        let path = format!("{}/manifests/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        fs::read(path).expect("an example")
    };
    let scenario = Scenario::manifest("campaign.yaml", "jobs: { from: sheet.xlsx }\n");
    fs::write(scenario.path("sheet.xlsx"), example("sheet.xlsx")).expect("written");
    scenario
        .ask("check", &["--errors-csv", "mend.csv"])
        .exits(0)
        .says("with 0 errors");
    let of_workbook = scenario.ask("check", &["--expand"]).exits(0).stdout;
    let of_copy = scenario
        .shotlist(&["check", "mend.csv", "--expand"])
        .exits(0)
        .stdout;
    assert_eq!(without_origins(&of_copy), without_origins(&of_workbook));
}

#[test]
fn rows_with_errors_are_never_written_over_what_was_read_nor_without_a_table() {
    let scenario = Scenario::manifest("campaign.yaml", "jobs: { from: shots.csv }\n");
    let table = "id,prompt,model,duration\na,A red kite.,seedance2.0-720p,8\n";
    scenario.write("shots.csv", table);
    std::os::unix::fs::symlink("shots.csv", scenario.path("link.csv")).expect("linked");
    for file in ["shots.csv", "./shots.csv", "link.csv", "campaign.yaml"] {
        scenario
            .ask("check", &["--errors-csv", file])
            .exits(2)
            .says("is not written over");
    }
    assert_eq!(
        fs::read_to_string(scenario.path("shots.csv")).expect("there"),
        table
    );
    scenario.write(
        "list.yaml",
        "jobs: [{ prompt: A red kite., model: seedance2.0-720p, duration: 8 }]\n",
    );
    scenario
        .shotlist(&["check", "list.yaml", "--errors-csv", "mend.csv"])
        .exits(2)
        .says("there is no table whose rows");
    assert!(!scenario.path("mend.csv").exists());
}

#[test]
fn a_table_that_is_not_there_is_told_with_the_one_that_was_meant() {
    let scenario = Scenario::manifest("campaign.yaml", "jobs: { from: product.csv }\n");
    scenario.write("notes.csv", "");
    scenario.write("products.csv", "");
    scenario
        .ask("check", &[])
        .exits(2)
        .says("did you mean `products.csv`?");
    let scenario = Scenario::manifest("campaign.yaml", "jobs: { from: products.csv }\n");
    scenario.write("products.xlsx", "");
    scenario
        .ask("check", &[])
        .exits(2)
        .says("did you mean `products.xlsx`?");
}

#[test]
fn the_mistakes_in_a_table_whose_name_is_misspelt_are_told_with_its_name() {
    let scenario = Scenario::manifest(
        "campaign.yaml",
        "jobs:\n  - from: produkts.csv\n    template: { id: \"{{ sku }}\", model: seedance2.0-720p, duration: 8, prompt: \"{{ name }}\" }\n",
    );
    scenario.write("products.csv", "sku,name\nK1,A kettle\nK2,\n");
    scenario
        .ask("check", &[])
        .exits(2)
        .says("did you mean `products.csv`?")
        .says("the rest was checked with `products.csv`")
        .says("`name` has no value: its cell in row 3 is empty")
        .says("2 errors");
    scenario
        .ask("run", &["--rehearse"])
        .exits(2)
        .says("the rest was checked with `products.csv`");
    // It is a table of its own here.
    let named = "jobs:\n  - from: produkts.csv\n  - from: products.csv\n    template: { id: \"{{ sku }}\", model: seedance2.0-720p, duration: 8, prompt: \"{{ name }} {{ brnad }}\" }\n";
    let scenario = Scenario::manifest("campaign.yaml", named);
    scenario.write("products.csv", "sku,name\nK1,A kettle\n");
    scenario
        .ask("check", &[])
        .exits(2)
        .says("check the name and the directory");
}

#[test]
fn rows_with_errors_replace_nothing_but_rows_with_errors() {
    let scenario = Scenario::manifest(
        "shots.csv",
        "id,prompt,model,duration\na,A red kite.,seedance2.0-720p,80\n",
    );
    scenario.write("other.yaml", "jobs: []\n");
    scenario.write("old.csv", "id;prompt;\"errors\"\na;x;\n");
    std::os::unix::fs::symlink("nowhere.csv", scenario.path("dangling.csv")).expect("linked");
    std::os::unix::fs::symlink("old.csv", scenario.path("link.csv")).expect("linked");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        scenario.path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("a pipe");
    let is_link = |name: &str| {
        scenario
            .path(name)
            .symlink_metadata()
            .expect("there")
            .is_symlink()
    };
    for (file, why) in [
        ("new.xlsx", "is the name of a workbook"),
        ("other.yaml", "was not written by `--errors-csv`"),
        ("dangling.csv", "is a link"),
        ("link.csv", "is a link"),
        ("pipe", "is a directory, a pipe or a device"),
        (".", "is a directory, a pipe or a device"),
    ] {
        let said = scenario.ask("check", &["--errors-csv", file]).exits(2);
        said.says(why);
    }
    assert!(is_link("dangling.csv") && is_link("link.csv"));
    for file in ["old.csv", "new.csv", "new.csv"] {
        scenario.ask("check", &["--errors-csv", file]).exits(2);
        let text = fs::read_to_string(scenario.path(file)).expect("written");
        assert!(text.contains("duration-range"), "{text}");
    }
}

#[test]
fn encoding_and_delimiter_are_told_on_the_command_line_or_beside_from() {
    let scenario = Scenario::manifest(
        "campaign.yaml",
        "jobs: { from: shots.csv, encoding: gbk, delimiter: pipe }\n",
    );
    let table = encoded(
        "x_a;b|prompt|model|duration\n1|中文字幕|seedance2.0-720p|8\n",
        "gbk",
    );
    fs::write(scenario.path("shots.csv"), table).expect("written");
    let by_manifest = scenario.ask("check", &["--expand"]).exits(0);
    assert!(
        by_manifest.stdout.contains("中文字幕"),
        "{}",
        by_manifest.stdout
    );
    let told = ["--encoding", "gb18030", "--delimiter", "|"];
    let words = [&["check", "shots.csv", "--expand"][..], &told].concat();
    assert_eq!(
        scenario.shotlist(&words).exits(0).stdout,
        by_manifest.stdout
    );
    scenario
        .ask("check", &["--encoding", "utf-8"])
        .exits(2)
        .says("is not a character in UTF-8");
    scenario
        .ask("check", &["--encoding", "excel"])
        .exits(2)
        .says("not an encoding; known are");
    scenario
        .ask("check", &["--delimiter", ":"])
        .exits(2)
        .says("not a delimiter; known are");
    for verb in ["plan", "report", "status"] {
        scenario.ask(verb, &["--encoding", "gbk"]).exits(0);
    }
}

#[test]
fn json_names_the_row_and_column_of_a_mistake_in_a_table() {
    let table = "id,prompt,model,duration\na,\"two\nlines\",seedance2.0-720p,8\nb,A kite.,seedance2.0-720p,99\n";
    let scenario = Scenario::manifest("shots.csv", table);
    let lines = scenario.ask("check", &["--json"]).exits(2).lines();
    assert_eq!(lines[0]["line"], 4);
    assert_eq!(
        lines[0]["cell"],
        serde_json::json!({ "row": 3, "column": "duration" })
    );
}

/// A table of 25 rows, each with a mistake and a warning.
fn many_mistakes() -> String {
    let rows = (0..25).map(|row| format!("j{row};A red kite {row}.;seedance2.0-720p;;4:3\n"));
    format!(
        "id;prompt;model;duration;aspect_ratio\n{}",
        rows.collect::<String>()
    )
}

#[test]
fn many_mistakes_are_counted_by_kind_and_lead_to_the_sheet_that_has_them() {
    let scenario = Scenario::manifest("shots.csv", &many_mistakes());
    let checked = scenario.ask("check", &["--delimiter", ";"]).exits(2);
    checked
        .says("25 errors: 25 unknown-aspect-ratio")
        .says("next:    shotlist check shots.csv --delimiter ';' --errors-csv mend.csv");
    scenario
        .ask("check", &["--errors-csv", "mend.csv"])
        .exits(2)
        .says("with 25 errors and 25 warnings in the last column");
    let copy = fs::read_to_string(scenario.path("mend.csv")).expect("written");
    for row in copy.lines().skip(1) {
        let error = row.find("unknown-aspect-ratio: ").expect("an error");
        let warning = row.find(" | warning: no-duration: ").expect("a warning");
        assert!(error < warning, "{row}");
    }
}

#[test]
fn quiet_leaves_the_errors_and_the_summary_and_json_knows_the_jobs() {
    let good = "id,prompt,model\na,A red kite.,seedance2.0-720p\nb,TBD,seedance2.0-720p\n";
    let scenario = Scenario::manifest("shots.csv", good);
    let quiet = scenario.ask("check", &["--quiet"]).exits(0);
    assert_eq!(
        quiet.stderr,
        "shots.csv is valid: 2 jobs, 0 seconds of video\n"
    );
    let denied = scenario
        .ask("check", &["--quiet", "--deny-warnings"])
        .exits(2);
    denied.says("warning[no-duration]");
    let lines = scenario.ask("check", &["--json"]).exits(0).lines();
    let summary = lines.last().expect("a summary");
    assert_eq!(summary["jobs"], serde_json::json!({ "total": 2 }));
    assert_eq!(summary["video_seconds"], 0);
    scenario.write("shots.csv", &many_mistakes());
    let quiet = scenario.ask("check", &["--quiet"]).exits(2);
    let quiet = quiet.says("25 errors");
    assert!(!quiet.stderr.contains("warning["), "{}", quiet.stderr);
}
