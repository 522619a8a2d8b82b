//! Actions in the order in which they are written: the same on both engines.

use siaga::domain::Engine;

use crate::harness::probing::target;
use crate::http_engine::server::{Request, page, plain};

use super::{Bench, flow, message, received, same, unlike};

fn served(request: &Request) -> String {
    let path = request.path().split('?').next().unwrap_or_default();
    page(&match path {
        "/wizard" => "<a id=next href=/second>Lanjut</a><form id=f action=/sent>\
             <input id=a name=a></form>"
            .to_owned(),
        "/second" => "<form id=f method=post action=/sent><input id=a name=a>\
             <select id=s name=s><option value=1>Satu<option value=2>Dua</select>\
             <label><input id=c type=checkbox name=c value=ya>Setuju</label>\
             <input id=up type=file name=up><button id=b name=b value=1>Kirim</button>\
             <button id=off disabled>Mati</button></form><p class=twice></p><p class=twice></p>"
            .to_owned(),
        "/search" => "<form action=/found><input id=q name=q><input id=other name=o>\
             <button disabled name=no value=1>Mati</button></form>\
             <form action=/found/one><input id=one name=q></form>\
             <form action=/found/two><input id=two name=q><input name=r></form>\
             <form action=/found/first><input id=first name=q><button name=b value=1>Satu</button>\
             <button name=b value=2>Dua</button></form>\
             <form action=/found/held><input id=held name=q><input name=must required><button>Ok</button></form>\
             <form action=/found/free><input id=free name=q><input name=must required><button formnovalidate>Ok</button></form>\
             <form action=/found/box><input id=box type=checkbox name=c><button>Ok</button></form>\
             <a id=link href=/found/link>Tautan</a><input id=alone><p id=p>teks</p>"
            .to_owned(),
        found => format!("<h1>{found}</h1><p id=got>{}</p>", request.text().replace('<', "&lt;")),
    })
}

