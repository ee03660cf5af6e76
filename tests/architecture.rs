//! Keeps the map true: which module may name what, what every file begins with, and what lies at the top level.
//!
//! Start at [`RULES`]. The source is read as tokens, so that words in comments and texts do not count; code under
//! `#[cfg(test)]` is exempt. Rules are written by path and hold for files that do not exist yet.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Something that only some files may do.
struct Rule {
    /// What is kept apart, as a sentence for the one who broke it.
    reason: &'static str,
    /// Path prefixes (under `src/`) that the rule is about; empty means every file.
    within: &'static [&'static str],
    /// Path prefixes that are free to do it.
    except: &'static [&'static str],
    /// Paths that must not be named: `tokio` is the crate and all in it, `*::now` is anything that ends so.
    forbidden: &'static [&'static str],
}

/// Modules that decide and never do.
const PURE: &[&str] = &[
    "engine/",
    "plan.rs",
    "plan/",
    "manifest/",
    "marks.rs",
    "media/",
    "money.rs",
    "naming.rs",
    "probe/finding",
    "probe/pace",
    "text.rs",
    "units.rs",
];

const RULES: &[Rule] = &[
    Rule {
        reason: "engine, plan and manifest decide and never do: no runtime, network, terminal, file or clock",
        within: PURE,
        except: &[],
        forbidden: &[
            "tokio",
            "futures",
            "reqwest",
            "axum",
            "indicatif",
            "anstream",
            "std::fs",
            "std::net",
            "std::env",
            "std::process",
            "std::thread",
            "std::time::Instant",
            "*::Instant::now",
            "*::SystemTime",
            "*::Timestamp::now",
            "*::Zoned::now",
        ],
    },
    Rule {
        reason: "engine, plan and manifest know nothing of the shell around them",
        within: PURE,
        except: &[],
        forbidden: &[
            "crate::api",
            "crate::cli",
            "crate::clock",
            "crate::commands",
            "crate::fetch",
            "crate::fs",
            "crate::probe",
            "crate::progress",
            "crate::report",
            "crate::results",
            "crate::runner",
            "crate::settings",
            "crate::simulator",
            "crate::state",
        ],
    },
    Rule {
        reason: "the plan knows nothing of the engine and of the manifest that made it",
        within: &["plan.rs", "plan/"],
        except: &[],
        forbidden: &["crate::engine", "crate::manifest"],
    },
    Rule {
        reason: "the engine knows nothing of manifests",
        within: &["engine/"],
        except: &[],
        forbidden: &["crate::manifest"],
    },
    Rule {
        reason: "only api::http and fetch speak HTTP as a client: one holds the API key, the other never does",
        within: &[],
        except: &["api/http", "fetch/"],
        forbidden: &["reqwest", "hyper_util"],
    },
    Rule {
        reason: "fetch goes where strangers send it: it must not be able to take the API key along",
        within: &["fetch/", "probe/"],
        except: &[],
        forbidden: &[
            "secrecy",
            "std::env",
            "crate::api",
            "crate::settings",
            "crate::state",
        ],
    },
    Rule {
        reason: "what is downloaded comes from strangers and goes to the disk: no key, no state and no manifest beside it",
        within: &["download/"],
        except: &[],
        forbidden: &[
            "secrecy",
            "tokio",
            "std::env",
            "crate::api",
            "crate::settings",
            "crate::state",
            "crate::manifest",
            "crate::runner",
        ],
    },
    Rule {
        reason: "only progress draws on the terminal",
        within: &[],
        except: &["progress/", "output.rs"],
        forbidden: &["crate::output::Canvas", "crossterm", "indicatif"],
    },
    Rule {
        reason: "only the simulator is a server",
        within: &[],
        except: &["simulator/"],
        forbidden: &["axum", "*::TcpListener"],
    },
    Rule {
        reason: "the simulator knows nothing of the client it is used to test",
        within: &["simulator/"],
        except: &[],
        forbidden: &[
            "crate::api",
            "crate::state",
            "crate::runner",
            "crate::manifest",
            "crate::report",
        ],
    },
    Rule {
        reason: "only fs writes files",
        within: &[],
        except: &["fs.rs", "fs/"],
        forbidden: &[
            "std::fs::write",
            "std::fs::rename",
            "std::fs::copy",
            "std::fs::hard_link",
            "std::fs::create_dir",
            "std::fs::create_dir_all",
            "std::fs::remove_file",
            "std::fs::remove_dir",
            "std::fs::remove_dir_all",
            "std::fs::set_permissions",
            "fs::write",
            "fs::rename",
            "fs::copy",
            "fs::create_dir",
            "fs::create_dir_all",
            "fs::remove_file",
            "fs::remove_dir_all",
            "fs::set_permissions",
            "*::File::create",
            "*::File::create_new",
            "*::File::options",
            "*::OpenOptions",
            "*::DirBuilder",
            "tokio::fs",
            "tempfile",
        ],
    },
    Rule {
        reason: "only clock asks what time it is",
        within: &[],
        except: &["clock.rs"],
        forbidden: &[
            "*::Instant::now",
            "*::SystemTime::now",
            "*::Timestamp::now",
            "*::Zoned::now",
        ],
    },
    Rule {
        reason: "only main imports commands",
        within: &[],
        except: &["main.rs", "commands/", "commands.rs"],
        forbidden: &["crate::commands", "shotlist::commands"],
    },
    Rule {
        reason: "only types of the disk, the wire and the border derive serde or have a JSON Schema",
        within: &[],
        except: &[
            "state/",
            "api/wire",
            "report/",
            "commands/",
            "manifest/schema",
            "manifest/expand",
            "simulator/ledger.rs",
            "download/sidecar.rs",
        ],
        forbidden: &[
            "derive(Serialize)",
            "derive(Deserialize)",
            "derive(JsonSchema)",
        ],
    },
    Rule {
        reason: "a closed pipe must not panic: printing goes through writers that can fail",
        within: &[],
        except: &[],
        forbidden: &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
    },
];

