//! The fields of a job, in one table: names, kinds and meanings, from which column names, suggestions and the JSON
//! Schema come. Start at [`JOB`] and [`EXTRA`]. Knows names only: the rules are in `validate`.

mod other_names;

pub(super) use self::other_names::counts_rows;
use super::diagnostic::Diagnostic;
use super::tree::Span;

/// One field of a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// The name, as the API writes it (`id` and `extra_body` included).
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// One sentence for the schema and the reference, without a full stop.
    pub(super) meaning: &'static str,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of the job.
    Id,
    /// One of the eight models.
    Model,
    /// Text that is not blank.
    Prompt,
    /// Whole seconds, 5–15.
    Duration,
    /// One of three shapes.
    AspectRatio,
    /// The address of one picture, http(s) or `data:`.
    Picture,
    /// A list of addresses.
    Addresses(List),
    /// The map of the fields in [`EXTRA`].
    ExtraBody,
    /// `true` or `false`.
    Boolean,
    /// `true` or `false`, as a boolean or as a string.
    Flag,
    /// A signed 64-bit integer.
    Seed,
    /// One of four operations.
    Operation,
}

/// A field that holds a list of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    /// What one of them is called: the stem of numbered columns, as in `image_1`.
    pub(super) singular: &'static str,
    /// Most addresses that are allowed.
    pub(super) limit: Option<usize>,
}

/// The fields of a job, in the order of the documentation.
pub(super) const JOB: [Field; 11] = [
    field(
        "id",
        Kind::Id,
        "Name of the job, unique in the manifest ignoring case; \
        letters, digits, `.`, `_`, `-`, at most 100. Left out: made from prompt and media",
    ),
    field(
        "model",
        Kind::Model,
        "Model id; the resolution is part of it, and `seedance2.0-4k` only works where the account has it",
    ),
    field(
        "prompt",
        Kind::Prompt,
        "What the video shows; sent exactly as written",
    ),
    field(
        "duration",
        Kind::Duration,
        "Length of the video in whole seconds, 5 to 15",
    ),
    field(
        "aspect_ratio",
        Kind::AspectRatio,
        "Shape of the picture, width to height",
    ),
    field(
        "image",
        Kind::Picture,
        "First frame: an http(s) URL or a `data:image/…;base64,…` URL",
    ),
    field(
        "last_image",
        Kind::Picture,
        "Last frame; only together with `image`",
    ),
    field(
        "images",
        list("image", Some(9)),
        "Reference pictures, at most 9; not together with `image`",
    ),
    field(
        "videos",
        list("video", Some(3)),
        "Reference videos, at most 3, each 2 to 15 seconds, 15 seconds in total",
    ),
    field("audios", list("audio", None), "Reference sounds"),
    field(
        "extra_body",
        Kind::ExtraBody,
        "Further settings of the provider",
    ),
];

/// The fields under `extra_body`.
pub(super) const EXTRA: [Field; 6] = [
    field(
        "generate_audio",
        Kind::Boolean,
        "Whether the video has sound",
    ),
    field(
        "seed",
        Kind::Seed,
        "Seed of the generation, a whole number of at most 64 bits with its sign",
    ),
    field(
        "watermark",
        Kind::Flag,
        "Whether the video carries a watermark",
    ),
    field(
        "camera_fixed",
        Kind::Flag,
        "Whether the camera stands still",
    ),
    field(
        "return_last_frame",
        Kind::Flag,
        "Whether the last frame comes back as a picture",
    ),
    field(
        "operation",
        Kind::Operation,
        "Operation of the provider's compatibility layer; most jobs need none",
    ),
];

/// Names of the fields of a job, `id` and `extra_body` included.
pub const JOB_FIELDS: &[&str] = &names(&JOB);

/// Names of the fields under `extra_body`.
pub const EXTRA_FIELDS: &[&str] = &names(&EXTRA);

/// Whether the text of this field of a job is filled in where templates are.
pub(super) fn is_filled_in(name: &str) -> bool {
    name.starts_with(USER_PREFIX)
        || JOB.iter().any(|field| {
            let kinds = matches!(
                field.kind,
                Kind::Id | Kind::Prompt | Kind::Picture | Kind::Addresses(_)
            );
            field.name == name && kinds
        })
}

