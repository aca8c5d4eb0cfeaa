//! [`Kubeconfig`]: what kubeconfig files say, as `kubectl` reads them.
//!
//! Of several files the first to say something wins
//! (<https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>). Paths in a file begin at its folder.
//! What is empty is not given. Nothing here is `Debug`: most of it is secret.

use std::collections::HashMap;
use std::path::{MAIN_SEPARATOR, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use crate::net::tls::Pem;

/// The extension of a cluster that is meant for credential plugins.
const FOR_PLUGINS: &str = "client.authentication.k8s.io/exec";

/// The content of one file, or of several.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Kubeconfig {
    #[serde(deserialize_with = "given")]
    pub(super) current_context: Option<String>,
    #[serde(deserialize_with = "listed")]
    pub(super) contexts: Vec<Named<Context>>,
    #[serde(deserialize_with = "listed")]
    clusters: Vec<Named<Server>>,
    #[serde(deserialize_with = "listed")]
    users: Vec<Named<User>>,
}

/// Something with a name.
#[derive(Deserialize)]
pub(super) struct Named<T> {
    pub(super) name: String,
    #[serde(
        alias = "context",
        alias = "cluster",
        alias = "user",
        default = "Option::default"
    )]
    of: Option<T>,
}

/// Which cluster, and as whom.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Context {
    #[serde(deserialize_with = "given")]
    cluster: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) user: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) namespace: Option<String>,
}

/// How to reach an API server.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Server {
    #[serde(deserialize_with = "given", rename = "server")]
    pub(super) address: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) tls_server_name: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) proxy_url: Option<String>,
    pub(super) insecure_skip_tls_verify: Option<bool>,
    #[serde(deserialize_with = "given")]
    certificate_authority: Option<String>,
    #[serde(deserialize_with = "given")]
    certificate_authority_data: Option<String>,
    #[serde(deserialize_with = "listed")]
    extensions: Vec<Extension>,
}

/// What somebody else says of a cluster.
#[derive(Deserialize)]
struct Extension {
    name: String,
    #[serde(default)]
    extension: Value,
}

/// Who asks.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct User {
    #[serde(deserialize_with = "given")]
    pub(super) username: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) password: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) token: Option<String>,
    #[serde(deserialize_with = "given", rename = "tokenFile")]
    pub(super) token_file: Option<String>,
    #[serde(deserialize_with = "given")]
    client_certificate: Option<String>,
    #[serde(deserialize_with = "given")]
    client_certificate_data: Option<String>,
    #[serde(deserialize_with = "given")]
    client_key: Option<String>,
    #[serde(deserialize_with = "given")]
    client_key_data: Option<String>,
    #[serde(deserialize_with = "given", rename = "as")]
    pub(super) impersonate: Option<String>,
    #[serde(deserialize_with = "listed", rename = "as-groups")]
    pub(super) impersonate_groups: Vec<String>,
    pub(super) auth_provider: Option<Provider>,
    pub(super) exec: Option<Plugin>,
}

/// What came before credential plugins.
#[derive(Deserialize)]
pub(super) struct Provider {
    pub(super) name: String,
    #[serde(default, deserialize_with = "mapped")]
    config: HashMap<String, String>,
}

/// A program that gives credentials.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Plugin {
    #[serde(deserialize_with = "given")]
    pub(super) api_version: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(super) command: Option<String>,
    #[serde(deserialize_with = "listed")]
    pub(super) args: Vec<String>,
    #[serde(deserialize_with = "listed")]
    pub(super) env: Vec<Variable>,
    #[serde(deserialize_with = "given")]
    pub(super) install_hint: Option<String>,
    provide_cluster_info: Option<bool>,
    /// What it is told of the cluster, if it wants to know.
    #[serde(skip)]
    pub(super) cluster: Option<Value>,
}

/// A variable of the environment.
#[derive(Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.filter(|text| !text.is_empty()))
}

fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn mapped<'de, D: Deserializer<'de>>(from: D) -> Result<HashMap<String, String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Kubeconfig {
    /// Reads a file, which may be of several documents; the error is in words, and names no file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read(path).map_err(|cause| cause.to_string())?;
        let text = String::from_utf8(text).map_err(|_not_text| "it is not text in UTF-8".to_owned())?;
        let text = text.trim_start_matches('\u{feff}');
        // A line of the file may be a secret.
        let options = serde_yaml::options! { with_snippet: false };
        let documents: Vec<Self> = serde_yaml::from_multiple_with_options(text, options)
            .map_err(|cause| format!("it is not a kubeconfig: {}", cause.without_snippet()))?;
        let mut all = Self::default();
        for mut document in documents {
            document.begin_paths_at(path.parent().unwrap_or(Path::new("")));
            all.add(document);
        }
        Ok(all)
    }

    /// Adds what another file says and this one does not.
    pub(super) fn add(&mut self, next: Self) {
        add(&mut self.contexts, next.contexts);
        add(&mut self.clusters, next.clusters);
        add(&mut self.users, next.users);
        self.current_context = self.current_context.take().or(next.current_context);
    }

    fn begin_paths_at(&mut self, folder: &Path) {
        let servers = self.clusters.iter_mut().filter_map(|named| named.of.as_mut());
        for server in servers {
            begin_at(folder, &mut server.certificate_authority);
        }
        let users = self.users.iter_mut().filter_map(|named| named.of.as_mut());
        for user in users {
            begin_at(folder, &mut user.client_certificate);
            begin_at(folder, &mut user.client_key);
            begin_at(folder, &mut user.token_file);
            // A bare name is looked for in `PATH`.
            let command = user.exec.as_mut().map(|plugin| &mut plugin.command);
            if let Some(command @ Some(_)) = command
                && command.as_ref().is_some_and(|name| name.contains(MAIN_SEPARATOR))
            {
                begin_at(folder, command);
            }
        }
    }

    /// What a context means. The error is in words.
    pub(super) fn take(self, name: &str) -> Result<(Context, Server, User), String> {
        let context = find(self.contexts, name).and_then(|named| named.of);
        let context = context.ok_or_else(|| format!("the context `{name}` is empty"))?;
        let lost = |kind: &str, of: &str| {
            format!("the context `{name}` is of the {kind} `{of}`, which is not there")
        };
        let cluster = context.cluster.as_deref().unwrap_or_default();
        let server = find(self.clusters, cluster).ok_or_else(|| lost("cluster", cluster))?;
        let server = server.of.unwrap_or_default();
        // Of nobody nothing is known, which is right for servers that ask nothing.
        let user = match context.user.as_deref() {
            Some(user) => find(self.users, user).ok_or_else(|| lost("user", user))?.of,
            None => None,
        };
        Ok((context, server, user.unwrap_or_default()))
    }
}

fn add<T>(all: &mut Vec<Named<T>>, next: Vec<Named<T>>) {
    for named in next {
        if !all.iter().any(|known| known.name == named.name) {
            all.push(named);
        }
    }
}

fn find<T>(all: Vec<Named<T>>, name: &str) -> Option<Named<T>> {
    all.into_iter().find(|named| named.name == name)
}

fn begin_at(folder: &Path, path: &mut Option<String>) {
    if let Some(path) = path {
        *path = folder.join(&*path).display().to_string();
    }
}

impl Server {
    /// The authorities that the certificate of the API server is checked against. The error is in words.
    pub(super) fn authorities(&self) -> Result<Option<Pem>, String> {
        let pem = load(
            "certificate-authority",
            self.certificate_authority_data.as_deref(),
            self.certificate_authority.as_deref(),
        )?;
        Ok(pem.map(Pem::new))
    }

