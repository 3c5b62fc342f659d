//! Every mistake that we could think of gets a message that names the line, the key, what is wrong and what would be right.

use super::{WHOLE, mistakes};

/// What is replaced in the description of everything by what; the key that is wrong then, and what is said of it.
type Case = (&'static str, &'static str, &'static str, &'static str);

/// Of the form of the file, and of the names and types of keys.
#[rustfmt::skip]
const OF_FORM: &[Case] = &[
    ("name = \"orders\"", "nam = \"orders\"", "target.nam", "did you mean `name`?"),
    ("[target]", "[targt]", "targt", "did you mean `target`?"),
    ("[recovery.alerts]", "[recovery.alert]", "recovery.alert", "did you mean `alerts`?"),
    ("listen_env = \"LISTEN\"", "listen = \"LISTEN\"", "services.worker.listen", "did you mean `listen_env`?"),
    ("migrate_env =", "migrate-env =", "databases.orders.migrate-env", "did you mean `migrate_env`?"),
    ("path = \"/ready\"", "p99 = \"1s\"", "readiness.p99", "did you mean `p95`?"),
    ("path = \"/ready\"", "zzzz = 1", "readiness.zzzz", "there is `path`, `live_path`"),
    ("critical = true\nperiod", "critcal = true\nperiod", "readiness.matrix.critcal", "did you mean `critical`?"),
    ("{ env = \"CACHE\" }", "{ env = \"CACHE\", from = \"x\" }", "readiness.levers.period.from", "did you mean `form`?"),
    ("{ database = \"orders\" }", "{ databse = \"orders\" }", "services.api.wires.db.databse", "did you mean `database`?"),
    ("{ stand_in = \"payments\" }", "{ standin = \"payments\" }", "services.worker.wires.payments.standin", "did you mean `stand_in`?"),
    ("reach = { http", "reach = { htp", "readiness.matrix.reach.htp", "did you mean `http`?"),
    ("probe = \"SELECT 1\"", "prob = \"SELECT 1\"", "readiness.matrix.reach.postgres.prob", "did you mean `probe`?"),
    ("answers = [{ path", "answer = [{ path", "stand_ins.payments.answer", "did you mean `answers`?"),
    ("[{ path = \"/\", status", "[{ pth = \"/\", status", "stand_ins.payments.answers.pth", "did you mean `path`?"),
    ("form = \"logical\"", "form = \"logicl\"", "recovery.backups.jobs.form", "did you mean `logical`?"),
    ("declared = { enum", "declared = { enun", "propagation.declared.enun", "did you mean `enum`?"),
    ("smoke = [", "smokes = [", "recovery.backups.jobs.drill.smokes", "did you mean `smoke`?"),
    ("name = \"orders\"", "name = 5", "target.name", "expected a string"),
    ("command = [\"sh\", \"serve.sh\", \"api\"]", "command = \"sh\"", "services.api.command", "expected a sequence"),
    ("command = [\"sh\", \"serve.sh\", \"api\"]", "command = [\"sh\", 5]", "services.api.command", "expected a string"),
    ("critical = true\nperiod", "critical = \"yes\"\nperiod", "readiness.matrix.critical", "expected a boolean"),
    ("status = 200", "status = \"200\"", "stand_ins.payments.answers.status", "expected u16"),
    ("status = 200", "status = 70000", "stand_ins.payments.answers.status", "expected u16"),
    ("status = 200", "status = -1", "stand_ins.payments.answers.status", "expected u16"),
    ("path = \"/ready\"", "servable_periods = 1.5", "readiness.servable_periods", "expected u32"),
    ("caches = \"500ms\"", "caches = 500", "target.profile.caches", "expected a string"),
    ("TOKEN = \"{secret:api_token}\"", "TOKEN = true", "services.api.env.TOKEN", "expected a string"),
    ("api_token = \"tok_################\"", "api_token = 7", "secrets.api_token", "expected a string"),
    ("payments = [\"PAYMENTS_URL\"]", "payments = \"PAYMENTS_URL\"", "readiness.levers.off.payments", "expected a sequence"),
    ("start_limit = \"10s\"", "start_limit = \"10\"", "services.api.start_limit", "write one such as 500ms"),
    ("start_limit = \"10s\"", "start_limit = \"10 s\"", "services.api.start_limit", "write one such as 500ms"),
    ("start_limit = \"10s\"", "start_limit = \"-1s\"", "services.api.start_limit", "write one such as 500ms"),
    ("start_limit = \"10s\"", "start_limit = \"1.5s\"", "services.api.start_limit", "write one such as 500ms"),
    ("start_limit = \"10s\"", "start_limit = 10", "services.api.start_limit", "expected a string"),
    ("period = \"500ms\"\n", "period = \"500 milliseconds\"\n", "readiness.matrix.period", "write one such as 500ms"),
    ("path = \"/ready\"", "p95 = \"fast\"", "readiness.p95", "`fast` is no duration"),
    ("rto = \"5m\"", "rto = \"5min\"", "recovery.backups.jobs.drill.rto", "write one such as 500ms"),
    ("stale_after = \"1s\"", "stale_after = \"soon\"", "readiness.matrix.reach.loop.stale_after", "`soon` is no duration"),
    ("after = \"36h\"", "after = \"36 h\"", "recovery.alerts.warning.after", "write one such as 500ms"),
    ("base = [[\"worker\", \"queue\", \"true\"]]", "base = [[\"worker\", \"queue\"]]", "readiness.levers.critical.base", "invalid length 2"),
    ("critical = true\nperiod", "period", "readiness.matrix", "missing field `critical`"),
    ("service = \"api\"\ndependency", "dependency", "readiness.matrix", "missing field `service`"),
    ("reach = { postgres = { wire = \"db\", probe = \"SELECT 1\" } }\n", "", "readiness.matrix", "missing field `reach`"),
    ("stamps = true\n", "", "delivery.documented", "missing field `stamps`"),
    ("{ env = \"CACHE\" }", "{ form = \"{dependency}={value}\" }", "readiness.levers.period", "missing field `env`"),
    ("{ database = \"orders\" }", "\"orders\"", "services.api.wires.db", "`orders`"),
    ("{ database = \"orders\" }", "{ database = \"orders\", service = \"shipping\" }", "services.api.wires.db", "wanted exactly 1 element"),
];

