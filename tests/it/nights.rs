//! Runs that nobody watches: they wait for the one before them, keep a log, and tell somebody how they ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use shotlist::cli;
use shotlist::error::ExitCode;

use crate::support::lines::assert_in_log_schema;
use crate::support::lines::refused;
use crate::support::{
    Closed, Finished, KEY, Provider, Raw, Running, Scenario, Simulated, announce, answer,
    assert_paid_once, redirect, standings, table, until,
};

/// A run that waits for `first` to end.
fn waiting(scenario: &Scenario, options: &[&str]) -> Running {
    let mut second = scenario.start(&[&["--wait-lock", "50s"], options].concat());
    second.until("it says who holds the lock", |second| {
        second.stderr().contains("waiting up to 50s")
    });
    second
}

#[test]
fn a_run_that_waits_for_the_lock_collects_what_the_first_has_made_and_makes_nothing_twice() {
    let provider = Simulated::rendering("1s");
    let scenario = Scenario::jobs(3).at(&provider);
    let mut first = scenario.start(&["--concurrency", "3"]);
    first.until("two tasks run", |_| provider.creates() >= 2);
    let second = waiting(&scenario, &["--concurrency", "3"]);
    let by = format!("another run: process {}", first.pid());
    assert!(second.stderr().contains(&by), "{}", second.stderr());
    first.finish().exits(0);
    let said = second.finish().exits(0).stderr;
    assert_eq!(said.matches("another run").count(), 1, "{said}");
    assert!(said.contains("it has ended after"), "{said}");
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
    assert_eq!(provider.posts(), 3);
}

#[test]
fn nothing_is_sent_before_the_lock_is_held_and_the_manifest_is_read_then() {
    let provider = Simulated::with_faults("stuck=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the task runs", |_| provider.polled() == 1);
    let second = waiting(&scenario, &["--select", "job-*", "--job-timeout", "1s"]);
    scenario.edit(&table(1..=3));
    assert_eq!(provider.posts(), 1);
    first.interrupt();
    first.finish().exits(130);
    second.finish().exits(7);
    assert_eq!(
        standings(&scenario.results()),
        ["running/timeout", "completed", "completed"]
    );
    assert_eq!(provider.posts(), 3);
}

#[test]
fn a_manifest_that_was_broken_meanwhile_sends_nothing() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the task runs", |_| provider.polled() == 1);
    let second = waiting(&scenario, &[]);
    scenario.edit("id,promt\na,b\n");
    first.terminate();
    first.finish().exits(143);
    second.finish().exits(2).says("promt");
    assert_eq!(provider.posts(), 1);
}

#[test]
fn waiting_has_an_end_by_itself_and_by_signals() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the task runs", |_| provider.polled() == 1);
    let lines = scenario.run(&["--wait-lock", "300ms", "--json"]).exits(75);
    assert_eq!(
        lines.lines().last().expect("a summary")["exit_name"],
        "held"
    );
    for (signal, code) in [
        (Running::interrupt as fn(&Running), 130),
        (Running::terminate, 143),
    ] {
        let second = waiting(&scenario, &["--json"]);
        signal(&second);
        let second = second.finish().exits(code);
        assert_eq!(second.lines().last().expect("a summary")["exit_code"], code);
    }
    assert_eq!(provider.posts(), 1);
    first.interrupt();
    first.finish().exits(130);
}

#[test]
fn report_download_and_resolve_wait_as_well() {
    let provider = Simulated::with_faults("no-id=first:1,stuck=after:1");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("the second task runs", |_| provider.polled() == 1);
    let begin = |verb, words: &[&str]| {
        let words = [&[verb, "shots.csv", "--wait-lock", "50s"], words].concat();
        let mut command = Running::of(scenario.command(&words));
        command.until("it waits", |it| it.stderr().contains("waiting up to"));
        command
    };
    let all = [
        begin("report", &[]),
        begin("download", &[]),
        begin("resolve", &["job-01", "--not-created"]),
    ];
    first.interrupt();
    first.finish().exits(130);
    for command in all {
        command.finish().exits(0);
    }
    assert_eq!(scenario.result("job-01").standing(), "pending");
}

