//! A real browser without a driver, held over the DevTools protocol's pipe: for pages under
//! which chromedriver itself is stuck now and then, as it is while one alert follows another.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};

use super::folder;
use super::processes::{Group, SOON};

/// A page of a browser of its own, which ends with the value.
pub(crate) struct Page {
    _processes: Group,
    commands: ChildStdin,
    messages: BufReader<ChildStdout>,
    session: Option<Value>,
    /// The last command's number.
    id: u64,
    _home: tempfile::TempDir,
}

impl Page {
    /// Starts a browser with an empty profile, and attaches to an empty page of it.
    pub(crate) async fn open() -> Page {
        let home = folder();
        // The browser reads its commands from the third descriptor and answers on the fourth.
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(
                "exec chromium --headless=new --no-sandbox --disable-dev-shm-usage \
                --disable-gpu --remote-debugging-pipe --user-data-dir=\"$HOME\" \
                3<&0 4>&1 </dev/null >/dev/null 2>&1",
            )
            .env("TMPDIR", home.path())
            .env("HOME", home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut processes = Group::start(&mut command);
        let (commands, messages) = processes.pipes().expect("piped");
        let messages = ChildStdout::from_std(messages).expect("a pipe");
        let mut page = Page {
            _processes: processes,
            commands: ChildStdin::from_std(commands).expect("a pipe"),
            messages: BufReader::new(messages),
            session: None,
            id: 0,
            _home: home,
        };
        let blank = json!({ "url": "about:blank" });
        let target = page.ask("Target.createTarget", blank).await;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = page.ask("Target.attachToTarget", attach).await;
        page.session = Some(attached["sessionId"].clone());
        page.ask("Page.enable", json!({})).await;
        page
    }

    /// Sends a command, and gives its number.
    pub(crate) async fn send(&mut self, method: &str, parameters: Value) -> u64 {
        self.id += 1;
        let mut message = json!({ "id": self.id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).await.expect("a browser");
        self.id
    }

    /// The next message, an answer or an event, that fits; those before it are passed over.
    pub(crate) async fn next(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let read = async {
            loop {
                let mut bytes = Vec::new();
                let read = self.messages.read_until(0, &mut bytes).await;
                read.expect("a browser");
                bytes.pop().expect("a browser that has not ended");
                let message: Value = serde_json::from_slice(&bytes).expect("JSON");
                if fits(&message) {
                    return message;
                }
            }
        };
        let read = tokio::time::timeout(SOON, read).await;
        read.expect("a message of the browser")
    }

    /// Sends a command, and gives its result.
    pub(crate) async fn ask(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.send(method, parameters).await;
        let mut answer = self.next(|message| message["id"] == id).await;
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].take()
    }
}
