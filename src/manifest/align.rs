//! Where a part of a text stands in the YAML that it was written in. Start at [`place`].
//!
//! A scalar may be quoted, escaped, folded and indented; what stays is the order of its visible characters, and by
//! these the two are laid side by side. Knows nothing of what the text says.

use std::ops::Range;

use super::tree::Span;

/// Longest text that is followed, in bytes: a mistake may be told for each of a million rows.
const LENGTH: usize = 64 * 1024;

/// The place of `part` of `value`, which is written at `span` of `text`; all of `span` if that cannot be told, as for
/// an alias.
pub(super) fn place(text: &str, span: &Span, value: &str, part: &Range<usize>) -> Span {
    let found = text
        .get(span.bytes.clone())
        .filter(|written| written.len() <= LENGTH)
        .and_then(|written| written_at(written, value, part));
    let Some(found) = found else {
        return span.clone();
    };
    Span {
        source: span.source,
        bytes: span.bytes.start + found.start..span.bytes.start + found.end,
    }
}

/// The bytes of `written` that say `part` of `value`.
fn written_at(written: &str, value: &str, part: &Range<usize>) -> Option<Range<usize>> {
    let mut reader = Reader::new(written)?;
    let (mut start, mut end) = (None, None);
    for (offset, character) in value.char_indices() {
        if character.is_whitespace() {
            continue;
        }
        let at = reader.find(character)?;
        if offset >= part.start && start.is_none() {
            start = Some(at.start);
        }
        if offset < part.end {
            end = Some(at.end);
        } else if start.is_some() {
            break;
        }
    }
    let start = start?;
    Some(start..end.filter(|end| *end > start).unwrap_or(start))
}

/// Reads the visible characters of a scalar one by one.
struct Reader<'t> {
    written: &'t str,
    at: usize,
    style: Style,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Double,
    Single,
    /// Plain, literal or folded: characters are as they are.
    Bare,
}

impl<'t> Reader<'t> {
    fn new(written: &'t str) -> Option<Self> {
        let (style, at) = match written.chars().next()? {
            '"' => (Style::Double, 1),
            '\'' => (Style::Single, 1),
            '|' | '>' => (Style::Bare, written.find('\n')?),
            _ => (Style::Bare, 0),
        };
        Some(Self { written, at, style })
    }

    /// Where `expected` stands, which must be the next visible character.
    fn find(&mut self, expected: char) -> Option<Range<usize>> {
        loop {
            let (found, at) = self.next()?;
            match found {
                Some(found) if found.is_whitespace() => {}
                Some(found) if found == expected => return Some(at),
                Some(_) => return None,
                None => {}
            }
        }
    }

    /// The next character that is meant, and how it is written; none for a line break that is escaped away.
    fn next(&mut self) -> Option<(Option<char>, Range<usize>)> {
        let start = self.at;
        let rest = &self.written[start..];
        let first = rest.chars().next()?;
        let (meant, length) = match (self.style, first) {
            (Style::Double, '\\') => escaped(rest)?,
            (Style::Single, '\'') if rest.starts_with("''") => (Some('\''), 2),
            _ => (Some(first), first.len_utf8()),
        };
        self.at += length;
        Some((meant, start..self.at))
    }
}

/// What the escape at the start of `rest` means, and how long it is.
fn escaped(rest: &str) -> Option<(Option<char>, usize)> {
    let letter = rest[1..].chars().next()?;
    let digits = match letter {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        '\r' | '\n' => return Some((None, 1 + letter.len_utf8())),
        // Blanks and control characters are passed over whichever they are.
        '0' | 'a' | 'b' | 't' | 'n' | 'v' | 'f' | 'r' | 'e' | 'N' | '_' | 'L' | 'P' | '\t' => {
            return Some((Some(control(letter)), 2));
        }
        other => return Some((Some(other), 1 + other.len_utf8())),
    };
    let code = u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?;
    Some((Some(char::from_u32(code)?), 2 + digits))
}

fn control(letter: char) -> char {
    match letter {
        '0' => '\0',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'e' => '\u{1b}',
        _ => ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::SourceId;
    use super::*;

    /// What stands where `wanted` of `value` is said in `written`.
    fn said<'t>(written: &'t str, value: &str, wanted: &str) -> &'t str {
        let text = written;
        let span = Span {
            source: SourceId(0),
            bytes: 0..text.len(),
        };
        let start = value.find(wanted).expect("it is part of the value");
        let at = place(text, &span, value, &(start..start + wanted.len()));
        &written[at.bytes]
    }

    #[test]
    fn every_way_to_write_a_text_is_followed() {
        for (written, value) in [
            ("A {{ name }} b", "A {{ name }} b"),
            ("\"A \\\"{{ name }}\\\"\\u00e9\"", "A \"{{ name }}\"é"),
            ("\"\\t\\x41 \\\n   {{ name }}\"", "\tA {{ name }}"),
            ("'it''s {{ name }}'", "it's {{ name }}"),
            ("|\n    A\n\n      b {{ name }}\n", "A\n\n  b {{ name }}\n"),
            (
                ">-\n  A folded\n  text {{ name }}\n",
                "A folded text {{ name }}",
            ),
            (
                "plain on\n    two lines {{ name }}",
                "plain on two lines {{ name }}",
            ),
            ("\"提示 {{ name }}\"", "提示 {{ name }}"),
        ] {
            assert_eq!(said(written, value, "name"), "name", "{written:?}");
            assert_eq!(
                said(written, value, "{{ name }}"),
                "{{ name }}",
                "{written:?}"
            );
        }
        assert_eq!(said("\"a\\u0062c\"", "abc", "b"), "\\u0062");
    }

    #[test]
    fn what_cannot_be_followed_is_the_whole() {
        assert_eq!(said("*alias", "A {{ name }}", "name"), "*alias");
        assert_eq!(said("|", "A", "A"), "|");
    }
}
