//! Walls for robots are none of the site's outages, and the site's own refusals are no walls.

use siaga::domain::{Engine, Outcome};
use siaga::probe::page::Snapshot;
use siaga::probe::page::cached;

use crate::conformance::Bench;
use crate::harness::probing::target;
use crate::http_engine::server::{answer, plain};

/// A page as somebody sends it.
struct Sent {
    name: &'static str,
    status: &'static str,
    headers: &'static str,
    body: &'static str,
    /// What the step expects.
    expect: &'static str,
    /// Outcome and detail.
    found: &'static str,
    /// Whether a browser is asked, too.
    in_browser: bool,
}

const BLOCKED: &str = "inconclusive blocked";
const FORM: &str = "css = \"#form\"";

const LOGIN: &str = "<title>Masuk</title><h1>Masuk</h1><form method=post><input name=email type=email>\
    <input name=password type=password><div class=g-recaptcha data-sitekey=x></div><button>Masuk</button></form>";

/// A page of the site's own with hCaptcha's widget on the form, and what Cloudflare adds to the
/// pages that it lets through.
const PROTECTED: &str = "<title>Masuk</title><form id=form><input name=a><input name=b><div class=h-captcha></div></form>\
    <script>window.__CF$cv$params={r:'8'}</script><script src='/cdn-cgi/challenge-platform/scripts/jsd/main.js'></script>\
    <script src='/_Incapsula_Resource?SWJIYLWA=7'></script>";

const fn sent(
    name: &'static str,
    status: &'static str,
    headers: &'static str,
    body: &'static str,
    found: &'static str,
) -> Sent {
    Sent {
        name,
        status,
        headers,
        body,
        expect: FORM,
        found,
        in_browser: false,
    }
}

impl Sent {
    const fn expecting(self, expect: &'static str) -> Sent {
        Sent { expect, ..self }
    }
    const fn in_browser(self) -> Sent {
        Sent {
            in_browser: true,
            ..self
        }
    }
}

