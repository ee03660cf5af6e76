//! The page as a browser's parser sees it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::prelude::*;
use scraper::{ElementRef, Html, Selector};

use super::*;
use crate::engine::event::{Event, FailureClass, MediaUrl};
use crate::plan::{ExtraBody, Job, Media, Model, RequestFields, UserValues};
use crate::report::sample;
use crate::text::CleanText;

/// The page of `plan` and `table`, with these files.
fn page_with(
    plan: &Plan,
    table: &JobTable,
    manifest: &str,
    file: &dyn Fn(JobIndex) -> Option<LocalFile>,
) -> String {
    let gallery = Gallery {
        manifest,
        redo: None,
        plan,
        table,
        selection: &Selection::default(),
        stage: Stage::Real,
        file,
    };
    let mut page = Vec::new();
    write(&gallery, &mut page).expect("memory takes all");
    String::from_utf8(page).expect("text")
}

fn page(plan: &Plan, table: &JobTable) -> String {
    page_with(plan, table, "shots.yaml", &|_| None)
}

fn select<'p>(page: &'p Html, selector: &str) -> Vec<ElementRef<'p>> {
    let selector = Selector::parse(selector).expect("a selector");
    page.select(&selector).collect()
}

fn text(element: &ElementRef<'_>) -> String {
    element.text().collect()
}

/// What strangers and users may write into one job.
#[derive(Debug, Clone)]
struct Words {
    prompt: String,
    column: String,
    value: String,
    message: String,
    task_id: String,
    url: String,
    manifest: String,
    file: String,
}

impl Words {
    fn harmless() -> Self {
        let word = || "word".to_owned();
        Self {
            prompt: word(),
            column: word(),
            value: word(),
            message: word(),
            task_id: word(),
            url: "https://cdn.example.com/word".to_owned(),
            manifest: word(),
            file: word(),
        }
    }

    /// A completed job and a failed one with these words.
    fn page(&self) -> String {
        let job = |id: &str| {
            let fields = RequestFields {
                model: Model::Fast720p,
                prompt: self.prompt.as_str().into(),
                duration: Some(8),
                aspect_ratio: Some(AspectRatio::Portrait),
                media: Media {
                    images: vec![self.url.as_str().into()],
                    ..Media::default()
                },
                extra: ExtraBody::default(),
            };
            let request = VideoRequest::new(fields);
            let values = UserValues::new(vec![(0, self.value.as_str().into())]);
            Job::new(sample::job_id(id), request, values)
        };
        let columns = vec![format!("x_{}", self.column)];
        let plan = Plan::new(vec![job("made"), job("failed")], columns);
        let intent = |id: &str| {
            let job = plan.jobs().iter().find(|job| job.id().as_str() == id);
            let request = job.expect("there").request();
            Event::Intent {
                run: crate::engine::event::RunNumber(1),
                fingerprint: request.fingerprint(),
                request: None,
                cost: None,
            }
        };
        let url = MediaUrl::new(&self.url).expect("an address");
        let made = Event::Completed {
            video_url: url.clone(),
            last_frame_url: Some(url),
        };
        let failed = Event::Failed {
            class: FailureClass::Generation,
            message: CleanText::new(&self.message),
        };
        let records = [
            sample::run(1, &[]),
            sample::event(1, "made", intent("made")),
            sample::event(2, "made", sample::accepted(&self.task_id)),
            sample::event(3, "made", made),
            sample::event(1, "failed", intent("failed")),
            sample::event(2, "failed", sample::accepted(&self.task_id)),
            sample::event(3, "failed", failed),
        ];
        let file = |_| {
            Some(LocalFile {
                path: PathBuf::from("videos").join(&self.file),
                poster: Some(PathBuf::from("videos").join(&self.file)),
            })
        };
        let table = sample::replayed(&plan, &records);
        page_with(&plan, &table, &self.manifest, &file)
    }
}

