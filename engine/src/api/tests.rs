//! Handlers fed with frames, on the simulated disk: every API, every version.

mod admin;
mod configs;
mod data;
mod fixture;
mod legacy;
mod protocol;
