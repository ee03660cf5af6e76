//! What can happen to the bytes of a state file outside of shotlist: bits that flip, bytes and lines that are lost,
//! doubled or out of order, editors and programs that mean well.

/// A file that is not as it was written any more.
pub(in crate::state) struct Altered {
    /// What was done to it.
    pub(in crate::state) how: String,
    /// The first byte that differs.
    pub(in crate::state) at: usize,
    /// What it holds now.
    pub(in crate::state) bytes: Vec<u8>,
}

/// Ends of the lines of `bytes`.
pub(in crate::state) fn line_ends(bytes: &[u8]) -> Vec<usize> {
    (1..)
        .zip(bytes)
        .filter_map(|(end, byte)| (*byte == b'\n').then_some(end))
        .collect()
}

/// Every bit of `bytes[from..]` flipped, one at a time.
pub(in crate::state) fn flipped_bits(bytes: &[u8], from: usize) -> impl Iterator<Item = Altered> {
    (from..bytes.len()).flat_map(move |at| {
        (0..8).map(move |bit| {
            let mut altered = bytes.to_vec();
            altered[at] ^= 1 << bit;
            differing(bytes, altered, || format!("bit {bit} of byte {at} flipped"))
                .expect("a bit makes a difference")
        })
    })
}

/// Every byte of `bytes[from..]` lost, doubled, zeroed, or in the place of its neighbour; only what makes a difference.
pub(in crate::state) fn moved_bytes(bytes: &[u8], from: usize) -> impl Iterator<Item = Altered> {
    (from..bytes.len()).flat_map(move |at| {
        let (head, byte, rest) = (&bytes[..at], &bytes[at..=at], &bytes[at + 1..]);
        let swapped = rest
            .split_first()
            .map(|(next, rest)| [head, &[*next], byte, rest].concat());
        [
            ("lost", Some([head, rest].concat())),
            ("doubled", Some([head, byte, byte, rest].concat())),
            ("zeroed", Some([head, b"\0", rest].concat())),
            ("swapped with the next", swapped),
        ]
        .into_iter()
        .filter_map(move |(how, altered)| differing(bytes, altered?, || format!("byte {at} {how}")))
    })
}

/// Every line lost, doubled, emptied, or in the place of its neighbour.
pub(in crate::state) fn moved_lines(bytes: &[u8]) -> Vec<Altered> {
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut altered = Vec::new();
    for at in 0..lines.len() {
        let (head, line, rest) = (lines[..at].concat(), lines[at], lines[at + 1..].concat());
        for (how, now) in [
            ("lost", [&head, &rest[..]].concat()),
            ("doubled", [&head, line, line, &rest].concat()),
            ("emptied", [&head, &b"\n"[..], &rest].concat()),
        ] {
            altered.extend(differing(bytes, now, || format!("line {} {how}", at + 1)));
        }
        if let Some((next, rest)) = lines[at + 1..].split_first() {
            let now = [&head, *next, line, &rest.concat()].concat();
            altered.extend(differing(bytes, now, || {
                format!("line {} swapped with the next", at + 1)
            }));
        }
    }
    altered
}

/// What editors, mail programs and filters make of the file.
pub(in crate::state) fn edited(bytes: &[u8]) -> Vec<Altered> {
    let text = String::from_utf8(bytes.to_vec()).expect("JSON is UTF-8");
    let values = || {
        text.lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
    };
    let utf_16 = text.encode_utf16().flat_map(u16::to_le_bytes);
    [
        ("CRLF", text.replace('\n', "\r\n").into_bytes()),
        ("CR", text.replace('\n', "\r").into_bytes()),
        ("a BOM", format!("\u{feff}{text}").into_bytes()),
        ("UTF-16", utf_16.collect()),
        ("an empty first line", format!("\n{text}").into_bytes()),
        (
            "spread out",
            values()
                .map(|value| serde_json::to_string_pretty(&value).expect("a value") + "\n")
                .collect::<String>()
                .into_bytes(),
        ),
        (
            "one list",
            serde_json::Value::from(values().collect::<Vec<_>>())
                .to_string()
                .into_bytes(),
        ),
        (
            "blanks after colons",
            text.replace("\":", "\": ").into_bytes(),
        ),
        (
            "blanks at ends of lines",
            text.replace('\n', " \n").into_bytes(),
        ),
        ("other escapes", text.replace('雪', "\\u96ea").into_bytes()),
        (
            "quoted-printable",
            text.replace('=', "=3D")
                .replace('雪', "=E9=9B=AA")
                .into_bytes(),
        ),
        ("long lines wrapped", wrapped(&text).into_bytes()),
    ]
    .into_iter()
    .filter_map(|(how, now)| differing(bytes, now, || how.to_owned()))
    .collect()
}

fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        for (column, character) in line.chars().enumerate() {
            if column > 0 && column % 76 == 0 {
                wrapped.push('\n');
            }
            wrapped.push(character);
        }
        wrapped.push('\n');
    }
    wrapped
}

fn differing(before: &[u8], now: Vec<u8>, how: impl FnOnce() -> String) -> Option<Altered> {
    let shared = before.iter().zip(&now).take_while(|(a, b)| a == b).count();
    (before != now).then(|| Altered {
        how: how(),
        at: shared,
        bytes: now,
    })
}
