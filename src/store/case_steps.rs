//! The way of a case through an office, step by step. Officers write freely why they give a case
//! back, and may name the applicant: a reason is sealed with the report's key, and goes with it.

use sqlx::FromRow;

use super::conn::{statements, values};
use super::reports;
use super::seal::{DataKey, MasterKeys, SealError};
use super::{Conn, Error};
use crate::domain::case::CaseState;
use crate::domain::finding::Finding;
use crate::domain::{Moment, Random};

statements! {
    ADVANCE = "UPDATE reports SET state = $3
        WHERE id = $1 AND state = $2 AND erased_at IS NULL";
    IS_ERASED = "SELECT COUNT(*) FROM reports WHERE id = $1 AND erased_at IS NOT NULL";
    ADD_STEP = "INSERT INTO case_steps (report_id, from_state, to_state, at, staff_id, finding)
        VALUES ($1, $2, $3, $4, $5, (SELECT finding FROM reports WHERE id = $1)) RETURNING id";
    SET_REASON = "UPDATE case_steps SET sealed_reason = $2 WHERE id = $1";
    SEAL_OLD = "UPDATE case_steps SET sealed_reason = $2, reason = NULL
        WHERE id = $1 AND reason IS NOT NULL";
    STEPS = "SELECT c.id, c.from_state, c.to_state, c.at, s.email AS by_whom, c.sealed_reason,
            c.finding
        FROM case_steps c JOIN staff s ON s.id = c.staff_id
        WHERE c.report_id = $1 ORDER BY c.id LIMIT 200";
    IN_CLEAR = "SELECT id, report_id, reason FROM case_steps
        WHERE reason IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
}

/// One step of a case.
#[derive(Clone, Debug, FromRow)]
pub struct Step {
    id: i64,
    /// Where it stood.
    pub from_state: String,
    /// Where it went.
    pub to_state: String,
    /// When.
    #[sqlx(try_from = "i64")]
    pub at: Moment,
    /// E-mail address of the member of staff.
    pub by_whom: String,
    sealed_reason: Option<Vec<u8>>,
    finding: Option<String>,
}

impl Step {
    /// The finding of the report as it stood when the step was taken; `None` in steps that an
    /// earlier version wrote, and where it cannot be read.
    pub fn finding(&self) -> Option<Finding> {
        serde_json::from_str(self.finding.as_deref()?).ok()
    }

    /// Why, where a reason was given and is not erased. `key` is the key of the case, or why
    /// there is none.
    pub fn reason(
        &self,
        key: &Result<Option<DataKey>, SealError>,
    ) -> Result<Option<String>, SealError> {
        let Some(sealed) = &self.sealed_reason else {
            return Ok(None);
        };
        let Some(key) = key.as_ref().map_err(Clone::clone)? else {
            return Ok(None);
        };
        let plain = key.open("case_steps", "reason", &self.id.to_string(), sealed)?;
        String::from_utf8(plain)
            .map(Some)
            .map_err(|_| SealError::Broken("a reason".to_owned()))
    }
}

/// The steps of a case, oldest first.
pub async fn steps(conn: &mut Conn<'_>, id: &str) -> Result<Vec<Step>, Error> {
    conn.all(STEPS, values![id]).await
}

/// A step that is to be taken.
#[derive(Clone, Debug)]
pub struct NewStep {
    /// The report's id.
    pub report: String,
    /// Where the case stands.
    pub from: CaseState,
    /// Where it goes.
    pub to: CaseState,
    /// Id of the member of staff.
    pub staff: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Moment,
}

/// Moves a case on. Refused where the rules do not allow the step, where someone else moved it
/// first, and where the report is erased.
pub async fn advance(
    conn: &mut Conn<'_>,
    step: &NewStep,
    keys: &MasterKeys,
    random: &dyn Random,
) -> Result<(), Error> {
    if !step.from.next().contains(&step.to) {
        return Err(Error::Refused(
            "a case cannot go there from where it stands",
        ));
    }
    let (from, to) = (step.from.as_str(), step.to.as_str());
    // An erasure writes to the same row, so it comes wholly before or wholly after this.
    let moved = conn
        .execute(ADVANCE, values![&step.report, from, to])
        .await?;
    if moved == 0 {
        let erased = conn.number(IS_ERASED, values![&step.report]).await?;
        return Err(Error::Refused(if erased > 0 {
            "the report is erased"
        } else {
            "someone else has moved this case meanwhile"
        }));
    }
    let id = conn
        .number(
            ADD_STEP,
            values![&step.report, from, to, step.at, &step.staff],
        )
        .await?;
    if let Some(reason) = &step.reason {
        let key = reports::data_key_of(conn, &step.report, keys).await?;
        let key = key.ok_or(Error::Missing)?;
        let sealed = seal(id, reason, &key, random)?;
        conn.execute(SET_REASON, values![id, sealed]).await?;
    }
    Ok(())
}

fn seal(id: i64, reason: &str, key: &DataKey, random: &dyn Random) -> Result<Vec<u8>, SealError> {
    key.seal(
        "case_steps",
        "reason",
        &id.to_string(),
        reason.as_bytes(),
        random,
    )
}

/// What [`seal_old_reasons`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Id of the last row that was looked at; 0 where there was none.
    pub last: i64,
    /// Reasons that are sealed now, or were emptied because their report is erased.
    pub sealed: usize,
    /// Reasons that still stand in the clear: the key of their report does not open.
    pub left: usize,
}

/// Seals at most `limit` reasons that an earlier version wrote in the clear, those behind the
/// row `after`. To be called again from [`Sealed::last`] until nothing was looked at; a process
/// that is killed between goes on at its next start.
pub async fn seal_old_reasons(
    conn: &mut Conn<'_>,
    after: i64,
    limit: i64,
    keys: &MasterKeys,
    random: &dyn Random,
) -> Result<Sealed, Error> {
    let rows: Vec<(i64, String, String)> = conn.all(IN_CLEAR, values![after, limit]).await?;
    let mut done = Sealed::default();
    for (id, report, reason) in rows {
        done.last = id;
        let sealed = match reports::data_key_of(conn, &report, keys).await {
            Ok(Some(key)) => Some(seal(id, &reason, &key, random)?),
            Ok(None) => None,
            Err(Error::Sealed(_)) => {
                done.left += 1;
                continue;
            }
            Err(error) => return Err(error),
        };
        // Where an erasure came between, there is nothing to seal any more.
        conn.execute(SEAL_OLD, values![id, sealed]).await?;
        done.sealed += 1;
    }
    Ok(done)
}
