package awsclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"

	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// networkKinds are the reasons why a request gets no answer, most specific first. Their texts contain nothing that
// differs between attempts, such as ports and addresses, because findings are distinguished by their texts. %s is the
// host.
var networkKinds = []struct {
	is    func(error) bool
	cause NoAnswer
	text  string
}{
	{proxyUnreached, NoConnection, "the egress proxy in front of %s cannot be reached"},
	{is[*net.DNSError], NoConnection, "the name %s cannot be resolved"},
	{is[x509.UnknownAuthorityError], NoConnection, "the certificate of %s is signed by an authority that is not trusted"},
	{is[x509.HostnameError], NoConnection, "the certificate of %s is for another name"},
	{is[x509.CertificateInvalidError], NoConnection, "the certificate of %s is not valid"},
	{is[*tls.CertificateVerificationError], NoConnection, "the certificate of %s is not trusted"},
	{is[tls.RecordHeaderError], NoConnection, "%s does not speak TLS"},
	{is[tls.AlertError], NoConnection, "%s refuses the TLS handshake"},
	{isErr(syscall.ECONNREFUSED), NoConnection, "%s refuses connections"},
	{isErr(syscall.ENETUNREACH, syscall.EHOSTUNREACH), NoConnection, "there is no route to %s"},
	{timedOut, Timeout, "%s does not answer in time"},
	{isErr(syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF), NoConnection,
		"%s broke the connection before it answered"},
	{isErr(context.Canceled), Canceled, "the call to %s was canceled"},
}

// proxyUnreached reports whether the connection failed before the proxy of HTTPS_PROXY.
func proxyUnreached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "proxyconnect"
}

func is[T error](err error) bool {
	var as T
	return errors.As(err, &as)
}

func isErr(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(e error) bool { return errors.Is(err, e) })
	}
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.As(err, &n) && n.Timeout()
}

// networkText says why AWS did not answer; cause is "" if AWS may have. A request that could not be sent is one without
// an answer, whatever the table has: a proxy may refuse the connection with any text.
func networkText(err error) (text string, cause NoAnswer) {
	host := "AWS"
	if u := (*url.Error)(nil); errors.As(err, &u) {
		if at, parseErr := url.Parse(u.URL); parseErr == nil && at.Hostname() != "" {
			host = at.Hostname()
		}
	}
	for _, k := range networkKinds {
		if k.is(err) {
			return strings.Replace(k.text, "%s", host, 1), k.cause
		}
	}
	if sent := (*smithyhttp.RequestSendError)(nil); errors.As(err, &sent) {
		cause := sent.Err
		if u := (*url.Error)(nil); errors.As(cause, &u) {
			cause = u.Err
		}
		return host + " cannot be reached: " + SteadyText(cause.Error()), NoConnection
	}
	return "", ""
}

// passing are the parts of an error's text that differ from one attempt to the next, times is the same for AWS's own
// messages: a signature that expired is reported with the time of the call.
var (
	passing = regexp.MustCompile(`,? ?RequestID: [^, ]*|:\d{4,5}\b`)
	times   = regexp.MustCompile(`\b\d{8}T\d{6}Z|\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
)

// SteadyText returns the text of an error of AWS or of the API server without request ids, ports and times, so that
// the same problem has the same text at each attempt.
func SteadyText(text string) string { return withoutTimes(passing.ReplaceAllString(text, "")) }

func withoutTimes(text string) string { return times.ReplaceAllString(text, "(time)") }
