package server

import (
	"net"
	"sync"
	"sync/atomic"
)

// door is the socket of the API server. It stays open while the server is restarted, so that no other program gets its
// port: without a server it ends each connection at once. It can also hold all connections still, as they are while a
// server's process is suspended.
type door struct {
	socket net.Listener
	held   atomic.Pointer[chan struct{}] // closed when connections go on; nil: they are not held

	mu     sync.Mutex
	inside *inside // nil: there is no server
	conns  map[*doorConn]struct{}
}

func newDoor(socket net.Listener) *door {
	d := &door{socket: socket, conns: map[*doorConn]struct{}{}}
	go d.accept()
	return d
}

// accept hands connections to the server that there is, until the socket is closed.
func (d *door) accept() {
	for {
		c, err := d.socket.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		server := d.inside
		d.mu.Unlock()
		if server == nil {
			_ = c.Close()
			continue
		}
		select {
		case server.accepted <- d.admit(c):
		case <-server.closed:
			_ = c.Close()
		}
	}
}

func (d *door) admit(c net.Conn) net.Conn {
	admitted := &doorConn{Conn: c, door: d, closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.conns[admitted] = struct{}{}
	return admitted
}

// serve returns the listener of the next server, which takes the place of the former one.
func (d *door) serve() net.Listener {
	server := &inside{door: d, accepted: make(chan net.Conn), closed: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inside = server
	return server
}

// serves reports whether there is a server.
func (d *door) serves() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inside != nil
}

// hold has all connections stand still until letGo. It reports whether they did not already.
func (d *door) hold() bool {
	until := make(chan struct{})
	return d.held.CompareAndSwap(nil, &until)
}

// letGo ends hold, and reports whether there was one.
func (d *door) letGo() bool {
	until := d.held.Swap(nil)
	if until != nil {
		close(*until)
	}
	return until != nil
}

// cut ends all connections.
func (d *door) cut() {
	d.mu.Lock()
	var all []*doorConn
	for c := range d.conns {
		all = append(all, c)
	}
	d.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

func (d *door) close() { _ = d.socket.Close() }

// inside is the listener of one server.
type inside struct {
	door     *door
	accepted chan net.Conn
	once     sync.Once
	closed   chan struct{}
}

// Accept implements net.Listener.
func (i *inside) Accept() (net.Conn, error) {
	select {
	case c := <-i.accepted:
		return c, nil
	case <-i.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the socket stays open.
func (i *inside) Close() error {
	i.once.Do(func() {
		i.door.mu.Lock()
		defer i.door.mu.Unlock()
		if i.door.inside == i {
			i.door.inside = nil
		}
		close(i.closed)
	})
	return nil
}

// Addr implements net.Listener.
func (i *inside) Addr() net.Addr { return i.door.socket.Addr() }

// doorConn is a connection that is held with the others.
type doorConn struct {
	net.Conn
	door   *door
	once   sync.Once
	closed chan struct{}
}

// Read implements net.Conn. What arrives while connections are held is returned after that.
func (c *doorConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wait()
	return n, err
}

// Write implements net.Conn.
func (c *doorConn) Write(b []byte) (int, error) {
	c.wait()
	return c.Conn.Write(b)
}

func (c *doorConn) wait() {
	if until := c.door.held.Load(); until != nil {
		select {
		case <-*until:
		case <-c.closed:
		}
	}
}

// Close implements net.Conn.
func (c *doorConn) Close() error {
	c.once.Do(func() {
		close(c.closed)
		c.door.mu.Lock()
		defer c.door.mu.Unlock()
		delete(c.door.conns, c)
	})
	return c.Conn.Close()
}
