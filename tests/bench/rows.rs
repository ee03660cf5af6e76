//! A table of a million rows, beside a bare reading of its byte records: before anything is sent, and when all of it is
//! done.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use shotlist::engine::event::{Event, MediaUrl, Origin, RunNumber, RunStart, SentRequest, TaskId};
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::manifest::{LoadOptions, load_in_windows};
use shotlist::plan::{Job, Plan};
use shotlist::state::{Claim, STATE_FILE, Store};

use crate::child::{self, Taken};
use crate::table::row;

const ROWS: usize = 1_000_000;

/// The exit code of a run with `--max-jobs`.
const LIMIT: i32 = 6;

pub(crate) fn bench() {
    let table = table();
    let bare = bare(&table);
    let name = table.to_str().expect("a name in UTF-8");
    let tell = |what: &str, taken: &Taken, aim: &str| tell(what, taken, bare, aim);
    tell("check", &child::run(&["check", name]), "1.50, 120 MB");
    tell("plan", &child::run(&["plan", name]), "400 MB");
    let five = ["run", name, "--rehearse", "--max-jobs", "5"];
    tell(
        "rehearsal of 5 jobs",
        &child::run_to(LIMIT, &five),
        "400 MB",
    );
    let doubtful = with_warnings(&table);
    let doubtful = doubtful.to_str().expect("a name in UTF-8");
    let what = |command: &str| format!("{command}, 1 % with a warning");
    tell(
        &what("check"),
        &child::run(&["check", doubtful]),
        "1.50, 120 MB",
    );
    tell(&what("plan"), &child::run(&["plan", doubtful]), "400 MB");
    let finished = finished(&table);
    let out = finished.to_str().expect("a name in UTF-8");
    let on_finished = |command, more: &[&str]| {
        let line = [&[command, name, "--out", out], more].concat();
        tell(&format!("{command}, all finished"), &child::run(&line), "-");
    };
    on_finished("status", &[]);
    on_finished("plan", &[]);
    on_finished("report", &[]);
    on_finished("run", &["--base-url", "http://127.0.0.1:9"]);
}

fn tell(what: &str, taken: &Taken, bare: Duration, aim: &str) {
    let ratio = taken.time.as_secs_f64() / bare.as_secs_f64();
    let peak = match taken.peak {
        Some(bytes) => format!("{} MB", bytes / 1_000_000),
        None => "unknown".to_owned(),
    };
    let figure = format!("{:.2} s, {peak}", taken.time.as_secs_f64());
    let limit = format!("{:.2} s, byte records", bare.as_secs_f64());
    row(
        &format!("{what}, 1 M rows"),
        &figure,
        &limit,
        Some(ratio),
        aim,
    );
}

/// How long it takes to read the records of `table`, and nothing else.
fn bare(table: &Path) -> Duration {
    let begin = Instant::now();
    let mut reader = csv::Reader::from_path(table).expect("a table");
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut record).expect("a record") {
        count += 1;
    }
    assert_eq!(count, ROWS);
    begin.elapsed()
}

/// The table, written once.
fn table() -> PathBuf {
    const WORDS: [&str; 13] = [
        "rises", "gulls", "quay", "harbour", "soft", "pan", "run", "kite", "red", "along",
        "children", "cry", "colours",
    ];
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("million.csv");
    if path.exists() {
        return path;
    }
    let new = path.with_extension("new");
    let mut out = BufWriter::new(File::create(&new).expect("a place for the table"));
    writeln!(out, "id,prompt,model,duration,aspect_ratio,x_team").expect("room for the table");
    for row in 0..ROWS {
        let words: Vec<&str> = (0..12)
            .map(|at| WORDS[(row * 7 + at * at) % WORDS.len()])
            .collect();
        let (seconds, team) = (5 + row % 11, row % 50);
        let prompt = words.join(" ");
        writeln!(
            out,
            "shot-{row:07},{prompt} {row},seedance2.0-720p,{seconds},16:9,team{team}"
        )
        .expect("room for the table");
    }
    out.flush().expect("room for the table");
    std::fs::rename(&new, &path).expect("the table gets its name");
    path
}

