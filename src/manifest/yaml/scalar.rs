//! What a scalar means in the core schema of YAML 1.2: `16:9`, `yes` and `2024-01-01` are text.

use std::borrow::Cow;

use granit_parser::{ScalarStyle, Tag};

use super::super::diagnostic::{Diagnostic, Diagnostics};
use super::super::tree::{Span, Value};
use super::super::values::described;

/// The value of a scalar; a tag that is unknown or contradicts it is reported where the tag stands.
pub(super) fn value(
    text: Cow<'_, str>,
    style: ScalarStyle,
    tag: Option<(&Tag, Span)>,
    diagnostics: &mut Diagnostics,
) -> Value {
    let untagged = |text: Cow<'_, str>| match style {
        ScalarStyle::Plain => plain(text),
        _ => Value::Text(text.into_owned()),
    };
    let Some((tag, span)) = tag else {
        return untagged(text);
    };
    if tag.core_suffix() == Some("str") {
        return Value::Text(text.into_owned());
    }
    let Some(kind) = tag
        .core_suffix()
        .filter(|kind| matches!(*kind, "int" | "float" | "bool" | "null"))
    else {
        diagnostics.push(refused_tag(tag, &span));
        return untagged(text);
    };
    let value = plain(text);
    if !agrees(&value, kind) {
        diagnostics.push(Diagnostic::error(
            "yaml-tag",
            &span,
            format!("the tag `!!{kind}` does not fit {}", described(&value)),
            "remove the tag",
        ));
    }
    value
}

/// A tag that the core schema does not know.
pub(super) fn refused_tag(tag: &Tag, span: &Span) -> Diagnostic {
    Diagnostic::error(
        "yaml-tag",
        span,
        format!("the tag `{}` means nothing in a manifest", tag.original()),
        "remove the tag; text that starts with `!` needs quotes",
    )
}

fn agrees(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Boolean(_) => kind == "bool",
        Value::Integer(_) => matches!(kind, "int" | "float"),
        Value::Number(text) => kind == "float" || (kind == "int" && is_decimal(text)),
        _ => false,
    }
}

/// What an unquoted scalar means. Whole numbers that do not fit, or that are written with leading zeros, stay as
/// they were written.
pub(super) fn plain(text: Cow<'_, str>) -> Value {
    match &*text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Boolean(true),
        "false" | "False" | "FALSE" => return Value::Boolean(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return Value::Text(text.into_owned());
    }
    if let Some(value) = radix(&text) {
        return value;
    }
    if is_decimal(&text) {
        return whole(text);
    }
    if is_float(&text) {
        Value::Number(text.into_owned())
    } else {
        Value::Text(text.into_owned())
    }
}

/// `0o17` and `0x1F`.
fn radix(text: &str) -> Option<Value> {
    let (digits, radix) = match text.get(..2)? {
        "0o" => (&text[2..], 8),
        "0x" => (&text[2..], 16),
        _ => return None,
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    Some(
        i64::from_str_radix(digits, radix)
            .map_or_else(|_| Value::Number(text.to_owned()), Value::Integer),
    )
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
}

fn whole(text: Cow<'_, str>) -> Value {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0');
    match text.parse() {
        Ok(number) if !has_leading_zero => Value::Integer(number),
        _ => Value::Number(text.into_owned()),
    }
}

/// A float of the core schema; one that is too large for any machine is text.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}
