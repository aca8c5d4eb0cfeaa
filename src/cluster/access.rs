//! [`Access`]: which cluster, and as whom: by flags, by kubeconfig files, or by the account of the pod this runs in.

use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Url;

use super::client::Cluster;
use super::error::ClusterError;
use super::kubeconfig::{Kubeconfig, Plugin, User};
use super::plugin;
use super::transport::Config;
use crate::net::display_url;
use crate::net::proxy::{ProxyEnv, ProxySettings};
use crate::net::tls::Pem;
use crate::secret::Secret;

/// Where a pod finds its account.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

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
    plugin: Option<Plugin>,
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
        } = self.choose()?;
        let renewable = plugin.is_some();
        if let Some(plugin) = plugin {
            plugin::ask(&plugin, &mut config.user).await?;
        }
        Cluster::new(config, credentials, renewable)
    }

    /// The namespace that is meant where none is named. It is read from files only.
    pub fn namespace(&self) -> Result<String, ClusterError> {
        Ok(self.choose()?.config.namespace)
    }

    fn choose(&self) -> Result<Chosen, ClusterError> {
        let files = self.files()?;
        let server = self.server.as_deref().map(url).transpose()?;
        let mut chosen = if !files.is_empty() {
            self.of_files(&files, server)?
        } else if let Some(server) = server {
            Chosen {
                config: Config::new(server),
                plugin: None,
                credentials: "a request without credentials".into(),
            }
        } else if let Some((host, port)) = &self.surroundings.service {
            of_account(host, port)?
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

    fn of_files(&self, files: &[PathBuf], address: Option<Url>) -> Result<Chosen, ClusterError> {
        let names: Vec<String> = files.iter().map(|path| path.display().to_string()).collect();
        let source_name = names.join(", ");
        let mut merged = Kubeconfig::default();
        for path in files {
            let next = Kubeconfig::read(path);
            merged.add(next.map_err(|reason| ClusterError::Unusable {
                path: path.clone(),
                reason,
            })?);
        }
        let name = self.chosen_context(&merged, &source_name)?;
        of_context(merged, &name, address).map_err(|reason| ClusterError::Unusable {
            path: files[0].clone(),
            reason,
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
        if let Some(path) = &self.ca_file {
            config.authorities = Some(authorities(path)?);
        }
        if let Some(token) = &self.token {
            config.user = User::default();
            config.user.token = Some(token.expose().to_owned());
            chosen.plugin = None;
            "the token of --kube-token".clone_into(&mut chosen.credentials);
        }
        if self.as_user.is_none() && !self.as_groups.is_empty() {
            let message = "--kube-as-group goes with --kube-as-user: groups alone are nobody";
            return Err(ClusterError::Settings(message.into()));
        }
        if let Some(user) = &self.as_user {
            config.user.impersonate = Some(user.clone());
            config.user.impersonate_groups.clone_from(&self.as_groups);
        }
        if let Some(namespace) = &self.namespace {
            config.namespace.clone_from(namespace);
        }
        // The proxy that the file names, or that the environment means for this server.
        if config.proxy.is_none() {
            config.proxy = Some(ProxySettings::Environment(self.surroundings.proxies.clone()));
        }
        Ok(())
    }
}

/// What a context of files means, but for the address of the API server if one is given. The error is in words.
fn of_context(files: Kubeconfig, name: &str, address: Option<Url>) -> Result<Chosen, String> {
    let (context, server, mut user) = files.take(name)?;
    let odd = |reason: String| format!("the context `{name}`: {reason}");
    let address = match (address, &server.address) {
        (Some(given), _) => given,
        (None, Some(address)) => url(address).map_err(|error| odd(error.to_string()))?,
        (None, None) => return Err(odd("its cluster has no `server`".into())),
    };
    let mut config = Config::new(address);
    config.authorities = server.authorities().map_err(odd)?;
    config.insecure = server.insecure_skip_tls_verify.unwrap_or_default();
    config.server_name.clone_from(&server.tls_server_name);
    if let Some(proxy) = &server.proxy_url {
        let proxy = proxy
            .parse()
            .map_err(|error| odd(format!("proxy-url: {error}")))?;
        config.proxy = Some(ProxySettings::Explicit(proxy));
    }
    if let Some(namespace) = context.namespace {
        config.namespace = namespace;
    }
    let credentials = shown(&user, context.user.as_deref());
    let plugin = user.take_plugin(&server).map_err(odd)?;
    config.user = user;
    Ok(Chosen {
        config,
        plugin,
        credentials,
    })
}

/// What a server will be shown.
fn shown(user: &User, name: Option<&str>) -> String {
    let of = name.map_or_else(String::new, |name| format!(" of the user `{name}`"));
    if let Some(command) = user.exec.as_ref().and_then(|exec| exec.command.as_deref()) {
        return format!("what the credential plugin `{command}` gave{of}");
    }
    let kind = if user.token.is_some() || user.token_file.is_some() || user.auth_provider.is_some() {
        "the token"
    } else if user.has_certificate() {
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
    let mut config = Config::new(url(&format!("https://{host}:{port}"))?);
    let token = folder.join("token");
    if !token.is_file() {
        return Err(ClusterError::NoCluster {
            looked: format!("this pod has no account: {} is not there", token.display()),
        });
    }
    config.authorities = Some(authorities(&folder.join("ca.crt"))?);
    config.user.token_file = Some(token.display().to_string());
    if let Ok(namespace) = std::fs::read_to_string(folder.join("namespace")) {
        namespace.trim().clone_into(&mut config.namespace);
    }
    Ok(Chosen {
        config,
        plugin: None,
        credentials: "the token of the pod's account".into(),
    })
}

/// The certificates of a file.
fn authorities(path: &Path) -> Result<Pem, ClusterError> {
    let unusable = |reason: String| ClusterError::Unusable {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read(path).map_err(|cause| unusable(cause.to_string()))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match read {
        Ok(found) if found.is_empty() => Err(unusable("it holds no certificate in PEM form".into())),
        Ok(_) => Ok(Pem::new(text)),
        Err(cause) => Err(unusable(format!("it is not valid PEM: {cause}"))),
    }
}

fn url(text: &str) -> Result<Url, ClusterError> {
    let url: Url = text
        .parse()
        .map_err(|cause| ClusterError::Settings(format!("{text} is not a URL: {cause}")))?;
    let is_http = matches!(url.scheme(), "https" | "http") && url.has_host();
    let shown = display_url(&url);
    is_http.then_some(url).ok_or_else(|| {
        ClusterError::Settings(format!(
            "{shown} is not the URL of an API server, such as https://10.0.0.1:6443"
        ))
    })
}
