//! A job together with its defaults: the rules about more than one field. Start at [`Whole`]. A field that was
//! refused is there, but what it says is not known here, so that no rule repeats what a reader has said.

use super::reading::{Fields, Given, Origin, Place, Slot, is_from_table};
use super::{NEEDED, RowSeen};
use crate::manifest::diagnostic::{Diagnostic, Severity};
use crate::manifest::tree::{Key, Node, Span, Value};
use crate::plan::{Model, Operation, Text};

/// A job as it is pointed at.
pub(super) struct Subject {
    pub(super) at: Span,
    is_row: bool,
    template: Option<Template>,
}

/// A template that the fields of a row fill in.
struct Template {
    at: Span,
    /// Required fields for which there is neither a word nor a column.
    missing: Vec<&'static str>,
}

impl Subject {
    /// A job is pointed at by its id; without one, by its first field, or its row in a table.
    pub(super) fn new(map: &[(Key, Node)], job: &Node) -> Self {
        let is_row = is_from_table(job);
        let id = map
            .iter()
            .find(|(key, node)| key.name == "id" && node.value != Value::Null);
        let at = match (id, map.first()) {
            (Some((_, node)), _) => &node.span,
            (None, Some((key, _))) if !is_row => &key.span,
            _ => &job.span,
        };
        Self {
            at: at.clone(),
            is_row,
            template: None,
        }
    }

    /// A job made by a row of a table with a template.
    pub(super) fn row(row: RowSeen<'_>, map: &[(Key, Node)], template: &Span) -> Self {
        let is_missing = |name: &&str| {
            !row.columns.contains(name) && !map.iter().any(|(key, _)| key.name == *name)
        };
        let required = NEEDED.into_iter();
        Self {
            at: row.at.clone(),
            is_row: true,
            template: Some(Template {
                at: template.clone(),
                missing: required.filter(is_missing).collect(),
            }),
        }
    }

    /// What is wrong with the field of a row where no row could set it is wrong with the template.
    pub(super) fn blame(&self, field: &str, found: Diagnostic) -> Diagnostic {
        match &self.template {
            Some(template) if template.missing.contains(&field) => Diagnostic {
                span: template.at.clone(),
                ..found
            }
            .related(&self.at, "this row, for example"),
            _ => found,
        }
    }
}

/// A job with its defaults, as the rules about several fields see it.
pub(super) struct Whole<'a> {
    subject: &'a Subject,
    pub(super) model: &'a Slot<Model>,
    pub(super) prompt: &'a Slot<Text>,
    pub(super) duration: &'a Slot<u8>,
    image: &'a Slot<Text>,
    last_image: &'a Slot<Text>,
    images: &'a Slot<Vec<Text>>,
    videos: &'a Slot<Vec<Text>>,
    audios: &'a Slot<Vec<Text>>,
    operation: &'a Slot<Operation>,
}

/// Two fields that do not go together.
pub(super) struct Clash<'a> {
    pub(super) code: &'static str,
    severity: Severity,
    fields: (&'a Place, &'a Place),
    message: String,
    help: &'static str,
}

impl Clash<'_> {
    /// Whether both fields are defaults, which is a mistake there and not of every job.
    pub(super) fn is_in_defaults(&self) -> bool {
        let (first, second) = self.fields;
        first.origin == Origin::Defaults && second.origin == Origin::Defaults
    }

    /// At the later of the two fields; a default is not the place of a job's mistake unless both are defaults.
    pub(super) fn diagnostic(&self, subject: &Subject) -> Diagnostic {
        let (first, second) = self.fields;
        let rank = |place: &Place| (place.origin, place.name_at.bytes.start);
        let (place, other) = if rank(first) > rank(second) {
            (first, second)
        } else {
            (second, first)
        };
        let from_defaults = other.origin == Origin::Defaults;
        let help = if from_defaults && place.origin == Origin::Job && !subject.is_row {
            format!(
                "{}; `{}: null` in this job removes the default",
                self.help, other.name
            )
        } else {
            self.help.to_owned()
        };
        let words = if from_defaults {
            format!("`{}` comes from the defaults", other.name)
        } else {
            format!("`{}` is set here", other.name)
        };
        Diagnostic {
            severity: self.severity,
            ..Diagnostic::error(self.code, &place.name_at, self.message.clone(), help)
        }
        .related(&other.name_at, words)
    }
}

