//! The detector: the pure machine against a reference and its rules, then the same over
//! both databases.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use siaga::domain::outage::{
    self, Effect, Maintenance, Quorum, Rules, Severity, State, Unseen, Watch,
};
use siaga::domain::{Engine, Fault, Moment, Observation, Outcome, Why};

use crate::harness::{CUT_OFF, FAILED, at, component, observation};

const MINUTE: i64 = 60;

/// What one letter of an example stands for.
fn outcome(letter: char) -> Outcome {
    match letter {
        'P' => Outcome::Passed,
        'S' => Outcome::Slow,
        'F' => FAILED,
        'N' => Outcome::NotReached,
        'C' => CUT_OFF,
        other => panic!("no outcome is written {other}"),
    }
}

/// One observation a minute from one vantage, a letter each.
fn story(letters: &str) -> Vec<Observation> {
    letters
        .chars()
        .enumerate()
        .map(|(minute, letter)| observation(minutes(minute), outcome(letter)))
        .collect()
}

fn minutes(count: usize) -> Moment {
    at(i64::try_from(count).unwrap() * MINUTE)
}

fn fold(story: &[Observation], maintenance: &[Maintenance], rules: &Rules) -> Vec<Effect> {
    let mut watch = Watch::new(component("upload"));
    story
        .iter()
        .flat_map(|seen| watch.see(seen, maintenance, rules))
        .collect()
}

/// An effect as one word for tables: `open 1 down` is opened at minute 1.
fn brief(effect: &Effect) -> String {
    let minute = |moment: &Moment| (moment.0 - at(0).0) / 60_000;
    match effect {
        Effect::Opened {
            began,
            severity,
            planned,
            ..
        } => {
            let planned = if *planned { " planned" } else { "" };
            format!("open {} {}{planned}", minute(began), severity.as_str())
        }
        Effect::Worsened { at, severity, .. } => {
            format!("worse {} {}", minute(at), severity.as_str())
        }
        Effect::Eased { at, severity } => format!("eased {} {}", minute(at), severity.as_str()),
        Effect::Overran { at, .. } => format!("overran {}", minute(at)),
        Effect::Diagnosed { .. } => panic!("a detector of one component makes no diagnosis"),
        Effect::Closed { ended, down } => {
            format!("close {} after {} down", minute(ended), down.as_secs() / 60)
        }
    }
}

#[test]
fn worked_examples() {
    // One letter a minute: Passed, Slow, Failed, Not reached, Cut off.
    let table = [
        ("PPPPPP", ""),
        ("PPFPPP", ""),
        ("PPFFPP", "open 2 down, close 4 after 2 down"),
        ("FF", "open 0 down"),
        ("PFFPFP", "open 1 down"),
        ("PFFPFPP", "open 1 down, close 5 after 3 down"),
        // What says nothing neither confirms nor interrupts.
        ("PFNFP", "open 1 down"),
        ("PFCCCFCPNP", "open 1 down, close 7 after 6 down"),
        ("PFNPF", ""),
        ("NNNNCCCC", ""),
        // Slow.
        ("PSSPP", "open 1 degraded, close 3 after 0 down"),
        ("PSPSPS", ""),
        (
            "PSSFFPP",
            "open 1 degraded, worse 3 down, close 5 after 2 down",
        ),
        (
            "PFFSSPP",
            "open 1 down, eased 3 degraded, close 5 after 2 down",
        ),
        // A slow answer and a failing one are both no good one.
        ("PSFPP", "open 1 degraded, close 3 after 1 down"),
        // Flapping: one outage, open until ten in a row are good.
        (
            "PFPFPFPFPFPPPPPPPPPP",
            "open 1 partial, close 10 after 5 down",
        ),
        ("PFPFPFPFPFPPPPPPPPP", "open 1 partial"),
        (
            "PFFPPFFPPFFPPFFPPFFPPPPPPPPPP",
            "open 1 down, close 3 after 2 down, open 5 down, close 7 after 2 down, \
             open 9 partial, worse 9 down, close 19 after 6 down",
        ),
    ];
    for (letters, expected) in table {
        let effects = fold(&story(letters), &[], &Rules::default());
        let told: Vec<String> = effects.iter().map(brief).collect();
        assert_eq!(told.join(", "), expected, "{letters}");
    }
}

