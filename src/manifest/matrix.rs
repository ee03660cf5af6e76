//! `matrix:` and `variants:`: one job that is written once and made several times. Start at [`Matrix::read`].
//!
//! A combination is a number until it is asked for, so that a matrix costs no memory before it is known to be small
//! enough. Knows nothing of fields and templates.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{self, listed, nearest};
use super::template::Language;
use super::tree::{Key, Node, Span, Value};
use super::values::{described, shown};
use super::vars::{self, check_name, warn_about_braces};
use crate::plan::Axes;
use crate::text::is_mark;

/// Most jobs that one matrix with its variants may make.
pub(super) const JOBS_LIMIT: u128 = 100_000;
/// Most combinations that are looked at, before `exclude` leaves some out.
const COMBINATIONS_LIMIT: u128 = 1_000_000;
/// Most comparisons of a combination with an element of `exclude`.
const COMPARISONS_LIMIT: u128 = 50_000_000;
/// Most elements of `exclude` and of `include`.
pub(super) const RULES_LIMIT: usize = 1000;

/// The axes of a job, and which of their combinations are made.
#[derive(Debug)]
pub(super) struct Matrix {
    axes: Vec<Axis>,
    included: Vec<Vec<Choice>>,
    written: Arc<Axes>,
    /// The combinations that are made.
    made: Vec<u32>,
    /// How many combinations the axes have.
    of_axes: u32,
}

/// One thing that varies.
#[derive(Debug)]
struct Axis {
    key: Key,
    name: Arc<str>,
    values: Vec<Choice>,
}

impl Axis {
    /// Which of its values is written so.
    fn number_of(&self, written: &str) -> Option<usize> {
        self.values.iter().position(|it| it.written == written)
    }
}

/// One value of an axis.
#[derive(Debug)]
pub(super) struct Choice {
    /// What a field of the axis's name is set to.
    pub(super) node: Node,
    /// What it is called in ids and comments.
    pub(super) written: String,
    /// What it is in templates.
    pub(super) value: minijinja::Value,
}

/// One combination: a value for each axis.
#[derive(Debug)]
pub(super) struct Combination<'m> {
    /// Its number.
    pub(super) number: u32,
    /// Each axis with its value.
    pub(super) choices: Vec<(&'m Key, &'m Arc<str>, &'m Choice)>,
    /// The place that stands for all of it.
    pub(super) at: &'m Span,
}

/// What a matrix is read with.
pub(super) struct Reading<'r> {
    /// The text of the manifest.
    pub(super) text: &'r str,
    /// The language in which its axes are named.
    pub(super) language: &'r Language,
}

