//! Reflection.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use prost_types::FileDescriptorProto;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use tonic::{Request, Response, Status, Streaming};
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::server_reflection_server::{ServerReflection, ServerReflectionServer};
use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ServerReflectionRequest, ServerReflectionResponse,
};
use tonic_reflection::server::Builder;

use super::super::reflection::{Reflection, ReflectionError};
use super::server::{Running, Services, start};
use super::{PATIENCE, channel};

const SHOP: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "shop/item.proto";
    import "google/protobuf/empty.proto";
    service Shop { rpc Buy(Item) returns (google.protobuf.Empty); }
"#;
const ITEM: &str = r#"
    syntax = "proto3";
    package shop.v1;
    import "google/protobuf/timestamp.proto";
    message Item { string name = 1; google.protobuf.Timestamp at = 2; }
"#;
const ALL: [&str; 4] = [
    "google/protobuf/empty.proto",
    "google/protobuf/timestamp.proto",
    "shop/item.proto",
    "shop/shop.proto",
];

struct InMemory;

impl FileResolver for InMemory {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "shop/shop.proto" => File::from_source(name, SHOP),
            "shop/item.proto" => File::from_source(name, ITEM),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

fn files() -> Vec<FileDescriptorProto> {
    let mut resolver = ChainFileResolver::new();
    resolver.add(InMemory);
    resolver.add(GoogleFileResolver::new());
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler
        .include_imports(true)
        .open_file("shop/shop.proto")
        .expect("valid");
    compiler.file_descriptor_set().file
}

/// Of all files, as tonic does it.
fn builder() -> Builder<'static> {
    let set = prost_types::FileDescriptorSet { file: files() };
    Builder::configure().register_file_descriptor_set(set)
}

/// A server that finds services and files alone, and sends these files.
#[derive(Clone, Default)]
struct Narrow {
    files: BTreeMap<String, FileDescriptorProto>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Narrow {
    fn with(names: &[&str]) -> Self {
        let files = files().into_iter().map(|file| (file.name().to_owned(), file));
        Self {
            files: files.filter(|(name, _)| names.contains(&name.as_str())).collect(),
            asked: Arc::default(),
        }
    }

    fn answer(&self, question: Option<MessageRequest>) -> MessageResponse {
        let (asked, name) = match question {
            Some(MessageRequest::FileContainingSymbol(symbol)) if symbol == "shop.v1.Shop" => {
                (symbol, "shop/shop.proto".to_owned())
            }
            // As in C++, where packages are symbols too.
            Some(MessageRequest::FileContainingSymbol(symbol)) if symbol == "shop.v1" => {
                (symbol, "shop/item.proto".to_owned())
            }
            Some(MessageRequest::FileByFilename(name)) => (name.clone(), name),
            other => (format!("{other:?}"), String::new()),
        };
        self.asked.lock().expect("no panic").push(asked);
        match self.files.get(&name) {
            Some(file) => MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                file_descriptor_proto: vec![file.encode_to_vec()],
            }),
            None => MessageResponse::ErrorResponse(ErrorResponse {
                error_code: 5,
                error_message: "not here".to_owned(),
            }),
        }
    }
}

