//! What stands before every endpoint: room for the request, a span with its ids, the time that it may take, and headers
//! that keep answers out of caches. Nothing secret is logged: no header, no body, no query.

use super::problem::Problem;
use super::server::Rest;
use super::{REQUEST_MS, openapi, site_asked};
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::Instrument;

/// Characters of a path that are logged.
const PATH_CHARACTERS: usize = 200;
/// The header that carries the request's number, which the broker's log has too.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Lets a request through to its endpoint.
pub(super) async fn guard(
    mut request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let rest = request.app_data::<web::Data<Rest>>().cloned().ok_or_else(Problem::internal)?;
    let number = rest.requests.fetch_add(1, Ordering::Relaxed) + 1;
    let client = request.peer_addr().map(|a| a.to_string()).unwrap_or_default();
    let path: String = request.path().chars().take(PATH_CHARACTERS).collect();
    let span = tracing::info_span!(
        "request", id = number, method = %request.method(), ?path, client, admin = tracing::field::Empty
    );
    let started = Instant::now();
    let answer = async {
        let room = rest.room.clone().try_acquire_owned();
        let Ok(_room) = room else {
            return Err(Problem::busy("this broker answers as many requests as it can; try again in a moment").into());
        };
        site_asked::take(&mut request)?;
        match tokio::time::timeout(Duration::from_millis(REQUEST_MS), next.call(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(too_slow().into()),
        }
    }
    .instrument(span.clone())
    .await;
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| match &answer {
        Ok(a) => tracing::info!(status = a.status().as_u16(), took_ms, "answered"),
        Err(e) => tracing::info!(status = e.as_response_error().status_code().as_u16(), took_ms, "refused"),
    });
    let mut answer = answer?;
    let headers = answer.headers_mut();
    headers.insert(REQUEST_ID, HeaderValue::from(number));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}

fn too_slow() -> Problem {
    Problem::new(
        StatusCode::GATEWAY_TIMEOUT,
        "too_slow",
        format!(
            "the request took more than {} s and was given up; if it changes something, look whether that was carried \
             out before you repeat it",
            REQUEST_MS / 1_000
        ),
    )
}

/// `GET /openapi.json`: what can be asked here, for programs. It says nothing about the farm, so anybody may read it.
#[actix_web::get("/openapi.json")]
pub(super) async fn openapi_json() -> actix_web::HttpResponse {
    actix_web::HttpResponse::Ok().content_type("application/json").body(openapi::openapi_json())
}
