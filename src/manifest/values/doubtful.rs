//! Prompts that are probably not what somebody meant to send: text that was read in the wrong encoding, and words that
//! keep a place free. Start at [`garbled`] and [`placeholder`].
//!
//! Both would rather miss a bad prompt than blame a good one: a mark that could be a language's own is no proof.

use memchr::{memchr, memchr2};

use crate::plan::Model;

/// How a text went bad.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::manifest) enum Garbled {
    /// Its bytes were read in another encoding than they were written in.
    ReadAs {
        /// The encoding they were read in.
        encoding: &'static str,
        /// What it said.
        meant: String,
    },
    /// Characters are gone; this stands in their place.
    Lost(&'static str),
}

/// How `text` went bad, if it shows.
pub(in crate::manifest) fn garbled(text: &str) -> Option<Garbled> {
    if !text.is_ascii() {
        if text.contains('\u{FFFD}') {
            return Some(Garbled::Lost("\u{FFFD}"));
        }
        let western = if has_western_leads(text) {
            western_meant(text)
        } else {
            None
        };
        let read_as = |encoding| move |meant| Garbled::ReadAs { encoding, meant };
        let found = western.map(read_as("Windows-1252"));
        let found = found.or_else(|| utf8_as_gbk(text).map(read_as("GBK")));
        if found.is_some() {
            return found;
        }
    }
    has_lost_words(text).then_some(Garbled::Lost("????"))
}

/// Whether there are characters with which every text begins that was read as Windows-1252.
fn has_western_leads(text: &str) -> bool {
    text.contains(|it: char| ('\u{A1}'..='\u{FE}').contains(&it))
}

/// What `text` said, if it was read as Windows-1252.
fn western_meant(text: &str) -> Option<String> {
    match utf8_as_1252(text) {
        Some((meant, true)) => Some(meant),
        partly => gbk_as_1252(text).or(partly.map(|(meant, _)| meant)),
    }
}

/// The byte that a character is in Windows-1252, or in Latin-1 where that has none; not for ASCII.
fn byte_of(character: char) -> Option<u8> {
    let byte = match character {
        '\u{80}'..='\u{FF}' => return u8::try_from(u32::from(character)).ok(),
        '€' => 0x80,
        '‚' => 0x82,
        'ƒ' => 0x83,
        '„' => 0x84,
        '…' => 0x85,
        '†' => 0x86,
        '‡' => 0x87,
        'ˆ' => 0x88,
        '‰' => 0x89,
        'Š' => 0x8A,
        '‹' => 0x8B,
        'Œ' => 0x8C,
        'Ž' => 0x8E,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '˜' => 0x98,
        '™' => 0x99,
        'š' => 0x9A,
        '›' => 0x9B,
        'œ' => 0x9C,
        'ž' => 0x9E,
        'Ÿ' => 0x9F,
        _ => return None,
    };
    Some(byte)
}

/// Marks that follow words in good texts too.
fn is_common_mark(character: char) -> bool {
    matches!(
        character,
        '…' | '“'
            | '”'
            | '„'
            | '‘'
            | '’'
            | '‚'
            | '«'
            | '»'
            | '‹'
            | '›'
            | '–'
            | '—'
            | '•'
            | '·'
            | '™'
            | '®'
            | '©'
            | '°'
            | 'º'
            | 'ª'
            | '\u{A0}'
    )
}

/// What `text` said, if it is UTF-8 that was read as Windows-1252, and whether all of it is.
fn utf8_as_1252(text: &str) -> Option<(String, bool)> {
    let characters: Vec<char> = text.chars().collect();
    let mut meant = String::new();
    let (mut telling, mut strays) = (0, 0);
    let mut at = 0;
    let mut pair_ends_at = usize::MAX;
    while at < characters.len() {
        let Some((decoded, length)) = sequence(&characters[at..]) else {
            strays += usize::from(!characters[at].is_ascii());
            meant.push(characters[at]);
            at += 1;
            continue;
        };
        let next = at + length;
        let around = [
            at.checked_sub(1).map(|before| characters[before]),
            characters.get(next).copied(),
        ];
        let follows_pair = pair_ends_at == at;
        telling += usize::from(is_telling(&characters[at..next], around, follows_pair));
        if length == 2 {
            pair_ends_at = next;
        }
        meant.push(decoded);
        at = next;
    }
    (telling > 1 || telling == 1 && strays == 0).then_some((meant, strays == 0))
}

