//! Runs that are killed at random moments, over and over: at the start, while creates are open, while results are
//! written, while another run over the same state has just been started.
//!
//! Start at [`hunt`]. `SHOTLIST_SWEEP=full cargo test --test it kills` kills some thousand times. What is true of every
//! kill is checked, wherever it happens to strike; where that was is not the same twice.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::claims::{announce, assert_published};
use crate::support::{Finished, KILLED, Running, Scenario, Simulated, count, table};
use crate::sweep::{is_full, lost, settle};

/// Kills of one hunt over one manifest after the other.
const KILLS: usize = 40;

/// The same, when the whole sweep was asked for.
const KILLS_FULL: usize = 1000;

/// Jobs of a manifest.
const JOBS: usize = 30;

/// What was seen.
#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    kills: usize,
    runs: usize,
    creates: u64,
    duplicates: usize,
    lost: usize,
    doubts: usize,
    half_results: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.runs += other.runs;
        self.creates += other.creates;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
        self.doubts += other.doubts;
        self.half_results += other.half_results;
    }
}

/// Numbers that look random, the same for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// When to kill.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So long after the start.
    After(Duration),
    /// When so many more creates have come.
    Creates(u64),
    /// When the state has grown so many times.
    Growth(u64),
    /// When results are being written.
    Results,
}

impl Moment {
    fn any(chance: &mut Chance) -> Self {
        match chance.below(8) {
            0..=2 => Self::After(Duration::from_micros(chance.below(120_000))),
            3..=4 => Self::Creates(1 + chance.below(6)),
            5..=6 => Self::Growth(1 + chance.below(12)),
            _ => Self::Results,
        }
    }
}

