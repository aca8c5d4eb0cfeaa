//! [`Exemplar`]: one request of a load, shown in full.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the slowest requests of a load, with where its time went. Times are in milliseconds unless said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exemplar {
    /// Its number in the load, from 0.
    pub n: u64,
    /// When it was due, in seconds from the start of the load.
    pub due: f64,
    /// From the instant it was due to the actual send: waiting for a connection, or the generator's own delay.
    pub send_delay: f64,
    /// TCP handshake, when a connection was opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    /// TLS handshake, when a connection was opened for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<f64>,
    /// From the actual send to the first byte of the answer; none without a complete answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttfb: Option<f64>,
    /// From the first byte of the answer to its end; none without a complete answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<f64>,
    /// From the instant it was due to the end of its answer, or until it was given up.
    pub latency: f64,
    /// The connection it was sent on, by its number on its thread of the load, from 1; 0 when it had none, or one that the warm-up opened.
    pub connection: u64,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The `traceparent` it was sent with, to find it in the target's traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Exemplar {
    /// How many are kept of a load.
    pub const KEPT: usize = 5;

    /// Keeps the slowest, slowest first; of equal ones the first.
    pub(super) fn keep_slowest(exemplars: &mut Vec<Self>) {
        exemplars.sort_by(|a, b| b.latency.total_cmp(&a.latency).then(a.due.total_cmp(&b.due)));
        exemplars.truncate(Self::KEPT);
    }
}
