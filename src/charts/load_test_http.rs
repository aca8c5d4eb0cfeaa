//! The chart `load-test-http` of 0.8 to 0.10.

use serde_json::Value as Json;

use super::load::HTTP;
use super::load_test::{render, schema};
use super::{Chart, MetricNames, Release, Rendered};
use crate::spec::{Decoder, Node};

/// An HTTP load and its limits.
pub(super) struct LoadTestHttp;

impl Chart for LoadTestHttp {
    fn name(&self) -> &'static str {
        "load-test-http"
    }

    fn about(&self) -> &'static str {
        "An HTTP load and upper limits."
    }

    fn releases(&self) -> &'static [Release] {
        const { &[Release::zero(8), Release::zero(9), Release::zero(10)] }
    }

    fn runner(&self) -> Option<&'static str> {
        Some("job")
    }

    fn schema(&self) -> Json {
        schema(&HTTP)
    }

    fn render(&self, values: &Node, names: MetricNames, decoder: &mut Decoder<'_>) -> Rendered {
        render(self.name(), &HTTP, values, names, decoder)
    }
}
