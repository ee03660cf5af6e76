//! Bytes of a file → text, and what they were taken for. Start at [`decode`]. A character that cannot be read is an
//! error at its place, never replaced in silence; an encoding that can only be guessed is warned about.
//!
//! Knows nothing of what the text says.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    DecoderResult, Encoding, GB18030, GBK, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
    X_USER_DEFINED,
};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::tree::{SourceId, Span};

/// A file as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded {
    /// UTF-8 without BOM; line ends as they were.
    pub(super) text: String,
    /// What was detected, such as `UTF-8 with BOM`.
    pub(super) note: String,
}

/// An encoding that somebody named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextEncoding {
    encoding: &'static Encoding,
    /// Whether the order of the bytes is still open: `utf-16` alone.
    is_either_order: bool,
}

/// A name that is no encoding's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownEncoding;

impl fmt::Display for UnknownEncoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "not an encoding; known are `utf-8`, `utf-16`, `utf-16le`, `utf-16be`, `gb18030`, `gbk`, `windows-1252` and the other names of the web, such as `big5`",
        )
    }
}

impl std::error::Error for UnknownEncoding {}

impl fmt::Display for TextEncoding {
    /// As it is written after `--encoding`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_either_order {
            return formatter.write_str("utf-16");
        }
        formatter.write_str(&self.encoding.name().to_ascii_lowercase())
    }
}

impl FromStr for TextEncoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        let name = name.trim().to_ascii_lowercase();
        let label = match name.as_str() {
            "utf16" | "utf-16" => "utf-16",
            "utf16le" => "utf-16le",
            "utf16be" => "utf-16be",
            "cp936" => "gbk",
            "cp950" => "big5",
            other => other,
        };
        Encoding::for_label(label.as_bytes())
            .filter(|encoding| ![REPLACEMENT, X_USER_DEFINED].contains(encoding))
            .map(|encoding| Self {
                encoding,
                is_either_order: label == "utf-16",
            })
            .ok_or(UnknownEncoding)
    }
}

impl TextEncoding {
    fn name(self) -> &'static str {
        if self.is_either_order {
            "UTF-16"
        } else {
            named(self.encoding)
        }
    }

    /// Whether a file that begins with the mark of `marked` can be in it.
    fn allows(self, marked: &'static Encoding) -> bool {
        let same = |encoding| if encoding == GBK { GB18030 } else { encoding };
        same(self.encoding) == same(marked)
            || self.is_either_order && [UTF_16LE, UTF_16BE].contains(&marked)
    }
}

/// The name of an encoding as people write it.
fn named(encoding: &'static Encoding) -> &'static str {
    match encoding.name() {
        "UTF-16LE" => "UTF-16 LE",
        "UTF-16BE" => "UTF-16 BE",
        "gb18030" => "GB18030",
        other => other,
    }
}

/// Byte order marks, the longer before the shorter.
const MARKS: [(&[u8], &Encoding, &str); 4] = [
    (b"\x84\x31\x95\x33", GB18030, "GB18030 with BOM"),
    (b"\xEF\xBB\xBF", UTF_8, "UTF-8 with BOM"),
    (b"\xFF\xFE", UTF_16LE, "UTF-16 LE"),
    (b"\xFE\xFF", UTF_16BE, "UTF-16 BE"),
];

/// The code of a character that cannot be read.
pub(super) const UNREADABLE: &str = "unreadable-character";

/// How many unreadable places get a diagnostic of their own.
const PLACES_SHOWN: usize = 3;

/// How much text the guess looks at, from the first character that tells encodings apart.
const GUESS_WINDOW: usize = 1 << 20;

/// Whether `bytes` begin with a byte order mark.
pub(super) fn has_mark(bytes: &[u8]) -> bool {
    MARKS.iter().any(|(mark, ..)| bytes.starts_with(mark))
}

/// How many bytes are looked at for the pattern of UTF-16: some of the header, which is mostly ASCII.
const PATTERN_WINDOW: usize = 32;

/// `bytes` as text: as somebody `told`, else by their byte order mark, else as UTF-16 or UTF-8 if they are that, else by
/// a guess.
pub(super) fn decode(
    bytes: &[u8],
    told: Option<TextEncoding>,
    source: SourceId,
    diagnostics: &mut Diagnostics,
) -> Decoded {
    let mark = MARKS.iter().find(|(mark, ..)| bytes.starts_with(mark));
    if let Some(&(start, encoding, note)) = mark {
        if let Some(told) = told.filter(|told| !told.allows(encoding)) {
            diagnostics.push(contradiction(told, note, source));
        }
        let (bytes, note) = (&bytes[start.len()..], note.to_owned());
        return decode_as(encoding, note, bytes, source, diagnostics);
    }
    let by_pattern = utf16_by_pattern(bytes);
    if let Some(told) = told {
        let by_pattern = by_pattern.filter(|_| told.is_either_order);
        let encoding = by_pattern.unwrap_or(told.encoding);
        let note = format!("{} (as told)", named(encoding));
        return decode_as(encoding, note, bytes, source, diagnostics);
    }
    if let Some(encoding) = by_pattern {
        let note = format!("{} without BOM", named(encoding));
        return decode_as(encoding, note, bytes, source, diagnostics);
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => decode_as(UTF_8, "UTF-8".to_owned(), bytes, source, diagnostics),
        Err(_) if is_damaged_utf8(bytes) => {
            decode_as(UTF_8, "UTF-8".to_owned(), bytes, source, diagnostics)
        }
        Err(_) => decode_by_guess(bytes, source, diagnostics),
    }
}

/// UTF-16 without a mark: letters of the header are followed, or preceded, by a NUL each.
fn utf16_by_pattern(bytes: &[u8]) -> Option<&'static Encoding> {
    let window = &bytes[..bytes.len().min(PATTERN_WINDOW)];
    let (units, _) = window.as_chunks::<2>();
    let nul_at = |place: usize| units.iter().filter(|unit| unit[place] == 0).count();
    // A letter of another script may have a NUL on the other side.
    let is_pattern = |many: usize, few: usize| many >= 2 && many * 2 >= units.len() && few <= 1;
    let (first, second) = (nul_at(0), nul_at(1));
    match (is_pattern(second, first), is_pattern(first, second)) {
        (true, false) => Some(UTF_16LE),
        (false, true) => Some(UTF_16BE),
        _ => None,
    }
}

