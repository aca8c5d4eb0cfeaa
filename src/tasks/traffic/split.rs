//! [`Split`]: how an object divides its traffic now, what its destinations are called, and the same object with other weights.

use serde_json::{Value, json};

use super::kind::Kind;
use super::weights::{WHOLE, Weights};
use crate::diagnostic::did_you_mean;

/// Which rule of an object is meant: its position, from 0, or its name; nothing where it has only one.
pub(super) type Rule = Option<String>;

/// Where KServe is told, and where it says, how it deploys.
const MODE: &str = "serving.kserve.io/deploymentMode";
/// Its names for the mode that divides traffic.
const SERVERLESS: [&str; 2] = ["serverless", "knative"];
/// What the two ends of KServe's division are called.
pub(super) const ENDS: [[&str; 2]; 2] = [["latest", "canary"], ["previous", "stable"]];

/// How an object divides its traffic.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split {
    kind: Kind,
    /// Position of the rule.
    rule: usize,
    /// Its name, if no other has it.
    name: Option<String>,
    destinations: Vec<Destination>,
    /// Names that may get traffic without being in the list yet.
    more: Vec<String>,
}

/// Where traffic can go.
#[derive(Debug, Clone, PartialEq)]
struct Destination {
    /// What it can be called, the shortest first.
    names: Vec<String>,
    weight: Option<u64>,
}

impl Split {
    /// Reads it from an object.
    pub(super) fn of(kind: Kind, object: &Value, rule: &Rule) -> Result<Self, String> {
        let (rule, destinations, more) = match kind {
            Kind::HttpRoute | Kind::VirtualService => {
                let (rule, destinations) = of_rule(kind, object, rule)?;
                (rule, destinations, Vec::new())
            }
            Kind::Knative => (0, of_knative(object), revisions(object)),
            Kind::KServe => (0, of_kserve(object)?, Vec::new()),
        };
        let split = Self {
            kind,
            rule,
            name: name_of_rule(kind, object, rule),
            destinations,
            more,
        };
        let names: Vec<&str> = split.names().collect();
        let twice = names
            .iter()
            .enumerate()
            .find(|(index, name)| names[..*index].contains(name));
        match twice {
            Some((_, name)) => Err(format!("two destinations are called {name}")),
            None => Ok(split),
        }
    }

    /// The field with the weights, as a path.
    pub(super) fn field(&self) -> String {
        match self.kind {
            Kind::HttpRoute | Kind::VirtualService => {
                let (rules, route) = self.kind.rules();
                match &self.name {
                    Some(name) => format!("spec.{rules}[name={name}].{route}"),
                    None => format!("spec.{rules}[{}].{route}", self.rule),
                }
            }
            Kind::Knative => "spec.traffic".to_owned(),
            Kind::KServe => "spec.predictor.canaryTrafficPercent".to_owned(),
        }
    }

    /// The name of the rule, or its position, by which it is found again.
    pub(super) fn rule(&self) -> Rule {
        let position = || self.rule.to_string();
        self.kind
            .has_rules()
            .then(|| self.name.clone().unwrap_or_else(position))
    }

