//! Tables as people and programs write them, read back cell by cell.

use encoding_rs::{Encoding, GB18030, UTF_16BE, UTF_16LE};
use proptest::prelude::*;

use super::*;

const SOURCE: SourceId = SourceId(3);

/// What became of a table.
struct Outcome {
    rows: Vec<Node>,
    diagnostics: Diagnostics,
    text: String,
    note: String,
}

impl Outcome {
    fn of(bytes: impl AsRef<[u8]>) -> Self {
        let mut rows = Vec::new();
        let mut diagnostics = Diagnostics::default();
        let file = TableFile {
            bytes: bytes.as_ref(),
            is_workbook: false,
            source: SOURCE,
            options: &TableOptions::default(),
            others: OtherColumns::Refused,
            kept: 0,
        };
        let mut keep = |row: &TableRow<'_>, _: &mut Diagnostics| rows.push(row.job.clone());
        let takers = Takers {
            plain: None,
            row: &mut keep,
        };
        let mut table = open(&file, &mut diagnostics);
        let detected = table
            .as_mut()
            .map(|table| table.read(takers, &mut diagnostics).detected);
        let (text, detected) = (table.map(|it| it.text), detected.unwrap_or_default());
        let text = text.unwrap_or_default();
        Self {
            rows,
            diagnostics,
            text,
            note: detected.join("; "),
        }
    }

    /// Each row on a line, or the diagnostics if there are any.
    fn rows(&self) -> String {
        let rows: Vec<String> = self.rows.iter().map(shown).collect();
        self.findings() + &rows.join("\n")
    }

    /// Each diagnostic as code, place, text there, message, help and other places.
    fn findings(&self) -> String {
        let one = |found: &Diagnostic| {
            let related: Vec<String> = found
                .related
                .iter()
                .map(|(span, words)| format!("\n  {}: {words}", self.place(span)))
                .collect();
            format!(
                "{:?} {} at {}\n  {}\n  {}{}\n",
                found.severity,
                found.code,
                self.place(&found.span),
                found.message,
                found.help,
                related.concat()
            )
        };
        self.diagnostics.iter().map(one).collect()
    }

    /// `line:column` and the text of a span; lines end at LF, CRLF or CR, columns count characters.
    fn place(&self, span: &Span) -> String {
        assert_eq!(span.source, SOURCE);
        let before = self.text[..span.bytes.start]
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        let line = 1 + before.matches('\n').count();
        let column = 1 + before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count();
        format!("{line}:{column} {:?}", &self.text[span.bytes.clone()])
    }
}

/// A node without its places: `id=a images=[u v] extra_body={seed=1}`.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Cell(cell) => cell.escape_debug().to_string(),
        Value::List(nodes) => {
            let shown: Vec<String> = nodes.iter().map(shown).collect();
            format!("[{}]", shown.join(" "))
        }
        Value::Map(fields) => {
            let shown: Vec<String> = fields
                .iter()
                .map(|(key, node)| match node.value {
                    Value::Map(_) => format!("{}={{{}}}", key.name, self::shown(node)),
                    _ => format!("{}={}", key.name, self::shown(node)),
                })
                .collect();
            shown.join(" ")
        }
        other => panic!("a table has no {other:?}"),
    }
}

fn encoded(encoding: &'static Encoding, text: &str) -> Vec<u8> {
    if encoding == UTF_16LE {
        return text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    }
    if encoding == UTF_16BE {
        return text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    }
    let (bytes, _, failed) = encoding.encode(text);
    assert!(!failed, "{text:?} in {}", encoding.name());
    bytes.into_owned()
}

fn field<'n>(row: &'n Node, name: &str) -> (&'n Key, &'n Node) {
    let Value::Map(fields) = &row.value else {
        panic!("{row:?}")
    };
    fields
        .iter()
        .find(|(key, _)| key.name == name)
        .map(|(key, node)| (key, node))
        .expect("the field is set")
}

