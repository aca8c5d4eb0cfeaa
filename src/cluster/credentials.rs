//! [`Credentials`]: the headers by which an API server knows who asks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::kubeconfig::User;

/// How long a token of a file is taken to be still in it: those of pods are replaced while they run.
const FRESH: Duration = Duration::from_secs(50);
/// Whom to act as (<https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/>).
const AS_USER: HeaderName = HeaderName::from_static("impersonate-user");
const AS_GROUP: HeaderName = HeaderName::from_static("impersonate-group");

/// What is shown of a user; a certificate is shown by TLS.
pub(super) struct Credentials {
    authorization: Authorization,
    impersonation: HeaderMap,
}

enum Authorization {
    None,
    Fixed(HeaderValue),
    File(TokenFile),
}

/// A token that somebody replaces in its file.
struct TokenFile {
    path: String,
    last: Mutex<(HeaderValue, Instant)>,
}

impl Credentials {
    /// Those of a user. The error is in words.
    pub(super) fn of(user: &User) -> Result<Self, String> {
        let authorization = if let Some(provider) = &user.auth_provider {
            Authorization::Fixed(bearer(provider.token()?)?)
        } else if let (Some(name), Some(password)) = (&user.username, &user.password) {
            let pair = STANDARD.encode(format!("{name}:{password}"));
            Authorization::Fixed(secret("the password", &format!("Basic {pair}"))?)
        } else if let Some(token) = &user.token {
            Authorization::Fixed(bearer(token)?)
        } else if let Some(path) = &user.token_file {
            Authorization::File(TokenFile::open(path)?)
        } else {
            Authorization::None
        };
        let mut impersonation = HeaderMap::new();
        if let Some(name) = &user.impersonate {
            impersonation.insert(AS_USER, named(name)?);
        }
        for name in &user.impersonate_groups {
            impersonation.append(AS_GROUP, named(name)?);
        }
        Ok(Self {
            authorization,
            impersonation,
        })
    }

    /// Puts them into the headers of a request.
    pub(super) fn put_into(&self, headers: &mut HeaderMap) {
        let authorization = match &self.authorization {
            Authorization::None => None,
            Authorization::Fixed(value) => Some(value.clone()),
            Authorization::File(file) => Some(file.now()),
        };
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, value);
        }
        for (name, value) in &self.impersonation {
            headers.append(name, value.clone());
        }
    }
}

impl TokenFile {
    fn open(path: &str) -> Result<Self, String> {
        let path = path.to_owned();
        let last = Mutex::new((read(&path)?, Instant::now()));
        Ok(Self { path, last })
    }

    /// The token, read again once in a while. One that cannot be read may have been taken away on purpose, and the last one
    /// is shown on.
    fn now(&self) -> HeaderValue {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.1.elapsed() >= FRESH {
            if let Ok(token) = read(&self.path) {
                last.0 = token;
            }
            last.1 = Instant::now();
        }
        last.0.clone()
    }
}

fn read(path: &str) -> Result<HeaderValue, String> {
    let token = std::fs::read_to_string(path).map_err(|cause| format!("the token in {path}: {cause}"))?;
    bearer(token.trim())
}

fn bearer(token: &str) -> Result<HeaderValue, String> {
    secret("the token", &format!("Bearer {token}"))
}

fn secret(what: &str, text: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::from_str(text).map_err(|cause| format!("{what}: {cause}"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn named(name: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(name).map_err(|cause| format!("nobody can act as `{name}`: {cause}"))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn shown(credentials: &Credentials) -> String {
        let mut headers = HeaderMap::new();
        credentials.put_into(&mut headers);
        let value = headers.get(AUTHORIZATION).expect("a token");
        assert!(value.is_sensitive());
        value.to_str().expect("text").to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_is_replaced_in_its_file_is_shown_within_a_minute() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let write = |token: &str| std::fs::write(&path, token).expect("a file");
        write("one\n");
        let mut user = User::default();
        user.token_file = Some(path.display().to_string());
        let credentials = Credentials::of(&user).expect("a token");
        write("two\n");
        assert_eq!(shown(&credentials), "Bearer one");
        advance(Duration::from_mins(1)).await;
        assert_eq!(shown(&credentials), "Bearer two");
        // What is taken away, or is none, does not take the last one's place.
        for broken in [None, Some("a\nb")] {
            std::fs::remove_file(&path).expect("a file");
            broken.into_iter().for_each(write);
            advance(Duration::from_mins(1)).await;
            assert_eq!(shown(&credentials), "Bearer two");
            write("three");
        }
        advance(Duration::from_mins(1)).await;
        assert_eq!(shown(&credentials), "Bearer three");
    }

    #[test]
    fn a_token_that_cannot_be_read_is_named_and_not_shown() {
        let of = |user: User| Credentials::of(&user).err().expect("an error");
        let mut missing = User::default();
        missing.token_file = Some("/missing/token".into());
        assert!(of(missing).starts_with("the token in /missing/token: No such file"));
        let mut broken = User::default();
        broken.token = Some("hunter2\n".into());
        assert!(!of(broken).contains("hunter2"));
    }
}
