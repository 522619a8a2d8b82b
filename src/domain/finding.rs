//! What our own observations say of an applicant's tries.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Moment;
use super::history::{Gap, Outage};

/// Counts the changes of the rules in this file: every finding says by which it was made.
pub const RULE_VERSION: u32 = 1;

/// How far a remembered time may lie beside the outage.
pub const TOLERANCE: Duration = Duration::from_secs(10 * 60);

/// How long before the last try a finding looks at outages.
pub const REACH: Duration = Duration::from_secs(12 * 3600);
const _: () = assert!(REACH.as_secs() >= TOLERANCE.as_secs());

/// The finding in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every try falls into an outage that we observed.
    Matched,
    /// Some tries do.
    Partly,
    /// None does, and we cannot say that the site worked.
    NotCorroborated,
    /// None does, and we saw the site working at each of those times.
    LikelyUserSide,
}

impl Verdict {
    /// The name used in JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Matched => "matched",
            Verdict::Partly => "partly",
            Verdict::NotCorroborated => "not_corroborated",
            Verdict::LikelyUserSide => "likely_user_side",
        }
    }
}

/// One try, held against what we observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When, as the applicant says.
    pub at: Moment,
    /// The outage that it falls into.
    pub outage: Option<String>,
    /// Whether a gap in our own watch covers it.
    pub blind: bool,
    /// Whether we saw the component working around that time.
    pub seen_working: bool,
}

/// Report × outages × policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// In one word.
    pub verdict: Verdict,
    /// Each try, in order of time.
    pub tries: Vec<Try>,
    /// The outage that most tries fall into.
    pub outage: Option<String>,
    /// Milliseconds of outage in the hour before the last try.
    pub last_hour_ms: i64,
    /// Milliseconds of outage in the twelve hours before the last try.
    pub last_12_hours_ms: i64,
    /// The version of the rules.
    pub rule_version: u32,
}

impl Finding {
    /// Whether both say the same to people: by which rules, and whether we saw the component
    /// working beside an outage, is not said.
    pub fn says_the_same_as(&self, other: &Finding) -> bool {
        let said = |of: &Finding| {
            let tries = of.tries.iter().map(|one| (one.at, one.outage.clone()));
            (
                of.verdict,
                of.outage.clone(),
                of.last_hour_ms,
                of.last_12_hours_ms,
                tries.collect::<Vec<_>>(),
            )
        };
        said(self) == said(other)
    }
}

/// Holds `tries` against `outages` of the reported component and of those before it in the
/// journey, `gaps` in our watch, and for each try whether we saw the component working.
/// `now` stands for the end of what still lasts.
pub fn judge(tries: &[(Moment, bool)], outages: &[Outage], gaps: &[Gap], now: Moment) -> Finding {
    let mut tries: Vec<Try> = tries
        .iter()
        .map(|(at, seen_working)| Try {
            at: *at,
            outage: falls_into(*at, outages).map(|outage| outage.id.clone()),
            blind: gaps
                .iter()
                .any(|gap| gap.began_at <= *at && gap.ended_at.is_none_or(|end| *at <= end)),
            seen_working: *seen_working,
        })
        .collect();
    tries.sort_by_key(|one| one.at);
    let hits = tries.iter().filter(|one| one.outage.is_some()).count();
    let verdict = if hits > 0 && hits == tries.len() {
        Verdict::Matched
    } else if hits > 0 {
        Verdict::Partly
    } else if !tries.is_empty() && tries.iter().all(|one| one.seen_working && !one.blind) {
        Verdict::LikelyUserSide
    } else {
        Verdict::NotCorroborated
    };
    let last = tries.last().map_or(now, |one| one.at);
    Finding {
        verdict,
        outage: most_frequent(&tries),
        last_hour_ms: trouble_before(last, Duration::from_secs(3600), outages, now),
        last_12_hours_ms: trouble_before(last, REACH, outages, now),
        tries,
        rule_version: RULE_VERSION,
    }
}

fn falls_into(at: Moment, outages: &[Outage]) -> Option<&Outage> {
    let inside = |outage: &&Outage, tolerance: Duration| {
        outage.began_at - tolerance <= at
            && outage.ended_at.is_none_or(|ended| at <= ended + tolerance)
    };
    let worst = |tolerance| {
        outages
            .iter()
            .filter(|o| inside(o, tolerance))
            .max_by_key(|o| (o.worst, o.began_at))
    };
    worst(Duration::ZERO).or_else(|| worst(TOLERANCE))
}

fn most_frequent(tries: &[Try]) -> Option<String> {
    let ids: Vec<&String> = tries.iter().filter_map(|one| one.outage.as_ref()).collect();
    ids.iter()
        .max_by_key(|id| ids.iter().filter(|other| other == id).count())
        .map(|id| (*id).clone())
}

/// Milliseconds of `span` before `until` in which any of `outages` lasted; spans that
/// overlap count once.
fn trouble_before(until: Moment, span: Duration, outages: &[Outage], now: Moment) -> i64 {
    let from = until - span;
    let mut spans: Vec<(Moment, Moment)> = outages
        .iter()
        .map(|o| (o.began_at.max(from), o.ended_at.unwrap_or(now).min(until)))
        .filter(|(begin, end)| begin < end)
        .collect();
    spans.sort_unstable();
    let mut covered = 0;
    let mut reached = from;
    for (begin, end) in spans {
        let begin = begin.max(reached);
        if end > begin {
            covered += end.0 - begin.0;
            reached = end;
        }
    }
    covered
}
