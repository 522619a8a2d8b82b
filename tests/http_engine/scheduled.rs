//! The scheduler: a failure is tried again, and doubted when the controls fail too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use siaga::domain::{Fault, Outcome, Why};
use siaga::probe::definition::{Flow, Role};
use siaga::probe::scheduler::{Finished, Plan, Settings, run};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::flow;
use super::server::{answer, page, plain};
use crate::harness::probing::{target, tools};

const SITE: &str = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n\
                    [[step]]\nname = \"b\"\ncomponent = \"web\"\nvisit = \"/\"\n";
const CONTROL: &str = "role = \"control\"\n[[step]]\nname = \"c\"\nvisit = \"${CONTROL}\"\n";

struct Running {
    reports: mpsc::Receiver<Finished>,
    stop: watch::Sender<bool>,
    done: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(flows: Vec<Flow>, site: &str, controls: &[&str]) -> Self {
        Running::start_at(1.0, flows, site, controls)
    }

    fn start_at(pace: f64, flows: Vec<Flow>, site: &str, controls: &[&str]) -> Self {
        let mut target = target(site);
        target.controls = controls.iter().map(|url| url.parse().unwrap()).collect();
        let settings = Settings {
            retry_after: Duration::from_millis(10),
            pace,
            ..Settings::default()
        };
        let flows = flows.into_iter().map(Arc::new).collect();
        let plan = Plan {
            flows,
            target: Arc::new(target),
            tools: tools(),
            settings,
        };
        let (sender, reports) = mpsc::channel(16);
        let (stop, stopping) = watch::channel(false);
        let done = tokio::spawn(async move { run(plan, sender, stopping).await.unwrap() });
        Running {
            reports,
            stop,
            done,
        }
    }

    async fn next(&mut self) -> Finished {
        let next = timeout(Duration::from_secs(20), self.reports.recv()).await;
        next.expect("a report in time")
            .expect("a scheduler that goes on")
    }
}

#[tokio::test]
async fn flows_run_again_and_again_until_the_scheduler_is_stopped() {
    let server = plain(|_| page("")).await;
    let mut running = Running::start(vec![flow(SITE), flow(SITE)], &server.url, &[]);
    for _ in 0..4 {
        let finished = running.next().await;
        assert_eq!(finished.report.outcome, Outcome::Passed);
        assert!(!finished.retry);
    }
    running.stop.send(true).unwrap();
    timeout(Duration::from_secs(5), running.done)
        .await
        .expect("it stops")
        .unwrap();
}

#[tokio::test]
async fn a_failure_is_tried_again_at_once() {
    let broken = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&broken);
    let server = plain(move |_| {
        if seen.swap(false, Ordering::SeqCst) {
            answer("500 Oops", "", "")
        } else {
            page("")
        }
    })
    .await;
    let up = plain(|_| page("")).await;
    let mut running = Running::start(
        vec![flow(SITE), flow(CONTROL)],
        &server.url,
        &[up.url.as_str()],
    );
    let mut of_site = Vec::new();
    while of_site.len() < 2 {
        let finished = running.next().await;
        if finished.role == Role::Site {
            of_site.push((finished.report.outcome, finished.retry));
        }
    }
    assert_eq!(
        of_site,
        [
            (Outcome::Failed(Fault::Status), false),
            (Outcome::Passed, true)
        ]
    );
    assert!(!up.seen().is_empty());
}

#[tokio::test]
async fn what_runs_rarely_runs_often_until_it_passes_twice() {
    let broken = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&broken);
    let server = plain(move |_| match seen.load(Ordering::SeqCst) {
        true => answer("500 Oops", "", ""),
        false => page(""),
    })
    .await;
    let mut daily = flow(SITE);
    daily.every.http = Some(Duration::from_secs(24 * 3600));
    // A day is 43 seconds, longer than this waits for a report.
    let mut running = Running::start_at(0.0005, vec![daily], &server.url, &[]);
    let failed = Outcome::Failed(Fault::Status);
    for retry in [false, true, false, true] {
        let finished = running.next().await;
        assert_eq!((finished.report.outcome, finished.retry), (failed, retry));
    }
    broken.store(false, Ordering::SeqCst);
    let mut passed = 0;
    while passed < 2 {
        passed += usize::from(running.next().await.report.outcome == Outcome::Passed);
    }
}

#[tokio::test]
async fn when_the_controls_fail_too_the_run_says_nothing() {
    let dead = "http://127.0.0.1:9/";
    let mut running = Running::start(vec![flow(SITE), flow(CONTROL)], dead, &[dead]);
    let mut of_site = Vec::new();
    while of_site.len() < 2 {
        let finished = running.next().await;
        if finished.role == Role::Site {
            of_site.push(finished);
        }
    }
    for finished in of_site {
        // Not repeated at once: there is nothing to confirm.
        assert!(!finished.retry);
        assert_eq!(finished.report.outcome, Outcome::Inconclusive(Why::CutOff));
        let observations = finished.report.observations();
        assert_eq!(observations.len(), 1);
        assert_eq!(observations[0].outcome, Outcome::Inconclusive(Why::CutOff));
    }
}

#[tokio::test]
async fn a_stopped_scheduler_breaks_runs_off_and_cleans_up() {
    let server = plain(|_| page("")).await;
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n\
                 [[step]]\nname = \"b\"\ncomponent = \"web\"\nwait = \"1h\"\n\
                 [[cleanup]]\nname = \"c\"\nvisit = \"/clean\"\n";
    let mut running = Running::start(vec![flow(steps)], &server.url, &[]);
    let begun = async {
        while server.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), begun)
        .await
        .expect("it begins");
    running.stop.send(true).unwrap();
    timeout(Duration::from_secs(5), running.done)
        .await
        .expect("it stops")
        .unwrap();
    assert_eq!(server.lines(), ["GET /", "GET /clean"]);
    assert!(
        running.reports.try_recv().is_err(),
        "a run broken off is not told of"
    );
}