/// Of databases, services, wires, stand-ins and secrets.
#[rustfmt::skip]
const OF_THE_WHOLE: &[Case] = &[
    ("name = \"orders\"", "name = \"\"", "target.name", "this is empty"),
    ("DATABASE_URL = \"{wire:db}\"\nARCHIVE", "DATABASE_URL = \"{wire:dbb}\"\nARCHIVE", "services.api.env.DATABASE_URL", "did you mean `db`?"),
    ("{secret:api_token}", "{secret:api_tokn}", "services.api.env.TOKEN", "did you mean `api_token`?"),
    ("{database:archive}", "{database:archve}", "services.api.env.ARCHIVE_URL", "did you mean `archive`?"),
    ("{database:archive}", "{databse:archive}", "services.api.env.ARCHIVE_URL", "did you mean `database`?"),
    ("{database:archive}", "{archive}", "services.api.env.ARCHIVE_URL", "is no template"),
    ("{database:archive}", "{database:archive", "services.api.env.ARCHIVE_URL", "never closes it"),
    ("{ service = \"shipping\" }", "{ service = \"shiping\" }", "services.api.wires.shipping", "did you mean `shipping`?"),
    ("{ database = \"orders\" }", "{ database = \"order\" }", "services.api.wires.db", "did you mean `orders`?"),
    ("{ stand_in = \"payments\" }", "{ stand_in = \"payment\" }", "services.worker.wires.payments", "did you mean `payments`?"),
    ("shipping = { service = \"shipping\" }", "shipping = { service = \"shipping\" }\nidle = { service = \"shipping\" }", "services.api.wires.idle", "put `{wire:idle}` into its env"),
    ("command = [\"sh\", \"serve.sh\", \"api\"]", "command = []", "services.api.command", "the command is empty"),
    ("command = [\"sh\", \"serve.sh\", \"api\"]", "command = [\"no-such-program\"]", "services.api.command", "neither on the PATH"),
    ("command = [\"sh\", \"serve.sh\", \"api\"]", "command = [\"./serve.sh\"]", "services.api.command", "give its path relative to that folder"),
    ("command = [\"sh\", \"serve.sh\", \"api\"]", "command = [\"\"]", "services.api.command", "neither on the PATH"),
    ("migrate = [\"sh\", \"migrate.sh\"]", "migrate = []", "databases.orders.migrate", "the command is empty"),
    ("migrate = [\"sh\", \"migrate.sh\"]", "migrate = [\"no-such-program\"]", "databases.orders.migrate", "neither on the PATH"),
    ("[databases.archive]", "[databases.archive]\nmigrate_env = \"URL\"", "databases.archive.migrate_env", "there is no migration"),
    ("migrate_env = \"DATABASE_URL\"", "migrate_env = \"DATABASE=URL\"", "databases.orders.migrate_env", "no name of an environment variable"),
    ("[databases.archive]", "[databases.\"the archive\"]\n[databases.archive]", "databases.the archive", "is no name"),
    ("listen_env = \"LISTEN\"", "listen_env = \"\"", "services.worker.listen_env", "nothing tells the service where to listen"),
    ("listen_env = \"LISTEN\"", "listen_env = \"LISTEN ON\"", "services.worker.listen_env", "no name of an environment variable"),
    ("listen_form = \"{port}\"", "listen_form = \"{prt}\"", "services.api.listen_form", "tells no port"),
    ("TOKEN = ", "PORT = ", "services.api.env.PORT", "which Sabot sets"),
    ("TOKEN = ", "\"A TOKEN\" = ", "services.api.env.A TOKEN", "no name of an environment variable"),
    ("alive_path = \"/health\"", "alive_path = \"health\"", "services.api.alive_path", "write `/health`"),
    ("start_limit = \"10s\"", "start_limit = \"0s\"", "services.api.start_limit", "a time of zero"),
    ("api_token = \"tok_################\"", "api_token = \"tok_1234567890\"", "secrets.api_token", "is no shape of a secret"),
    ("api_token = \"tok_################\"", "api_token = \"tok_####\"", "secrets.api_token", "12 characters or more"),
    ("status = 200", "status = 99", "stand_ins.payments.answers.status", "from 200 to 599"),
    ("[{ path = \"/\", status", "[{ path = \"x\", status", "stand_ins.payments.answers.path", "does not begin with `/`"),
    ("body = \"{}\"", "body = \"{\"", "stand_ins.payments.answers.body", "is no JSON"),
    ("key = \"mail_key\"", "key = \"mial_key\"", "stand_ins.mail.brevo.key", "did you mean `mail_key`?"),
    ("key = \"mail_key\", service = \"api\"", "key = \"mail_key\", service = \"apo\"", "stand_ins.mail.brevo.service", "did you mean `api`?"),
    ("path = \"/hooks/{secret:hook}\"", "path = \"/hooks/{secret:hok}\"", "stand_ins.mail.brevo.path", "did you mean `hook`?"),
    ("path = \"/hooks/{secret:hook}\"", "path = \"/hooks/{wire:db}\"", "stand_ins.mail.brevo.path", "there is `secret`"),
    ("[secrets]", "[stand_ins.post]\nbrevo = { key = \"mail_key\", service = \"api\", path = \"/\" }\n[secrets]", "stand_ins.post", "at most one account"),
];

