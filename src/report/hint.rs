//! Advice drawn from how a run went: what to change so that the next one goes better.
//!
//! Start at [`hints`]. Each hint is a function of its own, of few numbers; [`Waits`] are those that are gone when the
//! run is over.

use std::time::Duration;

use jiff::Timestamp;

use super::listing::jobs;
use super::outcome::{ErrorClass, Standing, Tally};
use super::waits::Waits;
use crate::engine::event::{FailureClass, JobIndex, PendingClass};
use crate::engine::job::{JobState, Phase, Slot, Video};
use crate::engine::selection::Selection;
use crate::engine::silence::Silence;
use crate::engine::table::JobTable;
use crate::results;
use crate::units::show_duration;

/// Most hints that are given.
const MOST: usize = 3;

/// How long video URLs usually work, as providers that tell say; some say half of it.
const URL_LIFE: Duration = Duration::from_secs(24 * 3600);

/// A part of the run that was lost is worth a hint from here on, in percent.
const WORTH_PERCENT: u128 = 20;

/// And from here on.
const WORTH_TIME: Duration = Duration::from_secs(5);

/// So many jobs with one trouble are no chance any more.
const SEVERAL: u32 = 3;

/// What hints are drawn from.
#[derive(Debug, Clone, Copy)]
pub struct Signs<'a> {
    /// All jobs.
    pub table: &'a JobTable,
    /// What the run selected.
    pub selection: &'a Selection,
    /// The selected jobs, counted.
    pub tally: &'a Tally,
    /// What submits waited for.
    pub waits: &'a Waits,
    /// Whether the run was to download, and so says itself what it could not fetch.
    pub downloads: bool,
    /// Running tasks that the last polls said nothing about.
    pub silences: &'a [(JobIndex, &'a Silence)],
    /// The limits of the run.
    pub limits: InEffect,
    /// How long the run took.
    pub elapsed: Duration,
    /// The time of day.
    pub now: Timestamp,
}

/// The limits of a run that hints are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InEffect {
    /// `--concurrency`
    pub concurrency: u32,
    /// `--submit-rate`, as the time between two submits.
    pub submit_interval: Duration,
    /// `--submit-timeout`
    pub submit_timeout: Duration,
    /// `--job-timeout`
    pub job_timeout: Duration,
}

/// The hints that help most, the most useful one first.
pub fn hints(signs: &Signs<'_>) -> Vec<String> {
    let seen = Seen::of(signs);
    let count = |class| signs.tally.count_class(class);
    let not_sent = count(ErrorClass::Pending(PendingClass::NotSent));
    let is_late = |(job, _): &&(JobIndex, _)| {
        Standing::of(signs.table.job(*job)).class == Some(ErrorClass::Timeout)
    };
    let silent = signs.silences.iter().filter(is_late).count(); // longer waiting does not help
    let silent = u32::try_from(silent).unwrap_or(u32::MAX);
    let timed_out = count(ErrorClass::Timeout).saturating_sub(silent);
    let in_order = [
        reach(signs.waits.unreachable, signs.elapsed, not_sent),
        stop_doubts(seen.in_doubt, seen.unanswered, signs.limits.submit_timeout),
        remake(seen.edited),
        fetch_soon(seen.fresh_urls).filter(|_| !signs.downloads),
        wait_longer(timed_out, signs.limits.job_timeout, seen.oldest),
        slow_down(signs.waits, signs.limits, signs.elapsed),
        reword(
            count(ErrorClass::Failed(FailureClass::Moderation)),
            seen.sound_flagged,
        ),
    ];
    in_order.into_iter().flatten().take(MOST).collect()
}

/// What only a look at every job tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    in_doubt: u32,
    /// Jobs in doubt because no answer came in time.
    unanswered: u32,
    /// Settled jobs whose content in the manifest is no longer what was sent.
    edited: u32,
    /// Completed jobs without a file here whose URL should still work.
    fresh_urls: u32,
    /// Age of the oldest task that has outlived its time-out.
    oldest: Duration,
    /// Jobs that failed because of their sound.
    sound_flagged: u32,
}

