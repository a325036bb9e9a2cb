use super::{
    reach::{HostPort, Stream},
    served::Served,
};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NO_ADDRESS: [u8; 6] = [0; 6];

/// RFC 1928 and RFC 1929.
pub(super) async fn serve5(served: Served, mut near: Stream) -> io::Result<()> {
    let [5, count] = take(&mut near).await? else { return Ok(()) };
    let methods = some(&mut near, count.into()).await?;
    let wanted = if served.serving.user.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        return near.write_all(&[5, 0xff]).await;
    }
    near.write_all(&[5, wanted]).await?;
    let mut credentials = None;
    if let Some((user, password)) = &served.serving.user {
        let said = credentials.insert(user_and_password(&mut near).await?);
        let welcome = *said == format!("{user}:{password}");
        near.write_all(&[1, u8::from(!welcome)]).await?;
        if !welcome {
            return Ok(());
        }
    }
    let [5, 1, 0, kind] = take(&mut near).await? else { return Ok(()) };
    let host = match kind {
        1 => Ipv4Addr::from(take::<4>(&mut near).await?).to_string(),
        4 => Ipv6Addr::from(take::<16>(&mut near).await?).to_string(),
        _ => short(&mut near).await?,
    };
    let place = HostPort { host, port: near.read_u16().await? };
    served.open.was_asked(format!("SOCKS5 {place}"), Vec::new(), credentials);
    let far = reach(&served, &place).await;
    let reply = match &far {
        Ok(_) => 0,
        Err(reply) => *reply,
    };
    let mut answer = vec![5, reply, 0, 1];
    answer.extend_from_slice(&NO_ADDRESS);
    end(&served, near, far.ok(), answer).await
}

/// SOCKS4, and 4a where there is a name.
pub(super) async fn serve4(served: Served, mut near: Stream) -> io::Result<()> {
    let [4, 1] = take(&mut near).await? else { return Ok(()) };
    let port = near.read_u16().await?;
    let ip = Ipv4Addr::from(take::<4>(&mut near).await?);
    let user = terminated(&mut near).await?;
    let named = ip.octets().starts_with(&[0, 0, 0]) && !ip.is_unspecified();
    let host = if named { terminated(&mut near).await? } else { ip.to_string() };
    let place = HostPort { host, port };
    let welcome = served.serving.user.as_ref().is_none_or(|(own, _)| *own == user);
    served.open.was_asked(format!("SOCKS4 {place}"), Vec::new(), (!user.is_empty()).then_some(user));
    let far = if welcome { reach(&served, &place).await } else { Err(93) };
    let reply = match &far {
        Ok(_) => 90,
        Err(reply) if (90..=93).contains(reply) => *reply,
        Err(_) => 91,
    };
    let mut answer = vec![0, reply];
    answer.extend_from_slice(&NO_ADDRESS);
    end(&served, near, far.ok(), answer).await
}

async fn end(served: &Served, mut near: Stream, far: Option<Stream>, mut answer: Vec<u8>) -> io::Result<()> {
    if far.is_some() {
        answer.extend_from_slice(&served.serving.early);
    }
    near.write_all(&answer).await?;
    match far {
        Some(far) => served.tunnel(near, far).await,
        None => Ok(()),
    }
}

async fn reach(served: &Served, place: &HostPort) -> Result<Stream, u8> {
    if let Some(reply) = served.serving.reply {
        return Err(reply);
    }
    served.serving.reach.connect(place).await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => 5,
        io::ErrorKind::NotFound => 4,
        _ => 1,
    })
}

async fn take<const N: usize>(near: &mut Stream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    near.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn some(near: &mut Stream, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    near.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// A length, and as much text.
async fn short(near: &mut Stream) -> io::Result<String> {
    let length = near.read_u8().await?;
    Ok(String::from_utf8_lossy(&some(near, length.into()).await?).into_owned())
}

async fn user_and_password(near: &mut Stream) -> io::Result<String> {
    let [_version] = take(near).await?;
    let user = short(near).await?;
    Ok(format!("{user}:{}", short(near).await?))
}

/// Text up to a zero byte.
async fn terminated(near: &mut Stream) -> io::Result<String> {
    let mut text = Vec::new();
    loop {
        match near.read_u8().await? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            byte => text.push(byte),
        }
    }
}
