//! [`Head`]: what the status line and the headers of an answer mean for reading on.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};

use super::{MAX_HEADERS, Violation};

/// How the end of a body is found (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Framing {
    /// There is no body.
    Empty,
    /// As many bytes.
    Length(u64),
    /// Chunks, the last of them empty.
    Chunked,
    /// All up to the end of the connection.
    UntilClose,
}

/// The head of a final answer, as the question frames it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) struct Head {
    /// Status code, from 200 to 999.
    pub(in crate::load) status: u16,
    /// How the body ends.
    pub(in crate::load) framing: Framing,
    /// Whether another request may follow on this connection (RFC 9112, section 9.3), if nothing follows this answer.
    pub(in crate::load) reusable: bool,
}

/// What a head says, whatever the question was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) status: u16,
    /// Not refused at once: nobody looks at it in an answer that has no body.
    framing: Result<Framing, Violation>,
    persistent: bool,
}

impl Said {
    /// An interim answer: another one follows (RFC 9110, section 15.2).
    pub(super) fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// The head of the answer to a HEAD request (`bodiless`) or to another one.
    pub(super) fn answers(&self, bodiless: bool) -> Result<Head, Violation> {
        // RFC 9112, section 6.3, item 1: whatever the header fields say.
        let framing = if bodiless || matches!(self.status, 204 | 304) {
            Framing::Empty
        } else {
            self.framing?
        };
        Ok(Head {
            status: self.status,
            framing,
            reusable: self.persistent && framing != Framing::UntilClose,
        })
    }
}

/// Parses the head at the beginning of `bytes`: its length, what it says and its headers go to `then`. `None`: it is
/// not complete.
pub(super) fn parse<R>(
    bytes: &[u8],
    then: impl FnOnce(usize, Said, &[Header]) -> R,
) -> Result<Option<R>, Violation> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut response = Response::new(&mut []);
    let parsed = ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, &mut headers)
        .map_err(Violation::Syntax)?;
    let Status::Complete(length) = parsed else {
        return Ok(None);
    };
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(Violation::Status);
    }
    let old = response.version == Some(0);
    let said = Said {
        status,
        framing: framing(old, response.headers),
        persistent: persistent(old, response.headers),
    };
    Ok(Some(then(length, said, response.headers)))
}

fn values<'a>(headers: &'a [Header], name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

/// The members of a list (RFC 9110, section 5.6.1) that may stand in several lines, empty ones too.
fn members<'a>(headers: &'a [Header], name: &'static str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
    values(headers, name)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

/// RFC 9112, section 9.3: HTTP/1.1 persists unless it says `close`, HTTP/1.0 only if it says `keep-alive`.
fn persistent(old: bool, headers: &[Header]) -> bool {
    let says = |option: &str| {
        members(headers, "connection").any(|member| member.eq_ignore_ascii_case(option.as_bytes()))
    };
    !says("close") && (!old || says("keep-alive"))
}

/// RFC 9112, section 6.3, items 3 to 5 and 8.
fn framing(old: bool, headers: &[Header]) -> Result<Framing, Violation> {
    if values(headers, "transfer-encoding").next().is_none() {
        return Ok(length(headers)?.map_or(Framing::UntilClose, Framing::Length));
    }
    if old {
        return Err(Violation::OldCoding);
    }
    if values(headers, "content-length").next().is_some() {
        return Err(Violation::LengthAndCoding);
    }
    // RFC 9110, section 5.6.1.2: empty members are ignored.
    let last = members(headers, "transfer-encoding").rfind(|member| !member.is_empty());
    Ok(match last {
        Some(coding) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
        Some(_) | None => Framing::UntilClose,
    })
}

/// RFC 9110, section 8.6: the same number several times counts as one, as hyper and browsers have it.
fn length(headers: &[Header]) -> Result<Option<u64>, Violation> {
    let mut length = None;
    for member in members(headers, "content-length") {
        let number = number(member).ok_or(Violation::Length)?;
        if length.is_some_and(|length| length != number) {
            return Err(Violation::Length);
        }
        length = Some(number);
    }
    Ok(length)
}

/// Digits alone: neither a sign nor anything else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
