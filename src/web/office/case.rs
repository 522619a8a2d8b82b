//! One case: all that an officer needs to decide, the steps it went through, and the next.

use std::time::Duration;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::rows::Note;
use super::{
    Bar, OfficeState, Wanted, failed, layout, message, open_list, rendered, unreadable, worker,
};
use crate::domain::case::CaseState;
use crate::domain::finding::Finding;
use crate::domain::history::{Gap, Outage};
use crate::domain::names::NameTable;
use crate::domain::office;
use crate::domain::reference::Reference;
use crate::domain::report::Submitted;
use crate::store::case_steps::{self, Step};
use crate::store::reports::{Case, Personal, Screenshot};
use crate::store::runs::FailureSummary;
use crate::store::seal::{DataKey, SealError};
use crate::store::{self, monitor, names, outages, reports, runs};
use crate::web::desk::{Desk, format_at, office_name, zone_of};
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::public::words::{self, Badge};
use crate::web::reports::told::{self, OutageShown, TryLine};
use crate::web::sessions::{self, Scope, SignedIn};
use crate::web::texts::Texts;

/// Everything of a case that its page shows.
struct Opened {
    case: Case,
    steps: Vec<Step>,
    shots: Vec<Screenshot>,
    outage: Option<Outage>,
    failures: Vec<FailureSummary>,
    names: NameTable,
    gaps: Vec<Gap>,
    /// Reports from the same network within 24 hours, beside this one.
    others_from_network: u64,
    /// Reports of the same passport, beside this one.
    others_of_passport: u64,
}

/// The case that an address names, if it exists and this person may see it.
pub(super) async fn find(
    state: &OfficeState,
    who: &SignedIn,
    scope: &Scope,
    reference: &str,
    lang: Lang,
) -> Result<Case, Response> {
    let desk = &state.desk;
    let t = Texts::of(lang);
    let none = |key: &str| {
        let text = t.get(key);
        message(desk, lang, who, StatusCode::NOT_FOUND, "case-none", text)
    };
    let Ok(reference) = reference.parse::<Reference>() else {
        return Err(none("search-mistyped"));
    };
    let case = by_reference(desk, &reference).await?;
    let Some(case) = case else {
        let action = format!("refused: no case {reference}");
        sessions::note(desk, who, &action, None)
            .await
            .map_err(|error| failed(&error))?;
        return Err(none("case-none-text"));
    };
    if !scope.covers(&case.office) {
        sessions::note(desk, who, "refused: another office", Some(&case.id))
            .await
            .map_err(|error| failed(&error))?;
        let name = office::by_code(&case.office).map_or_else(|| case.office.clone(), office_name);
        let text = t.with("case-elsewhere-text", [("office", name.into())]);
        let status = StatusCode::FORBIDDEN;
        return Err(message(desk, lang, who, status, "case-elsewhere", text));
    }
    Ok(case)
}

/// The case with this reference, whoever may see it.
pub(super) async fn by_reference(
    desk: &Desk,
    reference: &Reference,
) -> Result<Option<Case>, Response> {
    let reference = reference.to_string();
    let read = desk.store.read(|mut conn| {
        Box::pin(async move { reports::by_reference(&mut conn, &reference).await })
    });
    read.await.map_err(|error| failed(&error))
}

async fn open(desk: &Desk, case: Case) -> Result<Opened, store::Error> {
    let now = desk.clock.now();
    desk.store
        .read(move |mut conn| {
            Box::pin(async move {
                let outage = match &case.outage_id {
                    Some(id) => outages::by_id(&mut conn, id).await?,
                    None => None,
                };
                // Gaps matter around the tries, and within the outage.
                let around = Duration::from_secs(3600);
                let (mut from, mut until) =
                    (case.first_tried_at - around, case.last_tried_at + around);
                let mut failures = Vec::new();
                if let Some(outage) = &outage {
                    let end = outage.ended_at.unwrap_or(now);
                    from = from.min(outage.began_at);
                    until = until.max(end);
                    failures =
                        runs::failures(&mut conn, &outage.component, outage.began_at, end).await?;
                }
                Ok(Opened {
                    steps: case_steps::steps(&mut conn, &case.id).await?,
                    shots: reports::screenshots(&mut conn, &case.id).await?,
                    gaps: monitor::gaps(&mut conn, from, until).await?,
                    others_from_network: open_list::others_from_network(&mut conn, &case, now)
                        .await?,
                    others_of_passport: reports::others_of_passport(&mut conn, &case.id)
                        .await?
                        .try_into()
                        .unwrap_or(0),
                    failures,
                    names: names::all(&mut conn).await?,
                    outage,
                    case,
                })
            })
        })
        .await
}

