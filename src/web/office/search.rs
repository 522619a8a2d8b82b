//! Finding a case by its reference or by a passport number: one box for both, sent as a
//! form, so that passport numbers stand in no address and no log.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::rows::natural;
use super::{Bar, OfficeState, Wanted, failed, layout, of_passport, rendered, sender};
use crate::domain::passport::PassportNumber;
use crate::domain::reference::{Reference, ReferenceError};
use crate::web::lang::Lang;
use crate::web::layout::{Layout, address};
use crate::web::sessions;
use crate::web::texts::Texts;

#[derive(Template)]
#[template(path = "web/office/search.html")]
struct SearchPage<'a> {
    layout: Layout<'a>,
    t: Texts,
    bar: Bar,
    found: String,
    hint: Option<String>,
    elsewhere: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    q: String,
}

/// Characters of a passport number at most, as its machine-readable zone has room for: what is
/// longer and not found may well be part of a reference.
const IN_THE_ZONE: usize = 9;

/// `GET /office/search`: what a language switch or a reload asks for.
pub(super) async fn away(lang: Lang) -> Redirect {
    Redirect::to(&address(lang, "/office/"))
}

/// `POST /office/search`.
pub(super) async fn take(
    State(state): State<OfficeState>,
    headers: HeaderMap,
    lang: Lang,
    Form(given): Form<Given>,
) -> Result<Response, Response> {
    let (who, scope) = sender(&state, &headers, lang, Wanted::Search, &given.csrf).await?;
    let desk = &state.desk;
    let typed: String = given.q.trim().chars().take(100).collect();
    let as_reference = typed.parse::<Reference>();
    if let Ok(reference) = as_reference {
        let to = format!("/office/cases/{reference}");
        return Ok(Redirect::to(&address(lang, &to)).into_response());
    }
    let number = PassportNumber::parse(&typed);
    let lines = match &number {
        Err(_) => Vec::new(),
        Ok(number) => of_passport::lines(desk, number)
            .await
            .map_err(|error| failed(&error))?,
    };
    sessions::note(desk, &who, "search by passport", None)
        .await
        .map_err(|error| failed(&error))?;
    let own = lines.iter().find(|line| scope.covers(&line.office));
    let to = match (lines.as_slice(), own) {
        ([line], _) => Some(format!("/office/cases/{}", line.reference)),
        (_, Some(line)) => Some(format!("/office/?passport={}", line.reference)),
        (_, None) => None,
    };
    if let Some(to) = to {
        return Ok(Redirect::to(&address(lang, &to)).into_response());
    }
    let layout = layout(desk, lang, "/office/search", "");
    let t = layout.t;
    // A single case, and a list of several, has an entry of its own.
    let others: Vec<_> = lines.iter().collect();
    of_passport::note_elsewhere(desk, &who, &others).await?;
    let found = natural(lines.len());
    let hint = lines.is_empty().then(|| {
        t.get(match (as_reference, &number) {
            // Thirteen characters were meant as a reference: say that one is mistyped.
            (Err(ReferenceError::Check), _) => "search-mistyped",
            (_, Err(_)) => "search-neither",
            (_, Ok(number)) if number.as_str().len() > IN_THE_ZONE => "search-length",
            (_, Ok(_)) => "search-none",
        })
    });
    let mut bar = Bar::of(t, &who);
    bar.searched = typed;
    Ok(rendered(
        if lines.is_empty() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::OK
        },
        &SearchPage {
            bar,
            found: t.with("search-found", [("count", found.into())]),
            hint,
            elsewhere: of_passport::elsewhere(t, &others),
            t,
            layout,
        },
    ))
}
