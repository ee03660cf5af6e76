//! The program against the process it is started in: streams that are closed, full or not read, signals, scarce files,
//! memory and threads, foreign files in its way, odd names and an odd environment.
//!
//! Each test looks at the provider's ledger: nothing is paid for twice and no task is lost, whatever happens to the
//! process. `SHOTLIST_RACES=100` starts so many pairs of runs instead of a few.

#![cfg(target_os = "linux")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{CWD, Mode};

use crate::support::{
    self, Finished, KEY, Raw, Running, Scenario, Simulated, announce, assert_paid_once, behind,
    count, rows, standings, until,
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

/// A run that speaks into a full pipe, and the end of it that nobody reads.
fn start_unread(scenario: &Scenario) -> (PipeReader, std::process::Child) {
    let (reader, writer) = full_pipe();
    let mut command = scenario.run_command(&["--json"]);
    command
        .stdout(writer.try_clone().expect("a pipe"))
        .stderr(writer);
    (reader, command.spawn().expect("it starts"))
}

#[test]
fn a_signal_ends_a_run_that_nobody_reads_and_its_last_words_do_not_hold_it() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(3).at(&provider);
    let (_reader, mut run) = start_unread(&scenario);
    until("the tasks are polled", || provider.polled() == 3);
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a living child");
    assert_eq!(run.wait().expect("a child").code(), Some(143));
    assert_eq!(standings(&scenario.results()), ["running"; 3]);
    assert_eq!(provider.posts(), 3);
}

#[test]
fn a_signal_after_the_work_is_done_ends_a_run_whose_last_words_nobody_reads() {
    use rustix::process::{Pid, Signal, kill_process};
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(2).at(&provider);
        let (_reader, mut run) = start_unread(&scenario);
        until("the state is let go", || {
            fs::read(scenario.out().join("lock")).is_ok_and(|holder| holder.is_empty())
                && provider.polled() == 2
        });
        kill_process(Pid::from_child(&run), signal).expect("a living child");
        assert_eq!(run.wait().expect("a child").code(), Some(code));
        assert_eq!(standings(&scenario.results()), ["completed"; 2]);
    }
}

// ── Signals ──

/// A run that heeds signals: whoever runs the tests may ignore some, and what they start inherits that.
fn start_heeding_signals(scenario: &Scenario, options: &[&str]) -> Running {
    let words = [OsStr::new("--default-signal=HUP,INT,TERM")];
    Running::of(behind("env", &words, &scenario.run_command(options)))
}

#[test]
fn a_closed_terminal_ends_a_run_like_sigterm_and_no_open_create_is_in_doubt() {
    let provider = Simulated::with_faults("slow=2s:first:1");
    let scenario = Scenario::jobs(3).at(&provider);
    let mut run = start_heeding_signals(&scenario, &[]);
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
    let scenario = Scenario::jobs(20).at(&provider);
    let command = scenario.run_command(&["--submit-rate", "10/s"]);
    let mut run = Running::of(in_shell(&command, "trap '' HUP; exec \"$0\" \"$@\""));
    run.until("two tasks run", |_| provider.polled() >= 2);
    run.hang_up();
    run.finish().exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 20]);
}

#[test]
fn a_run_that_is_stopped_and_goes_on_pays_for_nothing_twice() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(30).at(&provider);
    let mut run = scenario.start(&["--submit-rate", "20/s"]);
    for posts in [1, 5, 10] {
        run.until("some creates", |_| provider.posts() >= posts);
        run.pause();
        run.unpause();
    }
    run.finish().exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 30]);
    assert_eq!(provider.posts(), 30);
}

