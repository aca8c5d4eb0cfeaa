//! [`HttpTarget`]: a [`RequestSpec`] as a target of the driver, redirects and expectations included.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, PROXY_AUTHORIZATION, USER_AGENT,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use rustls::ClientConfig;
use tokio::time::Instant;
use url::Url;

use super::connect::{self, Link};
use super::exchange::{Incoming, Outgoing, exchange};
use super::random::Random;
use super::request::Rendering;
use super::route::{Origin, Route};
use super::search::Needle;
use super::spec::RequestSpec;
use crate::load::{Answer, ConnectTimes, Failed, LoadError, Sample, Target};
use crate::metrics::FailureClass;
use crate::net::tls::client_config;
use crate::net::wall::{self, WallKind};
use crate::net::{NetSettings, display_url};

/// Other origins whose routes are kept; redirects may name any number of them.
const ROUTES: usize = 64;

/// Sends one kind of request.
#[derive(Debug)]
pub(super) struct HttpTarget {
    spec: RequestSpec,
    rendering: Rendering,
    needle: Option<Needle>,
    route: Arc<Route>,
    net: NetSettings,
    tls: Arc<ClientConfig>,
    others: RefCell<HashMap<Origin, Arc<Route>>>,
    random: RefCell<Random>,
}

/// The connection of a lane, and the one for the last other origin that a redirect led to.
#[derive(Debug)]
pub(super) struct HttpConn {
    main: Link,
    other: Option<(Arc<Route>, Link)>,
}

/// Connections that were opened during a request.
#[derive(Debug, Default)]
struct Opened {
    connects: Vec<ConnectTimes>,
    /// Of these, in place of one that the server had closed.
    reconnects: u32,
}

/// A request on its way through redirects.
struct Hop {
    /// `None` for the origin of the load itself.
    elsewhere: Option<Arc<Route>>,
    url: Url,
    outgoing: Outgoing,
}

impl HttpTarget {
    /// Prepares everything that is the same for all requests; also says how long the name look-up took.
    pub(super) async fn new(spec: &RequestSpec, net: &NetSettings) -> Result<(Self, Duration), LoadError> {
        let (route, dns) = Route::find(&spec.url, net).await?;
        let mut tls = client_config(&net.tls)?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut headers = spec.headers.clone();
        complete(&mut headers, &spec.url, &route);
        let uri = request_target(&spec.url, &route);
        // What is no URI is refused here, so that no request meets it.
        if Uri::try_from(uri.as_str()).is_err() {
            return Err(LoadError::Url(display_url(&spec.url)));
        }
        let rendering = Rendering::new(spec, &uri.into(), &headers, None).map_err(LoadError::Placeholders)?;
        let target = Self {
            rendering,
            needle: spec.expect.body.clone().map(Needle::new),
            route: Arc::new(route),
            net: net.clone(),
            tls: Arc::new(tls),
            others: RefCell::default(),
            random: RefCell::new(Random::new()),
            spec: spec.clone(),
        };
        Ok((target, dns))
    }

    fn first_hop(&self, n: u64) -> Result<Hop, Failed> {
        Ok(Hop {
            elsewhere: None,
            url: self.spec.url.clone(),
            outgoing: self.rendering.outgoing(n, &mut self.random.borrow_mut())?,
        })
    }

    /// Sends a hop on its connection, or on a new one when the server has closed it before the request was written. A
    /// request that the server may have taken is never sent again.
    async fn send_hop(
        &self,
        conn: &mut HttpConn,
        hop: &Hop,
        opened: &mut Opened,
    ) -> Result<Incoming, Failed> {
        let route = hop.elsewhere.as_ref().unwrap_or(&self.route);
        let link = match &hop.elsewhere {
            None => &mut conn.main,
            Some(route) => self.other_link(&mut conn.other, route, opened).await?,
        };
        if link.closed {
            *link = self.open(route, opened).await?;
        } else if link.used && link.sender.ready().await.is_err() {
            *link = self.open(route, opened).await?;
            opened.reconnects += 1;
        }
        match exchange(link, hop.outgoing.clone(), self.needle.as_ref()).await {
            Err(broken) if broken.unsent => {
                *link = self.open(route, opened).await?;
                opened.reconnects += 1;
                let second = exchange(link, hop.outgoing.clone(), self.needle.as_ref()).await;
                second.map_err(|broken| broken.failed)
            }
            outcome => outcome.map_err(|broken| broken.failed),
        }
    }

