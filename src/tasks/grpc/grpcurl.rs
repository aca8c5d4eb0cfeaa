//! [`line()`]: a call of a load as a grpcurl command.

use super::fetch::{Fetch, ProtoFile};
use super::source::Descriptors;
use super::{GrpcReady, assemble::Body};
use crate::load::grpc::MAX_RECEIVED;
use crate::net::proxy::ProxySettings;
use crate::secret::Mask;
use crate::tasks::load::command::{Command, STARS};

/// The command that makes one call of a part, on a single line.
pub(super) fn line(ready: &GrpcReady, mask: &Mask) -> String {
    let mut command = Command::new("grpcurl", vec!["{{".to_owned()], mask);
    transport(&mut command, ready);
    descriptors(&mut command, &ready.descriptors);
    for name in &ready.metadata {
        command.word("-H ", &format!("{name}: {STARS}"));
    }
    body(&mut command, ready);
    if ready.part.spec.max_recv > MAX_RECEIVED {
        let most = i32::try_from(ready.part.spec.max_recv).unwrap_or(i32::MAX);
        command.words.push(format!("-max-msg-sz {most}"));
    }
    let host = mask.apply(&ready.host);
    command.word("", &host);
    let path = ready.part.spec.path.as_str().trim_start_matches('/');
    command.word("", path);
    command.finish()
}

fn transport(command: &mut Command<'_>, ready: &GrpcReady) {
    let net = &ready.part.net;
    if ready.part.spec.url.scheme() == "http" {
        command.words.push("-plaintext".to_owned());
    } else if net.tls.insecure_skip_verify {
        command.words.push("-insecure".to_owned());
    }
    if let Some(authority) = &ready.part.spec.authority {
        let shown = command.mask.apply(authority);
        command.word("-authority ", &shown);
    }
    if matches!(net.proxy, ProxySettings::Explicit(_)) || !net.resolve.is_empty() {
        command.missing.push("proxy and resolve");
    }
    if net.tls.ca_cert.is_some() || net.tls.client_cert.is_some() {
        command.missing.push("certificates");
    }
}

fn descriptors(command: &mut Command<'_>, descriptors: &Descriptors) {
    match descriptors {
        Descriptors::Reflection(metadata) => {
            for name in metadata.keys() {
                command.word("-reflect-header ", &format!("{name}: {STARS}"));
            }
        }
        Descriptors::Proto {
            file: ProtoFile::File { name, .. },
            folders,
        } => {
            command.words.push("-import-path .".to_owned());
            for folder in folders {
                let shown = command.mask.apply(&folder.display().to_string());
                command.word("-import-path ", &shown);
            }
            let shown = command.mask.apply(name);
            command.word("-proto ", &shown);
        }
        Descriptors::Proto { .. } | Descriptors::Set(Fetch::Url(_)) => {
            command.missing.push("the descriptors from a URL");
        }
        Descriptors::Set(_) => command.missing.push("the protoset"),
    }
}

fn body(command: &mut Command<'_>, ready: &GrpcReady) {
    const WHAT: &str = "the message";
    match &ready.body {
        Body::Empty => {}
        Body::Json(data) => {
            let mut texts = data.texts(ready.templates);
            if !ready.part.spec.kind.client_streams() {
                texts.truncate(1);
            }
            command.content("-d ", texts.join(" ").as_bytes(), WHAT);
        }
        Body::Binary(_) => command.missing.push("the binary message"),
    }
}
