package awsclient

import (
	"context"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// behindProxy marks the process that calls AWS: net/http reads the variables of proxies once in the life of a process.
const behindProxy = "LBC_TEST_BEHIND_PROXY"

// proxy passes each CONNECT to one server, whatever its host, and notes the hosts.
type proxy struct {
	server string
	mu     sync.Mutex
	hosts  []string
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.hosts = append(p.hosts, r.Method+" "+r.Host)
	p.mu.Unlock()
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	var d net.Dialer
	to, err := d.DialContext(r.Context(), "tcp", p.server)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = to.Close() }()
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = from.Close() }()
	_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n") // after this the client begins with TLS
	go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
	_, _ = io.Copy(from, to)
}

// TestCallsPassAProxyWithAPrivateAuthority shows that HTTPS_PROXY, NO_PROXY and AWS_CA_BUNDLE hold for calls of AWS, as
// docs/tasks/install-others.md says. The proxy inspects TLS: its certificate is of an authority that only the bundle
// has.
func TestCallsPassAProxyWithAPrivateAuthority(t *testing.T) {
	if os.Getenv(behindProxy) != "" {
		describeThroughProxy(t)
		return
	}
	aws := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(
			w, `<DescribeVpcsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>1</requestId><vpcSet/></DescribeVpcsResponse>`)
	}))
	aws.Config.ErrorLog = log.New(io.Discard, "", 0) // a client refuses the certificate
	aws.StartTLS()
	defer aws.Close()
	p := &proxy{server: aws.Listener.Addr().String()}
	front := httptest.NewServer(p)
	defer front.Close()
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: aws.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	proxied := []string{"HTTPS_PROXY=" + front.URL, "AWS_CA_BUNDLE=" + bundle}
	for name, tc := range map[string]struct {
		env  []string
		want string // part of the output; "PASS" if the call is answered
	}{
		"proxy and authority":   {proxied, "PASS"},
		"without the authority": {proxied[:1], "certificate signed by unknown authority"},
		"excluded by NO_PROXY":  {append([]string{"NO_PROXY=.example.com"}, proxied...), "no such host"},
	} {
		out, _ := called(t, tc.env)
		if !strings.Contains(out, tc.want) {
			t.Errorf("%s: %s, want %q", name, out, tc.want)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, host := range p.hosts {
		if host != "CONNECT ec2.example.com:443" {
			t.Errorf("the proxy was asked for %s", host)
		}
	}
	if len(p.hosts) < 2 {
		t.Errorf("the proxy was asked for %v", p.hosts)
	}
}

// called runs this test in a process of its own with variables.
func called(t *testing.T, env []string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestCallsPassAProxyWithAPrivateAuthority$",
		"-test.v")
	cmd.Env = append([]string{behindProxy + "=1", "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b",
		"AWS_EC2_METADATA_DISABLED=true", "HOME=" + t.TempDir()}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func describeThroughProxy(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := Connect(ctx, ConnectOptions{Region: "us-west-2", VPC: "vpc-1", Version: "v0", Endpoints: map[string]string{
		"EC2": "https://ec2.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Clients(nil).EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{}); err != nil {
		t.Fatal(err)
	}
}
