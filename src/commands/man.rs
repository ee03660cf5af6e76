//! `shotlist man`: the manual page, from the same definitions as `--help`. Start at [`man`].

use std::io;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::help::topic_text;
use crate::cli::{ManArgs, Topic, program};
use crate::error::{Error, ExitCode};
use crate::output::Output;

/// Cells of a line that stands in the page as it is.
const WIDTH: usize = 72;

pub(super) fn man(options: &ManArgs, output: &mut Output) -> Result<ExitCode, Error> {
    let page = page(options.command.as_deref())
        .map_err(|source| Error::new(ExitCode::Bug, "failed to make the page").because(source))?;
    output.data(page.trim_end());
    Ok(ExitCode::Completed)
}

/// The page of a command, or of all.
fn page(name: Option<&str>) -> io::Result<String> {
    let mut program = program();
    program.build();
    let mut page = Vec::new();
    if let Some(command) = name.and_then(|name| program.find_subcommand(name)) {
        add_command(command, Level::Page, &mut page)?;
        return Ok(text(&page));
    }
    add_command(&program, Level::Page, &mut page)?;
    for command in program.get_subcommands() {
        add_command(command, Level::Section, &mut page)?;
    }
    for (title, topic) in [
        ("EXIT STATUS", Topic::ExitCodes),
        ("ENVIRONMENT", Topic::Environment),
    ] {
        let mut section = Roff::new();
        section.control("SH", [title]);
        add_verbatim(&topic_text(topic, WIDTH), &mut section);
        section.to_writer(&mut page)?;
    }
    Ok(text(&page))
}

/// Whether a command is the page or a section of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Page,
    Section,
}

fn add_command(command: &clap::Command, level: Level, page: &mut Vec<u8>) -> io::Result<()> {
    let title = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name());
    let man = Man::new(command.clone()).title(title.to_uppercase());
    let mut part = Vec::new();
    match level {
        Level::Page => {
            man.render_title(&mut part)?;
            man.render_name_section(&mut part)?;
        }
        Level::Section => {
            let title = command.get_bin_name().unwrap_or_else(|| command.get_name());
            let mut heading = Roff::new();
            heading.control("SH", [title.to_uppercase().as_str()]);
            heading.to_writer(page)?;
        }
    }
    man.render_synopsis_section(&mut part)?;
    man.render_description_section(&mut part)?;
    man.render_options_section(&mut part)?;
    if let Some(more) = command.get_after_long_help() {
        let mut examples = Roff::new();
        examples.control("SH", ["EXAMPLES"]);
        add_verbatim(&more.to_string(), &mut examples);
        examples.to_writer(&mut part)?;
    }
    let part = text(&part);
    match level {
        Level::Page => page.extend(part.bytes()),
        // Its sections are parts of a section.
        Level::Section => page.extend(part.replace("\n.SH ", "\n.SS ").bytes()),
    }
    Ok(())
}

/// Lines as they are.
fn add_verbatim(lines: &str, section: &mut Roff) {
    section.control("nf", []);
    for line in lines.lines() {
        section.text([roman(line)]);
    }
    section.control("fi", []);
}

fn text(page: &[u8]) -> String {
    String::from_utf8_lossy(page).into_owned()
}
