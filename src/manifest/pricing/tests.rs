//! Prices as people write them, in the manifest and beside it.

use std::io;
use std::path::Path;

use super::*;
use crate::manifest::diagnostic::Severity;
use crate::manifest::{LoadOptions, Loaded, Outside, load, load_with};
use crate::money::Cost;

const JOBS: &str = "defaults: { model: seedance2.0-720p, duration: 8 }\njobs: [{ id: hero, prompt: A red kite. }]\n";

/// A manifest with `head` above its jobs, and files beside it.
fn read(head: &str, files: &[(&str, &str)]) -> Loaded {
    read_with(head, files, Outside::RefusedByName)
}

fn read_with(head: &str, files: &[(&str, &str)], outside: Outside) -> Loaded {
    let options = LoadOptions {
        outside,
        ..LoadOptions::default()
    };
    load_with(Path::new("film/shots.yaml"), &options, &|path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        match found {
            Some((_, text)) => Ok(text.as_bytes().to_vec()),
            None if path == Path::new("film/shots.yaml") => Ok(format!("{head}\n{JOBS}").into()),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    })
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|found| found.code).collect()
}

fn price_of_first(loaded: &Loaded) -> Option<String> {
    let plan = loaded.plan.as_ref().expect("no error");
    plan.price(&plan.jobs()[0])
        .map(|cost: Cost| cost.to_string())
}

#[test]
fn numbers_that_only_yaml_knows_are_no_prices() {
    for written in [
        "0x10", "0o17", "-0", "+5", "-1", ".inf", "-.inf", ".nan", "1e400", "1e2", "1_000", "0b11",
        "\"0x10\"", "1:30",
    ] {
        for head in [
            format!("pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: {written} }} }}"),
            format!(
                "pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: 1 }}, per_job: {written} }}"
            ),
            format!(
                "pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: 1 }} }}\nlimits: {{ max_spend: {written} }}"
            ),
        ] {
            let loaded = read(&head, &[]);
            assert_eq!(
                codes(&loaded),
                ["bad-price"],
                "{head}\n{}",
                loaded.render_compact()
            );
        }
        let file = format!("currency: EUR\nper_second: {{ seedance2.0-720p: {written} }}\n");
        let loaded = read("pricing: prices.yaml", &[("film/prices.yaml", &file)]);
        assert_eq!(codes(&loaded), ["bad-price"], "{file}");
    }
    let anchored =
        "pricing: { currency: EUR, per_second: { seedance2.0-720p: &p 12, seedance2.0-480p: *p } }";
    let loaded = read(anchored, &[]);
    assert_eq!(price_of_first(&loaded).as_deref(), Some("96.00 EUR"));
}

#[test]
fn a_price_is_what_was_written_to_the_last_digit_in_quotes_or_not() {
    for (written, price) in [
        ("0.12", "0.96"),
        ("\"0.12\"", "0.96"),
        ("'0.1'", "0.80"),
        ("0.190400", "1.5232"),
        ("12", "96.00"),
        ("0.000001", "0.000008"),
        ("0", "0.00"),
        // A float would give 799999999.9999999.
        ("99999999.999999", "799999999.999992"),
        ("1000000000", "8000000000.00"),
    ] {
        let head =
            format!("pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: {written} }} }}");
        let loaded = read(&head, &[]);
        assert_eq!(codes(&loaded), [""; 0], "{written}");
        assert_eq!(
            price_of_first(&loaded),
            Some(format!("{price} EUR")),
            "{written}"
        );
    }
}

#[test]
fn what_is_no_plain_number_is_refused_where_it_stands() {
    for written in [
        "-0.12",
        "1e3",
        "1E-2",
        ".nan",
        ".inf",
        "-.inf",
        "0.1234567",
        "1000000000.1",
        "1_000",
        "'0,12'",
        ".5",
        "5.",
        "'1.2.3'",
        "' 0.12'",
        "'٣'",
        "''",
        "12 USD",
        "'½'",
        "99999999999999999999999999999999",
    ] {
        for head in [
            format!("pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: {written} }} }}"),
            format!(
                "pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: 1 }}, per_job: {written} }}"
            ),
            format!(
                "pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: 1 }}, audio_factor: {written} }}"
            ),
            format!(
                "limits: {{ max_spend: {written} }}\npricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: 1 }} }}"
            ),
        ] {
            let loaded = read(&head, &[]);
            assert_eq!(codes(&loaded), ["bad-price"], "{head}");
            let found = loaded.diagnostics.iter().next().expect("one");
            let text = &head[found.span.bytes.clone()];
            assert_eq!(text, written, "{head}");
        }
    }
}

#[test]
fn a_number_that_was_probably_meant_is_offered() {
    for (written, number) in [
        ("0,12", Some("0.12")),
        ("$0.12", Some("0.12")),
        ("0.12 USD", Some("0.12")),
        ("€ 1,5", Some("1.5")),
        ("EUR 1.5", Some("1.5")),
        ("6 cents", None),
        (".5", Some("0.5")),
        ("5.", Some("5")),
        // A thousand, or one?
        ("1,000", None),
        ("1,000.50", None),
        ("-0.12", None),
        ("1e3", None),
        ("0.1234567", None),
        ("cheap", None),
        ("", None),
    ] {
        assert_eq!(meant(written).as_deref(), number, "{written}");
    }
}

