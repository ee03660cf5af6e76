//! Which file was meant by the name of one that is not there. Start at [`with_similar`].

use std::io;
use std::path::Path;

use crate::fs;
use crate::text;

/// How the names of tables end, and of other files that are read.
const TABLES: [&str; 4] = [".csv", ".tsv", ".txt", ".xlsx"];
const OTHERS: [&str; 2] = [".yaml", ".yml"];

/// Why a file cannot be read; if it is not there, with the name of a file beside its place that was probably meant.
pub(super) fn with_similar(error: io::Error, path: &Path) -> io::Error {
    if error.kind() != io::ErrorKind::NotFound {
        return error;
    }
    match similar(path).into_iter().next() {
        Some((_, name)) => {
            let message = format!("{error}; did you mean `{}`?", text::clean(&name, 100));
            io::Error::new(error.kind(), message)
        }
        None => error,
    }
}

/// The table beside `path`, which is not there, that was surely meant: the one that is suggested, and no other is as
/// near.
pub(super) fn meant_table(path: &Path) -> Option<String> {
    let mut names = similar(path).into_iter();
    let (distance, name) = names.next()?;
    let has_rival = names.next().is_some_and(|(other, _)| other == distance);
    let is_table = TABLES.iter().any(|end| name.to_lowercase().ends_with(end));
    (is_table && !has_rival).then_some(name)
}

/// The files beside `path` with nearly the same name, the nearest first, and how far each is: a slip or two away, or
/// with another ending.
fn similar(path: &Path) -> Vec<(usize, String)> {
    let folded = |path: &Path| Some(path.file_name()?.to_str()?.to_lowercase());
    let Some(wanted) = folded(path) else {
        return Vec::new();
    };
    let slips = (wanted.chars().count() / 4).clamp(1, 3);
    let stem = |name: &str| {
        name.rsplit_once('.')
            .map_or(name.to_owned(), |(stem, _)| stem.to_owned())
    };
    let is_read = |name: &str| {
        let mut ends = TABLES.iter().chain(&OTHERS);
        ends.any(|end| name.ends_with(end))
    };
    let distance = |name: String| {
        let other = name.to_lowercase();
        let distance = if stem(&other) == stem(&wanted) {
            0
        } else {
            strsim::osa_distance(&other, &wanted)
        };
        (is_read(&other) && distance <= slips).then_some((distance, name))
    };
    let names = fs::names_beside(path).into_iter();
    let mut similar: Vec<_> = names.filter_map(distance).collect();
    similar.sort_unstable();
    similar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_surely_meant_if_no_other_is_as_near() {
        let folder = tempfile::tempdir().expect("a directory");
        let wanted = folder.path().join("produkts.csv");
        let add = |name: &str| std::fs::write(folder.path().join(name), "").expect("written");
        assert_eq!(meant_table(&wanted), None);
        add("products.csv");
        add("products2.csv");
        add("notes.csv");
        assert_eq!(meant_table(&wanted).as_deref(), Some("products.csv"));
        add("produkt.csv");
        assert_eq!(meant_table(&wanted), None, "both are a letter away");
        add("produkts.yaml");
        assert_eq!(meant_table(&wanted), None, "no table is suggested");
    }
}
