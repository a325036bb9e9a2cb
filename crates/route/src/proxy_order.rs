/// In which order chains of proxies are tried when some of them failed recently. A chain has failed when its first
/// proxy couldn't be reached, which concerns every origin, or when one origin couldn't be reached by it, which concerns
/// that origin. It is forgotten as soon as it works, or after
/// [`RouteConfig::remember_failures`](crate::RouteConfig::remember_failures). No chain is left out because of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum ProxyOrder {
    /// As they are listed, whatever failed.
    Listed,
    /// What failed recently after what didn't. A direct connection is never tried before a proxy that is listed before
    /// it, though after a shorter time while that proxy is down
    /// ([`failed_proxy_timeout`](crate::RouteConfig::failed_proxy_timeout)).
    #[default]
    FailedLast,
    /// What failed recently after what didn't, and a direct connection as soon as what is listed before it has failed
    /// recently. An origin can bring that about too, by breaking its first exchange through a proxy, and so learn from
    /// where its client is connected.
    FailedLastOrDirect,
}

impl ProxyOrder {
    /// Orders chains, of which it is known whether each is direct and has failed recently.
    pub(crate) fn sort<T>(self, chains: Vec<T>, is_direct: impl Fn(&T) -> bool, failed: impl Fn(&T) -> bool) -> Vec<T> {
        if self == Self::Listed {
            return chains;
        }
        let mut proxy_failed = false;
        let (first, last): (Vec<T>, Vec<T>) = chains.into_iter().partition(|chain| {
            let (direct, failed) = (is_direct(chain), failed(chain));
            proxy_failed |= failed && !direct;
            let behind_failed_proxy = self == Self::FailedLast && direct && proxy_failed;
            !failed && !behind_failed_proxy
        });
        first.into_iter().chain(last).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small letters are proxies, `d` is a direct connection, capital letters have failed.
    #[test]
    fn orders() {
        let rows = [
            // Listed, FailedLast, FailedLastOrDirect
            ("ab", "ab", "ab"),
            ("Ab", "bA", "bA"),
            ("AB", "AB", "AB"),
            ("AbC", "bAC", "bAC"),
            ("ad", "ad", "ad"),
            ("Ad", "Ad", "dA"),
            ("Abd", "bAd", "bdA"),
            ("Adb", "bAd", "dbA"),
            ("aDb", "abD", "abD"),
            ("Da", "aD", "aD"),
            ("aD", "aD", "aD"),
            ("AdB", "AdB", "dAB"),
        ];
        for (listed, failed_last, or_direct) in rows {
            let sorted = |order: ProxyOrder| {
                let (is_direct, failed) = (|c: &char| c.eq_ignore_ascii_case(&'d'), char::is_ascii_uppercase);
                String::from_iter(order.sort(listed.chars().collect(), is_direct, failed))
            };
            assert_eq!(sorted(ProxyOrder::Listed), listed);
            assert_eq!(sorted(ProxyOrder::FailedLast), failed_last, "{listed}");
            assert_eq!(sorted(ProxyOrder::FailedLastOrDirect), or_direct, "{listed}");
        }
    }
}
