//! Which kinds of the audit log email, and who makes the email of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::classification::Classification;
use crate::email::Email;
use crate::event::DeclaredEvent;
use crate::provider::Provider;

/// A row of the audit log. `Debug` shows nothing of what it tells.
#[derive(Clone, PartialEq)]
pub struct AuditRow {
    /// Its id.
    pub id: i64,
    /// Its kind.
    pub kind: String,
    /// What happened, in one line.
    pub summary: String,
    /// The rest; the recipient is its `email`.
    pub payload: Value,
}

impl AuditRow {
    /// The recipient's address, if there is one to send to.
    #[must_use]
    pub fn recipient(&self) -> Option<&str> {
        let address = self.payload.get("email")?.as_str()?.trim();
        let (local, domain) = address.rsplit_once('@')?;
        let plain = !address.chars().any(|c| c.is_control() || c.is_whitespace());
        (plain && !local.is_empty() && !domain.is_empty()).then_some(address)
    }
}

impl fmt::Debug for AuditRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditRow").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Makes the email of a row. A closure is one.
pub trait Renderer: Send + Sync + 'static {
    /// The email, without its recipient. What a person wrote goes through [`escape`](crate::escape) first.
    ///
    /// # Errors
    /// When the row lacks what the email tells; it then will never be sent.
    fn render(&self, row: &AuditRow) -> Result<Email, RenderError>;
}

impl<F> Renderer for F
where
    F: Fn(&AuditRow) -> Result<Email, RenderError> + Send + Sync + 'static,
{
    fn render(&self, row: &AuditRow) -> Result<Email, RenderError> {
        self(row)
    }
}

/// A row of which no email can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload lacks {lacks}")]
pub struct RenderError {
    /// The field of the payload.
    pub lacks: &'static str,
}

/// The kinds that are declared; clones share the renderers.
#[derive(Clone, Default)]
pub struct Kinds {
    emails: BTreeMap<String, bool>,
    renderers: BTreeMap<String, Arc<dyn Renderer>>,
}

impl Kinds {
    /// Declares a kind that emails.
    #[must_use]
    pub fn emails(mut self, kind: impl Into<String>) -> Self {
        self.emails.insert(kind.into(), true);
        self
    }

    /// Declares a kind that doesn't. Kinds that nobody declared are written into the ledger as never sent.
    #[must_use]
    pub fn silent(mut self, kind: impl Into<String>) -> Self {
        self.emails.insert(kind.into(), false);
        self
    }

    /// Says who renders a kind.
    #[must_use]
    pub fn renderer(mut self, kind: impl Into<String>, renderer: impl Renderer) -> Self {
        self.renderers.insert(kind.into(), Arc::new(renderer));
        self
    }

    /// Every declared kind, in the order of the alphabet.
    #[must_use]
    pub fn declared(&self) -> Vec<DeclaredKind<'_>> {
        let rendered = |kind: &str| self.renderers.contains_key(kind);
        let kinds = self.emails.iter();
        kinds.map(|(kind, &emails)| DeclaredKind { kind, emails, renderer: rendered(kind) }).collect()
    }

    pub(crate) fn silent_ones(&self) -> Vec<String> {
        self.emails.iter().filter(|(_, emails)| !**emails).map(|(kind, _)| kind.clone()).collect()
    }

    pub(crate) fn rendered_by(&self, kind: &str) -> Option<&Arc<dyn Renderer>> {
        self.renderers.get(kind)
    }

    pub(crate) fn is_declared(&self, kind: &str) -> bool {
        self.emails.contains_key(kind)
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.declared()).finish()
    }
}

/// A kind as the registry has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeclaredKind<'a> {
    /// Its name.
    pub kind: &'a str,
    /// Whether it emails.
    pub emails: bool,
    /// Whether somebody renders it.
    pub renderer: bool,
}

/// The declared registry, to be shown as JSON to whoever judges.
#[derive(Debug, Clone, Serialize)]
pub struct Declaration<'a> {
    events: &'a [DeclaredEvent],
    severity: [Classification; 8],
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<DeclaredKind<'a>>>,
}

impl<'a> Declaration<'a> {
    /// What `provider` tells of, and if given which kinds email.
    pub fn new(provider: &impl Provider, kinds: Option<&'a Kinds>) -> Self {
        Self {
            events: provider.declared(),
            severity: Classification::SEVERITY,
            kinds: kinds.map(Kinds::declared),
        }
    }
}

/// Text as it may stand in HTML, in an attribute's quotes too.
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_can_be_an_address_is_a_recipient() {
        let row = |payload| AuditRow { id: 1, kind: "k".into(), summary: String::new(), payload };
        assert_eq!(row(json!({"email": " ann@example.com "})).recipient(), Some("ann@example.com"));
        for payload in
            [json!({}), json!({"email": null}), json!({"email": 5}), json!({"email": "ann"}), json!("x")]
        {
            assert_eq!(row(payload.clone()).recipient(), None, "{payload}");
        }
        assert_eq!(row(json!({"email": "a@b\r\nbcc: c@d"})).recipient(), None);
    }

    #[test]
    fn a_kind_without_its_renderer_shows_as_such() {
        let kinds = Kinds::default().emails("a").silent("b").emails("c");
        let kinds = kinds.renderer("a", |_: &AuditRow| Err(RenderError { lacks: "everything" }));
        let declared = serde_json::to_value(kinds.declared()).unwrap();
        let kind = |kind, emails, renderer| json!({"kind": kind, "emails": emails, "renderer": renderer});
        assert_eq!(declared, json!([kind("a", true, true), kind("b", false, false), kind("c", true, false)]));
    }
}
