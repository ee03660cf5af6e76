//! What a file of media is, by its first bytes and by the type it is sent with, and how long a video is.
//!
//! Start at [`format_of`] and [`mp4::Walk`]. Decides on bytes and words that it is given; knows no network, no file and
//! no manifest.

pub mod mp4;
pub mod picture;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// A picture made of pixels.
    Picture,
    /// Moving pictures, with or without sound.
    Video,
    /// Sound alone.
    Sound,
    /// Something else, such as a web page or an archive.
    Other,
}

/// A format that is known by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Its name with an article, as in "it is a PNG picture".
    pub name: &'static str,
    /// What follows `image/`, `video/` and the like in its media type.
    pub subtype: &'static str,
    /// What it is for.
    pub family: Family,
}

/// As many first bytes as [`format_of`] looks at.
pub const SIGNATURE_BYTES: usize = 512;

/// A signature: at this offset these bytes.
type Signature = (usize, &'static [u8]);

const fn format(name: &'static str, subtype: &'static str, family: Family) -> Format {
    Format {
        name,
        subtype,
        family,
    }
}

/// Formats with one signature each, the more telling ones first.
const SIGNED: &[(Signature, Format)] = &[
    (
        (0, b"\x89PNG\r\n\x1a\n"),
        format("a PNG picture", "png", Family::Picture),
    ),
    (
        (0, b"\xff\xd8\xff"),
        format("a JPEG picture", "jpeg", Family::Picture),
    ),
    (
        (0, b"GIF8"),
        format("a GIF picture", "gif", Family::Picture),
    ),
    (
        (8, b"WEBP"),
        format("a WebP picture", "webp", Family::Picture),
    ),
    (
        (0, b"II*\0"),
        format("a TIFF picture", "tiff", Family::Picture),
    ),
    (
        (0, b"MM\0*"),
        format("a TIFF picture", "tiff", Family::Picture),
    ),
    ((8, b"WAVE"), format("a WAV sound", "wav", Family::Sound)),
    (
        (8, b"AVI LIST"),
        format("an AVI video", "avi", Family::Video),
    ),
    ((0, b"ID3"), format("an MP3 sound", "mpeg", Family::Sound)),
    ((0, b"fLaC"), format("a FLAC sound", "flac", Family::Sound)),
    ((0, b"OggS"), format("an Ogg sound", "ogg", Family::Sound)),
    (
        (0, b"\x1a\x45\xdf\xa3"),
        format("a WebM or Matroska video", "webm", Family::Video),
    ),
    (
        (0, b"FLV\x01"),
        format("a Flash video", "x-flv", Family::Video),
    ),
    (
        (0, b"%PDF-"),
        format("a PDF document", "pdf", Family::Other),
    ),
    (
        (0, b"PK\x03\x04"),
        format("a ZIP archive", "zip", Family::Other),
    ),
    (
        (0, b"\x1f\x8b"),
        format("a gzip archive", "gzip", Family::Other),
    ),
];

/// The format of a file that begins with `bytes`, if it is one of those that are known.
pub fn format_of(bytes: &[u8]) -> Option<Format> {
    let has = |(at, signature): Signature| {
        bytes
            .get(at..)
            .is_some_and(|rest| rest.starts_with(signature))
    };
    SIGNED
        .iter()
        .find(|(signature, _)| has(*signature))
        .map(|(_, format)| *format)
        .or_else(|| boxed(bytes))
        .or_else(|| weakly_signed(bytes))
        .or_else(|| text(bytes))
}

/// The family that begins with a box of ISO 14496-12, told by its brand.
fn boxed(bytes: &[u8]) -> Option<Format> {
    let kind = bytes.get(4..8)?;
    if kind != b"ftyp" {
        return mp4::is_first_box(bytes).then_some(format(
            "a QuickTime video",
            "quicktime",
            Family::Video,
        ));
    }
    Some(match bytes.get(8..12)? {
        b"avif" | b"avis" => format("an AVIF picture", "avif", Family::Picture),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => {
            format("a HEIC picture", "heic", Family::Picture)
        }
        b"M4A " | b"M4B " | b"M4P " => format("an M4A sound", "mp4", Family::Sound),
        b"qt  " => format("a QuickTime video", "quicktime", Family::Video),
        _ => format("an MP4 video", "mp4", Family::Video),
    })
}

/// Formats whose signatures are so short that more is looked at.
fn weakly_signed(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => {
            Some(format("a BMP picture", "bmp", Family::Picture))
        }
        [0xff, second, third, ..] if second & 0xe0 == 0xe0 && third & 0xf0 != 0xf0 => {
            Some(format("an MP3 or AAC sound", "mpeg", Family::Sound))
        }
        [0x47, ..] if bytes.get(188) == Some(&0x47) => {
            Some(format("an MPEG-TS video", "mp2t", Family::Video))
        }
        _ => None,
    }
}