#[test]
fn a_free_lock_is_not_waited_for() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let said = scenario.run(&["--wait-lock", "10m"]).exits(0).stderr;
    assert!(!said.contains("waiting up to"), "{said}");
    let other = Scenario::manifest("other.csv", &table(1..=1)).at(&provider);
    let out = scenario.out().display().to_string();
    let words = ["--wait-lock", "10m", "--rehearse", "--out", &out];
    other.run(&words).exits(2).says("real run");
}

/// A hook at an address of its own; its answers are `statuses` in turn, the last for ever.
fn hook(statuses: &'static [u16]) -> Raw {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    Raw::answering(move |_| {
        let turn = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let status = statuses[turn.min(statuses.len() - 1)];
        answer(status, "content-type: text/plain", "said")
    })
}

/// Where a hook is, with a secret in its address.
fn secret_address(hook: &impl Provider) -> String {
    format!("{}/services/T0-secret?token=s3cret", hook.base_url())
}

/// Nobody was told the key, or shown the secret of the address.
#[track_caller]
fn assert_discreet(finished: &Finished, scenario: &Scenario) {
    let said = format!("{}{}", finished.stdout, finished.stderr);
    let files = scenario.files();
    let files = files
        .iter()
        .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned());
    for text in files.chain([said]) {
        for secret in [KEY, "s3cret", "T0-secret"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_url_gets_the_summary_once_and_no_key() {
    let provider = Simulated::good_day();
    let hook = hook(&[204]);
    let scenario = Scenario::jobs(2).at(&provider);
    let address = secret_address(&hook);
    let run = scenario.run(&["--json", "--on-finish", &address]).exits(0);
    let requests = hook.requests();
    assert_eq!(requests.len(), 1);
    let [asked] = &requests[..] else {
        unreachable!()
    };
    assert_eq!(
        (asked.method.as_str(), asked.authorization.as_str()),
        ("POST", "")
    );
    assert_eq!(asked.path, "/services/T0-secret?token=s3cret");
    assert_eq!(Some(&asked.body), run.lines().last());
    assert_eq!(refused(&asked.body), None);
    assert!(asked.body["run"].as_str().expect("a run").ends_with("-1"));
    assert_discreet(&run, &scenario);
}

#[test]
fn a_url_that_fails_for_now_is_tried_three_times_and_one_that_redirects_once() {
    let elsewhere = hook(&[200]);
    let to = elsewhere.base_url();
    let cases: [(Raw, usize, Option<&str>); 5] = [
        (hook(&[500, 500, 200]), 3, None),
        (hook(&[429, 200]), 2, None),
        (hook(&[503]), 3, Some("it answered 503")),
        (hook(&[404]), 1, Some("it answered 404")),
        (
            Raw::answering(move |_| redirect(&to)),
            1,
            Some("it redirects (307), which is not followed"),
        ),
    ];
    std::thread::scope(|threads| {
        for (hook, tries, failure) in cases {
            threads.spawn(move || {
                let provider = Simulated::good_day();
                let scenario = Scenario::jobs(1).at(&provider);
                let run = scenario
                    .run(&["--on-finish", &secret_address(&hook)])
                    .exits(0);
                assert_eq!(hook.requests().len(), tries, "{}", run.stderr);
                match failure {
                    Some(failure) => {
                        let warning =
                            format!("warning: `--on-finish` failed: `127.0.0.1`: {failure}");
                        assert!(run.stderr.contains(&warning), "{}", run.stderr);
                    }
                    None => assert!(!run.stderr.contains("warning"), "{}", run.stderr),
                }
                assert_discreet(&run, &scenario);
            });
        }
    });
    assert_eq!(elsewhere.requests().len(), 0);
}

#[test]
fn a_url_that_hangs_is_given_up_and_a_signal_ends_the_waiting() {
    let provider = Simulated::good_day();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}/s3cret", silent.local_addr().expect("bound"));
    let scenario = Scenario::jobs(1).at(&provider);
    let run = scenario.start(&["--on-finish", &address]);
    let (_stream, _) = silent.accept().expect("the hook is asked");
    scenario.ask("report", &[]).exits(0); // the lock is given back by now
    run.interrupt();
    let run = run
        .finish()
        .exits(0)
        .says("failed: `127.0.0.1`: it was interrupted");
    assert_discreet(&run, &scenario);
    let words = [
        "--on-finish",
        &format!("{}/x", Closed::anywhere().base_url()),
    ];
    scenario
        .run(&words)
        .exits(0)
        .says("`--on-finish` failed: `127.0.0.1`: ");
}

#[test]
fn an_address_without_a_host_is_refused_before_anything_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    for target in ["https://", " "] {
        scenario
            .run(&["--on-finish", target])
            .exits(2)
            .says("`--on-finish`");
    }
    assert_eq!(provider.posts(), 0);
}

