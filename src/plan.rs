//! What a manifest means once it is valid: the jobs of a run, each with the exact request it will send.
//!
//! Start at [`Plan`]. Values here are valid by construction and only `manifest` builds them; this module knows no
//! file, no network and no clock.

mod texts;

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub(crate) use self::texts::Shared;
pub use self::texts::Text;
use crate::money::{Cost, Priced, Pricing};
use crate::text::{clean, folded, is_mark, is_unseen};

/// Every job of a manifest, in manifest order.
#[derive(Debug, Clone)]
pub struct Plan {
    jobs: Arc<Vec<Job>>,
    user_columns: Vec<String>,
    pricing: Option<Pricing>,
}

impl Plan {
    /// A plan of `jobs`; `user_columns` are the names of the `x_` fields in order of first appearance, and
    /// [`Job::user_values`] of each job are numbered in that order.
    pub(crate) fn new(jobs: Vec<Job>, user_columns: Vec<String>) -> Self {
        Self {
            jobs: Arc::new(jobs),
            user_columns,
            pricing: None,
        }
    }

    /// The same with a price list.
    #[must_use]
    pub fn with_pricing(self, pricing: Option<Pricing>) -> Self {
        Self { pricing, ..self }
    }

    /// What the user says that videos cost; without it every price is unknown.
    pub fn pricing(&self) -> Option<&Pricing> {
        self.pricing.as_ref()
    }

    /// What `job` is expected to cost; `None` if that is unknown.
    pub fn price(&self, job: &Job) -> Option<Cost> {
        let pricing = self.pricing.as_ref()?;
        let amount = pricing.price(Priced::of(job.request()))?;
        Some(Cost {
            amount,
            currency: pricing.currency,
        })
    }

    /// The jobs in manifest order.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// The same, to be held in common.
    pub(crate) fn shared_jobs(&self) -> Arc<Vec<Job>> {
        Arc::clone(&self.jobs)
    }

    /// Names of the user's own columns, `x_` included.
    pub fn user_columns(&self) -> &[String] {
        &self.user_columns
    }
}

/// One video that is wanted.
#[derive(Debug, Clone)]
pub struct Job {
    id: JobId,
    request: VideoRequest,
    user_values: UserValues,
    origin: Origin,
}

impl Job {
    pub(crate) fn new(id: JobId, request: VideoRequest, user_values: UserValues) -> Self {
        Self {
            id,
            request,
            user_values,
            origin: Origin::default(),
        }
    }

    pub(crate) fn with_origin(self, origin: Origin) -> Self {
        Self { origin, ..self }
    }

    /// Where it comes from.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The name of the job, unique in its manifest (ignoring case).
    pub fn id(&self) -> &JobId {
        &self.id
    }

    /// What is sent to the provider.
    pub fn request(&self) -> &VideoRequest {
        &self.request
    }

    /// Values of the user's own columns, [`Plan::user_columns`].
    pub fn user_values(&self) -> &UserValues {
        &self.user_values
    }

    /// The texts of which each job has its own, as a rule.
    fn own_texts(&mut self) -> impl Iterator<Item = &mut Text> {
        let UserValues(values) = &mut self.user_values;
        let values = Arc::get_mut(values).unwrap_or_default();
        [&mut self.id.0]
            .into_iter()
            .chain(self.request.texts())
            .chain(values.iter_mut().map(|(_, value)| value))
    }
}

/// What a job has in the user's own columns. Only what is not empty takes memory: every job may have columns of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UserValues(Arc<[(u32, Text)]>);

impl UserValues {
    /// The `values`, each with the number of its column; the later one counts where a column has two.
    pub(crate) fn new(mut values: Vec<(u32, Text)>) -> Self {
        values.reverse();
        values.sort_by_key(|(column, _)| *column);
        values.dedup_by_key(|(column, _)| *column);
        values.retain(|(_, value)| !value.is_empty());
        Self(values.into())
    }

    /// The value in the column with this number; empty if there is none.
    pub fn get(&self, column: usize) -> &str {
        let Self(values) = self;
        let place = values.binary_search_by_key(&column, |(column, _)| *column as usize);
        place.map_or("", |place| &values[place].1)
    }

    /// The values that are not empty, each with the number of its column.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        let Self(values) = self;
        values
            .iter()
            .map(|(column, value)| (*column as usize, &**value))
    }
}

