//! What a run goes by, resolved once: flag > environment > manifest > default, each value checked before anything else
//! happens.
//!
//! Start at [`RunSettings::resolve`]. Environment, clock and key file are handed in, so that this module is pure; it
//! sends nothing and decides nothing.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Zoned;
use secrecy::SecretString;

use crate::cli::{ApiArgs, FileArgs, LimitArgs, RerunWhich, RunArgs, ScopeArgs};
use crate::engine::budget::{Budget, BudgetError};
use crate::engine::resume::Rerun;
use crate::engine::selection::{Partition, Selection};
use crate::engine::table::JobTable;
use crate::error::{Error, ExitCode};
use crate::manifest::{DownloadSetting, ManifestSettings, OutputSettings};
use crate::money::Amount;
use crate::naming::FileTemplate;
use crate::plan::Plan;
use crate::units::{BaseUrl, Deadline, Rate};

/// The environment variable of the API's address.
pub const BASE_URL_VARIABLE: &str = "SHOTLIST_BASE_URL";

/// The environment variable that holds the API key.
pub const API_KEY_VARIABLE: &str = "SHOTLIST_API_KEY";

/// Every variable that is read, with what it is; those that say one thing together.
pub const VARIABLES: &[(&[&str], &str)] = &[
    (
        &[API_KEY_VARIABLE],
        "the API key, where `--api-key-file` does not name a file that holds it",
    ),
    (
        &[BASE_URL_VARIABLE],
        "the address of the API, as `--base-url` and `api.base_url`",
    ),
    (
        &["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"],
        "the proxy, as other programs use it; never for loopback addresses, nor for private ones in `check --probe`",
    ),
    (&["NO_COLOR"], "no colour, if it is set and not empty"),
    (
        &["CLICOLOR_FORCE"],
        "colour also without a terminal, if it is set and neither empty nor `0`; `NO_COLOR` wins over it",
    ),
    (
        &["TZ"],
        "the time zone of `--deadline 06:00`, if it is not that of the system",
    ),
];

/// Path of the create request unless the manifest says otherwise.
pub const CREATE_PATH: &str = "/v1/video/generations";

/// Path of the poll request unless the manifest says otherwise.
pub const POLL_PATH: &str = "/v1/videos/{task_id}";

/// Most tasks at the provider at a time, unless something else is said.
const CONCURRENCY: NonZeroU32 = count(4);

/// Age at which a task no longer holds a slot, unless something else is said.
const JOB_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// When a run stops submitting, unless something else is said.
const DEADLINE: Deadline = Deadline::After(Duration::from_secs(24 * 60 * 60));

/// Most bytes an API key may have.
const KEY_LIMIT: usize = 4096;

/// Everything a run goes by, every value usable as it is.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// Where requests go.
    pub destination: Destination,
    /// Most tasks at the provider at a time.
    pub concurrency: NonZeroU32,
    /// Create requests; their spacing is [`Rate::interval`].
    pub submit_rate: Rate,
    /// Poll requests; their spacing is [`Rate::interval`].
    pub poll_rate: Rate,
    /// Wait before the first poll of a task.
    pub poll_first: Duration,
    /// Wait between two polls of a task.
    pub poll_every: Duration,
    /// Longest wait for the answer to a create request.
    pub submit_timeout: Duration,
    /// Age at which a task no longer holds a slot.
    pub job_timeout: Duration,
    /// Time since the run began after which nothing is submitted.
    pub deadline: Duration,
    /// Which jobs may be submitted, and how many.
    pub scope: Scope,
    /// How videos are downloaded, if they are.
    pub downloads: Option<DownloadSettings>,
}

/// Which jobs a run may submit, and how many.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The `--select` globs as they were written.
    pub select: Vec<String>,
    /// The `--partition`.
    pub partition: Option<Partition>,
    /// Both, compiled.
    pub selection: Selection,
    /// Which settled jobs are made again.
    pub rerun: Rerun,
    /// Most jobs that are submitted in one run.
    pub max_jobs: Option<NonZeroU32>,
    /// Most that all requests of the state may be expected to cost.
    pub max_spend: Option<Amount>,
}

