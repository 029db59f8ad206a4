package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/protobuf/proto"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
)

// firstPause is the pause before a refused export is repeated; each further pause is twice as long.
const firstPause = 500 * time.Millisecond

// exporter sends spans by OTLP over HTTP. OpenTelemetry's own exporter is not used, because it links gRPC (decision
// 23). The SDK calls exporter in one goroutine, and drops spans while its queue is full.
type exporter struct {
	to      config.Traces
	client  *http.Client
	log     logr.Logger
	failing bool // the last export failed, and the failure was logged
}

func newExporter(o Options) (*exporter, error) {
	secured := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the authorities of the collector of traces (OTEL_EXPORTER_OTLP_CERTIFICATE): %w",
				err)
		}
		if secured.RootCAs = x509.NewCertPool(); !secured.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading the authorities of the collector of traces (OTEL_EXPORTER_OTLP_CERTIFICATE): %s "+
				"has no certificate", o.CAFile)
		}
	}
	if o.CertificateFile != "" {
		own := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { // read for each connection: it may be renewed
			c, err := tls.LoadX509KeyPair(o.CertificateFile, o.KeyFile)
			return &c, err
		}
		if _, err := own(nil); err != nil {
			return nil, fmt.Errorf("reading the certificate for the collector of traces "+
				"(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY): %w", err)
		}
		secured.GetClientCertificate = own
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secured, MaxIdleConns: 1,
		IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	return &exporter{to: o.Traces, client: &http.Client{Transport: transport}, log: o.Log}, nil
}

// ExportSpans implements sdktrace.SpanExporter. It logs the first of several failures in a row, and the first success
// after them. It returns no error: the SDK would print it outside the log.
func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.to.Timeout, fmt.Errorf("no answer within %s", e.to.Timeout))
	defer cancel()
	body, err := e.encode(spans)
	if err == nil {
		err = e.send(ctx, body)
	}
	switch {
	case err != nil && !e.failing:
		e.log.Info("traces are lost until the collector takes them; nothing else depends on it", "endpoint",
			Shown(e.to.Endpoint), "reason", err.Error(), "remedy", e.remedy())
	case err == nil && e.failing:
		e.log.Info("the collector takes traces again", "endpoint", Shown(e.to.Endpoint))
	}
	e.failing = err != nil
	return nil
}

// Shutdown implements sdktrace.SpanExporter.
func (e *exporter) Shutdown(context.Context) error {
	e.client.CloseIdleConnections()
	return nil
}

// Shown returns an endpoint without its password, for the log.
func Shown(endpoint string) string {
	if u, err := url.Parse(endpoint); err == nil {
		return u.Redacted()
	}
	return ""
}

// remedy says what to check. Port 4317 is gRPC's: its error for an HTTP request does not say why.
func (e *exporter) remedy() string {
	if u, err := url.Parse(e.to.Endpoint); err == nil && u.Port() == "4317" {
		return "4317 is usually the collector's port of gRPC: name that of HTTP, usually 4318"
	}
	return "check --otlp-traces-endpoint or OTEL_EXPORTER_OTLP_ENDPOINT, and that the collector has a receiver of " +
		"OTLP over HTTP"
}

func (e *exporter) encode(spans []sdktrace.ReadOnlySpan) ([]byte, error) {
	data, err := proto.Marshal(message(spans))
	if err != nil || !e.to.Gzip {
		return data, err
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err = w.Write(data)
	err = errors.Join(err, w.Close())
	return b.Bytes(), err
}

// errAgain marks a refusal after which OTLP clients try again.
var errAgain = errors.New("the collector is busy")

// send sends a message until the collector accepts it, refuses it for good, does not answer, or ctx ends.
func (e *exporter) send(ctx context.Context, body []byte) error {
	for pause := firstPause; ; pause *= 2 {
		after, err := e.post(ctx, body)
		if !errors.Is(err, errAgain) {
			return err
		}
		if sleep.For(ctx, max(pause, after)) != nil {
			return err
		}
	}
}

// post makes one request. after is the pause that the collector demands.
func (e *exporter) post(ctx context.Context, body []byte) (after time.Duration, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, e.to.Endpoint, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/x-protobuf")
	if e.to.Gzip {
		r.Header.Set("Content-Encoding", "gzip")
	}
	for k, v := range e.to.Headers {
		r.Header.Set(k, v)
	}
	resp, err := e.client.Do(r)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // without the address: the log names it, and it may have a password
			err = at.Err
		}
		return 0, err
	}
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 512)) // for the log
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	_ = resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return 0, nil
	}
	err = fmt.Errorf("answered %s %q", resp.Status, answer)
	if again := []int{http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout}; slices.Contains(again, resp.StatusCode) {
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return time.Duration(seconds) * time.Second, fmt.Errorf("%w: %w", errAgain, err)
	}
	return 0, err
}
