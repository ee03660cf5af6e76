//! Faults of the system under the real program: at every call that a command makes on its files, and at those on its
//! sockets, the program is killed or the call fails. Then it is run to its end, a careful person settles what is in
//! doubt, and the simulated provider's ledger says whether anything was paid for twice or lost.
//!
//! `cargo test --test it sweep` strikes a part of the calls; `SHOTLIST_SWEEP=full cargo test --test it sweep` strikes
//! every one with every effect, and prints a table. Start at [`try_fault`]; the control at the end shows that the same
//! faults do harm where the intent of a create is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use shotlist::simulator::{Delivery, Ledger, SimulatorSettings};

use crate::support::strace::{Call, Effect, Strace, can_trace};
use crate::support::{
    Finished, KILLED, Running, Scenario, Simulated, announce, count, job_id, prompt, rows,
};

/// Jobs of every manifest here.
const JOBS: usize = 3;

/// Programs that are struck at the same time: they mostly wait.
const LANES: usize = 6;

/// What a command does with its files.
const DISK: &str = "?open,openat,?mkdir,mkdirat,read,pread64,write,pwrite64,fsync,fdatasync,fallocate,ftruncate,flock,\
                    lseek,?stat,?lstat,?newfstatat,statx,?rename,renameat,renameat2,getdents64,?unlink,unlinkat";

/// What a run does with its sockets, and the errors that this can bring.
const NETWORK: [(&str, &[&str]); 5] = [
    ("socket", &["EMFILE", "ENOBUFS"]),
    ("connect", &["ECONNREFUSED", "ENETUNREACH", "EMFILE"]),
    ("writev", &["EPIPE", "ECONNRESET"]),
    ("recvfrom", &["ECONNRESET", "ETIMEDOUT"]),
    ("epoll_wait", &[]),
];

/// Which command is struck, over what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// `run`, over nothing.
    Fresh,
    /// `run`, after a kill: a task runs, a job is in doubt, a job is pending, half-written results lie about.
    Resume,
    /// `run`, when all is done.
    Again,
    /// `resolve`, after the same kill.
    Resolve,
    /// `report`, when all is done.
    Report,
}

impl Phase {
    /// Whether the next such call on the temporary file comes after equally many others each time: threads of a run
    /// that talks to the network wake each other by `write`.
    fn is_counted(self, call: &str, before: usize) -> bool {
        let is_quiet = match self {
            Self::Fresh | Self::Resume => before == 0,
            Self::Resolve => false,
            Self::Again | Self::Report => true,
        };
        is_quiet || call != "write"
    }
}

const PHASES: [Phase; 5] = [
    Phase::Fresh,
    Phase::Resume,
    Phase::Again,
    Phase::Resolve,
    Phase::Report,
];

/// What a system call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// state.jsonl
    State,
    /// The lock file.
    Lock,
    /// The directory of both.
    Directory,
    /// The directory above that.
    Above,
    /// results.csv
    Results,
    /// gallery.html
    Gallery,
    /// The file that is to become results.csv, or gallery.html. Nobody knows its name before.
    Temporary,
    /// What a killed run has left of such a file.
    Leftover,
    /// The manifest.
    Manifest,
    /// A socket.
    Network,
}

/// One system call that does not go well.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    phase: Phase,
    call: String,
    place: Place,
    effect: Effect,
    /// Which of these calls, from 1.
    nth: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            phase,
            call,
            place,
            effect,
            nth,
        } = self;
        write!(
            formatter,
            "{phase:?}: {call} number {nth} on {place:?}: {effect:?}"
        )
    }
}

/// What became of a scenario after one fault.
#[derive(Debug, Default)]
struct Outcome {
    has_struck: bool,
    code: i32,
    duplicates: usize,
    lost: usize,
    doubts: usize,
    /// What must not be.
    complaints: Vec<String>,
}

