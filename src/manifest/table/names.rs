//! What people and spreadsheets leave around names and choices: blanks that do not break, marks that cannot be seen,
//! curly quotes, full-width letters, a unit behind a name. Start at [`field_name`] and [`tidied`].
//!
//! Prompts and addresses never come here: they are read as they are.

use std::fmt::Write as _;

use crate::text::{self, half_width};

/// The name of a field or variable as a header means it: lower case, `_` between words, without a unit in brackets.
pub(super) fn field_name(written: &str) -> String {
    let narrow: String = written.chars().map(half_width).collect();
    let bare = without_unit(narrow.trim_matches(is_wrapping));
    let mut name = String::with_capacity(bare.len());
    for character in bare.trim_matches(is_wrapping).chars() {
        if character.is_whitespace() || is_hyphen(character) || character == '_' {
            if !name.ends_with('_') {
                name.push('_');
            }
        } else if !is_invisible(character) {
            name.extend(character.to_lowercase());
        }
    }
    name
}

/// `written` without what is not part of a number, a boolean or a choice; none if there is nothing to leave out.
pub(super) fn tidied(written: &str) -> Option<String> {
    if written.is_ascii() {
        return None;
    }
    let narrow: String = written.chars().map(half_width).collect();
    let tidy = narrow.trim_matches(|it| is_wrapping(it) && !matches!(it, '"' | '\''));
    let plain = written.trim_matches(|it: char| it.is_ascii_whitespace());
    (tidy != plain).then(|| tidy.to_owned())
}

/// The ratio of which a spreadsheet has made the time `written`, such as `16:09:00`, `04:09 PM` or `上午9:16`.
pub(super) fn ratio_of_time(written: &str) -> Option<&'static str> {
    let text = written.trim();
    if matches!(text, "16:9" | "9:16" | "1:1") || !text.contains(':') {
        return None;
    }
    let folded = text.to_lowercase();
    let epochs = ["1899-12-30", "1899-12-31", "1900-01-00", "1904-01-01"];
    let dated = epochs.iter().find_map(|epoch| folded.strip_prefix(epoch));
    let time = dated.map_or(folded.as_str(), |rest| rest.trim_start_matches([' ', 't']));
    let (clock, is_afternoon) = clock_of(time);
    let mut parts = clock.trim().split(':');
    let number = |part: Option<&str>| {
        let part = part.filter(|part| (1..=2).contains(&part.len()))?;
        part.parse::<u32>().ok()
    };
    let (hour, minute) = (number(parts.next())?, number(parts.next())?);
    let seconds = parts.next().unwrap_or("00");
    if parts.next().is_some()
        || seconds.is_empty()
        || seconds.contains(|it| !matches!(it, '0' | '.'))
    {
        return None;
    }
    match (
        hour + if is_afternoon && hour < 12 { 12 } else { 0 },
        minute,
    ) {
        (16, 9) => Some("16:9"),
        (9, 16) => Some("9:16"),
        (1, 1) => Some("1:1"),
        _ => None,
    }
}

/// A time without the half of the day, and whether that is the second.
fn clock_of(time: &str) -> (&str, bool) {
    const HALVES: [(&str, bool); 10] = [
        ("a.m.", false),
        ("p.m.", true),
        ("am", false),
        ("pm", true),
        ("上午", false),
        ("下午", true),
        ("午前", false),
        ("午後", true),
        ("오전", false),
        ("오후", true),
    ];
    let without = |half: &str| time.strip_suffix(half).or(time.strip_prefix(half));
    let mut halves = HALVES.into_iter();
    let found = halves.find_map(|(half, is_afternoon)| Some((without(half)?, is_afternoon)));
    found.unwrap_or((time, false))
}

