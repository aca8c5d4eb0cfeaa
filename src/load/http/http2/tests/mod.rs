//! HTTP/2 against real servers on loopback: the `h2` crate's own server for what is regular, frames written by hand for
//! what is not.

mod bodies;
mod closing;
mod faults;
mod floods;
mod requests;
mod sharing;
mod uploads;

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Builder, SendResponse};
use http::{HeaderMap, Method, Request, Response, Uri};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::Prepared;
use crate::load::Way;
use crate::load::h2::{Limits, Session, raw};
use crate::load::http::answer::Memory;
use crate::load::http::exchange::{Broken, Incoming, Outgoing};

/// Longer than any test takes.
const TEST: Duration = Duration::from_mins(1);

/// Runs a test on one thread, as a load is run.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local
        .block_on(&runtime, async { timeout(TEST, test).await })
        .expect("the test hangs");
}

/// What a server saw.
#[derive(Default)]
struct Seen {
    requests: Cell<u64>,
    connections: Cell<u64>,
    under_way: Cell<usize>,
    most: Cell<usize>,
    last: RefCell<Option<Request<()>>>,
}

/// A server of the `h2` crate.
struct Server {
    address: SocketAddr,
    seen: Rc<Seen>,
}

impl Server {
    /// Answers each request with `answer`, in a task of its own.
    async fn start<F: Future<Output = ()> + 'static>(
        builder: Builder,
        answer: impl Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Clone + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Rc::new(Seen::default());
        let server = Self {
            address,
            seen: Rc::clone(&seen),
        };
        spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.connections.set(seen.connections.get() + 1);
                let (builder, answer, seen) = (builder.clone(), answer.clone(), Rc::clone(&seen));
                spawn_local(async move {
                    let Ok(mut connection) = builder.handshake::<_, Bytes>(stream).await else {
                        return;
                    };
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        seen.begin(&request);
                        let (answer, seen) = (answer.clone(), Rc::clone(&seen));
                        spawn_local(async move {
                            answer(request, respond).await;
                            seen.under_way.set(seen.under_way.get() - 1);
                        });
                    }
                });
            }
        });
        server
    }

    /// Answers each request with two bytes.
    async fn hello() -> Self {
        Self::start(Builder::new(), |_, mut respond| async move {
            say(&mut respond, "hi");
        })
        .await
    }

    async fn session(&self) -> Session {
        session(self.address).await.expect("a session")
    }
}

impl Seen {
    fn begin(&self, request: &Request<RecvStream>) {
        self.requests.set(self.requests.get() + 1);
        self.under_way.set(self.under_way.get() + 1);
        self.most.set(self.most.get().max(self.under_way.get()));
        let mut head = Request::new(());
        *head.method_mut() = request.method().clone();
        *head.uri_mut() = request.uri().clone();
        *head.headers_mut() = request.headers().clone();
        *self.last.borrow_mut() = Some(head);
    }
}

/// Answers 200 with a body.
fn say(respond: &mut SendResponse<Bytes>, body: &'static str) {
    if let Ok(mut stream) = respond.send_response(Response::new(()), false) {
        let _ = stream.send_data(Bytes::from_static(body.as_bytes()), true);
    }
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    stream
}

async fn session(address: SocketAddr) -> Result<Session, crate::load::Failed> {
    Session::open(connect(address).await, Limits::default()).await
}

fn outgoing(method: Method, body: impl Into<Bytes>) -> Outgoing {
    Outgoing {
        method,
        uri: Uri::from_static("/path?query"),
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

fn get() -> Prepared {
    prepared(Method::GET, "")
}

fn prepared(method: Method, body: impl Into<Bytes>) -> Prepared {
    Prepared::new(outgoing(method, body), false, "localhost:8080").expect("a request")
}

/// Sends a request.
async fn exchange(session: &Session, request: &Prepared) -> Result<Incoming, Broken> {
    session
        .exchange(request, None, &Memory::default(), &mut Way::default())
        .await
}

/// Sends a GET.
async fn ask(session: &Session) -> Result<Incoming, Broken> {
    exchange(session, &get()).await
}

/// A request under way in a task of its own, which a test can end.
fn asking(session: &Session) -> tokio::task::JoinHandle<Result<Incoming, Broken>> {
    let session = session.clone();
    spawn_local(async move { ask(&session).await })
}