#[test]
fn odd_but_good_tables_give_their_cells() {
    let cases: &[(&str, &str)] = &[
        ("prompt\nA cat", "prompt=A cat"),
        ("prompt\n\"A cat, asleep\"\n", "prompt=A cat, asleep"),
        ("id,prompt\r\na,A cat\r\n", "id=a prompt=A cat"),
        ("id,prompt\ra,A cat\r", "id=a prompt=A cat"),
        (
            "\n\r\n , ,\nid,prompt\n\n,,,,\n \t \na,A cat\n\n\n",
            "id=a prompt=A cat",
        ),
        (" ID , Prompt \na,A cat\n", "id=a prompt=A cat"),
        (
            "\"id\",\"prompt\"\n\"a\",\"He said \"\"hi\"\"\"\n",
            "id=a prompt=He said \\\"hi\\\"",
        ),
        ("id,prompt\na,5\" screen\n", "id=a prompt=5\\\" screen"),
        (
            "id,prompt\na,  two spaces  \n",
            "id=a prompt=  two spaces  ",
        ),
        ("id,prompt\n\"a\" ,\"A cat\"\t\n", "id=a prompt=A cat"),
        (
            "id,prompt\na,\"line 1\nline 2\r\nline 3\"\nb,B\n",
            "id=a prompt=line 1\\nline 2\\r\\nline 3\nid=b prompt=B",
        ),
        (
            "id;prompt;duration\na;A cat, asleep;8\n",
            "id=a prompt=A cat, asleep duration=8",
        ),
        (
            "id\tprompt\na\tcat, dog; owl\n",
            "id=a prompt=cat, dog; owl",
        ),
        ("sep=;\r\nid;prompt\r\na;A, b, c\r\n", "id=a prompt=A, b, c"),
        ("\"SEP=\t\"\nid\tprompt\na\tb,c,d\n", "id=a prompt=b,c,d"),
        ("sep=;\nprompt\na,b\n", "prompt=a,b"),
        (
            "\"id\",\"prompt\",\"x_a;b;c;d\"\na,b,c\n",
            "id=a prompt=b x_a;b;c;d=c",
        ),
        ("id,prompt,x_a;x_b\na,b,c\n", "id=a prompt=b x_a;x_b=c"),
        (
            "id,prompt,model\na,cat\nb,dog,,,,\n",
            "id=a prompt=cat\nid=b prompt=dog",
        ),
        ("id,,prompt,\na,,cat,\n", "id=a prompt=cat"),
        ("id,prompt,model\n,cat, \n", "prompt=cat"),
        ("\u{feff}id,prompt\na,cat\n", "id=a prompt=cat"),
        (
            "\u{feff}\u{feff}id\u{200b},prompt\na,cat\n",
            "id=a prompt=cat",
        ),
        (
            "X_Owner,x_,prompt\nAnna,1,cat\n",
            "x_Owner=Anna x_=1 prompt=cat",
        ),
        (
            "prompt,seed,extra_body.watermark,GENERATE_AUDIO\ncat,42,TRUE,\n",
            "prompt=cat extra_body={seed=42 watermark=TRUE}",
        ),
        ("prompt,seed\ncat,\n", "prompt=cat"),
        (
            "prompt,images\ncat, https://a/1.png | https://a/2.png |\n",
            "prompt=cat images=[https://a/1.png https://a/2.png]",
        ),
        (
            "prompt,images\ncat,\"https://a/1.png\r\n\n https://a/2.png\"\n",
            "prompt=cat images=[https://a/1.png https://a/2.png]",
        ),
        (
            "prompt,images\ncat,\"https://a/\"\"1\"\"|b\"\n",
            "prompt=cat images=[https://a/\\\"1\\\" b]",
        ),
        ("prompt,images\ncat,|\n", "prompt=cat images=[]"),
        (
            "image_9,prompt,image_2,images_1\nz,cat,,a\n",
            "prompt=cat images=[a z]",
        ),
        (
            "prompt,video_1,audio_1,audio_2,videos_2\ncat,v,,b,w\n",
            "prompt=cat audios=[b] videos=[v w]",
        ),
        (
            "prompt,image,image_1\ncat,first,\ndog,,ref\n",
            "prompt=cat image=first\nprompt=dog images=[ref]",
        ),
        (
            "id,prompt\na,🎬 一只猫，在跳舞\n",
            "id=a prompt=🎬 一只猫，在跳舞",
        ),
        ("id,prompt\na,\"\"\"\"\n", "id=a prompt=\\\""),
    ];
    for (table, rows) in cases {
        assert_eq!(Outcome::of(table).rows(), *rows, "{table:?}");
    }
}

