//! [`Decoded`]: the body of an answer as it was before it was encoded for the way, piece by piece.
//!
//! Only what looks into a body needs it; what is counted are the bytes that came. However small an answer is, what it
//! unfolds to may be endless, so pieces are handed on as they come and nothing is kept.

use std::io::{self, Write};
use std::ops::ControlFlow;

use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::CONTENT_ENCODING;

use crate::load::Failed;
use crate::metrics::FailureClass;

/// Most bytes that are unfolded of one body.
const LONGEST: usize = 64 << 20;

/// A body on its way.
pub(super) struct Decoded {
    coding: Coding,
    /// Bytes that may still be handed on.
    pub(super) left: usize,
    /// Whether the receiver has seen enough.
    ended: bool,
}

/// How a body is encoded (RFC 9110, section 8.4.1). Decoders are some ten kilobytes large, so they are made with the
/// first piece.
enum Coding {
    Identity,
    /// `gzip`, not begun.
    Gzip,
    /// `deflate`, not begun.
    Deflate,
    /// Of a body that has begun.
    Begun(Box<dyn Decoder>),
}

/// A decoder that keeps what it unfolds until it is taken.
trait Decoder: Write {
    fn take(&mut self) -> Vec<u8>;
    /// Fails if the body is not complete, or not what its checksum says.
    fn end(&mut self) -> io::Result<()>;
}

macro_rules! decoder {
    ($($type:ident),*) => {$(
        impl Decoder for $type<Vec<u8>> {
            fn take(&mut self) -> Vec<u8> {
                std::mem::take(self.get_mut())
            }

            fn end(&mut self) -> io::Result<()> {
                self.try_finish()
            }
        }
    )*};
}

decoder!(MultiGzDecoder, ZlibDecoder, DeflateDecoder);

impl Decoded {
    /// A body with the encoding that the head of its answer names. Fails for one that cannot be decoded.
    pub(super) fn new(headers: &HeaderMap) -> Result<Self, Failed> {
        let mut codings = headers
            .get_all(CONTENT_ENCODING)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
            .map(|name| String::from_utf8_lossy(name.trim_ascii()).to_ascii_lowercase())
            .filter(|name| !name.is_empty() && name != "identity");
        let coding = match (codings.next().as_deref(), codings.next()) {
            (None, _) => Coding::Identity,
            (Some("gzip" | "x-gzip"), None) => Coding::Gzip,
            (Some("deflate"), None) => Coding::Deflate,
            (Some(other), None) => return Err(refused(format!("the body is encoded as `{other}`"))),
            (Some(_), Some(_)) => return Err(refused("the body is encoded more than once")),
        };
        Ok(Self {
            coding,
            left: LONGEST,
            ended: false,
        })
    }

