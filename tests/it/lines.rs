//! `--json` and the schema that `shotlist schema output` prints: every line is one that it describes, and whatever it
//! describes is printed some time.
//!
//! Start at [`whatever_the_schema_describes_is_printed_some_time`]. That lines keep to the schema is checked wherever a
//! test runs the program with `--json`, see `support`.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};
use shotlist::cli;
use shotlist::error::ExitCode;
use shotlist::report::json::COMMANDS;

use crate::support::lines::{LOG_SCHEMA, SCHEMA, assert_in_log_schema, refused};
use crate::support::{
    Closed, Finished, Provider, Raw, Running, Scenario, Simulated, answer, json, table,
};

/// What the schema describes and no test can have, and why.
const UNSEEN: &[(&str, &str)] = &[
    ("notice.kind = illegal", "it is a bug"),
    (
        "notice.kind = no_gallery",
        "it takes more than 5,000 jobs: looked at in `gallery`",
    ),
    (
        "notice.kind = not_saved",
        "the disk must fail after the answer to a create request: looked at in `sweep`",
    ),
    ("summary.exit_code = 1", "it is a bug"),
    ("summary.exit_name = bug", "it is a bug"),
];

#[test]
fn the_schema_of_lines_is_a_schema_and_reads_well() {
    let printed = Scenario::jobs(0).shotlist(&["schema", "output"]).exits(0);
    let printed: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!(printed, *SCHEMA);
    jsonschema::meta::validate(&SCHEMA).expect("it keeps to draft 2020-12");
    let text = serde_json::to_string_pretty(&*SCHEMA).expect("JSON");
    insta::assert_snapshot!(text);
}

#[test]
fn the_schema_of_log_lines_is_a_schema_and_reads_well() {
    let printed = Scenario::jobs(0).shotlist(&["schema", "log"]).exits(0);
    let printed: Value = serde_json::from_str(&printed.stdout).expect("JSON");
    assert_eq!(printed, *LOG_SCHEMA);
    jsonschema::meta::validate(&LOG_SCHEMA).expect("it keeps to draft 2020-12");
    let text = serde_json::to_string_pretty(&*LOG_SCHEMA).expect("JSON");
    insta::assert_snapshot!(text);
}

#[test]
fn every_field_is_explained_and_nothing_else_is_let_in() {
    let mut count = 0;
    let both = json!([*SCHEMA, *LOG_SCHEMA]);
    each_object(&both, "", &mut |path, object| {
        assert_eq!(object["additionalProperties"], false, "{path}");
        for (name, field) in object["properties"].as_object().expect("fields") {
            count += 1;
            let words = field["description"].as_str().unwrap_or_default();
            assert!(words.len() > 4 && !words.ends_with('.'), "{path}.{name}");
            let is_number = serde_json::to_string(&field["type"])
                .expect("JSON")
                .contains("integer");
            let has_unit = !name.ends_with("seconds") || words.to_lowercase().contains("seconds");
            assert!(!is_number || has_unit, "{path}.{name}: {words}");
        }
    });
    assert!(count > 80, "{count}");
}

fn each_object(schema: &Value, path: &str, look: &mut impl FnMut(&str, &Value)) {
    match schema {
        Value::Object(keywords) => {
            if keywords.contains_key("properties") {
                look(path, schema);
            }
            for (keyword, value) in keywords {
                each_object(value, &format!("{path}/{keyword}"), look);
            }
        }
        Value::Array(values) => {
            for value in values {
                each_object(value, path, look);
            }
        }
        _ => {}
    }
}

#[test]
fn a_field_that_the_schema_does_not_list_is_refused() {
    let line = Scenario::jobs(1)
        .ask("check", &["--json"])
        .exits(0)
        .lines()
        .remove(0);
    assert_eq!(refused(&line), None);
    let mut with = line.clone();
    with["colour"] = "red".into();
    let mut deeper = line.clone();
    deeper["jobs"]["lost"] = 1.into();
    let mut without = line.clone();
    without.as_object_mut().expect("an object").remove("next");
    let mut of_another_version = line.clone();
    of_another_version["schema"] = 2.into();
    let mut of_another_type = line;
    of_another_type["type"] = "end".into();
    for wrong in [with, deeper, without, of_another_version, of_another_type] {
        assert!(refused(&wrong).is_some(), "{wrong}");
    }
}

