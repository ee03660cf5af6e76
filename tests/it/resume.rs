//! Kill it, edit it, damage it, run it twice: running again is always right, and no job is paid for twice.

use std::fs::File;
use std::process::Command;

use serde_json::Value;
use shotlist::simulator::Ledger;

use crate::support::{
    Finished, Provider, Running, Scenario, Simulated, assert_paid_once, behind, count, job_id,
    most_within, prompt, row, standings, table,
};

#[test]
fn a_run_that_is_killed_over_and_over_pays_for_every_job_once() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(40).at(&provider);
    for creates in [1, 2, 5, 9, 14, 20, 27, 33] {
        let mut run = scenario.start(&["--submit-rate", "50/s"]);
        run.until("so many creates", |_| provider.creates() >= creates);
        run.kill();
    }
    let last = scenario.run(&[]);
    let (rows, ledger) = (scenario.results(), provider.ledger());
    assert_paid_once(&rows, &[&ledger]);
    let doubts = count(&rows, "in_doubt");
    assert_eq!(
        last.code,
        if doubts == 0 { 0 } else { 5 },
        "{}",
        last.stderr
    );
    assert_eq!(count(&rows, "completed") + doubts, 40);
}

#[test]
fn a_kill_while_tasks_render_loses_none_of_them() {
    let provider = Simulated::rendering("2s");
    let scenario = Scenario::jobs(4).at(&provider);
    let mut run = scenario.start(&[]);
    run.until("every task is polled", |_| provider.polled() == 4);
    run.kill();
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 4);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

/// Two jobs, killed while the create of the first was open: its task was made, and the answer never came.
fn killed_before_the_answer(provider: &Simulated) -> Scenario {
    let scenario = Scenario::jobs(2).at(provider);
    let mut run = scenario.start(&[]);
    run.until("the first create is open", |_| provider.posts() == 1);
    run.kill();
    scenario
}

fn answering_late() -> Simulated {
    Simulated::with_faults("slow=1h:first:1")
}

