//! The templates in values: `{wire:NAME}`, `{database:NAME}` and `{secret:NAME}`.

use super::Validation;
use crate::description::Wire;
use crate::file::mistake::remedy;

/// The kinds of templates.
const KINDS: [&str; 3] = ["wire", "database", "secret"];

impl Validation<'_> {
    /// Every template in `value` names something; only credentials where there are no `wires`.
    pub(super) fn template(&mut self, path: &[&str], value: &str, wires: Option<&[Wire]>) {
        let Some((_, rest)) = value.split_once('{') else { return };
        let Some((template, after)) = rest.split_once('}') else {
            return self
                .wrong(path, format!("`{value}` opens a template with {{ and never closes it with }}"));
        };
        match (template.split_once(':'), wires) {
            (Some(("secret", name)), _) => self.secret(path, name),
            (Some(("database", name)), Some(_)) => self.database(path, name),
            (Some(("wire", name)), Some(wires)) => {
                let names: Vec<_> = wires.iter().map(|wire| wire.name.as_str()).collect();
                let table = ["services", path.get(1).copied().unwrap_or_default(), "wires"];
                self.known(path, (&table, "wire of this service"), name, &names);
            }
            (kind, wires) => {
                let kind = kind.map_or(template, |(kind, _)| kind);
                let known = if wires.is_some() { &KINDS[..] } else { &KINDS[2..] };
                let told =
                    format!("`{{{template}}}` is no template, which is `{{KIND:NAME}}`; of the kinds ");
                self.wrong(path, told + &remedy(kind, known));
            }
        }
        self.template(path, after, wires);
    }
}
