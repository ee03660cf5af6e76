//! The commands and options, as `--help` shows them: types only, nothing is decided here.
//!
//! Start at [`parse`] and [`Cli`]. What an option means together with environment and manifest is `settings`'
//! business; this module reads no environment and no file.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum, ValueHint};

use crate::engine::event::TaskId;
use crate::manifest::{Delimiter, TableOptions, TextEncoding, meant_amount};
use crate::money::{Amount, Currency, MoneyError};
use crate::plan::{JobId, JobIdError};
use crate::simulator::{Faults, RenderTime, fault_help};
use crate::units::{BaseUrl, Deadline, Rate, parse_duration};

/// Reads the command line. The error prints itself (help and version included) and knows its exit code: 2 for
/// wrong usage.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let has_amount = arguments.iter().any(|it| it == "--max-spend");
    let cli = Cli::try_parse_from(arguments).map_err(|error| with_tip(error, has_amount))?;
    if let Command::Resolve(resolve) = &cli.command
        && resolve.task.is_some()
        && resolve.jobs.len() != 1
    {
        return Err(Cli::command().error(
            ErrorKind::TooManyValues,
            "`--task` takes exactly one job: a task is one job's",
        ));
    }
    Ok(cli)
}

/// Says of usual slips what is meant instead.
fn with_tip(mut error: clap::Error, has_amount: bool) -> clap::Error {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    let names_manifest = |word: &str| {
        let extension = word.rsplit_once('.').map(|(_, it)| it.to_ascii_lowercase());
        matches!(
            extension.as_deref(),
            Some("yaml" | "yml" | "json" | "csv" | "tsv" | "xlsx")
        )
    };
    let tip = match (word(ContextKind::InvalidSubcommand), word(ContextKind::InvalidArg)) {
        (Some(name), _) if names_manifest(name) => {
            format!("`shotlist check {name}` finds its mistakes, `shotlist run {name}` does it")
        }
        (_, Some("--dry-run" | "--dryrun")) => {
            "`shotlist plan` says what a run would do; `run --rehearse` does it for free, against a simulated provider".to_owned()
        }
        (_, Some(currency)) if has_amount && Currency::new(currency).is_some() => {
            "an amount stands alone, `--max-spend 5`: its currency is that of the price list".to_owned()
        }
        (_, Some(name)) if names_manifest(name) => {
            "one manifest at a time; a name with blanks stands in quotes: `'my shots.csv'`".to_owned()
        }
        _ => return error,
    };
    error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::Usage);
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
    error
}

/// Runs a manifest of Seedance 2.0 video jobs: validates first, never pays twice, always safe to run again
///
/// A manifest (YAML or CSV) lists the videos that are wanted. `shotlist run` submits them within your limits, waits for
/// them, and writes one row per job to results.csv. Before a job is sent, that is noted on disk, so a run that was
/// interrupted, crashed or cut off goes on where it stopped and pays for nothing twice.
#[derive(Debug, Parser)]
#[command(name = "shotlist", version, max_term_width = 100, after_long_help = GUIDE, after_help = SHORT_GUIDE)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// When to use colour; `auto` also obeys `NO_COLOR` and `CLICOLOR_FORCE`
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = "Display"
    )]
    pub color: ColorWhen,

    /// Show no progress and no notices, only errors and the summary
    #[arg(long, global = true, help_heading = "Display")]
    pub quiet: bool,
}

const SHORT_GUIDE: &str = "`shotlist --help` shows a first session and the exit codes.";

const GUIDE: &str = "\
A first session:
  shotlist init shots.yaml                 write a commented manifest to start from
  shotlist check shots.yaml                is it valid? nothing is sent
  shotlist run shots.yaml --rehearse       the whole run against a simulated provider, free
  shotlist plan shots.yaml                 what the real run would do
  export SHOTLIST_API_KEY=…
  shotlist run shots.yaml --base-url https://api.example.com

