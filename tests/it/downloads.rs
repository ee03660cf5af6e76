//! Videos on disk, through the program itself: fetched whole, gone on with after a kill, under a fresh address, never over
//! somebody else's file; and `verify`, which finds what has changed since.

use std::fs;
use std::path::Path;

use crate::support::{Finished, KEY, Row, Running, Scenario, Simulated, standings, table, until};

/// Options of a run that downloads, and asks again quickly.
const DOWNLOAD: [&str; 1] = ["--download"];

/// What a video folder holds, hidden files included, sorted.
fn videos(scenario: &Scenario) -> Vec<String> {
    let Ok(files) = fs::read_dir(scenario.out().join("videos")) else {
        return Vec::new();
    };
    let name = |file: std::io::Result<fs::DirEntry>| {
        let name = file.expect("readable").file_name();
        name.into_string().expect("UTF-8")
    };
    let mut names: Vec<_> = files.map(name).collect();
    names.sort();
    names
}

fn video(scenario: &Scenario, name: &str) -> Vec<u8> {
    fs::read(scenario.out().join("videos").join(name)).expect("a file")
}

fn is_playable(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"ftyp") && bytes.windows(4).any(|bytes| bytes == b"mdat")
}

/// How many records of this type the state has.
fn records(scenario: &Scenario, kind: &str) -> usize {
    let lines = scenario.state_lines();
    lines.iter().filter(|line| line["type"] == kind).count()
}

fn download(scenario: &Scenario, options: &[&str]) -> Finished {
    scenario.ask("download", options)
}

fn verify(scenario: &Scenario) -> Finished {
    scenario.ask("verify", &[])
}

fn file(row: &Row) -> &str {
    &row["file"]
}

#[test]
fn every_video_is_downloaded_recorded_and_verified_and_again_there_is_nothing_to_do() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(4).at(&provider);
    let run = scenario.run(&["--download", "--json"]).exits(0);
    let summary = run.lines().pop().expect("a summary");
    assert_eq!(summary["downloads"]["done"], 4);
    assert_eq!(summary["downloads"]["missing"], 0);
    let rows = scenario.results();
    assert_eq!(standings(&rows), ["completed"; 4]);
    for row in &rows {
        let path = scenario.out().join(file(row));
        assert_eq!(file(row), format!("videos/{}.mp4", &row["id"]));
        assert!(is_playable(&fs::read(path).expect("there")), "{row:?}");
    }
    verify(&scenario).exits(0);
    let (state, ledger) = (scenario.state(), provider.ledger());
    let is_anonymous = ledger.fetches.iter().all(|fetch| !fetch.authorized);
    assert!(
        is_anonymous && ledger.fetches.len() == 4,
        "{:?}",
        ledger.fetches
    );
    scenario.run(&DOWNLOAD).exits(0);
    download(&scenario, &[]).exits(0).says("0 downloaded");
    assert_eq!(provider.ledger().fetches.len(), 4);
    let added = &scenario.state()[state.len()..];
    assert!(
        added.lines().all(|line| line.contains("\"type\":\"run\"")),
        "{added}"
    );
    for (path, content) in scenario.files() {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains(KEY), "{}", path.display());
    }
}

#[test]
fn a_run_that_does_not_download_leaves_no_trace_of_downloads() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    let run = scenario.run(&["--json"]).exits(0);
    let told = run.stdout.replace("\"downloads\":null", "");
    assert!(!told.contains("download"), "{told}");
    assert_eq!(videos(&scenario), Vec::<String>::new());
    assert!(!scenario.state().contains("download"));
    assert!(scenario.results().iter().all(|row| file(row).is_empty()));
    assert_eq!(provider.ledger().fetches, []);
    // Afterwards is soon enough, and costs nothing.
    download(&scenario, &[]).exits(0).says("2 downloaded");
    assert_eq!(
        videos(&scenario),
        ["job-01.json", "job-01.mp4", "job-02.json", "job-02.mp4"]
    );
    assert_eq!(provider.posts(), 2);
    verify(&scenario).exits(0);
}

