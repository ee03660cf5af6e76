//! gallery.html in a real browser: videos play, jobs are found and marked, nothing is loaded from anywhere, and it reads
//! without script. And what a marked page comes to in a run.
//!
//! `SHOTLIST_GALLERY=DIR cargo test --test it gallery` keeps the pages and pictures of them in DIR, to be looked at.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use shotlist::engine::event::{
    Event, FailureClass, MediaUrl, Origin, PendingClass, RunNumber, RunStart, TaskId,
};
use shotlist::engine::job::Take;
use shotlist::engine::selection::Selection;
use shotlist::engine::table::{Fact, JobTable, Record};
use shotlist::manifest;
use shotlist::marks::{Mark, Verdict};
use shotlist::plan::{AspectRatio, Fingerprint, JobId, Plan};
use shotlist::report::gallery::{Gallery, LocalFile, write};
use shotlist::report::summary::Stage;
use shotlist::text::CleanText;

use crate::support::chromium::Browser;
use crate::support::{Scenario, Simulated, announce, standings, until};

const LANDSCAPE: &[u8] = include_bytes!("../../src/simulator/media/landscape.mp4");
const PORTRAIT: &[u8] = include_bytes!("../../src/simulator/media/portrait.mp4");
const SQUARE: &[u8] = include_bytes!("../../src/simulator/media/square.mp4");
const FRAME: &[u8] = include_bytes!("../../src/simulator/media/frame.png");

/// What a provider may say.
const ATTACK: &str = "<script>document.title = 'taken'</script><img src=\"http://elsewhere.example.com/x.png\" onerror=\"document.title='taken'\">";

/// A page with files beside it.
struct Page {
    home: tempfile::TempDir,
    plan: Plan,
}

impl Page {
    /// So many jobs of all kinds; every video of every third job is on disk.
    fn of(count: usize) -> Self {
        let text = table(count);
        let loaded = manifest::load(Path::new("shots.csv"), &|_| Ok(text.clone().into_bytes()));
        let plan = loaded.plan.expect("a valid manifest");
        let home = tempfile::tempdir().expect("a directory");
        let page = Self { home, plan };
        page.write();
        page
    }

    fn write(&self) {
        let videos = self.path("videos ü");
        fs::create_dir(&videos).expect("a directory");
        let state = history(&self.plan);
        let is_local = |job: u32| job.is_multiple_of(3);
        for (job, number) in self.plan.jobs().iter().zip(0_u32..) {
            if is_local(number) {
                let video = match job.request().aspect_ratio().map(AspectRatio::as_str) {
                    Some("9:16") => PORTRAIT,
                    Some("1:1") => SQUARE,
                    _ => LANDSCAPE,
                };
                fs::write(videos.join(format!("{}#1.mp4", job.id())), video).expect("written");
            }
        }
        fs::write(videos.join("frame.png"), FRAME).expect("written");
        let file = |job: u32| {
            let id = self.plan.jobs()[job as usize].id();
            is_local(job).then(|| LocalFile {
                path: format!("videos ü/{id}#1.mp4").into(),
                poster: job.is_multiple_of(2).then(|| "videos ü/frame.png".into()),
            })
        };
        let gallery = Gallery {
            manifest: "shots.csv",
            redo: Some("shotlist run shots.yaml --rerun redo --marks marks.json"),
            plan: &self.plan,
            table: &state,
            selection: &Selection::default(),
            stage: Stage::Real,
            file: &file,
        };
        let mut page = Vec::new();
        write(&gallery, &mut page).expect("memory takes all");
        fs::write(self.file(), page).expect("written");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home
            .path()
            .canonicalize()
            .expect("it is there")
            .join(name)
    }

    fn file(&self) -> PathBuf {
        self.path("gallery.html")
    }

