//! Which addresses of media the provider can fetch: http(s) URLs, and `data:` URLs for pictures. Start at
//! [`refusal`]. Knows texts only; nothing is fetched.

mod pages;
mod repair;

pub(super) use self::pages::page;
pub(super) use self::repair::several;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

use super::values::shown;
use crate::media::{self, Family};

/// Why an address is refused, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

/// What is wrong with the address `text` in the field `name`, if anything, and what was probably meant.
pub(super) fn refusal(name: &str, text: &str) -> Option<Refusal> {
    let found = refused(name, text)?;
    let better =
        repair::repaired(text).filter(|better| better != text && refused(name, better).is_none());
    Some(match better {
        Some(better) => Refusal {
            code: "bad-url",
            message: match found.code {
                "local-path" => format!("`{}` is not a URL", shown(text)),
                _ => found.message,
            },
            help: format!("write `{}`", crate::text::clean(&better, 500)),
        },
        None => found,
    })
}

fn refused(name: &str, text: &str) -> Option<Refusal> {
    let takes_data = !matches!(name, "videos" | "audios" | "url");
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if text.trim().is_empty() {
        return Some(bad(
            "the address is empty".to_owned(),
            "write an http(s) URL",
        ));
    }
    if lower.starts_with("data:") {
        return if takes_data {
            data_refusal(text)
        } else {
            Some(bad(
                format!("`data:` is only taken for pictures, not in `{name}`"),
                UPLOAD,
            ))
        };
    }
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return several_addresses(text)
            .or_else(|| scheme_twice(text))
            .or_else(|| mark_behind(text))
            .or_else(|| words_behind(text))
            .or_else(|| forbidden_character(text))
            .or_else(|| unparsable(text));
    }
    Some(not_http(text))
}

const UPLOAD: &str = "the API takes URLs: upload the file and give its address, `https://…`";

fn bad(message: String, help: &str) -> Refusal {
    Refusal {
        code: "bad-url",
        message,
        help: help.to_owned(),
    }
}

/// Two addresses in the place of one.
fn several_addresses(text: &str) -> Option<Refusal> {
    let lower = text.to_ascii_lowercase();
    let second = lower.match_indices("http").skip(1).find(|(at, _)| {
        let scheme = &lower[*at..];
        (scheme.starts_with("http://") || scheme.starts_with("https://"))
            && lower[..*at].ends_with(|before: char| {
                before.is_whitespace() || matches!(before, ',' | ';' | '|' | '，' | '；' | '、')
            })
    });
    second.map(|_| {
        bad(
            format!("`{}` is more than one address", shown(text)),
            "this takes one address; a list of reference pictures is `images`: in YAML `[\"https://…\", \"https://…\"]`, in a table cell with `|` between them",
        )
    })
}

/// `https://https://…`, which is an address at the computer `https`.
fn scheme_twice(text: &str) -> Option<Refusal> {
    let (_, rest) = text.split_once("://")?;
    let lower = rest.get(..8).unwrap_or(rest).to_ascii_lowercase();
    let is_twice = ["http:/", "https:/", "http//", "https//"]
        .iter()
        .any(|scheme| lower.starts_with(scheme));
    is_twice.then(|| {
        bad(
            format!("`{}` begins with two schemes", shown(text)),
            "write `https://` once",
        )
    })
}

/// A comma or full stop that stood behind the address where it was copied from.
fn mark_behind(text: &str) -> Option<Refusal> {
    let address = text.trim_end_matches([',', ';', '.']);
    let mark = text[address.len()..].chars().next()?;
    let has_ending = address
        .rsplit_once(['.', '/'])
        .is_some_and(|(_, end)| is_ending(end));
    has_ending.then(|| {
        bad(
            format!("`{}` ends with a `{mark}`", shown(text)),
            "take it out",
        )
    })
}

