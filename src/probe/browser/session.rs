//! One WebDriver session.
//!
//! Owns: a limit of time on every command, and what a command's failure means: the page's,
//! or ours. Must not know what the commands are for.

use std::fmt;
use std::time::Duration;

use fantoccini::actions::{
    InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
};
use fantoccini::cookies::Cookie;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::{TimeoutConfiguration, WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, ClientBuilder};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;
use url::Url;

use super::BrowserError;
use super::bounded::Bounded;
use super::capabilities::LANGUAGES;

/// How long ending a session that others run may take.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How much longer than its own limit a command may take before the driver counts as gone.
const GRACE: Duration = Duration::from_secs(5);
/// How long a driver or a browser may take to say that it is there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// The advice of chromedriver to those who run it themselves.
const LOOK_INTO_THE_LOG: &str = ". Examine ChromeDriver verbose log to determine the cause.";

/// Why a command was not carried out.
#[derive(Clone, Debug)]
pub enum CommandError {
    /// The browser or its driver is gone or does not answer.
    Lost(String),
    /// The page does not answer: it is busy with itself, or does not come.
    Busy(String),
    /// A box of the page's stands in the way.
    Prompt,
    /// The element is gone, hidden or covered.
    Element(String),
    /// The page crashed.
    Crashed(String),
    /// Anything else that the driver says, e.g. `net::ERR_CONNECTION_REFUSED`.
    Refused(String),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::Prompt => f.write_str("a box of the page's stands in the way"),
            CommandError::Lost(message)
            | CommandError::Busy(message)
            | CommandError::Element(message)
            | CommandError::Crashed(message)
            | CommandError::Refused(message) => f.write_str(message),
        }
    }
}

/// A session under way.
#[derive(Debug)]
pub struct Session {
    client: Client,
    address: Url,
    /// Whether the files of this machine are those of the browser's.
    is_near: bool,
    /// Whether it takes commands of Chromium's own.
    is_chromium: bool,
    /// Where the browser itself, past the driver, says that it is there.
    debugger: Option<String>,
}

