//! A process that may have few files open, and somebody who wants them all.

use std::net::SocketAddr;
use std::time::Duration;

use siaga::app::descriptors;
use siaga::config::{Config, Environment};
use tokio::net::{TcpSocket, TcpStream};

use crate::harness::eventually;
use crate::harness::processes::{HOME, SOON, Setup, Siaga, Site};

/// Runs of flows that are counted with this outcome.
async fn runs(siaga: &Siaga, outcome: &str) -> u64 {
    let metrics = siaga.page("/metrics").await;
    let of = |line: &&str| {
        line.starts_with("siaga_runs_total{") && line.contains(&format!("outcome=\"{outcome}"))
    };
    metrics
        .lines()
        .filter(of)
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

async fn connect_from(source: u8, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().expect("a socket");
    let source = SocketAddr::from(([127, 0, 0, source], 0));
    socket.bind(source).expect("an address of this machine");
    let connecting = tokio::time::timeout(Duration::from_secs(2), socket.connect(to));
    connecting.await.ok()?.ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_sockets_take_no_descriptor_from_a_probe() {
    let own = descriptors::raise_limit();
    if own.is_some_and(|own| own < 2000) {
        // Those who attack need sockets too.
        return;
    }
    let site = Site::start().await;
    // Runs that are never late, however busy this machine is: only what they cannot open fails them.
    let unhurried = HOME.1.replace("timeout = \"2s\"", "timeout = \"60s\"");
    assert_ne!(unhurried, HOME.1);
    let setup = Setup::of(&site).flows(&[(HOME.0, unhurried.as_str())]);
    let process = setup.spawn_after("ulimit -Sn 300; ulimit -Hn 900");
    let siaga = setup.serving(process).await;
    let limits = siaga.process.proc("limits");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let raised: Vec<&str> = line.expect("a limit").split_whitespace().collect();
    assert_eq!(
        raised[3..5],
        ["900", "900"],
        "the soft limit is the hard one"
    );
    let log = siaga.process.log();
    assert!(log.contains("fewer connections than configured"), "{log}");
    siaga.until("website", "operational", SOON).await;

    let address = siaga
        .url
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let mut held = Vec::new();
    for n in 0..1000_u16 {
        let source = u8::try_from(2 + n / 50).expect("few sources");
        held.extend(connect_from(source, address).await);
    }
    let before = runs(&siaga, "passed").await;
    eventually("five more runs", SOON, || async {
        runs(&siaga, "passed").await >= before + 5
    })
    .await;
    for outcome in ["inconclusive", "failed"] {
        let lost = runs(&siaga, outcome).await;
        assert_eq!(lost, 0, "{outcome}: {}", siaga.process.log());
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_get_what_everything_else_leaves() {
    let site = Site::start().await;
    let config = |more: &str| {
        let setup = Setup::of(&site).flows(&[HOME]).and(more);
        Config::open(&setup.config(), &Environment::default()).expect("a configuration")
    };
    let usual = config("");
    assert_eq!(descriptors::connections(&usual, None), 10_000);
    assert_eq!(descriptors::connections(&usual, Some(1 << 20)), 10_000);
    let few = descriptors::connections(&usual, Some(1024));
    assert!((200..900).contains(&few), "{few}");
    assert_eq!(descriptors::connections(&usual, Some(2048)), few + 1024);
    // However few there are, somebody gets in.
    assert_eq!(descriptors::connections(&usual, Some(64)), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_nobody_named_is_told_of_once() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]);
    let siaga = setup.run().await;
    let client = crate::harness::processes::client();
    let ask = async || {
        let request = client.get(format!("{}/report", siaga.url));
        let request = request.header("x-forwarded-for", "203.0.113.9");
        request.send().await.expect("an answer").status()
    };
    for _ in 0..3 {
        assert_eq!(ask().await, 200);
    }
    let log = siaga.process.log();
    assert_eq!(
        log.matches("all readers behind it share one budget")
            .count(),
        1,
        "{log}"
    );
}