#[test]
fn a_create_without_an_answer_is_in_doubt_and_never_sent_again() {
    let provider = answering_late();
    let scenario = killed_before_the_answer(&provider);
    let run = scenario.run(&[]).exits(5);
    assert_eq!(
        standings(&scenario.results()),
        ["in_doubt/in_doubt", "completed"]
    );
    insta::with_settings!({filters => crate::support::filters()}, {
        insta::assert_snapshot!(run.stderr);
    });
    scenario.run(&["--rerun", "failed,changed"]).exits(5);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_task_that_is_found_at_the_provider_is_adopted_after_one_poll() {
    let provider = answering_late();
    let scenario = killed_before_the_answer(&provider);
    let task_id = created_task(&provider.ledger());
    let before = provider.ledger().totals;
    scenario
        .ask("resolve", &["job-01", "--task", &task_id])
        .exits(0)
        .says("`job-01` is settled");
    let after = provider.ledger().totals;
    assert_eq!((after.posts, after.polls), (before.posts, before.polls + 1));
    assert_eq!(scenario.result("job-01").standing(), "running");

    scenario.run(&[]).exits(0);
    assert_eq!(scenario.result("job-01")["task_id"], *task_id);
    assert_eq!(standings(&scenario.results()), ["completed"; 2]);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_task_is_looked_for_at_the_provider_that_was_asked_to_make_it() {
    let (old, new) = (answering_late(), Simulated::with_faults("400=always"));
    let scenario = killed_before_the_answer(&old);
    scenario.run(&["--base-url", &new.base_url()]).exits(5);
    let polls = |provider: &Simulated| provider.ledger().totals.polls;
    let before = (polls(&old), polls(&new));
    let task_id = created_task(&old.ledger());
    scenario
        .ask("resolve", &["job-01", "--task", &task_id])
        .exits(0);
    assert_eq!((polls(&old), polls(&new)), (before.0 + 1, before.1));
}

fn created_task(ledger: &Ledger) -> String {
    let task = ledger.tasks.first().expect("a task was made");
    task.task_id.clone()
}

#[test]
fn a_task_that_the_provider_does_not_know_is_refused_and_nothing_changes() {
    let provider = answering_late();
    let scenario = killed_before_the_answer(&provider);
    scenario.run(&[]).exits(5);
    let before = (scenario.state(), scenario.results_text());
    let refused = |options: &[&str]| -> Finished {
        let finished = scenario.ask("resolve", options).exits(2);
        assert_eq!(
            (scenario.state(), scenario.results_text()),
            before,
            "{options:?}"
        );
        finished
    };
    refused(&["job-01", "--task", "task_of_nobody"]).says("does not know task `task_of_nobody`");
    let polls = provider.ledger().totals.polls;
    let taken = scenario.result("job-02")["task_id"].to_owned();
    refused(&["job-01", "--task", &taken]).says("already that of job `job-02`");
    refused(&["job-02", "--not-created"]).says("not in doubt but completed");
    refused(&["job-01", "job-02", "--not-created"]).says("not in doubt but completed");
    refused(&["job-77", "--not-created"]).says("no job `job-77`");
    refused(&["job-01"]);
    refused(&["--all", "--task", "task_1"]);
    assert_eq!(
        provider.ledger().totals.polls,
        polls,
        "none of these asks the provider"
    );
}

#[test]
fn a_provider_that_cannot_be_asked_changes_nothing() {
    let provider = answering_late();
    let scenario = killed_before_the_answer(&provider);
    scenario.run(&[]).exits(5);
    let task_id = created_task(&provider.ledger());
    let before = (scenario.state(), scenario.results_text());
    let nobody = provider.close();
    scenario
        .ask("resolve", &["job-01", "--task", &task_id])
        .exits(7)
        .says("could not be asked");
    assert_eq!((scenario.state(), scenario.results_text()), before);
    drop(nobody);
}

#[test]
fn adopting_a_task_needs_the_key_and_says_so() {
    let provider = answering_late();
    let scenario = killed_before_the_answer(&provider);
    scenario.run(&[]).exits(5);
    let before = scenario.state();
    let mut command = scenario.command(&["resolve", "shots.csv", "job-01", "--task", "task_1"]);
    command.env_remove("SHOTLIST_API_KEY");
    Running::of(command)
        .finish()
        .exits(4)
        .says("SHOTLIST_API_KEY");
    assert_eq!(scenario.state(), before);
}

#[test]
fn a_job_that_was_not_created_is_sent_by_the_next_run() {
    let provider = Simulated::with_faults("reset=first:1");
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(5);
    let asked = provider.ledger().totals;
    scenario
        .ask("resolve", &["job-01", "--not-created"])
        .exits(0);
    assert_eq!(provider.ledger().totals, asked, "nobody is asked");
    assert_eq!(scenario.result("job-01").standing(), "pending");
    scenario.run(&[]).exits(0);
    assert_eq!(scenario.result("job-01")["attempts"], *"2");
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
    scenario
        .ask("resolve", &["job-01", "--not-created"])
        .exits(2)
        .says("not in doubt");
}

#[test]
fn every_job_in_doubt_can_be_settled_at_once() {
    let provider = Simulated::with_faults("reset=first:3");
    let scenario = Scenario::jobs(4).at(&provider);
    scenario.run(&[]).exits(5);
    assert_eq!(count(&scenario.results(), "in_doubt"), 3);
    let settled = scenario
        .ask("resolve", &["--all", "--not-created"])
        .exits(0);
    for job in ["job-01", "job-02", "job-03"] {
        assert!(
            settled.stderr.contains(&format!("`{job}` is settled")),
            "{}",
            settled.stderr
        );
    }
    scenario
        .ask("resolve", &["--all", "--not-created"])
        .exits(0)
        .says("no job is in doubt");
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 7);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_job_can_be_settled_right_after_the_kill() {
    let provider = answering_late();
    let scenario = killed_before_the_answer(&provider);
    scenario
        .ask("resolve", &["job-01", "--not-created"])
        .exits(0);
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 3);
}

#[test]
fn a_row_that_is_inserted_on_top_runs_once_and_the_others_not_again() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(5).at(&provider);
    scenario.run(&[]).exits(0);
    let before = scenario.results();
    let text = table(1..=5).replacen(
        "job-01,",
        &format!("{}job-01,", row("top", "A new one.")),
        1,
    );
    scenario.edit(&text);
    scenario.run(&[]).exits(0);
    scenario.run(&[]).exits(0);
    let rows = scenario.results();
    assert_eq!(
        (rows[0]["id"].to_owned(), &rows[1..]),
        ("top".to_owned(), &before[..])
    );
    assert_eq!(provider.posts(), 6);
    assert_paid_once(&rows, &[&provider.ledger()]);
}

#[test]
fn a_run_over_an_edited_row_says_what_makes_it_again() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.edit(&table(1..=3).replace("about job-02", "for the edited job-02"));
    let said = "1 job was edited after it was sent, which alone makes no new video";
    scenario.run(&[]).exits(0).says(said);
    assert_eq!(provider.posts(), 3);
    let run = scenario.run(&["--rerun", "changed"]).exits(0);
    assert!(!run.stderr.contains("edited"), "{}", run.stderr);
    assert_eq!(provider.posts(), 4);
}

