//! Kubernetes: which cluster is meant and as whom, what is asked of its API server, and what stands in the way, in words.
//!
//! [`Access`] is what flags and the environment say; [`Cluster`] is a client of the API server that it leads to;
//! [`ClusterError`] says what went wrong so that its reader knows what to do. Nothing here knows of experiments.
//!
//! # Why no library of Kubernetes
//! A handful of paths is asked for, and objects are looked at as JSON. Requests go over `net`, as all others do: with its proxies,
//! its TLS and its words for what goes wrong; a library would bring all that a second time.

mod access;
mod change;
mod client;
mod clock;
mod credentials;
mod discovery;
mod error;
mod kubeconfig;
mod line;
mod log;
pub mod manifests;
mod object;
mod owned;
mod plugin;
mod readiness;
mod refusal;
mod status;
mod stream;
mod transport;
mod watch;
mod workload;

#[cfg(test)]
mod tests;

pub use access::{Access, Surroundings};
pub use change::{Deletion, MANAGER, Manner, Propagation};
pub use client::Cluster;
pub use clock::Skew;
pub use error::ClusterError;
pub use line::Line;
pub use log::{Container, Extent};
pub use object::{ObjectName, Resource};
pub use owned::owned;
pub use readiness::unready;
pub use refusal::Forbidden;
pub use stream::Lines;
pub use watch::{Selection, Watch};
pub use workload::{Hindrance, JobEnd, has_ended, hindrance, job_end, last_warning, main_container};

/// Characters that are shown of a text from elsewhere.
const SHOWN: usize = 300;

/// A text of a cluster as it may be shown: not too long, and nothing but text.
pub fn foreign(text: &str) -> String {
    let mut letters = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut shown: String = letters.by_ref().take(SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}