impl Seen {
    fn of(signs: &Signs<'_>) -> Self {
        let mut seen = Self::default();
        for index in signs.table.planned() {
            if signs.selection.selects(signs.table.id(index)) {
                let job = signs.table.job(index);
                let is_edited = signs.table.is_changed(index) && can_be_remade(job);
                seen.edited += u32::from(is_edited);
                seen.look_at(job, signs.now);
            }
        }
        seen
    }

    fn look_at(&mut self, job: &JobState, now: Timestamp) {
        let says = |words: &str| {
            let message = results::error(job).unwrap_or_default();
            message.to_lowercase().contains(words)
        };
        let lacking = job.video().filter(Video::lacks_files);
        self.fresh_urls += u32::from(lacking.is_some_and(|video| {
            let age = Duration::try_from(now.duration_since(video.finished_at)).unwrap_or_default();
            age < URL_LIFE
        }));
        match &job.phase {
            Phase::InDoubt { .. } => {
                self.in_doubt += 1;
                self.unanswered += u32::from(says("no answer within"));
            }
            Phase::Running {
                task,
                slot: Slot::Released,
            } => {
                let age = now.duration_since(task.accepted_at).try_into();
                self.oldest = self.oldest.max(age.unwrap_or_default());
            }
            Phase::Failed {
                class: FailureClass::Moderation,
                ..
            } => self.sound_flagged += u32::from(says("audio")),
            _ => {}
        }
    }
}

/// Whether `--rerun changed` makes the job again.
fn can_be_remade(job: &JobState) -> bool {
    matches!(job.phase, Phase::Completed { .. } | Phase::Failed { .. })
        && !results::is_without_url(job)
}

/// The provider could not be reached for long, or to the end.
fn reach(waited: Duration, elapsed: Duration, not_sent: u32) -> Option<String> {
    let percent = worth(waited, elapsed);
    let cause = match percent {
        Some(percent) => format!("for {percent}% of the time the provider could not be reached"),
        None if not_sent > 0 => format!("{} could not be sent", jobs(not_sent)),
        None => return None,
    };
    Some(format!(
        "{cause}: check the network, a proxy in between and `--base-url`"
    ))
}

/// Many jobs in doubt have one cause.
fn stop_doubts(in_doubt: u32, unanswered: u32, submit_timeout: Duration) -> Option<String> {
    if in_doubt < SEVERAL {
        return None;
    }
    let counted = jobs(in_doubt);
    Some(if unanswered * 2 > in_doubt {
        let now = show_duration(submit_timeout);
        format!(
            "{counted} in doubt, most because no answer came within {now}: a longer `--submit-timeout` leaves a slow provider the time"
        )
    } else {
        format!(
            "{counted} in doubt: something on the way to the provider loses its answers, such as a proxy or a weak network; run from elsewhere, or ask the provider"
        )
    })
}

/// An edit alone makes no new video.
fn remake(edited: u32) -> Option<String> {
    let were = match edited {
        0 => return None,
        1 => "1 job was edited after it was sent".to_owned(),
        count => format!("{count} jobs were edited after they were sent"),
    };
    Some(format!(
        "{were}, which alone makes no new video: `--rerun changed` does, and costs again"
    ))
}

/// Video URLs do not last.
fn fetch_soon(fresh_urls: u32) -> Option<String> {
    let (videos, them) = match fresh_urls {
        0 => return None,
        1 => (
            "the video is at the provider alone, and its URL usually expires".to_owned(),
            "it",
        ),
        count => (
            format!("{count} videos are at the provider alone, and their URLs usually expire"),
            "them",
        ),
    };
    Some(format!(
        "{videos} within 24h: `shotlist download` fetches {them}, as `--download` does during a run"
    ))
}