#[test]
fn one_vantage_of_three_opens_nothing_and_a_majority_must_pass_to_close() {
    let say = |minute: i64, vantage: &str, letter: char| Observation {
        vantage: vantage.to_owned(),
        ..observation(at(minute * MINUTE), outcome(letter))
    };
    let mut watch = Watch::new(component("upload"));
    let rules = Rules::default();
    let mut told = Vec::new();
    // Columns are minutes; rows are vantages.
    let rows = [
        ("a", "FFFFFFFFPPPPPP"),
        ("b", "PPPPFFFFFFPPPP"),
        ("c", "PPPPPPPFFFFFPP"),
    ];
    for minute in 0..14 {
        for (vantage, letters) in rows {
            let letter = letters.chars().nth(minute).unwrap();
            let minute = i64::try_from(minute).unwrap();
            for effect in watch.see(&say(minute, vantage, letter), &[], &rules) {
                told.push(format!("{minute}{vantage}: {}", brief(&effect)));
            }
        }
    }
    // Opened when b joined a; still open while b and c fail; closed when b followed a.
    assert_eq!(
        told,
        ["5b: open 4 down", "11b: close 10 after 6 down"],
        "the quorum decides"
    );
}

#[test]
fn a_newcomer_does_not_end_what_fell_silent_before() {
    // The vantage that saw the outage is renamed: the new one must pass twice.
    let rules = Rules::default();
    let mut watch = Watch::new(component("upload"));
    for seen in story("PFFF") {
        watch.see(&seen, &[], &rules);
    }
    let say = |minute: i64| Observation {
        vantage: "surabaya".to_owned(),
        ..observation(at(minute * MINUTE), Outcome::Passed)
    };
    assert_eq!(watch.see(&say(60), &[], &rules), []);
    let effects = watch.see(&say(61), &[], &rules);
    let told: Vec<String> = effects.iter().map(brief).collect();
    assert_eq!(
        told,
        ["close 60 after 59 down"],
        "it ends with the first pass"
    );
}

#[test]
fn any_vantage_is_enough_where_the_quorum_says_so() {
    let rules = Rules {
        quorum: Quorum::AtLeast(1),
        ..Rules::default()
    };
    let mut watch = Watch::new(component("upload"));
    let mut told = Vec::new();
    for (minute, letter) in "PFFPP".chars().enumerate() {
        for (vantage, letter) in [("a", letter), ("b", 'P')] {
            let seen = Observation {
                vantage: vantage.to_owned(),
                ..observation(minutes(minute), outcome(letter))
            };
            told.extend(watch.see(&seen, &[], &rules).iter().map(brief));
        }
    }
    assert_eq!(told, ["open 1 down", "close 3 after 2 down"]);
}

#[test]
fn maintenance_is_planned_until_it_is_outlasted() {
    let rules = Rules::default();
    let window = |from: i64, until: i64| Maintenance {
        component: None,
        from: at(from * MINUTE),
        until: at(until * MINUTE),
    };
    let table = [
        // Within the window, over before its end.
        (
            "PFFFPPPP",
            window(1, 7),
            "open 1 down planned, close 4 after 3 down",
        ),
        // Outlasts it.
        (
            "PFFFFFPP",
            window(1, 4),
            "open 1 down planned, overran 4, close 6 after 5 down",
        ),
        // Slow outlasts it too.
        (
            "PSSSSSPP",
            window(1, 4),
            "open 1 degraded planned, overran 4, close 6 after 0 down",
        ),
        // Begins just before and is confirmed inside: announced trouble that came early.
        (
            "PFFFFFPP",
            window(2, 4),
            "open 1 down planned, overran 4, close 6 after 5 down",
        ),
        // Confirmed after the window: it has outlasted it already.
        ("PFFFPP", window(0, 2), "open 1 down, close 4 after 3 down"),
        // Of another component.
        (
            "PFFPP",
            Maintenance {
                component: Some(component("sign-in")),
                ..window(0, 9)
            },
            "open 1 down, close 3 after 2 down",
        ),
    ];
    for (letters, window, expected) in table {
        let effects = fold(&story(letters), &[window], &rules);
        let told: Vec<String> = effects.iter().map(brief).collect();
        assert_eq!(told.join(", "), expected, "{letters}");
    }
}

