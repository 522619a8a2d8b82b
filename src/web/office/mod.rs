//! The office: staff sign in, find cases by reference, passport number or deadline, and move
//! them on. Officers see the cases of their own office only, operators none, and every look
//! at a case is in the audit trail before it is shown.

mod account;
mod case;
mod of_passport;
mod open_list;
mod queue;
mod rows;
mod screenshot;
mod search;
mod sign_in;
mod step;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

pub(in crate::web) use case::failure;

use super::client::Client;
use super::desk::{Desk, office_name};
use super::lang::Lang;
use super::layout::{Layout, NavLink, address};
use super::passwords::HashingPlaces;
use super::sessions::{self, Scope, SignedIn};
use super::texts::Texts;
use super::throttle::{Rate, Throttle, key_of};
use crate::domain::Clock;
use crate::domain::case::Role;
use crate::store::seal::SealError;
use crate::store::sign_ins::{self, Failed};
use crate::store::{self, staff::Member};

/// What the office allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Tries at any account from one network, by browsers that the account does not know.
    pub per_network: Rate,
    /// Tries at one account from one network, by such browsers.
    pub per_network_and_account: Rate,
    /// Tries at one account from everywhere, by such browsers.
    pub per_account: Rate,
    /// Tries at one account by one browser that signed in to it before, whatever others do.
    pub per_device: Rate,
    /// Passwords hashed at one time, beside one that is for known browsers alone.
    pub hashes: usize,
    /// Rows that failed sign-ins may take in an hour, beside one for each account.
    pub failed_rows_an_hour: u32,
}

impl Default for Settings {
    fn default() -> Self {
        let rate = |burst, seconds| Rate {
            burst,
            every: Duration::from_secs(seconds),
        };
        Settings {
            // A whole office comes from one address.
            per_network: rate(60, 2),
            per_network_and_account: rate(6, 30),
            per_account: rate(40, 5),
            per_device: rate(6, 30),
            hashes: 2,
            failed_rows_an_hour: 400,
        }
    }
}

/// Forms of the office are small.
const LONGEST_FORM: usize = 64 * 1024;

/// How often passwords may be tried.
struct Throttles {
    per_network: Throttle<IpAddr>,
    per_network_and_account: Throttle<(IpAddr, String)>,
    per_account: Throttle<String>,
    /// By the hash of the device.
    per_device: Throttle<Vec<u8>>,
    /// Of somebody signed in, at the own password; as often as a known browser may try.
    per_member: Throttle<String>,
}

impl Throttles {
    fn new(settings: &Settings, clock: &Arc<dyn Clock>) -> Self {
        let clock = || Arc::clone(clock);
        let pair = settings.per_network_and_account;
        Throttles {
            per_network: Throttle::new(settings.per_network, clock()),
            per_network_and_account: Throttle::new(pair, clock()),
            per_account: Throttle::new(settings.per_account, clock()),
            per_device: Throttle::new(settings.per_device, clock()),
            per_member: Throttle::new(settings.per_device, clock()),
        }
    }

    /// Counts a try by a browser that the account does not know; an error says after how many
    /// seconds the next may come. A network that is over its own limit takes nothing from
    /// what all have together.
    fn check_stranger(&self, from: IpAddr, email: &str) -> Result<(), u64> {
        self.per_network.check(&from)?;
        let pair = (from, email.to_owned());
        self.per_network_and_account.check(&pair)?;
        self.per_account.check(&pair.1)
    }
}

/// What the handlers share.
#[derive(Clone)]
pub struct OfficeState {
    desk: Desk,
    throttles: Arc<Throttles>,
    hashing: HashingPlaces,
    failed_rows_an_hour: u32,
}

impl OfficeState {
    /// For this desk, with these settings.
    pub fn new(desk: Desk, settings: Settings) -> Self {
        OfficeState {
            throttles: Arc::new(Throttles::new(&settings, &desk.clock)),
            hashing: HashingPlaces::new(settings.hashes),
            failed_rows_an_hour: settings.failed_rows_an_hour,
            desk,
        }
    }
}