#[test]
fn a_signal_before_the_first_request_ends_a_run_and_the_next_does_it_all() {
    let provider = Simulated::good_day();
    for signal in [Running::terminate, Running::hang_up, Running::interrupt] {
        let scenario = Scenario::jobs(2).at(&provider);
        let before = provider.posts();
        // The key comes from a pipe that nobody writes to: the run waits before it has asked for anything.
        let pipe = scenario.path("key");
        make_pipe(&pipe);
        let mut run = start_heeding_signals(&scenario, &["--api-key-file", "key"]);
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

// ── The state under a run ──

/// What somebody does to the files of a run that is going on.
type Meddling = fn(&Scenario);

fn state_file(scenario: &Scenario) -> PathBuf {
    scenario.out().join("state.jsonl")
}

fn append(path: &Path, text: &str) {
    let mut file = File::options().append(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("writable");
}

/// A run of so many jobs, meddled with once two tasks are known.
fn meddled_with(jobs: usize, meddle: Meddling) -> (Simulated, Scenario, Finished) {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(jobs).at(&provider);
    let mut run = scenario.start(&["--submit-rate", "20/s", "--concurrency", "30"]);
    run.until("two tasks run", |_| provider.polled() >= 2);
    meddle(&scenario);
    (provider, scenario, run.finish())
}

/// Fails if a task is neither in this state nor said.
#[track_caller]
fn assert_none_lost(provider: &Simulated, state: &str, run: &Finished) {
    for task in provider.ledger().tasks {
        let is_known = state.contains(&task.task_id) || run.stderr.contains(&task.task_id);
        assert!(is_known, "{} is lost:\n{}", task.task_id, run.stderr);
    }
}

#[test]
fn a_state_that_is_changed_under_a_run_ends_its_submits_and_is_not_believed_afterwards() {
    let cases: [(&str, Meddling); 4] = [
        ("truncated", |scenario| {
            let file = File::options().write(true).open(state_file(scenario));
            file.expect("a state").set_len(10).expect("writable");
        }),
        ("appended to", |scenario| {
            append(&state_file(scenario), "a note of mine\n");
        }),
        ("replaced by an editor", |scenario| {
            let copy = scenario.out().join("copy");
            fs::copy(state_file(scenario), &copy).expect("a copy");
            fs::rename(copy, state_file(scenario)).expect("replaced");
        }),
        ("renamed away with its directory", |scenario| {
            fs::rename(scenario.out(), scenario.path("away")).expect("renamed");
        }),
    ];
    std::thread::scope(|threads| {
        for (what, meddle) in cases {
            threads.spawn(move || {
                let (provider, scenario, run) = meddled_with(60, meddle);
                let run = run.exits(74);
                assert_calm(&run, what);
                assert!(
                    run.stderr.contains("removed, replaced or changed"),
                    "{what}: {}",
                    run.stderr
                );
                assert!(!run.stderr.contains("disk"), "{what}: {}", run.stderr);
                assert!(provider.posts() < 60, "{what}: submits end");
                if what.starts_with("renamed") {
                    fs::rename(scenario.path("away"), scenario.out()).expect("renamed back");
                    assert_none_lost(&provider, &scenario.state(), &run);
                    let again = scenario.run(&[]);
                    assert_calm(&again, what);
                    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
                }
            });
        }
    });
}

#[test]
fn a_state_that_is_edited_in_place_under_a_run_is_damage_to_the_next_and_nothing_is_sent() {
    let (provider, scenario, run) = meddled_with(30, |scenario| {
        let path = state_file(scenario);
        let text = fs::read_to_string(&path).expect("a state");
        let place = text.find("\"accepted\"").expect("a task runs") as u64;
        let file = File::options().write(true).open(&path).expect("a state");
        std::os::unix::fs::FileExt::write_all_at(&file, b"\"accepteD\"", place).expect("writable");
    });
    run.exits(0);
    assert_eq!(provider.posts(), 30);
    for verb in ["status", "plan", "report"] {
        scenario.ask(verb, &[]).exits(74);
    }
    scenario.run(&[]).exits(74).says("is damaged at line");
    assert_eq!(provider.posts(), 30);
}

#[test]
fn results_that_become_a_directory_under_a_run_cost_nothing_but_the_file() {
    let (provider, scenario, run) = meddled_with(30, |scenario| {
        let path = scenario.out().join("results.csv");
        fs::remove_file(&path).expect("results");
        fs::create_dir(&path).expect("a new directory");
        fs::write(path.join("mine"), "kept").expect("writable");
    });
    run.exits(74).says("results.csv");
    let mine = scenario.out().join("results.csv/mine");
    assert_eq!(fs::read_to_string(mine).expect("kept"), "kept");
    fs::rename(scenario.out().join("results.csv"), scenario.path("moved")).expect("renamed");
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 30);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_lock_that_is_removed_or_replaced_under_a_run_lets_no_second_one_in() {
    let cases: [Meddling; 3] = [
        |scenario| fs::remove_file(scenario.out().join("lock")).expect("a lock"),
        |scenario| {
            fs::remove_file(scenario.out().join("lock")).expect("a lock");
            scenario.write("shots.run/lock", "");
        },
        |scenario| scenario.write("shots.run/lock", ""),
    ];
    for meddle in cases {
        let provider = Simulated::with_faults("stuck=always");
        let scenario = Scenario::jobs(2).at(&provider);
        let mut run = scenario.start(&[]);
        run.until("both tasks run", |_| provider.polled() == 2);
        meddle(&scenario);
        scenario.run(&[]).exits(75).says("is in use by another run");
        scenario.ask("report", &[]).exits(75);
        run.kill();
        assert_eq!(provider.posts(), 2);
    }
}

// ── What stands in the way ──

#[test]
fn a_link_in_place_of_a_file_of_ours_leads_nowhere() {
    for name in ["state.jsonl", "lock", "results.csv"] {
        for target in ["nothing", "file", "directory"] {
            let provider = Simulated::good_day();
            let scenario = Scenario::jobs(1).at(&provider);
            scenario.write("file", "precious");
            fs::create_dir(scenario.path("directory")).expect("a new directory");
            fs::create_dir(scenario.out()).expect("a new directory");
            let link = scenario.out().join(name);
            symlink(scenario.path(target), &link).expect("a new link");
            let run = scenario.run(&[]);
            assert_calm(&run, name);
            let what = format!("{name} to {target}: {}", run.stderr);
            if name == "results.csv" && run.code == 0 {
                assert!(!link.is_symlink(), "{what}");
            } else {
                assert_eq!((run.code, provider.posts()), (74, 0), "{what}");
                assert!(run.stderr.contains(name), "{what}");
            }
            assert_eq!(
                fs::read_to_string(scenario.path("file")).expect("kept"),
                "precious"
            );
            assert!(!scenario.path("nothing").exists(), "{what}");
            let inside = fs::read_dir(scenario.path("directory")).expect("kept");
            assert_eq!(inside.count(), 0, "{what}");
            fs::remove_file(&link).expect("the link or the results");
            let _ = fs::remove_file(scenario.out().join("results.csv"));
            let last = scenario.run(&[]);
            assert_eq!(
                (last.code, provider.posts()),
                (0, 1),
                "{what}{}",
                last.stderr
            );
        }
    }
}

#[test]
fn a_directory_of_ours_may_be_a_link_to_a_directory_and_to_nothing_else() {
    let provider = Simulated::good_day();
    for (target, code) in [("elsewhere", 0), ("nothing", 74), ("file", 74)] {
        let scenario = Scenario::jobs(1).at(&provider);
        scenario.write("file", "precious");
        fs::create_dir(scenario.path("elsewhere")).expect("a new directory");
        symlink(scenario.path(target), scenario.out()).expect("a new link");
        let before = provider.posts();
        let run = scenario.run(&[]).exits(code);
        assert_calm(&run, target);
        assert_eq!(provider.posts() - before, u64::from(code == 0), "{target}");
        assert_eq!(
            fs::read_to_string(scenario.path("file")).expect("kept"),
            "precious"
        );
    }
}

#[test]
fn a_hard_link_to_somebody_elses_file_is_not_written_to() {
    for name in ["state.jsonl", "lock", "results.csv"] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(1).at(&provider);
        scenario.write("file", "precious");
        fs::create_dir(scenario.out()).expect("a new directory");
        fs::hard_link(scenario.path("file"), scenario.out().join(name)).expect("a new link");
        let run = scenario.run(&[]).exits(74);
        assert_calm(&run, name);
        assert!(
            run.stderr.contains(name) || name == "results.csv",
            "{}",
            run.stderr
        );
        assert_eq!(
            fs::read_to_string(scenario.path("file")).expect("kept"),
            "precious"
        );
        assert_eq!(provider.posts(), 0, "{name}");
    }
}

#[test]
fn a_state_with_two_names_in_two_directories_belongs_to_one_run_at_a_time() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("both tasks run", |_| provider.polled() == 2);
    let twin = scenario.path("twin");
    fs::create_dir(&twin).expect("a new directory");
    fs::hard_link(state_file(&scenario), twin.join("state.jsonl")).expect("a new link");
    symlink(scenario.out(), scenario.path("alias")).expect("a new link");
    symlink("shots.csv", scenario.path("other.csv")).expect("a new link");
    for out in ["twin", "alias", "./shots.run", "../../../../../../../../.."] {
        let out = match out {
            long if long.starts_with("..") => format!("{long}{}", scenario.out().display()),
            short => short.to_owned(),
        };
        scenario.run(&["--out", &out]).exits(75);
        let mut other = scenario.run_command(&["--out", &out]);
        let arguments: Vec<_> = other
            .get_args()
            .map(|word| match word.to_str() {
                Some("shots.csv") => "other.csv".into(),
                _ => word.to_owned(),
            })
            .collect();
        let mut command = scenario.command(&[]);
        other = {
            command.args(arguments);
            command
        };
        Running::of(other).finish().exits(75);
    }
    run.kill();
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_pipe_or_device_in_place_of_a_file_is_refused_at_once() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.write("zero.key", "");
    for name in ["state.jsonl", "lock", "shots.run"] {
        let _ = fs::remove_dir_all(scenario.out());
        let path = match name {
            "shots.run" => scenario.out(),
            name => {
                fs::create_dir(scenario.out()).expect("a new directory");
                scenario.out().join(name)
            }
        };
        make_pipe(&path);
        scenario.run(&[]).exits(74).says(name);
        for verb in ["status", "plan"] {
            let asked = scenario.ask(verb, &[]);
            assert!(
                [0, 74].contains(&asked.code),
                "{verb} {name}: {}",
                asked.stderr
            );
        }
        fs::remove_file(&path).expect("the pipe");
    }
    make_pipe(&scenario.path("pipe.csv"));
    for manifest in ["pipe.csv", "/dev/zero", "/dev/null", "/dev/full"] {
        for verb in ["check", "plan", "run", "report"] {
            scenario.shotlist(&[verb, manifest]).exits(2);
        }
    }
    for key in ["/dev/zero", "/dev/null", "/dev/full", "."] {
        scenario.run(&["--api-key-file", key]).exits(2).says(key);
    }
    assert_eq!(provider.posts(), 0);
    // results.csv alone is replaced, whatever it was
    let _ = fs::remove_dir_all(scenario.out());
    fs::create_dir(scenario.out()).expect("a new directory");
    make_pipe(&scenario.out().join("results.csv"));
    scenario.run(&[]).exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"]);
}

fn make_pipe(path: &Path) {
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mkfifoat(CWD, path, mode).expect("a new pipe");
}

// ── Permissions ──

#[test]
fn whatever_the_umask_state_and_directory_are_private_and_a_run_goes_well() {
    for (umask, results) in [("000", 0o666), ("077", 0o600), ("027", 0o640)] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(1).at(&provider);
        let command = in_shell(
            &scenario.run_command(&[]),
            &format!("umask {umask}; exec \"$0\" \"$@\""),
        );
        let run = Running::of(command).finish().exits(0);
        assert!(!run.stderr.contains("warning"), "{}", run.stderr);
        let mode = |name: &str| {
            let metadata = scenario.out().join(name).metadata().expect("there");
            metadata.permissions().mode() & 0o777
        };
        let found = ["", "state.jsonl", "lock", "results.csv"].map(mode);
        assert_eq!(found, [0o700, 0o600, 0o600, results], "{umask}");
    }
}