/// Whether this field of a job holds a list.
pub(super) fn is_list(name: &str) -> bool {
    let list = |field: &Field| field.name == name && matches!(field.kind, Kind::Addresses(_));
    JOB.iter().any(list)
}

/// What a job may say beside its fields: how often it is made.
pub(super) const EXPANDING: [&str; 2] = ["matrix", "variants"];

/// What the names of the user's own fields start with.
pub(super) const USER_PREFIX: &str = "x_";

const fn field(name: &'static str, kind: Kind, meaning: &'static str) -> Field {
    Field {
        name,
        kind,
        meaning,
    }
}

const fn list(singular: &'static str, limit: Option<usize>) -> Kind {
    Kind::Addresses(List { singular, limit })
}

const fn names<const N: usize>(fields: &[Field; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = fields[index].name;
        index += 1;
    }
    names
}

/// The candidate that `word` was probably meant to be: the same but for case and separators, or a slip of a letter
/// or two away.
pub(super) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    near(word, candidates)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, best)| best)
}

/// The same if no other candidate is as near.
pub(super) fn surely<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let (least, best) = near(word, candidates).min_by_key(|(distance, _)| *distance)?;
    let as_near = near(word, candidates).filter(|(distance, _)| *distance == least);
    (as_near.count() == 1).then_some(best)
}

/// The candidates that are a slip or two away, and how far.
fn near<'a>(word: &str, candidates: &[&'a str]) -> impl Iterator<Item = (usize, &'a str)> {
    let folded = fold(word);
    let length = folded.chars().count();
    candidates.iter().filter_map(move |candidate| {
        let (least, longer) = lengths(length, candidate);
        let slips = 1.max(longer / 4).min(3);
        // A million jobs may have the same slip: most candidates are not worth a closer look.
        if least > slips {
            return None;
        }
        let meant = fold(candidate);
        let distance = strsim::osa_distance(&folded, &meant);
        // A character of Chinese is a word, and another one another word.
        let weight = if meant.is_ascii() { 1 } else { 2 };
        (distance <= slips && distance * weight < longer).then_some((distance, *candidate))
    })
}

/// How far a word of `length` is at least from `candidate`, and how long the longer of the two is; in characters.
fn lengths(length: usize, candidate: &str) -> (usize, usize) {
    let other = candidate.chars().filter(|it| it.is_alphanumeric()).count();
    (length.abs_diff(other), length.max(other))
}

/// Lower case, letters and digits only: `aspectRatio`, `Aspect Ratio` and `aspect-ratio` are one word.
fn fold(word: &str) -> String {
    word.chars()
        .take(200)
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// How to mend an unknown field of a job: the name that was meant, or which names there are.
pub(super) fn advice(name: &str) -> String {
    if let Some(meant) = meant(name) {
        return format!("did you mean `{meant}`?");
    }
    if let Some(own) = name.strip_prefix("x-").or(name.strip_prefix("X_")) {
        return format!(
            "a field of your own starts with `x_`: write `x_{}`",
            own_name(own)
        );
    }
    if EXPANDING.contains(&name) {
        return format!(
            "write `{name}` in a job of a YAML manifest, or in the `template:` of a table"
        );
    }
    if ["from", "template"].contains(&name) {
        return "a table is named on its own: `- { from: shots.csv, template: { … } }`".to_owned();
    }
    if let Some(meant) = nearest(name, &EXPANDING) {
        return format!("did you mean `{meant}`?");
    }
    match fold(name).as_str() {
        "resolution" | "size" | "quality" | "width" | "height" => {
            "the resolution is part of the model id, such as `seedance2.0-1080p`".to_owned()
        }
        _ => format!(
            "if it is a field of your own, which is not sent, call it `x_{}`; the API's fields are {}, and under `extra_body` {}",
            own_name(name),
            listed(&JOB_FIELDS[1..JOB_FIELDS.len() - 1]),
            listed(EXTRA_FIELDS)
        ),
    }
}

/// Whether `name` is what people call the API key: its value must never be shown.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&fold(name).as_str())
}

/// Refuses the API key, which stands in the field named at `name_at`.
pub(super) fn secret(name_at: &Span) -> Diagnostic {
    Diagnostic::error(
        "secret-in-manifest",
        name_at,
        "an API key does not belong in a manifest, which is copied and mailed",
        "remove it here; set `SHOTLIST_API_KEY`, or name a file with `--api-key-file`",
    )
}

