//! Addresses of web pages where people look at a file, which are often copied in place of the file's own. Start at
//! [`page`]. Knows well-known sites only; nothing is fetched.

use url::Url;

/// The site whose page `text` is the address of, and not a file's.
pub(in crate::manifest) fn page(text: &str) -> Option<&'static str> {
    let lower = text.get(..4)?.to_ascii_lowercase();
    if lower != "http" {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let host = host.strip_prefix("m.").unwrap_or(host);
    let (path, query) = (url.path(), url.query().unwrap_or_default());
    let begins = |starts: &[&str]| starts.iter().any(|start| path.starts_with(start));
    match host {
        "drive.google.com" if begins(&["/file/", "/drive/", "/open"]) => Some("Google Drive"),
        "docs.google.com"
            if begins(&["/document/", "/presentation/", "/spreadsheets/", "/file/"]) =>
        {
            Some("Google Docs")
        }
        "photos.google.com" | "photos.app.goo.gl" => Some("Google Photos"),
        "youtube.com" if begins(&["/watch", "/shorts/", "/embed/"]) => Some("YouTube"),
        "youtu.be" => Some("YouTube"),
        "vimeo.com" if path[1..].starts_with(|it: char| it.is_ascii_digit()) => Some("Vimeo"),
        "dropbox.com" if begins(&["/s/", "/scl/", "/sh/"]) && query.contains("dl=0") => {
            Some("Dropbox")
        }
        "1drv.ms" | "onedrive.live.com" => Some("OneDrive"),
        "we.tl" | "wetransfer.com" => Some("WeTransfer"),
        "icloud.com" | "share.icloud.com" => Some("iCloud"),
        "instagram.com" if begins(&["/p/", "/reel/"]) => Some("Instagram"),
        "bilibili.com" if begins(&["/video/"]) => Some("Bilibili"),
        "pan.baidu.com" => Some("Baidu"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_from_files() {
        for (text, site) in [
            (
                "https://drive.google.com/file/d/1/view",
                Some("Google Drive"),
            ),
            ("https://drive.google.com/uc?export=download&id=1", None),
            ("https://www.youtube.com/watch?v=1", Some("YouTube")),
            ("https://youtu.be/1", Some("YouTube")),
            ("https://vimeo.com/123", Some("Vimeo")),
            ("https://vimeo.com/", None),
            ("https://www.dropbox.com/s/1/a.png?dl=0", Some("Dropbox")),
            ("https://www.dropbox.com/s/1/a.png?dl=1", None),
            ("https://example.com/watch", None),
            ("HTTPS://YOUTU.BE/1", Some("YouTube")),
            ("data:image/png;base64,AAAA", None),
            ("", None),
        ] {
            assert_eq!(page(text), site, "{text}");
        }
    }
}
