//! What reports, findings and deadlines are called and how they look, for the receipt and
//! for the office.

use std::time::Duration;

use jiff::civil::Date;

use crate::domain::Moment;
use crate::domain::case::{CaseState, Urgency, urgency};
use crate::domain::disk::NoRoom;
use crate::domain::finding::{Finding, Try, Verdict};
use crate::domain::history::Outage;
use crate::domain::names::StepNames;
use crate::domain::outage::{Severity, State, Unseen};
use crate::domain::report::{LeftOut, Role, Submitted};
use crate::web::format::Format;
use crate::web::public::words::{self, Badge};
use crate::web::texts::Texts;

fn badge(t: Texts, key: &str, like: State) -> Badge {
    Badge {
        word: t.get(key),
        ..Badge::of_state(t, like)
    }
}

const SLOW: State = State::Trouble(Severity::Degraded);
const PARTIAL: State = State::Trouble(Severity::Partial);
const DOWN: State = State::Trouble(Severity::Down);
const UNKNOWN: State = State::Unknown(Unseen::NoData);

/// Where a case stands.
pub fn state(t: Texts, state: CaseState) -> Badge {
    match state {
        CaseState::Received => badge(t, "case-received", UNKNOWN),
        CaseState::InReview => badge(t, "case-in-review", SLOW),
        CaseState::Processed => badge(t, "case-processed", State::Operational),
        CaseState::Returned => badge(t, "case-returned", PARTIAL),
    }
}

/// Where a case stands, in a sentence for the applicant.
pub fn state_sentence(t: Texts, state: CaseState) -> String {
    t.get(match state {
        CaseState::Received => "receipt-state-received",
        CaseState::InReview => "receipt-state-in-review",
        CaseState::Processed => "receipt-state-processed",
        CaseState::Returned => "receipt-state-returned",
    })
}

/// Who reports.
pub fn role(t: Texts, role: Role) -> String {
    t.get(match role {
        Role::Holder => "role-holder",
        Role::Guarantor => "role-guarantor",
        Role::Agent => "role-agent",
    })
}

/// How far the application came.
pub fn submitted(t: Texts, submitted: Submitted) -> String {
    t.get(match submitted {
        Submitted::No => "submitted-no",
        Submitted::Yes => "submitted-yes",
        Submitted::Paid => "submitted-paid",
        Submitted::Unsure => "submitted-unsure",
    })
}

/// The kind of permit.
pub fn permit(t: Texts, kind: &str) -> String {
    t.get(match kind {
        "voa" => "permit-voa",
        "itk" => "permit-itk",
        "itas" => "permit-itas",
        "itap" => "permit-itap",
        _ => "permit-other",
    })
}

/// The kind of permit, as tables have it.
pub fn permit_short(t: Texts, kind: &str) -> String {
    t.get(match kind {
        "voa" => "permit-short-voa",
        "itk" => "permit-short-itk",
        "itas" => "permit-short-itas",
        "itap" => "permit-short-itap",
        _ => "permit-short-other",
    })
}

/// The finding in a word.
pub fn verdict(t: Texts, verdict: Verdict) -> Badge {
    match verdict {
        Verdict::Matched => badge(t, "verdict-matched", State::Operational),
        Verdict::Partly => badge(t, "verdict-partly", SLOW),
        Verdict::NotCorroborated => badge(t, "verdict-not-corroborated", UNKNOWN),
        Verdict::LikelyUserSide => badge(t, "verdict-likely-user-side", PARTIAL),
    }
}

/// The finding in a sentence.
pub fn sentence(t: Texts, finding: &Finding) -> String {
    let all = finding.tries.len();
    let hits = finding
        .tries
        .iter()
        .filter(|one| one.outage.is_some())
        .count();
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let key = match finding.verdict {
        Verdict::Matched => "finding-matched",
        Verdict::Partly => "finding-partly",
        Verdict::NotCorroborated => "finding-not-corroborated",
        Verdict::LikelyUserSide => "finding-likely-user-side",
    };
    let arguments = [("all", number(all).into()), ("hits", number(hits).into())];
    let sentence = t.with(key, arguments);
    if finding.tries.iter().any(|one| one.blind) {
        format!("{sentence} {}", t.get("finding-blind"))
    } else {
        sentence
    }
}

