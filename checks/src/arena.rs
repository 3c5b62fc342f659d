//! A target as an arena: how its lanes are opened, remade and closed.

use sabot_engine::{Arena, CannotTell, Check, Need, Secrets};
use sabot_sandbox::mongo;
use sabot_sandbox::postgres::Installation;
use sabot_target::{Lane, Stock, Target};

/// Lanes of a target, made from a shared throwaway server.
#[derive(Debug)]
pub struct TargetArena {
    stock: Stock,
    secrets: Secrets,
}

impl TargetArena {
    /// Lanes made from `stock`; nothing is started before the first is opened.
    pub fn new(stock: Stock) -> Self {
        Self { stock, secrets: Secrets::default() }
    }

    /// What is judged.
    pub fn target(&self) -> &Target {
        self.stock.target()
    }
}

impl Arena for TargetArena {
    type Lane = Lane;

    fn lacks(&self, need: &Need) -> Option<String> {
        match need {
            Need::Files => None,
            Need::Services | Need::Database | Need::Wires | Need::Disposable => {
                Installation::find().err().map(|error| error.to_string())
            }
            Need::Cluster => Some("no cluster was given".into()),
            // FerretDB in the cache serves as well; what it must not judge is for each check to say.
            Need::Tool(name) if name == "mongod" => {
                mongo::Installation::find().err().map(|error| error.to_string())
            }
            Need::Tool(name) => mongo::tool(name)
                .is_none()
                .then(|| format!("`{name}` is not on the PATH, nor built by `make setup`")),
        }
    }

    fn leaves_out(&self, check: &Check<Lane>) -> Option<String> {
        crate::leaves_out(self.stock.target(), check.id)
    }

    async fn open(&self, index: usize, needs: &[Need]) -> Result<Lane, CannotTell> {
        // What is not to be had here is skipped, so no lane has to bring it.
        let files_alone =
            |need: &Need| matches!(need, Need::Files | Need::Tool(_)) || self.lacks(need).is_some();
        if needs.iter().all(files_alone) {
            return Ok(self.stock.open_files(index)?);
        }
        Ok(self.stock.open(index, &|secret| self.secrets.register(secret)).await?)
    }

    async fn remake(&self, lane: &mut Lane) -> Result<(), CannotTell> {
        Ok(lane.remake().await?)
    }

    async fn close(&self, lane: Lane) {
        lane.stop().await;
    }

    fn secrets(&self) -> Secrets {
        self.secrets.clone()
    }
}
