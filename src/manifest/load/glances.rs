//! What a glance says of a manifest is what a reading of all of it says.

use std::fmt::Write as _;
use std::io::Cursor;

use super::*;
use crate::manifest::table::windows::Sizes;
use crate::manifest::table::windows::tests::with_sizes;

/// Rows of several windows.
const ROWS: usize = 200;

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

/// Windows in which there is room for a few rows, or for some more.
const SIZES: [Sizes; 2] = [
    Sizes {
        window: 90,
        rows: 2,
    },
    Sizes {
        window: 1000,
        rows: 3,
    },
];

/// Windows for about thirty rows.
const SMALL: Sizes = Sizes {
    window: 2500,
    rows: 20,
};

/// Loads a manifest as `load` does, and in windows: what is told must be the same to the letter.
pub(in crate::manifest) fn load_alike(path: &Path, read: &ReadFile<'_>) -> Loaded {
    let length = read(path).map_or(0, |bytes| bytes.len());
    let is_small = length < 50_000;
    if is_small {
        with_sizes(SIZES[length % 2], || {
            compare(path, &LoadOptions::default(), read)
        });
    }
    load(path, read)
}

/// Compares both ways to load, whatever is to be kept; whether a glance was enough.
fn compare(path: &Path, options: &LoadOptions, read: &ReadFile<'_>) -> bool {
    let open =
        |path: &Path| -> io::Result<Box<dyn Read>> { Ok(Box::new(Cursor::new(read(path)?))) };
    let mut is_enough = true;
    for keeping in [Keeping::JobsAndLines, Keeping::Totals] {
        let options = LoadOptions {
            keeping,
            ..options.clone()
        };
        let Some(glanced) = glances(path, &options, read, &open) else {
            is_enough = false;
            continue;
        };
        let whole = load_with(path, &options, read);
        assert_eq!(described(&glanced, keeping), described(&whole, keeping));
    }
    is_enough
}

/// All that anybody is told of a manifest.
fn described(loaded: &Loaded, keeping: Keeping) -> String {
    let mut text = loaded.render_compact();
    for found in &loaded.diagnostics {
        let related = found.related.iter().map(|(at, _)| at);
        for at in std::iter::once(&found.span).chain(related) {
            let (place, line) = (loaded.sources.place(at), loaded.sources.line(at));
            let _ = writeln!(text, "{place:?} {line:?}");
        }
    }
    let counts = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| loaded.diagnostics.count(severity));
    let csv = loaded.errors_csv().map(|_| ());
    let _ = writeln!(
        text,
        "{counts:?} {} {:?} {:?} {csv:?} {}",
        loaded.allowed,
        loaded.detected,
        loaded.settings,
        loaded.is_errors_csv()
    );
    let Some(plan) = &loaded.plan else {
        return text;
    };
    let _ = writeln!(text, "{:?}", loaded.totals);
    let jobs = plan.jobs().iter().filter(|_| keeping != Keeping::Totals);
    for job in jobs {
        let _ = writeln!(
            text,
            "{} {:?} {:?} {:?} {:?}",
            job.id(),
            job.request(),
            job.user_values(),
            job.origin(),
            loaded.sources.place_of(job.origin())
        );
    }
    text
}

/// Loads `text` both ways in windows for few rows: what was told, if a glance was enough.
fn glanced(files: &[(&str, &[u8])]) -> Option<String> {
    let find = |path: &Path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        let found = found.map(|(_, bytes)| bytes.to_vec());
        found.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    };
    let path = Path::new(files[0].0);
    let is_enough = with_sizes(SMALL, || compare(path, &LoadOptions::default(), &find));
    is_enough.then(|| load(path, &find).render_compact())
}

fn glanced_at(text: &[u8]) -> Option<String> {
    glanced(&[("shots.csv", text)])
}

