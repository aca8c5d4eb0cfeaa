//! When most answers come from something in front of the application, the measurement is not the application's.

use crate::load::OTHER_WALLS;
use crate::metrics::{LoadMeasurement, Stream};

/// Why a load cannot be trusted: more than half of its answers came from a log-in, another host or a rate limit.
pub(super) fn distrust(stream: &Stream, measurement: &LoadMeasurement) -> Option<String> {
    let walls: u64 = measurement.walls.values().sum();
    if walls * 2 <= measurement.answered {
        return None;
    }
    // The most frequent one that has a name: pages of many URLs may have none.
    let by_name = |(wall, count): &(&String, &u64)| (*wall != OTHER_WALLS, **count);
    let (wall, _) = measurement.walls.iter().max_by_key(by_name)?;
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

    #[test]
    fn a_wall_is_named_if_any_is_though_most_have_no_name() {
        let stream = "http".parse().expect("a stream");
        let mut many = load(1, 20);
        many.walls.insert(OTHER_WALLS.to_owned(), 19);
        assert!(distrust(&stream, &many).is_some_and(|why| why.contains("log-in")));
    }
}
