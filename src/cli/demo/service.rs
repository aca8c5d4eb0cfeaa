//! The service that `demo` tests: a shop with a fast page and a slower one, and a greeter; broken, its checkout is slow and
//! fails.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::greeter;

/// Where the service listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    /// The shop, by HTTP.
    pub(super) http: SocketAddr,
    /// The greeter, by gRPC.
    pub(super) grpc: SocketAddr,
}

/// Starts the service on a thread of its own, so that the load does not disturb it; it ends with the process.
pub(super) fn start(broken: bool) -> io::Result<Addresses> {
    let (shop, greeter) = (listen()?, listen()?);
    let addresses = Addresses {
        http: shop.local_addr()?,
        grpc: greeter.local_addr()?,
    };
    let reflection = greeter::reflection()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("demo-service".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::join!(serve(shop, broken), greeter::serve(greeter, reflection, broken))
            });
        })?;
    Ok(addresses)
}

fn listen() -> io::Result<TcpListener> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Requests so far, for delays that differ.
static REQUESTS: AtomicU64 = AtomicU64::new(0);

/// A number below 100 that differs from request to request, without a random generator: multiples of the golden ratio.
pub(super) fn spread() -> u64 {
    let n = REQUESTS.fetch_add(1, Ordering::Relaxed);
    (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % 100
}

async fn serve(listener: TcpListener, broken: bool) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers leave at once; a failure here costs milliseconds, not the answer.
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| async move {
                Ok::<_, Infallible>(answer(request.uri().path(), broken).await)
            });
            // A client that goes away is none of the service's business.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn answer(path: &str, broken: bool) -> Response<Full<Bytes>> {
    let spread = spread();
    let (status, delay, body) = match path {
        "/" => (StatusCode::OK, 2 + spread / 25, "shop\n"),
        "/checkout" if broken && spread < 7 => (StatusCode::INTERNAL_SERVER_ERROR, 5, "out of stock\n"),
        "/checkout" if broken => (StatusCode::OK, 60 + spread * 2, "sold\n"),
        "/checkout" => (StatusCode::OK, 8 + spread / 5, "sold\n"),
        _ => (StatusCode::NOT_FOUND, 0, "not found\n"),
    };
    tokio::time::sleep(Duration::from_millis(delay)).await;
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response
}
