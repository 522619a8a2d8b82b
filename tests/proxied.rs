//! Flows behind a proxy, and sites that ask for a client certificate.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};
use siaga::domain::Engine;
use siaga::http_client::{HttpClients, Proxy};
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::{Browsers, key_hashes};
use siaga::probe::runner::{Occasion, run_flow, run_in_browser};
use siaga::system::SystemRandom;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::folder;
use crate::harness::probing::{browsers_in, target, tools};
use crate::http_engine::server::{answer, page, plain, secure};

const CA: &[u8] = include_bytes!("tls/ca.pem");
const CERTIFICATE: &[u8] = include_bytes!("tls/server.pem");
const KEY: &[u8] = include_bytes!("tls/server.key");
const ENGINES: [Engine; 2] = [Engine::Http, Engine::Browser];

/// A proxy to which every name is this machine; it ends with the test's runtime.
struct TestProxy {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TestProxy {
    /// `refusal` is what it answers instead of leading anywhere; none: it leads.
    async fn start(refusal: Option<&'static str>) -> TestProxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                tokio::spawn(async move {
                    let _ = lead(stream, refusal, &noted).await;
                });
            }
        });
        TestProxy { url, asked }
    }

    fn proxy(&self) -> Proxy {
        Proxy::new(self.url.parse().unwrap())
    }

    /// The hosts and ports that it was asked for.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn lead(
    mut stream: TcpStream,
    refusal: Option<&str>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, to) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let (place, path) = match method {
        "CONNECT" => (to, String::new()),
        _ => {
            let rest = to.strip_prefix("http://").ok_or(ErrorKind::InvalidInput)?;
            let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
            (place, format!("/{path}"))
        }
    };
    asked.lock().unwrap().push(place.to_owned());
    if let Some(refusal) = refusal {
        return stream.write_all(answer(refusal, "", "no").as_bytes()).await;
    }
    let port: u16 = place
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse().ok())
        .unwrap_or(80);
    let Ok(mut site) = TcpStream::connect(("127.0.0.1", port)).await else {
        return stream
            .write_all(answer("502 Bad Gateway", "", "").as_bytes())
            .await;
    };
    if method == "CONNECT" {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        let head = head.replacen(to, &path, 1);
        site.write_all(head.as_bytes()).await?;
    }
    copy_bidirectional(&mut stream, &mut site).await.map(drop)
}

/// Runs one step against a site on an engine, with these clients.
async fn run(engine: Engine, site: &str, clients: HttpClients) -> (String, String) {
    let (folder, mut tools) = (folder(), tools());
    tools.applicants = Arc::new(Applicants::new(clients));
    if engine == Engine::Browser {
        let mut settings = browsers_in(folder.path());
        settings.trusted_keys = key_hashes(CERTIFICATE);
        tools.browsers = Some(Browsers::open(settings, Arc::new(SystemRandom)).unwrap());
    }
    let flow = crate::conformance::flow(
        "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/\"\nexpect = { text = \"Masuk\" }",
    );
    let target = target(site);
    let occasion = Occasion {
        turn: 0,
        stop: None,
        on_step: &mut |_| {},
    };
    let report = match engine {
        Engine::Http => run_flow(&flow, &target, &tools, occasion).await,
        Engine::Browser => run_in_browser(&flow, &target, &tools, occasion).await,
    };
    let message = report.steps[0].message.clone().unwrap_or_default();
    let detail = report.outcome.detail().unwrap_or_default();
    (format!("{} {detail}", report.outcome.as_str()), message)
}

fn clients() -> HttpClients {
    HttpClients::new(None, &[CA.to_vec()]).unwrap()
}

fn port_of(url: &str) -> u16 {
    let url: url::Url = url.parse().unwrap();
    url.port().unwrap()
}

