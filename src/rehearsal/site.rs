//! What every page of the site shares: the visitor (language, session, CSRF token), how a
//! page is rendered, how a visitor is turned away, and the table of addresses.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use askama::Template;
use axum::body::Bytes;
use axum::extract::{
    DefaultBodyLimit, FromRequest, FromRequestParts, OptionalFromRequestParts, Request,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_extra::extract::CookieJar;
use serde_json::json;
use tokio::sync::Semaphore;

use super::fault_board::FaultBoard;
use super::language::{Language, Text};
use super::post_office::PostOffice;
use super::world::{Application, Session, World};
use super::{
    Settings, applications, assets, control, copies, documents, extension, faulty, front, timeline,
};
use crate::domain::{Clock, Moment, Random};

pub(super) const SESSION_COOKIE: &str = "rehearsal_session";
const LANGUAGE_COOKIE: &str = "rehearsal_lang";

/// Large requests read at once.
const LARGE_BODIES: usize = 32;

/// All that handlers share.
pub(super) struct Site {
    pub(super) settings: Settings,
    world: Mutex<World>,
    pub(super) board: Arc<FaultBoard>,
    pub(super) post_office: Arc<PostOffice>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    /// Slots for reading large requests, so that uploads cannot fill the memory.
    pub(super) large_bodies: Semaphore,
}

impl Site {
    pub(super) fn new(
        settings: Settings,
        board: Arc<FaultBoard>,
        post_office: Arc<PostOffice>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Site {
            settings,
            world: Mutex::default(),
            board,
            post_office,
            clock,
            random,
            large_bodies: Semaphore::new(LARGE_BODIES),
        }
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Moment {
        self.clock.now()
    }
}

/// The site's own addresses, with the faults in front of them.
pub(super) fn router(site: Arc<Site>, listen: IpAddr) -> Router {
    Router::new()
        .route("/", get(front::home))
        .route("/front/info", get(front::info))
        .route("/front/requirements", get(front::requirements))
        .route("/front/help", get(front::help))
        .route("/front/terms", get(front::terms))
        .route("/front/login", get(front::login_form).post(front::login))
        .route("/front/logout", post(front::logout))
        .route("/track", get(front::track))
        .route("/robots.txt", get(front::robots))
        .route("/style.css", get(style))
        .route("/assets/{name}", get(assets::serve))
        .route("/web", get(|| async { Redirect::to("/web/applications") }))
        .route("/web/applications", get(applications::list))
        .route("/web/applications/{id}", get(applications::show))
        .route("/web/applications/{id}/submitted", get(applications::show))
        .route(
            "/web/applications/{id}/withdraw",
            get(applications::withdraw_form).post(applications::withdraw),
        )
        .route("/web/applications/{id}/timeline", get(timeline::page))
        .route("/web/applications/{id}/events.json", get(timeline::events))
        .route("/web/applications/{id}/print", get(copies::print))
        .route(
            "/web/applications/{id}/application.txt",
            get(copies::download),
        )
        .route("/web/extension", post(extension::open))
        .route(
            "/web/extension/{id}/review",
            get(extension::review).post(extension::submit),
        )
        .route(
            "/web/extension/{id}/documents",
            get(documents::form).post(documents::take_in),
        )
        .route("/web/extension/{id}/documents.json", get(documents::rules))
        .route(
            "/web/extension/{id}/{step}",
            get(extension::form).post(extension::save),
        )
        .fallback(|visit: Visit| async move { visit.not_found() })
        // `faulty::meddle` has read the body, within its own limit.
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn_with_state(
            Arc::clone(&site),
            faulty::meddle,
        ))
        .with_state(Arc::clone(&site))
        .merge(control::router(site, listen))
}

pub(super) async fn style() -> Response {
    let kind = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=600"),
    ];
    (kind, include_str!("templates/style.css")).into_response()
}

/// What the frame around every page needs.
pub(super) struct Page {
    pub(super) language: Language,
    /// Present for whoever is signed in.
    pub(super) csrf: Option<String>,
    path: String,
    pub(super) notice: Option<Text>,
}

