//! No way from https to an address in clear.
//!
//! Where a flow has no address in clear, the browser itself has no way there (`https_only` of its
//! destinations). Else pages are judged by where they went, and from the first page with TLS on,
//! requests without are held back in the window that is looked at: they are never sent.

use serde_json::json;
use url::Url;

use super::BrowserPage;
use crate::probe::browser::{CommandError, Session};
use crate::probe::page::Trouble;
use crate::probe::reach;

/// Lets requests fail by patterns of addresses, redirects and forms included.
const OFFLINE_BY_RULE: &str = "Network.emulateNetworkConditionsByRule";

impl BrowserPage {
    /// Holds back what goes without TLS from now on.
    pub(super) async fn hold_back(&mut self) -> Result<(), Trouble> {
        let is_needed = !self.holds_back && !self.browser.is_https_only();
        if !is_needed || !self.session().is_ok_and(Session::is_chromium) {
            return Ok(());
        }
        let rule = json!({
            "urlPattern": "http://*:*/*", "offline": true,
            "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1,
        });
        let rules = json!({ "matchedNetworkConditions": [rule] });
        match self.session()?.chromium(OFFLINE_BY_RULE, rules).await {
            // A browser that does not know it yet stops such a request for ever.
            Err(CommandError::Refused(_)) => {
                let held = json!({ "patterns": [{ "urlPattern": "http://*" }] });
                self.chromium("Fetch.enable", held).await?;
            }
            // After a box that was in the way, the next look does it.
            Err(error) => return self.get_past(error).await,
            Ok(_) => {}
        }
        self.holds_back = true;
        Ok(())
    }

    /// Lets an address through that the flow itself opens.
    pub(super) async fn let_through(&mut self, url: &Url) -> Result<(), Trouble> {
        if self.holds_back && url.scheme() == "http" {
            let none = json!({ "matchedNetworkConditions": [] });
            let session = self.session()?;
            match session.chromium(OFFLINE_BY_RULE, none).await {
                Err(CommandError::Refused(_)) => {
                    self.chromium("Fetch.disable", json!({})).await?;
                }
                Err(error) => self.get_past(error).await?,
                Ok(_) => {}
            }
            self.holds_back = false;
        }
        Ok(())
    }

    /// A page that went on in clear since something was last opened or pressed.
    pub(super) fn refuse_downgrade(&self) -> Result<(), Trouble> {
        let mut before = self.pressed_on_https;
        for request in self.sent() {
            let Ok(url) = Url::parse(&request.url) else {
                continue;
            };
            if before && url.scheme() == "http" {
                return Err(reach::led_in_clear(&url));
            }
            before = url.scheme() == "https";
        }
        Ok(())
    }
}
