//! Plain text in paragraphs and lists, wrapped between words: what help topics are made of. Start at [`Page`].

use unicode_width::UnicodeWidthStr;

/// Cells before the names of a list.
const MARGIN: usize = 2;

/// Most cells of a name beside which its meaning begins.
const NAME_ROOM: usize = 24;

/// Cells before a meaning that stands under its name.
const UNDER: usize = 10;

/// A text that grows from top to bottom.
#[derive(Debug)]
pub(super) struct Page {
    text: String,
    width: usize,
}

impl Page {
    /// An empty page of lines of at most `width` cells.
    pub(super) fn new(width: usize) -> Self {
        Self {
            text: String::new(),
            width: width.max(40),
        }
    }

    /// The text, without a line break at its end.
    pub(super) fn into_text(self) -> String {
        self.text.trim_end().to_owned()
    }

    /// Words from margin to margin, and an empty line.
    pub(super) fn paragraph(&mut self, words: &str) {
        for line in wrap(words, self.width) {
            self.line(0, &line);
        }
        self.gap();
    }

    /// The words above a list.
    pub(super) fn heading(&mut self, words: &str) {
        for line in wrap(words, self.width) {
            self.line(0, &line);
        }
    }

    /// Lines as they are, and an empty line.
    pub(super) fn verbatim(&mut self, lines: &str) {
        lines.lines().for_each(|line| self.line(MARGIN, line));
        self.gap();
    }

    /// Words a little to the right, and an empty line.
    pub(super) fn indented(&mut self, words: &str) {
        for line in wrap(words, self.width - MARGIN) {
            self.line(MARGIN, &line);
        }
        self.gap();
    }

    /// Names with their meanings beside them, or under them where one of the names is too long for that, and an empty
    /// line.
    pub(super) fn list<N: AsRef<str>, M: AsRef<str>>(&mut self, rows: &[(N, M)]) {
        let names = rows.iter().map(|(name, _)| name.as_ref().width());
        let longest = names.max().unwrap_or(0);
        let beside = (longest <= NAME_ROOM).then_some(MARGIN + longest + 2);
        let room = |margin| self.width.saturating_sub(margin).max(20);
        let (margin, room) = match beside {
            Some(margin) => (margin, room(margin)),
            None => (UNDER, room(UNDER)),
        };
        for (name, meaning) in rows {
            let (name, lines) = (name.as_ref(), wrap(meaning.as_ref(), room));
            let mut lines = lines.iter();
            if beside.is_some() {
                let first = lines.next().map_or("", String::as_str);
                let gap = " ".repeat(longest - name.width() + 2);
                self.line(MARGIN, &format!("{name}{gap}{first}"));
            } else {
                self.line(MARGIN, name);
            }
            lines.for_each(|line| self.line(margin, line));
        }
        self.gap();
    }

    fn line(&mut self, margin: usize, text: &str) {
        self.text.push_str(&" ".repeat(margin));
        self.text.push_str(text);
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.text.push('\n');
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }
}

/// `words` in lines of at most `width` cells; a word that is longer has a line of its own.
fn wrap(words: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meanings_stand_beside_short_names_and_under_long_ones() {
        let mut page = Page::new(44);
        page.paragraph("Words from margin to margin that need more than a line.");
        page.heading("short:");
        page.list(&[
            ("a", "the first letter of a row of letters, and 雨"),
            ("bcd", ""),
        ]);
        page.list(&[("a_name_that_takes_all_the_room", "its meaning")]);
        page.verbatim("as  it\n  is");
        insta::assert_snapshot!(page.into_text(), @r"
        Words from margin to margin that need more
        than a line.

        short:
          a    the first letter of a row of letters,
               and 雨
          bcd

          a_name_that_takes_all_the_room
                  its meaning

          as  it
            is
        ");
    }

    #[test]
    fn no_word_is_lost_and_no_line_is_too_long() {
        let words = "one two three 雨雨雨雨雨 four a-word-that-is-longer-than-a-line five";
        for width in 12..80 {
            let lines = wrap(words, width);
            assert_eq!(lines.join(" "), words);
            assert!(
                lines
                    .iter()
                    .all(|line| line.width() <= width || !line.contains(' '))
            );
        }
    }
}
