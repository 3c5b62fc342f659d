//! Constants in sources of several languages, by the patterns that the documentation gives for them.

use std::path::Path;

use sabot_contract::source::Constants;

/// The documentation's table of patterns.
const DOCUMENTATION: &str = include_str!("../../src/source/mod.rs");

const KINDS: [&str; 3] = ["resource.created", "subscription.upgraded", "team.created"];

/// Each pattern of the documentation, its fixture, and the lines where the fixture has [`KINDS`].
const EXAMPLES: &[(&str, &str, [usize; 3])] = &[
    ("kinds.go", r#"^\s*(?:const )?Kind\w+\s+(?:Kind )?= ["`]([^"`]+)["`]"#, [13, 9, 8]),
    ("object.ts", r#"^\s*"?[A-Z]\w*"?: ["'`]([^"'`]+)["'`]"#, [6, 5, 3]),
    ("enum.ts", r#"^\s*[A-Z]\w* = ["']([^"']+)["']"#, [5, 3, 2]),
    ("union.ts", r#"^\s*\| ["']([^"']+)["']"#, [5, 4, 2]),
    ("kinds.py", r#"^[ \t]+[A-Z_]+ = ["']([^"']+)["']"#, [10, 8, 7]),
    ("Kind.java", r#"^\s*[A-Z_]+\(\s*"([^"]+)""#, [9, 7, 5]),
    ("Kinds.java", r#"static final String [A-Z_]+\s*=\s*"([^"]+)""#, [7, 6, 4]),
    ("kinds.rs", r#"^ +[A-Z]\w* = "([^"]+)" =>"#, [13, 10, 7]),
];

#[test]
fn each_language_is_read_by_the_pattern_that_its_documentation_gives() {
    for (file, pattern, lines) in EXAMPLES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures").join(file);
        let names = Constants::new(pattern).unwrap().read(&[((*file).to_owned(), path)]).unwrap();
        let found: Vec<_> = names.iter().map(|(name, places)| (name, places[0].line.unwrap())).collect();
        let expected: Vec<_> = KINDS.into_iter().zip(*lines).collect();
        assert_eq!(found, expected, "{file}");
        assert!(DOCUMENTATION.contains(&format!("//! {pattern}\n")), "the documentation lacks {pattern}");
    }
}
