//! The classes of failure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What kind of failure a step met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The host's name did not resolve.
    Dns,
    /// No connection, or the connection broke.
    Connect,
    /// The TLS handshake or the certificate failed.
    Tls,
    /// No complete answer within the time limit.
    Timeout,
    /// A status code other than the expected one.
    Status,
    /// A known error page, whatever its status code.
    ErrorPage,
    /// An answer whose content is not what was expected.
    Content,
    /// A document within the site's stated limits was refused.
    UploadRefused,
    /// Signed out in the middle of the flow.
    SessionLost,
    /// The awaited mail did not arrive in time.
    MailMissing,
    /// A script of the page threw or failed to load.
    Script,
    /// A captcha wall where none is expected.
    Captcha,
}

impl Fault {
    /// Every fault, in the order in which they are declared.
    pub const ALL: [Fault; 12] = [
        Fault::Dns,
        Fault::Connect,
        Fault::Tls,
        Fault::Timeout,
        Fault::Status,
        Fault::ErrorPage,
        Fault::Content,
        Fault::UploadRefused,
        Fault::SessionLost,
        Fault::MailMissing,
        Fault::Script,
        Fault::Captcha,
    ];

    /// The name used in files, databases, metrics and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Dns => "dns",
            Fault::Connect => "connect",
            Fault::Tls => "tls",
            Fault::Timeout => "timeout",
            Fault::Status => "status",
            Fault::ErrorPage => "error_page",
            Fault::Content => "content",
            Fault::UploadRefused => "upload_refused",
            Fault::SessionLost => "session_lost",
            Fault::MailMissing => "mail_missing",
            Fault::Script => "script",
            Fault::Captcha => "captcha",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Fault {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Fault::ALL
            .into_iter()
            .find(|fault| fault.as_str() == text)
            .ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// A text that is not one of the words expected here.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is not a known word here")]
pub struct UnknownWord(pub String);
