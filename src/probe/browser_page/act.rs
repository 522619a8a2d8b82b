//! Acting on the page: finding what is meant, waiting until a person could act on it, acting.

use reqwest::header;
use serde_json::{Value, json};
use tokio::time::sleep;
use url::Url;

use super::pointer::{NotPressed, cannot_be_pressed};
use super::{BrowserPage, FROM_KEY_TO_BUTTON, OPTIONAL_GRACE, SCRIPT};
use crate::domain::{Fault, Why};
use crate::probe::browser::CommandError;
use crate::probe::definition::Query;
use crate::probe::dom::in_frames;
use crate::probe::dom::named::listed;
use crate::probe::form::{A_DOWNLOAD, FormError, ONLY_BY_ANOTHER, too_long};
use crate::probe::page::{Page as _, Trouble};
use crate::toml_reader::nearest;

/// Texts up to so many characters are typed; longer ones are pasted, as people do.
const MOST_TYPED: usize = 200;

/// Why something cannot be acted on: now, or at all.
enum Hindrance {
    /// It may pass: the page is still being drawn.
    Yet(Trouble),
    /// It is so.
    For(Trouble),
}

impl BrowserPage {
    /// Whether there is a page to act on.
    pub(super) fn here(&self) -> Result<(), Trouble> {
        let nothing = || Trouble::Ours(Why::Ourselves, "there is no page yet".to_owned());
        self.shown.as_ref().map(drop).ok_or_else(nothing)
    }

    /// Presses what is meant, and looks at what comes of it.
    pub(super) async fn act(&mut self, query: &Query, submits: bool) -> Result<(), Trouble> {
        self.here()?;
        if self.is_left_out(query).await? {
            return self.leave_frame(query).await;
        }
        self.begin_to_press().await;
        let pressed = self.press(query, submits).await;
        self.leave_frame(query).await?;
        pressed?;
        self.follow_windows().await?;
        self.look().await?;
        self.refuse_download()
    }

    /// Whether what is optional is not on the page, and does not appear on it soon. Otherwise the
    /// frame that it is in is entered, where it is in one.
    pub(super) async fn is_left_out(&mut self, query: &Query) -> Result<bool, Trouble> {
        if let Some(frame) = &query.frame {
            let frame = Query {
                is_optional: query.is_optional,
                ..Query::from(frame.clone())
            };
            if Box::pin(self.is_left_out(&frame)).await? {
                return Ok(true);
            }
            self.enter_frame(&frame).await?;
        }
        if !query.is_optional {
            return Ok(false);
        }
        let absent = self.is_absent(query).await;
        if absent.is_err() {
            self.leave_frame(query).await?;
        }
        absent
    }

    async fn is_absent(&mut self, query: &Query) -> Result<bool, Trouble> {
        // What a page shows by itself it shows soon after it came; more than one do not add up.
        let mut wait = self.waiting();
        wait.start = self.loaded_at;
        wait.most = wait.most.min(OPTIONAL_GRACE);
        loop {
            let arguments = vec![query.to_json(), json!(false)];
            let found = self.call("locate", arguments).await?;
            if found["count"] != 0 || found["frame"].is_string() {
                return Ok(false);
            }
            if wait.is_over() {
                return Ok(true);
            }
            wait.pause().await;
        }
    }

    /// What is to be noted before something is pressed that may lead to another page.
    pub(super) async fn begin_to_press(&mut self) {
        sleep(self.pause).await;
        if let Some(changed_at) = self.changed_at.take() {
            let since = self.clock.monotonic().saturating_sub(changed_at);
            sleep(FROM_KEY_TO_BUTTON.saturating_sub(since)).await;
        }
        self.loaded_at = self.clock.monotonic();
        self.begun = self.network.requests.len();
        let shown = self.shown.as_ref();
        self.pressed_on_https = shown.is_some_and(|shown| shown.url.scheme() == "https");
    }

