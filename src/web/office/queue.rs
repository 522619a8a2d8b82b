//! The lists of cases: the open ones by deadline, those of one network or one passport, and those
//! that are done.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::open_list::{self, A_PAGE};
use super::rows::{Row, natural};
use super::{Bar, OfficeState, Wanted, case, failed, layout, of_passport, rendered, worker};
use crate::domain::office;
use crate::store::reports::{self, Which};
use crate::web::desk::Desk;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::sessions::{self, Scope, SignedIn};
use crate::web::texts::Texts;

/// No list has more pages.
const MAX_PAGES: usize = 100_000;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    which: String,
    #[serde(default)]
    page: String,
    #[serde(default)]
    office: String,
    /// Reference of a case: those from its network.
    #[serde(default)]
    network: String,
    /// Reference of a case: those of its passport.
    #[serde(default)]
    passport: String,
}

struct Choice {
    code: &'static str,
    name: &'static str,
    chosen: bool,
}

/// A list of cases.
#[derive(Template)]
#[template(path = "web/office/queue.html")]
pub(super) struct ListPage<'a> {
    pub(super) layout: Layout<'a>,
    pub(super) t: Texts,
    pub(super) bar: Bar,
    pub(super) title: String,
    /// How many there are, and what else is to be known of the list.
    pub(super) told: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// Whether rows name their office.
    pub(super) several: bool,
    /// Cases at other offices.
    pub(super) elsewhere: Vec<String>,
    /// Supervisors choose; officers have none.
    offices: Vec<Choice>,
    which: &'static str,
    action: String,
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

impl<'a> ListPage<'a> {
    /// A list with nothing in it yet. Its pages are at `link` and a number.
    pub(super) fn new(
        desk: &'a Desk,
        lang: Lang,
        who: &SignedIn,
        here: &str,
        link: &str,
        (page, pages): (usize, usize),
    ) -> Self {
        let at = |page: usize| format!("{link}&page={page}");
        let layout = layout(desk, lang, &at(page), here);
        ListPage {
            bar: Bar::of(layout.t, who),
            title: String::new(),
            told: Vec::new(),
            rows: Vec::new(),
            several: true,
            elsewhere: Vec::new(),
            offices: Vec::new(),
            which: "",
            action: String::new(),
            newer: (page > 1).then(|| layout.to(&at(page - 1))),
            older: (page < pages).then(|| layout.to(&at(page + 1))),
            t: layout.t,
            layout,
        }
    }

    /// The sentence on which page of how many this is.
    pub(super) fn page_of(&mut self, page: usize, pages: usize) {
        let (page, pages) = (page.to_string(), pages.to_string());
        let numbers = [("page", page.into()), ("pages", pages.into())];
        self.told.push(self.t.with("office-page", numbers));
    }
}

/// `GET /office/`.
pub(super) async fn page(
    State(state): State<OfficeState>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let (who, scope) = worker(&state, &headers, lang, Wanted::List).await?;
    let number = asked.page.parse().unwrap_or(1).clamp(1, MAX_PAGES);
    if !asked.passport.is_empty() {
        return of_passport::page(&state, &who, &scope, &asked.passport, number, lang).await;
    }
    let desk = &state.desk;
    if !asked.network.is_empty() {
        let case = case::find(&state, &who, &scope, &asked.network, lang).await?;
        return of_network(desk, &who, &scope, &case, number, lang).await;
    }
    let office = match &scope {
        Scope::Office(own) => Some(*own),
        Scope::All => office::by_code(&asked.office),
        Scope::None => return Err(StatusCode::FORBIDDEN.into_response()),
    };
    let code = office.map(|office| office.code.as_str());
    let mut list = if asked.which == "done" {
        done(desk, &who, code, number, lang).await?
    } else {
        open(desk, &who, code, number, lang).await?
    };
    if let Scope::All = scope {
        list.offices = office::all()
            .iter()
            .map(|one| Choice {
                code: &one.code,
                name: &one.name,
                chosen: Some(one.code.as_str()) == code,
            })
            .collect();
        list.several = true;
    }
    list.action = list.layout.to("/office/");
    Ok(rendered(StatusCode::OK, &list))
}

