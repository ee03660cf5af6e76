//! What jobs come out of matrices, variants, templates and tables, and what is told about those that cannot.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use super::*;
use crate::manifest::Loaded;
use crate::manifest::load::glances::load_alike;
use crate::plan::{Job, Plan};

/// Loads `manifest` as if `table` stood beside it.
fn load_both(manifest: &str, table: &str) -> Loaded {
    load_alike(Path::new("m.yaml"), &|path| match path.to_str() {
        Some("m.yaml") => Ok(manifest.into()),
        Some("t.csv") if !table.is_empty() => Ok(table.into()),
        _ => Err(io::ErrorKind::NotFound.into()),
    })
}

fn plan_of(manifest: &str, table: &str) -> Plan {
    let loaded = load_both(manifest, table);
    let told = loaded.render_compact();
    loaded.plan.unwrap_or_else(|| panic!("{told}\n{manifest}"))
}

const DEFAULTS: &str = "defaults: { model: seedance2.0-720p, duration: 8 }\n";

/// `id: prompt` of each job.
fn jobs(manifest: &str) -> Vec<String> {
    jobs_with(manifest, "")
}

fn jobs_with(manifest: &str, table: &str) -> Vec<String> {
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), table);
    let line = |job: &Job| format!("{}: {}", job.id(), job.request().prompt());
    plan.jobs().iter().map(line).collect()
}

/// `code line:column` of each finding.
fn told(manifest: &str) -> Vec<String> {
    told_with(manifest, "")
}

fn told_with(manifest: &str, table: &str) -> Vec<String> {
    let loaded = load_both(&format!("{DEFAULTS}{manifest}"), table);
    let line = |found: &Diagnostic| {
        let place = loaded.sources.place(&found.span);
        format!("{} {}:{}", found.code, place.line, place.column)
    };
    loaded.diagnostics.iter().map(line).collect()
}

fn messages(manifest: &str, table: &str) -> String {
    load_both(&format!("{DEFAULTS}{manifest}"), table).render_compact()
}

#[test]
fn a_matrix_makes_every_combination_and_its_axes_fill_in_text_and_fields() {
    let manifest = r#"
vars: { brand: Aurora, look: "soft light, slow camera" }
jobs:
  - id: hero
    prompt: "A {{ color }} {{ brand }} bottle, {{ look }}."
    matrix:
      color: [red, blue]
      aspect_ratio: ["9:16", "16:9"]
      exclude: [{ color: red, aspect_ratio: "9:16" }]
      include: [{ color: green, aspect_ratio: "1:1" }]
"#;
    assert_eq!(
        jobs(manifest),
        [
            "hero-red-16x9: A red Aurora bottle, soft light, slow camera.",
            "hero-blue-9x16: A blue Aurora bottle, soft light, slow camera.",
            "hero-blue-16x9: A blue Aurora bottle, soft light, slow camera.",
            "hero-green-1x1: A green Aurora bottle, soft light, slow camera.",
        ]
    );
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), "");
    let ratios: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| {
            job.request()
                .aspect_ratio()
                .map(crate::plan::AspectRatio::as_str)
        })
        .collect();
    assert_eq!(
        ratios,
        [Some("16:9"), Some("9:16"), Some("16:9"), Some("1:1")]
    );
    assert_eq!(told(manifest), Vec::<String>::new());
}

#[test]
fn variants_have_numbers_and_seeds_of_their_own() {
    let manifest = "jobs:\n  - { id: hero, prompt: take {{ variant }}, variants: 3 }\n  - { id: lamp, prompt: lamp, variants: 2, extra_body: { seed: 40 } }\n  - { prompt: nameless, variants: 2 }\n";
    let manifest = &manifest.replace("take {{ variant }}", "\"take {{ variant }}\"");
    let jobs = jobs(manifest);
    assert_eq!(
        jobs[..5],
        [
            "hero-v1: take 1",
            "hero-v2: take 2",
            "hero-v3: take 3",
            "lamp-v1: lamp",
            "lamp-v2: lamp"
        ]
    );
    assert!(
        jobs[5].starts_with("j-") && jobs[5].ends_with("-v1: nameless"),
        "{}",
        jobs[5]
    );
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), "");
    let seeds: Vec<i64> = plan
        .jobs()
        .iter()
        .filter_map(|job| job.request().extra().seed)
        .collect();
    assert_eq!(seeds[3..5], [40, 41]);
    let mut derived = [&seeds[..3], &seeds[5..]].concat();
    assert_eq!(derived.len(), 5);
    assert!(
        derived.iter().all(|seed| (0..1 << 31).contains(seed)),
        "{derived:?}"
    );
    derived.sort_unstable();
    derived.dedup();
    assert_eq!(derived.len(), 5, "{derived:?}");
}

#[test]
fn the_last_seed_that_fits_is_taken_and_the_next_is_refused() {
    let job = |seed: i64| {
        format!(
            "jobs:\n  - id: hero\n    prompt: x\n    variants: 3\n    extra_body: {{ seed: {seed} }}\n"
        )
    };
    let plan = plan_of(&format!("{DEFAULTS}{}", job(i64::MAX - 2)), "");
    assert_eq!(plan.jobs()[2].request().extra().seed, Some(i64::MAX));
    assert_eq!(told(&job(i64::MAX - 1)), ["seed-range 6:25"]);
    assert_eq!(told(&job(i64::MAX)), ["seed-range 6:25"]);
    let by_axis = format!(
        "jobs: [{{ id: a, prompt: x, variants: 2, matrix: {{ seed: [1, {}] }} }}]\n",
        i64::MAX
    );
    assert_eq!(told(&by_axis).len(), 1, "{:?}", told(&by_axis));
}

#[test]
fn rows_fill_in_the_template_of_their_table() {
    let table =
        "SKU,Product Name,surface,duration,x_owner\na1,lamp,oak,5,Ann\na2,\"chair, red\",,,Bob\n";
    let manifest = r#"
vars: { look: slow }
jobs:
  - { id: first, prompt: "{{ look }}" }
  - from: t.csv
    template: { id: "{{ sku }}-film", prompt: "{{ product_name }} on {{ surface | default('stone') }} / {{ row['Product Name'] }}, {{ look }}." }
"#;
    assert_eq!(
        jobs_with(manifest, table),
        [
            "first: slow",
            "a1-film: lamp on oak / lamp, slow.",
            "a2-film: chair, red on stone / chair, red, slow.",
        ]
    );
    assert_eq!(told_with(manifest, table), Vec::<String>::new());
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), table);
    let durations: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| job.request().duration())
        .collect();
    assert_eq!(durations, [Some(8), Some(5), Some(8)]);
    assert_eq!(plan.user_columns(), ["x_owner"]);
    assert_eq!(plan.jobs()[2].user_values().get(0), "Bob");
    assert_eq!(plan.jobs()[2].origin().words(), "row 3");
    let map = "jobs: { from: t.csv, template: { id: \"{{ sku }}\", prompt: \"{{ product_name }}{{ surface | default('') }}\" } }\n";
    assert_eq!(jobs_with(map, table), ["a1: lampoak", "a2: chair, red"]);
}

#[test]
fn a_template_wins_over_the_row_and_the_row_over_the_defaults() {
    let table = "id,prompt,duration,seed\na,cell,5,7\nb,,,\n";
    let manifest = "jobs:\n  - from: t.csv\n    template: { prompt: written, duration: 6, extra_body: { watermark: false } }\n";
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), table);
    let seen: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| {
            (
                job.id().as_str(),
                job.request().prompt(),
                job.request().duration(),
                job.request().extra().seed,
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("a", "written", Some(6), Some(7)),
            ("b", "written", Some(6), None)
        ]
    );
    let manifest = "jobs:\n  - from: t.csv\n    template: { matrix: { duration: [9, 10] }, variants: 2, x_note: \"{{ id }}\" }\n";
    let ids: Vec<_> = jobs_with(manifest, "id,prompt\na,cell\n");
    assert_eq!(
        ids,
        [
            "a-9-v1: cell",
            "a-9-v2: cell",
            "a-10-v1: cell",
            "a-10-v2: cell"
        ]
    );
}

