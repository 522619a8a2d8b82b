//! Alerts to people: one mail a message, in plain text.
//!
//! Its Message-ID follows from what the message is, so it is the same at every try, and
//! all mails on one outage, or on one machine's disk, refer to the same thread.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::backoff::Failure;
use super::notice::Notice;
use super::target::{Mistake, Smtp, Tls};
use crate::domain::Moment;

/// The mail is taken; nobody waits long for a good-bye.
const FAREWELL_WITHIN: Duration = Duration::from_secs(2);

/// The mail server, ready to be called.
pub(super) struct Mailer {
    server: String,
    port: u16,
    tls: Tls,
    parameters: TlsParameters,
    credentials: Option<Credentials>,
    from: Mailbox,
    hello: ClientId,
    /// For the connection and the greetings.
    connect_within: Duration,
}

impl Mailer {
    pub(super) fn new(settings: &Smtp, connect_within: Duration) -> Result<Self, Mistake> {
        let on_this_machine = matches!(settings.server.as_str(), "localhost" | "127.0.0.1" | "::1");
        if settings.tls == Tls::None && settings.credentials.is_some() && !on_this_machine {
            return Err(Mistake::OpenPassword(settings.server.clone()));
        }
        let mut parameters = TlsParameters::builder(settings.server.clone());
        for pem in &settings.extra_roots {
            let certificate = Certificate::from_pem(pem).map_err(|_| Mistake::Certificate)?;
            parameters = parameters.add_root_certificate(certificate);
        }
        Ok(Mailer {
            server: settings.server.clone(),
            port: settings.port,
            tls: settings.tls,
            parameters: parameters
                .build_rustls()
                .map_err(|_| Mistake::Certificate)?,
            credentials: settings.credentials.as_ref().map(|credentials| {
                Credentials::new(
                    credentials.user.clone(),
                    credentials.password.reveal().to_owned(),
                )
            }),
            from: mailbox(&settings.from)?,
            hello: ClientId::default(),
            connect_within,
        })
    }

    /// Sends a message. The caller bounds the time of the whole.
    pub(super) async fn send(
        &self,
        to: &Mailbox,
        notice: &Notice,
        now: Moment,
    ) -> Result<(), Failure> {
        let mail = mail(&self.from, to, notice, now).map_err(|e| Failure::late(e.to_string()))?;
        // A connection that failed is dropped: after a TLS handshake that failed, lettre has
        // no stream left to say farewell on, and panics.
        let mut connection = self.connect().await?;
        self.hand_over(&mut connection, mail.envelope(), &mail.formatted())
            .await?;
        // The server has taken the mail: a farewell that fails must not send it twice.
        let _ = timeout(FAREWELL_WITHIN, connection.quit()).await;
        Ok(())
    }

    /// Connects and exchanges greetings. lettre's own limit covers the connection only, not
    /// a server that says nothing after it.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let implicit = (self.tls == Tls::Implicit).then(|| self.parameters.clone());
        let connect = AsyncSmtpConnection::connect_tokio1(
            (self.server.as_str(), self.port),
            Some(self.connect_within),
            &self.hello,
            implicit,
            None,
        );
        match timeout(self.connect_within, connect).await {
            Ok(connected) => connected.map_err(|error| why(&error)),
            Err(_) => Err(Failure::soon("the mail server did not greet in time")),
        }
    }

    async fn hand_over(
        &self,
        connection: &mut AsyncSmtpConnection,
        envelope: &Envelope,
        mail: &[u8],
    ) -> Result<(), Failure> {
        if self.tls == Tls::Starttls {
            if !connection.can_starttls() {
                return Err(Failure::late("the mail server offers no STARTTLS"));
            }
            connection
                .starttls(self.parameters.clone(), &self.hello)
                .await
                .map_err(|error| why(&error))?;
        }
        if let Some(credentials) = &self.credentials {
            connection
                .auth(DEFAULT_MECHANISMS, credentials)
                .await
                .map_err(|error| why(&error))?;
        }
        connection
            .send(envelope, mail)
            .await
            .map_err(|error| why(&error))?;
        Ok(())
    }
}

/// A mail address, with a name or without.
pub(super) fn mailbox(text: &str) -> Result<Mailbox, Mistake> {
    text.parse().map_err(|_| Mistake::Address(text.to_owned()))
}

/// What is told of an error: its class and the server's code. The server's own words may
/// repeat the address, so they stay out.
fn why(error: &smtp::Error) -> Failure {
    if let Some(code) = error.status() {
        let reason = format!("the mail server answered {code}");
        return if error.is_permanent() {
            Failure::late(reason)
        } else {
            Failure::soon(reason)
        };
    }
    if is_tls(error) {
        return Failure::late("TLS with the mail server failed");
    }
    if error.is_timeout() {
        return Failure::soon("the mail server did not answer in time");
    }
    if error.is_client() {
        return Failure::late("the mail server takes none of our ways to sign in or to send");
    }
    Failure::soon("no connection to the mail server, or it broke")
}

/// Whether TLS failed; where it is spoken from the first byte, lettre calls that a failed
/// connection.
fn is_tls(error: &smtp::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = error.source();
    }
    error.is_tls()
}

/// The mail of a message, as it is sent at `now`.
pub(super) fn mail(
    from: &Mailbox,
    to: &Mailbox,
    notice: &Notice,
    now: Moment,
) -> Result<Message, lettre::error::Error> {
    let host = from.email.domain();
    let digest = HEXLOWER.encode(&Sha256::digest(notice.once_key().as_bytes()));
    let id = format!("<{}.siaga@{host}>", &digest[..32]);
    let (kind, common) = notice.thread();
    let digest = HEXLOWER.encode(&Sha256::digest(common.as_bytes()));
    let thread = format!("<{kind}-{}.siaga@{host}>", &digest[..32]);
    let since_1970 = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
    Message::builder()
        .from(from.clone())
        .to(to.clone())
        .subject(notice.headline())
        .date(SystemTime::UNIX_EPOCH + since_1970)
        .message_id(Some(id))
        .references(thread.clone())
        .in_reply_to(thread)
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN)
        .body(notice.text(now))
}

/// `Auto-Submitted: auto-generated` (RFC 3834): nobody's holiday notice answers it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }
    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }
    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
