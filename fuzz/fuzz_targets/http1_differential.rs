//! The decoder against hyper: the same answer, or both refuse, or the difference is a known one.
#![no_main]

libfuzzer_sys::fuzz_target!(|answer: &[u8]| iter8_fuzz::differences::check(answer));
