//! Alerts: from a run to a webhook and a mail, once, whatever happens on the way.

mod blocked;
mod disk;
mod mail_server;
mod names;
mod receiver;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use jiff::tz::TimeZone;
use sha2::Sha256;
use siaga::detect::{Alert, Detector};
use siaga::domain::diagnosis::{Cause, Diagnosis};
use siaga::domain::history::Outage;
use siaga::domain::names::NameTable;
use siaga::domain::outage::{Effect, Rules, Severity};
use siaga::domain::run::{AssetKind, FailedAsset, ScriptError};
use siaga::domain::{Fault, Moment, Outcome, Secret};
use siaga::http_client::HttpClients;
use siaga::notify::{
    Again, Attempt, ComponentName, Credentials, Drained, GIVE_UP_AFTER, Kind, LONGEST, Mistake,
    SHORTEST, Sender, Settings, Smtp, Subject, Target, Tls, headline, mail_text, next_try, shown,
    wait,
};
use siaga::store::{Store, outbox};
use siaga::system::SystemClock;
use tokio::sync::watch;

use self::mail_server::{MailServer, certificate};
use self::receiver::{Answer, Receiver};
use crate::harness::processes::free_port;
use crate::harness::{
    FAILED, NOON, SeededRandom, TestClock, at, component, each_store, eventually, folder,
    on_sqlite, upload_run,
};
use crate::inward::own_name;

const SOON: Duration = Duration::from_secs(20);
const KEY: &str = "whsec-not-for-logs";

fn client(within: Duration) -> reqwest::Client {
    let clients = HttpClients::new(Some("https://siaga.example"), &[]).expect("clients");
    clients.plain(within).expect("a client")
}

fn webhook(url: &str) -> Target {
    Target {
        key: "webhook:ops".to_owned(),
        kind: Kind::Webhook {
            url: url.parse().expect("an address"),
            secret: Some(Secret::new(KEY)),
        },
    }
}

fn mail_to(address: &str) -> Target {
    Target {
        key: format!("mail:{address}"),
        kind: Kind::Mail {
            to: address.to_owned(),
        },
    }
}

fn smtp(port: u16) -> Smtp {
    Smtp {
        server: "127.0.0.1".to_owned(),
        port,
        tls: Tls::None,
        credentials: None,
        from: "Siaga <siaga@example.org>".to_owned(),
        extra_roots: Vec::new(),
    }
}

fn settings(targets: Vec<Target>, smtp: Option<Smtp>) -> Settings {
    let upload = ComponentName {
        id: "Unggah dokumen".to_owned(),
        en: "Document upload".to_owned(),
    };
    Settings {
        targets,
        names: BTreeMap::from([(component("upload"), upload)]),
        public_url: "https://siaga.example/".to_owned(),
        smtp,
    }
}