#[test]
fn defaults_are_templates_where_jobs_are() {
    let manifest = "defaults: { model: seedance2.0-720p, duration: 8, prompt: \"A {{ color }} lamp\", x_color: \"{{ color }}\" }\njobs:\n  - { id: a, matrix: { color: [red, blue] } }\n  - { id: plain, prompt: x, x_color: none }\n";
    let plan = plan_of(manifest, "");
    let seen: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| (job.request().prompt(), job.user_values().get(0)))
        .collect();
    assert_eq!(
        seen,
        [
            ("A red lamp", "red"),
            ("A blue lamp", "blue"),
            ("x", "none")
        ]
    );
    let table = "id,prompt\na,row\nb,{{ brand }}\n";
    let manifest = "vars: { brand: Aurora }\ndefaults: { model: seedance2.0-720p, duration: 8, image: \"https://a.example/{{ brand }}/{{ id }}.png\" }\njobs: { from: t.csv }\n";
    let plan = plan_of(manifest, table);
    let images: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| job.request().media().image.as_deref().unwrap_or(""))
        .collect();
    assert_eq!(
        images,
        [
            "https://a.example/Aurora/a.png",
            "https://a.example/Aurora/b.png"
        ]
    );
    assert_eq!(
        plan.jobs()[1].request().prompt(),
        "{{ brand }}",
        "cells are no templates"
    );
}

#[test]
fn without_anything_to_fill_in_braces_are_sent_as_they_are_and_told() {
    let manifest = "jobs:\n  - { id: a, prompt: \"{{ color }} {% x %}\", image: \"https://a.example/{{n}}.png\" }\n  - { id: b, prompt: \"{# is fine #}\" }\n";
    assert_eq!(
        jobs(manifest),
        ["a: {{ color }} {% x %}", "b: {# is fine #}"]
    );
    assert_eq!(
        told(manifest),
        ["looks-like-template 3:22", "looks-like-template 3:52"]
    );
    let allowed = format!("allow: [looks-like-template]\n{manifest}");
    assert_eq!(told(&allowed), Vec::<String>::new());
    assert_eq!(load_both(&format!("{DEFAULTS}{allowed}"), "").allowed, 2);
    let defaults = "defaults: { model: seedance2.0-720p, duration: 8, prompt: \"{{ x }}\" }\njobs: [{ id: a }]\n";
    assert_eq!(
        plan_of(defaults, "").jobs()[0].request().prompt(),
        "{{ x }}"
    );
}

#[test]
fn variables_may_come_after_the_jobs() {
    let manifest = "jobs:\n  - { id: a, prompt: \"{{ brand }}\" }\nvars: { brand: Aurora }\n";
    assert_eq!(jobs(manifest), ["a: Aurora"]);
    let broken = "jobs:\n  - { id: a, prompt: \"{{ brand }}\" }\nvars: { brand: Aurora }\nx: [\n";
    assert_eq!(told(broken).len(), 1, "{:?}", told(broken));
    let broken = "jobs:\n  - { id: a, prompt: \"{{ brand }}\" }\nx: ]\nvars: { brand: Aurora }\n";
    assert_eq!(told(broken).len(), 1, "{:?}", told(broken));
}

#[test]
fn a_mistake_in_a_template_is_told_at_its_character_in_every_style_of_text() {
    for yaml in [
        "\"A {{ colr }} lamp\"",
        "'it''s a {{ colr }} lamp'",
        "\"\\tA \\\"{{ colr }}\\\"\"",
        "A {{ colr }} lamp",
        "|\n      A lamp,\n        {{ colr }}\n",
        ">-\n      A folded\n      {{ colr }}\n      lamp\n",
        "A plain text\n      of {{ colr }}\n",
    ] {
        let manifest =
            format!("jobs:\n  - id: a\n    prompt: {yaml}\n    matrix: {{ color: [red] }}\n");
        let (line, text) = (2..)
            .zip(manifest.lines())
            .find(|(_, line)| line.contains("colr"))
            .expect("it is there");
        let column = text.find("colr").unwrap_or(0) + 1;
        assert_eq!(
            told(&manifest),
            [format!("unknown-variable {line}:{column}")],
            "{manifest}"
        );
        let syntax = manifest.replace("colr }}", "colr |}}");
        assert_eq!(told(&syntax).len(), 1, "{syntax}: {:?}", told(&syntax));
        let place = format!("template-syntax {line}:");
        assert!(told(&syntax)[0].starts_with(&place), "{:?}", told(&syntax));
    }
    let alias = "x-look: &look \"A {{ colr }}\"\njobs:\n  - id: a\n    prompt: *look\n    matrix: { color: [red] }\n";
    assert_eq!(told(alias), ["unknown-variable 5:13"]);
}

#[test]
fn an_empty_cell_is_told_with_row_and_column_and_an_unknown_name_once() {
    let table = "sku,surface\na,oak\nb,\nc,\n";
    let manifest =
        "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: \"{{ surface }}\" }\n";
    assert_eq!(told_with(manifest, table), ["empty-cell 4:46"]);
    let text = messages(manifest, table);
    assert!(
        text.contains("`surface` has no value: its cell in row 3 is empty (and row 4)"),
        "{text}"
    );
    let manifest = manifest.replace("{{ surface }}", "{{ surfce }}");
    let text = messages(&manifest, table);
    assert_eq!(text.matches("unknown-variable").count(), 1, "{text}");
    assert!(
        text.contains("did you mean `surface`? the variables here are `sku` and `surface`"),
        "{text}"
    );
}

#[test]
fn a_text_that_is_filled_in_with_nothing_is_no_prompt_and_no_address() {
    let table = "sku,words,pic\na,x,https://a.example/1.png\nb,,\n";
    let manifest = "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: \" {{ words | default('') }}\", images: [\"{{ pic | default('') }}\"] }\n";
    assert_eq!(told_with(manifest, table), ["blank-prompt 4:42"]);
    let manifest = manifest
        .replace("default('')", "default(sku)")
        .replace("pic | default(sku)", "pic | default('')");
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), table);
    let images: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| job.request().media().images.len())
        .collect();
    assert_eq!(images, [1, 0]);
}

#[test]
fn ids_that_are_made_are_checked_like_others() {
    let bad = "jobs: [{ id: hero, prompt: x, matrix: { n: [\"{}\"] } }]\n";
    assert_eq!(told(&bad.replace("{}", &"x".repeat(96))), ["bad-id 2:14"]);
    assert!(jobs(&bad.replace("{}", "a / b"))[0].starts_with("hero-a-b:"));
    let template = "vars: { n: a b }\njobs: [{ id: \"{{ n }}\", prompt: x }]\n";
    assert!(jobs(template)[0].starts_with("a-b:"));
    let collide = "jobs:\n  - { id: hero, prompt: \"{{ n }}\", matrix: { n: [Red, red, RED] } }\n";
    assert_eq!(told(collide), ["id-not-unique 3:11"]);
    let text = messages(collide, "");
    assert!(
        text.contains("the id `hero-red` is made twice: for n=Red, and for n=red; capital and small letters count as equal (and 1 more job)"),
        "{text}"
    );
    let nameless = "jobs:\n  - { prompt: x, matrix: { aspect_ratio: [\"1:1\", \"9:16\"] } }\n";
    assert_eq!(told(nameless), ["id-needed 3:7"]);
}

