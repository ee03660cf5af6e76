//! The commands and options, as `--help` shows them: types only, nothing is decided here.
//!
//! Start at [`parse`] and [`Cli`]. What an option means together with environment and manifest is `settings`'
//! business; this module reads no environment and no file.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{
    ArgGroup, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum, ValueHint,
};
use clap_complete::Shell;

use crate::engine::event::TaskId;
use crate::engine::selection::Partition;
use crate::error::ExitCode;
use crate::manifest::{Delimiter, TableOptions, TextEncoding, meant_amount};
use crate::money::{Amount, Currency, MoneyError};
use crate::plan::{JobId, JobIdError};
use crate::report::logbook::LogFormat;
use crate::simulator::{Faults, RenderTime, fault_help};
use crate::units::{BaseUrl, Deadline, Rate, parse_duration};

/// Reads the command line. The error prints itself (help and version included) and knows its exit code: 2 for
/// wrong usage.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let has_amount = arguments.iter().any(|it| it == "--max-spend");
    let cli = program()
        .try_get_matches_from(arguments)
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .map_err(|error| with_tip(error, has_amount))?;
    if let Command::Resolve(resolve) = &cli.command
        && resolve.task.is_some()
        && resolve.jobs.len() != 1
    {
        return Err(program().error(
            ErrorKind::TooManyValues,
            "`--task` takes exactly one job: a task is one job's",
        ));
    }
    let scope = match &cli.command {
        Command::Run(run) => Some(&run.scope),
        Command::Plan(plan) => Some(&plan.scope),
        _ => None,
    };
    if let Some(wrong) = scope.and_then(ScopeArgs::lone_marks) {
        return Err(program().error(ErrorKind::MissingRequiredArgument, wrong));
    }
    Ok(cli)
}

/// The commands and options, with the names that `shotlist help` takes.
pub fn program() -> clap::Command {
    let program = Cli::command();
    let command = |command: &clap::Command| {
        let about = command.get_about().map(ToString::to_string);
        PossibleValue::new(command.get_name().to_owned()).help(about.unwrap_or_default())
    };
    let commands: Vec<_> = program.get_subcommands().map(command).collect();
    let topics = Topic::value_variants()
        .iter()
        .filter_map(Topic::to_possible_value);
    let of_man = PossibleValuesParser::new(commands.clone());
    let of_help = PossibleValuesParser::new(topics.chain(commands));
    let hidden = |arg: clap::Arg| arg.hide_possible_values(true);
    program
        .mut_subcommand("help", |help| {
            help.mut_arg("of", |of| hidden(of.value_parser(of_help)))
        })
        .mut_subcommand("man", |man| {
            man.mut_arg("command", |command| hidden(command.value_parser(of_man)))
        })
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

/// Runs a manifest of Seedance 2.0 video jobs and never pays for one twice
///
/// A manifest (YAML or CSV) lists the videos that are wanted. `shotlist run` submits them within your limits, waits for
/// them, and writes one row per job to results.csv. Before a job is sent, that is noted on disk, so a run that was
/// interrupted, crashed or cut off goes on where it stopped and pays for nothing twice.
#[derive(Debug, Parser)]
#[command(
    name = "shotlist",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = SHORT_GUIDE,
    after_long_help = guide()
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Colour: auto, always, never
    ///
    /// `auto` uses colour on a terminal, unless `NO_COLOR` is set, and also elsewhere if `CLICOLOR_FORCE` is.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        help_heading = "Display"
    )]
    pub color: ColorWhen,

    /// Say only errors and the summary
    ///
    /// Leaves out progress and notices on stderr; what goes to stdout stays.
    #[arg(long, global = true, help_heading = "Display")]
    pub quiet: bool,
}

const SHORT_GUIDE: &str =
    "`shotlist --help` shows a first session, `shotlist help COMMAND` explains.";

