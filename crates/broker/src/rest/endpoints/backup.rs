//! A backup of the broker that is asked.

use crate::rest::caller::Caller;
use crate::rest::problem::Problem;
use crate::rest::server::Rest;
use actix_web::{HttpResponse, get, web};
use futures::stream;
use hostler_events::payload::Role;

/// A backup of the broker that is asked, as a file of its own format. It holds the broker's key: whoever has it can be
/// that broker.
#[utoipa::path(tag = "backup", operation_id = "backup", responses(
    (status = 200, body = [u8], content_type = "application/octet-stream"),
    (status = "default", body = Problem, content_type = "application/problem+json"),
))]
#[get("/backup")]
pub(crate) async fn backup(rest: web::Data<Rest>, caller: Caller) -> Result<HttpResponse, Problem> {
    caller.needs_in_farm(Role::Owner)?;
    tracing::info!("a backup is handed out");
    let pieces = rest.backend.backup()?;
    let pieces = stream::unfold(pieces, |mut pieces| async move { Some((pieces.recv().await?, pieces)) });
    Ok(HttpResponse::Ok().content_type("application/octet-stream").streaming(pieces))
}
