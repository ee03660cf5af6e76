//! A command that is told how a run ended. It gets a process group of its own, a minute, no key, and a bounded say.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt};
use rustix::process::{Pid, Signal as Kill, kill_process_group};
use tokio::sync::oneshot;

use super::{Came, Told};
use crate::runner::Signal;
use crate::settings::API_KEY_VARIABLE;
use crate::text::clean;
use crate::units::show_duration;

/// How long a command may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long a command that is told to end may take for that, and what it has started in the background to say
/// something.
const GRACE: Duration = Duration::from_secs(1);

/// Most bytes that are kept of what a command prints.
const KEPT: usize = 8 * 1024;

/// Most lines, and most characters of one, that are shown of it.
const LINES: usize = 40;
const LINE: usize = 300;

/// Runs `command`; a signal ends it.
pub(super) async fn run(
    command: &str,
    told: &Told<'_>,
    signals: &mut BoxStream<'static, Signal>,
) -> Came {
    run_within(TIMEOUT, command, told, signals).await
}

async fn run_within(
    timeout: Duration,
    command: &str,
    told: &Told<'_>,
    signals: &mut BoxStream<'static, Signal>,
) -> Came {
    let heard = Arc::default();
    match start(command, told, &heard) {
        Err(error) => Came::failed(format!("the command cannot be started: {error}")),
        Ok(started) => {
            let failure = started.end(timeout, signals).await;
            let lines = heard.lock().unwrap_or_else(PoisonError::into_inner).lines();
            Came { lines, failure }
        }
    }
}

/// A command that was started.
struct Started {
    group: Pid,
    ended: oneshot::Receiver<io::Result<ExitStatus>>,
    silent: [oneshot::Receiver<()>; 2],
}

fn start(command: &str, told: &Told<'_>, heard: &Arc<Mutex<Heard>>) -> io::Result<Started> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", command])
        .env("SHOTLIST_EXIT_CODE", (told.code as u8).to_string())
        .env("SHOTLIST_RUN", told.run)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(API_KEY_VARIABLE) {
            shell.env_remove(name);
        }
    }
    let mut child = shell.spawn()?;
    let group = Pid::from_child(&child);
    attend(&mut child, told, heard)
        .and_then(|silent| {
            let ended = on_thread(move || child.wait())?;
            Ok(Started {
                group,
                ended,
                silent,
            })
        })
        .inspect_err(|_| {
            let _ = kill_process_group(group, Kill::KILL);
        })
}

/// Passes the summary on and listens; nobody waits for a command that does not read, or that does not stop to talk.
fn attend(
    child: &mut Child,
    told: &Told<'_>,
    heard: &Arc<Mutex<Heard>>,
) -> io::Result<[oneshot::Receiver<()>; 2]> {
    let summary = format!("{}\n", told.summary);
    if let Some(mut stdin) = child.stdin.take() {
        on_thread(move || drop(stdin.write_all(summary.as_bytes())))?;
    }
    let stdout = child
        .stdout
        .take()
        .map(|it| Box::new(it) as Box<dyn Read + Send>);
    let stderr = child
        .stderr
        .take()
        .map(|it| Box::new(it) as Box<dyn Read + Send>);
    let listen = |stream: Option<Box<dyn Read + Send>>| {
        let heard = Arc::clone(heard);
        on_thread(move || {
            if let Some(stream) = stream {
                listen_to(stream, &heard);
            }
        })
    };
    Ok([listen(stdout)?, listen(stderr)?])
}

/// What `work` comes to, on a thread that nobody waits for at the end of the program.
fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (done, result) = oneshot::channel();
    thread::Builder::new().spawn(move || drop(done.send(work())))?;
    Ok(result)
}

impl Started {
    /// Waits for the end; why it was none to be glad of.
    async fn end(
        mut self,
        timeout: Duration,
        signals: &mut BoxStream<'static, Signal>,
    ) -> Option<String> {
        let failure = tokio::select! {
            biased;
            status = &mut self.ended => match status {
                Ok(Ok(status)) if status.success() => None,
                Ok(Ok(status)) => Some(format!("the command ended with {status}")),
                Ok(Err(error)) => Some(format!("the command was lost: {error}")),
                Err(_) => Some("the command was lost".to_owned()),
            },
            Some(_) = signals.next() => Some(self.break_off("it was interrupted").await),
            () = tokio::time::sleep(timeout) => {
                let why = format!("it was not done within {}", show_duration(timeout));
                Some(self.break_off(&why).await)
            }
        };
        let [out, err] = &mut self.silent;
        let silence = async { tokio::join!(out, err) };
        let _ = tokio::time::timeout(GRACE, silence).await; // what runs on in the background may hold them open
        failure
    }

    /// Ends the command with everything it has started.
    async fn break_off(&mut self, why: &str) -> String {
        let _ = kill_process_group(self.group, Kill::TERM);
        let _ = tokio::time::timeout(GRACE, &mut self.ended).await;
        let _ = kill_process_group(self.group, Kill::KILL);
        format!("{why}, and was ended")
    }
}

/// What a command has printed, as far as it is kept.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    left_out: u64,
}

fn listen_to(mut stream: impl Read, heard: &Mutex<Heard>) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.add(&buffer[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

impl Heard {
    fn add(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.bytes.len()).min(bytes.len());
        self.bytes.extend_from_slice(&bytes[..room]);
        self.left_out += (bytes.len() - room) as u64;
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.bytes);
        let mut lines = text.lines().map(|line| clean(line, LINE));
        let mut shown: Vec<_> = lines.by_ref().take(LINES).collect();
        let rest = lines.count();
        if rest > 0 || self.left_out > 0 {
            let bytes = self.left_out;
            shown.push(format!(
                "… {rest} lines and {bytes} bytes more are not shown"
            ));
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCode;

    #[tokio::test]
    async fn a_command_that_takes_too_long_is_ended_with_its_group() {
        let told = Told {
            code: ExitCode::Completed,
            run: "3f9a1c-1",
            summary: "{}".to_owned(),
        };
        let mut signals = futures::stream::pending().boxed();
        let command = "trap '' TERM; echo begun; sleep 1000 & wait; sleep 1000";
        let limit = Duration::from_millis(300);
        let came = run_within(limit, command, &told, &mut signals).await;
        let why = "it was not done within 300ms, and was ended";
        assert_eq!(came.failure.as_deref(), Some(why));
        assert_eq!(came.lines, ["begun"]); // and the pipes are closed: nobody of the group is left
    }

    #[test]
    fn what_is_heard_is_bounded_and_steers_no_terminal() {
        let mut heard = Heard::default();
        heard.add(b"\x1b[31mred\x07\n\xff\n");
        assert_eq!(heard.lines(), ["[31mred", "\u{fffd}"]);
        for _ in 0..1000 {
            heard.add(&[b'x'; 4096]);
            heard.add(b"\n");
        }
        let lines = heard.lines();
        assert!(lines.iter().all(|line| line.chars().count() <= LINE + 1));
        assert!(heard.bytes.len() == KEPT && lines.len() <= LINES + 1);
        let last = lines.last().expect("a line");
        assert!(last.contains("bytes more are not shown"), "{last}");
    }
}
