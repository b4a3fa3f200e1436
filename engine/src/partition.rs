//! One partition as its shard sees it: offsets, appends, acknowledgements, reads and waiting
//! readers, over one log. Never touches a file: see `log/`.

pub mod offsets;
pub mod producers;
pub mod validate;
