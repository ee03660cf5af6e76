//! The words that the end-to-end tests are told in: a scenario (a directory with a manifest), a provider, what a
//! command of the real program left behind, and what must be true of every run.
//!
//! Start at [`Scenario`]. Nothing here waits for time to pass: [`until`] waits for a condition, and gives up.

pub(crate) mod chromium;
pub(crate) mod lines;
mod provider;
#[cfg(target_os = "linux")]
pub(crate) mod strace;
#[cfg(target_os = "linux")] // elsewhere a terminal cannot be kept from other children
pub(crate) mod terminal;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::ops::Index;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use shotlist::simulator::Ledger;
use tempfile::TempDir;

pub(crate) use crate::claims::announce;

pub(crate) use self::provider::{
    Closed, Provider, Raw, Request, Simulated, answer, html, json, redirect,
};

/// The API key of every run: it must turn up nowhere but in a request.
pub(crate) const KEY: &str = "sk-canary-4f7d1c9ab03e";

/// Options that make a run quick, where a test says nothing else.
const QUICK: [(&str, &str); 4] = [
    ("--submit-rate", "100/s"),
    ("--poll-rate", "200/s"),
    ("--poll-first", "50ms"),
    ("--poll-every", "50ms"),
];

/// The exit code of a program that SIGKILL has ended, as a shell gives it.
pub(crate) const KILLED: i32 = 137;

/// After this long a condition will not come true any more.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory of its own with a manifest, and where its runs go.
pub(crate) struct Scenario {
    home: TempDir,
    manifest: String,
    base_url: Option<String>,
}

impl Scenario {
    /// The table `shots.csv` with so many jobs: `job-01`, `job-02`…
    pub(crate) fn jobs(count: usize) -> Self {
        Self::manifest("shots.csv", &table(1..=count))
    }

    /// A manifest of this name and content.
    pub(crate) fn manifest(name: &str, text: &str) -> Self {
        let scenario = Self {
            home: tempfile::tempdir().expect("a directory"),
            manifest: name.to_owned(),
            base_url: None,
        };
        scenario.write(name, text);
        scenario
    }

    /// Runs go to this provider.
    pub(crate) fn at(mut self, provider: &impl Provider) -> Self {
        self.base_url = Some(provider.base_url());
        self
    }

    /// Replaces the manifest.
    pub(crate) fn edit(&self, text: &str) {
        self.write(&self.manifest, text);
    }

    /// Writes a file beside the manifest.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a writable directory");
    }

    /// The directory of the manifest, as the system names it.
    pub(crate) fn home(&self) -> PathBuf {
        self.home.path().canonicalize().expect("it is there")
    }

    /// A file beside the manifest.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// `shotlist run`, to its end.
    pub(crate) fn run(&self, options: &[&str]) -> Finished {
        self.start(options).finish()
    }

    /// `shotlist run`, begun.
    pub(crate) fn start(&self, options: &[&str]) -> Running {
        Running::of(self.run_command(options))
    }

    /// The command line of `shotlist run` with the quick options and the provider, unless `options` say otherwise.
    pub(crate) fn run_command(&self, options: &[&str]) -> Command {
        let mut command = self.command(&["run", &self.manifest]);
        let is_missing = |option: &str| !options.contains(&option);
        for (option, value) in QUICK.into_iter().filter(|(option, _)| is_missing(option)) {
            command.args([option, value]);
        }
        if let Some(url) = &self.base_url
            && is_missing("--base-url")
        {
            command.args(["--base-url", url]);
        }
        command.args(options);
        command
    }

    /// Another command on the manifest, to its end: `scenario.ask("plan", &[])`.
    pub(crate) fn ask(&self, verb: &str, options: &[&str]) -> Finished {
        let mut words = vec![verb, &self.manifest];
        words.extend(options);
        self.shotlist(&words)
    }

    /// Any command line, to its end.
    pub(crate) fn shotlist(&self, words: &[&str]) -> Finished {
        Running::of(self.command(words)).finish()
    }

    /// Any command line: in the directory of the manifest, with a key, and nothing else in the environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shotlist"));
        command
            .args(words)
            .current_dir(self.home.path())
            .env_clear()
            .env("SHOTLIST_API_KEY", KEY);
        command
    }

    /// The directory of state and results.
    pub(crate) fn out(&self) -> PathBuf {
        self.path(&self.manifest).with_extension("run")
    }

    /// The rows of results.csv.
    pub(crate) fn results(&self) -> Vec<Row> {
        rows(&self.results_text())
    }

    /// The row of one job.
    pub(crate) fn result(&self, id: &str) -> Row {
        let found = self.results().into_iter().find(|row| row["id"] == *id);
        found.expect("every job has a row")
    }

    /// results.csv as it is.
    pub(crate) fn results_text(&self) -> String {
        fs::read_to_string(self.out().join("results.csv")).expect("results.csv")
    }

    /// The lines of the state.
    pub(crate) fn state_lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
        self.state().lines().map(parse).collect()
    }

    /// The state as it is.
    pub(crate) fn state(&self) -> String {
        fs::read_to_string(self.out().join("state.jsonl")).expect("a state")
    }

    /// Replaces the state.
    pub(crate) fn damage_state(&self, text: &str) {
        fs::write(self.out().join("state.jsonl"), text).expect("a writable state");
    }

    /// Every file under the directory of the scenario, with its content.
    pub(crate) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        collect(self.home.path(), &mut files);
        files
    }
}