impl<'a> Whole<'a> {
    pub(super) fn new(subject: &'a Subject, fields: &'a Fields, defaults: &'a Fields) -> Self {
        Self {
            subject,
            model: fields.model.over(&defaults.model),
            prompt: fields.prompt.over(&defaults.prompt),
            duration: fields.duration.over(&defaults.duration),
            image: fields.image.over(&defaults.image),
            last_image: fields.last_image.over(&defaults.last_image),
            images: fields.images.over(&defaults.images),
            videos: fields.videos.over(&defaults.videos),
            audios: fields.audios.over(&defaults.audios),
            operation: fields.operation.over(&defaults.operation),
        }
    }

    pub(super) fn require<T>(
        &self,
        code: &'static str,
        name: &str,
        slot: &Slot<T>,
        example: &str,
    ) -> Option<Diagnostic> {
        let template = self.subject.template.as_ref();
        let help = if template.is_some_and(|it| it.missing.contains(&name)) {
            format!("write `{name}: {example}` in the `template:`, or fill in a `{name}` column")
        } else if self.subject.is_row {
            format!("fill in the `{name}` column")
        } else {
            format!("add `{name}: {example}` to the job, or to `defaults`")
        };
        match slot {
            Slot::Absent => {
                let message = format!("this job has no `{name}`");
                let found = Diagnostic::error(code, &self.subject.at, message, help);
                Some(self.subject.blame(name, found))
            }
            Slot::Removed(place) => {
                let message = format!("`{name}` has no value");
                let help = format!("write one: `{name}: {example}`");
                Some(Diagnostic::error(code, &place.name_at, message, help))
            }
            Slot::Wrong(_) | Slot::Given(_) => None,
        }
    }

    /// `error`, which is because of `place`: if that is a default, at the job, with a word about the default.
    fn because_of(&self, place: &Place, error: Diagnostic) -> Diagnostic {
        match place.origin {
            Origin::Job => error,
            Origin::Defaults => Diagnostic {
                span: self.subject.at.clone(),
                ..error
            }
            .related(
                &place.name_at,
                format!("`{}` comes from the defaults", place.name),
            ),
        }
    }

    pub(super) fn check_last_image(&self) -> Option<Diagnostic> {
        let place = self.last_image.place()?;
        if !self.image.is_unset() {
            return None;
        }
        let code = "last-image-without-image";
        let message = "`last_image` without `image`: a last frame needs a first one";
        let help = "add `image`, or name the picture `image` if it is the first frame";
        Some(self.because_of(
            place,
            Diagnostic::error(code, &place.name_at, message, help),
        ))
    }

    pub(super) fn check_operation(&self) -> Option<Diagnostic> {
        let Given {
            value: operation,
            place,
        } = self.operation.given()?;
        let frames = [self.image, self.last_image];
        let lists = [self.images, self.videos, self.audios];
        let (needs, met) = match operation {
            Operation::FirstLastFrame => (
                "`image` and `last_image`",
                frames.iter().all(|slot| !slot.is_unset()),
            ),
            Operation::ReferenceToVideo => (
                "`images`, `videos` or `audios`",
                lists.iter().any(|slot| !slot.is_unset()),
            ),
            Operation::EditVideo | Operation::ExtendVideo => ("`videos`", !self.videos.is_unset()),
        };
        if met {
            return None;
        }
        let message = format!("`operation: {operation}` needs {needs}");
        let help = format!("set {needs}, or leave `operation` out");
        let error = Diagnostic::error("operation-mismatch", &place.at, message, help);
        Some(self.because_of(place, error))
    }

    /// First or last frame together with references: the API tells the mode from the fields that are set.
    pub(super) fn clash(&self) -> Option<Clash<'a>> {
        let frame = self.image.place().or(self.last_image.place())?;
        let reference = self.images.place().or(self.videos.place());
        if let Some(reference) = reference {
            let (first, second) = (frame.name, reference.name);
            return Some(Clash {
                code: "mixed-inputs",
                severity: Severity::Error,
                fields: (frame, reference),
                message: format!(
                    "`{first}` and `{second}` in one job: it is unclear whether it starts from a frame or follows references"
                ),
                help: "keep one of them: a first frame goes into `image`, reference pictures go into `images`",
            });
        }
        let audios = self.audios.place()?;
        Some(Clash {
            code: "mixed-audios",
            severity: Severity::Warning,
            fields: (frame, audios),
            message: format!(
                "`{}` and `audios` in one job: the provider does not say whether the picture is then a frame or a reference",
                frame.name
            ),
            help: "move the picture to `images` if it is a reference",
        })
    }
}
