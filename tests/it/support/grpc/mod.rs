//! [`Grpc`]: a gRPC server on loopback that keeps what it was called with. It is told what to answer, also what no server
//! should, and stands on the `h2` crate alone, so that nothing between it and the wire sets anything right.

mod others;
mod reflection;
mod reply;
mod serve;
mod wire;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use serde_json::Value;
use tokio_rustls::TlsAcceptor;

pub(crate) use others::{Known, free_port};
pub(crate) use reflection::Reflection;
pub(crate) use reply::Reply;
pub(crate) use wire::{ADDRESS_PROTO, INFERENCE_PROTO, SHOP_PROTO, framed, protoset};

use super::Certificate;

/// A call as it came in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    /// How many calls came before it; reflection and health are not counted.
    pub(crate) number: usize,
    /// Its connection, from 0 in the order in which they were opened.
    pub(crate) connection: usize,
    /// `/package.Service/Method`.
    pub(crate) path: String,
    /// `:authority`.
    pub(crate) authority: String,
    /// The name that was asked for in the TLS handshake.
    pub(crate) server_name: Option<String>,
    /// Metadata and the headers of the protocol.
    pub(crate) headers: HeaderMap,
    /// Its messages so far, as JSON; none yet where a reply is chosen for a stream in both directions.
    pub(crate) messages: Vec<Value>,
    /// How many of them were compressed.
    pub(crate) compressed: usize,
    /// The client's side of the stream has ended.
    pub(crate) complete: bool,
    /// The code with which the client ended the stream before it was over.
    pub(crate) reset: Option<u32>,
}

impl Call {
    /// A header, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("ASCII"))
    }

    /// `item` of its first message, empty if there is none.
    pub(crate) fn item(&self) -> &str {
        self.messages
            .first()
            .and_then(|message| message["item"].as_str())
            .unwrap_or_default()
    }
}

/// A health check or a question to reflection, as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `/package.Service/Method`.
    pub(crate) path: String,
    /// `:authority`.
    pub(crate) authority: String,
    /// Metadata and the headers of the protocol.
    pub(crate) headers: HeaderMap,
}

type Handler = dyn Fn(&Call) -> Reply + Send + Sync;

/// What the server does, and what came.
struct Shared {
    handler: Box<Handler>,
    reflection: Reflection,
    serving: Mutex<Option<bool>>,
    goes_away_after: Option<usize>,
    calls: Mutex<Vec<Call>>,
    asked: Mutex<Vec<Asked>>,
    connections: AtomicUsize,
    most_at_once: AtomicUsize,
    at_once: AtomicUsize,
}

/// A server that is to be started.
pub(crate) struct Plan {
    shared: Shared,
    tls: Option<TlsAcceptor>,
}

impl Plan {
    /// With this reflection; both versions if it is not said.
    pub(crate) fn reflecting(mut self, reflection: Reflection) -> Self {
        self.shared.reflection = reflection;
        self
    }

    /// With health checks: whether `shop.v1.Shop`, and the server as a whole, is serving.
    pub(crate) fn serving(mut self, serving: bool) -> Self {
        self.shared.serving = Mutex::new(Some(serving));
        self
    }

    /// With TLS.
    pub(crate) fn tls(mut self, certificate: &Certificate) -> Self {
        self.tls = Some(certificate.acceptor());
        self
    }

    /// Takes this many calls on each connection, and then says GOAWAY as the specification wants it.
    pub(crate) fn goes_away_after(mut self, calls: usize) -> Self {
        self.shared.goes_away_after = Some(calls);
        self
    }

    /// Starts it; it ends with the test's process.
    pub(crate) fn start(self) -> Grpc {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(self.shared);
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .expect("a runtime")
                .block_on(serve::connections(listener, self.tls, serving));
        });
        Grpc { address, shared }
    }
}

/// A server that runs.
pub(crate) struct Grpc {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Grpc {
    /// Does what `shop.proto` says.
    pub(crate) fn shop() -> Self {
        Self::answering(|_| Reply::ok()).start()
    }

    /// Answers as `handler` says.
    pub(crate) fn answering(handler: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Plan {
        Plan {
            shared: Shared {
                handler: Box::new(handler),
                reflection: Reflection::Both,
                serving: Mutex::new(None),
                goes_away_after: None,
                calls: Mutex::default(),
                asked: Mutex::default(),
                connections: AtomicUsize::new(0),
                most_at_once: AtomicUsize::new(0),
                at_once: AtomicUsize::new(0),
            },
            tls: None,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// The calls so far, in order.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().expect("no panic in the server").clone()
    }

    /// The health checks and questions to reflection so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no panic in the server").clone()
    }

    /// Connections that carried a call so far.
    pub(crate) fn connections(&self) -> usize {
        let calls = self.shared.calls.lock().expect("no panic in the server");
        calls
            .iter()
            .map(|call| call.connection)
            .collect::<BTreeSet<_>>()
            .len()
    }

    /// Connections so far, those for reflection and health too.
    pub(crate) fn opened(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The most calls that it had at a time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }

    /// From now on health checks say this.
    pub(crate) fn serve(&self, serving: bool) {
        *self.shared.serving.lock().expect("no panic in the server") = Some(serving);
    }
}
