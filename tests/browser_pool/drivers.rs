//! Programs that are no drivers.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use axum::body::{Body, Bytes};
use siaga::domain::{Clock as _, Outcome};
use siaga::system::SystemClock;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::{PASSES, STALLS, World, opens_nothing, ours, own, program};
use crate::harness::folder;

/// Runs with this program as its driver; gives the message.
async fn with(path: &Path, within: Duration) -> String {
    let world = World::with(|settings| {
        settings.webdriver = own(path);
        settings.starts_within = within;
    })
    .await;
    let start = SystemClock.monotonic();
    let report = world.run(STALLS).await;
    let took = SystemClock.monotonic() - start;
    assert!(took < 2 * within + Duration::from_secs(5), "{took:?}");
    let message = ours(&report).to_owned();
    world.is_clean(&[]).await;
    opens_nothing(vec![report]).await;
    message
}

#[tokio::test]
async fn what_is_no_driver_is_told() {
    let home = folder();
    let at = |name: &str| home.path().join(name);
    let second = Duration::from_secs(1);
    std::fs::write(at("plain"), "text").unwrap();
    for (path, within, says) in [
        (
            at("missing"),
            second,
            "missing cannot be used: No such file",
        ),
        (
            at("plain"),
            second,
            "plain cannot be used: Permission denied",
        ),
        (
            program(&at("ends"), "exit 3"),
            second * 10,
            "ends cannot be used: it ended at once",
        ),
        (
            program(&at("talks"), "echo Good morning"),
            second * 10,
            "it does not say where it listens, but \"Good morning\"",
        ),
        (
            program(&at("babbles"), "exec yes rubbish"),
            second * 10,
            "it does not say where it listens, but \"",
        ),
        (
            program(&at("sleeps"), "sleep 600 & sleep 600"),
            second,
            "sleeps cannot be used: it does not listen within 1 s",
        ),
        (
            program(&at("lies"), "echo on port 9.; exec sleep 600"),
            second * 10,
            "no browser starts: ",
        ),
    ] {
        let message = with(&path, within).await;
        assert!(message.contains(says), "{message}");
    }
}

#[tokio::test]
async fn a_driver_whose_port_was_taken_draws_another() {
    let home = folder();
    // Whoever the driver runs as, it counts.
    std::fs::set_permissions(home.path(), Permissions::from_mode(0o777)).unwrap();
    let drawn = home.path().join("drawn");
    let taken = |times: usize| {
        let script = format!(
            "echo >>{drawn}\n[ $(wc -l <{drawn}) -gt {times} ] && exec chromedriver \"$@\"\n\
             echo 'IPv4 port not available. Exiting...'; exit 1",
            drawn = drawn.display()
        );
        program(&home.path().join(format!("taken-{times}")), &script)
    };
    let twice = taken(2);
    let world = World::with(|settings| settings.webdriver = own(&twice)).await;
    let report = world.run(PASSES).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    world.is_clean(&[]).await;

    std::fs::remove_file(&drawn).unwrap();
    let message = with(&taken(9), Duration::from_secs(10)).await;
    assert!(message.contains("IPv4 port not available"), "{message}");
    let draws = std::fs::read_to_string(&drawn).unwrap().lines().count();
    assert_eq!(draws, 3);
}

/// A program that says that it listens where we do.
async fn pretender(home: &Path) -> (TcpListener, std::path::PathBuf) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let text = format!("echo was started successfully on port {port}.; exec sleep 600");
    (listener, program(&home.join("pretends"), &text))
}

#[tokio::test]
async fn a_driver_that_accepts_and_never_answers_is_given_up() {
    let home = folder();
    let (listener, path) = pretender(home.path()).await;
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    let message = with(&path, Duration::from_secs(2)).await;
    assert!(message.contains("none within 2 s"), "{message}");
    held.abort();
}

#[tokio::test]
async fn a_driver_whose_answer_never_ends_does_not_fill_the_memory() {
    let home = folder();
    let (listener, path) = pretender(home.path()).await;
    let endless = axum::Router::new().fallback(|| async {
        let piece = Bytes::from(vec![b' '; 1 << 20]);
        let pieces = futures_util::stream::repeat_with(move || {
            Ok::<_, std::convert::Infallible>(piece.clone())
        });
        Body::from_stream(pieces)
    });
    let served = tokio::spawn(async move { axum::serve(listener, endless).await });
    let message = with(&path, Duration::from_secs(30)).await;
    assert!(message.contains("no browser starts"), "{message}");
    served.abort();
}

#[tokio::test]
async fn a_driver_that_answers_rubbish_is_told() {
    let home = folder();
    let (listener, path) = pretender(home.path()).await;
    let served = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 smtp.example.org ESMTP\r\n").await;
        }
    });
    let message = with(&path, Duration::from_secs(5)).await;
    assert!(message.contains("no browser starts"), "{message}");
    served.abort();
}

#[tokio::test]
async fn the_next_run_has_a_driver_again() {
    let home = folder();
    let path = home.path().join("chromedriver");
    let world = World::with(|settings| settings.webdriver = own(&path)).await;
    let report = world.run(PASSES).await;
    assert!(ours(&report).contains("No such file"));
    std::os::unix::fs::symlink("/usr/bin/chromedriver", &path).unwrap();
    assert_eq!(world.run(PASSES).await.outcome, Outcome::Passed);
    world.is_clean(&[]).await;
}
