//! A server over raw sockets that answers as a test wants it to.

use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came over the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The number of its connection.
    pub(crate) connection: usize,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
    pub(crate) fn method(&self) -> &str {
        self.line.split(' ').next().unwrap_or_default()
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A listening server; it ends with the test's runtime.
pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Every request that came, in order.
    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }

    /// Their methods and paths.
    pub(crate) fn lines(&self) -> Vec<String> {
        let seen = self.seen();
        seen.iter()
            .map(|request| format!("{} {}", request.method(), request.path()))
            .collect()
    }
}

/// A listener, and the server that notes what comes over it.
async fn listen() -> (TcpListener, Server) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let seen = Arc::default();
    (listener, Server { url, seen })
}

/// Hands each connection with its first request to `handle`, which writes what it likes.
pub(crate) async fn raw<F, Fut>(handle: F) -> Server
where
    F: Fn(Request, TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (listener, server) = listen().await;
    let noted = Arc::clone(&server.seen);
    let handle = Arc::new(handle);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (handle, noted) = (Arc::clone(&handle), Arc::clone(&noted));
            tokio::spawn(async move {
                if let Some(request) = read(&mut stream).await {
                    noted.lock().unwrap().push(request.clone());
                    handle(request, stream).await;
                }
            });
        }
    });
    server
}

/// Answers each request with what `answer` gives: a whole answer, written as it stands.
pub(crate) async fn plain<F>(answer: F) -> Server
where
    F: Fn(&Request) -> String + Send + Sync + 'static,
{
    let answer = Arc::new(answer);
    raw(move |request, mut stream| {
        let answer = Arc::clone(&answer);
        async move {
            let _ = stream.write_all(answer(&request).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// Answers like [`plain`], one request after the other on each connection, as long as the
/// client keeps it.
pub(crate) async fn keeping<F>(answer: F) -> Server
where
    F: Fn(&Request) -> String + Send + Sync + 'static,
{
    let (listener, server) = listen().await;
    let noted = Arc::clone(&server.seen);
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        let mut connection = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            connection += 1;
            let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
            tokio::spawn(async move {
                while let Some(mut request) = read(&mut stream).await {
                    request.connection = connection;
                    let answer = answer(&request).replace("Connection: close\r\n", "");
                    noted.lock().unwrap().push(request);
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    server
}

/// TLS for `localhost` and `127.0.0.1`, whose certificate only `tests/tls/ca.pem` vouches for.
pub(crate) fn acceptor() -> tokio_rustls::TlsAcceptor {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_slice(include_bytes!("../tls/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("../tls/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

/// Answers like [`plain`], over TLS.
pub(crate) async fn secure<F>(answer: F) -> Server
where
    F: Fn(&Request) -> String + Send + Sync + 'static,
{
    let (listener, mut server) = listen().await;
    server.url = server.url.replace("http:", "https:");
    let noted = Arc::clone(&server.seen);
    let (answer, acceptor) = (Arc::new(answer), acceptor());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, noted) = (Arc::clone(&answer), Arc::clone(&noted));
            let accepting = acceptor.accept(stream);
            tokio::spawn(async move {
                let Ok(mut stream) = accepting.await else {
                    return;
                };
                if let Some(request) = read(&mut stream).await {
                    let answer = answer(&request);
                    noted.lock().unwrap().push(request);
                    let _ = stream.write_all(answer.as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    server
}

/// A whole answer of HTML.
pub(crate) fn page(html: &str) -> String {
    answer("200 OK", "Content-Type: text/html; charset=utf-8\r\n", html)
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

pub(crate) fn redirect(to: &str) -> String {
    answer("302 Found", &format!("Location: {to}\r\n"), "")
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => bytes.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut request = Request {
        line,
        headers,
        body: bytes[end + 4..].to_vec(),
        connection: 0,
    };
    // A server that does not take what is sent to it.
    if request.path().contains("/unread") {
        return Some(request);
    }
    let length: usize = request
        .header("content-length")
        .and_then(|l| l.parse().ok())
        .unwrap_or(0);
    while request.body.len() < length {
        let mut chunk = vec![0; 65536];
        match stream.read(&mut chunk).await {
            Ok(count) if count > 0 => request.body.extend_from_slice(&chunk[..count]),
            _ => return None,
        }
    }
    Some(request)
}