#[test]
fn a_download_that_was_killed_goes_on_where_it_stood() {
    let provider = Simulated::with_faults("slow-video=8s:first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    let part = scenario.out().join("videos/.video.job-01.part");
    let mut run = scenario.start(&DOWNLOAD);
    run.until("a part of the video", |_| {
        fs::metadata(&part).is_ok_and(|part| part.len() > 300)
    });
    run.kill();
    let kept = fs::metadata(&part).expect("it stays").len();
    scenario.run(&DOWNLOAD).exits(0);
    let fetches = provider.ledger().fetches;
    let [first, second] = &fetches[..] else {
        panic!("{fetches:?}")
    };
    assert_eq!((second.status, second.from), (206, kept), "{fetches:?}");
    let whole = video(&scenario, "job-01.mp4");
    assert_eq!(
        second.bytes,
        whole.len() as u64 - kept,
        "only the rest was sent"
    );
    assert!(
        first.bytes >= kept && first.bytes < whole.len() as u64,
        "{first:?}"
    );
    assert!(is_playable(&whole));
    assert_eq!(videos(&scenario), ["job-01.json", "job-01.mp4"]);
    assert_eq!((provider.posts(), records(&scenario, "downloaded")), (1, 1));
    verify(&scenario).exits(0);
}

#[test]
fn ctrl_c_ends_a_download_at_once_and_the_next_run_goes_on() {
    let provider = Simulated::with_faults("slow-video=60s:first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    let part = scenario.out().join("videos/.video.job-01.part");
    let mut run = scenario.start(&DOWNLOAD);
    run.until("a part of the video", |_| {
        fs::metadata(&part).is_ok_and(|part| part.len() > 100)
    });
    let began = std::time::Instant::now();
    run.interrupt();
    run.finish().exits(130);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(&scenario.result("job-01")["status"], "completed");
    download(&scenario, &[]).exits(0);
    assert!(provider.ledger().fetches[1].from > 0);
    verify(&scenario).exits(0);
}

#[test]
fn a_connection_that_breaks_off_is_gone_on_with_in_the_same_run() {
    let provider = Simulated::with_faults("cut-video=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&DOWNLOAD).exits(0).says("a download failed");
    let fetches = provider.ledger().fetches;
    assert_eq!(fetches.len(), 2, "{fetches:?}");
    assert_eq!(fetches[1].from, fetches[0].bytes, "{fetches:?}");
    verify(&scenario).exits(0);
}

#[test]
fn an_expired_address_is_asked_for_once_more() {
    let provider = Simulated::with_faults("expired-url=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&DOWNLOAD).exits(0);
    assert_eq!(records(&scenario, "renewed"), 1);
    let row = scenario.result("job-01");
    assert!(row["video_url"].ends_with("?fresh=1"), "{row:?}");
    assert_eq!(file(&row), "videos/job-01.mp4");
    let ledger = provider.ledger();
    let statuses: Vec<_> = ledger.fetches.iter().map(|fetch| fetch.status).collect();
    assert_eq!(statuses, [403, 200]);
    assert_eq!(
        (ledger.tasks.len(), provider.posts()),
        (1, 1),
        "not made again"
    );
}

#[test]
fn without_a_key_an_expired_address_is_left_with_the_reason_and_exit_7_and_with_one_it_is_fetched()
{
    let provider = Simulated::with_faults("expired-url=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let mut keyless = scenario.command(&["download", "shots.csv"]);
    keyless.env_remove("SHOTLIST_API_KEY");
    let run = Running::of(keyless).finish().exits(7);
    let run = run.says("status 403").says("without an API key");
    assert!(run.stderr.contains("1 missing"), "{}", run.stderr);
    let row = scenario.result("job-01");
    assert_eq!(&row["status"], "completed", "it stays so");
    assert!(row["error"].contains("status 403"), "{row:?}");
    assert!(row["note"].contains("shotlist download"), "{row:?}");
    assert_eq!(file(&row), "");
    download(&scenario, &[]).exits(0);
    let row = scenario.result("job-01");
    assert_eq!(
        (file(&row), &row["error"], &row["note"]),
        ("videos/job-01.mp4", "", "")
    );
    assert_eq!(provider.posts(), 1);
}

#[test]
fn a_web_page_is_never_taken_for_a_video() {
    let provider = Simulated::with_faults("html-video=first:2");
    let scenario = Scenario::jobs(2).at(&provider);
    let run = scenario.run(&["--download", "--download-concurrency", "1"]);
    let run = run.exits(7).says("exit code 7: videos are not downloaded");
    assert!(
        run.stderr.contains("next:    shotlist run"),
        "{}",
        run.stderr
    );
    assert_eq!(standings(&scenario.results()), ["completed"; 2]);
    assert_eq!(videos(&scenario), Vec::<String>::new());
    let missing = scenario
        .results()
        .iter()
        .filter(|row| file(row).is_empty())
        .count();
    assert_eq!(missing, 2);
    assert!(scenario.result("job-01")["error"].contains("a web page"));
    scenario.run(&DOWNLOAD).exits(0);
    assert_eq!((provider.posts(), videos(&scenario).len()), (2, 4));
    verify(&scenario).exits(0);
}

#[test]
fn another_origin_is_followed_without_the_key() {
    let provider = Simulated::with_faults("redirect-video");
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&DOWNLOAD).exits(0);
    let ledger = provider.ledger();
    assert_eq!(ledger.fetches.len(), 4, "{:?}", ledger.fetches);
    assert!(ledger.fetches.iter().all(|fetch| !fetch.authorized));
    verify(&scenario).exits(0);
}

#[test]
fn a_file_that_is_there_stays_as_it_is() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let folder = scenario.out().join("videos");
    fs::create_dir(&folder).expect("writable");
    fs::write(folder.join("job-01.mp4"), "my own film").expect("writable");
    download(&scenario, &[]).exits(0);
    assert_eq!(video(&scenario, "job-01.mp4"), b"my own film");
    assert_eq!(file(&scenario.result("job-01")), "videos/job-01 (2).mp4");
    verify(&scenario).exits(0);
}

#[test]
fn a_second_take_gets_a_file_of_its_own() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&DOWNLOAD).exits(0);
    let first = video(&scenario, "job-01.mp4");
    let text = fs::read_to_string(scenario.path("shots.csv")).expect("a manifest");
    scenario.edit(&text.replace("A film about", "Another film about"));
    scenario.run(&["--download", "--rerun", "changed"]).exits(0);
    assert_eq!(file(&scenario.result("job-01")), "videos/job-01.take2.mp4");
    assert_eq!(video(&scenario, "job-01.mp4"), first);
    verify(&scenario).exits(0);
}

#[test]
fn the_manifest_says_where_videos_go_and_how_they_are_called() {
    let provider = Simulated::good_day();
    let text = "\
output: { download: clips, file_name: \"{x_title} ({id})\", download_concurrency: 1 }
defaults: { model: seedance2.0-720p, duration: 5, aspect_ratio: \"1:1\" }
jobs:
  - { id: rain, prompt: Rain., x_title: \"雨/夜: 1\", extra_body: { return_last_frame: true, seed: 7 } }
";
    let scenario = Scenario::manifest("film.yaml", text).at(&provider);
    scenario.run(&[]).exits(0);
    let row = scenario.result("rain");
    let expected = scenario.home().join("clips/雨_夜_ 1 (rain).mp4");
    assert_eq!(
        Path::new(file(&row)),
        expected,
        "outside of the results' directory"
    );
    assert!(is_playable(&fs::read(&expected).expect("there")));
    assert!(expected.with_extension("png").exists());
    let sidecar = fs::read_to_string(expected.with_extension("json")).expect("there");
    let sidecar: serde_json::Value = serde_json::from_str(&sidecar).expect("JSON");
    assert_eq!(sidecar["id"], "rain");
    assert_eq!(sidecar["prompt"], "Rain.");
    assert_eq!(sidecar["parameters"]["extra_body"]["seed"], 7);
    assert_eq!(sidecar["task_id"], row["task_id"]);
    verify(&scenario).exits(0).stdout.contains("2 files");
}

#[test]
fn verify_finds_a_flipped_byte_and_a_missing_file_and_changes_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&DOWNLOAD).exits(0);
    let folder = scenario.out().join("videos");
    let mut bytes = video(&scenario, "job-01.mp4");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(folder.join("job-01.mp4"), bytes).expect("writable");
    fs::remove_file(folder.join("job-02.mp4")).expect("removable");
    let before = scenario.files();
    let found = scenario.ask("verify", &["--json"]).exits(3);
    let findings: Vec<_> = found
        .lines()
        .iter()
        .filter(|line| line["type"] == "file")
        .map(|line| format!("{} {}", line["file"], line["finding"]))
        .collect();
    assert_eq!(
        findings,
        [
            "\"videos/job-01.mp4\" \"changed\"",
            "\"videos/job-02.mp4\" \"missing\"",
            "\"videos/job-03.mp4\" \"good\""
        ]
    );
    let text = verify(&scenario).exits(3).stdout;
    assert!(
        text.contains("changed") && text.contains("1 of 3 files"),
        "{text}"
    );
    assert_eq!(scenario.files(), before);
    // What is gone is fetched again, by a run too; what was changed is its owner's.
    let gone = "a recorded file of 1 job is no longer on the disk";
    let status = scenario.ask("status", &[]).exits(0).stdout;
    assert!(status.contains(gone), "{status}");
    download(&scenario, &[]).exits(0).says("1 downloaded");
    let text = verify(&scenario).exits(3).stdout;
    assert!(text.contains("2 of 3 files"), "{text}");
    assert!(
        text.contains("next:    shotlist download shots.csv\n"),
        "{text}"
    );
    fs::remove_file(folder.join("job-03.mp4")).expect("removable");
    let plan = scenario.ask("plan", &[]).exits(0).stdout;
    assert!(plan.contains("its file is gone"), "{plan}");
    scenario.run(&DOWNLOAD).exits(0).says("1 downloaded");
    fs::rename(folder.join("job-01.mp4"), folder.join("mine.mp4")).expect("movable");
    scenario.run(&DOWNLOAD).exits(0).says("1 downloaded");
    verify(&scenario).exits(0);
}

#[test]
fn a_paid_video_stays_in_sight_whatever_becomes_of_its_retakes() {
    let provider = Simulated::with_faults("moderation=after:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let first = scenario.result("job-01");
    let changed = ["--rerun", "changed"];
    for word in ["one", "two", "three"] {
        scenario.edit(&table(1..=1).replace("about", word));
        let run = scenario.run(&changed).exits(3);
        run.says("1 job keeps its earlier video: its retake failed");
        let row = scenario.result("job-01");
        assert_eq!(standings(std::slice::from_ref(&row)), ["failed/moderation"]);
        for paid in [&first["task_id"], &first["video_url"]] {
            assert!(row["note"].contains(paid), "{row:?}");
        }
        assert!(file(&row).is_empty(), "it is the present take's");
    }
    let gallery = fs::read_to_string(scenario.out().join("gallery.html")).expect("a page");
    assert!(gallery.contains(&first["task_id"]) && gallery.contains("take 1"));
    let plan = scenario.ask("plan", &[]).exits(0).stdout;
    assert!(plan.contains("its take 1 is completed"), "{plan}");

    download(&scenario, &[]).exits(0).says("1 downloaded");
    assert_eq!(videos(&scenario), ["job-01.json", "job-01.mp4"]);
    let sidecar = String::from_utf8(video(&scenario, "job-01.json")).expect("JSON");
    assert!(
        sidecar.contains(&first["prompt"]),
        "what was sent: {sidecar}"
    );
    assert!(scenario.result("job-01")["note"].ends_with("videos/job-01.mp4"));
    fs::remove_file(scenario.out().join("videos/job-01.mp4")).expect("removable");
    let found = scenario.ask("verify", &["--json"]).exits(3).lines();
    assert_eq!(
        (&found[0]["take"], &found[0]["finding"]),
        (&1.into(), &"missing".into())
    );
    assert_eq!(found[1]["next"], "shotlist download shots.csv");
    scenario.run(&DOWNLOAD).exits(3).says("1 downloaded");
    verify(&scenario).exits(0);
    assert_eq!((provider.creates(), provider.posts()), (1, 4));
}

#[test]
fn a_rehearsal_downloads_among_its_own_files() {
    let text = "\
output: { download: clips }
defaults: { model: seedance2.0-720p, duration: 5 }
jobs: [{ id: a, prompt: x }]
";
    let scenario = Scenario::manifest("film.yaml", text);
    for _ in 0..2 {
        let run = scenario
            .shotlist(&["run", "film.yaml", "--rehearse"])
            .exits(0);
        assert!(run.stderr.contains("1 downloaded"), "{}", run.stderr);
        let folder = scenario.path("film.rehearsal/videos");
        let files = fs::read_dir(folder).expect("a directory").count();
        assert_eq!(files, 2, "each rehearsal begins anew");
    }
    assert!(!scenario.path("clips").exists());
}

#[test]
fn two_downloads_of_one_state_cannot_happen() {
    let provider = Simulated::with_faults("slow-video=60s:first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    let mut run = scenario.start(&DOWNLOAD);
    run.until("a download", |_| !provider.ledger().fetches.is_empty());
    download(&scenario, &[]).exits(75);
    verify(&scenario)
        .exits(0)
        .stdout
        .contains("no downloaded file");
    run.kill();
}

#[test]
fn before_any_run_there_is_nothing_to_download_or_to_verify() {
    let scenario = Scenario::jobs(1);
    let found = verify(&scenario).exits(0).stdout;
    assert!(found.contains("no downloaded file"), "{found}");
    download(&scenario, &[]).exits(0).says("0 downloaded");
    download(&scenario, &["--select", "z*"]).exits(2);
}

#[test]
fn the_summary_of_downloads_in_json_is_small() {
    let provider = Simulated::with_faults("html-video=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(0);
    let run = download(&scenario, &["--json", "--download-concurrency", "1"]).exits(7);
    let summary = run.lines().pop().expect("a summary");
    assert_eq!(summary["command"], "download");
    assert_eq!(summary["downloads"]["missing"], 1);
    let next = "shotlist download shots.csv --download-concurrency 1";
    assert_eq!(summary["next"], next);
    let run = run.says("1 × a web page").says(next);
    run.says("exit code 7: videos are not downloaded");
    let run = download(&scenario, &["--json"]).exits(0);
    let job = run.lines().into_iter().find(|line| line["type"] == "job");
    assert_eq!(job.expect("a job")["file"], "videos/job-01.mp4");
}

#[test]
fn a_slow_download_does_not_hold_up_the_next_submit() {
    let provider = Simulated::with_faults("slow-video=60s:first:2");
    let scenario = Scenario::jobs(6).at(&provider);
    let mut run = scenario.start(&["--download", "--concurrency", "1"]);
    run.until("every job to be made", |_| provider.creates() == 6);
    until("every job to be completed", || {
        standings(&scenario.results()) == ["completed"; 6]
    });
    assert!(!run.has_ended(), "it waits for the videos");
    run.kill();
}

/// Steps of a download on its files, with the program killed or the system failing at each.
#[cfg(target_os = "linux")]
mod steps {
    use super::*;
    use crate::support::strace::{Call, Effect, Strace, can_trace};
    use crate::support::{KILLED, announce};

    const CALLS: &str =
        "?open,openat,write,fsync,ftruncate,?rename,renameat,renameat2,?unlink,unlinkat";

    /// A scenario whose video is made and not downloaded.
    fn made(provider: &Simulated) -> Scenario {
        let scenario = Scenario::jobs(1).at(provider);
        scenario.run(&[]).exits(0);
        scenario
    }

    /// Everything that a download touches, as it names them.
    fn paths(scenario: &Scenario) -> Vec<String> {
        let names = [
            "",
            "/.video.job-01.part",
            "/.video-notes.job-01.part",
            "/.video-notes-new.job-01.part",
            "/.sidecar.job-01.part",
            "/job-01.json",
            "/job-01.mp4",
        ];
        // A file that is opened has its whole name, one that is renamed that of the command line.
        let home = scenario.home();
        let folders = [format!("{}/", home.display()), String::new()];
        let paths = folders
            .iter()
            .flat_map(|home| names.map(|name| format!("{home}shots.run/videos{name}")));
        paths.collect()
    }

    fn traced(scenario: &Scenario, strike: Option<(&str, Effect, usize)>) -> (i32, Vec<Call>) {
        let mut strace = Strace::of_all_threads(CALLS).on(&paths(scenario));
        if let Some((call, effect, nth)) = strike {
            strace = strace.injecting(call, effect, nth);
        }
        let mut command = scenario.command(&["download", "shots.csv"]);
        command.env("SSL_CERT_FILE", "/dev/null");
        let (finished, calls) = strace.start(&command).end(|| ());
        (finished.code, calls)
    }

    /// What must be after anything has happened and the command was run once more.
    fn assert_mended(scenario: &Scenario, provider: &Simulated, what: &str) {
        let again = download(scenario, &[]);
        assert_eq!(again.code, 0, "{what}:\n{}", again.stderr);
        let mut files = videos(scenario);
        if what.starts_with("unlink") {
            files.retain(|name| !name.starts_with('.')); // what cannot be removed stays
        }
        assert_eq!(files, ["job-01.json", "job-01.mp4"], "{what}");
        assert!(is_playable(&video(scenario, "job-01.mp4")), "{what}");
        assert_eq!(records(scenario, "downloaded"), 1, "{what}");
        assert_eq!(verify(scenario).code, 0, "{what}");
        assert_eq!(provider.posts(), 1, "{what}");
        assert_eq!(&scenario.result("job-01")["status"], "completed", "{what}");
    }

    #[test]
    fn a_kill_at_any_step_leaves_what_the_next_run_mends() {
        if !can_trace("kills at every step of a download") {
            return;
        }
        let provider = Simulated::good_day();
        let (code, calls) = traced(&made(&provider), None);
        assert_eq!(code, 0);
        let mut names: Vec<&str> = calls.iter().map(|call| call.name.as_str()).collect();
        names.sort_unstable();
        let mut struck = 0;
        for name in names.iter().collect::<std::collections::BTreeSet<_>>() {
            let times = names.iter().filter(|other| *other == name).count();
            for nth in 1..=times {
                for effect in [Effect::Kill, Effect::Error("EIO")] {
                    let provider = Simulated::good_day();
                    let scenario = made(&provider);
                    let (code, _) = traced(&scenario, Some((name, effect, nth)));
                    let what = format!("{name} number {nth}: {effect:?}");
                    if effect == Effect::Kill {
                        assert!([KILLED, 0].contains(&code), "{what}: {code}");
                    } else {
                        assert!([0, 7, 74].contains(&code), "{what}: {code}");
                    }
                    struck += 1;
                    assert_mended(&scenario, &provider, &what);
                }
            }
        }
        announce(&format!("downloads: {struck} faults at their steps"));
        assert!(struck > 20, "{struck}");
    }

    #[test]
    fn a_full_disk_fails_the_download_and_nothing_else() {
        if !can_trace("a download on a full disk") {
            return;
        }
        let provider = Simulated::good_day();
        let scenario = made(&provider);
        let part = scenario.home().join("shots.run/videos/.video.job-01.part");
        let part = part.display().to_string();
        let strace = Strace::of_all_threads("write").on(&[part]).injecting(
            "write",
            Effect::Error("ENOSPC"),
            1,
        );
        let command = scenario.command(&["download", "shots.csv"]);
        let (finished, _) = strace.start(&command).end(|| ());
        finished.exits(7).says("No space left");
        assert_eq!(
            videos(&scenario),
            Vec::<String>::new(),
            "its room is given back"
        );
        assert_mended(&scenario, &provider, "a full disk");
    }

    #[test]
    fn a_video_is_on_disk_under_its_name_before_that_is_recorded() {
        if !can_trace("the order of a download") {
            return;
        }
        let provider = Simulated::good_day();
        let scenario = made(&provider);
        let mut traced_paths = paths(&scenario);
        traced_paths.push("shots.run/state.jsonl".to_owned());
        let strace = Strace::of_all_threads("write,fsync,fdatasync,renameat2").on(&traced_paths);
        let command = scenario.command(&["download", "shots.csv"]);
        let (finished, calls) = strace.start(&command).end(|| ());
        finished.exits(0);
        let at = |what: &str, is_it: &dyn Fn(&Call) -> bool| {
            let found = calls.iter().rposition(is_it);
            found.unwrap_or_else(|| panic!("{what} in {calls:#?}"))
        };
        let named = |call: &Call, name: &str, file: &str| {
            call.name == name && call.open_file().is_some_and(|path| path.ends_with(file))
        };
        let renames = |call: &Call, to: &str| {
            call.name == "renameat2" && call.texts().last().is_some_and(|path| path.ends_with(to))
        };
        let steps = [
            at("the bytes", &|call| {
                named(call, "write", "videos/.video.job-01.part")
            }),
            at("their sync", &|call| {
                named(call, "fsync", "videos/.video.job-01.part")
            }),
            at("the sidecar's name", &|call| renames(call, "/job-01.json")),
            at("the video's name", &|call| renames(call, "/job-01.mp4")),
            at("the directory's sync", &|call| {
                named(call, "fsync", "shots.run/videos")
            }),
            at("the record", &|call| {
                named(call, "write", "state.jsonl") && call.text().contains("\"downloaded\"")
            }),
        ];
        assert!(steps.is_sorted(), "{steps:?}\n{calls:#?}");
    }
}
