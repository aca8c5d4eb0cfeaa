//! [`Channel`]: one connection for single calls, such as those of reflection and of health.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, USER_AGENT as AGENT};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::metadata::MetadataMap;
use tonic_prost::ProstCodec;
use tower_service::Service;
use url::Url;

use super::code::Code;
use crate::net::connect::{self, ConnectError};
use crate::net::route::{Route, RouteError};
use crate::net::tls::{TlsError, client_config};
use crate::net::wall::is_grpc;
use crate::net::{NetSettings, USER_AGENT, cause, greeting};

/// Longest message that is taken: descriptors of large services exceed the 4 MiB that gRPC takes by default.
const LONGEST_MESSAGE: usize = 64 << 20;
/// Details of an error. Nobody here reads them, and tonic panics on some that are no base64.
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// Characters that are shown of a text from elsewhere.
const SHOWN: usize = 200;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A server that is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http://host:port` without TLS, `https://host:port` with it.
    pub url: Url,
    /// `:authority` of the calls, if it is not host and port.
    pub authority: Option<String>,
    /// The name that the certificate must have, if it is not the host; also the authority when none is given.
    pub server_name: Option<String>,
}

impl Server {
    /// A server that goes by another name than its host's, if one is given: its calls say it, and its certificate has it.
    pub fn called(url: Url, authority: Option<String>) -> Self {
        let name = |authority: &String| {
            let parsed = authority.parse::<Authority>();
            let host = parsed.as_ref().map_or(authority.as_str(), Authority::host);
            host.trim_start_matches('[').trim_end_matches(']').to_owned()
        };
        Self {
            url,
            server_name: authority.as_ref().map(name),
            authority,
        }
    }

    /// Host and port, as in messages.
    fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// No address, or no usable proxy.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The TLS settings cannot be used.
    #[error(transparent)]
    TlsSettings(#[from] TlsError),
    /// Something that no `:authority` can be.
    #[error("`{0}` cannot be the authority of a call")]
    Authority(String),
    /// Nobody takes the connection, or TLS failed.
    #[error("{host}: {source}")]
    Connect {
        /// Host and port.
        host: String,
        /// In words.
        source: ConnectError,
    },
    /// Somebody is there who does not speak HTTP/2.
    #[error("{host}: {reason}")]
    NotHttp2 {
        /// Host and port.
        host: String,
        /// In words.
        reason: String,
    },
    /// No connection in time.
    #[error("no connection to {host} within {after:?}")]
    TimedOut {
        /// Host and port.
        host: String,
        /// The time-out.
        after: Duration,
    },
}

impl ChannelError {
    /// Whether it stays so however often a connection is tried.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Route(error) => !matches!(error, RouteError::Resolve(_)),
            Self::TlsSettings(_) | Self::Authority(_) => true,
            Self::Connect { .. } | Self::NotHttp2 { .. } | Self::TimedOut { .. } => false,
        }
    }

    /// Whether nobody took the connection.
    pub fn is_unreachable(&self) -> bool {
        matches!(
            self,
            Self::Connect {
                source: ConnectError::Refused(_),
                ..
            } | Self::TimedOut { .. }
        )
    }
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server, or what stands before it, says so.
    #[error("{code}{}", if message.is_empty() { String::new() } else { format!(": {message}") })]
    Status {
        /// Not OK.
        code: Code,
        /// In the server's words.
        message: String,
    },
    /// HTTP, but not gRPC: a proxy's page, for example.
    #[error("it answers with HTTP status {status} ({content}), not with gRPC")]
    NotGrpc {
        /// Of the answer.
        status: u16,
        /// Its type.
        content: String,
    },
    /// The connection broke, or what came is no gRPC.
    #[error("the call failed: {0}")]
    Broken(String),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl CallError {
    /// Whether the server does not have the method (a server of HTTP says 404).
    pub fn is_unimplemented(&self) -> bool {
        match self {
            Self::Status { code, .. } => *code == Code::UNIMPLEMENTED,
            Self::NotGrpc { status, .. } => *status == 404,
            Self::Broken(_) | Self::TimedOut(_) => false,
        }
    }

    fn from_status(status: &tonic::Status) -> Self {
        if let Some(error) = cause::find::<Self>(status) {
            return error.clone();
        }
        // Those that tonic makes of errors have a source, those of the server have none.
        match std::error::Error::source(status) {
            Some(source) => Self::Broken(cause::root(source)),
            None => Self::Status {
                code: Code(u16::try_from(i32::from(status.code())).unwrap_or(Code::UNKNOWN.0)),
                message: foreign(status.message()),
            },
        }
    }
}

/// A connection to a server that speaks HTTP/2. It closes when it is dropped.
#[derive(Debug)]
pub struct Channel {
    link: Link,
    origin: Uri,
    /// Ends with the channel.
    _connection: AbortOnDropHandle<()>,
}

