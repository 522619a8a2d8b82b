//! What became of a document that a flow sends, and whether the site refused it.
//!
//! Owns the rule, a plain function from what was seen to what it was. Must not know engines,
//! flows or pages.

use crate::domain::Fault;

/// What became of the request that carried the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// No request has carried it yet: it waits on the page.
    Pending,
    /// Its request has no answer yet.
    UnderWay,
    /// Its request was answered.
    Answered(Answer),
    /// The server reset the connection while it was being sent.
    Reset,
    /// Its request got no answer, for this reason.
    Broken {
        /// Method and path.
        request: String,
        /// The engine's own words.
        why: String,
    },
    /// The engine does not tell what its network does.
    Unknown,
}

/// The answer to the request that carried a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Method and path of the request, for messages.
    pub request: String,
    /// Whether it became the page that is shown, whose status then speaks for itself.
    pub is_page: bool,
    /// The beginning of its text; empty where that is unknown.
    pub text: String,
}

impl Delivery {
    /// Whether the site took the document: its request was answered, and not with an error.
    pub fn is_taken(&self) -> bool {
        match self {
            Delivery::Answered(answer) => answer.status < 400,
            // Nobody knows better than the page then, and the step has passed.
            Delivery::Unknown => true,
            _ => false,
        }
    }
}

/// What a failed step was, where a document was on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The server refused the document, whatever the page shows: in which words.
    Refused(String),
    /// The page complains of the document, unless it turns out to be another page altogether or
    /// one whose script is broken.
    Complained(String),
    /// The document's own request failed otherwise, which the page does not show.
    Failed(Fault, String),
    /// It is what the page says it is.
    Open,
}

/// What IIS says with status 404 of a body that is longer than it takes.
const IIS_TOO_LONG: &str = "404.13";

/// Says what a failed step was. `complaint` is what the page says of the document and did not
/// say before the document was put on it; `same_form`: whether the page still has the document's
/// field.
pub fn verdict(delivery: &Delivery, complaint: Option<&str>, same_form: bool) -> Verdict {
    let answer = match delivery {
        Delivery::Reset => {
            let why = "the server resets the connection while the document is being sent";
            return Verdict::Refused(why.to_owned());
        }
        Delivery::Broken { request, why } => {
            let what = format!("the request that sends the document (`{request}`) fails: {why}");
            return Verdict::Failed(Fault::Connect, what);
        }
        Delivery::Answered(answer) => Some(answer),
        Delivery::Pending | Delivery::UnderWay | Delivery::Unknown => None,
    };
    let status = answer.map_or(200, |answer| answer.status);
    match status {
        413 => return Verdict::Refused("the server finds it too large (status 413)".to_owned()),
        415 => {
            let why = "the server does not take documents of its kind (status 415)";
            return Verdict::Refused(why.to_owned());
        }
        404 if answer.is_some_and(|answer| answer.text.contains(IIS_TOO_LONG)) => {
            let why = "the server finds it too large (status 404.13 of IIS)";
            return Verdict::Refused(why.to_owned());
        }
        _ => {}
    }
    // Only these come of somebody having looked at the document.
    let is_judged = matches!(status, 200..400 | 400 | 409 | 422);
    match complaint {
        Some(complaint) if is_judged && (same_form || status == 422) => {
            return Verdict::Complained(complaint.to_owned());
        }
        _ => {}
    }
    match answer {
        Some(answer) if answer.status >= 400 && !answer.is_page => {
            let Answer { request, .. } = answer;
            let what = format!(
                "the request that sends the document (`{request}`) answers with status {status}"
            );
            Verdict::Failed(Fault::Status, what)
        }
        _ => Verdict::Open,
    }
}
