//! Which addresses of media the provider can fetch: http(s) URLs, and `data:` URLs for pictures. Start at
//! [`refusal`]. Knows texts only; nothing is fetched.

use url::Url;

use super::values::shown;

/// Why an address is refused, and how to mend it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
}

/// What is wrong with the address `text` in the field `name`, if anything.
pub(super) fn refusal(name: &str, text: &str) -> Option<Refusal> {
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
            "write a list, in YAML `[\"https://…\", \"https://…\"]`, in a table cell with `|` between the addresses",
        )
    })
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

/// A `data:` URL must be `data:image/<type>;base64,<base64>`.
fn data_refusal(text: &str) -> Option<Refusal> {
    let refuse = |what: &str| {
        Some(Refusal {
            code: "bad-data-url",
            message: format!("`{}` {what}", shown(text)),
            help: "write `data:image/png;base64,` and the picture in base64 without line breaks, or an https URL"
                .to_owned(),
        })
    };
    let Some((head, body)) = text.split_once(',') else {
        return refuse("has no `,` between the type and the picture");
    };
    let head = head.to_ascii_lowercase();
    if !head.starts_with("data:image/") || head.len() == "data:image/;base64".len() {
        return refuse("is not a picture: it does not start with `data:image/`");
    }
    if !head.ends_with(";base64") || head.contains(char::is_whitespace) {
        return refuse("is not in base64: `;base64` is missing before the comma");
    }
    let digits = body.trim_end_matches('=');
    if digits.is_empty() || body.len() - digits.len() > 2 {
        return refuse("has no picture after the comma, or too many `=`");
    }
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    match digits
        .chars()
        .find(|c| !u8::try_from(*c).is_ok_and(is_base64))
    {
        Some(stranger) => refuse(&format!(
            "contains `{}`, which is not base64",
            stranger.escape_debug()
        )),
        None => None,
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
            "data:image/svg+xml;base64,PHN2Zz4",
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
    fn an_address_without_scheme_is_shown_with_one() {
        let refusal = refusal("image", "example.com/a.png").expect("no scheme");
        assert_eq!(refusal.help, "write `https://example.com/a.png`");
    }
}
