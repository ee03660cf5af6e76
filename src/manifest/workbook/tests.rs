//! Workbooks as programs write them, and as nobody should: what their cells say, and that bad ones end in a refusal.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use calamine::{Reader as _, Xlsx};
use proptest::prelude::*;
use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Formula, Workbook as Book};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

/// A workbook of raw parts beside the ones that every workbook has.
pub(in crate::manifest) fn raw(parts: &[(&str, &str)]) -> Vec<u8> {
    let usual = [
        (
            "_rels/.rels",
            r#"<Relationships><Relationship Id="a" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
        ),
        (
            "xl/workbook.xml",
            r#"<workbook xmlns:r="r"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>"#,
        ),
        (
            "xl/_rels/workbook.xml.rels",
            r#"<Relationships><Relationship Id="a" Type="x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="x/sharedStrings" Target="/xl/sharedStrings.xml"/><Relationship Id="c" Type="x/styles" Target="styles.xml"/></Relationships>"#,
        ),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    let named = |name: &str| parts.iter().any(|(other, _)| *other == name);
    let usual = usual.into_iter().filter(|(name, _)| !named(name));
    for (name, text) in usual.chain(parts.iter().copied()) {
        zip.start_file(name, options).expect("memory takes it");
        zip.write_all(text.as_bytes()).expect("memory takes it");
    }
    zip.finish().expect("memory takes it").into_inner()
}

/// A workbook with one sheet of such rows.
fn raw_sheet(data: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{data}</sheetData></worksheet>");
    raw(&[("xl/worksheets/sheet1.xml", &sheet)])
}

fn text_of(bytes: &[u8]) -> String {
    match read(bytes, None, 0) {
        Ok(sheet) => sheet.text,
        Err(refusal) => panic!("{}: {}", refusal.code, refusal.message),
    }
}

fn refusal(bytes: &[u8], sheet: Option<&str>) -> (&'static str, String) {
    let refusal = read(bytes, sheet, 0).expect_err("it is refused");
    assert!(!refusal.help.is_empty());
    (refusal.code, refusal.message)
}

#[test]
fn every_kind_of_cell_becomes_the_text_that_somebody_typed() {
    let mut book = Book::new();
    let sheet = book.add_worksheet();
    let (bold, time, percent) = (
        CellFormat::new().set_bold(),
        CellFormat::new().set_num_format("h:mm"),
        CellFormat::new().set_num_format("0%"),
    );
    let plain = CellFormat::new();
    let rich = [(&plain, "a "), (&bold, "red"), (&plain, " kite ")];
    let at = ExcelDateTime::parse_from_str("16:09").expect("a time");
    sheet.write(1, 1, "prompt, or \"text\"").expect("written");
    sheet.write(1, 2, 8).expect("written");
    sheet.write(1, 3, 8.5).expect("written");
    sheet.write(1, 4, true).expect("written");
    sheet.write_rich_string(1, 5, &rich).expect("written");
    sheet.write_string(2, 1, "8").expect("written");
    sheet.write_with_format(2, 2, &at, &time).expect("written");
    sheet
        .write_with_format(2, 3, 0.5, &percent)
        .expect("written");
    sheet
        .write(2, 4, Formula::new("=1+1").set_result("two\nlines"))
        .expect("written");
    sheet
        .write(2, 5, Formula::new("=NA()").set_result("#N/A"))
        .expect("written");
    sheet.write(4, 1, " 中文 🎬 ").expect("written");
    sheet.write_blank(5, 3, &bold).expect("written");
    let bytes = book.save_to_buffer().expect("saved");
    let read = read(&bytes, None, 0).expect("read");
    assert_eq!(
        read.text,
        "\n,\"prompt, or \"\"text\"\"\",8,8.5,TRUE,a red kite \n,8,16:09:00,0.5,\"two\nlines\",#N/A\n\n, 中文 🎬 \n"
    );
    let oddities: Vec<_> = read
        .oddities
        .iter()
        .map(|(at, oddity)| (&read.text[*at as usize..*at as usize + 4], *oddity))
        .collect();
    assert_eq!(oddities[0], ("16:0", Oddity::Moment));
}

#[test]
fn shared_inline_escaped_and_phonetic_texts_are_read_as_they_are_shown() {
    let bytes = raw(&[
        (
            "xl/sharedStrings.xml",
            r#"<x:sst xmlns:x="x" count="99999999999" uniqueCount="99999999999"><x:si><x:t>A &amp; B</x:t></x:si><x:si/><x:si><x:r><x:t xml:space="preserve">東 </x:t></x:r><x:r><x:t>京</x:t></x:r><x:rPh sb="0" eb="1"><x:t>とう</x:t></x:rPh></x:si></x:sst>"#,
        ),
        (
            "xl/worksheets/sheet1.xml",
            r#"<x:worksheet xmlns:x="x"><x:dimension ref="C9:A1"/><x:sheetData><x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c><x:c t="s"><x:v>2</x:v></x:c><x:c t="inlineStr"><x:is><x:t> a_x000D__x000A_b&#33; </x:t></x:is></x:c><x:c t="str"><x:f>A1</x:f><x:v></x:v></x:c><x:c><x:f t="shared" si="99999999999">A1</x:f><x:v>7</x:v></x:c></x:row></x:sheetData></x:worksheet>"#,
        ),
    ]);
    assert_eq!(text_of(&bytes), "A & B,,東 京,\"a\r\nb!\",,7\n");
}

#[test]
fn a_formula_that_nobody_worked_out_is_no_empty_cell() {
    let bytes = raw_sheet(
        r#"<row r="1"><c r="A1"><f>B1&amp;"x"</f><v></v></c><c r="B1"><f>1</f></c><c r="C1" t="str"><f>IF(1,"")</f><v></v></c></row>"#,
    );
    let sheet = read(&bytes, None, 0).expect("read");
    assert_eq!(sheet.text, "\"#CALC! =B1&\"\"x\"\"\",#CALC! =1\n");
    assert_eq!(sheet.oddities.len(), 2);
}

#[test]
fn the_sheet_is_the_one_named_or_the_only_visible_one_with_something_in_it() {
    let mut book = Book::new();
    for (name, value, is_hidden) in [
        ("Hidden", "h", true),
        ("Shots", "s", false),
        ("Empty", "", false),
        ("Ideas", "i", false),
    ] {
        let sheet = book.add_worksheet();
        sheet.set_name(name).expect("a name");
        sheet.write(0, 0, value).expect("written");
        sheet.set_hidden(is_hidden);
        if name == "Shots" {
            sheet.set_active(true);
        }
    }
    let bytes = book.save_to_buffer().expect("saved");
    let named = |name| read(&bytes, Some(name), 0).map(|sheet| (sheet.name, sheet.text));
    for (name, expected) in [
        ("Shots", ("Shots", "s\n")),
        (" shots ", ("Shots", "s\n")),
        ("Hidden", ("Hidden", "h\n")),
        ("Empty", ("Empty", "")),
    ] {
        let (sheet, text) = named(name).expect("there is one");
        assert_eq!((sheet.as_str(), text.as_str()), expected);
    }
    let several = "2 sheets of the workbook have something in them: `Shots` and `Ideas`";
    assert_eq!(refusal(&bytes, None), ("sheet-needed", several.to_owned()));
    let unknown = "the workbook has no sheet `Shtos`";
    assert_eq!(
        refusal(&bytes, Some("Shtos")),
        ("unknown-sheet", unknown.to_owned())
    );
}

#[test]
fn the_sheet_is_named_as_a_shell_and_yaml_read_it_back() {
    for (name, shell, yaml) in [
        ("Shots", "`--sheet Shots`", "sheet: \"Shots\" }"),
        (
            "Bob's shots",
            r"`--sheet 'Bob'\''s shots'`",
            "sheet: \"Bob's shots\" }",
        ),
        (
            "a \"b\" 'c' d",
            r#"`--sheet 'a "b" '\''c'\'' d'`"#,
            r#"sheet: 'a "b" ''c'' d' }"#,
        ),
        ("$(x)", "`--sheet '$(x)'`", "sheet: \"$(x)\" }"),
        ("-1", "`--sheet=-1`", "sheet: \"-1\" }"),
        ("拍摄", "`--sheet 拍摄`", "sheet: \"拍摄\" }"),
    ] {
        let mut book = Book::new();
        for name in [name, "Other"] {
            let sheet = book.add_worksheet();
            sheet.write(0, 0, "id").expect("written");
            sheet.set_name(name).expect("a name");
        }
        let bytes = book.save_to_buffer().expect("saved");
        let refused = read(&bytes, None, 0).expect_err("two sheets");
        assert!(refused.help.contains(shell), "{}", refused.help);
        assert!(refused.help.contains(yaml), "{}", refused.help);
    }
}

#[test]
fn what_is_no_workbook_or_a_damaged_one_is_refused_with_words() {
    let good = raw_sheet("<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>");
    assert_eq!(text_of(&good), "1\n");
    let mut damaged: Vec<Vec<u8>> = vec![
        b"PK\x03\x04".to_vec(),
        good[..good.len() / 2].to_vec(),
        raw(&[("xl/workbook.xml", "<workbook/>")]),
        raw(&[("xl/workbook.xml", "<a")]),
        raw(&[("_rels/.rels", "<Relationships/>"), ("xl/workbook.xml", "")]),
        raw(&[]),
    ];
    damaged.extend(
        [
            r#"<row r="1"><c r="A0"><v>1</v></c></row>"#,
            r#"<row r="1"><c r="ZZZZZZZZZZ1"><v>1</v></c></row>"#,
            r#"<row r="99999999999"/>"#,
            r#"<row r="2"><c r="A2"><v>1</v></c></row><row r="1"><c r="A1"><v>1</v></c></row>"#,
            r#"<row><c r="A1"><v>1</v></c><c r="A1"><v>1</v></c></row>"#,
            r#"<row><c t="s"><v>7</v></c></row>"#,
            r"<row><c><v>&bomb;</v></c></row>",
            "<row><c><v>1",
        ]
        .map(raw_sheet),
    );
    // The rows that would follow are lost.
    let cut = "<worksheet><sheetData><row><c><v>1</v></c></row>";
    damaged.push(raw(&[("xl/worksheets/sheet1.xml", cut)]));
    for bytes in damaged {
        assert_eq!(refusal(&bytes, None).0, "not-a-workbook", "{bytes:?}");
    }
}

#[test]
fn a_bomb_is_refused_before_it_fills_the_memory() {
    let too_large = |bytes: &[u8], words: &str| {
        let (code, message) = refusal(bytes, None);
        assert_eq!(code, "workbook-too-large");
        assert!(message.contains(words), "{message}");
    };
    // One text of which nobody knows where it ends.
    let long = format!(
        "<row><c t=\"inlineStr\"><is><t>{}</t></is></c></row>",
        "a".repeat(5 << 20)
    );
    too_large(&raw_sheet(&long), "a text of more than 4 MiB");
    // A text that many cells share.
    let cells = "<row><c t=\"s\"><v>0</v></c></row>".repeat(1100);
    let text = format!("<sst><si><t>{}</t></si></sst>", "a".repeat(32_000));
    let shared = raw(&[
        ("xl/sharedStrings.xml", &text),
        (
            "xl/worksheets/sheet1.xml",
            &format!("<worksheet><sheetData>{cells}</sheetData></worksheet>"),
        ),
    ]);
    too_large(&shared, "MiB of texts and cells");
    // Cells far to the right.
    let far =
        (1..=2200).map(|row| format!("<row r=\"{row}\"><c r=\"XFD{row}\"><v>1</v></c></row>"));
    too_large(
        &raw_sheet(&far.collect::<String>()),
        "empty ones before others included",
    );
    // Names that nobody can want.
    let name = format!(
        "<Relationship Id=\"{}\" Type=\"x/a\"/>",
        "a".repeat(1 << 20)
    );
    let names = format!("<Relationships>{}</Relationships>", name.repeat(40));
    too_large(&raw(&[("_rels/.rels", &names)]), "MiB of texts and cells");
    // An archive of very many files.
    let names: Vec<String> = (0..10_001).map(|number| format!("f{number}")).collect();
    let parts: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert_eq!(refusal(&raw(&parts), None).0, "not-a-workbook");
}

/// What another reader finds in the first sheet: the texts by row and column.
fn second_opinion(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut book = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    let range = book.worksheet_range_at(0).expect("a sheet").expect("read");
    let (rows, columns) = range.end().unwrap_or_default();
    let shown = |row, column| {
        let value = range.get_value((row, column));
        value.map(ToString::to_string).unwrap_or_default()
    };
    (0..=rows)
        .map(|row| (0..=columns).map(|column| shown(row, column)).collect())
        .collect()
}

/// The same by our reader, through the CSV that it makes.
fn own_opinion(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = text_of(bytes);
    // The crate drops blank lines, which are rows here.
    let marked: String = rows_of(&text).fold(String::new(), |mut all, row| {
        let _ = writeln!(all, "x,{row}");
        all
    });
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(marked.as_bytes());
    let rows: Vec<Vec<String>> = reader
        .records()
        .map(|row| {
            row.expect("sound")
                .iter()
                .skip(1)
                .map(str::to_owned)
                .collect()
        })
        .collect();
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let padded = |mut row: Vec<String>| {
        row.resize(width, String::new());
        row
    };
    rows.into_iter().map(padded).collect()
}

/// The lines of `text` that no quote spans.
fn rows_of(text: &str) -> impl Iterator<Item = &str> {
    let mut is_open = false;
    text.split_terminator(move |letter| {
        is_open ^= letter == '"';
        letter == '\n' && !is_open
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn texts_and_numbers_are_those_that_another_reader_finds(
        cells in proptest::collection::btree_map(
            (0_u32..6, 0_u16..5),
            prop_oneof![
                "[a-zA-Z0-9 ,;\"'|<>&é猫_]{1,12}".prop_map(Err),
                "[ -~\n]{1,6}x".prop_map(Err),
                (-1_000_000_i32..1_000_000).prop_map(|number| Ok(f64::from(number))),
                (-1e6..1e6).prop_map(Ok),
            ],
            1..12,
        )
    ) {
        let mut book = Book::new();
        let sheet = book.add_worksheet();
        for ((row, column), value) in &cells {
            match value {
                Ok(number) => sheet.write_number(*row, *column, *number).expect("written"),
                Err(text) => sheet.write_string(*row, *column, text).expect("written"),
            };
        }
        let bytes = book.save_to_buffer().expect("saved");
        prop_assert_eq!(own_opinion(&bytes), second_opinion(&bytes));
    }

    #[test]
    fn no_change_of_bytes_makes_the_reader_panic(
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..20),
        part in 0_usize..4,
    ) {
        let mut texts = [
            r#"<sst uniqueCount="2"><si><t>A</t></si><si><r><t>b</t></r></si></sst>"#.to_owned(),
            r#"<worksheet><sheetData><row r="1" spans="1:2"><c r="A1" s="1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>x</t></is></c><c r="C1"><f t="shared" ref="C1:C2" si="0">A1</f><v>1.5</v></c></row></sheetData><mergeCells><mergeCell ref="A1:B2"/></mergeCells></worksheet>"#.to_owned(),
            r#"<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[h]:mm"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>"#.to_owned(),
            r#"<workbook><workbookPr date1904="1"/><sheets><sheet name="S" r:id="a" state="visible"/></sheets></workbook>"#.to_owned(),
        ];
        let mut bytes = std::mem::take(&mut texts[part]).into_bytes();
        for (at, byte) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        texts[part] = String::from_utf8_lossy(&bytes).into_owned();
        let names = ["xl/sharedStrings.xml", "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"];
        let parts: Vec<(&str, &str)> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let mut archive = raw(&parts);
        let _ = read(&archive, None, 0);
        for (at, byte) in &changes {
            let at = at.index(archive.len());
            archive[at] = *byte;
        }
        let _ = read(&archive, None, 0);
    }
}
