//! The metrics: their names, their labels, and the functions that others call.
//!
//! Every label takes its values from a bounded set: keys of flows, components and vantages
//! of the configuration, words of the field, classes of routes. Never an address, a person,
//! or anything that a visitor chooses.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

use crate::domain::clock_watch::ClockFinding;
use crate::domain::disk::{FreeSpace, NoRoom, Reserve};
use crate::domain::outage::{Rules, Severity, State, Unseen};
use crate::domain::report::LeftOut;
use crate::domain::run::CertificateExpiry;
use crate::domain::{ComponentId, Moment, Outcome, RunReport};
use crate::notify::{Attempt, Observer};
use crate::probe::browser;
use crate::store::{self, Store, monitor, outages, outbox, runs};

/// The media type of [`Metrics::render`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// How long a scrape waits for the database.
const ASK_WITHIN: Duration = Duration::from_secs(1);
/// Every state of a component, by its label.
const STATES: [State; 6] = [
    State::Operational,
    State::Trouble(Severity::Degraded),
    State::Trouble(Severity::Partial),
    State::Trouble(Severity::Down),
    State::Maintenance,
    State::Unknown(Unseen::NoData),
];
const SEVERITIES: [Severity; 3] = [Severity::Degraded, Severity::Partial, Severity::Down];
const PROBE: &[&str] = &["flow", "engine", "vantage"];
/// Seconds, from what memory serves to what a report with screenshots takes.
const REQUEST_BUCKETS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// All metrics of the process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    /// End of the newest recorded run, in milliseconds since 1970; the smallest number before any.
    newest_run: AtomicI64,
    success: IntGaugeVec,
    duration: GaugeVec,
    status_code: IntGaugeVec,
    certificate_expiry: GaugeVec,
    certificates: GaugeVec,
    runs: IntCounterVec,
    last_run: GaugeVec,
    runs_set_aside: IntCounter,
    clock_findings: IntCounterVec,
    faults: IntCounterVec,
    component_state: IntGaugeVec,
    outage_open: IntGaugeVec,
    database_up: IntGauge,
    outbox_waiting: IntGauge,
    outbox_oldest: Gauge,
    alerts_sent: IntCounterVec,
    alerts_failed: IntCounterVec,
    alerts_given_up: IntCounterVec,
    reports: IntCounter,
    pictures_left_out: IntCounterVec,
    disk_free: IntGaugeVec,
    disk_reserve: IntGaugeVec,
    requests: IntCounterVec,
    request_duration: HistogramVec,
    browser_starts: IntCounter,
    browser_start: Histogram,
    browsers_not_started: IntCounterVec,
    browsers_in_use: IntGauge,
    browser_seconds: Counter,
}

