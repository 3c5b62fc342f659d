//! The rows of an answer, in whatever shape it has them: a list, a map by their names, or lists by their names.

use sabot_target::{Readiness, Shape};
use sabot_wire::http::Response;
use serde_json::{Map, Value};

/// What stands behind a name in `application/health+json`: the name of the dependency, and what is measured of it.
const MEASURED: char = ':';

/// Every row, with its name.
pub(crate) fn read<'a>(shape: &Shape, envelope: &'a Value) -> Vec<(String, &'a Map<String, Value>)> {
    let by_name = |(name, value): (&String, &'a Value)| {
        let name = name.split(MEASURED).next().unwrap_or_default().to_owned();
        let rows = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
        rows.iter().filter_map(Value::as_object).map(move |row| (name.clone(), row)).collect::<Vec<_>>()
    };
    let named = |row: &'a Map<String, Value>| {
        let name = row.get(&shape.name).and_then(Value::as_str).unwrap_or_default();
        (name.to_owned(), row)
    };
    match envelope.get(&shape.rows) {
        Some(Value::Array(rows)) => rows.iter().filter_map(Value::as_object).map(named).collect(),
        Some(Value::Object(rows)) => rows.iter().flat_map(by_name).collect(),
        _ => Vec::new(),
    }
}

/// Changes every row.
pub(crate) fn change(
    shape: &Shape,
    envelope: &mut Map<String, Value>,
    mut change: impl FnMut(&mut Map<String, Value>),
) {
    let mut each = |row: &mut Value| match row {
        Value::Object(row) => change(row),
        Value::Array(rows) => rows.iter_mut().filter_map(Value::as_object_mut).for_each(&mut change),
        _ => {}
    };
    match envelope.get_mut(&shape.rows) {
        Some(Value::Array(rows)) => rows.iter_mut().for_each(&mut each),
        Some(Value::Object(rows)) => rows.values_mut().for_each(&mut each),
        _ => {}
    }
}

/// Adds a row called `name`, like the first.
pub(crate) fn add(shape: &Shape, envelope: &mut Map<String, Value>, name: &str) {
    match envelope.get_mut(&shape.rows) {
        Some(Value::Array(rows)) => {
            if let Some(Value::Object(mut row)) = rows.first().cloned() {
                row.insert(shape.name.clone(), name.into());
                rows.push(Value::Object(row));
            }
        }
        Some(Value::Object(rows)) => {
            if let Some(row) = rows.values().next().cloned() {
                rows.insert(name.to_owned(), row);
            }
        }
        _ => {}
    }
}

/// Takes the last row away.
pub(crate) fn take(shape: &Shape, envelope: &mut Map<String, Value>) {
    match envelope.get_mut(&shape.rows) {
        Some(Value::Array(rows)) => drop(rows.pop()),
        Some(Value::Object(rows)) => {
            if let Some(last) = rows.keys().next_back().cloned() {
                rows.remove(&last);
            }
        }
        _ => {}
    }
}

/// Lets the last two rows change places under their names.
pub(crate) fn swap(shape: &Shape, envelope: &mut Map<String, Value>) {
    match envelope.get_mut(&shape.rows) {
        Some(Value::Array(rows)) => {
            let Some((last, before)) = rows.split_last_mut() else { return };
            let Some(other) = before.last_mut() else { return };
            let name = |row: &Value| row.get(&shape.name).cloned();
            if let (Some(first), Some(second)) = (name(other), name(last)) {
                other[&shape.name] = second;
                last[&shape.name] = first;
            }
        }
        Some(Value::Object(rows)) => {
            let names: Vec<_> = rows.keys().rev().take(2).cloned().collect();
            let [last, other] = names.as_slice() else { return };
            let (Some(first), Some(second)) = (rows.get(other).cloned(), rows.get(last).cloned()) else {
                return;
            };
            rows.insert(other.clone(), second);
            rows.insert(last.clone(), first);
        }
        _ => {}
    }
}

