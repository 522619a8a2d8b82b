//! The form for people, without JavaScript. What was typed comes back with every answer
//! that is not a yes; files do not, and it says so.

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{Request, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use data_encoding::HEXLOWER;

use super::ReportsState;
use super::intake::{self, Intake, Wrong};
use super::keep::{self, Acknowledged, FORM_KEY, NotKept};
use super::told;
use crate::domain::report::{MOST_TRIES_LISTED, PERMIT_TYPES, Role, Submitted};
use crate::domain::{office, random};
use crate::web::client::Client;
use crate::web::format::{Format, Zone};
use crate::web::lang::Lang;
use crate::web::layout::{Layout, address};
use crate::web::texts::Texts;

/// Fields for times of tries in the form; who tried more often says how often.
const TIMES_ASKED: usize = 3;

/// Every field in the order of the form, for the summary of errors.
const FIELDS: [&str; 20] = [
    "role",
    "name",
    "nationality",
    "passport_number",
    "email",
    "phone",
    "permit_type",
    "permit_expires_on",
    "arrived_on",
    "office",
    "component",
    "tried_at",
    "tries",
    "message",
    "checked",
    "submitted",
    "billing_code",
    "screenshot",
    "consent",
    "other",
];

#[derive(Template)]
#[template(path = "web/reports/form.html")]
struct FormPage<'a> {
    layout: Layout<'a>,
    t: Texts,
    action: String,
    form_key: String,
    /// What happened to the form as a whole.
    trouble: Option<String>,
    intake: &'a Intake,
    wrong: Vec<Shown>,
    roles: Vec<Choice>,
    permits: Vec<Choice>,
    components: Vec<Choice>,
    submitted: Vec<Choice>,
    checked: Vec<Choice>,
    provinces: Vec<Province>,
    times: Vec<Time>,
    latest: String,
    files_lost: bool,
    files_hint: String,
    keep_hint: String,
    page_title: String,
}

/// A message beside a field and in the summary.
struct Shown {
    field: &'static str,
    message: String,
}

struct Choice {
    value: String,
    text: String,
    chosen: bool,
}

/// A field for the time of a try.
struct Time {
    label: String,
    value: String,
}

struct Province {
    name: &'static str,
    offices: Vec<Choice>,
}

impl FormPage<'_> {
    fn value(&self, field: &str) -> &str {
        self.intake.value(field).unwrap_or_default()
    }

    /// The first message for a field.
    fn message(&self, field: &str) -> Option<&str> {
        self.wrong
            .iter()
            .find(|one| one.field == field)
            .map(|one| one.message.as_str())
    }

    fn is_wrong(&self, field: &str) -> bool {
        self.message(field).is_some()
    }

    fn consent_given(&self) -> bool {
        !self.value("consent").is_empty()
    }
}

/// What is wrong with a field, in a sentence that says what to do.
pub(super) fn message(t: Texts, wrong: &Wrong) -> String {
    let key = match (wrong.field.as_str(), wrong.problem) {
        ("role", "missing") => "wrong-role-missing",
        ("name", "missing") => "wrong-name-missing",
        ("passport_number", "missing") => "wrong-passport-missing",
        ("permit_type", "missing") => "wrong-permit-missing",
        ("office", "missing") => "wrong-office-missing",
        ("component", "missing") => "wrong-component-missing",
        ("tried_at", "missing") => "wrong-tried-missing",
        ("tried_at", "too_many") => {
            let most = u64::try_from(MOST_TRIES_LISTED).unwrap_or(20);
            return t.with("wrong-tried-too-many", [("most", most.into())]);
        }
        ("screenshot", "too_large") => "wrong-screenshot-too-large",
        ("screenshot", "too_many") => "wrong-screenshot-too-many",
        (_, "missing") => "wrong-missing",
        (_, "too_long" | "too_large") => "wrong-too-long",
        (_, "not_a_choice") => "wrong-not-a-choice",
        (_, "not_a_date") => "wrong-not-a-date",
        (_, "not_a_time") => "wrong-not-a-time",
        (_, "in_future") => "wrong-in-future",
        (_, "too_long_ago") => "wrong-too-long-ago",
        (_, "not_a_number") => "wrong-not-a-number",
        (_, "not_an_email") => "wrong-not-an-email",
        (_, "not_a_phone") => "wrong-not-a-phone",
        (_, "not_a_passport") => "wrong-not-a-passport",
        (_, "not_a_billing_code") => "wrong-not-a-billing-code",
        (_, "no_contact") => "wrong-no-contact",
        (_, "no_consent") => "wrong-no-consent",
        (_, "not_a_picture") => "wrong-not-a-picture",
        (_, "too_many_pixels") => "wrong-too-many-pixels",
        (_, "not_in_json") => "wrong-not-in-json",
        _ => "wrong-other",
    };
    t.get(key)
}

