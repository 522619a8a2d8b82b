//! Alerts name flows and steps in both languages.

use siaga::domain::blocked::BlockedAlert;
use siaga::domain::diagnosis::Diagnosis;
use siaga::domain::names::FlowNames;
use siaga::domain::{BilingualName, StepName};
use siaga::store::{names, outbox};

use super::mail_server::MailServer;
use super::receiver::Receiver;
use super::{SOON, alert, mail_to, put, sender, settings, smtp, webhook};
use crate::harness::{TestClock, at, each_store, eventually};

#[tokio::test]
async fn mails_and_webhooks_name_flows_and_steps_in_both_languages() {
    each_store(|database| async move {
        let clock = TestClock::at(at(361));
        let server = MailServer::plain().await;
        let (receiver, url) = Receiver::start().await;
        let targets = vec![webhook(&url), mail_to("duty@example.org")];
        let all = settings(targets, Some(smtp(server.port)));
        let sender = sender(&database.store, all, &clock);
        let name = BilingualName::new("Unggah halaman paspor", "Upload the passport page");
        let known = FlowNames {
            flow: "extension".to_owned(),
            name: BilingualName::new("Perpanjangan izin tinggal", "Stay-permit extension"),
            steps: vec![StepName::new("passport", name)],
        };
        let written = database.store.write(move |mut conn| {
            Box::pin(async move { names::remember(&mut conn, [&known]).await })
        });
        written.await.unwrap();
        let mut alert = alert();
        // Put in before the step had a key.
        alert.outage.step = "Upload the passport page".to_owned();
        alert.outage.diagnosis = Some(Diagnosis::Server {
            step: "passport".to_owned(),
        });
        for (once, target) in [("1", "mail:duty@example.org"), ("2", "webhook:ops")] {
            put(&database.store, once, target, &alert, at(360)).await;
        }
        let blocked = BlockedAlert {
            blocked_flow: "Stay-permit extension".to_owned(),
            flow: "extension".to_owned(),
            vantage: "jakarta".to_owned(),
            since: at(0),
            over_at: None,
            message: None,
        };
        let payload = serde_json::to_string(&blocked).unwrap();
        let written = database.store.write(move |mut conn| {
            Box::pin(async move {
                for (once, target) in [("3", "mail:duty@example.org"), ("4", "webhook:ops")] {
                    outbox::put(&mut conn, once, target, &payload, at(360)).await?;
                }
                Ok(())
            })
        });
        written.await.unwrap();
        assert_eq!(sender.drain_once().await.unwrap().sent, 4);
        eventually("two mails", SOON, || async { server.taken().len() == 2 }).await;
        let mails = server.taken();
        let text = |word: &str| {
            let mail = mails.iter().map(|mail| mail.read());
            let mail = mail.filter(|mail| mail.subject().unwrap().contains(word));
            let texts: Vec<String> = mail.map(|m| m.body_text(0).unwrap().into_owned()).collect();
            texts.concat()
        };
        let outage = text("GANGGUAN");
        for part in [
            "di langkah \"Unggah halaman paspor\"",
            "at step \"Upload the passport page\"",
            "\nLangkah : Unggah halaman paspor",
            "\nAlur    : Perpanjangan izin tinggal (extension)",
            "\nStep    : Upload the passport page",
            "\nFlow    : Stay-permit extension (extension)",
            "gagal di langkah \"Unggah halaman paspor\"",
            "fail at step \"Upload the passport page\"",
        ] {
            assert!(outage.contains(part), "{part} in\n{outage}");
        }
        let blocked = text("TERHALANG");
        for part in [
            "\nAlur: Perpanjangan izin tinggal (extension)",
            "\nFlow: Stay-permit extension (extension)",
        ] {
            assert!(blocked.contains(part), "{part} in\n{blocked}");
        }
        let calls: Vec<serde_json::Value> = receiver.calls().iter().map(|c| c.json()).collect();
        let of = |key: &str| calls.iter().map(|call| &call[key]).find(|v| v.is_object());
        let outage = of("outage").unwrap();
        for (key, value) in [
            ("step", "Upload the passport page"),
            ("step_key", "passport"),
            ("step_name_id", "Unggah halaman paspor"),
            ("step_name_en", "Upload the passport page"),
        ] {
            assert_eq!(outage[key], value, "{key}");
        }
        assert_eq!(outage["diagnosis"]["step"], "Upload the passport page");
        let flow = of("flow").unwrap();
        for (key, value) in [
            ("name", "Stay-permit extension"),
            ("name_id", "Perpanjangan izin tinggal"),
            ("name_en", "Stay-permit extension"),
        ] {
            assert_eq!(flow[key], value, "{key}");
        }
    })
    .await;
}
