//! A case's screenshots as officers see them: encoded anew, never the bytes that were sent.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::case::find;
use super::{OfficeState, Wanted, failed, message, unreadable, worker};
use crate::store::reports;
use crate::web::lang::Lang;
use crate::web::texts::Texts;
use crate::web::{screenshots, sessions};

/// How long a look at a screenshot waits for its turn to be decoded.
const TURN_WITHIN: Duration = Duration::from_secs(20);

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
    let turn = tokio::time::timeout(TURN_WITHIN, Arc::clone(&state.decoding).acquire_owned()).await;
    let Ok(Ok(turn)) = turn else {
        return Err(StatusCode::SERVICE_UNAVAILABLE.into_response());
    };
    let folder = Arc::clone(&desk.screenshots);
    let made = tokio::task::spawn_blocking(move || {
        let made = screenshots::show(&folder, &case.id, &shot, &key);
        drop(turn);
        made
    })
    .await;
    let (media_type, bytes) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(screenshots::Error::Seal(error))) => {
            let text = unreadable(t, &reference, &error);
            return Err(said(
                StatusCode::SERVICE_UNAVAILABLE,
                "unreadable-field",
                text,
            ));
        }
        Ok(Err(screenshots::Error::Broken(error))) => {
            tracing::info!(%error, "a screenshot cannot be shown");
            return Err(StatusCode::UNPROCESSABLE_ENTITY.into_response());
        }
        Ok(Err(error)) => {
            tracing::error!(%error, "a screenshot cannot be read");
            return Err(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        Err(_) => return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
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
