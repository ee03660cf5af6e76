//! `pricing:` and `limits.max_spend`: what the user says that videos cost, and what they may cost together. Start at
//! [`section`] and [`file()`].
//!
//! Every number is taken as it is written and never goes through a float.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{listed, nearest};
use super::sections::unknown_key;
use super::tree::{Key, Node, SourceId, Span, Value};
use super::values::{described, model_advice, shown, wrong_type};
use super::vars;
use super::yaml::Document;
use crate::money::{Amount, Currency, MoneyError, Pricing, decimal};
use crate::plan::{Job, Model, Plan};

/// The keys of a price list.
pub(super) const KEYS: &[&str] = &[
    "currency",
    "per_second",
    "audio_factor",
    "reference_factor",
    "per_job",
];

/// Most bytes of a price list in a file of its own.
pub(super) const FILE_LIMIT: usize = 1 << 20;

/// How a price list is written.
const FORMS: &str = "write `currency: USD` and, under `per_second:`, a price for each model that the jobs use; or name a YAML file with these keys: `pricing: prices.yaml`";

/// Reads `pricing:` where the prices stand in the manifest; a section that was left empty states none.
pub(super) fn section(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<Pricing> {
    match &node.value {
        Value::Map(pairs) => price_list(pairs, &key.span, diagnostics),
        Value::Null => None,
        other => {
            let message = format!(
                "`pricing` must be a map of prices or the name of a file, not {}",
                described(other)
            );
            diagnostics.push(Diagnostic::error("wrong-type", &node.span, message, FORMS));
            None
        }
    }
}

/// Reads a price list that stands in a file of its own.
pub(super) fn file(text: &str, source: SourceId, diagnostics: &mut Diagnostics) -> Option<Pricing> {
    let mut document = Document::open_price_list(text, source, diagnostics).ok()?;
    let mut pairs = Vec::new();
    while let Some(key) = document.next_key(diagnostics).ok()? {
        let mut value = document.value_of(&key, diagnostics).ok()?;
        as_written(&mut value, text);
        pairs.push((key, value));
    }
    let start = Span {
        source,
        bytes: 0..0,
    };
    price_list(&pairs, &start, diagnostics)
}

/// Puts whole numbers back as they stand in `text`: nobody writes a price as `0x10`, and whoever does means who knows what.
pub(super) fn as_written(node: &mut Node, text: &str) {
    match &mut node.value {
        Value::Integer(_) => {
            if let Some(written) = vars::written(node, text) {
                node.value = Value::Number(written);
            }
        }
        Value::Map(pairs) => pairs.iter_mut().for_each(|(_, it)| as_written(it, text)),
        Value::List(elements) => elements.iter_mut().for_each(|it| as_written(it, text)),
        _ => {}
    }
}

/// Reads the keys of a price list, which begins at `at`; none if anything is wrong with it.
fn price_list(pairs: &[(Key, Node)], at: &Span, diagnostics: &mut Diagnostics) -> Option<Pricing> {
    let mut found = Diagnostics::default();
    let mut currency = None;
    let mut per_second = None;
    let mut audio_factor = Decimal::ONE;
    let mut reference_factor = Decimal::ONE;
    let mut per_job = Decimal::ZERO;
    for (key, node) in pairs {
        let mut name = key.name.as_str();
        if !KEYS.contains(&name) {
            found.push(unknown_key("pricing", key, KEYS));
            // What stands there is looked at as what it was meant to be.
            let is_there = |meant: &&str| pairs.iter().any(|(key, _)| key.name == *meant);
            name = nearest(name, KEYS).filter(|it| !is_there(it)).unwrap_or("");
        }
        match name {
            "currency" => currency = read_currency(node, &mut found),
            "per_second" => per_second = Some(prices(node, &mut found)),
            "audio_factor" => audio_factor = factor(name, node, &mut found),
            "reference_factor" => reference_factor = factor(name, node, &mut found),
            "per_job" => per_job = number(name, node, "0.02", &mut found).unwrap_or_default(),
            _ => {}
        }
    }
    // A key that was misspelt is not missing as well.
    let is_meant = |key: &str, name: &str| key == name || nearest(key, KEYS) == Some(name);
    let has = |name: &str| pairs.iter().any(|(key, _)| is_meant(&key.name, name));
    if !has("currency") {
        found.push(Diagnostic::error(
            "missing-currency",
            at,
            "the price list does not say in which currency its prices are",
            "add `currency: USD`, with the three letters of yours: an amount without its currency is easily taken for another",
        ));
    }
    if !has("per_second") {
        found.push(no_prices(at));
    }
    let is_right = !found.has_errors();
    diagnostics.append(found);
    Some(Pricing {
        currency: currency?,
        per_second: per_second?,
        audio_factor,
        reference_factor,
        per_job,
    })
    .filter(|_| is_right)
}

fn no_prices(at: &Span) -> Diagnostic {
    Diagnostic::error(
        "missing-prices",
        at,
        "the price list has no price for any model",
        "write what a second of video costs, such as `per_second: { seedance2.0-720p: 0.12 }`; a model that is only paid by the job is `0` there",
    )
}

fn read_currency(node: &Node, diagnostics: &mut Diagnostics) -> Option<Currency> {
    let Value::Text(written) = &node.value else {
        let help = "write the three letters of your currency: `currency: USD`";
        diagnostics.push(wrong_type("currency", node, "three capital letters", help));
        return None;
    };
    let currency = Currency::new(written);
    if currency.is_none() {
        let message = format!("`{}` is not a currency code", shown(written));
        let help = match Currency::new(&written.trim().to_uppercase()) {
            Some(meant) => format!("write it in capital letters: `currency: {meant}`"),
            None => "write three capital letters, as banks do: `USD`, `EUR`, `CNY`".to_owned(),
        };
        diagnostics.push(Diagnostic::error("bad-currency", &node.span, message, help));
    }
    currency
}

/// Reads `per_second:`.
fn prices(node: &Node, diagnostics: &mut Diagnostics) -> BTreeMap<Model, Decimal> {
    let pairs = match &node.value {
        Value::Map(pairs) if !pairs.is_empty() => pairs,
        Value::Map(_) | Value::Null => {
            diagnostics.push(no_prices(&node.span));
            return BTreeMap::new();
        }
        _ => {
            let help = "each model has a price of its own: `per_second: { seedance2.0-720p: 0.12, seedance2.0-fast-720p: 0.06 }`";
            let expected = "a map from models to prices";
            diagnostics.push(wrong_type("per_second", node, expected, help));
            return BTreeMap::new();
        }
    };
    let mut prices = BTreeMap::new();
    let mut before = None;
    for (key, price) in pairs {
        let model = Model::parse(&key.name);
        if let Some(comma) = before.and_then(|before| decimal_comma(before, (key, price))) {
            diagnostics.push(comma);
            continue;
        }
        before = Some(price);
        if model.is_none() {
            diagnostics.push(Diagnostic::error(
                "unknown-model",
                &key.span,
                format!("there is no model `{}`", shown(&key.name)),
                model_advice(&key.name),
            ));
        }
        let name = model.map_or("per_second", Model::as_str);
        let number = number(name, price, "0.12", diagnostics);
        prices.extend(model.zip(number));
    }
    prices
}

/// `0,06` between braces, which is a price of `0` and a model `06` to YAML.
fn decimal_comma(before: &Node, (key, price): (&Key, &Node)) -> Option<Diagnostic> {
    let is_rest = price.value == Value::Null && key.name.bytes().all(|it| it.is_ascii_digit());
    let whole = match &before.value {
        Value::Integer(number) => number.to_string(),
        Value::Number(text) if text.bytes().all(|it| it.is_ascii_digit()) => text.clone(),
        _ => return None,
    };
    let digits = &key.name;
    let help = format!("write a point: `{whole}.{digits}`");
    let message = format!("`{whole},{digits}` are two things here: a comma ends a price");
    is_rest.then(|| Diagnostic::error("bad-price", &key.span, message, help))
}

fn factor(name: &str, node: &Node, diagnostics: &mut Diagnostics) -> Decimal {
    let Some(factor) = number(name, node, "1.5", diagnostics) else {
        return Decimal::ONE;
    };
    if factor.is_zero() {
        let message = format!("`{name}` must be above 0: it multiplies the price per second");
        let help = "leave it out, or write `1`, if such videos cost the same as others";
        diagnostics.push(Diagnostic::error("bad-price", &node.span, message, help));
    }
    factor
}

/// Reads `limits.max_spend`.
pub(super) fn max_spend(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<Amount> {
    exactly(&key.name, node, "50", diagnostics, str::parse)
}

/// Reads a price or a factor.
fn number(
    name: &str,
    node: &Node,
    example: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Decimal> {
    exactly(name, node, example, diagnostics, decimal)
}

/// Reads a number as it is written, in quotes or not.
fn exactly<T>(
    name: &str,
    node: &Node,
    example: &str,
    diagnostics: &mut Diagnostics,
    read: impl Fn(&str) -> Result<T, MoneyError>,
) -> Option<T> {
    let written = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::Number(text) | Value::Text(text) => text.clone(),
        _ => {
            let help = format!("write it like `{name}: {example}`");
            diagnostics.push(wrong_type(name, node, "a number", &help));
            return None;
        }
    };
    read(&written)
        .map_err(|error| {
            let help = match meant(&written) {
                Some(number) => format!("did you mean `{number}`?"),
                None => format!(
                    "write a plain number like `{name}: {example}`: no sign, no exponent, no currency beside it and at most six decimals, so that every sum is exact"
                ),
            };
            let message = format!("`{name}`: {error}");
            diagnostics.push(Diagnostic::error("bad-price", &node.span, message, help));
        })
        .ok()
}

/// The number in `0,12`, `.5`, `$0.12` or `0.12 USD`. A comma before three digits may part thousands: nobody can tell.
pub(crate) fn meant(written: &str) -> Option<String> {
    let is_sign = |c: char| c.is_whitespace() || matches!(c, '$' | '€' | '£' | '¥');
    let mut bare = written.trim_matches(is_sign);
    let is_code = |text: &str| Currency::new(text).is_some();
    if bare.get(..3).is_some_and(is_code) {
        bare = bare[3..].trim_matches(is_sign);
    } else if let Some(at) = bare.len().checked_sub(3)
        && bare.get(at..).is_some_and(is_code)
    {
        bare = bare[..at].trim_matches(is_sign);
    }
    let number = match bare.split_once(',') {
        Some((_, places)) if places.len() == 3 => return None,
        Some((whole, places)) => format!("{whole}.{places}"),
        None => bare.to_owned(),
    };
    let number = match number.strip_prefix('.') {
        Some(places) => format!("0.{places}"),
        None => number.trim_end_matches('.').to_owned(),
    };
    let mends = number != written && decimal(&number).is_ok();
    mends.then_some(number)
}

/// A limit of money where nothing has a price.
pub(super) fn nothing_to_count(at: &Span) -> Diagnostic {
    Diagnostic::error(
        "max-spend-without-prices",
        at,
        "`max_spend` limits money, and the manifest does not say what videos cost",
        "write the prices of your provider under `pricing:`, such as `pricing: { currency: USD, per_second: { seedance2.0-720p: 0.12 } }`; or limit the number of jobs with `max_jobs`",
    )
}

/// A name after `pricing:` that is not that of a YAML file.
pub(super) fn not_a_price_list(name: &str, at: &Span) -> Diagnostic {
    let message = format!("`{}` is not a price list by its name", shown(name));
    Diagnostic::error("not-a-price-list", at, message, FORMS)
}

/// A file after `pricing:` that is no price list by its size.
pub(super) fn too_large(name: &str, at: &Span) -> Diagnostic {
    let message = format!(
        "`{}` has more than {FILE_LIMIT} bytes, which no price list needs",
        shown(name)
    );
    let help = "name the file with the prices alone";
    Diagnostic::error("price-list-too-large", at, message, help)
}

/// Models that have no price in the list of `section`, where jobs have other mistakes; what is wrong in the list itself
/// may be meant for one of them.
pub(super) fn unpriced_models(
    used: &[(Model, Span)],
    (key, node): &(Key, Node),
    pricing: Option<&Pricing>,
    max_spend: &Span,
) -> Option<Diagnostic> {
    let written = match (&node.value, pricing) {
        (_, Some(_)) => Vec::new(),
        (Value::Map(pairs), None) => written_models(pairs)?,
        _ => return None,
    };
    let is_priced = |model: Model| {
        let name = model.to_string();
        let is_meant = |it: &&str| match Model::parse(it) {
            Some(known) => known == model,
            None => name.starts_with(*it) || nearest(it, &[&name]).is_some(),
        };
        pricing.is_some_and(|it| it.per_second.contains_key(&model)) || written.iter().any(is_meant)
    };
    let without: Vec<_> = used
        .iter()
        .filter(|(model, _)| !is_priced(*model))
        .collect();
    let (_, first) = without.first()?;
    let models: Vec<Model> = without.iter().map(|(model, _)| *model).collect();
    let message = match models[..] {
        [model] => format!("`{model}` has no price: what its jobs cost is unknown"),
        _ => format!(
            "{} models have no price: what their jobs cost is unknown",
            models.len()
        ),
    };
    let found = Diagnostic::error(
        "max-spend-unpriced",
        &key.span,
        message,
        add_prices(&models),
    );
    let found = found.related(max_spend, "the cap could not be kept");
    Some(found.related(first, "a job with it"))
}

/// The names under `per_second:`, as they are written.
fn written_models(pairs: &[(Key, Node)]) -> Option<Vec<&str>> {
    let (_, list) = pairs.iter().find(|(key, _)| key.name == "per_second")?;
    match &list.value {
        Value::Map(prices) => Some(prices.iter().map(|(key, _)| key.name.as_str()).collect()),
        _ => None,
    }
}

fn add_prices(models: &[Model]) -> String {
    let names: Vec<String> = models.iter().map(ToString::to_string).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let what = if names.len() == 1 {
        "a price"
    } else {
        "prices"
    };
    format!(
        "add {what} for {} to `per_second:`; a job without a price never counts as free",
        listed(&names)
    )
}

/// Jobs that the price list, named at `at`, has no price for: an error where `max_spend` stands, which could not be
/// kept.
pub(super) fn unpriced(plan: &Plan, at: &Span, max_spend: Option<&Span>) -> Option<Diagnostic> {
    let pricing = plan.pricing()?;
    let mut without = plan.jobs().iter().filter(|job| plan.price(job).is_none());
    let first = without.next()?;
    let count = 1 + without.count();
    let message = match plan.jobs().len() {
        1 => "the job has no price: what it costs is unknown".to_owned(),
        all => format!("{count} of {all} jobs have no price: what they cost is unknown"),
    };
    let origin = first.origin();
    let start = origin.start as usize;
    let place = Span {
        source: SourceId(origin.file),
        bytes: start..start + 1,
    };
    let which = if count == 1 { "this one" } else { "the first" };
    let is_unknown = |model: &Model| !pricing.per_second.contains_key(model);
    let mut models: Vec<Model> = Vec::new();
    for model in plan.jobs().iter().map(|job| job.request().model()) {
        if is_unknown(&model) && !models.contains(&model) {
            models.push(model);
        }
    }
    let help = match models.len() {
        0 | 1 => why_unpriced(pricing, first),
        _ => add_prices(&models),
    };
    let found = match max_spend {
        Some(cap) => Diagnostic::error("max-spend-unpriced", at, message, help)
            .related(cap, "the cap could not be kept"),
        None => Diagnostic::warning("unpriced", at, message, help),
    };
    Some(found.related(&place, format!("{which}, `{}`", first.id())))
}

fn why_unpriced(pricing: &Pricing, job: &Job) -> String {
    let (model, id) = (job.request().model(), job.id());
    if !pricing.per_second.contains_key(&model) {
        format!(
            "add a price for `{model}`, which `{id}` uses, to `per_second:`; a job without a price never counts as free"
        )
    } else if job.request().duration().is_none() {
        format!(
            "set the `duration` of `{id}`: the price hangs on the seconds, and a job without a price never counts as free"
        )
    } else {
        format!("the price of `{id}` is too large to be counted: check prices and factors")
    }
}

#[cfg(test)]
mod tests;
