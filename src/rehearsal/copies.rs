//! What an applicant takes along: the application as a page to print and as a text file.

use askama::Template;
use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::applications::minute;
use super::extension_form as form_of;
use super::site::{Member, Page};
use super::world::Application;

/// The application's number, or its id while it is a draft.
fn number(application: &Application) -> &str {
    let register = application.register.as_deref();
    register.unwrap_or(&application.id)
}

#[derive(Template)]
#[template(path = "rehearsal/templates/print.html")]
struct Print {
    page: Page,
    application: Application,
}

impl Print {
    fn number(&self) -> &str {
        number(&self.application)
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        form_of::rows(&self.application.values, self.page.language)
    }
}

pub(super) async fn print(member: Member, Path(id): Path<String>) -> Response {
    let found = member.site.world().application(&id).cloned();
    match found {
        Some(application) => member.ok(&Print {
            page: member.page(),
            application,
        }),
        None => member.not_found(),
    }
}

/// The application as a file to keep, UTF-8 text.
pub(super) async fn download(member: Member, Path(id): Path<String>) -> Response {
    let found = member.site.world().application(&id).cloned();
    let Some(application) = found else {
        return member.not_found();
    };
    let page = member.page();
    let mut lines = vec![
        page.t(
            "LATIHAN: bukan dokumen pemerintah",
            "REHEARSAL: not a government document",
        )
        .to_owned(),
        String::new(),
        format!(
            "{}: {}",
            page.t("Permohonan", "Application"),
            number(&application)
        ),
        format!("Status: {}", page.status(&application)),
        format!(
            "{}: {}",
            page.t("Dibuat", "Begun"),
            minute(application.created_at)
        ),
        String::new(),
    ];
    let rows = form_of::rows(&application.values, member.language);
    lines.extend(
        rows.iter()
            .map(|(label, value)| format!("{label}: {value}")),
    );
    let text = lines.join("\r\n") + "\r\n";
    let name = format!("attachment; filename=\"{}.txt\"", number(&application));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}