#[test]
fn rows_that_are_removed_reordered_and_edited_are_not_sent_again() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(6).at(&provider);
    let mut run = scenario.start(&["--concurrency", "6"]);
    run.until("every task is polled", |_| provider.polled() == 6);
    run.kill();
    let polls = |ledger: &Ledger| {
        ledger
            .tasks
            .iter()
            .map(|task| task.polls)
            .collect::<Vec<_>>()
    };
    let before = polls(&provider.ledger());
    let edited = table([6, 4, 2]).replace("about job-04", "for the edited job-04");
    scenario.edit(&edited);
    scenario.run(&["--job-timeout", "300ms"]).exits(7);

    let ids: Vec<_> = scenario
        .results()
        .iter()
        .map(|row| row["id"].to_owned())
        .collect();
    assert_eq!(ids, [6, 4, 2].map(job_id));
    assert_eq!(scenario.result("job-04")["prompt"], *prompt("job-04"));
    let after = polls(&provider.ledger());
    let were_polled = before
        .iter()
        .zip(&after)
        .all(|(before, after)| before < after);
    assert!(
        were_polled,
        "removed jobs are polled too: {before:?} {after:?}"
    );
    let status = scenario.ask("status", &[]).exits(0).stdout;
    assert_eq!(
        status.matches("no longer in the manifest").count(),
        3,
        "{status}"
    );

    scenario.edit(&table(1..=6));
    scenario.run(&["--job-timeout", "300ms"]).exits(7);
    assert_eq!(provider.posts(), 6, "a job that comes back is the same job");
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn rows_without_ids_keep_their_jobs_when_they_are_reordered() {
    let provider = Simulated::good_day();
    let without_ids = |numbers: &[usize]| {
        let row = |number: &usize| row(&job_id(*number), &prompt(&job_id(*number)));
        let rows: String = numbers.iter().map(row).collect();
        let cut: Vec<_> = rows.lines().map(|row| &row["job-00,".len()..]).collect();
        format!("prompt,model,duration,aspect_ratio\n{}\n", cut.join("\n"))
    };
    let scenario = Scenario::manifest("shots.csv", &without_ids(&[1, 2, 3, 4])).at(&provider);
    scenario.run(&[]).exits(0);
    let mut before = scenario.results();
    scenario.edit(&without_ids(&[4, 2, 1, 3]));
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 4);
    let mut after = scenario.results();
    assert_eq!(after[0]["prompt"], *"A film about job-04.");
    for rows in [&mut before, &mut after] {
        rows.sort_by_key(|row| row["id"].to_owned());
    }
    assert_eq!(before, after);

    scenario.edit(&without_ids(&[9, 4, 2, 1, 3]));
    scenario.run(&[]).exits(0);
    assert_eq!(provider.posts(), 5);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn of_two_runs_at_once_the_second_names_the_first_and_leaves() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(2).at(&provider);
    let mut first = scenario.start(&[]);
    first.until("both tasks are made", |_| provider.creates() == 2);
    let holder = format!("process {}", first.pid());
    scenario.run(&[]).exits(75).says(&holder);
    scenario
        .ask("resolve", &["job-01", "--not-created"])
        .exits(75)
        .says(&holder);
    scenario.ask("report", &[]).exits(75).says(&holder);
    let status = scenario.ask("status", &[]).exits(0).stdout;
    assert!(
        status.contains(&format!("a run is going on: {holder}")),
        "{status}"
    );
    scenario.ask("plan", &[]).exits(0);
    first.interrupt();
    first.finish().exits(130);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn of_many_runs_started_at_once_one_runs() {
    let provider = Simulated::rendering("1s");
    let scenario = Scenario::jobs(3).at(&provider);
    let runs: Vec<_> = (0..6).map(|_| scenario.start(&[])).collect();
    let codes: Vec<_> = runs.into_iter().map(|run| run.finish().code).collect();
    assert!(codes.iter().all(|code| [0, 75].contains(code)), "{codes:?}");
    assert!(codes.contains(&0), "{codes:?}");
    assert_eq!(provider.posts(), 3);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_torn_end_is_cut_off_and_the_run_goes_on() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&[]).exits(0);
    let whole = scenario.state();
    scenario.damage_state(&whole[..whole.len() - 1]);
    let run = scenario.run(&[]).exits(0);
    assert!(
        !run.stderr.contains("cut off"),
        "only a line break is missing"
    );
    assert!(scenario.state().starts_with(&whole), "and it is put back");
    for cut in [2, 10, 100] {
        scenario.damage_state(&whole[..whole.len() - cut]);
        scenario
            .run(&[])
            .exits(0)
            .says("were not whole and were cut off");
        assert_eq!(standings(&scenario.results()), ["completed"; 3]);
    }
    assert_eq!(provider.posts(), 3);
}

