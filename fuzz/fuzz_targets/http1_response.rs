//! The decoder alone: no panic, progress, bounded memory, and the same events however an answer is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|answer: &[u8]| iter8_fuzz::laws::check(answer));
