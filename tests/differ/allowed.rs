//! The differences that are known and stay, each with its reason.

use super::generator::Case;

/// A difference that is known.
struct Known {
    /// Of these cases …
    of: fn(&Case) -> bool,
    /// … in this.
    what: &'static [&'static str],
    #[expect(dead_code, reason = "for whoever reads the list")]
    why: &'static str,
}

const ALL: &[&str] = &["requests", "steps", "end", "text"];

/// Every known difference.
const KNOWN: &[Known] = &[
    Known {
        of: |case| case.says("<noscript>"),
        what: ALL,
        why: "a client without scripts shows and sends what stands in a noscript, and is meant to",
    },
    Known {
        of: |case| case.answers("304"),
        what: ALL,
        why: "to an answer of 304 that it did not ask for, a browser stays where it is and says \
              nothing; to a monitor it is a wrong status",
    },
];

pub(super) fn is_allowed(case: &Case, what: &str, _plain: &str, _real: &str) -> bool {
    KNOWN
        .iter()
        .any(|known| known.what.contains(&what) && (known.of)(case))
}
