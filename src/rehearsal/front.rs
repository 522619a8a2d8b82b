//! The pages that anyone may open: home, information, sign-in and tracking.

use askama::Template;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::language::Text;
use super::site::{Filled, Page, Refused, SESSION_COOKIE, Visit};
use super::world::Application;

#[derive(Template)]
#[template(path = "rehearsal/templates/home.html")]
struct Home {
    page: Page,
}

pub(super) async fn home(visit: Visit) -> Response {
    visit.ok(&Home { page: visit.page() })
}

#[derive(Template)]
#[template(path = "rehearsal/templates/info.html")]
struct Info {
    page: Page,
}

pub(super) async fn info(visit: Visit) -> Response {
    visit.ok(&Info { page: visit.page() })
}

#[derive(Template)]
#[template(path = "rehearsal/templates/requirements.html")]
struct Requirements {
    page: Page,
}

pub(super) async fn requirements(visit: Visit) -> Response {
    visit.ok(&Requirements { page: visit.page() })
}

#[derive(Template)]
#[template(path = "rehearsal/templates/help.html")]
struct Help {
    page: Page,
}

pub(super) async fn help(visit: Visit) -> Response {
    visit.ok(&Help { page: visit.page() })
}

/// What the help page shows in a frame.
#[derive(Template)]
#[template(path = "rehearsal/templates/terms.html")]
struct Terms {
    page: Page,
}

pub(super) async fn terms(visit: Visit) -> Response {
    visit.ok(&Terms { page: visit.page() })
}

pub(super) async fn robots() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (
        kind,
        "User-agent: *\nDisallow: /web/\nDisallow: /_rehearsal/\n",
    )
        .into_response()
}

#[derive(Template)]
#[template(path = "rehearsal/templates/login.html")]
struct Login {
    page: Page,
    token: String,
    email: String,
    refused: Option<Text>,
    example: (String, String),
}

fn login_page(visit: &Visit, token: String, email: &str, refused: Option<Text>) -> Login {
    Login {
        page: visit.page(),
        token,
        email: email.to_owned(),
        refused,
        example: visit.site.settings.account.clone(),
    }
}

pub(super) async fn login_form(visit: Visit) -> Response {
    if visit.signed_in() {
        return Redirect::to("/web/applications").into_response();
    }
    let site = &visit.site;
    let (key, token) = match &visit.session {
        Some((key, session)) => (key.clone(), session.csrf.clone()),
        None => {
            let mut world = site.world();
            let key = world.open_session(site.now(), &*site.random, false);
            let token = world
                .session(&key, site.now())
                .map(|s| s.csrf)
                .unwrap_or_default();
            (key, token)
        }
    };
    let mut template = login_page(&visit, token, "", None);
    if visit.query.contains_key("expired") {
        template.page.notice = Some(Text::new(
            "Sesi berakhir. Silakan masuk kembali.",
            "Your session has expired. Please sign in again.",
        ));
    }
    with_session(visit.ok(&template), &key)
}

pub(super) async fn login(visit: Visit, Filled(form): Filled) -> Result<Response, Refused> {
    visit.check(&form)?;
    let site = &visit.site;
    let given = |name: &str| form.get(name).map_or("", String::as_str);
    let (email, password) = &site.settings.account;
    if !given("email").trim().eq_ignore_ascii_case(email) || given("password") != password {
        let refused = Text::new(
            "Surel atau kata sandi salah.",
            "The e-mail address or the password is wrong.",
        );
        let token = visit
            .session
            .as_ref()
            .map(|(_, s)| s.csrf.clone())
            .unwrap_or_default();
        let template = login_page(&visit, token, given("email"), Some(refused));
        return Ok(visit.render(StatusCode::UNPROCESSABLE_ENTITY, &template));
    }
    let key = {
        let mut world = site.world();
        if let Some((before, _)) = &visit.session {
            world.close_session(before);
        }
        world.open_session(site.now(), &*site.random, true)
    };
    Ok(with_session(
        Redirect::to("/web/applications").into_response(),
        &key,
    ))
}

pub(super) async fn logout(visit: Visit, Filled(form): Filled) -> Result<Response, Refused> {
    visit.check(&form)?;
    if let Some((key, _)) = &visit.session {
        visit.site.world().close_session(key);
    }
    let gone = format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    Ok(([(header::SET_COOKIE, gone)], Redirect::to("/")).into_response())
}

fn with_session(response: Response, key: &str) -> Response {
    let cookie = format!("{SESSION_COOKIE}={key}; Path=/; HttpOnly; SameSite=Lax");
    let mut response = response;
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Template)]
#[template(path = "rehearsal/templates/track.html")]
struct Track {
    page: Page,
    register: String,
    passport: String,
    found: Option<Application>,
    missing: bool,
}

pub(super) async fn track(visit: Visit) -> Response {
    let given = |name: &str| {
        visit
            .query
            .get(name)
            .map_or("", String::as_str)
            .trim()
            .to_owned()
    };
    let (register, passport) = (given("register"), given("passport"));
    let found = visit
        .site
        .world()
        .by_register(&register, &passport)
        .cloned();
    let asked = !register.is_empty() || !passport.is_empty();
    let template = Track {
        page: visit.page(),
        missing: asked && found.is_none(),
        register,
        passport,
        found,
    };
    visit.ok(&template)
}