    /// What came of a request that the browser did not send becomes the page.
    pub(super) async fn answered(&mut self, answer: Result<(), Trouble>) -> Result<(), Trouble> {
        self.take_cookies_back().await?;
        if let Some(shown) = self.plain.shown() {
            self.shown = Some(shown);
            self.is_elsewhere = true;
        }
        answer
    }

    /// Writes into a field.
    pub(super) async fn fill(&mut self, query: &Query, text: &str) -> Result<(), Trouble> {
        let fit = |found: &Value| {
            let kind = found["kind"].as_str().unwrap_or_default();
            let is_text = !matches!(
                kind,
                "hidden"
                    | "checkbox"
                    | "radio"
                    | "file"
                    | "submit"
                    | "image"
                    | "reset"
                    | "button"
                    | "select-one"
                    | "select-multiple"
            );
            if found["tag"] == "select" {
                return Ok(());
            }
            let is_field = found["tag"] == "input" || found["tag"] == "textarea";
            if !(is_field && is_text || found["editable"] == true) {
                return Err(format!("{}, which takes no text", described(found)));
            }
            if found["readonly"] == true {
                return Err("read-only".to_owned());
            }
            match found["most"]
                .as_u64()
                .and_then(|most| usize::try_from(most).ok())
            {
                Some(most) if text.encode_utf16().count() > most => Err(too_long(most)),
                _ => Ok(()),
            }
        };
        let mut wait = self.waiting();
        loop {
            let found = self.find(query, true, fit).await?;
            if found["tag"] == "select" {
                return self.choose(query, &[text.to_owned()]).await;
            }
            match self.write(&found, text).await {
                Ok(true) => return Ok(()),
                Ok(false) => {
                    let what = format!("{}, which does not take `{text}`", described(&found));
                    return Err(unfit(query, what));
                }
                // It was drawn anew meanwhile.
                Err(CommandError::Element(_)) if !wait.is_over() => wait.pause().await,
                Err(error) => return self.get_past(error).await,
            }
        }
    }

