// Package wire serves simulated services over HTTP in AWS's own protocols: query and EC2 query with XML answers, JSON
// 1.1, RPC v2 CBOR, REST with XML, and objects of S3. It maps requests to the SDK's input types and outputs to answers
// by reflection, checks that calls are signed, and holds no service's behaviour. It may import the standard library,
// smithy-go, the SDK's types of S3, awssim/apierr and awssim/gate.
package wire

//go:generate go run ./internal/names

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/k8s-lbc/lbc/awssim/apierr"
	"github.com/k8s-lbc/lbc/awssim/gate"
)

// maxBody is the longest accepted request, in bytes; AWS's own query endpoints stop at about this size.
const maxBody = 1 << 20

// Options are a server's settings.
type Options struct {
	// Region is what calls to regional services must be signed for; "" accepts any.
	Region string
	// Services are the functions that are served, of the form func(ctx, *ActionInput, ...func(*Options)) (*ActionOutput,
	// error), by signing name and action. The names are elasticloadbalancing, ec2, sts, acm, tagging, wafv2, shield,
	// globalaccelerator, route53, s3 and iam.
	Services map[string]map[string]any
	// NewRequestID makes the ids of answers.
	NewRequestID func() string
	// Authenticate checks an access key id and its session token ("" if none); nil accepts every key.
	Authenticate func(accessKey, token string) Verdict
	// Secret is the secret of an access key that Authenticate accepts, and whether it is known; without it signatures are
	// not verified, with it calls of keys without a known secret are refused.
	Secret func(accessKey string) (string, bool)
	// Now is the service's time, for verification and the Date header of answers; nil is the machine's.
	Now func() time.Time
	// CheckTime reports whether the time of signatures counts even when they are not verified; nil: it does not.
	CheckTime func() bool
	// Refused gets calls that no handler saw: unsigned, malformed or unknown ones; nil drops them.
	Refused func(ctx context.Context, service, action string, err *apierr.Error)
	// Logf gets what goes wrong inside the simulator; nil drops it.
	Logf func(format string, args ...any)
}

// Server is the HTTP face of the services. It is an http.Handler for "/".
type Server struct {
	options    Options
	operations map[string]map[string]operation // by service and action
}

// New makes a server. It fails if the package does not have a service, or cannot serve a method.
func New(o Options) (*Server, error) {
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Refused == nil {
		o.Refused = func(context.Context, string, string, *apierr.Error) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewRequestID == nil {
		o.NewRequestID = gate.New(gate.Options{Keep: 1}).NewRequestID
	}
	s := &Server{options: o, operations: map[string]map[string]operation{}}
	for name, actions := range o.Services {
		d := serviceNamed(name)
		if d == nil {
			return nil, fmt.Errorf("wire: no protocol is known for service %q", name)
		}
		operations, err := operationsOf(actions)
		if err != nil {
			return nil, fmt.Errorf("wire: service %s: %w", name, err)
		}
		for action := range operations {
			if d.actions != nil && !d.actions[action] {
				return nil, fmt.Errorf("wire: service %s: the wire names of %s are not known: run go generate ./awssim/wire",
					name, action)
			}
		}
		s.operations[name] = operations
	}
	return s, nil
}

// Actions are the names of the actions served for a service.
func (s *Server) Actions(service string) []string {
	var names []string
	for action := range s.operations[service] {
		names = append(names, action)
	}
	return names
}

// request is one HTTP request, read.
type request struct {
	*http.Request
	body []byte
	form url.Values // of the URL and, for a form, of the body
}

// ServeHTTP answers one AWS call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := s.options.NewRequestID()
	d, out, action, err := s.call(r, id)
	if dropped(err) {
		drop(w)
		return
	}
	w.Header().Set("X-Amzn-Requestid", id)
	if s.checksTime() { // clients set their clocks by it when their signatures are too old
		w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	}
	if d.protocol == d.cbor { // clients must not believe an answer without the header
		w.Header().Set(protocolHeader, cborProtocol)
	}
	var contentType string
	var body []byte
	if err == nil {
		if contentType, body, err = d.protocol.encode(action, out, id); err != nil {
			s.options.Logf("wire: encode the answer to %s %s: %v", d.name, action, err)
		}
	}
	if err != nil {
		e := answerable(err)
		contentType, body = d.protocol.fail(e, id)
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(e.Status)
		s.write(w, body)
		return
	}
	w.Header().Set("Content-Type", contentType)
	if h, ok := d.protocol.(headed); ok {
		status, headers := h.head(action, out)
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
	}
	s.write(w, body)
}

func (s *Server) write(w http.ResponseWriter, body []byte) {
	if _, err := w.Write(body); err != nil {
		s.options.Logf("wire: the caller did not take the answer: %v", err)
	}
}