impl Metrics {
    /// A registry of its own.
    ///
    /// # Errors
    /// Where a name or label is malformed or there twice: a mistake in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let build = IntGaugeVec::new(
            Opts::new("siaga_build_info", "Always 1; the label tells the version."),
            &["version"],
        )?;
        keep(&registry, &build)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let integers = |name: &str, help: &str, labels: &[&str]| {
            let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
            keep(&registry, &gauges).map(|()| gauges)
        };
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            let gauges = GaugeVec::new(Opts::new(name, help), labels)?;
            keep(&registry, &gauges).map(|()| gauges)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            keep(&registry, &counters).map(|()| counters)
        };
        let inner = Inner {
            newest_run: AtomicI64::new(i64::MIN),
            success: integers(
                "probe_success",
                "Whether the newest run passed; absent where it said nothing of the site.",
                PROBE,
            )?,
            duration: gauges(
                "probe_duration_seconds",
                "Time of the newest run by phase, summed over its requests; phase `total` is the run from begin to end.",
                &["phase", "flow", "engine", "vantage"],
            )?,
            status_code: integers(
                "probe_http_status_code",
                "Status code of the last answer of the newest run; 0 without an answer.",
                PROBE,
            )?,
            certificate_expiry: gauges(
                "probe_ssl_earliest_cert_expiry",
                "When the first certificate that was met expires, of any host and in any place of its chain, in seconds since 1970.",
                PROBE,
            )?,
            certificates: gauges(
                "siaga_certificate_expiry_timestamp_seconds",
                "When the certificates that a host sent expire, in seconds since 1970: its own (leaf), and the first of the others (chain).",
                &["certificate", "flow", "engine", "host", "vantage"],
            )?,
            runs: counters(
                "siaga_runs_total",
                "Runs of flows by outcome.",
                &["flow", "engine", "vantage", "outcome"],
            )?,
            last_run: gauges(
                "siaga_last_run_timestamp_seconds",
                "End of the newest run, in seconds since 1970.",
                PROBE,
            )?,
            runs_set_aside: IntCounter::new(
                "siaga_runs_set_aside_total",
                "Runs that the database does not take, kept as files.",
            )?,
            clock_findings: counters(
                "siaga_clock_findings_total",
                "How often the wall clock was set by more than a second (set), and the machine or this process stood still (asleep).",
                &["finding"],
            )?,
            faults: counters(
                "siaga_faults_total",
                "Runs that failed, by component and class of failure.",
                &["component", "fault"],
            )?,
            component_state: integers(
                "siaga_component_state",
                "1 for the state that the component is in, 0 for the others.",
                &["component", "state"],
            )?,
            outage_open: integers(
                "siaga_outage_open",
                "1 while an outage of this severity is open.",
                &["component", "severity"],
            )?,
            database_up: IntGauge::new(
                "siaga_database_up",
                "Whether the database answered at this scrape.",
            )?,
            outbox_waiting: IntGauge::new(
                "siaga_outbox_waiting",
                "Messages that are not sent yet.",
            )?,
            outbox_oldest: Gauge::new(
                "siaga_outbox_oldest_seconds",
                "Age of the oldest message that is not sent yet; 0 without one.",
            )?,
            alerts_sent: counters(
                "siaga_alerts_sent_total",
                "Messages that a receiver took.",
                &["kind"],
            )?,
            alerts_failed: counters("siaga_alerts_failed_total", "Tries that failed.", &["kind"])?,
            alerts_given_up: counters(
                "siaga_alerts_given_up_total",
                "Messages that nobody took within a day.",
                &["kind"],
            )?,
            reports: IntCounter::new(
                "siaga_reports_total",
                "Reports of applicants that were acknowledged.",
            )?,
            pictures_left_out: counters(
                "siaga_pictures_left_out_total",
                "Applicants' pictures that were not kept: the disk fills (`disk`), or the day's bytes are used up (`day`).",
                &["reason"],
            )?,
            disk_free: integers(
                "siaga_disk_free_bytes",
                "What is free for pictures and evidence (`files`), and beside an SQLite database (`database`).",
                &["of"],
            )?,
            disk_reserve: integers(
                "siaga_disk_reserve_bytes",
                "What must stay free: below it no pictures and no evidence are kept (`files`), or readiness says no (`database`).",
                &["of"],
            )?,
            browser_starts: IntCounter::new(
                "siaga_browser_starts_total",
                "Browsers that were started.",
            )?,
            browser_start: Histogram::with_opts(
                HistogramOpts::new(
                    "siaga_browser_start_seconds",
                    "Time from the start of a driver until its browser is ready.",
                )
                .buckets(vec![0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]),
            )?,
            browsers_not_started: counters(
                "siaga_browser_runs_skipped_total",
                "Runs without a browser: none became free (`busy`), too little memory (`memory`), or it did not start (`driver`, `browser`, `folder`).",
                &["reason"],
            )?,
            browsers_in_use: IntGauge::new("siaga_browsers_in_use", "Browsers that run now.")?,
            browser_seconds: Counter::new(
                "siaga_browser_seconds_total",
                "Time that browsers were in use, summed over them.",
            )?,
            requests: counters(
                "siaga_http_requests_total",
                "Requests by class of route and status code.",
                &["route", "status"],
            )?,
            request_duration: {
                let options = HistogramOpts::new(
                    "siaga_http_request_duration_seconds",
                    "Time from a request's head to the head of its answer.",
                );
                let buckets = options.buckets(REQUEST_BUCKETS.to_vec());
                let histograms = HistogramVec::new(buckets, &["route"])?;
                keep(&registry, &histograms)?;
                histograms
            },
            registry: registry.clone(),
        };
        keep(&registry, &inner.database_up)?;
        keep(&registry, &inner.outbox_waiting)?;
        keep(&registry, &inner.outbox_oldest)?;
        keep(&registry, &inner.reports)?;
        keep(&registry, &inner.runs_set_aside)?;
        keep(&registry, &inner.browser_starts)?;
        keep(&registry, &inner.browser_start)?;
        keep(&registry, &inner.browsers_in_use)?;
        keep(&registry, &inner.browser_seconds)?;
        // From the start at zero, so that the first failure is an increase.
        for reason in [
            "busy", "memory", "driver", "browser", "sandbox", "user", "folder",
        ] {
            inner
                .browsers_not_started
                .with_label_values(&[reason])
                .reset();
        }
        for why in NoRoom::ALL {
            inner
                .pictures_left_out
                .with_label_values(&[why.as_str()])
                .reset();
        }
        for finding in ["asleep", "set"] {
            inner.clock_findings.with_label_values(&[finding]).reset();
        }
        for kind in ["webhook", "mail"] {
            for counters in [
                &inner.alerts_sent,
                &inner.alerts_failed,
                &inner.alerts_given_up,
            ] {
                counters.with_label_values(&[kind]).reset();
            }
        }
        Ok(Metrics(Arc::new(inner)))
    }

    /// Counts a run and keeps what it measured.
    pub fn observe_run(&self, run: &RunReport) {
        let to = &*self.0;
        let probe = [run.flow.as_str(), run.engine.as_str(), run.vantage.as_str()];
        let [flow, engine, vantage] = probe;
        let outcome = run.outcome.as_str();
        to.runs
            .with_label_values(&[flow, engine, vantage, outcome])
            .inc();
        to.last_run
            .with_label_values(&probe)
            .set(seconds(run.ended_at));

        match run.outcome {
            Outcome::Passed | Outcome::Slow => to.success.with_label_values(&probe).set(1),
            Outcome::Failed(_) => to.success.with_label_values(&probe).set(0),
            // An old value would read as if somebody still looked.
            Outcome::NotReached | Outcome::Inconclusive(_) => {
                let _ = to.success.remove_label_values(&probe);
            }
        }
        for observation in run.observations() {
            if let Outcome::Failed(fault) = observation.outcome {
                to.faults
                    .with_label_values(&[observation.component.as_str(), fault.as_str()])
                    .inc();
            }
        }

        let steps = || run.steps.iter().filter(|step| !step.cleanup);
        let sum = |of: fn(&crate::domain::run::Phases) -> u64| -> f64 {
            steps().map(|step| of(&step.phases)).sum::<u64>() as f64 / 1000.0
        };
        for (phase, took) in [
            ("resolve", sum(|p| p.resolve)),
            ("connect", sum(|p| p.connect)),
            ("tls", sum(|p| p.tls)),
            ("processing", sum(|p| p.first_byte)),
            ("transfer", sum(|p| p.transfer)),
            ("total", run.ended_at.since(run.started_at).as_secs_f64()),
        ] {
            to.duration
                .with_label_values(&[phase, flow, engine, vantage])
                .set(took);
        }
        let status = steps().rev().find_map(|step| step.status);
        to.status_code
            .with_label_values(&probe)
            .set(i64::from(status.unwrap_or(0)));
        if let Some(expires) = steps().filter_map(|s| s.certificate_expires_at).min() {
            to.certificate_expiry
                .with_label_values(&probe)
                .set(seconds(expires));
        }
        let mut certificates = BTreeMap::new();
        for certificate in steps().flat_map(|step| &step.certificates) {
            let CertificateExpiry {
                host,
                certificate,
                expires_at,
            } = certificate;
            let earliest = certificates
                .entry((host, certificate))
                .or_insert(*expires_at);
            *earliest = (*earliest).min(*expires_at);
        }
        for ((host, certificate), expires_at) in certificates {
            to.certificates
                .with_label_values(&[certificate.as_str(), flow, engine, host, vantage])
                .set(seconds(expires_at));
        }
    }

    /// Notes when the newest run ended that is recorded: one that waits for the database tells
    /// nobody anything.
    pub fn note_recorded(&self, ended_at: Moment) {
        self.0.newest_run.store(ended_at.0, Ordering::Relaxed);
    }

    /// Counts a run that the database does not take.
    pub fn observe_set_aside(&self) {
        self.0.runs_set_aside.inc();
    }

    /// Counts what was found of the clock.
    pub fn observe_clock(&self, finding: ClockFinding) {
        let finding = match finding {
            ClockFinding::Asleep { .. } => "asleep",
            ClockFinding::Set { .. } => "set",
        };
        self.0.clock_findings.with_label_values(&[finding]).inc();
    }

    /// End of the newest run of this process that is recorded.
    pub fn newest_run(&self) -> Option<Moment> {
        let at = self.0.newest_run.load(Ordering::Relaxed);
        (at != i64::MIN).then_some(Moment(at))
    }

    /// What is said of a component now.
    pub fn set_component_state(&self, component: &ComponentId, state: State) {
        for other in STATES {
            let is = other.as_str() == state.as_str();
            self.0
                .component_state
                .with_label_values(&[component.as_str(), other.as_str()])
                .set(i64::from(is));
        }
    }

    /// The severity of a component's open outage, if one is open.
    pub fn set_outage_open(&self, component: &ComponentId, severity: Option<Severity>) {
        for other in SEVERITIES {
            self.0
                .outage_open
                .with_label_values(&[component.as_str(), other.as_str()])
                .set(i64::from(severity == Some(other)));
        }
    }

    /// Counts the end of a try to send an alert.
    pub fn observe_alert(&self, kind: &'static str, attempt: Attempt) {
        let counters = match attempt {
            Attempt::Sent => &self.0.alerts_sent,
            Attempt::Failed => &self.0.alerts_failed,
            Attempt::GivenUp => {
                self.0.alerts_failed.with_label_values(&[kind]).inc();
                &self.0.alerts_given_up
            }
        };
        counters.with_label_values(&[kind]).inc();
    }

    /// [`observe_alert`](Self::observe_alert) as the sender takes it.
    pub fn alert_observer(&self) -> Observer {
        let metrics = self.clone();
        Arc::new(move |kind, attempt| metrics.observe_alert(kind, attempt))
    }

    /// Counts what becomes of browsers, as those who start them tell it.
    pub fn browser_observer(&self) -> browser::Observer {
        let to = Arc::clone(&self.0);
        Arc::new(move |event| match event {
            browser::Event::Started(took) => {
                to.browser_starts.inc();
                to.browser_start.observe(took.as_secs_f64());
                to.browsers_in_use.inc();
            }
            browser::Event::NotStarted(reason) => {
                to.browsers_not_started.with_label_values(&[reason]).inc();
            }
            browser::Event::Ended(lasted) => {
                to.browsers_in_use.dec();
                to.browser_seconds.inc_by(lasted.as_secs_f64());
            }
        })
    }

    /// Counts a report that was acknowledged, and its pictures that were not kept.
    pub fn observe_report(&self, left_out: Option<LeftOut>) {
        self.0.reports.inc();
        if let Some(LeftOut { count, why }) = left_out {
            let counter = self.0.pictures_left_out.with_label_values(&[why.as_str()]);
            counter.inc_by(count.into());
        }
    }

    /// What is free on the disk, and what must stay free.
    pub fn set_disk(&self, free: FreeSpace, reserve: Reserve) {
        let set = |gauges: &IntGaugeVec, of: &str, bytes: u64| {
            let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
            gauges.with_label_values(&[of]).set(bytes);
        };
        set(&self.0.disk_free, "files", free.files);
        set(&self.0.disk_reserve, "files", reserve.files);
        if let Some(bytes) = free.database {
            set(&self.0.disk_free, "database", bytes);
            set(&self.0.disk_reserve, "database", reserve.database);
        }
    }

    /// Counts a request. `route` is the class of the route, never the path.
    pub fn observe_request(&self, route: &'static str, status: u16, took: Duration) {
        self.0
            .requests
            .with_label_values(&[route, status.to_string().as_str()])
            .inc();
        self.0
            .request_duration
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }

    /// Asks the database for what changes with time alone: states (an observation grows
    /// stale without any event), open outages, and the outbox. Call it before each
    /// [`render`](Self::render). Where the database does not answer within a second, every
    /// component is unknown.
    pub async fn refresh(
        &self,
        store: &Store,
        rules: &Rules,
        components: &[ComponentId],
        now: Moment,
    ) {
        let asked = tokio::time::timeout(ASK_WITHIN, look(store, now)).await;
        let Ok(Ok(seen)) = asked else {
            self.0.database_up.set(0);
            for component in components {
                self.set_component_state(component, State::Unknown(Unseen::Ourselves));
            }
            return;
        };
        self.0.database_up.set(1);
        self.0.outbox_waiting.set(seen.waiting);
        let age = seen.oldest.map(|at| now.since(at).as_secs_f64());
        self.0.outbox_oldest.set(age.unwrap_or(0.0));
        let is_silent = rules.is_silent(seen.recorded_at, now);
        for component in components {
            let watch = seen.watches.iter().find(|w| w.component() == component);
            let state = match watch {
                Some(_) if is_silent => State::Unknown(Unseen::Ourselves),
                Some(watch) => watch.state(now, &seen.maintenance, rules).0,
                None => State::Unknown(Unseen::NoData),
            };
            self.set_component_state(component, state);
            let open = watch.and_then(|w| w.open()).map(|open| open.severity);
            self.set_outage_open(component, open);
        }
    }

    /// All metrics in the text format, version 0.0.4.
    pub fn render(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.0.registry.gather())
            .unwrap_or_default()
    }
}

struct Seen {
    recorded_at: Option<Moment>,
    watches: Vec<crate::domain::outage::Watch>,
    maintenance: Vec<crate::domain::outage::Maintenance>,
    waiting: i64,
    oldest: Option<Moment>,
}

async fn look(store: &Store, now: Moment) -> Result<Seen, store::Error> {
    let read = store.read(move |mut conn| {
        Box::pin(async move {
            let conn = &mut conn;
            let announced = monitor::maintenance(conn, now).await?;
            Ok(Seen {
                recorded_at: runs::newest_end(conn).await?,
                watches: outages::watches(conn).await?,
                maintenance: announced.into_iter().map(|a| a.window).collect(),
                waiting: outbox::waiting(conn, Moment(i64::MAX)).await?,
                oldest: outbox::oldest_waiting(conn).await?,
            })
        })
    });
    read.await
}

fn keep<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: &C,
) -> Result<(), prometheus::Error> {
    registry.register(Box::new(collector.clone()))
}

fn seconds(moment: Moment) -> f64 {
    moment.0 as f64 / 1000.0
}
