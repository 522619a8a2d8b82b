//! The mails that a run waits for: those that came in since it began.

use tokio::sync::watch;

use super::{Run, Tools};
use crate::domain::{Engine, Fault, Why};
use crate::probe::definition::{AwaitedMail, Flow};
use crate::probe::expect;
use crate::probe::mailbox::{MailError, MailQuery, MailboxPosition};
use crate::probe::page::{Page, Trouble};

/// How far the mailbox is filled before a run begins; `None` where there is none, or where the
/// run waits for no mail. An error is the awaiting step's own: what comes before it needs no
/// mailbox.
pub(super) async fn position_before(
    flow: &Flow,
    engine: Engine,
    tools: &Tools,
    stop: Option<&watch::Receiver<bool>>,
) -> Option<Result<MailboxPosition, MailError>> {
    let mut steps = flow.steps.iter().chain(&flow.cleanup);
    if !steps.any(|step| step.mail.is_some() && step.runs_on(engine)) {
        return None;
    }
    let mailbox = tools.mailbox.as_ref()?;
    let mut stop = stop.cloned();
    let stopped = async {
        let asked = match &mut stop {
            Some(stop) => stop.wait_for(|stop| *stop).await.is_ok(),
            None => false,
        };
        if !asked {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        position = mailbox.position() => Some(position),
        () = stopped => Some(Err(MailError::Unclear("the run was stopped"))),
    }
}

impl<P: Page> Run<'_, P> {
    /// Waits for a mail, and takes from it what is to be remembered.
    pub(super) async fn await_mail(&mut self, awaited: &AwaitedMail) -> Result<(), Trouble> {
        let (Some(mailbox), Some(position)) = (&self.tools.mailbox, &self.mailbox_position) else {
            let message = "no mailbox is configured".to_owned();
            return Err(Trouble::Ours(Why::NotConfigured, message));
        };
        let ours = |error: &MailError| Trouble::Ours(Why::Ourselves, error.to_string());
        let query = MailQuery {
            to: self.expand(&awaited.to)?,
            subject: self.expand(&awaited.subject)?,
            after: *position.as_ref().map_err(ours)?,
        };
        let mail = mailbox
            .wait_for(&query, awaited.within)
            .await
            .map_err(|error| match error {
                MailError::Missing { .. } => Trouble::Site(Fault::MailMissing, error.to_string()),
                error => ours(&error),
            })?;
        for text in &awaited.text {
            let text = self.expand(text)?;
            if !mail.texts.iter().any(|part| part.contains(&text)) {
                let message = format!("the mail does not say \"{text}\"");
                return Err(Trouble::Site(Fault::Content, message));
            }
        }
        for (name, regex) in &awaited.capture {
            let mut parts = mail.texts.iter();
            let Some(found) = parts.find_map(|part| expect::matched(regex, part)) else {
                let message =
                    format!("`{name}` cannot be taken: nothing in the mail fits `{regex}`");
                return Err(Trouble::Site(Fault::Content, message));
            };
            self.scope.captured.insert(name.clone(), found);
        }
        Ok(())
    }
}
