//! Keeps the README true: its sample outputs are what the program says, its tables are what the program has.
//!
//! Start at [`the_rehearsal_comes_out_as_the_readme_shows`] and [`every_other_sample_comes_out_as_the_readme_shows`]. A
//! comment before a fenced block says which file it is (`file: NAME`, or `file: NAME = OTHER with …`) or which provider it is
//! run against (`provider: COMMAND`); readers do not see it. In a sample `…` stands for any words, `⋮` for any lines.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use clap::Arg;
use serde_json::json;
use shotlist::api::classify;
use shotlist::api::wire::{Answer, Content};
use shotlist::cli::{self, parse};
use shotlist::engine::event::{FailureClass, PendingClass, RunFault, SubmitReply};
use shotlist::engine::job::Status;
use shotlist::error::ExitCode;
use shotlist::manifest::{API_SETTINGS, EXTRA_FIELDS, JOB_FIELDS, LIMIT_SETTINGS, OUTPUT_SETTINGS};
use shotlist::plan::{AspectRatio, Model, Operation};
use shotlist::report::outcome::ErrorClass;
use shotlist::simulator::{FAULTS, FREQUENCIES, SimulatorSettings};
use shotlist::{results, settings};
use tempfile::TempDir;

const README: &str = include_str!("../../README.md");

/// The address that the README gives the simulated provider.
const SHOWN_ADDRESS: &str = "127.0.0.1:8080";

#[test]
fn the_rehearsal_comes_out_as_the_readme_shows() {
    let run = Session::new().play(|command| command.contains("--rehearse"));
    assert_eq!(run, 1);
}

#[test]
fn every_other_sample_comes_out_as_the_readme_shows() {
    let run = Session::new().play(|command| !command.contains("--rehearse"));
    assert!(run >= 6, "{run}");
}

#[test]
fn the_first_screen_sets_everything_up_with_two_commands() {
    let first = blocks("sh").next().expect("a block of commands");
    let lines: Vec<_> = first.lines().collect();
    assert_eq!(
        lines,
        [
            "cargo run -q -- run manifests/examples/campaign.yaml --rehearse",
            "cargo test"
        ]
    );
    assert!(README[..README.find(first).expect("there")].lines().count() < 15);
}

/// At 240 words a minute, which is not fast; samples of code are looked at, not read.
#[test]
fn what_comes_before_the_reference_is_read_in_five_minutes() {
    let (before, _) = README.split_once("\n## Commands").expect("the reference");
    assert!(README.contains("Down to [Commands](#commands) this page is read in five\nminutes"));
    let text = before.split("```").step_by(2);
    let words = text.flat_map(str::split_whitespace);
    let words = words.filter(|word| word.contains(char::is_alphanumeric));
    let count = words.count();
    assert!(count <= 5 * 240, "{count}");
}

#[test]
fn every_link_within_the_page_leads_somewhere() {
    let headings: BTreeSet<String> = README
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            let words = line.trim_start_matches('#').trim().to_lowercase();
            let kept = words
                .chars()
                .filter(|c| c.is_alphanumeric() || " -".contains(*c));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect();
    let links: Vec<&str> = README
        .split("](#")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(links.len() > 8, "{links:?}");
    for link in links {
        assert!(headings.contains(link), "`#{link}` in {headings:?}");
    }
}

#[test]
fn every_command_line_can_be_typed() {
    let lines: Vec<Vec<&str>> = blocks("sh")
        .chain(blocks("crontab"))
        .flat_map(str::lines)
        .filter_map(words_for_the_program)
        .collect();
    assert!(lines.len() >= 6, "{lines:?}");
    for words in lines {
        if let Err(error) = parse(words.iter().map(|word| word.trim_matches('\'').into())) {
            panic!("{words:?}: {error}");
        }
    }
}

#[test]
fn command_lines_are_found_behind_times_variables_and_cargo() {
    for (line, expected) in [
        (
            "shotlist run a --json | jq .",
            Some(vec!["shotlist", "run", "a", "--json"]),
        ),
        (
            "KEY=x shotlist run a  # b",
            Some(vec!["shotlist", "run", "a"]),
        ),
        (
            "0 * * * *  shotlist run /a 2>>log",
            Some(vec!["shotlist", "run", "/a"]),
        ),
        (
            "cargo run -q -- plan b",
            Some(vec!["shotlist", "plan", "b"]),
        ),
        ("cargo test", None),
        ("export A=b", None),
    ] {
        assert_eq!(words_for_the_program(line), expected, "{line}");
    }
}

