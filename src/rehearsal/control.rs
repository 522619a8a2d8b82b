//! The way behind the scenes, `/_rehearsal/`: switching faults, reading the mailbox. Served
//! by the site, where no fault touches it, and by the control server, which stays up when
//! the site refuses connections.
//!
//! A page that somebody has open beside it must neither switch faults nor read mails. So it
//! answers only where it is called by its own address, and not by a name that somebody else
//! leads here, and only what its own pages send.

use std::net::IpAddr;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::applications::minute;
use super::faults::{self, Fault};
use super::site::{Filled, Site, style};

pub(super) fn router(site: Arc<Site>, listen: IpAddr) -> Router {
    let bodies = axum::extract::DefaultBodyLimit::max(64 * 1024);
    Router::new()
        .route(
            "/_rehearsal",
            get(|| async { Redirect::to("/_rehearsal/") }),
        )
        .route("/_rehearsal/", get(board))
        .route("/_rehearsal/switch", post(switch))
        .route(
            "/_rehearsal/faults",
            get(list).put(replace).post(replace).delete(clear),
        )
        .route("/_rehearsal/mailbox", get(mailbox))
        .route("/_rehearsal/mails.json", get(mails))
        .layer(bodies)
        .layer(middleware::from_fn_with_state(listen, own_only))
        .with_state(site)
}

/// Refuses what was sent to another name, or by a page of another address.
async fn own_only(State(listen): State<IpAddr>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !is_own_host(headers, listen) {
        return StatusCode::MISDIRECTED_REQUEST.into_response();
    }
    let changes = !request.method().is_safe();
    if !is_own_origin(headers) || changes && is_foreign(headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

/// Whether the one `Host` is the address that is listened on, or `localhost` where that is this
/// machine's; with any port, since it may be led here. An address cannot be led elsewhere as a
/// name can, so where all addresses are listened on, each will do.
fn is_own_host(headers: &HeaderMap, listen: IpAddr) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let host = host.to_str().unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    if name.eq_ignore_ascii_case("localhost") {
        return listen.is_loopback() || listen.is_unspecified();
    }
    let within = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let Ok(address) = within.unwrap_or(name).parse::<IpAddr>() else {
        return false;
    };
    listen.is_unspecified() || address.to_canonical() == listen.to_canonical()
}

/// Whether the `Origin`, if there is one, is that of our own pages.
fn is_own_origin(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes);
    let mut origins = headers.get_all(header::ORIGIN).iter();
    origins.all(|origin| {
        let authority = origin.as_bytes().strip_prefix(b"http://");
        authority.is_some() && authority == host
    })
}

/// The control server: what surely works, and the way behind the scenes.
pub(super) fn control_router(site: Arc<Site>, listen: IpAddr) -> Router {
    Router::new()
        .route("/generate_204", get(|| async { StatusCode::NO_CONTENT }))
        .route("/style.css", get(style))
        .route("/", get(|| async { Redirect::to("/_rehearsal/") }))
        .merge(router(site, listen))
}

fn in_force(site: &Site) -> Value {
    json!({ "faults": site.board.by_hand(), "script": site.board.by_script() })
}

async fn list(State(site): State<Arc<Site>>) -> Json<Value> {
    Json(in_force(&site))
}

