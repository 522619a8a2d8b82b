//! Debian's aiosmtpd as a process, stopped with the value.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A mail that the server took.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Taken {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) data: String,
    pub(super) tls: bool,
    pub(super) user: Option<String>,
}

impl Taken {
    /// The mail as a mail program reads it.
    pub(super) fn read(&self) -> mail_parser::Message<'_> {
        mail_parser::MessageParser::default()
            .parse(self.data.as_bytes())
            .expect("a mail that can be read")
    }
}

pub(super) struct MailServer {
    pub(super) port: u16,
    taken: Arc<Mutex<Vec<Taken>>>,
    /// Killed when dropped.
    _process: Child,
}

impl MailServer {
    /// Without TLS and without sign-in.
    pub(super) async fn plain() -> MailServer {
        MailServer::start(&["none"]).await
    }

    /// With TLS by the certificate in `folder` (see [`certificate`]) and a sign-in.
    pub(super) async fn protected(mode: &str, folder: &Path, login: [&str; 2]) -> MailServer {
        let file = |name: &str| folder.join(name).display().to_string();
        let (cert, key) = (file("cert.pem"), file("key.pem"));
        MailServer::start(&[mode, &cert, &key, login[0], login[1]]).await
    }

    async fn start(arguments: &[&str]) -> MailServer {
        // Debian's own Python, for which the package is installed.
        let mut process = Command::new("/usr/bin/python3")
            .args(["-W", "ignore", "-c", include_str!("smtp.py")])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("/usr/bin/python3 starts");
        let output = process.stdout.take().expect("its output");
        let mut lines = BufReader::new(output).lines();
        let port = lines
            .next_line()
            .await
            .expect("its output")
            .expect("aiosmtpd starts; is python3-aiosmtpd installed?")
            .parse()
            .expect("its port");
        let taken = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&taken);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let mail: Taken = serde_json::from_str(&line).expect("a mail in JSON");
                list.lock().expect("nobody panics here").push(mail);
            }
        });
        MailServer {
            port,
            taken,
            _process: process,
        }
    }

    /// The mails taken until now.
    pub(super) fn taken(&self) -> Vec<Taken> {
        self.taken.lock().expect("nobody panics here").clone()
    }
}

/// Makes a certificate for 127.0.0.1 that signs itself, in `folder`; gives it in PEM.
pub(super) fn certificate(folder: &Path) -> Vec<u8> {
    let status = std::process::Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args("-subj /CN=siaga-test -addext subjectAltName=IP:127.0.0.1".split(' '))
        .args("-addext basicConstraints=critical,CA:FALSE -keyout key.pem -out cert.pem".split(' '))
        .current_dir(folder)
        .stderr(Stdio::null())
        .status()
        .expect("openssl starts");
    assert!(status.success(), "openssl makes a certificate");
    std::fs::read(folder.join("cert.pem")).expect("the certificate")
}
