//! Cells of a column whose name nobody knows → what they may be. Start at [`of`].
//!
//! It is a guess, and only ever told as one: the column is a mistake until somebody names it.

use super::names;
use crate::manifest::values;

/// What the cells of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// There are none.
    Empty,
    /// Shapes of a picture, such as `16:9`.
    Ratio,
    /// Lengths of a video.
    Seconds,
    /// Addresses of pictures.
    Pictures,
    /// Addresses of videos.
    Videos,
    /// Addresses of sounds.
    Sounds,
    /// Addresses of something else, or files.
    Addresses,
    /// Nothing of that.
    Words,
}

impl Looks {
    /// The field that such cells may belong to.
    pub(super) fn field(self) -> Option<&'static str> {
        match self {
            Self::Ratio => Some("aspect_ratio"),
            Self::Seconds => Some("duration"),
            Self::Pictures => Some("images"),
            Self::Videos => Some("videos"),
            Self::Sounds => Some("audios"),
            Self::Empty | Self::Addresses | Self::Words => None,
        }
    }

    pub(super) fn is_address(self) -> bool {
        matches!(
            self,
            Self::Pictures | Self::Videos | Self::Sounds | Self::Addresses
        )
    }

    /// In words, as what they are.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Ratio => "aspect ratios",
            Self::Seconds => "lengths in seconds",
            Self::Pictures => "addresses of pictures",
            Self::Videos => "addresses of videos",
            Self::Sounds => "addresses of sounds",
            Self::Addresses => "addresses",
            Self::Empty | Self::Words => "text",
        }
    }
}

/// What most of `cells` look like; those that are blank do not count.
pub(super) fn of(cells: &[&str]) -> Looks {
    let filled: Vec<&str> = cells.iter().copied().filter(|it| !it.is_empty()).collect();
    if filled.is_empty() {
        return Looks::Empty;
    }
    let each: Vec<Looks> = filled.iter().map(|cell| of_cell(cell)).collect();
    let most = |looks: &dyn Fn(Looks) -> bool| {
        each.iter().filter(|look| looks(**look)).count() * 2 > each.len()
    };
    if most(&|look| look == Looks::Seconds) && counts_up(&filled) {
        return Looks::Words;
    }
    let kinds = [
        Looks::Ratio,
        Looks::Seconds,
        Looks::Pictures,
        Looks::Videos,
        Looks::Sounds,
    ];
    let kind = kinds.into_iter().find(|kind| most(&|look| look == *kind));
    kind.unwrap_or(if most(&Looks::is_address) {
        Looks::Addresses
    } else {
        Looks::Words
    })
}

fn of_cell(cell: &str) -> Looks {
    /// What is longer is none of these, or starts like one.
    const LONGEST: usize = 2000;
    let cell = &cell[..cell.floor_char_boundary(LONGEST)];
    let tidied = names::tidied(cell);
    let bare = tidied.as_deref().unwrap_or(cell);
    if is_ratio(bare) {
        return Looks::Ratio;
    }
    if values::duration_meant(bare).is_some() {
        return Looks::Seconds;
    }
    of_address(cell).unwrap_or(Looks::Words)
}

/// Whether a text is one of the three shapes, in some way that cannot be another thing: `969`, `1.78` and `2/2` can.
fn is_ratio(text: &str) -> bool {
    /// As in `04:09:00 PM`.
    const LONGEST: usize = 12;
    let text = text.trim().to_lowercase();
    let is_part = |it: char| it.is_ascii_digit() || " :x×apm.".contains(it);
    let is_pair = text.contains([':', 'x', '×']) && text.chars().all(is_part);
    let is_word = !text.contains(|it: char| it.is_ascii_digit());
    let is_known = matches!(&*text, "16/9" | "9/16" | "16-9" | "9-16");
    text.len() <= LONGEST
        && (is_pair || is_word || is_known)
        && values::ratio_meant(&text).is_some()
}

/// Whether the numbers of a column are those of its rows: each is the one before and one more.
fn counts_up(cells: &[&str]) -> bool {
    let numbers: Option<Vec<u32>> = cells.iter().map(|cell| cell.parse().ok()).collect();
    numbers.is_some_and(|all| all.len() > 1 && all.windows(2).all(|pair| pair[0] + 1 == pair[1]))
}

/// Which medium is at the first address of a cell, or in the file it names.
fn of_address(cell: &str) -> Option<Looks> {
    const PICTURES: &[&str] = &[
        "png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif",
    ];
    const VIDEOS: &[&str] = &["mp4", "mov", "webm", "mkv", "avi", "m4v"];
    const SOUNDS: &[&str] = &["mp3", "wav", "m4a", "aac", "ogg", "flac"];
    let first = cell
        .split(['|', '\n', '\r', ',', ';', '，', '；', '、'])
        .next()?;
    let first = first.trim().to_ascii_lowercase();
    let path = first.split(['?', '#']).next()?;
    let end = path.rsplit_once('.').map_or("", |(_, end)| end);
    let end = end.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
    let is_address = first.contains("://") || first.starts_with("www.");
    if first.starts_with("data:image/") || PICTURES.contains(&end) {
        Some(Looks::Pictures)
    } else if VIDEOS.contains(&end) {
        Some(Looks::Videos)
    } else if SOUNDS.contains(&end) {
        Some(Looks::Sounds)
    } else {
        is_address.then_some(Looks::Addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_what_most_of_its_cells_look_like() {
        let cases: [(&[&str], Looks); 18] = [
            (&["16:9", "9:16", "4:3"], Looks::Ratio),
            (&["16x9", "", "1：1"], Looks::Ratio),
            (&["landscape"], Looks::Ratio),
            (&["16:09:00", "9:16"], Looks::Ratio),
            (&["16/9"], Looks::Ratio),
            (&["969", "1.78", "2/2", "1 x 1 m"], Looks::Words),
            (&["10:30", "12:15"], Looks::Words),
            (&["8 s", "20"], Looks::Words),
            (&["8 s", "6", "20"], Looks::Seconds),
            (&["8", "8", "８"], Looks::Seconds),
            (&["5", "6", "7", "8", "9"], Looks::Words),
            (&["1", "2", "300"], Looks::Words),
            (
                &["https://example.com/a.png", "www.example.com/b.jpg?x=1"],
                Looks::Pictures,
            ),
            (&["C:\\pictures\\a.png"], Looks::Pictures),
            (
                &["https://example.com/a.mp4 | https://example.com/b.mp4"],
                Looks::Videos,
            ),
            (&["https://example.com/a.mp3"], Looks::Sounds),
            (&["https://example.com/brief"], Looks::Addresses),
            (&["", ""], Looks::Empty),
        ];
        for (cells, looks) in cases {
            assert_eq!(of(cells), looks, "{cells:?}");
        }
    }
}
