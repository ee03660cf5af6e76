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
