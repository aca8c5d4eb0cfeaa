//! [`Skew`]: how far the clock of the API server is from ours.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::DATE;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::time::{sleep, timeout};

use super::client::Cluster;
use super::error::ClusterError;

/// What every account may read.
const VERSION: &str = "/version";
/// Answers have whole seconds only: several of them, at other parts of a second, leave a narrow range.
const SAMPLES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(125);
const PARSER: DateTimeParser = DateTimeParser::new();

/// How far another clock is ahead of ours: somewhere between the two, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skew {
    /// At least.
    pub least: f64,
    /// At most.
    pub most: f64,
}

impl Skew {
    /// What one answer says, whose date has whole seconds, and which was asked for and came at these instants of ours.
    fn of(date: Timestamp, asked: Timestamp, came: Timestamp) -> Self {
        let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs_f64();
        Self {
            least: seconds(came, date),
            most: seconds(asked, date) + 1.0,
        }
    }

    /// What both say. Where they contradict each other a clock was set meanwhile: the later one counts.
    fn and(self, later: Self) -> Self {
        let both = Self {
            least: self.least.max(later.least),
            most: self.most.min(later.most),
        };
        if both.least <= both.most { both } else { later }
    }

    /// How far the clocks are surely apart, in seconds; negative where the other one is behind.
    pub fn surely(self) -> f64 {
        if self.least > 0.0 {
            self.least
        } else {
            self.most.min(0.0)
        }
    }
}

impl Cluster {
    /// How far the clock of the API server is ahead of ours.
    pub async fn skew(&self, patience: Duration) -> Result<Skew, ClusterError> {
        let measured = async {
            let mut skew = self.sample().await?;
            for _ in 1..SAMPLES {
                sleep(PAUSE).await;
                skew = skew.and(self.sample().await?);
            }
            Ok(skew)
        };
        timeout(patience, measured).await.unwrap_or_else(|_elapsed| {
            Err(ClusterError::TimedOut {
                server: self.server().to_owned(),
                after: patience,
            })
        })
    }

    async fn sample(&self) -> Result<Skew, ClusterError> {
        let request = Request::get(VERSION)
            .body(Bytes::new())
            .map_err(|cause| ClusterError::Settings(cause.to_string()))?;
        let asked = Timestamp::now();
        let answer = self.transport().send(request).await?;
        let came = Timestamp::now();
        let date = answer.headers.get(DATE).cloned();
        // So that the next one needs no connection of its own, which would take its time.
        self.transport().whole(answer).await?;
        let date = date.as_ref().and_then(|date| date.to_str().ok());
        // RFC 2822 has the same form, but for the name of its zone.
        let date = date.and_then(|date| PARSER.parse_timestamp(date).ok());
        let date = date.ok_or_else(|| ClusterError::Foreign {
            server: self.server().to_owned(),
            reason: "its answer has no date".into(),
        })?;
        Ok(Skew::of(date, asked, came))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).expect("a time")
    }

    #[test]
    fn several_answers_leave_a_narrow_range() {
        // The other clock is 300 ms ahead; each answer takes 10 ms.
        let sample = |now: i64| Skew::of(at((now + 305) / 1000 * 1000), at(now), at(now + 10));
        let skew = (0..8)
            .map(|n| sample(10_000 + n * 135))
            .reduce(Skew::and)
            .expect("some");
        assert!(skew.least <= 0.3 && skew.most >= 0.3, "{skew:?}");
        assert!(skew.most - skew.least < 0.2, "{skew:?}");
        assert!(skew.surely() > 0.1, "{skew:?}");
    }

    #[test]
    fn what_may_be_nothing_is_nothing() {
        let of = |least, most| Skew { least, most }.surely();
        assert_eq!((of(-0.1, 0.2), of(0.1, 0.2), of(-2.0, -1.5)), (0.0, 0.1, -1.5));
        let contradiction = Skew {
            least: 0.0,
            most: 0.1,
        }
        .and(Skew {
            least: 5.0,
            most: 5.1,
        });
        assert_eq!(
            contradiction,
            Skew {
                least: 5.0,
                most: 5.1
            }
        );
    }

    #[test]
    fn a_date_of_http_is_read() {
        let date = PARSER
            .parse_timestamp("Sun, 06 Nov 1994 08:49:37 GMT")
            .expect("a date");
        assert_eq!(date.as_second(), 784_111_777);
    }
}
