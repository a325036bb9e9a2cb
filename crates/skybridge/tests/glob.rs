//! `use skybridge::*` hides nothing that a program has anyway.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use skybridge::*;

#[test]
fn everything_of_it_at_once_hides_neither_core_nor_std() {
    // Names of the prelude, of the extern prelude, and of macros.
    let size = core::mem::size_of::<u32>() + std::mem::size_of::<Option<u8>>();
    let result: Result<usize, String> = Ok(size);
    assert_eq!(result, Ok(6));
    assert!(format!("{}", Vec::<u8>::new().len()) == "0");
    let _: fn() -> ClientBuilder = Client::builder;
    let _: Option<types::Delivery> = None::<Delivery>;
}
