//! No way leads from https to an address in clear, on either engine: nothing is sent there, and
//! the site is told to be at fault.

use std::sync::Arc;

use siaga::domain::{Engine, Outcome, RunReport};
use siaga::http_client::HttpClients;
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::key_hashes;
use siaga::probe::runner::Target;

use super::{Bench, flow, message, place, step, told};
use crate::harness::probing::target;
use crate::http_engine::server::{Request, Server, answer, page, plain, redirect, secure};

const ENGINES: [Engine; 2] = [Engine::Http, Engine::Browser];

/// Both engines, trusting the certificate of the tests.
fn bench() -> Bench {
    let mut bench = Bench::with(|settings| {
        settings.trusted_keys = key_hashes(include_bytes!("../tls/server.pem"));
    });
    let ca = include_bytes!("../tls/ca.pem").to_vec();
    let clients = HttpClients::new(None, &[ca]).unwrap();
    bench.tools.applicants = Arc::new(Applicants::new(clients));
    bench
}

/// Every way to `clear`, and to `own`, which is the same server's port without TLS.
fn answered(request: &Request, clear: &str) -> String {
    let host = request.header("host").unwrap_or_default();
    let own = format!("http://{host}/in-clear");
    let moved = |status: &str, to: &str| answer(status, &format!("Location: {to}\r\n"), "");
    let form = |action: &str| {
        page(&format!(
            "<form id=f method=post action='{action}'><input id=p type=password name=p><button id=b>ok\
             </button></form>"
        ))
    };
    match request.path() {
        "/" => page("<h1>Beranda</h1>"),
        "/link" => page(&format!("<a id=l href='{clear}got'>ke sana</a>")),
        "/form" => form(&format!("{clear}got")),
        "/form301" => form("/301"),
        "/form302" => form("/302"),
        "/form303" => form("/303"),
        "/form307" => form("/307"),
        "/form308" => form("/308"),
        "/formtwice" => form("/twice"),
        "/301" => moved("301 Moved Permanently", &format!("{clear}got")),
        "/302" => redirect(&format!("{clear}got")),
        "/303" => moved("303 See Other", &format!("{clear}got")),
        "/307" => moved("307 Temporary Redirect", &format!("{clear}got")),
        "/308" => moved("308 Permanent Redirect", &format!("{clear}got")),
        "/twice" => moved("307 Temporary Redirect", "/307"),
        "/own" => redirect(&own),
        "/meta" => page(&format!(
            "<meta http-equiv=refresh content='0; url={clear}got'>"
        )),
        "/refresh" => {
            let header = format!("Content-Type: text/html\r\nRefresh: 0; url={clear}got\r\n");
            answer("200 OK", &header, "tunggu")
        }
        "/script" => page(&format!("<script>location = '{clear}got'</script>")),
        "/click" => page(&format!(
            "<button id=b onclick=\"location='{clear}got'\">ok</button>"
        )),
        "/blank" => page(&format!(
            "<a id=l target=_blank href='{clear}got'>ke sana</a>"
        )),
        "/tells" => page(&format!("<a id=l class=link href='{clear}got'>ke sana</a>")),
        _ => page("<h1>lain</h1>"),
    }
}

/// Name, keys of the step, and whether plain HTTP meets it too.
const WAYS: &[(&str, &str, bool)] = &[
    ("link", "visit = \"/link\"\nclick = \"#l\"", true),
    (
        "form",
        "visit = \"/form\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    (
        "post 301",
        "visit = \"/form301\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    (
        "post 302",
        "visit = \"/form302\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    (
        "post 303",
        "visit = \"/form303\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    (
        "post 307",
        "visit = \"/form307\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    (
        "post 308",
        "visit = \"/form308\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    (
        "post twice",
        "visit = \"/formtwice\"\nfill = { \"#p\" = \"s3cret\" }\nsubmit = \"#b\"",
        true,
    ),
    ("get 301", "visit = \"/301\"", true),
    ("get 302", "visit = \"/302\"", true),
    ("get 307", "visit = \"/307\"", true),
    ("get 308", "visit = \"/308\"", true),
    ("own port", "visit = \"/own\"", true),
    ("meta refresh", "visit = \"/meta\"", true),
    ("refresh", "visit = \"/refresh\"", true),
    (
        "request",
        "request = { method = \"POST\", path = \"/307\", form = { p = \"s3cret\" } }",
        true,
    ),
    ("script", "visit = \"/script\"", false),
    ("pressed", "visit = \"/click\"\nclick = \"#b\"", false),
    ("window", "visit = \"/blank\"\nclick = \"#l\"", false),
];

