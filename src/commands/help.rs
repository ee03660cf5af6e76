//! `shotlist help`: a command as `--help` has it, or a topic. Every topic is made from the tables that the program goes
//! by; nothing in it is said a second time here.
//!
//! Start at [`help`].

use clap::ValueEnum;
use serde_json::Value;

use super::page::Page;
use crate::cli::{HelpArgs, Topic, program};
use crate::engine::job::Status;
use crate::error::ExitCode;
use crate::manifest;
use crate::output::Output;
use crate::report::json::line_types;
use crate::report::outcome::{ErrorClass, FIRST_TO_LAST};
use crate::results;
use crate::settings::VARIABLES;

/// Cells of a line where nothing tells: as wide as `--help` gets.
const WIDTH: usize = 100;

pub(super) fn help(options: &HelpArgs, output: &mut Output) -> ExitCode {
    let width = output.data_width().unwrap_or(WIDTH).min(WIDTH);
    let of = options.of.as_deref();
    let topic = of.and_then(|of| Topic::from_str(of, false).ok());
    let text = match topic {
        Some(topic) => topic_text(topic, width),
        None => of_command(of),
    };
    output.data(text.trim_end());
    ExitCode::Completed
}

/// The long help of a command, or of the program.
fn of_command(name: Option<&str>) -> String {
    let mut program = program();
    program.build();
    let help = match name.and_then(|name| program.find_subcommand_mut(name)) {
        Some(command) => command.render_long_help(),
        None => program.render_long_help(),
    };
    help.ansi().to_string()
}

/// A topic in lines of at most `width` cells.
pub(super) fn topic_text(topic: Topic, width: usize) -> String {
    let mut page = Page::new(width);
    match topic {
        Topic::ExitCodes => exit_codes(&mut page),
        Topic::Environment => environment(&mut page),
        Topic::Manifest => of_manifest(&mut page),
        Topic::Output => of_output(&mut page),
        Topic::Nights => nights(&mut page),
    }
    page.into_text()
}

fn exit_codes(page: &mut Page) {
    page.paragraph("Every command ends with one of these. The names are those of `exit_name` in the summary of `--json`.");
    let rows = ExitCode::ALL.map(|code| {
        let name = format!("{:>3}  {}", code as u8, code.name());
        (name, format!("{}; {}", code.meaning(), code.remedy()))
    });
    page.list(&rows);
    let order = FIRST_TO_LAST
        .map(|code| (code as u8).to_string())
        .join(", ");
    page.paragraph(&format!(
        "At the end of a run the code is about all selected jobs, whichever run settled them; of several the first of \
         {order} counts. Before anything is sent it is the first of 2, 75, 74, 4."
    ));
    page.paragraph(
        "The commands that only look (`check`, `plan`, `status`, `report`) end with 0 whatever the jobs' statuses, with \
         2 if the manifest is invalid, with 74 if the state is damaged. `resolve` ends with 2 if a job is not in doubt \
         or the provider does not know the task, with 7 if it cannot be asked; then nothing was changed.",
    );
    page.heading("Examples:");
    page.verbatim("shotlist run shots.yaml; echo $?\nshotlist run shots.yaml --json | jq -r 'select(.type == \"summary\") | .exit_name'");
}

fn environment(page: &mut Page) {
    page.paragraph(
        "An option wins over the environment, the environment over the manifest, the manifest over the default.",
    );
    let rows: Vec<_> = VARIABLES
        .iter()
        .map(|(names, meaning)| (names.join(", "), meaning))
        .collect();
    page.list(&rows);
}

const SAMPLE: &str = "\
defaults: { model: seedance2.0-720p, duration: 8, aspect_ratio: \"16:9\" }
jobs:
  - { id: hero, prompt: A clean product video with slow camera movement. }
  - { id: detail, prompt: The label comes into focus., duration: 5 }";

fn of_manifest(page: &mut Page) {
    let schema: Value = serde_json::from_str(&manifest::json_schema()).expect("it is JSON");
    let job = &schema["$defs"]["job"]["properties"];
    page.paragraph(
        "A manifest lists the videos that are wanted, in YAML, or as rows of a table (CSV or .xlsx) whose header has the \
         names of the fields of a job. `shotlist init` writes one to start from, `shotlist check` says what is wrong \
         with one.",
    );
    page.verbatim(SAMPLE);
    page.heading("Keys of a manifest, others may start with `x-` and are passed over:");
    let sections: Vec<_> = fields(&schema["properties"])
        .filter(|(_, section)| !has_no_settings(section))
        .collect();
    let rows: Vec<_> = sections
        .iter()
        .map(|(name, it)| (*name, meaning(it)))
        .collect();
    page.list(&rows);
    for (name, section) in &sections {
        if *name != "defaults" && section["properties"].is_object() {
            page.heading(&format!("Under `{name}:`"));
            page.list(&described(&section["properties"]));
        }
    }
    page.heading("Fields of a job, others may start with `x_`, are not sent, and become columns of results.csv:");
    page.list(&described(job));
    page.heading("Under `extra_body`, in a table as columns such as `seed` or `extra_body.seed`:");
    page.list(&described(&job["extra_body"]["properties"]));
    page.heading("Instead of a job, a table: `{ from: FILE }`, with");
    page.list(&described(&schema["$defs"]["table"]["properties"]));
    let codes = &schema["properties"]["allow"]["items"];
    page.heading("Warnings that `allow:` takes:");
    page.list(&words(codes));
    page.paragraph("`shotlist schema` prints all of this for editors.");
}