/// Names of all elements and their attributes, in order: what texts must not change.
fn skeleton(page: &Html) -> String {
    page.root_element()
        .descendent_elements()
        .fold(String::new(), |mut words, element| {
            let attributes: BTreeSet<&str> =
                element.value().attrs().map(|(name, _)| name).collect();
            let _ = writeln!(words, "{} {attributes:?}", element.value().name());
            words
        })
}

/// Pieces of text that have broken pages before, among any others.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<script>alert(1)</script>".to_owned()),
        Just("</script><img src=x onerror=alert(1)>".to_owned()),
        Just("</style></title></textarea></template></noscript>".to_owned()),
        Just("\" onload=\"alert(1)".to_owned()),
        Just("' autofocus onfocus='alert(1)".to_owned()),
        Just("` --> <!-- ]]> &lt; &#x3c;script&#62; &amp;".to_owned()),
        Just("{{ 7 * 7 }}{% raw %}{# #}".to_owned()),
        Just("javascript:alert(1)".to_owned()),
        Just("\u{202e}\u{feff}\0\r\n\t\u{7f}\u{85}\u{2028}".to_owned()),
        any::<char>().prop_map(String::from),
        "[a-z ]{1,8}",
    ];
    proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

fn words() -> impl Strategy<Value = Words> {
    let line = || hostile().prop_map(|text| format!("w{text}"));
    let name = || line().prop_map(|text| text.replace(['/', '\0'], "_"));
    (
        line(),
        line(),
        line(),
        line(),
        line(),
        line(),
        name(),
        name(),
    )
        .prop_map(
            |(prompt, column, value, message, task_id, path, manifest, file)| Words {
                prompt,
                column,
                value,
                message,
                task_id,
                url: {
                    let shown =
                        path.replace(|c: char| c.is_whitespace() || crate::text::is_unsafe(c), "");
                    format!("https://cdn.example.com/{shown}")
                },
                manifest,
                file,
            },
        )
}

/// A text as a page can hold it, without what lies about it.
fn held(text: &str) -> String {
    shown(text).trim().to_owned()
}

proptest! {
    #[test]
    fn no_text_ever_becomes_an_element_or_an_attribute(words in words()) {
        let page = Html::parse_document(&words.page());
        let plain = Html::parse_document(&Words::harmless().page());
        prop_assert_eq!(skeleton(&page), skeleton(&plain));
        let first = |selector: &str| text(&select(&page, selector)[0]).trim().to_owned();
        prop_assert_eq!(first(".prompt"), held(&words.prompt));
        prop_assert_eq!(first(".own dd"), held(&words.value));
        prop_assert_eq!(first(".own dt"), held(&words.column));
        prop_assert_eq!(first("h1"), held(&words.manifest));
        let message = CleanText::new(&words.message);
        prop_assert!(first(".error").contains(message.as_str()));
        let card = select(&page, ".card")[0].value();
        let task_id = crate::text::clean(&words.task_id, 1024);
        prop_assert_eq!(card.attr("data-task"), Some(task_id.as_str()));
        for link in select(&page, "a[target]") {
            prop_assert_eq!(link.attr("href"), Some(words.url.as_str()));
        }
        let source = select(&page, "video")[0].attr("src").map(str::to_owned);
        prop_assert_eq!(source, address(Path::new(&format!("videos/{}", words.file))));
    }
}

#[test]
fn the_page_names_nothing_that_it_would_load_from_elsewhere_and_no_code_in_attributes() {
    let words = Words::harmless();
    let page = Html::parse_document(&words.page());
    for element in page.root_element().descendent_elements() {
        for (name, value) in element.value().attrs() {
            assert!(!name.starts_with("on") && name != "style", "{name}");
            let is_loaded = ["src", "poster", "data", "srcset"].contains(&name);
            assert!(!is_loaded || value.starts_with("./"), "{name}={value}");
            let leads_away = name == "href" && !value.starts_with('#');
            if leads_away {
                assert!(value.starts_with("https://"), "{value}");
                assert_eq!(element.attr("rel"), Some("noreferrer noopener"));
            }
        }
    }
    for tag in ["link", "iframe", "object", "embed", "base", "img"] {
        assert!(select(&page, tag).is_empty(), "{tag}");
    }
    assert_eq!(select(&page, "script, style").len(), 2);
}