/// Notes everything that it is told in files.
const NOTE: &str =
    "cat > told.json; env > env.txt; printf '%s %s' $SHOTLIST_EXIT_CODE $SHOTLIST_RUN > code.txt";

#[track_caller]
fn assert_told(scenario: &Scenario, run: &Finished) {
    let read = |name: &str| fs::read_to_string(scenario.path(name)).expect("the command was run");
    let told: Value = serde_json::from_str(&read("told.json")).expect("JSON");
    assert_eq!(refused(&told), None);
    assert_eq!(Some(&told), run.lines().last());
    let (code, name) = (run.code, told["run"].as_str().expect("a run"));
    assert_eq!(read("code.txt"), format!("{code} {name}"));
    assert!(!read("env.txt").contains(KEY) && !read("env.txt").contains("API_KEY"));
}

#[test]
fn a_command_is_told_the_summary_and_the_code_however_the_run_ends() {
    let cases: &[(&str, &[&str], i32)] = &[
        ("", &[], 0),
        ("fail=first:1", &[], 3),
        ("401=always", &[], 4),
        ("no-id=first:1", &[], 5),
        ("402=always", &[], 6),
        ("stuck=first:1", &["--job-timeout", "300ms"], 7),
    ];
    std::thread::scope(|threads| {
        for (faults, options, code) in cases {
            threads.spawn(move || {
                let provider = match *faults {
                    "" => Simulated::good_day(),
                    faults => Simulated::with_faults(faults),
                };
                let scenario = Scenario::jobs(2).at(&provider);
                let words = [&["--json", "--on-finish", NOTE], *options].concat();
                let run = scenario.run(&words).exits(*code);
                assert_told(&scenario, &run);
            });
        }
    });
}

#[test]
fn a_command_is_told_after_ctrl_c_sigterm_and_results_that_cannot_be_written() {
    for (signal, code) in [
        (Running::interrupt as fn(&Running), 130),
        (Running::terminate, 143),
    ] {
        let provider = Simulated::with_faults("stuck=always");
        let scenario = Scenario::jobs(1).at(&provider);
        let run = scenario.start(&["--json", "--on-finish", NOTE]);
        until("the task runs", || provider.polled() == 1);
        signal(&run);
        assert_told(&scenario, &run.finish().exits(code));
    }
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    fs::create_dir_all(scenario.out().join("results.csv")).expect("a new directory");
    let run = scenario.run(&["--json", "--on-finish", NOTE]).exits(74);
    assert_told(&scenario, &run);
}

