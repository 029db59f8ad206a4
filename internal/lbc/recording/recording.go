// Package recording records the responses of AWS to reads in a file, and replays them without AWS and credentials: an
// equal request gets the recorded response. It wraps the HTTP client of the SDK, so that all services are covered in
// the same way. It records requests and responses without signatures and credentials.
package recording

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/k8s-lbc/lbc/internal/lib/sdkhttp"
)

// Format is the version of the file format.
const Format = 1

// Recording is the content of a file.
type Recording struct {
	Recording int        `json:"recording"` // Format
	Made      string     `json:"made"`      // RFC 3339
	Region    string     `json:"region"`
	VPC       string     `json:"vpc"`
	Cluster   string     `json:"cluster"`
	Exchanges []Exchange `json:"exchanges"`
}

// Exchange is a request and its response.
type Exchange struct {
	Question
	Status      int    `json:"status"`
	ContentType string `json:"contentType,omitempty"`
	ErrorType   string `json:"errorType,omitempty"` // header of JSON services
	Protocol    string `json:"protocol,omitempty"`  // header of services that speak CBOR
	Answer      body   `json:"answer"`
}

// Question identifies a request. The host is not part of it, since it differs by endpoint.
type Question struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Target string `json:"target,omitempty"` // header X-Amz-Target: service and operation
	Body   body   `json:"body,omitempty"`
}

// body is the body of a request or response. In a file, a body that is not text is a data URL.
type body string

const binaryPrefix = "data:application/octet-stream;base64,"

// MarshalText writes a body for a file.
func (b body) MarshalText() ([]byte, error) {
	if utf8.ValidString(string(b)) && !strings.HasPrefix(string(b), binaryPrefix) {
		return []byte(b), nil
	}
	return []byte(binaryPrefix + base64.StdEncoding.EncodeToString([]byte(b))), nil
}

// UnmarshalText reads a body of a file.
func (b *body) UnmarshalText(text []byte) error {
	encoded, binary := strings.CutPrefix(string(text), binaryPrefix)
	if !binary {
		*b = body(text)
		return nil
	}
	content, err := base64.StdEncoding.DecodeString(encoded)
	*b = body(content)
	return err
}

// Wrap wraps the HTTP client of the SDK.
type Wrap = func(sdkhttp.Doer) sdkhttp.Doer

// headers that belong to an exchange.
const (
	targetHeader    = "X-Amz-Target"
	errorTypeHeader = "X-Amzn-Errortype"
	protocolHeader  = "Smithy-Protocol"
)

// name is the operation, for errors.
func (q Question) name() string {
	if _, op, ok := strings.Cut(q.Target, "."); ok {
		return op
	}
	if _, op, ok := strings.Cut(q.Path, "/operation/"); ok {
		return op
	}
	if v, err := url.ParseQuery(string(q.Body)); err == nil && v.Get("Action") != "" {
		return v.Get("Action")
	}
	return q.Method + " " + q.Path
}

// question reads a request, whose body can be read again afterwards.
func question(r *http.Request) (Question, error) {
	q := Question{Method: r.Method, Path: r.URL.RequestURI(), Target: r.Header.Get(targetHeader)}
	if r.Body == nil || r.Body == http.NoBody {
		return q, nil
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return q, err
	}
	r.Body = io.NopCloser(bytes.NewReader(content))
	q.Body = body(content)
	return q, nil
}

// Is reports whether a file's content is a recording.
func Is(content []byte) bool {
	var head struct {
		Recording int `json:"recording"`
	}
	return json.Unmarshal(content, &head) == nil && head.Recording > 0
}

// Load reads a recording.
func Load(r io.Reader) (*Recording, error) {
	var out Recording
	if err := json.NewDecoder(r).Decode(&out); err != nil {
		return nil, fmt.Errorf("reading the recording: %w", err)
	}
	if out.Recording != Format {
		return nil, fmt.Errorf("the recording has format %d, this version reads %d; record again", out.Recording, Format)
	}
	return &out, nil
}

// Write writes a recording, exchanges in a fixed order.
func (r *Recording) Write(w io.Writer) error {
	slices.SortFunc(r.Exchanges, func(a, b Exchange) int {
		return cmp.Or(strings.Compare(a.Target+"\n"+a.Path, b.Target+"\n"+b.Path), cmp.Compare(a.Body, b.Body))
	})
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// Replay returns a Wrap that responds from the recording, without the network.
func (r *Recording) Replay(sdkhttp.Doer) sdkhttp.Doer {
	known := make(map[Question]Exchange, len(r.Exchanges))
	for _, e := range r.Exchanges {
		known[e.Question] = e
	}
	return replayer{known, r.Made}
}

type replayer struct {
	known map[Question]Exchange
	made  string
}

func (p replayer) Do(r *http.Request) (*http.Response, error) {
	q, err := question(r)
	if err != nil {
		return nil, err
	}
	e, ok := p.known[q]
	if !ok {
		return nil, fmt.Errorf("the recording of %s has no response to this %s request; record again, with the same "+
			"manifests and flags", p.made, q.name())
	}
	h := http.Header{"Content-Type": {e.ContentType}}
	if e.ErrorType != "" {
		h.Set(errorTypeHeader, e.ErrorType)
	}
	if e.Protocol != "" {
		h.Set(protocolHeader, e.Protocol)
	}
	return &http.Response{
		Status: http.StatusText(e.Status), StatusCode: e.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: h, Body: io.NopCloser(strings.NewReader(string(e.Answer))), ContentLength: int64(len(e.Answer)), Request: r,
	}, nil
}

// Recorder collects exchanges. It is safe for concurrent use.
type Recorder struct {
	mu  sync.Mutex
	all map[Question]Exchange
}

// NewRecorder makes an empty Recorder.
func NewRecorder() *Recorder { return &Recorder{all: map[Question]Exchange{}} }

// Wrap returns a Wrap that records exchanges. It skips responses that a retry may change: throttling, and server
// errors.
func (c *Recorder) Wrap(base sdkhttp.Doer) sdkhttp.Doer { return recorder{base, c} }

// Exchanges returns the exchanges recorded so far.
func (c *Recorder) Exchanges() []Exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Exchange, 0, len(c.all))
	for _, e := range c.all {
		out = append(out, e)
	}
	return out
}

type recorder struct {
	base sdkhttp.Doer
	into *Recorder
}

func (d recorder) Do(r *http.Request) (*http.Response, error) {
	q, err := question(r)
	if err != nil {
		return nil, err
	}
	res, err := d.base.Do(r)
	if err != nil {
		return res, err
	}
	answer, err := io.ReadAll(res.Body)
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	throttled := bytes.Contains(answer, []byte("Throttling")) || bytes.Contains(answer, []byte("RequestLimitExceeded"))
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode != http.StatusOK &&
		throttled {
		return res, nil
	}
	d.into.mu.Lock()
	defer d.into.mu.Unlock()
	d.into.all[q] = Exchange{q, res.StatusCode, res.Header.Get("Content-Type"), res.Header.Get(errorTypeHeader),
		res.Header.Get(protocolHeader), body(answer)}
	return res, nil
}