/// The same table, in which one row in a hundred has no duration, written once.
fn with_warnings(table: &Path) -> PathBuf {
    let path = table.with_extension("warnings.csv");
    if path.exists() {
        return path;
    }
    let new = path.with_extension("new");
    let mut out = BufWriter::new(File::create(&new).expect("a place for the table"));
    let lines = BufReader::new(File::open(table).expect("a table")).lines();
    for (number, line) in lines.enumerate() {
        let mut line = line.expect("a line");
        if number % 100 == 99 {
            let cells: Vec<&str> = line.split(',').collect();
            line = [&cells[..3], &[""], &cells[4..]].concat().join(",");
        }
        writeln!(out, "{line}").expect("room for the table");
    }
    out.flush().expect("room for the table");
    std::fs::rename(&new, &path).expect("the table gets its name");
    path
}

/// The directory of a state in which each job was sent once and is done, written once.
fn finished(table: &Path) -> PathBuf {
    const COMMIT: usize = 20_000;
    let directory = table.with_extension("finished");
    if directory.exists() {
        return directory;
    }
    let new = table.with_extension("begun");
    if new.exists() {
        std::fs::remove_dir_all(&new).expect("what an earlier bench has left can go");
    }
    let at = Timestamp::UNIX_EPOCH;
    let claim = Claim {
        manifest_name: "million.csv",
        rehearsal: false,
        named_by_user: true,
        now: at,
    };
    let mut store = Store::open(&new, claim, &mut JobTable::default()).expect("a new state");
    let start = Record {
        at,
        fact: Fact::Run(start()),
    };
    store.commit(&[start]).expect("room for the state");
    for jobs in plan(table).jobs().chunks(COMMIT) {
        let records: Vec<_> = jobs.iter().flat_map(|job| life(job, at)).collect();
        store.commit(&records).expect("room for the state");
    }
    drop(store);
    assert!(new.join(STATE_FILE).exists());
    std::fs::rename(&new, &directory).expect("the state gets its name");
    directory
}

fn start() -> RunStart {
    RunStart {
        run: RunNumber(1),
        origin: Origin {
            base_url: "http://127.0.0.1:9".to_owned(),
            create_path: "/v1/video/generations".to_owned(),
            poll_path: "/v1/videos/{task_id}".to_owned(),
            key: "7e0dbbd1".to_owned(),
        },
        select: Vec::new(),
        partition: None,
    }
}

/// What a table without mistakes asks for.
pub(crate) fn plan(table: &Path) -> Plan {
    let open = |path: &Path| File::open(path).map(|file| Box::new(file) as Box<dyn Read>);
    let read = |path: &Path| std::fs::read(path);
    let loaded = load_in_windows(table, &LoadOptions::default(), &read, &open);
    loaded.plan.expect("a table without mistakes")
}

/// What is recorded of a job that was sent once and is done.
fn life(job: &Job, at: Timestamp) -> [Record; 3] {
    let (id, request) = (job.id(), job.request());
    let fingerprint = request.fingerprint();
    let url = format!(
        "https://media.example.com/2026/03/01/{id}.mp4?X-Expires=86400&X-Signature={fingerprint}{fingerprint}"
    );
    let intent = Event::Intent {
        run: RunNumber(1),
        fingerprint,
        request: Some(SentRequest::of(request)),
        cost: None,
    };
    let accepted = Event::Accepted {
        task_id: TaskId::new(&format!("task_{fingerprint}")).expect("a task id"),
        other_id: None,
    };
    let completed = Event::Completed {
        video_url: MediaUrl::new(&url).expect("a URL"),
        last_frame_url: None,
    };
    [intent, accepted, completed].map(|event| Record {
        at,
        fact: Fact::Job {
            id: id.clone(),
            event,
        },
    })
}
