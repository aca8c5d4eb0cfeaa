//! One-off requests: probes, downloads, webhooks. [`Client`] says in its errors which phase failed.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Method, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::proxy::ProxyError;
use super::resolve::{Override, ResolveError, resolve};
use super::tls::{TlsError, client_config, describe_tls_error};
use super::{NetSettings, USER_AGENT, cause, display_url, host_and_port};

/// What happens on a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// The redirect is the answer.
    None,
    /// At most this many hops are followed.
    Follow(u8),
    /// At most this many hops are followed, and only where the whole request arrives, and nowhere but at the scheme, host
    /// and port that it was meant for. Any other redirect is the answer.
    Faithful(u8),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// With http or https.
    pub url: Url,
    /// Sent as they are; a `User-Agent` replaces ours.
    pub headers: HeaderMap,
    /// May be empty.
    pub body: Bytes,
    /// For everything, from the name look-up to the end of the body.
    pub timeout: Duration,
    /// No more than this many bytes of the answer's body are read.
    pub body_limit: usize,
}

impl Request {
    /// A request with the defaults of probes and downloads: 10 s, 16 MiB.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: Duration::from_secs(10),
            body_limit: 16 << 20,
        }
    }

    /// A GET.
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }
}

/// The answer to a [`Request`].
#[derive(Debug, Clone)]
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// Where it came from in the end.
    pub url: Url,
    /// Headers.
    pub headers: HeaderMap,
    /// Decompressed; its beginning when it is longer than the limit.
    pub body: Bytes,
    /// Whether the body went on behind the limit.
    pub truncated: bool,
}

impl Response {
    /// Where a redirect leads.
    pub fn leads_to(&self) -> Option<Url> {
        let to = self
            .headers
            .get(LOCATION)
            .filter(|_| self.status.is_redirection())?;
        self.url.join(to.to_str().ok()?).ok()
    }

    /// The body, if it is whole.
    pub fn whole_body(self) -> Result<Bytes, ClientError> {
        if self.truncated {
            return Err(ClientError::TooLarge {
                url: display_url(&self.url),
                limit: self.body.len(),
            });
        }
        Ok(self.body)
    }
}

/// Why there is no answer, by the phase that failed. URLs are shown without user information and query.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not http or https, or without a host.
    #[error("{0} is not an http:// or https:// URL")]
    Url(String),
    /// The TLS settings cannot be used.
    #[error(transparent)]
    TlsSettings(#[from] TlsError),
    /// The proxy cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The client cannot be built.
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
    /// No address.
    #[error("host not found: {0}")]
    HostNotFound(String),
    /// Nobody listens there.
    #[error("connection refused by {0}")]
    Refused(String),
    /// No connection for another reason.
    #[error("cannot connect to {host}: {reason}")]
    Connect {
        /// Host and port.
        host: String,
        /// In the system's words.
        reason: String,
    },
    /// The handshake failed.
    #[error("{host}: {reason}")]
    Tls {
        /// Host and port.
        host: String,
        /// In words.
        reason: String,
    },
    /// No complete answer in time.
    #[error("{url} did not answer within {after:?}")]
    TimedOut {
        /// Where.
        url: String,
        /// The time-out.
        after: Duration,
    },
    /// The connection ended before the answer.
    #[error("{url}: the connection was closed before the answer was complete")]
    Reset {
        /// Where.
        url: String,
    },
    /// A redirect loop, most likely.
    #[error("{url}: too many redirects")]
    TooManyRedirects {
        /// Where it began.
        url: String,
    },
    /// The body is longer than allowed.
    #[error("{url}: the answer is longer than {limit} bytes")]
    TooLarge {
        /// Where.
        url: String,
        /// The limit.
        limit: usize,
    },
    /// The answer is not HTTP.
    #[error("{url}: not a valid HTTP answer ({reason})")]
    Protocol {
        /// Where.
        url: String,
        /// In the parser's words.
        reason: String,
    },
}

impl ClientError {
    /// Whether the request surely did not reach the server as a whole.
    pub fn never_sent(&self) -> bool {
        !matches!(
            self,
            Self::TimedOut { .. }
                | Self::Reset { .. }
                | Self::Protocol { .. }
                | Self::TooLarge { .. }
                | Self::TooManyRedirects { .. }
        )
    }
}

