//! Whether a server asks its visitors for a certificate: browsers that have none do not always tell.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::client::ResolvesClientCert;
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::Url;

use super::resolver::Resolver;

/// How long a server may take until TLS is up.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Shows nothing, and notes that it was asked.
#[derive(Default)]
struct Asked(AtomicBool);

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.store(true, Ordering::Relaxed);
        None
    }
    fn has_certs(&self) -> bool {
        true
    }
}

/// Whether the server of an address on https asks for a certificate, as far as can be seen. One
/// whose own certificate does not hold is broken whatever it asks for.
pub(super) async fn is_asked_for(mut tls: ClientConfig, resolver: &Resolver, url: &Url) -> bool {
    let asked = Arc::new(Asked::default());
    tls.client_auth_cert_resolver = Arc::clone(&asked) as _;
    let shaking = async {
        let (host, port) = (url.host_str()?, url.port_or_known_default()?);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let address = match bare.parse() {
            Ok(address) => address,
            Err(_) => *resolver.lookup(bare).await.ok()?.addresses.first()?,
        };
        let stream = TcpStream::connect((address, port)).await.ok()?;
        let name = ServerName::try_from(bare.to_owned()).ok()?;
        let connector = TlsConnector::from(Arc::new(tls));
        Some(connector.connect(name, stream).await.map(drop))
    };
    let is_broken = match timeout(HANDSHAKE_TIMEOUT, shaking).await {
        Ok(Some(Err(error))) => {
            let tls = error.get_ref().and_then(|error| error.downcast_ref());
            matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
        }
        _ => false,
    };
    !is_broken && asked.0.load(Ordering::Relaxed)
}
