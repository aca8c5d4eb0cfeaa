//! Types of fields that several tasks have.

mod body;
mod method;
mod net;
mod rate;
mod status;
mod target;

pub(super) use body::Source;
pub(super) use method::HttpMethod;
pub(super) use net::{Credentials, NetInput, ReachError, Sender};
pub(super) use rate::{Count, Rate};
pub(super) use status::{Range, Statuses};
pub(super) use target::Target;
