//! The pages for everyone: made from a [`Snapshot`](super::snapshot::Snapshot) alone, so
//! that they can be rendered when something changes and served from memory. Each file
//! holds one page's view and its rendering; its template lies beside it.

pub mod advice;
pub mod bars;
pub mod check;
pub mod history;
pub mod home;
pub mod outage;
pub mod outages;
pub mod words;

/// Renders a template. Templates are checked when the crate is built and write to memory,
/// so a failure is a fault of ours: it is logged, and the reader gets an empty page with
/// status 500 rather than half a page.
fn rendered(template: &impl askama::Template) -> String {
    template.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be rendered");
        String::new()
    })
}
