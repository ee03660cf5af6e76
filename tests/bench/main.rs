//! What shotlist takes, beside the limit that is measured in the same run: `cargo bench` runs every bench, and
//! `cargo bench --bench bench -- NAME` one. A bench prints figures and never fails on them.
#![allow(clippy::print_stdout, reason = "figures are what a bench is for")]

mod ceilings;
mod child;
mod flight;
mod makespan;
mod polling;
mod provider;
mod resume;
mod rows;
mod studio;
mod table;
mod throughput;
mod virtual_time;

/// Each bench by its name.
const BENCHES: &[(&str, fn())] = &[
    ("rows", rows::bench),
    ("resume", resume::bench),
    ("throughput", throughput::bench),
    ("flight", flight::bench),
    ("ceilings", ceilings::bench),
    ("polling", polling::bench),
    ("makespan", makespan::bench),
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