#[test]
fn no_flag_is_named_that_does_not_exist() {
    let mut flags: BTreeSet<String> = ["--path", "--open", "--help"].map(str::to_owned).into();
    for command in program().get_subcommands() {
        flags.extend(options_of(command.get_name()).iter().map(flag));
    }
    let named = without_proofs();
    let named = named
        .split(|c: char| !(c.is_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with("--") && !word.trim_matches('-').is_empty());
    for word in named {
        assert!(flags.contains(word), "`{word}`");
    }
}

/// The README without the section on faults, whose flags and variables are those of the tests.
fn without_proofs() -> String {
    let (before, proofs) = README.split_once("\n## What it survives").expect("there");
    let (_, after) = proofs.split_once("\n## ").expect("not the last");
    format!("{before}\n{after}")
}

#[test]
fn the_table_of_commands_is_complete() {
    let shown: Vec<_> = table("| command | does |")
        .iter()
        .filter_map(|row| row[0].split_whitespace().nth(1))
        .map(|verb| verb.trim_matches('`').to_owned())
        .collect();
    let program = program();
    let existing: Vec<_> = program
        .get_subcommands()
        .map(clap::Command::get_name)
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(shown, existing);
}

#[test]
fn the_tables_of_options_are_complete_and_name_the_defaults() {
    let run = table("| option | in the manifest | default | meaning |");
    compare_options("run", run.iter().map(|row| (&row[0], &row[2])));
    let simulate = table("| option | default | meaning |");
    compare_options("simulate", simulate.iter().map(|row| (&row[0], &row[1])));
    let render = SimulatorSettings::default().render.to_string();
    let shown = simulate
        .iter()
        .find(|row| row[0].contains("--render"))
        .expect("a row");
    assert_eq!(code(&shown[1]), render);
}

#[test]
fn the_manifest_keys_beside_the_options_are_complete() {
    let rows = table("| option | in the manifest | default | meaning |");
    let mut shown: BTreeSet<String> = rows.iter().map(|row| code(&row[1])).collect();
    shown.remove("");
    let limits = LIMIT_SETTINGS.iter().map(|name| format!("limits.{name}"));
    let output = OUTPUT_SETTINGS
        .iter()
        .filter(|name| **name != "file_name") // it has no flag, and is told of under Downloads
        .map(|name| format!("output.{name}"));
    let others = output.chain(["api.base_url".to_owned()]);
    let expected: BTreeSet<String> = limits.chain(others).collect();
    assert_eq!(shown, expected);
    assert!(README.contains("`output.file_name`"));
    let of_flags = |row: &&Vec<String>| {
        ["`limits.", "`output."]
            .iter()
            .any(|section| row[1].starts_with(section))
    };
    for row in rows.iter().filter(of_flags) {
        let key = code(&row[1]);
        let (_, name) = key.split_once('.').expect("a section and a key");
        let name = format!("--{}", name.replace('_', "-"));
        assert_eq!(
            row[0].trim_matches('`').split(' ').next(),
            Some(name.as_str())
        );
    }
    for name in API_SETTINGS {
        assert!(README.contains(name), "`{name}`");
    }
    for path in [settings::CREATE_PATH, settings::POLL_PATH] {
        assert!(README.contains(path), "`{path}`");
    }
}

#[test]
fn the_table_of_fields_is_complete() {
    let rows = table("| field of a job | value |");
    let shown: Vec<_> = rows.iter().map(|row| code(&row[0])).collect();
    let mut expected: Vec<String> = JOB_FIELDS.iter().map(|name| (*name).to_owned()).collect();
    expected.extend(EXTRA_FIELDS.iter().map(|name| format!("extra_body.{name}")));
    expected.push("x_…".to_owned());
    assert_eq!(shown, expected);

    let words_of = |field: &str| {
        let row = rows
            .iter()
            .find(|row| code(&row[0]) == field)
            .expect("a row");
        codes(&row[1])
    };
    let mut named = Vec::new();
    named.extend(Model::ALL.iter().map(|model| ("model", model.as_str())));
    named.extend(
        AspectRatio::ALL
            .iter()
            .map(|ratio| ("aspect_ratio", ratio.as_str())),
    );
    named.extend(
        Operation::ALL
            .iter()
            .map(|it| ("extra_body.operation", it.as_str())),
    );
    for (field, word) in &named {
        assert!(
            words_of(field).contains(&(*word).to_owned()),
            "{field}: `{word}`"
        );
    }
    assert_eq!(words_of("model").len(), Model::ALL.len());
    assert_eq!(words_of("aspect_ratio").len(), AspectRatio::ALL.len());
}

#[test]
fn the_columns_of_results_are_named_in_their_order() {
    let start = README
        .find("Columns of results.csv: ")
        .expect("the list of columns");
    let list = &README[start
        ..README[start..]
            .find(", then your")
            .map_or(start, |at| start + at)];
    assert_eq!(codes(list), results::COLUMNS);
}

#[test]
fn the_table_of_statuses_is_complete() {
    let rows = table("| status | means | `error_class` | next run |");
    let shown: Vec<_> = rows.iter().map(|row| code(&row[0])).collect();
    let expected: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
    assert_eq!(shown, expected);

    let classes_of = |status: Status| -> Vec<&str> {
        let pending = PendingClass::ALL
            .iter()
            .map(|class| ErrorClass::Pending(*class));
        let failed = FailureClass::ALL
            .iter()
            .map(|class| ErrorClass::Failed(*class));
        let all = pending
            .chain([ErrorClass::Timeout])
            .chain(failed)
            .chain([ErrorClass::InDoubt, ErrorClass::Lost]);
        all.filter(|class| status_with(*class) == status)
            .map(ErrorClass::as_str)
            .collect()
    };
    for (row, status) in rows.iter().zip(Status::ALL) {
        assert_eq!(codes(&row[2]), classes_of(*status), "{status}");
    }
}

/// The status that comes with an error class.
fn status_with(class: ErrorClass) -> Status {
    match class {
        ErrorClass::Pending(_) => Status::Pending,
        ErrorClass::Timeout => Status::Running,
        ErrorClass::Failed(_) => Status::Failed,
        ErrorClass::InDoubt | ErrorClass::Lost => Status::InDoubt,
    }
}

#[test]
fn the_table_of_exit_codes_is_complete() {
    let rows = table("| code | means |");
    let shown: Vec<_> = rows.iter().map(|row| row[0].clone()).collect();
    let mut expected = Vec::new();
    let mut next = Some(ExitCode::Completed);
    while let Some(code) = next {
        expected.push((code as u8).to_string());
        next = code_after(code);
    }
    assert_eq!(shown, expected);
    let help = program().render_long_help().to_string();
    for code in expected {
        assert!(help.contains(&code), "`shotlist --help` leaves out {code}");
    }
}

/// Every exit code in order; a new one does not compile without a place here.
fn code_after(code: ExitCode) -> Option<ExitCode> {
    Some(match code {
        ExitCode::Completed => ExitCode::Bug,
        ExitCode::Bug => ExitCode::Usage,
        ExitCode::Usage => ExitCode::SomeFailed,
        ExitCode::SomeFailed => ExitCode::Refused,
        ExitCode::Refused => ExitCode::InDoubt,
        ExitCode::InDoubt => ExitCode::Limit,
        ExitCode::Limit => ExitCode::Unfinished,
        ExitCode::Unfinished => ExitCode::State,
        ExitCode::State => ExitCode::Held,
        ExitCode::Held => ExitCode::Interrupted,
        ExitCode::Interrupted => ExitCode::Terminated,
        ExitCode::Terminated => return None,
    })
}

#[test]
fn the_table_of_variables_names_those_that_are_read() {
    let rows = table("| variable | is |");
    let shown: BTreeSet<_> = rows.iter().flat_map(|row| codes(&row[0])).collect();
    let read = settings::VARIABLES.iter().flat_map(|(names, _)| *names);
    let read: BTreeSet<_> = read.map(|name| (*name).to_owned()).collect();
    assert_eq!(shown, read);
    let ours = without_proofs();
    let ours = ours
        .split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
        .filter(|word| word.starts_with("SHOTLIST_"));
    for name in ours {
        assert!(shown.contains(name), "`{name}`");
    }
}

#[test]
fn every_answer_in_the_table_of_outcomes_has_that_outcome() {
    let rows = table("| outcome | when | then |");
    let mut outcomes = BTreeSet::new();
    let mut answers = 0;
    for row in &rows {
        outcomes.insert(row[0].clone());
        for status in codes(&row[1]).iter().filter_map(|word| status_of(word)) {
            answers += 1;
            let reply = classify::submit(&answer(status, &row[0]));
            assert_eq!(outcome(&reply), row[0], "{status}");
        }
    }
    assert!(answers >= 15, "{answers}");
    let all =
        "accepted, in doubt, key refused, later, not sent, out of money, rejected, wrong address";
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>().join(", "), all);
}

