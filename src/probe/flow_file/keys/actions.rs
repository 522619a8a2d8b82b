//! The keys of the actions in `do`.
//!
//! Owns what is said of each. Must not know how it is read.

use super::{
    CHOICE, DOCUMENT_KIND, DOCUMENT_NAME, DOCUMENT_SIZE, NEEDS_BROWSER, REQUEST, TARGET_KIND,
};
use crate::toml_reader::keys::{Key, Kind, Table};

const OPTIONAL: Key = Key::new(
    "optional",
    Kind::Bool,
    "optional = true",
    "Leaves the action out where there is no such element. Excuses nothing else: not one that is disabled, covered, or there more than once.",
)
.default("false")
.engines(
    "what is not in the page is missing",
    "the element has a second to appear, from when the page was asked for",
);

/// An entry of `do`.
pub(super) const ACTION: Kind = Kind::Any(&[
    Kind::Table(&VISIT),
    Kind::Table(&FILL),
    Kind::Table(&CHOOSE),
    Kind::Table(&UPLOAD),
    Kind::Table(&SUBMIT),
    Kind::Table(&CLICK),
    Kind::Table(&HOVER),
    Kind::Table(&PRESS),
    Kind::Table(&SEND),
]);

/// The tables of the verbs of `do`, by the verb.
pub(crate) static VERBS: [&Table; 9] = [
    &VISIT, &FILL, &CHOOSE, &UPLOAD, &SUBMIT, &CLICK, &HOVER, &PRESS, &SEND,
];

static VISIT: Table = Table {
    name: "action-visit",
    says: "An entry of `do` that opens an address.",
    keys: &[Key::new(
        "visit",
        Kind::Template,
        "{ visit = \"/front/login\" }",
        "A path of the site, or a whole address.",
    )
    .required()],
};

static FILL: Table = Table {
    name: "action-fill",
    says: "An entry of `do` that writes into a field.",
    keys: &[
        Key::new(
            "fill",
            TARGET_KIND,
            "{ fill = { label = \"Nomor paspor\" }, value = \"X1\" }",
            "The field; a select is set to the option with this value or label.",
        )
        .required(),
        Key::new(
            "value",
            Kind::Template,
            "value = \"${PROBE_EMAIL}\"",
            "What is written.",
        )
        .required(),
        OPTIONAL,
    ],
};

static CHOOSE: Table = Table {
    name: "action-choose",
    says: "An entry of `do` that sets a select, radio buttons or a checkbox.",
    keys: &[
        Key::new(
            "choose",
            TARGET_KIND,
            "{ choose = \"#office\", value = \"denpasar\" }",
            "The control, or all buttons of a group.",
        )
        .required(),
        Key::new(
            "value",
            CHOICE,
            "value = [\"a\", \"b\"]",
            "A value or visible label, an array of them, or `true` or `false` for a checkbox.",
        )
        .required(),
        OPTIONAL,
    ],
};

static UPLOAD: Table = Table {
    name: "action-upload",
    says: "An entry of `do` that puts a made document on a field for files.",
    keys: &[
        Key::new(
            "upload",
            TARGET_KIND,
            "{ upload = \"#f\", document = \"photo\", kind = \"jpeg\", size = \"100KB\" }",
            "The field, also one that is hidden behind something prettier.",
        )
        .required()
        .engines(
            "a field for files",
            "a field for files, where files can be dropped, or what opens a box for files",
        ),
        DOCUMENT_NAME,
        DOCUMENT_KIND,
        DOCUMENT_SIZE,
        OPTIONAL,
    ],
};

static SUBMIT: Table = Table {
    name: "action-submit",
    says: "An entry of `do` that submits a form.",
    keys: &[
        Key::new(
            "submit",
            TARGET_KIND,
            "{ submit = \"#login\" }",
            "The form, or one of its buttons.",
        )
        .required(),
        OPTIONAL,
    ],
};

static CLICK: Table = Table {
    name: "action-click",
    says: "An entry of `do` that follows a link or presses a button.",
    keys: &[
        Key::new(
            "click",
            TARGET_KIND,
            "{ click = { text = \"Simpan\", nth = 2, in = \"#dialog\" } }",
            "The link or button.",
        )
        .required()
        .engines("links and submit buttons", "anything"),
        OPTIONAL,
    ],
};

static HOVER: Table = Table {
    name: "action-hover",
    says: "An entry of `do` that moves the mouse.",
    keys: &[
        Key::new(
            "hover",
            TARGET_KIND,
            "{ hover = { text = \"Layanan\" } }",
            "The element that the mouse is moved over, and stays over.",
        )
        .required()
        .engines(NEEDS_BROWSER, "as a mouse does"),
        OPTIONAL,
    ],
};

static PRESS: Table = Table {
    name: "action-press",
    says: "An entry of `do` that presses a key.",
    keys: &[
        Key::new("press", Kind::Text, "{ press = \"Enter\", on = \"#q\" }", "The key: a single character, or Enter, Tab, Escape, Space, Backspace, Delete, ArrowLeft, ArrowUp, ArrowRight, ArrowDown, Home, End, PageUp, PageDown, Insert.").required().engines("Enter only: it sends the field's form by its first button, as browsers do; other keys are refused when the file is read", "any key"),
        Key::new("on", TARGET_KIND, "on = \"#q\"", "The element that it is pressed on.").engines("must be said", "left out: what has the keyboard"),
        OPTIONAL,
    ],
};

static SEND: Table = Table {
    name: "action-request",
    says: "An entry of `do` that sends what no form sends.",
    keys: &[Key::new(
        "request",
        Kind::Table(&REQUEST),
        "{ request = { path = \"/api/status\" } }",
        "The request.",
    )
    .required()],
};
