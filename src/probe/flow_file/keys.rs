//! Every key of a flow file: the reader takes its keys from here, and so do the reference
//! (`docs/flows.md`) and the schema.
//!
//! Owns what is said of each key. Must not know how it is read.

mod actions;

use serde_json::Value;

use crate::toml_reader::keys::{Key, Kind, Table};
use crate::toml_reader::reference;
use actions::ACTION;
pub(super) use actions::VERBS;

/// What stands before the tables of the reference.
const INTRODUCTION: &str = "\
# The format of flow files

Made by `siaga schema flow --reference` from the table of keys that the reader uses; a test holds the
two together. `siaga schema flow` prints the JSON schema (draft 7) for editors, `siaga validate` tells every
mistake of a file with its place and a hint, and the files in `probes/` are commented examples.

Durations are written `\"250ms\"`, `\"90s\"`, `\"5m\"`, `\"1h\"`, sizes `\"1900KB\"`, `\"2MB\"`, `\"10KiB\"` or as a number
of bytes. Keys that are not listed here are refused.

```toml
name  = \"Search\"
every = { http = \"1m\", browser = \"10m\" }

[[step]]
name      = \"Find an office\"
component = \"website\"
do = [
  { visit = \"/offices\" },
  { click = { button = \"Terima\" }, optional = true },
  { fill = { label = \"Nama kantor\" }, value = \"Denpasar\" },
  { press = \"Enter\", on = { label = \"Nama kantor\" } },
]
expect = { text = \"Kantor Imigrasi Denpasar\" }
```
";

/// The JSON schema of flow files.
pub fn schema() -> Value {
    reference::schema(&FLOW, "A flow of Siaga")
}

/// The reference of flow files, as Markdown.
pub fn reference() -> String {
    reference::markdown(&FLOW, INTRODUCTION)
}

const NEEDS_BROWSER: &str =
    "refused when the file is read: the step must say `engine = \"browser\"`";
const NAME_KIND: Kind = Kind::Any(&[Kind::Text, Kind::Table(&NAME)]);
const TARGET_KIND: Kind = Kind::Any(&[Kind::Css, Kind::Table(&TARGET)]);
/// The file.
pub static FLOW: Table = Table {
    name: "flow-file",
    says: "A flow is a way of an applicant through the site, in steps that speak for the components of the status page.",
    keys: &[
        Key::new("name", NAME_KIND, "name = { id = \"Perpanjangan izin tinggal\", en = \"Stay-permit extension\" }", "The name that people read.").required(),
        Key::new("role", Kind::OneOf(&["site", "control"]), "role = \"control\"", "Whether the flow watches the site, or visits places that are surely up, to learn whether the monitor itself is cut off (`[control] urls` in siaga.toml). Control flows run over plain HTTP only.").default("site"),
        Key::new("every", Kind::Any(&[Kind::Duration, Kind::Table(&EVERY)]), "every = { http = \"1m\", browser = \"10m\" }", "How often the flow is run, by engine; a duration alone is for plain HTTP.").required(),
        Key::new("timeout", Kind::Duration, "timeout = \"90s\"", "The time for the whole run, at most 1h; what its steps `wait` or await a mail for comes on top.").default("90s"),
        Key::new("needs", Kind::List(&Kind::Text), "needs = [\"PROBE_EMAIL\", \"PROBE_PASSWORD\"]", "The secrets that `${NAME}` stands for, looked up in the environment and in the folder of secrets. While one is missing the flow is *not configured*: never up, and never down."),
        Key::new("hosts", Kind::List(&Kind::Text), "hosts = [\"files.example.go.id\"]", "Hosts that the flow reaches besides the site's own; `[site] hosts` in siaga.toml must allow them too."),
        Key::new("step", Kind::Tables(&STEP), "[[step]]", "The steps, in order.").required(),
        Key::new("cleanup", Kind::Tables(&STEP), "[[cleanup]]", "Steps that run whatever became of the others, so that nothing is left on the site. They speak for no component. One that uses a name without a value is left out."),
        Key::new("ladder", Kind::Table(&LADDER), "[ladder]", "Which sizes and kinds of a document the site takes right now: one of them a run, in turn."),
    ],
};