#[test]
fn what_was_detected_is_told() {
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            b"id,prompt\r\na,b\r\n".to_vec(),
            "UTF-8, comma-separated, CRLF",
        ),
        (
            b"\xEF\xBB\xBFid;prompt\na;b\n".to_vec(),
            "UTF-8 with BOM, semicolon-separated, LF",
        ),
        (b"id\tprompt\ra\tb\r".to_vec(), "UTF-8, tab-separated, CR"),
        (
            b"id,prompt\na,b\rc\nd,e\rf\r\ng,\"h\ri\"\n".to_vec(),
            "UTF-8, comma-separated, LF; row 2 and 1 more end with CR alone, which begins a new row too; a cell with a line break in it stands in quotes",
        ),
        (
            b"id,prompt\ra,b\nc,d\r".to_vec(),
            "UTF-8, comma-separated, CR; row 2 ends with LF, which begins a new row too; a cell with a line break in it stands in quotes",
        ),
        (b"\"id\nx\";prompt".to_vec(), "UTF-8, semicolon-separated"),
        (
            encoded(UTF_16LE, "\u{feff}id,prompt\n猫,猫\n"),
            "UTF-16 LE, comma-separated, LF",
        ),
        (
            encoded(UTF_16BE, "\u{feff}id,prompt\n猫,猫\n"),
            "UTF-16 BE, comma-separated, LF",
        ),
        (
            encoded(GB18030, "id,prompt\na,一只猫在屋顶上跳舞\n"),
            "GB18030 (guessed), comma-separated, LF",
        ),
    ];
    for (table, note) in cases {
        assert_eq!(Outcome::of(table).note, note);
    }
}

#[test]
fn places_are_exact_after_blank_lines_multi_line_cells_cjk_and_emoji() {
    for end in ["\n", "\r\n", "\r"] {
        let table = [
            "",
            "\"id\", 提示词 ,prompt,images,seed",
            "",
            "猫🎬,,\"一行\n二行 \"\"🎬\"\"\",\"u|",
            "v\",7",
            ",,,,",
            "狗,,汪,w,",
        ]
        .join(end);
        let outcome = Outcome::of(&table);
        let place = |node: &Node| outcome.place(&node.span);

        let (key, id) = field(&outcome.rows[0], "id");
        assert_eq!(outcome.place(&key.span), "2:2 \"id\"");
        assert_eq!(place(id), "4:1 \"猫🎬\"");
        let (_, prompt) = field(&outcome.rows[0], "prompt");
        assert_eq!(place(prompt), "4:6 \"一行\\n二行 \\\"\\\"🎬\\\"\\\"\"");
        let (_, images) = field(&outcome.rows[0], "images");
        let Value::List(addresses) = &images.value else {
            panic!("{images:?}")
        };
        assert_eq!(place(&addresses[0]), "5:12 \"u\"");
        assert_eq!(place(&addresses[1]), "6:1 \"v\"");
        let (_, extra) = field(&outcome.rows[0], "extra_body");
        assert_eq!(place(field(extra, "seed").1), "6:4 \"7\"");
        assert_eq!(place(extra), "6:4 \"7\"");
        assert_eq!(place(&outcome.rows[1]), "8:1 \"狗,,汪,w,\"");
        assert_eq!(
            outcome.findings().lines().next(),
            Some("Error unknown-column at 2:7 \"提示词\"")
        );
    }
}

#[test]
fn numbered_columns_show_the_column_of_their_first_address() {
    let outcome = Outcome::of("prompt,image_2,image_1\ncat,b,\n");
    let (key, images) = field(&outcome.rows[0], "images");
    assert_eq!(outcome.place(&key.span), "1:8 \"image_2\"");
    assert_eq!(outcome.place(&images.span), "2:5 \"b\"");
}

#[test]
fn mistakes_of_a_header_are_told_at_the_header() {
    let tables = [
        "id,promt,Aspect Ratio,owner\na,cat,1:1,Anna\n",
        "id,prompt,image1,image_10,images_0,extra_body,extra_body.sede\na,b,c,d,e,f,g\n",
        "id,prompt,seed,ID,extra_body.seed,x_a,x_a\na,b,1,2,3,4,5\n",
        "prompt,image_1,video_1,images,image_2,videos\na,b,c,d,e,f\n",
        "id,,prompt,\na,,b,\nb,note,c,\nd,note,e,note\n",
        "hero,A cat runs over a roof,seedance2.0-720p,8\nb,A dog,seedance2.0-720p,8\n",
        "id|prompt|model\na|b|c\n",
        "prompt, \"id\"\na,b\n",
        "提示词,模型\n猫,seedance2.0-720p\n",
    ];
    let findings: Vec<String> = tables.map(|table| findings(table.as_bytes())).into();
    insta::assert_snapshot!(findings.join("\n"));
}

