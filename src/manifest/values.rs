//! One value of a manifest → the value of one field. Each reader takes typed YAML values and untyped table cells on
//! one path, and reports what it refuses: the value, what is accepted, and how to mend it.
//!
//! Every reader has the same shape: field name, node, diagnostics. Knows nothing of other fields or other jobs.

pub(super) mod doubtful;
mod media;
mod words;

pub(super) use self::media::{VIDEO_MILLIS, addresses, picture, split_cell, stated_length};
pub(super) use self::words::{aspect_ratio, model, model_advice, operation, ratio_meant};
use super::diagnostic::{Diagnostic, Diagnostics};
use super::tree::{Node, Value};
use crate::plan::{DURATION_SECONDS, Flag, JOB_ID_LIMIT, JobId, JobIdError};
use crate::text::{clean, half_width, is_mark, is_unseen, without_passwords};

/// Reads a job id.
pub(super) fn id(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<JobId> {
    let text = word(name, node, diagnostics)?;
    match JobId::new(text) {
        Ok(id) => Some(id),
        Err(error) => {
            diagnostics.push(bad_id(text, node, &error));
            let mended = mended_id(text);
            let is_long = matches!(error, JobIdError::TooLong | JobIdError::TooManyBytes);
            if !mended.is_empty() && !is_long {
                diagnostics.offer_id(&node.span, mended);
            }
            None
        }
    }
}

fn bad_id(text: &str, node: &Node, error: &JobIdError) -> Diagnostic {
    let help = format!(
        "an id has letters, digits, `.`, `_` and `-`, starts with a letter or digit, and is at most {JOB_ID_LIMIT} characters long"
    );
    let message = format!("`{}` cannot be a job id: {error}", shown(text));
    Diagnostic::error("bad-id", &node.span, message, help)
}

/// Stands between the parts of a Persian word.
const HALF_SPACE: char = '\u{200c}';

/// `text` with every forbidden character replaced, several in a row by one `-`.
fn mended_id(text: &str) -> String {
    let mut mended = String::new();
    for character in text.trim().chars().take(JOB_ID_LIMIT).map(half_width) {
        match character {
            '.' | '_' => mended.push(character),
            letter if letter.is_alphanumeric() => mended.push(letter),
            mark if is_mark(mark) && !mended.is_empty() && !mended.ends_with(['.', '_', '-']) => {
                mended.push(mark);
            }
            unseen if is_unseen(unseen) && unseen != HALF_SPACE => {}
            _ if mended.ends_with('-') => {}
            _ => mended.push('-'),
        }
    }
    mended
        .trim_start_matches(|it: char| !it.is_alphanumeric())
        .trim_end_matches(['.', '_', '-'])
        .to_owned()
}

/// Most bytes of a prompt: whatever its characters, it then fits into a line of the state, without which nothing is
/// sent.
pub(super) const PROMPT_BYTES: usize = 1 << 20;

/// Reads a prompt, which is kept as it is.
pub(super) fn prompt(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Box<str>> {
    let text = text(name, node, diagnostics)?;
    let refuse =
        |code, message: &str, help: &str| Diagnostic::error(code, &node.span, message, help);
    if says_nothing(text) {
        diagnostics.push(refuse(
            "blank-prompt",
            "the prompt is blank",
            "describe what the video shows",
        ));
        return None;
    }
    if text.contains('\0') {
        diagnostics.push(refuse(
            "nul-character",
            "the prompt contains a NUL character",
            "take the NUL character out",
        ));
        return None;
    }
    if text.len() > PROMPT_BYTES {
        let message = format!(
            "the prompt has {} bytes, more than the {PROMPT_BYTES} that are sent",
            text.len()
        );
        diagnostics.push(refuse(
            "prompt-too-long",
            &message,
            "shorten it; a quote that is never closed also makes a text so long",
        ));
        return None;
    }
    Some(text.into())
}

/// Whether there is nothing in a text that can be seen.
pub(super) fn says_nothing(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_whitespace() || crate::text::is_unsafe(character))
}

/// Reads the length of a video in whole seconds: a number, or a string of one.
pub(super) fn duration(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<u8> {
    let written = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Number(number) => number.clone(),
        Value::Text(text) => text.clone(),
        Value::Cell(text) => text.trim().to_owned(),
        _ => {
            let help = "write a whole number of seconds from 5 to 15, such as `8`";
            diagnostics.push(wrong_type(name, node, "a whole number", help));
            return None;
        }
    };
    let seconds = whole_number(&written);
    if let Some(seconds) = seconds.and_then(|number| u8::try_from(number).ok())
        && DURATION_SECONDS.contains(&seconds)
    {
        return Some(seconds);
    }
    diagnostics.push(bad_duration(&written, seconds, node));
    None
}

fn bad_duration(written: &str, seconds: Option<i128>, node: &Node) -> Diagnostic {
    let range = "write a whole number from 5 to 15";
    if seconds.is_some() {
        let message = format!(
            "a duration of `{}` seconds is not between 5 and 15",
            shown(written)
        );
        return Diagnostic::error("duration-range", &node.span, message, range);
    }
    let message = format!("`{}` is not a whole number of seconds", shown(written));
    let help = match duration_meant(written) {
        Some(seconds) => format!("write `{seconds}`, without blanks, unit or decimals"),
        None => range.to_owned(),
    };
    Diagnostic::error("duration-format", &node.span, message, help)
}

/// The seconds of which a spreadsheet has made a time or a date: `0:08`, `00:00:08`, `00:08:00`, `1900-01-08`.
pub(super) fn seconds_in_time(written: &str) -> Option<u8> {
    let lower = written.trim().to_ascii_lowercase();
    let in_range = |digits: &str| {
        let seconds = digits.parse().ok();
        seconds.filter(|seconds| DURATION_SECONDS.contains(seconds))
    };
    if let Some(day) = lower.strip_prefix("1900-01-") {
        return in_range(day);
    }
    let night = lower.strip_suffix("am").map(str::trim_end);
    let clock = night.unwrap_or(&lower);
    let clock = match clock.rsplit_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => clock,
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let are_numbers = parts.iter().all(|part| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    let is_zero = |part: &str| part.bytes().all(|byte| byte == b'0');
    let is_first_hour = |part: &str| is_zero(part) || night.is_some() && part == "12";
    match parts[..] {
        _ if !are_numbers => None,
        [hour, minutes] if is_first_hour(hour) => in_range(minutes),
        [hour, minutes, seconds] if is_first_hour(hour) && is_zero(minutes) => in_range(seconds),
        [hour, minutes, seconds] if is_first_hour(hour) && is_zero(seconds) => in_range(minutes),
        _ => None,
    }
}

/// The seconds in `8.0`, `8,0`, `8s`, `8 sec`, `8秒` or `0:08`, if they are in range.
pub(super) fn duration_meant(written: &str) -> Option<u8> {
    if let Some(seconds) = seconds_in_time(written) {
        return Some(seconds);
    }
    let written = &written.trim().replacen(',', ".", 1);
    let end = written
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(written.len());
    let (number, unit) = written.split_at(end);
    let known = [
        "",
        "s",
        "s.",
        "sec",
        "sec.",
        "secs",
        "secs.",
        "second",
        "seconds",
        "sek",
        "sek.",
        "sekunde",
        "sekunden",
        "seg",
        "seg.",
        "segundos",
        "secondes",
        "secondi",
        "сек",
        "сек.",
        "секунд",
        "秒",
        "秒钟",
        "秒鐘",
        "초",
        "\"",
        "″",
        "''",
    ];
    let digits = match number.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|byte| byte == b'0') => digits,
        Some(_) => return None,
        None => number,
    };
    known
        .contains(&unit.trim().to_lowercase().as_str())
        .then(|| digits.parse().ok())
        .flatten()
        .filter(|seconds| DURATION_SECONDS.contains(seconds))
}

