//! A disk that has no room.

#![cfg(target_os = "linux")] // elsewhere no disk space can be set aside

use std::process::Command;

#[test]
fn nothing_is_submitted_when_the_answers_would_not_fit_a_limit_on_file_sizes() {
    let home = tempfile::tempdir().expect("a directory");
    let manifest = home.path().join("shots.yaml");
    let job = "jobs: [{id: hero, model: seedance2.0-720p, prompt: a, duration: 5}]";
    std::fs::write(&manifest, job).expect("writable");
    let output = Command::new("sh")
        .args(["-c", "ulimit -f 100; exec \"$0\" run --rehearse \"$1\""])
        .arg(env!("CARGO_BIN_EXE_shotlist"))
        .arg(&manifest)
        .output()
        .expect("sh runs");
    assert_eq!(output.status.code(), Some(74));
    let state = home.path().join("shots.rehearsal/state.jsonl");
    let state = std::fs::read_to_string(state).expect("there");
    assert!(!state.contains("\"intent\""), "{state}");
}

#[test]
fn a_limit_on_file_sizes_is_an_error_of_every_command_that_writes() {
    let home = tempfile::tempdir().expect("a directory");
    let manifest = home.path().join("shots.yaml");
    let job = "jobs: [{id: hero, model: seedance2.0-720p, prompt: a, duration: 5}]";
    std::fs::write(&manifest, job).expect("writable");
    for command in ["report", "run --rehearse"] {
        let output = Command::new("sh")
            .args(["-c", &format!("ulimit -f 0; exec \"$0\" {command} \"$1\"")])
            .arg(env!("CARGO_BIN_EXE_shotlist"))
            .arg(&manifest)
            .output()
            .expect("sh runs");
        assert_eq!(output.status.code(), Some(74), "{command}: {output:?}");
    }
}