/// Where the receipt of a report is; `new` shows the word of thanks once.
pub(super) fn receipt_address(lang: Lang, done: &Acknowledged, new: bool) -> String {
    let path = format!("/receipts/{}?key={}", done.reference, done.secret);
    let path = if new { format!("{path}&sent=1") } else { path };
    address(lang, &path)
}

/// `GET /report`. `?component=` and `?office=` choose for the reader.
pub(super) async fn show(
    State(state): State<ReportsState>,
    lang: Lang,
    request: Request<Body>,
) -> Response {
    let mut intake = Intake::default();
    let query = request.uri().query().unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()).take(20) {
        if matches!(&*name, "component" | "office") && value.len() <= 100 {
            intake.fields.push((name.into_owned(), value.into_owned()));
        }
    }
    page(&state, lang, &intake, StatusCode::OK, None)
}

/// `POST /report`.
pub(super) async fn take(
    State(state): State<ReportsState>,
    client: Client,
    lang: Lang,
    request: Request<Body>,
) -> Response {
    let t = Texts::of(lang);
    let mut intake = intake::read(&state, client, request, false).await;
    if let Some(refusal) = intake.refusal {
        let trouble = t.get(refusal.key());
        let mut response = page(&state, lang, &intake, refusal.status(), Some(trouble));
        if let Some(seconds) = refusal.retry_after() {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        return response;
    }
    let key = intake
        .value(FORM_KEY)
        .filter(|key| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit()))
        .map(|key| format!("form:{key}"));
    let had_pictures = !intake.pictures.is_empty();
    let (status, trouble) = match keep::keep(&state, &mut intake, key, lang, client).await {
        Ok(done) => return Redirect::to(&receipt_address(lang, &done, true)).into_response(),
        Err(NotKept::Wrong(wrong)) => {
            intake.wrong = wrong;
            (StatusCode::UNPROCESSABLE_ENTITY, None)
        }
        Err(NotKept::KeyUsed) => {
            intake.fields.retain(|(name, _)| name != FORM_KEY);
            (StatusCode::CONFLICT, Some(t.get("form-key-used")))
        }
        Err(NotKept::Storage) => (
            StatusCode::SERVICE_UNAVAILABLE,
            Some(t.get("refused-storage")),
        ),
    };
    // Only for the word that files must be chosen again.
    intake.pictures = if had_pictures {
        vec![Vec::new()]
    } else {
        Vec::new()
    };
    let mut response = page(&state, lang, &intake, status, trouble);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, 30.into());
    }
    response
}