fn collect(directory: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(directory).expect("a readable directory") {
        let path = entry.expect("a readable name").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            let content = fs::read(&path).expect("a readable file");
            files.push((path, content));
        }
    }
}

/// A CSV manifest of these jobs, in this order.
pub(crate) fn table(numbers: impl IntoIterator<Item = usize>) -> String {
    let rows = numbers.into_iter().map(|number| {
        let id = job_id(number);
        row(&id, &prompt(&id))
    });
    "id,prompt,model,duration,aspect_ratio\n".to_owned() + &rows.collect::<String>()
}

/// A row of [`table`].
pub(crate) fn row(id: &str, prompt: &str) -> String {
    format!("{id},{prompt},seedance2.0-fast-480p,5,16:9\n")
}

/// The id of the job with this number.
pub(crate) fn job_id(number: usize) -> String {
    format!("job-{number:02}")
}

/// The prompt of the job with this id.
pub(crate) fn prompt(id: &str) -> String {
    format!("A film about {id}.")
}

/// A row of results.csv by the names of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(BTreeMap<String, String>);

impl Index<&str> for Row {
    type Output = str;

    fn index(&self, column: &str) -> &str {
        self.0.get(column).expect("a column of results.csv")
    }
}

impl Row {
    /// Status and error class, as `failed/moderation`.
    pub(crate) fn standing(&self) -> String {
        match &self["error_class"] {
            "" => self["status"].to_owned(),
            class => format!("{}/{class}", &self["status"]),
        }
    }
}

/// Reads a whole results.csv.
pub(crate) fn rows(csv: &str) -> Vec<Row> {
    let text = csv.strip_prefix('\u{feff}').expect("a BOM");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| Row(row.expect("a whole row"))).collect()
}

/// Standing of every row, in order.
pub(crate) fn standings(rows: &[Row]) -> Vec<String> {
    rows.iter().map(Row::standing).collect()
}

/// How many rows have this status.
pub(crate) fn count(rows: &[Row], status: &str) -> usize {
    rows.iter().filter(|row| row["status"] == *status).count()
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    /// Fails with everything that was said unless the exit code is this one.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(
            self.code, code,
            "exit code\nstdout:\n{stdout}\nstderr:\n{stderr}"
        );
        self
    }

    /// Fails unless stderr says this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let stderr = &self.stderr;
        assert!(stderr.contains(words), "no `{words}` in\n{stderr}");
        self
    }

    /// stdout as JSON lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse = |line| serde_json::from_str(line).expect("a JSON object a line");
        self.stdout.lines().map(parse).collect()
    }
}

/// What differs from run to run in what people read.
pub(crate) fn filters() -> Vec<(&'static str, &'static str)> {
    vec![
        (r"took \d[0-9hms]*", "took [TIME]"),
        (r"(?m)^time: .*", "time: [FORECAST]"),
        (r"http://127\.0\.0\.1:\d+", "[URL]"),
        (r"task_[0-9a-f]{24}", "[TASK]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[MOMENT]"),
        (r"process \d+", "process [PID]"),
        (r"\b[0-9a-f]{6}-\d+\b", "[RUN]"),
    ]
}

/// A command that has not ended. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    streams: TempDir,
    /// Whether it prints JSON lines.
    json: bool,
}

