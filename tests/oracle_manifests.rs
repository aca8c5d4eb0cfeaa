//! Manifests are those of Iter8's real binaries, but for what is meant to differ: the table of differences below.
//!
//! The oracle is data beside the repository (`../shared/oracle`); without it this says so and passes. A difference that no
//! case shows any more is an error, too.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it found"
)]

#[path = "oracle/packed.rs"]
mod packed;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use packed::unpack;
use serde_json::{Value, json};

/// Charts of 0.10 on; before there were no groups.
const ERAS: [&str; 5] = ["0.10", "0.11", "0.12", "0.13", "0.15"];
/// Everything that differs on purpose, and why.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "refused",
        "`runner: none`, Iter8's default, launched nothing and said that it had launched; it is refused unless it is asked for",
    ),
    (
        "schedule",
        "a CronJob without a schedule was written, which no API server takes; now an error",
    ),
    (
        "twice",
        "messages were given twice, by `data` and by a URL, which no run takes; now an error",
    ),
    (
        "experiment",
        "the experiment is that of `launch --dry`, which is compared elsewhere; results are no part of it",
    ),
    (
        "result",
        "results are in an object of their own, which nobody needs a right to secrets to read",
    ),
    (
        "names",
        "0.10 called the Secret, Roles and bindings by longer names, and used the namespace's default account",
    ),
    (
        "rights",
        "the Secret is only read, one rule covers all objects of a kind, and there is no Role that allows nothing",
    ),
    (
        "namespace",
        "every object names its namespace, so that the file means the same wherever it is applied",
    ),
    (
        "job",
        "the pod is told its Job, so that a run of a CronJob that left no result spoils that of an earlier one",
    ),
    (
        "labels",
        "every object carries the labels of the group, by which it is found and deleted",
    ),
    (
        "revision",
        "every object names the revision, not only the Job, and it is the time: what is written again is another launch; 0.10 named no \
         group",
    ),
    ("deadline", "a run that hangs is ended"),
    (
        "image",
        "the image is this program's; without `imagePullPolicy`, for its tag never moves",
    ),
    (
        "command",
        "the image's entry point is the program: no shell stands between",
    ),
    (
        "pod",
        "pods keep to the restricted standard: seccomp profile, no writing but in two folders of their own",
    ),
    (
        "resources",
        "requests and limits are set in all eras, without a limit of the processor, which would throttle the load",
    ),
    (
        "account",
        "the account of 0.10 was the namespace's; 0.11 and 0.12 knew no `serviceAccountName`, which came with 0.13.4",
    ),
    (
        "isvc",
        "the chart of 0.11 dropped `ready.isvc`, which came with 0.13.1",
    ),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn objects(text: &str) -> Vec<Value> {
    let documents = text.split("---\n").skip(1);
    let read = documents
        .map(|document| serde_yaml::from_str(document).unwrap_or_else(|why| panic!("{why}\n{document}")));
    read.filter(|object: &Value| !object.is_null()).collect()
}

/// One rendering of objects.
struct Case {
    name: String,
    args: Vec<String>,
    files: BTreeMap<String, String>,
    /// What Iter8 made; `None` if it refused.
    made: Option<Vec<Value>>,
}

fn cases(folder: &Path) -> Vec<Case> {
    let mut all = Vec::new();
    for era in ERAS {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder.join(era))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        for path in paths
            .iter()
            .filter(|path| path.extension().is_some_and(|extension| extension == "txtar"))
        {
            let files = unpack(&fs::read_to_string(path).unwrap());
            let case: Value = serde_json::from_str(&files["case.json"]).unwrap();
            for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
                let words = step["args"].as_array().into_iter().flatten();
                let args: Vec<String> = words
                    .filter_map(|word| word.as_str().map(str::to_owned))
                    .collect();
                if !args.starts_with(&["k".to_owned(), "launch".to_owned()]) {
                    continue;
                }
                let manifest = files.get(&format!("out/{}.manifest.yaml", index + 1));
                let inputs = files.iter();
                all.push(Case {
                    name: format!("{era}/{}", path.file_stem().unwrap().to_str().unwrap()),
                    args,
                    made: manifest.map(|text| objects(text)),
                    files: inputs
                        .filter_map(|(name, text)| Some((name.strip_prefix("in/")?.to_owned(), text.clone())))
                        .collect(),
                });
            }
        }
    }
    all
}

/// Exit code, stderr and objects of the program.
fn run(case: &Case) -> (i32, String, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in &case.files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_iter8"))
        .args(&case.args)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut manifests = text(&output.stdout);
    if let Some((_, rest)) = manifests.split_once("iter8.tools/revision: ") {
        let digits = rest.trim_start_matches(['"', '\'']).chars();
        let revision: String = digits.take_while(char::is_ascii_digit).collect();
        manifests = manifests.replace(&revision, "1");
    }
    (
        output.status.code().unwrap(),
        text(&output.stderr),
        objects(&manifests),
    )
}