    /// Writes into the field that was found; whether it took the text.
    async fn write(&mut self, found: &Value, text: &str) -> Result<bool, CommandError> {
        let kind = found["kind"].as_str().unwrap_or_default();
        let is_typed = matches!(
            kind,
            "text" | "email" | "password" | "search" | "tel" | "url"
        ) || found["editable"] == true && found["tag"] != "textarea";
        let lines = found["tag"] == "textarea";
        let text = if lines {
            text.to_owned()
        } else {
            text.replace(['\r', '\n'], "")
        };
        // Keys without a character stand for other keys, and so are never typed; the driver
        // types no character beyond the first plane.
        let is_plain = !text
            .chars()
            .any(|c| c.is_control() || matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{10000}'..));
        let typed = (is_typed || lines) && is_plain && text.chars().count() <= MOST_TYPED;
        let session = self.session()?;
        if !typed || text.is_empty() {
            let arguments = vec![found["element"].clone(), json!(text)];
            let body = format!("{SCRIPT}\nreturn write(...arguments);");
            let kept = session.script(&body, arguments, self.limit).await?;
            return Ok(text.is_empty() || kept.as_str().is_none_or(|kept| !kept.is_empty()));
        }
        let Some(element) = session.element(&found["element"]) else {
            return Err(CommandError::Element("there is no such element".to_owned()));
        };
        if found["empty"] != true {
            session.clear(&element, self.limit).await?;
        }
        session.type_in(&element, &text, self.limit).await?;
        Ok(true)
    }

    /// Chooses options of a select, or presses radio buttons.
    pub(super) async fn choose(&mut self, query: &Query, wanted: &[String]) -> Result<(), Trouble> {
        let mut wait = self.waiting();
        loop {
            let arguments = vec![query.to_json(), json!(wanted)];
            let answer = self.call("choose", arguments).await?;
            let hindrance = match &answer {
                answer if answer["done"] == true => return Ok(()),
                answer if answer["press"].is_array() => {
                    for button in answer["press"].as_array().into_iter().flatten() {
                        self.toggle(query, button).await?;
                    }
                    return Ok(());
                }
                answer => hindrance(query, answer, false, |_| Ok(())),
            };
            let trouble = match hindrance {
                Err(Hindrance::For(trouble)) => return Err(trouble),
                Err(Hindrance::Yet(trouble)) => trouble,
                Ok(()) => no_element(query),
            };
            if wait.is_over() {
                return Err(self.with_listing(trouble, &answer).await?);
            }
            wait.pause().await;
        }
    }

    /// Sets a checkbox.
    pub(super) async fn check(&mut self, query: &Query, on: bool) -> Result<(), Trouble> {
        let fit = |found: &Value| match found["kind"].as_str() {
            Some("checkbox" | "radio") => Ok(()),
            _ => Err(format!(
                "{}, neither a checkbox nor a radio button",
                described(found)
            )),
        };
        let found = self.find(query, false, fit).await?;
        if found["checked"] == on {
            return Ok(());
        }
        if found["kind"] == "radio" && !on {
            return Err(unfit(query, ONLY_BY_ANOTHER.to_owned()));
        }
        self.toggle(query, &found["element"]).await
    }

    /// Presses a button or a link; with `submits`, a form or one of its buttons.
    pub(super) async fn press(&mut self, query: &Query, submits: bool) -> Result<(), Trouble> {
        let fit = |found: &Value| {
            let is_button = matches!(found["kind"].as_str(), Some("submit" | "image"));
            match (submits, found["tag"].as_str()) {
                (true, Some("form")) => Ok(()),
                (true, _) if is_button && found["form"] == true => Ok(()),
                (true, _) if is_button => Err("a button without a form".to_owned()),
                (true, _) => Err(format!(
                    "{}, neither a form nor a submit button",
                    described(found)
                )),
                (false, _) if found["download"] == true => Err(A_DOWNLOAD.to_owned()),
                (false, _) => Ok(()),
            }
        };
        let is_form = |found: &Value| submits && found["tag"] == "form";
        let mut wait = self.waiting();
        loop {
            let found = self.find_to(query, true, true, fit).await?;
            if submits && let Some(held) = found["held"].as_str() {
                return Err(held_back(query, held));
            }
            if is_form(&found) {
                self.call("submit", vec![found["element"].clone()]).await?;
                break;
            }
            match self.press_element(query, &found["element"]).await {
                Ok(()) => break,
                Err(NotPressed::Trouble(trouble)) => return Err(trouble),
                Err(NotPressed::Yet(_)) if !wait.is_over() => wait.pause().await,
                Err(NotPressed::Yet(message)) => return Err(cannot_be_pressed(query, &message)),
            }
        }
        Ok(())
    }

    /// The same trouble, with what is there where an element is missing.
    async fn with_listing(&mut self, trouble: Trouble, found: &Value) -> Result<Trouble, Trouble> {
        let Trouble::Site(fault, message) = trouble else {
            return Ok(trouble);
        };
        let there = match found["count"] == 0 {
            true => self.call("listing", Vec::new()).await?,
            false => Value::Null,
        };
        let told = listed([0, 1, 2].map(|sort: usize| words(&there[sort])));
        Ok(Trouble::Site(fault, format!("{message}{told}")))
    }

    /// Goes on in the window that the page has opened, closing the one before.
    pub(super) async fn follow_windows(&mut self) -> Result<(), Trouble> {
        let session = self.session()?;
        let windows = match session.windows().await {
            Ok(windows) => windows,
            Err(error) => return self.get_past(error).await,
        };
        if windows.len() <= 1 {
            return Ok(());
        }
        if windows.len() > 2 {
            let message = format!("the page opens {} windows at once", windows.len() - 1);
            return Err(Trouble::Site(Fault::Script, message));
        }
        let names: Vec<String> = windows.iter().cloned().map(String::from).collect();
        let current = self.network.frame();
        let new = names
            .iter()
            .rposition(|name| Some(name.as_str()) != current);
        let new = new.unwrap_or(names.len() - 1);
        session.move_to(windows[new].clone()).await?;
        self.network.move_to(&names[new]);
        self.holds_back = false;
        Ok(())
    }

    /// The one element that a selector means, once a person could act on it.
    pub(super) async fn find(
        &mut self,
        query: &Query,
        seen: bool,
        fit: impl Fn(&Value) -> Result<(), String> + Send,
    ) -> Result<Value, Trouble> {
        self.find_to(query, seen, false, fit).await
    }

    /// The same, `leaving` where the page may be left by what is done to it.
    pub(super) async fn find_to(
        &mut self,
        query: &Query,
        seen: bool,
        leaving: bool,
        fit: impl Fn(&Value) -> Result<(), String> + Send,
    ) -> Result<Value, Trouble> {
        let mut wait = self.waiting();
        loop {
            let found = self
                .call("locate", vec![query.to_json(), json!(leaving)])
                .await?;
            match hindrance(query, &found, seen, &fit) {
                Ok(()) => return Ok(found),
                Err(Hindrance::For(trouble)) => return Err(trouble),
                Err(Hindrance::Yet(trouble)) => {
                    if wait.is_over() {
                        let trouble = self.with_listing(trouble, &found).await?;
                        // What the page became meanwhile is the evidence.
                        if query.frame.is_none() {
                            self.look().await?;
                        }
                        return Err(trouble);
                    }
                }
            }
            wait.pause().await;
        }
    }

    /// Gives the cookies of the browser to the engine that sends plain requests.
    pub(super) async fn lend_cookies(&mut self) -> Result<(), Trouble> {
        let session = self.session()?;
        if !session.is_chromium() {
            let message = "this browser cannot lend its cookies to a `request`".to_owned();
            return Err(Trouble::Ours(Why::NotConfigured, message));
        }
        let urls: Vec<String> = self
            .reach
            .hosts()
            .iter()
            .flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}/")))
            .collect();
        let urls = json!({ "urls": urls });
        let cookies = self.chromium("Network.getCookies", urls).await?;
        for cookie in cookies["cookies"].as_array().into_iter().flatten() {
            let (name, value) = (&cookie["name"], &cookie["value"]);
            let (Some(name), Some(value)) = (name.as_str(), value.as_str()) else {
                continue;
            };
            let domain = cookie["domain"].as_str().unwrap_or_default();
            let path = cookie["path"].as_str().unwrap_or("/");
            let scheme = if cookie["secure"] == true {
                "https"
            } else {
                "http"
            };
            let host = domain.trim_start_matches('.');
            let Ok(url) = Url::parse(&format!("{scheme}://{host}/")) else {
                continue;
            };
            let mut line = format!("{name}={value}; Path={path}");
            if domain.starts_with('.') {
                line.push_str(&format!("; Domain={host}"));
            }
            self.plain.add_cookie(&line, &url);
        }
        Ok(())
    }