impl Place {
    /// Where a call strikes, if it is about the files of a command.
    fn of(call: &Call, home: &Path) -> Option<Self> {
        let files = call.files(home);
        let names = files.iter().filter_map(|file| file.strip_prefix(home).ok());
        let names: Vec<_> = names.filter_map(Path::to_str).collect();
        let of_name = |name: &str| match name {
            "shots.run/state.jsonl" => Some(Self::State),
            "shots.run/lock" => Some(Self::Lock),
            "shots.run/results.csv" => Some(Self::Results),
            "shots.run/gallery.html" => Some(Self::Gallery),
            "shots.run" => Some(Self::Directory),
            "" => Some(Self::Above),
            "shots.csv" => Some(Self::Manifest),
            LEFTOVER => Some(Self::Leftover),
            other => other.starts_with("shots.run/.").then_some(Self::Temporary),
        };
        names.into_iter().rev().find_map(of_name)
    }

    /// Its names in system calls, where they are known before.
    fn paths(self, home: &Path) -> Vec<String> {
        let name = match self {
            Self::State => "shots.run/state.jsonl",
            Self::Lock => "shots.run/lock",
            Self::Results => "shots.run/results.csv",
            Self::Gallery => "shots.run/gallery.html",
            Self::Directory => "shots.run",
            Self::Above => ".",
            Self::Leftover => LEFTOVER,
            Self::Manifest => "shots.csv",
            Self::Temporary | Self::Network => return Vec::new(),
        };
        let absolute: std::path::PathBuf = home.join(name).components().collect();
        vec![name.to_owned(), absolute.display().to_string()]
    }
}

/// Half-written results of a killed run.
const LEFTOVER: &str = "shots.run/.results.csvOLD.tmp";

/// A scenario up to the command that is to be struck.
struct Struck {
    provider: Simulated,
    scenario: Scenario,
    command: Command,
    posts_before: usize,
    /// Length of the state before the command.
    state_before: usize,
}

impl Struck {
    fn of(phase: Phase) -> Self {
        let mut settings = SimulatorSettings {
            render: "10ms..40ms".parse().expect("a render time"),
            ..Simulated::quick()
        };
        if let Phase::Resume | Phase::Resolve = phase {
            settings.faults = "slow=1h:every:2".parse().expect("faults");
        }
        let provider = Simulated::with(settings);
        let scenario = Scenario::jobs(JOBS).at(&provider);
        let mut command = scenario.sweep_command(&["--json"]);
        match phase {
            Phase::Fresh => {}
            Phase::Resume => {
                kill_at_second_create(&provider, &scenario);
                scenario.write(LEFTOVER, "id,sta");
            }
            Phase::Resolve => {
                kill_at_second_create(&provider, &scenario);
                let task_id = created(&provider.ledger(), &job_id(2)).expect("a task");
                command = scenario.command(&["resolve", "shots.csv", "job-02", "--task", &task_id]);
                command.env("SSL_CERT_FILE", "/dev/null");
            }
            Phase::Again | Phase::Report => {
                run_on(&scenario).exits(0);
                if phase == Phase::Report {
                    command = scenario.command(&["report", "shots.csv", "--json"]);
                }
            }
        }
        Self {
            posts_before: provider.ledger().posts.len(),
            state_before: state_of(&scenario).len(),
            provider,
            scenario,
            command,
        }
    }
}

/// The state as it is; empty if there is none.
fn state_of(scenario: &Scenario) -> String {
    std::fs::read_to_string(scenario.out().join("state.jsonl")).unwrap_or_default()
}

fn run_on(scenario: &Scenario) -> Finished {
    Running::of(scenario.sweep_command(&[])).finish()
}

fn kill_at_second_create(provider: &Simulated, scenario: &Scenario) {
    let mut run = Running::of(scenario.sweep_command(&["--max-jobs", "2"]));
    run.until("the second create is open", |_| provider.posts() == 2);
    run.kill();
}

/// The task that was made for a job.
fn created(ledger: &Ledger, id: &str) -> Option<String> {
    let mut posts = ledger
        .posts
        .iter()
        .filter(|post| post.request["prompt"] == prompt(id));
    posts.find_map(|post| post.task_id.clone())
}