#[test]
fn the_policy_allows_exactly_the_style_and_the_script_of_the_page() {
    let page = Html::parse_document(&Words::harmless().page());
    let policy = select(&page, "meta[http-equiv]")[0].attr("content");
    let policy = policy.expect("a policy").to_owned();
    for (directive, element) in [("style-src", "style"), ("script-src", "script")] {
        let hash = STANDARD.encode(Sha256::digest(text(&select(&page, element)[0])));
        assert!(
            policy.contains(&format!("{directive} 'sha256-{hash}';")),
            "{policy}"
        );
    }
    assert!(policy.starts_with("default-src 'none';"));
    assert!(!policy.contains("unsafe") && !policy.contains("http"));
    for code in [STYLE, SCRIPT] {
        assert!(!code.contains("</s") && !code.contains("<!--") && !code.contains('\r'));
    }
    for word in [
        "fetch(",
        "XMLHttp",
        "innerHTML",
        "eval(",
        "import",
        "http:",
        "https:",
    ] {
        assert!(!SCRIPT.contains(word), "{word}");
    }
}

#[test]
fn every_status_has_its_card_and_every_card_its_group() {
    let (plan, table) = sample::every_status();
    let page = page(&plan, &table);
    let parsed = Html::parse_document(&page);
    assert_eq!(select(&parsed, ".card").len(), plan.jobs().len());
    for card in select(&parsed, ".card") {
        let group = card.ancestors().filter_map(ElementRef::wrap);
        let group = group
            .filter(|element| element.value().name() == "section")
            .last();
        let status = card.attr("data-status");
        assert_eq!(group.and_then(|group| group.attr("data-status")), status);
    }
    let counted = select(&parsed, ".group")
        .iter()
        .map(|group| {
            let heading = text(
                &group
                    .descendent_elements()
                    .find(|it| it.value().name() == "h2")
                    .expect("one"),
            );
            heading.split_whitespace().collect::<Vec<_>>().join(" ")
        })
        .collect::<Vec<_>>();
    assert_eq!(
        counted,
        [
            "completed 3",
            "failed 4",
            "in doubt 2",
            "running 2",
            "submitting 1",
            "pending 2"
        ]
    );
    let can_be_marked: Vec<_> = select(&parsed, ".card[data-take]")
        .iter()
        .filter_map(|card| card.attr("id"))
        .collect();
    assert_eq!(
        can_be_marked,
        [
            "job-done",
            "job-edited",
            "job-déjà-vu-雨",
            "job-refused",
            "job-flagged",
            "job-broken"
        ]
    );
    assert!(
        text(&select(&parsed, ".about")[0])
            .contains("1 more in the state is no longer in the manifest")
    );
    assert_eq!(page, self::page(&plan, &table), "the same each time");
}