/// Which differences were seen.
#[derive(Default)]
struct Seen(RefCell<BTreeSet<&'static str>>);

impl Seen {
    fn note(&self, name: &str) {
        let (known, _) = DIFFERENCES
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("no {name}"));
        self.0.borrow_mut().insert(known);
    }

    /// Takes a part away on both sides, and notes whether that hid a difference.
    fn ignore(&self, name: &str, old: &mut Value, new: &mut Value, pointer: &str) {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let take = |object: &mut Value| {
            let found = object.pointer_mut(parent).and_then(Value::as_object_mut);
            found.and_then(|found| found.remove(&key.replace("~1", "/")))
        };
        if take(old) != take(new) {
            self.note(name);
        }
    }
}

/// Kind and name: what an object is known by on both sides.
fn known_by(object: &Value, old: bool, era: &str, seen: &Seen) -> (String, String) {
    let text = |field: &Value| field.as_str().unwrap().to_owned();
    let (kind, mut name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
    if old && era == "0.10" {
        let former = name.clone();
        for (long, short) in [
            ("-spec-rolebinding", ""),
            ("-spec-role", ""),
            ("-readiness-rolebinding", "-ready"),
            ("-readiness-role", "-ready"),
        ] {
            if let Some(group) = former.strip_suffix(long) {
                name = format!("{group}{short}");
            }
        }
        if let Some(group) = former.strip_suffix("-spec") {
            group.clone_into(&mut name);
        }
        if name != former {
            seen.note("names");
        }
    }
    (kind, name)
}

fn compare(case: &Case, seen: &Seen) -> Result<(), String> {
    let era = case.name.split('/').next().unwrap();
    let (code, stderr, new) = run(case);
    let Some(old) = &case.made else {
        return (code == 2)
            .then_some(())
            .ok_or_else(|| format!("it was refused, and now is exit {code}\n{stderr}"));
    };
    let runs = old
        .iter()
        .any(|object| ["Job", "CronJob"].contains(&object["kind"].as_str().unwrap()));
    if code == 2 && !runs && stderr.contains("nothing would run") {
        seen.note("refused");
        return Ok(());
    }
    if code == 2 && stderr.contains("a cronjob needs a `cronjobSchedule`") {
        seen.note("schedule");
        return Ok(());
    }
    if code == 2 && stderr.contains("both give the messages") {
        seen.note("twice");
        return Ok(());
    }
    if code != 0 {
        return Err(format!("exit {code}: {stderr}"));
    }
    let mut ours: BTreeMap<_, Value> = new
        .into_iter()
        .map(|object| (known_by(&object, false, era, seen), object))
        .collect();
    for object in old {
        let (kind, name) = known_by(object, true, era, seen);
        if era == "0.10" && name.contains("-result") {
            seen.note("result");
            continue;
        }
        let nothing = |role: &Value| {
            role["kind"] == "Role"
                && role["metadata"]["name"] == object["metadata"]["name"]
                && rights(role).is_empty()
        };
        if kind.starts_with("Role") && old.iter().any(nothing) {
            seen.note("rights");
            continue;
        }
        // A Job that names another account needs none of its own.
        let own = ours.keys().any(|(kind, _)| kind == "ServiceAccount");
        if ["0.11", "0.12"].contains(&era)
            && ["ServiceAccount", "Role", "RoleBinding"].contains(&kind.as_str())
            && !own
            && case
                .args
                .iter()
                .any(|word| word.starts_with("serviceAccountName="))
        {
            seen.note("account");
            continue;
        }
        let mut found = ours
            .remove(&(kind.clone(), name.clone()))
            .ok_or_else(|| format!("there is no {kind} {name}; there are {:?}", ours.keys()))?;
        same(&mut object.clone(), &mut found, era, seen)?;
    }
    for (kind, name) in ours.keys() {
        match kind.as_str() {
            "ConfigMap" if name.ends_with("-result") => seen.note("result"),
            "ServiceAccount" if era == "0.10" => seen.note("account"),
            "Role" | "RoleBinding" if era == "0.11" && name.ends_with("-ready") => seen.note("isvc"),
            _ => return Err(format!("{kind} {name} is new")),
        }
    }
    Ok(())
}

/// Whether two objects are the same, but for the differences.
fn same(old: &mut Value, new: &mut Value, era: &str, seen: &Seen) -> Result<(), String> {
    let ready = new["metadata"]["name"].as_str().unwrap().ends_with("-ready");
    if era == "0.10" {
        seen.ignore("names", old, new, "/metadata/name");
    }
    seen.ignore("namespace", old, new, "/metadata/namespace");
    seen.ignore("labels", old, new, "/metadata/labels");
    seen.ignore("revision", old, new, "/metadata/annotations");
    match new["kind"].as_str().unwrap() {
        "Secret" => {
            let keys = |object: &Value| {
                object["stringData"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .cloned()
                    .collect::<Vec<_>>()
            };
            if keys(old) != keys(new) {
                return Err(format!("keys: {:?}, and now {:?}", keys(old), keys(new)));
            }
            seen.ignore("experiment", old, new, "/stringData");
        }
        "Role" => {
            if ready {
                if rights(old) != rights(new) {
                    return Err(format!("rights: {:?}, and now {:?}", rights(old), rights(new)));
                }
            } else if !rights(new)
                .iter()
                .filter(|right| right.contains("secrets"))
                .all(|right| rights(old).contains(right))
            {
                return Err("more rights to secrets".into());
            }
            seen.ignore("rights", old, new, "/rules");
        }
        "RoleBinding" if era == "0.10" => {
            seen.ignore("account", old, new, "/subjects");
            seen.ignore("names", old, new, "/roleRef");
        }
        "Job" => job(old, new, "/spec", era, seen),
        "CronJob" => {
            seen.ignore("labels", old, new, "/spec/jobTemplate/metadata");
            job(old, new, "/spec/jobTemplate/spec", era, seen);
        }
        _ => {}
    }
    if old == new {
        Ok(())
    } else {
        let text = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        Err(format!("expected\n{}\nfound\n{}", text(old), text(new)))
    }
}

/// Every right of a role, one by one.
fn rights(role: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let list = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item.as_str().unwrap().to_owned())
            .collect()
    };
    for rule in role["rules"].as_array().into_iter().flatten() {
        for (group, resource) in list(&rule["apiGroups"]).iter().flat_map(|group| {
            list(&rule["resources"])
                .into_iter()
                .map(move |resource| (group.clone(), resource))
        }) {
            for name in list(&rule["resourceNames"]) {
                for verb in list(&rule["verbs"]) {
                    // 0.10 called the Secret so.
                    let name = name.trim_end_matches("-spec");
                    all.insert(format!("{verb} {resource}.{group}/{name}"));
                }
            }
        }
    }
    all
}

