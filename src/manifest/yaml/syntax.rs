//! YAML that cannot be read: what the parser found, said so that a person who writes prompts can mend it.

use granit_parser::{ErrorKind, ScanError};

use super::super::diagnostic::Diagnostic;
use super::super::tree::{SourceId, Span};
use super::super::values::shown;
use super::quotes;

/// What was being read.
pub(super) struct Place<'t> {
    /// The text.
    pub(super) text: &'t str,
    /// Of which file.
    pub(super) source: SourceId,
    /// Where the text begins in its file.
    pub(super) base: usize,
    /// Where what was understood ends.
    pub(super) from: usize,
}

/// The parser's error as a diagnostic.
pub(super) fn diagnostic(error: &ScanError, place: &Place<'_>, depth_limit: usize) -> Diagnostic {
    let offset = offset(error, place.text);
    let width = place.text[offset..]
        .chars()
        .next()
        .map_or(0, char::len_utf8);
    let span = Span {
        source: place.source,
        bytes: place.base + offset..place.base + offset + width,
    };
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return too_deep(&span, depth_limit);
    }
    if let Some(open) = quotes::unclosed(place.text, place.from, offset) {
        return unclosed_quote(open, &span, place);
    }
    let (message, help) =
        words_from_line(error.kind(), place.text, offset).unwrap_or_else(|| words(error.kind()));
    Diagnostic::error("yaml-syntax", &span, message, help)
}

/// The quote at `open` took in what stands below it, up to `end`.
fn unclosed_quote(open: usize, end: &Span, place: &Place<'_>) -> Diagnostic {
    let span = Span {
        source: place.source,
        bytes: place.base + open..place.base + open + 1,
    };
    let value = quotes::value_in_line(place.text, open).filter(|it| it.start == open);
    let help = match value.map(|it| shown(&place.text[it])) {
        Some(value) if !value.ends_with([',', ']', '}', '…']) => {
            let quote = &place.text[open..=open];
            format!("close it behind its text: `{value}{quote}`")
        }
        _ => "close it behind its text, in the same line".to_owned(),
    };
    let message = "the quote that opens here is not closed, and takes in the fields below it";
    Diagnostic::error("yaml-syntax", &span, message, help)
        .related(end, "up to here all that is one text")
}

/// Lists and maps inside each other without end.
pub(super) fn too_deep(span: &Span, limit: usize) -> Diagnostic {
    Diagnostic::error(
        "too-deep",
        span,
        format!("lists and maps are nested more than {limit} levels deep"),
        "a manifest needs no more than 5 levels: look for brackets that are never closed",
    )
}

/// Where the mistake is: the tab itself for tabs, the end of the text rather than the line after it.
pub(super) fn offset(error: &ScanError, text: &str) -> usize {
    let mark = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let mark = (0..=mark)
        .rev()
        .find(|offset| text.is_char_boundary(*offset))
        .unwrap_or(0);
    if is_about_tabs(error.kind()) {
        return tab_in_indentation(text, mark).unwrap_or(mark);
    }
    if text[mark..].trim().is_empty() {
        return text.trim_end().len();
    }
    mark
}

fn is_about_tabs(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::InvalidBlockEntryWhitespace
            | ErrorKind::InvalidMappingValueWhitespace
    )
}

/// The first tab, from the line of `mark` on, that stands where spaces indent.
fn tab_in_indentation(text: &str, mark: usize) -> Option<usize> {
    let mut start = text[..mark].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    for line in text[start..].split_inclusive('\n').take(100) {
        let indentation = line.len() - line.trim_start_matches([' ', '\t', '-']).len();
        if let Some(tab) = line[..indentation].find('\t') {
            return Some(start + tab);
        }
        start += line.len();
    }
    None
}

/// What one look at the line explains better than the parser can.
fn words_from_line(kind: &ErrorKind, text: &str, offset: usize) -> Option<(String, &'static str)> {
    let start = text[..offset].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let before = &text[start..offset];
    match kind {
        ErrorKind::MappingValueNotAllowed if is_name(before.trim()) && start > 0 => Some((
            format!("`{}` is read as part of the text above it", before.trim()),
            hint_above(&text[..start]).unwrap_or(
                "indent the fields of one job by the same number of spaces, and close every quote above",
            ),
        )),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => {
            let (message, help) = match value_in(before).chars().next()? {
                '[' => ("text after the closing bracket", "text that starts with `[` needs quotes around all of it"),
                '{' => ("text after the closing bracket", "text that starts with `{` needs quotes around all of it"),
                '*' => ("text after an alias", "text that starts with `*` needs quotes around all of it"),
                _ => return None,
            };
            Some((message.to_owned(), help))
        }
        ErrorKind::SimpleKeyExpected if text[offset..].lines().next()?.contains('：') => Some((
            "a field without `: ` after its name".to_owned(),
            FULL_WIDTH,
        )),
        _ if before.trim_start_matches(' ').starts_with('\u{a0}') => Some((
            "a no-break space where spaces belong".to_owned(),
            "indent with ordinary spaces",
        )),
        _ => None,
    }
}

const FULL_WIDTH: &str =
    "the full-width `：` does not separate a field from its value: write `:` and a space";

