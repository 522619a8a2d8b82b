//! Acting within a frame of the page: the session goes there before the action, and back after it.

use super::BrowserPage;
use super::act::{described, no_element, unfit};
use crate::probe::browser::CommandError;
use crate::probe::definition::Query;
use crate::probe::page::Trouble;

impl BrowserPage {
    /// Goes into the frame that a selector means, once it is there.
    pub(super) async fn enter_frame(&mut self, frame: &Query) -> Result<(), Trouble> {
        let found = self
            .find(frame, false, |found| match found["tag"].as_str() {
                Some("iframe" | "frame") => Ok(()),
                _ => Err(format!("{}, and no frame", described(found))),
            })
            .await?;
        let session = self.session()?;
        let Some(element) = session.element(&found["element"]) else {
            return Err(no_element(frame));
        };
        match session.enter_frame(&element).await {
            Ok(()) => Ok(()),
            Err(CommandError::Element(message)) => Err(unfit(frame, message)),
            Err(error) => self.get_past(error).await,
        }
    }

    /// Goes back to the page itself after what was done in a frame of it.
    pub(super) async fn leave_frame(&mut self, query: &Query) -> Result<(), Trouble> {
        if query.frame.is_none() {
            return Ok(());
        }
        loop {
            match self.session()?.leave_frames().await {
                Ok(()) => return Ok(()),
                Err(error) => self.get_past(error).await?,
            }
        }
    }
}
