//! Whole manifests: what is told about bad ones, what odd but good ones mean, and what settings they carry.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::glances::load_alike;
use super::*;
use crate::manifest::diagnostic::Severity;
use crate::manifest::workbook::tests::raw;
use crate::manifest::{Colour, ManifestSettings, OutputSettings};
use crate::plan::AspectRatio;
use crate::units::{Deadline, Rate};

/// Loads `files[0]` as if the others stood beside it.
fn load_files(files: &[(&str, &[u8])]) -> Loaded {
    let known: HashMap<&Path, &[u8]> = files
        .iter()
        .map(|(name, bytes)| (Path::new(*name), *bytes))
        .collect();
    load_alike(Path::new(files[0].0), &|path| {
        let found = known.get(path).map(|bytes| bytes.to_vec());
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    })
}

fn load_yaml(text: &str) -> Loaded {
    load_files(&[("shots.yaml", text.as_bytes())])
}

/// The job ids of a manifest about which there is nothing to say.
fn ids(loaded: &Loaded) -> Vec<String> {
    assert_eq!(loaded.render_compact(), "");
    let plan = loaded.plan.as_ref().expect("there is no error");
    plan.jobs().iter().map(|job| job.id().to_string()).collect()
}

/// `code line:column` of every error.
fn errors(loaded: &Loaded) -> Vec<String> {
    assert!(loaded.plan.is_none() || !loaded.diagnostics.has_errors());
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|found| found.severity == Severity::Error);
    errors
        .map(|found| {
            let place = loaded.sources.place(&found.span);
            format!("{} {}:{}", found.code, place.line, place.column)
        })
        .collect()
}

const DEFAULTS: &str = "defaults: {model: seedance2.0-720p, duration: 8}\n";

/// A manifest, its only error, and words that must be told; `JOBS` stands for good jobs.
const WRONG_SECTIONS: &[(&str, &str, &[&str])] = &[
    ("", "empty-manifest 0:0", &["jobs:", "init"]),
    ("\n# later\n", "empty-manifest 1:1", &["jobs:"]),
    ("version: 1\n", "no-jobs 1:1", &["`jobs`"]),
    ("jobs:\n", "no-jobs 1:1", &["no jobs"]),
    ("jobs: []\n", "no-jobs 1:1", &["no jobs"]),
    ("jobs: {}\n", "no-jobs 1:1", &["from"]),
    ("jobs: shots.csv\n", "wrong-type 1:7", &["list", "from"]),
    (
        "jobs: {form: a.csv}\n",
        "not-a-list 1:8",
        &["did you mean `from`"],
    ),
    (
        "jobs: {template: {prompt: x}}\n",
        "no-jobs 1:1",
        &["without `from`", "from: shots.csv"],
    ),
    ("jobs: {from: 3}\n", "wrong-type 1:14", &["name of a table"]),
    ("jobs: {from: }\n", "wrong-type 1:8", &["name of a table"]),
    (
        "jobs: {from: gone.csv}\n",
        "unreadable 1:14",
        &["gone.csv", "relative"],
    ),
    ("jobs: {from: other.yaml}\n", "not-a-table 1:14", &[".csv"]),
    (
        "jobs: {from: sheet.xls}\n",
        "not-a-table 1:14",
        &[".csv", ".xlsx"],
    ),
    ("jobs:\n- from: 3\n", "wrong-type 2:9", &["from: shots.csv"]),
    (
        "version: 2\nJOBS",
        "manifest-version 1:10",
        &["`version: 1`"],
    ),
    (
        "version: \"1\"\nJOBS",
        "manifest-version 1:10",
        &["number 1"],
    ),
    (
        "limts: {}\nJOBS",
        "unknown-key 1:1",
        &["did you mean `limits`"],
    ),
    (
        "model: x\nJOBS",
        "unknown-key 1:1",
        &["field of a job", "`defaults:`"],
    ),
    (
        "concurrency: 3\nJOBS",
        "unknown-key 1:1",
        &["setting of `limits`"],
    ),
    ("notes: x\nJOBS", "unknown-key 1:1", &["`x-`"]),
    (
        "api: {base_ulr: x}\nJOBS",
        "unknown-setting 1:7",
        &["did you mean `base_url`"],
    ),
    (
        "api: {base_url: api.example.com}\nJOBS",
        "bad-setting 1:17",
        &["https://api.example.com"],
    ),
    (
        "api: {base_url: 8080}\nJOBS",
        "wrong-type 1:17",
        &["an address"],
    ),
    (
        "api: {create_path: v1/x}\nJOBS",
        "bad-setting 1:20",
        &["start with `/`"],
    ),
    (
        "api: {create_path: \"https://a.b/c\"}\nJOBS",
        "bad-setting 1:20",
        &["base_url"],
    ),
    (
        "api: {create_path: /a b}\nJOBS",
        "bad-setting 1:20",
        &["spaces"],
    ),
    (
        "api: {poll_path: /v1/videos}\nJOBS",
        "bad-setting 1:18",
        &["{task_id}"],
    ),
    (
        "api: {poll_path: \"/v1/{task_id}/{task_id}\"}\nJOBS",
        "bad-setting 1:18",
        &["once"],
    ),
    (
        "api: {concurrency: 3}\nJOBS",
        "unknown-setting 1:7",
        &["setting of `limits`"],
    ),
    ("api: [x]\nJOBS", "wrong-type 1:6", &["map of settings"]),
    (
        "limits: {concurrency: 0}\nJOBS",
        "wrong-type 1:23",
        &["above 0"],
    ),
    (
        "limits: {concurrency: -1}\nJOBS",
        "wrong-type 1:23",
        &["above 0"],
    ),
    (
        "limits: {concurrency: 4.0}\nJOBS",
        "wrong-type 1:23",
        &["whole number"],
    ),
    (
        "limits: {concurrency: \"4\"}\nJOBS",
        "wrong-type 1:23",
        &["without quotes"],
    ),
    (
        "limits: {concurrency: 99999999999}\nJOBS",
        "wrong-type 1:23",
        &["whole number"],
    ),
    (
        "limits: {max_jobs: ten}\nJOBS",
        "wrong-type 1:20",
        &["whole number"],
    ),
    (
        "limits: {submit_rate: 60}\nJOBS",
        "wrong-type 1:23",
        &["60/min"],
    ),
    (
        "limits: {submit_rate: 60/day}\nJOBS",
        "bad-setting 1:23",
        &["/min"],
    ),
    (
        "limits: {poll_first: 15}\nJOBS",
        "wrong-type 1:22",
        &["15s"],
    ),
    (
        "limits: {poll_every: 10 s}\nJOBS",
        "bad-setting 1:22",
        &["10s"],
    ),
    (
        "limits: {job_timeout: 0s}\nJOBS",
        "bad-setting 1:23",
        &["above zero"],
    ),
    (
        "limits: {deadline: soon}\nJOBS",
        "bad-setting 1:20",
        &["06:00"],
    ),
    (
        "limits: {poll_frist: 3s}\nJOBS",
        "unknown-setting 1:10",
        &["did you mean `poll_first`"],
    ),
    (
        "output: {folder: videos}\nJOBS",
        "unknown-setting 1:10",
        &["`output`"],
    ),
    (
        "api: {api_key: sk-1}\nJOBS",
        "secret-in-manifest 1:7",
        &["SHOTLIST_API_KEY"],
    ),
    (
        "token: sk-1\nJOBS",
        "secret-in-manifest 1:1",
        &["SHOTLIST_API_KEY"],
    ),
];

