//! `--max-spend`: what the provider's ledger comes to never passes it, and a run that could not keep it sends nothing.

use std::fs;

use serde_json::json;

use crate::support::{
    KILLED, Running, Scenario, Simulated, count, filters, standings, table, until,
};
use crate::sweep::settle;

/// Five seconds of video at 0.10 USD: a job costs 0.50.
const PRICES: &str = "pricing: { currency: USD, per_second: { seedance2.0-fast-480p: 0.10 } }";

/// So many jobs, which cost 0.50 USD each.
fn priced(jobs: usize) -> Scenario {
    with_head(jobs, PRICES)
}

fn with_head(jobs: usize, head: &str) -> Scenario {
    let scenario = Scenario::manifest(
        "shots.yaml",
        &format!("{head}\njobs: {{ from: shots.csv }}\n"),
    );
    scenario.write("shots.csv", &table(1..=jobs));
    scenario
}

#[test]
fn a_cap_ends_a_run_with_6_and_a_higher_one_goes_on_to_the_end() {
    let provider = Simulated::good_day();
    let scenario = priced(5).at(&provider);
    let run = scenario.run(&["--max-spend", "1.49"]).exits(6);
    assert_eq!(provider.creates(), 2);
    let mut filters = filters();
    filters.push((r"(?s)next: +.*--max-spend", "next: … --max-spend"));
    insta::with_settings!({ filters => filters }, {
        insta::assert_snapshot!(run.stderr.split("stopped").last().expect("a summary"));
    });
    scenario.run(&["--max-spend", "1.49"]).exits(6);
    assert_eq!(provider.creates(), 2, "the cap is one over all runs");
    let run = scenario.run(&["--max-spend", "2.5", "--json"]).exits(0);
    let summary = run.lines().pop().expect("a summary");
    let two_and_a_half = json!({"amount": "2.50", "currency": "USD"});
    assert_eq!(
        summary["spend"],
        json!({"reserved": [two_and_a_half], "unpriced_requests": 0, "max_spend": two_and_a_half})
    );
    let status = scenario.ask("status", &[]).exits(0);
    assert!(
        status.stdout.contains("\nreserved: 2.50 USD\n"),
        "{}",
        status.stdout
    );
}

#[test]
fn plan_takes_what_a_run_takes_and_says_what_comes_of_it() {
    let provider = Simulated::with_faults("fail=first:1");
    let scenario = priced(4).at(&provider);
    scenario.run(&["--select", "job-0[12]"]).exits(3);
    let mut filters = filters();
    filters.push((r"(?m)^time: .*", "time: …"));
    insta::with_settings!({ filters => filters }, {
        for (name, options) in [
            ("plain", &[][..]),
            ("within", &["--max-spend", "2"]),
            ("over", &["--max-spend", "1.99"]),
            ("selected", &["--select", "job-04", "--max-jobs", "1"]),
            ("again", &["--rerun", "failed,changed", "--max-jobs", "2"]),
        ] {
            let plan = scenario.ask("plan", options).exits(0).stdout;
            insta::assert_snapshot!(format!("plan_{name}"), plan);
        }
        scenario.edit("jobs: { from: shots.csv }\n");
        let plan = scenario.ask("plan", &["--max-spend", "2"]).exits(0).stdout;
        insta::assert_snapshot!("plan_refused", plan);
    });
    let lines = scenario
        .ask("plan", &["--max-spend", "2", "--json"])
        .exits(0)
        .lines();
    let cost = &lines.last().expect("a summary")["cost"];
    let refusal = cost["refusal"].as_str().expect("a run would be refused");
    let run = scenario.run(&["--max-spend", "2"]).exits(2);
    assert!(run.stderr.contains(refusal), "{}", run.stderr);
    scenario.ask("plan", &["--select", "nothing*"]).exits(2);
}

#[test]
fn the_manifest_states_a_cap_and_an_option_overrules_it() {
    let provider = Simulated::good_day();
    let scenario = with_head(3, &format!("{PRICES}\nlimits: {{ max_spend: 0.5 }}")).at(&provider);
    scenario.run(&[]).exits(6);
    assert_eq!(provider.creates(), 1);
    scenario.run(&["--max-spend", "1"]).exits(6);
    assert_eq!(provider.creates(), 2);
}

#[test]
fn a_cap_that_cannot_be_kept_exits_2_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let options = ["--max-spend", "9"];
    let without_prices = with_head(2, "").at(&provider);
    let refused = without_prices.run(&options).exits(2);
    refused.says("2 jobs (`job-01`, `job-02`) would go without one");
    let other_model = PRICES.replace("fast-480p", "fast-720p");
    let without_price = with_head(2, &other_model).at(&provider);
    without_price
        .run(&options)
        .exits(2)
        .says("pricing.per_second");
    assert_eq!(provider.posts(), 0);
    without_price.run(&["--max-spend", "1,5"]).exits(2);

    let scenario = priced(2).at(&provider);
    scenario.run(&["--max-spend", "0.5"]).exits(6);
    scenario.edit(&format!(
        "{}\njobs: {{ from: shots.csv }}\n",
        PRICES.replace("USD", "EUR")
    ));
    let refused = scenario.run(&options).exits(2);
    refused.says("the cap (`max_spend`) is in EUR, and 0.50 USD are reserved already");
    assert_eq!(provider.posts(), 1);
}

