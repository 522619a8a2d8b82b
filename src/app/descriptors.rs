//! File descriptors. A process that has none left cannot probe, cannot record and cannot answer,
//! and readers' connections are what uses them up: so they get what everything else leaves.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::service::OPERATIONS_CONNECTIONS;
use crate::config::Config;
use crate::web::serve;

/// What is always open, or may be at any time: standard streams, listeners, locks, what the
/// runtime waits on (32); five SQLite connections of three files, or PostgreSQL's pools (32);
/// four alerts on their way, with resolver and connection (16); folders that are swept (16).
const STANDING: u64 = 96;
/// Of one flow that runs: connections to the site's hosts, the resolver's, the mailbox's, and a
/// file of evidence.
const BY_FLOW: u64 = 8;
/// Of one browser: the pipes to its driver, connections to it, what is looked up of its
/// processes, files of its folder.
const BY_BROWSER: u64 = 16;
/// However few there are, some readers must be let in.
const MIN_CONNECTIONS: u64 = 16;

/// Raises the soft limit of open files to the hard one, for this process and those that it
/// starts. Gives the limit that holds now; `None` where there is none.
pub fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
    getrlimit(Resource::Nofile).current
}

/// What is kept from readers' connections.
fn reserve(config: &Config) -> u64 {
    let number = |number: usize| number as u64;
    let browsers = match config.browser.webdriver {
        Some(_) => number(config.browser.slots),
        None => 0,
    };
    let operations = match config.server.operations_listen {
        Some(_) => number(OPERATIONS_CONNECTIONS),
        None => 0,
    };
    // Each request in the router may be writing or reading one file.
    let files = number(serve::all_requests(config.server.requests));
    STANDING
        + number(config.probe.concurrency) * BY_FLOW
        + browsers * BY_BROWSER
        + files
        + number(serve::MAX_REFUSALS)
        + operations
}

/// How many connections of readers there are, where the process may have `limit` files open; the
/// log says so where that is less than configured.
pub fn connections(config: &Config, limit: Option<u64>) -> usize {
    let configured = config.server.connections;
    let left = limit.map_or(u64::MAX, |limit| limit.saturating_sub(reserve(config)));
    let left = usize::try_from(left.max(MIN_CONNECTIONS)).unwrap_or(usize::MAX);
    if left < configured {
        tracing::warn!(
            configured,
            connections = left,
            open_files = limit,
            "fewer connections than configured, because this process may have too few files \
             open: raise that by LimitNOFILE= of systemd, or `ulimit -n`"
        );
    }
    configured.min(left)
}
