//! A mailbox that takes access tokens, in a real Dovecot that asks a real HTTP server what they are
//! worth.

use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use siaga::domain::Secret;
use siaga::http_client::HttpClients;
use siaga::probe::mailbox::{AccessTokens, ImapMailbox, MailError, TokenSettings};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;
use tokio::sync::Notify;

use super::{Dovecot, LONG, notice, query};
use crate::harness::{NOON, TestClock};
use crate::http_engine::server::{Server, answer, plain, raw};

const REFRESH: &str = "refresh-not-for-logs";
const CLIENT_SECRET: &str = "client-not-for-logs";

/// What the provider does.
#[derive(Default)]
struct Provider {
    /// Tokens given out so far: `access-1`, `access-2` …
    given: u32,
    /// Tokens up to this one are worth nothing any more.
    revoked: u32,
    /// What it says in place of a token.
    refuses: Option<(&'static str, &'static str)>,
    /// The bodies of the requests for tokens.
    asked: Vec<String>,
    /// Whether it gives another refresh token with each access token.
    rotates: bool,
}

type Shared = Arc<Mutex<Provider>>;

async fn provider() -> (Server, Shared) {
    let shared = Shared::default();
    let state = Arc::clone(&shared);
    let server = plain(move |request| {
        let mut state = state.lock().unwrap();
        let json = "Content-Type: application/json\r\n";
        if let Some((_, token)) = request.path().split_once("token=access-") {
            let number = token.split('&').next().unwrap_or_default();
            let is_active = number.parse::<u32>().is_ok_and(|n| n > state.revoked);
            let body = format!(r#"{{"active":"{is_active}","email":"probe@example.org"}}"#);
            return answer("200 OK", json, &body);
        }
        state.asked.push(request.text());
        if let Some((status, body)) = state.refuses {
            return answer(status, json, body);
        }
        state.given += 1;
        let n = state.given;
        let refresh = match state.rotates {
            true => format!(r#","refresh_token":"refresh-{n}-not-for-logs""#),
            false => String::new(),
        };
        let body = format!(
            r#"{{"access_token":"access-{n}","token_type":"Bearer","expires_in":3600{refresh}}}"#
        );
        answer("200 OK", json, &body)
    })
    .await;
    (server, shared)
}

/// A Dovecot that takes the provider's tokens and nothing else.
fn dovecot(provider: &Server) -> Dovecot {
    let url = provider.url.clone();
    Dovecot::checking(move |folder| {
        let file = folder.join("oauth2.conf.ext");
        let settings = format!(
            "introspection_url = {url}introspect?token=\nintrospection_mode = get\n\
             username_attribute = email\nactive_attribute = active\nactive_value = true\n"
        );
        fs::write(&file, settings).unwrap();
        format!(
            "auth_mechanisms = xoauth2\nauth_failure_delay = 0 secs\npassdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {}\n}}\n",
            file.display()
        )
    })
}

fn mailbox(dovecot: &Dovecot, token_url: &str, clock: &TestClock) -> ImapMailbox {
    let settings = TokenSettings {
        url: token_url.parse().unwrap(),
        client_id: "siaga".to_owned(),
        client_secret: Some(Secret::new(CLIENT_SECRET)),
        refresh_token: Secret::new(REFRESH),
    };
    let clients = HttpClients::new(None, &[]).unwrap();
    let http = clients.plain(Duration::from_secs(1)).unwrap();
    let tokens = AccessTokens::new(settings, http, clock.shared());
    let url = format!("imap://probe%40example.org@127.0.0.1:{}/", dovecot.plain);
    ImapMailbox::parse_without_password(&url)
        .unwrap()
        .with_tokens(Arc::new(tokens))
        .looking_every(Duration::from_millis(100))
        .with_patience(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_opens_the_mailbox_and_is_fetched_anew_in_time() {
    let (server, provider) = provider().await;
    let clock = TestClock::at(NOON);
    let dovecot = dovecot(&server);
    let mailbox = mailbox(&dovecot, &server.url, &clock);
    let before = mailbox.position().await;
    let before = before.unwrap_or_else(|error| panic!("{error}: {}", dovecot.log()));
    dovecot.deliver(
        "1",
        &notice("probe+a1@example.org", "Kode billing", "111"),
        NOON,
    );
    let mail = mailbox.wait_for(&query(before), LONG).await;
    assert!(mail.is_ok(), "{mail:?} {}", dovecot.log());
    let given = || provider.lock().unwrap().given;
    assert_eq!(given(), 1, "one token serves until it expires");
    let asked = provider.lock().unwrap().asked.remove(0);
    assert_eq!(
        asked,
        format!(
            "grant_type=refresh_token&refresh_token={REFRESH}&client_id=siaga&client_secret={CLIENT_SECRET}"
        )
    );
    // A minute before it expires it is old.
    clock.advance(Duration::from_secs(3539));
    mailbox.position().await.unwrap();
    assert_eq!(given(), 1);
    clock.advance(Duration::from_secs(2));
    mailbox.position().await.unwrap();
    assert_eq!(given(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_is_replaced_once() {
    let (server, provider) = provider().await;
    provider.lock().unwrap().rotates = true;
    let dovecot = dovecot(&server);
    let mailbox = mailbox(&dovecot, &server.url, &TestClock::at(NOON));
    mailbox.position().await.unwrap();
    provider.lock().unwrap().revoked = 1;
    let position = mailbox.position().await;
    assert!(position.is_ok(), "{position:?} {}", dovecot.log());
    {
        let mut provider = provider.lock().unwrap();
        assert_eq!(provider.given, 2);
        // The second was asked for with what came along with the first.
        assert!(provider.asked[1].contains("refresh_token=refresh-1-not-for-logs&"));
        provider.revoked = 1000;
    }
    let error = mailbox.position().await.unwrap_err();
    assert_eq!(
        error,
        MailError::Refused("it does not take this user's token".to_owned())
    );
    assert_eq!(
        provider.lock().unwrap().given,
        3,
        "one more, and no further one"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_endpoint_that_fails_is_ours_and_tells_no_secret() {
    let (server, provider) = provider().await;
    let dovecot = dovecot(&server);
    let refuse = |what| provider.lock().unwrap().refuses = what;
    for (what, words) in [
        (
            ("400 Bad Request", r#"{"error":"invalid_grant"}"#),
            "says invalid_grant",
        ),
        (("500 Oops", "<h1>no"), "answers with status 500"),
        (("200 OK", "{}"), "holds no token"),
        (("302 Found", ""), "answers with status 302"),
        // Its own words are not repeated: they might be ours.
        (
            (
                "400 Bad Request",
                r#"{"error":"refresh-not-for-logs is old"}"#,
            ),
            "answers with status 400",
        ),
    ] {
        refuse(Some(what));
        let mailbox = mailbox(&dovecot, &server.url, &TestClock::at(NOON));
        let error = mailbox.position().await.unwrap_err();
        assert!(error.to_string().contains(words), "{what:?}: {error}");
        let waited = mailbox
            .wait_for(&query(super::beginning(1)), super::SHORT)
            .await;
        let error = waited.unwrap_err();
        assert!(!error.is_missing(), "{error}");
        for text in [error.to_string(), format!("{mailbox:?} {error:?}")] {
            assert!(!text.contains("not-for-logs"), "{text}");
        }
    }
    // It hangs, or is not there.
    let hanging = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [&hanging, &closed].map(|at| format!("http://{}/", at.local_addr().unwrap()));
    drop(closed);
    for (url, words) in addresses
        .iter()
        .zip(["does not answer in time", "cannot be reached"])
    {
        let mailbox = mailbox(&dovecot, url, &TestClock::at(NOON));
        let error = mailbox.position().await.unwrap_err();
        assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn an_address_has_a_password_or_is_for_tokens() {
    assert!(ImapMailbox::parse("imaps://me@mail.example.org/").is_err());
    assert!(ImapMailbox::parse_without_password("imaps://me@mail.example.org/").is_ok());
    for url in [
        "imaps://me:secret@mail.example.org/",
        "imaps://mail.example.org/",
    ] {
        let error = ImapMailbox::parse_without_password(url).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_comes_late_is_kept() {
    let goes_on = Arc::new(Notify::new());
    let held = Arc::clone(&goes_on);
    let endpoint = raw(move |_, mut stream| {
        let held = Arc::clone(&held);
        async move {
            held.notified().await;
            let granted = r#"{"access_token":"late","refresh_token":"newer"}"#;
            let said = answer("200 OK", "Content-Type: application/json\r\n", granted);
            let _ = stream.write_all(said.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await;
    let settings = TokenSettings {
        url: endpoint.url.parse().unwrap(),
        client_id: "siaga".to_owned(),
        client_secret: None,
        refresh_token: Secret::new(REFRESH),
    };
    let http = HttpClients::new(None, &[]).unwrap().plain(LONG).unwrap();
    let tokens = AccessTokens::new(settings, http, TestClock::at(NOON).shared());
    // Nobody listens there.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("imap://probe@{}/", closed.local_addr().unwrap());
    let mailbox = ImapMailbox::parse_without_password(&url)
        .unwrap()
        .with_tokens(Arc::new(tokens))
        .with_patience(Duration::from_millis(300));
    // Nobody waits any longer, and the endpoint has taken the refresh token for another one.
    assert!(mailbox.position().await.is_err());
    goes_on.notify_one();
    let came = mailbox.with_patience(LONG).position().await;
    assert!(!format!("{came:?}").contains("token endpoint"), "{came:?}");
    assert_eq!(endpoint.seen().len(), 1, "it was asked once");
}
