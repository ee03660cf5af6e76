//! Files made by hand, box by box, and a reader that counts what it is asked for.

use super::*;

/// A box.
fn boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("small");
    [&size.to_be_bytes()[..], kind, body].concat()
}

/// A box with a 64-bit size.
fn long_boxed(kind: &[u8], body: &[u8]) -> Vec<u8> {
    let size = body.len() as u64 + 16;
    [&1_u32.to_be_bytes()[..], kind, &size.to_be_bytes(), body].concat()
}

/// Numbers of 32 bits.
fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn mvhd(scale: u32, units: u32) -> Vec<u8> {
    boxed(b"mvhd", &words(&[0, 0, 0, scale, units, 0x0001_0000]))
}

fn track(edits: Option<&[u32]>, scale: u32, units: u32) -> Vec<u8> {
    let mdhd = boxed(b"mdhd", &words(&[0, 0, 0, scale, units, 0]));
    let mdia = boxed(b"mdia", &mdhd);
    let edits = edits.map(|pieces| {
        let mut list = words(&[0, u32::try_from(pieces.len()).expect("few")]);
        for piece in pieces {
            list.extend(words(&[*piece, 0, 0x0001_0000]));
        }
        boxed(b"edts", &boxed(b"elst", &list))
    });
    boxed(b"trak", &[edits.unwrap_or_default(), mdia].concat())
}

fn ftyp() -> Vec<u8> {
    boxed(b"ftyp", b"isom\0\0\x02\0isom")
}

fn mdat(bytes: usize) -> Vec<u8> {
    boxed(b"mdat", &vec![7; bytes])
}

fn moov(boxes: &[Vec<u8>]) -> Vec<u8> {
    boxed(b"moov", &boxes.concat())
}

/// Six seconds.
fn six() -> Vec<u8> {
    moov(&[mvhd(1000, 6000), track(None, 48_000, 288_000)])
}

/// The length of `file`, and how many bytes were read for it.
fn read(file: &[u8], knows_size: bool) -> (Length, u64) {
    let mut walk = Walk::default();
    let mut bytes_read = 0;
    for _ in 0..=MOST_READS {
        match walk.step() {
            Step::Done(length) => return (length, bytes_read),
            Step::Read { from, length } => {
                let start = usize::try_from(from).map_or(file.len(), |from| from.min(file.len()));
                let length = usize::try_from(length).expect("bounded");
                let piece = &file[start..(start + length).min(file.len())];
                bytes_read += piece.len() as u64;
                walk.take(piece, knows_size.then_some(file.len() as u64));
            }
        }
    }
    panic!("the walk does not end");
}

/// The length of `file`, which must be the same whether its size is known or not.
fn length(parts: &[Vec<u8>]) -> Length {
    let file = parts.concat();
    let (known, _) = read(&file, true);
    assert_eq!(read(&file, false).0, known, "without the size");
    known
}

const fn seconds(millis: u64) -> Length {
    Length::Known(Duration::from_millis(millis))
}

#[test]
fn an_index_at_the_front_is_read_at_once() {
    let file = [ftyp(), six(), mdat(5_000_000)].concat();
    assert_eq!(read(&file, true), (seconds(6000), CHUNK));
}

#[test]
fn an_index_at_the_end_is_found_without_reading_the_video() {
    let file = [ftyp(), boxed(b"free", &[]), mdat(5_000_000), six()].concat();
    let (length, bytes) = read(&file, true);
    assert_eq!(length, seconds(6000));
    assert!(bytes < 2 * CHUNK, "{bytes}");
    assert_eq!(read(&file, false).0, length);
}

#[test]
fn an_index_larger_than_a_piece_is_read_whole() {
    let tables = boxed(b"udta", &vec![0; 300_000]);
    let parts = [ftyp(), moov(&[tables, mvhd(600, 5100)]), mdat(9)];
    assert_eq!(length(&parts), seconds(8500));
}

#[test]
fn sizes_of_64_bits_and_times_of_64_bits_are_read() {
    let long_mvhd = [
        words(&[0x0100_0000, 0, 0, 0, 0, 90_000]),
        (90_000_u64 * 7).to_be_bytes().to_vec(),
    ];
    let index = long_boxed(b"moov", &boxed(b"mvhd", &long_mvhd.concat()));
    assert_eq!(
        length(&[ftyp(), long_boxed(b"mdat", &vec![0; 200_000]), index]),
        seconds(7000)
    );
}

#[test]
fn a_box_of_size_zero_reaches_to_the_end() {
    let mut last = six();
    last[..4].copy_from_slice(&[0; 4]);
    assert_eq!(length(&[ftyp(), mdat(100), last]), seconds(6000));
    let mut endless = mdat(100);
    endless[..4].copy_from_slice(&[0; 4]);
    assert_eq!(
        length(&[ftyp(), endless, six()]),
        Length::Unknown(Why::NoIndex)
    );
}