fn contradiction(told: TextEncoding, marked: &str, source: SourceId) -> Diagnostic {
    let place = Span {
        source,
        bytes: 0..0,
    };
    let message = format!(
        "the file begins with the mark of {}, and cannot be the {} that was told",
        marked.trim_end_matches(" with BOM"),
        told.name()
    );
    let help =
        "leave out `--encoding`, or `encoding:` in the manifest: a byte order mark is certain";
    Diagnostic::error("encoding-mismatch", &place, message, help)
}

/// Whether `bytes` are UTF-8 with a few broken characters: in any other encoding whole characters are the rare ones.
fn is_damaged_utf8(bytes: &[u8]) -> bool {
    let (mut whole, mut broken) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    whole > broken
}

fn decode_by_guess(bytes: &[u8], source: SourceId, diagnostics: &mut Diagnostics) -> Decoded {
    let guess = guess(bytes);
    if guess == GBK || is_damaged_gb18030(bytes) {
        let note = "GB18030 (guessed)".to_owned();
        return decode_as(GB18030, note, bytes, source, diagnostics);
    }
    let (encoding, message) = if is_short_chinese(bytes) {
        let message = format!(
            "the file is not UTF-8 and was read as GB18030, which is a guess: it could be {} too",
            named(guess)
        );
        (GB18030, message)
    } else {
        let name = named(guess);
        let message = format!(
            "the file is neither UTF-8 nor GB18030 and was read as {name}, which is a guess"
        );
        (guess, message)
    };
    let note = format!("{} (guessed)", named(encoding));
    let decoded = decode_as(encoding, note, bytes, source, diagnostics);
    let (at, sample) = first_word_beyond_ascii(&decoded.text);
    let place = Span {
        source,
        bytes: at..at + sample.len(),
    };
    let help = "if the text shown is what you wrote, say so with `--encoding`; if not, name the right one, or save the file as UTF-8 (in Excel: `CSV UTF-8`): a prompt in wrong letters is paid for too";
    diagnostics.push(
        Diagnostic::warning("guessed-encoding", &place, message, help).label("read like this"),
    );
    decoded
}

/// Most characters beyond ASCII for which the detector's guess is not to be trusted, as it takes few Chinese ones for
/// Korean, Japanese or accented letters.
const TOO_FEW_TO_TELL: usize = 16;

