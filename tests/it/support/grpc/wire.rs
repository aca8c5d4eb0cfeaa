//! Messages: [`framed`] bytes on the wire, JSON in tests, and [`protoset`], what `shop.proto` says in descriptors.

use std::io::Read as _;
use std::sync::LazyLock;

use bytes::{Buf as _, Bytes, BytesMut};
use h2::{Reason, RecvStream};
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};
use prost_types::FileDescriptorSet;
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
use serde_json::Value;

/// The service's file.
pub(crate) const SHOP_PROTO: &str = include_str!("shop.proto");
/// The file `shop/address.proto` that it imports.
pub(crate) const ADDRESS_PROTO: &str = include_str!("shop/address.proto");
/// The file of a model that is served, which no reflection tells of.
pub(crate) const INFERENCE_PROTO: &str = include_str!("inference.proto");

/// The files of the tests, from memory.
struct Files;

impl FileResolver for Files {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            "shop.proto" => File::from_source(name, SHOP_PROTO),
            "sample.proto" => File::from_source(name, include_str!("sample.proto")),
            "shop/address.proto" => File::from_source(name, ADDRESS_PROTO),
            "inference.proto" => File::from_source(name, INFERENCE_PROTO),
            _ => Err(protox::Error::file_not_found(name)),
        }
    }
}

/// `shop.proto` and all that it imports, and `sample.proto`.
pub(super) static FILES: LazyLock<FileDescriptorSet> =
    LazyLock::new(|| compiled(&["shop.proto", "sample.proto"]));

/// Files, and all that they import.
fn compiled(names: &[&str]) -> FileDescriptorSet {
    let mut resolver = ChainFileResolver::new();
    resolver.add(GoogleFileResolver::new());
    resolver.add(Files);
    let mut compiler = Compiler::with_file_resolver(resolver);
    compiler.include_imports(true);
    for name in names {
        compiler.open_file(name).expect("a valid file");
    }
    compiler.file_descriptor_set()
}

static POOLS: LazyLock<[DescriptorPool; 2]> = LazyLock::new(|| {
    let pool = |files| DescriptorPool::from_file_descriptor_set(files).expect("valid descriptors");
    [pool(FILES.clone()), pool(compiled(&["inference.proto"]))]
});

/// The same as `protoc --include_imports --descriptor_set_out` writes it.
pub(crate) fn protoset() -> Vec<u8> {
    FILES.encode_to_vec()
}

/// The method at a path.
pub(super) fn method(path: &str) -> Option<MethodDescriptor> {
    let (service, method) = path.trim_start_matches('/').split_once('/')?;
    let service = POOLS.iter().find_map(|pool| pool.get_service_by_name(service))?;
    service.methods().find(|known| known.name() == method)
}

/// A message of a method as JSON.
pub(super) fn json(message: &DynamicMessage) -> Value {
    serde_json::to_value(message).expect("a message is JSON")
}

/// A message with its prefix, as it is sent.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("a message of a test");
    [&[0], length.to_be_bytes().as_slice(), message].concat()
}

/// What a client sends on a stream.
pub(super) struct Incoming {
    body: RecvStream,
    buffer: BytesMut,
}

/// A message that came.
pub(super) struct Came {
    /// The message itself.
    pub(super) bytes: Bytes,
    /// It was compressed with gzip.
    pub(super) compressed: bool,
}

impl Incoming {
    /// Of this stream.
    pub(super) fn new(body: RecvStream) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
        }
    }

    /// The next message; `None` at the end. An error is the code with which the client ended the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Came>, Reason> {
        loop {
            if let Some(came) = self.buffered() {
                return Ok(Some(came));
            }
            match self.body.data().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(error.reason().unwrap_or(Reason::INTERNAL_ERROR)),
                Some(Ok(chunk)) => {
                    // A stream that has ended has no window.
                    let _ = self.body.flow_control().release_capacity(chunk.len());
                    self.buffer.extend_from_slice(&chunk);
                }
            }
        }
    }

    fn buffered(&mut self) -> Option<Came> {
        let head = self.buffer.get(..5)?;
        let compressed = head[0] == 1;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let length = usize::try_from(length).expect("a message fits into memory");
        if self.buffer.len() < 5 + length {
            return None;
        }
        self.buffer.advance(5);
        let mut bytes = self.buffer.split_to(length).freeze();
        if compressed {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(bytes.reader())
                .read_to_end(&mut plain)
                .expect("what is marked as compressed is gzip");
            bytes = plain.into();
        }
        Some(Came { bytes, compressed })
    }
}
