//! A rotation that is killed again and again, while the service takes reports and offices look
//! them up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use siaga::app::keys::KeyKeeper;
use siaga::config::{Config, Environment, MasterKeys as Configured};
use siaga::store::Store;
use siaga::store::seal::{KeyRing, MasterKeys};
use siaga::system::{SystemClock, SystemRandom};

use super::rotated::{all_there, fill, passport, states};
use super::{by_passport, by_reference, execute};
use crate::harness::processes::{
    HOME, SOON, Setup, Siaga, Site, picture, post_acknowledged, postgres_address_of_its_own,
    report_body,
};
use crate::harness::{eventually, sqlite_address};

/// Reports that are there before.
const COUNT: u32 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_anywhere_goes_on_and_loses_nothing_on_sqlite() {
    let site = Site::start().await;
    let setup = Setup::of(&site);
    let address = sqlite_address(&setup.data.join("siaga.db"));
    killed(setup, &address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_anywhere_goes_on_and_loses_nothing_on_postgres() {
    let schema = postgres_address_of_its_own().await;
    let site = Site::start().await;
    let setup = Setup::of(&site).database(&schema.address);
    killed(setup, &schema.address).await;
    schema.drop().await;
}

/// The keys in the file of keys, in its order.
fn in_file(config: &Config) -> MasterKeys {
    let (read, _) = Configured::read(config).expect("keys");
    let keys = read.iter().map(|(id, key)| (id.to_owned(), *key)).collect();
    MasterKeys::new(keys).expect("a key")
}

async fn on_key(store: &Store, key: &'static str) -> i64 {
    store
        .read(move |mut conn| {
            Box::pin(async move {
                let sql = "SELECT COUNT(*) FROM reports WHERE key_id = $1";
                conn.number(sql, vec![key.into()]).await
            })
        })
        .await
        .expect("a number")
}

/// A report as it is sent: the passport, which is its idempotency key too, and the body.
type Sent = (String, (String, Vec<u8>));

async fn killed(setup: Setup, address: &str) {
    let setup = setup
        .flows(&[HOME])
        .without("SIAGA_MASTER_KEY")
        .and("[reports]\nper_address_hour = 100000\n");
    let mut siaga = setup.run().await;
    let config = Config::open(&setup.config(), &Environment::default()).expect("right");
    let store = Store::open(address)
        .await
        .expect("it opens beside the service");
    fill(&store, &in_file(&config), 1, COUNT).await;
    // They are of another year; the service is not to erase them.
    let kept = "UPDATE reports SET erase_at = erase_at + 1000000000000";
    execute(&store, kept).await.expect("they are kept");

    // An office looks up one after the other, as a service does that loads keys when told.
    let running = Arc::new(AtomicBool::new(true));
    let ring = KeyRing::from(in_file(&config));
    let clock = Arc::new(SystemClock);
    let mut keeper = KeyKeeper::new(
        config.clone(),
        store.clone(),
        ring.clone(),
        clock,
        &SystemRandom,
    );
    let office = {
        let (store, running) = (store.clone(), Arc::clone(&running));
        tokio::spawn(async move {
            for number in (1..=COUNT).cycle() {
                if !running.load(Ordering::SeqCst) {
                    return;
                }
                keeper.look().await.expect("the database answers");
                let found = by_passport(&store, &ring.get(), &passport(number)).await;
                assert_eq!(found, [format!("REF-{number}")]);
                let case = by_reference(&store, number).await;
                assert!(case.open(&ring.get()).expect("it opens").is_some());
            }
        })
    };
    // Applicants report; each is sent twice, and must get the same secret.
    let acknowledged: Arc<Mutex<Vec<(Sent, Value)>>> = Arc::default();
    let applicants = {
        let (client, url) = (siaga.client.clone(), siaga.url.clone());
        let (running, acknowledged) = (Arc::clone(&running), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            for number in 0.. {
                let passport = format!("R{number:06}");
                let report = report_body(&passport, &picture());
                // The service is killed in between: then the same is sent again.
                let body = loop {
                    let sent = post_acknowledged(&client, &url, &passport, &report).await;
                    if let Some(body) = sent {
                        break body;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                };
                let sent = (passport, report);
                acknowledged.lock().expect("a list").push((sent, body));
                if !running.load(Ordering::SeqCst) {
                    return;
                }
            }
        })
    };

    let is_made = || async { in_file(&config).holds("2") };
    let is_announced = || async { states(&store).await.contains("2 announced") };
    let is_current = || async { states(&store).await.contains("2 current") };
    let some = || async { on_key(&store, "2").await > 0 };
    let many = || async { on_key(&store, "1").await < i64::from(COUNT / 2) };
    for stage in 0..5 {
        let mut rotation = setup.spawn_command(&["keys", "rotate"]);
        let begun = "the rotation comes so far";
        match stage {
            0 => eventually(begun, SOON, is_made).await,
            1 => eventually(begun, SOON, is_announced).await,
            2 => eventually(begun, SOON, is_current).await,
            3 => eventually(begun, SOON, some).await,
            _ => eventually(begun, SOON, many).await,
        }
        rotation.kill();
        if stage == 1 || stage == 3 {
            siaga.process.kill();
            siaga = setup.run().await;
        }
    }
    let (code, said) = setup.command(&["keys", "rotate"], "");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Going on with the rotation to `2`"), "{said}");
    assert!(
        said.contains("Everything that can be is on `2` now"),
        "{said}"
    );
    running.store(false, Ordering::SeqCst);
    let (office, applicants) = tokio::join!(office, applicants);
    office.expect("an office always finds");
    applicants.expect("reports are always taken");

    assert_eq!(
        in_file(&config).ids().collect::<Vec<_>>(),
        ["1", "2"],
        "one new key, not one a kill"
    );
    assert_eq!(states(&store).await, "1 retiring, 2 current");
    assert_eq!(on_key(&store, "1").await, 0);
    let only = in_file(&config)
        .with_current("2")
        .expect("held")
        .filtered(|_| false);
    all_there(&store, &only, COUNT).await;
    let acknowledged = acknowledged.lock().expect("a list").clone();
    assert!(!acknowledged.is_empty());
    for ((key, report), body) in acknowledged {
        let key = &key;
        let found = by_passport(&store, &only, key).await;
        assert_eq!(
            found,
            [body["reference"].as_str().expect("a reference")],
            "{key}"
        );
        let again = post_acknowledged(&siaga.client, &siaga.url, key, &report)
            .await
            .expect("an answer");
        assert_eq!(again["secret"], body["secret"], "{key}");
        assert_eq!(again["reference"], body["reference"], "{key}");
    }
    told(&setup, &mut siaga).await;
    store.close().await;
}

/// What the command line says then.
async fn told(setup: &Setup, siaga: &mut Siaga) {
    let (code, said) = setup.command(&["keys", "status"], "");
    assert_eq!(code, Some(0), "{said}");
    for words in [
        "Master keys in ",
        "retiring",
        "current",
        "Running: main on ",
        "It holds 2 and 1, seals with 2",
        "`1` is needed by ",
        "follow-up secrets (the request of the last may be repeated until ",
        "Then `siaga keys drop 1` removes it",
    ] {
        assert!(said.contains(words), "{words} is not in {said}");
    }
    let (code, said) = setup.command(&["keys", "drop", "1"], "");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the master key `1` is needed by "), "{said}");
    let running = |said: &str| said.matches("Running: ").count();
    let before = running(&setup.command(&["keys", "status"], "").1);
    siaga.process.stop().await;
    let (_, said) = setup.command(&["keys", "status"], "");
    assert!(running(&said) < before, "who ends in order says so: {said}");
}
