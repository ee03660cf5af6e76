//! A plan as a manifest again: every default applied, every id written out. Start at [`to_yaml`].
//!
//! Jobs are written one by one; reading the result gives the same plan, to the last character of every prompt.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_yaml::{Mapping, Value};

use super::sources::Sources;
use super::template;
use crate::plan::{
    AspectRatio, ExtraBody, Flag, Job, Media, Operation, Origin, Plan, VideoRequest,
};
use crate::text::clean;

/// Writes `plan` as a YAML manifest; a comment above each job that is not written out says where in `sources` it
/// comes from.
pub fn to_yaml(plan: &Plan, sources: &Sources, out: &mut dyn Write) -> io::Result<()> {
    if plan.jobs().iter().any(has_braces) {
        // Here nothing is filled in any more.
        out.write_all(b"allow: [looks-like-template]\n")?;
    }
    out.write_all(b"jobs:\n")?;
    for job in plan.jobs() {
        out.write_all(origin(job.origin(), sources).as_bytes())?;
        let texts = Texts::of(job);
        let fields = fields(job, plan.user_columns(), &texts);
        // A list of one: the lists of all jobs, one after the other, are the list of jobs.
        let text = serde_yaml::to_string(&[fields]).map_err(io::Error::other)?;
        out.write_all(texts.restored(text).as_bytes())?;
    }
    Ok(())
}

/// `# from jobs[0] line 4, color=red, variant 2`, or `# from shots.csv row 7`; nothing for a job that is
/// written out as it is.
fn origin(origin: &Origin, sources: &Sources) -> String {
    let is_written_out = origin.row.is_none() && origin.expansion.is_none();
    let Some((file, line)) = sources.place_of(origin).filter(|_| !is_written_out) else {
        return String::new();
    };
    let place = if origin.row.is_some() {
        let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
        format!("{} ", clean(name, 100))
    } else {
        format!("jobs[{}] line {line}", origin.element)
    };
    let words = origin.words();
    let comma = if origin.row.is_some() || words.is_empty() {
        ""
    } else {
        ", "
    };
    format!("# from {place}{comma}{words}\n")
}

/// Whether a text of the job looks like a template.
fn has_braces(job: &Job) -> bool {
    let media = job.request().media();
    let single = [&media.image, &media.last_image].into_iter().flatten();
    let lists = [&media.images, &media.videos, &media.audios]
        .into_iter()
        .flatten();
    let own = job.user_values().iter().map(|(_, value)| value);
    single
        .chain(lists)
        .map(|text| &**text)
        .chain(own)
        .chain([job.request().prompt()])
        .any(template::has_braces)
}

/// Characters that end a line in YAML 1.1, and to the writer; in YAML 1.2 they are characters like others.
const FORMER_LINE_ENDS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Keeps [`FORMER_LINE_ENDS`] from the writer: others, which the job does not use, stand for them meanwhile.
struct Texts {
    stand_ins: Option<[char; 3]>,
}

impl Texts {
    fn of(job: &Job) -> Self {
        let own = job.user_values().iter().map(|(_, value)| value);
        let texts: Vec<&str> = own.chain([job.request().prompt()]).collect();
        if !texts.iter().any(|text| text.contains(FORMER_LINE_ENDS)) {
            return Self { stand_ins: None };
        }
        let used: HashSet<char> = texts.iter().flat_map(|text| text.chars()).collect();
        let mut free = ('\u{E000}'..='\u{F8FF}').filter(|character| !used.contains(character));
        let mut next = || free.next().unwrap_or(char::REPLACEMENT_CHARACTER);
        Self {
            stand_ins: Some([next(), next(), next()]),
        }
    }

    fn stored(&self, text: &str) -> String {
        match self.stand_ins {
            Some(stand_ins) => swap(text, FORMER_LINE_ENDS, stand_ins),
            None => text.to_owned(),
        }
    }

    fn restored(&self, text: String) -> String {
        match self.stand_ins {
            Some(stand_ins) => swap(&text, stand_ins, FORMER_LINE_ENDS),
            None => text,
        }
    }
}

fn swap(text: &str, from: [char; 3], to: [char; 3]) -> String {
    let swapped = |character| {
        let position = from.iter().position(|other| *other == character);
        position.map_or(character, |position| to[position])
    };
    text.chars().map(swapped).collect()
}

/// The fields of `job` in the order of the documentation.
fn fields(job: &Job, user_columns: &[String], texts: &Texts) -> Mapping {
    let mut fields = Mapping::new();
    set(&mut fields, "id", Some(job.id().as_str()));
    request_fields(&mut fields, job.request(), texts);
    for (column, value) in job.user_values().iter() {
        set(
            &mut fields,
            &user_columns[column],
            Some(texts.stored(value)),
        );
    }
    fields
}

fn request_fields(fields: &mut Mapping, request: &VideoRequest, texts: &Texts) {
    set(fields, "model", Some(request.model().as_str()));
    set(fields, "prompt", Some(texts.stored(request.prompt())));
    set(fields, "duration", request.duration());
    let aspect_ratio = request.aspect_ratio().map(AspectRatio::as_str);
    set(fields, "aspect_ratio", aspect_ratio);
    media_fields(fields, request.media());
    let extra = extra_fields(request.extra());
    set(fields, "extra_body", (!extra.is_empty()).then_some(extra));
}

fn media_fields(fields: &mut Mapping, media: &Media) {
    set(fields, "image", media.image.as_deref());
    set(fields, "last_image", media.last_image.as_deref());
    for (name, list) in [
        ("images", &media.images),
        ("videos", &media.videos),
        ("audios", &media.audios),
    ] {
        let addresses: Vec<Value> = list.iter().map(|address| Value::from(&**address)).collect();
        set(fields, name, (!addresses.is_empty()).then_some(addresses));
    }
}

fn extra_fields(extra: &ExtraBody) -> Mapping {
    let mut fields = Mapping::new();
    set(&mut fields, "generate_audio", extra.generate_audio);
    set(&mut fields, "seed", extra.seed);
    for (name, flag) in [
        ("watermark", extra.watermark),
        ("camera_fixed", extra.camera_fixed),
        ("return_last_frame", extra.return_last_frame),
    ] {
        let value = flag.map(|flag| match flag {
            Flag::Boolean(value) => Value::Bool(value),
            Flag::Text(value) => Value::from(value.to_string()),
        });
        set(&mut fields, name, value);
    }
    let operation = extra.operation.map(Operation::as_str);
    set(&mut fields, "operation", operation);
    fields
}

fn set(fields: &mut Mapping, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(Value::from(name), value.into());
    }
}

#[cfg(test)]
mod tests;
