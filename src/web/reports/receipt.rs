//! The receipt of a report, for whoever holds its link: a page and JSON. A wrong secret and
//! a missing reference get the same answer.

use askama::Template;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, REFERRER_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::told::{self, OutageShown, TryLine};
use super::{ReportsState, answer, keep};
use crate::domain::case::{CaseState, urgency};
use crate::domain::finding::Finding;
use crate::domain::history::Outage;
use crate::domain::names::NameTable;
use crate::domain::office;
use crate::domain::passport::PassportNumber;
use crate::domain::reference::Reference;
use crate::domain::report::Submitted;
use crate::store::case_steps::{self, Step};
use crate::store::reports::{Case, Personal};
use crate::store::{self, names, outages, reports};
use crate::web::desk::{format_at, office_name, zone_of};
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::public::words::Badge;
use crate::web::texts::Texts;

/// Days after arrival within which a holder who was abroad reports to the office.
const ARRIVAL_DAYS: i32 = 30;

/// What stands behind the `?`.
#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    key: String,
    #[serde(default)]
    sent: String,
}

struct Opened {
    case: Case,
    steps: Vec<Step>,
    names: NameTable,
    outage: Option<Outage>,
    /// How many pictures of it are kept.
    pictures: usize,
}

/// The report with this reference, if the secret is right. The work is the same either way.
async fn open(
    state: &ReportsState,
    reference: &str,
    secret: &str,
) -> Result<Option<Opened>, store::Error> {
    let given = keep::secret_hash(secret);
    // A reference that cannot exist is looked up like any other.
    let reference = reference
        .parse::<Reference>()
        .map_or_else(|_| "-".to_owned(), |reference| reference.to_string());
    state
        .desk
        .store
        .read(move |mut conn| {
            Box::pin(async move {
                let case = reports::by_reference(&mut conn, &reference).await?;
                let nobodys = vec![0_u8; given.len()];
                let expected = case.as_ref().map_or(&nobodys, |case| &case.secret_hash);
                let right = bool::from(expected.ct_eq(&given));
                let Some(case) = case.filter(|_| right) else {
                    return Ok(None);
                };
                let outage = match &case.outage_id {
                    Some(id) => outages::by_id(&mut conn, id).await?,
                    None => None,
                };
                Ok(Some(Opened {
                    steps: case_steps::steps(&mut conn, &case.id).await?,
                    pictures: reports::screenshots(&mut conn, &case.id).await?.len(),
                    names: names::all(&mut conn).await?,
                    outage,
                    case,
                }))
            })
        })
        .await
}

/// `GET /api/v1/reports/{reference}?key=…`, or with the secret as bearer token.
pub(super) async fn json(
    State(state): State<ReportsState>,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    lang: Lang,
) -> Response {
    let t = Texts::of(lang);
    let bearer = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let reference = reference.trim_end_matches(".json");
    match open(&state, reference, bearer.unwrap_or(&asked.key)).await {
        Ok(Some(opened)) => Json(as_json(&state, lang, &opened)).into_response(),
        Ok(None) => answer::problem(t, StatusCode::NOT_FOUND, "receipt-none-detail", &[]),
        Err(error) => {
            tracing::error!(%error, "a report could not be read");
            answer::problem(t, StatusCode::SERVICE_UNAVAILABLE, "receipt-unread", &[])
        }
    }
}

/// A finding as JSON.
pub fn finding_json(finding: &Finding) -> Value {
    json!({
        "verdict": finding.verdict.as_str(),
        "outage": finding.outage,
        "outage_url": finding.outage.as_ref().map(|id| format!("/api/v1/outages/{id}")),
        "tries": finding.tries.iter().map(|one| json!({
            "at": one.at.to_string(),
            "outage": one.outage,
            "in_our_gap": one.blind,
            "seen_working": one.seen_working,
        })).collect::<Vec<_>>(),
        "outage_seconds_in_last_hour": finding.last_hour_ms / 1000,
        "outage_seconds_in_last_12_hours": finding.last_12_hours_ms / 1000,
        "rule_version": finding.rule_version,
    })
}

