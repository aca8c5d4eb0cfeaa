//! [`NetInput`]: the fields that say how a server is reached, and [`Sender`], what they come to.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::body::Source;
use super::places::Places;
use super::secretive::is_secret_header;
use super::target::hide_user;
use crate::net::NetSettings;
use crate::net::proxy::{Proxy, ProxyEnv, ProxySettings};
use crate::net::resolve::Override;
use crate::net::tls::{Pem, TlsError, TlsSettings};
use crate::secret::{Mask, Secret};
use crate::spec::{Decode, Decoder, Map, Node, Value};

crate::fields! {
    /// How a server is reached.
    pub(crate) struct NetInput in "a request" {
        /// Headers to send. Values from the environment are masked everywhere.
        headers: Map<String> = secret ["headers"],
        /// User and password for basic authentication.
        basic_auth: Credentials = secret ["basicAuth"],
        /// Token for `Authorization: Bearer`.
        bearer_token: String = secret ["bearerToken"],
        /// File with certificates (PEM) that are trusted in addition to the system's.
        ca_cert: Source = ["caCert"],
        /// File with the client certificate (PEM).
        client_cert: Source = ["clientCert"],
        /// File with the key of the client certificate (PEM).
        client_key: Source = ["clientKey"],
        /// Accept any certificate; default false.
        insecure_skip_verify: bool = ["insecureSkipVerify"],
        /// URL of an HTTP proxy, or `none`; default from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
        proxy: ProxyInput = secret ["proxy"],
        /// Addresses to use instead of asking a name server, each `host:port:address`.
        resolve: Vec<OverrideInput> = ["resolve"],
    }
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    user: String,
    password: Secret,
}

crate::fields! {
    /// The fields of `basicAuth`.
    struct BasicAuth in "`basicAuth`" {
        /// User name.
        username: String = ["username", "user"],
        /// Password.
        password: String = secret ["password"],
    }
}

impl Decode for Credentials {
    const TYPE: &'static str = "{username, password}";

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [BasicAuth::schema(), { "type": "string", "description": "user:password" }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let (user, password) = if let Value::Map(_) = node.value {
            let read = BasicAuth::decode(node, decoder)?;
            (read.username, read.password)
        } else {
            let text = String::decode(node, decoder)?;
            let (user, password) = text.split_once(':').unzip();
            (user.map(str::to_owned), password.map(str::to_owned))
        };
        let (Some(user), Some(password)) = (user, password) else {
            decoder.error(
                &node.at,
                "basic authentication needs `username` and `password`",
                None,
            );
            return None;
        };
        let written = node.field("password").map_or(node, |(_, password)| password);
        decoder.hide(Some(written), &password, |mask, text| {
            mask.add(text);
            if let Some((_, password)) = text.split_once(':') {
                mask.add(password); // of `user:password`
            }
        });
        Some(Self {
            user,
            password: Secret::new(password),
        })
    }
}

/// A proxy, or none at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProxyInput(Option<Proxy>);

impl Decode for ProxyInput {
    const TYPE: &'static str = "URL or none";

    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        if text.trim() == "none" {
            return Some(Self(None));
        }
        decoder.hide(Some(node), &text, hide_user);
        match text.parse() {
            Ok(proxy) => Some(Self(Some(proxy))),
            Err(cause) => {
                decoder.error(&node.at, cause.to_string(), None);
                None
            }
        }
    }
}

/// One entry of `resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OverrideInput(Override);

impl Decode for OverrideInput {
    const TYPE: &'static str = "host:port:address";

