//! Ten thousand jobs in flight, in a process that may open 1,024 files: what each of them weighs, and whether all of
//! them are asked for within the poll rate once another run goes on.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::child;
use crate::provider::{Fate, Provider};
use crate::table::row;
use crate::throughput::manifest;

const JOBS: usize = 10_000;
/// The other measure, of which so little is the jobs' that all of it counts as the program's own.
const FEW: usize = 100;
/// Polls a second.
const RATE: u64 = 1000;
/// Far more than anything here should take.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn bench() {
    let (few, _) = begun(FEW);
    let (many, polled) = begun(JOBS);
    let each = many.saturating_sub(few) / (JOBS - FEW) as u64;
    let limit = format!("{} MB with {FEW}", few / 1_000_000);
    let figure = format!("{} MB, {each} bytes a job", many / 1_000_000);
    row(
        "ten thousand in flight",
        &figure,
        &limit,
        None,
        "at most 8192 bytes a job",
    );
    let bound = Duration::from_millis(JOBS as u64 * 1000 / RATE);
    let figure = format!("{:.1} s", polled.as_secs_f64());
    let limit = format!("{:.1} s at {RATE} polls/s", bound.as_secs_f64());
    let ratio = polled.as_secs_f64() / bound.as_secs_f64();
    row(
        "resumed, all of them polled",
        &figure,
        &limit,
        Some(ratio),
        "no less than 0.99",
    );
}

/// Gets so many jobs to run, interrupts the run, and goes on with it: the most memory that the first run held, and how
/// long it took the second one to ask for all tasks.
fn begun(in_flight: usize) -> (u64, Duration) {
    let provider = Provider::start(Fate::Running);
    let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a place on disk");
    let manifest = manifest(home.path(), JOBS);
    let goal = in_flight as u64;
    let mut first = start(&manifest, &provider, in_flight);
    let polls = || provider.seen().1;
    until(&mut first, || {
        provider.seen().0 >= goal && polls() >= goal.min(2 * RATE)
    });
    let peak = child::peak_of(first.id()).unwrap_or_default();
    interrupt(first);
    assert_eq!(
        provider.seen().0,
        goal,
        "no more creates than may be in flight"
    );
    let before = polls();
    let mut second = start(&manifest, &provider, in_flight);
    until(&mut second, || polls() > before);
    let begin = Instant::now();
    until(&mut second, || polls() >= before + goal);
    let took = begin.elapsed();
    interrupt(second);
    assert_eq!(provider.seen().0, goal, "nothing is sent twice");
    (peak, took)
}

fn start(manifest: &Path, provider: &Provider, in_flight: usize) -> Child {
    Command::new("sh")
        .args(["-c", r#"ulimit -n 1024; exec "$0" "$@""#])
        .arg(env!("CARGO_BIN_EXE_shotlist"))
        .arg("run")
        .arg(manifest)
        .args(["--base-url", &provider.url])
        .args(["--concurrency", &in_flight.to_string()])
        .args([
            "--submit-rate",
            "100000/s",
            "--poll-rate",
            &format!("{RATE}/s"),
        ])
        .args(["--poll-first", "1s", "--poll-every", "60s"])
        .env("SHOTLIST_API_KEY", "sk-bench")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell starts shotlist")
}

fn until(run: &mut Child, is_reached: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_reached() {
        let ended = run.try_wait().expect("a child can be waited for");
        assert!(ended.is_none(), "shotlist ended early: {ended:?}");
        assert!(begin.elapsed() < PATIENCE, "shotlist does not get there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn interrupt(mut run: Child) {
    let process = i32::try_from(run.id()).ok().and_then(Pid::from_raw);
    kill_process(process.expect("a process"), Signal::INT).expect("it lives");
    let code = run.wait().expect("a child can be waited for").code();
    assert_eq!(code, Some(130));
}
