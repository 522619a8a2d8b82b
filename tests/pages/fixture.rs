//! Snapshots of a site in several states, at Friday, 6 August 2021, 16:05 WIB.

use std::sync::Arc;

use std::time::Duration;

use jiff::civil::Date;
use siaga::domain::diagnosis::{Diagnosis, Layer};
use siaga::domain::history::{Day, Gap, Outage as Record, Tally, Update};
use siaga::domain::names::NameTable;
use siaga::domain::outage::{Effect, Severity, State, Unseen};
use siaga::domain::{BilingualName, ComponentId, Fault, Moment, StepName};
use siaga::web::Site;
use siaga::web::format::Zone;
use siaga::web::snapshot::{
    Component, DAYS, ErrorPage, LadderRung, Maintenance, Outage, Screenshot, Snapshot,
};

pub(super) fn site() -> Site {
    Site {
        name_id: "Izin Tinggal Online".to_owned(),
        name_en: "Izin Tinggal Online".to_owned(),
        helpdesk: None,
        overstay_per_day_idr: None,
        url: "https://evisa.imigrasi.go.id".to_owned(),
        official_domains: vec!["evisa.imigrasi.go.id".to_owned()],
        own_url: "https://siaga.example".to_owned(),
        zone: Zone::Wib,
        rehearsal: false,
        contact: Some("siaga@example.org".to_owned()),
        components: Arc::new([]),
    }
}

/// 2021-08-06 at this time of Jakarta.
pub(super) fn at(hour: i64, minute: i64) -> Moment {
    let midnight = "2021-08-06T00:00:00+07:00"
        .parse::<jiff::Timestamp>()
        .unwrap();
    Moment(midnight.as_millisecond() + (hour * 60 + minute) * 60_000)
}

pub(super) fn now() -> Moment {
    at(16, 5)
}

pub(super) fn days_ago(days: u64) -> Moment {
    now() - Duration::from_secs(days * 24 * 3600)
}

fn id(key: &str) -> ComponentId {
    ComponentId::parse(key).unwrap()
}

const KEYS: [&str; 6] = [
    "website",
    "sign-in",
    "application",
    "upload",
    "notification",
    "tracking",
];

/// Two bad days, one of maintenance, and nothing before the 70th day back.
fn days(bad: Severity) -> Vec<Day> {
    let today = Date::constant(2021, 8, 6);
    let mut days: Vec<Day> = std::iter::successors(Some(today), |date| date.yesterday().ok())
        .take(DAYS)
        .enumerate()
        .map(|(back, date)| Day {
            date,
            tally: (back < 70).then_some(Tally {
                passed: 1400,
                slow: 10,
                failed: if back == 3 { 30 } else { 0 },
                not_reached: 0,
                inconclusive: 0,
            }),
            worst: match back {
                3 => Some(bad),
                20 => Some(Severity::Degraded),
                41 => Some(Severity::Partial),
                _ => None,
            },
            trouble: match back {
                3 => Duration::from_secs(95 * 60),
                20 | 41 => Duration::from_secs(12 * 60),
                _ => Duration::ZERO,
            },
            planned: back == 30,
        })
        .collect();
    days.reverse();
    days
}

pub(super) fn all_up() -> Snapshot {
    Snapshot {
        as_of: now(),
        watched_since: Some(days_ago(70)),
        recorded_at: Some(at(16, 4)),
        components: KEYS
            .iter()
            .enumerate()
            .map(|(index, key)| Component {
                id: id(key),
                state: State::Operational,
                since: Some(days_ago(3 + index as u64)),
                observed_at: Some(at(16, 4)),
                days: days(if index % 2 == 0 {
                    Severity::Down
                } else {
                    Severity::Partial
                }),
            })
            .collect(),
        outages: vec![past()],
        ladder: ladder(true),
        maintenance: Vec::new(),
        gaps: vec![gap()],
    }
}

