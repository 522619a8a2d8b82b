//! That a check for robots keeps a flow out is told once, and once that it is over.

use std::time::Duration;

use proptest::prelude::*;
use siaga::domain::blocked::{BlockedChange, BlockedFlow};
use siaga::domain::{Engine, Outcome, Why};

use super::receiver::Receiver;
use super::{MailServer, SOON, detector, mail_to, sender, settings, smtp, webhook};
use crate::harness::{FAILED, NOON, TestClock, at, each_store, eventually, run};

const BLOCKED: Outcome = Outcome::Inconclusive(Why::Blocked);
const MINUTE: i64 = 60;

#[tokio::test]
async fn a_blocked_flow_is_told_once_and_once_that_it_is_over() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let server = MailServer::plain().await;
        let (receiver, url) = Receiver::start().await;
        let targets = vec![webhook(&url), mail_to("duty@example.org")];
        let sender = sender(
            &database.store,
            settings(targets, Some(smtp(server.port))),
            &clock,
        );
        let keys = ["webhook:ops", "mail:duty@example.org"];
        let detector = detector(&database.store, &keys, &clock);
        let minutes = [
            (0, Engine::Http, Outcome::Passed),
            // Blocked for fourteen minutes, which is nothing yet, by two engines.
            (1, Engine::Http, BLOCKED),
            (5, Engine::Browser, BLOCKED),
            (14, Engine::Http, BLOCKED),
            (15, Engine::Http, Outcome::Inconclusive(Why::Ourselves)),
            (16, Engine::Http, BLOCKED),
            (17, Engine::Http, BLOCKED),
            (40, Engine::Browser, BLOCKED),
            // One engine gets through; the other does not.
            (50, Engine::Browser, Outcome::Passed),
            (60, Engine::Http, BLOCKED),
            (70, Engine::Http, Outcome::Passed),
            (71, Engine::Http, Outcome::Passed),
            // Blocked anew, for less.
            (80, Engine::Http, BLOCKED),
            (90, Engine::Http, FAILED),
            (96, Engine::Http, BLOCKED),
            (97, Engine::Http, Outcome::Passed),
        ];
        for (minute, engine, outcome) in minutes {
            let of = run(at(minute * MINUTE)).engine(engine);
            detector
                .record(of.step("Upload", "upload", outcome).done())
                .await
                .unwrap();
            clock.advance(Duration::from_secs(1));
            sender.drain_once().await.unwrap();
        }
        let calls = receiver.calls();
        let events: Vec<String> = calls.iter().map(|call| call.event()).collect();
        assert_eq!(events, ["flow.blocked", "flow.through"]);
        let (blocked, over) = (calls[0].json(), calls[1].json());
        assert_eq!(blocked["flow"]["key"], "extension");
        assert_eq!(blocked["flow"]["vantage"], "jakarta");
        assert_eq!(blocked["flow"]["since"], at(MINUTE).to_string());
        assert!(blocked["flow"]["over_at"].is_null());
        assert_eq!(over["flow"]["since"], at(MINUTE).to_string());
        assert_eq!(over["flow"]["over_at"], at(70 * MINUTE + 2).to_string());
        eventually("two mails", SOON, || async { server.taken().len() == 2 }).await;
        let mails = server.taken();
        assert_eq!(
            mails[0].read().subject(),
            Some("[Siaga] PEMANTAU TERHALANG / MONITOR BLOCKED: Stay-permit extension")
        );
        let text = mails[0].read().body_text(0).unwrap().into_owned();
        for part in [
            "ask whoever runs the site",
            "Stay-permit extension",
            "jakarta",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    })
    .await;
}

proptest! {
    /// Nobody is told twice of the same, nor of an end of which no beginning was told, nor of what
    /// did not last.
    #[test]
    fn beginnings_and_ends_alternate(
        runs in proptest::collection::vec((0..4_u8, any::<bool>(), 0..600_i64), 0..80)
    ) {
        let after = Duration::from_secs(900);
        let (mut state, mut now, mut told) = (BlockedFlow::default(), 0, None);
        let mut blocked_since = [None, None];
        for (kind, is_browser, pause) in runs {
            now += pause;
            let engine = if is_browser { Engine::Browser } else { Engine::Http };
            let outcome = match kind {
                0 => BLOCKED,
                1 => Outcome::Passed,
                2 => FAILED,
                _ => Outcome::Inconclusive(Why::CutOff),
            };
            let own = &mut blocked_since[usize::from(is_browser)];
            match kind {
                0 => *own = own.or(Some(now)),
                1 | 2 => *own = None,
                _ => {}
            }
            let change = state.see(engine, outcome, (at(now), at(now + 1)), after);
            match change {
                Some(BlockedChange::Blocked { since }) => {
                    prop_assert_eq!(told, None);
                    prop_assert!(at(now + 1).since(since) >= after);
                    told = Some(since);
                }
                Some(BlockedChange::Over { since }) => {
                    prop_assert_eq!(told, Some(since));
                    prop_assert_eq!(blocked_since, [None, None]);
                    told = None;
                }
                None => {}
            }
            let has_lasted = blocked_since.iter().flatten().any(|since| now - since >= 900);
            prop_assert!(kind != 0 || !has_lasted || told.is_some());
        }
    }
}
