//! [`Observer`]: who puts the weights of an object into force, and whether they are, by what the object's status says.
//!
//! Objects whose status nobody writes, or that say nothing of the kind there, have none: for those `hold` is the answer.

use std::time::Duration;

use serde_json::Value;

use super::kind::Kind;
use super::split::ENDS;
use super::weights::{WHOLE, Weights};
use crate::cluster::unready;

/// How long weights may take to be in force.
pub(super) const LONGEST: Duration = Duration::from_mins(2);

/// Who says that weights are in force.
pub(super) enum Observer {
    /// Knative, of its route.
    Knative,
    /// KServe, which tells how the revisions of its predictor share traffic.
    KServe,
    /// The controllers of gateways that have accepted the route as it was before, each with the gateway.
    Gateways(Vec<(Value, Value)>),
}

impl Observer {
    /// Of an object as it is before a change.
    pub(super) fn of(kind: Kind, object: &Value) -> Option<Self> {
        let status = &object["status"];
        match kind {
            Kind::Knative => status["observedGeneration"].is_number().then_some(Self::Knative),
            Kind::KServe => shares(object).is_some().then_some(Self::KServe),
            Kind::HttpRoute => {
                let accepted = parents(object).filter(|parent| refusal(object, parent).is_none());
                let known: Vec<_> = accepted.map(identity).collect();
                (!known.is_empty()).then_some(Self::Gateways(known))
            }
            Kind::VirtualService => None,
        }
    }

    /// Why the weights of an object are not in force yet, if they are not.
    pub(super) fn behind(&self, object: &Value, wanted: &Weights) -> Option<String> {
        match self {
            Self::Knative => unready(object, &["RoutesReady".to_owned()]),
            Self::KServe => {
                let wanted = wanted.0.get(ENDS[0][0]).copied().flatten().unwrap_or(WHOLE);
                let now = latest(shares(object)?);
                (now != wanted).then(|| format!("its status says that {now} % goes to the latest revision"))
            }
            Self::Gateways(known) => {
                known.iter().find_map(
                    |one| match parents(object).find(|parent| identity(parent) == *one) {
                        Some(parent) => refusal(object, parent),
                        None => Some(format!("the gateway {} does not know it any more", one.0["name"])),
                    },
                )
            }
        }
    }
}

fn shares(object: &Value) -> Option<&Vec<Value>> {
    object["status"]["components"]["predictor"]["traffic"].as_array()
}

/// The percent of the latest revision.
fn latest(shares: &[Value]) -> u64 {
    let of_latest = shares.iter().filter(|share| share["latestRevision"] == true);
    of_latest.filter_map(|share| share["percent"].as_u64()).sum()
}

fn parents(object: &Value) -> impl Iterator<Item = &Value> {
    object["status"]["parents"].as_array().into_iter().flatten()
}

/// The gateway, and who speaks for it.
fn identity(parent: &Value) -> (Value, Value) {
    (parent["parentRef"].clone(), parent["controllerName"].clone())
}

/// Why a gateway has not accepted a route as it is now, if so.
fn refusal(object: &Value, parent: &Value) -> Option<String> {
    let name = &parent["parentRef"]["name"];
    let conditions = parent["conditions"].as_array().into_iter().flatten();
    let mut accepted = conditions.filter(|condition| condition["type"] == "Accepted");
    let Some(accepted) = accepted.next() else {
        return Some(format!("the gateway {name} says nothing of it"));
    };
    let generation = |value: &Value| value.as_i64().unwrap_or_default();
    let (now, seen) = (
        generation(&object["metadata"]["generation"]),
        generation(&accepted["observedGeneration"]),
    );
    if seen < now {
        return Some(format!(
            "the gateway {name} has not seen its latest change yet (generation {now}, seen is {seen})"
        ));
    }
    (accepted["status"] != "True")
        .then(|| format!("the gateway {name} does not accept it ({})", accepted["reason"]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn to(name: &str, percent: u64) -> Weights {
        Weights([(name.to_owned(), Some(percent))].into())
    }

    fn route(generation: i64, gateways: &[(&str, i64, &str)]) -> Value {
        let parent = |(name, seen, status): &(&str, i64, &str)| {
            json!({"parentRef": {"name": name}, "controllerName": "example.com/c", "conditions": [
                {"type": "Accepted", "status": status, "reason": "Pending", "observedGeneration": seen}]})
        };
        json!({"metadata": {"generation": generation}, "status": {"parents": gateways.iter().map(parent).collect::<Vec<_>>()}})
    }

    #[test]
    fn gateways_that_had_accepted_a_route_must_accept_it_again() {
        assert!(Observer::of(Kind::HttpRoute, &json!({"metadata": {"generation": 1}})).is_none());
        // One is gone since long, one never took it.
        let before = route(
            3,
            &[("old", 1, "True"), ("other", 3, "False"), ("own", 3, "True")],
        );
        let observer = Observer::of(Kind::HttpRoute, &before).expect("a gateway");
        let behind = |object: &Value| observer.behind(object, &to("canary", 10)).unwrap_or_default();
        assert_eq!(behind(&before), "");
        assert!(behind(&route(4, &[("own", 3, "True")])).contains("generation 4, seen is 3"));
        assert!(behind(&route(4, &[("own", 4, "False")])).contains("does not accept it"));
        assert!(behind(&route(4, &[("old", 4, "True")])).contains("any more"));
        assert_eq!(behind(&route(4, &[("old", 1, "True"), ("own", 4, "True")])), "");
    }

    #[test]
    fn knative_says_when_its_route_is_ready() {
        let service = |seen: i64, status: &str| {
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": seen, "conditions": [
                {"type": "Ready", "status": "False"}, {"type": "RoutesReady", "status": status}]}})
        };
        assert!(Observer::of(Kind::Knative, &json!({"status": {}})).is_none());
        let observer = Observer::of(Kind::Knative, &service(1, "True")).expect("Knative");
        let behind = |object: &Value| observer.behind(object, &to("v2", 10));
        assert!(behind(&service(1, "True")).is_some());
        assert!(behind(&service(2, "Unknown")).is_some());
        assert_eq!(behind(&service(2, "True")), None);
    }

    #[test]
    fn kserve_says_how_revisions_share_traffic() {
        let service = |latest: u64| {
            json!({"status": {"components": {"predictor": {"traffic": [
                {"latestRevision": true, "percent": latest}, {"latestRevision": false, "percent": 100 - latest}]}}}})
        };
        assert!(Observer::of(Kind::KServe, &json!({"status": {}})).is_none());
        let observer = Observer::of(Kind::KServe, &service(100)).expect("KServe");
        assert!(observer.behind(&service(100), &to("latest", 20)).is_some());
        assert_eq!(observer.behind(&service(20), &to("latest", 20)), None);
    }
}