/// How much of the hour and of the twelve hours before the last try were an outage.
pub fn overlap(t: Texts, format: Format, finding: &Finding) -> Option<String> {
    let span = |ms: i64| format.span(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
    (finding.last_12_hours_ms > 0).then(|| {
        t.with(
            "finding-overlap",
            [
                ("hour", span(finding.last_hour_ms).into()),
                ("twelve", span(finding.last_12_hours_ms).into()),
            ],
        )
    })
}

/// A try of an applicant, held against what we saw.
pub struct TryLine {
    /// When, on the office's clocks.
    pub at: String,
    /// What we saw then.
    pub what: String,
}

/// Every try in a line.
pub fn tries(t: Texts, format: Format, tries: &[Try]) -> Vec<TryLine> {
    tries
        .iter()
        .map(|one| TryLine {
            at: format.moment(one.at),
            what: t.get(if one.outage.is_some() {
                "try-outage"
            } else if one.blind {
                "try-blind"
            } else if one.seen_working {
                "try-working"
            } else {
                "try-nothing"
            }),
        })
        .collect()
}

/// How urgent a permit is: badge in words with the days left.
pub fn deadline(t: Texts, expires: Option<Date>, today: Date) -> Badge {
    let (how, left) = urgency(expires, today);
    let Some(left) = left else {
        return badge(t, "deadline-unknown", UNKNOWN);
    };
    let days = [("days", u64::from(left.unsigned_abs()).into())];
    let (word, like) = match how {
        Urgency::Overdue => (t.with("deadline-overdue", days), DOWN),
        Urgency::Days3 if left == 0 => (t.get("deadline-today"), PARTIAL),
        Urgency::Days3 => (t.with("deadline-left", days), PARTIAL),
        Urgency::Days7 => (t.with("deadline-left", days), SLOW),
        Urgency::Later => (t.with("deadline-left", days), UNKNOWN),
    };
    Badge {
        word,
        ..Badge::of_state(t, like)
    }
}

/// The outage that a report falls into, in its facts.
pub struct OutageShown {
    /// Where its page is.
    pub href: String,
    /// Its component.
    pub component: String,
    /// How bad it was at its worst.
    pub badge: Badge,
    /// From when to when, on the office's clocks and in UTC.
    pub span: String,
    /// How long, and whether it came and went.
    pub course: String,
    /// What kind of failure.
    pub fault: Option<String>,
    /// Where the fault lies.
    pub diagnosis: Option<String>,
    /// What the browser said of it, for staff only.
    pub detail: Option<String>,
    /// Id and version of its record.
    pub record: String,
}

/// An outage in its facts. `component` is what people call its component.
pub fn outage(
    t: Texts,
    format: Format,
    outage: &Outage,
    names: StepNames<'_>,
    component: String,
    now: Moment,
    href: String,
) -> OutageShown {
    let utc = |at: Moment| at.timestamp().strftime("%Y-%m-%d %H:%M UTC").to_string();
    let both = |at: Moment| format!("{} ({})", format.moment(at), utc(at));
    let span = match outage.ended_at {
        Some(ended) => t.with(
            "outage-from-to",
            [
                ("from", both(outage.began_at).into()),
                ("to", both(ended).into()),
            ],
        ),
        None => t.with("outage-since", [("from", both(outage.began_at).into())]),
    };
    let lasted = format.span(outage.lasted(now));
    let course = if outage.intermittent {
        t.with(
            "outage-intermittent",
            [
                ("lasted", lasted.into()),
                (
                    "down",
                    format
                        .span(Duration::from_millis(
                            u64::try_from(outage.down_ms).unwrap_or(0),
                        ))
                        .into(),
                ),
            ],
        )
    } else {
        t.with("outage-continuous", [("lasted", lasted.into())])
    };
    OutageShown {
        href,
        component,
        badge: Badge::of_severity(t, outage.worst),
        span,
        course,
        fault: outage.fault.map(|fault| words::fault(t, fault)),
        diagnosis: (outage.diagnosis.as_ref()).map(|found| words::diagnosis(t, names, found)),
        detail: (outage.diagnosis.as_ref()).and_then(|found| words::diagnosis_detail(t, found)),
        record: format!("{} v{}", outage.id, outage.version),
    }
}

/// A text with all but the first letter of each word hidden.
pub fn masked_name(name: &str) -> String {
    let words = name.split_whitespace().map(|word| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| format!("{first}•••"))
            .unwrap_or_default()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// An e-mail address with its first letter and its domain.
pub fn masked_email(email: &str) -> String {
    match email.split_once('@') {
        Some((local, domain)) => {
            let first: String = local.chars().take(1).collect();
            format!("{first}•••@{domain}")
        }
        None => "•••".to_owned(),
    }
}

/// A telephone number with its beginning and its last two digits.
pub fn masked_phone(phone: &str) -> String {
    let digits: Vec<char> = phone.chars().collect();
    if digits.len() < 8 {
        return "•••".to_owned();
    }
    let start: String = digits.iter().take(3).collect();
    let end: String = digits.iter().skip(digits.len() - 2).collect();
    format!("{start}•••{end}")
}

/// That pictures were not kept, and what to do with them.
pub fn left_out(t: Texts, left_out: LeftOut) -> String {
    let key = match left_out.why {
        NoRoom::Disk => "pictures-left-out-disk",
        NoRoom::Day => "pictures-left-out-day",
    };
    t.with(key, [("count", u64::from(left_out.count).into())])
}
