//! Reads a file of marks as strictly as a manifest: every mistake at its place, none ends the reading but one of syntax.
//!
//! Start at [`load`]. The format is described at [`crate::marks`]; which jobs the marks mean is decided there, too.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Loaded;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{listed, nearest};
use super::sources::Sources;
use super::tree::{SourceId, Span};
use super::values::shown;
use crate::engine::event::TaskId;
use crate::engine::job::Take;
use crate::marks::{Mark, Verdict};
use crate::plan::JobId;

/// The fields of the file.
pub const FILE_FIELDS: [&str; 4] = ["schema", "type", "manifest", "marks"];
/// The fields of a mark.
pub const MARK_FIELDS: [&str; 5] = ["job", "take", "task_id", "mark", "note"];

/// The marks in `bytes`, the contents of the file that is shown as `name`. `manifest` is the name that they must be
/// for, if that matters. In place of marks with a mistake: what is wrong with them.
pub fn load(name: &str, bytes: Vec<u8>, manifest: Option<&str>) -> Result<Vec<Mark>, Box<Loaded>> {
    let mut sources = Sources::default();
    let source = sources.open(name);
    let mut diagnostics = Diagnostics::default();
    let mut marks = Vec::new();
    match text_of(bytes) {
        Ok(text) => {
            let mut reader = Reader {
                text: &text,
                source,
                manifest,
                marks: Vec::new(),
                places: HashMap::new(),
                diagnostics: &mut diagnostics,
            };
            reader.file();
            marks = reader.marks;
            sources.fill(source, text);
        }
        Err(at) => diagnostics.push(Diagnostic::error(
            "marks-syntax",
            &Span {
                source,
                bytes: 0..0,
            },
            format!("the file is not UTF-8 text, from byte {at} on"),
            SAVE_ANEW,
        )),
    }
    if !diagnostics.has_errors() {
        return Ok(marks);
    }
    diagnostics.sort();
    Err(Box::new(Loaded::of_other(diagnostics, sources)))
}

const SAVE_ANEW: &str = "save the marks in the gallery once more, and give that file";

/// The text without the mark that UTF-8 may begin with, or where it is no text any more.
fn text_of(bytes: Vec<u8>) -> Result<String, usize> {
    let mut text = String::from_utf8(bytes).map_err(|error| error.utf8_error().valid_up_to())?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Something was wrong, and has been noted.
struct Wrong;

struct Reader<'t> {
    text: &'t str,
    source: SourceId,
    manifest: Option<&'t str>,
    marks: Vec<Mark>,
    /// Where each take is marked.
    places: HashMap<(String, u32, Option<Box<str>>), Span>,
    diagnostics: &'t mut Diagnostics,
}

/// A value and the fields that it was found under, if it is a map.
type Fields<'t> = HashMap<&'static str, &'t RawValue>;

impl<'t> Reader<'t> {
    fn file(&mut self) {
        let whole = match serde_json::from_str::<&RawValue>(self.text) {
            Ok(whole) => whole,
            Err(error) => return self.syntax(&error),
        };
        let Some(fields) = self.fields(whole, "the file", &FILE_FIELDS, &FILE_FIELDS) else {
            return;
        };
        if let Some(schema) = fields.get("schema")
            && schema.get() != "1"
        {
            self.wrong(
                "marks-schema",
                schema,
                format!(
                    "`schema` is {}, and this shotlist knows only 1",
                    quoted(schema)
                ),
                "save the marks in a gallery that this version of shotlist has written",
            );
        }
        if let Some(kind) = fields.get("type")
            && string(kind).as_deref() != Some("marks")
        {
            self.wrong(
                "marks-type",
                kind,
                format!(
                    "`type` is {}, not \"marks\": this is another kind of file",
                    quoted(kind)
                ),
                "give the file that \"Save marks\" in the gallery has written",
            );
        }
        if let Some(manifest) = fields.get("manifest") {
            self.manifest(manifest);
        }
        if let Some(marks) = fields.get("marks") {
            self.all_marks(marks);
        }
    }

