//! `upload_refused` means refused: what becomes of a document, on both engines, against a server
//! that answers in every way that servers do.

use proptest::prelude::*;
use siaga::domain::{Engine, Fault, Outcome};
use siaga::probe::delivery::{Answer, Delivery, Verdict, verdict};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::conformance::{Bench, flow, message, step};
use crate::harness::probing::target;
use crate::http_engine::server::{Request, Server, answer, page, raw, redirect};

// ---- the rule ----------------------------------------------------------------------------

fn answered(status: u16, is_page: bool, text: &str) -> Delivery {
    Delivery::Answered(Answer {
        status,
        request: "POST /up".to_owned(),
        is_page,
        text: text.to_owned(),
    })
}

/// The verdict in a word.
fn word(found: &Verdict) -> &'static str {
    match found {
        Verdict::Refused(_) => "refused",
        Verdict::Complained(_) => "complained",
        Verdict::Failed(Fault::Status, _) => "status",
        Verdict::Failed(Fault::Connect, _) => "connect",
        Verdict::Failed(..) => "another fault",
        Verdict::Open => "open",
    }
}

#[test]
fn every_answer_has_its_verdict() {
    let broken = Delivery::Broken {
        request: "POST /up".to_owned(),
        why: "net::ERR_EMPTY_RESPONSE".to_owned(),
    };
    let script = |status| answered(status, false, "");
    // The delivery; the verdict without a complaint, with one on the same form, on another page.
    for (delivery, silent, same_form, elsewhere) in [
        (Delivery::Pending, "open", "complained", "open"),
        (Delivery::UnderWay, "open", "complained", "open"),
        (Delivery::Unknown, "open", "complained", "open"),
        (Delivery::Reset, "refused", "refused", "refused"),
        (broken, "connect", "connect", "connect"),
        (script(200), "open", "complained", "open"),
        (script(303), "open", "complained", "open"),
        (script(413), "refused", "refused", "refused"),
        (script(415), "refused", "refused", "refused"),
        (script(400), "status", "complained", "status"),
        (script(409), "status", "complained", "status"),
        (script(422), "status", "complained", "complained"),
        (script(401), "status", "status", "status"),
        (script(403), "status", "status", "status"),
        (script(404), "status", "status", "status"),
        (script(429), "status", "status", "status"),
        (script(500), "status", "status", "status"),
        (script(503), "status", "status", "status"),
        (
            answered(404, true, "HTTP Error 404.13 - Not Found"),
            "refused",
            "refused",
            "refused",
        ),
        (answered(503, true, ""), "open", "open", "open"),
        (answered(403, true, ""), "open", "open", "open"),
        (answered(422, true, ""), "open", "complained", "complained"),
    ] {
        let complaint = Some("the file is too large");
        assert_eq!(
            word(&verdict(&delivery, None, true)),
            silent,
            "{delivery:?}"
        );
        assert_eq!(
            word(&verdict(&delivery, None, false)),
            silent,
            "{delivery:?}"
        );
        assert_eq!(
            word(&verdict(&delivery, complaint, true)),
            same_form,
            "{delivery:?}"
        );
        assert_eq!(
            word(&verdict(&delivery, complaint, false)),
            elsewhere,
            "{delivery:?}"
        );
    }
}

proptest! {
    /// Whatever a server answers: what breaks, blocks or is not there refuses no document.
    #[test]
    fn only_a_refusal_refuses(
        status in 100_u16..600,
        is_page: bool,
        complaint in proptest::option::of("[a-z ]{1,20}"),
        same_form: bool,
        text in "[a-z ]{0,20}",
    ) {
        let found = verdict(&answered(status, is_page, &text), complaint.as_deref(), same_form);
        let is_refusal = matches!(found, Verdict::Refused(_) | Verdict::Complained(_));
        if matches!(status, 413 | 415) {
            prop_assert_eq!(word(&found), "refused");
        } else if complaint.is_none() || status >= 500 || matches!(status, 401 | 403 | 404 | 429) {
            prop_assert!(!is_refusal);
        }
        // The page's own status is the page's to tell.
        if is_page {
            prop_assert!(!matches!(found, Verdict::Failed(..)));
        }
    }
}

// ---- both engines ------------------------------------------------------------------------

const COOKIES: &str = "<div role=alert>We use cookies. <button type=button>OK</button></div>";
const LIMIT: &str = "<div class='alert alert-danger' role=alert>Berkas paling besar 2 MB.</div>";

