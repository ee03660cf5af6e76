//! `check --probe`: what it says about files that are not what a manifest takes them for, and where it does not go.

use serde_json::json;

use crate::support::{KEY, Provider, Raw, Request, Scenario, filters, html, redirect};

const CLIP: &[u8] = include_bytes!("../../src/simulator/media/square.mp4");
const PICTURE: &[u8] = include_bytes!("../../src/simulator/media/frame.png");

/// A server of files: a picture, a video of two seconds, and some that are not there.
fn files() -> Raw {
    Raw::answering(|request: &Request| match request.path.as_str() {
        "/picture.png" => file("image/png", PICTURE),
        "/clip.mp4" => file("video/mp4", CLIP),
        "/page.png" => html(200, "<!DOCTYPE html><title>Log in</title>"),
        "/moved.png" => redirect("/picture.png"),
        "/busy.png" => html(503, "busy"),
        _ => html(404, "no"),
    })
}

/// A file, whole, whatever part of it is asked for.
fn file(media_type: &str, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = format!(
        "HTTP/1.1 200 -\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), content].concat()
}

/// A manifest whose addresses are on `server`.
fn manifest(server: &Raw, jobs: &str) -> Scenario {
    let url = server.base_url();
    let jobs = jobs.replace("URL", &url);
    let text = format!("defaults: {{ model: seedance2.0-720p, duration: 5 }}\njobs:\n{jobs}");
    Scenario::manifest("shots.yaml", &text)
}

const GOOD: &str = "\
- { id: a, prompt: A kite., image: 'URL/picture.png' }
- { id: b, prompt: A kite., images: ['URL/picture.png', 'URL/moved.png'] }
- { id: c, prompt: A kite., videos: [{ url: 'URL/clip.mp4', seconds: 2 }] }
";

const BAD: &str = "\
- { id: gone, prompt: A kite., image: 'URL/gone.png' }
- { id: page, prompt: A kite., images: ['URL/picture.png', 'URL/page.png'] }
- { id: swapped, prompt: A kite., videos: ['URL/picture.png'] }
- { id: busy, prompt: A kite., image: 'URL/busy.png' }
- { id: stated, prompt: A kite., videos: [{ url: 'URL/clip.mp4', seconds: 6 }] }
";

#[test]
fn files_that_are_there_are_counted_and_no_key_is_sent() {
    let server = files();
    let scenario = manifest(&server, GOOD);
    scenario
        .ask("check", &["--probe", "--allow-private"])
        .exits(0)
        .says("shots.yaml is valid: 3 jobs, 15 seconds of video; all 3 addresses in it answer");
    let requests = server.requests();
    assert!(
        requests
            .iter()
            .all(|request| request.authorization.is_empty())
    );
    let asked = requests
        .iter()
        .filter(|request| request.path == "/clip.mp4");
    assert_eq!(asked.count(), 1);
    assert_eq!(scenario.files().len(), 1, "nothing is written");

    let before = server.requests().len();
    scenario.ask("check", &[]).exits(0);
    assert_eq!(server.requests().len(), before, "only `--probe` asks");
}

#[test]
fn what_is_wrong_with_files_is_told_where_they_are_named() {
    let server = files();
    let scenario = manifest(&server, BAD);
    let check = scenario
        .ask("check", &["--probe", "--allow-private"])
        .exits(2);
    insta::with_settings!({filters => filters()}, { insta::assert_snapshot!(check.stderr) });
    assert!(!check.stderr.contains(KEY));

    let words = ["--probe", "--allow-private", "--json"];
    let lines = scenario.ask("check", &words).exits(2).lines();
    let codes: Vec<_> = lines
        .iter()
        .filter(|line| line["type"] == "diagnostic")
        .map(|line| json!([line["code"], line["severity"], line["line"]]))
        .collect();
    assert_eq!(
        codes,
        [
            json!(["probe-unreachable", "error", 3]),
            json!(["probe-type", "error", 4]),
            json!(["probe-type", "error", 5]),
            json!(["probe-no-answer", "warning", 6]),
            json!(["probe-seconds", "warning", 7]),
        ]
    );
    assert_eq!(lines.last().expect("a summary")["exit_code"], 2);
}

#[test]
fn private_addresses_are_asked_only_if_that_is_allowed() {
    let server = files();
    let scenario = manifest(&server, GOOD);
    scenario
        .ask("check", &["--probe"])
        .exits(2)
        .says("error[probe-private]");
    assert_eq!(server.requests().len(), 0);
    scenario.ask("check", &["--allow-private"]).exits(2);
}

#[test]
fn a_manifest_with_mistakes_is_not_probed() {
    let server = files();
    let scenario = manifest(&server, &GOOD.replace("prompt", "promt"));
    let check = scenario.ask("check", &["--probe", "--allow-private"]);
    check.exits(2).says("unknown field `promt`");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_table_is_probed_too_and_expanded_after_it() {
    let server = files();
    let rows =
        "prompt,model,duration,images\nA kite.,seedance2.0-720p,5,URL/picture.png|URL/gone.png\n";
    let scenario = Scenario::manifest("shots.csv", &rows.replace("URL", &server.base_url()));
    let words = ["--probe", "--allow-private", "--expand"];
    let check = scenario.ask("check", &words).exits(2);
    assert_eq!(check.stdout, "");
    check.says("/gone.png` cannot be fetched: the server answers 404");
    scenario.edit(
        &rows
            .replace("URL/gone.png", "URL/moved.png")
            .replace("URL", &server.base_url()),
    );
    let check = scenario.ask("check", &words).exits(0);
    assert!(check.stdout.contains("/moved.png"), "{}", check.stdout);
}

#[test]
fn an_address_with_a_login_is_not_asked_and_its_password_shown_nowhere_but_sent_as_written() {
    let server = files();
    let login = server.base_url().replace("http://", "http://me:hush-hush@");
    let jobs = format!(
        "- {{ id: a, prompt: A kite., image: '{login}/picture.png', duration: 99 }}\n\
        - {{ id: b, prompt: A kite., image: '{login}/clip.mp4' }}\n"
    );
    let scenario = manifest(&server, &jobs);
    let wrong = scenario.ask("check", &[]).exits(2);
    assert!(!wrong.stderr.contains("hush"), "{}", wrong.stderr);
    wrong.says("me:*********@");

    let scenario = manifest(&server, &jobs.replace("duration: 99", "duration: 9"));
    let check = scenario
        .ask("check", &["--probe", "--allow-private"])
        .exits(0);
    let mut filters = filters();
    filters.push((r"@127\.0\.0\.1:\d+", "@[HOST]"));
    insta::with_settings!({filters => filters}, { insta::assert_snapshot!(check.stderr) });
    assert!(!check.stderr.contains("hush") && !check.stdout.contains("hush"));
    assert_eq!(server.requests().len(), 0);
    let expanded = scenario.ask("check", &["--expand"]).exits(0);
    assert!(expanded.stdout.contains(&login), "{}", expanded.stdout);
}
