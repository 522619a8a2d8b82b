//! Addresses that lead inward: which they are, and that no name, on neither engine and in no
//! webhook, takes us there unasked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use axum::response::Html;
use axum::routing::get;
use proptest::prelude::*;
use siaga::domain::inward::is_allowed;
use siaga::domain::{Engine, Inward, Network, Outcome, RunReport, Why};
use siaga::http_client::{HttpClients, InwardName, is_localhost, is_this_host};
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::Browsers;
use siaga::probe::flow_file;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use siaga::system::SystemRandom;
use siaga::toml_reader::Source;
use tokio::net::TcpListener;

use crate::harness::folder;
use crate::harness::probing::{browsers_in, target, tools};

// ---- the rule ---------------------------------------------------------------------------------

fn of(text: &str) -> Option<Inward> {
    Inward::of(text.parse().unwrap())
}

#[test]
fn addresses_by_example() {
    use Inward::*;
    let inward = [
        (Unspecified, &["0.0.0.0", "0.1.2.3", "::"][..]),
        (Loopback, &["127.0.0.1", "127.255.255.255", "::1"]),
        (
            Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.0",
                "172.31.255.255",
                "192.168.0.0",
                "192.168.255.255",
                "64:ff9b:1::a00:1",
                "fec0::1",
            ],
        ),
        (LinkLocal, &["169.254.169.254", "fe80::1", "febf::1"]),
        (Shared, &["100.64.0.0", "100.127.255.255"]),
        (UniqueLocal, &["fc00::1", "fd00:ec2::254", "fdff::1"]),
        (Multicast, &["224.0.0.1", "239.255.255.255", "ff02::1"]),
        (
            Reserved,
            &[
                "240.0.0.1",
                "255.255.255.255",
                "192.0.0.1",
                "192.0.2.1",
                "198.18.0.1",
                "198.51.100.1",
                "203.0.113.1",
                "192.88.99.1",
                "2001:db8::1",
                "2001:2::1",
                "3fff::1",
                "100::1",
                "5f00::1",
                "4000::1",
                "64:ff9b:0:1::1",
            ],
        ),
        // An IPv4 address within an IPv6 address.
        (
            Loopback,
            &[
                "::ffff:127.0.0.1",
                "::127.0.0.1",
                "::ffff:0:127.0.0.1",
                "64:ff9b::7f00:1",
                "2002:7f00:1::",
                "2001:0:102:304::80ff:fffe",
            ],
        ),
        (
            LinkLocal,
            &[
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "2002:a9fe:a9fe::1",
            ],
        ),
        (
            Private,
            &[
                "::ffff:10.0.0.1",
                "2002:c0a8:101::1",
                "2001:0:0:0:0:0:f5ff:fffe",
            ],
        ),
        (Unspecified, &["::ffff:0.0.0.0", "64:ff9b::"]),
    ];
    for (kind, addresses) in inward {
        for address in addresses {
            assert_eq!(of(address), Some(kind), "{address}");
        }
    }
    for public in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2001:4860:4860::8888",
        "2400:cb00::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2001:0:102:304::f7f7:f7f7",
    ] {
        assert_eq!(of(public), None, "{public}");
    }
}

proptest! {
    #[test]
    fn an_address_is_the_same_in_every_form(bits: u32, rest: u64) {
        let v4 = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        let [_, r1, r2, r3] = [0, 16, 32, 48].map(|by| (rest >> by) as u16);
        let forms = [
            v4.to_ipv6_mapped(),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, r1, r2, r3, 0, 1),
            Ipv6Addr::new(0x2001, 0, r1, r2, r3, 0, !high, !low),
        ];
        for form in forms {
            prop_assert_eq!(Inward::of(form.into()), Inward::of(v4.into()), "{}", form);
        }
        // Those of IPv6 itself are inward in any case.
        let compatible = Inward::of(v4.to_ipv6_compatible().into());
        prop_assert_eq!(compatible.is_some(), Inward::of(v4.into()).is_some());
    }

    #[test]
    fn what_the_standard_library_knows_to_be_inward_is(bits: u32, wide: u128) {
        let v4 = Ipv4Addr::from_bits(bits);
        let known = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast()
            || v4.is_documentation() || v4.is_multicast() || v4.is_unspecified();
        prop_assert!(!known || Inward::of(v4.into()).is_some());
        let v6 = Ipv6Addr::from_bits(wide);
        let known = v6.is_loopback() || v6.is_multicast() || v6.is_unicast_link_local()
            || v6.is_unique_local() || v6.is_unspecified();
        prop_assert!(!known || Inward::of(v6.into()).is_some());
        // Beyond what is handed out nothing is public.
        let is_handed_out = v6.segments()[0] >> 13 == 1 || v6.segments()[0] == 0x64
            || v6.segments()[0] == 0;
        prop_assert!(is_handed_out || Inward::of(v6.into()).is_some());
    }

    #[test]
    fn what_is_allowed_is_allowed_in_every_form_and_nothing_else(bits: u32, prefix in 8_u32..=32) {
        let v4 = Ipv4Addr::from_bits(bits);
        let network: Network = format!("{v4}/{prefix}").parse().unwrap();
        let mapped = IpAddr::from(v4.to_ipv6_mapped());
        let [a, b, c, d] = v4.octets().map(u16::from);
        let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d);
        for form in [v4.into(), mapped, nat64.into()] {
            prop_assert!(is_allowed(form, &[network]));
            prop_assert_eq!(Inward::unless_allowed(form, &[network]), None);
            prop_assert_eq!(Inward::unless_allowed(form, &[]), Inward::of(form));
        }
        let beside = Ipv4Addr::from_bits(bits ^ 1 << 31);
        prop_assert!(!is_allowed(beside.into(), &[network]));
    }
}

