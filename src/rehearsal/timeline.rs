//! What became of one application: the page that the script draws, and the data that it
//! draws from.

use askama::Template;
use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::applications::minute;
use super::documents::WANTED;
use super::language::{Language, Text};
use super::site::{Member, Page, no_data};
use super::world::{Application, Happening};
use crate::domain::Moment;

#[derive(Template)]
#[template(path = "rehearsal/templates/timeline.html")]
struct Shell {
    page: Page,
    application: Application,
}

pub(super) async fn page(member: Member, Path(id): Path<String>) -> Response {
    let found = member.site.world().application(&id).cloned();
    match found {
        Some(application) => member.ok(&Shell {
            page: member.page(),
            application,
        }),
        None => member.not_found(),
    }
}

pub(super) async fn events(member: Member, Path(id): Path<String>) -> Response {
    let found = member.site.world().application(&id).cloned();
    let Some(application) = found else {
        return no_data();
    };
    let language = member.language;
    let events: Vec<Value> = application
        .history
        .iter()
        .map(|(at, happening)| event(*at, happening, language))
        .collect();
    Json(json!({
        "register": application.register,
        "status": application.status.key(),
        "status_text": application.status.text().within(language),
        "events": events,
    }))
    .into_response()
}

fn event(at: Moment, happening: &Happening, language: Language) -> Value {
    let (kind, text) = words(happening, language);
    json!({ "at": at.to_string(), "shown": minute(at), "kind": kind, "text": text })
}

/// A happening's key, and what a person reads.
fn words(happening: &Happening, language: Language) -> (&'static str, String) {
    let plain = |id, en| Text::new(id, en).within(language).to_owned();
    match happening {
        Happening::Begun => ("begun", plain("Permohonan dibuat.", "Application begun.")),
        Happening::Received(name) => {
            let wanted = WANTED.iter().find(|wanted| wanted.name == *name);
            let label = wanted.map_or("", |wanted| wanted.label.within(language));
            let received = plain("Dokumen diterima", "Document received");
            ("received", format!("{received}: {label}."))
        }
        Happening::HandedIn => (
            "submitted",
            plain("Permohonan dikirim.", "Application submitted."),
        ),
        Happening::Verified => (
            "verified",
            plain(
                "Diverifikasi petugas; kode billing diterbitkan.",
                "Verified by an officer; billing code issued.",
            ),
        ),
        Happening::Withdrawn => (
            "withdrawn",
            plain("Permohonan dicabut.", "Application withdrawn."),
        ),
    }
}
