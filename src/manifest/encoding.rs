//! Bytes of a file → text, and what they were taken for. Start at [`decode`]. A character that cannot be read is an
//! error at its place, never replaced in silence; an encoding outside the contract is read, and warned about.
//!
//! Knows nothing of what the text says.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};

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

/// Byte order marks, the longer before the shorter.
const MARKS: [(&[u8], &Encoding, &str); 4] = [
    (b"\x84\x31\x95\x33", GB18030, "GB18030 with BOM"),
    (b"\xEF\xBB\xBF", UTF_8, "UTF-8 with BOM"),
    (b"\xFF\xFE", UTF_16LE, "UTF-16 LE"),
    (b"\xFE\xFF", UTF_16BE, "UTF-16 BE"),
];

/// How many unreadable places get a diagnostic of their own.
const PLACES_SHOWN: usize = 3;

/// How much text the guess looks at, from the first character that tells encodings apart.
const GUESS_WINDOW: usize = 1 << 20;

/// Whether `bytes` begin with a byte order mark.
pub(super) fn has_mark(bytes: &[u8]) -> bool {
    MARKS.iter().any(|(mark, ..)| bytes.starts_with(mark))
}

/// `bytes` as text: by their byte order mark, else as UTF-8 if they are that, else by a guess.
pub(super) fn decode(bytes: &[u8], source: SourceId, diagnostics: &mut Diagnostics) -> Decoded {
    let mark = MARKS.iter().find(|(mark, ..)| bytes.starts_with(mark));
    let (start, encoding, note) = *mark.unwrap_or(&(b"", UTF_8, "UTF-8"));
    let (bytes, note) = (&bytes[start.len()..], note.to_owned());
    match std::str::from_utf8(bytes) {
        Ok(text) if encoding == UTF_8 => Decoded {
            text: text.to_owned(),
            note,
        },
        _ if mark.is_some() || is_damaged_utf8(bytes) => {
            decode_as(encoding, note, bytes, source, diagnostics)
        }
        _ => decode_by_guess(bytes, source, diagnostics),
    }
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
    let name = guess.name();
    let note = format!("{name} (guessed)");
    let decoded = decode_as(guess, note, bytes, source, diagnostics);
    let (at, sample) = first_word_beyond_ascii(&decoded.text);
    diagnostics.push(
        Diagnostic::warning(
            "guessed-encoding",
            &Span {
                source,
                bytes: at..at + sample.len(),
            },
            format!("the file is neither UTF-8 nor GB18030 and was read as {name}, which is a guess"),
            "if the text shown is not what you wrote, save the file as UTF-8 (in Excel: `CSV UTF-8`)",
        )
        .label("read like this"),
    );
    decoded
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
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len());
    let mut read = 0;
    let mut unreadable = Unreadable {
        encoding,
        source,
        count: 0,
        last: 0,
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
                unreadable.report(bad, text.len(), diagnostics);
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
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
    last: usize,
}

impl Unreadable {
    const CODE: &str = "unreadable-character";
    const HELP: &str = "save the file as UTF-8 (in Excel: `CSV UTF-8`) and look at this place";

    fn report(&mut self, bad: &[u8], at: usize, diagnostics: &mut Diagnostics) {
        self.count += 1;
        self.last = at;
        if self.count > PLACES_SHOWN {
            return;
        }
        let written: Vec<String> = bad.iter().map(|byte| format!("{byte:02X}")).collect();
        let (name, written) = (self.encoding.name(), written.join(" "));
        let message = match bad {
            [_] => format!("the byte `{written}` is not a character in {name}"),
            _ => format!("the bytes `{written}` are not a character in {name}"),
        };
        diagnostics.push(
            Diagnostic::error(Self::CODE, &self.span(), message, Self::HELP)
                .label("cannot be read"),
        );
    }

    fn report_rest(&self, diagnostics: &mut Diagnostics) {
        let Some(more @ 1..) = self.count.checked_sub(PLACES_SHOWN) else {
            return;
        };
        let message = format!(
            "{more} more places are not text in {}, the last one here",
            self.encoding.name()
        );
        diagnostics.push(Diagnostic::error(
            Self::CODE,
            &self.span(),
            message,
            Self::HELP,
        ));
    }

    fn span(&self) -> Span {
        Span {
            source: self.source,
            bytes: self.last..self.last + char::REPLACEMENT_CHARACTER.len_utf8(),
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{WINDOWS_1251, WINDOWS_1252};

    use super::*;

    const SOURCE: SourceId = SourceId(0);

    fn decoded(bytes: &[u8]) -> (Decoded, Vec<Diagnostic>) {
        let mut diagnostics = Diagnostics::default();
        let decoded = decode(bytes, SOURCE, &mut diagnostics);
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
                "the byte `FF` is not a character in gb18030"
            );
            assert!(decoded.text[found[0].span.bytes.clone()].starts_with('\u{FFFD}'));
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
}
