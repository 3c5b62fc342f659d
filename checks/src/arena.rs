//! The embedded target as an arena: how its lanes are opened, remade and closed.

use sabot_engine::{Arena, CannotTell, Need, Secrets};
use sabot_sandbox::mongo;
use sabot_sandbox::postgres::Installation;
use sabot_target::{Lane, Stock};

/// Lanes of the embedded platform, made from a shared throwaway server.
#[derive(Debug)]
pub struct Embedded {
    stock: Stock,
    secrets: Secrets,
}

impl Embedded {
    /// Lanes made from `stock`; nothing is started before the first is opened.
    pub fn new(stock: Stock) -> Self {
        Self { stock, secrets: Secrets::default() }
    }
}

impl Arena for Embedded {
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
            Need::Tool(name) => (!on_path(name)).then(|| format!("`{name}` is not on the PATH")),
        }
    }

    async fn open(&self, index: usize, _: &[Need]) -> Result<Lane, CannotTell> {
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

fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(tool).is_file())
}
