//! The operators' pages: what a failure left behind, for whoever is to mend it. Any member
//! of staff may look; nobody else.

mod outage;

use axum::Router;
use axum::routing::get;

use super::desk::Desk;
use super::reading::Reader;
use crate::evidence::EvidenceStore;

/// What the handlers share.
#[derive(Clone)]
pub struct DutyState {
    desk: Desk,
    reader: Reader,
    evidence: EvidenceStore,
}

impl DutyState {
    /// Staff of `desk` see what `reader` reads and what `evidence` holds.
    pub fn new(desk: Desk, reader: Reader, evidence: EvidenceStore) -> Self {
        DutyState {
            desk,
            reader,
            evidence,
        }
    }
}

/// Everything under `/duty`.
pub fn router(state: DutyState) -> Router {
    Router::new()
        .route("/duty/outages/{id}", get(outage::page))
        .route("/duty/evidence/{kind}/{sha256}", get(outage::piece))
        .with_state(state)
}
