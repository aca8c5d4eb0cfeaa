//! What is sent: heads, bodies as far as the windows let them, and ends of streams.

use bytes::{Bytes, BytesMut};
use http::{Method, Request};
use std::task::{Context, Poll};

use super::super::frame::{self, HEAD, flag, kind};
use super::super::hpack::HeadId;
use super::super::reason::Reason;
use super::streams::{End, Key, Phase, Stream, Upload};
use super::{BACKLOG, Connection, signed};

impl Connection {
    /// Opens a stream with the head of a request, unless there are no more streams. `complete` when nothing follows.
    pub(in super::super) fn open(&mut self, head: &Request<()>, id: HeadId, complete: bool) -> Option<Key> {
        if !self.is_open() {
            return None;
        }
        let stream = self.next;
        self.next += 2;
        let begins_at = self.output.total + self.output.backlog() as u64;
        let end = if complete { flag::END_STREAM } else { 0 };
        self.write_head(stream, head, id, end);
        let window = i64::from(self.settings.window);
        let mut stream = Stream::new(stream, begins_at, self.now, window, complete);
        stream.bodiless = head.method() == Method::HEAD;
        Some(self.streams.insert(stream))
    }

    /// Appends HEADERS, and CONTINUATION where that is not enough.
    fn write_head(&mut self, stream: u32, head: &Request<()>, id: HeadId, end: u8) {
        let out = &mut self.output.bytes;
        let start = out.len();
        frame::begin(out, 0, kind::HEADERS, end | flag::END_HEADERS, stream);
        self.encoder.encode(head, id, out);
        let length = out.len() - start - HEAD;
        let most = self.settings.payload;
        if length <= most {
            out[start..start + 3].copy_from_slice(&length.to_be_bytes()[size_of::<usize>() - 3..]);
            return;
        }
        let block = out.split_off(start + HEAD);
        out.truncate(start);
        let parts = block.chunks(most);
        let last = parts.len() - 1;
        for (index, part) in parts.enumerate() {
            let (kind, flags) = if index == 0 {
                (kind::HEADERS, end)
            } else {
                (kind::CONTINUATION, 0)
            };
            let ends = if index == last { flag::END_HEADERS } else { 0 };
            frame::put(out, kind, flags | ends, stream, part);
        }
    }

    /// Sends the next part of a request as soon as the server takes it; `last` when nothing follows.
    pub(in super::super) fn send(&mut self, key: Key, data: &Bytes, last: bool) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        let upload = &mut stream.upload;
        if upload.is_over() || !stream.linked {
            return;
        }
        if last {
            upload.end = End::Known;
        }
        if upload.rest.is_empty() {
            upload.rest = data.clone();
        } else if !data.is_empty() {
            let mut both = BytesMut::with_capacity(upload.rest.len() + data.len());
            both.extend_from_slice(&upload.rest);
            both.extend_from_slice(data);
            upload.rest = both.freeze();
        }
        if upload.listed {
            return;
        }
        // Behind those that wait already.
        if self.sending.is_empty() {
            self.write_data(key);
        }
        if let Some(stream) = self.streams.get(key)
            && stream.upload.is_due()
        {
            stream.upload.listed = true;
            self.sending.push_back(key);
        }
    }

    /// Appends as many bodies as there is room for; those that wait take turns.
    pub(super) fn pump(&mut self) {
        let mut turns = self.sending.len();
        while turns > 0
            && !self.is_congested()
            && let Some(key) = self.sending.pop_front()
        {
            if let Some(stream) = self.streams.get(key) {
                stream.upload.listed = false;
            }
            let goes_on = self.write_data(key);
            let Some(stream) = self.streams.get(key) else {
                continue;
            };
            if goes_on {
                stream.upload.listed = true;
                self.sending.push_back(key);
            }
            turns -= 1;
        }
    }

    /// Appends DATA of a stream. Whether there is more, and the window of the stream lets it go on.
    fn write_data(&mut self, key: Key) -> bool {
        loop {
            let most = self.settings.payload.min(BACKLOG);
            let congested = self.is_congested();
            let Some(stream) = self.streams.get(key) else {
                return false;
            };
            let upload = &mut stream.upload;
            if !stream.linked || !upload.is_due() {
                return false;
            }
            let window = upload.window.min(self.send_window);
            let room = usize::try_from(window).unwrap_or(0).min(most);
            let size = upload.rest.len().min(room);
            if size == 0 && !upload.rest.is_empty() {
                return upload.window > 0;
            }
            if congested {
                return true;
            }
            let part = upload.rest.split_to(size);
            if upload.end == End::Known && upload.rest.is_empty() {
                upload.end = End::Written;
            }
            upload.window -= signed(size);
            self.send_window -= signed(size);
            let flags = if upload.is_over() { flag::END_STREAM } else { 0 };
            frame::put(&mut self.output.bytes, kind::DATA, flags, stream.id, &part);
        }
    }

    /// Waits until more can be sent on a stream at once. Whether it can be at all.
    pub(in super::super) fn poll_room(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<bool> {
        let full = self.is_congested() || self.send_window <= 0;
        let Some(stream) = self.streams.get(key) else {
            return Poll::Ready(false);
        };
        if stream.upload.is_over() || !stream.linked {
            return Poll::Ready(false);
        }
        if !full && stream.upload.rest.is_empty() && stream.upload.window > 0 {
            return Poll::Ready(true);
        }
        stream.wake_later(cx);
        if !std::mem::replace(&mut stream.upload.wanting, true) {
            self.wanting.push(key);
        }
        Poll::Pending
    }

    /// How many bytes were to be written before the first one of a stream, and whether its answer has begun.
    pub(in super::super) fn progress(&mut self, key: Key) -> (u64, bool) {
        let stream = self.streams.get(key);
        stream.map_or((0, true), |stream| {
            (stream.begins_at, stream.phase != Phase::Head)
        })
    }

    /// Nobody is interested in a stream any more: it is reset, unless both sides have ended it.
    pub(in super::super) fn close(&mut self, key: Key) {
        let Some(stream) = self.streams.get(key) else {
            return;
        };
        let unread = stream.body.len();
        let ended = stream.phase == Phase::Ended && stream.upload.is_over();
        let resets = stream.linked && !ended;
        if resets {
            frame::put_reset(&mut self.output.bytes, stream.id, Reason::CANCEL);
        }
        let Upload { listed, wanting, .. } = stream.upload;
        self.taken_of_all(unread);
        self.streams.unlink(key, resets);
        self.streams.free(key);
        if listed {
            self.sending.retain(|other| *other != key);
        }
        if wanting {
            self.wanting.retain(|other| *other != key);
        }
    }
}
