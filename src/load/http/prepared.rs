//! [`Prepared`]: everything about a request that is the same each time, made once and shared by all workers.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use rustls::ClientConfig;
use url::Url;

use super::ids::RunId;
use super::judge::Judge;
use super::request::Rendering;
use super::spec::{HttpVersion, RequestSpec};
use crate::load::LoadError;
use crate::load::random::Random;
use crate::net::route::Route;
use crate::net::tls::client_config;
use crate::net::{NetSettings, display_url};

/// One kind of request, and where it goes.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) spec: RequestSpec,
    pub(super) rendering: Rendering,
    /// Names the traces of the requests.
    pub(super) run: Option<RunId>,
    pub(super) judge: Judge,
    pub(super) route: Arc<Route>,
    pub(super) net: NetSettings,
    pub(super) tls: Arc<ClientConfig>,
}

impl Prepared {
    /// Prepares a request; also says how long the name look-up took.
    pub(super) async fn new(spec: &RequestSpec, net: &NetSettings) -> Result<(Self, Duration), LoadError> {
        let (route, dns) = Route::find(&spec.url, net).await?;
        if route.is_forwarded() && spec.http_version == HttpVersion::PriorKnowledge {
            return Err(LoadError::ForwardedHttp2);
        }
        let mut tls = client_config(&net.tls)?;
        tls.alpn_protocols = protocols(spec);
        let mut headers = spec.headers.clone();
        complete(&mut headers, &spec.url, &route);
        let uri = request_target(&spec.url, &route);
        // What is no URI is refused here, so that no request meets it.
        if Uri::try_from(uri.as_str()).is_err() {
            return Err(LoadError::Url(display_url(&spec.url)));
        }
        if spec.compression {
            headers
                .entry(ACCEPT_ENCODING)
                .or_insert(HeaderValue::from_static("gzip"));
        }
        let run = spec.traceparent.then(|| RunId::new(&mut Random::new()));
        let rendering = Rendering::new(spec, &uri.into(), &headers, run).map_err(LoadError::Placeholders)?;
        let prepared = Self {
            rendering,
            run,
            judge: Judge::new(spec),
            route: Arc::new(route),
            net: net.clone(),
            tls: Arc::new(tls),
            spec: spec.clone(),
        };
        Ok((prepared, dns))
    }

    /// The URL that was requested with what stands in a request line.
    pub(super) fn requested(&self, target: &Uri) -> Cow<'_, Url> {
        let url = &self.spec.url;
        if self.rendering.has_one_target() {
            Cow::Borrowed(url)
        } else {
            Cow::Owned(filled(url, target))
        }
    }
}

/// What is offered to a server over TLS (RFC 7301), the best first. Redirects are followed by HTTP/1.1.
fn protocols(spec: &RequestSpec) -> Vec<Vec<u8>> {
    let (http1, http2) = (b"http/1.1".to_vec(), b"h2".to_vec());
    match spec.http_version {
        HttpVersion::Auto if spec.max_redirects == 0 => vec![http2, http1],
        HttpVersion::Http2 => vec![http2],
        HttpVersion::Auto | HttpVersion::Http1 | HttpVersion::PriorKnowledge => vec![http1],
    }
}

/// Adds the headers that every request has.
pub(super) fn complete(headers: &mut HeaderMap, url: &Url, route: &Route) {
    if !headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::try_from(authority(url))
    {
        headers.insert(HOST, host);
    }
    headers
        .entry(USER_AGENT)
        .or_insert(HeaderValue::from_static(crate::net::USER_AGENT));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    let user = url.username();
    if !headers.contains_key(AUTHORIZATION) && (!user.is_empty() || url.password().is_some()) {
        let decode = crate::net::proxy::percent_decoded;
        let pair = format!("{}:{}", decode(user), decode(url.password().unwrap_or_default()));
        insert_secret(
            headers,
            AUTHORIZATION,
            &format!("Basic {}", STANDARD.encode(pair)),
        );
    }
    if route.is_forwarded()
        && let Some(value) = route
            .proxy
            .as_ref()
            .and_then(crate::net::proxy::Proxy::authorization)
    {
        insert_secret(headers, PROXY_AUTHORIZATION, value.expose());
    }
}

fn insert_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::try_from(value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

/// Host and port as they stand in the URL; a default port does not.
pub(super) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// The URL of a request: that of the load, with its placeholders filled in. What the server says is relative to this one
/// (RFC 9110, section 10.2.2).
pub(super) fn filled(url: &Url, target: &Uri) -> Url {
    let target = target.path_and_query().map_or("/", PathAndQuery::as_str);
    let whole = format!("{}://{}{target}", url.scheme(), authority(url));
    Url::parse(&whole).unwrap_or_else(|_| url.clone())
}

/// What stands in the request line (RFC 9112, section 3.2).
pub(super) fn request_target(url: &Url, route: &Route) -> String {
    let origin = if route.is_forwarded() {
        format!("http://{}", authority(url))
    } else {
        String::new()
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{origin}{}{query}", url.path())
}