    fn manifest(&mut self, value: &'t RawValue) {
        match (string(value), self.manifest) {
            (None, _) => self.wrong_type("manifest", value, "a text", "\"manifest\": \"shots.yaml\""),
            (Some(found), Some(wanted)) if found != wanted => self.wrong(
                "marks-manifest",
                value,
                format!("these are marks for `{}`, not for `{}`", shown(&found), shown(wanted)),
                "give the marks of this manifest's gallery; if the manifest has a new name, `--out` says where its state is, and then the marks of the old name are taken",
            ),
            _ => {}
        }
    }

    fn all_marks(&mut self, value: &'t RawValue) {
        let Ok(marks) = serde_json::from_str::<Vec<&'t RawValue>>(value.get()) else {
            return self.wrong_type("marks", value, "a list", "\"marks\": []");
        };
        for mark in marks {
            self.mark(mark);
        }
    }

    fn mark(&mut self, value: &'t RawValue) {
        let required = &MARK_FIELDS[..4];
        let Some(fields) = self.fields(value, "a mark", &MARK_FIELDS, required) else {
            return;
        };
        let job = fields.get("job").and_then(|job| self.job(job));
        let take = fields.get("take").and_then(|take| self.take(take));
        let task_id = fields.get("task_id").ok_or(Wrong);
        let task_id = task_id.and_then(|id| self.task_id(id));
        let verdict = fields.get("mark").and_then(|word| self.verdict(word));
        if let Some(note) = fields.get("note")
            && string(note).is_none()
        {
            self.wrong_type("note", note, "a text", "\"note\": \"\"");
        }
        let (Some(job), Some(take), Ok(task_id), Some(verdict)) = (job, take, task_id, verdict)
        else {
            return;
        };
        let span = self.span(value);
        let key = (job.folded().into_owned(), take.0, task_id.clone());
        if let Some(first) = self.places.get(&key) {
            let twice = Diagnostic::error(
                "marks-duplicate",
                &span,
                format!("take {} of `{job}` is marked twice", take.0),
                "remove one of the two marks",
            );
            self.diagnostics
                .push(twice.related(first, "it is marked here already"));
            return;
        }
        self.places.insert(key, span);
        self.marks.push(Mark {
            job,
            take,
            task_id,
            verdict,
        });
    }

    fn job(&mut self, value: &'t RawValue) -> Option<JobId> {
        let Some(text) = string(value) else {
            self.wrong_type("job", value, "a text", "\"job\": \"hero\"");
            return None;
        };
        match JobId::new(&text) {
            Ok(job) => Some(job),
            Err(error) => {
                let message = format!("`{}` is no job: {error}", shown(&text));
                self.wrong(
                    "marks-value",
                    value,
                    message,
                    "write the id of a job of the manifest",
                );
                None
            }
        }
    }

    fn take(&mut self, value: &'t RawValue) -> Option<Take> {
        let take = value.get().parse().ok().filter(|take| *take > 0).map(Take);
        if take.is_none() {
            self.wrong_type("take", value, "a whole number above 0", "\"take\": 1");
        }
        take
    }

    /// The id as it is shown, or that there is none.
    fn task_id(&mut self, value: &'t RawValue) -> Result<Option<Box<str>>, Wrong> {
        if value.get() == "null" {
            return Ok(None);
        }
        let id = string(value).and_then(|text| TaskId::new(&text));
        let shown = id.map(|id| id.to_string().into());
        if shown.is_none() {
            let example = "\"task_id\": \"task_8f3a\"`, or `\"task_id\": null";
            self.wrong_type("task_id", value, "the id of a task, or null", example);
        }
        shown.map(Some).ok_or(Wrong)
    }

    fn verdict(&mut self, value: &'t RawValue) -> Option<Verdict> {
        let text = string(value);
        let verdict = text.as_deref().and_then(Verdict::parse);
        if verdict.is_none() {
            let words: Vec<&str> = Verdict::ALL.iter().map(|word| word.as_str()).collect();
            let meant = text.as_deref().and_then(|text| nearest(text, &words));
            let help = meant.map_or_else(
                || "write `\"mark\": \"redo\"` for a take that is to be made again".to_owned(),
                |meant| format!("did you mean `\"{meant}\"`?"),
            );
            let found = quoted(value);
            let message = format!("`mark` must be one of {}, not {found}", listed(&words));
            self.wrong("marks-value", value, message, &help);
        }
        verdict
    }

    /// The known fields of a map; what is unknown, missing or there twice is noted.
    fn fields(
        &mut self,
        value: &'t RawValue,
        whose: &str,
        known: &[&'static str],
        required: &[&str],
    ) -> Option<Fields<'t>> {
        let Ok(Pairs(pairs)) = serde_json::from_str::<Pairs<'t>>(value.get()) else {
            let message = format!("{whose} must be a map of fields, not {}", quoted(value));
            self.wrong("marks-value", value, message, SAVE_ANEW);
            return None;
        };
        let mut fields = Fields::new();
        for (key, found) in pairs {
            let span = key
                .place
                .map_or_else(|| self.span(found), |place| self.span_of(place));
            let name = known.iter().find(|name| **name == key.name);
            match name {
                Some(name) if fields.contains_key(name) => {
                    let message = format!("{whose} has the field `{name}` twice");
                    self.diagnostics.push(Diagnostic::error(
                        "marks-duplicate",
                        &span,
                        message,
                        "remove one of the two",
                    ));
                }
                Some(name) => {
                    fields.insert(name, found);
                }
                None => {
                    let help = nearest(&key.name, known).map_or_else(
                        || format!("the fields are {}", listed(known)),
                        |meant| format!("did you mean `{meant}`?"),
                    );
                    let message = format!("{whose} has no field `{}`", shown(&key.name));
                    let unknown = Diagnostic::error("marks-field", &span, message, help);
                    self.diagnostics.push(unknown);
                }
            }
        }
        for missing in required.iter().filter(|name| !fields.contains_key(**name)) {
            let message = format!("{whose} lacks the field `{missing}`");
            self.wrong("marks-field", value, message, SAVE_ANEW);
        }
        Some(fields)
    }

    fn wrong_type(&mut self, name: &str, value: &'t RawValue, wanted: &str, example: &str) {
        let message = format!("`{name}` must be {wanted}, not {}", quoted(value));
        let help = format!("write it like `{example}`");
        self.wrong("marks-value", value, message, &help);
    }

    fn wrong(&mut self, code: &'static str, value: &'t RawValue, message: String, help: &str) {
        let span = self.span(value);
        self.diagnostics
            .push(Diagnostic::error(code, &span, message, help));
    }

    fn syntax(&mut self, error: &serde_json::Error) {
        let line_start = self
            .text
            .split_inclusive('\n')
            .take(error.line().saturating_sub(1));
        let start = line_start.map(str::len).sum::<usize>() + error.column().saturating_sub(1);
        let words = error.to_string();
        let words = words
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned();
        let span = Span {
            source: self.source,
            bytes: start..start + 1,
        };
        let message = format!("this is no JSON: {words}");
        let found = Diagnostic::error("marks-syntax", &span, message, SAVE_ANEW);
        self.diagnostics.push(found);
    }

    fn span(&self, value: &'t RawValue) -> Span {
        self.span_of(value.get())
    }

    /// Where `part`, a piece of the text, stands.
    fn span_of(&self, part: &'t str) -> Span {
        let start = part.as_ptr().addr() - self.text.as_ptr().addr();
        Span {
            source: self.source,
            bytes: start..start + part.len(),
        }
    }
}