#[test]
fn names_of_this_machine() {
    for name in [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "a.b.LocalHost.",
    ] {
        assert!(is_localhost(name), "{name}");
    }
    for name in [
        "localhost.example.org",
        "mylocalhost",
        "",
        ".",
        "localhost..",
    ] {
        assert!(!is_localhost(name), "{name}");
    }
}

#[test]
fn an_interface_of_this_machine_is_known_as_one() {
    assert!(is_this_host(Ipv4Addr::LOCALHOST.into()));
    assert!(!is_this_host(Ipv4Addr::new(1, 1, 1, 1).into()));
}

// ---- names ------------------------------------------------------------------------------------

/// A name that is not `localhost` and that this machine knows as one of its own, with its address.
pub(crate) async fn own_name() -> Option<(String, IpAddr)> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    for name in [name.trim(), "ip6-localhost", "ip6-loopback"] {
        let Ok(found) = tokio::net::lookup_host((name, 0)).await else {
            continue;
        };
        let found: Vec<IpAddr> = found.map(|found| found.ip()).collect();
        if let Some(first) = found.first()
            && found.iter().all(|ip| Inward::of(*ip).is_some())
            && TcpListener::bind((*first, 0)).await.is_ok()
        {
            return Some((name.to_owned(), *first));
        }
    }
    left_out("this machine has no name that leads inward");
    None
}

#[allow(clippy::print_stderr, reason = "what is left out is said")]
fn left_out(why: &str) {
    eprintln!("left out: {why}");
}

/// A page at this address of this machine; gives its port, and whether it was asked for.
async fn page(at: IpAddr, html: &str) -> (u16, Arc<AtomicUsize>) {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let html = html.to_owned();
    let router = axum::Router::new().route(
        "/",
        get(move || {
            count.fetch_add(1, SeqCst);
            async { Html(html) }
        }),
    );
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (port, asked)
}

const ASKS: &str = "name = \"F\"\nevery = { http = \"1m\", browser = \"1m\" }\n[[step]]\n\
    name = \"a\"\ncomponent = \"website\"\nvisit = \"/\"\ntimeout = \"20s\"\n\
    expect = { text = \"Beranda\" }\n";

async fn run(engine: Engine, target: &Target, tools: &Tools) -> RunReport {
    let flow = flow_file::read(&Source::new("f.toml", ASKS), "f", None).unwrap();
    let occasion = Occasion {
        turn: 0,
        stop: None,
        on_step: &mut |_| {},
    };
    match engine {
        Engine::Http => run_flow(&flow, target, tools, occasion).await,
        Engine::Browser => run_in_browser(&flow, target, tools, occasion).await,
    }
}

fn clients(allowed: &[Network]) -> HttpClients {
    HttpClients::new(None, &[]).unwrap().allowing(allowed)
}

/// What runs need, with browsers in a folder that goes away with the value.
fn equipped(allowed: &[Network]) -> (Tools, tempfile::TempDir) {
    let (folder, mut tools) = (folder(), tools());
    let browsers = Browsers::open(browsers_in(folder.path()), Arc::new(SystemRandom));
    tools.browsers = Some(browsers.unwrap());
    tools.applicants = Arc::new(Applicants::new(clients(allowed)));
    (tools, folder)
}

