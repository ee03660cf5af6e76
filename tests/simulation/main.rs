//! The program's own run loop, engine and journal under random faults and crashes, in virtual time, against the ledger
//! of a provider that lives in memory.
//!
//! Start at [`no_seed_breaks_a_promise`]; `life` tells what happens in one seed. Everything follows from the seed: one
//! that fails is printed with the command that replays it and with what happened last.
//!
//! * `cargo test --test simulation -- --nocapture` runs the usual seeds and prints what they met.
//! * `SHOTLIST_SEED=7 cargo test --test simulation` replays one.
//! * `SHOTLIST_SEEDS=1000000 cargo test --release --test simulation` runs for a long time.
//!
//! # How to extend it
//! A fault of the provider is a line in `answers` (and a chance in `weather`), a fault of the disk a field of
//! `weather::DiskFaults` and a line in `file`, one of the server of videos a line in `server`, a stroke of fate at any moment a variant of `weather::Mischief` and a line
//! in `world`. What a person does is in `person`, what a run is asked to do in `weather::Terms`. Each new trouble gets
//! a variant in `figures::Seen`, which the sweep then requires to happen. A new promise is an `ensure` in `promises`
//! (while it runs), `ending` (when a run ends) or `calm` (in the end), and a control in `controls` that breaks it.

mod answers;
mod calm;
mod chance;
#[path = "../claims/mod.rs"]
mod claims;
mod controls;
mod disk;
mod ending;
mod figures;
mod file;
mod folder;
mod life;
mod notes;
mod person;
mod promises;
mod provider;
mod register;
mod server;
mod sweep;
mod time;
mod weather;
mod witness;
mod world;
