//! Where the fault lies, as it is said to everyone.

use siaga::domain::Engine;
use siaga::domain::diagnosis::{Cause, Diagnosis, Layer, Unclear};
use siaga::domain::run::{AssetKind, FailedAsset, ScriptError};
use siaga::web::public::words;
use siaga::web::render::render_all;
use siaga::web::texts::Texts;
use siaga::web::{Lang, Pages, Snapshot};

use super::fixture;

fn asset(kind: AssetKind, path: &str, status: Option<u16>) -> Diagnosis {
    front_end(Some(Cause::MissingAsset(FailedAsset {
        kind,
        path: path.to_owned(),
        status,
        error: status
            .is_none()
            .then(|| "net::ERR_CONNECTION_RESET".to_owned()),
    })))
}

fn error(message: &str) -> Diagnosis {
    front_end(Some(Cause::ScriptError(ScriptError {
        message: message.to_owned(),
        source: "/assets/app.js:82".to_owned(),
    })))
}

fn front_end(cause: Option<Cause>) -> Diagnosis {
    Diagnosis::FrontEnd {
        step: "Upload".to_owned(),
        cause,
    }
}

fn all() -> Vec<Diagnosis> {
    let step = || "Upload".to_owned();
    let mut all = vec![
        front_end(None),
        error("TypeError: x is undefined"),
        asset(AssetKind::Script, "/assets/app.js", Some(404)),
        asset(AssetKind::Script, "/assets/app.js", None),
        asset(AssetKind::Style, "/a%22%3Cb%3E.css", Some(404)),
        asset(
            AssetKind::Data,
            "/web/extension/4711/documents.json",
            Some(503),
        ),
        Diagnosis::Server { step: step() },
        Diagnosis::PlainRefused { step: step() },
    ];
    for layer in [Layer::Dns, Layer::Connect, Layer::Tls] {
        all.push(Diagnosis::Network { layer });
    }
    for engine in [Engine::Http, Engine::Browser] {
        all.push(Diagnosis::OneEngine {
            engine,
            step: step(),
        });
    }
    for why in [
        Unclear::Captcha,
        Unclear::OtherSteps,
        Unclear::AtTimes,
        Unclear::Disagree,
    ] {
        all.push(Diagnosis::Unclear { why });
    }
    all
}

fn with(diagnosis: &Diagnosis) -> Snapshot {
    let mut snapshot = fixture::partial_outage();
    let outage = &mut snapshot.outages[0];
    outage.record.diagnosis = Some(diagnosis.clone());
    let last = outage.updates.last_mut().unwrap();
    last.effect = siaga::domain::outage::Effect::Diagnosed {
        at: last.at,
        diagnosis: diagnosis.clone(),
    };
    snapshot
}

fn all_of(pages: &Pages, lang: Lang) -> Vec<(String, String)> {
    let text = |path: &str| {
        let page = pages.get(path, lang)?;
        Some(String::from_utf8_lossy(page.bytes()).into_owned())
    };
    let paths = pages.paths();
    paths
        .filter_map(|path| Some((path.to_owned(), text(path)?)))
        .collect()
}

#[test]
fn each_has_a_sentence_of_its_own_in_each_language() {
    let mut lines = Vec::new();
    let names = fixture::names();
    for lang in Lang::ALL {
        let t = Texts::of(lang);
        for diagnosis in all() {
            let short = words::diagnosis_short(t, &diagnosis);
            assert_eq!(short.is_some(), diagnosis.is_told(), "{diagnosis:?}");
            let sentence = words::diagnosis(t, names.of("extension"), &diagnosis);
            assert!(sentence.ends_with('.'), "{sentence}");
            lines.push(sentence);
            lines.extend(short.map(|short| format!("  {short}")));
            let detail = words::diagnosis_detail(t, &diagnosis);
            lines.extend(detail.map(|detail| format!("  for staff: {detail}")));
        }
    }
    insta::assert_snapshot!("diagnoses", lines.join("\n"));
}

#[test]
fn the_page_the_lists_and_both_apis_say_it() {
    for diagnosis in all() {
        let snapshot = with(&diagnosis);
        let pages = render_all(&fixture::site(), &snapshot, &Pages::default());
        let id = &snapshot.outages[0].record.id;
        let names = snapshot.outages[0].names();
        for lang in Lang::ALL {
            let t = Texts::of(lang);
            let sentence = words::diagnosis(t, names, &diagnosis);
            let read = |path: &str| {
                let page = pages.get(path, lang).unwrap().bytes();
                String::from_utf8(page.to_vec()).unwrap()
            };
            // Once as what is so, once in the timeline.
            let page = read(&format!("/outages/{id}"));
            assert_eq!(page.matches(&sentence).count(), 2, "{sentence} in {page}");
            if let Some(short) = words::diagnosis_short(t, &diagnosis) {
                assert!(read("/outages").contains(&short), "{short}");
                assert!(read("/").contains(&short), "{short}");
            }
            let json: serde_json::Value =
                serde_json::from_str(&read(&format!("/api/v1/outages/{id}"))).unwrap();
            let found = &json["diagnosis"];
            assert_eq!(found["is"], diagnosis.as_str());
            assert_eq!(found["text"][lang.tag()], sentence.as_str());
            let update = json["updates"].as_array().unwrap().last().unwrap();
            assert_eq!(update["effect"], "diagnosed");
            assert_eq!(&update["diagnosis"], found);
        }
        let incidents = pages.get("/api/v2/incidents.json", Lang::En).unwrap();
        let incidents: serde_json::Value = serde_json::from_slice(incidents.bytes()).unwrap();
        let body = &incidents["incidents"][0]["incident_updates"][0]["body"];
        assert_eq!(
            *body,
            words::diagnosis(Texts::of(Lang::En), names, &diagnosis)
        );
    }
}

#[test]
fn the_missing_part_is_named_to_programs() {
    let snapshot = with(&asset(
        AssetKind::Script,
        "/assets/app.5b0c7d12.js",
        Some(404),
    ));
    let pages = render_all(&fixture::site(), &snapshot, &Pages::default());
    let path = format!("/api/v1/outages/{}", snapshot.outages[0].record.id);
    let json = pages.get(&path, Lang::En).unwrap();
    let json: serde_json::Value = serde_json::from_slice(json.bytes()).unwrap();
    let cause = &json["diagnosis"]["cause"];
    let expected = serde_json::json!({
        "is": "missing_asset", "kind": "script", "path": "/assets/app.5b0c7d12.js", "status": 404
    });
    assert_eq!(*cause, expected);
}

#[test]
fn nothing_that_the_site_writes_freely_is_on_public_pages() {
    let hostile = [
        error("Error: KANTOR-INI-PENIPU <script>alert(1)</script>"),
        asset(
            AssetKind::Script,
            "/KANTOR%20INI-PENIPU<script>.js",
            Some(404),
        ),
        asset(
            AssetKind::Script,
            &format!("/{}PENIPU.js", "a".repeat(200)),
            None,
        ),
        asset(AssetKind::Data, "/web/PENIPU/documents.json", Some(503)),
    ];
    for diagnosis in hostile {
        let pages = render_all(&fixture::site(), &with(&diagnosis), &Pages::default());
        for lang in Lang::ALL {
            for (path, text) in all_of(&pages, lang) {
                assert!(!text.contains("PENIPU"), "{path}");
            }
        }
    }
}
