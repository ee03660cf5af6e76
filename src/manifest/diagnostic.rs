//! What is wrong with a manifest: where, what, and how to mend it. All of them are collected, none ends the reading.

mod aside;
mod repeats;

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

pub(in crate::manifest) use self::aside::Aside;
use self::repeats::{Added, Repeats};
use super::duplicates::Twins;
use super::references::References;
use super::tree::{SourceId, Span};

/// Whether a diagnostic stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is sent while there is one.
    Error,
    /// Shown, and the run goes on.
    Warning,
    /// What was detected or assumed.
    Note,
}

/// One finding about a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Its stable name, such as `unknown-field`.
    pub code: &'static str,
    /// What is wrong: a lower-case fragment, values in backticks.
    pub message: String,
    /// Where.
    pub span: Span,
    /// What stands there, shown under the place.
    pub label: Option<String>,
    /// How to mend it.
    pub help: String,
    /// Other places that matter, such as the first of two equal ids.
    pub related: Vec<(Span, String)>,
}

impl Diagnostic {
    /// An error at `span`.
    pub fn error(
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            span: span.clone(),
            label: None,
            help: help.into(),
            related: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, span, message, help)
        }
    }

    /// Something worth knowing at `span`.
    pub fn note(
        code: &'static str,
        span: &Span,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Note,
            ..Self::error(code, span, message, help)
        }
    }

    /// Adds the words under the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Adds another place that matters.
    #[must_use]
    pub fn related(mut self, span: &Span, words: impl Into<String>) -> Self {
        self.related.push((span.clone(), words.into()));
        self
    }
}

/// Most findings that are kept; the others are counted, so that a million rows with mistakes need little memory.
const KEPT: usize = 10_000;

/// What somebody knows who only glances at a manifest.
#[derive(Debug)]
pub(super) struct Glance {
    /// The ids and contents that several jobs have, as far as an earlier glance has shown them.
    pub(super) known: Rc<Twins>,
    /// Why what was found is not all, if so.
    pub(super) doubt: Option<Doubt>,
}

/// Why a glance is not enough.
#[derive(Debug)]
pub(super) enum Doubt {
    /// Several jobs have these, which needs a closer look at them.
    Twins(Box<Twins>),
    /// Something asks for every job.
    Jobs,
    /// Only a reading of the whole can tell.
    Whole,
}

/// Where the readers and rules put what they find.
#[derive(Debug, Default)]
pub struct Diagnostics {
    kept: Vec<Diagnostic>,
    keeps_all: bool,
    /// What is known to who only glances, if somebody does.
    glance: Option<Box<Glance>>,
    /// Whether there is no room any more.
    is_full: bool,
    /// Those that there was no room for; only where every one is wanted.
    rest: Aside,
    /// Warnings of single jobs that are summed up among those kept; only where every one is wanted.
    summed_up: Aside,
    /// How many were wanted and could not be kept.
    lost: usize,
    /// How many errors, warnings and notes came when there was no room any more.
    unlisted: [usize; 3],
    /// Places that must not be shown, such as an API key that does not belong in a manifest.
    secrets: Vec<Span>,
    /// The files that jobs refer to, if they are asked for.
    references: Option<Box<References>>,
    /// What was found at a place of a template, for how many of its jobs.
    repeats: HashMap<(SourceId, usize, usize, &'static str), Repeats>,
    /// The findings that are counted in `repeats` and not kept, where every one is wanted.
    echoes: Aside,
    /// What was added to messages to say how many others there are, by place and code.
    folds: HashMap<(SourceId, usize, usize, &'static str), Vec<String>>,
    /// Ids that could be written where one is refused, if they are free: that is known when all jobs are read.
    offers: Vec<(Span, String)>,
}

/// Which of the jobs that a template makes a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// All that are made for a row, by its number.
    Row(u32),
    /// One, by its number.
    Job(u64),
}

impl Diagnostics {
    /// Keeps, beside those that are listed, a million more.
    pub(super) fn keep_all(&mut self) {
        self.keeps_all = true;
    }

