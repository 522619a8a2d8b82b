//! The rule: from what runs saw to where the fault lies.

use std::time::Duration;

use proptest::prelude::*;
use siaga::domain::diagnosis::{Cause, Diagnosis, Layer, Sight, Unclear, diagnose, next};
use siaga::domain::run::{AssetKind, FailedAsset, FrontEnd, ScriptError};
use siaga::domain::{Engine, Fault, Moment, Outcome, Why};

use super::{missing_bundle, throwing};
use crate::harness::at;

const HTTP_FRESH: Duration = Duration::from_secs(240);
const BROWSER_FRESH: Duration = Duration::from_secs(1_500);

fn fresh_for(_: &str, engine: Engine) -> Duration {
    match engine {
        Engine::Http => HTTP_FRESH,
        Engine::Browser => BROWSER_FRESH,
    }
}

/// `http 60 passed`, `browser 65 script Upload`: engine, second, outcome, step.
fn sight(text: &str) -> Sight {
    let mut words = text.split(' ');
    let engine = words.next().unwrap().parse().unwrap();
    let second = words.next().unwrap().parse().unwrap();
    let outcome = match words.next().unwrap() {
        "passed" => Outcome::Passed,
        "slow" => Outcome::Slow,
        "not_reached" => Outcome::NotReached,
        "ourselves" => Outcome::Inconclusive(Why::Ourselves),
        fault => Outcome::Failed(fault.parse().unwrap()),
    };
    let failed = matches!(outcome, Outcome::Failed(_));
    Sight {
        started_at: at(second),
        flow: "extension".to_owned(),
        vantage: "jakarta".to_owned(),
        engine,
        outcome,
        step: match (failed, words.next()) {
            (true, step) => step.unwrap_or("Upload").to_owned(),
            (false, _) => String::new(),
        },
        front_end: None,
    }
}

fn judged(sights: &[Sight]) -> Option<Diagnosis> {
    let newest = sights.iter().map(|sight| sight.started_at).max().unwrap();
    diagnose(sights, &[], newest + Duration::from_secs(5), fresh_for)
}

/// In a word or two.
fn brief(diagnosis: Option<&Diagnosis>) -> String {
    match diagnosis {
        None => "-".to_owned(),
        Some(Diagnosis::Network { layer }) => format!("network {}", layer.as_str()),
        Some(Diagnosis::OneEngine { engine, .. }) => format!("{engine} only"),
        Some(Diagnosis::Unclear { why }) => match why {
            Unclear::Captcha => "captcha",
            Unclear::OtherSteps => "other steps",
            Unclear::AtTimes => "at times",
            Unclear::Disagree => "disagree",
        }
        .to_owned(),
        Some(other) => other.as_str().to_owned(),
    }
}