/// Tasks that outlive the job time-out, which counts from when they were accepted, whichever run that was.
fn wait_longer(timed_out: u32, job_timeout: Duration, oldest: Duration) -> Option<String> {
    let now = show_duration(job_timeout);
    let twice = show_duration(rounded_up(job_timeout.max(oldest) * 2));
    (timed_out > 0).then(|| {
        format!(
            "{} took longer than {now} and may still be made: every run asks again, and `--job-timeout {twice}` waits for them",
            jobs(timed_out)
        )
    })
}

/// To whole seconds, minutes or hours, whichever leaves a round number.
fn rounded_up(time: Duration) -> Duration {
    let unit = match time.as_secs() {
        0..60 => 1,
        60..7200 => 60,
        _ => 3600,
    };
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(seconds.div_ceil(unit) * unit)
}

/// A provider that keeps saying 429 could be asked for less: for how much, only the figures of the run can say.
fn slow_down(waits: &Waits, limits: InEffect, elapsed: Duration) -> Option<String> {
    let percent = worth(waits.rate_limited, elapsed)?;
    let (refusals, accepts) = (waits.refusals(), waits.accepts());
    let lost = format!(
        "{percent}% of the time submits waited because of 429s ({refusals} of {} got one)",
        refusals + accepts
    );
    let most = limits.concurrency;
    if let Some(ceiling) = waits.ceiling().filter(|ceiling| *ceiling < most) {
        return Some(format!(
            "{lost}; no more than {ceiling} jobs were taken at a time: `--concurrency {ceiling}` (now {most}) avoids them"
        ));
    }
    let slower = waits.pace().and_then(rate_of);
    if let Some((rate, _)) = slower.filter(|(_, interval)| *interval > limits.submit_interval) {
        return Some(format!(
            "{lost}; in the end {rate} were taken: `--submit-rate {rate}` begins there"
        ));
    }
    Some(format!("{lost}; the others were accepted"))
}

/// One in `spacing` as a rate in whole numbers, rounded down, and the spacing that it means.
fn rate_of(spacing: Duration) -> Option<(String, Duration)> {
    let hour = Duration::from_secs(3600);
    let hourly = u32::try_from(hour.as_millis() / spacing.as_millis().max(1)).ok()?;
    match (hourly, hourly / 60) {
        (0, _) => None,
        (hourly, 0..3) => Some((format!("{hourly}/h"), hour / hourly)),
        (_, minutely) => Some((format!("{minutely}/min"), hour / 60 / minutely)),
    }
}

/// Moderation repeats itself.
fn reword(flagged: u32, sound_flagged: u32) -> Option<String> {
    if flagged == 0 {
        return None;
    }
    let counted = jobs(flagged);
    Some(if sound_flagged * 2 > flagged {
        format!(
            "{counted} refused by moderation, most because of their sound: `generate_audio: false` and `--rerun changed` makes them without"
        )
    } else {
        format!(
            "{counted} refused by moderation: the same prompt or picture is seldom let through later; edit them, then `--rerun changed`"
        )
    })
}

