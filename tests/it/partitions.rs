//! One manifest on several machines: `--partition`, each with a state of its own.

use crate::support::{self, Finished, Row, Scenario, Simulated, count, table};

const MACHINES: [&str; 3] = ["hash:1/3", "hash:2/3", "hash:3/3"];

fn directory(partition: &str) -> String {
    format!("of-{}", &partition[5..6])
}

fn run(scenario: &Scenario, partition: &str) -> Finished {
    scenario.run(&["--partition", partition, "--out", &directory(partition)])
}

/// What each machine has in its results.
fn rows(scenario: &Scenario) -> Vec<Vec<Row>> {
    let of = |partition: &&str| {
        let path = scenario.path(&directory(partition)).join("results.csv");
        support::rows(&std::fs::read_to_string(path).expect("results"))
    };
    MACHINES.iter().map(of).collect()
}

/// How many machines have made each job.
fn makers(machines: &[Vec<Row>]) -> Vec<usize> {
    let of_job = |job: usize| {
        machines
            .iter()
            .filter(|rows| !rows[job]["task_id"].is_empty())
            .count()
    };
    (0..machines[0].len()).map(of_job).collect()
}

#[test]
fn several_machines_make_every_job_once_also_after_rows_were_added_in_between() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(9).at(&provider);
    for partition in MACHINES {
        run(&scenario, partition).exits(0);
    }
    let before = rows(&scenario);
    assert_eq!(makers(&before), [1; 9]);
    assert_eq!(provider.posts(), 9);
    assert_eq!(
        before
            .iter()
            .map(|rows| count(rows, "skipped"))
            .sum::<usize>(),
        18
    );

    scenario.edit(&table([20, 1, 2, 21, 3, 4, 5, 22, 6, 7, 8, 9]));
    for partition in MACHINES.into_iter().rev() {
        run(&scenario, partition).exits(0);
    }
    let after = rows(&scenario);
    assert_eq!(makers(&after), [1; 12]);
    assert_eq!(provider.posts(), 12);
    for (before, after) in before.iter().zip(&after) {
        for row in before {
            let now = after.iter().find(|now| now["id"] == row["id"]);
            assert_eq!(now.expect("every job has a row")["task_id"], row["task_id"]);
        }
    }
}

#[test]
fn a_state_takes_no_other_partition_than_its_own_and_nothing_is_sent() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(9).at(&provider);
    scenario.run(&["--partition", "hash:1/3"]).exits(0);
    let made = provider.posts();
    for options in [
        &["--partition", "hash:2/3"][..],
        &["--partition", "hash:1/4"],
        &[],
    ] {
        let refused = scenario.run(options).exits(2);
        refused
            .says("this state is that of `--partition hash:1/3`")
            .says("`--out`");
        scenario.ask("plan", options).exits(2).says("hash:1/3");
    }
    assert_eq!(provider.posts(), made);
    scenario.run(&["--partition", "hash:1/3"]).exits(0);
    assert_eq!(provider.posts(), made);
}

/// What nobody has submitted here may be submitted by another machine at this moment.
#[test]
fn a_state_of_a_partition_that_has_submitted_nothing_does_not_take_the_whole_manifest() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(9).at(&provider);
    let share = ["--partition", "hash:1/1000"]; // holds none of nine jobs
    scenario.run(&share).exits(0);
    scenario.run(&[]).exits(2).says("hash:1/1000");
    assert_eq!(provider.posts(), 0);
    scenario.run(&share).exits(0);
}

#[test]
fn the_first_run_of_a_partition_warns_of_another_number_of_partitions_and_the_next_does_not() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(9).at(&provider);
    let warning = "if every machine began with this number of partitions";
    let share = ["--partition", "hash:1/3"];
    scenario.run(&share).exits(0).says(warning);
    let told = scenario.run(&share).exits(0).stderr;
    assert!(!told.contains(warning), "{told}");
}

#[test]
fn a_state_without_a_partition_may_be_shared_out_with_a_warning_how() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(9).at(&provider);
    scenario.run(&["--max-jobs", "2"]).exits(6);
    let share = ["--partition", "hash:2/2"];
    scenario.run(&share).exits(0).says("as copies of it");
    let told = scenario.run(&share).exits(0).stderr;
    assert!(!told.contains("as copies of it"), "{told}");
}

#[test]
fn a_partition_is_repeated_in_the_command_that_goes_on_and_kept_by_a_report() {
    let provider = Simulated::good_day();
    let scenario = Scenario::jobs(9).at(&provider);
    let share = ["--partition", "hash:2/3", "--max-jobs", "1"];
    scenario.run(&share).exits(6).says("--partition hash:2/3");
    let results = scenario.results_text();
    assert_eq!(count(&scenario.results(), "skipped"), 7);
    scenario.ask("report", &[]).exits(0);
    assert_eq!(scenario.results_text(), results);
    for wrong in ["hash:0/3", "hash:4/3", "1/3"] {
        scenario
            .run(&["--partition", wrong])
            .exits(2)
            .says("m from 1 to n");
    }
}
