//! The table of `shotlist status`: where every job stands, removed ones included.
//!
//! Start at [`rows`].

use std::borrow::Cow;

use super::listing::jobs;
use super::outcome::{ErrorClass, Standing, Tally, is_removed};
use super::table::{Columns, id_room};
use crate::engine::event::JobIndex;
use crate::engine::job::{JobState, Status};
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::results::{self, Seconds};

/// Cells in which most of what is known about a job can be read.
const ABOUT_ROOM: usize = 50;

const HEADER: [&str; 5] = ["JOB", "STATUS", "TASK", "SINCE", "ABOUT"];

/// The table line by line, its header first; lines are cut to `width` cells of a terminal, if one is given.
pub fn rows<'a>(
    table: &'a JobTable,
    selection: &'a Selection,
    width: Option<usize>,
) -> impl Iterator<Item = String> + 'a {
    let all = 0..table.removed().end;
    let measured = |task_room, time_room| {
        let room = [id_room(width), 10, task_room, time_room, usize::MAX];
        let mut columns = Columns::new(room, width);
        columns.measure(HEADER);
        for index in all.clone() {
            columns.measure(Row::of(table, index, selection).cells());
        }
        columns
    };
    // What is known about a job is worth more than the time, and that more than the task, which results.csv has.
    let columns = [(32, 20), (32, 0)]
        .into_iter()
        .map(|(task_room, time_room)| measured(task_room, time_room))
        .find(|columns| columns.leaves_last(ABOUT_ROOM))
        .unwrap_or_else(|| measured(0, 0));
    let header = columns.draw(HEADER);
    std::iter::once(header)
        .chain(all.map(move |index| columns.draw(Row::of(table, index, selection).cells())))
}

struct Row<'a> {
    id: &'a str,
    status: &'static str,
    task: String,
    since: String,
    about: String,
}

impl<'a> Row<'a> {
    fn of(table: &'a JobTable, index: JobIndex, selection: &Selection) -> Self {
        let state = table.job(index);
        let removed = is_removed(table, index).then_some("no longer in the manifest");
        Self {
            id: table.id(index).as_str(),
            status: Standing::in_run(table, index, selection).status.as_str(),
            task: state
                .task()
                .map(|task| task.id.to_string())
                .unwrap_or_default(),
            since: since(state)
                .map(|at| Seconds(at).to_string())
                .unwrap_or_default(),
            about: about(table, index, state, removed),
        }
    }

    fn cells(&self) -> [&str; 5] {
        [self.id, self.status, &self.task, &self.since, &self.about]
    }
}

fn since(state: &JobState) -> Option<jiff::Timestamp> {
    results::finished_at(state).or_else(|| results::submitted_at(state))
}

/// The class and message of a job that is not well, where a video is that is made, and what is odd about it.
fn about(table: &JobTable, index: JobIndex, state: &JobState, removed: Option<&str>) -> String {
    let class = Standing::of(state).class.map(ErrorClass::as_str);
    let error = match (class, results::error(state)) {
        (Some(class), Some(message)) if class != state.status().as_str() => {
            Some(format!("{class}: {message}"))
        }
        (_, Some(message)) => Some(message.to_owned()),
        (Some(class), None) => Some(class.to_owned()),
        (None, None) => None,
    };
    let parts = [
        removed.map(str::to_owned),
        error,
        video(state).map(str::to_owned),
        results::note(table, index).map(Cow::into_owned),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// The file on this disk, beside results.csv if its path is relative; else the address, for as long as that is good.
fn video(state: &JobState) -> Option<&str> {
    results::local_video(state).or_else(|| results::video_url(state))
}

/// `12 jobs: 9 completed, 2 failed, 1 in doubt`, in the order of a job's life.
pub fn counts(tally: &Tally) -> String {
    let parts: Vec<_> = Status::ALL
        .iter()
        .map(|status| (tally.count(*status), status.as_str().replace('_', " ")))
        .filter(|(count, _)| *count > 0)
        .map(|(count, status)| format!("{count} {status}"))
        .collect();
    if parts.is_empty() {
        return jobs(tally.total());
    }
    format!("{}: {}", jobs(tally.total()), parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn the_table_shows_every_job_in_every_place_of_its_life() {
        let (_, table) = sample::every_status();
        let selection = results::last_selection(&table);
        let text = |width| {
            let rows: Vec<_> = rows(&table, &selection, width).collect();
            format!(
                "{}\n\n{}",
                rows.join("\n"),
                counts(&Tally::of_all(&table, &selection))
            )
        };
        insta::assert_snapshot!("wide", text(None));
        insta::assert_snapshot!("narrow", text(Some(80)));
    }

    #[test]
    fn without_a_manifest_every_job_of_the_state_is_shown_and_none_is_called_removed() {
        let (_, records) = sample::records();
        let mut table = JobTable::new(None);
        for record in &records {
            table.replay(record).expect("legal");
        }
        let selection = results::last_selection(&table);
        let text: Vec<_> = rows(&table, &selection, None).collect();
        assert_eq!(text.len(), table.len() + 1);
        assert!(!text.join("\n").contains("no longer in the manifest"));
        assert!(counts(&Tally::of_all(&table, &selection)).starts_with("14 jobs: "));
    }

    #[test]
    fn no_jobs_are_counted_as_none() {
        assert_eq!(counts(&Tally::default()), "0 jobs");
    }
}