#[test]
fn who_is_told_of_what() {
    let opened = Effect::Opened {
        began: at(0),
        severity: Severity::Down,
        fault: None,
        planned: false,
    };
    let closed = Effect::Closed {
        ended: at(0),
        down: Duration::ZERO,
    };
    let eased = Effect::Eased {
        at: at(0),
        severity: Severity::Degraded,
    };
    assert!(outage::pages(&opened, false, false));
    assert!(!outage::pages(&opened, true, false), "planned");
    assert!(!outage::pages(&opened, false, true), "in maintenance");
    assert!(!outage::pages(&eased, false, false), "no news worth waking");
    assert!(
        !outage::pages(&closed, true, false),
        "its begin was not told"
    );
    assert!(outage::pages(&closed, false, true), "its begin was told");
}

#[test]
fn a_state_needs_a_fresh_pass_to_be_operational() {
    let rules = Rules {
        fresh_for: BTreeMap::from([(
            ("extension".to_owned(), Engine::Http),
            Duration::from_secs(300),
        )]),
        ..Rules::default()
    };
    let after = |letters: &str, seconds: i64| {
        let mut watch = Watch::new(component("upload"));
        let story = story(letters);
        for seen in &story {
            watch.see(seen, &[], &rules);
        }
        let last = story.last().map_or(at(0), |seen| seen.ended_at);
        watch.state(Moment(last.0 + seconds * 1000), &[], &rules).0
    };
    let unknown = State::Unknown;
    assert_eq!(after("", 0), unknown(Unseen::NoData));
    assert_eq!(after("P", 0), State::Operational);
    assert_eq!(after("P", 300), State::Operational, "up to the last moment");
    assert_eq!(after("P", 301), unknown(Unseen::Stale));
    assert_eq!(after("F", 0), unknown(Unseen::Confirming));
    assert_eq!(
        after("PF", 0),
        State::Operational,
        "one slip is not confirmed"
    );
    assert_eq!(after("PFF", 0), State::Trouble(Severity::Down));
    assert_eq!(after("PFF", 301), unknown(Unseen::Stale), "not for ever");
    assert_eq!(after("NNN", 0), unknown(Unseen::NotReached));
    assert_eq!(after("C", 0), unknown(Unseen::CutOff));
    assert_eq!(after("PCCCCCC", 0), unknown(Unseen::CutOff));
    assert_eq!(after("PN", 0), State::Operational, "once may be a slip");
    assert_eq!(
        after("PNN", 0),
        unknown(Unseen::NotReached),
        "what nobody reaches is not green because it was before"
    );
    assert_eq!(after("S", 0), State::Operational);
    assert_eq!(after("SS", 0), State::Trouble(Severity::Degraded));

    // A pass of long ago does not make a first failure green.
    let mut watch = Watch::new(component("upload"));
    watch.see(&observation(at(0), Outcome::Passed), &[], &rules);
    watch.see(&observation(at(7200), FAILED), &[], &rules);
    let state = watch.state(at(7210), &[], &rules).0;
    assert_eq!(state, unknown(Unseen::Confirming));

    // The clock was a day ahead when the last run was written.
    let mut watch = Watch::new(component("upload"));
    watch.see(&observation(at(86_400), Outcome::Passed), &[], &rules);
    assert_eq!(watch.state(at(0), &[], &rules).0, unknown(Unseen::Stale));
}

#[test]
fn flapping_does_not_storm() {
    for letters in ["PF", "FFPP", "FFFPPP", "PPF", "FPS", "FFS"] {
        let story = story(&letters.repeat(100));
        let effects = fold(&story, &[], &Rules::default());
        let told = effects
            .iter()
            .filter(|effect| outage::pages(effect, false, false))
            .count();
        assert!(told <= 8, "{letters} tells {told} times: {effects:?}");
    }
}

// ---- the reference for one vantage ---------------------------------------------------------

