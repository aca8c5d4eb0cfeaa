//! [`PageProbe`]: asks a URL with GET, and compares the answer with what is expected.

use std::time::Duration;

use http::Method;
use url::Url;

use super::wait::{Probe, Refusal};
use super::{Accept, Page};
use crate::net::client::{Client, ClientError, Redirects, Request, Response};
use crate::net::greeting::{HTTP2_AWAITED, speaks_http2};
use crate::net::wall::{PREFIX, Wall, WallKind, names_login, recognise};
use crate::net::{NetSettings, display_url};
use crate::secret::Mask;
use crate::tasks::TaskError;
use crate::tasks::inputs::Sender;

/// Bytes of a body that are searched for the expected text.
const BODY: usize = 1 << 20;
/// Characters that are shown of a text from elsewhere.
const SHOWN: usize = 120;
/// How long a server that was not understood may take to say what it speaks.
const GREETING: Duration = Duration::from_secs(1);

/// A URL that is asked.
pub(super) struct PageProbe<'a> {
    page: &'a Page,
    sender: &'a Sender,
    client: Client,
    settings: NetSettings,
    mask: &'a Mask,
}

impl<'a> PageProbe<'a> {
    pub(super) fn new(page: &'a Page, sender: &'a Sender, mask: &'a Mask) -> Result<Self, TaskError> {
        let settings = sender.settings().map_err(|error| TaskError::from_error(&error))?;
        let client =
            Client::new(&settings, Redirects::None).map_err(|error| TaskError::from_error(&error))?;
        Ok(Self {
            page,
            sender,
            client,
            settings,
            mask,
        })
    }
}

impl Probe for PageProbe<'_> {
    fn target(&self) -> String {
        self.page.url.to_string()
    }

    fn url(&self) -> Option<&Url> {
        Some(&self.page.url.0)
    }

    async fn attempt(&self, patience: Duration) -> Result<(), Refusal> {
        let mut request = Request::new(Method::GET, self.page.url.0.clone());
        request.headers = self.sender.headers.clone();
        request.timeout = patience;
        request.body_limit = if self.page.body.is_some() { BODY } else { PREFIX };
        match self.client.send(request).await {
            Ok(response) => judge(self.page, &response, self.mask),
            Err(ClientError::Protocol { .. } | ClientError::Reset { .. })
                if speaks_http2(&self.page.url.0, &self.settings, patience.min(GREETING)).await =>
            {
                Err(Refusal {
                    final_: true,
                    ..Refusal::answered(HTTP2_AWAITED)
                })
            }
            // A name may appear and a server start; a wrong certificate or address stays as it is.
            Err(error) => {
                let unreachable = matches!(error, ClientError::Refused(_) | ClientError::Connect { .. });
                let final_ = matches!(
                    error,
                    ClientError::Url(_)
                        | ClientError::TlsSettings(_)
                        | ClientError::Proxy(_)
                        | ClientError::Setup(_)
                );
                Err(Refusal {
                    unreachable,
                    final_,
                    late: matches!(error, ClientError::TimedOut { .. }),
                    ..Refusal::answered(TaskError::from_error(&error).message)
                })
            }
        }
    }
}

fn judge(page: &Page, response: &Response, mask: &Mask) -> Result<(), Refusal> {
    let status = response.status.as_u16();
    let wall = recognise(&page.url.0, response.status, &response.headers, &response.body);
    let accepted = match &page.status {
        Accept::Only(statuses) => statuses.contains(status),
        Accept::Application => !matches!(status, 404 | 502 | 503 | 504),
    };
    // A wall may answer 200: what was asked for is then not what answers.
    let is_named = |wall: &Wall| {
        let text = page.body.as_ref();
        wall.kind == WallKind::Login && text.is_some_and(|text| names_login(text))
    };
    if let Some(wall) = wall.filter(|wall| !accepted || speaks_for_others(wall) && !is_named(wall)) {
        return Err(Refusal {
            // It stays what it is.
            final_: wall.kind == WallKind::Grpc,
            ..Refusal::answered(format!("{}; {}", wall.description, wall.hint))
        });
    }
    let wait = |reason: String| Err(Refusal::answered(reason));
    if !accepted {
        let expected = match &page.status {
            Accept::Only(statuses) => format!("expected {statuses}"),
            Accept::Application => "the application does not answer yet".to_owned(),
        };
        return wait(format!(
            "it answers with status {status}; {expected}{}",
            location(&page.url.0, response, mask)
        ));
    }
    for (name, value) in &page.header {
        let mut found = response.headers.get_all(name).into_iter().peekable();
        let first = found
            .peek()
            .map(|found| String::from_utf8_lossy(found.as_bytes()).into_owned());
        match first {
            // One line of several is enough, as in a load.
            Some(_) if found.any(|found| found.as_bytes() == value.as_bytes()) => {}
            Some(found) => {
                return wait(format!(
                    "header {name} is `{}`, expected `{}`",
                    short(&found, mask),
                    short(value, mask)
                ));
            }
            None => return wait(format!("it answers without the header {name}")),
        }
    }
    match &page.body {
        Some(text) if !contains(&response.body, text.as_bytes()) => {
            wait(format!("its body does not contain `{}`", short(text, mask)))
        }
        _ => Ok(()),
    }
}

