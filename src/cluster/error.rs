//! [`ClusterError`]: what stands between a user and a cluster.

use std::path::PathBuf;
use std::time::Duration;

use super::refusal::{ESCALATION, Forbidden};

/// Why a cluster cannot be used, or does not do what it is asked. Texts from elsewhere are in it as they came.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// Nothing says which cluster.
    #[error("no Kubernetes cluster is known: {looked}")]
    NoCluster {
        /// Where one was looked for.
        looked: String,
    },
    /// A file that says how to reach a cluster cannot be used.
    #[error("{}: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The files have no such context.
    #[error("there is no context `{name}` in {source_name}")]
    NoSuchContext {
        /// The one that is asked for.
        name: String,
        /// The files.
        source_name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// The files choose no context, and neither does a flag.
    #[error("no context is chosen in {source_name}")]
    NoContext {
        /// The files.
        source_name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// What flags or files say makes no sense.
    #[error("{0}")]
    Settings(String),
    /// A program that gives credentials does not.
    #[error("the credential plugin `{command}` {reason}")]
    Plugin {
        /// The program.
        command: String,
        /// What became of it.
        reason: String,
        /// What the kubeconfig says about installing it.
        install: Option<String>,
    },
    /// Nobody answers.
    #[error("the API server {server} cannot be reached: {reason}")]
    Unreachable {
        /// Its address.
        server: String,
        /// In words.
        reason: String,
    },
    /// It took too long.
    #[error("the API server {server} did not answer within {after:?}")]
    TimedOut {
        /// Its address.
        server: String,
        /// How long was waited.
        after: Duration,
    },
    /// It answers, and there is no trust in one of both directions.
    #[error("the API server {server}: {reason}")]
    Tls {
        /// Its address.
        server: String,
        /// In words.
        reason: String,
    },
    /// It does not know us: 401.
    #[error(
        "the API server {server} does not accept {credentials} (401): expired, revoked, or of another cluster"
    )]
    Unauthorized {
        /// Its address.
        server: String,
        /// What it was shown.
        credentials: String,
    },
    /// It knows us, and we may not: 403.
    #[error("{0}")]
    Forbidden(Box<Forbidden>),
    /// It refuses for a reason of its own: an admission hook, a policy.
    #[error("the API server refuses this: {0}")]
    Refused(String),
    /// The object is not there.
    #[error("{object} does not exist in the namespace {namespace}")]
    Absent {
        /// The object.
        object: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// The object is not there, and has no namespace to be in.
    #[error("{object} does not exist")]
    AbsentEverywhere {
        /// The object.
        object: String,
    },
    /// The namespace is not there.
    #[error("there is no namespace {0}")]
    NoNamespace(String),
    /// The namespace is being deleted.
    #[error("the namespace {0} is being deleted")]
    Terminating(String),
    /// The API has no such kind of objects.
    #[error("{what}")]
    NoSuchResource {
        /// What is missing.
        what: String,
        /// What may be meant.
        hint: String,
    },
    /// An object of this name is there already: 409.
    #[error("{object} is there already in the namespace {namespace}")]
    Exists {
        /// The object.
        object: String,
        /// Where it is.
        namespace: String,
    },
    /// Others manage fields of the object, and say something else of them: 409.
    #[error("others manage fields of {object}: {}", fields.join(", "))]
    Managed {
        /// The object.
        object: String,
        /// The fields, each with who manages it.
        fields: Vec<String>,
    },
    /// The object changed meanwhile: 409.
    #[error("{0}")]
    Conflict(String),
    /// The API server has forgotten the version from which it was to go on: 410.
    #[error("what was seen is too old to go on from it")]
    Outdated,
    /// An answer that tells of a fault of its own: 429 and 5xx.
    #[error("the API server {server} answers with {status}: {message}")]
    Faulty {
        /// Its address.
        server: String,
        /// The status.
        status: u16,
        /// Its words.
        message: String,
    },
    /// An answer that is none of an API server.
    #[error("{server} does not answer as an API server does: {reason}")]
    Foreign {
        /// Its address.
        server: String,
        /// In words.
        reason: String,
    },
}

impl ClusterError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoCluster { .. } => Some("name a file by --kubeconfig or KUBECONFIG".into()),
            Self::NoSuchContext { name, known, .. } => Some(contexts(Some(name), known)),
            Self::NoContext { known, .. } => Some(contexts(None, known)),
            Self::Plugin { install, .. } => install.clone(),
            Self::Unauthorized { .. } => {
                Some("log in again, or give a token that is valid by --kube-token".into())
            }
            Self::Forbidden(forbidden) => Some(forbidden.hint()),
            Self::NoSuchResource { hint, .. } => Some(hint.clone()),
            Self::Refused(why) if why.contains(ESCALATION) => Some(
                "an account can give no more rights than it has, unless it may `escalate` and `bind` roles; or name an account that has \
                 its rights already by serviceAccountName"
                    .into(),
            ),
            Self::Unusable { .. }
            | Self::Settings(_)
            | Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Tls { .. }
            | Self::Refused(_)
            | Self::Absent { .. }
            | Self::AbsentEverywhere { .. }
            | Self::NoNamespace(_)
            | Self::Terminating(_)
            | Self::Exists { .. }
            | Self::Managed { .. }
            | Self::Conflict(_)
            | Self::Outdated
            | Self::Faulty { .. }
            | Self::Foreign { .. } => None,
        }
    }

    /// Whether the same may succeed in a while: nobody answered, or the one who did was not well.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::TimedOut { .. } | Self::Faulty { .. }
        )
    }

    /// Whether the API server does not let us, or does not know what is meant.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Unauthorized { .. } | Self::Forbidden(_) | Self::Refused(_) | Self::NoSuchResource { .. }
        )
    }

    /// Whether it can be told before anything is asked: by flags, files and the programs that they name.
    pub fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Self::NoCluster { .. }
                | Self::Unusable { .. }
                | Self::NoSuchContext { .. }
                | Self::NoContext { .. }
                | Self::Settings(_)
                | Self::Plugin { .. }
        )
    }
}

/// Advice on contexts: the one that may be meant, and all.
fn contexts(meant: Option<&str>, known: &[String]) -> String {
    let all = match known {
        [] => "it has none".to_owned(),
        [only] => format!("it has only {only}"),
        several => format!("it has {}", several.join(", ")),
    };
    let names = known.iter().map(String::as_str);
    match meant.and_then(|meant| crate::diagnostic::did_you_mean(meant, names)) {
        Some(near) if known.len() > 1 => format!("did you mean `{near}`? {all}"),
        Some(_) | None if meant.is_none() && !known.is_empty() => {
            format!("choose one by --kube-context: {all}")
        }
        Some(_) | None => all,
    }
}
