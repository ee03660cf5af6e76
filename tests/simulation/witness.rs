//! Stands between a run and its people and disk: notes what the run says and when.
//!
//! Start at [`Witness`], the reporter, and [`Books`], the journal, which controls can make dishonest.

use std::time::Duration;

use shotlist::engine::event::{Event, Notice, StopReason};
use shotlist::engine::table::{Fact, Record};
use shotlist::money::Amount;
use shotlist::report::outcome::RunFact;
use shotlist::runner::{self, CommitError, News, Reporter};
use shotlist::state::StateError;
use shotlist::state::journal::Journal;

use crate::figures::Seen;
use crate::file::SimFile;
use crate::world::{Audit, Shared, World};

/// The people of a run.
pub(crate) struct Witness(pub(crate) Shared);

impl Reporter for Witness {
    fn tell(&mut self, news: &News<'_>) {
        let mut world = self.0.lock();
        if world.instant("people are told") {
            world.hear(news);
        }
    }

    fn wake_at(&self) -> Option<Duration> {
        None
    }
}

impl World {
    fn hear(&mut self, news: &News<'_>) {
        self.session.notes.digest();
        self.session.notes.steps += 1;
        let records = news.records.iter().map(|record| (*record).clone());
        self.acknowledged.extend(records);
        if self.audit == Audit::Everything {
            let (told, durable) = (self.acknowledged.len(), self.register.records);
            self.ensure(told <= durable, || {
                format!("{told} records are told and {durable} are durable")
            });
            let mut ids = news.records.iter().filter_map(|record| id_of(record));
            let early = ids.find(|id| !self.register.has_id(id)).map(str::to_owned);
            self.ensure(early.is_none(), || {
                format!("{early:?} is told before it is durable")
            });
            let failed = self.session.notes.state_failed
                || self.session.faults.room.is_some()
                || self.disk.is_moved;
            self.ensure(failed || news.unsaved.is_empty(), || {
                "records are unsaved for no reason".to_owned()
            });
        }
        for record in news.records {
            self.note(|| format!("told: {:?}", record.fact));
            if let Fact::Job { id, event } = &record.fact {
                if matches!(event, Event::Lost { .. }) {
                    self.check_lost(id);
                }
                self.count(event);
                self.check_file(id, event);
            }
        }
        for notice in news.notices {
            self.note(|| format!("notice: {notice:?}"));
            self.session.notes.facts.extend(RunFact::of(notice));
            let is_bug = matches!(notice, Notice::Illegal { .. });
            self.ensure(!is_bug, || format!("{notice:?}"));
            match notice {
                Notice::SubmitsStopped(StopReason::MaxJobs) => self.saw(Seen::MaxJobs),
                Notice::SubmitsStopped(StopReason::MaxSpend(_)) => self.saw(Seen::MaxSpend),
                Notice::SubmitsStopped(StopReason::Deadline) => self.saw(Seen::Deadline),
                Notice::SubmitsStopped(StopReason::Doubt { .. }) => self.saw(Seen::Braked),
                _ => {}
            }
        }
    }

    fn count(&mut self, event: &Event) {
        match event {
            Event::Lost { .. } => self.saw(Seen::Lost),
            Event::NoUrl => self.saw(Seen::NoUrl),
            Event::TimedOut => self.saw(Seen::TimedOut),
            Event::Reopened => self.saw(Seen::Remade),
            Event::Returned { message, .. } if message.as_str().starts_with("too much time") => {
                self.saw(Seen::StaleIntent);
            }
            _ => {}
        }
    }
}

fn id_of(record: &Record) -> Option<&str> {
    match &record.fact {
        Fact::Job {
            event: Event::Accepted { task_id, .. },
            ..
        } => Some(task_id.as_str()),
        _ => None,
    }
}

/// Whether a journal does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Honesty {
    Honest,
    /// Acknowledges intents, and writes them with the next commit.
    IntentsLater,
    /// Acknowledges what was answered, and writes it with the next commit.
    AnswersLater,
    /// Writes of every create that it costs nothing.
    NoCosts,
}

fn forget_cost(record: &mut Record) {
    if let Fact::Job {
        event: Event::Intent {
            cost: Some(cost), ..
        },
        ..
    } = &mut record.fact
    {
        cost.amount = Amount::ZERO;
    }
}

/// The real journal, honest or not.
pub(crate) struct Books {
    journal: Journal<SimFile>,
    honesty: Honesty,
    later: Vec<Record>,
}

impl Books {
    pub(crate) fn new(journal: Journal<SimFile>, honesty: Honesty) -> Self {
        Self {
            journal,
            honesty,
            later: Vec::new(),
        }
    }
}

impl runner::Journal for Books {
    type Error = StateError;

    fn commit(&mut self, records: &[Record]) -> Result<(), CommitError<StateError>> {
        let waits = |record: &Record| match self.honesty {
            Honesty::Honest | Honesty::NoCosts => false,
            Honesty::IntentsLater => record.is_intent(),
            Honesty::AnswersLater => !record.is_intent() && matches!(record.fact, Fact::Job { .. }),
        };
        let (later, now): (Vec<_>, Vec<_>) = records.iter().cloned().partition(waits);
        let mut batch = std::mem::replace(&mut self.later, later);
        batch.extend(now);
        if self.honesty == Honesty::NoCosts {
            batch.iter_mut().for_each(forget_cost);
        }
        runner::Journal::commit(&mut self.journal, &batch)
    }
}