#[test]
fn each_case_is_told_for_what_it_is() {
    let cases: &[(&str, &[&str])] = &[
        ("-", &["http 0 passed", "browser 5 passed"]),
        (
            "-",
            &["http 0 slow", "browser 5 not_reached", "http 9 ourselves"],
        ),
        // One passes where the other fails.
        ("front_end", &["browser 0 content", "http 20 passed"]),
        ("front_end", &["browser 0 script", "http 20 slow"]),
        ("front_end", &["browser 0 timeout", "http 20 passed"]),
        (
            "front_end",
            &[
                "http 0 content",
                "http 5 passed",
                "browser 50 script",
                "http 60 passed",
            ],
        ),
        ("plain_refused", &["http 0 status", "browser 20 passed"]),
        ("plain_refused", &["http 0 captcha", "browser 20 passed"]),
        (
            "plain_refused",
            &["http 0 timeout", "http 5 timeout", "browser 20 slow"],
        ),
        // Both fail.
        ("server", &["http 0 status", "browser 20 error_page"]),
        (
            "server",
            &["browser 0 upload_refused", "http 20 upload_refused"],
        ),
        ("server", &["browser 0 timeout", "http 20 timeout"]),
        (
            "other steps",
            &["http 0 status Sign-in", "browser 20 status Upload"],
        ),
        ("captcha", &["http 0 captcha", "browser 20 captcha"]),
        ("captcha", &["http 0 status", "browser 20 captcha"]),
        ("network connect", &["http 0 connect", "browser 20 connect"]),
        ("network dns", &["http 0 dns", "browser 20 connect"]),
        ("disagree", &["http 0 connect", "browser 20 content"]),
        // What fails by now gets to the server.
        (
            "disagree",
            &["browser 0 dns", "http 200 dns", "http 500 timeout"],
        ),
        // Only one ran.
        ("http only", &["http 0 status"]),
        ("browser only", &["browser 0 script"]),
        ("http only", &["http 0 captcha"]),
        ("network tls", &["http 0 tls"]),
        ("network dns", &["browser 0 dns"]),
        ("http only", &["http 0 status", "browser 20 ourselves"]),
        ("http only", &["http 0 status", "browser 20 not_reached"]),
        // A pass of before the failures began says nothing of them.
        ("browser only", &["http 0 passed", "browser 20 content"]),
        ("http only", &["browser 0 passed", "http 20 status"]),
        // Nor one of long after: the site may be another by then.
        ("browser only", &["browser 0 content", "http 300 passed"]),
        (
            "front_end",
            &["browser 0 content", "http 200 passed", "http 400 passed"],
        ),
        // A failure that does not last belongs to the past.
        ("http only", &["browser 0 error_page", "http 1600 status"]),
        (
            "http only",
            &[
                "browser 0 error_page",
                "browser 20 passed",
                "http 30 status",
            ],
        ),
        // A server that recovers before the browser comes again was a server all the same.
        ("server", &["http 0 error_page", "browser 10 error_page"]),
        (
            "at times",
            &[
                "http 0 error_page",
                "browser 10 error_page",
                "http 60 passed",
            ],
        ),
        (
            "at times",
            &[
                "http 0 content",
                "browser 10 content",
                "http 60 passed",
                "http 120 passed",
            ],
        ),
        // One slip of the plain requests takes nothing back, two in a row do.
        (
            "at times",
            &["browser 0 script", "http 10 passed", "http 60 content"],
        ),
        (
            "server",
            &[
                "browser 0 content",
                "http 10 passed",
                "http 60 content",
                "http 65 content",
            ],
        ),
        // What only one meets, and is none of its own.
        ("disagree", &["browser 0 error_page", "http 20 passed"]),
        ("disagree", &["browser 0 connect", "http 20 passed"]),
        ("disagree", &["browser 0 upload_refused", "http 20 passed"]),
        ("captcha", &["browser 0 captcha", "http 20 passed"]),
        ("disagree", &["http 0 connect", "browser 20 passed"]),
        ("disagree", &["http 0 mail_missing", "browser 20 passed"]),
    ];
    for (expected, case) in cases {
        let sights: Vec<Sight> = case.iter().map(|text| sight(text)).collect();
        let found = judged(&sights);
        assert_eq!(brief(found.as_ref()), *expected, "{case:?}");
    }
}

