//! iter8 load-tests a URL in CI, judges its service-level objectives, and reports where people look.
//!
//! Data flows one way, left to right; each module is a stage or serves one:
//!
//! ```text
//! cli ─► spec ─► tasks ─► metrics ─► slo ─► results ─► report ─► platform
//! typed  located run      insights   verdicts outcome   view      publication
//! ```
//!
//! `net`, `grpc`, `load` and `cluster` are what tasks use to reach a target, `jq` how they read answers, `template` and `edit` how they write texts. `tests/architecture.rs` holds who may import whom.

#[macro_use]
mod text;
#[macro_use]
pub mod spec;

pub mod charts;
pub mod cli;
pub mod cluster;
pub mod diagnostic;
pub mod edit;
#[doc(hidden)]
pub mod fuzzing;
pub mod grpc;
pub mod jq;
pub mod load;
pub mod metrics;
pub mod net;
pub mod platform;
pub mod report;
pub mod results;
pub mod secret;
pub mod slo;
pub mod tasks;
pub mod template;
