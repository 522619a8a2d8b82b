//! Resolvers of the configuration, asked by both engines, and addresses that nothing answers at.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use siaga::domain::{Engine, Outcome};
use siaga::http_client::{Families, HttpClients};
use siaga::probe::applicants::Applicants;
use siaga::probe::browser::Browsers;
use siaga::probe::runner::{Occasion, Target, Tools, run_flow, run_in_browser};
use siaga::system::SystemRandom;
use simple_dns::rdata::{A, AAAA, CNAME, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use crate::harness::folder;
use crate::harness::probing::{browsers_in, target, tools};
use crate::http_engine::server::page;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const NAME: &str = "site.example";

/// What a resolver says of [`NAME`].
#[derive(Clone, Debug)]
enum Says {
    /// These addresses.
    Has(Vec<IpAddr>),
    /// The same, by another name, and only over TCP.
    HasByTcp(Vec<IpAddr>),
    /// After answers to what was not asked, and noise.
    HasAfterNoise(Vec<IpAddr>),
    /// An error.
    Fails(RCODE),
    Nothing,
}

/// A resolver on the loopback interface; it ends with the test's runtime.
struct NameServer {
    at: SocketAddr,
    asked: Arc<Mutex<usize>>,
}

impl NameServer {
    async fn start(says: Says) -> NameServer {
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind((V4, 0)).await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let at = udp.local_addr().unwrap();
        let asked = Arc::<Mutex<usize>>::default();
        let (count, over_tcp) = (Arc::clone(&asked), says.clone());
        tokio::spawn(async move {
            let mut bytes = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut bytes).await {
                *count.lock().unwrap() += 1;
                for answer in answers(&bytes[..length], &says, false) {
                    let _ = udp.send_to(&answer, from).await;
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = tcp.accept().await {
                let length = stream.read_u16().await.unwrap();
                let mut bytes = vec![0; usize::from(length)];
                stream.read_exact(&mut bytes).await.unwrap();
                let answer = answers(&bytes, &over_tcp, true).pop().unwrap();
                let _ = stream.write_u16(answer.len() as u16).await;
                let _ = stream.write_all(&answer).await;
            }
        });
        NameServer { at, asked }
    }

    fn asked(&self) -> usize {
        *self.asked.lock().unwrap()
    }
}

fn answers(question: &[u8], says: &Says, is_tcp: bool) -> Vec<Vec<u8>> {
    let question = Packet::parse(question).unwrap();
    let asked = question.questions[0].clone();
    assert!(question.has_flags(PacketFlag::RECURSION_DESIRED));
    let write = |id: u16, says: &dyn Fn(&mut Packet<'_>)| {
        let mut answer = Packet::new_reply(id);
        answer.questions.push(asked.clone());
        says(&mut answer);
        answer.build_bytes_vec_compressed().unwrap()
    };
    let add = |answer: &mut Packet<'_>, addresses: &[IpAddr], owner: &'static str| {
        for address in addresses {
            let data = match address {
                IpAddr::V4(v4) => RData::A(A {
                    address: v4.to_bits(),
                }),
                IpAddr::V6(v6) => RData::AAAA(AAAA {
                    address: v6.to_bits(),
                }),
            };
            let kind = if address.is_ipv6() {
                TYPE::AAAA
            } else {
                TYPE::A
            };
            if asked.qtype == QTYPE::TYPE(kind) {
                let owner = Name::new_unchecked(owner);
                answer
                    .answers
                    .push(ResourceRecord::new(owner, CLASS::IN, 60, data));
            }
        }
    };
    let id = question.id();
    match says {
        Says::Has(addresses) => vec![write(id, &|answer| add(answer, addresses, NAME))],
        Says::HasByTcp(_) if !is_tcp => {
            vec![write(id, &|answer| {
                answer.set_flags(PacketFlag::TRUNCATION);
            })]
        }
        Says::HasByTcp(addresses) => vec![write(id, &|answer| {
            let alias = RData::CNAME(CNAME(Name::new_unchecked("other.example")));
            let owner = Name::new_unchecked("SITE.example");
            answer
                .answers
                .push(ResourceRecord::new(owner, CLASS::IN, 60, alias));
            add(answer, addresses, "other.example");
            add(answer, &["192.0.2.1".parse().unwrap()], "stranger.example");
        })],
        Says::HasAfterNoise(addresses) => {
            let wrong = write(id.wrapping_add(1), &|answer| {
                add(answer, &["192.0.2.1".parse().unwrap()], NAME);
            });
            let right = write(id, &|answer| add(answer, addresses, NAME));
            let cut = right[..right.len() / 2].to_vec();
            // A name that points to itself.
            let mut turns = right[..12].to_vec();
            turns.extend([0xc0, 0x0c, 0, 1, 0, 1]);
            vec![wrong, b"noise".to_vec(), Vec::new(), cut, turns, right]
        }
        Says::Fails(code) => vec![write(id, &|answer| *answer.rcode_mut() = *code)],
        Says::Nothing => Vec::new(),
    }
}

/// Runs one step against `http://site.example:PORT/` on an engine, with these resolvers.
async fn run(engine: Engine, servers: &[&NameServer], port: u16) -> (Outcome, String, Vec<String>) {
    let (folder, mut tools) = (folder(), tools());
    let servers: Vec<SocketAddr> = servers.iter().map(|server| server.at).collect();
    let networks = ["127.0.0.0/8", "::1/128"].map(|network| network.parse().unwrap());
    let clients = HttpClients::new(None, &[]).unwrap();
    let clients = clients.allowing(&networks).resolving_by(&servers);
    tools.applicants = Arc::new(Applicants::new(clients));
    if engine == Engine::Browser {
        let browsers = Browsers::open(browsers_in(folder.path()), Arc::new(SystemRandom));
        tools.browsers = Some(browsers.unwrap());
    }
    let target = target(&format!("http://{NAME}:{port}/"));
    let report = step(engine, &target, &tools).await;
    let step = report.steps[0].clone();
    (report.outcome, step.message.unwrap_or_default(), step.notes)
}

async fn step(engine: Engine, target: &Target, tools: &Tools) -> siaga::domain::RunReport {
    let flow = crate::conformance::flow(
        "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/\"\nexpect = { text = \"Masuk\" }",
    );
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

/// A page on the IPv4 loopback address; gives its port.
async fn site() -> u16 {
    serve(TcpListener::bind((V4, 0)).await.unwrap())
}

fn serve(listener: TcpListener) -> u16 {
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                if stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(page("<p>Masuk").as_bytes()).await;
                }
            });
        }
    });
    port
}