    /// Keeps page and pictures, if somebody wants to look at them.
    fn keep(&self, name: &str, browser: &mut Browser) {
        let Some(wanted) = std::env::var_os("SHOTLIST_GALLERY").map(PathBuf::from) else {
            return;
        };
        fs::create_dir_all(&wanted).expect("a directory");
        let kept = |what: &str| wanted.join(format!("{name}-{what}"));
        fs::copy(self.file(), kept("gallery.html")).expect("copied");
        let videos = wanted.join("videos ü");
        fs::create_dir_all(&videos).expect("a directory");
        for video in fs::read_dir(self.path("videos ü")).expect("there") {
            let video = video.expect("readable");
            fs::copy(video.path(), videos.join(video.file_name())).expect("copied");
        }
        for (what, theme, width) in [
            ("light", "light", 1280),
            ("dark", "dark", 1280),
            ("narrow", "light", 380),
        ] {
            let size = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500 });
            browser.order("Emulation.setDeviceMetricsOverride", &size);
            let theme = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
            browser.order("Emulation.setEmulatedMedia", &theme);
            browser.open(&self.file());
            browser.ask("new Promise((done) => setTimeout(done, 500))");
            browser.keep(
                "Page.captureScreenshot",
                &json!({}),
                &kept(&format!("{what}.png")),
            );
        }
        browser.order("Emulation.clearDeviceMetricsOverride", &json!({}));
        browser.order("Emulation.setEmulatedMedia", &json!({ "features": [] }));
        browser.keep(
            "Page.printToPDF",
            &json!({ "printBackground": true }),
            &kept("print.pdf"),
        );
        browser.open(&self.file());
    }
}

const LONG: &str = "A slow dolly through a rain-soaked night market: paper lanterns sway, steam rises from the woks, a cat crosses under neon signs in three languages, and the camera comes to rest on a hand-painted sign above a tiny noodle shop. Soft focus in the background, no people in the foreground, reflections in the puddles. 雨の夜、提灯の光。";

fn table(count: usize) -> String {
    let mut text = "id,prompt,model,duration,aspect_ratio,seed,x_owner,x_scene\n".to_owned();
    for number in 0..count {
        let (ratio, owner) = (
            ["16:9", "9:16", "1:1"][number % 9 / 3],
            ["Kim", "Lee", ""][number % 3],
        );
        let model = ["seedance2.0-720p", "seedance2.0-fast-480p"][number % 2];
        let prompt = if number % 4 == 1 {
            format!("Shot {number}. {LONG}")
        } else {
            format!("Shot {number}: a glass bottle turns once, slow camera, 雨 {ATTACK:?}")
                .replace('"', "'")
        };
        let scene = number / 4;
        let row = format!(
            "shot-{number:04},\"{prompt}\",{model},8,{ratio},{number},{owner},scene {scene}\n"
        );
        text.push_str(&row);
    }
    text
}

/// A state in which two of three jobs are made, and the others are of every other kind.
fn history(plan: &Plan) -> JobTable {
    let at = Timestamp::from_second(1_767_614_400).expect("in range");
    let mut table = JobTable::new(Some(plan));
    let origin = Origin {
        base_url: "https://api.example.com".to_owned(),
        create_path: "/c".to_owned(),
        poll_path: "/p/{task_id}".to_owned(),
        key: String::new(),
    };
    let run = RunStart {
        run: RunNumber(1),
        origin,
        select: Vec::new(),
        partition: None,
    };
    let mut add = |fact| table.replay(&Record { at, fact }).expect("a legal record");
    add(Fact::Run(run));
    for (job, number) in plan.jobs().iter().zip(0..) {
        for event in life(number, job.request().fingerprint()) {
            let id = job.id().clone();
            add(Fact::Job { id, event });
        }
    }
    table
}

fn life(number: usize, fingerprint: Fingerprint) -> Vec<Event> {
    let message = CleanText::new(ATTACK);
    let intent = Event::Intent {
        run: RunNumber(1),
        fingerprint,
        request: None,
        cost: None,
    };
    let accepted = Event::Accepted {
        task_id: TaskId::new(&format!("task_{number}")).expect("valid"),
        other_id: None,
    };
    let url = format!("https://cdn.example.com/{number}.mp4?sign=a&b");
    let completed = Event::Completed {
        video_url: MediaUrl::new(&url).expect("valid"),
        last_frame_url: None,
    };
    let class = FailureClass::Moderation;
    match number % 12 {
        2 => vec![intent, accepted, Event::Failed { class, message }],
        5 => vec![
            intent,
            Event::Rejected {
                class: FailureClass::Rejected,
                message,
            },
        ],
        7 => vec![intent, Event::Doubted { message }],
        8 => vec![intent, accepted],
        10 => vec![
            intent,
            Event::Returned {
                class: PendingClass::Quota,
                message,
            },
        ],
        11 => vec![],
        _ => vec![intent, accepted, completed],
    }
}

