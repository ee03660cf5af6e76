//! `shotlist completions`: what a shell needs to complete commands, options and values, from the same definitions as
//! `--help`.

use std::fmt::Write as _;

use clap::Command;
use clap_complete::Shell;

use crate::cli::{CompletionsArgs, program};
use crate::error::ExitCode;
use crate::output::Output;

pub(super) fn completions(options: &CompletionsArgs, output: &mut Output) -> ExitCode {
    let mut program = program()
        // What is too long for the help is not too long for a shell.
        .mut_subcommands(|command| command.mut_args(|option| option.hide_possible_values(false)))
        .mut_args(|option| option.hide_possible_values(false));
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut program, "shotlist", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if options.shell == Shell::Fish {
        add_operands(&program, &mut script);
    }
    output.data(script.trim_end());
    ExitCode::Completed
}

/// The values of arguments without an option, which the generator leaves out for fish.
fn add_operands(program: &Command, script: &mut String) {
    for command in program.get_subcommands() {
        for operand in command.get_positionals() {
            for value in operand.get_possible_values() {
                let _ = writeln!(
                    script,
                    "complete -c shotlist -n \"__fish_shotlist_using_subcommand {}\" -f -a '{}'",
                    command.get_name(),
                    value.get_name()
                );
            }
        }
    }
}