/// A name in both languages.
pub(super) static NAME: Table = Table {
    name: "name-table",
    says: "A name in both languages, each a line of at most 200 characters. A text in place of the table stands for both.",
    keys: &[
        Key::new("id", Kind::Text, "id = \"Masuk\"", "In Indonesian.").required(),
        Key::new("en", Kind::Text, "en = \"Sign in\"", "In English.").required(),
    ],
};

/// Intervals.
pub(super) static EVERY: Table = Table {
    name: "every-table",
    says: "How often each engine runs the flow. An engine without an interval runs it only when asked, by `siaga check`.",
    keys: &[
        Key::new(
            "http",
            Kind::Duration,
            "http = \"1m\"",
            "The interval over plain HTTP; at least 1s.",
        ),
        Key::new(
            "browser",
            Kind::Duration,
            "browser = \"10m\"",
            "The interval in a real browser; at least 1s.",
        ),
    ],
};

/// A step.
pub(super) static STEP: Table = Table {
    name: "step-table",
    says: "A step acts on the page, or awaits a mail, and says what must hold afterwards. Its verbs stand as keys, done in the order in which they are listed here, or in `do`, done in the order written. `${NAME}` is a secret or a variable of siaga.toml, `${name}` what an earlier step captured, `${run}` a token of this run, `${today}`, `${today+30d}`, `${today-1y:%d/%m/%Y}` a date, `${totp:NAME}` the one-time code of a secret, `$${` a literal `${`.",
    keys: &[
        Key::new("name", NAME_KIND, "name = { id = \"Masuk\", en = \"Sign in\" }", "The step's name, unlike any other's in either language.").required(),
        Key::new("key", Kind::Text, "key = \"sign-in\"", "What the ladder and history know the step by, so that its name can be improved or translated without a new history: lower-case letters, digits and hyphens. What was recorded before the step had a key is found by its names of now, so write the key before you change a name; a key that is changed begins a new history.").default("the name, in English"),
        Key::new("component", Kind::Text, "component = \"sign-in\"", "The component of the status page that the step speaks for. Only cleanup and control flows do without."),
        Key::new("engine", Kind::OneOf(&["browser"]), "engine = \"browser\"", "Says that the step needs the page's scripts.").engines("the step is left out, and its component with it", "the step runs"),
        Key::new("do", Kind::List(&ACTION), "do = [{ click = { button = \"Terima\" }, optional = true }, { fill = { label = \"Nomor paspor\" }, value = \"X1\" }]", "Actions in the order written, one verb each. In place of the verbs below, not beside them."),
        Key::new("visit", Kind::Template, "visit = \"/front/login\"", "Opens a path of the site, or a whole address."),
        Key::new("fill", Kind::Map(&Kind::Template), "fill = { \"#email\" = \"${PROBE_EMAIL}\" }", "Writes into fields, by CSS selector; a select is set to the option with this value or label.").engines("kept until something is sent; held against the page before another is opened", "typed, as a person does; long texts are pasted"),
        Key::new("choose", Kind::Map(&CHOICE), "choose = { \"#office\" = \"denpasar\", \"#agree\" = true }", "Sets selects and radio buttons by value or visible label, and checkboxes by `true` or `false`."),
        Key::new("upload", Kind::Map(&Kind::Table(&DOCUMENT)), "upload = { \"#passport\" = { document = \"passport\", kind = \"jpeg\", size = \"1900KB\" } }", "Makes a document to the byte, and puts it on a field for files.").engines("on a field for files", "on a field for files, dropped where files can be dropped, or chosen in the box that opens when the element is pressed"),
        Key::new("submit", TARGET_KIND, "submit = \"#login\"", "Submits a form, or presses one of its buttons, whose name and value go along. A form that a browser holds back (`required`, `pattern` …) fails the step."),
        Key::new("click", TARGET_KIND, "click = \"nav a[href='/info']\"", "Follows a link or presses a button.").engines("links and submit buttons; nothing else does anything without scripts", "anything"),
        Key::new("request", Kind::Table(&REQUEST), "request = { method = \"POST\", path = \"/api/draft\", json = { kind = \"itas\" } }", "Sends what no form sends. Its answer is the page until the next `visit`.").engines("with the run's cookies", "sent over plain HTTP, with the browser's cookies, which get those of the answer"),
        Key::new("mail", Kind::Table(&MAIL), "mail = { to = \"${PROBE_EMAIL}\", subject = \"Kode billing\", within = \"5m\" }", "Awaits a mail in the mailbox of the configuration, that came in since the run began. A step of its own."),
        Key::new("wait", Kind::Duration, "wait = \"60s\"", "How long what the step expects and captures may take to come true; a pause where it expects nothing. On top of the step's time; at most 1h.").engines("the page changes only with `reload`", "the page is looked at until it is so"),
        Key::new("reload", Kind::Duration, "reload = \"10s\"", "How often the page is loaded anew while the step waits, as a person would."),
        Key::new("expect", Kind::Table(&EXPECT), "expect = { status = 200, path = \"/web/*\", text = \"Daftar permohonan\" }", "What must hold after the step. Without `status`, any of 200 to 299 is right.").engines("looked at once, or after each `reload`", "has up to five seconds to come true, and as long as the page's scripts send something"),
        Key::new("capture", Kind::Map(&Kind::Any(&[Kind::Regex, Kind::Table(&CAPTURE)])), "capture = { draft = { css = \"meta[name=draft]\", attribute = \"content\" }, code = '(\\d{15})' }", "What later steps know as `${name}`. A regular expression alone is sought in the visible text, then in the page as sent; its first group counts, or the whole match."),
        Key::new("slow", Kind::Duration, "slow = \"3s\"", "From when on the step counts as slow; below its time limit."),
        Key::new("timeout", Kind::Duration, "timeout = \"30s\"", "The time for the step, without `wait` and `mail`; at most 1h.").default("30s"),
        Key::new("body_limit", Kind::Size, "body_limit = \"5MB\"", "The most bytes, decoded, that an answer may have; at most 50MB.").default("5MB"),
    ],
};

