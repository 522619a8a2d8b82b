//! Documents on their way: from the page that they are put on until the site has taken them,
//! however many steps that takes.

use std::sync::Arc;

use super::ladder::TriedRung;
use super::{PendingDocument, Run};
use crate::domain::run::Rung;
use crate::probe::complaints::{complaints, has_field, names_document, new_complaint_about};
use crate::probe::definition::{Query, Step};
use crate::probe::delivery::{Delivery, Verdict, verdict};
use crate::probe::page::{Page, Snapshot, Trouble};

/// The status of a form that is not filled in as it should be.
const UNPROCESSABLE: u16 = 422;

impl<P: Page> Run<'_, P> {
    /// A document is about to be put on a field, or sent by a request.
    pub(super) async fn follow_document(
        &mut self,
        field: Option<Query>,
        rung: Option<&TriedRung>,
    ) -> Result<(), Trouble> {
        if P::IS_LIVE && field.is_some() {
            self.page.settle().await?;
        }
        let page = self.page.shown();
        self.document = Some(PendingDocument {
            field,
            complaints: page.as_deref().map(complaints).unwrap_or_default(),
            url: page.map(|page| page.url.clone()),
            rung: rung.map(|tried| tried.rung.clone()),
        });
        Ok(())
    }

    /// The document is not on its way any more.
    pub(super) fn forget_document(&mut self) {
        self.document = None;
        self.page.forget_documents();
    }

    /// A page that was led to before the document is sent may complain of other things.
    pub(super) fn leave_complaints(&mut self, page: Option<&Arc<Snapshot>>) {
        if let (Some(document), Some(page)) = (&mut self.document, page)
            && document.url.as_ref() != Some(&page.url)
        {
            document.complaints = complaints(page);
            document.url = Some(page.url.clone());
        }
    }

    /// After a step that passed: what the site has taken is on its way no longer.
    pub(super) async fn settle_document(&mut self) {
        if !self.page.delivery().await.is_taken() {
            return;
        }
        let document = self.document.take();
        let rung = document.and_then(|document| document.rung);
        self.rung = rung.or(self.rung.take());
        self.page.forget_documents();
    }

    /// What a failed step was to the document that is on its way; [`Verdict::Open`] where none is.
    pub(super) async fn verdict(&mut self, page: Option<&Arc<Snapshot>>) -> Verdict {
        let Some(document) = &self.document else {
            return Verdict::Open;
        };
        let mut delivery = self.page.delivery().await;
        if let (Delivery::Answered(answer), Some(page)) = (&mut delivery, page)
            && answer.is_page
        {
            let visible = page.visible();
            answer.text = format!("{} {}", visible.title, visible.text);
        }
        let field = document.field.as_ref();
        let on_page = page.zip(field);
        let same_form = on_page.is_some_and(|(page, field)| has_field(page, field));
        let complaint = on_page
            .and_then(|(page, field)| new_complaint_about(page, &document.complaints, field))
            .or_else(|| match &delivery {
                // An answer of data, or a page that is nothing but the complaint.
                Delivery::Answered(answer)
                    if answer.status == UNPROCESSABLE
                        && !same_form
                        && names_document(&answer.text) =>
                {
                    Some(answer.text.clone())
                }
                _ => None,
            });
        verdict(&delivery, complaint.as_deref(), same_form)
    }

    /// Whether the site answered the document with a no, rather than breaking.
    pub(super) async fn is_refusal(&mut self, step: &Step, trouble: &Trouble) -> bool {
        if !matches!(trouble, Trouble::Site(..)) {
            return false;
        }
        let page = self.page.shown();
        match self.verdict(page.as_ref()).await {
            Verdict::Refused(_) => true,
            Verdict::Complained(_) => page.is_none_or(|page| {
                !self.is_signed_out(step, &page) && self.final_page(&page).is_none()
            }),
            Verdict::Failed(..) | Verdict::Open => false,
        }
    }

    /// The rung of the document that was refused, which the site did not take.
    pub(super) fn refused_rung(&mut self) -> Option<Rung> {
        let rung = self.document.as_ref()?.rung.clone()?;
        let refused = Rung {
            accepted: false,
            ..rung
        };
        self.rung = Some(refused.clone());
        Some(refused)
    }
}