/// Whether all that is beyond ASCII are a few pairs of bytes as the common Chinese characters and signs have them.
fn is_short_chinese(bytes: &[u8]) -> bool {
    let runs = bytes.split(u8::is_ascii).filter(|run| !run.is_empty());
    let mut characters = 0;
    for run in runs {
        let (pairs, rest) = run.as_chunks::<2>();
        let is_common = |pair: &[u8; 2]| matches!(pair, [0xA1..=0xA9 | 0xB0..=0xF7, 0xA1..=0xFE]);
        characters += pairs.len();
        if !rest.is_empty() || !pairs.iter().all(is_common) || characters > TOO_FEW_TO_TELL {
            return false;
        }
    }
    characters > 0
}

/// Whether `bytes` are GB18030 with a few broken characters, of which a single one makes the guess fall on another
/// encoding.
fn is_damaged_gb18030(bytes: &[u8]) -> bool {
    let (mut sound, mut whole, mut broken) = (Vec::new(), 0_usize, 0_usize);
    let mut rest = bytes;
    while sound.len() < GUESS_WINDOW {
        let length = match rest {
            [] => break,
            [0..=0x7F, ..] => 1,
            [0x81..=0xFE, 0x30..=0x39, 0x81..=0xFE, 0x30..=0x39, ..] => 4,
            [0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE, ..] => 2,
            [_, after @ ..] => {
                broken += 1;
                rest = after;
                continue;
            }
        };
        let (character, after) = rest.split_at(length);
        whole += usize::from(length > 1);
        sound.extend_from_slice(character);
        rest = after;
    }
    whole > 8 * broken && guess(&sound) == GBK
}

fn guess(bytes: &[u8]) -> &'static Encoding {
    let start = bytes
        .iter()
        .position(|byte| !byte.is_ascii())
        .unwrap_or(bytes.len());
    let window = &bytes[start..bytes.len().min(start + GUESS_WINDOW)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(window, start + window.len() == bytes.len());
    detector.guess(None, Utf8Detection::Deny)
}

fn first_word_beyond_ascii(text: &str) -> (usize, &str) {
    let at = text.find(|c: char| !c.is_ascii()).unwrap_or(text.len());
    let rest = &text[at..];
    let end = rest.find(|c: char| c.is_ascii()).unwrap_or(rest.len());
    let end = rest
        .char_indices()
        .nth(20)
        .map_or(end, |(limit, _)| end.min(limit));
    (at, &rest[..end])
}

/// Decodes all of `bytes`; what cannot be read stands as U+FFFD in the text and is reported.
fn decode_as(
    encoding: &'static Encoding,
    note: String,
    bytes: &[u8],
    source: SourceId,
    diagnostics: &mut Diagnostics,
) -> Decoded {
    if encoding == UTF_8
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        let text = text.to_owned();
        return Decoded { text, note };
    }
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len());
    let mut read = 0;
    let mut unreadable = Unreadable {
        encoding,
        source,
        count: 0,
        last: 0..0,
    };
    loop {
        let (result, taken) =
            decoder.decode_to_string_without_replacement(&bytes[read..], &mut text, true);
        read += taken;
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => text.reserve((bytes.len() - read).max(64)),
            DecoderResult::Malformed(length, after) => {
                let end = read - usize::from(after);
                let bad = &bytes[end - usize::from(length)..end];
                let start = text.len();
                text.push(char::REPLACEMENT_CHARACTER);
                unreadable.report(bad, start..text.len(), diagnostics);
            }
        }
    }
    if encoding == WINDOWS_1252 {
        unreadable.report_undefined(&text, diagnostics);
    }
    unreadable.report_rest(diagnostics);
    text.shrink_to_fit();
    Decoded { text, note }
}

/// The places that could not be read so far.
struct Unreadable {
    encoding: &'static Encoding,
    source: SourceId,
    count: usize,
    last: Range<usize>,
}

impl Unreadable {
    const HELP: &str = "if the file is in another encoding, name it, such as `--encoding gb18030`; else save it as UTF-8 (in Excel: `CSV UTF-8`) and look at this place: nothing is replaced in silence";

    fn report(&mut self, bad: &[u8], at: Range<usize>, diagnostics: &mut Diagnostics) {
        self.count += 1;
        self.last = at;
        if self.count > PLACES_SHOWN {
            return;
        }
        let written: Vec<String> = bad.iter().map(|byte| format!("{byte:02X}")).collect();
        let (name, written) = (named(self.encoding), written.join(" "));
        let message = match bad {
            [_] => format!("the byte `{written}` is not a character in {name}"),
            _ => format!("the bytes `{written}` are not a character in {name}"),
        };
        diagnostics.push(
            Diagnostic::error(UNREADABLE, &self.span(), message, Self::HELP)
                .label("cannot be read"),
        );
    }

