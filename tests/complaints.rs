//! The sentences in which pages say that something is wrong, in the forms of many frameworks.

use std::collections::BTreeSet;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Method};
use siaga::probe::complaints::{complaints, new_complaint_about};
use siaga::probe::definition::Query;
use siaga::probe::page::Snapshot;
use url::Url;

fn page(body: &str) -> Snapshot {
    let url = Url::parse("http://host/").unwrap();
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
    let body = body.as_bytes().to_vec();
    Snapshot::new(Some(200), Method::POST, url, headers, body, true)
}

fn read(body: &str) -> Vec<String> {
    complaints(&page(body)).into_iter().collect()
}

#[test]
fn as_frameworks_write_them() {
    for markup in [
        "<div role=alert>#</div>",
        "<p class=error>#</p>",
        "<label class=error for=f>#</label>",
        "<ul class=errorlist><li>#</ul>",
        "<p class=errornote>#</p>",
        "<div class='alert alert-danger'>#</div>",
        "<div class='alert alert-warning' role=alert>#</div>",
        "<div class='callout alert'>#</div>",
        "<div class=invalid-feedback>#</div>",
        "<span class='help-block'>#</span>",
        "<span class=field-validation-error>#</span>",
        "<div class='validation-summary-errors'><ul><li>#</ul></div>",
        "<div class='mw-message-box-error mw-message-box'>#</div>",
        "<div class='cdx-message cdx-message--block cdx-message--error'>#</div>",
        "<div class='MuiAlert-root MuiAlert-standardError'>#</div>",
        "<p class='MuiFormHelperText-root Mui-error'>#</p>",
        "<div class='ant-form-item-explain-error'>#</div>",
        "<div class='el-form-item__error'>#</div>",
        "<mat-error class='mat-mdc-form-field-error'>#</mat-error>",
        "<div class='notification is-danger'>#</div>",
        "<div class='ui negative message'>#</div>",
        "<p class='govuk-error-message'>#</p>",
        "<div class='toast toast-error'>#</div>",
        "<div class='fieldError'>#</div>",
        "<small class='p-error'>#</small>",
        "<div id=upload-error>#</div>",
        "<div class='messages messages--warning'>#</div>",
        "<div class='pesan-kesalahan'>#</div>",
        // A group that is marked holds the sentence and the field.
        "<div class='form-group has-error'><label>L</label><input><span class=help-block>#</span></div>",
        "<div class='govuk-form-group--error'><p class=govuk-error-message>#</p><input type=file></div>",
    ] {
        let said = "The file is larger than we take";
        assert_eq!(read(&markup.replace('#', said)), [said], "{markup}");
    }
}

#[test]
fn behind_many_places_that_are_empty() {
    let places = "<span class=error></span>".repeat(200);
    assert_eq!(
        read(&format!("{places}<p class=error>Too large")),
        ["Too large"]
    );
}

#[test]
fn what_complains_of_nothing() {
    for markup in [
        "<div class='alert alert-success'>Saved</div>",
        "<div class='alert alert-info' role=alert>Open until five</div>",
        "<div class='valid-feedback error'>Looks good</div>",
        "<div class='terror'>Film</div>",
        "<span class='badge text-danger-emphasis bg-danger-subtle'>Open</span>",
        "<a class='text-danger' href=/x>Delete</a><button class='btn btn-danger'>Delete</button>",
        "<p class='alertness'>Sleep well</p>",
        "<div class='form-group has-error'><label>Name</label><input></div>",
        "<p class=no-errors>All is well</p>",
        "<div class=error hidden>Never shown</div>",
        "<div class=error style='display:none'>Never shown</div>",
        "<div class=error></div>",
    ] {
        assert_eq!(read(markup), Vec::<String>::new(), "{markup}");
    }
    let whole = format!(
        "<div class=error-page>{}</div>",
        "<p>A long page. ".repeat(300)
    );
    assert_eq!(read(&whole), Vec::<String>::new());
}

#[test]
fn of_a_document_only() {
    let field = Query::new("#f").unwrap();
    let about = |body: &str, before: &str| {
        new_complaint_about(&page(body), &complaints(&page(before)), &field)
    };
    let form = |said: &str| {
        format!("<form><div class=x--error>{said}</div><input id=f type=file><input id=n></form>")
    };
    let large = form("This file is bigger than the server is configured to allow.");
    assert!(about(&large, &form("")).is_some());
    assert_eq!(about(&large, &large), None, "it was there before");
    assert_eq!(about(&form("Fill in your name"), &form("")), None);
    assert_eq!(about(&form("Fill in your name"), ""), None);
    assert_eq!(complaints(&page("")), BTreeSet::new());
}
