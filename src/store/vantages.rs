//! The places that probes run from, and how often each was started: what orders their runs.

use super::conn::{statements, values};
use super::{Conn, Error, Store};
use crate::domain::RunNumber;

statements! {
    CLAIM = "INSERT INTO vantages (name, starts) VALUES ($1, 1)
        ON CONFLICT (name) DO UPDATE SET starts = vantages.starts + 1 RETURNING starts";
    STARTS = "SELECT starts FROM vantages WHERE name = $1";
}

/// Counts one more start of a vantage, durably. Gives the number before the first of its runs, all
/// of which come after those of every start before.
///
/// # Errors
/// When the database fails. Where a start was counted without our knowing it, its numbers are never
/// used.
pub async fn claim_start(store: &Store, vantage: &str) -> Result<RunNumber, Error> {
    let vantage = vantage.to_owned();
    store
        .write(move |mut conn| {
            Box::pin(async move {
                let row: Option<(i64,)> = conn.optional(CLAIM, values![&vantage]).await?;
                let (start,) = row.ok_or(Error::Missing)?;
                Ok(RunNumber::before_first_of(start))
            })
        })
        .await
}

/// Whether a start came after the one that this run belongs to: then nobody believes its number.
pub async fn is_overtaken(
    conn: &mut Conn<'_>,
    vantage: &str,
    number: RunNumber,
) -> Result<bool, Error> {
    let row: Option<(i64,)> = conn.optional(STARTS, values![vantage]).await?;
    Ok(row.is_some_and(|(starts,)| starts > number.start()))
}
