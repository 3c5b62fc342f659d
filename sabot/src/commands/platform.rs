//! `sabot platform`: the embedded platform, up until it is interrupted.

use super::{say, stock};
use crate::signals::Interruption;
use sabot_engine::Exit;
use sabot_target::{Lane, Target, TargetError};

/// Starts one lane, prints its addresses, and waits for a signal.
pub(crate) async fn platform() -> Exit {
    let stock = match stock(Target::embedded()) {
        Ok(stock) => stock,
        Err(exit) => return exit,
    };
    let interruption = match Interruption::listen() {
        Ok(interruption) => interruption,
        Err(error) => {
            say(&error);
            return Exit::Unverified;
        }
    };
    let lane = tokio::select! {
        lane = stock.open(0, &|_| {}) => lane,
        () = interruption.stop.cancelled() => return ended(&interruption),
    };
    let lane = match lane {
        Ok(lane) => lane,
        Err(error) => {
            say(&error);
            return Exit::Unverified;
        }
    };
    if let Err(error) = describe(&lane).await {
        say(&error);
    }
    println!("\nCtrl-C takes it down");
    interruption.stop.cancelled().await;
    lane.stop().await;
    ended(&interruption)
}

fn ended(interruption: &Interruption) -> Exit {
    if interruption.number() == Some(15) { Exit::Terminated } else { Exit::Interrupted }
}

async fn describe(lane: &Lane) -> Result<(), TargetError> {
    println!("{} is up", lane.target().name);
    for instance in lane.services() {
        let direct = instance.address().await?;
        println!("  {:<12} {}  (past the wire: http://{direct})", instance.service(), instance.url(""));
    }
    for database in &lane.target().databases {
        println!("  {:<12} {}", database.name, lane.database_url(&database.name)?);
    }
    for (name, value) in lane.credentials() {
        println!("  {name:<22} {value}");
    }
    Ok(())
}
