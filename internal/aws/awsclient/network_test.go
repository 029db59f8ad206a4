package awsclient

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/k8s-lbc/lbc/internal/model/diag"
)

// unanswered is an error of the SDK about a request that came to no answer.
func unanswered(cause error) error {
	return &smithy.OperationError{ServiceID: ServiceEC2, OperationName: "DescribeSubnets",
		Err: &smithyhttp.RequestSendError{
			Err: &url.Error{Op: "Post", URL: "https://ec2.us-west-2.amazonaws.com/", Err: cause},
		}}
}

func TestUnansweredRequestIsReportedByKind(t *testing.T) {
	t.Parallel()
	at := func(port int) (local, remote *net.TCPAddr) {
		return &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: port}, &net.TCPAddr{
			IP: net.IPv4(192, 0, 2, byte(port%250)), Port: 443}
	}
	const host = "ec2.us-west-2.amazonaws.com"
	for want, cause := range map[string]func(port int) error{
		host + " refuses connections": func(port int) error {
			_, remote := at(port)
			return &net.OpError{Op: "dial", Net: "tcp", Addr: remote, Err: syscall.ECONNREFUSED}
		},
		host + " broke the connection before it answered": func(port int) error {
			local, remote := at(port)
			return &net.OpError{Op: "read", Net: "tcp", Source: local, Addr: remote, Err: syscall.ECONNRESET}
		},
		host + " does not answer in time": func(port int) error {
			_, remote := at(port)
			return &net.OpError{Op: "dial", Net: "tcp", Addr: remote, Err: timeout{}}
		},
		"the name " + host + " cannot be resolved": func(port int) error {
			return &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: host,
				Server: fmt.Sprintf("10.0.0.2:%d", port)}}
		},
		host + " cannot be reached: Forbidden": func(int) error { return errors.New("Forbidden") }, // of a proxy
		"the egress proxy in front of " + host + " cannot be reached": func(port int) error {
			_, remote := at(port)
			return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: &net.OpError{Op: "dial", Net: "tcp", Addr: remote,
				Err: syscall.ECONNREFUSED}}
		},
		"there is no route to " + host: func(int) error { return &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH} },
		"the certificate of " + host + " is signed by an authority that is not trusted": func(int) error {
			return x509.UnknownAuthorityError{}
		},
	} {
		for _, port := range []int{40001, 40002} {
			d := Problem("DescribeSubnets", unanswered(cause(port)))
			if d.Text != want || d.Code != diag.AWSUnavailable {
				t.Errorf("%s: %q, want %q", d.Code, d.Text, want)
			}
			if Classify(unanswered(cause(port))).Unanswered == "" {
				t.Errorf("%s: counts as an answer", want)
			}
		}
	}
	if d := Problem("", unanswered(io.EOF)); !strings.Contains(d.Text, "broke the connection") {
		t.Errorf("text %q", d.Text)
	}
	if d := Problem("X", errors.New("read udp 10.0.0.1:54321: odd, RequestID: 7-8, why")); strings.Contains(d.Text,
		"54321") || strings.Contains(d.Text, "7-8") {
		t.Errorf("text %q", d.Text)
	}
}

// timeout is the error of a dial that took too long.
type timeout struct{}

func (timeout) Error() string   { return "i/o timeout" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

func TestAnEncodedRefusalIsLeftToTheLog(t *testing.T) {
	t.Parallel()
	d := Problem("CreateSecurityGroup", answered(403, "UnauthorizedOperation", "You are not authorized to perform this "+
		"operation. Encoded authorization failure message: AbC123"))
	if strings.Contains(d.Text, "AbC123") || !strings.Contains(d.Text, "not authorized to perform this operation") {
		t.Errorf("text %q", d.Text)
	}
}
