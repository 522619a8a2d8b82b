//! The pieces of evidence that failures left: which there are, not their bytes.

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::{ComponentId, Moment};

/// The kind of a screenshot that everybody may see.
pub const PUBLIC_SCREENSHOT: &str = "public-screenshot";
/// The most pieces that are listed of one outage, the newest.
const MOST: i64 = 400;

statements! {
    PIECES_OF = "SELECT e.run_id, e.step, e.kind, e.sha256, e.media_type, e.size, e.kept_at,
            r.engine, r.vantage, r.flow
        FROM evidence e LEFT JOIN runs r ON r.id = e.run_id
        WHERE e.component = $1 AND e.kept_at >= $2 AND e.kept_at < $3
        ORDER BY e.kept_at DESC, e.id LIMIT $4";
    PIECE = "SELECT media_type FROM evidence WHERE sha256 = $1 AND kind = $2 LIMIT 1";
    PUBLIC_OF = "SELECT sha256, MIN(kept_at) AS first_at FROM evidence
        WHERE component = $1 AND kind = $2 AND kept_at >= $3 AND kept_at < $4
        GROUP BY sha256 ORDER BY COUNT(*) DESC, first_at LIMIT 1";
}

/// A piece of evidence of one run.
#[derive(Clone, Debug, FromRow)]
pub struct PieceRow {
    /// The run that it is of.
    pub run_id: i64,
    /// What the row knows the step by that failed.
    pub step: String,
    /// `screenshot`, `har` …
    pub kind: String,
    /// Lower-case hex.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
    /// Bytes.
    pub size: i64,
    /// When the step began.
    #[sqlx(try_from = "i64")]
    pub kept_at: Moment,
    /// What ran the flow, as long as the run is remembered.
    pub engine: Option<String>,
    /// From where.
    pub vantage: Option<String>,
    /// The flow's key.
    pub flow: Option<String>,
}

/// The pieces that failures at `of` left in `from .. until`, newest first.
pub async fn list(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    from: Moment,
    until: Moment,
) -> Result<Vec<PieceRow>, Error> {
    conn.all(PIECES_OF, values![of, from, until, MOST]).await
}

/// The media type of the piece of this hash and kind, if there is one.
pub async fn media_type(
    conn: &mut Conn<'_>,
    sha256: &str,
    kind: &str,
) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = conn.optional(PIECE, values![sha256, kind]).await?;
    Ok(row.map(|(media_type,)| media_type))
}

/// The hash of the picture for everybody that was met most often at `of` in `from .. until`,
/// and when first.
pub async fn public_screenshot(
    conn: &mut Conn<'_>,
    of: &ComponentId,
    from: Moment,
    until: Moment,
) -> Result<Option<(String, Moment)>, Error> {
    let row: Option<(String, i64)> = conn
        .optional(PUBLIC_OF, values![of, PUBLIC_SCREENSHOT, from, until])
        .await?;
    Ok(row.map(|(sha256, at)| (sha256, Moment(at))))
}
