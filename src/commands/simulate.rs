//! `shotlist simulate`: the simulated provider as a server on loopback.

use super::{Stop, signals};
use crate::cli::SimulateArgs;
use crate::error::{Error, ExitCode};
use crate::output::Output;
use crate::report::json::{Line, ListeningLine, ServedLine, SummaryLine};
use crate::simulator::{self, SimulatorSettings};

pub(super) fn simulate(options: &SimulateArgs, output: &mut Output) -> Result<ExitCode, Stop> {
    signals::ensure_files()?;
    let runtime = signals::runtime()?;
    let settings = settings(options);
    let totals = runtime
        .block_on(async {
            let signals = signals::listen()?;
            let ready = |address| {
                let url = format!("http://{address}");
                if options.json {
                    output.data(&Line::Listening(ListeningLine { url: &url }).to_json());
                } else {
                    output.data(&format!("listening on {url}"));
                }
            };
            simulator::serve(settings, ready, signals::first(signals)).await
        })
        .map_err(|source| {
            Error::new(
                ExitCode::Usage,
                format!("failed to listen on port {} of this machine", options.port),
            )
            .because(source)
            .help("choose another port with `--port`; 0 takes any free one")
        })?;
    output.talk(&format!(
        "{} create requests, {} tasks made, {} polls",
        totals.posts, totals.creates, totals.polls
    ));
    if options.json {
        let served = ServedLine {
            creates: totals.posts,
            tasks: totals.creates,
            polls: totals.polls,
        };
        let summary = SummaryLine {
            served: Some(served),
            ..SummaryLine::new("simulate", ExitCode::Completed)
        };
        output.data(&Line::Summary(summary).to_json());
    }
    Ok(ExitCode::Completed)
}

fn settings(options: &SimulateArgs) -> SimulatorSettings {
    let defaults = SimulatorSettings::default();
    SimulatorSettings {
        port: options.port,
        render: options.render.unwrap_or(defaults.render),
        submit_limit: options.submit_limit,
        max_in_flight: options.max_in_flight,
        faults: options.fault.iter().cloned().collect(),
        seed: options.seed,
        ..defaults
    }
}