/// The character whose UTF-8 bytes stand at the start of `characters`, and how many there are.
fn sequence(characters: &[char]) -> Option<(char, usize)> {
    let lead = byte_of(*characters.first()?)?;
    let length = match lead {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    let mut bytes = [0; 4];
    for (byte, character) in bytes.iter_mut().zip(characters.get(..length)?) {
        *byte = byte_of(*character)?;
    }
    let decoded = std::str::from_utf8(&bytes[..length]).ok()?;
    Some((decoded.chars().next()?, length))
}

/// Whether no good text has these characters in a row, between those `around` them.
fn is_telling(run: &[char], around: [Option<char>; 2], follows_pair: bool) -> bool {
    let marks = run[1..]
        .iter()
        .filter(|mark| !is_common_mark(**mark))
        .count();
    let is_small = |it: Option<char>| it.is_some_and(|it| it.is_ascii_lowercase());
    let in_word = is_small(around[0]) || is_small(around[1]);
    match (run.len(), run[0]) {
        (3 | 4, _) => marks > 0,
        // `25Â°C`
        (_, 'Â') => marks > 0 || in_word || around[0].is_some_and(|it| it.is_ascii_digit()),
        // The letters of western Europe
        (_, 'Ã' | 'Ä' | 'Å') => marks > 0 || in_word,
        // Other scripts come in words.
        _ => follows_pair && marks > 0,
    }
}

/// Whether a character is of a Chinese or Japanese text.
fn is_east_asian(character: char) -> bool {
    matches!(character, '\u{3000}'..='\u{30FF}' | '\u{4E00}'..='\u{9FFF}' | '\u{FF00}'..='\u{FFEF}')
}

/// What the beginning of `text` said, if it is UTF-8 that was read as GBK.
fn utf8_as_gbk(text: &str) -> Option<String> {
    /// As many bytes tell enough; most texts are good ones.
    const ENOUGH: usize = 120;
    let first = text.find(is_east_asian)?;
    let text = &text[first..];
    let text = &text[..text.floor_char_boundary(ENOUGH)];
    let (bytes, ..) = encoding_rs::GBK.encode(text);
    let mut meant = String::new();
    let (mut found, mut covered, mut all) = (0, 0, 0);
    let mut rest = &bytes[..];
    while let Some(first) = rest.first() {
        let length = match first {
            0..=0x7F => 1,
            0xE0..=0xEF => 3,
            _ => 0,
        };
        let head = rest
            .get(..length)
            .and_then(|head| std::str::from_utf8(head).ok());
        match head.and_then(|head| head.chars().next()) {
            Some(ascii) if length == 1 => meant.push(ascii),
            Some(character) if is_east_asian(character) => {
                found += 1;
                covered += length;
                all += length;
                meant.push(character);
            }
            _ => {
                all += 1;
                rest = &rest[1..];
                continue;
            }
        }
        rest = &rest[length..];
    }
    (found >= 3 && covered * 10 >= all * 8).then_some(meant)
}

/// What `text` said, if it is GBK that was read as Windows-1252.
fn gbk_as_1252(text: &str) -> Option<String> {
    let is_of_gbk = |it: char| matches!(it, '\u{A1}'..='\u{FE}');
    if !text.contains(is_of_gbk) {
        return None;
    }
    let (mut pairs, mut usual, mut letters, mut marks, mut all) = (0, 0, 0, 0, 0);
    for run in text
        .split(|it: char| it.is_ascii())
        .filter(|run| !run.is_empty())
    {
        let count = run.chars().count();
        all += count;
        if count < 4 || count % 2 == 1 || !run.chars().all(is_of_gbk) {
            continue;
        }
        let bytes: Vec<u8> = run.chars().filter_map(byte_of).collect();
        pairs += bytes.len() / 2;
        // The common characters, and full-width marks.
        let is_usual = |pair: &&[u8]| matches!(pair[0], 0xA1 | 0xA3 | 0xB0..=0xD7);
        usual += bytes.chunks(2).filter(is_usual).count();
        letters += run.chars().filter(|it| it.is_alphabetic()).count();
        marks += run.chars().filter(|it| !it.is_alphabetic()).count();
    }
    let is_gbk = pairs >= 4
        && usual * 10 >= pairs * 9
        && pairs * 2 * 10 >= all * 8
        && letters >= 2
        && marks >= 1;
    if !is_gbk {
        return None;
    }
    let bytes: Vec<u8> = text
        .chars()
        .filter_map(|it| {
            if it.is_ascii() {
                Some(it as u8)
            } else {
                byte_of(it)
            }
        })
        .collect();
    let (meant, _) = encoding_rs::GBK.decode_without_bom_handling(&bytes);
    Some(meant.into_owned())
}

/// Whether question marks stand in the place of words, and not behind them.
fn has_lost_words(text: &str) -> bool {
    if memchr(b'?', text.as_bytes()).is_none() || !text.contains("????") {
        return false;
    }
    let bare = |it: char| it == '?' || it.is_whitespace() || it.is_ascii_punctuation();
    if text.trim_start().starts_with("????") || text.chars().all(bare) {
        return true;
    }
    // `a ????, and ?? of it`: people do not ask in the middle of a sentence, and twice.
    let mut runs = 0;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        if character == '?' && before != '?' {
            let rest = text[at..].trim_start_matches('?');
            let goes_on = rest.trim_start().starts_with(|it: char| {
                it.is_ascii_lowercase() || it.is_ascii_digit() || it == ','
            });
            let is_long = text[at..].starts_with("??");
            runs += usize::from(is_long && goes_on && before.is_whitespace());
        }
        before = character;
    }
    runs > 1
}

