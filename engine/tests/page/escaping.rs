//! What comes from a record stays text, wherever it stands.

use super::fixture::{HOSTILE, all_of, rich};
use sabot_engine::report;

pub(crate) const TRIALS: [(&str, fn()); 3] = [
    ("hostile_text_stays_text_in_every_field", hostile_text_stays_text_in_every_field),
    ("nothing_hidden_and_nothing_that_turns_text_around_is_left", nothing_hidden_is_left),
    ("the_page_names_no_place_to_load_from", the_page_names_no_place_to_load_from),
];

fn hostile_text_stays_text_in_every_field() {
    let page = report::html(&all_of(HOSTILE));
    for closing in ["</script>", "</style>", "</title>", "<script>", "<!--"] {
        let once = usize::from(closing != "<!--");
        assert_eq!(page.matches(closing).count(), once, "{closing}");
    }
    assert!(!page.contains("<img") && !page.contains("]]>"));
    // Each copy is the whole text, escaped: the quote that would end an attribute too.
    let copies = page.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
    assert!(copies > 200, "{copies} copies of the text were drawn");
    assert_eq!(
        page.matches("onerror=alert(2)&gt;&quot; onload='alert(3)'").count(),
        page.matches("alert(3)").count()
    );
    // Nothing of the record is in the script.
    assert!(!page.split("<script>").nth(1).unwrap().contains("alert"));
}

fn nothing_hidden_is_left() {
    let page = report::html(&all_of(HOSTILE));
    let hidden = |character: &char| {
        character.is_control() && *character != '\n'
            || "\u{202e}\u{2066}\u{200f}\u{feff}".contains(*character)
    };
    assert_eq!(page.chars().filter(hidden).count(), 0);
    assert!(page.contains("\\u{0}\\u{7}\\u{1b}[31m\\u{202e}evil\\u{2066}\\u{200f}\\u{feff}"));
}

fn the_page_names_no_place_to_load_from() {
    let page = report::html(&rich());
    for place in ["http://", "https://", "//cdn", "@import", "url(", " src="] {
        assert!(!page.contains(place), "{place}");
    }
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
}