Exit codes:
    0  every selected job completed
    1  a bug in shotlist
    2  usage or manifest invalid; nothing was sent
    3  all settled, some failed
    4  the provider refuses the key, or the address is wrong
    5  jobs in doubt need a person: see `shotlist resolve --help`
    6  out of money or quota, or `--max-spend` or `--max-jobs` was reached
    7  jobs are still pending or running: run again to collect
   74  state or results cannot be written, or the state is damaged
   75  another run holds this state
  130  interrupted by Ctrl-C, state saved (143 by SIGTERM or a closed terminal)";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate a manifest and show every mistake with its place; nothing is sent
    ///
    /// Reads no state and needs no key. Exits 0 if the manifest can be run, else 2.
    Check(CheckArgs),
    /// Show what a run would do and why; nothing is sent
    ///
    /// Sorts the jobs into new, resume, done, failed, in doubt, changed and removed, and adds up the seconds of video
    /// that would be ordered. Changes nothing.
    Plan(PlanArgs),
    /// Submit what is left, wait for it, and write results.csv
    ///
    /// Running it again is always right: finished jobs stay finished, running tasks are only asked for, the rest is
    /// submitted. A job whose create request may or may not have reached the provider is never sent again by itself
    /// (see `shotlist resolve`).
    ///
    /// An option wins over the environment, the environment over the manifest (`api:` and `limits:`), the manifest
    /// over the default.
    Run(Box<RunArgs>),
    /// Show where every job stands, also while a run is going on
    ///
    /// Reads the state alone, so it also works when the manifest is no longer valid. Changes nothing.
    Status(StatusArgs),
    /// Settle jobs in doubt: say what became of them at the provider
    ///
    /// A job is in doubt when its create request may have reached the provider and no task id came back. It is never
    /// sent again by itself, since that could pay twice. Look for it at the provider (console, usage log), then say
    /// what you found.
    Resolve(ResolveArgs),
    /// Rebuild results.csv from the state
    ///
    /// For a results.csv that was edited, deleted or is open in a spreadsheet. Asks the provider nothing.
    Report(ReportArgs),
    /// Write a commented manifest to start from
    Init(InitArgs),
    /// Print the JSON Schema of YAML manifests, so that editors complete and check them
    ///
    /// With it an editor offers fields and values, explains them, and marks most mistakes while you type. `shotlist
    /// check` says the rest: what a schema cannot know, such as what stands in a table, or two jobs of the same id.
    Schema(SchemaArgs),
    /// Serve the simulated provider on this machine
    ///
    /// The provider of `run --rehearse` as a server of its own, on loopback only: any client can talk to it, it takes
    /// any key, it costs nothing, and it can be told to misbehave. `GET /_sim/ledger` shows what it created.
    Simulate(SimulateArgs),
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Also into a file or pipe.
    Always,
    /// Not at all.
    Never,
}

/// `shotlist check`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shotlist check shots.yaml
  shotlist check shots.yaml --probe            are the pictures and videos there that it refers to?
  shotlist check shots.csv --expand | less     every job with its defaults filled in
  shotlist check shots.xlsx --errors-csv mend.csv    every row with what is wrong with it")]
pub struct CheckArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// Print the final jobs as YAML, defaults filled in
    #[arg(long, conflicts_with = "json")]
    pub expand: bool,

    /// Write the rows of the table to FILE with their mistakes in a last column `errors`, to be mended there
    ///
    /// A row has its errors first, then its warnings, each as `warning: …`. FILE can be checked and run in place of the
    /// table: the column is passed over. It is replaced if it is there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub errors_csv: Option<PathBuf>,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Exit 2 before anything is sent if the manifest has warnings that it does not `allow:`
    #[arg(long, help_heading = "Manifest")]
    pub deny_warnings: bool,

    /// Whether files are asked for.
    #[command(flatten)]
    pub probe: ProbeArgs,

    /// Print one JSON object a line
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// Whether the files that jobs refer to are asked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files that jobs refer to")]
pub struct ProbeArgs {
    /// Also ask for every file that the jobs refer to: is it there, of the right kind, and as long as it may be?
    ///
    /// Each address is asked for once, by HEAD or for its first bytes; of reference videos the length is read from a
    /// few parts. No key is sent. What the provider would stumble over as well is an error; a server that does not
    /// answer now is a warning.
    #[arg(long)]
    pub probe: bool,

