//! The functions of sprig 2.22 that Iter8's templates could use beyond those that ghz's templates share, and which of
//! the latter its version has not.

mod hashes;
mod kinds;
mod lists;
mod paths;
mod regexes;
mod texts;
mod times;
mod versions;

use super::Function;

/// Found before the common functions of the same name, which are those of a later sprig.
pub(super) const SPRIG: &[&[Function]] = &[
    texts::TEXTS,
    lists::LISTS,
    kinds::KINDS,
    hashes::HASHES,
    paths::PATHS,
    regexes::REGEXES,
    times::TIMES,
    versions::VERSIONS,
];

/// Of ghz, or of a later sprig: Iter8's templates never had them.
pub(super) const LATER: &[&str] = &[
    "newUUID",
    "randomString",
    "randomInt",
    "randInt",
    "get",
    "toRawJson",
    "fromJson",
];

/// Functions of sprig 2.22 that are refused, and why or what to do instead.
const REFUSED: &[(&[&str], &str)] = &[
    (
        &["env", "expandenv"],
        "templates do not see the environment: pass ${NAME} in the values of the experiment",
    ),
    (&["getHostByName"], "templates send nothing"),
    (
        &[
            "genPrivateKey",
            "genCA",
            "genSelfSignedCert",
            "genSignedCert",
            "buildCustomCert",
            "derivePassword",
            "encryptAES",
            "decryptAES",
        ],
        "templates make no keys and no ciphers: make them in a `run` task",
    ),
];

/// What to say of a function that is not offered here.
pub(super) fn hint(name: &str) -> Option<String> {
    let refused = REFUSED.iter().find(|(names, _)| names.contains(&name));
    match refused {
        Some((_, why)) => Some((*why).to_owned()),
        None if LATER.contains(&name)
            || matches!(name, "dig" | "fromYaml" | "mustToJson" | "seq" | "include") =>
        {
            Some("templates have the functions of sprig 2.22, as in Iter8".to_owned())
        }
        None => None,
    }
}

#[cfg(test)]
mod tests;
