//! What can be known about a version: names, units, and what a load measured.

mod beside;
mod buckets;
pub mod code;
mod exemplar;
mod health;
mod histogram;
mod insights;
mod load;
mod name;
mod provided;
mod recorder;
mod slice_recorder;
mod slices;
mod sparse;
mod unit;

pub use buckets::nanos;
pub use exemplar::Exemplar;
pub use health::{GeneratorHealth, Throttled, Usage};
pub use histogram::{Histogram, HistogramError};
pub use insights::{Insights, Load, VersionInsights};
pub use load::{Failure, FailureClass, LoadMeasurement, Timing};
pub use name::{Measure, MetricName, MetricNameError, Protocol, Statistic, Stream};
pub use provided::{Bucket, Buckets, Provided, ProvidedKind, between, converted};
pub use recorder::Recorder;
pub use slice_recorder::SliceRecorder;
pub use slices::{Slice, Slices};
pub use unit::Unit;
