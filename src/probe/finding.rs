//! What the answers of a probe mean for a manifest: facts in, diagnostics out. Start at [`findings`]. Pure: asks nobody.
//!
//! An error is what the provider will meet as well: no such host, no such file, a web page in the place of a picture, a
//! video that is too long. What may lie in this machine's network is a warning, and a length that cannot be told is a
//! note: nothing is guessed.

use std::fmt::Write as _;
use std::time::Duration;

use crate::manifest::diagnostic::{Diagnostic, Severity};
use crate::manifest::references::{References, Use};
use crate::manifest::{Sources, tree::Span};
use crate::media::{Family, Format, family_of_type};
use crate::text::{clean, without_passwords};

/// Shortest and longest reference video, and the longest of all videos of a job together (API page: "each 2–15
/// seconds", "15 seconds in total").
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(15);

/// By so much a video may miss the limits and still be a matter of rounding: sound and picture seldom end together.
const ROUNDING: Duration = Duration::from_millis(100);

/// A written length may be rounded by so much.
const ROUNDED: Duration = Duration::from_millis(500);

/// What became of one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A server answered.
    Answered(Facts),
    /// It leads nowhere, for anyone.
    Unreachable {
        /// Why.
        message: String,
    },
    /// It leads into a private network.
    Private {
        /// Where.
        message: String,
    },
    /// No answer, for a reason that may be on this side.
    NoAnswer {
        /// Why.
        message: String,
    },
    /// It holds a login, and was not asked for.
    Login,
    /// It was not asked for.
    NotAsked(Skipped),
}

/// Why an address was not asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skipped {
    /// Its host had not answered several times in a row.
    SilentHost,
    /// The time for all addresses was up.
    TimeUp,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub media_type: Option<String>,
    /// By its first bytes, where they were looked at.
    pub format: Option<Format>,
    /// Bytes.
    pub size: Option<u64>,
    /// Of a video that was asked for it.
    pub length: Option<Result<Duration, String>>,
}

/// What `outcomes`, one for each address, mean for the places that name them.
pub fn findings(
    references: &References,
    outcomes: &[Outcome],
    sources: &Sources,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut told = vec![false; outcomes.len()];
    let mut hidden = Hidden::default();
    for used in references.uses() {
        let address = &references.addresses()[used.address];
        let place = Place {
            used,
            address,
            span: sources.narrowed(&used.span, address),
        };
        match &outcomes[used.address] {
            Outcome::Answered(facts) if (200..300).contains(&facts.status) => {
                found.extend(place.about_type(facts));
                found.extend(place.about_length(facts));
            }
            // Once is enough: what is wrong is wrong in every field.
            _ if std::mem::replace(&mut told[used.address], true) => {}
            Outcome::NotAsked(why) => hidden.add(*why, place),
            other => found.extend(place.about_reach(other)),
        }
    }
    found.extend(hidden.summary());
    found.extend(about_statements(references, outcomes));
    found.extend(about_lists(references, outcomes));
    found
}

/// Where an address is named.
struct Place<'r> {
    used: &'r Use,
    address: &'r str,
    span: Span,
}

