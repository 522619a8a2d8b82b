//! Owns: waiting for a mail in an IMAP mailbox. It only looks: nothing is marked or moved.
//! Must not know: flows, and what the mail is good for.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_imap::error::Error;
use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, Status};
use async_imap::{Client, Session};
use mail_parser::{Message, MessageParser};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::domain::Moment;

/// What mail is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailQuery {
    /// The address that the mail went to, whole; case does not count.
    pub to: String,
    /// What its subject contains; case does not count. Empty: any subject.
    pub subject: String,
    /// It arrived no earlier. Mailboxes count in whole seconds, so the second that this
    /// lies in still counts.
    pub since: Moment,
}

/// A mail that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Its subject.
    pub subject: String,
    /// The sender's address.
    pub from: String,
    /// The address that was asked for.
    pub to: String,
    /// Its text; where it has only HTML, the text of that.
    pub text: String,
    /// When the mailbox took it in, to the second.
    pub received_at: Moment,
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
/// How many of the newest mails are looked at.
const NEWEST: usize = 50;

/// A mailbox on an IMAP server. Its `Debug` shows no password.
#[derive(Clone)]
pub struct ImapMailbox {
    host: Host<String>,
    port: u16,
    tls: Option<TlsConnector>,
    user: String,
    password: String,
    folder: String,
    every: Duration,
    patience: Duration,
}

impl fmt::Debug for ImapMailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "imaps" } else { "imap" };
        let ImapMailbox {
            host, port, folder, ..
        } = self;
        write!(f, "{scheme}://…@{host}:{port}/{folder}")
    }
}