/// Every call that a command makes on its files, by call and place, with the numbers that `strace` counts them by.
fn calls_of(phase: Phase) -> BTreeMap<(String, Place), Vec<usize>> {
    let struck = Struck::of(phase);
    let traced = Strace::of_main_thread(DISK).start(&struck.command);
    let (finished, calls) = traced.end(|| ());
    assert!([0, 5].contains(&finished.code), "{finished:?}");
    let home = struck.scenario.home();
    let mut found: BTreeMap<(String, Place), Vec<usize>> = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for call in calls {
        let number = seen.entry(call.name.clone()).or_default();
        *number += 1;
        if let Some(place) = Place::of(&call, &home) {
            let numbers = found.entry((call.name.clone(), place)).or_default();
            match place {
                // Counted among all others, which in the midst of a run are not always so many.
                Place::Temporary if phase.is_counted(&call.name, numbers.len()) => {
                    numbers.push(*number);
                }
                Place::Temporary => {}
                _ => numbers.push(numbers.len() + 1),
            }
        }
    }
    found
}

/// What a call on a file can fail with.
fn errors(call: &str) -> &'static [&'static str] {
    match call {
        "open" | "openat" => &["EIO", "ENOSPC", "EMFILE", "ENFILE", "EACCES", "EINTR"],
        "mkdir" | "mkdirat" => &["EIO", "ENOSPC", "EACCES", "EROFS"],
        "write" => &["EIO", "ENOSPC", "EDQUOT", "EFBIG", "EINTR"],
        "fsync" | "fdatasync" => &["EIO", "ENOSPC", "EDQUOT", "EINTR"],
        "fallocate" => &["EIO", "ENOSPC", "EOPNOTSUPP", "EINTR"],
        "ftruncate" => &["EIO", "ENOSPC", "EINTR"],
        "flock" => &["EIO", "ENOLCK", "EINTR", "EAGAIN"],
        "read" => &["EIO", "EINTR"],
        "rename" | "renameat" | "renameat2" => &["EIO", "ENOSPC", "EACCES"],
        _ => &["EIO"],
    }
}

/// Every fault on the files of a command.
fn disk_faults(phase: Phase) -> Vec<Fault> {
    let mut faults = Vec::new();
    for ((call, place), numbers) in calls_of(phase) {
        let errors = errors(&call).iter().map(|code| Effect::Error(code));
        for effect in errors.chain([Effect::Kill]) {
            faults.extend(numbers.iter().map(|nth| Fault {
                phase,
                call: call.clone(),
                place,
                effect,
                nth: *nth,
            }));
        }
    }
    faults
}

/// Faults on the sockets of a run; the calls are counted in each thread.
fn network_faults(phase: Phase) -> impl Iterator<Item = Fault> {
    let calls = NETWORK.into_iter().flat_map(|(call, errors)| {
        let errors = errors.iter().map(|code| Effect::Error(code));
        errors
            .chain([Effect::Kill])
            .map(move |effect| (call, effect))
    });
    calls.flat_map(move |(call, effect)| {
        (1..=6).map(move |nth| Fault {
            phase,
            call: call.to_owned(),
            place: Place::Network,
            effect,
            nth,
        })
    })
}

/// Lets one fault strike, then runs to the end and asks the ledger. `between` is done after the fault.
fn try_fault(fault: &Fault, between: fn(&Scenario)) -> Outcome {
    let mut outcome = Outcome::default();
    let tried = catch_unwind(AssertUnwindSafe(|| {
        let struck = Struck::of(fault.phase);
        strike(fault, &struck, &mut outcome);
        between(&struck.scenario);
        run_to_the_end(&struck, &mut outcome);
    }));
    if let Err(panic) = tried {
        let text = panic.downcast_ref::<String>().map_or("?", |text| text);
        outcome.complaints.push(text.to_owned());
    }
    outcome
}

