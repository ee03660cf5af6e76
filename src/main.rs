//! Arguments → command → exit code; nothing else.

use std::process::ExitCode;

use shotlist::output::{Output, Talk};
use shotlist::{cli, commands};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let cli = match cli::parse(arguments.clone()) {
        Ok(cli) => cli,
        Err(wrong) => {
            let mut output =
                Output::of_process(cli::ColorWhen::Never, Talk::Normal, &commands::environment);
            return commands::refuse(&wrong, &arguments, &mut output).into();
        }
    };
    let talk = if cli.quiet { Talk::Quiet } else { Talk::Normal };
    let mut output = Output::of_process(cli.color, talk, &commands::environment);
    commands::execute(cli, &mut output).into()
}