#[test]
fn no_module_names_what_it_must_not_know() {
    let mut broken = Vec::new();
    for file in rust_files("src") {
        if is_test_module(&file) {
            continue;
        }
        let source = fs::read_to_string(root().join(&file)).expect("a readable file");
        let inside = file.strip_prefix("src/").expect("a file under src");
        for (line, name) in names(&source) {
            for rule in RULES.iter().filter(|rule| rule.is_about(inside)) {
                if rule.forbids(&name) {
                    broken.push(format!("{file}:{line}: `{name}`: {}", rule.reason));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    for file in rust_files("src").into_iter().chain(rust_files("tests")) {
        let source = fs::read_to_string(root().join(&file)).expect("a readable file");
        let first = source.lines().next().unwrap_or_default();
        let says_something = first
            .strip_prefix("//! ")
            .is_some_and(|words| !words.trim().is_empty());
        assert!(
            says_something,
            "{file} must begin with `//! ` and what it is for"
        );
    }
}

#[test]
fn every_warning_of_a_command_goes_to_people_and_programs_by_one_way() {
    let commands = rust_files("src/commands").into_iter();
    for file in commands.filter(|file| !file.ends_with("/remark.rs")) {
        let source = fs::read_to_string(root().join(&file)).expect("a readable file");
        assert!(
            !source.contains("\"warning: "),
            "{file}: what is a warning is told by `remark::warn`, which tells `--json` too"
        );
    }
}

#[test]
fn nothing_strays_at_the_top_level() {
    let known = [
        "Cargo.toml",
        "Cargo.lock",
        "LICENSE",
        "README.md",
        "src",
        "manifests",
        "tests",
        "target",
    ];
    for entry in fs::read_dir(root()).expect("a readable directory") {
        let name = entry
            .expect("a readable name")
            .file_name()
            .into_string()
            .expect("a UTF-8 name");
        let is_output = ["run", "rehearsal"]
            .iter()
            .any(|extension| has_extension(&name, extension));
        assert!(
            name.starts_with('.') || is_output || known.contains(&name.as_str()),
            "`{name}` has no place at the top level: put it under src, manifests or tests"
        );
    }
}

#[test]
fn no_file_names_a_place_on_somebodys_machine() {
    // Put together here, so that this file does not name one either.
    let places = ["home", "root", "Users", "work"].map(|place| format!("/{place}/"));
    for file in text_files() {
        let text = fs::read_to_string(root().join(&file)).unwrap_or_default();
        for (line, number) in text.lines().zip(1..) {
            let found = places.iter().find(|place| names_place(line, place));
            assert_eq!(found, None, "{file}:{number}");
        }
    }
}

#[test]
fn words_in_comments_texts_and_tests_are_not_code() {
    let source = r##"
        //! tokio::spawn
        /* reqwest /* axum */ indicatif */
        const A: &str = "tokio::fs \" println!";
        const B: &str = r#"reqwest " axum"#;
        const C: (char, &'static [u8]) = ('"', b"tokio");
        #[cfg(test)]
        mod tests { use tokio::fs; fn f() { println!("{}", 1) } }
        #[cfg(test)]
        use reqwest::Client;
        fn kept<'a>() { real::name() }
    "##;
    let names: BTreeSet<String> = names(source).into_iter().map(|(_, name)| name).collect();
    let found = |word: &str| names.iter().any(|name| name.contains(word));
    for word in ["tokio", "reqwest", "axum", "indicatif", "println"] {
        assert!(!found(word), "{word}: {names:?}");
    }
    assert!(found("real::name"), "{names:?}");
}

#[test]
fn what_code_names_is_seen_through_groups_macros_and_derives() {
    let source = "
        use std::{fs::{self, File as F}, time::Instant};
        #[derive(Debug, serde::Serialize)]
        struct S;
        fn f() { println!(); let at = std::time::SystemTime::now(); }
    ";
    let names = names(source);
    for expected in [
        (2, "std::fs"),
        (2, "std::fs::File"),
        (2, "std::time::Instant"),
        (3, "derive(Serialize)"),
        (5, "println!"),
        (5, "std::time::SystemTime::now"),
    ] {
        assert!(
            names.contains(&(expected.0, expected.1.to_owned())),
            "{expected:?} in {names:?}"
        );
    }
}

#[test]
fn a_rule_finds_a_crate_a_path_and_an_ending() {
    let rule = Rule {
        reason: "",
        within: &["engine/"],
        except: &["engine/free.rs"],
        forbidden: &["tokio", "*::Instant::now"],
    };
    assert!(
        rule.is_about("engine/mod.rs")
            && !rule.is_about("engine/free.rs")
            && !rule.is_about("api/mod.rs")
    );
    for (name, forbidden) in [
        ("tokio", true),
        ("tokio::time::sleep", true),
        ("tokio_util::x", false),
        ("Instant::now", true),
        ("std::time::Instant::now", true),
        ("MyInstant::now", false),
        ("Instant::nowhere", false),
    ] {
        assert_eq!(rule.forbids(name), forbidden, "{name}");
    }
}

impl Rule {
    fn is_about(&self, file: &str) -> bool {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| file.starts_with(prefix));
        (self.within.is_empty() || starts(self.within)) && !starts(self.except)
    }

    fn forbids(&self, name: &str) -> bool {
        self.forbidden
            .iter()
            .any(|forbidden| match forbidden.strip_prefix("*::") {
                Some(ending) => name == ending || name.ends_with(&format!("::{ending}")),
                None => name == *forbidden || name.starts_with(&format!("{forbidden}::")),
            })
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Rust files under `directory`, as paths from the top level.
fn rust_files(directory: &str) -> Vec<String> {
    files(directory)
        .into_iter()
        .filter(|file| has_extension(file, "rs"))
        .collect()
}

fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file)
        .extension()
        .is_some_and(|found| found == extension)
}

/// Files that people read: sources, manifests, documents, scripts.
fn text_files() -> Vec<String> {
    let endings = [
        ".rs", ".md", ".yaml", ".yml", ".csv", ".toml", ".snap", ".svg", "/run", "/make", "LICENSE",
    ];
    let everywhere = ["src", "tests", "manifests", ".ci"]
        .into_iter()
        .flat_map(files);
    let top = ["README.md", "Cargo.toml", "LICENSE"].map(str::to_owned);
    everywhere
        .chain(top)
        .filter(|file| endings.iter().any(|ending| file.ends_with(ending)))
        .collect()
}

fn files(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root().join(directory)];
    while let Some(directory) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        let paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("a readable name").path())
            .collect();
        for path in paths {
            if path.is_dir() {
                open.push(path);
            } else {
                let inside = path.strip_prefix(root()).expect("a path under the root");
                found.push(inside.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    found.sort();
    found
}

/// Files that a `#[cfg(test)] mod tests;` brings in.
fn is_test_module(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

/// Whether `line` names `place` as the start of a path, not as a part of a URL.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '.' | '}' | '_' | '-')))
    })
}

/// A word or sign of the source, with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// Everything that `source` names outside its tests: paths in full, macros as `name!`, derives as `derive(Name)`.
fn names(source: &str) -> Vec<(usize, String)> {
    let tokens = without_tests(&tokens(source));
    let mut names = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        if token.text == "use" {
            let end = position(&tokens, at, ";");
            expand_use(&tokens[at + 1..end], "", &mut names);
            at = end;
        } else if token.text == "derive" && text_at(&tokens, at + 1) == "(" {
            let end = position(&tokens, at, ")");
            let derived = tokens[at + 2..end]
                .iter()
                .filter(|token| is_word(&token.text));
            names.extend(derived.map(|token| (token.line, format!("derive({})", token.text))));
            at = end;
        } else if is_word(&token.text) {
            let (path, next) = path_at(&tokens, at);
            let is_macro = text_at(&tokens, next) == "!" && text_at(&tokens, next + 1) != "=";
            let name = if is_macro { format!("{path}!") } else { path };
            names.push((token.line, name));
            at = next;
            continue;
        }
        at += 1;
    }
    names
}

/// The path that begins at `at`, and the position after it.
fn path_at(tokens: &[Token], mut at: usize) -> (String, usize) {
    let mut path = tokens[at].text.clone();
    while text_at(tokens, at + 1) == "::" && is_word(text_at(tokens, at + 2)) {
        at += 2;
        path = format!("{path}::{}", tokens[at].text);
    }
    (path, at + 1)
}

/// Writes every path of a use declaration, with all groups opened.
fn expand_use(tokens: &[Token], prefix: &str, names: &mut Vec<(usize, String)>) {
    let mut at = 0;
    let mut path = prefix.to_owned();
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => {
                let end = matching(tokens, at);
                for part in split_at_commas(&tokens[at + 1..end]) {
                    expand_use(part, &path, names);
                }
                return;
            }
            "as" => break,
            "::" | "self" | "*" => {}
            word if path.is_empty() => word.clone_into(&mut path),
            word => path = format!("{path}::{word}"),
        }
        at += 1;
    }
    if let Some(first) = tokens.first() {
        names.push((first.line, path));
    }
}