#[test]
fn a_run_that_did_not_begin_tells_nobody() {
    let scenario = Scenario::jobs(1).at(&Closed::anywhere());
    let mut command = scenario.run_command(&["--on-finish", NOTE]);
    command.env_remove("SHOTLIST_API_KEY");
    Running::of(command).finish().exits(4);
    scenario.edit("id,promt\na,b\n");
    scenario.run(&["--on-finish", NOTE]).exits(2);
    assert!(!scenario.path("told.json").exists());
}

#[test]
fn a_command_that_fails_or_talks_for_ever_is_a_bounded_warning() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let command = "printf 'no\\033[31m mail\\n'; exit 9";
    let said = scenario.run(&["--on-finish", command]).exits(0).stderr;
    assert!(said.contains("on-finish: no[31m mail\n"), "{said}");
    assert!(
        said.contains("the command ended with exit status: 9; the exit code stays as it is"),
        "{said}"
    );

    let command = "head -c 1000000000 /dev/zero; yes | head -c 1000000 >&2";
    let run = scenario.run(&["--on-finish", command]).exits(0);
    assert!(run.stderr.len() < 20_000, "{}", run.stderr.len());
    run.says("bytes more are not shown");

    let said = scenario
        .run(&["--on-finish", "./not-there", "--quiet"])
        .exits(0)
        .stderr;
    assert!(
        said.contains("on-finish: ") && said.contains("exit status: 127"),
        "{said}"
    );
}

#[test]
fn a_second_ctrl_c_ends_a_command_that_hangs_with_all_it_has_started() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(1).at(&provider);
    let command = "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000";
    let run = scenario.start(&["--on-finish", command]);
    until("the task runs", || provider.polled() == 1);
    run.interrupt();
    let child = || fs::read_to_string(scenario.path("child")).unwrap_or_default();
    until("the command runs", || child().ends_with('\n'));
    scenario.ask("report", &[]).exits(0); // the lock is given back by now
    run.interrupt();
    run.finish()
        .exits(130)
        .says("it was interrupted, and was ended");
    let status = format!("/proc/{}/stat", child().trim());
    until("what it has started is gone", || {
        fs::read_to_string(&status).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn what_a_command_leaves_in_the_background_is_not_waited_for() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let command = "sleep 1000 & echo $! > child; echo done";
    let run = scenario
        .run(&["--on-finish", command])
        .exits(0)
        .says("on-finish: done");
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let child = fs::read_to_string(scenario.path("child")).expect("a child");
    let child = child
        .trim()
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let _ = rustix::process::kill_process(child.expect("a number"), rustix::process::Signal::KILL);
}

#[test]
fn download_tells_as_well() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let words = ["--json", "--on-finish", NOTE, "--log-file", "log"];
    let run = scenario.ask("download", &words).exits(0);
    assert_told(&scenario, &run);
    let log = fs::read_to_string(scenario.path("log")).expect("a log");
    assert!(
        log.contains("job `job-01` is downloaded: `videos/job-01.mp4`"),
        "{log}"
    );
}

/// The lines of a log in JSON.
fn log_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("a log");
    assert!(text.ends_with('\n'));
    let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
    let lines: Vec<Value> = text.lines().map(parse).collect();
    lines.iter().for_each(assert_in_log_schema);
    lines
}

