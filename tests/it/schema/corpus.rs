//! Manifests to hold the schema against: every value in every place. Start at [`places`] and [`VALUES`].

use serde_json::Value;
use shotlist::manifest::{EXTRA_FIELDS, JOB_FIELDS, json_schema};

/// Values as they are written in YAML, right for some field and wrong for others.
pub(super) const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "True",
    "yes",
    "no",
    "'true'",
    "'TRUE'",
    "0",
    "1",
    "-1",
    "4",
    "5",
    "8",
    "15",
    "16",
    "1.0",
    "8.0",
    "8.5",
    "+8",
    "0x8",
    "1e1",
    "'8'",
    "'08'",
    "' 8'",
    "'+8'",
    "8s",
    "100001",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "''",
    "' '",
    "\"\\0\"",
    "\"\\u200b\"",
    "\"a\\0b\"",
    "a",
    "A b",
    "hero-1",
    "-hero",
    "Hero.2_b",
    "' hero'",
    "héros",
    "产品",
    "e\u{301}",
    "\u{2192}",
    "a/b",
    "'{{ a }}'",
    "'a {% b'",
    "'{# c #} d'",
    "'{ a }'",
    "seedance2.0-720p",
    "seedance2.0-4k",
    "Seedance2.0-720p",
    "'16:9'",
    "16:9",
    "4:3",
    "reference_to_video",
    "edit",
    "https://a.example/b.png",
    "HTTP://a.example",
    "'https://a.example/b c'",
    "https://",
    "'http:///x'",
    "'https://a.example:99999/'",
    "ftp://a.example/b",
    "./a.png",
    "'C:\\a.png'",
    "'{{ base }}/a.png'",
    "'data:image/png;base64,iVBORw0KGgo='",
    "'DATA:image/PNG;name=a;BASE64,iVBORw0KGgo='",
    "'data:image/png;base64,iVBORw0KGg'",
    "'data:image/png,iVBORw0KGgo='",
    "'data:image/svg+xml;base64,iVBORw0KGgo='",
    "'data:image/jpeg;base64,iVBORw0KGgo='",
    "'data:video/mp4;base64,AAAA'",
    "[]",
    "[a]",
    "[null]",
    "[[a]]",
    "[1, 2]",
    "[a, a]",
    "[8, '8']",
    "[1, 1.0]",
    "[8, 9]",
    "['https://a.example/1.png']",
    "['https://a.example/1.png', '{{ a }}']",
    "['{{ a }}', '']",
    "[{ url: 'https://a.example/1.mp4' }]",
    "[{ url: 'https://a.example/1.mp4', seconds: 6 }]",
    "[{ url: 'https://a.example/1.mp4', seconds: 4.5 }]",
    "[{ url: 'https://a.example/1.mp4', seconds: 1.9999 }]",
    "[{ url: 'https://a.example/1.mp4', seconds: 15.0001 }]",
    "[{ url: 'https://a.example/1.mp4', seconds: '6' }]",
    "[{ url: null }]",
    "[{ seconds: 6 }]",
    "[{ url: 'https://a.example/1.mp4', size: 6 }]",
    "[{ url: 'https://a.example/1.mp4', seconds: 9 }, { url: 'https://a.example/2.mp4', seconds: 9 }]",
    "[b, b, b, b]",
    "['https://a.example/1', 'https://a.example/2', 'https://a.example/3', 'https://a.example/4']",
    "['https://a.example/1', 'https://a.example/2', 'https://a.example/3', '{{ a }}']",
    "['https://1', 'https://2', 'https://3', 'https://4', 'https://5', 'https://6', 'https://7', 'https://8', 'https://9', 'https://10']",
    "no-duration",
    "[no-duration, no-duration]",
    "[bad-id]",
    "60/min",
    "'+60/min'",
    "' 60 / min '",
    "0/s",
    "60/day",
    "1000000/h",
    "1000001/h",
    "15s",
    "1h30m",
    "0s",
    "30m1h",
    "400d",
    "15",
    "06:00",
    "24:00",
    "'+6:00'",
    "https://api.example.com/v1",
    "'https://api.example.com?a=b'",
    "'https://me:pw@api.example.com'",
    "api.example.com",
    "/v1/make",
    "'/v1/{task_id}'",
    "'/v1/{task_id}/{task_id}'",
    "'/v1 /make'",
    "v1/make",
    "'https://a.example/v1'",
    "'/a:://b'",
    "{ a: b }",
    "'{id}'",
    "'{take}-{x_title}'",
    "'{idd}'",
    "'a/{id}'",
];

