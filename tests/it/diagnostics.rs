//! What people read about a wrong manifest: each file under `manifests/invalid` has one mistake, and the rendered
//! diagnostics are snapshots.

use std::path::Path;

use shotlist::manifest::diagnostic::Severity;
use shotlist::manifest::{Colour, LINTS, LoadOptions, Loaded, TableOptions, load, load_with};

#[test]
fn every_invalid_manifest_is_told_what_is_wrong_and_how_to_mend_it() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("snapshots/invalid");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for name in invalid_manifests() {
            insta::assert_snapshot!(name.as_str(), load_invalid(&name).render(Colour::Off));
        }
    });
}

#[test]
fn the_results_of_a_run_are_no_manifest_whichever_columns_they_have() {
    let results = shotlist::results::COLUMNS.join(",") + "\r\n";
    let loaded = load(Path::new("spring.run/results.csv"), &|_| {
        Ok(results.clone().into_bytes())
    });
    let told = loaded.render_compact();
    assert_eq!(loaded.diagnostics.iter().count(), 1, "{told}");
    assert!(
        told.contains("not-a-manifest") && told.contains("`spring.yaml`"),
        "{told}"
    );
}

#[test]
fn one_mistake_is_one_error() {
    for name in invalid_manifests() {
        let loaded = load_invalid(&name);
        let expected = if name == "several-mistakes.yaml" {
            7
        } else {
            1
        };
        let errors = loaded.diagnostics.count(Severity::Error);
        assert_eq!(errors, expected, "{name}:\n{}", loaded.render_compact());
        let others = loaded
            .diagnostics
            .iter()
            .filter(|found| found.severity != Severity::Error);
        for other in others {
            assert_eq!(other.code, "operation-used", "{name}");
        }
        assert!(loaded.plan.is_none(), "{name}");
    }
}

#[test]
fn warnings_show_their_place_and_the_plan_stands() {
    let loaded = load(Path::new("warnings.yaml"), &|_| Ok(WARNINGS.into()));
    insta::assert_snapshot!(loaded.render(Colour::Off));
    assert_eq!(loaded.plan.expect("no error").jobs().len(), 6);
}

#[test]
fn every_warning_can_be_allowed_by_its_code() {
    let allowed: Vec<&str> = LINTS.iter().map(|(code, _)| *code).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for (folder, begins) in [
        ("src/manifest", "Diagnostic::warning("),
        ("src/probe", "Diagnostic::warning("),
        ("src/probe", "Severity::Warning,"),
    ] {
        for_each_file(&source.join(folder), &mut |path, text| {
            let code = text.split("#[cfg(test)]").next().unwrap_or("");
            if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
                for call in code.split(begins).skip(1) {
                    found.extend(diagnostic_codes(call).next());
                }
            }
        });
    }
    assert!(found.len() > 10, "{found:?}");
    for code in found {
        assert!(allowed.contains(&code.as_str()), "{code} is not in LINTS");
    }
    assert!(allowed.is_sorted(), "in the order of the alphabet");
}

#[test]
fn warnings_about_templates_show_their_place_and_the_plan_stands() {
    let read = |path: &Path| match path.to_str() {
        Some("lamps.csv") => Ok(LAMPS.into()),
        _ => Ok(TEMPLATES.into()),
    };
    let loaded = load(Path::new("templates.yaml"), &read);
    insta::assert_snapshot!(loaded.render(Colour::Off));
    assert_eq!(loaded.plan.expect("no error").jobs().len(), 7);
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|it| it.code).collect();
    let allowed = format!("allow: [{}]\n{TEMPLATES}", codes.join(", "));
    let loaded = load(Path::new("templates.yaml"), &|path| match path.to_str() {
        Some("lamps.csv") => Ok(LAMPS.into()),
        _ => Ok(allowed.clone().into()),
    });
    assert_eq!(loaded.render(Colour::Off), "");
    assert_eq!(loaded.allowed, codes.len());
}

#[test]
fn what_would_take_too_much_memory_or_time_is_told_and_not_done() {
    let defaults = "defaults: { model: seedance2.0-720p, duration: 8 }\njobs:\n";
    let job = |number| format!("  - {{ id: wave{number}, prompt: A wave., variants: 100000 }}\n");
    let too_many: Vec<String> = (1..=11).map(job).collect();
    let too_many = too_many.concat();
    let repeated = format!(
        "  - {{ id: a, prompt: A wave., x_note: {}, variants: 100000 }}\n",
        "wave".repeat(1000)
    );
    let cases = [
        (
            "text.yaml",
            "  - { id: a, prompt: \"{{ 'wave ' * 200000 }}{{ variant }}\", variants: 300 }\n",
        ),
        ("repeated.yaml", &*repeated),
        (
            "time.yaml",
            "  - { id: a, prompt: \"{% for wave in range(9000) %}{% endfor %}{{ variant }}\", variants: 2000 }\n",
        ),
        ("jobs.yaml", &*too_many),
    ];
    let mut told = String::new();
    for (name, jobs) in cases {
        let loaded = load(Path::new(name), &|_| Ok(format!("{defaults}{jobs}").into()));
        told += &loaded.render(Colour::Off);
    }
    insta::assert_snapshot!(told);
}

