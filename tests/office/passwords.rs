//! Who may try a password how often, and how much hashing goes on at one time.

use std::sync::mpsc;
use std::time::Duration;

use reqwest::Response;
use siaga::domain::case::Role;
use siaga::web::devices;
use siaga::web::passwords::{Caller, HashingPlaces};

use super::staff::{Browser, PASSWORD, add};
use crate::harness::{each_store, on_sqlite};
use crate::reports::desk::{Running, start};

const MADE: &str = "made@imigrasi.example";
const KETUT: &str = "ketut@imigrasi.example";

async fn add_officer(desk: &Running, email: &str) {
    add(desk, email, Role::Officer, Some("ngurah-rai")).await;
}

/// Strangers guess at an account from ever new addresses, until it takes no further guess.
pub(super) async fn besiege(desk: &Running, email: &str) {
    for guess in 0..100 {
        let from = format!("198.51.100.{guess}");
        let answer = Browser::at(desk, &from)
            .sign_in(email, "a wrong guess")
            .await;
        match answer.status().as_u16() {
            422 => {}
            429 => return,
            other => panic!("{other}"),
        }
    }
    panic!("a hundred guesses were taken");
}

pub(super) fn status(answer: &Response) -> u16 {
    answer.status().as_u16()
}

#[tokio::test]
async fn a_browser_that_signed_in_before_gets_in_whatever_strangers_do() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add_officer(&desk, MADE).await;
        let mut counter = Browser::at(&desk, "203.0.113.7");
        assert_eq!(status(&counter.sign_in(MADE, PASSWORD).await), 303);
        besiege(&desk, MADE).await;
        let mut stranger = Browser::at(&desk, "203.0.113.7");
        let refused = stranger.sign_in(MADE, PASSWORD).await;
        assert_eq!(status(&refused), 429, "strangers are slowed down");
        assert!(refused.headers().contains_key("retry-after"));
        assert_eq!(status(&counter.sign_in(MADE, PASSWORD).await), 303);
        // Also when its whole network is over the limit, and when the session is long over.
        for _ in 0..61 {
            Browser::at(&desk, "203.0.113.7").sign_in("x", "y").await;
        }
        counter.cookies.remove("siaga");
        assert_eq!(status(&counter.sign_in(MADE, PASSWORD).await), 303);
    })
    .await;
}

#[tokio::test]
async fn the_device_cookie_says_nothing_and_grants_nothing_else() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        add_officer(&desk, MADE).await;
        add_officer(&desk, KETUT).await;
        let mut counter = Browser::at(&desk, "203.0.113.7");
        let answer = counter.sign_in(MADE, PASSWORD).await;
        let lines: Vec<&str> = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .map(|line| line.to_str().unwrap())
            .filter(|line| line.starts_with("siaga-device="))
            .collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let max_age = format!("Max-Age={}", devices::LASTS.as_secs());
        for part in ["HttpOnly", "SameSite=Strict", "Path=/", &max_age] {
            assert!(lines[0].contains(part), "{lines:?}");
        }
        let token = counter.cookies["siaga-device"].clone();
        assert_eq!(token.len(), 22, "128 random bits");
        let mut other = Browser::at(&desk, "203.0.113.8");
        other.sign_in(MADE, PASSWORD).await;
        assert_ne!(other.cookies["siaga-device"], token);
        // It opens nothing, and is nothing to another account.
        counter.cookies.remove("siaga");
        assert_eq!(status(&counter.get("/office/").await), 303);
        besiege(&desk, KETUT).await;
        assert_eq!(status(&counter.sign_in(KETUT, PASSWORD).await), 429);
        // What is malformed, made up or endless counts as no device.
        for claim in [
            "",
            "AAAA",
            &"x".repeat(3000),
            &token.replace(&token[..1], "_"),
        ] {
            counter
                .cookies
                .insert("siaga-device".to_owned(), claim.to_owned());
            assert_eq!(status(&counter.sign_in(KETUT, PASSWORD).await), 429);
        }
    })
    .await;
}

