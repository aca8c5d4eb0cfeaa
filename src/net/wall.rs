//! What stands in front of an application: log-ins, rate limits, bot challenges, placeholder pages. [`recognise`] is
//! pure; it never judges the application's own answers, only those that a platform gives in its place.

use http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

use super::{
    display_url,
    login_page::{asks_for_login, is_login_page, is_login_path},
};

/// As much of a body as [`recognise`] looks at.
pub const PREFIX: usize = 16 << 10;

/// The header by which Cloudflare says that it answers itself.
pub const CHALLENGE: &str = "cf-mitigated";

/// What kind of wall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WallKind {
    /// The answer sends the client to another host.
    OtherHost,
    /// Somebody must log in first.
    Login,
    /// Too many requests.
    RateLimit,
    /// A firewall or a test that the client is human.
    Challenge,
    /// The platform's page for "nothing here yet".
    Placeholder,
    /// A server of gRPC, which may answer 200 to whatever it is asked.
    Grpc,
}

/// A wall: what it is and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wall {
    /// What kind.
    pub kind: WallKind,
    /// One sentence without its full stop.
    pub description: String,
    /// What to do.
    pub hint: String,
}

impl Wall {
    fn new(kind: WallKind, description: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            kind,
            description: description.into(),
            hint: hint.into(),
        }
    }
}

const LOGIN_HINT: &str = "send the credentials in a header taken from a secret (`Authorization`, or the platform's bypass header), or give the URL behind the log-in; if the page is what you test, expect its title in the body, such as `Sign in`";
const VERCEL_HINT: &str = "send the header `x-vercel-protection-bypass` with the secret VERCEL_AUTOMATION_BYPASS_SECRET of the project (in the action: `vercelBypass`)";
const ACCESS_HINT: &str = "send the headers `CF-Access-Client-Id` and `CF-Access-Client-Secret` of a service token whose policy has the action Service Auth (in the action: `cfAccessClientId` and `cfAccessClientSecret`)";
const BASIC_HINT: &str = "give `basicAuth` (user and password from secrets) or an `Authorization` header";
/// What to do where a server of gRPC is found.
pub const CALL_HINT: &str = "call it with a `grpc` task (`iter8 run --grpc HOST:PORT --call METHOD`)";
const WAIT_HINT: &str =
    "wait for the deployment with a `ready` task, and check that the URL is the one that was deployed";

/// The wall that answered in place of the application, if it was one. `body` is the beginning of the body, at most
/// [`PREFIX`] bytes of it are looked at, and none of a success that is not HTML.
pub fn recognise(requested: &Url, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<Wall> {
    if !is_possible(status, headers) {
        return None;
    }
    let html = is_html(headers);
    let text = if reads_body(status, headers) {
        String::from_utf8_lossy(&body[..body.len().min(PREFIX)]).to_ascii_lowercase()
    } else {
        String::new()
    };
    let page = Page {
        status,
        headers,
        html,
        text,
    };
    grpc(&page)
        .or_else(|| challenge(&page))
        .or_else(|| rate_limit(&page))
        .or_else(|| redirect(requested, &page))
        .or_else(|| login(&page))
        .or_else(|| placeholder(&page))
        .or_else(|| login_in_place(requested, &page))
}

/// Whether a wall can have such a head; if not, it is the application's own answer, whatever its body.
pub fn is_possible(status: StatusCode, headers: &HeaderMap) -> bool {
    !status.is_success() || is_html(headers) || is_grpc(headers) || headers.contains_key(CHALLENGE)
}

/// Whether who looks for a text in an answer means a page for logging in.
pub fn names_login(text: &str) -> bool {
    super::login_page::names_login(text)
}

/// Whether an answer says that it is gRPC.
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';' | b' ')))
}

/// Whether [`recognise`] looks at the body of such an answer at all.
pub fn reads_body(status: StatusCode, headers: &HeaderMap) -> bool {
    is_html(headers) || status.is_client_error() || status.is_server_error()
}

fn is_html(headers: &HeaderMap) -> bool {
    let html = b"text/html";
    headers.get(CONTENT_TYPE).is_some_and(|value| {
        let start = value.as_bytes().get(..html.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(html))
    })
}

/// An answer, prepared for looking at it.
struct Page<'a> {
    status: StatusCode,
    headers: &'a HeaderMap,
    html: bool,
    /// The beginning of the body in lower case.
    text: String,
}