#[tonic::async_trait]
impl ServerReflection for Narrow {
    type ServerReflectionInfoStream =
        Pin<Box<dyn Stream<Item = Result<ServerReflectionResponse, Status>> + Send>>;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let this = self.clone();
        let answers = request.into_inner().map(move |question| {
            Ok(ServerReflectionResponse {
                message_response: Some(this.answer(question?.message_request)),
                ..ServerReflectionResponse::default()
            })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

async fn narrow(service: &Narrow) -> Running {
    let service = ServerReflectionServer::new(service.clone());
    start(Services::default().with(service), None).await
}

async fn ask(server: &Running, call: &str) -> Result<Vec<String>, ReflectionError> {
    let channel = channel(server).await;
    let files = Reflection::new(&channel, HeaderMap::new(), PATIENCE)
        .files(call)
        .await?;
    let name = |bytes| {
        FileDescriptorProto::decode(bytes)
            .expect("a file")
            .name()
            .to_owned()
    };
    let mut names: Vec<String> = files.into_iter().map(name).collect();
    // Each stands behind those that it imports.
    assert_eq!(names.last().map(String::as_str), Some("shop/shop.proto"));
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn both_versions_give_a_service_with_all_its_imports() {
    let first = Services::default().with(builder().build_v1().expect("a service"));
    let alpha = Services::default().with(builder().build_v1alpha().expect("a service"));
    for services in [first, alpha] {
        let server = start(services, None).await;
        for call in [
            "shop.v1.Shop/Buy",
            "/shop.v1.Shop/Buy",
            "shop.v1.Shop.Buy",
            "shop.v1.Shop",
        ] {
            assert_eq!(ask(&server, call).await.expect(call), ALL, "{call}");
        }
        let channel = channel(&server).await;
        let mut reflection = Reflection::new(&channel, HeaderMap::new(), PATIENCE);
        let services = reflection.list_services().await.expect("a list");
        assert!(services.iter().any(|name| name == "shop.v1.Shop"), "{services:?}");
    }
}

#[tokio::test]
async fn the_older_version_is_asked_for_once_it_is_known() {
    let server = start(
        Services::default().with(builder().build_v1alpha().expect("a service")),
        None,
    )
    .await;
    ask(&server, "shop.v1.Shop/Buy").await.expect("found");
    let newer = server
        .heads()
        .iter()
        .filter(|head| {
            head.uri
                .path()
                .starts_with("/grpc.reflection.v1.ServerReflection/")
        })
        .count();
    assert_eq!(newer, 1);
    assert_eq!(server.heads().len(), 5);
}

#[tokio::test]
async fn a_server_that_finds_services_alone_is_enough() {
    let service = Narrow::with(&ALL);
    let server = narrow(&service).await;
    assert_eq!(ask(&server, "shop.v1.Shop/Buy").await.expect("found"), ALL);
    let asked = service.asked.lock().expect("no panic").clone();
    assert_eq!(asked.first().map(String::as_str), Some("shop.v1.Shop"));
    // The package is a symbol of its own here, but has no service of that name.
    assert_eq!(ask(&server, "shop.v1.Shop").await.expect("found"), ALL);
}

#[tokio::test]
async fn files_that_everybody_has_need_not_come_from_the_server() {
    let server = narrow(&Narrow::with(&ALL[2..])).await;
    assert_eq!(ask(&server, "shop.v1.Shop/Buy").await.expect("found"), ALL);
}

#[tokio::test]
async fn an_import_that_the_server_lacks_is_named() {
    let server = narrow(&Narrow::with(&ALL[3..])).await;
    let error = ask(&server, "shop.v1.Shop/Buy").await.expect_err("incomplete");
    assert_eq!(
        error.to_string(),
        "by reflection the server gives no `shop/item.proto`, which `shop/shop.proto` imports; give `proto` or \
         `protoset`"
    );
}

#[tokio::test]
async fn an_unknown_service_is_named_with_what_was_meant() {
    let services = Services::default().with(builder().build_v1().expect("a service"));
    let server = start(services, None).await;
    let error = ask(&server, "shop.v1.Shob/Buy").await.expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "the server knows no service `shop.v1.Shob` (did you mean `shop.v1.Shop`?)"
    );
    let error = ask(&server, "bank.Account/Open").await.expect_err("unknown");
    assert_eq!(
        error.to_string(),
        "the server knows no service `bank.Account` (it has `shop.v1.Shop`)"
    );
}

#[tokio::test]
async fn a_server_without_reflection_leaves_the_files_to_the_user() {
    let server = start(Services::default(), None).await;
    let error = ask(&server, "shop.v1.Shop/Buy").await.expect_err("none");
    assert_eq!(error, ReflectionError::Unimplemented);
    assert!(error.to_string().contains("`proto` or `protoset`"));
}

#[tokio::test]
async fn metadata_goes_with_every_question_and_refusals_are_told() {
    let services = Services::default().with(builder().build_v1().expect("a service"));
    let server = start(services, None).await;
    let channel_there = channel(&server).await;
    let metadata =
        HeaderMap::from_iter([(HeaderName::from_static("token"), HeaderValue::from_static("abc"))]);
    let mut reflection = Reflection::new(&channel_there, metadata, PATIENCE);
    reflection.files("shop.v1.Shop/Buy").await.expect("files");
    assert!(server.heads().iter().all(|head| head.headers["token"] == "abc"));

    let refusing = || Status::permission_denied("no token").into_http();
    let server = start(Services::default().always(refusing), None).await;
    let error = ask(&server, "shop.v1.Shop/Buy").await.expect_err("refused");
    assert_eq!(error.to_string(), "reflection: PERMISSION_DENIED: no token");
}