/// How videos are downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadSettings {
    /// Where they go; `None` is the usual place beside results.csv.
    pub directory: Option<PathBuf>,
    /// How they are called.
    pub file_name: FileTemplate,
    /// Most jobs whose files are downloaded at a time.
    pub concurrency: NonZeroU32,
    /// Whether private addresses may be asked whatever the base URL is.
    pub allow_private: bool,
}

impl DownloadSettings {
    /// What these options say together with the manifest at this path; `named` is the directory of a flag.
    pub fn resolve(
        named: Option<PathBuf>,
        options: &FileArgs,
        output: &OutputSettings,
        manifest: &Path,
    ) -> Self {
        let beside = || match &output.download {
            Some(DownloadSetting::To(directory)) => {
                let above = manifest.parent().unwrap_or(Path::new(""));
                Some(above.join(directory))
            }
            _ => None,
        };
        Self {
            directory: named.or_else(beside),
            file_name: output.file_name.clone().unwrap_or_default(),
            concurrency: options
                .download_concurrency
                .or(output.download_concurrency)
                .unwrap_or(count(2)),
            allow_private: options.allow_private,
        }
    }
}

/// Where a run's requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// To the API.
    Api(Address),
    /// To a simulated provider inside the process, at the default paths.
    Rehearsal,
}

/// An API and the paths of its two requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without trailing `/` or `/v1`.
    pub base_url: BaseUrl,
    /// Path of the create request.
    pub create_path: String,
    /// Path of the poll request with `{task_id}` in it.
    pub poll_path: String,
}

/// Where settings come from, strongest first; what is in none of them has a default.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Looks up an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// The `api:` and `limits:` sections.
    pub manifest: &'a ManifestSettings,
    /// When the run begins, with the time zone that a time of day is meant in.
    pub now: &'a Zoned,
}

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sources")
            .field("manifest", self.manifest)
            .field("now", self.now)
            .finish_non_exhaustive()
    }
}

impl RunSettings {
    /// The settings of `shotlist run` with these options. An error means wrong usage: nothing may be sent.
    pub fn resolve(options: &RunArgs, sources: Sources<'_>) -> Result<Self, Error> {
        let destination = if options.rehearse {
            Destination::Rehearsal
        } else {
            Destination::Api(Address::resolve(&options.api, sources)?)
        };
        let manifest = sources.manifest;
        let pace = Pace::of(&options.limits, manifest, &destination);
        let limits = &options.limits;
        Ok(Self {
            destination,
            concurrency: limits
                .concurrency
                .or(manifest.concurrency)
                .unwrap_or(CONCURRENCY),
            submit_rate: pace.submit_rate,
            poll_rate: pace.poll_rate,
            poll_first: pace.poll_first,
            poll_every: pace.poll_every,
            submit_timeout: limits
                .submit_timeout
                .or(manifest.submit_timeout)
                .unwrap_or(Duration::from_secs(180)),
            job_timeout: limits
                .job_timeout
                .or(manifest.job_timeout)
                .unwrap_or(JOB_TIMEOUT),
            deadline: time_until(
                limits.deadline.or(manifest.deadline).unwrap_or(DEADLINE),
                sources.now,
            )?,
            scope: Scope::resolve(&options.scope, manifest)?,
            downloads: downloads(options, &manifest.output),
        })
    }
}

impl Scope {
    /// What these options select; an error means that one of them is no pattern.
    pub fn resolve(options: &ScopeArgs, manifest: &ManifestSettings) -> Result<Self, Error> {
        Ok(Self {
            select: options.select.clone(),
            partition: options.partition,
            selection: selection(&options.select)?.within(options.partition),
            rerun: Rerun {
                failed: options.rerun.contains(&RerunWhich::Failed),
                changed: options.rerun.contains(&RerunWhich::Changed),
                marked: BTreeSet::new(),
            },
            max_jobs: options.max_jobs.or(manifest.max_jobs),
            max_spend: options.max_spend.or(manifest.max_spend),
        })
    }