#[test]
fn an_id_template_is_given_what_it_does_not_name() {
    let manifest = r#"
jobs:
  - id: "my {{ n }}: {{ variant }}"
    prompt: "{{ n }} {{ k }}"
    variants: 2
    matrix: { n: ["a b", "9:16"], k: [x, "y/z"] }
"#;
    let ids: Vec<String> = jobs(manifest)
        .iter()
        .filter_map(|job| Some(job.split_once(": ")?.0.to_owned()))
        .collect();
    assert_eq!(
        ids,
        [
            "my-a-b-1-x",
            "my-a-b-2-x",
            "my-a-b-1-y-z",
            "my-a-b-2-y-z",
            "my-9x16-1-x",
            "my-9x16-2-x",
            "my-9x16-1-y-z",
            "my-9x16-2-y-z",
        ]
    );
    let table = "sku,surface\nK 1,oak\nK 2,stone\n";
    let manifest = "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}-film\", prompt: \"{{ surface }}\", matrix: { aspect_ratio: [\"9:16\"] } }\n";
    assert_eq!(
        jobs_with(manifest, table),
        ["K-1-film-9x16: oak", "K-2-film-9x16: stone"]
    );
}

#[test]
fn rows_with_the_same_id_are_told_once_at_the_template() {
    let rows = |count| (0..count).fold("sku,surface\n".to_owned(), |rows, _| rows + "a,oak\n");
    let manifest =
        "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: \"{{ surface }}\" }\n";
    assert_eq!(told_with(manifest, &rows(90)), ["id-not-unique 4:21"]);
    let text = messages(manifest, &rows(90));
    assert!(text.contains("for row 2, and for row 3"), "{text}");
    assert!(text.contains("(and rows 4–91)"), "{text}");
    assert!(
        text.contains("the columns that `id` does not name are `surface`"),
        "{text}"
    );
    let fixed = manifest
        .replace("{{ sku }}", "clip")
        .replace("{{ surface }}", "{{ surface }} {{ sku }}");
    assert_eq!(told_with(&fixed, &rows(3)), ["id-not-unique 4:21"]);
}

#[test]
fn an_id_that_a_template_makes_twice_is_no_other_mistake_for_another_mistake() {
    let manifest = "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}-clip\", prompt: \"{{ name }} on a {{ nowhere }}.\" }\n";
    let table = "sku,name\nB-300,A backpack\nB-300,A backpack XL\n";
    let text = messages(manifest, table);
    assert!(
        text.contains("error[id-not-unique]: the id `B-300-clip` is made twice: for another row, and for row 3"),
        "{text}"
    );
    assert!(text.contains("name in `id` a column"), "{text}");
    assert!(!text.contains("duplicate-id"), "{text}");
}

#[test]
fn what_is_wrong_with_every_row_is_told_once_and_what_is_wrong_with_one_is_told_there() {
    let rows = "sku,pic,duration\na,x.png,8\nb,y.png,8\nc,z.png,99\n";
    let manifest =
        "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", image: \"{{ pic }}\" }\n";
    let manifest = format!("jobs:\n{}", &manifest[6..]);
    assert_eq!(
        told_with(&manifest, rows),
        [
            "missing-prompt 4:15",
            "local-path 4:41",
            "local-path 4:41",
            "local-path 4:41",
            "duration-range 4:9"
        ]
    );
    let text = messages(&manifest, rows);
    assert_eq!(text.matches("(and rows 3, 4)").count(), 1, "{text}");
}

#[test]
fn mistakes_of_one_kind_at_one_place_are_told_each_with_its_own_advice() {
    let manifest = "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: x, image: \"{{ pic }}\" }\n";
    let table = "sku,pic\na,example.com/a.png\nb,https://example.com/a.png|https://example.com/b.png\nc,example.com/a.png\nd,example.com/a.png\n";
    let text = messages(manifest, table);
    assert!(
        text.contains("`example.com/a.png` has no scheme (and rows 4, 5)"),
        "{text}"
    );
    assert_eq!(text.matches("error[bad-url]").count(), 2, "{text}");
    let mut many = "sku,pic\n".to_owned();
    for row in 0..20 {
        let _ = writeln!(many, "s{row},example.com/{row}.png");
    }
    let text = messages(manifest, &many);
    assert_eq!(text.matches("error[bad-url]").count(), 5, "{text}");
    assert!(
        text.contains(
            "`example.com/4.png` has no scheme (others of this kind are in 15 more rows)"
        ),
        "{text}"
    );
}

#[test]
fn a_row_without_a_value_is_blamed_where_the_table_has_its_column() {
    let manifest = "vars: {}\ndefaults: {}\njobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: kite }\n";
    let table = "sku,model,duration\na,seedance2.0-720p,8\nb,,\n";
    let loaded = load_both(manifest, table);
    let told = loaded.render_compact();
    assert!(told.contains("t.csv:3:1: error[missing-model]"), "{told}");
    assert!(told.contains("t.csv:3:1: warning[no-duration]"), "{told}");
    assert!(told.contains("fill in the `model` column"), "{told}");
    // Without the column no row could say it.
    let told = load_both(manifest, "sku\na\nb\n").render_compact();
    assert!(told.contains("m.yaml:5:15: error[missing-model]"), "{told}");
}

#[test]
fn an_empty_cell_of_a_row_is_no_variable_of_the_same_name() {
    let manifest = "vars: { x_look: hard }\ndefaults: { model: seedance2.0-720p, prompt: \"a {{ x_look }} kite\" }\njobs: { from: t.csv }\n";
    let told = load_both(manifest, "id,x_look,duration\na,soft,8\nb,,8\n").render_compact();
    assert!(
        told.contains("`x_look` has no value: its cell in row 3 is empty"),
        "{told}"
    );
    let plan = plan_of(manifest, "id,duration\na,8\n");
    assert_eq!(plan.jobs()[0].request().prompt(), "a hard kite");
}

#[test]
fn a_header_that_stands_once_more_is_no_job_of_a_template_either() {
    let manifest =
        "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: \"{{ look }}\" }\n";
    assert_eq!(
        told_with(manifest, "sku,look\na,soft\nSKU, Look\n"),
        ["repeated-header 3:1"]
    );
    for table in ["sku,look\nsku,soft\n", "sku,look,errors\na,look,x\n"] {
        assert_eq!(jobs_with(manifest, table).len(), 1, "{table}");
    }
    let one = "jobs:\n  - from: t.csv\n    template: { prompt: \"{{ look }}\" }\n";
    assert_eq!(
        told_with(one, "look\nsoft\nlook\n"),
        ["repeated-header 3:1"]
    );
    assert_eq!(jobs_with(one, "look\nsoft\nLook\n").len(), 2);
}

#[test]
fn a_word_of_sums_is_a_value_where_a_row_has_no_other() {
    let one = "jobs:\n  - from: t.csv\n    template: { prompt: \"{{ product }}\" }\n";
    assert_eq!(jobs_with(one, "product\nTotal\nSum\n").len(), 2);
    assert_eq!(jobs_with(one, "product,x_note\nTotal,\nSum,\n").len(), 2);
    assert_eq!(
        told_with(one, "product,duration\nkite,8\nTotal,\nTotal,8\n"),
        ["summary-row 3:1", "summary-row 4:1"]
    );
}