#[test]
fn a_damaged_line_in_the_middle_is_named_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(3).at(&provider);
    scenario.run(&["--max-jobs", "2"]).exits(6);
    let whole = scenario.state();
    let damaged = whole.replacen("\"type\":\"accepted\"", "\"type\":\"accepter\"", 1);
    let line = damaged
        .lines()
        .position(|line| line.contains("accepter"))
        .expect("damaged")
        + 1;
    scenario.damage_state(&damaged);
    let before = provider.ledger().totals;
    let place = format!("is damaged at line {line}:");
    scenario.run(&[]).exits(74).says(&place);
    for verb in ["plan", "status", "report"] {
        scenario.ask(verb, &[]).exits(74).says(&place);
    }
    scenario
        .ask("resolve", &["--all", "--not-created"])
        .exits(74)
        .says(&place);
    assert_eq!(provider.ledger().totals, before);
    assert_eq!(scenario.state(), damaged);
    scenario.damage_state(&whole);
    scenario.run(&[]).exits(0);
    assert_paid_once(&scenario.results(), &[&provider.ledger()]);
}

#[test]
fn a_line_that_was_cut_out_of_the_middle_is_noticed() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(0);
    let whole = scenario.state();
    let fourth = whole.lines().nth(3).expect("a fourth line");
    let cut = whole.replacen(&format!("{fourth}\n"), "", 1);
    scenario.damage_state(&cut);
    scenario.run(&[]).exits(74).says("is damaged at line 4:");
    assert_eq!(provider.posts(), 2);
}

#[test]
fn the_state_of_another_manifest_is_refused_unless_it_is_named() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(0);
    scenario.write("other.csv", &table(1..=2));
    std::fs::rename(scenario.out(), scenario.path("other.run")).expect("one file system");
    let url = provider.base_url();
    let run = |options: &[&str]| {
        scenario.shotlist(&[&["run", "other.csv", "--base-url", &url], options].concat())
    };
    run(&[])
        .exits(2)
        .says("the manifest `shots.csv`, not of `other.csv`");
    scenario.shotlist(&["plan", "other.csv"]).exits(2);
    run(&["--out", "other.run"]).exits(0);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_rehearsal_never_touches_a_real_state_and_a_run_never_a_rehearsal() {
    let provider = Simulated::with_faults("no-id=first:1");
    let scenario = Scenario::jobs(1).at(&provider);
    scenario.run(&[]).exits(5);
    let state = scenario.state();
    scenario
        .ask("run", &["--rehearse", "--out", "shots.run"])
        .exits(2)
        .says("a rehearsal would erase");
    assert_eq!(scenario.state(), state);
    scenario.ask("run", &["--rehearse"]).exits(0);
    scenario
        .run(&["--out", "shots.rehearsal"])
        .exits(2)
        .says("state of a rehearsal");
    assert_eq!(scenario.state(), state);
    assert_eq!(provider.posts(), 1);
}

#[test]
fn tasks_are_polled_where_they_were_made() {
    let (old, new) = (Simulated::rendering("3s"), Simulated::good_day());
    let scenario = Scenario::jobs(6).at(&old);
    let mut run = scenario.start(&["--max-jobs", "2"]);
    run.until("two tasks run", |_| old.polled() == 2);
    run.interrupt();
    run.finish().exits(130);
    let polls = old.ledger().totals.polls;

    scenario.run(&["--base-url", &new.base_url()]).exits(0);
    let (at_old, at_new) = (old.ledger(), new.ledger());
    assert_eq!((at_old.totals.creates, at_new.totals.creates), (2, 4));
    assert!(at_old.totals.polls > polls);
    for ledger in [&at_old, &at_new] {
        let known: u64 = ledger.tasks.iter().map(|task| u64::from(task.polls)).sum();
        assert_eq!(
            known, ledger.totals.polls,
            "no poll for a task of the other provider"
        );
    }
    assert_paid_once(&scenario.results(), &[&at_old, &at_new]);
}

