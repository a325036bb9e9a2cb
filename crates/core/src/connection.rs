mod can_coalesce;
mod can_forward;
mod certificate;
mod fit;
mod info;
mod link;
mod proxy_settings;
mod status;
mod tls_info;
mod tried_by;
mod upgrade;
mod write_failure;

pub(crate) use self::tried_by::TriedBy;
pub use self::{
    can_coalesce::{NotCoalesced, can_coalesce, can_still_coalesce},
    can_forward::{NotForwarded, can_forward},
    certificate::{Certificate, CertificateKey, SubjectName},
    fit::{Lost, Unfit},
    info::{ConnInfo, Protocol, Timings},
    link::Link,
    proxy_settings::ProxySettings,
    status::{CloseReason, ConnectionStatus, StatusListener, StatusSender},
    tls_info::{CertificateScope, EchStatus, TlsInfo, Trust},
    upgrade::{Upgrade, Upgraded},
    write_failure::WriteFailure,
};
