//! Jobs per second at a provider that answers at once, beside a bare loop that sends the same requests and keeps
//! nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use reqwest::{Body, Client};

use crate::child::{self, Taken};
use crate::provider::{Fate, Provider};
use crate::table::row;

/// Jobs of a run.
const JOBS: usize = 3000;
/// Jobs in flight at once.
const CONCURRENCY: usize = 500;
/// How often each is measured; the best counts.
const TIMES: usize = 3;

pub(crate) fn bench() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let provider = Provider::start(Fate::Completed);
    let body = r#"{"model":"seedance2.0-720p","prompt":"gulls over the quay","duration":8}"#;
    let (mut ours, mut fresh, mut pooled): (Vec<Done>, Vec<f64>, Vec<f64>) =
        (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        fresh.push(bare(&provider, body, 0));
        pooled.push(bare(&provider, body, CONCURRENCY));
        ours.push(shotlist(&provider));
    }
    let best = |rates: Vec<f64>| rates.into_iter().fold(0.0, f64::max);
    let (fresh, pooled) = (best(fresh), best(pooled));
    let ours = ours
        .into_iter()
        .max_by(|one, other| one.rate.total_cmp(&other.rate))
        .expect("measured");
    let figure = format!("{:.0} jobs/s", ours.rate);
    for (what, limit) in [("a connection per create", fresh), ("pooled", pooled)] {
        let limit_text = format!("{limit:.0} ({what})");
        row(
            "throughput",
            &figure,
            &limit_text,
            Some(ours.rate / limit),
            "at least 0.8",
        );
    }
    let cpu = ours.cpu.map_or(0.0, |cpu| cpu.as_secs_f64() * 1e6) / as_f64(JOBS);
    row(
        "processor time per job",
        &format!("{cpu:.0} µs"),
        "-",
        None,
        "-",
    );
    let syncs = as_f64(ours.commits) / as_f64(JOBS);
    row(
        "syncs per job",
        &format!("{syncs:.2}"),
        "3 (one a record)",
        None,
        "-",
    );
}

struct Done {
    rate: f64,
    cpu: Option<Duration>,
    commits: usize,
}

/// A run over [`JOBS`] jobs, all of which are on disk before they are on the wire.
fn shotlist(provider: &Provider) -> Done {
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a place on disk");
    let manifest = manifest(home.path(), JOBS);
    let begin = Instant::now();
    let taken = run(&manifest, provider);
    let state = home.path().join("shots.run/state.jsonl");
    Done {
        rate: as_f64(JOBS) / begin.elapsed().as_secs_f64(),
        cpu: taken.cpu,
        commits: commits(&state),
    }
}

fn run(manifest: &Path, provider: &Provider) -> Taken {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shotlist"));
    command
        .arg("run")
        .arg(manifest)
        .args(["--base-url", &provider.url])
        .args(["--concurrency", &CONCURRENCY.to_string()])
        .args(["--submit-rate", "100000/s", "--poll-rate", "100000/s"])
        .args(["--poll-first", "1ms"])
        .env("SHOTLIST_API_KEY", "sk-bench");
    child::watch(0, &mut command)
}

/// A table of so many jobs.
pub(crate) fn manifest(home: &Path, jobs: usize) -> PathBuf {
    let path = home.join("shots.csv");
    let rows =
        (0..jobs).map(|job| format!("shot-{job},gulls over the quay {job},seedance2.0-720p,8\n"));
    let table: String = std::iter::once("id,prompt,model,duration\n".to_owned())
        .chain(rows)
        .collect();
    std::fs::write(&path, table).expect("room for the table");
    path
}

/// How many commits a state took: records of one commit name the same record as the last that was on disk.
fn commits(state: &Path) -> usize {
    let text = std::fs::read_to_string(state).expect("a state");
    let mut synced: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split(r#""synced":"#).nth(1)?.split(',').next())
        .collect();
    synced.dedup();
    synced.len()
}

/// The same requests without a state: jobs per second. Up to `idle` connections of creates are kept.
fn bare(provider: &Provider, body: &'static str, idle: usize) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let client = |idle| {
        let builder = Client::builder().http1_only().no_proxy();
        builder
            .pool_max_idle_per_host(idle)
            .build()
            .expect("a client")
    };
    let (creates, polls) = (client(idle), client(CONCURRENCY));
    let (create, poll) = (
        format!("{}/v1/video/generations", provider.url),
        format!("{}/v1/videos", provider.url),
    );
    let begin = Instant::now();
    runtime.block_on(async {
        let jobs = futures::stream::iter(0..JOBS).map(|_| {
            let (creates, polls) = (creates.clone(), polls.clone());
            let (create, poll) = (create.clone(), poll.clone());
            let job = async move {
                let request = creates
                    .post(create)
                    .bearer_auth("sk-bench")
                    .body(Body::from(body));
                let answer = request.send().await.expect("an answer").bytes().await;
                let answer: serde_json::Value =
                    serde_json::from_slice(&answer.expect("a body")).expect("JSON");
                let url = format!("{poll}/{}", answer["task_id"].as_str().expect("a task"));
                let answer = polls.get(url).bearer_auth("sk-bench").send().await;
                answer.expect("an answer").bytes().await.expect("a body")
            };
            async { tokio::spawn(job).await.expect("no panic") }
        });
        jobs.buffer_unordered(CONCURRENCY)
            .for_each(|_| async {})
            .await;
    });
    as_f64(JOBS) / begin.elapsed().as_secs_f64()
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("few"))
}
