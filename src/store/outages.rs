//! Outages, their timelines, and the detectors as they stood.

use sqlx::FromRow;

use super::conn::{statements, values};
use super::runs::component;
use super::{Conn, Error, reevaluation};
use crate::domain::finding;
use crate::domain::history::{Outage, Update};
use crate::domain::outage::{Effect, Severity, Watch};
use crate::domain::{ComponentId, Moment};

/// The columns of [`Row`], in its order.
macro_rules! columns {
    () => {
        "id, component, severity, worst, intermittent, planned, began_at, confirmed_at, \
         ended_at, closed_at, down_ms, fault, diagnosis, flow, step, version"
    };
}

statements! {
    WATCH = "SELECT state FROM watches WHERE component = $1 AND state <> ''";
    LOCK_WATCH = "INSERT INTO watches (component, state, updated_at) VALUES ($1, '', 0)
        ON CONFLICT (component) DO UPDATE SET component = excluded.component RETURNING state";
    WATCHES = "SELECT state FROM watches WHERE state <> '' ORDER BY component";
    SAVE_WATCH = "INSERT INTO watches (component, state, updated_at) VALUES ($1, $2, $3)
        ON CONFLICT (component) DO UPDATE
        SET state = excluded.state, updated_at = excluded.updated_at";
    INSERT = "INSERT INTO outages (id, component, severity, worst, intermittent, planned,
            began_at, confirmed_at, ended_at, closed_at, down_ms, fault, flow, step, version, diagnosis)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    UPDATE_OUTAGE = "UPDATE outages SET severity = $2, worst = $3, intermittent = $4, planned = $5,
            ended_at = $6, closed_at = $7, down_ms = $8, fault = $9, diagnosis = $10, began_at = $11,
            confirmed_at = $12, version = version + 1
        WHERE id = $1";
    SPAN_OF = "SELECT began_at, ended_at, worst FROM outages WHERE id = $1";
    OPEN_OF = concat!("SELECT ", columns!(), " FROM outages WHERE component = $1 AND ended_at IS NULL");
    BY_ID = concat!("SELECT ", columns!(), " FROM outages WHERE id = $1");
    TOUCHING = concat!("SELECT ", columns!(), " FROM outages WHERE began_at < $2 AND (ended_at IS NULL OR ended_at >= $1)
        ORDER BY began_at DESC LIMIT $3");
    ALL_TOUCHING = concat!("SELECT ", columns!(), " FROM outages
        WHERE (began_at, id) < ($2, $3) AND (ended_at IS NULL OR ended_at >= $1)
        ORDER BY began_at DESC, id DESC LIMIT 500");
    INSERT_UPDATE = "INSERT INTO outage_updates (outage_id, at, recorded_at, effect)
        VALUES ($1, $2, $3, $4)";
    UPDATES = "SELECT at, recorded_at, effect FROM outage_updates
        WHERE outage_id = $1 ORDER BY id LIMIT 500";
}

#[derive(FromRow)]
struct Row {
    id: String,
    component: String,
    severity: String,
    worst: String,
    intermittent: bool,
    planned: bool,
    began_at: i64,
    confirmed_at: i64,
    ended_at: Option<i64>,
    closed_at: Option<i64>,
    down_ms: i64,
    fault: Option<String>,
    diagnosis: Option<String>,
    flow: String,
    step: String,
    version: i64,
}

impl TryFrom<Row> for Outage {
    type Error = Error;
    fn try_from(row: Row) -> Result<Outage, Error> {
        let severity = |text: &str| {
            Severity::parse(text).ok_or_else(|| Error::Unreadable(format!("severity `{text}`")))
        };
        let fault = match row.fault.as_deref() {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|_| Error::Unreadable(format!("fault `{text}`")))?,
            ),
        };
        let diagnosis = row.diagnosis.as_deref().map(serde_json::from_str);
        Ok(Outage {
            component: component(&row.component)?,
            severity: severity(&row.severity)?,
            worst: severity(&row.worst)?,
            intermittent: row.intermittent,
            planned: row.planned,
            began_at: Moment(row.began_at),
            confirmed_at: Moment(row.confirmed_at),
            ended_at: row.ended_at.map(Moment),
            closed_at: row.closed_at.map(Moment),
            down_ms: row.down_ms,
            fault,
            diagnosis: diagnosis.transpose()?,
            flow: row.flow,
            step: row.step,
            version: row.version,
            id: row.id,
        })
    }
}

/// The detector of a component as it stood, or a new one.
pub async fn watch(conn: &mut Conn<'_>, of: &ComponentId) -> Result<Watch, Error> {
    let row: Option<(String,)> = conn.optional(WATCH, values![of]).await?;
    match row {
        Some((state,)) => Ok(serde_json::from_str(&state)?),
        None => Ok(Watch::new(of.clone())),
    }
}

/// The same, for judging: whoever else wants to judge this component waits until the
/// transaction ends.
pub async fn lock_watch(conn: &mut Conn<'_>, of: &ComponentId) -> Result<Watch, Error> {
    let row: Option<(String,)> = conn.optional(LOCK_WATCH, values![of]).await?;
    match row {
        Some((state,)) if !state.is_empty() => Ok(serde_json::from_str(&state)?),
        _ => Ok(Watch::new(of.clone())),
    }
}

/// All detectors that have heard anything.
pub async fn watches(conn: &mut Conn<'_>) -> Result<Vec<Watch>, Error> {
    let rows: Vec<(String,)> = conn.all(WATCHES, values![]).await?;
    rows.into_iter()
        .map(|(state,)| Ok(serde_json::from_str(&state)?))
        .collect()
}

