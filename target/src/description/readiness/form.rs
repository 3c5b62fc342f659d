//! Forms of answer that many services share.

use super::{Shape, Words};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a service answers where it does so as others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As Spring Boot's Actuator: `{"status":"UP","components":{"db":{"status":"UP"}}}`.
    /// (<https://docs.spring.io/spring-boot/reference/actuator/endpoints.html#actuator.endpoints.health>)
    Actuator,
    /// As `application/health+json`: `{"status":"pass","checks":{"db:responseTime":[{"status":"pass"}]}}`.
    /// (<https://datatracker.ietf.org/doc/html/draft-inadarei-api-health-check-06>)
    HealthJson,
    /// As MicroProfile Health: `{"status":"UP","checks":[{"name":"db","status":"UP"}]}`.
    /// (<https://download.eclipse.org/microprofile/microprofile-health-4.0/microprofile-health-spec-4.0.html>)
    Microprofile,
    /// By its HTTP status alone.
    Status,
}

impl Form {
    /// The names of its fields.
    pub fn shape(self) -> Shape {
        let none = Shape {
            overall: String::new(),
            service: String::new(),
            commit: String::new(),
            rows: String::new(),
            name: String::new(),
            status: "status".into(),
            latency: String::new(),
            error: String::new(),
            checked_at: String::new(),
        };
        let overall = "status".into();
        match self {
            Self::Actuator => Shape { overall, rows: "components".into(), ..none },
            Self::HealthJson => Shape {
                overall,
                rows: "checks".into(),
                error: "output".into(),
                checked_at: "time".into(),
                ..none
            },
            Self::Microprofile => Shape { overall, rows: "checks".into(), name: "name".into(), ..none },
            Self::Status => none,
        }
    }

    /// What a status may be. Where there is no word for what is not well and stays in rotation, only what takes the
    /// service out of it is shown.
    pub fn words(self) -> Words {
        let words = |ok: &str, degraded: &str, failed: &str| Words {
            ok: ok.into(),
            degraded: degraded.into(),
            failed: failed.into(),
        };
        match self {
            Self::HealthJson => words("pass", "warn", "fail"),
            Self::Actuator | Self::Microprofile | Self::Status => words("UP", "", "DOWN"),
        }
    }
}