/// The part of `elapsed` that was lost, in percent, if it is worth a hint.
fn worth(lost: Duration, elapsed: Duration) -> Option<u128> {
    let percent = lost.as_millis() * 100 / elapsed.as_millis().max(1);
    (percent >= WORTH_PERCENT && lost >= WORTH_TIME).then(|| percent.min(100))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::Event;
    use crate::plan::Plan;
    use crate::report::sample::{self, accepted, completed, event, intent, job, run, said};
    use crate::report::waits::tests::{ceiling, mixed, paced};

    const SECOND: Duration = Duration::from_secs(1);

    const LIMITS: InEffect = InEffect {
        concurrency: 12,
        submit_interval: SECOND,
        submit_timeout: Duration::from_secs(180),
        job_timeout: Duration::from_secs(3600),
    };

    #[test]
    fn a_provider_that_says_429_is_asked_for_less_only_where_the_figures_say_how_much() {
        let slowed = |waits: &Waits, seconds: u32| {
            slow_down(waits, LIMITS, SECOND * seconds).unwrap_or_default()
        };
        let rows = [
            ("at a time", ceiling(3), 100),
            ("rate", paced(), 100),
            ("neither", mixed(), 100),
            ("seldom", ceiling(3), 1_000),
        ];
        let told =
            rows.map(|(name, waits, seconds)| format!("{name}: {}", slowed(&waits, seconds)));
        insta::assert_snapshot!(told.join("\n"));
        let few = InEffect {
            concurrency: 3,
            ..LIMITS
        };
        let told = slow_down(&ceiling(3), few, SECOND * 100).expect("worth telling");
        assert!(!told.contains("--"), "it is so already: {told}");
        let slow = InEffect {
            submit_interval: SECOND * 6,
            ..LIMITS
        };
        let told = slow_down(&paced(), slow, SECOND * 100).expect("worth telling");
        assert!(!told.contains("--"), "it is so already: {told}");
    }

    #[test]
    fn every_trouble_has_its_hint_from_where_it_is_no_chance_any_more() {
        let minutes = |count: u32| SECOND * 60 * count;
        let told = [
            reach(minutes(3), minutes(10), 0),
            reach(SECOND, minutes(10), 4),
            stop_doubts(5, 4, LIMITS.submit_timeout),
            stop_doubts(5, 1, LIMITS.submit_timeout),
            remake(1),
            remake(12),
            fetch_soon(1),
            fetch_soon(40),
            wait_longer(2, LIMITS.job_timeout, Duration::ZERO),
            wait_longer(2, LIMITS.job_timeout, minutes(500)),
            reword(3, 0),
            reword(3, 2),
        ];
        let told: Vec<_> = told.into_iter().map(|hint| hint.expect("a hint")).collect();
        insta::assert_snapshot!("every", told.join("\n"));
        for nothing in [
            reach(SECOND * 4, SECOND * 5, 0),
            reach(minutes(1), minutes(10), 0),
            stop_doubts(2, 2, LIMITS.submit_timeout),
            fetch_soon(0),
            wait_longer(0, LIMITS.job_timeout, Duration::ZERO),
            reword(0, 0),
        ] {
            assert_eq!(nothing, None);
        }
    }

    #[test]
    fn the_three_most_useful_hints_are_given_and_urls_count_for_a_day() {
        let ids: Vec<String> = (0..9).map(|n| format!("job-{n}")).collect();
        let plan = Plan::new(ids.iter().map(|id| job(id, id)).collect(), Vec::new());
        let moderated = Event::Rejected {
            class: FailureClass::Moderation,
            message: said("flagged"),
        };
        let doubted = || Event::Doubted {
            message: said("sent to `x`, no answer within 3m"),
        };
        let lives = [
            vec![doubted()],
            vec![doubted()],
            vec![doubted()],
            vec![accepted("t"), completed("https://x.example/v.mp4")],
            vec![accepted("u"), Event::TimedOut],
            vec![moderated],
        ];
        let mut records = vec![run(1, &[])];
        for (id, life) in ids.iter().zip(lives) {
            records.push(event(0, id, intent(id)));
            records.extend(life.into_iter().map(|fact| event(60, id, fact)));
        }
        let table = sample::replayed(&plan, &records);
        let selection = Selection::default();
        let tally = Tally::of(&table, &selection);
        let heads = |hours: i64| {
            let signs = Signs {
                table: &table,
                selection: &selection,
                tally: &tally,
                waits: &Waits::default(),
                downloads: false,
                silences: &[],
                limits: LIMITS,
                elapsed: SECOND * 100,
                now: sample::second(60 + hours * 3600),
            };
            let hints = hints(&signs).into_iter();
            let head = |hint: String| hint.chars().take(18).collect::<String>();
            hints.map(head).collect::<Vec<_>>()
        };
        let (doubt, url, slow) = (
            "3 jobs in doubt, m",
            "the video is at th",
            "1 job took longer ",
        );
        assert_eq!(heads(0), [doubt, url, slow]);
        assert_eq!(heads(24), [doubt, slow, "1 job refused by m"]);
    }
}
