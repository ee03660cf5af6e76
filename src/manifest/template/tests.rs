//! What templates say, what they refuse, and that none of them takes unbounded time or memory.

use minijinja::context;

use super::*;

fn fill(template: &str) -> Result<String, Failure> {
    let language = Language::new();
    let compiled = language.compile(template)?;
    let scope = context! {
        brand => "Aurora",
        product => "lamp <3",
        colours => ["red", "blue"],
        seconds => 8,
        half => 8.0,
        yes => true,
        long => "x".repeat(1 << 19),
    };
    let mut steps = 0;
    let filled = compiled.fill(&scope, 1 << 19, &mut steps);
    assert!(steps <= 1000 * STEPS, "{template}: {steps}");
    filled
}

fn kind(template: &str) -> FailureKind {
    match fill(template) {
        Ok(text) => panic!("{template}: {} bytes: {:.80}", text.len(), text),
        Err(failure) => failure.kind,
    }
}

/// What the failure of `template` points at.
fn at(template: &str) -> &str {
    let failure = fill(template).expect_err(template);
    &template[failure
        .at
        .unwrap_or_else(|| panic!("{template}: {:?}", failure.kind))]
}

/// The name without a value that `template` fails at.
fn missing(template: &str) -> Option<String> {
    let language = Language::new();
    let compiled = language.compile(template).expect("it can be read");
    let scope = context! { brand => "Aurora" };
    let failure = compiled.fill(&scope, 0, &mut 0).expect_err(template);
    let (name, at) = compiled.missing(&scope, &failure.at?)?;
    assert_eq!(&template[at], name, "{template}");
    Some(name)
}

#[test]
fn a_name_is_what_can_be_looked_up() {
    let language = Language::new();
    for name in ["brand", "_x1", "x_owner", "产品", "größe"] {
        assert!(language.is_name(name), "{name}");
    }
    for name in [
        "", "a b", "a-b", "1a", "true", "none", "not", "a.b", "a}}{{b", "a|upper", "'a'", "a #}",
    ] {
        assert!(!language.is_name(name), "{name}");
    }
}