#[test]
fn a_log_names_every_status_of_every_job_with_run_and_time_and_no_secret() {
    let provider = Simulated::with_faults("fail=first:1");
    let scenario = Scenario::jobs(4).at(&provider);
    let words = ["--log-file", "log.json", "--log-format", "json", "--json"];
    let run = scenario.run(&words).exits(3);
    let name = run.lines().last().expect("a summary")["run"].clone();
    let lines = log_lines(&scenario.path("log.json"));
    let keys = [
        "schema", "at", "run", "level", "event", "job", "status", "task_id", "message",
    ];
    for line in &lines {
        let found: Vec<_> = line.as_object().expect("an object").keys().collect();
        assert_eq!(found, keys);
        assert_eq!(line["run"], name);
        let at = line["at"].as_str().expect("a time");
        assert!(at.ends_with('Z') && at.parse::<Timestamp>().is_ok(), "{at}");
    }
    for row in scenario.results() {
        let of_job = lines.iter().filter(|line| line["job"] == row["id"]);
        let statuses: Vec<_> = of_job.filter_map(|line| line["status"].as_str()).collect();
        assert_eq!(statuses, ["submitting", "running", &row["status"]]);
    }
    let (first, last) = (&lines[0], &lines[lines.len() - 1]);
    assert_eq!(
        (&first["event"], &last["event"]),
        (&"begun".into(), &"summary".into())
    );
    let message = last["message"].as_str().expect("words");
    assert!(
        message.ends_with("; exit code 3 (some_failed)"),
        "{message}"
    );
    let text = fs::read_to_string(scenario.path("log.json")).expect("a log");
    for secret in [KEY, "A film about", "http://"] {
        assert!(!text.contains(secret), "{text}");
    }
    let jobs = run.lines().into_iter().filter(|line| line["type"] == "job");
    assert!(jobs.into_iter().all(|line| line["run"] == name));
}

#[test]
fn a_log_grows_from_run_to_run_and_is_its_owners() {
    let provider = Simulated::with_faults("401=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&["--log-file", "log"]).exits(4);
    let once = fs::read_to_string(scenario.path("log")).expect("a log");
    assert!(
        once.contains(" warn  no more submits: the provider refuses the key"),
        "{once}"
    );
    assert!(once.contains(" error 1 job: 1 pending"), "{once}");
    scenario
        .run(&["--log-file", "log", "--on-finish", "false"])
        .exits(0);
    let twice = fs::read_to_string(scenario.path("log")).expect("a log");
    assert!(twice.starts_with(&once));
    assert!(twice.contains("-1 ") && twice.contains("-2 "), "{twice}");
    let last = twice.lines().last().unwrap_or_default();
    assert!(
        last.contains(" warn  `--on-finish` failed: the command ended with"),
        "{last}"
    );
    let mode = fs::metadata(scenario.path("log"))
        .expect("a log")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_log_that_cannot_be_opened_or_would_ruin_a_file_sends_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario
        .run(&["--log-file", "no/log"])
        .exits(2)
        .says("the log `no/log` cannot be opened");
    scenario
        .run(&["--log-file", "."])
        .exits(2)
        .says("cannot be opened");
    for taken in [
        "shots.csv",
        "shots.run/state.jsonl",
        "shots.run/results.csv",
        "./shots.csv",
    ] {
        fs::create_dir_all(scenario.out()).expect("a directory");
        scenario
            .run(&["--log-file", taken])
            .exits(2)
            .says("the log cannot be");
    }
    scenario.write("film.yaml", "jobs: { from: shots.csv }\n");
    let url = provider.base_url();
    let names_it = ["run", "film.yaml", "--log-file", "shots.csv", "--base-url"];
    scenario
        .shotlist(&[&names_it[..], &[url.as_str()]].concat())
        .exits(2)
        .says("the log cannot be");
    scenario
        .run(&["--log-format", "json"])
        .exits(2)
        .says("--log-file");
    assert_eq!(provider.posts(), 0);
    scenario.run(&[]).exits(0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_is_told_once_and_stops_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    let run = scenario
        .run(&["--log-file", "/dev/full", "--quiet"])
        .exits(0);
    assert_eq!(
        run.stderr
            .matches("the log `/dev/full` cannot be written")
            .count(),
        1,
        "{}",
        run.stderr
    );
    assert_eq!(standings(&scenario.results()), ["completed"; 3]);
}

/// A recipe of `shotlist help nights`.
fn recipe(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/commands/nights");
    fs::read_to_string(path.join(name)).expect("a recipe")
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_shotlist");

#[test]
fn the_help_shows_every_recipe_as_it_is() {
    let help = Scenario::jobs(0)
        .shotlist(&["help", "nights"])
        .exits(0)
        .stdout;
    let names = [
        "crontab",
        "shotlist.service",
        "shotlist.timer",
        "cronjob.yaml",
        "ci.sh",
    ];
    for line in names.map(recipe).concat().lines() {
        let shown = format!("  {line}");
        assert!(help.lines().any(|it| it == shown.trim_end()), "{line}");
    }
}

#[test]
fn the_command_of_the_crontab_runs_in_the_environment_of_cron() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2);
    let address = provider.base_url();
    let manifest = format!(
        "api: {{ base_url: '{address}' }}\nlimits: {{ submit_rate: 100/s, poll_rate: 100/s, poll_first: 50ms, poll_every: 50ms }}\n\
         defaults: {{ model: seedance2.0-720p, duration: 5, aspect_ratio: '16:9' }}\njobs: [{{ id: a, prompt: A kite. }}]\n"
    );
    scenario.write("shots.yaml", &manifest);
    scenario.write("key", KEY);
    let crontab = recipe("crontab");
    let line = crontab
        .lines()
        .find(|line| !line.starts_with('#'))
        .expect("a line");
    let (times, command) = line.split_at(line.find("  ").expect("times, then the command"));
    assert_eq!(times.split(' ').count(), 5);
    assert!(
        !command.contains('%'),
        "cron would take it for a line break"
    );
    let home = scenario.home().display().to_string();
    let command = command
        .replace("/usr/local/bin/shotlist", PROGRAM)
        .replace("/srv/film", &home);
    for night in 1..=2 {
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &command]).current_dir("/").env_clear();
        shell
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .env("HOME", &home);
        Running::of(shell).finish().exits(0);
        let log = fs::read_to_string(scenario.path("shots.log")).expect("a log");
        assert!(log.contains(&format!("-{night} ")), "{log}");
    }
    assert_eq!(provider.posts(), 1);
    assert!(scenario.path("shots.run/videos/a.mp4").exists());
}