/// Everything under `/office`.
pub fn router(state: OfficeState) -> Router {
    Router::new()
        .route(
            "/office",
            get(|lang: Lang| async move { Redirect::to(&address(lang, "/office/")) }),
        )
        .route("/office/", get(queue::page))
        .route("/office/sign-in", get(sign_in::show).post(sign_in::take))
        .route("/office/sign-out", post(sign_in::leave))
        .route("/office/account", get(account::show).post(account::take))
        .route("/office/search", get(search::away).post(search::take))
        .route("/office/cases/{reference}", get(case::page))
        .route(
            "/office/cases/{reference}/step",
            get(step::away).post(step::take),
        )
        .route(
            "/office/cases/{reference}/screenshots/{number}",
            get(screenshot::show),
        )
        .layer(DefaultBodyLimit::max(LONGEST_FORM))
        .with_state(state)
}

/// What every page of the office shows at its top.
pub(in crate::web) struct Bar {
    pub(in crate::web) csrf: String,
    pub(in crate::web) email: String,
    pub(in crate::web) role: String,
    pub(in crate::web) place: String,
    /// Operators have nothing to look up.
    pub(in crate::web) sees_cases: bool,
    pub(in crate::web) searched: String,
}

impl Bar {
    pub(in crate::web) fn of(t: Texts, who: &SignedIn) -> Bar {
        let scope = who.scope();
        Bar {
            csrf: who.csrf.clone(),
            email: who.member.email.clone(),
            role: t.get(match who.member.role {
                Role::Officer => "staff-officer",
                Role::Supervisor => "staff-supervisor",
                Role::Operator => "staff-operator",
            }),
            place: match &scope {
                Scope::All => t.get("office-all"),
                Scope::Office(office) => office_name(office),
                Scope::None => String::new(),
            },
            sees_cases: !matches!(scope, Scope::None),
            searched: String::new(),
        }
    }
}

/// The layout of a page of the office at `path`; `here` is the section that it belongs to.
pub(in crate::web) fn layout<'a>(desk: &'a Desk, lang: Lang, path: &str, here: &str) -> Layout<'a> {
    let mut layout = Layout::new(&desk.site, lang, path).unlisted();
    let link = |target: &str, key: &str| NavLink {
        href: address(lang, target),
        text: layout.t.get(key),
        here: here == target,
    };
    layout.navigation = vec![
        link("/office/", "office-open"),
        link("/office/?which=done", "office-done"),
    ];
    layout
}

/// A page that says one thing: no such case, another office's, no right.
#[derive(Template)]
#[template(path = "web/office/message.html")]
struct MessagePage<'a> {
    layout: Layout<'a>,
    t: Texts,
    bar: Bar,
    title: String,
    text: String,
}

pub(in crate::web) fn message(
    desk: &Desk,
    lang: Lang,
    who: &SignedIn,
    status: StatusCode,
    title: &str,
    text: String,
) -> Response {
    let layout = layout(desk, lang, "/office/", "");
    let t = layout.t;
    rendered(
        status,
        &MessagePage {
            bar: Bar::of(t, who),
            title: t.get(title),
            text,
            t,
            layout,
        },
    )
}

