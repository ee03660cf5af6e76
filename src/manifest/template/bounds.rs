//! What a template may consist of, checked before the engine reads it. Start at [`check`].
//!
//! The engine counts steps and bytes, but not how deep an expression is, and not how large a list of lists of lists
//! becomes as text. So expressions are short, and no template makes lists of other lists: there is nothing that binds a
//! name but `for`, and lists and maps that are written out hold texts and numbers alone.

use std::ops::Range;

/// Most words, signs and texts in one tag.
const TOKENS: usize = 400;
/// Most `elif` in a template: each lies inside the one before.
const ELIFS: usize = 100;
/// What a tag may begin with.
const STATEMENTS: [&str; 6] = ["if", "elif", "else", "endif", "for", "endfor"];
/// Words that join or change values, and are no values: a bracket after one is no subscript and no call.
pub(super) const OPERATORS: [&str; 11] = [
    "if",
    "elif",
    "else",
    "for",
    "in",
    "is",
    "not",
    "and",
    "or",
    "recursive",
    "ignore",
];

/// What is wrong with a part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// Which part.
    pub(super) at: Range<usize>,
    /// Why.
    pub(super) reason: String,
}

/// Filters that compare texts with each other.
const COMPARING: [&str; 5] = ["is", "sort", "unique", "min", "max"];

/// Refuses what has no bounds; whether a step may walk through a whole text, which the engine does not count. What
/// cannot be read is for the engine to refuse.
pub(super) fn check(template: &str) -> Result<bool, Refusal> {
    let mut rest = 0;
    let mut elifs = 0;
    let mut walks = false;
    while let Some((open, tag)) = super::braces(&template[rest..]) {
        let start = rest + open;
        let inside = start + tag.len();
        if tag == "{#" {
            rest = template[inside..]
                .find("#}")
                .map_or(template.len(), |end| inside + end + 2);
            continue;
        }
        let tokens = Tag::read(template, inside, if tag == "{{" { "}}" } else { "%}" })?;
        rest = tokens.end;
        walks |= tokens.walks;
        if tag == "{{" {
            continue;
        }
        let Some(statement) = tokens.statement else {
            continue;
        };
        let word = &template[statement.clone()];
        if word == "raw" {
            rest = end_of_raw(template, rest);
        } else if !STATEMENTS.contains(&word) {
            return Err(Refusal {
                reason: format!(
                    "there is no `{word}` in the templates of a manifest, only `if` and `for`"
                ),
                at: statement,
            });
        }
        elifs += usize::from(word == "elif");
        if elifs > ELIFS {
            let reason = format!("the template has more than {ELIFS} `elif`");
            return Err(Refusal {
                at: statement,
                reason,
            });
        }
    }
    Ok(walks)
}

/// Where a raw block that begins at `start` ends.
pub(super) fn end_of_raw(template: &str, start: usize) -> usize {
    let closes = |(at, _): &(usize, &str)| {
        let word = template[start + at + 2..]
            .trim_start_matches(['-', '+'])
            .trim_start();
        word.starts_with("endraw")
    };
    let end = template[start..].match_indices("{%").find(closes);
    let close = end.and_then(|(at, _)| template[start + at..].find("%}").map(|end| at + end + 2));
    close.map_or(template.len(), |length| start + length)
}

/// A tag that was read.
struct Tag {
    /// Its first word.
    statement: Option<Range<usize>>,
    /// Where it ends.
    end: usize,
    /// Whether there is a subscript or a comparison in it, but for those of `row`.
    walks: bool,
}

/// A part of a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a word of the language.
    Word,
    /// What begins with a digit.
    Number,
    /// A text in quotes.
    Text,
    /// Anything else, one character.
    Sign(char),
}

