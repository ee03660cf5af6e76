//! What people write between braces that is no template, and what they meant. Start at [`find`].
//!
//! Asked only about templates that cannot be read: the engine says what it expected, this says what to write.

use std::ops::Range;

use super::bounds::{OPERATORS, Token, end_of_raw, end_of_tag, token};

/// What is wrong with a part of a template, and how to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Mistake {
    /// Which part.
    pub(in crate::manifest) at: Range<usize>,
    /// What is wrong with it.
    pub(in crate::manifest) reason: String,
    /// What to write.
    pub(in crate::manifest) help: String,
}

/// How braces are written that are meant as such.
pub(in crate::manifest) const LITERAL_BRACES: &str = "a value is written `{{ name }}`; braces that are meant are written `{{ '{{' }}`, or between `{% raw %}` and `{% endraw %}`";

fn mistake(at: Range<usize>, reason: impl Into<String>, help: impl Into<String>) -> Mistake {
    Mistake {
        at,
        reason: reason.into(),
        help: help.into(),
    }
}

/// The first mistake in `template` that has a name. What ends before the byte `read_to` was read, so that it is not blamed.
pub(super) fn find(template: &str, read_to: usize) -> Option<Mistake> {
    let mut from = 0;
    // The blocks that are open, with their places.
    let mut open: Vec<(&str, Range<usize>)> = Vec::new();
    while let Some((start, braces)) = super::braces(&template[from..]) {
        let at = from + start..from + start + 2;
        if braces == "{#" {
            let Some(end) = template[at.end..].find("#}") else {
                let reason = "`{#` opens a remark here, and is not closed by `#}`";
                return Some(mistake(at, reason, "a remark is written `{# … #}`"));
            };
            from = at.end + end + 2;
            continue;
        }
        let tag = match Tag::read(template, &at, read_to) {
            Ok(tag) => tag,
            Err(mistake) => return Some(mistake),
        };
        from = tag.end;
        if braces == "{{" {
            if let Some(mistake) = tag.in_value().filter(|_| tag.end > read_to) {
                return Some(mistake);
            }
            continue;
        }
        let Some(word) = tag.word(0) else {
            let reason = "there is no word between `{%` and `%}`";
            return Some(mistake(at.start..tag.end, reason, LITERAL_BRACES));
        };
        if word == "raw" {
            from = end_of_raw(template, from);
            continue;
        }
        if let Some(mistake) = tag
            .in_statement(word)
            .filter(|_| tag.end > read_to)
            .or_else(|| tag.close(word, &mut open))
        {
            return Some(mistake);
        }
    }
    let (word, at) = open.pop()?;
    let reason = format!("`{{% {word} %}}` opens here, and is not closed");
    Some(mistake(
        at,
        reason,
        format!("write `{{% end{word} %}}` where it ends"),
    ))
}

/// What stands between one pair of braces.
struct Tag<'t> {
    template: &'t str,
    /// Its words and signs.
    tokens: Vec<(Token, Range<usize>)>,
    /// All of it, with the braces.
    at: Range<usize>,
    end: usize,
    /// What ends before this byte of the template was read by the engine.
    read_to: usize,
}

impl<'t> Tag<'t> {
    /// Reads the tag that `open` opens.
    fn read(template: &'t str, open: &Range<usize>, read_to: usize) -> Result<Self, Mistake> {
        let is_value = &template[open.clone()] == "{{";
        let (braces, close) = if is_value { ("{{", "}}") } else { ("{%", "%}") };
        let mut tokens: Vec<(Token, Range<usize>)> = Vec::new();
        let mut at = open.end;
        if template[at..].starts_with(['-', '+']) {
            at += 1;
        }
        loop {
            let rest = &template[at..];
            let begin = at + rest.len() - rest.trim_start().len();
            let rest = &template[begin..];
            let opens_again = ["{{", "{%"].iter().any(|braces| rest.starts_with(braces));
            let closes_otherwise = rest.starts_with(if is_value { "%}" } else { "}}" });
            if rest.is_empty() || opens_again && !tokens.is_empty() || closes_otherwise {
                return Err(unclosed(template, open, &tokens, (braces, close)));
            }
            if opens_again {
                let reason = "braces stand inside braces here";
                let help = "one pair is enough: write `{{ name }}`";
                return Err(mistake(open.start..begin + 2, reason, help));
            }
            if let Some(length) = end_of_tag(rest, close) {
                return Ok(Self {
                    template,
                    tokens,
                    at: open.start..begin + length,
                    end: begin + length,
                    read_to,
                });
            }
            let (token, end) = token(template, begin);
            let text = &template[begin..end];
            if token == Token::Text && (text.len() == 1 || !text.ends_with(&text[..1])) {
                if template[begin..].contains(close) {
                    let reason =
                        format!("the quote `{}` opens here, and is not closed", &text[..1]);
                    let help =
                        "put the same quote behind the text; an apostrophe goes into double quotes";
                    return Err(mistake(begin..begin + 1, reason, help));
                }
                return Err(unclosed(template, open, &tokens, (braces, close)));
            }
            tokens.push((token, begin..end));
            at = end;
        }
    }

