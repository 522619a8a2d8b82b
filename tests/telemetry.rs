//! What the process says of itself: metrics, readiness, logs, and the rules and dashboards
//! made of them.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use http_body_util::BodyExt;
use jiff::tz::TimeZone;
use regex::Regex;
use siaga::detect::Detector;
use siaga::disk::Disk;
use siaga::domain::disk::{FreeSpace, Reserve};
use siaga::domain::outage::{Rules, Severity, State};
use siaga::domain::printable::one_line;
use siaga::domain::{Fault, Moment, Outcome, RunReport};
use siaga::notify::Attempt;
use siaga::store::outbox;
use siaga::telemetry::{self, Metrics, Redacting, redacted};
use siaga::web::operations::{self, Operations, measured, route_class};
use tower::ServiceExt;

use crate::harness::{
    CUT_OFF, NOON, SeededRandom, TestClock, at, component, each_store, eventually, on_sqlite, run,
    upload_run,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/dashboards");

fn has(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "`{line}` in\n{text}");
}

/// A run with everything that can be measured.
fn measured_run(started_at: Moment) -> RunReport {
    let mut run = run(started_at)
        .step("Sign in", "sign-in", Outcome::Passed)
        .step("Upload", "upload", Outcome::Failed(Fault::ErrorPage))
        .step("Withdraw", "upload", Outcome::Failed(Fault::Status))
        .cleanup()
        .done();
    for (step, milliseconds) in run.steps.iter_mut().zip([10, 20, 1000]) {
        step.phases.resolve = milliseconds;
        step.phases.first_byte = 5 * milliseconds;
        step.certificate_expires_at = Some(at(86_400 + milliseconds.cast_signed()));
    }
    run.steps[2].status = Some(418);
    run.outcome = Outcome::Failed(Fault::ErrorPage);
    run
}

/// Metrics with every family in use.
fn all_metrics() -> Metrics {
    let metrics = Metrics::new().expect("names and labels are well formed");
    metrics.observe_run(&measured_run(NOON));
    metrics.set_component_state(&component("upload"), State::Trouble(Severity::Down));
    metrics.set_outage_open(&component("upload"), Some(Severity::Down));
    metrics.observe_alert("webhook", Attempt::Sent);
    metrics.observe_alert("mail", Attempt::Failed);
    metrics.observe_alert("mail", Attempt::GivenUp);
    metrics.observe_report(None);
    metrics.set_disk(
        FreeSpace {
            files: 3_000,
            database: Some(2_000),
        },
        Reserve {
            files: 2_500,
            database: 1_000,
        },
    );
    metrics.observe_request("home", 200, Duration::from_micros(700));
    metrics
}

#[test]
fn a_run_is_counted_and_measured_under_the_blackbox_exporters_names() {
    let metrics = all_metrics();
    let text = metrics.render();
    let probe = r#"engine="http",flow="extension",vantage="jakarta""#;
    let phase = |phase: &str| {
        format!(
            r#"probe_duration_seconds{{engine="http",flow="extension",phase="{phase}",vantage="jakarta"}}"#
        )
    };
    for line in [
        format!("probe_success{{{probe}}} 0"),
        format!("{} 0.03", phase("resolve")),
        format!("{} 0.15", phase("processing")),
        format!("{} 2", phase("total")),
        format!("probe_http_status_code{{{probe}}} 503"),
        format!(
            "probe_ssl_earliest_cert_expiry{{{probe}}} {}",
            (at(86_410).0 / 1000)
        ),
        format!(
            "siaga_last_run_timestamp_seconds{{{probe}}} {}",
            (at(2).0 / 1000)
        ),
        r#"siaga_runs_total{engine="http",flow="extension",outcome="failed",vantage="jakarta"} 1"#
            .into(),
        r#"siaga_faults_total{component="upload",fault="error_page"} 1"#.into(),
        r#"siaga_component_state{component="upload",state="outage"} 1"#.into(),
        r#"siaga_component_state{component="upload",state="operational"} 0"#.into(),
        r#"siaga_outage_open{component="upload",severity="down"} 1"#.into(),
        r#"siaga_alerts_sent_total{kind="webhook"} 1"#.into(),
        r#"siaga_alerts_sent_total{kind="mail"} 0"#.into(),
        r#"siaga_alerts_failed_total{kind="mail"} 2"#.into(),
        r#"siaga_alerts_given_up_total{kind="mail"} 1"#.into(),
        "siaga_reports_total 1".into(),
        r#"siaga_disk_free_bytes{of="database"} 2000"#.into(),
        r#"siaga_disk_reserve_bytes{of="files"} 2500"#.into(),
        r#"siaga_http_requests_total{route="home",status="200"} 1"#.into(),
        r#"siaga_http_request_duration_seconds_bucket{route="home",le="0.001"} 1"#.into(),
    ] {
        has(&text, &line);
    }
    assert!(
        !text.contains("fault=\"status\""),
        "cleanup speaks for no component"
    );
    assert_eq!(metrics.newest_run(), None, "it is not recorded yet");
    metrics.note_recorded(at(2));
    assert_eq!(metrics.newest_run(), Some(at(2)));

    metrics.observe_run(&upload_run(at(60), Outcome::Slow));
    has(&metrics.render(), &format!("probe_success{{{probe}}} 1"));
    // A run that says nothing of the site leaves no word on the site behind.
    metrics.observe_run(&upload_run(at(120), CUT_OFF));
    let text = metrics.render();
    assert!(!text.contains("probe_success{"), "{text}");
    has(
        &text,
        r#"siaga_runs_total{engine="http",flow="extension",outcome="inconclusive",vantage="jakarta"} 1"#,
    );
}

