//! How the program was called, so that the command to type next can be said whole.

use std::fmt::Write as _;

use crate::text::quoted;

/// How the program was called: what a command that goes on with the same state must repeat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invocation {
    /// The manifest as it was named.
    pub manifest: String,
    /// `--out`, if it was given.
    pub out: Option<String>,
    /// Options that say how the manifest is read, word by word: every command needs them again.
    pub reading_options: Vec<String>,
    /// Options of `run` that the next run needs again (`--base-url URL`, limits, what was selected), word by word.
    pub run_options: Vec<String>,
    /// The same of `download`.
    pub download_options: Vec<String>,
    /// What the run was made against.
    pub stage: Stage,
}

/// What a run was made against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// The API.
    #[default]
    Real,
    /// The simulated provider; its state is not gone on with.
    Rehearsal,
}

impl Invocation {
    /// The command line of another command on the same state; `rest` is words that need no quotes.
    pub fn command(&self, verb: &str, rest: &str) -> String {
        let mut line = format!("shotlist {verb} {}", operand(&self.manifest));
        if let Some(out) = &self.out {
            let _ = write!(line, " --out {}", operand(out));
        }
        let own = match verb {
            "run" => &self.run_options[..],
            "download" => &self.download_options,
            _ => &[],
        };
        for word in self.reading_options.iter().chain(own) {
            let _ = write!(line, " {}", quoted(word));
        }
        if !rest.is_empty() {
            let _ = write!(line, " {rest}");
        }
        line
    }

    /// The same with another value for an option of `run`.
    pub(super) fn with_option(&self, option: &str, value: &str) -> Self {
        let mut run_options = self.run_options.clone();
        match run_options.iter().position(|word| word == option) {
            Some(at) => value.clone_into(&mut run_options[at + 1]),
            None => run_options.extend([option.to_owned(), value.to_owned()]),
        }
        Self {
            run_options,
            ..self.clone()
        }
    }
}

/// A path as a shell word that is not taken for an option.
fn operand(path: &str) -> String {
    if path.starts_with('-') {
        quoted(&format!("./{path}"))
    } else {
        quoted(path)
    }
}
