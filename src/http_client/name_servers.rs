//! Asking resolvers that are named by address, in place of the system's: one after the other, until
//! one of them knows an address.
//!
//! Owns the exchange (RFC 1035, over UDP, and over TCP what does not fit). Must not know which
//! addresses may be connected to.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long a resolver may take to answer one datagram; then it is sent once more.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(1500);
/// How often a datagram is sent to one resolver.
const MAX_ATTEMPTS: usize = 2;
/// How long the addresses of the one family wait for those of the other (RFC 8305, 3): long enough
/// for a resolver that asks one after the other.
const OTHER_FAMILY_TIMEOUT: Duration = Duration::from_millis(250);
/// The most bytes of an answer; more than any name's addresses take.
const MAX_ANSWER: usize = 16 * 1024;
/// The most addresses of one name and family.
const MAX_ADDRESSES: usize = 16;
/// The most names that one may lead to by CNAME.
const MAX_ALIASES: usize = 16;

/// Resolvers, in the order in which they are asked.
#[derive(Clone, Debug)]
pub(super) struct NameServers(Arc<[SocketAddr]>);

/// The addresses of a name.
pub(super) struct Answered {
    /// At least one, the preferred family first.
    pub(super) addresses: Vec<IpAddr>,
    /// What the resolvers said that were asked before and know none.
    pub(super) passed_over: Vec<String>,
}

impl NameServers {
    pub(super) fn new(servers: &[SocketAddr]) -> Option<Self> {
        (!servers.is_empty()).then(|| NameServers(servers.into()))
    }

    /// Asks one after the other for the addresses of a name.
    ///
    /// # Errors
    /// If none of them knows one: what each of them says.
    pub(super) async fn lookup(&self, name: &str) -> io::Result<Answered> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut passed_over = Vec::new();
        for server in self.0.iter() {
            match of_both_families(*server, name).await {
                Ok(addresses) => {
                    return Ok(Answered {
                        addresses,
                        passed_over,
                    });
                }
                Err(why) => passed_over.push(format!("{server} says: {why}")),
            }
        }
        Err(io::Error::other(passed_over.join("; ")))
    }
}

/// What one resolver knows, IPv6 first as browsers take it.
async fn of_both_families(server: SocketAddr, name: &str) -> Result<Vec<IpAddr>, String> {
    let mut of_v4 = Box::pin(ask(server, name, TYPE::A));
    let mut of_v6 = Box::pin(ask(server, name, TYPE::AAAA));
    let (v6, v4) = tokio::select! {
        v4 = &mut of_v4 => (soon(&v4, of_v6).await, v4),
        v6 = &mut of_v6 => {
            let v4 = soon(&v6, of_v4).await;
            (v6, v4)
        }
    };
    match (v6, v4) {
        (Ok(v6), Ok(v4)) if v6.is_empty() && v4.is_empty() => Err("no address".to_owned()),
        (Ok(v6), Ok(v4)) => Ok([v6, v4].concat()),
        (Ok(some), Err(_)) | (Err(_), Ok(some)) if !some.is_empty() => Ok(some),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

/// The other family's answer, for which nobody waits long who has an address.
async fn soon(
    first: &Result<Vec<IpAddr>, String>,
    other: impl Future<Output = Result<Vec<IpAddr>, String>>,
) -> Result<Vec<IpAddr>, String> {
    match first {
        Ok(addresses) if !addresses.is_empty() => {
            let other = timeout(OTHER_FAMILY_TIMEOUT, other).await;
            other.unwrap_or_else(|_| Err("no answer".to_owned()))
        }
        _ => other.await,
    }
}

/// The addresses of one family; none where the name has none of it.
async fn ask(server: SocketAddr, name: &str, kind: TYPE) -> Result<Vec<IpAddr>, String> {
    let mut why = String::new();
    for _ in 0..MAX_ATTEMPTS {
        match timeout(ANSWER_TIMEOUT, over_udp(server, name, kind)).await {
            Ok(Ok(Reply::Addresses(addresses))) => return Ok(addresses),
            Ok(Ok(Reply::Truncated)) => {
                let asked = timeout(ANSWER_TIMEOUT, over_tcp(server, name, kind)).await;
                return match asked {
                    Ok(Ok(Reply::Addresses(addresses))) => Ok(addresses),
                    Ok(Ok(Reply::Truncated)) => Err("no whole answer".to_owned()),
                    Ok(Ok(Reply::Refusal(said))) => Err(said),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err("no answer".to_owned()),
                };
            }
            Ok(Ok(Reply::Refusal(said))) => return Err(said),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => "no answer".clone_into(&mut why),
        }
    }
    Err(why)
}

enum Reply {
    Addresses(Vec<IpAddr>),
    Truncated,
    Refusal(String),
}

async fn over_udp(server: SocketAddr, name: &str, kind: TYPE) -> io::Result<Reply> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    // What comes from elsewhere is dropped by the system.
    socket.connect(server).await?;
    let id = random_id()?;
    socket.send(&question(id, name, kind)?).await?;
    let mut answer = vec![0; MAX_ANSWER];
    loop {
        let length = socket.recv(&mut answer).await?;
        // What answers another question may be somebody's guess; the answer may come yet.
        if let Some(reply) = reply(&answer[..length], id, name, kind) {
            return Ok(reply);
        }
    }
}

async fn over_tcp(server: SocketAddr, name: &str, kind: TYPE) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(server).await?;
    let id = random_id()?;
    let question = question(id, name, kind)?;
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(&question).await?;
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_ANSWER {
        return Err(io::Error::other("the answer is too long"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    reply(&answer, id, name, kind).ok_or_else(|| io::Error::other("an answer to something else"))
}

#[allow(
    clippy::disallowed_methods,
    reason = "it decides no result: it is a number that nobody can guess"
)]
fn random_id() -> io::Result<u16> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(io::Error::other)?;
    Ok(u16::from_be_bytes(id))
}

