//! A command of shotlist in a process of its own: its time and its memory. Start at [`run`].

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
pub(crate) struct Taken {
    pub(crate) time: Duration,
    /// The most memory that it held, as the system counts it; `None` where it does not say.
    pub(crate) peak: Option<u64>,
}

/// Runs shotlist with `arguments`, which must succeed.
pub(crate) fn run(arguments: &[&str]) -> Taken {
    run_to(0, arguments)
}

/// Runs shotlist with `arguments`, which must end with this exit code.
pub(crate) fn run_to(code: i32, arguments: &[&str]) -> Taken {
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shotlist"))
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("shotlist starts");
    let mut peak = None;
    let status = loop {
        peak = peak_of(child.id()).max(peak);
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert_eq!(
        status.code(),
        Some(code),
        "shotlist {arguments:?}: {status}"
    );
    Taken {
        time: begin.elapsed(),
        peak,
    }
}

/// The most memory that a living process has held, in bytes.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