const SESSION: &str = "\
A first session:
  shotlist init shots.yaml                 write a commented manifest to start from
  shotlist check shots.yaml                is it valid? nothing is sent
  shotlist run shots.yaml --rehearse       the whole run against a simulated provider, free
  shotlist plan shots.yaml                 what the real run would do
  export SHOTLIST_API_KEY=…
  shotlist run shots.yaml --base-url https://api.example.com

Try it on an example:
  shotlist run manifests/examples/campaign.yaml --rehearse

Exit codes:
";

/// A first session, the exit codes and where to read on.
fn guide() -> String {
    let codes = ExitCode::ALL.map(|code| format!("  {:>3}  {}\n", code as u8, code.meaning()));
    let topics = Topic::value_variants().iter().filter_map(|topic| {
        let topic = topic.to_possible_value()?;
        let about = topic.get_help().map(ToString::to_string);
        let name = topic.get_name();
        Some(format!(
            "  shotlist help {name:12}  {}\n",
            about.unwrap_or_default()
        ))
    });
    let topics: String = topics.collect();
    format!("{SESSION}{}\nMore:\n{}", codes.concat(), topics.trim_end())
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate a manifest: every mistake with its place
    ///
    /// Sends nothing, reads no state and needs no key. Exits 0 if the manifest can be run, else 2.
    Check(CheckArgs),
    /// Show what a run would do and why, and what it would cost
    ///
    /// Sorts the jobs into new, resume, done, failed, in doubt, changed and removed, and adds up the seconds of video
    /// that would be ordered and, with `pricing:` in the manifest, what they cost. Sends and changes nothing.
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
    /// Rebuild results.csv and gallery.html from the state
    ///
    /// For a results.csv that was edited, deleted or is open in a spreadsheet. Asks the provider nothing.
    Report(ReportArgs),
    /// Download the videos that are finished and not yet on this disk
    ///
    /// Submits nothing and waits for nothing that is still running. Goes on with what an earlier download has begun;
    /// an expired URL is asked for once more, if there is a key. Recorded files that are gone are fetched again. An
    /// existing file is never overwritten.
    Download(Box<DownloadArgs>),
    /// Check downloaded files against the state
    ///
    /// Is each there, with the same size and SHA-256? Exits 0 if every file is as it was downloaded, 3 if one is missing or changed. Changes nothing.
    Verify(VerifyArgs),
    /// Write a commented manifest to start from
    ///
    /// It is valid as it is, so that `shotlist run FILE --rehearse` works at once.
    Init(InitArgs),
    /// Print the JSON Schema of manifests, or of what `--json` prints
    ///
    /// With that of manifests an editor offers fields and values, explains them, and marks most mistakes while you type. `shotlist
    /// check` says the rest: what a schema cannot know, such as what stands in a table, or two jobs of the same id.
    ///
    /// With that of `--json` a program can check, or generate types for, the lines that it reads.
    Schema(SchemaArgs),
    /// Serve the simulated provider on this machine
    ///
    /// The provider of `run --rehearse` as a server of its own, on loopback only: any client can talk to it, it takes
    /// any key, it costs nothing, and it can be told to misbehave. `GET /_sim/ledger` shows what it created.
    Simulate(SimulateArgs),
    /// Print completions for a shell
    ///
    /// Commands, options, their values and file names are completed. Print them again after an update of shotlist.
    Completions(CompletionsArgs),
    /// Print the manual page
    ///
    /// All commands on one page, or the page of one command, for `man`.
    Man(ManArgs),
    /// Explain a command, or a topic
    ///
    /// Topics are what several commands have in common: exit codes, environment, manifest, output, nights.
    Help(HelpArgs),
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
#[command(after_long_help = "\
Examples:
  shotlist check manifests/examples/sheet.csv --expand   every job with its defaults filled in
  shotlist check shots.yaml --probe                      are the pictures and videos there?
  shotlist check shots.xlsx --errors-csv mend.csv        each row with what is wrong with it")]
pub struct CheckArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// Print the final jobs as YAML, defaults filled in
    #[arg(long, conflicts_with = "json")]
    pub expand: bool,

    /// Write the rows of the table with their mistakes
    ///
    /// They go to FILE, with their mistakes in a last column `errors`, to be mended there in a spreadsheet. A row has its errors first, then its warnings, each as `warning: …`. FILE can be checked and run in place of the
    /// table: the column is passed over. It is replaced if it is there.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub errors_csv: Option<PathBuf>,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Take warnings for errors: exit 2, nothing is sent
    ///
    /// For unattended runs, where nobody reads warnings. Those that the manifest does `allow:` by their code are passed
    /// over.
    #[arg(long, help_heading = "Manifest")]
    pub deny_warnings: bool,

    /// Whether files are asked for.
    #[command(flatten)]
    pub probe: ProbeArgs,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// Whether the files that jobs refer to are asked for.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files that jobs refer to")]
pub struct ProbeArgs {
    /// Ask for every file that the jobs refer to
    ///
    /// Is it there, of the right kind, and as long as it may be? Each address is asked for once, by HEAD or for its first bytes; of reference videos the length is read from a
    /// few parts. No key is sent. What the provider would stumble over as well is an error; a server that does not
    /// answer now is a warning.
    #[arg(long)]
    pub probe: bool,

    /// Let `--probe` ask private addresses too
    ///
    /// Those of this machine and of private networks. They are refused otherwise, as a manifest from somebody else
    /// could ask for what only this machine can see.
    #[arg(long, requires = "probe")]
    pub allow_private: bool,
}

/// How the manifest and its tables are read, where that is not what is detected.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Table")]
pub struct ReadingArgs {
    /// Encoding of the table [default: detected]
    ///
    /// Such as `utf-8`, `utf-16`, `gb18030` or `windows-1252`. A note says what was detected.
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<TextEncoding>,

    /// What parts its cells [default: detected]
    ///
    /// One of `,`, `;`, `tab` and `|`.
    #[arg(long, value_name = "CHAR", allow_hyphen_values = true)]
    pub delimiter: Option<Delimiter>,

    /// Sheet of an .xlsx workbook
    ///
    /// [default: the only visible one that is not empty]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,

    /// Let the manifest name tables outside its folder
    ///
    /// They are refused otherwise, as a manifest from somebody else could read any file of yours.
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

const OUT_HELP: &str = "\
Directory of state and results [default: `<manifest stem>.run` beside the manifest]

The state is the memory of all runs: with another directory, jobs are new and are paid for again.";

/// Where state and results are.
#[derive(Debug, Args)]
pub struct OutArgs {
    /// Directory of state and results
    #[arg(long, long_help = OUT_HELP, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Files")]
    pub out: Option<PathBuf>,
}

/// What if another run holds the state.
#[derive(Debug, Args, Clone, Copy, Default)]
#[command(next_help_heading = "Unattended")]
pub struct WaitArgs {
    /// Wait for a run that holds the state [default: 0s]
    ///
    /// At most so long, such as `90s` or `10m`; then the command ends with 75, as it does at once without this. Nothing
    /// is sent before, and the manifest is read again after it.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub wait_lock: Option<Duration>,
}

/// What is for runs that nobody watches.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Unattended")]
pub struct NightArgs {
    /// Tell a URL or a command how it ended
    ///
    /// TARGET gets the summary of `--json`: an http(s) URL by a POST, tried at most three times; anything else is a
    /// command that `/bin/sh` runs, with the summary on stdin and `SHOTLIST_EXIT_CODE` and `SHOTLIST_RUN` in its
    /// environment, for at most a minute. The API key goes to neither, and a failure changes no exit code.
    #[arg(long, value_name = "TARGET")]
    pub on_finish: Option<String>,

    /// Add a line for each event to FILE
    ///
    /// With time, run, level and words, and without the prompts of its jobs. FILE is never shortened; a disk that is full stops
    /// nothing.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub log_file: Option<PathBuf>,

    /// Write the log as text or json
    ///
    /// With `json`, each line is an object with `at`, `run`, `level`, `event`, `job`, `status`, `task_id` and `message`.
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        requires = "log_file"
    )]
    pub log_format: LogFormatArg,
}