/// What people write where a text is still to come, in lower case.
const PLACEHOLDERS: &[&str] = &[
    "tbd",
    "tba",
    "tbc",
    "todo",
    "to do",
    "to be done",
    "to be determined",
    "to be decided",
    "to be defined",
    "to be written",
    "to follow",
    "wip",
    "fixme",
    "n/a",
    "na",
    "n.a",
    "none",
    "null",
    "nil",
    "empty",
    "blank",
    "placeholder",
    "prompt",
    "prompt here",
    "your prompt",
    "your prompt here",
    "text",
    "text here",
    "xx",
    "xxx",
    "xxxx",
    "xxxxx",
    "same",
    "as above",
    "same as above",
    "see above",
    "idem",
    "ditto",
    "dito",
    "s.o",
    "siehe oben",
    "wie oben",
    "同上",
    "见上",
    "見上",
    "如上",
    "同前",
    "待定",
    "待补",
    "待补充",
    "待補充",
    "待写",
    "待填",
    "待确认",
    "待確認",
    "暂无",
    "暫無",
    "无",
    "無",
    "略",
    "后补",
    "後補",
    "folgt",
    "folgt noch",
    "kommt noch",
    "noch offen",
    "offen",
    "à compléter",
    "à définir",
    "à venir",
    "a definir",
    "por definir",
    "pendiente",
    "pendente",
    "da definire",
    "da completare",
    "volgt",
    "do uzupełnienia",
    "уточнить",
    "未定",
    "미정",
];

/// The text that keeps a place free in `prompt`, if it says nothing else.
pub(in crate::manifest) fn placeholder(prompt: &str) -> Option<&str> {
    const LONGEST: usize = 60;
    let text = prompt.trim();
    let starts_with = |words: &str| {
        let start = text.get(..words.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(words))
    };
    if starts_with("lorem ipsum") {
        return text.get(..11);
    }
    if text.len() > LONGEST {
        return None;
    }
    let is_around = |it: char| {
        it.is_whitespace() || "()[]<>{}【】（）《》「」\"'.,:;!?*_-–—…。！？".contains(it)
    };
    let word = text.trim_matches(is_around);
    let is_named = PLACEHOLDERS.contains(&word.to_lowercase().as_str());
    let is_mark = |it: char| is_around(it) || it.is_ascii_punctuation() && it != '?';
    let is_only_marks = text.chars().all(is_mark) && !text.is_empty();
    let is_unfinished = is_named || is_only_marks || is_one_slot(text) || begins_unfinished(text);
    is_unfinished.then_some(text)
}

/// No name of a model is longer, in bytes and in whatever letters; a prompt may be.
const LONGEST_MODEL: usize = 60;

/// No ratio is longer, in bytes: `21:9`, with a colon of a Chinese keyboard.
const LONGEST_RATIO: usize = 6;