    async fn other_link<'a>(
        &self,
        other: &'a mut Option<(Arc<Route>, Link)>,
        route: &Arc<Route>,
        opened: &mut Opened,
    ) -> Result<&'a mut Link, Failed> {
        if other
            .as_ref()
            .is_some_and(|(open, _)| open.origin != route.origin)
        {
            *other = None;
        }
        let link = match other.take() {
            Some((_, link)) => link,
            None => self.open(route, opened).await?,
        };
        Ok(&mut other.insert((Arc::clone(route), link)).1)
    }

    async fn open(&self, route: &Route, opened: &mut Opened) -> Result<Link, Failed> {
        let (link, times) = connect::open(route, &self.tls).await?;
        opened.connects.push(times);
        Ok(link)
    }

    /// The request that follows a redirect; `None` when the answer is not one that can be followed.
    async fn next_hop(&self, hop: &Hop, incoming: &Incoming) -> Result<Option<Hop>, Failed> {
        let Some(url) = redirect_url(&hop.url, incoming) else {
            return Ok(None);
        };
        let Some(origin) = Origin::of(&url) else {
            return Ok(None);
        };
        let here = hop.elsewhere.as_ref().unwrap_or(&self.route);
        let stays = origin == here.origin;
        let elsewhere = if origin == self.route.origin {
            None
        } else {
            Some(self.other_route(&url, origin).await?)
        };
        let route = elsewhere.as_ref().unwrap_or(&self.route);
        let mut outgoing = hop.outgoing.clone();
        change_method(&mut outgoing, incoming.status);
        if !stays {
            outgoing.headers = for_strangers(&outgoing.headers);
        }
        outgoing.headers.remove(PROXY_AUTHORIZATION);
        complete(&mut outgoing.headers, &url, route);
        let Ok(uri) = Uri::try_from(request_target(&url, route)) else {
            return Ok(None);
        };
        outgoing.uri = uri;
        Ok(Some(Hop {
            elsewhere,
            url,
            outgoing,
        }))
    }

    async fn other_route(&self, url: &Url, origin: Origin) -> Result<Arc<Route>, Failed> {
        if let Some(known) = self.others.borrow().get(&origin) {
            return Ok(Arc::clone(known));
        }
        let (route, _) = Route::find(url, &self.net)
            .await
            .map_err(|error| Failed::new(FailureClass::Connect, error.to_string()))?;
        let route = Arc::new(route);
        let mut others = self.others.borrow_mut();
        if others.len() >= ROUTES {
            others.clear();
        }
        others.insert(origin, Arc::clone(&route));
        Ok(route)
    }

    /// Follows a request through its redirects to its answer.
    async fn follow(&self, conn: &mut HttpConn, n: u64, opened: &mut Opened) -> Result<Answer, Failed> {
        let mut hop = self.first_hop(n)?;
        let mut first_byte = None;
        let mut login = None;
        let mut hops = 0;
        loop {
            let incoming = self.send_hop(conn, &hop, opened).await?;
            let first_byte = *first_byte.get_or_insert(incoming.first_byte);
            let wall = wall::recognise(&hop.url, incoming.status, &incoming.headers, &incoming.beginning);
            if self.spec.max_redirects > 0
                && let Some(next) = self.next_hop(&hop, &incoming).await?
            {
                hops += 1;
                if hops <= self.spec.max_redirects {
                    login = login.or(wall.filter(|wall| wall.kind == WallKind::Login));
                    hop = next;
                    continue;
                }
                let example = format!("more than {} redirects", self.spec.max_redirects);
                let failure = Some(Failed::new(FailureClass::Expectation, example));
                return Ok(answer(&incoming, first_byte, failure, None));
            }
            // A status that was asked for is the application's answer, whatever it looks like.
            let expected = self
                .spec
                .expect
                .status
                .iter()
                .any(|range| range.contains(&incoming.status.as_u16()));
            let wall = login.or(wall.filter(|_| !expected));
            let wall = wall.map(|wall| format!("{}; {}", wall.description, wall.hint));
            let failure = self.judge(&incoming);
            return Ok(answer(&incoming, first_byte, failure, wall));
        }
    }

    /// Why an answer counts as an error, if it does.
    fn judge(&self, incoming: &Incoming) -> Option<Failed> {
        let status = incoming.status.as_u16();
        if self.spec.error_ranges.iter().any(|range| range.contains(&status)) {
            let reason = incoming.status.canonical_reason().unwrap_or_default();
            let example = format!("{status} {reason}").trim_end().to_owned();
            return Some(Failed::new(FailureClass::Status, example));
        }
        let expect = &self.spec.expect;
        let unexpected = |example: String| Some(Failed::new(FailureClass::Expectation, example));
        if !expect.status.is_empty() && !expect.status.iter().any(|range| range.contains(&status)) {
            return unexpected(format!("status {status} is not an expected one"));
        }
        for (name, value) in &expect.headers {
            if !incoming.headers.get_all(name).iter().any(|found| found == value) {
                let found = incoming
                    .headers
                    .get(name)
                    .map(|found| String::from_utf8_lossy(found.as_bytes()));
                return unexpected(match found {
                    Some(found) => format!("header {name} is `{found}`"),
                    None => format!("there is no header {name}"),
                });
            }
        }
        if !incoming.found {
            let text = self.needle.as_ref().map(Needle::text).unwrap_or_default();
            return unexpected(format!(
                "the body does not contain `{}`",
                String::from_utf8_lossy(text)
            ));
        }
        None
    }
}