    /// The budget of a run with `--max-spend`. An error means that it could not be kept: nothing may be sent.
    pub fn budget(&self, plan: &Plan, table: &JobTable) -> Result<Option<Budget>, BudgetError> {
        let Some(cap) = self.max_spend else {
            return Ok(None);
        };
        Budget::draw_up(cap, plan, table, &self.selection, &self.rerun)
    }

    /// Refuses to leave the `--partition` of a state, and another one after jobs were submitted: what is pending in it may
    /// have been made elsewhere.
    pub fn ensure_same_partition(&self, table: &JobTable) -> Result<(), Error> {
        let Some(own) = table.runs().last().and_then(|run| run.partition) else {
            return Ok(());
        };
        let is_wider = self.partition.is_none();
        if self.partition == Some(own) || !(is_wider || has_submitted(table)) {
            return Ok(());
        }
        let here = match self.partition {
            Some(partition) => format!("here it is `{partition}`"),
            None => "here it is missing".to_owned(),
        };
        Err(Error::new(
            ExitCode::Usage,
            format!("this state is that of `--partition {own}`, and {here}"),
        )
        .help(format!(
            "jobs of other partitions may have been made already, where this state cannot see it: say `--partition {own}`, or name the other partition's own state with `--out`"
        )))
    }

    /// Whether this run is the first with a partition over a state that has submitted jobs without.
    pub fn begins_to_share(&self, table: &JobTable) -> bool {
        let last = table.runs().last();
        self.partition.is_some()
            && last.is_some_and(|run| run.partition.is_none())
            && has_submitted(table)
    }

    /// Whether this run is the first of a partition: nothing tells what the states of other partitions have made.
    pub fn is_first_of_share(&self, table: &JobTable) -> bool {
        self.partition.is_some() && table.runs().is_empty()
    }

    /// Refuses a `--select` that matches no job of the plan.
    pub fn ensure_selected(&self, plan: &Plan) -> Result<(), Error> {
        if self.select.is_empty()
            || plan
                .jobs()
                .iter()
                .any(|job| self.selection.matches(job.id()))
        {
            return Ok(());
        }
        let globs: Vec<_> = self.select.iter().map(|glob| shown(glob)).collect();
        Err(Error::new(
            ExitCode::Usage,
            format!("`--select` matches no job: {}", globs.join(", ")),
        )
        .help(if self.select.iter().any(|glob| glob.contains(',')) {
            "repeat the option for several patterns: `--select 'a*' --select b`"
        } else {
            "`shotlist plan` lists the ids; `*` stands for any characters, `?` for one"
        }))
    }
}

fn has_submitted(table: &JobTable) -> bool {
    (0..table.removed().end).any(|job| table.job(job).was_submitted())
}

/// What the length of a real run without flags hangs on.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Most tasks at the provider at a time.
    pub concurrency: NonZeroU32,
    /// Create requests.
    pub submit_rate: Rate,
    /// Poll requests.
    pub poll_rate: Rate,
    /// Wait before the first poll of a task.
    pub poll_first: Duration,
    /// Wait between two polls of a task.
    pub poll_every: Duration,
    /// Age at which a task no longer holds a slot.
    pub job_timeout: Duration,
    /// Time since the run began after which nothing is submitted.
    pub deadline: Duration,
}

impl Schedule {
    /// By `limits:` and the defaults; a deadline at a time of day is the next one after `now`.
    pub fn of(manifest: &ManifestSettings, now: &Zoned) -> Result<Self, Error> {
        let pace = Pace::weaker(manifest);
        Ok(Self {
            concurrency: manifest.concurrency.unwrap_or(CONCURRENCY),
            submit_rate: pace.submit_rate,
            poll_rate: pace.poll_rate,
            poll_first: pace.poll_first,
            poll_every: pace.poll_every,
            job_timeout: manifest.job_timeout.unwrap_or(JOB_TIMEOUT),
            deadline: time_until(manifest.deadline.unwrap_or(DEADLINE), now)?,
        })
    }
}

