//! The ladder: one rung a run, to learn which sizes and kinds the site takes right now.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Run;
use super::step::file_name;
use crate::domain::Fault;
use crate::domain::run::Rung;
use crate::probe::definition::{Action, DocumentSpec, Step};
use crate::probe::page::{Page, Snapshot, Trouble};
use crate::probe::template::OF_DOCUMENT;

/// The document that a rung puts in the place of the ordinary one.
pub(super) struct TriedRung {
    pub(super) document: DocumentSpec,
    /// What is written down of it once the site has taken it.
    pub(super) rung: Rung,
}

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
            return self.attempt(step, before.as_ref(), None).await;
        };
        let (kind, size) = ladder.rung(self.turn);
        let allowed = size <= ladder.limit;
        let document = DocumentSpec {
            kind,
            size,
            ..ordinary
        };
        let rung = Rung {
            step: step.name.key().to_owned(),
            kind: kind.to_string(),
            size,
            accepted: true,
            allowed,
        };
        let tried = TriedRung { document, rung };
        self.scope.document = names_of(document);
        let carried_out = self.attempt(step, before.as_ref(), Some(&tried)).await;
        let Err(trouble) = &carried_out else {
            return carried_out;
        };
        let is_refused = self.is_refusal(step, trouble).await;
        // A connection that breaks on what is too much tells nothing of whom it is too much for.
        let is_broken = matches!(trouble, Trouble::Site(Fault::Connect, _));
        if !allowed && (is_refused || is_broken) {
            self.rung = is_refused.then_some(Rung {
                accepted: false,
                ..tried.rung
            });
            self.forget_document();
            let visits = matches!(step.actions.first(), Some(Action::Visit(_)));
            if let (false, Some(before)) = (visits, &before) {
                self.page.back_to(Arc::clone(before)).await?;
            }
            self.scope.document = names_of(ordinary);
            return self.attempt(step, before.as_ref(), None).await;
        }
        carried_out
    }
}

/// What the names for a ladder's document stand for.
fn names_of(document: DocumentSpec) -> BTreeMap<&'static str, String> {
    let [kind, size, file] = OF_DOCUMENT;
    BTreeMap::from([
        (kind, document.kind.to_string()),
        (size, document.size.to_string()),
        (file, file_name(document)),
    ])
}