/// What the sender tells of its tries.
type Seen = Arc<Mutex<Vec<(&'static str, Attempt)>>>;

fn sender_within(
    within: Duration,
    store: &Store,
    settings: Settings,
    clock: &TestClock,
) -> (Sender, Seen) {
    let seen = Seen::default();
    let list = Arc::clone(&seen);
    let sender = Sender::new(
        store.clone(),
        settings,
        client(within),
        clock.shared(),
        SeededRandom::shared(7),
        Arc::new(move |kind, attempt| list.lock().expect("no panic").push((kind, attempt))),
    )
    .expect("settings without mistakes");
    (sender, seen)
}

fn sender(store: &Store, settings: Settings, clock: &TestClock) -> Sender {
    sender_within(SOON, store, settings, clock).0
}

fn detector(store: &Store, targets: &[&str], clock: &TestClock) -> Detector {
    Detector::new(
        store.clone(),
        Rules::default(),
        TimeZone::UTC,
        targets.iter().map(|key| (*key).to_owned()).collect(),
        clock.shared(),
        SeededRandom::shared(1),
    )
}

/// Two minutes of runs, one a minute, judged and told.
async fn two_runs(detector: &Detector, clock: &TestClock, outcome: Outcome) {
    for _ in 0..2 {
        clock.advance(Duration::from_secs(60));
        let run = upload_run(siaga::domain::Clock::now(clock), outcome);
        detector.record(run).await.expect("a run is recorded");
    }
}

fn outage() -> Outage {
    Outage {
        id: "0198f0a0-0000-7000-8000-000000000001".to_owned(),
        component: component("upload"),
        severity: Severity::Down,
        worst: Severity::Down,
        intermittent: false,
        planned: false,
        began_at: at(300),
        confirmed_at: at(360),
        ended_at: None,
        closed_at: None,
        down_ms: 0,
        fault: Some(Fault::ErrorPage),
        diagnosis: Some(Diagnosis::FrontEnd {
            step: "Upload the passport page".to_owned(),
            cause: Some(Cause::MissingAsset(FailedAsset {
                kind: AssetKind::Script,
                path: "/assets/app.5b0c7d12.js".to_owned(),
                status: Some(404),
                error: None,
            })),
        }),
        flow: "extension".to_owned(),
        step: "Upload the passport page".to_owned(),
        version: 1,
    }
}

fn alert() -> Alert {
    Alert {
        effect: Effect::Opened {
            began: at(300),
            severity: Severity::Down,
            fault: Some(Fault::ErrorPage),
            planned: false,
        },
        outage: outage(),
        message: Some("expected status 200, got 503".to_owned()),
    }
}

async fn put(store: &Store, once: &str, target: &str, alert: &Alert, now: Moment) {
    let payload = serde_json::to_string(alert).expect("JSON");
    let (once, target) = (once.to_owned(), target.to_owned());
    store
        .write(move |mut conn| {
            Box::pin(async move { outbox::put(&mut conn, &once, &target, &payload, now).await })
        })
        .await
        .expect("a message is put in");
    store.announce_change();
}

async fn next_due(store: &Store) -> Option<Moment> {
    store
        .read(|mut conn| {
            Box::pin(async move { outbox::next_due(&mut conn, Moment(i64::MAX)).await })
        })
        .await
        .expect("the outbox answers")
}

async fn last_error(store: &Store) -> String {
    let row: Option<(Option<String>,)> = store
        .read(|mut conn| {
            Box::pin(async move {
                conn.optional("SELECT last_error FROM outbox ORDER BY id", vec![])
                    .await
            })
        })
        .await
        .expect("the outbox answers");
    row.and_then(|(text,)| text).unwrap_or_default()
}

/// How long from now until the only message is tried again.
async fn until_next(store: &Store, clock: &TestClock) -> Duration {
    let due = next_due(store).await.expect("a message waits");
    due.since(siaga::domain::Clock::now(clock))
}

const SENT: Drained = Drained {
    sent: 1,
    failed: 0,
    given_up: 0,
};
const FAILED_ONCE: Drained = Drained {
    sent: 0,
    failed: 1,
    given_up: 0,
};

// ---- from a run to whoever is on duty ----------------------------------------------------

#[tokio::test]
async fn each_outage_is_told_once_when_it_opens_worsens_and_closes() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        let server = MailServer::plain().await;
        let targets = vec![webhook(&url), mail_to("duty@example.org")];
        let sender = sender(
            &database.store,
            settings(targets, Some(smtp(server.port))),
            &clock,
        );
        let keys = ["webhook:ops", "mail:duty@example.org"];
        let detector = detector(&database.store, &keys, &clock);

        two_runs(&detector, &clock, Outcome::Passed).await;
        assert_eq!(sender.drain_once().await.unwrap(), Drained::default());
        let story = [
            (Outcome::Slow, 1),
            (FAILED, 2),
            (FAILED, 2),
            (Outcome::Slow, 2), // less bad: nobody is woken for that
            (Outcome::Passed, 3),
            (Outcome::Passed, 3),
        ];
        for (outcome, told) in story {
            two_runs(&detector, &clock, outcome).await;
            sender.drain_once().await.expect("the outbox answers");
            assert_eq!(receiver.calls().len(), told, "after {outcome:?}");
        }
        let calls = receiver.calls();
        let events: Vec<String> = calls.iter().map(receiver::Call::event).collect();
        assert_eq!(
            events,
            ["outage.opened", "outage.worsened", "outage.closed"]
        );
        let documents: Vec<_> = calls.iter().map(receiver::Call::json).collect();
        let outages: BTreeSet<_> = documents
            .iter()
            .map(|d| d["outage"]["id"].as_str())
            .collect();
        assert_eq!(outages.len(), 1, "one outage");
        let versions: Vec<_> = documents
            .iter()
            .map(|d| d["outage"]["version"].as_i64())
            .collect();
        assert!(versions.is_sorted(), "{versions:?}");
        let severities: Vec<_> = documents
            .iter()
            .map(|d| d["outage"]["severity"].as_str().unwrap())
            .collect();
        assert_eq!(severities[..2], ["degraded", "down"]);
        assert_eq!(documents[1]["outage"]["fault"], "status");
        assert!(documents[2]["outage"]["ended_at"].is_string());

        eventually("three mails", SOON, || async { server.taken().len() == 3 }).await;
        let subjects: Vec<String> = server
            .taken()
            .iter()
            .map(|mail| mail.read().subject().unwrap().to_owned())
            .collect();
        for (subject, word) in subjects
            .iter()
            .zip(["DEGRADED", "WORSE, OUTAGE", "RECOVERED"])
        {
            assert!(subject.contains(word), "{subject}");
        }
        // The same runs again, as after a crash of whoever delivered them.
        clock.set(NOON);
        two_runs(&detector, &clock, Outcome::Passed).await;
        two_runs(&detector, &clock, Outcome::Slow).await;
        clock.set(at(86_400));
        sender.drain_once().await.expect("the outbox answers");
        assert_eq!(receiver.calls().len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_webhook_has_the_documented_shape_and_a_signature_that_verifies() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(at(361));
        let (receiver, url) = Receiver::start().await;
        let sender = sender(&database.store, settings(vec![webhook(&url)], None), &clock);
        put(
            &database.store,
            "one/1/webhook:ops",
            "webhook:ops",
            &alert(),
            at(360),
        )
        .await;
        assert_eq!(sender.drain_once().await.unwrap(), SENT);
        let call = receiver.calls().remove(0);
        assert_eq!(call.headers["content-type"], "application/json");
        insta::assert_json_snapshot!(call.json(), @r#"
        {
          "event": "outage.opened",
          "id": "one/1/webhook:ops",
          "outage": {
            "began_at": "2026-08-06T07:05:00.000Z",
            "component": "upload",
            "diagnosis": {
              "cause": "missing_asset",
              "detail": "/assets/app.5b0c7d12.js: 404",
              "is": "front_end",
              "step": "Upload the passport page",
              "text_en": "the server answers; the page itself fails in the browser: a part of it is missing: /assets/app.5b0c7d12.js: 404",
              "text_id": "server menjawab; halaman gagal di peramban: bagian hilang: /assets/app.5b0c7d12.js: 404"
            },
            "ended_at": null,
            "fault": "error_page",
            "id": "0198f0a0-0000-7000-8000-000000000001",
            "message": "expected status 200, got 503",
            "name_en": "Document upload",
            "name_id": "Unggah dokumen",
            "planned": false,
            "severity": "down",
            "step": "Upload the passport page",
            "step_key": "Upload the passport page",
            "step_name_en": "Upload the passport page",
            "step_name_id": "Upload the passport page",
            "url": "https://siaga.example/outages/0198f0a0-0000-7000-8000-000000000001",
            "version": 1
          },
          "sent_at": "2026-08-06T07:06:01.000Z"
        }
        "#);
        let header = call.headers["siaga-signature"].to_str().unwrap();
        let (t, v1) = header.split_once(',').unwrap();
        let (t, v1) = (
            t.strip_prefix("t=").unwrap(),
            v1.strip_prefix("v1=").unwrap(),
        );
        assert_eq!(t, (at(361).0 / 1000).to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(t.as_bytes());
        mac.update(b".");
        mac.update(&call.body);
        let tag = HEXLOWER.decode(v1.as_bytes()).unwrap();
        mac.verify_slice(&tag).expect("the signature is right");
    })
    .await;
}

// ---- trouble on the way --------------------------------------------------------------------

#[tokio::test]
async fn a_receiver_in_trouble_is_tried_again_until_it_takes_the_message() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        receiver.answer([Answer::Status(500), Answer::Silence, Answer::Status(503)]);
        let impatient = Duration::from_millis(300);
        let all = settings(vec![webhook(&url)], None);
        let (sender, seen) = sender_within(impatient, &database.store, all, &clock);
        put(&database.store, "k", "webhook:ops", &alert(), NOON).await;

        let mut waits = Vec::new();
        for reason in ["HTTP 500", "no answer in time", "HTTP 503"] {
            assert_eq!(sender.drain_once().await.unwrap(), FAILED_ONCE);
            assert_eq!(last_error(&database.store).await, reason);
            assert_eq!(
                sender.drain_once().await.unwrap(),
                Drained::default(),
                "not yet"
            );
            waits.push(until_next(&database.store, &clock).await.as_secs_f64());
            clock.advance(until_next(&database.store, &clock).await);
        }
        assert!((2.0..=4.0).contains(&waits[0]), "{waits:?}");
        assert!((4.0..=8.0).contains(&waits[1]), "{waits:?}");
        assert!((8.0..=16.0).contains(&waits[2]), "{waits:?}");
        assert_eq!(sender.drain_once().await.unwrap(), SENT);
        let ids: BTreeSet<String> = receiver
            .calls()
            .iter()
            .map(|call| call.json()["id"].to_string())
            .collect();
        assert_eq!(
            (receiver.calls().len(), ids.len()),
            (4, 1),
            "one id at every try"
        );
        use Attempt::{Failed, Sent};
        assert_eq!(
            *seen.lock().unwrap(),
            [
                ("webhook", Failed),
                ("webhook", Failed),
                ("webhook", Failed),
                ("webhook", Sent)
            ]
        );
        assert_eq!(next_due(&database.store).await, None);
    })
    .await;
}