#[test]
fn every_command_that_prints_what_a_program_would_read_has_json() {
    let program = cli::program();
    let has_json = |command: &&clap::Command| {
        let mut options = command.get_arguments();
        options.any(|option| option.get_long() == Some("json"))
    };
    let with: Vec<_> = program
        .get_subcommands()
        .filter(has_json)
        .map(clap::Command::get_name)
        .collect();
    assert_eq!(with, COMMANDS);
    let without = program
        .get_subcommands()
        .filter(|command| !has_json(command));
    let without: BTreeSet<_> = without.map(clap::Command::get_name).collect();
    let texts = BTreeSet::from(["completions", "help", "man", "schema"]);
    assert!(without.is_subset(&texts), "{without:?}");
}

#[test]
fn init_tells_the_file_and_simulate_where_it_listens() {
    let scenario = Scenario::jobs(1);
    let lines = scenario
        .shotlist(&["init", "new.yaml", "--json"])
        .exits(0)
        .lines();
    assert_eq!(
        lines[0],
        json!({"schema": 1, "type": "written", "file": "new.yaml"})
    );
    assert_eq!(lines[1]["next"], "shotlist check new.yaml");
    let lines = scenario
        .shotlist(&["init", "new.yaml", "--json"])
        .exits(2)
        .lines();
    assert_eq!(lines[0]["type"], "error");

    let lines = simulator(&scenario).lines();
    let url = lines[0]["url"].as_str().expect("an address");
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(
        lines[1]["served"],
        json!({"creates": 1, "tasks": 1, "polls": 1})
    );
}

/// A simulator that serves one run of `scenario`, which has one job.
fn simulator(scenario: &Scenario) -> Finished {
    let words = ["simulate", "--render", "1ms", "--json"];
    let mut simulator = Running::of(scenario.command(&words));
    simulator.until("it says where it listens", |simulator| {
        simulator.stdout().ends_with('\n')
    });
    let line: Value = serde_json::from_str(&simulator.stdout()).expect("a JSON line");
    let url = line["url"].as_str().expect("an address");
    scenario
        .run(&["--base-url", url, "--poll-first", "500ms"])
        .exits(0);
    simulator.terminate();
    simulator.finish().exits(0)
}

#[test]
fn resolve_tells_where_the_jobs_stand_that_it_settled() {
    let provider = Simulated::with_faults("no-id=first:1");
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(5);
    let words = ["job-01", "--not-created", "--json"];
    let lines = scenario.ask("resolve", &words).exits(0).lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["id"], &lines[0]["status"]),
        (&json!("job-01"), &json!("pending"))
    );
    let summary = &lines[1];
    assert_eq!(summary["command"], "resolve");
    assert_eq!(summary["results"], "shots.run/results.csv");
    let lines = scenario.ask("resolve", &words).exits(2).lines();
    assert_eq!(lines[0]["type"], "error");
    assert_eq!(lines[1]["exit_name"], "usage");
}

#[test]
fn a_run_that_cannot_write_its_results_says_so_in_a_line() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    fs::create_dir_all(scenario.out().join("results.csv")).expect("a new directory");
    let lines = scenario.run(&["--json"]).exits(74).lines();
    let [.., error, summary] = &lines[..] else {
        panic!("{lines:?}")
    };
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("results.csv"), "{error}");
    assert_eq!(summary["exit_name"], "state");
}

/// What was printed, as `job.status = running`, `job.error = null` or `diagnostic.cell left out`.
#[derive(Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    fn add(&mut self, finished: &Finished) {
        for line in finished.lines() {
            assert_eq!(refused(&line), None, "{line}");
            let (name, schema) = variants()
                .find(|(name, _)| line["type"] == **name)
                .expect("a type of line");
            self.look(schema, &line, name);
        }
    }

    fn look(&mut self, schema: &Value, value: &Value, path: &str) {
        for (name, field) in fields(schema) {
            let path = format!("{path}.{name}");
            match value.get(name) {
                None => drop(self.0.insert(format!("{path} left out"))),
                Some(Value::Null) => drop(self.0.insert(format!("{path} = null"))),
                Some(value) => {
                    if !words(field).is_empty() {
                        self.0.insert(format!("{path} = {}", shown(value)));
                    }
                    self.0.insert(path.clone());
                    self.look(field, value, &path);
                    for element in value.as_array().into_iter().flatten() {
                        self.look(&field["items"], element, &format!("{path}[]"));
                    }
                }
            }
        }
    }
}

