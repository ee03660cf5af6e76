//! The tree of a job, or of the defaults, field by field: each field is absent, removed, refused or given, and given
//! ones know where they stand. Start at [`Fields`]. Knows one tree at a time.

use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::fields::{
    self, EXTRA_FIELDS, Field, JOB_FIELDS, Kind, List, USER_PREFIX, listed,
};
use crate::manifest::tree::{Key, Node, Span, Value};
use crate::manifest::values::{self, shown};
use crate::plan::{
    AspectRatio, ExtraBody, Flag, JobId, Media, Model, Operation, RequestFields, Text, VideoRequest,
};

/// Whether a value stands in the job or in the defaults; the job's sort last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    Defaults,
    Job,
}

/// Where a field stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) name: &'static str,
    pub(super) origin: Origin,
    /// Its value.
    pub(super) at: Span,
    /// Its name; in a table, where the name is in another row, its cell.
    pub(super) name_at: Span,
}

#[derive(Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// What a job, or the defaults, say about a field.
#[derive(Debug, Default)]
pub(super) enum Slot<T> {
    /// Nothing.
    #[default]
    Absent,
    /// `null`: no value, whatever the defaults say.
    Removed(Place),
    /// Something that was refused and reported: no rule speaks about its value again. It stands at the place, unless
    /// it is empty or only its name was misspelt.
    Wrong(Option<Place>),
    Given(Given<T>),
}

impl<T> Slot<T> {
    pub(super) fn over<'a>(&'a self, default: &'a Self) -> &'a Self {
        if matches!(self, Self::Absent) {
            default
        } else {
            self
        }
    }

    pub(super) fn given(&self) -> Option<&Given<T>> {
        match self {
            Self::Given(given) => Some(given),
            _ => None,
        }
    }

    /// Where it is set, to a right value or to a wrong one.
    pub(super) fn place(&self) -> Option<&Place> {
        match self {
            Self::Given(given) => Some(&given.place),
            Self::Wrong(place) => place.as_ref(),
            Self::Absent | Self::Removed(_) => None,
        }
    }

    /// Whether there is nothing here, not even something refused.
    pub(super) fn is_unset(&self) -> bool {
        matches!(self, Self::Absent | Self::Removed(_))
    }

    fn doubt(&mut self) {
        if matches!(self, Self::Absent) {
            *self = Self::Wrong(None);
        }
    }
}

impl<T: Clone> Slot<T> {
    /// The value that counts, this one or the default's.
    fn settle(self, default: &Self) -> Result<Option<T>, Refused> {
        match self {
            Self::Given(given) => Ok(Some(given.value)),
            other => other.settled(default),
        }
    }

    /// A copy of the value that counts.
    pub(super) fn settled(&self, default: &Self) -> Result<Option<T>, Refused> {
        match self.over(default) {
            Self::Given(given) => Ok(Some(given.value.clone())),
            Self::Wrong(_) => Err(Refused),
            Self::Removed(_) | Self::Absent => Ok(None),
        }
    }
}

/// A tree of fields, read: one slot for each field, and the user's own fields.
#[derive(Debug, Default)]
pub(super) struct Fields {
    pub(super) id: Slot<JobId>,
    pub(super) model: Slot<Model>,
    pub(super) prompt: Slot<Text>,
    pub(super) duration: Slot<u8>,
    pub(super) aspect_ratio: Slot<AspectRatio>,
    pub(super) image: Slot<Text>,
    pub(super) last_image: Slot<Text>,
    pub(super) images: Slot<Vec<Text>>,
    pub(super) videos: Slot<Vec<Text>>,
    pub(super) audios: Slot<Vec<Text>>,
    pub(super) generate_audio: Slot<bool>,
    pub(super) seed: Slot<i64>,
    pub(super) watermark: Slot<Flag>,
    pub(super) camera_fixed: Slot<Flag>,
    pub(super) return_last_frame: Slot<Flag>,
    pub(super) operation: Slot<Operation>,
    pub(super) own: Vec<(String, Text)>,
}