/// A script that notes what the policy of a page forbids.
const NOTE_VIOLATIONS: &str = "window.one = (id) => document.getElementById(id); window.violations = []; addEventListener('securitypolicyviolation', (event) => violations.push(`${event.violatedDirective} ${event.blockedURI}`), true);";

/// Fails if the page has tried to load anything but itself and files beside it.
#[track_caller]
fn assert_alone(browser: &mut Browser, page: &Page) {
    assert_eq!(browser.ask("violations"), json!([]));
    assert_eq!(browser.complaints(), [""; 0]);
    assert_eq!(browser.ask("document.title"), json!("shots.csv – gallery"));
    let beside = url::Url::from_directory_path(page.path("")).expect("absolute");
    for url in browser.asked_for() {
        // The browser's own pictures, on the buttons of a video, are `data:`; the policy allows the page none.
        let is_inside = url.starts_with("blob:") || url.starts_with("data:");
        assert!(is_inside || url.starts_with(beside.as_str()), "{url}");
    }
    let left = browser.left();
    assert!(
        left.iter().all(|asked| !asked.contains("example.com")),
        "{left:?}"
    );
}

/// Ids of the cards that can be seen.
fn seen(browser: &mut Browser) -> Vec<String> {
    let ids = browser.ask(
        "[...document.querySelectorAll('.card')].filter((card) => getComputedStyle(card).display !== 'none' \
         && getComputedStyle(card.closest('.group')).display !== 'none').map((card) => card.id)",
    );
    let ids = ids
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str);
    ids.map(|id| id.trim_start_matches("job-").to_owned())
        .collect()
}

#[test]
fn videos_play_jobs_are_found_and_grouped_and_nothing_is_loaded_from_elsewhere() {
    let Some(mut browser) = Browser::start("the gallery") else {
        return;
    };
    let page = Page::of(12);
    page.keep("12", &mut browser);
    browser.prepare(NOTE_VIOLATIONS);
    browser.open(&page.file());
    assert_eq!(seen(&mut browser).len(), 12);
    assert_eq!(browser.ask("document.scripts.length"), json!(1));
    let said = browser.ask("document.querySelector('.error').textContent");
    assert!(
        said.as_str().is_some_and(|said| said.contains("<script>")),
        "{said}"
    );

    let videos = browser.ask("document.querySelectorAll('video').length");
    assert_eq!(videos, json!(4));
    until("each video shows its first picture, and none plays", || {
        let shown = "[...document.querySelectorAll('video')].every((video) => video.readyState >= 2 && video.paused)";
        browser.ask(shown) == json!(true)
    });
    let played = browser.ask(
        "(async () => { const played = []; for (const video of document.querySelectorAll('video')) { \
         video.muted = true; if (video.controls) throw 1; const moved = new Promise((done) => video.addEventListener('timeupdate', () => video.currentTime > 0 && done())); \
         video.nextElementSibling.click(); await moved; if (!video.controls) throw 2; played.push(video.videoWidth > video.videoHeight ? 'wide' : video.videoWidth < video.videoHeight ? 'tall' : 'square'); } \
         return played; })()",
    );
    assert_eq!(played, json!(["wide", "tall", "square", "wide"]));

    let find = |words: &str| {
        format!(
            "(async () => {{ one('find').value = {words:?}; one('find').dispatchEvent(new Event('input', {{ bubbles: true }})); await new Promise((done) => setTimeout(done, 300)); }})()"
        )
    };
    browser.ask(&find("NIGHT market"));
    assert_eq!(seen(&mut browser), ["shot-0001", "shot-0009", "shot-0005"]);
    browser.ask(&find("night market rejected"));
    assert_eq!(seen(&mut browser), ["shot-0005"]);
    browser.ask(&find("nothing has this"));
    assert_eq!(seen(&mut browser), [""; 0]);
    browser.ask(&find(""));
    browser.ask("document.querySelector('[name=show][value=in_doubt]').click()");
    assert_eq!(seen(&mut browser), ["shot-0007"]);
    browser.ask("document.querySelector('[name=show]').click()");
    browser.ask("group.value = '0'; group.dispatchEvent(new Event('change'))");
    let headings = "[...document.querySelectorAll('h2')].map((heading) => heading.textContent)";
    assert_eq!(browser.ask(headings), json!(["Kim 4", "Lee 4", "none 4"]));
    browser.ask("group.value = 'status'; group.dispatchEvent(new Event('change'))");
    let expected = json!([
        "completed 6",
        "failed 2",
        "in doubt 1",
        "running 1",
        "pending 2"
    ]);
    assert_eq!(browser.ask(headings), expected);
    assert_alone(&mut browser, &page);

    // The same browser does go out where a page lets it.
    let other = page.path("other.html");
    fs::write(&other, "<img src='http://elsewhere.example.com/x.png'>").expect("written");
    browser.open(&other);
    assert!(
        browser
            .left()
            .iter()
            .any(|asked| asked.contains("elsewhere.example.com"))
    );
}

