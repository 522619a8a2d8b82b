//! A chromedriver, and a real browser as wide as a telephone, driven over WebDriver. Each ends
//! with its value.

use std::process::{Command, Stdio};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

use super::processes::{Group, SOON, client, free_port};
use super::{eventually, folder};

/// The key of an element's id in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A chromedriver in a home of its own. It ends with the value, and its browsers with it.
pub(crate) struct Driver {
    _processes: Group,
    /// Where it listens, without a slash at the end.
    pub(crate) url: String,
    home: tempfile::TempDir,
}

impl Driver {
    /// Starts one on a free port, and waits until it is ready.
    pub(crate) async fn start() -> Driver {
        let (port, home) = (free_port(), folder());
        let mut command = Command::new("chromedriver");
        command
            .arg(format!("--port={port}"))
            .env("TMPDIR", home.path())
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let processes = Group::start(&mut command);
        let url = format!("http://127.0.0.1:{port}");
        let (driver, client) = (
            Driver {
                _processes: processes,
                url,
                home,
            },
            client(),
        );
        eventually("chromedriver is ready", SOON, || async {
            let asked = client.get(format!("{}/status", driver.url)).send();
            asked.await.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        driver
    }
}

/// A browser of 360 pixels' width.
pub(crate) struct Browser {
    session: String,
    client: Client,
    _driver: Driver,
}

impl Browser {
    /// Starts one with an empty profile.
    pub(crate) async fn start() -> Browser {
        let driver = Driver::start().await;
        let profile = driver.home.path().join("profile");
        let arguments = [
            "--headless=new".to_owned(),
            // Containers and root have no sandbox; the pages are our own.
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": {
                "args": arguments,
                "mobileEmulation": { "deviceMetrics": {
                    "width": 360, "height": 740, "pixelRatio": 2.0, "mobile": true, "touch": true
                } },
            },
        } } });
        let mut browser = Browser {
            session: driver.url.clone(),
            client: client(),
            _driver: driver,
        };
        let answer = browser.post("/session", &capabilities).await;
        let id = answer["sessionId"].as_str().expect("a session");
        browser.session.push_str(&format!("/session/{id}"));
        browser
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.command(path, Some(body)).await;
        answer.unwrap_or_else(|error| panic!("{path} {body}: {error}"))
    }

    /// Sends a command of WebDriver, with its path below the session: a POST of this body, or
    /// a GET. Gives a refusal as it came.
    pub(crate) async fn command(&self, path: &str, body: Option<&Value>) -> Result<Value, Value> {
        let url = format!("{}{path}", self.session);
        let request = match body {
            Some(body) => self.client.post(url).json(body),
            None => self.client.get(url),
        };
        let sent = request.timeout(Duration::from_secs(60)).send();
        let mut answer: Value = sent
            .await
            .expect("chromedriver answers")
            .json()
            .await
            .expect("JSON");
        let value = answer["value"].take();
        match value["error"].is_null() {
            true => Ok(value),
            false => Err(value),
        }
    }

    /// Sends a command of the DevTools protocol.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("/goog/cdp/execute", &body).await
    }

    /// Opens an address.
    pub(crate) async fn goto(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    /// Runs the body of a function in the page, and gives what it returns.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
            .await
    }

    /// Where it is.
    pub(crate) async fn url(&self) -> String {
        let url = self.script("return location.href").await;
        url.as_str().expect("an address").to_owned()
    }

    /// What is to be read on the page.
    pub(crate) async fn text(&self) -> String {
        let text = self.script("return document.body.innerText").await;
        text.as_str().expect("a text").to_owned()
    }

    async fn element(&self, css: &str) -> String {
        let found = self
            .post(
                "/element",
                &json!({ "using": "css selector", "value": css }),
            )
            .await;
        let id = found[ELEMENT].as_str().expect("an element");
        format!("/element/{id}")
    }

    /// Clicks the first element of these.
    pub(crate) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.post(&format!("{element}/click"), &json!({})).await;
    }

    /// Types into a field; into a field for files, the file's path.
    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.post(&format!("{element}/value"), &json!({ "text": text }))
            .await;
    }

    /// Clicks what leads to another page, and waits for it.
    pub(crate) async fn follow(&self, css: &str) {
        self.script("window.isBefore = true").await;
        self.click(css).await;
        eventually("another page comes", SOON, || async {
            let ready = "return !window.isBefore && document.readyState === 'complete'";
            self.script(ready).await == json!(true)
        })
        .await;
    }

    /// What the console said since the last time that was asked, warnings and errors.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let lines = self.post("/se/log", &json!({ "type": "browser" })).await;
        let lines = lines.as_array().expect("lines");
        lines
            .iter()
            .filter(|line| line["level"] == "SEVERE" || line["level"] == "WARNING")
            .map(|line| line["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}
