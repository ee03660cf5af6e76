//! How a figure is printed: every bench uses the same columns.

/// One line: what was measured, how much it was, the limit of the same run, their ratio, and what is aimed at.
pub(crate) fn row(what: &str, figure: &str, limit: &str, ratio: Option<f64>, aim: &str) {
    let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    println!("  {what:<34} | {figure:>22} | {limit:>26} | {ratio:>6} | {aim}");
}
