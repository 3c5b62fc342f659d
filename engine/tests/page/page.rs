//! The page in a real browser.

use super::browser::Browser;
use super::fixture::{HOSTILE, all_of, large, long, rich};
use sabot_engine::{Record, report};
use serde_json::{Value, json};

pub(crate) const TRIALS: [(&str, fn()); 9] = [
    ("a_page_opens_without_errors_and_asks_for_nothing", a_page_opens_without_errors_and_asks_for_nothing),
    ("hostile_text_runs_nothing", hostile_text_runs_nothing),
    ("folds_open_and_close_by_keyboard", folds_open_and_close_by_keyboard),
    ("filters_leave_what_fits_and_say_how_many", filters_leave_what_fits_and_say_how_many),
    ("without_its_script_the_page_is_a_plain_list", without_its_script_the_page_is_a_plain_list),
    ("a_link_to_a_check_unfolds_it", a_link_to_a_check_unfolds_it),
    ("the_matrix_keeps_its_headers_in_view", the_matrix_keeps_its_headers_in_view),
    ("nothing_is_wider_than_a_phone_or_a_desk", nothing_is_wider_than_a_phone_or_a_desk),
    ("text_can_be_read_in_light_and_in_dark", text_can_be_read_in_light_and_in_dark),
];

const TOOLS: &str = include_str!("page.js");

fn opened(record: &Record) -> Browser {
    let mut browser = Browser::start();
    browser.look(1440, "light");
    browser.open(&report::html(record));
    browser
}

/// Calls a function of page.js.
fn ask(browser: &mut Browser, function: &str) -> Value {
    browser.eval(&format!("({TOOLS}).{function}()"))
}

fn a_page_opens_without_errors_and_asks_for_nothing() {
    let mut browser = Browser::start();
    for record in [rich(), large(), Record::begin("run", "nothing at all")] {
        browser.open(&report::html(&record));
        assert_eq!(browser.complaints(), Vec::<String>::new());
        assert_eq!(browser.requests(), 1, "the page itself");
        let shown = browser.eval("document.querySelectorAll('#checks li.check').length");
        assert_eq!(shown, json!(record.results.len()));
        assert_eq!(ask(&mut browser, "astray"), json!([[], []]), "links lead somewhere, ids are used once");
        let headings = ask(&mut browser, "headings");
        let levels: Vec<_> = headings.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "no level is left out: {levels:?}");
    }
}