#[test]
fn values_are_filled_in_exactly_and_nothing_is_escaped() {
    let cases = [
        ("A {{ brand }} {{ product }}.", "A Aurora lamp <3."),
        ("{{ seconds }} {{ half }} {{ yes }}", "8 8.0 true"),
        ("{{ colours | join(', ') }}\n", "red, blue\n"),
        ("{{ '{{' }} {% raw %}{{ x }}{% endraw %}", "{{ {{ x }}"),
        ("{{ nothing | default('any') }}", "any"),
        ("{% if nothing is defined %}a{% else %}b{% endif %}", "b"),
        (
            "{% for c in colours %}{{ c }};{% endfor %}\n\n",
            "red;blue;\n\n",
        ),
        ("{{ product | urlencode }}", "lamp%20%3C3"),
        ("{% if brand in ['Aurora', 'B'] %}x{% endif %}", "x"),
        ("{{ {'Aurora': 'dawn', 'B': 2}[brand] }}", "dawn"),
        (
            "{{ colours[0] }}{{ colours[-1] }} {{ brand[1:3] }} {{ (seconds + 1) * 2 }}",
            "redblue ur 18",
        ),
        (
            "{% for c in colours if not c == 'red' %}{{ loop.index }}{{ c | replace('b', 'B') }}{% else %}none{% endfor %}",
            "1Blue",
        ),
        ("{# not said #}  as it is  ", "  as it is  "),
    ];
    for (template, text) in cases {
        assert_eq!(fill(template).as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn what_is_not_there_is_an_error_at_its_name() {
    for (template, name) in [
        ("A {{ colour }} lamp", "colour"),
        ("A {{ colour | upper }} lamp", "colour"),
        ("A {{ 'x' ~ colour }} lamp", "colour"),
        ("{% for x in colour %}{% endfor %}", "colour"),
        ("{% if colour %}x{% endif %}", "colour"),
    ] {
        assert_eq!(kind(template), FailureKind::Undefined, "{template}");
        assert_eq!(missing(template).as_deref(), Some(name), "{template}");
    }
}

#[test]
fn what_cannot_be_read_is_told_at_its_place() {
    for template in [
        "A {{ brand lamp",
        "A {{ }} lamp",
        "{% if yes %}",
        "{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{{ 'x }}",
    ] {
        assert!(
            matches!(kind(template), FailureKind::Syntax { .. }),
            "{template}"
        );
        assert!(!at(template).is_empty(), "{template}");
    }
}

#[test]
fn what_was_read_is_not_blamed_for_what_stands_behind_it() {
    for (template, blamed) in [
        ("{{ product is startingwith 'A' }} {{ x y }}", "y"),
        ("{{ product is startingwith 'A' and (1 2) }}", "2"),
        ("{{ {'a': 1, 'b': 2}['a'] }} {{ ) }}", ")"),
        ("{{ 1e2 }} {{ 0x1f }} {{ 3d_model }}", "3d_model"),
        ("{{ 2nd_color }} {{ x y }}", "2nd_color"),
    ] {
        assert_eq!(at(template), blamed, "{template}");
    }
    assert_eq!(
        kind("{{ product | urlencod }}"),
        FailureKind::NoSuch {
            what: "filter",
            name: "urlencod".to_owned(),
            meant: Some("urlencode".to_owned()),
        }
    );
}

#[test]
fn no_template_takes_unbounded_time_or_memory() {
    for template in [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**9 }}",
        "{{ 'x' * 10**18 }}",
        "{{ range(10**9) }}",
        "{{ ([1] * 10**9) | join }}",
        "{{ range(99999) | join(long) }}",
        "{{ long | replace('x', long) }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ 'x' | indent(10**9, true) }}",
        "{{ 9**99999999 }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ long }}{{ long }}x",
    ] {
        let failure = kind(template);
        assert!(
            !matches!(failure, FailureKind::Undefined | FailureKind::Syntax { .. }),
            "{template}: {failure:?}"
        );
    }
    for template in [
        "{% set a = 1 %}",
        "{% set a %}x{% endset %}",
        "{%- with a = 1 -%}{% endwith %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ [brand, brand] }}",
        "{{ [[1]] | join }}",
        "{{ (1, 2) }}",
        "{{ {'a': brand}['a'] }}",
        "{% for a, b in colours %}{% endfor %}",
        "{% for a in colours, colours %}{% endfor %}",
        "{% raw %}{% set %}{% endraw %}{% set a = 1 %}",
        "{{ '{% raw %}' }}{% set a = 1 %}",
    ] {
        assert!(
            matches!(kind(template), FailureKind::Syntax { .. }),
            "{template}"
        );
    }
    let nested = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(matches!(
        kind(&format!("{{{{ {nested} }}}}")),
        FailureKind::Syntax { .. }
    ));
    let ifs = "{% if 1 %}".repeat(20_000) + &"{% endif %}".repeat(20_000);
    assert!(matches!(kind(&ifs), FailureKind::Syntax { .. }));
}

#[test]
fn a_list_is_not_text_until_the_template_says_how() {
    assert_eq!(kind("{{ colours }}"), FailureKind::NotText);
    assert_eq!(at("a {{ colours }}"), "colours");
    assert_eq!(kind("{{ colours.items }}"), FailureKind::Undefined);
    assert!(matches!(
        kind("{{ brand | shout }}"),
        FailureKind::NoSuch { .. }
    ));
    assert!(matches!(
        kind("{{ shout(brand) }}"),
        FailureKind::NoSuch { .. }
    ));
    assert!(matches!(
        kind("{{ brand is loud }}"),
        FailureKind::NoSuch { .. }
    ));
}

#[test]
fn braces_are_what_makes_a_template() {
    for text in ["{{ a }}", "x {% if %}", "{# #}", "{{{"] {
        assert!(has_braces(text), "{text}");
    }
    for text in ["", "{", "a { b } c", "{ {", "}}", "%}"] {
        assert!(!has_braces(text), "{text}");
    }
}

#[test]
fn the_names_a_template_looks_up_are_known() {
    let language = Language::new();
    let compiled =
        language.compile("{{ a }}{{ row['B c'] }}{% for d in e %}{{ d | default(f) }}{% endfor %}");
    let mut names: Vec<String> = compiled.expect("it can be read").names().collect();
    names.sort();
    assert_eq!(names, ["a", "e", "f", "row"]);
}

#[test]
fn no_expression_is_so_deep_that_it_breaks_the_engine() {
    let shapes: [(&str, &str, &str); 12] = [
        ("{{ brand", " ~ brand", " }}"),
        ("{{ seconds", " + 1", " }}"),
        ("{{ brand", " | upper", " }}"),
        ("{{ ", "not ", "brand }}"),
        ("{{ ", "-", "seconds }}"),
        ("{{ brand", ".a", " }}"),
        ("{{ colours", "[0]", " }}"),
        ("{{ ", "1 if yes else ", "2 }}"),
        ("{{ yes", " and yes", " }}"),
        ("{{ 2", " ** 1", " }}"),
        ("{{ yes", " is defined", " }}"),
        ("{% if yes %}", "{% elif yes %}", "{% endif %}"),
    ];
    for (start, part, end) in shapes {
        for count in [10, 90, 150, 199, 399, 100_000] {
            let template = format!("{start}{}{end}", part.repeat(count));
            match fill(&template) {
                Err(Failure {
                    kind: FailureKind::Syntax { reason, .. },
                    ..
                }) => assert!(count > 90, "{start}{part} × {count}: {reason}"),
                _ => assert!(count < 100_000, "{start}{part}"),
            }
        }
    }
}

#[test]
fn every_filter_of_the_engine_was_looked_at() {
    let shown = format!("{:?}", Language::new().usual);
    let filters = shown.split("filters: ").nth(1).expect("they are shown");
    let filters = filters.split("templates: ").next().unwrap_or("");
    let names: Vec<&str> = filters.split('"').skip(1).step_by(2).collect();
    let mut known = FILTERS.to_vec();
    known.push("d");
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn a_step_that_walks_through_a_long_text_counts_as_many() {
    let language = Language::new();
    let scope = context! { long => "x".repeat(1 << 20), list => ["x"] };
    let cost = |template: &str, longest: usize| {
        let mut steps = 0;
        let compiled = language.compile(template).expect("it can be read");
        let _ = compiled.fill(&scope, longest, &mut steps);
        steps
    };
    let loops = |inside: &str| format!("{{% for i in range(900) %}}{inside}{{% endfor %}}");
    let walk = loops("{% if long[999999] == 'y' %}{% endif %}");
    assert!(cost(&walk, 1 << 20) > 1_000_000);
    assert!(cost(&loops("{% if long == 'y' %}{% endif %}"), 1 << 20) > 1_000_000);
    assert!(cost(&loops("{{ (long | first) }}"), 1 << 20) < STEPS * 2);
    for ordinary in [
        "{{ list[0] }}, soft light",
        "{% if list[0] == 'x' %}x{% endif %}",
        "{{ list | join }}",
    ] {
        assert_eq!(cost(ordinary, 2000), 0, "{ordinary}");
    }
    // What the template itself makes is as long.
    let made = loops("{% if ('a' * 9000)[8999] == 'y' %}{% endif %}");
    assert!(cost(&made, 0) >= WALKING_STEPS * 100);
}