#[test]
fn mistakes_of_rows_are_told_at_the_cell() {
    let tables = [
        "",
        "\r\n\r\n,,\n",
        "sep=;\n",
        "id,prompt\r\n\r\n",
        "id,prompt\r\n\r\na,A cat, asleep, 8\r\nb,B,,\r\nc,C,,D\r\n",
        "id,prompt\r\n\r\na,\"A cat\r\nb,B\r\nc,C\r\n",
        "id,prompt\na,\"He said \"hello\", twice\"\nb,B\n",
        "id,prompt\na,\"A cat\nb,\"B\"\nc,C\n",
        "id,prompt\na, \"A cat, asleep\"\nb,B\n",
        "id,Prompt,image_1\na,cat,u\n\u{feff}id, prompt,image_1\nprompt,id,v\n",
        "id,prompt\na,A\0cat\n",
        "i\0d\0,\0p\0",
    ];
    let findings: Vec<String> = tables.map(|table| findings(table.as_bytes())).into();
    insta::assert_snapshot!(findings.join("\n"));
}

#[test]
fn files_that_are_no_csv_or_no_text_are_told_apart() {
    let long = [
        b"\xEF\xBB\xBFid,prompt\n".as_slice(),
        &b"a,\xFF\n".repeat(5),
    ]
    .concat();
    let cut = "id,prompt\na,一只猫\nb,在跳舞".as_bytes();
    let tables: [&[u8]; 8] = [
        b"PK\x03\x04\x14\0\x06\0",
        b"\xFF\xFE\0\0i\0\0\0",
        b"\xEF\xBB\xBFid,prompt\na,caf\xE9\n",
        &cut[..cut.len() - 1],
        b"id,prompt\na,caf\xE9 na\xEFve\n",
        b"\xFF\xFEi\0d\0\n\0\x00\xD8a\0",
        b"\xFE\xFF\0i\0d\0\n\0",
        &long,
    ];
    let findings: Vec<String> = tables.map(findings).into();
    insta::assert_snapshot!(findings.join("\n"));
}

/// A table, what was found in it, and the rows that were read all the same.
fn findings(table: &[u8]) -> String {
    let outcome = Outcome::of(table);
    let rows: Vec<String> = outcome
        .rows
        .iter()
        .map(|row| format!("row {}\n", shown(row)))
        .collect();
    format!(
        "=== {:?}\n{}{}",
        String::from_utf8_lossy(table),
        outcome.findings(),
        rows.concat()
    )
}

#[test]
fn a_slip_in_the_header_is_not_reported_again_in_every_row() {
    let outcome = Outcome::of("id,promt\na,cat\n");
    assert_eq!(outcome.diagnostics.iter().count(), 1);
    assert_eq!(shown(&outcome.rows[0]), "id=a prompt=cat");
}

#[test]
fn a_thousand_columns_are_read_and_one_more_is_refused() {
    let own: Vec<String> = (1..COLUMN_LIMIT)
        .map(|number| format!("x_{number}"))
        .collect();
    let header = format!("prompt,{}", own.join(","));
    assert_eq!(Outcome::of(format!("{header}\na\n")).rows(), "prompt=a");
    let refused = Outcome::of(format!("{header},x_more\na\n"));
    assert_eq!(
        refused.findings().lines().nth(1),
        Some("  the table has more than 1000 columns")
    );
}

#[test]
fn a_row_of_nothing_but_separators_takes_no_memory() {
    let table = format!("id,prompt\n{}\na,b\n", ",".repeat(1_000_000));
    let mut scanner = Scanner::new(&table, 0, b',');
    let mut row = Row::default();
    while scanner.next_row(2, &mut row) {
        assert!(row.cells.capacity() < 10);
    }
    assert_eq!(Outcome::of(&table).rows(), "id=a prompt=b");
}