#[test]
fn warnings_about_tables_show_their_place_and_the_plan_stands() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let rows = [
        ["id", "prompt", "model", "duration"],
        ["a", "CafÃ© on a table", "seedance2.0-720p", "8"],
        ["b", "???????? ????", "seedance2.0-720p", "8"],
        ["c", "As above", "seedance2.0-720p", "8"],
        ["d", "A red kite.", "seedance2.0-720p", "8"],
    ];
    for (number, row) in (0..).zip(rows) {
        sheet.write_row(number, 0, row).expect("written");
    }
    sheet.set_row_hidden(2).expect("hidden");
    sheet.set_row_hidden(4).expect("hidden");
    let bytes = book.save_to_buffer().expect("saved");
    let loaded = load(Path::new("films.xlsx"), &|_| Ok(bytes.clone()));
    insta::assert_snapshot!(loaded.render(Colour::Off));
    assert_eq!(loaded.plan.expect("no error").jobs().len(), 4);
    let allowed =
        "allow: [hidden-rows, garbled-text, placeholder-prompt]\njobs: { from: films.xlsx }\n";
    let loaded = load(Path::new("films.yaml"), &|path| match path.to_str() {
        Some("films.xlsx") => Ok(bytes.clone()),
        _ => Ok(allowed.into()),
    });
    assert_eq!(loaded.render(Colour::Off), "");
    assert_eq!(loaded.allowed, 4);
}

#[test]
fn a_sheet_full_of_mistakes_shows_all_of_them_in_one_round() {
    let loaded = load(Path::new("sheet.csv"), &|_| Ok(SHEET.into()));
    insta::assert_snapshot!(loaded.render_compact());
}

const SHEET: &str = r#"id,model,prompt,Dauer (s),Format,image,images,seed,errors
a,seedance2.0-72O,A kite, red,8 Sek.,16:9,www.example.com/a.png,,,
b,seedance2.0-720p,A kite,20,4:3,„https://example.com/a.png“,,"1,23E+15",
c,seedance2.0-720p,A boat,8,16:9,https：//example.com/a.png,,,
d,seedance2.0-720p,A lamp,8,16:9,https:/example.com/a.png,,,
e,seedance2.0-720p,A chair,8,16:9,htps://example.com/a.png,,,
f,seedance2.0-720p,A table,8,16:9,[pic](https://example.com/a.png),,,
g,seedance2.0-720p,A tent,8,16:9,http//example.com/a.png,,,
h,seedance2.0-720p,A train,8,16:9,https://https://example.com/a.png,,,
i,seedance2.0-720p,A bike,8,16:9,"https://example.com/a.png,",,,
j,seedance2.0-720p,A car,8,16:9,,"https://e.com/0.png, https://e.com/1.png, https://e.com/2.png, https://e.com/3.png, https://e.com/4.png, https://e.com/5.png, https://e.com/6.png, https://e.com/7.png, https://e.com/8.png, C:\pics\9.png",,
k,seedance2.0-720p,#BEZUG!,8,16:9,,,,
l 1,seedance2.0-720p,A bird,8,16:9,,,,
l 1,seedance2.0-720p,A cat,8,16:9,,,,
l-1,seedance2.0-720p,A dog,8,16:9,,,,
Note: please finish by Friday!,,,,,,,,
* Prices are net,,,,,,,,
Total,,,#DIV/0!,,,,,told before
"#;

#[test]
fn warnings_about_cells_show_their_place_and_the_plan_stands() {
    let table = "id,model,prompt,duration,image,seed\n\
        a,seedance2.0-720p,TODO: write,8,,\n\
        b,seedance2.0-720p,A [product] on a table,8,,\n\
        c,seedance2.0-720p,A kite,8,https://drive.google.com/file/d/1/view,\n\
        d,seedance2.0-720p,A boat,8,,1234567890123450000\n";
    let loaded = load(Path::new("shots.csv"), &|_| Ok(table.into()));
    insta::assert_snapshot!(loaded.render(Colour::Off));
    assert_eq!(loaded.plan.expect("no error").jobs().len(), 4);
}

const TEMPLATES: &str = r#"vars:
  brand: Aurora
  mood: "{{ brand }} calm"
  color: black
  spare: 7
  look: soft light
defaults: { model: seedance2.0-720p, duration: 8 }
jobs:
  - id: hero
    prompt: "A {{ color }} {{ brand }} bottle, {{ mood }}, { look }"
    matrix:
      color: [red, blue]
      aspect_ratio: ["9:16", "16:9"]
      exclude: [{ color: blue, aspect_ratio: "16:9" }]
      include: [{ color: red, aspect_ratio: "9:16" }]
  - from: lamps.csv
    template: { id: "{{ sku }}", prompt: "A {{ product }}" }
  - { id: again, prompt: A red kite., extra_body: { seed: 7 } }
  - { id: longer, prompt: A red kite., duration: 10, extra_body: { seed: 7 } }
"#;

const LAMPS: &str = "sku,product,brand,shelf\na1,lamp,North,4\na2,\"lamp {{ big }}\",North,4\n";

const WARNINGS: &str = r#"%YAML 1.1
---
api: { create_path: /v1/videos/generations }
defaults: { model: seedance2.0-720p, duration: 8 }
jobs:
  - id: in-4k
    prompt: A red kite.
    model: seedance2.0-4k
  - id: any-length
    prompt: A red kite.
    duration: null
  - id: mixed
    prompt: A red kite.
    image: https://example.com/kite.png
    audios: ["https://example.com/wind.mp3"]
  - id: edited
    prompt: A red kite.
    videos: ["https://example.com/kite.mp4"]
    extra_body: { operation: edit_video }
  - id: bell
    prompt: "A red kite\a."
  - id: bell-again
    prompt: "A red kite\a."
"#;

#[test]
fn every_code_is_shown_by_a_manifest_or_checked_by_a_test() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut codes, mut shown) = codes_and_tests();
    for folder in ["tests/it/snapshots", "src/probe/finding"] {
        for_each_file(&source.join(folder), &mut |_, text| shown += text);
    }
    assert!(codes.len() > 60, "{codes:?}");
    codes.retain(|code| !shown.contains(code.as_str()));
    assert_eq!(
        codes,
        Vec::<String>::new(),
        "these codes are in no snapshot and in no test"
    );
}