const CHOICE: Kind = Kind::Any(&[Kind::Bool, Kind::OneOrMany(&Kind::Template)]);

/// An element.
pub(super) static TARGET: Table = Table {
    name: "target-table",
    says: "An element by what a person knows it by: exactly one of `css`, `text`, `label`, `button`, `link`, `role`. The words must be the whole of it, white space folded, in the same case; only what is shown counts, or has a label that is shown, and every field for files. Where several are meant, the step fails and lists them, unless `nth` says which; where none is there, what is there is listed.",
    keys: &[
        Key::new(
            "css",
            Kind::Css,
            "{ css = \".row button\", nth = 2 }",
            "A CSS selector.",
        ),
        Key::new(
            "text",
            Kind::Template,
            "{ text = \"Simpan\" }",
            "The innermost element with this text.",
        ),
        Key::new(
            "label",
            Kind::Template,
            "{ label = \"Nomor paspor\" }",
            "The field with this label; its `aria-label`, `title` or placeholder where it has none.",
        ),
        Key::new(
            "button",
            Kind::Template,
            "{ button = \"Terima\" }",
            "The button with this name: its text, `aria-label`, value, or the text of its picture.",
        ),
        Key::new(
            "link",
            Kind::Template,
            "{ link = \"Beranda\" }",
            "The link with this name.",
        ),
        Key::new(
            "role",
            Kind::Text,
            "{ role = \"tab\", name = \"Dokumen\" }",
            "What it is, by the words of WAI-ARIA.",
        ),
        Key::new(
            "name",
            Kind::Template,
            "name = \"Dokumen\"",
            "Its name; beside `role` only.",
        ),
        Key::new(
            "nth",
            Kind::Number(1),
            "nth = 2",
            "Which of several, counted from 1.",
        ),
        Key::new("in", Kind::Css, "in = \"#dialog\"", "What it stands in."),
        Key::new(
            "frame",
            Kind::Css,
            "frame = \"#payment\"",
            "The frame of the page that it stands in.",
        )
        .engines(NEEDS_BROWSER, "the frame is entered for this action"),
    ],
};

