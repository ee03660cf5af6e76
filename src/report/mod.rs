//! What a person or a program reads about jobs: how a run came out, where every job stands, what a run would do.
//!
//! Start at [`outcome`], which counts and chooses the exit code; [`summary`] ends a run, [`status`] and [`listing`]
//! are tables, [`gallery`] is a page to look at, [`json`] is the same for programs, [`logbook`] what
//! `--log-file` keeps. Everything here is text from values: it prints nothing, reads no
//! clock and no file.

pub mod cost;
pub mod forecast;
pub mod gallery;
pub mod hint;
pub mod json;
pub mod listing;
pub mod logbook;
pub mod notice;
pub mod outcome;
pub mod reasons;
pub mod spend;
pub mod status;
pub mod summary;
pub mod table;
pub mod waits;

#[cfg(test)]
pub(crate) mod sample;
