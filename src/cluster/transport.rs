//! [`Transport`]: requests to an API server as somebody, over connections of `net`.
//!
//! # Why HTTP/1.1
//! What goes on (a watch, a log) has a connection of its own, which ends with it; everything else takes turns on those that are
//! open. So one that is lost takes nothing else with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT as AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;
use url::{Position, Url};

use super::credentials::Credentials;
use super::error::ClusterError;
use super::foreign;
use super::kubeconfig::User;
use crate::net::connect::{self, ConnectError};
use crate::net::proxy::{Proxy, ProxySettings};
use crate::net::route::{Route, RouteError};
use crate::net::tls::{HUNG_UP, Pem, TlsError, TlsSettings, client_config, describe_tls_error};
use crate::net::{NetSettings, USER_AGENT, cause};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection that nobody uses may still be good.
const IDLE: Duration = Duration::from_mins(1);

/// How an API server is reached, and as whom.
pub(super) struct Config {
    /// Its address; what is asked for comes behind its path.
    pub(super) server: Url,
    /// The namespace that is meant where none is named.
    pub(super) namespace: String,
    /// The only authorities that are trusted; without any, the system's are.
    pub(super) authorities: Option<Pem>,
    /// Whether any certificate will do.
    pub(super) insecure: bool,
    /// The name that the certificate must have, if it is not the host.
    pub(super) server_name: Option<String>,
    /// Which proxy; none if nothing is said.
    pub(super) proxy: Option<ProxySettings>,
    /// Who asks.
    pub(super) user: User,
}

impl Config {
    /// Nobody, asking a server.
    pub(super) fn new(server: Url) -> Self {
        Self {
            server,
            namespace: "default".into(),
            authorities: None,
            insecure: false,
            server_name: None,
            proxy: None,
            user: User::default(),
        }
    }
}

/// Sends requests to an API server.
pub(super) struct Transport {
    base: Url,
    /// The server, as it is named in errors.
    server: String,
    server_name: Option<String>,
    net: NetSettings,
    tls: Arc<ClientConfig>,
    credentials: Credentials,
    idle: Mutex<Vec<Connection>>,
}

/// An open connection; dropping it closes it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// A proxy that hands on one request after the other.
    forwarder: Option<Proxy>,
    used: Instant,
    _driver: AbortOnDropHandle<()>,
}

/// An answer that has begun.
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers.
    pub(super) headers: HeaderMap,
    body: Incoming,
    connection: Connection,
}

impl Transport {
    /// Sends nothing yet.
    pub(super) fn new(config: &Config, server: &str) -> Result<Self, ClusterError> {
        let wrong =
            |reason: String| ClusterError::Settings(format!("no client of {server} can be made: {reason}"));
        let identity = config.user.identity().map_err(wrong)?;
        let (client_cert, client_key) = identity.unzip();
        let settings = TlsSettings {
            ca_cert: config.authorities.clone(),
            ca_cert_alone: true,
            client_cert,
            client_key,
            insecure_skip_verify: config.insecure,
        };
        let mut tls = client_config(&settings).map_err(|error| wrong(words(&error)))?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let net = NetSettings {
            tls: settings,
            proxy: config.proxy.clone().unwrap_or_default(),
            ..NetSettings::default()
        };
        net.proxy
            .for_url(&config.server)
            .map_err(|error| ClusterError::Settings(error.to_string()))?;
        Ok(Self {
            base: config.server.clone(),
            server: server.to_owned(),
            server_name: config.server_name.clone(),
            net,
            tls: Arc::new(tls),
            credentials: Credentials::of(&config.user).map_err(wrong)?,
            idle: Mutex::default(),
        })
    }