impl Matrix {
    /// Reads `matrix:` of a job that has so many `variants`. Mistakes are reported; `None` if one of them leaves nothing
    /// that could be looked at further: wrong elements of `exclude` and `include` are only left out.
    pub(super) fn read(
        key: &Key,
        node: &Node,
        variants: u32,
        reading: &Reading<'_>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        let Value::Map(pairs) = &node.value else {
            let message = format!(
                "`matrix` must be a map of axes, not {}",
                described(&node.value)
            );
            let help = "write each axis as a list: `matrix: { color: [red, blue] }`";
            diagnostics.push(Diagnostic::error("wrong-type", &node.span, message, help));
            return None;
        };
        let mut found = Diagnostics::default();
        let is_rule = |key: &Key| matches!(key.name.as_str(), "include" | "exclude");
        let axes: Vec<Axis> = pairs
            .iter()
            .filter(|(key, _)| !is_rule(key))
            .filter_map(|(key, node)| axis(key, node, reading, &mut found))
            .collect();
        if axes.is_empty() && !found.has_errors() {
            let help = "name what varies and its values: `matrix: { color: [red, blue] }`";
            found.push(Diagnostic::error(
                "empty-matrix",
                &key.span,
                "the matrix has no axes",
                help,
            ));
        }
        let mut matrix = None;
        if !found.has_errors() {
            let rules = Rules::read(pairs, &axes, reading, &mut found);
            matrix = Self::with_rules(key, axes, rules, variants, &mut found);
        }
        diagnostics.append(found);
        matrix
    }

    /// The combinations of `axes` that `rules` leave, unless these are none or too many.
    fn with_rules(
        key: &Key,
        axes: Vec<Axis>,
        rules: Rules,
        variants: u32,
        found: &mut Diagnostics,
    ) -> Option<Self> {
        let of_axes = rules.count(key, &axes, variants, found)?;
        let mut matrix = Self {
            written: Arc::new(as_written(&axes)),
            axes,
            included: Vec::new(),
            made: Vec::new(),
            of_axes,
        };
        matrix.exclude(&rules.excluded);
        matrix.include(rules.included, found);
        let made = matrix.made.len() as u128 * u128::from(variants);
        if made > JOBS_LIMIT {
            if !found.has_errors() {
                found.push(too_many(key, made, false));
            }
            return None;
        }
        if made == 0 {
            let help = "leave at least one combination, or remove the job";
            let message = "`exclude` leaves no combination of this matrix";
            found.push(Diagnostic::error("empty-matrix", &key.span, message, help));
            return None;
        }
        Some(matrix)
    }

    /// Makes every combination that matches none of `excluded`.
    fn exclude(&mut self, excluded: &[Pattern]) {
        let is_made = |number: &u32| {
            excluded.is_empty() || {
                let choices = self.written.choices(*number).unwrap_or_default();
                !excluded.iter().any(|pattern| pattern.matches(&choices))
            }
        };
        self.made = (0..self.of_axes).filter(is_made).collect();
    }

    /// Adds the combinations that are not made already.
    fn include(&mut self, included: Vec<(Span, Vec<Choice>)>, found: &mut Diagnostics) {
        let mut written: Axes = Axes::clone(&self.written);
        for (at, choices) in included {
            let texts: Vec<Box<str>> = choices
                .iter()
                .map(|it| it.written.as_str().into())
                .collect();
            let number = number_of(&texts, &written);
            let is_there = match number {
                Some(number) => self.made.binary_search(&number).is_ok(),
                None => false,
            } || written.included.contains(&texts);
            if is_there {
                let message = "this adds nothing: the combination is made already";
                let help = "remove it, or change one of its values";
                found.push(Diagnostic::warning(
                    "include-adds-nothing",
                    &at,
                    message,
                    help,
                ));
                continue;
            }
            written.included.push(texts);
            self.included.push(choices);
        }
        let included = u32::try_from(self.included.len()).expect("no more than the limit");
        self.made.extend(self.of_axes..self.of_axes + included);
        self.written = Arc::new(written);
    }

    /// How many combinations are made.
    pub(super) fn len(&self) -> usize {
        self.made.len()
    }

    /// Each combination that is made, in order of the axes' values, the last axis first; then the included ones.
    pub(super) fn combinations(&self) -> impl Iterator<Item = Combination<'_>> {
        self.made.iter().map(|number| self.combination(*number))
    }

    fn combination(&self, number: u32) -> Combination<'_> {
        let chosen: Vec<&Choice> = match self.written.choices(number) {
            Ok(indexes) => {
                let chosen = self.axes.iter().zip(indexes);
                chosen.map(|(axis, index)| &axis.values[index]).collect()
            }
            Err(included) => self.included[included].iter().collect(),
        };
        let choices: Vec<_> = self
            .axes
            .iter()
            .zip(chosen)
            .map(|(axis, choice)| (&axis.key, &axis.name, choice))
            .collect();
        let at = &choices[0].2.node.span;
        Combination {
            number,
            choices,
            at,
        }
    }

    /// The most that a combination can have of what `measure` gives for each value.
    pub(super) fn most(&self, measure: impl Fn(&Choice) -> u64) -> u64 {
        let most = |choices: &[Choice]| choices.iter().map(&measure).max().unwrap_or(0);
        let of_axes: u64 = self.axes.iter().map(|axis| most(&axis.values)).sum();
        let sum = |choices: &Vec<Choice>| choices.iter().map(&measure).sum();
        of_axes.max(self.included.iter().map(sum).max().unwrap_or(0))
    }

    /// The names of the axes.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.axes.iter().map(|axis| &axis.key)
    }

    /// The axes that have several values, which therefore make several jobs.
    pub(super) fn varying(&self) -> impl Iterator<Item = &Key> {
        let is_varying = |axis: &&Axis| axis.values.len() > 1 || !self.included.is_empty();
        self.axes.iter().filter(is_varying).map(|axis| &axis.key)
    }

    /// Names and values as they were written.
    pub(super) fn written(&self) -> &Arc<Axes> {
        &self.written
    }
}

