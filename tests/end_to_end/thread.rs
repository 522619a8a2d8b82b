//! One thread through everything, over real sockets: an outage of the watched site, its
//! pages and alerts, a report, the office, and the end of the outage.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::processes::{
    Hook, SOON, Setup, Siaga, Site, picture, postgres_address_of_its_own, report_fields,
};

const DUTY: &str = "duty@siaga.example";
const OFFICER: &str = "officer@kanim.example";
const PASSWORD: &str = "a long enough password";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_thread_through_everything_on_sqlite() {
    let site = Site::start().await;
    let setup = Setup::of(&site);
    thread(&site, setup).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_thread_through_everything_on_postgres() {
    let schema = postgres_address_of_its_own().await;
    let site = Site::start().await;
    let setup = Setup::of(&site).database(&schema.address);
    thread(&site, setup).await;
    schema.drop().await;
}

async fn thread(site: &Site, setup: Setup) {
    let hook = Hook::start().await;
    let setup = setup.alerts(&hook, DUTY);

    // Nothing is said before anything is observed.
    site.faults(json!([{ "kind": "late", "delay_ms": 2500 }]))
        .await;
    let mut siaga = setup.run().await;
    siaga.until("website", "unknown: no_data", SOON).await;
    let page = siaga.page("/en/").await;
    assert!(
        page.contains("We cannot say whether the site works"),
        "{page}"
    );
    site.heal().await;
    for component in ["website", "sign-in", "upload", "notification", "tracking"] {
        siaga.until(component, "operational", SOON * 2).await;
    }
    let status = siaga.json("/api/v1/status").await;
    assert_eq!(status["state"], "operational", "{status}");
    assert!(siaga.page("/en/").await.contains("The site works"));

    // The outage.
    site.faults(json!([{ "kind": "error", "status": 500, "path": "/front/login" }]))
        .await;
    siaga.until("sign-in", "outage", SOON).await;
    let id = it_is_shown(&siaga).await;
    eventually("the hook hears of it", SOON, || async {
        !hook.of("sign-in").is_empty()
    })
    .await;
    eventually("a mail is sent", SOON, || async {
        !site.mails_to(DUTY).await.is_empty()
    })
    .await;
    let mails = site.mails_to(DUTY).await;
    assert_eq!(mails.len(), 1, "{mails:?}");
    assert!(mails[0]["text"].to_string().contains(&id), "{}", mails[0]);

    // The report, and the office.
    let report = report(&siaga, &id).await;
    case(&siaga, &setup, &report, &id).await;

    // The end.
    site.heal().await;
    siaga.until("sign-in", "operational", SOON).await;
    eventually("the hook hears of the end", SOON, || async {
        hook.of("sign-in").len() >= 2
    })
    .await;
    siaga.until("upload", "operational", SOON).await;
    let told = ["outage.opened", "outage.closed"].map(|event| (event.to_owned(), id.clone()));
    assert_eq!(hook.of("sign-in"), told, "each once, in this order");
    assert_eq!(hook.all().len(), 2, "no other alert: {:?}", hook.all());
    let outages = siaga.outages("sign-in").await;
    assert_eq!(outages.len(), 1, "{outages:?}");
    assert!(outages[0]["ended_at"].is_string(), "{}", outages[0]);
    assert!(siaga.page("/en/").await.contains("The site works"));
    let history = siaga.page("/en/history").await;
    assert!(history.contains("Days with an outage"), "{history}");
    let outages = siaga.page("/en/outages").await;
    assert!(outages.contains(&format!("/en/outages/{id}")), "{outages}");
    assert!(
        siaga
            .page(&format!("/en/outages/{id}"))
            .await
            .contains("Recovered")
    );
    siaga.process.stop().await;
}

/// The outage is on every public page; gives its id.
async fn it_is_shown(siaga: &Siaga) -> String {
    let outages = siaga.outages("sign-in").await;
    assert_eq!(outages.len(), 1, "{outages:?}");
    let outage = &outages[0];
    let id = outage["id"].as_str().expect("an id").to_owned();
    assert_eq!(outage["ended_at"], Value::Null);
    assert_eq!(siaga.state("website").await, "operational");
    // What lies behind the step that fails was not reached: nobody says that it is down.
    for component in ["application", "upload", "notification"] {
        assert_ne!(siaga.state(component).await, "outage");
        assert!(siaga.outages(component).await.is_empty());
    }
    let page = siaga.page("/en/").await;
    assert!(page.contains(&format!("/en/outages/{id}")), "{page}");
    let status = siaga.json("/api/v1/status").await;
    assert_eq!(status["open_outages"], json!([id]));
    let summary = siaga.json("/api/v2/summary.json").await;
    assert_eq!(summary["incidents"][0]["id"], json!(id), "{summary}");
    let indicator = &summary["status"]["indicator"];
    assert!(
        ["major", "critical"].iter().any(|it| indicator == it),
        "{indicator}"
    );
    let components = summary["components"].as_array().expect("components");
    let of =
        |id: &str| components.iter().find(|one| one["id"] == id).expect("it")["status"].clone();
    assert_eq!(of("sign-in"), "major_outage");
    assert_eq!(of("website"), "operational");
    // What was seen: the title of the error page, and its fingerprint.
    let seen = siaga.json(&format!("/api/v1/outages/{id}")).await;
    let seen = &seen["error_pages"][0];
    let fingerprint = seen["fingerprint"].as_str().expect("a fingerprint");
    let page = siaga.page(&format!("/id/outages/{id}")).await;
    let title = seen["title"].as_str().expect("a title");
    assert!(title.starts_with("500"), "{title}");
    assert!(page.contains(title) && page.contains(fingerprint), "{page}");
    id
}

pub(super) struct Reported {
    reference: String,
    receipt: String,
}

async fn report(siaga: &Siaga, outage: &str) -> Reported {
    let form = report_fields("e1234567 8")
        .into_iter()
        .fold(Form::new(), |form, (name, value)| form.text(name, value))
        .part("screenshot", Part::bytes(picture()).file_name("layar.png"));
    let answer = siaga
        .client
        .post(format!("{}/api/v1/reports", siaga.url))
        .header("accept", "application/json")
        .multipart(form)
        .send()
        .await
        .expect("an answer");
    let code = answer.status();
    let body: Value = answer.json().await.expect("JSON");
    assert_eq!(code, 201, "{body}");
    assert_eq!(body["finding"]["verdict"], "matched", "{body}");
    assert!(body["finding"].to_string().contains(outage), "{body}");
    let text = |key: &str| body[key].as_str().expect("a text").to_owned();
    let reported = Reported {
        reference: text("reference"),
        receipt: text("receipt_url").replace(&siaga.url, ""),
    };
    let receipt = siaga.page(&reported.receipt).await;
    assert!(receipt.contains(&reported.reference), "{receipt}");
    assert!(receipt.contains("Received"), "{receipt}");
    reported
}

/// The office finds the case, sees everything, and works on it to its end.
async fn case(siaga: &Siaga, setup: &Setup, report: &Reported, outage: &str) {
    let office = [
        "--role",
        "officer",
        "--office",
        "ngurah-rai",
        "--password-stdin",
    ];
    let add = [["staff", "add", OFFICER].as_slice(), &office].concat();
    let (code, printed) = setup.command(&add, &format!("{PASSWORD}\n"));
    assert_eq!(code, Some(0), "{printed}");
    assert!(!printed.contains(PASSWORD));

    let post = async |path: &str, cookie: &str, fields: &[(&str, &str)]| {
        siaga
            .client
            .post(format!("{}{path}", siaga.url))
            .header("cookie", cookie)
            .form(fields)
            .send()
            .await
            .expect("an answer")
    };
    let wrong = [("email", OFFICER), ("password", "not this password")];
    let answer = post("/en/office/sign-in", "", &wrong).await;
    assert_eq!(answer.status(), 422);
    let right = [("email", OFFICER), ("password", PASSWORD)];
    let answer = post("/en/office/sign-in", "", &right).await;
    assert_eq!(answer.status(), 303);
    let cookie = answer.headers()["set-cookie"].to_str().expect("a text");
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();

    let get = async |path: &str| {
        let asked = siaga.client.get(format!("{}{path}", siaga.url));
        let answer = asked
            .header("cookie", &cookie)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200, "{path}");
        answer
    };
    let queue = get("/en/office/").await.text().await.expect("a text");
    assert!(queue.contains(&report.reference), "{queue}");
    let csrf = value_of(&queue, "csrf");

    // By reference, as someone types it, and by passport number.
    let there = format!("/en/office/cases/{}", report.reference);
    let typed = report.reference.to_lowercase().replace('-', " ");
    for query in [typed.as_str(), "E12345678"] {
        let answer = post(
            "/en/office/search",
            &cookie,
            &[("csrf", &csrf), ("q", query)],
        )
        .await;
        assert_eq!(answer.status(), 303, "{query}");
        assert_eq!(answer.headers()["location"], there.as_str(), "{query}");
    }

    let page = get(&there).await.text().await.expect("a text");
    for shown in [
        "Zhang Wei",
        "E12345678",
        "zhang@example.org",
        "Confirmed",
        outage,
        "KENDALA",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    let shot = get(&format!(
        "/en/office/cases/{}/screenshots/1",
        report.reference
    ))
    .await;
    let shot = shot.bytes().await.expect("a picture");
    let shot = image::load_from_memory(&shot).expect("a picture");
    assert_eq!((shot.width(), shot.height()), (64, 48));

    let mut page = page;
    for (to, word) in [
        ("in_review", "In review"),
        ("processed", "Processed by hand"),
    ] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("from", &value_of(&page, "from")),
            ("to", to),
        ];
        let answer = post(&format!("{there}/step"), &cookie, &fields).await;
        assert_eq!(answer.status(), 303, "{to}");
        page = get(&there).await.text().await.expect("a text");
        assert!(page.contains(word), "{word} in {page}");
        let receipt = siaga.page(&report.receipt).await;
        assert!(receipt.contains(word), "{word} in {receipt}");
    }
    assert!(page.contains(OFFICER), "who did it: {page}");
}

/// The value of the first hidden field of this name.
fn value_of(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&start).expect("the field");
    rest.split('"').next().expect("its value").to_owned()
}
