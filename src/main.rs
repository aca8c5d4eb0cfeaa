//! The `iter8` program.

use std::process::ExitCode;

// musl's own allocator costs several times the time of a request on allocation-heavy paths.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    iter8::cli::main()
}
