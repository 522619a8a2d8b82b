//! What programs read. Made from the same [`Snapshot`](super::snapshot::Snapshot) as the
//! pages, at the same moment, so that the two never disagree.

pub mod statuspage;
pub mod v1;

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        b"null".to_vec()
    })
}