impl ImapMailbox {
    /// Reads `imaps://user:password@host[:port]/[folder]`. `imap://` goes unencrypted, and so
    /// only to this machine, unless `?plain=1` insists. `?ca=FILE` trusts the certificates of
    /// a PEM file in place of the public ones. No message repeats the password.
    pub fn parse(url: &str) -> Result<Self, MailError> {
        let wrong = |what: &str| MailError::Unusable(format!("the mailbox's address {what}"));
        let url = Url::parse(url)
            .map_err(|e| wrong(&format!("is none ({e}): imaps://user:password@host/")))?;
        // Only of the web's own schemes does `url` read hosts as numbers.
        let host = match url.host_str().map(Host::parse) {
            Some(Ok(host)) => host,
            _ => return Err(wrong("has no host")),
        };
        let (mut plain, mut ca) = (false, None);
        for (key, value) in url.query_pairs() {
            match (&*key, &*value) {
                ("plain", "1") => plain = true,
                ("ca", file) => ca = Some(file.to_owned()),
                _ => return Err(wrong(&format!("has an unknown option `{key}`"))),
            }
        }
        let local = match &host {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(ip) => IpAddr::from(*ip).is_loopback(),
            Host::Ipv6(ip) => IpAddr::from(*ip).is_loopback(),
        };
        let (tls, usual_port) = match url.scheme() {
            "imaps" => (Some(connector(ca.as_deref())?), 993),
            "imap" if local || plain => (None, 143),
            "imap" => return Err(wrong("is not encrypted: write imaps://, or add ?plain=1")),
            _ => {
                return Err(wrong(
                    "must begin with imaps:// (or imap:// to this machine)",
                ));
            }
        };
        let text = |part: &str| percent_decoded(part).ok_or_else(|| wrong("is not valid UTF-8"));
        let user = text(url.username())?;
        let password = text(url.password().unwrap_or_default())?;
        if user.is_empty() || password.is_empty() {
            return Err(wrong("has no user or no password"));
        }
        let folder = text(url.path().trim_start_matches('/'))?;
        Ok(ImapMailbox {
            host,
            port: url.port().unwrap_or(usual_port),
            tls,
            user,
            password,
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

    /// Waits for a mail, looking again and again, and once more when the time is over. A
    /// lost connection is made anew; a refused sign-in is final, lest the account be locked.
    ///
    /// Ends at the latest one look after the deadline.
    pub async fn wait_for(&self, query: &MailQuery, deadline: Duration) -> Result<Mail, MailError> {
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
            match looked {
                Ok(Some(mail)) => return Ok(mail),
                Err(error @ (MailError::Refused(_) | MailError::Unusable(_))) => return Err(error),
                Err(error) if last => return Err(error),
                Ok(None) if last => {
                    return Err(MailError::Missing {
                        subject: query.subject.clone(),
                        waited: deadline,
                    });
                }
                Err(_) => session = None,
                Ok(None) => {}
            }
            tokio::select! {
                () = &mut over => last = true,
                () = sleep(self.every) => {}
            }
        }
    }

    /// One look: through the newest mails that could be the one and were not looked at before.
    async fn look(
        &self,
        session: &mut Option<Session<Box<dyn Wire>>>,
        query: &MailQuery,
        seen: &mut HashSet<u32>,
    ) -> Result<Option<Mail>, MailError> {
        let criteria = criteria(query)?;
        let open = match session {
            Some(open) => open,
            None => session.insert(self.sign_in().await?),
        };
        let examine = format!("EXAMINE {}", quoted(&self.folder)?);
        self.exchange(open, &examine, |_| {}).await?;
        let mut found: Vec<u32> = Vec::new();
        self.exchange(open, &format!("UID SEARCH {criteria}"), |answer| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = answer {
                found.extend(uids);
            }
        })
        .await?;
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.truncate(NEWEST);
        found.retain(|uid| !seen.contains(uid));

        for uid in found {
            let mut mail = None;
            let fetch = format!("UID FETCH {uid} (INTERNALDATE BODY.PEEK[]<0.{LARGEST_MAIL}>)");
            self.exchange(open, &fetch, |answer| {
                if let Response::Fetch(_, attributes) = answer {
                    mail = mail.take().or_else(|| matching(attributes, query));
                }
            })
            .await?;
            if mail.is_some() {
                return Ok(mail);
            }
            seen.insert(uid);
        }
        Ok(None)
    }

    async fn sign_in(&self) -> Result<Session<Box<dyn Wire>>, MailError> {
        let unreachable = |error: std::io::Error| MailError::Unreachable(error.to_string());
        let host = self.host.to_string();
        let address = (host.trim_matches(['[', ']']), self.port);
        let tcp = timeout(self.patience, TcpStream::connect(address))
            .await
            .map_err(|_| self.too_slow())?
            .map_err(unreachable)?;
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(address.0.to_owned())
                    .map_err(|e| MailError::Unusable(e.to_string()))?;
                let tls = timeout(self.patience, tls.connect(name, tcp))
                    .await
                    .map_err(|_| self.too_slow())?
                    .map_err(unreachable)?;
                Box::new(tls)
            }
        };
        let mut client = Client::new(wire);
        timeout(self.patience, client.read_response())
            .await
            .map_err(|_| self.too_slow())?
            .map_err(unreachable)?
            .ok_or_else(|| MailError::Unreachable("it hangs up at once".to_owned()))?;
        let signed_in = timeout(self.patience, client.login(&self.user, &self.password))
            .await
            .map_err(|_| self.too_slow())?;
        signed_in.map_err(|(error, _)| match error {
            Error::No(_) => {
                MailError::Refused("it does not take this user and password".to_owned())
            }
            error => told(error),
        })
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

trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

/// What the server is asked for: a rough choice, since it knows days only, in a zone of its
/// own, and may read subjects otherwise than we do.
fn criteria(query: &MailQuery) -> Result<String, MailError> {
    let to = &query.to;
    let searchable = to.contains('@')
        && to.len() <= 254
        && to
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\'));
    if !searchable {
        return Err(MailError::Unusable(format!(
            "`{to}` is not an e-mail address that can be searched for"
        )));
    }
    const DAY: Duration = Duration::from_secs(86_400);
    let day = (query.since - DAY).timestamp().strftime("%d-%b-%Y");
    Ok(format!(
        "SINCE {day} OR TO \"{to}\" OR CC \"{to}\" HEADER \"Delivered-To\" \"{to}\""
    ))
}

fn quoted(folder: &str) -> Result<String, MailError> {
    if folder
        .bytes()
        .any(|b| b.is_ascii_control() || !b.is_ascii())
    {
        return Err(MailError::Unusable(
            "the mailbox's folder has characters other than ASCII".to_owned(),
        ));
    }
    let escaped = folder.replace('\\', "\\\\").replace('"', "\\\"");
    Ok(format!("\"{escaped}\""))
}

/// The mail that the server sent, if it is the one.
fn matching(attributes: &[AttributeValue<'_>], query: &MailQuery) -> Option<Mail> {
    let received_at = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::InternalDate(date) => {
            jiff::Timestamp::strptime("%d-%b-%Y %H:%M:%S %z", date.trim()).ok()
        }
        _ => None,
    });
    let bytes = attributes.iter().find_map(|attribute| match attribute {
        AttributeValue::BodySection {
            data: Some(data), ..
        } => Some(data),
        _ => None,
    });
    let (received_at, bytes) = (Moment::from(received_at?), bytes?);
    if received_at.0 < query.since.0 - query.since.0.rem_euclid(1000) {
        return None;
    }
    let message = MessageParser::default().parse(bytes)?;
    let subject = message.subject().unwrap_or_default();
    if !subject
        .to_lowercase()
        .contains(&query.subject.to_lowercase())
        || !addressed_to(&message, &query.to)
    {
        return None;
    }
    let from = message.from().and_then(|from| from.first());
    Some(Mail {
        subject: subject.to_owned(),
        from: from
            .and_then(|from| from.address())
            .unwrap_or_default()
            .to_owned(),
        to: query.to.clone(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        received_at,
    })
}

fn addressed_to(message: &Message<'_>, to: &str) -> bool {
    let named = [message.to(), message.cc()]
        .into_iter()
        .flatten()
        .flat_map(|list| list.iter())
        .filter_map(|address| address.address())
        .any(|address| address.eq_ignore_ascii_case(to));
    named
        || message.header_raw("Delivered-To").is_some_and(|address| {
            address
                .trim()
                .trim_matches(['<', '>'])
                .eq_ignore_ascii_case(to)
        })
}

fn connector(ca: Option<&str>) -> Result<TlsConnector, MailError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let unusable = |error: String| MailError::Unusable(format!("{file}: {error}"));
            for certificate in
                CertificateDer::pem_file_iter(file).map_err(|e| unusable(e.to_string()))?
            {
                let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|e| unusable(e.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| MailError::Unusable(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
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
