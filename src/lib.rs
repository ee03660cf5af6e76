//! `shotlist` runs a manifest of Seedance 2.0 video jobs: it never pays twice, never loses a task id, and is always
//! safe to run again.

pub mod api;
pub mod cli;
pub mod clock;
pub mod engine;
pub mod error;
pub mod fs;
pub mod manifest;
pub mod output;
pub mod plan;
pub mod progress;
pub mod report;
pub mod results;
pub mod runner;
pub mod settings;
pub mod simulator;
pub mod state;
pub mod text;
pub mod units;
