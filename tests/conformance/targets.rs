//! What a person knows an element by means the same element on both engines.

use siaga::domain::Engine;

use crate::harness::probing::target;
use crate::http_engine::server::{Request, page, plain};

use super::{Bench, flow, message, received, same, unlike};

const PAGE: &str = "<style>.gone{display:none}</style><h1>Permohonan</h1>\
<nav><a href=/nav>Beranda</a> <a href=/gone class=gone>Rahasia</a></nav>\
<form id=f method=post action=/sent>\
<label for=no>Nomor <b>paspor</b></label><input id=no name=no>\
<label>Nama <input name=nama></label>\
<label>Kantor <select name=kantor><option value=1>Denpasar<option value=2>Ubud</select></label>\
<input name=tel aria-label='Nomor telepon'><span id=l1>Kode</span> <span id=l2 hidden>pos</span>\
<input name=pos aria-labelledby='l1 l2'><input name=hint placeholder=Catatan>\
<label for=hid>Tersembunyi</label><input id=hid type=hidden name=hid value=1>\
<input name=twin aria-label=Kembar><input name=twin aria-label=Kembar>\
<input name=ghost aria-label=Hantu hidden>\
<fieldset><legend>Cara bayar</legend><label><input type=radio name=r value=a>Tunai</label>\
<label><input type=radio name=r value=b>Kartu</label></fieldset>\
<label><input type=checkbox name=ok value=ya> Saya <i>setuju</i></label>\
<button name=b value=save>Simpan</button>\
<div id=dialog><button name=b value=dialog>  Simpan\n</button></div>\
<button name=b value=hidden hidden>Simpan</button>\
<input type=submit name=b value=Kirim><button name=b value=icon><span aria-label=Cari>&#9906;</span></button>\
<button name=b value=img><img src=/i.png alt=Hapus></button>\
<button name=b value=aria aria-label=Tutup>x</button>\
<button name=b value=svg><svg><title>Cetak</title></svg></button>\
<button name=b value=deco>Lanjut <i aria-hidden=true>arrow_forward</i></button></form>\
<p><a href=/one><span>Baca</span> <em>semua</em></a> <a href=/two>Baca</a><a href=/three>Baca</a></p>\
<div role=link><a href=/in><b>Dalam</b></a></div>\
<form id=up method=post enctype=multipart/form-data action=/sent><label for=file>Foto diri</label>\
<input id=file type=file name=file style=display:none><button>Unggah</button></form>";

fn served(request: &Request) -> String {
    let path = request.path().split('?').next().unwrap_or_default();
    page(&match path {
        "/" => PAGE.to_owned(),
        "/bare" => "<p>Tidak ada</p>".to_owned(),
        other => format!("<h1>{other}</h1>"),
    })
}

