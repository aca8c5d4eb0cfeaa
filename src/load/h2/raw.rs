//! A server that sends exactly the frames that a test wants.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::{Limits, Session};

pub(in super::super) const DATA: u8 = 0;
pub(in super::super) const HEADERS: u8 = 1;
pub(in super::super) const RST_STREAM: u8 = 3;
pub(in super::super) const SETTINGS: u8 = 4;
pub(in super::super) const PING: u8 = 6;
pub(in super::super) const GOAWAY: u8 = 7;
pub(in super::super) const WINDOW_UPDATE: u8 = 8;
pub(in super::super) const CONTINUATION: u8 = 9;

pub(in super::super) const ACK: u8 = 1;
pub(in super::super) const END_STREAM: u8 = 1;
pub(in super::super) const END_HEADERS: u8 = 4;

/// `:status: 200` in HPACK.
pub(in super::super) const OK: &[u8] = &[0x88];

/// A frame as it came.
#[derive(Debug)]
pub(in super::super) struct Frame {
    pub(in super::super) kind: u8,
    pub(in super::super) flags: u8,
    pub(in super::super) stream: u32,
    pub(in super::super) payload: Vec<u8>,
}

impl Frame {
    /// The code of a RST_STREAM.
    pub(in super::super) fn code(&self) -> u32 {
        u32::from_be_bytes(self.payload[..4].try_into().expect("four bytes"))
    }
}

pub(in super::super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// SETTINGS with one value.
pub(in super::super) fn setting(id: u16, value: u32) -> Vec<u8> {
    let mut payload = id.to_be_bytes().to_vec();
    payload.extend(value.to_be_bytes());
    frame(SETTINGS, 0, 0, &payload)
}

/// A complete answer: 200 and a body.
pub(in super::super) fn answer(stream: u32, body: &[u8]) -> Vec<u8> {
    let mut bytes = frame(HEADERS, END_HEADERS, stream, OK);
    bytes.extend(frame(DATA, END_STREAM, stream, body));
    bytes
}

pub(in super::super) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &code.to_be_bytes())
}

pub(in super::super) fn go_away(last: u32, code: u32) -> Vec<u8> {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend(code.to_be_bytes());
    frame(GOAWAY, 0, 0, &payload)
}

/// The server's end of a connection.
pub(in super::super) struct Raw {
    pub(in super::super) stream: TcpStream,
}

impl Raw {
    /// A connection to which the server has said nothing yet.
    pub(in super::super) async fn pair() -> (Self, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = TcpStream::connect(address).await.expect("a connection");
        client.set_nodelay(true).expect("no delay");
        let (stream, _) = listener.accept().await.expect("a connection");
        (Self { stream }, client)
    }

    /// A session that was greeted with these settings.
    pub(in super::super) async fn session_with(settings: &[u8], limits: Limits) -> (Self, Session) {
        let (mut raw, client) = Self::pair().await;
        raw.send(settings).await;
        let session = Session::open(client, limits).await.expect("a session");
        raw.preface().await;
        raw.send(&frame(SETTINGS, ACK, 0, &[])).await;
        (raw, session)
    }

    /// A session with a server that sets nothing.
    pub(in super::super) async fn session() -> (Self, Session) {
        Self::session_with(&frame(SETTINGS, 0, 0, &[]), Limits::default()).await
    }

    pub(in super::super) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the client reads");
    }

    pub(in super::super) async fn preface(&mut self) {
        let mut preface = [0; 24];
        self.stream.read_exact(&mut preface).await.expect("a preface");
        assert_eq!(&preface, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    }

    /// The next frame; `None` when the client has gone.
    pub(in super::super) async fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).expect("a small frame")];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes(head[5..].try_into().expect("four bytes")),
            payload,
        })
    }

    /// The next frame of a kind.
    pub(in super::super) async fn wait_for(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await.expect("the client has gone");
            if frame.kind == kind && (kind != SETTINGS && kind != PING || frame.flags & ACK == 0) {
                return frame;
            }
        }
    }
}