/// Of what the tracks promise.
#[rustfmt::skip]
const OF_THE_TRACKS: &[Case] = &[
    ("service = \"worker\"\ndependency = \"payments\"", "service = \"wroker\"\ndependency = \"payments\"", "readiness.matrix.service", "did you mean `worker`?"),
    ("wire = \"payments\"", "wire = \"payment\"", "readiness.matrix.reach.http.wire", "did you mean `payments`?"),
    ("wire = \"payments\"", "wire = \"db\"", "readiness.matrix.reach.http.wire", "does not lead to a service or a stand-in"),
    ("wire = \"db\", probe", "wire = \"shipping\", probe", "readiness.matrix.reach.postgres.wire", "does not lead to a database"),
    ("probe = \"SELECT 1\"", "probe = \"\"", "readiness.matrix.reach.postgres.probe", "this is empty"),
    ("statement = \"/* claim */\"", "statement = \"\"", "readiness.matrix.reach.loop.statement", "this is empty"),
    ("dependency = \"queue\"", "dependency = \"payments\"", "readiness.matrix.dependency", "stands here twice"),
    ("dependency = \"queue\"", "dependency = \"\"", "readiness.matrix.dependency", "this is empty"),
    ("path = \"/ready\"", "path = \"ready\"", "readiness.path", "write `/ready`"),
    ("path = \"/ready\"", "live_path = \"live\"", "readiness.live_path", "write `/live`"),
    ("path = \"/ready\"", "p95 = \"0s\"", "readiness.p95", "a time of zero"),
    ("path = \"/ready\"", "servable_periods = 0", "readiness.servable_periods", "give 1 or more"),
    ("path = \"/ready\"", "shape = { status = \"name\" }", "readiness.shape.status", "is the name of `name` already"),
    ("path = \"/ready\"", "words = { failed = \"ok\" }", "readiness.words.failed", "is the name of `ok` already"),
    ("path = \"/ready\"", "words = { failed = \"\" }", "readiness.words.failed", "this is empty"),
    ("form = \"{dependency}={value}\"", "form = \"{dependency}\"", "readiness.levers.critical.form", "lacks `{value}`"),
    ("form = \"{dependency}={value}\"", "form = \"{value}\"", "readiness.levers.critical.form", "lacks `{dependency}`"),
    ("[[\"worker\", \"queue\", \"true\"]]", "[[\"wroker\", \"queue\", \"true\"]]", "readiness.levers.critical.base", "did you mean `worker`?"),
    ("{ env = \"CACHE\" }", "{ env = \"\" }", "readiness.levers.period.env", "no name of an environment variable"),
    ("payments = [\"PAYMENTS_URL\"]", "payment = [\"PAYMENTS_URL\"]", "readiness.levers.off.payment", "did you mean `payments`?"),
    ("payments = [\"PAYMENTS_URL\"]", "payments = []", "readiness.levers.off.payments", "no variable is named"),
    ("database = \"orders\"\nchange", "database = \"order\"\nchange", "readiness.levers.schema.database", "did you mean `orders`?"),
    ("look = \"SELECT to_regclass('migrations') IS NULL\"", "look = \"\"", "readiness.levers.schema.look", "this is empty"),
    ("[delivery]\ndatabase = \"orders\"", "[delivery]\ndatabase = \"order\"", "delivery.database", "did you mean `orders`?"),
    ("service = \"api\"\ndatabase_wire", "service = \"apo\"\ndatabase_wire", "delivery.webhook.service", "did you mean `api`?"),
    ("service = \"api\"\ndatabase_wire = \"db\"", "service = \"api\"\ndatabase_wire = \"shipping\"", "delivery.webhook.database_wire", "does not lead to a database"),
    ("path = \"/hooks/{secret}\"", "path = \"/hooks\"", "delivery.webhook.path", "lacks `{secret}`"),
    ("secret = \"hook\"", "secret = \"hok\"", "delivery.webhook.secret", "did you mean `hook`?"),
    ("previous_secret = \"old_hook\"", "previous_secret = \"old_hok\"", "delivery.webhook.previous_secret", "did you mean `old_hook`?"),
    ("secret_file_env = \"HOOK_SECRET_FILE\"", "repeated = [200]", "delivery.webhook.repeated", "from 300 to 599"),
    ("secret_file_env = \"HOOK_SECRET_FILE\"", "event_limit = 2000000", "delivery.webhook.event_limit", "larger than a whole array"),
    ("subject = '\"Your order\"'", "subject = 'Your order'", "delivery.payload.further.subject", "is no JSON"),
    ("classification = \"delivered\"", "classification = \"arrived\"", "delivery.documented.classification", "add it there"),
    ("spellings = [\"delivered\", \"Delivery\"]", "spellings = [\"Delivery\"]", "delivery.documented.spellings", "none of its spellings"),
    ("spellings = [\"delivered\", \"Delivery\"]", "spellings = [\"delivered\", \"delivered\"]", "delivery.documented.spellings", "stands here twice"),
    ("provider_wire = \"mail\"", "provider_wire = \"db\"", "delivery.forwarder.provider_wire", "by HTTP"),
    ("provider_wire = \"mail\"", "provider_wire = \"mial\"", "delivery.forwarder.provider_wire", "did you mean `mail`?"),
    ("registry = [\"sh\", \"kinds.sh\"]", "registry = [\"no-such-program\"]", "delivery.forwarder.registry", "neither on the PATH"),
    ("registry = [\"sh\", \"kinds.sh\"]", "registry = [\"sh\", \"kinds.sh\"]\nreference = \"tags\"", "delivery.forwarder.reference", "is no JSON pointer"),
    ("registry = [\"sh\", \"kinds.sh\"]", "registry = [\"sh\", \"kinds.sh\"]\nsend_limit = \"5m\"", "delivery.forwarder.send_limit", "less than `lease`"),
    ("payload = '{\"order\":1}'", "payload = '{order}'", "delivery.forwarder.kinds.payload", "is no JSON"),
    ("[propagation]\ndatabase = \"orders\"", "[propagation]\ndatabase = \"order\"", "propagation.database", "did you mean `orders`?"),
    ("unreadable = '\"free\"'", "unreadable = 'free'", "propagation.kinds.unreadable", "is no JSON"),
    ("kind = \"reserve\"\naudited", "kind = \"resrve\"\naudited", "propagation.changes.kind", "did you mean `reserve`?"),
    ("from = \"free\"", "from = \"fre\"", "propagation.changes.from", "did you mean `free`?"),
    ("to = \"pro\"", "to = \"free\"", "propagation.changes.to", "this changes nothing"),
    ("downstream_wire = \"shipping\"", "downstream_wire = \"db\"", "propagation.runner.downstream_wire", "by HTTP"),
    ("downstream_wire = \"shipping\"", "downstream_wire = \"shipping\"\nschedule = []", "propagation.runner.schedule", "ever tried again"),
    ("downstream_wire = \"shipping\"", "downstream_wire = \"shipping\"\nschedule = [\"1 m\"]", "propagation.runner.schedule", "write one such as 500ms"),
    ("downstream_wire = \"shipping\"", "downstream_wire = \"shipping\"\nmax_attempts = 0", "propagation.runner.max_attempts", "give 1 or more"),
    ("downstream_wire = \"shipping\"", "downstream_wire = \"shipping\"\ndispatch_limit = \"10m\"", "propagation.runner.dispatch_limit", "no more than `lease`"),
    ("service = \"shipping\"\n\n[propagation.registry]", "service = \"shiping\"\n\n[propagation.registry]", "propagation.downstream.service", "did you mean `shipping`?"),
    ("service = \"shipping\"\n\n[propagation.registry]", "service = \"shipping\"\npath = \"/r\"\n\n[propagation.registry]", "propagation.downstream.path", "lacks `{resource}`"),
    ("program = \"sh\"", "program = \"no-such-program\"", "recovery.backups.program", "neither on the PATH"),
    ("database = \"orders\"\ndrill", "database = \"order\"\ndrill", "recovery.backups.jobs.database", "did you mean `orders`?"),
    ("name = \"nightly\"", "name = \"\"", "recovery.backups.jobs.name", "this is empty"),
    ("postgres = \"the server's own, empty but for what it ships\"", "postgres = \" \"", "recovery.backups.exempt.postgres", "say why"),
    ("service = \"worker\"\njob", "service = \"wroker\"\njob", "recovery.backups.schedule.service", "did you mean `worker`?"),
    ("prometheus = [\"rules.yml\"]", "prometheus = [\"rule.yml\"]", "recovery.alerts.prometheus", "`rule.yml` is not there"),
    ("after = \"36h\"", "after = \"60h\"", "recovery.alerts.warning.after", "let it be earlier"),
];