    /// Whether every finding is wanted.
    pub(super) fn keeps_all(&self) -> bool {
        self.keeps_all
    }

    /// Somebody only glances, who knows that several jobs have `known`.
    pub(super) fn glance(&mut self, known: Rc<Twins>) {
        self.glance = Some(Box::new(Glance { known, doubt: None }));
    }

    /// What is known to who only glances, if somebody does.
    pub(super) fn glanced(&self) -> Option<&Glance> {
        self.glance.as_deref()
    }

    /// A glance is not enough. What needs more than another doubt goes before it.
    pub(super) fn doubt(&mut self, why: Doubt) {
        if let Some(glance) = &mut self.glance
            && !matches!(glance.doubt, Some(Doubt::Whole))
        {
            glance.doubt = Some(why);
        }
    }

    /// Whether a glance is not enough.
    pub(super) fn is_doubtful(&self) -> bool {
        self.glance.as_ref().is_some_and(|it| it.doubt.is_some())
    }

    /// Why a glance was not enough, if it was not.
    pub(super) fn take_doubt(&mut self) -> Option<Doubt> {
        self.glance.take()?.doubt
    }

    /// Keeps, apart, a warning that is summed up with others.
    pub(super) fn keep_summed_up(&mut self, warning: &Diagnostic) {
        self.lost += usize::from(!self.summed_up.push(warning));
    }

    /// Every finding that is not listed, if every one is wanted: the rest, the warnings that are summed up, and what
    /// single rows have that is told with others.
    pub(super) fn unshown(&self) -> [&Aside; 3] {
        [&self.rest, &self.summed_up, &self.echoes]
    }

    /// Where there are warnings that are summed up, and which: what is said there besides is their sum.
    pub(super) fn sums(&self) -> HashSet<((SourceId, usize), &'static str)> {
        let summed_up = self.summed_up.iter();
        summed_up.map(|it| (it.start(), it.code())).collect()
    }

    /// The codes of the rest, if every one is wanted.
    pub(super) fn codes_of_rest(&self, severity: Severity) -> impl Iterator<Item = &'static str> {
        let rest = self.rest.iter();
        rest.filter(move |it| it.severity() == severity)
            .map(|it| it.code())
    }