fn of_output(page: &mut Page) {
    page.paragraph(
        "Data goes to stdout, talk to stderr. `run` and `report` write results.csv into `<manifest stem>.run` beside the \
         manifest, or into `--out DIR`: one row for each job in the order of the manifest, UTF-8 with BOM, times in \
         UTC.",
    );
    page.heading("Columns of results.csv:");
    page.indented(&format!(
        "{}, then your `x_` columns",
        results::COLUMNS.join(", ")
    ));
    let statuses: Vec<_> = Status::ALL
        .iter()
        .map(|status| (status.as_str(), without_stop(status.meaning())))
        .collect();
    page.heading("Its `status` is one of");
    page.list(&statuses);
    page.heading("Its `error_class` says why a job is not completed:");
    let classes: Vec<_> = ErrorClass::all()
        .map(|(class, meaning)| (class, without_stop(meaning)))
        .collect();
    page.list(&classes);
    page.paragraph(
        "With `--json` a command prints one JSON object a line on stdout. Each has `schema`, the version of the lines, \
         which is 1, and `type`; the last is of type `summary`, also when the command line is wrong. Within one version \
         fields are added, never renamed or removed. `shotlist schema output` prints this as JSON Schema.",
    );
    for (name, about, schema) in line_types() {
        page.heading(&format!("Type `{name}`: {about}"));
        let mut rows = Vec::new();
        flatten("", &schema["properties"], &mut rows);
        rows.retain(|(field, _)| !matches!(field.as_str(), "schema" | "type"));
        page.list(&rows);
    }
    page.heading("Examples:");
    page.verbatim(
        "shotlist status shots.yaml --json | jq -r 'select(.status == \"failed\") | [.id, .error] | @tsv'\n\
         shotlist check manifests/examples/campaign.yaml --json",
    );
}

/// The recipes, as files.
const CRONTAB: &str = include_str!("nights/crontab");
const SERVICE: &str = include_str!("nights/shotlist.service");
const TIMER: &str = include_str!("nights/shotlist.timer");
const CRON_JOB: &str = include_str!("nights/cronjob.yaml");
const CI: &str = include_str!("nights/ci.sh");

fn nights(page: &mut Page) {
    page.paragraph(
        "A run that nobody watches needs no lock file of its own and no clean-up: a second one waits as long as \
         `--wait-lock` says, then leaves; after a crash the next one goes on. What each exit code wants:",
    );
    let rows = ExitCode::ALL.map(|code| {
        let name = format!("{:>3}  {}", code as u8, code.name());
        (name, code.remedy())
    });
    page.list(&rows);
    page.heading("With cron:");
    page.verbatim(CRONTAB);
    page.heading(
        "With systemd, hardened; the key in `/etc/shotlist/key` is readable by root alone:",
    );
    page.verbatim(SERVICE);
    page.verbatim(TIMER);
    page.paragraph(
        "`systemctl enable --now shotlist.timer` begins it, `systemctl start shotlist` runs it at once, `systemd-analyze \
         security shotlist` judges it. With a command in `--on-finish`, `AF_UNIX` may be needed as well.",
    );
    page.heading("With Kubernetes, on a volume whose locks and syncs are real (no network file system without them):");
    page.verbatim(CRON_JOB);
    page.heading("In CI, with the state kept from job to job:");
    page.verbatim(CI);
    page.heading(
        "On several machines, each with a state of its own and its part of what the account takes:",
    );
    page.verbatim(
        "shotlist run shots.yaml --partition hash:1/3 --out /srv/film/one --concurrency 4 --submit-rate 20/min\n\
         shotlist run shots.yaml --partition hash:2/3 --out /srv/film/two --concurrency 4 --submit-rate 20/min\n\
         shotlist run shots.yaml --partition hash:3/3 --out /srv/film/three --concurrency 4 --submit-rate 20/min",
    );
    page.paragraph(
        "The share of a job hangs on its id alone, so rows may be added at any time; but keep the number of partitions \
         for as long as the states live: with another one, jobs would be in a share whose state does not know that they \
         are made, and they would be paid for again. If machines may be added later, begin with more partitions than \
         machines, some with several. A state that has submitted jobs of one partition takes no other. Limits, `--max-jobs` and \
         `--max-spend` are for each partition. In every results.csv the jobs of the others are `skipped`.",
    );
    page.heading("To be told in the morning:");
    page.verbatim(
        "shotlist run shots.yaml --on-finish https://hooks.example.com/film\n\
         shotlist run shots.yaml --on-finish './tell.sh'",
    );
    page.paragraph(
        "The URL gets the summary of `--json` by a POST, and the command gets it on stdin, with `SHOTLIST_EXIT_CODE` and \
         `SHOTLIST_RUN` in its environment. Neither gets the API key; a failure of either is a warning, and changes no \
         exit code. A run that does not begin (2, 75, no key) tells nobody: its exit code does. Others on the machine \
         may see options, so a URL with a secret in it is better in a script of yours.",
    );
    page.paragraph(
        "`--log-file` adds a line for each event and is never shortened by shotlist; with logrotate, use \
         `copytruncate`. `shotlist schema log` describes the lines of `--log-format json`. The id of a run, such as `3f9a1c-4`, is in its summary, its JSON lines and each line of its \
         log.",
    );
}

