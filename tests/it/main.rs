//! Everything that runs the program itself, in one binary: a file per topic.
mod diagnostics;
mod disk;
mod examples;
mod wire;
mod readme;
