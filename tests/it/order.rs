//! The order in which a run asks the system for things, from a trace: first on disk, then on screen, then on the wire.
//!
//! A kill cannot show a sync that is missing, as what was written is there for the next run anyway; only a power cut
//! could. So the syncs themselves are looked at: every rule here is about what must have been synced before what.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::support::strace::{Call, Strace, can_trace};
use crate::support::{Scenario, Simulated, job_id, prompt};

/// What a run asks for on files, streams and sockets.
const CALLS: &str = "?open,openat,?mkdir,mkdirat,write,pwrite64,writev,?pwritev,?pwritev2,sendto,sendmsg,fsync,fdatasync,\
                     fallocate,ftruncate,?rename,renameat,renameat2,connect";

const JOBS: usize = 6;

/// What one traced program did.
struct Evidence {
    home: PathBuf,
    calls: Vec<Call>,
}

/// A whole run from nothing, as JSON lines, so that it shows every id. `None` where nothing can be traced.
static RUN: LazyLock<Option<Evidence>> = LazyLock::new(|| {
    can_trace("the order of system calls").then(|| {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(JOBS).at(&provider);
        let evidence = Evidence::of(&scenario, &["--json"], 0);
        assert_eq!(provider.posts(), JOBS as u64);
        evidence
    })
});

impl Evidence {
    fn of(scenario: &Scenario, options: &[&str], code: i32) -> Self {
        Self::of_command(scenario, &scenario.sweep_command(options), code)
    }