    /// What a plugin is told of the cluster.
    fn for_plugin(&self) -> Result<Value, String> {
        let mut told = Map::new();
        let mut tell = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                told.insert(key.to_owned(), value);
            }
        };
        let authorities = load(
            "certificate-authority",
            self.certificate_authority_data.as_deref(),
            self.certificate_authority.as_deref(),
        )?;
        tell("server", self.address.as_ref().map(|text| json!(text)));
        tell(
            "tls-server-name",
            self.tls_server_name.as_ref().map(|text| json!(text)),
        );
        tell(
            "insecure-skip-tls-verify",
            self.insecure_skip_tls_verify.map(|skip| json!(skip)),
        );
        tell(
            "certificate-authority-data",
            authorities.map(|pem| json!(STANDARD.encode(pem))),
        );
        tell("proxy-url", self.proxy_url.as_ref().map(|text| json!(text)));
        let mut extensions = self.extensions.iter();
        let config = extensions.find(|extension| extension.name == FOR_PLUGINS);
        tell("config", config.map(|extension| extension.extension.clone()));
        Ok(Value::Object(told))
    }
}

impl User {
    /// Whether a certificate is shown.
    pub(super) fn has_certificate(&self) -> bool {
        self.client_certificate.is_some() || self.client_certificate_data.is_some()
    }

    /// The certificate that is shown, and its key. The error is in words.
    pub(super) fn identity(&self) -> Result<Option<(Pem, Pem)>, String> {
        let certificate = load(
            "client-certificate",
            self.client_certificate_data.as_deref(),
            self.client_certificate.as_deref(),
        )?;
        let key = load(
            "client-key",
            self.client_key_data.as_deref(),
            self.client_key.as_deref(),
        )?;
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some((Pem::new(certificate), Pem::new(key)))),
            (Some(_), None) => Err("there is a client-certificate, and no client-key".into()),
            (None, Some(_)) => Err("there is a client-key, and no client-certificate".into()),
        }
    }

    /// Shows another certificate.
    pub(super) fn show(&mut self, certificate: &str, key: &str) {
        self.client_certificate_data = Some(STANDARD.encode(certificate));
        self.client_key_data = Some(STANDARD.encode(key));
    }

    /// The program that gives credentials, with what it wants to know of the cluster. The error is in words.
    pub(super) fn take_plugin(&mut self, server: &Server) -> Result<Option<Plugin>, String> {
        let Some(mut plugin) = self.exec.take() else {
            return Ok(None);
        };
        if plugin.provide_cluster_info == Some(true) {
            plugin.cluster = Some(server.for_plugin()?);
        }
        Ok(Some(plugin))
    }
}

impl Provider {
    /// The token that it has kept. The error is in words.
    pub(super) fn token(&self) -> Result<&str, String> {
        let name = &self.name;
        if name != "oidc" {
            return Err(format!(
                "the user's auth-provider `{name}` is one that kubectl does not know any more; name its credential plugin by `exec`"
            ));
        }
        let token = self.config.get("id-token").map(String::as_str);
        token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| format!("the user's auth-provider `{name}` has no id-token"))
    }
}

