//! Members of staff at their browsers.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Response;
use siaga::cli::staff::{Account, Accounts};
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
    accounts(desk).enrol(account).await.unwrap();
}

/// The accounts as the command line changes them.
pub(crate) fn accounts(desk: &Running) -> Accounts {
    Accounts {
        store: desk.store.clone(),
        clock: desk.clock.shared(),
        random: Arc::new(SystemRandom),
        audit: desk.desk.audit(),
    }
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

/// A browser at an address, with the cookies that it was given.
pub(crate) struct Browser<'a> {
    desk: &'a Running,
    pub(crate) from: String,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    /// A new one, without cookies.
    pub(crate) fn at(desk: &'a Running, from: &str) -> Self {
        Browser {
            desk,
            from: from.to_owned(),
            cookies: BTreeMap::new(),
        }
    }

    pub(crate) fn cookie(&self) -> String {
        let pairs = self.cookies.iter();
        let pairs: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join("; ")
    }

    fn keep(&mut self, answer: &Response) {
        for line in answer.headers().get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            match line.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
    }

    /// Sends the sign-in form.
    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Response {
        let form = [("email", email), ("password", password)];
        self.post("/office/sign-in", &form).await
    }

    /// Sends a form as it is.
    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Response {
        let request = self.desk.client.post(format!("{}/en{path}", self.desk.url));
        self.send(request.form(form)).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let request = self.desk.client.get(format!("{}/en{path}", self.desk.url));
        self.send(request).await
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let request = request
            .header("x-forwarded-for", &self.from)
            .header("cookie", self.cookie());
        let answer = request.send().await.unwrap();
        self.keep(&answer);
        answer
    }
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
        self.get_in("en", path).await
    }

    pub(crate) async fn get_in(&self, language: &str, path: &str) -> Response {
        self.desk
            .client
            .get(format!("{}/{language}{path}", self.desk.url))
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