/// How a run downloads: because of its flag, or because the manifest says so.
fn downloads(options: &RunArgs, output: &OutputSettings) -> Option<DownloadSettings> {
    let by_manifest = !matches!(output.download, None | Some(DownloadSetting::No));
    let is_wanted = options.download.is_some() || by_manifest;
    let named = options.download.clone().flatten();
    let mut settings =
        DownloadSettings::resolve(named.clone(), &options.files, output, &options.manifest);
    if options.rehearse {
        settings.directory = named; // what is only rehearsed does not belong among real videos
    }
    is_wanted.then_some(settings)
}

impl Address {
    /// The API that these options, the environment or the manifest name.
    pub fn resolve(options: &ApiArgs, sources: Sources<'_>) -> Result<Self, Error> {
        let base_url = match &options.base_url {
            Some(flag) => Some(flag.clone()),
            None => base_url_of_environment(sources.environment)?
                .or_else(|| sources.manifest.base_url.clone()),
        };
        let path = |written: &Option<String>, default: &str| {
            written.clone().unwrap_or_else(|| default.to_owned())
        };
        Ok(Self {
            base_url: base_url.ok_or_else(missing_base_url)?,
            create_path: path(&sources.manifest.create_path, CREATE_PATH),
            poll_path: path(&sources.manifest.poll_path, POLL_PATH),
        })
    }
}

fn base_url_of_environment(
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<BaseUrl>, Error> {
    let Some(text) = variable(BASE_URL_VARIABLE, environment)? else {
        return Ok(None);
    };
    text.parse::<BaseUrl>().map(Some).map_err(|source| {
        Error::new(
            ExitCode::Usage,
            format!("the environment variable `{BASE_URL_VARIABLE}` cannot be used"),
        )
        .because(source)
    })
}

fn missing_base_url() -> Error {
    Error::new(ExitCode::Usage, "the address of the API is not known").help(format!(
        "give `--base-url URL`, set the environment variable `{BASE_URL_VARIABLE}`, or write \
         `api: {{ base_url: URL }}` in the manifest; `--rehearse` needs none"
    ))
}

/// The value of a variable that is set and not empty.
fn variable(
    name: &str,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<String>, Error> {
    match environment(name).map(OsString::into_string) {
        None => Ok(None),
        Some(Ok(text)) if text.trim().is_empty() => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Error::new(
            ExitCode::Usage,
            format!("the environment variable `{name}` is not UTF-8 text"),
        )),
    }
}

/// How fast requests follow each other.
struct Pace {
    submit_rate: Rate,
    poll_rate: Rate,
    poll_first: Duration,
    poll_every: Duration,
}

impl Pace {
    /// Sane for an account whose limits are unknown.
    fn careful() -> Self {
        Self {
            submit_rate: Rate::per_minute(count(60)),
            poll_rate: Rate::per_minute(count(240)),
            poll_first: Duration::from_secs(15),
            poll_every: Duration::from_secs(10),
        }
    }

    /// For a provider that is simulated, and a person who watches.
    fn rehearsal() -> Self {
        Self {
            submit_rate: Rate::per_second(count(5)),
            poll_rate: Rate::per_second(count(20)),
            poll_first: Duration::from_millis(500),
            poll_every: Duration::from_millis(500),
        }
    }

    /// Without flags, for a real account.
    fn weaker(manifest: &ManifestSettings) -> Self {
        let default = Self::careful();
        Self {
            submit_rate: manifest.submit_rate.unwrap_or(default.submit_rate),
            poll_rate: manifest.poll_rate.unwrap_or(default.poll_rate),
            poll_first: manifest.poll_first.unwrap_or(default.poll_first),
            poll_every: manifest.poll_every.unwrap_or(default.poll_every),
        }
    }

    /// A rehearsal passes over the manifest, which is written for a real account.
    fn of(options: &LimitArgs, manifest: &ManifestSettings, destination: &Destination) -> Self {
        let weaker = match destination {
            Destination::Rehearsal => Self::rehearsal(),
            Destination::Api(_) => Self::weaker(manifest),
        };
        Self {
            submit_rate: options.submit_rate.unwrap_or(weaker.submit_rate),
            poll_rate: options.poll_rate.unwrap_or(weaker.poll_rate),
            poll_first: options.poll_first.unwrap_or(weaker.poll_first),
            poll_every: options.poll_every.unwrap_or(weaker.poll_every),
        }
    }
}

const fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("a default above zero")
}