/// Where a job comes from, in few bytes: a plan may have a million of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// Number of the file it is written in: 0 is the manifest, then each table.
    pub file: u16,
    /// Which element of the list of jobs, from 0.
    pub element: u32,
    /// The byte of the file at which the job, or its row, begins.
    pub start: u32,
    /// The row of a table, counted as a spreadsheet does: the header is row 1.
    pub row: Option<NonZeroU32>,
    /// Which of the jobs it is that one element or row makes, if it makes several.
    pub expansion: Option<Box<Expansion>>,
}

/// Which of several jobs that were written as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// The axes of its matrix and the number of its combination.
    pub combination: Option<(Arc<Axes>, u32)>,
    /// Its number among the variants, from 1.
    pub variant: Option<NonZeroU32>,
}

/// The names and values of a matrix, as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Axes {
    /// Each axis: its name and its values.
    pub(crate) axes: Vec<(Box<str>, Vec<Box<str>>)>,
    /// Further combinations, a value for each axis.
    pub(crate) included: Vec<Vec<Box<str>>>,
}

impl Axes {
    /// The axes with their values in one combination. Combinations count up with the last axis first; those that
    /// were included come after all others.
    pub fn combination(&self, number: u32) -> Vec<(&str, &str)> {
        let choices = self.choices(number);
        let value = |axis: usize| match &choices {
            Ok(choices) => &*self.axes[axis].1[choices[axis]],
            Err(included) => &*self.included[*included][axis],
        };
        let names = self.axes.iter().enumerate();
        names
            .map(|(axis, (name, _))| (&**name, value(axis)))
            .collect()
    }

    /// Which value of each axis a combination has, or which of the included ones it is.
    pub(crate) fn choices(&self, number: u32) -> Result<Vec<usize>, usize> {
        let mut left = number as usize;
        let mut choices = vec![0; self.axes.len()];
        for (choice, (_, values)) in choices.iter_mut().zip(&self.axes).rev() {
            *choice = left % values.len();
            left /= values.len();
        }
        let of_axes: usize = self.axes.iter().map(|(_, values)| values.len()).product();
        match left {
            0 => Ok(choices),
            _ => Err(number as usize - of_axes),
        }
    }
}

impl Origin {
    /// The axes of its matrix with their values; empty without a matrix.
    pub fn combination(&self) -> Vec<(&str, &str)> {
        let expansion = self.expansion.as_deref();
        let combination = expansion.and_then(|expansion| expansion.combination.as_ref());
        combination.map_or_else(Vec::new, |(axes, number)| axes.combination(*number))
    }

    /// The same for all jobs that one element, or one row, makes: these are meant to look alike.
    pub(crate) fn look_group(&self) -> u32 {
        let row = self.row.map_or(0, NonZeroU32::get);
        self.element.wrapping_mul(0x9E37_79B1) ^ row
    }

    /// Its number among the variants.
    pub fn variant(&self) -> Option<NonZeroU32> {
        self.expansion.as_ref()?.variant
    }

    /// What tells it from others of its element, such as `row 7, color=red, variant 2`; may be empty.
    pub fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.row.map(|row| format!("row {row}")));
        let pair = |(axis, value): (&str, &str)| format!("{axis}={}", clean(value, 60));
        words.extend(self.combination().into_iter().map(pair));
        words.extend(self.variant().map(|number| format!("variant {number}")));
        words.join(", ")
    }
}

/// Most characters a job id may have.
pub const JOB_ID_LIMIT: usize = 100;

/// Most bytes a job id may have in UTF-8, so that `<id>.mp4` fits every file system.
const JOB_ID_BYTES: usize = 240;

/// The name of a job: letters with their marks, digits, `.`, `_`, `-`, starting with a letter or digit.
///
/// ```
/// use shotlist::plan::JobId;
/// assert!(JobId::new("hero-2.final").is_ok());
/// assert!(JobId::new("नमस्ते").is_ok());
/// assert!(JobId::new("../hero").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(Text);

/// Why a text is not a job id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobIdError {
    /// No characters at all.
    #[error("the id is empty")]
    Empty,
    /// Over 100 characters.
    #[error("the id is longer than {JOB_ID_LIMIT} characters")]
    TooLong,
    /// Over 240 bytes.
    #[error("the id takes more than {JOB_ID_BYTES} bytes, too many for the name of a video file")]
    TooManyBytes,
    /// The first character is not a letter or digit.
    #[error("the id starts with `{0}`, not with a letter or digit")]
    Start(char),
    /// A later character is not allowed.
    #[error("the id contains `{}`{}", .0.escape_debug(), if is_unseen(*.0) { ", which cannot be seen" } else { "" })]
    Character(char),
    /// A mark that belongs to a letter, and none is before it.
    #[error("the id has the mark `{}` without a letter before it", .0.escape_debug())]
    Mark(char),
}

