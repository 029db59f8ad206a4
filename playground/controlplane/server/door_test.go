package server

import (
	"io"
	"net"
	"testing"
	"time"
)

// greet serves connections with a text after each byte that they send.
func greet(l net.Listener, text string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for b := make([]byte, 1); ; {
				if _, err := c.Read(b); err != nil {
					return
				}
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
			}
		}()
	}
}

// caller is a connection to a door.
type caller struct {
	*testing.T
	net.Conn
}

func dial(t *testing.T, d *door) caller {
	t.Helper()
	c, err := net.Dial("tcp", d.socket.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return caller{t, c}
}

func (c caller) ask() { _, _ = c.Write([]byte{'?'}) }

// hear is what the server says within a time; empty: nothing.
func (c caller) hear(within time.Duration) (string, error) {
	c.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		c.Fatal(err)
	}
	b := make([]byte, 1)
	n, err := c.Read(b)
	return string(b[:n]), err
}

func openDoor(t *testing.T) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := newDoor(l)
	t.Cleanup(d.close)
	return d
}

func TestConnectionsStandStillWhileTheDoorIsHeldAndGoOnAfterwards(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	go greet(d.serve(), "a")
	c := dial(t, d)
	c.ask()
	if got, err := c.hear(time.Minute); got != "a" {
		t.Fatalf("%q, %v", got, err)
	}
	if !d.hold() || d.hold() {
		t.Error("a door is held once")
	}
	late := dial(t, d)
	for _, c := range []caller{c, late} {
		c.ask()
		if got, _ := c.hear(50 * time.Millisecond); got != "" {
			t.Errorf("while it is held, it answers %q", got)
		}
	}
	if !d.letGo() || d.letGo() {
		t.Error("a door is let go once")
	}
	for _, c := range []caller{c, late} {
		if got, err := c.hear(time.Minute); got != "a" {
			t.Errorf("afterwards it answers %q, %v", got, err)
		}
	}
}

func TestTheNextServerTakesThePortOfTheFormerOne(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	first := d.serve()
	go greet(first, "a")
	c := dial(t, d)
	c.ask()
	if got, err := c.hear(time.Minute); got != "a" {
		t.Fatalf("%q, %v", got, err)
	}
	_ = first.Close()
	if got, err := dial(t, d).hear(time.Minute); got != "" || err == nil {
		t.Errorf("without a server it answers %q, %v", got, err)
	}
	d.hold()
	d.cut() // also those that are held
	if got, err := c.hear(time.Minute); got != "" || err == nil {
		t.Errorf("a connection that was cut answers %q, %v", got, err)
	}
	d.letGo()
	go greet(d.serve(), "b")
	next := dial(t, d)
	next.ask()
	if got, err := next.hear(time.Minute); got != "b" {
		t.Errorf("the next server answers %q, %v", got, err)
	}
}
