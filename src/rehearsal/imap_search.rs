//! Which mails an IMAP SEARCH or a sequence set means, and the headers that it looks at.

use jiff::civil::Date;

use super::imap_words::Word;
use super::post_office::Kept;

/// Criteria nested in one another, at most.
const DEEPEST: u32 = 16;

/// A mail with its sequence number in the selected mailbox.
pub(super) struct Numbered {
    pub(super) number: u32,
    pub(super) kept: Kept,
}

/// A sequence set: ranges of sequence numbers or uids.
pub(super) struct Set {
    ranges: Vec<(u32, u32)>,
    by_uid: bool,
}

impl Set {
    /// Reads `1`, `2:4`, `7:*`, joined by commas. `*` is the last mail's number.
    pub(super) fn parse(text: &str, mails: &[Numbered], by_uid: bool) -> Option<Set> {
        let last = mails
            .last()
            .map_or(1, |m| if by_uid { m.kept.mail.uid } else { m.number });
        let number = |text: &str| match text {
            "*" => Some(last),
            text => text.parse::<u32>().ok(),
        };
        let range = |piece: &str| {
            let (from, to) = piece.split_once(':').unwrap_or((piece, piece));
            let (from, to) = (number(from)?, number(to)?);
            Some((from.min(to), from.max(to)))
        };
        let ranges = text.split(',').map(range).collect::<Option<Vec<_>>>()?;
        Some(Set { ranges, by_uid })
    }

    pub(super) fn holds(&self, mail: &Numbered) -> bool {
        let number = if self.by_uid {
            mail.kept.mail.uid
        } else {
            mail.number
        };
        self.ranges
            .iter()
            .any(|(from, to)| (*from..=*to).contains(&number))
    }
}

/// One criterion.
enum Key {
    All,
    Nothing,
    Seen(bool),
    Deleted(bool),
    Since(Date),
    Before(Date),
    On(Date),
    Header(String, String),
    Subject(String),
    Anywhere(String),
    Body(String),
    Larger(usize),
    Smaller(usize),
    Among(Set),
    Not(Box<Key>),
    Either(Box<Key>, Box<Key>),
    Every(Vec<Key>),
}

/// The mails that fit all criteria.
///
/// # Errors
/// What is not understood.
pub(super) fn search<'a>(
    words: &[Word],
    mails: &'a [Numbered],
) -> Result<Vec<&'a Numbered>, &'static str> {
    let mut words = words;
    if words
        .first()
        .and_then(Word::as_text)
        .is_some_and(|w| w.eq_ignore_ascii_case("CHARSET"))
    {
        words = words.get(2..).unwrap_or_default();
    }
    let mut parser = Parser {
        words: words.iter(),
        mails,
        depth: 0,
    };
    let mut keys = Vec::new();
    while parser.words.len() > 0 {
        keys.push(
            parser
                .key()
                .ok_or("a search key that is not offered here")?,
        );
    }
    if keys.is_empty() {
        return Err("SEARCH wants at least one key");
    }
    let key = Key::Every(keys);
    Ok(mails.iter().filter(|mail| fits(&key, mail)).collect())
}

struct Parser<'a> {
    words: std::slice::Iter<'a, Word>,
    mails: &'a [Numbered],
    depth: u32,
}

