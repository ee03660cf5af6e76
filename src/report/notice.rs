//! Notices as words: what happened, to which job, what to do about it.
//!
//! Start at [`notice_text`]. When and where a notice is shown is `progress`' business.

use std::time::Duration;

use crate::engine::budget::Shortfall;
use crate::engine::event::{Evidence, JobIndex, Notice, PendingClass, RunFault, StopReason};
use crate::plan::{JobId, words};
use crate::text::CleanText;
use crate::units::show_duration;

/// A pause shorter than this is not worth a notice.
const SHORT_PAUSE: Duration = Duration::from_secs(2);

words! {
    /// What a notice is about.
    NoticeKind {
        /// No more submits in this run.
        SubmitsStopped = "submits_stopped",
        /// All submits wait.
        Paused = "paused",
        /// A status word that is not known.
        UnknownStatus = "unknown_status",
        /// An answer about another task.
        OtherTask = "other_task",
        /// One task for two jobs.
        SharedTask = "shared_task",
        /// A poll that failed.
        PollTrouble = "poll_trouble",
        /// A download that failed and is made again.
        DownloadTrouble = "download_trouble",
        /// A file that was given up for this run.
        NotDownloaded = "not_downloaded",
        /// An answer that was ignored.
        Illegal = "illegal",
        /// A task id that could not be saved.
        NotSaved = "not_saved",
        /// Another run holds the state: its end is waited for, or has come.
        Waiting = "waiting",
        /// Marks that do not count.
        Marks = "marks",
        /// The manifest is not what it should be for this command.
        Manifest = "manifest",
        /// Something odd about the state, or about who may change it.
        State = "state",
        /// The file that the key is in.
        KeyFile = "key_file",
        /// There are too many jobs for a gallery that was not asked for.
        NoGallery = "no_gallery",
        /// The log cannot be written.
        Log = "log",
        /// `--on-finish` failed.
        OnFinish = "on_finish",
    }
}

impl NoticeKind {
    /// Whether a log tells it: not what is found before a run begins, and not what is wrong with the log itself.
    pub fn is_logged(self) -> bool {
        let is_left_out = matches!(
            self,
            Self::Marks
                | Self::Manifest
                | Self::State
                | Self::KeyFile
                | Self::NoGallery
                | Self::Log
        );
        !is_left_out
    }

    /// What `notice` is about.
    pub fn of(notice: &Notice) -> Self {
        match notice {
            Notice::SubmitsStopped(_) => Self::SubmitsStopped,
            Notice::Paused { .. } => Self::Paused,
            Notice::UnknownStatus { .. } => Self::UnknownStatus,
            Notice::OtherTask { .. } => Self::OtherTask,
            Notice::SharedTask { .. } => Self::SharedTask,
            Notice::PollTrouble { .. } => Self::PollTrouble,
            Notice::DownloadTrouble { .. } => Self::DownloadTrouble,
            Notice::NotDownloaded { .. } => Self::NotDownloaded,
            Notice::Illegal { .. } => Self::Illegal,
        }
    }
}

/// The job that a notice is about, if it is about one.
pub fn job_of(notice: &Notice) -> Option<JobIndex> {
    match notice {
        Notice::UnknownStatus { job, .. }
        | Notice::OtherTask { job, .. }
        | Notice::SharedTask { job, .. }
        | Notice::PollTrouble { job, .. }
        | Notice::DownloadTrouble { job, .. }
        | Notice::NotDownloaded { job, .. }
        | Notice::Illegal { job, .. } => Some(*job),
        Notice::SubmitsStopped(_) | Notice::Paused { .. } => None,
    }
}