/// How a log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormatArg {
    /// For people and `grep`.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl From<LogFormatArg> for LogFormat {
    fn from(argument: LogFormatArg) -> Self {
        match argument {
            LogFormatArg::Text => Self::Text,
            LogFormatArg::Json => Self::Json,
        }
    }
}

/// Whether gallery.html is written.
#[derive(Debug, Args, Clone, Copy, Default)]
#[command(next_help_heading = "Files")]
pub struct GalleryArgs {
    /// Write gallery.html [default: up to 5,000 jobs]
    ///
    /// A page with every video, however many jobs there are.
    #[arg(long, overrides_with = "no_gallery")]
    pub gallery: bool,

    /// Write no gallery.html
    #[arg(long, overrides_with = "gallery")]
    pub no_gallery: bool,
}

impl GalleryArgs {
    /// What was said, if anything was.
    pub fn choice(self) -> Option<bool> {
        (self.gallery || self.no_gallery).then_some(self.gallery)
    }
}

/// `shotlist plan`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist plan manifests/examples/pricing.yaml     with what it would cost
  shotlist plan shots.yaml --json | jq -r 'select(.kind == \"new\") | .id'")]
pub struct PlanArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Take warnings for errors: exit 2, nothing is sent
    ///
    /// For unattended runs, where nobody reads warnings. Those that the manifest does `allow:` by their code are passed
    /// over.
    #[arg(long, help_heading = "Manifest")]
    pub deny_warnings: bool,

    /// Which jobs, and how many.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist run`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist run shots.yaml --rehearse                        free, against a simulated provider
  shotlist run shots.yaml --select 'hero-*' --max-jobs 1    one real video first
  shotlist run shots.yaml --submit-rate 10/min --deadline 06:00
  shotlist run shots.yaml --rerun failed                    make failed jobs again; costs again
  shotlist run shots.yaml --download                        and download the videos
  shotlist run shots.yaml --rerun redo --marks marks.json   make marked ones again

