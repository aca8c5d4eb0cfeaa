//! [`Curve`]: how much load a rate has made at a time, and when it has made how much.

use std::time::Duration;

use super::super::{Rate, Stage};

/// A rate over time, by its integral: the amount of load since the start, in turns. Amounts are real numbers.
#[derive(Debug, Clone)]
pub(super) struct Curve {
    /// In order, without gaps; pieces without a request are left out.
    pieces: Vec<Piece>,
    /// `None` for a rate that never ends.
    end: Option<Duration>,
}

/// A time in which the rate is constant or changes evenly.
#[derive(Debug, Clone)]
struct Piece {
    start: Duration,
    /// Infinite for a rate that never ends.
    seconds: f64,
    /// Rate at its beginning, per second.
    from: f64,
    /// Rate at its end.
    to: f64,
    /// Change of the rate in a second.
    slope: f64,
    /// Amount at its beginning.
    before: f64,
    /// Amount at its end.
    after: f64,
}

impl Curve {
    /// The same rate for ever.
    pub(super) fn constant(rate: Rate) -> Self {
        let piece = Piece {
            start: Duration::ZERO,
            seconds: f64::INFINITY,
            from: rate.get(),
            to: rate.get(),
            slope: 0.0,
            before: 0.0,
            after: f64::INFINITY,
        };
        Self {
            pieces: vec![piece],
            end: None,
        }
    }

    /// One stage after the other.
    pub(super) fn stages(stages: &[Stage]) -> Self {
        let mut start = Duration::ZERO;
        let mut before = 0.0;
        let mut pieces = Vec::new();
        for stage in stages {
            let seconds = stage.time.as_secs_f64();
            let [from, to] = [stage.from, stage.to].map(|rate| rate.map_or(0.0, Rate::get));
            let after = whole_if_close(before + (from / 2.0 + to / 2.0) * seconds);
            if after > before {
                pieces.push(Piece {
                    start,
                    seconds,
                    from,
                    to,
                    slope: (to - from) / seconds,
                    before,
                    after,
                });
            }
            start = start.saturating_add(stage.time);
            before = after;
        }
        Self {
            pieces,
            end: Some(start),
        }
    }

    /// When the rate ends.
    pub(super) fn end(&self) -> Option<Duration> {
        self.end
    }

    /// The last instant at which the amount is not more than `amount`, to the nearest nanosecond: what is due between
    /// two stages, or before a pause, is due when the next requests are. The end, where there is never so much.
    pub(super) fn time(&self, amount: f64) -> Duration {
        let next = self.pieces.partition_point(|piece| piece.after <= amount);
        let Some(piece) = self.pieces.get(next) else {
            return self.end.unwrap_or(Duration::MAX);
        };
        let seconds = Duration::try_from_secs_f64(piece.seconds_for(amount - piece.before));
        seconds.map_or(Duration::MAX, |seconds| piece.start.saturating_add(seconds))
    }

    /// The amount at a time.
    pub(super) fn amount(&self, time: Duration) -> f64 {
        let begun = self.pieces.partition_point(|piece| piece.start < time);
        let Some(piece) = begun.checked_sub(1).and_then(|last| self.pieces.get(last)) else {
            return 0.0;
        };
        let seconds = time.saturating_sub(piece.start).as_secs_f64();
        if seconds >= piece.seconds {
            return piece.after;
        }
        let more = seconds * (piece.from + piece.slope * seconds / 2.0);
        whole_if_close(piece.before + more).min(piece.after)
    }
}

impl Piece {
    /// How long it takes to make an amount, at most all of the piece. The rate by then is reckoned from the end where
    /// it is lower, so that no two numbers of nearly the same size are subtracted.
    fn seconds_for(&self, amount: f64) -> f64 {
        if amount <= 0.0 {
            return 0.0;
        }
        if self.slope == 0.0 {
            return (amount / self.from).min(self.seconds);
        }
        let square = if self.slope > 0.0 {
            self.from * self.from + 2.0 * self.slope * amount
        } else {
            self.to * self.to - 2.0 * self.slope * (self.after - self.before - amount)
        };
        (2.0 * amount / (self.from + square.sqrt())).min(self.seconds)
    }
}

