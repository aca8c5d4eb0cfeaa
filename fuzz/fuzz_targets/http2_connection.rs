//! A connection of HTTP/2: no panic, bounded memory, windows that add up, and the same however what comes is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|server: &[u8]| iter8_fuzz::connections::check(server));
