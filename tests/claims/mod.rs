//! How tests tell what they have tried, and what the README may say of it. Included by the unit tests, the end-to-end
//! tests and the simulation alike.

/// Says a figure, or what was not run: a line on the real stdout, which the test runner does not capture.
pub(crate) fn announce(line: &str) {
    let line = format!("{line}\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes());
}

/// Fails unless the README says so, such as `8,000 seeds`, in its section on what the program survives.
#[track_caller]
pub(crate) fn assert_published(count: usize, of_what: &str) {
    let readme = include_str!("../../README.md");
    let section = readme
        .split("\n## ")
        .find(|part| part.starts_with("What it survives"));
    let claim = format!("{} {of_what}", with_commas(count));
    assert!(
        section.is_some_and(|section| section.contains(&claim)),
        "the README does not say `{claim}`"
    );
}

fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}
