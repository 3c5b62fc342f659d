//! Values against their limits, as bars: all limits of a panel lie on one line.

use super::axis::percent;
use crate::Gauge;
use crate::report::html::words::amount;
use maud::{Markup, html};

/// Where the limit lies, in percent of the width, unless a value is far over it.
const LIMIT: f64 = 80.0;

/// A value this many times its limit ends the drawing.
const FARTHEST: f64 = 4.0;

pub(super) fn panel(gauges: &[&Gauge]) -> Markup {
    let farthest = gauges.iter().map(|gauge| share(gauge)).fold(0.0, f64::max).min(FARTHEST);
    let limit = (96.0 / farthest.max(1e-9)).min(LIMIT);
    html! {
        ul.gauges { @for each in gauges { (gauge(each, limit)) } }
    }
}

/// The value in limits; what can't be said so is over it.
fn share(gauge: &Gauge) -> f64 {
    let share = gauge.value / gauge.limit;
    if share.is_finite() && gauge.limit > 0.0 {
        share.max(0.0)
    } else {
        f64::from(u8::from(gauge.value > 0.0)) * 2.0
    }
}

fn gauge(gauge: &Gauge, limit: f64) -> Markup {
    let over = gauge.value > gauge.limit;
    let width = (share(gauge) * limit).min(100.0);
    html! {
        li {
            p.what { (gauge.name) }
            p.value {
                strong { (amount(gauge.value, &gauge.unit)) }
                i.key {} "limit " (amount(gauge.limit, &gauge.unit)) " "
                span.v.(if over { "fail" } else { "pass" }) { (if over { "over" } else { "within" }) }
            }
            svg aria-hidden="true" width="100%" height="22" {
                rect.track x="0" y="6" width="100%" height="10" rx="2" {}
                rect.(if over { "bar fail" } else { "bar" }) x="0" y="6" width=(percent(width.max(0.4))) height="10" rx="2" {}
                line.limit x1=(percent(limit)) x2=(percent(limit)) y1="0" y2="22" {}
            }
        }
    }
}