fn strike(fault: &Fault, struck: &Struck, outcome: &mut Outcome) {
    let Struck {
        scenario, command, ..
    } = struck;
    let strace = match fault.place {
        Place::Network => Strace::of_all_threads(&fault.call),
        place => Strace::of_main_thread(&fault.call).on(&place.paths(&scenario.home())),
    };
    let traced = strace
        .injecting(&fault.call, fault.effect, fault.nth)
        .start(command);
    let mut torn = None;
    let (finished, calls) = traced.end(|| torn = torn.take().or_else(|| half_results(scenario)));
    outcome.complaints.extend(torn);
    outcome.complaints.extend(half_results(scenario));
    outcome.code = finished.code;
    let home = scenario.home();
    let is_meant =
        |call: &Call| fault.place == Place::Network || Place::of(call, &home) == Some(fault.place);
    let hit = calls
        .iter()
        .rfind(|call| call.is_injected() && is_meant(call));
    outcome.has_struck = match fault.effect {
        Effect::Kill => finished.code == KILLED,
        Effect::Error(_) => hit.is_some(),
    };
    if !allowed_codes(fault, outcome.has_struck).contains(&finished.code) {
        let hit = hit.map_or("", |call| &call.arguments);
        let Finished { code, stderr, .. } = &finished;
        outcome
            .complaints
            .push(format!("exit code {code} ({hit}):\n{stderr}"));
    }
    check_what_was_said_and_sent(fault, struck, &finished, outcome);
}

/// How a command may end that this fault struck.
fn allowed_codes(fault: &Fault, has_struck: bool) -> &'static [i32] {
    let well: &[i32] = match fault.phase {
        Phase::Resume => &[5],
        _ => &[0],
    };
    if !has_struck {
        return well;
    }
    match (fault.effect, fault.place, fault.call.as_str()) {
        (Effect::Kill, ..) => &[KILLED],
        (_, Place::Network, "socket") => &[0, 5, 7, 74],
        (_, Place::Network, _) => &[0, 5, 7],
        // Nobody tries again to read a directory.
        (Effect::Error("EINTR"), Place::Directory, "openat") => &[0, 5, 74],
        (
            Effect::Error("EINTR"),
            _,
            "openat" | "read" | "write" | "fsync" | "fdatasync" | "ftruncate" | "fallocate",
        ) => well,
        (Effect::Error("EAGAIN"), ..) => &[75],
        (_, Place::State, "write" | "fdatasync" | "flock") | (_, Place::Lock, "flock") => &[74],
        (_, Place::Manifest, _) => &[2, 74],
        _ if fault.phase == Phase::Resume => &[5, 74],
        _ => &[0, 74],
    }
}