#[test]
fn marks_are_kept_saved_loaded_and_read_by_the_program() {
    let Some(mut browser) = Browser::start("marks in the gallery") else {
        return;
    };
    let page = Page::of(12);
    browser.prepare(NOTE_VIOLATIONS);
    let downloads = json!({ "behavior": "allow", "downloadPath": page.path("") });
    browser.order("Browser.setDownloadBehavior", &downloads);
    browser.open(&page.file());
    let can_be_marked = "[...document.querySelectorAll('.marking')].length";
    assert_eq!(browser.ask(can_be_marked), json!(8), "only what is settled");
    let mark = |id: &str, word: &str, note: &str| {
        format!(
            "(() => {{ const card = document.getElementById('job-{id}'); card.querySelector('[value={word}]').click(); \
             const note = card.querySelector('textarea'); note.value = {note:?}; note.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
        )
    };
    browser.ask(&mark("shot-0000", "keep", ""));
    browser.ask(&mark("shot-0001", "redo", "zu \"dunkel\" </script> 🎬"));
    browser.ask(&mark("shot-0005", "redo", ""));
    browser.ask(&mark("shot-0009", "none", "ask Kim"));
    let marked = "[...document.querySelectorAll('[data-mark]')].map((card) => `${card.id} ${card.dataset.mark}`).sort()";
    let expected = json!([
        "job-shot-0000 keep",
        "job-shot-0001 redo",
        "job-shot-0005 redo"
    ]);
    assert_eq!(browser.ask(marked), expected);

    // The browser stores them behind the page's back, and may show the next page first.
    until("the marks are there again", || {
        browser.open(&page.file());
        browser.ask(marked) == expected
    });
    browser.ask("marked.value = 'redo'; marked.dispatchEvent(new Event('change'))");
    assert_eq!(seen(&mut browser), ["shot-0001", "shot-0005"]);
    browser.ask("save.click()");
    let saved = page.path("marks.json");
    until("the marks are saved", || {
        fs::read(&saved).is_ok_and(|text| text.ends_with(b"}\n"))
    });
    let read = manifest::marks::load(
        "marks.json",
        fs::read(&saved).expect("there"),
        Some("shots.csv"),
    );
    let wanted = |id: &str, task_id: Option<&str>, verdict| Mark {
        job: JobId::new(id).expect("valid"),
        take: Take(1),
        task_id: task_id.map(Into::into),
        verdict,
    };
    assert_eq!(
        read.expect("the program reads what the page writes"),
        [
            wanted("shot-0000", Some("task_0"), Verdict::Keep),
            wanted("shot-0001", Some("task_1"), Verdict::Redo),
            wanted("shot-0005", None, Verdict::Redo),
            wanted("shot-0009", Some("task_9"), Verdict::Open),
        ]
    );
    assert_alone(&mut browser, &page);

    // Another browser that keeps nothing gets them from the file.
    browser.prepare("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('refused'); } });");
    browser.open(&page.file());
    assert_eq!(browser.ask(marked), json!([]));
    let field = browser.order("Runtime.evaluate", &json!({ "expression": "file" }));
    let chosen = json!({ "files": [&saved], "objectId": field["result"]["objectId"] });
    browser.order("DOM.setFileInputFiles", &chosen);
    let told = "new Promise((done) => { const look = () => told.textContent.includes('loaded') ? done(told.textContent) : setTimeout(look, 20); look(); })";
    assert_eq!(browser.ask(told), json!("4 marks loaded"));
    assert_eq!(browser.ask(marked), expected);
    let note = browser.ask("document.querySelector('#job-shot-0001 textarea').value");
    assert_eq!(note, json!("zu \"dunkel\" </script> 🎬"));
    browser.ask(&mark("shot-0000", "none", ""));
    let told = browser.ask("told.textContent");
    assert!(
        told.as_str()
            .is_some_and(|told| told.contains("save before you leave")),
        "{told}"
    );
}