#[test]
fn flows_and_vantages_are_held_together_and_not_mixed() {
    let by = |text: &str, flow: &str, vantage: &str| Sight {
        flow: flow.to_owned(),
        vantage: vantage.to_owned(),
        ..sight(text)
    };
    let verdict = |sights: &[Sight]| brief(judged(sights).as_ref());
    // Another vantage's or flow's pass is no pass of this one.
    let elsewhere = by("http 20 passed", "extension", "denpasar");
    assert_eq!(
        verdict(&[sight("browser 0 content"), elsewhere]),
        "browser only"
    );
    let other = by("http 20 passed", "home", "jakarta");
    assert_eq!(
        verdict(&[sight("browser 0 content"), other]),
        "browser only"
    );
    // A flow that runs on one engine only adds to what another one tells…
    let both = [sight("http 0 status"), sight("browser 5 status")];
    let alone = by("http 9 status", "home", "jakarta");
    assert_eq!(
        verdict(&[both.as_slice(), std::slice::from_ref(&alone)].concat()),
        "server"
    );
    // …or contradicts it.
    let front = [sight("browser 0 content"), sight("http 5 passed")];
    assert_eq!(
        verdict(&[front.as_slice(), std::slice::from_ref(&alone)].concat()),
        "disagree"
    );
    let browser = by("browser 9 content", "portal", "jakarta");
    assert_eq!(
        verdict(&[front.as_slice(), std::slice::from_ref(&browser)].concat()),
        "front_end"
    );
    assert_eq!(verdict(&[alone.clone(), browser]), "other steps");
    // The network is it only where everything that fails says so.
    let net = [
        sight("http 0 connect"),
        by("http 3 dns", "home", "jakarta"),
        by("browser 4 connect", "home", "denpasar"),
    ];
    assert_eq!(verdict(&net), "network dns");
    assert_eq!(verdict(&[net.as_slice(), &[alone]].concat()), "disagree");
}

#[test]
fn the_cause_is_what_stops_the_page() {
    let told = |seen: FrontEnd| {
        let mut failing = sight("browser 0 script");
        failing.front_end = Some(seen);
        match judged(&[failing, sight("http 20 passed")]) {
            Some(Diagnosis::FrontEnd { cause, .. }) => cause,
            other => panic!("{other:?}"),
        }
    };
    let (bundle, error) = (missing_bundle().asset, throwing().error);
    let both = FrontEnd {
        asset: bundle.clone(),
        error: error.clone(),
    };
    assert_eq!(told(both), bundle.clone().map(Cause::MissingAsset));
    let style = FailedAsset {
        kind: AssetKind::Style,
        ..bundle.unwrap()
    };
    let beside = FrontEnd {
        asset: Some(style.clone()),
        error: error.clone(),
    };
    assert_eq!(told(beside), error.map(Cause::ScriptError));
    let alone = FrontEnd {
        asset: Some(style.clone()),
        error: None,
    };
    assert_eq!(told(alone), Some(Cause::MissingAsset(style)));
    assert_eq!(told(FrontEnd::default()), None);
}

#[test]
fn what_was_found_stays_until_it_is_contradicted() {
    let step = || "Upload".to_owned();
    let front = |seen: Option<FrontEnd>| Diagnosis::FrontEnd {
        step: step(),
        cause: seen.and_then(|seen| {
            let asset = seen.asset.map(Cause::MissingAsset);
            asset.or(seen.error.map(Cause::ScriptError))
        }),
    };
    let server = || Diagnosis::Server { step: step() };
    let one = |engine| Diagnosis::OneEngine {
        engine,
        step: step(),
    };
    let at_times = Diagnosis::Unclear {
        why: Unclear::AtTimes,
    };
    let network = Diagnosis::Network { layer: Layer::Tls };
    let stays =
        |before: &Diagnosis, found: &Diagnosis| next(Some(before), Some(found.clone())).is_none();
    assert_eq!(next(None, Some(server())), Some(server()));
    assert_eq!(next(None, None), None);
    assert_eq!(next(Some(&server()), None), None);
    assert!(stays(&server(), &one(Engine::Http)));
    assert!(stays(&server(), &one(Engine::Browser)));
    assert!(stays(&front(None), &one(Engine::Browser)));
    assert!(!stays(&front(None), &one(Engine::Http)));
    assert!(!stays(&network, &one(Engine::Http)));
    assert!(stays(&server(), &at_times));
    assert!(!stays(&one(Engine::Http), &server()));
    // A cause that is known is not forgotten, nor written anew for each run's wording.
    assert!(!stays(&front(None), &front(Some(throwing()))));
    assert!(stays(&front(Some(throwing())), &front(None)));
    let mut other = throwing();
    other.error.as_mut().unwrap().message = "TypeError: something else".to_owned();
    assert!(stays(&front(Some(throwing())), &front(Some(other))));
    assert!(!stays(
        &front(Some(throwing())),
        &front(Some(missing_bundle()))
    ));
    let mut other = missing_bundle();
    other.asset.as_mut().unwrap().path = "/assets/app.js".to_owned();
    assert!(!stays(&front(Some(missing_bundle())), &front(Some(other))));
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Passed),
        1 => Just(Outcome::Slow),
        6 => proptest::sample::select(Fault::ALL.to_vec()).prop_map(Outcome::Failed),
        1 => Just(Outcome::NotReached),
        1 => proptest::sample::select(Why::ALL.to_vec()).prop_map(Outcome::Inconclusive),
    ]
}