/// What is wrong with results.csv at this moment, if it is there.
fn half_results(scenario: &Scenario) -> Option<String> {
    let text = std::fs::read(scenario.out().join("results.csv")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let ids = catch_unwind(|| {
        let rows = rows(&text);
        rows.iter()
            .map(|row| row["id"].to_owned())
            .collect::<Vec<_>>()
    });
    let wanted: Vec<_> = (1..=JOBS).map(job_id).collect();
    let is_whole = text.ends_with("\r\n") && ids.is_ok_and(|ids| ids == wanted);
    (!is_whole).then(|| format!("results.csv is not whole:\n{text}"))
}

/// Checks what must be true at the moment when the command ended: every create request has its intent in the state, no
/// id was shown that is not there, and (but after a kill) no id that was received is gone.
fn check_what_was_said_and_sent(
    fault: &Fault,
    struck: &Struck,
    finished: &Finished,
    outcome: &mut Outcome,
) {
    let state = state_of(&struck.scenario);
    let has_failed_sync = fault.call == "fdatasync" && finished.code == 74;
    let (before, after) = state.split_at(struck.state_before.min(state.len()));
    let mut intents = intents(before, false);
    intents.extend(self::intents(after, has_failed_sync));
    let ledger = struck.provider.ledger();
    let is_last_chance = |line: &&str| line.contains(r#""kind":"not_saved""#);
    let (noted, shown): (Vec<_>, Vec<_>) = finished.stdout.lines().partition(is_last_chance);
    let (noted, shown) = (noted.concat(), shown.concat());
    for (position, post) in ledger.posts.iter().enumerate() {
        let prompt = post.request["prompt"].as_str().unwrap_or_default();
        if !intents.contains(prompt) {
            let complaint = format!("`{prompt}` was sent without an intent on disk:\n{state}");
            outcome.complaints.push(complaint);
        }
        let Some(task_id) = &post.task_id else {
            continue;
        };
        let is_saved = state.contains(task_id);
        if shown.contains(task_id) && !is_saved && has_failed_sync {
            continue; // shown as what it is: not saved
        }
        let was_received = position >= struck.posts_before
            && post.delivery == Delivery::Whole
            && finished.code != KILLED
            && fault.place != Place::Network;
        if !is_saved && was_received && !finished.stderr.contains(task_id) {
            outcome
                .complaints
                .push(format!("the id {task_id} was received, and is gone"));
        }
        let is_noted = finished
            .stderr
            .contains(&format!("`{task_id}`, and that could not be saved"));
        if finished.code != KILLED && is_noted != noted.contains(task_id) {
            outcome.complaints.push(format!(
                "the id {task_id} is not told to people and programs alike"
            ));
        }
        if !is_saved && shown.contains(task_id) {
            outcome
                .complaints
                .push(format!("the id {task_id} was shown, and is not saved"));
        }
    }
}

/// Prompts of the intents in a state; without those of the last commit if that was not synced.
fn intents(state: &str, but_the_last_commit: bool) -> BTreeSet<String> {
    let records = state
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let records: Vec<_> = records.collect();
    let commit_of = |record: &Value| record["synced"].as_u64();
    let last = records.iter().filter_map(commit_of).max();
    let counts = |record: &&Value| {
        record["type"] == "intent" && !(but_the_last_commit && commit_of(record) == last)
    };
    let prompts = records
        .iter()
        .filter(counts)
        .map(|record| &record["request"]["prompt"]);
    prompts
        .filter_map(|prompt| prompt.as_str().map(str::to_owned))
        .collect()
}

/// Runs again as it is, then again after a careful person has settled what is in doubt, and asks the ledger.
fn run_to_the_end(struck: &Struck, outcome: &mut Outcome) {
    let Struck {
        provider, scenario, ..
    } = struck;
    let again = run_on(scenario);
    outcome.doubts = count(&scenario.results(), "in_doubt");
    let wanted = if outcome.doubts == 0 { 0 } else { 5 };
    if again.code != wanted {
        let Finished { code, stderr, .. } = again;
        outcome.complaints.push(format!(
            "the next run exits {code}, not {wanted}:\n{stderr}"
        ));
    }
    let lost_before = lost(scenario, &provider.ledger());
    settle(scenario, provider);
    let last = run_on(scenario);
    let (rows, ledger) = (scenario.results(), provider.ledger());
    if last.code != 0 || count(&rows, "completed") != JOBS {
        let Finished { code, stderr, .. } = last;
        outcome
            .complaints
            .push(format!("the last run exits {code}:\n{rows:?}\n{stderr}"));
    }
    let creates = usize::try_from(ledger.totals.creates).expect("few");
    outcome.duplicates = creates.saturating_sub(JOBS);
    outcome.lost = lost_before.max(lost(scenario, &ledger));
    if outcome.duplicates + outcome.lost > 0 || creates < JOBS {
        let complaint = format!("{creates} creates, {} lost:\n{rows:?}", outcome.lost);
        outcome.complaints.push(complaint);
    }
    let names = std::fs::read_dir(scenario.out()).expect("a directory");
    let mut names = names.map(|file| file.expect("a name").file_name());
    if let Some(name) = names.find(|name| name.as_encoded_bytes().ends_with(b".tmp")) {
        outcome
            .complaints
            .push(format!("{} is left over", name.display()));
    }
}

/// Tasks that were made, and that neither results.csv shows nor a job in doubt hints at.
pub(crate) fn lost(scenario: &Scenario, ledger: &Ledger) -> usize {
    let rows = scenario.results();
    let made = ledger.posts.iter().filter_map(|post| {
        let task_id = post.task_id.as_deref()?;
        Some((task_id, post.request["prompt"].as_str()?))
    });
    let is_lost = |(task_id, prompt): &(&str, &str)| {
        let is_known = |row: &crate::support::Row| {
            row["task_id"] == **task_id || row["prompt"] == **prompt && row["status"] == *"in_doubt"
        };
        !rows.iter().any(is_known)
    };
    made.filter(is_lost).count()
}

/// Settles what is in doubt as a careful person does: looks at the provider, and believes it.
pub(crate) fn settle(scenario: &Scenario, provider: &Simulated) {
    let ledger = provider.ledger();
    let rows = scenario.results();
    for row in rows.iter().filter(|row| row["status"] == *"in_doubt") {
        let id = &row["id"];
        let found = created(&ledger, id);
        let words = match &found {
            Some(task_id) => vec![id, "--task", task_id],
            None => vec![id, "--not-created"],
        };
        scenario.ask("resolve", &words).exits(0);
    }
}

/// Tries all faults, several at a time.
fn try_all(faults: &[Fault], between: fn(&Scenario)) -> Vec<(Fault, Outcome)> {
    let (next, tried) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|threads| {
        for _ in 0..LANES {
            threads.spawn(|| {
                while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = try_fault(fault, between);
                    tried
                        .lock()
                        .expect("no panic")
                        .push((fault.clone(), outcome));
                }
            });
        }
    });
    let mut tried = tried.into_inner().expect("no panic");
    tried.sort_by(|(one, _), (other, _)| one.cmp(other));
    tried
}