async fn replace(State(site): State<Arc<Site>>, body: Bytes) -> Response {
    match faults::list_from_json(&body) {
        Ok(list) => {
            site.board.set(list);
            Json(in_force(&site)).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

async fn clear(State(site): State<Arc<Site>>) -> Json<Value> {
    site.board.clear();
    Json(in_force(&site))
}

/// Whether a page of another site made the browser send this.
fn is_foreign(headers: &HeaderMap) -> bool {
    let from = headers
        .get("sec-fetch-site")
        .and_then(|value| value.to_str().ok());
    matches!(from, Some("cross-site" | "same-site"))
}

/// A button of the page of faults: its label and the fault that it adds.
struct Button {
    label: &'static str,
    json: &'static str,
}

const BUTTONS: [Button; 28] = [
    Button {
        label: "Answer 3 s late",
        json: r#"{"kind":"late","delay_ms":3000}"#,
    },
    Button {
        label: "Refuse connections",
        json: r#"{"kind":"refuse"}"#,
    },
    Button {
        label: "Reset mid-answer",
        json: r#"{"kind":"reset"}"#,
    },
    Button {
        label: "500, branded page",
        json: r#"{"kind":"error","status":500}"#,
    },
    Button {
        label: "502, branded page",
        json: r#"{"kind":"error","status":502}"#,
    },
    Button {
        label: "503, branded page",
        json: r#"{"kind":"error","status":503}"#,
    },
    Button {
        label: "ASP.NET's yellow page",
        json: r#"{"kind":"yellow_page"}"#,
    },
    Button {
        label: "Error page with status 200",
        json: r#"{"kind":"error_with_200"}"#,
    },
    Button {
        label: "Maintenance",
        json: r#"{"kind":"maintenance"}"#,
    },
    Button {
        label: "Blank page",
        json: r#"{"kind":"blank"}"#,
    },
    Button {
        label: "Captcha wall",
        json: r#"{"kind":"captcha"}"#,
    },
    Button {
        label: "Session lost",
        json: r#"{"kind":"session_lost"}"#,
    },
    Button {
        label: "Uploads over 500 KB refused",
        json: r#"{"kind":"upload_refused","above_bytes":500000}"#,
    },
    Button {
        label: "Uploads hang at 50 %",
        json: r#"{"kind":"upload_hangs","at_percent":50}"#,
    },
    Button {
        label: "Submit loses the draft",
        json: r#"{"kind":"draft_lost"}"#,
    },
    Button {
        label: "Mail never sent",
        json: r#"{"kind":"mail_missing"}"#,
    },
    Button {
        label: "A script throws",
        json: r#"{"kind":"script"}"#,
    },
    Button {
        label: "A bundle is missing",
        json: r#"{"kind":"missing_bundle"}"#,
    },
    Button {
        label: "Endless spinner",
        json: r#"{"kind":"endless_spinner"}"#,
    },
    Button {
        label: "An alert box",
        json: r#"{"kind":"alert"}"#,
    },
    Button {
        label: "Every 3rd request fails",
        json: r#"{"kind":"error","status":500,"every":3}"#,
    },
    Button {
        label: "40 % of requests fail",
        json: r#"{"kind":"error","status":500,"percent":40}"#,
    },
    Button {
        label: "Hostile: 1 GiB page",
        json: r#"{"kind":"huge"}"#,
    },
    Button {
        label: "Hostile: endless page",
        json: r#"{"kind":"endless"}"#,
    },
    Button {
        label: "Hostile: gzip bomb",
        json: r#"{"kind":"gzip_bomb"}"#,
    },
    Button {
        label: "Hostile: a script that loops",
        json: r#"{"kind":"endless_loop"}"#,
    },
    Button {
        label: "Hostile: alert boxes for ever",
        json: r#"{"kind":"alert_loop"}"#,
    },
    Button {
        label: "Hostile: windows for ever",
        json: r#"{"kind":"window_loop"}"#,
    },
];

#[derive(Template)]
#[template(path = "rehearsal/templates/board.html")]
struct Board {
    by_hand: Vec<String>,
    by_script: Vec<String>,
    buttons: &'static [Button],
    kinds: String,
}

async fn board(State(site): State<Arc<Site>>) -> Response {
    let shown = |faults: Vec<Fault>| {
        faults
            .iter()
            .filter_map(|fault| serde_json::to_string(fault).ok())
            .collect()
    };
    render(&Board {
        by_hand: shown(site.board.by_hand()),
        by_script: shown(site.board.by_script()),
        buttons: &BUTTONS,
        kinds: faults::KINDS.join(", "),
    })
}

/// Adds the fault of a button to those in force, or clears them.
async fn switch(State(site): State<Arc<Site>>, Filled(form): Filled) -> Response {
    match form.get("fault").map(String::as_str) {
        None | Some("") => site.board.clear(),
        Some(json) => match faults::list_from_json(json.as_bytes()) {
            Ok(more) => {
                let mut faults = site.board.by_hand();
                faults.extend(
                    more.into_iter()
                        .filter(|new| !site.board.by_hand().contains(new)),
                );
                site.board.set(faults);
            }
            Err(error) => return (StatusCode::BAD_REQUEST, error).into_response(),
        },
    }
    Redirect::to("/_rehearsal/").into_response()
}

struct Shown {
    uid: u32,
    time: String,
    from: String,
    to: String,
    subject: String,
    text: String,
}

#[derive(Template)]
#[template(path = "rehearsal/templates/mailbox.html")]
struct Mailbox {
    mails: Vec<Shown>,
}

async fn mailbox(State(site): State<Arc<Site>>) -> Response {
    let shown = |kept: super::post_office::Kept| Shown {
        uid: kept.mail.uid,
        time: minute(kept.mail.received_at),
        from: kept.mail.from.clone(),
        to: kept.mail.to.clone(),
        subject: kept.mail.subject.clone(),
        text: kept.mail.text.clone(),
    };
    let mails = site
        .post_office
        .all()
        .into_iter()
        .rev()
        .map(shown)
        .collect();
    render(&Mailbox { mails })
}

async fn mails(State(site): State<Arc<Site>>) -> Json<Value> {
    let mails = site.post_office.all();
    let mails: Vec<Value> = mails
        .iter()
        .rev()
        .map(|kept| {
            let mail = &kept.mail;
            json!({
                "uid": mail.uid,
                "received_at": mail.received_at.to_string(),
                "sender": mail.sender,
                "recipients": mail.recipients,
                "from": mail.from,
                "to": mail.to,
                "subject": mail.subject,
                "text": mail.text,
            })
        })
        .collect();
    Json(json!({ "mails": mails }))
}

fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a template does not render");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