// call finds the service, checks the signature, decodes and runs one call. The service is never nil.
func (s *Server) call(r *http.Request, id string) (d *service, out reflect.Value, action string, err error) {
	req, err := read(r)
	signed := scopeOf(req)
	d = serviceOf(req, signed)
	caller := signed.accessKey
	if action, _ = d.protocol.action(req); unsigned[d.name+":"+action] {
		caller = ""
	}
	ctx := gate.WithRequestID(gate.WithCaller(gate.WithEndpoint(r.Context(), endpoint(r)), caller), id)
	ctx = gate.WithSize(gate.WithRegion(ctx, signed.region), len(req.body))
	defer func() {
		if p := recover(); p != nil {
			s.options.Logf("wire: %s %s panicked: %v\n%s", d.name, action, p, debug.Stack())
			err = internal()
		}
	}()
	var op operation
	var in reflect.Value
	if err == nil {
		op, in, err = s.understand(req, d, signed)
	}
	if err != nil {
		s.options.Refused(ctx, d.name, action, answerable(err))
		return d, out, action, err
	}
	out, err = op.call(ctx, in)
	if err != nil && answerable(err).Code == "InternalFailure" && !dropped(err) {
		s.options.Logf("wire: %s %s: %v", d.name, action, err)
	}
	return d, out, action, err
}

// endpoint is the server's URL as the caller has it.
func endpoint(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// understand checks the signature and finds the action and its input.
func (s *Server) understand(req *request, d *service, signed scope) (op operation, in reflect.Value, err error) {
	if !served(d) && signed.service != "" {
		return op, in, apierr.New(d.protocol.unknownAction("").Code, "the simulator does not have the service %q",
			signed.service)
	}
	if d.prefix == "" && d.name != storage && req.Method != http.MethodPost && req.Method != http.MethodGet {
		return op, in, apierr.WithStatus(http.StatusMethodNotAllowed, "InvalidMethod", "use POST, not %s", req.Method)
	}
	action, err := d.protocol.action(req)
	if err != nil {
		return op, in, err
	}
	if !unsigned[d.name+":"+action] {
		if problem := s.authenticate(req, signed, d); problem != noProblem {
			return op, in, d.protocol.refusal(problem)
		}
	}
	op, ok := s.operations[d.name][action]
	if !ok {
		return op, in, d.protocol.unknownAction(action)
	}
	in = reflect.New(op.input)
	return op, in, d.protocol.decode(req, in.Elem())
}

func read(r *http.Request) (*request, error) {
	req := &request{Request: r, form: url.Values{}}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return req, apierr.New("IncompleteBody", "the body of the request could not be read")
	}
	if len(body) > maxBody {
		return req, apierr.WithStatus(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"the request is longer than %d bytes", maxBody)
	}
	req.body = body
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return req, apierr.New("MalformedQueryString", "the query string contains a syntax error")
	}
	req.form = query
	if r.Header.Get("X-Amz-Target") == "" && !documented(r) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return req, apierr.New("MalformedQueryString", "the body is not a form")
		}
		for k, v := range form {
			req.form[k] = v
		}
	}
	return req, nil
}

// documented reports whether the body is a document, of a REST service or in CBOR, rather than a form. Some clients
// name no type for it.
func documented(r *http.Request) bool {
	rest := func(s *service) bool { return s.prefix != "" && strings.HasPrefix(r.URL.Path, s.prefix+"/") }
	return speaksCBOR(r) || strings.HasSuffix(r.Header.Get("Content-Type"), "/xml") || signedFor(r, storage) ||
		slices.ContainsFunc(services, rest)
}

// signedFor reports whether the Authorization header of a request has a service in its scope.
func signedFor(r *http.Request, service string) bool {
	return strings.Contains(r.Header.Get("Authorization"), "/"+service+"/aws4_request")
}

// answerable is the error as AWS puts it on the wire; what is no AWS error is the simulator's own failure.
func answerable(err error) *apierr.Error {
	if e := apierr.As(err); e != nil {
		if e.Status == 0 {
			e = apierr.WithStatus(http.StatusBadRequest, e.Code, "%s", e.Message)
		}
		return e
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return apierr.New(api.ErrorCode(), "%s", api.ErrorMessage())
	}
	return internal()
}

func internal() *apierr.Error {
	return apierr.WithStatus(http.StatusInternalServerError, "InternalFailure",
		"The request processing has failed because of an unknown error, exception or failure.")
}

func dropped(err error) bool { return errors.Is(err, gate.ErrDropped) }

// drop cuts the connection without an answer; a TCP connection is reset, as when a peer vanishes.
func drop(w http.ResponseWriter) {
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // net/http's way to end a connection that cannot be taken over
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}