    fn schema() -> serde_json::Value {
        json!({ "type": "string", "examples": ["example.com:443:127.0.0.1"] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        match String::decode(node, decoder)?.parse() {
            Ok(parsed) => Some(Self(parsed)),
            Err(cause) => {
                decoder.error(
                    &node.at,
                    format!("{cause}"),
                    Some("for example example.com:443:127.0.0.1".into()),
                );
                None
            }
        }
    }
}

/// Headers and settings of a request, checked.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    /// Headers, authentication included.
    pub(crate) headers: HeaderMap,
    proxy: ProxySettings,
    resolve: Vec<Override>,
    ca_cert: Option<Source>,
    client_cert: Option<Source>,
    client_key: Option<Source>,
    insecure_skip_verify: bool,
}

/// A certificate or key that cannot be read when the task runs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReachError {
    /// A file.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

fn proxy_env(decoder: &Decoder<'_>) -> ProxyEnv {
    let either = |lower: &str, upper: &str| decoder.variable(lower).or_else(|| decoder.variable(upper));
    let secret = |value: Option<String>| {
        value
            .inspect(|url| hide_user(decoder.mask(), url))
            .map(Secret::new)
    };
    ProxyEnv {
        // Upper-case HTTP_PROXY can be set by a request's `Proxy` header in CGI; iter8 is no CGI program.
        http: secret(either("http_proxy", "HTTP_PROXY")),
        https: secret(either("https_proxy", "HTTPS_PROXY")),
        no_proxy: either("no_proxy", "NO_PROXY"),
    }
}

/// Headers of both, the nearer winning.
pub(crate) fn merge_headers(own: Option<&Map<String>>, base: Option<&Map<String>>) -> Option<Map<String>> {
    let mut merged: Vec<(String, String)> = base.map(|map| map.0.clone()).unwrap_or_default();
    for (name, value) in own.into_iter().flat_map(|map| &map.0) {
        merged.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        merged.push((name.clone(), value.clone()));
    }
    (!merged.is_empty()).then_some(Map(merged))
}

/// Hides the value of a header whose name says that it is a secret, and the text that stands for it in the file.
pub(crate) fn hide_header(name: &str, value: &str, written: Option<&Node>, decoder: &Decoder<'_>) {
    if is_secret_header(name) {
        decoder.hide(written, value, hide_value);
    }
}

/// The same of headers that are written nowhere in the experiment.
pub(crate) fn hide_headers(headers: &Map<String>, mask: &Mask) {
    let secret = headers.0.iter().filter(|(name, _)| is_secret_header(name));
    secret.for_each(|(_, value)| hide_value(mask, value));
}

/// Hides a secret header: of `Bearer abc` the token alone is as secret.
fn hide_value(mask: &Mask, value: &str) {
    mask.add(value);
    value.split_whitespace().skip(1).for_each(|part| mask.add(part));
}

/// How the fields for TLS are called.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TlsNames {
    /// Of [`NetInput::ca_cert`].
    pub(crate) ca_cert: &'static str,
    /// Of [`NetInput::client_cert`].
    pub(crate) client_cert: &'static str,
    /// Of [`NetInput::client_key`].
    pub(crate) client_key: &'static str,
    /// Of [`NetInput::insecure_skip_verify`].
    pub(crate) skip_verify: &'static str,
}

/// As [`NetInput`] itself calls them; errors of TLS do, too.
pub(crate) const OWN_NAMES: TlsNames = TlsNames {
    ca_cert: "caCert",
    client_cert: "clientCert",
    client_key: "clientKey",
    skip_verify: "insecureSkipVerify",
};

/// As `grpc` and ghz call them.
pub(crate) const GRPC_NAMES: TlsNames = TlsNames {
    ca_cert: "cacert",
    client_cert: "cert",
    client_key: "key",
    skip_verify: "skipTLS",
};

impl TlsNames {
    /// A message about TLS with these names.
    fn in_words(&self, message: &str) -> String {
        let own = OWN_NAMES;
        [
            (own.ca_cert, self.ca_cert),
            (own.client_cert, self.client_cert),
            (own.client_key, self.client_key),
        ]
        .into_iter()
        .fold(message.to_owned(), |message, (from, to)| {
            message.replace(&format!("`{from}`"), &format!("`{to}`"))
        })
    }
}

