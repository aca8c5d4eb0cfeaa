//! [`ClusterFlags`]: how a Kubernetes cluster is reached, by flags that are spelled as Helm's.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cluster::{Access, Surroundings};
use crate::platform::Env;
use crate::secret::{Mask, Secret};

/// Flags of every command that may ask a cluster.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Kubernetes")]
pub(super) struct ClusterFlags {
    /// Kubeconfig file; default those of `KUBECONFIG`, or ~/.kube/config, or the account of the pod
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig; default its current one
    #[arg(long = "kube-context", value_name = "NAME")]
    pub kube_context: Option<String>,
    /// Bearer token, in place of the kubeconfig's credentials
    #[arg(long = "kube-token", value_name = "TOKEN")]
    pub kube_token: Option<String>,
    /// User to act as
    #[arg(long = "kube-as-user", value_name = "USER")]
    pub kube_as_user: Option<String>,
    /// Group to act as a member of; may be repeated
    #[arg(long = "kube-as-group", value_name = "GROUP")]
    pub kube_as_group: Vec<String>,
    /// URL of the API server
    #[arg(long = "kube-apiserver", value_name = "URL")]
    pub kube_apiserver: Option<String>,
    /// File with the authority of the API server's certificate
    #[arg(long = "kube-ca-file", value_name = "FILE")]
    pub kube_ca_file: Option<PathBuf>,
    /// Namespace; default that of the context, or of the pod
    #[arg(short = 'n', long, value_name = "NAME")]
    pub namespace: Option<String>,
}

impl ClusterFlags {
    /// What they and the environment say. The token is masked from here on.
    pub(super) fn access(&self, env: &Env, mask: &Mask) -> Access {
        self.kube_token.iter().for_each(|token| mask.add(token));
        Access {
            kubeconfig: self.kubeconfig.clone(),
            context: self.kube_context.clone(),
            token: self.kube_token.as_deref().map(Secret::new),
            as_user: self.kube_as_user.clone(),
            as_groups: self.kube_as_group.clone(),
            server: self.kube_apiserver.clone(),
            ca_file: self.kube_ca_file.clone(),
            namespace: self.namespace.clone(),
            surroundings: surroundings(env),
        }
    }
}

fn surroundings(env: &Env) -> Surroundings {
    let text = |name: &str| env.get(name).map(str::to_owned);
    Surroundings {
        kubeconfig: text("KUBECONFIG"),
        home: env.get("HOME").map(PathBuf::from),
        service: text("KUBERNETES_SERVICE_HOST").zip(text("KUBERNETES_SERVICE_PORT")),
        proxies: env.proxies(),
    }
}