pub(in crate::web) fn rendered(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the office could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Why personal data does not open, for staff: never that it is erased.
fn unreadable(t: Texts, reference: &str, error: &SealError) -> String {
    tracing::error!(%error, reference, "what is sealed of a case does not open");
    match error {
        SealError::UnknownKey(id) => t.with("unreadable-key", [("key", id.clone().into())]),
        SealError::Broken(_) => t.get("unreadable-broken"),
    }
}

/// The database failed: said in one place, shown as the friendly page for it.
pub(in crate::web) fn failed(error: &store::Error) -> Response {
    tracing::error!(%error, "the office could not reach the database");
    StatusCode::SERVICE_UNAVAILABLE.into_response()
}

/// What somebody asks to see, for the trail.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    List,
    Search,
    /// The case with what may be its reference.
    Case(&'a str),
}

/// Who is signed in, if cases are for them. That they are not is in the trail.
async fn worker(
    state: &OfficeState,
    headers: &HeaderMap,
    lang: Lang,
    wanted: Wanted<'_>,
) -> Result<(SignedIn, Scope), Response> {
    let who = sessions::required(&state.desk, headers, lang).await?;
    let scope = who.scope();
    if matches!(scope, Scope::None) {
        let what = match wanted {
            Wanted::List => "the list",
            Wanted::Search => "a search",
            Wanted::Case(_) => "a case",
        };
        let id = case_id(&state.desk, wanted).await?;
        let action = format!("refused: no right to {what}");
        sessions::note(&state.desk, &who, &action, id.as_deref())
            .await
            .map_err(|error| failed(&error))?;
        let t = Texts::of(lang);
        let text = t.get("office-no-cases-text");
        return Err(message(
            &state.desk,
            lang,
            &who,
            StatusCode::FORBIDDEN,
            "office-no-cases",
            text,
        ));
    }
    Ok((who, scope))
}

/// The id of the case that is asked for, where there is one.
async fn case_id(desk: &Desk, wanted: Wanted<'_>) -> Result<Option<String>, Response> {
    let Wanted::Case(typed) = wanted else {
        return Ok(None);
    };
    let Ok(reference) = typed.parse() else {
        return Ok(None);
    };
    let case = case::by_reference(desk, &reference).await?;
    Ok(case.map(|case| case.id))
}

/// The same for what a form sends: it must come from a page of ours, of this session.
async fn sender(
    state: &OfficeState,
    headers: &HeaderMap,
    lang: Lang,
    wanted: Wanted<'_>,
    csrf: &str,
) -> Result<(SignedIn, Scope), Response> {
    let (who, scope) = worker(state, headers, lang, wanted).await?;
    own_form(state, headers, lang, &who, csrf).await?;
    Ok((who, scope))
}

/// Refuses a form that does not come from a page of ours, of this session; that is in the trail.
async fn own_form(
    state: &OfficeState,
    headers: &HeaderMap,
    lang: Lang,
    who: &SignedIn,
    csrf: &str,
) -> Result<(), Response> {
    if sessions::from_our_own_page(headers, &state.desk.site.own_url) && who.sent(csrf) {
        return Ok(());
    }
    sessions::note(
        &state.desk,
        who,
        "refused: a form of another page or session",
        None,
    )
    .await
    .map_err(|error| failed(&error))?;
    let text = Texts::of(lang).get("office-form-old-text");
    Err(message(
        &state.desk,
        lang,
        who,
        StatusCode::FORBIDDEN,
        "office-form-old",
        text,
    ))
}

/// Counts that a wrong password was tried. Who tried it is answered the same when that cannot
/// be written.
async fn count_failed(state: &OfficeState, client: Client, staff: Option<String>) {
    let desk = &state.desk;
    let network = match key_of(client) {
        IpAddr::V6(network) => format!("{network}/64"),
        IpAddr::V4(address) => address.to_string(),
    };
    let failed = Failed { network, staff };
    let (now, rows) = (desk.clock.now(), state.failed_rows_an_hour);
    let written = sessions::again_if_raced(|| {
        let (audit, failed) = (desk.audit(), failed.clone());
        desk.store.write(move |mut conn| {
            Box::pin(async move {
                let (keys, random) = (&audit.keys, &*audit.random);
                sign_ins::count_failed(&mut conn, keys, random, &failed, rows, now).await
            })
        })
    });
    if let Err(error) = written.await {
        tracing::warn!(%error, "a failed sign-in could not be counted");
    }
}

/// Where somebody who has signed in begins: at the list of cases, if cases are for them.
fn home(member: &Member) -> &'static str {
    match member.role.sees_cases() {
        true => "/office/",
        false => "/office/account",
    }
}
