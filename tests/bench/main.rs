//! What shotlist takes, beside the limit that is measured in the same run: `cargo bench` runs every bench, and
//! `cargo bench --bench bench -- NAME` one. A bench prints figures and never fails on them.
#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]

mod child;
mod flight;
mod provider;
mod resume;
mod rows;
mod table;
mod throughput;

/// Each bench by its name.
const BENCHES: &[(&str, fn())] = &[
    ("flight", flight::bench),
    ("resume", resume::bench),
    ("rows", rows::bench),
    ("throughput", throughput::bench),
];

fn main() {
    // Cargo adds options of its own.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|it| !it.starts_with('-'))
        .collect();
    for (name, bench) in BENCHES {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            println!("{name}");
            bench();
        }
    }
}
