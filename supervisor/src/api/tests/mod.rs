//! The edge, tried over real connections.

mod edge;
mod json;
mod kernel;
mod sign_in;
mod unix;
