//! Our own JSON: states, components, outages. Times are RFC 3339 in UTC, spans are whole
//! seconds. Names are for people; keys (`id`, `state`, `fault`) are for programs.

use serde::Serialize;

use super::json;
use crate::domain::diagnosis::{Cause, Diagnosis};
use crate::domain::history::Gap;
use crate::domain::names::StepNames;
use crate::domain::outage::{Effect, State};
use crate::domain::{BilingualName, Fault, Moment};
use crate::web::lang::Lang;
use crate::web::public::words;
use crate::web::site::Site;
use crate::web::snapshot::{Component, ErrorPage, Outage, Overall, Snapshot};
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

impl From<&BilingualName> for Name {
    fn from(name: &BilingualName) -> Self {
        Name {
            id: name.id().to_owned(),
            en: name.en().to_owned(),
        }
    }
}

#[derive(Serialize)]
struct Outages<'a> {
    as_of: String,
    outages: Vec<OutageOut<'a>>,
}

#[derive(Serialize)]
struct OutageOut<'a> {
    id: &'a str,
    version: i64,
    url: String,
    component: &'a str,
    /// While it lasts as it is now, then as it was at its worst.
    state: &'static str,
    planned: bool,
    intermittent: bool,
    began_at: String,
    confirmed_at: String,
    ended_at: Option<String>,
    down_seconds: Option<i64>,
    fault: Option<&'static str>,
    diagnosis: Option<DiagnosisOut<'a>>,
    flow: &'a str,
    flow_name: Name,
    /// In English; empty where it is not known.
    step: String,
    step_key: Option<String>,
    step_name: Option<Name>,
    failures: u64,
    vantages: u64,
    error_pages: Vec<ErrorPageOut<'a>>,
    updates: Vec<UpdateOut<'a>>,
    monitoring_gaps: Vec<GapOut<'a>>,
}

/// Where the fault lies: a word, what belongs to it, and the sentence of the pages.
#[derive(Serialize)]
struct DiagnosisOut<'a> {
    is: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_name: Option<Name>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<CauseOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<&'static str>,
    text: Name,
}

/// What stops the page in a browser. The text of a script's error is not told: the site
/// writes it.
#[derive(Serialize)]
struct CauseOut<'a> {
    is: &'static str,
    #[serde(flatten)]
    part: Option<PartOut<'a>>,
}

/// The part that is missing; the path only where everyone may read it.
#[derive(Serialize)]
struct PartOut<'a> {
    kind: &'static str,
    path: Option<&'a str>,
    status: Option<u16>,
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
    effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<DiagnosisOut<'a>>,
}

#[derive(Serialize)]
struct GapOut<'a> {
    vantage: &'a str,
    from: String,
    to: Option<String>,
    why: &'a str,
}