Ctrl-C once stops submitting, saves and says how to go on; twice leaves at once.")]
pub struct RunArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// Take warnings for errors: exit 2, nothing is sent
    ///
    /// For unattended runs, where nobody reads warnings. Those that the manifest does `allow:` by their code are passed
    /// over.
    #[arg(long, help_heading = "Manifest")]
    pub deny_warnings: bool,

    /// Where the API is and with which key.
    #[command(flatten)]
    pub api: ApiArgs,

    /// Try it against a simulated provider, free
    ///
    /// The provider is inside this process: no key, no money, and it begins anew each time. Base URL and key are not used, and rates are faster than any provider's unless given as options. State and
    /// results go to `<manifest stem>.rehearsal`.
    #[arg(long, help_heading = "What to run")]
    pub rehearse: bool,

    /// Which jobs, and how many.
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// The limits.
    #[command(flatten)]
    pub limits: LimitArgs,

    /// Download the videos [default: `videos`]
    ///
    /// Into DIR, or `videos` beside results.csv. `shotlist download` does it afterwards.
    #[arg(
        long,
        value_name = "DIR",
        num_args = 0..=1,
        value_hint = ValueHint::DirPath,
        help_heading = "Downloads"
    )]
    pub download: Option<Option<PathBuf>>,

    /// How files are downloaded.
    #[command(flatten)]
    pub files: FileArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// What if another run holds the state.
    #[command(flatten)]
    pub wait: WaitArgs,

    /// What nobody watches.
    #[command(flatten)]
    pub night: NightArgs,

    /// Whether there is a gallery.
    #[command(flatten)]
    pub gallery: GalleryArgs,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs, whenever something changes; the last has the type `summary`. `shotlist help output`
    /// explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// Which jobs a run may submit, and how many.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "What to run")]
