//! What there is to fetch: three small playable videos, one a shape, and one picture. Answers ranges, so that a
//! broken download can be resumed.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode, header};

use crate::plan::AspectRatio;

/// A picture for every `return_last_frame`.
pub(super) const FRAME: &[u8] = include_bytes!("media/frame.png");

/// The video of that shape: two seconds, H.264, index before the picture data.
pub(super) fn clip(shape: AspectRatio) -> &'static [u8] {
    match shape {
        AspectRatio::Portrait => include_bytes!("media/portrait.mp4"),
        AspectRatio::Square => include_bytes!("media/square.mp4"),
        AspectRatio::Landscape => include_bytes!("media/landscape.mp4"),
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// From the first of these bytes to before the second.
    Bytes(usize, usize),
    Impossible,
}

/// What is to be sent of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Excerpt {
    pub(super) status: StatusCode,
    /// `Content-Range`, where a part is sent.
    told: Option<String>,
    pub(super) from: usize,
    pub(super) body: &'static [u8],
    /// `ETag`
    version: String,
}

/// What of `content` these headers ask for: a part is sent only of the version that `If-Range` names.
pub(super) fn excerpt(content: &'static [u8], headers: &HeaderMap) -> Excerpt {
    let version = format!("\"{:08x}\"", crc32fast::hash(content));
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_same = text(header::IF_RANGE).is_none_or(|wanted| wanted == version);
    let range = text(header::RANGE).filter(|_| is_same);
    let length = content.len();
    let (status, told, from, body) = match range.map_or(Part::Whole, |range| part(range, length)) {
        Part::Whole => (StatusCode::OK, None, 0, content),
        Part::Bytes(from, to) => (
            StatusCode::PARTIAL_CONTENT,
            Some(format!("bytes {from}-{}/{length}", to - 1)),
            from,
            &content[from..to],
        ),
        Part::Impossible => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            Some(format!("bytes */{length}")),
            length,
            &content[..0],
        ),
    };
    Excerpt {
        status,
        told,
        from,
        body,
        version,
    }
}

impl Excerpt {
    /// The answer whose body this is, or some way to send it.
    pub(super) fn answer(&self, media_type: &'static str, body: Body) -> Response<Body> {
        let mut response = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, media_type)
            .header(header::CONTENT_LENGTH, self.body.len())
            .header(header::ETAG, &self.version)
            .header(header::ACCEPT_RANGES, "bytes");
        if let Some(told) = &self.told {
            response = response.header(header::CONTENT_RANGE, told);
        }
        response.body(body).expect("every header above is valid")
    }
}

/// Sends `content`, or the part of it that `headers` ask for.
pub(super) fn send(
    content: &'static [u8],
    media_type: &'static str,
    headers: &HeaderMap,
) -> Response<Body> {
    let excerpt = excerpt(content, headers);
    excerpt.answer(media_type, Body::from(excerpt.body))
}

/// Reads a range of one part; whatever else it may be asks for the whole, as servers are free to answer.
fn part(range: &str, length: usize) -> Part {
    let Some((from, to)) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Part::Whole;
    };
    let number = |text: &str| text.parse::<usize>().ok();
    match (number(from), number(to)) {
        (Some(from), to) if to.is_some() || range.ends_with('-') => {
            let to = to.map_or(length, |to| to.saturating_add(1).min(length));
            if from < to {
                Part::Bytes(from, to)
            } else {
                Part::Impossible
            }
        }
        (None, Some(0)) if from.is_empty() => Part::Impossible,
        (None, Some(last)) if from.is_empty() => Part::Bytes(length.saturating_sub(last), length),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The top boxes of an MP4 file, in order.
    fn boxes(mut file: &[u8]) -> Vec<String> {
        let mut names = Vec::new();
        while let Some((head, _)) = file.split_at_checked(8) {
            let size = u32::from_be_bytes(head[..4].try_into().expect("four bytes")) as usize;
            names.push(String::from_utf8_lossy(&head[4..]).into_owned());
            file = &file[size..];
        }
        assert!(file.is_empty(), "the boxes fill the file");
        names
    }

    #[test]
    fn every_clip_is_an_mp4_whose_index_comes_before_its_pictures() {
        for shape in AspectRatio::ALL {
            let clip = clip(*shape);
            assert_eq!(boxes(clip), ["ftyp", "moov", "free", "mdat"], "{shape}");
            assert!(clip.len() < 4096, "{shape}: {}", clip.len());
        }
    }

    #[test]
    fn a_range_is_read_as_the_standard_says() {
        for (range, expected) in [
            ("bytes=0-9", Part::Bytes(0, 10)),
            ("bytes=90-", Part::Bytes(90, 100)),
            ("bytes=90-500", Part::Bytes(90, 100)),
            ("bytes=-10", Part::Bytes(90, 100)),
            ("bytes=-500", Part::Bytes(0, 100)),
            ("bytes=100-", Part::Impossible),
            ("bytes=-0", Part::Impossible),
            ("bytes=0-1,5-6", Part::Whole),
            ("lines=0-1", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=-", Part::Whole),
        ] {
            assert_eq!(part(range, 100), expected, "{range}");
        }
    }
}