/// Maps, most of them of axes or about tables.
pub(super) const MAPS: &[&str] = &[
    "{}",
    "{ a: b }",
    "{ a: null }",
    "{ a: [b] }",
    "{ a: [] }",
    "{ a: [b, b] }",
    "{ a: { b: c } }",
    "{ a: [b], c: [d, 1] }",
    "{ a b: c }",
    "{ true: [c] }",
    "{ row: [c] }",
    "{ not: c }",
    "{ 产品: [a] }",
    "{ \u{2192}: [a] }",
    "{ 1: [a] }",
    "{ seed: 42 }",
    "{ seed: [1, 2] }",
    "{ sed: 1 }",
    "{ duration: [5, 9] }",
    "{ duration: [4] }",
    "{ aspect_ratio: ['9:16'] }",
    "{ aspect_ratio: ['4:3'] }",
    "{ model: [a] }",
    "{ prompt: [A red kite.] }",
    "{ images: ['https://a.example/1.png'] }",
    "{ images: [a] }",
    "{ id: [a, b] }",
    "{ id: [1] }",
    "{ extra_body: [a] }",
    "{ x_a: [1] }",
    "{ watermark: [true, 'false'] }",
    "{ watermark: [yes] }",
    "{ exclude: [], a: [b] }",
    "{ exclude: [{ a: b }], a: [b] }",
    "{ exclude: [{ a: b }], a: [b, c] }",
    "{ exclude: [{}], a: [b] }",
    "{ exclude: a, a: [b] }",
    "{ exclude: [] }",
    "{ include: [{ a: c }], a: [b] }",
    "{ include: [{ a: c }], a: [b], d: [e] }",
    "{ include: [{}], a: [b] }",
    "{ include: [{ a: [c] }], a: [b] }",
    "{ include: [{ duration: 4 }], duration: [5] }",
    "{ exclude: [{ duration: 4 }], duration: [5] }",
    "{ exclude: [{ b: 4 }], a: [5] }",
    "{ include: null, a: [b] }",
    "{ from: rows.csv }",
    "{ from: 'rows.csv ' }",
    "{ from: rows.CSV }",
    "{ from: ../rows.csv }",
    "{ from: none.xlsx }",
    "{ from: m.yaml }",
    "{ from: .csv }",
    "{ from: null }",
    "{ from: [a] }",
    "{ from: rows.csv, encoding: utf-8 }",
    "{ from: rows.csv, encoding: klingon }",
    "{ from: rows.csv, encoding: '' }",
    "{ from: rows.csv, delimiter: COMMA }",
    "{ from: rows.csv, delimiter: ' , ' }",
    "{ from: rows.csv, delimiter: ':' }",
    "{ from: rows.csv, sheet: 1 }",
    "{ from: rows.csv, template: null }",
    "{ from: rows.csv, template: {} }",
    "{ from: rows.csv, template: { prompt: '{{ prompt }}' } }",
    "{ from: rows.csv, template: { from: rows.csv } }",
    "{ from: rows.csv, prompt: a }",
    "{ template: { prompt: a } }",
    "{ prompt: a }",
    "{ model: seedance2.0-720p, prompt: a }",
];

/// Manifests with a place `%` for a value, one for each field, section and setting wherever it may stand.
pub(super) fn places() -> Vec<String> {
    let fields = JOB_FIELDS.iter().chain(&["matrix", "variants"]);
    let of_fields = fields.flat_map(|field| places_of_field(field));
    let of_extra = EXTRA_FIELDS.iter().flat_map(|field| places_of_extra(field));
    of_fields
        .chain(of_extra)
        .chain(places_of_sections())
        .chain(other_places())
        .collect()
}

const JOBS: &str = "jobs: [{ model: seedance2.0-720p, prompt: A kite. }]";