fn hostile_text_runs_nothing() {
    let mut browser = opened(&all_of(HOSTILE));
    assert_eq!(ask(&mut browser, "intruders"), json!([0, 0, 0, 0, 0]));
    assert!(ask(&mut browser, "unfold").as_u64().unwrap() > 20);
    let title = browser.eval("document.title");
    assert!(title.as_str().unwrap().contains("</title><img src=x"), "{title}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

fn folds_open_and_close_by_keyboard() {
    let mut browser = opened(&rich());
    let focused = "document.activeElement.matches('#checks summary')";
    let tabs = (1..300).find(|_| {
        browser.press("Tab");
        browser.eval(focused) == json!(true)
    });
    assert!(tabs.is_some(), "no summary is reached by Tab");
    let ring = browser.eval("getComputedStyle(document.activeElement).outlineStyle");
    assert_eq!(ring, json!("solid"), "the focus is seen");
    let open = "document.activeElement.parentElement.open";
    assert_eq!(browser.eval(open), json!(false));
    browser.press("Enter");
    assert_eq!(browser.eval(open), json!(true));
    browser.press(" ");
    assert_eq!(browser.eval(open), json!(false));
}

/// Does something to the filter and waits for what it then says.
fn filtered(browser: &mut Browser, act: &str) -> String {
    browser.eval(
        "window.form = document.querySelector('form.filter'); window.said = new Promise((tell) => { \
         const output = form.querySelector('output'); \
         new MutationObserver(() => tell(output.value)).observe(output, { childList: true }); }); 0",
    );
    browser.eval(&format!(
        "(() => {{ {act}; form.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    ));
    browser.eval("said").as_str().unwrap().to_owned()
}

fn filters_leave_what_fits_and_say_how_many() {
    let mut browser = opened(&rich());
    let all = ask(&mut browser, "shown").as_array().unwrap().len();
    assert_eq!(all, 60);
    assert_eq!(filtered(&mut browser, "form.elements.text.value = ' RECOVERY.mongo  r'"), "3 of 60 checks");
    let shown = ask(&mut browser, "shown");
    let ids: Vec<_> = shown.as_array().unwrap().iter().map(|each| each[0].as_str().unwrap()).collect();
    assert_eq!(ids, ["recovery.mongo.restore", "recovery.mongo.rto", "recovery.mongo.rpo"]);
    let boxes = "form.querySelectorAll('input[type=checkbox]').forEach((box) => { box.checked = box.value === 'fail'; })";
    assert_eq!(filtered(&mut browser, boxes), "1 of 60 checks");
    assert_eq!(filtered(&mut browser, "form.elements.text.value = ''"), "2 of 60 checks");
    assert_eq!(filtered(&mut browser, "form.elements.track.selectedIndex = 2"), "1 of 60 checks");
    assert_eq!(ask(&mut browser, "shown"), json!([["delivery.replay", "fail", "delivery"]]));
    assert_eq!(filtered(&mut browser, "form.elements.text.value = 'no such thing'"), "0 of 60 checks");
    assert_eq!(filtered(&mut browser, "form.reset()"), "60 checks");
    browser.open(&report::html(&large()));
    assert_eq!(filtered(&mut browser, "form.elements.text.value = 'check-77'"), "111 of 10,000 checks");
    let ends = "[...document.querySelectorAll('#checks ul')].filter((list) => list.checkVisibility()).length";
    assert_eq!(browser.eval(ends), json!(4), "the lists of 50 that begin at 50, 750, 7700 and 7750");
}

fn without_its_script_the_page_is_a_plain_list() {
    let mut browser = Browser::start();
    browser.call("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    browser.open(&report::html(&rich()));
    assert_eq!(browser.eval("document.querySelector('form.filter').checkVisibility()"), json!(false));
    assert_eq!(ask(&mut browser, "shown").as_array().unwrap().len(), 60);
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

fn a_link_to_a_check_unfolds_it() {
    let mut browser = opened(&rich());
    filtered(&mut browser, "form.elements.text.value = 'recovery.mongo'");
    browser
        .eval("window.come = new Promise((tell) => addEventListener('hashchange', tell)).then(() => 0); 0");
    browser.eval("document.querySelector('#attention h3 a').click()");
    browser.eval("come");
    let target = browser.eval("(() => { const at = document.querySelector(location.hash); return [at.checkVisibility(), at.firstElementChild.open]; })()");
    assert_eq!(target, json!([true, true]), "also where the filter had hidden it");
}

fn the_matrix_keeps_its_headers_in_view() {
    let mut browser = opened(&rich());
    for width in [360, 1440] {
        browser.look(width, "light");
        assert_eq!(
            ask(&mut browser, "headers"),
            json!([true, true, true]),
            "scrolled to its last corner, {width} pixels"
        );
    }
}

fn nothing_is_wider_than_a_phone_or_a_desk() {
    let mut browser = Browser::start();
    for record in [rich(), all_of(&long()), all_of(HOSTILE)] {
        browser.open(&report::html(&record));
        for width in [360, 1440] {
            browser.look(width, "light");
            assert_eq!(ask(&mut browser, "overflowing"), json!([]), "folded, {width} pixels");
            ask(&mut browser, "unfold");
            assert_eq!(ask(&mut browser, "overflowing"), json!([]), "unfolded, {width} pixels");
        }
    }
}

fn text_can_be_read_in_light_and_in_dark() {
    let mut browser = opened(&rich());
    ask(&mut browser, "unfold");
    for scheme in ["light", "dark"] {
        browser.look(1440, scheme);
        let told = ask(&mut browser, "faint");
        assert!(told["looks"].as_u64().unwrap() > 12, "{told}");
        assert_eq!(told["low"], json!([]), "{scheme}");
    }
}