/// 0.1 a second for 30 s are 3, not 3.0000000000000004.
fn whole_if_close(amount: f64) -> f64 {
    let whole = amount.round();
    if (amount - whole).abs() <= whole * 1e-13 {
        whole
    } else {
        amount
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secs(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn stage(from: f64, to: f64, seconds: f64) -> Stage {
        Stage {
            from: Rate::per_second(from),
            to: Rate::per_second(to),
            time: secs(seconds),
        }
    }

    fn close(a: Duration, b: Duration) -> bool {
        a.abs_diff(b) <= Duration::from_nanos(2)
    }

    #[test]
    fn a_ramp_has_made_the_area_below_it() {
        let ramp = Curve::stages(&[stage(0.0, 10.0, 10.0)]);
        assert!((ramp.amount(secs(4.0)) - 8.0).abs() < 1e-12);
        assert!((ramp.amount(secs(99.0)) - 50.0).abs() < 1e-12);
        assert!(close(ramp.time(8.0), secs(4.0)));
        assert!(close(ramp.time(0.5), secs(1.0)));
        assert_eq!(ramp.time(0.0), Duration::ZERO);
        assert_eq!(ramp.time(50.0), secs(10.0));
        let down = Curve::stages(&[stage(10.0, 0.0, 10.0)]);
        assert!(close(down.time(42.0), secs(6.0)));
        assert!(close(down.time(49.5), secs(9.0)));
        assert!(close(down.time(50.0 - 0.5e-6), secs(9.999)));
    }

    #[test]
    fn stages_follow_each_other_without_a_gap() {
        let curve = Curve::stages(&[stage(0.1, 0.1, 30.0), stage(2.0, 4.0, 2.0), stage(4.0, 0.0, 1.0)]);
        assert_eq!(curve.time(3.0), secs(30.0));
        assert_eq!(curve.time(9.0), secs(32.0));
        assert_eq!(curve.end(), Some(secs(33.0)));
        assert!((curve.amount(secs(33.0)) - 11.0).abs() < 1e-12);
        assert!((curve.amount(secs(32.0)) - 9.0).abs() < 1e-12);
        assert!((curve.amount(secs(31.0)) - 5.5).abs() < 1e-12);
    }

    #[test]
    fn what_is_due_at_a_pause_is_due_after_it() {
        let pause = [stage(0.0, 0.0, 5.0), stage(10.0, 10.0, 1.0), stage(0.0, 0.0, 5.0)];
        let curve = Curve::stages(&[&pause[..], &[stage(1.0, 1.0, 1.0)]].concat());
        assert_eq!(curve.time(0.0), secs(5.0));
        assert_eq!(curve.time(10.0), secs(11.0));
        assert!((curve.amount(secs(8.0)) - 10.0).abs() < 1e-12);
        assert!(curve.amount(secs(5.0)).abs() < 1e-12);
    }

    #[test]
    fn a_tiny_slope_is_nearly_a_constant_rate() {
        let constant = Curve::constant(Rate::per_second(100.0).expect("a rate"));
        for change in [1e-13, 1e-9, -1e-13, -1e-9] {
            let tilted = Curve::stages(&[stage(100.0, 100.0 + change, 3600.0)]);
            for amount in [0.25, 1.0, 777.0, 359_999.0] {
                let apart = tilted.time(amount).abs_diff(constant.time(amount));
                assert!(apart < Duration::from_nanos(100), "{change} {amount}: {apart:?}");
            }
        }
    }

    #[test]
    fn absurd_rates_and_times_do_not_panic() {
        let rates = [0.0, f64::MIN_POSITIVE, 1e-300, 1.0, 1e200, f64::MAX];
        let times = [Duration::ZERO, Duration::from_nanos(1), secs(1.0), Duration::MAX];
        for from in rates {
            for to in rates {
                for time in times {
                    let one = Stage {
                        time,
                        ..stage(from, to, 0.0)
                    };
                    let curve = Curve::stages(&[one, one, stage(1.0, 2.0, 1.0), one]);
                    for amount in [0.0, 1e-300, 0.5, 1.0, 1e9, 1e19, f64::INFINITY] {
                        assert!(curve.time(amount) <= curve.end().expect("an end"));
                    }
                    for time in times {
                        let amount = curve.amount(time);
                        assert!(amount >= 0.0, "{from} {to} {time:?}: {amount}");
                    }
                }
            }
        }
        assert_eq!(Curve::stages(&[]).time(0.0), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn time_and_amount_are_each_others_inverse(
            rates in prop::collection::vec((0.0..1000.0_f64, 0.0..1000.0_f64, 0.001..100.0_f64), 1..5),
            fraction in 0.0..1.0_f64,
        ) {
            let stages: Vec<_> = rates.iter().map(|&(from, to, time)| stage(from, to, time)).collect();
            let curve = Curve::stages(&stages);
            let end = curve.end().expect("an end");
            let amount = curve.amount(end) * fraction;
            let back = curve.amount(curve.time(amount));
            // A nanosecond at the highest rate, and the last bits of the amount.
            prop_assert!((back - amount).abs() <= 1e-6 + amount * 1e-12, "{amount} became {back}");
        }

        #[test]
        fn the_amount_is_the_integral_of_the_rate(
            from in 0.0..1000.0_f64, to in 0.0..1000.0_f64, seconds in 0.1..100.0_f64, fraction in 0.0..1.0_f64,
        ) {
            let curve = Curve::stages(&[stage(from, to, seconds)]);
            let until = seconds * fraction;
            let steps = 1000;
            let step = until / f64::from(steps);
            // The rule of midpoints is exact for straight lines.
            let area: f64 = (0..steps)
                .map(|i| step * (from + (to - from) * (f64::from(i) + 0.5) * step / seconds))
                .sum();
            let amount = curve.amount(secs(until));
            prop_assert!((amount - area).abs() <= 1e-5 + area * 1e-9, "{amount}, not {area}");
        }
    }
}
