//! From a name to addresses that may be reached.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::ForbiddenAddress;
use crate::error::DeliveryError;

/// Looks names up.
pub trait Resolver: Send + Sync + 'static {
    /// Returns all addresses of a host.
    fn resolve(&self, host: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The resolver of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|it| it.ip()).collect())
    }
}

/// Gives the client addresses that were all vetted, or none.
pub(crate) struct VettedResolver<R> {
    pub(crate) resolver: Arc<R>,
    pub(crate) vet: fn(IpAddr) -> Result<(), ForbiddenAddress>,
}

impl<R: Resolver> Resolve for VettedResolver<R> {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, vet) = (Arc::clone(&self.resolver), self.vet);
        Box::pin(async move {
            let addresses = resolver.resolve(name.as_str()).await.unwrap_or_default();
            if addresses.is_empty() {
                return Err(DeliveryError::NameNotFound.into());
            }
            addresses.iter().try_for_each(|it| vet(*it)).map_err(DeliveryError::ForbiddenAddress)?;
            Ok(Box::new(addresses.into_iter().map(|it| SocketAddr::new(it, 0))) as Addrs)
        })
    }
}
