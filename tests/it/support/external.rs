//! [`find`]: programs that a test uses where they are installed.

use std::path::PathBuf;

use iter8::platform::Env;

/// Where a program is; if it is not here, the test says so in one line and is done. With `ITER8_REQUIRE_ALL=1` that is
/// a failure, so that a machine which must have everything cannot skip silently.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let env = Env::of_process();
    let folders = env
        .get("PATH")
        .unwrap_or_default()
        .split(':')
        .chain(["/usr/sbin", "/usr/local/sbin"]);
    let found = folders
        .map(|folder| PathBuf::from(folder).join(program))
        .find(|path| path.is_file());
    if found.is_none() {
        missing(&format!("{program} is not installed"));
    }
    found
}

/// Says what a test has to do without, or fails.
#[expect(clippy::print_stderr, reason = "a test says what it skips")]
pub(super) fn missing(about: &str) {
    assert!(
        !Env::of_process().is_true("ITER8_REQUIRE_ALL"),
        "{about}, and ITER8_REQUIRE_ALL is set"
    );
    eprintln!("skipped: {about}");
}