impl Page<'_> {
    fn header(&self, name: impl http::header::AsHeaderName) -> &str {
        header(self.headers, name)
    }

    /// Whether the beginning of the body holds one of `needles`, which are in lower case.
    fn holds(&self, needles: &[&str]) -> bool {
        needles.iter().any(|needle| self.text.contains(needle))
    }
}

fn header(headers: &HeaderMap, name: impl http::header::AsHeaderName) -> &str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn grpc(page: &Page<'_>) -> Option<Wall> {
    is_grpc(page.headers).then(|| Wall::new(WallKind::Grpc, "a gRPC server answers here", CALL_HINT))
}

fn challenge(page: &Page<'_>) -> Option<Wall> {
    let named = if page.header(CHALLENGE).eq_ignore_ascii_case("challenge") {
        "Cloudflare asks whether the client is human"
    } else if page.headers.contains_key("x-vercel-mitigated")
        || page.headers.contains_key("x-vercel-challenge-token")
    {
        "Vercel's firewall stopped the request"
    } else if !page.header("x-amzn-waf-action").is_empty() {
        "the AWS firewall stopped the request"
    } else if refused(page.status)
        && page.html
        && page.holds(&[
            "captcha",
            "just a moment...",
            "attention required! | cloudflare",
            "checking your browser",
        ])
    {
        "a firewall asks whether the client is human"
    } else {
        return None;
    };
    Some(Wall::new(
        WallKind::Challenge,
        named,
        "let the load generator's addresses or a secret header pass the firewall, or test a URL that is not behind it",
    ))
}

fn refused(status: StatusCode) -> bool {
    matches!(status.as_u16(), 401 | 403 | 405 | 429 | 503)
}

fn rate_limit(page: &Page<'_>) -> Option<Wall> {
    if page.status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let after = page.header(RETRY_AFTER);
    let description = if after.is_empty() {
        "the target limits the rate of requests (429)".to_owned()
    } else if after.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("the target limits the rate of requests (429, retry after {after} s)")
    } else {
        format!("the target limits the rate of requests (429, retry after {after})")
    };
    Some(Wall::new(
        WallKind::RateLimit,
        description,
        "lower `qps`, or exempt the load generator from the limit",
    ))
}

