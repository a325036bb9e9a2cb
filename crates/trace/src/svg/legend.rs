use super::canvas::{Canvas, Look, RIGHT};

pub(super) fn draw(canvas: &mut Canvas) {
    canvas.advance(16.0);
    let mut x = 14.0;
    for (hue, look, name) in [
        ("resolve", Look::Solid, "resolve"),
        ("tcp", Look::Solid, "tcp"),
        ("tunnel", Look::Solid, "tunnel"),
        ("tls", Look::Solid, "tls"),
        ("handshake", Look::Solid, "handshake"),
        ("queue", Look::Hollow, "waiting for a connection"),
        ("send", Look::Solid, "send"),
        ("wait", Look::Hollow, "waiting for the answer"),
        ("body", Look::Solid, "body"),
        ("tcp", Look::Lost, "lost or given up"),
        ("failed", Look::Failed, "failed"),
    ] {
        if x + Canvas::example_width(name) > RIGHT {
            canvas.advance(17.0);
            x = 14.0;
        }
        x = canvas.example(x, hue, look, name);
    }
}