    /// Takes the next piece and hands on what it unfolds to, in pieces of some ten kilobytes at most, until `out`
    /// breaks; from then on the body is not looked at.
    pub(super) fn feed(
        &mut self,
        piece: &[u8],
        mut out: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        let Some(first) = piece.first().filter(|_| !self.ended) else {
            return Ok(());
        };
        let mut decoder: Box<dyn Decoder> = match std::mem::replace(&mut self.coding, Coding::Identity) {
            Coding::Identity => return self.hand_on(piece, &mut out),
            Coding::Gzip => Box::new(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate if is_zlib(*first) => Box::new(ZlibDecoder::new(Vec::new())),
            Coding::Deflate => Box::new(DeflateDecoder::new(Vec::new())),
            Coding::Begun(decoder) => decoder,
        };
        let fed = self.unfold(&mut *decoder, piece, &mut out);
        self.coding = Coding::Begun(decoder);
        fed
    }

    /// Says whether the body was complete, once it has ended. One whose receiver has seen enough is.
    pub(super) fn finish(self) -> Result<(), Failed> {
        match self.coding {
            Coding::Begun(mut decoder) if !self.ended => decoder.end().map_err(|cause| broken(&cause)),
            Coding::Identity | Coding::Gzip | Coding::Deflate | Coding::Begun(_) => Ok(()),
        }
    }

    fn unfold(
        &mut self,
        decoder: &mut dyn Decoder,
        mut piece: &[u8],
        out: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        while !piece.is_empty() && !self.ended {
            let used = decoder.write(piece).map_err(|cause| broken(&cause))?;
            self.hand_on(&decoder.take(), out)?;
            if used == 0 {
                break; // Bytes behind the end of the body are nobody's.
            }
            piece = &piece[used..];
        }
        if self.ended {
            return Ok(());
        }
        decoder.flush().map_err(|cause| broken(&cause))?;
        self.hand_on(&decoder.take(), out)
    }

    fn hand_on(
        &mut self,
        piece: &[u8],
        out: &mut impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        if piece.is_empty() {
            return Ok(());
        }
        self.ended = out(piece).is_break();
        match self.left.checked_sub(piece.len()) {
            Some(left) => self.left = left,
            None if self.ended => {}
            None => {
                self.ended = true;
                let limit = LONGEST >> 20;
                return Err(refused(format!("the body unfolds to more than {limit} MiB")));
            }
        }
        Ok(())
    }
}

/// Whether `deflate` is what it should be (RFC 1950, section 2.2); some servers send it without its frame.
fn is_zlib(first: u8) -> bool {
    first & 0x8f == 0x08
}

fn broken(cause: &io::Error) -> Failed {
    refused(format!("the body cannot be decoded: {cause}"))
}

fn refused(example: impl Into<std::borrow::Cow<'static, str>>) -> Failed {
    Failed::new(FailureClass::Protocol, example)
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn encoded(coding: &str, text: &[u8]) -> Vec<u8> {
        let level = Compression::default();
        match coding {
            "gzip" => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
                encoder.write_all(text).expect("memory");
                encoder.finish().expect("memory")
            }
            "deflate" => {
                let mut encoder = ZlibEncoder::new(Vec::new(), level);
                encoder.write_all(text).expect("memory");
                encoder.finish().expect("memory")
            }
            "raw" => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(text).expect("memory");
                encoder.finish().expect("memory")
            }
            _ => text.to_vec(),
        }
    }

    fn of(coding: &'static str) -> Result<Decoded, Failed> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
        Decoded::new(&headers)
    }

    /// What comes out of a body that comes in pieces.
    fn decoded(coding: &'static str, body: &[u8], size: usize) -> Result<Vec<u8>, Failed> {
        let mut all = Vec::new();
        let mut decoded = of(coding)?;
        for piece in body.chunks(size) {
            decoded.feed(piece, |piece| {
                all.extend_from_slice(piece);
                ControlFlow::Continue(())
            })?;
        }
        decoded.finish().map(|()| all)
    }

    #[test]
    fn only_known_encodings_are_decoded() {
        for known in ["", "identity", "gzip", "X-GZIP", "deflate", "identity, gzip,"] {
            assert!(of(known).is_ok(), "{known}");
        }
        assert!(Decoded::new(&HeaderMap::new()).is_ok());
        for (unknown, said) in [("br", "`br`"), ("gzip, gzip", "more than once")] {
            let failed = of(unknown).err().expect("refused");
            assert_eq!(failed.class, FailureClass::Protocol);
            assert!(failed.example.contains(said), "{failed:?}");
        }
    }

    #[test]
    fn deflate_is_understood_with_and_without_its_frame() {
        let text = b"hello, hello, hello";
        for coding in ["deflate", "raw"] {
            assert_eq!(decoded("deflate", &encoded(coding, text), 3), Ok(text.to_vec()));
        }
    }

    #[test]
    fn a_body_of_several_members_is_one_body() {
        let body = [encoded("gzip", b"one"), encoded("gzip", b"two")].concat();
        assert_eq!(decoded("gzip", &body, 7), Ok(b"onetwo".to_vec()));
    }

    #[test]
    fn an_empty_body_is_complete_and_half_a_body_is_not() {
        assert_eq!(decoded("gzip", b"", 1), Ok(Vec::new()));
        let whole = encoded("gzip", &b"hello ".repeat(100));
        for length in [1, 12, whole.len() / 2, whole.len() - 1] {
            let failed = decoded("gzip", &whole[..length], 5).expect_err("incomplete");
            assert_eq!(failed.class, FailureClass::Protocol, "{length}");
        }
    }

    #[test]
    fn a_body_that_is_not_what_its_head_says_fails() {
        let mut flipped = encoded("gzip", b"hello");
        let crc = flipped.len() - 8;
        flipped[crc] ^= 1;
        for body in [&flipped[..], b"plain text", &encoded("deflate", b"hello")] {
            assert!(decoded("gzip", body, 100).is_err(), "{body:?}");
        }
    }

    #[test]
    fn a_bomb_is_unfolded_in_small_pieces_and_not_to_its_end() {
        let bomb = encoded("gzip", &vec![0; 8 << 20]);
        assert!(bomb.len() < 20_000);
        let (mut seen, mut largest) = (0, 0);
        let mut decoded = of("gzip").expect("known");
        assert_eq!(decoded.left, LONGEST);
        decoded.left = 4 << 20;
        let failed = decoded.feed(&bomb, |piece| {
            seen += piece.len();
            largest = largest.max(piece.len());
            ControlFlow::Continue(())
        });
        let failed = failed.expect_err("too large");
        assert_eq!(failed.class, FailureClass::Protocol);
        assert!(failed.example.contains("64 MiB"), "{failed:?}");
        assert!(seen <= (4 << 20) + largest, "{seen}");
        assert!(largest <= 256 << 10, "{largest}");
    }

    #[test]
    fn nothing_is_unfolded_for_a_receiver_that_has_seen_enough() {
        let body = encoded("gzip", &vec![b'x'; 2 << 20]);
        let mut decoded = of("gzip").expect("known");
        let mut pieces = 0;
        for piece in body.chunks(100) {
            let fed = decoded.feed(piece, |_| {
                pieces += 1;
                ControlFlow::Break(())
            });
            assert_eq!(fed, Ok(()));
        }
        assert_eq!(pieces, 1);
        assert_eq!(decoded.finish(), Ok(()));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in prop::collection::vec(any::<u8>(), 0..2000), size in 1..500_usize) {
            for coding in ["identity", "gzip", "deflate"] {
                prop_assert_eq!(decoded(coding, &encoded(coding, &text), size), Ok(text.clone()));
            }
        }

        #[test]
        fn any_bytes_come_to_an_end(body in prop::collection::vec(any::<u8>(), 0..500), size in 1..50_usize) {
            for coding in ["gzip", "deflate"] {
                // Whether they can be decoded is chance.
                let _ = decoded(coding, &body, size);
            }
        }
    }
}