    /// What requests the rule is for, in an object that this was read from.
    pub(super) fn matches<'a>(&self, object: &'a Value) -> &'a Value {
        let (rules, _) = self.kind.rules();
        let key = match self.kind {
            Kind::HttpRoute => "matches",
            Kind::VirtualService | Kind::Knative | Kind::KServe => "match",
        };
        &object["spec"][rules][self.rule][key]
    }

    /// The weights of now.
    pub(super) fn weights(&self) -> Weights {
        let weights = self.destinations.iter().map(|destination| destination.weight);
        Weights(self.names().map(str::to_owned).zip(weights).collect())
    }

    /// What shares of it the destinations have now, as their API understands weights that are not given.
    pub(super) fn shares(&self) -> Weights {
        let unsaid = match self.kind {
            Kind::HttpRoute => 1,
            Kind::VirtualService if self.destinations.len() == 1 => WHOLE,
            Kind::KServe => WHOLE,
            Kind::VirtualService | Kind::Knative => 0,
        };
        let mut shares = self.weights();
        shares
            .0
            .values_mut()
            .for_each(|weight| *weight = Some(weight.unwrap_or(unsaid)));
        if self.kind == Kind::Knative && self.destinations.is_empty() {
            shares.0.insert("latest".to_owned(), Some(WHOLE));
        }
        shares
    }

    /// What each destination is called: the shortest name that no other has.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.destinations.iter().enumerate().map(|(index, own)| {
            let others = || {
                self.destinations
                    .iter()
                    .enumerate()
                    .filter(move |(other, _)| *other != index)
            };
            let is_free = |name: &&String| !others().any(|(_, other)| other.names.contains(name));
            let name = own.names.iter().find(is_free).or_else(|| own.names.last());
            name.map_or("", String::as_str)
        })
    }

    /// The destination that a user calls so.
    pub(super) fn resolve(&self, name: &str) -> Result<String, String> {
        if self.names().any(|own| own == name) {
            return Ok(name.to_owned());
        }
        let named: Vec<&str> = self
            .names()
            .zip(&self.destinations)
            .filter(|(_, destination)| destination.names.iter().any(|known| known == name))
            .map(|(own, _)| own)
            .collect();
        match named.as_slice() {
            [only] => Ok((*only).to_owned()),
            [] if self.more.iter().any(|known| known == name) => Ok(name.to_owned()),
            [] => {
                let known: Vec<&str> = self.names().chain(self.more.iter().map(String::as_str)).collect();
                let meant = did_you_mean(name, known.iter().copied());
                let meant = meant.map_or_else(String::new, |meant| format!("did you mean {meant}? "));
                Err(format!(
                    "it has no destination {name}; {meant}it has {}",
                    known.join(", ")
                ))
            }
            several => Err(format!("{name} may be {}", several.join(" or "))),
        }
    }

    /// Puts weights into an object that this was read from. Destinations of which nothing is said lose theirs.
    pub(super) fn put(&self, object: &mut Value, weights: &Weights) {
        match self.kind {
            Kind::HttpRoute | Kind::VirtualService => {
                let (rules, route) = self.kind.rules();
                let rule = &mut object["spec"][rules][self.rule];
                if let Some(list) = rule[route].as_array_mut() {
                    for (name, entry) in self.names().zip(list) {
                        set(entry, "weight", weights.0.get(name).copied().flatten());
                    }
                }
            }
            Kind::Knative => self.put_revisions(object, weights),
            Kind::KServe => {
                let latest = weights.0.get(ENDS[0][0]).copied().flatten();
                set(&mut object["spec"]["predictor"], "canaryTrafficPercent", latest);
            }
        }
    }

    /// The list of Knative has entries for revisions that get traffic, and for those that have a tag.
    fn put_revisions(&self, object: &mut Value, weights: &Weights) {
        let list = object["spec"]["traffic"].as_array().cloned().unwrap_or_default();
        let mut new = Vec::new();
        for (name, mut entry) in self.names().zip(list) {
            if let Some(weight) = weights.0.get(name) {
                set(&mut entry, "percent", *weight);
                new.push(entry);
            }
        }
        for (name, weight) in &weights.0 {
            if !self.names().any(|known| known == name) {
                let mut entry = match name.as_str() {
                    "latest" => json!({ "latestRevision": true }),
                    revision => json!({ "revisionName": revision, "latestRevision": false }),
                };
                set(&mut entry, "percent", *weight);
                new.push(entry);
            }
        }
        object["spec"]["traffic"] = if new.is_empty() { Value::Null } else { new.into() };
    }

    /// Whether weights of before can be put back: all are of destinations of now, and say all of them where others would be
    /// lost.
    pub(super) fn fits(&self, before: &Weights) -> bool {
        let known = before
            .0
            .keys()
            .all(|name| self.resolve(name).is_ok_and(|own| own == *name));
        known && (self.kind == Kind::Knative || self.check(before).is_ok())
    }

    /// Whether these weights are complete, or what is missing: what is not said could mean anything.
    pub(super) fn check(&self, weights: &Weights) -> Result<(), String> {
        let unsaid: Vec<&str> = self
            .names()
            .filter(|name| !weights.0.contains_key(*name))
            .collect();
        if unsaid.is_empty() {
            return Ok(());
        }
        Err(format!(
            "nothing says what {} gets: give each destination a weight, 0 if need be",
            unsaid.join(", ")
        ))
    }
}

fn set(entry: &mut Value, key: &str, weight: Option<u64>) {
    match weight {
        Some(weight) => entry[key] = weight.into(),
        None => {
            if let Some(map) = entry.as_object_mut() {
                map.remove(key);
            }
        }
    }
}

/// The name of a rule by which it can be found, if it has one.
fn name_of_rule(kind: Kind, object: &Value, rule: usize) -> Option<String> {
    let (list, _) = kind.rules();
    let rules = object["spec"][list].as_array().filter(|_| kind.has_rules())?;
    let name = rules.get(rule)?["name"].as_str()?;
    let same = rules.iter().filter(|rule| rule["name"] == name).count();
    // A number would be a position.
    (same == 1 && name.parse::<usize>().is_err()).then(|| name.to_owned())
}