pub struct ScopeArgs {
    /// Submit only jobs whose id matches; repeatable
    ///
    /// `*` stands for any characters, `?` for one. The exit code is about the selected jobs; running tasks are always
    /// polled. A pattern that matches no job ends with 2.
    #[arg(long, value_name = "GLOB")]
    pub select: Vec<String>,

    /// Submit only this machine's share, as `hash:1/3`
    ///
    /// `hash:m/n` is the m-th of n partitions, m from 1. A job's partition hangs on its id alone: it stays the same
    /// whatever is added, removed or edited around it. Every machine has the same manifest, its own number and its own
    /// `--out`; limits, `--max-jobs` and `--max-spend` are for each partition, so give each its part of what the account
    /// takes. Jobs of the other partitions are `skipped`. A state that has submitted jobs of one partition takes no
    /// other: those may have been made elsewhere. Keep n as long as the states live: with another n, jobs come to states
    /// that do not know that they are made, and are paid for again.
    #[arg(long, value_name = "SHARE")]
    pub partition: Option<Partition>,

    /// Make again: failed, changed, redo; costs again
    ///
    /// `failed` are jobs that failed, but for completed ones without a URL; `changed` are jobs whose content in the
    /// manifest is no longer what was sent; `redo` are those that the file of `--marks` marks so. Several with commas.
    /// Each is made again once in a run, as another take; jobs in doubt and running ones never are.
    #[arg(
        long,
        value_name = "WHICH",
        value_enum,
        hide_possible_values = true,
        value_delimiter = ','
    )]
    pub rerun: Vec<RerunWhich>,

    /// Marks that the gallery has saved, for `--rerun redo`
    ///
    /// A mark is for one take: given again, it costs nothing.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub marks: Option<PathBuf>,

    /// Submit at most this many jobs in this run
    ///
    /// To see a few real videos before the rest is paid for. With jobs left the run ends with 6.
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub max_jobs: Option<NonZeroU32>,

    /// Most that all requests may cost together
    ///
    /// Nothing is submitted that would take what all requests are expected to cost over AMOUNT, such as `25` or
    /// `12.50`, in the currency of the manifest's prices. Counts every request of this state that may be made or
    /// paid, of all runs, removed jobs and earlier takes included, by the prices that the manifest stated then
    /// (`pricing:`); what the provider refused is not counted, what failed after it was accepted is: whether that is
    /// refunded, only the provider knows. A job that does not fit is passed over for cheaper ones.
    #[arg(long, value_name = "AMOUNT", value_parser = parse_cap, allow_negative_numbers = true)]
    pub max_spend: Option<Amount>,
}

impl ScopeArgs {
    /// What is wrong if only one is given of `--rerun redo` and `--marks`.
    fn lone_marks(&self) -> Option<&'static str> {
        match (self.rerun.contains(&RerunWhich::Redo), &self.marks) {
            (true, None) => Some(
                "`--rerun redo` needs `--marks FILE`, the file that \"Save marks\" in the gallery has written",
            ),
            (false, Some(_)) => Some(
                "`--marks` does nothing by itself: add `--rerun redo` to make again what is marked so, which costs again",
            ),
            _ => None,
        }
    }
}

/// Where the API is and with which key.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "API")]
pub struct ApiArgs {
    /// Address of the API [env: `SHOTLIST_BASE_URL`]
    ///
    /// Such as `https://api.example.com`, with or without `/v1`. The key goes only there, and to where tasks that still
    /// run were submitted.
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
    /// File that holds the API key and nothing else
    ///
    /// In place of `SHOTLIST_API_KEY`, which holds the key itself. The key is no option, as everyone on the machine can
    /// see those.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub api_key_file: Option<PathBuf>,
}