/// A notice for people, with what to do about it; `None` if it is not worth a line.
pub fn notice_text<'a>(notice: &Notice, id: impl Fn(JobIndex) -> &'a JobId) -> Option<String> {
    Some(match notice {
        Notice::SubmitsStopped(reason) => stop_text(reason),
        Notice::Paused { wait, .. } if *wait < SHORT_PAUSE => return None,
        Notice::Paused {
            wait,
            class,
            message,
        } => pause_text(*wait, *class, message),
        Notice::UnknownStatus { job, word } => format!(
            "job `{}`: the provider reports the status `{word}`, which is not known; taken as still running",
            id(*job)
        ),
        Notice::OtherTask { job, task_id } => format!(
            "job `{}`: a poll was answered about another task, `{task_id}`; ignored, it is polled again",
            id(*job)
        ),
        Notice::SharedTask {
            job,
            owner,
            task_id,
        } => {
            let whose = if job == owner {
                "that of an earlier take of it".to_owned()
            } else {
                format!("already that of job `{}`", id(*owner))
            };
            format!(
                "job `{}` was accepted as task `{task_id}`, which is {whose}: look at the provider whether a second video was made; it is not sent again",
                id(*job)
            )
        }
        Notice::PollTrouble { job, message } => format!(
            "job `{}`: a poll failed{}; it is polled again, nothing is lost",
            id(*job),
            said(message)
        ),
        Notice::DownloadTrouble { job, message } => format!(
            "job `{}`: a download failed: {message}; it is tried again, the job stays completed",
            id(*job),
        ),
        Notice::NotDownloaded { job, message } => format!(
            "the video of job `{}` is not downloaded: {message}; `shotlist download` tries again",
            id(*job),
        ),
        Notice::Illegal { job, what } => format!(
            "bug in shotlist, please report it: job `{}`: {}; ignored",
            id(*job),
            CleanText::new(what)
        ),
    })
}

/// Why no more submits leave, with the provider's words: a fragment.
pub fn stop_cause(reason: &StopReason) -> String {
    let message = match reason {
        StopReason::Fault { message, .. } | StopReason::Doubt { message, .. } => said(message),
        StopReason::MaxSpend(shortfall) => return shortfall_cause(shortfall),
        _ => String::new(),
    };
    format!("{}{message}", stop_brief(reason))
}

/// Why no more submits leave, in our words alone: a fragment.
pub fn stop_brief(reason: &StopReason) -> &'static str {
    match reason {
        StopReason::Fault { fault, .. } => match fault {
            RunFault::Auth => "the provider refuses the key",
            RunFault::Quota => "the account has no money or quota left",
            RunFault::Address => "the address takes no create requests",
        },
        StopReason::Doubt { evidence, .. } => match evidence {
            Evidence::Html => "a web page came where the API's answer belongs",
            Evidence::Unclear => "several submits in a row ended in doubt",
        },
        StopReason::Deadline => "the deadline has passed",
        StopReason::MaxJobs => "`--max-jobs` is reached",
        StopReason::MaxSpend(_) => "`--max-spend` is reached",
        StopReason::Interrupted => "interrupted",
        StopReason::StateFailed => "the state cannot be written",
    }
}

fn shortfall_cause(shortfall: &Shortfall) -> String {
    let Shortfall {
        cap,
        reserved,
        cheapest,
        ..
    } = shortfall;
    format!(
        "no job that is left fits under `--max-spend`: of {cap}, {reserved} are reserved, and the cheapest costs {cheapest}"
    )
}

fn stop_text(reason: &StopReason) -> String {
    let remedy = match reason {
        StopReason::Interrupted => {
            return "stopping: no more submits, open ones get up to 20s to be answered; Ctrl-C again leaves at once"
                .to_owned();
        }
        StopReason::Fault {
            fault: RunFault::Auth,
            ..
        } => "correct `SHOTLIST_API_KEY` or `--api-key-file` and run again",
        StopReason::Fault {
            fault: RunFault::Quota,
            ..
        } => "top it up and run again",
        StopReason::Fault {
            fault: RunFault::Address,
            ..
        } => "correct the base URL and run again",
        StopReason::Doubt {
            evidence: Evidence::Html,
            ..
        } => "check that the base URL is the API's, not the website's",
        StopReason::Doubt {
            evidence: Evidence::Unclear,
            ..
        } => "look at the provider, settle them with `shotlist resolve`, then run again",
        StopReason::Deadline | StopReason::MaxJobs => "run again for the rest",
        StopReason::MaxSpend(_) => {
            "raise `--max-spend` (or `limits.max_spend`) and run again for the rest"
        }
        StopReason::StateFailed => "the end of this run says why, and what to do",
    };
    format!(
        "no more submits: {}; {remedy}; running tasks are still polled",
        stop_cause(reason)
    )
}

