//! Failures on the rehearsal site leave the whole of their evidence, and passing runs none.

use image::GenericImageView as _;
use serde_json::Value;
use siaga::domain::{Fault as Found, Moment, Outcome};
use siaga::rehearsal::{Fault, Kind};

use super::{Scene, flow, journey, kinds, one_page, rehearsed};

/// What HAR 1.2 asks of an archive.
fn is_right(har: &Value) {
    let log = &har["log"];
    assert_eq!(log["version"], "1.2");
    assert!(log["creator"]["name"].is_string() && log["creator"]["version"].is_string());
    let pages: Vec<&str> = log["pages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|page| {
            is_moment(&page["startedDateTime"]);
            assert!(page["title"].is_string() && page["pageTimings"].is_object());
            page["id"].as_str().unwrap()
        })
        .collect();
    let entries = log["entries"].as_array().unwrap();
    assert!(!entries.is_empty());
    for entry in entries {
        is_moment(&entry["startedDateTime"]);
        assert!(pages.contains(&entry["pageref"].as_str().unwrap()));
        let (request, response) = (&entry["request"], &entry["response"]);
        for key in ["method", "url", "httpVersion"] {
            assert!(request[key].is_string(), "{key}: {entry}");
        }
        for key in ["statusText", "httpVersion", "redirectURL"] {
            assert!(response[key].is_string(), "{key}: {entry}");
        }
        assert!(request["url"].as_str().unwrap().starts_with("http"));
        for side in [request, response] {
            for key in ["headersSize", "bodySize"] {
                assert!(side[key].is_i64() || side[key].is_u64(), "{key}: {entry}");
            }
            assert!(side["cookies"].is_array());
            for header in side["headers"].as_array().unwrap() {
                assert!(header["name"].is_string() && header["value"].is_string());
            }
        }
        assert!(request["queryString"].is_array());
        assert!(response["status"].is_u64());
        assert!(
            response["content"]["size"].is_u64() && response["content"]["mimeType"].is_string()
        );
        assert!(entry["cache"].is_object());
        let timings = &entry["timings"];
        let of = |key: &str| timings[key].as_i64().unwrap();
        assert!(of("send") >= 0 && of("wait") >= 0 && of("receive") >= 0);
        let parts = ["blocked", "dns", "connect", "send", "wait", "receive"];
        let sum: i64 = parts.into_iter().map(|key| of(key).max(0)).sum();
        assert_eq!(entry["time"].as_i64().unwrap(), sum, "{entry}");
        assert!(of("ssl") <= of("connect"));
        assert!(request.get("postData").is_none(), "{entry}");
    }
}

fn is_moment(value: &Value) {
    let text = value.as_str().unwrap();
    assert!(text.parse::<jiff::Timestamp>().is_ok(), "{text}");
}

/// Everything that must be in no piece.
fn secrets(scene: &Scene) -> Vec<String> {
    let mut secrets: Vec<String> = scene.target.secrets.values().cloned().collect();
    secrets.push(scene.target.secrets["PROBE_EMAIL"].replace('@', "%40"));
    secrets.extend(
        [
            "TEST00021",
            "1974-08-12",
            "+62 812 0000 0000",
            "Jalan Uji",
            "3174000000000001",
            "PT Uji Pemantauan",
        ]
        .map(str::to_owned),
    );
    secrets
}

/// How many milliseconds an answer was waited for in vain.
fn waited_for(upload: &str) -> u32 {
    let (_, rest) = upload.split_once("no answer within ").expect(upload);
    let (milliseconds, _) = rest.split_once(" ms").expect(upload);
    milliseconds.parse().expect(upload)
}

