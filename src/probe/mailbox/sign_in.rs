//! Opening a mailbox: the connection, its encryption, and saying who we are, by a password or by an
//! access token.

use std::fmt;
use std::sync::Arc;

use async_imap::error::Error;
use async_imap::{Authenticator, Client, Session};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::token::AccessTokens;
use super::{ImapMailbox, MailError, told};
use crate::domain::Secret;

/// What proves that the mailbox is ours to read.
#[derive(Clone)]
pub(super) enum Credentials {
    Password(String),
    /// Access tokens, once it is known where they come from.
    Tokens(Option<Arc<AccessTokens>>),
}

/// Says who we are by a token.
struct Xoauth2 {
    /// What is said first; then nothing, whatever the server asks.
    first: Option<String>,
}

impl Authenticator for Xoauth2 {
    type Response = String;
    fn process(&mut self, _: &[u8]) -> String {
        // To an error the server waits for an empty answer, and then refuses.
        self.first.take().unwrap_or_default()
    }
}

impl ImapMailbox {
    pub(super) async fn sign_in(&self) -> Result<Session<Box<dyn Wire>>, MailError> {
        let tokens = match &self.credentials {
            Credentials::Tokens(Some(tokens)) => tokens,
            Credentials::Tokens(None) => {
                let message = "no access tokens are configured".to_owned();
                return Err(MailError::Unusable(message));
            }
            Credentials::Password(password) => {
                let client = self.connected().await?;
                let signed_in = timeout(self.patience, client.login(&self.user, password)).await;
                return match signed_in.map_err(|_| self.too_slow())? {
                    Ok(session) => Ok(session),
                    Err((Error::No(_), _)) => Err(MailError::Refused(
                        "it does not take this user and password".to_owned(),
                    )),
                    Err((error, _)) => Err(told(error)),
                };
            }
        };
        let token = self.in_time(tokens.current()).await?;
        if let Some(session) = self.sign_in_by(&token).await? {
            return Ok(session);
        }
        // It may have been taken back; one more tells that from a mailbox that is not ours.
        let token = self.in_time(tokens.renewed(&token)).await?;
        let session = self.sign_in_by(&token).await?;
        session.ok_or_else(|| MailError::Refused("it does not take this user's token".to_owned()))
    }

    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, MailError>>,
    ) -> Result<T, MailError> {
        let answered = timeout(self.patience, asked).await;
        answered.unwrap_or_else(|_| {
            let message = "the token endpoint does not answer in time".to_owned();
            Err(MailError::Unreachable(message))
        })
    }

    /// Signs in by a token; `None` where it is refused.
    async fn sign_in_by(
        &self,
        token: &Secret,
    ) -> Result<Option<Session<Box<dyn Wire>>>, MailError> {
        let client = self.connected().await?;
        let (user, token) = (&self.user, token.reveal());
        let first = format!("user={user}\x01auth=Bearer {token}\x01\x01");
        let says = Xoauth2 { first: Some(first) };
        let asked = timeout(self.patience, client.authenticate("XOAUTH2", says)).await;
        match asked.map_err(|_| self.too_slow())? {
            Ok(session) => Ok(Some(session)),
            Err((Error::No(_), _)) => Ok(None),
            Err((error, _)) => Err(told(error)),
        }
    }

    /// A connection that was greeted, and is encrypted where it is to be.
    async fn connected(&self) -> Result<Client<Box<dyn Wire>>, MailError> {
        let unreachable = |error: std::io::Error| MailError::Unreachable(error.to_string());
        let host = self.host.to_string();
        let address = (host.trim_matches(['[', ']']), self.port);
        let tcp = timeout(self.patience, TcpStream::connect(address))
            .await
            .map_err(|_| self.too_slow())?
            .map_err(unreachable)?;
        Ok(match &self.tls {
            None => self.greeted(Box::new(tcp)).await?,
            Some(tls) if self.starttls => {
                let mut clear = self.greeted(Box::new(tcp)).await?;
                let asked = clear.run_command_and_check_ok("STARTTLS", None);
                timeout(self.patience, asked)
                    .await
                    .map_err(|_| self.too_slow())?
                    .map_err(|error| match told(error) {
                        MailError::Refused(words) => {
                            MailError::Refused(format!("it does not do STARTTLS: {words}"))
                        }
                        error => error,
                    })?;
                // What came in clear behind the answer is forgotten with this client.
                Client::new(self.encrypted(tls, clear.into_inner()).await?)
            }
            Some(tls) => {
                let wire = self.encrypted(tls, Box::new(tcp)).await?;
                self.greeted(wire).await?
            }
        })
    }

    async fn encrypted(
        &self,
        tls: &TlsConnector,
        wire: Box<dyn Wire>,
    ) -> Result<Box<dyn Wire>, MailError> {
        let host = self.host.to_string();
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(|e| MailError::Unusable(e.to_string()))?;
        let tls = timeout(self.patience, tls.connect(name, wire))
            .await
            .map_err(|_| self.too_slow())?
            .map_err(|error| MailError::Unreachable(error.to_string()))?;
        Ok(Box::new(tls))
    }

    async fn greeted(&self, wire: Box<dyn Wire>) -> Result<Client<Box<dyn Wire>>, MailError> {
        let mut client = Client::new(wire);
        timeout(self.patience, client.read_response())
            .await
            .map_err(|_| self.too_slow())?
            .map_err(|error| MailError::Unreachable(error.to_string()))?
            .ok_or_else(|| MailError::Unreachable("it hangs up at once".to_owned()))?;
        Ok(client)
    }
}

pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Wire for T {}

pub(super) fn connector(ca: Option<&str>) -> Result<TlsConnector, MailError> {
    let mut roots = RootCertStore::empty();
    match ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(file) => {
            let unusable = |error: String| MailError::Unusable(format!("{file}: {error}"));
            for certificate in
                CertificateDer::pem_file_iter(file).map_err(|e| unusable(e.to_string()))?
            {
                let certificate = certificate.map_err(|e| unusable(e.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|e| unusable(e.to_string()))?;
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| MailError::Unusable(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