/// Reads `variants:`, the number of jobs that each combination makes; 1 if a mistake was reported.
pub(super) fn variants(
    key: &Key,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<NonZeroU32> {
    let help = "write how many videos are wanted, each with a seed of its own: `variants: 3`";
    let Value::Integer(number) = node.value else {
        let message = format!(
            "`variants` must be a whole number, not {}",
            described(&node.value)
        );
        diagnostics.push(Diagnostic::error("bad-variants", &node.span, message, help));
        return None;
    };
    if u128::try_from(number).is_ok_and(|number| number > JOBS_LIMIT) {
        diagnostics.push(too_many(key, u128::try_from(number).unwrap_or(0), false));
        return None;
    }
    let variants = u32::try_from(number).ok().and_then(NonZeroU32::new);
    if variants.is_none() {
        let message = format!("`variants` must be 1 or more, not {number}");
        diagnostics.push(Diagnostic::error("bad-variants", &node.span, message, help));
    }
    variants
}

fn axis(key: &Key, node: &Node, reading: &Reading<'_>, found: &mut Diagnostics) -> Option<Axis> {
    let is_named = check_name("axis", key, reading.language, found);
    let name = shown(&key.name);
    let Value::List(list) = &node.value else {
        let message = format!(
            "the axis `{name}` must be a list of values, not {}",
            described(&node.value)
        );
        let help = match vars::written(node, reading.text) {
            Some(value) => format!("write `{name}: [{}]`", shown(&value)),
            None => format!("write its values as a list: `{name}: [red, blue]`"),
        };
        found.push(Diagnostic::error("wrong-type", &node.span, message, help));
        return None;
    };
    if list.is_empty() {
        let message = format!("the axis `{name}` has no values, so that nothing would be made");
        let help = "give it at least one value, or remove the axis";
        found.push(Diagnostic::error("empty-matrix", &node.span, message, help));
        return None;
    }
    let mut seen = std::collections::HashMap::new();
    let mut values: Vec<Choice> = Vec::with_capacity(list.len());
    for node in list {
        let choice = choice(&key.name, node, reading, found)?;
        if let Some(first) = seen.insert(choice.written.clone(), values.len()) {
            let message = format!(
                "the axis `{name}` has the value `{}` twice",
                shown(&choice.written)
            );
            let help = "remove one of them: both would make the same job";
            found.push(
                Diagnostic::error("duplicate-value", &node.span, message, help)
                    .related(&values[first].node.span, "the first one"),
            );
            return None;
        }
        warn_about_braces("an axis", node, found);
        values.push(choice);
    }
    is_named.then(|| Axis {
        name: key.name.as_str().into(),
        key: key.clone(),
        values,
    })
}

fn choice(
    axis: &str,
    node: &Node,
    reading: &Reading<'_>,
    found: &mut Diagnostics,
) -> Option<Choice> {
    let written = vars::written(node, reading.text);
    let value = vars::filled(node, reading.text);
    let (Some(written), Some(value)) = (written, value) else {
        let message = format!(
            "a value of the axis `{}` must be text, a number or a boolean, not {}",
            shown(axis),
            described(&node.value)
        );
        let help = "values that belong together are several axes, or elements of `include`; `\"\"` is an empty text";
        found.push(Diagnostic::error("bad-value", &node.span, message, help));
        return None;
    };
    Some(Choice {
        node: node.clone(),
        written,
        value,
    })
}

/// What `exclude` and `include` say of the combinations of the axes.
struct Rules {
    excluded: Vec<Pattern>,
    included: Vec<(Span, Vec<Choice>)>,
}

impl Rules {
    fn read(
        pairs: &[(Key, Node)],
        axes: &[Axis],
        reading: &Reading<'_>,
        found: &mut Diagnostics,
    ) -> Self {
        let rule = |name: &str| pairs.iter().find(|(key, _)| key.name == name);
        let excluded = rules(rule("exclude"), found)
            .iter()
            .filter_map(|rule| pattern(rule, axes, reading, found))
            .collect();
        let included = rules(rule("include"), found)
            .iter()
            .filter_map(|rule| Some((rule.span.clone(), whole(rule, axes, reading, found)?)))
            .collect();
        Self { excluded, included }
    }

    /// How many combinations the axes have, unless that is too many to make them or to compare them with the rules.
    fn count(
        &self,
        key: &Key,
        axes: &[Axis],
        variants: u32,
        found: &mut Diagnostics,
    ) -> Option<u32> {
        let variants = u128::from(variants);
        let of_axes = axes.iter().fold(1_u128, |product, axis| {
            product.saturating_mul(axis.values.len() as u128)
        });
        let jobs = of_axes
            .saturating_add(self.included.len() as u128)
            .saturating_mul(variants);
        let most_excluded = self.excluded.iter().fold(0, |sum: u128, pattern| {
            sum.saturating_add(matches_of(pattern, axes))
        });
        let fewest = of_axes
            .saturating_sub(most_excluded)
            .saturating_mul(variants);
        if of_axes > COMBINATIONS_LIMIT || fewest > JOBS_LIMIT {
            // What is wrong in the rules may have left out more.
            if !found.has_errors() {
                found.push(too_many(key, jobs, !self.excluded.is_empty()));
            }
            return None;
        }
        if of_axes * self.excluded.len() as u128 > COMPARISONS_LIMIT {
            let message = format!(
                "`exclude` has {} elements for {of_axes} combinations, which takes too long",
                self.excluded.len()
            );
            let help = "leave values out of the axes, or write the combinations as `include` or as a table";
            let place = &key.span;
            found.push(Diagnostic::error("too-many-rules", place, message, help));
            return None;
        }
        Some(u32::try_from(of_axes).expect("no more than the limit"))
    }
}

/// The elements of `exclude` or `include`.
fn rules<'n>(rule: Option<&'n (Key, Node)>, found: &mut Diagnostics) -> &'n [Node] {
    let Some((key, node)) = rule else { return &[] };
    let name = &key.name;
    let help = format!("write a list of combinations: `{name}: [{{ color: red, size: big }}]`");
    match &node.value {
        Value::List(list) if list.len() > RULES_LIMIT => {
            let message = format!(
                "`{name}` has {} elements, more than {RULES_LIMIT}",
                list.len()
            );
            let help =
                "put the combinations into a table, and name it with `from:` and a `template:`";
            found.push(Diagnostic::error(
                "too-many-rules",
                &key.span,
                message,
                help,
            ));
            &[]
        }
        Value::List(list) => list,
        other => {
            let message = format!(
                "`{name}` must be a list of combinations, not {}",
                described(other)
            );
            found.push(Diagnostic::error("wrong-type", &node.span, message, help));
            &[]
        }
    }
}

