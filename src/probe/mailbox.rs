//! Owns: waiting for a mail in an IMAP mailbox. It only looks: nothing is marked or moved.
//! Must not know: flows, and what the mail is good for.

mod folder;
mod mail;
mod sign_in;
mod token;

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_imap::Session;
use async_imap::error::Error;
use async_imap::imap_proto::{MailboxDatum, Response, ResponseCode, Status};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use sign_in::{Credentials, Wire, connector};

pub use mail::Mail;
pub use token::{AccessTokens, TOKEN_TIMEOUT, TokenSettings};

/// How far a mailbox is filled. Mails that come in later have numbers (UIDs) from `uid_next` on,
/// whatever the server's clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailboxPosition {
    /// The numbering that `uid_next` belongs to: UIDVALIDITY.
    pub uid_validity: u32,
    /// No mail that is there has this number or a higher one: UIDNEXT.
    pub uid_next: u32,
}

/// What mail is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailQuery {
    /// The address that the mail went to, whole; case does not count.
    pub to: String,
    /// What its subject contains; case does not count. Empty: any subject.
    pub subject: String,
    /// It came in after the mailbox was filled so far.
    pub after: MailboxPosition,
}

/// Why there is no mail. Only [`Missing`](Self::Missing) says something of the site.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The mailbox was read to the end of the time, and the mail was not there.
    #[error("no mail with {subject:?} in its subject came within {} s", .waited.as_secs())]
    Missing {
        /// What its subject should contain.
        subject: String,
        /// How long was waited.
        waited: Duration,
    },
    /// The mailbox cannot be reached, or stopped answering.
    #[error("the mailbox cannot be reached: {0}")]
    Unreachable(String),
    /// The mailbox does not let us in, or refuses to be read.
    #[error("the mailbox refuses: {0}")]
    Refused(String),
    /// The mailbox was read, and whether the mail came cannot be known from it.
    #[error("the mailbox does not tell whether the mail came: {0}")]
    Unclear(&'static str),
    /// What was asked for cannot be searched for, or the mailbox's address is none.
    #[error("{0}")]
    Unusable(String),
}

impl MailError {
    /// Whether the site failed to send. Otherwise the fault is ours, and nothing is known.
    pub fn is_missing(&self) -> bool {
        matches!(self, MailError::Missing { .. })
    }
}

/// The most that is read of one mail, in bytes; what lies behind is cut off.
pub const LARGEST_MAIL: usize = 1_000_000;
/// The most that is read of a mail's header to judge whether it is the one, in bytes.
const MAX_HEADER_BYTES: usize = 65_536;
/// The most mails that one look reads the headers of; further ones are left to the next look.
const MAX_MAILS_PER_LOOK: usize = 200;

/// What came of one look.
enum Look {
    Found(Mail),
    /// Everything that came in was looked at.
    Nothing,
    /// More came in than one look reads.
    Unfinished,
}

/// A mailbox on an IMAP server. Its `Debug` shows no password.
#[derive(Clone)]
pub struct ImapMailbox {
    host: Host<String>,
    port: u16,
    tls: Option<TlsConnector>,
    /// Whether TLS begins by a command, after the greeting in clear.
    starttls: bool,
    user: String,
    credentials: Credentials,
    folder: String,
    every: Duration,
    patience: Duration,
}

impl fmt::Debug for ImapMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (&self.tls, self.starttls) {
            (None, _) => "imap",
            (Some(_), false) => "imaps",
            (Some(_), true) => "imap+starttls",
        };
        let ImapMailbox {
            host, port, folder, ..
        } = self;
        write!(f, "{scheme}://…@{host}:{port}/{folder}")
    }
}

impl ImapMailbox {
    /// Reads `imaps://user:password@host[:port]/[folder]`. `imap://` with `?starttls=1` encrypts by
    /// STARTTLS before anything of ours is said, or fails. `imap://` without goes unencrypted,
    /// and so only to this machine, unless `?plain=1` insists. `?ca=FILE` trusts the certificates
    /// of a PEM file in place of the public ones. No message repeats the password.
    pub fn parse(url: &str) -> Result<Self, MailError> {
        Self::read(url, true)
    }

