//! The gRPC part of the demo's service: `helloworld.Greeter`, with health and reflection.

use std::io;
use std::net::TcpListener;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use prost_types::FileDescriptorSet;
use protox::file::{File, FileResolver};
use tokio::time::sleep;
use tonic::Status;
use tonic::body::Body;
use tonic::server::Grpc;
use tonic_prost::ProstCodec;
use tonic_reflection::server::Builder;
use tower_service::Service;

use super::service::spread;

const FILE: &str = "helloworld.proto";
const SERVICE: &str = "helloworld.Greeter";
/// Greetings of a stream.
const GREETINGS: u64 = 5;

/// Whom to greet.
#[derive(Clone, PartialEq, Message)]
struct HelloRequest {
    #[prost(string, tag = "1")]
    name: String,
}

/// The greeting.
#[derive(Clone, PartialEq, Message)]
struct HelloReply {
    #[prost(string, tag = "1")]
    message: String,
}

/// The definitions, from memory.
struct Definitions;

impl FileResolver for Definitions {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if name == FILE {
            File::from_source(name, include_str!("greeter.proto"))
        } else {
            Err(protox::Error::file_not_found(name))
        }
    }
}

/// Descriptors of everything that is served.
pub(super) struct Reflection(FileDescriptorSet);

/// Reads the definitions.
pub(super) fn reflection() -> io::Result<Reflection> {
    let mut compiler = protox::Compiler::with_file_resolver(Definitions);
    compiler.open_file(FILE).map_err(io::Error::other)?;
    Ok(Reflection(compiler.file_descriptor_set()))
}

impl Reflection {
    fn builder(&self) -> Builder<'static> {
        Builder::configure()
            .register_file_descriptor_set(self.0.clone())
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    }
}

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, reflection: Reflection, broken: bool) {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status(SERVICE, tonic_health::ServingStatus::Serving)
        .await;
    let (Ok(newer), Ok(older), Ok(listener)) = (
        reflection.builder().build_v1(),
        reflection.builder().build_v1alpha(),
        tokio::net::TcpListener::from_std(listener),
    ) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        // Small answers leave at once; a failure here costs milliseconds, not the answer.
        let _ = stream.set_nodelay(true);
        let (health, newer, older) = (health.clone(), newer.clone(), older.clone());
        let answer = service_fn(move |request: Request<Incoming>| {
            let (mut health, mut newer, mut older) = (health.clone(), newer.clone(), older.clone());
            async move {
                let path = request.uri().path();
                match path.rsplit_once('/').map_or("", |(service, _)| service) {
                    "/helloworld.Greeter" => Ok(greet(request, broken).await),
                    "/grpc.health.v1.Health" => health.call(request).await,
                    "/grpc.reflection.v1.ServerReflection" => newer.call(request).await,
                    "/grpc.reflection.v1alpha.ServerReflection" => older.call(request).await,
                    _ => Ok(Status::unimplemented("").into_http()),
                }
            }
        });
        tokio::spawn(async move {
            // A client that goes away is none of the service's business.
            let _ = http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn greet(request: Request<Incoming>, broken: bool) -> Response<Body> {
    let mut grpc = Grpc::new(ProstCodec::default());
    match request.uri().path() {
        "/helloworld.Greeter/SayHello" => grpc.unary(One { broken }, request).await,
        "/helloworld.Greeter/SayHelloStreamReply" => grpc.server_streaming(Several, request).await,
        _ => Status::unimplemented("").into_http(),
    }
}

fn hello(request: &HelloRequest) -> HelloReply {
    let name = if request.name.is_empty() {
        "world"
    } else {
        &request.name
    };
    HelloReply {
        message: format!("Hello {name}"),
    }
}

/// `SayHello`.
struct One {
    broken: bool,
}

impl Service<tonic::Request<HelloRequest>> for One {
    type Response = tonic::Response<HelloReply>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<HelloRequest>) -> Self::Future {
        let (spread, broken) = (spread(), self.broken);
        Box::pin(async move {
            let delay = if broken { 40 + spread } else { 2 + spread / 25 };
            sleep(Duration::from_millis(delay)).await;
            if broken && spread < 7 {
                return Err(Status::unavailable("nobody at home"));
            }
            Ok(tonic::Response::new(hello(request.get_ref())))
        })
    }
}

/// `SayHelloStreamReply`.
struct Several;

impl Service<tonic::Request<HelloRequest>> for Several {
    type Response = tonic::Response<BoxStream<'static, Result<HelloReply, Status>>>;
    type Error = Status;
    type Future = BoxFuture<'static, Result<Self::Response, Status>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: tonic::Request<HelloRequest>) -> Self::Future {
        let reply = hello(request.get_ref());
        let replies = stream::iter(0..GREETINGS).then(move |n| {
            let reply = HelloReply {
                message: format!("{} {}", reply.message, n + 1),
            };
            async move {
                sleep(Duration::from_millis(1)).await;
                Ok(reply)
            }
        });
        Box::pin(async move { Ok(tonic::Response::new(replies.boxed())) })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::service::start;
    use super::*;
    use crate::grpc::channel::{Channel, Server};
    use crate::grpc::health::{Health, check};
    use crate::grpc::reflection;
    use crate::net::NetSettings;

    const PATIENCE: Duration = Duration::from_secs(20);

    async fn channel() -> Channel {
        let address = start(false).expect("a service").grpc;
        let server = Server {
            url: format!("http://{address}").parse().expect("a URL"),
            authority: None,
            server_name: None,
        };
        Channel::connect(&server, &NetSettings::default(), PATIENCE)
            .await
            .expect("a channel")
    }

    #[tokio::test]
    async fn the_greeter_greets_is_healthy_and_describes_itself() {
        let channel = channel().await;
        let none = HeaderMap::new();
        for service in ["", SERVICE] {
            assert_eq!(
                check(&channel, service, &none, PATIENCE).await,
                Ok(Health::Serving)
            );
        }
        for (path, greeting) in [
            ("/helloworld.Greeter/SayHello", "Hello Ada"),
            ("/helloworld.Greeter/SayHelloStreamReply", "Hello Ada 1"),
        ] {
            let request = HelloRequest {
                name: "Ada".to_owned(),
            };
            let reply: HelloReply = channel.call(path, request, &none, PATIENCE).await.expect(path);
            assert_eq!(reply.message, greeting);
        }
        let mut reflection = reflection::Reflection::new(&channel, none, PATIENCE);
        let services = reflection.list_services().await.expect("a list");
        assert!(services.contains(&SERVICE.to_owned()), "{services:?}");
        let files = reflection
            .files("helloworld.Greeter/SayHello")
            .await
            .expect("files");
        let [file] = &files[..] else {
            panic!("{} files", files.len())
        };
        let file = prost_types::FileDescriptorProto::decode(file.clone()).expect("a file");
        let methods: Vec<_> = file.service[0]
            .method
            .iter()
            .map(|method| (method.name(), method.output_type(), method.server_streaming()))
            .collect();
        let reply = ".helloworld.HelloReply";
        assert_eq!(
            methods,
            [("SayHello", reply, false), ("SayHelloStreamReply", reply, true)]
        );
    }
}
