//! How long an MP4 or MOV video is, from as few bytes of it as possible.
//!
//! Start at [`Walk`]: it says which bytes it wants next, is given them, and ends with a [`Length`]. It hops from box to
//! box until it finds the index (`moov`), which stands at the front or at the end. A parser of whole files is not used
//! on purpose: it would want the video itself, and refuse a file for boxes that say nothing about its length. Whatever
//! does not say clearly how long it is has an unknown length: nothing is guessed.

use std::fmt;
use std::time::Duration;

/// Bytes that are asked for at once when it is not known what stands there.
const CHUNK: u64 = 64 * 1024;

/// Largest index that is read.
const LARGEST_INDEX: u64 = 8 * 1024 * 1024;

/// Most reads of one file.
const MOST_READS: u32 = 24;

/// Two lengths that differ by less are the same: sound and picture seldom end together.
const SAME: Duration = Duration::from_millis(500);

/// How long a video is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As its index says.
    Known(Duration),
    /// It cannot be told.
    Unknown(Why),
}

/// Why a length cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Other first bytes than those of MP4 and MOV.
    NotMp4,
    /// Every box was passed and none is the index.
    NoIndex,
    /// The index is larger than what is read of a file.
    LargeIndex,
    /// Too many boxes before the index.
    Scattered,
    /// A box reaches beyond the end of the file.
    CutShort,
    /// A fragmented file that states no length for the whole.
    Fragmented,
    /// The index says nothing, or two different things.
    Unclear,
    /// Sizes that cannot be.
    Broken,
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotMp4 => "it is no MP4 or QuickTime file",
            Self::NoIndex => "the file has no index (`moov`)",
            Self::LargeIndex => "the index of the file is larger than 8 MiB",
            Self::Scattered => "the file has too many parts before its index",
            Self::CutShort => "the file is shorter than its parts say: it was cut off",
            Self::Fragmented => "the file is fragmented and states no length for the whole",
            Self::Unclear => "the index of the file does not say clearly how long it is",
            Self::Broken => "the parts of the file have impossible sizes",
        })
    }
}

/// What a [`Walk`] needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Bytes of the file.
    Read {
        /// Offset of the first.
        from: u64,
        /// How many; fewer will do at the end of the file.
        length: u64,
    },
    /// Nothing more.
    Done(Length),
}

/// A walk over the boxes of a file.
#[derive(Debug)]
pub struct Walk {
    /// Where the next box begins.
    at: u64,
    /// How many bytes from there on are needed.
    needed: u64,
    reads: u32,
    is_fragmented: bool,
    index: Option<SegmentIndex>,
    done: Option<Length>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            at: 0,
            needed: CHUNK,
            reads: 0,
            is_fragmented: false,
            index: None,
            done: None,
        }
    }
}

impl Walk {
    /// What is needed now.
    pub fn step(&self) -> Step {
        match self.done {
            Some(length) => Step::Done(length),
            None => Step::Read {
                from: self.at,
                length: self.needed,
            },
        }
    }

    /// Takes the bytes that were asked for; fewer only where the file ends. `total` is its size, if that is known.
    pub fn take(&mut self, bytes: &[u8], total: Option<u64>) {
        self.reads += 1;
        let asked = self.needed;
        let from = self.at;
        let is_end = (bytes.len() as u64) < asked;
        let total = total.or(is_end.then(|| from.saturating_add(bytes.len() as u64)));
        self.needed = CHUNK;
        while self.done.is_none() {
            let passed = usize::try_from(self.at - from).unwrap_or(usize::MAX);
            match bytes.get(passed..) {
                Some(rest) => {
                    if !self.pass(rest, total) {
                        break;
                    }
                }
                None if total.is_some_and(|total| self.at > total) => {
                    self.end(Some(Why::CutShort));
                }
                None => break,
            }
        }
        if self.done.is_none() && self.reads == MOST_READS {
            self.finish(Why::Scattered);
        }
    }

