//! Files as pages take them: put on a field, dropped, or chosen in the browser's own box.

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::BrowserPage;
use super::act::{described, no_element, unfit};
use super::pointer::NotPressed;
use crate::domain::Why;
use crate::probe::definition::Query;
use crate::probe::form::File;
use crate::probe::page::Trouble;

impl BrowserPage {
    /// Puts a file on a field, drops it where the page takes files so, or presses what is meant
    /// and answers the box for files that opens.
    pub(super) async fn upload(&mut self, query: &Query, file: &File) -> Result<(), Trouble> {
        // What the browser itself drops and chooses belongs to the page, and to no frame of it.
        let is_native =
            self.session()?.is_near() && self.session()?.is_chromium() && query.frame.is_none();
        if is_native && let Some(field) = self.field_in_frame(query).await? {
            let path = self.written(file).await?;
            let files = json!({ "objectId": field, "files": [path] });
            return self
                .chromium("DOM.setFileInputFiles", files)
                .await
                .map(drop);
        }
        // Pages often hide the field itself behind something prettier.
        let found = self.find(query, false, |_| Ok(())).await?;
        let is_field = found["tag"] == "input";
        if is_field && found["kind"] != "file" && found["kind"] != "button" {
            let message = format!("{}, which takes no file", described(&found));
            return Err(unfit(query, message));
        }
        if is_field && found["kind"] == "file" && self.session()?.is_near() {
            let path = self.written(file).await?;
            let session = self.session()?;
            let Some(element) = session.element(&found["element"]) else {
                return Err(no_element(query));
            };
            return match session.type_in(&element, &path, self.limit).await {
                Ok(()) => Ok(()),
                Err(error) => self.get_past(error).await,
            };
        }
        let arguments = |bytes: &[u8]| {
            vec![
                found["element"].clone(),
                json!(file.name),
                json!(file.media_type),
                json!(BASE64.encode(bytes)),
            ]
        };
        let is_pressed = matches!(
            found["tag"].as_str(),
            Some("button" | "label" | "a" | "input")
        );
        let mut wait = self.waiting();
        // A drop zone begins to take files once its script has run.
        loop {
            let taken = match is_native {
                true => self.call("takesDrop", arguments(b" ")).await? == true,
                false => self.call("put", arguments(&file.bytes)).await? == true,
            };
            if taken && is_native {
                return self.drop_file(query, &found["element"], file).await;
            }
            if taken {
                return Ok(());
            }
            if is_native && (is_pressed || wait.is_over()) {
                break;
            }
            if wait.is_over() {
                let what = format!("{}, where no file can be dropped", described(&found));
                return Err(unfit(query, what));
            }
            wait.pause().await;
        }
        self.choose_file(query, &found, file).await
    }

    /// The document as a file of the run's, for the browser to read.
    async fn written(&mut self, file: &File) -> Result<String, Trouble> {
        self.uploads += 1;
        let (name, bytes) = (&file.name, file.bytes.clone());
        let put = self.browser.put(self.uploads, name, bytes).await;
        let path = put.map_err(|error| {
            let message = format!("a document to upload cannot be written: {error}");
            Trouble::Ours(Why::Ourselves, message)
        })?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The field for files that a selector means in a frame of the page's own origin, where the
    /// page itself has none: the browser's name for it.
    async fn field_in_frame(&mut self, query: &Query) -> Result<Option<String>, Trouble> {
        let Some(css) = query.plain_css() else {
            return Ok(None);
        };
        let css = json!(css.text);
        let found = self
            .call("frameField", vec![css.clone(), json!(true)])
            .await?;
        if found != true {
            return Ok(None);
        }
        let expression = format!("(() => {{ {FRAME_FIELD}\nreturn frameField({css}); }})()");
        let asked = json!({ "expression": expression });
        let field = self.chromium("Runtime.evaluate", asked).await?;
        Ok(field["result"]["objectId"].as_str().map(str::to_owned))
    }

    /// Drops the file with the browser's own events: only those have entries.
    async fn drop_file(&mut self, query: &Query, zone: &Value, file: &File) -> Result<(), Trouble> {
        let point = self.call("aim", vec![zone.clone()]).await?;
        let (Some(x), Some(y)) = (point["x"].as_f64(), point["y"].as_f64()) else {
            return Err(unfit(query, "covered or outside the window".to_owned()));
        };
        let path = self.written(file).await?;
        const COPY: u8 = 1;
        let data = json!({ "items": [], "files": [path], "dragOperationsMask": COPY });
        for kind in ["dragEnter", "dragOver", "drop"] {
            let event = json!({ "type": kind, "x": x, "y": y, "data": data });
            self.chromium("Input.dispatchDragEvent", event).await?;
        }
        Ok(())
    }

    /// Presses what is meant, and gives the file to the box that opens, or to the field that only
    /// now is there.
    async fn choose_file(
        &mut self,
        query: &Query,
        found: &Value,
        file: &File,
    ) -> Result<(), Trouble> {
        let no_box = |what: &str| {
            let what = format!(
                "{}, where no file can be dropped, and {what}",
                described(found)
            );
            unfit(query, what)
        };
        self.listen().await?;
        self.network.forget_chooser();
        let intercept = |on: bool| json!({ "enabled": on });
        self.chromium("Page.setInterceptFileChooserDialog", intercept(true))
            .await?;
        match self.press_element(query, &found["element"]).await {
            Ok(()) => {}
            Err(NotPressed::Trouble(trouble)) => return Err(trouble),
            Err(NotPressed::Yet(message)) => {
                return Err(no_box(&format!("it cannot be pressed: {message}")));
            }
        }
        self.follow_windows().await?;
        let mut wait = self.waiting();
        let chooser = loop {
            // The driver takes in what the browser told it while it carries out a command.
            self.call("snapshot", vec![json!(0)]).await?;
            self.listen().await?;
            if let Some(field) = self.network.chooser() {
                break field;
            }
            if wait.is_over() {
                return Err(no_box("no box for files opens when it is pressed"));
            }
            wait.pause().await;
        };
        let path = self.written(file).await?;
        let files = json!({ "backendNodeId": chooser, "files": [path] });
        let put = self.chromium("DOM.setFileInputFiles", files).await;
        let off = self.chromium("Page.setInterceptFileChooserDialog", intercept(false));
        off.await?;
        put.map(drop)
    }
}

/// Finds a field for files in frames; for the page, and for the browser by name.
const FRAME_FIELD: &str = include_str!("upload.js");