/// Upload is down since 14.00, what lies behind it is not reached.
pub(super) fn partial_outage() -> Snapshot {
    let mut snapshot = all_up();
    snapshot.components[3].state = State::Trouble(Severity::Down);
    snapshot.components[3].since = Some(at(14, 0));
    for index in [4, 5] {
        snapshot.components[index].state = State::Unknown(Unseen::NotReached);
        snapshot.components[index].since = Some(at(14, 0));
    }
    snapshot.outages.insert(0, current());
    snapshot.ladder = ladder(false);
    snapshot
}

/// Nothing works.
pub(super) fn outage() -> Snapshot {
    let mut snapshot = partial_outage();
    snapshot.components[0].state = State::Trouble(Severity::Down);
    snapshot.components[0].since = Some(at(14, 0));
    for index in [1, 2, 3] {
        snapshot.components[index].state = State::Unknown(Unseen::NotReached);
    }
    snapshot.outages[0].record.component = id("website");
    snapshot
}

/// The first seconds of a new installation.
pub(super) fn no_data() -> Snapshot {
    Snapshot {
        as_of: now(),
        components: KEYS
            .iter()
            .map(|key| Component {
                id: id(key),
                state: State::Unknown(Unseen::NoData),
                since: None,
                observed_at: None,
                days: Vec::new(),
            })
            .collect(),
        ..Snapshot::default()
    }
}

pub(super) fn maintenance() -> Snapshot {
    let mut snapshot = all_up();
    for component in &mut snapshot.components {
        component.state = State::Maintenance;
        component.since = Some(at(15, 0));
    }
    snapshot.maintenance = vec![Maintenance {
        id: "m-1".to_owned(),
        component: None,
        from: at(15, 0),
        until: at(20, 0),
        titles: [
            "Pembaruan sistem pembayaran".to_owned(),
            "Update of the payment system".to_owned(),
        ],
        notice_url: None,
    }];
    snapshot
}

fn ladder(all_taken: bool) -> Vec<LadderRung> {
    [
        (100, true, true),
        (500, true, true),
        (1000, all_taken, true),
        (1900, all_taken, true),
        (2100, false, false),
    ]
    .into_iter()
    .map(|(kilobytes, accepted, allowed)| LadderRung {
        kind: "jpeg".to_owned(),
        size: kilobytes * 1000,
        accepted,
        allowed,
        tried_at: at(15, 50),
    })
    .collect()
}

fn gap() -> Gap {
    Gap {
        vantage: "jakarta".to_owned(),
        why: "cut_off".to_owned(),
        began_at: days_ago(9),
        ended_at: Some(days_ago(9) + Duration::from_secs(600)),
    }
}

/// What is known of the flow; the name of one step stood in its place before it had a key.
pub(super) fn names() -> NameTable {
    let mut names = NameTable::default();
    let flow = BilingualName::new("Perpanjangan izin tinggal", "Stay-permit extension");
    names.set_flow("extension", flow);
    let upload = BilingualName::new("Unggah halaman paspor", "Upload the passport page");
    for known_as in ["passport", "Upload the passport page"] {
        let step = StepName::new("passport", upload.clone());
        names.set_step("extension", known_as, step);
    }
    let sign_in = BilingualName::new("Masuk akun", "Sign in");
    names.set_step("extension", "Sign in", StepName::new("", sign_in));
    let drop = BilingualName::new("Unggah", "Upload");
    names.set_step("extension", "Upload", StepName::new("", drop));
    names
}

fn server() -> Diagnosis {
    Diagnosis::Server {
        step: "Upload the passport page".to_owned(),
    }
}

