//! [`Access`]: which cluster, and as whom: by flags, by kubeconfig files, or by the account of the pod this runs in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::Config;
use kube::config::{AuthInfo, ExecConfig, KubeConfigOptions, Kubeconfig, KubeconfigError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::client::Cluster;
use super::error::ClusterError;
use super::plugin;
use crate::net::cause;
use crate::net::display_url;
use crate::net::proxy::{Proxy, ProxyEnv, ProxySettings};
use crate::secret::Secret;

/// Where a pod finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// What flags and the environment say of the cluster. Flags go over files.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// A file; those of `KUBECONFIG` are not read then.
    pub kubeconfig: Option<PathBuf>,
    /// A context of the files.
    pub context: Option<String>,
    /// A bearer token, in place of what the files say of the user.
    pub token: Option<Secret>,
    /// Whom to act as.
    pub as_user: Option<String>,
    /// Groups to act as a member of.
    pub as_groups: Vec<String>,
    /// URL of the API server.
    pub server: Option<String>,
    /// File with the authorities that the API server's certificate is checked against.
    pub ca_file: Option<PathBuf>,
    /// The namespace.
    pub namespace: Option<String>,
    /// What the environment says.
    pub surroundings: Surroundings,
}

/// What the environment says of clusters.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// `KUBECONFIG`: paths with colons between them.
    pub kubeconfig: Option<String>,
    /// The user's own folder, which may have `.kube/config`.
    pub home: Option<PathBuf>,
    /// In a pod, `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    pub service: Option<(String, String)>,
    /// Proxies.
    pub proxies: ProxyEnv,
}

/// A cluster that was chosen, and nobody asked yet.
struct Chosen {
    config: Config,
    /// The program that gives credentials.
    plugin: Option<ExecConfig>,
    /// What it will be shown, in words.
    credentials: String,
}

impl Access {
    /// A client of the cluster that is meant. A credential plugin is run; nothing is sent to the cluster.
    pub async fn connect(&self) -> Result<Cluster, ClusterError> {
        let Chosen {
            mut config,
            plugin,
            credentials,
        } = self.choose().await?;
        config.connect_timeout = Some(CONNECT);
        // Requests have deadlines of their own, and are repeated where that makes sense.
        config.read_timeout = None;
        config.default_retry = false;
        let renewable = plugin.is_some();
        if let Some(plugin) = plugin {
            plugin::ask(&plugin, &mut config.auth_info).await?;
        }
        Cluster::new(config, credentials, renewable)
    }

    /// The namespace that is meant where none is named. It is read from files only.
    pub async fn namespace(&self) -> Result<String, ClusterError> {
        Ok(self.choose().await?.config.default_namespace)
    }

    async fn choose(&self) -> Result<Chosen, ClusterError> {
        let files = self.files()?;
        let mut chosen = if !files.is_empty() {
            self.of_files(&files).await?
        } else if let (Some((host, port)), None) = (&self.surroundings.service, &self.server) {
            of_account(host, port)?
        } else if let Some(server) = &self.server {
            Chosen {
                config: Config::new(uri(server)?),
                plugin: None,
                credentials: "a request without credentials".into(),
            }
        } else {
            return Err(ClusterError::NoCluster {
                looked: self.looked(),
            });
        };
        self.put_flags_over(&mut chosen)?;
        Ok(chosen)
    }

    /// The files that there are, of those that are named; one that a flag names must be there.
    fn files(&self) -> Result<Vec<PathBuf>, ClusterError> {
        if let Some(path) = &self.kubeconfig {
            return match std::fs::metadata(path) {
                Ok(_) => Ok(vec![path.clone()]),
                Err(cause) => Err(ClusterError::Unusable {
                    path: path.clone(),
                    reason: cause.to_string(),
                }),
            };
        }
        let named: Vec<PathBuf> = match &self.surroundings.kubeconfig {
            Some(list) => list
                .split(':')
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect(),
            None => self
                .surroundings
                .home
                .iter()
                .map(|home| home.join(".kube/config"))
                .collect(),
        };
        let (there, missing): (Vec<_>, Vec<_>) = named.into_iter().partition(|path| path.exists());
        // Who names a file wants it: another cluster than that one would be a surprise.
        match (&self.surroundings.kubeconfig, missing.first()) {
            (Some(_), Some(path)) if there.is_empty() => Err(ClusterError::Unusable {
                path: path.clone(),
                reason: "KUBECONFIG names it, and it is not there".into(),
            }),
            _ => Ok(there),
        }
    }

