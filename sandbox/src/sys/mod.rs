//! All `unsafe` of Aether: one system call per function, errors as [`std::io::Error`].

#![allow(unsafe_code)]