    /// Let `--probe` also ask addresses of this machine and of private networks
    #[arg(long, requires = "probe")]
    pub allow_private: bool,
}

/// How the manifest and its tables are read, where that is not what is detected.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Table")]
pub struct ReadingArgs {
    /// Encoding of the table, such as `utf-8`, `utf-16`, `gb18030` or `windows-1252` [default: detected]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<TextEncoding>,

    /// What parts the cells of the table: `,`, `;`, `tab` or `|` [default: detected]
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true)]
    pub delimiter: Option<Delimiter>,

    /// Sheet of an .xlsx workbook [default: the only visible one that is not empty]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,

    /// Let the manifest name tables outside its own folder
    #[arg(long, help_heading = "Manifest")]
    pub allow_outside: bool,
}

impl ReadingArgs {
    /// How tables are written.
    pub fn tables(&self) -> TableOptions {
        TableOptions {
            encoding: self.encoding,
            delimiter: self.delimiter,
            sheet: self.sheet.clone(),
        }
    }
}

/// Where state and results are.
#[derive(Debug, Args)]
pub struct OutArgs {
    /// Directory of state and results; beside the manifest if it is not given.
    #[arg(long, help = "Directory of state and results [default: `<manifest stem>.run` beside the manifest]", value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Files")]
    pub out: Option<PathBuf>,
}

/// `shotlist plan`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shotlist plan shots.yaml
  shotlist plan shots.yaml --json | jq -r 'select(.kind == \"new\") | .id'")]
pub struct PlanArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Exit 2 before anything is sent if the manifest has warnings that it does not `allow:`
    #[arg(long, help_heading = "Manifest")]
    pub deny_warnings: bool,

    /// Which jobs, and how many.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// Print one JSON object a line
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist run`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shotlist run shots.yaml --rehearse                       free, against a simulated provider
  shotlist run shots.yaml --select 'hero-*' --max-jobs 1   one real video first
  shotlist run shots.yaml --concurrency 2 --submit-rate 10/min --deadline 06:00
  shotlist run shots.yaml --rerun failed                   make failed jobs again; costs again

Ctrl-C once stops submitting, saves and says how to go on; twice leaves at once.")]
pub struct RunArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Exit 2 before anything is sent if the manifest has warnings that it does not `allow:`
    #[arg(long, help_heading = "Manifest")]
    pub deny_warnings: bool,

    /// Where the API is and with which key.
    #[command(flatten)]
    pub api: ApiArgs,

    /// Run against a simulated provider inside this process: no key, no money, and it begins anew each time
    ///
    /// Base URL and key are not used, and rates are faster than any provider's unless given as options. State and
    /// results go to `<manifest stem>.rehearsal`.
    #[arg(long, help_heading = "What to run")]
    pub rehearse: bool,

    /// Which jobs, and how many.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// The limits.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// Print one JSON object a line on stdout, the last of type `summary`
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// Which jobs a run may submit, and how many.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "What to run")]
pub struct ScopeArgs {
    /// Submit only jobs whose id matches; repeatable. Running tasks are always polled
    #[arg(long, value_name = "GLOB")]
    pub select: Vec<String>,

    /// Make finished jobs again that failed, or whose content has changed since; costs again
    #[arg(long, value_name = "WHICH", value_enum, value_delimiter = ',')]
    pub rerun: Vec<RerunWhich>,

    /// Submit at most this many jobs in this run
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub max_jobs: Option<NonZeroU32>,

    /// Submit nothing that would take what all requests are expected to cost over AMOUNT, such as `25` or `12.50`
    ///
    /// Counts every request of this state that may be made or paid, of all runs, removed jobs and earlier takes
    /// included, by the prices that the manifest stated then (`pricing:`); what the provider refused is not counted,
    /// what failed after it was accepted is: whether that is refunded, only the provider knows. A job that does not
    /// fit is passed over for cheaper ones.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_cap, allow_negative_numbers = true)]
    pub max_spend: Option<Amount>,
}

/// Where the API is and with which key.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "API")]
pub struct ApiArgs {
    /// Address of the API, such as `https://api.example.com` [env: `SHOTLIST_BASE_URL`]
    #[arg(long, value_name = "URL")]
    pub base_url: Option<BaseUrl>,

    /// With which key.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Where the API key is.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "API")]