#[tokio::test]
async fn what_the_receiver_says_decides_how_soon() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        let sender = sender(&database.store, settings(vec![webhook(&url)], None), &clock);
        let date = "Thu, 06 Aug 2026 07:01:30 GMT".to_owned();
        let cases = [
            (Answer::Status(404), 300..=600),
            (Answer::Status(410), 300..=600),
            (Answer::Status(429), 2..=4),
            (Answer::Status(408), 2..=4),
            (Answer::Redirect, 300..=600),
            (Answer::RetryAfter(429, "120".into()), 120..=120),
            (Answer::RetryAfter(503, date), 90..=90),
            (Answer::RetryAfter(503, "0".into()), 2..=2),
            (Answer::RetryAfter(503, "86400".into()), 600..=600),
            (Answer::RetryAfter(503, "soon, I hope".into()), 2..=4),
        ];
        for (number, (answer, seconds)) in cases.into_iter().enumerate() {
            clock.set(NOON);
            receiver.answer([answer.clone()]);
            put(
                &database.store,
                &number.to_string(),
                "webhook:ops",
                &alert(),
                NOON,
            )
            .await;
            assert_eq!(sender.drain_once().await.unwrap(), FAILED_ONCE);
            let wait = until_next(&database.store, &clock).await;
            assert!(seconds.contains(&wait.as_secs()), "{answer:?}: {wait:?}");
            clock.advance(wait);
            assert_eq!(sender.drain_once().await.unwrap(), SENT, "{answer:?}");
        }
        assert_eq!(receiver.wandered(), 0, "redirects are not followed");
    })
    .await;
}