#[tokio::test]
async fn a_scrape_tells_what_is_true_now_and_never_green_by_default() {
    each_store(|database| async move {
        let store = &database.store;
        let clock = TestClock::at(NOON);
        let rules = Rules::default();
        let detector = Detector::new(
            store.clone(),
            rules.clone(),
            TimeZone::UTC,
            vec!["webhook:ops".to_owned()],
            clock.shared(),
            SeededRandom::shared(1),
        );
        let components = [component("upload"), component("tracking")];
        let metrics = Metrics::new().unwrap();
        let state = |state: &str, is: u8| {
            format!(r#"siaga_component_state{{component="upload",state="{state}"}} {is}"#)
        };
        metrics.refresh(store, &rules, &components, NOON).await;
        has(&metrics.render(), &state("unknown", 1));

        for minute in 0..2 {
            detector
                .record(upload_run(at(60 * minute), Outcome::Passed))
                .await
                .unwrap();
        }
        metrics.refresh(store, &rules, &components, at(70)).await;
        let text = metrics.render();
        for line in [state("operational", 1), state("unknown", 0)] {
            has(&text, &line);
        }
        has(
            &text,
            r#"siaga_component_state{component="tracking",state="unknown"} 1"#,
        );
        has(&text, "siaga_outbox_waiting 0");
        has(&text, "siaga_outbox_oldest_seconds 0");
        has(&text, "siaga_database_up 1");

        // Nothing happens any more, and that alone makes it unknown.
        metrics.refresh(store, &rules, &components, at(3600)).await;
        has(&metrics.render(), &state("unknown", 1));
        has(&metrics.render(), &state("operational", 0));

        clock.set(at(3600));
        for minute in 0..2 {
            let run = upload_run(at(3600 + 60 * minute), Outcome::Failed(Fault::Dns));
            detector.record(run).await.unwrap();
        }
        metrics.refresh(store, &rules, &components, at(3690)).await;
        let text = metrics.render();
        has(&text, &state("outage", 1));
        has(
            &text,
            r#"siaga_outage_open{component="upload",severity="down"} 1"#,
        );
        has(
            &text,
            r#"siaga_outage_open{component="upload",severity="partial"} 0"#,
        );
        has(&text, "siaga_outbox_waiting 1");
        has(&text, "siaga_outbox_oldest_seconds 90");
        let oldest =
            store.read(|mut c| Box::pin(async move { outbox::oldest_waiting(&mut c).await }));
        assert_eq!(oldest.await.unwrap(), Some(at(3600)));

        store.close().await;
        metrics.refresh(store, &rules, &components, at(3700)).await;
        let text = metrics.render();
        has(&text, "siaga_database_up 0");
        has(&text, &state("unknown", 1));
        has(&text, &state("outage", 0));
    })
    .await;
}

/// Runs promtool; `None` where it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let mut process = Command::new("promtool")
        .args(arguments)
        .current_dir(FOLDER)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    process
        .stdin
        .take()?
        .write_all(input.as_bytes())
        .expect("it reads");
    Some(process.wait_with_output().expect("it ends"))
}

fn is_happy(output: Option<Output>) {
    let Some(output) = output else {
        return; // `make test` installs it.
    };
    let words = [&output.stdout[..], &output.stderr[..]].concat();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&words)
    );
}