#[test]
fn an_unknown_name_hides_no_empty_cell_of_the_same_text() {
    let manifest = |prompt: &str| {
        format!(
            "jobs:\n  - from: t.csv\n    template: {{ id: \"{{{{ sku }}}}\", prompt: \"{prompt}\" }}\n"
        )
    };
    let table = "sku,name,surface,look\na,lamp,,\n";
    let told = told_with(
        &manifest("A {{ nam }} on {{ surface }}, {{ look }}."),
        table,
    );
    assert_eq!(
        told,
        [
            "unknown-variable 4:48",
            "empty-cell 4:61",
            "empty-cell 4:76"
        ]
    );
    // What has something that stands for it is not needed.
    let prompt = "A {{ nam }} on {{ surface | default('oak') }}.";
    assert_eq!(
        told_with(&manifest(prompt), table),
        ["unknown-variable 4:48"]
    );
    // It is asked for here, too.
    let prompt = "A {{ nam }}{% if look %} {{ look }}{% endif %}.";
    assert_eq!(
        told_with(&manifest(prompt), table),
        ["unknown-variable 4:48", "empty-cell 4:60"]
    );
}

#[test]
fn a_mistyped_name_or_filter_hides_no_other_mistake_of_its_row() {
    let manifest = "vars: { brand: Aurora }\njobs:\n  - from: t.csv\n    template:\n      id: \"{{ sku }}\"\n      prompt: \"{{ brnad }} {{ name }}, {{ look | lowercase }}, {{ nope ~ look }} {{ surface | uper }}\"\n      image: \"{{ hero }}\"\n";
    let table = "sku,name,look,surface,hero image\na,lamp,,oak,example.com/a.png\nA,,red,oak,https://example.com/a.png\n";
    let text = messages(manifest, table);
    for told in [
        "there is no variable `brnad` (and row 3)",
        "did you mean `brand`?",
        "there is no filter `lowercase`",
        "there is no filter `uper`",
        "did you mean `upper`?",
        "there is no variable `nope`",
        "`look` has no value: its cell in row 2 is empty",
        "`name` has no value: its cell in row 3 is empty",
        "there is no variable `hero`",
        "did you mean `hero_image`?",
        "`example.com/a.png` has no scheme",
        "the id `A` is made twice",
    ] {
        assert!(text.contains(told), "{told}\n{text}");
    }
    assert_eq!(text.matches("error[").count(), 9, "{text}");
    // What nobody knows is not taken for a value.
    let unsure = "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: x, image: \"{{ pic }}\", last_image: \"{{ hero_image | encoded }}\" }\n";
    let table = "sku,pic_a,pic_b,hero image\na,b,c,d\n";
    assert_eq!(
        told_with(unsure, table),
        ["unknown-variable 4:56", "template-failed 4:94"]
    );
}

#[test]
fn thousands_of_rows_without_a_value_are_all_told() {
    let mut table = "sku,name\n".to_owned();
    for row in 0..3000 {
        let _ = writeln!(table, "s{row},");
    }
    let manifest =
        "jobs:\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: \"A {{ name }}.\" }\n";
    let text = messages(manifest, &table);
    assert!(text.contains("(and rows 3–102 and 2899 more)"), "{text}");
    assert!(!text.contains("template-limit"), "{text}");
}

#[test]
fn every_unknown_name_is_told_at_its_first_place() {
    let manifest = "vars: { brand: x }\njobs:\n  - id: a\n    prompt: nope1 {{ nope1 }} {{ brand }} {{ nope2 | upper }} {{ nope1 }}\n";
    assert_eq!(
        told(manifest),
        ["unknown-variable 5:22", "unknown-variable 5:46"]
    );
}

#[test]
fn twins_of_a_matrix_are_named_and_counted() {
    let manifest = "jobs:\n  - { id: shoe, prompt: x, matrix: { look: [a, b, c], duration: [5, 6] } }\nallow: [idle-axis]\n";
    let manifest = manifest
        .replace("x,", "\"{% if look == 'q' %}{% endif %}x\",")
        .replace("\nallow: [idle-axis]", "");
    let text = messages(&manifest, "");
    assert!(
        text.contains("`shoe-b-5` sends exactly the same as `shoe-a-5`, and both are paid for (and 3 more jobs)"),
        "{text}"
    );
}

#[test]
fn names_in_other_braces_are_told_with_the_right_form() {
    let manifest = "vars: { brand: x, look: y }\njobs:\n  - { id: z, prompt: \"{ brand } <look> {other}\" }\n  - from: t.csv\n    template: { id: \"{{ sku }}\", prompt: \"${sku} {{ brand }}} {{ sku }}\" }\n";
    let told = told_with(manifest, "sku\na\nb\n");
    assert_eq!(
        told,
        [
            "looks-like-template 4:23",
            "looks-like-template 4:33",
            "looks-like-template 6:43",
            "looks-like-template 6:50"
        ]
    );
    let text = messages(manifest, "sku\na\n");
    assert!(text.contains("write `{{ look }}`"), "{text}");
}

#[test]
fn too_many_jobs_are_refused_before_any_is_made() {
    let job = |number| format!("  - {{ id: a{number}, prompt: x, variants: 100000 }}\n");
    let manifest = format!("jobs:\n{}", (0..11).map(job).collect::<String>());
    assert_eq!(told(&manifest), ["too-many-jobs 13:5"]);
    let text = messages(&manifest, "");
    assert!(
        text.contains("make 1100000 jobs; at most 1000000"),
        "{text}"
    );
}

/// What people write who have never seen a template.
const MISTAKES: [&str; 48] = [
    "{{ brand",
    "{{ brand }",
    "{{ brand )) and {{ look }}",
    "An {{ brand bottle of {{ look }}.",
    "{{ brand %}",
    "{% if brand }}x{% endif %}",
    "{{ }}",
    "{{{ brand }}}",
    "{{ {{ brand }} }}",
    "{{ brand-name }}",
    "{{ my-brand }}",
    "{{ brand name }}",
    "{{ Brand }}",
    "{{ 2nd }}",
    "{{ $brand }}",
    "{{ @brand }}",
    "{{ “brand” }}",
    "{{ 'brand }}",
    "{{ brand | }}",
    "{{ | upper }}",
    "{{ brand | uper }}",
    "{{ brand | upper() | shout }}",
    "{{ brand || 'x' }}",
    "{{ brand && look }}",
    "{{ brand ?? 'x' }}",
    "{{ brand ? 'a' : 'b' }}",
    "{{ surface | default: 'stone' }}",
    "{{ surface | default 'stone' }}",
    "{{ surface | default }}",
    "{{ brand | replace('a') }}",
    "{{ brand, look }}",
    "{{ brand. }}",
    "{{ brand.name }}",
    "{{ brand + 1 }}",
    "{{ brand * look }}",
    "{{ brand - look }}",
    "{{ brand() }}",
    "{{ upper(brand) }}",
    "{{ colors }}",
    "{{ colors | join(', ' }}",
    "{{ if brand }}",
    "{% brand %}",
    "{% if %}x{% endif %}",
    "{% if brand = 'x' %}x{% endif %}",
    "{% if brand %}x",
    "{% endif %}",
    "{% for c of colors %}{% endfor %}",
    "{% set a = 1 %}",
];