/// `401`, or a status that stands for all like it: `3xx`.
fn status_of(word: &str) -> Option<u16> {
    word.replace("xx", "06").parse().ok()
}

/// An answer with that status, of the kind that its row in the table speaks of.
fn answer(status: u16, outcome: &str) -> Answer {
    let body = match (outcome, status) {
        ("accepted", _) => json!({ "task_id": "task_1" }),
        ("rejected", 503) => json!({ "error": { "code": "model_not_found" } }),
        ("out of money", _) => json!({ "code": "insufficient_user_quota", "message": "no quota" }),
        _ => json!({ "error": { "message": "no" } }),
    };
    Answer {
        status,
        content: Content::Json(body),
        broken: None,
        retry_after: None,
        request_id: None,
        location: None,
    }
}

fn outcome(reply: &SubmitReply) -> &'static str {
    match reply {
        SubmitReply::Accepted { .. } => "accepted",
        SubmitReply::Rejected { .. } => "rejected",
        SubmitReply::Fault {
            fault: RunFault::Auth,
            ..
        } => "key refused",
        SubmitReply::Fault {
            fault: RunFault::Quota,
            ..
        } => "out of money",
        SubmitReply::Fault {
            fault: RunFault::Address,
            ..
        } => "wrong address",
        SubmitReply::Later { .. } => "later",
        SubmitReply::NotSent { .. } => "not sent",
        SubmitReply::InDoubt { .. } => "in doubt",
    }
}