/// The path of the field that `name` was probably meant to be, such as `extra_body.seed`.
pub(super) fn meant(name: &str) -> Option<String> {
    let bare = name.strip_prefix("extra_body.").unwrap_or(name);
    let known = |word: &str| {
        if JOB_FIELDS.contains(&word) {
            word.to_owned()
        } else {
            format!("extra_body.{word}")
        }
    };
    let all = [JOB_FIELDS, EXTRA_FIELDS].concat();
    let folded = fold(bare);
    let letters = |word: &str| {
        word.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .eq(folded.bytes())
    };
    if let Some(word) = all.iter().find(|word| letters(word)) {
        return Some(known(word));
    }
    if let Some(word) = other_names::field(bare) {
        return Some(known(word));
    }
    nearest(bare, &all).map(known)
}

/// Whether people mean by `name` now the sound that is made, now sounds that are given.
pub(super) fn is_about_sound(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "audio",
        "withaudio",
        "hasaudio",
        "sound",
        "sounds",
        "withsound",
        "hassound",
        "音频",
        "音頻",
        "声音",
        "聲音",
        "有声",
        "有聲",
        "配音",
        "音效",
        "音乐",
        "音樂",
    ];
    NAMES.contains(&fold(name).as_str())
}

/// What people call the API key, folded.
const SECRETS: &[&str] = &[
    "key",
    "apikey",
    "token",
    "apitoken",
    "accesstoken",
    "secret",
    "apisecret",
    "authorization",
    "bearer",
    "password",
    "auth",
    "headers",
];

/// `a`, `b` and `c`, in backticks.
pub(super) fn listed(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// What a column of the user's own can be called whose header is `written`.
pub(super) fn own_column(written: &str) -> String {
    format!("{USER_PREFIX}{}", own_name(written))
}

/// `name` as the user's own field could be called.
fn own_name(name: &str) -> String {
    let mut kept = String::new();
    for character in name.trim().chars().take(30) {
        if character.is_alphanumeric() {
            kept.push(character);
        } else if matches!(character, '_' | '-') || character.is_whitespace() {
            kept.push('_');
        }
    }
    if kept.chars().all(|character| character == '_') {
        "note".to_owned()
    } else {
        kept.trim_matches('_').to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_case_and_other_providers_names_lead_to_the_field() {
        let cases = [
            ("modle", "model"),
            ("Prompt", "prompt"),
            ("aspectRatio", "aspect_ratio"),
            ("aspect-ratio", "aspect_ratio"),
            ("seed", "extra_body.seed"),
            ("extra_body.sed", "extra_body.seed"),
            ("generateAudio", "extra_body.generate_audio"),
            ("first_frame", "image"),
            ("ratio", "aspect_ratio"),
            ("imgaes", "images"),
            ("画面比例", "aspect_ratio"),
            ("時長", "duration"),
            ("时长 Duration", "duration"),
            ("Prompt 提示词", "prompt"),
        ];
        for (written, field) in cases {
            assert_eq!(meant(written).as_deref(), Some(field), "{written}");
        }
    }

    #[test]
    fn names_of_any_script_are_compared_by_their_characters() {
        let names = ["产品名称", "颜色", "größe", "surface"];
        for (written, meant) in [
            ("产品名", Some("产品名称")),
            ("产品名称 ", Some("产品名称")),
            ("颜值", None),
            ("红色", None),
            ("groesse", None),
            ("gröse", Some("größe")),
            ("surfce", Some("surface")),
        ] {
            assert_eq!(nearest(written, &names), meant, "{written}");
        }
    }

    #[test]
    fn a_word_that_is_nothing_like_a_field_gets_the_list() {
        for written in [
            "owner",
            "zzz",
            "",
            "通知",
            "callback_url",
            "视频 Video ID",
            "产品名",
        ] {
            assert_eq!(meant(written), None, "{written}");
        }
        assert!(advice("owner").contains("`x_owner`"));
        assert!(advice("Delivery date").contains("`x_delivery_date`"));
        assert!(advice("Kosten €").contains("`x_kosten`"));
        assert!(advice("resolution").contains("model id"));
    }

    #[test]
    fn names_are_unique_over_both_tables() {
        let all = [JOB_FIELDS, EXTRA_FIELDS].concat();
        for (index, name) in all.iter().enumerate() {
            assert!(!all[..index].contains(name), "{name}");
        }
    }
}
