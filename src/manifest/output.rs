//! `output:`: what a run leaves besides results.csv. Start at [`OutputSettings`] and [`take`]; [`check_names`] says
//! whether every job gets a file of its own.

use std::collections::HashMap;
use std::num::NonZeroU32;

use super::diagnostic::{Diagnostic, Diagnostics};
use super::fields::{listed, nearest};
use super::sections::{count, elsewhere, pairs, switch};
use super::tree::{Key, Node, Span, Value};
use super::values::{shown, wrong_type};
use crate::engine::job::Take;
use crate::naming::{self, FileTemplate, Made};
use crate::plan::Plan;
use crate::text::folded;

/// The settings under `output:`.
pub const OUTPUT: &[&str] = &["download", "file_name", "download_concurrency", "gallery"];

/// What `output:` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputSettings {
    /// `output.download`
    pub download: Option<DownloadSetting>,
    /// `output.file_name`
    pub file_name: Option<FileTemplate>,
    /// `output.download_concurrency`
    pub download_concurrency: Option<NonZeroU32>,
    /// `output.gallery`
    pub gallery: Option<bool>,
}

/// Whether videos are downloaded, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DownloadSetting {
    /// They are not.
    No,
    /// Where they go unless something else is said.
    Yes,
    /// Into this directory, relative to the manifest.
    To(String),
}

/// Reads the section; gives the place of the template, which is checked once the jobs are known.
pub(super) fn take(
    node: &Node,
    settings: &mut OutputSettings,
    diagnostics: &mut Diagnostics,
) -> Option<Span> {
    let mut named_at = None;
    for (key, value) in pairs("output", node, diagnostics) {
        match key.name.as_str() {
            "download" => settings.download = download(key, value, diagnostics),
            "download_concurrency" => {
                settings.download_concurrency = count(key, value, diagnostics);
            }
            "gallery" => settings.gallery = switch(key, value, diagnostics),
            "file_name" => {
                settings.file_name = file_name(key, value, diagnostics);
                named_at = settings.file_name.is_some().then(|| value.span.clone());
            }
            _ => diagnostics.push(unknown(key)),
        }
    }
    named_at
}

fn unknown(key: &Key) -> Diagnostic {
    let help = match nearest(&key.name, OUTPUT) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => elsewhere(&key.name)
            .unwrap_or_else(|| format!("the settings under `output` are {}", listed(OUTPUT))),
    };
    Diagnostic::error(
        "unknown-setting",
        &key.span,
        format!("`output` has no setting `{}`", shown(&key.name)),
        help,
    )
}

