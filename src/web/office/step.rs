//! Moving a case on. Two clicks, or two officers at once, move it once; the later one is
//! told who was faster.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::case::{Refused, find, fingerprint, shown};
use super::{OfficeState, Wanted, failed, sender, unreadable};
use crate::domain::case::CaseState;
use crate::domain::{office, report};
use crate::store::audit::Entry;
use crate::store::case_steps::NewStep;
use crate::store::reports::Case;
use crate::store::{self, case_steps, reports};
use crate::web::desk::format_at;
use crate::web::lang::Lang;
use crate::web::layout::address;
use crate::web::reports::told;
use crate::web::sessions::{self, SignedIn};
use crate::web::texts::Texts;

/// Longest reason for giving a case back, in characters.
const LONGEST_REASON: usize = 1000;

#[derive(Deserialize)]
pub(super) struct Given {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    reason: String,
    /// Which finding was on the page.
    finding: Option<String>,
}

/// `GET /office/cases/{reference}/step`: what a language switch or a reload asks for.
pub(super) async fn away(Path(reference): Path<String>, lang: Lang) -> Redirect {
    let reference: String = reference
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-*~$=".contains(*c))
        .collect();
    Redirect::to(&address(lang, &format!("/office/cases/{reference}")))
}

/// `POST /office/cases/{reference}/step`.
pub(super) async fn take(
    State(state): State<OfficeState>,
    Path(reference): Path<String>,
    headers: HeaderMap,
    lang: Lang,
    Form(given): Form<Given>,
) -> Result<Response, Response> {
    let (who, scope) = sender(
        &state,
        &headers,
        lang,
        Wanted::Case(&reference),
        &given.csrf,
    )
    .await?;
    let case = find(&state, &who, &scope, &reference, lang).await?;
    let t = Texts::of(lang);
    let (Some(from), Some(to)) = (CaseState::parse(&given.from), CaseState::parse(&given.to))
    else {
        return Err(StatusCode::BAD_REQUEST.into_response());
    };
    let reason = report::clean(&given.reason);
    let wrong = if CaseState::needs_reason(to) && reason.is_empty() {
        Some("step-reason-missing")
    } else if reason.chars().count() > LONGEST_REASON {
        Some("step-reason-long")
    } else {
        None
    };
    if let Some(key) = wrong {
        let refused = Refused {
            text: t.get(key),
            reason,
        };
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return Err(shown(&state, &who, case, lang, status, Some(refused)).await);
    }
    let decides = matches!(to, CaseState::Processed | CaseState::Returned);
    if let (Some(seen), true) = (&given.finding, decides)
        && *seen != fingerprint(&case.finding)
    {
        let text = t.get("step-finding-changed");
        let refused = Some(Refused { text, reason });
        return Err(shown(&state, &who, case, lang, StatusCode::CONFLICT, refused).await);
    }
    let now = state.desk.clock.now();
    let moved = sessions::again_if_raced(|| {
        let step = NewStep {
            report: case.id.clone(),
            from,
            to,
            staff: who.member.id.clone(),
            reason: CaseState::needs_reason(to).then(|| reason.clone()),
            at: now,
        };
        let audit = state.desk.audit();
        state.desk.store.write(move |mut conn| {
            Box::pin(async move {
                case_steps::advance(&mut conn, &step, &audit.keys, &*audit.random).await?;
                let entry = Entry {
                    staff: step.staff,
                    action: format!("step {} to {}", from.as_str(), to.as_str()),
                    report: Some(step.report),
                    shown: Vec::new(),
                };
                audit.note(&mut conn, &entry, now).await
            })
        })
    })
    .await;
    match moved {
        Ok(()) => {
            let to = format!("/office/cases/{}", case.reference);
            Ok(Redirect::to(&address(lang, &to)).into_response())
        }
        Err(store::Error::Sealed(error)) => {
            let text = unreadable(t, &case.reference, &error);
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let refused = Some(Refused { text, reason });
            Err(shown(&state, &who, case, lang, status, refused).await)
        }
        Err(store::Error::Refused(_)) => Err(overtaken(&state, &who, &case, lang, reason).await),
        Err(error) => Err(failed(&error)),
    }
}

/// Someone was faster: the case as it is now, with who moved it and when.
async fn overtaken(
    state: &OfficeState,
    who: &SignedIn,
    case: &Case,
    lang: Lang,
    reason: String,
) -> Response {
    let (reference, id) = (case.reference.clone(), case.id.clone());
    // Through the writer, so that what overtook us is committed before it is told of.
    let read = state
        .desk
        .store
        .write(|mut conn| {
            Box::pin(async move {
                let case = reports::by_reference(&mut conn, &reference).await?;
                Ok((case, case_steps::steps(&mut conn, &id).await?))
            })
        })
        .await;
    let (case, last) = match read {
        Ok((Some(case), mut steps)) => (case, steps.pop()),
        Ok((None, _)) => return StatusCode::NOT_FOUND.into_response(),
        Err(error) => return failed(&error),
    };
    let t = Texts::of(lang);
    let format = format_at(&state.desk.site, lang, office::by_code(&case.office));
    let text = match last {
        _ if case.erased_at.is_some() => t.get("step-erased"),
        None => t.get("step-impossible"),
        Some(step) => {
            let own = step.by_whom == who.member.email;
            t.with(
                if own {
                    "step-done-by-you"
                } else {
                    "step-done-by"
                },
                [
                    ("state", told::state(t, case.state).word.into()),
                    ("who", step.by_whom.into()),
                    ("at", format.day_time(step.at).into()),
                ],
            )
        }
    };
    let refused = Some(Refused { text, reason });
    shown(state, who, case, lang, StatusCode::CONFLICT, refused).await
}
