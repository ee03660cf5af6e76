//! The program against the process it is started in: streams that are closed, full or not read, signals, scarce files,
//! memory and threads, foreign files in its way, odd names and an odd environment.
//!
//! Each test looks at the provider's ledger: nothing is paid for twice and no task is lost, whatever happens to the
//! process. `SHOTLIST_RACES=100` starts so many pairs of runs instead of a few.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::{Command, Stdio};

use crate::support::{
    Finished, Running, Scenario, Simulated, assert_paid_once, count, standings, until,
};

// ── Streams ──

/// What a stream of the program may lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sink {
    /// It is not open at all.
    Closed,
    /// A device without room.
    Full,
    /// A pipe whose reader has gone.
    Broken,
}

impl Sink {
    const ALL: [Self; 3] = [Self::Closed, Self::Full, Self::Broken];

    fn stdio(self) -> Stdio {
        match self {
            Self::Closed => Stdio::null(), // the shell closes it
            Self::Full => File::create("/dev/full").expect("a device").into(),
            Self::Broken => broken_pipe().into(),
        }
    }

    fn redirection(self, descriptor: u8) -> String {
        match self {
            Self::Closed => format!(" {descriptor}>&-"),
            _ => String::new(),
        }
    }
}

fn broken_pipe() -> PipeWriter {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer
}

/// Runs `command` with its streams leading to `stdout` and `stderr`; the exit code.
fn with_sinks(command: &Command, stdout: Sink, stderr: Sink) -> i32 {
    let script = format!(
        "exec \"$0\" \"$@\"{}{}",
        stdout.redirection(1),
        stderr.redirection(2)
    );
    let status = in_shell(command, &script)
        .stdin(Stdio::null())
        .stdout(stdout.stdio())
        .stderr(stderr.stdio())
        .status()
        .expect("a shell");
    status.code().expect("the program ends by itself")
}

/// `command` as the arguments of a shell script, in the same directory and environment.
fn in_shell(command: &Command, script: &str) -> Command {
    let mut shell = Command::new("/bin/bash");
    shell
        .args(["-c", script])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("every scenario has one"))
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    shell
}

/// A pipe in which nothing has room any more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let flags = rustix::fs::fcntl_getfl(&writer).expect("a pipe");
    let unblocked = flags | rustix::fs::OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(&writer, unblocked).expect("a pipe");
    for piece in [4096, 1] {
        while (&writer).write(&vec![b'-'; piece]).is_ok() {}
    }
    rustix::fs::fcntl_setfl(&writer, flags).expect("a pipe");
    (reader, writer)
}

#[test]
fn a_run_does_its_work_whatever_its_streams_lead_to() {
    std::thread::scope(|threads| {
        for stdout in Sink::ALL {
            for stderr in Sink::ALL {
                threads.spawn(move || {
                    let provider = Simulated::good_day();
                    let scenario = Scenario::jobs(2).at(&provider);
                    let code = with_sinks(&scenario.run_command(&["--json"]), stdout, stderr);
                    assert_eq!(code, 0, "{stdout:?} {stderr:?}");
                    assert_eq!(standings(&scenario.results()), ["completed"; 2]);
                    assert_eq!(provider.posts(), 2);
                });
            }
        }
    });
}

#[test]
fn the_other_commands_say_the_same_exit_code_whatever_their_streams_lead_to() {
    let scenario = Scenario::jobs(3);
    scenario.write("bad.yaml", "jobs: 1\n");
    let lines: &[&[&str]] = &[
        &["status", "shots.csv"],
        &["status", "shots.csv", "--json"],
        &["plan", "shots.csv"],
        &["plan", "shots.csv", "--json"],
        &["check", "shots.csv"],
        &["check", "shots.csv", "--expand"],
        &["check", "bad.yaml", "--json"],
        &["report", "shots.csv"],
        &["report", "shots.csv", "--json"],
        &["run", "bad.yaml", "--json"],
        &["resolve", "shots.csv", "nobody", "--not-created"],
        &["--help"],
        &["run", "--help"],
        &["--version"],
        &["--no-such-option"],
    ];
    for line in lines {
        let command = scenario.command(line);
        let wanted = Running::of(scenario.command(line)).finish().code;
        for sink in Sink::ALL {
            assert_eq!(
                with_sinks(&command, sink, sink),
                wanted,
                "{line:?} {sink:?}"
            );
        }
    }
}