fn seen() -> impl Strategy<Value = Option<FrontEnd>> {
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(missing_bundle())),
        1 => Just(Some(throwing())),
        1 => Just(Some(FrontEnd {
            error: Some(ScriptError { message: "x".to_owned(), source: "/:1".to_owned() }),
            asset: missing_bundle().asset,
        })),
    ]
}

fn sights() -> impl Strategy<Value = Vec<Sight>> {
    let one = (
        0_i64..2_000,
        0_usize..2,
        0_usize..2,
        any::<bool>(),
        outcomes(),
        0_usize..2,
        seen(),
    );
    let one = one.prop_map(
        |(second, flow, vantage, is_browser, outcome, step, front_end)| Sight {
            started_at: at(second),
            flow: ["extension", "home"][flow].to_owned(),
            vantage: ["jakarta", "denpasar"][vantage].to_owned(),
            engine: if is_browser {
                Engine::Browser
            } else {
                Engine::Http
            },
            outcome,
            step: ["Sign in", "Upload"][step].to_owned(),
            front_end,
        },
    );
    proptest::collection::vec(one, 0..14)
}

fn is_network(outcome: Outcome) -> bool {
    use Fault::{Connect, Dns, Tls};
    matches!(outcome, Outcome::Failed(Dns | Connect | Tls))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_is_the_same_in_any_order(sights in sights(), seed in any::<u64>(), now in 0_i64..2_500) {
        let told = diagnose(&sights, &[], at(now), fresh_for);
        let mut shuffled = sights.clone();
        let mut state = seed;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        prop_assert_eq!(&diagnose(&shuffled, &[], at(now), fresh_for), &told);
        let doubled = [sights.as_slice(), &sights].concat();
        // What is delivered twice is no second failure in a row; the store refuses it.
        let _ = diagnose(&doubled, &[], at(now), fresh_for);
    }

    #[test]
    fn the_front_end_needs_a_pass_of_the_same_flow_place_and_time(sights in sights(), now in 0_i64..2_500) {
        let Some(Diagnosis::FrontEnd { step, .. }) = diagnose(&sights, &[], at(now), fresh_for) else {
            return Ok(());
        };
        let near = |a: Moment, b: Moment| a.max(b).since(a.min(b)) <= HTTP_FRESH;
        let shown = sights.iter().any(|failed| {
            failed.engine == Engine::Browser
                && matches!(failed.outcome, Outcome::Failed(_))
                && failed.step == step
                && sights.iter().any(|passed| {
                    passed.engine == Engine::Http
                        && matches!(passed.outcome, Outcome::Passed | Outcome::Slow)
                        && (&passed.flow, &passed.vantage) == (&failed.flow, &failed.vantage)
                        && near(passed.started_at, failed.started_at)
                })
        });
        prop_assert!(shown, "{sights:#?}");
    }

    #[test]
    fn the_network_needs_every_engine_that_fails_to_say_so(sights in sights(), now in 0_i64..2_500) {
        let Some(Diagnosis::Network { .. }) = diagnose(&sights, &[], at(now), fresh_for) else {
            return Ok(());
        };
        // The newest word of each, where it is fresh and a failure.
        for sight in &sights {
            let conclusive = |one: &&Sight| matches!(one.outcome, Outcome::Passed | Outcome::Slow | Outcome::Failed(_));
            let same = |one: &&Sight| {
                (&one.flow, &one.vantage, one.engine) == (&sight.flow, &sight.vantage, sight.engine)
                    && one.started_at <= at(now)
            };
            let newest = sights.iter().filter(conclusive).filter(same).max_by_key(|one| one.started_at);
            let Some(newest) = newest else { continue };
            let ties = sights.iter().filter(conclusive).filter(same).filter(|one| one.started_at == newest.started_at);
            let fresh = at(now).since(newest.started_at) <= fresh_for("", newest.engine);
            if fresh && ties.count() == 1 && matches!(newest.outcome, Outcome::Failed(_)) {
                prop_assert!(is_network(newest.outcome), "{newest:?} of {sights:#?}");
            }
        }
    }

    #[test]
    fn something_is_said_exactly_where_something_fails(sights in sights(), now in 0_i64..2_500) {
        let told = diagnose(&sights, &[], at(now), fresh_for);
        let failing = sights.iter().any(|sight| {
            matches!(sight.outcome, Outcome::Failed(_))
                && sight.started_at <= at(now)
                && at(now).since(sight.started_at) <= fresh_for("", sight.engine)
        });
        prop_assert!(told.is_none() || failing);
    }

    #[test]
    fn a_diagnosis_is_kept_and_read_as_it_was(sights in sights(), now in 0_i64..2_500) {
        let told = diagnose(&sights, &[], at(now), fresh_for);
        let text = serde_json::to_string(&told).unwrap();
        let read: Option<Diagnosis> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &told);
        // The same again is no news.
        if let Some(told) = told {
            prop_assert_eq!(next(Some(&told), Some(told.clone())), None);
        }
    }
}