impl Page {
    /// Whichever of the two texts the visitor reads.
    pub(super) fn t<'a>(&self, indonesian: &'a str, english: &'a str) -> &'a str {
        match self.language {
            Language::Indonesian => indonesian,
            Language::English => english,
        }
    }

    pub(super) fn say(&self, text: &Text) -> &'static str {
        text.within(self.language)
    }

    /// The words that the page's script shows, as JSON.
    pub(super) fn words(&self) -> &'static str {
        assets::words(self.language)
    }

    /// Where the page's script is.
    pub(super) fn script(&self) -> &'static str {
        assets::address()
    }

    /// Where an application stands, in words.
    pub(super) fn status(&self, application: &Application) -> &'static str {
        application.status.text().within(self.language)
    }

    /// The page's own address in the other language.
    pub(super) fn other(&self) -> String {
        format!("{}?lang={}", self.path, self.t("en", "id"))
    }
}

/// One visitor's request: which language, which session.
pub(super) struct Visit {
    pub(super) site: Arc<Site>,
    pub(super) language: Language,
    chose_language: bool,
    path: String,
    /// Whether a session's cookie came along, alive or not.
    pub(super) had_session: bool,
    pub(super) session: Option<(String, Session)>,
    pub(super) query: Fields,
}

/// The fields of a query or a form by name; of several with one name the last.
pub(super) type Fields = BTreeMap<String, String>;

/// Fields of a query or a form that are looked at.
const FIELDS: usize = 100;

fn fields(encoded: &[u8]) -> Fields {
    url::form_urlencoded::parse(encoded)
        .into_owned()
        .take(FIELDS)
        .collect()
}

/// The fields of a form that was sent; none where it is no such form.
pub(super) struct Filled(pub(super) Fields);

impl FromRequest<Arc<Site>> for Filled {
    type Rejection = std::convert::Infallible;
    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Self::Rejection> {
        let bytes = Bytes::from_request(request, site).await.unwrap_or_default();
        Ok(Filled(fields(&bytes)))
    }
}

impl Visit {
    pub(super) fn read(parts: &Parts, site: &Arc<Site>) -> Self {
        let cookies = CookieJar::from_headers(&parts.headers);
        let query = fields(parts.uri.query().unwrap_or_default().as_bytes());
        let asked = query.get("lang").and_then(|tag| Language::parse(tag));
        let kept = || {
            cookies
                .get(LANGUAGE_COOKIE)
                .and_then(|c| Language::parse(c.value()))
        };
        let key = cookies
            .get(SESSION_COOKIE)
            .map(|cookie| cookie.value().to_owned());
        let session = key.clone().and_then(|key| {
            let session = site.world().session(&key, site.now())?;
            Some((key, session))
        });
        Visit {
            site: Arc::clone(site),
            language: asked.or_else(kept).unwrap_or(Language::Indonesian),
            chose_language: asked.is_some(),
            path: parts.uri.path().to_owned(),
            had_session: key.is_some(),
            session,
            query,
        }
    }

    pub(super) fn signed_in(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|(_, session)| session.signed_in)
    }

    pub(super) fn page(&self) -> Page {
        let session = self.session.as_ref().map(|(_, session)| session);
        Page {
            language: self.language,
            csrf: session.filter(|s| s.signed_in).map(|s| s.csrf.clone()),
            path: self.path.clone(),
            notice: None,
        }
    }

    pub(super) fn render(&self, status: StatusCode, template: &impl Template) -> Response {
        let mut response = match template.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, "a template does not render");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            "x-content-type-options",
            HeaderValue::from_static("nosniff"),
        );
        headers.insert(
            header::CONTENT_LANGUAGE,
            HeaderValue::from_static(self.language.tag()),
        );
        if self.chose_language {
            let cookie = format!(
                "{LANGUAGE_COOKIE}={}; Path=/; SameSite=Lax",
                self.language.tag()
            );
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
        }
        response
    }

    pub(super) fn ok(&self, template: &impl Template) -> Response {
        self.render(StatusCode::OK, template)
    }

    /// The branded error page.
    pub(super) fn error(&self, status: StatusCode, words: &ErrorWords) -> Response {
        let template = ErrorPage {
            page: self.page(),
            code: status.as_u16(),
            words,
        };
        self.render(status, &template)
    }

    pub(super) fn not_found(&self) -> Response {
        self.error(StatusCode::NOT_FOUND, &NOT_FOUND)
    }

    /// Checks a form's token.
    pub(super) fn check(&self, form: &Fields) -> Result<(), Refused> {
        let right = self
            .session
            .as_ref()
            .map(|(_, session)| session.csrf.as_str());
        if right.is_some() && form.get("csrf").map(String::as_str) == right {
            return Ok(());
        }
        Err(self.error(StatusCode::FORBIDDEN, &WRONG_TOKEN).into())
    }
}

