//! Arguments → command → exit code; nothing else.

use std::process::ExitCode;

use shotlist::output::{Output, Talk};
use shotlist::{cli, commands};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let talk = if cli.quiet { Talk::Quiet } else { Talk::Normal };
    let mut output = Output::of_process(cli.color, talk, &commands::environment);
    commands::execute(cli, &mut output).into()
}
