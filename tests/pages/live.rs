//! From observations in the store to what a reader's browser gets.

use std::sync::Arc;
use std::time::Duration;

use siaga::detect::Detector;
use siaga::domain::outage::{Rules, Severity, State, Unseen};
use siaga::domain::{Engine, Moment, Outcome};
use siaga::store::monitor::{self, Announced};
use siaga::store::outages;
use siaga::web::publish::{self, Pace};
use siaga::web::reading::Reader;
use siaga::web::render::before_the_first_snapshot;
use siaga::web::snapshot::Overall;
use siaga::web::{Lang, PageCache};
use tokio::sync::watch;

use super::fixture;
use crate::harness::{
    Database, FAILED, NOON, SeededRandom, TestClock, at, component, each_store, eventually,
    on_sqlite, run, upload_run,
};

const LONG: Duration = Duration::from_secs(20);
const DAY: i64 = 24 * 3600;

fn reader(db: &Database) -> Reader {
    Reader {
        store: db.store.clone(),
        site: Arc::new(fixture::site()),
        components: [component("sign-in"), component("upload")].into(),
        rules: Arc::new(Rules::default()),
    }
}

fn detector(db: &Database, clock: &TestClock) -> Detector {
    let zone = fixture::site().zone.time_zone();
    let random = SeededRandom::shared(1);
    Detector::new(
        db.store.clone(),
        Rules::default(),
        zone,
        vec![],
        clock.shared(),
        random,
    )
}

async fn record(db: &Database, from: i64, outcomes: &[Outcome]) {
    let clock = TestClock::at(NOON);
    let runs = outcomes
        .iter()
        .zip(0..)
        .map(|(outcome, n)| upload_run(at(from + 60 * n), *outcome))
        .collect();
    detector(db, &clock).record_all(runs).await.unwrap();
}

#[tokio::test]
async fn an_empty_store_reads_as_unknown() {
    each_store(|db| async move {
        let snapshot = reader(&db).read(NOON, None).await.unwrap();
        assert_eq!(snapshot.overall(), Overall::Unknown);
        let keys: Vec<&str> = snapshot.components.iter().map(|c| c.id.as_str()).collect();
        assert_eq!(keys, ["sign-in", "upload"]);
        assert_eq!(snapshot.components[0].state, State::Unknown(Unseen::NoData));
        assert_eq!(snapshot.watched_since, None);
    })
    .await;
}

#[tokio::test]
async fn a_snapshot_holds_what_was_seen() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        // The last one meets the same page at another step.
        let failing = |n: i64, vantage: &str| {
            let step = if n == -180 { "Photo" } else { "Upload" };
            run(at(n))
                .vantage(vantage)
                .step(step, "upload", FAILED)
                .error_page("kendala", "0123456789abcdef")
                .rung("jpeg", 1_900_000, n > 0, true)
                .done()
        };
        let runs = vec![
            upload_run(at(-600), Outcome::Passed),
            failing(-300, "jakarta"),
            failing(-240, "jakarta"),
            failing(-180, "jakarta"),
        ];
        detector(&db, &clock).record_all(runs).await.unwrap();
        let window = siaga::domain::outage::Maintenance {
            component: Some(component("sign-in")),
            from: at(3600),
            until: at(7200),
        };
        db.store
            .write(move |mut conn| {
                Box::pin(async move {
                    let announced = Announced {
                        id: "m-1".to_owned(),
                        window,
                        title_id: "Pembaruan".to_owned(),
                        title_en: "Update".to_owned(),
                        series: "m-1".to_owned(),
                        notice_url: None,
                    };
                    monitor::announce(&mut conn, &announced, "ani", NOON).await?;
                    monitor::open_gap(&mut conn, "jakarta", "cut_off", at(-200)).await
                })
            })
            .await
            .unwrap();

        let reader = reader(&db);
        let first = reader.read(NOON, None).await.unwrap();
        let upload = &first.components[1];
        assert_eq!(upload.state, State::Trouble(Severity::Down));
        assert_eq!(upload.since, Some(at(-300)));
        assert_eq!(upload.days.len(), 90);
        assert_eq!(upload.days[89].tally.unwrap().failed, 3);
        assert_eq!(first.components[0].state, State::Unknown(Unseen::NoData));
        assert_eq!(first.overall(), Overall::Outage);

        let outage = &first.outages[0];
        assert_eq!(first.outages.len(), 1);
        assert_eq!(outage.failures, 3);
        assert_eq!(outage.vantages, ["jakarta"]);
        assert_eq!(outage.error_pages.len(), 1, "one page, met at two steps");
        assert_eq!(outage.error_pages[0].count, 3);
        assert_eq!(outage.error_pages[0].first_at, at(-300));
        assert_eq!(outage.gaps.len(), 1);
        assert_eq!(first.ladder.len(), 1);
        assert!(!first.ladder[0].accepted && first.ladder[0].allowed);
        assert_eq!(first.maintenance[0].titles, ["Pembaruan", "Update"]);

        // Read on top of an earlier snapshot it is the same, open and closed.
        let again = reader
            .read(NOON, Some(Arc::new(first.clone())))
            .await
            .unwrap();
        assert_eq!(again, first);
        record(&db, 60, &[Outcome::Passed, Outcome::Passed]).await;
        let closed = reader.read(at(200), Some(Arc::new(again))).await.unwrap();
        assert_eq!(closed.outages[0].record.ended_at, Some(at(60)));
        assert_eq!(closed.outages[0].updates.len(), 2);
        let fresh = reader.read(at(200), None).await.unwrap();
        assert_eq!(
            reader.read(at(200), Some(Arc::new(closed))).await.unwrap(),
            fresh
        );
    })
    .await;
}