    /// Where a cluster was looked for, in vain.
    fn looked(&self) -> String {
        let home = self.surroundings.home.as_deref().unwrap_or(Path::new("~"));
        let file = home.join(".kube/config");
        format!(
            "KUBECONFIG is not set, {} is not there, and this is not a pod",
            file.display()
        )
    }

    async fn of_files(&self, files: &[PathBuf]) -> Result<Chosen, ClusterError> {
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let source_name = names.join(", ");
        let mut merged = Kubeconfig::default();
        for path in files {
            let unusable = |error: KubeconfigError| ClusterError::Unusable {
                path: path.clone(),
                reason: words(&error),
            };
            let next = Kubeconfig::read_from(path).map_err(unusable)?;
            merged = merged.merge(next).map_err(unusable)?;
        }
        let context = self.chosen_context(&merged, &source_name)?;
        let unusable = |reason: String| ClusterError::Unusable {
            path: files[0].clone(),
            reason,
        };
        let user = user_of(&merged, &context).map_err(unusable)?;
        let options = KubeConfigOptions {
            context: Some(context.clone()),
            ..KubeConfigOptions::default()
        };
        let mut config = Config::from_custom_kubeconfig(merged, &options)
            .await
            .map_err(|error| unusable(format!("the context `{context}`: {}", words(&error))))?;
        let credentials = shown(&config.auth_info, user.as_deref());
        // Of an empty user nothing is known, which is right for servers that ask nothing.
        let plugin = config.auth_info.exec.take();
        Ok(Chosen {
            config,
            plugin,
            credentials,
        })
    }

    fn chosen_context(&self, config: &Kubeconfig, source_name: &str) -> Result<String, ClusterError> {
        let known = || {
            config
                .contexts
                .iter()
                .map(|context| context.name.clone())
                .collect()
        };
        let wanted = self.context.as_ref().or(config.current_context.as_ref());
        match wanted.filter(|name| !name.is_empty()) {
            None => Err(ClusterError::NoContext {
                source_name: source_name.to_owned(),
                known: known(),
            }),
            Some(name) if config.contexts.iter().any(|context| context.name == *name) => Ok(name.clone()),
            Some(name) => Err(ClusterError::NoSuchContext {
                name: name.clone(),
                source_name: source_name.to_owned(),
                known: known(),
            }),
        }
    }

    fn put_flags_over(&self, chosen: &mut Chosen) -> Result<(), ClusterError> {
        let config = &mut chosen.config;
        if let Some(server) = &self.server {
            config.cluster_url = uri(server)?;
        }
        if let Some(path) = &self.ca_file {
            config.root_cert = Some(authorities(path)?);
            config.root_cert_file = None;
        }
        if let Some(token) = &self.token {
            config.auth_info = AuthInfo {
                token: Some(token.expose().to_owned().into()),
                ..AuthInfo::default()
            };
            chosen.plugin = None;
            "the token of --kube-token".clone_into(&mut chosen.credentials);
        }
        if self.as_user.is_none() && !self.as_groups.is_empty() {
            let message = "--kube-as-group goes with --kube-as-user: groups alone are nobody";
            return Err(ClusterError::Settings(message.into()));
        }
        if let Some(user) = &self.as_user {
            config.auth_info.impersonate = Some(user.clone());
            config.auth_info.impersonate_groups =
                (!self.as_groups.is_empty()).then(|| self.as_groups.clone());
        }
        if let Some(namespace) = &self.namespace {
            config.default_namespace.clone_from(namespace);
        }
        self.route(config)
    }

    /// Which proxy requests go through: the one that the file names, or that the environment means for this server.
    fn route(&self, config: &mut Config) -> Result<(), ClusterError> {
        let server = config.cluster_url.to_string();
        let url: Url = server
            .parse()
            .map_err(|cause| ClusterError::Settings(format!("{server} is not a URL: {cause}")))?;
        // The library takes the environment's for every server, exempt or not.
        let of_environment = |proxy: &http::Uri| {
            let ours = self.surroundings.proxies.https.as_ref();
            ours.is_some_and(|known| {
                known
                    .expose()
                    .parse::<http::Uri>()
                    .is_ok_and(|known| known == *proxy)
            })
        };
        if config
            .proxy_url
            .as_ref()
            .is_some_and(|proxy| !of_environment(proxy))
        {
            return Ok(());
        }
        let settings = ProxySettings::Environment(self.surroundings.proxies.clone());
        let proxy = settings
            .for_url(&url)
            .map_err(|error| ClusterError::Settings(error.to_string()))?;
        config.proxy_url = match proxy.as_ref().map(Proxy::with_credentials) {
            Some(url) => Some(uri(url.as_str())?),
            None => None,
        };
        Ok(())
    }
}