/// One field as it is being read.
struct Reading<'a> {
    key: &'a Key,
    node: &'a Node,
    origin: Origin,
    diagnostics: &'a mut Diagnostics,
}

impl Fields {
    pub(super) fn read(map: &[(Key, Node)], origin: Origin, diagnostics: &mut Diagnostics) -> Self {
        let mut fields = Self::default();
        for (key, node) in map {
            fields.read_field(Reading {
                key,
                node,
                origin,
                diagnostics,
            });
        }
        fields
    }

    fn read_field(&mut self, mut reading: Reading<'_>) {
        let name = reading.key.name.as_str();
        if let Some(field) = fields::JOB.iter().find(|field| field.name == name) {
            self.read_known(field, &mut reading);
        } else if name.starts_with(USER_PREFIX) {
            if let Some(value) = values::own(name, reading.node, reading.diagnostics) {
                self.own.push((name.to_owned(), value.into()));
            }
        } else if reading.is_secret() {
            reading.refuse_secret();
        } else {
            if let Some(meant) = fields::meant(name) {
                self.doubt(&meant);
            }
            reading
                .diagnostics
                .push(unknown_field(reading.key, reading.node));
        }
    }

    fn read_known(&mut self, field: &Field, reading: &mut Reading<'_>) {
        match field.kind {
            Kind::Id if reading.origin == Origin::Defaults => {
                let help = "take it out here, and give each job an `id` of its own";
                let message = "`id` cannot have a default: every job needs a different one";
                reading.diagnostics.push(Diagnostic::error(
                    "id-in-defaults",
                    &reading.key.span,
                    message,
                    help,
                ));
            }
            Kind::Id => self.id = reading.slot(field, values::id),
            Kind::Model => self.model = reading.slot(field, values::model),
            Kind::Prompt => self.prompt = reading.text(field, values::prompt),
            Kind::Duration => self.duration = reading.slot(field, values::duration),
            Kind::AspectRatio => self.aspect_ratio = reading.slot(field, values::aspect_ratio),
            Kind::Picture => *self.picture(field.name) = reading.text(field, values::picture),
            Kind::Addresses(list) => *self.addresses(field.name) = reading.list(field, list),
            Kind::ExtraBody => self.read_extra(reading),
            Kind::Boolean => self.generate_audio = reading.slot(field, values::boolean),
            Kind::Flag => *self.flag(field.name) = reading.slot(field, values::flag),
            Kind::Seed => self.seed = reading.slot(field, values::seed),
            Kind::Operation => self.operation = reading.slot(field, values::operation),
        }
    }

    fn read_extra(&mut self, reading: &mut Reading<'_>) {
        let map = match &reading.node.value {
            Value::Map(map) => map,
            Value::Null => return self.remove_extra(reading),
            _ => {
                let help = "write a map: `extra_body: {seed: 42}`";
                return reading.diagnostics.push(values::wrong_type(
                    "extra_body",
                    reading.node,
                    "a map of fields",
                    help,
                ));
            }
        };
        for (key, node) in map {
            let mut inner = Reading {
                key,
                node,
                origin: reading.origin,
                diagnostics: reading.diagnostics,
            };
            match fields::EXTRA.iter().find(|field| field.name == key.name) {
                Some(field) => self.read_known(field, &mut inner),
                None if inner.is_secret() => inner.refuse_secret(),
                None => inner.diagnostics.push(unknown_extra_field(key)),
            }
        }
    }

    /// `extra_body: null` removes every default under it.
    fn remove_extra(&mut self, reading: &mut Reading<'_>) {
        for field in &fields::EXTRA {
            self.read_known(field, reading);
        }
    }

    fn picture(&mut self, name: &str) -> &mut Slot<Text> {
        if name == "image" {
            &mut self.image
        } else {
            &mut self.last_image
        }
    }

    fn addresses(&mut self, name: &str) -> &mut Slot<Vec<Text>> {
        match name {
            "images" => &mut self.images,
            "videos" => &mut self.videos,
            _ => &mut self.audios,
        }
    }

    fn flag(&mut self, name: &str) -> &mut Slot<Flag> {
        match name {
            "watermark" => &mut self.watermark,
            "camera_fixed" => &mut self.camera_fixed,
            _ => &mut self.return_last_frame,
        }
    }