/// A component that only the browser tries: what plain HTTP found elsewhere in the flow tells
/// whether the server is well.
#[test]
fn a_missing_bundle_is_the_front_ends_where_only_the_browser_tries_the_component() {
    let stopped = |second: i64, seen: Option<FrontEnd>| Sight {
        front_end: seen,
        ..sight(&format!("browser {second} script Timeline"))
    };
    let judged = |seen: &[Sight], elsewhere: &[&str]| {
        let elsewhere: Vec<Sight> = elsewhere.iter().map(|text| sight(text)).collect();
        brief(diagnose(seen, &elsewhere, at(100), fresh_for).as_ref())
    };
    for seen in [missing_bundle(), throwing()] {
        let seen = [stopped(10, Some(seen))];
        assert_eq!(judged(&seen, &["http 20 passed"]), "front_end");
        assert_eq!(judged(&seen, &["http 20 slow"]), "front_end");
        // The server is not well, nobody looked, or only before.
        for elsewhere in [
            &["http 20 error_page"][..],
            &[],
            &["http 5 passed"],
            &["http 20 passed", "http 11 status"],
        ] {
            assert_eq!(judged(&seen, elsewhere), "browser only", "{elsewhere:?}");
        }
    }
    // Nothing is known to stop the page; or it is not the page that fails.
    assert_eq!(
        judged(&[stopped(10, None)], &["http 20 passed"]),
        "browser only"
    );
    let other = Sight {
        front_end: Some(missing_bundle()),
        ..sight("browser 10 error_page")
    };
    assert_eq!(judged(&[other], &["http 20 passed"]), "browser only");
    // Another vantage, another flow.
    let mut elsewhere = sight("http 20 passed");
    elsewhere.vantage = "surabaya".to_owned();
    let seen = [stopped(10, Some(missing_bundle()))];
    assert_eq!(
        brief(diagnose(&seen, &[elsewhere], at(100), fresh_for).as_ref()),
        "browser only"
    );
}
