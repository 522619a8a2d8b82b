//! The ladder: one rung a run, to learn which sizes and kinds the site takes right now.

use std::sync::Arc;

use super::Run;
use crate::domain::Fault;
use crate::domain::run::Rung;
use crate::probe::definition::{Action, DocumentSpec, Step};
use crate::probe::page::{Page, Snapshot, Trouble};

impl<P: Page> Run<'_, P> {
    /// Carries out the ladder's step with the document whose turn it is. What the site rightly
    /// refuses is followed by the ordinary document, so that the flow goes on.
    pub(super) async fn climb(
        &mut self,
        step: &Step,
        before: Option<Arc<Snapshot>>,
    ) -> Result<(), Trouble> {
        let ordinary = step.actions.iter().find_map(|action| match action {
            Action::Upload(_, spec) => Some(*spec),
            _ => None,
        });
        let (Some(ladder), Some(ordinary)) = (&self.flow.ladder, ordinary) else {
            return self.attempt(step, None).await;
        };
        let (kind, size) = ladder.rung(self.turn);
        let allowed = size <= ladder.limit;
        let tried = self
            .attempt(
                step,
                Some(DocumentSpec {
                    kind,
                    size,
                    ..ordinary
                }),
            )
            .await;
        let rung = |accepted| {
            Some(Rung {
                step: step.name.clone(),
                kind: kind.to_string(),
                size,
                accepted,
                allowed,
            })
        };
        match &tried {
            Ok(()) => self.rung = rung(true),
            Err(trouble) if self.is_refusal(trouble, allowed) => {
                self.rung = rung(false);
                if !allowed {
                    let visits = matches!(step.actions.first(), Some(Action::Visit(_)));
                    if let (false, Some(before)) = (visits, before) {
                        self.page.back_to(before).await?;
                    }
                    return self.attempt(step, None).await;
                }
            }
            Err(_) => {}
        }
        tried
    }

    /// Whether the site answered the document with a no, rather than breaking.
    pub(super) fn is_refusal(&self, trouble: &Trouble, allowed: bool) -> bool {
        let Trouble::Site(fault, _) = trouble else {
            return false;
        };
        if !self.uploaded {
            return false;
        }
        match fault {
            Fault::Status | Fault::Content => self.page.shown().is_some_and(|page| {
                let answered = page.complete && page.status.is_none_or(|status| status < 500);
                let rightly_refused = !allowed && page.status == Some(413);
                answered
                    && !self.is_sign_in(&page)
                    && (rightly_refused || self.final_page(&page).is_none())
            }),
            // Servers close the connection on what is too much for them.
            Fault::Connect => !allowed,
            _ => false,
        }
    }
}