    /// Reads the box at the beginning of `rest`; false if more bytes are needed for that.
    fn pass(&mut self, rest: &[u8], total: Option<u64>) -> bool {
        if total.is_some_and(|total| self.at >= total) {
            self.end(None);
            return true;
        }
        let Some(header) = Header::read(rest) else {
            let left = total.map_or(u64::MAX, |total| total - self.at);
            if left < Header::LONGEST {
                self.end(None);
            }
            return left < Header::LONGEST;
        };
        if self.at == 0 && !FIRST_BOXES.contains(&&header.kind) {
            self.finish(Why::NotMp4);
            return true;
        }
        let size = match header.size {
            Some(size) if size < header.length => {
                self.finish(Why::Broken);
                return true;
            }
            Some(size) => size,
            None => total.map_or(u64::MAX, |total| total - self.at),
        };
        match &header.kind {
            b"moov" | b"sidx" => self.open(&header, size, rest, total),
            b"moof" if self.is_fragmented => {
                self.end(None);
                self.finish(Why::Fragmented);
                true
            }
            _ => {
                self.skip(size, total);
                true
            }
        }
    }

    /// Reads a box whose content matters.
    fn open(&mut self, header: &Header, size: u64, rest: &[u8], total: Option<u64>) -> bool {
        if size > LARGEST_INDEX {
            self.finish(Why::LargeIndex);
            return true;
        }
        let Some(whole) = usize::try_from(size).ok().and_then(|size| rest.get(..size)) else {
            if total.is_some_and(|total| self.at.saturating_add(size) > total) {
                self.finish(Why::CutShort);
                return true;
            }
            self.needed = size.max(CHUNK);
            return false;
        };
        let body = &whole[usize::try_from(header.length).unwrap_or(whole.len())..];
        let after = self.at.saturating_add(size);
        if &header.kind == b"moov" {
            match Movie::read(body).and_then(|movie| movie.length()) {
                Ok(length) => self.done = Some(Length::Known(length)),
                Err(Why::Fragmented) => self.is_fragmented = true,
                Err(why) => self.finish(why),
            }
        } else if self.index.is_none() {
            self.index = SegmentIndex::read(body, after).filter(|index| index.ends_at(total));
        }
        self.skip(size, total);
        true
    }

    /// Passes over a box.
    fn skip(&mut self, size: u64, total: Option<u64>) {
        match self.at.checked_add(size) {
            None => self.end(None),
            Some(next) if total.is_some_and(|total| next > total) => {
                self.end(Some(Why::CutShort));
            }
            Some(next) => self.at = next,
        }
        if self.is_fragmented && self.index.is_some() {
            self.end(None);
        }
    }

    /// There is nothing more to read.
    fn end(&mut self, because: Option<Why>) {
        match self.index {
            Some(SegmentIndex { time, .. }) if self.is_fragmented => {
                self.done.get_or_insert(Length::Known(time));
            }
            _ if self.is_fragmented => self.finish(Why::Fragmented),
            _ => self.finish(because.unwrap_or(Why::NoIndex)),
        }
    }

    fn finish(&mut self, why: Why) {
        self.done.get_or_insert(Length::Unknown(why));
    }
}

/// Boxes that a file may begin with.
const FIRST_BOXES: &[&[u8; 4]] = &[
    b"ftyp", b"styp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"sidx", b"uuid",
];

/// Most boxes at the top of a file that [`is_whole`] passes: a fragmented video has two for every second.
const MOST_BOXES: u32 = 100_000;

