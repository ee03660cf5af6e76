//! Bytes of a workbook → the XML of its parts, never more of it than the limits allow. Start at [`Package::open`].
//!
//! Sizes that the file itself states are not believed: bytes are counted as they are unpacked. Knows nothing of what
//! the parts say.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufReader, Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Error as XmlError, XmlVersion};
use zip::ZipArchive;

use super::Refusal;

/// Largest workbook that is opened, in bytes.
const FILE_LIMIT: usize = 256 << 20;
/// Most files in a workbook; a large one has some dozens.
const PARTS_LIMIT: u16 = 10_000;
/// Most bytes that are unpacked from one workbook: a full sheet of a dozen columns needs half of it.
const UNPACKED_LIMIT: u64 = 1 << 30;
/// Most XML events that are looked at in one workbook: a sheet of a million rows with eight columns has about 50 million.
const EVENTS_LIMIT: u32 = 64_000_000;
/// Most XML events of a part without a row, a cell or a text among them.
const IDLE_LIMIT: u32 = 1_000_000;
/// Most bytes that are kept of what a small workbook says, and how many more for each byte of a larger one: texts that
/// many cells share and empty cells before others count each time. What people write unpacks to about ten times its
/// size.
const KEPT_LIMIT: usize = 32 << 20;
const KEPT_SHARE: usize = 32;
/// Most bytes that are kept of any.
const KEPT_OF_LARGE: usize = 1 << 30;
/// Longest text or tag, in bytes: spreadsheets hold 32,767 characters in a cell.
pub(super) const RUN_LIMIT: usize = 4 << 20;
/// What a longer one is refused with.
pub(super) const RUN_TOO_LONG: &str = "the workbook has a text of more than 4 MiB";

/// A workbook as what it is: an archive of XML files.
pub(super) struct Package<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    /// Numbers of the files by name, in lower case: Office does not tell cases apart.
    numbers: HashMap<String, usize>,
    unpacked: u64,
    events: u32,
    kept: Kept,
}

/// How much of what a workbook says is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    bytes: usize,
    limit: usize,
}

/// The XML of one file in the archive, an event at a time.
pub(super) struct Part<'p> {
    xml: Reader<BufReader<Bounded<'p>>>,
    buffer: Vec<u8>,
    events: &'p mut u32,
    kept: &'p mut Kept,
    /// Elements that have begun and not ended.
    open: u32,
    idle: u32,
}

impl<'b> Package<'b> {
    /// Opens a workbook of which `kept` bytes are held already, as other sheets of it.
    pub(super) fn open(bytes: &'b [u8], kept: usize) -> Result<Self, Refusal> {
        if bytes.len() > FILE_LIMIT {
            return Err(Refusal::too_large("the workbook is larger than 256 MiB"));
        }
        if stated_parts(bytes).is_none_or(|parts| parts > PARTS_LIMIT) {
            return Err(Refusal::damaged("it is not a whole archive of XML files"));
        }
        let archive = ZipArchive::new(Cursor::new(bytes)).map_err(Refusal::damaged)?;
        let numbers = (0..archive.len())
            .filter_map(|number| Some((folded(&archive.name_for_index(number)?.ok()?), number)))
            .collect();
        Ok(Self {
            archive,
            numbers,
            unpacked: 0,
            events: 0,
            kept: Kept {
                bytes: kept,
                limit: (KEPT_LIMIT + KEPT_SHARE * bytes.len()).min(KEPT_OF_LARGE),
            },
        })
    }

    /// The part at `path`, which begins without `/`; none if there is no such part.
    pub(super) fn part(&mut self, path: &str) -> Result<Option<Part<'_>>, Refusal> {
        let Some(number) = self.numbers.get(&folded(path)) else {
            return Ok(None);
        };
        let file = self.archive.by_index(*number).map_err(Refusal::damaged)?;
        let mut xml = Reader::from_reader(BufReader::new(Bounded {
            file: Box::new(file),
            unpacked: &mut self.unpacked,
            run: 0,
        }));
        let config = xml.config_mut();
        config.check_end_names = false;
        config.expand_empty_elements = true;
        Ok(Some(Part {
            xml,
            buffer: Vec::new(),
            events: &mut self.events,
            kept: &mut self.kept,
            open: 0,
            idle: 0,
        }))
    }
}