#[test]
fn the_table_of_faults_is_complete() {
    let rows = table("| faults | |");
    let shown: BTreeSet<_> = rows
        .iter()
        .flat_map(|row| codes(&row[0]))
        .map(|fault| fault.split('=').next().unwrap_or_default().to_owned())
        .collect();
    let existing: BTreeSet<_> = FAULTS
        .iter()
        .flat_map(|row| row.names)
        .map(|name| (*name).to_owned())
        .collect();
    assert_eq!(shown, existing);
    assert!(README.contains(FREQUENCIES));
}

#[test]
fn every_command_that_proves_something_runs_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rows = table("| fault | behaviour | figure | `cargo test` |");
    assert!(rows.len() > 5);
    for words in rows.iter().map(|row| code(&row[3])) {
        let words: Vec<&str> = words.split(' ').collect();
        let place = match words[..] {
            ["--test", "it", topic] => root.join(format!("tests/it/{topic}.rs")),
            ["--test", target, "--", "--nocapture"] => root.join(format!("tests/{target}/main.rs")),
            ["--lib", topic] => {
                library_tests(&root.join("src"), topic).expect("tests of that name")
            }
            _ => panic!("{words:?} is no command that this test knows"),
        };
        let text = fs::read_to_string(&place).unwrap_or_else(|_| panic!("no {}", place.display()));
        assert!(
            place.ends_with("main.rs") || text.contains("test]"),
            "{}",
            place.display()
        );
    }
}

