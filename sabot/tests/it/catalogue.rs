//! The catalogue in the repository is the one that the program writes.

use super::program::sabot;

#[test]
fn the_catalogue_is_the_one_that_the_program_writes() {
    let written =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../INTEGRATION-TESTS.md")).unwrap();
    let output = sabot(&["list", "--format", "markdown"]);
    assert_eq!(output.code, 0, "{}", output.errors);
    assert!(written == output.text, "INTEGRATION-TESTS.md is out of date: run `make catalogue`");
}
