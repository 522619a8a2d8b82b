//! What states, faults and reasons are called and how they look: the one place where a
//! value becomes a word, a colour class and an icon.

use crate::domain::diagnosis::{Cause, Diagnosis, Layer, Unclear};
use crate::domain::history::Gap;
use crate::domain::names::StepNames;
use crate::domain::outage::{Effect, Severity, State, Unseen};
use crate::domain::run::AssetKind;
use crate::domain::{ComponentId, Engine, Fault};
use crate::web::format::Format;
use crate::web::snapshot::{DayKind, Outage, Overall};
use crate::web::texts::Texts;

/// A state as a reader sees it: a word, a colour class and an icon. Never the colour alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Badge {
    /// The word.
    pub word: String,
    /// The class suffix in the stylesheet: `up`, `slow`, `partial`, `down`, `unknown`, `planned`.
    pub look: &'static str,
    /// The icon's path in a 20×20 box.
    pub icon: &'static str,
}

const UP: (&str, &str) = (
    "up",
    "M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm4.6 6.8-5.3 6a1 1 0 0 1-1.5 0l-2.5-2.7 1.5-1.4 1.7 1.9 4.6-5.1 1.5 1.3Z",
);
const SLOW: (&str, &str) = (
    "slow",
    "M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm1 4v4.6l3.2 3.2-1.4 1.4L9 10.4V5h2Z",
);
const PARTIAL: (&str, &str) = (
    "partial",
    "M8.6 2.1a1.6 1.6 0 0 1 2.8 0l7.9 14a1.6 1.6 0 0 1-1.4 2.4H2.1a1.6 1.6 0 0 1-1.4-2.4l7.9-14ZM9 7v5h2V7H9Zm0 6.5v2h2v-2H9Z",
);
const DOWN: (&str, &str) = (
    "down",
    "M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3L6.3 1Zm.8 4.7L5.7 7.1 8.6 10l-2.9 2.9 1.4 1.4 2.9-2.9 2.9 2.9 1.4-1.4-2.9-2.9 2.9-2.9-1.4-1.4L10 8.6 7.1 5.7Z",
);
const UNKNOWN: (&str, &str) = (
    "unknown",
    "M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm0 2a7 7 0 1 1 0 14 7 7 0 0 1 0-14Zm.1 2C8 5 6.8 6.2 6.7 8h2c.1-.8.5-1.3 1.3-1.3.7 0 1.2.4 1.2 1 0 .7-.4 1-1 1.5-.8.6-1.3 1.2-1.3 2.4v.4h2v-.3c0-.6.3-.9 1-1.4.8-.6 1.4-1.3 1.4-2.6C13.3 6.1 12 5 10.1 5ZM9 13.5v2h2v-2H9Z",
);
/// A refusal that is right: nothing is wrong with the site.
const OVER_LIMIT: (&str, &str) = (
    "unknown",
    "M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM5 9h10v2H5V9Z",
);
const PLANNED: (&str, &str) = (
    "planned",
    "M17.8 5.2a5 5 0 0 1-6.6 6.1l-6 6a1.8 1.8 0 0 1-2.5-2.5l6-6a5 5 0 0 1 6.1-6.6L11.9 5.1l.5 2.5 2.5.5 2.9-2.9Z",
);

impl Badge {
    fn new(t: Texts, key: &str, (look, icon): (&'static str, &'static str)) -> Badge {
        Badge {
            word: t.get(key),
            look,
            icon,
        }
    }

    /// Of a component.
    pub fn of_state(t: Texts, state: State) -> Badge {
        match state {
            State::Operational => Badge::new(t, "state-operational", UP),
            State::Trouble(severity) => Badge::of_severity(t, severity),
            State::Unknown(_) => Badge::new(t, "state-unknown", UNKNOWN),
            State::Maintenance => Badge::new(t, "state-maintenance", PLANNED),
        }
    }

    /// Of a document that the site took, or refused though its limit allows it, or refused
    /// because it is over the limit.
    pub fn of_upload(t: Texts, accepted: bool, allowed: bool) -> Badge {
        match (accepted, allowed) {
            (true, _) => Badge::new(t, "rung-accepted", UP),
            (false, true) => Badge::new(t, "rung-refused", DOWN),
            (false, false) => Badge::new(t, "rung-over-limit", OVER_LIMIT),
        }
    }

