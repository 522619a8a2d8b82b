//! Secrets are in no message, no address, no evidence, whatever form the site gives them.

use siaga::domain::Outcome;
use siaga::probe::evidence::EvidenceStore;
use siaga::probe::redact::Redactor;

use super::server::{answer, page, plain};
use super::{flow, run};
use crate::harness::probing::{target, tools};

const SECRET: &str = "p&ss <w0rd>/\"x' é+%";

/// What must not be found: the secret as it is, and in every form that it is written in.
fn forms() -> Vec<String> {
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    vec![
        SECRET.to_owned(),
        encoded.replace('+', "%20"),
        encoded,
        "p&amp;ss &lt;w0rd&gt;/&quot;x&#39; é+%".to_owned(),
        "p&amp;ss &lt;w0rd&gt;/&quot;x&#x27; é+%".to_owned(),
        serde_json::to_string(SECRET)
            .unwrap()
            .trim_matches('"')
            .to_owned(),
        data_encoding::BASE64.encode(SECRET.as_bytes()),
    ]
}

#[tokio::test]
async fn nothing_that_a_run_leaves_behind_has_a_secret_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = plain(move |request| match request.method() {
        "GET" if request.path() == "/" => page("<form action=/go><input id=p name=p></form>"),
        _ => {
            // A careless site: the secret in the address, in headers and all over the page.
            let body = forms().join("</p>\n<p>");
            let headers = "Content-Type: text/html\r\nSet-Cookie: session=topsecret; Path=/\r\n\
                           X-Echo: p&ss <w0rd>\r\n";
            answer(
                "500 Oops",
                headers,
                &format!("<title>{SECRET}</title><p>{body}</p>"),
            )
        }
    })
    .await;
    let steps = "needs = [\"SECRET\"]\n\
        [[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n\
        fill = { \"#p\" = \"${SECRET}\" }\nsubmit = \"form\"\nexpect = { text = \"${SECRET}!\", status = 500 }\n";
    let mut target = target(&server.url);
    target
        .secrets
        .insert("SECRET".to_owned(), SECRET.to_owned());
    let mut tools = tools();
    tools.evidence = Some(EvidenceStore::open(folder.path()).unwrap());
    let report = run(&flow(steps), &target, &tools).await;
    assert!(matches!(report.outcome, Outcome::Failed(_)));

    let step = &report.steps[0];
    let kinds: Vec<&str> = step
        .evidence
        .iter()
        .map(|piece| piece.kind.as_str())
        .collect();
    assert_eq!(kinds, ["page", "headers", "har", "waterfall", "timings"]);
    let mut left = vec![
        serde_json::to_string(&report).unwrap(),
        format!("{report:?}"),
    ];
    for piece in &step.evidence {
        let bytes = tools
            .evidence
            .as_ref()
            .unwrap()
            .read(&piece.sha256)
            .await
            .unwrap()
            .unwrap();
        left.push(String::from_utf8(bytes).unwrap());
    }
    for text in &left {
        for form in forms() {
            assert!(!text.contains(&form), "{form} in {text}");
        }
        assert!(!text.contains("topsecret"), "{text}");
    }
    assert!(left[2].contains("•••SECRET•••"), "{}", left[2]);
    assert!(
        left[3].contains("set-cookie: session=•••; Path=/"),
        "{}",
        left[3]
    );
    assert!(
        step.final_url
            .as_ref()
            .unwrap()
            .ends_with("/go?p=•••SECRET•••")
    );
}

#[test]
fn short_secrets_do_not_mask_ordinary_text() {
    let redactor = Redactor::new([("PIN", "123"), ("WORD", "word"), ("LONG", "wordlong")]);
    assert_eq!(
        redactor.text("123 wordlong word"),
        "123 •••LONG••• •••WORD•••"
    );
}