/// Is it on after `bad`? Looks back for the newest streak long enough to decide. Gives the
/// index at which the deciding streak starts.
fn steady(bad: &[bool], confirm: usize, recover: usize) -> Option<usize> {
    for end in (1..=bad.len()).rev() {
        let streak = |wanted: bool, length: usize| {
            end >= length && bad[end - length..end].iter().all(|b| *b == wanted)
        };
        if streak(true, confirm) {
            let run = bad[..end].iter().rev().take_while(|b| **b).count();
            return Some(end - run);
        }
        if streak(false, recover) {
            return None;
        }
    }
    None
}

/// Is it flapping after `bad`? Once it is, until ten in a row are good.
fn flapping(bad: &[bool]) -> bool {
    let mut on = false;
    for end in 1..=bad.len() {
        let window = &bad[end.saturating_sub(20)..end];
        let failures = window.iter().filter(|b| **b).count();
        let turns = window.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let calm = end >= 10 && bad[end - 10..end].iter().all(|b| !*b);
        on = if on {
            !calm
        } else {
            bad[end - 1] && failures >= 3 && turns >= 5
        };
    }
    on
}

/// (begin, end, milliseconds down) of every outage that one vantage sees, by hindsight over
/// whole prefixes.
fn reference(story: &[Observation]) -> Vec<(Moment, Option<Moment>, i64)> {
    let heard: Vec<&Observation> = story
        .iter()
        .filter(|seen| {
            matches!(
                seen.outcome,
                Outcome::Passed | Outcome::Slow | Outcome::Failed(_)
            )
        })
        .collect();
    let start = |index: usize| heard[index].started_at;
    let failed: Vec<bool> = heard
        .iter()
        .map(|seen| matches!(seen.outcome, Outcome::Failed(_)))
        .collect();
    let slow: Vec<bool> = heard
        .iter()
        .map(|seen| seen.outcome != Outcome::Passed)
        .collect();
    let mut outages: Vec<(Moment, Option<Moment>, i64)> = Vec::new();
    for end in 1..=heard.len() {
        let is_failed = steady(&failed[..end], 2, 2);
        let is_slow = steady(&slow[..end], 2, 2);
        let is_flapping = flapping(&failed[..end]);
        let wrong = is_failed.is_some() || is_slow.is_some() || is_flapping;
        let open = outages.last().is_some_and(|(_, ended, _)| ended.is_none());
        if wrong && !open {
            let last_end = outages.last().and_then(|o| o.1).unwrap_or(Moment(0));
            let first_of_window = (end.saturating_sub(20)..end)
                .filter(|index| is_flapping && failed[*index] && start(*index) >= last_end)
                .map(start)
                .next();
            let began = [is_failed.map(start), is_slow.map(start), first_of_window]
                .into_iter()
                .flatten()
                .min()
                .unwrap()
                .max(last_end);
            outages.push((began, None, 0));
        } else if !wrong && open {
            // The first of the passes in a row that ended what was wrong the longest: of two
            // where it was slow or failed, of ten where it came and went.
            let last = |wrong: &dyn Fn(usize) -> bool| (1..end).rev().find(|k| wrong(*k));
            let slow_until = last(&|k| steady(&slow[..k], 2, 2).is_some()).map(|k| k - 1);
            let flapped_until = last(&|k| flapping(&failed[..k])).map(|k| k - 9);
            let first = slow_until.max(flapped_until).unwrap();
            let outage = outages.last_mut().unwrap();
            outage.1 = Some(start(first));
        }
    }
    for (began, ended, down) in &mut outages {
        let Some(ended) = ended else { continue };
        *down = (0..heard.len() - 1)
            .filter(|index| failed[*index] && start(*index) >= *began && start(*index) < *ended)
            .map(|index| start(index + 1).0 - start(index).0)
            .sum();
    }
    outages
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        4 => Just(Outcome::Passed),
        2 => Just(Outcome::Slow),
        4 => proptest::sample::select(Fault::ALL.to_vec()).prop_map(Outcome::Failed),
        1 => Just(Outcome::NotReached),
        1 => proptest::sample::select(Why::ALL.to_vec()).prop_map(Outcome::Inconclusive),
    ]
}