/// A number of digits with an optional sign and nothing else; numbers beyond 128 bits saturate.
fn whole_number(written: &str) -> Option<i128> {
    let digits = written.strip_prefix(['-', '+']).unwrap_or(written);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(written.parse().unwrap_or(if written.starts_with('-') {
        i128::MIN
    } else {
        i128::MAX
    }))
}

/// Reads `true` or `false`.
pub(super) fn boolean(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<bool> {
    let read = match &node.value {
        Value::Boolean(value) => Some(*value),
        Value::Cell(text) => cell_boolean(text),
        _ => None,
    };
    if read.is_none() {
        diagnostics.push(not_a_boolean(name, node));
    }
    read
}

/// Reads a field that is sent as it was written: a boolean, or the string `true` or `false`.
pub(super) fn flag(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Flag> {
    let read = match &node.value {
        Value::Boolean(value) => Some(Flag::Boolean(*value)),
        Value::Text(text) if text == "true" => Some(Flag::Text(true)),
        Value::Text(text) if text == "false" => Some(Flag::Text(false)),
        Value::Cell(text) => cell_boolean(text).map(Flag::Boolean),
        _ => None,
    };
    if read.is_none() {
        diagnostics.push(not_a_boolean(name, node));
    }
    read
}

fn cell_boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// What people and spreadsheets write for `true`, in lower case; one `on` has a Cyrillic letter.
const YES: &[&str] = &[
    "yes",
    "y",
    "on",
    "оn",
    "1",
    "1.0",
    "1,0",
    "t",
    "x",
    "true()",
    "ja",
    "j",
    "wahr",
    "vrai",
    "oui",
    "verdadero",
    "sí",
    "si",
    "vero",
    "verdadeiro",
    "sim",
    "prawda",
    "tak",
    "истина",
    "да",
    "是",
    "有",
    "开",
    "開",
    "开启",
    "開啟",
    "要",
    "需要",
    "对",
    "對",
    "真",
    "√",
    "✓",
    "✔",
    "✔️",
    "☑",
    "☑️",
    "✅",
    "はい",
    "예",
];

/// What they write for `false`.
const NO: &[&str] = &[
    "no",
    "n",
    "off",
    "оff",
    "0",
    "0.0",
    "0,0",
    "f",
    "false()",
    "nein",
    "falsch",
    "faux",
    "non",
    "falso",
    "não",
    "fałsz",
    "nie",
    "ложь",
    "нет",
    "否",
    "无",
    "無",
    "没有",
    "沒有",
    "关",
    "關",
    "关闭",
    "關閉",
    "不要",
    "不需要",
    "不",
    "假",
    "×",
    "✗",
    "✘",
    "✕",
    "❌",
    "☐",
    "-",
    "–",
    "—",
    "いいえ",
    "아니요",
];

fn not_a_boolean(name: &str, node: &Node) -> Diagnostic {
    let written = match &node.value {
        Value::Text(text) | Value::Cell(text) | Value::Number(text) => text.trim().to_lowercase(),
        Value::Integer(number) => number.to_string(),
        _ => String::new(),
    };
    let field = if is_cell(node) {
        String::new()
    } else {
        format!("{name}: ")
    };
    let help = match written.as_str() {
        word if YES.contains(&word) => format!("write `{field}true`"),
        word if NO.contains(&word) => format!("write `{field}false`"),
        "true" | "false" => format!("write `{field}{written}`, without quotes, in lower case"),
        _ => "write `true` or `false`".to_owned(),
    };
    let found = described(&node.value);
    let message = format!("`{name}` must be `true` or `false`, not {found}");
    Diagnostic::error("not-a-boolean", &node.span, message, help)
}

/// Reads a signed 64-bit integer.
pub(super) fn seed(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<i64> {
    let written = match &node.value {
        Value::Integer(number) => return Some(*number),
        Value::Number(number) => number.as_str(),
        Value::Cell(text) => text.trim(),
        _ => {
            let help = match &node.value {
                Value::Text(text) if whole_number(text).is_some() => {
                    format!("write `{name}: {text}`, without quotes")
                }
                _ => format!("write a whole number, such as `{name}: 42`"),
            };
            diagnostics.push(wrong_type(name, node, "a whole number", &help));
            return None;
        }
    };
    match whole_number(written).map(i64::try_from) {
        Some(Ok(seed)) => return Some(seed),
        Some(Err(_)) => diagnostics.push(Diagnostic::error(
            "seed-range",
            &node.span,
            format!("the seed `{}` does not fit into 64 bits", shown(written)),
            format!("write a whole number from {} to {}", i64::MIN, i64::MAX),
        )),
        None => diagnostics.push(Diagnostic::error(
            "seed-format",
            &node.span,
            format!("the seed `{}` is not a whole number", shown(written)),
            seed_advice(written),
        )),
    }
    None
}

/// Whether a number has more than the 15 digits that spreadsheets keep, and nothing in those beyond.
pub(super) fn is_rounded(seed: i64) -> bool {
    const KEPT: u32 = 15;
    let digits = seed
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |log| log + 1);
    // One zero more or less is nothing strange.
    digits > KEPT + 1
        && seed
            .unsigned_abs()
            .is_multiple_of(10_u64.pow(digits - KEPT))
}

/// How to mend a seed that is not a whole number.
fn seed_advice(written: &str) -> String {
    if let Some((digits, zeros)) = written.split_once(['.', ','])
        && whole_number(digits).is_some()
        && zeros.bytes().all(|byte| byte == b'0')
        && !(zeros.len() == 3 && written.contains(','))
    {
        return format!("write `{digits}`");
    }
    let mut groups = written.split([',', '.', ' ', '\'', '\u{a0}', '\u{202f}']);
    let is_number = |group: &str| !group.is_empty() && group.bytes().all(|it| it.is_ascii_digit());
    let first = groups.next().unwrap_or_default();
    let rest: Vec<&str> = groups.collect();
    let is_grouped = !rest.is_empty()
        && first.len() <= 3
        && is_number(first)
        && rest
            .iter()
            .all(|group| group.len() == 3 && is_number(group));
    if is_grouped {
        return format!("write `{first}{}`, without separators", rest.concat());
    }
    let lower = written.to_ascii_lowercase().replacen(',', ".", 1);
    if let Some((number, power)) = lower.split_once('e')
        && number.parse::<f64>().is_ok()
        && whole_number(power).is_some()
    {
        return "a spreadsheet has shortened the number: format the column as a whole number (or as text), write all digits, and export again".to_owned();
    }
    "write a whole number, such as `42`".to_owned()
}

/// Reads a field of the user's own: any scalar, as text.
pub(super) fn own(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Option<Box<str>> {
    match &node.value {
        Value::Boolean(value) => Some(value.to_string().into()),
        Value::Integer(number) => Some(number.to_string().into()),
        Value::Number(text) | Value::Text(text) | Value::Cell(text) => Some(text.as_str().into()),
        Value::Null => Some("".into()),
        Value::List(_) | Value::Map(_) => {
            let name = shown(name);
            let help = "a field of your own holds one text, number or boolean: it becomes one cell of results.csv";
            diagnostics.push(wrong_type(&name, node, "a single value", help));
            None
        }
    }
}

/// The text of a field that holds free text; numbers and the like are refused.
fn text<'a>(name: &str, node: &'a Node, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    match &node.value {
        Value::Text(text) | Value::Cell(text) => Some(text),
        other => {
            let help = match other {
                Value::Integer(_) | Value::Number(_) | Value::Boolean(_) => {
                    format!(
                        "put it in quotes, so that it is text: `{name}: \"{}\"`",
                        written(other)
                    )
                }
                _ => format!("write one text: `{name}: \"…\"`"),
            };
            diagnostics.push(wrong_type(name, node, "text", &help));
            None
        }
    }
}

/// The text of a field that holds one word: not empty, and trimmed if it is a cell.
fn word<'a>(name: &str, node: &'a Node, diagnostics: &mut Diagnostics) -> Option<&'a str> {
    let text = text(name, node, diagnostics)?;
    if text.is_empty() {
        let message = format!("`{name}` is empty");
        let help = "write a value, or leave the field out";
        diagnostics.push(Diagnostic::error("empty-value", &node.span, message, help));
        return None;
    }
    Some(if is_cell(node) { text.trim() } else { text })
}

