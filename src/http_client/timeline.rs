//! How long the phases before a request take, seen from the hooks that reqwest and rustls
//! offer: the resolver, the connector, and rustls' store of sessions, which is asked for a
//! hint at the moment of the ClientHello, that is when TCP is up.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use reqwest::dns::{Name, Resolve, Resolving};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue, WebPkiServerVerifier,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, NamedGroup, SignatureScheme};

use super::resolver::{Resolved, Resolver, connectable};
use crate::domain::run::{CertificateExpiry, CertificateRole};
use crate::domain::{Clock, Moment};

/// The phases of the connections of one client, summed since they were last taken.
pub struct Timeline {
    clock: Arc<dyn Clock>,
    so_far: Mutex<SoFar>,
    sent: Mutex<SentCertificates>,
    names: Mutex<KnownNames>,
}

/// The most hosts whose certificates are kept; a run has few.
const MAX_HOSTS: usize = 32;

/// The certificates that servers sent.
#[derive(Default)]
struct SentCertificates {
    /// What each host sent last, its own certificate first, in DER.
    chains: BTreeMap<String, Vec<Vec<u8>>>,
    /// When they expire, of those that were not taken yet.
    expiries: BTreeMap<(String, CertificateRole), Moment>,
}

/// What was learnt of names.
#[derive(Default)]
struct KnownNames {
    addresses: BTreeMap<String, Vec<IpAddr>>,
    notes: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct SoFar {
    phases: ConnectPhases,
    connecting_since: Option<Duration>,
    resolving_since: Option<Duration>,
    resolved_for: Duration,
    hello_at: Option<Duration>,
    certificate_expires_at: Option<Moment>,
    connections: u64,
}

/// How long connecting took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectPhases {
    /// Name resolution.
    pub resolve: Duration,
    /// TCP.
    pub connect: Duration,
    /// TLS.
    pub tls: Duration,
}

impl ConnectPhases {
    /// All of it together.
    pub fn total(&self) -> Duration {
        self.resolve + self.connect + self.tls
    }
}

impl Timeline {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Timeline {
            clock,
            so_far: Mutex::default(),
            sent: Mutex::default(),
            names: Mutex::default(),
        }
    }

    /// The phases since the last call, one that is still going on included, and forgets them.
    pub fn take(&self) -> ConnectPhases {
        self.finish_connecting();
        std::mem::take(&mut self.lock().phases)
    }

    /// How many connections were begun so far.
    pub fn connections(&self) -> u64 {
        self.lock().connections
    }

    /// Forgets everything.
    pub(super) fn forget(&self) {
        *self.lock() = SoFar::default();
        *self.lock_sent() = SentCertificates::default();
        *self.lock_names() = KnownNames::default();
    }

    /// The addresses that a name was resolved to last, the best one first; none where it was not.
    pub fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let known = self.lock_names();
        known.addresses.get(name).cloned().unwrap_or_default()
    }

    /// What operators should know of how names were resolved, since it was last taken.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.lock_names().notes)
    }

    fn resolved(&self, name: &str, found: &Resolved) {
        let mut known = self.lock_names();
        let KnownNames { addresses, notes } = &mut *known;
        addresses.insert(name.to_owned(), found.addresses.clone());
        notes.extend(found.note.clone().filter(|note| !notes.contains(note)));
    }

    fn lock_names(&self) -> MutexGuard<'_, KnownNames> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the first certificate expires of all that servers have shown so far.
    pub fn certificate_expires_at(&self) -> Option<Moment> {
        self.lock().certificate_expires_at
    }

    /// The certificates that each host sent last, its own first, in DER.
    pub fn chains(&self) -> Vec<(String, Vec<Vec<u8>>)> {
        let chains = self.lock_sent().chains.clone();
        chains.into_iter().collect()
    }

    /// When the certificates expire that were sent since the last call: of each host its own, and
    /// the earliest of the others.
    pub fn take_certificates(&self) -> Vec<CertificateExpiry> {
        let expiries = std::mem::take(&mut self.lock_sent().expiries);
        let expiries = expiries.into_iter();
        expiries
            .map(|((host, certificate), expires_at)| CertificateExpiry {
                host,
                certificate,
                expires_at,
            })
            .collect()
    }

    fn lock_sent(&self) -> MutexGuard<'_, SentCertificates> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_connecting(&self) {
        let now = self.clock.monotonic();
        let mut so_far = self.lock();
        so_far.connections += 1;
        so_far.connecting_since = Some(now);
        so_far.resolved_for = Duration::ZERO;
        so_far.hello_at = None;
    }

    fn finish_connecting(&self) {
        self.finish_resolving();
        let mut so_far = self.lock();
        let Some(since) = so_far.connecting_since.take() else {
            return;
        };
        let now = self.clock.monotonic();
        let hello = so_far.hello_at.take().unwrap_or(now);
        let before_hello = hello.saturating_sub(since);
        let resolved = so_far.resolved_for;
        so_far.phases.resolve += resolved;
        so_far.phases.connect += before_hello.saturating_sub(resolved);
        so_far.phases.tls += now.saturating_sub(hello);
    }

    fn start_resolving(&self) {
        let now = self.clock.monotonic();
        self.lock().resolving_since = Some(now);
    }

    fn finish_resolving(&self) {
        let mut so_far = self.lock();
        if let Some(since) = so_far.resolving_since.take() {
            so_far.resolved_for += self.clock.monotonic().saturating_sub(since);
        }
    }

    fn hello(&self) {
        let now = self.clock.monotonic();
        self.lock().hello_at = Some(now);
    }

    fn saw_certificates(
        &self,
        host: &str,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
    ) {
        let of_own = expiry(own);
        let of_others = others.iter().filter_map(|der| expiry(der)).min();
        self.keep_certificates(host, std::iter::once(own).chain(others));
        self.note_expiry(host, CertificateRole::Leaf, of_own);
        self.note_expiry(host, CertificateRole::Chain, of_others);
        let earliest = of_own.into_iter().chain(of_others).min();
        let mut so_far = self.lock();
        so_far.certificate_expires_at = match (so_far.certificate_expires_at, earliest) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }

    fn keep_certificates<'c>(
        &self,
        host: &str,
        chain: impl Iterator<Item = &'c CertificateDer<'c>>,
    ) {
        let mut sent = self.lock_sent();
        if sent.chains.len() < MAX_HOSTS || sent.chains.contains_key(host) {
            let chain = chain.map(|der| der.to_vec()).collect();
            sent.chains.insert(host.to_owned(), chain);
        }
    }

    /// Servers of one name may send different ones: the earliest counts.
    fn note_expiry(&self, host: &str, role: CertificateRole, expires_at: Option<Moment>) {
        let Some(expires_at) = expires_at else { return };
        let expiries = &mut self.lock_sent().expiries;
        let key = (host.to_owned(), role);
        if expiries.len() < 2 * MAX_HOSTS || expiries.contains_key(&key) {
            let known = expiries.entry(key).or_insert(expires_at);
            *known = expires_at.min(*known);
        }
    }

    pub(super) fn watch_names(self: &Arc<Self>, resolver: Resolver) -> Arc<impl Resolve + 'static> {
        Arc::new(Names(Arc::clone(self), resolver))
    }

    pub(super) fn watch_hello(self: &Arc<Self>) -> Arc<impl ClientSessionStore + 'static> {
        Arc::new(Hello(Arc::clone(self)))
    }

    pub(super) fn watch_certificates(
        self: &Arc<Self>,
        inner: &Arc<WebPkiServerVerifier>,
    ) -> Arc<dyn ServerCertVerifier> {
        Arc::new(Certificates {
            inner: Arc::clone(inner),
            timeline: Arc::clone(self),
        })
    }
}

