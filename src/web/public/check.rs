//! The self-check: is it the site, or is it me?

use askama::Template;

use super::home::{Headline, Uploads, headline, uploads};
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::site::Site;
use crate::web::snapshot::{Overall, Snapshot};
use crate::web::texts::Texts;

#[derive(Template)]
#[template(path = "web/public/check.html")]
struct Check<'a> {
    layout: Layout<'a>,
    t: Texts,
    headline: Headline,
    verdict: String,
    uploads: Option<Uploads>,
}

/// The self-check, which begins with what we see ourselves.
pub fn page(site: &Site, lang: Lang, snapshot: &Snapshot) -> String {
    let layout = Layout::new(site, lang, "/check");
    let t = layout.t;
    let verdict = match snapshot.overall() {
        Overall::Outage | Overall::PartialOutage => "check-verdict-down",
        Overall::Operational => "check-verdict-up",
        Overall::Degraded => "check-verdict-slow",
        Overall::Maintenance => "check-verdict-maintenance",
        Overall::Unknown | Overall::PartlyUnknown => "check-verdict-unknown",
    };
    super::rendered(&Check {
        headline: headline(&layout, snapshot),
        verdict: t.get(verdict),
        uploads: uploads(t, Format::new(lang, site.zone), snapshot),
        t,
        layout,
    })
}