fn as_json(state: &ReportsState, lang: Lang, opened: &Opened) -> Value {
    let case = &opened.case;
    let office = office::by_code(&case.office);
    let today = office
        .map_or(state.desk.site.zone, zone_of)
        .at(state.desk.clock.now())
        .date();
    let (_, days_left) = urgency(case.permit_expires_on, today);
    let keys = state.desk.keys.get();
    let key = case.data_key(&keys);
    let personal = match case.open(&keys) {
        Ok(None) => "erased",
        Ok(Some(personal)) if personal.broken.is_empty() => "kept",
        Ok(Some(_)) | Err(_) => "unreadable",
    };
    json!({
        "reference": case.reference,
        "received_at": case.received_at.to_string(),
        "state": case.state.as_str(),
        "office": { "code": case.office, "name": office.map(office_name) },
        "component": case.component.as_str(),
        "component_name": state.desk.component(Texts::of(lang), &case.component),
        "permit_type": case.permit_type,
        "permit_expires_on": case.permit_expires_on.map(|date| date.to_string()),
        "days_left": days_left,
        "submitted": case.submitted.as_str(),
        "tries": case.tries,
        "finding": finding_json(&case.finding),
        "screenshots": answer::screenshots_json(
            Texts::of(lang),
            opened.pictures,
            case.left_out,
        ),
        "steps": opened.steps.iter().map(|step| {
            let reason = step.reason(&key);
            json!({
                "at": step.at.to_string(),
                "from": step.from_state,
                "to": step.to_state,
                "reason_unreadable": reason.is_err(),
                "reason": reason.unwrap_or(None),
            })
        }).collect::<Vec<_>>(),
        "personal_data": personal,
        "personal_data_erased": case.erased_at.is_some(),
    })
}

#[derive(Template)]
#[template(path = "web/reports/receipt.html")]
struct ReceiptPage<'a> {
    layout: Layout<'a>,
    t: Texts,
    sent: bool,
    reference: String,
    link: String,
    received: String,
    state: Badge,
    state_sentence: String,
    reason: Option<String>,
    /// Pictures that came and were not kept.
    left_out: Option<String>,
    steps: Vec<StepLine>,
    verdict: Badge,
    sentence: String,
    overlap: Option<String>,
    tries: Vec<TryLine>,
    outage: Option<OutageShown>,
    deadline: Badge,
    expires: Option<String>,
    arrival: Option<String>,
    next: Vec<String>,
    office: Option<OfficeShown>,
    facts: Vec<(String, String)>,
    erased: bool,
    /// Some of it, or all, does not open.
    unread: bool,
}

struct StepLine {
    at: String,
    word: String,
}

struct OfficeShown {
    name: String,
    seat: String,
    province: &'static str,
    email: String,
}

#[derive(Template)]
#[template(path = "web/reports/no_receipt.html")]
struct NoReceiptPage<'a> {
    layout: Layout<'a>,
    t: Texts,
}

