//! Bodies, paths and queries as they come: what can't be read becomes a problem that says where it is wrong.

use super::problem::Problem;
use super::{BASE, BODY_BYTES};
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Deserializer};

/// How bodies are read: JSON of [`BODY_BYTES`] at most, under its own type.
pub(super) fn json_config() -> web::JsonConfig {
    web::JsonConfig::default().limit(BODY_BYTES).error_handler(|error, _| json_problem(&error).into())
}

/// How the parts of a path are read.
pub(super) fn path_config() -> web::PathConfig {
    web::PathConfig::default().error_handler(|error: PathError, _| Problem::bad_request(error.to_string()).into())
}

/// How queries are read.
pub(super) fn query_config() -> web::QueryConfig {
    web::QueryConfig::default().error_handler(|error, _| {
        let why = match &error {
            QueryPayloadError::Deserialize(e) => e.to_string(),
            other => other.to_string(),
        };
        Problem::bad_request(format!("the part of the address after the ? can't be read: {why}")).into()
    })
}

/// The answer where there is no such endpoint.
pub(super) async fn no_such_endpoint(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let text = format!(
        "there is no endpoint {} {:?}; {BASE}/openapi.json lists them",
        request.method(),
        request.path().chars().take(200).collect::<String>()
    );
    Err(Problem::new(StatusCode::NOT_FOUND, "no_such_endpoint", text))
}

fn json_problem(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("the request's body is too large; {BODY_BYTES} bytes are allowed"),
        ),
        JsonPayloadError::ContentType => Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "send a body of JSON with the header Content-Type: application/json",
        ),
        JsonPayloadError::Deserialize(e) => {
            Problem::new(StatusCode::BAD_REQUEST, "bad_json", format!("the request's body can't be read: {e}"))
        }
        other => Problem::bad_request(format!("the request's body did not arrive: {other}")),
    }
}

/// For a field where `null` says something else than its absence: `Some(None)` is `null`.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}
