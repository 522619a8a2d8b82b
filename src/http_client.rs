//! The one place where HTTP clients are built.
//!
//! Owns trust in certificates, which addresses a name may lead to, the limits that hold for every
//! client, and the measuring of what happens before a request is sent: name resolution, TCP, TLS,
//! certificates. Must not know what the clients are used for.
#![allow(
    clippy::disallowed_methods,
    reason = "this is where reqwest's builder is wrapped"
)]

mod asked_certificate;
mod cookies;
mod families;
mod name_servers;
mod proxy;
mod resolver;
mod timeline;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use url::Url;

pub use cookies::Cookies;
pub use families::Families;
pub use proxy::{Proxy, ProxyFinding};
pub use resolver::{InwardName, LookupError, Resolved, Resolver, is_localhost, is_this_host};
use timeline::Connecting;
pub use timeline::{ConnectPhases, Timeline};

use crate::domain::{Clock, Network};

/// The longest that a call to others waits for a connection.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The most header lines of a site's answer. Browsers count bytes only, 256 KiB of them; so do we
/// beside this (hyper's own bound of a head, some 400 KiB).
const MAX_HEADERS: usize = 1000;

/// Why a client cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A certificate of the configuration.
    #[error("not a certificate in PEM: {0}")]
    Certificate(String),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// Anything else.
    #[error("an HTTP client cannot be built: {0}")]
    Client(#[from] reqwest::Error),
}

/// A client for one run, and what can be seen of it from outside.
pub struct Applicant {
    /// The client.
    pub client: reqwest::Client,
    /// When what happened on its connections.
    pub timeline: Arc<Timeline>,
    /// Its cookies.
    pub cookies: Arc<Cookies>,
    /// What becomes of its connections.
    pub connections: Connections,
    /// What was found of hosts' families of addresses.
    pub families: Arc<Families>,
}

impl Applicant {
    /// Forgets everything that it met.
    pub fn forget(&self) {
        self.cookies.forget();
        self.timeline.forget();
    }
}

/// What becomes of a client's connections when a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connections {
    /// One to each host is kept for the next request.
    Kept,
    /// They are closed.
    Closed,
}

/// What clients are built from: trusted roots, read once, and how we call ourselves.
#[derive(Clone, Debug)]
pub struct HttpClients {
    base: ClientConfig,
    verifier: Arc<WebPkiServerVerifier>,
    user_agent: String,
    resolver: Resolver,
    proxy: Option<Proxy>,
    /// What runs show to a server that asks who they are.
    certificate: Option<Arc<SingleCertAndKey>>,
}

impl HttpClients {
    /// Trusts Mozilla's roots, and `extra_roots` (PEM) besides. `contact` is where the owner
    /// of a visited site learns who we are: an address of the web or of mail.
    pub fn new(contact: Option<&str>, extra_roots: &[Vec<u8>]) -> Result<Self, ClientError> {
        let mut roots = RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for pem in extra_roots {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| ClientError::Certificate(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| ClientError::Certificate(error.to_string()))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| ClientError::Tls(error.to_string()))?;
        let base = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| ClientError::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
            .with_no_client_auth();
        let version = env!("CARGO_PKG_VERSION");
        let user_agent = match contact {
            Some(contact) => format!("Siaga/{version} (+{contact})"),
            None => format!("Siaga/{version}"),
        };
        Ok(HttpClients {
            base,
            verifier,
            user_agent,
            resolver: Resolver::default(),
            proxy: None,
            certificate: None,
        })
    }

    /// The same, with names that may lead to addresses of these networks although they are not
    /// public.
    #[must_use]
    pub fn allowing(self, networks: &[Network]) -> Self {
        HttpClients {
            resolver: self.resolver.allowing(networks),
            ..self
        }
    }

    /// The same, asking these resolvers in their order in place of the system's, where there are
    /// any.
    #[must_use]
    pub fn resolving_by(self, servers: &[SocketAddr]) -> Self {
        HttpClients {
            resolver: self.resolver.asking(servers),
            ..self
        }
    }

    /// The same, with runs going through a proxy, which then resolves names and connects.
    #[must_use]
    pub fn through(self, proxy: Option<Proxy>) -> Self {
        let name = proxy.as_ref().map(|proxy| proxy.host().to_owned());
        HttpClients {
            resolver: self.resolver.trusting(name),
            proxy,
            ..self
        }
    }