fn download(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<DownloadSetting> {
    match &node.value {
        Value::Boolean(true) => Some(DownloadSetting::Yes),
        Value::Boolean(false) => Some(DownloadSetting::No),
        Value::Text(text) if !text.trim().is_empty() && !text.contains('\0') => {
            Some(DownloadSetting::To(text.clone()))
        }
        _ => {
            let help = "write `download: true`, or name a directory: `download: videos`";
            let expected = "true, false or a directory";
            diagnostics.push(wrong_type(&key.name, node, expected, help));
            None
        }
    }
}

fn file_name(key: &Key, node: &Node, diagnostics: &mut Diagnostics) -> Option<FileTemplate> {
    let Value::Text(text) = &node.value else {
        let help = "write it like `file_name: \"{id}\"`, in quotes";
        diagnostics.push(wrong_type(&key.name, node, "a text", help));
        return None;
    };
    match FileTemplate::parse(text) {
        Ok(template) => Some(template),
        Err(why) => {
            diagnostics.push(Diagnostic::error(
                "bad-setting",
                &node.span,
                format!("`file_name`: {why}"),
                format!(
                    "write it like `file_name: \"{{id}}\"`; the fields are {}",
                    naming::fields()
                ),
            ));
            None
        }
    }
}

/// Finds jobs that the template gives one name, or none. A name with the task in it is known only once that is made,
/// and no two tasks are alike.
pub(super) fn check_names(
    plan: &Plan,
    template: &FileTemplate,
    at: &Span,
    diagnostics: &mut Diagnostics,
) {
    if let Some(column) = template
        .own_columns()
        .find(|column| !plan.user_columns().iter().any(|own| own == column))
    {
        diagnostics.push(Diagnostic::error(
            "file-name-column",
            at,
            format!("`file_name` names `{{{column}}}`, and no job has it"),
            match plan.user_columns() {
                [] => format!("give jobs a field `{column}`, or write `{{id}}`"),
                own => {
                    let own: Vec<&str> = own.iter().map(String::as_str).collect();
                    format!("the own columns of these jobs are {}", listed(&own))
                }
            },
        ));
        return;
    }
    if template.names_the_task() {
        return;
    }
    let mut taken: HashMap<String, usize> = HashMap::new();
    let made = Made {
        take: Take::default(),
        task_id: "",
    };
    for (index, job) in plan.jobs().iter().enumerate() {
        let Some(name) = template.name(plan, job, made) else {
            diagnostics.push(Diagnostic::error(
                "file-name-empty",
                at,
                format!("`file_name` leaves nothing to call the video of `{}`", job.id()),
                "a name needs at least one letter or digit in every job: add `{id}`, as in `file_name: \"{id} {x_title}\"`",
            ));
            return;
        };
        if let Some(other) = taken.insert(folded(&name).into_owned(), index) {
            diagnostics.push(Diagnostic::error(
                "file-names-alike",
                at,
                format!(
                    "the videos of `{}` and `{}` would both be called `{name}`",
                    plan.jobs()[other].id(),
                    job.id()
                ),
                "names must differ in more than case, on some systems they are one file: add `{id}`, as in `file_name: \"{x_title} {id}\"`",
            ));
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::manifest::{Loaded, load};

    fn loaded(output: &str, jobs: &str) -> Loaded {
        let text = format!(
            "output: {output}\ndefaults: {{ model: seedance2.0-720p, duration: 5 }}\njobs:\n{jobs}"
        );
        load(Path::new("shots.yaml"), &move |_| {
            Ok(text.clone().into_bytes())
        })
    }

    const TWO: &str =
        "  - { id: a, prompt: one, x_title: Dawn }\n  - { id: b, prompt: two, x_title: dawn }\n";

    #[test]
    fn the_settings_are_read() {
        let loaded = loaded(
            "{ download: clips, file_name: \"{id}-{take}\", download_concurrency: 3 }",
            TWO,
        );
        assert!(loaded.plan.is_some(), "{}", loaded.render_compact());
        let output = loaded.settings.output;
        assert_eq!(output.download, Some(DownloadSetting::To("clips".into())));
        assert_eq!(output.file_name, FileTemplate::parse("{id}-{take}").ok());
        assert_eq!(output.download_concurrency, NonZeroU32::new(3));
    }

    #[test]
    fn names_that_differ_only_in_case_are_one() {
        for (template, code) in [
            ("{x_title}", Some("file-names-alike")),
            ("{x_title} {id}", None),
            ("{x_title} {task_id}", None),
            ("{x_owner}", Some("file-name-column")),
        ] {
            let loaded = loaded(&format!("{{ file_name: \"{template}\" }}"), TWO);
            let found = loaded.diagnostics.iter().next();
            assert_eq!(found.map(|found| found.code), code, "{template}");
            assert_eq!(loaded.plan.is_some(), code.is_none(), "{template}");
        }
    }

    #[test]
    fn a_job_that_gets_no_name_is_named() {
        let jobs = "  - { id: a, prompt: one, x_title: \"...\" }\n";
        let text = loaded("{ file_name: \"{x_title}\" }", jobs).render_compact();
        assert!(
            text.contains("leaves nothing to call the video of `a`"),
            "{text}"
        );
    }
}