#[tokio::test]
async fn a_refused_connection_and_a_target_that_is_gone_are_kept_for_later() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let url = format!("http://127.0.0.1:{}/hook?token=hunter2secret", free_port());
        let sender = sender(&database.store, settings(vec![webhook(&url)], None), &clock);
        put(&database.store, "k", "webhook:ops", &alert(), NOON).await;
        assert_eq!(sender.drain_once().await.unwrap(), FAILED_ONCE);
        // The address holds a secret, so neither database nor log may hold it.
        assert_eq!(last_error(&database.store).await, "no connection");

        put(&database.store, "l", "webhook:gone", &alert(), NOON).await;
        assert_eq!(sender.drain_once().await.unwrap(), FAILED_ONCE);
        clock.advance(LONGEST);
        let both = Drained {
            failed: 2,
            ..Drained::default()
        };
        assert_eq!(sender.drain_once().await.unwrap(), both);
    })
    .await;
}

#[tokio::test]
async fn a_webhook_by_a_name_that_leads_inward_is_told_as_ours() {
    let Some((name, address)) = own_name().await else {
        return;
    };
    on_sqlite(|database| {
        let url = format!("http://{name}:{}/hook?token=hunter2secret", free_port());
        let says = format!("`{name}` resolves to {address}, ");
        async move {
            let clock = TestClock::at(NOON);
            let sender = sender(&database.store, settings(vec![webhook(&url)], None), &clock);
            put(&database.store, "k", "webhook:ops", &alert(), NOON).await;
            assert_eq!(sender.drain_once().await.unwrap(), FAILED_ONCE);
            let told = last_error(&database.store).await;
            assert!(told.contains(&says), "{told}");
            assert!(told.contains("`allow_private_networks`"), "{told}");
            assert!(!told.contains("hunter2secret"), "{told}");
            // Somebody must mend a setting first.
            assert!(until_next(&database.store, &clock).await >= LONGEST / 2);
        }
    })
    .await;
}

#[tokio::test]
async fn after_a_day_a_message_is_given_up_and_not_before() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        receiver.answer(vec![Answer::Status(500); 1000]);
        let all = settings(vec![webhook(&url)], None);
        let (sender, seen) = sender_within(SOON, &database.store, all, &clock);
        put(&database.store, "k", "webhook:ops", &alert(), NOON).await;
        while let Some(due) = next_due(&database.store).await {
            clock.set(due);
            sender.drain_once().await.expect("the outbox answers");
        }
        let end = siaga::domain::Clock::now(&clock);
        assert_eq!(
            end,
            NOON + GIVE_UP_AFTER,
            "the last try is made when the time is up"
        );
        let tries = receiver.calls().len();
        assert!((144..=310).contains(&tries), "{tries} tries in a day");
        let seen = seen.lock().unwrap().clone();
        let given_up = seen.iter().filter(|(_, a)| *a == Attempt::GivenUp).count();
        assert_eq!((given_up, seen.last().unwrap().1), (1, Attempt::GivenUp));
        clock.advance(GIVE_UP_AFTER);
        assert_eq!(sender.drain_once().await.unwrap(), Drained::default());
        assert_eq!(receiver.calls().len(), tries);
    })
    .await;
}

#[tokio::test]
async fn two_senders_at_once_send_nothing_twice() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        for number in 0..40 {
            put(
                &database.store,
                &number.to_string(),
                "webhook:ops",
                &alert(),
                NOON,
            )
            .await;
        }
        let other = database.open_again().await;
        let one = sender(&database.store, settings(vec![webhook(&url)], None), &clock);
        let two = sender(&other, settings(vec![webhook(&url)], None), &clock);
        let (one, two) = tokio::join!(one.drain_once(), two.drain_once());
        let (one, two) = (one.expect("it drains").sent, two.expect("it drains").sent);
        assert_eq!(one + two, 40);
        let calls = receiver.calls();
        let ids: BTreeSet<String> = calls.iter().map(|c| c.json()["id"].to_string()).collect();
        assert_eq!((calls.len(), ids.len()), (40, 40));
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_dies_half_way_loses_nothing() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        receiver.answer([Answer::Silence]);
        let all = || settings(vec![webhook(&url)], None);
        let (_stop, stopped) = watch::channel(false);
        put(&database.store, "k", "webhook:ops", &alert(), NOON).await;
        let task = tokio::spawn(sender(&database.store, all(), &clock).run(stopped));
        eventually("the message is on its way", SOON, || async {
            receiver.calls().len() == 1
        })
        .await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());

        let next = sender(&database.store, all(), &clock);
        assert_eq!(
            next.drain_once().await.unwrap(),
            Drained::default(),
            "still claimed"
        );
        clock.advance(Duration::from_secs(89));
        assert_eq!(
            next.drain_once().await.unwrap(),
            Drained::default(),
            "still claimed"
        );
        clock.advance(Duration::from_secs(1));
        assert_eq!(next.drain_once().await.unwrap(), SENT);
        let ids: Vec<_> = receiver
            .calls()
            .iter()
            .map(|c| c.json()["id"].clone())
            .collect();
        assert_eq!(ids, ["k", "k"], "the receiver can tell that it is the same");
    })
    .await;
}

