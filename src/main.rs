//! The `siaga` command.

fn main() {}