impl FromRequestParts<Arc<Site>> for Visit {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(
        parts: &mut Parts,
        site: &Arc<Site>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Visit::read(parts, site))
    }
}

/// The answer to a request for data of something that is not there.
pub(super) fn no_data() -> Response {
    let error = Json(json!({ "error": "there is no such application" }));
    (StatusCode::NOT_FOUND, error).into_response()
}

/// A visitor who is signed in; others are sent to the sign-in page. Whoever asked for data
/// is told where it is.
pub(super) struct Member(pub(super) Visit);

impl std::ops::Deref for Member {
    type Target = Visit;
    fn deref(&self) -> &Visit {
        &self.0
    }
}

impl FromRequestParts<Arc<Site>> for Member {
    type Rejection = Response;
    async fn from_request_parts(
        parts: &mut Parts,
        site: &Arc<Site>,
    ) -> Result<Self, Self::Rejection> {
        let visit = Visit::read(parts, site);
        if visit.signed_in() {
            return Ok(Member(visit));
        }
        let sign_in = match visit.had_session {
            true => "/front/login?expired=1",
            false => "/front/login",
        };
        if visit.path.ends_with(".json") {
            let told = Json(json!({ "error": "sign in first", "sign_in": sign_in }));
            return Err((StatusCode::UNAUTHORIZED, told).into_response());
        }
        Err(Redirect::to(sign_in).into_response())
    }
}

/// The faults that struck this request and that its handler acts out.
#[derive(Clone, Default)]
pub(super) struct Struck(pub(super) Vec<super::Kind>);

impl OptionalFromRequestParts<Arc<Site>> for Struck {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(
        parts: &mut Parts,
        _: &Arc<Site>,
    ) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get::<Struck>().cloned())
    }
}

/// An answer that turns the visitor away.
pub(super) struct Refused(Box<Response>);

impl From<Response> for Refused {
    fn from(response: Response) -> Self {
        Refused(Box::new(response))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// What an error page says.
pub(super) struct ErrorWords {
    /// In capitals beside the code.
    pub(super) label: Text,
    pub(super) title: Text,
    pub(super) body: Text,
}

#[derive(Template)]
#[template(path = "rehearsal/templates/error.html")]
pub(super) struct ErrorPage<'a> {
    pub(super) page: Page,
    pub(super) code: u16,
    pub(super) words: &'a ErrorWords,
}

const NOT_FOUND: ErrorWords = ErrorWords {
    label: Text::new("HALAMAN TIDAK DITEMUKAN", "PAGE NOT FOUND"),
    title: Text::new(
        "Maaf, Halaman Tidak Ditemukan",
        "Sorry, This Page Was Not Found",
    ),
    body: Text::new(
        "Halaman atau permohonan yang Anda cari tidak ada, sudah dicabut, atau telah dihapus.",
        "The page or application you are looking for does not exist, was withdrawn, or was removed.",
    ),
};

const WRONG_TOKEN: ErrorWords = ErrorWords {
    label: Text::new("AKSES DITOLAK", "ACCESS DENIED"),
    title: Text::new("Formulir Tidak Sah", "This Form Is Not Valid"),
    body: Text::new(
        "Token formulir tidak cocok dengan sesi Anda. Muat ulang halaman dan kirim kembali.",
        "The form's token does not match your session. Reload the page and send it again.",
    ),
};
