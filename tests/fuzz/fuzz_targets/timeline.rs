#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| skybridge_fuzz::timeline(input));
