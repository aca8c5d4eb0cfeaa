//! [`Reflection`]: what a server tells about its services (<https://grpc.io/docs/guides/reflection/>).

use bytes::Bytes;
use h2::SendStream;
use prost::Message;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{
    ErrorResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};

use super::wire::{FILES, Incoming, framed};

/// The versions of it that a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reflection {
    /// v1 and v1alpha.
    Both,
    /// v1 alone.
    V1,
    /// v1alpha alone, as servers of before 2023 have it.
    Alpha,
    /// v1, and it knows the names of services, not those of methods, as Python's.
    ServicesOnly,
    /// None.
    Off,
}

impl Reflection {
    /// Whether a call to this path is one of its own.
    pub(super) fn answers(self, path: &str) -> bool {
        let v1 = path == "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
        let alpha = path == "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
        match self {
            Self::Both => v1 || alpha,
            Self::V1 | Self::ServicesOnly => v1,
            Self::Alpha => alpha,
            Self::Off => false,
        }
    }

    /// Answers every question on a stream. The messages of both versions are the same on the wire.
    pub(super) async fn serve(self, mut incoming: Incoming, outgoing: &mut SendStream<Bytes>) {
        while let Ok(Some(came)) = incoming.next().await {
            let request = ServerReflectionRequest::decode(came.bytes).expect("a question");
            let answer = ServerReflectionResponse {
                valid_host: request.host.clone(),
                message_response: request
                    .message_request
                    .as_ref()
                    .map(|question| self.answer(question)),
                original_request: Some(request),
            };
            let _ = outgoing.send_data(framed(&answer.encode_to_vec()).into(), false);
        }
    }

    fn answer(self, question: &MessageRequest) -> MessageResponse {
        let file = match question {
            MessageRequest::ListServices(_) => {
                let service = ["grpc.reflection.v1.ServerReflection", "shop.v1.Shop"];
                return MessageResponse::ListServicesResponse(ListServiceResponse {
                    service: service
                        .map(|name| ServiceResponse {
                            name: name.to_owned(),
                        })
                        .to_vec(),
                });
            }
            MessageRequest::FileByFilename(name) => FILES.file.iter().find(|file| file.name() == name),
            MessageRequest::FileContainingSymbol(symbol) => self.file_with(symbol),
            MessageRequest::FileContainingExtension(_) | MessageRequest::AllExtensionNumbersOfType(_) => None,
        };
        // The file alone: its imports are to be asked for.
        file.map_or_else(
            || {
                MessageResponse::ErrorResponse(ErrorResponse {
                    error_code: 5,
                    error_message: format!("{question:?} is not known here"),
                })
            },
            |file| {
                MessageResponse::FileDescriptorResponse(FileDescriptorResponse {
                    file_descriptor_proto: vec![file.encode_to_vec()],
                })
            },
        )
    }

    fn file_with(self, symbol: &str) -> Option<&'static prost_types::FileDescriptorProto> {
        FILES.file.iter().find(|file| {
            let package = file.package();
            let messages = file.message_type.iter().map(prost_types::DescriptorProto::name);
            let services = file.service.iter().map(prost_types::ServiceDescriptorProto::name);
            let methods = file.service.iter().flat_map(|service| {
                let of = |method: &prost_types::MethodDescriptorProto| {
                    format!("{package}.{}.{}", service.name(), method.name())
                };
                service.method.iter().map(of)
            });
            messages
                .chain(services)
                .any(|name| symbol == format!("{package}.{name}"))
                || (self != Self::ServicesOnly && methods.into_iter().any(|name| name == symbol))
        })
    }
}