fn question(id: u16, name: &str, kind: TYPE) -> io::Result<Vec<u8>> {
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(io::Error::other)?;
    let question = Question::new(name, kind.into(), CLASS::IN.into(), false);
    packet.questions.push(question);
    packet.build_bytes_vec().map_err(io::Error::other)
}

/// What a datagram says to the question; `None` where it is no answer to it.
fn reply(bytes: &[u8], id: u16, name: &str, kind: TYPE) -> Option<Reply> {
    let packet = Packet::parse(bytes).ok()?;
    let asked = packet.questions.first()?;
    let is_same = packet.id() == id
        && packet.has_flags(PacketFlag::RESPONSE)
        && asked.qtype == kind.into()
        && asked.qname.to_string().eq_ignore_ascii_case(name);
    if !is_same {
        return None;
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Some(Reply::Truncated);
    }
    Some(match packet.rcode() {
        RCODE::NoError => Reply::Addresses(addresses(&packet, name)),
        RCODE::NameError => Reply::Refusal("there is no such name".to_owned()),
        RCODE::ServerFailure => Reply::Refusal("it cannot tell (SERVFAIL)".to_owned()),
        RCODE::Refused => Reply::Refusal("it refuses to tell".to_owned()),
        other => Reply::Refusal(format!("it fails ({other:?})")),
    })
}

/// The addresses of a name and of what it is another name for.
fn addresses(packet: &Packet<'_>, name: &str) -> Vec<IpAddr> {
    let mut names = vec![name.to_ascii_lowercase()];
    let mut found = Vec::new();
    for record in &packet.answers {
        let owner = record.name.to_string().to_ascii_lowercase();
        if !names.contains(&owner) {
            continue;
        }
        match &record.rdata {
            RData::CNAME(alias) if names.len() <= MAX_ALIASES => {
                names.push(alias.0.to_string().to_ascii_lowercase());
            }
            RData::A(a) => found.push(Ipv4Addr::from_bits(a.address).into()),
            RData::AAAA(aaaa) => found.push(Ipv6Addr::from_bits(aaaa.address).into()),
            _ => {}
        }
    }
    found.truncate(MAX_ADDRESSES);
    found
}