/// Upload, since 14.00 today.
pub(super) fn current() -> Outage {
    Outage {
        record: Record {
            id: "0190f0e0-0000-7000-8000-000000000002".to_owned(),
            component: id("upload"),
            severity: Severity::Down,
            worst: Severity::Down,
            intermittent: true,
            planned: false,
            began_at: at(14, 0),
            confirmed_at: at(14, 1),
            ended_at: None,
            closed_at: None,
            down_ms: 0,
            fault: Some(Fault::ErrorPage),
            diagnosis: Some(server()),
            flow: "extension".to_owned(),
            step: "Upload the passport page".to_owned(),
            version: 2,
        },
        updates: vec![
            Update {
                at: at(14, 0),
                recorded_at: at(14, 1),
                effect: Effect::Opened {
                    began: at(14, 0),
                    severity: Severity::Partial,
                    fault: Some(Fault::Timeout),
                    planned: false,
                },
            },
            Update {
                at: at(14, 20),
                recorded_at: at(14, 21),
                effect: Effect::Worsened {
                    at: at(14, 20),
                    severity: Severity::Down,
                    fault: Some(Fault::ErrorPage),
                },
            },
            Update {
                at: at(14, 30),
                recorded_at: at(14, 31),
                effect: Effect::Diagnosed {
                    at: at(14, 30),
                    diagnosis: server(),
                },
            },
        ],
        failures: 1_214,
        vantages: vec!["jakarta".to_owned(), "surabaya".to_owned()],
        vantage_count: 3,
        screenshot: Some(Screenshot {
            sha256: "ab".repeat(32),
            taken_at: at(14, 3),
        }),
        error_pages: vec![
            ErrorPage {
                title: "500 • KENDALA SERVER <b>".to_owned(),
                fingerprint: "9f86d081884c7d65".to_owned(),
                count: 200,
                first_at: at(14, 2),
                vantages: 3,
            },
            ErrorPage {
                title: "Gateway".to_owned(),
                fingerprint: "c0ffee0000000001".to_owned(),
                count: 20,
                first_at: at(14, 5),
                vantages: 1,
            },
            ErrorPage {
                // The same as a browser reads it.
                title: "500 • KENDALA SERVER <b>".to_owned(),
                fingerprint: "5d41402abc4b2a76".to_owned(),
                count: 14,
                first_at: at(14, 1),
                vantages: 1,
            },
        ],
        gaps: Vec::new(),
        names: Arc::new(names()),
    }
}

/// Sign-in, for 95 minutes three days ago, with a gap in our own watch.
pub(super) fn past() -> Outage {
    let began = days_ago(3);
    let ended = began + Duration::from_secs(95 * 60);
    Outage {
        record: Record {
            id: "0190f0e0-0000-7000-8000-000000000001".to_owned(),
            component: id("sign-in"),
            severity: Severity::Degraded,
            worst: Severity::Down,
            intermittent: false,
            planned: false,
            began_at: began,
            confirmed_at: began + Duration::from_secs(60),
            ended_at: Some(ended),
            closed_at: Some(ended + Duration::from_secs(60)),
            down_ms: 95 * 60 * 1000,
            fault: Some(Fault::Connect),
            diagnosis: Some(Diagnosis::Network {
                layer: Layer::Connect,
            }),
            flow: "extension".to_owned(),
            step: "Sign in".to_owned(),
            version: 2,
        },
        updates: vec![
            Update {
                at: began,
                recorded_at: began + Duration::from_secs(60),
                effect: Effect::Opened {
                    began,
                    severity: Severity::Down,
                    fault: Some(Fault::Connect),
                    planned: false,
                },
            },
            Update {
                at: ended,
                recorded_at: ended + Duration::from_secs(60),
                effect: Effect::Closed {
                    ended,
                    down: Duration::from_secs(95 * 60),
                },
            },
        ],
        failures: 1,
        vantages: Vec::new(),
        vantage_count: 1,
        screenshot: None,
        error_pages: Vec::new(),
        gaps: vec![Gap {
            vantage: "jakarta".to_owned(),
            why: "stopped".to_owned(),
            began_at: began + Duration::from_secs(600),
            ended_at: Some(began + Duration::from_secs(1200)),
        }],
        names: Arc::new(names()),
    }
}