#[test]
fn systemd_takes_the_units_and_finds_the_service_little_exposed() {
    let directory = tempfile::tempdir().expect("a directory");
    let units = ["shotlist.service", "shotlist.timer"].map(|name| {
        let path = directory.path().join(name);
        fs::write(
            &path,
            recipe(name).replace("/usr/local/bin/shotlist", PROGRAM),
        )
        .expect("written");
        path
    });
    let analyze = |words: &[&str], files: &[std::path::PathBuf]| {
        let mut command = std::process::Command::new("systemd-analyze");
        command.args(words).args(files).output()
    };
    let Ok(verified) = analyze(&["verify", "--man=no"], &units) else {
        return announce("the systemd units are not verified: there is no `systemd-analyze`");
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    let about_ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("shotlist"))
        .collect();
    assert!(about_ours.is_empty(), "{said}");
    let judged = analyze(
        &["security", "--offline=yes", "--threshold=20"],
        &units[..1],
    );
    let judged = judged.expect("it is there");
    let said = String::from_utf8_lossy(&judged.stderr);
    if said.contains("unrecognized option") {
        return announce("the exposure of the service is not judged: `systemd-analyze` is too old");
    }
    assert!(
        judged.status.success(),
        "{}{said}",
        String::from_utf8_lossy(&judged.stdout)
    );
}

/// Every `NUMBER name` in a comment is a code with its name, and the codes are `values`.
#[track_caller]
fn assert_named(comment: &str, values: &[u8]) {
    let words: Vec<_> = comment
        .split([' ', ',', '.', ':', '\n', '#'])
        .filter(|it| !it.is_empty())
        .collect();
    let named: Vec<(u8, &str)> = words
        .windows(2)
        .filter_map(|pair| Some((pair[0].parse().ok()?, pair[1])))
        .collect();
    let is_known = |(number, name): &(u8, &str)| {
        ExitCode::ALL
            .iter()
            .any(|code| *code as u8 == *number && code.name() == *name)
    };
    assert!(named.iter().all(is_known), "{named:?}");
    let numbers: Vec<_> = named.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, values);
}