#[test]
fn short_chinese_tables_in_gb18030_and_european_ones_are_never_mistaken_in_silence() {
    for (encoding, prompt) in [
        (GB18030, "狗"),
        (GB18030, "一只狗"),
        (GB18030, "镜头缓慢推进，背景是雪山"),
        (encoding_rs::WINDOWS_1252, "café"),
        (
            encoding_rs::WINDOWS_1252,
            "Ein schönes Mädchen läuft über die Straße",
        ),
        (encoding_rs::WINDOWS_1252, "text’s"),
        (encoding_rs::SHIFT_JIS, "猫が踊る"),
        (encoding_rs::BIG5, "繁體字的貓在跳舞"),
    ] {
        let outcome = Outcome::of(encoded(encoding, &format!("prompt\n{prompt}\n")));
        let is_right = outcome.text.contains(prompt);
        let is_warned = outcome
            .diagnostics
            .iter()
            .any(|found| found.code == "guessed-encoding");
        let is_chinese = encoding == GB18030;
        assert!(
            is_right && is_chinese || is_warned,
            "{prompt}: {}",
            outcome.text
        );
    }
}

proptest! {
    #[test]
    fn cells_come_back_from_every_way_to_write_a_table(
        cells in prop::collection::vec(cells(), 1..6),
        separator in prop::sample::select(b",;\t".to_vec()),
        terminator in prop::sample::select(vec![
            csv::Terminator::CRLF,
            csv::Terminator::Any(b'\n'),
            csv::Terminator::Any(b'\r'),
        ]),
        style in prop::sample::select(vec![csv::QuoteStyle::Always, csv::QuoteStyle::Necessary]),
        encoding in prop::sample::select(vec!["UTF-8", "UTF-8 with BOM", "UTF-16 LE", "UTF-16 BE", "GB18030 with BOM"]),
    ) {
        let mut writer = csv::WriterBuilder::new()
            .delimiter(separator)
            .terminator(terminator)
            .quote_style(style)
            .from_writer(Vec::new());
        writer.write_record(NAMES).expect(MEMORY);
        for row in &cells {
            writer.write_record(row).expect(MEMORY);
        }
        let text = String::from_utf8(writer.into_inner().expect(MEMORY)).expect("the cells are UTF-8");
        let bytes = match encoding {
            "UTF-8" => text.clone().into_bytes(),
            "UTF-16 LE" => encoded(UTF_16LE, &format!("\u{feff}{text}")),
            "UTF-16 BE" => encoded(UTF_16BE, &format!("\u{feff}{text}")),
            "GB18030 with BOM" => encoded(GB18030, &format!("\u{feff}{text}")),
            _ => format!("\u{feff}{text}").into_bytes(),
        };

        let outcome = Outcome::of(bytes);
        prop_assert_eq!(&outcome.text, &text);
        prop_assert_eq!(outcome.note.split(", ").next(), Some(encoding));
        let has_no_rows = cells.iter().all(|row| row.iter().all(|cell| cell.trim().is_empty()));
        prop_assert_eq!(outcome.diagnostics.has_errors(), has_no_rows, "{}", outcome.findings());
        let expected: Vec<Vec<(&str, &str)>> = cells
            .iter()
            .map(|row| NAMES.into_iter().zip(row.iter().map(String::as_str)))
            .map(|row| row.filter(|(_, cell)| !cell.trim().is_empty()).collect())
            .filter(|row: &Vec<_>| !row.is_empty())
            .collect();
        let read: Vec<Vec<(&str, &str)>> = outcome.rows.iter().map(named_cells).collect();
        prop_assert_eq!(read, expected);
        for row in &outcome.rows {
            check_places(row, &text)?;
        }
    }

    #[test]
    fn scanner_and_csv_crate_agree_on_every_text_up_to_its_first_fault(
        text in prop::collection::vec(prop::sample::select(vec!["a", "猫", "\"", "\"", "\"\"", ",", "\n", "\r", "\r\n"]), 0..40),
    ) {
        let text = text.concat();
        let mut scanner = Scanner::new(&text, 0, b',');
        let mut row = Row::default();
        let mut scanned: Vec<Vec<String>> = Vec::new();
        let mut is_faulty = false;
        while scanner.next_row(usize::MAX, &mut row) {
            is_faulty = !row.faults.is_empty();
            if is_faulty {
                break;
            }
            if row.cells.len() > 1 || row.cells[0].quoted || !row.cells[0].bytes.is_empty() {
                let cells = row.cells.iter();
                scanned.push(cells.map(|cell| cell.part(&text, cell.bytes.clone()).into_owned()).collect());
            }
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> = reader
            .records()
            .map(|record| record.expect("flexible and UTF-8").iter().map(str::to_owned).collect())
            .collect();
        let compared = if is_faulty { scanned.len() } else { expected.len() };
        prop_assert_eq!(&scanned[..], &expected[..compared]);
    }

    #[test]
    fn no_bytes_at_all_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), is_table: bool) {
        let header: &[u8] = if is_table { b"id,prompt,images,image_1,seed\n" } else { b"" };
        let outcome = Outcome::of([header, &bytes].concat());
        for found in &outcome.diagnostics {
            outcome.place(&found.span);
        }
    }
}