    /// Sends a request for a path, and waits until its answer begins.
    pub(super) async fn send(&self, mut request: Request<Bytes>) -> Result<Answer, ClusterError> {
        self.credentials.put_into(request.headers_mut());
        let request = request.map(Full::new);
        loop {
            let unused = self.unused();
            let was_open = unused.is_some();
            let mut connection = match unused {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let sent = self.addressed(request.clone(), connection.forwarder.as_ref())?;
            match connection.sender.try_send_request(sent).await {
                Ok(answer) => {
                    let (head, body) = answer.into_parts();
                    return Ok(Answer {
                        status: head.status,
                        headers: head.headers,
                        body,
                        connection,
                    });
                }
                // The server closed it meanwhile, as it may: nothing of the request was sent.
                Err(error) if was_open && error.message().is_some() => {}
                Err(error) => return Err(self.broken(error.error())),
            }
        }
    }

    /// The rest of an answer. Its connection is used again.
    pub(super) async fn whole(&self, answer: Answer) -> Result<Bytes, ClusterError> {
        let Answer {
            body, mut connection, ..
        } = answer;
        let body = body
            .collect()
            .await
            .map_err(|error| self.broken(&error))?
            .to_bytes();
        if connection.sender.ready().await.is_ok() {
            connection.used = Instant::now();
            self.open_ones().push(connection);
        }
        Ok(body)
    }

    /// Why there is no answer, or not all of it.
    pub(super) fn broken(&self, error: &hyper::Error) -> ClusterError {
        match describe_tls_error(error) {
            Some(reason) => self.untrusted(reason),
            None => self.unreached(foreign(&cause::root(error))),
        }
    }

    fn open_ones(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open connection that nobody uses.
    fn unused(&self) -> Option<Connection> {
        let mut open = self.open_ones();
        open.retain(|connection| connection.sender.is_ready() && connection.used.elapsed() < IDLE);
        open.pop()
    }

    async fn connect(&self) -> Result<Connection, ClusterError> {
        match timeout(CONNECT, Box::pin(self.open())).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(ClusterError::TimedOut {
                server: self.server.clone(),
                after: CONNECT,
            }),
        }
    }

    async fn open(&self) -> Result<Connection, ClusterError> {
        let (route, _) = Route::find(&self.base, &self.net)
            .await
            .map_err(|error| match error {
                RouteError::Resolve(error) => self.unreached(error.to_string()),
                RouteError::Url(_) | RouteError::Proxy(_) => ClusterError::Settings(error.to_string()),
            })?;
        let route = route.named(self.server_name.clone());
        let opened = connect::open(&route, &self.tls)
            .await
            .map_err(|error| match error {
                // It may be back in a moment.
                ConnectError::Tls(reason) if reason == HUNG_UP => self.unreached(reason),
                ConnectError::Tls(reason) => self.untrusted(reason),
                ConnectError::Refused(reason) | ConnectError::Local(reason) => {
                    let through = route.proxy.as_ref();
                    let through = through.map(|proxy| format!(" (through the proxy {proxy})"));
                    self.unreached(reason + &through.unwrap_or_default())
                }
            })?;
        let io = TokioIo::new(opened.stream);
        let (sender, driver) = http1::handshake(io).await.map_err(|error| self.broken(&error))?;
        // What ends it is told to whoever waits for an answer.
        let driver = tokio::spawn(async { driver.await.unwrap_or_default() });
        Ok(Connection {
            sender,
            forwarder: route.proxy.clone().filter(|_| route.is_forwarded()),
            used: Instant::now(),
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    /// The request with the address of the server. Forwarders are told all of it.
    fn addressed(
        &self,
        mut request: Request<Full<Bytes>>,
        forwarder: Option<&Proxy>,
    ) -> Result<Request<Full<Bytes>>, ClusterError> {
        let host = &self.base[Position::BeforeHost..Position::AfterPort];
        let below = self.base.path().trim_end_matches('/');
        let mut address = format!("{below}{}", request.uri());
        if forwarder.is_some() {
            address = format!("{}://{host}{address}", self.base.scheme());
        }
        let odd = |cause: &dyn std::fmt::Display| {
            ClusterError::Settings(format!("{address} cannot be asked for: {cause}"))
        };
        let uri: Uri = address
            .parse()
            .map_err(|cause: http::uri::InvalidUri| odd(&cause))?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|cause| odd(&cause));
        let headers = request.headers_mut();
        headers.insert(HOST, value(host)?);
        headers.insert(AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(secret) = forwarder.and_then(Proxy::authorization) {
            headers.insert(PROXY_AUTHORIZATION, value(secret.expose())?);
        }
        *request.uri_mut() = uri;
        Ok(request)
    }

    fn unreached(&self, reason: String) -> ClusterError {
        ClusterError::Unreachable {
            server: self.server.clone(),
            reason,
        }
    }

    fn untrusted(&self, reason: String) -> ClusterError {
        ClusterError::Tls {
            server: self.server.clone(),
            reason,
        }
    }
}

impl Answer {
    /// Its next bytes, as they come; nothing once it is over. Whoever stops waiting loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Bytes, hyper::Error>> {
        loop {
            match self.body.frame().await? {
                Ok(frame) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Some(Ok(bytes));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// What is wrong with certificates, by their names in a kubeconfig.
fn words(error: &TlsError) -> String {
    let named = error
        .to_string()
        .replace("caCert", "certificate-authority")
        .replace("clientCert", "client-certificate")
        .replace("clientKey", "client-key");
    match std::error::Error::source(error) {
        Some(inner) => format!("{named} ({})", cause::root(inner)),
        None => named,
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
