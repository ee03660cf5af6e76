//! What the state says for certain, read from the bytes on the platter without the program's own reader.
//!
//! Start at [`Register::read`]. A line is searched for its few words; anything that is not a whole line ends it.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// Which job; its id is `job-7`.
pub(crate) type JobNumber = u32;

/// All durable lines.
#[derive(Debug, Default)]
pub(crate) struct Register {
    end: usize,
    /// Durable records, without the header.
    pub(crate) records: usize,
    jobs: BTreeMap<JobNumber, Lines>,
    ids: Vec<String>,
}

/// The durable lines of one job.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) intents: usize,
    pub(crate) reopened: usize,
    /// The type of the last line.
    pub(crate) last: String,
    /// The task of the present take.
    pub(crate) task_id: Option<String>,
    /// When its task was accepted or adopted.
    pub(crate) accepted_at: Option<Timestamp>,
    /// Of the last request.
    pub(crate) fingerprint: String,
    /// What is reserved, a line for each create that may have been executed.
    pub(crate) holds: Vec<Hold>,
}

/// What one create has reserved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    /// As it was recorded, if it was.
    pub(crate) cost: Option<u64>,
    /// Length of the video.
    pub(crate) seconds: u64,
}

impl Hold {
    /// What it counts for when a second costs so much.
    pub(crate) fn at(self, per_second: u64) -> u64 {
        self.cost.unwrap_or(self.seconds * per_second)
    }
}

impl Register {
    /// Takes in the whole lines of `bytes` that were not read yet.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        while let Some(length) = bytes[self.end..].iter().position(|byte| *byte == b'\n') {
            let line = &bytes[self.end..self.end + length];
            let Some(line) = std::str::from_utf8(line)
                .ok()
                .filter(|line| !line.contains('\0'))
            else {
                return;
            };
            self.take(line);
            self.end += length + 1;
        }
    }

    fn take(&mut self, line: &str) {
        let kind = word(line, "\"type\":\"").unwrap_or_default();
        if kind == "header" {
            return;
        }
        self.records += 1;
        self.ids
            .extend(word(line, "\"task_id\":\"").map(str::to_owned));
        let Some(job) = word(line, "\"job\":\"").and_then(number_of) else {
            return;
        };
        let lines = self.jobs.entry(job).or_default();
        let is_of_files = ["downloaded", "renewed", "not_downloaded"].contains(&kind);
        if is_of_files {
            return; // the job stays where it was
        }
        let before = std::mem::replace(&mut lines.last, kind.to_owned());
        match kind {
            "intent" => {
                lines.intents += 1;
                lines.task_id = None;
                let fingerprint = word(line, "\"fingerprint\":\"").unwrap_or_default();
                fingerprint.clone_into(&mut lines.fingerprint);
                let cost = word(line, "\"amount\":\"").map(|amount| {
                    let (units, places) = amount.split_once('.').expect("places");
                    assert_eq!(places, "00", "prices are whole here");
                    units.parse().expect("a number")
                });
                let rest = line.split("\"duration\":").nth(1).unwrap_or_default();
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
                let seconds = digits.and_then(|digits| digits.parse().ok());
                lines.holds.push(Hold {
                    cost,
                    seconds: seconds.expect("every job has a length"),
                });
            }
            "returned" | "rejected" => drop(lines.holds.pop()),
            "not_created" if before != "lost" => drop(lines.holds.pop()),
            "reopened" => lines.reopened += 1,
            "accepted" | "adopted" => {
                lines.task_id = word(line, "\"task_id\":\"").map(str::to_owned);
                lines.accepted_at = word(line, "\"at\":\"").and_then(|at| at.parse().ok());
            }
            _ => {}
        }
    }

    pub(crate) fn job(&self, job: JobNumber) -> Option<&Lines> {
        self.jobs.get(&job)
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = (JobNumber, &Lines)> {
        self.jobs.iter().map(|(job, lines)| (*job, lines))
    }

    /// Everything that is reserved when a second costs so much.
    pub(crate) fn reserved(&self, per_second: u64) -> u64 {
        let holds = self.jobs.values().flat_map(|lines| &lines.holds);
        holds.map(|hold| hold.at(per_second)).sum()
    }

    pub(crate) fn has_id(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }
}

/// The job that is called `id`.
pub(crate) fn number_of(id: &str) -> Option<JobNumber> {
    id.strip_prefix("job-")?.parse().ok()
}

/// The text after `name`. Quotes inside a text are escaped, so no text looks like a name.
fn word<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let start = line.find(name)? + name.len();
    let length = line[start..].find('"')?;
    Some(&line[start..start + length])
}
