//! HTTP/2 under load: a [`Session`] is one connection whose streams are shared by any number of lanes. It does not open
//! sockets: any byte stream will do.
//!
//! # Why
//!
//! The `h2` crate does the framing, HPACK and flow control. What is added here is what a load needs: the server's limit
//! on streams is waited for in turn, a request that the server surely did not process is told from one that it may have
//! processed, a silent server is found out, and every error is in the words of the protocol.

mod driver;
mod exchange;
pub(super) mod failure;
#[cfg(test)]
pub(super) mod raw;
mod session;
mod sessions;
mod shared;
mod upload;
mod wire;

pub(super) use self::{
    driver::takes_requests,
    exchange::{Begun, Broken, is_sent_again},
    failure::is_farewell,
    session::{Limits, Session},
    sessions::Sessions,
    shared::Shared,
    upload::Upload,
};

#[cfg(test)]
pub(super) use self::driver::TURN;
