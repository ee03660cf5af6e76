//! Text that came from outside, made safe to show: the one place that decides which characters may reach
//! a terminal, a pipe, the state or a cell. Knows nothing of who sent it.

use std::fmt;

/// Longest provider message that is kept, in characters.
pub const MESSAGE_LIMIT: usize = 500;

/// A message without control, escape or bidi characters, at most [`MESSAGE_LIMIT`] characters long.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CleanText(Box<str>);

impl CleanText {
    /// Cleans `raw`: line breaks and tabs become spaces, other unsafe characters are dropped, the rest is cut off
    /// with an ellipsis.
    pub fn new(raw: &str) -> Self {
        Self(clean(raw, MESSAGE_LIMIT).into())
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

#[cfg(test)]
mod tests {
    use super::*;

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
    fn cjk_and_emoji_stay() {
        assert_eq!(clean("当前分组 🎬", 99), "当前分组 🎬");
    }
}
