//! What explains the program: `--help`, topics, the manual page, completions. What they say is in snapshots beside the
//! source; here it is tried.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use shotlist::cli::{self, parse};

use crate::support::{Scenario, announce};

/// The topics of `shotlist help`.
const TOPICS: [&str; 5] = ["exit-codes", "environment", "manifest", "output", "nights"];

/// Every name that `shotlist help` takes.
fn names() -> Vec<String> {
    let program = cli::program();
    let commands = program.get_subcommands().map(|it| it.get_name().to_owned());
    commands.chain(TOPICS.map(str::to_owned)).collect()
}

/// A directory with everything that an example may name.
fn scenario() -> Scenario {
    let scenario = Scenario::jobs(1);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples");
    let to = scenario.path("manifests/examples");
    fs::create_dir_all(&to).expect("a new directory");
    for file in fs::read_dir(from).expect("the examples") {
        let path = file.expect("readable").path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
    scenario
}

#[test]
fn every_example_can_be_typed_and_those_that_name_an_example_run() {
    let scenario = scenario();
    let mut run = BTreeSet::new();
    for name in names() {
        let help = scenario.shotlist(&["help", &name]).exits(0).stdout;
        let examples: Vec<Vec<&str>> = help.lines().filter_map(example).collect();
        let is_command = !TOPICS.contains(&name.as_str());
        assert!(
            !is_command || (1..=6).contains(&examples.len()),
            "{name}: {examples:?}"
        );
        for words in examples {
            if let Err(error) = parse(words.iter().map(OsString::from)) {
                panic!("{name}: {words:?}: {error}");
            }
            let prints = ["schema", "completions", "man", "help"].contains(&words[1]);
            let is_of_an_example = words.iter().any(|it| it.starts_with("manifests/examples/"));
            if (prints || is_of_an_example) && run.insert(words.join(" ")) {
                scenario.shotlist(&words[1..]).exits(0);
            }
        }
    }
    assert!(run.len() >= 12, "{run:#?}");
}

#[test]
fn the_first_session_goes_as_the_help_says() {
    let scenario = scenario();
    let help = scenario.shotlist(&["--help"]).exits(0).stdout;
    let session: Vec<_> = help.lines().filter_map(example).collect();
    let verbs: Vec<_> = session.iter().map(|words| words[1]).collect();
    assert_eq!(verbs[..5], ["init", "check", "run", "plan", "run"]);
    for words in session
        .iter()
        .filter(|words| !words.contains(&"--base-url"))
    {
        scenario.shotlist(&words[1..]).exits(0);
    }
}

/// The words of an indented line from the program's name on, up to a comment or another program.
fn example(line: &str) -> Option<Vec<&str>> {
    let line = line.strip_prefix("  ")?;
    let start = line.find("shotlist ").filter(|_| !line.starts_with(' '))?;
    let is_prefix = |word: &str| word == "watch" || word.contains('=');
    if !line[..start].split_whitespace().all(is_prefix) {
        return None;
    }
    let ends = ["   ", " | ", " || ", " > ", "; "];
    let line = &line[start..];
    let end = ends.iter().filter_map(|end| line.find(end)).min();
    let words = line[..end.unwrap_or(line.len())].split_whitespace();
    Some(words.map(|word| word.trim_matches('\'')).collect())
}

#[test]
fn examples_are_found_behind_variables_and_before_comments() {
    for (line, expected) in [
        (
            "  shotlist run a --select 'b*'   c d",
            Some(vec!["shotlist", "run", "a", "--select", "b*"]),
        ),
        (
            "  A=b shotlist run a; echo $?",
            Some(vec!["shotlist", "run", "a"]),
        ),
        (
            "  watch shotlist status a",
            Some(vec!["shotlist", "status", "a"]),
        ),
        ("  shotlist schema > a", Some(vec!["shotlist", "schema"])),
        ("  shotlist check || exit", Some(vec!["shotlist", "check"])),
        ("  what `shotlist run` does", None),
        ("shotlist run a", None),
        ("          shotlist run a", None),
    ] {
        assert_eq!(example(line), expected, "{line}");
    }
}

#[test]
fn help_of_a_command_is_its_long_help_and_a_name_that_is_unknown_is_told_the_others() {
    let scenario = Scenario::jobs(0);
    for name in ["run", "schema"] {
        let help = scenario.shotlist(&["help", name]).exits(0).stdout;
        assert_eq!(help, scenario.shotlist(&[name, "--help"]).exits(0).stdout);
    }
    let all = scenario.shotlist(&["help"]).exits(0).stdout;
    assert_eq!(all, scenario.shotlist(&["--help"]).exits(0).stdout);
    let unknown = scenario.shotlist(&["help", "exit-code"]).exits(2);
    for name in names() {
        assert!(unknown.stderr.contains(&name), "{}", unknown.stderr);
    }
    unknown.says("a similar value exists: 'exit-codes'");
}

#[test]
fn the_manual_page_has_every_command_and_option_and_renders_without_a_warning() {
    let scenario = Scenario::jobs(0);
    let whole = scenario.shotlist(&["man"]).exits(0).stdout;
    let program = cli::program();
    for command in program.get_subcommands() {
        let name = command.get_name();
        let heading = format!(".SH \"SHOTLIST {}\"", name.to_uppercase());
        let section = whole
            .split(&heading)
            .nth(1)
            .unwrap_or_else(|| panic!("{heading}"));
        let section = section.split("\n.SH ").next().expect("a section");
        let page = scenario.shotlist(&["man", name]).exits(0).stdout;
        for option in command.get_arguments().filter_map(clap::Arg::get_long) {
            let written = option.replace('-', "\\-");
            assert!(
                section.contains(&written) && page.contains(&written),
                "{name} --{option}"
            );
        }
        render(&page);
    }
    let shown = render(&whole);
    if !shown.is_empty() {
        for words in [
            "EXIT STATUS",
            "ENVIRONMENT",
            "SHOTLIST_API_KEY",
            "--max-spend",
        ] {
            assert!(shown.contains(words), "`{words}` in\n{shown}");
        }
    }
}

/// The page as a reader sees it; empty where there is no groff.
fn render(page: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("shotlist.1");
    fs::write(&file, page).expect("written");
    let words = ["-ww", "-k", "-Tutf8", "-man", "-P-c"];
    let Ok(groff) = Command::new("groff").args(words).arg(&file).output() else {
        announce("the manual page is not rendered: there is no `groff`");
        return String::new();
    };
    let warnings = String::from_utf8_lossy(&groff.stderr);
    assert!(groff.status.success() && warnings.is_empty(), "{warnings}");
    let shown = String::from_utf8_lossy(&groff.stdout).into_owned();
    // Hyphens at the ends of lines and within options are drawn alike.
    without_overstrikes(&shown).replace(['‐', '−'], "-")
}

/// Bold letters are drawn twice, one over the other.
fn without_overstrikes(text: &str) -> String {
    let mut shown = String::new();
    for character in text.chars() {
        match character {
            '\u{8}' => drop(shown.pop()),
            other => shown.push(other),
        }
    }
    shown
}

/// What is typed, and what a shell must offer for its last word.
const TYPED: [(&str, &str); 5] = [
    ("shotlist sta", "status"),
    ("shotlist run --max-s", "--max-spend"),
    ("shotlist run --rerun ", "changed"),
    ("shotlist help exit", "exit-codes"),
    ("shotlist schema ", "output"),
];

#[test]
fn bash_completes_commands_options_and_values() {
    complete_in("bash", |file, typed, _| {
        let words: Vec<_> = typed.split(' ').map(|word| format!("'{word}'")).collect();
        format!(
            "source '{file}'; COMP_WORDS=({}); COMP_CWORD={}; _shotlist shotlist {} {}; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words.len() - 1,
            words[words.len() - 1],
            words[words.len() - 2]
        )
    });
}

#[test]
fn fish_completes_commands_options_and_values() {
    complete_in("fish", |file, typed, _| {
        format!("source '{file}'; complete -C '{typed}'")
    });
}

#[test]
fn zsh_completes_commands_options_and_values() {
    // The completer is a function of the line editor: an interactive shell is typed into, until it shows what it must.
    complete_in("zsh", |file, typed, offered| {
        format!(
            "zmodload zsh/zpty; zpty -b z 'zsh -f -i'; \
             zpty -w z 'PS1=; autoload -Uz compinit; compinit -u -D; source {file}; LISTMAX=1000; stty cols 200; \
             bindkey \"^I\" complete-word; echo ready-now'; zpty -r -m z text '*ready-now*ready-now*'; \
             zpty -w -n z '{typed}'$'\\t'; zpty -r -m z text '*{offered}*'; print -r -- $text; zpty -d z"
        )
    });
}

/// Lets a shell complete everything of [`TYPED`] by `script`, which gets the file of the completions, what is typed, and
/// what must come.
fn complete_in(shell: &str, script: impl Fn(&str, &str, &str) -> String) {
    let scenario = Scenario::jobs(0);
    let completions = scenario.shotlist(&["completions", shell]).exits(0).stdout;
    let file = scenario.path(&format!("shotlist.{shell}"));
    fs::write(&file, completions).expect("written");
    if Command::new(shell).arg("--version").output().is_err() {
        announce(&format!("completions are not tried: there is no `{shell}`"));
        return;
    }
    for (typed, offered) in TYPED {
        let script = script(&file.display().to_string(), typed, offered);
        let answer = Command::new("timeout")
            .args(["60", shell, "-c", &script])
            .current_dir(scenario.home())
            .env("HOME", scenario.home())
            .env("TERM", "dumb")
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&answer.stdout);
        assert!(
            text.contains(offered),
            "`{typed}` in {shell} does not offer `{offered}`:\n{text}\n{}",
            String::from_utf8_lossy(&answer.stderr)
        );
    }
}

#[test]
fn there_are_completions_for_every_shell_that_is_named() {
    let scenario = Scenario::jobs(0);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = scenario.shotlist(&["completions", shell]).exits(0).stdout;
        for word in ["resolve", "max-spend"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    scenario
        .shotlist(&["completions", "tcsh"])
        .exits(2)
        .says("powershell");
}