const PAGE: &str = "<p>Masuk</p><img src='http://stranger.example/x'><iframe src='https://stranger.example/'></iframe>\
    <script>fetch('http://127.0.0.1:9/');fetch('http://site.example:9/')</script>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_leads_to_the_flows_hosts_and_nowhere_else() {
    let in_clear = plain(|_| page(PAGE)).await;
    let with_tls = secure(|_| page(PAGE)).await;
    for (scheme, port) in [
        ("http", port_of(&in_clear.url)),
        ("https", port_of(&with_tls.url)),
    ] {
        for engine in ENGINES {
            // The certificate is `localhost`'s, which browsers never take to a proxy.
            let name = match (scheme, engine) {
                ("https", Engine::Http) => "localhost",
                _ => "site.example",
            };
            let proxy = TestProxy::start(None).await;
            let site = format!("{scheme}://{name}:{port}/");
            let (outcome, message) =
                run(engine, &site, clients().through(Some(proxy.proxy()))).await;
            assert_eq!(outcome, "passed ", "{site} {engine}: {message}");
            let place = format!("{name}:{port}");
            let asked = proxy.asked();
            assert!(!asked.is_empty(), "{site} {engine}");
            assert!(
                asked.iter().all(|asked| *asked == place),
                "{engine}: {asked:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_at_the_proxy_is_none_of_the_sites() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let nowhere = || Proxy::new(nowhere.parse().unwrap());
    for engine in ENGINES {
        for site in ["http://site.example/", "https://site.example/"] {
            let (outcome, message) = run(engine, site, clients().through(Some(nowhere()))).await;
            assert_eq!(
                outcome, "inconclusive ourselves",
                "{site} {engine}: {message}"
            );
            assert!(message.contains("the proxy cannot be reached"), "{message}");
        }
        for (refusal, wanted, words) in [
            ("403 Forbidden", "inconclusive not_configured", "status 403"),
            (
                "407 Proxy Authentication Required",
                "inconclusive not_configured",
                "status 407",
            ),
            ("503 Service Unavailable", "failed connect", "status 503"),
        ] {
            let proxy = TestProxy::start(Some(refusal)).await;
            let clients = clients().through(Some(proxy.proxy()));
            let (outcome, message) = run(engine, "https://site.example/", clients).await;
            assert_eq!(outcome, wanted, "{refusal} {engine}: {message}");
            assert!(message.contains(words), "{message}");
        }
        // Without TLS a proxy's answer is all that there is.
        let proxy = TestProxy::start(None).await;
        let clients = clients().through(Some(proxy.proxy()));
        let site = format!("http://site.example:{}/", nowhere().port());
        let (outcome, message) = run(engine, &site, clients).await;
        assert_eq!(outcome, "failed status", "{engine}: {message}");
    }
}

#[tokio::test]
async fn webhooks_go_through_a_proxy_of_their_own() {
    let receiver = plain(|_| answer("204 No Content", "", "")).await;
    let proxy = TestProxy::start(None).await;
    // Of a name that would not resolve.
    let url = format!("http://hooks.example:{}/x", port_of(&receiver.url));
    let within = Duration::from_secs(5);
    let own = proxy.proxy();
    let client = clients().plain_through(within, Some(&own)).unwrap();
    let sent = client.post(&url).body("x").send().await.unwrap();
    assert_eq!(sent.status(), 204);
    assert_eq!(proxy.asked().len(), 1);
    let refused = clients().plain(within).unwrap().post(&url).send().await;
    assert!(refused.is_err());
    assert_eq!(proxy.asked().len(), 1);
}

/// Takes any certificate, and none for an answer.
#[derive(Debug)]
struct Any(Arc<rustls::crypto::CryptoProvider>);

impl ClientCertVerifier for Any {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A site that asks who its visitors are; gives its address.
async fn asking_site() -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
    let key = PrivateKeyDer::from_pem_slice(KEY).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(Arc::new(Any(provider)))
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://127.0.0.1:{}/",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut bytes = [0; 4096];
                if stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(page("<p>Masuk").as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_that_asks_for_a_certificate_gets_it_over_plain_http() {
    let site = asking_site().await;
    let shows = clients().showing(CERTIFICATE, KEY).unwrap();
    let (outcome, message) = run(Engine::Http, &site, shows.clone()).await;
    assert_eq!(outcome, "passed ", "{message}");
    // Who has none says so, and accuses nobody.
    for (engine, clients) in [(Engine::Http, clients()), (Engine::Browser, shows)] {
        let (outcome, message) = run(engine, &site, clients).await;
        assert_eq!(
            outcome, "inconclusive not_configured",
            "{engine}: {message}"
        );
        assert!(
            message.contains("asks for a client certificate"),
            "{message}"
        );
    }
    // A server whose own certificate does not hold is broken, whatever it asks for.
    let site: url::Url = site.parse().unwrap();
    assert!(clients().is_asked_for_certificate(&site).await);
    let trusts_nobody = HttpClients::new(None, &[]).unwrap();
    assert!(!trusts_nobody.is_asked_for_certificate(&site).await);
    let nginx = plain(|_| {
        let says = "<h1>400 Bad Request</h1>No required SSL certificate was sent";
        answer("400 Bad Request", "Content-Type: text/html\r\n", says)
    })
    .await;
    let (outcome, message) = run(Engine::Http, &nginx.url, clients()).await;
    assert_eq!(outcome, "inconclusive not_configured", "{message}");
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    for (chain, key) in [
        (&b""[..], KEY),
        (CERTIFICATE, &b"x"[..]),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            KEY,
        ),
        (CA, KEY),
    ] {
        let error = clients().showing(chain, key).expect_err("it is refused");
        assert!(!error.to_string().contains("BEGIN"), "{error}");
    }
}
