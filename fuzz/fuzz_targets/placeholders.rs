//! Templates and rows: each turn is one request, whatever stands in a row.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| iter8_fuzz::requests::check(input));