/// Some axes, each with the number of one of its values.
struct Pattern(Vec<(usize, usize)>);

impl Pattern {
    /// Whether a combination has all of these values.
    fn matches(&self, choices: &[usize]) -> bool {
        let Self(values) = self;
        values.iter().all(|(axis, value)| choices[*axis] == *value)
    }
}

fn pattern(
    rule: &Node,
    axes: &[Axis],
    reading: &Reading<'_>,
    found: &mut Diagnostics,
) -> Option<Pattern> {
    let (pairs, is_whole) = pairs(rule, axes, reading, found)?;
    if pairs.is_empty() && is_whole {
        let message = "this would leave out every combination";
        let help = "name the values that a combination must have to be left out: `exclude: [{ color: red }]`";
        found.push(Diagnostic::error("empty-matrix", &rule.span, message, help));
        return None;
    }
    let mut values = Vec::with_capacity(pairs.len());
    for (axis, choice) in &pairs {
        match axes[*axis].number_of(&choice.written) {
            Some(number) => values.push((*axis, number)),
            None => found.push(unknown_value(&axes[*axis], choice)),
        }
    }
    (is_whole && values.len() == pairs.len()).then_some(Pattern(values))
}

/// Most values of an axis among which the nearest is looked for.
const COMPARED: usize = 500;

