//! Cleaning up after a run, with what is known by then, and what may be left on the site all the
//! same.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::step::{signs_in, unknown_names};
use super::{CLEANUP_TIME, Run};
use crate::domain::Outcome;
use crate::domain::run::StepReport;
use crate::probe::definition::{Action, Step};
use crate::probe::expect;
use crate::probe::page::{Exchange, Page, Snapshot};

impl<P: Page> Run<'_, P> {
    /// Every cleanup step for which there is something to clean up, whatever the others do. Gives
    /// what may be left all the same, for operators.
    pub(super) async fn clean_up(
        &mut self,
        on_step: &mut (dyn FnMut(&StepReport) + Send),
    ) -> Option<String> {
        self.left = CLEANUP_TIME;
        self.stop = None;
        let mut left = Vec::new();
        for step in &self.flow.cleanup {
            if !step.runs_on(self.engine) {
                continue;
            }
            let unknown = unknown_names(step, &self.scope);
            if !unknown.is_empty() {
                left.extend(self.left_unknown(step, &unknown));
                continue;
            }
            let mut report = self.step(step).await;
            report.cleanup = true;
            on_step(&report);
            let is_done = matches!(report.outcome, Outcome::Passed | Outcome::Slow);
            if !is_done && !self.senders.is_empty() {
                left.push(format!("\"{}\" failed", step.name.en()));
            }
            self.done.push(report);
        }
        (!left.is_empty()).then(|| left.join("; "))
    }

    /// What is to be said of a cleanup step that cannot run for want of these names: something,
    /// where what would have given one of them has sent a form.
    fn left_unknown(&self, step: &Step, unknown: &BTreeSet<String>) -> Option<String> {
        let (name, sender) = unknown
            .iter()
            .find_map(|name| Some((name, self.sender_of(name)?)))?;
        let step = step.name.en();
        Some(format!(
            "\"{step}\" could not run: `{name}` is not known, and \"{sender}\" had sent a form"
        ))
    }

    /// The step that sent the form behind a name: the step that captures it, or, where that one
    /// sends none by itself, one before it.
    fn sender_of(&self, name: &str) -> Option<&str> {
        let steps = &self.flow.steps;
        let captures = |step: &Step| {
            let of_mail = step.mail.iter().flat_map(|mail| &mail.capture);
            let mut names = step.capture.iter().map(|capture| &capture.name);
            names.any(|known| known == name)
                || of_mail.map(|(known, _)| known).any(|known| known == name)
        };
        let capturing = steps.iter().position(captures)?;
        let sends = |step: &Step| {
            let mut actions = step.actions.iter();
            actions.any(|action| action.submits() || matches!(action, Action::Request(_)))
        };
        let from = match steps.get(capturing).is_some_and(sends) {
            true => capturing,
            false => 0,
        };
        let may_be = steps.get(from..=capturing).unwrap_or_default();
        let sender = may_be
            .iter()
            .rev()
            .find(|step| self.senders.contains(step.name.key()));
        sender.map(|step| step.name.en())
    }

    /// Remembers whether a step has sent a form, and what its page gave although it failed.
    pub(super) fn remember_for_cleanup(
        &mut self,
        step: &Step,
        has_failed: bool,
        before: Option<&Arc<Snapshot>>,
        exchanges: &[Exchange],
    ) {
        let submits = step.actions.iter().any(Action::submits);
        let is_form = |exchange: &Exchange| {
            let is_get = exchange.method == reqwest::Method::GET;
            exchange.is_sent && (!is_get || submits && exchange.url.query().is_some())
        };
        let is_step = self.flow.steps.iter().any(|known| known.name == step.name);
        if is_step && !signs_in(step, &self.flow.needs) && exchanges.iter().any(is_form) {
            self.senders.insert(step.name.key().to_owned());
        }
        let Some(page) = self.page.shown().filter(|_| has_failed) else {
            return;
        };
        let is_new = before.is_none_or(|before| !Arc::ptr_eq(before, &page));
        let is_well = page.complete && page.status.is_none_or(|status| status < 400);
        if !is_new || !is_well || self.is_sign_in(&page) || self.final_page(&page).is_some() {
            return;
        }
        for capture in &step.capture {
            let captured = expect::capture(std::slice::from_ref(capture), &page, &self.scope);
            self.scope.captured.extend(captured.unwrap_or_default());
        }
    }
}