    /// The same, with runs showing this certificate (PEM, with its chain) to a server that asks for
    /// one; `key` is its private key in PEM.
    ///
    /// # Errors
    /// If they cannot be read, or do not belong together.
    pub fn showing(self, chain: &[u8], key: &[u8]) -> Result<Self, ClientError> {
        let wrong = |error: &dyn std::fmt::Display| ClientError::Certificate(error.to_string());
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
        let chain = chain.map_err(|error| wrong(&error))?;
        if chain.is_empty() {
            return Err(wrong(&"there is none"));
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(&error))?;
        let certified = CertifiedKey::from_der(chain, key, self.base.crypto_provider());
        let certified = certified.map_err(|error| wrong(&error))?;
        Ok(HttpClients {
            certificate: Some(Arc::new(certified.into())),
            ..self
        })
    }

    /// Whether the server of an address on https asks its visitors for a certificate, as far as can
    /// be seen. It is shown none.
    pub async fn is_asked_for_certificate(&self, url: &Url) -> bool {
        asked_certificate::is_asked_for(self.base.clone(), &self.resolver, url).await
    }

    /// The proxy that runs go through.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Whether runs have a certificate to show.
    pub fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// What the clients resolve names with.
    pub fn resolver(&self) -> &Resolver {
        &self.resolver
    }

    /// What the clients call themselves.
    pub fn user_agent(&self) -> &str {
        &self.user_agent
    }

    /// A client for calls to others (webhooks and the like): no cookies, no redirects, no proxy,
    /// and a limit on the whole of each exchange.
    pub fn plain(&self, timeout: Duration) -> Result<reqwest::Client, ClientError> {
        self.plain_through(timeout, None)
    }

    /// The same, through a proxy.
    pub fn plain_through(
        &self,
        timeout: Duration,
        proxy: Option<&Proxy>,
    ) -> Result<reqwest::Client, ClientError> {
        let name = proxy.map(|proxy| proxy.host().to_owned());
        let resolver = self.resolver.clone().trusting(name);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.base.clone())
            .user_agent(&self.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            // One of the environment's would resolve names itself, unasked.
            .no_proxy()
            .dns_resolver(Arc::new(resolver))
            .connect_timeout(timeout.min(CONNECT_WITHIN))
            .timeout(timeout);
        let client = match proxy {
            Some(proxy) => client.proxy(reqwest::Proxy::all(proxy.url().clone())?),
            None => client,
        };
        Ok(client.build()?)
    }

    /// A client for one run of a flow: cookies and connections of its own, no redirects, no proxy
    /// but the configured one, and the time of every phase in the returned timeline. Cheap: roots and
    /// settings are shared. Limits of time are the caller's.
    pub fn applicant(
        &self,
        clock: Arc<dyn Clock>,
        connections: Connections,
    ) -> Result<Applicant, ClientError> {
        let timeline = Arc::new(Timeline::new(clock));
        let cookies = Arc::new(Cookies::default());
        let mut tls = self.base.clone();
        tls.dangerous()
            .set_certificate_verifier(timeline.watch_certificates(&self.verifier));
        // A run begins like an applicant's first visit, so no session is ever resumed.
        tls.resumption = Resumption::store(timeline.watch_hello());
        if let Some(certificate) = &self.certificate {
            tls.client_auth_cert_resolver = Arc::clone(certificate) as _;
        }
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(&self.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .cookie_provider(Arc::clone(&cookies))
            .http1_only()
            // What is not as the standard has it is passed over, as browsers do.
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
            .pool_max_idle_per_host(match connections {
                Connections::Kept => 1,
                Connections::Closed => 0,
            })
            // A run is short; a task that looks for idle connections would cost more than they.
            .pool_idle_timeout(None)
            .tcp_keepalive(None)
            .dns_resolver(timeline.watch_names(self.resolver.clone()))
            .connector_layer(Connecting::new(Arc::clone(&timeline)));
        let client = match &self.proxy {
            Some(proxy) => client.proxy(reqwest::Proxy::all(proxy.url().clone())?),
            None => client,
        };
        Ok(Applicant {
            client: client.build()?,
            timeline,
            cookies,
            connections,
            families: Arc::clone(self.resolver.families()),
        })
    }
}
