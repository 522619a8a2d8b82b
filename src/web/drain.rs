//! Reading what nobody wants to know any more: a browser that is still sending when the answer
//! comes shows a broken connection instead of the answer.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;

/// How long somebody who is refused may go on sending. It is little, because it keeps a place
/// from others.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a body and forgets it, for [`DRAIN_TIMEOUT`] and up to `limit` bytes.
pub(super) async fn drain(mut body: Body, limit: u64) {
    let mut left = limit;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = left.saturating_sub(length);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, reading).await;
}
