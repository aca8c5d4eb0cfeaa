//! Settings (RFC 9113, section 6.5): ours, which never change, and [`Settings`], those of the server.

use super::frame::{LARGEST, PAYLOAD};
use super::reason::Reason;

const HEADER_TABLE_SIZE: u16 = 1;
const ENABLE_PUSH: u16 = 2;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// What every window is until its reader says otherwise.
pub(super) const WINDOW: u32 = 65_535;
/// What one stream may send before it hears from us.
pub(super) const STREAM_WINDOW: u32 = 1 << 20;
/// What all streams together may send before they hear from us.
pub(super) const CONNECTION_WINDOW: u32 = 8 << 20;
/// Largest header of an answer, as RFC 9113, section 6.5.2 counts it.
pub(super) const HEADER_LIST: u32 = 64 << 10;

/// What we send.
pub(super) const OURS: [(u16, u32); 3] = [
    (ENABLE_PUSH, 0),
    (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
    (MAX_HEADER_LIST_SIZE, HEADER_LIST),
];

/// What the server wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    /// Bytes of its dynamic table.
    pub(super) table: u32,
    /// Streams at the same time; `None` is any number.
    pub(super) streams: Option<u32>,
    /// What we may send on a stream before we hear from it.
    pub(super) window: u32,
    /// Bytes of the longest payload that it takes.
    pub(super) payload: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            table: 4096,
            streams: None,
            window: WINDOW,
            payload: PAYLOAD,
        }
    }
}

impl Settings {
    /// Takes in the payload of a SETTINGS frame.
    pub(super) fn read(&mut self, payload: &[u8]) -> Result<(), Reason> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        for [high, low, value @ ..] in settings {
            let value = u32::from_be_bytes(*value);
            match u16::from_be_bytes([*high, *low]) {
                HEADER_TABLE_SIZE => self.table = value,
                // A server may not even allow it.
                ENABLE_PUSH if value != 0 => return Err(Reason::PROTOCOL_ERROR),
                MAX_CONCURRENT_STREAMS => self.streams = Some(value),
                INITIAL_WINDOW_SIZE if value > LARGEST => return Err(Reason::FLOW_CONTROL_ERROR),
                INITIAL_WINDOW_SIZE => self.window = value,
                MAX_FRAME_SIZE => {
                    let payload = usize::try_from(value).unwrap_or(usize::MAX);
                    if !(PAYLOAD..1 << 24).contains(&payload) {
                        return Err(Reason::PROTOCOL_ERROR);
                    }
                    self.payload = payload;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