    fn text(&self, number: usize) -> &'t str {
        self.tokens
            .get(number)
            .map_or("", |(_, at)| &self.template[at.clone()])
    }

    fn word(&self, number: usize) -> Option<&'t str> {
        let (token, _) = self.tokens.get(number)?;
        (*token == Token::Word).then(|| self.text(number))
    }

    fn place(&self, number: usize) -> Range<usize> {
        self.tokens[number].1.clone()
    }

    /// What is wrong between `{{` and `}}`.
    fn in_value(&self) -> Option<Mistake> {
        if self.tokens.is_empty() {
            let reason = "there is no name between the braces";
            return Some(mistake(self.at.clone(), reason, LITERAL_BRACES));
        }
        if let (Some((Token::Sign('{'), _)), Some(name)) = (self.tokens.first(), self.word(1)) {
            let reason = "a value stands in two braces";
            let help = format!("write `{{{{ {name} }}}}`");
            return Some(mistake(self.at.clone(), reason, help));
        }
        if let Some(word @ ("if" | "for" | "elif" | "endif" | "endfor")) = self.word(0) {
            let reason = format!("`{word}` stands between `{{%` and `%}}`");
            let help = format!("write `{{% {word} … %}}`");
            return Some(mistake(self.place(0), reason, help));
        }
        self.in_expression(0)
    }

    /// What is wrong with the words and signs from number `first` on.
    fn in_expression(&self, first: usize) -> Option<Mistake> {
        let mut depth = 0_u32;
        for number in first..self.tokens.len() {
            let (token, at) = &self.tokens[number];
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
            let is_read = at.end <= self.read_to;
            let found = match token {
                Token::Sign(sign) => self.at_sign(number, *sign, depth, is_read),
                _ if is_read => None,
                Token::Number => self.at_number(number),
                Token::Word | Token::Text => self.between_values(number, first),
            };
            if let Some((reason, help)) = found {
                return Some(mistake(at.clone(), reason, help));
            }
        }
        (depth > 0).then(|| {
            let reason = "a bracket opens here, and is not closed";
            let help = "write `)`, `]` or `}` where it ends";
            mistake(self.at.clone(), reason, help)
        })
    }

    fn at_number(&self, number: usize) -> Option<(String, String)> {
        let text = self.text(number);
        let is_name = text.contains(char::is_alphabetic) && !is_number(text);
        is_name.then(|| {
            let reason = format!("`{text}` starts with a digit, and names do not");
            (
                reason,
                format!("a column of such a name is written `{{{{ _{text} }}}}`"),
            )
        })
    }

    fn at_sign(
        &self,
        number: usize,
        sign: char,
        depth: u32,
        is_read: bool,
    ) -> Option<(String, String)> {
        let sign = Sign {
            written: sign,
            number,
            before: number.checked_sub(1).map_or("", |before| self.text(before)),
            after: self.text(number + 1),
            name: self.word(number + 1).unwrap_or("name"),
            is_last: number + 1 == self.tokens.len(),
        };
        let between = || {
            let earlier = self.text(number.saturating_sub(2));
            (depth == 0 && !is_read).then(|| sign.between_values(earlier))?
        };
        sign.of_elsewhere()
            .or_else(|| sign.without_value())
            .or_else(between)
    }

    /// Two values with nothing between them.
    fn between_values(&self, number: usize, first: usize) -> Option<(String, String)> {
        if number == first {
            return None;
        }
        let (before, after) = (self.word(number - 1)?, self.text(number));
        if OPERATORS.contains(&before) || OPERATORS.contains(&after) {
            return None;
        }
        let reason = format!("there is nothing between `{before}` and `{after}`");
        let is_filter = number >= 2 && self.text(number - 2) == "|";
        let help = match self.word(number) {
            _ if is_filter => format!("write it in brackets: `{before}({})`", quoted(after)),
            Some(word) => format!(
                "a name has no blanks: write `{{{{ {before}_{word} }}}}`; two values have braces of their own: `{{{{ {before} }}}} {{{{ {word} }}}}`"
            ),
            None => format!("join them with `~`: `{{{{ {before} ~ {after} }}}}`"),
        };
        Some((reason, help))
    }

    /// What is wrong between `{%` and `%}`.
    fn in_statement(&self, word: &str) -> Option<Mistake> {
        let told = |reason: String, help: String| Some(mistake(self.place(0), reason, help));
        match word {
            "if" | "elif" if self.tokens.len() == 1 => told(
                format!("`{word}` needs something to ask for"),
                format!("write `{{% {word} brand == 'Aurora' %}}`"),
            ),
            "if" | "elif" => self.in_expression(1),
            "else" if self.word(1) == Some("if") => told(
                "`else if` is one word here".to_owned(),
                "write `{% elif … %}`".to_owned(),
            ),
            "elseif" | "elsif" => told(
                format!("`{word}` is not known here"),
                "write `{% elif … %}`".to_owned(),
            ),
            "for" if self.word(1).is_none() || self.word(2) != Some("in") => told(
                "a loop says what is one of what".to_owned(),
                "write `{% for color in colors %}…{% endfor %}`".to_owned(),
            ),
            "for" => self.in_expression(3),
            "set" | "with" => told(
                format!("there is no `{word}` here, only `if` and `for`"),
                "write the value under `vars:`, and its name in braces".to_owned(),
            ),
            "else" | "endif" | "endfor" => None,
            "macro" | "call" | "filter" | "block" | "include" | "import" | "from" | "extends"
            | "do" | "autoescape" => told(
                format!("there is no `{word}` here, only `if` and `for`"),
                "write the text out where it belongs, or put it under `vars:`".to_owned(),
            ),
            _ => told(
                format!("`{word}` does not stand between `{{%` and `%}}`: only `if` and `for` do"),
                format!("a value is written `{{{{ {word} }}}}`"),
            ),
        }
    }

    /// Opens or closes a block.
    fn close(&self, word: &'t str, open: &mut Vec<(&'t str, Range<usize>)>) -> Option<Mistake> {
        let opened = match word {
            "if" | "for" => {
                open.push((word, self.at.clone()));
                return None;
            }
            "endif" | "elif" => "if",
            "endfor" => "for",
            "else" if open.is_empty() => "if",
            _ => return None,
        };
        let latest = open.last().map(|(word, _)| *word);
        if latest == Some(opened) {
            if word.starts_with("end") {
                open.pop();
            }
            return None;
        }
        let reason = match latest {
            Some(other) => {
                format!("`{{% {word} %}}` stands inside `{{% {other} %}}`, which is not closed")
            }
            None => format!("`{{% {word} %}}` has no `{{% {opened} … %}}` before it"),
        };
        let help = match latest {
            Some(other) => format!("write `{{% end{other} %}}` before it"),
            None => format!("write `{{% {opened} … %}}` where it begins, or leave it out"),
        };
        Some(mistake(self.at.clone(), reason, help))
    }
}

