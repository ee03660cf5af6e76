//! The program under `strace`: what it asks of the system, in the order it asks, and system calls that fail or kill it.
//!
//! Start at [`can_trace`], then [`Strace`]. Where programs cannot be traced the tests that need it say so and pass,
//! unless `SHOTLIST_STRACE=required` is set: then they fail.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process_group};

use super::{Finished, Running, Scenario, announce, behind};

/// Why no program can be traced on this machine, if so.
static OBSTACLE: LazyLock<Option<String>> = LazyLock::new(|| {
    let traced = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null"])
        .args(["-e", "inject=fsync:error=EIO:when=1", "true"])
        .stdin(Stdio::null())
        .output();
    match traced {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Some(format!("failed to start `strace`: {error}")),
    }
});

/// Whether programs can be traced here. If not, says so on stdout, past the capture of the test runner; where tracing
/// is required, fails.
pub(crate) fn can_trace(test: &str) -> bool {
    let Some(obstacle) = OBSTACLE.as_ref() else {
        return true;
    };
    announce(&format!(
        "{test}: NOT RUN, no program can be traced here: {obstacle}"
    ));
    let required = std::env::var_os("SHOTLIST_STRACE").is_some_and(|value| value == "required");
    assert!(
        !required,
        "`strace` is required and does not work: {obstacle}"
    );
    false
}

/// How to trace a program.
#[derive(Debug, Clone)]
pub(crate) struct Strace {
    options: Vec<String>,
}

impl Strace {
    /// All threads, these calls (names separated by commas, `?` before one that not every machine has).
    pub(crate) fn of_all_threads(calls: &str) -> Self {
        let mut strace = Self::of_main_thread(calls);
        strace.options.push("-f".to_owned());
        strace
    }

    /// Only the first thread, which is the one that touches the disk: but for results.csv while a run goes on.
    pub(crate) fn of_main_thread(calls: &str) -> Self {
        // Names of files with descriptors, whole strings, no padding, nothing but calls.
        let fixed = ["-y", "-s", "1000000", "-a", "1", "-qq", "-e"];
        let mut options: Vec<_> = fixed.map(str::to_owned).into();
        options.push(format!("trace={calls}"));
        Self { options }
    }

    /// Only calls on these files.
    pub(crate) fn on(mut self, paths: &[String]) -> Self {
        for path in paths {
            self.options.extend(["-P".to_owned(), path.clone()]);
        }
        self
    }

    /// The `nth` such call of a thread is not made: it fails with this error, or the program is killed.
    pub(crate) fn injecting(mut self, call: &str, effect: Effect, nth: usize) -> Self {
        let effect = match effect {
            Effect::Kill => "signal=KILL".to_owned(),
            Effect::Error(code) => format!("error={code}"),
        };
        let injected = format!("inject={call}:{effect}:when={nth}");
        self.options.extend(["-e".to_owned(), injected]);
        self
    }

    /// Starts `command`.
    pub(crate) fn start(&self, command: &Command) -> Traced {
        let trace = tempfile::NamedTempFile::new().expect("a file");
        let mut words: Vec<_> = self.options.iter().map(AsRef::as_ref).collect();
        words.extend(["-o".as_ref(), trace.path().as_os_str(), "--".as_ref()]);
        let mut traced = behind("strace", &words, command);
        traced.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        traced.process_group(0);
        Traced {
            running: Some(Running::of(traced)),
            trace,
        }
    }
}

/// What happens in place of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// SIGKILL before it.
    Kill,
    /// This error.
    Error(&'static str),
}

/// A program that is traced. Dropping it ends it.
pub(crate) struct Traced {
    running: Option<Running>,
    trace: tempfile::NamedTempFile,
}

impl Traced {
    /// Waits for its end, looking at something meanwhile: how it ended (a kill is code 137) and what it did.
    pub(crate) fn end(mut self, meanwhile: impl FnMut()) -> (Finished, Vec<Call>) {
        let running = self.running.take().expect("ends once");
        let finished = running.end(meanwhile);
        let trace = std::fs::read(self.trace.path()).expect("a trace");
        (finished, parse(&String::from_utf8_lossy(&trace)))
    }
}

impl Drop for Traced {
    /// Ends `strace` and the program, which a killed `strace` alone would let go.
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            let _ = kill_process_group(Pid::from_child(&running.child), Signal::KILL);
        }
    }
}

/// A system call that was made.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// Between the brackets, as `strace` writes it.
    pub(crate) arguments: String,
    /// After the equals sign.
    result: String,
    /// When it began: lines of the trace.
    pub(crate) begin: usize,
    /// When it returned.
    pub(crate) end: usize,
}

impl Call {
    /// Whether the system did it.
    pub(crate) fn has_succeeded(&self) -> bool {
        self.result
            .starts_with(|first: char| first.is_ascii_digit())
    }

    /// Whether an error was put in its place.
    pub(crate) fn is_injected(&self) -> bool {
        self.result.ends_with("(INJECTED)")
    }

    /// The descriptor that it is about.
    pub(crate) fn descriptor(&self) -> Option<u32> {
        let (number, _) = self.arguments.split_once('<')?;
        number.parse().ok()
    }

