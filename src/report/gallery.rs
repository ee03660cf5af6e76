//! gallery.html: every job of a manifest as a card with its video, a page that reads without script, from any disk, and
//! that loads nothing from anywhere.
//!
//! Start at [`write()`]. The page is a pure function of plan, state and which files there are; it is written piece by
//! piece, so that a million jobs take no memory. Every text in it is somebody else's: the templates escape all of them,
//! an address becomes a link only if it is http or https, and the page's own policy forbids whatever is not written here.
//! Replacing the file is the caller's part.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};
use sha2::{Digest, Sha256};

use super::outcome::{ErrorClass, Standing};
use super::summary::Stage;
use crate::engine::event::{FailureClass, JobIndex, MediaUrl};
use crate::engine::job::{EarlierTake, JobState, Phase, Status};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::plan::{AspectRatio, ExtraBody, Flag, Job, Plan, VideoRequest};
use crate::results::{self, Seconds};

const STYLE: &str = include_str!("gallery/style.css");
const SCRIPT: &str = include_str!("gallery/script.js");

/// The templates, by name.
const TEMPLATES: [(&str, &str); 5] = [
    ("head", include_str!("gallery/head.html")),
    ("index", include_str!("gallery/index.html")),
    ("group", include_str!("gallery/group.html")),
    ("card", include_str!("gallery/card.html")),
    ("foot", include_str!("gallery/foot.html")),
];

/// In this order statuses follow each other: what there is to look at comes first.
const STATUSES: [Status; 7] = [
    Status::Completed,
    Status::Failed,
    Status::InDoubt,
    Status::Running,
    Status::Submitting,
    Status::Pending,
    Status::Skipped,
];

/// Most characters of a prompt that are shown at once.
const PROMPT_SHOWN: usize = 280;

/// A column with more values than this is no help in finding a job.
const MOST_VALUES: usize = 50;

/// Most jobs that are listed by what they have in common, for readers without script.
const MOST_LISTED: usize = 5_000;

/// What a gallery shows.
#[derive(Clone, Copy)]
pub struct Gallery<'a> {
    /// File name of the manifest.
    pub manifest: &'a str,
    /// The command that makes again what is marked, if there is one.
    pub redo: Option<&'a str>,
    /// Its jobs.
    pub plan: &'a Plan,
    /// What is known of them.
    pub table: &'a JobTable,
    /// The selection of the last run, see [`results::last_selection`].
    pub selection: &'a Selection,
    /// What the jobs were made with.
    pub stage: Stage,
    /// The file of the video that a job has, if there is one.
    pub file: &'a dyn Fn(JobIndex) -> Option<LocalFile>,
}

/// A video on disk, as paths relative to the directory of the gallery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalFile {
    /// The video.
    pub path: PathBuf,
    /// A picture of it.
    pub poster: Option<PathBuf>,
}

/// So many videos show their first picture at once, without script too; of more, only those that come near do.
const FEW_VIDEOS: usize = 60;

/// Writes the page.
pub fn write(gallery: &Gallery<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let pages = Pages::new();
    let (groups, as_of) = gallery.count();
    let common = gallery.common_values();
    pages.put(
        "head",
        gallery.head(&groups, as_of, !common.is_empty()),
        out,
    )?;
    if !common.is_empty() {
        gallery.write_index(&common, &pages, out)?;
    }
    out.write_all(b"<main id=\"jobs\" tabindex=\"-1\">\n")?;
    for (status, count) in groups {
        let group = context! { status => status.as_str(), words => words(status), count };
        pages.put("group", group, out)?;
        for job in gallery.jobs().filter(|job| gallery.status(*job) == status) {
            pages.put("card", gallery.card(job), out)?;
        }
        out.write_all(b"</div>\n</section>\n")?;
    }
    let foot = context! { script => Value::from_safe_string(SCRIPT.to_owned()) };
    pages.put("foot", foot, out)
}

/// The templates, compiled.
struct Pages(Environment<'static>);

impl Pages {
    fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).keep_trailing_newline(true);
        environment.set_syntax(syntax.build().expect("the usual delimiters"));
        for (name, template) in TEMPLATES {
            environment
                .add_template(name, template)
                .expect("the templates are part of the program, and a test reads them");
        }
        Self(environment)
    }

    fn put(&self, name: &str, values: Value, out: &mut dyn io::Write) -> io::Result<()> {
        let template = self.0.get_template(name).expect("one of those above");
        let text = template.render(values).map_err(io::Error::other)?;
        out.write_all(text.as_bytes())
    }
}

/// What the page may do: show what lies beside it, and run what is written in it.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; img-src 'self' file:; media-src 'self' file:; \
         base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

impl<'a> Gallery<'a> {
    fn jobs(&self) -> std::ops::Range<JobIndex> {
        self.table.planned()
    }