#[test]
fn a_page_reads_as_it_should() {
    let mut plan_jobs = vec![sample::job("done", "The shot done.")];
    plan_jobs.push(Job::new(
        sample::job_id("refused"),
        sample::request("The shot refused."),
        UserValues::new(vec![(0, "Kim".into())]),
    ));
    plan_jobs.push(sample::job("new", &"A very long prompt. ".repeat(20)));
    let columns = vec!["x_owner".to_owned(), "x_scene".to_owned()];
    let plan = Plan::new(plan_jobs, columns);
    let (_, records) = sample::records();
    let of_plan = records.into_iter().filter(|record| {
        let fact = &record.fact;
        let crate::engine::table::Fact::Job { id, .. } = fact else {
            return true;
        };
        ["done", "refused"].contains(&id.as_str())
    });
    let table = sample::replayed(&plan, &of_plan.collect::<Vec<_>>());
    let file = |job| {
        (job == 0).then(|| LocalFile {
            path: "videos/done.mp4".into(),
            poster: Some("videos/done.png".into()),
        })
    };
    let page = page_with(&plan, &table, "shots.yaml", &file);
    let shown = page.replace(STYLE, "…").replace(SCRIPT, "…");
    insta::with_settings!({filters => vec![("sha256-.*?=&#x27;", "sha256-…&#x27;")]}, {
        insta::assert_snapshot!(shown);
    });
}

/// A plan of so many jobs whose prompts are one letter, and a table in which all are completed.
fn many(count: usize) -> (Plan, JobTable) {
    let jobs = (0..count).map(|number| sample::job(&format!("shot-{number:06}"), "x"));
    let plan = Plan::new(jobs.collect(), Vec::new());
    let mut table = JobTable::new(Some(&plan));
    table.replay(&sample::run(1, &[])).expect("legal");
    for job in plan.jobs() {
        let id = job.id().as_str();
        let url = format!(
            "https://cdn.example.com/videos/{id}.mp4?expires=1767614400&signature=0123456789abcdef"
        );
        let life = [
            sample::intent("x"),
            sample::accepted(&format!("task_{id}")),
            sample::completed(&url),
        ];
        for event in life {
            table.replay(&sample::event(1, id, event)).expect("legal");
        }
    }
    (plan, table)
}

#[test]
fn a_thousand_jobs_take_less_than_two_megabytes_beside_their_prompts() {
    let (plan, table) = many(1000);
    let file = |job: JobIndex| {
        Some(LocalFile {
            path: format!("videos/shot-{job:06}.mp4").into(),
            poster: Some(format!("videos/shot-{job:06}.png").into()),
        })
    };
    let length = page_with(&plan, &table, "shots.yaml", &file).len();
    assert!(length < 1_800_000, "{length}");
    let own = page(&Plan::new(Vec::new(), Vec::new()), &JobTable::new(None)).len();
    assert!(own < 40_000, "{own}");
}

/// Takes all, and notes the largest piece.
#[derive(Default)]
struct Largest(usize, usize);

