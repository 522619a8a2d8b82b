//! What programs read.

use siaga::web::render::render_all;
use siaga::web::{Lang, Pages, Snapshot};

use super::fixture;

fn read(snapshot: &Snapshot, path: &str) -> serde_json::Value {
    let pages = render_all(&fixture::site(), snapshot, &Pages::default());
    let page = pages
        .get(path, Lang::En)
        .unwrap_or_else(|| panic!("no {path}"));
    serde_json::from_slice(page.bytes()).unwrap()
}

#[test]
fn our_own_json_has_this_shape() {
    let snapshot = fixture::partial_outage();
    insta::assert_json_snapshot!("v1_status", read(&snapshot, "/api/v1/status"));
    insta::assert_json_snapshot!(
        "v1_components_no_data",
        read(&fixture::no_data(), "/api/v1/components")
    );
    let one = format!("/api/v1/outages/{}", fixture::current().record.id);
    insta::assert_json_snapshot!("v1_outage", read(&snapshot, &one));
    let list = read(&snapshot, "/api/v1/outages");
    assert_eq!(list["outages"].as_array().unwrap().len(), 2);
    assert_eq!(list["outages"][0], read(&snapshot, &one));
}

#[test]
fn status_page_clients_find_the_shape_that_they_know() {
    let summary = read(&fixture::partial_outage(), "/api/v2/summary.json");
    insta::assert_json_snapshot!("v2_summary_partial_outage", summary);
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    for (file, expected) in [
        ("status", vec!["page", "status"]),
        ("components", vec!["components", "page"]),
        ("incidents", vec!["incidents", "page"]),
        (
            "scheduled-maintenances",
            vec!["page", "scheduled_maintenances"],
        ),
    ] {
        let value = read(&fixture::partial_outage(), &format!("/api/v2/{file}.json"));
        let mut found = keys(&value);
        found.sort();
        assert_eq!(found, expected, "{file}");
    }
    // Open ones in the summary, all of them in the list.
    assert_eq!(summary["incidents"].as_array().unwrap().len(), 1);
    let incidents = read(&fixture::partial_outage(), "/api/v2/incidents.json");
    assert_eq!(incidents["incidents"].as_array().unwrap().len(), 2);
    assert_eq!(incidents["incidents"][1]["status"], "resolved");
}

#[test]
fn the_indicator_follows_the_state_and_unknown_is_never_none() {
    for (snapshot, indicator, component) in [
        (fixture::all_up(), "none", "operational"),
        (fixture::partial_outage(), "major", "operational"),
        (fixture::outage(), "critical", "major_outage"),
        (fixture::no_data(), "minor", "degraded_performance"),
        (fixture::maintenance(), "maintenance", "under_maintenance"),
    ] {
        let summary = read(&snapshot, "/api/v2/summary.json");
        assert_eq!(summary["status"]["indicator"], indicator);
        assert_eq!(summary["components"][0]["status"], component);
    }
    let unknown = read(&fixture::no_data(), "/api/v2/summary.json");
    let description = unknown["components"][0]["description"].as_str().unwrap();
    assert!(description.starts_with("Unknown: "), "{description}");
    assert!(
        unknown["status"]["description"]
            .as_str()
            .unwrap()
            .starts_with("Unknown")
    );
    let empty = read(&Snapshot::default(), "/api/v2/status.json");
    assert_eq!(empty["status"]["indicator"], "minor");
}

#[test]
fn announced_maintenance_is_scheduled_and_then_in_progress() {
    let path = "/api/v2/scheduled-maintenances.json";
    let snapshot = fixture::maintenance();
    let running = read(&snapshot, path);
    insta::assert_json_snapshot!("v2_scheduled_maintenances", running);
    let mut before = fixture::all_up();
    before.maintenance = snapshot.maintenance;
    before.as_of = fixture::at(14, 0);
    let scheduled = read(&before, path);
    assert_eq!(
        scheduled["scheduled_maintenances"][0]["status"],
        "scheduled"
    );
}
