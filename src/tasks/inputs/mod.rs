//! Types of fields that several tasks have.

mod body;
mod data;
mod download;
mod host;
mod method;
mod net;
mod pace;
mod patience;
mod percentile;
mod places;
mod protocol;
mod rate;
mod secretive;
mod status;
mod target;
mod template;
mod tree;

pub(super) use body::Source;
pub(super) use data::{Data, check_placeholders};
pub(super) use download::download;
pub(super) use host::{GrpcHost, other_name};
pub(super) use method::HttpMethod;
pub(super) use net::{
    GRPC_NAMES, NetInput, OWN_NAMES, OverrideInput, ProxyInput, Sender, TlsNames, hide_header, hide_headers,
    merge_headers,
};
pub(super) use pace::StageInput;
pub(super) use patience::{Unsent, beginning, send};
pub(super) use percentile::Percentile;
pub(super) use places::Places;
pub(super) use rate::{Count, Rate};
pub(super) use secretive::{hide_values, is_secret_parameter};
pub(super) use status::{Range, Statuses};
pub(super) use target::Target;
pub(super) use template::{TemplateSource, with_hint};
pub(super) use tree::{Scalar, Tree};

/// One schema with the properties of several.
pub(super) fn merge_schemas(parts: &[serde_json::Value], required: &[&str]) -> serde_json::Value {
    let properties: serde_json::Map<String, serde_json::Value> = parts
        .iter()
        .filter_map(|part| part["properties"].as_object())
        .flatten()
        .map(|(key, schema)| (key.clone(), schema.clone()))
        .collect();
    serde_json::json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false
    })
}