/// A remark behind the address, as in `https://example.com/walk.mp4 (4s)`.
fn words_behind(text: &str) -> Option<Refusal> {
    let (address, behind) = text.trim_end().split_once(char::is_whitespace)?;
    let path = address.split(['?', '#']).next()?;
    let (_, ending) = path
        .split_once("://")?
        .1
        .rsplit_once('/')?
        .1
        .rsplit_once('.')?;
    let is_whole = is_ending(ending) && !behind.contains('/') && unparsable(address).is_none();
    is_whole.then(|| {
        bad(
            format!(
                "`{}` stands behind the address `{}`",
                shown(behind.trim()),
                shown(address)
            ),
            "take it out, if it is a remark; a space that belongs to the address is written as `%20`",
        )
    })
}

/// Whether a text is what names of files end with, such as `png`.
fn is_ending(text: &str) -> bool {
    (2..=5).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric())
}

fn forbidden_character(text: &str) -> Option<Refusal> {
    let found = text.chars().find(|c| {
        c.is_whitespace() || crate::text::is_unsafe(*c) || matches!(c, '\\' | '<' | '>' | '"')
    })?;
    let (what, help) = match found {
        ' ' if text.trim() != text => ("a space at its start or end", "take the space out"),
        ' ' => ("a space", "write a space within an address as `%20`"),
        '\n' | '\r' => ("a line break", "write the address on one line"),
        '\t' => ("a tab", "take the tab out"),
        '\\' => ("a backslash", "write `/` instead of `\\`"),
        '<' | '>' | '"' => (
            "a character that belongs around an address",
            "take quotes and angle brackets out",
        ),
        _ => (
            "an invisible character",
            "type the address again, or copy it from another place",
        ),
    };
    Some(bad(
        format!("the address `{}` contains {what}", shown(text)),
        help,
    ))
}

fn unparsable(text: &str) -> Option<Refusal> {
    // The URL standard forgives extra slashes; the provider's client may not.
    let no_host = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.starts_with('/'));
    let error = match Url::parse(text) {
        Ok(_) if no_host => url::ParseError::EmptyHost,
        Ok(_) => return None,
        Err(error) => error,
    };
    Some(bad(
        format!("`{}` is not a URL: {error}", shown(text)),
        "write a whole address, such as `https://example.com/picture.png`",
    ))
}

/// Largest picture that is taken in a `data:` address, in bytes. The API page states no limit; nine pictures of this size
/// are what still fits the 128 MB that gateways take as one request.
const DATA_LIMIT: usize = 10 * 1024 * 1024;

/// The kinds of picture that a `data:` address may hold, as written after `image/`.
pub(super) const DATA_KINDS: &[&str] = &[
    "png", "jpeg", "jpg", "webp", "gif", "bmp", "tiff", "heic", "heif", "avif",
];

/// A `data:` URL must be `data:image/<kind>;base64,<base64>`, and the picture of that kind.
fn data_refusal(text: &str) -> Option<Refusal> {
    let refuse = |what: &str| Some(bad_data(text, "bad-data-url", what, DATA_FORM));
    let Some((head, body)) = text.split_once(',') else {
        return refuse("has no `,` between the type and the picture");
    };
    let head = head.to_ascii_lowercase();
    let Some(kind) = head.strip_prefix("data:image/").map(until_semicolon) else {
        return refuse("is not a picture: it does not start with `data:image/`");
    };
    if !head.ends_with(";base64") || head.contains(char::is_whitespace) {
        return refuse("is not in base64: `;base64` is missing before the comma");
    }
    if !DATA_KINDS.contains(&kind) {
        return refuse(&format!(
            "is `image/{}`, which is none of the kinds png, jpeg, webp, gif, bmp, tiff, heic and avif",
            shown(kind)
        ));
    }
    let size = body.trim_end_matches('=').len() / 4 * 3;
    if size > DATA_LIMIT {
        let what = format!("is a picture of {} MiB in the request itself", size >> 20);
        let help = "keep it to 10 MiB, or better upload it and give its address, `https://…`: it is sent with every \
                    create request, and gateways refuse large ones";
        return Some(bad_data(text, "data-url-too-large", &what, help));
    }
    not_base64(body)
        .and_then(|what| refuse(&what))
        .or_else(|| not_that_picture(text, kind, body))
}

