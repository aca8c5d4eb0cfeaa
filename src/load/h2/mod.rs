//! HTTP/2 under load: a [`Session`] is one connection whose streams are shared by any number of lanes. It does not open
//! sockets: any byte stream will do.
//!
//! # Layers
//!
//! `frame`, `settings` and `hpack` are the formats, `blocks` the heads of answers. `connection` is the protocol without any
//! I/O: bytes in, bytes out, streams between. `driver` is the task that moves the bytes, `shared` what it and the lanes
//! know of each other, and `exchange` one request on its way.
//!
//! # Why
//!
//! A load sends the same few bytes on many streams, so what counts is what one more stream costs. A wake-up of the driver
//! is one read, all frames of it taken in place, and one write for all lanes that went on. A head that is known is copied,
//! an answer whose head is known is compared, and neither is encoded or decoded. What a load needs beside that: the
//! server's limit on streams is waited for in turn, a request that the server surely did not process is told from one that
//! it may have processed, a silent server is found out, and every error is in the words of the protocol.

mod blocks;
mod connection;
mod driver;
mod exchange;
pub(super) mod failure;
mod frame;
mod gate;
mod hpack;
mod meter;
#[cfg(test)]
pub(super) mod raw;
mod reason;
mod session;
mod sessions;
mod settings;
mod shared;

pub(super) use self::{
    blocks::Block,
    exchange::{Begun, Broken, Event, is_sent_again},
    failure::is_farewell,
    hpack::HeadId,
    reason::Reason,
    session::{Limits, Session},
    sessions::Sessions,
};

pub(crate) use self::{connection::replay, hpack::replay as header_replay};

#[cfg(test)]
pub(super) use self::driver::TURN;
