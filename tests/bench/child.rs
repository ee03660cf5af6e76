//! A command of shotlist in a process of its own: its time and its memory. Start at [`run`].

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a process took.
pub(crate) struct Taken {
    pub(crate) time: Duration,
    /// Processor time, all threads together, user and system; `None` where the system does not say.
    pub(crate) cpu: Option<Duration>,
    /// The most memory that it held, as the system counts it; `None` where it does not say.
    pub(crate) peak: Option<u64>,
}

/// Runs shotlist with `arguments`, which must succeed.
pub(crate) fn run(arguments: &[&str]) -> Taken {
    run_to(0, arguments)
}

/// Runs shotlist with `arguments`, which must end with this exit code.
pub(crate) fn run_to(code: i32, arguments: &[&str]) -> Taken {
    watch(
        code,
        Command::new(env!("CARGO_BIN_EXE_shotlist")).args(arguments),
    )
}

/// Runs `command`, which must end with this exit code.
pub(crate) fn watch(code: i32, command: &mut Command) -> Taken {
    let begin = Instant::now();
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("shotlist starts");
    let (mut peak, mut cpu) = (None, None);
    let status = loop {
        peak = peak_of(child.id()).max(peak);
        cpu = cpu_of(child.id()).max(cpu);
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert_eq!(status.code(), Some(code), "{command:?}: {status}");
    Taken {
        time: begin.elapsed(),
        cpu,
        peak,
    }
}

/// The most memory that a living process has held, in bytes.
pub(crate) fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// The processor time that a living process has taken: the system counts it in hundredths of a second.
fn cpu_of(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let times = after_name.split_whitespace().skip(11).take(2);
    let ticks: Vec<u64> = times.filter_map(|ticks| ticks.parse().ok()).collect();
    Some(Duration::from_millis(10 * ticks.iter().sum::<u64>()))
}
