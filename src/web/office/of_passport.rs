//! All reports of one passport, the oldest first: it stands at the top of every page.

use axum::http::StatusCode;
use axum::response::Response;

use super::open_list::A_PAGE;
use super::queue::ListPage;
use super::rows::{Note, Row, natural};
use super::{OfficeState, case, failed, rendered};
use crate::domain::office;
use crate::domain::passport::PassportNumber;
use crate::store::reports::{self, Line};
use crate::store::{self};
use crate::web::desk::{Desk, office_name};
use crate::web::lang::Lang;
use crate::web::sessions::{self, Scope, SignedIn};
use crate::web::texts::Texts;

/// Cases at other offices that are named on a page.
const MAX_ELSEWHERE: usize = 50;

/// The cases of a passport number, the oldest first.
pub(super) async fn lines(desk: &Desk, number: &PassportNumber) -> Result<Vec<Line>, store::Error> {
    let hashes = desk.keys.get().lookups("passport", number.as_str());
    desk.store
        .read(|mut conn| Box::pin(async move { reports::of_passport(&mut conn, hashes).await }))
        .await
}

/// Where those are that the reader may not see.
pub(super) fn elsewhere(t: Texts, lines: &[&Line]) -> Vec<String> {
    let named = lines.iter().take(MAX_ELSEWHERE).map(|line| {
        let office = office::by_code(&line.office);
        let office = office.map_or_else(|| line.office.clone(), office_name);
        t.with(
            "office-elsewhere-line",
            [
                ("reference", line.reference.clone().into()),
                ("office", office.into()),
            ],
        )
    });
    let more = lines.len().saturating_sub(MAX_ELSEWHERE);
    let rest = (more > 0).then(|| {
        let count = natural(more);
        t.with("office-elsewhere-more", [("count", count.into())])
    });
    named.chain(rest).collect()
}

/// Writes into the trail that a reader was told where those are.
pub(super) async fn note_elsewhere(
    desk: &Desk,
    who: &SignedIn,
    lines: &[&Line],
) -> Result<(), Response> {
    let named = lines.iter().take(MAX_ELSEWHERE);
    let ids: Vec<String> = named.map(|line| line.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    sessions::note_list(desk, who, "refused: another office", ids)
        .await
        .map_err(|error| failed(&error))
}

/// `GET /office/?passport=`: of the passport of the case with this reference.
pub(super) async fn page(
    state: &OfficeState,
    who: &SignedIn,
    scope: &Scope,
    reference: &str,
    number: usize,
    lang: Lang,
) -> Result<Response, Response> {
    let desk = &state.desk;
    let case = case::find(state, who, scope, reference, lang).await?;
    let keys = desk.keys.get();
    let personal = case.open(&keys).ok().flatten();
    let passport = personal.and_then(|one| PassportNumber::parse(&one.passport_number).ok());
    let lines = match passport {
        Some(passport) => lines(desk, &passport)
            .await
            .map_err(|error| failed(&error))?,
        // What is erased or does not open is compared with nothing.
        None => Vec::new(),
    };
    let (own, others): (Vec<&Line>, Vec<&Line>) =
        lines.iter().partition(|line| scope.covers(&line.office));
    let pages = own.len().div_ceil(A_PAGE).max(1);
    let number = number.min(pages);
    let on_page = own.iter().skip((number - 1) * A_PAGE).take(A_PAGE);
    let first = own.first().filter(|_| number > 1);
    let ids: Vec<String> = first
        .into_iter()
        .chain(on_page)
        .map(|line| line.id.clone())
        .collect();
    let read = desk.store.read({
        let ids = ids.clone();
        move |mut conn| Box::pin(async move { reports::by_ids(&mut conn, &ids).await })
    });
    let cases = read.await.map_err(|error| failed(&error))?;
    let action = format!("list of a passport page {number}");
    sessions::note_list(desk, who, &action, ids)
        .await
        .map_err(|error| failed(&error))?;
    note_elsewhere(desk, who, &others).await?;

    let link = format!("/office/?passport={}", case.reference);
    let mut list = ListPage::new(desk, lang, who, "", &link, (number, pages));
    let t = list.t;
    list.title = t.get("list-passport-title");
    let count = natural(lines.len());
    list.told
        .push(t.with("search-found", [("count", count.into())]));
    list.page_of(number, pages);
    list.told.push(t.get("list-passport-text"));
    let row = |case| Row::of(desk, &list.layout, &keys, case);
    list.rows = cases.iter().map(row).collect();
    if let Some(row) = list.rows.first_mut() {
        row.notes.push(Note {
            text: t.get("row-first"),
            href: None,
        });
    }
    list.elsewhere = elsewhere(t, &others);
    Ok(rendered(StatusCode::OK, &list))
}