#[test]
fn usual_mistakes_between_braces_are_told_in_plain_words() {
    let mut told = String::new();
    for mistake in MISTAKES {
        let manifest = format!(
            "vars: {{ brand: Aurora, look: calm, colors: [red, blue] }}\nallow: [unused-var, looks-like-template]\ndefaults: {{ model: seedance2.0-720p, duration: 8 }}\njobs:\n- id: a\n  prompt: >-\n    {mistake}\n"
        );
        let loaded = load_both(&manifest, "");
        let _ = writeln!(told, "{mistake}");
        for found in &loaded.diagnostics {
            let part = &manifest[found.span.bytes.clone()];
            let _ = writeln!(
                told,
                "  {} at {part}: {}\n    {}",
                found.code, found.message, found.help
            );
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn too_much_is_refused_before_it_is_made() {
    let values = format!(
        "[{}]",
        (0..1000)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    );
    let matrix = |axes: usize| {
        let axes: Vec<String> = (0..axes).map(|n| format!("a{n}: {values}")).collect();
        format!(
            "jobs: [{{ id: a, prompt: x, matrix: {{ {} }} }}]\n",
            axes.join(", ")
        )
    };
    for axes in [2, 3, 20] {
        assert_eq!(told(&matrix(axes)), ["too-many-jobs 2:28"], "{axes}");
    }
    assert!(messages(&matrix(3), "").contains("makes 1000000000 jobs"));
    assert!(messages(&matrix(20), "").contains("more jobs than can be counted"));
    assert_eq!(
        told("jobs: [{ id: a, prompt: x, variants: 100001 }]\n"),
        ["too-many-jobs 2:28"]
    );
    assert_eq!(
        told("jobs: [{ id: a, prompt: x, variants: 9223372036854775807 }]\n"),
        ["too-many-jobs 2:28"]
    );
}

#[test]
fn text_that_jobs_repeat_is_counted_before_they_are_made() {
    let long = "wave ".repeat(1000);
    let rows = |count: usize, cell: &str| {
        (0..count).fold("id,name\n".to_owned(), |mut table, row| {
            let _ = writeln!(table, "r{row},{cell}");
            table
        })
    };
    let codes = |manifest: &str, table: &str| {
        let mut codes = told_with(manifest, table);
        codes.retain(|it| it.starts_with("too-much-text"));
        codes
    };
    let matrix: Vec<String> = (0..50_000).map(|it| it.to_string()).collect();
    let matrix = matrix.join(",");
    for manifest in [
        format!("jobs: [{{ id: a, prompt: {long}, variants: 60000 }}]\n"),
        format!("jobs: [{{ id: a, prompt: p, x_a: {long}, variants: 60000 }}]\n"),
        format!(
            "jobs: [{{ id: a, prompt: p, images: ['https://e.com/{}'], variants: 60000 }}]\n",
            "a".repeat(5000)
        ),
        format!(
            "jobs: [{{ id: a, prompt: {long}, matrix: {{ seed: [{matrix}] }}, variants: 2 }}]\n"
        ),
        format!(
            "jobs: [{{ id: a, prompt: p, matrix: {{ x_a: [{long}], seed: [{matrix}] }}, variants: 2 }}]\n"
        ),
    ] {
        assert_eq!(codes(&manifest, "").len(), 1, "{}", &manifest[..60]);
    }
    let template = |text: &str| {
        format!(
            "jobs: [{{ from: t.csv, template: {{ id: '{{{{ id }}}}', prompt: '{{{{ name }}}}', x_a: {text} }} }}]\n"
        )
    };
    let longest = "wave ".repeat(40_000);
    assert_eq!(codes(&template(&longest), &rows(1500, "n")).len(), 1);
    assert_eq!(codes(&template(&longest), &rows(500, "n")), [""; 0]);
    // A cell of a row that makes many jobs.
    let variants =
        "jobs: [{ from: t.csv, template: { id: '{{ id }}', prompt: p, variants: 60000 } }]\n";
    let table = format!("id,x_a\nr1,{long}\n");
    assert_eq!(codes(variants, &table).len(), 1);
}

#[test]
fn defaults_that_jobs_do_not_set_are_repeated_in_them() {
    let longest = "wave ".repeat(40_000);
    let told = |field: &str, own: &str| {
        let jobs = (0..1500).fold(String::new(), |mut jobs, number| {
            let _ = writeln!(jobs, "- {{ id: a{number}, prompt: p{number}{own} }}");
            jobs
        });
        let manifest = format!(
            "defaults: {{ model: seedance2.0-720p, duration: 8, {field}: {longest} }}\njobs:\n{jobs}"
        );
        let loaded = load_both(&manifest, "");
        let codes = loaded.diagnostics.iter().map(|it| it.code);
        codes.filter(|code| *code == "too-much-text").count()
    };
    assert_eq!(told("x_a", ""), 1);
    assert_eq!(told("x_a", ", x_a: short"), 0);
    assert_eq!(told("prompt", ""), 0);
}

#[test]
fn a_manifest_of_too_many_jobs_is_refused_with_their_number() {
    let source = crate::manifest::tree::SourceId(0);
    let span = |at: usize| Span {
        source,
        bytes: at..at + 1,
    };
    let pair = |at, name: &str, value| {
        let key = Key {
            name: name.to_owned(),
            span: span(at),
        };
        let span = span(at + 1);
        (key, Node { value, span })
    };
    let language = Language::new();
    let mut diagnostics = Diagnostics::default();
    let setting = Setting::new("", &language, None, None, &mut diagnostics);
    let mut validator = Validator::new(None, &mut diagnostics);
    let mut unfolder = Unfolder::new(&setting, &mut validator, &mut diagnostics);
    unfolder.made = MADE_LIMIT - 5;
    for at in [10, 20, 30] {
        let fields = vec![
            pair(at, "model", Value::Text("seedance2.0-720p".into())),
            pair(at + 2, "prompt", Value::Text(format!("{at}"))),
            pair(at + 4, "duration", Value::Integer(8)),
            pair(at + 6, "variants", Value::Integer(4)),
        ];
        let node = Node {
            value: Value::Map(fields),
            span: span(at),
        };
        let site = Site {
            element: 0,
            start: at,
            at: span(at),
            row: None,
        };
        unfolder.element(&node, &site, &mut validator, &mut diagnostics);
    }
    unfolder.finish(&mut diagnostics);
    let found: Vec<_> = diagnostics
        .iter()
        .map(|it| (it.code, it.span.bytes.start, it.message.as_str()))
        .collect();
    assert_eq!(
        found,
        [(
            "too-many-jobs",
            20,
            "the matrices, variants and templates of this manifest make 1000007 jobs; at most 1000000 are made"
        )]
    );
    let (jobs, _) = validator.finish(&span(0), &mut diagnostics);
    assert_eq!(jobs.len(), 4, "none was made once there were too many");
}

#[test]
fn loops_without_end_and_bombs_are_told_at_their_template() {
    for template in [
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**9 }}",
        "{{ range(10**9) | join }}",
    ] {
        let manifest =
            format!("jobs:\n  - id: a\n    matrix: {{ n: [1] }}\n    prompt: \"{template}\"\n");
        let found = told(&manifest);
        assert_eq!(found.len(), 1, "{template}: {found:?}");
        assert!(found[0].starts_with("template-"), "{template}: {found:?}");
    }
}

#[test]
fn values_are_no_templates_and_are_told_when_they_look_like_it() {
    let manifest = "vars: { a: \"{{ b }}\", b: x }\njobs:\n  - { id: a, prompt: \"{{ a }}{{ b }}{{ n }}\", matrix: { n: [\"{% y %}\"] } }\n";
    assert_eq!(jobs(manifest), ["a-y: {{ b }}x{% y %}"]);
    assert_eq!(
        told(manifest),
        ["looks-like-template 2:12", "looks-like-template 4:61"]
    );
}

#[test]
fn numbers_come_out_as_they_are_written() {
    let manifest = "vars: { a: 8, b: 8.0, c: \"8\", d: 8.50, e: 1e3, f: +8, g: 0x1F, h: true, i: [1, 2.50, x] }\njobs:\n  - { id: a, prompt: \"{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }} {{ g }} {{ h }} {{ i | join(',') }} {{ a + 1 }}\" }\n";
    assert_eq!(
        jobs(manifest),
        ["a: 8 8.0 8 8.50 1e3 +8 0x1F true 1,2.50,x 9"]
    );
}

#[test]
fn lints_tell_what_is_never_used_and_what_is_hidden() {
    let manifest = "vars: { brand: A, color: B, unused: C }\njobs:\n  - { id: a, prompt: \"{{ brand }} {{ color }}\", matrix: { color: [red] } }\n";
    assert_eq!(told(manifest), ["unused-var 2:29", "shadowed-var 4:59"]);
    let table = "sku,Color,left\na,red,x\n";
    let manifest = "vars: { color: B }\njobs:\n  - { from: t.csv, template: { id: \"{{ sku }}\", prompt: \"{{ color }}\" } }\n";
    let text = messages(manifest, table);
    assert!(text.contains("t.csv:1:5: warning[shadowed-var]"), "{text}");
    assert!(
        text.contains("t.csv:1:11: warning[unused-column]"),
        "{text}"
    );
    let manifest = "jobs: [{ id: a, prompt: x, extra_body: { seed: 1 } }, { id: b, prompt: x, duration: 5, extra_body: { seed: 1 } }]\n";
    assert_eq!(told(manifest), ["same-prompt-and-seed 2:61"]);
    let sizes = "jobs: [{ id: a, prompt: x, extra_body: { seed: 1 }, matrix: { aspect_ratio: [\"1:1\", \"9:16\"] } }]\n";
    assert_eq!(
        told(sizes),
        Vec::<String>::new(),
        "sizes of one video are meant"
    );
}

#[test]
fn mistakes_in_a_matrix_are_told_at_their_place() {
    for (matrix, found) in [
        ("[red]", "wrong-type 2:39"),
        ("{}", "empty-matrix 2:31"),
        ("{ n: [] }", "empty-matrix 2:44"),
        ("{ n: red }", "wrong-type 2:44"),
        ("{ n: [a, a] }", "duplicate-value 2:48"),
        ("{ n: [8, \"8\"] }", "duplicate-value 2:48"),
        ("{ n: [null] }", "bad-value 2:45"),
        ("{ n: [[a]] }", "bad-value 2:45"),
        ("{ a b: [x] }", "bad-name 2:41"),
        ("{ row: [x] }", "bad-name 2:41"),
        ("{ variant: [x] }", "bad-name 2:41"),
        ("{ n: [a], exclude: [{ m: a }] }", "unknown-axis 2:61"),
        (
            "{ n: [a, b], exclude: [{ n: a }, { n: b }] }",
            "empty-matrix 2:31",
        ),
        ("{ n: [a], exclude: [{}] }", "empty-matrix 2:59"),
        ("{ n: [a], exclude: [{ n: c }] }", "unknown-value 2:64"),
        (
            "{ n: [a], m: [b], include: [{ n: c }] }",
            "include-incomplete 2:67",
        ),
        (
            "{ n: [a], include: [{ n: a }] }",
            "include-adds-nothing 2:59",
        ),
        ("{ n: [a], include: { n: a } }", "wrong-type 2:58"),
        ("{ extra_body: [a] }", "bad-name 2:41"),
    ] {
        let manifest = format!(
            "jobs: [{{ id: a, prompt: x, {}matrix: {matrix} }}]\n",
            " ".repeat(3)
        );
        assert_eq!(
            told(&manifest).first().map(String::as_str),
            Some(found),
            "{matrix}: {:?}",
            told(&manifest)
        );
    }
    for variants in ["0", "-1", "1.0", "\"2\"", "true", "[1]", "null"] {
        let manifest = format!("jobs: [{{ id: a, prompt: x, variants: {variants} }}]\n");
        assert_eq!(told(&manifest), ["bad-variants 2:38"], "{variants}");
    }
}

#[test]
fn mistakes_in_variables_are_told_at_their_place() {
    for (vars, found) in [
        ("[a]", "wrong-type 2:7"),
        ("{ a: null }", "bad-variable 2:12"),
        ("{ a: { b: c } }", "bad-variable 2:12"),
        ("{ a: [[b]] }", "bad-variable 2:13"),
        ("{ a-b: c }", "bad-name 2:9"),
        ("{ true: c }", "bad-name 2:9"),
        ("{ row: c }", "bad-name 2:9"),
    ] {
        let manifest = format!("vars: {vars}\njobs: [{{ id: a, prompt: x }}]\n");
        assert_eq!(told(&manifest), [found], "{vars}");
    }
    let unicode = "vars: { 产品: lamp }\njobs: [{ id: a, prompt: \"{{ 产品 }}\" }]\n";
    assert_eq!(jobs(unicode), ["a: lamp"]);
    let field = "vars: { duration: 5, prompt: lamp }\njobs: [{ id: a, prompt: \"{{ prompt }} {{ duration }}\" }]\n";
    assert_eq!(
        jobs(field),
        ["a: lamp 5"],
        "a variable named like a field sets nothing"
    );
}

#[test]
fn what_is_no_text_is_not_filled_in() {
    let manifest = "vars: { s: 5 }\njobs: [{ id: a, prompt: \"{{ s }}\", duration: \"{{ s }}\" }, { id: b, prompt: x, extra_body: { seed: \"{{ s }}\" } }]\n";
    assert_eq!(told(manifest), ["not-filled-in 3:46", "not-filled-in 3:99"]);
}

#[test]
fn braces_in_what_cannot_be_a_template_do_not_hide_a_mistake_in_the_defaults() {
    let manifest = "jobs: [{ id: a, model: seedance2.0-720p, duration: 5, prompt: x }]\n";
    for defaults in [
        "{ prompt: [\"{{ a }}\"] }",
        "{ image: { url: \"{{ a }}\" } }",
        "{ x_own: [\"{{ a }}\"] }",
    ] {
        let loaded = load_both(&format!("defaults: {defaults}\n{manifest}"), "");
        let told: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
        assert!(told.contains(&"wrong-type"), "{defaults}: {told:?}");
    }
}

#[test]
fn axes_set_fields_unless_the_job_does() {
    let manifest = "jobs:\n  - { id: a, prompt: x, duration: 6, matrix: { duration: [9], seed: [1, 2], generate_audio: [true], images: [\"https://a.example/1.png\"], x_note: [n] } }\n";
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), "");
    let request = plan.jobs()[1].request();
    assert_eq!(request.duration(), Some(6));
    assert_eq!(request.extra().seed, Some(2));
    assert_eq!(request.extra().generate_audio, Some(true));
    assert_eq!(request.media().images.len(), 1);
    assert_eq!(plan.jobs()[1].user_values().get(0), "n");
    let ids = "jobs: [{ prompt: x, matrix: { id: [a, b], n: [1] } }]\n";
    assert_eq!(jobs(ids), ["a-1: x", "b-1: x"]);
}

