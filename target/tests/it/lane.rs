//! The simulator on a lane of the embedded target, whose services are built beside this test (`make build`).

use sabot_target::brevo::{Event, Key, Kind, Manner, Script};
use sabot_target::{Binaries, Stock, Target};
use sabot_wire::http::Match;
use std::time::{Duration, SystemTime};

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_knows_its_brevo_and_brevo_its_lane() {
    let stock = Stock::new(Target::embedded(), Binaries::beside_this().unwrap());
    let mut lane = stock.open(0, &|_| {}).await.unwrap();
    for round in 0..2 {
        let brevo = lane.brevo().unwrap();
        assert_eq!(brevo.settings().script, Script::silent(), "as at the start");
        // A probe of the services' own: with the lane's key, and not throttled.
        let (client, service) = (lane.client(), lane.service("api").unwrap());
        let ready = client.get(service.url("/readyz")).timeout(LONG).send().await.unwrap();
        assert!(ready.status().is_success(), "{ready:?}");
        let probe = brevo.calls().into_iter().find(|call| call.path == "/v3/account").unwrap();
        assert_eq!((probe.key, probe.status), (Key::Right, 200), "round {round}");

        let secret = lane.credentials().find(|(name, _)| *name == "brevo_webhook_secret").unwrap().1;
        let came = service.inbound().counter(Match::path(format!("/webhooks/brevo/{secret}")));
        let event =
            Event::of(Kind::Delivered, "<1@smtp-relay.mailin.fr>", "ada@example.com", SystemTime::now());
        brevo.deliver(&[event], Manner::default()).tried(LONG).await.unwrap();
        assert_eq!(came.received(), 1, "the webhook leads over the wire in front of the service");
        brevo.configure(|settings| settings.script = Script::delivered());
        lane.remake().await.unwrap();
        assert_eq!(lane.brevo().unwrap().outcomes().posts().len(), 0);
    }
    lane.stop().await;
}