const PAGES: &[Sent] = &[
    // Walls.
    sent(
        "Cloudflare's challenge, by its header",
        "403 Forbidden",
        "cf-mitigated: challenge\r\nServer: cloudflare\r\n",
        "<title>Tunggu sebentar...</title><p>Memverifikasi</p>",
        BLOCKED,
    )
    .in_browser(),
    sent(
        "the same, where the status is what is expected",
        "403 Forbidden",
        "cf-mitigated: challenge\r\n",
        "<p>x</p>",
        BLOCKED,
    )
    .expecting("status = 403"),
    sent(
        "the same with 503, by its script",
        "503 Service Unavailable",
        "",
        "<title>Momento</title><script>window._cf_chl_opt={cvId:'3'};</script><p>Verifying</p>",
        BLOCKED,
    ),
    sent(
        "a request that Cloudflare's rules refuse",
        "403 Forbidden",
        "Server: cloudflare\r\n",
        "error code: 1020",
        BLOCKED,
    ),
    sent(
        "Cloudflare's page for the same",
        "403 Forbidden",
        "Server: cloudflare\r\n",
        "<title>Attention Required! | Cloudflare</title><div id=cf-error-details><h1>Sorry, you have been blocked</h1></div>",
        BLOCKED,
    ),
    sent(
        "AWS WAF's challenge",
        "202 Accepted",
        "x-amzn-waf-action: challenge\r\n",
        "",
        BLOCKED,
    )
    .expecting("")
    .in_browser(),
    sent(
        "AWS WAF's captcha",
        "405 Method Not Allowed",
        "x-amzn-waf-action: captcha\r\n",
        "<title>Human Verification</title><script>window.gokuProps={}</script>",
        BLOCKED,
    ),
    sent(
        "Akamai's refusal",
        "403 Forbidden",
        "Server: AkamaiGHost\r\n",
        "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD><BODY><H1>Access Denied</H1>You don't have permission to access \
         \"http&#58;&#47;&#47;www&#46;example&#47;\" on this server.<P>Reference&#32;&#35;18&#46;2d351ab8&#46;1557333295&#46;a4e16ab</BODY></HTML>",
        BLOCKED,
    )
    .in_browser(),
    sent(
        "Imperva's challenge, with 200 and nothing expected",
        "200 OK",
        "",
        "<html><head><META NAME=\"robots\" CONTENT=\"noindex,nofollow\"><script src=\"/_Incapsula_Resource?SWJIYLWA=5074a744\"></script><body></body></html>",
        BLOCKED,
    )
    .expecting("status = 200"),
    sent(
        "Imperva's incident",
        "403 Forbidden",
        "",
        "<html><body><iframe id=\"main-iframe\" src=\"/_Incapsula_Resource?CWUDNSAI=9\">Request unsuccessful. Incapsula incident ID: 1-2</iframe></body></html>",
        BLOCKED,
    ),
    sent(
        "F5's challenge",
        "200 OK",
        "",
        "<html><head><noscript>Please enable JavaScript to view the page content.<br/>Your support ID is: 123.</noscript><script src='/TSPD/1'></script></head><body></body></html>",
        BLOCKED,
    ),
    sent(
        "DataDome's captcha",
        "403 Forbidden",
        "x-datadome: protected\r\n",
        "<p id=cmsg>Please enable JS</p><script>var dd={}</script><script src='https://ct.captcha-delivery.com/c.js'></script>",
        BLOCKED,
    ),
    sent(
        "nothing but a widget",
        "200 OK",
        "",
        "<title>evisa</title><h1>Satu langkah lagi</h1><form method=post><div class=cf-turnstile data-sitekey=x></div><input type=hidden name=t><button>Lanjut</button></form>",
        BLOCKED,
    )
    .in_browser(),
    sent(
        "nothing but hCaptcha, with 429",
        "429 Too Many Requests",
        "",
        "<h1>Checking</h1><form><div class='h-captcha' data-sitekey=x></div><textarea name=h-captcha-response hidden></textarea></form>",
        BLOCKED,
    ),
    // The site's own.
    sent(
        "its own 403",
        "403 Forbidden",
        "Server: nginx\r\n",
        "<title>403 Forbidden</title><h1>403 Forbidden</h1><hr>nginx",
        "failed status",
    )
    .in_browser(),
    sent(
        "its own 403, behind Cloudflare",
        "403 Forbidden",
        "Server: cloudflare\r\nCF-RAY: 8-SIN\r\n",
        "<title>Evisa</title><h1>Akun Anda dikunci</h1>",
        "failed status",
    ),
    sent(
        "its own words of denied access",
        "403 Forbidden",
        "",
        "<title>Access Denied</title><h1>Access Denied</h1><p>Reference: ticket 4711</p>",
        "failed status",
    ),
    sent(
        "no answer behind Cloudflare",
        "522 Origin",
        "Server: cloudflare\r\n",
        "<title>evisa.example | 522: Connection timed out</title><div id=cf-error-details><h1>Connection timed out</h1></div>",
        "failed error_page",
    ),
    sent(
        "no answer behind Akamai",
        "503 Service Unavailable",
        "Server: AkamaiGHost\r\n",
        "<TITLE>Service Unavailable - Zero size object</TITLE><p>Reference&#32;&#35;15&#46;2d351ab8&#46;1557333295&#46;a4e16ab",
        "failed error_page",
    ),
    sent(
        "a form that broke, with a widget on it",
        "200 OK",
        "",
        LOGIN,
        "failed content",
    )
    .in_browser(),
    sent(
        "the same, with words beside the widget",
        "200 OK",
        "",
        "<title>Masuk</title><form><input name=u><input name=p type=password><p>Verify you are human</p></form>",
        "failed content",
    ),
    sent(
        "a form that asks for a captcha and does what it should",
        "200 OK",
        "",
        PROTECTED,
        "passed",
    )
    .in_browser(),
    sent(
        "a form behind a server that fails",
        "500 Internal Server Error",
        "",
        LOGIN,
        "failed status",
    ),
];

