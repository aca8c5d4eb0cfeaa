//! [`Env`]: a snapshot of the environment variables, so that nothing else reads them and tests run in parallel.

use std::collections::BTreeMap;

use crate::net::proxy::ProxyEnv;
use crate::secret::Secret;

/// Environment variables as they were when the process started.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The variables of this process; bytes that are not UTF-8 become U+FFFD.
    pub fn of_process() -> Self {
        std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect()
    }

    /// The value of a variable. Empty is absent: a calling workflow hands on what it was not given as empty text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// The value of a variable, which may be empty: for who says so.
    pub fn even_empty(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a variable says `true`, as platforms write it.
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The proxies that programs are to use.
    pub fn proxies(&self) -> ProxyEnv {
        let either = |lower: &str, upper: &str| self.get(lower).or_else(|| self.get(upper));
        ProxyEnv {
            http: either("http_proxy", "HTTP_PROXY").map(Secret::new),
            https: either("https_proxy", "HTTPS_PROXY").map(Secret::new),
            no_proxy: either("no_proxy", "NO_PROXY").map(str::to_owned),
        }
    }

    /// The variables whose names begin with `prefix`, in order, empty ones included.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

// Values may be secrets; the names are enough to debug with.
impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_is_absent() {
        let env = Env::from_iter([("A", ""), ("B", "b")]);
        assert_eq!(env.get("A"), None);
        assert_eq!(env.get("B"), Some("b"));
        assert_eq!(env.get("C"), None);
    }

    #[test]
    fn debug_shows_no_values() {
        assert_eq!(
            format!("{:?}", Env::from_iter([("TOKEN", "hunter2")])),
            r#"{"TOKEN"}"#
        );
    }

    #[test]
    fn the_process_has_a_path() {
        assert!(Env::of_process().get("PATH").is_some());
    }
}
