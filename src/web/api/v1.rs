//! Our own JSON: states, components, outages. Times are RFC 3339 in UTC, spans are whole
//! seconds. Names are for people; keys (`id`, `state`, `fault`) are for programs.

use serde::Serialize;

use super::json;
use crate::domain::{Fault, Moment};
use crate::web::lang::Lang;
use crate::web::public::words;
use crate::web::site::Site;
use crate::web::snapshot::{
    Change, Component, ErrorPage, Gap, Outage, Overall, Reason, Severity, Snapshot, State,
};
use crate::web::texts::Texts;

#[derive(Serialize)]
struct Status<'a> {
    as_of: String,
    rehearsal: bool,
    site: SiteOut<'a>,
    state: &'static str,
    components: Vec<ComponentOut>,
    open_outages: Vec<&'a str>,
    uploads: Vec<UploadOut<'a>>,
}

#[derive(Serialize)]
struct SiteOut<'a> {
    name: &'a str,
    url: &'a str,
}

#[derive(Serialize)]
struct UploadOut<'a> {
    kind: &'a str,
    bytes: u64,
    accepted: bool,
    within_limit: bool,
    tried_at: String,
}

#[derive(Serialize)]
struct Components {
    as_of: String,
    components: Vec<ComponentOut>,
}

#[derive(Serialize)]
struct ComponentOut {
    id: String,
    name: Name,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    since: Option<String>,
    observed_at: Option<String>,
}

/// A name in every language.
#[derive(Serialize)]
struct Name {
    id: String,
    en: String,
}

#[derive(Serialize)]
struct Outages<'a> {
    as_of: String,
    outages: Vec<OutageOut<'a>>,
}

#[derive(Serialize)]
struct OutageOut<'a> {
    id: &'a str,
    url: String,
    component: &'a str,
    severity: &'static str,
    planned: bool,
    intermittent: bool,
    started_at: String,
    confirmed_at: Option<String>,
    ended_at: Option<String>,
    down_seconds: Option<u64>,
    fault: Option<&'static str>,
    host: Option<&'a str>,
    step: Option<&'a str>,
    failed_runs: u64,
    runs: u64,
    vantages: &'a [String],
    error_pages: Vec<ErrorPageOut<'a>>,
    updates: Vec<UpdateOut<'a>>,
    monitoring_gaps: Vec<GapOut>,
}

#[derive(Serialize)]
struct ErrorPageOut<'a> {
    title: &'a str,
    fingerprint: &'a str,
    count: u64,
    first_at: String,
    vantages: u64,
}

#[derive(Serialize)]
struct UpdateOut<'a> {
    at: String,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct GapOut {
    from: String,
    to: Option<String>,
    why: &'static str,
}

/// `GET /api/v1/status`
pub fn status(site: &Site, snapshot: &Snapshot) -> Vec<u8> {
    json(&Status {
        as_of: snapshot.as_of.to_string(),
        rehearsal: site.rehearsal,
        site: SiteOut {
            name: &site.name,
            url: &site.url,
        },
        state: overall(snapshot.overall()),
        components: snapshot.components.iter().map(component).collect(),
        open_outages: snapshot.open().map(|outage| outage.id.as_str()).collect(),
        uploads: snapshot
            .ladder
            .iter()
            .map(|rung| UploadOut {
                kind: &rung.kind,
                bytes: rung.size,
                accepted: rung.accepted,
                within_limit: rung.allowed,
                tried_at: rung.tried_at.to_string(),
            })
            .collect(),
    })
}

/// `GET /api/v1/components`
pub fn components(snapshot: &Snapshot) -> Vec<u8> {
    json(&Components {
        as_of: snapshot.as_of.to_string(),
        components: snapshot.components.iter().map(component).collect(),
    })
}

/// `GET /api/v1/outages`: the open ones and those of the last 90 days.
pub fn outages(site: &Site, snapshot: &Snapshot) -> Vec<u8> {
    json(&Outages {
        as_of: snapshot.as_of.to_string(),
        outages: snapshot
            .outages
            .iter()
            .map(|outage| outage_out(site, outage))
            .collect(),
    })
}