pub struct KeyArgs {
    /// File that holds the API key and nothing else [env: `SHOTLIST_API_KEY` holds the key itself]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub api_key_file: Option<PathBuf>,
}

/// The options that are `limits:` in the manifest.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Most tasks at the provider at a time [default: 4]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub concurrency: Option<NonZeroU32>,

    /// Create requests, evenly spaced, as `N/s`, `N/min` or `N/h` [default: 60/min]
    #[arg(long, value_name = "RATE")]
    pub submit_rate: Option<Rate>,

    /// Poll requests, evenly spaced [default: 240/min]
    #[arg(long, value_name = "RATE")]
    pub poll_rate: Option<Rate>,

    /// Wait before a new task is asked for the first time [default: 15s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub poll_first: Option<Duration>,

    /// Wait between two polls of a task [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub poll_every: Option<Duration>,

    /// Longest wait for the answer to a create request; after it the job is in doubt [default: 180s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub submit_timeout: Option<Duration>,

    /// Longest wait for a video; after it the task is left running and the next run asks again [default: 60m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub job_timeout: Option<Duration>,

    /// Submit nothing after this long, such as `8h`, or after a time of day, such as `06:00` [default: 24h]
    #[arg(long, value_name = "WHEN")]
    pub deadline: Option<Deadline>,
}

/// Which finished jobs are made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RerunWhich {
    /// Jobs that failed, but for completed ones without a URL
    Failed,
    /// Jobs whose content in the manifest is no longer what was sent
    Changed,
}

/// `shotlist status`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shotlist status shots.yaml
  watch shotlist status shots.yaml
  shotlist status shots.yaml --json | jq -r 'select(.status == \"failed\") | [.id, .error] | @tsv'")]
