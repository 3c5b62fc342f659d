//! Events as the provider writes them.

use super::desk::Message;
use sabot_target::Delivery;
use sabot_target::delivery::Documented;
use serde_json::{Map, Value};

/// What the fields of time that come after the right one are off by: an account's time zone, in milliseconds. Who reads
/// the wrong one shows it.
const ASTRAY: i64 = 9 * 3600 * 1000;

/// One event about one message.
#[derive(Debug, Clone)]
pub(crate) struct Event<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) message: &'a Message,
    /// As the provider spells it.
    pub(crate) name: String,
    /// Its own time, in milliseconds since 1970.
    pub(crate) at: i64,
    /// Which of the forms of a message id it has.
    pub(crate) id_form: usize,
    /// Which of the fields of time is the first that it has.
    pub(crate) time_field: usize,
    /// Whether that field counts seconds, not milliseconds.
    pub(crate) seconds: bool,
}

impl<'a> Event<'a> {
    pub(crate) fn of(delivery: &'a Delivery, name: &str, message: &'a Message, at: i64) -> Self {
        let name = name.to_owned();
        Self { delivery, message, name, at, id_form: 0, time_field: 0, seconds: false }
    }

    pub(crate) fn json(&self) -> Value {
        let payload = &self.delivery.payload;
        let mut json = Map::new();
        let form = payload.id_forms.get(self.id_form).map_or("{id}", String::as_str);
        json.insert(payload.event.clone(), self.name.clone().into());
        json.insert(payload.recipient.clone(), self.message.recipient.clone().into());
        json.insert(payload.message_id.clone(), form.replace("{id}", &self.message.id).into());
        for (name, value) in &payload.further {
            json.insert(name.clone(), serde_json::from_str(value).unwrap_or_default());
        }
        for (place, field) in payload.times.iter().enumerate().skip(self.time_field) {
            let right = place == self.time_field;
            let at = if right { self.at } else { self.at + ASTRAY };
            json.insert(field.clone(), if right && !self.seconds { at } else { at / 1000 }.into());
        }
        Value::Object(json)
    }
}

/// The documented event called `name`.
pub(crate) fn documented<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a Documented> {
    delivery.documented.iter().find(|documented| documented.event == name)
}

/// A message id without what its longer forms put around it.
pub(crate) fn bare(delivery: &Delivery, id: &str) -> String {
    let strip = |form: &String| {
        let (before, after) = form.split_once("{id}")?;
        id.strip_prefix(before)?.strip_suffix(after).map(str::to_owned)
    };
    let forms = delivery.payload.id_forms.iter();
    forms.filter_map(strip).min_by_key(String::len).unwrap_or_else(|| id.to_owned())
}