#[test]
fn every_mistake_of_a_price_list_is_told_at_once() {
    let head = "limits: { max_spend: -1 }\npricing:\n  currency: dollars\n  per_second: { seedance2.0-720p: -1, seedance: 1 }\n  audio_factor: 0\n  per_jobs: 1";
    let expected = [
        "bad-price",
        "bad-currency",
        "bad-price",
        "unknown-model",
        "bad-price",
        "unknown-setting",
    ];
    assert_eq!(codes(&read(head, &[])), expected);
    let file = head
        .split_once("pricing:\n")
        .expect("there")
        .1
        .replace("\n  ", "\n");
    let loaded = read(
        "pricing: prices.yaml",
        &[("film/prices.yaml", file.trim_start())],
    );
    assert_eq!(codes(&loaded), expected[1..]);
    let places: Vec<String> = loaded
        .diagnostics
        .iter()
        .map(|found| loaded.sources.place(&found.span).to_string())
        .collect();
    let expected = ["1:11", "2:33", "2:37", "3:15", "4:1"];
    assert_eq!(
        places,
        expected.map(|place| format!("film/prices.yaml:{place}"))
    );
}

#[test]
fn prices_in_a_file_mean_what_they_mean_in_the_manifest() {
    let list =
        "currency: USD\nper_second: { seedance2.0-720p: 0.12 }\naudio_factor: 1.5\nper_job: 0.02\n";
    let inline = format!("pricing:\n  {}", list.trim_end().replace('\n', "\n  "));
    for name in ["prices.yaml", "lists/may.yml", "./prices.json"] {
        let path = format!("film/{name}");
        let loaded = read(&format!("pricing: {name}"), &[(&path, list)]);
        assert_eq!(codes(&loaded), [""; 0]);
        let same = read(&inline, &[]);
        let pricing = |loaded: &Loaded| loaded.plan.as_ref().expect("valid").pricing().cloned();
        assert_eq!(pricing(&loaded), pricing(&same));
        // 8 seconds × 0.12 × 1.5, for sound that may come, and 0.02.
        assert_eq!(price_of_first(&loaded).as_deref(), Some("1.46 USD"));
    }
}

#[test]
fn a_price_list_outside_the_folder_is_read_only_if_that_is_allowed() {
    let list = "currency: USD\nper_second: { seedance2.0-720p: 0.12 }\n";
    for name in ["../prices.yaml", "/prices.yaml", "a/../../prices.yaml"] {
        let path = Path::new("film").join(name).to_string_lossy().into_owned();
        let files = [(path.as_str(), list)];
        let head = format!("pricing: {name}");
        assert_eq!(codes(&read(&head, &files)), ["outside-folder"], "{name}");
        let loaded = read_with(&head, &files, Outside::Allowed);
        assert_eq!(codes(&loaded), [""; 0], "{name}");
        assert!(loaded.plan.expect("valid").pricing().is_some());
    }
    let files = [("film/prices.yaml", list)];
    let link = Outside::Refused {
        leaves: |_, _| true,
    };
    assert_eq!(
        codes(&read_with("pricing: prices.yaml", &files, link)),
        ["outside-folder"]
    );
}

#[test]
fn a_price_list_of_a_megabyte_is_refused() {
    let list = "currency: USD\nper_second: { seedance2.0-720p: 0.12 }\n";
    let filled = |bytes: usize| format!("{list}{}", "#".repeat(bytes - list.len()));
    let of = |bytes| {
        codes(&read(
            "pricing: prices.yaml",
            &[("film/prices.yaml", &filled(bytes))],
        ))
    };
    assert_eq!(of(FILE_LIMIT), [""; 0]);
    assert_eq!(of(FILE_LIMIT + 1), ["price-list-too-large"]);
}

#[test]
fn a_section_that_was_left_empty_states_no_prices() {
    let loaded = read("pricing:", &[]);
    assert_eq!(codes(&loaded), [""; 0]);
    assert_eq!(loaded.plan.expect("valid").pricing(), None);
    let head = "limits: { max_spend: 5 }\npricing:";
    assert_eq!(codes(&read(head, &[])), ["max-spend-without-prices"]);
}