/// The options that are `limits:` in the manifest.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Most jobs in flight at a time [default: 4]
    ///
    /// Open create requests and running tasks, those of earlier runs included. The provider states no limit: one that
    /// is too high is answered with 429, which costs time and no money.
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub concurrency: Option<NonZeroU32>,

    /// Create requests [default: 60/min]
    ///
    /// As `N/s`, `N/min` or `N/h`; evenly spaced, never in bursts.
    #[arg(long, value_name = "RATE")]
    pub submit_rate: Option<Rate>,

    /// Polls of all tasks together [default: 240/min]
    ///
    /// As `N/s`, `N/min` or `N/h`; evenly spaced.
    #[arg(long, value_name = "RATE")]
    pub poll_rate: Option<Rate>,

    /// Least wait to a task's first poll [default: 15s]
    ///
    /// Such as `500ms`, `90s` or `1m30s`. Once a few tasks of its model and length are done, it is polled when such
    /// tasks end.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub poll_first: Option<Duration>,

    /// Least wait between polls of a task [default: 10s]
    ///
    /// Such as `500ms`, `90s` or `1m30s`. A shorter wait finds videos earlier, with more requests; where tasks of its
    /// model and length hardly ever end it is longer.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub poll_every: Option<Duration>,

    /// Longest wait for a create [default: 180s]
    ///
    /// Such as `90s` or `5m`. Without an answer by then the job is in doubt: it may have been made, and is never sent
    /// again by itself.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub submit_timeout: Option<Duration>,

    /// Longest wait for a video [default: 60m]
    ///
    /// Such as `90m` or `2h`, from the accept of its task. After it the task is left running, no longer holds its place
    /// among `--concurrency`, and the next run asks again.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub job_timeout: Option<Duration>,

    /// Submit nothing after this [default: 24h]
    ///
    /// A time such as `8h`, or a time of day such as `06:00`. What runs by then is still waited for, as long as
    /// `--job-timeout`.
    #[arg(long, value_name = "WHEN")]
    pub deadline: Option<Deadline>,
}

/// How files are downloaded.
#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Downloads")]
pub struct FileArgs {
    /// Most jobs that download at a time [default: 2]
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub download_concurrency: Option<NonZeroU32>,

    /// Let downloads also go to private addresses
    ///
    /// Those of this machine and of private networks. They are refused otherwise, unless the base URL is one.
    #[arg(long)]
    pub allow_private: bool,
}

/// `shotlist download`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist download shots.yaml
  shotlist download shots.yaml --select 'hero-*' --download-dir ~/clips")]
pub struct DownloadArgs {
    /// YAML, CSV or .xlsx file that lists the jobs
    #[arg(value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,

    /// How the manifest is read.
    #[command(flatten)]
    pub reading: ReadingArgs,

    /// With which key the provider is asked for a fresh URL; without one, expired URLs are left alone.
    #[command(flatten)]
    pub key: KeyArgs,

    /// Download only jobs whose id matches; repeatable
    #[arg(long, value_name = "GLOB", help_heading = "What to download")]
    pub select: Vec<String>,