/// A value as it is written, cut short.
fn quoted(value: &RawValue) -> String {
    format!("`{}`", shown(value.get()))
}

/// A text that is written in quotes.
fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// A map as it is written: every key in its order, also those that are there twice.
struct Pairs<'t>(Vec<(Key<'t>, &'t RawValue)>);

/// A key, and where it stands; `None` if it is written with escapes.
struct Key<'t> {
    name: String,
    place: Option<&'t str>,
}

impl<'t> Deserialize<'t> for Pairs<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;
        impl<'t> Visitor<'t> for Map {
            type Value = Pairs<'t>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map")
            }

            fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Pairs<'t>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Map)
    }
}

impl<'t> Deserialize<'t> for Key<'t> {
    fn deserialize<D: Deserializer<'t>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'t> Visitor<'t> for Text {
            type Value = Key<'t>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, name: &'t str) -> Result<Key<'t>, E> {
                let place = Some(name);
                Ok(Key {
                    name: name.to_owned(),
                    place,
                })
            }

            fn visit_str<E>(self, name: &str) -> Result<Key<'t>, E> {
                Ok(Key {
                    name: name.to_owned(),
                    place: None,
                })
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Mark>, String> {
        let loaded = load("marks.json", text.as_bytes().to_vec(), Some("shots.yaml"));
        loaded.map_err(|wrong| wrong.render_compact())
    }

    fn file(marks: &str) -> String {
        format!(r#"{{"schema":1,"type":"marks","manifest":"shots.yaml","marks":[{marks}]}}"#)
    }

    #[test]
    fn what_the_gallery_saves_is_read() {
        let text = file(
            r#"{"job":"hero","take":2,"task_id":"task_1","mark":"redo","note":"zu \"dunkel\" 🎬"},
               {"note":"\ud83c\udfac","mark":"keep","task_id":null,"take":1,"job":"déjà-雨"}"#,
        );
        let mark = |job: &str, take, task_id: Option<&str>, verdict| Mark {
            job: JobId::new(job).expect("valid"),
            take: Take(take),
            task_id: task_id.map(Into::into),
            verdict,
        };
        let expected = vec![
            mark("hero", 2, Some("task_1"), Verdict::Redo),
            mark("déjà-雨", 1, None, Verdict::Keep),
        ];
        assert_eq!(read(&text), Ok(expected.clone()));
        assert_eq!(read(&format!("\u{feff}{text}\n")), Ok(expected));
        assert_eq!(read(&file("")), Ok(Vec::new()));
    }

    #[test]
    fn every_mistake_is_told_at_its_place_and_all_at_once() {
        let text = r#"{
  "schema": 2,
  "type": "results",
  "manifest": "other.yaml",
  "colour": "red",
  "marks": [
    { "job": "hero", "take": 1, "task_id": "t", "mark": "redo" },
    { "job": "HERO", "take": 1, "task_id": "t", "mark": "keep" },
    { "job": "../x", "take": 0, "task_id": "", "mark": "rdeo", "note": 7, "nots": "" },
    { "job": 5, "take": "1", "task_id": 9, "mark": null },
    { "take": 1, "take": 2 },
    "hero"
  ]
}"#;
        insta::assert_snapshot!(read(text).expect_err("mistakes"));
    }

    #[test]
    fn what_is_no_such_file_at_all_is_told_in_one_line() {
        let texts = [
            "",
            "{",
            "[]",
            "null",
            "id,prompt\nhero,x",
            "{} {}",
            "{\"marks\": {}}",
            "\u{feff}",
            "{\"schema\": 1,\n \"type\": \"marks\" \"x\"}",
        ];
        let told: Vec<String> = texts
            .iter()
            .map(|text| format!("{text:?}\n{}", read(text).expect_err("no marks")))
            .collect();
        insta::assert_snapshot!(told.join("\n"));
        let not_text = load("marks.json", vec![b'{', 0xff], None).expect_err("no text");
        assert!(not_text.render_compact().contains("UTF-8"));
        let deep = "[".repeat(100_000);
        assert!(read(&deep).is_err());
        assert!(read(&file(&deep)).is_err());
    }

    #[test]
    fn the_name_of_the_manifest_matters_only_where_it_must() {
        let text = file("").replace("shots.yaml", "renamed.yaml");
        assert!(
            read(&text)
                .expect_err("another's")
                .contains("marks-manifest")
        );
        assert_eq!(
            load("m", text.into_bytes(), None).map_err(|_| ()),
            Ok(Vec::new())
        );
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_told_at_a_place(text in "\\PC{0,60}|[{}\\[\\]\",:a-z0-9\\\\ ]{0,60}") {
            let _ = read(&text);
            let _ = read(&file(&text));
        }
    }
}
