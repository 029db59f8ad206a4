package awsclient

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// fenced sends writes over connections of its own, which check before each write of bytes whether the process may
// still write to AWS. The limiter checks before it signs a request. A process that is suspended after that, or while
// it connects, would otherwise send the request when it wakes up, however long another process has led.
type fenced struct{ reads, writes aws.HTTPClient }

// Do implements aws.HTTPClient.
func (f fenced) Do(r *http.Request) (*http.Response, error) {
	if operation := awsmiddleware.GetOperationName(r.Context()); operation == "" || IsRead(operation) {
		return f.reads.Do(r)
	}
	return f.writes.Do(r)
}

// fencedTransport returns t with connections that fail once mayWrite does.
func fencedTransport(t *awshttp.BuildableClient, mayWrite func() error) *awshttp.BuildableClient {
	return t.WithTransportOptions(func(t *http.Transport) {
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &fencedConn{Conn: c, mayWrite: mayWrite}, nil
		}
	})
}

// fencedConn returns the same error from both directions after a refused write, because the transport reports the
// error of the loop that ends first.
type fencedConn struct {
	net.Conn
	mayWrite func() error
	refused  atomic.Pointer[error]
}

// Write implements net.Conn.
func (c *fencedConn) Write(b []byte) (int, error) {
	if err := c.mayWrite(); err != nil {
		c.refused.Store(&err)
		return 0, err
	}
	return c.Conn.Write(b)
}

// Read implements net.Conn.
func (c *fencedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if refused := c.refused.Load(); err != nil && refused != nil {
		err = *refused
	}
	return n, err
}
