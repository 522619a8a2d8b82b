//! The whole service with browsers: beside HTTP, broken again and again, and killed.

use std::time::Duration;

use siaga::cli::validate::judge;
use siaga::config::{Config, Environment, WebDriver};
use siaga::domain::outage::{Rules, State, Watch};
use siaga::domain::{Engine, Outcome, Why};
use siaga::probe::browser::key_hashes;
use siaga::toml_reader::Source;

use super::{folders, inhabitants};
use crate::harness::processes::{SOON, Setup, Siaga, Site};
use crate::harness::{FAILED, at, component, eventually, observation};

const BOTH: (&str, &str) = (
    "home",
    r#"
name = "Home page"
every = { http = "1s", browser = "1s" }
timeout = "10s"
[[step]]
name = "Home page"
component = "website"
visit = "/"
expect = { status = 200, text = "Perpanjang izin tinggal" }
"#,
);

/// The sum of the metric's lines that contain all of these.
async fn metric(siaga: &Siaga, name: &str, of: &[&str]) -> f64 {
    let text = siaga.page("/metrics").await;
    let lines = text
        .lines()
        .filter(|line| line.starts_with(name) && of.iter().all(|part| line.contains(part)));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

async fn until(siaga: &Siaga, name: &str, of: &[&str], least: f64) {
    eventually(&format!("{name}{of:?} is {least}"), 2 * SOON, || async {
        metric(siaga, name, of).await >= least
    })
    .await;
}

const BROWSER: &str = "engine=\"browser\"";
const PASSED: &str = "outcome=\"passed\"";
const INCONCLUSIVE: &str = "outcome=\"inconclusive\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_that_break_again_and_again_open_no_outage() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[BOTH]);
    let browsers = setup.browsers();
    let mut siaga = setup.run().await;
    until(&siaga, "siaga_runs_total", &[BROWSER, PASSED], 1.0).await;
    assert!((metric(&siaga, "probe_success", &[BROWSER]).await - 1.0).abs() < 0.1);
    assert!(metric(&siaga, "siaga_browser_starts_total", &[]).await >= 1.0);
    // Drivers and browsers fall as they come.
    let falling = async {
        loop {
            for one in inhabitants(&browsers) {
                if one.is_driver() || one.is_browser() {
                    let _ = std::process::Command::new("kill")
                        .args(["-KILL", &one.id.to_string()])
                        .stderr(std::process::Stdio::null())
                        .status();
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = falling => {}
        () = until(&siaga, "siaga_runs_total", &[BROWSER, INCONCLUSIVE], 4.0) => {}
    }
    assert_eq!(siaga.state("website").await, "operational");
    let passed = metric(&siaga, "siaga_runs_total", &[BROWSER, PASSED]).await;
    until(&siaga, "siaga_runs_total", &[BROWSER, PASSED], passed + 1.0).await;
    assert_eq!(siaga.state("website").await, "operational");
    assert!(siaga.outages("website").await.is_empty());

    // Killed with its browsers under way, and started again.
    eventually("one is under way", SOON, || async {
        inhabitants(&browsers).len() > 3
    })
    .await;
    siaga.process.kill();
    assert!(!folders(&browsers).is_empty());
    let mut siaga = setup.run().await;
    assert!(
        siaga.process.log().contains("are cleared away"),
        "{}",
        siaga.process.log()
    );
    until(&siaga, "siaga_runs_total", &[BROWSER, PASSED], 1.0).await;
    assert!(siaga.outages("website").await.is_empty());
    siaga.process.stop().await;
    eventually("nobody is left", SOON, || async {
        inhabitants(&browsers).is_empty()
    })
    .await;
    assert_eq!(folders(&browsers), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_driver_browser_runs_are_not_configured_and_the_rest_goes_on() {
    let site = Site::start().await;
    for (driver, said) in [("", "no `webdriver`"), ("nodriver", "is not installed")] {
        let setup = Setup::of(&site)
            .flows(&[BOTH])
            .and(&format!("[browser]\nwebdriver = \"{driver}\"\n"));
        let mut siaga = setup.run().await;
        until(&siaga, "siaga_runs_total", &[BROWSER, INCONCLUSIVE], 2.0).await;
        siaga.until("website", "operational", SOON).await;
        assert!(siaga.outages("website").await.is_empty());
        assert_eq!(siaga.process.log().matches(said).count(), 1);
        siaga.process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_find_no_place_are_counted() {
    let site = Site::start().await;
    let setup = Setup::of(&site)
        .flows(&[BOTH])
        .and("[browser]\nfree_memory = \"900GB\"\n");
    let mut siaga = setup.run().await;
    until(
        &siaga,
        "siaga_browser_runs_skipped_total",
        &["reason=\"memory\""],
        2.0,
    )
    .await;
    siaga.until("website", "operational", SOON).await;
    siaga.process.stop().await;
}

// ---- rules and configuration --------------------------------------------------------------------

#[test]
fn a_browser_that_says_nothing_changes_nothing_of_what_http_says() {
    let rules = Rules::default();
    let mut watch = Watch::new(component("upload"));
    for minute in 0..60 {
        let http = observation(at(minute * 60), Outcome::Passed);
        assert!(watch.see(&http, &[], &rules).is_empty());
        for why in [Why::Ourselves, Why::NotConfigured, Why::CutOff] {
            let mut browser = observation(at(minute * 60 + 1), Outcome::Inconclusive(why));
            browser.engine = Engine::Browser;
            assert!(watch.see(&browser, &[], &rules).is_empty());
        }
        let state = watch.state(at(minute * 60 + 5), &[], &rules).0;
        assert_eq!(state, State::Operational);
    }
    assert!(watch.open().is_none());
}

#[test]
fn the_word_of_a_browser_holds_as_long_as_its_own_interval_says() {
    let key = |engine| ("extension".to_owned(), engine);
    let rules = Rules {
        fresh_for: [
            (key(Engine::Http), Duration::from_secs(180)),
            (key(Engine::Browser), Duration::from_secs(1800)),
        ]
        .into(),
        ..Rules::default()
    };
    let mut watch = Watch::new(component("upload"));
    let fail = |watch: &mut Watch, seconds| {
        let mut failed = observation(at(seconds), FAILED);
        failed.engine = Engine::Browser;
        watch.see(&failed, &[], &rules)
    };
    assert!(fail(&mut watch, 0).is_empty());
    assert_eq!(fail(&mut watch, 10).len(), 1, "an outage of the front end");
    // HTTP passes meanwhile: it does not meet what is broken.
    for minute in 1..25 {
        let http = observation(at(minute * 60), Outcome::Passed);
        assert!(watch.see(&http, &[], &rules).is_empty(), "minute {minute}");
    }
    assert!(watch.open().is_some());
}

fn config(browser: &str) -> Result<Config, String> {
    let text = format!(
        "[site]\nname = {{ id = \"a\", en = \"b\" }}\nurl = \"https://a.example/\"\n\
         [probe]\ncontact = \"a@b.example\"\n[browser]\n{browser}\n"
    );
    let none: [(&str, &str); 0] = [];
    Config::read(
        &Source::new("siaga.toml", text),
        &none.into_iter().collect::<Environment>(),
    )
    .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

#[test]
fn drivers_are_named_by_name_path_or_address() {
    let webdriver = |text: &str| {
        config(&format!("webdriver = \"{text}\""))
            .unwrap()
            .browser
            .webdriver
    };
    assert_eq!(webdriver(""), None);
    for name in ["chromedriver", "/opt/geckodriver"] {
        assert_eq!(webdriver(name), Some(WebDriver::Own(name.into())));
    }
    for address in [
        "http://grid:4444",
        "http://grid:4444/",
        "https://grid/wd/hub",
    ] {
        let Some(WebDriver::Remote(url)) = webdriver(address) else {
            panic!("{address}");
        };
        assert_eq!(
            url.as_str().trim_end_matches('/'),
            address.trim_end_matches('/')
        );
        assert!(url.path().ends_with('/'));
    }
    for (wrong, says) in [
        ("webdriver = \"ftp://grid/\"", "the address of one"),
        (
            "webdriver = \"http://a:b@grid/\"",
            "a password does not belong",
        ),
        ("slots = 0", "`slots`"),
        ("slots = 1000", "from 1 to 64"),
        ("patience = \"1ms\"", "at least"),
        ("sandbox = \"no\"", "sandbox"),
        ("slot = 2", "did you mean `slots`?"),
    ] {
        let told = config(wrong).unwrap_err();
        assert!(told.contains(says), "{told}");
    }
}

#[test]
fn a_driver_that_is_missing_is_noted_beforehand() {
    let home = crate::harness::folder();
    let write = |name: &str, text: &str| std::fs::write(home.path().join(name), text).unwrap();
    std::fs::create_dir(home.path().join("probes")).unwrap();
    write("probes/home.toml", BOTH.1);
    for (driver, notes) in [("nodriver", 1), ("", 0), ("chromedriver", 0)] {
        let text = format!(
            "[site]\nname = {{ id = \"a\", en = \"b\" }}\nurl = \"https://a.example/\"\n\
             [probe]\ncontact = \"a@b.example\"\n[browser]\nwebdriver = \"{driver}\"\n"
        );
        write("siaga.toml", &text);
        let none: [(&str, &str); 0] = [];
        let verdict = judge(&[], home.path(), &none.into_iter().collect());
        assert!(verdict.problems.is_empty(), "{:#?}", verdict.problems);
        assert_eq!(verdict.notes.len(), notes, "{:?}", verdict.notes);
        let mut printed = Vec::new();
        verdict.print(&mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        assert_eq!(printed.contains("note: nodriver: the driver"), notes == 1);
    }
}

#[test]
fn trusted_certificates_become_hashes_of_their_keys() {
    let pem = std::fs::read("tests/tls/server.pem").unwrap();
    let out = std::process::Command::new("sh")
        .args([
            "-c",
            "openssl x509 -in tests/tls/server.pem -pubkey -noout | \
             openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64",
        ])
        .output()
        .unwrap();
    let theirs = String::from_utf8(out.stdout).unwrap();
    assert_eq!(key_hashes(&pem)[0], theirs.trim());
    assert!(key_hashes(b"no certificate").is_empty());
}