fn pause_text(wait: Duration, class: PendingClass, message: &CleanText) -> String {
    let whole_seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let wait = show_duration(Duration::from_secs(whole_seconds));
    let cause = match class {
        PendingClass::NotSent => "the provider cannot be reached",
        _ => "the provider asks to slow down",
    };
    format!(
        "submits wait {wait}: {cause}{}; tried again by itself",
        said(message)
    )
}

/// What somebody else said, behind our own words.
pub(super) fn said(message: &CleanText) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(" (`{message}`)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{job_id, task};

    #[test]
    fn every_notice_says_what_happened_and_what_to_do() {
        let said = || CleanText::new("so it said");
        let stops = [
            StopReason::Fault {
                fault: RunFault::Auth,
                message: said(),
            },
            StopReason::Fault {
                fault: RunFault::Quota,
                message: said(),
            },
            StopReason::Fault {
                fault: RunFault::Address,
                message: CleanText::default(),
            },
            StopReason::Doubt {
                evidence: Evidence::Html,
                message: said(),
            },
            StopReason::Doubt {
                evidence: Evidence::Unclear,
                message: said(),
            },
            StopReason::Deadline,
            StopReason::MaxJobs,
            StopReason::MaxSpend(crate::report::sample::shortfall()),
            StopReason::Interrupted,
            StopReason::StateFailed,
        ];
        let pause = |class| Notice::Paused {
            wait: Duration::from_millis(19_001),
            class,
            message: said(),
        };
        let mut notices: Vec<_> = stops.into_iter().map(Notice::SubmitsStopped).collect();
        notices.extend([
            pause(PendingClass::RateLimited),
            pause(PendingClass::NotSent),
            Notice::UnknownStatus {
                job: 0,
                word: CleanText::new("pondering"),
            },
            Notice::OtherTask {
                job: 0,
                task_id: task("task_2"),
            },
            Notice::SharedTask {
                job: 0,
                owner: 1,
                task_id: task("task_2"),
            },
            Notice::SharedTask {
                job: 0,
                owner: 0,
                task_id: task("task_2"),
            },
            Notice::PollTrouble {
                job: 0,
                message: said(),
            },
            Notice::DownloadTrouble {
                job: 0,
                message: said(),
            },
            Notice::NotDownloaded {
                job: 0,
                message: said(),
            },
            Notice::Illegal {
                job: 0,
                what: "a job that is pending cannot have the event `completed`".to_owned(),
            },
        ]);
        let id = job_id("hero");
        let texts: Vec<_> = notices
            .iter()
            .filter_map(|notice| notice_text(notice, |_| &id))
            .collect();
        assert_eq!(texts.len(), notices.len());
        insta::assert_snapshot!("notices", texts.join("\n"));
    }

    #[test]
    fn a_short_pause_is_not_worth_a_line() {
        let wait = Duration::from_millis(1_999);
        let notice = Notice::Paused {
            wait,
            class: PendingClass::RateLimited,
            message: CleanText::default(),
        };
        assert_eq!(
            notice_text(&notice, |_| unreachable!("no job is named")),
            None
        );
    }

    #[test]
    fn a_notice_names_a_job_exactly_when_it_is_about_one() {
        let id = job_id("hero");
        for notice in [
            Notice::SubmitsStopped(StopReason::Deadline),
            Notice::PollTrouble {
                job: 0,
                message: CleanText::default(),
            },
            Notice::OtherTask {
                job: 0,
                task_id: task("t"),
            },
        ] {
            let text = notice_text(&notice, |_| &id).expect("worth a line");
            assert_eq!(text.contains("`hero`"), job_of(&notice).is_some(), "{text}");
        }
    }
}