    /// Of the site as a whole.
    pub fn of_overall(t: Texts, overall: Overall) -> Badge {
        match overall {
            Overall::Operational => Badge::new(t, "state-operational", UP),
            Overall::PartlyUnknown | Overall::Unknown => Badge::new(t, "state-unknown", UNKNOWN),
            Overall::Maintenance => Badge::new(t, "state-maintenance", PLANNED),
            Overall::Degraded => Badge::new(t, "state-degraded", SLOW),
            Overall::PartialOutage => Badge::new(t, "state-partial-outage", PARTIAL),
            Overall::Outage => Badge::new(t, "state-outage", DOWN),
        }
    }

    /// Of an outage's severity.
    pub fn of_severity(t: Texts, severity: Severity) -> Badge {
        match severity {
            Severity::Degraded => Badge::new(t, "state-degraded", SLOW),
            Severity::Partial => Badge::new(t, "state-partial-outage", PARTIAL),
            Severity::Down => Badge::new(t, "state-outage", DOWN),
        }
    }

    /// Of an outage: announced maintenance is told as such.
    pub fn of_outage(t: Texts, outage: &Outage) -> Badge {
        if outage.record.planned {
            Badge::new(t, "state-maintenance", PLANNED)
        } else {
            Badge::of_severity(t, outage.severity())
        }
    }

    /// Of an outage that is over.
    pub fn recovered(t: Texts) -> Badge {
        Badge::new(t, "state-recovered", UP)
    }

    /// Of a day.
    pub fn of_day(t: Texts, kind: DayKind) -> Badge {
        match kind {
            DayKind::NoData => Badge::new(t, "day-no-data", UNKNOWN),
            DayKind::Operational => Badge::new(t, "day-operational", UP),
            DayKind::Maintenance => Badge::new(t, "state-maintenance", PLANNED),
            DayKind::Degraded => Badge::new(t, "state-degraded", SLOW),
            DayKind::Partial => Badge::new(t, "state-partial-outage", PARTIAL),
            DayKind::Outage => Badge::new(t, "state-outage", DOWN),
        }
    }
}

/// The built-in name of a component. One that no text knows is called by its key.
pub fn component(t: Texts, id: &ComponentId) -> String {
    let key = match id.as_str() {
        "website" => "component-website",
        "sign-in" => "component-sign-in",
        "application" => "component-application",
        "upload" => "component-upload",
        "submission" => "component-submission",
        "payment" => "component-payment",
        "notification" => "component-notification",
        "tracking" => "component-tracking",
        other => {
            let mut words = other.replace('-', " ");
            if let Some(first) = words.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            return words;
        }
    };
    t.get(key)
}

/// What kind of failure it is, in a sentence that needs no technical word.
pub fn fault(t: Texts, fault: Fault) -> String {
    t.get(match fault {
        Fault::Dns => "fault-dns",
        Fault::Connect => "fault-connect",
        Fault::Tls => "fault-tls",
        Fault::Timeout => "fault-timeout",
        Fault::Status => "fault-status",
        Fault::ErrorPage => "fault-error-page",
        Fault::Content => "fault-content",
        Fault::UploadRefused => "fault-upload-refused",
        Fault::SessionLost => "fault-session-lost",
        Fault::MailMissing => "fault-mail-missing",
        Fault::Script => "fault-script",
        Fault::Captcha => "fault-captcha",
    })
}

/// What a step is called that rows know as `known_as`.
pub fn step(t: Texts, names: StepNames<'_>, known_as: &str) -> String {
    t.lang().name(names.step(known_as).name()).to_owned()
}

/// Where the fault lies, in one sentence for everyone. Of the site's own texts it quotes
/// nothing but the plain path of a missing part: whoever writes an error's text must not
/// write on our pages.
pub fn diagnosis(t: Texts, names: StepNames<'_>, diagnosis: &Diagnosis) -> String {
    match diagnosis {
        Diagnosis::FrontEnd { cause: None, .. } => t.get("diagnosis-front-end"),
        Diagnosis::FrontEnd {
            cause: Some(Cause::ScriptError(_)),
            ..
        } => t.get("diagnosis-script-error"),
        Diagnosis::FrontEnd {
            cause: Some(Cause::MissingAsset(asset)),
            ..
        } => {
            let status = asset.status.map(|status| status.to_string());
            match (asset.public_path(), status) {
                (Some(path), Some(status)) => t.with(
                    "diagnosis-asset-answers",
                    [("path", path.to_owned().into()), ("status", status.into())],
                ),
                (Some(path), None) => t.with(
                    "diagnosis-asset-stays-out",
                    [("path", path.to_owned().into())],
                ),
                (None, _) if asset.kind == AssetKind::Data => t.get("diagnosis-data"),
                (None, _) => t.get("diagnosis-asset"),
            }
        }
        Diagnosis::Server { step: at } => {
            t.with("diagnosis-server", [("step", step(t, names, at).into())])
        }
        Diagnosis::Network { layer } => t.get(match layer {
            Layer::Dns => "diagnosis-dns",
            Layer::Connect => "diagnosis-connect",
            Layer::Tls => "diagnosis-tls",
        }),
        Diagnosis::PlainRefused { .. } => t.get("diagnosis-plain-refused"),
        Diagnosis::OneEngine { engine, .. } => t.get(match engine {
            Engine::Http => "diagnosis-http-only",
            Engine::Browser => "diagnosis-browser-only",
        }),
        Diagnosis::Unclear { why } => t.get(match why {
            Unclear::Captcha => "diagnosis-captcha",
            Unclear::OtherSteps => "diagnosis-other-steps",
            Unclear::AtTimes => "diagnosis-at-times",
            Unclear::Disagree => "diagnosis-disagree",
        }),
    }
}

