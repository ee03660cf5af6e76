//! The oracle on trial: a program, a disk or a person that breaks a promise is caught within few seeds.
//!
//! Each control is caught twice where it can be: at the moment that it breaks the rule, and, with those checks switched
//! off, by what a user would come to feel.

use crate::life::Ways;
use crate::person::Policy;
use crate::sweep::sweep;
use crate::witness::Honesty;
use crate::world::Audit;

/// Seeds within which a control must be caught.
const FEW: u64 = 100;

/// How many of the seeds are caught by a promise that `words` name.
fn caught(ways: Ways, words: &str) -> usize {
    let (_, failed) = sweep(FEW, ways);
    failed
        .iter()
        .filter(|(_, broken)| broken.contains(words))
        .count()
}

fn felt(ways: Ways) -> Ways {
    let audit = Audit::Consequences;
    Ways { audit, ..ways }
}

#[test]
fn what_a_user_would_feel_is_not_felt_without_a_control() {
    let (_, failed) = sweep(FEW, felt(Ways::USUAL));
    assert_eq!(failed, []);
}

#[test]
fn a_person_who_sends_jobs_in_doubt_again_is_caught_paying_twice() {
    let careless = Ways {
        policy: Policy::Careless,
        ..Ways::USUAL
    };
    assert!(caught(careless, "although it was created before") > 10);
}

#[test]
fn a_disk_that_lies_about_syncs_is_caught() {
    let lies = Ways {
        disk_lies: true,
        ..Ways::USUAL
    };
    assert!(caught(lies, "durable") > 90);
    assert!(caught(felt(lies), "created before") > 3);
    assert!(caught(felt(lies), "lost") > 10);
}

#[test]
fn a_create_that_leaves_before_its_intent_is_durable_is_caught() {
    let hasty = Ways {
        honesty: Honesty::IntentsLater,
        ..Ways::USUAL
    };
    assert!(caught(hasty, "without a durable intent") > 50);
    assert!(caught(felt(hasty), "") > 50);
}

#[test]
fn an_id_that_is_told_before_it_is_durable_is_caught() {
    let loose = Ways {
        honesty: Honesty::AnswersLater,
        ..Ways::USUAL
    };
    assert!(caught(loose, "durable") > 50);
    assert!(caught(felt(loose), "acknowledged is lost") > 10);
}
