//! Facts about addresses, and what people read about them.

use std::path::Path;

use super::*;
use crate::manifest::{Colour, LoadOptions, Loaded, load_with};
use crate::media::format_of;

const MP4: &[u8] = b"\0\0\0\x18ftypisom\0\0\x02\0";
const PAGE: &[u8] = b"<!doctype html><title>Log in</title>";

/// An answer of 200.
fn sent(media_type: &str, start: &[u8]) -> Facts {
    Facts {
        status: 200,
        media_type: Some(media_type.to_owned()).filter(|text| !text.is_empty()),
        format: format_of(start),
        size: Some(1000),
        length: None,
    }
}

/// A video of so many milliseconds.
fn video(millis: u64) -> Outcome {
    Outcome::Answered(Facts {
        length: Some(Ok(Duration::from_millis(millis))),
        ..sent("video/mp4", MP4)
    })
}

fn status(status: u16) -> Outcome {
    Outcome::Answered(Facts {
        status,
        ..Facts::default()
    })
}

/// The manifest with what `outcome` of each of its addresses means.
fn probed(name: &str, text: &str, outcome: impl Fn(&str) -> Outcome) -> Loaded {
    let text = text.to_owned();
    let options = LoadOptions {
        keeps_references: true,
        ..LoadOptions::default()
    };
    let read = move |_: &Path| Ok(text.clone().into());
    let mut loaded = load_with(Path::new(name), &options, &read);
    assert!(loaded.plan.is_some(), "{}", loaded.render_compact());
    let references = loaded.references.take().expect("asked for");
    let addresses = references.addresses().iter();
    let outcomes: Vec<Outcome> = addresses.map(|address| outcome(address)).collect();
    let found = findings(&references, &outcomes, &loaded.sources);
    loaded.add(found);
    loaded
}

/// `severity code` of what is said about a job with this field, whose address has that outcome.
fn said(field: &str, outcome: &Outcome) -> Vec<String> {
    let text = format!(
        "jobs: [{{ prompt: a, model: seedance2.0-720p, duration: 5, {field}: ['https://a.example/f'] }}]"
    );
    let text = match field {
        "image" => text.replace(['[', ']'], "").replace("jobs: ", "jobs: [") + "]",
        _ => text,
    };
    let loaded = probed("a.yaml", &text, |_| outcome.clone());
    let found = loaded.diagnostics.iter();
    found
        .map(|found| format!("{:?} {}", found.severity, found.code))
        .collect()
}

#[test]
fn a_status_is_an_error_if_the_provider_will_meet_it_too() {
    for (code, expected) in [
        (200, vec![]),
        (204, vec![]),
        (206, vec![]),
        (304, vec!["Error probe-unreachable"]),
        (400, vec!["Error probe-unreachable"]),
        (401, vec!["Error probe-unreachable"]),
        (403, vec!["Error probe-unreachable"]),
        (404, vec!["Error probe-unreachable"]),
        (410, vec!["Error probe-unreachable"]),
        (407, vec!["Warning probe-no-answer"]),
        (408, vec!["Warning probe-no-answer"]),
        (429, vec!["Warning probe-no-answer"]),
        (500, vec!["Warning probe-no-answer"]),
        (503, vec!["Warning probe-no-answer"]),
    ] {
        let facts = Facts {
            status: code,
            ..sent("image/png", b"")
        };
        assert_eq!(said("image", &Outcome::Answered(facts)), expected, "{code}");
    }
}

#[test]
fn a_file_must_be_what_its_field_takes() {
    let png = b"\x89PNG\r\n\x1a\n";
    let m4a = b"\0\0\0\x18ftypM4A \0\0\0\0";
    let (error, warning) = (vec!["Error probe-type"], vec!["Warning probe-type"]);
    for (field, facts, expected) in [
        ("image", sent("image/png", png), vec![]),
        ("image", sent("image/png", b""), vec![]),
        ("image", sent("application/octet-stream", png), vec![]),
        ("image", sent("", png), vec![]),
        ("image", sent("text/plain", png), warning.clone()),
        ("image", sent("", b""), warning.clone()),
        (
            "image",
            sent("binary/octet-stream", b"???"),
            warning.clone(),
        ),
        ("image", sent("text/html", PAGE), error.clone()),
        ("image", sent("image/png", PAGE), error.clone()),
        ("image", sent("text/html", b""), error.clone()),
        ("image", sent("image/svg+xml", b"<svg/>"), error.clone()),
        ("image", sent("video/mp4", MP4), error.clone()),
        ("image", sent("application/pdf", b"%PDF-1.7"), error.clone()),
        ("videos", sent("video/mp4", MP4), vec![]),
        ("videos", sent("video/webm", b""), vec![]),
        ("videos", sent("text/html", PAGE), error.clone()),
        ("videos", sent("image/png", png), error.clone()),
        ("videos", sent("audio/mp4", m4a), error.clone()),
        ("audios", sent("audio/mpeg", b"ID3\x04"), vec![]),
        ("audios", sent("audio/mp4", m4a), vec![]),
        ("audios", sent("audio/mp4", MP4), vec![]),
        ("audios", sent("video/mp4", MP4), error.clone()),
    ] {
        let outcome = Outcome::Answered(facts.clone());
        assert_eq!(said(field, &outcome), expected, "{field} {facts:?}");
    }
    let empty = Facts {
        size: Some(0),
        ..sent("image/png", b"")
    };
    assert_eq!(said("image", &Outcome::Answered(empty)), error);
}

