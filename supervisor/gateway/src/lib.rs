//! The model gateway.
#![forbid(unsafe_code)]
