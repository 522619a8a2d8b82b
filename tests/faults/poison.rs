//! A site that answers with what no decent server sends.

use serde_json::json;

use crate::harness::processes::{SOON, Setup, Site};

/// What the site answers, at which page, and what becomes of the component.
const POISON: [(&str, &str, &str, &str); 6] = [
    ("huge", "/", "website", "content"),
    ("endless", "/front/info", "sign-in", "content"),
    (
        "invalid_utf8",
        "/front/requirements",
        "application",
        "content",
    ),
    ("redirects", "/front/login", "upload", "status"),
    ("lying_length", "/track", "payment", "connect"),
    ("gzip_bomb", "/robots.txt", "notification", "content"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_is_the_right_fault_takes_little_memory_and_ends_nothing() {
    let site = Site::start().await;
    let flow = |path: &str, component: &str| {
        format!(
            "name = \"{component}\"\nevery = {{ http = \"1s\" }}\ntimeout = \"10s\"\n[[step]]\n\
             name = \"{component}\"\ncomponent = \"{component}\"\nvisit = \"{path}\"\n\
             expect = {{ status = 200, text = \"a\", not_text = \"\u{FFFD}\" }}\n"
        )
    };
    let texts = POISON.map(|(_, path, component, _)| (component, flow(path, component)));
    let flows = texts.each_ref().map(|(name, text)| (*name, text.as_str()));
    let setup = Setup::of(&site).flows(&flows);
    let mut siaga = setup.run().await;
    for (_, _, component, _) in POISON {
        siaga.until(component, "operational", SOON).await;
    }
    let before = siaga.process.peak_memory();

    let faults = POISON.map(|(kind, path, ..)| match kind {
        "lying_length" => json!({ "kind": kind, "path": path, "by": 1000 }),
        _ => json!({ "kind": kind, "path": path }),
    });
    site.faults(json!(faults)).await;
    for (kind, _, component, fault) in POISON {
        siaga.until(component, "outage", SOON * 2).await;
        let outages = siaga.outages(component).await;
        assert_eq!(outages.len(), 1, "{kind}: {outages:?}");
        assert_eq!(outages[0]["fault"], fault, "{kind}: {}", outages[0]);
    }
    // What a gigabyte each costs at once: some answers up to the limit of 5 MB, and no more.
    let after = siaga.process.peak_memory();
    assert!(
        after < before + 150 * 1024,
        "from {before} KiB to {after} KiB"
    );
    assert!(siaga.process.ended().is_none());

    site.heal().await;
    for (_, _, component, _) in POISON {
        siaga.until(component, "operational", SOON * 2).await;
    }
    siaga.process.stop().await;
}