/// What was to be left out would be made, and paid for.
fn unknown_value(axis: &Axis, choice: &Choice) -> Diagnostic {
    let name = shown(&axis.key.name);
    let message = format!(
        "the axis `{name}` has no value `{}`",
        shown(&choice.written)
    );
    let values: Vec<&str> = axis.values.iter().map(|it| it.written.as_str()).collect();
    // A thousand elements may each be compared with a hundred thousand values.
    let near = (values.len() <= COMPARED).then(|| nearest(&choice.written, &values));
    let help = match near.flatten() {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if values.len() > 20 => {
            format!("what is left out must be there: compare it with the values of `{name}`")
        }
        None => format!("its values are {}", listed(&values)),
    };
    Diagnostic::error("unknown-value", &choice.node.span, message, help)
}

/// How many combinations match.
fn matches_of(pattern: &Pattern, axes: &[Axis]) -> u128 {
    let is_free = |axis: &usize| !pattern.0.iter().any(|(named, _)| named == axis);
    (0..axes.len())
        .filter(is_free)
        .fold(1, |product: u128, axis| {
            product.saturating_mul(axes[axis].values.len() as u128)
        })
}

/// A value for each axis, in their order.
fn whole(
    rule: &Node,
    axes: &[Axis],
    reading: &Reading<'_>,
    found: &mut Diagnostics,
) -> Option<Vec<Choice>> {
    let (mut pairs, is_whole) = pairs(rule, axes, reading, found)?;
    if !is_whole {
        return None;
    }
    let missing: Vec<&str> = (0..axes.len())
        .filter(|axis| !pairs.iter().any(|(named, _)| named == axis))
        .map(|axis| axes[axis].key.name.as_str())
        .collect();
    if !missing.is_empty() {
        let message = format!("this combination has no value for {}", listed(&missing));
        let help = "an element of `include` names every axis";
        found.push(Diagnostic::error(
            "include-incomplete",
            &rule.span,
            message,
            help,
        ));
        return None;
    }
    pairs.sort_by_key(|(axis, _)| *axis);
    Some(pairs.into_iter().map(|(_, choice)| choice).collect())
}

/// The axes that a rule names, with the values, and whether these are all: what is wrong is left out.
fn pairs(
    rule: &Node,
    axes: &[Axis],
    reading: &Reading<'_>,
    found: &mut Diagnostics,
) -> Option<(Vec<(usize, Choice)>, bool)> {
    let Value::Map(pairs) = &rule.value else {
        let message = format!(
            "a combination must be a map of axes, not {}",
            described(&rule.value)
        );
        let help = "write each axis with its value: `{ color: red, size: big }`";
        found.push(Diagnostic::error("wrong-type", &rule.span, message, help));
        return None;
    };
    let names: Vec<&str> = axes.iter().map(|axis| axis.key.name.as_str()).collect();
    let right: Vec<(usize, Choice)> = pairs
        .iter()
        .filter_map(|(key, node)| {
            let Some(number) = names.iter().position(|name| *name == key.name) else {
                found.push(unknown_axis(key, &names));
                return None;
            };
            Some((number, choice(&key.name, node, reading, found)?))
        })
        .collect();
    let is_whole = right.len() == pairs.len();
    Some((right, is_whole))
}

