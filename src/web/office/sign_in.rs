//! Signing in and out.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{OfficeState, count_failed, failed, home, rendered};
use crate::domain::report;
use crate::store;
use crate::store::staff::{self, Member};
use crate::web::client::Client;
use crate::web::devices::{self, Devices};
use crate::web::lang::Lang;
use crate::web::layout::{Layout, address};
use crate::web::passwords::{self, Caller};
use crate::web::sessions;
use crate::web::texts::Texts;
use crate::web::throttle::key_of;

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
        Ok(Some(who)) => Redirect::to(&address(lang, home(&who.member))).into_response(),
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
    let wrong = || {
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        page(&state, lang, status, &typed, Some("sign-in-wrong"))
    };
    let too_often = |seconds: u64| {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut response = page(&state, lang, status, &typed, Some("sign-in-too-often"));
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        response
    };
    let email = report::email(&typed).unwrap_or_default();
    let from = key_of(client);
    let devices = Devices::of(&headers, desk.site.is_https());
    // Who claims no device is counted before the database is asked.
    if devices.is_empty()
        && let Err(seconds) = state.throttles.check_stranger(from, &email)
    {
        return too_often(seconds);
    }
    let (member, known) = match account(&state, &email).await {
        Ok(account) => account,
        Err(error) => return failed(&error),
    };
    // A device that has used up its own budget counts as a stranger, not as locked out.
    let device = devices
        .known_among(&known)
        .filter(|device| state.throttles.per_device.check(device).is_ok());
    if device.is_none()
        && !devices.is_empty()
        && let Err(seconds) = state.throttles.check_stranger(from, &email)
    {
        return too_often(seconds);
    }
    let caller = match device {
        Some(_) => Caller::Known,
        None => Caller::Stranger,
    };
    let hash = member.as_ref().map(|member| member.password_hash.clone());
    let mut password = given.password;
    if password.len() > passwords::LONGEST {
        password.clear();
    }
    let work = move || passwords::verify(&password, hash.as_deref());
    let Ok(right) = state.hashing.run(caller, work).await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let member = match member {
        Some(member) if right => member,
        other => {
            count_failed(&state, client, other.map(|member| member.id)).await;
            return wrong();
        }
    };
    match sessions::open(desk, &member, &headers, device).await {
        Ok(Some(cookies)) => {
            let to = Redirect::to(&address(lang, home(&member)));
            (AppendHeaders(cookies), to).into_response()
        }
        Ok(None) => wrong(),
        Err(error) => failed(&error),
    }
}

/// The account of an address, and the hashes of the devices that it knows.
async fn account(
    state: &OfficeState,
    email: &str,
) -> Result<(Option<Member>, Vec<Vec<u8>>), store::Error> {
    let since = state.desk.clock.now() - devices::LASTS;
    let email = email.to_owned();
    let read = state.desk.store.read(move |mut conn| {
        Box::pin(async move {
            let member = staff::by_email(&mut conn, &email).await?;
            // Asked for an address without an account too, so that it takes as long.
            let id = member.as_ref().map_or("", |member| &member.id);
            let devices = store::devices::of(&mut conn, id, since).await?;
            Ok((member, devices))
        })
    });
    read.await
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