/// Whether an MP4 or MOV file of this size has its index and all its picture data. `read` gives the 16 bytes at an
/// offset, or what there is of them. What may stand behind both is not looked at: players pass over it.
pub fn is_whole<E>(size: u64, mut read: impl FnMut(u64) -> Result<Vec<u8>, E>) -> Result<bool, E> {
    let (mut at, mut has_index, mut has_data) = (0_u64, false, false);
    for _ in 0..MOST_BOXES {
        if at == size {
            break;
        }
        let Some(header) = Header::read(&read(at)?) else {
            break;
        };
        let end = match header.size {
            None => size,
            Some(length) if length < header.length => break,
            Some(length) => at.saturating_add(length),
        };
        if end > size {
            return Ok(false);
        }
        match &header.kind {
            b"moov" => has_index = true,
            b"mdat" => has_data = true,
            _ => {}
        }
        at = end;
    }
    Ok(has_index && has_data)
}

/// Whether a file that begins with `bytes` may be a video of this kind.
pub(super) fn is_first_box(bytes: &[u8]) -> bool {
    Header::read(bytes).is_some_and(|header| {
        FIRST_BOXES.contains(&&header.kind) && header.size.is_none_or(|size| size >= header.length)
    })
}

/// The beginning of a box.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    kind: [u8; 4],
    /// Of the header itself.
    length: u64,
    /// Of the whole box; `None` reaches to the end of the file.
    size: Option<u64>,
}

impl Header {
    const LONGEST: u64 = 16;

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let short = fields.u32()?;
        let kind = fields.array()?;
        let (length, size) = match short {
            0 => (8, None),
            1 => (16, Some(fields.u64()?)),
            short => (8, Some(u64::from(short))),
        };
        Some(Self { kind, length, size })
    }
}

/// The boxes inside `body`, as far as they are whole.
fn boxes(mut body: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::read(body)?;
        let size = match header.size {
            Some(size) => usize::try_from(size).ok()?,
            None => body.len(),
        };
        let length = usize::try_from(header.length).ok()?;
        let inside = body.get(length..size)?;
        body = &body[size..];
        Some((header.kind, inside))
    })
}

/// The first box of this kind in `body`.
fn first<'b>(body: &'b [u8], kind: &[u8]) -> Option<&'b [u8]> {
    boxes(body)
        .find(|(found, _)| found == kind)
        .map(|(_, inside)| inside)
}

/// What an index says about lengths.
#[derive(Debug)]
struct Movie {
    /// Of the whole, unless it says zero or "unknown".
    stated: Option<Duration>,
    /// Of the longest track, after its cuts.
    longest: Option<Duration>,
    is_fragmented: bool,
    /// Of the whole with its fragments.
    with_fragments: Option<Duration>,
}

impl Movie {
    fn read(body: &[u8]) -> Result<Self, Why> {
        let (scale, stated) = first(body, b"mvhd").and_then(times).ok_or(Why::Unclear)?;
        let tracks = boxes(body).filter(|(kind, _)| kind == b"trak");
        let longest = tracks
            .filter_map(|(_, track)| track_length(track, scale))
            .max();
        let extends = first(body, b"mvex");
        Ok(Self {
            stated: duration(stated, scale),
            longest,
            is_fragmented: extends.is_some(),
            with_fragments: extends
                .and_then(|extends| first(extends, b"mehd"))
                .and_then(fragments_length)
                .and_then(|units| duration(units, scale)),
        })
    }

    fn length(&self) -> Result<Duration, Why> {
        if self.is_fragmented {
            return self.with_fragments.ok_or(Why::Fragmented);
        }
        match (self.stated, self.longest) {
            (Some(stated), Some(longest)) if stated.abs_diff(longest) > SAME => Err(Why::Unclear),
            (Some(length), _) | (None, Some(length)) => Ok(length),
            (None, None) => Err(Why::Unclear),
        }
    }
}

/// Units a second, and units, of `mvhd` or `mdhd`; zero is "unknown".
fn times(body: &[u8]) -> Option<(u32, u64)> {
    let mut fields = Fields(body);
    let is_long = fields.version()?;
    fields.skip(if is_long { 16 } else { 8 })?;
    let scale = fields.u32().filter(|scale| *scale > 0)?;
    Some((scale, fields.units(is_long)?))
}

