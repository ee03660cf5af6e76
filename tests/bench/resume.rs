//! A state of a million finished jobs: how long it takes to take it up again, beside a bare loop that reads the file
//! and checks each line's checksum.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use shotlist::engine::table::JobTable;
use shotlist::state::Store;

use crate::child::{self, Taken};
use crate::rows;
use crate::table::row;

const JOBS: usize = 1_000_000;

pub(crate) fn bench() {
    let manifest = manifest();
    let journal = journal(&manifest);
    let bare = bare(&journal);
    let limit = format!("{:.2} s, reading and checking", bare.as_secs_f64());
    let told = |what: &str, taken: &Taken, aim: &str| {
        let peak = taken.peak.map_or(0, |bytes| bytes / 1_000_000);
        let figure = format!("{:.2} s, {peak} MB", taken.time.as_secs_f64());
        let ratio = taken.time.as_secs_f64() / bare.as_secs_f64();
        row(what, &figure, &limit, Some(ratio), aim);
    };
    let replay = replay(&journal);
    let figure = format!("{:.2} s", replay.as_secs_f64());
    let ratio = replay.as_secs_f64() / bare.as_secs_f64();
    row(
        "replay of a million jobs",
        &figure,
        &limit,
        Some(ratio),
        "at most 2",
    );
    let name = manifest.to_str().expect("a name in UTF-8");
    told(
        "plan without a state",
        &child::run(&["plan", name, "--out", "none"]),
        "-",
    );
    told("status", &shotlist("status", &manifest), "-");
    told("run with nothing to do", &shotlist("run", &manifest), "-");
}

fn shotlist(command: &str, manifest: &Path) -> Taken {
    let mut line = Command::new(env!("CARGO_BIN_EXE_shotlist"));
    line.arg(command).arg(manifest);
    if command == "run" {
        line.args(["--base-url", "http://127.0.0.1:9"]);
    }
    child::watch(0, &mut line)
}

/// How long it takes to read every line and check its sum, and nothing else.
fn bare(journal: &Path) -> Duration {
    let begin = Instant::now();
    let mut reader = BufReader::with_capacity(1 << 17, File::open(journal).expect("a journal"));
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).expect("readable") > 0 {
        let (covered, seal) = line.split_at(line.len() - SEAL.len() - 11);
        let sum = &seal[SEAL.len()..SEAL.len() + 8];
        let sum = u32::from_str_radix(std::str::from_utf8(sum).expect("hex"), 16).expect("hex");
        assert_eq!(crc32fast::hash(covered), sum);
        line.clear();
    }
    begin.elapsed()
}

fn replay(journal: &Path) -> Duration {
    let begin = Instant::now();
    let mut table = JobTable::new(None);
    let directory = journal.parent().expect("a directory");
    let found = Store::read(directory, None, &mut table).expect("a state");
    let records = found.expect("a state").records;
    assert!(records > 3 * JOBS as u64, "{records}"); // each run before has added one
    begin.elapsed()
}

/// What each line ends in, before its sum.
const SEAL: &str = r#","crc32":""#;

fn manifest() -> PathBuf {
    written("done.csv", |out| {
        writeln!(out, "id,prompt,model,duration,aspect_ratio")?;
        (0..JOBS).try_for_each(|job| {
            writeln!(out, "shot-{job:07},{},seedance2.0-720p,8,16:9", prompt(job))
        })
    })
}

fn prompt(job: usize) -> String {
    format!("gulls rise over the harbour while children run along the quay with a red kite {job}")
}

/// A state in which each job was sent once and is done.
fn journal(manifest: &Path) -> PathBuf {
    let at = r#""at":"2026-03-01T12:00:00.250Z""#;
    written("done.run/state.jsonl", |out| {
        let machine = shotlist::state::machine_name();
        seal(
            out,
            &format!(
                r#"{{"seq":0,"type":"header","version":1,"manifest":"done.csv","machine":"{machine}","rehearsal":false,"created_at":"2026-03-01T12:00:00.000Z""#
            ),
        )?;
        seal(
            out,
            &format!(
                r#"{{"seq":1,{at},"type":"run","run":1,"base_url":"https://api.example.com","create_path":"/v1/video/generations","poll_path":"/v1/videos/{{task_id}}","key":"7e0dbbd1","select":[],"synced":0"#
            ),
        )?;
        for (job, planned) in rows::plan(manifest).jobs().iter().enumerate() {
            let fingerprint = planned.request().fingerprint();
            let (seq, id, task) = (
                3 * job + 2,
                format!("shot-{job:07}"),
                format!("task_{job:024}"),
            );
            let synced = seq - 1;
            seal(
                out,
                &format!(
                    r#"{{"seq":{seq},{at},"type":"intent","job":"{id}","run":1,"fingerprint":"{fingerprint}","request":{{"model":"seedance2.0-720p","mode":"text","duration":8,"aspect_ratio":"16:9","prompt":"{}"}},"synced":{synced}"#,
                    prompt(job)
                ),
            )?;
            let seq = seq + 1;
            seal(
                out,
                &format!(
                    r#"{{"seq":{seq},{at},"type":"accepted","job":"{id}","task_id":"{task}","synced":{synced}"#
                ),
            )?;
            let seq = seq + 1;
            seal(
                out,
                &format!(
                    r#"{{"seq":{seq},{at},"type":"completed","job":"{id}","video_url":"https://media.example.com/2026/03/01/{task}.mp4?X-Tos-Expires=86400&X-Tos-Signature={job:064x}","synced":{synced}"#
                ),
            )?;
        }
        Ok(())
    })
}

fn seal(out: &mut impl std::io::Write, line: &str) -> std::io::Result<()> {
    writeln!(
        out,
        "{line}{SEAL}{:08x}\"}}",
        crc32fast::hash(line.as_bytes())
    )
}

/// A file that is written once, by `write`.
fn written(name: &str, write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !path.exists() {
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("a place on disk");
        let new = path.with_extension("new");
        let mut out = BufWriter::new(File::create(&new).expect("a place on disk"));
        write(&mut out)
            .and_then(|()| out.flush())
            .expect("room on disk");
        std::fs::rename(&new, &path).expect("it gets its name");
    }
    path
}