/// A sign between braces, and what stands around it.
struct Sign<'t> {
    written: char,
    number: usize,
    before: &'t str,
    after: &'t str,
    /// The word after it, or one in its place.
    name: &'t str,
    is_last: bool,
}

impl Sign<'_> {
    /// Signs of other languages, and of none.
    fn of_elsewhere(&self) -> Option<(String, String)> {
        let Self {
            written: sign,
            name,
            ..
        } = *self;
        let unknown = |written: &str| format!("`{written}` is not known here");
        Some(match sign {
            '“' | '”' | '„' | '‘' | '’' | '«' | '»' | '`' | '「' | '」' => (
                format!("`{sign}` is no quote here"),
                "texts stand in straight quotes: `'…'`".to_owned(),
            ),
            '|' if self.after == "|" => (unknown("||"), "write `or`".to_owned()),
            '&' => (unknown("&"), "write `and`".to_owned()),
            '?' => (
                unknown("?"),
                "write `{{ name | default('…') }}`, or `{{ 'one' if name else 'other' }}`"
                    .to_owned(),
            ),
            '.' | '|' | ',' | ':' | '=' | '!' | '<' | '>' | '~' | '+' | '-' | '*' | '/' | '%'
            | '(' | ')' | '[' | ']' | '{' | '}' => return None,
            other => (
                unknown(&other.to_string()),
                format!("a value is written with its name alone: `{{{{ {name} }}}}`"),
            ),
        })
    }

    /// Signs with nothing before or after them.
    fn without_value(&self) -> Option<(String, String)> {
        let Self {
            written: sign,
            name,
            ..
        } = *self;
        Some(match sign {
            '|' if self.is_last => (
                "the name of a filter is missing after `|`".to_owned(),
                format!(
                    "write `{{{{ {} | upper }}}}`, or leave `|` out",
                    named(self.before)
                ),
            ),
            '|' if self.number == 0 => (
                "a value is missing before `|`".to_owned(),
                "write `{{ name | upper }}`".to_owned(),
            ),
            '.' | '~' | '+' | '*' | '/' | '%' | '-' if self.is_last => (
                format!("something is missing after `{sign}`"),
                format!("write what follows it, or leave `{sign}` out"),
            ),
            '.' if self.number == 0 => (
                "something is missing before `.`".to_owned(),
                format!("write `{{{{ {name} }}}}`"),
            ),
            _ => return None,
        })
    }

    /// Signs that do not join what stands around them; before the word before it stands `earlier`.
    fn between_values(&self, earlier: &str) -> Option<(String, String)> {
        let (before, after) = (self.before, self.after);
        Some(match self.written {
            '=' if after != "=" && !matches!(before, "=" | "!" | "<" | ">") => (
                "one `=` does not compare".to_owned(),
                "write `==`".to_owned(),
            ),
            ':' if earlier == "|" => (
                format!("`:` does not give a value to `{before}`"),
                format!("write it in brackets: `{before}({})`", quoted(after)),
            ),
            ',' => (
                "one pair of braces holds one value".to_owned(),
                format!(
                    "put each value into braces of its own: `{{{{ {} }}}}, {{{{ {} }}}}`",
                    named(before),
                    self.name
                ),
            ),
            _ => return None,
        })
    }
}

