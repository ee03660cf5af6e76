//! Whether a picture is whole, by how pictures of its format end. Start at [`is_whole`].

use std::io;

/// Bytes before the end in which the end mark of a picture stands; some programs write a little behind it.
const END: u64 = 4096;

/// Whether a picture of `size` bytes, in a file with this `extension`, has its end; `read` gives that many bytes from a
/// place on. Of a format that does not tell, it is taken to be whole.
pub fn is_whole(
    extension: &str,
    size: u64,
    read: impl Fn(u64, usize) -> io::Result<Vec<u8>>,
) -> io::Result<bool> {
    let from = size.saturating_sub(END);
    let end = || read(from, usize::try_from(size - from).unwrap_or_default());
    Ok(match extension {
        "png" => has(&end()?, b"IEND"),
        "jpg" => has(&end()?, b"\xff\xd9"),
        "webp" => match read(4, 4)?.first_chunk() {
            Some(length) => u64::from(u32::from_le_bytes(*length)) + 8 <= size,
            None => false,
        },
        _ => true,
    })
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|some| some == mark)
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
        let png = picture(b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xae\x42\x60\x82");
        let jpeg = picture(b"\xff\xd8\xff\xe0", b"\xff\xd9\0\0");
        let webp = picture(b"RIFF\x30\x23\0\0WEBPVP8 ", b"");
        for (extension, whole) in [("png", png), ("jpg", jpeg), ("webp", webp)] {
            assert!(is_whole_of(extension, &whole), "{extension}");
            assert!(
                !is_whole_of(extension, &whole[..whole.len() - 20]),
                "{extension}"
            );
        }
        assert!(is_whole_of("webm", &body));
    }
}
