//! The oracle on trial: a program, a disk or a person that breaks a promise is caught within few seeds.
//!
//! Each control is caught at the moment that it breaks a rule and, with the checks of that kind switched off, by what
//! comes of it, down to the video that is paid for twice. A new promise gets a control here that breaks it.

use crate::life::Ways;
use crate::person::{Policy, Reading};
use crate::sweep::sweep;
use crate::witness::Honesty;
use crate::world::Audit;

/// Seeds within which a control must be caught.
const FEW: u64 = 60;

/// Seeds within which a control that takes several runs, or a narrow cap, must be caught.
const MORE: u64 = 600;

const OVER_THE_CAP: &str = "over the cap";

const PAID_TWICE: &str = "although it was created before";

/// How many of the seeds are caught by a promise that `words` name.
fn caught(ways: Ways, audit: Audit, words: &str) -> usize {
    caught_within(FEW, ways, audit, words)
}

fn caught_within(seeds: u64, ways: Ways, audit: Audit, words: &str) -> usize {
    let (_, failed) = sweep(seeds, Ways { audit, ..ways });
    let named = failed.iter().filter(|(_, broken)| broken.contains(words));
    named.count()
}

#[test]
fn without_a_control_nothing_is_caught() {
    for audit in [Audit::Payments, Audit::Consequences] {
        assert_eq!(caught(Ways::USUAL, audit, ""), 0, "{audit:?}");
    }
}

#[test]
fn a_person_who_sends_jobs_in_doubt_again_is_caught_paying_twice() {
    let careless = Ways {
        policy: Policy::Careless,
        ..Ways::USUAL
    };
    assert!(caught(careless, Audit::Payments, PAID_TWICE) > 1);
    assert!(caught(careless, Audit::Consequences, "is lost") > 3);
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let lying = Ways {
        disk_lies: true,
        ..Ways::USUAL
    };
    assert!(caught(lying, Audit::Everything, "not durable") > 30);
    assert!(caught(lying, Audit::Requests, "without a durable intent") > 3);
    assert!(caught(lying, Audit::Consequences, "acknowledged is lost") > 10);
    assert!(caught(lying, Audit::Payments, PAID_TWICE) > 1);
}

#[test]
fn a_disk_that_lies_about_the_syncs_of_videos_is_caught() {
    let lying = Ways {
        files_lie: true,
        ..Ways::USUAL
    };
    assert!(caught(lying, Audit::Everything, "recorded before it is durable") > 10);
    assert!(caught(lying, Audit::Consequences, "is not its video") > 0);
}

#[test]
fn a_create_that_leaves_before_its_intent_is_durable_is_caught() {
    let hasty = Ways {
        honesty: Honesty::IntentsLater,
        ..Ways::USUAL
    };
    assert!(caught(hasty, Audit::Everything, "told") > 30);
    assert!(caught(hasty, Audit::Requests, "without a durable intent") > 30);
    assert!(caught(hasty, Audit::Consequences, "acknowledged is lost") > 3);
    assert!(caught(hasty, Audit::Payments, PAID_TWICE) > 1);
}

#[test]
fn a_create_whose_price_is_not_kept_is_caught() {
    let forgetful = Ways {
        honesty: Honesty::NoCosts,
        ..Ways::USUAL
    };
    assert!(caught(forgetful, Audit::Requests, "recorded, and it costs") > 30);
    assert!(caught_within(MORE, forgetful, Audit::Payments, OVER_THE_CAP) > 3);
}

#[test]
fn an_id_that_is_told_before_it_is_durable_is_caught() {
    let loose = Ways {
        honesty: Honesty::AnswersLater,
        ..Ways::USUAL
    };
    assert!(caught(loose, Audit::Everything, "told") > 30);
    assert!(caught(loose, Audit::Consequences, "acknowledged is lost") > 3);
}

#[test]
fn a_program_that_heeds_marks_whatever_their_take_is_caught_paying_twice() {
    let forgetful = Ways {
        reading: Reading::ByJob,
        ..Ways::USUAL
    };
    assert!(caught(forgetful, Audit::Payments, PAID_TWICE) > 3);
}

#[test]
fn results_that_tell_of_the_present_take_alone_are_caught_hiding_a_paid_video() {
    let forgetful = Ways {
        forgets_takes: true,
        ..Ways::USUAL
    };
    let words = "is nowhere in results.csv";
    assert!(caught_within(MORE, forgetful, Audit::Consequences, words) > 3);
}
