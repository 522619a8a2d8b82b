//! The account of whoever is signed in, and the change of its password.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Bar, OfficeState, count_failed, failed, layout, own_form, rendered};
use crate::web::client::Client;
use crate::web::lang::Lang;
use crate::web::layout::{Layout, address};
use crate::web::passwords::{self, Caller, LengthError};
use crate::web::sessions::{self, SignedIn};
use crate::web::texts::Texts;

const PATH: &str = "/office/account";

#[derive(Template)]
#[template(path = "web/office/account.html")]
struct AccountPage<'a> {
    layout: Layout<'a>,
    t: Texts,
    bar: Bar,
    action: String,
    is_changed: bool,
    /// The field that is wrong, and why.
    wrong: Option<(&'static str, String)>,
    /// Why the form was not taken, where no field is wrong.
    trouble: Option<String>,
    hint: String,
}

impl AccountPage<'_> {
    fn wrong(&self, field: &str) -> Option<&str> {
        let wrong = self.wrong.as_ref().filter(|(wrong, _)| *wrong == field);
        wrong.map(|(_, text)| text.as_str())
    }
}

/// What the page says beside the form.
enum Said {
    Nothing,
    Changed,
    Wrong(&'static str, &'static str),
    Trouble(&'static str),
}

fn page(
    state: &OfficeState,
    lang: Lang,
    who: &SignedIn,
    status: StatusCode,
    said: &Said,
) -> Response {
    let layout = layout(&state.desk, lang, PATH, "");
    let t = layout.t;
    let page = AccountPage {
        bar: Bar::of(t, who),
        action: layout.to(PATH),
        is_changed: matches!(said, Said::Changed),
        wrong: match said {
            Said::Wrong(field, key) => Some((*field, t.get(key))),
            _ => None,
        },
        trouble: match said {
            Said::Trouble(key) => Some(t.get(key)),
            _ => None,
        },
        hint: t.with("account-new-hint", [("least", passwords::SHORTEST.into())]),
        t,
        layout,
    };
    rendered(status, &page)
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    changed: String,
}

/// `GET /office/account`.
pub(super) async fn show(
    State(state): State<OfficeState>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let who = sessions::required(&state.desk, &headers, lang).await?;
    let said = if asked.changed.is_empty() {
        Said::Nothing
    } else {
        Said::Changed
    };
    Ok(page(&state, lang, &who, StatusCode::OK, &said))
}

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    current: String,
    #[serde(default)]
    new: String,
    #[serde(default)]
    again: String,
}

/// `POST /office/account`: another password, for whoever knows the current one.
pub(super) async fn take(
    State(state): State<OfficeState>,
    client: Client,
    headers: HeaderMap,
    lang: Lang,
    Form(given): Form<Given>,
) -> Result<Response, Response> {
    let desk = &state.desk;
    let who = sessions::required(desk, &headers, lang).await?;
    own_form(&state, &headers, lang, &who, &given.csrf).await?;
    let refused = |said: Said| page(&state, lang, &who, StatusCode::UNPROCESSABLE_ENTITY, &said);
    if let Some(wrong) = mistake(&given) {
        return Err(refused(wrong));
    }
    // Whoever sits at somebody else's open session could guess here without end.
    if let Err(seconds) = state.throttles.per_member.check(&who.member.id) {
        let said = Said::Trouble("sign-in-too-often");
        let mut response = page(&state, lang, &who, StatusCode::TOO_MANY_REQUESTS, &said);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
        return Err(response);
    }
    let (random, before) = (Arc::clone(&desk.random), who.member.password_hash.clone());
    let work = move || {
        let right = passwords::verify(&given.current, Some(&before));
        right.then(|| passwords::hash(&given.new, &*random))
    };
    let hash = match state.hashing.run(Caller::Known, work).await {
        Ok(Some(Ok(hash))) => hash,
        Ok(None) => {
            count_failed(&state, client, Some(who.member.id.clone())).await;
            return Err(refused(Said::Wrong("current", "account-current-wrong")));
        }
        Ok(Some(Err(error))) => {
            tracing::error!(%error, "a new password could not be hashed");
            return Err(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        Err(_) => return Err(StatusCode::SERVICE_UNAVAILABLE.into_response()),
    };
    let changed = sessions::change_password(desk, &who, &headers, &hash).await;
    match changed.map_err(|error| failed(&error))? {
        Some(cookies) => {
            let to = Redirect::to(&address(lang, &format!("{PATH}?changed=1")));
            Ok((AppendHeaders(cookies), to).into_response())
        }
        // Changed or disabled by somebody else meanwhile: the session is over.
        None => Ok(Redirect::to(&address(lang, "/office/sign-in")).into_response()),
    }
}

/// What is wrong with the form before any password is hashed.
fn mistake(given: &Given) -> Option<Said> {
    match passwords::check_length(&given.new) {
        Err(LengthError::TooShort) => return Some(Said::Wrong("new", "account-new-short")),
        Err(LengthError::TooLong) => return Some(Said::Wrong("new", "account-new-long")),
        Ok(()) => {}
    }
    if given.new != given.again {
        return Some(Said::Wrong("again", "account-again-wrong"));
    }
    if given.new == given.current {
        return Some(Said::Wrong("new", "account-new-same"));
    }
    if given.current.len() > passwords::LONGEST {
        return Some(Said::Wrong("current", "account-current-wrong"));
    }
    None
}