/// Whether `response` says that all is well.
pub(crate) fn is_well(readiness: &Readiness, response: &Response) -> bool {
    let shape = &readiness.shape;
    if shape.overall.is_empty() {
        return response.status == 200;
    }
    let envelope: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    envelope.get(&shape.overall).and_then(Value::as_str) == Some(&readiness.words.ok)
}

/// Lets `response` say `text` where its errors stand, in every row; where it has no such place, in one of its own.
pub(crate) fn tell(shape: &Shape, response: &mut Response, text: &str) {
    let field = if shape.error.is_empty() { "details" } else { &shape.error };
    let Ok(Value::Object(mut envelope)) = serde_json::from_slice(&response.body) else {
        response.body = format!("{}{text}", String::from_utf8_lossy(&response.body)).into();
        return;
    };
    if shape.rows.is_empty() {
        envelope.insert(field.to_owned(), text.into());
    } else {
        change(shape, &mut envelope, |row| drop(row.insert(field.to_owned(), text.into())));
    }
    response.body = Value::Object(envelope).to_string().into();
}

#[cfg(test)]
mod tests {
    use super::*;
    use sabot_target::Form;
    use serde_json::json;

    fn names(shape: &Shape, envelope: &Value) -> Vec<String> {
        let row = |(name, row): (String, &Map<String, Value>)| {
            format!("{name}={}", row.get(&shape.status).and_then(Value::as_str).unwrap_or_default())
        };
        read(shape, envelope).into_iter().map(row).collect()
    }

    fn each() -> Vec<(Form, Value)> {
        vec![
            (
                Form::Actuator,
                json!({"status": "DOWN", "components": {"db": {"status": "DOWN"}, "mail": {"status": "UP"}}}),
            ),
            (
                Form::HealthJson,
                json!({"status": "fail", "checks": {
                    "db:responseTime": [{"status": "DOWN"}], "mail": [{"status": "UP"}]}}),
            ),
            (
                Form::Microprofile,
                json!({"status": "DOWN", "checks": [
                    {"name": "db", "status": "DOWN"}, {"name": "mail", "status": "UP"}]}),
            ),
        ]
    }

    #[test]
    fn rows_are_read_and_changed_in_every_form() {
        for (form, envelope) in each() {
            let shape = form.shape();
            assert_eq!(names(&shape, &envelope), ["db=DOWN", "mail=UP"], "{form:?}");
            let changed = |change: &dyn Fn(&mut Map<String, Value>)| {
                let mut changed = envelope.as_object().cloned().unwrap();
                change(&mut changed);
                names(&shape, &Value::Object(changed))
            };
            assert_eq!(changed(&|all| swap(&shape, all)), expected_swap(form), "{form:?}");
            assert_eq!(changed(&|all| take(&shape, all)), ["db=DOWN"], "{form:?}");
            let mut added = changed(&|all| add(&shape, all, "zone"));
            added.sort();
            assert_eq!(added, ["db=DOWN", "mail=UP", "zone=DOWN"], "{form:?}");
            let up = |all: &mut Map<String, Value>| {
                change(&shape, all, |row| drop(row.insert("status".into(), "OK".into())));
            };
            assert_eq!(changed(&up), ["db=OK", "mail=OK"], "{form:?}");
        }
        assert_eq!(names(&Form::Status.shape(), &json!({"status": "UP"})), Vec::<String>::new());
    }

    /// A list keeps its order, and its names change places; of a map it is the rows.
    fn expected_swap(form: Form) -> [&'static str; 2] {
        if form == Form::Microprofile { ["mail=DOWN", "db=UP"] } else { ["db=UP", "mail=DOWN"] }
    }

    #[test]
    fn an_error_is_told_in_every_form() {
        for (form, envelope) in each() {
            let mut response = Response::json(envelope.to_string());
            tell(&form.shape(), &mut response, "hunter2");
            assert_eq!(String::from_utf8_lossy(&response.body).matches("hunter2").count(), 2, "{form:?}");
        }
        let mut bare = Response::status(200).body("OK");
        tell(&Form::Status.shape(), &mut bare, "hunter2");
        assert_eq!(&*bare.body, b"OKhunter2");
    }
}
