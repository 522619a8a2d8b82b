//! The monitor's own affairs: spans in which it was blind, announced maintenance, and
//! single settings such as its last sign of life.

use sqlx::FromRow;

use super::conn::{statements, values};
use super::runs::component;
use super::{Conn, Error, reevaluation};
use crate::domain::Moment;
use crate::domain::history::Gap;
use crate::domain::outage::Maintenance;

statements! {
    OPEN_GAP = "INSERT INTO gaps (vantage, why, began_at, ended_at) VALUES ($1, $2, $3, NULL)
        ON CONFLICT (vantage, why) WHERE ended_at IS NULL DO NOTHING";
    CLOSE_GAP = "UPDATE gaps SET ended_at = CASE WHEN $3 > began_at THEN $3 ELSE began_at END
        WHERE vantage = $1 AND why = $2 AND ended_at IS NULL";
    ADD_GAP = "INSERT INTO gaps (vantage, why, began_at, ended_at)
        SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT)
        WHERE NOT EXISTS (SELECT 1 FROM gaps
            WHERE vantage = $1 AND why = $2 AND began_at = $3 AND ended_at = $4)";
    GAPS = "SELECT vantage, why, began_at, ended_at FROM gaps
        WHERE began_at < $2 AND (ended_at IS NULL OR ended_at > $1)
        ORDER BY began_at DESC LIMIT 200";
    ALL_GAPS = "SELECT id, vantage, why, began_at, ended_at FROM gaps
        WHERE id < $3 AND began_at < $2 AND (ended_at IS NULL OR ended_at > $1)
        ORDER BY id DESC LIMIT 500";
    ADD_MAINTENANCE = "INSERT INTO maintenance
        (id, series, component, from_at, until_at, title_id, title_en, notice_url, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    MAINTENANCE = "SELECT id, series, component, from_at, until_at, title_id, title_en, notice_url
        FROM maintenance WHERE until_at > $1 ORDER BY from_at, id LIMIT $2";
    END_MAINTENANCE = "UPDATE maintenance SET until_at = $2
        WHERE (series = $1 OR id = $1) AND from_at < $2 AND until_at > $2";
    DROP_MAINTENANCE = "DELETE FROM maintenance WHERE (series = $1 OR id = $1) AND from_at >= $2";
    SETTING = "SELECT value FROM settings WHERE name = $1";
    SET = "INSERT INTO settings (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
}

/// Opens a gap, where the same is not open already.
pub async fn open_gap(
    conn: &mut Conn<'_>,
    vantage: &str,
    why: &str,
    at: Moment,
) -> Result<bool, Error> {
    let is_new = conn.execute(OPEN_GAP, values![vantage, why, at]).await? > 0;
    if is_new {
        reevaluation::mark(conn, at, reevaluation::NO_END).await?;
    }
    Ok(is_new)
}

/// Closes the open gap, where there is one; not before it began, though the clock was set back.
pub async fn close_gap(
    conn: &mut Conn<'_>,
    vantage: &str,
    why: &str,
    at: Moment,
) -> Result<bool, Error> {
    let was_open = conn.execute(CLOSE_GAP, values![vantage, why, at]).await? > 0;
    if was_open {
        // What came after its end counted as unseen until now.
        reevaluation::mark(conn, at, reevaluation::NO_END).await?;
    }
    Ok(was_open)
}

/// Writes a gap that is over, once: one of which it is not known whether it was kept may be written
/// again.
pub async fn add_gap(conn: &mut Conn<'_>, gap: &Gap) -> Result<(), Error> {
    conn.execute(
        ADD_GAP,
        values![&gap.vantage, &gap.why, gap.began_at, gap.ended_at],
    )
    .await?;
    let until = gap.ended_at.unwrap_or(reevaluation::NO_END);
    reevaluation::mark(conn, gap.began_at, until).await
}

#[derive(FromRow)]
struct GapRow {
    vantage: String,
    why: String,
    began_at: i64,
    ended_at: Option<i64>,
}

impl From<GapRow> for Gap {
    fn from(row: GapRow) -> Gap {
        Gap {
            vantage: row.vantage,
            why: row.why,
            began_at: Moment(row.began_at),
            ended_at: row.ended_at.map(Moment),
        }
    }
}

