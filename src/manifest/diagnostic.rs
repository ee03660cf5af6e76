//! What is wrong with a manifest: where, what, and how to mend it. All of them are collected, none ends the reading.

use super::tree::Span;

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

/// Where the readers and rules put what they find.
#[derive(Debug, Default)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds a finding.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds the findings of `later`, in their order.
    pub fn append(&mut self, mut later: Self) {
        self.0.append(&mut later.0);
    }

    /// Whether a run must not start.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// How many findings are of `severity`.
    pub fn count(&self, severity: Severity) -> usize {
        self.0
            .iter()
            .filter(|diagnostic| diagnostic.severity == severity)
            .count()
    }

    /// Puts the findings in reading order. What was found several times at one place, through aliases or defaults,
    /// is kept once.
    pub(super) fn sort(&mut self) {
        self.0.sort_by(|left, right| {
            let key = |found: &Diagnostic| (found.span.source, found.span.bytes.start);
            key(left).cmp(&key(right)).then_with(|| {
                (left.severity, left.code, &left.message).cmp(&(
                    right.severity,
                    right.code,
                    &right.message,
                ))
            })
        });
        self.0.dedup_by(|later, earlier| {
            later.span == earlier.span
                && later.code == earlier.code
                && later.message == earlier.message
        });
    }

    /// All findings; in reading order once the manifest is loaded.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }
}

impl<'d> IntoIterator for &'d Diagnostics {
    type Item = &'d Diagnostic;
    type IntoIter = std::slice::Iter<'d, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
