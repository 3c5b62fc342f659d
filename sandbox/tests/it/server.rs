//! What a running server offers.

use sabot_sandbox::postgres::{Options, Server};

#[tokio::test]
async fn a_database_from_a_template_holds_what_the_template_holds() {
    let start = std::time::Instant::now();
    let server = Server::start(Options::default()).await.unwrap();
    eprintln!("start {:?}", start.elapsed());
    server.create_database("model").await.unwrap();
    let model = server.connect("model").await.unwrap();
    model.batch_execute("CREATE TABLE shoe (size int); INSERT INTO shoe VALUES (44)").await.unwrap();
    drop(model);
    for i in 0..4 {
        let start = std::time::Instant::now();
        server.create_database_from(&format!("lane \"{i}\""), "model").await.unwrap();
        eprintln!("create {:?}", start.elapsed());
    }
    let start = std::time::Instant::now();
    let lane = server.connect("lane \"1\"").await.unwrap();
    eprintln!("connect {:?}", start.elapsed());
    let size: i32 = lane.query_one("SELECT size FROM shoe", &[]).await.unwrap().get(0);
    assert_eq!(size, 44);
    let start = std::time::Instant::now();
    server.restart().await.unwrap();
    eprintln!("restart {:?}", start.elapsed());
    let folder = server.folder().to_owned();
    let start = std::time::Instant::now();
    drop(server);
    eprintln!("drop {:?}", start.elapsed());
    assert!(!folder.exists());
}
