//! The regularised incomplete beta function and its inverse, the only special functions the intervals need.
//!
//! # Why
//!
//! `statrs` gives the function well, but its inverse is off, so it is inverted here by bisection. Its logarithms of
//! factorials cancel when both parameters are large; there the approximation of Peizer & Pratt (JASA 63, 1968, "A
//! normal approximation for binomial, F, beta, and other common, related tail probabilities") is closer: within
//! 4e-7 of the probability from 100 on, and better the larger the parameters.

use statrs::function::beta::checked_beta_reg;
use statrs::function::erf::erfc;

/// Above this, in both parameters, the approximation replaces the continued fraction.
const LARGE: f64 = 100.0;

/// Standard deviations from the mean beyond which a probability is 0 or 1 to double precision.
const CERTAIN: f64 = 40.0;

/// `I_x(a, b)`: the probability that a beta variable with parameters `a` and `b` (both > 0) is at most `x`.
///
/// `x` outside 0…1 gives 0 or 1; parameters that are not positive put the mass at the end they stand for.
pub(super) fn beta_cdf(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 || b <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 || a <= 0.0 {
        return 1.0;
    }
    if a.min(b) > LARGE {
        peizer_pratt(a, b, x)
    } else {
        checked_beta_reg(a, b, x).unwrap_or(0.0).clamp(0.0, 1.0)
    }
}

/// The probability of at most `hits` hits in `trials` independent trials, each a hit with probability `share`.
pub(super) fn binomial_cdf(hits: f64, trials: f64, share: f64) -> f64 {
    if hits < 0.0 {
        return 0.0;
    }
    if hits >= trials {
        return 1.0;
    }
    beta_cdf(trials - hits, hits + 1.0, 1.0 - share)
}

/// The `x` in 0…1 below which a beta variable lies with the given probability.
pub(super) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // 2^-64 is a few millionths of the smallest bound that one hit in 10^12 requests gives.
    for _ in 0..64 {
        let middle = f64::midpoint(low, high);
        if beta_cdf(a, b, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

fn peizer_pratt(a: f64, b: f64, x: f64) -> f64 {
    let (trials, rest) = (a + b - 1.0, 1.0 - x);
    let correction = 0.02 * (rest / a - x / b + (rest - 0.5) / (trials + 1.0));
    let distance = a - 1.0 / 3.0 - (trials + 1.0 / 3.0) * x + correction;
    let variance = (trials + 1.0 / 6.0) * x * rest;
    if distance.abs() > CERTAIN * variance.sqrt() {
        return if distance > 0.0 { 0.0 } else { 1.0 };
    }
    let skew = 1.0 + rest * skewness((a - 0.5) / (trials * x)) + x * skewness((b - 0.5) / (trials * rest));
    let deviations = distance * (skew.max(0.0) / variance).sqrt();
    (0.5 * erfc(deviations / std::f64::consts::SQRT_2)).clamp(0.0, 1.0)
}

/// Peizer & Pratt's `g(r) = (1 − r² + 2 r ln r) / (1 − r)²`, by its series near 1, where it cancels.
fn skewness(ratio: f64) -> f64 {
    let e = ratio - 1.0;
    if e.abs() < 1e-3 {
        return e * (-1.0 / 3.0 + e * (1.0 / 6.0 - e / 10.0));
    }
    (1.0 - ratio * ratio + 2.0 * ratio * ratio.ln()) / (e * e)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::{beta_cdf, beta_quantile, binomial_cdf, peizer_pratt, skewness};

    #[track_caller]
    fn close(actual: f64, expected: f64, relative: f64) {
        assert!(
            (actual - expected).abs() <= relative * expected.abs(),
            "{actual} is not about {expected}"
        );
    }

    #[test]
    fn the_uniform_distribution_is_the_identity() {
        for x in [0.0, 0.1, 0.5, 0.975, 1.0] {
            close(beta_cdf(1.0, 1.0, x), x, 1e-12);
        }
    }

    #[test]
    fn at_most_two_heads_of_five_are_one_half() {
        close(binomial_cdf(2.0, 5.0, 0.5), 0.5, 1e-12);
        close(binomial_cdf(0.0, 5.0, 0.5), 1.0 / 32.0, 1e-12);
        close(binomial_cdf(5.0, 5.0, 0.5), 1.0, 0.0);
        close(binomial_cdf(-1.0, 5.0, 0.5), 0.0, 0.0);
    }

    #[test]
    fn quantiles_are_those_of_scipy() {
        close(beta_quantile(0.025, 2.0, 20.0), 0.011_749_3, 1e-5);
        close(beta_quantile(0.975, 100.0, 1000.0), 0.108_58, 1e-5);
        close(beta_quantile(0.025, 1e6, 1e7), 0.090_739_3, 1e-6);
        close(beta_quantile(0.975, 1e4, 1e12), 1.019_69e-8, 1e-5);
    }

    #[test]
    fn both_ways_agree_where_they_meet() {
        for (a, b) in [(100.0, 100.0), (100.0, 1e3), (100.0, 1e6), (5e3, 100.0)] {
            for offset in [-3.0, -1.0, -0.1, 0.0, 0.1, 1.0, 3.0] {
                let mean: f64 = a / (a + b);
                let x = mean + offset * (mean * (1.0 - mean) / (a + b)).sqrt();
                let (exact, close) = (beta_cdf(a, b, x), peizer_pratt(a, b, x));
                assert!(
                    (exact - close).abs() < 2e-6,
                    "I_{x}({a}, {b}) = {exact}, approximated {close}"
                );
            }
        }
    }

    #[test]
    fn the_series_meets_the_formula_it_replaces() {
        for edge in [1.0 - 1e-3, 1.0 + 1e-3] {
            let (inside, outside) = (
                skewness(1.0 + (edge - 1.0) * 0.999_999),
                skewness(1.0 + (edge - 1.0) * 1.000_001),
            );
            assert!((inside - outside).abs() < 2e-9, "{inside} and {outside}");
        }
    }

    proptest! {
        #[test]
        fn a_probability_grows_with_x(a in 1e-6..1e12, b in 1e-6..1e12, x in 0.0..=1.0, y in 0.0..=1.0) {
            let (low, high) = (beta_cdf(a, b, f64::min(x, y)), beta_cdf(a, b, f64::max(x, y)));
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
            prop_assert!(low <= high + 1e-9, "{low} > {high}");
        }

        #[test]
        fn a_quantile_has_its_probability(a in 1.0..1e9, b in 1.0..1e9, probability in 0.01..0.99) {
            let x = beta_quantile(probability, a, b);
            prop_assert!((beta_cdf(a, b, x) - probability).abs() < 1e-4);
        }
    }
}