#[test]
fn an_api_key_is_not_shown_where_other_mistakes_in_its_line_are() {
    let yaml = "jobs: [{id: a, prompt: p, duration: 99, api_key: sk-very-secret}]\n";
    let table = "id,prompt,duration,API Key\na,p,99,sk-very-secret\n";
    for (name, text) in [("shots.yaml", yaml), ("shots.csv", table)] {
        let loaded = load(Path::new(name), &|_| Ok(text.into()));
        let shown = loaded.render(Colour::Off);
        assert!(shown.contains("duration of `99`"), "{shown}");
        assert!(shown.contains("secret-in-manifest"), "{shown}");
        assert!(!shown.contains("very-secret"), "{shown}");
    }
}

#[test]
fn wrong_sections_are_told_with_place_and_words() {
    for (text, error, words) in WRONG_SECTIONS {
        let text = text.replace("JOBS", &format!("{DEFAULTS}jobs:\n- prompt: x\n"));
        let loaded = load_yaml(&text);
        assert_eq!(
            errors(&loaded),
            [*error],
            "{text}{}",
            loaded.render_compact()
        );
        let shown = loaded.render(Colour::Off);
        for word in *words {
            assert!(shown.contains(word), "{word}: {shown}");
        }
    }
}

#[test]
fn the_key_is_never_shown() {
    for text in [
        "api: {api_key: sk-1234, base_ulr: x}\njobs: []\n",
        "api:\n  key: sk-1234\njobs: []\n",
        "api: sk-1234\njobs: []\n",
        "Authorization: Bearer sk-1234\njobs: []\n",
        "api: {base_url: \"https://me:sk-1234@api.example.com\"}\njobs: []\n",
    ] {
        let loaded = load_yaml(text);
        assert!(loaded.diagnostics.has_errors());
        for shown in [loaded.render(Colour::Off), loaded.render_compact()] {
            assert!(!shown.contains("sk-1234"), "{shown}");
        }
    }
}