/// Sends one-off requests. Cloning shares its connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    settings: Arc<NetSettings>,
    redirects: Redirects,
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: &NetSettings, redirects: Redirects) -> Result<Self, ClientError> {
        let mut tls = client_config(&settings.tls)?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let settings = Arc::new(settings.clone());
        let http = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls)
            .redirect(match redirects {
                Redirects::None | Redirects::Faithful(_) => reqwest::redirect::Policy::none(),
                Redirects::Follow(hops) => reqwest::redirect::Policy::limited(usize::from(hops)),
            })
            .dns_resolver(Overridden(Arc::clone(&settings)))
            .no_proxy()
            .proxy(proxy(&settings))
            .build()
            .map_err(ClientError::Setup)?;
        Ok(Self {
            http,
            settings,
            redirects,
        })
    }

    /// Sends a request and reads the answer, up to the limit of its body.
    pub async fn send(&self, mut request: Request) -> Result<Response, ClientError> {
        let Redirects::Faithful(hops) = self.redirects else {
            let timeout = request.timeout;
            return self.once(request, timeout).await;
        };
        let (began, url) = (Instant::now(), display_url(&request.url));
        for _ in 0..=hops {
            let left = request.timeout.saturating_sub(began.elapsed());
            let response = self.once(request.clone(), left).await?;
            match faithful(&request, &response) {
                Some(next) => request.url = next,
                None => return Ok(response),
            }
        }
        Err(ClientError::TooManyRedirects { url })
    }

    /// The answer to a request, which has `left` of its time.
    async fn once(&self, request: Request, left: Duration) -> Result<Response, ClientError> {
        let host = match (request.url.scheme(), host_and_port(&request.url)) {
            ("http" | "https", Some((host, port))) => format!("{host}:{port}"),
            _ => return Err(ClientError::Url(display_url(&request.url))),
        };
        // reqwest asks its proxy function later and takes no error from it.
        let through = self.settings.proxy.for_url(&request.url)?;
        let asked = Asked {
            host: through.map_or(host, |proxy| format!("the proxy {proxy}")),
            url: display_url(&request.url),
            timeout: request.timeout,
        };
        let mut response = self
            .http
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .timeout(left)
            .send()
            .await
            .map_err(|error| asked.explain(&error))?;
        let mut body = Vec::new();
        let mut truncated = false;
        while let Some(chunk) = response.chunk().await.map_err(|error| asked.explain(&error))? {
            let room = request.body_limit - body.len();
            body.extend_from_slice(&chunk[..room.min(chunk.len())]);
            if chunk.len() > room {
                truncated = true;
                break;
            }
        }
        Ok(Response {
            status: response.status(),
            url: response.url().clone(),
            headers: std::mem::take(response.headers_mut()),
            body: body.into(),
            truncated,
        })
    }
}

/// Where a redirect leads, if the same request may be sent there: 301, 302 and 303 make a GET without a body of it.
fn faithful(request: &Request, response: &Response) -> Option<Url> {
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    let whole = match response.status.as_u16() {
        301 | 302 => reads,
        303 => reads && request.body.is_empty(),
        307 | 308 => true,
        _ => false,
    };
    let to = response.leads_to().filter(|_| whole)?;
    (to.origin() == request.url.origin()).then_some(to)
}

fn proxy(settings: &Arc<NetSettings>) -> reqwest::Proxy {
    let settings = Arc::clone(settings);
    reqwest::Proxy::custom(move |url| {
        let proxy = settings.proxy.for_url(url).ok().flatten()?;
        Some(proxy.with_credentials())
    })
}

/// What was asked, for the words of an error.
struct Asked {
    host: String,
    url: String,
    timeout: Duration,
}

impl Asked {
    fn explain(&self, error: &reqwest::Error) -> ClientError {
        let url = || self.url.clone();
        let host = || self.host.clone();
        if error.is_timeout() {
            return ClientError::TimedOut {
                url: url(),
                after: self.timeout,
            };
        }
        if error.is_redirect() {
            return ClientError::TooManyRedirects { url: url() };
        }
        if let Some(ResolveError::NotFound(name) | ResolveError::TimedOut(name)) = cause::find(error) {
            return ClientError::HostNotFound(name.clone());
        }
        if let Some(reason) = describe_tls_error(error) {
            return ClientError::Tls { host: host(), reason };
        }
        let kind = cause::find::<io::Error>(error).map(io::Error::kind);
        if error.is_connect() {
            return match kind {
                Some(io::ErrorKind::ConnectionRefused) => ClientError::Refused(host()),
                Some(io::ErrorKind::UnexpectedEof) => ClientError::Tls {
                    host: host(),
                    reason: "the server closed the connection during the TLS handshake".to_owned(),
                },
                _ => ClientError::Connect {
                    host: host(),
                    reason: cause::root(error),
                },
            };
        }
        let broken_off = cause::find::<hyper::Error>(error)
            .is_some_and(|error| error.is_incomplete_message() || error.is_closed() || error.is_canceled());
        if kind.is_some() || broken_off {
            return ClientError::Reset { url: url() };
        }
        ClientError::Protocol {
            url: url(),
            reason: cause::root(error as &(dyn Error + 'static)),
        }
    }
}

/// Name resolution with the user's overrides. Its caller does not say the port, so an override holds for all ports.
struct Overridden(Arc<NetSettings>);

impl Resolve for Overridden {
    fn resolve(&self, name: Name) -> Resolving {
        let settings = Arc::clone(&self.0);
        Box::pin(async move {
            let known = settings
                .resolve
                .iter()
                .find_map(|entry: &Override| entry.addresses_for(name.as_str(), None));
            // Port 0 means "the port of the URL".
            let addresses: Vec<SocketAddr> = match known {
                Some(addresses) => addresses
                    .iter()
                    .map(|address| SocketAddr::new(*address, 0))
                    .collect(),
                None => resolve(name.as_str(), 0, &[]).await?.addresses,
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