impl Place<'_> {
    fn finding(
        &self,
        severity: Severity,
        code: &'static str,
        message: String,
        help: &str,
    ) -> Diagnostic {
        let found = Diagnostic {
            severity,
            ..Diagnostic::error(code, &self.span, message, help)
        };
        match self.used.jobs {
            0 | 1 => found,
            jobs => found.label(format!("in {jobs} jobs, here for the first time")),
        }
    }

    fn shown(&self) -> String {
        shown(self.address)
    }

    fn about_reach(&self, outcome: &Outcome) -> Option<Diagnostic> {
        let shown = self.shown();
        let private = "the provider cannot reach it either: upload the file where everybody can. If it is meant, because \
                       the address leads elsewhere from outside, `--allow-private` asks it";
        let (severity, code, message, help) = match outcome {
            Outcome::Answered(facts) => return Some(self.about_status(facts.status)),
            Outcome::Unreachable { message } => (
                Severity::Error,
                "probe-unreachable",
                format!("`{shown}` cannot be fetched: {message}"),
                "correct the address; the provider fetches it as it is written",
            ),
            Outcome::Private { message } => (
                Severity::Error,
                "probe-private",
                format!("`{shown}` is not on the internet: {message}"),
                private,
            ),
            Outcome::NoAnswer { message } => (
                Severity::Warning,
                "probe-no-answer",
                format!("`{shown}` could not be checked: {message}"),
                "check again later, or open it in a browser: the provider may fare better or worse",
            ),
            Outcome::Login => (
                Severity::Warning,
                "probe-login",
                format!(
                    "`{shown}` holds a login, and was not asked: it is unknown whether the provider logs in"
                ),
                "give the file an address without login, public or signed for longer than the run takes: whoever reads the manifest or the state reads the password",
            ),
            Outcome::NotAsked(_) => return None,
        };
        Some(self.finding(severity, code, message, help))
    }

    /// A status that is no success.
    fn about_status(&self, status: u16) -> Diagnostic {
        let shown = self.shown();
        let (meaning, help) = match status {
            401 | 403 => (
                ", access is refused",
                "make the file public, or sign the address for longer than the run takes: the provider has no login",
            ),
            404 | 410 => (
                ", there is no such file",
                "correct the address, or upload the file again",
            ),
            _ => ("", "correct the address, or ask whoever runs the server"),
        };
        if matches!(status, 407 | 408 | 425 | 429 | 500..) {
            return self.finding(
                Severity::Warning,
                "probe-no-answer",
                format!("`{shown}` could not be checked: the server answers {status}"),
                "check again later: if the server still answers so when the job runs, the job fails",
            );
        }
        self.finding(
            Severity::Error,
            "probe-unreachable",
            format!("`{shown}` cannot be fetched: the server answers {status}{meaning}"),
            help,
        )
    }

    /// Whether the file is what the field takes.
    fn about_type(&self, facts: &Facts) -> Option<Diagnostic> {
        let (shown, field) = (self.shown(), self.used.field);
        let wanted = wanted(self.used.family);
        if facts.size == Some(0) {
            return Some(self.finding(
                Severity::Error,
                "probe-type",
                format!("`{field}` takes {wanted}, but `{shown}` is an empty file"),
                "upload the file again",
            ));
        }
        let sent_as = facts.media_type.as_deref().unwrap_or_default();
        let by_type = family_of_type(sent_as);
        let by_bytes = facts.format.map(|format| format.family);
        let fits = |family| family == self.used.family || is_sound_in_mp4(self.used.family, facts);
        match (by_bytes, by_type) {
            (Some(bytes), by_type) if fits(bytes) => by_type.filter(|sent| !fits(*sent)).map(|_| {
                self.finding(
                    Severity::Warning,
                    "probe-type",
                    format!("`{shown}` is {wanted}, but is sent as `{sent_as}`"),
                    "set the content type of the file at its server: the provider may believe that and not the file",
                )
            }),
            (None, Some(sent)) if fits(sent) => None,
            (None, None) => Some(self.finding(
                Severity::Warning,
                "probe-type",
                format!(
                    "nothing says whether `{shown}` is {wanted}: it is sent {}, and begins like no format that is known",
                    if sent_as.is_empty() { "without a content type".to_owned() } else { format!("as `{sent_as}`") }
                ),
                "open it in a browser, and set its content type at its server",
            )),
            _ => {
                let what = match facts.format {
                    Some(format) => format.name.to_owned(),
                    None => format!("sent as `{sent_as}`"),
                };
                Some(self.finding(
                    Severity::Error,
                    "probe-type",
                    format!("`{field}` takes {wanted}, but `{shown}` is {what}"),
                    "give the address of the file itself, not of a page that shows it, and in the field for its kind",
                ))
            }
        }
    }

    /// Whether a video is as long as the API takes it.
    fn about_length(&self, facts: &Facts) -> Option<Diagnostic> {
        if self.used.family != Family::Video || !is_video(facts) {
            return None;
        }
        let shown = self.shown();
        let length = match facts.length.as_ref()? {
            Ok(length) => *length,
            Err(why) => {
                return Some(self.finding(
                    Severity::Note,
                    "probe-length-unknown",
                    format!("how long `{shown}` is cannot be told: {why}"),
                    "make sure that it is 2 to 15 seconds long: a video that is not fails its job",
                ));
            }
        };
        let severity = if length + ROUNDING < SHORTEST || length > LONGEST + ROUNDING {
            Severity::Error
        } else if (SHORTEST..=LONGEST).contains(&length) {
            return None;
        } else {
            Severity::Warning
        };
        Some(self.finding(
            severity,
            "probe-length",
            format!(
                "`{shown}` is {} long, but the API takes reference videos of 2 to 15 seconds",
                seconds(length)
            ),
            "cut the video to 2 to 15 seconds, or take another one",
        ))
    }
}

/// What a field takes, with an article.
fn wanted(family: Family) -> &'static str {
    match family {
        Family::Picture => "a picture",
        Family::Video => "a video",
        Family::Sound => "a sound",
        Family::Other => "a file",
    }
}