/// Gaps that touch `from .. until`, the newest first, at most 200.
pub async fn gaps(conn: &mut Conn<'_>, from: Moment, until: Moment) -> Result<Vec<Gap>, Error> {
    let rows: Vec<GapRow> = conn.all(GAPS, values![from, until]).await?;
    Ok(rows.into_iter().map(Gap::from).collect())
}

#[derive(FromRow)]
struct NumberedGap {
    id: i64,
    #[sqlx(flatten)]
    gap: GapRow,
}

/// All gaps that touch `from .. until`, however many, in no particular order.
pub async fn all_gaps(conn: &mut Conn<'_>, from: Moment, until: Moment) -> Result<Vec<Gap>, Error> {
    let mut all = Vec::new();
    let mut before = i64::MAX;
    loop {
        let rows: Vec<NumberedGap> = conn.all(ALL_GAPS, values![from, until, before]).await?;
        let Some(last) = rows.last() else {
            return Ok(all);
        };
        before = last.id;
        all.extend(rows.into_iter().map(|row| Gap::from(row.gap)));
    }
}

/// An announced maintenance with its titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// UUIDv7.
    pub id: String,
    /// The id that it shares with what was announced together with it.
    pub series: String,
    /// When, and of what.
    pub window: Maintenance,
    /// Title in Indonesian.
    pub title_id: String,
    /// Title in English.
    pub title_en: String,
    /// Where the site's owner announced it.
    pub notice_url: Option<String>,
}

#[derive(FromRow)]
struct MaintenanceRow {
    id: String,
    series: Option<String>,
    component: Option<String>,
    from_at: i64,
    until_at: i64,
    title_id: String,
    title_en: String,
    notice_url: Option<String>,
}

/// The most windows that are looked at: the nearest ones.
const MAX_WINDOWS: i64 = 100;

/// Announces maintenance.
pub async fn announce(
    conn: &mut Conn<'_>,
    announced: &Announced,
    by: &str,
    now: Moment,
) -> Result<(), Error> {
    let of = announced.window.component.as_ref().map(|c| c.as_str());
    conn.execute(
        ADD_MAINTENANCE,
        values![
            &announced.id,
            &announced.series,
            of,
            announced.window.from,
            announced.window.until,
            &announced.title_id,
            &announced.title_en,
            announced.notice_url.clone(),
            now,
            by
        ],
    )
    .await?;
    Ok(())
}

/// Maintenance that ends after `after`, by its begin, at most 100.
pub async fn maintenance(conn: &mut Conn<'_>, after: Moment) -> Result<Vec<Announced>, Error> {
    maintenance_up_to(conn, after, MAX_WINDOWS).await
}

/// Takes back what was announced, of a series or of one window: what has not begun is gone, what goes
/// on ends now. Gives how many windows that were of either kind.
pub async fn cancel_maintenance(
    conn: &mut Conn<'_>,
    id: &str,
    now: Moment,
) -> Result<(u64, u64), Error> {
    let dropped = conn.execute(DROP_MAINTENANCE, values![id, now]).await?;
    let ended = conn.execute(END_MAINTENANCE, values![id, now]).await?;
    Ok((dropped, ended))
}

/// As [`maintenance`], at most `limit`.
pub async fn maintenance_up_to(
    conn: &mut Conn<'_>,
    after: Moment,
    limit: i64,
) -> Result<Vec<Announced>, Error> {
    let rows: Vec<MaintenanceRow> = conn.all(MAINTENANCE, values![after, limit]).await?;
    rows.into_iter()
        .map(|row| {
            Ok(Announced {
                series: row.series.unwrap_or_else(|| row.id.clone()),
                notice_url: row.notice_url,
                id: row.id,
                window: Maintenance {
                    component: row.component.as_deref().map(component).transpose()?,
                    from: Moment(row.from_at),
                    until: Moment(row.until_at),
                },
                title_id: row.title_id,
                title_en: row.title_en,
            })
        })
        .collect()
}

/// The value kept under `name`.
pub async fn setting(conn: &mut Conn<'_>, name: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = conn.optional(SETTING, values![name]).await?;
    Ok(row.map(|(value,)| value))
}

/// Keeps `value` under `name`.
pub async fn set(conn: &mut Conn<'_>, name: &str, value: &str) -> Result<(), Error> {
    conn.execute(SET, values![name, value]).await?;
    Ok(())
}
