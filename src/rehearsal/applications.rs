//! The signed-in applicant's permits and applications: the list, one application after it
//! was handed in, and its withdrawal.

use askama::Template;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use subtle::ConstantTimeEq;

use super::language::Text;
use super::site::{Filled, Member, Page, Refused};
use super::world::{Application, Happening, Status};
use crate::domain::Moment;
use std::time::Duration;

/// Applications shown in the list.
const SHOWN: usize = 20;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A stay permit that the account holds.
pub(super) struct Permit {
    pub(super) register: &'static str,
    pub(super) kind: &'static str,
    pub(super) holder: &'static str,
    pub(super) nationality: &'static str,
    pub(super) passport: &'static str,
    /// Days between its start and today.
    began: u32,
    /// Days between today and its expiry.
    left: u32,
    now: Moment,
}

impl Permit {
    fn starts_on(&self) -> String {
        day(self.now - DAY * self.began)
    }

    fn issued_on(&self) -> String {
        day(self.now - DAY * self.began + DAY * 2)
    }

    fn expires_on(&self) -> String {
        day(self.now + DAY * self.left)
    }
}

/// The account's permits, as they stand today.
pub(super) fn permits(now: Moment) -> [Permit; 2] {
    let permit = |register, kind, passport, began, left| Permit {
        register,
        kind,
        holder: "ANNA MARIA SPECIMEN",
        nationality: "UTO",
        passport,
        began,
        left,
        now,
    };
    [
        permit("2C21JD0417-X", "ITAS", "L898902C3", 341, 24),
        permit("9B11AF2205-V", "VOA", "L898902C3", 19, 11),
    ]
}

/// The calendar day in western Indonesia, e.g. `2026-08-06`.
pub(super) fn day(moment: Moment) -> String {
    let wib = moment + Duration::from_secs(7 * 60 * 60);
    wib.timestamp().strftime("%Y-%m-%d").to_string()
}

/// Day and time in western Indonesia, e.g. `06.08.2026 14.00 WIB`.
pub(super) fn minute(moment: Moment) -> String {
    let wib = moment + Duration::from_secs(7 * 60 * 60);
    wib.timestamp().strftime("%d.%m.%Y %H.%M WIB").to_string()
}

#[derive(Template)]
#[template(path = "rehearsal/templates/applications.html")]
struct List {
    page: Page,
    token: String,
    permits: [Permit; 2],
    applications: Vec<Application>,
}

pub(super) async fn list(member: Member) -> Response {
    let mut page = member.page();
    if member.query.contains_key("withdrawn") {
        page.notice = Some(Text::new(
            "Permohonan telah dicabut.",
            "The application is withdrawn.",
        ));
    }
    let template = List {
        token: page.csrf.clone().unwrap_or_default(),
        page,
        permits: permits(member.site.now()),
        applications: member.site.world().newest(SHOWN),
    };
    member.ok(&template)
}

#[derive(Template)]
#[template(path = "rehearsal/templates/submitted.html")]
struct Submitted {
    page: Page,
    application: Application,
    register: String,
    mailbox: String,
}

pub(super) async fn show(member: Member, Path(id): Path<String>) -> Response {
    let found = member.site.world().application(&id).cloned();
    let Some(application) = found else {
        return member.not_found();
    };
    let Some(register) = application.register.clone() else {
        return Redirect::to(&format!("/web/extension/{id}/step_1")).into_response();
    };
    let mailbox = member.site.settings.account.0.clone();
    member.ok(&Submitted {
        page: member.page(),
        application,
        register,
        mailbox,
    })
}

#[derive(Template)]
#[template(path = "rehearsal/templates/withdraw.html")]
struct Withdraw {
    page: Page,
    token: String,
    application: Application,
}

/// Asks before it withdraws. `?confirm=` with the session's CSRF token withdraws at once:
/// a link that another site cannot make.
pub(super) async fn withdraw_form(member: Member, Path(id): Path<String>) -> Response {
    let page = member.page();
    let token = page.csrf.clone().unwrap_or_default();
    if let Some(given) = member.query.get("confirm")
        && bool::from(given.as_bytes().ct_eq(token.as_bytes()))
    {
        return take_back(&member, &id);
    }
    let found = member.site.world().application(&id).cloned();
    match found {
        Some(application) => member.ok(&Withdraw {
            page,
            token,
            application,
        }),
        None => member.not_found(),
    }
}

pub(super) async fn withdraw(
    member: Member,
    Path(id): Path<String>,
    Filled(form): Filled,
) -> Result<Response, Refused> {
    member.check(&form)?;
    Ok(take_back(&member, &id))
}

/// A draft disappears; what was handed in stays in the list as withdrawn.
fn take_back(member: &Member, id: &str) -> Response {
    let found = {
        let mut world = member.site.world();
        let status = world.application(id).map(|a| a.status);
        match status {
            None => false,
            Some(Status::Draft) => {
                world.remove(id);
                true
            }
            Some(_) => {
                if let Some(application) = world.application_mut(id) {
                    application.status = Status::Withdrawn;
                    application.note(member.site.now(), Happening::Withdrawn);
                }
                true
            }
        }
    };
    if found {
        Redirect::to("/web/applications?withdrawn=1").into_response()
    } else {
        member.not_found()
    }
}
