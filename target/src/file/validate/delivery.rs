//! Delivery: where events come in, what sends, and what is told of it.

use super::Validation;
use crate::description::Delivery;
use crate::description::delivery::{Forwarder, Part, Webhook};

impl Validation<'_> {
    pub(super) fn delivery(&mut self, delivery: &Delivery) {
        self.database(&["delivery", "database"], &delivery.database);
        self.webhook(&delivery.webhook);
        self.delivery_parts(delivery);
        self.tables(delivery);
        self.answers(&delivery.answers);
        if delivery.has(Part::Batch) && delivery.has(Part::EventLimit) {
            let (event, array) = (delivery.webhook.event_limit, delivery.webhook.array_limit);
            self.unless(event <= array, &["delivery", "webhook", "event_limit"], || {
                format!("one event may be larger than a whole array ({array} bytes)")
            });
        }
        if delivery.has(Part::Forwarder) {
            self.forwarder(&delivery.forwarder);
        }
        for (part, table, path, credential) in [
            (Part::Declared, "declared", &delivery.declared.path, Some(&delivery.declared.credential)),
            (Part::Overdue, "overdue", &delivery.overdue.path, Some(&delivery.overdue.credential)),
            (Part::Metrics, "metrics", &delivery.metrics.path, None),
        ] {
            if delivery.has(part) {
                self.url_path(&["delivery", table, "path"], path);
                credential.inspect(|name| self.secret(&["delivery", table, "credential"], name));
            }
        }
        let payload = &delivery.payload;
        self.holds(&["delivery", "payload", "id_shape"], &payload.id_shape, "{n}");
        for form in &payload.id_forms {
            self.holds(&["delivery", "payload", "id_forms"], form, "{id}");
        }
        self.unless(!payload.id_forms.is_empty(), &["delivery", "payload", "id_forms"], || {
            "no form of a message id is given; `{id}` is the plain one".into()
        });
        for (name, value) in &payload.further {
            self.json(&["delivery", "payload", "further", name], value);
        }
        self.events(delivery);
    }

    fn webhook(&mut self, webhook: &Webhook) {
        let at = |key| ["delivery", "webhook", key];
        let service = self.service(&at("service"), &webhook.service);
        self.wire(&at("database_wire"), service, &webhook.database_wire, true);
        self.url_path(&at("path"), &webhook.path);
        self.shown(webhook);
        self.secret(&at("secret"), &webhook.secret);
        self.variable(&at("secret_env"), &webhook.secret_env);
        if let Some(secret) = &webhook.previous_secret {
            self.secret(&at("previous_secret"), secret);
        }
        self.unless(
            webhook.previous_secret.is_some() == webhook.previous_secret_env.is_some(),
            &["delivery", "webhook"],
            || "`previous_secret` and `previous_secret_env` go together; give both or neither".into(),
        );
        self.lasting(&at("answers_within"), webhook.answers_within);
        self.unless(webhook.shortest_secret > 0, &at("shortest_secret"), || {
            "a secret of no characters is none; give 1 or more".into()
        });
        for status in webhook.repeated.iter().filter(|status| !(300..=599).contains(*status)) {
            self.wrong(
                &at("repeated"),
                format!("{status} is no status of a refusal; take some from 300 to 599"),
            );
        }
    }

    /// Where the secret stands: in the path or in a header.
    fn shown(&mut self, webhook: &Webhook) {
        let at = |key| ["delivery", "webhook", key];
        let Some(header) = &webhook.header else {
            self.holds(&at("path"), &webhook.path, "{secret}");
            let form = at("header_form");
            self.unless(!self.tree.is_given(&form), &form, || {
                "no header holds the secret; name it by `header`, or leave this out".into()
            });
            return;
        };
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        self.unless(!header.is_empty() && header.chars().all(is_token), &at("header"), || {
            format!("`{header}` is no name of a header; write one such as X-Hook-Token")
        });
        self.unless(!webhook.path.contains("{secret}"), &at("path"), || {
            format!("`{header}` holds the secret; take `{{secret}}` out of the path, or leave `header` out")
        });
        self.holds(&at("header_form"), &webhook.header_form, "{secret}");
    }

    fn forwarder(&mut self, forwarder: &Forwarder) {
        let at = |key| ["delivery", "forwarder", key];
        let service = self.service(&at("service"), &forwarder.service);
        self.wire(&at("database_wire"), service, &forwarder.database_wire, true);
        self.wire(&at("provider_wire"), service, &forwarder.provider_wire, false);
        self.url_path(&at("send_path"), &forwarder.send_path);
        for (key, pointer) in [
            ("answered_id", &forwarder.answered_id),
            ("idempotency_key", &forwarder.idempotency_key),
            ("reference", &forwarder.reference),
            ("recipient", &forwarder.recipient),
        ] {
            self.pointer(&at(key), pointer);
        }
        self.lasting(&at("poll"), forwarder.poll);
        self.unless(forwarder.send_limit < forwarder.lease, &at("send_limit"), || {
            "a send may outlast the lease that hides its row; give less than `lease`".into()
        });
        self.command(&at("registry"), &forwarder.registry);
        for (place, kind) in forwarder.kinds.iter().enumerate() {
            self.json(&["delivery", "forwarder", "kinds", &place.to_string(), "payload"], &kind.payload);
        }
    }

    /// Every classification has its place in a tie, and no spelling means two events.
    fn events(&mut self, delivery: &Delivery) {
        for (place, event) in delivery.documented.iter().enumerate() {
            let place = place.to_string();
            let at = |key| ["delivery", "documented", &place, key];
            self.unless(delivery.severity.contains(&event.classification), &at("classification"), || {
                format!(
                    "`{}` has no place in `severity`, by which ties are decided; add it there",
                    event.classification
                )
            });
            self.unless(event.spellings.contains(&event.event), &at("spellings"), || {
                format!("the event's own name `{}` is none of its spellings; add it", event.event)
            });
        }
        let spellings = delivery.documented.iter().enumerate();
        let spellings =
            spellings.flat_map(|(place, event)| event.spellings.iter().map(move |text| (place, text)));
        let (places, texts): (Vec<_>, Vec<_>) =
            spellings.map(|(place, text)| (place, format!("the spelling `{text}`"))).unzip();
        self.once(&texts, |at| {
            let place = places.get(at).copied().unwrap_or_default().to_string();
            ["delivery", "documented", &place, "spellings"].map(String::from).to_vec()
        });
    }
}
