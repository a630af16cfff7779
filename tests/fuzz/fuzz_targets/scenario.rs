#![no_main]

#[global_allocator]
static METER: hostler_fuzz::Meter = hostler_fuzz::Meter;

libfuzzer_sys::fuzz_target!(|data: &[u8]| hostler_fuzz::scenario(data));