fn page(
    state: &ReportsState,
    lang: Lang,
    intake: &Intake,
    status: StatusCode,
    trouble: Option<String>,
) -> Response {
    let desk = &state.desk;
    let layout = Layout::new(&desk.site, lang, "/report");
    let t = layout.t;
    let format = Format::new(lang, desk.site.zone);
    let choices = |field: &str, values: Vec<(String, String)>| -> Vec<Choice> {
        let given: Vec<&str> = intake
            .fields
            .iter()
            .filter(|(name, _)| name == field)
            .map(|(_, value)| value.as_str())
            .collect();
        values
            .into_iter()
            .map(|(value, text)| Choice {
                chosen: given.contains(&value.as_str()),
                value,
                text,
            })
            .collect()
    };
    let components = desk
        .site
        .components
        .iter()
        .map(|one| (one.id.to_string(), desk.component(t, &one.id)))
        .collect();
    let mut provinces: Vec<Province> = Vec::new();
    for one in office::all() {
        let choice = choices(
            "office",
            vec![(one.code.clone(), format!("{} — {}", one.name, one.seat))],
        );
        match provinces.last_mut() {
            Some(last) if last.name == one.province => last.offices.extend(choice),
            _ => provinces.push(Province {
                name: &one.province,
                offices: choice,
            }),
        }
    }
    let mut times: Vec<String> = intake
        .fields
        .iter()
        .filter(|(name, _)| name == "tried_at")
        .map(|(_, value)| value.clone())
        .filter(|value| !value.is_empty())
        .take(MOST_TRIES_LISTED)
        .collect();
    times.resize(times.len().max(TIMES_ASKED), String::new());
    let times = (1..)
        .zip(times)
        .map(|(n, value): (usize, String)| Time {
            label: t.with("report-tried-at-nth", [("n", n.to_string().into())]),
            value,
        })
        .collect();
    let wrong: Vec<Shown> = FIELDS
        .iter()
        .flat_map(|field| {
            intake
                .wrong
                .iter()
                .filter(|one| {
                    one.field == *field
                        || (*field == "other" && !FIELDS.contains(&one.field.as_str()))
                })
                .map(|one| Shown {
                    field,
                    message: message(t, one),
                })
        })
        .collect();
    let title = t.get("report-title");
    let template = FormPage {
        action: layout.to("/report"),
        form_key: intake
            .value(FORM_KEY)
            .filter(|key| key.len() == 32)
            .map_or_else(
                || HEXLOWER.encode(&random::bytes::<16>(&*desk.random)),
                str::to_owned,
            ),
        page_title: if trouble.is_some() || !wrong.is_empty() {
            t.with("report-title-wrong", [("title", title.into())])
        } else {
            title
        },
        trouble,
        roles: choices(
            "role",
            Role::ALL
                .iter()
                .map(|role| (role.as_str().to_owned(), told::role(t, *role)))
                .collect(),
        ),
        permits: choices(
            "permit_type",
            PERMIT_TYPES
                .iter()
                .map(|kind| ((*kind).to_owned(), told::permit(t, kind)))
                .collect(),
        ),
        components: choices("component", components),
        submitted: choices(
            "submitted",
            Submitted::ALL
                .iter()
                .map(|how| (how.as_str().to_owned(), told::submitted(t, *how)))
                .collect(),
        ),
        checked: choices(
            "checked",
            [
                ("connection", "checked-connection"),
                ("size", "checked-size"),
                ("device", "checked-device"),
            ]
            .map(|(value, key)| (value.to_owned(), t.get(key)))
            .to_vec(),
        ),
        provinces,
        times,
        // Times are those of the office that is yet to be chosen: none is further ahead.
        latest: Zone::Wit
            .at(desk.clock.now())
            .strftime("%Y-%m-%dT%H:%M")
            .to_string(),
        files_lost: !intake.pictures.is_empty() || wrong.iter().any(|w| w.field == "screenshot"),
        files_hint: t.with(
            "report-screenshot-hint",
            [
                ("count", state.settings.max_screenshots.to_string().into()),
                (
                    "size",
                    format
                        .size(u64::try_from(state.settings.max_screenshot).unwrap_or(0))
                        .into(),
                ),
            ],
        ),
        keep_hint: t.with(
            "report-consent-keep",
            [(
                "days",
                (state.settings.keep_for.as_secs() / 86_400)
                    .to_string()
                    .into(),
            )],
        ),
        wrong,
        intake,
        t,
        layout,
    };
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the form could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