    /// The file behind the descriptor that it is about.
    pub(crate) fn open_file(&self) -> Option<&Path> {
        self.descriptor()?;
        let (_, rest) = self.arguments.split_once('<')?;
        let name = rest.split_once(">,").map_or(rest, |(name, _)| name);
        Some(Path::new(name.trim_end_matches('>')))
    }

    /// Its texts, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut rest = self.arguments.as_str();
        while let Some((_, quoted)) = rest.split_once('"') {
            let (text, after) = unquoted(quoted);
            texts.push(text);
            rest = after;
        }
        texts
    }

    /// The text of a call that writes.
    pub(crate) fn text(&self) -> String {
        self.texts().concat()
    }

    /// The files that it is about, where relative names are under `home`.
    pub(crate) fn files(&self, home: &Path) -> Vec<PathBuf> {
        if let Some(file) = self.open_file() {
            return vec![file.to_owned()];
        }
        let absolute = |name| home.join(name).components().collect();
        self.texts().into_iter().map(absolute).collect()
    }
}

/// The text up to the closing quote, and what follows that.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut bytes = Vec::new();
    let mut rest = quoted.as_bytes();
    loop {
        match rest {
            [] | [b'"', ..] => break,
            [b'\\', digit @ b'0'..=b'7', ..] => {
                let mut code = u32::from(digit - b'0');
                rest = &rest[2..];
                for _ in 0..2 {
                    if let [digit @ b'0'..=b'7', after @ ..] = rest {
                        code = code * 8 + u32::from(digit - b'0');
                        rest = after;
                    }
                }
                bytes.push(u8::try_from(code).expect("a byte"));
            }
            [b'\\', escaped, after @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'f' => 0x0c,
                    b'v' => 0x0b,
                    other => *other,
                });
                rest = after;
            }
            [byte, after @ ..] => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    let after = quoted.len() - rest.len() + 1;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    (text, quoted.get(after..).unwrap_or_default())
}

/// Reads a trace. What is no call (signals, exits) is passed over; a call that never returned ends last of all.
fn parse(trace: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let mut open: Vec<(&str, usize, &str)> = Vec::new();
    for (moment, line) in trace.lines().enumerate() {
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let (thread, line) = line.split_at(digits);
        let line = line.trim_start();
        if let Some(beginning) = line.strip_suffix("<unfinished ...>") {
            open.push((thread, moment, beginning.trim_end()));
        } else if let Some((_, rest)) = line.split_once(" resumed>") {
            let position = open.iter().position(|(other, ..)| *other == thread);
            let (_, begin, beginning) = open.swap_remove(position.expect("it was begun"));
            let whole = beginning.to_owned() + rest;
            calls.extend(call(&whole, begin, moment));
        } else {
            calls.extend(call(line, moment, moment));
        }
    }
    for (_, begin, beginning) in open {
        let whole = format!("{beginning}) = ?");
        calls.extend(call(&whole, begin, usize::MAX));
    }
    calls.sort_by_key(|call| call.begin);
    calls
}

fn call(line: &str, begin: usize, end: usize) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") = ")?;
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    is_name(name).then(|| Call {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        result: result.to_owned(),
        begin,
        end,
    })
}

impl Scenario {
    /// The command line of a run that is made often: quick polls, and no time spent on certificates, as nothing here
    /// goes over TLS.
    pub(crate) fn sweep_command(&self, options: &[&str]) -> Command {
        let quick = ["--poll-first", "10ms", "--poll-every", "10ms"];
        let mut command = self.run_command(&[&quick, options].concat());
        command.env("SSL_CERT_FILE", "/dev/null");
        command
    }
}

#[test]
fn a_trace_is_read_call_by_call() {
    let trace = r#"12 mkdir("shots.run", 0700) = 0
12 write(4</tmp/a b/state.jsonl>, "{\"seq\":1}\n\303\244\0", 10 <unfinished ...>
13 writev(9<socket:[7]>, [{iov_base="POST /v1", iov_len=8}, {iov_base="{) = 3}", iov_len=7}], 2) = 15
12 <... write resumed>) = 10
12 --- SIGCHLD {si_signo=SIGCHLD} ---
12 fdatasync(4</tmp/a b/state.jsonl> <unfinished ...>
12 <... fdatasync resumed>) = -1 EIO (Input/output error) (INJECTED)
13 +++ killed by SIGKILL +++
"#;
    let calls = parse(trace);
    let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["mkdir", "write", "writev", "fdatasync"]);
    let [mkdir, write, writev, sync] = &calls[..] else {
        unreachable!("four")
    };
    assert_eq!(mkdir.files(Path::new("/h")), [Path::new("/h/shots.run")]);
    assert_eq!((write.begin, write.end), (1, 3));
    assert_eq!(write.open_file(), Some(Path::new("/tmp/a b/state.jsonl")));
    assert_eq!(write.text(), "{\"seq\":1}\nä\0");
    assert_eq!(writev.texts(), ["POST /v1", "{) = 3}"]);
    assert!(write.has_succeeded() && !sync.has_succeeded() && sync.is_injected());
    assert_eq!(sync.open_file(), write.open_file());
}
