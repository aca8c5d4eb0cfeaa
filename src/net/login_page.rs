//! [`is_login_path`] and [`is_login_page`]: whether a page is there to log in, rather than an application's page with a log-in form on it.

use url::Url;

/// What pages for logging in are called, in lower case.
const TITLES: &[&str] = &[
    "sign in",
    "sign-in",
    "signin",
    "log in",
    "log-in",
    "login",
    "log on",
    "logon",
    "single sign-on",
    "authentication required",
    "anmelden",
    "anmeldung",
    "einloggen",
    "connexion",
    "se connecter",
    "iniciar sesión",
    "inicio de sesión",
    "iniciar sessão",
    "accedi",
    "inloggen",
    "aanmelden",
];
/// What may follow the name: "sign in to GitHub".
const FOLLOWED_BY: &[&str] = &[
    "to", "with", "using", "page", "required", "bei", "mit", "à", "en", "op",
];

/// Whether this page, with its text in lower case, asks for a password on behalf of another host, or is titled as a
/// page for logging in and asks for one.
pub(super) fn is_login_page(requested: &Url, text: &str) -> bool {
    // Most pages end here.
    if !text.contains("password") {
        return false;
    }
    let page = Page::read(text);
    page.password_forms
        .iter()
        .any(|action| leads_away(requested, action))
        || (!page.password_forms.is_empty() && is_login_title(&page.title))
}

/// Segments of paths that are words for logging in, in lower case.
const SEGMENTS: &[&str] = &[
    "login",
    "log-in",
    "log_in",
    "logon",
    "log-on",
    "wp-login",
    "signin",
    "sign-in",
    "sign_in",
    "sign-on",
    "auth",
    "authenticate",
    "authorize",
    "oauth",
    "oauth2",
    "openid",
    "openid-connect",
    "sso",
    "sso-api",
    "saml",
    "saml2",
    "adfs",
];

/// Those of [`SEGMENTS`] that pages are called.
const PAGES: &[&str] = &[
    "login", "log-in", "log_in", "logon", "log-on", "wp-login", "signin", "sign-in", "sign_in", "sign-on",
];

/// Whether a segment of the path is a word for logging in, or two of them ask for a new session.
pub(super) fn is_login_path(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    let segments: Vec<&str> = path.split(['/', '.']).collect();
    let session = |pair: &[&str]| matches!(pair, ["session" | "sessions", "new"]);
    segments.iter().any(|segment| SEGMENTS.contains(segment)) || segments.windows(2).any(session)
}

/// Whether who asks for the path wants the log-in itself: a page is called so, or it ends in a word for it. What lies behind
/// a word that interfaces have, too, such as `/auth/me`, is the application's.
pub(super) fn asks_for_login(path: &str) -> bool {
    let path = path.trim_end_matches('/').to_ascii_lowercase();
    let last = path.rsplit('/').next().unwrap_or_default();
    let mut segments = path.split(['/', '.']);
    segments.any(|segment| PAGES.contains(&segment))
        || is_login_path(last)
        || ["/session/new", "/sessions/new"]
            .iter()
            .any(|end| path.ends_with(end))
}

/// Whether a text that is looked for is one of a page for logging in: who looks for it knows the page. A name that may stand
/// on any page, such as that of the product, says nothing.
pub(super) fn names_login(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("password") || TITLES.iter().any(|title| text.contains(title))
}

/// What matters of a page.
#[derive(Default)]
struct Page {
    title: String,
    /// The actions of the forms with a password field; "" is the page itself.
    password_forms: Vec<String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let mut page = Self::default();
        let mut action = String::new();
        let mut rest = text;
        while let Some(start) = rest.find('<') {
            rest = &rest[start + 1..];
            if rest.starts_with("!--") {
                rest = behind(rest, "-->");
                continue;
            }
            let name_end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '/'))
                .unwrap_or(rest.len());
            let (name, attributes) = rest.split_at(name_end);
            rest = attributes;
            match name {
                "script" | "style" | "template" => rest = behind(rest, &format!("</{name}")),
                // A drawing has a title too.
                "title" if page.title.is_empty() => {
                    let inner = behind(rest, ">");
                    inner[..inner.find('<').unwrap_or(inner.len())].clone_into(&mut page.title);
                }
                "form" => action = attribute(attributes, "action").unwrap_or_default(),
                "/form" => action.clear(),
                "input" if attribute(attributes, "type").is_some_and(|kind| kind == "password") => {
                    page.password_forms.push(action.clone());
                }
                _ => {}
            }
        }
        page
    }
}

fn behind<'a>(text: &'a str, mark: &str) -> &'a str {
    text.find(mark).map_or("", |at| &text[at + mark.len()..])
}

/// The value of an attribute of the tag whose text begins behind its name.
fn attribute(mut tag: &str, wanted: &str) -> Option<String> {
    loop {
        tag = tag.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))?;
        let (name, rest) = tag.split_at(end);
        let rest = rest.trim_ascii_start();
        let Some(value) = rest.strip_prefix('=').map(str::trim_ascii_start) else {
            if rest.starts_with('>') {
                return None;
            }
            tag = rest;
            continue;
        };
        let (value, rest) = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split_once(quote)?,
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace() || c == '>')?),
        };
        if name == wanted {
            return Some(value.trim().to_owned());
        }
        tag = rest;
        if tag.starts_with('>') {
            return None;
        }
    }
}

