package awssim

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/internal/lib/sample"
)

// signature is what a stock client would send in the Authorization header.
func signature(region, service string) string {
	return "AWS4-HMAC-SHA256 Credential=AKIATEST/20260102/" + region + "/" + service +
		"/aws4_request, SignedHeaders=host;x-amz-date, Signature=0123"
}

// TestHostileRequestsGetAWSsErrorsAtABoundedCost sends what no client sends. Whatever it is, the answer is an error of
// AWS's, the account is whole, and memory is spent in proportion to the request.
func TestHostileRequestsGetAWSsErrorsAtABoundedCost(t *testing.T) {
	s, err := New(Options{Logf: func(format string, args ...any) { t.Errorf(format, args...) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const elbv2, compute, acm = "elasticloadbalancing", "ec2", "acm"
	const listACM = "CertificateManager.ListCertificates"
	const tagging, listTagged = "tagging", "/service/ResourceGroupsTaggingAPI_20170126/operation/GetResources"
	const serialization = "#SerializationException"
	megabyte := 1<<20 - 200
	for _, c := range []struct {
		name, auth, target, body string
		status                   int
		code                     string
	}{
		{"nothing", elbv2, "", "", 400, "MissingAction"},
		{"unsigned", "", "", "Action=DescribeLoadBalancers&Version=2015-12-01", 403, "MissingAuthenticationToken"},
		{"unknown action", elbv2, "", "Action=Explode&Version=2015-12-01", 400, "InvalidAction"},
		{"other version", elbv2, "", "Action=DescribeLoadBalancers&Version=1999-01-01", 400, "InvalidAction"},
		{"truncated escape", elbv2, "", "Action=DescribeLoadBalancers&Names.member.1=%4", 400, "MalformedQueryString"},
		{"truncated value", elbv2, "", "Action=DescribeLoadBalancers&PageSize=", 400, "MalformedInput"},
		{"index gap", elbv2, "", "Action=DescribeLoadBalancers&Names.member.999999999=x&Names.member.1=y", 400,
			"LoadBalancerNotFound"},
		{"index too large", elbv2, "", "Action=DescribeLoadBalancers&Names.member.99999999999999999999=x", 400,
			"MalformedInput"},
		{"negative index", elbv2, "", "Action=DescribeLoadBalancers&Names.member.-1=x", 400, "MalformedInput"},
		{"list as scalar", elbv2, "", "Action=DescribeLoadBalancers&Names=x", 400, "MalformedInput"},
		{"scalar as list", elbv2, "", "Action=DescribeTags&PageSize=1&ResourceArns.member.1.x=1", 400, "MalformedInput"},
		{"same key twice", elbv2, "", "Action=DescribeLoadBalancers&Names.member.1=x&Names.member.1=y", 400,
			"LoadBalancerNotFound"},
		{"zero bytes", elbv2, "", "Action=CreateTargetGroup&Name=%00&TargetType=lambda", 400, "ValidationError"},
		{"bad UTF-8", elbv2, "", "Action=CreateTargetGroup&Name=%ff%fe&TargetType=lambda", 400, "ValidationError"},
		{"huge name", elbv2, "", "Action=CreateTargetGroup&TargetType=lambda&Name=" + strings.Repeat("a", megabyte), 400,
			"ValidationError"},
		{"huge number", elbv2, "", "Action=DescribeLoadBalancers&PageSize=" + strings.Repeat("9", megabyte), 400,
			"MalformedInput"},
		{"huge body", elbv2, "", "Action=DescribeLoadBalancers&x=" + strings.Repeat("a", 2<<20), 413,
			"RequestEntityTooLarge"},
		{"deep name", elbv2, "", "Action=DescribeLoadBalancers&" + strings.Repeat("a.", megabyte/2) + "=1", 400,
			"MalformedInput"},
		{"deep name, EC2", compute, "", "Action=DescribeVpcs&Version=2016-11-15&" + strings.Repeat("a.", megabyte/2) + "=1",
			400, "InvalidParameterValue"},
		{"many names, EC2", compute, "", "Action=DescribeVpcs&Version=2016-11-15&" + manyParameters("p", 60_000), 400,
			"UnknownParameter"},
		{"too many names", compute, "", "Action=DescribeVpcs&Version=2016-11-15&" + manyParameters("p", megabyte), 400,
			"MalformedQueryString"},
		{"many items", elbv2, "", "Action=DescribeLoadBalancers&" + manyParameters("Names.member.", 150_000), 400,
			"ValidationError"},
		{"deep JSON", acm, listACM, strings.Repeat("[", megabyte), 400, "SerializationException"},
		{"deep JSON object", acm, listACM, strings.Repeat(`{"Includes":`, 50_000), 400, "SerializationException"},
		{"truncated JSON", acm, listACM, `{"Includes":{"keyTypes":["RSA`, 400, "SerializationException"},
		{"two JSON values", acm, listACM, `{} {}`, 400, "SerializationException"},
		{"other JSON type", acm, listACM, `[1]`, 400, "SerializationException"},
		{"JSON number beyond", acm, listACM, `{"MaxItems":1e999999}`, 400, "SerializationException"},
		{"unknown JSON action", acm, "CertificateManager.Explode", `{}`, 400, "UnknownOperationException"},
		{"deep CBOR", tagging, listTagged, strings.Repeat("\x81", megabyte), 400, serialization},
		{"deep CBOR without lengths", tagging, listTagged, strings.Repeat("\x9f", megabyte), 400, serialization},
		{"deep CBOR map", tagging, listTagged, strings.Repeat("\xa1`", megabyte/2), 400, serialization},
		{"deep CBOR tags", tagging, listTagged, strings.Repeat("\xc1", megabyte), 400, serialization},
		{"CBOR of 2⁶³ items", tagging, listTagged, "\x9b\x80\x00\x00\x00\x00\x00\x00\x00", 400, serialization},
		{"CBOR of 2⁴⁰ items", tagging, listTagged, "\x9b\x00\x00\x01\x00\x00\x00\x00\x00" +
			strings.Repeat("\x80", megabyte), 400, serialization},
		{"CBOR of 2⁶⁴ members", tagging, listTagged, "\xbb\xff\xff\xff\xff\xff\xff\xff\xff", 400, serialization},
		{"CBOR text of 2⁶³ bytes", tagging, listTagged, "\xa1\x7b\x7f\xff\xff\xff\xff\xff\xff\xffx", 400, serialization},
		{"many CBOR maps", tagging, listTagged, "\x9f" + strings.Repeat("\xa0", megabyte) + "\xff", 400, serialization},
		{"many CBOR members", tagging, listTagged, "\x9f" + strings.Repeat("\xa1`\xf6", megabyte/3) + "\xff", 400,
			serialization},
		{"many CBOR times", tagging, listTagged, "\x9f" + strings.Repeat("\xc1\x00", megabyte/2) + "\xff", 400,
			serialization},
		{"CBOR text in many parts", tagging, listTagged, "\xa1oPaginationToken\x7f" + strings.Repeat("ax", megabyte/2) +
			"\xff", 400, "#PaginationTokenExpiredException"},
		{"truncated CBOR", tagging, listTagged, "\xa1jTagFilters\x82\xa1cKey", 400, serialization},
		{"two CBOR items", tagging, listTagged, "\xa0\xa0", 400, serialization},
		{"other CBOR type", tagging, listTagged, "\x81\x01", 400, serialization},
		{"JSON as CBOR", tagging, listTagged, "{}", 400, serialization},
		{"unknown CBOR action", tagging, listTagged + "Slowly", "\xa0", 400, "#UnknownOperationException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(c.body))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if c.auth != "" {
				r.Header.Set("Authorization", signature(s.Account.Region, c.auth))
			}
			switch {
			case strings.HasPrefix(c.target, "/"):
				r.URL.Path = c.target
				r.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
				r.Header.Set("Content-Type", "application/cbor")
			case c.target != "":
				r.Header.Set("X-Amz-Target", c.target)
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.code) {
				t.Errorf("answer %d %.300s, want %d %s", w.Code, w.Body, c.status, c.code)
			}
			runtime.ReadMemStats(&after)
			if spent := int(after.TotalAlloc - before.TotalAlloc); spent > 8<<20+200*len(c.body) {
				t.Errorf("%d bytes of memory for a request of %d", spent, len(c.body))
			}
			s.Account.Lock()
			defer s.Account.Unlock()
			if faults := s.Account.Check(); len(faults) > 0 {
				t.Error(faults)
			}
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("Action=DescribeLoadBalancers"))
	r.Header.Set("Authorization", signature("mars-north-1", elbv2))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "SignatureDoesNotMatch") {
		t.Errorf("wrong region: %d %s", w.Code, w.Body)
	}
}

// manyParameters is parameters with numbered names, in all about size bytes.
func manyParameters(prefix string, size int) string {
	var b strings.Builder
	for i := 1; b.Len() < size-100; i++ {
		b.WriteString(prefix)
		b.WriteString(strconv.Itoa(i))
		b.WriteString("=x&")
	}
	return b.String()
}

// pipes is a listener whose connections are pipes of this process, which need no file descriptors.
type pipes struct {
	waiting chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func newPipes() *pipes { return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	mine, theirs := net.Pipe()
	select {
	case p.waiting <- theirs:
		return mine, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestTenThousandConnectionsAreServedAtOnce holds ten thousand connections open, half a request sent on each, and then
// lets all go on: each must be answered, and nothing may be created twice or lost.
func TestTenThousandConnectionsAreServedAtOnce(t *testing.T) {
	connections := sample.Count(500, 10_000)
	s, err := New(Options{Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	listener := newPipes()
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	body := "Action=CreateTargetGroup&Version=2015-12-01&TargetType=lambda&Name=same"
	head := "POST / HTTP/1.1\r\nHost: aws\r\nAuthorization: " + signature(s.Account.Region, "elasticloadbalancing") +
		"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n"
	open := make([]net.Conn, connections)
	for i := range open {
		c, err := listener.dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := io.WriteString(c, head); err != nil {
			t.Fatal(err)
		}
		open[i] = c
	}
	answers := make(chan string, connections)
	for _, c := range open {
		go func() {
			if _, err := io.WriteString(c, body); err != nil {
				answers <- err.Error()
				return
			}
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				answers <- err.Error()
				return
			}
			defer func() { _ = resp.Body.Close() }()
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(text), "<TargetGroupName>same<") {
				answers <- resp.Status + " " + string(text)
				return
			}
			answers <- ""
		}()
	}
	for range connections {
		if problem := <-answers; problem != "" {
			t.Fatal(problem)
		}
	}
	s.Account.Lock()
	defer s.Account.Unlock()
	if faults := s.Account.Check(); len(faults) > 0 || s.Account.TargetGroupNamed("same") == nil {
		t.Error(faults)
	}
}
