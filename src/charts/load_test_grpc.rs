//! The chart `load-test-grpc` of 0.8 to 0.10.

use serde_json::Value as Json;

use super::load::GRPC;
use super::load_test::{render, schema};
use super::{Chart, MetricNames, Release, Rendered};
use crate::spec::{Decoder, Node};

/// A gRPC load and its limits.
pub(super) struct LoadTestGrpc;

impl Chart for LoadTestGrpc {
    fn name(&self) -> &'static str {
        "load-test-grpc"
    }

    fn about(&self) -> &'static str {
        "A gRPC load and upper limits."
    }

    fn releases(&self) -> &'static [Release] {
        const { &[Release::zero(8), Release::zero(9), Release::zero(10)] }
    }

    fn runner(&self) -> Option<&'static str> {
        Some("job")
    }

    fn schema(&self) -> Json {
        schema(&GRPC)
    }

    fn render(&self, values: &Node, names: MetricNames, decoder: &mut Decoder<'_>) -> Rendered {
        render(self.name(), &GRPC, values, names, decoder)
    }
}
