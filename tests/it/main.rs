//! Everything that runs the program itself, in one binary: a file per topic.

mod authoring;
#[path = "../claims/mod.rs"]
mod claims;
mod commands;
mod diagnostics;
mod disk;
mod downloads;
mod examples;
mod exit_codes;
mod faults;
mod gallery;
mod help;
mod hostile;
#[cfg(target_os = "linux")]
mod kills;
mod lines;
mod nights;
#[cfg(target_os = "linux")] // `strace` is Linux's
mod order;
mod partitions;
mod picture;
mod pricing;
mod probe;
mod process;
mod readme;
mod rehearsal;
mod results;
mod resume;
mod run;
mod schema;
mod signals;
#[cfg(target_os = "linux")]
mod spend;
mod states;
mod support;
#[cfg(target_os = "linux")]
mod sweep;
mod tables;
#[cfg(target_os = "linux")]
mod terminal;
mod wire;