/// `GET /receipts/{reference}?key=…`.
pub(super) async fn page(
    State(state): State<ReportsState>,
    Path(reference): Path<String>,
    Query(asked): Query<Asked>,
    lang: Lang,
) -> Response {
    let site = &state.desk.site;
    let (status, html) = match open(&state, &reference, &asked.key).await {
        Ok(Some(opened)) => (StatusCode::OK, render(&state, lang, &opened, &asked)),
        Ok(None) => {
            let layout = Layout::new(site, lang, "/receipts/-").without_own_address();
            let t = layout.t;
            (StatusCode::NOT_FOUND, NoReceiptPage { layout, t }.render())
        }
        Err(error) => {
            tracing::error!(%error, "a report could not be read");
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
    };
    match html {
        Ok(html) => {
            // The address holds the secret: it goes nowhere.
            let policy = HeaderValue::from_static("no-referrer");
            (status, [(REFERRER_POLICY, policy)], Html(html)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a receipt could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn render(
    state: &ReportsState,
    lang: Lang,
    opened: &Opened,
    asked: &Asked,
) -> Result<String, askama::Error> {
    let (desk, case) = (&state.desk, &opened.case);
    let path = format!("/receipts/{}?key={}", case.reference, clean_key(&asked.key));
    let layout = Layout::new(&desk.site, lang, &path).unlisted();
    let t = layout.t;
    let office = office::by_code(&case.office);
    let format = format_at(&desk.site, lang, office);
    let now = desk.clock.now();
    let today = office.map_or(desk.site.zone, zone_of).at(now).date();
    let keys = desk.keys.get();
    let (personal, unread) = match case.open(&keys) {
        Ok(personal) => (personal, false),
        Err(error) => {
            tracing::error!(%error, reference = case.reference, "a report does not open");
            (None, true)
        }
    };
    let arrival = case.arrived_on.and_then(|arrived| {
        let last = arrived
            .checked_add(jiff::Span::new().days(ARRIVAL_DAYS))
            .ok()?;
        let left = urgency(Some(last), today).1.unwrap_or(0);
        let key = if left < 0 {
            "receipt-arrival-over"
        } else {
            "receipt-arrival"
        };
        Some(t.with(
            key,
            [
                ("last", format.date(last).into()),
                ("days", u64::from(left.unsigned_abs()).into()),
            ],
        ))
    });
    let template = ReceiptPage {
        sent: asked.sent == "1",
        reference: case.reference.clone(),
        link: format!(
            "{}{}",
            desk.site.own_url.trim_end_matches('/'),
            layout.to(&path)
        ),
        received: format.moment(case.received_at),
        state: told::state(t, case.state),
        state_sentence: told::state_sentence(t, case.state),
        left_out: case.left_out.map(|left_out| told::left_out(t, left_out)),
        reason: opened
            .steps
            .last()
            .filter(|_| case.state == CaseState::Returned)
            .and_then(|step| {
                step.reason(&case.data_key(&keys))
                    .unwrap_or_else(|_| Some(t.get("receipt-reason-unreadable")))
            }),
        steps: opened
            .steps
            .iter()
            .map(|step| StepLine {
                at: format.moment(step.at),
                word: CaseState::parse(&step.to_state)
                    .map_or_else(String::new, |to| told::state(t, to).word),
            })
            .collect(),
        verdict: told::verdict(t, case.finding.verdict),
        sentence: told::sentence(t, &case.finding),
        overlap: told::overlap(t, format, &case.finding),
        tries: told::tries(t, format, &case.finding.tries),
        outage: opened.outage.as_ref().map(|outage| {
            let component = desk.component(t, &outage.component);
            let href = layout.to(&format!("/outages/{}", outage.id));
            let names = opened.names.of(&outage.flow);
            told::outage(t, format, outage, names, component, now, href)
        }),
        deadline: told::deadline(t, case.permit_expires_on, today),
        expires: case.permit_expires_on.map(|date| format.date(date)),
        arrival,
        next: next(t, case),
        office: office.map(|office| OfficeShown {
            name: office_name(office),
            seat: office.seat.clone(),
            province: &office.province,
            email: format!("kanim_{}@imigrasi.go.id", office.code.replace('-', "")),
        }),
        facts: facts(
            t,
            desk.component(t, &case.component),
            case,
            personal.as_ref(),
        ),
        erased: case.erased_at.is_some(),
        unread: unread || personal.is_some_and(|personal| !personal.broken.is_empty()),
        t,
        layout,
    };
    template.render()
}

/// The key as it may stand in links: letters and digits only.
fn clean_key(key: &str) -> String {
    key.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// What the applicant does next, in order.
fn next(t: Texts, case: &Case) -> Vec<String> {
    let keys: &[&str] = match (case.state, case.submitted) {
        (CaseState::Processed, _) => &["next-processed"],
        (CaseState::Returned, _) => &["next-returned", "next-office"],
        (_, Submitted::Yes) => &["next-submitted", "next-submitted-notice"],
        (_, Submitted::Paid) => &["next-paid", "next-paid-proof", "next-office"],
        (_, Submitted::No | Submitted::Unsure) => &["next-again", "next-office", "next-bring"],
    };
    keys.iter().map(|key| t.get(key)).collect()
}

/// What was reported, personal data masked.
fn facts(
    t: Texts,
    component: String,
    case: &Case,
    personal: Option<&Personal>,
) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| facts.push((t.get(key), value));
    fact("report-component", component);
    fact("fact-tries", case.tries.to_string());
    fact("report-submitted", told::submitted(t, case.submitted));
    fact("report-permit-type", told::permit(t, &case.permit_type));
    let checked: Vec<String> = [
        (case.checked_connection, "checked-connection"),
        (case.checked_size, "checked-size"),
        (case.checked_device, "checked-device"),
    ]
    .into_iter()
    .filter(|(yes, _)| *yes)
    .map(|(_, key)| t.get(key))
    .collect();
    if !checked.is_empty() {
        fact("report-checked", checked.join("; "));
    }
    fact("report-role", told::role(t, case.role));
    if let Some(personal) = personal {
        if !personal.name.is_empty() {
            fact("report-name", told::masked_name(&personal.name));
        }
        if let Ok(passport) = PassportNumber::parse(&personal.passport_number) {
            fact("report-passport", passport.masked());
        }
        if let Some(email) = &personal.email {
            fact("report-email", told::masked_email(email));
        }
        if let Some(phone) = &personal.phone {
            fact("report-phone", told::masked_phone(phone));
        }
    }
    facts
}
