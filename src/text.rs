//! Text that came from outside, made safe to show: the one place that decides which characters may reach
//! a terminal, a pipe, the state or a cell. Knows nothing of who sent it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Longest provider message that is kept, in characters.
pub const MESSAGE_LIMIT: usize = 500;

/// A message without control, escape or bidi characters, at most [`MESSAGE_LIMIT`] characters long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CleanText(Box<str>);

impl CleanText {
    /// Cleans `raw`: line breaks and tabs become spaces, passwords in addresses and other unsafe characters are dropped,
    /// the rest is cut off with an ellipsis.
    pub fn new(raw: &str) -> Self {
        Self(clean(&without_passwords(raw), MESSAGE_LIMIT).into())
    }

    /// The cleaned text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for CleanText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The ASCII character that a full-width one is, as East Asian keyboards write them.
pub fn half_width(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => {
            char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character)
        }
        '\u{3000}' => ' ',
        other => other,
    }
}

/// `raw` without characters that could steer a terminal, at most `limit` characters long.
pub fn clean(raw: &str, limit: usize) -> String {
    let mut kept = String::new();
    let mut count = 0;
    for character in raw.chars() {
        let shown = match character {
            '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => ' ',
            unsafe_one if is_unsafe(unsafe_one) => continue,
            safe => safe,
        };
        if shown == ' ' && (kept.is_empty() || kept.ends_with(' ')) {
            continue;
        }
        if count == limit {
            kept.push('…');
            break;
        }
        kept.push(shown);
        count += 1;
    }
    kept.truncate(kept.trim_end().len());
    kept
}

/// `word` as a shell reads it back.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// `--sheet 'a b'`, as a shell reads it back; a value that begins like an option stays a value.
pub fn option_with(option: &str, value: &str) -> String {
    let between = if value.starts_with('-') { '=' } else { ' ' };
    format!("--{option}{between}{}", quoted(value))
}

/// Where in `text` there are passwords of addresses such as `https://user:password@example.com`, and names in their place
/// that stand alone, which are tokens as a rule.
pub fn passwords(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (scheme, mark) in text.match_indices("://") {
        let start = scheme + mark.len();
        let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '<' | '>' | '|' | '`');
        let rest = &text[start..];
        let address = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let host = &address[..address.find(['/', '?', '#']).unwrap_or(address.len())];
        let colon = host.find(':');
        let end = match (host.rfind('@'), colon) {
            (Some(at), _) => Some(at),
            // What is no port may be a password with a `/` in it.
            (None, Some(colon)) if !host[colon + 1..].bytes().all(|it| it.is_ascii_digit()) => {
                address.rfind('@')
            }
            (None, _) => None,
        };
        let Some(end) = end else {
            continue;
        };
        let first = colon
            .filter(|colon| *colon < end)
            .map_or(0, |colon| colon + 1);
        found.push(start + first..start + end);
    }
    found
}

/// `text` with `***` in the place of each password of an address.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    let passwords = passwords(text);
    if passwords.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    let mut from = 0;
    for password in passwords {
        // One address may stand in another.
        if password.start >= from {
            shown += &text[from..password.start];
            shown += "***";
            from = password.end;
        }
    }
    Cow::Owned(shown + &text[from..])
}

/// Control characters (C0, C1, DEL), bidi controls, and invisible characters that hide text.
pub fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{FEFF}'
                | '\u{FFF9}'..='\u{FFFB}'
                | '\u{E0000}'..='\u{E007F}'
        )
}

/// Whether the character is a mark of the letter before it, as Thai and Hindi words have them and an accent may be.
pub(crate) fn is_mark(character: char) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new().get(character);
    let is_mark = matches!(
        category,
        GeneralCategory::NonspacingMark | GeneralCategory::SpacingMark
    );
    is_mark && !is_unseen(character)
}

/// Whether the character takes no place where it is shown, such as a joiner or a variation selector.
pub(crate) fn is_unseen(character: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// `text` as ids and names of files are compared: ignoring case, and whether an accent is a character of its own.
pub(crate) fn folded(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(composed(&composed(text).to_lowercase()).into_owned());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

/// `text` in the one form (NFC) of what can be written in several: an `é` may be one character or two.
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_and_accents_written_otherwise() {
        assert_eq!(folded("CAFE\u{301}"), folded("caf\u{e9}"));
        assert_ne!(folded("cafe"), folded("caf\u{e9}"));
        assert_eq!(folded("Hero"), "hero");
    }

    #[test]
    fn escape_and_bidi_characters_are_dropped_and_breaks_become_one_space() {
        assert_eq!(
            clean("a\u{1b}[31mb\r\n\n\tc\u{202e}d\u{9b}", 99),
            "a[31mb cd"
        );
    }

    #[test]
    fn a_long_text_is_cut_at_the_limit_and_says_so() {
        assert_eq!(clean("abcdef", 3), "abc…");
        assert_eq!(clean("abc", 3), "abc");
    }

    #[test]
    fn no_address_shows_its_password() {
        for (text, shown) in [
            ("https://user:pw@a.b/c.png", "https://user:***@a.b/c.png"),
            ("`http://user:p@w:x@a.b:80/c`", "`http://user:***@a.b:80/c`"),
            ("https://user:p/w#?@a.b/c", "https://user:***@a.b/c"),
            ("https://token@a.b/", "https://***@a.b/"),
            (
                "https://:pw@a.b and ftp://u:v@c",
                "https://:***@a.b and ftp://u:***@c",
            ),
            (
                "https://u:v@a?next=https://x:y@b",
                "https://u:***@a?next=https://x:***@b",
            ),
            (
                "https://a.b:8080/@user/c:d@e",
                "https://a.b:8080/@user/c:d@e",
            ),
            ("https://a.b/c@d", "https://a.b/c@d"),
            ("https://a.b, me@c.d", "https://a.b, me@c.d"),
            ("user:pw@a.b", "user:pw@a.b"),
            ("://", "://"),
            ("https://é:密@ü", "https://é:***@ü"),
        ] {
            assert_eq!(without_passwords(text), shown, "{text}");
        }
    }

    #[test]
    fn words_come_back_from_a_shell_as_they_were() {
        for (value, option) in [
            ("Shots", "--sheet Shots"),
            ("Bob's \"shots\"", r#"--sheet 'Bob'\''s "shots"'"#),
            ("$(rm) `x`", "--sheet '$(rm) `x`'"),
            ("-x", "--sheet=-x"),
            ("- x", "--sheet='- x'"),
            ("", "--sheet ''"),
        ] {
            assert_eq!(option_with("sheet", value), option);
        }
    }

    #[test]
    fn cjk_and_emoji_stay() {
        assert_eq!(clean("当前分组 🎬", 99), "当前分组 🎬");
    }
}
