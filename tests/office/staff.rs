//! Members of staff at their browsers.

use std::sync::Arc;

use reqwest::Response;
use siaga::cli::staff::{Account, enrol};
use siaga::domain::case::Role;
use siaga::system::SystemRandom;

use crate::reports::desk::Running;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// Someone at a browser, signed in.
pub(crate) struct Officer<'a> {
    desk: &'a Running,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

/// Adds an account with [`PASSWORD`].
pub(crate) async fn add(desk: &Running, email: &str, role: Role, office: Option<&str>) {
    let account = Account {
        email: email.to_owned(),
        role,
        office: office.map(str::to_owned),
        password: Some(PASSWORD.to_owned()),
        replace: false,
    };
    enrol(&desk.store, &desk.clock, Arc::new(SystemRandom), account)
        .await
        .unwrap();
}

/// Sends the sign-in form.
pub(crate) async fn try_sign_in(desk: &Running, email: &str, password: &str) -> Response {
    desk.client
        .post(format!("{}/en/office/sign-in", desk.url))
        .form(&[("email", email), ("password", password)])
        .send()
        .await
        .unwrap()
}

/// Signs in.
pub(crate) async fn sign_in<'a>(desk: &'a Running, email: &str) -> Officer<'a> {
    let answer = try_sign_in(desk, email, PASSWORD).await;
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let mut officer = Officer {
        desk,
        cookie,
        csrf: String::new(),
    };
    let page = officer.get("/office/").await.text().await.unwrap();
    officer.csrf = between(&page, "name=\"csrf\" value=\"", "\"").to_owned();
    officer
}

/// Adds an account and signs in.
pub(crate) async fn officer<'a>(desk: &'a Running, email: &str, office: &str) -> Officer<'a> {
    add(desk, email, Role::Officer, Some(office)).await;
    sign_in(desk, email).await
}

/// The text between two others.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before)
        .and_then(|(_, rest)| rest.split_once(after))
        .unwrap_or_else(|| panic!("no {before} in {text}"))
        .0
}

impl Officer<'_> {
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.desk
            .client
            .get(format!("{}/en{path}", self.desk.url))
            .header("cookie", &self.cookie)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn text(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        answer.text().await.unwrap()
    }

    /// Sends a form with this session's token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let mut fields = fields.to_vec();
        fields.push(("csrf", &self.csrf));
        self.desk
            .client
            .post(format!("{}/en{path}", self.desk.url))
            .header("cookie", &self.cookie)
            .form(&fields)
            .send()
            .await
            .unwrap()
    }

    pub(crate) async fn step(
        &self,
        reference: &str,
        from: &str,
        to: &str,
        reason: &str,
    ) -> Response {
        let path = format!("/office/cases/{reference}/step");
        let fields = [("from", from), ("to", to), ("reason", reason)];
        self.post(&path, &fields).await
    }
}