#[test]
fn settings_are_read_in_the_forms_of_the_flags() {
    let loaded = load_yaml(&format!(
        "version: 1
api: {{ base_url: \"https://api.example.com/v1\", create_path: /v1/make, poll_path: \"/v1/see/{{task_id}}\" }}
limits:
  concurrency: 3
  submit_rate: 30/min
  poll_rate: 2/s
  poll_first: 1m
  poll_every: 500ms
  submit_timeout: 3m
  job_timeout: 1h30m
  deadline: 06:00
  max_jobs: 7
output: {{ gallery: false }}
x-note: anything
{DEFAULTS}jobs: [{{id: a, prompt: x}}]
"
    ));
    assert_eq!(ids(&loaded), ["a"]);
    let rate = |text: &str| text.parse::<Rate>().ok();
    let expected = ManifestSettings {
        max_spend: None,
        base_url: "https://api.example.com".parse().ok(),
        create_path: Some("/v1/make".to_owned()),
        poll_path: Some("/v1/see/{task_id}".to_owned()),
        concurrency: std::num::NonZeroU32::new(3),
        submit_rate: rate("30/min"),
        poll_rate: rate("2/s"),
        poll_first: Some(Duration::from_secs(60)),
        poll_every: Some(Duration::from_millis(500)),
        submit_timeout: Some(Duration::from_secs(180)),
        job_timeout: Some(Duration::from_secs(5400)),
        deadline: Some(Deadline::At(jiff::civil::time(6, 0, 0, 0))),
        max_jobs: std::num::NonZeroU32::new(7),
        output: OutputSettings {
            gallery: Some(false),
            ..OutputSettings::default()
        },
    };
    assert_eq!(loaded.settings, expected);
}

#[test]
fn the_compatibility_path_is_a_warning() {
    let loaded = load_yaml(&format!(
        "api: {{create_path: /v1/videos/generations}}\n{DEFAULTS}jobs: [{{prompt: x}}]\n"
    ));
    let codes: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
    assert_eq!(codes, ["compatibility-path"]);
    assert!(loaded.plan.is_some());
    assert_eq!(
        loaded.settings.create_path.as_deref(),
        Some("/v1/videos/generations")
    );
}

#[test]
fn odd_but_good_manifests_load() {
    let j = "jobs:\n- {id: a, prompt: x}\n- {id: b, prompt: y}\n";
    let good = [
        format!("{DEFAULTS}{j}"),
        format!("{j}{DEFAULTS}"),
        format!("\u{feff}{DEFAULTS}{j}"),
        format!("{DEFAULTS}{j}").replace('\n', "\r\n"),
        format!("{DEFAULTS}{j}").replace('\n', "\r"),
        format!("---\n# c\n{DEFAULTS}\n\n{j}...\n"),
        format!("%YAML 1.2\n---\n{DEFAULTS}{j}"),
        format!("api:\nlimits:\noutput: {{}}\n{DEFAULTS}{j}"),
        format!("{DEFAULTS}x-all: &all\n- {{id: a, prompt: x}}\n- {{id: b, prompt: y}}\njobs: *all\n"),
        format!("x-a: &a {{id: a, prompt: x}}\n{DEFAULTS}jobs:\n- *a\n- {{<<: *a, id: b}}\n"),
        format!("x-a: &a {{prompt: x}}\n{DEFAULTS}jobs: [{{id: a, <<: *a}}, {{<<: [*a], id: b, prompt: y}}]\n"),
        "x-d: &d {model: seedance2.0-720p, duration: 8}\ndefaults: *d\njobs:\n  - id: a\n    prompt: x\n  - id: b\n    prompt: y\n".to_owned(),
        "{\n\t\"defaults\": {\"model\":\"seedance2.0-720p\",\"duration\":8},\n\t\"jobs\": [{\"id\":\"a\",\"prompt\":\"x\"},\n\t{\"id\":\"b\",\"prompt\":\"\\u263a\\/\"}]\n}".to_owned(),
        "\"defaults\":\n  ? model\n  : seedance2.0-720p\n  ? duration\n  : \"8\"\n'jobs':\n    -   id:   a\n        prompt:   x\n    -\n        id: b\n        prompt: y\n".to_owned(),
        format!("{DEFAULTS}jobs:\n- id: a\n  prompt: >-\n    two\n    lines\n- id: b\n  prompt: |\n\n    x: y # z\n"),
        format!("{DEFAULTS}jobs:\n- id: a\n  prompt: 夜：一条街 🎬\n- id: b\n  prompt: 'it''s'"),
        format!("{DEFAULTS}jobs:\n- {{id: a, prompt: yes}}\n- {{id: b, prompt: 16:09:30}}\n"),
        format!("{DEFAULTS}jobs: [ # c\n  {{id: a, prompt: x}}, # d\n  {{id: b, prompt: y,}},\n]\n"),
        format!("{DEFAULTS}jobs:\n- {{id: a, prompt: x, image: null, images: ~}}\n- id: b\n  prompt: y\n  duration: !!int 9\n"),
    ];
    for text in good {
        let mut loaded = load_yaml(&text);
        if text.contains("*a") {
            // The same content under two ids is a warning, and meant here.
            loaded.diagnostics = Diagnostics::default();
        }
        assert_eq!(ids(&loaded), ["a", "b"], "{text}");
    }
}

#[test]
fn other_encodings_are_read_by_their_byte_order_mark() {
    let text = format!("{DEFAULTS}jobs:\n- {{id: a, prompt: 夜}}\n");
    let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let cases = [
        (
            [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            "a.yaml: UTF-8 with BOM",
        ),
        ([b"\xFF\xFE", &little[..]].concat(), "a.yaml: UTF-16 LE"),
        ([b"\xFE\xFF", &big[..]].concat(), "a.yaml: UTF-16 BE"),
    ];
    for (bytes, detected) in cases {
        let loaded = load_files(&[("a.yaml", &bytes)]);
        assert_eq!(ids(&loaded), ["a"]);
        assert_eq!(loaded.detected, [detected]);
    }
    assert_eq!(
        errors(&load_files(&[("a.yaml", &little)])),
        ["encoding 1:2"]
    );
    assert_eq!(
        errors(&load_files(&[("a.yaml", b"jobs:\n- prompt: caf\xe9 x\n")])),
        ["encoding 2:14"]
    );
}

#[test]
fn a_table_is_a_manifest_of_its_own_or_named_by_one() {
    let table = b"id,prompt,model,duration\na,A kite,seedance2.0-720p,5\nb,y,,\n";
    let loaded = load_files(&[
        (
            "dir/shots.yaml",
            format!("{DEFAULTS}jobs: {{from: sheets/b.csv}}\n").as_bytes(),
        ),
        ("dir/sheets/b.csv", table),
    ]);
    assert_eq!(ids(&loaded), ["a", "b"]);
    assert_eq!(loaded.detected.len(), 1);
    assert!(
        loaded.detected[0].starts_with("dir/sheets/b.csv: UTF-8"),
        "{:?}",
        loaded.detected
    );

    let late = format!("jobs: {{from: b.csv}}\n{DEFAULTS}");
    assert_eq!(
        ids(&load_files(&[
            ("a.yaml", late.as_bytes()),
            ("b.csv", table)
        ])),
        ["a", "b"]
    );

    let alone = b"id,prompt,model,duration\na,A kite,seedance2.0-720p,5\n";
    for name in ["shots.csv", "shots.CSV", "shots.tsv", "shots.txt"] {
        assert_eq!(ids(&load_files(&[(name, alone)])), ["a"], "{name}");
    }
}

#[test]
fn a_mistake_in_a_table_is_shown_in_the_table() {
    let table = b"id,prompt,duration\r\na,A kite,5\r\nb,\"y\r\nz\",99\r\n";
    let loaded = load_files(&[
        (
            "dir/shots.yaml",
            format!("{DEFAULTS}jobs: {{from: b.csv}}\n").as_bytes(),
        ),
        ("dir/b.csv", table),
    ]);
    let shown = loaded.render_compact();
    assert!(
        shown.starts_with("dir/b.csv:4:4: error[duration-range]"),
        "{shown}"
    );
    assert!(shown.ends_with("1 error in dir/b.csv\n"), "{shown}");
}

#[test]
fn mistakes_of_the_manifest_and_of_its_table_are_told_together() {
    let manifest = format!("version: 3\n{DEFAULTS}jobs: {{from: b.csv}}\n");
    let loaded = load_files(&[
        ("a.yaml", manifest.as_bytes()),
        ("b.csv", b"id,prompt,duration\na,A kite,99\n"),
    ]);
    assert_eq!(
        errors(&loaded),
        ["manifest-version 1:10", "duration-range 2:10"]
    );
    assert!(
        loaded
            .render_compact()
            .ends_with("2 errors in a.yaml and b.csv\n")
    );
}

#[test]
fn the_name_of_a_manifest_says_what_it_is() {
    for name in [
        "shots",
        "shots.toml",
        "shots.yaml.bak",
        "dir",
        ".",
        "shots.xls",
    ] {
        let loaded = load_files(&[(name, b"jobs: []\n")]);
        assert_eq!(errors(&loaded), ["unknown-format 0:0"], "{name}");
    }
    assert!(
        load_files(&[("a.ods", b"")])
            .render_compact()
            .contains("save it as .xlsx")
    );
    let loaded = load(Path::new("gone.yaml"), &|_| {
        Err(io::Error::from(io::ErrorKind::NotFound))
    });
    assert_eq!(errors(&loaded), ["unreadable 0:0"]);
    assert!(
        loaded
            .render_compact()
            .starts_with("gone.yaml: error[unreadable]: cannot read `gone.yaml`")
    );
}

#[test]
fn a_syntax_error_is_told_together_with_every_mistake_before_it() {
    let broken = format!(
        "version: 2\n{DEFAULTS}jobs:\n- {{prompt: x, duration: 99}}\n- {{prompt: y, modle: z}}\n- prompt: \"never closed\n- {{prompt: z, duration: 1}}\n"
    );
    let expected = [
        "manifest-version 1:10",
        "duration-range 4:25",
        "unknown-field 5:15",
        "yaml-syntax 6:11",
    ];
    assert_eq!(errors(&load_yaml(&broken)), expected);
}

#[test]
fn jobs_before_a_syntax_error_are_not_blamed_for_defaults_behind_it() {
    let broken = "jobs:\n- {prompt: x, duration: 99}\n- prompt: \"y\ndefaults:\n  model: seedance2.0-720p\n  duration: 8\nlimits: {concurrency: 0}\n";
    assert_eq!(
        errors(&load_yaml(broken)),
        ["duration-range 2:25", "yaml-syntax 3:11"]
    );
    let hopeless = "jobs:\n- {prompt: x}\n- prompt: \"y\n  defaults: {model: seedance2.0-720p}\n";
    assert_eq!(errors(&load_yaml(hopeless)), ["yaml-syntax 3:11"]);
}

#[test]
fn a_job_that_lacks_what_an_alias_should_have_given_is_not_blamed_for_it() {
    let text = "jobs:\n- {<<: *bse, prompt: x}\n- {prompt: *style, model: seedance2.0-720p, duration: 8}\n";
    assert_eq!(
        errors(&load_yaml(text)),
        ["unknown-anchor 2:8", "unknown-anchor 3:12"]
    );
}

#[test]
fn a_mistake_behind_an_alias_is_told_once() {
    let text = format!(
        "x-e: &e {{sede: 4}}\n{DEFAULTS}jobs:\n- {{id: a, prompt: x, extra_body: *e}}\n- {{id: b, prompt: y, extra_body: *e}}\n"
    );
    assert_eq!(errors(&load_yaml(&text)), ["unknown-field 1:10"]);
}

#[test]
fn defaults_apply_wherever_they_stand() {
    for text in [
        "defaults: {model: seedance2.0-mini-480p, duration: 9}\njobs:\n- {id: a, prompt: x}\n",
        "jobs:\n- {id: a, prompt: x}\ndefaults: {model: seedance2.0-mini-480p, duration: 9}\n",
        "jobs:\n- {id: a, prompt: x}\n\"defaults\":\n  model: seedance2.0-mini-480p\n  duration: 9\n",
    ] {
        let loaded = load_yaml(text);
        assert_eq!(ids(&loaded), ["a"], "{text}");
        let plan = loaded.plan.expect("checked above");
        assert_eq!(plan.jobs()[0].request().duration(), Some(9));
    }
    let twice = "jobs:\n- {id: a, prompt: x, id: b}\ndefaults: {model: seedance2.0-mini-480p, duration: 9}\n";
    assert_eq!(errors(&load_yaml(twice)), ["duplicate-key 2:22"]);
}

#[test]
fn a_thousand_mistakes_in_a_large_manifest_are_shown_quickly() {
    let mut text = DEFAULTS.to_owned() + "jobs:\n";
    for number in 0..20_000 {
        let duration = if number % 20 == 0 { 99 } else { 9 };
        let _ = writeln!(
            text,
            "- {{id: j{number}, prompt: \"a shot of a street at night, number {number}\", duration: {duration}}}"
        );
    }
    let loaded = load_yaml(&text);
    assert_eq!(loaded.diagnostics.count(Severity::Error), 1000);
    let begin = Instant::now();
    let shown = loaded.render(Colour::Off);
    // Measured: a few hundredths of a second, without optimization.
    assert!(begin.elapsed() < Duration::from_secs(20));
    assert!(shown.contains("… and 800 more"));
    let end = "1000 errors in shots.yaml\n1000 errors: 1000 duration-range\n";
    assert!(shown.ends_with(end));
}

/// What is found in a table, a line each, without the file.
fn found_in(name: &str, bytes: &[u8]) -> Vec<String> {
    let loaded = load_alike(Path::new(name), &|_| Ok(bytes.to_vec()));
    let told = loaded.render_compact();
    let lines = told.lines().filter_map(|line| {
        let (place, said) = line.split_once(": ")?;
        Some(format!("{}: {said}", place.trim_start_matches(name)))
    });
    lines.collect()
}

#[test]
fn a_title_hides_none_of_the_mistakes_below_it_whatever_parts_the_cells() {
    let below = "id;model;prompt;duration\na;seedance2.0-720p;A kite.;8s\nb;seedance2.0;A kite;8\n";
    for title in [
        "Spring films\n",
        "Spring films, 2026\nfor Kim\n\n",
        ";;;\nVideos;;;\n",
    ] {
        let table = format!("{title}{below}");
        let found = found_in("t.csv", table.as_bytes()).join("\n");
        for part in [
            "the header seems to be row",
            "delete row",
            "duration-format",
            "unknown-model",
        ] {
            assert!(found.contains(part), "{title:?}: {part}: {found}");
        }
        assert!(!found.contains("--delimiter"), "{found}");
    }
}

#[test]
fn a_good_header_is_never_taken_for_a_title() {
    for table in [
        "prompt\nmodel\nduration\n",
        "prompt\n\"text, image, video\"\n",
        "x_a,prompt\nid,model\n",
    ] {
        let found = found_in("t.csv", table.as_bytes()).join("\n");
        assert!(!found.contains("no-header"), "{table}: {found}");
    }
    let read = |path: &Path| {
        Ok(match path.to_str() {
            Some("m.yaml") => {
                b"defaults: { model: seedance2.0-720p, duration: 8 }\njobs: { from: t.csv, template: { prompt: '{{ product }}' } }\n".to_vec()
            }
            _ => b"product\nlamp\nkettle\n".to_vec(),
        })
    };
    let loaded = load(Path::new("m.yaml"), &read);
    assert_eq!(loaded.plan.expect("no error").jobs().len(), 2);
}

#[test]
fn the_texts_of_a_table_of_one_column_are_no_header_whatever_they_hold() {
    for table in [
        "Prompt\nModel | Text: a red kite\nTime; sound\n",
        "prompt\nmodel\tduration\n",
        "prompt\nRed; soft light\n",
    ] {
        let found = found_in("t.csv", table.as_bytes()).join("\n");
        assert!(!found.contains("no-header"), "{table}: {found}");
    }
    let manifest = "defaults: { model: seedance2.0-720p, duration: 8 }\njobs: { from: t.csv, template: { prompt: '{{ product_name }}' } }\n";
    let table = |rows: &str| {
        let rows = rows.to_owned();
        move |path: &Path| {
            let is_table = path.to_str() == Some("t.csv");
            Ok(if is_table {
                rows.clone()
            } else {
                manifest.to_owned()
            }
            .into_bytes())
        }
    };
    let one = table("Product Name\nRed shoes; soft light\nBlue hat; hard light\n");
    let loaded = load(Path::new("m.yaml"), &one);
    assert_eq!(loaded.plan.expect("no error").jobs().len(), 2);
    // What stands above names is a title.
    let titled = load(
        Path::new("m.yaml"),
        &table("Spring films\nproduct_name;look\nkite;soft\n"),
    );
    assert!(titled.render_compact().contains("no-header"));
    let titled = found_in(
        "t.csv",
        b"Prompt\nid;prompt;model\na;kite;seedance2.0-720p\n",
    )
    .join("\n");
    assert!(titled.contains("the header seems to be row 2"), "{titled}");
}

#[test]
fn what_cannot_be_read_hides_nothing_where_it_is_sure_what_that_is() {
    let manifest = "vars:\n  look: \"soft light\n  brand: Aurora\ndefaults: { model: seedance2.0-720p, duration: 8 }\njobs:\n- id: a\n  prompt: \"A kite, {{ look }}.\"\n- id: b\n  prompt: A bottle: amber\n- id: c\n  promt: A kite {{ look }}\n  duration: 8s\n- id: d\n  prompt: \"x\" y\n- id: e\n  prompt: @kite\n";
    let told = found_in("m.yaml", manifest.as_bytes());
    let codes: Vec<&str> = told
        .iter()
        .map(|it| it.split("]: ").next().unwrap_or(it))
        .collect();
    assert_eq!(
        codes,
        [
            ":2:9: error[yaml-syntax",
            ":9:19: error[yaml-syntax",
            ":11:3: error[unknown-field",
            ":12:13: error[duration-format",
            ":14:15: error[yaml-syntax",
            ":16:11: error[yaml-syntax",
        ],
        "{told:#?}"
    );
    assert!(
        told[0].contains("close it behind its text: `\"soft light\"`"),
        "{told:?}"
    );
    // Advice followed to the letter works.
    let mended = manifest
        .replace("\"soft light", "\"soft light\"")
        .replace("A bottle: amber", "\"A bottle: amber\"")
        .replace("promt", "prompt")
        .replace("8s", "8")
        .replace("\"x\" y", "\"x y\"")
        .replace("@kite", "\"@kite\"")
        .replace("  brand: Aurora\n", "");
    let loaded = load_yaml(&mended);
    assert!(loaded.plan.is_some(), "{}", loaded.render_compact());
}

#[test]
fn where_it_is_not_sure_what_cannot_be_read_nothing_else_is_told_of_it() {
    for broken in [
        "jobs:\n- { id: a, prompt: \"x }\n- { id: b, promt: y }\n",
        "jobs:\n- id: a\n  matrix: { color: [red, blue }\n  prompt: \"{{ color }}\"\n",
        "jobs:\n- {\n  id: a,\n  prompt: @x,\n  y: z }\n- id: b\n",
        "jobs:\n- id: a\n  prompt: x\n bad: y\n- id: b\n",
    ] {
        let told = found_in("m.yaml", format!("{DEFAULTS}{broken}").as_bytes());
        let errors: Vec<_> = told.iter().filter(|it| it.contains("error[")).collect();
        assert_eq!(errors.len(), 1, "{broken}{told:#?}");
        assert!(errors[0].contains("error[yaml-syntax]"), "{told:?}");
    }
}

#[test]
fn a_value_that_stands_in_for_a_broken_one_is_never_blamed() {
    let manifest = "vars: { used: x }\nlimits:\n  concurrency: 4: 5\ndefaults:\n  model: seedance2.0-720p: x\n  duration: 8\njobs:\n- id: a: b\n  prompt: A {{ used }}: lamp\n- id: c: d\n  prompt: A {{ used }}: lamp\n- prompt: fine\n";
    let told = found_in("m.yaml", manifest.as_bytes());
    assert_eq!(
        told.iter().filter(|it| it.contains("yaml-syntax")).count(),
        6
    );
    assert!(
        told.iter()
            .all(|it| !it.contains('[') || it.contains("yaml-syntax")),
        "{told:#?}"
    );
}

#[test]
fn a_table_that_is_not_there_hides_no_mistake_of_its_template() {
    let manifest = "jobs:\n- from: t.csv\n  template: { id: \"{{ sku }}\", prompt: \"{{ a b }}\", duration: \"{{ duration }}\" }\n";
    let read = |path: &Path| match path.to_str() {
        Some("m.yaml") => Ok(manifest.into()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let told = load(Path::new("m.yaml"), &read).render_compact();
    for code in ["unreadable", "template-syntax", "not-filled-in"] {
        assert_eq!(
            told.matches(&format!("error[{code}]")).count(),
            1,
            "{code}: {told}"
        );
    }
}

#[test]
fn one_slip_in_a_section_hides_nothing_below_it() {
    let manifest = "prices: { currncy: usd, per_second: { seedance2.0-72Op: 0.1 } }\nlimit: { concurrency: many }\nallow: [duration, pages]\njobs:\n- { id: a, model: seedance2.0-720p, duration: 8, prompt: kite }\n";
    let told = found_in("m.yaml", manifest.as_bytes()).join("\n");
    for part in [
        "did you mean `pricing`?",
        "did you mean `currency`?",
        "write it in capital letters: `currency: USD`",
        "did you mean `seedance2.0-720p`?",
        "did you mean `limits`?",
        "`many`",
        "did you mean `no-duration`?",
        "errors cannot be allowed; the warnings are",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn no_delimiter_is_advised_for_a_workbook_nor_the_one_in_use() {
    let mut book = rust_xlsxwriter::Workbook::new();
    book.add_worksheet().write(0, 0, "a;b").expect("written");
    let bytes = book.save_to_buffer().expect("saved");
    for (name, bytes) in [("t.xlsx", &bytes[..]), ("t.csv", b"a;b;c\nd;e;f\n")] {
        let found = found_in(name, bytes).join("\n");
        assert!(
            found.contains("no-header") && !found.contains("delimiter"),
            "{found}"
        );
    }
}

#[test]
fn what_a_table_lacks_as_a_whole_is_told_once_at_its_header() {
    let found = found_in("t.csv", b"id\na\nb\nc\n");
    assert_eq!(found.len(), 3, "{found:?}");
    let wanted = ["missing-model", "missing-prompt", "no-duration"];
    for (line, code) in found.iter().zip(wanted) {
        assert!(line.starts_with(":1:1: ") && line.contains(code), "{line}");
    }
    // The defaults of a manifest stand in, and rows do not need a column then.
    let read = |path: &Path| {
        Ok(match path.to_str() {
            Some("m.yaml") => {
                b"defaults: { model: seedance2.0-720p, duration: 8 }\njobs: { from: t.csv }\n"
                    .to_vec()
            }
            _ => b"id,prompt\na,A kite.\n".to_vec(),
        })
    };
    assert!(load(Path::new("m.yaml"), &read).plan.is_some());
}

#[test]
fn a_cell_without_a_value_hides_no_other_mistake_of_its_row() {
    let table = "id,model,prompt,duration,aspect_ratio\na,seedance2.0,#REF!,8s,4:3\n";
    let found = found_in("t.csv", table.as_bytes()).join("\n");
    for code in [
        "cell-is-an-error",
        "unknown-model",
        "duration-format",
        "unknown-aspect-ratio",
    ] {
        assert!(found.contains(code), "{code}: {found}");
    }
    assert!(!found.contains("missing-prompt"), "{found}");
}

#[test]
fn each_cell_that_is_empty_because_of_a_merge_is_told_and_the_rest_of_its_row_is_checked() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet
        .write_row(0, 0, ["id", "model", "prompt", "duration"])
        .expect("written");
    for (row, duration) in (1..).zip(["8", "8s", "9s"]) {
        sheet
            .write_row(row, 0, [&format!("j{row}"), "", "A kite.", duration])
            .expect("written");
    }
    let plain = rust_xlsxwriter::Format::new();
    sheet
        .merge_range(1, 1, 3, 1, "seedance2.0-720p", &plain)
        .expect("merged");
    let bytes = book.save_to_buffer().expect("saved");
    let found = found_in("t.xlsx", &bytes);
    let merged: Vec<&String> = found
        .iter()
        .filter(|line| line.contains("merged-cells"))
        .collect();
    assert_eq!(merged.len(), 2, "{found:?}");
    assert!(
        merged[0].contains("`model` is empty here: the cells B2:B4 are merged"),
        "{merged:?}"
    );
    assert_eq!(
        found
            .iter()
            .filter(|line| line.contains("duration-format"))
            .count(),
        2
    );
    assert!(
        !found.iter().any(|line| line.contains("missing-model")),
        "{found:?}"
    );
}

#[test]
fn rows_that_nobody_sees_are_told_once_in_a_short_list() {
    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    sheet
        .write_row(0, 0, ["id", "model", "prompt", "duration"])
        .expect("written");
    for row in 1..=60 {
        let id = format!("j{row}");
        let prompt = format!("Kite {row}.");
        sheet
            .write_row(row, 0, [&id, "seedance2.0-720p", &prompt, "8"])
            .expect("written");
    }
    for row in [2, 4, 5, 10, 11, 12].into_iter().chain((20..60).step_by(2)) {
        sheet.set_row_hidden(row).expect("hidden");
    }
    sheet.set_row_hidden(70).expect("hidden");
    let bytes = book.save_to_buffer().expect("saved");
    let found = found_in("t.xlsx", &bytes);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]
            .contains("rows 3, 5, 6, 11–13, 21, 23, 25, 27, 29, 31 and 14 more rows are hidden"),
        "{found:?}"
    );
}

#[test]
fn a_ratio_that_a_spreadsheet_took_for_a_time_is_read_in_text_and_in_workbooks() {
    let table = "id,model,prompt,duration,Aspect Ratio\n\
        a,seedance2.0-720p,Kite a.,8,16:09:00\nb,seedance2.0-720p,Kite b.,8,9:16\n\
        c,seedance2.0-720p,Kite c.,8,01:01:00 AM\n";
    let loaded = load(Path::new("t.csv"), &|_| Ok(table.into()));
    let told = loaded.render_compact();
    assert!(
        told.contains("`16:09:00` is read as `16:9`, and likewise in all 2 cells"),
        "{told}"
    );
    let plan = loaded.plan.expect("no error");
    let ratios = plan
        .jobs()
        .iter()
        .map(|job| job.request().aspect_ratio().map(AspectRatio::as_str));
    assert_eq!(
        ratios.collect::<Vec<_>>(),
        [Some("16:9"), Some("9:16"), Some("1:1")]
    );

    let mut book = rust_xlsxwriter::Workbook::new();
    let sheet = book.add_worksheet();
    let header = ["id", "model", "prompt", "duration", "aspect_ratio"];
    sheet.write_row(0, 0, header).expect("written");
    sheet
        .write_row(1, 0, ["a", "seedance2.0-720p", "Kite.", "8"])
        .expect("written");
    let time = rust_xlsxwriter::Format::new().set_num_format("h:mm");
    let at = rust_xlsxwriter::ExcelDateTime::parse_from_str("9:16").expect("a time");
    sheet.write_with_format(1, 4, &at, &time).expect("written");
    let bytes = book.save_to_buffer().expect("saved");
    let loaded = load(Path::new("t.xlsx"), &|_| Ok(bytes.clone()));
    let told = loaded.render_compact();
    assert!(told.contains("`09:16:00` is read as `9:16`"), "{told}");
    assert!(loaded.plan.is_some(), "{told}");
}

#[test]
fn a_column_about_sound_is_read_as_its_cells_say() {
    for (cell, meant) in [("yes", "generate_audio"), ("https://a.b/c.mp3", "audios")] {
        let table = format!("id,model,prompt,duration,Audio\na,seedance2.0-720p,Kite.,8,{cell}\n");
        let found = found_in("t.csv", table.as_bytes()).join("\n");
        assert!(
            found.contains(&format!("did you mean `{meant}`?")),
            "{found}"
        );
        assert_eq!(found.contains("not-a-boolean"), cell == "yes", "{found}");
    }
}

#[test]
fn a_file_is_read_once_however_often_it_is_named() {
    let sheet = |id: &str| {
        format!(
            "<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>sku</t></is></c></row><row><c t=\"inlineStr\"><is><t>{id}</t></is></c></row></sheetData></worksheet>"
        )
    };
    let workbook = raw(&[
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="A" r:id="a"/><sheet name="B" r:id="d"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="a.xml"/><Relationship Id="d" Type="x/worksheet" Target="d.xml"/></Relationships>"#,
        ),
        ("xl/a.xml", &sheet("a")),
        ("xl/d.xml", &sheet("b")),
    ]);
    let table = |from: &str, id: &str| {
        format!(
            "  - {{ {from}, template: {{ id: '{{{{ sku }}}}{id}', prompt: 'A {{{{ sku }}}} {id}' }} }}\n"
        )
    };
    let manifest = [
        DEFAULTS.to_owned() + "jobs:\n",
        table("from: t.csv", "1"),
        table("from: t.csv", "2"),
        table("from: w.xlsx, sheet: A", "3"),
        table("from: w.xlsx, sheet: B", "4"),
        table("from: w.xlsx, sheet: A", "5"),
    ];
    let reads = std::cell::RefCell::new(Vec::new());
    let loaded = load(Path::new("m.yaml"), &|path| {
        let name = path.to_string_lossy().into_owned();
        let bytes = match name.as_str() {
            "m.yaml" => manifest.concat().into_bytes(),
            "t.csv" => b"sku\nc\n".to_vec(),
            _ => workbook.clone(),
        };
        reads.borrow_mut().push(name);
        Ok(bytes)
    });
    assert_eq!(ids(&loaded), ["c1", "c2", "a3", "b4", "a5"]);
    assert_eq!(*reads.borrow(), ["m.yaml", "t.csv", "w.xlsx"]);
    let names: Vec<&str> = loaded.sources.names().collect();
    assert_eq!(names, ["m.yaml", "t.csv", "w.xlsx", "w.xlsx"]);
    assert_eq!(loaded.detected.len(), 3);
}

#[test]
fn all_sheets_of_a_workbook_together_are_bounded() {
    let rows =
        (1..=1300).map(|row| format!("<row r=\"{row}\"><c r=\"XFD{row}\"><v>1</v></c></row>"));
    let sheet = format!(
        "<worksheet><sheetData>{}</sheetData></worksheet>",
        rows.collect::<String>()
    );
    let workbook = raw(&[
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="A" r:id="a"/><sheet name="B" r:id="a"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="a.xml"/></Relationships>"#,
        ),
        ("xl/a.xml", &sheet),
    ]);
    let manifest = format!(
        "{DEFAULTS}jobs:\n- {{ from: w.xlsx, sheet: A }}\n- {{ from: w.xlsx, sheet: B }}\n"
    );
    let loaded = load_files(&[("m.yaml", manifest.as_bytes()), ("w.xlsx", &workbook)]);
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|it| it.code).collect();
    assert_eq!(codes, ["too-many-columns", "workbook-too-large"]);
}
