//! The post office's front door: takes mail by SMTP (RFC 5321) from anyone for anyone, and
//! keeps it. Sends nothing on.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::lines;
use super::post_office::PostOffice;
use crate::domain::Clock;

/// The largest mail, in bytes.
const LARGEST: usize = 5 * 1024 * 1024;
const RECIPIENTS: usize = 100;

#[derive(Default)]
struct Envelope {
    sender: Option<String>,
    recipients: Vec<String>,
}

/// Talks to one client until it leaves.
///
/// # Errors
/// When the connection breaks, stays silent or sends endless lines.
pub(super) async fn converse(
    stream: TcpStream,
    post_office: Arc<PostOffice>,
    clock: Arc<dyn Clock>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut envelope = Envelope::default();
    say(&mut stream, "220 rehearsal.siaga.example ESMTP").await?;
    while let Some(line) = lines::read(&mut stream).await? {
        let line = String::from_utf8_lossy(&line).into_owned();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let answer = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                envelope = Envelope::default();
                let size = format!("250 SIZE {LARGEST}");
                let greeting = "250-rehearsal.siaga.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n";
                say(&mut stream, &format!("{greeting}{size}")).await?;
                continue;
            }
            "HELO" => {
                envelope = Envelope::default();
                "250 rehearsal.siaga.example"
            }
            "MAIL" => mail(&mut envelope, rest),
            "RCPT" => recipient(&mut envelope, rest),
            "DATA" if envelope.recipients.is_empty() => "503 RCPT first",
            "DATA" => {
                say(&mut stream, "354 End with a dot on a line of its own").await?;
                match data(&mut stream).await? {
                    Some(raw) => {
                        let Envelope { sender, recipients } = std::mem::take(&mut envelope);
                        let sender = sender.unwrap_or_default();
                        post_office.deliver(clock.now(), sender, recipients, raw);
                        "250 Kept"
                    }
                    None => {
                        envelope = Envelope::default();
                        "552 The mail is too large"
                    }
                }
            }
            "RSET" => {
                envelope = Envelope::default();
                "250 Ok"
            }
            "NOOP" => "250 Ok",
            "VRFY" => "252 Any recipient is taken",
            "QUIT" => {
                say(&mut stream, "221 Bye").await?;
                return Ok(());
            }
            _ => "502 Not a command here",
        };
        say(&mut stream, answer).await?;
    }
    Ok(())
}

fn mail(envelope: &mut Envelope, rest: &str) -> &'static str {
    let Some((address, parameters)) = path(rest, "FROM:") else {
        return "501 MAIL FROM:<address>";
    };
    if envelope.sender.is_some() {
        return "503 One sender a mail";
    }
    let size = parameters.split(' ').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.eq_ignore_ascii_case("SIZE")
            .then(|| value.parse::<usize>().ok())?
    });
    if size.is_some_and(|size| size > LARGEST) {
        return "552 The mail is too large";
    }
    envelope.sender = Some(address);
    "250 Ok"
}

fn recipient(envelope: &mut Envelope, rest: &str) -> &'static str {
    if envelope.sender.is_none() {
        return "503 MAIL first";
    }
    if envelope.recipients.len() >= RECIPIENTS {
        return "452 Too many recipients";
    }
    match path(rest, "TO:") {
        Some((address, _)) if address.contains('@') => {
            envelope.recipients.push(address);
            "250 Ok"
        }
        _ => "501 RCPT TO:<address>",
    }
}

/// The address in angle brackets and what stands behind it.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(String, &'a str)> {
    let head = rest.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    let tail = rest[keyword.len()..].trim_start().strip_prefix('<')?;
    let (address, parameters) = tail.split_once('>')?;
    let clean = address.len() <= 254 && !address.contains(char::is_control);
    clean.then(|| (address.to_owned(), parameters.trim()))
}

/// The mail without the dots that SMTP doubles; `None` where it is too large.
async fn data(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut mail = Vec::new();
    let mut length = 0_usize;
    loop {
        let Some(line) = lines::read(stream).await? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        if line == b"." {
            return Ok((length <= LARGEST).then_some(mail));
        }
        length = length.saturating_add(line.len() + 2);
        if length <= LARGEST {
            mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            mail.extend_from_slice(b"\r\n");
        }
    }
}

async fn say(stream: &mut BufReader<TcpStream>, line: &str) -> io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}