    fn job(&self, job: JobIndex) -> &'a Job {
        &self.plan.jobs()[job as usize]
    }

    fn status(&self, job: JobIndex) -> Status {
        self.table.status(job, self.selection)
    }

    /// How many jobs there are of each status, and when the last of them changed.
    fn count(&self) -> (Vec<(Status, u32)>, Option<Seconds>) {
        let mut groups = STATUSES.map(|status| (status, 0));
        let mut last = None;
        for job in self.jobs() {
            let status = self.status(job);
            let group = groups.iter_mut().find(|(known, _)| *known == status);
            group.expect("STATUSES has all").1 += 1;
            let state = self.table.job(job);
            last = last
                .max(results::submitted_at(state))
                .max(results::finished_at(state));
        }
        let present = groups.into_iter().filter(|(_, count)| *count > 0);
        (present.collect(), last.map(Seconds))
    }

    fn head(&self, groups: &[(Status, u32)], as_of: Option<Seconds>, has_index: bool) -> Value {
        let group = |(status, count): &(Status, u32)| {
            context! { status => status.as_str(), words => words(*status), count => *count }
        };
        let columns = self
            .plan
            .user_columns()
            .iter()
            .map(|name| column_name(name));
        context! {
            manifest => shown(self.manifest),
            redo => self.redo.map(shown),
            policy => policy(),
            style => Value::from_safe_string(STYLE.to_owned()),
            total => self.jobs().len(),
            removed => self.table.removed().len(),
            as_of => as_of.map(|at| at.to_string()),
            is_rehearsal => self.stage == Stage::Rehearsal,
            groups => groups.iter().map(group).collect::<Vec<_>>(),
            columns => columns.map(Value::from).collect::<Vec<_>>(),
            has_index,
        }
    }

    // ── The index, for readers without script ──

    /// The columns by which jobs can be found, with their values in order of appearance.
    fn common_values(&self) -> Vec<(Column, Vec<Cow<'a, str>>)> {
        if self.plan.jobs().len() > MOST_LISTED {
            return Vec::new();
        }
        let own = (0..self.plan.user_columns().len()).map(Column::Own);
        let columns = [Column::Model, Column::Ratio].into_iter().chain(own);
        let with_values = columns.map(|column| (column, self.values(column)));
        with_values
            .filter(|(_, values)| (2..=MOST_VALUES).contains(&values.len()))
            .collect()
    }

    /// The values of a column; more than [`MOST_VALUES`] are not all there.
    fn values(&self, column: Column) -> Vec<Cow<'a, str>> {
        let mut values: Vec<Cow<'a, str>> = Vec::new();
        for job in self.jobs() {
            let value = self.value(column, job);
            if !values.contains(&value) {
                values.push(value);
            }
            if values.len() > MOST_VALUES {
                break;
            }
        }
        values
    }

    fn value(&self, column: Column, job: JobIndex) -> Cow<'a, str> {
        match column {
            Column::Model => self.request(job).0,
            Column::Ratio => self.request(job).2.map_or("", AspectRatio::as_str).into(),
            Column::Own(number) => self.job(job).user_values().get(number).into(),
        }
    }

    fn write_index(
        &self,
        common: &[(Column, Vec<Cow<'a, str>>)],
        pages: &Pages,
        out: &mut dyn io::Write,
    ) -> io::Result<()> {
        for (column, values) in common {
            let name = match column {
                Column::Model => "model".into(),
                Column::Ratio => "aspect ratio".into(),
                Column::Own(number) => column_name(&self.plan.user_columns()[*number]),
            };
            for (number, value) in values.iter().enumerate() {
                let has_value = |job: &JobIndex| self.value(*column, *job) == *value;
                let jobs = self.jobs().filter(has_value);
                let ids = jobs.map(|job| Value::from(self.job(job).id().as_str()));
                let values = context! {
                    opens => number == 0,
                    closes => number + 1 == values.len(),
                    column => &*name,
                    value => shown(value),
                    jobs => ids.collect::<Vec<_>>(),
                };
                pages.put("index", values, out)?;
            }
        }
        out.write_all(b"</nav></noscript>\n")
    }

    // ── A card ──

    /// Model, length and shape of what was sent or, before anything was, of what would be.
    fn request(&self, job: JobIndex) -> (Cow<'a, str>, Option<u8>, Option<AspectRatio>) {
        let table: &'a JobTable = self.table;
        if let Some(sent) = sent(table.job(job)) {
            return ((&*sent.model).into(), sent.duration, sent.aspect_ratio);
        }
        let wanted = self.job(job).request();
        let model = wanted.model().as_str().into();
        (model, wanted.duration(), wanted.aspect_ratio())
    }

    fn card(&self, index: JobIndex) -> Value {
        let (job, state) = (self.job(index), self.table.job(index));
        let standing = Standing::in_run(self.table, index, self.selection);
        let (model, seconds, ratio) = self.request(index);
        let prompt = sent(state).map_or(job.request().prompt(), |sent| &sent.prompt);
        let video = state.video();
        let link = video.map(|video| video.url.as_str());
        let file = link.and_then(|_| (self.file)(index));
        let task_id = state.task().map(|task| task.id.to_string());
        context! {
            n => index,
            id => job.id().as_str(),
            status => standing.status.as_str(),
            words => words(standing.status),
            model => &*model,
            ratio => ratio.map_or("", AspectRatio::as_str),
            shape => shape(ratio),
            can_mark => can_be_made_again(state),
            take => state.take.0,
            task_id,
            earlier => state.earlier.as_ref().map(|earlier| earlier.take.0),
            video => file.as_ref().and_then(|file| address(&file.path)),
            preload => if self.jobs().len() > FEW_VIDEOS { "none" } else { "metadata" },
            poster => file.as_ref().and_then(|file| address(file.poster.as_deref()?)),
            link => link.and_then(web_address),
            host => link.map(host),
            facts => self.facts(index, seconds, ratio, &model),
            class => standing
                .class
                .filter(|class| class.as_str() != standing.status.as_str())
                .map(class_words),
            error => results::error(state).filter(|text| !text.is_empty()),
            note => results::note(self.table, index),
            own => self.own_values(job),
            prompt => shown(prompt),
            beginning => beginning(prompt),
            details => self.details(index, standing.class),
        }
    }

    /// The most telling parameters, in a line.
    fn facts(
        &self,
        index: JobIndex,
        seconds: Option<u8>,
        ratio: Option<AspectRatio>,
        model: &str,
    ) -> String {
        let (job, state) = (self.job(index), self.table.job(index));
        let is_as_sent = sent(state).is_none();
        let seed = job.request().extra().seed.filter(|_| is_as_sent);
        let cost = results::cost_estimate(Some(self.plan), self.table, index);
        let facts = [
            Some(shown(model).into_owned()),
            seconds.map(|seconds| format!("{seconds}\u{a0}s")),
            ratio.map(|ratio| ratio.to_string()),
            seed.map(|seed| format!("seed\u{a0}{seed}")),
            (state.take.0 > 1).then(|| format!("take\u{a0}{}", state.take.0)),
            cost.map(|cost| cost.to_string().replace(' ', "\u{a0}")),
        ];
        facts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn own_values(&self, job: &Job) -> Vec<Value> {
        let names = self.plan.user_columns();
        let value = |(n, value): (usize, &str)| context! { n, name => &*column_name(&names[n]), value => &*shown(value) };
        job.user_values().iter().map(value).collect()
    }

    fn details(&self, index: JobIndex, class: Option<ErrorClass>) -> Vec<Value> {
        let (job, state) = (self.job(index), self.table.job(index));
        let mode = sent(state).map_or(job.request().mode(), |sent| sent.mode);
        let mut details = Details::default();
        details.add("mode", mode.as_str());
        if sent(state).is_none() {
            details.add_request(job.request());
        }
        if let Some(task) = state.task() {
            details.add("task", &task.id.to_string());
        }
        if state.was_submitted() {
            let (take, attempts) = (state.take.0, state.attempts);
            details.add("take, attempts", &format!("{take}, {attempts}"));
        }
        if let Some(at) = results::submitted_at(state) {
            details.add("submitted", &Seconds(at).to_string());
        }
        if let Some(at) = results::finished_at(state) {
            details.add("finished", &Seconds(at).to_string());
        }
        if let Some(class) = class {
            details.add("error class", class.as_str());
        }
        if let Some(url) = results::video_url(state) {
            details.add_link("video", url);
        }
        if let Some(url) = results::last_frame_url(state) {
            details.add_link("last frame", url);
        }
        if let Some(earlier) = state.earlier.as_deref() {
            details.add_earlier(earlier);
        }
        details.0
    }
}

/// A column that jobs can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Model,
    Ratio,
    /// The user's own, by its number.
    Own(usize),
}

/// What was sent, where it differs from what the plan has now.
fn sent(state: &JobState) -> Option<&crate::engine::event::SentRequest> {
    state.sent.as_deref().filter(|_| state.attempts > 0)
}

/// Rows of a card's details.
#[derive(Default)]
struct Details(Vec<Value>);

impl Details {
    fn add(&mut self, name: &str, value: &str) {
        self.0
            .push(context! { name, value => &*shown(value), link => () });
    }

    /// An address, as a link if a browser may follow it.
    fn add_link(&mut self, name: &str, url: &str) {
        match web_address(url) {
            Some(link) => {
                let value = host(link);
                self.0.push(context! { name, value, link });
            }
            None => self.add(name, &embedded(url)),
        }
    }

    fn add_earlier(&mut self, earlier: &EarlierTake) {
        let name = |what: &str| format!("take {}: {what}", earlier.take.0);
        self.add(&name("task"), &earlier.task.id.to_string());
        self.add(&name("finished"), &Seconds(earlier.finished_at).to_string());
        self.add_link(&name("video"), earlier.video_url.as_str());
        if let Some(url) = &earlier.last_frame_url {
            self.add_link(&name("last frame"), url.as_str());
        }
    }

    fn add_request(&mut self, request: &VideoRequest) {
        let media = request.media();
        let single = [("image", &media.image), ("last image", &media.last_image)];
        for (name, url) in single {
            if let Some(url) = url {
                self.add_link(name, url);
            }
        }
        let lists = [
            ("picture", &media.images),
            ("reference video", &media.videos),
            ("sound", &media.audios),
        ];
        for (name, urls) in lists {
            for url in urls {
                self.add_link(name, url);
            }
        }
        self.add_extra(request.extra());
    }

    fn add_extra(&mut self, extra: &ExtraBody) {
        let flag = |flag: Flag| match flag {
            Flag::Boolean(value) | Flag::Text(value) => value,
        };
        let switches = [
            ("sound made", extra.generate_audio),
            ("watermark", extra.watermark.map(flag)),
            ("fixed camera", extra.camera_fixed.map(flag)),
            ("last frame wanted", extra.return_last_frame.map(flag)),
        ];
        for (name, value) in switches {
            if let Some(value) = value {
                self.add(name, if value { "yes" } else { "no" });
            }
        }
        if let Some(operation) = extra.operation {
            self.add("operation", operation.as_str());
        }
    }
}

/// Whether a mark may ask for another take of it.
fn can_be_made_again(state: &JobState) -> bool {
    match &state.phase {
        Phase::Completed { .. } => true,
        Phase::Failed { class, .. } => *class != FailureClass::NoUrl,
        _ => false,
    }
}

fn words(status: Status) -> &'static str {
    match status {
        Status::InDoubt => "in doubt",
        other => other.as_str(),
    }
}