#[test]
fn limits_hold_across_a_kill_and_a_resume() {
    let provider = Simulated::rendering("200ms..1s");
    let scenario = Scenario::jobs(12).at(&provider);
    let options = [
        "--submit-rate",
        "4/s",
        "--poll-rate",
        "4/s",
        "--concurrency",
        "3",
    ];
    for creates in [2, 5] {
        let mut run = scenario.start(&options);
        run.until("so many creates", |_| provider.creates() >= creates);
        run.kill();
    }
    scenario.run(&options);

    let (rows, ledger) = (scenario.results(), provider.ledger());
    assert_paid_once(&rows, &[&ledger]);
    let posts: Vec<_> = ledger.posts.iter().map(|post| post.at_ms).collect();
    assert!(most_within(posts.clone(), 1000) <= 5, "{posts:?}");
    let polls = ledger.polls_at_ms;
    assert!(most_within(polls.clone(), 1000) <= 5, "{polls:?}");
    // A job in doubt holds no slot, whatever became of it.
    let most = 3 + count(&rows, "in_doubt") as u64;
    assert!(ledger.totals.max_in_flight <= most, "{}", ledger.totals);
    assert_eq!(count(&rows, "completed") + count(&rows, "in_doubt"), 12);
}

#[test]
fn an_id_is_durable_before_it_is_shown() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(8).at(&provider);
    let mut run = scenario.start(&["--json", "--concurrency", "8"]);
    run.until("ids are shown", |run| {
        run.stdout().matches("\"running\"").count() >= 4
    });
    let shown = run.stdout();
    let state = scenario.state();
    run.kill();
    let whole = shown
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ids: Vec<_> = whole
        .filter_map(|line| Some(line["task_id"].as_str()?.to_owned()))
        .collect();
    assert!(ids.len() >= 4);
    for id in ids {
        assert!(state.contains(&id), "{id}");
    }
}

#[test]
fn a_job_that_left_the_manifest_does_not_count_and_is_not_forgotten() {
    let provider = Simulated::with_faults("no-id=first:1");
    let scenario = Scenario::jobs(2).at(&provider);
    scenario.run(&[]).exits(5);
    scenario.edit(&table([2]));
    scenario.run(&[]).exits(0);
    assert_eq!(standings(&scenario.results()), ["completed"]);
    let status = scenario.ask("status", &[]).exits(0).stdout;
    assert!(status.contains("job-01  in_doubt"), "{status}");
    scenario.edit(&table([1, 2]));
    scenario.run(&[]).exits(5);
    assert_eq!(provider.posts(), 2);
}

#[test]
fn a_state_that_is_removed_ends_submits_and_ids_that_come_later_are_said() {
    let provider = Simulated::with_faults("stuck=always");
    let scenario = Scenario::jobs(40).at(&provider);
    let options = [
        "--submit-rate",
        "10/s",
        "--concurrency",
        "40",
        "--job-timeout",
        "1s",
    ];
    let mut run = scenario.start(&options);
    run.until("two tasks run", |_| provider.polled() >= 2);
    let path = scenario.out().join("state.jsonl");
    let removed = File::open(&path).expect("a state");
    std::fs::remove_file(&path).expect("a removable file");
    let run = run
        .finish()
        .exits(74)
        .says("was removed, replaced or changed");

    assert!(provider.posts() < 40, "no submits without a state");
    let saved = std::io::read_to_string(removed).expect("readable after its name is gone");
    for task in provider.ledger().tasks {
        let is_known = saved.contains(&task.task_id) || run.stderr.contains(&task.task_id);
        assert!(is_known, "{} is lost:\n{}", task.task_id, run.stderr);
    }
}

#[test]
fn a_full_disk_ends_submits_and_the_next_run_pays_for_nothing_twice() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(40).at(&provider);
    // Files may grow to so many blocks, of half a KiB or one; the state of all jobs needs far more.
    for blocks in ["4", "12", "20"] {
        let command = with_file_limit(&scenario.run_command(&[]), blocks);
        Running::of(command).finish().exits(74);
        assert!(provider.posts() < 40);
    }
    let last = scenario.run(&[]);
    let rows = scenario.results();
    assert_paid_once(&rows, &[&provider.ledger()]);
    let doubts = count(&rows, "in_doubt");
    assert_eq!(
        last.code,
        if doubts == 0 { 0 } else { 5 },
        "{}",
        last.stderr
    );
    assert_eq!(count(&rows, "completed") + doubts, 40);
}

/// The same command in a shell that lets no file grow over so many blocks.
fn with_file_limit(command: &Command, blocks: &str) -> Command {
    let limited = format!("ulimit -f {blocks} && exec \"$0\" \"$@\"");
    behind("/bin/sh", &["-c".as_ref(), limited.as_ref()], command)
}