pub struct StatusArgs {
    /// YAML, CSV or .xlsx file that lists the jobs; it need not be valid
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// Print one JSON object a line
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist resolve`
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("finding").required(true).args(["task", "not_created"])),
    override_usage = "shotlist resolve [OPTIONS] <MANIFEST> <JOB> --task <ID>\n       \
                      shotlist resolve [OPTIONS] <MANIFEST> <JOB>... --not-created\n       \
                      shotlist resolve [OPTIONS] <MANIFEST> --all --not-created",
    after_help = "\
Examples:
  shotlist resolve shots.yaml hero --task task_8f3a    it is there: the next run polls it
  shotlist resolve shots.yaml hero --not-created       it is not there: the next run submits it
  shotlist resolve shots.yaml --all --not-created      none of the jobs in doubt is there"
)]
pub struct ResolveArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// Jobs in doubt
    #[arg(value_name = "JOB", required_unless_present = "all", value_parser = parse_job_id)]
    pub jobs: Vec<JobId>,

    /// The provider has this task for the job; checked by one poll before anything is changed
    #[arg(long, value_name = "ID", value_parser = parse_task_id)]
    pub task: Option<TaskId>,

    /// The provider has no task for these jobs: they may be submitted again
    #[arg(long)]
    pub not_created: bool,

    /// Every job in doubt; only with `--not-created`
    #[arg(long, requires = "not_created", conflicts_with_all = ["jobs", "task"])]
    pub all: bool,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// With which key the provider is asked; its address is the one that the job was sent to.
    #[command(flatten)]
    pub key: KeyArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,
}

/// What a person found at the provider about jobs in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The task of one job.
    Task(JobId, TaskId),
    /// No task for these jobs.
    NotCreated(Vec<JobId>),
    /// No task for any job in doubt.
    NoneCreated,
}

impl ResolveArgs {
    /// The options as one finding; [`parse`] has refused every other combination.
    pub fn finding(&self) -> Finding {
        match (&self.task, self.jobs.as_slice()) {
            (Some(task), [job, ..]) => Finding::Task(job.clone(), task.clone()),
            _ if self.all => Finding::NoneCreated,
            _ => Finding::NotCreated(self.jobs.clone()),
        }
    }
}

/// `shotlist report`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  shotlist report shots.yaml")]
pub struct ReportArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// Print one JSON object a line
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist init`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shotlist init shots.yaml
  shotlist init shots.csv")]
pub struct InitArgs {
    /// File to write, YAML or CSV by its extension; an existing file is never overwritten
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `shotlist schema`
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  shotlist schema > shotlist.schema.json",
    after_long_help = "\
Examples:
  shotlist schema > shotlist.schema.json

VS Code with the extension `YAML` (Red Hat), and every editor with yaml-language-server (Neovim,
Helix, Zed, Emacs …): a comment in the manifest names the schema, relative to the manifest;
`shotlist init` writes it:
  # yaml-language-server: $schema=shotlist.schema.json

For many manifests at once, name it in `.vscode/settings.json` instead:
  { \"yaml.schemas\": { \"./shotlist.schema.json\": [\"shots/*.yaml\"] } }

JetBrains: Settings > Languages & Frameworks > Schemas and DTDs > JSON Schema Mappings.
Write the file again after an update of shotlist: it is of the version that printed it."
)]
pub struct SchemaArgs {
    /// What the schema is of
    #[arg(value_name = "WHAT", value_enum, default_value_t)]
    pub what: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// A manifest in YAML
    #[default]
    Manifest,
}

/// `shotlist simulate`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  shotlist simulate --port 8080
  shotlist simulate --port 8080 --submit-limit 10/min --max-in-flight 2    a stingy account
  SHOTLIST_API_KEY=any shotlist run shots.yaml --base-url http://127.0.0.1:8080",
    after_long_help = fault_help())]
pub struct SimulateArgs {
    /// Port to listen on; 0 takes a free one and says which
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,

    /// How long a video takes, such as `3s` or `2s..6s` [default: 5s..15s]
    #[arg(long, value_name = "TIME")]
    pub render: Option<RenderTime>,

    /// Answer 429 above this rate of create requests
    #[arg(long, value_name = "RATE")]
    pub submit_limit: Option<Rate>,

    /// Answer 429 while this many tasks are unfinished
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub max_in_flight: Option<NonZeroU32>,

    /// A way to misbehave; repeatable, `--help` lists them
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<Faults>,

    /// Makes chance repeatable
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

/// A value that is neither a unit nor an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum ValueError {
    #[error("write a whole number above 0")]
    Count,
    #[error("a task id is not blank and has at most {} bytes", TaskId::LIMIT)]
    TaskId,
}

fn parse_count(text: &str) -> Result<NonZeroU32, ValueError> {
    text.parse().map_err(|_| ValueError::Count)
}

fn parse_cap(text: &str) -> Result<Amount, String> {
    if text.starts_with('-') {
        return Err("a cap is an amount of 0 or more, such as `12` or `0.05`".to_owned());
    }
    text.parse()
        .map_err(|error: MoneyError| match meant_amount(text) {
            Some(amount) => format!("{error}; did you mean `{amount}`?"),
            None => error.to_string(),
        })
}

fn parse_job_id(text: &str) -> Result<JobId, JobIdError> {
    JobId::new(text)
}