#[tokio::test]
async fn who_comes_back_after_his_claim_has_run_out_changes_nothing() {
    each_store(|database| async move {
        put(&database.store, "k", "webhook:ops", &alert(), NOON).await;
        let claim = |now| {
            let store = database.store.clone();
            async move {
                let minute = Duration::from_secs(60);
                let claim = store.write(move |mut conn| {
                    Box::pin(async move { outbox::claim(&mut conn, now, minute).await })
                });
                claim.await.expect("the outbox answers")
            }
        };
        let stale = claim(NOON).await.expect("a message");
        let fresh = claim(at(61)).await.expect("the same message");
        assert_eq!((stale.id, fresh.attempts), (fresh.id, 2));
        let write = database.store.write(move |mut conn| {
            Box::pin(async move {
                outbox::sent(&mut conn, &stale, at(62)).await?;
                outbox::give_up(&mut conn, &stale, at(62), "late").await?;
                outbox::later(&mut conn, &stale, at(999), "late").await
            })
        });
        write.await.expect("the outbox answers");
        assert_eq!(
            next_due(&database.store).await,
            Some(at(121)),
            "the newer claim holds"
        );
    })
    .await;
}

#[tokio::test]
async fn the_sender_wakes_for_what_is_new_and_for_what_is_due_and_ends_when_told() {
    on_sqlite(|database| async move {
        let (receiver, url) = Receiver::start().await;
        receiver.answer([Answer::Status(500)]);
        let sender = Sender::new(
            database.store.clone(),
            settings(vec![webhook(&url)], None),
            client(SOON),
            Arc::new(SystemClock),
            SeededRandom::shared(3),
            Arc::new(|_, _| {}),
        )
        .expect("settings without mistakes");
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(sender.run(stopped));
        // Let it fall asleep first: a store without messages.
        tokio::task::yield_now().await;
        let now = siaga::domain::Clock::now(&SystemClock);
        put(&database.store, "k", "webhook:ops", &alert(), now).await;
        let second = Duration::from_secs(1);
        eventually("it is woken", second, || async {
            receiver.calls().len() == 1
        })
        .await;
        eventually("it tries again", SOON, || async {
            receiver.calls().len() == 2
        })
        .await;
        eventually("all is sent", SOON, || async {
            next_due(&database.store).await.is_none()
        })
        .await;
        stop.send(true).unwrap();
        tokio::time::timeout(second, task)
            .await
            .expect("it ends")
            .expect("it does not panic");
    })
    .await;
}

#[tokio::test]
async fn told_to_end_it_finishes_what_is_on_its_way() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let (receiver, url) = Receiver::start().await;
        receiver.answer([Answer::Silence]);
        let (stop, stopped) = watch::channel(false);
        let all = settings(vec![webhook(&url)], None);
        let within = Duration::from_millis(500);
        let (sender, _) = sender_within(within, &database.store, all, &clock);
        put(&database.store, "k", "webhook:ops", &alert(), NOON).await;
        let task = tokio::spawn(sender.run(stopped));
        eventually("it is on its way", SOON, || async {
            receiver.calls().len() == 1
        })
        .await;
        stop.send(true).unwrap();
        task.await.expect("it does not panic");
        assert_eq!(
            last_error(&database.store).await,
            "no answer in time",
            "and noted"
        );
    })
    .await;
}

// ---- mails ---------------------------------------------------------------------------------

#[tokio::test]
async fn a_mail_says_all_in_its_first_line_and_can_be_read_by_any_program() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(at(361));
        let server = MailServer::plain().await;
        let to = "busy@example.org";
        let all = settings(vec![mail_to(to)], Some(smtp(server.port)));
        let sender = sender(&database.store, all, &clock);
        let key = format!("mail:{to}");
        put(&database.store, "one/1/mail", &key, &alert(), at(360)).await;
        assert_eq!(
            sender.drain_once().await.unwrap(),
            FAILED_ONCE,
            "told to come back"
        );
        assert_eq!(
            last_error(&database.store).await,
            "the mail server answered 451"
        );
        clock.advance(until_next(&database.store, &clock).await);
        assert_eq!(sender.drain_once().await.unwrap(), SENT);
        put(&database.store, "one/2/mail", &key, &alert(), at(360)).await;
        assert_eq!(sender.drain_once().await.unwrap(), SENT);

        eventually("both mails", SOON, || async { server.taken().len() == 2 }).await;
        let [first, second] = &server.taken()[..] else {
            panic!("two mails")
        };
        assert_eq!(
            (first.from.as_str(), first.to.as_slice()),
            ("siaga@example.org", &[to.to_owned()][..])
        );
        let (first, second) = (first.read(), second.read());
        assert_eq!(
            first.subject(),
            Some("[Siaga] Unggah dokumen: GANGGUAN TOTAL sejak 14.05 WIB / OUTAGE")
        );
        let from = first.from().unwrap().first().unwrap();
        assert_eq!(
            (from.name(), from.address()),
            (Some("Siaga"), Some("siaga@example.org"))
        );
        assert_eq!(first.to().unwrap().first().unwrap().address(), Some(to));
        let date = first.date().unwrap().to_timestamp();
        assert!(
            (at(361).0 / 1000..at(370).0 / 1000).contains(&date),
            "by the sender's clock"
        );
        assert_eq!(
            first.header("Auto-Submitted").unwrap().as_text(),
            Some("auto-generated")
        );
        assert!(first.message_id().unwrap().ends_with(".siaga@example.org"));
        assert_ne!(first.message_id(), second.message_id(), "another message");
        let thread = first.references().as_text().unwrap();
        assert_eq!(
            Some(thread),
            second.references().as_text(),
            "the same thread"
        );
        let text = first.body_text(0).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "GANGGUAN TOTAL: Unggah dokumen tidak berfungsi sejak 14.05 WIB (07.05 UTC), \
             di langkah \"Upload the passport page\": situs menampilkan halaman galat."
        );
        assert_eq!(
            lines[1],
            "OUTAGE: Document upload does not work since 14:05 WIB (07:05 UTC), \
             at step \"Upload the passport page\": the site shows an error page."
        );
        for part in [
            "Kamis, 6 Agustus 2026 pukul 14.05 WIB",
            "Thursday, 6 August 2026, 14:05 WIB",
            "https://siaga.example/outages/0198f0a0-0000-7000-8000-000000000001",
            "expected status 200, got 503",
            "Letak   : server menjawab; halaman gagal di peramban: bagian hilang: /assets/app.5b0c7d12.js: 404",
            "Where   : the server answers; the page itself fails in the browser: a part of it is \
             missing: /assets/app.5b0c7d12.js: 404",
            "Yang perlu dilakukan",
            "What to do next",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert!(!text.contains("TERTUNDA"), "it is not late");
    })
    .await;
}

