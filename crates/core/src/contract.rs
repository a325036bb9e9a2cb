mod alias;
mod connection;
mod connection_service;
mod connector;
mod deferred;
mod dialer;
mod handshake;
mod io;
mod lent_connection;
mod outline;
mod plan;
mod resolver;
mod route_connector;
mod runtime;

pub use self::{
    connection::{Capacity, Connection, ResponseResult},
    connection_service::{ConnectionBody, ConnectionExchange, ConnectionService, HandshakeFuture, HandshakeService},
    connector::Connector,
    deferred::{Below, Deferred, stack},
    dialer::Dialer,
    handshake::{Handshake, TlsConnect},
    io::Io,
    outline::Outline,
    plan::{Plan, Planner},
    resolver::Resolver,
    route_connector::RouteConnector,
    runtime::{BoxFuture, Runtime, Sleep},
};