#[test]
fn the_page_reads_without_script() {
    let Some(mut browser) = Browser::start("the gallery without script") else {
        return;
    };
    let page = Page::of(12);
    browser.order(
        "Emulation.setScriptExecutionDisabled",
        &json!({ "value": true }),
    );
    browser.open(&page.file());
    assert_eq!(seen(&mut browser).len(), 12);
    assert_eq!(
        browser.ask("getComputedStyle(tools).display"),
        json!("none")
    );
    assert_eq!(
        browser.ask("document.querySelectorAll('.marking').length"),
        json!(0)
    );
    assert_eq!(
        browser.ask("document.querySelectorAll('.index a[href=\"#job-shot-0004\"]').length"),
        json!(4)
    );
    browser.ask("document.querySelector('[name=show][value=failed]').click()");
    assert_eq!(seen(&mut browser), ["shot-0002", "shot-0005"]);
    for url in browser.asked_for() {
        assert!(
            url.starts_with("file:") || url.starts_with("data:"),
            "{url}"
        );
    }
    assert!(
        browser
            .left()
            .iter()
            .all(|asked| !asked.contains("example.com"))
    );
}

#[test]
fn a_thousand_jobs_are_scrolled_through() {
    let Some(mut browser) = Browser::start("a thousand jobs in the gallery") else {
        return;
    };
    let page = Page::of(1000);
    page.keep("1000", &mut browser);
    browser.prepare(NOTE_VIOLATIONS);
    browser.open(&page.file());
    let frames = browser.ask(
        "new Promise((done) => { const frames = []; let last = performance.now(); document.documentElement.style.scrollBehavior = 'auto'; \
         const step = (now) => { frames.push(now - last); last = now; scrollBy(0, 300); frames.length < 240 ? requestAnimationFrame(step) : done(frames); }; \
         requestAnimationFrame(step); })",
    );
    let frames = frames.as_array().expect("a list");
    let mut times: Vec<f64> = frames.iter().filter_map(Value::as_f64).skip(1).collect();
    times.sort_by(f64::total_cmp);
    let asked = browser.ask("(async () => { const begin = performance.now(); one('find').value = 'night'; one('find').dispatchEvent(new Event('input', { bubbles: true })); \
         await new Promise((done) => setTimeout(done, 80)); await new Promise(requestAnimationFrame); document.body.offsetHeight; return performance.now() - begin - 80; })()");
    announce(&format!(
        "gallery: 1000 jobs, {} kB; frames while scrolling: median {:.1} ms, 95 of 100 within {:.1} ms, longest {:.1} ms; found in {:.0} ms",
        fs::metadata(page.file()).expect("there").len() / 1000,
        times[times.len() / 2],
        times[times.len() * 95 / 100],
        times[times.len() - 1],
        asked.as_f64().unwrap_or_default(),
    ));
    assert!(
        browser
            .ask("scrollY")
            .as_f64()
            .is_some_and(|y| y > 10_000.0)
    );
    assert_eq!(seen(&mut browser).len(), 250);
    assert_alone(&mut browser, &page);
}

#[test]
fn a_run_and_a_report_write_the_gallery_unless_it_is_not_wanted() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    let gallery = scenario.out().join("gallery.html");
    scenario.run(&["--no-gallery"]).exits(0);
    assert!(!gallery.exists());
    let report = scenario.ask("report", &[]).exits(0);
    assert!(
        report
            .says("gallery.html")
            .stdout
            .ends_with("results.csv\n")
    );
    let page = fs::read_to_string(&gallery).expect("a page");
    assert_eq!(page.matches("<article").count(), 2);
    fs::remove_file(&gallery).expect("there");
    let finished = scenario.run(&["--json"]).exits(0);
    assert!(finished.lines().last().expect("a summary")["gallery"].is_string());
    assert_eq!(
        fs::read_to_string(&gallery).expect("a page"),
        page,
        "a function of plan and state"
    );
    let says_no = "output: { gallery: false }\njobs: { from: shots.csv }\n";
    scenario.write("quiet.yaml", says_no);
    scenario
        .shotlist(&["report", "quiet.yaml", "--out", "quiet"])
        .exits(0);
    assert!(!scenario.path("quiet/gallery.html").exists());
    scenario
        .shotlist(&["report", "quiet.yaml", "--out", "quiet", "--gallery"])
        .exits(0);
    assert!(scenario.path("quiet/gallery.html").exists());
}