#[test]
fn what_everyone_can_change_or_read_is_told_with_the_command_that_mends_it() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.write("my.key", "sk-of-my-own\n");
    let chmod = |name: &str, mode| {
        fs::set_permissions(scenario.path(name), Permissions::from_mode(mode)).expect("ours");
    };
    chmod("my.key", 0o604);
    let key = ["--api-key-file", "my.key"];
    scenario.run(&key).exits(0).says("`chmod 600 my.key`");
    chmod("my.key", 0o640);
    chmod("shots.run", 0o777);
    chmod("shots.run/state.jsonl", 0o666);
    let run = scenario.run(&key).exits(0);
    let run = run
        .says("`chmod 700 shots.run`")
        .says("`chmod 600 shots.run/state.jsonl`");
    assert!(!run.stderr.contains("my.key"), "{}", run.stderr);
    assert_eq!(provider.posts(), 1);
}

// ── File systems ──

/// Runs a script as root of a name space of its own, where file systems can be mounted; `None` where that is not
/// allowed, which is said.
fn mounting(test: &str, command: &Command, script: &str) -> Option<Command> {
    let mut trial = Command::new("unshare");
    trial.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !succeeds(&mut trial) {
        announce(&format!("{test}: NOT RUN, this machine allows no mounts"));
        return None;
    }
    let shell = in_shell(command, script);
    let mut unshared = Command::new("unshare");
    unshared
        .args(["-rm"])
        .arg(shell.get_program())
        .args(shell.get_args())
        .current_dir(shell.get_current_dir().expect("set"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .envs(
            shell
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    Some(unshared)
}

fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

#[test]
fn a_file_system_that_is_full_at_any_point_loses_nothing_and_the_next_run_goes_on() {
    // Up to where the header fits, the first intent, some intents, all of them.
    let levels = [0, 4, 16, 256, 512, 580, 600, 640, 700, 760, 820, 4096];
    let ends = std::thread::scope(|threads| {
        let runs = levels.map(|free| threads.spawn(move || with_free_disk(free)));
        runs.map(|run| run.join().expect("no failure"))
    });
    let count = |wanted| ends.iter().filter(|end| **end == Some(wanted)).count();
    if ends.contains(&None) {
        return;
    }
    let [refused, broken_off, whole] = [End::Refused, End::BrokenOff, End::Whole].map(count);
    announce(&format!(
        "a full file system: {} levels, {refused} runs refused before a request, {broken_off} broken off, {whole} whole; \
         0 duplicates, 0 lost",
        levels.len()
    ));
    assert!(refused > 0 && broken_off > 0 && whole > 0, "{ends:?}");
}

/// How a run on a small disk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Refused,
    BrokenOff,
    Whole,
}

/// Runs 40 jobs with long prompts where so many KiB are free; `None` if it cannot be tried here.
fn with_free_disk(kilobytes: u32) -> Option<End> {
    let provider = Simulated::good_day();
    let long = |id: &str| format!("{} {}", support::prompt(id), "la ".repeat(2500));
    let mut table = support::table([]);
    for id in (1..=40).map(support::job_id) {
        table += &support::row(&id, long(&id).trim());
    }
    let scenario = Scenario::manifest("shots.csv", &table).at(&provider);
    fs::create_dir(scenario.out()).expect("a new directory");
    // What the disk holds at the end is carried over.
    let filled = 5120 - kilobytes;
    let script = format!(
        "mkdir disk && mount -t tmpfs -o size=5120k,nr_inodes=100 none disk \
         && head -c {filled}k /dev/zero >disk/ballast; mkdir disk/run; \"$0\" \"$@\" --out disk/run; \
         code=$?; cp disk/run/* shots.run/; exit $code"
    );
    let command = scenario.run_command(&["--concurrency", "12"]);
    let command = mounting("a full file system", &command, &script)?;
    let run = Running::of(command).finish();
    assert_calm(&run, &format!("{kilobytes} KiB"));
    assert!([0, 74].contains(&run.code), "{kilobytes}: {}", run.stderr);
    let posts = provider.posts();
    let state = scenario.out().join("state.jsonl");
    let state = fs::read_to_string(state).unwrap_or_default();
    assert_none_lost(&provider, &state, &run);
    let last = scenario.run(&["--out", "shots.run", "--concurrency", "12"]);
    assert_eq!(last.code, 0, "{kilobytes}: {}", last.stderr);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
    assert_eq!(provider.posts(), 40, "{kilobytes}");
    Some(match (run.code, posts) {
        (0, _) => End::Whole,
        (_, 0) => End::Refused,
        _ => End::BrokenOff,
    })
}

#[test]
fn a_file_system_that_cannot_be_written_is_told_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&["--max-jobs", "1"]).exits(6);
    let results = scenario.results_text();
    for verb in ["run", "report", "status", "plan"] {
        let command = match verb {
            "run" => scenario.run_command(&[]),
            verb => scenario.command(&[verb, "shots.csv"]),
        };
        let script =
            "mount --bind . . && mount -o remount,ro,bind . && cd \"$PWD\" && exec \"$0\" \"$@\"";
        let Some(command) = mounting("a read-only file system", &command, script) else {
            return;
        };
        let run = Running::of(command).finish();
        let is_reader = ["status", "plan"].contains(&verb);
        let run = run.exits(if is_reader { 0 } else { 74 });
        assert!(
            is_reader || run.stderr.contains("Read-only file system"),
            "{}",
            run.stderr
        );
    }
    assert_eq!(provider.posts(), 1);
    assert_eq!(scenario.results_text(), results);
}