#[test]
fn a_limit_of_money_needs_prices_wherever_they_stand() {
    let limit = "limits: { max_spend: \"12.5\" }";
    assert_eq!(codes(&read(limit, &[])), ["max-spend-without-prices"]);
    let prices = "pricing: { currency: USD, per_second: { seedance2.0-720p: 1 } }";
    for head in [format!("{limit}\n{prices}"), format!("{prices}\n{limit}")] {
        let loaded = read(&head, &[]);
        assert_eq!(codes(&loaded), [""; 0]);
        assert_eq!(loaded.settings.max_spend, "12.5".parse().ok());
    }
    // What follows a mistake in the YAML is not known.
    let torn = read(&format!("{limit}\nx-a: [\n{prices}"), &[]);
    assert!(!codes(&torn).contains(&"max-spend-without-prices"));
    // The prices are wrong, not missing.
    let wrong = read(
        &format!("{limit}\npricing: {{ currency: US, per_second: {{ seedance2.0-720p: 1 }} }}"),
        &[],
    );
    assert_eq!(codes(&wrong), ["bad-currency"]);
}

#[test]
fn jobs_without_a_price_are_counted_in_one_warning_that_names_the_first() {
    let manifest = "pricing: { currency: USD, per_second: { seedance2.0-720p: 1, seedance2.0-4k: 9 } }\n\
        allow: [no-duration]\n\
        jobs:\n\
        - { id: a, model: seedance2.0-720p, prompt: A kite., duration: 8 }\n\
        - { id: b, model: seedance2.0-720p, prompt: A red kite. }\n\
        - { id: c, model: seedance2.0-1080p, prompt: A kite., duration: 8 }\n";
    let read = |text: &str| load(Path::new("shots.yaml"), &|_| Ok(text.as_bytes().to_vec()));
    let loaded = read(manifest);
    insta::assert_snapshot!(loaded.render(crate::manifest::Colour::Off), @"
    warning[unpriced]: 2 of 3 jobs have no price: what they cost is unknown
     --> shots.yaml:1:1
      |
    1 | pricing: { currency: USD, per_second: { seedance2.0-720p: 1, seedance2.0-4k: 9 } }
      | ^^^^^^^
      |
     ::: shots.yaml:5:3
      |
    5 | - { id: b, model: seedance2.0-720p, prompt: A red kite. }
      |   - the first, `b`
      |
      = help: set the `duration` of `b`: the price hangs on the seconds, and a job without a price never counts as free

    1 warning in shots.yaml
    ");
    assert_eq!(loaded.diagnostics.count(Severity::Warning), 1);
    let allowed = read(&manifest.replace("no-duration", "no-duration, unpriced"));
    assert_eq!((codes(&allowed), allowed.allowed), (vec![], 2));
    // With an error elsewhere the count would not be right.
    let wrong = read(&manifest.replace("id: a", "id: b"));
    assert_eq!(codes(&wrong), ["duplicate-id"]);
}

#[test]
fn a_price_for_a_model_that_no_job_uses_is_no_finding() {
    let head =
        "pricing: { currency: USD, per_second: { seedance2.0-720p: 1, seedance2.0-480p: 1 } }";
    assert_eq!(codes(&read(head, &[])), [""; 0]);
}

#[test]
fn a_price_with_a_comma_is_answered_with_the_price_that_is_meant() {
    for (written, meant) in [("0,06", "`0.06`"), ("1,5", "`1.5`"), ("12,005", "`12.005`")] {
        let head =
            format!("pricing: {{ currency: EUR, per_second: {{ seedance2.0-720p: {written} }} }}");
        let loaded = read(&head, &[]);
        assert_eq!(codes(&loaded), ["bad-price"], "{written}");
        let help = &loaded.diagnostics.iter().next().expect("one").help;
        assert_eq!(*help, format!("write a point: {meant}"));
    }
}

#[test]
fn all_models_without_a_price_are_told_at_once_and_beside_other_mistakes() {
    let told = |currency: &str, duration: &str| {
        let manifest = format!(
            "limits: {{ max_spend: 20 }}\npricing: {{ currency: {currency}, per_second: {{ seedance2.0-720p: 0.12, seedance2.0-fast: 0.1 }} }}\njobs:\n  - {{ id: a, model: seedance2.0-1080p, duration: 8, prompt: A kite. }}\n  - {{ id: b, model: seedance2.0-mini-720p, prompt: A mug., duration: {duration} }}\n  - {{ id: c, model: seedance2.0-fast-720p, prompt: A jug., duration: 8 }}\n"
        );
        let fixed = manifest.replace("seedance2.0-fast:", "seedance2.0-fast-720p:");
        let manifest = if currency == "USD" { fixed } else { manifest };
        let options = LoadOptions {
            insists_on_prices: true,
            ..LoadOptions::default()
        };
        load_with(Path::new("m.yaml"), &options, &|_| {
            Ok(manifest.clone().into())
        })
        .render_compact()
    };
    for (currency, duration) in [("USD", "8"), ("USD", "8s"), ("$", "8s"), ("$", "8")] {
        let text = told(currency, duration);
        assert!(
            text.contains(
                "prices for `seedance2.0-1080p` and `seedance2.0-mini-720p` to `per_second:`"
            ),
            "{text}"
        );
        assert_eq!(
            text.matches("error[max-spend-unpriced]").count(),
            1,
            "{text}"
        );
        assert_eq!(
            text.contains("error[duration-format]"),
            duration == "8s",
            "{text}"
        );
    }
}
