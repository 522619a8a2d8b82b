//! The past of a demonstration: ninety days of simulated runs, told by a timetable and fed
//! through the real detector and rollups. Knows nothing of how real runs come about.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::detect::{Detector, STOPPED};
use crate::domain::history::{Gap, date_of};
use crate::domain::outage::Maintenance;
use crate::domain::run::{ErrorPage, Phases, StepReport};
use crate::domain::{
    BilingualName, ComponentId, Engine, Fault, Moment, Outcome, Random, RunNumber, RunReport,
    StepName, random, run,
};
use crate::store::monitor::{self, Announced};
use crate::store::{self, Store, vantages};

/// What the simulation needs of a flow.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The flow's key.
    pub key: String,
    /// The flow's name.
    pub name: BilingualName,
    /// Names and components of its steps, in order.
    pub steps: Vec<(StepName, ComponentId)>,
}

/// One trouble of the past.
struct Trouble {
    days_ago: i64,
    /// Hour and minute in the site's zone.
    at: (i8, i8),
    lasts: Duration,
    component: &'static str,
    outcome: Outcome,
    /// Fails only every other time.
    intermittent: bool,
    page: Option<(&'static str, &'static str)>,
    message: &'static str,
}

const DAYS: u64 = 90;
const EVERY: Duration = Duration::from_secs(20 * 60);
const RETRY: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3600);
/// Runs written in one transaction.
const AT_ONCE: usize = 500;
/// Days ago and span of a night in which the monitor itself did not run.
const BLIND: (i64, (i8, i8), Duration) = (17, (1, 0), Duration::from_secs(3 * 3600));
/// Days ago and span of an announced maintenance.
const MAINTENANCE: (i64, (i8, i8), Duration) = (23, (22, 0), Duration::from_secs(5 * 3600));

fn troubles() -> Vec<Trouble> {
    let trouble = |days_ago, at, lasts, component, outcome| Trouble {
        days_ago,
        at,
        lasts,
        component,
        outcome,
        intermittent: false,
        page: None,
        message: "",
    };
    let server_error = Some(("branded-500", "500 • KENDALA SERVER"));
    vec![
        Trouble {
            message: "no connection: refused",
            ..trouble(
                78,
                (9, 10),
                34 * HOUR,
                "website",
                Outcome::Failed(Fault::Connect),
            )
        },
        Trouble {
            message: "a document of 1,900,000 bytes was refused although 2 MB are allowed",
            ..trouble(
                61,
                (13, 0),
                3 * HOUR,
                "upload",
                Outcome::Failed(Fault::UploadRefused),
            )
        },
        Trouble {
            page: server_error,
            message: "an error page came instead of the expected one",
            ..trouble(
                44,
                (20, 5),
                5 * HOUR,
                "sign-in",
                Outcome::Failed(Fault::ErrorPage),
            )
        },
        trouble(30, (10, 0), 2 * HOUR, "application", Outcome::Slow),
        Trouble {
            page: Some(("maintenance", "Situs Dalam Pemeliharaan")),
            message: "a maintenance page came instead of the expected one",
            ..trouble(
                23,
                (22, 10),
                4 * HOUR,
                "website",
                Outcome::Failed(Fault::ErrorPage),
            )
        },
        Trouble {
            message: "the payment notice did not arrive within 5 minutes",
            ..trouble(
                12,
                (8, 30),
                2 * HOUR,
                "notification",
                Outcome::Failed(Fault::MailMissing),
            )
        },
        Trouble {
            intermittent: true,
            message: "no complete answer within 30 s",
            ..trouble(
                5,
                (14, 0),
                6 * HOUR,
                "upload",
                Outcome::Failed(Fault::Timeout),
            )
        },
        Trouble {
            page: server_error,
            message: "an error page came instead of the expected one",
            ..trouble(
                1,
                (10, 20),
                2 * HOUR,
                "sign-in",
                Outcome::Failed(Fault::ErrorPage),
            )
        },
    ]
}

fn moment_of(now: Moment, zone: &TimeZone, days_ago: i64, (hour, minute): (i8, i8)) -> Moment {
    let today = date_of(now, zone);
    let date = today
        .checked_sub(jiff::Span::new().days(days_ago))
        .unwrap_or(today);
    let time = Time::new(hour, minute, 0, 0).unwrap_or(Time::midnight());
    match date.to_datetime(time).to_zoned(zone.clone()) {
        Ok(zoned) => Moment::from(zoned.timestamp()),
        Err(_) => now,
    }
}