/// Everything that can be seen.
fn all(schema: &Value, path: &str, marks: &mut BTreeSet<String>) {
    for (name, field) in fields(schema) {
        let path = format!("{path}.{name}");
        if !has(&schema["required"], name) {
            marks.insert(format!("{path} left out"));
        }
        if has(&field["type"], "null") {
            marks.insert(format!("{path} = null"));
        }
        marks.extend(words(field).iter().map(|word| format!("{path} = {word}")));
        all(field, &path, marks);
        all(&field["items"], &format!("{path}[]"), marks);
        marks.insert(path);
    }
}

fn variants() -> impl Iterator<Item = (&'static str, &'static Value)> {
    let variants = SCHEMA["oneOf"].as_array().expect("several types");
    let named = |variant: &'static Value| {
        let name = variant["properties"]["type"]["const"].as_str();
        (name.expect("a name"), variant)
    };
    variants.iter().map(named)
}

fn fields(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn has(list: &Value, word: &str) -> bool {
    list.as_array()
        .is_some_and(|list| list.iter().any(|it| it == word))
}

fn words(field: &Value) -> Vec<String> {
    let words = field["enum"].as_array().into_iter().flatten();
    words.filter(|word| !word.is_null()).map(shown).collect()
}

fn shown(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn whatever_the_schema_describes_is_printed_some_time() {
    let mut expected = BTreeSet::new();
    for (name, schema) in variants() {
        all(schema, name, &mut expected);
    }
    let mut seen = Seen::default();
    let parts: [fn(&mut Seen); 10] = [
        manifests, prices, statuses, faults, notices, remarks, ends, downloads, retakes, others,
    ];
    std::thread::scope(|threads| {
        let parts = parts.map(|part| {
            threads.spawn(move || {
                let mut seen = Seen::default();
                part(&mut seen);
                seen.0
            })
        });
        for part in parts {
            seen.0.extend(part.join().expect("no failure"));
        }
    });
    let unseen: Vec<&String> = expected.difference(&seen.0).collect();
    let explained: Vec<&str> = UNSEEN.iter().map(|(mark, _)| *mark).collect();
    assert_eq!(unseen, explained);
    let unexpected: Vec<&String> = seen.0.difference(&expected).collect();
    assert_eq!(unexpected, Vec::<&String>::new());
}

/// What is found in manifests.
fn manifests(seen: &mut Seen) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/invalid");
    let scenario = Scenario::jobs(1);
    for (name, code) in [
        ("workbook-merged-cells.xlsx", 2),
        ("row-with-extra-cell.csv", 2),
        ("row-that-adds-up.csv", 2),
        ("row-duration-too-long.csv", 2),
        ("several-mistakes.yaml", 2),
    ] {
        fs::copy(folder.join(name), scenario.path(name)).expect("copied");
        seen.add(&scenario.shotlist(&["check", name, "--json"]).exits(code));
    }
    let words = [
        "check",
        "row-duration-too-long.csv",
        "--errors-csv",
        "mend.csv",
        "--json",
    ];
    seen.add(&scenario.shotlist(&words).exits(2));
    let noted = "id,prompt,model,duration\na,A kite.,seedance2.0-720p,８\n";
    let warned = "allow: [no-duration]\ndefaults: { model: seedance2.0-720p }\njobs:\n  - { id: a, prompt: x }\n  - { id: b, prompt: x }\n";
    for (name, text) in [("noted.csv", noted), ("warned.yaml", warned)] {
        scenario.write(name, text);
        seen.add(&scenario.shotlist(&["check", name, "--json"]).exits(0));
    }
    let server = Raw::answering(|_| answer(404, "content-type: text/html", "no"));
    let url = server.base_url();
    let probed = format!(
        "defaults: {{ model: seedance2.0-720p, duration: 5 }}\njobs: [{{ id: a, prompt: x, image: '{url}/a.png' }}]\n"
    );
    scenario.write("probed.yaml", &probed);
    let words = [
        "check",
        "probed.yaml",
        "--probe",
        "--allow-private",
        "--json",
    ];
    seen.add(&scenario.shotlist(&words).exits(2));
    scenario.write("probed.yaml", &probed.replace(&url, "http://127.0.0.1:1"));
    seen.add(&scenario.shotlist(&words).exits(0));
}

/// Plans and runs with prices, and jobs of every origin.
fn prices(seen: &mut Seen) {
    let models = shotlist::plan::Model::ALL
        .iter()
        .map(|model| model.as_str());
    let jobs: Vec<String> = models
        .map(|model| format!("  - {{ id: {model}, prompt: A kite of {model}., model: {model} }}\n"))
        .collect();
    let jobs = jobs.concat();
    let text = format!(
        "pricing: {{ currency: USD, per_second: {{ seedance2.0-720p: 0.1 }} }}\nlimits: {{ max_spend: 9 }}\nallow: [unpriced, no-duration]\njobs:\n{jobs}\
         \x20 - {{ id: kite, prompt: 'A {{{{ color }}}} kite.', model: seedance2.0-720p, duration: 5, matrix: {{ color: [red, blue] }}, variants: 2, extra_body: {{ generate_audio: true }} }}\n"
    );
    let provider = Simulated::good_day();
    let scenario = Scenario::manifest("shots.yaml", &text).at(&provider);
    seen.add(&scenario.ask("plan", &["--json"]).exits(0));
    let words = ["--select", "kite-*", "--json"];
    seen.add(&scenario.ask("plan", &words).exits(0));
    seen.add(&scenario.run(&words).exits(0));
    seen.add(
        &scenario
            .run(&["--select", "kite-*", "--max-spend", "9", "--json"])
            .exits(0),
    );
    seen.add(&scenario.ask("status", &["--json"]).exits(0));
    scenario.edit(&text.replace("limits: { max_spend: 9 }\n", ""));
    seen.add(&scenario.ask("plan", &["--json"]).exits(0));
    let plan = ["--select", "job-01", "--json"];
    seen.add(&Scenario::jobs(2).ask("plan", &plan).exits(0));
}

/// Jobs in every status and of every kind, as an old state has them.
fn statuses(seen: &mut Seen) {
    let read = |extension: &str| {
        let name = format!("tests/it/states/v1.{extension}");
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
            .expect("a golden state")
    };
    let scenario = Scenario::manifest("v1.yaml", &read("yaml"));
    fs::create_dir(scenario.out()).expect("a writable directory");
    scenario.damage_state(&read("jsonl"));
    for command in ["status", "plan", "report"] {
        seen.add(&scenario.ask(command, &["--json"]).exits(0));
    }
    scenario.edit("broken");
    seen.add(&scenario.ask("status", &["--json"]).exits(0));
    let provider = Simulated::with_faults("401=first:1,stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(4);
    let mut run = scenario.start(&["--select", "job-02"]);
    run.until("the task is polled", |_| provider.polled() == 1);
    seen.add(&scenario.ask("status", &["--json"]).exits(0));
    run.kill();
    scenario.edit("broken");
    seen.add(&scenario.ask("status", &["--json"]).exits(0));
}

/// Providers that refuse, and what that makes of jobs.
fn faults(seen: &mut Seen) {
    for (faults, options, code) in [
        ("401=always", &[][..], 4),
        ("402=always", &[], 6),
        ("404=always", &[], 4),
        ("429=always", &["--deadline", "1s"], 7),
        ("400=first:1,fail=first:1", &[], 3),
        ("no-url=always", &["--poll-every", "5ms"], 3),
        ("no-id=first:1", &[], 5),
        ("stuck=first:1", &["--job-timeout", "300ms"], 7),
        ("", &["--max-jobs", "1"], 6),
    ] {
        let provider = match faults {
            "" => Simulated::good_day(),
            faults => Simulated::with_faults(faults),
        };
        let scenario = Scenario::jobs(3).at(&provider);
        let run = scenario.run(&[&["--json"], options].concat()).exits(code);
        seen.add(&run);
        seen.add(&scenario.ask("status", &["--json"]).exits(0));
    }
    let nobody = Closed::anywhere();
    let scenario = Scenario::jobs(1).at(&nobody);
    seen.add(&scenario.run(&["--deadline", "1s", "--json"]).exits(7));
}

/// Every notice that a run can give.
fn notices(seen: &mut Seen) {
    let faults = "429=5s:first:1,odd-status=always,other-task=50%,poll:503=20%";
    let provider = Simulated::with_faults(faults);
    let scenario = Scenario::jobs(2).at(&provider);
    seen.add(&scenario.run(&["--json"]).exits(0));
    let provider = Simulated::with_faults("poll:403=first:1");
    seen.add(&Scenario::jobs(1).at(&provider).run(&["--json"]).exits(0));
    let one_task = Raw::answering(|request| {
        let mut body = json!({"task_id": "the-one-task"});
        if request.method != "POST" {
            body["status"] = "processing".into();
        }
        json(200, &body)
    });
    let scenario = Scenario::jobs(2).at(&one_task);
    let words = ["--job-timeout", "300ms", "--json"];
    seen.add(&scenario.run(&words).exits(7));
}

/// Warnings of commands, before a run has begun and after it.
fn remarks(seen: &mut Seen) {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.write("marks.json", r#"{"schema":1,"type":"marks","manifest":"shots.csv","marks":[{"job":"nobody","take":1,"task_id":"t","mark":"redo"}]}"#);
    scenario.write("key", "secret");
    for (path, mode) in [(scenario.path("key"), 0o644), (scenario.out(), 0o777)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    }
    let words = [
        &[
            "--rerun",
            "redo",
            "--marks",
            "marks.json",
            "--api-key-file",
            "key",
            "--json",
        ][..],
        &["--log-file", "/dev/full", "--on-finish", "false"],
    ];
    let run = scenario.run(&words.concat()).exits(0);
    let kinds: Vec<_> = run
        .lines()
        .iter()
        .filter(|line| line["type"] == "notice")
        .map(|line| line["kind"].clone())
        .collect();
    assert_eq!(kinds, ["key_file", "state", "marks", "log", "on_finish"]);
    let warnings = run.stderr.matches("warning: ").count();
    assert_eq!(warnings, kinds.len(), "{}", run.stderr);
    seen.add(&run);
    seen.add(
        &scenario
            .ask(
                "plan",
                &["--rerun", "redo", "--marks", "marks.json", "--json"],
            )
            .exits(0),
    );

    let stuck = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&stuck);
    let mut run = scenario.start(&[]);
    run.until("the task runs", |_| stuck.creates() == 1);
    let words = [
        "--wait-lock",
        "300ms",
        "--log-file",
        "log.json",
        "--log-format",
        "json",
        "--json",
    ];
    let waited = scenario.run(&words).exits(75);
    assert_eq!(waited.lines()[0]["kind"], "waiting");
    seen.add(&waited);
    run.kill();
    let log: Value =
        serde_json::from_str(&fs::read_to_string(scenario.path("log.json")).expect("a log"))
            .expect("a line");
    assert_in_log_schema(&log);
    assert_eq!(
        (&log["event"], &log["run"]),
        (&json!("waiting"), &json!("-"))
    );
}

/// Every exit code that can be had, with wrong usage.
fn ends(seen: &mut Seen) {
    let scenario = Scenario::jobs(2);
    for command in COMMANDS {
        let words = [command, "--json", "--no-such-option"];
        seen.add(&scenario.shotlist(&words).exits(2));
    }
    seen.add(&scenario.shotlist(&["--json"]).exits(2));
    for (signal, code) in [
        (Running::interrupt as fn(&Running), 130),
        (Running::terminate, 143),
    ] {
        let provider = Simulated::with_faults("stuck=always");
        let scenario = Scenario::jobs(2).at(&provider);
        let mut run = scenario.start(&["--json"]);
        run.until("both tasks run", |_| provider.creates() == 2);
        seen.add(&scenario.run(&["--json"]).exits(75));
        signal(&run);
        seen.add(&run.finish().exits(code));
    }
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    fs::create_dir_all(scenario.out().join("results.csv")).expect("a new directory");
    seen.add(&scenario.run(&["--json"]).exits(74));
}

/// Downloads that come to an end and such that do not, and what becomes of files.
fn downloads(seen: &mut Seen) {
    let provider = Simulated::with_faults("cut-video=first:1");
    let scenario = Scenario::jobs(4).at(&provider);
    let words = ["--download", "--allow-private", "--json"];
    seen.add(&scenario.run(&words).exits(0));
    seen.add(&scenario.ask("verify", &["--json"]).exits(0));
    let videos = scenario.out().join("videos");
    fs::remove_file(videos.join("job-01.mp4")).expect("a file");
    fs::write(videos.join("job-02.mp4"), "other").expect("a file");
    fs::remove_file(videos.join("job-03.mp4")).expect("a file");
    fs::create_dir(videos.join("job-03.mp4")).expect("a directory");
    seen.add(&scenario.ask("verify", &["--json"]).exits(3));
    fs::remove_file(videos.join("job-04.mp4")).expect("a file");
    seen.add(&scenario.ask("verify", &["--json"]).exits(3));
    fs::rename(&videos, scenario.out().join("elsewhere")).expect("a directory");
    fs::write(&videos, "no directory").expect("a file");
    seen.add(&scenario.ask("verify", &["--json"]).exits(3));
    let provider = Simulated::with_faults("html-video=first:2");
    let scenario = Scenario::jobs(1).at(&provider);
    seen.add(&scenario.run(&words).exits(7));
}

/// Retakes that fail, and what becomes of the takes before them.
fn retakes(seen: &mut Seen) {
    let provider = Simulated::with_faults("moderation=after:2,html-video=first:1");
    let text = table(1..=2)
        .replace("aspect_ratio", "return_last_frame")
        .replacen("16:9", "true", 1)
        .replacen("16:9", "false", 1);
    let scenario = Scenario::manifest("shots.csv", &text).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.edit(&text.replace("about", "for"));
    seen.add(&scenario.run(&["--rerun", "changed", "--json"]).exits(3));
    seen.add(&scenario.ask("download", &["--json"]).exits(7));
}

/// The commands that are left, and what jobs have only some time.
fn others(seen: &mut Seen) {
    let scenario = Scenario::jobs(1);
    seen.add(&simulator(&scenario));
    seen.add(&scenario.shotlist(&["init", "new.csv", "--json"]).exits(0));
    let provider = Simulated::with_faults("no-id=first:1");
    let text = table(1..=2)
        .replace("aspect_ratio", "return_last_frame")
        .replace("16:9", "true");
    let scenario = Scenario::manifest("shots.csv", &text).at(&provider);
    scenario.run(&[]).exits(5);
    let words = ["--all", "--not-created", "--json"];
    seen.add(&scenario.ask("resolve", &words).exits(0));
    seen.add(&scenario.run(&["--json"]).exits(0));
    scenario.edit(
        &text
            .replace("about job-01", "for job-01")
            .replace("job-02", "job-03"),
    );
    seen.add(&scenario.ask("plan", &["--json"]).exits(0));
    seen.add(&scenario.ask("status", &["--json"]).exits(0));
}

/// Names that programs compare stay as they are: in order of the codes.
#[test]
fn the_names_of_the_exit_codes_are_those_of_version_1() {
    let names: Vec<_> = ExitCode::ALL.iter().map(|code| code.name()).collect();
    let of_version_1 = "completed, bug, usage, some_failed, refused, in_doubt, limit, unfinished, state, held, interrupted, terminated";
    assert_eq!(names.join(", "), of_version_1);
    let mut numbers: Vec<_> = ExitCode::ALL.iter().map(|code| *code as u8).collect();
    numbers.dedup();
    assert!(numbers.is_sorted() && numbers.len() == 12);
}