#[test]
fn prometheus_accepts_the_metrics_the_rules_and_their_tests() {
    is_happy(promtool(&["check", "metrics"], &all_metrics().render()));
    is_happy(promtool(&["check", "rules", "siaga.rules.yml"], ""));
    is_happy(promtool(&["test", "rules", "siaga.rules.test.yml"], ""));
}

#[test]
fn rules_and_dashboards_name_only_what_exists() {
    let read = |name: &str| std::fs::read_to_string(format!("{FOLDER}/{name}")).expect("a file");
    let (rules, dashboard) = (read("siaga.rules.yml"), read("siaga.grafana.json"));
    let metrics = all_metrics().render();
    let names = |pattern: &str, text: &str| -> BTreeSet<String> {
        let names = Regex::new(pattern).unwrap();
        names
            .captures_iter(text)
            .map(|found| found[1].to_owned())
            .collect()
    };
    let families = names(r"(?m)^# TYPE (\w+) ", &metrics);
    let recorded = names(r"record: (\S+)", &rules);
    let used = names(
        r"\b((?:siaga|probe)_[a-z0-9_]+)\b",
        &format!("{rules}{dashboard}"),
    );
    assert!(used.len() > 15, "{used:?}");
    for name in &used {
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        assert!(families.contains(family), "{name} is not a metric");
    }
    for name in names(r"\b(siaga:[a-z0-9_:]+)", &dashboard) {
        assert!(recorded.contains(&name), "{name} is not recorded");
    }
    // Each metric is looked at somewhere.
    let unused: Vec<_> = families
        .iter()
        .filter(|family| !used.iter().any(|name| name.starts_with(family.as_str())))
        .collect();
    assert!(unused.is_empty(), "nobody looks at {unused:?}");

    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_i64()).collect();
    assert_eq!(ids.len(), panels.len());
    is_happy_with_queries(&dashboard);
}

/// Lets Prometheus parse every query of the dashboard, as rules.
fn is_happy_with_queries(dashboard: &serde_json::Value) {
    let targets = dashboard["panels"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    let rules: Vec<_> = targets
        .enumerate()
        .map(|(number, target)| {
            let query = target["expr"].as_str().expect("a query");
            let query = query.replace("$__rate_interval", "5m");
            serde_json::json!({ "record": format!("panel:{number}"), "expr": query })
        })
        .collect();
    assert!(rules.len() > 15);
    let file = tempfile::Builder::new()
        .suffix(".yml")
        .tempfile()
        .expect("a file");
    let groups = serde_json::json!({ "groups": [{ "name": "panels", "rules": rules }] });
    std::fs::write(file.path(), groups.to_string()).expect("it is written");
    is_happy(promtool(
        &["check", "rules", file.path().to_str().unwrap()],
        "",
    ));
}

// ---- addresses for operators ----------------------------------------------------------------

async fn get(routes: &Router, path: &str) -> (StatusCode, String, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = routes.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, kind, String::from_utf8(body.to_vec()).unwrap())
}

/// The disk of the temporary folder, so many bytes of which must stay free.
fn disk(database: u64) -> Disk {
    let (folder, files) = (std::env::temp_dir(), u64::MAX);
    Disk::new(&folder, Some(&folder), Reserve { files, database })
}

#[tokio::test]
async fn a_disk_without_room_for_the_database_is_not_ready() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let ready = |disk: Option<Disk>| {
            let routes = operations::router(Operations {
                store: database.store.clone(),
                clock: clock.shared(),
                started_at: NOON,
                newest_run: Arc::new(|| None),
                run_within: Duration::from_secs(300),
                disk,
                is_broken: Arc::new(|| false),
                refresh: Arc::new(|| Box::pin(async {})),
                metrics: Arc::new(String::new),
            });
            async move {
                let (status, _, body) = get(&routes, "/readyz").await;
                (status.as_u16(), body)
            }
        };
        assert_eq!(ready(None).await.0, 200, "a server's disk is not ours");
        // No room for pictures is no reason to send readers away.
        assert_eq!(ready(Some(disk(0))).await.0, 200);
        let (status, body) = ready(Some(disk(u64::MAX))).await;
        assert_eq!(status, 503);
        assert!(body.contains("less than the 18446744073709 MB"), "{body}");
    })
    .await;
}