/// Every code of a diagnostic about manifests, and the texts of the tests beside them.
pub(crate) fn codes_and_tests() -> (Vec<String>, String) {
    let (mut codes, mut shown) = (Vec::new(), String::new());
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    for_each_file(&source.join("src/manifest"), &mut |path, text| {
        let is_test = path.ends_with("tests.rs") || path.extension().is_some_and(|it| it == "snap");
        let (code, tests) = match text.split_once("#[cfg(test)]") {
            _ if is_test => ("", text),
            Some(halves) => halves,
            None => (text, ""),
        };
        shown += tests;
        codes.extend(diagnostic_codes(code));
    });
    (codes, shown)
}

/// Every string that reads like a code: words with dashes between them, but for what parts the cells of a table.
fn diagnostic_codes(code: &str) -> impl Iterator<Item = String> {
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| text.contains('-') && text.split('-').all(is_word))
        .filter(|text| !text.ends_with("-separated"))
        .map(str::to_owned)
}

fn is_word(text: &str) -> bool {
    (text.len() > 1 || text == "a") && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

fn for_each_file(directory: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for file in directory.read_dir().expect("the directory is there") {
        let path = file.expect("readable").path();
        if path.is_dir() {
            for_each_file(&path, visit);
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            visit(&path, &text);
        }
    }
}

fn invalid_manifests() -> Vec<String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/invalid");
    let files = directory.read_dir().expect("the directory is there");
    files
        .filter(|file| file.as_ref().is_ok_and(|file| file.path().is_file()))
        .map(|file| {
            file.expect("readable")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect()
}

fn load_invalid(name: &str) -> Loaded {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/invalid");
    let options = LoadOptions {
        insists_on_prices: true,
        ..LoadOptions::default()
    };
    let read = |path: &Path| std::fs::read(directory.join(path));
    load_with(Path::new(name), &options, &read)
}

#[test]
fn what_was_read_in_a_table_as_something_else_is_a_note_and_the_plan_stands() {
    let table = "ID;Prompt;Model;Duration (s);Aspect Ratio\n\
        a;“Kite” ８;ｓｅｅｄａｎｃｅ2.0-720p;８;１６：９\n\
        b;A\u{a0}kite;seedance2.0-720p;\u{a0}9\u{200b};\u{201c}16:9\u{201d}\n";
    let options = LoadOptions {
        tables: TableOptions {
            sheet: Some("Shots".to_owned()),
            ..TableOptions::default()
        },
        ..LoadOptions::default()
    };
    let loaded = load_with(Path::new("notes.csv"), &options, &|_| Ok(table.into()));
    let told = loaded.detected.join("\n") + "\n\n" + &loaded.render(Colour::Off);
    insta::assert_snapshot!(told);
    let plan = loaded.plan.expect("no error");
    assert_eq!(plan.jobs()[0].request().prompt(), "“Kite” ８");
    assert_eq!(plan.jobs()[1].request().prompt(), "A\u{a0}kite");
}