/// Runs of one vantage at uneven times: outcomes come in streaks, as they do in life.
fn one_vantage() -> impl Strategy<Value = Vec<Observation>> {
    proptest::collection::vec((outcomes(), 1_usize..5, 20_i64..400), 0..40).prop_map(|streaks| {
        let mut now = 0;
        let mut story = Vec::new();
        for (outcome, length, pause) in streaks {
            for _ in 0..length {
                now += pause;
                story.push(observation(at(now), outcome));
            }
        }
        story
    })
}

/// Runs of up to four vantages with two flows and engines. They overlap, but for those of one flow
/// on one engine from one vantage, which come one after the other.
fn many_vantages() -> impl Strategy<Value = Vec<Observation>> {
    let one = (0_usize..4, 0_usize..3, outcomes(), 1_i64..200, 1_i64..30);
    proptest::collection::vec(one, 0..150).prop_map(|list| {
        let mut now = 0;
        let mut ends = BTreeMap::new();
        list.into_iter()
            .map(|(vantage, flow, outcome, pause, took)| {
                now += pause;
                let end = ends.entry((vantage, flow)).or_insert(0);
                now = now.max(*end);
                *end = now + took;
                Observation {
                    vantage: format!("v{vantage}"),
                    decided_at: at(now + (took * 7 + pause) % (took + 1)),
                    flow: ["extension", "extension", "public"][flow].to_owned(),
                    engine: [Engine::Http, Engine::Browser, Engine::Http][flow],
                    ended_at: at(now + took),
                    ..observation(at(now), outcome)
                }
            })
            .collect()
    })
}

fn windows() -> impl Strategy<Value = Vec<Maintenance>> {
    proptest::collection::vec((0_i64..10_000, 1_i64..5_000), 0..3).prop_map(|list| {
        list.into_iter()
            .map(|(from, length)| Maintenance {
                component: None,
                from: at(from),
                until: at(from + length),
            })
            .collect()
    })
}

fn quorums() -> impl Strategy<Value = Rules> {
    prop_oneof![Just(Quorum::Majority), (0_u32..5).prop_map(Quorum::AtLeast)].prop_map(|quorum| {
        Rules {
            quorum,
            ..Rules::default()
        }
    })
}