fn split_at_commas(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    tokens
        .split(|token| {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            depth == 0 && token.text == ","
        })
        .collect()
}

/// The tokens without what follows each `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let is_mark = mark
            .iter()
            .enumerate()
            .all(|(offset, text)| text_at(tokens, at + offset) == *text);
        if is_mark {
            at = end_of_what_follows(tokens, at + mark.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The position after the declaration that begins at `at`: after its block, or after its semicolon.
fn end_of_what_follows(tokens: &[Token], mut at: usize) -> usize {
    let is_use = text_at(tokens, at) == "use";
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" if is_use => at = matching(tokens, at),
            "{" => return matching(tokens, at) + 1,
            "[" | "(" => at = matching(tokens, at),
            _ => {}
        }
        at += 1;
    }
    at
}

/// The position of the bracket that closes the one at `at`.
fn matching(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return position;
        }
    }
    tokens.len()
}

fn position(tokens: &[Token], from: usize, text: &str) -> usize {
    tokens[from..]
        .iter()
        .position(|token| token.text == text)
        .map_or(tokens.len(), |offset| from + offset)
}

fn text_at(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| token.text.as_str())
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The words and signs of `source`, without comments and the insides of texts.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = token_length(rest, first);
            if !first.is_whitespace() {
                tokens.push(Token {
                    text: rest[..length].to_owned(),
                    line,
                });
            }
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

fn token_length(rest: &str, first: char) -> usize {
    if first.is_alphanumeric() || first == '_' {
        rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len())
    } else if rest.starts_with("::") {
        2
    } else {
        first.len_utf8()
    }
}

/// The length of the comment, text or character that `rest` begins with, if it does.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    let body = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - body.len();
    if prefix <= 1 {
        let hashes = body
            .strip_prefix('r')
            .map(|raw| raw.len() - raw.trim_start_matches('#').len());
        if let Some(hashes) = hashes.filter(|hashes| body[1 + hashes..].starts_with('"')) {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            let length = body[start..]
                .find(&end)
                .map_or(body.len(), |at| start + at + end.len());
            return Some(prefix + length);
        }
        if body.starts_with('"') {
            return Some(prefix + quoted(body, '"'));
        }
    }
    // A lifetime has no second quote right after its first character.
    let mut characters = rest.strip_prefix('\'')?.chars();
    let is_character = characters.next()? == '\\' || characters.next()? == '\'';
    is_character.then(|| quoted(rest, '\''))
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a text in `quote`s, escapes considered.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            end if end == quote => return at + end.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}