#[test]
fn a_run_whose_reader_goes_away_in_the_middle_goes_on() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(6).at(&provider);
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = scenario.run_command(&["--json", "--submit-rate", "20/s"]);
    command.stdout(writer).stderr(Stdio::null());
    let mut run = command.spawn().expect("it starts");
    drop(command);
    reader.read_exact(&mut [0]).expect("a first line");
    drop(reader);
    assert_eq!(run.wait().expect("a child").code(), Some(0));
    assert_eq!(standings(&scenario.results()), ["completed"; 6]);
    assert_eq!(provider.posts(), 6);
}

#[test]
fn a_run_does_its_work_and_lets_the_next_one_in_while_nobody_reads_what_it_says() {
    for from_the_start in [true, false] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(40).at(&provider);
        let (mut reader, writer) = full_pipe();
        if !from_the_start {
            reader
                .read_exact(&mut [0; 4096])
                .expect("room for some lines");
        }
        let mut command = scenario.run_command(&["--json"]);
        command
            .stdout(writer.try_clone().expect("a pipe"))
            .stderr(writer);
        let mut run = command.spawn().expect("it starts");
        drop(command);
        until("all is done though nobody reads", || {
            fs::read_to_string(scenario.out().join("results.csv"))
                .is_ok_and(|results| results.matches(",completed,").count() == 40)
        });
        assert!(
            run.try_wait().expect("a child").is_none(),
            "it has more to say"
        );
        until("the state is let go", || {
            Running::of(scenario.run_command(&[])).finish().code == 0
        });
        let mut said = String::new();
        reader.read_to_string(&mut said).expect("UTF-8");
        assert_eq!(run.wait().expect("a child").code(), Some(0));
        assert!(said.trim_end().ends_with('}'), "the last line is whole");
        assert!(said.contains(r#""type":"summary""#));
        assert_eq!(provider.posts(), 40);
    }
}

#[test]
fn a_signal_ends_a_run_that_nobody_reads_and_its_last_words_do_not_hold_it() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(3).at(&provider);
    let (_reader, writer) = full_pipe();
    let mut command = scenario.run_command(&["--json"]);
    command
        .stdout(writer.try_clone().expect("a pipe"))
        .stderr(writer);
    let mut run = command.spawn().expect("it starts");
    until("the tasks are polled", || provider.polled() == 3);
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a living child");
    assert_eq!(run.wait().expect("a child").code(), Some(143));
    assert_eq!(standings(&scenario.results()), ["running"; 3]);
    assert_eq!(provider.posts(), 3);
}

// ── Signals ──

#[test]
fn a_closed_terminal_ends_a_run_like_sigterm_and_no_open_create_is_in_doubt() {
    let provider = Simulated::with_faults("slow=500ms:always");
    let scenario = Scenario::jobs(3).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("the first create is open", |_| provider.posts() == 1);
    run.hang_up();
    run.finish().exits(143).says("closed terminal");
    let rows = scenario.results();
    assert_eq!((count(&rows, "running"), count(&rows, "pending")), (1, 2));
    scenario.run(&[]).exits(0);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn under_nohup_a_closed_terminal_means_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(8).at(&provider);
    let command = scenario.run_command(&["--submit-rate", "10/s"]);
    let mut run = Running::of(in_shell(&command, "trap '' HUP; exec \"$0\" \"$@\""));
    run.until("two tasks run", |_| provider.polled() >= 2);
    run.hang_up();
    run.finish().exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 8]);
}

