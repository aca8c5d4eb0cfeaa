//! [`Wire`]: octocrab's requests over the HTTP client that everything else of iter8 uses.
//!
//! octocrab's own client knows neither proxies nor time-outs per request, finds no authorities in an image without a
//! file of them, and puts its base address before absolute ones, as that of GraphQL on GitHub Enterprise.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use octocrab::OctoBody;
use tower_service::Service;
use url::Url;

use crate::net::client::{self, ClientError};

/// Bytes of an answer: a page of a hundred of the longest comments.
const ANSWER: usize = 64 << 20;
/// Repositories that were renamed redirect, to one that may have been renamed too.
const HOPS: usize = 3;
/// Of a request that does not say how long it may take.
const TIMEOUT: Duration = Duration::from_secs(10);

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long a request may take, as an extension of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Within(pub Duration);

/// Sends requests below an address.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    /// The client.
    pub net: client::Client,
    /// The API's address; paths begin behind its own.
    pub base: Url,
}

impl Service<Request<OctoBody>> for Wire {
    type Response = Response<Full<Bytes>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { wire.send(request).await })
    }
}

impl Wire {
    async fn send(&self, request: Request<OctoBody>) -> Result<Response<Full<Bytes>>, Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let timeout = head.extensions.get::<Within>().map_or(TIMEOUT, |within| within.0);
        let mut url = below(&self.base, &head.uri)?;
        let mut hops = 0;
        loop {
            let mut sent = client::Request::new(head.method.clone(), url.clone());
            sent.headers = head.headers.clone();
            sent.body = body.clone();
            sent.timeout = timeout;
            sent.body_limit = ANSWER;
            let answer = self.net.send(sent).await?;
            match moved(&url, answer.status, &answer.headers) {
                // The method stays, also where a browser would turn it into a GET.
                Some(next) if hops < HOPS => {
                    url = next;
                    hops += 1;
                }
                _ => {
                    let mut response = Response::new(Full::new(answer.body));
                    *response.status_mut() = answer.status;
                    *response.headers_mut() = answer.headers;
                    return Ok(response);
                }
            }
        }
    }
}

/// An absolute address as it is, a path below the base.
fn below(base: &Url, uri: &Uri) -> Result<Url, ClientError> {
    let text = if uri.scheme().is_some() {
        uri.to_string()
    } else {
        format!("{}{uri}", base.as_str().trim_end_matches('/'))
    };
    Url::parse(&text).ok().ok_or(ClientError::Url(text))
}

/// Where a redirect leads, if it stays on the host that may see the token.
fn moved(from: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Url> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 307 | 308);
    let location = headers.get(LOCATION).filter(|_| redirects)?;
    let next = from.join(location.to_str().ok()?).ok()?;
    (next.origin() == from.origin()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect(text)
    }

    #[test]
    fn paths_go_below_the_base_and_absolute_addresses_stay() {
        let of = |base: &str, uri: &str| {
            let uri: Uri = uri.parse().expect(uri);
            below(&url(base), &uri).expect("an address").to_string()
        };
        assert_eq!(
            of("https://ghe.example/api/v3", "/repos/o/r?page=2"),
            "https://ghe.example/api/v3/repos/o/r?page=2"
        );
        assert_eq!(
            of("https://api.github.com/", "/user"),
            "https://api.github.com/user"
        );
        let graphql = "https://ghe.example/api/graphql";
        assert_eq!(of("https://ghe.example/api/v3", graphql), graphql);
    }

    #[test]
    fn only_redirects_on_the_same_host_are_followed() {
        let from = url("https://api.github.com/repos/o/old");
        let to = |status: u16, location: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, http::HeaderValue::from_static(location));
            let status = StatusCode::from_u16(status).expect("a status");
            moved(&from, status, &headers).map(String::from)
        };
        let new = "https://api.github.com/repositories/7";
        assert_eq!(to(307, new).as_deref(), Some(new));
        assert_eq!(to(301, "/repositories/7").as_deref(), Some(new));
        assert_eq!(to(200, new), None);
        for other in [
            "https://evil.example/",
            "http://api.github.com/",
            "https://api.github.com:8443/",
        ] {
            assert_eq!(to(302, other), None, "{other}");
        }
    }
}
