//! [`CallSpec`]: what is called, and what each call sends.

use std::fmt::Debug;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::uri::PathAndQuery;
use url::Url;

/// Bytes of the largest message that is received unless the user says otherwise: as in ghz, grpcurl and grpc-go.
pub const MAX_RECEIVED: usize = 4 << 20;

/// One method of one server, and how it is called.
#[derive(Debug, Clone)]
pub struct CallSpec {
    /// `http://host:port`, or `https://host:port` for TLS. Only scheme, host and port count.
    pub url: Url,
    /// `/package.Service/Method`.
    pub path: PathAndQuery,
    /// What stands in `:authority`, and with TLS the name that the certificate must have; `None` is that of the URL.
    pub authority: Option<String>,
    /// Which sides stream.
    pub kind: CallKind,
    /// What each call sends.
    pub calls: Calls,
    /// How streams go.
    pub stream: StreamSpec,
    /// Whether messages are sent compressed (gzip); answers are always accepted so.
    pub compression: bool,
    /// Bytes of the largest message that is received, as it comes over the wire.
    pub max_recv: usize,
    /// Bytes of the largest message that is sent, as it goes over the wire.
    pub max_send: usize,
    /// After how long without anything from the server it is sent a PING, whether or not calls are under way; it has as
    /// long to answer. `None` never sends one: many servers end connections that send them too often.
    pub keepalive: Option<Duration>,
    /// Whether all connections go to the first address of the host that takes them, and do not take turns.
    pub pick_first: bool,
}

impl CallSpec {
    /// A unary call of a method, without metadata, with the usual limits.
    pub fn unary(url: Url, path: PathAndQuery, message: Bytes) -> Self {
        Self {
            url,
            path,
            authority: None,
            kind: CallKind::Unary,
            calls: Calls::Fixed {
                metadata: HeaderMap::new(),
                messages: Messages::Same(vec![message]),
            },
            stream: StreamSpec::default(),
            compression: false,
            max_recv: MAX_RECEIVED,
            max_send: usize::MAX,
            keepalive: None,
            pick_first: false,
        }
    }
}

/// Which sides of a call send any number of messages, and not just one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// Neither.
    Unary,
    /// The client.
    ClientStreaming,
    /// The server.
    ServerStreaming,
    /// Both.
    Bidirectional,
}

impl CallKind {
    /// Whether the client streams.
    pub fn client_streams(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::Bidirectional)
    }

    /// Whether the server streams.
    pub fn server_streams(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::Bidirectional)
    }
}

/// How the streams of calls go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamSpec {
    /// Between one message that is sent and the next.
    pub interval: Duration,
    /// After this time the client sends no more messages and half-closes; where only the server streams, the call is
    /// cancelled then.
    pub call_duration: Option<Duration>,
    /// So many messages are sent, the fixed ones over and over; where only the server streams, the call is cancelled
    /// after so many were received. `None` sends each message once.
    pub call_count: Option<NonZeroU64>,
}

/// What calls send.
#[derive(Debug, Clone)]
pub enum Calls {
    /// Always the same.
    Fixed {
        /// Binary values (`…-bin`) are in base64 already.
        metadata: HeaderMap,
        /// The messages.
        messages: Messages,
    },
    /// Made anew for each call.
    Rendered(Arc<dyn Render>),
}

/// Encoded messages, not yet framed.
#[derive(Debug, Clone)]
pub enum Messages {
    /// All of them in each call; where the client does not stream, the first.
    Same(Vec<Bytes>),
    /// The next one in each call, and the first again after the last. Where the client streams, the same as
    /// [`Self::Same`].
    InTurn(Vec<Bytes>),
}

/// Which call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallNumber {
    /// Its number in the load of its part, from 0.
    pub n: u64,
    /// The lane that makes it, from 0: one call at a time is under way on it.
    pub lane: u32,
}

/// Makes what calls send.
pub trait Render: Send + Sync + Debug {
    /// Begins a call. What it says of itself, such as the time, is the same in all that it sends. An error is in words; it
    /// ends the load, for it says nothing of the server.
    fn begin(&self, call: CallNumber) -> Result<Box<dyn RenderedCall + '_>, String>;
}

/// What one call sends; an error is as that of [`Render::begin`].
pub trait RenderedCall: Debug {
    /// Its metadata, binary values (`…-bin`) in base64.
    fn metadata(&self) -> &HeaderMap;

    /// An encoded message, by its number from 0; `None` when there are no more. Where the client does not stream, only the
    /// first is asked for.
    fn message(&mut self, index: usize) -> Result<Option<Bytes>, String>;
}