fn is_field(name: &str) -> bool {
    fields::JOB.iter().any(|field| field.name == name)
}

fn unknown_axis(key: &Key, names: &[&str]) -> Diagnostic {
    let message = format!("the matrix has no axis `{}`", shown(&key.name));
    let help = match nearest(&key.name, names) {
        Some(axis) if is_field(&key.name) && !is_field(axis) => {
            format!("the axis is called `{axis}`: call it `{}` too", key.name)
        }
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("its axes are {}", listed(names)),
    };
    Diagnostic::error("unknown-axis", &key.span, message, help)
}

fn as_written(axes: &[Axis]) -> Axes {
    let values = |axis: &Axis| {
        axis.values
            .iter()
            .map(|it| it.written.as_str().into())
            .collect()
    };
    Axes {
        axes: axes
            .iter()
            .map(|axis| (axis.key.name.as_str().into(), values(axis)))
            .collect(),
        included: Vec::new(),
    }
}

/// The number of the combination with these values, if the axes have them all.
fn number_of(values: &[Box<str>], written: &Axes) -> Option<u32> {
    let mut number = 0;
    for (value, (_, values)) in values.iter().zip(&written.axes) {
        number = number * values.len() + values.iter().position(|other| other == value)?;
    }
    u32::try_from(number).ok()
}

fn too_many(key: &Key, count: u128, excludes: bool) -> Diagnostic {
    let count = if count == u128::MAX {
        "more jobs than can be counted".to_owned()
    } else {
        format!("{count} jobs")
    };
    let before = if excludes { ", before `exclude`" } else { "" };
    let message = format!(
        "`{}` makes {count}{before}; at most {JOBS_LIMIT} are made from one job",
        key.name
    );
    let help =
        "leave out axes or values, or write several jobs: every job is a video that is paid for";
    Diagnostic::error("too-many-jobs", &key.span, message, help)
}

/// What a value adds to an id: letters with their marks, digits, `.` and `_` as they are, `9:16` as `9x16`, anything else as `-`.
pub(super) fn slug(value: &str) -> String {
    slug_with(value, false)
}

/// The same for a whole id, which keeps its `-`.
pub(super) fn slug_of_id(id: &str) -> String {
    slug_with(id, true)
}

fn slug_with(value: &str, keeps_dashes: bool) -> String {
    let characters: Vec<char> = value.chars().collect();
    let is_digit = |index: Option<usize>| {
        let character = index.and_then(|index| characters.get(index));
        character.is_some_and(char::is_ascii_digit)
    };
    let mut slug = String::new();
    for (index, character) in characters.iter().enumerate() {
        match character {
            letter if letter.is_alphanumeric() || matches!(letter, '.' | '_') => slug.push(*letter),
            mark if is_mark(*mark)
                && slug.ends_with(|it: char| it.is_alphanumeric() || is_mark(it)) =>
            {
                slug.push(*mark);
            }
            '-' if keeps_dashes => slug.push('-'),
            ':' if is_digit(index.checked_sub(1)) && is_digit(Some(index + 1)) => slug.push('x'),
            _ if slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
    }
    slug.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_keeps_what_an_id_may_have() {
        for (value, expected) in [
            ("red", "red"),
            ("9:16", "9x16"),
            ("a:b", "a-b"),
            ("soft light, slow", "soft-light-slow"),
            (" 红 ", "红"),
            ("นํ้า สีฟ้า", "นํ้า-สีฟ้า"),
            ("v1.0_b", "v1.0_b"),
            ("-8", "8"),
            ("!?", ""),
        ] {
            assert_eq!(slug(value), expected, "{value}");
        }
        assert_eq!(slug_of_id("a--b 9:16, -红-"), "a--b-9x16--红");
    }
}