const DOCUMENT_NAME: Key = Key::new(
    "document",
    Kind::OneOf(&[
        "passport",
        "photo",
        "application",
        "guarantee",
        "kitas",
        "ktp",
        "sktt",
        "power-of-attorney",
    ]),
    "document = \"passport\"",
    "Which document; a specimen, marked as a test.",
)
.required();
const DOCUMENT_KIND: Key = Key::new(
    "kind",
    Kind::OneOf(&["jpeg", "png", "pdf"]),
    "kind = \"jpeg\"",
    "Its format.",
)
.required();
const DOCUMENT_SIZE: Key = Key::new(
    "size",
    Kind::Size,
    "size = \"1900KB\"",
    "Its size, exact to the byte.",
)
.required();

/// A document.
pub(super) static DOCUMENT: Table = Table {
    name: "document-table",
    says: "A document that is made for the run: a valid file of exactly that size.",
    keys: &[DOCUMENT_NAME, DOCUMENT_KIND, DOCUMENT_SIZE],
};

/// A request.
pub(super) static REQUEST: Table = Table {
    name: "request-table",
    says: "A request that no form sends, with at most one of `json`, `form`, `multipart`, `body`.",
    keys: &[
        Key::new(
            "path",
            Kind::Template,
            "path = \"/api/${draft}\"",
            "A path of the site, or a whole address.",
        )
        .required(),
        Key::new(
            "method",
            Kind::OneOf(&["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]),
            "method = \"POST\"",
            "The method.",
        )
        .default("GET"),
        Key::new(
            "headers",
            Kind::Map(&Kind::Template),
            "headers = { X-XSRF-TOKEN = \"${csrf}\" }",
            "Headers besides the usual ones.",
        ),
        Key::new(
            "json",
            Kind::Json,
            "json = { kind = \"itas\" }",
            "A JSON body.",
        ),
        Key::new(
            "form",
            Kind::Map(&Kind::Template),
            "form = { q = \"x\" }",
            "A body as plain forms send it.",
        ),
        Key::new(
            "multipart",
            Kind::Map(&Kind::Any(&[Kind::Template, Kind::Table(&DOCUMENT)])),
            "multipart = { file = { document = \"photo\", kind = \"jpeg\", size = \"100KB\" } }",
            "A body as forms with files send it.",
        ),
        Key::new("body", Kind::Template, "body = \"x\"", "A body of text."),
    ],
};

/// An awaited mail.
pub(super) static MAIL: Table = Table {
    name: "mail-table",
    says: "A mail that must arrive.",
    keys: &[
        Key::new(
            "to",
            Kind::Template,
            "to = \"${PROBE_EMAIL}\"",
            "Whom it is sent to.",
        )
        .required(),
        Key::new(
            "subject",
            Kind::Template,
            "subject = \"Kode billing\"",
            "What its subject contains.",
        )
        .required(),
        Key::new(
            "within",
            Kind::Duration,
            "within = \"5m\"",
            "How long it may take; at most 1h.",
        )
        .required(),
        Key::new(
            "text",
            Kind::OneOrMany(&Kind::Template),
            "text = \"${register}\"",
            "What its text must contain.",
        ),
        Key::new(
            "capture",
            Kind::Map(&Kind::Regex),
            "capture = { billing = '(\\d{15})' }",
            "What later steps know as `${name}`, from its text.",
        ),
    ],
};

/// What must hold.
pub(super) static EXPECT: Table = Table {
    name: "expect-table",
    says: "What must hold after a step; what is left out is not looked at.",
    keys: &[
        Key::new(
            "status",
            Kind::OneOrMany(&Kind::Number(100)),
            "status = [200, 404]",
            "The status codes that are right.",
        )
        .default("200 to 299"),
        Key::new(
            "path",
            Kind::Template,
            "path = \"/web/applications/*\"",
            "The path of the final address; `*` stands for anything. With a `?` in it, the query too.",
        ),
        Key::new(
            "text",
            Kind::OneOrMany(&Kind::Template),
            "text = \"Daftar permohonan\"",
            "What a person must read on the page or in its title.",
        )
        .engines(
            "what the page's own markup and style show",
            "what the browser shows",
        ),
        Key::new(
            "not_text",
            Kind::OneOrMany(&Kind::Template),
            "not_text = \"Sesi berakhir\"",
            "What nobody may read there.",
        ),
        Key::new(
            "css",
            Kind::OneOrMany(&Kind::Css),
            "css = \"#permits\"",
            "What the page must have, shown or not.",
        ),
        Key::new(
            "not_css",
            Kind::OneOrMany(&Kind::Css),
            "not_css = \".error\"",
            "What the page must not have.",
        ),
        Key::new(
            "header",
            Kind::Map(&Kind::Template),
            "header = { Content-Type = \"text/html*\" }",
            "Headers of the answer; `*` stands for anything.",
        ),
        Key::new(
            "json",
            Kind::Map(&Kind::Json),
            "json = { \"/state\" = \"open\" }",
            "JSON pointers, and what must stand there.",
        ),
    ],
};

/// Where a capture is taken from.
pub(super) static CAPTURE: Table = Table {
    name: "capture-table",
    says: "Where a capture is taken from: one of `css`, `json`, `header`, `cookie`, `url`; `regex` may go with each, or stand alone.",
    keys: &[
        Key::new(
            "css",
            Kind::Css,
            "css = \"#register-number\"",
            "The text of an element; with `regex`, of the first that it fits.",
        ),
        Key::new(
            "attribute",
            Kind::Text,
            "attribute = \"content\"",
            "Not the element's text, but this attribute.",
        ),
        Key::new("json", Kind::Text, "json = \"/id\"", "A JSON pointer."),
        Key::new(
            "header",
            Kind::Text,
            "header = \"X-Draft\"",
            "A header of the answer.",
        ),
        Key::new(
            "cookie",
            Kind::Text,
            "cookie = \"XSRF-TOKEN\"",
            "A cookie that goes with requests for the page, also one that scripts cannot read; its escapes (`%3D`) are undone, as scripts do that send it back.",
        ),
        Key::new("url", Kind::Bool, "url = true", "The final address."),
        Key::new(
            "regex",
            Kind::Regex,
            "regex = '^(\\d{15})$'",
            "What is taken of it: the first group, or the whole match.",
        ),
    ],
};

/// The ladder.
pub(super) static LADDER: Table = Table {
    name: "ladder-table",
    says: "Sizes and kinds that one upload tries in turn, one a run. In its step, `${kind}`, `${size}` (bytes) and `${file}` (the name that is sent) are those of the document that it sends.",
    keys: &[
        Key::new(
            "step",
            Kind::Text,
            "step = \"Upload the passport page\"",
            "The step with the upload, by its `key` or, without one, its name in English.",
        )
        .required(),
        Key::new(
            "kind",
            Kind::OneOrMany(&Kind::OneOf(&["jpeg", "png", "pdf"])),
            "kind = [\"jpeg\", \"pdf\"]",
            "The formats.",
        )
        .required(),
        Key::new(
            "size",
            Kind::OneOrMany(&Kind::Size),
            "size = [\"100KB\", \"1900KB\", \"2100KB\"]",
            "The sizes.",
        )
        .required(),
        Key::new(
            "limit",
            Kind::Size,
            "limit = \"2MB\"",
            "What the site says it takes: over it a refusal is right, under it a fault.",
        )
        .required(),
    ],
};