/// Compiles the `--select` globs.
pub fn selection(globs: &[String]) -> Result<Selection, Error> {
    Selection::new(globs).map_err(|source| {
        let glob = source.glob().map_or_else(String::new, shown);
        Error::new(
            ExitCode::Usage,
            format!("`--select` {glob} is not a pattern: {}", source.kind()),
        )
        .help("write a pattern such as `hero-*`: `*` stands for any characters, `?` for one")
    })
}

fn shown(text: &str) -> String {
    format!("`{}`", crate::text::clean(text, 200))
}

/// The time from `now` to the deadline; a time of day is the next one, tomorrow's if today's has passed.
fn time_until(deadline: Deadline, now: &Zoned) -> Result<Duration, Error> {
    let time = match deadline {
        Deadline::After(duration) => return Ok(duration),
        Deadline::At(time) => time,
    };
    let at_that_time = |day: &Zoned| day.with().time(time).build();
    let today = at_that_time(now);
    let next = match today {
        Ok(today) if today > *now => Ok(today),
        _ => now.tomorrow().and_then(|tomorrow| at_that_time(&tomorrow)),
    };
    next.ok()
        .and_then(|next| Duration::try_from(now.duration_until(&next)).ok())
        .ok_or_else(|| {
            Error::new(
                ExitCode::Usage,
                format!("the deadline {time} lies beyond the calendar"),
            )
        })
}

/// The API key: of the file if one is named, else of the environment; `None` if neither gives one.
///
/// `read` reads a whole file. Errors name where the key came from and never show any of it.
pub fn api_key(
    file: Option<&Path>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    read: &dyn Fn(&Path) -> io::Result<Vec<u8>>,
) -> Result<Option<SecretString>, Error> {
    if let Some(path) = file {
        let bytes = read(path).map_err(|source| unreadable_key(path, source))?;
        let place = format!("the API key file `{}`", path.display());
        return checked_key(&bytes, &place).map(Some);
    }
    let place = format!("the environment variable `{API_KEY_VARIABLE}`");
    variable(API_KEY_VARIABLE, environment)?
        .map(|key| checked_key(key.as_bytes(), &place))
        .transpose()
}

/// The error of a run that must send something and has no key.
pub fn missing_api_key() -> Error {
    Error::new(ExitCode::Refused, "there is no API key, nothing was sent").help(format!(
        "set the environment variable `{API_KEY_VARIABLE}`, or give `--api-key-file FILE`"
    ))
}

fn unreadable_key(path: &Path, source: io::Error) -> Error {
    let shown = path.display().to_string();
    if shown.starts_with("sk-") {
        // A key given in place of the file's name must not be repeated in an error.
        return Error::new(
            ExitCode::Usage,
            "the file that `--api-key-file` names cannot be read",
        )
        .help("give the name of a file that holds the key, not the key itself");
    }
    Error::new(
        ExitCode::Usage,
        format!("the API key file `{shown}` cannot be read"),
    )
    .because(source)
}

