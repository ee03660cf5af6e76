//! What a downloaded file is called: the template of the manifest, filled in and made a name that every system takes.
//!
//! Start at [`FileTemplate`]. Pure: whether a name is free is for others to find out.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::engine::job::Take;
use crate::plan::{Job, Plan};
use crate::text::{composed, is_unsafe};

/// Most bytes a name has without its extension: what is put before and after it still fits every file system.
pub const NAME_BYTES: usize = 200;

/// The fields that every job has.
const FIELDS: [&str; 5] = ["id", "take", "task_id", "model", "aspect_ratio"];

/// How the files of a job are called, without the extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Id,
    Take,
    TaskId,
    Model,
    AspectRatio,
    /// A column of the user's own.
    Own(Box<str>),
}

/// Why a text is not a template of file names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Braces that do not fit.
    #[error("a `{{` and a `}}` do not belong together")]
    Braces,
    /// Nothing is called so.
    #[error("there is no field `{{{0}}}`")]
    Unknown(String),
    /// Two jobs would have the same name.
    #[error("it does not tell one job from another")]
    Constant,
    /// It names a directory.
    #[error("a file name cannot contain `{0}`")]
    Separator(char),
}

/// What only a finished task has.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// Which take it is.
    pub take: Take,
    /// Its task.
    pub task_id: &'a str,
}

impl Default for FileTemplate {
    fn default() -> Self {
        Self(vec![Piece::Id])
    }
}