#[test]
fn a_video_may_miss_its_limits_by_a_frame() {
    for (millis, expected) in [
        (1_000, vec!["Error probe-length"]),
        (1_899, vec!["Error probe-length"]),
        (1_900, vec!["Warning probe-length"]),
        (2_000, vec![]),
        (8_000, vec![]),
        (15_000, vec![]),
        (15_023, vec!["Warning probe-length"]),
        (15_100, vec!["Warning probe-length"]),
        (15_101, vec!["Error probe-length"]),
        (600_000, vec!["Error probe-length"]),
    ] {
        assert_eq!(said("videos", &video(millis)), expected, "{millis} ms");
    }
}

#[test]
fn a_length_that_cannot_be_told_is_a_note_and_only_of_a_video() {
    let unknown = |media_type, start| {
        Outcome::Answered(Facts {
            length: Some(Err("it is fragmented".to_owned())),
            ..sent(media_type, start)
        })
    };
    let note = ["Note probe-length-unknown"];
    assert_eq!(said("videos", &unknown("video/mp4", MP4)), note);
    let page = unknown("text/html", PAGE);
    assert_eq!(said("videos", &page), ["Error probe-type"]);
}

const LISTS: &str = "\
defaults: { model: seedance2.0-720p, duration: 5 }
jobs:
  - id: fits
    prompt: A.
    videos: [https://a.example/6, https://a.example/9]
  - id: too-long-together
    prompt: B.
    videos: [https://a.example/6, https://a.example/9.5]
  - id: known-in-part
    prompt: C.
    videos: [https://a.example/9, https://a.example/9.5, https://a.example/x]
  - id: stated
    prompt: D.
    videos:
      - { url: https://a.example/6, seconds: 6 }
      - { url: https://a.example/9, seconds: 3.5 }
  - id: one-is-too-long-itself
    prompt: E.
    videos: [https://a.example/6, https://a.example/20]
";

/// `https://a.example/6` is a video of six seconds.
fn video_by_name(address: &str) -> Outcome {
    let seconds = address.rsplit('/').next().unwrap_or_default().parse();
    match seconds {
        Ok(seconds) => {
            let seconds: f64 = seconds;
            let millis = Duration::from_secs_f64(seconds).as_millis();
            video(u64::try_from(millis).expect("short"))
        }
        Err(_) => Outcome::NoAnswer {
            message: "no answer within 15s".to_owned(),
        },
    }
}

#[test]
fn lengths_of_one_job_are_added_up_and_compared_with_what_is_written() {
    let loaded = probed("shots.yaml", LISTS, video_by_name);
    insta::assert_snapshot!(loaded.render(Colour::Off));
}

const EVERY_TROUBLE: &str = "\
id,prompt,model,duration,images
a,One.,seedance2.0-720p,5,https://a.example/gone.png|https://a.example/page.png
b,Two.,seedance2.0-720p,5,https://a.example/gone.png?X-Signature=abc&X-Expires=86400
c,Three.,seedance2.0-720p,5,https://nobody.example/1.png
d,Four.,seedance2.0-720p,5,http://192.168.0.7/1.png|https://a.example/gone.png
e,Five.,seedance2.0-720p,5,https://slow.example/1.png|https://slow.example/2.png|https://slow.example/3.png
f,Six.,seedance2.0-720p,5,https://late.example/1.png
g,Seven.,seedance2.0-720p,5,https://a.example/mystery
";

#[test]
fn every_trouble_is_told_at_the_address_with_what_to_do() {
    let loaded = probed("shots.csv", EVERY_TROUBLE, |address| {
        let message = |text: &str| text.to_owned();
        match address.split('?').next().unwrap_or_default() {
            "https://a.example/gone.png" if address.contains('?') => status(403),
            "https://a.example/gone.png" => status(404),
            "https://a.example/page.png" => Outcome::Answered(sent("text/html", PAGE)),
            "https://a.example/mystery" => Outcome::Answered(sent("application/octet-stream", b"")),
            "https://nobody.example/1.png" => Outcome::Unreachable {
                message: message("there is no host `nobody.example`"),
            },
            "http://192.168.0.7/1.png" => Outcome::Private {
                message: message("`192.168.0.7` is an address of a private network"),
            },
            "https://slow.example/1.png" => Outcome::NoAnswer {
                message: message("no connection within 10s"),
            },
            "https://late.example/1.png" => Outcome::NotAsked(Skipped::TimeUp),
            _ => Outcome::NotAsked(Skipped::SilentHost),
        }
    });
    insta::assert_snapshot!(loaded.render(Colour::Off));
}

#[test]
fn what_is_wrong_with_many_jobs_is_told_once() {
    let defaults =
        "defaults: { model: seedance2.0-720p, duration: 5, image: https://a.example/1 }\n";
    let jobs: Vec<String> = (0..50)
        .map(|n| format!("- {{ prompt: take {n} }}"))
        .collect();
    let jobs = jobs.join("\n");
    let loaded = probed("a.yaml", &format!("{defaults}jobs:\n{jobs}"), |_| {
        status(404)
    });
    let found: Vec<_> = loaded.diagnostics.iter().collect();
    assert_eq!(found.len(), 1);
    let label = found[0].label.as_deref();
    assert_eq!(label, Some("in 50 jobs, here for the first time"));
}
