//! What a command tells beside its results: the one place through which warnings and notes go, to people on stderr and to
//! programs as a line of type `notice`.
//!
//! Start at [`warn`]. Diagnostics of manifests, and notices of a run that is going on, have ways of their own.

use crate::output::Output;
use crate::report::json::{Line, NoticeLine};
use crate::report::notice::NoticeKind;

/// Tells what may well be a mistake; `--quiet` does not silence it. `run` is what the run is called, once it has begun.
pub(super) fn warn(kind: NoticeKind, run: Option<&str>, message: &str, output: &mut Output) {
    output.insist_wrapped(&format!("warning: {message}"));
    tell_programs(kind, run, message, output);
}

/// Tells what is worth knowing.
pub(super) fn note(kind: NoticeKind, run: Option<&str>, message: &str, output: &mut Output) {
    output.talk(&format!("note: {message}"));
    tell_programs(kind, run, message, output);
}

fn tell_programs(kind: NoticeKind, run: Option<&str>, message: &str, output: &mut Output) {
    if !output.speaks_json() {
        return;
    }
    let line = NoticeLine {
        kind: kind.as_str(),
        job: None,
        message,
        run,
    };
    output.data(&Line::Notice(line).to_json());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Talk;
    use crate::output::tests::Shared;

    #[test]
    fn people_and_programs_are_told_the_same() {
        for (json, talk) in [
            (true, Talk::Normal),
            (false, Talk::Normal),
            (true, Talk::Quiet),
        ] {
            let (out, err) = (Shared::with_room(9999), Shared::with_room(9999));
            let mut output = Output::to_writers(out.clone(), err.clone(), talk);
            output.speak_json(json);
            warn(
                NoticeKind::State,
                None,
                "everyone can change it",
                &mut output,
            );
            note(
                NoticeKind::Waiting,
                Some("3f9a1c-1"),
                "it has ended",
                &mut output,
            );
            let note = if talk == Talk::Quiet {
                ""
            } else {
                "note: it has ended\n"
            };
            assert_eq!(
                err.text(),
                format!("warning: everyone can change it\n{note}")
            );
            let lines = out.text();
            assert_eq!(lines.lines().count(), if json { 2 } else { 0 });
            assert!(
                !json
                    || lines.contains(
                        r#""kind":"state","job":null,"message":"everyone can change it","run":null"#
                    ),
                "{lines}"
            );
        }
    }
}