impl FileTemplate {
    /// Reads `{field}` and text around it.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from_here) = rest.split_at(at);
            push_text(&mut pieces, before)?;
            let (field, after) = from_here
                .strip_prefix('{')
                .and_then(|inside| inside.split_once('}'))
                .ok_or(TemplateError::Braces)?;
            pieces.push(field_of(field.trim())?);
            rest = after;
        }
        push_text(&mut pieces, rest)?;
        let tells_apart = |piece: &Piece| !matches!(piece, Piece::Text(_) | Piece::Take);
        if pieces.iter().any(tells_apart) {
            Ok(Self(pieces))
        } else {
            Err(TemplateError::Constant)
        }
    }

    /// The columns of the user's own that it names.
    pub fn own_columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Own(name) => Some(&**name),
            _ => None,
        })
    }

    /// Whether names are only known once a task is made: then no two are alike.
    pub fn names_the_task(&self) -> bool {
        self.0.contains(&Piece::TaskId)
    }

    /// The name of the files of a job; `None` if nothing is left of it.
    pub fn name(&self, plan: &Plan, job: &Job, made: Made<'_>) -> Option<String> {
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Id => name.push_str(job.id().as_str()),
                Piece::Take => {
                    let _ = write!(name, "{}", made.take.0);
                }
                Piece::TaskId => name.push_str(made.task_id),
                Piece::Model => name.push_str(job.request().model().as_str()),
                Piece::AspectRatio => {
                    let ratio = job.request().aspect_ratio();
                    name.push_str(&ratio.map_or("", |ratio| ratio.as_str()).replace(':', "x"));
                }
                Piece::Own(column) => {
                    let at = plan.user_columns().iter().position(|own| **own == **column);
                    name.push_str(at.map_or("", |at| job.user_values().get(at)));
                }
            }
        }
        let is_told = self.0.contains(&Piece::Take) || self.0.contains(&Piece::TaskId);
        let suffix = if is_told || made.take.0 <= 1 {
            String::new()
        } else {
            format!(".take{}", made.take.0)
        };
        safe(&name, &suffix)
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), TemplateError> {
    if let Some(separator) = text.chars().find(|c| matches!(c, '/' | '\\')) {
        return Err(TemplateError::Separator(separator));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    Ok(())
}

fn field_of(name: &str) -> Result<Piece, TemplateError> {
    Ok(match name {
        "id" => Piece::Id,
        "take" => Piece::Take,
        "task_id" => Piece::TaskId,
        "model" => Piece::Model,
        "aspect_ratio" => Piece::AspectRatio,
        own if own.starts_with("x_") => Piece::Own(own.into()),
        other => return Err(TemplateError::Unknown(crate::text::clean(other, 60))),
    })
}

/// The fields of a template, for a sentence.
pub fn fields() -> String {
    let fields = FIELDS.map(|field| format!("`{{{field}}}`"));
    format!(
        "{} and own columns such as `{{x_title}}`",
        fields.join(", ")
    )
}

/// `name` and `suffix` as one name that every system takes; `None` if nothing is left of `name`.
fn safe(name: &str, suffix: &str) -> Option<String> {
    let mut kept = String::new();
    for character in name.chars() {
        match character {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => kept.push('_'),
            unseen if is_unsafe(unseen) || unseen.is_whitespace() => {
                if !kept.ends_with(' ') {
                    kept.push(' ');
                }
            }
            harmless => kept.push(harmless),
        }
    }
    let kept = composed(&kept);
    let kept = kept.trim_matches([' ', '.']);
    if kept.is_empty() {
        return None;
    }
    let first = kept.split('.').next().unwrap_or_default().trim_end();
    let escape = if is_device(first) || kept.starts_with(['-', '~']) {
        "_"
    } else {
        ""
    };
    let whole = format!("{escape}{kept}{suffix}");
    Some(if whole.len() > NAME_BYTES {
        shortened(&whole)
    } else {
        whole
    })
}

/// The beginning of a name and a hash of the whole, so that two long names stay two.
fn shortened(name: &str) -> String {
    let hash = Sha256::digest(name.as_bytes());
    let mark = hash[..4].iter().fold("~".to_owned(), |mut mark, byte| {
        let _ = write!(mark, "{byte:02x}");
        mark
    });
    let mut end = NAME_BYTES - mark.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{mark}", name[..end].trim_end_matches([' ', '.']))
}

/// Whether Windows takes the name for a device, whatever follows its first dot.
fn is_device(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    if ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&name.as_str()) {
        return true;
    }
    let number = name.strip_prefix("COM").or(name.strip_prefix("LPT"));
    number.is_some_and(|number| {
        let mut digits = number.chars();
        let digit = digits.next();
        digits.next().is_none() && digit.is_some_and(|c| "123456789¹²³".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        AspectRatio, ExtraBody, JobId, Media, Model, RequestFields, UserValues, VideoRequest,
    };

    fn named(template: &str, title: &str, take: u32) -> Option<String> {
        let request = VideoRequest::new(RequestFields {
            model: Model::Fast720p,
            prompt: "a".into(),
            duration: None,
            aspect_ratio: Some(AspectRatio::Landscape),
            media: Media::default(),
            extra: ExtraBody::default(),
        });
        let id = JobId::new("hero").expect("valid");
        let job = Job::new(id, request, UserValues::new(vec![(0, title.into())]));
        let plan = Plan::new(vec![job], vec!["x_title".to_owned()]);
        let made = Made {
            take: Take(take),
            task_id: "task/1",
        };
        let template = FileTemplate::parse(template).expect("a template");
        template.name(&plan, &plan.jobs()[0], made)
    }

    #[test]
    fn a_template_is_filled_in_and_a_second_take_is_told_from_the_first() {
        for (template, take, name) in [
            ("{id}", 1, "hero"),
            ("{id}", 2, "hero.take2"),
            ("{id}-{take}", 2, "hero-2"),
            ("{task_id}", 2, "task_1"),
            ("{x_title}", 3, "Ein Morgen.take3"),
            (
                "{ id } {model} {aspect_ratio}",
                1,
                "hero seedance2.0-fast-720p 16x9",
            ),
        ] {
            assert_eq!(named(template, "Ein Morgen", take).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_name_is_one_that_every_system_takes() {
        for (title, name) in [
            ("雨の夜 🎬", Some("雨の夜 🎬")),
            ("../../etc/passwd", Some("_.._etc_passwd")),
            ("a/b\\c:d*e?f\"g<h>i|j", Some("a_b_c_d_e_f_g_h_i_j")),
            ("a\u{202e}gpj\r\n\t.mp4", Some("a gpj .mp4")),
            (" .hidden. ", Some("hidden")),
            ("CON", Some("_CON")),
            ("nul.txt", Some("_nul.txt")),
            ("com1", Some("_com1")),
            ("com10", Some("com10")),
            ("-rf", Some("_-rf")),
            ("cafe\u{301}", Some("caf\u{e9}")),
            (" . ", None),
            ("", None),
        ] {
            assert_eq!(named("{x_title}", title, 1).as_deref(), name, "{title:?}");
        }
    }

    #[test]
    fn long_names_are_cut_between_characters_and_stay_different() {
        let long = "雪".repeat(100);
        let [one, other] = ["a", "b"]
            .map(|end| named("{x_title}", &format!("{long}{end}"), 2).expect("something is left"));
        assert_ne!(one, other);
        for name in [one, other] {
            assert!(
                name.len() <= NAME_BYTES && name.len() > NAME_BYTES - 6,
                "{name}"
            );
            assert!(name.starts_with("雪雪雪"), "{name}");
        }
    }

    #[test]
    fn a_template_that_cannot_be_meant_is_refused() {
        for (template, error) in [
            ("{id", TemplateError::Braces),
            ("id}", TemplateError::Braces),
            ("{title}", TemplateError::Unknown("title".to_owned())),
            ("a-{take}", TemplateError::Constant),
            ("", TemplateError::Constant),
            ("videos/{id}", TemplateError::Separator('/')),
        ] {
            assert_eq!(FileTemplate::parse(template), Err(error), "{template}");
        }
    }
}