/// `written` so that also what cannot be seen in it is seen.
pub(super) fn revealed(written: &str) -> String {
    let mut shown = String::new();
    for character in written.chars().take(40) {
        if is_invisible(character) || character.is_whitespace() && character != ' ' {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `name` without ` (s)`, `[sec]` or the like at its end.
fn without_unit(name: &str) -> &str {
    let open = match name.chars().last() {
        Some(')') => '(',
        Some(']') => '[',
        _ => return name,
    };
    match name.rfind(open) {
        Some(at) if at > 0 => name[..at].trim_end_matches(is_wrapping),
        _ => name,
    }
}

fn is_invisible(character: char) -> bool {
    text::is_unsafe(character) || matches!(character, '\u{200C}' | '\u{200D}' | '\u{AD}')
}

fn is_wrapping(character: char) -> bool {
    character.is_whitespace()
        || is_invisible(character)
        || matches!(
            character,
            '"' | '\''
                | '“'
                | '”'
                | '„'
                | '‟'
                | '‘'
                | '’'
                | '‚'
                | '‛'
                | '«'
                | '»'
                | '‹'
                | '›'
        )
}

fn is_hyphen(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_mean_what_they_say_without_their_looks() {
        for (written, name) in [
            ("prompt", "prompt"),
            ("Duration (s)", "duration"),
            ("Duration [sec]", "duration"),
            ("Ｄｕｒａｔｉｏｎ（ｓ）", "duration"),
            ("Aspect Ratio", "aspect_ratio"),
            ("aspect-ratio", "aspect_ratio"),
            ("Aspect\u{a0}Ratio\u{200b}", "aspect_ratio"),
            ("“Last – Image”", "last_image"),
            ("'seed'", "seed"),
            ("\u{feff}\u{feff}ID", "id"),
            ("Extra Body.Seed", "extra_body.seed"),
            ("Image\n1", "image_1"),
            ("(s)", "(s)"),
            ("提示", "提示"),
            ("", ""),
        ] {
            assert_eq!(field_name(written), name, "{written:?}");
        }
    }

    #[test]
    fn a_time_is_the_ratio_that_it_can_only_have_been() {
        for (written, ratio) in [
            ("16:09", Some("16:9")),
            ("16:09:00", Some("16:9")),
            (" 16:09:00.000 ", Some("16:9")),
            ("04:09:00 PM", Some("16:9")),
            ("4:09 pm", Some("16:9")),
            ("4:09 p.m.", Some("16:9")),
            ("下午4:09:00", Some("16:9")),
            ("1899-12-30 16:09:00", Some("16:9")),
            ("1899-12-30T16:09:00", Some("16:9")),
            ("9:16:00", Some("9:16")),
            ("09:16", Some("9:16")),
            ("09:16:00 AM", Some("9:16")),
            ("01:01:00", Some("1:1")),
            ("1:01", Some("1:1")),
            ("1:01:00 AM", Some("1:1")),
            ("16:9", None),
            ("9:16", None),
            ("1:1", None),
            ("09:16 PM", None),
            ("1:01 PM", None),
            ("16:09:30", None),
            ("16:9:", None),
            ("16:09:00:00", None),
            ("00:16:09", None),
            ("4:03:00", None),
            ("2026-11-22 16:09:00", None),
            ("", None),
            ("016:009", None),
        ] {
            assert_eq!(ratio_of_time(written), ratio, "{written:?}");
        }
    }

    #[test]
    fn a_value_is_tidied_of_what_a_spreadsheet_or_keyboard_left() {
        for (written, tidy) in [
            ("8", None),
            (" 8 ", None),
            ("\u{a0}8", Some("8")),
            ("８", Some("8")),
            ("“8”", Some("8")),
            ("8\u{200b}", Some("8")),
            ("ＴＲＵＥ", Some("TRUE")),
            ("１６：９", Some("16:9")),
            ("\u{3000}", Some("")),
            ("\"8\"", None),
            ("8秒", None),
            ("caf é", None),
        ] {
            assert_eq!(tidied(written).as_deref(), tidy, "{written:?}");
        }
        assert_eq!(revealed("\u{a0}8\u{200b}"), "\\u{a0}8\\u{200b}");
    }
}