    /// The five bytes that Windows-1252 leaves open, which the decoder passes on as control characters.
    fn report_undefined(&mut self, text: &str, diagnostics: &mut Diagnostics) {
        for (at, character) in text.char_indices() {
            if let control @ 0x80..=0x9F = u32::from(character) {
                let byte = u8::try_from(control).expect("below 256");
                self.report(&[byte], at..at + character.len_utf8(), diagnostics);
            }
        }
    }

    fn report_rest(&self, diagnostics: &mut Diagnostics) {
        let Some(more @ 1..) = self.count.checked_sub(PLACES_SHOWN) else {
            return;
        };
        let message = format!(
            "{more} more places are not text in {}, the last one here",
            named(self.encoding)
        );
        diagnostics.push(Diagnostic::error(
            UNREADABLE,
            &self.span(),
            message,
            Self::HELP,
        ));
    }

    fn span(&self) -> Span {
        Span {
            source: self.source,
            bytes: self.last.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1251;

    use super::*;

    const SOURCE: SourceId = SourceId(0);

    fn decoded(bytes: &[u8]) -> (Decoded, Vec<Diagnostic>) {
        let mut diagnostics = Diagnostics::default();
        let decoded = decode(bytes, None, SOURCE, &mut diagnostics);
        (decoded, diagnostics.iter().cloned().collect())
    }

    #[test]
    fn one_broken_character_does_not_turn_utf8_into_another_encoding() {
        let whole = "一个年轻女子在海边散步，电影感，慢镜头。";
        for at in 1..whole.len() {
            let mut bytes = whole.as_bytes().to_vec();
            bytes[at] = b'?';
            let (decoded, found) = decoded(&bytes);
            assert_eq!(decoded.note, "UTF-8");
            assert!(!found.is_empty());
            for diagnostic in found {
                assert_eq!(diagnostic.code, "unreadable-character");
                assert!(decoded.text[diagnostic.span.bytes].starts_with('\u{FFFD}'));
            }
        }
    }

    #[test]
    fn gb18030_is_read_whether_marked_or_not_and_its_four_byte_characters_too() {
        let text = "id,prompt\na,一个年轻女子在海边散步，电影感 🎬 𠮷";
        for marked in [text.to_owned(), format!("\u{feff}{text}")] {
            let (bytes, _, failed) = GB18030.encode(&marked);
            assert!(!failed);
            let (decoded, found) = decoded(&bytes);
            assert_eq!(decoded.text, text);
            assert_eq!(found, []);
        }
    }

    #[test]
    fn one_broken_character_does_not_turn_gb18030_into_another_encoding() {
        let (whole, ..) = GB18030.encode("id,prompt\na,镜头缓慢推进，背景是雪山");
        let broken_at = |at: usize| [&whole[..at], b"\xFF", &whole[at..]].concat();
        for at in (12..=whole.len()).step_by(2) {
            let (decoded, found) = decoded(&broken_at(at));
            assert_eq!(decoded.note, "GB18030 (guessed)");
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                found[0].message,
                "the byte `FF` is not a character in GB18030"
            );
            assert!(decoded.text[found[0].span.bytes.clone()].starts_with('\u{FFFD}'));
        }
    }

    #[test]
    fn a_few_chinese_characters_are_not_taken_for_those_of_another_language() {
        for text in [
            "id,prompt\na,亮口红唇",
            "id,prompt,x_owner\na,A kite,王明\nb,A lamp,李娜",
            "id,prompt\na,灯",
            "id,prompt\na,“灯”",
            "id,prompt\na,手机屏幕点亮口红",
        ] {
            let (bytes, _, failed) = GB18030.encode(text);
            assert!(!failed);
            let (decoded, found) = decoded(&bytes);
            assert_eq!(decoded.text, text);
            assert!(found.len() <= 1, "{found:?}");
        }
    }

    #[test]
    fn european_text_is_not_taken_for_damaged_gb18030() {
        for (encoding, text) in [
            (
                WINDOWS_1252,
                "prompt\nEin schönes Mädchen läuft über die Straße",
            ),
            (
                WINDOWS_1252,
                "prompt\nDécouvrez l’été à la plage, où naît la lumière",
            ),
            (
                WINDOWS_1251,
                "prompt\nМедленное движение камеры над вечерним городом",
            ),
        ] {
            let (bytes, ..) = encoding.encode(text);
            let (decoded, found) = decoded(&bytes);
            assert_eq!(decoded.text, text);
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn any_other_encoding_is_warned_about_at_the_first_word_that_shows_it() {
        let (decoded, found) = decoded(b"prompt\nA caf\xE9, na\xEFve\n");
        assert_eq!(decoded.text, "prompt\nA café, naïve\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, "guessed-encoding");
        assert_eq!(&decoded.text[found[0].span.bytes.clone()], "é");
    }

    fn decoded_as(name: &str, bytes: &[u8]) -> (Decoded, Vec<String>) {
        let told: TextEncoding = name.parse().expect("a known name");
        let mut diagnostics = Diagnostics::default();
        let decoded = decode(bytes, Some(told), SOURCE, &mut diagnostics);
        let found = diagnostics.iter().map(|it| it.message.clone()).collect();
        (decoded, found)
    }

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    #[test]
    fn utf16_without_a_mark_is_known_by_its_nul_bytes() {
        let text = "id,prompt\na,一个年轻女子在海边散步\n";
        let (little, big) = (utf16(text, u16::to_le_bytes), utf16(text, u16::to_be_bytes));
        for (bytes, note) in [
            (&little, "UTF-16 LE without BOM"),
            (&big, "UTF-16 BE without BOM"),
        ] {
            let (decoded, found) = decoded(bytes);
            assert_eq!((decoded.text.as_str(), decoded.note.as_str()), (text, note));
            assert_eq!(found, []);
            assert_eq!(decoded_as("utf-16", bytes).0.text, text);
        }
        let (decoded, _) = decoded(b"id,prompt\na,one \0 NUL\n");
        assert_eq!(decoded.note, "UTF-8");
    }

    #[test]
    fn what_was_told_is_believed_without_a_warning() {
        for (name, bytes, text) in [
            ("windows-1252", &b"caf\xE9 \x80"[..], "café €"),
            ("Latin1", b"caf\xE9", "café"),
            ("GBK", b"\xD6\xD0", "中"),
            ("gb2312", b"\xD6\xD0", "中"),
            ("cp936", b"\xD6\xD0", "中"),
            ("big5", b"\xA4\xA4", "中"),
            ("utf-16le", b"a\0b\0", "ab"),
            ("utf-16be", b"\0a\0b", "ab"),
            ("utf-16", b"a\0", "a"),
            ("utf-8", "中".as_bytes(), "中"),
        ] {
            let (decoded, found) = decoded_as(name, bytes);
            assert_eq!(decoded.text, text, "{name}");
            assert_eq!(found, Vec::<String>::new(), "{name}");
            assert!(decoded.note.ends_with("(as told)"), "{}", decoded.note);
        }
        for name in ["", "utf-7", "iso-2022-kr", "x-user-defined", "excel"] {
            assert_eq!(name.parse::<TextEncoding>(), Err(UnknownEncoding), "{name}");
        }
    }

    #[test]
    fn a_byte_that_is_nothing_in_the_encoding_told_is_an_error_and_not_replaced_in_silence() {
        for (name, bytes, message) in [
            (
                "utf-8",
                &b"caf\xE9"[..],
                "the byte `E9` is not a character in UTF-8",
            ),
            (
                "windows-1252",
                b"a\x81b",
                "the byte `81` is not a character in windows-1252",
            ),
            (
                "utf-16le",
                b"a\0b",
                "the byte `62` is not a character in UTF-16 LE",
            ),
            ("gbk", b"a\xFF", "the byte `FF` is not a character in GBK"),
        ] {
            assert_eq!(decoded_as(name, bytes).1, [message]);
        }
    }

    #[test]
    fn a_mark_that_says_otherwise_is_an_error() {
        let (decoded, found) = decoded_as("gb18030", "\u{feff}中".as_bytes());
        assert_eq!(decoded.text, "中");
        let place = "encoding-mismatch";
        let told = "gb18030".parse().expect("a known name");
        assert_eq!(contradiction(told, "UTF-8", SOURCE).code, place);
        assert_eq!(
            found,
            ["the file begins with the mark of UTF-8, and cannot be the GB18030 that was told"]
        );
        for (name, bytes) in [
            ("utf-16", &b"\xFE\xFF\0a"[..]),
            ("utf-16", b"\xFF\xFEa\0"),
            ("gbk", b"\x84\x31\x95\x33a"),
            ("utf-8", b"\xEF\xBB\xBFa"),
        ] {
            let (decoded, found) = decoded_as(name, bytes);
            assert_eq!((decoded.text.as_str(), found.len()), ("a", 0), "{name}");
        }
    }
}