#[tokio::test]
async fn the_metrics_ask_the_database_once_in_five_seconds_whoever_reads_them() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let asked = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&asked);
        let routes = operations::router(Operations {
            store: database.store.clone(),
            clock: clock.shared(),
            started_at: NOON,
            newest_run: Arc::new(|| None),
            run_within: Duration::from_secs(300),
            disk: None,
            is_broken: Arc::new(|| false),
            refresh: Arc::new(move || {
                let count = Arc::clone(&count);
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    count.fetch_add(1, Ordering::SeqCst);
                })
            }),
            metrics: Arc::new(String::new),
        });
        let times = || asked.load(Ordering::SeqCst);
        let many = (0..20).map(|_| get(&routes, "/metrics"));
        futures_util::future::join_all(many).await;
        assert_eq!(times(), 1);
        clock.advance(Duration::from_millis(4900));
        get(&routes, "/metrics").await;
        assert_eq!(times(), 1);
        clock.advance(Duration::from_millis(100));
        // One that leaves while the database is asked does not make the next one ask again.
        let leaving = get(&routes, "/metrics").now_or_never();
        assert!(leaving.is_none(), "it is still asked");
        get(&routes, "/metrics").await;
        assert_eq!(times(), 1);
        clock.advance(Duration::from_secs(5));
        get(&routes, "/metrics").await;
        assert_eq!(times(), 2);
    })
    .await;
}

