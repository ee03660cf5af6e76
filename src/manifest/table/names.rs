//! What people and spreadsheets leave around names and choices: blanks that do not break, marks that cannot be seen,
//! curly quotes, full-width letters, a unit behind a name. Start at [`field_name`] and [`tidied`].
//!
//! Prompts and addresses never come here: they are read as they are.

use std::fmt::Write as _;

use crate::text;

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

/// The ASCII character that a full-width one is, as East Asian keyboards write them.
fn half_width(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character)
        }
        '\u{3000}' => ' ',
        other => other,
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