#[tokio::test]
async fn several_people_share_a_browser() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut counter = Browser::at(&desk, "203.0.113.7");
        let emails: Vec<String> = (0..17).map(|n| format!("o{n}@imigrasi.example")).collect();
        for email in &emails {
            add_officer(&desk, email).await;
            assert_eq!(status(&counter.sign_in(email, PASSWORD).await), 303);
        }
        for email in &emails[1..3] {
            besiege(&desk, email).await;
            assert_eq!(
                status(&counter.sign_in(email, PASSWORD).await),
                303,
                "{email}"
            );
        }
        besiege(&desk, &emails[0]).await;
        let oldest = counter.sign_in(&emails[0], PASSWORD).await;
        assert_eq!(status(&oldest), 429, "it holds sixteen, the newest");
    })
    .await;
}

#[tokio::test]
async fn a_stolen_device_cookie_has_a_budget_of_its_own_and_is_then_a_stranger() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        add_officer(&desk, MADE).await;
        let mut counter = Browser::at(&desk, "203.0.113.7");
        counter.sign_in(MADE, PASSWORD).await;
        let mut home = Browser::at(&desk, "203.0.113.9");
        home.sign_in(MADE, PASSWORD).await;
        besiege(&desk, MADE).await;
        let mut taken = 0;
        for guess in 0..20 {
            let mut thief = Browser::at(&desk, &format!("192.0.2.{guess}"));
            thief.cookies = counter.cookies.clone();
            if status(&thief.sign_in(MADE, "a wrong guess").await) == 422 {
                taken += 1;
            }
        }
        assert_eq!(taken, 6, "the budget of the device");
        // Another device of the same account is not touched by it.
        assert_eq!(status(&home.sign_in(MADE, PASSWORD).await), 303);
        // The thief's victim is a stranger now, no worse: the siege over, it gets in.
        desk.clock.advance(Duration::from_secs(60));
        assert_eq!(status(&counter.sign_in(MADE, PASSWORD).await), 303);
    })
    .await;
}

#[tokio::test]
async fn a_browser_is_known_for_half_a_year_after_its_last_sign_in() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add_officer(&desk, MADE).await;
        let mut counter = Browser::at(&desk, "203.0.113.7");
        counter.sign_in(MADE, PASSWORD).await;
        desk.clock.advance(devices::LASTS - Duration::from_secs(1));
        besiege(&desk, MADE).await;
        assert_eq!(status(&counter.sign_in(MADE, PASSWORD).await), 303, "known");
        desk.clock.advance(devices::LASTS);
        besiege(&desk, MADE).await;
        assert_eq!(
            status(&counter.sign_in(MADE, PASSWORD).await),
            429,
            "too long ago"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_frees_no_place_before_its_hash_is_done() {
    let places = HashingPlaces::new(1);
    let (finish, wait) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let leaving = tokio::spawn({
        let places = places.clone();
        async move {
            let work = move || {
                let _ = begun.send(());
                let _ = wait.recv();
            };
            places.run(Caller::Stranger, work).await
        }
    });
    has_begun.await.unwrap();
    leaving.abort();
    assert!(leaving.await.unwrap_err().is_cancelled());
    let next = places.run(Caller::Stranger, || ());
    tokio::pin!(next);
    let early = tokio::time::timeout(Duration::from_millis(200), &mut next).await;
    assert!(early.is_err(), "the hash of the one who left is not done");
    finish.send(()).unwrap();
    assert_eq!(next.await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_cannot_take_the_last_place_and_only_so_many_wait() {
    let places = HashingPlaces::new(2);
    let (finish, wait) = mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let strangers: Vec<_> = (0..100)
        .map(|_| {
            let (places, wait) = (places.clone(), std::sync::Arc::clone(&wait));
            tokio::spawn(async move {
                let work = move || {
                    let _ = wait.lock().unwrap().recv();
                };
                places.run(Caller::Stranger, work).await
            })
        })
        .collect();
    // Those who find too many waiting are told at once: the others cannot end before.
    let refused = async {
        while strangers.iter().filter(|one| one.is_finished()).count() < 34 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), refused)
        .await
        .unwrap();
    assert_eq!(places.run(Caller::Known, || 7).await, Ok(7));
    drop(finish);
    let mut done = 0;
    for stranger in strangers {
        done += usize::from(stranger.await.unwrap().is_ok());
    }
    assert_eq!(done, 66, "two at work, and 64 who waited");
}
