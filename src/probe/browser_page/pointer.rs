//! Pressing an element as a person with a mouse does, and by key where no mouse gets to; moving
//! the mouse over one, and pressing keys.

use serde_json::Value;

use super::BrowserPage;
use super::act::{described, held_back, no_element, unfit};
use crate::domain::Fault;
use crate::probe::browser::CommandError;
use crate::probe::definition::Query;
use crate::probe::key::Key;
use crate::probe::page::Trouble;

/// Why an element was not pressed.
pub(super) enum NotPressed {
    /// Something lies over it, or it was drawn anew meanwhile: that may pass.
    Yet(String),
    /// The step is over.
    Trouble(Trouble),
}

impl BrowserPage {
    /// Presses an element where it can be pressed.
    pub(super) async fn press_element(
        &mut self,
        query: &Query,
        found: &Value,
    ) -> Result<(), NotPressed> {
        let trouble = NotPressed::Trouble;
        let aimed = match self.try_call("aim", vec![found.clone()]).await {
            Ok(aimed) => aimed,
            Err(CommandError::Element(message)) => return Err(NotPressed::Yet(message)),
            Err(error) => {
                self.get_past(error).await.map_err(trouble)?;
                Value::Null
            }
        };
        if let Some(cover) = aimed["cover"].as_str() {
            return Err(NotPressed::Yet(format!("{cover} lies over it")));
        }
        if aimed["outside"] == true {
            // No mouse gets there; keys do.
            let pressed = self.call("press", vec![found.clone()]).await;
            return pressed.map(drop).map_err(trouble);
        }
        let session = self.session().map_err(|error| trouble(error.into()))?;
        let Some(element) = session.element(found) else {
            return Err(trouble(no_element(query)));
        };
        let point = aimed["x"].as_f64().zip(aimed["y"].as_f64());
        // A point of a frame is none of the window.
        let is_point = aimed["middle"] != true && query.frame.is_none();
        let pressed = match point.filter(|_| is_point) {
            Some(point) => session.click_at(point, self.limit).await,
            None => session.click(&element, self.limit).await,
        };
        match pressed {
            Ok(()) => Ok(()),
            Err(CommandError::Element(message)) => Err(NotPressed::Yet(message)),
            Err(error) => self.get_past(error).await.map_err(trouble),
        }
    }

    /// Moves the mouse over an element, and looks at what comes of it.
    pub(super) async fn move_over(&mut self, query: &Query) -> Result<(), Trouble> {
        self.here()?;
        if self.is_left_out(query).await? {
            return self.leave_frame(query).await;
        }
        let moved = self.move_mouse(query).await;
        self.leave_frame(query).await?;
        moved?;
        self.look().await
    }

    async fn move_mouse(&mut self, query: &Query) -> Result<(), Trouble> {
        let mut wait = self.waiting();
        loop {
            let found = self.find(query, true, |_| Ok(())).await?;
            let aimed = self.call("aim", vec![found["element"].clone()]).await?;
            if let Some(point) = aimed["x"].as_f64().zip(aimed["y"].as_f64()) {
                let session = self.session()?;
                let element = session.element(&found["element"]);
                let element = element.filter(|_| query.frame.is_some());
                match session.move_mouse_to(point, element, self.limit).await {
                    Ok(()) => return Ok(()),
                    Err(CommandError::Element(_)) if !wait.is_over() => {}
                    Err(error) => self.get_past(error).await?,
                }
            } else if wait.is_over() {
                let what = match aimed["cover"].as_str() {
                    Some(cover) => format!("out of the mouse's reach: {cover} lies over it"),
                    None => "out of the mouse's reach".to_owned(),
                };
                return Err(unfit(query, what));
            }
            wait.pause().await;
        }
    }

    /// Presses a key on an element, or on what has the keyboard, and looks at what comes of it.
    pub(super) async fn press_key(
        &mut self,
        key: Key,
        query: Option<&Query>,
    ) -> Result<(), Trouble> {
        self.here()?;
        if let Some(query) = query
            && self.is_left_out(query).await?
        {
            return self.leave_frame(query).await;
        }
        self.begin_to_press().await;
        match query {
            Some(query) => {
                let pressed = self.press_key_on(key, query).await;
                self.leave_frame(query).await?;
                pressed?;
            }
            None => match self.session()?.press_key(key.code, self.limit).await {
                Ok(()) => {}
                Err(error) => self.get_past(error).await?,
            },
        }
        self.follow_windows().await?;
        self.look().await?;
        self.refuse_download()
    }

    async fn press_key_on(&mut self, key: Key, query: &Query) -> Result<(), Trouble> {
        let fit = |found: &Value| match found["kind"] == "file" {
            true => Err(format!("{}, which takes no keys", described(found))),
            false => Ok(()),
        };
        let mut wait = self.waiting();
        loop {
            let found = self.find_to(query, true, true, fit).await?;
            if let Some(held) = found["held"].as_str().filter(|_| key.is_enter())
                && found["tag"] == "input"
            {
                return Err(held_back(query, held));
            }
            let session = self.session()?;
            let Some(element) = session.element(&found["element"]) else {
                return Err(no_element(query));
            };
            let code = key.code.to_string();
            match session.type_in(&element, &code, self.limit).await {
                Ok(()) => return Ok(()),
                Err(CommandError::Element(_)) if !wait.is_over() => wait.pause().await,
                Err(CommandError::Element(_)) => return Err(unfit(query, NO_KEYS.to_owned())),
                Err(error) => return self.get_past(error).await,
            }
        }
    }

    /// Presses a checkbox or radio button; where the page's style hides it, its label.
    pub(super) async fn toggle(&mut self, query: &Query, button: &Value) -> Result<(), Trouble> {
        let message = match self.press_element(query, button).await {
            Ok(()) => return Ok(()),
            Err(NotPressed::Trouble(trouble)) => return Err(trouble),
            Err(NotPressed::Yet(message)) => message,
        };
        let label = self.call("labelOf", vec![button.clone()]).await?;
        if label.is_null() {
            return self.call("press", vec![button.clone()]).await.map(drop);
        }
        match self.press_element(query, &label).await {
            Ok(()) => Ok(()),
            Err(NotPressed::Trouble(trouble)) => Err(trouble),
            Err(NotPressed::Yet(_)) => Err(cannot_be_pressed(query, &message)),
        }
    }
}

/// What cannot have the keyboard by itself.
const NO_KEYS: &str = "nothing that takes keys: `click` it, then `press` without `on`";

pub(super) fn cannot_be_pressed(query: &Query, message: &str) -> Trouble {
    let message = format!("`{}` cannot be pressed: {message}", query.text);
    Trouble::Site(Fault::Content, message)
}