/// Braces that are not closed.
fn unclosed(
    template: &str,
    open: &Range<usize>,
    tokens: &[(Token, Range<usize>)],
    (braces, close): (&str, &str),
) -> Mistake {
    let reason = format!("`{braces}` opens here, and is not closed by `{close}`");
    let first = tokens
        .iter()
        .find(|(token, _)| *token == Token::Word)
        .map(|(_, at)| &template[at.clone()]);
    let help = match first {
        Some(name) if braces == "{{" => format!("write `{{{{ {name} }}}}`"),
        Some(word) => format!("write `{{% {word} … %}}`"),
        None => LITERAL_BRACES.to_owned(),
    };
    mistake(open.clone(), reason, help)
}

/// Whether a word that begins with a digit is a number: in decimals, with an exponent, or in another base.
fn is_number(word: &str) -> bool {
    let digits = word.replace('_', "");
    let in_base = |prefix: [&str; 2], base| {
        let digits = prefix.iter().find_map(|it| digits.strip_prefix(it));
        digits.is_some_and(|it| !it.is_empty() && it.chars().all(|digit| digit.is_digit(base)))
    };
    in_base(["0x", "0X"], 16)
        || in_base(["0o", "0O"], 8)
        || in_base(["0b", "0B"], 2)
        || digits.parse::<f64>().is_ok()
        // The sign of an exponent is a sign of its own.
        || digits.strip_suffix(['e', 'E']).is_some_and(|it| it.parse::<f64>().is_ok())
}

fn named(word: &str) -> &str {
    let is_name = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if is_name { word } else { "name" }
}

fn quoted(text: &str) -> String {
    if text.starts_with(['\'', '"']) {
        format!("'{}'", text.trim_matches(['\'', '"']))
    } else {
        "'…'".to_owned()
    }
}
