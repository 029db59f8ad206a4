package curl

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"sort"
	"strings"
	"time"
)

// ExitError is the failure of a transfer with the exit status that curl gives it.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return fmt.Sprintf("curl: (%d) %v", e.Code, e.Err) }

// Unwrap gives the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// Streams are where a transfer writes.
type Streams struct{ Out, Err io.Writer }

// Simulator is where the load balancers are.
type Simulator struct {
	Endpoints Endpoints
	CA        []byte // that signs its certificates, in PEM
}

// Run makes one request. An error is an *ExitError with curl's exit status.
func Run(ctx context.Context, s Simulator, o Options, target string, streams Streams) error {
	if !strings.Contains(target, "://") {
		target = "http://" + target
	}
	rules, err := o.redirections()
	if err != nil {
		return &ExitError{2, err}
	}
	transport, err := s.Endpoints.Transport(s.CA)
	if err != nil {
		return &ExitError{77, err}
	}
	defer transport.CloseIdleConnections()
	if err := configure(transport, o); err != nil {
		return err
	}
	t := &transfer{options: o, streams: streams, began: time.Now()}
	transport.DialContext = func(dialCtx context.Context, network, address string) (net.Conn, error) {
		// -v prints this request, not the one to the simulator for the address.
		quiet, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(dialCtx, cancel)()
		c, err := s.Endpoints.Dial(quiet, network, redirect(rules, address))
		if err == nil {
			t.remote = c.RemoteAddr().String()
		}
		return c, err
	}
	client := &http.Client{Transport: transport, Timeout: o.timeout()}
	if !o.Follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	req, err := request(t.traced(ctx), o, target)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		code := exitCode(err)
		if wrapped := new(url.Error); errors.As(err, &wrapped) { // without the URL, which the user gave
			err = wrapped.Err
		}
		return &ExitError{code, err}
	}
	defer resp.Body.Close()
	return t.finish(resp)
}

func configure(transport *http.Transport, o Options) error {
	transport.TLSClientConfig.InsecureSkipVerify = o.Insecure
	if o.CACert != "" {
		content, err := os.ReadFile(o.CACert)
		if err != nil {
			return &ExitError{77, err}
		}
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(content) {
			return &ExitError{77, fmt.Errorf("%s holds no certificate in PEM", o.CACert)}
		}
	}
	if o.HTTP11 {
		transport.ForceAttemptHTTP2 = false
		transport.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
	}
	return nil
}

func request(ctx context.Context, o Options, target string) (*http.Request, error) {
	var body io.Reader
	method := o.Method
	if len(o.Data) > 0 {
		var parts []string
		for _, d := range o.Data {
			if file, ok := strings.CutPrefix(d, "@"); ok {
				content, err := os.ReadFile(file)
				if err != nil {
					return nil, &ExitError{26, err}
				}
				d = string(content)
			}
			parts = append(parts, d)
		}
		body = strings.NewReader(strings.Join(parts, "&"))
		if method == "" {
			method = http.MethodPost
		}
	}
	if method == "" && o.Head {
		method = http.MethodHead
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, &ExitError{3, err}
	}
	req.Header.Set("User-Agent", o.UserAgent)
	req.Header.Set("Accept", "*/*")
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range o.Headers {
		name, value, ok := strings.Cut(h, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "":
			return nil, &ExitError{2, fmt.Errorf("header %q is not NAME: VALUE", h)}
		case strings.EqualFold(name, "Host"):
			req.Host = value
		default:
			req.Header.Set(name, value)
		}
	}
	return req, nil
}

// transfer is what is known of the request in progress.
type transfer struct {
	options Options
	streams Streams
	began   time.Time
	remote  string
}

// traced makes -v print connections and handshakes.
func (t *transfer) traced(ctx context.Context) context.Context {
	if !t.options.Verbose {
		return ctx
	}
	line := func(format string, args ...any) { fmt.Fprintf(t.streams.Err, format+"\n", args...) }
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) { line("* Connected to %s", i.Conn.RemoteAddr()) },
		TLSHandshakeDone: func(s tls.ConnectionState, err error) {
			if err != nil {
				line("* TLS handshake: %v", err)
				return
			}
			leaf := s.PeerCertificates[0]
			line("* %s, %s, ALPN %q", tls.VersionName(s.Version), tls.CipherSuiteName(s.CipherSuite), s.NegotiatedProtocol)
			line("* Server certificate: %s, for %s", leaf.Subject, strings.Join(leaf.DNSNames, " "))
		},
		WroteHeaderField: func(name string, values []string) { line("> %s: %s", name, strings.Join(values, ", ")) },
	})
}

func (t *transfer) finish(resp *http.Response) error {
	o := t.options
	if o.Verbose {
		writeHead(t.streams.Err, "< ", resp)
	}
	if o.Include || o.Head {
		writeHead(t.streams.Out, "", resp)
	}
	failed := o.Fail && resp.StatusCode >= 400
	if !failed {
		out := t.streams.Out
		if o.Output != "" {
			f, err := os.Create(o.Output)
			if err != nil {
				return &ExitError{23, err}
			}
			defer f.Close()
			out = f
		}
		if _, err := io.Copy(out, resp.Body); err != nil {
			return &ExitError{56, err}
		}
	}
	if o.WriteOut != "" {
		host, _, _ := net.SplitHostPort(t.remote)
		_, _ = io.WriteString(t.streams.Out, strings.NewReplacer(
			"%{http_code}", fmt.Sprint(resp.StatusCode), "%{response_code}", fmt.Sprint(resp.StatusCode), "%{remote_ip}", host,
			"%{time_total}", fmt.Sprintf("%.6f", time.Since(t.began).Seconds()), `\n`, "\n", `\t`, "\t",
		).Replace(o.WriteOut))
	}
	if failed {
		return &ExitError{22, fmt.Errorf("the answer is %s", resp.Status)}
	}
	return nil
}

func writeHead(w io.Writer, prefix string, resp *http.Response) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s %s\n", prefix, resp.Proto, resp.Status)
	names := make([]string, 0, len(resp.Header))
	for name := range resp.Header {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		for _, v := range resp.Header[name] {
			fmt.Fprintf(&b, "%s%s: %s\n", prefix, name, v)
		}
	}
	b.WriteString(prefix + "\n")
	_, _ = io.WriteString(w, b.String())
}

// exitCode is curl's number for what went wrong.
func exitCode(err error) int {
	var noHost *NoSuchHostError
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var netErr net.Error
	var op *net.OpError
	switch {
	case errors.As(err, &noHost), errors.As(err, &dns):
		return 6
	case errors.As(err, &unknown), errors.As(err, &hostname), errors.As(err, &invalid):
		return 60
	case errors.As(err, &netErr) && netErr.Timeout():
		return 28
	case errors.As(err, &op) && op.Op == "dial":
		return 7
	case errors.Is(err, io.EOF):
		return 52
	}
	return 56
}
