//! `load-schedule` and `concurrency-schedule`: values that change by steps, as ghz counts them.

use std::num::{NonZeroI32, NonZeroU32};
use std::time::Duration;

use super::input::PaceInput;
use super::words::Schedule;
use crate::load::{MOST_AT_ONCE, Rate, Stage, Steps};
use crate::spec::{Decoder, Period};
use crate::tasks::inputs::Places;

/// A line has a step each second.
const SECOND: Duration = Duration::from_secs(1);
/// Most steps of a load.
const MOST: usize = 10_000;
/// How long a rate holds that nothing ends but the number of calls.
const LONG: Duration = Duration::from_hours(10_000);

/// Calls per second that no machine makes.
const FASTEST: u32 = 10_000_000;

/// The fields of one of the schedules.
#[derive(Debug, Clone, Copy)]
struct Given<'a> {
    /// `load` or `concurrency`.
    name: &'static str,
    kind: Schedule,
    start: Option<u64>,
    step: Option<i32>,
    every: Option<Period>,
    end: Option<u64>,
    within: Option<Period>,
    /// The largest number of calls.
    most: u32,
    places: Places<'a>,
}

/// Fields that make sense together.
#[derive(Debug, Clone, Copy)]
struct Course {
    start: u32,
    step: NonZeroI32,
    every: Duration,
    end: Option<u32>,
    within: Option<Duration>,
}

impl Given<'_> {
    fn field(&self, rest: &str) -> String {
        format!("{}-{rest}", self.name)
    }

    /// Reports what a field is missing or wrong for; one that could not be read has been reported.
    fn refuse(&self, rest: &str, message: &str, hint: Option<&str>, decoder: &mut Decoder<'_>) {
        let field = self.field(rest);
        let at = if self.places.given(&field) {
            self.places.at(&field)
        } else {
            self.places.at(&self.field("schedule"))
        };
        decoder.error(at, message.to_owned(), hint.map(str::to_owned));
    }

    /// `None` if a schedule is not asked for, or cannot be, which has been reported.
    fn course(&self, decoder: &mut Decoder<'_>) -> Option<Course> {
        let kind = if self.kind == Schedule::Line {
            "line"
        } else {
            "step"
        };
        let before = decoder.errors();
        let start = self.number("start", self.start, decoder);
        let end = self.number("end", self.end, decoder);
        let needs = |rest: &str| {
            format!(
                "`{}: {kind}` needs `{}`",
                self.field("schedule"),
                self.field(rest)
            )
        };
        let step = self.step.and_then(NonZeroI32::new);
        if step.is_none() {
            let hint = "by how much a step changes it; it may be negative";
            self.refuse("step", &needs("step"), Some(hint), decoder);
        }
        if start.is_none() && decoder.errors() == before {
            self.refuse("start", &needs("start"), None, decoder);
        }
        let every = match (self.kind, self.every) {
            (Schedule::Step, every) => every.map(|every| every.0),
            (Schedule::Line | Schedule::Const, _) => Some(SECOND),
        };
        if every.is_none() {
            self.refuse("step-duration", &needs("step-duration"), None, decoder);
        }
        if self.kind == Schedule::Line && self.every.is_some_and(|every| every.0 != SECOND) {
            let message = format!(
                "`{}` changes nothing with `line`: it has a step each second",
                self.field("step-duration")
            );
            let at = self.places.at(&self.field("step-duration"));
            decoder.warning(at, message, Some("write `step`".to_owned()));
        }
        if let (Some(start), Some(step), Some(end)) = (start, step, end) {
            let away = if step.get() > 0 { end < start } else { end > start };
            if start == end || away {
                let message = format!("steps of {step} do not lead from {start} to {end}");
                self.refuse("end", &message, None, decoder);
            }
        }
        if decoder.errors() > before {
            return None;
        }
        Some(Course {
            start: start?,
            step: step?,
            every: every?,
            end,
            within: self.within.map(|within| within.0),
        })
    }

    fn number(&self, rest: &str, number: Option<u64>, decoder: &mut Decoder<'_>) -> Option<u32> {
        let read = number.map(|number| u32::try_from(number).ok().filter(|number| *number <= self.most));
        if read == Some(None) {
            self.refuse(rest, "more than any machine can do", None, decoder);
        }
        read.flatten()
    }

    /// Fields of a schedule that is not asked for: another load would be sent than the one that was meant. Whether there
    /// are none.
    fn refuse_unused(&self, decoder: &mut Decoder<'_>) -> bool {
        let given = [
            // Iter8 writes that `concurrency-start` is 1 into its files.
            (self.start.is_some_and(|start| start != 1), "start"),
            (self.step.is_some(), "step"),
            (self.every.is_some(), "step-duration"),
            (self.end.is_some(), "end"),
            (self.within.is_some(), "max-duration"),
        ];
        let unused = given.into_iter().find(|(given, _)| *given);
        if let Some((_, rest)) = unused {
            let (field, schedule) = (self.field(rest), self.field("schedule"));
            let message = format!("`{field}` changes nothing without `{schedule}`");
            let hint = format!("write `{schedule}: step` or `{schedule}: line`, or leave it out");
            decoder.error(self.places.at(&field), message, Some(hint));
        }
        unused.is_none()
    }
}

