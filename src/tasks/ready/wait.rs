//! [`until_ready`]: tries again and again, with growing pauses, until a target is as expected.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::Url;

use crate::net::is_loopback;
use crate::spec::Period;
use crate::tasks::{Event, Reach, RunContext, TaskError};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Time that is kept for the last attempt.
const LAST_ATTEMPT: Duration = Duration::from_millis(200);
/// With less than this left no attempt is worth making.
const SHORTEST_LEFT: Duration = Duration::from_millis(20);
/// Longest wait for one answer.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How often a reason that stays the same is told.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// What is said of the last attempt where an earlier one tells the reason.
const CUT_OFF: &str = "; the last attempt was cut off by the end of the time";

/// Why an attempt did not count.
pub(super) struct Refusal {
    pub(super) reason: String,
    /// What to do about it; told at the end only.
    pub(super) hint: Option<String>,
    /// Nobody was reached at all.
    pub(super) unreachable: bool,
    /// Waiting longer will not help.
    pub(super) final_: bool,
    /// No answer came in the time of the attempt.
    pub(super) late: bool,
}

impl Refusal {
    /// Somebody answered, but not as expected.
    pub(super) fn answered(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: None,
            unreachable: false,
            final_: false,
            late: false,
        }
    }

    /// The same, when the last attempt was too short to tell.
    fn cut_off(self) -> Self {
        let reason = self.reason.strip_suffix(CUT_OFF).unwrap_or(&self.reason);
        Self {
            reason: format!("{reason}{CUT_OFF}"),
            ..self
        }
    }

    /// Nobody answered in time.
    pub(super) fn late(reason: impl Into<String>) -> Self {
        Self {
            late: true,
            ..Self::answered(reason)
        }
    }
}

/// A way to ask a target whether it is ready.
pub(super) trait Probe {
    /// The target, as people see it.
    fn target(&self) -> String;

    /// Where it is, if it has an address of its own.
    fn url(&self) -> Option<&Url>;

    /// How that is given.
    fn form(&self) -> Form {
        Form::Url
    }

    /// Asks once, for no longer than this.
    fn attempt(&self, patience: Duration) -> impl Future<Output = Result<(), Refusal>> + Send;
}

/// Waits; says how long it took.
pub(super) async fn until_ready(
    probe: &impl Probe,
    timeout: Period,
    context: &RunContext,
) -> Result<String, TaskError> {
    let started = Instant::now();
    let deadline = started + timeout.0;
    let mut pause = FIRST_PAUSE;
    let mut attempts = 0_u32;
    let mut told: Option<(String, Instant)> = None;
    let mut seen: Option<Refusal> = None;
    loop {
        attempts += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = whole(left.clamp(FIRST_PAUSE, ATTEMPT));
        let refusal = tokio::select! {
            answer = probe.attempt(patience) => match answer {
                Ok(()) => return Ok(ready(started.elapsed(), attempts)),
                Err(refusal) => refusal,
            },
            () = context.shutdown.cancelled() => return Err(TaskError::new("stopped while waiting")),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        let refusal = match seen {
            // An attempt that the end cut short says less than what was seen before it.
            Some(seen) if refusal.late && patience < ATTEMPT => seen.cut_off(),
            _ => refusal,
        };
        if refusal.final_ || left < SHORTEST_LEFT {
            return Err(give_up(probe, &refusal, started.elapsed(), context));
        }
        if told
            .as_ref()
            .is_none_or(|(reason, at)| *reason != refusal.reason || at.elapsed() >= TELL_EVERY)
        {
            context.emit(Event::Note(format!(
                "waiting for {}: {}",
                probe.target(),
                refusal.reason
            )));
            told = Some((refusal.reason.clone(), Instant::now()));
        }
        seen = Some(refusal);
        tokio::select! {
            () = sleep(pause) => {}
            () = context.shutdown.cancelled() => return Err(TaskError::new("stopped while waiting")),
        }
        // The last attempt is made just before the time is up.
        let left = deadline.saturating_duration_since(Instant::now());
        pause = (pause * 2)
            .min(LONGEST_PAUSE)
            .min(left.saturating_sub(LAST_ATTEMPT).max(SHORTEST_LEFT));
    }
}

/// Whole hundredths of a second read better in messages.
fn whole(patience: Duration) -> Duration {
    let millis = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.div_ceil(10).saturating_mul(10))
}

fn ready(took: Duration, attempts: u32) -> String {
    let attempts = if attempts == 1 {
        "the first attempt".to_owned()
    } else {
        format!("{attempts} attempts")
    };
    format!("ready after {:.1} s and {attempts}", took.as_secs_f64())
}

fn give_up(probe: &impl Probe, refusal: &Refusal, took: Duration, context: &RunContext) -> TaskError {
    let after = if refusal.final_ {
        String::new()
    } else {
        format!(" after {:.0} s", took.as_secs_f64())
    };
    let target = probe.target();
    let error = TaskError::new(format!("{target} is not ready{after}: {}", refusal.reason));
    let error = match &refusal.hint {
        Some(hint) => error.hint(hint),
        None => error,
    };
    match probe.url() {
        Some(url) if refusal.unreachable => explain_loopback(url, probe.form(), context, error),
        _ => error,
    }
}

/// How a field names where something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tasks) enum Form {
    /// As a URL.
    Url,
    /// As a host with its port.
    Host,
}

/// In a container `localhost` is the container itself: say so, and name the ways out, in the form in which it is given.
pub(in crate::tasks) fn explain_loopback(
    url: &Url,
    form: Form,
    context: &RunContext,
    error: TaskError,
) -> TaskError {
    if !is_loopback(url) {
        return error;
    }
    match context.reach {
        Reach::Machine => error,
        Reach::Pod => {
            let service = match form {
                Form::Url => "http://NAME.NAMESPACE.svc:PORT/",
                Form::Host => "NAME.NAMESPACE.svc:PORT",
            };
            error.hint(&format!(
                "inside a pod `localhost` is the pod itself: use the name of the target's Service, such as {service}"
            ))
        }
        Reach::Container => error.hint(
            "inside a container `localhost` is the container itself: use the service's name (such as my-service:8080) when the \
             target is a service container, the host's address (such as 172.17.0.1:8080 on GitHub's runners) when a step started \
             it, or run the binary without a container",
        ),
    }
}