impl JobId {
    /// Checks `text` and keeps it as it is.
    pub fn new(text: &str) -> Result<Self, JobIdError> {
        Self::check(text)?;
        Ok(Self(text.into()))
    }

    /// Whether `text` can be an id.
    pub(crate) fn check(text: &str) -> Result<(), JobIdError> {
        if is_plain_id(text) {
            return Ok(());
        }
        let first = text.chars().next().ok_or(JobIdError::Empty)?;
        let is_letter = |c: char| c.is_alphanumeric() || is_mark(c);
        if let Some(bad) = text
            .chars()
            .find(|c| !(is_letter(*c) || matches!(c, '.' | '_' | '-')))
        {
            return Err(JobIdError::Character(bad));
        }
        let before = [' '].into_iter().chain(text.chars());
        let mut pairs = before.zip(text.chars());
        if let Some((_, mark)) =
            pairs.find(|(left, it)| !it.is_alphanumeric() && is_mark(*it) && !is_letter(*left))
        {
            return Err(JobIdError::Mark(mark));
        }
        if !first.is_alphanumeric() {
            return Err(JobIdError::Start(first));
        }
        if text.chars().count() > JOB_ID_LIMIT {
            return Err(JobIdError::TooLong);
        }
        if text.len() > JOB_ID_BYTES {
            return Err(JobIdError::TooManyBytes);
        }
        Ok(())
    }

    /// The id of a job that was given none: `j-` and 12 hex digits of the hash of prompt and media only, so that
    /// reordering rows or editing other fields keeps it.
    pub fn from_content(request: &VideoRequest) -> Self {
        Self::of(request.prompt(), request.media())
    }

    /// The same, of a job that is not yet a request.
    pub(crate) fn of(prompt: &str, media: &Media) -> Self {
        let mut hash = Sha256::new();
        hash_field(&mut hash, "prompt", prompt);
        media.hash_into(&mut hash);
        Self(format!("j-{}", hex(&hash.finalize()[..6])).into())
    }

    /// The id of a variant of the job with this id: `-v` and the number are added.
    pub(crate) fn variant(&self, number: NonZeroU32) -> Result<Self, JobIdError> {
        Self::new(&format!("{self}-v{number}"))
    }

    /// A seed for a variant, 31 bits, always the same for the same id and number.
    pub(crate) fn seed(&self, number: NonZeroU32) -> i64 {
        let mut hash = Sha256::new();
        hash_field(&mut hash, "id", &self.folded());
        hash_field(&mut hash, "variant", &number.to_string());
        let digest = hash.finalize();
        let bits = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        i64::from(bits >> 1)
    }

    /// The id as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as it is compared: ids differ only if they differ ignoring case and how an accent is written.
    pub fn folded(&self) -> Cow<'_, str> {
        folded(&self.0)
    }

    /// Whether [`Self::folded`] is `folded`.
    pub(crate) fn is_folded(&self, folded: &str) -> bool {
        *self.0 == *folded || self.folded() == folded
    }
}

/// Whether a text is an id such as most are: of ASCII characters, which are told by their bytes.
fn is_plain_id(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.len() <= JOB_ID_LIMIT
        && text.bytes().all(is_plain)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A create request, field for field as the API page lists them; unset fields are not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoRequest {
    model: Model,
    prompt: Text,
    duration: Option<u8>,
    aspect_ratio: Option<AspectRatio>,
    media: Option<Box<Media>>,
    extra: ExtraBody,
}

/// What is sent for a video that is made of words alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TextRequest<'t> {
    pub(crate) model: Model,
    pub(crate) prompt: &'t str,
    pub(crate) duration: Option<u8>,
    pub(crate) aspect_ratio: Option<AspectRatio>,
}

/// The fields of a [`VideoRequest`] by name.
#[derive(Debug, Clone)]
pub struct RequestFields {
    /// Tier and resolution.
    pub model: Model,
    /// Not blank, sent untrimmed.
    pub prompt: Text,
    /// Clip length in whole seconds, 5–15.
    pub duration: Option<u8>,
    /// Absent: the provider's default.
    pub aspect_ratio: Option<AspectRatio>,
    /// Referenced pictures, videos and sounds.
    pub media: Media,
    /// Fields under `extra_body`.
    pub extra: ExtraBody,
}

/// Shortest and longest clip, in seconds (API page: "any value from 5 to 15").
pub const DURATION_SECONDS: std::ops::RangeInclusive<u8> = 5..=15;

