//! [`Budget`]: the time that renderings may take together, and [`Patience`]: that of the next one.

use std::time::{Duration, Instant};

/// Time for one rendering, which nothing interrupts.
const ONE: Duration = Duration::from_secs(3);
/// Time for all renderings of a task, however many versions it has.
const ALL: Duration = Duration::from_secs(10);

/// Time that several renderings share.
#[derive(Debug)]
pub struct Budget {
    left: Duration,
}

impl Budget {
    /// For one rendering alone.
    pub(super) fn of_one() -> Self {
        Self { left: ONE }
    }

    /// For all renderings of a task: 10 seconds.
    pub fn of_task() -> Self {
        Self { left: ALL }
    }

    /// Of which nothing is left.
    #[cfg(test)]
    pub fn used_up() -> Self {
        Self { left: Duration::ZERO }
    }

    /// Takes the time of some work from what is left. The work itself is not interrupted.
    pub fn spend<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        self.left = self.left.saturating_sub(began.elapsed());
        done
    }

    /// What the next rendering may take, from now on.
    pub(super) fn for_next(&self) -> Patience {
        Patience {
            began: Instant::now(),
            time: self.left.min(ONE),
        }
    }
}

/// Until when a rendering may go on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    began: Instant,
    time: Duration,
}

impl Patience {
    /// Fails once the time is over.
    pub(super) fn check(self) -> Result<(), String> {
        if self.began.elapsed() < self.time {
            return Ok(());
        }
        Err(if self.time < ONE {
            format!("the templates of the task take more than {ALL:?} for all of its versions together")
        } else {
            format!("the template takes more than {ONE:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Absent, Functions, Random, Template, Value};

    fn over(mut patience: Patience) -> Option<String> {
        patience.began = patience.began.checked_sub(patience.time + ONE)?;
        patience.check().err()
    }

    #[test]
    fn a_rendering_has_its_own_time_and_a_part_of_that_of_all() {
        let mut budget = Budget::of_task();
        assert_eq!(budget.for_next().time, ONE);
        assert!(budget.for_next().check().is_ok());
        assert!(over(budget.for_next()).is_none_or(|why| why.contains("takes more than 3s")));
        budget.spend(|| std::thread::sleep(Duration::from_millis(2)));
        assert!(budget.left < ALL);
        budget.left = Duration::from_secs(1);
        assert_eq!(budget.for_next().time, budget.left);
        assert!(over(budget.for_next()).is_none_or(|why| why.contains("more than 10s for all")));
    }

    #[test]
    fn a_rendering_ends_when_its_time_is_over() {
        let template = Template::parse("a\n{{ 1 }}", Functions::All).expect("a template");
        let mut random = Random::seeded(0);
        let mut within =
            |mut budget| template.render_within(&Value::Nil, Absent::Refused, &mut random, &mut budget);
        assert_eq!(within(Budget::of_one()).expect("in time"), "a\n1");
        let error = within(Budget::used_up()).expect_err("too late");
        assert!(error.message.contains("together"), "{error}");
    }
}