impl io::Write for Largest {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0 = self.0.max(piece.len());
        self.1 += piece.len();
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_page_is_written_piece_by_piece() {
    let (plan, table) = many(3000);
    let gallery = Gallery {
        manifest: "shots.yaml",
        redo: Some("shotlist run shots.yaml --rerun redo --marks marks.json"),
        plan: &plan,
        table: &table,
        selection: &Selection::default(),
        stage: Stage::Real,
        file: &|_| None,
    };
    let mut largest = Largest::default();
    write(&gallery, &mut largest).expect("it takes all");
    assert!(
        largest.0 < 40_000 && largest.1 > 2_000_000,
        "{} of {}",
        largest.0,
        largest.1
    );
    let no_room = write(&gallery, &mut &mut [0_u8; 10_000][..]);
    assert!(no_room.is_err());
}

#[test]
fn jobs_are_listed_by_what_some_have_in_common_for_readers_without_script() {
    let job = |id: &str, values: [&str; 2]| {
        let values = (0..).zip(values.map(Into::into)).collect();
        Job::new(
            sample::job_id(id),
            sample::request("x"),
            UserValues::new(values),
        )
    };
    let columns = vec!["x_owner".to_owned(), "x_same".to_owned()];
    let jobs = vec![
        job("a", ["Kim", "1"]),
        job("b", ["<Lee>", "1"]),
        job("c", ["Kim", "1"]),
    ];
    let plan = Plan::new(jobs, columns);
    let page = page(&plan, &JobTable::new(Some(&plan)));
    let (_, index) = page.split_once("<noscript>").expect("an index");
    let (index, _) = index.split_once("</noscript>").expect("closed");
    insta::assert_snapshot!(index);
}

#[test]
fn a_path_is_an_address_beside_the_page_or_none() {
    for (path, expected) in [
        ("videos/hero.mp4", Some("./videos/hero.mp4")),
        ("./a/../b.mp4", Some("./a/../b.mp4")),
        ("javascript:alert(1)", Some("./javascript%3Aalert%281%29")),
        (
            "a b/é雨#?%&\"'<>.mp4",
            Some("./a%20b/%C3%A9%E9%9B%A8%23%3F%25%26%22%27%3C%3E.mp4"),
        ),
        ("//evil.example.com/x", None),
        ("/etc/passwd", None),
    ] {
        assert_eq!(address(Path::new(path)).as_deref(), expected, "{path}");
    }
    let no_text = Path::new(OsStr::from_bytes(b"a\xff\n.mp4"));
    assert_eq!(address(no_text).as_deref(), Some("./a%FF%0A.mp4"));
}

#[test]
fn only_addresses_of_the_web_become_links() {
    for address in ["https://example.com/a?b=c", "http://127.0.0.1:80/x"] {
        assert_eq!(web_address(address), Some(address));
    }
    for other in [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//example.com",
        "",
    ] {
        assert_eq!(web_address(other), None, "{other}");
    }
    assert_eq!(
        embedded("data:image/png;base64,AAAA"),
        "in the manifest (1 kB)"
    );
}

#[test]
fn a_long_prompt_is_cut_between_words_and_a_short_one_not_at_all() {
    assert_eq!(beginning(&"x".repeat(PROMPT_SHOWN)), None);
    assert_eq!(
        beginning(&"雨".repeat(PROMPT_SHOWN + 1)),
        Some("雨".repeat(PROMPT_SHOWN))
    );
    let words = beginning(&"word ".repeat(100)).expect("long");
    assert!(words.ends_with("word") && words.len() < PROMPT_SHOWN);
}

#[test]
fn a_job_whose_retake_failed_shows_its_earlier_video_and_is_marked_by_its_present_take() {
    let plan = Plan::new(vec![sample::job("hero", "a")], Vec::new());
    let refused = Event::Rejected {
        class: FailureClass::Moderation,
        message: CleanText::new("no such thing"),
    };
    let life = [
        sample::intent("a"),
        sample::accepted("task_1"),
        sample::completed("https://cdn.example.com/1.mp4"),
        Event::Reopened,
        sample::intent("a"),
        refused,
    ];
    let events = (1..)
        .zip(life)
        .map(|(at, event)| sample::event(at, "hero", event));
    let records: Vec<_> = [sample::run(1, &[])].into_iter().chain(events).collect();
    let table = sample::replayed(&plan, &records);
    let page = Html::parse_document(&page_with(&plan, &table, "shots.yaml", &|_| {
        Some(LocalFile {
            path: "videos/hero.mp4".into(),
            poster: None,
        })
    }));
    let [card] = select(&page, ".card")[..] else {
        panic!("one card")
    };
    let mark = |name| card.value().attr(name);
    assert_eq!((mark("data-take"), mark("data-task")), (Some("2"), None));
    assert_eq!(mark("data-status"), Some("failed"));
    let [video] = select(&page, ".card video")[..] else {
        panic!("its video")
    };
    assert_eq!(video.value().attr("src"), Some("./videos/hero.mp4"));
    let [label] = select(&page, ".card .take")[..] else {
        panic!("which take it is")
    };
    assert_eq!(
        text(&label),
        "The video is take 1; what follows is about take 2."
    );
    let words = text(&card);
    for word in ["moderation", "no such thing", "task_1", "take\u{a0}2"] {
        assert!(words.contains(word), "{word}: {words}");
    }
}
