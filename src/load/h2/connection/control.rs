//! Frames that control a connection or its streams: settings, windows, pings and ends.

use std::task::Waker;

use super::super::frame::{self, Head, LARGEST, flag, number};
use super::super::reason::Reason;
use super::Connection;
use super::streams::{Fault, Found, Key, Phase};

/// What our PINGs hold.
const PING: [u8; 8] = *b"iter8 ok";

impl Connection {
    /// What the number of a frame means that must be one of a stream.
    pub(super) fn find(&self, head: &Head) -> Result<Found, Reason> {
        let id = head.stream;
        // The server opens none, and we have not opened this one.
        if id.is_multiple_of(2) || id >= self.next {
            return Err(Reason::PROTOCOL_ERROR);
        }
        Ok(self.streams.find(id))
    }

    /// Cuts a stream off for what the server sent on it.
    pub(super) fn violated(&mut self, key: Key, reason: Reason) {
        if let Some(stream) = self.streams.get(key) {
            frame::put_reset(&mut self.output.bytes, stream.id, reason);
        }
        self.cut_off(key, Fault::Violation(reason), true);
    }

    /// Frames no longer mean a stream, which has failed unless its answer is complete.
    fn cut_off(&mut self, key: Key, fault: Fault, by_us: bool) {
        self.streams.unlink(key, by_us);
        if let Some(stream) = self.streams.get(key) {
            stream.upload.rest.clear();
            if stream.phase != Phase::Ended || by_us {
                stream.fault.get_or_insert(fault);
            }
            stream.wake();
        }
    }

    pub(super) fn priority(&mut self, head: &Head) -> Result<(), Reason> {
        if head.stream == 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if head.length == 5 {
            return Ok(());
        }
        if let Found::Live(key) = self.find(head)? {
            self.violated(key, Reason::FRAME_SIZE_ERROR);
        }
        Ok(())
    }

    pub(super) fn reset_by_server(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        let found = self.find(head)?;
        if payload.len() != 4 {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        if let Found::Live(key) = found {
            self.cut_off(key, Fault::Reset(Reason(number(payload, 0))), false);
        }
        Ok(())
    }

    pub(super) fn take_settings(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if head.has(flag::ACK) {
            return if payload.is_empty() {
                Ok(())
            } else {
                Err(Reason::FRAME_SIZE_ERROR)
            };
        }
        let before = self.settings;
        self.settings.read(payload)?;
        self.encoder
            .allow(usize::try_from(self.settings.table).unwrap_or(usize::MAX));
        let change = i64::from(self.settings.window) - i64::from(before.window);
        if change != 0 {
            self.change_windows(change)?;
        }
        frame::put(&mut self.output.bytes, head.kind, flag::ACK, 0, &[]);
        Ok(())
    }

    /// What the server takes on each stream has changed.
    fn change_windows(&mut self, change: i64) -> Result<(), Reason> {
        for (key, stream) in self.streams.all() {
            stream.upload.window += change;
            if stream.upload.window > i64::from(LARGEST) {
                return Err(Reason::FLOW_CONTROL_ERROR);
            }
            if !stream.upload.rest.is_empty() && !stream.upload.listed {
                stream.upload.listed = true;
                self.sending.push_back(key);
            }
        }
        self.wake_wanting();
        Ok(())
    }

    pub(super) fn ping(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if payload.len() != PING.len() {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        if head.has(flag::ACK) {
            self.pong |= payload == PING;
        } else {
            frame::put(&mut self.output.bytes, head.kind, flag::ACK, 0, payload);
        }
        Ok(())
    }

    /// Asks for a sign of life.
    pub(in super::super) fn send_ping(&mut self) {
        self.pong = false;
        frame::put(&mut self.output.bytes, frame::kind::PING, 0, 0, &PING);
    }

    /// Whether there was one since this was asked last.
    pub(in super::super) fn take_pong(&mut self) -> bool {
        std::mem::take(&mut self.pong)
    }

    pub(super) fn go_away(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        if head.stream != 0 {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if payload.len() < 8 {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let (last, reason) = (number(payload, 0) & LARGEST, Reason(number(payload, 4)));
        if self.going_away.is_some_and(|(before, _)| last > before) {
            return Err(Reason::PROTOCOL_ERROR);
        }
        self.going_away = Some((last, reason));
        let unprocessed = self
            .streams
            .all()
            .filter(|(_, stream)| stream.id > last && stream.linked);
        let unprocessed: Vec<Key> = unprocessed.map(|(key, _)| key).collect();
        for key in unprocessed {
            self.cut_off(key, Fault::Refused(reason), false);
        }
        Ok(())
    }

    pub(super) fn window_update(&mut self, head: &Head, payload: &[u8]) -> Result<(), Reason> {
        if payload.len() != 4 {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        let more = number(payload, 0) & LARGEST;
        if head.stream == 0 {
            self.send_window += i64::from(more);
            self.wake_wanting();
            return match more {
                0 => Err(Reason::PROTOCOL_ERROR),
                _ if self.send_window > i64::from(LARGEST) => Err(Reason::FLOW_CONTROL_ERROR),
                _ => Ok(()),
            };
        }
        let Found::Live(key) = self.find(head)? else {
            return Ok(());
        };
        let Some(stream) = self.streams.get(key) else {
            return Ok(());
        };
        stream.upload.window += i64::from(more);
        if more == 0 {
            self.violated(key, Reason::PROTOCOL_ERROR);
        } else if stream.upload.window > i64::from(LARGEST) {
            self.violated(key, Reason::FLOW_CONTROL_ERROR);
        } else if stream.upload.rest.is_empty() {
            if stream.upload.wanting {
                stream.wake();
            }
        } else if !stream.upload.listed {
            stream.upload.listed = true;
            self.sending.push_back(key);
        }
        Ok(())
    }

    /// There may be room again for those that wait for it.
    pub(super) fn wake_wanting(&mut self) {
        for key in self.wanting.drain(..) {
            if let Some(stream) = self.streams.get(key) {
                stream.upload.wanting = false;
                stream.wake();
            }
        }
    }

    /// The connection is over: everybody has to look.
    pub(in super::super) fn wake_all(&mut self) {
        self.streams.all().for_each(|(_, stream)| stream.wake());
        self.waiting.drain(..).for_each(Waker::wake);
    }
}
