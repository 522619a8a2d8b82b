//! What runs of flows need, and the rehearsal site within the test's own process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use siaga::http_client::HttpClients;
use siaga::pictures::Drawer;
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::{Sandbox, Settings as BrowserSettings, User, shared_folder};
use siaga::probe::error_pages::ErrorPages;
use siaga::probe::mailbox::ImapMailbox;
use siaga::probe::politeness::Politeness;
use siaga::probe::runner::{Target, Tools};
use siaga::rehearsal::{self, Rehearsal, Settings};
use siaga::system::{SystemClock, SystemRandom};

/// A site at this address, seen from the vantage `test`, without secrets and controls.
pub(crate) fn target(site: &str) -> Target {
    Target {
        site: site.parse().expect("an address"),
        hosts: Default::default(),
        private_networks: Vec::new(),
        controls: Vec::new(),
        variables: Default::default(),
        secrets: Default::default(),
        vantage: "test".to_owned(),
        time_zone: jiff::tz::TimeZone::UTC,
    }
}

/// What every run needs: no mailbox, no browsers, no evidence, no known error pages.
pub(crate) fn tools() -> Tools {
    Tools {
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
        applicants: Arc::new(Applicants::new(
            HttpClients::new(Some("https://watch.example/"), &[]).expect("clients"),
        )),
        mailbox: None,
        browsers: None,
        evidence: None,
        drawer: Drawer::new(env!("CARGO_BIN_EXE_siaga")),
        error_pages: Arc::new(ErrorPages::default()),
        readings: Arc::default(),
        politeness: Arc::new(Politeness::default()),
    }
}

/// How browsers are started in a folder of a test's: without their sandbox where there can be none,
/// as the pages are our own.
pub(crate) fn browsers_in(folder: &Path) -> BrowserSettings {
    BrowserSettings {
        sandbox: Sandbox::Preferred,
        ..BrowserSettings::new(folder.join("browsers"), "Siaga/test")
    }
}

/// Where a process of Siaga has its browsers that keeps its data in `data`, and what is temporary
/// in `temporary`.
pub(crate) fn browsers_of(data: &Path, temporary: &Path) -> PathBuf {
    match User::of_browsers() {
        Some(_) => temporary.join(shared_folder().file_name().expect("a name")),
        None => data.join("browsers"),
    }
}

/// Whether a browser that Siaga starts here can have its sandbox.
pub(crate) fn has_sandbox() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| {
        let user = User::of_browsers().map_or(vec![], |User { uid, gid }| {
            vec![
                "setpriv".to_owned(),
                format!("--reuid={uid}"),
                format!("--regid={gid}"),
                "--clear-groups".to_owned(),
            ]
        });
        let words = ["unshare", "--user", "--map-root-user", "true"].map(str::to_owned);
        let words = [user, words.to_vec()].concat();
        let tried = Command::new(&words[0]).args(&words[1..]).output();
        tried.is_ok_and(|out| out.status.success())
    });
    *HAS
}

/// The folder of the flows that come with Siaga.
pub(crate) fn probes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("probes")
}

/// The error pages that come with Siaga.
pub(crate) fn error_pages() -> Arc<ErrorPages> {
    let text = include_str!("../../probes/error-pages.toml");
    Arc::new(ErrorPages::load(text, "error-pages.toml").expect("error pages"))
}

/// Starts a rehearsal site that verifies documents almost at once. Gives it as a target, with
/// its account as secrets, and tools that know its mailbox and our error pages.
pub(crate) async fn rehearsed() -> (Rehearsal, Target, Tools) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let settings = Settings {
        listen: any,
        control_listen: None,
        smtp_listen: any,
        imap_listen: any,
        verify_after: Duration::from_millis(50),
        ..Settings::default()
    };
    let (email, password) = settings.account.clone();
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let rehearsal = rehearsal::start(settings, clock, random)
        .await
        .expect("a rehearsal site");
    let (user, imap) = (email.replace('@', "%40"), rehearsal.imap());
    let mailbox = ImapMailbox::parse(&format!("imap://{user}:{password}@{imap}/"));
    let mailbox = mailbox.expect("a mailbox");
    let mut target = target(&format!("http://{}/", rehearsal.site()));
    target.secrets.insert("PROBE_EMAIL".to_owned(), email);
    target.secrets.insert("PROBE_PASSWORD".to_owned(), password);
    let mut tools = tools();
    tools.mailbox = Some(Arc::new(mailbox.looking_every(Duration::from_millis(100))));
    tools.error_pages = error_pages();
    (rehearsal, target, tools)
}
