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
    Known {
        of: Case::is_undeclared,
        what: ALL,
        why: "what says nowhere how it is written is UTF-8 to us where its bytes are; Chromium \
              guesses by frequency, or takes windows-1252",
    },
    Known {
        of: |case| case.says("Content-Encoding: gzip, identity") || case.says_nothing_coded(),
        what: &["text", "end"],
        why: "bytes that nobody decodes are no text; how noise is shown is no matter, nor that a \
              browser shows no page at all where it saves them",
    },
    Known {
        of: Case::is_undecodable_error,
        what: ALL,
        why: "of an error whose body cannot be decoded Chromium shows a page of its own, and its \
              status is the site's; to us the body is at fault",
    },
    Known {
        of: |case| case.says("application/xhtml+xml") && case.is_cut(),
        what: ALL,
        why: "of XML that breaks off we read what can be read, Chromium shows an error",
    },
    Known {
        of: Case::refreshes_itself,
        what: ALL,
        why: "a page that loads itself anew is one page to us; how often it was loaded in a browser \
              depends on when it was looked at",
    },
    Known {
        of: |case| case.says("enctype=text/plain") && case.says("formmethod="),
        what: ALL,
        why: "Chromium writes text/plain by the form's own method where a button has another one, \
              and says all the same that it is text/plain",
    },
    Known {
        of: |case| case.says("minlength=") && case.fills_lines(),
        what: ALL,
        why: "several lines are put into a browser's field as if they were pasted, and Chromium \
              calls only what was typed too short",
    },
    Known {
        of: |case| case.says("value='12024-"),
        what: ALL,
        why: "years beyond 9999 are no dates to our library",
    },
];

/// What Chromium shows of XML that is not as it must be.
const BROKEN_XML: &str = "This page contains the following errors";

pub(super) fn is_allowed(case: &Case, what: &str, _plain: &str, real: &str) -> bool {
    // We read on, as far as it can be read.
    if what == "text" && real.contains(BROKEN_XML) {
        return true;
    }
    KNOWN
        .iter()
        .any(|known| known.what.contains(&what) && (known.of)(case))
}