/// Writes the past into an empty database. Runs end a minute before `now`. `told` hears
/// after each transaction how much of the whole is done, from 0.0 to 1.0.
///
/// # Errors
/// When the database fails.
#[allow(
    clippy::too_many_arguments,
    reason = "each is a different thing, and it is called once"
)]
pub async fn write(
    store: &Store,
    detector: &Detector,
    flows: &[Outline],
    vantage: &str,
    now: Moment,
    zone: &TimeZone,
    random: &dyn Random,
    told: impl Fn(f64),
) -> Result<usize, store::Error> {
    announce(store, now, zone, random).await?;
    let mut number = vantages::claim_start(store, vantage).await?;
    note_blindness(store, vantage, now, zone).await?;
    let spans: Vec<(Moment, Trouble)> = troubles()
        .into_iter()
        .map(|t| (moment_of(now, zone, t.days_ago, t.at), t))
        .collect();
    let blind_from = moment_of(now, zone, BLIND.0, BLIND.1);
    let last = now - Duration::from_secs(60);
    // A little less than what is kept, so that retention finds nothing to do.
    let first = last - Duration::from_secs(DAYS * 86_400) + HOUR;
    let mut batch = Vec::with_capacity(AT_ONCE + 8);
    let mut written = 0;
    let mut at = first;
    let mut round = 0_usize;
    while at <= last {
        round += 1;
        if !(blind_from <= at && at < blind_from + BLIND.2) {
            let current = spans.iter().find(|(from, t)| {
                *from <= at && at < *from + t.lasts && !(t.intermittent && round.is_multiple_of(2))
            });
            for flow in flows {
                let one = simulate(flow, vantage, at, current.map(|(_, t)| t), random);
                let again = matches!(one.outcome, Outcome::Failed(_))
                    && !current.is_some_and(|(_, t)| t.intermittent);
                let retry_at = one.ended_at + RETRY;
                batch.push(one);
                if again {
                    let trouble = current.map(|(_, t)| t);
                    batch.push(simulate(flow, vantage, retry_at, trouble, random));
                }
            }
        }
        at = at + EVERY;
        if batch.len() >= AT_ONCE || at > last {
            written += batch.len();
            for run in &mut batch {
                number = number.next();
                run.number = number;
            }
            detector.record_all(std::mem::take(&mut batch)).await?;
            told(at.since(first).as_secs_f64() / last.since(first).as_secs_f64());
        }
    }
    Ok(written)
}

async fn announce(
    store: &Store,
    now: Moment,
    zone: &TimeZone,
    random: &dyn Random,
) -> Result<(), store::Error> {
    let from = moment_of(now, zone, MAINTENANCE.0, MAINTENANCE.1);
    let id = random::id(from, random);
    let announced = Announced {
        series: id.clone(),
        id,
        window: Maintenance {
            component: None,
            from,
            until: from + MAINTENANCE.2,
        },
        title_id: "Pemeliharaan terjadwal sistem".to_owned(),
        title_en: "Scheduled system maintenance".to_owned(),
        notice_url: None,
    };
    store
        .write(move |mut conn| {
            Box::pin(
                async move { monitor::announce(&mut conn, &announced, "rehearsal", from).await },
            )
        })
        .await
}

async fn note_blindness(
    store: &Store,
    vantage: &str,
    now: Moment,
    zone: &TimeZone,
) -> Result<(), store::Error> {
    let began_at = moment_of(now, zone, BLIND.0, BLIND.1);
    let gap = Gap {
        vantage: vantage.to_owned(),
        why: STOPPED.to_owned(),
        began_at,
        ended_at: Some(began_at + BLIND.2),
    };
    store
        .write(move |mut conn| Box::pin(async move { monitor::add_gap(&mut conn, &gap).await }))
        .await
}

fn simulate(
    flow: &Outline,
    vantage: &str,
    started_at: Moment,
    trouble: Option<&Trouble>,
    random: &dyn Random,
) -> RunReport {
    let mut at = started_at;
    let mut failed = false;
    let mut steps = Vec::with_capacity(flow.steps.len());
    for (name, component) in &flow.steps {
        let here = trouble.filter(|t| t.component == component.as_str() && !failed);
        let outcome = match here {
            _ if failed => Outcome::NotReached,
            Some(trouble) => trouble.outcome,
            None => Outcome::Passed,
        };
        let took = match outcome {
            Outcome::NotReached => 0,
            Outcome::Slow => 4_000,
            _ => 90 + (random::fraction(random) * 240.0) as u64,
        };
        failed |= matches!(outcome, Outcome::Failed(_));
        let status = match outcome {
            Outcome::Failed(Fault::ErrorPage) => Some(500),
            Outcome::Failed(_) | Outcome::NotReached | Outcome::Inconclusive(_) => None,
            Outcome::Passed | Outcome::Slow => Some(200),
        };
        steps.push(StepReport {
            name: name.clone(),
            component: component.clone(),
            outcome,
            message: here.filter(|_| failed).map(|t| t.message.to_owned()),
            started_at: at,
            took_ms: took,
            phases: Phases {
                first_byte: took * 2 / 3,
                transfer: took / 3,
                ..Phases::default()
            },
            status,
            final_url: None,
            redirects: 0,
            certificate_expires_at: None,
            certificates: Vec::new(),
            front_end: None,
            error_page: here
                .filter(|_| failed)
                .and_then(|t| t.page)
                .map(|(pattern, title)| ErrorPage {
                    pattern: Some(pattern.to_owned()),
                    fingerprint: "5ca1ab1e0ddba115".to_owned(),
                    title: title.to_owned(),
                }),
            evidence: Vec::new(),
            cleanup: false,
            proves_nothing: false,
            notes: Vec::new(),
        });
        at = at + Duration::from_millis(took);
    }
    let outcome = steps
        .iter()
        .map(|step| step.outcome)
        .max_by_key(|outcome| run::gravity(*outcome))
        .unwrap_or(Outcome::Passed);
    RunReport {
        flow: flow.key.clone(),
        name: flow.name.clone(),
        engine: Engine::Http,
        vantage: vantage.to_owned(),
        number: RunNumber::default(),
        started_at,
        ended_at: at,
        outcome,
        steps,
        rung: None,
        may_be_left: None,
    }
}
