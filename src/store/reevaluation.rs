//! Which reports are to be judged again, and what comes of it.
//!
//! Two things make a report due. What we observed may change for a span of time: whoever writes
//! an outage or a gap marks that span in the same transaction, and the reports with tries in it
//! are gone through behind a cursor that is kept. And shortly after a report came we may not have
//! seen all that there is to see: it carries the time of its next look itself.

use std::time::Duration;

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::Moment;
use crate::domain::report::OLDEST_TRY_DAYS;

/// Reports that are read, judged and written in one go.
pub const BATCH: usize = 100;
/// How soon a new report is looked at again: what was written while it was on its way is known
/// by then.
pub const FIRST_LOOK_AFTER: Duration = Duration::from_secs(60);
/// The end of a span that has none.
pub const NO_END: Moment = Moment(i64::MAX / 2);

/// How far the tries of one report lie apart at most.
const MAX_APART: Duration = Duration::from_secs(OLDEST_TRY_DAYS.unsigned_abs() * 86_400 + 86_400);

macro_rules! columns {
    () => {
        "id, component, finding, received_at, last_tried_at"
    };
}

statements! {
    MARK = "INSERT INTO reevaluations (from_at, until_at, after_at, after_id) VALUES ($1, $2, $1, '')";
    FIRST_MARK = "SELECT id, from_at, until_at, after_at, after_id FROM reevaluations ORDER BY id LIMIT 1";
    IN_SPAN = concat!("SELECT ", columns!(), " FROM reports
        WHERE (last_tried_at, id) > ($1, $2) AND last_tried_at <= $3 AND first_tried_at <= $4
            AND erased_at IS NULL
        ORDER BY last_tried_at, id LIMIT $5");
    GO_ON = "UPDATE reevaluations SET after_at = $2, after_id = $3 WHERE id = $1";
    FINISH = "DELETE FROM reevaluations WHERE id = $1";
    DUE = concat!("SELECT ", columns!(), " FROM reports
        WHERE reevaluate_at <= $1 AND erased_at IS NULL ORDER BY reevaluate_at, id LIMIT $2");
    SET_FINDING = "UPDATE reports SET finding = $2, outage_id = $3 WHERE id = $1";
    SET_DUE = "UPDATE reports SET reevaluate_at = $2 WHERE id = $1";
}

/// A span in which what we observed has changed.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Mark {
    id: i64,
    /// Its begin.
    #[sqlx(try_from = "i64")]
    pub from_at: Moment,
    /// Its end.
    #[sqlx(try_from = "i64")]
    pub until_at: Moment,
    after_at: i64,
    after_id: String,
}

/// What of a report is needed to judge it, as it stands in the database: a row that cannot be
/// read must not keep the others from being so.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Candidate {
    /// The report's id.
    pub id: String,
    /// Key of the reported component.
    pub component: String,
    /// The finding as it stands, as JSON.
    pub finding: String,
    /// When the report came.
    #[sqlx(try_from = "i64")]
    pub received_at: Moment,
    /// The last try.
    #[sqlx(try_from = "i64")]
    pub last_tried_at: Moment,
}

/// A finding that takes the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// The report's id.
    pub id: String,
    /// As JSON.
    pub finding: String,
    /// The outage that it names.
    pub outage_id: Option<String>,
}

/// Marks `from ..= until`: reports with tries in it are judged again.
pub async fn mark(conn: &mut Conn<'_>, from: Moment, until: Moment) -> Result<(), Error> {
    conn.execute(MARK, values![from, until]).await?;
    Ok(())
}

/// The mark that was made first, and the next reports that it touches; fewer than [`BATCH`]
/// when it is done with them.
pub async fn marked(conn: &mut Conn<'_>) -> Result<Option<(Mark, Vec<Candidate>)>, Error> {
    let Some(mark): Option<Mark> = conn.optional(FIRST_MARK, values![]).await? else {
        return Ok(None);
    };
    // A report has its first try before the end of the span only if its last is not much later.
    let latest = Moment(mark.until_at.0.saturating_add(millis(MAX_APART)));
    let rows = conn
        .all(
            IN_SPAN,
            values![
                mark.after_at,
                &mark.after_id,
                latest,
                mark.until_at,
                batch()
            ],
        )
        .await?;
    Ok(Some((mark, rows)))
}

/// Notes how far a mark has come; `last` is the last report of a full batch, and nothing where
/// there is none left.
pub async fn go_on(
    conn: &mut Conn<'_>,
    mark: &Mark,
    last: Option<&Candidate>,
) -> Result<(), Error> {
    match last {
        Some(last) => conn.execute(GO_ON, values![mark.id, last.last_tried_at, &last.id]),
        None => conn.execute(FINISH, values![mark.id]),
    }
    .await?;
    Ok(())
}

/// Reports that are due for another look, the longest due first, at most [`BATCH`].
pub async fn due(conn: &mut Conn<'_>, now: Moment) -> Result<Vec<Candidate>, Error> {
    conn.all(DUE, values![now, batch()]).await
}

/// Says when a report is looked at next; `None` for never, unless a mark touches it.
pub async fn set_due(conn: &mut Conn<'_>, id: &str, at: Option<Moment>) -> Result<(), Error> {
    conn.execute(SET_DUE, values![id, at]).await?;
    Ok(())
}

/// Replaces findings by those made with more knowledge.
pub async fn replace(conn: &mut Conn<'_>, findings: &[Replacement]) -> Result<(), Error> {
    for one in findings {
        let values = values![&one.id, &one.finding, one.outage_id.clone()];
        conn.execute(SET_FINDING, values).await?;
    }
    Ok(())
}

fn batch() -> i64 {
    i64::try_from(BATCH).unwrap_or(i64::MAX)
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
