//! Files that rows name: which of them are listed, and which are to be removed because their
//! rows are gone.
//!
//! Who removes rows puts their files into `files_to_delete` in the same transaction; who removes
//! a file takes it out again. So a removal can be broken off anywhere and goes on later.

use std::collections::HashSet;

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error, Value};

/// The names that are asked for at once.
pub const AT_ONCE: usize = 100;

macro_rules! one_of_100 {
    () => {
        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, \
         $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38, \
         $39, $40, $41, $42, $43, $44, $45, $46, $47, $48, $49, $50, $51, $52, $53, $54, $55, $56, \
         $57, $58, $59, $60, $61, $62, $63, $64, $65, $66, $67, $68, $69, $70, $71, $72, $73, $74, \
         $75, $76, $77, $78, $79, $80, $81, $82, $83, $84, $85, $86, $87, $88, $89, $90, $91, $92, \
         $93, $94, $95, $96, $97, $98, $99, $100)"
    };
}

statements! {
    QUEUE_SCREENSHOTS = "INSERT INTO files_to_delete (kind, name)
        SELECT 'screenshot', file FROM screenshots WHERE report_id = $1";
    QUEUE_EVIDENCE = "INSERT INTO files_to_delete (kind, name) SELECT 'evidence', CAST($1 AS TEXT)
        WHERE NOT EXISTS (SELECT 1 FROM evidence WHERE sha256 = $1)";
    QUEUED = "SELECT id, name FROM files_to_delete WHERE kind = $1 AND id > $2 ORDER BY id LIMIT $3";
    UNQUEUE = "DELETE FROM files_to_delete WHERE id = $1";
    LISTED_SCREENSHOTS = concat!("SELECT file FROM screenshots WHERE file IN ", one_of_100!());
    LISTED_EVIDENCE = concat!("SELECT DISTINCT sha256 FROM evidence WHERE sha256 IN ", one_of_100!());
}

/// What kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An applicant's screenshot, named by its report.
    Screenshot,
    /// A piece of evidence, named by its hash: several rows may list it.
    Evidence,
}

impl Kind {
    /// Both.
    pub const ALL: [Kind; 2] = [Kind::Screenshot, Kind::Evidence];

    /// The name used in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Screenshot => "screenshot",
            Kind::Evidence => "evidence",
        }
    }
}

/// A file that is to be removed.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Queued {
    /// Of the row.
    pub id: i64,
    /// Of the file.
    pub name: String,
}

/// Puts all screenshots of a report on the list of what is to be removed.
pub(super) async fn queue_screenshots(conn: &mut Conn<'_>, report: &str) -> Result<(), Error> {
    conn.execute(QUEUE_SCREENSHOTS, values![report]).await?;
    Ok(())
}

/// Puts a piece of evidence on it, where no row lists it any more.
pub(super) async fn queue_evidence(conn: &mut Conn<'_>, sha256: &str) -> Result<(), Error> {
    conn.execute(QUEUE_EVIDENCE, values![sha256]).await?;
    Ok(())
}

/// What is to be removed, in the order of its rows behind the row `after`, at most [`AT_ONCE`].
pub async fn queued(conn: &mut Conn<'_>, kind: Kind, after: i64) -> Result<Vec<Queued>, Error> {
    let limit = i64::try_from(AT_ONCE).unwrap_or(i64::MAX);
    conn.all(QUEUED, values![kind.as_str(), after, limit]).await
}

/// Takes from the list what was removed.
pub async fn unqueue(conn: &mut Conn<'_>, removed: &[i64]) -> Result<(), Error> {
    let statements = removed.iter().map(|id| (UNQUEUE, values![*id]));
    conn.execute_all(statements.collect()).await
}

/// Which of these names, [`AT_ONCE`] at most, rows list. In a transaction that writes, nobody else
/// is in the middle of listing one: who is, is waited for a moment, and else this is an error.
pub async fn listed(
    conn: &mut Conn<'_>,
    kind: Kind,
    names: &[String],
) -> Result<HashSet<String>, Error> {
    let (table, sql) = match kind {
        Kind::Screenshot => ("screenshots", LISTED_SCREENSHOTS),
        Kind::Evidence => ("evidence", LISTED_EVIDENCE),
    };
    conn.keep_writers_out_of(table).await?;
    let Some(last) = names.last() else {
        return Ok(HashSet::new());
    };
    let padded = names.iter().chain(std::iter::repeat(last)).take(AT_ONCE);
    let rows: Vec<(String,)> = conn.all(sql, padded.map(Value::from).collect()).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}
