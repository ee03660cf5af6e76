//! A table of a million rows, beside a bare reading of its byte records.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::child::{self, Taken};

const ROWS: usize = 1_000_000;

pub(crate) fn bench() {
    let table = table();
    let bare = bare(&table);
    let bytes = table.metadata().expect("a table").len();
    println!("  {ROWS} rows, {} MB", bytes / 1_000_000);
    println!("  bare byte records  {:6.2} s", bare.as_secs_f64());
    let name = table.to_str().expect("a name in UTF-8");
    for command in ["check", "plan"] {
        tell(command, &child::run(&[command, name]), bare);
    }
}

fn tell(command: &str, taken: &Taken, bare: Duration) {
    let ratio = taken.time.as_secs_f64() / bare.as_secs_f64();
    let peak = match taken.peak {
        Some(bytes) => format!("{} MB", bytes / 1_000_000),
        None => "unknown".to_owned(),
    };
    println!(
        "  {command:<17} {:7.2} s, {ratio:.1} × bare, peak {peak}",
        taken.time.as_secs_f64()
    );
}

/// How long it takes to read the records of `table`, and nothing else.
fn bare(table: &Path) -> Duration {
    let begin = Instant::now();
    let mut reader = csv::Reader::from_path(table).expect("a table");
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut record).expect("a record") {
        count += 1;
    }
    assert_eq!(count, ROWS);
    begin.elapsed()
}

/// The table, written once.
fn table() -> PathBuf {
    const WORDS: [&str; 13] = [
        "rises", "gulls", "quay", "harbour", "soft", "pan", "run", "kite", "red", "along",
        "children", "cry", "colours",
    ];
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("million.csv");
    if path.exists() {
        return path;
    }
    let new = path.with_extension("new");
    let mut out = BufWriter::new(File::create(&new).expect("a place for the table"));
    writeln!(out, "id,prompt,model,duration,aspect_ratio,x_team").expect("room for the table");
    for row in 0..ROWS {
        let words: Vec<&str> = (0..12)
            .map(|at| WORDS[(row * 7 + at * at) % WORDS.len()])
            .collect();
        let (seconds, team) = (5 + row % 11, row % 50);
        let prompt = words.join(" ");
        writeln!(
            out,
            "shot-{row:07},{prompt} {row},seedance2.0-720p,{seconds},16:9,team{team}"
        )
        .expect("room for the table");
    }
    out.flush().expect("room for the table");
    std::fs::rename(&new, &path).expect("the table gets its name");
    path
}