#[tokio::test]
async fn readiness_says_what_is_wrong_and_nothing_of_the_inside() {
    on_sqlite(|database| async move {
        let clock = TestClock::at(NOON);
        let newest: Arc<Mutex<Option<Moment>>> = Arc::default();
        let broken = Arc::new(AtomicBool::new(false));
        let metrics = all_metrics();
        let (told, is_broken) = (Arc::clone(&newest), Arc::clone(&broken));
        let routes = operations::router(Operations {
            store: database.store.clone(),
            clock: clock.shared(),
            started_at: NOON,
            newest_run: Arc::new(move || *told.lock().unwrap()),
            run_within: Duration::from_secs(300),
            disk: Some(disk(0)),
            is_broken: Arc::new(move || is_broken.load(Ordering::SeqCst)),
            refresh: Arc::new(|| Box::pin(async {})),
            metrics: Arc::new(move || metrics.render()),
        });
        let ready = || async {
            let (status, kind, body) = get(&routes, "/readyz").await;
            assert_eq!(kind, "application/json");
            (
                status.as_u16(),
                serde_json::from_str::<serde_json::Value>(&body).unwrap(),
            )
        };
        assert_eq!(get(&routes, "/healthz").await.0, StatusCode::OK);
        let (status, body) = ready().await;
        assert_eq!(
            (status, &body["ready"]),
            (200, &true.into()),
            "just started: none is due"
        );

        clock.advance(Duration::from_secs(301));
        let (status, body) = ready().await;
        assert_eq!(status, 503);
        assert_eq!(
            body["checks"][1]["reason"],
            "no run was recorded in 300s since the start"
        );

        *newest.lock().unwrap() = Some(at(290));
        assert_eq!(ready().await.0, 200);
        clock.set(at(591));
        let (status, body) = ready().await;
        assert_eq!(status, 503);
        assert_eq!(body["checks"][0]["ok"], true);
        assert!(
            body["checks"][1]["reason"]
                .as_str()
                .unwrap()
                .starts_with("the newest recorded run ended")
        );

        clock.set(at(300));
        broken.store(true, Ordering::SeqCst);
        assert_eq!(ready().await.0, 503);
        broken.store(false, Ordering::SeqCst);
        assert_eq!(ready().await.0, 200);

        database.store.close().await;
        // What was found lately holds for a moment.
        eventually("it is not ready", Duration::from_secs(30), || async {
            ready().await.0 == 503
        })
        .await;
        let (_, body) = ready().await;
        assert_eq!(body["checks"][0]["reason"], "the database takes no writes");
        assert_eq!(
            get(&routes, "/healthz").await.0,
            StatusCode::OK,
            "it lives all the same"
        );

        let (status, kind, text) = get(&routes, "/metrics").await;
        assert_eq!(
            (status, kind.as_str()),
            (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8")
        );
        has(&text, "siaga_reports_total 1");
    })
    .await;
}

#[tokio::test]
async fn requests_are_counted_by_class_whatever_visitors_ask_for() {
    let metrics = Metrics::new().unwrap();
    let counter = metrics.clone();
    let routes = Router::new().route("/", axum::routing::get(|| async { "home" }));
    let routes = measured(
        routes,
        TestClock::at(NOON).shared(),
        Arc::new(move |class, status, took| counter.observe_request(class, status, took)),
    );
    for number in 0..100 {
        let path = format!("/{number}/wp-login.php?a={number}");
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    let request = Request::get("/").body(Body::empty()).unwrap();
    routes.oneshot(request).await.unwrap();
    let text = metrics.render();
    has(
        &text,
        r#"siaga_http_requests_total{route="other",status="404"} 100"#,
    );
    has(
        &text,
        r#"siaga_http_requests_total{route="home",status="200"} 1"#,
    );
    assert_eq!(text.matches("siaga_http_requests_total{").count(), 2);
    for (path, class) in [
        ("/", "home"),
        ("/id/", "home"),
        ("/en/outages/1", "page"),
        ("/api/v1/reports", "report"),
        ("/api/v1/reports/7K3M", "report"),
        ("/report", "report"),
        ("/api/v2/summary.json", "api"),
        ("/office/cases", "office"),
        ("/metrics", "operations"),
        ("/english", "other"),
        ("//", "home"),
    ] {
        assert_eq!(route_class(path), class, "{path}");
    }
}

// ---- logs -----------------------------------------------------------------------------------

#[test]
fn what_looks_private_is_masked() {
    for (text, masked) in [
        (
            "mail to budi.santoso@example.org failed",
            "mail to b…@example.org failed",
        ),
        ("postgres://siaga:hunter2@db/siaga", "postgres://…@db/siaga"),
        (
            "GET https://a.example/b?passport=X1&c=2 HTTP",
            "GET https://a.example/b?… HTTP",
        ),
        (
            "Authorization: Bearer abcdefghijkl",
            "Authorization: Bearer …",
        ),
        (
            r#"{"passport_number":"A1234567","n":1}"#,
            r#"{"passport_number":"…","n":1}"#,
        ),
        (
            r#"{"text":"{\"secret\":\"s3\"}"}"#,
            r#"{"text":"{\"secret\":\"…\"}"}"#,
        ),
        ("password=abc token = def", "password=… token = …"),
        (
            "outage 0198f0a0 of upload at 14:05, HTTP 503",
            "outage 0198f0a0 of upload at 14:05, HTTP 503",
        ),
        (
            "https://siaga.example/outages/0198",
            "https://siaga.example/outages/0198",
        ),
    ] {
        assert_eq!(redacted(text), masked);
    }
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_event_is_one_line_of_text() {
    const HOSTILE: &str = "a\n\u{1b}[31m\u{9b}2J\u{7}\r\u{202e}elif\u{2028}b\u{e0041}👩‍⚕️";
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .compact()
        .with_writer(Redacting(move || writer.clone()))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::warn_span!("span", shown = %HOSTILE).entered();
        tracing::warn!(error = %HOSTILE, text = HOSTILE, debug = ?HOSTILE, "{HOSTILE}");
    });
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let event = written.strip_suffix('\n').expect("a line");
    assert_eq!(one_line(event), event);
    for shown in ["error=a", "\\u202eelif\\u2028b\\udb40\\udc41👩‍⚕️"] {
        assert!(event.contains(shown), "{shown} in {event}");
    }
}

#[test]
fn log_lines_pass_the_net_and_stay_json() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(Redacting(move || writer.clone()))
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        tracing::warn!(
            who = "budi@example.org",
            password = "hunter2",
            passport = %"X1234567",
            site = "\u{1b}[2J\u{202e}\u{e0041}",
            "a line with €"
        );
    });
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let line: serde_json::Value = serde_json::from_str(written.trim()).expect("JSON");
    assert_eq!(line["who"], "b…@example.org");
    assert_eq!(line["password"], "…");
    assert_eq!(line["passport"], "…");
    assert_eq!(line["site"], "\u{1b}[2J\u{202e}\u{e0041}");
    assert_eq!(one_line(written.trim()), written.trim());
    assert_eq!(
        (line["message"].as_str(), line["level"].as_str()),
        (Some("a line with €"), Some("WARN"))
    );
}

#[test]
fn what_is_sent_to_a_mailbox_is_never_logged() {
    for wanted in [
        "info",
        "trace",
        "async_imap=trace",
        "trace,async_imap::imap_stream=trace",
    ] {
        let filter = telemetry::filter(wanted).unwrap().to_string();
        let (off, on) = (
            "async_imap::imap_stream=off",
            "async_imap::imap_stream=trace",
        );
        assert!(filter.contains(off) && !filter.contains(on), "{filter}");
    }
}
