//! What destinations are called, which weights fit an object, and what is put into it.

use serde_json::json;

use super::*;

fn route() -> Value {
    json!({"spec": {"rules": [{"backendRefs": [
        {"name": "shop", "port": 80, "weight": 100},
        {"name": "shop-canary", "port": 80, "weight": 0},
    ]}]}})
}

fn weights(all: &[(&str, Option<u64>)]) -> Weights {
    Weights(
        all.iter()
            .map(|(name, weight)| ((*name).to_owned(), *weight))
            .collect(),
    )
}

#[test]
fn weights_of_a_route_are_read_and_put_back() {
    let split = Split::of(Kind::HttpRoute, &route(), &None).expect("a split");
    assert_eq!(
        split.weights(),
        weights(&[("shop", Some(100)), ("shop-canary", Some(0))])
    );
    assert_eq!(split.field(), "spec.rules[0].backendRefs");
    let mut new = route();
    split.put(
        &mut new,
        &weights(&[("shop", Some(90)), ("shop-canary", Some(10))]),
    );
    assert_eq!(
        new["spec"]["rules"][0]["backendRefs"][1],
        json!({"name": "shop-canary", "port": 80, "weight": 10})
    );
    // What had no weight has none again.
    split.put(&mut new, &weights(&[("shop", None), ("shop-canary", Some(0))]));
    assert_eq!(
        new["spec"]["rules"][0]["backendRefs"][0],
        json!({"name": "shop", "port": 80})
    );
}

#[test]
fn a_rule_is_chosen_by_position_or_name_and_never_guessed() {
    let mut object = route();
    let rules = object["spec"]["rules"].as_array_mut().expect("rules");
    rules.push(json!({"name": "api", "backendRefs": [{"name": "api"}]}));
    rules.push(json!({"filters": []}));
    let of = |rule: Option<&str>| Split::of(Kind::HttpRoute, &object, &rule.map(str::to_owned));
    assert_eq!(of(Some("1")), of(Some("api")));
    // By its name it is found again wherever it is, unless that is a position or another's, too.
    let known = |name: &str, position: &str| {
        let mut object = object.clone();
        object["spec"]["rules"][1]["name"] = json!(name);
        let split = Split::of(Kind::HttpRoute, &object, &Some(position.to_owned())).expect("a split");
        (split.rule().expect("a rule"), split.field())
    };
    let text = |rule: &str, field: &str| (rule.to_owned(), field.to_owned());
    assert_eq!(known("api", "1"), text("api", "spec.rules[name=api].backendRefs"));
    assert_eq!(known("0", "1"), text("1", "spec.rules[1].backendRefs"));
    assert_eq!(known("api", "0"), text("0", "spec.rules[0].backendRefs"));
    for (rule, says) in [
        (None, "it has 3 rules: say which one"),
        (Some("3"), "it has no rule 3; it has 3, from 0"),
        (Some("2"), "its rule 2 sends traffic nowhere"),
    ] {
        let why = of(rule).expect_err("no split");
        assert!(why.contains(says), "{why}");
    }
    let why = Split::of(Kind::HttpRoute, &json!({}), &None).expect_err("no split");
    assert_eq!(why, "it has no spec.rules");
}

#[test]
fn a_destination_is_called_by_the_shortest_name_that_is_its_own() {
    let object = json!({"spec": {"http": [{"route": [
        {"destination": {"host": "shop", "subset": "v1"}, "weight": 75},
        {"destination": {"host": "shop", "subset": "v2"}, "weight": 25},
        {"destination": {"host": "old", "subset": "v2"}, "weight": 0},
        {"destination": {"host": "mirror", "port": {"number": 80}}},
    ]}]}});
    let split = Split::of(Kind::VirtualService, &object, &None).expect("a split");
    let names: Vec<String> = split.weights().0.into_keys().collect();
    assert_eq!(names, ["mirror", "old/v2", "shop/v2", "v1"]);
    for (said, is) in [
        ("v1", "v1"),
        ("shop/v1", "v1"),
        ("old", "old/v2"),
        ("mirror:80", "mirror"),
    ] {
        let split = Split::of(Kind::VirtualService, &object, &None).expect("a split");
        assert_eq!(split.resolve(said).as_deref(), Ok(is));
    }
    assert_eq!(split.resolve("v2"), Err("v2 may be shop/v2 or old/v2".to_owned()));
    assert_eq!(
        split.resolve("v3"),
        Err("it has no destination v3; did you mean v1? it has v1, shop/v2, old/v2, mirror".to_owned())
    );
}