impl Session {
    /// Starts a browser at a driver's address; it must be there within that time.
    pub async fn begin(
        address: &Url,
        wanted: serde_json::Map<String, Value>,
        is_near: bool,
        within: Duration,
    ) -> Result<Self, BrowserError> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .build();
        let mut builder = ClientBuilder::new(Bounded(connector));
        builder.capabilities(wanted);
        let client = match timeout(within, builder.connect(address.as_str())).await {
            Ok(Ok(client)) => client,
            Ok(Err(error)) => {
                let message = first_line(&error.to_string());
                // Nobody can: the driver is ours, and gone.
                let message = message.replace(LOOK_INTO_THE_LOG, "");
                return Err(BrowserError::Browser(message));
            }
            Err(_) => {
                let message = format!("none within {} s", within.as_secs_f64());
                return Err(BrowserError::Browser(message));
            }
        };
        let given = client.capabilities();
        let name = given.and_then(|given| given.get("browserName")?.as_str());
        // Firefox gives back what it was asked for, options of Chromium's included.
        let chromium = given
            .and_then(|given| given.get("goog:chromeOptions"))
            .filter(|_| name != Some("firefox"));
        let debugger = chromium
            .and_then(|options| options.get("debuggerAddress")?.as_str())
            .filter(|_| is_near)
            .map(str::to_owned);
        Ok(Session {
            is_chromium: chromium.is_some(),
            client,
            address: address.clone(),
            is_near,
            debugger,
        })
    }

    /// Adds who we are to the browser's own name, and has it save nothing.
    pub async fn introduce(&self, user_agent: &str) -> Result<(), BrowserError> {
        if !self.is_chromium {
            return Ok(());
        }
        let failed = |error: CommandError| BrowserError::Browser(error.to_string());
        let own = self.chromium("Browser.getVersion", json!({})).await;
        let own = own.map_err(failed)?;
        let own = own["userAgent"].as_str().unwrap_or("Mozilla/5.0");
        let whole = format!("{} {user_agent}", own.replace("HeadlessChrome", "Chrome"));
        let named = json!({ "userAgent": whole, "acceptLanguage": LANGUAGES });
        self.chromium("Network.setUserAgentOverride", named)
            .await
            .map_err(failed)?;
        let never = json!({ "behavior": "deny" });
        self.chromium("Browser.setDownloadBehavior", never)
            .await
            .map(drop)
            .map_err(failed)
    }

    /// Whether the files of this machine are those of the browser's.
    pub fn is_near(&self) -> bool {
        self.is_near
    }

    /// Whether it takes commands of Chromium's own, and tells what the network did.
    pub fn is_chromium(&self) -> bool {
        self.is_chromium
    }

    /// Sets how long pages may take to come, and scripts to end.
    pub async fn limit(&self, page: Duration, script: Duration) -> Result<(), CommandError> {
        let limits = TimeoutConfiguration::new(Some(script), Some(page), Some(Duration::ZERO));
        self.within(GRACE, self.client.update_timeouts(limits))
            .await
    }

    /// Opens an address.
    pub async fn open(&self, url: &Url, limit: Duration) -> Result<(), CommandError> {
        self.within(limit + GRACE, self.client.goto(url.as_str()))
            .await
    }

    /// The address that the window has, also where no page came from there.
    pub async fn url(&self) -> Result<Url, CommandError> {
        self.within(GRACE, self.client.current_url()).await
    }

    /// Runs the body of a function in the page, and gives what it returns.
    pub async fn script(
        &self,
        body: &str,
        arguments: Vec<Value>,
        limit: Duration,
    ) -> Result<Value, CommandError> {
        self.within(limit + GRACE, self.client.execute(body, arguments))
            .await
    }

    /// The element that a script returned.
    pub fn element(&self, returned: &Value) -> Option<Element> {
        let id = returned.as_object()?.values().next()?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), id.into()))
    }

    /// Clicks an element as a mouse does.
    pub async fn click(&self, element: &Element, limit: Duration) -> Result<(), CommandError> {
        self.within(limit + GRACE, element.click()).await
    }

    /// Clicks at a point of the window, in CSS pixels from its upper left corner.
    pub async fn click_at(&self, (x, y): (f64, f64), limit: Duration) -> Result<(), CommandError> {
        let duration = None;
        let mouse = MouseActions::new("mouse".to_owned())
            .then(PointerAction::MoveTo { duration, x, y })
            .then(PointerAction::Down {
                button: MOUSE_BUTTON_LEFT,
            })
            .then(PointerAction::Up {
                button: MOUSE_BUTTON_LEFT,
            });
        let actions = self.client.perform_actions(mouse);
        self.within(limit + GRACE, actions).await
    }

    /// Moves the mouse to a point of the window, in CSS pixels from its upper left corner, or to
    /// the middle of an element of the frame that was entered.
    pub async fn move_mouse_to(
        &self,
        (x, y): (f64, f64),
        element: Option<Element>,
        limit: Duration,
    ) -> Result<(), CommandError> {
        let duration = None;
        let moved = match element {
            Some(element) => PointerAction::MoveToElement {
                element,
                duration,
                x: 0.0,
                y: 0.0,
            },
            None => PointerAction::MoveTo { duration, x, y },
        };
        let mouse = MouseActions::new("mouse".to_owned()).then(moved);
        let actions = self.client.perform_actions(mouse);
        self.within(limit + GRACE, actions).await
    }

    /// Goes on in a frame of the page.
    pub async fn enter_frame(&self, frame: &Element) -> Result<(), CommandError> {
        self.within(GRACE, frame.enter_frame()).await
    }

    /// Goes back to the page itself.
    pub async fn leave_frames(&self) -> Result<(), CommandError> {
        self.post("frame", json!({ "id": null })).await.map(drop)
    }

    /// Presses a key on whatever has the keyboard.
    pub async fn press_key(&self, value: char, limit: Duration) -> Result<(), CommandError> {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        let actions = self.client.perform_actions(keys);
        self.within(limit + GRACE, actions).await
    }

    /// Empties a field.
    pub async fn clear(&self, element: &Element, limit: Duration) -> Result<(), CommandError> {
        self.within(limit + GRACE, element.clear()).await
    }

    /// Types into a field; into one for files, the path of a file.
    pub async fn type_in(
        &self,
        element: &Element,
        text: &str,
        limit: Duration,
    ) -> Result<(), CommandError> {
        self.within(limit + GRACE, element.send_keys(text)).await
    }

    /// The names and values of the cookies that go with requests for the page.
    pub async fn cookies(&self) -> Result<Vec<(String, String)>, CommandError> {
        let cookies = self.within(GRACE, self.client.get_all_cookies()).await?;
        let pair = |cookie: &Cookie<'_>| (cookie.name().to_owned(), cookie.value().to_owned());
        Ok(cookies.iter().map(pair).collect())
    }

    /// What the page's box says; `None` where there is none.
    pub async fn prompt(&self) -> Option<String> {
        self.within(GRACE, self.client.get_alert_text()).await.ok()
    }

    /// Presses the box's affirmative button.
    pub async fn accept_prompt(&self) -> Result<(), CommandError> {
        self.within(GRACE, self.client.accept_alert()).await
    }

    /// The windows, the first one first.
    pub async fn windows(&self) -> Result<Vec<WindowHandle>, CommandError> {
        self.within(GRACE, self.client.windows()).await
    }

    /// Goes on in another window, after closing this one.
    pub async fn move_to(&self, window: WindowHandle) -> Result<(), CommandError> {
        self.within(GRACE, self.client.close_window()).await?;
        self.within(GRACE, self.client.switch_to_window(window))
            .await
    }

    /// What the window shows, as PNG.
    pub async fn screenshot(&self) -> Result<Vec<u8>, CommandError> {
        self.within(2 * GRACE, self.client.screenshot()).await
    }

    /// A command of Chromium's own protocol.
    pub async fn chromium(&self, command: &str, parameters: Value) -> Result<Value, CommandError> {
        let body = json!({ "cmd": command, "params": parameters });
        self.post("goog/cdp/execute", body).await
    }

    /// What a log (`performance`, `browser`) has gathered since it was last asked for.
    pub async fn log(&self, kind: &str) -> Result<Vec<Value>, CommandError> {
        match self.post("se/log", json!({ "type": kind })).await? {
            Value::Array(entries) => Ok(entries),
            _ => Ok(Vec::new()),
        }
    }

    async fn post(&self, path: &'static str, body: Value) -> Result<Value, CommandError> {
        let command = Post { path, body };
        self.within(2 * GRACE, self.client.issue_cmd(command)).await
    }

    /// Whether the driver and the browser behind it are there, whatever the page does.
    pub async fn is_there(&self) -> bool {
        // A connection of its own: the session's may wait for the page.
        let answers = |url: String| async move {
            let asked = timeout(ANSWERS_WITHIN, get(&url));
            matches!(asked.await, Ok(true))
        };
        let driver = self.address.join("status");
        match (driver, &self.debugger) {
            (Ok(driver), Some(browser)) => {
                let browser = format!("http://{browser}/json/version");
                answers(driver.into()).await && answers(browser).await
            }
            (Ok(driver), None) => answers(driver.into()).await,
            (Err(_), _) => false,
        }
    }

    /// Leaves the session as it is: its processes are about to be killed.
    pub async fn abandon(&self) {
        let _ = timeout(Duration::from_millis(100), self.client.persist()).await;
    }

    /// Ends the session in order.
    pub async fn close(self) {
        match timeout(ENDS_WITHIN, self.client.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a remote browser's session did not end"),
            Err(_) => tracing::warn!("a remote browser's session did not end in time"),
        }
    }

    async fn within<T>(
        &self,
        limit: Duration,
        command: impl Future<Output = Result<T, CmdError>>,
    ) -> Result<T, CommandError> {
        match timeout(limit, command).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(meaning(&error)),
            Err(_) if self.is_there().await => Err(CommandError::Busy(format!(
                "the page does not answer within {} s",
                limit.as_secs_f64()
            ))),
            Err(_) => Err(CommandError::Lost(
                "the browser does not answer any more".to_owned(),
            )),
        }
    }
}

