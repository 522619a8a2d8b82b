//! What a step takes of a page for later ones, and the names that stand for other things: the same
//! on both engines.

use siaga::domain::Engine;

use crate::harness::probing::target;
use crate::http_engine::server::{Request, answer, page, plain};

use super::{Bench, flow, message, received, same};

fn served(request: &Request) -> String {
    let path = request.path().split('?').next().unwrap_or_default();
    match path {
        "/cookie" => answer(
            "200 OK",
            "Content-Type: text/html\r\nSet-Cookie: XSRF-TOKEN=ab%3D%3D+c; Path=/\r\n\
             Set-Cookie: seen=1; HttpOnly\r\nX-Draft: d-7\r\nX-Draft: nomor 8\r\n",
            "<p>kue</p><p class=n>satu</p><p class=n>nomor 12</p><p class=n>nomor 13</p>\
             <i data-x=a></i><i data-x=b1></i>",
        ),
        "/ladder" => page(
            "<form id=f method=post enctype=multipart/form-data action=/sent>\
             <input id=file type=file name=file><input id=about name=about></form>",
        ),
        "/form" => page(
            "<form id=f method=post action=/sent><select id=s name=s><option value=1>Satu\
             <option value=2>Dua</select><input id=code name=code>\
             </form>",
        ),
        _ => page(&format!(
            "<h1>Diterima</h1><p>{}</p>",
            request.header("x-xsrf-token").unwrap_or("-")
        )),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_captured_goes_into_later_requests() {
    let flow = flow(
        r##"[[step]]
name = "Look"
component = "web"
visit = "/cookie"
capture = { csrf = { cookie = "XSRF-TOKEN" }, seen = { cookie = "seen" }, draft = { header = "X-Draft", regex = 'nomor (\d)' }, no = { css = ".n", regex = '\d+' }, x = { css = "i", attribute = "data-x", regex = 'b\d' } }
[[step]]
name = "Only expects"
component = "web"
expect = { text = "nomor ${no}", css = "[data-x=${x}]" }
[[step]]
name = "Send"
component = "web"
request = { method = "POST", path = "/api/${no}/${x}/${seen}/${draft}", headers = { "X-XSRF-TOKEN" = "${csrf}" } }
expect = { text = "ab==+c" }
[[step]]
name = "After a request"
component = "web"
request = { path = "/cookie" }
capture = { again = { cookie = "XSRF-TOKEN" } }
[[step]]
name = "Choose by filling"
component = "web"
visit = "/form"
fill = { "#s" = "Dua", "#code" = "${again}" }
submit = "#f"
[[cleanup]]
name = "No cookie"
visit = "/form"
capture = { none = { cookie = "none" } }
[[cleanup]]
name = "None that fits"
visit = "/cookie"
capture = { none = { css = ".n", regex = 'x\d' } }
[[cleanup]]
name = "No option"
visit = "/form"
timeout = "3s"
fill = { "#s" = "Tiga" }
submit = "#f"
"##,
    );
    let bench = Bench::new();
    let (one, other) = (plain(served).await, plain(served).await);
    let http = bench.run(Engine::Http, &flow, &target(&one.url), 0).await;
    let browser = bench.in_browser(&flow, &target(&other.url)).await;
    for report in [&http, &browser] {
        let said = report.steps.iter();
        let said: Vec<_> = said
            .map(|step| {
                format!(
                    "{}: {} {}",
                    step.name.en(),
                    step.outcome.as_str(),
                    message(step)
                )
            })
            .collect();
        assert_eq!(
            said,
            [
                "Look: passed ",
                "Only expects: passed ",
                "Send: passed ",
                "After a request: passed ",
                "Choose by filling: passed ",
                "No cookie: failed `none` cannot be taken: the page has no cookie `none`",
                "None that fits: failed `none` cannot be taken: `x\\d` does not fit \"satu\"",
                "No option: failed `#s` has no option `Tiga`; it has: 1, 2",
            ],
            "{}",
            report.engine
        );
    }
    assert_eq!(received(&one), received(&other));
    let lines = one.lines();
    assert!(
        lines.contains(&"POST /api/12/b1/1/8".to_owned()),
        "{lines:?}"
    );
    same(&http, &browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ladder_tells_the_page_what_it_sends() {
    let text = r##"[[step]]
name = "Send"
key = "send-it"
component = "upload"
visit = "/ladder"
fill = { "#about" = "${file} ${kind} ${size}" }
upload = { "#file" = { document = "passport", kind = "jpeg", size = "100KB" } }
submit = "#f"
[ladder]
step = "send-it"
kind = ["jpeg", "pdf"]
size = "90KB"
limit = "2MB"
"##;
    let flow = flow(text);
    let (site, bench) = (plain(served).await, Bench::new());
    for engine in [Engine::Http, Engine::Browser] {
        let report = bench.run(engine, &flow, &target(&site.url), 1).await;
        assert_eq!(report.steps[0].outcome.as_str(), "passed", "{report:#?}");
        assert_eq!(report.rung.unwrap().step, "send-it");
    }
    let seen = site.seen();
    let sent = seen.iter().filter(|request| request.method() == "POST");
    let bodies: Vec<_> = sent
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    assert_eq!(bodies.len(), 2);
    for body in bodies {
        let about = "name=\"about\"\r\n\r\npassport.pdf pdf 90000\r\n";
        assert!(body.contains(about), "{}", &body[..300]);
    }
}
