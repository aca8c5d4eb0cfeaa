//! Encoded bodies: bounded output, whatever they unfold to, and the same however they are cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| iter8_fuzz::bodies::check(input));
