//! What a glance says of a manifest is what a reading of all of it says.

use std::fmt::Write as _;
use std::io::Cursor;

use super::*;
use crate::plan::Job;

/// Rows of several windows.
const ROWS: usize = 2000;

/// A table with all that parts rows in odd places; `change` has the last word on each row.
fn table(line_end: &str, change: impl Fn(usize, &mut String)) -> String {
    let mut text = format!("id,prompt,model,duration,x_team{line_end}");
    for number in 0..ROWS {
        let blank = if number % 97 == 0 { line_end } else { "" };
        let mut row = format!(
            "shot-{number},\"A fox, no. {number}:{line_end}狐狸 says \"\"hi\"\"\",seedance2.0-720p,{},🎬 {}",
            5 + number % 10,
            number % 7
        );
        change(number, &mut row);
        write!(text, "{row}{line_end}{blank}").expect("a text takes all");
    }
    text
}

fn glanced(files: &[(&str, &[u8])], options: &LoadOptions) -> Option<Loaded> {
    let find = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        let found = found.map(|(_, bytes)| bytes.to_vec());
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let path = Path::new(files[0].0);
    let open =
        |path: &Path| -> io::Result<Box<dyn Read>> { Ok(Box::new(Cursor::new(find(path)?))) };
    let glanced = glance(path, options, &find, &open)?;
    let loaded = load_with(path, options, &find);
    let of = |loaded: &Loaded| {
        let plan = loaded.plan.as_ref().expect("there is no error");
        format!(
            "{:?} {:?} {:?}",
            plan.user_columns(),
            loaded.detected,
            loaded.totals
        )
    };
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.render_compact());
    assert_eq!(of(&glanced), of(&loaded));
    let words = |loaded: &Loaded| {
        let jobs = loaded.plan.iter().flat_map(Plan::jobs);
        let word = |job: &Job| {
            format!(
                "{} {:?} {:?} {:?}",
                job.id(),
                job.request(),
                job.user_values(),
                job.origin()
            )
        };
        jobs.map(word).collect::<Vec<_>>()
    };
    if options.keeping == Keeping::Totals {
        assert_eq!(words(&glanced), [""; 0]);
    } else {
        assert_eq!(words(&glanced), words(&loaded));
    }
    Some(glanced)
}

/// A glance at a table, whatever is to be kept of it.
fn glanced_at(text: &[u8]) -> Option<Loaded> {
    let files = [("shots.csv", text)];
    let [jobs, totals] = [Keeping::Jobs, Keeping::Totals].map(|keeping| LoadOptions {
        keeping,
        ..LoadOptions::default()
    });
    let found = glanced(&files, &jobs);
    let is_same = glanced(&files, &totals).is_some() == found.is_some();
    assert!(is_same, "{}", String::from_utf8_lossy(text));
    found
}

#[test]
fn a_table_without_a_mistake_needs_no_more_than_a_glance() {
    for line_end in ["\n", "\r\n", "\r"] {
        let text = table(line_end, |_, _| {});
        let spotless = glanced_at(text.as_bytes()).expect("nothing to find");
        assert_eq!(spotless.totals.jobs as usize, ROWS);
        let with_mark = format!("\u{feff}{}", text.trim_end());
        glanced_at(with_mark.as_bytes()).expect("nothing to find");
    }
}

#[test]
fn a_glance_at_a_table_that_a_manifest_names_goes_by_its_defaults_and_template() {
    let text = table("\n", |_, _| {}).replace(",duration,", ",x_length,");
    let yaml = "defaults: {duration: 7, model: seedance2.0-720p}\njobs:\n  - from: shots.csv\n    template:\n      id: \"{{ id }}\"\n      prompt: \"{{ prompt }}\"\n      x_team: \"{{ x_team }} {{ x_length }}\"\n";
    let files = [("a.yaml", yaml.as_bytes()), ("shots.csv", text.as_bytes())];
    let spotless = glanced(&files, &LoadOptions::default()).expect("nothing to find");
    assert_eq!(spotless.totals.seconds, 7 * ROWS as u64);
}

type Change = fn(&mut String);