/// `GET /api/v1/outages/{id}`
pub fn outage(site: &Site, outage: &Outage) -> Vec<u8> {
    json(&outage_out(site, outage))
}

fn outage_out<'a>(site: &Site, outage: &'a Outage) -> OutageOut<'a> {
    OutageOut {
        id: &outage.id,
        url: format!("{}/outages/{}", site.own_url, outage.id),
        component: outage.component.as_str(),
        severity: severity(outage.severity),
        planned: outage.planned,
        intermittent: outage.intermittent,
        started_at: outage.started_at.to_string(),
        confirmed_at: time(outage.confirmed_at),
        ended_at: time(outage.ended_at),
        down_seconds: outage.down.map(|down| down.as_secs()),
        fault: outage.fault.map(Fault::as_str),
        host: outage.host.as_deref(),
        step: outage.step.as_deref(),
        failed_runs: outage.failures,
        runs: outage.runs,
        vantages: &outage.vantages,
        error_pages: outage.error_pages.iter().map(error_page).collect(),
        updates: outage
            .updates
            .iter()
            .map(|update| {
                let (what, detail) = change(&update.what);
                UpdateOut {
                    at: update.at.to_string(),
                    what,
                    detail,
                }
            })
            .collect(),
        monitoring_gaps: outage.gaps.iter().map(gap).collect(),
    }
}

fn component(component: &Component) -> ComponentOut {
    let name = |lang| words::component(Texts::of(lang), &component.id);
    ComponentOut {
        id: component.id.to_string(),
        name: Name {
            id: name(Lang::Id),
            en: name(Lang::En),
        },
        state: state(component.state),
        reason: match component.state {
            State::Unknown(reason) => Some(reason_key(reason)),
            _ => None,
        },
        since: time(component.since),
        observed_at: time(component.observed_at),
    }
}

fn error_page(page: &ErrorPage) -> ErrorPageOut<'_> {
    ErrorPageOut {
        title: &page.title,
        fingerprint: &page.fingerprint,
        count: page.count,
        first_at: page.first_at.to_string(),
        vantages: page.vantages,
    }
}

fn gap(gap: &Gap) -> GapOut {
    GapOut {
        from: gap.from.to_string(),
        to: time(gap.to),
        why: gap.why.as_str(),
    }
}

fn time(moment: Option<Moment>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

fn change(what: &Change) -> (&'static str, Option<&str>) {
    match what {
        Change::Began(fault) => ("began", fault.map(Fault::as_str)),
        Change::Confirmed => ("confirmed", None),
        Change::Became(to) => ("became", Some(severity(*to))),
        Change::Intermittent => ("intermittent", None),
        Change::Fault(fault) => ("fault", Some(fault.as_str())),
        Change::Recovering => ("recovering", None),
        Change::Ended => ("ended", None),
        Change::Note(text) => ("note", Some(text)),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Operational => "operational",
        State::Degraded => "degraded",
        State::PartialOutage => "partial_outage",
        State::Outage => "outage",
        State::Unknown(_) => "unknown",
        State::Maintenance => "maintenance",
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Degraded => "degraded",
        Severity::Partial => "partial_outage",
        Severity::Outage => "outage",
    }
}

fn overall(overall: Overall) -> &'static str {
    match overall {
        Overall::Operational => "operational",
        Overall::PartlyUnknown => "partly_unknown",
        Overall::Unknown => "unknown",
        Overall::Maintenance => "maintenance",
        Overall::Degraded => "degraded",
        Overall::PartialOutage => "partial_outage",
        Overall::Outage => "outage",
    }
}

fn reason_key(reason: Reason) -> &'static str {
    match reason {
        Reason::NoData => "no_data",
        Reason::Stale => "stale",
        Reason::NotReached => "not_reached",
        Reason::RecordsUnreadable => "records_unreadable",
        Reason::Inconclusive(why) => why.as_str(),
    }
}
