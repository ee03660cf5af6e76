//! Many seeds on all cores, and one seed again.
//!
//! Start at [`no_seed_breaks_a_promise`].

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::claims::{announce, assert_published};
use crate::figures::Figures;
use crate::life::{Life, Ways, live};
use crate::world::Broken;

/// Seeds of the usual sweep.
const SEEDS: u64 = 8_000;

/// Seeds after which everything must have happened.
const SEEDS_THAT_MEET_ALL: u64 = 5_000;

/// Events that are shown of a seed that fails.
const SHOWN: usize = 40;

fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("`{name}` is not a number")),
    )
}

#[test]
fn no_seed_breaks_a_promise() {
    if let Some(seed) = number("SHOTLIST_SEED") {
        let life = live(seed, Ways::USUAL, true);
        announce(&story(&life, usize::MAX));
        assert_eq!(life.broken, None, "SHOTLIST_SEED={seed}");
        return;
    }
    let seeds = number("SHOTLIST_SEEDS").unwrap_or(SEEDS);
    let (figures, failed) = sweep(seeds, Ways::USUAL);
    announce(&format!("simulation: {seeds} seeds, {}", figures.line()));
    if let Some((seed, broken)) = failed.first() {
        let story = story(&live(*seed, Ways::USUAL, true), SHOWN);
        panic!(
            "{story}{} seeds break a promise ({:?}…), first seed {seed}: {broken}\nreplay it with `SHOTLIST_SEED={seed} cargo \
             test --test simulation -- --nocapture`",
            failed.len(),
            failed
                .iter()
                .map(|(seed, _)| seed)
                .take(10)
                .collect::<Vec<_>>()
        );
    }
    assert_published(usize::try_from(SEEDS).expect("small"), "seeds");
    let missing = figures.missing();
    assert!(
        seeds < SEEDS_THAT_MEET_ALL || missing.is_empty(),
        "never happened: {missing:?}"
    );
}

/// Lives every seed, on all cores; what they met, and which broke what.
pub(crate) fn sweep(seeds: u64, ways: Ways) -> (Figures, Vec<(u64, Broken)>) {
    let next = AtomicU64::new(0);
    let found = Mutex::new((Figures::default(), Vec::new()));
    let work = || {
        let mut figures = Figures::default();
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            let life = survive(seed, ways);
            figures.add(&life.figures);
            failed.extend(life.broken.map(|broken| (seed, broken)));
        }
        let mut found = found
            .lock()
            .expect("no thread panics while it holds the lock");
        found.0.add(&figures);
        found.1.append(&mut failed);
    };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let (figures, mut failed) = found.into_inner().expect("all threads are done");
    failed.sort();
    (figures, failed)
}

/// A panic is a broken promise too.
fn survive(seed: u64, ways: Ways) -> Life {
    std::panic::catch_unwind(|| live(seed, ways, false)).unwrap_or_else(|_| Life {
        figures: Figures::default(),
        broken: Some("the program panics".to_owned()),
        trace: Vec::new(),
    })
}

/// The last events of a life.
fn story(life: &Life, most: usize) -> String {
    let from = life.trace.len().saturating_sub(most);
    life.trace[from..]
        .iter()
        .fold(String::new(), |mut story, line| {
            let _ = writeln!(story, "{line}");
            story
        })
}

#[test]
fn one_seed_is_one_story() {
    for seed in 0..40 {
        let [first, second] = [(); 2].map(|()| live(seed, Ways::USUAL, true));
        assert!(first.trace.len() > 5, "seed {seed}");
        assert_eq!(hash(&first), hash(&second), "seed {seed}");
        assert_eq!(
            live(seed, Ways::USUAL, false).figures,
            first.figures,
            "seed {seed}"
        );
    }
}

fn hash(life: &Life) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    life.trace.hash(&mut hasher);
    hasher.finish()
}