#[test]
fn a_wrong_value_of_an_axis_or_a_fixed_field_is_told_once() {
    let manifest = "jobs:\n  - { id: a, model: sedance, prompt: x, variants: 3, matrix: { duration: [4, 5], seed: [1, 2] } }\n";
    let mut found = told(manifest);
    found.sort();
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn tables_outside_the_folder_are_refused() {
    for name in [
        "../t.csv",
        "/etc/t.csv",
        "a/../../t.csv",
        "C:/t.csv",
        "C:\\\\t.csv",
    ] {
        let manifest = format!("jobs: [{{ from: \"{name}\" }}]\n");
        assert_eq!(told(&manifest), ["outside-folder 2:16"], "{name}");
    }
    for name in ["./t.csv", "a/../t.csv", "..t.csv"] {
        assert!(
            !told(&format!("jobs: [{{ from: \"{name}\" }}]\n"))[0].starts_with("outside"),
            "{name}"
        );
    }
}

#[test]
fn a_manifest_may_name_a_thousand_tables_and_no_more() {
    let manifest = |count: usize| format!("jobs:\n{}", "  - from: t.csv\n".repeat(count));
    let table = "id,prompt\na,x\n";
    let codes = |count| {
        let loaded = load_both(&format!("{DEFAULTS}{}", manifest(count)), table);
        loaded
            .diagnostics
            .iter()
            .filter(|it| it.code == "too-many-tables")
            .count()
    };
    assert_eq!(codes(1000), 0);
    assert_eq!(codes(1002), 2);
}

#[test]
fn anchors_and_merges_work_with_templates() {
    let manifest = "vars: { brand: Aurora }\nx-base: &base { prompt: \"{{ brand }} {{ n }}\", matrix: { n: [1, 2] } }\njobs:\n  - { <<: *base, id: a }\n  - { <<: *base, id: b, matrix: { n: [3] } }\n";
    assert_eq!(
        jobs(manifest),
        ["a-1: Aurora 1", "a-2: Aurora 2", "b-3: Aurora 3"]
    );
}

#[test]
fn bombs_of_aliases_in_variables_are_refused() {
    let mut manifest = "vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let _ = writeln!(
            manifest,
            "  a{level}: &a{level} [{}]",
            vec![format!("*a{}", level - 1); 10].join(", ")
        );
    }
    manifest.push_str("jobs: [{ id: a, prompt: x }]\n");
    assert!(
        told(&manifest)
            .iter()
            .any(|found| found.starts_with("alias-limit")),
        "{:?}",
        told(&manifest)
    );
}

