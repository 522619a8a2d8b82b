//! A report as an office works on it.

use serde::{Deserialize, Serialize};

/// Where a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// Nobody has looked yet.
    Received,
    /// An officer has taken it.
    InReview,
    /// Done by hand.
    Processed,
    /// Given back to the applicant, with a reason.
    Returned,
}

impl CaseState {
    /// Every state, in the order of the work.
    pub const ALL: [CaseState; 4] = [
        CaseState::Received,
        CaseState::InReview,
        CaseState::Processed,
        CaseState::Returned,
    ];

    /// The name used in databases, JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            CaseState::Received => "received",
            CaseState::InReview => "in_review",
            CaseState::Processed => "processed",
            CaseState::Returned => "returned",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        CaseState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
    }

    /// Where it may go from here. A returned case is taken up again when the applicant
    /// brings what was missing.
    pub fn next(self) -> &'static [CaseState] {
        match self {
            CaseState::Received => &[CaseState::InReview],
            CaseState::InReview => &[CaseState::Processed, CaseState::Returned],
            CaseState::Returned => &[CaseState::InReview],
            CaseState::Processed => &[],
        }
    }

    /// Whether the step to `next` must give a reason.
    pub fn needs_reason(next: CaseState) -> bool {
        next == CaseState::Returned
    }
}

/// What a member of staff may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works on the cases of one office.
    Officer,
    /// Works on the cases of all offices.
    Supervisor,
    /// Watches the monitor; sees no personal data.
    Operator,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 3] = [Role::Officer, Role::Supervisor, Role::Operator];

    /// The name used on the command line and in databases.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Officer => "officer",
            Role::Supervisor => "supervisor",
            Role::Operator => "operator",
        }
    }

    /// The inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether cases, and so personal data, are for this role.
    pub fn sees_cases(self) -> bool {
        matches!(self, Role::Officer | Role::Supervisor)
    }
}

/// How urgent a deadline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// The permit has run out.
    Overdue,
    /// It runs out today or within three days.
    Days3,
    /// Within seven days.
    Days7,
    /// Later, or unknown.
    Later,
}

/// How urgent a permit that expires on `expires` is on `today`, and the days left (negative:
/// days of overstay). The last day of the permit is not overstay.
pub fn urgency(
    expires: Option<jiff::civil::Date>,
    today: jiff::civil::Date,
) -> (Urgency, Option<i32>) {
    let Some(expires) = expires else {
        return (Urgency::Later, None);
    };
    let left = today.until(expires).map_or(0, |span| span.get_days());
    let urgency = match left {
        ..0 => Urgency::Overdue,
        0..=3 => Urgency::Days3,
        4..=7 => Urgency::Days7,
        _ => Urgency::Later,
    };
    (urgency, Some(left))
}