#[tokio::test]
async fn an_error_page_in_the_browser_leaves_everything_and_nothing_of_anybodys() {
    let fault = Fault::from(Kind::Error { status: 500 }).at("/web/extension/*/documents");
    let (rehearsal, scene) = rehearsed(vec![fault]).await;
    let report = scene.in_browser(&journey()).await;
    assert_eq!(
        report.outcome,
        Outcome::Failed(Found::ErrorPage),
        "{report:#?}"
    );
    assert_eq!(
        kinds(&report),
        [
            "page",
            "headers",
            "har",
            "waterfall",
            "console",
            "screenshot",
            "public-screenshot",
            "timings"
        ]
    );
    let har: Value = serde_json::from_str(&scene.text(&report, "har").await).unwrap();
    is_right(&har);
    let statuses = har["log"]["entries"].as_array().unwrap().iter();
    assert!(statuses.clone().any(|one| one["response"]["status"] == 500));
    assert!(statuses.clone().any(|one| {
        one["request"]["method"] == "POST"
            && one["response"]["redirectURL"]
                .as_str()
                .unwrap()
                .contains("/web/")
    }));
    assert!(
        statuses
            .clone()
            .all(|one| one["serverIPAddress"] == "127.0.0.1")
    );
    let screen = image::load_from_memory(&scene.piece(&report, "screenshot").await).unwrap();
    assert!(screen.width() >= 1000 && screen.height() >= 500);
    let public = scene.piece(&report, "public-screenshot").await;
    let public = image::load_from_memory(&public).unwrap();
    assert_eq!(public.dimensions().0, 1080);
    assert!(scene.text(&report, "console").await.contains("500"));
    let headers = scene.text(&report, "headers").await;
    assert!(
        headers.starts_with("(answered by 127.0.0.1:") && headers.contains("\nHTTP 500\n"),
        "{headers}"
    );
    for piece in report.steps.iter().flat_map(|step| &step.evidence) {
        let bytes = scene.bytes(piece).await;
        let text = String::from_utf8_lossy(&bytes);
        for secret in secrets(&scene) {
            assert!(!text.contains(&secret), "{secret} in {}", piece.kind);
        }
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_broken_front_end_is_told_by_the_console() {
    for kind in [Kind::MissingBundle {}, Kind::Script {}] {
        let (rehearsal, scene) = rehearsed(vec![Fault::from(kind.clone())]).await;
        let report = scene.in_browser(&journey()).await;
        assert!(matches!(report.outcome, Outcome::Failed(_)), "{report:#?}");
        let console = scene.text(&report, "console").await;
        match kind {
            Kind::MissingBundle {} => assert!(console.contains("/assets/"), "{console}"),
            _ => assert!(console.contains("Uncaught"), "{console}"),
        }
        let kinds = kinds(&report);
        assert!(kinds.contains(&"screenshot"), "{kinds:?}");
        assert!(!kinds.contains(&"public-screenshot"), "no error page");
        rehearsal.stop().await;
    }
}

#[tokio::test]
async fn error_pages_are_public_whatever_their_status_and_other_pages_are_not() {
    let documents = "/web/extension/*/documents";
    let cases = [
        (Fault::from(Kind::ErrorWith200 {}).at(documents), true),
        (Fault::from(Kind::Error { status: 503 }).at(documents), true),
        (
            Fault::from(Kind::UploadRefused { above_bytes: 1000 }),
            false,
        ),
    ];
    for (fault, is_public) in cases {
        let (rehearsal, scene) = rehearsed(vec![fault.clone()]).await;
        let report = scene.in_browser(&journey()).await;
        assert!(matches!(report.outcome, Outcome::Failed(_)), "{report:#?}");
        let kinds = kinds(&report);
        assert!(kinds.contains(&"screenshot"), "{fault:?}: {kinds:?}");
        assert_eq!(
            kinds.contains(&"public-screenshot"),
            is_public,
            "{fault:?}: {kinds:?}"
        );
        rehearsal.stop().await;
    }
}

#[tokio::test]
async fn over_http_a_failure_leaves_what_there_is() {
    let fault = Fault::from(Kind::Error { status: 502 }).at("/web/extension/*/documents");
    let (rehearsal, scene) = rehearsed(vec![fault]).await;
    let report = scene.over_http(&journey()).await;
    assert_eq!(
        kinds(&report),
        ["page", "headers", "har", "waterfall", "timings"]
    );
    is_right(&serde_json::from_str(&scene.text(&report, "har").await).unwrap());
    for piece in report.steps.iter().flat_map(|step| &step.evidence) {
        let text = String::from_utf8(scene.bytes(piece).await).unwrap();
        for secret in secrets(&scene) {
            assert!(!text.contains(&secret), "{secret} in {}", piece.kind);
        }
    }
    rehearsal.stop().await;
}

/// A site with a form that it never reads to the end.
async fn deaf() -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut start = [0; 500];
                while stream.read(&mut start).await.is_ok_and(|n| n > 0) {
                    if start.starts_with(b"POST") {
                        std::future::pending::<()>().await;
                    }
                    let form = "<form method=post enctype=multipart/form-data><input type=file id=f name=f>";
                    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length:";
                    let answer = format!("{head} {}\r\n\r\n{form}", form.len());
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    url
}

#[tokio::test]
async fn it_is_told_how_far_an_upload_came_and_when_it_stood_still() {
    let scene = Scene::of(&deaf().await);
    let flow = flow(
        "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n\
         upload = { \"#f\" = { document = \"photo\", kind = \"pdf\", size = \"20MB\" } }\n\
         submit = \"form\"\ntimeout = \"8s\"\n",
    );
    let report = scene.over_http(&flow).await;
    assert_eq!(
        report.outcome,
        Outcome::Failed(Found::Timeout),
        "{report:#?}"
    );
    let upload = scene.text(&report, "upload").await;
    assert!(upload.starts_with("POST http://127.0.0.1:"), "{upload}");
    assert!(upload.contains("body to be sent: 20000"), "{upload}");
    assert!(upload.contains("it then stood still for "), "{upload}");
    assert!(waited_for(&upload) <= 8_000, "{upload}");
    assert!(!upload.contains("(100 %)"), "{upload}");

    // The browser tells the size only.
    let report = scene.in_browser(&flow).await;
    assert_eq!(
        report.outcome,
        Outcome::Failed(Found::Timeout),
        "{report:#?}"
    );
    let upload = scene.text(&report, "upload").await;
    assert!(upload.contains("body to be sent: 20000"), "{upload}");
    assert!(upload.contains("is not told by the browser"), "{upload}");
}

#[tokio::test]
async fn a_passing_run_leaves_nothing() {
    let scene = Scene::of(&one_page("<title>Hi</title><p>welcome").await);
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";
    let report = scene.in_browser(&flow(steps)).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    assert_eq!(kinds(&report), [""; 0]);
    let left = std::fs::read_dir(scene.folder.path().join("evidence"));
    assert_eq!(left.unwrap().count(), 0);
}

#[tokio::test]
async fn evidence_that_cannot_be_kept_changes_nothing() {
    let scene = Scene::of(&one_page("<p>welcome").await);
    let folder = scene.folder.path().join("evidence");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "in the way").unwrap();
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\nwait = \"1s\"\n\
                 expect = { text = \"goodbye\" }\n\
                 [[cleanup]]\nname = \"b\"\nvisit = \"/\"\n";
    let report = scene.in_browser(&flow(steps)).await;
    assert_eq!(
        report.outcome,
        Outcome::Failed(Found::Content),
        "{report:#?}"
    );
    assert_eq!(report.steps[1].outcome, Outcome::Passed, "cleanup goes on");
    assert_eq!(kinds(&report), [""; 0]);
}

#[tokio::test]
async fn a_page_that_hangs_has_no_picture_and_the_run_goes_on() {
    let page = "<p>welcome<script>setTimeout(() => { for (;;); }, 200)</script>";
    let scene = Scene::of(&one_page(page).await);
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\ntimeout = \"4s\"\n\
                 wait = \"3s\"\nexpect = { text = \"goodbye\" }\n";
    let report = scene.in_browser(&flow(steps)).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)), "{report:#?}");
    let kinds = kinds(&report);
    assert!(!kinds.contains(&"screenshot"), "{kinds:?}");
    assert!(
        kinds.contains(&"har") && kinds.contains(&"waterfall"),
        "{kinds:?}"
    );
}