/// Of the contract.
#[rustfmt::skip]
const OF_THE_CONTRACT: &[Case] = &[
    ("pattern = '^ +[A-Z_]+ = \"(?<name>[a-z.]+)\"'", "pattern = '(?<name>[a-z.]+'", "contract.declared.pattern", "unclosed group"),
    ("pattern = '^ +[A-Z_]+ = \"(?<name>[a-z.]+)\"'", "pattern = '[a-z.]+'", "contract.declared.pattern", "has no group"),
    ("files = [\"kinds.py\"]", "files = [\"kind.py\"]", "contract.declared.files", "`kind.py` is not there"),
    ("files = [\"kinds.py\"]", "files = []", "contract.declared.files", "no file is named"),
    ("registry = \"contract.json\"", "registry = \"contracts.json\"", "contract.registry", "is not there"),
    ("reason = \"a state, no kind\"", "reason = \"\"", "contract.ignored.reason", "without a reason"),
    ("subject = \"/subject\"", "subject = \"subject\"", "contract.shown.subject", "is no JSON pointer"),
    ("registry = \"contract.json\"", "registr = \"contract.json\"", "contract.registr", "did you mean `registry`?"),
];

/// The line of the first thing in `changed` that is not in `text`.
fn first_change(text: &str, changed: &str) -> usize {
    let same = text.bytes().zip(changed.bytes()).take_while(|(a, b)| a == b).count();
    let at = changed[same..].find(|c: char| c != '\n').map_or(same, |more| same + more);
    changed[..at].matches('\n').count() + 1
}