fn quick() -> Pace {
    Pace {
        tick: Duration::from_millis(20),
        rest: Duration::from_millis(1),
        ..Pace::default()
    }
}

struct Publishing {
    cache: Arc<PageCache>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

fn publishing(db: &Database, clock: &TestClock, pace: Pace) -> Publishing {
    publishing_by(db, Rules::default(), clock, pace)
}

fn publishing_by(db: &Database, rules: Rules, clock: &TestClock, pace: Pace) -> Publishing {
    let first = before_the_first_snapshot(&fixture::site(), NOON);
    let cache = Arc::new(PageCache::by(clock.shared(), first));
    let (stop, stopped) = watch::channel(false);
    let reader = Reader {
        rules: Arc::new(rules),
        ..reader(db)
    };
    let running = publish::run(reader, Arc::clone(&cache), clock.shared(), pace, stopped);
    Publishing {
        task: tokio::spawn(running),
        cache,
        stop,
    }
}

impl Publishing {
    fn says(&self, words: &str) -> bool {
        let pages = self.cache.current();
        let home = pages.get("/", Lang::En).unwrap();
        String::from_utf8_lossy(home.bytes()).contains(words)
    }

    async fn comes_to_say(&self, words: &str) {
        eventually(words, LONG, || async { self.says(words) }).await;
    }
}

#[tokio::test]
async fn the_pages_follow_the_store_without_a_tick() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        // Only changes wake it: the tick is longer than the test may take.
        let pace = Pace {
            tick: LONG * 10,
            ..quick()
        };
        let publishing = publishing(&db, &clock, pace);
        assert!(publishing.says("We cannot say whether the site works"));
        record(&db, -600, &[Outcome::Passed, Outcome::Passed]).await;
        publishing.comes_to_say("No fault seen").await;
        record(&db, -120, &[FAILED, FAILED]).await;
        publishing.comes_to_say("The site is not working").await;
        let open = reader(&db).read(NOON, None).await.unwrap();
        let path = format!("/outages/{}", open.outages[0].record.id);
        assert!(publishing.cache.has(&path));
        publishing.stop.send_replace(true);
        publishing.task.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn pages_turn_unknown_when_the_store_falls_silent() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        record(&db, -120, &[Outcome::Passed, Outcome::Passed]).await;
        let publishing = publishing(&db, &clock, quick());
        publishing.comes_to_say("No fault seen").await;
        db.store.close().await;
        clock.advance(Duration::from_secs(121));
        publishing
            .comes_to_say("We cannot say whether the site works")
            .await;
        publishing.stop.send_replace(true);
        publishing.task.await.unwrap();
    })
    .await;
}

const UNKNOWN: &str = "We cannot say whether the site works";
const ALL_WELL: &str = ">The site works<";

#[tokio::test]
async fn what_was_published_is_believed_for_a_time_only_whatever_becomes_of_the_publisher() {
    on_sqlite(|db| async move {
        let clock = TestClock::at(NOON);
        record(&db, -120, &[Outcome::Passed, Outcome::Passed]).await;
        let publishing = publishing(&db, &clock, quick());
        publishing.comes_to_say("No fault seen").await;
        // It hangs, it panics, or the whole process is stopped for two minutes: nobody renews.
        publishing.task.abort();
        assert!(publishing.task.await.unwrap_err().is_cancelled());
        clock.advance(Duration::from_secs(119));
        assert!(publishing.cache.has("/outages"));
        let says = |words: &str| {
            let pages = publishing.cache.current();
            let home = pages.get("/", Lang::En).unwrap();
            let status = pages.get("/api/v1/status", Lang::En).unwrap();
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            (
                text(home.bytes()).contains(words),
                text(status.bytes()).contains("operational"),
            )
        };
        assert_eq!(says("No fault seen"), (true, true));
        clock.advance(Duration::from_secs(1));
        assert_eq!(says(UNKNOWN), (true, false));
    })
    .await;
}