#[test]
fn the_origin_of_every_job_is_known() {
    let manifest = "jobs:\n  - { id: a, prompt: x }\n  - id: b\n    prompt: \"{{ n }}\"\n    variants: 2\n    matrix: { n: [\"9:16\", q] }\n";
    let plan = plan_of(&format!("{DEFAULTS}{manifest}"), "");
    let words: Vec<_> = plan
        .jobs()
        .iter()
        .map(|job| (job.origin().element, job.origin().words()))
        .collect();
    let expected = [
        (0, ""),
        (1, "n=9:16, variant 1"),
        (1, "n=9:16, variant 2"),
        (1, "n=q, variant 1"),
        (1, "n=q, variant 2"),
    ];
    assert_eq!(
        words,
        expected.map(|(element, words)| (element, words.to_owned()))
    );
}

mod models {
    //! Random manifests against a second, simpler way to make their jobs.

    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::manifest::expand::to_yaml;

    const VALUES: [&str; 8] = ["red", "deep blue", "9:16", "x_1", "8", "8.50", "a/b", "夜"];

    /// One job as a person would write it.
    #[derive(Debug, Clone)]
    struct Written {
        axes: Vec<Vec<&'static str>>,
        /// By axis, which value; an axis may be left open.
        excluded: Vec<Vec<Option<usize>>>,
        variants: Option<u32>,
        seed: Option<i64>,
    }

    fn written() -> impl Strategy<Value = Written> {
        let values = subsequence(VALUES.to_vec(), 1..4).prop_shuffle();
        let rule = prop::collection::vec(prop::option::of(0..4_usize), 3);
        (
            prop::collection::vec(values, 1..4),
            prop::collection::vec(rule, 0..3),
            prop::option::of(1..4_u32),
            prop::option::of(-5..5_i64),
        )
            .prop_map(|(axes, excluded, variants, seed)| Written {
                excluded: excluded
                    .into_iter()
                    .map(|rule| {
                        let pairs = rule.into_iter().zip(&axes);
                        pairs
                            .map(|(value, values)| value.map(|value| value % values.len()))
                            .collect::<Vec<_>>()
                    })
                    .filter(|rule| rule.iter().any(Option::is_some))
                    .collect(),
                axes,
                variants,
                seed,
            })
    }

    impl Written {
        /// The value that a rule names.
        fn named(&self, axis: usize, value: usize) -> &'static str {
            self.axes[axis][value]
        }

        fn yaml(&self) -> String {
            let quoted = |value: &str| format!("'{value}'");
            let mut text = "  - id: base\n    prompt: '{{ a0 }}|{{ brand }}|{% if a1 is defined %}{{ a1 }}{% endif %}{% if a2 is defined %}{{ a2 }}{% endif %}'\n".to_owned();
            text += "    matrix:\n";
            for (axis, values) in self.axes.iter().enumerate() {
                let values: Vec<String> = values.iter().map(|it| quoted(it)).collect();
                let _ = writeln!(text, "      a{axis}: [{}]", values.join(", "));
            }
            let rules = self.excluded.iter().map(|rule| {
                let pairs = rule.iter().enumerate().filter_map(|(axis, value)| {
                    Some(format!("a{axis}: {}", quoted(self.named(axis, (*value)?))))
                });
                format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
            });
            let _ = writeln!(
                text,
                "      exclude: [{}]",
                rules.collect::<Vec<_>>().join(", ")
            );
            if let Some(variants) = self.variants {
                let _ = writeln!(text, "    variants: {variants}");
            }
            if let Some(seed) = self.seed {
                let _ = writeln!(text, "    extra_body: {{ seed: {seed} }}");
            }
            text
        }