/// One line on what a sweep has done.
fn figures(name: &str, tried: &[(Fault, Outcome)]) -> String {
    let sum =
        |of: fn(&Outcome) -> usize| tried.iter().map(|(_, outcome)| of(outcome)).sum::<usize>();
    let struck = tried.iter().filter(|(_, outcome)| outcome.has_struck);
    let kills = struck
        .clone()
        .filter(|(fault, _)| fault.effect == Effect::Kill);
    format!(
        "{name}: {} faults, {} struck ({} kills), {} jobs in doubt, {} duplicates, {} lost ids, {} complaints",
        tried.len(),
        struck.count(),
        kills.count(),
        sum(|outcome| outcome.doubts),
        sum(|outcome| outcome.duplicates),
        sum(|outcome| outcome.lost),
        sum(|outcome| outcome.complaints.len()),
    )
}

/// What every kind of fault did.
fn table(tried: &[(Fault, Outcome)]) -> String {
    let mut kinds: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
    for (fault, outcome) in tried {
        let Fault {
            phase,
            call,
            place,
            effect,
            ..
        } = fault;
        let effect = match effect {
            Effect::Kill => "SIGKILL",
            Effect::Error(code) => code,
        };
        let kind = format!(
            "{:<8} {:<10} {call:<11} {effect:<12}",
            format!("{phase:?}"),
            format!("{place:?}")
        );
        kinds.entry(kind).or_default().push(outcome);
    }
    let mut text = format!("{:<44} cases struck duplicates lost  exit codes\n", "fault");
    for (kind, outcomes) in kinds {
        let mut codes: BTreeMap<i32, usize> = BTreeMap::new();
        for outcome in &outcomes {
            *codes.entry(outcome.code).or_default() += 1;
        }
        let codes: Vec<_> = codes
            .iter()
            .map(|(code, times)| format!("{code}×{times}"))
            .collect();
        let struck = outcomes.iter().filter(|outcome| outcome.has_struck).count();
        let duplicates: usize = outcomes.iter().map(|outcome| outcome.duplicates).sum();
        let lost: usize = outcomes.iter().map(|outcome| outcome.lost).sum();
        let line = format!(
            "{kind} {:>5} {struck:>6} {duplicates:>10} {lost:>4}  {}\n",
            outcomes.len(),
            codes.join(" ")
        );
        text += &line;
    }
    text
}

/// Whether the whole sweep was asked for.
pub(crate) fn is_full() -> bool {
    std::env::var_os("SHOTLIST_SWEEP").is_some_and(|value| value == "full")
}