/// The rates of a load, one after the other, from its start to its end. `None` where there is no schedule.
///
/// `calls` and `time` are what ends the load.
pub(super) fn load(
    input: &PaceInput,
    calls: Option<u64>,
    time: Option<Duration>,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Result<Option<Vec<Stage>>, ()> {
    let given = Given {
        name: "load",
        kind: input.load_schedule.unwrap_or(Schedule::Const),
        start: input.load_start,
        step: input.load_step.map(|step| step.0),
        every: input.load_step_duration,
        end: input.load_end,
        within: input.load_max_duration,
        most: FASTEST,
        places,
    };
    if given.kind == Schedule::Const {
        return given.refuse_unused(decoder).then_some(None).ok_or(());
    }
    let course = given.course(decoder).ok_or(())?;
    if input.rps.is_some_and(|rps| rps.0 > 0.0) {
        let message = "`rps` changes nothing beside `load-schedule`, which says how many calls per second";
        decoder.warning(
            places.at("rps"),
            message,
            Some("leave one of them out".to_owned()),
        );
    }
    match stages(course, calls, time) {
        Ok(stages) => Ok(Some(stages)),
        Err(why) => {
            decoder.error(places.at("load-schedule"), why, None);
            Err(())
        }
    }
}

fn stages(course: Course, calls: Option<u64>, time: Option<Duration>) -> Result<Vec<Stage>, String> {
    let most = calls.map_or(f64::INFINITY, |calls| calls as f64);
    let mut left = time.unwrap_or(LONG);
    let mut stages: Vec<Stage> = Vec::new();
    let (mut sent, mut elapsed, mut rate) = (0.0, Duration::ZERO, i64::from(course.start));
    while sent < most && !left.is_zero() {
        let over = course.within.is_some_and(|within| elapsed >= within);
        let end = course.end.map(i64::from);
        let beyond = end.is_some_and(|end| {
            if course.step.get() > 0 {
                rate >= end
            } else {
                rate <= end
            }
        });
        if beyond || (over && end.is_some()) {
            rate = end.unwrap_or(rate);
        }
        let last = beyond || over;
        let per_second = u32::try_from(rate)
            .ok()
            .and_then(|rate| Rate::per_second(f64::from(rate)));
        let Some(per_second) = per_second else {
            return Err(format!(
                "after {} the steps lead to no calls at all, before the load ends: give `load-end` or `load-max-duration`",
                Period(elapsed)
            ));
        };
        // Of a number of calls, as long as they take; one interval more never hurts, for the number ends the load.
        let needed = (most - sent + 1.0) / per_second.get();
        let needed = Duration::try_from_secs_f64(needed).unwrap_or(LONG);
        let own = if last {
            left
        } else {
            course.every.min(
                course
                    .within
                    .map_or(LONG, |within| within.saturating_sub(elapsed)),
            )
        };
        let length = own.min(left).min(needed);
        sent += per_second.get() * length.as_secs_f64();
        elapsed += length;
        left -= length;
        stages.push(Stage {
            from: Some(per_second),
            to: Some(per_second),
            time: length,
        });
        if stages.len() > MOST {
            return Err(format!("the load would have more than {MOST} steps"));
        }
        rate += i64::from(course.step.get());
    }
    Ok(stages)
}

/// How many calls there may be at a time, if that changes.
pub(super) fn concurrency(
    input: &PaceInput,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Result<Option<Steps>, ()> {
    let kind = input.concurrency_schedule.unwrap_or(Schedule::Const);
    let given = Given {
        name: "concurrency",
        kind,
        start: input.concurrency_start.or((kind != Schedule::Const).then_some(1)),
        step: input.concurrency_step.map(|step| step.0),
        every: input.concurrency_step_duration,
        end: input.concurrency_end,
        within: input.concurrency_max_duration,
        most: MOST_AT_ONCE.get(),
        places,
    };
    if given.kind == Schedule::Const {
        return given.refuse_unused(decoder).then_some(None).ok_or(());
    }
    let course = given.course(decoder).ok_or(())?;
    if input.concurrency.is_some() {
        let message = "`concurrency` changes nothing beside `concurrency-schedule`";
        let hint = "it goes from `concurrency-start` to `concurrency-end`";
        decoder.warning(places.at("concurrency"), message, Some(hint.to_owned()));
    }
    let start = NonZeroU32::new(course.start);
    let end = course.end.and_then(NonZeroU32::new);
    let steps = start.and_then(|start| Steps::new(start, end, course.step, course.every, course.within));
    if steps.is_none() {
        let message = "the steps do not lead from `concurrency-start` to `concurrency-end`";
        decoder.error(places.at("concurrency-schedule"), message, None);
    }
    steps.map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates and seconds of a schedule.
    fn told(
        course: (u32, i32, f64, Option<u32>, Option<f64>),
        calls: Option<u64>,
        time: Option<f64>,
    ) -> Vec<(f64, f64)> {
        let (start, step, every, end, within) = course;
        let course = Course {
            start,
            step: NonZeroI32::new(step).expect("a step"),
            every: Duration::from_secs_f64(every),
            end,
            within: within.map(Duration::from_secs_f64),
        };
        let stages = stages(course, calls, time.map(Duration::from_secs_f64)).expect("a schedule");
        let told = |stage: &Stage| (stage.to.map_or(0.0, Rate::get), stage.time.as_secs_f64());
        stages.iter().map(told).collect()
    }

    #[test]
    fn steps_end_where_they_are_told_to_and_the_load_with_its_time() {
        assert_eq!(
            told((20, 20, 0.5, Some(50), None), None, Some(3.0)),
            [(20.0, 0.5), (40.0, 0.5), (50.0, 2.0)]
        );
        assert_eq!(
            told((50, -20, 1.0, Some(20), None), None, Some(2.5)),
            [(50.0, 1.0), (30.0, 1.0), (20.0, 0.5)]
        );
        assert_eq!(
            told((10, 10, 1.0, None, Some(2.0)), None, Some(4.0)),
            [(10.0, 1.0), (20.0, 1.0), (30.0, 2.0)]
        );
        assert_eq!(
            told((10, 10, 1.0, Some(90), Some(1.0)), None, Some(2.0)),
            [(10.0, 1.0), (90.0, 1.0)]
        );
    }

    #[test]
    fn a_number_of_calls_takes_as_long_as_it_takes() {
        let stages = told((10, 10, 1.0, Some(20), None), Some(40), None);
        assert_eq!(stages.len(), 2);
        assert_eq!(stages[0], (10.0, 1.0));
        assert!((stages[1].1 - 31.0 / 20.0).abs() < 1e-6, "{stages:?}");
    }

    #[test]
    fn steps_down_to_nothing_are_no_schedule_for_a_number_of_calls() {
        let course = Course {
            start: 20,
            step: NonZeroI32::new(-10).expect("a step"),
            every: SECOND,
            end: None,
            within: None,
        };
        assert!(
            stages(course, Some(200), None)
                .expect_err("ends at 0")
                .contains("load-end")
        );
        assert!(stages(course, None, Some(Duration::from_secs(2))).is_ok());
    }
}