/// Why writing a table cannot fail here.
const MEMORY: &str = "it is written to memory";

const NAMES: [&str; 4] = ["id", "prompt", "model", "x_title"];

/// A row of cells with everything in them that a table must keep.
fn cells() -> impl Strategy<Value = Vec<String>> {
    let cells = prop::collection::vec("[a-z猫🎬é ,;\t|'\"\r\n=-]{0,8}", NAMES.len());
    cells.prop_filter("formulas and headings of their own", |cells| {
        let is_alone = cells[1..].iter().all(|cell| cell.trim().is_empty());
        let is_heading = is_alone && cells[0].trim().contains(char::is_whitespace);
        !is_heading && !cells.iter().any(|cell| notes::is_formula(cell))
    })
}

fn named_cells(row: &Node) -> Vec<(&str, &str)> {
    let Value::Map(fields) = &row.value else {
        panic!("{row:?}")
    };
    fields
        .iter()
        .map(|(key, node)| match &node.value {
            Value::Cell(cell) => (key.name.as_str(), cell.as_str()),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Every place of `row` holds what was read there, and the row holds all of them.
fn check_places(row: &Node, text: &str) -> Result<(), TestCaseError> {
    let Value::Map(fields) = &row.value else {
        panic!("{row:?}")
    };
    for (key, node) in fields {
        prop_assert_eq!(&text[key.span.bytes.clone()], &key.name);
        let bytes = &node.span.bytes;
        prop_assert!(row.span.bytes.start <= bytes.start && bytes.end <= row.span.bytes.end);
        let raw = &text[bytes.clone()];
        let is_quoted = text[..bytes.start].ends_with('"');
        let cell = if is_quoted {
            raw.replace("\"\"", "\"")
        } else {
            raw.to_owned()
        };
        prop_assert_eq!(Value::Cell(cell), node.value.clone());
    }
    Ok(())
}

/// The variables of each row as a template gets them, and its number.
fn variables(table: &str) -> Vec<String> {
    let file = TableFile {
        bytes: table.as_bytes(),
        is_workbook: false,
        source: SOURCE,
        options: &TableOptions::default(),
        others: OtherColumns::Variables,
        kept: 0,
    };
    let mut rows = Vec::new();
    let mut diagnostics = Diagnostics::default();
    let mut opened = open(&file, &mut diagnostics).expect("a table");
    let mut keep = |row: &TableRow<'_>, _: &mut Diagnostics| {
        let shown = row.cells().map(|(header, text)| {
            let place = row.place_of(header);
            let is_there = text.is_empty() || table[place.bytes].contains(&*text);
            assert!(is_there, "{}", header.written);
            let mark = if header.is_field { "*" } else { "" };
            format!("{}{mark}={}", header.name, text.escape_debug())
        });
        rows.push(format!(
            "{}: {}",
            row.number,
            shown.collect::<Vec<_>>().join(" ")
        ));
    };
    opened.read(
        Takers {
            plain: None,
            row: &mut keep,
        },
        &mut diagnostics,
    );
    let found = diagnostics
        .iter()
        .map(|found| format!("{} {}", found.code, found.message));
    found.chain(rows).collect()
}

#[test]
fn columns_that_are_no_fields_are_variables_where_a_template_takes_them() {
    assert_eq!(
        variables(
            "sep=;\n\nSKU;Product Name (de);Duration (s);x_Owner;2nd\n\n7;\"Kaffee\nweiß\";8;Anna;\n8;Tee\n"
        ),
        [
            "4: sku=7 product_name=Kaffee\\nweiß duration*=8 x_owner=Anna _2nd=",
            "5: sku=8 product_name=Tee duration*= x_owner= _2nd=",
        ]
    );
    assert_eq!(
        variables("sku,SKU,token\n1,2,3\n")[..2],
        [
            "duplicate-column the column `SKU` stands twice, the first time as `sku`",
            "secret-in-manifest an API key does not belong in a manifest, which is copied and mailed",
        ]
    );
}