#[test]
fn a_glance_overlooks_no_mistake_wherever_it_stands() {
    let changes: [(&str, Change); 7] = [
        ("an id that another job has", |row| {
            *row = row.replacen("shot-", "SHOT-0-", 1).replacen("-0-", "-", 1);
            row.replace_range(..row.find(',').expect("a comma"), "Shot-7");
        }),
        ("what another job sends", |row| {
            let id = row[..row.find(',').expect("a comma")].to_owned();
            *row =
                format!("{id}x,\"A fox\",seedance2.0-720p,5,\n{id}y,\"A fox\",seedance2.0-720p,5,");
        }),
        ("a bad duration", |row| {
            *row = row.replacen("-720p,", "-720p,9", 1);
        }),
        ("a quote that never closes", |row| {
            *row = row.replacen("hi\"\"\"", "hi", 1);
        }),
        ("a cell too many", |row| row.push_str(",more")),
        ("a warning", |row| {
            *row = row.replacen("A fox", "{{ fox }}", 1);
        }),
        ("a character that is none", |row| row.push('\0')),
    ];
    for (what, change) in changes {
        for place in [0, 300, 1000, ROWS - 1] {
            let text = table("\n", |number, row| {
                if number == place {
                    change(row);
                }
            });
            // A row below the one that has the id.
            if what.starts_with("an id") && place == 0 {
                continue;
            }
            assert!(
                glanced_at(text.as_bytes()).is_none(),
                "{what} in row {place}"
            );
        }
    }
}

#[test]
fn a_glance_judges_whatever_a_cell_says_as_the_rules_do() {
    const COLUMNS: &str = "id,prompt,model,duration,aspect_ratio,x_team,x_note\n";
    #[rustfmt::skip]
    const TEXTS: &[&str] = &[
        "", " ", "5", "+8", "08", "8 ", " 8", "8.0", "16", "4", "-8", "８", "16:9", "16:09:00", " 16:9", "１６:9", "1:1",
        "seedance2.0-720p", "seedance2.0-mini-720p", "seedance2.0-4k", "Seedance2.0-720p", " seedance2.0-720p", "shot-3",
        "SHOT-3", "shot-99", "é", "e\u{301}", "-x", "a b", "x", "xx", "TBD", "todo: write", "Total", "id", "prompt",
        "Prompt", "model", "Note: by Friday", "#N/A", "#SALE!", "=A1", "Err:502", "E", "+1+2", "[product] on a table",
        "a [mood] day", "????", "a ????, and ?? of it", "why?", "{{ x }}", "{# x #}", "{% x %}", "{x}", "cafÃ©", "鐙愮嫺鍦ㄨ窇",
        "\u{7}", "\u{85}", "\u{200b}", "\u{FFFD}", "\"quoted\"", "\"a \"\"b\"\" c\"", "\" \"", "\"a\"x", " \"a\"", "a\"b",
        "\"two\nlines\"", "https://example.com/a", "http://", "HTTP://a", "狐狸在跑", "A fox, no. 3", "A fox 3", "a,b",
    ];
    let row = |number: usize| {
        let (id, prompt) = (format!("shot-{number}"), format!("A fox {number}"));
        let team = ["red", "", "blue"][number % 3];
        [
            id,
            prompt,
            "seedance2.0-720p".into(),
            "5".into(),
            "16:9".into(),
            team.into(),
            String::new(),
        ]
    };
    let (mut good, mut bad) = (0, 0);
    for text in TEXTS {
        for column in 0..row(0).len() {
            for place in [0, 5] {
                let rows = (0..8).map(|number| {
                    let mut cells = row(number);
                    if number == place {
                        cells[column] = (*text).to_owned();
                    }
                    cells.join(",") + "\n"
                });
                let table = COLUMNS.to_owned() + &rows.collect::<String>();
                match glanced_at(table.as_bytes()) {
                    Some(_) => good += 1,
                    None => bad += 1,
                }
            }
        }
    }
    assert!(good > 200 && bad > 400, "{good} are good and {bad} bad");
}

#[test]
fn a_glance_overlooks_no_character_that_cannot_be_read() {
    let text = table("\n", |_, _| {});
    for place in [40, 40_000, text.len() - 3, text.len()] {
        let mut bytes = text.clone().into_bytes();
        bytes.splice(place..place, [0xE7, 0x8B]);
        assert!(glanced_at(&bytes).is_none(), "at {place}");
    }
}

#[test]
fn a_glance_passes_no_manifest_whose_prices_or_file_names_ask_for_every_job() {
    let yaml = "jobs: {from: shots.csv}\n";
    let text = table("\n", |_, _| {});
    let files = |yaml: &'static str| [("a.yaml", yaml.as_bytes()), ("shots.csv", text.as_bytes())];
    assert!(glanced(&files(yaml), &LoadOptions::default()).is_some());
    let named = "output: {file_name: \"{x_team}\"}\njobs: {from: shots.csv}\n";
    let totals = LoadOptions {
        keeping: Keeping::Totals,
        ..LoadOptions::default()
    };
    assert!(glanced(&files(yaml), &totals).is_some());
    assert!(glanced(&files(named), &totals).is_none());
    let priced =
        "pricing: {currency: USD, per_second: {seedance2.0-720p: 0.1}}\njobs: {from: shots.csv}\n";
    assert!(glanced(&files(priced), &totals).is_none());
}
