//! Which faults are in force, and which of them strike a given request: those switched by
//! hand, and those of the script whose time it is. Knows nothing of HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::faults::{AT_ONCE, Fault, Kind, ScriptedFault};
use crate::domain::{Clock, Random, random};

struct Entry {
    fault: Fault,
    /// Requests that it could have struck so far.
    met: AtomicU64,
}

impl Entry {
    fn new(fault: Fault) -> Arc<Self> {
        Arc::new(Entry {
            fault,
            met: AtomicU64::new(0),
        })
    }
}

/// Which faults are in force: those switched by hand, and those of the script whose time
/// it is.
pub struct FaultBoard {
    by_hand: Mutex<Vec<Arc<Entry>>>,
    script: Vec<(Duration, Duration, Arc<Entry>)>,
    /// From when the script counts.
    started: Mutex<Duration>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl FaultBoard {
    pub(super) fn new(
        script: Vec<ScriptedFault>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let script = script
            .into_iter()
            .map(|s| (s.after, s.after.saturating_add(s.for_), Entry::new(s.fault)))
            .collect();
        let started = Mutex::new(clock.monotonic());
        FaultBoard {
            by_hand: Mutex::default(),
            script,
            started,
            clock,
            random,
        }
    }

    /// Lets the script begin now.
    pub fn begin_script(&self) {
        let now = self.clock.monotonic();
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    /// Puts these in place of the faults switched by hand; the script goes on.
    pub fn set(&self, faults: Vec<Fault>) {
        let entries = faults.into_iter().take(AT_ONCE).map(Entry::new).collect();
        *self.by_hand.lock().unwrap_or_else(PoisonError::into_inner) = entries;
    }

    /// Switches off the faults switched by hand; the script goes on.
    pub fn clear(&self) {
        self.set(Vec::new());
    }

    /// The faults switched by hand.
    pub fn by_hand(&self) -> Vec<Fault> {
        let by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner);
        by_hand.iter().map(|entry| entry.fault.clone()).collect()
    }

    /// The faults of the script whose time it is.
    pub fn by_script(&self) -> Vec<Fault> {
        self.scripted().map(|entry| entry.fault.clone()).collect()
    }

    fn scripted(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let started = *self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = self.clock.monotonic().saturating_sub(started);
        self.script
            .iter()
            .filter(move |(from, until, _)| (*from..*until).contains(&elapsed))
            .map(|(_, _, entry)| entry)
    }

    fn in_force(&self) -> Vec<Arc<Entry>> {
        let mut entries: Vec<_> = self.scripted().map(Arc::clone).collect();
        let by_hand = self.by_hand.lock().unwrap_or_else(PoisonError::into_inner);
        entries.extend(by_hand.iter().map(Arc::clone));
        entries
    }

    /// Whether the site refuses connections just now.
    pub(super) fn refuses(&self) -> bool {
        self.in_force()
            .iter()
            .any(|entry| entry.fault.kind == Kind::Refuse {})
    }

    /// The faults that strike here and now, among those that `could` strike at all. Counts
    /// the request for `every` and draws for `percent`.
    pub(super) fn strike(&self, path: &str, could: impl Fn(&Kind) -> bool) -> Vec<Kind> {
        self.in_force()
            .into_iter()
            .filter(|entry| could(&entry.fault.kind))
            .filter(|entry| entry.fault.path.as_ref().is_none_or(|p| fits(p, path)))
            .filter(|entry| {
                let met = entry.met.fetch_add(1, Ordering::SeqCst) + 1;
                entry
                    .fault
                    .every
                    .is_none_or(|every| met.is_multiple_of(every))
            })
            .filter(|entry| {
                let percent = entry.fault.percent;
                percent.is_none_or(|p| random::fraction(&*self.random) * 100.0 < p)
            })
            .map(|entry| entry.fault.kind.clone())
            .collect()
    }
}

/// Whether the text fits the pattern, in which `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}