impl Target for HttpTarget {
    type Conn = HttpConn;

    async fn connect(&self, _: u32) -> Result<(HttpConn, ConnectTimes), Failed> {
        let (main, times) = connect::open(&self.route, &self.tls).await?;
        Ok((HttpConn { main, other: None }, times))
    }

    async fn broken(&self, _: &mut HttpConn) {
        std::future::pending::<()>().await;
    }

    async fn send(&self, conn: &mut HttpConn, n: u64, _: Instant) -> Sample {
        let mut opened = Opened::default();
        let result = self.follow(conn, n, &mut opened).await;
        Sample {
            // A connection that the server closes after its answer is replaced by the next request.
            reusable: result.is_ok(),
            result,
            connects: opened.connects,
            reconnects: opened.reconnects,
        }
    }
}

fn answer(incoming: &Incoming, first_byte: Instant, failure: Option<Failed>, wall: Option<String>) -> Answer {
    Answer {
        status: Some(incoming.status.as_u16()),
        first_byte,
        end: incoming.end,
        bytes: incoming.bytes,
        failure,
        wall,
    }
}

/// Adds the headers that every request has.
fn complete(headers: &mut HeaderMap, url: &Url, route: &Route) {
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

/// What another origin than the one that the user named gets to see: any other header may hold a credential.
fn for_strangers(headers: &HeaderMap) -> HeaderMap {
    let harmless = |name: &HeaderName| {
        *name == CONTENT_TYPE
            || *name == USER_AGENT
            || *name == ACCEPT
            || name.as_str().starts_with("accept-")
    };
    let mut kept = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| harmless(name)) {
        kept.append(name, value.clone());
    }
    kept
}

fn insert_secret(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(mut value) = HeaderValue::try_from(value) {
        value.set_sensitive(true);
        headers.insert(name, value);
    }
}

/// Host and port as they stand in the URL; a default port does not.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// What stands in the request line (RFC 9112, section 3.2).
fn request_target(url: &Url, route: &Route) -> String {
    let origin = if route.is_forwarded() {
        format!("http://{}", authority(url))
    } else {
        String::new()
    };
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{origin}{}{query}", url.path())
}

fn redirect_url(from: &Url, incoming: &Incoming) -> Option<Url> {
    if !matches!(incoming.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = incoming.headers.get(LOCATION)?.to_str().ok()?;
    from.join(location).ok()
}

/// RFC 9110, section 15.4: 303 turns into GET, and so do 301 and 302 after a POST.
fn change_method(outgoing: &mut Outgoing, status: StatusCode) {
    let changes = match status.as_u16() {
        303 => outgoing.method != Method::HEAD,
        301 | 302 => outgoing.method == Method::POST,
        _ => false,
    };
    if changes {
        outgoing.method = Method::GET;
        outgoing.body = Bytes::new();
        outgoing.headers.remove(CONTENT_TYPE);
        outgoing.headers.remove(CONTENT_LENGTH);
    }
}
