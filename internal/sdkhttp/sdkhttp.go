// Package sdkhttp is the HTTP client for the AWS SDK. It exists for one defect of the SDK's transport layer (smithy-go
// v1.28): after an answer the SDK closes the request's body while net/http may still be about to ask it for more, the closed
// body answers that with an error, and net/http then closes the connection and with it an answer that is still being read.
// A server that answers within microseconds, as a simulator does, meets it daily. It imports the standard library only.
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

// Client returns a client over base whose requests carry their own copy of the body, so that closing the SDK's does nothing to
// a request under way. Bodies of the calls that are made here are a few kilobytes at most.
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