/// What else in a job `prompt` is the value of, if it says nothing else: that belongs into another field.
pub(in crate::manifest) fn value_of_another_field(prompt: &str) -> Option<&'static str> {
    let text = prompt.trim();
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let is_ratio = || {
        let sides = (text.len() <= LONGEST_RATIO).then(|| text.split_once([':', '：']));
        sides
            .flatten()
            .is_some_and(|(width, height)| is_number(width) && is_number(height))
    };
    let is_address = || {
        let start = text.get(..8).unwrap_or_default();
        let begins = |scheme: &str| {
            let start = start.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        (begins("http://") || begins("https://")) && !text.contains(char::is_whitespace)
    };
    if text.len() <= LONGEST_MODEL && Model::parse(&text.to_lowercase()).is_some() {
        Some("the name of a model")
    } else if is_ratio() {
        Some("an aspect ratio")
    } else if is_address() {
        Some("an address")
    } else {
        None
    }
}

/// Whether a text is a reminder such as `TODO: write` or `TBD - Kim`. Only with the mark: *todo el mundo* is Spanish.
fn begins_unfinished(text: &str) -> bool {
    const WORDS: &[&str] = &["tbd", "tba", "tbc", "todo", "fixme", "wip", "待定"];
    let end = text.find(|it: char| !it.is_alphabetic());
    let (word, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = rest.trim_start();
    WORDS.contains(&word.to_lowercase().as_str())
        && rest.starts_with([':', '：', '-', '–', '—', '(', '（', '/', '?'])
}

/// The slot that a sentence has where a word belongs, as in `[product] on a table`: the slot has such a name, and the
/// words beside it go on without a pause. `[Subject] A red kite. [Camera] Slow pan.` has headings instead, which are
/// meant.
pub(in crate::manifest) fn open_slot(text: &str) -> Option<&str> {
    const NAMES: &[&str] = &[
        "product",
        "product name",
        "name",
        "brand",
        "brand name",
        "color",
        "colour",
        "object",
        "item",
        "material",
        "surface",
        "background",
        "location",
        "place",
        "city",
        "person",
        "model",
        "insert",
        "produkt",
        "produktname",
        "marke",
        "farbe",
        "ort",
        "produit",
        "marque",
        "couleur",
        "producto",
        "marca",
    ];
    const BEFORE: &[&str] = &[
        "a", "an", "the", "of", "in", "on", "with", "for", "to", "and", "from", "our", "your",
        "der", "die", "das", "ein", "eine", "auf", "mit", "und", "le", "la", "un", "une", "de",
        "sur", "el", "una", "en", "con",
    ];
    const AFTER: &[&str] = &[
        "on", "in", "at", "of", "with", "is", "and", "from", "under", "over", "beside", "near",
        "auf", "mit", "im", "und", "ist", "sur", "avec", "dans", "et", "sobre", "con", "en", "y",
    ];
    // Most texts have neither.
    memchr2(b'[', b'<', text.as_bytes())?;
    let is_word = |words: &[&str], word: Option<&str>| {
        word.is_some_and(|word| words.contains(&word.to_lowercase().as_str()))
    };
    [('[', ']'), ('<', '>')]
        .into_iter()
        .find_map(|(open, close)| {
            text.match_indices(open).find_map(|(at, _)| {
                let (inside, rest) = text[at + 1..].split_once(close)?;
                let is_slot = is_word(NAMES, Some(inside.trim()))
                    && (is_word(BEFORE, text[..at].split_whitespace().next_back())
                        || rest.starts_with(' ') && is_word(AFTER, rest.split_whitespace().next()));
                is_slot.then(|| &text[at..at + inside.len() + 2])
            })
        })
}

/// Whether a text is one slot to be filled in, such as `[product]` or `<product name>`.
fn is_one_slot(text: &str) -> bool {
    const PAIRS: [(char, char); 5] = [
        ('[', ']'),
        ('<', '>'),
        ('{', '}'),
        ('【', '】'),
        ('《', '》'),
    ];
    PAIRS.iter().any(|(open, close)| {
        let inside = text
            .strip_prefix(*open)
            .and_then(|rest| rest.strip_suffix(*close));
        inside.is_some_and(|inside| {
            let is_name = |it: char| it.is_alphanumeric() || matches!(it, ' ' | '_' | '-' | '/');
            !inside.trim().is_empty()
                && inside.chars().count() <= 30
                && inside.split_whitespace().count() <= 3
                && inside.chars().all(is_name)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `text` becomes when its UTF-8 is read as Windows-1252, as Latin-1, or as GBK.
    fn misread(text: &str) -> [String; 3] {
        let latin: String = text.bytes().map(char::from).collect();
        let western = encoding_rs::WINDOWS_1252.decode_without_bom_handling(text.as_bytes());
        let chinese = encoding_rs::GBK.decode_without_bom_handling(text.as_bytes());
        [western.0.into_owned(), latin, chinese.0.into_owned()]
    }

    const GOOD: &[&str] = &[
        "A red kite over a grey roof, slow camera, 50 % faster than \"before\".",
        "Don’t move — the camera stays “still”… at 25 °C, ½ turn, ±5°, 10 µm",
        "“CAFÉ” in neon; CAFÉ… at night",
        "CAFÉ…",
        "Un café crème à l’été, « très doux », où l’âme s’éveille… Noël, cœur, ÇA VA ?",
        "Vraiment ???? Oui !",
        "L'ÉTÉ, À LA PLAGE : “ÉCLAT”",
        "voilà… «voilà»… »voilà… été…” café…»",
        "Größe, Maß, „Spaß“, Straße–Fuß, ÄÖÜ äöü, groß“ und Spaß“",
        "LETTERS: ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏ ÐÑÒÓÔÕÖ ÄÖÜß ÄÖÜäöü",
        "¿Qué? ¡Olé! El niño corrió… «España» AÑO… MAÑANA”",
        "MANHÃ… de sol, “MANHÔ, AMANHÔ, coração, ÃO, São Paulo, NÃO!”",
        "Một chiếc ấm điện trên bàn gỗ, ÁNH SÁNG DỊU, ĐÃ…”, NGÀ",
        "Žluťoučký kůň, VÝŠKA, ŽÍŽALA, ÍŽ, Škoda… ÁŠ",
        "Świeży poranek, łąka, ŻÓŁĆ",
        "Ångström, Å…, “Å”, smörgåsbord, blåbær, ØRE, Íslenzk þorp, ð…",
        "Красный змей над крышей, «медленно»…",
        "Κόκκινος χαρταετός",
        "عطر على طاولة من الرخام",
        "电热水壶在木桌上缓慢旋转，柔和晨光，浅景深。",
        "黄铜台灯（Brass lamp）在木桌上缓慢旋转；“柔和”晨光……",
        "電熱水壺在木桌上緩慢旋轉，柔和晨光",
        "联通",
        "锅",
        "旋转",
        "木のテーブルの上でやかんがゆっくり回る。カメラは固定。",
        "나무 탁자 위의 주전자가 천천히 돈다",
        "A kite 🪁 over 🏙️, happy 😀 and free ❤️ 🇫🇷",
        "what???",
        "what????",
        "Is it real???? Yes.",
        "Who ???? - nobody.",
        "A sign says \"?\" and ??",
        "½ ¼ ¾ ²³¹ °² µm",
        "It says: Ã is a letter; so is Â.",
    ];

    #[test]
    fn good_texts_in_many_languages_are_not_called_garbled() {
        for text in GOOD {
            assert_eq!(garbled(text), None, "{text}");
        }
    }

    #[test]
    fn texts_that_were_read_in_the_wrong_encoding_are_found_and_read_right() {
        for text in [
            "Café on a table",
            "An été in “Paris”",
            "Don’t move",
            "25°C in the shade",
            "Größe und Maß",
            "Voilà un cœur",
            "niño",
            "São Paulo, manhã",
            "Một chiếc ấm điện trên bàn gỗ",
            "Красный змей над крышей",
            "Žluťoučký kůň",
            "电热水壶在木桌上缓慢旋转，柔和晨光。",
            "木のテーブルの上でやかんがゆっくり回る。",
            "A kite 🪁 over the city",
        ] {
            let [western, latin, _] = misread(text);
            for wrong in [western, latin] {
                let found = garbled(&wrong);
                let Some(Garbled::ReadAs { meant, .. }) = &found else {
                    panic!("{text}: {wrong}: {found:?}");
                };
                assert_eq!(meant, text, "{wrong}");
            }
        }
        for text in [
            "电热水壶在木桌上缓慢旋转，柔和晨光。",
            "黄铜台灯（Brass lamp）在木桌上缓慢旋转",
            "缓慢推进的镜头",
            "木のテーブルの上でやかんがゆっくり回る。",
        ] {
            let [.., chinese] = misread(text);
            assert!(garbled(&chinese).is_some(), "{text}: {chinese}");
        }
        for text in [
            "电热水壶在木桌上缓慢旋转",
            "黄铜台灯（Brass lamp）在木桌上缓慢旋转",
        ] {
            let (bytes, ..) = encoding_rs::GBK.encode(text);
            let (wrong, _) = encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes);
            let meant = text.to_owned();
            let encoding = "Windows-1252";
            assert_eq!(
                garbled(&wrong),
                Some(Garbled::ReadAs { encoding, meant }),
                "{wrong}"
            );
        }
    }

    #[test]
    fn texts_whose_characters_are_gone_are_found() {
        for (text, mark) in [
            ("A caf\u{FFFD} on a table", "\u{FFFD}"),
            ("????????????", "????"),
            ("???? (Brass lamp) ??????", "????"),
            ("????, ????", "????"),
            ("A ???? on a ???? table", "????"),
        ] {
            assert_eq!(garbled(text), Some(Garbled::Lost(mark)), "{text}");
        }
    }

    #[test]
    fn what_keeps_a_place_free_is_told_from_a_short_prompt() {
        for prompt in [
            "TBD",
            " tbd. ",
            "TODO",
            "N/A",
            "n.a.",
            "-",
            "--",
            "...",
            "…",
            "XXX",
            "as above",
            "(same as above)",
            "Ditto.",
            "同上",
            "【待定】",
            "待补充。",
            "Lorem ipsum dolor sit amet",
            "[product]",
            "<product name>",
            "{scene}",
            "【产品】",
            "[TBD]",
            "\"\"",
            "/",
        ] {
            assert!(placeholder(prompt).is_some(), "{prompt}");
        }
        for prompt in [
            "x",
            "a",
            "cat",
            "A red kite.",
            "[product] on a table",
            "{\"scene\": \"a kite\"}",
            "Same kite as above the roof",
            "[A slow pan across the harbour at dawn]",
            "🪁",
            "todo el mundo",
            "notabene",
            "水壶",
            "(a cat)",
            "None of the lights is on",
            "{{ product }}",
            "see above the clouds",
            "<3",
        ] {
            assert_eq!(placeholder(prompt), None, "{prompt}");
        }
    }

    #[test]
    fn a_value_that_belongs_into_another_field_is_known_and_a_prompt_about_it_is_fine() {
        for (prompt, what) in [
            ("seedance2.0-720p", "the name of a model"),
            (" 16:9 ", "an aspect ratio"),
            ("https://example.com/a.png", "an address"),
        ] {
            assert_eq!(value_of_another_field(prompt), Some(what), "{prompt}");
        }
        for prompt in [
            "16:9, a kite",
            "12:30 at noon",
            "8",
            "8 kites",
            "https://example.com/a.png walks",
            "http",
            "",
            "A seedance2.0-720p",
        ] {
            assert_eq!(value_of_another_field(prompt), None, "{prompt}");
        }
    }

    #[test]
    fn a_slot_in_a_sentence_is_found_and_a_heading_is_none() {
        for (prompt, slot) in [
            ("[product] on table", "[product]"),
            ("A [Color] kite over a roof, slow camera", "[Color]"),
            (
                "Close-up of the <product name>, soft light",
                "<product name>",
            ),
            ("Ein [Produkt] auf dem Tisch", "[Produkt]"),
        ] {
            assert_eq!(open_slot(prompt), Some(slot), "{prompt}");
        }
        for prompt in [
            "[Product] A lamp turns. [Camera] Slow pan.",
            "[product]: a lamp; [location]: a roof",
            "[Image 1] is the first frame, [Image 2] the last",
            "The figure of [Image 1] walks",
            "A sign that says [OPEN] and nothing else",
            "Use <location> as a heading",
            "a [b] c",
            "[product",
        ] {
            assert_eq!(open_slot(prompt), None, "{prompt}");
        }
    }

    #[test]
    fn reminders_of_all_kinds_keep_a_place_free_and_short_prompts_do_not() {
        for prompt in [
            "TODO: write",
            "TBD - Kim",
            "tbd (Kim)",
            "folgt",
            "待定：小王",
            "À compléter",
        ] {
            assert!(placeholder(prompt).is_some(), "{prompt}");
        }
        for prompt in [
            "todo el mundo baila",
            "TODO EL MUNDO",
            "WIP workers on a beach",
            "猫",
            "ox",
            "Offenes Meer",
            "x-ray of a hand",
        ] {
            assert_eq!(placeholder(prompt), None, "{prompt}");
        }
    }
}