#[test]
fn what_was_submitted_before_there_were_prices_counts() {
    let provider = Simulated::good_day();
    let scenario = with_head(3, "").at(&provider);
    scenario.run(&["--max-jobs", "1"]).exits(6);
    scenario.edit(&format!("{PRICES}\njobs: {{ from: shots.csv }}\n"));
    scenario.run(&["--max-spend", "0.99"]).exits(6);
    assert_eq!(provider.creates(), 1);
    scenario
        .run(&["--max-spend", "1"])
        .exits(6)
        .says("reserved: 1.00 USD, at most 1.00 USD");
    assert_eq!(provider.creates(), 2);
    let status = scenario.ask("status", &[]).exits(0).stdout;
    let told = "reserved: 0.50 USD, and 1 request without a recorded price";
    assert!(status.contains(told), "{status}");
}

#[test]
fn a_run_that_can_afford_nothing_needs_no_key() {
    let provider = Simulated::good_day();
    let scenario = priced(1).at(&provider);
    let mut command = scenario.run_command(&["--max-spend", "0.49"]);
    command.env_remove("SHOTLIST_API_KEY");
    Running::of(command).finish().exits(6);
    assert_eq!(provider.posts(), 0);
}

#[test]
fn a_cap_below_what_is_reserved_still_lets_running_tasks_finish() {
    let provider = Simulated::rendering("300ms");
    let scenario = priced(2).at(&provider);
    let times_out = ["--max-spend", "0.5", "--job-timeout", "50ms"];
    scenario.run(&times_out).exits(6);
    until("the video is made", || {
        provider
            .ledger()
            .tasks
            .iter()
            .all(|task| task.status == "completed")
    });
    scenario.run(&["--max-spend", "0.1"]).exits(6);
    assert_eq!(standings(&scenario.results()), ["completed", "pending"]);
    assert_eq!(provider.creates(), 1);
}

#[test]
fn what_is_in_doubt_stays_reserved_until_a_person_says_that_it_was_not_created() {
    let provider = Simulated::with_faults("reset=first:1");
    let scenario = priced(2).at(&provider);
    let cap = ["--max-spend", "0.5"];
    scenario.run(&cap).exits(5).says("0.50 are reserved");
    assert_eq!(provider.posts(), 1);
    scenario
        .ask("resolve", &["job-01", "--not-created"])
        .exits(0);
    scenario.run(&cap).exits(6);
    assert_eq!(standings(&scenario.results()), ["completed", "pending"]);
}

#[test]
fn what_the_provider_refuses_is_given_back() {
    let provider = Simulated::with_faults("moderation=first:2");
    let scenario = priced(4).at(&provider);
    scenario.run(&["--max-spend", "1"]).exits(3);
    assert_eq!(count(&scenario.results(), "completed"), 2);
}

#[test]
fn a_rehearsal_keeps_to_the_cap() {
    let scenario = priced(3);
    let options = ["--rehearse", "--max-spend", "1", "--json"];
    let run = scenario.ask("run", &options).exits(6);
    let summary = run.lines().pop().expect("a summary");
    assert_eq!(summary["jobs"]["completed"], 2);
    assert_eq!(summary["spend"]["reserved"][0]["amount"], "1.00");
}

/// Jobs of the manifest whose runs are killed.
const JOBS: usize = 16;

#[test]
fn runs_that_are_killed_under_a_cap_never_pass_it_and_still_come_to_the_end() {
    // Some creates end in doubt although they were executed, some are refused for their rate.
    let provider = Simulated::with_faults("lost-answer=every:9,429=every:5");
    let scenario = priced(JOBS).at(&provider);
    let mut kills = 0;
    for round in 0..40_u64 {
        let allowed = (1 + round / 2).min(JOBS as u64);
        let most = allowed * 50 + 49; // cents
        let cap = format!("{}.{:02}", most / 100, most % 100);
        let before = provider.creates();
        let options = [
            "--max-spend",
            &cap,
            "--submit-rate",
            "200/s",
            "--concurrency",
            "8",
        ];
        let mut run = scenario.start(&options);
        until("a create or the end", || {
            provider.creates() > before + round % 3 || run.has_ended()
        });
        let killed = run.kill_and_look();
        kills += usize::from(killed.code == KILLED);
        let cents = provider.creates() * 50;
        assert!(cents <= most, "{cents} cents of {most}");
        if fs::exists(scenario.out().join("results.csv")).expect("readable") {
            scenario.ask("report", &[]).exits(0);
            settle(&scenario, &provider);
        }
    }
    assert!(kills > 5, "{kills} kills");
    let all = format!("{}", JOBS / 2);
    for _ in 0..6 {
        let run = scenario.run(&["--max-spend", &all]);
        settle(&scenario, &provider);
        if run.code == 0 {
            break;
        }
    }
    assert_eq!(count(&scenario.results(), "completed"), JOBS);
    assert_eq!(provider.creates(), JOBS as u64, "the cap was just enough");
}
