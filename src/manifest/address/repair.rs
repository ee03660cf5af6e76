//! Text in the place of an address → the address, or the addresses, that were probably meant. Start at [`repaired`] and
//! [`several`]. What is found is only ever proposed.

use std::borrow::Cow;

use super::{is_path, starts_with_a_host};
use crate::text::half_width;

/// The one address in `text` without what does not belong to it, and with its scheme put right; none if there is none.
pub(super) fn repaired(text: &str) -> Option<String> {
    /// What is longer is no slip.
    const LONGEST: usize = 2000;
    if text.len() > LONGEST {
        return None;
    }
    let narrow: Cow<'_, str> = if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        let seen = text.chars().filter(|it| !crate::text::is_unsafe(*it));
        Cow::Owned(seen.map(half_width).collect())
    };
    let bare = without_surroundings(in_link(&narrow));
    let mut address = with_scheme(bare)?;
    // `https://https://…`
    while let Some((_, rest)) = address.split_once("://")
        && let Some(inner) = with_named_scheme(rest)
    {
        address = inner;
    }
    Some(address)
}

/// What `[words](address)` leads to.
fn in_link(text: &str) -> &str {
    let inside = text
        .trim()
        .strip_prefix('[')
        .and_then(|it| it.split_once("]("));
    match inside.and_then(|(_, rest)| rest.strip_suffix(')')) {
        Some(address) => address,
        None => text,
    }
}

fn without_surroundings(text: &str) -> &str {
    let is_around = |it: char| {
        it.is_whitespace() || "\"'`<>()[]{}“”„‟‘’‚‛«»‹›「」《》【】,;，；、".contains(it)
    };
    let bare = text.trim_matches(is_around);
    // A closing bracket may be the address's own.
    let bare = match (bare.contains('('), text.contains(&format!("{bare})"))) {
        (true, true) if bare.matches('(').count() > bare.matches(')').count() => {
            let end = text.find(bare).map_or(0, |at| at + bare.len() + 1);
            &text[end - bare.len() - 1..end]
        }
        _ => bare,
    };
    bare.trim_end_matches(['.', ','])
}

fn with_scheme(text: &str) -> Option<String> {
    if let Some(named) = with_named_scheme(text) {
        return Some(named);
    }
    if let Some(rest) = text.strip_prefix("//") {
        return starts_with_a_host(rest).then(|| format!("https://{rest}"));
    }
    starts_with_a_host(text).then(|| format!("https://{text}"))
}

/// `https:/…`, `http//…`, `htps://…` and the like with the scheme as it should be.
fn with_named_scheme(text: &str) -> Option<String> {
    let end = text.find(|it: char| !it.is_ascii_alphabetic())?;
    let (word, rest) = text.split_at(end);
    let word = word.to_ascii_lowercase();
    let address = rest.trim_start_matches([':', ';', '/', '\\', ' ']);
    let between = &rest[..rest.len() - address.len()];
    let parts = between.contains(':') || between.contains("//");
    let is_near = |scheme| strsim::osa_distance(&word, scheme) <= 2;
    let is_scheme = (3..=7).contains(&word.len()) && word.starts_with('h');
    if !(parts && is_scheme && (is_near("https") || is_near("http"))) {
        return None;
    }
    // A port is no part of a scheme: `host:8080`.
    if address.is_empty() || between == ":" && address.starts_with(|it: char| it.is_ascii_digit()) {
        return None;
    }
    let scheme = if word.ends_with('s') { "https" } else { "http" };
    Some(format!("{scheme}://{address}"))
}

