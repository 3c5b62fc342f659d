//! Smoke queries of MongoDB: at least so many documents in a collection.

use super::ASK_LIMIT;
use crate::drill::course::{Course, Stopped, with_causes};
use crate::report::Class;
use sabot_sandbox::mongo::Server;

/// One query.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Smoke {
    text: String,
    database: String,
    collection: String,
    least: u64,
}

/// Reads all of them before anything is started.
pub(super) fn parse(course: &Course, queries: &[String]) -> Result<Vec<Smoke>, Stopped> {
    let read = |text: &String| {
        Smoke::read(text).ok_or_else(|| {
            let message =
                "write database.collection, or database.collection=MIN for at least so many documents";
            course.stop(Class::Smoke, text, message)
        })
    };
    queries.iter().map(read).collect()
}

impl Smoke {
    fn read(text: &str) -> Option<Self> {
        let (namespace, least) = match text.rsplit_once('=') {
            Some((namespace, least)) => (namespace, least.trim().parse().ok()?),
            None => (text, 1),
        };
        let (database, collection) = namespace.trim().split_once('.')?;
        let is_name = !database.is_empty() && !collection.is_empty();
        let named = || (text.to_owned(), database.to_owned(), collection.to_owned());
        is_name.then(named).map(|(text, database, collection)| Self { text, database, collection, least })
    }

    pub(super) async fn ask(&self, course: &Course, server: &Server) {
        let counted =
            async { server.connect(ASK_LIMIT).await?.count(&self.database, &self.collection).await };
        let message = match counted.await {
            Ok(count) if count >= self.least => return,
            Ok(count) => format!("expected at least {} documents, observed {count}", self.least),
            Err(error) => with_causes(&error),
        };
        course.problem(Class::Smoke, &self.text, message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let read = |text| Smoke::read(text).map(|smoke| (smoke.database, smoke.collection, smoke.least));
        assert_eq!(read("shop.shoes"), Some(("shop".into(), "shoes".into(), 1)));
        assert_eq!(read("shop.shoes.old=20"), Some(("shop".into(), "shoes.old".into(), 20)));
        for wrong in ["shop", "shop.", ".shoes", "shop.shoes=many", "shop.shoes=-1", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