impl Running {
    /// Starts a command, its output kept in files that can be read meanwhile.
    pub(crate) fn of(mut command: Command) -> Self {
        let streams = tempfile::tempdir().expect("a directory");
        let stream = |name| File::create(streams.path().join(name)).expect("a writable file");
        let child = command
            .stdin(Stdio::null())
            .stdout(stream("stdout"))
            .stderr(stream("stderr"))
            .spawn()
            .expect("the program starts");
        let words: Vec<_> = command.get_args().collect();
        let is_said = |word: &str| words.iter().any(|it| *it == word);
        Self {
            child,
            streams,
            json: is_said("--json") && !is_said("--help"),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until something is so, which must be before it ends.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        until(what, || {
            let has_ended = self.child.try_wait().expect("a child").is_some();
            let so = is_so(self);
            let stderr = self.stderr();
            assert!(so || !has_ended, "ended before {what}:\n{stderr}");
            so
        });
    }

    /// What it has said on stderr.
    pub(crate) fn stderr(&self) -> String {
        self.stream("stderr")
    }

    /// What it has said on stdout.
    pub(crate) fn stdout(&self) -> String {
        self.stream("stdout")
    }

    fn stream(&self, name: &str) -> String {
        let bytes = fs::read(self.streams.path().join(name)).expect("the stream of a child");
        String::from_utf8(bytes).expect("UTF-8")
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        self.signal(Signal::INT);
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// As a closed terminal does.
    pub(crate) fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// Stops it until [`Self::unpause`].
    pub(crate) fn pause(&self) {
        self.signal(Signal::STOP);
        let status = format!("/proc/{}/stat", self.pid());
        until("the program stops", || {
            fs::read_to_string(&status).is_ok_and(|stat| stat.contains(") T "))
        });
    }

    /// Lets it go on.
    pub(crate) fn unpause(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a living child");
    }

    /// As a power cut would end it.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("a living child");
        self.child.wait().expect("a child");
    }

    /// Whether it has come to its end.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Kills it, and says how it ended: perhaps it was quicker.
    pub(crate) fn kill_and_look(mut self) -> Finished {
        self.child.kill().expect("our own child");
        self.end(|| ())
    }

    /// Waits for its end, however it ends.
    #[track_caller]
    pub(crate) fn ends(mut self) {
        until("the end of the program", || {
            self.child.try_wait().expect("a child").is_some()
        });
    }

    /// Waits for its end, which it comes to by itself.
    #[track_caller]
    pub(crate) fn finish(self) -> Finished {
        let finished = self.end(|| ());
        assert_ne!(finished.code, KILLED, "the program ends by itself");
        finished
    }

    /// Waits for its end, looking at something meanwhile; a program that a signal has killed ends with the code that a
    /// shell would give it.
    #[track_caller]
    pub(crate) fn end(mut self, mut meanwhile: impl FnMut()) -> Finished {
        let mut status = None;
        until("the end of the program", || {
            status = self.child.try_wait().expect("a child");
            meanwhile();
            status.is_some()
        });
        let status = status.expect("waited for");
        let signal = || 128 + status.signal().expect("neither code nor signal");
        let finished = Finished {
            code: status.code().unwrap_or_else(signal),
            stdout: self.stdout(),
            stderr: self.stderr(),
        };
        if self.json {
            lines::assert_in_schema(&finished.stdout, finished.code);
        }
        finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same command, but started by `program` with `words` before it.
pub(crate) fn behind(program: &str, words: &[&OsStr], command: &Command) -> Command {
    let mut outer = Command::new(program);
    outer
        .args(words)
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("every scenario has one"));
    let variables = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    outer.env_clear().envs(variables);
    outer
}

/// Waits until something is so, and fails if it does not come.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Fails if a job was created twice, or if a task was created that results.csv does not show and whose job is not in
/// doubt either.
#[track_caller]
pub(crate) fn assert_paid_once(rows: &[Row], ledgers: &[&Ledger]) {
    let mut created: BTreeMap<&str, &str> = BTreeMap::new();
    for post in ledgers.iter().flat_map(|ledger| &ledger.posts) {
        let Some(task_id) = &post.task_id else {
            continue;
        };
        let prompt = post.request["prompt"].as_str().expect("a prompt");
        let earlier = created.insert(prompt, task_id);
        assert_eq!(earlier, None, "`{prompt}` was created twice");
    }
    for (prompt, task_id) in created {
        let row = rows.iter().find(|row| row["prompt"] == *prompt);
        let row = row.expect("every job has a row");
        assert!(
            row["task_id"] == *task_id || row["status"] == *"in_doubt",
            "task `{task_id}` is lost: {row:?}"
        );
    }
}

/// The most of `moments` (milliseconds) that lie within any one window of this length.
pub(crate) fn most_within(mut moments: Vec<u64>, window: u64) -> usize {
    moments.sort_unstable();
    let from = |begin: usize| {
        let end = moments[begin] + window;
        moments[begin..].partition_point(|moment| *moment < end)
    };
    (0..moments.len()).map(from).max().unwrap_or(0)
}