const ENGINES: [Engine; 2] = [Engine::Http, Engine::Browser];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_ask_the_resolver_that_is_configured() {
    let port = site().await;
    for says in [
        Says::Has(vec![V4]),
        Says::HasByTcp(vec![V4]),
        Says::HasAfterNoise(vec![V4]),
    ] {
        let server = NameServer::start(says.clone()).await;
        for engine in ENGINES {
            let before = server.asked();
            let (outcome, message, notes) = run(engine, &[&server], port).await;
            assert_eq!(outcome, Outcome::Passed, "{says:?} {engine}: {message}");
            assert!(server.asked() > before, "{says:?} {engine}");
            assert!(notes.is_empty(), "{notes:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_resolver_is_asked_before_the_name_counts_as_failing() {
    let port = site().await;
    let knows = NameServer::start(Says::Has(vec![V4])).await;
    for (says, words) in [
        (
            Says::Fails(RCODE::ServerFailure),
            "it cannot tell (SERVFAIL)",
        ),
        (Says::Fails(RCODE::NameError), "there is no such name"),
        (Says::Has(Vec::new()), "no address"),
        (Says::Nothing, "no answer"),
    ] {
        let fails = NameServer::start(says.clone()).await;
        let (outcome, message, notes) = run(Engine::Http, &[&fails, &knows], port).await;
        assert_eq!(outcome, Outcome::Passed, "{says:?}: {message}");
        let said = format!("{} says: {words}", fails.at);
        assert!(
            notes.iter().any(|note| note.contains(&said)),
            "{says:?}: {notes:?}"
        );
    }
    let fails = NameServer::start(Says::Fails(RCODE::NameError)).await;
    let (outcome, message, notes) = run(Engine::Browser, &[&fails, &knows], port).await;
    assert_eq!(outcome, Outcome::Passed, "{message}");
    assert_eq!(notes.len(), 1, "{notes:?}");
    // Where none of them knows it, it is the site's.
    let none = NameServer::start(Says::Fails(RCODE::ServerFailure)).await;
    for engine in ENGINES {
        let (outcome, message, _) = run(engine, &[&fails, &none], port).await;
        assert_eq!(outcome.detail(), Some("dns"), "{engine}: {message}");
    }
}

/// A listener on the IPv6 loopback address at which connections are not even completed, with what
/// fills its queue.
async fn hanging(port: u16) -> (TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v6().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(SocketAddr::new(V6, port)).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut held = Vec::new();
    for _ in 0..8 {
        let connecting = TcpStream::connect((V6, port));
        let within = Duration::from_millis(200);
        if let Ok(Ok(stream)) = tokio::time::timeout(within, connecting).await {
            held.push(stream);
        }
    }
    (listener, held)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_family_is_told_and_fails_nothing() {
    let server = NameServer::start(Says::Has(vec![V6, V4])).await;
    for hangs in [false, true] {
        let port = site().await;
        let _hanging = match hangs {
            true => Some(hanging(port).await),
            false => None,
        };
        for engine in ENGINES {
            let (outcome, message, notes) = run(engine, &[&server], port).await;
            assert_eq!(outcome, Outcome::Passed, "{engine}: {message}");
            let said = format!(
                "nothing answers at the IPv6 address of `{NAME}` (::1); it was reached at 127.0.0.1"
            );
            assert_eq!(notes, [said], "{engine}");
        }
    }
    // One that answers is none.
    let port = serve(TcpListener::bind((V6, 0)).await.unwrap());
    for engine in ENGINES {
        let (outcome, message, notes) = run(engine, &[&server], port).await;
        assert_eq!(outcome, Outcome::Passed, "{engine}: {message}");
        assert!(notes.is_empty(), "{engine}: {notes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_found_of_a_family_is_believed_for_a_while() {
    let families = Families::default();
    let port = site().await;
    let at = |seconds| families.dead(NAME, port, &[V6, V4], V4, Duration::from_secs(seconds));
    let said = at(0).await;
    assert!(said.is_some());
    // It comes to life, which is not looked for at once.
    let listener = TcpListener::bind((V6, port)).await.unwrap();
    assert_eq!(at(599).await, said);
    assert_eq!(at(601).await, None);
    drop(listener);
    assert_eq!(at(1200).await, None);
    assert_eq!(at(1202).await, said);
    // What is found of one way says nothing of another.
    let reached_over_six = families.dead(NAME, port, &[V4, V6], V6, Duration::from_secs(1202));
    assert_eq!(reached_over_six.await, None);
}
