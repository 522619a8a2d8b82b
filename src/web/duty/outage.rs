//! One outage as operators see it: the public record, what failed at which step, and the
//! evidence that runs left.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::DutyState;
use crate::domain::Moment;
use crate::domain::names::NameTable;
use crate::store::pieces::{self, PieceRow};
use crate::store::runs::{self, FailureSummary};
use crate::web::evidence;
use crate::web::format::Format;
use crate::web::lang::Lang;
use crate::web::layout::Layout;
use crate::web::office::{self, Bar};
use crate::web::public::outage::{Entry, Fact, facts, timeline};
use crate::web::public::outages::span_line;
use crate::web::public::words::{self, Badge};
use crate::web::sessions::{self, SignedIn};
use crate::web::snapshot::Outage;
use crate::web::texts::Texts;

/// Runs whose evidence is shown, the newest first.
const RUNS: usize = 6;

#[derive(Template)]
#[template(path = "web/duty/outage.html")]
struct OutagePage<'a> {
    layout: Layout<'a>,
    t: Texts,
    bar: Bar,
    title: String,
    badge: Badge,
    open: bool,
    span: String,
    fault: Option<String>,
    diagnosis: Vec<String>,
    facts: Vec<Fact>,
    failures: Vec<String>,
    runs: Vec<Run>,
    more: Option<String>,
    timeline: Vec<Entry>,
    gaps: Vec<String>,
    public: String,
}

/// What one run left behind.
struct Run {
    title: String,
    at: String,
    at_machine: String,
    screenshot: Option<Picture>,
    waterfall: Option<Picture>,
    files: Vec<File>,
}

struct Picture {
    href: String,
    alt: String,
}

struct File {
    href: String,
    text: String,
    size: String,
    sha256: String,
}

/// `GET /duty/outages/{id}`.
pub(super) async fn page(
    State(state): State<DutyState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let desk = &state.desk;
    let who = sessions::required(desk, &headers, lang).await?;
    let now = desk.clock.now();
    let possible = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let found = match possible {
        true => state.reader.outage(&id, now).await,
        false => Ok(None),
    };
    let Some(outage) = found.map_err(|error| office::failed(&error))? else {
        let text = Texts::of(lang).get("duty-none-text");
        let status = StatusCode::NOT_FOUND;
        return Err(office::message(desk, lang, &who, status, "duty-none", text));
    };
    let component = outage.record.component.clone();
    let from = outage.record.began_at;
    let until = outage.record.ended_at.unwrap_or(Moment(now.0 + 1));
    let read = desk.store.read(move |mut conn| {
        Box::pin(async move {
            let failures = runs::failures(&mut conn, &component, from, until).await?;
            let pieces = pieces::list(&mut conn, &component, from, until).await?;
            Ok((failures, pieces))
        })
    });
    let (failures, pieces) = read.await.map_err(|error| office::failed(&error))?;
    if !pieces.is_empty() {
        let action = format!("evidence of outage {id}");
        sessions::note(desk, &who, &action, None)
            .await
            .map_err(|error| office::failed(&error))?;
    }
    Ok(render(&state, &who, lang, &outage, &failures, &pieces, now))
}

fn render(
    state: &DutyState,
    who: &SignedIn,
    lang: Lang,
    outage: &Outage,
    failures: &[FailureSummary],
    pieces: &[PieceRow],
    now: Moment,
) -> Response {
    let site = &state.desk.site;
    let path = format!("/duty/outages/{}", outage.record.id);
    let layout = office::layout(&state.desk, lang, &path, "");
    let t = layout.t;
    let format = Format::new(lang, site.zone);
    let (runs, left_out) = by_run(&layout, format, &outage.names, pieces);
    let page = OutagePage {
        bar: Bar::of(t, who),
        title: site.component(t, &outage.record.component),
        badge: Badge::of_outage(t, outage),
        open: outage.is_open(),
        span: span_line(t, format, outage, now),
        fault: outage.record.fault.map(|fault| words::fault(t, fault)),
        diagnosis: outage
            .record
            .diagnosis
            .iter()
            .flat_map(|found| {
                let detail = words::diagnosis_detail(t, found);
                [Some(words::diagnosis(t, outage.names(), found)), detail]
            })
            .flatten()
            .collect(),
        facts: facts(site, lang, outage),
        failures: failures
            .iter()
            .map(|one| office::failure(t, format, &outage.names, one))
            .collect(),
        runs,
        more: (left_out > 0).then(|| t.with("duty-more", [("count", left_out.into())])),
        timeline: timeline(t, format, outage),
        gaps: words::gaps(t, format, &outage.gaps),
        public: layout.to(&format!("/outages/{}", outage.record.id)),
        t,
        layout,
    };
    office::rendered(StatusCode::OK, &page)
}

