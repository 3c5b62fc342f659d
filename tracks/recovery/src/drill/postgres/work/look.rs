//! The last part of a drill: verification, smoke queries, and a while for those who want to look.

use super::super::{base, smoke, verify};
use super::{Drill, Input, Ready, Stopped};
use crate::drill::Hold;
use crate::drill::postgres::stand::Stand;
use crate::report::{Class, Event, Phase};

impl Drill<'_> {
    /// Verifies, asks the smoke queries, and stays up for a while where that is wanted.
    pub(super) async fn look(
        &self,
        input: &Input,
        database: Option<&str>,
        ready: Option<&Ready>,
    ) -> Result<(), Stopped> {
        let (course, stand) = (&self.course, self.stand()?);
        let verifying = Box::pin(async {
            verify::verify(course, stand, input.manifest(), database, ready).await?;
            if ready.is_none() {
                base::amcheck(course, stand).await?;
            }
            Ok::<_, Stopped>(())
        });
        let verified = course.phase(Phase::Verify, verifying).await;
        let asked = Box::pin(async {
            let database = self.asked(database).await;
            if let Some(database) = &database {
                smoke::ask(course, stand, database, &self.request.smoke).await;
            }
            database
        });
        let database = course.phase(Phase::Smoke, asked).await;
        if verified.is_ok() {
            course.recovered();
        }
        if let Some(hold) = &self.request.hold {
            self.stay(hold, stand, &database.unwrap_or_else(|| stand.maintenance.clone())).await;
        }
        verified
    }

    /// The database that smoke queries are asked of: the one that is named, the one restored, or the only one there is.
    async fn asked(&self, restored: Option<&str>) -> Option<String> {
        if let Some(named) = self.options.smoke_on.as_deref().or(restored) {
            return Some(named.to_owned());
        }
        let stand = self.stand().ok()?;
        let mut all = stand.databases().await.unwrap_or_default();
        if all.len() > 1 {
            all.retain(|name| name != "postgres");
        }
        if all.len() > 1 && !self.request.smoke.is_empty() {
            let message =
                format!("it is not plain which database they are for; name one of {all:?} by --smoke-on");
            self.course.problem(Class::Smoke, "smoke queries", message);
            return None;
        }
        all.into_iter().next()
    }

    async fn stay(&self, hold: &Hold, stand: &Stand, database: &str) {
        let seconds = hold.at_most.as_secs();
        self.course.say(&Event::Held { url: stand.url(database), seconds });
        // Over at the latest of the two events that end it; which, does not matter.
        drop(tokio::time::timeout(hold.at_most, hold.release.cancelled()).await);
    }
}