impl VideoRequest {
    /// A request of `fields`, which `manifest` has validated.
    pub(crate) fn new(fields: RequestFields) -> Self {
        debug_assert!(!fields.prompt.trim().is_empty());
        debug_assert!(
            fields
                .duration
                .is_none_or(|seconds| DURATION_SECONDS.contains(&seconds))
        );
        debug_assert!(fields.media.last_image.is_none() || fields.media.image.is_some());
        Self {
            model: fields.model,
            prompt: fields.prompt,
            duration: fields.duration,
            aspect_ratio: fields.aspect_ratio,
            media: (fields.media != Media::default()).then(|| Box::new(fields.media)),
            extra: fields.extra,
        }
    }

    /// Tier and resolution.
    pub fn model(&self) -> Model {
        self.model
    }

    /// The prompt, untrimmed.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Clip length in whole seconds.
    pub fn duration(&self) -> Option<u8> {
        self.duration
    }

    /// Shape of the picture.
    pub fn aspect_ratio(&self) -> Option<AspectRatio> {
        self.aspect_ratio
    }

    /// Referenced pictures, videos and sounds.
    pub fn media(&self) -> &Media {
        static NONE: Media = Media {
            image: None,
            last_image: None,
            images: Vec::new(),
            videos: Vec::new(),
            audios: Vec::new(),
        };
        self.media.as_deref().unwrap_or(&NONE)
    }

    /// Fields under `extra_body`.
    pub fn extra(&self) -> &ExtraBody {
        &self.extra
    }

    /// Which of the four ways of making a video this request takes.
    pub fn mode(&self) -> Mode {
        let media = self.media();
        if media.last_image.is_some() {
            Mode::FirstLast
        } else if !(media.images.is_empty() && media.videos.is_empty() && media.audios.is_empty()) {
            Mode::Reference
        } else if media.image.is_some() {
            Mode::Image
        } else {
            Mode::Text
        }
    }

    /// A hash of everything that is sent: two requests with one fingerprint ask for the same video.
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash_field(&mut hash, "model", self.model.as_str());
        hash_field(&mut hash, "prompt", &self.prompt);
        if let Some(duration) = self.duration {
            hash_field(&mut hash, "duration", &duration.to_string());
        }
        if let Some(ratio) = self.aspect_ratio {
            hash_field(&mut hash, "aspect_ratio", ratio.as_str());
        }
        self.media().hash_into(&mut hash);
        self.extra.hash_into(&mut hash);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        Fingerprint(digest)
    }
}

impl VideoRequest {
    /// All of it, if it has neither media nor fields under `extra_body`.
    pub(crate) fn as_text(&self) -> Option<TextRequest<'_>> {
        let is_text = self.media.is_none() && self.extra == ExtraBody::default();
        is_text.then_some(TextRequest {
            model: self.model,
            prompt: &self.prompt,
            duration: self.duration,
            aspect_ratio: self.aspect_ratio,
        })
    }

    /// Takes its long texts from those of other jobs, where these have the same.
    pub(crate) fn share(&mut self, texts: &mut Shared) {
        self.texts().for_each(|text| texts.share(text));
    }

    /// The prompt and the addresses.
    fn texts(&mut self) -> impl Iterator<Item = &mut Text> {
        let media = self.media.as_deref_mut().into_iter();
        let addresses = media.flat_map(|media| {
            let single = [&mut media.image, &mut media.last_image];
            let lists = [&mut media.images, &mut media.videos, &mut media.audios];
            let lists = lists.into_iter().flatten();
            single.into_iter().flatten().chain(lists)
        });
        [&mut self.prompt].into_iter().chain(addresses)
    }

    /// A hash of what makes the picture: prompt, media and seed, if a seed is set. Two requests that share it ask for
    /// almost the same video.
    pub(crate) fn look(&self) -> Option<Fingerprint> {
        let seed = self.extra.seed?;
        let mut hash = Sha256::new();
        hash_field(&mut hash, "prompt", &self.prompt);
        hash_field(&mut hash, "seed", &seed.to_string());
        self.media().hash_into(&mut hash);
        let mut digest = [0; 16];
        digest.copy_from_slice(&hash.finalize()[..16]);
        Some(Fingerprint(digest))
    }
}

