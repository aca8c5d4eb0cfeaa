//! The 0.975 quantile of Student's t distribution, the factor of a two-sided 95 % interval.
//!
//! # Why
//!
//! `statrs`' own inverse is off for many degrees of freedom. Few degrees come from the beta quantile (Abramowitz &
//! Stegun, 26.7.1); many from the expansion around the normal quantile (26.7.5), which has no cancellation.

use super::beta::beta_quantile;
use super::{TAIL, Z_975};

/// From here on the expansion is within 1e-8 of the quantile.
const MANY: u64 = 1_000;

/// The value that a Student t variable with `df` degrees of freedom exceeds with probability 2.5 %.
///
/// 12.706 for one degree, 2.262 for nine, and down to 1.960, the normal quantile, for very many. Zero degrees have
/// no distribution and are read as one, the widest there is.
pub fn student_t_975(df: u64) -> f64 {
    if df < MANY {
        return student_t(df, TAIL);
    }
    let degrees = df as f64;
    let z = Z_975;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    z + (first + second / degrees) / degrees
}

/// The value that it exceeds with probability `tail`; from 999 degrees on that of 999, which is within a thousandth.
pub(super) fn student_t(df: u64, tail: f64) -> f64 {
    let degrees = df.clamp(1, MANY - 1) as f64;
    let x = beta_quantile(2.0 * tail, degrees / 2.0, 0.5);
    (degrees * (1.0 - x) / x).sqrt()
}

#[cfg(test)]
mod tests {
    use super::{student_t, student_t_975};

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        let table = [
            (1, 12.706_205),
            (2, 4.302_653),
            (3, 3.182_446),
            (4, 2.776_445),
            (5, 2.570_582),
            (9, 2.262_157),
            (19, 2.093_024),
            (30, 2.042_272),
            (100, 1.983_972),
            (999, 1.962_341),
            (1_000, 1.962_339),
            (u64::MAX, 1.959_964),
        ];
        for (df, expected) in table {
            let actual = student_t_975(df);
            assert!(
                (actual - expected).abs() < 1e-6,
                "t with {df} degrees is {actual}, not {expected}"
            );
        }
    }

    #[test]
    fn other_tails_are_those_of_the_printed_tables() {
        for (df, tail, expected) in [
            (9, 0.001, 4.2968),
            (9, 0.025, 2.2622),
            (2, 0.001, 22.3271),
            (u64::MAX, 0.001, 3.0984),
        ] {
            let actual = student_t(df, tail);
            assert!(
                (actual - expected).abs() < 1e-4,
                "t with {df} degrees is {actual}, not {expected}"
            );
        }
    }

    #[test]
    fn more_degrees_never_widen_and_zero_is_the_widest() {
        assert!(student_t_975(0) >= student_t_975(1));
        for df in 1..1_100 {
            assert!(student_t_975(df) > student_t_975(df + 1), "{df}");
        }
    }
}