    /// Gives the browser the cookies that the answer to a plain request has set.
    pub(super) async fn take_cookies_back(&mut self) -> Result<(), Trouble> {
        let Some(answer) = self.plain.shown() else {
            return Ok(());
        };
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let Ok(cookie) = cookie.to_str() else {
                continue;
            };
            let mut parts = cookie.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let mut set = json!({
                "url": answer.url.as_str(), "name": name.trim(), "value": value.trim(),
            });
            for part in parts {
                match part.trim().split_once('=') {
                    Some((key, path)) if key.eq_ignore_ascii_case("path") => {
                        set["path"] = json!(path);
                    }
                    None if part.trim().eq_ignore_ascii_case("httponly") => {
                        set["httpOnly"] = json!(true);
                    }
                    None if part.trim().eq_ignore_ascii_case("secure") => {
                        set["secure"] = json!(true);
                    }
                    _ => {}
                }
            }
            self.chromium("Network.setCookie", set).await?;
        }
        Ok(())
    }
}

/// What hinders a person from acting on what was found.
fn hindrance(
    query: &Query,
    found: &Value,
    seen: bool,
    fit: impl Fn(&Value) -> Result<(), String>,
) -> Result<(), Hindrance> {
    use Hindrance::{For, Yet};
    match found["count"].as_u64().unwrap_or_default() {
        0 => {
            if let Some(frame) = found["frame"].as_str() {
                let message = format!(
                    "`{}` is in a frame of the page, `{frame}`; visit that address in a step of its own, or name the frame with `frame`",
                    query.text
                );
                return Err(For(Trouble::Site(Fault::Content, message)));
            }
            return Err(Yet(missing(query, found)));
        }
        1 => {}
        count => {
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let mut each = words(&found["each"]);
            if each.len() < count {
                each.truncate(5);
                each.push("…".to_owned());
            }
            let told = each.join(", ");
            return Err(For(form_trouble(&FormError::Several(
                query.text.clone(),
                count,
                told,
            ))));
        }
    }
    if let Some(wish) = found["missing"].as_str() {
        let has = found["has"].as_array().into_iter().flatten();
        let mut has: Vec<&str> = has
            .filter_map(Value::as_str)
            .filter(|v| !v.is_empty())
            .take(9)
            .collect();
        if has.len() == 9 {
            has[8] = "…";
        }
        let error = FormError::NoOption(query.text.clone(), wish.to_owned(), has.join(", "));
        // Scripts often fill in the options.
        return Err(Yet(form_trouble(&error)));
    }
    if let Some(reason) = found["unfit"].as_str() {
        return Err(Yet(unfit(query, reason.to_owned())));
    }
    if let Err(reason) = fit(found) {
        return Err(For(unfit(query, reason)));
    }
    if found["disabled"] == true {
        return Err(Yet(unfit(query, "disabled".to_owned())));
    }
    // A form may have no size; it is what is in it that is seen.
    if seen && found["shown"] != true && found["tag"] != "form" {
        return Err(Yet(unfit(query, "hidden".to_owned())));
    }
    Ok(())
}