fn class_words(class: ErrorClass) -> String {
    class.as_str().replace('_', " ")
}

/// The name of a user's own column, without the mark that it is one.
fn column_name(name: &str) -> Cow<'_, str> {
    shown(name.strip_prefix("x_").unwrap_or(name))
}

fn shape(ratio: Option<AspectRatio>) -> &'static str {
    match ratio {
        Some(AspectRatio::Portrait) => "tall",
        Some(AspectRatio::Square) => "square",
        Some(AspectRatio::Landscape) | None => "wide",
    }
}

/// `text` without characters that a page cannot hold: they are shown as what they are, unreadable.
fn shown(text: &str) -> Cow<'_, str> {
    let is_unfit = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.contains(is_unfit) {
        let plain = text.replace("\r\n", "\n").replace('\r', "\n");
        plain.replace(is_unfit, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// What is shown at once of a long prompt.
fn beginning(prompt: &str) -> Option<String> {
    let (end, _) = prompt.char_indices().nth(PROMPT_SHOWN)?;
    let cut = &prompt[..end];
    let word_end = cut.rfind(char::is_whitespace).filter(|at| *at > end / 2);
    Some(shown(&cut[..word_end.unwrap_or(end)]).trim_end().to_owned())
}

/// `url` if a link may lead there.
fn web_address(url: &str) -> Option<&str> {
    MediaUrl::new(url).map(|_| url.trim())
}

fn host(url: &str) -> String {
    let parsed = url::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(url::Url::host_str);
    host.unwrap_or_default().to_owned()
}

/// Words for a picture that is written into the manifest.
fn embedded(url: &str) -> String {
    match url.split_once(',') {
        Some((kind, data)) if kind.starts_with("data:") => {
            format!("in the manifest ({} kB)", data.len().div_ceil(1000))
        }
        _ => crate::text::clean(url, 200),
    }
}

/// A relative path as an address: every byte that may mean something else is percent-encoded. `None` for a path that
/// is not relative.
fn address(path: &Path) -> Option<String> {
    let mut address = String::from(".");
    for part in path.components() {
        let part = match part {
            Component::Normal(name) => name,
            Component::ParentDir => OsStr::new(".."),
            Component::CurDir => continue,
            Component::RootDir | Component::Prefix(_) => return None,
        };
        address.push('/');
        for byte in part.as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    address.push(char::from(*byte));
                }
                other => write!(address, "%{other:02X}").expect("a string takes everything"),
            }
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests;