    /// How many were wanted, and could not be kept.
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// Adds a finding, or counts it if there are too many.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if self.kept.len() == KEPT && !self.is_full {
            // The same mistake may have come through many aliases.
            self.sort();
            self.is_full = self.kept.len() > KEPT / 2;
        }
        if self.is_full {
            self.unlisted[diagnostic.severity as usize] += 1;
            if self.keeps_all && diagnostic.severity != Severity::Note {
                self.lost += usize::from(!self.rest.push(&diagnostic));
            }
        } else {
            self.kept.push(diagnostic);
        }
    }

    /// Adds the findings of `later`, in their order.
    pub fn append(&mut self, mut later: Self) {
        for diagnostic in std::mem::take(&mut later.kept) {
            self.push(diagnostic);
        }
        self.append_unshown(later);
    }

    fn append_unshown(&mut self, later: Self) {
        for (count, more) in self.unlisted.iter_mut().zip(later.unlisted) {
            *count += more;
        }
        self.lost += self.summed_up.append(&later.summed_up);
        self.secrets.extend(later.secrets);
        for (span, id) in later.offers {
            self.offer_id(&span, id);
        }
    }

    /// Notes that `id`, or one like it, could be written at `span`, where an id is refused.
    pub(super) fn offer_id(&mut self, span: &Span, id: String) {
        if self.offers.len() < KEPT {
            self.offers.push((span.clone(), id));
        }
    }

    /// The ids that could be written, each with its place.
    pub(super) fn take_offers(&mut self) -> Vec<(Span, String)> {
        std::mem::take(&mut self.offers)
    }

    /// Adds a finding about one of the jobs that a template makes: what others have at the same place is counted.
    pub(super) fn push_made(&mut self, made: Made, found: Diagnostic) {
        let bytes = &found.span.bytes;
        let key = (found.span.source, bytes.start, bytes.end, found.code);
        let has_room = self.repeats.len() < KEPT;
        let added = match self.repeats.entry(key) {
            Entry::Occupied(mut seen) => seen.get_mut().add(made, &found),
            Entry::Vacant(free) if has_room => free.insert(Repeats::default()).add(made, &found),
            Entry::Vacant(_) => Added::Told,
        };
        match added {
            Added::Told => self.push(found),
            Added::Folded if self.keeps_all => {
                self.lost += usize::from(!self.echoes.push(&found));
            }
            Added::Folded | Added::Again => {}
        }
    }

    /// Adds the findings about one of the jobs that a template makes.
    pub(super) fn append_made(&mut self, made: Made, mut later: Self) {
        for found in std::mem::take(&mut later.kept) {
            self.push_made(made, found);
        }
        self.append_unshown(later);
    }

    /// Says with each finding which other rows have it, or how many jobs.
    pub(super) fn tell_repeats(&mut self) {
        let repeats = std::mem::take(&mut self.repeats);
        for found in &mut self.kept {
            let bytes = &found.span.bytes;
            let key = (found.span.source, bytes.start, bytes.end, found.code);
            let fold = repeats.get(&key).map(|it| it.fold(found));
            let Some(fold) = fold.filter(|fold| !fold.is_empty()) else {
                continue;
            };
            found.message += &fold;
            if self.keeps_all {
                self.folds.entry(key).or_default().push(fold);
            }
        }
    }

    /// The message of one that is listed, without which other rows or jobs have it.
    pub(super) fn own_message<'d>(&self, found: &'d Diagnostic) -> &'d str {
        let bytes = &found.span.bytes;
        let key = (found.span.source, bytes.start, bytes.end, found.code);
        let mut folds = self.folds.get(&key).into_iter().flatten();
        let own = folds.find_map(|fold| found.message.strip_suffix(fold.as_str()));
        own.unwrap_or(&found.message)
    }

    /// Takes out what was found with these codes, and is true no more: at or after a place, or anywhere.
    pub(super) fn forget(&mut self, from: Option<&Span>, codes: &[&str]) {
        let is_meant = |at: &Span| {
            from.is_none_or(|from| at.source == from.source && at.bytes.start >= from.bytes.start)
        };
        self.retain(|found| !is_meant(&found.span) || !codes.contains(&found.code));
    }

    /// Makes a place unreadable wherever its line is shown.
    pub(super) fn hide(&mut self, secret: &Span) {
        self.secrets.push(secret.clone());
    }

    /// Keeps, beside findings, which files the jobs refer to.
    pub(super) fn keep_references(&mut self) {
        self.references = Some(Box::default());
    }

    /// Where files that jobs refer to are noted, if they are asked for.
    pub(super) fn references(&mut self) -> Option<&mut References> {
        self.references.as_deref_mut()
    }

    /// The files that jobs refer to, if they were asked for.
    pub(super) fn take_references(&mut self) -> Option<Box<References>> {
        self.references.take()
    }

    /// The places that were to be hidden.
    pub(super) fn take_secrets(&mut self) -> Vec<Span> {
        std::mem::take(&mut self.secrets)
    }

    /// Takes out the warnings with these codes, and gives their number.
    pub(super) fn drop_warnings(&mut self, codes: &[&str]) -> usize {
        let count = |it: &Self| it.kept.len() + it.rest.len();
        let before = count(self);
        self.retain(|found| found.severity != Severity::Warning || !codes.contains(&found.code));
        before - count(self)
    }

    /// Adds `related` to every finding that points at one of `spans`.
    pub(super) fn relate(&mut self, spans: &[Span], related: &[(Span, String)]) {
        let at_one = |found: &&mut Diagnostic| spans.contains(&found.span);
        for found in self.kept.iter_mut().filter(at_one) {
            found.related.extend_from_slice(related);
        }
    }

    /// Keeps only those findings that are to be kept.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Diagnostic) -> bool) {
        self.kept.retain(&is_kept);
        self.summed_up.retain(&is_kept);
        self.echoes.retain(&is_kept);
        let unlisted = &mut self.unlisted;
        self.rest.retain(|found| {
            let is_kept = is_kept(found);
            unlisted[found.severity as usize] -= usize::from(!is_kept);
            is_kept
        });
    }

    /// Changes what was found.
    pub(super) fn amend(&mut self, mut change: impl FnMut(&mut Diagnostic)) {
        self.kept.iter_mut().for_each(&mut change);
        self.rest.amend(change);
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether a run must not start.
    pub fn has_errors(&self) -> bool {
        self.unlisted[Severity::Error as usize] > 0
            || self
                .kept
                .iter()
                .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many findings are of `severity`, those that are not listed included.
    pub fn count(&self, severity: Severity) -> usize {
        let kept = self.kept.iter();
        kept.filter(|diagnostic| diagnostic.severity == severity)
            .count()
            + self.unlisted[severity as usize]
    }

    /// How many findings there are beyond those that are listed.
    pub fn unlisted(&self) -> usize {
        self.unlisted.iter().sum()
    }

    /// Puts the findings in reading order. What was found several times at one place, through aliases or defaults,
    /// is kept once.
    pub(super) fn sort(&mut self) {
        self.kept.sort_by(|left, right| {
            let key = |found: &Diagnostic| (found.span.source, found.span.bytes.start);
            key(left).cmp(&key(right)).then_with(|| {
                let rest = |found: &Diagnostic| (found.severity, found.code);
                let related = |found: &Diagnostic| {
                    found
                        .related
                        .first()
                        .map(|(at, _)| (at.source, at.bytes.start))
                };
                rest(left)
                    .cmp(&rest(right))
                    .then_with(|| left.message.cmp(&right.message))
                    .then_with(|| related(left).cmp(&related(right)))
            })
        });
        self.kept.dedup_by(|later, earlier| {
            later.span == earlier.span
                && later.code == earlier.code
                && later.message == earlier.message
                && later.related == earlier.related
        });
    }

    /// The listed findings; in reading order once the manifest is loaded.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.kept.iter()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::SourceId;
    use super::*;

    fn error_at(start: usize) -> Diagnostic {
        let span = Span {
            source: SourceId(0),
            bytes: start..start + 1,
        };
        Diagnostic::error("a", &span, "wrong", "mend it")
    }

    #[test]
    fn a_million_mistakes_are_counted_and_few_are_kept() {
        let mut diagnostics = Diagnostics::default();
        for start in 0..1_000_000 {
            diagnostics.push(error_at(start));
        }
        diagnostics.sort();
        assert_eq!(diagnostics.iter().len(), KEPT);
        assert_eq!(diagnostics.count(Severity::Error), 1_000_000);
        assert_eq!(diagnostics.unlisted(), 1_000_000 - KEPT);
        assert!(diagnostics.has_errors());
    }

    #[test]
    fn one_mistake_met_a_million_times_leaves_room_for_others() {
        let mut diagnostics = Diagnostics::default();
        for _ in 0..1_000_000 {
            diagnostics.push(error_at(7));
        }
        diagnostics.push(error_at(3));
        diagnostics.sort();
        let starts: Vec<usize> = diagnostics.iter().map(|at| at.span.bytes.start).collect();
        assert_eq!(starts, [3, 7]);
        assert_eq!(diagnostics.unlisted(), 0);
    }
}
