//! Drivers and browsers that are killed or stopped in the middle of a step.

use std::time::Duration;

use siaga::domain::{Outcome, Why};
use siaga::probe::browser::{Destinations, Event};
use tokio::sync::watch;

use super::{BOUND, Inhabitant, STALLS, World, folders, inhabitants, opens_nothing, ours};
use crate::harness::eventually;
use crate::harness::processes::SOON;

async fn breaks(who: fn(&Inhabitant) -> bool, signal: &str) {
    let world = World::new().await;
    let (report, took, there) = world
        .meanwhile(|there| {
            let found: Vec<_> = there.iter().filter(|one| who(one)).collect();
            assert_eq!(found.len(), 1, "{there:#?}");
            found[0].signal(signal);
        })
        .await;
    assert!(there.len() > 3, "{there:?}");
    let message = ours(&report);
    assert!(message.contains("browser"), "{message}");
    assert_eq!(report.steps[0].outcome, Outcome::Passed);
    assert!(took < BOUND, "{took:?}");
    let next = world.recovers(&there).await;
    opens_nothing(vec![next.clone(), report, next]).await;
}

#[tokio::test]
async fn a_driver_killed_mid_step_costs_one_run() {
    breaks(Inhabitant::is_driver, "KILL").await;
}

#[tokio::test]
async fn a_browser_killed_mid_step_costs_one_run() {
    breaks(Inhabitant::is_browser, "KILL").await;
}

#[tokio::test]
async fn a_driver_that_accepts_and_never_answers_mid_step_costs_one_run() {
    breaks(Inhabitant::is_driver, "STOP").await;
}

#[tokio::test]
async fn a_browser_that_stands_still_mid_step_costs_one_run() {
    breaks(Inhabitant::is_browser, "STOP").await;
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing_and_gives_its_place_back() {
    let world = World::new().await;
    let mut there = Vec::new();
    tokio::select! {
        report = world.run(STALLS) => panic!("it stalls: {report:#?}"),
        () = async {
            world.asked.notified().await;
            there = inhabitants(&world.parent).iter().map(|one| one.id).collect();
        } => {}
    }
    assert!(there.len() > 3, "{there:?}");
    world.browsers.rest(SOON).await;
    world.recovers(&there).await;
}

#[tokio::test]
async fn a_run_that_is_dropped_while_its_browser_starts_leaves_nothing() {
    let world = World::new().await;
    for wanted in [1, 2, 5] {
        tokio::select! {
            report = world.run(STALLS) => panic!("it stalls: {report:#?}"),
            () = eventually("somebody is there", SOON, || async {
                inhabitants(&world.parent).len() >= wanted
            }) => {}
        }
        world.browsers.rest(SOON).await;
        world.is_clean(&[]).await;
    }
    world.recovers(&[]).await;
}

#[tokio::test]
async fn a_run_that_is_stopped_is_broken_off_and_leaves_nothing() {
    let world = World::new().await;
    let (stop, stopped) = watch::channel(false);
    let stopping = async {
        world.asked.notified().await;
        stop.send(true).unwrap();
    };
    let (report, ()) = tokio::join!(world.run_until(STALLS, Some(stopped.clone())), stopping);
    assert_eq!(report.outcome, Outcome::Inconclusive(Why::Stopped));
    world.is_clean(&[]).await;
    // Nor is one started when it is to stop already.
    let report = world.run_until(STALLS, Some(stopped)).await;
    assert_eq!(report.outcome, Outcome::Inconclusive(Why::Stopped));
    world.recovers(&[]).await;
}

#[tokio::test]
async fn it_starts_in_a_folder_whose_path_is_longer_than_that_of_a_socket_may_be() {
    let home = crate::harness::folder();
    let world = World::with(|settings| {
        settings.folder = home.path().join("far".repeat(40)).join("away".repeat(20));
    })
    .await;
    world.recovers(&[]).await;
}

#[tokio::test]
async fn who_finds_no_place_is_left_out() {
    let world = World::with(|settings| settings.patience = Duration::from_millis(300)).await;
    let browser = world
        .browsers
        .start(&Destinations::default())
        .await
        .unwrap();
    assert_eq!(folders(&world.parent).len(), 1);
    let report = world.run(STALLS).await;
    let message = ours(&report);
    assert!(message.contains("no browser became free"), "{message}");
    browser.end().await;
    let next = world.recovers(&[]).await;
    opens_nothing(vec![next.clone(), report, next]).await;
    let events = world.events.lock().unwrap();
    assert!(
        matches!(
            events[..],
            [
                Event::Started(_),
                Event::NotStarted("busy"),
                Event::Ended(_),
                Event::Started(_),
                Event::Ended(_)
            ]
        ),
        "{events:?}"
    );
}

#[tokio::test]
async fn with_too_little_memory_no_browser_is_started() {
    let world = World::with(|settings| settings.free_memory = u64::MAX).await;
    let report = world.run(STALLS).await;
    let message = ours(&report);
    assert!(message.contains("MB of memory are free"), "{message}");
    world.is_clean(&[]).await;
}

#[tokio::test]
async fn at_most_as_many_as_there_are_slots_run_at_once() {
    let world = World::with(|settings| settings.slots = 2).await;
    let most = std::sync::atomic::AtomicUsize::new(0);
    let count = async {
        loop {
            let now = folders(&world.parent).len();
            most.fetch_max(now, std::sync::atomic::Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let run = || world.run(super::PASSES);
    let all = async { tokio::join!(run(), run(), run(), run()) };
    let (a, b, c, d) = tokio::select! {
        all = all => all,
        () = count => unreachable!(),
    };
    for report in [a, b, c, d] {
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    }
    assert_eq!(most.into_inner(), 2);
    world.is_clean(&[]).await;
}
