//! Every exit code of a run, and which one it is when several apply. 1 is a bug and cannot be had on purpose; the whole
//! table at the end of a run is tested where it is decided, in `report::outcome`.

use crate::support::{Raw, Running, Scenario, Simulated, count, html, standings, table};

#[test]
fn at_the_end_of_a_run_the_first_code_that_applies_is_it() {
    let cases: &[(&str, &[&str], i32)] = &[
        // Alone.
        ("", &[], 0),
        ("fail=first:1", &[], 3),
        ("401=always", &[], 4),
        ("403=always", &[], 4),
        ("404=always", &[], 4),
        ("307=always", &[], 4),
        ("poll:401=always", &[], 4),
        ("no-id=first:1", &[], 5),
        ("500=always", &[], 5),
        ("402=always", &[], 6),
        ("empty-wallet=always", &[], 6),
        ("", &["--max-jobs", "1"], 6),
        ("stuck=first:1", &["--job-timeout", "300ms"], 7),
        // 4 before 5: the first create is in doubt, the second finds the key refused.
        ("no-id=first:1,401=after:1", &[], 4),
        // 5 before 6.
        ("no-id=first:1,402=after:1", &[], 5),
        ("no-id=first:1", &["--max-jobs", "2"], 5),
        // 6 before 7.
        (
            "stuck=first:1",
            &["--job-timeout", "300ms", "--max-jobs", "2"],
            6,
        ),
        // 7 before 3.
        ("stuck=first:1,fail=after:1", &["--job-timeout", "300ms"], 7),
        // 4 before 3, and 6 before 3.
        ("fail=first:1,401=after:1", &[], 4),
        ("fail=first:1", &["--max-jobs", "2"], 6),
    ];
    std::thread::scope(|threads| {
        for (faults, options, code) in cases {
            threads.spawn(move || {
                let provider = match *faults {
                    "" => Simulated::good_day(),
                    faults => Simulated::with_faults(faults),
                };
                let run = Scenario::jobs(3).at(&provider).run(options);
                assert_eq!(run.code, *code, "{faults} {options:?}\n{}", run.stderr);
                let meaning = format!("exit code {code}: ");
                assert_eq!(run.stderr.contains(&meaning), *code != 0, "{}", run.stderr);
            });
        }
    });
}

#[test]
fn a_manifest_without_anything_left_to_do_exits_0() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(0);
    let mut without_key = scenario.run_command(&[]);
    without_key.env_remove("SHOTLIST_API_KEY");
    Running::of(without_key).finish().exits(0);
}

#[test]
fn an_invalid_manifest_and_wrong_usage_exit_2_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario =
        Scenario::manifest("shots.csv", "id,prompt,model\na,,seedance2.0-720p\n").at(&provider);
    scenario.run(&[]).exits(2).says("shots.csv:2");
    scenario.run(&["--concurrency", "0"]).exits(2);
    scenario.run(&["--no-such-option"]).exits(2);
    scenario
        .shotlist(&["run", "no-such-file.csv"])
        .exits(2)
        .says("no-such-file.csv");
    scenario.shotlist(&["run"]).exits(2);
    assert_eq!(provider.posts(), 0);
    assert!(!scenario.out().exists());
}

#[test]
fn without_an_address_a_run_exits_2() {
    let scenario = Scenario::jobs(1);
    let run = scenario.run(&[]).exits(2);
    for words in ["--base-url", "SHOTLIST_BASE_URL", "--rehearse"] {
        assert!(run.stderr.contains(words), "{}", run.stderr);
    }
}

#[test]
fn without_a_key_a_run_with_work_exits_4_and_names_variable_and_flag() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    let mut command = scenario.run_command(&[]);
    command.env_remove("SHOTLIST_API_KEY");
    let run = Running::of(command).finish().exits(4);
    insta::assert_snapshot!(run.stderr);
    let ledger = provider.ledger();
    assert_eq!((ledger.totals.posts, ledger.totals.polls), (0, 0));
    scenario.run(&[]).exits(0);
}

