//! The post office's counter: the one mailbox, read by IMAP (RFC 3501, the part that probes
//! and people's programs use). Owns the conversation.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::imap_fetch::{flags_of, write_item};
use super::imap_search::{self, Numbered};
use super::imap_words::{self, Word};
use super::lines;
use super::post_office::PostOffice;

/// The longest literal that a client may send, in bytes.
const LITERAL: usize = 64 * 1024;
/// Literals in one command.
const LITERALS: usize = 16;
const CAPABILITIES: &str = "IMAP4rev1 LITERAL+ UNSELECT";

struct Session {
    stream: BufReader<TcpStream>,
    post_office: Arc<PostOffice>,
    account: (String, String),
    signed_in: bool,
    /// The uids behind the sequence numbers of the selected mailbox.
    selected: Option<Vec<u32>>,
    read_only: bool,
    out: Vec<u8>,
}

/// How a command ended.
enum End {
    Ok(String),
    No(&'static str),
    Bad(&'static str),
}

/// Talks to one client until it leaves.
///
/// # Errors
/// When the connection breaks, stays silent or sends endless lines.
pub(super) async fn converse(
    stream: TcpStream,
    post_office: Arc<PostOffice>,
    account: (String, String),
) -> io::Result<()> {
    let stream = BufReader::new(stream);
    let mut session = Session {
        stream,
        post_office,
        account,
        signed_in: false,
        selected: None,
        read_only: false,
        out: Vec::new(),
    };
    session.line(&format!(
        "* OK [CAPABILITY {CAPABILITIES}] the rehearsal's post office"
    ));
    session.flush().await?;
    while let Some(words) = session.command().await? {
        let mut words = words.into_iter();
        let Some(Word::Atom(tag)) = words.next() else {
            session.line("* BAD a command begins with a tag");
            session.flush().await?;
            continue;
        };
        let Some(name) = words.next().and_then(|word| word.text()) else {
            session.line(&format!("{tag} BAD which command?"));
            session.flush().await?;
            continue;
        };
        let name = name.to_ascii_uppercase();
        let arguments: Vec<Word> = words.collect();
        let end = session.obey(&name, &arguments);
        session.line(&match end {
            End::Ok(text) => format!("{tag} OK {text}"),
            End::No(text) => format!("{tag} NO {text}"),
            End::Bad(text) => format!("{tag} BAD {text}"),
        });
        session.flush().await?;
        if name == "LOGOUT" {
            break;
        }
    }
    Ok(())
}

impl Session {
    /// Reads one command, its literals included.
    async fn command(&mut self) -> io::Result<Option<Vec<Word>>> {
        let mut words = imap_words::Reader::default();
        for _ in 0..=LITERALS {
            let Some(line) = lines::read(&mut self.stream).await? else {
                return Ok(None);
            };
            let Some((length, waits)) = words.line(&line) else {
                return Ok(Some(words.finish()));
            };
            if length > LITERAL {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "literal too long",
                ));
            }
            if waits {
                self.line("+ go on");
                self.flush().await?;
            }
            let literal = lines::read_exactly(&mut self.stream, length).await?;
            words.literal(&literal);
        }
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "too many literals",
        ))
    }

    fn line(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    async fn flush(&mut self) -> io::Result<()> {
        let out = std::mem::take(&mut self.out);
        let writing = async {
            self.stream.write_all(&out).await?;
            self.stream.flush().await
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), writing).await?
    }

    fn obey(&mut self, name: &str, arguments: &[Word]) -> End {
        match name {
            "CAPABILITY" => {
                self.line(&format!("* CAPABILITY {CAPABILITIES}"));
                return done();
            }
            "NOOP" | "CHECK" => {
                self.tell_news(true);
                return done();
            }
            "LOGOUT" => {
                self.line("* BYE until next time");
                return done();
            }
            "LOGIN" => return self.login(arguments),
            _ if !self.signed_in => return End::No("LOGIN first"),
            "SELECT" | "EXAMINE" => return self.select(arguments, name == "EXAMINE"),
            "LIST" | "LSUB" => {
                self.line(&format!("* {name} (\\HasNoChildren) \"/\" INBOX"));
                return done();
            }
            "STATUS" => return self.status(),
            _ => {}
        }
        if self.selected.is_none() {
            return End::Bad("not a command here, or SELECT first");
        }
        match name {
            "SEARCH" => self.search(arguments, false),
            "FETCH" => self.fetch(arguments, false),
            "STORE" => self.store(arguments, false),
            "UID" => {
                let inner = arguments
                    .first()
                    .and_then(Word::as_text)
                    .unwrap_or_default();
                let rest = arguments.get(1..).unwrap_or_default();
                match inner.to_ascii_uppercase().as_str() {
                    "SEARCH" => self.search(rest, true),
                    "FETCH" => self.fetch(rest, true),
                    "STORE" => self.store(rest, true),
                    _ => End::Bad("UID SEARCH, UID FETCH or UID STORE"),
                }
            }
            "EXPUNGE" if self.read_only => End::No("the mailbox was opened for reading"),
            "EXPUNGE" => {
                self.post_office.expunge();
                self.tell_news(true);
                done()
            }
            "CLOSE" | "UNSELECT" => {
                if name == "CLOSE" && !self.read_only {
                    self.post_office.expunge();
                }
                self.selected = None;
                done()
            }
            _ => End::Bad("not a command here"),
        }
    }

    fn login(&mut self, arguments: &[Word]) -> End {
        let given: Vec<_> = arguments.iter().filter_map(Word::as_text).collect();
        let (user, password) = (&self.account.0, &self.account.1);
        self.signed_in = given == [user.as_str(), password.as_str()];
        match self.signed_in {
            true => done(),
            false => End::No("[AUTHENTICATIONFAILED] wrong user or password"),
        }
    }

    fn select(&mut self, arguments: &[Word], read_only: bool) -> End {
        let name = arguments
            .first()
            .and_then(Word::as_text)
            .unwrap_or_default();
        if !name.eq_ignore_ascii_case("INBOX") {
            self.selected = None;
            return End::No("[NONEXISTENT] there is only INBOX");
        }
        let uids: Vec<u32> = self
            .post_office
            .inbox()
            .iter()
            .map(|kept| kept.mail.uid)
            .collect();
        self.line("* FLAGS (\\Seen \\Deleted)");
        self.line(&format!("* {} EXISTS", uids.len()));
        self.line("* 0 RECENT");
        self.line(&format!(
            "* OK [UIDVALIDITY {}] valid for this process",
            self.post_office.uid_validity
        ));
        self.line(&format!(
            "* OK [UIDNEXT {}] next",
            self.post_office.next_uid()
        ));
        self.line("* OK [PERMANENTFLAGS (\\Seen \\Deleted)] kept");
        self.selected = Some(uids);
        self.read_only = read_only;
        let access = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        End::Ok(format!("[{access}] done"))
    }

    fn status(&mut self) -> End {
        let inbox = self.post_office.inbox();
        let unseen = inbox.iter().filter(|kept| !kept.seen).count();
        let (next, validity) = (self.post_office.next_uid(), self.post_office.uid_validity);
        self.line(&format!(
            "* STATUS INBOX (MESSAGES {} RECENT 0 UIDNEXT {next} UIDVALIDITY {validity} UNSEEN {unseen})",
            inbox.len(),
        ));
        done()
    }

    /// Says which mails are gone, where that may be said now, and how many there are.
    fn tell_news(&mut self, gone_too: bool) {
        let Some(mut known) = self.selected.take() else {
            return;
        };
        let now: Vec<u32> = self
            .post_office
            .inbox()
            .iter()
            .map(|kept| kept.mail.uid)
            .collect();
        if gone_too {
            for at in (0..known.len()).rev() {
                if now.binary_search(&known[at]).is_err() {
                    known.remove(at);
                    self.line(&format!("* {} EXPUNGE", at + 1));
                }
            }
        }
        let newest = known.last().copied().unwrap_or(0);
        let before = known.len();
        known.extend(now.into_iter().filter(|uid| *uid > newest));
        if known.len() > before {
            self.line(&format!("* {} EXISTS", known.len()));
        }
        self.selected = Some(known);
    }

    /// The mails of the selected mailbox that still exist, with their sequence numbers.
    fn mails(&self) -> Vec<Numbered> {
        let known = self.selected.as_deref().unwrap_or_default();
        let inbox = self.post_office.inbox();
        inbox
            .into_iter()
            .filter_map(|kept| {
                let number = known.binary_search(&kept.mail.uid).ok()? + 1;
                Some(Numbered {
                    number: u32::try_from(number).ok()?,
                    kept,
                })
            })
            .collect()
    }

    fn search(&mut self, arguments: &[Word], by_uid: bool) -> End {
        // What came in since the last command has to be found, as clients that poll by
        // searching expect.
        self.tell_news(by_uid);
        let mails = self.mails();
        let found = match imap_search::search(arguments, &mails) {
            Ok(found) => found,
            Err(what) => return End::Bad(what),
        };
        let numbers: Vec<String> = found
            .into_iter()
            .map(|m| if by_uid { m.kept.mail.uid } else { m.number })
            .map(|number| format!(" {number}"))
            .collect();
        self.line(&format!("* SEARCH{}", numbers.concat()));
        done()
    }

    /// The mails of a sequence set, and the arguments behind it.
    fn chosen<'a>(
        &self,
        arguments: &'a [Word],
        by_uid: bool,
    ) -> Option<(Vec<Numbered>, &'a [Word])> {
        let (set, rest) = arguments.split_first()?;
        let mails = self.mails();
        let set = imap_search::Set::parse(set.as_text()?, &mails, by_uid)?;
        Some((mails.into_iter().filter(|m| set.holds(m)).collect(), rest))
    }

    fn fetch(&mut self, arguments: &[Word], by_uid: bool) -> End {
        if by_uid {
            self.tell_news(true);
        }
        let Some((mails, rest)) = self.chosen(arguments, by_uid) else {
            return End::Bad("FETCH wants a sequence set");
        };
        let Some(mut items) = imap_words::items(rest) else {
            return End::Bad("FETCH wants items");
        };
        if by_uid && !items.iter().any(|item| item == "UID") {
            items.insert(0, "UID".to_owned());
        }
        for Numbered { number, kept } in mails {
            let mut parts = Vec::new();
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    parts.push(b' ');
                }
                let Some(sets_seen) = write_item(&mut parts, item, &kept) else {
                    return End::Bad("an item that is not offered here");
                };
                if sets_seen && !self.read_only {
                    let _ = self
                        .post_office
                        .mark(kept.mail.uid, |kept| kept.seen = true);
                }
            }
            self.out
                .extend_from_slice(format!("* {number} FETCH (").as_bytes());
            self.out.extend_from_slice(&parts);
            self.line(")");
        }
        done()
    }

    fn store(&mut self, arguments: &[Word], by_uid: bool) -> End {
        if self.read_only {
            return End::No("the mailbox was opened for reading");
        }
        let Some((mails, rest)) = self.chosen(arguments, by_uid) else {
            return End::Bad("STORE wants a sequence set");
        };
        let action = rest
            .first()
            .and_then(Word::as_text)
            .unwrap_or_default()
            .to_ascii_uppercase();
        let Some(flags) = rest.get(1..).and_then(imap_words::items) else {
            return End::Bad("STORE wants flags");
        };
        let (action, silent) = match action.strip_suffix(".SILENT") {
            Some(action) => (action, true),
            None => (action.as_str(), false),
        };
        let names = |flag: &str| flags.iter().any(|f| f.eq_ignore_ascii_case(flag));
        let (seen, deleted) = (names("\\SEEN"), names("\\DELETED"));
        for Numbered { number, kept } in mails {
            let new = self.post_office.mark(kept.mail.uid, |kept| match action {
                "+FLAGS" => {
                    kept.seen |= seen;
                    kept.deleted |= deleted;
                }
                "-FLAGS" => {
                    kept.seen &= !seen;
                    kept.deleted &= !deleted;
                }
                _ => {
                    kept.seen = seen;
                    kept.deleted = deleted;
                }
            });
            if let (Some(kept), false) = (new, silent) {
                let uid = if by_uid {
                    format!("UID {} ", kept.mail.uid)
                } else {
                    String::new()
                };
                self.line(&format!(
                    "* {number} FETCH ({uid}FLAGS ({}))",
                    flags_of(&kept)
                ));
            }
        }
        match matches!(action, "FLAGS" | "+FLAGS" | "-FLAGS") {
            true => done(),
            false => End::Bad("FLAGS, +FLAGS or -FLAGS"),
        }
    }
}

fn done() -> End {
    End::Ok("done".to_owned())
}
