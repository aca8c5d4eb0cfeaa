//! [`Follower`]: requests that follow redirects to their answer, by a library: each hop may lead anywhere.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use url::Url;

use super::exchange::{Incoming, Outgoing, exchange};
use super::judge::{describe, redirect_url};
use super::link::{self, Link};
use super::prepared::{Prepared, complete, filled, request_target};

use crate::load::random::Random;
use crate::load::{Answer, Failed, Way};
use crate::metrics::FailureClass;
use crate::net::route::{Origin, Route};
use crate::net::wall::WallKind;

/// Other origins whose routes are kept; redirects may name any number of them.
const ROUTES: usize = 64;

/// Follows redirects of one kind of request.
#[derive(Debug)]
pub(super) struct Follower {
    prepared: Arc<Prepared>,
    others: RefCell<HashMap<Origin, Arc<Route>>>,
}

/// The connection of a lane, and the one for the last other origin that a redirect led to.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) main: Link,
    pub(super) other: Option<(Arc<Route>, Link)>,
}

/// A request on its way through redirects.
struct Hop {
    /// `None` for the origin of the load itself.
    elsewhere: Option<Arc<Route>>,
    url: Url,
    outgoing: Outgoing,
}

impl Follower {
    pub(super) fn new(prepared: Arc<Prepared>) -> Self {
        let others = RefCell::default();
        Self { prepared, others }
    }

    fn route(&self) -> &Arc<Route> {
        &self.prepared.route
    }

    /// Sends a hop on its connection, or on a new one when the server has closed it before the request was written. A
    /// request that the server may have taken is never sent again.
    async fn send_hop(&self, conn: &mut Links, hop: &Hop, way: &mut Way) -> Result<Incoming, Failed> {
        let route = hop.elsewhere.as_ref().unwrap_or(self.route());
        let link = match &hop.elsewhere {
            None => &mut conn.main,
            Some(route) => self.other_link(&mut conn.other, route, way).await?,
        };
        if link.closed {
            *link = self.open(route, way).await?;
        } else if link.sender.ready().await.is_err() {
            if let Some(failed) = link.unasked().await {
                return Err(failed);
            }
            if link.used {
                *link = self.open(route, way).await?;
                way.reconnects += 1;
            }
        }
        match exchange(link, hop.outgoing.clone(), self.prepared.judge.needle.as_ref()).await {
            Err(broken) if broken.unsent => {
                *link = self.open(route, way).await?;
                way.reconnects += 1;
                let second = exchange(link, hop.outgoing.clone(), self.prepared.judge.needle.as_ref()).await;
                second.map_err(|broken| broken.failed)
            }
            outcome => outcome.map_err(|broken| broken.failed),
        }
    }

    async fn other_link<'a>(
        &self,
        other: &'a mut Option<(Arc<Route>, Link)>,
        route: &Arc<Route>,
        way: &mut Way,
    ) -> Result<&'a mut Link, Failed> {
        if other
            .as_ref()
            .is_some_and(|(open, _)| open.origin != route.origin)
        {
            *other = None;
        }
        let link = match other.take() {
            Some((_, link)) => link,
            None => self.open(route, way).await?,
        };
        Ok(&mut other.insert((Arc::clone(route), link)).1)
    }

    async fn open(&self, route: &Route, way: &mut Way) -> Result<Link, Failed> {
        let (link, times) = link::open(route, &self.prepared.tls).await?;
        way.connects.push(times);
        Ok(link)
    }

    /// The request that follows a redirect; `None` when the answer is not one that can be followed.
    async fn next_hop(&self, hop: &Hop, incoming: &Incoming) -> Result<Option<Hop>, Failed> {
        let Some(url) = redirect_url(&hop.url, incoming.status, &incoming.headers) else {
            return Ok(None);
        };
        let Some(origin) = Origin::of(&url) else {
            return Ok(None);
        };
        let here = hop.elsewhere.as_ref().unwrap_or(self.route());
        let stays = origin == here.origin;
        let elsewhere = if origin == self.route().origin {
            None
        } else {
            Some(self.other_route(&url, origin).await?)
        };
        let route = elsewhere.as_ref().unwrap_or(self.route());
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
        let (route, _) = Route::find(url, &self.prepared.net)
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
    pub(super) async fn follow(
        &self,
        conn: &mut Links,
        n: u64,
        random: &RefCell<Random>,
        way: &mut Way,
    ) -> Result<Answer, Failed> {
        let judge = &self.prepared.judge;
        let outgoing = self.prepared.rendering.outgoing(n, &mut random.borrow_mut())?;
        let mut hop = Hop {
            elsewhere: None,
            url: filled(&self.prepared.spec.url, &outgoing.uri),
            outgoing,
        };
        let mut first_byte = None;
        let mut login = None;
        let mut hops = 0;
        loop {
            let mut incoming = self.send_hop(conn, &hop, way).await?;
            let mut answer = Answer {
                status: Some(incoming.status.as_u16()),
                first_byte: *first_byte.get_or_insert(incoming.first_byte),
                end: incoming.end,
                bytes: incoming.bytes,
                failure: incoming.unasked.take(),
                aside: None,
            };
            if answer.failure.is_some() {
                return Ok(answer);
            }
            let wall = judge.wall(
                &hop.url,
                incoming.status,
                &incoming.headers,
                &incoming.seen.beginning,
            );
            if let Some(next) = self.next_hop(&hop, &incoming).await? {
                hops += 1;
                if hops <= self.prepared.spec.max_redirects {
                    login = login.or(wall.filter(|wall| wall.kind == WallKind::Login));
                    hop = next;
                    continue;
                }
                let example = format!("more than {} redirects", self.prepared.spec.max_redirects);
                answer.failure = Some(Failed::new(FailureClass::Expectation, example));
                return Ok(answer);
            }
            answer.aside = login.or(wall).as_ref().map(describe);
            answer.failure = judge.answer(&mut incoming);
            return Ok(answer);
        }
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