/// The newest runs with all that they left, and how many more there are.
fn by_run(
    layout: &Layout<'_>,
    format: Format,
    names: &NameTable,
    pieces: &[PieceRow],
) -> (Vec<Run>, usize) {
    let t = layout.t;
    let mut runs: Vec<(i64, &str, Run)> = Vec::new();
    for piece in pieces {
        let of_flow = names.of(piece.flow.as_deref().unwrap_or_default());
        let step = words::step(t, of_flow, &piece.step);
        let known = runs
            .iter()
            .position(|(id, step, _)| (*id, *step) == (piece.run_id, piece.step.as_str()));
        let at = match known {
            Some(at) => at,
            None => {
                let flow = of_flow.flow();
                let flow = piece.flow.as_ref().map(|_| t.lang().name(&flow));
                runs.push((piece.run_id, &piece.step, run(format, &step, flow, piece)));
                runs.len() - 1
            }
        };
        let Some((.., run)) = runs.get_mut(at) else {
            continue;
        };
        let href = layout.to(&format!("/duty/evidence/{}/{}", piece.kind, piece.sha256));
        let with_step = |key: &str| t.with(key, [("step", step.clone().into())]);
        match piece.kind.as_str() {
            "screenshot" => {
                let alt = with_step("duty-screenshot-alt");
                run.screenshot = Some(Picture { href, alt });
            }
            "waterfall" => {
                let alt = with_step("duty-waterfall-alt");
                run.waterfall = Some(Picture { href, alt });
            }
            kind => run.files.push(File {
                href,
                text: what(t, kind),
                size: bytes(t, format, piece.size),
                sha256: piece.sha256.clone(),
            }),
        }
    }
    // A run that left only its times tells least.
    let is_full = |run: &Run| run.screenshot.is_some() || run.waterfall.is_some();
    let (full, bare): (Vec<Run>, Vec<Run>) = runs
        .into_iter()
        .map(|(.., run)| run)
        .partition(|run| is_full(run));
    let all = full.len() + bare.len();
    let shown: Vec<Run> = full.into_iter().chain(bare).take(RUNS).collect();
    let left_out = all - shown.len();
    (shown, left_out)
}

fn run(format: Format, step: &str, flow: Option<&str>, piece: &PieceRow) -> Run {
    let from = [flow, piece.engine.as_deref(), piece.vantage.as_deref()];
    Run {
        title: [Some(step)]
            .into_iter()
            .chain(from)
            .flatten()
            .collect::<Vec<_>>()
            .join(" · "),
        at: format.moment(piece.kept_at),
        at_machine: piece.kept_at.to_string(),
        screenshot: None,
        waterfall: None,
        files: Vec::new(),
    }
}

fn bytes(t: Texts, format: Format, size: i64) -> String {
    let size = format.count(u64::try_from(size).unwrap_or_default());
    t.with("duty-bytes", [("size", size.into())])
}

fn what(t: Texts, kind: &str) -> String {
    match kind {
        "page" => t.get("duty-page"),
        "headers" => t.get("duty-headers"),
        "har" => t.get("duty-har"),
        "console" => t.get("duty-console"),
        "certificates" => t.get("duty-certificates"),
        "upload" => t.get("duty-upload"),
        "timings" => t.get("duty-timings"),
        pieces::PUBLIC_SCREENSHOT => t.get("duty-public-screenshot"),
        other => other.to_owned(),
    }
}

/// `GET /duty/evidence/{kind}/{sha256}`: a piece of evidence.
pub(super) async fn piece(
    State(state): State<DutyState>,
    Path((kind, sha256)): Path<(String, String)>,
    headers: HeaderMap,
    lang: Lang,
) -> Result<Response, Response> {
    let who = sessions::required(&state.desk, &headers, lang).await?;
    let none = || StatusCode::NOT_FOUND.into_response();
    if !evidence::is_hash(&sha256) || kind.len() > 40 {
        return Err(none());
    }
    let (hash, of) = (sha256.clone(), kind.clone());
    let known = state
        .desk
        .store
        .read(|mut conn| Box::pin(async move { pieces::media_type(&mut conn, &hash, &of).await }));
    let known = known.await.map_err(|error| office::failed(&error))?;
    let media_type = known.ok_or_else(none)?;
    let action = format!("evidence {kind} {sha256}");
    sessions::note(&state.desk, &who, &action, None)
        .await
        .map_err(|error| office::failed(&error))?;
    let bytes = evidence::read(&state.evidence, &sha256).await;
    let bytes = bytes.map_err(IntoResponse::into_response)?;
    Ok(evidence::answer(&kind, &sha256, &media_type, bytes))
}
