//! Decides what a run does next. PURE: knows no network, disk, terminal, clock, randomness or async.

pub mod event;
pub mod job;
pub mod table;