    /// The same for a mailbox that takes no password: the address has none, and access tokens are
    /// shown in its place (XOAUTH2), which [`with_tokens`](Self::with_tokens) gives.
    pub fn parse_without_password(url: &str) -> Result<Self, MailError> {
        Self::read(url, false)
    }

    /// Where access tokens come from.
    pub fn with_tokens(self, tokens: Arc<AccessTokens>) -> Self {
        let credentials = Credentials::Tokens(Some(tokens));
        ImapMailbox {
            credentials,
            ..self
        }
    }

    fn read(url: &str, has_password: bool) -> Result<Self, MailError> {
        let wrong = |what: &str| MailError::Unusable(format!("the mailbox's address {what}"));
        let url = Url::parse(url)
            .map_err(|e| wrong(&format!("is none ({e}): imaps://user:password@host/")))?;
        // Only of the web's own schemes does `url` read hosts as numbers.
        let host = match url.host_str().map(Host::parse) {
            Some(Ok(host)) => host,
            _ => return Err(wrong("has no host")),
        };
        let (mut plain, mut starttls, mut ca) = (false, false, None);
        for (key, value) in url.query_pairs() {
            match (&*key, &*value) {
                ("plain", "1") => plain = true,
                ("starttls", "1") => starttls = true,
                ("ca", file) => ca = Some(file.to_owned()),
                _ => return Err(wrong(&format!("has an unknown option `{key}`"))),
            }
        }
        let local = match &host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
            Host::Ipv6(ip) => IpAddr::from(*ip).is_loopback(),
        };
        if starttls && (plain || url.scheme() != "imap") {
            return Err(wrong(
                "has `starttls`, which goes with imap:// and without `plain`",
            ));
        }
        let (tls, usual_port) = match url.scheme() {
            "imap" if starttls => (Some(connector(ca.as_deref())?), 143),
            "imaps" => (Some(connector(ca.as_deref())?), 993),
            "imap" if local || plain => (None, 143),
            "imap" => {
                return Err(wrong(
                    "is not encrypted: write imaps://, or add ?starttls=1 (or ?plain=1)",
                ));
            }
            _ => {
                return Err(wrong(
                    "must begin with imaps:// (or imap:// to this machine)",
                ));
            }
        };
        let text = |part: &str| percent_decoded(part).ok_or_else(|| wrong("is not valid UTF-8"));
        let user = text(url.username())?;
        let password = text(url.password().unwrap_or_default())?;
        let credentials = match has_password {
            true if user.is_empty() || password.is_empty() => {
                return Err(wrong("has no user or no password"));
            }
            true => Credentials::Password(password),
            false if user.is_empty() => return Err(wrong("has no user")),
            false if !password.is_empty() => {
                return Err(wrong("has a password, although tokens are configured"));
            }
            false => Credentials::Tokens(None),
        };
        let folder = text(url.path().trim_start_matches('/'))?;
        Ok(ImapMailbox {
            host,
            port: url.port().unwrap_or(usual_port),
            tls,
            starttls,
            user,
            credentials,
            folder: if folder.is_empty() {
                "INBOX".to_owned()
            } else {
                folder
            },
            every: Duration::from_secs(3),
            patience: Duration::from_secs(15),
        })
    }

    /// How long to wait between two looks; 3 s if not said.
    pub fn looking_every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How long one exchange with the server may take; 15 s if not said.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How far the mailbox is filled now. What is caused afterwards is found by it. A lost
    /// connection is made anew once.
    pub async fn position(&self) -> Result<MailboxPosition, MailError> {
        let asking = Box::pin(async {
            match self.ask_position().await {
                Err(MailError::Unreachable(_)) => {
                    sleep(self.every).await;
                    self.ask_position().await
                }
                answered => answered,
            }
        });
        let answered = timeout(self.patience * 2, asking).await;
        answered.unwrap_or_else(|_| Err(self.too_slow()))
    }

    async fn ask_position(&self) -> Result<MailboxPosition, MailError> {
        let mut session = self.sign_in().await?;
        self.examine(&mut session).await
    }

    /// Waits for a mail, looking again and again, and once more when the time is over. A
    /// lost connection is made anew; a refused sign-in is final, lest the account be locked.
    ///
    /// Ends at the latest one look after the deadline.
    pub async fn wait_for(&self, query: &MailQuery, deadline: Duration) -> Result<Mail, MailError> {
        if !mail::is_address(&query.to) {
            let to = &query.to;
            return Err(MailError::Unusable(format!(
                "`{to}` is not an e-mail address that mail can be awaited for"
            )));
        }
        let mut over = pin!(sleep(deadline));
        let mut last = false;
        let mut session = None;
        let mut seen = HashSet::new();
        loop {
            // A stopped server costs one patience a look, not one a command.
            let look = Box::pin(self.look(&mut session, query, &mut seen));
            let looked = timeout(self.patience * 2, look).await.unwrap_or_else(|_| {
                Err(MailError::Unreachable("it answers too slowly".to_owned()))
            });
            let mut pause = self.every;
            match looked {
                Ok(Look::Found(mail)) => return Ok(mail),
                Ok(Look::Nothing) if last => {
                    return Err(MailError::Missing {
                        subject: query.subject.clone(),
                        waited: deadline,
                    });
                }
                Ok(Look::Unfinished) if last => {
                    let message = "more mails came in than could be looked through";
                    return Err(MailError::Unclear(message));
                }
                Ok(Look::Nothing) => {}
                Ok(Look::Unfinished) => pause = Duration::ZERO,
                Err(error @ MailError::Unreachable(_)) if last => return Err(error),
                Err(MailError::Unreachable(_)) => session = None,
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = &mut over => last = true,
                () = sleep(pause) => {}
            }
        }
    }

    /// One look: through the mails that came in and were not looked at before, newest first.
    /// The server is not asked who they are for: servers know different headers, and some
    /// search by words where an address is asked for.
    async fn look(
        &self,
        session: &mut Option<Session<Box<dyn Wire>>>,
        query: &MailQuery,
        seen: &mut HashSet<u32>,
    ) -> Result<Look, MailError> {
        let open = match session {
            Some(open) => open,
            None => session.insert(self.sign_in().await?),
        };
        let position = self.examine(open).await?;
        if position.uid_validity != query.after.uid_validity {
            let message = "its mails were numbered anew since the run began";
            return Err(MailError::Unclear(message));
        }
        let first = query.after.uid_next;
        let mut new: Vec<u32> = Vec::new();
        self.exchange(open, &format!("UID SEARCH UID {first}:*"), |answer| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = answer {
                new.extend(uids);
            }
        })
        .await?;
        // `*` is the last mail, also where that one came before.
        new.retain(|uid| *uid >= first && !seen.contains(uid));
        new.sort_unstable_by(|a, b| b.cmp(a));
        new.dedup();
        let is_unfinished = new.len() > MAX_MAILS_PER_LOOK;
        new.truncate(MAX_MAILS_PER_LOOK);
        if new.is_empty() {
            return Ok(Look::Nothing);
        }

        let set: Vec<String> = new.iter().map(u32::to_string).collect();
        let set = set.join(",");
        let fetch = format!("UID FETCH {set} (UID BODY.PEEK[HEADER]<0.{MAX_HEADER_BYTES}>)");
        let mut wanted = Vec::new();
        self.exchange(open, &fetch, |answer| {
            if let Response::Fetch(_, attributes) = answer
                && let Some((uid, header)) = mail::fetched(attributes)
                && new.contains(&uid)
                && mail::is_wanted(header, query)
            {
                wanted.push(uid);
            }
        })
        .await?;
        wanted.sort_unstable_by(|a, b| b.cmp(a));
        for uid in wanted {
            let fetch = format!("UID FETCH {uid} (UID BODY.PEEK[]<0.{LARGEST_MAIL}>)");
            let mut found = None;
            self.exchange(open, &fetch, |answer| {
                if let Response::Fetch(_, attributes) = answer
                    && let Some((number, bytes)) = mail::fetched(attributes)
                    && number == uid
                {
                    found = Mail::parse(bytes);
                }
            })
            .await?;
            if let Some(mail) = found {
                return Ok(Look::Found(mail));
            }
        }
        seen.extend(new);
        Ok(match is_unfinished {
            true => Look::Unfinished,
            false => Look::Nothing,
        })
    }

    /// Opens the folder for reading, or looks at it anew, and gives how far it is filled.
    async fn examine(
        &self,
        session: &mut Session<Box<dyn Wire>>,
    ) -> Result<MailboxPosition, MailError> {
        let examine = format!("EXAMINE {}", folder::quoted(&self.folder)?);
        let (mut uid_validity, mut uid_next, mut mails) = (0, None, 0);
        self.exchange(session, &examine, |answer| match answer {
            Response::Data { outcome, .. } => match outcome.code {
                Some(ResponseCode::UidValidity(number)) => uid_validity = number,
                Some(ResponseCode::UidNext(number)) => uid_next = Some(number),
                _ => {}
            },
            Response::MailboxData(MailboxDatum::Exists(number)) => mails = *number,
            _ => {}
        })
        .await?;
        let uid_next = match uid_next {
            Some(number) => number,
            None if mails == 0 => 1,
            None => self.last_uid(session).await?.saturating_add(1),
        };
        Ok(MailboxPosition {
            uid_validity,
            uid_next,
        })
    }

    /// The highest number in use, for servers of the old protocol, which do not say the next one.
    async fn last_uid(&self, session: &mut Session<Box<dyn Wire>>) -> Result<u32, MailError> {
        let mut last = 0;
        self.exchange(session, "UID FETCH * (UID)", |answer| {
            if let Response::Fetch(_, attributes) = answer {
                last = last.max(mail::uid(attributes).unwrap_or_default());
            }
        })
        .await?;
        Ok(last)
    }

    /// One command, with what the server answers before it says that it is done. The ready
    /// commands of `async_imap` take a connection that breaks, and a search that is refused,
    /// for a search that found nothing: here that would be an outage that is none.
    async fn exchange(
        &self,
        session: &mut Session<Box<dyn Wire>>,
        command: &str,
        mut each: impl FnMut(&Response<'_>),
    ) -> Result<(), MailError> {
        let answered = timeout(self.patience, async {
            let id = session.run_command(command).await?;
            loop {
                let answer = session.read_response().await?;
                match answer.as_ref().map(|answer| answer.parsed()) {
                    None => return Err(Error::ConnectionLost),
                    Some(Response::Done {
                        tag,
                        status,
                        outcome,
                    }) if *tag == id => {
                        let words = outcome
                            .information
                            .as_deref()
                            .unwrap_or("it gives no reason");
                        return match status {
                            Status::Ok => Ok(()),
                            _ => Err(Error::No(words.to_owned())),
                        };
                    }
                    Some(Response::Data {
                        status: Status::Bye,
                        ..
                    }) => return Err(Error::ConnectionLost),
                    Some(other) => each(other),
                }
            }
        });
        match answered.await {
            Ok(answered) => answered.map_err(told),
            Err(_) => Err(self.too_slow()),
        }
    }

    fn too_slow(&self) -> MailError {
        MailError::Unreachable(format!("no answer within {:?}", self.patience))
    }
}

/// The server's own words may be repeated: it does not tell us our password.
fn told(error: Error) -> MailError {
    match error {
        Error::No(words) | Error::Bad(words) => MailError::Refused(words),
        Error::Validate(_) => MailError::Unusable(error.to_string()),
        other => MailError::Unreachable(other.to_string()),
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