/// `GET /api/v1/status`
pub fn status(site: &Site, snapshot: &Snapshot) -> Vec<u8> {
    json(&Status {
        as_of: snapshot.as_of.to_string(),
        rehearsal: site.rehearsal,
        site: SiteOut {
            name: &site.name_id,
            url: &site.url,
        },
        state: overall(snapshot.overall()),
        components: snapshot
            .components
            .iter()
            .map(|one| component(site, one))
            .collect(),
        open_outages: snapshot
            .open()
            .map(|outage| outage.record.id.as_str())
            .collect(),
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
pub fn components(site: &Site, snapshot: &Snapshot) -> Vec<u8> {
    json(&Components {
        as_of: snapshot.as_of.to_string(),
        components: snapshot
            .components
            .iter()
            .map(|one| component(site, one))
            .collect(),
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
    let record = &outage.record;
    let names = outage.names();
    let step = (!record.step.is_empty()).then(|| names.step(&record.step));
    OutageOut {
        id: &record.id,
        version: record.version,
        url: format!("{}/outages/{}", site.own_url, record.id),
        component: record.component.as_str(),
        state: State::Trouble(outage.severity()).as_str(),
        planned: record.planned,
        intermittent: record.intermittent,
        began_at: record.began_at.to_string(),
        confirmed_at: record.confirmed_at.to_string(),
        ended_at: time(record.ended_at),
        down_seconds: record.ended_at.map(|_| record.down_ms / 1000),
        fault: record.fault.map(Fault::as_str),
        diagnosis: (record.diagnosis.as_ref()).map(|found| diagnosis(names, found)),
        flow: &record.flow,
        flow_name: Name::from(&names.flow()),
        step: step
            .as_ref()
            .map_or(String::new(), |step| step.en().to_owned()),
        step_key: step.as_ref().map(|step| step.key().to_owned()),
        step_name: step.as_ref().map(|step| Name::from(step.name())),
        failures: outage.failures,
        vantages: outage.vantage_count,
        error_pages: outage.error_pages.iter().map(error_page).collect(),
        updates: outage
            .updates
            .iter()
            .map(|update| effect(names, update.at, &update.effect))
            .collect(),
        monitoring_gaps: outage.gaps.iter().map(gap).collect(),
    }
}

fn component(site: &Site, component: &Component) -> ComponentOut {
    let name = |lang| site.component(Texts::of(lang), &component.id);
    ComponentOut {
        id: component.id.to_string(),
        name: Name {
            id: name(Lang::Id),
            en: name(Lang::En),
        },
        state: component.state.as_str(),
        reason: match component.state {
            State::Unknown(why) => Some(why.as_str()),
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

fn gap(gap: &Gap) -> GapOut<'_> {
    GapOut {
        vantage: &gap.vantage,
        from: gap.began_at.to_string(),
        to: time(gap.ended_at),
        why: &gap.why,
    }
}

fn time(moment: Option<Moment>) -> Option<String> {
    moment.map(|moment| moment.to_string())
}

fn diagnosis<'a>(names: StepNames<'_>, diagnosis: &'a Diagnosis) -> DiagnosisOut<'a> {
    let text = |lang| words::diagnosis(Texts::of(lang), names, diagnosis);
    let step = diagnosis.step().map(|step| names.step(step));
    DiagnosisOut {
        is: diagnosis.as_str(),
        step: step.as_ref().map(|step| step.en().to_owned()),
        step_key: step.as_ref().map(|step| step.key().to_owned()),
        step_name: step.as_ref().map(|step| Name::from(step.name())),
        cause: diagnosis.cause().map(|cause| CauseOut {
            is: cause.as_str(),
            part: match cause {
                Cause::ScriptError(_) => None,
                Cause::MissingAsset(asset) => Some(PartOut {
                    kind: asset.kind.as_str(),
                    path: asset.public_path(),
                    status: asset.status,
                }),
            },
        }),
        layer: match diagnosis {
            Diagnosis::Network { layer } => Some(layer.as_str()),
            _ => None,
        },
        engine: match diagnosis {
            Diagnosis::OneEngine { engine, .. } => Some(engine.as_str()),
            _ => None,
        },
        text: Name {
            id: text(Lang::Id),
            en: text(Lang::En),
        },
    }
}

fn effect<'a>(names: StepNames<'_>, at: Moment, effect: &'a Effect) -> UpdateOut<'a> {
    let (word, severity, fault) = match effect {
        Effect::Opened {
            severity, fault, ..
        } => ("opened", Some(*severity), *fault),
        Effect::Worsened {
            severity, fault, ..
        } => ("worsened", Some(*severity), *fault),
        Effect::Eased { severity, .. } => ("eased", Some(*severity), None),
        Effect::Overran { severity, .. } => ("overran", Some(*severity), None),
        Effect::Diagnosed { .. } => ("diagnosed", None, None),
        Effect::Closed { .. } => ("closed", None, None),
    };
    UpdateOut {
        at: at.to_string(),
        effect: word,
        state: severity.map(|severity| State::Trouble(severity).as_str()),
        fault: fault.map(Fault::as_str),
        diagnosis: match effect {
            Effect::Diagnosed {
                diagnosis: found, ..
            } => Some(diagnosis(names, found)),
            _ => None,
        },
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
