//! [`Scale`]: from values to places in a drawing.

/// A linear or logarithmic axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    from: (f64, f64),
    to: (f64, f64),
    logarithmic: bool,
}

impl Scale {
    /// Values `from.0 … from.1` lie at `to.0 … to.1`.
    pub(super) fn linear(from: (f64, f64), to: (f64, f64)) -> Self {
        Self {
            from,
            to,
            logarithmic: false,
        }
    }

    /// The same, equal ratios at equal distances.
    pub(super) fn logarithmic(from: (f64, f64), to: (f64, f64)) -> Self {
        Self {
            from: (from.0.max(1e-9).ln(), from.1.max(1e-9).ln()),
            to,
            logarithmic: true,
        }
    }

    /// Where a value lies, never outside of the drawing.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.logarithmic {
            value.max(1e-9).ln()
        } else {
            value
        };
        let width = self.from.1 - self.from.0;
        let part = if width > 0.0 {
            (value - self.from.0) / width
        } else {
            0.0
        };
        let part = if part.is_finite() {
            part.clamp(0.0, 1.0)
        } else {
            0.0
        };
        self.to.0 + part * (self.to.1 - self.to.0)
    }
}

/// A coordinate as it stands in the file: tenths are finer than any screen.
pub(super) fn place(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Round values from 0 up to `highest`, about five of them.
pub(super) fn round_steps(highest: f64) -> Vec<f64> {
    if !(highest.is_finite() && highest > 0.0) {
        return vec![0.0];
    }
    let rough = highest / 4.0;
    let decade = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * decade)
        .find(|step| *step >= rough)
        .unwrap_or(rough);
    (0..=5)
        .map(|n| f64::from(n) * step)
        .filter(|value| *value <= highest * 1.0001)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        assert_eq!(round_steps(655.0), [0.0, 200.0, 400.0, 600.0]);
        assert_eq!(round_steps(30.0), [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(round_steps(f64::NAN), [0.0]);
    }

    proptest! {
        #[test]
        fn nothing_is_drawn_outside(from in any::<f64>(), to in any::<f64>(), value in any::<f64>()) {
            for scale in [Scale::linear((from, to), (0.0, 100.0)), Scale::logarithmic((from, to), (0.0, 100.0))] {
                prop_assert!((0.0..=100.0).contains(&scale.at(value)));
            }
            prop_assert!(round_steps(value).len() <= 6);
        }
    }
}
