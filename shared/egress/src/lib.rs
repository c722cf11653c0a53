//! The HTTP client for URLs that customers give us.
//!
//! A URL of a customer may name any host, so it must not reach what only we can reach: the machine itself, our network
//! and the metadata service of the cloud. Four checks stand in a row:
//!
//! 1. [`TargetUrl::parse`] refuses URLs that are not https, names of private networks and literal addresses that are
//!    not public, however they are written. It makes no look-up.
//! 2. [`Egress::post`] vets a literal address again, since a connector asks no resolver for it.
//! 3. The client's resolver returns vetted addresses to the connector, which uses these and no others. If any address
//!    of a name is forbidden, the name is refused. Each delivery has its own look-up and connection, so an answer of
//!    the DNS that changes after a check is vetted as well.
//! 4. The remote address of the answer is vetted before anything of the answer is returned.
//!
//! Redirects are not followed, proxy variables are ignored, and there are no cookies.
//!
//! What no client can know is a NAT64 prefix that a network chose for itself (RFC 6052): run this where there is none.

mod address;
mod egress;
mod error;
mod policy;
mod resolve;
mod target;

pub use address::{ForbiddenAddress, is_public_address};
pub use egress::{Answer, Egress, Limits, TRANSPORT_HEADERS};
pub use error::DeliveryError;
pub use policy::{AddressPolicy, NotLoopback};
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use resolve::{Resolver, SystemResolver};
pub use target::{MAX_URL_BYTES, PORTS, TargetUrl, UrlProblem, mask_url};