/// The file of the tests whose path ends in, or begins with, `topic`.
fn library_tests(directory: &Path, topic: &str) -> Option<PathBuf> {
    let wanted = topic.replace("::", "/");
    let mut found = fs::read_dir(directory).expect("a directory");
    found.find_map(|found| {
        let path = found.expect("readable").path();
        if path.is_dir() {
            return library_tests(&path, topic);
        }
        let module = path.with_extension("");
        let is_meant = module.ends_with(&wanted) || module.ends_with(format!("{wanted}/tests"));
        let text = fs::read_to_string(&path).ok()?;
        (is_meant && text.contains("test]")).then_some(path)
    })
}

#[test]
fn every_shown_manifest_is_valid_without_a_word() {
    let directory = TempDir::new().expect("a directory");
    let mut names = Vec::new();
    let mut texts = String::new();
    for part in parts() {
        if let Part::File { name, text } = part {
            fs::write(directory.path().join(name), text).expect("written");
            names.push(name);
            texts.push_str(text);
        }
    }
    assert_eq!(
        names.len(),
        blocks("yaml").count() + blocks("csv").count(),
        "each block has a name"
    );
    // A table may need the template of the manifest that names it, and is checked with that one.
    names.retain(|name| !texts.contains(&format!("from: {name}")));
    for name in names {
        let loaded = shotlist::manifest::load(&directory.path().join(name), &|path| fs::read(path));
        assert_eq!(loaded.render_compact(), "", "{name}");
    }
    let ten = blocks("yaml").next().expect("a manifest");
    assert_eq!(ten.lines().count(), 10, "the README promises ten lines");
}

#[test]
fn a_sample_matches_what_varies_and_nothing_else() {
    let fits = |shown: &str, said: &str| unlike(shown, said).is_none();
    assert!(fits("a\n⋮\nd", "a\nb\nc\nd") && fits("⋮\na", "a") && fits("a … d", "a b c d"));
    assert!(fits("took 10s", "took 1m2s") && fits("task_0a", "task_ff"));
    assert!(
        !fits("a", "a\nb")
            && !fits("a\nb", "a")
            && !fits("12 jobs", "11 jobs")
            && !fits("a …", "b")
    );
}

/// A temporary directory with what the README's reader has, in which its samples are typed.
struct Session {
    directory: TempDir,
    provider: Option<Provider>,
}

impl Session {
    fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        let examples = directory.path().join("manifests/examples");
        fs::create_dir_all(&examples).expect("created");
        let campaign =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples/campaign.yaml");
        fs::copy(campaign, examples.join("campaign.yaml")).expect("copied");
        Self {
            directory,
            provider: None,
        }
    }

    /// Types the commands of the samples that are `wanted`, in order; how many.
    fn play(mut self, wanted: impl Fn(&str) -> bool) -> usize {
        let mut count = 0;
        for part in parts() {
            match part {
                Part::File { name, text } => self.write(name, text),
                Part::Edit {
                    name,
                    original,
                    edits,
                } => self.edit(name, original, edits),
                Part::Provider(command) => self.provider = Some(Provider::start(command)),
                Part::Sample { command, output } if wanted(command) => {
                    let said = self.run(command);
                    if let Some(line) = unlike(output, &said) {
                        panic!(
                            "`{command}` says:\n{said}\nthe README shows otherwise from here on: {line}"
                        );
                    }
                    count += 1;
                }
                Part::Sample { .. } => {}
            }
        }
        count
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.directory.path().join(name), text).expect("written");
    }

    fn edit(&self, name: &str, original: &str, edits: &str) {
        let mut text =
            fs::read_to_string(self.directory.path().join(original)).expect("shown before");
        let edits = codes(edits);
        for pair in edits.chunks(2) {
            assert!(text.contains(&pair[0]), "{pair:?}");
            text = text.replace(&pair[0], &pair[1]);
        }
        self.write(name, &text);
    }

    /// What a command says on stdout and stderr together.
    fn run(&self, command: &str) -> String {
        let address = self
            .provider
            .as_ref()
            .map_or(SHOWN_ADDRESS, |provider| &provider.address);
        let command = command.replace(SHOWN_ADDRESS, address);
        let said = self.directory.path().join("said");
        let file = File::create(&said).expect("created");
        let words = words_for_the_program(&command).expect("a command of the program");
        let mut program = program_in(self.directory.path(), &words[1..]);
        if let Some((variable, _)) = command.split_once(" shotlist ") {
            program.envs(variable.split_once('='));
        }
        let both = file.try_clone().expect("a second handle");
        program.stdout(file).stderr(both).status().expect("it runs");
        let text = fs::read_to_string(&said).expect("UTF-8");
        fs::remove_file(said).expect("removed");
        text.replace(address, SHOWN_ADDRESS)
    }
}