    /// A misspelt field was reported, or one that could not be filled in: that the field is missing is not worth a
    /// second report.
    pub(super) fn doubt(&mut self, meant: &str) {
        match meant {
            "id" => self.id.doubt(),
            "model" => self.model.doubt(),
            "prompt" => self.prompt.doubt(),
            "duration" => self.duration.doubt(),
            "aspect_ratio" => self.aspect_ratio.doubt(),
            "generate_audio" => self.generate_audio.doubt(),
            "seed" => self.seed.doubt(),
            "operation" => self.operation.doubt(),
            "watermark" | "camera_fixed" | "return_last_frame" => self.flag(meant).doubt(),
            "image" | "last_image" => self.picture(meant).doubt(),
            "images" | "videos" | "audios" => self.addresses(meant).doubt(),
            _ => {}
        }
    }

    /// Whether nothing is set but the model, the duration and the aspect ratio.
    pub(super) fn have_only_choices(&self) -> bool {
        fn is_absent<T>(slot: &Slot<T>) -> bool {
            matches!(slot, Slot::Absent)
        }
        let words = [&self.prompt, &self.image, &self.last_image];
        let lists = [&self.images, &self.videos, &self.audios];
        let flags = [&self.watermark, &self.camera_fixed, &self.return_last_frame];
        words.into_iter().all(is_absent)
            && lists.into_iter().all(is_absent)
            && flags.into_iter().all(is_absent)
            && is_absent(&self.id)
            && is_absent(&self.generate_audio)
            && is_absent(&self.seed)
            && is_absent(&self.operation)
            && self.own.is_empty()
    }

    /// The id that is made for the job if it has none, unless prompt or media were refused.
    pub(super) fn made_id(&self, defaults: &Self) -> Result<JobId, Refused> {
        let prompt = self.prompt.over(&defaults.prompt).given().ok_or(Refused)?;
        let list = |slot: &Slot<Vec<Text>>, default| Ok(slot.settled(default)?.unwrap_or_default());
        let media = Media {
            image: self.image.settled(&defaults.image)?,
            last_image: self.last_image.settled(&defaults.last_image)?,
            images: list(&self.images, &defaults.images)?,
            videos: list(&self.videos, &defaults.videos)?,
            audios: list(&self.audios, &defaults.audios)?,
        };
        Ok(JobId::of(&prompt.value, &media))
    }

    /// What is sent, unless a field was refused here or in the defaults.
    pub(super) fn into_request(self, defaults: &Self) -> Result<VideoRequest, Refused> {
        let media = Media {
            image: self.image.settle(&defaults.image)?,
            last_image: self.last_image.settle(&defaults.last_image)?,
            images: self.images.settle(&defaults.images)?.unwrap_or_default(),
            videos: self.videos.settle(&defaults.videos)?.unwrap_or_default(),
            audios: self.audios.settle(&defaults.audios)?.unwrap_or_default(),
        };
        let extra = ExtraBody {
            generate_audio: self.generate_audio.settle(&defaults.generate_audio)?,
            seed: self.seed.settle(&defaults.seed)?,
            watermark: self.watermark.settle(&defaults.watermark)?,
            camera_fixed: self.camera_fixed.settle(&defaults.camera_fixed)?,
            return_last_frame: self.return_last_frame.settle(&defaults.return_last_frame)?,
            operation: self.operation.settle(&defaults.operation)?,
        };
        Ok(VideoRequest::new(RequestFields {
            model: self.model.settle(&defaults.model)?.ok_or(Refused)?,
            prompt: self.prompt.settle(&defaults.prompt)?.ok_or(Refused)?,
            duration: self.duration.settle(&defaults.duration)?,
            aspect_ratio: self.aspect_ratio.settle(&defaults.aspect_ratio)?,
            media,
            extra,
        }))
    }
}

/// A field was refused, which is reported already.
#[derive(Debug)]
pub(super) struct Refused;

