//! Where messages go, as the operator configured it. Secrets never show in `Debug`.

use std::fmt;

use url::Url;

use crate::domain::Secret;

/// A place that alerts are sent to.
#[derive(Clone, Debug)]
pub struct Target {
    /// As the outbox names it: `webhook:ops`, `mail:duty@example.org`.
    pub key: String,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of targets.
#[derive(Clone)]
pub enum Kind {
    /// A JSON document is posted to an address.
    Webhook {
        /// `http` or `https`; often holds a secret itself. It comes from the operator's
        /// configuration only, and redirects are not followed.
        url: Url,
        /// What the signature is made with; without it there is none.
        secret: Option<Secret>,
    },
    /// A mail.
    Mail {
        /// One address.
        to: String,
    },
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Webhook { url, .. } => {
                write!(f, "Webhook({}…)", url.host_str().unwrap_or_default())
            }
            Kind::Mail { to } => write!(f, "Mail({})", shown(to)),
        }
    }
}

/// The server that takes our mails.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Its name; certificates are checked against it.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Whom we sign in as.
    pub credentials: Option<Credentials>,
    /// Whom mails come from: `siaga@example.org` or `Siaga <siaga@example.org>`.
    pub from: String,
    /// Certificates (PEM) trusted besides Mozilla's, for a server with a private authority.
    pub extra_roots: Vec<Vec<u8>>,
}

/// How a connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for a server on this machine.
    None,
    /// Plain at first, then TLS; without TLS nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Implicit,
}

/// Name and password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Name.
    pub user: String,
    /// Password.
    pub password: Secret,
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// Neither `http` nor `https`.
    #[error("the address of `{0}` must begin with http:// or https://")]
    Scheme(String),
    /// No address of mail.
    #[error("`{0}` is no mail address; write it as name@example.org")]
    Address(String),
    /// A mail target without a mail server.
    #[error("`{0}` needs a mail server, and none is configured; set the SMTP server")]
    NoServer(String),
    /// A password that would cross the network readably.
    #[error(
        "the SMTP password would cross the network unprotected; use starttls or implicit TLS with `{0}`"
    )]
    OpenPassword(String),
    /// A certificate of the configuration.
    #[error("a certificate trusted for the mail server cannot be read; it must be PEM")]
    Certificate,
    /// Two targets with the same key.
    #[error("two targets are called `{0}`; give each its own name")]
    Twice(String),
}

/// A target's key as it may stand in a log: of a mail address, the first letter and the host.
pub fn shown(key: &str) -> String {
    let (kind, rest) = key.split_once(':').map_or(("", key), |(_, rest)| {
        (&key[..key.len() - rest.len()], rest)
    });
    match rest.rsplit_once('@') {
        Some((name, host)) => {
            let first: String = name.chars().take(1).collect();
            format!("{kind}{first}…@{host}")
        }
        None => key.to_owned(),
    }
}