#[derive(Template)]
#[template(path = "web/office/case.html")]
struct CasePage<'a> {
    layout: Layout<'a>,
    t: Texts,
    bar: Bar,
    trouble: Option<String>,
    /// Why the personal data does not open.
    unread: Option<String>,
    reference: String,
    office: String,
    received: String,
    state: Badge,
    deadline: Badge,
    expires: String,
    name: String,
    /// What else came of the same passport, and from the same network.
    others: Vec<Note>,
    verdict: Badge,
    sentence: String,
    overlap: Option<String>,
    decided: Option<Decided>,
    seen_finding: String,
    guidance: Option<String>,
    person: Vec<(String, String)>,
    attempt: Vec<(String, String)>,
    said: Option<String>,
    tries: Vec<TryLine>,
    outage: Option<OutageShown>,
    duty: Option<String>,
    failures: Vec<String>,
    gaps: Vec<String>,
    shots: Vec<Shot>,
    /// Pictures that came and were not kept; or that none came.
    no_shots: Option<String>,
    steps: Vec<StepLine>,
    next: Vec<NextStep>,
    from: &'static str,
    action: String,
    reason: String,
    rule_version: String,
}

/// The finding that a case was decided on, where the newest says something else.
struct Decided {
    when: String,
    verdict: Badge,
    sentence: String,
    overlap: Option<String>,
}

struct Shot {
    href: String,
    text: String,
    sha256: String,
}

struct StepLine {
    at: String,
    at_machine: String,
    text: String,
    reason: Option<String>,
}

struct NextStep {
    to: &'static str,
    button: String,
    explained: String,
    needs_reason: bool,
}

/// What a step was refused for, and what was typed as its reason.
#[derive(Default)]
pub(super) struct Refused {
    pub(super) text: String,
    pub(super) reason: String,
}

/// `GET /office/cases/{reference}`.
pub(super) async fn page(
    State(state): State<OfficeState>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let (who, scope) = worker(&state, &headers, lang, Wanted::Case(&reference)).await?;
    let case = find(&state, &who, &scope, &reference, lang).await?;
    Ok(shown(&state, &who, case, lang, StatusCode::OK, None).await)
}

pub(super) async fn shown(
    state: &OfficeState,
    who: &SignedIn,
    case: Case,
    lang: Lang,
    status: StatusCode,
    refused: Option<Refused>,
) -> Response {
    let desk = &state.desk;
    if let Err(error) = sessions::note(desk, who, "view", Some(&case.id)).await {
        return failed(&error);
    }
    match open(desk, case).await {
        Ok(opened) => render(desk, who, &opened, lang, status, refused),
        Err(error) => failed(&error),
    }
}

