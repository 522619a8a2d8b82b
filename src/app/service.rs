//! The service: everything that `siaga run` and `siaga demo` run, put together from the
//! configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::files::Folders;
use super::ingest::{self, Recorder};
use super::jobs;
use super::keys::KeyKeeper;
use super::life::Life;
use super::set_aside::SetAside;
use super::{audit_head, clock, descriptors, disk_watch, flows, keys, past, settings};
use crate::config::{Config, NO_DRIVER, Sandbox};
use crate::detect::{CLOCK, Detector};
use crate::domain::names::FlowNames;
use crate::domain::{Clock, ComponentId, Engine, Random, RunReport};
use crate::evidence::{self, EvidenceStore};
use crate::http_client::HttpClients;
use crate::notify;
use crate::pictures::Drawer;
use crate::probe::applicants::Applicants;
use crate::probe::browser::Browsers;
use crate::probe::definition::{Flow, Role};
use crate::probe::error_pages::ErrorPages;
use crate::probe::politeness::{self, Politeness};
use crate::probe::runner::Tools;
use crate::probe::scheduler::{self, Plan};
use crate::store::seal::KeyRing;
use crate::store::{Store, names};
use crate::telemetry::Metrics;
use crate::web::client::UnknownProxies;
use crate::web::desk::Desk;
use crate::web::duty::{self, DutyState};
use crate::web::office::{self, OfficeState};
use crate::web::operations::{self, Operations};
use crate::web::reading::Reader;
use crate::web::reports::{self, ReportsState};
use crate::web::throttle::Rate;
use crate::web::{PageCache, Site, publish, render, serve};

/// Everything that stands before anything runs.
pub struct Service {
    /// The configuration.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The detector.
    pub detector: Detector,
    /// The flows, controls among them.
    pub flows: Vec<Arc<Flow>>,
    /// The keys of personal data.
    pub keys: KeyRing,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    error_pages: Arc<ErrorPages>,
    evidence: EvidenceStore,
    http: Arc<HttpClients>,
    drawer: Drawer,
    browsers: Option<Browsers>,
    metrics: Metrics,
    pace: f64,
    /// How many files the process may have open; `None` without a limit.
    descriptors: Option<u64>,
}