    fn of_command(scenario: &Scenario, command: &std::process::Command, code: i32) -> Self {
        let traced = Strace::of_all_threads(CALLS).start(command);
        let (finished, mut calls) = traced.end(|| ());
        finished.exits(code);
        calls.retain(Call::has_succeeded);
        Self {
            home: scenario.home(),
            calls,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.join("shots.run").join(name)
    }

    /// What was written to this file, whatever wrote it.
    fn writes(&self, file: &Path) -> impl Iterator<Item = &Call> {
        let writes = ["write", "pwrite64", "writev", "pwritev", "pwritev2"];
        let calls = self.calls.iter();
        calls.filter(move |call| {
            writes.contains(&call.name.as_str()) && call.open_file() == Some(file)
        })
    }

    /// When what was true of this file at a moment was first known to be on disk.
    fn synced(&self, file: &Path, since: usize) -> Option<usize> {
        let is_sync = |call: &&Call| ["fsync", "fdatasync"].contains(&call.name.as_str());
        let mut syncs = self.calls.iter().filter(is_sync);
        let sync = syncs.find(|call| call.begin > since && call.open_file() == Some(file));
        sync.map(|sync| sync.end)
    }

    /// Fails unless what was true of this file at `since` was on disk before `deadline`.
    #[track_caller]
    fn assert_synced(&self, file: &Path, since: usize, deadline: usize, what: &str) {
        let synced = self.synced(file, since);
        assert!(
            synced.is_some_and(|synced| synced < deadline),
            "{what}: `{}` at {since}, synced {synced:?}, needed before {deadline}\n{}",
            file.display(),
            self.listing()
        );
    }

    /// The whole trace, for a person.
    fn listing(&self) -> String {
        let line = |call: &Call| {
            format!(
                "{}-{} {}({:.160}\n",
                call.begin, call.end, call.name, call.arguments
            )
        };
        self.calls.iter().map(line).collect()
    }

    /// Requests that begin so.
    fn requests(&self, beginning: &str) -> Vec<(&Call, String)> {
        let names = ["write", "writev", "sendto", "sendmsg"];
        let sends = self.calls.iter().filter(|call| {
            let socket = call.open_file().and_then(Path::to_str);
            names.contains(&call.name.as_str())
                && socket.is_some_and(|name| name.starts_with("socket:"))
        });
        let texts = sends.map(|call| (call, call.text()));
        texts
            .filter(|(_, text)| text.starts_with(beginning))
            .collect()
    }

    /// The records of the state, each with the call that wrote it.
    fn records(&self, kind: &str) -> Vec<(&Call, Value)> {
        let state = self.file("state.jsonl");
        let mut records = Vec::new();
        for write in self.writes(&state) {
            for line in write.text().lines() {
                let record: Value =
                    serde_json::from_str(line).expect("whole records in each write");
                if record["type"] == kind {
                    records.push((write, record));
                }
            }
        }
        records
    }

    /// Files that were put in the place of results.csv: the new file, its content, and the call that did it.
    fn replacements(&self) -> Vec<(PathBuf, String, &Call)> {
        let results = self.file("results.csv");
        let renames = self
            .calls
            .iter()
            .filter(|call| call.name.starts_with("rename"));
        let renames = renames.filter_map(|call| {
            let [from, to] = call.files(&self.home).try_into().expect("two names");
            (to == results).then_some((from, call))
        });
        renames
            .map(|(from, call)| {
                let content = self.writes(&from).map(Call::text).collect();
                (from, content, call)
            })
            .collect()
    }

    /// When this directory entry was made.
    fn made(&self, name: &Path) -> Option<usize> {
        let makes = |call: &&Call| {
            call.name.starts_with("mkdir")
                || call.name.starts_with("open") && call.arguments.contains("O_CREAT")
        };
        let mut calls = self.calls.iter().filter(makes);
        calls
            .find(|call| call.files(&self.home).iter().any(|file| file == name))
            .map(|call| call.end)
    }

    /// When the first record of a run was about to be written: later than this nothing may be in the way.
    fn first_record(&self) -> usize {
        let is_first = |call: &&Call| {
            let is_state = call
                .open_file()
                .is_some_and(|file| file.ends_with("state.jsonl"));
            is_state && call.text().contains("\"type\":\"run\"")
        };
        self.calls
            .iter()
            .find(is_first)
            .expect("a run begins")
            .begin
    }
}

#[test]
fn no_create_leaves_before_its_intent_is_written_and_synced() {
    let Some(run) = RUN.as_ref() else { return };
    let (posts, intents) = (run.requests("POST "), run.records("intent"));
    let ids = (1..=JOBS).map(job_id);
    for id in ids {
        let wanted = prompt(&id);
        let post = posts.iter().find(|(_, text)| text.contains(&wanted));
        let (post, _) = post.expect("a create in one piece");
        let intent = intents.iter().find(|(_, record)| record["job"] == *id);
        let (write, _) = intent.expect("an intent");
        run.assert_synced(&run.file("state.jsonl"), write.end, post.begin, &id);
    }
    assert_eq!((posts.len(), intents.len()), (JOBS, JOBS));
}

#[test]
fn an_id_is_synced_before_it_is_shown_or_polled_or_in_the_results() {
    let Some(run) = RUN.as_ref() else { return };
    let accepted = run.records("accepted");
    assert_eq!(accepted.len(), JOBS);
    let polls = run.requests("GET ");
    let shown = run
        .calls
        .iter()
        .filter(|call| call.name.starts_with("write") && matches!(call.descriptor(), Some(1 | 2)));
    let shown: Vec<_> = shown.map(|call| (call, call.text())).collect();
    let results = run.replacements();
    for (write, record) in accepted {
        let task_id = record["task_id"].as_str().expect("an id");
        let first = |told: &mut dyn Iterator<Item = (&Call, &str)>, how: &str| {
            let mut found = told.filter(|(_, text)| text.contains(task_id));
            let (call, _) = found
                .next()
                .unwrap_or_else(|| panic!("{task_id} is never {how}"));
            run.assert_synced(&run.file("state.jsonl"), write.end, call.begin, how);
        };
        first(
            &mut polls.iter().map(|(call, text)| (*call, &**text)),
            "polled",
        );
        first(
            &mut shown.iter().map(|(call, text)| (*call, &**text)),
            "shown",
        );
        first(
            &mut results.iter().map(|(_, text, call)| (*call, &**text)),
            "in the results",
        );
    }
}

#[test]
fn state_and_directory_have_their_names_on_disk_before_anything_is_recorded() {
    let Some(run) = RUN.as_ref() else { return };
    assert_names_are_on_disk(run, &["shots.run", "shots.run/state.jsonl"]);
}

#[test]
fn directories_above_the_state_have_their_names_on_disk_before_anything_is_recorded() {
    if !can_trace("the order of system calls, deep directory") {
        return;
    }
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let run = Evidence::of(&scenario, &["--out", "a/b/c"], 0);
    assert_names_are_on_disk(&run, &["a", "a/b", "a/b/c", "a/b/c/state.jsonl"]);
}

fn assert_names_are_on_disk(run: &Evidence, names: &[&str]) {
    for name in names {
        let path = run.home.join(name);
        let made = run.made(&path).expect("it was made");
        let directory = path.parent().expect("not the root");
        run.assert_synced(directory, made, run.first_record(), name);
    }
}

#[test]
fn a_directory_that_is_there_already_has_its_name_synced_too() {
    if !can_trace("the order of system calls, directory of a killed run") {
        return;
    }
    // As a run leaves it that is killed right after it has made the directory.
    for made in ["a", "a/b", "a/b/c"] {
        let provider = Simulated::good_day();
        let scenario = Scenario::jobs(1).at(&provider);
        std::fs::create_dir_all(scenario.path(made)).expect("writable");
        let run = Evidence::of(&scenario, &["--out", "a/b/c"], 0);
        let directory = run.home.join(made);
        let above = directory.parent().expect("not the root");
        run.assert_synced(above, 0, run.first_record(), made);
    }
}

#[test]
fn results_are_whole_and_synced_before_they_take_their_name_and_the_name_after() {
    let Some(run) = RUN.as_ref() else { return };
    let replacements = run.replacements();
    assert!(replacements.len() >= 2, "at the beginning and at the end");
    for (new, content, rename) in &replacements {
        assert_eq!(crate::support::rows(content).len(), JOBS);
        let last = run
            .writes(new)
            .map(|write| write.end)
            .max()
            .expect("written");
        run.assert_synced(new, last, rename.begin, "the new results");
        run.assert_synced(
            &run.file(""),
            rename.end,
            usize::MAX,
            "the name of the results",
        );
    }
}

#[test]
fn results_are_drawn_only_from_a_state_that_is_synced() {
    if !can_trace("the order of system calls, report") {
        return;
    }
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let report = scenario.command(&["report", "shots.csv"]);
    let again = scenario.sweep_command(&[]);
    for command in [report, again] {
        std::fs::remove_file(scenario.out().join("results.csv")).expect("there");
        let run = Evidence::of_command(&scenario, &command, 0);
        let (_, _, first) = run.replacements().swap_remove(0);
        run.assert_synced(&run.file("state.jsonl"), 0, first.begin, "what was read");
    }
}

#[test]
fn what_a_person_found_is_synced_before_it_is_in_the_results() {
    if !can_trace("the order of system calls, resolve") {
        return;
    }
    let provider = Simulated::with_faults("reset=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(5);
    let command = scenario.command(&["resolve", "shots.csv", "job-01", "--not-created"]);
    let resolve = Evidence::of_command(&scenario, &command, 0);
    let settled = resolve.records("not_created");
    let [(write, _)] = settled[..] else {
        panic!("{}", resolve.listing())
    };
    let replacements = resolve.replacements();
    let [(_, results, rename)] = &replacements[..] else {
        panic!("{}", resolve.listing())
    };
    assert!(!results.contains("in_doubt"), "{results}");
    let state = resolve.file("state.jsonl");
    resolve.assert_synced(&state, write.end, rename.begin, "what was found");
}

#[test]
fn a_torn_end_is_gone_from_the_disk_before_anything_is_added() {
    if !can_trace("the order of system calls, torn end") {
        return;
    }
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&["--max-jobs", "1"]).exits(6);
    let whole = scenario.state();
    assert_is_cut_off(&scenario, &whole[..whole.len() - 20]);
    let header = whole.lines().next().expect("a header");
    std::fs::remove_file(scenario.out().join("results.csv")).expect("there");
    assert_is_cut_off(&scenario, &header[..header.len() - 20]);
}

fn assert_is_cut_off(scenario: &Scenario, torn: &str) {
    scenario.damage_state(torn);
    let run = Evidence::of(scenario, &[], 0);
    let state = run.file("state.jsonl");
    let cuts = run.calls.iter().filter(|call| call.name == "ftruncate");
    let mut cuts = cuts.filter(|call| call.open_file() == Some(&state));
    let cut = cuts.next().expect("the torn end is cut off");
    let write = run.writes(&state).next().expect("the run goes on");
    run.assert_synced(&state, cut.end, write.begin, "the cut");
}