/// The user of a context; an error where it or the cluster is named and not there.
fn user_of(config: &Kubeconfig, name: &str) -> Result<Option<String>, String> {
    let context = config.contexts.iter().find(|context| context.name == name);
    let Some(context) = context.and_then(|named| named.context.as_ref()) else {
        return Err(format!("the context `{name}` is empty"));
    };
    if !config
        .clusters
        .iter()
        .any(|cluster| cluster.name == context.cluster)
    {
        return Err(format!(
            "the context `{name}` is of the cluster `{}`, which is not there",
            context.cluster
        ));
    }
    match context.user.as_deref().filter(|user| !user.is_empty()) {
        Some(user) if !config.auth_infos.iter().any(|known| known.name == user) => Err(format!(
            "the context `{name}` is of the user `{user}`, which is not there"
        )),
        user => Ok(user.map(str::to_owned)),
    }
}

/// What a server will be shown.
fn shown(user: &AuthInfo, name: Option<&str>) -> String {
    let of = name.map_or_else(String::new, |name| format!(" of the user `{name}`"));
    if let Some(command) = user.exec.as_ref().and_then(|exec| exec.command.as_deref()) {
        return format!("what the credential plugin `{command}` gave{of}");
    }
    let kind = if user.token.is_some() || user.token_file.is_some() || user.auth_provider.is_some() {
        "the token"
    } else if user.client_certificate.is_some() || user.client_certificate_data.is_some() {
        "the client certificate"
    } else if user.username.is_some() {
        "the password"
    } else {
        "a request without credentials"
    };
    format!("{kind}{of}")
}

/// The account of the pod this runs in.
fn of_account(host: &str, port: &str) -> Result<Chosen, ClusterError> {
    let folder = Path::new(ACCOUNT);
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let mut config = Config::new(uri(&format!("https://{host}:{port}"))?);
    let token = folder.join("token");
    if !token.is_file() {
        return Err(ClusterError::NoCluster {
            looked: format!("this pod has no account: {} is not there", token.display()),
        });
    }
    config.root_cert = Some(authorities(&folder.join("ca.crt"))?);
    config.auth_info.token_file = Some(token.display().to_string());
    if let Ok(namespace) = std::fs::read_to_string(folder.join("namespace")) {
        namespace.trim().clone_into(&mut config.default_namespace);
    }
    Ok(Chosen {
        config,
        plugin: None,
        credentials: "the token of the pod's account".into(),
    })
}

/// The certificates of a file.
fn authorities(path: &Path) -> Result<Vec<Vec<u8>>, ClusterError> {
    let unusable = |reason: String| ClusterError::Unusable {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(|cause| unusable(cause.to_string()))?;
    let read: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(&text)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect();
    match read {
        Ok(found) if found.is_empty() => Err(unusable("it holds no certificate in PEM form".into())),
        Ok(found) => Ok(found),
        Err(cause) => Err(unusable(format!("it is not valid PEM: {cause}"))),
    }
}

fn uri(text: &str) -> Result<http::Uri, ClusterError> {
    let shown = || {
        text.parse::<Url>()
            .map_or_else(|_| text.to_owned(), |url| display_url(&url))
    };
    let uri: http::Uri = text
        .parse()
        .map_err(|cause| ClusterError::Settings(format!("{} is not a URL: {cause}", shown())))?;
    let is_http = matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some();
    is_http.then_some(uri).ok_or_else(|| {
        ClusterError::Settings(format!(
            "{} is not the URL of an API server, such as https://10.0.0.1:6443",
            shown()
        ))
    })
}

/// The cause in the library's words: those around it repeat what is said anyway.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library's other errors have no words of ours, and come and go"
)]
fn words(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::ReadConfig(cause, _) => cause.to_string(),
        KubeconfigError::Parse(cause) => format!("it is not a kubeconfig: {cause}"),
        KubeconfigError::MissingClusterUrl => "its cluster has no `server`".into(),
        other => match std::error::Error::source(other) {
            Some(_) => format!("{}: {}", head(&other.to_string()), cause::root(other)),
            None => other.to_string(),
        },
    }
}

/// What stands before the first colon.
fn head(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(head, _)| head)
}
