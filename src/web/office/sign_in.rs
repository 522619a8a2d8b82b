//! Signing in and out.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{OfficeState, failed, rendered};
use crate::domain::report;
use crate::store::staff;
use crate::web::client::Client;
use crate::web::lang::Lang;
use crate::web::layout::{Layout, address};
use crate::web::texts::Texts;
use crate::web::throttle::key_of;
use crate::web::{passwords, sessions};

/// How long a sign-in waits for its turn to be hashed.
const TURN_WITHIN: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "web/office/sign_in.html")]
struct SignInPage<'a> {
    layout: Layout<'a>,
    t: Texts,
    action: String,
    email: &'a str,
    trouble: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    email: String,
    #[serde(default)]
    password: String,
}

fn page(
    state: &OfficeState,
    lang: Lang,
    status: StatusCode,
    email: &str,
    trouble: Option<&str>,
) -> Response {
    let layout = Layout::new(&state.desk.site, lang, "/office/sign-in").unlisted();
    let t = layout.t;
    rendered(
        status,
        &SignInPage {
            action: layout.to("/office/sign-in"),
            email,
            trouble: trouble.map(|key| t.get(key)),
            t,
            layout,
        },
    )
}

/// `GET /office/sign-in`.
pub(super) async fn show(
    State(state): State<OfficeState>,
    headers: HeaderMap,
    lang: Lang,
) -> Response {
    match sessions::who(&state.desk, &headers).await {
        Ok(Some(_)) => Redirect::to(&address(lang, "/office/")).into_response(),
        Ok(None) => page(&state, lang, StatusCode::OK, "", None),
        Err(error) => failed(&error),
    }
}

/// `POST /office/sign-in`.
pub(super) async fn take(
    State(state): State<OfficeState>,
    client: Client,
    headers: HeaderMap,
    lang: Lang,
    Form(given): Form<Given>,
) -> Response {
    let desk = &state.desk;
    if !sessions::from_our_own_page(&headers, &desk.site.own_url) {
        let trouble = Some("sign-in-elsewhere");
        return page(&state, lang, StatusCode::FORBIDDEN, "", trouble);
    }
    let typed: String = given.email.chars().take(254).collect();
    let email = report::email(&typed).unwrap_or_default();
    let from = key_of(client);
    let counted = state
        .per_client
        .check(&from)
        .and_then(|()| state.per_pair.check(&(from, email.clone())))
        .and_then(|()| state.per_account.check(&email));
    if let Err(seconds) = counted {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = page(&state, lang, status, &typed, Some("sign-in-too-often"));
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        return response;
    }
    let member = {
        let email = email.clone();
        let read = desk
            .store
            .read(|mut conn| Box::pin(async move { staff::by_email(&mut conn, &email).await }));
        match read.await {
            Ok(member) => member,
            Err(error) => return failed(&error),
        }
    };
    let turn = tokio::time::timeout(TURN_WITHIN, state.hashing.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let hash = member.as_ref().map(|member| member.password_hash.clone());
    let mut password = given.password;
    if password.len() > passwords::LONGEST {
        password.clear();
    }
    let right = tokio::task::spawn_blocking(move || passwords::verify(&password, hash.as_deref()))
        .await
        .unwrap_or(false);
    let Some(member) = member.filter(|_| right) else {
        tracing::info!("a sign-in failed");
        let trouble = Some("sign-in-wrong");
        return page(
            &state,
            lang,
            StatusCode::UNPROCESSABLE_ENTITY,
            &typed,
            trouble,
        );
    };
    match sessions::open(desk, &member).await {
        Ok(cookie) => {
            let to = Redirect::to(&address(lang, "/office/"));
            (AppendHeaders([cookie]), to).into_response()
        }
        Err(error) => failed(&error),
    }
}

#[derive(Deserialize)]
pub(super) struct Leaving {
    #[serde(default)]
    csrf: String,
}

/// `POST /office/sign-out`.
pub(super) async fn leave(
    State(state): State<OfficeState>,
    headers: HeaderMap,
    lang: Lang,
    Form(given): Form<Leaving>,
) -> Result<Response, Response> {
    let desk = &state.desk;
    let who = sessions::required(desk, &headers, lang).await?;
    if !sessions::from_our_own_page(&headers, &desk.site.own_url) || !who.sent(&given.csrf) {
        return Err(Redirect::to(&address(lang, "/office/")).into_response());
    }
    let cookie = sessions::close(desk, &who)
        .await
        .map_err(|error| failed(&error))?;
    let to = Redirect::to(&address(lang, "/office/sign-in"));
    Ok((AppendHeaders([cookie]), to).into_response())
}