/// What is wrong with the last line of `above`, if it was meant to be a field.
fn hint_above(above: &str) -> Option<&'static str> {
    let line = above.lines().rev().find(|line| !line.trim().is_empty())?;
    let field = line.trim_start_matches([' ', '-']);
    if field.contains(": ") || field.ends_with(':') {
        return None;
    }
    if field.contains('：') {
        return Some(FULL_WIDTH);
    }
    let (name, _) = field.split_once(':')?;
    is_name(name).then_some("the line above needs a space after its `:`")
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The value in the beginning of a line: what follows `name: ` or `- `.
fn value_in(before: &str) -> &str {
    let field = before.trim_start_matches([' ', '-']);
    match field.split_once(": ") {
        Some((name, value)) if is_name(name) => value.trim_start(),
        _ => field,
    }
}

const QUOTES: &str = "put quotes around the text, as in `prompt: \"…\"`";
const INDENT: &str =
    "indent with spaces, the fields of one job by the same number, and put `- ` before each job";

/// What happened and what to do.
fn words(kind: &ErrorKind) -> (String, &'static str) {
    if let Some((message, help)) = about_text(kind).or_else(|| about_layout(kind)) {
        return (message.to_owned(), help);
    }
    about_brackets(kind).unwrap_or_else(|| {
        let help = "see the line above too: the mistake may begin there";
        (kind.to_string(), help)
    })
}

type Words = (&'static str, &'static str);

/// Mistakes inside one text.
fn about_text(kind: &ErrorKind) -> Option<Words> {
    Some(match kind {
        ErrorKind::MappingValueNotAllowed => (
            "a `:` where no field can begin",
            "put quotes around a text that contains `: `, as in `prompt: \"Night: a street\"`; otherwise check the indentation",
        ),
        ErrorKind::UnclosedQuotedScalar => (
            "this quote is never closed",
            "add the closing quote; inside double quotes write `\\\"`, inside single quotes `''`",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "text after the closing quote",
            "put quotes around the whole text, inside double quotes write `\\\"`, inside single quotes `''`; inside brackets a comma may be missing",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "an unknown escape after `\\` in double quotes",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        ErrorKind::MissingLowSurrogate
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidUnicodeEscape
        | ErrorKind::InvalidQuotedScalarHexEscape => (
            "an escape in these quotes stands for no character",
            "write the character itself, or `\\u` and four hexadecimal digits",
        ),
        ErrorKind::MissingAnchorOrAliasName => (
            "a `*` or `&` without a name",
            "text that starts with `*` or `&` needs quotes around all of it",
        ),
        ErrorKind::InvalidBlockScalarHeader => (
            "text in the same line as `|` or `>`",
            "begin the text in the next line, indented, or put quotes around all of it",
        ),
        _ => return None,
    })
}

/// Mistakes in how lines stand to each other.
fn about_layout(kind: &ErrorKind) -> Option<Words> {
    Some(match kind {
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a field without `: ` after its name",
            "write `name: value`, with a space after the colon; a text that goes on in the next line is indented further",
        ),
        ErrorKind::BlockEntryInFlowCollection | ErrorKind::BlockSequenceEntryNotAllowed => (
            "a `- ` where no list can begin",
            "begin the list in a line of its own; text that starts with `- ` needs quotes",
        ),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => (
            "this line fits neither the lines above it nor a new field",
            INDENT,
        ),
        ErrorKind::InvalidIndentation
        | ErrorKind::InvalidFlowScalarIndent
        | ErrorKind::InvalidBlockScalarIndent
        | ErrorKind::InvalidQuotedScalarIndent => {
            ("the indentation does not fit the lines above", INDENT)
        }
        ErrorKind::CommentNotSeparated => {
            ("a `#` right after a value", "put a space before a comment")
        }
        ErrorKind::CommentInterceptedScalar => (
            "a comment inside a text of several lines",
            "move the comment above the field; text that contains ` #` needs quotes",
        ),
        ErrorKind::UnexpectedEof
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofImplicitFlowMapping
        | ErrorKind::UnexpectedEofBlockSequence
        | ErrorKind::UnexpectedEofBlockMapping => (
            "the file ends too early",
            "look for a bracket or a quote that is never closed",
        ),
        kind if is_about_tabs(kind) => ("a tab where spaces belong", "indent with spaces only"),
        _ => return None,
    })
}

/// Mistakes with brackets and with characters that cannot stand where they do.
fn about_brackets(kind: &ErrorKind) -> Option<(String, &'static str)> {
    let (message, help) = match kind {
        ErrorKind::InvalidColonPlacement => (
            "a `:` inside brackets that are still open",
            "look above for a `[` or `{` that is never closed; text with `: ` needs quotes",
        ),
        ErrorKind::UnclosedFlowCollection { open: '[' } => (
            "this `[` is never closed",
            "add the closing `]`; text that starts with `[` needs quotes",
        ),
        ErrorKind::UnclosedFlowCollection { .. } => (
            "this `{` is never closed",
            "add the closing `}`; text that starts with `{` needs quotes",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => (
            "a closing bracket that nothing opened",
            "remove it; text that starts with a bracket needs quotes",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            "a comma or a closing bracket is missing before this",
            "separate the parts with `, `; text with commas, brackets or quotes inside brackets needs quotes around it",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let message = format!("`{close}` closes what `{open}` opened");
            return Some((message, "close each bracket with its own kind"));
        }
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            let message = format!("the control character U+{:04X}", u32::from(*character));
            return Some((
                message,
                "remove it; control characters are not allowed in YAML",
            ));
        }
        ErrorKind::UnexpectedCharacter { character } => {
            return Some((
                format!("unquoted text cannot start with `{character}`"),
                QUOTES,
            ));
        }
        _ => return None,
    };
    Some((message.to_owned(), help))
}