/// Whether something answers there at all.
async fn get(url: &str) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let Ok(mut stream) = tokio::net::TcpStream::connect((host, port)).await else {
        return false;
    };
    if url.scheme() == "https" {
        return true;
    }
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n",
        url.path()
    );
    let mut start = [0; 5];
    stream.write_all(request.as_bytes()).await.is_ok()
        && stream.read_exact(&mut start).await.is_ok()
        && start == *b"HTTP/"
}

fn meaning(error: &CmdError) -> CommandError {
    let message = first_line(&error.to_string());
    let CmdError::Standard(standard) = error else {
        return CommandError::Lost(format!("the browser is gone: {message}"));
    };
    let message = first_line(&standard.message);
    let says = |text: &str| message.contains(text);
    if error.is_invalid_session_id()
        || says("not connected to DevTools")
        || says("chrome not reachable")
        || says("session deleted")
        || says("disconnected: ")
    {
        CommandError::Lost(format!("the browser is gone: {message}"))
    } else if says("crashed") {
        CommandError::Crashed(message)
    } else if error.is_unexpected_alert_open() {
        CommandError::Prompt
    } else if error.is_timeout() || error.is_script_timeout() || says("Timed out receiving message")
    {
        CommandError::Busy(message)
    } else if error.is_stale_element_reference()
        || error.is_element_not_interactable()
        || says("move target out of bounds")
        || says("element click intercepted")
        || error.is_invalid_element_state()
        || error.is_no_such_element()
        || error.is_detached_shadow_root()
    {
        CommandError::Element(message)
    } else {
        CommandError::Refused(message)
    }
}

/// Drivers append where in their own code it happened.
fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().trim().to_owned()
}

/// A command that not every driver has.
#[derive(Debug)]
struct Post {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Post {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}
