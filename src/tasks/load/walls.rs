//! When most answers come from something in front of the application, the measurement is not the application's.

use crate::metrics::{LoadMeasurement, Stream};

/// Why a load cannot be trusted: more than half of its answers came from a log-in, another host or a rate limit.
pub(super) fn distrust(stream: &Stream, measurement: &LoadMeasurement) -> Option<String> {
    let walls: u64 = measurement.walls.values().sum();
    if walls * 2 <= measurement.answered {
        return None;
    }
    let (wall, _) = measurement.walls.iter().max_by_key(|(_, count)| **count)?;
    Some(format!(
        "{walls} of {} answers to `{stream}` did not come from the application: {wall}",
        measurement.answered
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(walls: u64, answered: u64) -> LoadMeasurement {
        let walls = [("it redirects to a log-in".to_owned(), walls)].into();
        LoadMeasurement {
            answered,
            walls,
            ..LoadMeasurement::default()
        }
    }

    #[test]
    fn only_a_majority_of_walls_spoils_a_measurement() {
        let stream = "http".parse().expect("a stream");
        assert_eq!(distrust(&stream, &load(5, 10)), None);
        assert!(distrust(&stream, &load(6, 10)).is_some_and(|why| why.contains("log-in")));
        assert_eq!(distrust(&stream, &load(0, 0)), None);
    }
}
