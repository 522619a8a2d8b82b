//! The extension form: a new draft, its three pages, the review and handing it in.

use std::collections::BTreeMap;
use std::time::Duration;

use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Kind;
use super::applications::permits;
use super::extension_form::{self as form_of, Control, Field, LAST_STEP};
use super::language::Text;
use super::site::{Filled, Member, Page, Refused, Struck};
use super::world::Application;
use crate::domain::Moment;

/// Opens a draft for one of the account's permits.
pub(super) async fn open(member: Member, Filled(form): Filled) -> Result<Response, Refused> {
    member.check(&form)?;
    let now = member.site.now();
    let wanted = form.get("permit").map_or("", String::as_str);
    let permits = permits(now);
    let Some(permit) = permits.iter().find(|permit| permit.register == wanted) else {
        return Err(member.not_found().into());
    };
    let account = member.site.settings.account.0.as_str();
    let known = [
        ("permit_type", permit.kind.to_lowercase()),
        ("full_name", permit.holder.to_owned()),
        ("passport_number", permit.passport.to_owned()),
        ("nationality", permit.nationality.to_owned()),
        ("contact_email", account.to_owned()),
    ];
    let values = known.map(|(name, value)| (name.to_owned(), value)).into();
    let id = member
        .site
        .world()
        .open_draft(now, &*member.site.random, values);
    Ok(Redirect::to(&format!("/web/extension/{id}/step_1")).into_response())
}

#[derive(Template)]
#[template(path = "rehearsal/templates/step.html")]
struct StepPage {
    page: Page,
    token: String,
    draft: String,
    step: usize,
    today: Date,
    title: Text,
    fields: &'static [Field],
    values: BTreeMap<String, String>,
    problems: BTreeMap<&'static str, Text>,
}

impl StepPage {
    fn value(&self, field: &Field) -> &str {
        self.values.get(field.name).map_or("", String::as_str)
    }

    fn problem(&self, field: &Field) -> Option<&'static str> {
        self.problems
            .get(field.name)
            .map(|text| self.page.say(text))
    }
}

fn step_page(
    member: &Member,
    draft: String,
    step: usize,
    values: BTreeMap<String, String>,
    problems: BTreeMap<&'static str, Text>,
) -> Response {
    let status = match problems.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = member.page();
    let template = StepPage {
        token: page.csrf.clone().unwrap_or_default(),
        page,
        draft,
        step,
        today: today(member.site.now()),
        title: form_of::title(step),
        fields: form_of::fields(step),
        values,
        problems,
    };
    member.render(status, &template)
}

fn step_number(text: &str) -> Option<usize> {
    let step = text.strip_prefix("step_")?.parse().ok()?;
    (1..=LAST_STEP).contains(&step).then_some(step)
}

pub(super) async fn form(member: Member, Path((id, step)): Path<(String, String)>) -> Response {
    let values = member
        .site
        .world()
        .draft_mut(&id)
        .map(|draft| draft.values.clone());
    match (step_number(&step), values) {
        (Some(step), Some(values)) => step_page(&member, id, step, values, BTreeMap::new()),
        _ => member.not_found(),
    }
}

pub(super) async fn save(
    member: Member,
    Path((id, step)): Path<(String, String)>,
    Filled(form): Filled,
) -> Result<Response, Refused> {
    member.check(&form)?;
    let Some(step) = step_number(&step) else {
        return Err(member.not_found().into());
    };
    let given: BTreeMap<String, String> = form_of::fields(step)
        .iter()
        .map(|field| {
            let value = form.get(field.name).map_or("", |value| value.trim());
            // One character too many is enough to say so.
            let value = value.chars().take(form_of::LONGEST + 1).collect();
            (field.name.to_owned(), value)
        })
        .collect();
    let problems = form_of::problems(step, &given, today(member.site.now()));
    if !problems.is_empty() {
        return Ok(step_page(&member, id, step, given, problems));
    }
    match member.site.world().draft_mut(&id) {
        Some(draft) => draft.values.extend(given),
        None => return Err(member.not_found().into()),
    }
    let next = match step {
        LAST_STEP => "documents".to_owned(),
        step => format!("step_{}", step + 1),
    };
    Ok(Redirect::to(&format!("/web/extension/{id}/{next}")).into_response())
}