const DATA_FORM: &str =
    "write `data:image/png;base64,` and the picture in base64 without line breaks, or an https URL";

fn bad_data(text: &str, code: &'static str, what: &str, help: &str) -> Refusal {
    Refusal {
        code,
        message: format!("`{}` {what}", shown(text)),
        help: help.to_owned(),
    }
}

fn until_semicolon(text: &str) -> &str {
    text.split(';').next().unwrap_or(text)
}

/// Which bytes are digits of base64: a table, as a picture has millions of them.
const BASE64_DIGITS: [bool; 256] = {
    let mut digits = [false; 256];
    let mut byte = 0_u8;
    while byte < u8::MAX {
        digits[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        byte += 1;
    }
    digits
};

/// Why `body` is not base64 with its padding, if it is not.
fn not_base64(body: &str) -> Option<String> {
    let digits = body.trim_end_matches('=');
    let padding = body.len() - digits.len();
    if digits.is_empty() || padding > 2 {
        return Some("has no picture after the comma, or too many `=`".to_owned());
    }
    let is_base64 = |byte: &u8| BASE64_DIGITS[usize::from(*byte)];
    // Up to the first that is none, all of them are ASCII.
    let stranger = digits.bytes().position(|byte| !is_base64(&byte));
    if let Some(stranger) = stranger.and_then(|at| digits[at..].chars().next()) {
        return Some(format!(
            "contains `{}`, which is not base64",
            stranger.escape_debug()
        ));
    }
    (!body.len().is_multiple_of(4)).then(|| {
        "is cut short: base64 comes in groups of four, the last one filled up with `=` \
         (a cell of a spreadsheet holds 32,767 characters and loses the rest)"
            .to_owned()
    })
}

/// As providers decode: unused bits at the end may be anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A picture that is not what is written before it, told by its first bytes.
fn not_that_picture(text: &str, kind: &str, body: &str) -> Option<Refusal> {
    let start = &body[..body.len().min(4 * 128)];
    let bytes = BASE64.decode(start).ok();
    let written = match kind {
        "jpg" => "jpeg",
        "heif" => "heic",
        other => other,
    };
    let code = "data-url-mismatch";
    match bytes.as_deref().and_then(media::format_of) {
        Some(format) if format.family == Family::Picture && format.subtype == written => None,
        Some(format) if format.family == Family::Picture => Some(bad_data(
            text,
            code,
            &format!("says `image/{kind}`, but it is {}", format.name),
            &format!("write `data:image/{};base64,` before it", format.subtype),
        )),
        Some(format) => Some(bad_data(
            text,
            code,
            &format!("is not a picture but {}", format.name),
            "encode the picture itself in base64",
        )),
        None => Some(bad_data(
            text,
            code,
            &format!("says `image/{kind}`, but does not begin as such a picture does"),
            "encode the picture file itself in base64, once",
        )),
    }
}

/// Something else in the place of an address: a file, an address without scheme, or another scheme.
fn not_http(text: &str) -> Refusal {
    let around =
        |c: char| c.is_whitespace() || matches!(c, '<' | '(' | '[' | '"' | '\'' | '“' | '‘');
    let address = text.trim_start_matches(around).to_ascii_lowercase();
    if address.starts_with("http://") || address.starts_with("https://") {
        return bad(
            format!("`{}` has something before the address", shown(text)),
            "take blanks, quotes and brackets around the address out",
        );
    }
    if let Some(rest) = text.strip_prefix("//") {
        return bad(
            format!("`{}` has no scheme", shown(text)),
            &format!("write `https://{}`", shown(rest)),
        );
    }
    if let Some(scheme) = scheme(text) {
        return if scheme == "file" {
            local(text)
        } else {
            bad(
                format!("`{}` is not an http(s) URL", shown(text)),
                &format!(
                    "the API fetches http and https only, not `{}:`; upload the file where it has an address like `https://…`",
                    shown(scheme)
                ),
            )
        };
    }
    if starts_with_a_host(text) {
        return bad(
            format!("`{}` has no scheme", shown(text)),
            &format!("write `https://{}`", shown(text)),
        );
    }
    if is_path(text) {
        return local(text);
    }
    bad(
        format!("`{}` is not a URL", shown(text)),
        "write a whole address, such as `https://example.com/picture.png`",
    )
}

fn local(text: &str) -> Refusal {
    Refusal {
        code: "local-path",
        message: format!(
            "`{}` is a file on this machine, which the provider cannot read",
            shown(text)
        ),
        help: UPLOAD.to_owned(),
    }
}

/// `s3` of `s3://…`; a Windows drive letter is none.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    if rest.starts_with(|first: char| first.is_ascii_digit()) {
        return None; // a port
    }
    let mut characters = scheme.chars();
    let named = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && characters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    (named && scheme.len() > 1 && !scheme.contains('.')).then_some(scheme)
}

