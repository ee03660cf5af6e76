//! Reads the lines that nearly all of a state consists of: records of jobs, field by field in the order in which this
//! program writes them, without an escape in any text.
//!
//! Start at [`read`]. It knows no error: what is any other way is read by `serde_json`, which says what is wrong. Must
//! mean the same by every line as that does.

use std::borrow::Cow;
use std::str::FromStr;

use super::{CostFields, FileFields, Line, RequestFields, Text};

/// The fields of the JSON of a line; `None` for `serde_json` to read it.
pub(super) fn read(json: &[u8]) -> Option<Line<'_>> {
    let mut rest = Rest(str::from_utf8(json).ok()?);
    let line = Line {
        seq: rest.field(r#"{"seq":"#, Rest::number)?,
        at: rest.field(r#","at":"#, Rest::text)?.0.parse().ok()?,
        kind: rest.field(r#","type":"#, Rest::text)?,
        job: rest.optional(r#","job":"#, Rest::text)?,
        run: rest.optional(r#","run":"#, Rest::number)?,
        fingerprint: rest.optional(r#","fingerprint":"#, Rest::text)?,
        request: rest.optional(r#","request":"#, Rest::request)?,
        cost: rest.optional(r#","cost":"#, Rest::cost)?,
        task_id: rest.optional(r#","task_id":"#, Rest::text)?,
        other_id: rest.optional(r#","other_id":"#, Rest::text)?,
        class: rest.optional(r#","class":"#, Rest::text)?,
        message: rest.optional(r#","message":"#, Rest::text)?,
        video_url: rest.optional(r#","video_url":"#, Rest::text)?,
        last_frame_url: rest.optional(r#","last_frame_url":"#, Rest::text)?,
        video: rest.optional(r#","video":"#, Rest::file)?,
        last_frame: rest.optional(r#","last_frame":"#, Rest::file)?,
        synced: rest.field(r#","synced":"#, Rest::number)?,
        ..Line::default()
    };
    rest.field(r#","crc32":"#, Rest::text)?;
    rest.skip("}")?;
    rest.0.is_empty().then_some(line)
}

/// What of a line is not read yet.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// The value after `mark`.
    fn field<T>(&mut self, mark: &str, value: impl Fn(&mut Self) -> Option<T>) -> Option<T> {
        self.skip(mark)?;
        value(self)
    }

    /// The same, if `mark` comes next.
    #[expect(
        clippy::option_option,
        reason = "a line that is not plain is another thing than a field that is not there"
    )]
    fn optional<T>(
        &mut self,
        mark: &str,
        value: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.skip(mark) {
            Some(()) => value(self).map(Some),
            None => Some(None),
        }
    }

    fn skip(&mut self, mark: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(mark)?;
        Some(())
    }

    fn number<T: FromStr>(&mut self) -> Option<T> {
        let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        let is_plain = number.len() == 1 || !number.starts_with('0');
        number.parse().ok().filter(|_| is_plain)
    }

    fn text(&mut self) -> Option<Text<'a>> {
        let (text, rest) = self.0.strip_prefix('"')?.split_once('"')?;
        self.0 = rest;
        // Without leaving early, so that the compiler looks at many bytes at once.
        let is_odd = |byte: u8| byte == b'\\' || byte < b' ';
        let has_odd = text.bytes().fold(false, |any, byte| any | is_odd(byte));
        (!has_odd).then_some(Text(Cow::Borrowed(text)))
    }

    fn request(&mut self) -> Option<RequestFields<'a>> {
        let fields = RequestFields {
            model: self.field(r#"{"model":"#, Self::text)?,
            mode: self.field(r#","mode":"#, Self::text)?,
            duration: self.optional(r#","duration":"#, Self::number)?,
            aspect_ratio: self.optional(r#","aspect_ratio":"#, Self::text)?,
            prompt: self.field(r#","prompt":"#, Self::text)?,
        };
        self.skip("}")?;
        Some(fields)
    }

    fn cost(&mut self) -> Option<CostFields<'a>> {
        let fields = CostFields {
            amount: self.field(r#"{"amount":"#, Self::text)?,
            currency: self.field(r#","currency":"#, Self::text)?,
        };
        self.skip("}")?;
        Some(fields)
    }

    fn file(&mut self) -> Option<FileFields<'a>> {
        let fields = FileFields {
            file: self.field(r#"{"file":"#, Self::text)?,
            bytes: self.field(r#","bytes":"#, Self::number)?,
            sha256: self.field(r#","sha256":"#, Self::text)?,
        };
        self.skip("}")?;
        Some(fields)
    }
}
