//! [`start`]: a server on loopback that answers by path and keeps what came.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower_service::Service;

type Answer = Arc<dyn Fn(Request<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What the server has: the beginning of a path, and who answers.
#[derive(Clone, Default)]
pub(super) struct Services(Vec<(String, Answer)>);

impl Services {
    /// With a service.
    pub(super) fn with<S>(self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        let answer = move |request| {
            let answering = service.clone().call(request);
            let answering = async move {
                match answering.await {
                    Ok(response) => response,
                    Err(never) => match never {},
                }
            };
            Box::pin(answering) as BoxFuture<'static, _>
        };
        self.answering(&format!("/{}/", S::NAME), Arc::new(answer))
    }

    /// With one answer to all calls.
    pub(super) fn always(self, answer: impl Fn() -> Response<Body> + Send + Sync + 'static) -> Self {
        let answer = move |_| {
            let response = answer();
            Box::pin(async move { response }) as BoxFuture<'static, _>
        };
        self.answering("/", Arc::new(answer))
    }

    /// Without any answer.
    pub(super) fn silent(self) -> Self {
        let answer = |_| Box::pin(std::future::pending()) as BoxFuture<'static, _>;
        self.answering("/", Arc::new(answer))
    }

    fn answering(mut self, path: &str, answer: Answer) -> Self {
        self.0.push((path.to_owned(), answer));
        self
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        match self.0.iter().find(|(start, _)| path.starts_with(start)) {
            Some((_, answer)) => answer(request.map(Body::new)).await,
            None => Status::unimplemented("").into_http(),
        }
    }
}

/// The head of a call.
pub(super) type Head = http::request::Parts;

/// A server that runs until this is dropped.
pub(super) struct Running {
    /// Where.
    pub(super) address: SocketAddr,
    heads: Arc<Mutex<Vec<Head>>>,
    _task: AbortOnDropHandle<()>,
}

impl Running {
    /// Its URL with a scheme.
    pub(super) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// What came so far.
    pub(super) fn heads(&self) -> Vec<Head> {
        self.heads.lock().expect("no panic").clone()
    }
}

/// Starts a server, with TLS if it is configured.
pub(super) async fn start(services: Services, tls: Option<ServerConfig>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    let heads = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&heads);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (services, tls, heads) = (services.clone(), tls.clone(), Arc::clone(&kept));
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, services, heads).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, services, heads).await;
                        }
                    }
                }
            });
        }
    });
    Running {
        address,
        heads,
        _task: AbortOnDropHandle::new(task),
    }
}

async fn serve<S>(stream: S, services: Services, heads: Arc<Mutex<Vec<Head>>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = service_fn(move |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        heads.lock().expect("no panic").push(head.clone());
        let services = services.clone();
        async move { Ok::<_, Infallible>(services.answer(Request::from_parts(head, body)).await) }
    });
    // What a client does wrong is its test's business.
    let _ = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}