/// What must hold of any sequence of effects.
fn assert_lawful(effects: &[Effect]) {
    let mut open: Option<(Moment, Severity, bool)> = None;
    let mut last_end = Moment(i64::MIN);
    for effect in effects {
        match (effect, &mut open) {
            (
                Effect::Opened {
                    began,
                    severity,
                    planned,
                    ..
                },
                None,
            ) => {
                assert!(*began >= last_end, "it begins before the last ended");
                open = Some((*began, *severity, *planned));
            }
            (Effect::Worsened { at, severity, .. }, Some((began, was, _))) => {
                assert!(
                    at >= began && *severity > *was,
                    "worse is worse: {effects:?}"
                );
                *was = *severity;
            }
            (Effect::Eased { at, severity }, Some((began, was, _))) => {
                assert!(at >= began && *severity < *was, "eased is better");
                *was = *severity;
            }
            (Effect::Overran { at, .. }, Some((began, _, planned))) => {
                assert!(
                    *planned && at >= began,
                    "only what was planned overruns, once"
                );
                *planned = false;
            }
            (Effect::Closed { ended, down }, Some((began, _, _))) => {
                assert!(ended >= began, "it ends before it begins");
                assert!(
                    *down <= ended.since(*began),
                    "down for longer than it lasted"
                );
                last_end = *ended;
                open = None;
            }
            (effect, open) => panic!("{effect:?} while {open:?} is open"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_vantage_is_judged_as_by_hindsight(story in one_vantage()) {
        let mut found: Vec<(Moment, Option<Moment>, i64)> = Vec::new();
        for effect in fold(&story, &[], &Rules::default()) {
            match effect {
                Effect::Opened { began, .. } => found.push((began, None, 0)),
                Effect::Closed { ended, down } => {
                    let last = found.last_mut().unwrap();
                    *last = (last.0, Some(ended), i64::try_from(down.as_millis()).unwrap());
                }
                _ => {}
            }
        }
        prop_assert_eq!(found, reference(&story));
    }

    #[test]
    fn effects_are_lawful_whatever_comes(
        story in many_vantages(), windows in windows(), rules in quorums(),
    ) {
        assert_lawful(&fold(&story, &windows, &rules));
    }

    #[test]
    fn an_outage_is_open_exactly_when_effects_say_so(story in many_vantages(), rules in quorums()) {
        let mut watch = Watch::new(component("upload"));
        let mut open = false;
        for seen in &story {
            for effect in watch.see(seen, &[], &rules) {
                match effect {
                    Effect::Opened { .. } => open = true,
                    Effect::Closed { .. } => open = false,
                    _ => {}
                }
            }
            prop_assert_eq!(watch.open().is_some(), open);
            if let Some(open) = watch.open() {
                prop_assert!(open.worst >= open.severity);
            }
        }
    }

    #[test]
    fn delivered_twice_counts_once(story in many_vantages(), back in 1_usize..6) {
        let rules = Rules::default();
        let mut once = Watch::new(component("upload"));
        let mut twice = Watch::new(component("upload"));
        for (index, seen) in story.iter().enumerate() {
            let effects = once.see(seen, &[], &rules);
            prop_assert_eq!(&effects, &twice.see(seen, &[], &rules));
            // The same again, and an older one of the same voice.
            prop_assert_eq!(twice.see(seen, &[], &rules), vec![]);
            let old = &story[index.saturating_sub(back)];
            prop_assert_eq!(twice.see(old, &[], &rules), vec![]);
        }
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn a_restart_anywhere_changes_nothing(
        story in many_vantages(), windows in windows(), rules in quorums(), cut in 0_usize..150,
    ) {
        let mut watch = Watch::new(component("upload"));
        let mut effects = Vec::new();
        for (index, seen) in story.iter().enumerate() {
            if index == cut {
                let kept = serde_json::to_string(&watch).unwrap();
                let read: Watch = serde_json::from_str(&kept).unwrap();
                prop_assert_eq!(&read, &watch);
                watch = read;
            }
            effects.extend(watch.see(seen, &windows, &rules));
        }
        prop_assert_eq!(effects, fold(&story, &windows, &rules));
    }

    #[test]
    fn what_says_nothing_changes_nothing(story in many_vantages(), rules in quorums()) {
        let heard: Vec<Observation> = story
            .iter()
            .filter(|seen| !matches!(seen.outcome, Outcome::NotReached | Outcome::Inconclusive(_)))
            .cloned()
            .collect();
        prop_assert_eq!(fold(&story, &[], &rules), fold(&heard, &[], &rules));
    }

    #[test]
    fn a_minority_opens_nothing(story in many_vantages()) {
        // Of three vantages that keep reporting, one fails at will; the others pass.
        let mut watch = Watch::new(component("upload"));
        let rules = Rules::default();
        for vantage in ["b", "c"] {
            let pass = Observation { vantage: vantage.to_owned(), ..observation(at(-10), Outcome::Passed) };
            watch.see(&pass, &[], &rules);
        }
        for seen in story {
            let lone = Observation { vantage: "a".to_owned(), ..seen.clone() };
            prop_assert_eq!(watch.see(&lone, &[], &rules), vec![]);
            for vantage in ["b", "c"] {
                let pass = Observation { vantage: vantage.to_owned(), outcome: Outcome::Passed, ..seen.clone() };
                prop_assert_eq!(watch.see(&pass, &[], &rules), vec![]);
            }
        }
    }

    #[test]
    fn maintenance_never_pages(story in many_vantages(), rules in quorums()) {
        // Everything happens inside one window.
        let window = Maintenance { component: None, from: at(-1), until: at(1_000_000) };
        let mut watch = Watch::new(component("upload"));
        for seen in &story {
            for effect in watch.see(seen, std::slice::from_ref(&window), &rules) {
                if let Effect::Opened { planned, .. } = effect {
                    prop_assert!(planned);
                }
                let overran = matches!(effect, Effect::Overran { .. });
                prop_assert!(!overran);
                let planned = watch.open().is_none_or(|open| open.planned);
                prop_assert!(!outage::pages(&effect, planned, true));
            }
        }
    }

    #[test]
    fn what_outlasts_its_maintenance_is_told(story in one_vantage(), until in 0_i64..5_000) {
        let window = Maintenance { component: None, from: at(-1), until: at(until) };
        let effects = fold(&story, std::slice::from_ref(&window), &Rules::default());
        let mut planned = false;
        for effect in &effects {
            match effect {
                Effect::Opened { planned: p, .. } => planned = *p,
                Effect::Overran { at: when, .. } => {
                    prop_assert!(planned && *when >= window.until);
                    planned = false;
                }
                _ => {}
            }
        }
        let mut watch = Watch::new(component("upload"));
        for seen in &story {
            watch.see(seen, std::slice::from_ref(&window), &Rules::default());
            if let (Some(open), Outcome::Failed(_)) = (watch.open(), seen.outcome) {
                prop_assert!(!(open.planned && seen.started_at >= window.until));
            }
        }
    }

    #[test]
    fn operational_means_a_fresh_pass(story in many_vantages(), later in 0_i64..2_000) {
        let rules = Rules { fresh_for_default: Duration::from_secs(300), ..Rules::default() };
        let mut watch = Watch::new(component("upload"));
        for seen in &story {
            watch.see(seen, &[], &rules);
        }
        let now = story.last().map_or(at(0), |seen| seen.ended_at) + Duration::from_secs(later.cast_unsigned());
        let fresh = |seen: &&Observation| now.since(seen.ended_at) <= Duration::from_secs(300);
        let works = story.iter().filter(fresh).any(|seen| matches!(seen.outcome, Outcome::Passed | Outcome::Slow));
        let heard = works || story.iter().filter(fresh).any(|seen| matches!(seen.outcome, Outcome::Failed(_)));
        match watch.state(now, &[], &rules).0 {
            State::Operational => prop_assert!(works && watch.open().is_none()),
            State::Trouble(severity) => prop_assert!(heard && watch.open().is_some_and(|o| o.severity == severity)),
            State::Maintenance => prop_assert!(false, "none is announced"),
            State::Unknown(_) => prop_assert!(!works),
        }
    }
}

/// Long runs: minutes lie between a run's start and the step that decides.
#[test]
fn an_outage_begins_and_ends_at_the_deciding_step() {
    let deciding = |minute: i64, after: i64, letter: char| Observation {
        decided_at: at(minute * MINUTE + after),
        ended_at: at(minute * MINUTE + 400),
        ..observation(at(minute * MINUTE), outcome(letter))
    };
    let story = [
        deciding(0, 300, 'P'),
        deciding(10, 240, 'F'),
        deciding(20, 30, 'F'),
        deciding(30, 360, 'P'),
        deciding(40, 10, 'P'),
    ];
    let effects = fold(&story, &[], &Rules::default());
    let (began, ended) = (at(10 * MINUTE + 240), at(30 * MINUTE + 360));
    assert!(
        matches!(effects[0], Effect::Opened { began: b, .. } if b == began),
        "{effects:?}"
    );
    let Effect::Closed { ended: found, down } = effects[1] else {
        panic!("{effects:?}");
    };
    assert_eq!((found, down), (ended, ended.since(began)));
}

/// A run of another flow that passed before the failing step began ends nothing too early.
#[test]
fn an_end_never_precedes_its_begin() {
    let rules = Rules {
        confirm: 1,
        recover: 1,
        ..Rules::default()
    };
    let seen = |flow: &str, start: i64, decided: i64, end: i64, letter: char| Observation {
        flow: flow.to_owned(),
        decided_at: at(decided),
        ended_at: at(end),
        ..observation(at(start), outcome(letter))
    };
    let effects = fold(
        &[
            seen("long", 0, 500, 510, 'F'),
            // Begun and decided before, told afterwards.
            seen("other", 400, 410, 520, 'P'),
            seen("long", 401, 402, 530, 'P'),
        ],
        &[],
        &rules,
    );
    assert_lawful(&effects);
    assert!(
        matches!(effects[1], Effect::Closed { ended, .. } if ended == at(500)),
        "{effects:?}"
    );
}