impl NetInput {
    /// Checks what only shows when the fields are seen together.
    pub(crate) fn check(&self, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Sender> {
        self.check_named(&OWN_NAMES, places, decoder)
    }

    /// The same where the fields for TLS have other names.
    pub(crate) fn check_named(
        &self,
        names: &TlsNames,
        places: Places<'_>,
        decoder: &mut Decoder<'_>,
    ) -> Option<Sender> {
        let headers = self.header_map(places, decoder);
        let (cert, key) = (names.client_cert, names.client_key);
        let half = match (places.filled(cert), places.filled(key)) {
            (true, false) => Some(cert),
            (false, true) => Some(key),
            _ => None,
        };
        if let Some(half) = half {
            let message = format!("`{cert}` and `{key}` must be given together");
            decoder.error(places.at(half), message, None);
        }
        if self.insecure_skip_verify == Some(true) {
            decoder.warning(
                places.at(names.skip_verify),
                format!(
                    "`{}: true` accepts any certificate, an attacker's too",
                    names.skip_verify
                ),
                Some(format!("give `{}` instead", names.ca_cert)),
            );
        }
        let proxy = match &self.proxy {
            Some(ProxyInput(Some(proxy))) => ProxySettings::Explicit(proxy.clone()),
            Some(ProxyInput(None)) => ProxySettings::Direct,
            None => ProxySettings::Environment(proxy_env(decoder)),
        };
        let sender = Sender {
            headers: headers?,
            proxy,
            resolve: self
                .resolve
                .iter()
                .flatten()
                .map(|entry| entry.0.clone())
                .collect(),
            ca_cert: self.ca_cert.clone(),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            insecure_skip_verify: self.insecure_skip_verify == Some(true),
        };
        (half.is_none() && sender.check_tls(names, places, decoder)).then_some(sender)
    }

    fn header_map(&self, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<HeaderMap> {
        let mut map = HeaderMap::new();
        let mut valid = true;
        for (name, value) in self.headers.iter().flat_map(|headers| &headers.0) {
            if let Some((name, value)) = header(name, value, places, decoder) {
                map.append(name, value);
            } else {
                valid = false;
            }
        }
        if self.basic_auth.is_some() && self.bearer_token.is_some() {
            let message = "give either `basicAuth` or `bearerToken`";
            decoder.error(places.at("bearerToken"), message, None);
            return None;
        }
        if let Some((field, text)) = self.authorization(places, decoder) {
            if let Ok(mut value) = HeaderValue::from_str(&text) {
                value.set_sensitive(true);
                map.insert(AUTHORIZATION, value);
            } else {
                let message = "the token or password holds characters that HTTP does not allow";
                decoder.error(places.at(field), message, None);
                valid = false;
            }
        }
        valid.then_some(map)
    }

    /// The field that gives the value of `Authorization`, and the value.
    fn authorization(&self, places: Places<'_>, decoder: &Decoder<'_>) -> Option<(&'static str, String)> {
        if let Some(basic) = &self.basic_auth {
            let encoded = STANDARD.encode(format!("{}:{}", basic.user, basic.password.expose()));
            decoder.mask().add_basic(&basic.user, basic.password.expose());
            return Some(("basicAuth", format!("Basic {encoded}")));
        }
        let token = self.bearer_token.as_ref()?;
        decoder.hide(places.node("bearerToken"), token, Mask::add);
        Some(("bearerToken", format!("Bearer {token}")))
    }
}

/// A header that can be sent; `None` if it cannot, which is reported without its text: it may be a secret.
fn header(
    name: &str,
    value: &str,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<(HeaderName, HeaderValue)> {
    let written = places.inside("headers", name);
    hide_header(name, value, written, decoder);
    let Ok(parsed) = name.parse::<HeaderName>() else {
        // `Authorization=Bearer abc`: the value is part of the name.
        if let Some((_, rest)) = name.split_once(['=', ' ']).filter(|_| is_secret_header(name)) {
            hide_value(decoder.mask(), rest);
        }
        let at = places.at("headers");
        decoder.error(at, "a header needs `name: value`", None);
        return None;
    };
    let Ok(value) = HeaderValue::from_str(value) else {
        let message = format!("the value of header `{name}` holds characters that HTTP does not allow");
        let at = written.map_or(places.at("headers"), |node| &node.at);
        decoder.error(at, message, None);
        return None;
    };
    Some((parsed, value))
}

impl Sender {
    /// The settings; files that a script wrote are read now.
    pub(crate) fn settings(&self) -> Result<NetSettings, ReachError> {
        let pem = |source: &Option<Source>| {
            let loaded = source.as_ref().map(Source::load).transpose();
            loaded
                .map(|content| content.map(Pem::new))
                .map_err(|(path, source)| ReachError::File { path, source })
        };
        let tls = TlsSettings {
            ca_cert: pem(&self.ca_cert)?,
            client_cert: pem(&self.client_cert)?,
            client_key: pem(&self.client_key)?,
            insecure_skip_verify: self.insecure_skip_verify,
            ..TlsSettings::default()
        };
        Ok(NetSettings {
            tls,
            proxy: self.proxy.clone(),
            resolve: self.resolve.clone(),
        })
    }

    /// The proxy that requests to a URL go through, without credentials.
    pub(crate) fn proxy_for(&self, url: &url::Url) -> Option<String> {
        self.proxy
            .for_url(url)
            .ok()
            .flatten()
            .map(|proxy| proxy.to_string())
    }

    /// Certificates and keys that are read already are tried, so that a wrong one is found before anything is sent.
    fn check_tls(&self, names: &TlsNames, places: Places<'_>, decoder: &mut Decoder<'_>) -> bool {
        let files = [&self.ca_cert, &self.client_cert, &self.client_key];
        let later = files
            .into_iter()
            .any(|file| matches!(file, Some(Source::Later(_))));
        // Half of an identity is one whose other half could not be read, which was reported.
        if later || self.client_cert.is_some() != self.client_key.is_some() {
            return true;
        }
        let Ok(settings) = self.settings() else {
            return true;
        };
        let Err(cause) = crate::net::tls::client_config(&settings.tls) else {
            return true;
        };
        let field = match &cause {
            TlsError::Pem { input, .. } | TlsError::Missing { input, .. } => match *input {
                input if input == OWN_NAMES.client_cert => names.client_cert,
                input if input == OWN_NAMES.client_key => names.client_key,
                _ => names.ca_cert,
            },
            TlsError::Authority(_) | TlsError::Provider(_) => names.ca_cert,
            TlsError::HalfAnIdentity | TlsError::Identity(_) => names.client_key,
        };
        let error = crate::tasks::TaskError::from_error(&cause);
        decoder.error(places.at(field), names.in_words(&error.message), None);
        false
    }
}