    /// Where the files go
    ///
    /// If it is not said, where `output.download` of the manifest says, or `videos` beside results.csv.
    #[arg(
        long,
        value_name = "DIR",
        value_hint = ValueHint::DirPath,
        help_heading = "Downloads"
    )]
    pub download_dir: Option<PathBuf>,

    /// How files are downloaded.
    #[command(flatten)]
    pub files: FileArgs,

    /// Where state and results are.
    #[command(flatten)]
    pub out: OutArgs,

    /// What if another run holds the state.
    #[command(flatten)]
    pub wait: WaitArgs,

    /// What nobody watches.
    #[command(flatten)]
    pub night: NightArgs,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist verify`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist verify shots.yaml
  shotlist verify shots.yaml --json | jq -r 'select(.type == \"file\" and .finding != \"good\") | .file'")]
pub struct VerifyArgs {
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
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// Which finished jobs are made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RerunWhich {
    /// Jobs that failed, but for completed ones without a URL
    Failed,
    /// Jobs whose content in the manifest is no longer what was sent
    Changed,
    /// Jobs that are marked so in the gallery, see `--marks`
    Redo,
}

/// `shotlist status`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist status manifests/examples/campaign.yaml
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
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
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
    after_long_help = "\
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

    /// The provider has this task for the job
    ///
    /// Checked by one poll before anything is changed, at the address that the job was sent to. From then on it is
    /// polled as if its id had come back at once.
    #[arg(long, value_name = "ID", value_parser = parse_task_id)]
    pub task: Option<TaskId>,

    /// The provider has no task for these jobs
    ///
    /// They are pending again, and the next run submits them. If a task was made after all, it is paid for twice: look
    /// well.
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

    /// What if another run holds the state.
    #[command(flatten)]
    pub wait: WaitArgs,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
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
#[command(after_long_help = "\
Examples:
  shotlist report manifests/examples/campaign.yaml
  shotlist report shots.yaml --gallery     also for more than 5,000 jobs")]
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

    /// What if another run holds the state.
    #[command(flatten)]
    pub wait: WaitArgs,

    /// Whether there is a gallery.
    #[command(flatten)]
    pub gallery: GalleryArgs,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist init`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist init shots.yaml
  shotlist init shots.csv")]
pub struct InitArgs {
    /// File to write: YAML or CSV by its extension
    ///
    /// An existing file is never overwritten.
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,

    /// Print one JSON object a line
    ///
    /// On stdout, for programs; the last has the type `summary`. `shotlist help output` explains the lines.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// `shotlist schema`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist schema > shotlist.schema.json
  shotlist schema output > shotlist.output.schema.json
  shotlist schema log > shotlist.log.schema.json

VS Code with the extension `YAML` (Red Hat), and every editor with yaml-language-server (Neovim,
Helix, Zed, Emacs …): a comment in the manifest names the schema, relative to the manifest;
`shotlist init` writes it:
  # yaml-language-server: $schema=shotlist.schema.json

For many manifests at once, name it in `.vscode/settings.json` instead:
  { \"yaml.schemas\": { \"./shotlist.schema.json\": [\"shots/*.yaml\"] } }

JetBrains: Settings > Languages & Frameworks > Schemas and DTDs > JSON Schema Mappings.
Write the file again after an update of shotlist: it is of the version that printed it.")]
pub struct SchemaArgs {
    /// Of what: manifest, output or log
    ///
    /// `manifest` is a manifest in YAML, `output` a line of `--json`, `log` one of `--log-format json`.
    #[arg(
        value_name = "WHAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub what: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SchemaOf {
    /// A manifest in YAML
    #[default]
    Manifest,
    /// A line of `--json`
    Output,
    /// A line of `--log-format json`
    Log,
}

/// `shotlist simulate`
#[derive(Debug, Args)]
#[command(after_long_help = simulations())]
pub struct SimulateArgs {
    /// Port to listen on; 0: any free one
    ///
    /// On loopback only. Which one it is, is said on stdout.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,

    /// How long a video takes [default: 5s..15s]
    ///
    /// A time such as `3s`, or two between which it lies, such as `2s..6s`.
    #[arg(long, value_name = "TIME")]
    pub render: Option<RenderTime>,

    /// Answer 429 above this rate of create requests
    ///
    /// As `N/s`, `N/min` or `N/h`.
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

    /// Print one JSON object a line
    ///
    /// The first, of type `listening`, tells the address once it can be used; the last is of type `summary`.
    #[arg(long, help_heading = "Display")]
    pub json: bool,
}

/// Examples, and every fault.
fn simulations() -> String {
    const EXAMPLES: &str = "\
Examples:
  shotlist simulate --port 8080
  shotlist simulate --port 8080 --submit-limit 10/min --max-in-flight 2   a stingy account
  SHOTLIST_API_KEY=any shotlist run shots.yaml --base-url http://127.0.0.1:8080";
    format!("{EXAMPLES}\n\n{}", fault_help())
}

/// `shotlist completions`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist completions bash > ~/.local/share/bash-completion/completions/shotlist
  shotlist completions zsh > ~/.zfunc/_shotlist    with `fpath+=~/.zfunc` before `compinit`
  shotlist completions fish > ~/.config/fish/completions/shotlist.fish")]
pub struct CompletionsArgs {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_enum, hide_possible_values = true)]
    pub shell: Shell,
}