#[tokio::test]
async fn the_message_id_is_the_same_at_every_try() {
    let subject = |once: &str| Subject {
        once_key: once.to_owned(),
        created_at: at(360),
        alert: alert(),
        name: ComponentName {
            id: "Unggah".into(),
            en: "Upload".into(),
        },
        names: NameTable::default(),
        url: "https://siaga.example/outages/1".to_owned(),
    };
    on_sqlite(|database| async move {
        // Taken, but the note of it is lost: the process died, and the claim runs out.
        let clock = TestClock::at(at(361));
        let server = MailServer::plain().await;
        let all = settings(vec![mail_to("duty@example.org")], Some(smtp(server.port)));
        let sender = sender(&database.store, all, &clock);
        for once in ["same", "same-again"] {
            put(
                &database.store,
                once,
                "mail:duty@example.org",
                &alert(),
                at(360),
            )
            .await;
        }
        assert_eq!(sender.drain_once().await.unwrap().sent, 2);
        let forget = database.store.write(|mut conn| {
            Box::pin(async move {
                let sql = "UPDATE outbox SET sent_at = NULL WHERE once_key = 'same'";
                conn.execute(sql, vec![]).await
            })
        });
        assert_eq!(forget.await.unwrap(), 1);
        clock.advance(Duration::from_secs(91));
        assert_eq!(sender.drain_once().await.unwrap(), SENT);
        eventually("three mails", SOON, || async { server.taken().len() == 3 }).await;
        let ids: Vec<String> = server
            .taken()
            .iter()
            .map(|mail| mail.read().message_id().unwrap().to_owned())
            .collect();
        let different: BTreeSet<&String> = ids.iter().collect();
        assert_eq!(different.len(), 2, "{ids:?}");
        assert!(ids[..2].contains(&ids[2]));
    })
    .await;
    let late = mail_text(&subject("x"), at(360 + 3600));
    assert!(late.contains("TERTUNDA") && late.contains("LATE"), "{late}");
}

#[tokio::test]
async fn a_mail_that_was_taken_is_not_sent_again_because_the_farewell_failed() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let server = MailServer::plain().await;
        let targets = vec![mail_to("abrupt@example.org"), mail_to("nobody@example.org")];
        let sender = sender(
            &database.store,
            settings(targets, Some(smtp(server.port))),
            &clock,
        );
        put(
            &database.store,
            "k",
            "mail:abrupt@example.org",
            &alert(),
            NOON,
        )
        .await;
        assert_eq!(sender.drain_once().await.unwrap(), SENT);
        put(
            &database.store,
            "l",
            "mail:nobody@example.org",
            &alert(),
            NOON,
        )
        .await;
        assert_eq!(sender.drain_once().await.unwrap(), FAILED_ONCE);
        let wait = until_next(&database.store, &clock).await;
        assert!(
            wait >= LONGEST / 2,
            "a mailbox that is not there has time: {wait:?}"
        );
        assert_eq!(server.taken().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_mail_server_that_says_nothing_holds_nobody_up_for_ever() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let all = settings(vec![mail_to("duty@example.org")], Some(smtp(port)));
        let sender = sender(&database.store, all, &clock);
        put(
            &database.store,
            "k",
            "mail:duty@example.org",
            &alert(),
            NOON,
        )
        .await;
        let tried = tokio::time::timeout(Duration::from_secs(20), sender.drain_once()).await;
        assert_eq!(tried.expect("in time").unwrap(), FAILED_ONCE);
    })
    .await;
}