const ENGINES: [Engine; 2] = [Engine::Http, Engine::Browser];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_inward_is_ours_on_both_engines_and_is_not_asked() {
    let Some((name, address)) = own_name().await else {
        return;
    };
    let (port, asked) = page(address, "<p>Beranda</p>").await;
    let target = target(&format!("http://{name}:{port}/"));
    let (tools, _folder) = equipped(&[]);
    for engine in ENGINES {
        let report = run(engine, &target, &tools).await;
        let why = Outcome::Inconclusive(Why::NotConfigured);
        assert_eq!(report.outcome, why, "{report:#?}");
        let message = report.steps[0].message.as_deref().unwrap();
        let says = format!("`{name}` resolves to {address}, ");
        assert!(message.contains(&says), "{message}");
        assert!(message.contains("`allow_private_networks`"), "{message}");
    }
    assert_eq!(asked.load(SeqCst), 0);
    // Where the configuration lists it, it is a site like any other.
    let (tools, _folder) = equipped(&[address.to_string().parse().unwrap()]);
    for engine in ENGINES {
        let report = run(engine, &target, &tools).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_leads_inward_by_name_is_no_outage_of_the_sites() {
    let Some((name, address)) = own_name().await else {
        return;
    };
    let (inner, asked) = page(address, "<p>Beranda</p>").await;
    let leads = format!("<meta http-equiv=refresh content='0; url=http://{name}:{inner}/'>");
    let (port, _) = page(Ipv4Addr::LOCALHOST.into(), &leads).await;
    let mut target = target(&format!("http://127.0.0.1:{port}/"));
    target.hosts.insert(format!("{name}:{inner}"));
    let (tools, _folder) = equipped(&[]);
    for engine in ENGINES {
        let report = run(engine, &target, &tools).await;
        let why = Outcome::Inconclusive(Why::NotConfigured);
        assert_eq!(report.outcome, why, "{report:#?}");
    }
    assert_eq!(asked.load(SeqCst), 0);
}

/// What is written out in the site's own address is its own permission, and no other's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_or_localhost_is_only_its_own_permission() {
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let (port, _) = page(local, "<p>Beranda</p>").await;
    let (tools, _folder) = equipped(&[]);
    for engine in ENGINES {
        for host in ["127.0.0.1", "localhost"] {
            let report = run(engine, &target(&format!("http://{host}:{port}/")), &tools).await;
            assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        }
    }
    let (inner, asked) = page(local, "<p>Beranda</p>").await;
    for (site, other, allowed) in [
        ("localhost", "127.0.0.1", false),
        ("127.0.0.1", "localhost", false),
        ("127.0.0.1", "127.0.0.1", true),
        ("localhost", "localhost", true),
    ] {
        let leads = format!("<meta http-equiv=refresh content='0; url=http://{other}:{inner}/'>");
        let (port, _) = page(local, &leads).await;
        let mut target = target(&format!("http://{site}:{port}/"));
        target.hosts.insert(format!("{other}:{inner}"));
        for engine in ENGINES {
            let before = asked.load(SeqCst);
            let report = run(engine, &target, &tools).await;
            let outcome = match allowed {
                true => Outcome::Passed,
                false => Outcome::Inconclusive(Why::NotConfigured),
            };
            assert_eq!(report.outcome, outcome, "{site} {other}: {report:#?}");
            let after = asked.load(SeqCst);
            assert_eq!(after > before, allowed, "{site} {other}");
        }
        // Unless the configuration lists it.
        target.private_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let report = run(Engine::Http, &target, &tools).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    }
}

#[tokio::test]
async fn a_webhook_goes_inward_only_where_that_is_written_out() {
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let (port, _) = page(local, "here").await;
    let client = clients(&[]).plain(Duration::from_secs(10)).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let answer = client.get(format!("http://{host}:{port}/")).send().await;
        assert!(answer.unwrap().status().is_success());
    }
    let Some((name, address)) = own_name().await else {
        return;
    };
    let (port, asked) = page(address, "here").await;
    let url = format!("http://{name}:{port}/");
    let error = client.get(&url).send().await.unwrap_err();
    let inward = InwardName::behind(&error).unwrap();
    assert_eq!((&inward.name, inward.address), (&name, address));
    assert_eq!(asked.load(SeqCst), 0);
    let allowed = address.to_string().parse().unwrap();
    let client = clients(&[allowed]).plain(Duration::from_secs(10)).unwrap();
    assert!(client.get(&url).send().await.unwrap().status().is_success());
}

/// A machine with a public address of its own, on which a name leads to that address: it would
/// reach what listens there for this machine alone.
#[test]
fn a_name_of_this_machines_own_public_address_is_refused() {
    let home = folder();
    let at = |name: &str| home.path().join(name).display().to_string();
    std::fs::write(at("hosts"), "8.8.8.8 permits.example\n").unwrap();
    std::fs::write(at("flow.toml"), ASKS).unwrap();
    let within = "mount --bind \"$1\" /etc/hosts && ip link set lo up && \
        ip address add 8.8.8.8/32 dev lo && exec \"$2\" check \"$3\" --site http://permits.example/";
    let inside = ["--user", "--map-root-user", "--mount", "--net"];
    let tried = Command::new("unshare")
        .args(inside)
        .args(["sh", "-c", "ip link set lo up"])
        .output();
    if !tried.is_ok_and(|out| out.status.success()) {
        return left_out("a machine with a network of its own is forbidden here");
    }
    let out = Command::new("unshare")
        .args(inside)
        .args([
            "sh",
            "-c",
            within,
            "sh",
            &at("hosts"),
            env!("CARGO_BIN_EXE_siaga"),
            &at("flow.toml"),
        ])
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert_eq!(out.status.code(), Some(3), "{printed}");
    assert!(
        printed.contains("8.8.8.8, an address of this machine"),
        "{printed}"
    );
}

#[test]
fn a_check_lets_names_lead_where_it_is_told() {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
    for (argument, is_network) in [("10.0.0.0/8", true), ("10.0.0.0/33", false)] {
        let out = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args([
                "check",
                "missing.toml",
                "--site",
                &format!("http://{local}/"),
            ])
            .args(["--allow-private-network", argument])
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(
            printed.contains("missing.toml:1:1"),
            is_network,
            "{printed}"
        );
    }
}