fn hold(cases: &[Case]) {
    let wrong: Vec<_> = cases.iter().filter_map(complaint).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() > 5, "only {} mistakes", cases.len());
}

/// What is wrong with what is said of one mistake; it is told once, where it was made.
fn complaint((old, new, key, what): &Case) -> Option<String> {
    assert!(WHOLE.contains(old), "the description does not hold {old:?}");
    let text = WHOLE.replacen(old, new, 1);
    let found = mistakes(&text);
    let told: Vec<_> = found.iter().map(ToString::to_string).collect();
    let line = first_change(WHOLE, &text);
    let good = found.len() == 1
        && found[0].what.contains(what)
        && found[0].key == *key
        && (found[0].line == line || what.starts_with("missing field"));
    (!good).then(|| format!("{new:?} is to be told {what:?} of {key} in line {line}: {told:#?}"))
}

#[test]
fn a_mistake_of_form_is_told_with_its_line_its_key_and_what_would_be_right() {
    hold(OF_FORM);
}

#[test]
fn what_is_no_toml_is_told_with_its_line_and_its_key() {
    for (old, new, line, key, what) in [
        ("name = \"orders\"", "name = \"orders", 2, "target.name", "invalid basic string"),
        ("name = \"orders\"", "name \"orders\"", 2, "", "this is no TOML"),
        ("name = \"orders\"", "name = orders", 2, "target.name", "this is no TOML"),
        ("name = \"orders\"", "name = \"orders\"\nname = \"again\"", 3, "target.name", "duplicate key"),
        ("[secrets]", "[secrets", 58, "", "unclosed table"),
        (
            "shipping = {",
            "db = { service = \"shipping\" }\nshipping = {",
            29,
            "services.api.wires.db",
            "duplicate key",
        ),
        ("[services.worker]", "[services.api]", 31, "services.api", "duplicate key"),
    ] {
        assert!(WHOLE.contains(old), "{old:?}");
        let found = mistakes(&WHOLE.replacen(old, new, 1));
        let first = &found[0];
        assert!((first.line, first.what.contains(what)) == (line, true), "{new:?}: {found:?}");
        assert!(first.key == key || key.is_empty(), "{new:?}: {found:?}");
    }
}