/// Name, actions, what both engines find, and words that both messages have.
const ACTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "a click before a fill",
        r##"{ visit = "/wizard" }, { click = "#next" }, { fill = "#a", value = "x y" },
        { choose = "#s", value = "Dua" }, { choose = "#c", value = true },
        { fill = "#a", value = "z" }, { submit = "#b" }"##,
        "passed",
        "",
    ),
    (
        "a document",
        r##"{ visit = "/second" }, { upload = "#up", document = "passport", kind = "jpeg", size = "90KB" },
        { submit = "#f" }"##,
        "passed",
        "",
    ),
    (
        "a request and a visit",
        r##"{ request = { path = "/echo", method = "POST", body = "x" } }, { visit = "/second" },
        { click = "#b" }"##,
        "passed",
        "",
    ),
    (
        "what is optional and missing",
        r##"{ visit = "/second" }, { click = "#cookies", optional = true },
        { fill = "#none", value = "x", optional = true }, { choose = "#none", value = true, optional = true },
        { upload = "#none", document = "photo", kind = "png", size = "90KB", optional = true },
        { submit = "#none", optional = true }, { press = "Enter", on = "#none", optional = true },
        { fill = "#a", value = "x" }, { submit = "#f" }"##,
        "passed",
        "",
    ),
    (
        "what is optional and there",
        r##"{ visit = "/wizard" }, { click = "#next", optional = true },
        { fill = "#a", value = "x", optional = true }, { submit = "#b", optional = true }"##,
        "passed",
        "",
    ),
    (
        "optional and disabled",
        r##"{ visit = "/second" }, { click = "#off", optional = true }"##,
        "failed content",
        "`#off` is",
    ),
    (
        "optional and several",
        r##"{ visit = "/second" }, { click = ".twice", optional = true }"##,
        "failed content",
        "2 elements `.twice`",
    ),
    (
        "optional and without the option",
        r##"{ visit = "/second" }, { choose = "#s", value = "3", optional = true }"##,
        "failed content",
        "`#s` has no option `3`",
    ),
    (
        "a field that is missing before a link",
        r##"{ visit = "/wizard" }, { fill = "#none", value = "x" }, { click = "#next" }"##,
        "failed content",
        "no element `#none`",
    ),
    (
        "a field that is missing before a visit",
        r##"{ visit = "/wizard" }, { fill = "#none", value = "x" }, { visit = "/second" }"##,
        "failed content",
        "no element `#none`",
    ),
    (
        "Enter presses no disabled button",
        r##"{ visit = "/search" }, { fill = "#q", value = "x" }, { press = "Enter", on = "#q" }"##,
        "passed",
        "",
    ),
    (
        "Enter in the only field",
        r##"{ visit = "/search" }, { fill = "#one", value = "x" }, { press = "Enter", on = "#one" }"##,
        "passed",
        "",
    ),
    (
        "Enter in one of two fields",
        r##"{ visit = "/search" }, { fill = "#two", value = "x" }, { press = "Enter", on = "#two" }"##,
        "passed",
        "",
    ),
    (
        "Enter presses the first button",
        r##"{ visit = "/search" }, { fill = "#first", value = "x" }, { press = "Enter", on = "#first" }"##,
        "passed",
        "",
    ),
    (
        "Enter in a form held back",
        r##"{ visit = "/search" }, { press = "Enter", on = "#held" }"##,
        "failed content",
        "holds the form `#held` back",
    ),
    (
        "Enter in a form that is not checked",
        r##"{ visit = "/search" }, { press = "Enter", on = "#free" }"##,
        "passed",
        "",
    ),
    (
        "Enter on a checkbox",
        r##"{ visit = "/search" }, { press = "Enter", on = "#box" }"##,
        "passed",
        "",
    ),
    (
        "Enter on a link",
        r##"{ visit = "/search" }, { press = "Enter", on = "#link" }"##,
        "passed",
        "",
    ),
    (
        "Enter outside forms",
        r##"{ visit = "/search" }, { press = "Enter", on = "#alone" }"##,
        "passed",
        "",
    ),
    (
        "Enter on a text",
        r##"{ visit = "/search" }, { press = "Enter", on = "#p" }"##,
        "failed content",
        "`#p`",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actions_are_done_in_the_order_in_which_they_are_written() {
    let mut text = "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\n".to_owned();
    for (name, actions, ..) in ACTIONS {
        text.push_str(&format!(
            "[[cleanup]]\nname = \"{name}\"\ntimeout = \"6s\"\ndo = [{actions}]\n"
        ));
    }
    let flow = flow(&text);
    let bench = Bench::new();
    let (one, other) = (plain(served).await, plain(served).await);
    let http = bench.run(Engine::Http, &flow, &target(&one.url), 0).await;
    let browser = bench.in_browser(&flow, &target(&other.url)).await;
    let mut wrong = Vec::new();
    for (name, _, outcome, words) in ACTIONS {
        for report in [&http, &browser] {
            wrong.extend(unlike(report, name, outcome, words));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(received(&one), received(&other));
    same(&http, &browser);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_mouse_and_keys_do_reaches_scripts() {
    let site = plain(|request: &Request| {
        page(match request.path() {
            "/" => {
                "<nav id=menu><b>Menu</b><ul id=sub hidden><li><a id=in href=/in>Masuk</a></ul></nav>\
                 <input id=q><p id=p></p><script>\
                 menu.onmouseenter = () => { sub.hidden = false };\
                 document.onkeydown = (e) => { p.textContent += e.key + ';' };\
                 </script>"
            }
            _ => "<h1>Di dalam</h1>",
        })
    })
    .await;
    let flow = flow(
        "[[step]]\nname = \"Keys\"\ncomponent = \"web\"\nengine = \"browser\"\ndo = [{ visit = \"/\" }, \
         { fill = \"#q\", value = \"ab\" }, { press = \"Escape\", on = \"#q\" }, { press = \"ArrowDown\" }, \
         { press = \"x\" }]\nexpect = { text = \"a;b;Escape;ArrowDown;x;\" }\n\
         [[step]]\nname = \"Mouse\"\ncomponent = \"web\"\nengine = \"browser\"\n\
         do = [{ hover = \"#menu\" }, { click = \"#in\" }]\nexpect = { text = \"Di dalam\" }\n\
         [[step]]\nname = \"Plain\"\ncomponent = \"web\"\nvisit = \"/in\"\n",
    );
    let report = Bench::new().in_browser(&flow, &target(&site.url)).await;
    let said = report
        .steps
        .iter()
        .map(|step| (step.outcome.as_str(), message(step)));
    let said: Vec<_> = said.collect();
    assert_eq!(said, [("passed", ""), ("passed", ""), ("passed", "")]);
}