fn is_cell(node: &Node) -> bool {
    matches!(node.value, Value::Cell(_))
}

/// A value of the wrong type.
pub(super) fn wrong_type(name: &str, node: &Node, expected: &str, help: &str) -> Diagnostic {
    let message = format!(
        "`{name}` must be {expected}, not {}",
        described(&node.value)
    );
    Diagnostic::error("wrong-type", &node.span, message, help)
}

/// What a value is, in words.
pub(super) fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Boolean(_) => format!("the boolean `{}`", written(value)),
        Value::Integer(_) | Value::Number(_) => format!("the number `{}`", written(value)),
        Value::Text(text) | Value::Cell(text) if text.is_empty() => "an empty text".to_owned(),
        Value::Text(_) | Value::Cell(_) => format!("the text `{}`", written(value)),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}

/// A boolean, number or text, safe to show in a line of YAML.
pub(super) fn scalar(value: &Value) -> Option<String> {
    Some(written(value)).filter(|text| !text.is_empty())
}

/// A scalar as it was written, safe to show.
fn written(value: &Value) -> String {
    match value {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Number(text) | Value::Text(text) | Value::Cell(text) => shown(text),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// `text` cut short and without anything that could steer a terminal. Blanks at its ends are kept as one, because they
/// may be what is wrong; text with nothing visible is escaped.
pub(super) fn shown(text: &str) -> String {
    let cleaned = clean(&without_passwords(text), 60);
    if cleaned.is_empty() {
        return text.chars().take(20).flat_map(char::escape_debug).collect();
    }
    let blank = |found: bool| if found { " " } else { "" };
    let before = blank(text.starts_with(char::is_whitespace));
    let after = blank(text.ends_with(char::is_whitespace));
    format!("{before}{cleaned}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_became_a_time_or_has_a_comma_is_told_as_it_was_meant() {
        for (written, seconds) in [
            ("00:00:08", Some(8)),
            ("0:08", Some(8)),
            ("0:00:08", Some(8)),
            ("00:08:00", Some(8)),
            ("12:00:08 AM", Some(8)),
            ("00:00:08.000", Some(8)),
            ("1900-01-08", Some(8)),
            ("8,0", Some(8)),
            ("8.0", Some(8)),
            ("8 秒", Some(8)),
            ("8 Sek.", Some(8)),
            ("8,5", None),
            ("8:00", None),
            ("08:00:00", None),
            ("00:01:30", None),
            ("12:08", None),
            ("00:00:03", None),
            ("2026-01-08", None),
            ("", None),
        ] {
            assert_eq!(duration_meant(written), seconds, "{written}");
        }
    }

    #[test]
    fn a_seed_that_was_rounded_ends_with_zeros_where_a_spreadsheet_forgets() {
        for (seed, is) in [
            (1_234_567_890_123_450_000, true),
            (-12_345_678_901_234_500, true),
            (1_234_567_890_123_456_789, false),
            (1_234_567_890_123_450, false),
            (1_000_000, false),
            (0, false),
            (i64::MIN, false),
        ] {
            assert_eq!(is_rounded(seed), is, "{seed}");
        }
    }

    #[test]
    fn a_seed_is_told_as_it_was_meant() {
        for (written, advice) in [
            ("12.0", "write `12`"),
            ("12,00", "write `12`"),
            ("1,234", "write `1234`, without separators"),
            ("1 234 567", "write `1234567`, without separators"),
            ("1.5E+10", "a spreadsheet has shortened the number"),
            ("1,23E+15", "a spreadsheet has shortened the number"),
            ("12.5", "write a whole number, such as `42`"),
            ("red", "write a whole number, such as `42`"),
        ] {
            let found = seed_advice(written);
            assert!(found.starts_with(advice), "{written}: {found}");
        }
    }
}