fn missing(query: &Query, found: &Value) -> Trouble {
    let ids = found["ids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let css = query.plain_css().map(|css| css.text.as_str());
    let near = css
        .and_then(|css| css.strip_prefix('#'))
        .and_then(|id| nearest(id, ids));
    let words = |key: &str| -> Vec<&str> {
        let words = found[key].as_array().into_iter().flatten();
        words.filter_map(Value::as_str).collect()
    };
    let hint = near.map(|near| format!("; it has `#{near}`"));
    let hint = hint.or_else(|| {
        let closed = words("closed");
        let closed = closed.first()?;
        Some(format!(
            "; it may be inside `<{closed}>`, which shows its inside to no script"
        ))
    });
    let hint = hint
        .or_else(|| in_frames(&words("frames")))
        .unwrap_or_default();
    form_trouble(&FormError::Missing(query.text.clone(), hint))
}

/// The texts of an array.
fn words(array: &Value) -> Vec<String> {
    let words = array.as_array().into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The browser does not send the form like this.
pub(super) fn held_back(query: &Query, why: &str) -> Trouble {
    form_trouble(&FormError::Held(query.text.clone(), why.to_owned()))
}

pub(super) fn described(found: &Value) -> &str {
    found["name"].as_str().unwrap_or_default()
}

pub(super) fn unfit(query: &Query, what: String) -> Trouble {
    form_trouble(&FormError::Unfit(query.text.clone(), what))
}

pub(super) fn no_element(query: &Query) -> Trouble {
    form_trouble(&FormError::Missing(query.text.clone(), String::new()))
}

fn form_trouble(error: &FormError) -> Trouble {
    Trouble::Site(Fault::Content, error.to_string())
}
