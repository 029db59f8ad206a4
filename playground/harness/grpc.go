package harness

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
)

// CallResponse is what came of a gRPC call, read to its end.
type CallResponse struct {
	Status int    // of HTTP
	Code   string // grpc-status, of the trailers or, without a message, of the headers; "0" is success
	Body   string // the messages as they came; those of stand-ins have the pod's name in them
}

// Call makes a gRPC call with an empty message. target is https, names the load balancer, and has the service and
// method as its path; host is the authority and the server name asked for in TLS. headers are "name: value".
func (c *Cluster) Call(ctx context.Context, target, host string, headers ...string) (CallResponse, error) {
	const prefix = 5 // of a message: whether it is compressed, and its length
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(make([]byte, prefix)))
	if err != nil {
		return CallResponse{}, err
	}
	req.Host = host
	req.Header.Set("Content-Type", "application/grpc")
	req.Header.Set("Te", "trailers")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		req.Header.Add(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	transport := c.secureTransport(req.URL, host)
	transport.ForceAttemptHTTP2 = true
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: c.HTTP.Timeout}).Do(req)
	if err != nil {
		return CallResponse{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return CallResponse{}, err
	}
	code := resp.Trailer.Get("Grpc-Status")
	if code == "" {
		code = resp.Header.Get("Grpc-Status")
	}
	return CallResponse{Status: resp.StatusCode, Code: code, Body: string(body)}, nil
}
