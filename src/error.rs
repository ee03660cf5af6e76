//! How the program ends: exit codes and the error that carries one.

use std::fmt;

/// The exit codes, as the reference lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Every selected job completed, or there was nothing to do.
    Completed = 0,
    /// A bug in shotlist.
    Bug = 1,
    /// Usage or manifest invalid; nothing was sent.
    Usage = 2,
    /// All settled, some failed.
    SomeFailed = 3,
    /// The provider refuses the key, or the address is wrong.
    Refused = 4,
    /// Jobs in doubt need a person.
    InDoubt = 5,
    /// A limit of the account's money, or `--max-spend` or `--max-jobs` with pending jobs left.
    Limit = 6,
    /// Selected jobs still pending or running.
    Unfinished = 7,
    /// State or results cannot be written, or the state is damaged.
    State = 74,
    /// Another run holds this state.
    Held = 75,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM or SIGHUP.
    Terminated = 143,
}

impl ExitCode {
    /// Every code, in order.
    pub const ALL: [Self; 12] = [
        Self::Completed,
        Self::Bug,
        Self::Usage,
        Self::SomeFailed,
        Self::Refused,
        Self::InDoubt,
        Self::Limit,
        Self::Unfinished,
        Self::State,
        Self::Held,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// Its name, for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Bug => "bug",
            Self::Usage => "usage",
            Self::SomeFailed => "some_failed",
            Self::Refused => "refused",
            Self::InDoubt => "in_doubt",
            Self::Limit => "limit",
            Self::Unfinished => "unfinished",
            Self::State => "state",
            Self::Held => "held",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// What it means at the end of a run, as one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Completed => "every selected job is completed",
            Self::Bug => "a bug in shotlist",
            Self::Usage => "usage or manifest invalid, nothing was sent",
            Self::SomeFailed => "all settled, some failed",
            Self::Refused => "the provider refuses the key, or the address is wrong",
            Self::InDoubt => "jobs in doubt need a person",
            Self::Limit => "a limit of money or jobs was reached",
            Self::Unfinished => "jobs are still pending or running",
            Self::State => "state or results cannot be written, or the state is damaged",
            Self::Held => "another run holds this state",
            Self::Interrupted => "interrupted by Ctrl-C, state saved",
            Self::Terminated => "ended by SIGTERM or a closed terminal, state saved",
        }
    }

    /// What to do about it, as a sentence without a full stop.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Completed => "also if there was nothing to do",
            Self::Bug => "report it with what was printed, and run again: that is safe",
            Self::Usage => "mend what stderr shows; trying again without that ends the same",
            Self::SomeFailed => {
                "see `error` in results.csv; `--rerun failed` makes them again, which costs again"
            }
            Self::Refused => {
                "correct or give the key (`SHOTLIST_API_KEY`, `--api-key-file`) or the base URL, then run again"
            }
            Self::InDoubt => {
                "look for them at the provider, say what you found with `shotlist resolve`, then run again"
            }
            Self::Limit => {
                "top up the account, or raise `--max-spend` or `--max-jobs`, then run again for the rest"
            }
            Self::Unfinished => {
                "run again, now or later: it collects what runs, submits the rest and fetches missing videos"
            }
            Self::State => {
                "mend what stderr says (a full disk, rights, a damaged line), then run again"
            }
            Self::Held => "let it finish, or run again later",
            Self::Interrupted | Self::Terminated => {
                "run again: it goes on where this run stopped and sends nothing twice"
            }
        }
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// Why the program cannot go on: a message, its exit code, and what to do.
#[derive(Debug)]
pub struct Error {
    code: ExitCode,
    message: String,
    help: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that ends the program with `code`; `message` is a lower-case fragment.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: None,
            source: None,
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The exit code.
    pub fn code(&self) -> ExitCode {
        self.code
    }

    /// What to do about it.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
