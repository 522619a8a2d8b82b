//! "What to do now": the six pieces of advice that the Directorate General of Immigration
//! gave for an error on its site, ordered and worded by the state of the site. They are:
//! check connection and file size and try another device; take a screenshot; contact the
//! immigration office; only for repeated trouble, and whoever submitted stays at home; the
//! guarantor may act for someone abroad; come within 30 days of arrival.

use crate::web::format::Format;
use crate::web::layout::Layout;
use crate::web::snapshot::{Overall, Snapshot};

/// A thing to do, with where to do it.
#[derive(Clone, Debug)]
pub struct Step {
    /// In a few words.
    pub title: String,
    /// In one or two sentences.
    pub text: String,
    /// Where to go for it: address and words.
    pub link: Option<(String, String)>,
}

/// What to do now.
#[derive(Clone, Debug)]
pub struct Advice {
    /// To be done in this order.
    pub steps: Vec<Step>,
    /// What holds whatever the state.
    pub also: Vec<Step>,
}

/// The advice for the state that the snapshot shows.
pub fn advice(layout: &Layout<'_>, snapshot: &Snapshot) -> Advice {
    let t = layout.t;
    let step = |title: &str, text: String, link: Option<(&str, &str)>| Step {
        title: t.get(title),
        text,
        link: link.map(|(path, key)| (layout.to(path), t.get(key))),
    };
    let check_link = Some(("/check", "advice-check-link"));
    let report_link = Some(("/report", "advice-report-link"));
    let screenshot = step(
        "advice-screenshot-title",
        t.get("advice-screenshot-text"),
        None,
    );
    let office = step("advice-office-title", t.get("advice-office-text"), None);
    let steps = match snapshot.overall() {
        Overall::Outage | Overall::PartialOutage => {
            let failing = layout.site.component_list(t, snapshot.failing());
            vec![
                step(
                    "advice-not-you-title",
                    t.with("advice-not-you-text", [("components", failing.into())]),
                    None,
                ),
                screenshot,
                step(
                    "advice-report-title",
                    t.get("advice-report-text"),
                    report_link,
                ),
                office,
            ]
        }
        Overall::Maintenance => vec![
            step("advice-wait-title", t.get("advice-wait-text"), None),
            step("advice-billing-title", t.get("advice-billing-text"), None),
            step(
                "advice-report-title",
                t.get("advice-report-later-text"),
                report_link,
            ),
        ],
        overall => {
            let first = match overall {
                Overall::Operational => "advice-check-up-text",
                Overall::Degraded => "advice-check-slow-text",
                _ => "advice-check-unknown-text",
            };
            vec![
                step("advice-check-title", t.get(first), check_link),
                screenshot,
                step(
                    "advice-report-title",
                    t.get("advice-report-text"),
                    report_link,
                ),
                office,
            ]
        }
    };
    let mut also = vec![
        step("advice-repeated-title", t.get("advice-repeated-text"), None),
        step(
            "advice-submitted-title",
            t.get("advice-submitted-text"),
            None,
        ),
        step(
            "advice-guarantor-title",
            t.get("advice-guarantor-text"),
            None,
        ),
        step("advice-arrival-title", t.get("advice-arrival-text"), None),
    ];
    if let Some(rupiah) = layout.site.overstay_per_day_idr {
        let format = Format::new(layout.lang, layout.site.zone);
        let charge = [("charge", format.rupiah(rupiah).into())];
        also.push(step(
            "advice-overstay-title",
            t.with("advice-overstay-text", charge),
            None,
        ));
    }
    if let Some(helpdesk) = &layout.site.helpdesk {
        let address = [("address", helpdesk.clone().into())];
        also.push(step(
            "advice-helpdesk-title",
            t.with("advice-helpdesk-text", address),
            None,
        ));
    }
    Advice { steps, also }
}
