//! A case's screenshots as officers see them: encoded anew, never the bytes that were sent.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

use super::case::find;
use super::{OfficeState, Wanted, failed, message, unreadable, worker};
use crate::pictures::{Drawn, PictureError, Reader};
use crate::store::reports;
use crate::web::lang::Lang;
use crate::web::texts::Texts;
use crate::web::{screenshots, sessions};

/// `GET /office/cases/{reference}/screenshots/{number}`: the picture, encoded anew.
pub(super) async fn show(
    State(state): State<OfficeState>,
    Path((reference, number)): Path<(String, i64)>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let (who, scope) = worker(&state, &headers, lang, Wanted::Case(&reference)).await?;
    let case = find(&state, &who, &scope, &reference, lang).await?;
    let desk = &state.desk;
    let action = format!("screenshot {number}");
    sessions::note(desk, &who, &action, Some(&case.id))
        .await
        .map_err(|error| failed(&error))?;
    let id = case.id.clone();
    let shots = desk
        .store
        .read(|mut conn| Box::pin(async move { reports::screenshots(&mut conn, &id).await }))
        .await
        .map_err(|error| failed(&error))?;
    let t = Texts::of(lang);
    let said = |status, title, text| message(desk, lang, &who, status, title, text);
    let key = match case.data_key(&desk.keys.get()) {
        Ok(Some(key)) => key,
        Ok(None) => {
            let text = t.get("screenshot-erased");
            return Err(said(StatusCode::GONE, "case-erased", text));
        }
        Err(error) => {
            let text = unreadable(t, &case.reference, &error);
            return Err(said(
                StatusCode::SERVICE_UNAVAILABLE,
                "unreadable-field",
                text,
            ));
        }
    };
    let Some(shot) = shots.into_iter().find(|shot| shot.number == number) else {
        return Err(StatusCode::NOT_FOUND.into_response());
    };
    let folder = Arc::clone(&desk.screenshots);
    let opened = spawn_blocking(move || screenshots::open(&folder, &case.id, &shot, &key)).await;
    let picture = match opened {
        Ok(Ok(picture)) => picture,
        Ok(Err(screenshots::Error::Seal(error))) => {
            let text = unreadable(t, &reference, &error);
            return Err(said(
                StatusCode::SERVICE_UNAVAILABLE,
                "unreadable-field",
                text,
            ));
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a screenshot cannot be read");
            let text = t.get("screenshot-unread");
            return Err(said(
                StatusCode::SERVICE_UNAVAILABLE,
                "screenshot-not-shown",
                text,
            ));
        }
        Err(_) => return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    };
    let Drawn { media_type, bytes } = match desk.drawer.draw(picture, Reader::Staff).await {
        Ok(drawn) => drawn,
        Err(error) => {
            let (status, text) = match error {
                PictureError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "screenshot-busy"),
                PictureError::Process(_) => (StatusCode::SERVICE_UNAVAILABLE, "screenshot-unread"),
                PictureError::Unfit(_) | PictureError::Broken(_) => {
                    (StatusCode::UNPROCESSABLE_ENTITY, "screenshot-broken")
                }
            };
            tracing::warn!(%error, case = reference, number, "a screenshot cannot be shown");
            return Err(said(status, "screenshot-not-shown", t.get(text)));
        }
    };
    let extension = if media_type == "image/jpeg" {
        "jpg"
    } else {
        "png"
    };
    let name: String = case_name(&reference);
    let disposition = format!("inline; filename=\"{name}-{number}.{extension}\"");
    let mut response = (
        [
            (CONTENT_TYPE, HeaderValue::from_static(media_type)),
            (
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static("default-src 'none'; sandbox"),
            ),
        ],
        bytes,
    )
        .into_response();
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        response
            .headers_mut()
            .insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

fn case_name(reference: &str) -> String {
    reference
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect()
}