#[tokio::test]
async fn tls_is_used_as_configured_and_nothing_is_sent_without_it() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let folder = folder();
        let trusted = certificate(folder.path());
        let login = ["siaga", "pass-not-for-logs"];
        let right = Some(Credentials {
            user: login[0].into(),
            password: Secret::new(login[1]),
        });
        let wrong = Some(Credentials {
            user: login[0].into(),
            password: Secret::new("guess"),
        });
        let starttls = MailServer::protected("starttls", folder.path(), login).await;
        let implicit = MailServer::protected("implicit", folder.path(), login).await;
        let plain = MailServer::plain().await;
        let roots = vec![trusted];
        let cases = [
            ("starttls", &starttls, Tls::Starttls, &right, &roots, ""),
            ("implicit", &implicit, Tls::Implicit, &right, &roots, ""),
            (
                "a stranger's certificate",
                &starttls,
                Tls::Starttls,
                &right,
                &vec![],
                "TLS with the mail server failed",
            ),
            (
                "a stranger's certificate",
                &implicit,
                Tls::Implicit,
                &right,
                &vec![],
                "TLS with the mail server failed",
            ),
            (
                "a wrong password",
                &starttls,
                Tls::Starttls,
                &wrong,
                &roots,
                "the mail server answered 535",
            ),
            (
                "no STARTTLS",
                &plain,
                Tls::Starttls,
                &None,
                &roots,
                "the mail server offers no STARTTLS",
            ),
            (
                "nothing where TLS is asked for",
                &starttls,
                Tls::None,
                &None,
                &roots,
                "the mail server answered 530",
            ),
        ];
        for (number, (what, server, tls, credentials, roots, error)) in
            cases.into_iter().enumerate()
        {
            let smtp = Smtp {
                tls,
                credentials: credentials.clone(),
                extra_roots: roots.clone(),
                ..smtp(server.port)
            };
            let to = format!("duty{number}@example.org");
            let sender = sender(
                &database.store,
                settings(vec![mail_to(&to)], Some(smtp)),
                &clock,
            );
            let target = format!("mail:{to}");
            put(&database.store, &target, &target, &alert(), NOON).await;
            let drained = sender.drain_once().await.unwrap();
            let row: Option<(Option<String>,)> = database
                .store
                .read(|mut conn| {
                    Box::pin(async move {
                        conn.optional("SELECT last_error FROM outbox ORDER BY id DESC", vec![])
                            .await
                    })
                })
                .await
                .unwrap();
            let told = row.unwrap().0.unwrap_or_default();
            assert_eq!(told, error, "{what}");
            if error.is_empty() {
                assert_eq!(drained.sent, 1, "{what}");
                eventually(what, SOON, || async { server.taken().len() == 1 }).await;
                let mail = &server.taken()[0];
                assert_eq!(
                    (mail.tls, mail.user.as_deref()),
                    (true, Some("siaga")),
                    "{what}"
                );
            } else {
                assert_eq!(drained.sent, 0, "{what}");
            }
            // What failed must not be tried by the next case's sender.
            clock.advance(Duration::from_millis(1));
        }
        assert_eq!(
            (
                starttls.taken().len(),
                implicit.taken().len(),
                plain.taken().len()
            ),
            (1, 1, 0)
        );
    })
    .await;
}

// ---- hostile words ---------------------------------------------------------------------------

#[tokio::test]
async fn nothing_in_a_name_or_a_message_becomes_a_header_or_turns_the_text_around() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(at(361));
        let server = MailServer::plain().await;
        let (receiver, url) = Receiver::start().await;
        let targets = vec![webhook(&url), mail_to("duty@example.org")];
        let mut all = settings(targets, Some(smtp(server.port)));
        let evil = "Unggah\r\nBcc: evil@example.net\r\n\r\n<script>\u{202e}\0\u{7}";
        let name = ComponentName {
            id: evil.to_owned(),
            en: "x".repeat(10_000),
        };
        all.names.insert(component("upload"), name);
        let mut alert = alert();
        alert.message = Some(format!(
            "got 503\r\n.\r\nMAIL FROM:<evil@example.net>\u{202e}{}",
            "y".repeat(10_000)
        ));
        alert.outage.step = "Upload\r\nSubject: gone".to_owned();
        alert.outage.diagnosis = Some(Diagnosis::FrontEnd {
            step: "Upload\r\nSubject: gone".to_owned(),
            cause: Some(Cause::ScriptError(ScriptError {
                message: format!(
                    "Error:\r\nBcc: x@example.net\u{202e}\u{7}{}",
                    "z".repeat(10_000)
                ),
                source: "/app.js:1".to_owned(),
            })),
        });
        let sender = sender(&database.store, all, &clock);
        for (once, target) in [
            ("k\r\nX-Evil: 1", "mail:duty@example.org"),
            ("l\r\n", "webhook:ops"),
        ] {
            put(&database.store, once, target, &alert, at(360)).await;
        }
        assert_eq!(sender.drain_once().await.unwrap().sent, 2);
        eventually("one mail", SOON, || async { server.taken().len() == 1 }).await;
        let taken = server.taken().remove(0);
        assert_eq!(taken.to, ["duty@example.org"]);
        let mail = taken.read();
        assert!(mail.bcc().is_none() && mail.header("X-Evil").is_none());
        let subjects = mail
            .headers()
            .iter()
            .filter(|h| h.name().eq_ignore_ascii_case("subject"));
        assert_eq!(subjects.count(), 1);
        let subject = mail.subject().unwrap();
        assert!(subject.chars().count() <= 78, "{subject}");
        assert!(subject.starts_with("[Siaga] Unggah Bcc: evil"), "{subject}");
        let text = mail.body_text(0).unwrap();
        assert!(
            text.contains("MAIL FROM:<evil@example.net>"),
            "as text it is harmless"
        );
        for c in ['\u{202e}', '\0', '\u{7}'] {
            assert!(!text.contains(c) && !subject.contains(c), "{c:?}");
        }
        assert!(text.len() < 8_000, "{} bytes", text.len());
        assert!(taken.data.lines().all(|line| line.len() <= 998));
        let document = receiver.calls()[0].json();
        let message = document["outage"]["message"].as_str().unwrap();
        assert!(message.chars().count() <= 500 && !message.contains(['\n', '\u{202e}']));
        assert_eq!(document["outage"]["step"], "Upload Subject: gone");
        let diagnosis = &document["outage"]["diagnosis"];
        assert_eq!(diagnosis["step"], "Upload Subject: gone");
        let detail = diagnosis["detail"].as_str().unwrap();
        assert!(detail.chars().count() <= 500 && !detail.contains(['\n', '\u{202e}', '\u{7}']));
    })
    .await;
}

