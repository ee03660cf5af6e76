//! A new results.csv from the one before it and the rows that changed since: a large table is not rendered again for each
//! of them.
//!
//! Start at [`Changes::render`] and [`write()`]. What comes out is byte for byte what [`super::write()`] would write, if
//! every job whose row may have changed is among the changes. Knows no disk: the old file is whatever can be read.

use std::io::{self, BufRead};

use super::{begin, write_row};
use crate::engine::event::JobIndex;
use crate::engine::selection::Selection;
use crate::engine::table::JobTable;
use crate::plan::Plan;

/// Where the rows of a written file are: four bytes a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    header: u64,
    rows: Vec<u32>,
}

impl Layout {
    /// Writes results.csv as [`super::write()`] does; where its rows are.
    pub fn of_written(
        plan: &Plan,
        table: &JobTable,
        selection: &Selection,
        out: &mut dyn io::Write,
    ) -> io::Result<Self> {
        let (mut sheet, header) = begin(plan, out)?;
        let rows = table
            .planned()
            .map(|job| row_length(write_row(&mut sheet, plan, table, job, selection)?));
        let rows = rows.collect::<io::Result<_>>()?;
        Ok(Self { header, rows })
    }

    /// The same file once `changes` are in it.
    pub fn take(&mut self, changes: &Changes) {
        for (job, length) in &changes.rows {
            self.rows[*job as usize] = *length;
        }
    }
}

fn row_length(bytes: u64) -> io::Result<u32> {
    u32::try_from(bytes).map_err(|_| io::Error::other("a row is longer than 4 GiB"))
}

/// Rows as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// In the order of the file, with their lengths.
    rows: Vec<(JobIndex, u32)>,
    bytes: Vec<u8>,
}

impl Changes {
    /// The rows of `jobs`, which come in their order and are of the plan.
    pub fn render(
        plan: &Plan,
        table: &JobTable,
        selection: &Selection,
        jobs: impl IntoIterator<Item = JobIndex>,
    ) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut sheet = super::Sheet::new(&mut bytes);
        let rows = jobs.into_iter().map(|job| {
            let length = write_row(&mut sheet, plan, table, job, selection)?;
            Ok((job, row_length(length)?))
        });
        let rows = rows.collect::<io::Result<_>>()?;
        drop(sheet);
        Ok(Self { rows, bytes })
    }

    /// Whose rows they are.
    pub fn jobs(&self) -> impl Iterator<Item = JobIndex> + '_ {
        self.rows.iter().map(|(job, _)| *job)
    }
}

/// Writes the file that `old` is, whose rows are at `layout`, with `changes` in their places.
pub fn write(
    mut old: impl BufRead,
    layout: &Layout,
    changes: &Changes,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut bytes = changes.bytes.as_slice();
    let mut kept = layout.header;
    let mut next = 0;
    for (job, length) in &changes.rows {
        let job = *job as usize;
        kept += sum(&layout.rows[next..job]);
        pass(&mut old, kept, |piece| out.write_all(piece))?;
        let (row, rest) = bytes.split_at(*length as usize);
        out.write_all(row)?;
        pass(&mut old, layout.rows[job].into(), |_| Ok(()))?;
        (bytes, kept, next) = (rest, 0, job + 1);
    }
    kept += sum(&layout.rows[next..]);
    pass(&mut old, kept, |piece| out.write_all(piece))
}

fn sum(rows: &[u32]) -> u64 {
    rows.iter().map(|length| u64::from(*length)).sum()
}

/// Reads so many bytes on, and gives them to `take` piece by piece.
fn pass(
    old: &mut impl BufRead,
    mut length: u64,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    while length > 0 {
        let piece = old.fill_buf()?;
        let end = piece
            .len()
            .min(usize::try_from(length).unwrap_or(usize::MAX));
        if end == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        take(&piece[..end])?;
        old.consume(end);
        length -= end as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::table::Record;
    use crate::report::sample;
    use crate::results::last_selection;

    fn rendered(plan: &Plan, table: &JobTable) -> (Vec<u8>, Layout) {
        let mut bytes = Vec::new();
        let layout = Layout::of_written(plan, table, &last_selection(table), &mut bytes);
        (bytes, layout.expect("memory"))
    }

    fn patched(old: &[u8], layout: &Layout, changes: &Changes) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(old, layout, changes, &mut bytes).expect("memory");
        bytes
    }

    /// The life of every sample job, woven together as `order` says: what happens to one job keeps its order.
    fn woven(order: &[prop::sample::Index]) -> (Plan, Vec<Record>) {
        let (plan, records) = sample::records();
        let (first, rest) = records.split_first().expect("a run");
        let mut lives: Vec<Vec<Record>> = Vec::new();
        for record in rest {
            let id = |record: &Record| match &record.fact {
                crate::engine::table::Fact::Job { id, .. } => Some(id.clone()),
                crate::engine::table::Fact::Run(_) => None,
            };
            match lives.iter_mut().find(|life| id(&life[0]) == id(record)) {
                Some(life) => life.push(record.clone()),
                None => lives.push(vec![record.clone()]),
            }
        }
        let mut all = vec![first.clone()];
        for pick in order {
            if lives.is_empty() {
                break;
            }
            let life = pick.index(lives.len());
            all.push(lives[life].remove(0));
            lives.retain(|life| !life.is_empty());
        }
        (plan, all)
    }

    proptest! {
        #[test]
        fn however_jobs_change_a_patched_file_is_the_one_that_is_written_anew(
            order in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
            writes in prop::collection::vec(any::<bool>(), 60),
        ) {
            let (plan, records) = woven(&order);
            let mut table = JobTable::new(Some(&plan));
            table.replay(&records[0]).expect("a run");
            let selection = last_selection(&table);
            let (mut file, mut layout) = rendered(&plan, &table);
            let mut changed = BTreeSet::new();
            for (record, is_due) in records[1..].iter().zip(writes) {
                table.replay(record).expect("legal");
                changed.extend(sample::job_of(&table, record).filter(|job| table.planned().contains(job)));
                if !is_due {
                    continue;
                }
                let changes = Changes::render(&plan, &table, &selection, std::mem::take(&mut changed));
                let changes = changes.expect("memory");
                file = patched(&file, &layout, &changes);
                layout.take(&changes);
                prop_assert_eq!((file.clone(), layout.clone()), rendered(&plan, &table));
            }
        }
    }

    #[test]
    fn a_file_without_changes_and_one_that_changed_throughout_are_whole() {
        let (plan, table) = sample::every_status();
        let selection = last_selection(&table);
        let (before, layout) = rendered(&plan, &JobTable::new(Some(&plan)));
        assert_eq!(patched(&before, &layout, &Changes::default()), before);
        let all = Changes::render(&plan, &table, &selection, table.planned()).expect("memory");
        assert_eq!(patched(&before, &layout, &all), rendered(&plan, &table).0);
        assert!(all.jobs().eq(table.planned()));
    }

    #[test]
    fn an_old_file_that_ends_too_early_is_an_error() {
        let (plan, table) = sample::every_status();
        let (file, layout) = rendered(&plan, &table);
        let cut = &file[..file.len() - 1];
        let error = write(cut, &layout, &Changes::default(), &mut io::sink()).err();
        let kind = error.map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::UnexpectedEof));
    }
}
