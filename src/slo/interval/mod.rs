//! How sure an estimate is: 95 % intervals for percentiles, shares, means and ratios of one load test.
//!
//! Requests of one run share a machine, a garbage collector, a neighbour. Textbook intervals assume that they do not
//! and are then far too narrow: under load that comes and goes within seconds, the textbook interval of the median
//! covers the truth in three runs of ten instead of in nineteen of twenty. So every interval here starts from
//! [`Block`]s of equal time, whose spread shows how strongly requests hang together ([`design_effect`]), and none is
//! ever narrower than the textbook's.
//!
//! Two-sided, 95 %, unless a function says otherwise. Pure arithmetic: no I/O, no clock, no histogram, and no `NaN`
//! or infinity in what is returned, whatever goes in. What the data cannot bound is `None`, never a guess.
//!
//! # Why
//!
//! When a run is short against the time for which slow moments last (20 s against 2 s), no method covers fully; a
//! large [`DesignEffect::value`] is the sign to report. A 95th percentile that equals its limit, which no data can place
//! on either side, is then judged for sure in one run of five (by the textbook's interval in three; when requests are
//! independent, in one or two of a hundred). Bootstrapping single requests and averaging percentiles of windows were
//! measured and are worse, which is why they are not here.

mod beta;
mod blocks;
mod bounds;
mod mean;
mod plan;
mod quantile;
mod ratio;
mod share;
mod student;

pub use blocks::{Block, DesignEffect, MINIMUM_PER_BLOCK, design_effect, join_small};
pub use bounds::Interval;
pub use mean::mean_interval;
pub use plan::requests_to_decide;
pub use quantile::quantile_ranks;
pub use ratio::ratio_interval;
pub use share::{share_interval, share_is_above, wilson};
pub use student::student_t_975;

/// The probability left out on either side of a two-sided 95 % interval.
const TAIL: f64 = 0.025;

/// The 0.975 quantile of the standard normal distribution.
pub(super) const Z_975: f64 = 1.959_963_984_540_054;