impl Kept {
    fn add(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.bytes += bytes;
        if self.bytes > self.limit {
            let limit = self.limit >> 20;
            return Err(Refusal::too_large(&format!(
                "the workbook unpacks to more than {limit} MiB of texts and cells, empty ones before others included"
            )));
        }
        Ok(())
    }
}

/// How many files the end of the archive states; none if it has no end.
fn stated_parts(bytes: &[u8]) -> Option<u16> {
    let tail = &bytes[bytes.len().saturating_sub(22 + usize::from(u16::MAX))..];
    let end = tail
        .windows(4)
        .rposition(|window| window == b"PK\x05\x06")?;
    let count = tail.get(end + 10..end + 12)?;
    Some(u16::from_le_bytes([count[0], count[1]]))
}

fn folded(path: &str) -> String {
    path.trim_start_matches('/')
        .replace('\\', "/")
        .to_ascii_lowercase()
}

impl Part<'_> {
    /// The next event; [`Event::Eof`] at the end.
    pub(super) fn next(&mut self) -> Result<Event<'_>, Refusal> {
        *self.events += 1;
        self.idle += 1;
        if *self.events > EVENTS_LIMIT || self.idle > IDLE_LIMIT {
            return Err(Refusal::too_large(
                "the workbook has more XML than its rows and columns need",
            ));
        }
        self.buffer.clear();
        let event = self
            .xml
            .read_event_into(&mut self.buffer)
            .map_err(|error| match &error {
                XmlError::Io(cause) => match cause.get_ref().and_then(|it| it.downcast_ref()) {
                    Some(Beyond(limit)) => Refusal::too_large(limit),
                    None => Refusal::damaged(error),
                },
                _ => Refusal::damaged(error),
            })?;
        match &event {
            Event::Start(_) => self.open += 1,
            Event::End(_) => self.open = self.open.saturating_sub(1),
            Event::Eof if self.open > 0 => {
                return Err(Refusal::damaged("one of its parts ends in the middle"));
            }
            _ => {}
        }
        Ok(event)
    }

    /// Counts what is kept of the workbook.
    pub(super) fn keep(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.kept.add(bytes)
    }

    /// Notes that something of use was found: a row, a cell, a text.
    pub(super) fn found_something(&mut self) {
        self.idle = 0;
    }
}

/// An attribute of `element` by its name without prefix.
pub(super) fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Refusal> {
    for found in element.attributes().with_checks(false) {
        let found = found.map_err(Refusal::damaged)?;
        if found.key.local_name().as_ref() == name {
            return value_of(&found).map(Some);
        }
    }
    Ok(None)
}

/// What an attribute says.
pub(super) fn value_of(attribute: &Attribute<'_>) -> Result<String, Refusal> {
    attribute
        .normalized_value(XmlVersion::Implicit1_0)
        .map(std::borrow::Cow::into_owned)
        .map_err(Refusal::damaged)
}

/// The character that `&…;` stands for. Only those of XML itself are known, so that nothing can expand.
pub(super) fn character(reference: &BytesRef<'_>) -> Result<char, Refusal> {
    let named = match reference.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => reference.resolve_char_ref().map_err(Refusal::damaged)?,
    };
    named.ok_or_else(|| Refusal::damaged("it has a character reference that XML does not know"))
}

/// A file of the archive that ends with an error where a limit does.
struct Bounded<'p> {
    file: Box<dyn Read + 'p>,
    unpacked: &'p mut u64,
    /// Bytes since the last angle bracket.
    run: usize,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        *self.unpacked += count as u64;
        if *self.unpacked > UNPACKED_LIMIT {
            return Err(Beyond("the workbook unpacks to more than 1 GiB").into());
        }
        self.run = match buffer[..count]
            .iter()
            .rposition(|byte| matches!(byte, b'<' | b'>'))
        {
            Some(last) => count - 1 - last,
            None => self.run + count,
        };
        if self.run > RUN_LIMIT {
            return Err(Beyond(RUN_TOO_LONG).into());
        }
        Ok(count)
    }
}

/// Which limit ended the reading.
#[derive(Debug)]
struct Beyond(&'static str);

impl fmt::Display for Beyond {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for Beyond {}

impl From<Beyond> for io::Error {
    fn from(beyond: Beyond) -> Self {
        Self::other(beyond)
    }
}