impl Fault {
    /// Whether the part of the sweep that is always made has it: what changes files, killed and failing, and more of it
    /// where there is nothing yet.
    fn is_everyday(&self) -> bool {
        let changes = [
            "mkdir",
            "mkdirat",
            "write",
            "fsync",
            "fdatasync",
            "fallocate",
            "flock",
            "rename",
            "renameat",
            "renameat2",
        ];
        let changes = changes.contains(&self.call.as_str());
        let is_harsh = [Effect::Kill, Effect::Error("EIO")].contains(&self.effect);
        let is_full = self.effect == Effect::Error("ENOSPC");
        match (self.phase, self.place) {
            (_, Place::Network) => self.phase == Phase::Fresh && self.nth <= 2,
            (_, Place::Manifest | Place::Leftover) => false,
            (Phase::Fresh, _) if self.call == "openat" => self.effect == Effect::Error("EMFILE"),
            (Phase::Fresh, Place::Lock) => self.call == "flock",
            (Phase::Fresh, _) => changes && (is_harsh || is_full && self.nth <= 3),
            (Phase::Resolve, Place::State) | (Phase::Again | Phase::Report, Place::Temporary) => {
                changes && self.effect == Effect::Error("EIO")
            }
            (Phase::Resume, Place::State) | (Phase::Again | Phase::Report, Place::Results) => {
                changes && is_harsh
            }
            _ => false,
        }
    }
}

#[test]
fn after_any_fault_of_the_system_nothing_is_paid_twice_and_no_id_is_lost() {
    if !can_trace("the sweep of system faults") {
        return;
    }
    let mut faults: Vec<_> = PHASES.into_iter().flat_map(disk_faults).collect();
    faults.extend(
        [Phase::Fresh, Phase::Resume]
            .into_iter()
            .flat_map(network_faults),
    );
    let all = faults.len();
    assert!(all > 1000, "the README promises more than {all}");
    faults.retain(|fault| is_full() || fault.is_everyday());
    let tried = try_all(&faults, |_| ());
    if is_full() {
        announce(&table(&tried));
    }
    announce(&figures(
        &format!("sweep of {} of {all} faults", tried.len()),
        &tried,
    ));
    assert_first_calls_struck(&tried);
    let complaints = tried.iter().flat_map(|(fault, outcome)| {
        let complaints = outcome.complaints.iter();
        complaints.map(move |what| format!("{fault}: {what}"))
    });
    let complaints: Vec<_> = complaints.collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

/// Every command makes its calls on files at least once each: a fault at the first must strike.
fn assert_first_calls_struck(tried: &[(Fault, Outcome)]) {
    let mut missed = tried.iter().filter(|(fault, outcome)| {
        fault.nth == 1 && fault.place != Place::Network && !outcome.has_struck
    });
    assert!(missed.next().is_none(), "{missed:?}");
}

#[test]
fn control_the_same_kills_make_duplicates_where_the_intent_is_forgotten() {
    if !can_trace("the control of the sweep") {
        return;
    }
    let kills: Vec<_> = ["write", "fdatasync"]
        .into_iter()
        .flat_map(|call| {
            (3..=6).map(move |nth| Fault {
                phase: Phase::Fresh,
                call: call.to_owned(),
                place: Place::State,
                effect: Effect::Kill,
                nth,
            })
        })
        .collect();
    let kept = try_all(&kills, |_| ());
    let forgotten = try_all(&kills, forget_the_intents_at_the_end);
    announce(&figures("control, intents kept", &kept));
    announce(&figures("control, intents forgotten", &forgotten));
    let harm = |tried: &[(Fault, Outcome)]| {
        let outcomes = tried.iter().map(|(_, outcome)| outcome);
        outcomes.fold((0, 0), |(duplicates, lost), outcome| {
            (duplicates + outcome.duplicates, lost + outcome.lost)
        })
    };
    assert_eq!(harm(&kept), (0, 0));
    let (duplicates, lost) = harm(&forgotten);
    assert!(
        duplicates >= 1 && lost >= 1,
        "{duplicates} duplicates, {lost} lost: the faults do not bite"
    );
}

/// Makes the state that of a program that writes nothing down before it sends.
fn forget_the_intents_at_the_end(scenario: &Scenario) {
    let state = state_of(scenario);
    let mut lines: Vec<_> = state.split_inclusive('\n').collect();
    while lines
        .last()
        .is_some_and(|line| line.contains("\"type\":\"intent\""))
    {
        lines.pop();
    }
    scenario.damage_state(&lines.concat());
}
