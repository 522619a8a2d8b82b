//! Whole threads: from simulated or real runs to pages.

mod browser;
mod demo;
mod life;
mod thread;
mod watching;

use std::sync::Arc;

use siaga::app::past::{self, Outline};
use siaga::detect::Detector;
use siaga::domain::outage::Rules;
use siaga::domain::{Clock, ComponentId, Moment};
use siaga::store::{Store, outages};
use siaga::system::{SystemClock, SystemRandom};

fn outline(key: &str, steps: &[(&str, &str)]) -> Outline {
    Outline {
        key: key.to_owned(),
        name: key.into(),
        steps: steps
            .iter()
            .map(|(name, component)| {
                (
                    (*name).into(),
                    ComponentId::parse(component).expect("a component"),
                )
            })
            .collect(),
    }
}

#[tokio::test]
async fn the_past_of_a_demonstration_gives_its_outages_and_leaves_none_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = format!("sqlite:{}", folder.path().join("siaga.db").display());
    let store = Store::open(&address).await.expect("a database");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(7));
    let detector = Detector::new(
        store.clone(),
        Rules::default(),
        zone.clone(),
        Vec::new(),
        Arc::clone(&clock),
        Arc::new(SystemRandom),
    );
    let flows = [
        outline("public-pages", &[("Home page", "website")]),
        outline(
            "extension",
            &[
                ("Sign in", "sign-in"),
                ("The form", "application"),
                ("Upload", "upload"),
                ("Notice", "notification"),
            ],
        ),
    ];
    let now = Moment(1_790_000_000_000);
    let written = past::write(
        &store,
        &detector,
        &flows,
        "test",
        now,
        &zone,
        &SystemRandom,
        |_| (),
    )
    .await
    .expect("a past");
    assert!(written > 10_000, "{written} runs in ninety days");
    let known = store
        .read(move |mut c| {
            Box::pin(async move { outages::touching(&mut c, Moment(0), now, 100).await })
        })
        .await
        .expect("outages");
    assert!(
        known.iter().all(|outage| outage.ended_at.is_some()),
        "none is left open"
    );
    let of = |component: &str| {
        known
            .iter()
            .filter(|o| o.component.as_str() == component)
            .count()
    };
    assert_eq!(of("website"), 2, "one of all services, one in maintenance");
    assert_eq!(of("sign-in"), 2);
    assert_eq!(of("application"), 1, "slow for two hours");
    assert_eq!(
        known.iter().filter(|o| o.planned).count(),
        1,
        "the maintenance is planned"
    );
    assert_eq!(known.iter().filter(|o| o.intermittent).count(), 1);
}