#[test]
fn a_gallery_of_very_many_jobs_is_written_only_if_it_is_asked_for() {
    let scenario = Scenario::manifest("shots.csv", &crate::support::table(1..=5001));
    let said = scenario
        .ask("report", &["--json"])
        .exits(0)
        .says("5000 jobs");
    assert_eq!(said.lines()[0]["kind"], "no_gallery");
    assert_eq!(said.lines()[1]["gallery"], Value::Null);
    assert!(!scenario.out().join("gallery.html").exists());
    scenario.ask("report", &["--gallery"]).exits(0);
    assert!(scenario.out().join("gallery.html").exists());
}

/// A file of marks for the table `shots.csv`.
fn marks_file(marks: &[Value]) -> String {
    json!({ "schema": 1, "type": "marks", "manifest": "shots.csv", "marks": marks }).to_string()
}

#[test]
fn the_page_names_the_command_for_its_marks_and_the_directory_where_it_is_not_the_usual_one() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let page =
        |directory: PathBuf| fs::read_to_string(directory.join("gallery.html")).expect("a gallery");
    scenario.run(&[]).exits(0);
    let command = "data-redo=\"shotlist run shots.csv --rerun redo --marks marks.json\"";
    assert!(page(scenario.out()).contains(command));
    scenario.run(&["--out", "my runs"]).exits(0);
    let page = page(scenario.path("my runs"));
    let (_, command) = page.split_once("data-redo=\"").expect("a command");
    assert!(
        command.starts_with("shotlist run shots.csv --out "),
        "{command:.80}"
    );
    assert!(command.contains("my runs"), "{command:.80}");
}

#[test]
fn what_is_marked_is_made_again_once_however_often_the_marks_are_given() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    let task = |id: &str| scenario.result(id)["task_id"].to_owned();
    let mark = |id: &str, mark: &str| json!({ "job": id, "take": 1, "task_id": task(id), "mark": mark, "note": "" });
    let before = task("job-02");
    let marks = [mark("job-01", "keep"), mark("job-02", "redo")];
    scenario.write("marks.json", &marks_file(&marks));
    let redo = ["--rerun", "redo", "--marks", "marks.json"];
    scenario
        .run(&redo)
        .exits(0)
        .says("1 video to be made again is not downloaded: `job-02`");
    assert_eq!(provider.creates(), 4);
    assert_ne!(task("job-02"), before);
    for _ in 0..2 {
        scenario
            .run(&redo)
            .exits(0)
            .says("have been made again since: `job-02`");
    }
    assert_eq!(provider.creates(), 4);
    assert_eq!(standings(&scenario.results()), ["completed"; 3]);
}

#[test]
fn marks_with_a_mistake_stop_everything_before_anything_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    let redo = ["--rerun", "redo", "--marks", "marks.json"];
    scenario.run(&redo).exits(2).says("marks.json");
    let marks = [json!({ "job": "job-01", "take": 0, "task": null, "mark": "again" })];
    scenario.write("marks.json", &marks_file(&marks));
    let said = scenario.run(&redo).exits(2);
    for code in ["marks-value", "marks-field", "marks.json:1:", "help"] {
        assert!(
            said.stderr.contains(code),
            "no `{code}` in\n{}",
            said.stderr
        );
    }
    scenario.write(
        "marks.json",
        &marks_file(&[]).replace("shots.csv", "other.csv"),
    );
    scenario.run(&redo).exits(2).says("marks-manifest");
    scenario.run(&redo[..2]).exits(2).says("--marks FILE");
    scenario.run(&redo[2..]).exits(2).says("--rerun redo");
    assert_eq!(provider.posts(), 0);
    assert!(!scenario.out().exists(), "no state is begun");
    let marks = [json!({ "job": "nobody", "take": 1, "task_id": null, "mark": "redo" })];
    scenario.write("marks.json", &marks_file(&marks));
    let said = "this state knows nothing of";
    scenario.run(&redo).exits(2).says(said);
    scenario.ask("plan", &redo).exits(2).says(said);
    assert_eq!(provider.posts(), 0);
    scenario.run(&[]).exits(0);
    scenario.run(&redo).exits(0).says("1 mark does not count");
    assert_eq!(provider.creates(), 1);
}