fn places_of_field(field: &str) -> Vec<String> {
    let needed = [
        ("id", "id: a"),
        ("model", "model: seedance2.0-720p"),
        ("prompt", "prompt: A kite."),
    ];
    let others: Vec<&str> = needed
        .into_iter()
        .filter(|(name, _)| *name != field)
        .map(|(_, others)| others)
        .collect();
    let job = |fields: &str| format!("jobs: [{{ {}, {fields} }}]", others.join(", "));
    let alone = job(&format!("{field}: %"));
    let mut places = vec![
        alone.clone(),
        format!("vars: {{ a: b, base: 'https://a.example' }}\n{alone}"),
        format!("defaults: {{ {field}: % }}\n{JOBS}"),
        format!(
            "defaults: {{ {field}: % }}\njobs: [{{ prompt: A kite. }}, {{ model: seedance2.0-720p }}]"
        ),
        format!("jobs: [{{ from: rows.csv, template: {{ {field}: % }} }}]"),
        job(&format!("matrix: {{ {field}: [%] }}")),
        job(&format!("{field}: null, matrix: {{ {field}: [%] }}")),
        job(&format!("matrix: {{ a: [b] }}, {field}: %")),
    ];
    if ["last_image", "images", "videos", "matrix"].contains(&field) {
        places.push(job(&format!(
            "image: 'https://a.example/1.png', {field}: %"
        )));
        places.push(format!(
            "defaults: {{ image: 'https://a.example/1.png' }}\n{alone}"
        ));
    }
    places
}

fn places_of_extra(field: &str) -> Vec<String> {
    let job = |fields: &str| {
        format!("jobs: [{{ id: a, model: seedance2.0-720p, prompt: A kite., {fields} }}]")
    };
    let matrix = format!("matrix: {{ {field}: [%] }}");
    vec![
        job(&format!("extra_body: {{ {field}: % }}")),
        format!("defaults: {{ extra_body: {{ {field}: % }} }}\n{JOBS}"),
        job(&matrix),
        job(&format!("{matrix}, extra_body: {{ {field}: null }}")),
        job(&format!("{matrix}, extra_body: null")),
    ]
}

/// Of every section and setting that the schema has.
fn places_of_sections() -> Vec<String> {
    let schema: Value = serde_json::from_str(&json_schema()).expect("JSON");
    let mut places = Vec::new();
    let sections = schema["properties"].as_object().expect("a map");
    for (section, value) in sections.iter().filter(|(name, _)| *name != "jobs") {
        places.push(format!("{section}: %\n{JOBS}"));
        places.push(format!("{section}: {{ other: % }}\n{JOBS}"));
        let settings = value["properties"].as_object().into_iter().flatten();
        let settings = settings.filter(|_| section != "defaults");
        places
            .extend(settings.map(|(setting, _)| format!("{section}: {{ {setting}: % }}\n{JOBS}")));
    }
    let price = "per_second: { seedance2.0-720p: 0.5 }";
    let lists = [
        "currency: USD, per_second: { seedance2.0-720p: % }".to_owned(),
        "currency: USD, per_second: %".to_owned(),
        format!("currency: %, {price}"),
        format!("currency: USD, {price}, audio_factor: %"),
        format!("currency: USD, {price}, reference_factor: %"),
        format!("currency: USD, {price}, per_job: %"),
        format!("currency: USD, {price}, other: %"),
    ];
    let list = |list: &String| format!("pricing: {{ {list} }}\n{JOBS}");
    places.extend(lists.iter().map(list));
    places.push(format!(
        "limits: {{ max_spend: % }}\npricing: {{ currency: USD, {price} }}\n{JOBS}"
    ));
    places
}