#[test]
fn subjects_fit_whatever_happened_and_however_long_the_name() {
    let severities = [Severity::Degraded, Severity::Partial, Severity::Down];
    let at = at(0);
    for severity in severities {
        let effects = [
            Effect::Opened {
                began: at,
                severity,
                fault: None,
                planned: false,
            },
            Effect::Worsened {
                at,
                severity,
                fault: None,
            },
            Effect::Eased { at, severity },
            Effect::Overran { at, severity },
            Effect::Closed {
                ended: at,
                down: Duration::ZERO,
            },
        ];
        for effect in effects {
            for length in [1, 14, 30, 60, 200] {
                let mut alert = alert();
                alert.effect = effect.clone();
                alert.outage.severity = severity;
                let subject = Subject {
                    once_key: "k".to_owned(),
                    created_at: at,
                    alert,
                    name: ComponentName {
                        id: "é".repeat(length),
                        en: "n".repeat(length),
                    },
                    names: NameTable::default(),
                    url: String::new(),
                };
                let line = headline(&subject);
                assert!(line.chars().count() <= 78, "{line}");
                assert!(line.starts_with("[Siaga] é"), "{line}");
                assert!(line.contains(" / "), "both languages: {line}");
            }
        }
    }
}

// ---- settings and rules ------------------------------------------------------------------------

#[tokio::test]
async fn every_mistake_of_the_settings_is_told_at_once() {
    on_sqlite(|database| async move {
        let file = Target {
            key: "webhook:file".into(),
            kind: Kind::Webhook {
                url: "file:///etc/passwd".parse().unwrap(),
                secret: None,
            },
        };
        let targets = vec![
            file.clone(),
            file,
            mail_to("not an address"),
            mail_to("a@b.example"),
        ];
        let make = |targets, smtp| {
            Sender::new(
                database.store.clone(),
                settings(targets, smtp),
                client(SOON),
                TestClock::at(NOON).shared(),
                SeededRandom::shared(1),
                Arc::new(|_, _| {}),
            )
            .map(|_| ())
            .unwrap_err()
        };
        assert_eq!(
            make(targets, None),
            [
                Mistake::Scheme("webhook:file".into()),
                Mistake::Twice("webhook:file".into()),
                Mistake::Address("not an address".into()),
                Mistake::NoServer("mail:a@b.example".into()),
            ]
        );
        let open = Smtp {
            server: "mail.example.org".into(),
            credentials: Some(Credentials {
                user: "u".into(),
                password: Secret::new("p"),
            }),
            ..smtp(25)
        };
        assert_eq!(
            make(vec![], Some(open)),
            [Mistake::OpenPassword("mail.example.org".into())]
        );
    })
    .await;
}

#[test]
fn secrets_do_not_show_when_settings_are_printed() {
    let all = settings(
        vec![
            webhook("https://hooks.example/T00/hunter2secret"),
            mail_to("duty@example.org"),
        ],
        Some(Smtp {
            credentials: Some(Credentials {
                user: "u".into(),
                password: Secret::new("p4ss"),
            }),
            ..smtp(25)
        }),
    );
    let printed = format!("{all:?}");
    for secret in [KEY, "hunter2secret", "p4ss"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    assert_eq!(shown("mail:duty@example.org"), "mail:d…@example.org");
    assert_eq!(shown("webhook:ops"), "webhook:ops");
}

#[test]
fn waits_grow_from_two_seconds_to_ten_minutes_and_never_leave_these_bounds() {
    let random = SeededRandom::new(5);
    for again in [
        Again::Soon,
        Again::Late,
        Again::After(Duration::from_secs(9999)),
    ] {
        for attempts in [i64::MIN, 0, 1, 2, 9, 10, 1000, i64::MAX] {
            for _ in 0..50 {
                let wait = wait(attempts, again, &random);
                assert!(
                    (SHORTEST..=LONGEST).contains(&wait),
                    "{again:?} {attempts}: {wait:?}"
                );
            }
        }
    }
    let waits: BTreeSet<Duration> = (0..50).map(|_| wait(12, Again::Soon, &random)).collect();
    assert!(waits.len() > 40, "they are spread");
    let last = NOON + GIVE_UP_AFTER;
    assert_eq!(
        next_try(NOON, last - Duration::from_secs(1), LONGEST),
        Some(last)
    );
    assert_eq!(next_try(NOON, last, SHORTEST), None);
}
