//! The officer: verifies what was handed in a while ago, and sends the payment notice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::AsyncSmtpTransport;
use lettre::{AsyncTransport, Message, Tokio1Executor};
use tokio::task::JoinSet;

use super::Kind;
use super::site::Site;
use super::world::Application;

const LOOK_EVERY: Duration = Duration::from_millis(50);
const SEND_WITHIN: Duration = Duration::from_secs(10);
const TRIES: u32 = 3;
const BETWEEN_TRIES: Duration = Duration::from_secs(2);
/// Notices on their way at once; further ones are dropped, and said so in the log.
const ON_THEIR_WAY: usize = 64;

/// Works until it is dropped.
pub(super) async fn work(site: Arc<Site>, server: SocketAddr) {
    let mut notices = JoinSet::new();
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        while notices.try_join_next().is_some() {}
        let after = site.settings.verify_after;
        let verified = site.world().verify(site.now(), after, &*site.random);
        for application in verified {
            let lost = site.board.strike("", |kind| *kind == Kind::MailMissing {});
            if !lost.is_empty() {
                continue;
            }
            if notices.len() >= ON_THEIR_WAY {
                tracing::warn!("too many payment notices on their way: one is dropped");
                continue;
            }
            let to = site.settings.account.0.clone();
            notices.spawn(async move {
                if let Err(error) = send(&application, &to, server).await {
                    tracing::warn!(%error, "a payment notice could not be sent");
                }
            });
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn send(application: &Application, to: &str, server: SocketAddr) -> Result<(), Failure> {
    let message = notice(application, to)?;
    let transport =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.ip().to_string())
            .port(server.port())
            .timeout(Some(SEND_WITHIN))
            .build();
    let mut tries = 1;
    loop {
        let sent = tokio::time::timeout(SEND_WITHIN, transport.send(message.clone())).await;
        match sent {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if tries >= TRIES => return Err(error.into()),
            Err(late) if tries >= TRIES => return Err(late.into()),
            _ => tries += 1,
        }
        tokio::time::sleep(BETWEEN_TRIES).await;
    }
}

fn notice(application: &Application, to: &str) -> Result<Message, Failure> {
    let register = application.register.as_deref().unwrap_or_default();
    let billing = application.billing.as_deref().unwrap_or_default();
    let from = Mailbox::new(
        Some("Izin Tinggal Online (latihan)".to_owned()),
        "no-reply@rehearsal.siaga.example".parse()?,
    );
    let text = format!(
        "LATIHAN / REHEARSAL: bukan situs pemerintah, jangan dibayar / not a government site, do not pay.\n\n\
         Permohonan perpanjangan izin tinggal Anda telah diverifikasi petugas.\n\
         An officer has verified your application to extend your stay permit.\n\n\
         Nomor register / Register number: {register}\n\
         Kode billing / Billing code: {billing}\n\
         Jumlah / Amount: Rp500.000\n\
         Bayar dalam / Pay within: 23 jam / hours\n"
    );
    Ok(Message::builder()
        .from(from)
        .to(to.parse()?)
        .subject(format!(
            "Kode billing {billing} untuk permohonan {register}"
        ))
        .header(ContentType::TEXT_PLAIN)
        .body(text)?)
}