impl Reading<'_> {
    fn slot<T>(
        &mut self,
        field: &Field,
        read: impl FnOnce(&str, &Node, &mut Diagnostics) -> Option<T>,
    ) -> Slot<T> {
        match &self.node.value {
            Value::Null => return Slot::Removed(self.place(field)),
            Value::Cell(text) if text.trim().is_empty() => return Slot::Absent,
            _ => {}
        }
        match read(field.name, self.node, self.diagnostics) {
            Some(value) => Slot::Given(Given {
                value,
                place: self.place(field),
            }),
            // What is empty was probably meant to be left out.
            None if self.is_empty() => Slot::Wrong(None),
            None => Slot::Wrong(Some(self.place(field))),
        }
    }

    fn is_empty(&self) -> bool {
        match &self.node.value {
            Value::List(elements) => elements.is_empty(),
            Value::Text(text) => text.trim().is_empty(),
            _ => false,
        }
    }

    /// Whether the field holds the API key, by its name, and not another field by another name.
    fn is_secret(&self) -> bool {
        fields::is_secret(&self.key.name) && fields::meant(&self.key.name).is_none()
    }

    fn refuse_secret(&mut self) {
        self.diagnostics.hide(&self.node.span);
        self.diagnostics.push(fields::secret(&self.key.span));
    }

    fn text(
        &mut self,
        field: &Field,
        read: impl FnOnce(&str, &Node, &mut Diagnostics) -> Option<Box<str>>,
    ) -> Slot<Text> {
        self.slot(field, |name, node, diagnostics| {
            read(name, node, diagnostics).map(Text::from)
        })
    }

    fn list(&mut self, field: &Field, list: List) -> Slot<Vec<Text>> {
        self.slot(field, |name, node, diagnostics| {
            let addresses = values::addresses(name, list, node, diagnostics)?;
            Some(addresses.into_iter().map(Text::from).collect())
        })
    }

    pub(super) fn place(&self, field: &Field) -> Place {
        let name_at = if is_from_table(self.node) {
            &self.node.span
        } else {
            &self.key.span
        };
        Place {
            name: field.name,
            origin: self.origin,
            at: self.node.span.clone(),
            name_at: name_at.clone(),
        }
    }
}

/// Whether there is a cell of a table in `node`.
pub(super) fn is_from_table(node: &Node) -> bool {
    match &node.value {
        Value::Cell(_) => true,
        Value::List(elements) => elements.iter().any(is_from_table),
        Value::Map(map) => map.iter().any(|(_, node)| is_from_table(node)),
        _ => false,
    }
}

fn unknown_field(key: &Key, node: &Node) -> Diagnostic {
    let name = key.name.as_str();
    if name == "content" {
        let message = "`content` is another input style, which is not sent";
        let help =
            "write the text as `prompt`, and addresses as `image`, `images`, `videos` or `audios`";
        return Diagnostic::error("content-array", &key.span, message, help);
    }
    let bare = name.strip_prefix("extra_body.").unwrap_or(name);
    if EXTRA_FIELDS.contains(&bare) {
        let message = format!("`{name}` is not a field of the job itself, but of its `extra_body`");
        let help = format!(
            "write `extra_body: {{{bare}: {}}}`",
            values::scalar(&node.value).unwrap_or("…".to_owned())
        );
        return Diagnostic::error("unknown-field", &key.span, message, help);
    }
    let help = fields::advice(name);
    let message = format!("unknown field `{}`", shown(name));
    Diagnostic::error("unknown-field", &key.span, message, help)
}

fn unknown_extra_field(key: &Key) -> Diagnostic {
    let name = key.name.as_str();
    let help = if JOB_FIELDS.contains(&name) {
        format!("move `{name}` out of `extra_body`, into the job itself")
    } else if name.starts_with(USER_PREFIX) {
        "a field of your own stands in the job itself".to_owned()
    } else {
        match fields::nearest(name, EXTRA_FIELDS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the fields of `extra_body` are {}", listed(EXTRA_FIELDS)),
        }
    };
    let message = format!("unknown field `{}` under `extra_body`", shown(name));
    Diagnostic::error("unknown-field", &key.span, message, help)
}