#[test]
fn a_mistake_about_services_and_what_they_use_is_told_likewise() {
    hold(OF_THE_WHOLE);
}

#[test]
fn a_mistake_about_a_track_is_told_likewise() {
    hold(OF_THE_TRACKS);
    hold(OF_THE_CONTRACT);
}

#[test]
fn what_is_left_out_and_cannot_be_is_told() {
    for (old, new, key, what) in [
        (
            "listen_env = \"PORT\"\n\n[stand_ins",
            "\n[stand_ins",
            "services.shipping.listen_env",
            "such as PORT",
        ),
        (
            "command = [\"sh\", \"serve.sh\", \"shipping\"]\n",
            "",
            "services.shipping.command",
            "the command is empty",
        ),
        ("migrate_env = \"DATABASE_URL\"\n", "", "databases.orders.migrate_env", "which database"),
        ("previous_secret_env = \"OLD_HOOK_SECRET\"\n", "", "delivery.webhook", "give both or neither"),
        (
            "[propagation.downstream]\nservice = \"shipping\"\n",
            "",
            "propagation.downstream.service",
            "`provisioner`",
        ),
    ] {
        assert!(WHOLE.contains(old), "{old:?}");
        let found = mistakes(&WHOLE.replacen(old, new, 1));
        assert!(
            found.iter().any(|mistake| mistake.key == key && mistake.what.contains(what)),
            "{old:?}: {found:?}"
        );
        assert!(found.iter().all(|mistake| mistake.line > 1), "each has a place: {found:?}");
    }
    let nothing = mistakes("");
    assert_eq!(nothing.len(), 1);
    assert!(nothing[0].what.contains("no service is described"), "{nothing:?}");
    let no_rows = mistakes("[services.a]\ncommand = [\"sh\"]\nlisten_env = \"P\"\n[readiness]\n");
    assert!(no_rows[0].what.contains("[[readiness.matrix]]") && no_rows[0].line == 4, "{no_rows:?}");
}
