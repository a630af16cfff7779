//! Errors as problem+json (RFC 9457), with a `code` that stays the same for programs.

use crate::backend::BackendError;
use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use hostler_node::CommandError;
use hostler_seating::seat::NoSeat;
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the code says which problem it is (RFC 9457, 4.2.1).
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, to what, and what to do.
    pub detail: String,
    /// For programs; it stays the same.
    #[schema(example = "not_found")]
    pub code: String,
    /// After how many seconds it is worth trying again, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u64>,
}

impl Problem {
    /// The type under which it is sent.
    pub const MIME_TYPE: &str = "application/problem+json";

    pub(crate) fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".into(),
            title: status.canonical_reason().unwrap_or("Error").into(),
            status: status.as_u16(),
            detail: detail.into(),
            code: code.into(),
            retry_after_s: None,
        }
    }

    pub(crate) fn retry_after(mut self, s: u64) -> Self {
        self.retry_after_s = Some(s);
        self
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail)
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail).retry_after(1)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the broker failed at this request; its log says how, under the request's id",
        )
    }

    fn http_status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.http_status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.http_status());
        response.content_type(Self::MIME_TYPE);
        if self.status == StatusCode::UNAUTHORIZED.as_u16() {
            response.insert_header((WWW_AUTHENTICATE, "Bearer"));
        }
        if let Some(s) = self.retry_after_s {
            response.insert_header((RETRY_AFTER, s.to_string()));
        }
        // A struct of strings and numbers always becomes JSON.
        response.body(serde_json::to_vec(self).unwrap_or_default())
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        use CommandError as E;
        let status = match &error {
            E::NotFound { .. } => StatusCode::NOT_FOUND,
            E::Ambiguous { .. } | E::Exists { .. } => StatusCode::CONFLICT,
            E::Forbidden { .. } => StatusCode::FORBIDDEN,
            E::Invalid(_) | E::Token(_) => StatusCode::UNPROCESSABLE_ENTITY,
            E::Unanswered { .. } => StatusCode::GATEWAY_TIMEOUT,
            E::MasterLost(_) | E::NotPromoted(_) => StatusCode::CONFLICT,
            E::Removed => StatusCode::GONE,
            E::NotStored(_) => StatusCode::INTERNAL_SERVER_ERROR,
            E::MasterUnreachable { .. }
            | E::Sealed { .. }
            | E::Moved { .. }
            | E::SiteUnreachable { .. }
            | E::NotReady
            | E::Halted(_)
            | E::ClockAhead { .. }
            | E::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        let problem = Self::new(status, error.code(), error.to_string());
        if matches!(error, E::Busy | E::NotReady | E::Sealed { .. } | E::Moved { .. }) {
            problem.retry_after(1)
        } else {
            problem
        }
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Self {
        let text = error.to_string();
        match error {
            BackendError::Busy => Self::busy(&text),
            BackendError::NoSession(_) => Self::new(StatusCode::NOT_FOUND, "not_found", text),
            BackendError::HostSilent => Self::new(StatusCode::SERVICE_UNAVAILABLE, "host_silent", text),
            BackendError::Host(_) => Self::new(StatusCode::BAD_GATEWAY, "host_failed", text),
            BackendError::Log(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "log_unreadable", text),
        }
    }
}

impl From<NoSeat> for Problem {
    fn from(error: NoSeat) -> Self {
        let text = error.to_string();
        let new = |status, code| Self::new(status, code, text.clone());
        match error {
            NoSeat::UnknownUser(_) => new(StatusCode::NOT_FOUND, "unknown_user"),
            NoSeat::NotEntitled { .. } => new(StatusCode::FORBIDDEN, "not_entitled"),
            NoSeat::NoDefault(_) => new(StatusCode::UNPROCESSABLE_ENTITY, "no_default_item"),
            NoSeat::NoHost { .. } => new(StatusCode::SERVICE_UNAVAILABLE, "no_host"),
            NoSeat::SessionHostSilent { left_s, .. } => {
                new(StatusCode::SERVICE_UNAVAILABLE, "session_host_silent").retry_after(left_s)
            }
            NoSeat::RateLimited(s) => new(StatusCode::TOO_MANY_REQUESTS, "rate_limited").retry_after(s),
            NoSeat::Busy => Self::busy(&text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_its_status_and_code() {
        let user = || "alice".parse().unwrap();
        for (problem, status, code) in [
            (CommandError::NotFound { what: "host".into(), name: "x".into() }.into(), 404, "not_found"),
            (CommandError::Exists { what: "user".into(), name: "x".into() }.into(), 409, "exists"),
            (CommandError::Forbidden { needed: "owner".into() }.into(), 403, "forbidden"),
            (CommandError::Invalid("no".into()).into(), 422, "invalid"),
            (CommandError::Unanswered { master: "b".into() }.into(), 504, "unanswered"),
            (CommandError::MasterUnreachable { master: "b".into() }.into(), 503, "master_unreachable"),
            (CommandError::SiteUnreachable { site: "s".into(), why: "w".into() }.into(), 503, "site_unreachable"),
            (BackendError::Busy.into(), 503, "busy"),
            (BackendError::Host("no such display".into()).into(), 502, "host_failed"),
            (NoSeat::NotEntitled { user: user() }.into(), 403, "not_entitled"),
            (NoSeat::RateLimited(7).into(), 429, "rate_limited"),
            (NoSeat::NoHost { user: user(), reason: "3 full".into() }.into(), 503, "no_host"),
        ] {
            let Problem { status: s, code: c, .. } = &problem;
            assert_eq!((*s, c.as_str()), (status, code), "{problem}");
        }
        let json = serde_json::to_value(Problem::from(NoSeat::RateLimited(7))).unwrap();
        let want = serde_json::json!({
            "type": "about:blank", "title": "Too Many Requests", "status": 429, "code": "rate_limited",
            "detail": "too many requests from one address or for one user; wait 7 s", "retry_after_s": 7,
        });
        assert_eq!(json, want);
    }
}