fn redirect(requested: &Url, page: &Page<'_>) -> Option<Wall> {
    if !matches!(page.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let to = requested.join(page.header(LOCATION)).ok()?;
    let host = to.host_str().unwrap_or_default();
    if host == "vercel.com" || host.ends_with(".vercel.com") {
        return Some(Wall::new(
            WallKind::Login,
            "Vercel's deployment protection wants a log-in",
            VERCEL_HINT,
        ));
    }
    if host.ends_with(".cloudflareaccess.com") {
        return Some(Wall::new(
            WallKind::Login,
            "Cloudflare Access wants a log-in",
            ACCESS_HINT,
        ));
    }
    if is_login_path(to.path()) && !asks_for_login(requested.path()) {
        let description = format!("the target redirects to a log-in at {}", display_url(&to));
        return Some(Wall::new(WallKind::Login, description, LOGIN_HINT));
    }
    let same_site =
        |host: Option<&str>| host.map(|host| host.trim_start_matches("www.").to_ascii_lowercase());
    if same_site(to.host_str()) == same_site(requested.host_str()) {
        return None;
    }
    Some(Wall::new(
        WallKind::OtherHost,
        format!("the target redirects to another host, {host}"),
        format!("give {} as the URL, or set `followRedirects`", display_url(&to)),
    ))
}

fn login(page: &Page<'_>) -> Option<Wall> {
    if page.status == StatusCode::UNAUTHORIZED {
        let scheme = page.header(WWW_AUTHENTICATE).to_ascii_lowercase();
        if scheme.starts_with("basic") {
            return Some(Wall::new(
                WallKind::Login,
                "the target wants a user name and a password (401, basic authentication)",
                BASIC_HINT,
            ));
        }
        if page.holds(&["vercel.com/sso-api", "vercel authentication"]) {
            return Some(Wall::new(
                WallKind::Login,
                "Vercel's deployment protection wants a log-in",
                VERCEL_HINT,
            ));
        }
    }
    if !page.html {
        return None;
    }
    if page.holds(&["cloudflareaccess.com", "<title>sign in ・ cloudflare access"]) {
        return Some(Wall::new(
            WallKind::Login,
            "Cloudflare Access wants a log-in",
            ACCESS_HINT,
        ));
    }
    let netlify = page.header(SERVER).eq_ignore_ascii_case("netlify");
    if netlify && page.status == StatusCode::UNAUTHORIZED && page.holds(&["password"]) {
        return Some(Wall::new(
            WallKind::Login,
            "Netlify asks for the site's password",
            "lift the password protection of deploy previews, or test a URL without it",
        ));
    }
    if page.holds(&[
        "vercel.com/sso-api",
        "<title>login – vercel",
        "<title>authentication required",
    ]) {
        return Some(Wall::new(
            WallKind::Login,
            "Vercel's deployment protection wants a log-in",
            VERCEL_HINT,
        ));
    }
    None
}

/// A page for logging in where something else was asked for.
fn login_in_place(requested: &Url, page: &Page<'_>) -> Option<Wall> {
    let answers = page.status.is_success() || matches!(page.status.as_u16(), 401 | 403);
    if !page.html || !answers || asks_for_login(requested.path()) || !is_login_page(requested, &page.text) {
        return None;
    }
    let description = format!(
        "a page for logging in answers at {} (status {})",
        display_url(requested),
        page.status.as_u16()
    );
    Some(Wall::new(WallKind::Login, description, LOGIN_HINT))
}

fn placeholder(page: &Page<'_>) -> Option<Wall> {
    let vercel = page.header("x-vercel-error");
    let named = if vercel == "DEPLOYMENT_NOT_FOUND"
        || (page.status == 404 && page.holds(&["deployment_not_found"]))
    {
        "Vercel has no deployment at this URL"
    } else if page.html
        && page.holds(&[
            "<title>deployment is building",
            "this deployment is building",
            "your deployment is being built",
        ])
    {
        "the deployment is still being built"
    } else if page.status == 404 && page.holds(&["not found - request id"]) {
        "Netlify has no site at this URL"
    } else if page.status == 404 && page.holds(&["herokucdn.com/error-pages/no-such-app", "no such app"]) {
        "Heroku has no such app"
    } else if page.holds(&["herokucdn.com/error-pages/application-error"]) && page.status.is_server_error() {
        "Heroku's app did not start"
    } else if page.header("x-render-routing") == "no-server" {
        "Render has no service at this URL"
    } else if page.html && page.holds(&["<title>render - application loading", "service waking up"]) {
        "Render is still starting the service"
    } else if page.status == 404
        && page.holds(&[
            "there isn't a github pages site here",
            "<title>site not found &middot; github pages",
        ])
    {
        "GitHub Pages has no site at this URL"
    } else {
        return None;
    };
    Some(Wall::new(WallKind::Placeholder, named, WAIT_HINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(status: u16, headers: &[(&'static str, &str)], body: &str) -> Option<Wall> {
        let requested = "https://app.example/api/items".parse().expect("url");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().expect("header"));
        }
        let status = StatusCode::from_u16(status).expect("status");
        recognise(&requested, status, &map, body.as_bytes())
    }

    fn kind(status: u16, headers: &[(&'static str, &str)], body: &str) -> Option<WallKind> {
        seen(status, headers, body).map(|wall| wall.kind)
    }

    const HTML: (&str, &str) = ("content-type", "text/html; charset=utf-8");

    #[test]
    fn redirects_are_walls_when_they_leave_the_application() {
        let to = |location| kind(302, &[("location", location)], "");
        assert_eq!(to("/api/items/"), None);
        assert_eq!(to("https://www.app.example/"), None);
        assert_eq!(to("https://other.example/"), Some(WallKind::OtherHost));
        assert_eq!(to("/login?next=/api"), Some(WallKind::Login));
        for path in [
            "/users/sign_in",
            "/session/new",
            "/admin/sessions/new?x=1",
            "/wp-login.php",
        ] {
            assert_eq!(to(path), Some(WallKind::Login), "{path}");
        }
        assert_eq!(to("/session/newest"), None);
        assert_eq!(to("/authors"), None);
        assert_eq!(
            to("https://team.cloudflareaccess.com/cdn-cgi/access/login/x"),
            Some(WallKind::Login)
        );
    }

    #[test]
    fn vercel_protection_names_its_bypass_header() {
        let wall = seen(302, &[("location", "https://vercel.com/sso-api?url=x")], "").expect("a wall");
        assert_eq!(wall.kind, WallKind::Login);
        assert!(wall.hint.contains("x-vercel-protection-bypass"));
        let page = seen(401, &[HTML], "<a href=\"https://vercel.com/sso-api?url\">").expect("a wall");
        assert_eq!(page.hint, wall.hint);
    }

    #[test]
    fn log_in_pages_and_basic_authentication_are_recognised() {
        assert_eq!(
            kind(401, &[("www-authenticate", "Basic realm=\"x\"")], ""),
            Some(WallKind::Login)
        );
        assert_eq!(kind(401, &[("www-authenticate", "Bearer")], "{}"), None);
        assert_eq!(
            kind(401, &[HTML, ("server", "Netlify")], "<input type=\"password\">"),
            Some(WallKind::Login)
        );
    }

    #[test]
    fn a_page_for_logging_in_is_a_wall_unless_it_was_asked_for() {
        let page = "<title>Sign in · Corp SSO</title><form action=\"https://login.microsoftonline.com/common/login\">\
                    <input type=\"password\"></form>";
        let wall = seen(200, &[HTML], page).expect("a wall");
        assert_eq!(wall.kind, WallKind::Login);
        assert!(wall.description.contains("https://app.example/api/items"));
        assert_eq!(kind(500, &[HTML], page), None);
        assert_eq!(kind(200, &[("content-type", "application/json")], page), None);
        let asked = "https://app.example/users/sign_in".parse().expect("url");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, "text/html".parse().expect("header"));
        assert_eq!(recognise(&asked, StatusCode::OK, &headers, page.as_bytes()), None);
    }

    #[test]
    fn a_server_of_grpc_is_none_of_http() {
        for content in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc; charset=utf-8",
        ] {
            let wall = seen(200, &[("content-type", content)], "").expect("a wall");
            assert_eq!(wall.kind, WallKind::Grpc, "{content}");
            assert!(wall.hint.contains("--grpc HOST:PORT --call METHOD"));
        }
        for content in ["application/grpc-web+proto", "text/plain"] {
            assert_eq!(kind(200, &[("content-type", content)], ""), None, "{content}");
        }
    }

    #[test]
    fn a_rate_limit_says_when_to_come_back() {
        let wall = seen(429, &[("retry-after", "30")], "").expect("a wall");
        assert_eq!(wall.kind, WallKind::RateLimit);
        assert!(wall.description.ends_with("(429, retry after 30 s)"));
    }

    #[test]
    fn challenges_are_told_from_refusals() {
        assert_eq!(
            kind(403, &[("cf-mitigated", "challenge")], ""),
            Some(WallKind::Challenge)
        );
        assert_eq!(
            kind(429, &[("x-vercel-mitigated", "deny")], ""),
            Some(WallKind::Challenge)
        );
        assert_eq!(
            kind(403, &[HTML], "please solve this CAPTCHA"),
            Some(WallKind::Challenge)
        );
        assert_eq!(kind(200, &[HTML], "our sign-up form uses a captcha"), None);
        assert_eq!(kind(403, &[], "no"), None);
    }

    #[test]
    fn placeholder_pages_are_recognised_and_ordinary_pages_are_not() {
        for (status, headers, body) in [
            (404, vec![("x-vercel-error", "DEPLOYMENT_NOT_FOUND")], ""),
            (200, vec![HTML], "<title>Deployment is building</title>"),
            (404, vec![], "Not Found - Request ID: 01ABC"),
            (
                404,
                vec![HTML],
                "<iframe src=\"//www.herokucdn.com/error-pages/no-such-app.html\">",
            ),
            (404, vec![("x-render-routing", "no-server")], ""),
            (404, vec![HTML], "<p>There isn't a GitHub Pages site here.</p>"),
        ] {
            assert_eq!(
                kind(status, &headers, body),
                Some(WallKind::Placeholder),
                "{body}"
            );
        }
        assert_eq!(kind(200, &[HTML], "<h1>Welcome to nginx!</h1>"), None);
        assert_eq!(kind(404, &[], "not found"), None);
    }
}
