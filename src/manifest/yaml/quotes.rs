//! A quote that is not closed where its text ends, found from where the parser stumbled over what it had taken in.
//! Start at [`unclosed`].

use std::ops::Range;

/// What a value stands behind.
const BEFORE_VALUES: [char; 6] = [':', '-', ',', '[', '{', '?'];

/// The quote at which a text opens that takes in fields of the lines below it; `from` is before it, and what it took in
/// goes on to `to`.
pub(super) fn unclosed(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    while let Some(open) = next_opening(text, at).filter(|open| *open < to) {
        let close = closing(text, open);
        let end = close.unwrap_or(text.len());
        if takes_in_fields(&text[open..end]) {
            return Some(open);
        }
        at = close? + 1;
    }
    None
}

/// The first quote from `from` on that stands where a value begins.
fn next_opening(text: &str, from: usize) -> Option<usize> {
    text[from..]
        .match_indices(['"', '\''])
        .map(|(at, _)| from + at)
        .find(|at| {
            let line = &text[start_of_line(text, *at)..*at];
            let before = line.trim_end();
            let is_remark = before.starts_with('#') || before.contains(" #");
            !is_remark && (before.is_empty() || before.ends_with(BEFORE_VALUES))
        })
}

/// The quote that closes the text that opens at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = bytes[open];
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'"' => at += 1,
            byte if *byte == quote => {
                if quote == b'"' || bytes.get(at + 1) != Some(&quote) {
                    return Some(at);
                }
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether a later line of `taken` begins as a field or an element of a list does.
fn takes_in_fields(taken: &str) -> bool {
    taken.lines().skip(1).any(|line| {
        let line = line.trim_start();
        let field = line.trim_start_matches("- ").trim_start();
        let name = field.split(':').next().unwrap_or_default();
        let is_field = name.len() < field.len() && is_name(name) && {
            let value = &field[name.len() + 1..];
            value.is_empty() || value.starts_with(' ')
        };
        is_field || line.starts_with("- ") && field.is_empty()
    })
}

/// Where the line begins in which `at` is.
pub(super) fn start_of_line(text: &str, at: usize) -> usize {
    text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1)
}

/// The value of the field that stands in the line of `at`, to its end; none if the line is no field with a value.
pub(super) fn value_in_line(text: &str, at: usize) -> Option<Range<usize>> {
    let start = start_of_line(text, at);
    let line = text[start..].split(['\n', '\r']).next()?;
    let field = line.trim_start_matches([' ', '-']);
    let (name, value) = field.split_once(": ")?;
    let value = value.trim();
    let begin = line.len() - field.len() + name.len() + 2;
    let begin = begin + line[begin..].find(value)?;
    let range = start + begin..start + begin + value.len();
    (is_name(name) && !value.is_empty()).then_some(range)
}

/// Whether `text` can be the name of a field.
pub(super) fn is_name(text: &str) -> bool {
    let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.');
    text.starts_with(|it: char| it.is_alphabetic() || it == '_') && text.chars().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_that_takes_in_fields_is_told_from_a_text_of_several_lines() {
        for (text, open) in [
            ("vars:\n  a: \"soft\nb: \"x\"\n", Some(11)),
            ("jobs:\n- a: 'it''s\n  b: 'x'\n", Some(11)),
            ("- \"a\n- \"b\"\n", Some(2)),
            ("a: \"one\nb: two\n", Some(3)),
            ("a: \"one\n  two\" more\n", None),
            ("a: 'the dog\n  sees it's kite'\n", None),
            ("a: it's\nb: isn't\n", None),
            ("# a: \"x\nb: y\n", None),
            ("a: \"x \\\" y\"\nb: \"z\"\n", None),
        ] {
            assert_eq!(unclosed(text, 0, text.len()), open, "{text}");
        }
    }

    #[test]
    fn the_value_of_a_field_is_found_in_its_line() {
        let value = |text: &str| value_in_line(text, text.len() - 1).map(|it| text[it].to_owned());
        assert_eq!(value("a: b\n- c-d:  e: f "), Some("e: f".to_owned()));
        for text in ["a:", "a b: c", "- \"x\": y", ": x"] {
            assert_eq!(value(text), None, "{text}");
        }
    }
}