/// Connections at once on a listener for operations of its own.
pub(super) const OPERATIONS_CONNECTIONS: usize = 64;
impl Service {
    /// Reads flows, opens the database and the folders, and loads the keys. `pace`
    /// multiplies the flows' intervals.
    ///
    /// # Errors
    /// With every mistake in the flows, or what could not be opened.
    pub async fn open(
        config: Config,
        pace: f64,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> anyhow::Result<Service> {
        // Before anything is started that inherits it.
        let descriptors = descriptors::raise_limit();
        let (flows, error_pages) = flows::read(&config)?;
        config.data.open_folder()?;
        let store = Store::open(config.data.database.reveal()).await?;
        let ring = keys::open(&config, &store, &*clock, &*random).await?;
        let (sealed, left) = keys::seal_old_reasons(&store, &ring, &random).await?;
        if sealed > 0 {
            tracing::info!(
                sealed,
                "reasons of steps that stood in the clear were sealed"
            );
        }
        if left > 0 {
            tracing::warn!(
                left,
                "reasons of steps stay in the clear: the master key of their reports is missing"
            );
        }
        let evidence = EvidenceStore::open(config.data.folder.join("evidence"))?;
        let a_day = config.data.disk.evidence_a_day;
        let evidence = evidence.within(evidence::Limits::new(
            settings::disk(&config),
            a_day,
            Arc::clone(&clock),
        ));
        let roots = settings::extra_roots(&config)?;
        let http = HttpClients::new(Some(&config.probe.contact), &roots)?
            .allowing(&config.probe.allow_private_networks);
        let http = settings::equipped(&config, http)?;
        let detector = Detector::new(
            store.clone(),
            settings::rules(&config, &flows, pace),
            config.site.zone.clone(),
            settings::alert_targets(&config),
            Arc::clone(&clock),
            Arc::clone(&random),
        )
        .alerting_of_blocked_flows(config.detector.blocked_alert_after);
        let metrics = Metrics::new()?;
        let browsers = browsers(
            &config,
            &flows,
            http.user_agent(),
            &clock,
            &random,
            &metrics,
        )?;
        Ok(Service {
            config,
            store,
            detector,
            flows,
            keys: ring,
            clock,
            random,
            error_pages: Arc::new(error_pages),
            evidence,
            http: Arc::new(http),
            drawer: Drawer::default(),
            browsers,
            metrics,
            pace,
            descriptors,
        })
    }

    /// Starts every task. Gives the address where the public is served.
    ///
    /// # Errors
    /// When an address cannot be listened on, or a secret is malformed.
    pub async fn start(self, life: &mut Life) -> anyhow::Result<SocketAddr> {
        let vantage = self.config.probe.vantage.clone();
        let now = self.clock.now();
        if let Some(gap) = jobs::note_gap_after_stop(&self.store, &vantage, now).await? {
            let (from, until) = (gap.began_at, gap.ended_at);
            match gap.why.as_str() {
                CLOCK => tracing::warn!(
                    shown = ?until,
                    shows = %from,
                    "the clock was set back since the last sign of life: what it showed between is recorded as a gap"
                ),
                _ => tracing::warn!(
                    %from,
                    "nobody watched since the last sign of life: recorded as a gap"
                ),
            }
        }
        self.remember_names().await;
        private_folder(&self.screenshots())?;
        let mut keeper = KeyKeeper::new(
            self.config.clone(),
            self.store.clone(),
            self.keys.clone(),
            Arc::clone(&self.clock),
            &*self.random,
        );
        // Before anything uses the keys, so that a rotation waits for this process too.
        keeper.look().await?;
        life.spawn("master keys", keeper.run(life.stop()));
        let listener = serve::listen(self.config.server.listen)
            .with_context(|| format!("cannot listen on {}", self.config.server.listen))?;
        let address = listener.local_addr()?;
        self.start_pages(life, listener)?;
        if let Some(listen) = self.config.server.operations_listen {
            self.start_operations(life, listen).await?;
        }
        self.start_probes(life)?;
        self.start_alerts(life)?;
        self.start_jobs(life);
        let store = self.store;
        let stop = life.stop();
        life.spawn("database", async move {
            let mut stop = stop;
            tokio::select! {
                cause = store.failed() => bail!("the database cannot be trusted any more: {cause}"),
                _ = stop.wait_for(|stop| *stop) => Ok(()),
            }
        });
        Ok(address)
    }

    /// Notes what the flows and their steps are called: what was recorded before an upgrade or a
    /// translation has its names before the next run.
    async fn remember_names(&self) {
        let flows = self.flows.iter().filter(|flow| flow.role == Role::Site);
        let flows: Vec<FlowNames> = flows.map(|flow| flow.names()).collect();
        let written = self.store.write(move |mut conn| {
            Box::pin(async move { names::remember(&mut conn, &flows).await })
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "the names of flows could not be noted; their next runs note them");
        }
    }

    fn start_pages(&self, life: &mut Life, listener: TcpListener) -> anyhow::Result<()> {
        let site = Arc::new(settings::site(&self.config)?);
        let reader = Reader {
            store: self.store.clone(),
            site: Arc::clone(&site),
            components: self.components(),
            rules: Arc::new(self.detector.rules().clone()),
        };
        let cache = Arc::new(PageCache::by(
            Arc::clone(&self.clock),
            render::before_the_first_snapshot(&site, self.clock.now()),
        ));
        let desk = self.desk(&site);
        let reports = reports::Settings {
            per_client: Rate {
                burst: self.config.reports.per_address_hour,
                every: Duration::from_secs(3600) / self.config.reports.per_address_hour.max(1),
            },
            keep_for: days(self.config.retention.reports_days),
            disk: Some(settings::disk(&self.config)),
            pictures_a_day: self.config.data.disk.pictures_a_day,
            ..reports::Settings::for_bodies_of(self.config.reports.max_body)
        };
        let body = reports.read_limit();
        let metrics = self.metrics.clone();
        let reports = ReportsState::new(desk.clone(), reports)
            .observed_by(Arc::new(move |left_out| metrics.observe_report(left_out)));
        let reports = reports::router(reports);
        life.spawn("findings", jobs::judge_again(desk.clone(), life.stop()));
        let duty = DutyState::new(desk.clone(), reader.clone(), self.evidence.clone());
        let pictures = crate::web::evidence::router(self.store.clone(), self.evidence.clone());
        let office = office::router(OfficeState::new(desk, self.config.office))
            .merge(duty::router(duty))
            .merge(pictures);
        let metrics = self.metrics.clone();
        let archive = crate::web::archive::router(reader.clone(), Arc::clone(&self.clock));
        let mut routes = archive.merge(reports).merge(office);
        if self.config.server.operations_listen.is_none() {
            routes = routes.merge(operations::router(self.operations()));
        }
        let router = operations::measured(
            routes,
            Arc::clone(&self.clock),
            Arc::new(move |route, status, took| metrics.observe_request(route, status, took)),
        );
        let limits = serve::Limits {
            connections: descriptors::connections(&self.config, self.descriptors),
            requests: self.config.server.requests,
            body,
            trusted_proxies: self.config.server.trusted_proxies.clone(),
            ..serve::Limits::default()
        };
        let server = serve::Server::new(Arc::clone(&cache), router, site, limits);
        let server = server.watching_for(UnknownProxies::new(Arc::clone(&self.clock)));
        let (stop, clock) = (life.stop(), Arc::clone(&self.clock));
        let pace = self.pace_of_pages();
        life.spawn("pages", async move {
            publish::run(reader, cache, clock, pace, stop).await;
            Ok(())
        });
        let stop = life.stop();
        life.spawn("web server", async move {
            Arc::new(server).serve(listener, stop).await;
            Ok(())
        });
        Ok(())
    }

    /// Pages are believed no longer than the word of the quickest flow, and made anew thrice in
    /// that time.
    fn pace_of_pages(&self) -> publish::Pace {
        let usual = publish::Pace::default();
        let quickest = self.detector.rules().silent_after();
        let stale_after = usual.stale_after.min(quickest.max(Duration::from_secs(5)));
        publish::Pace {
            tick: usual.tick.min(stale_after / 3),
            stale_after,
            ..usual
        }
    }

    /// What reports and cases are worked on with.
    fn desk(&self, site: &Arc<Site>) -> Desk {
        let screenshots = self.screenshots();
        Desk {
            store: self.store.clone(),
            keys: self.keys.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            site: Arc::clone(site),
            screenshots: Arc::new(screenshots),
            drawer: self.drawer.clone(),
        }
    }

    /// Whether flows run in browsers too.
    pub fn has_browsers(&self) -> bool {
        self.browsers.is_some()
    }

    fn components(&self) -> Arc<[ComponentId]> {
        let keys = self.config.components.iter();
        keys.map(|component| component.key.clone()).collect()
    }

    fn screenshots(&self) -> PathBuf {
        self.config.data.folder.join("screenshots")
    }

    fn start_probes(&self, life: &mut Life) -> anyhow::Result<()> {
        let (finished, runs) = mpsc::channel(ingest::QUEUE);
        let plan = Plan {
            flows: self.flows.clone(),
            target: Arc::new(settings::target(&self.config, &self.flows)?),
            tools: self.tools()?,
            settings: scheduler::Settings {
                retry_after: self.config.probe.retry_after,
                at_once: self.config.probe.concurrency,
                pace: self.pace,
                ..scheduler::Settings::default()
            },
        };
        let stop = life.stop();
        life.spawn("probes", async move {
            Ok(scheduler::run(plan, finished, stop).await?)
        });
        let (observed, recorded) = (self.metrics.clone(), self.metrics.clone());
        life.spawn(
            "detector",
            Recorder {
                detector: self.detector.clone(),
                store: self.store.clone(),
                vantage: self.config.probe.vantage.clone(),
                clock: Arc::clone(&self.clock),
                set_aside: SetAside::new(
                    self.config.data.folder.join("set-aside"),
                    self.metrics.clone(),
                ),
                observe: move |run: &RunReport| observed.observe_run(run),
                recorded: move |newest| recorded.note_recorded(newest),
            }
            .run(runs),
        );
        Ok(())
    }

    fn start_alerts(&self, life: &mut Life) -> anyhow::Result<()> {
        let sender = notify::Sender::new(
            self.store.clone(),
            settings::alerts(&self.config)?,
            self.http
                .plain_through(notify::SEND_WITHIN, self.config.alert.proxy.as_ref())?,
            Arc::clone(&self.clock),
            Arc::clone(&self.random),
            self.metrics.alert_observer(),
        )
        .map_err(|mistakes| {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("alerts cannot be sent: {}", lines.join("; "))
        })?;
        let stop = life.stop();
        life.spawn("alerts", async move {
            sender.run(stop).await;
            Ok(())
        });
        Ok(())
    }

    /// Metrics and health on a listener of their own.
    async fn start_operations(&self, life: &mut Life, listen: SocketAddr) -> anyhow::Result<()> {
        let listener =
            serve::listen(listen).with_context(|| format!("cannot listen on {listen}"))?;
        let site = Arc::new(settings::site(&self.config)?);
        let server = Arc::new(serve::Server::new(
            Arc::default(),
            operations::router(self.operations()),
            site,
            serve::Limits {
                connections: OPERATIONS_CONNECTIONS,
                ..serve::Limits::default()
            },
        ));
        let stop = life.stop();
        life.spawn("operations server", async move {
            server.serve(listener, stop).await;
            Ok(())
        });
        Ok(())
    }

    fn operations(&self) -> Operations {
        let [metrics, newest, rendered] = [(); 3].map(|()| self.metrics.clone());
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        let rules = Arc::new(self.detector.rules().clone());
        let components = self.components();
        let every = |flow: &Arc<Flow>| flow.every.http.or(flow.every.browser);
        let longest = self.flows.iter().filter_map(every).max();
        Operations {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            started_at: self.clock.now(),
            newest_run: Arc::new(move || newest.newest_run()),
            run_within: longest.unwrap_or_default() * 3 + Duration::from_secs(60),
            disk: Some(settings::disk(&self.config)),
            // A task that breaks ends the process, so whoever answers is whole.
            is_broken: Arc::new(|| false),
            refresh: Arc::new(move || {
                let (metrics, store) = (metrics.clone(), store.clone());
                let (rules, components) = (Arc::clone(&rules), Arc::clone(&components));
                let now = clock.now();
                Box::pin(async move {
                    metrics.refresh(&store, &rules, &components, now).await;
                })
            }),
            metrics: Arc::new(move || rendered.render()),
        }
    }

    fn start_jobs(&self, life: &mut Life) {
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        let vantage = self.config.probe.vantage.clone();
        life.spawn(
            "sign of life",
            jobs::heartbeat(store, vantage, clock, life.stop()),
        );
        life.spawn(
            "clock",
            clock::run(
                self.store.clone(),
                self.config.probe.vantage.clone(),
                Arc::clone(&self.clock),
                self.metrics.clone(),
                life.stop(),
            ),
        );
        life.spawn(
            "disk",
            disk_watch::run(
                settings::disk(&self.config),
                self.store.clone(),
                self.config.probe.vantage.clone(),
                settings::alert_targets(&self.config).into(),
                Arc::clone(&self.clock),
                self.metrics.clone(),
                life.stop(),
            ),
        );
        life.spawn(
            "audit head",
            audit_head::run(
                self.store.clone(),
                self.config.audit.head_file.clone(),
                Arc::clone(&self.clock),
                life.stop(),
            ),
        );
        let kept = jobs::Retention {
            runs: days(self.config.retention.runs_days),
            evidence: days(self.config.retention.evidence_days),
            messages: days(self.config.retention.messages_days),
            hours: days(self.config.retention.hours_days),
            sign_ins: days(self.config.retention.sign_ins_days),
        };
        let folders = Folders {
            data: self.config.data.folder.clone(),
            screenshots: self.screenshots(),
            evidence: self.evidence.clone(),
        };
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        life.spawn(
            "retention",
            jobs::retention(store, kept, folders.clone(), clock, life.stop()),
        );
        let (store, clock) = (self.store.clone(), Arc::clone(&self.clock));
        life.spawn("sweep", jobs::sweep(store, folders, clock, life.stop()));
    }

    fn tools(&self) -> anyhow::Result<Tools> {
        let probe = &self.config.probe;
        let mailbox = settings::mailbox(&self.config, &self.http, Arc::clone(&self.clock))?;
        let rate = politeness::Rate {
            per_second: probe.host_rate,
            at_once: u32::try_from(probe.host_concurrency).unwrap_or(u32::MAX),
        };
        Ok(Tools {
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            applicants: Arc::new(Applicants::new(HttpClients::clone(&self.http))),
            mailbox,
            browsers: self.browsers.clone(),
            evidence: Some(self.evidence.clone()),
            drawer: self.drawer.clone(),
            error_pages: Arc::clone(&self.error_pages),
            readings: Arc::default(),
            politeness: Arc::new(Politeness::new(rate, politeness::LOOPBACK)),
        })
    }

    /// The flows as the simulation of a past needs them.
    pub fn outlines(&self) -> Vec<past::Outline> {
        self.flows
            .iter()
            .filter(|flow| flow.role != Role::Control && flow.every.http.is_some())
            .map(|flow| past::Outline {
                key: flow.key.clone(),
                name: flow.name.clone(),
                steps: flow
                    .steps
                    .iter()
                    .filter(|step| step.runs_on(Engine::Http))
                    .filter_map(|step| Some((step.name.clone(), step.component.clone()?)))
                    .collect(),
            })
            .collect()
    }
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

/// The browsers of the flows that want one; `None` where none wants one, or there are none.
fn browsers(
    config: &Config,
    flows: &[Arc<Flow>],
    user_agent: &str,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
    metrics: &Metrics,
) -> anyhow::Result<Option<Browsers>> {
    if flows.iter().all(|flow| flow.every.browser.is_none()) {
        return Ok(None);
    }
    let folder = config.data.folder.join("browsers");
    let roots = settings::extra_roots(config)?;
    let Some(settings) = config.browser.settings(&folder, user_agent, &roots) else {
        match &config.browser.webdriver {
            Some(webdriver) => tracing::warn!(?webdriver, "{NO_DRIVER}"),
            None => tracing::warn!("no `webdriver`: browser runs are recorded as not configured"),
        }
        return Ok(None);
    };
    if settings.webdriver.is_own()
        && settings.sandbox == Sandbox::Disabled
        && settings.user.is_none()
    {
        tracing::warn!(
            "browsers run without a sandbox, as the user that Siaga runs as: a page that breaks out \
             of its browser can read the master key and the database. Allow user namespaces and \
             leave `sandbox` out of `[browser]`"
        );
    }
    let browsers = Browsers::open(settings, Arc::clone(random))?;
    Ok(Some(browsers.observed_by(
        Arc::clone(clock),
        metrics.browser_observer(),
    )))
}

/// Creates a folder that only we may enter.
fn private_folder(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the data folder {} cannot be made", folder.display()))
}
