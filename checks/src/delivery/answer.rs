//! What an answer of the webhook must say, in those fields that the target's answers have.

use super::desk::delivery;
use super::post::Reply;
use sabot_engine::Cx;
use sabot_target::Lane;
use sabot_target::delivery::Answers;
use serde_json::Value;

/// That an event was taken, and what stands in some fields.
pub(super) struct Said<'a> {
    answers: &'a Answers,
    fields: Vec<(&'a str, Value)>,
}

impl<'a> Said<'a> {
    /// Of `fields`, names and values, those count that have a name.
    pub(super) fn new(answers: &'a Answers, fields: Vec<(&'a str, Value)>) -> Self {
        Self { answers, fields: fields.into_iter().filter(|(name, _)| !name.is_empty()).collect() }
    }

    pub(super) fn is_met_by(&self, reply: &Reply) -> bool {
        self.answers.is_taken(reply.status)
            && self.fields.iter().all(|(name, value)| reply.field(name) == *value)
    }

    pub(super) fn sketch(&self) -> String {
        let fields = self.fields.iter().map(|(name, value)| format!("`{name}` {value}"));
        let fields = fields.collect::<Vec<_>>().join(" and ");
        let with = if fields.is_empty() { "" } else { " with " };
        format!("{}{with}{fields}", self.answers.told())
    }
}

/// Says in the record that answers are judged by less, where they lack the field that tells `what`.
pub(super) fn looks_at(cx: &Cx<'_, Lane>, field: fn(&Answers) -> &String, what: &str) {
    if field(&delivery(cx.lane()).answers).is_empty() {
        cx.fact(format!("not looked at: {what} in the answers"), "the target's answers have no such field");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, says_when: false, body: body.into(), took: Duration::ZERO }
    }

    #[test]
    fn an_answer_is_held_to_the_fields_that_there_are() {
        let answers = Answers { statuses: vec![200, 204], skipped: String::new(), ..Answers::default() };
        let said = Said::new(&answers, vec![("known", true.into()), (&answers.skipped, true.into())]);
        assert_eq!(said.sketch(), "200 or 204 with `known` true");
        assert!(said.is_met_by(&reply(204, r#"{"known":true}"#)));
        assert!(!said.is_met_by(&reply(204, r#"{"known":false}"#)));
        assert!(!said.is_met_by(&reply(201, r#"{"known":true}"#)));
        let status_alone = Said::new(&answers, vec![(&answers.skipped, true.into())]);
        assert_eq!(status_alone.sketch(), "200 or 204");
        assert!(status_alone.is_met_by(&reply(200, "")) && !status_alone.is_met_by(&reply(500, "")));
    }
}