/// Whether a page of this kind with an accepted status still hides the application.
fn speaks_for_others(wall: &Wall) -> bool {
    match wall.kind {
        WallKind::Login
        | WallKind::Challenge
        | WallKind::Placeholder
        | WallKind::RateLimit
        | WallKind::Grpc => true,
        // A redirect is an answer of the application when 3xx is accepted.
        WallKind::OtherHost => false,
    }
}

/// Where an answer leads, which is often told relative to what was requested.
fn location(requested: &Url, response: &Response, mask: &Mask) -> String {
    let Some(target) = response.headers.get(http::header::LOCATION) else {
        return String::new();
    };
    match target
        .to_str()
        .ok()
        .and_then(|target| requested.join(target).ok())
    {
        Some(target) => format!(" (it redirects to {})", short(&display_url(&target), mask)),
        None => " (it redirects to something that is no URL)".to_owned(),
    }
}

/// The beginning of a text for people. Secrets go first: of one that is cut, the mask would not know the rest.
fn short(text: &str, mask: &Mask) -> String {
    mask.apply(text)
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect()
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::{HeaderMap, StatusCode};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::spec::{Decoder, Node, SourceFile};
    use crate::tasks::inputs::{NetInput, Places, Target};

    fn answer(status: u16, name: &'static str, value: &str) -> Response {
        Response {
            status: StatusCode::from_u16(status).expect("status"),
            url: "https://app.example/x".parse().expect("url"),
            headers: HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                value.parse().expect("value"),
            )]),
            body: bytes::Bytes::new(),
            truncated: false,
        }
    }

    #[tokio::test]
    async fn a_server_of_http2_is_told_what_ready_can_do_about_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let address = listener.local_addr().expect("address");
        let page = Page {
            url: Target(format!("http://{address}/").parse().expect("a URL")),
            status: Accept::Application,
            header: Vec::new(),
            body: None,
        };
        let mask = Mask::default();
        let source = SourceFile::new("experiment.yaml", "proxy: none\n");
        let node = Node::parse(&source).expect("yaml");
        let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, mask.clone());
        let sender = NetInput::default().check(Places::of(&node), &mut decoder);
        let sender = sender.expect("a sender");
        let probe = PageProbe::new(&page, &sender, &mask).expect("a probe");
        let serve = async {
            // Once for the request, once to learn what the server speaks.
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.expect("a connection");
                let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
                stream.write_all(&settings).await.expect("settings");
                let _ = stream.read(&mut [0; 4096]).await.expect("a request");
            }
        };
        let both = async { tokio::join!(probe.attempt(Duration::from_secs(20)), serve).0 };
        let attempt = tokio::time::timeout(Duration::from_mins(1), both).await;
        let refusal = attempt.expect("in time").expect_err("no HTTP/1.1");
        assert!(refusal.final_);
        assert!(
            refusal.reason.contains("`ready: {grpc: HOST:PORT}`"),
            "{}",
            refusal.reason
        );
        assert!(
            refusal.reason.contains("`--httpVersion h2c`"),
            "{}",
            refusal.reason
        );
    }

    #[test]
    fn a_long_secret_is_masked_before_the_text_is_cut() {
        let mask = Mask::default();
        let token = "t0ken-".repeat(60);
        mask.add(&token);
        let shown = short(&format!("Bearer {token}"), &mask);
        assert_eq!(shown, "Bearer ***");
        assert_eq!(short(&"x".repeat(500), &mask).len(), SHOWN);
    }

    #[test]
    fn a_relative_redirect_is_shown_without_its_query() {
        let requested = "https://me:pw@app.example/a/b?key=1".parse().expect("url");
        let shown = |to: &str| location(&requested, &answer(302, "location", to), &Mask::default());
        assert_eq!(
            shown("/cb?token=leaked"),
            " (it redirects to https://app.example/cb)"
        );
        assert_eq!(
            shown("c?token=leaked#x"),
            " (it redirects to https://app.example/a/c)"
        );
        assert_eq!(
            shown("http://[?token=leaked"),
            " (it redirects to something that is no URL)"
        );
    }
}
