//! Channels, health and reflection against servers on loopback.

mod channels;
mod healths;
mod reflections;
mod server;

use std::time::Duration;

use super::channel::{Channel, Server};
use crate::net::NetSettings;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server by its URL.
fn at(url: &str) -> Server {
    Server {
        url: url.parse().expect(url),
        authority: None,
        server_name: None,
    }
}

async fn channel(server: &server::Running) -> Channel {
    let net = NetSettings::default();
    Channel::connect(&at(&server.url("http")), &net, PATIENCE)
        .await
        .expect("a channel")
}