/// What stands there in base64, or in a file.
fn load(what: &str, data: Option<&str>, file: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    match (data, file) {
        (Some(data), _) => {
            let read = STANDARD.decode(data.trim());
            let read = read.map_err(|cause| format!("{what}-data is not base64: {cause}"))?;
            Ok(Some(read))
        }
        (None, Some(file)) => {
            let read = std::fs::read(file);
            let read = read.map_err(|cause| format!("{what} {file}: {cause}"))?;
            Ok(Some(read))
        }
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Kubeconfig, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        std::fs::write(&path, text).expect("a file");
        Kubeconfig::read(&path)
    }

    fn user(text: &str) -> User {
        let text = format!(
            "{{clusters: [{{name: k}}], contexts: [{{name: c, context: {{cluster: k, user: u}}}}], users: [{{name: u, user: {text}}}]}}"
        );
        let config = read(&text).unwrap_or_else(|error| panic!("{error}"));
        config.take("c").expect("a user").2
    }

    #[test]
    fn what_is_empty_is_not_given() {
        let user =
            user("{token: '', tokenFile: null, as-groups: null, client-key: '', exec: null, more: {a: 1}}");
        assert!(user.token.is_none() && user.token_file.is_none() && user.impersonate_groups.is_empty());
        assert!(user.identity().expect("nothing").is_none());
        let empty =
            read("{clusters: null, contexts: null, users: null, current-context: ''}").expect("nothing");
        assert!(empty.current_context.is_none() && empty.contexts.is_empty());
        assert!(read("").expect("nothing").contexts.is_empty());
    }

    #[test]
    fn the_first_to_say_something_wins() {
        let config = read(
            "\u{feff}current-context: a\nusers: [{name: u, user: {token: one}}]\n---\ncurrent-context: b\n\
             users: [{name: u, user: {token: two}}]\nclusters: [{name: k}]\ncontexts: [{name: a, context: {cluster: k, user: u}}]\n",
        )
        .expect("two documents");
        assert_eq!(config.current_context.as_deref(), Some("a"));
        let (_, _, user) = config.take("a").expect("a context");
        assert_eq!(user.token.as_deref(), Some("one"));
    }

    #[test]
    fn a_program_is_looked_for_by_its_name_or_beside_the_file() {
        let command = |text: &str| {
            user(&format!("{{exec: {{command: {text}}}}}"))
                .exec
                .and_then(|plugin| plugin.command)
        };
        assert_eq!(command("aws").as_deref(), Some("aws"));
        assert_eq!(command("/bin/aws").as_deref(), Some("/bin/aws"));
        let near = command("bin/aws").expect("a command");
        assert!(near.starts_with('/') && near.ends_with("/bin/aws"), "{near}");
    }

    #[test]
    fn a_program_learns_of_the_cluster_if_it_wants_to() {
        let config = |wants: bool| {
            let text = format!(
                "{{contexts: [{{name: c, context: {{cluster: k, user: u}}}}], users: [{{name: u, user: {{exec: {{command: p, \
                 provideClusterInfo: {wants}}}}}}}], clusters: [{{name: k, cluster: {{server: 'https://k', tls-server-name: n, \
                 certificate-authority-data: QUJD, extensions: [{{name: other, extension: 1}}, \
                 {{name: client.authentication.k8s.io/exec, extension: {{audience: a}}}}]}}}}]}}"
            );
            let config = read(&text).unwrap_or_else(|error| panic!("{error}"));
            let (_, server, mut user) = config.take("c").expect("a context");
            let plugin = user.take_plugin(&server).expect("a plugin");
            plugin.expect("a plugin").cluster
        };
        assert_eq!(config(false), None);
        assert_eq!(
            config(true),
            Some(json!({
                "server": "https://k", "tls-server-name": "n", "certificate-authority-data": "QUJD", "config": {"audience": "a"},
            }))
        );
    }

    #[test]
    fn what_is_no_kubeconfig_is_told_without_its_secrets() {
        for text in [
            "contexts: [",
            "users: [{name: u, user: {token: [hunter2]}}]",
            "users:\n- token: hunter2\n  token: b",
        ] {
            let error = read(text).err().expect(text);
            assert!(error.starts_with("it is not a kubeconfig: "), "{error}");
            assert!(!error.contains("hunter2") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn data_and_files_are_named_where_they_cannot_be_read() {
        let broken = user("{client-certificate-data: '?', client-key: /missing}");
        let Err(error) = broken.identity() else {
            panic!("an error");
        };
        assert!(
            error.starts_with("client-certificate-data is not base64: "),
            "{error}"
        );
        let missing = user("{client-certificate-data: QQ==, client-key: /missing}");
        let Err(error) = missing.identity() else {
            panic!("an error");
        };
        assert!(error.starts_with("client-key /missing: No such file"), "{error}");
    }
}