fn told(outcome: Outcome) -> String {
    match outcome.detail() {
        Some(detail) => format!("{} {detail}", outcome.as_str()),
        None => outcome.as_str().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walls_are_told_from_what_the_site_shows() {
    let server = plain(|request| {
        let number = request.path().trim_start_matches('/').parse::<usize>();
        let Some(page) = number.ok().and_then(|number| PAGES.get(number)) else {
            return answer("404 Not Found", "", "");
        };
        let headers = format!("Content-Type: text/html\r\n{}", page.headers);
        answer(page.status, &headers, page.body)
    })
    .await;
    let bench = Bench::new();
    let mut wrong = Vec::new();
    for (number, page) in PAGES.iter().enumerate() {
        let expect = match page.expect {
            "" => String::new(),
            expect => format!("expect = {{ {expect} }}\n"),
        };
        let flow = crate::conformance::flow(&format!(
            "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/{number}\"\ntimeout = \"8s\"\n{expect}"
        ));
        let engines: &[Engine] = match page.in_browser {
            true => &[Engine::Http, Engine::Browser],
            false => &[Engine::Http],
        };
        for engine in engines {
            let report = bench.run(*engine, &flow, &target(&server.url), 0).await;
            let (found, step) = (told(report.outcome), &report.steps[0]);
            if found != page.found {
                wrong.push(format!(
                    "{} ({engine}): {found}, not {}: {:?}",
                    page.name, page.found, step.message
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What a script would draw beside the widget is not there, because the script is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_its_script_is_no_wall_for_having_a_widget() {
    let server = plain(|request| match request.path() {
        "/" => crate::http_engine::server::page(
            "<title>Evisa</title><h1>Evisa</h1><div id=app></div><div class=cf-turnstile></div>\
             <script src=/gone.js></script>",
        ),
        _ => answer("404 Not Found", "", ""),
    })
    .await;
    let flow = crate::conformance::flow(
        "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/\"\nexpect = { css = \"#form\" }",
    );
    let bench = Bench::new();
    let target = target(&server.url);
    let report = bench.run(Engine::Browser, &flow, &target, 0).await;
    assert_eq!(told(report.outcome), "failed script", "{report:#?}");
}

/// The page is the site's, and what its script asks for is kept back by a challenge.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wall_before_what_a_script_asks_for_is_a_wall() {
    let server = plain(|request| match request.path() {
        "/" => crate::http_engine::server::page(
            "<title>Evisa</title><p id=p>Memuat</p><script>fetch('/api').then(async answer => {\
             document.querySelector('#p').textContent = answer.ok ? 'Siap' : 'Gagal ' + answer.status })</script>",
        ),
        "/api" => answer("403 Forbidden", "cf-mitigated: challenge\r\n", "{}"),
        _ => answer("404 Not Found", "", ""),
    })
    .await;
    let flow = crate::conformance::flow(
        "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/\"\nexpect = { text = \"Siap\" }",
    );
    let bench = Bench::new();
    let target = target(&server.url);
    let report = bench.run(Engine::Browser, &flow, &target, 0).await;
    assert_eq!(told(report.outcome), BLOCKED, "{report:#?}");
}

#[tokio::test]
async fn a_pass_that_came_from_a_cache_says_so() {
    let server = plain(|request| {
        let headers = match request.path() {
            "/hit" => "X-Cache: HIT from edge\r\nAge: 73\r\n",
            "/old" => "Age: 5\r\n",
            "/miss" => "X-Cache: MISS from edge\r\nAge: 0\r\n",
            _ => "",
        };
        answer(
            "200 OK",
            &format!("Content-Type: text/html\r\n{headers}"),
            "<p>Masuk",
        )
    })
    .await;
    let step = |path: &str| {
        format!(
            "[[step]]\nname = \"{path}\"\ncomponent = \"c\"\nvisit = \"{path}\"\nexpect = {{ text = \"Masuk\" }}\n"
        )
    };
    let paths = ["/hit", "/old", "/miss", "/"];
    let flow = crate::conformance::flow(&paths.map(step).concat());
    let bench = Bench::new();
    for engine in [Engine::Http, Engine::Browser] {
        let report = bench.run(engine, &flow, &target(&server.url), 0).await;
        assert_eq!(report.outcome, Outcome::Passed);
        let notes: Vec<String> = report
            .steps
            .iter()
            .map(|step| step.notes.join("|"))
            .collect();
        let expected = [
            "the page came from a cache (x-cache: HIT from edge, age: 73 s)",
            "the page came from a cache (age: 5 s)",
            "",
            "",
        ];
        assert_eq!(notes, expected, "{engine}");
    }
}

#[test]
fn caches_say_it_in_several_ways() {
    let says = |name: &'static str, value: &str| {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        let url = "http://site.example/".parse().unwrap();
        let method = reqwest::Method::GET;
        cached(&Snapshot::new(
            Some(200),
            method,
            url,
            headers,
            Vec::new(),
            true,
        ))
        .is_some()
    };
    for (name, value) in [
        ("cf-cache-status", "HIT"),
        ("x-cache", "Hit from cloudfront"),
        ("x-cache", "MISS, HIT"),
        ("x-cache", "TCP_HIT"),
        ("cache-status", "Edge; hit; ttl=30"),
        ("age", "1"),
    ] {
        assert!(says(name, value), "{name}: {value}");
    }
    for (name, value) in [
        ("cf-cache-status", "DYNAMIC"),
        ("x-cache", "RefreshHit from cloudfront"),
        ("cache-status", "Edge; fwd=uri-miss; stored"),
        ("age", "0"),
        ("age", "soon"),
    ] {
        assert!(!says(name, value), "{name}: {value}");
    }
}