impl Parser<'_> {
    fn text(&mut self) -> Option<String> {
        self.words.next()?.as_text().map(str::to_owned)
    }

    fn date(&mut self) -> Option<Date> {
        Date::strptime("%d-%b-%Y", self.text()?).ok()
    }

    fn boxed(&mut self) -> Option<Box<Key>> {
        self.key().map(Box::new)
    }

    fn key(&mut self) -> Option<Key> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let key = self.shallow_key();
        self.depth -= 1;
        key
    }

    fn shallow_key(&mut self) -> Option<Key> {
        let word = match self.words.next()? {
            Word::Open => return self.group(),
            word => word.as_text()?.to_ascii_uppercase(),
        };
        let key = match word.as_str() {
            "ALL" | "UNANSWERED" | "UNFLAGGED" | "UNDRAFT" | "OLD" => Key::All,
            "ANSWERED" | "FLAGGED" | "DRAFT" | "RECENT" => Key::Nothing,
            "SEEN" => Key::Seen(true),
            "UNSEEN" | "NEW" => Key::Seen(false),
            "DELETED" => Key::Deleted(true),
            "UNDELETED" => Key::Deleted(false),
            "SINCE" | "SENTSINCE" => Key::Since(self.date()?),
            "BEFORE" | "SENTBEFORE" => Key::Before(self.date()?),
            "ON" | "SENTON" => Key::On(self.date()?),
            "FROM" | "TO" | "CC" | "BCC" => Key::Header(word, self.text()?),
            "HEADER" => Key::Header(self.text()?, self.text()?),
            "SUBJECT" => Key::Subject(self.text()?),
            "BODY" => Key::Body(self.text()?),
            "TEXT" => Key::Anywhere(self.text()?),
            "LARGER" => Key::Larger(self.text()?.parse().ok()?),
            "SMALLER" => Key::Smaller(self.text()?.parse().ok()?),
            "UID" => Key::Among(Set::parse(&self.text()?, self.mails, true)?),
            "NOT" => Key::Not(self.boxed()?),
            "OR" => Key::Either(self.boxed()?, self.boxed()?),
            set => Key::Among(Set::parse(set, self.mails, false)?),
        };
        Some(key)
    }

    fn group(&mut self) -> Option<Key> {
        let mut keys = Vec::new();
        loop {
            if self.words.as_slice().first()? == &Word::Close {
                self.words.next();
                return Some(Key::Every(keys));
            }
            keys.push(self.key()?);
        }
    }
}

fn fits(key: &Key, numbered: &Numbered) -> bool {
    let kept = &numbered.kept;
    let mail = &kept.mail;
    let day = || {
        let zoned = mail
            .received_at
            .timestamp()
            .to_zoned(jiff::tz::TimeZone::UTC);
        zoned.date()
    };
    match key {
        Key::All => true,
        Key::Nothing => false,
        Key::Seen(seen) => kept.seen == *seen,
        Key::Deleted(deleted) => kept.deleted == *deleted,
        Key::Since(date) => day() >= *date,
        Key::Before(date) => day() < *date,
        Key::On(date) => day() == *date,
        Key::Header(name, value) => match name.as_str() {
            name if name.eq_ignore_ascii_case("SUBJECT") => holds(&mail.subject, value),
            "TO" => holds(&mail.to, value) || mail.recipients.iter().any(|r| holds(r, value)),
            "FROM" => holds(&mail.from, value) || holds(&mail.sender, value),
            name => header(split(&mail.raw).0, name).is_some_and(|field| holds(&field, value)),
        },
        Key::Subject(value) => holds(&mail.subject, value),
        Key::Body(value) => holds(&mail.text, value),
        Key::Anywhere(value) => {
            holds(&mail.text, value) || holds(&String::from_utf8_lossy(&mail.raw), value)
        }
        Key::Larger(size) => mail.raw.len() > *size,
        Key::Smaller(size) => mail.raw.len() < *size,
        Key::Among(set) => set.holds(numbered),
        Key::Not(inner) => !fits(inner, numbered),
        Key::Either(one, other) => fits(one, numbered) || fits(other, numbered),
        Key::Every(keys) => keys.iter().all(|key| fits(key, numbered)),
    }
}

fn holds(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// A mail's header with the empty line behind it, and its text.
pub(super) fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    raw.split_at(end.map_or(raw.len(), |at| at + 4))
}

/// A header field's value, unfolded.
fn header(header: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(header);
    let unfolded = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut fields = unfolded.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(field, _)| field.trim().eq_ignore_ascii_case(name))?;
    Some(value.trim().to_owned())
}

/// The header's fields of these names (separated by spaces), as they were sent, and the
/// empty line behind them.
pub(super) fn header_fields(header: &[u8], names: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(header);
    let mut out = String::new();
    let mut wanted = false;
    for line in text.split_inclusive("\r\n").filter(|line| *line != "\r\n") {
        if !line.starts_with([' ', '\t']) {
            let field = line.split(':').next().unwrap_or_default().trim();
            wanted = names
                .split(' ')
                .any(|name| name.trim_matches('"').eq_ignore_ascii_case(field));
        }
        if wanted {
            out.push_str(line);
        }
    }
    out.push_str("\r\n");
    out.into_bytes()
}