fn form(action: &str, around: &str) -> String {
    format!(
        "<title>Dokumen</title>{around}<form id=up method=post action='{action}' \
         enctype=multipart/form-data><p><label>Nama <input id=name name=name></label></p>\
         <p><label>Paspor <input type=file id=f name=f></label></p>\
         <button id=go>Kirim</button></form>"
    )
}

/// The same without the browser leaving the page: a script sends the document.
fn scripted(action: &str) -> String {
    format!(
        "{}<p id=says></p><script>up.onsubmit = async (event) => {{ event.preventDefault(); \
         const r = await fetch('{action}', {{ method: 'POST', body: new FormData(up) }}); \
         says.textContent = 'selesai ' + r.status; \
         if (r.status === 422 || r.status === 200) {{ says.className = 'error'; \
         says.textContent = await r.text() }} }}</script>",
        form(action, "")
    )
}

fn served(request: &Request) -> Option<String> {
    let path = request.path().split('?').next().unwrap_or_default();
    let status = |status: &str, body: &str| {
        answer(status, "Content-Type: text/html; charset=utf-8\r\n", body)
    };
    if let Some(kind) = path.strip_prefix("/form/") {
        let around = match kind {
            "cookies" => COOKIES,
            "limit" => LIMIT,
            _ => "",
        };
        return Some(page(&form(&format!("/to/{kind}"), around)));
    }
    if let Some(kind) = path.strip_prefix("/script/") {
        return Some(page(&scripted(&format!("/to/{kind}"))));
    }
    Some(match path {
        "/to/413" => status(
            "413 Payload Too Large",
            "<h1>413 Request Entity Too Large</h1>",
        ),
        "/to/415" => status("415 Unsupported Media Type", "<h1>415</h1>"),
        "/to/iis" => status(
            "404 Not Found",
            "<title>IIS 10.0 Detailed Error - 404.13 - Not Found</title>\
             <h2>HTTP Error 404.13 - Not Found</h2>",
        ),
        "/to/again" => page(&form(
            "/to/again",
            "<p class=error>Berkas terlalu besar.</p>",
        )),
        "/to/again422" => status(
            "422 Unprocessable Content",
            &form("/to/again422", "<p class=error>Berkas terlalu besar.</p>"),
        ),
        "/to/says422" => answer(
            "422 Unprocessable Content",
            "Content-Type: application/json\r\n",
            r#"{"errors":{"file":["The file is too large."]}}"#,
        ),
        // Closes without a word on what is too much for it.
        "/to/sized" if request.body.len() > 120_000 => return None,
        "/to/sized" => page("<p id=done>Diterima</p>"),
        "/to/limit" => page(&form("/to/limit", LIMIT)),
        "/to/cookies" => page(&form("/to/cookies", COOKIES)),
        "/to/name" => page(&form("/to/name", "").replace(
            "<input id=name name=name>",
            "<input id=name name=name><span class=error>Nama wajib diisi, 5 huruf</span>",
        )),
        "/to/success" => page(&form(
            "/to/success",
            "<div class='alert alert-success' role=alert>Berkas diunggah.</div>",
        )),
        "/to/unseen" => page(&form(
            "/to/unseen",
            "<p class=error hidden>Berkas terlalu besar.</p>",
        )),
        "/to/next" => redirect("/next"),
        "/next" => page("<h1>Langkah berikut</h1><p class=error>Berkas terlalu besar.</p>"),
        "/to/429" => status("429 Too Many Requests", "<h1>Pelan-pelan</h1>"),
        "/to/403" => status("403 Forbidden", "<h1>Terlarang</h1>"),
        "/to/404" => status("404 Not Found", "<h1>Tiada</h1>"),
        "/to/500" => status("500 Oops", "<p>sesuatu yang lain</p>"),
        "/to/503" => status("503 Unavailable", "<p>sesuatu yang lain</p>"),
        "/to/complaining503" => status(
            "503 Unavailable",
            &form("/to/503", "<p class=error>Berkas gagal diunggah.</p>"),
        ),
        "/to/maintenance" => page("<title>Situs</title><h1>Situs Sedang Dalam Pemeliharaan</h1>"),
        _ => return None,
    })
}