/// Feeds one named value to `hash` so that no two different lists of values look alike.
fn hash_field(hash: &mut Sha256, name: &str, value: &str) {
    hash.update(name.as_bytes());
    hash.update([0]);
    hash.update((value.len() as u64).to_le_bytes());
    hash.update(value.as_bytes());
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first 128 bits of the SHA-256 of a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Its first half.
    pub(crate) fn short(self) -> u64 {
        let mut half = [0; 8];
        half.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(half)
    }

    /// Reads the form that [`fmt::Display`] writes: 32 hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u128::from_str_radix(text, 16)
            .ok()
            .map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

/// Declares an enum of words that the API or the manifest spells exactly so.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $meaning:literal])+ $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $meaning])+ $variant),+ }

        impl $name {
            /// Every variant, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word as it is written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// What it means, as the documentation says.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($meaning),+).trim_start()),+ }
            }

            /// The variant that is written exactly `word`.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// The eight model ids of the API page; the resolution is part of the id.
    Model {
        /// Standard tier.
        Standard480p = "seedance2.0-480p",
        /// Standard tier.
        Standard720p = "seedance2.0-720p",
        /// Standard tier.
        Standard1080p = "seedance2.0-1080p",
        /// Only on accounts where it is enabled.
        Standard4k = "seedance2.0-4k",
        /// Fast tier.
        Fast480p = "seedance2.0-fast-480p",
        /// Fast tier.
        Fast720p = "seedance2.0-fast-720p",
        /// Mini tier.
        Mini480p = "seedance2.0-mini-480p",
        /// Mini tier.
        Mini720p = "seedance2.0-mini-720p",
    }
}

words! {
    /// Shape of the picture.
    AspectRatio {
        /// Upright.
        Portrait = "9:16",
        /// Square.
        Square = "1:1",
        /// Wide.
        Landscape = "16:9",
    }
}

words! {
    /// `extra_body.operation`, which only the provider's compatibility layer reads.
    Operation {
        /// Pictures, videos or sounds as references.
        ReferenceToVideo = "reference_to_video",
        /// Changes a referenced video.
        EditVideo = "edit_video",
        /// Continues a referenced video.
        ExtendVideo = "extend_video",
        /// Between two pictures.
        FirstLastFrame = "first_last_frame",
    }
}

words! {
    /// How a video is made, told from the fields that are set.
    Mode {
        /// From the prompt alone.
        Text = "text",
        /// From one picture.
        Image = "image",
        /// Between a first and a last picture.
        FirstLast = "first_last",
        /// With reference pictures, videos or sounds.
        Reference = "reference",
    }
}

/// Referenced media, each an http(s) URL (or `data:` for pictures).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Media {
    /// First frame.
    pub image: Option<Text>,
    /// Last frame; only with `image`.
    pub last_image: Option<Text>,
    /// Reference pictures, at most 9.
    pub images: Vec<Text>,
    /// Reference videos, at most 3.
    pub videos: Vec<Text>,
    /// Reference sounds.
    pub audios: Vec<Text>,
}

impl Media {
    fn hash_into(&self, hash: &mut Sha256) {
        for (name, value) in [("image", &self.image), ("last_image", &self.last_image)] {
            if let Some(value) = value {
                hash_field(hash, name, value);
            }
        }
        for (name, list) in [
            ("images", &self.images),
            ("videos", &self.videos),
            ("audios", &self.audios),
        ] {
            for value in list {
                hash_field(hash, name, value);
            }
        }
    }
}

/// The fields that the API takes under `extra_body`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExtraBody {
    /// Whether the clip has sound.
    pub generate_audio: Option<bool>,
    /// Seed of the generation.
    pub seed: Option<i64>,
    /// Whether the clip carries a watermark.
    pub watermark: Option<Flag>,
    /// Whether the camera stands still.
    pub camera_fixed: Option<Flag>,
    /// Whether the last frame comes back as a picture.
    pub return_last_frame: Option<Flag>,
    /// For the compatibility layer.
    pub operation: Option<Operation>,
}

impl ExtraBody {
    fn hash_into(&self, hash: &mut Sha256) {
        if let Some(audio) = self.generate_audio {
            hash_field(hash, "generate_audio", if audio { "true" } else { "false" });
        }
        if let Some(seed) = self.seed {
            hash_field(hash, "seed", &seed.to_string());
        }
        let flags = [
            ("watermark", self.watermark),
            ("camera_fixed", self.camera_fixed),
            ("return_last_frame", self.return_last_frame),
        ];
        for (name, flag) in flags {
            match flag {
                Some(Flag::Boolean(value)) => {
                    hash_field(hash, name, if value { "true" } else { "false" });
                }
                Some(Flag::Text(value)) => {
                    hash_field(hash, name, if value { "\"true\"" } else { "\"false\"" });
                }
                None => {}
            }
        }
        if let Some(operation) = self.operation {
            hash_field(hash, "operation", operation.as_str());
        }
    }
}

/// A field that the API takes as a boolean or as a string, sent as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `true` or `false`.
    Boolean(bool),
    /// `"true"` or `"false"`.
    Text(bool),
}