/// The first page of the form that is not yet right.
fn first_open_step(application: &Application, now: Moment) -> Option<usize> {
    (1..=LAST_STEP)
        .find(|step| !form_of::problems(*step, &application.values, today(now)).is_empty())
}

fn today(now: Moment) -> Date {
    let wib = now + Duration::from_secs(7 * 60 * 60);
    wib.timestamp().to_zoned(TimeZone::UTC).date()
}

#[derive(Template)]
#[template(path = "rehearsal/templates/review.html")]
struct Review {
    page: Page,
    token: String,
    application: Application,
    refused: Option<Text>,
}

impl Review {
    fn rows(&self) -> Vec<(&'static str, String)> {
        form_of::rows(&self.application.values, self.page.language)
    }
}

/// The draft ready for review, or where the applicant has to go first.
fn ready(member: &Member, id: &str) -> Result<Application, Refused> {
    let found = member.site.world().draft_mut(id).cloned();
    let Some(draft) = found else {
        return Err(member.not_found().into());
    };
    let back_to = |page: String| {
        let to = Redirect::to(&format!("/web/extension/{id}/{page}"));
        Err(to.into_response().into())
    };
    if let Some(step) = first_open_step(&draft, member.site.now()) {
        return back_to(format!("step_{step}"));
    }
    if draft.documents.len() < super::documents::WANTED.len() {
        return back_to("documents?missing=1".to_owned());
    }
    Ok(draft)
}

fn review_page(member: &Member, application: Application, refused: Option<Text>) -> Response {
    let status = match refused {
        None => StatusCode::OK,
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = member.page();
    let token = page.csrf.clone().unwrap_or_default();
    member.render(
        status,
        &Review {
            page,
            token,
            application,
            refused,
        },
    )
}

pub(super) async fn review(member: Member, Path(id): Path<String>) -> Result<Response, Refused> {
    let draft = ready(&member, &id)?;
    Ok(review_page(&member, draft, None))
}

pub(super) async fn submit(
    member: Member,
    Path(id): Path<String>,
    struck: Option<Struck>,
    Filled(form): Filled,
) -> Result<Response, Refused> {
    member.check(&form)?;
    let draft = ready(&member, &id)?;
    if form.get("declaration").is_none_or(String::is_empty) {
        let refused = Text::new(
            "Centang pernyataan sebelum mengirim.",
            "Tick the declaration before you submit.",
        );
        return Ok(review_page(&member, draft, Some(refused)));
    }
    let site = &member.site;
    if struck.is_some_and(|struck| struck.0.contains(&Kind::DraftLost {})) {
        site.world().remove(&id);
        return Ok(Redirect::to("/web/applications").into_response());
    }
    let register = site.world().submit(&id, site.now(), &*site.random);
    match register {
        Some(_) => {
            let to = format!("/web/applications/{id}/submitted");
            Ok(Redirect::to(&to).into_response())
        }
        None => Err(member.not_found().into()),
    }
}

/// The HTML that a field's control is written in.
impl Field {
    fn input(&self) -> Option<(&'static str, &'static str)> {
        match self.control {
            Control::Line(kind, autocomplete) => Some((kind, autocomplete)),
            _ => None,
        }
    }

    fn groups(&self) -> Option<&'static [form_of::Group]> {
        match self.control {
            Control::Select(groups) => Some(groups),
            _ => None,
        }
    }

    fn radios(&self) -> Option<&'static [form_of::Choice]> {
        match self.control {
            Control::Radio(choices) => Some(choices),
            _ => None,
        }
    }
}
