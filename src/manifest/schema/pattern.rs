//! What texts look like, as regular expressions that editors, Rust and most others read alike: no look-around, no
//! escapes of one dialect.
//!
//! Each takes every text that the validator takes; where a pattern cannot tell, it takes more.

/// Something to fill in.
pub(super) const BRACES: &str = r"\{[{%#]";

/// Anything but blanks.
pub(super) const SOMETHING: &str = r"\S";

/// A prompt that is not blank and has no NUL character.
pub(super) const PROMPT: &str = r"^[^\x00]*[^\s\x00][^\x00]*$";

/// The id of a job, apart from its length: of ASCII exactly what it may have, beyond that all but blanks and usual
/// punctuation. Which characters are letters depends on the version of Unicode, and editors have older ones.
pub(super) const ID: &str = "^[^\\s\\x00-/:-@\\[-`{-\\x7F‐-‧‰-⁞、-〄〈-〠！-／：-＠][^\\s\\x00-,/:-@\\[-^`{-\\x7F‐-‧‰-⁞、-〄〈-〠！-／：-＠]*$";

/// A name that templates look up, as far as it is ASCII.
pub(super) const NAME: &str = r"^[^\x00-@\[-^`{-\x7F][^\x00-/:-@\[-^`{-\x7F]*$";

/// Words that may not be such a name, because the template language has them.
pub(super) const WORDS: [&str; 14] = [
    "true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else",
    "self",
];

/// An http(s) address.
pub(super) fn address() -> String {
    format!(
        r#"{}[^\s\\<>"/][^\s\\<>"]*"#,
        [any_case("http"), any_case("s") + "?://"].concat()
    )
}

/// A picture within its address, of one of these kinds.
pub(super) fn picture(kinds: &[&str]) -> String {
    let kinds: Vec<String> = kinds.iter().map(|kind| any_case(kind)).collect();
    format!(
        "{}(?:{})(?:;[^,\\s]*)?;{},[A-Za-z0-9+/]+={{0,2}}",
        any_case("data:image/"),
        kinds.join("|"),
        any_case("base64")
    )
}

/// `pattern` as a whole text.
pub(super) fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// `pattern` as a whole text, or a template.
pub(super) fn or_braces(pattern: &str) -> String {
    format!("^(?:{pattern})$|{BRACES}")
}

/// One of `words` in small or capital letters, blanks around it or not.
pub(super) fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| any_case(word)).collect();
    format!("^ *(?:{}) *$", words.join("|"))
}

/// A file name that ends in one of `extensions`.
pub(super) fn file(extensions: &[&str]) -> String {
    let extensions: Vec<String> = extensions.iter().map(|it| any_case(it)).collect();
    format!(r"[^/]\.(?:{})$", extensions.join("|"))
}

/// A whole number within `range`, as text.
pub(super) fn seconds(range: std::ops::RangeInclusive<u8>) -> String {
    let numbers: Vec<String> = range.map(|number| number.to_string()).collect();
    format!(r"^\+?0*(?:{})$", numbers.join("|"))
}

/// `500ms`, `90s`, `1h30m`: not yet that it is above zero.
pub(super) const DURATION: &str = "^(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?$";

/// A digit that is not zero.
pub(super) const ABOVE_ZERO: &str = "[1-9]";

/// A duration, or a time of day.
pub(super) const DEADLINE: &str = "^(?:(?:[0-9]+d)?(?:[0-9]+h)?(?:[0-9]+m)?(?:[0-9]+s)?(?:[0-9]+ms)?|(?:[01][0-9]|2[0-3]):[0-5][0-9])$";

/// The same, not over as soon as it begins.
pub(super) const LATER: &str = "[1-9]|:";

/// `60/min`.
pub(super) const RATE: &str = r"^\s*\+?0*(?:[1-9][0-9]{0,5}|1000000)\s*/\s*(?:s|min|h)\s*$";

/// The address of the API.
pub(super) fn base_url() -> String {
    format!(
        r"^\s*{}{}?:[^?#]*[^?#/\s][^?#]*$",
        any_case("http"),
        any_case("s")
    )
}

/// A path at the API.
pub(super) const PATH: &str = r"^/[^\s\x00-\x1F\x7F?#\\]*$";

/// The same, to which the id of a task does not belong yet.
pub(super) const CREATE_PATH: &str = r"^/[^\s\x00-\x1F\x7F?#\\{}]*$";

/// The place of the id of a task.
pub(super) const TASK_ID: &str = r"\{task_id\}";

/// Nothing that is a whole address.
pub(super) const NO_SCHEME: &str = "^(?:[^:]|:[^/]|:/[^/]|:/?$)*$";

/// An amount of money as text.
pub(super) const AMOUNT: &str = r"^[0-9]+(?:\.[0-9]{1,6})?$";

/// `word` in small or capital letters, with nothing in it that means something in a pattern.
fn any_case(word: &str) -> String {
    let mut pattern = String::new();
    for character in word.chars() {
        if character.is_ascii_alphabetic() {
            let (upper, lower) = (
                character.to_ascii_uppercase(),
                character.to_ascii_lowercase(),
            );
            pattern.extend(['[', upper, lower, ']']);
        } else {
            if matches!(character, '|' | '\\' | '.') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
    }
    pattern
}