/// Length of a track: of what its edit list shows, or of all of it.
fn track_length(track: &[u8], movie_scale: u32) -> Option<Duration> {
    let edited = first(track, b"edts")
        .and_then(|edits| first(edits, b"elst"))
        .and_then(edits_length)
        .and_then(|units| duration(units, movie_scale));
    edited.or_else(|| {
        let (scale, units) = first(track, b"mdia")
            .and_then(|media| first(media, b"mdhd"))
            .and_then(times)?;
        duration(units, scale)
    })
}

/// Sum of the pieces of an edit list, in units of the movie; `None` if it does not say.
fn edits_length(body: &[u8]) -> Option<u64> {
    let mut fields = Fields(body);
    let is_long = fields.version()?;
    let count = fields.u32()?;
    let mut sum = 0_u64;
    for _ in 0..count {
        let piece = if is_long {
            fields.u64()?
        } else {
            fields.u32()?.into()
        };
        fields.skip(if is_long { 12 } else { 8 })?;
        sum = sum.checked_add(piece)?;
    }
    (sum > 0).then_some(sum)
}

/// `mehd`: the length with all fragments, in units of the movie.
fn fragments_length(body: &[u8]) -> Option<u64> {
    let mut fields = Fields(body);
    let is_long = fields.version()?;
    fields.units(is_long)
}

/// `sidx`: a list of all that follows it.
#[derive(Debug)]
struct SegmentIndex {
    time: Duration,
    /// Where the last piece ends.
    end: u64,
}

impl SegmentIndex {
    /// Reads the box whose next box begins at `after`.
    fn read(body: &[u8], after: u64) -> Option<Self> {
        let mut fields = Fields(body);
        let is_long = fields.version()?;
        fields.skip(4)?;
        let scale = fields.u32().filter(|scale| *scale > 0)?;
        fields.skip(if is_long { 8 } else { 4 })?;
        let offset = if is_long {
            fields.u64()?
        } else {
            fields.u32()?.into()
        };
        fields.skip(2)?;
        let count = u16::from_be_bytes(fields.array()?);
        let mut end = after.checked_add(offset)?;
        let mut units = 0_u64;
        for _ in 0..count {
            // The first bit says that the piece is an index itself, which lists its bytes all the same.
            end = end.checked_add(u64::from(fields.u32()? & 0x7fff_ffff))?;
            units = units.checked_add(fields.u32()?.into())?;
            fields.skip(4)?;
        }
        Some(Self {
            time: duration(units, scale)?,
            end,
        })
    }

    /// Whether it lists everything up to the end of the file, but for a short table of random access.
    fn ends_at(&self, total: Option<u64>) -> bool {
        total.is_some_and(|total| {
            total
                .checked_sub(self.end)
                .is_some_and(|rest| rest <= 16 * 1024)
        })
    }
}

/// `units` of which there are `scale` a second; `None` for less than a millisecond.
fn duration(units: u64, scale: u32) -> Option<Duration> {
    let millis = (u128::from(units) * 1000 + u128::from(scale) / 2) / u128::from(scale.max(1));
    let millis = u64::try_from(millis).ok().filter(|millis| *millis > 0)?;
    Some(Duration::from_millis(millis))
}

/// Big-endian fields, one after the other.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    /// Version and flags of a full box: whether its times have 64 bits.
    fn version(&mut self) -> Option<bool> {
        self.array::<4>().map(|[version, ..]| version == 1)
    }

    /// A length in units; zero for "unknown", which is also written as all ones.
    fn units(&mut self, is_long: bool) -> Option<u64> {
        let (units, unknown) = if is_long {
            (self.u64()?, u64::MAX)
        } else {
            (self.u32()?.into(), u32::MAX.into())
        };
        Some(if units == unknown { 0 } else { units })
    }
}

#[cfg(test)]
mod tests;
