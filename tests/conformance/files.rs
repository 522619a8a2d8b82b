//! Files as pages take them: dropped with entries, chosen in a box that a button opens, put on a
//! field that is in a frame or in a shadow root, or in a tab that the page opens.

use siaga::domain::{Fault, Outcome};

use crate::harness::probing::target;
use crate::http_engine::server::{Request, page, plain};

use super::{Bench, flow, message, step};

const SAYS: &str = "<p id=says></p>";
/// Tells what became of a file: its name and size.
const TELL: &str =
    "const tell = (file) => { says.textContent = `diterima ${file.name} ${file.size}` };";

fn served(request: &Request) -> String {
    page(&match request.path() {
        // As libraries take folders: a scripted drop has no entry.
        "/entries" => format!(
            "<div id=zone style='width:200px;height:100px;background:#eee'>Letakkan</div>{SAYS}\
             <script>{TELL} zone.ondragover = (e) => e.preventDefault(); zone.ondrop = (e) => {{ \
             e.preventDefault(); const entry = e.dataTransfer.items[0].webkitGetAsEntry(); \
             if (!entry) {{ says.textContent = 'tanpa entri'; return }} entry.file(tell) }}</script>"
        ),
        "/chooser" => format!(
            "<button id=pick type=button>Pilih berkas</button>{SAYS}<script>{TELL} \
             pick.onclick = () => {{ const i = document.createElement('input'); i.type = 'file'; \
             i.onchange = () => tell(i.files[0]); i.click() }}</script>"
        ),
        "/later" => format!(
            "<a id=pick href='#'>Pilih</a>{SAYS}<div id=place></div><script>{TELL} pick.onclick = (e) => {{ \
             e.preventDefault(); setTimeout(() => {{ place.innerHTML = '<input type=file hidden>'; \
             place.firstChild.onchange = (e) => tell(e.target.files[0]); place.firstChild.click() }}, 300) }}</script>"
        ),
        "/frame" => format!("{SAYS}<iframe src=/inner></iframe>"),
        "/inner" => "<input type=file id=f><script>f.onchange = () => { \
             parent.document.getElementById('says').textContent = 'diterima ' + f.files[0].name + ' ' + f.files[0].size }</script>"
            .to_owned(),
        "/shadow" => format!(
            "<my-box></my-box>{SAYS}<script>{TELL} const root = document.querySelector('my-box')\
             .attachShadow({{ mode: 'open' }}); root.innerHTML = '<input type=file id=f>'; \
             root.getElementById('f').onchange = (e) => tell(e.target.files[0])</script>"
        ),
        "/opens" => "<a id=open href=/tab target=_blank>Unggah</a>".to_owned(),
        "/tab" => format!(
            "<input type=file id=f>{SAYS}<script>{TELL} f.onchange = () => tell(f.files[0])</script>"
        ),
        "/nothing" => "<button id=pick type=button>Diam</button>".to_owned(),
        _ => "<p>lain</p>".to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_gets_to_a_page_however_it_takes_files() {
    let site = plain(served).await;
    let cases = [
        ("entries", "#zone", ""),
        ("chooser", "#pick", ""),
        ("later", "#pick", ""),
        ("frame", "#f", ""),
        ("shadow", "#f", ""),
        ("opens", "#f", "click = \"#open\""),
        ("nothing", "#pick", ""),
    ];
    let mut text = "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\n".to_owned();
    for (name, field, before) in cases {
        let visit = match before {
            "" => format!("visit = \"/{name}\"\n"),
            before => {
                text.push_str(&format!(
                    "[[cleanup]]\nname = \"to {name}\"\nvisit = \"/{name}\"\n{before}\n"
                ));
                String::new()
            }
        };
        text.push_str(&format!(
            "[[cleanup]]\nname = \"{name}\"\ntimeout = \"6s\"\n{visit}\
             upload = {{ \"{field}\" = {{ document = \"passport\", kind = \"jpeg\", size = \"150KB\" }} }}\n\
             expect = {{ text = \"diterima passport.jpg 150000\" }}\n"
        ));
    }
    let bench = Bench::new();
    let report = bench.in_browser(&flow(&text), &target(&site.url)).await;
    let mut wrong = Vec::new();
    for (name, ..) in cases.iter().filter(|(name, ..)| *name != "nothing") {
        let step = step(&report, name);
        if step.outcome != Outcome::Passed {
            wrong.push(format!("{name}: {:?} {}", step.outcome, message(step)));
        }
    }
    let nothing = step(&report, "nothing");
    if nothing.outcome != Outcome::Failed(Fault::Content)
        || !message(nothing).contains("no box for files opens")
    {
        wrong.push(format!("nothing: {}", message(nothing)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