/// Writing fails and reading works: what a flow said that runs rarely would hold for an hour.
#[tokio::test]
async fn pages_turn_unknown_when_nothing_is_recorded_any_more() {
    each_store(|db| async move {
        let clock = TestClock::at(NOON);
        let fresh_for = |flow: &str, seconds| {
            let key = (flow.to_owned(), Engine::Http);
            (key, Duration::from_secs(seconds))
        };
        let rules = Rules {
            fresh_for: [fresh_for("quick", 180), fresh_for("rare", 3600)].into(),
            ..Rules::default()
        };
        let detector = Detector::new(
            db.store.clone(),
            rules.clone(),
            fixture::site().zone.time_zone(),
            vec![],
            clock.shared(),
            SeededRandom::shared(1),
        );
        let passed = |flow: &str, of: &str, from| {
            let step = run(from).flow(flow).step("Look", of, Outcome::Passed);
            step.done()
        };
        let at_first = vec![
            passed("rare", "upload", NOON),
            passed("quick", "upload", NOON),
            passed("quick", "sign-in", at(1)),
        ];
        detector.record_all(at_first).await.unwrap();
        // Pages that expire by themselves would say the same.
        let pace = Pace {
            stale_after: Duration::from_secs(3600),
            ..quick()
        };
        let publishing = publishing_by(&db, rules.clone(), &clock, pace);
        publishing.comes_to_say(ALL_WELL).await;

        let now = NOON + Duration::from_secs(200);
        clock.advance(Duration::from_secs(200));
        publishing.comes_to_say(UNKNOWN).await;
        let metrics = siaga::telemetry::Metrics::new().unwrap();
        let parts = [component("upload")];
        metrics.refresh(&db.store, &rules, &parts, now).await;
        let unknown = r#"siaga_component_state{component="upload",state="unknown"} 1"#;
        assert!(metrics.render().contains(unknown));

        let again = vec![passed("quick", "sign-in", now)];
        detector.record_all(again).await.unwrap();
        publishing.comes_to_say(ALL_WELL).await;
        metrics.refresh(&db.store, &rules, &parts, now).await;
        assert!(!metrics.render().contains(unknown));
        publishing.stop.send_replace(true);
        publishing.task.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_page_green() {
    on_sqlite(|db| async move {
        let clock = TestClock::at(NOON);
        record(&db, -120, &[Outcome::Passed, Outcome::Passed]).await;
        let publishing = publishing(&db, &clock, quick());
        publishing.comes_to_say("No fault seen").await;
        // Sixteen minutes pass in which nothing is recorded, and the clock shows none of them.
        clock.advance(Duration::from_secs(16 * 60));
        clock.set(NOON);
        publishing.comes_to_say(UNKNOWN).await;
        record(&db, 1, &[Outcome::Passed]).await;
        publishing.comes_to_say("No fault seen").await;
        publishing.stop.send_replace(true);
        publishing.task.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn outages_older_than_the_pages_are_found_when_asked_for() {
    each_store(|db| async move {
        let old = -120 * DAY;
        let passed = Outcome::Passed;
        record(&db, old, &[passed, FAILED, FAILED, passed, passed]).await;
        record(&db, -120, &[passed, passed]).await;
        let clock = TestClock::at(NOON);
        let snapshot = reader(&db).read(NOON, None).await.unwrap();
        assert!(snapshot.outages.is_empty(), "it is older than the pages");
        let id = first_outage(&db, at(old)).await;

        let router = siaga::web::archive::router(reader(&db), clock.shared());
        let server = super::serving::start_with(router).await;
        let page = server.get(&format!("/en/outages/{id}")).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("Document upload: Outage"));
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
        let page = server.get("/id/outages/2026-04").await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.text().contains("April 2026") && page.text().contains(&id));
        let json = server.get(&format!("/api/v1/outages/{id}")).await;
        assert_eq!(json.header("access-control-allow-origin"), Some("*"));
        let json: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
        assert_eq!(json["component"], "upload");
        for missing in [
            "2026-03", "2026-09", "9999-12", "0000-01", "nothing", "%00", "2026-4",
        ] {
            let page = server.get(&format!("/outages/{missing}")).await;
            assert_eq!(page.status, 404, "{missing}");
            assert!(page.text().contains("There is no page here"), "{missing}");
        }
        assert_eq!(server.get("/api/v1/outages/nothing").await.status, 404);

        db.store.close().await;
        let silent = server.get(&format!("/en/outages/{id}")).await;
        assert_eq!(silent.status, 503);
        assert!(silent.header("retry-after").is_some());
    })
    .await;
}

async fn first_outage(db: &Database, around: Moment) -> String {
    let day = Duration::from_secs(24 * 3600);
    let found = db
        .store
        .read(move |mut conn| {
            Box::pin(
                async move { outages::touching(&mut conn, around - day, around + day, 10).await },
            )
        })
        .await
        .unwrap();
    found[0].id.clone()
}
