//! Lowers a file of an edition to the syntax that means the same: what its features say of presence, packing and
//! groups is written out field by field (<https://protobuf.dev/editions/features/>).
//!
//! `prost-types` has no fields for editions and features, so they are read a second time, by the types below.

use prost_reflect::prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FieldOptions, FileDescriptorProto, MessageOptions};

/// `EDITION_2023`, the first.
const FIRST: i32 = 1000;
/// `EDITION_2024`; the features that matter here are those of 2023.
const LAST: i32 = 1001;

const IMPLICIT: i32 = 2;
const LEGACY_REQUIRED: i32 = 3;
const EXPANDED: i32 = 2;
const DELIMITED: i32 = 2;
const LEGACY_BEST_EFFORT: i32 = 2;

/// What a file says beside what `prost-types` reads of it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Features {
    #[prost(int32, optional, tag = "14")]
    edition: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    messages: Vec<OfMessage>,
    #[prost(message, repeated, tag = "7")]
    extensions: Vec<OfField>,
    #[prost(message, optional, tag = "8")]
    options: Option<FileOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct OfMessage {
    #[prost(message, repeated, tag = "2")]
    fields: Vec<OfField>,
    #[prost(message, repeated, tag = "3")]
    nested: Vec<OfMessage>,
    #[prost(message, repeated, tag = "6")]
    extensions: Vec<OfField>,
    #[prost(message, optional, tag = "7")]
    options: Option<OptionsOfMessage>,
    #[prost(message, repeated, tag = "8")]
    oneofs: Vec<OfOneof>,
}

#[derive(Clone, PartialEq, Message)]
struct OfField {
    #[prost(message, optional, tag = "8")]
    options: Option<OptionsOfField>,
}

#[derive(Clone, PartialEq, Message)]
struct OfOneof {
    #[prost(message, optional, tag = "2")]
    options: Option<OneofOptions>,
}