fn job(old: &mut Value, new: &mut Value, spec: &str, era: &str, seen: &Seen) {
    let at = |rest: &str| format!("{spec}{rest}");
    seen.ignore("deadline", old, new, &at("/activeDeadlineSeconds"));
    seen.ignore("labels", old, new, &at("/template/metadata/labels"));
    let pod = at("/template/spec");
    let container = format!("{pod}/containers/0");
    // A sleeping shell is no program.
    let command = old
        .pointer(&format!("{container}/command/2"))
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let args: Vec<&str> = new
        .pointer(&format!("{container}/args"))
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for word in ["--namespace", "--group", "--reuseResult"] {
        assert_eq!(
            command.contains(word),
            args.contains(&word),
            "{word}: {command}, and now {args:?}"
        );
    }
    seen.ignore("command", old, new, &format!("{container}/command"));
    seen.ignore("command", old, new, &format!("{container}/args"));
    seen.ignore("job", old, new, &format!("{container}/env"));
    seen.ignore("image", old, new, &format!("{container}/imagePullPolicy"));
    if old
        .pointer(&format!("{container}/image"))
        .and_then(Value::as_str)
        .is_some_and(|image| image.starts_with("iter8/iter8:"))
    {
        seen.ignore("image", old, new, &format!("{container}/image"));
    }
    for part in ["securityContext", "volumeMounts", "workingDir"] {
        seen.ignore("pod", old, new, &format!("{container}/{part}"));
    }
    for part in ["securityContext", "volumes"] {
        seen.ignore("pod", old, new, &format!("{pod}/{part}"));
    }
    if ["0.10", "0.11", "0.12"].contains(&era) {
        seen.ignore("account", old, new, &format!("{pod}/serviceAccountName"));
    }
    let limit = format!("{container}/resources/limits/cpu");
    match old.pointer(&limit) {
        // What values ask for is kept; a default is not.
        Some(cpu) if *cpu == json!("500m") => seen.ignore("resources", old, new, &limit),
        Some(_) => {}
        None => seen.ignore("resources", old, new, &format!("{container}/resources")),
    }
}

#[test]
fn manifests_are_those_of_iter8_but_for_what_is_meant_to_differ() {
    let folder = here("../shared/oracle/launch");
    if !folder.is_dir() {
        println!("skipped: no oracle at {}", folder.display());
        return;
    }
    let seen = Seen::default();
    let cases = cases(&folder);
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(format!("{}: {}", case.name, compare(case, &seen).err()?)))
        .collect();
    println!("{} cases, {} fail", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(cases.len() > 60, "only {} cases", cases.len());
    let stale: Vec<&str> = DIFFERENCES
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !seen.0.borrow().contains(name))
        .collect();
    assert!(stale.is_empty(), "no case differs in {stale:?}");
}