fn parse_task_id(text: &str) -> Result<TaskId, ValueError> {
    TaskId::new(text.trim()).ok_or(ValueError::TaskId)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Cli, clap::Error> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn resolve(line: &str) -> Option<Finding> {
        match parsed(line).ok()?.command {
            Command::Resolve(arguments) => Some(arguments.finding()),
            _ => None,
        }
    }

    #[test]
    fn an_amount_with_a_comma_or_a_currency_is_told_with_the_number_that_is_meant() {
        for (written, meant) in [("10,50", "`10.50`"), ("10 USD", "`10`"), ("$5", "`5`")] {
            let told = parse_cap(written).expect_err(written);
            assert!(told.ends_with(&format!("did you mean {meant}?")), "{told}");
        }
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_command_reads_well() {
        let mut root = Cli::command().term_width(100);
        root.build();
        insta::assert_snapshot!("shotlist", root.render_long_help());
        for command in root.get_subcommands_mut() {
            let name = command.get_name().to_owned();
            if name != "help" {
                insta::assert_snapshot!(name, command.render_long_help());
            }
        }
    }

    #[test]
    fn usual_slips_are_answered_with_what_is_meant() {
        let told = |line| parsed(line).expect_err("refused").to_string();
        insta::assert_snapshot!(
            [
                "shotlist shots.yaml",
                "shotlist run a.csv --dry-run",
                "shotlist run a.csv --max-spend 5 USD",
                "shotlist run a.csv --max-spend -1",
                "shotlist run a.csv --max-spend=-1",
                "shotlist check my shots.csv"
            ]
            .map(told)
            .join("\n")
        );
    }

    #[test]
    fn every_usage_error_exits_2() {
        for line in [
            "shotlist",
            "shotlist run",
            "shotlist walk shots.yaml",
            "shotlist run shots.yaml --concurrency 0",
            "shotlist run shots.yaml --concurrency -1",
            "shotlist run shots.yaml --submit-rate 60",
            "shotlist run shots.yaml --poll-every 10",
            "shotlist run shots.yaml --deadline 6:00",
            "shotlist run shots.yaml --base-url api.example.com",
            "shotlist run shots.yaml --rerun all",
            "shotlist run shots.yaml --api-key sk-secret",
            "shotlist check shots.yaml --expand --json",
            "shotlist check shots.yaml --out x",
            "shotlist simulate --render 6s..2s",
        ] {
            let code = parsed(line).err().map(|error| error.exit_code());
            assert_eq!(code, Some(2), "{line}");
        }
    }

    #[test]
    fn a_finding_is_one_task_or_nothing_created() {
        let job = |id| JobId::new(id).expect("valid");
        assert_eq!(
            resolve("shotlist resolve m.yaml hero --task task_1"),
            TaskId::new("task_1").map(|task| Finding::Task(job("hero"), task))
        );
        assert_eq!(
            resolve("shotlist resolve m.yaml a b --not-created"),
            Some(Finding::NotCreated(vec![job("a"), job("b")]))
        );
        assert_eq!(
            resolve("shotlist resolve m.yaml --not-created --all"),
            Some(Finding::NoneCreated)
        );
    }

    #[test]
    fn a_finding_that_is_unclear_is_refused() {
        for line in [
            "shotlist resolve m.yaml hero",
            "shotlist resolve m.yaml --task task_1",
            "shotlist resolve m.yaml --not-created",
            "shotlist resolve m.yaml a b --task task_1",
            "shotlist resolve m.yaml a --task task_1 --not-created",
            "shotlist resolve m.yaml --all --task task_1",
            "shotlist resolve m.yaml --all",
            "shotlist resolve m.yaml a --all --not-created",
            "shotlist resolve m.yaml ../a --not-created",
        ] {
            assert_eq!(
                parsed(line).err().map(|error| error.exit_code()),
                Some(2),
                "{line}"
            );
        }
    }

    #[test]
    fn several_reruns_and_selections_add_up() {
        let Ok(Command::Run(run)) = parsed(
            "shotlist run m.yaml --rerun failed,changed --select a* --select b* --quiet --color never",
        )
        .map(|cli| {
            assert!(cli.quiet && cli.color == ColorWhen::Never);
            cli.command
        }) else {
            panic!("a valid command line")
        };
        assert_eq!(run.scope.rerun, [RerunWhich::Failed, RerunWhich::Changed]);
        assert_eq!(run.scope.select, ["a*", "b*"]);
    }
}
