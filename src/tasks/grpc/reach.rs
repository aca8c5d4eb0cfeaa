//! How the server is reached: from fields to a URL, names, TLS and a [`Sender`].

use std::time::Duration;

use url::Url;

use super::input::{Pem, ReachInput};
use crate::spec::Decoder;
use crate::tasks::inputs::{GRPC_NAMES, GrpcHost, NetInput, Places, Sender, other_name};

/// How long reflection waits for its connection if nothing is said.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The server and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// `http://host:port` or, with TLS, `https://host:port`.
    pub(super) url: Url,
    /// As people write it.
    pub(super) host: String,
    /// What stands in `:authority`, and with TLS the name that the certificate must have, if that is not the host.
    pub(super) authority: Option<String>,
    /// Certificates, proxies and addresses.
    pub(super) sender: Sender,
    /// For reflection.
    pub(super) connect_timeout: Duration,
}

/// Checks the fields. `host` may be missing, which is reported elsewhere.
pub(super) fn check(
    input: &ReachInput,
    host: Option<&GrpcHost>,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Reach> {
    let file = |pem: &Option<Pem>| pem.clone().and_then(|pem| pem.0);
    let net = NetInput {
        ca_cert: file(&input.cacert),
        client_cert: file(&input.cert),
        client_key: file(&input.key),
        insecure_skip_verify: input.skip_tls,
        proxy: input.proxy.clone(),
        resolve: input.resolve.clone(),
        ..NetInput::default()
    };
    let sender = net.check_named(&GRPC_NAMES, places, decoder);
    let meant = [
        (net.ca_cert.is_some(), "cacert"),
        (net.client_cert.is_some(), "cert"),
        (net.client_key.is_some(), "key"),
        (input.skip_tls == Some(true), "skipTLS"),
    ];
    let meant = meant
        .into_iter()
        .find_map(|(given, field)| given.then_some(field));
    let tls =
        meant.is_some() || input.insecure == Some(false) || host.is_some_and(|host| host.tls() == Some(true));
    let (authority, cname) = (input.authority.as_ref(), input.cname.as_ref());
    let authority = other_name(authority, cname, tls, places, decoder);
    let (host, sender) = (host?, sender?);
    if input.insecure == Some(true) && tls {
        let other = meant.map_or_else(|| "the URL of the host".to_owned(), |field| format!("`{field}`"));
        let message = format!("`insecure: true` means no TLS, and {other} means TLS");
        let hint = "leave out what is not meant";
        decoder.error(places.at("insecure"), message, Some(hint.to_owned()));
        return None;
    }
    Some(Reach {
        url: host.url(tls)?,
        host: host.to_string(),
        authority: authority?,
        sender,
        connect_timeout: input.connect_timeout.map_or(CONNECT_TIMEOUT, |time| time.0),
    })
}