// ── Two runs ──

/// How many pairs of runs are started at once, one pair after the other.
fn races() -> usize {
    let wanted = std::env::var("SHOTLIST_RACES").ok();
    wanted.map_or(6, |races| races.parse().expect("a number"))
}

#[test]
fn of_two_runs_started_at_once_one_does_the_work_and_the_other_leaves() {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let total = std::thread::scope(|threads| {
        let race = || {
            let mut left = 0;
            while next.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < races() {
                left += one_race();
            }
            left
        };
        let racers: Vec<_> = (0..2).map(|_| threads.spawn(race)).collect();
        racers
            .into_iter()
            .map(|racer| racer.join().expect("no failure"))
            .sum::<usize>()
    });
    announce(&format!(
        "two runs at once: {} races, {total} runs left with 75; 0 duplicates, 0 lost",
        races()
    ));
}

/// How many of two runs that were started at once left with 75.
fn one_race() -> usize {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    let both = [(); 2].map(|()| scenario.start(&[]));
    let codes = both.map(|run| run.finish().code);
    assert!(codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    assert!(codes.contains(&0), "{codes:?}");
    assert_eq!(provider.posts(), 3, "{codes:?}");
    assert_eq!(standings(&scenario.results()), ["completed"; 3]);
    codes.iter().filter(|code| **code == 75).count()
}

#[test]
fn what_a_dead_or_a_foreign_run_has_written_into_the_lock_keeps_nobody_out() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("the task runs", |_| provider.polled() == 1);
    let pid = run.pid();
    run.kill();
    let lock = fs::read_to_string(scenario.out().join("lock")).expect("a lock");
    assert!(
        lock.contains(&pid.to_string()),
        "the dead run is still named: {lock}"
    );
    let status = scenario.ask("status", &[]).exits(0).stdout;
    assert!(status.contains("no run is going on"), "{status}");
    scenario.run(&["--job-timeout", "300ms"]).exits(7);
    let living = format!("{{\"pid\":{},\"host\":\"x\"", std::process::id());
    scenario.write("shots.run/lock", &living);
    scenario.run(&["--job-timeout", "300ms"]).exits(7);
    assert_eq!(provider.posts(), 1);
}