/// Waits for the moment, or for the end of the run.
fn wait_for(moment: Moment, scenario: &Scenario, provider: &Simulated, run: &mut Running) {
    let (begin, creates) = (Instant::now(), provider.creates());
    let length =
        || std::fs::metadata(scenario.out().join("state.jsonl")).map_or(0, |file| file.len());
    let (mut grown, mut longest) = (0, length());
    while !run.has_ended() {
        let is_now = match moment {
            Moment::After(time) => begin.elapsed() >= time,
            Moment::Creates(more) => provider.creates() >= creates + more,
            Moment::Growth(times) => {
                let length = length();
                grown += u64::from(length > longest);
                longest = longest.max(length);
                grown >= times
            }
            Moment::Results => is_writing_results(scenario),
        };
        if is_now {
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn is_writing_results(scenario: &Scenario) -> bool {
    let names = std::fs::read_dir(scenario.out())
        .into_iter()
        .flatten()
        .flatten();
    names
        .map(|file| file.file_name())
        .any(|name| name.as_encoded_bytes().ends_with(b".tmp"))
}

/// Whether results.csv or the gallery is there and not whole.
fn is_half(scenario: &Scenario, jobs: usize) -> bool {
    let Ok(text) = std::fs::read_to_string(scenario.out().join("results.csv")) else {
        return false;
    };
    let gallery = std::fs::read_to_string(scenario.out().join("gallery.html"));
    let is_half_page = gallery.is_ok_and(|page| !page.ends_with("</html>\n"));
    is_half_page || !text.ends_with("\r\n") || crate::support::rows(&text).len() != jobs
}

/// Kills until a manifest is done, one manifest after the other, until `kills` have struck.
fn hunt(seed: u64, kills: usize) -> Figures {
    let mut chance = Chance(seed);
    let mut figures = Figures::default();
    while figures.kills < kills {
        figures += one_manifest(&mut chance, kills - figures.kills);
    }
    figures
}

fn one_manifest(chance: &mut Chance, kills: usize) -> Figures {
    let provider = Simulated::rendering("20ms..200ms");
    let scenario = Scenario::manifest("shots.csv", &table(1..=JOBS)).at(&provider);
    let mut figures = Figures::default();
    // So many rounds at most: what is pending runs out, and nobody can kill what has ended.
    for _ in 0..40 {
        let pace = ["20/s", "50/s", "200/s"][usize::try_from(chance.below(3)).expect("small")];
        let start = || {
            let options = ["--submit-rate", pace, "--concurrency", "8"];
            Running::of(scenario.sweep_command(&options))
        };
        let mut runs = vec![start()];
        if chance.below(4) == 0 {
            runs.push(start());
        }
        wait_for(Moment::any(chance), &scenario, &provider, &mut runs[0]);
        figures.runs += runs.len();
        for run in runs {
            let Finished { code, stderr, .. } = run.kill_and_look();
            assert!(
                [0, 5, 75, KILLED].contains(&code),
                "exit code {code}:\n{stderr}"
            );
            figures.kills += usize::from(code == KILLED);
        }
        figures.half_results += usize::from(is_half(&scenario, JOBS));
        if figures.kills >= kills {
            break;
        }
    }
    run_to_the_end(&scenario, &provider, &mut figures);
    figures
}

fn run_to_the_end(scenario: &Scenario, provider: &Simulated, figures: &mut Figures) {
    let run = || Running::of(scenario.sweep_command(&["--concurrency", "8"])).finish();
    let finished = run();
    let rows = scenario.results();
    figures.doubts = count(&rows, "in_doubt");
    finished.exits(if figures.doubts == 0 { 0 } else { 5 });
    assert_eq!(
        count(&rows, "completed") + figures.doubts,
        JOBS,
        "a run converges"
    );
    figures.lost = lost(scenario, &provider.ledger());
    settle(scenario, provider);
    run().exits(0);
    assert_eq!(count(&scenario.results(), "completed"), JOBS);
    figures.creates = provider.creates();
    figures.duplicates = usize::try_from(figures.creates).expect("few") - JOBS;
}

#[test]
fn runs_that_are_killed_at_random_moments_pay_once_and_lose_nothing() {
    let (kills, seeds) = (
        if is_full() { KILLS_FULL } else { KILLS },
        [0x5eed_0001, 0x5eed_0002],
    );
    let mut figures = Figures::default();
    std::thread::scope(|threads| {
        let hunts = seeds.map(|seed| threads.spawn(move || hunt(seed, kills)));
        for hunt in hunts {
            figures += hunt.join().expect("a hunt ends");
        }
    });
    let Figures {
        kills: struck,
        runs,
        creates,
        duplicates,
        lost,
        doubts,
        half_results,
    } = figures;
    announce(&format!(
        "random kills: {struck} kills in {runs} runs, {creates} creates, {duplicates} duplicates, {lost} lost ids, \
         {doubts} jobs in doubt, {half_results} half-written results"
    ));
    assert!(struck >= kills * seeds.len());
    assert_published(KILLS * seeds.len(), "kills");
    assert_eq!((duplicates, lost, half_results), (0, 0, 0));
}

#[test]
fn a_kill_while_large_results_are_written_leaves_the_old_ones_whole() {
    let provider = Simulated::good_day();
    let jobs = 3000;
    let scenario = Scenario::manifest("shots.csv", &table(1..=jobs)).at(&provider);
    let run = |options: &[&str]| Running::of(scenario.sweep_command(options));
    run(&["--select", "job-01"]).finish().exits(0);
    let (mut tries, mut struck) = (0, 0);
    while struck < 3 && tries < 60 {
        let mut run = run(&["--select", "job-01"]);
        wait_for(Moment::Results, &scenario, &provider, &mut run);
        let killed = run.kill_and_look();
        tries += 1;
        struck += usize::from(killed.code == KILLED && is_writing_results(&scenario));
        assert!(!is_half(&scenario, jobs));
    }
    announce(&format!(
        "kills while results are written: {struck} of {tries} left a half-written file beside whole results"
    ));
    assert!(struck > 0, "no kill came while results were written");
    scenario.ask("report", &[]).exits(0);
    assert!(
        !is_writing_results(&scenario),
        "half-written files are cleared away"
    );
    assert_eq!(provider.creates(), 1);
}
