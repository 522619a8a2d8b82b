//! The HTTP clients of runs.
//!
//! Each run begins as an applicant's first visit does: without cookies and connections. Owns
//! which clients may serve again under that rule. Must not know what a run asks for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use url::Url;

use crate::domain::Clock;
use crate::http_client::{Applicant, ClientError, Connections, HttpClients, Proxy, Resolver};

/// The most clients that wait for the next run.
const MOST_IDLE: usize = 64;

/// Lends clients to runs.
///
/// A run that asks for one page only, as most do that are made every minute, has no use for a
/// connection that is kept. A client that keeps none has nothing left of the run but cookies;
/// without them it serves the next run. That a run will ask once is taken from the one before
/// it: where it turns out otherwise, that run connects more often.
pub struct Applicants {
    clients: HttpClients,
    /// The flows whose last run asked once.
    asked_once: Mutex<HashSet<String>>,
    idle: Mutex<Vec<Applicant>>,
}

impl Applicants {
    /// Lends what `clients` builds.
    pub fn new(clients: HttpClients) -> Self {
        Applicants {
            clients,
            asked_once: Mutex::default(),
            idle: Mutex::default(),
        }
    }

    /// What they call themselves.
    pub fn user_agent(&self) -> &str {
        self.clients.user_agent()
    }

    /// Whether the server of an address on https asks its visitors for a certificate.
    pub async fn is_asked_for_certificate(&self, url: &Url) -> bool {
        self.clients.is_asked_for_certificate(url).await
    }

    /// Whether they have a certificate to show.
    pub fn have_certificate(&self) -> bool {
        self.clients.has_certificate()
    }

    /// The proxy that they go through.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.clients.proxy()
    }

    /// What they resolve names with.
    pub fn resolver(&self) -> &Resolver {
        self.clients.resolver()
    }

    /// A client for a run of `flow`. The clock is the same each time.
    pub fn lend(&self, flow: &str, clock: &Arc<dyn Clock>) -> Result<Applicant, ClientError> {
        let asks_once = lock(&self.asked_once).contains(flow);
        if !asks_once {
            return self.clients.applicant(Arc::clone(clock), Connections::Kept);
        }
        let idle = lock(&self.idle).pop();
        match idle {
            Some(idle) => Ok(idle),
            None => self
                .clients
                .applicant(Arc::clone(clock), Connections::Closed),
        }
    }

    /// Takes a client back after a run of `flow`, which asked once or not. One that is not
    /// given back is missed by nobody.
    pub fn take_back(&self, flow: &str, applicant: Applicant, asked_once: bool) {
        let mut flows = lock(&self.asked_once);
        if !asked_once {
            flows.remove(flow);
        } else if !flows.contains(flow) {
            flows.insert(flow.to_owned());
        }
        drop(flows);
        if applicant.connections == Connections::Closed {
            applicant.forget();
            let mut idle = lock(&self.idle);
            if idle.len() < MOST_IDLE {
                idle.push(applicant);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