fn other_places() -> impl Iterator<Item = String> {
    let of_jobs = [
        "jobs: %",
        "jobs: [%]",
        "%",
        "jobs: [{ from: rows.csv, sheet: % }]",
        "jobs: { from: % }",
        "jobs: { from: rows.csv, encoding: % }",
        "jobs: { from: rows.csv, delimiter: % }",
        "jobs: { from: rows.csv, template: % }",
    ];
    let above = [
        "allow: [%]",
        "vars: { a: % }",
        "vars: { a: [%] }",
        "x-note: %",
        "note: %",
        "key: %",
    ];
    let within = [
        "x_own: %",
        "x-own: %",
        "other: %",
        "api_key: %",
        "content: %",
        "matrix: { a: % }",
        "matrix: { a: [%] }",
        "matrix: { a: [b, %] }",
    ];
    let above = above.map(|place| format!("{place}\n{JOBS}"));
    let within = within.map(|place| {
        format!("jobs: [{{ id: a, model: seedance2.0-720p, prompt: A kite., {place} }}]")
    });
    of_jobs
        .map(str::to_owned)
        .into_iter()
        .chain(above)
        .chain(within)
}

/// What takes several lines, or very long ones, to get wrong.
pub(super) fn further() -> Vec<String> {
    let long = |length: usize, letter: &str| letter.repeat(length);
    let job =
        |fields: &str| format!("jobs: [{{ model: seedance2.0-720p, prompt: A kite., {fields} }}]");
    let axis = |length: usize| {
        (0..length)
            .map(|number| number.to_string())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let rules = |length: usize| vec!["{ a: 1 }"; length].join(", ");
    vec![
        job(&format!("id: {}", long(100, "a"))),
        job(&format!("id: {}", long(101, "a"))),
        job(&format!("id: {}", long(100, "产"))),
        job(&format!("id: {}, matrix: {{ a: [b] }}", long(100, "a"))),
        job(&format!("id: '{{{{ a }}}}{}', matrix: {{ a: [''] }}", long(100, "a"))),
        format!("jobs: [{{ model: seedance2.0-720p, prompt: '{}' }}]", long(1 << 20, "a")),
        format!("jobs: [{{ model: seedance2.0-720p, prompt: '{}' }}]", long((1 << 20) + 1, "a")),
        format!("jobs: [{{ model: seedance2.0-720p, prompt: '{}' }}]", long(1 << 19, "产")),
        job(&format!("id: a, matrix: {{ a: [{}] }}, variants: 99", axis(1011))),
        job(&format!("id: a, matrix: {{ a: [{}], exclude: [{}] }}", axis(2), rules(1001))),
        job(&format!("id: a, matrix: {{ a: [{}], b: [{}], exclude: [{}] }}", axis(300), axis(300), rules(600))),
        job("id: a, variants: 3, extra_body: { seed: 9223372036854775807 }"),
        "defaults: { last_image: 'https://a.example/1.png' }\njobs: [{ model: seedance2.0-720p, prompt: a }]".to_owned(),
        "defaults: { image: 'https://a.example/1.png', images: ['https://a.example/1.png'] }\njobs: [{ model: seedance2.0-720p, prompt: a }]".to_owned(),
        "jobs: [{ from: rows.csv, template: { model: null } }]".to_owned(),
        "x: &base { model: seedance2.0-720p }\njobs: [{ <<: *base, prompt: a }]".replace("x:", "x-base:"),
        job(&format!("images: [{}, '{{{{ a }}}}', '{{{{ a }}}}'], id: a, matrix: {{ a: ['https://a.example/1'] }}", ["'https://a.example/1'"; 8].join(", "))),
        job("videos: ['https://a.example/1', 'https://a.example/2', 'https://a.example/3', '{{ a }}'], id: a, matrix: { a: ['https://a.example/1', ''] }"),
        job("id: '{{ a }}', matrix: { a: [''] }"),
        "jobs: [{ id: a, model: seedance2.0-720p, prompt: 'A {{ a }}', matrix: { a: [\"\\0\"] } }]".to_owned(),
    ]
}

/// Names that mean something somewhere.
pub(super) const NAMES: &[&str] = &[
    "id",
    "model",
    "prompt",
    "duration",
    "aspect_ratio",
    "image",
    "last_image",
    "images",
    "videos",
    "audios",
    "extra_body",
    "seed",
    "watermark",
    "matrix",
    "variants",
    "from",
    "template",
    "encoding",
    "exclude",
    "include",
    "vars",
    "defaults",
    "limits",
    "allow",
    "output",
    "download",
    "file_name",
    "concurrency",
    "deadline",
    "version",
    "url",
    "seconds",
    "x_own",
    "x-own",
    "color",
    "row",
];
