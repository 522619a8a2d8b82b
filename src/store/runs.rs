//! Runs, what they say of components, and what they leave behind.

use jiff::civil::Date;
use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::diagnosis::Sight;
use crate::domain::history::Tally;
use crate::domain::{
    BilingualName, ComponentId, Engine, Moment, Observation, Outcome, RunNumber, RunReport,
    StepName,
};

statements! {
    INSERT_RUN = "INSERT INTO runs
        (flow, engine, vantage, number, started_at, ended_at, outcome, detail, report)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (vantage, number) DO NOTHING RETURNING id";
    INSERT_OBSERVATION = "INSERT INTO observations
        (run_id, component, flow, engine, vantage, started_at, ended_at, outcome, detail, decided_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    INSERT_FAILURE = "INSERT INTO failures
        (run_id, component, flow, vantage, step, seen_at, fault, status, message, pattern, fingerprint, title, front_end)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    INSERT_EVIDENCE = "INSERT INTO evidence
        (run_id, component, step, kind, sha256, media_type, size, kept_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    UPSERT_RUNG = "INSERT INTO rungs (flow, step, vantage, kind, size, accepted, allowed, seen_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (flow, step, vantage, kind, size) DO UPDATE
        SET accepted = excluded.accepted, allowed = excluded.allowed, seen_at = excluded.seen_at";
    ADD_HOUR = "INSERT INTO rollup_hours
        (component, hour_at, passed, slow, failed, not_reached, inconclusive)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (component, hour_at) DO UPDATE SET
            passed = rollup_hours.passed + excluded.passed,
            slow = rollup_hours.slow + excluded.slow,
            failed = rollup_hours.failed + excluded.failed,
            not_reached = rollup_hours.not_reached + excluded.not_reached,
            inconclusive = rollup_hours.inconclusive + excluded.inconclusive";
    ADD_DAY = "INSERT INTO rollup_days
        (component, day, passed, slow, failed, not_reached, inconclusive)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (component, day) DO UPDATE SET
            passed = rollup_days.passed + excluded.passed,
            slow = rollup_days.slow + excluded.slow,
            failed = rollup_days.failed + excluded.failed,
            not_reached = rollup_days.not_reached + excluded.not_reached,
            inconclusive = rollup_days.inconclusive + excluded.inconclusive";
    DAYS = "SELECT component, day, passed, slow, failed, not_reached, inconclusive
        FROM rollup_days WHERE day >= $1 ORDER BY component, day LIMIT 20000";
    RUNGS = "SELECT step, kind, size, accepted, allowed, seen_at FROM rungs
        WHERE seen_at >= $1 ORDER BY kind, size, seen_at LIMIT 1000";
    OBSERVATIONS = "SELECT o.component, o.flow, o.engine, o.vantage, r.number, o.started_at, o.ended_at,
            o.outcome, o.detail, COALESCE(o.decided_at, o.started_at) AS decided_at
        FROM observations o JOIN runs r ON r.id = o.run_id
        WHERE o.component = $1 AND o.started_at >= $2
        ORDER BY o.run_id LIMIT $3";
    SIGHTS = "SELECT o.flow, o.engine, o.vantage, o.started_at, o.outcome, o.detail,
            COALESCE(n.step_key, f.step) AS step, f.front_end
        FROM observations o LEFT JOIN failures f ON f.run_id = o.run_id AND f.component = o.component
        LEFT JOIN names n ON n.flow = f.flow AND n.known_as = f.step
        WHERE o.component = $1 AND o.started_at >= $2
            AND o.outcome IN ('passed', 'slow', 'failed')
        ORDER BY o.run_id DESC LIMIT $3";
    PLAIN_RUNS = "SELECT vantage, started_at, outcome, detail FROM runs
        WHERE flow = $1 AND engine = 'http' AND started_at >= $2
            AND outcome IN ('passed', 'slow', 'failed')
        ORDER BY id DESC LIMIT $3";
    SEEN_BETWEEN = "SELECT outcome, COUNT(*) FROM observations
        WHERE component = $1 AND started_at >= $2 AND started_at <= $3 GROUP BY outcome";
    FAILURE_SUMMARY = "SELECT MIN(f.flow) AS flow, COALESCE(n.step_key, f.step) AS step, f.fault, f.pattern,
            f.fingerprint, MAX(f.title) AS title, MAX(f.status) AS status,
            COUNT(*) AS times, COUNT(DISTINCT f.vantage) AS vantages,
            MIN(f.seen_at) AS first_at, MAX(f.seen_at) AS last_at
        FROM failures f LEFT JOIN names n ON n.flow = f.flow AND n.known_as = f.step
        WHERE f.component = $1 AND f.seen_at >= $2 AND f.seen_at < $3
        GROUP BY COALESCE(n.step_key, f.step), f.fault, f.pattern, f.fingerprint
        ORDER BY times DESC, first_at LIMIT 20";
    EVIDENCE_OF = "SELECT step, kind, sha256, media_type, MAX(size) AS size, COUNT(*) AS times,
            MIN(kept_at) AS first_at, MAX(kept_at) AS last_at
        FROM evidence WHERE component = $1 AND kept_at >= $2 AND kept_at < $3
        GROUP BY step, kind, sha256, media_type ORDER BY times DESC, first_at LIMIT 40";
    FIRST_OBSERVATION = "SELECT MIN(at) FROM (SELECT MIN(hour_at) AS at FROM rollup_hours
        UNION ALL SELECT CAST(value AS BIGINT) FROM settings WHERE name = 'watched_since') AS known";
    NEWEST_END = "SELECT ended_at FROM runs ORDER BY id DESC LIMIT 1";
}

/// Writes a run, its observations, failures, evidence, rung and rollups. Gives its id, or
/// `None` where the same run is there already: then nothing was written.
pub async fn insert(conn: &mut Conn<'_>, run: &RunReport, day: Date) -> Result<Option<i64>, Error> {
    let report = match run.outcome {
        Outcome::Passed => notes(run)?,
        _ => Some(serde_json::to_string(run)?),
    };
    let row: Option<(i64,)> = conn
        .optional(
            INSERT_RUN,
            values![
                &run.flow,
                run.engine.as_str(),
                &run.vantage,
                run.number.0,
                run.started_at,
                run.ended_at,
                run.outcome.as_str(),
                run.outcome.detail(),
                report
            ],
        )
        .await?;
    let Some((id,)) = row else { return Ok(None) };
    for observation in run.observations() {
        insert_observation(conn, id, &observation, day).await?;
    }
    for step in &run.steps {
        for kept in &step.evidence {
            let size = i64::try_from(kept.size).unwrap_or(i64::MAX);
            conn.execute(
                INSERT_EVIDENCE,
                values![
                    id,
                    &step.component,
                    step.name.key(),
                    &kept.kind,
                    &kept.sha256,
                    &kept.media_type,
                    size,
                    step.started_at
                ],
            )
            .await?;
        }
        if let (Outcome::Failed(fault), false) = (step.outcome, step.cleanup) {
            let page = step.error_page.as_ref();
            let front_end = step.front_end.as_ref().map(serde_json::to_string);
            conn.execute(
                INSERT_FAILURE,
                values![
                    id,
                    &step.component,
                    &run.flow,
                    &run.vantage,
                    step.name.key(),
                    run.moment_of(step),
                    fault.as_str(),
                    step.status.map(i64::from),
                    step.message.clone(),
                    page.and_then(|p| p.pattern.clone()),
                    page.map(|p| p.fingerprint.clone()),
                    page.map(|p| p.title.clone()),
                    front_end.transpose()?
                ],
            )
            .await?;
        }
    }
    if let Some(rung) = &run.rung {
        let size = i64::try_from(rung.size).unwrap_or(i64::MAX);
        conn.execute(
            UPSERT_RUNG,
            values![
                &run.flow,
                StepName::new(&rung.step, BilingualName::default()).key(),
                &run.vantage,
                &rung.kind,
                size,
                rung.accepted,
                rung.allowed,
                run.ended_at
            ],
        )
        .await?;
    }
    Ok(Some(id))
}

/// Of a run that passed, the notes of its steps are the whole record; `None` where there are none.
fn notes(run: &RunReport) -> Result<Option<String>, serde_json::Error> {
    let noted = run.steps.iter().filter(|step| !step.notes.is_empty());
    let noted: Vec<serde_json::Value> = noted
        .map(|step| {
            serde_json::json!({
                "key": step.name.key(),
                "name": step.name.en(),
                "notes": step.notes,
            })
        })
        .collect();
    let record = (!noted.is_empty()).then(|| serde_json::json!({ "steps": noted }));
    record
        .map(|record| serde_json::to_string(&record))
        .transpose()
}

async fn insert_observation(
    conn: &mut Conn<'_>,
    run: i64,
    observation: &Observation,
    day: Date,
) -> Result<(), Error> {
    const HOUR: i64 = 3_600_000;
    conn.execute(
        INSERT_OBSERVATION,
        values![
            run,
            &observation.component,
            &observation.flow,
            observation.engine.as_str(),
            &observation.vantage,
            observation.started_at,
            observation.ended_at,
            observation.outcome.as_str(),
            observation.outcome.detail(),
            observation.decided_at
        ],
    )
    .await?;
    let one = |word| i64::from(observation.outcome.as_str() == word);
    let counts = ["passed", "slow", "failed", "not_reached", "inconclusive"].map(one);
    let [passed, slow, failed, not_reached, inconclusive] = counts;
    let hour = observation.started_at.0.div_euclid(HOUR) * HOUR;
    conn.execute(
        ADD_HOUR,
        values![
            &observation.component,
            hour,
            passed,
            slow,
            failed,
            not_reached,
            inconclusive
        ],
    )
    .await?;
    conn.execute(
        ADD_DAY,
        values![
            &observation.component,
            day.to_string(),
            passed,
            slow,
            failed,
            not_reached,
            inconclusive
        ],
    )
    .await?;
    Ok(())
}

#[derive(FromRow)]
struct DayRow {
    component: String,
    day: String,
    passed: i64,
    slow: i64,
    failed: i64,
    not_reached: i64,
    inconclusive: i64,
}

/// What runs said of each component, day by day, from `first` on.
pub async fn days(
    conn: &mut Conn<'_>,
    first: Date,
) -> Result<Vec<(ComponentId, Date, Tally)>, Error> {
    let rows: Vec<DayRow> = conn.all(DAYS, values![first.to_string()]).await?;
    rows.into_iter()
        .map(|row| {
            let day = row
                .day
                .parse()
                .map_err(|_| Error::Unreadable(row.day.clone()))?;
            let tally = Tally {
                passed: row.passed,
                slow: row.slow,
                failed: row.failed,
                not_reached: row.not_reached,
                inconclusive: row.inconclusive,
            };
            Ok((component(&row.component)?, day, tally))
        })
        .collect()
}

pub(super) fn component(text: &str) -> Result<ComponentId, Error> {
    ComponentId::parse(text).ok_or_else(|| Error::Unreadable(format!("component `{text}`")))
}

/// The newest word on one size and kind of upload.
#[derive(Clone, Debug, FromRow)]
pub struct RungRow {
    /// The step that uploads.
    pub step: String,
    /// `jpeg`, `png` or `pdf`.
    pub kind: String,
    /// Bytes.
    pub size: i64,
    /// Whether the site took it.
    pub accepted: bool,
    /// Whether the site's stated limit allows it.
    pub allowed: bool,
    /// When it was tried.
    #[sqlx(try_from = "i64")]
    pub seen_at: Moment,
}

/// The ladder's rungs tried since `since`, by kind and size; the newest of several steps and
/// vantages comes last.
pub async fn rungs(conn: &mut Conn<'_>, since: Moment) -> Result<Vec<RungRow>, Error> {
    conn.all(RUNGS, values![since]).await
}

#[derive(FromRow)]
struct ObservationRow {
    component: String,
    flow: String,
    engine: String,
    vantage: String,
    number: i64,
    started_at: i64,
    ended_at: i64,
    outcome: String,
    detail: Option<String>,
    decided_at: i64,
}

/// Observations of `of` from `since` on, in the order in which they were recorded.
pub async fn observations(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    since: Moment,
    limit: i64,
) -> Result<Vec<Observation>, Error> {
    let rows: Vec<ObservationRow> = conn.all(OBSERVATIONS, values![of, since, limit]).await?;
    rows.into_iter()
        .map(|row| {
            let word = |e: crate::domain::fault::UnknownWord| Error::Unreadable(e.to_string());
            Ok(Observation {
                component: component(&row.component)?,
                flow: row.flow,
                engine: row.engine.parse().map_err(word)?,
                vantage: row.vantage,
                number: RunNumber(row.number),
                started_at: Moment(row.started_at),
                decided_at: Moment(row.decided_at),
                ended_at: Moment(row.ended_at),
                outcome: Outcome::parse(&row.outcome, row.detail.as_deref()).map_err(word)?,
            })
        })
        .collect()
}

#[derive(FromRow)]
struct SightRow {
    flow: String,
    engine: String,
    vantage: String,
    started_at: i64,
    outcome: String,
    detail: Option<String>,
    step: Option<String>,
    front_end: Option<String>,
}

/// What runs that started at `since` or later saw of `of`, at most `limit`, the newest first.
pub async fn sights(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    since: Moment,
    limit: i64,
) -> Result<Vec<Sight>, Error> {
    let rows: Vec<SightRow> = conn.all(SIGHTS, values![of, since, limit]).await?;
    rows.into_iter()
        .map(|row| {
            let word = |e: crate::domain::fault::UnknownWord| Error::Unreadable(e.to_string());
            let front_end = row.front_end.as_deref().map(serde_json::from_str);
            Ok(Sight {
                started_at: Moment(row.started_at),
                engine: row.engine.parse().map_err(word)?,
                outcome: Outcome::parse(&row.outcome, row.detail.as_deref()).map_err(word)?,
                flow: row.flow,
                vantage: row.vantage,
                step: row.step.unwrap_or_default(),
                front_end: front_end.transpose()?,
            })
        })
        .collect()
}

#[derive(FromRow)]
struct PlainRow {
    vantage: String,
    started_at: i64,
    outcome: String,
    detail: Option<String>,
}

/// Runs of a flow over plain HTTP as a whole, that started at `since` or later, at most `limit`,
/// the newest first.
pub async fn plain_runs(
    conn: &mut Conn<'_>,
    flow: &str,
    since: Moment,
    limit: i64,
) -> Result<Vec<Sight>, Error> {
    let rows: Vec<PlainRow> = conn.all(PLAIN_RUNS, values![flow, since, limit]).await?;
    rows.into_iter()
        .map(|row| {
            let word = |e: crate::domain::fault::UnknownWord| Error::Unreadable(e.to_string());
            Ok(Sight {
                started_at: Moment(row.started_at),
                flow: flow.to_owned(),
                vantage: row.vantage,
                engine: Engine::Http,
                outcome: Outcome::parse(&row.outcome, row.detail.as_deref()).map_err(word)?,
                step: String::new(),
                front_end: None,
            })
        })
        .collect()
}

/// Whether `of` was seen working, and never failing, in runs that started in `from ..= until`;
/// `None` where no run of that time is remembered.
pub async fn seen_working(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    from: Moment,
    until: Moment,
) -> Result<Option<bool>, Error> {
    let rows: Vec<(String, i64)> = conn.all(SEEN_BETWEEN, values![of, from, until]).await?;
    let saw = |words: &[&str]| rows.iter().any(|(word, _)| words.contains(&word.as_str()));
    Ok((!rows.is_empty()).then(|| saw(&["passed", "slow"]) && !saw(&["failed"])))
}

/// Failures of the same step with the same page, counted.
#[derive(Clone, Debug, FromRow)]
pub struct FailureSummary {
    /// A flow that failed so.
    pub flow: String,
    /// The key of the failing step.
    pub step: String,
    /// The fault's name.
    pub fault: String,
    /// The recognised error page's key.
    pub pattern: Option<String>,
    /// The page's fingerprint.
    pub fingerprint: Option<String>,
    /// What a person reads first on it.
    pub title: Option<String>,
    /// Status code.
    pub status: Option<i64>,
    /// How often.
    pub times: i64,
    /// From how many vantages.
    pub vantages: i64,
    /// First seen.
    #[sqlx(try_from = "i64")]
    pub first_at: Moment,
    /// Last seen.
    #[sqlx(try_from = "i64")]
    pub last_at: Moment,
}

/// What failed at `of` in `from .. until`, most frequent first, at most 20 rows.
pub async fn failures(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    from: Moment,
    until: Moment,
) -> Result<Vec<FailureSummary>, Error> {
    conn.all(FAILURE_SUMMARY, values![of, from, until]).await
}

/// One piece of evidence, counted.
#[derive(Clone, Debug, FromRow)]
pub struct EvidenceRow {
    /// The failing step.
    pub step: String,
    /// `page`, `headers` …
    pub kind: String,
    /// Lower-case hex.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// How often the very same bytes were met.
    pub times: i64,
    /// First met.
    #[sqlx(try_from = "i64")]
    pub first_at: Moment,
    /// Last met.
    #[sqlx(try_from = "i64")]
    pub last_at: Moment,
}

/// The evidence of `of` in `from .. until`, most frequent first, at most 40 rows.
pub async fn evidence(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    from: Moment,
    until: Moment,
) -> Result<Vec<EvidenceRow>, Error> {
    conn.all(EVIDENCE_OF, values![of, from, until]).await
}

/// When the run ended that was recorded last, by the clock of then.
pub async fn newest_end(conn: &mut Conn<'_>) -> Result<Option<Moment>, Error> {
    let row: Option<(i64,)> = conn.optional(NEWEST_END, values![]).await?;
    Ok(row.map(|(at,)| Moment(at)))
}

/// The first hour in which anything was observed, also where its figures are no longer kept.
pub async fn first_observation(conn: &mut Conn<'_>) -> Result<Option<Moment>, Error> {
    let row: Option<(Option<i64>,)> = conn.optional(FIRST_OBSERVATION, values![]).await?;
    Ok(row.and_then(|(at,)| at).map(Moment))
}
