//! [`Ci`] and [`Terminal`]: standard output and the exit code say everything; nothing else is published.

use std::io::Write;

use super::{Context, Env, Platform, Publication, PublishError};

/// Any CI system that sets `CI=true` and has no platform of its own here.
pub(super) struct Ci;

/// Anything else: somebody's machine.
pub(super) struct Terminal;

/// Variables in which CI systems name the commit: Jenkins, CircleCI, Azure Pipelines, Buildkite, Travis, Drone.
const COMMITS: &[&str] = &[
    "GIT_COMMIT",
    "CIRCLE_SHA1",
    "BUILD_SOURCEVERSION",
    "BUILDKITE_COMMIT",
    "TRAVIS_COMMIT",
    "DRONE_COMMIT_SHA",
];

/// Variables in which they link to the run.
const RUNS: &[&str] = &[
    "BUILD_URL",
    "CIRCLE_BUILD_URL",
    "BUILDKITE_BUILD_URL",
    "TRAVIS_BUILD_WEB_URL",
    "DRONE_BUILD_LINK",
];

/// Variables that some CI systems set instead of `CI`.
const SIGNS: &[&str] = &["JENKINS_URL", "TF_BUILD", "TEAMCITY_VERSION"];

fn first(env: &Env, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| env.get(name)).map(str::to_owned)
}

impl Platform for Ci {
    fn name(&self) -> &'static str {
        "ci"
    }

    fn detect(&self, env: &Env) -> bool {
        // Woodpecker says `CI=woodpecker`.
        env.get("CI").is_some_and(|value| !matches!(value, "false" | "0")) || first(env, SIGNS).is_some()
    }

    fn context(&self, env: &Env) -> Context {
        Context {
            commit: first(env, COMMITS),
            run_url: first(env, RUNS),
            ..Context::default()
        }
    }

    fn publish(&self, _: &Env, _: &Publication, _: &mut dyn Write) -> Result<(), PublishError> {
        Ok(())
    }
}

impl Platform for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn detect(&self, _: &Env) -> bool {
        true
    }

    fn context(&self, _: &Env) -> Context {
        Context::default()
    }

    fn publish(&self, _: &Env, _: &Publication, _: &mut dyn Write) -> Result<(), PublishError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_ci_systems_tell_commit_and_run() {
        let env = Env::from_iter([
            ("JENKINS_URL", "https://ci"),
            ("GIT_COMMIT", "abc"),
            ("BUILD_URL", "https://ci/job/1"),
        ]);
        assert!(Ci.detect(&env));
        let context = Ci.context(&env);
        assert_eq!(context.commit.as_deref(), Some("abc"));
        assert_eq!(context.run_url.as_deref(), Some("https://ci/job/1"));
    }

    #[test]
    fn nothing_is_printed() {
        let mut out = Vec::new();
        let publication = Publication {
            summary: Some("# hello".into()),
            ..Publication::default()
        };
        Terminal.publish(&Env::default(), &publication, &mut out).unwrap();
        assert!(out.is_empty());
    }
}
