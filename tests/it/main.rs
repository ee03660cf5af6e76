//! Everything that runs the program itself, in one binary: a file per topic.

mod diagnostics;
mod disk;
mod examples;
mod exit_codes;
mod faults;
mod readme;
mod resume;
mod run;
mod signals;
mod support;
mod wire;