fn ways(engine: Engine) -> String {
    let mut text = "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\n".to_owned();
    let met = WAYS
        .iter()
        .filter(|(.., both)| *both || engine == Engine::Browser);
    for (name, keys, _) in met {
        text.push_str(&format!(
            "[[cleanup]]\nname = \"{name}\"\n{keys}\ntimeout = \"9s\"\n"
        ));
    }
    text
}

fn with(site: &Server, other: &Server) -> Target {
    let mut target = target(&site.url);
    let host = other.url.split('/').nth(2).unwrap();
    target.hosts.insert(host.to_owned());
    target
}

/// Every way was refused with the fault, on this engine.
fn refused(report: &RunReport) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, _, both) in WAYS {
        if !both && report.engine == Engine::Http {
            continue;
        }
        let step = step(report, name);
        let (found, said) = (told(step), message(step));
        if !found.contains("failed tls") || !said.contains("leads from https to `http://127.0.0.1:")
        {
            wrong.push(format!("{found}: {said}"));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_leads_from_https_to_an_address_in_clear() {
    let clear = plain(|_| page("<h1>terbuka</h1>")).await;
    let to = clear.url.clone();
    let site = secure(move |request| answered(request, &to)).await;
    let (bench, target) = (bench(), with(&site, &clear));
    let mut reports = Vec::new();
    for engine in ENGINES {
        let report = bench.run(engine, &flow(&ways(engine)), &target, 0).await;
        assert_eq!(refused(&report), Vec::<String>::new());
        reports.push(report);
    }
    assert_eq!(clear.lines(), Vec::<String>::new());
    let both = WAYS.iter().filter(|(.., both)| *both);
    for (name, ..) in both {
        let [http, browser] = [&reports[0], &reports[1]].map(|report| place(step(report, name)));
        assert!(
            http.is_none() || http == browser,
            "{name}: {http:?} {browser:?}"
        );
    }
}

/// Where the site's own address is in clear, and it goes on with TLS, there is no way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_began_in_clear_and_went_on_with_tls_does_not_go_back() {
    for (name, keys, both) in WAYS {
        // Those that press something; the others are no way back.
        if !keys.contains("submit") && !keys.contains("click") {
            continue;
        }
        let clear = Arc::new(std::sync::OnceLock::new());
        let to: Arc<std::sync::OnceLock<String>> = Arc::clone(&clear);
        let site = secure(move |request| answered(request, to.get().unwrap())).await;
        let over = site.url.clone();
        let own = plain(move |request| match request.path() {
            "/got" => page("terbuka"),
            path => redirect(&format!("{over}{}", &path[1..])),
        })
        .await;
        clear.set(own.url.clone()).unwrap();
        let (bench, target) = (bench(), with(&own, &site));
        let text =
            format!("[[step]]\nname = \"{name}\"\ncomponent = \"web\"\n{keys}\ntimeout = \"6s\"\n");
        for engine in ENGINES {
            if !both && engine == Engine::Http {
                continue;
            }
            let report = bench.run(engine, &flow(&text), &target, 0).await;
            let step = step(&report, name);
            assert!(told(step).contains("failed tls"), "{name}: {report:#?}");
        }
        let got = own.lines().into_iter().filter(|line| line.contains("/got"));
        // A window that a page opens is only ours to hold back once it is there.
        let got: Vec<_> = got.filter(|_| *name != "window").collect();
        assert_eq!(got, Vec::<String>::new(), "{name}");
    }
}

/// What the flow itself writes is its own word; what the site gave it is the site's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_may_open_an_address_in_clear_that_it_writes_itself() {
    let clear = plain(|_| page("<h1>terbuka</h1>")).await;
    let to = clear.url.clone();
    let site = secure(move |request| answered(request, &to)).await;
    let (bench, target) = (bench(), with(&site, &clear));
    let begin = "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/tells\"\n\
        capture = { link = { css = \"#l\", attribute = \"href\" } }\n";
    let own = format!(
        "{begin}[[step]]\nname = \"Own\"\ncomponent = \"web\"\nvisit = \"{}\"\n\
         expect = {{ text = \"terbuka\" }}\n[[step]]\nname = \"Again\"\ncomponent = \"web\"\n\
         visit = \"/\"\nexpect = {{ text = \"Beranda\" }}\n",
        clear.url
    );
    let given =
        format!("{begin}[[step]]\nname = \"Given\"\ncomponent = \"web\"\nvisit = \"${{link}}\"\n");
    for engine in ENGINES {
        let report = bench.run(engine, &flow(&own), &target, 0).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        let before = clear.lines().len();
        let report = bench.run(engine, &flow(&given), &target, 0).await;
        assert!(
            told(step(&report, "Given")).contains("failed tls"),
            "{report:#?}"
        );
        assert_eq!(clear.lines().len(), before);
    }
}
