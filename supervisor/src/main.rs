//! `aetherd`: the supervisor of Aether.

#![forbid(unsafe_code)]

fn main() {}
