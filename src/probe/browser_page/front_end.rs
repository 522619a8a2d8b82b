//! What the browser saw of the page's own front end: the error that stopped it, the part
//! that did not come.
//!
//! Only what is of the page that is shown now counts, and only what is the site's own: an
//! advertisement that throws says nothing of the site.

use url::Url;

use crate::domain::run::{AssetKind, FailedAsset, FrontEnd, ScriptError};
use crate::probe::browser::console::{Console, Line};
use crate::probe::browser::network::{Network, Request};

/// What is there to be told; `is_own` says whether an address is the site's.
pub(super) fn found(
    network: &Network,
    console: &Console,
    is_own: impl Fn(&Url) -> bool,
) -> Option<FrontEnd> {
    let page = network.requests.iter().rposition(|request| request.is_page);
    let requests = network
        .requests
        .get(page.unwrap_or(0)..)
        .unwrap_or_default();
    let since = page
        .and_then(|page| network.requests.get(page))
        .map_or(0, |page| (page.sent_at * 1000.0) as i64);
    let own = |address: &str| Url::parse(address).ok().filter(|url| is_own(url));
    let assets = || {
        requests
            .iter()
            .filter_map(|request| failed(request, &own(&request.url)?))
    };
    // Without a script nothing works; what the server breaks on, a script may break on.
    let rank = |asset: &FailedAsset| match (asset.kind, asset.status) {
        (AssetKind::Script, _) => 0,
        (AssetKind::Data, Some(500..)) => 1,
        _ => 2,
    };
    let asset = assets().min_by_key(rank);
    let error = console
        .lines
        .iter()
        .filter(|line| line.is_uncaught() && line.at >= since)
        .find_map(|line| Some(error(line, &own(line.url.as_deref()?)?)));
    (asset.is_some() || error.is_some()).then_some(FrontEnd { error, asset })
}

fn error(line: &Line, url: &Url) -> ScriptError {
    let text = line.text.lines().next().unwrap_or_default();
    let text = text.strip_prefix("Uncaught ").unwrap_or(text);
    let source = match line.place {
        Some((number, _)) => format!("{}:{number}", url.path()),
        None => url.path().to_owned(),
    };
    ScriptError {
        message: text.to_owned(),
        source,
    }
}

/// A part of the page that did not come; what the page itself gave up is none.
fn failed(request: &Request, url: &Url) -> Option<FailedAsset> {
    let kind = match request.kind.as_str() {
        "Script" => AssetKind::Script,
        "Stylesheet" => AssetKind::Style,
        "XHR" | "Fetch" => AssetKind::Data,
        _ => return None,
    };
    let status = request.answer.as_ref().map(|answer| answer.status);
    let is_failed = match status {
        // What data answer is between the script and its server, as long as they answer:
        // 401 is "sign in", 422 is "fill in".
        Some(status) if kind == AssetKind::Data => status == 404 || status >= 500,
        Some(status) => status >= 400,
        None => request.failed.is_some() && !request.canceled,
    };
    is_failed.then(|| FailedAsset {
        kind,
        path: url.path().to_owned(),
        status,
        error: request.failed.clone().filter(|_| status.is_none()),
    })
}