#[test]
fn weights_are_said_of_every_destination() {
    let split = Split::of(Kind::HttpRoute, &route(), &None).expect("a split");
    let why = split
        .check(&weights(&[("shop", Some(100))]))
        .expect_err("incomplete");
    assert!(why.contains("nothing says what shop-canary gets"), "{why}");
    assert!(!split.fits(&weights(&[("shop", Some(100)), ("other", Some(0))])));
    assert!(split.fits(&weights(&[("shop", Some(1)), ("shop-canary", Some(2))])));
}

#[test]
fn revisions_of_knative_come_and_go() {
    let object = json!({
        "spec": {"traffic": [{"revisionName": "hello-1", "percent": 100}, {"revisionName": "hello-1", "tag": "old"}]},
        "status": {"latestReadyRevisionName": "hello-2", "traffic": [{"revisionName": "hello-1"}]},
    });
    let split = Split::of(Kind::Knative, &object, &None).expect("a split");
    let before = split.weights();
    assert_eq!(before, weights(&[("hello-1", Some(100)), ("old", None)]));
    assert_eq!(split.resolve("hello-2").as_deref(), Ok("hello-2"));
    assert_eq!(split.resolve("hello-1").as_deref(), Ok("hello-1"));
    assert!(split.resolve("hello-3").is_err());
    let mut new = object.clone();
    split.put(
        &mut new,
        &weights(&[("hello-1", Some(90)), ("old", None), ("hello-2", Some(10))]),
    );
    assert_eq!(
        new["spec"]["traffic"],
        json!([
            {"revisionName": "hello-1", "percent": 90},
            {"revisionName": "hello-1", "tag": "old"},
            {"revisionName": "hello-2", "latestRevision": false, "percent": 10},
        ])
    );
    let split = Split::of(Kind::Knative, &new, &None).expect("a split");
    assert!(split.fits(&before));
    split.put(&mut new, &before);
    assert_eq!(new["spec"]["traffic"], object["spec"]["traffic"]);
    // All goes to the latest where nothing is said.
    let split = Split::of(Kind::Knative, &json!({"spec": {}}), &None).expect("a split");
    assert_eq!(split.shares(), weights(&[("latest", Some(100))]));
}

#[test]
fn kserve_divides_traffic_only_where_it_is_serverless() {
    let object = |mode: &str| json!({"metadata": {"annotations": {MODE: mode}}, "spec": {"predictor": {"canaryTrafficPercent": 20}}});
    let split = Split::of(Kind::KServe, &object("Serverless"), &None).expect("a split");
    assert_eq!(
        split.weights(),
        weights(&[("latest", Some(20)), ("previous", Some(80))])
    );
    assert_eq!(split.resolve("canary").as_deref(), Ok("latest"));
    let mut new = object("Serverless");
    split.put(&mut new, &weights(&[("latest", None), ("previous", Some(0))]));
    assert_eq!(new["spec"]["predictor"], json!({}));
    for mode in ["RawDeployment", "ModelMesh", "Standard"] {
        let why = Split::of(Kind::KServe, &object(mode), &None).expect_err("raw");
        assert!(why.contains(&format!("it is deployed as {mode}")), "{why}");
    }
    let unsaid = json!({"spec": {"predictor": {}}});
    let why = Split::of(Kind::KServe, &unsaid, &None).expect_err("unknown");
    assert!(why.contains("says that it is deployed serverless"), "{why}");
    let seen = json!({"spec": {"predictor": {}}, "status": {"components": {"predictor": {"latestReadyRevision": "a-1"}}}});
    assert!(Split::of(Kind::KServe, &seen, &None).is_ok());
}
