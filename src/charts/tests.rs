//! Tests of the charts: what values become.
