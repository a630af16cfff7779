//! The site that a request is about: `?site=NAME` goes with every request. It is taken out of the query before an
//! endpoint sees that, so that each has only what is its own.

use super::problem::Problem;
use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::Uri;
use actix_web::http::uri::PathAndQuery;
use actix_web::web::Query;
use hostler_model::limits;

/// The name of the parameter.
pub(super) const PARAMETER: &str = "site";

/// The site that a request names.
pub(super) struct SiteAsked(pub(super) String);

/// Takes the site out of a request's query.
pub(super) fn take(request: &mut ServiceRequest) -> Result<(), Problem> {
    let named = |pair: &&str| pair.split('=').next() == Some(PARAMETER);
    let query = request.query_string();
    let Some(pair) = query.split('&').find(named) else { return Ok(()) };
    let read = Query::<Vec<(String, String)>>::from_query(pair).map(Query::into_inner).unwrap_or_default();
    let site = read.into_iter().next().map(|(_, site)| site).filter(|site| site.len() <= limits::NAME_BYTES);
    let site = site.ok_or_else(|| Problem::bad_request("site: give one name or id"))?;
    let rest: Vec<&str> = query.split('&').filter(|pair| !named(pair)).collect();
    if rest.len() + 1 != query.split('&').count() {
        return Err(Problem::bad_request("site: give it once"));
    }
    let rest = rest.join("&");
    let path = request.path();
    let text = if rest.is_empty() { path.to_string() } else { format!("{path}?{rest}") };
    let mut parts = request.head().uri.clone().into_parts();
    let unreadable = || Problem::bad_request("the address of this request can't be read");
    parts.path_and_query = Some(text.parse::<PathAndQuery>().map_err(|_| unreadable())?);
    let uri = Uri::from_parts(parts).map_err(|_| unreadable())?;
    request.head_mut().uri = uri.clone();
    request.match_info_mut().get_mut().update(&uri);
    request.extensions_mut().insert(SiteAsked(site));
    Ok(())
}