#[test]
fn a_key_file_that_is_of_no_use_exits_2_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.write("empty.key", "\n");
    scenario.write("two.key", "sk-one\nsk-two\n");
    for file in ["empty.key", "two.key", "none.key"] {
        scenario.run(&["--api-key-file", file]).exits(2).says(file);
    }
    assert_eq!(provider.posts(), 0);
    scenario.write("good.key", "sk-good\r\n");
    scenario.run(&["--api-key-file", "good.key"]).exits(0);
}

#[test]
fn results_that_cannot_be_written_exit_74_and_lose_nothing() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    let in_the_way = scenario.out().join("results.csv");
    std::fs::create_dir_all(&in_the_way).expect("a new directory");
    let run = scenario.run(&[]).exits(74);
    run.says("failed to replace `shots.run/results.csv`: ")
        .says("directory (os error ");
    assert_eq!(provider.creates(), 2);
    std::fs::remove_dir(&in_the_way).expect("an empty directory");
    scenario.run(&[]).exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"; 2]);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_state_that_cannot_be_made_exits_74_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.write("shots.run", "a file where the directory belongs");
    scenario.run(&[]).exits(74).says("shots.run");
    assert_eq!(provider.posts(), 0);
}

#[test]
fn before_anything_is_sent_2_comes_before_75_before_74_before_4() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("both tasks run", |_| provider.polled() == 2);
    let damaged = damage(&scenario.state());
    let without_key = || {
        let mut command = scenario.run_command(&[]);
        command.env_remove("SHOTLIST_API_KEY");
        Running::of(command).finish()
    };

    scenario.edit("id,prompt,model\na,,seedance2.0-720p\n");
    without_key().exits(2);
    scenario.edit(&table(1..=2));
    let whole = scenario.state();
    scenario.damage_state(&damaged);
    without_key().exits(75);
    scenario.damage_state(&whole);
    without_key().exits(75);
    first.kill();
    scenario.damage_state(&damaged);
    without_key().exits(74);
    scenario.damage_state(&whole);
    without_key().exits(4);
    assert_eq!(provider.posts(), 2);
}

/// A state with another letter in its second line.
fn damage(state: &str) -> String {
    state.replacen("\"type\":\"run\"", "\"type\":\"rum\"", 1)
}

#[test]
fn at_the_end_74_comes_before_130() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    std::fs::create_dir_all(scenario.out().join("results.csv")).expect("a new directory");
    let mut run = scenario.start(&[]);
    run.until("both tasks run", |_| provider.creates() == 2);
    run.interrupt();
    run.finish().exits(74);
}

#[test]
fn at_the_end_130_and_143_come_before_4() {
    for (signal, code) in [
        (Running::interrupt as fn(&Running), 130),
        (Running::terminate, 143),
    ] {
        let provider = Simulated::with_faults("stuck=always,401=after:1");
        let scenario = Scenario::jobs(3).at(&provider);
        let mut run = scenario.start(&[]);
        run.until("the key is refused", |run| {
            run.stderr().contains("refuses the key")
        });
        signal(&run);
        run.finish().exits(code);
        assert_eq!(count(&scenario.results(), "running"), 1);
    }
}

#[test]
fn three_outcomes_in_doubt_without_an_accept_stop_submits() {
    let provider = Simulated::with_faults("500=always");
    let scenario = Scenario::jobs(6).at(&provider);
    scenario.run(&[]).exits(5);
    assert_eq!(provider.posts(), 3);
    let rows = scenario.results();
    assert_eq!((count(&rows, "in_doubt"), count(&rows, "pending")), (3, 3));
}

#[test]
fn one_web_page_stops_submits_and_says_what_to_check() {
    let provider = Raw::answering(|_| html(200, "<!doctype html><title>Dashboard</title>"));
    let scenario = Scenario::jobs(3).at(&provider);
    let run = scenario.run(&[]).exits(5);
    run.says("check that the base URL is the API's, not the website's")
        .says("Dashboard");
    assert_eq!(provider.posts(), 1);
    assert_eq!(
        standings(&scenario.results()),
        ["in_doubt/in_doubt", "pending", "pending"]
    );
}