impl Tag {
    /// Reads the tag from `start` to `close`.
    fn read(template: &str, start: usize, close: &str) -> Result<Self, Refusal> {
        let mut tag = Self {
            statement: None,
            end: start,
            walks: false,
        };
        let mut before: Option<(Token, Range<usize>)> = None;
        // Whether the brackets that are open belong to calls.
        let mut brackets: Vec<bool> = Vec::new();
        let mut count = 0;
        loop {
            let rest = &template[tag.end..];
            let begin = tag.end + rest.len() - rest.trim_start().len();
            if let Some(end) = end_of_tag(&template[begin..], close) {
                tag.end = begin + end;
                return Ok(tag);
            }
            let (token, end) = token(template, begin);
            let at = begin..end;
            count += 1;
            if count > TOKENS {
                let reason = format!("one pair of braces holds more than {TOKENS} words and signs");
                return Err(Refusal { at, reason });
            }
            let follows_value = before.as_ref().is_some_and(|(token, at)| match token {
                Token::Word => !OPERATORS.contains(&&template[at.clone()]),
                Token::Text | Token::Sign(')' | ']' | '}') => true,
                Token::Number | Token::Sign(_) => false,
            });
            tag.end = end;
            match token {
                Token::Word
                    if tag.statement.is_none()
                        && before
                            .as_ref()
                            .is_none_or(|(it, _)| matches!(it, Token::Sign('-' | '+'))) =>
                {
                    tag.statement = Some(at.clone());
                }
                Token::Sign('[') if follows_value => {
                    let is_row = before
                        .as_ref()
                        .is_some_and(|(_, at)| &template[at.clone()] == "row");
                    tag.walks |= !is_row;
                }
                Token::Sign('=' | '<' | '>' | '!') => tag.walks = true,
                Token::Word if COMPARING.contains(&&template[at.clone()]) => tag.walks = true,
                Token::Sign('[' | '{') => tag.end = end_of_literal(template, &at)?,
                Token::Sign('(') => brackets.push(follows_value),
                Token::Sign(')') => {
                    brackets.pop();
                }
                Token::Sign(',') if brackets.last() != Some(&true) => {
                    let reason =
                        "a template makes no lists of its own but `[\"…\", \"…\"]`".to_owned();
                    return Err(Refusal { at, reason });
                }
                _ => {}
            }
            before = Some((token, at));
            if tag.end > end {
                before = Some((Token::Sign(']'), end..tag.end));
            }
        }
    }
}

/// How long `close` is at the start of `rest`, which may have a sign before it or be the end of everything.
pub(super) fn end_of_tag(rest: &str, close: &str) -> Option<usize> {
    let sign = usize::from(rest.starts_with(['-', '+']));
    if rest.is_empty() {
        return Some(0);
    }
    rest[sign..]
        .starts_with(close)
        .then_some(sign + close.len())
}

/// The end of the list or map that is written out at `open`, which holds texts and numbers alone.
fn end_of_literal(template: &str, open: &Range<usize>) -> Result<usize, Refusal> {
    let close = if template[open.clone()].starts_with('[') {
        ']'
    } else {
        '}'
    };
    let mut at = open.end;
    let mut count = 0;
    loop {
        let rest = &template[at..];
        let begin = at + rest.len() - rest.trim_start().len();
        if begin == template.len() {
            return Ok(begin);
        }
        let (found, end) = token(template, begin);
        count += 1;
        at = end;
        match found {
            Token::Sign(sign) if sign == close => return Ok(end),
            Token::Text | Token::Number | Token::Sign(',' | ':' | '-') if count <= TOKENS => {}
            _ => {
                let reason =
                    "a list or map that a template writes out holds texts and numbers alone"
                        .to_owned();
                return Err(Refusal {
                    at: begin..end,
                    reason,
                });
            }
        }
    }
}

/// The token at `begin`, and where it ends.
pub(super) fn token(template: &str, begin: usize) -> (Token, usize) {
    let rest = &template[begin..];
    let first = rest.chars().next().unwrap_or(' ');
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    if matches!(first, '"' | '\'') {
        return (Token::Text, begin + text_length(rest, first));
    }
    if is_part(first) {
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let token = if first.is_ascii_digit() {
            Token::Number
        } else {
            Token::Word
        };
        return (token, begin + length);
    }
    (Token::Sign(first), begin + first.len_utf8())
}

/// How long the text is that a quote begins.
fn text_length(rest: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            other if other == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}
