//! The table of figures: one line each.

/// Prints what was measured, the limit that was measured in the same run, their ratio, and the aim.
pub(crate) fn row(what: &str, figure: &str, limit: &str, ratio: Option<f64>, aim: &str) {
    let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    println!("  {what:<58} | {figure:>22} | {limit:>26} | {ratio:>6} | {aim}");
}