impl Channel {
    /// Connects, and waits until the server has greeted; `patience` is for all of it.
    pub async fn connect(
        server: &Server,
        net: &NetSettings,
        patience: Duration,
    ) -> Result<Self, ChannelError> {
        let origin = origin(server)?;
        let mut tls = client_config(&net.tls)?;
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let host = server.host();
        let Ok(opened) = timeout(patience, open(server, net, Arc::new(tls))).await else {
            return Err(ChannelError::TimedOut {
                host,
                after: patience,
            });
        };
        let (sender, connection) = opened?;
        Ok(Self {
            link: Link(sender),
            origin,
            _connection: connection,
        })
    }

    /// Sends one message and waits for one; `path` is that of the method.
    pub async fn call<Q, A>(
        &self,
        path: &'static str,
        question: Q,
        metadata: &HeaderMap,
        patience: Duration,
    ) -> Result<A, CallError>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut request = tonic::Request::new(question);
        *request.metadata_mut() = MetadataMap::from_headers(metadata.clone());
        request.set_timeout(patience);
        let mut grpc = Grpc::with_origin(self.link.clone(), self.origin.clone())
            .max_decoding_message_size(LONGEST_MESSAGE);
        let path = PathAndQuery::from_static(path);
        let calling = grpc.unary(request, path, ProstCodec::<Q, A>::default());
        match timeout(patience, calling).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(CallError::from_status(&status)),
            Err(_) => Err(CallError::TimedOut(patience)),
        }
    }
}

fn origin(server: &Server) -> Result<Uri, ChannelError> {
    let url = &server.url;
    let authority = [&server.authority, &server.server_name]
        .into_iter()
        .find_map(Clone::clone)
        .unwrap_or_else(|| server.host());
    let Ok(parsed) = Authority::try_from(authority.as_str()) else {
        return Err(ChannelError::Authority(authority));
    };
    let scheme = if url.scheme() == "https" {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    };
    Uri::builder()
        .scheme(scheme)
        .authority(parsed)
        .path_and_query("/")
        .build()
        .or(Err(ChannelError::Authority(authority)))
}

async fn open(
    server: &Server,
    net: &NetSettings,
    tls: Arc<rustls::ClientConfig>,
) -> Result<(SendRequest<Body>, AbortOnDropHandle<()>), ChannelError> {
    let host = server.host();
    let (route, _) = Route::for_grpc(&server.url, net).await?;
    let route = route.named(server.server_name.clone());
    let stream = match connect::open(&route, &tls).await {
        Ok(opened) => opened.stream,
        Err(source) => return Err(ChannelError::Connect { host, source }),
    };
    let (stream, greeting) = greeting::listen(stream, route.origin.https);
    let (sender, connection) = match http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await {
        Ok(both) => both,
        Err(error) => {
            let reason = cause::root(&error);
            return Err(ChannelError::NotHttp2 { host, reason });
        }
    };
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // Whoever calls is told by the call.
        let _ = connection.await;
    }));
    let closed = || Err("the server closed the connection".to_owned());
    match greeting.await.unwrap_or_else(|_| closed()) {
        Ok(()) => Ok((sender, connection)),
        Err(reason) => Err(ChannelError::NotHttp2 { host, reason }),
    }
}

/// The connection as tonic wants it.
#[derive(Debug, Clone)]
struct Link(SendRequest<Body>);

impl Service<Request<Body>> for Link {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        request
            .headers_mut()
            .entry(AGENT)
            .or_insert(HeaderValue::from_static(USER_AGENT));
        let answer = self.0.send_request(request);
        Box::pin(async move {
            let mut answer = answer.await?;
            check(&answer)?;
            answer.headers_mut().remove(DETAILS);
            Ok(answer.map(|body| Body::new(body.map_frame(without_details))))
        })
    }
}

/// A text of a server as it may be shown: not too long, and nothing but text.
pub fn foreign(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = chars.by_ref().take(SHOWN).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Whether an answer is gRPC; one that says its code is, whatever type it gives.
fn check<B>(answer: &Response<B>) -> Result<(), CallError> {
    let headers = answer.headers();
    let content = headers.get(CONTENT_TYPE).map_or_else(
        || "of no type".into(),
        |value| String::from_utf8_lossy(value.as_bytes()),
    );
    if is_grpc(headers) || headers.contains_key("grpc-status") {
        return Ok(());
    }
    Err(CallError::NotGrpc {
        status: answer.status().as_u16(),
        content: foreign(&content),
    })
}

fn without_details(mut frame: Frame<bytes::Bytes>) -> Frame<bytes::Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        trailers.remove(DETAILS);
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_server_are_cut_and_have_no_control_characters() {
        assert_eq!(foreign("a\u{1b}[31m\r\nb"), "a [31m  b");
        let long = foreign(&"ü".repeat(5000));
        assert_eq!(long.chars().count(), SHOWN + 1);
        assert!(long.ends_with('…'));
    }
}