/// A sound in an MP4 file begins as a video does; then its media type decides.
fn is_sound_in_mp4(wanted: Family, facts: &Facts) -> bool {
    let sent_as = facts.media_type.as_deref().and_then(family_of_type);
    wanted == Family::Sound
        && sent_as == Some(Family::Sound)
        && facts.format.is_some_and(|format| format.subtype == "mp4")
}

/// Whether it is a video as far as is known: of anything else the length is no matter.
fn is_video(facts: &Facts) -> bool {
    let by_type = facts.media_type.as_deref().and_then(family_of_type);
    let family = facts.format.map(|format| format.family).or(by_type);
    family.is_none_or(|family| family == Family::Video)
}

/// Lengths that are written beside addresses and are not true.
fn about_statements<'r>(
    references: &'r References,
    outcomes: &'r [Outcome],
) -> impl Iterator<Item = Diagnostic> + 'r {
    references.statements().iter().filter_map(|stated| {
        let length = known_length(&outcomes[stated.address])?;
        (length.abs_diff(stated.length) > ROUNDED).then(|| {
            let address = shown(&references.addresses()[stated.address]);
            let is = seconds(length);
            Diagnostic::warning(
                "probe-seconds",
                &stated.span,
                format!(
                    "`seconds` says {}, but `{address}` is {is} long",
                    seconds(stated.length).trim_end_matches(" seconds")
                ),
                format!(
                    "write `seconds: {}`, or leave it out",
                    is.trim_end_matches(" seconds")
                ),
            )
        })
    })
}

/// Videos of one job that are too long together.
fn about_lists<'r>(
    references: &'r References,
    outcomes: &'r [Outcome],
) -> impl Iterator<Item = Diagnostic> + 'r {
    references.lists().iter().filter_map(|list| {
        let known: Vec<Duration> = list
            .addresses
            .iter()
            .filter_map(|address| known_length(&outcomes[*address]))
            .collect();
        let total: Duration = known.iter().sum();
        let one_is_too_long = known.iter().any(|length| *length > LONGEST + ROUNDING);
        if total <= LONGEST + ROUNDING || one_is_too_long {
            return None;
        }
        let known_of = if known.len() < list.addresses.len() {
            format!(
                "{} of the {} videos, those whose length is known, are",
                known.len(),
                list.addresses.len()
            )
        } else {
            format!("the {} videos are", known.len())
        };
        Some(Diagnostic::error(
            "probe-length",
            &list.span,
            format!(
                "{known_of} {} long together, but the API takes at most 15 for one job",
                seconds(total)
            ),
            "leave one out, or cut them shorter",
        ))
    })
}

fn known_length(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::Answered(Facts {
            length: Some(Ok(length)),
            ..
        }) => Some(*length),
        _ => None,
    }
}

/// Addresses that were not asked for: one finding for each reason, at the first of them.
#[derive(Default)]
struct Hidden<'r> {
    silent: Option<(Place<'r>, usize)>,
    late: Option<(Place<'r>, usize)>,
}

impl<'r> Hidden<'r> {
    fn add(&mut self, why: Skipped, place: Place<'r>) {
        let first = match why {
            Skipped::SilentHost => &mut self.silent,
            Skipped::TimeUp => &mut self.late,
        };
        first.get_or_insert((place, 0)).1 += 1;
    }

    fn summary(self) -> impl Iterator<Item = Diagnostic> {
        let silent = "the host had not answered several times in a row";
        let late = "the time for all addresses was up";
        let told = |first: Option<(Place<'r>, usize)>, why| {
            first.map(|(place, count)| {
                let (others, were) = match count {
                    1 => (String::new(), "was"),
                    2 => (" and another address".to_owned(), "were"),
                    count => (format!(" and {} more addresses", count - 1), "were"),
                };
                place.finding(
                    Severity::Warning,
                    "probe-not-asked",
                    format!("`{}`{others} {were} not checked: {why}", place.shown()),
                    "check again when the network is better, or check fewer jobs at a time",
                )
            })
        };
        [told(self.silent, silent), told(self.late, late)]
            .into_iter()
            .flatten()
    }
}

/// An address as it is shown: without its password, and without what follows `?`, which may be a signature.
fn shown(address: &str) -> String {
    let address = &without_passwords(address);
    match address.split_once(['?', '#']) {
        Some((place, _)) => format!("{}?…", clean(place, 100)),
        None => clean(address, 100),
    }
}

/// `6 seconds`, `4.25 seconds`.
fn seconds(length: Duration) -> String {
    let hundredths = (length.as_millis() + 5) / 10;
    let mut text = (hundredths / 100).to_string();
    if !hundredths.is_multiple_of(100) {
        let _ = write!(text, ".{:02}", hundredths % 100);
        text.truncate(text.trim_end_matches('0').len());
    }
    text + " seconds"
}

#[cfg(test)]
mod tests;
