// Package sdkhttp is an HTTP client for the AWS SDK that avoids a defect of the SDK's transport (smithy-go v1.28):
// after a response the SDK closes the request's body while net/http may still read it. The read then fails, and
// net/http closes the connection while the response is being read. Servers that respond within microseconds, such as a
// simulator, cause it often. It imports the standard library only.
package sdkhttp

import (
	"bytes"
	"io"
	"net/http"
)

// Doer is the part of an HTTP client that the SDK uses.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Client returns a client over base that sends a copy of each body, so that closing the SDK's body does not affect the
// request. The bodies have a few kilobytes at most.
func Client(base Doer) Doer { return client{base} }

type client struct{ base Doer }

func (c client) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return c.base.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	own.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return c.base.Do(own)
}