/// The simulated provider; ends with its owner.
struct Provider {
    child: Child,
    address: String,
}

impl Provider {
    fn start(command: &str) -> Self {
        let command = command.replace("--port 8080", "--port 0");
        let words = words_for_the_program(&command).expect("a command of the program");
        let mut child = program_in(Path::new("."), &words[1..])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        let address = line
            .trim()
            .rsplit('/')
            .next()
            .expect("an address")
            .to_owned();
        Self { child, address }
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program_in(directory: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shotlist"));
    command
        .args(words)
        .current_dir(directory)
        .stdin(Stdio::null());
    for variable in ["SHOTLIST_API_KEY", "SHOTLIST_BASE_URL", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    command
}

/// What the README has that can be tried.
enum Part {
    File {
        name: &'static str,
        text: &'static str,
    },
    Edit {
        name: &'static str,
        original: &'static str,
        edits: &'static str,
    },
    Provider(&'static str),
    Sample {
        command: &'static str,
        output: &'static str,
    },
}

fn parts() -> Vec<Part> {
    let mut parts = Vec::new();
    for piece in README
        .split("<!-- ")
        .flat_map(|piece| match piece.split_once(" -->\n") {
            Some((note, text)) => [note, text],
            None => ["", piece],
        })
    {
        if let Some(command) = piece.strip_prefix("provider: ") {
            parts.push(Part::Provider(command));
        } else if let Some(file) = piece.strip_prefix("file: ") {
            parts.push(named_file(file));
        } else {
            parts.extend(fenced(piece, "console").flat_map(samples));
        }
    }
    parts
}

/// `NAME`, whose text is the next block, or `NAME = OTHER with A as B and …`.
fn named_file(note: &'static str) -> Part {
    if let Some((name, rest)) = note.split_once(" = ") {
        let (original, edits) = rest.split_once(" with ").expect("edits");
        return Part::Edit {
            name,
            original,
            edits,
        };
    }
    let text = README
        .split_once(&format!("<!-- file: {note} -->"))
        .expect("found there")
        .1;
    let block = text.split("```").nth(1).expect("a block follows");
    let (_, text) = block.split_once('\n').expect("a language, then the text");
    Part::File { name: note, text }
}

fn samples(block: &'static str) -> impl Iterator<Item = Part> {
    block
        .split("$ ")
        .filter(|sample| !sample.is_empty())
        .map(|sample| {
            let (command, output) = sample.split_once('\n').unwrap_or((sample, ""));
            Part::Sample {
                command,
                output: output.trim_end(),
            }
        })
}

/// The first line of a sample that is not what the program said.
fn unlike(shown: &str, said: &str) -> Option<String> {
    let lines = |text: &str| text.trim_end().lines().map(normal).collect::<Vec<_>>();
    let (shown, said) = (lines(shown), lines(said));
    first_unlike(&shown, &said)
}

fn first_unlike(shown: &[String], said: &[String]) -> Option<String> {
    match (shown.split_first(), said.split_first()) {
        (None, None) => None,
        (Some((any, rest)), _) if any == "⋮" => {
            let fits =
                (0..=said.len()).any(|skipped| first_unlike(rest, &said[skipped..]).is_none());
            (!fits).then(|| format!("⋮ {rest:?}"))
        }
        (Some((line, rest)), Some((other, others))) if line_fits(line, other) => {
            first_unlike(rest, others)
        }
        (Some((line, _)), _) => Some(line.clone()),
        (None, Some((line, _))) => Some(format!("(nothing, but it says `{line}`)")),
    }
}

fn line_fits(shown: &str, said: &str) -> bool {
    let Some((start, rest)) = shown.split_once('…') else {
        return shown == said;
    };
    said.strip_prefix(start).is_some_and(|said| {
        let ends = said.char_indices().map(|(at, _)| at).chain([said.len()]);
        ends.into_iter().any(|at| line_fits(rest, &said[at..]))
    })
}

/// A line without what differs from run to run: times, durations, ports, ids of tasks and runs.
fn normal(line: &str) -> String {
    let mut after_took = false;
    let words = line.trim_end().split(' ').map(|word| {
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_time = word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        let is_run = |(state, number): (&str, &str)| {
            state.len() == 6 && is_id(state) && number.parse::<u32>().is_ok()
        };
        let normal = match word.strip_prefix("task_") {
            _ if after_took || is_time => "TIME",
            None if word.split_once('-').is_some_and(is_run) => "RUN",
            Some(id) if is_id(id) => "task_ID",
            _ => word,
        };
        after_took = word == "took";
        normal
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The words of a shell or crontab line from the program's name on.
fn words_for_the_program(line: &str) -> Option<Vec<&str>> {
    let mut words = line
        .split_whitespace()
        .take_while(|word| !matches!(*word, "#" | "|") && !word.starts_with("2>"));
    let first = words.find(|word| matches!(*word, "shotlist" | "cargo"))?;
    if first == "cargo" {
        words.find(|word| *word == "--")?;
    }
    Some(["shotlist"].into_iter().chain(words).collect())
}

fn program() -> clap::Command {
    let mut program = cli::program();
    program.build();
    program
}

/// The options of a command, those of every command included.
fn options_of(command: &str) -> Vec<Arg> {
    let program = program();
    let command = program.find_subcommand(command).expect("a command");
    let options = command
        .get_arguments()
        .filter(|option| option.get_long().is_some_and(|long| long != "help"));
    options.cloned().collect()
}

fn flag(option: &Arg) -> String {
    format!("--{}", option.get_long().expect("options have long names"))
}

fn compare_options<'r>(command: &str, shown: impl Iterator<Item = (&'r String, &'r String)>) {
    let shared = ["--color", "--quiet"];
    let mut expected: BTreeSet<_> = options_of(command)
        .iter()
        .filter(|option| command == "run" || !shared.contains(&flag(option).as_str()))
        .map(|option| {
            (
                flag(option),
                option.get_action().takes_values(),
                default(option),
            )
        })
        .collect();
    for (option, default) in shown {
        let option = code(option);
        let (name, value) = option.split_once(' ').unwrap_or((&option, ""));
        let row = (name.to_owned(), !value.is_empty(), code(default));
        assert!(expected.remove(&row), "{row:?} is not one of {expected:?}");
    }
    assert!(expected.is_empty(), "missing in the README: {expected:?}");
}

/// The default that the help names.
fn default(option: &Arg) -> String {
    if let [default, ..] = option.get_default_values()
        && option.get_action().takes_values()
    {
        return default.to_string_lossy().into_owned();
    }
    let help = option.get_long_help().or_else(|| option.get_help());
    let help = help.map(ToString::to_string).unwrap_or_default();
    let named = help
        .split_once("[default: ")
        .and_then(|(_, rest)| rest.split_once(']'));
    let default = named.map_or("", |(default, _)| default);
    codes(default)
        .first()
        .cloned()
        .unwrap_or_else(|| default.to_owned())
}

/// The rows of the table that begins with `header`, cell by cell.
fn table(header: &str) -> Vec<Vec<String>> {
    let start = README
        .find(header)
        .unwrap_or_else(|| panic!("no table `{header}`"));
    let lines = README[start..]
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    lines
        .map(|line| {
            let inside = line.trim_matches('|');
            inside
                .split(" |")
                .map(|cell| cell.trim().trim_start_matches("| ").to_owned())
                .collect()
        })
        .collect()
}

/// What a cell says without its marks of code.
fn code(cell: &str) -> String {
    cell.replace('`', "")
}

/// Everything that `text` marks as code.
fn codes(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn blocks(language: &'static str) -> impl Iterator<Item = &'static str> {
    fenced(README, language)
}

fn fenced(text: &'static str, language: &'static str) -> impl Iterator<Item = &'static str> {
    text.split("```")
        .skip(1)
        .step_by(2)
        .filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
}