#[test]
fn a_run_that_is_stopped_and_goes_on_pays_for_nothing_twice() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(8).at(&provider);
    let mut run = scenario.start(&["--submit-rate", "20/s"]);
    for posts in [1, 3, 5] {
        run.until("some creates", |_| provider.posts() >= posts);
        run.pause();
        run.unpause();
    }
    run.finish().exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 8]);
    assert_eq!(provider.posts(), 8);
}

#[test]
fn a_signal_before_the_first_request_ends_a_run_and_the_next_does_it_all() {
    let provider = Simulated::good_day();
    for signal in [Running::terminate, Running::hang_up, Running::interrupt] {
        let scenario = Scenario::jobs(2).at(&provider);
        let before = provider.posts();
        // The key comes from a pipe that nobody writes to: the run waits before it has asked for anything.
        let pipe = scenario.path("key");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).expect("a pipe");
        let mut run = scenario.start(&["--api-key-file", "key"]);
        run.until("it says what it waits for", |run| {
            run.stderr().contains("waiting for the API key")
        });
        signal(&run);
        run.ends();
        assert_eq!(provider.posts(), before);
        scenario.run(&[]).exits(0);
        assert_eq!(provider.posts(), before + 2);
    }
}

// ── Limits of the process ──

/// The same command under a limit of the shell: `ulimit -n 8`.
fn limited(command: &Command, limit: &str) -> Command {
    in_shell(command, &format!("ulimit {limit} && exec \"$0\" \"$@\""))
}

/// Fails if it panicked.
#[track_caller]
fn assert_calm(run: &Finished, what: &str) {
    assert!(!run.stderr.contains("panicked"), "{what}:\n{}", run.stderr);
    assert_ne!(run.code, 1, "{what}:\n{}", run.stderr);
}

#[test]
fn with_any_number_of_files_to_open_a_run_does_all_or_sends_nothing_and_says_why() {
    let next = std::sync::atomic::AtomicU32::new(4);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                loop {
                    let files = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if files > 40 {
                        break;
                    }
                    assert_all_or_nothing(files);
                }
            });
        }
    });
}

fn assert_all_or_nothing(files: u32) {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    let command = scenario.run_command(&["--deadline", "60s", "--concurrency", "3"]);
    let run = Running::of(limited(&command, &format!("-n {files}"))).finish();
    assert_calm(&run, &format!("{files} files"));
    if run.code == 74 {
        let run = run.says("Too many open files").says("ulimit -n 256");
        assert_eq!(provider.posts(), 0, "{files} files: {}", run.stderr);
    } else {
        run.exits(0);
    }
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 3, "{files} files");
    assert_eq!(standings(&scenario.results()), ["completed"; 3]);
}

#[test]
fn creates_that_find_no_free_socket_are_not_sent_and_come_later() {
    let provider = Simulated::with_faults("slow=300ms:always");
    let scenario = Scenario::jobs(30).at(&provider);
    let command = scenario.run_command(&["--concurrency", "30"]);
    let run = Running::of(limited(&command, "-n 26")).finish();
    assert_calm(&run, "26 files");
    scenario.run(&["--concurrency", "30"]).exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 30]);
    assert_eq!(provider.posts(), 30);
}

#[test]
fn without_threads_nothing_is_sent_and_the_error_says_so() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    // Stacks of a GiB do not fit into three: the system refuses the threads.
    let mut command = scenario.run_command(&[]);
    command.env("RUST_MIN_STACK", (1_u64 << 30).to_string());
    let run = Running::of(limited(&command, "-v 3000000")).finish();
    assert_calm(&run, "no threads");
    run.exits(74).says("threads");
    assert_eq!(provider.posts(), 0);
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_run_that_dies_for_want_of_memory_pays_for_nothing_twice() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(10).at(&provider);
    for kilobytes in ["40000", "80000", "120000", "200000"] {
        let command = scenario.run_command(&["--deadline", "5s"]);
        let mut child = limited(&command, &format!("-v {kilobytes}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        child.wait().expect("a child");
    }
    let run = scenario.run(&[]);
    assert!([0, 5].contains(&run.code), "{}", run.stderr);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}