/// The addresses in `text`, if it is a list of them with something else between them than a table parts them by.
pub(in crate::manifest) fn several(text: &str) -> Option<Vec<&str>> {
    const MARKS: [char; 6] = [',', ';', '，', '；', '、', '|'];
    /// More than a list has.
    const MOST: usize = 1000;
    let mut parts: Vec<&str> = Vec::new();
    let mut start = 0;
    for (at, character) in text.char_indices() {
        let is_mark = MARKS.contains(&character);
        if !is_mark && !character.is_whitespace() {
            continue;
        }
        let next = &text[at + character.len_utf8()..];
        let is_end = if is_mark {
            begins_surely(next.trim_start())
                || next.starts_with(char::is_whitespace) && is_one(first_of(next))
        } else {
            begins_surely(next)
        };
        if is_end && is_one(text[start..at].trim()) {
            parts.push(text[start..at].trim());
            start = at + character.len_utf8();
        }
    }
    let last = text[start..].trim().trim_end_matches(MARKS);
    if parts.is_empty() || parts.len() > MOST || !is_one(last) {
        return None;
    }
    parts.push(last);
    Some(parts)
}

/// The text up to the next mark.
fn first_of(text: &str) -> &str {
    let text = text.trim_start();
    text.split([',', ';', '，', '；', '、', '|'])
        .next()
        .unwrap_or(text)
        .trim()
}

/// Whether an address or a path begins here, and nothing else.
fn begins_surely(text: &str) -> bool {
    let start = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let is_drive = start.as_bytes().get(..3).is_some_and(|it| {
        it[0].is_ascii_alphabetic() && it[1] == b':' && matches!(it[2], b'\\' | b'/')
    });
    is_drive
        || ["http://", "https://", "www."]
            .iter()
            .any(|it| start.starts_with(it))
}

fn is_one(text: &str) -> bool {
    let is_whole = !text.is_empty() && !text.contains('\n');
    is_whole
        && (begins_surely(text)
            || !text.contains(char::is_whitespace) && (starts_with_a_host(text) || is_path(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_lead_to_the_address_that_was_meant() {
        let good = "https://example.com/a.png";
        for text in [
            "„https://example.com/a.png“",
            "“https://example.com/a.png”",
            "https：//example.com/a.png",
            "https:/example.com/a.png",
            "https//example.com/a.png",
            "https:example.com/a.png",
            "htps://example.com/a.png",
            "htttps://example.com/a.png",
            "HTTPS://example.com/a.png",
            "<https://example.com/a.png>",
            "[pic](https://example.com/a.png)",
            "https://https://example.com/a.png",
            "https://http://https://example.com/a.png",
            "https://example.com/a.png.",
            "https://example.com/a.png,",
            "example.com/a.png",
            "//example.com/a.png",
            "(www.example.com/a.png)",
        ] {
            let found = repaired(text).expect(text);
            assert!(found == good || found.contains("www."), "{text}: {found}");
        }
        assert_eq!(
            repaired("http//example.com/a.png").as_deref(),
            Some("http://example.com/a.png")
        );
        assert_eq!(
            repaired("https://example.com/a_(1)").as_deref(),
            Some("https://example.com/a_(1)")
        );
        for text in [
            "ftp://example.com/a.png",
            "s3://bucket/a.png",
            "C:\\a.png",
            "hero/a.png",
            "kite",
            "",
            "asset://abc",
        ] {
            assert_eq!(repaired(text), None, "{text}");
        }
    }

    #[test]
    fn lists_are_parted_at_what_stands_between_addresses() {
        let two = ["https://example.com/1.png", "https://example.com/2.png"];
        for mark in [",", ", ", "; ", "，", "、", " ", " , "] {
            assert_eq!(several(&two.join(mark)), Some(two.to_vec()), "{mark:?}");
        }
        assert_eq!(
            several("www.example.com/1.png, C:\\pics\\2.png"),
            Some(vec!["www.example.com/1.png", "C:\\pics\\2.png"])
        );
        assert_eq!(
            several("a.png, b.png, c.png"),
            Some(vec!["a.png", "b.png", "c.png"])
        );
        for text in [
            "https://example.com/a,b.png",
            "https://example.com/a b.png",
            "C:\\my pictures\\a.png",
            "https://example.com/fit/https://example.com/a.png",
            "https://example.com/a.png,",
            "a kite, red",
            "",
        ] {
            assert_eq!(several(text), None, "{text}");
        }
    }
}
