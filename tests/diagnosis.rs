//! Where the fault lies: the rule, what is kept of it, and real browsers against the
//! rehearsal site's faults.

mod browsers;
mod console;
mod kept;
mod program;
mod rules;

use siaga::domain::run::{AssetKind, FailedAsset, FrontEnd, ScriptError};

/// A page whose bundle is missing.
fn missing_bundle() -> FrontEnd {
    FrontEnd {
        error: None,
        asset: Some(FailedAsset {
            kind: AssetKind::Script,
            path: "/assets/app.5b0c7d12.js".to_owned(),
            status: Some(404),
            error: None,
        }),
    }
}

/// A page whose script throws.
fn throwing() -> FrontEnd {
    FrontEnd {
        error: Some(ScriptError {
            message: "TypeError: words.upload is undefined".to_owned(),
            source: "/assets/app.js:82".to_owned(),
        }),
        asset: None,
    }
}