/// A key that fits a header: visible ASCII, nothing else.
fn checked_key(bytes: &[u8], place: &str) -> Result<SecretString, Error> {
    let refuse = |what: &str| {
        Err(
            Error::new(ExitCode::Usage, format!("{place} {what}")).help(
                "it holds the key alone, as the provider shows it: no name, quotes or `Bearer` before it",
            ),
        )
    };
    let key = bytes.trim_ascii_end();
    match str::from_utf8(key) {
        Ok("") => refuse("is empty"),
        _ if key.len() > KEY_LIMIT => refuse("is too long for an API key"),
        Ok(key) if key.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Ok(SecretString::from(key.to_owned()))
        }
        Ok(key) if key.is_ascii() => refuse("holds white space or control characters in its key"),
        _ => refuse("holds characters that no API key has"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use jiff::civil::date;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::cli::{Command, parse};

    fn options(line: &str) -> RunArgs {
        let words = ["shotlist", "run", "shots.yaml"]
            .into_iter()
            .chain(line.split_whitespace());
        match parse(words.map(OsString::from)).map(|cli| cli.command) {
            Ok(Command::Run(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn nothing(_: &str) -> Option<OsString> {
        None
    }

    fn noon() -> Zoned {
        date(2026, 1, 5)
            .at(12, 0, 0, 0)
            .in_tz("UTC")
            .expect("valid")
    }

    fn resolved(line: &str, manifest: &ManifestSettings) -> Result<RunSettings, Error> {
        let sources = Sources {
            environment: &nothing,
            manifest,
            now: &noon(),
        };
        RunSettings::resolve(&options(line), sources)
    }

    fn manifest() -> ManifestSettings {
        ManifestSettings {
            base_url: "https://manifest.example.com".parse().ok(),
            concurrency: NonZeroU32::new(9),
            submit_rate: "30/min".parse().ok(),
            poll_rate: "31/min".parse().ok(),
            poll_first: Some(Duration::from_secs(32)),
            poll_every: Some(Duration::from_secs(33)),
            submit_timeout: Some(Duration::from_secs(34)),
            job_timeout: Some(Duration::from_secs(35)),
            deadline: Some(Deadline::After(Duration::from_secs(36))),
            max_jobs: NonZeroU32::new(37),
            max_spend: "38".parse().ok(),
            create_path: Some("/v2/create".to_owned()),
            poll_path: Some("/v2/{task_id}".to_owned()),
            output: crate::manifest::OutputSettings::default(),
        }
    }

    fn base_url(settings: &RunSettings) -> String {
        match &settings.destination {
            Destination::Api(address) => address.base_url.to_string(),
            Destination::Rehearsal => "rehearsal".to_owned(),
        }
    }

    #[test]
    fn what_is_set_nowhere_has_the_documented_default_and_the_help_names_it() {
        let settings =
            resolved("--base-url https://x.example", &ManifestSettings::default()).expect("valid");
        let mut program = crate::cli::Cli::command();
        let run = program.find_subcommand_mut("run").expect("a command");
        let help = run.render_long_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let time = crate::units::show_duration;
        for (option, value) in [
            ("--concurrency", settings.concurrency.to_string()),
            ("--submit-rate", settings.submit_rate.to_string()),
            ("--poll-rate", settings.poll_rate.to_string()),
            ("--poll-first", time(settings.poll_first)),
            ("--poll-every", time(settings.poll_every)),
            ("--submit-timeout", "180s".to_owned()),
            ("--job-timeout", "60m".to_owned()),
            ("--deadline", time(settings.deadline)),
        ] {
            let text = &help[help.find(option).expect("listed")..];
            let default = text
                .split("[default: ")
                .nth(1)
                .and_then(|rest| rest.split(']').next());
            assert_eq!(default, Some(value.as_str()), "{option}");
        }
        assert_eq!(settings.submit_timeout, Duration::from_secs(180));
        assert_eq!(settings.job_timeout, Duration::from_secs(3600));
        assert_eq!(settings.scope.max_jobs, None);
        let Destination::Api(address) = settings.destination else {
            panic!("not a rehearsal")
        };
        assert_eq!(
            (address.create_path.as_str(), address.poll_path.as_str()),
            (CREATE_PATH, POLL_PATH)
        );
    }

    #[test]
    fn the_manifest_wins_over_the_default_and_an_option_over_the_manifest() {
        let settings = resolved("", &manifest()).expect("valid");
        assert_eq!(base_url(&settings), "https://manifest.example.com");
        assert_eq!(settings.concurrency.get(), 9);
        assert_eq!(settings.submit_rate.to_string(), "30/min");
        assert_eq!(settings.poll_rate.to_string(), "31/min");
        assert_eq!(settings.scope.max_jobs.map(NonZeroU32::get), Some(37));
        assert_eq!(settings.scope.max_spend, "38".parse().ok());
        let seconds = [
            settings.poll_first,
            settings.poll_every,
            settings.submit_timeout,
            settings.job_timeout,
            settings.deadline,
        ]
        .map(|duration| duration.as_secs());
        assert_eq!(seconds, [32, 33, 34, 35, 36]);

        let settings = resolved(
            "--base-url https://flag.example.com --concurrency 1 --submit-rate 2/s --poll-rate 3/s --poll-first 4s \
             --poll-every 5s --submit-timeout 6s --job-timeout 7s --deadline 8s --max-jobs 9 --max-spend 10.50",
            &manifest(),
        )
        .expect("valid");
        assert_eq!(base_url(&settings), "https://flag.example.com");
        assert_eq!(settings.concurrency.get(), 1);
        assert_eq!(settings.submit_rate.to_string(), "2/s");
        assert_eq!(settings.poll_rate.to_string(), "3/s");
        assert_eq!(settings.scope.max_jobs.map(NonZeroU32::get), Some(9));
        assert_eq!(settings.scope.max_spend, "10.5".parse().ok());
        let seconds = [
            settings.poll_first,
            settings.poll_every,
            settings.submit_timeout,
            settings.job_timeout,
            settings.deadline,
        ]
        .map(|duration| duration.as_secs());
        assert_eq!(seconds, [4, 5, 6, 7, 8]);
    }

    #[test]
    fn the_environment_stands_between_option_and_manifest() {
        let environment = |name: &str| {
            (name == BASE_URL_VARIABLE).then(|| OsString::from("https://env.example.com/v1"))
        };
        let (manifest, now) = (manifest(), noon());
        let sources = Sources {
            environment: &environment,
            manifest: &manifest,
            now: &now,
        };
        let of = |line| RunSettings::resolve(&options(line), sources).map(|found| base_url(&found));
        assert_eq!(of("").ok().as_deref(), Some("https://env.example.com"));
        assert_eq!(
            of("--base-url https://flag.example.com").ok().as_deref(),
            Some("https://flag.example.com")
        );
    }

    #[test]
    fn an_unusable_variable_is_named_and_an_empty_one_counts_as_unset() {
        let now = noon();
        let address = |value: &'static str| {
            let sources = Sources {
                environment: &|_| Some(OsString::from(value)),
                manifest: &ManifestSettings::default(),
                now: &now,
            };
            Address::resolve(&ApiArgs::default(), sources).expect_err("unusable")
        };
        let error = address("ftp://x");
        assert_eq!(error.code(), ExitCode::Usage);
        assert!(error.to_string().contains(BASE_URL_VARIABLE), "{error}");
        assert!(
            address("")
                .remedy()
                .is_some_and(|help| help.contains("--base-url"))
        );
    }

    #[test]
    fn a_missing_base_url_names_flag_variable_and_manifest_key() {
        let error = resolved("", &ManifestSettings::default()).expect_err("no base URL");
        assert_eq!(error.code(), ExitCode::Usage);
        let help = error.remedy().unwrap_or_default();
        for name in ["--base-url", BASE_URL_VARIABLE, "base_url:"] {
            assert!(help.contains(name), "{help}");
        }
    }

    #[test]
    fn a_rehearsal_needs_no_address_and_goes_at_its_own_pace() {
        let settings = resolved("--rehearse --poll-every 1s", &manifest()).expect("valid");
        assert_eq!(settings.destination, Destination::Rehearsal);
        assert_eq!(settings.submit_rate.to_string(), "5/s");
        assert_eq!(settings.poll_rate.to_string(), "20/s");
        assert_eq!(settings.poll_first, Duration::from_millis(500));
        assert_eq!(settings.poll_every, Duration::from_secs(1));
        assert_eq!(settings.concurrency.get(), 9);
    }

    #[test]
    fn a_time_of_day_is_the_next_one_by_the_local_clock() {
        let at = |text: &str, now: &Zoned| {
            time_until(text.parse().expect("valid"), now).map(crate::units::show_duration)
        };
        let noon = noon();
        assert_eq!(at("8h", &noon).ok().as_deref(), Some("8h"));
        assert_eq!(at("12:01", &noon).ok().as_deref(), Some("1m"));
        assert_eq!(at("12:00", &noon).ok().as_deref(), Some("24h"));
        assert_eq!(at("06:00", &noon).ok().as_deref(), Some("18h"));
        // An hour is missing (02:00 to 03:00 on 29 March) or comes twice (25 October): always the next 06:00.
        let spring = date(2026, 3, 28).at(23, 0, 0, 0).in_tz("Europe/Berlin");
        assert_eq!(
            at("06:00", &spring.expect("valid")).ok().as_deref(),
            Some("6h")
        );
        let autumn = date(2026, 10, 24).at(23, 0, 0, 0).in_tz("Europe/Berlin");
        assert_eq!(
            at("06:00", &autumn.expect("valid")).ok().as_deref(),
            Some("8h")
        );
    }

    #[test]
    fn a_bad_or_idle_selection_is_wrong_usage() {
        let error = resolved("--rehearse --select [", &manifest()).expect_err("not a glob");
        assert_eq!(error.code(), ExitCode::Usage);
        assert!(error.to_string().contains("`[`"), "{error}");
        let settings = resolved("--rehearse --select z*", &manifest()).expect("valid");
        let plan = Plan::new(Vec::new(), Vec::new());
        let error = settings.scope.ensure_selected(&plan).expect_err("no match");
        assert_eq!(error.code(), ExitCode::Usage);
        assert!(error.to_string().contains("`z*`"), "{error}");
    }

    #[test]
    fn the_key_file_wins_over_the_variable_and_loses_its_last_line_break() {
        let environment =
            |name: &str| (name == API_KEY_VARIABLE).then(|| OsString::from("sk-of-variable"));
        let read = |_: &Path| Ok(b"sk-of-file\r\n".to_vec());
        let key = |file| {
            api_key(file, &environment, &read)
                .expect("valid")
                .map(|key| key.expose_secret().to_owned())
        };
        assert_eq!(key(Some(Path::new("k"))).as_deref(), Some("sk-of-file"));
        assert_eq!(key(None).as_deref(), Some("sk-of-variable"));
        assert!(
            api_key(None, &nothing, &read)
                .expect("no key is no error")
                .is_none()
        );
        assert_eq!(missing_api_key().code(), ExitCode::Refused);
    }

    #[test]
    fn an_unusable_key_is_refused_without_being_shown() {
        for content in [
            "",
            "\n",
            "Bearer sk-secret",
            "sk-se\ncret",
            "sk-sécret",
            "sk-secret\u{7f}",
            "\u{feff}sk-secret",
        ] {
            let read = |_: &Path| Ok(content.as_bytes().to_vec());
            let error =
                api_key(Some(Path::new("key.txt")), &nothing, &read).expect_err("an unusable key");
            assert_eq!(error.code(), ExitCode::Usage);
            let text = format!("{error} {:?} {error:?}", error.remedy());
            assert!(text.contains("key.txt") && !text.contains("cret"), "{text}");
        }
        let read = |_: &Path| Ok(vec![0xff, 0xfe]);
        assert!(api_key(Some(Path::new("key.txt")), &nothing, &read).is_err());
    }

    #[test]
    fn a_key_in_place_of_the_file_name_is_not_repeated() {
        let read = |_: &Path| Err(io::Error::from(io::ErrorKind::NotFound));
        let error =
            api_key(Some(Path::new("sk-secret")), &nothing, &read).expect_err("no such file");
        assert!(!format!("{error:?}").contains("sk-secret"));
        let error = api_key(Some(Path::new("key.txt")), &nothing, &read).expect_err("no such file");
        assert!(error.to_string().contains("`key.txt`"));
    }

    #[test]
    fn the_key_is_not_in_debug_output() {
        let read = |_: &Path| Ok(b"sk-secret".to_vec());
        let key = api_key(Some(Path::new("k")), &nothing, &read).expect("valid");
        assert!(!format!("{key:?}").contains("sk-secret"));
    }
}
