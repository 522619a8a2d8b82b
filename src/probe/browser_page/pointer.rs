//! Pressing an element as a person with a mouse does, and by key where no mouse gets to.

use serde_json::Value;

use super::BrowserPage;
use super::act::no_element;
use crate::domain::Fault;
use crate::probe::browser::CommandError;
use crate::probe::definition::Query;
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
        let pressed = match point.filter(|_| aimed["middle"] != true) {
            Some(point) => session.click_at(point, self.limit).await,
            None => session.click(&element, self.limit).await,
        };
        match pressed {
            Ok(()) => Ok(()),
            Err(CommandError::Element(message)) => Err(NotPressed::Yet(message)),
            Err(error) => self.get_past(error).await.map_err(trouble),
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

pub(super) fn cannot_be_pressed(query: &Query, message: &str) -> Trouble {
    let message = format!("`{}` cannot be pressed: {message}", query.text);
    Trouble::Site(Fault::Content, message)
}