fn expiry(der: &[u8]) -> Option<Moment> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    Some(Moment(seconds.saturating_mul(1000)))
}

struct Names(Arc<Timeline>, Resolver);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let (timeline, resolver) = (Arc::clone(&self.0), self.1.clone());
        Box::pin(async move {
            timeline.start_resolving();
            let found = resolver.lookup(name.as_str()).await;
            timeline.finish_resolving();
            if let Ok(found) = &found {
                timeline.resolved(name.as_str(), found);
            }
            connectable(found.map(|found| found.addresses))
        })
    }
}

/// Remembers no session; what matters is when it is asked.
struct Hello(Arc<Timeline>);

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hello")
    }
}

impl ClientSessionStore for Hello {
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.hello();
        None
    }
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}
    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Notes when certificates expire, also of those that are refused; the judgement is the
/// inner verifier's.
struct Certificates {
    inner: Arc<WebPkiServerVerifier>,
    timeline: Arc<Timeline>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certificates")
    }
}

impl ServerCertVerifier for Certificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.timeline
            .saw_certificates(&server_name.to_str(), end_entity, intermediates);
        self.inner
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A layer around reqwest's connector that notes when connecting begins and ends.
#[derive(Clone)]
pub(super) struct Connecting {
    timeline: Arc<Timeline>,
}

impl Connecting {
    pub(super) fn new(timeline: Arc<Timeline>) -> Self {
        Connecting { timeline }
    }
}

impl<S> tower::Layer<S> for Connecting {
    type Service = Connector<S>;
    fn layer(&self, inner: S) -> Connector<S> {
        Connector {
            inner,
            timeline: Arc::clone(&self.timeline),
        }
    }
}

/// A connector whose connections are timed.
#[derive(Clone)]
pub(super) struct Connector<S> {
    inner: S,
    timeline: Arc<Timeline>,
}

impl<S, Target> tower::Service<Target> for Connector<S>
where
    S: tower::Service<Target>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let timeline = Arc::clone(&self.timeline);
        timeline.start_connecting();
        let connecting = self.inner.call(target);
        Box::pin(async move {
            let connected = connecting.await;
            timeline.finish_connecting();
            connected
        })
    }
}