#[test]
fn who_holds_a_state_is_said_before_what_is_wrong_with_it() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("both tasks run", |_| provider.polled() == 2);
    let whole = scenario.state();
    for header in ["{\"seq\":0,\"typo", "hello", "{\"seq\":7"] {
        let damaged = format!("{header}{}", &whole[header.len()..]);
        scenario.damage_state(&damaged);
        scenario.run(&[]).exits(75);
        let _ = fs::remove_file(scenario.out().join("lock"));
        scenario.run(&[]).exits(75);
    }
    run.kill();
    scenario.run(&[]).exits(74);
    scenario.damage_state(&whole);
    scenario.run(&["--job-timeout", "100ms"]).exits(7);
    assert_eq!(provider.posts(), 2);
}

// ── The state of another place or time ──

/// The state with other words in it, every line's checksum made right again.
fn rewritten(state: &str, change: impl Fn(&str) -> String) -> String {
    let lines = state.lines().map(|line| {
        let changed = change(line);
        let body = changed.rsplit_once(",\"crc32\":\"").expect("a checksum").0;
        let sum = crc32fast::hash(body.as_bytes());
        format!("{body},\"crc32\":\"{sum:08x}\"}}\n")
    });
    lines.collect()
}

#[test]
fn a_state_from_another_machine_is_used_with_a_warning() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&["--max-jobs", "1"]).exits(6);
    let own = scenario.state();
    let machine = shotlist::state::machine_name();
    let foreign = rewritten(&own, |line| {
        line.replace(
            &format!("\"machine\":\"{machine}\""),
            "\"machine\":\"elsewhere\"",
        )
    });
    assert_ne!(own, foreign);
    assert_eq!(
        own,
        rewritten(&own, str::to_owned),
        "this is how checksums are made"
    );
    scenario.damage_state(&foreign);
    for verb in ["status", "plan", "report"] {
        scenario
            .ask(verb, &[])
            .exits(0)
            .says("begun on the machine `elsewhere`");
    }
    scenario
        .run(&[])
        .exits(0)
        .says("begun on the machine `elsewhere`");
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_clock_that_was_set_back_since_the_last_run_costs_nothing() {
    let provider = Simulated::with_faults("stuck=first:1");
    let scenario = Scenario::jobs(3).at(&provider);
    scenario
        .run(&["--max-jobs", "2", "--job-timeout", "400ms"])
        .exits(6);
    let years = |line: &str| line.replace("\"at\":\"20", "\"at\":\"21");
    scenario.damage_state(&rewritten(&scenario.state(), years));
    for verb in ["status", "plan", "report"] {
        scenario.ask(verb, &[]).exits(0);
    }
    let mut run = scenario.start(&[]);
    run.until("the rest is done", |_| {
        scenario.state().matches("\"completed\"").count() == 2
    });
    run.interrupt();
    let run = run.finish().exits(130);
    assert_calm(&run, "a clock that was set back");
    assert_eq!(standings(&scenario.results())[1..], ["completed"; 2]);
    assert_eq!(provider.posts(), 3);
}