/// Pages and messages that are sent in the place of a file.
fn text(bytes: &[u8]) -> Option<Format> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = &start[..start.len().min(SIGNATURE_BYTES)];
    let start = start.trim_ascii_start().to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| start.starts_with(word.as_bytes()));
    let contains = |word: &str| {
        start
            .windows(word.len())
            .any(|part| part == word.as_bytes())
    };
    if begins(&["<svg"]) || begins(&["<?xml"]) && contains("<svg") {
        return Some(format("an SVG drawing", "svg+xml", Family::Other));
    }
    if begins(&["<!doctype html", "<html", "<head", "<body", "<script"]) {
        return Some(format("a web page", "html", Family::Other));
    }
    if begins(&["<?xml", "<error"]) {
        return Some(format("an XML text", "xml", Family::Other));
    }
    if begins(&["{\"", "[{", "[\""]) {
        return Some(format("a JSON text", "json", Family::Other));
    }
    None
}

/// The family that a media type such as `image/png; charset=x` names; `None` if it says nothing.
pub fn family_of_type(media_type: &str) -> Option<Family> {
    let essence = media_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    match essence.split_once('/')? {
        ("image", "svg+xml") | ("text", _) => Some(Family::Other),
        ("image", _) => Some(Family::Picture),
        ("video", _) | ("application", "mp4") => Some(Family::Video),
        ("audio", _) | ("application", "ogg") => Some(Family::Sound),
        ("application", "octet-stream" | "x-download" | "download" | "force-download") => None,
        ("application", _) => Some(Family::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_first_bytes() {
        let known: &[(&[u8], &str, Family)] = &[
            (b"\x89PNG\r\n\x1a\n\0\0", "png", Family::Picture),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", "jpeg", Family::Picture),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", "webp", Family::Picture),
            (b"GIF89a", "gif", Family::Picture),
            (b"BM\x36\0\x0c\0\0\0\0\0\x36\0\0\0", "bmp", Family::Picture),
            (b"II*\0\x08\0\0\0", "tiff", Family::Picture),
            (b"\0\0\0\x18ftypheic\0\0\0\0", "heic", Family::Picture),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "avif", Family::Picture),
            (b"\0\0\0\x18ftypisom\0\0\x02\0", "mp4", Family::Video),
            (b"\0\0\0\x14ftypqt  \0\0\0\0", "quicktime", Family::Video),
            (b"\0\0\0\x08wide\0\0\0\0mdat", "quicktime", Family::Video),
            (b"\0\0\0\x18ftypM4A \0\0\0\0", "mp4", Family::Sound),
            (b"\x1a\x45\xdf\xa3\x01", "webm", Family::Video),
            (b"RIFF\x01\x02\x03\x04WAVEfmt ", "wav", Family::Sound),
            (b"ID3\x03", "mpeg", Family::Sound),
            (b"\xff\xfb\x90\x64", "mpeg", Family::Sound),
            (b"\n <!DOCTYPE HTML><html>", "html", Family::Other),
            (b"<?xml version='1.0'?><Error>", "xml", Family::Other),
            (b"<?xml version='1.0'?><svg>", "svg+xml", Family::Other),
            (b"{\"error\": 1}", "json", Family::Other),
        ];
        for (bytes, subtype, family) in known {
            let format = format_of(bytes).unwrap_or_else(|| panic!("{subtype} is known"));
            assert_eq!((format.subtype, format.family), (*subtype, *family));
        }
        for unknown in [
            &b""[..],
            b"\xff",
            b"hello",
            b"BM is a text",
            b"\0\0\0\0\0\0\0\0",
        ] {
            assert_eq!(format_of(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_media_type_names_a_family_or_says_nothing() {
        for (media_type, family) in [
            ("image/png", Some(Family::Picture)),
            ("IMAGE/JPEG; charset=binary", Some(Family::Picture)),
            ("video/mp4", Some(Family::Video)),
            ("audio/mpeg", Some(Family::Sound)),
            ("text/html; charset=utf-8", Some(Family::Other)),
            ("application/json", Some(Family::Other)),
            ("image/svg+xml", Some(Family::Other)),
            ("application/octet-stream", None),
            ("binary/octet-stream", None),
            ("", None),
        ] {
            assert_eq!(family_of_type(media_type), family, "{media_type}");
        }
    }
}
