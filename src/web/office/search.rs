//! Finding a case by its reference or by a passport number: one box for both, sent as a
//! form, so that passport numbers stand in no address and no log.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::queue::Row;
use super::{Bar, OfficeState, Wanted, failed, layout, rendered, sender};
use crate::domain::office;
use crate::domain::passport::PassportNumber;
use crate::domain::reference::{Reference, ReferenceError};
use crate::store::reports::{self, Case};
use crate::web::desk::{format_at, office_name, zone_of};
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
    rows: Vec<Row>,
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
    let cases = match &number {
        Err(_) => Vec::new(),
        Ok(number) => {
            let hashes = desk.keys.get().lookups("passport", number.as_str());
            let read = desk.store.read(|mut conn| {
                Box::pin(async move { reports::by_passport(&mut conn, hashes).await })
            });
            read.await.map_err(|error| failed(&error))?
        }
    };
    // A single case is not listed: a look at its page, or the refusal of it, is an entry of its own.
    let (own, others): (Vec<&Case>, Vec<&Case>) = cases
        .iter()
        .filter(|_| cases.len() > 1)
        .partition(|case| scope.covers(&case.office));
    let ids = |cases: Vec<&Case>| cases.iter().map(|case| case.id.clone()).collect::<Vec<_>>();
    sessions::note_list(desk, &who, "search by passport", ids(own))
        .await
        .map_err(|error| failed(&error))?;
    if !others.is_empty() {
        sessions::note_list(desk, &who, "refused: another office", ids(others))
            .await
            .map_err(|error| failed(&error))?;
    }
    if let [case] = cases.as_slice() {
        let to = format!("/office/cases/{}", case.reference);
        return Ok(Redirect::to(&address(lang, &to)).into_response());
    }
    let layout = layout(desk, lang, "/office/search", "");
    let t = layout.t;
    let (mut rows, mut elsewhere) = (Vec::new(), Vec::new());
    for case in &cases {
        let at = office::by_code(&case.office);
        if !scope.covers(&case.office) {
            let office = at.map_or_else(|| case.office.clone(), office_name);
            elsewhere.push(t.with(
                "office-elsewhere-line",
                [
                    ("reference", case.reference.clone().into()),
                    ("office", office.into()),
                ],
            ));
            continue;
        }
        let today = at
            .map_or(desk.site.zone, zone_of)
            .at(desk.clock.now())
            .date();
        let format = format_at(&desk.site, lang, at);
        let href = layout.to(&format!("/office/cases/{}", case.reference));
        rows.push(Row::of(t, format, &desk.keys.get(), case, today, href));
    }
    let found = u64::try_from(cases.len()).unwrap_or(0);
    let hint = (cases.is_empty()).then(|| {
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
        if cases.is_empty() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::OK
        },
        &SearchPage {
            bar,
            found: t.with("search-found", [("count", found.into())]),
            hint,
            rows,
            elsewhere,
            t,
            layout,
        },
    ))
}
