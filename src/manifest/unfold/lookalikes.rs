//! Names in other braces than a template has, such as `${brand}`, which would be sent as they are. Start at [`find`].

use std::ops::Range;

use crate::manifest::template;

/// Each name in wrong braces that is `known`, and where it stands with them.
pub(super) fn find<'t>(
    text: &'t str,
    known: &dyn Fn(&str) -> bool,
) -> Vec<(Range<usize>, &'t str)> {
    let mut found = Vec::new();
    let mut from = 0;
    // The name between two braces that end where the search goes on.
    let mut before: Option<(usize, &str)> = None;
    while from < text.len() {
        let tag = template::tag(&text[from..]);
        let end = tag.as_ref().map_or(text.len(), |tag| from + tag.start);
        let plain = &text[from..end];
        if let Some((start, name)) = before.take()
            && plain.starts_with('}')
            && known(name)
        {
            let braces = plain.len() - plain.trim_start_matches('}').len();
            found.push((start..from + braces, name));
        }
        in_plain(plain, from, known, &mut found);
        let Some(tag) = tag else { break };
        let inside = &text[from + tag.start..from + tag.end];
        let name = inside.trim_start_matches('{').trim_end_matches('}').trim();
        before = inside.starts_with("{{").then_some((end, name));
        from += tag.end.max(1);
    }
    found
}

/// The same in a text without templates, which begins at `offset`.
fn in_plain<'t>(
    plain: &'t str,
    offset: usize,
    known: &dyn Fn(&str) -> bool,
    found: &mut Vec<(Range<usize>, &'t str)>,
) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = 0;
    while let Some(at) = plain[from..].find(['{', '<', '[', '}']).map(|at| from + at) {
        from = at + 1;
        let rest = &plain[at..];
        if rest.starts_with('}') {
            // `brand }}`, which nothing opened.
            let before = plain[..at].trim_end();
            let start = before.trim_end_matches(is_part).len();
            let name = &before[start..];
            if rest.starts_with("}}") && known(name) {
                from = at + 2;
                found.push((offset + start..offset + from, name));
            }
            continue;
        }
        let close = match &rest[..1] {
            "{" => '}',
            "<" => '>',
            _ => ']',
        };
        let inside = rest[1..].trim_start();
        let name = &inside[..inside.find(|c| !is_part(c)).unwrap_or(inside.len())];
        let after = inside[name.len()..].trim_start();
        if !after.starts_with(close) || !known(name) {
            continue;
        }
        let closes = after.len() - after.trim_start_matches(close).len();
        let closes = if close == '}' { closes } else { 1 };
        from = at + rest.len() - after.len() + closes;
        let start = at - usize::from(close == '}' && plain[..at].ends_with('$'));
        found.push((offset + start..offset + from, name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_wrong_braces_are_found_and_other_text_is_left_alone() {
        let known = |name: &str| matches!(name, "brand" | "颜色");
        let cases: [(&str, &[&str]); 14] = [
            ("a { brand } b", &["{ brand }"]),
            ("${brand}", &["${brand}"]),
            ("a <brand>, [brand]", &["<brand>", "[brand]"]),
            ("{brand}}", &["{brand}}"]),
            ("a brand }} b", &["brand }}"]),
            ("{{brand}}} b", &["{{brand}}}"]),
            ("{{ brand }} of {颜色}.", &["{颜色}"]),
            ("{{ brand }}, { brand } and {{ brand }}", &["{ brand }"]),
            ("{{ brand }}", &[]),
            ("{ other } <b> [1] }} {} {", &[]),
            ("{{ {'a': 'b'}[brand] }}", &[]),
            ("{% if brand %}x{% endif %}", &[]),
            ("{# {brand} #}{% raw %}{brand}{% endraw %}", &[]),
            ("$5 for my brand", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<&str> = find(text, &known)
                .into_iter()
                .map(|(at, _)| &text[at])
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
