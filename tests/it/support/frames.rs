//! [`speaking`]: a server of HTTP/2 that is told frame by frame what to say.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

use super::Faulty;

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const ACK: u8 = 1;

/// A frame (RFC 9113, section 4.1).
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// SETTINGS with these values.
pub(crate) fn setting(values: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (id, value) in values {
        payload.extend(id.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

/// A server without TLS that begins with these settings. `answer` gets the socket once for every request, with the
/// number of its stream and its own on the connection, from 0; whether more requests are taken is its answer. What comes
/// after the last one is read and left undone.
pub(crate) fn speaking(
    settings: Vec<u8>,
    answer: impl Fn(&mut TcpStream, u32, usize) -> bool + Send + Sync + 'static,
) -> Faulty {
    Faulty::sockets(move |mut stream, counts| {
        let mut index = 0;
        if stream.write_all(&settings).is_err() || stream.read_exact(&mut [0; 24]).is_err() {
            return;
        }
        while let Some((kind, flags, id, payload)) = next(&mut stream) {
            let said = match (kind, flags & ACK) {
                (SETTINGS, 0) => stream.write_all(&frame(SETTINGS, ACK, 0, &[])).is_ok(),
                (PING, 0) => stream.write_all(&frame(PING, ACK, 0, &payload)).is_ok(),
                (HEADERS, _) => {
                    counts.request();
                    index += 1;
                    answer(&mut stream, id, index - 1)
                }
                _ => true,
            };
            if !said {
                break;
            }
        }
        // Closed with unread bytes, the connection would be reset and what was said last be lost.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    })
}

/// The next frame: kind, flags, stream, payload; `None` when the client has gone.
fn next(stream: &mut TcpStream) -> Option<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut payload = vec![0; usize::try_from(length).ok()?];
    stream.read_exact(&mut payload).ok()?;
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    Some((head[3], head[4], id, payload))
}
