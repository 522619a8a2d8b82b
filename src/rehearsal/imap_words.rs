//! The words of IMAP commands: atoms, quoted texts, literals, lists. Knows no command.

/// One word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Atom(String),
    /// Quoted, or a literal.
    Text(String),
    Open,
    Close,
}

impl Word {
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Word::Atom(text) | Word::Text(text) => Some(text),
            Word::Open | Word::Close => None,
        }
    }

    pub(super) fn text(self) -> Option<String> {
        match self {
            Word::Atom(text) | Word::Text(text) => Some(text),
            Word::Open | Word::Close => None,
        }
    }
}

/// Collects the words of one command from its lines and literals.
#[derive(Default)]
pub(super) struct Reader {
    words: Vec<Word>,
}

impl Reader {
    /// Takes in one line. Where it ends in `{length}` or `{length+}` a literal follows:
    /// gives its length, and whether the client waits to be told to go on.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<(usize, bool)> {
        let line = String::from_utf8_lossy(line);
        let announced = line.strip_suffix('}').and_then(|rest| {
            let (before, length) = rest.rsplit_once('{')?;
            let waits = !length.ends_with('+');
            let length = length.strip_suffix('+').unwrap_or(length);
            Some((before, length.parse().ok()?, waits))
        });
        match announced {
            Some((before, length, waits)) => {
                self.split(before);
                Some((length, waits))
            }
            None => {
                self.split(&line);
                None
            }
        }
    }

    pub(super) fn literal(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.words.push(Word::Text(text));
    }

    pub(super) fn finish(self) -> Vec<Word> {
        self.words
    }

    fn split(&mut self, line: &str) {
        let mut rest = line.chars().peekable();
        while let Some(&next) = rest.peek() {
            match next {
                ' ' => {
                    rest.next();
                }
                '(' | ')' => {
                    rest.next();
                    self.words
                        .push(if next == '(' { Word::Open } else { Word::Close });
                }
                '"' => {
                    rest.next();
                    let mut text = String::new();
                    while let Some(c) = rest.next() {
                        match c {
                            '"' => break,
                            '\\' => text.extend(rest.next()),
                            c => text.push(c),
                        }
                    }
                    self.words.push(Word::Text(text));
                }
                _ => {
                    let mut atom = String::new();
                    // A section in brackets belongs to the atom, spaces and all.
                    let mut depth = 0_u32;
                    while let Some(&c) = rest.peek() {
                        match c {
                            '[' => depth += 1,
                            ']' => depth = depth.saturating_sub(1),
                            ' ' | '(' | ')' if depth == 0 => break,
                            _ => {}
                        }
                        atom.push(c);
                        rest.next();
                    }
                    self.words.push(Word::Atom(atom));
                }
            }
        }
    }
}

/// A list in parentheses or a single word, in capitals; `FAST` becomes what it stands for.
pub(super) fn items(words: &[Word]) -> Option<Vec<String>> {
    let items: Vec<String> = words
        .iter()
        .filter_map(Word::as_text)
        .flat_map(|word| match word.to_ascii_uppercase().as_str() {
            "FAST" => ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]
                .map(str::to_owned)
                .to_vec(),
            upper => vec![upper.to_owned()],
        })
        .collect();
    (!items.is_empty() || words == [Word::Open, Word::Close]).then_some(items)
}
