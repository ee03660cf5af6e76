//! `shotlist` runs a manifest of Seedance 2.0 video jobs. A video costs real money and the API has no idempotency key,
//! so everything here serves three promises: **never pay twice, never lose a task id, always safe to run again.**
//!
//! # The one idea
//!
//! Whatever *decides* is a pure function; a thin shell *does*. [`engine::Engine::step`] owns all state of a run: who may
//! submit, poll, wait, try again, stop. It knows no network, disk, terminal, clock or chance. The shell is one loop,
//! [`runner::run`]:
//!
//! ```text
//! reply | timer | signal ─▶ engine.step ─▶ (1) append all records, one fdatasync
//!            ▲                             (2) tell people: results.csv, progress, JSON lines
//!            └──────── open calls ◀─────── (3) start calls
//! ```
//!
//! First on disk, then on screen, then on the wire. A create request leaves only after the *intent* to send it is
//! durable; if the run dies before the answer is, the next run finds an intent without an answer and calls the job *in
//! doubt* instead of sending it again.
//!
//! ```text
//! bytes ─ manifest::load ─▶ Loaded { plan, settings, diagnostics }         never stops at the first error
//! state ─ state::Store::open ─▶ JobTable                                   every job and what is known of it
//! (JobTable, Setup) ─ Engine::resume ─▶ Engine                             what is left, and why
//! Record ─ Store::commit ─▶ now it is true ─▶ results.csv, progress, summary
//! Call ─ api::VideoApi ─▶ SubmitReply | PollReply ─▶ Input
//! ```
//!
//! # Where things are, in reading order
//!
//! | module | its job |
//! | --- | --- |
//! | [`plan`] | what a valid manifest means: jobs and the exact requests they send |
//! | [`money`] | exact amounts, and what a job costs by the user's price list |
//! | [`naming`] | what a downloaded file is called |
//! | [`engine`] | decides: [`engine::event`] the vocabulary, [`engine::job`] the life of one job, [`engine::resume`] what is left, [`engine::limits`] and [`engine::retry`] the arithmetic, [`engine::selection`] which jobs are submitted, [`engine::downloads`] which files are fetched |
//! | [`runner`] | the loop above |
//! | [`state`] | the journal on disk: one JSON line per event, checksummed, synced, locked |
//! | [`api`] | one HTTP exchange → one reply: [`api::classify`] is the table of what each answer means |
//! | [`fetch`] | files at addresses that others wrote down: no key, and never into a private network by surprise |
//! | [`download`] | one file from its address to its place, safe against crashes; [`fs::folder`] is where |
//! | [`manifest`] | YAML and CSV → plan, with every mistake at its place |
//! | [`marks`] | what a person marked in the gallery, and which jobs are therefore made again |
//! | [`media`] | what a file is by its first bytes, and how long a video is |
//! | [`probe`] | asks for the files that jobs refer to; [`probe::finding`] says what the answers mean |
//! | [`results`] | results.csv as a function of plan and state |
//! | [`report`] | outcome, exit code, summary, tables, JSON lines |
//! | [`progress`] | what a person sees while it runs |
//! | [`settings`], [`units`] | flag > environment > manifest > default, each value checked once |
//! | [`simulator`] | a provider that costs nothing, for rehearsals and tests |
//! | [`commands`] | one verb a file: puts the parts above together |
//! | [`cli`], [`error`], [`output`] | arguments, exit codes, the only writer to stdout and stderr |
//! | [`fs`], [`clock`], [`text`] | the only writer of files, the only asker of time, what may be shown |
//!
//! # Invariants, each with a test that names it
//!
//! * No create request leaves before its intent is durable, and at most one intent of a job is open.
//! * A task id is durable before it is shown, counted or polled.
//! * In flight ≤ the concurrency; any window of submits and of polls ≤ its rate, across runs.
//! * A settled job stays settled within its take; another take begins with a durable `reopened` event.
//! * results.csv is a pure function of plan and state.
//! * Replaying any prefix of the journal gives a legal state.
//!
//! `tests/architecture.rs` keeps the directions between modules.

pub mod api;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod download;
pub mod engine;
pub mod error;
pub mod fetch;
pub mod fs;
pub mod manifest;
pub mod marks;
pub mod media;
pub mod money;
pub mod naming;
pub mod output;
pub mod plan;
pub mod probe;
pub mod progress;
pub mod report;
pub mod results;
pub mod runner;
pub mod settings;
pub mod simulator;
pub mod state;
pub mod text;
pub mod units;

#[cfg(test)]
#[path = "../tests/claims/mod.rs"]
mod claims;