#[test]
fn a_table_without_a_mistake_needs_no_more_than_a_glance() {
    for line_end in ["\n", "\r\n", "\r"] {
        let text = table(line_end, |_, _| {});
        assert_eq!(glanced_at(text.as_bytes()).as_deref(), Some(""));
        let with_mark = format!("\u{feff}{}", text.trim_end());
        assert_eq!(glanced_at(with_mark.as_bytes()).as_deref(), Some(""));
    }
}

#[test]
fn a_glance_at_a_table_that_a_manifest_names_goes_by_its_defaults_and_template() {
    let text = table("\n", |_, _| {}).replace(",duration,", ",x_length,");
    let yaml = "defaults: {duration: 7, model: seedance2.0-720p}\njobs:\n  - from: shots.csv\n    template:\n      id: \"{{ id }}\"\n      prompt: \"{{ prompt }}\"\n      x_team: \"{{ x_team }} {{ x_length }}\"\n";
    let files = [("a.yaml", yaml.as_bytes()), ("shots.csv", text.as_bytes())];
    assert_eq!(glanced(&files).as_deref(), Some(""));
}

type Change = fn(&mut String);

#[test]
fn a_glance_at_a_table_takes_defaults_in_the_place_of_empty_cells_and_columns() {
    let yaml = "defaults: {duration: 7, model: seedance2.0-720p}\njobs: {from: shots.csv}\n";
    let without = |every: usize, what: &str, column: &str| {
        let text = table("\n", |number, row| {
            if number % every == 0 {
                let at = row.find(what).expect("it is there");
                row.replace_range(at..at + what.len(), "");
            }
            *row = format!("{row},,");
        });
        text.replacen(column, "", 1)
            .replacen('\n', ",images,seed\n", 1)
    };
    for text in [
        without(3, "seedance2.0-720p", ""),
        without(1, "seedance2.0-720p,", "model,"),
    ] {
        let files = [("a.yaml", yaml.as_bytes()), ("shots.csv", text.as_bytes())];
        assert_eq!(glanced(&files).as_deref(), Some(""));
        assert!(glanced(&files[1..]).is_some());
    }
}

#[test]
fn a_glance_counts_rows_without_a_length_as_the_rules_do() {
    let plain = |has_column: bool| {
        let mut text = "id,prompt,model".to_owned();
        text += if has_column { ",duration\n" } else { "\n" };
        for number in 0..ROWS {
            let length = match number % 5 {
                _ if !has_column => "",
                0 => ",7",
                _ => ",",
            };
            let prompt = if number == 20 { "TBD" } else { "A fox" };
            let _ = writeln!(
                text,
                "shot-{number},{prompt} {number},seedance2.0-720p{length}"
            );
        }
        text
    };
    let told = glanced_at(plain(true).as_bytes()).expect("a glance is enough");
    assert!(told.contains("(149 more jobs have this warning)"), "{told}");
    let told = glanced_at(plain(false).as_bytes()).expect("a glance is enough");
    assert!(
        told.contains("the table has no column `duration`"),
        "{told}"
    );
}

/// What may be wrong with a row, and what is told about it.
const CHANGES: [(&str, Change); 12] = [
    ("duplicate-id", |row| {
        *row = row.replacen("shot-", "SHOT-0-", 1).replacen("-0-", "-", 1);
        row.replace_range(..row.find(',').expect("a comma"), "Shot-7");
    }),
    ("identical-content", |row| {
        let id = row[..row.find(',').expect("a comma")].to_owned();
        *row = format!("{id}x,\"A fox\",seedance2.0-720p,5,\n{id}y,\"A fox\",seedance2.0-720p,5,");
    }),
    ("duration-range", |row| {
        *row = row.replacen("-720p,", "-720p,9", 1);
    }),
    ("no-duration", |row| {
        let at = row.find("-720p,").expect("a model") + 6;
        let end = at + row[at..].find(',').expect("a comma");
        row.replace_range(at..end, "");
    }),
    ("account-feature", |row| {
        *row = row.replacen("-720p", "-4k", 1);
    }),
    ("bad-id", |row| *row = row.replacen("shot-", "shot #", 1)),
    ("summary-row", |row| *row = "Total,12,,,".to_owned()),
    ("read-as", |row| {
        *row = row.replacen("-720p,", "-720p,\u{a0}", 1);
    }),
    ("-quote]", |row| {
        *row = row.replacen("hi\"\"\"", "hi", 1);
    }),
    ("extra-cell", |row| row.push_str(",more")),
    ("looks-like-template", |row| {
        *row = row.replacen("A fox", "{{ fox }}", 1);
    }),
    ("placeholder-prompt", |row| {
        let at = row.find('"').expect("a quote");
        let end = row.rfind("\"\"\"").expect("quotes") + 3;
        row.replace_range(at..end, "TBD");
    }),
];