/// Name, actions after the visit, what both engines find, and words that both messages have.
const TARGETS: &[(&str, &str, &str, &str)] = &[
    (
        "labels",
        r##"{ fill = { label = "Nomor paspor" }, value = "X1" }, { fill = { label = "Nama" }, value = "Budi" },
        { choose = { label = "Kantor" }, value = "Ubud" }, { fill = { label = "Nomor telepon" }, value = "1" },
        { fill = { label = "Kode pos" }, value = "2" }, { fill = { label = "Catatan" }, value = "3" },
        { choose = { label = "Kartu" }, value = true }, { choose = { label = "Saya setuju" }, value = true },
        { fill = { label = "Kembar", nth = 2 }, value = "4" }, { click = { button = "Simpan", nth = 1 } }"##,
        "passed",
        "",
    ),
    (
        "in",
        r##"{ click = { button = "Simpan", in = "#dialog" } }"##,
        "passed",
        "",
    ),
    (
        "second",
        r##"{ click = { text = "Simpan", nth = 2 } }"##,
        "passed",
        "",
    ),
    (
        "value",
        r##"{ submit = { button = "Kirim" } }"##,
        "passed",
        "",
    ),
    (
        "value as text",
        r##"{ click = { text = "Kirim" } }"##,
        "passed",
        "",
    ),
    (
        "label within",
        r##"{ click = { button = "Cari" } }"##,
        "passed",
        "",
    ),
    (
        "picture",
        r##"{ click = { button = "Hapus" } }"##,
        "passed",
        "",
    ),
    (
        "said",
        r##"{ click = { button = "Tutup" } }"##,
        "passed",
        "",
    ),
    (
        "drawing",
        r##"{ click = { button = "Cetak" } }"##,
        "passed",
        "",
    ),
    (
        "decorated",
        r##"{ click = { button = "Lanjut" } }"##,
        "passed",
        "",
    ),
    (
        "link",
        r##"{ click = { link = "Baca semua" } }"##,
        "passed",
        "",
    ),
    (
        "link by number",
        r##"{ click = { link = "Baca", nth = 2 } }"##,
        "passed",
        "",
    ),
    (
        "innermost",
        r##"{ click = { text = "Dalam" } }"##,
        "passed",
        "",
    ),
    (
        "role",
        r##"{ click = { role = "button", name = "Kirim" } }"##,
        "passed",
        "",
    ),
    (
        "role of a link",
        r##"{ click = { role = "link", name = "Beranda", in = "nav" } }"##,
        "passed",
        "",
    ),
    (
        "role of a field",
        r##"{ fill = { role = "textbox", name = "Nama" }, value = "x" },
        { choose = { role = "combobox" }, value = "1" },
        { press = "Enter", on = { role = "textbox", name = "Nama" } }"##,
        "passed",
        "",
    ),
    (
        "css",
        r##"{ click = { css = "button[name=b]", nth = 2 } }"##,
        "passed",
        "",
    ),
    (
        "a hidden field for files",
        r##"{ upload = { label = "Foto diri" }, document = "photo", kind = "jpeg", size = "90KB" },
        { click = { button = "Unggah" } }"##,
        "passed",
        "",
    ),
    (
        "a file by css",
        r##"{ upload = { css = "input[type=file]" }, document = "photo", kind = "jpeg", size = "90KB" },
        { submit = "#up" }"##,
        "passed",
        "",
    ),
    (
        "left out",
        r##"{ click = { button = "Terima" }, optional = true },
        { click = { text = "Rahasia" }, optional = true }, { submit = "#f" }"##,
        "passed",
        "",
    ),
    (
        "several",
        r##"{ click = { button = "Simpan" } }"##,
        "failed content",
        r##"the page has 2 elements `{ button = "Simpan" }`, so it is unclear which is meant: a <button> `[name=b]` in `#f`, a <button> `[name=b]` in `#dialog`"##,
    ),
    (
        "several labels",
        r##"{ fill = { label = "Kembar" }, value = "x" }, { submit = "#f" }"##,
        "failed content",
        "a <input> `[name=twin]` in `#f`, a <input> `[name=twin]` in `#f`",
    ),
    (
        "exact",
        r##"{ click = { button = "simpan", nth = 1 } }"##,
        "failed content",
        r##"the page has no element `{ button = "simpan", nth = 1 }`; it has the buttons "Simpan", "Simpan", "Kirim", "Cari", "Hapus", …; the fields "Nomor paspor", "Nama", "Kantor", "Nomor telepon", "Kode pos", "Catatan", …; "##,
    ),
    (
        "part of a text",
        r##"{ click = { link = "Bac", nth = 1 } }"##,
        "failed content",
        "no element",
    ),
    (
        "hidden link",
        r##"{ click = { link = "Rahasia" } }"##,
        "failed content",
        "no element",
    ),
    (
        "hidden field",
        r##"{ fill = { label = "Hantu" }, value = "x" }, { submit = "#f" }"##,
        "failed content",
        "no element",
    ),
    (
        "beyond the last",
        r##"{ click = { link = "Baca", nth = 3 } }"##,
        "failed content",
        "no element `{ link = \"Baca\", nth = 3 }`",
    ),
    (
        "elsewhere",
        r##"{ click = { button = "Kirim", in = "#dialog" } }"##,
        "failed content",
        "no element",
    ),
    (
        "nothing there",
        r##"{ visit = "/bare" }, { click = "#none" }"##,
        "failed content",
        "no element `#none`",
    ),
    (
        "a near id",
        r##"{ fill = "#non", value = "x" }, { submit = "#f" }"##,
        "failed content",
        "no element `#non`; it has `#no`; it has the buttons \"Simpan\"",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_know_an_element_by_means_the_same_on_both_engines() {
    let flows: Vec<_> = TARGETS
        .chunks(16)
        .map(|targets| {
            let mut text =
                "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\n".to_owned();
            for (name, actions, ..) in targets {
                text.push_str(&format!(
                    "[[cleanup]]\nname = \"{name}\"\ntimeout = \"6s\"\ndo = [{{ visit = \"/\" }}, {actions}]\n"
                ));
            }
            flow(&text)
        })
        .collect();
    let bench = Bench::new();
    let (one, other) = (plain(served).await, plain(served).await);
    let mut wrong = Vec::new();
    for (flow, targets) in flows.iter().zip(TARGETS.chunks(16)) {
        let http = bench.run(Engine::Http, flow, &target(&one.url), 0).await;
        let browser = bench.in_browser(flow, &target(&other.url)).await;
        for (name, _, outcome, words) in targets {
            for report in [&http, &browser] {
                wrong.extend(unlike(report, name, outcome, words));
            }
        }
        if wrong.is_empty() {
            same(&http, &browser);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let requests = |server| {
        let mut requests = received(server);
        requests.retain(|line| !line.contains("/i.png"));
        requests
    };
    assert_eq!(requests(&one), requests(&other));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_a_frame_or_a_shadow_root_is_acted_on() {
    let site = plain(|request: &Request| {
        page(match request.path().split('?').next().unwrap_or_default() {
            "/" => {
                "<h1>Luar</h1><div style='height:900px'></div><iframe id=pay src=/pay width=400 height=300>\
                 </iframe><p id=told>-</p><script>onmessage = (e) => { told.textContent = e.data }</script>"
            }
            "/pay" => {
                "<div style='height:500px'></div><form onsubmit='parent.postMessage(this.card.value + \
                 this.ok.checked + this.file.files.length + this.s.value, \"*\"); return false'>\
                 <label>Kartu <input name=card></label><label><input type=checkbox name=ok>Setuju</label>\
                 <select name=s aria-label=Bank><option>A<option>B</select>\
                 <input type=file name=file aria-label=Bukti><button>Bayar</button></form>\
                 <b id=over onmouseenter='this.textContent = \"di atas\"'>Arahkan</b>"
            }
            _ => {
                "<x-form></x-form><script>const root = document.querySelector('x-form').attachShadow({mode:'open'});\
                 root.innerHTML = '<label>Nama <input></label><button>Kirim</button>';\
                 root.querySelector('button').onclick = () => { document.body.append(root.querySelector('input').value) }\
                 </script>"
            }
        })
    })
    .await;
    let flow = flow(
        r##"[[step]]
name = "Frame"
component = "web"
engine = "browser"
do = [
  { visit = "/" },
  { fill = { label = "Kartu", frame = "#pay" }, value = "41" },
  { choose = { label = "Setuju", frame = "#pay" }, value = true },
  { choose = { label = "Bank", frame = "#pay" }, value = "B" },
  { upload = { label = "Bukti", frame = "#pay" }, document = "photo", kind = "jpeg", size = "90KB" },
  { hover = { text = "Arahkan", frame = "#pay" } },
  { hover = { text = "di atas", frame = "#pay" } },
  { click = { button = "Batal", frame = "#pay" }, optional = true },
  { click = { button = "Batal", frame = "#none" }, optional = true },
  { click = { button = "Bayar", frame = "#pay" } },
]
expect = { text = "41true1B" }
[[step]]
name = "Shadow"
component = "web"
engine = "browser"
do = [{ visit = "/shadow" }, { fill = { label = "Nama" }, value = "Budi" }, { click = { button = "Kirim" } }]
expect = { text = "Budi" }
[[step]]
name = "Plain"
component = "web"
visit = "/"
[[cleanup]]
name = "No frame"
engine = "browser"
timeout = "4s"
do = [{ visit = "/" }, { click = { button = "Bayar", frame = "#told" } }]
[[cleanup]]
name = "Not in the frame"
engine = "browser"
timeout = "4s"
do = [{ visit = "/" }, { click = { button = "Lunas", frame = "#pay" } }]
expect = { text = "Luar" }
"##,
    );
    let report = Bench::new().in_browser(&flow, &target(&site.url)).await;
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
            "Frame: passed ",
            "Shadow: passed ",
            "Plain: passed ",
            "No frame: failed `#told` is a <p>, and no frame",
            "Not in the frame: failed the page has no element `{ button = \"Lunas\", frame = \"#pay\" }`; \
             it has the button \"Bayar\"; the fields \"Kartu\", \"Setuju\", \"Bank\", \"Bukti\"",
        ]
    );
}
