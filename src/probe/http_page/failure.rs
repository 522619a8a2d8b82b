//! Which fault a failed exchange is, by the types of its causes.

use std::error::Error;
use std::io;

use rustls::AlertDescription;

use super::Trouble;
use crate::domain::{Fault, Why};
use crate::http_client::InwardName;
use crate::probe::page::NEEDS_CERTIFICATE;

/// The fault behind reqwest's error, and a sentence for operators without the address.
pub(super) fn trouble(error: &reqwest::Error) -> Trouble {
    let site = |fault, message: String| Trouble::Site(fault, message);
    if error.is_builder() {
        return Trouble::Ours(
            Why::Ourselves,
            format!("the request cannot be made: {error}"),
        );
    }
    if let Some(inward) = InwardName::behind(error) {
        return Trouble::Ours(Why::NotConfigured, inward.to_string());
    }
    if is_ours(error) {
        return Trouble::Ours(
            Why::Ourselves,
            format!("no connection can be made: {}", root(error)),
        );
    }
    if error.is_timeout() {
        return site(Fault::Timeout, "no answer in time".to_owned());
    }
    if error.is_dns() {
        return site(
            Fault::Dns,
            format!("the name does not resolve: {}", root(error)),
        );
    }
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        if let rustls::Error::AlertReceived(alert) = tls
            && is_of_our_certificate(*alert)
        {
            let message = format!("{NEEDS_CERTIFICATE} ({tls})");
            return Trouble::Ours(Why::NotConfigured, message);
        }
        return site(Fault::Tls, format!("TLS failed: {tls}"));
    }
    if error.is_connect() {
        return site(Fault::Connect, format!("no connection: {}", root(error)));
    }
    if let Some(http) = causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>()) {
        if http.is_parse() {
            return site(
                Fault::Connect,
                format!("the answer is not HTTP: {}", root(error)),
            );
        }
        return site(
            Fault::Connect,
            format!("the connection broke: {}", root(error)),
        );
    }
    let broke = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| {
            use io::ErrorKind as Kind;
            matches!(
                io.kind(),
                Kind::ConnectionReset
                    | Kind::ConnectionAborted
                    | Kind::BrokenPipe
                    | Kind::UnexpectedEof
            )
        });
    if error.is_decode() && !broke {
        return site(
            Fault::Content,
            format!("the answer is wrongly encoded: {}", root(error)),
        );
    }
    site(
        Fault::Connect,
        format!("the connection broke: {}", root(error)),
    )
}

/// Whether a server that says so found nothing wrong but the certificate that it was shown, or that
/// there was none.
fn is_of_our_certificate(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
    )
}

/// Whether the server broke the connection off while it was still being sent to. A server that
/// closes a connection on which there is something it did not read resets it; one that read
/// everything and then fails closes it in order. `is_cut`: whether not even the connection has
/// taken everything.
pub(super) fn is_reset(error: &reqwest::Error, is_cut: bool) -> bool {
    if error.is_connect() || error.is_timeout() {
        return false;
    }
    let is_reset = causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| {
            matches!(
                io.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            )
        });
    is_cut || is_reset
}

/// Whether a connection ended before anything of an answer came.
pub(super) fn is_unanswered(error: &reqwest::Error) -> bool {
    use io::ErrorKind as Kind;
    causes(error).any(|cause| {
        let http = cause.downcast_ref::<hyper::Error>();
        let io = cause.downcast_ref::<io::Error>();
        http.is_some_and(|http| http.is_incomplete_message() || http.is_canceled())
            || io.is_some_and(|io| {
                matches!(
                    io.kind(),
                    Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe
                )
            })
    })
}

/// Out of sockets or addresses: the monitor's own want, not the site's.
fn is_ours(error: &reqwest::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    causes(error)
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|io| {
            matches!(io.raw_os_error(), Some(EMFILE | ENFILE))
                || io.kind() == io::ErrorKind::AddrNotAvailable
        })
}

/// The error and what caused it. An I/O error's `source` passes over the error that it
/// carries, so that one is looked into.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| {
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match carried {
            Some(carried) => Some(carried as &(dyn Error + 'static)),
            None => (*error).source(),
        }
    })
}

/// What lies at the bottom: the part of the message that says something.
fn root(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map(ToString::to_string)
        .unwrap_or_default()
}
