//! The list of cases by deadline: whoever runs out of time first stands at the top.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use serde::Deserialize;

use super::{Bar, OfficeState, Wanted, case, failed, layout, rendered, worker};
use crate::domain::office;
use crate::domain::passport::PassportNumber;
use crate::store::reports::{self, Case, Which};
use crate::store::seal::MasterKeys;
use crate::web::desk::{format_at, zone_of};
use crate::web::format::{Format, Zone};
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::public::words::Badge;
use crate::web::reports::told;
use crate::web::sessions::{self, Scope};
use crate::web::texts::Texts;

/// Cases on a page.
const A_PAGE: i64 = 50;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    which: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    office: String,
}

/// One case of a list, with as much of a person as is needed to find them.
pub(super) struct Row {
    pub(super) href: String,
    pub(super) reference: String,
    pub(super) deadline: Badge,
    pub(super) expires: String,
    pub(super) name: String,
    pub(super) passport: String,
    pub(super) permit: String,
    pub(super) verdict: Badge,
    pub(super) state: Badge,
    pub(super) received: String,
    pub(super) office: String,
}

impl Row {
    pub(super) fn of(
        t: Texts,
        format: Format,
        keys: &MasterKeys,
        case: &Case,
        today: Date,
        href: String,
    ) -> Row {
        let personal = case.open(keys).unwrap_or_else(|error| {
            tracing::error!(%error, reference = case.reference, "a case does not open");
            None
        });
        let name = case::name(t, case, personal.as_ref());
        let zone = office::by_code(&case.office).map_or(Zone::Wib, zone_of);
        let at_office = zone.at(case.received_at);
        let passport = personal.map_or_else(String::new, |personal| {
            let number = PassportNumber::parse(&personal.passport_number);
            number.map_or_else(|_| "•••".to_owned(), |number| number.masked())
        });
        Row {
            href,
            reference: case.reference.clone(),
            deadline: told::deadline(t, case.permit_expires_on, today),
            expires: case
                .permit_expires_on
                .map_or_else(|| t.get("deadline-none"), |date| format.date(date)),
            name,
            passport,
            permit: told::permit_short(t, &case.permit_type),
            verdict: told::verdict(t, case.finding.verdict),
            state: told::state(t, case.state),
            received: format.date(at_office.date()),
            office: office::by_code(&case.office)
                .map_or_else(|| case.office.clone(), |office| office.name.clone()),
        }
    }
}

struct Choice {
    code: &'static str,
    name: &'static str,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "web/office/queue.html")]
struct QueuePage<'a> {
    layout: Layout<'a>,
    t: Texts,
    bar: Bar,
    title: String,
    counted: String,
    rows: Vec<Row>,
    /// Supervisors choose; officers have none.
    offices: Vec<Choice>,
    which: &'static str,
    action: String,
    newer: Option<String>,
    older: Option<String>,
    shown: String,
}

/// `GET /office/`.
pub(super) async fn page(
    State(state): State<OfficeState>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let (who, scope) = worker(&state, &headers, lang, Wanted::List).await?;
    let desk = &state.desk;
    let (which, word) = if asked.which == "done" {
        (Which::Done, "done")
    } else {
        (Which::Open, "open")
    };
    let number = asked.page.parse::<i64>().unwrap_or(1).clamp(1, 10_000);
    let office = match &scope {
        Scope::Office(own) => Some(*own),
        Scope::All => office::by_code(&asked.office),
        Scope::None => return Err(StatusCode::FORBIDDEN.into_response()),
    };
    let code = office.map(|office| office.code.as_str());
    let action = format!("list {word} {} page {number}", code.unwrap_or("all"));
    let (count, cases) = desk
        .store
        .read(move |mut conn| {
            Box::pin(async move {
                let count = reports::count(&mut conn, code, which).await?;
                let offset = (number - 1) * A_PAGE;
                let cases = reports::queue(&mut conn, code, which, A_PAGE, offset).await?;
                Ok((count, cases))
            })
        })
        .await
        .map_err(|error| failed(&error))?;
    let shown = cases.iter().map(|case| case.id.clone()).collect();
    sessions::note_list(desk, &who, &action, shown)
        .await
        .map_err(|error| failed(&error))?;
    let here = if which == Which::Done {
        "/office/?which=done"
    } else {
        "/office/"
    };
    let link = |page: i64| {
        let office = code.map_or_else(String::new, |code| format!("&office={code}"));
        format!("/office/?which={word}{office}&page={page}")
    };
    let layout = layout(desk, lang, &link(number), here);
    let t = layout.t;
    let rows: Vec<Row> = cases
        .iter()
        .map(|case| {
            // Each office's own calendar says what is overdue.
            let at = office::by_code(&case.office);
            let today = at
                .map_or(desk.site.zone, zone_of)
                .at(desk.clock.now())
                .date();
            let format = format_at(&desk.site, lang, at);
            let href = layout.to(&format!("/office/cases/{}", case.reference));
            Row::of(t, format, &desk.keys.get(), case, today, href)
        })
        .collect();
    let last = (count + A_PAGE - 1) / A_PAGE;
    let offices = match scope {
        Scope::All => office::all()
            .iter()
            .map(|one| Choice {
                code: &one.code,
                name: &one.name,
                chosen: Some(one.code.as_str()) == code,
            })
            .collect(),
        _ => Vec::new(),
    };
    let natural = |number: i64| u64::try_from(number).unwrap_or(0);
    Ok(rendered(
        StatusCode::OK,
        &QueuePage {
            bar: Bar::of(t, &who),
            title: t.get(if which == Which::Done {
                "office-done"
            } else {
                "office-open"
            }),
            counted: t.with("office-count", [("count", natural(count).into())]),
            rows,
            offices,
            which: word,
            action: layout.to("/office/"),
            newer: (number > 1).then(|| layout.to(&link(number - 1))),
            older: (number < last).then(|| layout.to(&link(number + 1))),
            shown: t.with(
                "office-page",
                [
                    ("page", number.to_string().into()),
                    ("pages", last.max(1).to_string().into()),
                ],
            ),
            t,
            layout,
        },
    ))
}
