//! Whether a picture is whole, by how pictures of its format end. Start at [`is_whole`].

use std::io;

/// Bytes before the end of a JPEG in which its end mark stands; some programs write something behind it.
const END: u64 = 64 * 1024;

/// Most chunks of a PNG that are walked through.
const MOST_CHUNKS: u32 = 100_000;

/// Whether a picture of `size` bytes, in a file with this `extension`, has its end; `read` gives that many bytes from a
/// place on. Of a format that does not tell, it is taken to be whole.
pub fn is_whole(
    extension: &str,
    size: u64,
    read: impl Fn(u64, usize) -> io::Result<Vec<u8>>,
) -> io::Result<bool> {
    Ok(match extension {
        "png" => is_whole_png(size, read)?,
        "jpg" => {
            let from = size.saturating_sub(END);
            let end = read(from, usize::try_from(size - from).unwrap_or_default())?;
            end.windows(2).any(|mark| mark == b"\xff\xd9")
        }
        "webp" => match read(4, 4)?.first_chunk() {
            Some(length) => u64::from(u32::from_le_bytes(*length)) + 8 <= size,
            None => false,
        },
        _ => true,
    })
}

/// Whether the chunks lead to the last one; whatever stands behind it does not matter.
fn is_whole_png(size: u64, read: impl Fn(u64, usize) -> io::Result<Vec<u8>>) -> io::Result<bool> {
    let mut at = 8;
    for _ in 0..MOST_CHUNKS {
        let head = read(at, 8)?;
        let Some((length, kind)) = head.split_first_chunk() else {
            return Ok(false);
        };
        at += 12 + u64::from(u32::from_be_bytes(*length));
        if at > size || kind == b"IEND" {
            return Ok(at <= size);
        }
    }
    Ok(true) // it goes on and on, and nothing says that it is cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_whole_of(extension: &str, bytes: &[u8]) -> bool {
        let read = |at: u64, count: usize| {
            let from = usize::try_from(at).expect("small").min(bytes.len());
            Ok(bytes[from..bytes.len().min(from + count)].to_vec())
        };
        is_whole(extension, bytes.len() as u64, read).expect("bytes in memory")
    }

    #[test]
    fn a_picture_without_its_end_is_cut() {
        let body = [7; 9000];
        let picture = |start: &[u8], end: &[u8]| [start, &body, end].concat();
        let data = [&9000_u32.to_be_bytes()[..], b"IDAT"].concat();
        let png = picture(
            &[b"\x89PNG\r\n\x1a\n", &data[..]].concat(),
            b"crc.\0\0\0\0IEND\xae\x42\x60\x82",
        );
        let jpeg = picture(b"\xff\xd8\xff\xe0", b"\xff\xd9\0\0");
        let webp = picture(b"RIFF\x30\x23\0\0WEBPVP8 ", b"");
        for (extension, whole) in [("png", png), ("jpg", jpeg), ("webp", webp)] {
            assert!(is_whole_of(extension, &whole), "{extension}");
            assert!(
                !is_whole_of(extension, &whole[..whole.len() - 20]),
                "{extension}"
            );
        }
        let behind = [include_bytes!("../simulator/media/frame.png"), &body[..]].concat();
        assert!(
            is_whole_of("png", &behind),
            "what stands behind it is not looked at"
        );
        assert!(is_whole_of("webm", &body));
    }
}