#[test]
fn an_edit_list_says_what_is_shown() {
    let cut = |stated| moov(&[mvhd(1000, stated), track(Some(&[1000, 3500]), 1000, 20_000)]);
    assert_eq!(length(&[ftyp(), cut(4500)]), seconds(4500));
    assert_eq!(length(&[ftyp(), cut(0)]), seconds(4500));
    assert_eq!(length(&[ftyp(), cut(u32::MAX)]), seconds(4500));
    let empty = moov(&[mvhd(1000, 0), track(Some(&[0]), 1000, 5000)]);
    assert_eq!(length(&[ftyp(), empty]), seconds(5000));
}

#[test]
fn two_lengths_in_one_index_are_no_length() {
    let index = moov(&[mvhd(1000, 14_000), track(None, 1000, 40_000)]);
    assert_eq!(length(&[ftyp(), index]), Length::Unknown(Why::Unclear));
    for silent in [
        moov(&[]),
        moov(&[mvhd(1000, 0)]),
        moov(&[mvhd(0, 5000)]),
        boxed(b"moov", b"short"),
    ] {
        assert_eq!(length(&[ftyp(), silent]), Length::Unknown(Why::Unclear));
    }
}

fn fragment() -> Vec<u8> {
    [boxed(b"moof", &[0; 40]), mdat(500)].concat()
}

fn fragmented(extends: &[u8]) -> Vec<u8> {
    moov(&[mvhd(1000, 1000), boxed(b"mvex", extends)])
}

#[test]
fn a_fragmented_file_is_as_long_as_it_states_for_the_whole() {
    let whole = fragmented(&boxed(b"mehd", &words(&[0, 9000])));
    assert_eq!(length(&[ftyp(), whole, fragment()]), seconds(9000));
    let silent = fragmented(&[]);
    assert_eq!(
        length(&[ftyp(), silent, fragment(), fragment()]),
        Length::Unknown(Why::Fragmented)
    );
}

#[test]
fn a_list_of_segments_counts_if_it_lists_the_whole_file() {
    let segment = fragment();
    let size = u32::try_from(segment.len()).expect("small");
    let list = |pieces: &[(u32, u32)]| {
        let mut body = words(&[0, 1, 1000, 0, 0, u32::try_from(pieces.len()).expect("few")]);
        for (bytes, units) in pieces {
            body.extend(words(&[*bytes, *units, 0]));
        }
        boxed(b"sidx", &body)
    };
    let file = |list: Vec<u8>| {
        [
            ftyp(),
            fragmented(&[]),
            list,
            segment.clone(),
            segment.clone(),
        ]
        .concat()
    };
    let whole = file(list(&[(size, 3000), (size, 2500)]));
    assert_eq!(read(&whole, true).0, seconds(5500));
    let only_the_first = file(list(&[(size, 3000)]));
    let mut later = only_the_first.clone();
    later.extend(mdat(20_000));
    assert_eq!(read(&later, true).0, Length::Unknown(Why::Fragmented));
}

#[test]
fn what_is_no_video_of_this_kind_is_not_walked() {
    for other in [
        &b"<!DOCTYPE html><html></html>"[..],
        b"\x1a\x45\xdf\xa3 webm",
        b"\0\0\0\x08what",
    ] {
        let mut file = other.to_vec();
        file.resize(200_000, b' ');
        assert_eq!(read(&file, true), (Length::Unknown(Why::NotMp4), CHUNK));
    }
    for short in [&b""[..], b"\0\0", b"\0\0\0\x08"] {
        assert_eq!(read(short, true).0, Length::Unknown(Why::NoIndex));
    }
}

#[test]
fn impossible_sizes_and_endless_boxes_end_the_walk() {
    let impossible = [0, 0, 0, 4, b'f', b'r', b'e', b'e'].to_vec();
    assert_eq!(length(&[ftyp(), impossible]), Length::Unknown(Why::Broken));
    let mut reaching = mdat(100);
    reaching[..4].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(
        read(&[ftyp(), reaching].concat(), true).0,
        Length::Unknown(Why::CutShort)
    );
    let scattered: Vec<Vec<u8>> = (0..100).map(|_| mdat(100_000)).collect();
    assert_eq!(length(&scattered), Length::Unknown(Why::Scattered));
    let huge = boxed(b"moov", &vec![0; 9 * 1024 * 1024]);
    assert_eq!(length(&[ftyp(), huge]), Length::Unknown(Why::LargeIndex));
}

#[test]
fn a_file_cut_at_any_byte_never_panics_and_never_lies() {
    let file = [ftyp(), six(), mdat(300)].concat();
    let index_end = ftyp().len() + six().len();
    for end in 0..file.len() {
        let (length, _) = read(&file[..end], true);
        assert_eq!(length == seconds(6000), end >= index_end, "cut at {end}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_come_to_an_end(
        start in proptest::collection::vec(0_u8..4, 0..200),
        at in 0_usize..100,
        byte: u8,
    ) {
        let mut file = [ftyp(), six(), fragment()].concat();
        let at = at % file.len();
        file[at] = byte;
        read(&file, true);
        read(&file, false);
        read(&start, true);
        read(&[ftyp(), start].concat(), false);
    }
}
