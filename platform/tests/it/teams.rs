//! The api's own routes, on a real database.

use reqwest::Method;
use sabot_sandbox::postgres::Fresh;
use serde_json::{Value, json};

use crate::database::migrated;
use crate::process::{API, Process, TOKEN};

async fn api() -> (Process, Fresh) {
    let database = migrated().await;
    let url = database.url();
    let settings = [
        ("SABOT_DATABASE_URL", url.as_str()),
        ("SABOT_PROVISIONER_URL", "http://127.0.0.1:1"),
        ("SABOT_PROVISIONER_TOKEN", TOKEN),
    ];
    (Process::start(API, &settings).await, database)
}

fn code(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["error"]["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_team_is_made_found_and_listed_and_its_trail_tells_of_it() {
    let (api, _database) = api().await;
    let (status, team) = api.post("/teams", json!({ "name": " Ärger & Söhne " })).await;
    assert_eq!(
        (status, team["name"].as_str(), team["tier"].as_str()),
        (201, Some("Ärger & Söhne"), Some("free"))
    );
    let path = format!("/teams/{}", team["id"]);
    assert_eq!(api.get(&path).await, (200, team.clone()));
    assert_eq!(api.get("/teams").await, (200, json!({ "teams": [team] })));
    assert_eq!(api.get(&format!("/teams?after={}", team["id"])).await.1, json!({ "teams": [] }));

    for (tier, kind) in [("scale", "subscription.upgraded"), ("pro", "subscription.downgraded")] {
        let (status, changed) = api.post(&format!("{path}/tier"), json!({ "tier": tier })).await;
        assert_eq!((status, changed["tier"].as_str()), (200, Some(tier)), "{kind}");
    }
    // The tier that it has already: nothing changes, nothing is told.
    assert_eq!(api.post(&format!("{path}/tier"), json!({ "tier": "pro" })).await.0, 200);
    let (_, trail) = api.get(&format!("{path}/audit")).await;
    let entries = trail["entries"].as_array().unwrap();
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["team.created", "subscription.upgraded", "subscription.downgraded"]);
    assert_eq!(entries[1]["payload"], json!({ "from": "free", "to": "scale" }));
    assert_eq!(entries[1]["team_id"], team["id"]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_one_shape() {
    let (api, _database) = api().await;
    let (_, team) = api.post("/teams", json!({ "name": "one" })).await;
    let tier = format!("/teams/{}/tier", team["id"]);
    assert_eq!(code(&api.post("/teams", json!({ "name": "one" })).await), (409, "name_taken"));
    assert_eq!(code(&api.post("/teams", json!({ "name": "  " })).await), (422, "invalid"));
    assert_eq!(code(&api.post("/teams", json!({ "name": "x".repeat(101) })).await), (422, "invalid"));
    let bad_email = json!({ "name": "two", "email": "ann@example.com, bob@example.com" });
    assert_eq!(code(&api.post("/teams", bad_email).await), (422, "invalid"));
    assert_eq!(code(&api.post("/teams", json!({ "nom": "x" })).await), (422, "invalid"));
    assert_eq!(code(&api.post("/teams", json!({ "name": "x".repeat(20_000) })).await), (413, "too_large"));
    assert_eq!(code(&api.post(&tier, json!({ "tier": "gold" })).await), (422, "invalid"));
    assert_eq!(code(&api.post("/teams/999/tier", json!({ "tier": "pro" })).await), (404, "not_found"));
    assert_eq!(code(&api.post("/teams/999/resources", json!({ "name": "x" })).await), (404, "not_found"));
    assert_eq!(code(&api.get("/teams/999").await), (404, "not_found"));
    assert_eq!(code(&api.get("/teams/x").await), (404, "not_found"));
    assert_eq!(code(&api.get("/teams?limit=x").await), (400, "malformed"));
    assert_eq!(code(&api.get("/nowhere").await), (404, "not_found"));
    assert_eq!(code(&api.call(Method::DELETE, "/teams", None).await), (405, "method_not_allowed"));
    assert_eq!(code(&api.call(Method::POST, "/teams", None).await), (415, "not_json"));
}

#[tokio::test]
async fn without_the_token_nothing_is_done_and_nothing_is_told() {
    let (api, database) = api().await;
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    for token in ["", "wrong-token-of-some-length", &TOKEN[1..]] {
        for path in ["/teams", "/nowhere"] {
            let request =
                client.post(format!("{}{path}", api.url())).bearer_auth(token).json(&json!({ "name": "x" }));
            let response = request.send().await.unwrap();
            assert_eq!(
                (response.status().as_u16(), response.headers()["www-authenticate"].to_str().unwrap()),
                (401, "Bearer")
            );
        }
    }
    let teams: i64 =
        database.connect().await.unwrap().query_one("SELECT count(*) FROM teams", &[]).await.unwrap().get(0);
    assert_eq!(teams, 0);
}