#[test]
fn a_glance_tells_every_mistake_wherever_it_stands() {
    for (code, change) in CHANGES {
        for place in [0, 30, 100, ROWS - 1] {
            let text = table("\n", |number, row| {
                if number == place {
                    change(row);
                }
            });
            let told = glanced_at(text.as_bytes());
            let told =
                told.unwrap_or_else(|| panic!("{code} in row {place} needs a whole reading"));
            assert!(told.contains(code), "{code} in row {place}: {told}");
        }
    }
}

#[test]
fn a_glance_tells_what_many_rows_have_as_a_whole_reading_does() {
    for (code, change) in CHANGES {
        for (first, every) in [(0, 1), (0, 7), (13, 50)] {
            let text = table("\r\n", |number, row| {
                if number >= first && (number - first) % every == 0 {
                    change(row);
                }
            });
            let told = glanced_at(text.as_bytes()).expect("a glance is enough");
            assert!(told.contains(code), "{code}: {told}");
        }
    }
}

#[test]
fn a_glance_goes_on_where_a_window_ends_in_a_mistake() {
    // Wherever the first window ends, something is there.
    let text = table("\n", |number, row| CHANGES[number % 7].1(row));
    for more in (0..90).step_by(7) {
        let text = text.replacen(",x_team", &format!(",x_{}", "t".repeat(more)), 1);
        let sizes = Sizes { rows: 3, ..SMALL };
        let read = |_: &Path| Ok(text.clone().into_bytes());
        assert!(with_sizes(sizes, || compare(
            Path::new("shots.csv"),
            &LoadOptions::default(),
            &read
        )));
    }
}

#[test]
fn only_a_whole_reading_tells_a_text_with_a_nul_byte() {
    let text = table("\n", |number, row| {
        if number == 150 {
            row.push('\0');
        }
    });
    assert_eq!(glanced_at(text.as_bytes()), None);
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
                    Some(told) if told.is_empty() => good += 1,
                    _ => bad += 1,
                }
            }
        }
    }
    assert!(good > 200 && bad > 400, "{good} are good and {bad} bad");
}

#[test]
fn a_glance_overlooks_no_character_that_cannot_be_read() {
    let text = table("\n", |_, _| {});
    for place in [40, text.len() / 2, text.len() - 3, text.len()] {
        let mut bytes = text.clone().into_bytes();
        bytes.splice(place..place, [0xE7, 0x8B]);
        assert!(glanced_at(&bytes).is_none(), "at {place}");
    }
}

#[test]
fn a_glance_goes_by_prices_and_names_of_files_that_ask_for_every_job() {
    let text = table("\n", |_, _| {});
    let told = |yaml: &str| {
        let files = [("a.yaml", yaml.as_bytes()), ("shots.csv", text.as_bytes())];
        glanced(&files).expect("a glance is enough")
    };
    assert_eq!(told("jobs: {from: shots.csv}\n"), "");
    let named = "output: {file_name: \"{x_team}\"}\njobs: {from: shots.csv}\n";
    assert!(told(named).contains("file-names-alike"));
    let priced =
        "pricing: {currency: USD, per_second: {seedance2.0-480p: 0.1}}\njobs: {from: shots.csv}\n";
    assert!(told(priced).contains("unpriced"));
}
