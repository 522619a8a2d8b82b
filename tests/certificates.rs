//! Certificates as servers send them: the own one and the others, of every host on the way.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use siaga::domain::run::CertificateRole::{self, Chain, Leaf};
use siaga::domain::{Clock as _, Outcome};
use siaga::evidence::EvidenceStore;
use siaga::http_client::HttpClients;
use siaga::probe::applicants::Applicants;
use siaga::probe::runner::{Occasion, run_flow};
use siaga::system::SystemClock;
use siaga::telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::folder;
use crate::harness::probing::{target, tools};
use crate::http_engine::server::{page, redirect};

/// An authority, one below it (40 days), a certificate by that for `localhost` (20 days), and one by
/// the first for 127.0.0.1 (5 days).
fn certificates(folder: &Path) {
    let script = "set -e; cd \"$1\"
        new() { openssl req -newkey rsa:2048 -nodes -subj \"/CN=$1\" -keyout $1.key -out $1.csr; }
        openssl req -x509 -newkey rsa:2048 -nodes -days 100 -subj /CN=Root -keyout root.key -out root.pem
        new below
        printf 'basicConstraints=critical,CA:TRUE\\n' > of-authority
        openssl x509 -req -in below.csr -CA root.pem -CAkey root.key -CAcreateserial -days 40 \\
            -extfile of-authority -out below.pem
        new first
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > of-first
        openssl x509 -req -in first.csr -CA below.pem -CAkey below.key -CAcreateserial -days 20 \\
            -extfile of-first -out first.pem
        cat below.pem >> first.pem
        new second
        printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > of-second
        openssl x509 -req -in second.csr -CA root.pem -CAkey root.key -CAcreateserial -days 5 \\
            -extfile of-second -out second.pem";
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

/// Answers every request over TLS with this, sending the certificates of `name`; gives its port.
async fn serve(folder: &Path, name: &str, answer: impl Fn() -> String + Send + 'static) -> u16 {
    let file = |kind: &str| folder.join(format!("{name}.{kind}"));
    let chain = CertificateDer::pem_file_iter(file("pem")).unwrap();
    let chain: Vec<_> = chain.map(|der| der.unwrap()).collect();
    let key = PrivateKeyDer::from_pem_file(file("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer().as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn the_own_certificate_and_the_others_are_told_apart_on_every_host() {
    let folder = folder();
    certificates(folder.path());
    let second = serve(folder.path(), "second", || page("<p>Masuk")).await;
    let to = format!("https://127.0.0.1:{second}/");
    let first = serve(folder.path(), "first", move || redirect(&to)).await;
    let mut tools = tools();
    let root = std::fs::read(folder.path().join("root.pem")).unwrap();
    let clients = HttpClients::new(None, &[root]).unwrap();
    tools.applicants = Arc::new(Applicants::new(clients));
    let store = EvidenceStore::open(folder.path().join("evidence")).unwrap();
    tools.evidence = Some(store.clone());
    let mut target = target(&format!("https://localhost:{first}/"));
    target.hosts.insert(format!("127.0.0.1:{second}"));
    target.private_networks = vec!["127.0.0.0/8".parse().unwrap()];
    let metrics = Metrics::new().unwrap();
    for (text, outcome) in [("Masuk", "passed"), ("Keluar", "failed")] {
        let flow = crate::conformance::flow(&format!(
            "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/\"\nexpect = {{ text = \"{text}\" }}"
        ));
        let occasion = Occasion {
            turn: 0,
            stop: None,
            on_step: &mut |_| {},
        };
        let report = run_flow(&flow, &target, &tools, occasion).await;
        assert_eq!(report.outcome.as_str(), outcome, "{report:#?}");
        let step = &report.steps[0];
        let now = SystemClock.now();
        let found: Vec<(&str, CertificateRole, u64)> = step
            .certificates
            .iter()
            .map(|one| {
                let left = one.expires_at.since(now).as_secs() + 3600;
                (one.host.as_str(), one.certificate, left / 86_400)
            })
            .collect();
        let expected = [
            ("127.0.0.1", Leaf, 5),
            ("localhost", Leaf, 20),
            ("localhost", Chain, 40),
        ];
        assert_eq!(found, expected);
        let earliest = step.certificates.iter().map(|one| one.expires_at).min();
        assert_eq!(step.certificate_expires_at, earliest);
        assert_eq!(step.notes.len(), 1, "{:?}", step.notes);
        assert!(step.notes[0].starts_with("the certificate of `127.0.0.1` expires at "));
        metrics.observe_run(&report);
        if report.outcome == Outcome::Passed {
            continue;
        }
        // The evidence has what each of them sent.
        let kept = step.evidence.iter().find(|one| one.kind == "certificates");
        let bytes = store.read(&kept.unwrap().sha256).await.unwrap().unwrap();
        let text = String::from_utf8(bytes).unwrap();
        for part in [
            "sent by 127.0.0.1",
            "sent by localhost",
            "CN=below",
            "CN=second",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }
    let text = metrics.render();
    for (host, certificate) in [
        ("localhost", "leaf"),
        ("localhost", "chain"),
        ("127.0.0.1", "leaf"),
    ] {
        let labels = format!(
            r#"siaga_certificate_expiry_timestamp_seconds{{certificate="{certificate}",engine="http",flow="f",host="{host}""#
        );
        assert!(text.contains(&labels), "{labels} in\n{text}");
    }
    assert_eq!(text.matches("probe_ssl_earliest_cert_expiry{").count(), 1);
}