/// `shotlist man`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist man > ~/.local/share/man/man1/shotlist.1    then `man shotlist`
  shotlist man run | man -l -                          the page of one command")]
pub struct ManArgs {
    /// Only this command
    pub command: Option<String>,
}

/// `shotlist help`
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  shotlist help run
  shotlist help exit-codes")]
pub struct HelpArgs {
    /// A command or a topic
    #[arg(value_name = "COMMAND|TOPIC")]
    pub of: Option<String>,
}

/// What is explained beside the commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Topic {
    /// How the program ends, and what to do then
    ExitCodes,
    /// The variables that are read
    Environment,
    /// Every key and field of a manifest
    Manifest,
    /// results.csv and the lines of `--json`
    Output,
    /// Recipes for cron, systemd, Kubernetes and CI
    Nights,
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
        program().debug_assert();
    }

    #[test]
    fn the_short_help_has_a_line_for_each_option_within_80_columns() {
        let mut root = program().term_width(0);
        root.build();
        let root_help = root.render_help().to_string();
        let of_commands = root
            .get_subcommands_mut()
            .map(|command| command.render_help().to_string());
        let helps: Vec<_> = [root_help].into_iter().chain(of_commands).collect();
        let too_long: Vec<_> = helps
            .iter()
            .flat_map(|help| help.lines())
            .filter(|line| line.chars().count() > 80 && !line.starts_with("Usage:"))
            .collect();
        assert!(too_long.is_empty(), "{too_long:#?}");
    }

    #[test]
    fn every_value_that_is_not_listed_is_named_in_the_help() {
        let program = program();
        for command in program
            .get_subcommands()
            .filter(|it| it.get_name() != "help")
        {
            for option in command
                .get_arguments()
                .filter(|it| it.get_id() != "command")
            {
                let help = [option.get_help(), option.get_long_help()];
                let help: String = help
                    .into_iter()
                    .flatten()
                    .map(ToString::to_string)
                    .collect();
                let values = option.get_possible_values();
                for value in values
                    .iter()
                    .filter(|_| option.is_hide_possible_values_set())
                {
                    let name = value.get_name();
                    assert!(
                        help.contains(name),
                        "{} {option}: `{name}`",
                        command.get_name()
                    );
                }
            }
        }
    }

    #[test]
    fn a_topic_that_is_not_there_names_those_that_are() {
        let error = parsed("shotlist help exitcodes").expect_err("no topic");
        let said = error.to_string();
        for word in ["'exit-codes'", "environment", "manifest", "output", "run"] {
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(error.exit_code(), 2);
        let names = program()
            .get_subcommands()
            .map(|it| it.get_name().to_owned())
            .collect::<Vec<_>>();
        let topics = Topic::value_variants()
            .iter()
            .filter_map(Topic::to_possible_value);
        for topic in topics {
            assert!(
                !names.contains(&topic.get_name().to_owned()),
                "a command of that name"
            );
        }
    }

    #[test]
    fn the_help_of_every_command_reads_well() {
        let mut root = program().term_width(100);
        root.build();
        insta::assert_snapshot!("shotlist", root.render_long_help());
        for command in root.get_subcommands_mut() {
            let name = command.get_name().to_owned();
            insta::assert_snapshot!(name, command.render_long_help());
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
            "shotlist run shots.yaml --rerun redo",
            "shotlist run shots.yaml --rerun failed,redo",
            "shotlist run shots.yaml --marks marks.json",
            "shotlist run shots.yaml --rerun failed --marks marks.json",
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