/// A site that shows other words each time gets no further than one that repeats itself.
#[tokio::test]
async fn other_words_on_each_error_page_leave_no_more() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let site = format!("http://{}/", listener.local_addr().unwrap());
    let shown = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let router = axum::Router::new().fallback(move || {
        let turn = shown.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        // Letters alone: digits would not tell two pages apart.
        let letter = |place: u32| char::from(b'g' + u8::try_from(turn >> place & 15).unwrap());
        let word: String = [0, 4, 8].into_iter().map(letter).collect();
        let page = format!("<title>{word}</title><p>{}", word.repeat(10_000));
        async move { (axum::http::StatusCode::INTERNAL_SERVER_ERROR, page) }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    let scene = Scene::of(&site);
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";
    let mut pages = 0;
    for _ in 0..20 {
        let report = scene.over_http(&flow(steps)).await;
        pages += usize::from(kinds(&report).contains(&"page"));
    }
    assert_eq!(pages, 3);
}

#[tokio::test]
async fn the_same_failure_leaves_all_of_it_three_times_an_hour() {
    let scene = Scene::of("http://127.0.0.1:9/");
    let wanted = |sort: &str, minute: i64| scene.store.is_wanted(sort, Moment(minute * 60_000));
    let first: Vec<bool> = (0..5).map(|minute| wanted("a", minute)).collect();
    assert_eq!(first, [true, true, true, false, false]);
    assert!(wanted("b", 5), "another failure is news");
    assert!(!wanted("a", 59));
    assert!(wanted("a", 60), "and so is the same one an hour later");
    assert!(wanted("a", 10), "a clock that was set back hides nothing");

    // Of the others the times are kept.
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";
    for turn in 0..4 {
        let report = scene.over_http(&flow(steps)).await;
        assert_eq!(
            kinds(&report),
            if turn < 3 {
                vec!["har", "waterfall", "timings"]
            } else {
                vec!["timings"]
            }
        );
    }
}
