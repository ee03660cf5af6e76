//! How a table is to be read, where somebody says so: as options of a command, or as keys beside `from:`. Start at
//! [`TableOptions`].

use std::fmt;
use std::str::FromStr;

use crate::manifest::diagnostic::{Diagnostic, Diagnostics};
use crate::manifest::encoding::TextEncoding;
use crate::manifest::tree::{Key, Node, Value};
use crate::manifest::values::{described, shown};

/// What somebody said about a table; the rest is detected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableOptions {
    /// `--encoding`, `encoding:`
    pub encoding: Option<TextEncoding>,
    /// `--delimiter`, `delimiter:`
    pub delimiter: Option<Delimiter>,
    /// `--sheet`, `sheet:`
    pub sheet: Option<String>,
}

/// What stands between two cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

/// A name that is no delimiter's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownDelimiter;

impl fmt::Display for UnknownDelimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "not a delimiter; known are `,` (`comma`), `;` (`semicolon`), `tab` (`\\t`) and `|` (`pipe`)",
        )
    }
}

impl std::error::Error for UnknownDelimiter {}

impl fmt::Display for Delimiter {
    /// As it is written after `--delimiter`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.0 {
            b';' => ";",
            b'\t' => "tab",
            b'|' => "|",
            _ => ",",
        })
    }
}

impl FromStr for Delimiter {
    type Err = UnknownDelimiter;

    fn from_str(name: &str) -> Result<Self, UnknownDelimiter> {
        let folded = name.trim_matches(' ').to_ascii_lowercase();
        let names = Self::NAMES.iter().find(|names| names.contains(&&*folded));
        names
            .map(|names| Self(names[0].as_bytes()[0]))
            .ok_or(UnknownDelimiter)
    }
}

impl Delimiter {
    /// What each is called; the first name is the character itself.
    pub(in crate::manifest) const NAMES: [&'static [&'static str]; 4] = [
        &[",", "comma"],
        &[";", "semicolon"],
        &["\t", "\\t", "tab"],
        &["|", "pipe", "bar"],
    ];

    /// The delimiter that is this byte.
    pub(super) fn of(byte: u8) -> Self {
        Self(byte)
    }

    /// The character as a byte.
    pub(super) fn byte(self) -> u8 {
        self.0
    }
}

impl TableOptions {
    /// The keys beside `from:` that [`Self::take`] knows.
    pub(in crate::manifest) const KEYS: [&'static str; 3] = ["encoding", "delimiter", "sheet"];

    /// Takes what stands beside `from:` under one of [`Self::KEYS`]; false if the key is none of them.
    pub(in crate::manifest) fn take(
        &mut self,
        key: &Key,
        node: &Node,
        diagnostics: &mut Diagnostics,
    ) -> bool {
        if !Self::KEYS.contains(&key.name.as_str()) {
            return false;
        }
        let Value::Text(written) = &node.value else {
            let found = described(&node.value);
            let message = format!("`{}` must be a text, not {found}", key.name);
            let help = "write it like `jobs: { from: shots.csv, encoding: gb18030 }`, or leave it out: it is detected";
            diagnostics.push(Diagnostic::error("wrong-type", &node.span, message, help));
            return true;
        };
        let refusal = match key.name.as_str() {
            "encoding" => set(&mut self.encoding, written).err(),
            "delimiter" => set(&mut self.delimiter, written).err(),
            _ => {
                self.sheet = Some(written.clone());
                None
            }
        };
        if let Some(known) = refusal {
            let (what, known) = known.split_once("; ").unwrap_or((&known, ""));
            let message = format!("`{}` is {what}", shown(written));
            let help = format!("{known}; or leave `{}` out: it is detected", key.name);
            diagnostics.push(Diagnostic::error("bad-setting", &node.span, message, help));
        }
        true
    }

    /// These, and what they leave open as in `other`.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        Self {
            encoding: self.encoding.or(other.encoding),
            delimiter: self.delimiter.or(other.delimiter),
            sheet: self.sheet.clone().or_else(|| other.sheet.clone()),
        }
    }

    /// The names, as keys, of what is said and means nothing for such a file.
    pub(in crate::manifest) fn idle(&self, is_workbook: bool) -> Vec<&'static str> {
        let text = [
            self.encoding.map(|_| "encoding"),
            self.delimiter.map(|_| "delimiter"),
        ];
        let sheet = [self.sheet.as_ref().map(|_| "sheet"), None];
        let idle = if is_workbook { text } else { sheet };
        idle.into_iter().flatten().collect()
    }
}

fn set<T: FromStr>(slot: &mut Option<T>, written: &str) -> Result<(), String>
where
    T::Err: fmt::Display,
{
    *slot = Some(written.parse().map_err(|error: T::Err| error.to_string())?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_has_a_character_and_names() {
        for (names, byte) in [
            ([",", "comma", "COMMA"], b','),
            ([";", " ; ", "semicolon"], b';'),
            (["\t", "\\t", "tab"], b'\t'),
            (["|", "pipe", "bar"], b'|'),
        ] {
            for name in names {
                assert_eq!(name.parse(), Ok(Delimiter(byte)), "{name:?}");
            }
        }
        for name in ["", ":", ",,", "space", "\""] {
            assert_eq!(name.parse::<Delimiter>(), Err(UnknownDelimiter), "{name:?}");
        }
    }
}