fn link(which: &str, code: Option<&str>) -> String {
    let office = code.map_or_else(String::new, |code| format!("&office={code}"));
    format!("/office/?which={which}{office}")
}

async fn open<'a>(
    desk: &'a Desk,
    who: &SignedIn,
    code: Option<&'static str>,
    number: usize,
    lang: Lang,
) -> Result<ListPage<'a>, Response> {
    let read = open_list::read(desk, code, None, number).await;
    let read = read.map_err(|error| failed(&error))?;
    let number = number.min(read.pages);
    let action = format!("list open {} page {number}", code.unwrap_or("all"));
    sessions::note_list(desk, who, &action, read.ids())
        .await
        .map_err(|error| failed(&error))?;
    let link = link("open", code);
    let mut list = ListPage::new(desk, lang, who, "/office/", &link, (number, read.pages));
    let t = list.t;
    list.title = t.get("office-open");
    list.which = "open";
    list.several = false;
    if read.cases > 0 {
        let count = natural(read.cases);
        list.told
            .push(t.with("office-count", [("count", count.into())]));
        list.told.extend(read.folded_sentence(&list.layout));
        list.page_of(number, read.pages);
        list.told.push(t.get("office-order"));
    }
    list.rows = read.rows(desk, &list.layout);
    Ok(list)
}

async fn of_network(
    desk: &Desk,
    who: &SignedIn,
    scope: &Scope,
    case: &reports::Case,
    number: usize,
    lang: Lang,
) -> Result<Response, Response> {
    let code = match scope {
        Scope::Office(own) => Some(own.code.as_str()),
        Scope::All | Scope::None => None,
    };
    // The network of an erased case is forgotten: nothing has that of an empty hash.
    let network = case.network_hash.clone().unwrap_or_default();
    let read = open_list::read(desk, code, Some(network), number).await;
    let read = read.map_err(|error| failed(&error))?;
    let number = number.min(read.pages);
    let action = format!(
        "list open of the network of {} page {number}",
        case.reference
    );
    sessions::note_list(desk, who, &action, read.ids())
        .await
        .map_err(|error| failed(&error))?;
    let link = format!("/office/?network={}", case.reference);
    let mut list = ListPage::new(desk, lang, who, "", &link, (number, read.pages));
    let t = list.t;
    list.title = t.get("list-network-title");
    let count = natural(read.cases);
    list.told
        .push(t.with("office-count", [("count", count.into())]));
    list.page_of(number, read.pages);
    list.told.push(t.get("list-network-text"));
    list.rows = read.rows(desk, &list.layout);
    Ok(rendered(StatusCode::OK, &list))
}

async fn done<'a>(
    desk: &'a Desk,
    who: &SignedIn,
    code: Option<&'static str>,
    number: usize,
    lang: Lang,
) -> Result<ListPage<'a>, Response> {
    let limit = i64::try_from(A_PAGE).unwrap_or(i64::MAX);
    let offset = i64::try_from((number - 1) * A_PAGE).unwrap_or(i64::MAX);
    let read = desk.store.read(move |mut conn| {
        Box::pin(async move {
            let count = reports::count(&mut conn, code, Which::Done).await?;
            let cases = reports::queue(&mut conn, code, Which::Done, limit, offset).await?;
            Ok((usize::try_from(count).unwrap_or(0), cases))
        })
    });
    let (count, cases) = read.await.map_err(|error| failed(&error))?;
    let action = format!("list done {} page {number}", code.unwrap_or("all"));
    let shown = cases.iter().map(|case| case.id.clone()).collect();
    sessions::note_list(desk, who, &action, shown)
        .await
        .map_err(|error| failed(&error))?;
    let pages = count.div_ceil(A_PAGE).max(1);
    let (here, link) = ("/office/?which=done", link("done", code));
    let mut list = ListPage::new(desk, lang, who, here, &link, (number, pages));
    let t = list.t;
    list.title = t.get("office-done");
    list.which = "done";
    list.several = false;
    if count > 0 {
        let all = natural(count);
        list.told
            .push(t.with("office-count", [("count", all.into())]));
        list.page_of(number, pages);
    }
    let keys = desk.keys.get();
    let row = |case| Row::of(desk, &list.layout, &keys, case);
    list.rows = cases.iter().map(row).collect();
    Ok(list)
}
