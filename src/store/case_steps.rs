//! The way of a case through an office, step by step.

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::Moment;
use crate::domain::case::CaseState;

statements! {
    ADVANCE = "UPDATE reports SET state = $3 WHERE id = $1 AND state = $2";
    ADD_STEP = "INSERT INTO case_steps (report_id, from_state, to_state, at, staff_id, reason)
        VALUES ($1, $2, $3, $4, $5, $6)";
    STEPS = "SELECT c.from_state, c.to_state, c.at, s.email AS by_whom, c.reason
        FROM case_steps c JOIN staff s ON s.id = c.staff_id
        WHERE c.report_id = $1 ORDER BY c.id LIMIT 200";
}

/// One step of a case.
#[derive(Clone, Debug, FromRow)]
pub struct Step {
    /// Where it stood.
    pub from_state: String,
    /// Where it went.
    pub to_state: String,
    /// When.
    #[sqlx(try_from = "i64")]
    pub at: Moment,
    /// E-mail address of the member of staff.
    pub by_whom: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
}

/// The steps of a case, oldest first.
pub async fn steps(conn: &mut Conn<'_>, id: &str) -> Result<Vec<Step>, Error> {
    conn.all(STEPS, values![id]).await
}

/// Moves a case on. Refused where the rules do not allow the step, or where someone else
/// moved it first.
pub async fn advance(
    conn: &mut Conn<'_>,
    id: &str,
    from: CaseState,
    to: CaseState,
    staff: &str,
    reason: Option<&str>,
    now: Moment,
) -> Result<(), Error> {
    if !from.next().contains(&to) {
        return Err(Error::Refused(
            "a case cannot go there from where it stands",
        ));
    }
    if conn
        .execute(ADVANCE, values![id, from.as_str(), to.as_str()])
        .await?
        == 0
    {
        return Err(Error::Refused("someone else has moved this case meanwhile"));
    }
    conn.execute(
        ADD_STEP,
        values![id, from.as_str(), to.as_str(), now, staff, reason],
    )
    .await?;
    Ok(())
}
