//! The manifests that users copy: every one loads without a word.

use std::path::{Path, PathBuf};

use shotlist::manifest::load;

/// Every example with the number of its jobs.
const EXAMPLES: [(&str, usize); 8] = [
    ("campaign.yaml", 12),
    ("first-last-frame.yaml", 3),
    ("pricing.yaml", 7),
    ("reference-images.yaml", 4),
    ("sheet.csv", 6),
    ("sheet.xlsx", 6),
    ("sheet.yaml", 6),
    ("variations.yaml", 9),
];

/// Tables that are no manifests of their own, as they need the template of one.
const TABLES: [&str; 1] = ["products.csv"];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples")
}

#[test]
fn every_example_loads_without_a_word() {
    for (name, jobs) in EXAMPLES {
        let loaded = load(&directory().join(name), &|path| std::fs::read(path));
        assert_eq!(loaded.render_compact(), "", "{name}");
        assert_eq!(
            loaded.plan.expect("no diagnostics").jobs().len(),
            jobs,
            "{name}"
        );
    }
}

#[test]
fn the_workbook_holds_the_same_jobs_as_the_table() {
    let plan = |name| {
        let loaded = load(&directory().join(name), &|path| std::fs::read(path));
        let plan = loaded.plan.expect("it is valid");
        let jobs = plan.jobs().iter();
        let meant: Vec<_> = jobs
            .map(|job| (job.id(), job.request(), job.user_values()))
            .collect();
        format!("{meant:?}")
    };
    assert_eq!(plan("sheet.xlsx"), plan("sheet.csv"));
}

#[test]
fn no_example_is_left_out() {
    let found = std::fs::read_dir(directory()).expect("the directory exists");
    let mut names: Vec<_> = found
        .map(|file| {
            file.expect("it can be listed")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| !is_state(name))
        .collect();
    names.sort();
    let mut known = [&EXAMPLES.map(|(name, _)| name)[..], &TABLES].concat();
    known.sort_unstable();
    assert_eq!(names, known);
}

/// What trying an example leaves beside it.
fn is_state(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "rehearsal" | "run")))
}
