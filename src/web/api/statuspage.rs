//! The JSON that status-page clients already read: the shape of Atlassian Statuspage's
//! public API, version 2, in English.
//!
//! That shape has no word for *unknown*. An unknown component is told as
//! `degraded_performance` with a description that begins "Unknown:", and the page's
//! indicator is then at least `minor`. Left out, a client that lists what it is given
//! would show all green; `under_maintenance` would claim that somebody planned it; and the
//! outage words would claim a failure that nobody saw. The mildest word that is not green
//! is the most honest of those there are.

use serde::Serialize;

use super::json;
use crate::domain::Moment;
use crate::domain::outage::{Effect, Severity, State};
use crate::web::lang::Lang;
use crate::web::public::words::{self, Badge};
use crate::web::site::Site;
use crate::web::snapshot::{Component, Maintenance, Outage, Overall, Snapshot};
use crate::web::texts::Texts;

const PAGE_ID: &str = "siaga";

#[derive(Serialize)]
struct Summary<'a> {
    page: Page<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<Vec<ComponentOut>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    incidents: Option<Vec<Incident>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_maintenances: Option<Vec<Incident>>,
}

#[derive(Serialize)]
struct Page<'a> {
    id: &'static str,
    name: &'a str,
    url: &'a str,
    time_zone: &'static str,
    updated_at: String,
}

#[derive(Serialize)]
struct Status {
    indicator: &'static str,
    description: String,
}

#[derive(Clone, Serialize)]
struct ComponentOut {
    id: String,
    name: String,
    status: &'static str,
    created_at: String,
    updated_at: String,
    position: usize,
    description: Option<String>,
    showcase: bool,
    start_date: Option<String>,
    group_id: Option<String>,
    page_id: &'static str,
    group: bool,
    only_show_if_degraded: bool,
}

#[derive(Serialize)]
struct Incident {
    id: String,
    name: String,
    status: &'static str,
    created_at: String,
    updated_at: String,
    monitoring_at: Option<String>,
    resolved_at: Option<String>,
    impact: &'static str,
    shortlink: String,
    started_at: String,
    page_id: &'static str,
    incident_updates: Vec<IncidentUpdate>,
    components: Vec<ComponentOut>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_until: Option<String>,
}

#[derive(Serialize)]
struct IncidentUpdate {
    id: String,
    status: &'static str,
    body: String,
    incident_id: String,
    created_at: String,
    updated_at: String,
    display_at: String,
}

/// The five files: name and content. `summary.json` holds the open incidents,
/// `incidents.json` those of the last 90 days.
pub fn files(site: &Site, snapshot: &Snapshot) -> [(&'static str, Vec<u8>); 5] {
    let base = || Summary {
        page: page(site, snapshot),
        status: None,
        components: None,
        incidents: None,
        scheduled_maintenances: None,
    };
    let components = components(site, snapshot);
    let incidents = |open_only: bool| -> Vec<Incident> {
        snapshot
            .outages
            .iter()
            .filter(|outage| !open_only || outage.is_open())
            .map(|outage| incident(site, outage, &components))
            .collect()
    };
    let planned = || -> Vec<Incident> {
        snapshot
            .maintenance
            .iter()
            .map(|planned| maintenance(site, planned, snapshot.as_of, &components))
            .collect()
    };
    [
        (
            "/api/v2/summary.json",
            json(&Summary {
                status: Some(status(snapshot)),
                components: Some(components.clone()),
                incidents: Some(incidents(true)),
                scheduled_maintenances: Some(planned()),
                ..base()
            }),
        ),
        (
            "/api/v2/status.json",
            json(&Summary {
                status: Some(status(snapshot)),
                ..base()
            }),
        ),
        (
            "/api/v2/components.json",
            json(&Summary {
                components: Some(components.clone()),
                ..base()
            }),
        ),
        (
            "/api/v2/incidents.json",
            json(&Summary {
                incidents: Some(incidents(false)),
                ..base()
            }),
        ),
        (
            "/api/v2/scheduled-maintenances.json",
            json(&Summary {
                scheduled_maintenances: Some(planned()),
                ..base()
            }),
        ),
    ]
}

fn page<'a>(site: &'a Site, snapshot: &Snapshot) -> Page<'a> {
    Page {
        id: PAGE_ID,
        name: site.name(Lang::En),
        url: &site.own_url,
        time_zone: site.zone.iana(),
        updated_at: snapshot.as_of.to_string(),
    }
}

fn status(snapshot: &Snapshot) -> Status {
    let t = Texts::of(Lang::En);
    let overall = snapshot.overall();
    let unknown = snapshot
        .components
        .iter()
        .any(|component| matches!(component.state, State::Unknown(_)));
    Status {
        indicator: match overall {
            Overall::Operational => "none",
            // A client that knows only the indicator must not take maintenance of one part
            // for news of another that nobody can see.
            Overall::Maintenance if !unknown => "maintenance",
            Overall::Maintenance
            | Overall::PartlyUnknown
            | Overall::Unknown
            | Overall::Degraded => "minor",
            Overall::PartialOutage => "major",
            Overall::Outage => "critical",
        },
        description: t.get(match overall {
            Overall::Operational => "statuspage-operational",
            Overall::Maintenance => "statuspage-maintenance",
            Overall::PartlyUnknown => "statuspage-partly-unknown",
            Overall::Unknown => "statuspage-unknown",
            Overall::Degraded => "statuspage-degraded",
            Overall::PartialOutage => "statuspage-partial-outage",
            Overall::Outage => "statuspage-outage",
        }),
    }
}