/// Whether a form is sent to another site. A host and those below it are one site: `example.com`, `id.example.com`.
fn leads_away(requested: &Url, action: &str) -> bool {
    let Ok(to) = requested.join(action) else {
        return false;
    };
    let (Some(to), Some(from)) = (to.host_str(), requested.host_str()) else {
        return false;
    };
    let (to, from) = (to.trim_start_matches("www."), from.trim_start_matches("www."));
    let below = |host: &str, site: &str| {
        host.strip_suffix(site)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !below(to, from) && !below(from, to)
}

/// Whether a part of the title is the name of a page for logging in: "Sign in · Corp", "Corp | Login".
fn is_login_title(title: &str) -> bool {
    let mut plain = String::new();
    let mut rest = title;
    while let Some((before, entity)) = rest.split_once('&') {
        plain.push_str(before);
        // An entity in a title is a sign between its parts, or a space.
        let (name, after) = entity
            .split_once(';')
            .filter(|(name, _)| name.len() <= 8)
            .unwrap_or(("", entity));
        plain.push(if name == "nbsp" { ' ' } else { '|' });
        rest = after;
    }
    plain.push_str(rest);
    plain
        .replace(" - ", "|")
        .split(|c: char| !(c.is_alphanumeric() || c.is_whitespace() || matches!(c, '-' | '\'' | '.')))
        .any(|part| {
            let words: Vec<&str> = part
                .split_whitespace()
                .filter(|word| !matches!(*word, "please" | "bitte"))
                .collect();
            let part = words.join(" ");
            TITLES.iter().any(|title| match part.strip_prefix(title) {
                Some("") => true,
                Some(rest) => rest
                    .strip_prefix(' ')
                    .and_then(|rest| rest.split(' ').next())
                    .is_some_and(|word| FOLLOWED_BY.contains(&word)),
                None => false,
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_product_says_nothing_of_a_log_in() {
        assert!(names_login("Sign in to Acme") && names_login("type=\"password\""));
        assert!(!names_login("Acme") && !names_login(""));
    }

    #[test]
    fn who_asks_for_a_log_in_asks_for_its_page() {
        for path in [
            "/login",
            "/users/sign_in/",
            "/wp-login.php",
            "/session/new",
            "/oauth2/authorize",
            "/login/en/index.html",
            "/Auth",
        ] {
            assert!(asks_for_login(path), "{path}");
        }
        for path in [
            "/",
            "",
            "/auth/me",
            "/oauth/userinfo",
            "/sso/app/items",
            "/session",
            "/new",
        ] {
            assert!(!asks_for_login(path), "{path}");
        }
    }

    fn is_wall(title: &str, body: &str) -> bool {
        let requested = "https://app.example/items".parse().expect("url");
        let page = format!("<html><head><title>{title}</title></head><body>{body}</body></html>");
        is_login_page(&requested, &page.to_lowercase())
    }

    const FORM: &str =
        "<form method=post action='/session'><input name=user><input type=password name=p></form>";

    #[test]
    fn pages_titled_for_logging_in_that_ask_for_a_password_are() {
        for title in [
            "Sign in · Corp SSO",
            "Sign in to GitHub · GitHub",
            "Corp &middot; Login",
            "Corp - Log in",
            "Please log in",
            "Anmelden – Firma",
            "Sign in [Jenkins]",
            "\n  Login\n",
        ] {
            assert!(is_wall(title, FORM), "{title}");
            assert!(!is_wall(title, "<p>Choose a strong password</p>"), "{title}");
        }
    }

    #[test]
    fn forms_that_send_a_password_to_another_site_are() {
        for action in [
            "\"https://login.microsoftonline.com/common/login\"",
            "'//id.other.example/x'",
            "https://sso.corp.example/a?b=c",
        ] {
            let form = format!(
                "<FORM class=\"a > b\" Action={action} novalidate><div><INPUT id=x TYPE=\"password\" /></div></FORM>"
            );
            assert!(is_wall("Items", &form), "{action}");
        }
    }

    #[test]
    fn pages_of_the_application_with_a_form_in_their_header_are_not() {
        for form in [
            FORM,
            "<form><input type=\"password\"></form>",
            "<form action=\"https://www.app.example/session\"><input type='password'></form>",
            "<form action=\"https://id.app.example/session\"><input type='password'></form>",
            "<form action=\"https://search.example/\"><input type=text></form><input type=password>",
            "<!-- <form action='https://other.example'><input type=password></form> -->",
            "<script>f(\"<form action='https://other.example'><input type=password>\")</script>",
            "<form action='https://other.example'><input placeholder='type=password' type=text></form>",
        ] {
            for title in [
                "Items",
                "How to log in",
                "Login history",
                "Design - items",
                "Logins",
            ] {
                assert!(!is_wall(title, form), "{title}: {form}");
            }
        }
    }

    #[test]
    fn broken_pages_are_read_to_their_end() {
        for body in [
            "<form action",
            "<form action=",
            "<input type='password",
            "<",
            "<!--",
            "<title",
            "<form =x>password",
        ] {
            assert!(!is_wall("Items", body), "{body}");
            assert!(!is_login_page(
                &"http://a.example".parse().expect("url"),
                &format!("password {body}")
            ));
        }
    }
}