/// The destinations of a rule, and the rule's position.
fn of_rule(kind: Kind, object: &Value, rule: &Rule) -> Result<(usize, Vec<Destination>), String> {
    let (list, route) = kind.rules();
    let rules = object["spec"][list]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let named = |name: &str| rules.iter().position(|rule| rule["name"] == name);
    let index = match (rule, rules.len()) {
        (_, 0) => return Err(format!("it has no spec.{list}")),
        (None, 1) => 0,
        (None, several) => {
            return Err(format!(
                "it has {several} rules: say which one by `rule`, from 0, or by its name"
            ));
        }
        (Some(text), several) => {
            let position = text.parse().ok().filter(|index| *index < several);
            let found = position.or_else(|| named(text));
            found.ok_or_else(|| format!("it has no rule {text}; it has {several}, from 0"))?
        }
    };
    let entries = rules[index][route]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if entries.is_empty() {
        return Err(format!(
            "its rule {index} sends traffic nowhere: it has no {route}"
        ));
    }
    let destination = |entry: &Value| Destination {
        names: match kind {
            Kind::HttpRoute => names_of_backend(entry),
            Kind::VirtualService | Kind::Knative | Kind::KServe => names_of_host(&entry["destination"]),
        },
        weight: entry["weight"].as_u64(),
    };
    Ok((index, entries.iter().map(destination).collect()))
}

/// What a backend of the Gateway API can be called: its name, with its port or its namespace.
fn names_of_backend(entry: &Value) -> Vec<String> {
    let name = entry["name"].as_str().unwrap_or_default();
    let mut names = vec![name.to_owned()];
    if let Some(port) = entry["port"].as_u64() {
        names.push(format!("{name}:{port}"));
    }
    if let Some(namespace) = entry["namespace"].as_str() {
        let longer: Vec<String> = names.iter().map(|name| format!("{namespace}/{name}")).collect();
        names.extend(longer);
    }
    names
}

/// What a destination of Istio can be called: its subset, its host, or both.
fn names_of_host(destination: &Value) -> Vec<String> {
    let host = destination["host"].as_str().unwrap_or_default();
    let mut names = match destination["subset"].as_str() {
        Some(subset) => vec![subset.to_owned(), format!("{host}/{subset}"), host.to_owned()],
        None => vec![host.to_owned()],
    };
    if let Some(port) = destination["port"]["number"].as_u64() {
        let longer: Vec<String> = names.iter().map(|name| format!("{name}:{port}")).collect();
        names.extend(longer);
    }
    names
}

fn of_knative(object: &Value) -> Vec<Destination> {
    let entries = object["spec"]["traffic"].as_array();
    let destination = |entry: &Value| {
        let own = entry["revisionName"].as_str().unwrap_or("latest");
        Destination {
            names: [Some(own), entry["tag"].as_str()]
                .into_iter()
                .flatten()
                .map(str::to_owned)
                .collect(),
            weight: entry["percent"].as_u64(),
        }
    };
    entries.into_iter().flatten().map(destination).collect()
}

/// The revisions that Knative tells of.
fn revisions(object: &Value) -> Vec<String> {
    let status = &object["status"];
    let named = ["latestReadyRevisionName", "latestCreatedRevisionName"].map(|key| status[key].as_str());
    let traffic = status["traffic"].as_array().into_iter().flatten();
    let served = traffic.map(|entry| entry["revisionName"].as_str());
    let mut all = vec!["latest".to_owned()];
    for name in named.into_iter().chain(served).flatten() {
        if !all.iter().any(|known| known == name) {
            all.push(name.to_owned());
        }
    }
    all
}

fn of_kserve(object: &Value) -> Result<Vec<Destination>, String> {
    let status = &object["status"];
    let said = [
        &object["metadata"]["annotations"][MODE],
        &status["deploymentMode"],
    ];
    match said.into_iter().find_map(Value::as_str) {
        Some(mode) if SERVERLESS.iter().any(|known| mode.eq_ignore_ascii_case(known)) => {}
        Some(mode) => {
            return Err(format!(
                "it is deployed as {mode} ({MODE}), where KServe does not divide traffic: set the weights of what stands before \
                 it, an HTTPRoute or a VirtualService"
            ));
        }
        // What stands for it in the cluster's own settings is seen by what came of it.
        None if status["components"]["predictor"]["latestReadyRevision"].is_string() => {}
        None => {
            return Err(format!(
                "neither {MODE} nor a revision in its status says that it is deployed serverless, and nowhere else KServe \
                 divides traffic"
            ));
        }
    }
    let latest = object["spec"]["predictor"]["canaryTrafficPercent"].as_u64();
    let rest = WHOLE.saturating_sub(latest.unwrap_or(WHOLE));
    let end = |names: [&str; 2], weight| Destination {
        names: names.map(str::to_owned).to_vec(),
        weight,
    };
    Ok(vec![end(ENDS[0], latest), end(ENDS[1], Some(rest))])
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
