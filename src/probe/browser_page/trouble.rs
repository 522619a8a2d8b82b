//! What a browser's complaint says of the site.

use crate::domain::{Fault, Why};
use crate::probe::browser::CommandError;
use crate::probe::page::{NEEDS_CERTIFICATE, Trouble};

impl From<CommandError> for Trouble {
    /// The fault behind a command that failed, or that it is ours.
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Lost(message) | CommandError::Crashed(message) => {
                Trouble::Ours(Why::Ourselves, message)
            }
            CommandError::Busy(_) => Trouble::Site(
                Fault::Timeout,
                "the page does not answer in time: it does not come, or a script of it keeps it \
                 busy"
                    .to_owned(),
            ),
            CommandError::Prompt => Trouble::Site(Fault::Script, error.to_string()),
            CommandError::Element(message) => Trouble::Site(Fault::Content, message),
            CommandError::Refused(message) => refused(&message),
        }
    }
}

/// Chromium names what failed below HTTP as `net::ERR_…`; Firefox as `about:neterror?e=…`.
fn refused(message: &str) -> Trouble {
    let code = message
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .find(|word| word.starts_with("ERR_"))
        .unwrap_or_default();
    let site = |fault, what: &str| Trouble::Site(fault, format!("{what} ({code})"));
    match code {
        "" => Trouble::Ours(Why::Ourselves, format!("the browser refuses: {message}")),
        "ERR_NAME_NOT_RESOLVED"
        | "ERR_NAME_RESOLUTION_FAILED"
        | "ERR_DNS_TIMED_OUT"
        | "ERR_DNS_SERVER_FAILED"
        | "ERR_DNS_MALFORMED_RESPONSE" => site(Fault::Dns, "the name does not resolve"),
        // The proxy that nothing without TLS comes past.
        "ERR_PROXY_CONNECTION_FAILED" => site(
            Fault::Tls,
            "the site leads from https to an address in clear",
        ),
        "ERR_BAD_SSL_CLIENT_AUTH_CERT" | "ERR_SSL_CLIENT_AUTH_CERT_NEEDED" => {
            Trouble::Ours(Why::NotConfigured, format!("{NEEDS_CERTIFICATE} ({code})"))
        }
        "ERR_TIMED_OUT" | "ERR_CONNECTION_TIMED_OUT" => site(Fault::Timeout, "no answer in time"),
        "ERR_TOO_MANY_REDIRECTS" => site(Fault::Status, "there are too many redirects"),
        "ERR_INSUFFICIENT_RESOURCES"
        | "ERR_OUT_OF_MEMORY"
        | "ERR_NO_BUFFER_SPACE"
        | "ERR_FILE_NO_SPACE"
        | "ERR_NETWORK_CHANGED"
        | "ERR_INTERNET_DISCONNECTED" => {
            Trouble::Ours(Why::Ourselves, format!("the browser fails: {code}"))
        }
        // A download has no page to show.
        "ERR_ABORTED" => site(
            Fault::Content,
            "the address leads to a download or is given up, and not to a page",
        ),
        "ERR_INVALID_RESPONSE"
        | "ERR_CONTENT_DECODING_FAILED"
        | "ERR_UNSAFE_REDIRECT"
        | "ERR_INVALID_REDIRECT"
        | "ERR_BLOCKED_BY_RESPONSE" => {
            site(Fault::Content, "the answer is not one that can be shown")
        }
        code if code.starts_with("ERR_CERT_")
            || code.starts_with("ERR_SSL_")
            || code.starts_with("ERR_BAD_SSL_") =>
        {
            site(Fault::Tls, "TLS failed")
        }
        "ERR_CONNECTION_RESET"
        | "ERR_EMPTY_RESPONSE"
        | "ERR_CONNECTION_CLOSED"
        | "ERR_INCOMPLETE_CHUNKED_ENCODING"
        | "ERR_CONTENT_LENGTH_MISMATCH"
        | "ERR_HTTP2_PROTOCOL_ERROR" => site(Fault::Connect, "the connection broke"),
        _ => site(Fault::Connect, "no connection"),
    }
}
