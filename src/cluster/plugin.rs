//! [`ask`]: runs the program that a kubeconfig names as the source of credentials.
//!
//! The protocol is `client.authentication.k8s.io`: the program learns of its task from `KUBERNETES_EXEC_INFO` and prints an
//! `ExecCredential` (<https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>).

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;
use tokio::time::timeout;

use super::error::ClusterError;
use super::kubeconfig::{Plugin, User};

/// How long a program may take: those of clouds ask a server or two.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of what a failing program says is shown, in characters.
const SHOWN: usize = 300;

/// What a program prints.
#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Status>,
}

/// Credentials; when they end is learnt from the server that refuses them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Puts the credentials that a program gives into what is known of a user.
pub(super) async fn ask(plugin: &Plugin, user: &mut User) -> Result<(), ClusterError> {
    let command = plugin.command.clone().unwrap_or_default();
    let failed = |reason: String| ClusterError::Plugin {
        command: command.clone(),
        reason,
        install: plugin.install_hint.as_deref().map(|hint| hint.trim().to_owned()),
    };
    if command.is_empty() {
        return Err(failed("has no name: `command` is missing".into()));
    }
    let output = match timeout(PATIENCE, start(plugin, &command).output()).await {
        Err(_elapsed) => return Err(failed(format!("did not end within {PATIENCE:?}"))),
        Ok(Err(cause)) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(failed("is not installed here".into()));
        }
        Ok(Err(cause)) => return Err(failed(format!("cannot be run: {cause}"))),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        return Err(failed(ended(output.status, &output.stderr)));
    }
    // Some write YAML, of which JSON is a part.
    let printed = String::from_utf8_lossy(&output.stdout);
    let read: Result<ExecCredential, _> = serde_yaml::from_str(&printed);
    // What it printed may be a secret, and so may be what a parser quotes.
    let Ok(ExecCredential { status: Some(status) }) = read else {
        return Err(failed("does not print an ExecCredential with a `status`".into()));
    };
    let certificate = status.client_certificate_data.zip(status.client_key_data);
    if status.token.is_none() && certificate.is_none() {
        return Err(failed(
            "gives neither a token nor a certificate with its key".into(),
        ));
    }
    if let Some((certificate, key)) = certificate {
        user.show(&certificate, &key);
    }
    user.token = status.token.or(user.token.take());
    Ok(())
}

fn start(plugin: &Plugin, name: &str) -> Command {
    let mut spec = json!({ "interactive": false });
    if let Some(cluster) = &plugin.cluster {
        spec["cluster"] = cluster.clone();
    }
    let version = plugin
        .api_version
        .as_deref()
        .unwrap_or("client.authentication.k8s.io/v1");
    let about = json!({ "kind": "ExecCredential", "apiVersion": version, "spec": spec });
    let mut command = Command::new(name);
    command
        .args(&plugin.args)
        .env("KUBERNETES_EXEC_INFO", about.to_string())
        // Nobody is there to answer a question.
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for variable in &plugin.env {
        command.env(&variable.name, &variable.value);
    }
    command
}

fn ended(status: ExitStatus, stderr: &[u8]) -> String {
    let said = String::from_utf8_lossy(stderr);
    let said = said.trim();
    let from = said.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
    let tail = if said.is_empty() {
        String::new()
    } else {
        format!(": {}", &said[from..])
    };
    format!("ended with {status}{tail}")
}