fn render(
    desk: &Desk,
    who: &SignedIn,
    opened: &Opened,
    lang: Lang,
    status: StatusCode,
    refused: Option<Refused>,
) -> Response {
    let case = &opened.case;
    let path = format!("/office/cases/{}", case.reference);
    let layout = layout(desk, lang, &path, "");
    let t = layout.t;
    let at = office::by_code(&case.office);
    let format = format_at(&desk.site, lang, at);
    let now = desk.clock.now();
    let today = at.map_or(desk.site.zone, zone_of).at(now).date();
    let keys = desk.keys.get();
    let (personal, unread) = match case.open(&keys) {
        Ok(personal) => (personal, None),
        Err(error) => (None, Some(unreadable(t, &case.reference, &error))),
    };
    let key = case.data_key(&keys);
    let refused = refused.unwrap_or_default();
    let page = CasePage {
        bar: Bar::of(t, who),
        trouble: (!refused.text.is_empty()).then_some(refused.text),
        unread,
        reason: refused.reason,
        reference: case.reference.clone(),
        office: at.map_or_else(|| case.office.clone(), office_name),
        received: format.moment(case.received_at),
        state: told::state(t, case.state),
        deadline: told::deadline(t, case.permit_expires_on, today),
        expires: case
            .permit_expires_on
            .map_or_else(|| t.get("deadline-none"), |date| format.date(date)),
        name: name(t, case, personal.as_ref()),
        others: others(&layout, opened),
        verdict: told::verdict(t, case.finding.verdict),
        sentence: told::sentence(t, &case.finding),
        overlap: told::overlap(t, format, &case.finding),
        decided: decided(t, format, case, &opened.steps),
        seen_finding: fingerprint(&case.finding),
        guidance: match case.submitted {
            Submitted::Yes => Some(t.get("case-guidance-submitted")),
            Submitted::Paid => Some(t.get("case-guidance-paid")),
            _ => None,
        },
        person: person(t, format, case, personal.as_ref()),
        attempt: attempt(
            t,
            desk.component(t, &case.component),
            case,
            personal.as_ref(),
        ),
        said: personal.and_then(|personal| personal.message),
        tries: told::tries(t, format, &case.finding.tries),
        outage: opened.outage.as_ref().map(|outage| {
            let component = desk.component(t, &outage.component);
            let href = layout.to(&format!("/outages/{}", outage.id));
            let names = opened.names.of(&outage.flow);
            told::outage(t, format, outage, names, component, now, href)
        }),
        duty: opened
            .outage
            .as_ref()
            .map(|outage| layout.to(&format!("/duty/outages/{}", outage.id))),
        failures: opened
            .failures
            .iter()
            .map(|one| failure(t, format, &opened.names, one))
            .collect(),
        gaps: words::gaps(t, format, &opened.gaps),
        shots: opened
            .shots
            .iter()
            .map(|shot| Shot {
                href: layout.to(&format!("{path}/screenshots/{}", shot.number)),
                text: t.with(
                    "case-screenshot",
                    [
                        ("n", shot.number.to_string().into()),
                        ("width", shot.width.to_string().into()),
                        ("height", shot.height.to_string().into()),
                    ],
                ),
                sha256: shot.sha256.clone(),
            })
            .collect(),
        no_shots: match case.left_out {
            Some(left_out) => Some(t.with(
                "case-pictures-left-out",
                [
                    ("count", u64::from(left_out.count).into()),
                    ("why", left_out.why.as_str().into()),
                ],
            )),
            None if opened.shots.is_empty() => Some(t.get("case-no-screenshot")),
            None => None,
        },
        steps: opened
            .steps
            .iter()
            .map(|step| step_line(t, format, case, step, &key))
            .collect(),
        next: case
            .state
            .next()
            .iter()
            .filter(|_| case.erased_at.is_none())
            .map(|to| NextStep {
                to: to.as_str(),
                button: step_words(t, *to).0,
                explained: step_words(t, *to).1,
                needs_reason: CaseState::needs_reason(*to),
            })
            .collect(),
        from: case.state.as_str(),
        action: layout.to(&format!("{path}/step")),
        rule_version: case.finding.rule_version.to_string(),
        t,
        layout,
    };
    rendered(status, &page)
}

/// The finding of the last step that gave an answer, while the case stands there.
fn decided(t: Texts, format: Format, case: &Case, steps: &[Step]) -> Option<Decided> {
    let is_decided = matches!(case.state, CaseState::Processed | CaseState::Returned);
    let step = steps.last().filter(|_| is_decided)?;
    let finding = step.finding()?;
    (!finding.says_the_same_as(&case.finding)).then(|| Decided {
        when: t.with("case-decided", [("at", format.moment(step.at).into())]),
        verdict: told::verdict(t, finding.verdict),
        sentence: told::sentence(t, &finding),
        overlap: told::overlap(t, format, &finding),
    })
}

/// Tells one finding from another; a page carries it along with a step, so that nobody decides on
/// a finding that is not the one on the screen.
pub(super) fn fingerprint(finding: &Finding) -> String {
    let text = serde_json::to_vec(finding).unwrap_or_default();
    HEXLOWER.encode(&Sha256::digest(text)[..8])
}

/// What else came of the same passport, and from the same network.
fn others(layout: &Layout<'_>, opened: &Opened) -> Vec<Note> {
    [
        ("passport", "row-more", opened.others_of_passport),
        ("network", "row-network", opened.others_from_network),
    ]
    .into_iter()
    .filter(|(_, _, count)| *count > 0)
    .map(|(list, key, count)| Note {
        text: layout.t.with(key, [("count", count.into())]),
        href: Some(layout.to(&format!("/office/?{list}={}", opened.case.reference))),
    })
    .collect()
}

/// Whose case it is, as far as that can be said.
pub(super) fn name(t: Texts, case: &Case, personal: Option<&Personal>) -> String {
    match personal {
        Some(personal) if !personal.name.is_empty() => personal.name.clone(),
        None if case.erased_at.is_some() => t.get("case-erased"),
        _ => t.get("unreadable-field"),
    }
}