async fn site() -> Server {
    raw(|request, mut stream| async move {
        match served(&request) {
            Some(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
            // What was sent is left unread, or not: then it is closed in order.
            None if request.path() == "/to/unread" => drop(stream),
            None => {
                let _ = stream.shutdown().await;
            }
        }
    })
    .await
}

/// Where the document goes, the fault that comes of it, and words of the message.
const FORMS: &[(&str, &str, &str)] = &[
    ("413", "upload_refused", "status 413"),
    ("415", "upload_refused", "status 415"),
    ("iis", "upload_refused", "404.13"),
    (
        "unread",
        "upload_refused",
        "while the document is being sent",
    ),
    ("again", "upload_refused", "\"Berkas terlalu besar.\""),
    ("again422", "upload_refused", "\"Berkas terlalu besar.\""),
    ("says422", "upload_refused", "too large"),
    ("nothing", "connect", ""),
    ("limit", "content", ""),
    ("cookies", "content", ""),
    ("name", "content", "complains: \"Nama wajib diisi"),
    ("success", "content", ""),
    ("unseen", "content", ""),
    ("next", "content", "no element `#done`"),
    ("429", "status", "429"),
    ("403", "status", "403"),
    ("404", "status", "404"),
    ("500", "status", "500"),
    ("503", "status", "503"),
    ("complaining503", "status", "503"),
    ("maintenance", "error_page", "`maintenance`"),
];

/// The same of what a page's script sends, while the page stays.
const SCRIPTS: &[(&str, &str, &str)] = &[
    ("413", "upload_refused", "status 413"),
    ("415", "upload_refused", "status 415"),
    ("iis", "upload_refused", "404.13"),
    (
        "unread",
        "upload_refused",
        "while the document is being sent",
    ),
    ("says422", "upload_refused", "too large"),
    ("nothing", "connect", "POST /to/nothing"),
    ("429", "status", "`POST /to/429`"),
    ("403", "status", "`POST /to/403`"),
    ("404", "status", "`POST /to/404`"),
    ("500", "status", "`POST /to/500`"),
    ("503", "status", "`POST /to/503`"),
];

fn steps(place: &str, cases: &[(&str, &str, &str)]) -> siaga::probe::definition::Flow {
    let mut text =
        "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/form/0\"\n".to_owned();
    for (kind, ..) in cases {
        text.push_str(&format!(
            "[[cleanup]]\nname = \"{kind}\"\ntimeout = \"8s\"\nvisit = \"/{place}/{kind}\"\n\
             upload = {{ \"#f\" = {{ document = \"photo\", kind = \"jpeg\", size = \"100KB\" }} }}\n\
             submit = \"#go\"\nexpect = {{ css = \"#done\" }}\n"
        ));
    }
    flow(&text)
}

/// What is not as it should be.
async fn wrong(engine: Engine, place: &str, cases: &[(&str, &str, &str)]) -> Vec<String> {
    let (bench, site) = (Bench::new(), site().await);
    let mut wrong = Vec::new();
    for cases in cases.chunks(7) {
        let report = bench
            .run(engine, &steps(place, cases), &target(&site.url), 0)
            .await;
        for (kind, fault, words) in cases {
            let step = step(&report, kind);
            let found = step.outcome.detail().unwrap_or("passed");
            if found != *fault || !message(step).contains(words) {
                wrong.push(format!(
                    "{engine} {place} {kind}: {found}: {}",
                    message(step)
                ));
            }
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_that_sends_a_document_is_refused_or_broken_on_both_engines() {
    let mut found = wrong(Engine::Http, "form", FORMS).await;
    found.extend(wrong(Engine::Browser, "form", FORMS).await);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_script_sends_is_judged_by_its_own_answer() {
    let found = wrong(Engine::Browser, "script", SCRIPTS).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// A document is put on a page in one step and sent two steps later.
const LATER: &str = r##"
[[step]]
name = "Put"
component = "upload"
visit = "/form/PLACE"
upload = { "#f" = { document = "photo", kind = "jpeg", size = "100KB" } }
[[step]]
name = "Name"
component = "application"
fill = { "#name" = "Ani" }
[[step]]
name = "Send"
component = "application"
submit = "#go"
expect = { css = "#done" }
"##;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_is_on_its_way_until_it_is_sent() {
    let (bench, site) = (Bench::new(), site().await);
    for engine in [Engine::Http, Engine::Browser] {
        for (place, fault) in [("413", Fault::UploadRefused), ("503", Fault::Status)] {
            let flow = flow(&LATER.replace("PLACE", place));
            let report = bench.run(engine, &flow, &target(&site.url), 0).await;
            let send = step(&report, "Send");
            assert_eq!(
                send.outcome,
                Outcome::Failed(fault),
                "{engine} {place}: {report:#?}"
            );
        }
    }
}

const LADDER: &str =
    "[ladder]\nstep = \"Send\"\nkind = \"jpeg\"\nsize = \"150KB\"\nlimit = \"2MB\"\n";

/// What the ladder says of a size comes by the same rule.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ladder_says_refused_of_what_was_refused_alone() {
    let (bench, site) = (Bench::new(), site().await);
    for engine in [Engine::Http, Engine::Browser] {
        for (kind, accepted) in [
            ("413", Some(false)),
            ("again", Some(false)),
            ("429", None),
            ("403", None),
            ("500", None),
            ("next", None),
            ("maintenance", None),
            ("limit", None),
        ] {
            let flow = flow(&format!(
                "[[step]]\nname = \"Send\"\ncomponent = \"upload\"\ntimeout = \"4s\"\n\
                 visit = \"/form/{kind}\"\n\
                 upload = {{ \"#f\" = {{ document = \"photo\", kind = \"jpeg\", size = \"100KB\" }} }}\n\
                 submit = \"#go\"\nexpect = {{ css = \"#done\" }}\n{LADDER}"
            ));
            let report = bench.run(engine, &flow, &target(&site.url), 0).await;
            let found = report.rung.as_ref().map(|rung| rung.accepted);
            assert_eq!(found, accepted, "{engine} {kind}: {report:#?}");
        }
    }
}

/// What breaks on a document over the limit is no outage where an ordinary one is taken, and says
/// nothing of a refusal either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_breaks_over_the_limit_is_no_outage() {
    let (bench, site) = (Bench::new(), site().await);
    let ladder = LADDER.replace("2MB", "120KB");
    let flow = flow(&format!(
        "[[step]]\nname = \"Send\"\ncomponent = \"upload\"\nvisit = \"/form/sized\"\n\
         upload = {{ \"#f\" = {{ document = \"photo\", kind = \"jpeg\", size = \"100KB\" }} }}\n\
         submit = \"#go\"\nexpect = {{ css = \"#done\" }}\n{ladder}"
    ));
    for engine in [Engine::Http, Engine::Browser] {
        let report = bench.run(engine, &flow, &target(&site.url), 0).await;
        assert_eq!(report.outcome, Outcome::Passed, "{engine}: {report:#?}");
        assert_eq!(report.rung, None, "{engine}");
    }
}

/// A page whose script sends the document as text in JSON, to a server that refuses the request by its
/// head alone, as proxies do: nobody tells how large the body was to be.
async fn early(refusal: &'static str) -> String {
    let page = page(
        "<title>Dokumen</title><input type=file id=f><button id=go>Kirim</button><p id=says></p>\
         <script>go.onclick = async () => { const reader = new FileReader(); \
         reader.onload = async () => { \
         const body = JSON.stringify({ content: reader.result.repeat(20) }); \
         const headers = { 'Content-Type': 'application/json' }; \
         const r = await fetch('/to', { method: 'PUT', body, headers }); \
         says.textContent = 'selesai ' + r.status; }; reader.readAsDataURL(f.files[0]); }</script>",
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let page = page.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if stream.read_line(&mut head).await.unwrap_or_default() == 0 {
                        return;
                    }
                }
                let refused = answer(refusal, "Content-Type: text/html\r\n", "<h1>no</h1>");
                let answer = if head.starts_with("PUT") {
                    refused
                } else {
                    page
                };
                let _ = stream.get_mut().write_all(answer.as_bytes()).await;
                let _ = stream.get_mut().shutdown().await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_by_the_head_alone_is_one() {
    let flow = flow(
        "[[step]]\nname = \"Send\"\ncomponent = \"upload\"\ntimeout = \"30s\"\n\
         visit = \"/\"\n\
         upload = { \"#f\" = { document = \"photo\", kind = \"jpeg\", size = \"300KB\" } }\n\
         click = \"#go\"\nexpect = { text = \"diterima\" }\n",
    );
    for (refusal, fault) in [
        ("413 Request Entity Too Large", Fault::UploadRefused),
        ("415 Unsupported Media Type", Fault::UploadRefused),
    ] {
        let url = early(refusal).await;
        let report = Bench::new()
            .run(Engine::Browser, &flow, &target(&url), 0)
            .await;
        let send = step(&report, "Send");
        assert_eq!(
            send.outcome,
            Outcome::Failed(fault),
            "{refusal}: {report:#?}"
        );
    }
}