#[test]
fn a_state_of_a_newer_shotlist_is_refused_by_every_command_and_left_as_it_is() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&["--max-jobs", "1"]).exits(6);
    let own = scenario.state();
    let newer = rewritten(&own, |line| {
        line.replace("\"version\":1,", "\"version\":2,")
    });
    assert_ne!(own, newer);
    scenario.damage_state(&newer);
    for verb in ["status", "plan", "report"] {
        scenario.ask(verb, &[]).exits(74).says("newer shotlist");
    }
    scenario.run(&[]).exits(74).says("use the newer shotlist");
    assert_eq!((scenario.state(), provider.posts()), (newer, 1));
}

// ── Odd names and an odd environment ──

#[test]
fn a_manifest_may_have_any_name_and_be_reached_in_any_way() {
    let long = "x".repeat(200);
    let names = [
        OsString::from("with space.csv"),
        OsString::from("line\nbreak.csv"),
        OsString::from("-dash.csv"),
        OsString::from(format!("{long}.csv")),
        OsString::from_vec(b"caf\xe9.csv".to_vec()),
    ];
    for name in names {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(1).at(&provider);
        fs::rename(scenario.path("shots.csv"), scenario.home().join(&name)).expect("renamed");
        fs::create_dir(scenario.path("sub")).expect("a new directory");
        let manifest = Path::new("..").join("sub").join("..").join(&name);
        let run = || {
            let mut command = scenario.run_command(&[]);
            let options: Vec<_> = command.get_args().skip(2).map(OsStr::to_owned).collect();
            command = scenario.command(&["run"]);
            command
                .arg(&manifest)
                .args(options)
                .current_dir(scenario.path("sub"));
            Running::of(command).finish().exits(0)
        };
        run();
        let again = run();
        assert!(!again.stderr.contains('\r'), "{name:?}");
        let out = scenario.home().join(Path::new(&name).with_extension("run"));
        let results = fs::read_to_string(out.join("results.csv")).expect("beside the manifest");
        assert_eq!(standings(&rows(&results)), ["completed"], "{name:?}");
        assert_eq!(provider.posts(), 1, "{name:?}");
    }
}