/// What the pages call a column of personal data.
fn label(column: &str) -> &'static str {
    match column {
        "name" => "report-name",
        "nationality" => "report-nationality",
        "passport" => "report-passport",
        "email" => "report-email",
        "phone" => "report-phone",
        "billing" => "report-billing",
        _ => "case-said",
    }
}

fn person(
    t: Texts,
    format: Format,
    case: &Case,
    personal: Option<&Personal>,
) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| facts.push((t.get(key), value));
    if let Some(personal) = personal {
        if !personal.name.is_empty() {
            fact("report-name", personal.name.clone());
        }
        if !personal.passport_number.is_empty() {
            fact("report-passport", personal.passport_number.clone());
        }
        if let Some(nationality) = &personal.nationality {
            fact("report-nationality", nationality.clone());
        }
        if let Some(email) = &personal.email {
            fact("report-email", email.clone());
        }
        if let Some(phone) = &personal.phone {
            fact("report-phone", phone.clone());
        }
        for column in &personal.broken {
            fact(label(column), t.get("unreadable-field"));
        }
    }
    fact("case-role", told::role(t, case.role));
    fact("report-permit-type", told::permit(t, &case.permit_type));
    if let Some(arrived) = case.arrived_on {
        fact("report-arrived", format.date(arrived));
    }
    facts
}

fn attempt(
    t: Texts,
    component: String,
    case: &Case,
    personal: Option<&Personal>,
) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    let mut fact = |key: &str, value: String| facts.push((t.get(key), value));
    fact("case-component", component);
    fact("fact-tries", case.tries.to_string());
    for (checked, key) in [
        (case.checked_connection, "case-connection"),
        (case.checked_size, "case-size"),
        (case.checked_device, "case-device"),
    ] {
        let word = t.get(if checked { "yes" } else { "case-not-said" });
        fact(key, word);
    }
    let submitted = told::submitted(t, case.submitted);
    fact("case-submitted", submitted);
    if let Some(code) = personal.and_then(|personal| personal.billing_code.as_ref()) {
        fact("report-billing", code.clone());
    }
    facts
}

pub(in crate::web) fn failure(
    t: Texts,
    format: Format,
    names: &NameTable,
    one: &FailureSummary,
) -> String {
    let fault = one
        .fault
        .parse()
        .map_or_else(|_| one.fault.clone(), |fault| words::fault(t, fault));
    let natural = |number: i64| u64::try_from(number).unwrap_or(0);
    let mut line = t.with(
        "case-failure",
        [
            (
                "step",
                words::step(t, names.of(&one.flow), &one.step).into(),
            ),
            ("fault", fault.into()),
            ("times", natural(one.times).into()),
            ("vantages", natural(one.vantages).into()),
            ("from", format.day_time(one.first_at).into()),
            ("to", format.day_time(one.last_at).into()),
        ],
    );
    let mut more: Vec<String> = Vec::new();
    more.extend(one.status.map(|status| format!("HTTP {status}")));
    more.extend(one.title.as_ref().map(|title| format!("“{title}”")));
    more.extend(one.fingerprint.clone());
    if !more.is_empty() {
        line.push_str(&format!(" ({})", more.join(", ")));
    }
    line
}

fn step_line(
    t: Texts,
    format: Format,
    case: &Case,
    step: &Step,
    key: &Result<Option<DataKey>, SealError>,
) -> StepLine {
    let word = CaseState::parse(&step.to_state)
        .map_or_else(|| step.to_state.clone(), |to| told::state(t, to).word);
    StepLine {
        at: format.moment(step.at),
        at_machine: step.at.to_string(),
        text: t.with(
            "case-step",
            [("state", word.into()), ("who", step.by_whom.clone().into())],
        ),
        reason: step
            .reason(key)
            .unwrap_or_else(|error| Some(unreadable(t, &case.reference, &error))),
    }
}

/// What a step's button says, and what it does.
fn step_words(t: Texts, to: CaseState) -> (String, String) {
    let (button, explained) = match to {
        CaseState::Processed => ("step-processed", "step-processed-text"),
        CaseState::Returned => ("step-returned", "step-returned-text"),
        CaseState::InReview | CaseState::Received => ("step-in-review", "step-in-review-text"),
    };
    (t.get(button), t.get(explained))
}
