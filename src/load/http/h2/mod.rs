//! HTTP/2 under load: a [`Session`] is one connection whose streams are shared by any number of lanes; a [`Prepared`]
//! is what is sent on one of them. It does not open sockets: any byte stream will do.
//!
//! # Why
//!
//! The `h2` crate does the framing, HPACK and flow control. What is added here is what a load needs: the server's limit
//! on streams is waited for in turn, a request that the server surely did not process is told from one that it may have
//! processed, a silent server is found out, and every error is in the words of the protocol.

#![cfg_attr(
    not(test),
    expect(dead_code, reason = "the target that opens sessions is built on this module")
)]

mod driver;
mod exchange;
mod failure;
mod request;
mod session;
mod shared;
mod wire;

#[cfg_attr(
    not(test),
    expect(
        unused_imports,
        reason = "the target that opens sessions is built on this module"
    )
)]
pub(super) use self::{
    request::Prepared,
    session::{Limits, Session},
};

#[cfg(test)]
mod tests;