#[derive(Clone, PartialEq, Message)]
struct FileOptions {
    #[prost(message, optional, tag = "50")]
    features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
struct OptionsOfMessage {
    #[prost(message, optional, tag = "12")]
    features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
struct OptionsOfField {
    #[prost(message, optional, tag = "21")]
    features: Option<FeatureSet>,
}

#[derive(Clone, PartialEq, Message)]
struct OneofOptions {
    #[prost(message, optional, tag = "1")]
    features: Option<FeatureSet>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct FeatureSet {
    #[prost(int32, optional, tag = "1")]
    field_presence: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    repeated_field_encoding: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    message_encoding: Option<i32>,
    #[prost(int32, optional, tag = "6")]
    json_format: Option<i32>,
}

impl FeatureSet {
    /// What holds below: `own` where it says something.
    fn with(self, own: Option<Self>) -> Self {
        let own = own.unwrap_or_default();
        Self {
            field_presence: own.field_presence.or(self.field_presence),
            repeated_field_encoding: own.repeated_field_encoding.or(self.repeated_field_encoding),
            message_encoding: own.message_encoding.or(self.message_encoding),
            json_format: own.json_format.or(self.json_format),
        }
    }
}

/// Why a file cannot be lowered: its dialect, in words.
pub(super) struct Unknown(pub(super) String);

/// Turns a file of an edition into proto3 or proto2, and refuses dialects that are not known; others stay as they are.
pub(super) fn lower(file: &mut FileDescriptorProto, features: &Features) -> Result<(), Unknown> {
    match (file.syntax.as_deref(), features.edition) {
        (None | Some("" | "proto2" | "proto3"), None | Some(0)) => {
            file.syntax = file.syntax.take().filter(|syntax| !syntax.is_empty());
            return Ok(());
        }
        (_, Some(FIRST..=LAST)) => {}
        (Some("editions"), Some(edition)) => return Err(Unknown(edition_name(edition))),
        (syntax, None | Some(_)) => {
            return Err(Unknown(format!("the syntax `{}`", syntax.unwrap_or_default())));
        }
    }
    let own = features.options.as_ref().and_then(|options| options.features);
    let inherited = FeatureSet::default().with(own);
    for (index, message) in file.message_type.iter_mut().enumerate() {
        lower_message(message, features.messages.get(index), inherited);
    }
    for (index, field) in file.extension.iter_mut().enumerate() {
        lower_field(field, inherited.with(of_field(features.extensions.get(index))));
    }
    file.syntax = Some(
        if needs_proto2(file, features) {
            "proto2"
        } else {
            "proto3"
        }
        .to_owned(),
    );
    Ok(())
}

fn edition_name(number: i32) -> String {
    match number {
        // `EDITION_2026` is to be 1002 or a year's number, so only the number is certain.
        LAST.. => format!("an edition newer than 2024 (number {number})"),
        _ => format!("the edition number {number}"),
    }
}

/// proto3 demands that enums begin with 0 and that JSON names are unique. Where that does not hold, proto2 is the base;
/// all it loses is that fields without presence are not written when they are 0, which a reader cannot tell apart.
fn needs_proto2(file: &FileDescriptorProto, features: &Features) -> bool {
    let lenient = |options: Option<FeatureSet>| {
        options.is_some_and(|features| features.json_format == Some(LEGACY_BEST_EFFORT))
    };
    lenient(features.options.as_ref().and_then(|options| options.features))
        || features
            .messages
            .iter()
            .any(|message| any_message(message, &lenient))
        || file
            .enum_type
            .iter()
            .any(|found| found.value.first().is_some_and(|value| value.number() != 0))
        || file.message_type.iter().any(has_enum_without_zero)
}

fn any_message(message: &OfMessage, wanted: &impl Fn(Option<FeatureSet>) -> bool) -> bool {
    wanted(message.options.as_ref().and_then(|options| options.features))
        || message.nested.iter().any(|nested| any_message(nested, wanted))
}

fn has_enum_without_zero(message: &DescriptorProto) -> bool {
    message
        .enum_type
        .iter()
        .any(|found| found.value.first().is_some_and(|value| value.number() != 0))
        || message.nested_type.iter().any(has_enum_without_zero)
}

fn lower_message(message: &mut DescriptorProto, said: Option<&OfMessage>, inherited: FeatureSet) {
    let own = said.and_then(|said| said.options.as_ref()?.features);
    let features = inherited.with(own);
    // Entries of maps are never groups, neither are their values.
    let is_entry = message.options.as_ref().is_some_and(MessageOptions::map_entry);
    let entries: Vec<String> = message
        .nested_type
        .iter()
        .filter(|nested| nested.options.as_ref().is_some_and(MessageOptions::map_entry))
        .map(|nested| format!(".{}", nested.name()))
        .collect();
    for (index, field) in message.field.iter_mut().enumerate() {
        let of_oneof = field.oneof_index.and_then(|index| {
            said?
                .oneofs
                .get(usize::try_from(index).ok()?)?
                .options
                .as_ref()?
                .features
        });
        let mut features = features
            .with(of_oneof)
            .with(of_field(said.and_then(|said| said.fields.get(index))));
        if is_entry
            || entries
                .iter()
                .any(|entry| field.type_name().ends_with(entry.as_str()))
        {
            features.message_encoding = None;
        }
        lower_field(field, features);
    }
    for (index, field) in message.extension.iter_mut().enumerate() {
        let own = of_field(said.and_then(|said| said.extensions.get(index)));
        lower_field(field, features.with(own));
    }
    for (index, nested) in message.nested_type.iter_mut().enumerate() {
        lower_message(nested, said.and_then(|said| said.nested.get(index)), features);
    }
}

fn of_field(said: Option<&OfField>) -> Option<FeatureSet> {
    said?.options.as_ref()?.features
}

fn lower_field(field: &mut FieldDescriptorProto, features: FeatureSet) {
    let is_message = matches!(field.r#type(), Type::Message | Type::Group);
    if field.label() == Label::Repeated {
        let packable = !is_message && !matches!(field.r#type(), Type::String | Type::Bytes);
        if packable {
            let packed = features.repeated_field_encoding != Some(EXPANDED);
            field.options.get_or_insert_with(FieldOptions::default).packed = Some(packed);
        }
    } else if features.field_presence == Some(LEGACY_REQUIRED) {
        field.set_label(Label::Required);
    }
    let alone = field.label() != Label::Repeated && field.oneof_index.is_none() && field.extendee.is_none();
    if alone && !is_message && features.field_presence != Some(IMPLICIT) {
        field.proto3_optional = Some(true);
    }
    if field.r#type() == Type::Message && features.message_encoding == Some(DELIMITED) {
        field.set_type(Type::Group);
    }
}