#[test]
fn a_directory_named_with_out_may_have_any_name() {
    for name in [
        b"a b".to_vec(),
        b"a\nb".to_vec(),
        b"\xff\xfe".to_vec(),
        b"-x".to_vec(),
        b"../up".to_vec(),
    ] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(1).at(&provider);
        fs::create_dir(scenario.path("sub")).expect("a new directory");
        let name = OsString::from_vec(name);
        for _ in 0..2 {
            let mut option = OsString::from("--out=");
            option.push(Path::new("sub").join(&name));
            let mut command = scenario.run_command(&[]);
            command.arg(option);
            Running::of(command).finish().exits(0);
        }
        assert!(
            scenario
                .path("sub")
                .join(&name)
                .join("state.jsonl")
                .exists()
        );
        assert_eq!(provider.posts(), 1, "{name:?}");
    }
}

#[test]
fn a_path_that_is_too_long_is_an_error_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let long = "y/".repeat(3000);
    let run = scenario.run(&["--out", &long]).exits(74);
    assert_calm(&run, "a long path");
    scenario.shotlist(&["run", &long]).exits(2);
    scenario.run(&["--api-key-file", &long]).exits(2);
    assert_eq!(provider.posts(), 0);
}

#[test]
fn an_odd_environment_changes_nothing() {
    let settings: [&[(&str, &str)]; 4] = [
        &[("TZ", "nonsense"), ("LC_ALL", "C"), ("LANG", "nowhere")],
        &[("TMPDIR", "/nonexistent"), ("HOME", "/nonexistent")],
        &[("TERM", ""), ("COLUMNS", "0"), ("LINES", "-1")],
        &[
            ("RUST_LOG", "trace"),
            ("RUST_BACKTRACE", "full"),
            ("PATH", ""),
        ],
    ];
    for setting in settings {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(1).at(&provider);
        let mut command = scenario.run_command(&["--deadline", "23:59"]);
        command.envs(setting.iter().copied());
        Running::of(command).finish().exits(0);
        assert_eq!(provider.posts(), 1, "{setting:?}");
    }
}

#[test]
fn a_working_directory_that_was_removed_is_no_reason_to_panic() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    fs::create_dir(scenario.path("gone")).expect("a new directory");
    let gone = "cd gone && rmdir ../gone && exec \"$0\" \"$@\"";
    let relative = Running::of(in_shell(&scenario.run_command(&[]), gone)).finish();
    assert_calm(&relative.exits(2), "a relative manifest");
    fs::create_dir(scenario.path("gone")).expect("a new directory");
    let mut command = scenario.run_command(&[]);
    let options: Vec<_> = command.get_args().skip(2).map(OsStr::to_owned).collect();
    command = scenario.command(&["run"]);
    command.arg(scenario.path("shots.csv")).args(options);
    Running::of(in_shell(&command, gone)).finish().exits(0);
    assert_eq!(provider.posts(), 1);
}

// ── What is said ──

#[test]
fn wrong_usage_ends_in_a_summary_where_json_was_asked_for() {
    let scenario = Scenario::jobs(1);
    let cases: [(&[&str], &str); 4] = [
        (&["run", "shots.csv", "--json", "--concurrency", "0"], "run"),
        (&["status", "--json"], "status"),
        (&["plan", "shots.csv", "--json", "--no-such-option"], "plan"),
        (&["resolve", "shots.csv", "--json"], "resolve"),
    ];
    for (words, command) in cases {
        let lines = scenario.shotlist(words).exits(2).lines();
        let [error, summary] = &lines[..] else {
            panic!("{lines:?}")
        };
        assert_eq!(
            (&error["type"], &error["schema"]),
            (&"error".into(), &1.into())
        );
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|text| text.len() > 10),
            "{error}"
        );
        assert_eq!(
            (&summary["type"], &summary["exit_code"]),
            (&"summary".into(), &2.into())
        );
        assert_eq!(summary["command"], *command);
    }
    let help = scenario.shotlist(&["run", "--json", "--help"]).exits(0);
    assert!(!help.stdout.contains("summary\""), "help is no error");
    let silent = scenario.shotlist(&["run", "--no-such-option"]).exits(2);
    assert_eq!(silent.stdout, "");
}

#[test]
fn the_results_of_a_rehearsal_can_be_rebuilt_where_they_are() {
    let scenario = Scenario::jobs(2);
    scenario
        .shotlist(&[
            "run",
            "shots.csv",
            "--rehearse",
            "--poll-first",
            "100ms",
            "--poll-every",
            "100ms",
        ])
        .exits(0);
    let path = scenario.path("shots.rehearsal/results.csv");
    let results = fs::read(&path).expect("results");
    fs::remove_file(&path).expect("results");
    scenario
        .ask("report", &["--out", "shots.rehearsal"])
        .exits(0);
    assert_eq!(fs::read(&path).expect("results"), results);
    for verb in ["status", "plan"] {
        scenario.ask(verb, &["--out", "shots.rehearsal"]).exits(0);
    }
    let state = scenario.path("shots.rehearsal/state.jsonl");
    assert!(fs::read_to_string(state).expect("kept").lines().count() > 5);
}