/// Fields with those of the objects in them, as `spend.reserved[].amount`; counts by words are one field.
fn flatten(path: &str, properties: &Value, rows: &mut Vec<(String, String)>) {
    for (name, field) in fields(properties) {
        let path = format!("{path}{name}");
        rows.push((path.clone(), meaning(field)));
        if is_count(field) {
            continue;
        }
        flatten(&format!("{path}."), &field["properties"], rows);
        flatten(&format!("{path}[]."), &field["items"]["properties"], rows);
    }
}

/// Whether a field is an object of counts, whose names are words that are explained elsewhere.
fn is_count(field: &Value) -> bool {
    let is_number =
        |(_, value): (&str, &Value)| value["type"] == "integer" && value["minimum"] == 0;
    field["properties"].is_object()
        && field["required"].as_array().is_none_or(|it| it.len() < 2)
        && fields(&field["properties"]).all(is_number)
}

/// Fields of a schema with what they mean.
fn described(properties: &Value) -> Vec<(&str, String)> {
    fields(properties)
        .map(|(name, it)| (name, meaning(it)))
        .collect()
}

fn fields(properties: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let fields = properties.as_object().into_iter().flatten();
    fields
        .filter(|(_, it)| it.is_object())
        .map(|(name, it)| (name.as_str(), it))
}

/// Whether this version has nothing to set there.
fn has_no_settings(section: &Value) -> bool {
    section["properties"]
        .as_object()
        .is_some_and(serde_json::Map::is_empty)
}

/// What a field means, with the words that it may be.
fn meaning(field: &Value) -> String {
    let meaning = field["description"].as_str().unwrap_or_default();
    let words = field["enum"].as_array().into_iter().flatten();
    let words: Vec<_> = words
        .filter_map(Value::as_str)
        .map(|word| format!("`{word}`"))
        .collect();
    match &words[..] {
        [] => meaning.to_owned(),
        words => format!("{meaning}: {}", words.join(", ")),
    }
}

/// Words with their meanings.
fn words(schema: &Value) -> Vec<(&str, &str)> {
    let list = |keyword: &str| {
        let words = schema[keyword].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).collect::<Vec<_>>()
    };
    list("enum")
        .into_iter()
        .zip(list("enumDescriptions"))
        .collect()
}

fn without_stop(sentence: &str) -> &str {
    sentence.trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_topic_reads_well() {
        for topic in Topic::value_variants() {
            insta::assert_snapshot!(format!("{topic:?}"), topic_text(*topic, WIDTH));
        }
    }

    #[test]
    fn no_topic_is_wider_than_it_may_be() {
        for topic in Topic::value_variants() {
            let text = topic_text(*topic, 60);
            let too_long = |line: &&str| line.chars().count() > 60 && !line.contains("shotlist ");
            let long: Vec<_> = text.lines().filter(too_long).collect();
            let samples = [SAMPLE, CRONTAB, SERVICE, TIMER, CRON_JOB, CI].concat();
            let is_sample = |line: &&&str| samples.contains(line.trim());
            let long: Vec<_> = long.iter().filter(|line| !is_sample(line)).collect();
            assert!(long.is_empty(), "{long:?}");
        }
    }

    #[test]
    fn the_sample_is_valid_without_a_word() {
        let loaded = manifest::load(Path::new("shots.yaml"), &|_| Ok(SAMPLE.into()));
        assert_eq!(loaded.render_compact(), "");
    }
}
