//! Names of metrics as they were stored, in today's spelling.

use crate::metrics::MetricName;
use crate::spec::compat::renamed_metric;

/// What the names of releases before 0.9 begin with.
const BEGINNINGS: [&str; 2] = ["built-in/", "iter8-fortio/"];

/// What stands before the number of a percentile.
const PERCENTILES: [&str; 2] = ["/latency-p", "/latency/p"];

/// A name of any release in the spelling of 0.9 and later: `built-in/http-latency-p95.0` is `http/latency-p95`.
pub(super) fn spelled(stored: &str) -> String {
    let name = renamed_metric(stored).unwrap_or_else(|| {
        let mut names = BEGINNINGS.iter().filter_map(|begin| stored.strip_prefix(begin));
        let name = names.next();
        name.map_or_else(|| stored.to_owned(), |name| format!("http/{name}"))
    });
    PERCENTILES
        .iter()
        .find_map(|mark| shortest(&name, mark))
        .unwrap_or(name)
}

/// The name with its percentile in the shortest form.
fn shortest(name: &str, mark: &str) -> Option<String> {
    let at = name.find(mark)? + mark.len();
    Some(format!("{}{}", &name[..at], percent(&name[at..])?))
}

/// Digits with at most one point among them.
fn percent(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| plain)
}

/// Today's metric of a name in that spelling. What Iter8 did not know by that name is no metric of a load today either,
/// though a similar one may be: `http/latency/mean` had no value.
pub(super) fn metric(spelled: &str) -> MetricName {
    match spelled.parse::<MetricName>() {
        Ok(metric) if metric.to_string() == spelled => metric,
        Ok(_) | Err(_) => MetricName::foreign(spelled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_release_have_one_spelling() {
        for (stored, name) in [
            ("iter8-fortio/p95.0", "http/latency-p95"),
            ("iter8-fortio/mean-latency", "http/latency-mean"),
            ("built-in/error-rate", "http/error-rate"),
            ("built-in/p99.9", "http/latency-p99.9"),
            ("built-in/latency", "http/latency"),
            ("built-in/http-latency-p95", "http/latency-p95"),
            ("built-in/grpc-error-rate", "grpc/error-rate"),
            ("built-in/grpc-latency/p95", "grpc/latency/p95"),
            ("http/latency-p097.50", "http/latency-p97.5"),
            ("grpc/latency/p95.", "grpc/latency/p95"),
            ("grpc/latency/p.5", "grpc/latency/p0.5"),
            ("http/latency-pxx", "http/latency-pxx"),
            ("http-cart/latency-p95", "http-cart/latency-p95"),
            ("istio/request-count", "istio/request-count"),
        ] {
            assert_eq!(spelled(stored), name, "{stored}");
        }
    }

    #[test]
    fn a_name_that_iter8_did_not_know_is_no_other_metric_of_today() {
        assert!(matches!(metric("http/latency-mean"), MetricName::Load(..)));
        for foreign in [
            "http/latency/mean",
            "grpc/latency-p95",
            "grpc/latency/median",
            "grpc",
        ] {
            assert!(matches!(metric(foreign), MetricName::Custom { .. }), "{foreign}");
            assert_eq!(metric(foreign).to_string(), foreign);
        }
    }
}