/// Where the fault lies, in few words for lists; `None` where it cannot be told.
pub fn diagnosis_short(t: Texts, diagnosis: &Diagnosis) -> Option<String> {
    Some(t.get(match diagnosis {
        Diagnosis::FrontEnd { .. } => "diagnosis-short-front-end",
        Diagnosis::Server { .. } => "diagnosis-short-server",
        Diagnosis::Network { .. } => "diagnosis-short-network",
        Diagnosis::PlainRefused { .. } => "diagnosis-short-plain-refused",
        Diagnosis::OneEngine { .. } | Diagnosis::Unclear { .. } => return None,
    }))
}

/// What the browser said of it, for staff: the site's own words, quoted as text.
pub fn diagnosis_detail(t: Texts, diagnosis: &Diagnosis) -> Option<String> {
    let text = diagnosis.cause()?.to_string();
    Some(t.with("diagnosis-detail", [("text", text.into())]))
}

/// Why nothing is known of a component.
pub fn reason(t: Texts, why: Unseen) -> String {
    t.get(match why {
        Unseen::NoData => "reason-no-data",
        Unseen::Stale => "reason-stale",
        Unseen::NotReached => "reason-not-reached",
        Unseen::NotConfigured => "reason-not-configured",
        Unseen::CutOff => "reason-cut-off",
        Unseen::Ourselves => "reason-ourselves",
        Unseen::Blocked => "reason-blocked",
        Unseen::Confirming => "reason-confirming",
    })
}

/// An entry of a timeline.
pub fn effect(t: Texts, names: StepNames<'_>, effect: &Effect) -> String {
    let became = |severity: Severity| {
        t.with(
            "effect-became",
            [("state", Badge::of_severity(t, severity).word.into())],
        )
    };
    match effect {
        Effect::Opened { fault: None, .. } => t.get("effect-opened"),
        Effect::Opened {
            fault: Some(kind), ..
        } => t.with("effect-opened-with", [("fault", fault(t, *kind).into())]),
        Effect::Worsened {
            severity,
            fault: Some(kind),
            ..
        } => format!("{} {}", became(*severity), fault(t, *kind)),
        Effect::Worsened { severity, .. } | Effect::Eased { severity, .. } => became(*severity),
        Effect::Overran { .. } => t.get("effect-overran"),
        Effect::Diagnosed {
            diagnosis: found, ..
        } => diagnosis(t, names, found),
        Effect::Closed { .. } => t.get("effect-closed"),
    }
}

/// Gaps in our own watch, each in one line: from, to, why.
pub fn gaps<'g>(t: Texts, format: Format, gaps: impl IntoIterator<Item = &'g Gap>) -> Vec<String> {
    gaps.into_iter().map(|one| gap(t, format, one)).collect()
}

fn gap(t: Texts, format: Format, gap: &Gap) -> String {
    let from = format.day_time(gap.began_at);
    let why = t.get(match gap.why.as_str() {
        "cut_off" => "reason-cut-off",
        "stopped" => "gap-stopped",
        "asleep" => "gap-asleep",
        "clock" => "gap-clock",
        _ => "reason-ourselves",
    });
    match gap.ended_at {
        Some(to) => t.with(
            "gap-closed",
            [
                ("from", from.into()),
                ("to", format.day_time(to).into()),
                ("why", why.into()),
            ],
        ),
        None => t.with("gap-open", [("from", from.into()), ("why", why.into())]),
    }
}