fn codes(text: &str) -> Vec<u8> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_codes_in_the_service_are_those_of_the_program() {
    let service = recipe("shotlist.service");
    let lines: Vec<_> = service.lines().collect();
    let at = lines
        .iter()
        .position(|line| line.starts_with("SuccessExitStatus="));
    let at = at.expect("the codes of success");
    assert_named(lines[at - 1], &codes(lines[at]));
}

#[test]
fn the_cron_job_is_yaml_and_says_of_every_code_what_becomes_of_its_pod() {
    let job: Value = serde_yaml::from_str(&recipe("cronjob.yaml")).expect("YAML");
    assert_eq!(
        (&job["apiVersion"], &job["kind"]),
        (&"batch/v1".into(), &"CronJob".into())
    );
    let spec = &job["spec"];
    assert_eq!(spec["concurrencyPolicy"], "Forbid");
    let pods = &spec["jobTemplate"]["spec"];
    let template = &pods["template"]["spec"];
    assert_eq!(template["restartPolicy"], "Never"); // else there is no policy for failures
    let container = &template["containers"][0];
    let rules = pods["podFailurePolicy"]["rules"].as_array().expect("rules");
    let rule = rules
        .iter()
        .find(|rule| rule["action"] == "FailJob")
        .expect("a rule");
    let failing = &rule["onExitCodes"];
    assert_eq!(failing["containerName"], container["name"]);
    let numbers = failing["values"].as_array().expect("codes").iter();
    let failing: Vec<u8> = numbers
        .map(|it| {
            it.as_u64()
                .and_then(|it| it.try_into().ok())
                .expect("a code")
        })
        .collect();
    let text = recipe("cronjob.yaml");
    let comment = |from: &str, to: &str| {
        let rest = text.split(from).nth(1).expect("a comment");
        rest.split(to).next().expect("its end").to_owned()
    };
    assert_named(&comment("end the same:", "- action"), &failing);
    let again = comment("last one stood:", "backoffLimit");
    let rest: Vec<u8> = ExitCode::ALL
        .iter()
        .map(|code| *code as u8)
        .filter(|code| *code != 0 && !failing.contains(code))
        .collect();
    assert_named(&again, &rest);
    let words = container["args"].as_array().expect("words").iter();
    let words = words.map(|word| word.as_str().expect("text").into());
    let line = std::iter::once("shotlist".into()).chain(words);
    cli::parse(line).expect("a command line");
}

#[test]
fn the_script_for_ci_tells_codes_apart() {
    let script = recipe("ci.sh");
    assert!(script.contains("# completed") && script.contains("# unfinished, held:"));
    for (faults, options, code) in [
        ("stuck=always", "--job-timeout 300ms", 0),
        ("fail=always", "", 0),
        ("401=always", "", 4),
    ] {
        let provider = Simulated::with_faults(faults);
        let scenario = Scenario::jobs(1);
        let quick = "--poll-first 50ms --poll-every 50ms --poll-rate 100/s";
        let run = format!(
            "{PROGRAM} run shots.csv {quick} --base-url {} {options}",
            provider.base_url()
        );
        let script = script
            .replace(
                "shotlist run shots.yaml --deadline",
                &format!("{run} --deadline"),
            )
            .replace(
                "shotlist check shots.yaml",
                &format!("{PROGRAM} check shots.csv"),
            )
            .replace(
                "shotlist run shots.yaml",
                &format!("{PROGRAM} run shots.csv"),
            );
        assert!(!script.contains(" shotlist "), "{script}");
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", &script]).current_dir(scenario.home());
        shell.env_clear().env("SHOTLIST_API_KEY", KEY);
        Running::of(shell).finish().exits(code);
        assert_eq!(provider.posts(), 1);
    }
}