        /// Id, prompt and written seed of each job, made by plain recursion.
        fn jobs(&self) -> Vec<(String, String, Option<i64>)> {
            let mut combinations: Vec<Vec<&str>> = vec![Vec::new()];
            for values in &self.axes {
                combinations = combinations
                    .into_iter()
                    .flat_map(|done| {
                        values
                            .iter()
                            .map(move |value| [&done[..], &[*value]].concat())
                    })
                    .collect();
            }
            combinations.retain(|values| {
                !self.excluded.iter().any(|rule| {
                    rule.iter().enumerate().all(|(axis, value)| {
                        value.is_none_or(|value| self.named(axis, value) == values[axis])
                    })
                })
            });
            let mut jobs = Vec::new();
            for values in combinations {
                let slugs: Vec<String> = values
                    .iter()
                    .map(|value| value.replace([' ', '/'], "-").replace(':', "x"))
                    .collect();
                let id = format!("base-{}", slugs.join("-"));
                let prompt = format!("{}|Aurora|{}", values[0], values[1..].concat());
                match self.variants {
                    None => jobs.push((id, prompt, self.seed)),
                    Some(variants) => jobs.extend((1..=variants).map(|number| {
                        let seed = self.seed.map(|seed| seed + i64::from(number) - 1);
                        (format!("{id}-v{number}"), prompt.clone(), seed)
                    })),
                }
            }
            jobs
        }
    }

    fn manifest(written: &Written) -> String {
        format!(
            "vars: {{ brand: Aurora }}\n{DEFAULTS}jobs:\n{}",
            written.yaml()
        )
    }

    /// Id and content of each job.
    fn made(plan: &Plan) -> Vec<(String, crate::plan::Fingerprint)> {
        let pair = |job: &Job| (job.id().to_string(), job.request().fingerprint());
        plan.jobs().iter().map(pair).collect()
    }

    fn expanded(loaded: &Loaded) -> String {
        let plan = loaded.plan.as_ref().expect("no error");
        let mut out = Vec::new();
        to_yaml(plan, &loaded.sources, &mut out).expect("memory can be written");
        String::from_utf8(out).expect("YAML is UTF-8")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_matrix_makes_what_plain_loops_make(written in written()) {
            let expected = written.jobs();
            let loaded = load_both(&manifest(&written), "");
            if expected.is_empty() {
                let codes: Vec<_> = loaded.diagnostics.iter().map(|it| it.code).collect();
                prop_assert!(codes.contains(&"empty-matrix"), "{codes:?}");
                return Ok(());
            }
            let told = loaded.render_compact();
            prop_assert!(loaded.plan.is_some(), "{told}\n{}", manifest(&written));
            let plan = loaded.plan.as_ref().expect("asserted");
            let seen: Vec<_> = plan
                .jobs()
                .iter()
                .map(|job| {
                    let seed = job.request().extra().seed;
                    let derived = written.variants.is_some() && written.seed.is_none();
                    (job.id().to_string(), job.request().prompt().to_owned(), seed.filter(|_| !derived))
                })
                .collect();
            prop_assert_eq!(seen, expected);
            let again = plan_of(&expanded(&loaded), "");
            prop_assert_eq!(made(&again), made(plan));
        }

        #[test]
        fn another_value_or_another_order_re_makes_nothing(written in written(), axis in 0..3_usize) {
            prop_assume!(!written.jobs().is_empty());
            let before = made(&plan_of(&manifest(&written), ""));
            let axis = axis % written.axes.len();
            let mut more = written.clone();
            more.axes[axis].insert(0, "new");
            for rule in &mut more.excluded {
                // The rules name the same values as before.
                rule[axis] = rule[axis].map(|value| value + 1);
            }
            let after = made(&plan_of(&manifest(&more), ""));
            for job in &before {
                prop_assert!(after.contains(job), "{job:?}");
            }
            let mut turned = written.clone();
            turned.excluded.clear();
            let before = made(&plan_of(&manifest(&turned), ""));
            turned.axes[axis].reverse();
            let mut after = made(&plan_of(&manifest(&turned), ""));
            let mut before = before;
            before.sort_by(|left, right| left.0.cmp(&right.0));
            after.sort_by(|left, right| left.0.cmp(&right.0));
            prop_assert_eq!(before, after);
        }

        #[test]
        fn rows_of_a_template_mean_the_same_in_every_order(
            rows in prop::collection::btree_map("[a-z]{1,6}", "[A-Za-z {}%#\",']{1,12}x", 1..8),
            variants in 1..3_u32,
        ) {
            let table = |rows: &[(&String, &String)]| {
                let line = |(sku, product): &(&String, &String)| format!("{sku},\"{}\"\n", product.replace('"', "\"\""));
                format!("SKU,Product\n{}", rows.iter().map(line).collect::<String>())
            };
            let manifest = format!("{DEFAULTS}jobs:\n  - from: t.csv\n    template: {{ id: \"{{{{ sku }}}}\", prompt: \"A {{{{ product }}}}.\", x_sku: \"{{{{ sku }}}}\" }}\n");
            let rows: Vec<_> = rows.iter().collect();
            let loaded = load_both(&manifest, &table(&rows));
            let plan = loaded.plan.as_ref().expect("no error");
            for (job, (sku, product)) in plan.jobs().iter().zip(&rows) {
                prop_assert_eq!(job.id().as_str(), sku.as_str());
                prop_assert_eq!(job.request().prompt(), format!("A {product}."));
            }
            let again = plan_of(&expanded(&loaded), "");
            prop_assert_eq!(made(&again), made(plan));
            prop_assert_eq!(again.user_columns(), plan.user_columns());
            let backwards: Vec<_> = rows.iter().rev().copied().collect();
            let mut turned = made(&plan_of(&manifest, &table(&backwards)));
            turned.reverse();
            prop_assert_eq!(turned, made(plan));
            let mut products: Vec<&String> = rows.iter().map(|(_, product)| *product).collect();
            products.sort();
            products.dedup();
            // Rows without an id need contents that differ.
            prop_assume!(products.len() == rows.len());
            let varied = manifest.replace("id: \"{{ sku }}\",", &format!("variants: {variants},"));
            let plan = plan_of(&varied, &table(&rows));
            prop_assert!(plan.jobs().iter().all(|job| job.id().as_str().starts_with("j-")));
            prop_assert_eq!(plan.jobs().len(), rows.len() * variants as usize);
        }
    }
}

#[test]
fn a_default_stands_for_an_empty_cell_and_not_for_a_mistyped_name() {
    let table = "sku,surface\na,oak\nb,\n";
    let manifest = |prompt: &str| {
        format!(
            "jobs:\n  - from: t.csv\n    template: {{ id: \"{{{{ sku }}}}\", prompt: \"{prompt}\" }}\n"
        )
    };
    let good = manifest("On {{ surface | default('stone') }}.");
    assert_eq!(jobs_with(&good, table), ["a: On oak.", "b: On stone."]);
    let mistyped = manifest("On {{ surfase | default('stone') }}.");
    assert_eq!(told_with(&mistyped, table), ["unknown-variable 4:49"]);
    let text = messages(&mistyped, table);
    assert!(text.contains("did you mean `surface`?"), "{text}");
    // What comes from the language itself, or from a loop, is no variable of the manifest.
    let own = manifest(
        "{{ surface }}{% for n in range(2) %}{{ n }}{{ loop.index }}{% endfor %} {{ variant | default(1) }} {{ row.surface }}",
    );
    assert_eq!(
        jobs_with(&own, "sku,surface\na,oak\n"),
        ["a: oak0112 1 oak"]
    );
    // A default is for all jobs, and some may not have the axis.
    let shared = "vars: { brand: Aurora }\ndefaults: { model: seedance2.0-720p, duration: 8, prompt: \"A {{ color | default('grey') }} {{ brand }}\" }\njobs:\n  - { id: a }\n  - { id: b, matrix: { color: [red] } }\n";
    let plan = plan_of(shared, "");
    let prompts: Vec<&str> = plan.jobs().iter().map(|it| it.request().prompt()).collect();
    assert_eq!(prompts, ["A grey Aurora", "A red Aurora"]);
}

#[test]
fn an_axis_that_makes_jobs_which_are_all_alike_is_refused() {
    for (matrix, help) in [
        ("{ n: [a, b] }", "write `{{ n }}` where it belongs"),
        ("{ aspect_ration: [a, b] }", "did you mean `aspect_ratio`?"),
        ("{ n: [a], include: [{ n: b }] }", "write `{{ n }}`"),
        ("{ prompt: [a, b] }", "the job sets `prompt` itself"),
        (
            "{ watermark: [true, false] }",
            "the job sets `watermark` itself",
        ),
    ] {
        let manifest = format!(
            "jobs: [{{ id: a, prompt: x, extra_body: {{ watermark: true }}, variants: 2, matrix: {matrix} }}]\n"
        );
        let text = messages(&manifest, "");
        assert!(
            text.contains("error[idle-axis]") && text.contains(help),
            "{text}"
        );
    }
    for fine in [
        "{ id: a, prompt: x, matrix: { n: [a] } }",
        "{ id: a, prompt: x, matrix: { x_owner: [a, b] } }",
        "{ id: a, prompt: x, matrix: { seed: [1, 2] } }",
    ] {
        let text = messages(&format!("jobs: [{fine}]\n"), "");
        assert!(!text.contains("idle-axis"), "{text}");
    }
}

#[test]
fn a_wrong_number_of_variants_hides_no_other_mistake_of_its_job() {
    let manifest = "vars: { brand: x }\njobs:\n  - id: b\n    prompt: \"A {{ brand }} of {{ colour }} glass.\"\n    matrix: { color: [amber, blue] }\n    variants: two\n";
    assert_eq!(
        told(manifest),
        ["unknown-variable 5:34", "bad-variants 7:15"]
    );
    assert!(messages(manifest, "").contains("did you mean `color`?"));
}

#[test]
fn a_wrong_matrix_hides_no_other_mistake_of_its_job() {
    let manifest = "jobs:\n  - id: bottle\n    prompt: \"A {{ colour }} bottle.\"\n    matrix:\n      color: [amber, blue]\n      aspect_ration: [\"9:16\", \"16:9\"]\n      exclude: [{ color: bleu, aspect_ratio: \"9:16\" }]\n      include: [{ color: red }]\n";
    let all = [
        "unknown-variable 4:19",
        "idle-axis 7:7",
        "unknown-value 8:26",
        "unknown-axis 8:32",
        "include-incomplete 9:17",
    ];
    assert_eq!(told(manifest), all);
    let text = messages(manifest, "");
    assert!(
        text.contains("called `aspect_ration`: call it `aspect_ratio` too"),
        "{text}"
    );
}