/// `example.com/a.png`, `www.example.com`, `localhost:8080/a.png`: a host name before the first slash.
fn starts_with_a_host(text: &str) -> bool {
    let (host, has_path) = match text.split_once('/') {
        Some((host, _)) => (host, true),
        None => (text, false),
    };
    let host = host.split(':').next().unwrap_or(host);
    if host == "localhost" {
        return true;
    }
    let well_formed = host.contains('.')
        && !host.starts_with('.')
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let top = host.rsplit('.').next().unwrap_or_default();
    well_formed
        && (has_path || host.starts_with("www."))
        && top.len() >= 2
        && top.chars().all(|c| c.is_ascii_alphabetic())
}

fn is_path(text: &str) -> bool {
    let drive =
        text.chars().nth(1) == Some(':') && text.starts_with(|c: char| c.is_ascii_alphabetic());
    let extension = text.rsplit_once('.').is_some_and(|(_, extension)| {
        (1..=5).contains(&extension.len()) && extension.chars().all(char::is_alphanumeric)
    });
    drive || extension || text.contains(['/', '\\']) || text.starts_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(name: &str, text: &str) -> Option<&'static str> {
        refusal(name, text).map(|refusal| refusal.code)
    }

    #[test]
    fn addresses_that_a_provider_can_fetch_are_taken() {
        let good = [
            "https://example.com/a.png",
            "HTTP://EXAMPLE.COM/a.png",
            "https://user:pw@example.com:8443/a%20b.png?x=1&y=2#top",
            "https://例え.jp/图片.png",
            "http://127.0.0.1:8080/a.png",
            "https://[2001:db8::1]/a.png",
            "https://cdn.example.com/fit/https://example.com/a.png",
            "https://example.com/a,b.png",
            "data:image/png;base64,iVBORw0KGgo=",
            "data:image/png;name=a.png;base64,iVBORw0KGgo=",
            "data:image/jpg;base64,/9j/4AAQ",
            "data:image/jpeg;base64,/9j/4AAQ",
            "DATA:image/GIF;BASE64,R0lGODlh",
        ];
        for text in good {
            assert_eq!(refusal("image", text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_http_address_is_refused() {
        let bad = [
            "",
            "  ",
            "https://",
            "http:///a.png",
            "https:example.com/a.png",
            "https://exa mple.com/a.png",
            "https://example.com/a b.png",
            " https://example.com/a.png",
            "https://example.com/a.png\n",
            "https://example.com\\a.png",
            "<https://example.com/a.png>",
            "\"https://example.com/a.png\"",
            "https://example.com/a.png,https://example.com/b.png",
            "https://example.com/a.png | https://example.com/b.png",
            "ftp://example.com/a.png",
            "s3://bucket/a.png",
            "example.com/a.png",
            "www.example.com",
            "//example.com/a.png",
            "https://example.com:99999/a.png",
            "https://example.com/\u{200b}a.png",
            "picture",
            "localhost:8080/a.png",
            "asset://abc",
        ];
        for text in bad {
            assert_eq!(code("image", text), Some("bad-url"), "{text}");
        }
    }

    #[test]
    fn a_remark_behind_an_address_is_told_from_a_space_in_it() {
        let told = |text| refusal("image", text).expect("refused").message;
        for text in [
            "https://example.com/walk.mp4 (4s)",
            "https://example.com/a.png ; merci",
            "https://example.com/a.png?sig=1 提取码：x8k2",
        ] {
            assert!(told(text).contains("stands behind"), "{text}");
        }
        for text in [
            "https://example.com/my pictures/a.png",
            "https://example.com/a b.png",
        ] {
            assert!(told(text).contains("contains a space"), "{text}");
        }
    }

    #[test]
    fn a_local_file_is_told_to_be_uploaded() {
        let local = [
            "/pictures/a.png",
            "./a.png",
            "../a.png",
            "~/a.png",
            "a.png",
            "shots/a.png",
            "C:\\pictures\\a.png",
            "C:/pictures/my a.png",
            "file:///pictures/a.png",
            "\\\\server\\share\\a.png",
            "图片/一.png",
        ];
        for text in local {
            let refusal = refusal("images", text).expect(text);
            assert_eq!(refusal.code, "local-path", "{text}");
            assert!(refusal.help.contains("upload the file"));
        }
    }

    #[test]
    fn data_addresses_must_be_pictures_in_base64() {
        let bad = [
            "data:",
            "data:image/png;base64",
            "data:image/png;base64,",
            "data:image/png,abc",
            "data:video/mp4;base64,AAAA",
            "data:image/;base64,AAAA",
            "data:image/png;base64,AA AA",
            "data:image/png;base64,AA\nAA",
            "data:image/png;base64,AAA====",
            "data:text/plain;base64,AAAA",
            "data:image/png;base64,AA==AA",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:image/png;base64,iVBORw0KGgo",
            "data:image/png;base64,iVBOR",
            "data:image/png;base64,iVBORw0KGg-_",
        ];
        for text in bad {
            assert_eq!(code("image", text), Some("bad-data-url"), "{text}");
        }
        assert_eq!(
            code("videos", "data:video/mp4;base64,AAAA"),
            Some("bad-url")
        );
    }

    #[test]
    fn a_data_address_must_hold_the_picture_that_it_names() {
        for (text, words) in [
            ("data:image/png;base64,/9j/4AAQ", "it is a JPEG picture"),
            (
                "data:image/png;base64,PCFET0NUWVBFIGh0bWw+",
                "but a web page",
            ),
            ("data:image/png;base64,aGVsbG8h", "does not begin as such"),
            ("data:image/jpeg;base64,AAAA", "does not begin as such"),
        ] {
            let refusal = refusal("image", text).expect(text);
            assert_eq!(refusal.code, "data-url-mismatch", "{text}");
            assert!(refusal.message.contains(words), "{}", refusal.message);
        }
    }

    #[test]
    fn a_picture_of_more_than_ten_mebibytes_is_not_taken_in_an_address() {
        let of = |bytes: usize| {
            let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &vec![0; bytes - 8]].concat();
            let text = base64::engine::general_purpose::STANDARD.encode(picture);
            code("image", &format!("data:image/png;base64,{text}"))
        };
        assert_eq!(of(DATA_LIMIT), None);
        assert_eq!(of(DATA_LIMIT + 6), Some("data-url-too-large"));
    }

    #[test]
    fn an_address_without_scheme_is_shown_with_one() {
        let refusal = refusal("image", "example.com/a.png").expect("no scheme");
        assert_eq!(refusal.help, "write `https://example.com/a.png`");
    }
}
