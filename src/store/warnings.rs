//! What PostgreSQL warns of beside its answer. sqlx hands such notices to the log alone, so
//! they are listened for there, by a subscriber that is in force only while the work is polled.

use std::cell::RefCell;
use std::fmt::Debug;
use std::pin::pin;
use std::sync::OnceLock;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Dispatch, Event, Level, Metadata, Subscriber, dispatcher};

const NOTICES: &str = "sqlx::postgres::notice";

thread_local! {
    static HEARD: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The result of `work`, and the last warning that a server gave meanwhile. Nothing that `work`
/// logs comes into the log.
pub(super) async fn heard_during<T>(work: impl Future<Output = T>) -> (T, Option<String>) {
    static LISTENER: OnceLock<Dispatch> = OnceLock::new();
    let mut work = pin!(work);
    let mut warning = None;
    let outcome = std::future::poll_fn(|context| {
        let listening = dispatcher::set_default(LISTENER.get_or_init(|| Dispatch::new(Listener)));
        let polled = work.as_mut().poll(context);
        drop(listening);
        warning = HEARD.take().or(warning.take());
        polled
    })
    .await;
    (outcome, warning)
}

struct Listener;

fn is_warning(metadata: &Metadata<'_>) -> bool {
    metadata.target() == NOTICES && *metadata.level() <= Level::WARN
}

impl Subscriber for Listener {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if is_warning(metadata) {
            Interest::always()
        } else {
            Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_warning(metadata)
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Text);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Text;

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            HEARD.set(Some(format!("{value:?}")));
        }
    }
}