#[test]
fn one_task_for_two_jobs_is_told_and_none_of_them_is_sent_again() {
    let provider = Raw::answering(|request| {
        let body = match request.method.as_str() {
            "POST" => serde_json::json!({"task_id": "the-one-task"}),
            _ => serde_json::json!({"task_id": "the-one-task", "status": "processing"}),
        };
        support::json(200, &body)
    });
    let scenario = Scenario::jobs(2).at(&provider);
    let run = scenario.run(&["--job-timeout", "300ms", "--json"]).exits(7);
    let notice = run
        .lines()
        .into_iter()
        .find(|line| line["kind"] == "shared_task");
    let notice = notice.expect("a notice");
    assert_eq!(notice["job"], "job-02");
    let message = notice["message"].as_str().expect("text");
    assert!(
        message.contains("`the-one-task`") && message.contains("`job-01`"),
        "{message}"
    );
    scenario.run(&["--job-timeout", "300ms"]).exits(7);
    assert_eq!(provider.posts(), 2);
    assert_eq!(&scenario.result("job-02")["task_id"], "the-one-task");
}

// ── The key ──

#[test]
fn the_key_is_in_nothing_that_a_run_leaves_or_shows() {
    let sizes = std::thread::scope(|threads| {
        let runs = [false, true].map(|in_file| threads.spawn(move || search_for_key(in_file)));
        runs.map(|run| run.join().expect("no failure"))
    });
    announce(&format!(
        "the key: {} bytes of streams and files searched for {} forms of it, found 0",
        sizes.iter().sum::<usize>(),
        forms_of(KEY).len()
    ));
}

/// Runs through every kind of trouble, with the key in the environment or in a file; how much was searched.
fn search_for_key(in_file: bool) -> usize {
    let faults = "429=first:1,no-id=10%,500=10%,poll:500=20%,fail=20%";
    let provider = Simulated::with_faults(faults);
    let scenario = Scenario::jobs(12).at(&provider);
    let proxy = "http://127.0.0.1:9"; // never for loopback
    let mut command = scenario.run_command(&["--json", "--concurrency", "6"]);
    command.envs([("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")]);
    command.envs([("HTTP_PROXY", proxy), ("ALL_PROXY", proxy)]);
    if in_file {
        scenario.write("the.key", &format!("{KEY}\n"));
        command
            .env_remove("SHOTLIST_API_KEY")
            .args(["--api-key-file", "the.key"]);
    }
    let mut run = Running::of(command);
    let mut command_line = Vec::new();
    run.until("some creates", |run| {
        command_line.extend(fs::read(format!("/proc/{}/cmdline", run.pid())).unwrap_or_default());
        provider.posts() >= 4
    });
    run.interrupt();
    let mut texts = vec![command_line];
    for said in [
        run.finish(),
        scenario.run(&["--json"]),
        scenario.ask("status", &["--json"]),
        scenario.ask("plan", &[]),
        scenario.ask("report", &[]),
    ] {
        texts.extend([said.stdout.into_bytes(), said.stderr.into_bytes()]);
    }
    let files = scenario.files().into_iter();
    texts.extend(files.filter_map(|(path, text)| (!path.ends_with("the.key")).then_some(text)));
    for form in forms_of(KEY) {
        for text in &texts {
            let is_here = |window: &[u8]| window == form.as_bytes();
            let found = text.windows(form.len()).any(is_here);
            assert!(!found, "`{form}` is in {}", String::from_utf8_lossy(text));
        }
    }
    let searched = texts.iter().map(Vec::len).sum();
    assert!(searched > 10_000, "there is something to search");
    searched
}

/// A key as it is and as programs write it: reversed, in base64 at each offset, percent-encoded, in hexadecimal, in
/// JSON escapes.
fn forms_of(key: &str) -> Vec<String> {
    let each = |form: fn(u8) -> String| key.bytes().map(form).collect::<String>();
    let mut forms = vec![
        key.to_owned(),
        key.chars().rev().collect(),
        each(|byte| format!("%{byte:02X}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("\\u{byte:04x}")),
        key.replace('-', "%2D"),
        key.replace('-', "\\u002d"),
    ];
    for skipped in 0..3 {
        let whole = &key.as_bytes()[skipped..];
        forms.push(base64(&whole[..whole.len() / 3 * 3]));
    }
    forms
}

/// The base64 of bytes whose number is a multiple of three.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_three = |three: &[u8]| {
        let bits = three
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63]))
    };
    bytes.chunks(3).flat_map(of_three).collect()
}