fn components(site: &Site, snapshot: &Snapshot) -> Vec<ComponentOut> {
    snapshot
        .components
        .iter()
        .enumerate()
        .map(|(index, component)| component_out(site, index + 1, component, snapshot))
        .collect()
}

fn component_out(
    site: &Site,
    position: usize,
    component: &Component,
    snapshot: &Snapshot,
) -> ComponentOut {
    let t = Texts::of(Lang::En);
    let created = snapshot.watched_since.unwrap_or(snapshot.as_of);
    let date = |moment: Moment| moment.timestamp().strftime("%Y-%m-%d").to_string();
    ComponentOut {
        id: component.id.to_string(),
        name: site.component(t, &component.id),
        status: match component.state {
            State::Operational => "operational",
            State::Trouble(Severity::Degraded) | State::Unknown(_) => "degraded_performance",
            State::Trouble(Severity::Partial) => "partial_outage",
            State::Trouble(Severity::Down) => "major_outage",
            State::Maintenance => "under_maintenance",
        },
        created_at: created.to_string(),
        updated_at: component.since.unwrap_or(created).to_string(),
        position,
        description: match component.state {
            State::Unknown(reason) => Some(t.with(
                "statuspage-unknown-component",
                [("reason", words::reason(t, reason).into())],
            )),
            _ => None,
        },
        showcase: true,
        start_date: snapshot.watched_since.map(date),
        group_id: None,
        page_id: PAGE_ID,
        group: false,
        only_show_if_degraded: false,
    }
}

fn incident(site: &Site, outage: &Outage, components: &[ComponentOut]) -> Incident {
    let t = Texts::of(Lang::En);
    let record = &outage.record;
    let updated = outage
        .updates
        .last()
        .map_or(record.confirmed_at, |update| update.recorded_at);
    Incident {
        id: record.id.clone(),
        name: t.with(
            "statuspage-incident",
            [
                ("component", site.component(t, &record.component).into()),
                ("state", Badge::of_outage(t, outage).word.into()),
            ],
        ),
        status: if outage.is_open() {
            "identified"
        } else {
            "resolved"
        },
        created_at: record.began_at.to_string(),
        updated_at: updated.to_string(),
        monitoring_at: None,
        resolved_at: record.ended_at.map(|ended| ended.to_string()),
        impact: match outage.severity() {
            _ if record.planned => "maintenance",
            Severity::Degraded => "minor",
            Severity::Partial => "major",
            Severity::Down => "critical",
        },
        shortlink: format!("{}/outages/{}", site.own_url, record.id),
        started_at: record.began_at.to_string(),
        page_id: PAGE_ID,
        incident_updates: updates(t, outage),
        components: of(components, |id| id == record.component.as_str()),
        scheduled_for: None,
        scheduled_until: None,
    }
}

/// Newest first, as clients expect.
fn updates(t: Texts, outage: &Outage) -> Vec<IncidentUpdate> {
    let id = &outage.record.id;
    outage
        .updates
        .iter()
        .enumerate()
        .rev()
        .map(|(index, update)| IncidentUpdate {
            id: format!("{id}-{index}"),
            status: match update.effect {
                Effect::Closed { .. } => "resolved",
                _ => "identified",
            },
            body: words::effect(t, outage.names(), &update.effect),
            incident_id: id.clone(),
            created_at: update.recorded_at.to_string(),
            updated_at: update.recorded_at.to_string(),
            display_at: update.at.to_string(),
        })
        .collect()
}

fn maintenance(
    site: &Site,
    planned: &Maintenance,
    as_of: Moment,
    components: &[ComponentOut],
) -> Incident {
    let title = &planned.titles[Lang::En.index()];
    let from = planned.from.to_string();
    let status = if planned.from <= as_of {
        "in_progress"
    } else {
        "scheduled"
    };
    Incident {
        id: planned.id.clone(),
        name: title.clone(),
        status,
        created_at: from.clone(),
        updated_at: from.clone(),
        monitoring_at: None,
        resolved_at: None,
        impact: "maintenance",
        shortlink: format!("{}/", site.own_url),
        started_at: from.clone(),
        page_id: PAGE_ID,
        incident_updates: vec![IncidentUpdate {
            id: format!("{}-0", planned.id),
            status: "scheduled",
            body: match &planned.notice_url {
                Some(notice) => format!("{title} ({notice})"),
                None => title.clone(),
            },
            incident_id: planned.id.clone(),
            created_at: from.clone(),
            updated_at: from.clone(),
            display_at: from.clone(),
        }],
        components: of(components, |id| {
            planned
                .component
                .as_ref()
                .is_none_or(|touched| touched.as_str() == id)
        }),
        scheduled_for: Some(from),
        scheduled_until: Some(planned.until.to_string()),
    }
}

fn of(components: &[ComponentOut], wanted: impl Fn(&str) -> bool) -> Vec<ComponentOut> {
    components
        .iter()
        .filter(|component| wanted(&component.id))
        .cloned()
        .collect()
}
