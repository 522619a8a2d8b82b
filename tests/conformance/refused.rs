//! What fails on one engine fails on the other with the same fault, and each says why.

use siaga::domain::Engine;

use crate::harness::probing::target;
use crate::http_engine::server::Server;

use super::{Bench, flow, place, same, site, step, told, unlike};

/// Name, keys of the step, its outcome, and words that both engines' messages hold.
const WRONG: &[(&str, &str, &str, &str)] = &[
    (
        "missing field",
        r##"visit = "/form"
fill = { "#nam" = "x" }"##,
        "failed content",
        "no element `#nam`; it has `#name`",
    ),
    (
        "several",
        r##"visit = "/form"
fill = { ".twice" = "x" }
submit = "#f""##,
        "failed content",
        "2 elements `.twice`",
    ),
    (
        "disabled",
        r##"visit = "/form"
fill = { "#disabled" = "x" }"##,
        "failed content",
        "`#disabled` is disabled",
    ),
    (
        "read-only",
        r##"visit = "/form"
fill = { "#readonly" = "x" }"##,
        "failed content",
        "`#readonly` is read-only",
    ),
    (
        "hidden field",
        r##"visit = "/form"
fill = { "input[name=token]" = "x" }"##,
        "failed content",
        "hidden",
    ),
    (
        "no field",
        r##"visit = "/form"
fill = { "#p" = "x" }"##,
        "failed content",
        "`#p` is a <p>",
    ),
    (
        "checkbox filled",
        r##"visit = "/form"
fill = { "#c1" = "x" }"##,
        "failed content",
        "`#c1` is an <input type=\"checkbox\">",
    ),
    (
        "too long",
        r##"visit = "/form"
fill = { "#search" = "01234567890" }"##,
        "failed content",
        "at most 10 characters",
    ),
    (
        "no number",
        r##"visit = "/form"
fill = { "#number" = "abc" }"##,
        "failed content",
        "does not take `abc`",
    ),
    (
        "no date",
        r##"visit = "/form"
fill = { "#date" = "12/08/2026" }"##,
        "failed content",
        "does not take `12/08/2026`",
    ),
    (
        "no option",
        r##"visit = "/form"
choose = { "#one" = "4" }"##,
        "failed content",
        "`#one` has no option `4`; it has: 1, 2, 3",
    ),
    (
        "disabled option",
        r##"visit = "/form"
choose = { "#one" = "3" }"##,
        "failed content",
        "`#one` is offering `3` only disabled",
    ),
    (
        "disabled group",
        r##"visit = "/form"
choose = { "#grouped" = "x" }"##,
        "failed content",
        "only disabled",
    ),
    (
        "two of one",
        r##"visit = "/form"
choose = { "#one" = ["1", "2"] }"##,
        "failed content",
        "for one option only",
    ),
    (
        "disabled radio",
        r##"visit = "/form"
choose = { "input[name=r]" = "3" }"##,
        "failed content",
        "disabled",
    ),
    (
        "radio off",
        r##"visit = "/form"
choose = { "#r1" = false }"##,
        "failed content",
        "only another one can switch off",
    ),
    (
        "no choice",
        r##"visit = "/form"
choose = { "#name" = "x" }"##,
        "failed content",
        "offers no choice",
    ),
    (
        "no checkbox",
        r##"visit = "/form"
choose = { "#name" = true }"##,
        "failed content",
        "`#name` is a <input>",
    ),
    (
        "no file field",
        r##"visit = "/form"
upload = { "#name" = { document = "passport", kind = "jpeg", size = "90KB" } }"##,
        "failed content",
        "`#name` is a <input>",
    ),
    (
        "no form",
        r##"visit = "/form"
submit = "#p""##,
        "failed content",
        "neither a form nor a submit button",
    ),
    (
        "disabled button",
        r##"visit = "/form"
submit = "#off""##,
        "failed content",
        "disabled",
    ),
    (
        "no link",
        r##"visit = "/form"
click = "#nowhere-at-all""##,
        "failed content",
        "no element `#nowhere-at-all`",
    ),
    (
        "in a frame",
        r##"visit = "/form"
fill = { "#innerfield" = "x" }
submit = "#f""##,
        "failed content",
        "/part/framed",
    ),
    (
        "frame's text",
        r##"visit = "/form"
expect = { css = "#inner" }"##,
        "failed content",
        "/part/framed",
    ),
    (
        "download",
        r##"visit = "/form"
click = "#save""##,
        "failed content",
        "a download (`surat.pdf`)",
    ),
    (
        "download link",
        r##"visit = "/form"
click = "#download""##,
        "failed content",
        "a link to a download",
    ),
    (
        "download visited",
        r##"visit = "/zip""##,
        "failed content",
        "`request` fetches one",
    ),
    (
        "css",
        r##"visit = "/next"
expect = { css = "h2" }"##,
        "failed content",
        "no element `h2`",
    ),
    (
        "not_css",
        r##"visit = "/next"
expect = { not_css = "h1" }"##,
        "failed content",
        "has an element `h1`: \"Berikut\"",
    ),
    (
        "text",
        r##"visit = "/next"
expect = { text = "Tidak" }"##,
        "failed content",
        "does not say \"Tidak\"",
    ),
    (
        "not_text",
        r##"visit = "/next"
expect = { not_text = "Berikut" }"##,
        "failed content",
        "says \"Berikut\"",
    ),
    (
        "header",
        r##"visit = "/next"
expect = { header = { X-No = "1" } }"##,
        "failed content",
        "`x-no` should be `1`, it is missing",
    ),
    (
        "json",
        r##"visit = "/json"
expect = { json = { "/n" = 2 } }"##,
        "failed content",
        "`/n` should be 2, it is 1.5",
    ),
    (
        "no json",
        r##"visit = "/next"
expect = { json = { "/n" = 2 } }"##,
        "failed content",
        "no JSON",
    ),
    (
        "path",
        r##"visit = "/next"
expect = { path = "/other" }"##,
        "failed content",
        "should be `/other`, it is `/next`",
    ),
    (
        "capture",
        r##"visit = "/next"
capture = { x = { css = "h1", attribute = "id" } }"##,
        "failed content",
        "`h1` has no attribute `id`",
    ),
    (
        "status",
        r##"visit = "/404""##,
        "failed status",
        "it is 404",
    ),
    (
        "status wanted",
        r##"visit = "/next"
expect = { status = 404 }"##,
        "failed status",
        "should be 404, it is 200",
    ),
    (
        "complaint",
        r##"visit = "/complains"
expect = { css = "#next" }"##,
        "failed content",
        "complains: \"Tanggal salah\"",
    ),
    ("500", r##"visit = "/500""##, "failed status", "it is 500"),
    (
        "empty 500",
        r##"visit = "/empty500""##,
        "failed error_page",
        "`blank`",
    ),
    (
        "502",
        r##"visit = "/502""##,
        "failed error_page",
        "`bare-502`",
    ),
    (
        "503",
        r##"visit = "/503""##,
        "failed error_page",
        "`maintenance`",
    ),
    (
        "error at 200",
        r##"visit = "/error200"
expect = { text = "Maaf" }"##,
        "failed error_page",
        "`branded-500`",
    ),
    (
        "maintenance at 200",
        r##"visit = "/maintenance""##,
        "failed error_page",
        "`maintenance`",
    ),
    (
        "captcha",
        r##"visit = "/captcha"
expect = { css = "#permits" }"##,
        "inconclusive blocked",
        "`cloudflare-challenge`",
    ),
    (
        "blank",
        r##"visit = "/blank""##,
        "failed error_page",
        "`blank`",
    ),
    (
        "redirect loop",
        r##"visit = "/loop""##,
        "failed status",
        "redirects",
    ),
    (
        "redirected away",
        r##"visit = "/away""##,
        "failed content",
        "to `other.example`, which this flow may not reach",
    ),
    (
        "link away",
        r##"visit = "/far"
click = "#l""##,
        "failed content",
        "to `other.example`, which this flow may not reach",
    ),
    (
        "form away",
        r##"visit = "/far"
submit = "#f""##,
        "failed content",
        "to `other.example`, which this flow may not reach",
    ),
    (
        "another port",
        r##"visit = "/port"
click = "#l""##,
        "failed content",
        "to `127.0.0.1:9`, which this flow may not reach",
    ),
    (
        "visit away",
        r##"visit = "http://other.example/""##,
        "inconclusive not_configured",
        "may not reach `other.example`",
    ),
    ("reset", r##"visit = "/reset""##, "failed connect", ""),
    ("cut short", r##"visit = "/short""##, "failed connect", ""),
    (
        "cut in a chunk",
        r##"visit = "/chunk""##,
        "failed connect",
        "",
    ),
    ("no answer", r##"visit = "/nothing""##, "failed connect", ""),
    (
        "no connection",
        r##"visit = "http://127.0.0.1:1/""##,
        "failed connect",
        "no connection",
    ),
    (
        "late",
        r##"visit = "/late"
timeout = "3s""##,
        "failed timeout",
        "",
    ),
    (
        "stalls",
        r##"visit = "/stalls"
timeout = "3s""##,
        "failed timeout",
        "",
    ),
    (
        "works again",
        r##"visit = "/next"
expect = { text = "Berikut" }"##,
        "passed",
        "",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_on_one_engine_fails_on_the_other() {
    // Cleanup goes on after a failure, so that one run has them all; it has a minute, so
    // there are several runs.
    let flows: Vec<_> = WRONG
        .chunks(22)
        .map(|wrong| {
            let mut text =
                "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\n".to_owned();
            for (name, keys, ..) in wrong {
                let timeout = if keys.contains("timeout") {
                    ""
                } else {
                    "timeout = \"4s\""
                };
                text.push_str(&format!(
                    "[[cleanup]]\nname = \"{name}\"\n{keys}\n{timeout}\n"
                ));
            }
            flow(&text)
        })
        .collect();
    let bench = Bench::new();
    let (one, other) = (site::start().await, site::start().await);
    let closed = "127.0.0.1:1".to_owned();
    let (mut plain, mut real) = (target(&one.url), target(&other.url));
    plain.hosts.insert(closed.clone());
    real.hosts.insert(closed);
    let http: Vec<_> = {
        let runs = flows
            .iter()
            .map(|flow| bench.run(Engine::Http, flow, &plain, 0));
        futures_util::future::join_all(runs).await
    };
    let browser: Vec<_> = {
        let runs = flows
            .iter()
            .map(|flow| bench.run(Engine::Browser, flow, &real, 0));
        futures_util::future::join_all(runs).await
    };
    let mut wrong = Vec::new();
    let loops = |server: &Server| {
        server
            .lines()
            .iter()
            .filter(|line| *line == "GET /loop")
            .count()
    };
    assert_eq!(loops(&one), loops(&other));
    for (number, (name, _, outcome, words)) in WRONG.iter().enumerate() {
        for report in [&http[number / 22], &browser[number / 22]] {
            wrong.extend(unlike(report, name, outcome, words));
        }
        let (one, other) = (
            step(&http[number / 22], name),
            step(&browser[number / 22], name),
        );
        if told(one) != told(other) || place(one) != place(other) && place(one).is_some() {
            wrong.push(format!(
                "{} / {}: {:?} {:?}",
                told(one),
                told(other),
                place(one),
                place(other)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for (http, browser) in http.iter().zip(&browser) {
        same(http, browser);
    }
}