/// Keeps a detector as it stands.
pub async fn save_watch(conn: &mut Conn<'_>, watch: &Watch, now: Moment) -> Result<(), Error> {
    let state = serde_json::to_string(watch)?;
    conn.execute(SAVE_WATCH, values![watch.component(), state, now])
        .await?;
    Ok(())
}

/// Writes a new outage. Reports that it may explain are judged again.
pub async fn insert(conn: &mut Conn<'_>, outage: &Outage) -> Result<(), Error> {
    mark(conn, outage.began_at, outage.ended_at).await?;
    conn.execute(
        INSERT,
        values![
            &outage.id,
            &outage.component,
            outage.severity.as_str(),
            outage.worst.as_str(),
            outage.intermittent,
            outage.planned,
            outage.began_at,
            outage.confirmed_at,
            outage.ended_at,
            outage.closed_at,
            outage.down_ms,
            outage.fault.map(|f| f.as_str()),
            &outage.flow,
            &outage.step,
            outage.version,
            diagnosis(outage)?
        ],
    )
    .await?;
    Ok(())
}

/// Writes what may change of an outage, and counts its version up. Where that may make a report
/// say something else, those that it may explain, before or now, are judged again.
pub async fn update(conn: &mut Conn<'_>, outage: &Outage) -> Result<(), Error> {
    let was: Option<(i64, Option<i64>, String)> =
        conn.optional(SPAN_OF, values![&outage.id]).await?;
    if let Some((began, ended, worst)) = was {
        let (began, ended) = (Moment(began), ended.map(Moment));
        let is = (outage.began_at, outage.ended_at, outage.worst.as_str());
        if (began, ended, worst.as_str()) != is {
            let ended = ended.zip(outage.ended_at).map(|(was, is)| was.max(is));
            mark(conn, began.min(outage.began_at), ended).await?;
        }
    }
    conn.execute(
        UPDATE_OUTAGE,
        values![
            &outage.id,
            outage.severity.as_str(),
            outage.worst.as_str(),
            outage.intermittent,
            outage.planned,
            outage.ended_at,
            outage.closed_at,
            outage.down_ms,
            outage.fault.map(|f| f.as_str()),
            diagnosis(outage)?,
            outage.began_at,
            outage.confirmed_at
        ],
    )
    .await?;
    Ok(())
}

/// Marks the time of an outage, and beside it what findings look at.
async fn mark(conn: &mut Conn<'_>, began: Moment, ended: Option<Moment>) -> Result<(), Error> {
    let until = ended.map_or(reevaluation::NO_END, |ended| ended + finding::REACH);
    reevaluation::mark(conn, began - finding::TOLERANCE, until).await
}

fn diagnosis(outage: &Outage) -> Result<Option<String>, Error> {
    let diagnosis = outage.diagnosis.as_ref();
    Ok(diagnosis.map(serde_json::to_string).transpose()?)
}

/// The open outage of a component.
pub async fn open_of(conn: &mut Conn<'_>, of: &ComponentId) -> Result<Option<Outage>, Error> {
    let row: Option<Row> = conn.optional(OPEN_OF, values![of]).await?;
    row.map(Outage::try_from).transpose()
}

/// One outage.
pub async fn by_id(conn: &mut Conn<'_>, id: &str) -> Result<Option<Outage>, Error> {
    let row: Option<Row> = conn.optional(BY_ID, values![id]).await?;
    row.map(Outage::try_from).transpose()
}

/// Outages that touch `from .. until`, the newest first, at most `limit`.
pub async fn touching(
    conn: &mut Conn<'_>,
    from: Moment,
    until: Moment,
    limit: i64,
) -> Result<Vec<Outage>, Error> {
    let rows: Vec<Row> = conn.all(TOUCHING, values![from, until, limit]).await?;
    rows.into_iter().map(Outage::try_from).collect()
}

/// All outages that touch a span of time.
#[derive(Clone, Debug, Default)]
pub struct Touching {
    /// The newest first.
    pub outages: Vec<Outage>,
    /// Begin and end of those whose rows cannot be read.
    pub unreadable: Vec<(Moment, Option<Moment>)>,
}

/// All outages that touch `from .. until`, however many; read in one transaction or not.
pub async fn all_touching(
    conn: &mut Conn<'_>,
    from: Moment,
    until: Moment,
) -> Result<Touching, Error> {
    let mut all = Touching::default();
    let mut before = (until.0, String::new());
    loop {
        let values = values![from, before.0, &before.1];
        let rows: Vec<Row> = conn.all(ALL_TOUCHING, values).await?;
        let Some(last) = rows.last() else {
            return Ok(all);
        };
        before = (last.began_at, last.id.clone());
        for row in rows {
            let span = (Moment(row.began_at), row.ended_at.map(Moment));
            match Outage::try_from(row) {
                Ok(outage) => all.outages.push(outage),
                Err(_) => all.unreadable.push(span),
            }
        }
    }
}

/// Adds to an outage's timeline.
pub async fn add_update(conn: &mut Conn<'_>, outage: &str, update: &Update) -> Result<(), Error> {
    let effect = serde_json::to_string(&update.effect)?;
    conn.execute(
        INSERT_UPDATE,
        values![outage, update.at, update.recorded_at, effect],
    )
    .await?;
    Ok(())
}

/// An outage's timeline, oldest first.
pub async fn updates(conn: &mut Conn<'_>, outage: &str) -> Result<Vec<Update>, Error> {
    let rows: Vec<(i64, i64, String)> = conn.all(UPDATES, values![outage]).await?;
    rows.into_iter()
        .map(|(at, recorded_at, effect)| {
            let effect: Effect = serde_json::from_str(&effect)?;
            Ok(Update {
                at: Moment(at),
                recorded_at: Moment(recorded_at),
                effect,
            })
        })
        .collect()
}
